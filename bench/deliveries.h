/* SPDX-License-Identifier: MIT */
/*
 * deliveries: what came to one listener of a room, and whether that can be true. seqs of entries and numbers of posts
 * have no gap and no repeat; and up to the closing, which the poster sends last, as many posts came as were
 * acknowledged, with the same sum of their names. Posts without an outcome may have come or not. Pure; for embedding.
 */
#ifndef DORAN_BENCH_DELIVERIES_H
#define DORAN_BENCH_DELIVERIES_H

#include "bench/verdict.h"

typedef struct deliveries {
    uint64_t seq, number; /* of the last that came */
    uint64_t base;        /* number before the first post */
    uint64_t sum;         /* of the names that came */
    bool closed;
    verdict_t verdict;
} deliveries_t;

typedef struct posts { /* what the poster knows */
    uint64_t sum;      /* of the names acknowledged */
    uint64_t acknowledged, unknown;
} posts_t;

/* Of sums of names: what is too little here is not made up for by what is too much there. */
uint64_t deliveries_scatter(uint64_t name);

/* Where the room stands when the listener begins. */
void deliveries_begin(deliveries_t *self, uint64_t seq, uint64_t number);
/* An entry came. False: it is to be passed over, as it came before, or after the closing. */
bool deliveries_entry(deliveries_t *self, uint64_t seq);
/* The entry is a post of this name. */
void deliveries_post(deliveries_t *self, uint64_t number, uint64_t name);
/* The entry is the closing. */
void deliveries_close(deliveries_t *self, uint64_t number, const posts_t *posts);

#endif
