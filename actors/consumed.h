/* SPDX-License-Identifier: MIT */
/*
 * consumed: the receiving side of streams (DESIGN §4): how far each stream into this shard was consumed. The mark is
 * written in the batch of the turn that took the message; what was consumed, or failed, is told to the sender once a
 * batch. Messages come in order or not at all: one that came before is acknowledged again, one that comes too early is
 * not taken, and the sender begins again from the one that is missing. Owned by a shard.
 */
#ifndef DORAN_ACTORS_CONSUMED_H
#define DORAN_ACTORS_CONSUMED_H

#include "actors/stream.h"
#include "actors/writer.h"
#include "storage/view.h"

typedef struct consumed consumed_t;

typedef enum consumed_verdict {
    CONSUMED_NEXT,   /* run it */
    CONSUMED_BEFORE, /* it was; that is told again */
    CONSUMED_EARLY,  /* others come before it; that is told */
} consumed_verdict_t;

/* view is borrowed for life. max: streams in memory, but for those that something is to be told of. */
consumed_t *consumed_new(const view_t *view, uint32_t max);
void consumed_destroy(consumed_t **self_p);

/* INTERNAL: the mark is damaged or cannot be read; the message is not to be run. */
MUST_USE status_t consumed_check(consumed_t *self, const stream_t *stream, consumed_verdict_t *verdict);
/* The message that consumed_check just found NEXT is done: the mark moves. */
void consumed_advance(consumed_t *self, writer_t *writer, const stream_t *stream);
/* It failed: returns how often by now, since it came first to this process. */
uint32_t consumed_failed(consumed_t *self, const stream_t *stream);
/* It cannot be taken now, for a reason that is not its own (no room): the sender tries again. */
void consumed_postpone(consumed_t *self, const stream_t *stream);
/* How many acknowledgements wait to be told. */
uint32_t consumed_untold(const consumed_t *self);
/* Tells them: EFFECT_ACK, as many as the batch has room for. */
void consumed_tell(consumed_t *self, batch_t *batch);

#endif
