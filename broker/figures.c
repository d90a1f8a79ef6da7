/* SPDX-License-Identifier: MIT */
/*
 * Askers stand in one queue; a round remembers how many of them it was begun for.
 *
 * What happened is told over a window that several rounds may share. Shards and journal begin their percentiles anew
 * with each round, so the open window keeps the highest that its rounds brought.
 */
#include "broker/figures.h"

#define PART_BYTES KIB(4) /* SHARDS_MAX shards of ten numbers fit */

typedef struct window {
    uint64_t us; /* how long it was */
    uint64_t handled[SHARDS_MAX], wait_p99_us[SHARDS_MAX];
    uint64_t sync_p99_us, sync_applying_p99_us;
} window_t;

struct stats {
    stat_asker_t askers[STATS_WAITING_MAX]; /* the first in_round wait for this round, or are being answered */
    uint32_t waiting, in_round, answered;
    uint16_t shards;
    bool under_way;
    uint32_t shards_told; /* bit by shard: came in this round */
    bool journal_told;
    shard_stats_t shard[SHARDS_MAX];
    window_t open, closed;
    uint64_t opened_us;
    uint64_t handled_before[SHARDS_MAX]; /* when it was opened */
    figures_t figures;
    uint64_t started_us, round_us; /* end of this round */
    uint8_t parts[3][PART_BYTES];  /* shards, journal, applier as msgpack */
};

stats_t *stats_new(uint16_t shards, uint64_t now_us) {
    CHECK(shards > 0 && shards <= SHARDS_MAX, "%u shards", shards);
    stats_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->shards = shards;
    self->started_us = self->round_us = self->opened_us = now_us;
    return self;
}

void stats_destroy(stats_t **self_p) {
    free(*self_p);
    *self_p = NULL;
}

bool stats_ask(stats_t *self, const stat_asker_t *asker) {
    if (self->waiting == STATS_WAITING_MAX) {
        return false;
    }
    self->askers[self->waiting++] = *asker;
    return true;
}

uint32_t stats_waiting(const stats_t *self) {
    return self->waiting;
}

bool stats_begin(stats_t *self) {
    if (self->under_way || self->waiting == 0) {
        return false;
    }
    self->under_way = true;
    self->shards_told = 0;
    self->journal_told = false;
    self->in_round = self->waiting;
    self->answered = 0;
    return true;
}

void stats_shard(stats_t *self, const shard_stats_t *figures) {
    CHECK(figures->id < self->shards, "shard %u of %u", figures->id, self->shards);
    self->shard[figures->id] = *figures;
    self->shards_told |= 1u << figures->id;
}

/* Figures that travelled before the last shard's are no answer to this round: later ones come behind them. */
void stats_journal(stats_t *self, const figures_t *figures) {
    self->figures = *figures;
    self->journal_told = self->shards_told == (1u << self->shards) - 1;
}

static void pack_number(pack_t *pack, const char *name, uint64_t value) {
    pack_cstring(pack, name);
    pack_u64(pack, value);
}

static span_t pack_shards(stats_t *self) {
    pack_t pack = pack_into(self->parts[0], PART_BYTES);
    const window_t *window = &self->closed;
    pack_array(&pack, self->shards);
    for (uint16_t i = 0; i < self->shards; i++) {
        const shard_stats_t *shard = &self->shard[i];
        double handled = (double)window->handled[i];
        pack_map(&pack, 10);
        pack_number(&pack, "id", shard->id);
        pack_number(&pack, "mailbox", shard->mailbox);
        pack_number(&pack, "resident", shard->resident);
        pack_number(&pack, "per_s", window->us > 0 ? (uint64_t)(handled * 1e6 / (double)window->us) : 0);
        pack_number(&pack, "wait_p99_us", window->wait_p99_us[i]);
        pack_number(&pack, "memtable_bytes", shard->memtable_bytes);
        pack_number(&pack, "outbox", shard->outbox);
        pack_number(&pack, "held", shard->held);
        pack_number(&pack, "dead_letters", shard->dead_letters);
        pack_number(&pack, "timer_lag_ms", shard->timer_lag_ms);
    }
    CHECK(pack_ok(&pack), "%u shards", self->shards);
    return pack_bytes(&pack);
}

static span_t pack_journal(stats_t *self) {
    pack_t pack = pack_into(self->parts[1], PART_BYTES);
    pack_map(&pack, 7);
    pack_number(&pack, "position", self->figures.journal.position);
    pack_number(&pack, "durable", self->figures.journal.synced_through);
    pack_number(&pack, "segments", self->figures.journal.segments);
    pack_number(&pack, "bytes", self->figures.journal.bytes);
    pack_number(&pack, "syncs", self->figures.journal.syncs);
    pack_number(&pack, "sync_p99_us", self->closed.sync_p99_us);
    pack_number(&pack, "sync_applying_p99_us", self->closed.sync_applying_p99_us);
    return pack_bytes(&pack);
}

static span_t pack_applier(stats_t *self) {
    pack_t pack = pack_into(self->parts[2], PART_BYTES);
    pack_map(&pack, 3);
    pack_number(&pack, "applied", self->figures.applied);
    pack_number(&pack, "lag", self->figures.lag);
    pack_number(&pack, "bytes_pending", self->figures.bytes_pending);
    return pack_bytes(&pack);
}

static void raise_to(uint64_t *highest, uint64_t value) {
    *highest = value > *highest ? value : *highest;
}

/* What the round brought goes to the open window. */
static void add_round(stats_t *self) {
    for (uint16_t i = 0; i < self->shards; i++) {
        self->open.handled[i] = self->shard[i].handled - self->handled_before[i];
        raise_to(&self->open.wait_p99_us[i], self->shard[i].wait_p99_us);
    }
    raise_to(&self->open.sync_p99_us, self->figures.sync_p99_us);
    raise_to(&self->open.sync_applying_p99_us, self->figures.sync_applying_p99_us);
}

static void close_window(stats_t *self) {
    self->closed = self->open;
    self->closed.us = self->round_us - self->opened_us;
    self->open = (window_t){0};
    self->opened_us = self->round_us;
    for (uint16_t i = 0; i < self->shards; i++) {
        self->handled_before[i] = self->shard[i].handled;
    }
}

bool stats_complete(stats_t *self, uint64_t now_us) {
    if (!self->under_way || !self->journal_told) {
        return false;
    }
    self->under_way = false;
    self->round_us = now_us;
    add_round(self);
    if (now_us >= self->opened_us + STATS_WINDOW_US) {
        close_window(self);
    }
    return true;
}

void stats_fill(stats_t *self, stat_reply_t *reply) {
    for (uint16_t i = 0; i < self->shards; i++) {
        reply->refused += self->shard[i].refused;
    }
    FIELD_SET(stat_reply, reply, uptime_s, (self->round_us - self->started_us) / 1000000);
    FIELD_SET(stat_reply, reply, shards, pack_shards(self));
    FIELD_SET(stat_reply, reply, journal, pack_journal(self));
    FIELD_SET(stat_reply, reply, applier, pack_applier(self));
}

bool stats_take(stats_t *self, stat_asker_t *asker) {
    if (self->answered < self->in_round) {
        *asker = self->askers[self->answered++];
        return true;
    }
    self->waiting -= self->in_round;
    memmove(self->askers, self->askers + self->in_round, self->waiting * sizeof self->askers[0]);
    self->in_round = self->answered = 0;
    return false;
}
