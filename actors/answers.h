/* SPDX-License-Identifier: MIT */
/*
 * answers: what makes a client's retry get the first answer (DESIGN §4, "For SDK clients"). A turn that wrote keeps its
 * answer in the partition, in the same batch, until the session says that it no longer waits for it, or has ended.
 *
 * Rows are keyed by session and request id, from 1; id 0 keeps the lowest unanswered id that rows were dropped for, so
 * that an id below it is never run, also after a restart. In memory stands a bounded table of (partition, session) with
 * what is known of the rows, read again from them when needed. Owned by a shard.
 *
 * The body of a row is a byte, type of the envelope | flags << 4, and the body of the answer. A single zero byte is the
 * answer "pending": the turn held, and a later one will put the answer there.
 */
#ifndef DORAN_ACTORS_ANSWERS_H
#define DORAN_ACTORS_ANSWERS_H

#include "actors/request.h"
#include "actors/writer.h"
#include "storage/view.h"

typedef struct answers answers_t;

typedef enum answers_verdict {
    ANSWERS_NEW,     /* run it */
    ANSWERS_KEPT,    /* it ran: here is its answer */
    ANSWERS_PENDING, /* it ran and held: the one to answer, when the answer comes */
    ANSWERS_STALE,   /* the client no longer waits for it: drop it */
    ANSWERS_FULL,    /* ANSWERS_PER_SESSION_MAX are kept, and an older request is unanswered: busy */
} answers_verdict_t;

/* view is borrowed for life. max: (partition, session) pairs in memory. */
answers_t *answers_new(const view_t *view, uint32_t max);
void answers_destroy(answers_t **self_p);

typedef struct answer {
    uint8_t type;  /* envelope_type_t; 0: pending */
    uint8_t flags; /* effect_flags: what the answer does to its peer, it does again with each retry */
    span_t body;   /* at most ENVELOPE_BYTES_MAX */
} answer_t;

#define ANSWER_PENDING ((answer_t){.body = {.ptr = (const uint8_t *)""}})

/* How an answer stands in a row, here and in idempotency.h. Write: returns the bytes, 1 more than the body has, that
   were written. Read: false, it is none. */
size_t answer_write(const answer_t *self, uint8_t *out);
MUST_USE bool answer_read(answer_t *self, span_t bytes);

/* What is to be done with this request, which has a session and an id of at least 1? KEPT: the answer, valid until the
   next write. May drop rows to make room. INTERNAL: nobody knows, since a row is damaged or cannot be read; not to be
   run. */
MUST_USE status_t answers_check(answers_t *self, writer_t *writer, const request_t *request, answers_verdict_t *verdict,
                                answer_t *kept);
/* Keeps the answer of the request that answers_check just found NEW, and drops what the session no longer waits for. */
void answers_keep(answers_t *self, writer_t *writer, const request_t *request, const answer_t *answer);
/* Puts the answer, which is not pending, in the place of the pending one of request `id` of the session: one record. If
   that is not there any more, since the client or its session moved on, or not pending, nothing happens. May be rolled
   back. INTERNAL: a row is damaged or cannot be read; nothing was written. */
MUST_USE status_t answers_settle(answers_t *self, writer_t *writer, uint8_t partition,
                                 const uint8_t session[SESSION_BYTES], uint64_t id, const answer_t *answer);
/* Deletes rows of the partition that belong to sessions issued before issued_ms, at most max and ANSWERS_TRIMMED_MAX.
   Returns how many. */
uint32_t answers_sweep(answers_t *self, writer_t *writer, uint8_t partition, uint64_t issued_ms, uint32_t max);

#endif
