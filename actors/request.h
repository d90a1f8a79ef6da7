/* SPDX-License-Identifier: MIT */
/*
 * requests: a buffer of admitted messages on the way broker → shard. The broker has decoded the envelopes, checked
 * address, method and role, and copied what the turn needs; the shard reads. A buffer belongs to a fixed pool: it is
 * filled by the broker, drained by one shard, and comes home with the batch in which its last message was handled.
 */
#ifndef DORAN_ACTORS_REQUEST_H
#define DORAN_ACTORS_REQUEST_H

#include "actors/stream.h"

#define REQUESTS_BYTES (2 * ENVELOPE_BYTES_MAX)

typedef enum request_type {
    REQUEST_CALL,    /* a client's: ends in exactly one answer */
    REQUEST_TELL,    /* a client's that wants to hear of failure only; the same */
    REQUEST_MESSAGE, /* of another actor, by a stream */
    REQUEST_ACK,     /* a stream of ours was consumed so far (kind and key are absent) */
    REQUEST_WORKED,  /* the result of work that an actor started; volatile */
    REQUEST_TIMER,   /* a durable timer is due; made by the shard itself */
} request_type_t;

typedef struct request {
    uint8_t type; /* request_type_t */
    uint8_t hops;
    uint8_t partition; /* of the actor; of an ACK: the one that sent the stream */
    bool has_session, has_handle, has_idempotency;
    /* Where the answer goes: the broker's index of the peer, and a number that is never used twice. */
    uint32_t peer;
    uint64_t peer_number;
    uint64_t id, lowest_unanswered;
    uint64_t received_us, deadline_us; /* monotonic clock */
    const kind_t *kind;
    const method_t *method;
    uint32_t roles; /* of the caller's key, or of the person whose handle it carries; ROLE_ACTOR for all but clients */
    uint8_t session[SESSION_BYTES];
    uint8_t handle[HANDLE_BYTES];
    uint8_t
        idempotency[IDEMPOTENCY_BYTES]; /* caller, kind and idempotency key, as a hash that only this folder makes */
    stream_ack_t stream;                /* MESSAGE: its stream and number; ACK */
    span_t key, subject, trace, chain, body; /* into the buffer's bytes; subject, trace and chain may be absent */
} request_t;

typedef struct requests {
    uint16_t shard;
    uint32_t count; /* of items */
    uint32_t next;  /* the shard's place in it */
    uint32_t bytes_used;
    uint8_t *bytes; /* REQUESTS_BYTES, touched only as far as used */
    request_t items[REQUESTS_PER_BATCH_MAX];
} requests_t;

size_t request_bytes(const request_t *request);
requests_t *requests_new(uint16_t shard);
void requests_destroy(requests_t **self_p);
void requests_reset(requests_t *self);
/* Room for one more message with this many bytes of key, trace and body? */
bool requests_has_room(const requests_t *self, size_t bytes);
/* Appends a copy of the request; its spans are copied into the buffer, of which they take request_bytes. CHECKs that
 * there is room. */
void requests_add(requests_t *self, const request_t *request);

#endif
