/* SPDX-License-Identifier: MIT */
/*
 * schedule: when the requests of an open loop are to be sent: at random, independent of one another and of the answers,
 * as those of many users are (a Poisson process). A request that could not be sent in time is late, and its latency
 * counts from when it should have been: a server that stalls cannot hide it by slowing its own load ("coordinated
 * omission", Gil Tene). Pure; one thread at a time.
 */
#ifndef DORAN_BENCH_SCHEDULE_H
#define DORAN_BENCH_SCHEDULE_H

#include "bench/random.h"

typedef struct schedule {
    random_source_t random;
    double gap_us; /* between two requests, on average */
    double next_us;
} schedule_t;

/* rate: requests a second, > 0. */
void schedule_init(schedule_t *self, uint64_t seed, uint64_t begin_us, double rate);
/* When the next request is to be sent. */
static inline uint64_t schedule_next(const schedule_t *self) {
    return (uint64_t)self->next_us;
}
void schedule_advance(schedule_t *self);

#endif
