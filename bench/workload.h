/* SPDX-License-Identifier: MIT */
/*
 * workload: what the clients do and how it is judged. A new one is a source that ends in one of these tables.
 */
#ifndef DORAN_BENCH_WORKLOAD_H
#define DORAN_BENCH_WORKLOAD_H

#include "bench/worker.h"

typedef struct workload {
    const char *name;
    /* Before the measured part; may make passes. False with the worker's problem set. NULL: nothing to do. */
    bool (*prepare)(worker_t *self);
    /* The measured part. */
    doran_code_t (*submit)(worker_t *self, slot_t *slot);
    void (*answered)(worker_t *self, const slot_t *slot, const doran_reply_t *reply);
    /* See pass_t. */
    bool (*pending)(worker_t *self, const slot_t *slot, const doran_reply_t *reply, doran_code_t *code);
    doran_code_t (*look)(worker_t *self, slot_t *slot);
    /* After it: adds to the worker's verdict. NULL: all was judged on the way. */
    bool (*judge)(worker_t *self);
    /* Frees the worker's state. NULL: it has none. */
    void (*clean)(worker_t *self);
    bool listens; /* to events until the end; the latency is what the workload records of them, not of the answers */
} workload_t;

extern const workload_t echo_workload, user_update_workload, order_workload, room_post_workload, fan_out_workload;

#endif
