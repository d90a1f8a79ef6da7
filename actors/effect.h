/* SPDX-License-Identifier: MIT */
/*
 * effect: what a shard's batch makes the broker do once the batch is durable. Effects stand back to back in
 * batch->effects, each a fixed header and an envelope; every request that a shard was given ends in exactly one
 * effect that finishes it, so that the broker's count of work in flight is exact.
 */
#ifndef DORAN_ACTORS_EFFECT_H
#define DORAN_ACTORS_EFFECT_H

#include "schemas/envelope.h"
#include "storage/batch.h"

typedef struct effect {
    uint32_t peer;
    uint32_t bytes; /* of the envelope that follows; 0: the request ends without an answer */
    uint64_t peer_number;
} effect_t;

/* Appends an effect with this envelope. CHECKs that it fits. */
void effect_add(batch_t *batch, uint32_t peer, uint64_t peer_number, const envelope_t *envelope);
/* Appends an effect without an answer. */
void effect_add_silent(batch_t *batch, uint32_t peer, uint64_t peer_number);
/* Appends bytes that are no envelope, for the broker itself: peer EFFECT_FIGURES carries the shard_stats_t of a probe.
 */
#define EFFECT_FIGURES UINT32_MAX
void effect_add_raw(batch_t *batch, uint32_t peer, span_t bytes);
/* Takes the first effect off `rest` (which starts as all effects of the batch); false at the end. */
bool effect_next(span_t *rest, effect_t *effect, span_t *envelope);

#endif
