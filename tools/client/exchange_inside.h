/* SPDX-License-Identifier: MIT */
/*
 * What the three sources of the exchange share: exchange.c (when), exchange_send.c (out), exchange_take.c (in).
 */
#ifndef DORAN_CLIENT_EXCHANGE_INSIDE_H
#define DORAN_CLIENT_EXCHANGE_INSIDE_H

#include "tools/client/exchange.h"

enum {
    MS = 1000,                /* in µs */
    HEARTBEAT_US = 1000 * MS, /* if the server names none */
};

/* us, doubled so often, at most max. */
static inline uint64_t doubled(uint64_t us, uint32_t times, uint64_t max) {
    for (uint32_t i = 0; i < times && us < max; i++) {
        us *= 2;
    }
    return us < max ? us : max;
}

/* us ± a quarter, so that the clients of a server do not all come back at once. Up to an hour. */
uint64_t exchange_jittered(uint64_t us);

/* What is certain about a request that is given up: nothing if a copy may have run. */
doran_code_t exchange_outcome(const pending_t *pending);
/* Answers that were still hoped for on the old connection do not come any more. */
void exchange_forget_orphans(exchange_t *self);
/* Takes one frame. */
void exchange_take(exchange_t *self, span_t frame, uint64_t now_us);
/* Completes what was finished without an answer. */
void exchange_complete_finished(exchange_t *self);

#endif
