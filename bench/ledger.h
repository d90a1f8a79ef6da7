/* SPDX-License-Identifier: MIT */
/*
 * ledger: what a server has said about counters that only we change, and whether that can be true.
 *
 * An actor's version grows by one with each update. So of an actor that stood at `base`, the updates acknowledged must
 * have the versions base + 1, base + 2, … each once, in the order in which they were sent, up to what it shows in the
 * end. Only updates whose outcome is unknown may fill versions that nobody was told.
 *
 *   base   acknowledged: #   unknown: 1           final
 *    7 │ 8# 9# 10. 11# │                           11     fine: 10 was the unknown one
 *    7 │ 8# 9# 10# 11# │                           10     lost: 11 was acknowledged
 *    7 │ 8# 9# 10. 11. 12# │                       12     doubled: two more than were asked for, one of them unknown
 *
 * Pure. One thread at a time.
 */
#ifndef DORAN_BENCH_LEDGER_H
#define DORAN_BENCH_LEDGER_H

#include "bench/verdict.h"

typedef struct ledger ledger_t;

ledger_t *ledger_new(uint32_t actors);
void ledger_destroy(ledger_t **self_p);

/* The version at which this actor stands before the first update. */
void ledger_begin(ledger_t *self, uint32_t actor, uint64_t base);
/* An update was answered with this version. sequence: rises with the order of sending. sent_once: it went out once, so
   it ran in that order. */
void ledger_acknowledge(ledger_t *self, uint32_t actor, uint64_t sequence, uint64_t version, bool sent_once);
/* An update may or may not have happened. */
void ledger_unknown(ledger_t *self, uint32_t actor);
/* Was anything said of it? */
bool ledger_touched(const ledger_t *self, uint32_t actor);
/* At the end, once per actor: the version that it shows; 0: it is not there. */
void ledger_final(ledger_t *self, uint32_t actor, uint64_t version);
/* At the end, instead: nobody looked, so what was acknowledged last is taken for the end. */
void ledger_unseen(ledger_t *self, uint32_t actor);

const verdict_t *ledger_verdict(const ledger_t *self);

#endif
