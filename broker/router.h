/* SPDX-License-Identifier: MIT */
/*
 * router: the thread around the broker, and the one ROUTER socket of the server.
 *
 *   tcp://…                 CURVE, ZAP domain "tcp": the key decides what a peer may do
 *   ipc://RUN/operator      no encryption; mode 0600 in a 0700 folder: who can open it is the owner of the data folder.
 *   ipc://RUN/gateway       The ZAP domain is the role, and the role is all that counts.
 *   ipc://RUN/service
 *
 * The thread takes frames from the socket and batches from the ring's pipe RING_TO_BROKER, both in handfuls, moves them
 * through the broker, hands full buffers to RING_TO_SHARD, and sends what is queued; it sleeps only when none of that
 * had work.
 *
 * libzmq aborts the process when a peer claims the routing id that the ROUTER is about to make for the next peer
 * without one. So: router_prepare seeds libzmq's generator, which it would not do itself; routing ids are never told to
 * anybody; only keys that we issued get in (zap.h), and only so often a second.
 *
 * All functions belong to the thread that started it.
 */
#ifndef DORAN_BROKER_ROUTER_H
#define DORAN_BROKER_ROUTER_H

#include "broker/broker.h"

#define LISTEN_MAX 8 /* tcp endpoints */
#define ENDPOINT_BYTES_MAX 256

typedef struct router router_t;

typedef struct router_options {
    broker_options_t broker;   /* its keys are taken */
    const char *run_dir;       /* for the ipc sockets; made if missing */
    const char *const *listen; /* tcp endpoints; port * or 0: a free one */
    size_t listen_count;
    const key_pair_t *server; /* copied */
} router_options_t;

/* Once, before any socket: CZMQ's context without its signal handlers, libzmq's random numbers seeded, as many files as
   the system allows. */
void router_prepare(void);

/* Returns when all endpoints are bound. INTERNAL with one sentence, and the keys destroyed, if one cannot be. ZAP must
   answer already. The pipes to shards and work threads may be bound before or after. */
MUST_USE status_t router_start(const router_options_t *options, router_t **router, char *error, size_t error_bytes);
/* Refuses new requests with `draining`, answers those in flight for at most 5 s, closes the socket and ends the thread.
   The pipes stay open, so that the ring can stop behind it. Call it once. */
void router_stop(router_t *self);
/* After router_stop and the end of the ring: frees everything. */
void router_destroy(router_t **self_p);

/* What was really bound, tcp first in the order of listen, then ipc; NULL behind the last. */
const char *router_endpoint(const router_t *self, size_t index);
/* Asks an actor as the server itself, with an operator's rights, and waits for the answer, half a minute at most: OK or
   what the error says. asked has kind, method, key and body. */
MUST_USE status_t router_ask(router_t *self, const request_t *asked);
/* A new allow-list (taken) for the rights of peers. */
void router_set_keys(router_t *self, keys_t *keys);

#endif
