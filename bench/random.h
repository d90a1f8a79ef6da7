/* SPDX-License-Identifier: MIT */
/*
 * random: which actor is next and when. splitmix64 (Steele, Lea, Flood 2014): fast, even, repeatable by its seed, and
 * nothing that a secret may be made of. One thread at a time.
 */
#ifndef DORAN_BENCH_RANDOM_H
#define DORAN_BENCH_RANDOM_H

#include <stdint.h>

typedef struct random_source {
    uint64_t state;
} random_source_t;

static inline uint64_t random_next(random_source_t *self) {
    uint64_t z = self->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Less than limit, by multiplication (Lemire 2019), without the last step that only matters for huge limits. */
static inline uint32_t random_below(random_source_t *self, uint32_t limit) {
    return (uint32_t)(((random_next(self) >> 32) * limit) >> 32);
}

/* More than 0, at most 1. */
static inline double random_unit(random_source_t *self) {
    return (double)((random_next(self) >> 11) + 1) * 0x1p-53;
}

#endif
