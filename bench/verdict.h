/* SPDX-License-Identifier: MIT */
/*
 * verdict: how often the server broke a promise. All zero is what it should be.
 */
#ifndef DORAN_BENCH_VERDICT_H
#define DORAN_BENCH_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct verdict {
    uint64_t lost;      /* acknowledged, and not there */
    uint64_t doubled;   /* happened more often than it was asked for */
    uint64_t reordered; /* out of order, or the answer to another request */
    uint64_t gaps;      /* missing numbers in a room's log */
    uint64_t oversold;  /* more sold than there was */
} verdict_t;

static inline bool verdict_ok(const verdict_t *self) {
    return self->lost + self->doubled + self->reordered + self->gaps + self->oversold == 0;
}

static inline void verdict_add(verdict_t *self, const verdict_t *other) {
    self->lost += other->lost;
    self->doubled += other->doubled;
    self->reordered += other->reordered;
    self->gaps += other->gaps;
    self->oversold += other->oversold;
}

#endif
