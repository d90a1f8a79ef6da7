/* SPDX-License-Identifier: MIT */
/*
 * A value's bucket is made of its highest bits: the position of the first one, which is the power of two, and the
 * HISTOGRAM_SUB_BITS behind it, which is the part of it.
 *
 *   value  0 0 0 1 b b b b b b x x x     shift = how many x;  bucket = shift * 64 + 1bbbbbb
 *
 * With shift 0 the first 128 values are their own buckets, and the next power of two goes on where they end.
 */
#include "schemas/histogram.h"

#include <assert.h>
#include <string.h>

#include "schemas/check.h"

#define VALUE_MAX ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)
static_assert(sizeof(histogram_t) < (32 << 10), "small enough to copy");

static uint32_t shift_of(uint64_t value) {
    uint32_t bits = value == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(value);
    return bits > HISTOGRAM_SUB_BITS + 1 ? bits - (HISTOGRAM_SUB_BITS + 1) : 0;
}

static uint32_t bucket_of(uint64_t value) {
    uint32_t shift = shift_of(value);
    return (shift << HISTOGRAM_SUB_BITS) + (uint32_t)(value >> shift);
}

/* The middle of the values that fall into a bucket. */
static uint64_t value_of(uint32_t bucket) {
    uint32_t shift = bucket >> HISTOGRAM_SUB_BITS;
    shift = shift > 0 ? shift - 1 : 0;
    uint64_t lowest = (uint64_t)(bucket - (shift << HISTOGRAM_SUB_BITS)) << shift;
    return lowest + (UINT64_C(1) << shift) / 2;
}

void histogram_record(histogram_t *self, uint64_t us) {
    self->buckets[bucket_of(us > VALUE_MAX ? VALUE_MAX : us)] += 1;
    self->count += 1;
    self->sum += us;
    self->max = us > self->max ? us : self->max;
}

uint64_t histogram_percentile(const histogram_t *self, double part) {
    CHECK(part >= 0 && part <= 1, "part %f", part);
    double exact = part * (double)self->count;
    uint64_t rank = (uint64_t)exact;
    rank += (double)rank < exact || rank == 0; /* rounded up, and at least the first */
    if (rank >= self->count) {
        return self->max;
    }
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += self->buckets[i];
        if (seen >= rank) {
            return value_of(i) < self->max ? value_of(i) : self->max;
        }
    }
    return self->max;
}

uint64_t histogram_up_to(const histogram_t *self, uint64_t us) {
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS && value_of(i) <= us; i++) {
        seen += self->buckets[i];
    }
    return seen;
}

double histogram_mean(const histogram_t *self) {
    return self->count == 0 ? 0 : (double)self->sum / (double)self->count;
}

void histogram_merge(histogram_t *self, const histogram_t *other) {
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        self->buckets[i] += other->buckets[i];
    }
    self->count += other->count;
    self->sum += other->sum;
    self->max = other->max > self->max ? other->max : self->max;
}

void histogram_reset(histogram_t *self) {
    memset(self, 0, sizeof *self);
}
