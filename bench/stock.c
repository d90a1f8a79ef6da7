/* SPDX-License-Identifier: MIT */
/* Entries must follow one another without a gap, and each must lead from the one before to what it says. */
#include "bench/stock.h"

void stock_entry(stock_t *self, const sku_entry_t *entry, bool ours, verdict_t *verdict) {
    uint64_t on_hand = self->on_hand + (uint64_t)entry->on_hand_delta;
    uint64_t reserved = self->reserved + (uint64_t)entry->reserved_delta;
    verdict->gaps += entry->seq != self->seq + 1;
    verdict->lost += on_hand != entry->on_hand || reserved != entry->reserved;
    verdict->oversold += entry->reserved > entry->on_hand;
    self->seq = entry->seq;
    self->on_hand = entry->on_hand;
    self->reserved = entry->reserved;
    self->reservations += ours && entry->cause == sku_cause_reserved;
}

void stock_end(const stock_t *self, verdict_t *verdict) {
    uint64_t most = self->acknowledged + self->others;
    if (self->reservations < self->acknowledged) {
        verdict->lost += self->acknowledged - self->reservations;
    }
    if (self->reservations > most) {
        verdict->doubled += self->reservations - most;
    }
}
