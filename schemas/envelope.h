/* SPDX-License-Identifier: MIT */
/*
 * envelope: what travels between peers (PROGRAMS, "Wire"). One ZeroMQ frame holds one or more envelopes back to back,
 * each the msgpack array
 *
 *   [1, type, id, session, lowest_unanswered, kind, key, method, timeout_ms, idempotency_key|nil, hops,
 *    stream|nil, handle|[subject, role]|nil, trace(bin 25)|nil, body(map)]
 *
 * A decoded envelope points into the frame. Any thread; allocates nothing.
 */
#ifndef DORAN_ENVELOPE_H
#define DORAN_ENVELOPE_H

#include "schemas/pack.h"
#include "schemas/tape.h"

typedef enum envelope_type {
    ENVELOPE_REQUEST = 1,
    ENVELOPE_REPLY = 2,
    ENVELOPE_ERROR = 3,
    ENVELOPE_EVENT = 4,
    ENVELOPE_PING = 5,
    ENVELOPE_PONG = 6,
    ENVELOPE_TELL = 7, /* a request whose success is not answered */
} envelope_type_t;

typedef struct envelope {
    uint8_t type; /* envelope_type_t */
    uint8_t hops;
    uint32_t timeout_ms; /* time left; 0: the server's default */
    uint64_t id;         /* of the request, rising within a session */
    uint64_t lowest_unanswered;
    span_t session;           /* SESSION_BYTES, or absent */
    span_t kind, key, method; /* may be empty in replies */
    span_t idempotency_key;   /* or absent */
    span_t stream;            /* raw msgpack array [from, to, number, chain], or absent: actors/stream.h */
    span_t handle;            /* HANDLE_BYTES, or absent */
    span_t subject, role;     /* both or neither; never together with handle */
    span_t trace;             /* TRACE_BYTES, or absent */
    span_t body;              /* raw msgpack map */
} envelope_t;

/* Bytes around the spans of an envelope, at most. */
#define ENVELOPE_OVERHEAD_BYTES 96

/* Decodes the first envelope of input, using tape for scratch; after success the tape still describes the envelope and
   envelope_body_token() is the index of its body. consumed: bytes taken.
   UNSUPPORTED_VERSION: version or type unknown. INVALID: not msgpack, or not of this shape. INVALID_ADDRESS: kind or
   key too long. TOO_LARGE: another text too long, or more values than the tape holds. After a failure self holds
   nothing but id and type, as far as they could be read, else 0; and if the bytes were a value at all, consumed is set,
   so that the envelopes behind it can still be read. Only shape and bounds are checked here; addresses and rights are
   the broker's. */
MUST_USE status_t envelope_decode(envelope_t *self, tape_t *tape, span_t input, size_t *consumed);
uint32_t envelope_body_token(const tape_t *tape);
/* Absent kind, key, method and role are written as empty texts, an absent body as an empty map. */
void envelope_encode(const envelope_t *self, pack_t *pack);

/* The body of an error (PROGRAMS): {code, text, retryable, retry_after_ms?}; detail, if given, replaces the table's
 * text. */
void envelope_pack_error(pack_t *pack, status_t status, const char *detail, uint32_t retry_after_ms);

#endif
