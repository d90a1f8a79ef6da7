/* SPDX-License-Identifier: MIT */
/*
 * A round takes the journal's tail as it stands when the round begins:
 *
 *   applied ────── tail, read into a run ────── through │ newer batches: the next round's
 *
 *   run in the order of keys:  │ slice │ slice │ slice + position, generation, batch numbers │
 *
 * Each slice is one transaction. Crashed between two slices, the store has some newer records than its position says;
 * the tail, applied again, writes the same last values over them, so nothing is lost and nothing undone. A slice for
 * which there is no space is tried again from its first key.
 *
 * Recovery does the same with what journal_open visits, and it takes slices too: one transaction over the whole range
 * copies nearly every page of the store before it may use one again, which is four times slower and doubles the file.
 */
#include "storage/applier.h"

#include <inttypes.h>

#include "storage/run.h"

/* Also the end of a slice, so that records of 64 KiB do not make a transaction of a gigabyte. */
#define SLICE_BYTES_MAX MIB(32)
#define RECOVERY_SLICE_RECORDS 20000
/* A memtable entry takes less than so many times the bytes of its record in the journal. */
#define ENTRY_BYTES_PER_RECORD_BYTE 16

typedef struct round {
    run_t *run;                   /* what it writes; NULL: no round is under way */
    size_t next;                  /* place in it */
    uint64_t through, generation; /* where it ends */
    uint64_t batches[SHARDS_MAX]; /* highest batch number of each shard */
    char error[128];
} round_t;

struct applier {
    store_t *store;
    applier_options_t options; /* with a journal_dir of its own */
    uint64_t applied, synced_through, generation, memtable_bytes;
    bool hurry; /* the next round is due, whatever the bounds */
    round_t round;
    char error[256];
};

struct recovery {
    round_t round;
};

static status_t damaged(round_t *self, const journal_batch_t *batch, const char *what) {
    snprintf(self->error, sizeof(self->error), "the journal's batch at position %" PRIu64 " %s", batch->position, what);
    return STATUS_INTERNAL;
}

static status_t round_collect(round_t *self, const journal_batch_t *batch) {
    if (batch->shard >= SHARDS_MAX)
        return damaged(self, batch, "is of a shard that there cannot be");
    if (!run_add(self->run, batch->records))
        return damaged(self, batch, "has a damaged record");
    if (batch->number > self->batches[batch->shard])
        self->batches[batch->shard] = batch->number;
    return STATUS_OK;
}

typedef struct slice { /* of the run, for one transaction, from the round's next */
    size_t end;
    size_t records, bytes;
    bool last;
} slice_t;

static slice_t slice_of(const round_t *round, size_t records_max) {
    slice_t slice = {.end = round->next};
    while (slice.end < run_count(round->run) && slice.records < records_max && slice.bytes < SLICE_BYTES_MAX) {
        log_record_t record = run_at(round->run, slice.end++);
        slice.records += 1;
        slice.bytes += RECORD_HEADER_BYTES + record.key.len + record.value.len;
    }
    slice.last = slice.end == run_count(round->run);
    return slice;
}

static status_t slice_write(const slice_t *self, const round_t *round, store_t *store) {
    status_t status = STATUS_OK;
    for (size_t i = round->next; i < self->end && status == STATUS_OK; i++) {
        log_record_t record = run_at(round->run, i);
        status =
            record.value.ptr == NULL ? store_delete(store, record.key) : store_put(store, record.key, record.value);
    }
    return status;
}

/* In one transaction; the round moves on only when it is durable. */
static status_t slice_apply(const slice_t *self, round_t *round, store_t *store) {
    status_t status = store_begin(store);
    if (status == STATUS_OK)
        status = slice_write(self, round, store);
    if (status == STATUS_OK && self->last)
        status = store_set_meta(store, round->through, round->generation, round->batches);
    if (status == STATUS_OK)
        status = store_commit(store);
    if (status == STATUS_OK)
        round->next = self->end;
    return status;
}

applier_t *applier_new(store_t *store, const applier_options_t *options) {
    CHECK(options->slice_records > 0, "empty slices");
    applier_t *self = calloc(1, sizeof(*self));
    CHECK(self != NULL, "out of memory");
    self->store = store;
    self->options = *options;
    self->options.journal_dir = strdup(options->journal_dir);
    CHECK(self->options.journal_dir != NULL, "out of memory");
    store_meta_t meta = store_meta(store);
    self->applied = self->synced_through = meta.position;
    self->generation = meta.generation;
    return self;
}

void applier_destroy(applier_t **self_p) {
    applier_t *self = *self_p;
    if (self == NULL)
        return;
    run_destroy(&self->round.run);
    free((char *)self->options.journal_dir);
    free(self);
    *self_p = NULL;
}

void applier_told(applier_t *self, uint64_t synced_through, uint64_t generation, uint64_t memtable_bytes) {
    CHECK(synced_through >= self->synced_through, "%" PRIu64 " after %" PRIu64, synced_through, self->synced_through);
    self->synced_through = synced_through;
    self->generation = generation;
    self->memtable_bytes = memtable_bytes;
}

/* Memtables also hold what the last round applied, until their shards work again. A tail that could not even fill one
   shard's part is no reason for a round: it would only be followed by the next, for ever. */
static bool memtables_full(const applier_t *self) {
    size_t full = self->options.memtable_bytes_max;
    return self->memtable_bytes >= full && applier_lag(self) >= full / SHARDS_MAX / ENTRY_BYTES_PER_RECORD_BYTE;
}

void applier_hurry(applier_t *self) {
    self->hurry = true;
}

bool applier_due(const applier_t *self) {
    if (self->round.run != NULL)
        return true;
    uint64_t lag = applier_lag(self);
    return lag > 0 && (self->hurry || lag >= self->options.journal_tail_bytes_max || memtables_full(self));
}

static status_t round_visit(void *context, const journal_batch_t *batch) {
    round_t *self = context;
    if (batch->generation != self->generation)
        return damaged(self, batch, "is of another generation");
    return round_collect(self, batch);
}

static status_t fail(applier_t *self, status_t status, const char *sentence) {
    if (sentence[0] != 0)
        snprintf(self->error, sizeof(self->error), "%s", sentence);
    return status;
}

/* Batch numbers of shards that wrote nothing in this tail stay as the store has them, if they are of this generation.
 */
static void round_init(applier_t *self) {
    store_meta_t meta = store_meta(self->store);
    self->round = (round_t){
        .run = run_new(true),
        .through = self->synced_through,
        .generation = self->generation,
    };
    if (meta.generation == self->generation)
        memcpy(self->round.batches, meta.batches, sizeof(meta.batches));
}

static status_t round_begin(applier_t *self) {
    status_t status = store_reserve(self->store, self->options.slice_records, applier_lag(self));
    if (status != STATUS_OK)
        return fail(self, status, store_error(self->store));
    round_init(self);
    status = journal_read(self->options.journal_dir, self->applied, self->round.through, round_visit, &self->round,
                          self->error, sizeof(self->error));
    if (status != STATUS_OK) {
        run_destroy(&self->round.run);
        return fail(self, status, self->round.error);
    }
    run_sort(self->round.run);
    return STATUS_OK;
}

status_t applier_step(applier_t *self) {
    if (self->round.run == NULL && applier_lag(self) == 0)
        return STATUS_OK;
    status_t status = self->round.run == NULL ? round_begin(self) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    slice_t slice = slice_of(&self->round, self->options.slice_records);
    status = store_reserve(self->store, slice.records, slice.bytes);
    if (status == STATUS_OK)
        status = slice_apply(&slice, &self->round, self->store);
    if (status != STATUS_OK)
        return fail(self, status, store_error(self->store));
    if (slice.last) {
        self->applied = self->round.through;
        self->hurry = false;
        run_destroy(&self->round.run);
    }
    return STATUS_OK;
}

uint64_t applier_applied(const applier_t *self) {
    return self->applied;
}

uint64_t applier_lag(const applier_t *self) {
    return self->synced_through - self->applied;
}

uint64_t applier_bytes_pending(const applier_t *self) {
    return self->round.run == NULL ? 0 : self->round.through - self->applied;
}

const char *applier_error(const applier_t *self) {
    return self->error;
}

recovery_t *recovery_new(void) {
    recovery_t *self = calloc(1, sizeof(*self));
    CHECK(self != NULL, "out of memory");
    self->round.run = run_new(false);
    return self;
}

void recovery_destroy(recovery_t **self_p) {
    recovery_t *self = *self_p;
    if (self == NULL)
        return;
    run_destroy(&self->round.run);
    free(self);
    *self_p = NULL;
}

status_t recovery_visit(void *recovery, const journal_batch_t *batch) {
    recovery_t *self = recovery;
    return round_collect(&self->round, batch);
}

/* Without a reserve the slice may still fit into pages that are free inside the file, so it is tried; but LMDB tells a
   write that a full disk cut short as an I/O error. */
static status_t recovery_slice(round_t *round, store_t *store, bool *last) {
    slice_t slice = slice_of(round, RECOVERY_SLICE_RECORDS);
    status_t reserved = store_reserve(store, slice.records, slice.bytes);
    if (reserved != STATUS_OK && reserved != STATUS_STORAGE_FULL)
        return reserved;
    status_t status = slice_apply(&slice, round, store);
    *last = slice.last;
    return status == STATUS_OK || reserved == STATUS_OK ? status : reserved;
}

status_t recovery_apply(recovery_t *self, store_t *store, uint64_t position, uint64_t generation) {
    round_t *round = &self->round;
    round->through = position;
    round->generation = generation;
    memset(round->batches, 0, sizeof(round->batches)); /* those seen were of the generation that ended */
    run_sort(round->run);
    round->next = 0;
    status_t status = STATUS_OK;
    bool last = false;
    while (status == STATUS_OK && !last)
        status = recovery_slice(round, store, &last);
    return status;
}
