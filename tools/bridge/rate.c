/* SPDX-License-Identifier: MIT */
#include "tools/bridge/rate.h"

#include <stdlib.h>

#include <sodium.h>
#include <xxhash.h>

#include "schemas/check.h"

#define NS_PER_S 1000000000ull
#define WINDOW_NS (60 * NS_PER_S)

enum { SETS = 8192, WAYS = 8 };

typedef struct bucket {
    uint64_t client; /* hash */
    uint64_t full_ns;
} bucket_t;

struct rate {
    uint32_t per_minute;
    uint64_t each_ns; /* what one request costs */
    uint64_t seed;
    bucket_t buckets[SETS][WAYS];
};

rate_t *rate_new(uint32_t per_minute) {
    CHECK(per_minute > 0, "a rate of 0");
    rate_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->per_minute = per_minute;
    self->each_ns = WINDOW_NS / per_minute;
    randombytes_buf(&self->seed, sizeof self->seed);
    return self;
}

void rate_destroy(rate_t **self_p) {
    free(*self_p);
    *self_p = NULL;
}

static bucket_t *find(rate_t *self, span_t client) {
    uint64_t hash = XXH3_64bits_withSeed(client.ptr, client.len, self->seed);
    bucket_t *set = self->buckets[hash % SETS], *fullest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].client == hash) {
            return &set[i];
        }
        fullest = set[i].full_ns < fullest->full_ns ? &set[i] : fullest;
    }
    *fullest = (bucket_t){.client = hash};
    return fullest;
}

static uint32_t seconds(uint64_t ns) {
    return (uint32_t)((ns + NS_PER_S - 1) / NS_PER_S);
}

rate_answer_t rate_take(rate_t *self, span_t client, uint64_t now_ns) {
    bucket_t *bucket = find(self, client);
    uint64_t missing = (bucket->full_ns > now_ns ? bucket->full_ns - now_ns : 0) + self->each_ns;
    if (missing > WINDOW_NS) {
        return (rate_answer_t){.refused = true,
                               .quota = self->per_minute,
                               .full_s = seconds(missing - self->each_ns),
                               .retry_after_s = seconds(missing - WINDOW_NS)};
    }
    bucket->full_ns = now_ns + missing;
    return (rate_answer_t){.quota = self->per_minute,
                           .left =
                               self->each_ns > 0 ? (uint32_t)((WINDOW_NS - missing) / self->each_ns) : self->per_minute,
                           .full_s = seconds(missing)};
}
