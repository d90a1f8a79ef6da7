/* SPDX-License-Identifier: MIT */
/*
 * rate: how much each client may still ask for: a bucket that holds as many requests as are allowed in a minute, and is
 * filled again at that pace. The table has a fixed size; a client that finds no room takes the place of the one whose
 * bucket is fullest, which loses least by it.
 *
 * A bucket is one number: when it will be full again (GCRA, ITU-T I.371). One thread; allocates nothing once it is
 * made.
 */
#ifndef DORAN_BRIDGE_RATE_H
#define DORAN_BRIDGE_RATE_H

#include "schemas/span.h"

typedef struct rate rate_t;

typedef struct rate_answer {
    bool refused;
    uint32_t quota;         /* in a minute */
    uint32_t left;          /* of it now */
    uint32_t full_s;        /* until the bucket is full again */
    uint32_t retry_after_s; /* refused: until the next may come */
} rate_answer_t;

rate_t *rate_new(uint32_t per_minute);
void rate_destroy(rate_t **self_p);
/* One request of this client, at this time of a clock that never goes back. */
rate_answer_t rate_take(rate_t *self, span_t client, uint64_t now_ns);

#endif
