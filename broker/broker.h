/* SPDX-License-Identifier: MIT */
/*
 * broker: who may ask what, and where it goes (DESIGN §2): takes frames of peers apart, admits or refuses each request,
 * fills the buffers that shards take, and hands what comes out of the journal to the peers' queues.
 *
 *   frame → broker_admit → buffer of the shard → broker_take → shard → journal → broker_forward → queue → broker_flush
 *                                 ▲                                                 │
 *                                 └──────── messages between actors, acks ◄─────────┤
 *                                 └─ broker_worked ◄─ work threads ◄─ broker_take_work ◄┘
 *
 * It is a plain object without thread, socket or clock (router.h puts those around it). Decodes headers only, copies
 * bodies as bytes, touches no disk, allocates nothing per message. Owned by one thread.
 *
 * Every request gets an answer: its shard's, or an error from here. The only exceptions are counted in `dropped`: the
 * peer is gone, its queue is full, or what it sent was not an envelope of a peer there is room for.
 */
#ifndef DORAN_BROKER_BROKER_H
#define DORAN_BROKER_BROKER_H

#include "actors/request.h"
#include "broker/figures.h"
#include "broker/keys.h"
#include "broker/work_order.h"
#include "storage/batch.h"

typedef struct broker broker_t;

typedef struct broker_options {
    uint16_t shards;
    uint32_t peers_max;
    uint32_t in_flight_max;        /* requests, of all peers */
    uint32_t peer_in_flight_max;   /* of one peer */
    uint32_t message_bytes_max;    /* of one envelope; at most ENVELOPE_BYTES_MAX */
    uint32_t peer_queue_bytes_max; /* from half of it new requests are refused, from 3/4 answers become errors */
    uint32_t request_timeout_ms;   /* for requests that give none */
    uint32_t heartbeat_ms;         /* told to clients: ping this often */
    uint32_t peer_idle_ms;         /* a peer not seen for so long is forgotten */
    uint64_t session_ms;
    uint32_t handles_max, peer_handles_max;             /* of all peers, of one */
    uint32_t subscriptions_max, peer_subscriptions_max; /* the same */
    const kind_t *(*kind_of)(span_t name);              /* NULL: as in schema.h; else a test's own */
    uint8_t folder_secret[FOLDER_SECRET_BYTES];
    keys_t *keys; /* taken */
} broker_options_t;

broker_t *broker_new(const broker_options_t *options, uint64_t now_us);
/* Also frees the request buffers, wherever they are: shards and journal must have stopped. */
void broker_destroy(broker_t **self_p);

/* Takes in one frame of a peer. user_id is what ZAP vouched for. now_us is monotonic, unix_ms the wall clock. */
void broker_admit(broker_t *self, span_t routing_id, const char *user_id, span_t frame, uint64_t now_us,
                  uint64_t unix_ms);
/* The buffer of admitted requests that this shard should have now, or NULL (lane.h); ask until there is none. It comes
   back in some batch's `finished`. */
requests_t *broker_take(broker_t *self, uint16_t shard);

/* Hands on the effects of a durable batch and takes its finished request buffers back; the batch may then go home. */
void broker_forward(broker_t *self, const batch_t *batch, uint64_t now_us, uint64_t unix_ms);
/* The next order for the thread of its pool, or NULL; ask until there is none. Each one must come back: */
work_order_t *broker_take_work(broker_t *self);
/* with its result, or without one. It is taken. */
void broker_worked(broker_t *self, work_order_t *order, uint64_t now_us);
/* A request of the server itself, with an operator's rights: kind, method, key, body and deadline of this one. One at a
   time. Not OK: there is no room for it. */
MUST_USE status_t broker_ask(broker_t *self, const request_t *asked, uint64_t now_us);
/* Is it answered? With what, OK or the error; said once. */
bool broker_answered(broker_t *self, status_t *status);
/* Figures that were asked for; true once per round: send every shard a probe now. */
bool broker_probe(broker_t *self);
void broker_figures(broker_t *self, const figures_t *figures, uint64_t now_us);

typedef enum send_result { SEND_DONE, SEND_AGAIN, SEND_UNREACHABLE } send_result_t;
typedef send_result_t (*broker_send_fn)(void *context, span_t routing_id, span_t frame);
/* Sends what is queued, one frame a peer and round, until nothing is left or nobody takes more. Returns frames sent. */
uint32_t broker_flush(broker_t *self, broker_send_fn send, void *context, uint64_t now_us);
/* Peers with something queued. */
uint32_t broker_queued(const broker_t *self);
/* Requests admitted and not yet answered. A query counts once for each shard. */
uint32_t broker_in_flight(const broker_t *self);

/* To be called about every second, or more often: forgets idle peers, ends handles whose time has come. */
void broker_tick(broker_t *self, uint64_t now_us, uint64_t unix_ms);
/* A new allow-list (taken): rights of known peers follow it at once; who has none left loses handles and subscriptions.
 */
void broker_set_keys(broker_t *self, keys_t *keys);
/* While full, requests that may write are refused. */
void broker_set_storage_full(broker_t *self, bool full);
/* From now on all requests are refused with `draining`; what is in flight is still answered. */
void broker_drain(broker_t *self);
/* CHECKs the invariants; for tests. */
void broker_check(const broker_t *self);

#endif
