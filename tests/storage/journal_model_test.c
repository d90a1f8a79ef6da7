/* SPDX-License-Identifier: MIT */
/*
 * Random lives of a journal against a model that is a list of what was acknowledged. The process dies at any call, with
 * or without the power, syncs fail, starts die half way; after each start exactly what was acknowledged above the
 * store's position must be visited, in order, and of the append that was under way a beginning, in whole batches.
 *
 * DORAN_SEED repeats a life; DORAN_LIVES says how many (default 100).
 */
#include "storage/journal.h"

#include <time.h>

#include "storage/segments.h"
#include "tests/storage/disk.h"
#include "tests/storage/journal_fixture.h"

typedef struct entry {
    uint64_t number, hash, position;
} entry_t;

typedef struct life {
    fixture_t fixture;
    segments_t *segments;
    entry_t acknowledged[4096]; /* all, from the first */
    size_t acknowledged_count;
    entry_t pending[16]; /* of an append that failed: may be there or not */
    size_t pending_count;
    uint64_t number, opened_at;
    size_t opens, losses, failures; /* what happened, to see that something did */
    char violation[512];
} life_t;

static uint64_t chance(uint64_t below) {
    return disk_chance(below);
}

#define VIOLATION(self, ...) (snprintf((self)->violation, sizeof((self)->violation), __VA_ARGS__), false)

static bool same(const entry_t *expected, const seen_t *found) {
    return expected->number == found->number && expected->hash == found->hash &&
           (expected->position == 0 || expected->position == found->position);
}

/* Compares what was visited with the model; a beginning of what was pending becomes acknowledged. */
static bool check_seen(life_t *self) {
    const collected_t *seen = &self->fixture.seen;
    size_t first = 0, next = 0;
    while (first < self->acknowledged_count && self->acknowledged[first].position < self->fixture.applied) {
        first++;
    }
    for (; first < self->acknowledged_count; first++, next++) {
        if (next == seen->count || !same(&self->acknowledged[first], &seen->items[next])) {
            return VIOLATION(self, "batch %" PRIu64 " was acknowledged and is not there",
                             self->acknowledged[first].number);
        }
    }
    for (size_t i = 0; i < self->pending_count && next < seen->count; i++, next++) {
        if (!same(&self->pending[i], &seen->items[next])) {
            break;
        }
        self->acknowledged[self->acknowledged_count] = self->pending[i];
        self->acknowledged[self->acknowledged_count++].position = seen->items[next].position;
    }
    self->pending_count = 0;
    if (next < seen->count) {
        return VIOLATION(self, "batch %" PRIu64 " at %" PRIu64 " came from nowhere", seen->items[next].number,
                         seen->items[next].position);
    }
    return true;
}

static void die(life_t *self) {
    fixture_crash(&self->fixture);
    segments_destroy(&self->segments);
    disk.calls_left = disk.sync_fails_after = -1;
    if (chance(2) == 0) {
        disk_power_loss(self->fixture.dir);
        self->losses++;
    }
}

/* Starts until one start comes through, and a store that records what recovery gave it. */
static bool start(life_t *self) {
    for (;;) {
        self->opens++;
        bool troubled = chance(3) == 0;
        if (troubled && chance(2) == 0) {
            disk.calls_left = (long)chance(25);
        } else if (troubled) {
            disk.sync_fails_after = (long)chance(10);
        }
        status_t status = fixture_open(&self->fixture);
        bool died = disk.calls_left == 0 || (troubled && status != STATUS_OK);
        if (status != STATUS_OK && !died) {
            return VIOLATION(self, "no start: %s", self->fixture.error);
        }
        disk.calls_left = disk.sync_fails_after = -1;
        if (status == STATUS_OK && !check_seen(self)) {
            return false;
        }
        if (status == STATUS_OK && chance(8) != 0) {
            break;
        }
        die(self); /* before the store recorded anything */
    }
    self->opened_at = self->fixture.applied = journal_position(self->fixture.journal);
    self->fixture.generation = journal_generation(self->fixture.journal);
    status_t status = segments_open(self->fixture.dir, folder_id, SEGMENT, &self->segments, self->fixture.error,
                                    sizeof(self->fixture.error));
    return status == STATUS_OK ? true : VIOLATION(self, "segments_open: %s", self->fixture.error);
}

static bool append(life_t *self) {
    batch_t *batches[8];
    entry_t entries[8];
    size_t count = 0, wanted = 1 + chance(ARRAY_LENGTH(batches));
    uint64_t room = journal_room(self->fixture.journal);
    for (; count < wanted; count++) {
        size_t bytes = chance(20) == 0 ? chance(90000) : chance(3) == 0 ? chance(5000) : chance(400);
        batches[count] = batch_of(self->number + 1, bytes);
        entries[count] = (entry_t){.number = self->number + 1, .hash = hash_of(batches[count])};
        if (journal_batch_bytes(batches[count]) > room) {
            batch_destroy(&batches[count]);
            break;
        }
        room -= journal_batch_bytes(batches[count]);
        self->number++;
    }
    uint64_t position = journal_position(self->fixture.journal);
    status_t status = journal_append(self->fixture.journal, batches, count);
    for (size_t i = 0; i < count; i++) {
        entries[i].position = position;
        position += journal_batch_bytes(batches[i]);
        if (status == STATUS_OK) {
            self->acknowledged[self->acknowledged_count++] = entries[i];
        } else {
            self->pending[self->pending_count++] = entries[i];
        }
        batch_destroy(&batches[i]);
    }
    return status == STATUS_OK;
}

/* The applier: records how far it came, which is where any batch of this generation begins or the journal ends. */
static bool apply(life_t *self) {
    uint64_t lowest = self->fixture.applied > self->opened_at ? self->fixture.applied : self->opened_at;
    size_t first = self->acknowledged_count;
    while (first > 0 && self->acknowledged[first - 1].position >= lowest) {
        first--;
    }
    size_t chosen = first + chance(self->acknowledged_count - first + 1);
    self->fixture.applied = chosen == self->acknowledged_count ? journal_position(self->fixture.journal)
                                                               : self->acknowledged[chosen].position;
    return segments_release(self->segments, self->fixture.applied) == STATUS_OK;
}

static bool make_room(life_t *self) {
    while (journal_room(self->fixture.journal) < SEGMENT) {
        uint64_t from, bytes;
        int fd;
        if (segments_prepare(self->segments, &from, &bytes, &fd) != STATUS_OK) {
            return false;
        }
        journal_add_segment(self->fixture.journal, from, bytes, fd);
    }
    return true;
}

/* What the applier would read now must be what was acknowledged. */
static bool read_tail(life_t *self) {
    fixture_t *fixture = &self->fixture;
    fixture->seen.count = 0;
    status_t status = journal_read(fixture->dir, fixture->applied, journal_position(fixture->journal), collect,
                                   &fixture->seen, fixture->error, sizeof(fixture->error));
    return status == STATUS_OK ? check_seen(self) : VIOLATION(self, "journal_read: %s", fixture->error);
}

/* One step; false if the process died of it. */
static bool step(life_t *self) {
    if (chance(6) == 0) {
        disk.calls_left = (long)chance(6);
    } else if (chance(12) == 0) {
        disk.sync_fails_after = (long)chance(3);
    }
    switch (chance(8)) {
    case 0:
        return apply(self);
    case 1:
        return journal_close_header(self->fixture.journal) == STATUS_OK;
    case 2:
    case 3:
        return make_room(self);
    default:
        return append(self);
    }
}

static bool live(life_t *self, size_t steps) {
    if (!start(self)) {
        return false;
    }
    for (size_t i = 0; i < steps; i++) {
        bool alive = step(self);
        disk.calls_left = disk.sync_fails_after = -1;
        if (alive && chance(10) == 0 && !read_tail(self)) {
            return false;
        }
        if (alive && chance(10) != 0) {
            continue;
        }
        self->failures += !alive;
        die(self);
        if (!start(self)) {
            return false;
        }
    }
    return true;
}

static life_t life;

/* Lives once; false with life.violation. */
static bool live_once(uint64_t seed, bool lies) {
    disk.modelled = true;
    disk.lies = lies;
    disk.random = seed;
    life = (life_t){0};
    fixture_init(&life.fixture);
    bool well = live(&life, 60);
    segments_destroy(&life.segments);
    disk.calls_left = disk.sync_fails_after = -1;
    fixture_fini(&life.fixture);
    disk.rename_count = disk.log_count = 0;
    return well;
}

static uint64_t number_of(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

Test(journal_model, a_disk_that_lies_about_syncs_is_noticed) {
    size_t noticed = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        noticed += !live_once(seed, true);
    }
    cr_assert_geq(noticed, 15, "the model sees %zu of 20 lives lose what was acknowledged", noticed);
}

Test(journal_model, what_was_acknowledged_survives_every_crash) {
    uint64_t seed = number_of("DORAN_SEED", (uint64_t)time(NULL) << 16), lives = number_of("DORAN_LIVES", 100);
    fprintf(stderr, "journal_model: %" PRIu64 " lives from DORAN_SEED=%" PRIu64 "\n", lives, seed);
    size_t opens = 0, losses = 0, failures = 0;
    for (uint64_t i = 0; i < lives; i++) {
        bool well = live_once(seed + i, false);
        cr_assert(well, "DORAN_SEED=%" PRIu64 " DORAN_LIVES=1: %s", seed + i, life.violation);
        opens += life.opens;
        losses += life.losses;
        failures += life.failures;
    }
    fprintf(stderr, "journal_model: %zu starts, %zu deaths in a call, %zu power losses\n", opens, failures, losses);
    cr_assert(opens > lives && losses > lives / 2 && failures > lives / 2);
}
