/* SPDX-License-Identifier: MIT */
/*
 * idempotency: what makes everyone who asks with the same idempotency key get the first answer, whatever session or
 * bridge they come through (DESIGN §4, "For HTTP"). The answer of a turn that ran lies beside its actor, in the same
 * batch, until it expires. A turn that failed has changed nothing and leaves no row: the same key runs it anew.
 *
 *   p 'k' kind NUL key NUL hash (request->idempotency)  →  a cell whose body is (little endian)
 *
 *   +0  u64 when it expires, ms since 1970: from then on it is as if it were not there
 *   +8  keyed hash of method and body, but for secrets (16 bytes): what is asked again must be the same
 *   +24 the answer, as in answers.h; or "pending": the turn held, and a later one will put the answer there
 *
 * A request of a session has a row in answers.h, too, since the two end at different times: the session's when its
 * client has the answer, which is soon, but never before, however short idempotency_ms is; the key's when it expires.
 * And the session's alone tells a copy of a request that waits, which may then wait in its place.
 *
 * Rows are as many as requests with a key that ran within idempotency_ms, each about as large as its answer; nothing
 * else bounds them. Who may write, makes them as they make posts: no faster than they may ask, and until the disk is
 * full. A bound of each actor would let one caller refuse the keys of all others.
 *
 * Owned by a shard.
 */
#ifndef DORAN_ACTORS_IDEMPOTENCY_H
#define DORAN_ACTORS_IDEMPOTENCY_H

#include "actors/answers.h"
#include "actors/holds.h"

enum {
    IDEMPOTENCY_LOOKED_AT_MAX = 1000, /* rows, by one slice of the sweep */
    IDEMPOTENCY_SWEPT_MAX = 64,       /* of which are deleted */
};

typedef struct idempotency idempotency_t;

typedef enum idempotency_verdict {
    IDEMPOTENCY_NEW,      /* run it */
    IDEMPOTENCY_KEPT,     /* it ran: here is its answer */
    IDEMPOTENCY_PENDING,  /* it ran and held: in_progress */
    IDEMPOTENCY_MISMATCH, /* another request came with this key: idempotency_mismatch */
} idempotency_verdict_t;

/* view is borrowed for life. */
idempotency_t *idempotency_new(const view_t *view, const uint8_t hash_key[KEYED_HASH_BYTES]);
void idempotency_destroy(idempotency_t **self_p);

/* What is to be done with this request, which has an idempotency key? KEPT: the answer, valid until the next write.
   INTERNAL: nobody knows, since the row is damaged or cannot be read; not to be run. */
MUST_USE status_t idempotency_check(idempotency_t *self, const request_t *request, uint64_t now_ms,
                                    idempotency_verdict_t *verdict, answer_t *kept);
/* Keeps the answer of the request that idempotency_check just found NEW. */
void idempotency_keep(idempotency_t *self, writer_t *writer, const request_t *request, uint64_t expires_ms,
                      const answer_t *answer);
/* Puts the answer, which is not pending, in the place of the pending one that the actor of this request promised to the
   idempotency key of `hold`; of an error nothing is left: one record. If that has expired and is gone, or its key was
   used anew, nothing happens. May be rolled back. INTERNAL: the row is damaged or cannot be read; nothing was written.
 */
MUST_USE status_t idempotency_settle(idempotency_t *self, writer_t *writer, const request_t *request,
                                     const hold_t *hold, const answer_t *answer);
/* Deletes expired rows of the partition, a slice: it goes on where the slice before ended, if that was of the same
   partition. True: the partition is through. */
bool idempotency_sweep(idempotency_t *self, writer_t *writer, uint8_t partition, uint64_t now_ms);

/* The body of a row. False: it is none. */
typedef struct idempotency_row {
    uint64_t expires_ms;
    span_t asked; /* IDEMPOTENCY_BYTES: hash of method and body */
    answer_t answer;
} idempotency_row_t;
MUST_USE bool idempotency_row_read(idempotency_row_t *self, span_t body);

#endif
