/* SPDX-License-Identifier: MIT */
/*
 * work orders: what an actor wants to have done off its shard (actors/work.h), on its way broker → thread of its pool,
 * and with the result back. Made and freed by the broker's thread; whoever holds the pointer owns it.
 */
#ifndef DORAN_BROKER_WORK_ORDER_H
#define DORAN_BROKER_WORK_ORDER_H

#include "actors/work.h"
#include "schemas/envelope.h"

enum { WORK_ORDERS_MAX = 256 }; /* of a pool under way, until their results are in a shard's lane */
#define WORK_BYTES_MAX MIB(16)  /* of their envelopes */

typedef struct work_order {
    struct work_order *prev, *next; /* the broker's */
    work_pool_t pool;
    uint64_t ordered_us;
    uint32_t envelope_bytes;
    uint32_t result_bytes; /* 0: there is no result */
    uint8_t bytes[];       /* the envelope of EFFECT_WORK; behind it room for a result of VALUE_BYTES_MAX */
} work_order_t;

static inline work_order_t *work_order_new(work_pool_t pool, span_t envelope, uint64_t now_us) {
    /* Of the room for the result no more is touched than is used. */
    work_order_t *self = malloc(sizeof *self + envelope.len + VALUE_BYTES_MAX);
    CHECK(self != NULL, "out of memory");
    *self = (work_order_t){.pool = pool, .ordered_us = now_us, .envelope_bytes = (uint32_t)envelope.len};
    memcpy(self->bytes, envelope.ptr, envelope.len);
    return self;
}

static inline void work_order_destroy(work_order_t **self_p) {
    free(*self_p);
    *self_p = NULL;
}

static inline span_t work_order_envelope(const work_order_t *self) {
    return span_of(self->bytes, self->envelope_bytes);
}

static inline uint8_t *work_order_room(work_order_t *self) {
    return self->bytes + self->envelope_bytes;
}

static inline span_t work_order_result(const work_order_t *self) {
    return span_of(self->bytes + self->envelope_bytes, self->result_bytes);
}

#endif
