/* SPDX-License-Identifier: MIT */
/*
 * stock: what the ledger of a SKU says, and whether that can be true. Only what was told of since stock_begin is
 * judged. Each order of ours that was RESERVED has reserved once; one that was not, or of which nothing is known, at
 * most once.
 *
 * A plain struct for the caller's arrays. One thread at a time.
 */
#ifndef DORAN_BENCH_STOCK_H
#define DORAN_BENCH_STOCK_H

#include "bench/verdict.h"
#include "schemas/records.h"

typedef struct stock {
    uint64_t seq; /* of the last entry */
    uint64_t on_hand, reserved;
    uint64_t reservations; /* entries: orders of ours have reserved */
    uint64_t acknowledged; /* orders of ours that were RESERVED */
    uint64_t others;       /* orders of ours that were not, as far as is known */
} stock_t;

/* How it stands before: after its last entry. */
static inline stock_t stock_begin(uint64_t seq, uint64_t on_hand, uint64_t reserved) {
    return (stock_t){.seq = seq, .on_hand = on_hand, .reserved = reserved};
}
/* The next entry. ours: of an order of ours. */
void stock_entry(stock_t *self, const sku_entry_t *entry, bool ours, verdict_t *verdict);
/* After the last entry. */
void stock_end(const stock_t *self, verdict_t *verdict);

#endif
