/* SPDX-License-Identifier: MIT */
/*
 * What a shard is made of, for the sources of it alone:
 *
 *   shard.c           its life, its batches, what is due without a message
 *   shard_call.c      messages of clients: each ends in one answer
 *   shard_deliver.c   messages of actors, timers, results of work: each ends in its effect, or in a dead letter
 *   shard_run.c       what both do: activate, decode, run the handler, commit or abort
 */
#ifndef DORAN_ACTORS_SHARD_INSIDE_H
#define DORAN_ACTORS_SHARD_INSIDE_H

#include "actors/activation.h"
#include "actors/answers.h"
#include "actors/cell.h"
#include "actors/consumed.h"
#include "actors/idempotency.h"
#include "actors/shard.h"
#include "actors/store_key.h"
#include "actors/turn_run.h"

struct shard {
    shard_options_t options;
    settings_t settings; /* of turns */
    memtable_t *memtable;
    view_t view;
    writer_t writer; /* its batch is the one being filled */
    turn_t turn;
    activations_t *activations;
    answers_t *answers;
    idempotency_t *idempotency;
    outbox_t *outbox; /* NULL until the first batch */
    consumed_t *consumed;
    timers_t *timers;
    holds_t *holds;
    dead_letters_t dead_letters;
    tape_t tape;
    problems_t problems;                          /* of the body that was decoded last */
    requests_t *queue[REQUEST_BATCHES_PER_SHARD]; /* a ring */
    uint32_t queue_first, queue_count;
    bool storage_full;
    uint64_t number; /* of the last batch that wrote */
    uint64_t handled, refused;
    uint32_t swept;           /* partition that is swept next */
    uint64_t now_us, unix_ms; /* of this step */
    uint64_t timers_held_us;  /* timers that are due wait until then for room */
    histogram_t wait;
};

static inline batch_t *shard_batch(shard_t *self) {
    return self->writer.batch;
}
/* Is the memtable full, or the disk? Then what writes is refused, or waits. */
static inline bool shard_full(const shard_t *self) {
    return self->storage_full || memtable_bytes(self->memtable) > self->options.memtable_bytes_max;
}
/* Room in the batch for one more turn, and reason to fill it? */
bool shard_batch_open(const shard_t *self);

/* Decodes the body into memory of the turn. INVALID with self->problems, TOO_LARGE, or no msgpack: INVALID without. */
MUST_USE status_t shard_decode(shard_t *self, const request_t *request, void **decoded);
/* The stored head record. body.ptr NULL: the actor never was. INTERNAL: it is damaged. */
MUST_USE status_t shard_read_head(const shard_t *self, span_t head_key, cell_t *cell);
/* Runs the turn of a message, which turn_begin has started, and commits it: its answers to others are given, its own
   is in the turn. After any other status nothing has changed; turn.detail or problems say more. */
MUST_USE status_t shard_run(shard_t *self, const request_t *request, span_t head_key);

/* A CALL or TELL. */
void shard_call(shard_t *self, const request_t *request);
/* An answer to a request. */
void shard_answer(shard_t *self, const request_t *request, const answer_t *answer);
void shard_answer_error(shard_t *self, const request_t *request, status_t status, const char *detail);
/* Answers deadline_exceeded to those who waited for a later turn for too long. */
void shard_end_waiting(shard_t *self);

/* Tells of what went wrong with the actor of a message. */
void shard_tell(const shard_t *self, const request_t *request, const char *what);

/* All other types of messages. */
void shard_deliver(shard_t *self, const request_t *request);
/* Fires what is due, some of it. */
void shard_fire_timers(shard_t *self);

#endif
