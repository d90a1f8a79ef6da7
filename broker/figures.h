/* SPDX-License-Identifier: MIT */
/*
 * figures: what the server says of itself when it is asked (`broker/self stat`).
 *
 * The broker does not know what the shards, the journal and the applier are doing, so it asks: one probe to each shard
 * (PIPE_PROBE), which puts its shard_stats_t into a batch as an effect; behind those batches the journal sends a
 * figures_t (PIPE_FIGURES) with its own and the applier's numbers. Whoever asked is answered when all have come. Those
 * who ask meanwhile wait for the next round, so that an answer is never older than its question.
 *
 * What is told over a time (rates, percentiles) is that of a window of STATS_WINDOW_US or more, which ended with the
 * round or less than that before it: so those who ask again and again see the same, and take nothing from one another.
 *
 * Owned by the broker; its thread only.
 */
#ifndef DORAN_BROKER_FIGURES_H
#define DORAN_BROKER_FIGURES_H

#include "actors/shard.h"
#include "schemas/records.h"
#include "storage/journal.h"

typedef struct figures { /* of PIPE_FIGURES */
    journal_stats_t journal;
    uint64_t sync_p99_us;                 /* since the round of figures before, as the next */
    uint64_t sync_applying_p99_us;        /* of those that began while the applier was at work */
    uint64_t applied, lag, bytes_pending; /* of the applier; bytes */
} figures_t;

#define STATS_WINDOW_US UINT64_C(500000)
/* Requests for figures that may wait. */
#define STATS_WAITING_MAX 64
/* An encoded stat_reply, at most. */
#define STAT_BYTES_MAX KIB(8)

typedef struct stat_asker {
    uint32_t peer;
    uint64_t peer_number;
    uint64_t id;
    bool has_session;
    uint8_t session[SESSION_BYTES];
} stat_asker_t;

typedef struct stats stats_t;

stats_t *stats_new(uint16_t shards, uint64_t now_us);
void stats_destroy(stats_t **self_p);
/* False: too many wait. */
bool stats_ask(stats_t *self, const stat_asker_t *asker);
/* How many wait. */
uint32_t stats_waiting(const stats_t *self);
/* Does somebody wait while no round is under way? Then it begins, and every shard must be sent a probe. */
bool stats_begin(stats_t *self);
void stats_shard(stats_t *self, const shard_stats_t *figures);
void stats_journal(stats_t *self, const figures_t *figures);
/* Has the round all its figures? Then it is over: those it answers are taken with stats_take. */
bool stats_complete(stats_t *self, uint64_t now_us);
bool stats_take(stats_t *self, stat_asker_t *asker);
/* Fills in shards, journal, applier and uptime of the last complete round, and adds the shards' refusals to `refused`.
 * The spans are valid until the next one is complete. */
void stats_fill(stats_t *self, stat_reply_t *reply);

#endif
