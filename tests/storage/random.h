/* SPDX-License-Identifier: MIT */
/*
 * random: the randomness of the model-based tests. Each run takes a new seed and prints it; DORAN_TEST_SEED repeats
 * one.
 */
#ifndef DORAN_TESTS_STORAGE_RANDOM_H
#define DORAN_TESTS_STORAGE_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct random_state {
    uint64_t word;
} random_state_t;

static inline random_state_t random_start(const char *test) {
    const char *given = getenv("DORAN_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed =
        given != NULL ? strtoull(given, NULL, 10) : (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    fprintf(stderr, "%s: DORAN_TEST_SEED=%" PRIu64 "\n", test, seed);
    return (random_state_t){.word = seed};
}

/* splitmix64 (Steele, Lea, Flood 2014): any seed is as good as any other. */
static inline uint64_t random_next(random_state_t *self) {
    uint64_t z = self->word += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline size_t random_below(random_state_t *self, size_t limit) {
    return (size_t)(random_next(self) % limit);
}

#endif
