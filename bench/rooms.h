/* SPDX-License-Identifier: MIT */
/*
 * rooms: posts into rooms, and clients who listen to them. Each worker posts into rooms of its own, so that every post
 * of a room goes through one session and its numbers are known (ledger.h); --subscribers of the workers listen to each
 * room, its owner first, each with a subscription on its own connection, so that the server sends every post that
 * often.
 *
 *   prepare   make the rooms that are missing; subscribe
 *   measured  post, at random; whoever listens checks what comes
 *   judge     close each room with a post that says what was posted, and wait until every listener has it
 *
 * What comes to a listener is judged by deliveries.h.
 */
#ifndef DORAN_BENCH_ROOMS_H
#define DORAN_BENCH_ROOMS_H

#include "bench/workload.h"

bool rooms_prepare(worker_t *self);
/* The same; the latency of deliveries is recorded, from when the post was to be sent. */
bool rooms_prepare_clocked(worker_t *self);
doran_code_t rooms_submit(worker_t *self, slot_t *slot);
void rooms_answered(worker_t *self, const slot_t *slot, const doran_reply_t *reply);
bool rooms_judge(worker_t *self);
void rooms_clean(worker_t *self);

#endif
