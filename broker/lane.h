/* SPDX-License-Identifier: MIT */
/*
 * lane: the request buffers of one shard, a fixed pool that goes round:
 *
 *   free ─► open, being filled ─► ready, full ─► taken by the shard ─► home with a batch ─► free
 *
 * A visible struct, for embedding in the broker; its thread only.
 */
#ifndef DORAN_BROKER_LANE_H
#define DORAN_BROKER_LANE_H

#include "actors/request.h"

/* Buffers that client requests leave to what goes on between actors, which nobody could tell to come again later. */
enum { LANE_RESERVED = 2 };
static_assert(LANE_RESERVED + 2 <= REQUEST_BATCHES_PER_SHARD, "clients have one buffer under way and one to fill");

typedef enum lane_user {
    LANE_CLIENT,
    LANE_RING, /* messages between actors, acks, results of work */
} lane_user_t;

typedef struct lane {
    requests_t *all[REQUEST_BATCHES_PER_SHARD];
    requests_t *free[REQUEST_BATCHES_PER_SHARD];
    requests_t *ready[REQUEST_BATCHES_PER_SHARD]; /* oldest first */
    requests_t *open;                             /* or NULL */
    uint32_t free_count, ready_count;
} lane_t;

void lane_init(lane_t *self, uint16_t shard);
/* Frees the buffers, wherever they are. */
void lane_fini(lane_t *self);
/* The buffer to add a request with this many bytes to, or NULL: all others are full or away, or reserved. All users
   share the open buffer, so that what comes first goes first. */
requests_t *lane_open(lane_t *self, size_t bytes, lane_user_t user);
/* The buffer that the shard should have now, or NULL. The open one only while another is free that is not reserved: so
   one always stays to be filled, and the slower the shard, the larger its batches. */
requests_t *lane_take(lane_t *self);
/* A buffer that was taken comes back. */
void lane_home(lane_t *self, requests_t *requests);
void lane_check(const lane_t *self);

#endif
