/* SPDX-License-Identifier: MIT */
/*
 * histogram: how long things took, in a fixed array: recording is two additions, and a percentile is off by less than
 * 1 % (HISTOGRAM_ERROR). Values are µs, from 0 to over an hour; what is longer counts as the longest, but max stays
 * exact.
 *
 * Below 128 each value has its own bucket; above, each power of two is cut into 64 equal ones, as in HdrHistogram
 * (Gil Tene):
 *
 *   0 1 2 … 127 | 128-129 130-131 … 254-255 | 256-259 260-263 … 508-511 | …
 *    1 wide       2 wide, 64 of them           4 wide, 64 of them
 *
 * A visible struct, for embedding: zeroed is empty, copying it is a snapshot. One thread at a time; allocates nothing.
 */
#ifndef DORAN_HISTOGRAM_H
#define DORAN_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 6,    /* 64 buckets to a power of two: 1/64 wide, so 1/128 off from the middle */
    HISTOGRAM_VALUE_BITS = 32, /* 2^32 µs are 71 minutes */
    HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};
#define HISTOGRAM_ERROR (1.0 / (2 << HISTOGRAM_SUB_BITS))

typedef struct histogram {
    uint64_t count, sum, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
} histogram_t;

void histogram_record(histogram_t *self, uint64_t us);
/* The value that this part of all values (0 to 1: 0.99 is p99) does not exceed; 0 if there are none. */
uint64_t histogram_percentile(const histogram_t *self, double part);
/* How many values are at most this, within HISTOGRAM_ERROR. */
uint64_t histogram_up_to(const histogram_t *self, uint64_t us);
double histogram_mean(const histogram_t *self);
/* Adds everything that is in other. */
void histogram_merge(histogram_t *self, const histogram_t *other);
void histogram_reset(histogram_t *self);

#endif
