/* SPDX-License-Identifier: MIT */
/*
 * work: what an actor has done off its shard: what takes longer than a turn may (hashing, reading many records), or
 * asks the world outside. It gets the struct of its input record and fills a pack with one map, the request body of the
 * method that takes the result. It runs on the thread of its pool, one after the other, may block and use the
 * processor, must not touch anything of the ring; what it knows of the state comes in its input or from the reader.
 * Input and result are nowhere stored or logged: what must never be written, a password, may be in them.
 */
#ifndef DORAN_ACTORS_WORK_H
#define DORAN_ACTORS_WORK_H

#include "schemas/schema.h"
#include "storage/store.h"

typedef struct work_place { /* what a work may use; borrowed for the call */
    store_reader_t *reader; /* not renewed yet; release it at the end, and at least every 2 s in between */
    const char *folder;     /* the data folder */
    const char *name;       /* of the work, for its log and files */
} work_place_t;

typedef enum work_pool {
    WORK_STEPS,     /* of jobs, each up to half a second or so: at idle priority, they get what all others leave */
    WORK_PASSWORDS, /* somebody waits: behind all that serves, but with a share of the processor of its own */
    WORK_POOLS,
} work_pool_t;

/* Result: packed into `result`, of at most VALUE_BYTES_MAX. Anything but OK: there is none, and nothing comes back. */
typedef status_t (*work_fn)(const work_place_t *place, const void *input, pack_t *result);

typedef struct work {
    const char *name;
    const record_t *input;
    work_fn run;
    work_pool_t pool;
    uint32_t wait_ms; /* an order that waited longer is not begun, since its guard has given it up; 0: it always is */
} work_t;

/* The works that there are, ended by NULL. */
extern const work_t *const works[];
/* NULL: none of this name. */
const work_t *work_find(span_t name);

#endif
