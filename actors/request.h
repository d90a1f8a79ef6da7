/* SPDX-License-Identifier: MIT */
/*
 * requests: a buffer of admitted messages on the way broker → shard. The broker has decoded the envelopes, checked
 * address, method and role, and copied what the turn needs; the shard reads. A buffer belongs to a fixed pool: it is
 * filled by the broker, drained by one shard, and comes home with the batch in which its last message was handled.
 */
#ifndef DORAN_ACTORS_REQUEST_H
#define DORAN_ACTORS_REQUEST_H

#include "schemas/limits.h"
#include "schemas/schema.h"

#define REQUESTS_BYTES (2 * ENVELOPE_BYTES_MAX)

typedef struct request {
    /* Where the answer goes: the broker's index of the peer, and a number that is never used twice. */
    uint32_t peer;
    uint64_t peer_number;
    uint64_t id, lowest_unanswered;
    uint64_t received_us, deadline_us; /* monotonic clock */
    const kind_t *kind;
    const method_t *method;
    uint32_t roles; /* of the caller's key */
    uint8_t type;   /* ENVELOPE_REQUEST or ENVELOPE_TELL */
    uint8_t hops;
    uint8_t partition;
    bool has_session;
    uint8_t session[SESSION_BYTES];
    span_t key, trace, body; /* into the buffer's bytes; trace may be absent */
} request_t;

typedef struct requests {
    uint16_t shard;
    uint32_t count; /* of items */
    uint32_t next;  /* the shard's place in it */
    uint32_t bytes_used;
    uint8_t *bytes; /* REQUESTS_BYTES, touched only as far as used */
    request_t items[REQUESTS_PER_BATCH_MAX];
} requests_t;

requests_t *requests_new(uint16_t shard);
void requests_destroy(requests_t **self_p);
void requests_reset(requests_t *self);
/* Room for one more message with this many bytes of key, trace and body? */
bool requests_has_room(const requests_t *self, size_t bytes);
/* Appends a copy of the request; its spans are copied into the buffer. CHECKs that there is room. */
void requests_add(requests_t *self, const request_t *request);

#endif
