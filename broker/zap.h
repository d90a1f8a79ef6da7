/* SPDX-License-Identifier: MIT */
/*
 * zap: who may connect (ZeroMQ RFC 27). A thread that answers libzmq's question at each handshake from an allow-list in
 * memory:
 *
 *   CURVE            the client's key is in the list       200, User-Id = the Z85 key
 *   NULL             the domain is the name of a role      200, User-Id = "ipc:ROLE"   (the ipc endpoints; router.h)
 *   everything else                                        400
 *
 * A key, or ipc role, may make only so many handshakes a second, because each costs a quarter of a millisecond and
 * because of what many connections can do to libzmq (router.h); above that the answer is 300: the client tries again.
 * What is not ZAP is answered 500. The thread never touches the disk.
 *
 * Must be started before any socket is bound, one per process; used by the thread that started it.
 */
#ifndef DORAN_BROKER_ZAP_H
#define DORAN_BROKER_ZAP_H

#include "broker/keys.h"

typedef struct zap zap_t;

typedef struct zap_options {
    keys_t *keys; /* taken */
    uint32_t handshakes_per_key_per_s;
} zap_options_t;

typedef struct zap_counts { /* since the start */
    uint64_t accepted, refused;
} zap_counts_t;

/* Returns when the thread answers. INTERNAL with one sentence, if another one does already. */
MUST_USE status_t zap_start(const zap_options_t *options, zap_t **zap, char *error, size_t error_bytes);
void zap_stop(zap_t **self_p);
/* A new allow-list (taken), for all handshakes from now on. */
void zap_set_keys(zap_t *self, keys_t *keys);
zap_counts_t zap_counts(zap_t *self);

#endif
