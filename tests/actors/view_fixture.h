/* SPDX-License-Identifier: MIT */
/*
 * view_fixture: what a turn reads and writes, without a shard: a store, a memtable over it, and a batch. Journal and
 * applier are view_fixture_apply: after it everything is in the store and nothing in memory.
 */
#ifndef DORAN_TESTS_ACTORS_VIEW_FIXTURE_H
#define DORAN_TESTS_ACTORS_VIEW_FIXTURE_H

#include <criterion/criterion.h>

#include "actors/writer.h"
#include "storage/view.h"
#include "tests/actors/nameless_store.h"

enum { VIEW_FIXTURE_CLOSED_MAX = 8 };

typedef struct view_fixture {
    store_t *store;
    view_t view;
    writer_t writer;
    batch_t *batch;
    batch_t *closed[VIEW_FIXTURE_CLOSED_MAX]; /* that the store does not have yet, oldest first */
    size_t closed_count;
} view_fixture_t;

static inline void view_fixture_renew(view_fixture_t *self) {
    uint64_t batch;
    cr_assert_eq(store_reader_renew(self->view.reader, 0, &batch), STATUS_OK);
}

static inline void view_fixture_open(view_fixture_t *self) {
    self->store = nameless_store_open();
    cr_assert_eq(store_reader_open(self->store, &self->view.reader), STATUS_OK);
    self->view.memtable = memtable_new();
    self->batch = batch_new(0);
    self->writer = (writer_t){.memtable = self->view.memtable, .batch = self->batch, .number = 1};
    view_fixture_renew(self);
}

static inline void view_fixture_close(view_fixture_t *self) {
    memtable_check(self->view.memtable);
    memtable_destroy(&self->view.memtable);
    store_reader_close(&self->view.reader);
    store_destroy(&self->store);
    batch_destroy(&self->batch);
    while (self->closed_count > 0) {
        batch_destroy(&self->closed[--self->closed_count]);
    }
}

static inline void view_fixture_store(view_fixture_t *self, span_t key, span_t value) {
    cr_assert_eq(store_begin(self->store), STATUS_OK);
    cr_assert_eq(value.ptr == NULL ? store_delete(self->store, key) : store_put(self->store, key, value), STATUS_OK);
    cr_assert_eq(store_commit(self->store), STATUS_OK);
    view_fixture_renew(self);
}

/* The next write is of another batch. */
static inline void view_fixture_close_batch(view_fixture_t *self) {
    cr_assert_lt(self->closed_count, VIEW_FIXTURE_CLOSED_MAX);
    self->closed[self->closed_count++] = self->batch;
    self->batch = self->writer.batch = batch_new(0);
    self->writer.number++;
}

/* The oldest closed batch goes into the store. */
static inline void view_fixture_apply_one(view_fixture_t *self) {
    batch_t *batch = self->closed[0];
    span_t rest = span_of(batch->records, batch->records_bytes);
    log_record_t record;
    cr_assert_eq(store_begin(self->store), STATUS_OK);
    while (log_record_next(&rest, &record)) {
        cr_assert_eq(record.op != RECORD_DELETE ? store_put(self->store, record.key, record.value)
                                                : store_delete(self->store, record.key),
                     STATUS_OK);
    }
    cr_assert_eq(rest.len, 0);
    cr_assert_eq(store_commit(self->store), STATUS_OK);
    memtable_forget(self->view.memtable, self->writer.number - self->closed_count);
    self->closed_count--;
    memmove(self->closed, self->closed + 1, self->closed_count * sizeof self->closed[0]);
    batch_destroy(&batch);
    view_fixture_renew(self);
}

static inline void view_fixture_apply(view_fixture_t *self) {
    if (self->closed_count == VIEW_FIXTURE_CLOSED_MAX) {
        view_fixture_apply_one(self);
    }
    view_fixture_close_batch(self);
    while (self->closed_count > 0) {
        view_fixture_apply_one(self);
    }
    cr_assert_eq(memtable_count(self->view.memtable), 0);
}

#endif
