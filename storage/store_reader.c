/* SPDX-License-Identifier: MIT */
/*
 * A reader is one read transaction that is renewed and reset for ever, with one cursor for its walks: both are made
 * once, because making them takes a lock and memory, and renewing them takes neither.
 *
 * A damaged page met in a walk stops the process, and a point read tells INTERNAL: a walk has no status, and one that
 * just ended early would look as if the rows behind were not there.
 */
#include <lmdb.h>

#include "storage/store_inside.h"

struct store_reader {
    const store_handles_t *handles;
    MDB_txn *txn;
    MDB_cursor *cursor; /* of data */
    bool renewed;       /* holds a snapshot */
};

status_t store_reader_open(store_t *store, store_reader_t **reader) {
    store_reader_t *self = calloc(1, sizeof(*self));
    CHECK(self != NULL, "out of memory");
    self->handles = store_handles(store);
    int code = mdb_txn_begin(self->handles->env, NULL, MDB_RDONLY, &self->txn);
    if (code == 0)
        code = mdb_cursor_open(self->txn, self->handles->data, &self->cursor);
    if (code != 0) {
        store_reader_close(&self);
        return STATUS_INTERNAL;
    }
    mdb_txn_reset(self->txn);
    *reader = self;
    return STATUS_OK;
}

void store_reader_close(store_reader_t **self_p) {
    store_reader_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->cursor != NULL)
        mdb_cursor_close(self->cursor);
    mdb_txn_abort(self->txn);
    free(self);
    *self_p = NULL;
}

status_t store_reader_renew(store_reader_t *self, uint16_t shard, uint64_t *batch) {
    CHECK(shard < SHARDS_MAX, "shard %u", shard);
    store_reader_release(self);
    if (mdb_txn_renew(self->txn) != 0)
        return STATUS_INTERNAL;
    self->renewed = true;
    MDB_val key = to_val(META_KEY), value;
    if (mdb_cursor_renew(self->txn, self->cursor) != 0 || mdb_get(self->txn, self->handles->meta, &key, &value) != 0 ||
        meta_refusal(from_val(value)) != NULL) {
        store_reader_release(self);
        return STATUS_INTERNAL;
    }
    *batch = meta_decode(from_val(value)).batches[shard];
    return STATUS_OK;
}

void store_reader_release(store_reader_t *self) {
    if (self->renewed)
        mdb_txn_reset(self->txn);
    self->renewed = false;
}

status_t store_get(store_reader_t *self, span_t key, span_t *value) {
    CHECK(self->renewed, "a reader without a snapshot");
    CHECK(key.len >= 1 && key.len <= LMDB_KEY_BYTES_MAX, "a key of %zu bytes", key.len);
    MDB_val key_val = to_val(key), value_val;
    int code = mdb_get(self->txn, self->handles->data, &key_val, &value_val);
    if (code != 0 && code != MDB_NOTFOUND)
        return STATUS_INTERNAL;
    *value = code == 0 ? from_val(value_val) : (span_t){0};
    return STATUS_OK;
}

static bool step(MDB_cursor *cursor, MDB_cursor_op op, span_t from, span_t *found, span_t *value) {
    MDB_val key_val = to_val(from), value_val;
    int code = mdb_cursor_get(cursor, &key_val, &value_val, op);
    CHECK(code == 0 || code == MDB_NOTFOUND, "the store cannot be read: %s", mdb_strerror(code));
    if (code != 0)
        return false;
    *found = from_val(key_val);
    *value = from_val(value_val);
    return true;
}

bool store_seek(store_reader_t *self, span_t key, span_t *found, span_t *value) {
    CHECK(self->renewed, "a reader without a snapshot");
    return step(self->cursor, key.len == 0 ? MDB_FIRST : MDB_SET_RANGE, key, found, value);
}

bool store_next(store_reader_t *self, span_t *found, span_t *value) {
    CHECK(self->renewed, "a reader without a snapshot");
    return step(self->cursor, MDB_NEXT, (span_t){0}, found, value);
}

/* A walk of counts beside the walk of keys. Both are in order, and prefixes come in the order of their keys. */
typedef struct verification {
    MDB_cursor *counts;
    span_t prefix, row; /* the next row of counts */
    bool more;
    store_report_fn report;
    void *context;
    uint64_t differing;
} verification_t;

static void differs(verification_t *self, span_t prefix, uint64_t counted, uint64_t found) {
    self->differing += 1;
    self->report(self->context, prefix, counted, found);
}

/* A row of another size counts nothing. */
static uint64_t row_keys(span_t row) {
    return row.len == COUNT_BYTES ? little_endian_get_u64(row.ptr) : 0;
}

static uint64_t row_hash(span_t row) {
    return row.len == COUNT_BYTES ? little_endian_get_u64(row.ptr + 8) : 0;
}

/* Reports counted prefixes below this one, or all that are left if it is NULL: they have no keys. */
static void pass_counts(verification_t *self, const tally_t *tally) {
    while (self->more && (tally == NULL || span_compare(self->prefix, tally_prefix(tally)) < 0)) {
        differs(self, self->prefix, row_keys(self->row), 0);
        self->more = step(self->counts, MDB_NEXT, (span_t){0}, &self->prefix, &self->row);
    }
}

static void compare_count(verification_t *self, const tally_t *found) {
    pass_counts(self, found);
    if (!self->more || !span_equal(self->prefix, tally_prefix(found))) {
        differs(self, tally_prefix(found), 0, found->keys);
        return;
    }
    if (row_keys(self->row) != found->keys || row_hash(self->row) != found->hash)
        differs(self, self->prefix, row_keys(self->row), found->keys);
    self->more = step(self->counts, MDB_NEXT, (span_t){0}, &self->prefix, &self->row);
}

status_t store_verify(store_reader_t *self, store_report_fn report, void *context, uint64_t *differing) {
    CHECK(self->renewed, "a reader without a snapshot");
    verification_t verification = {.report = report, .context = context};
    if (mdb_cursor_open(self->txn, self->handles->count, &verification.counts) != 0)
        return STATUS_INTERNAL;
    verification.more = step(verification.counts, MDB_FIRST, (span_t){0}, &verification.prefix, &verification.row);
    span_t key, value;
    bool more = store_seek(self, (span_t){0}, &key, &value);
    while (more) {
        tally_t tally = tally_of(key_prefix(key));
        do {
            tally.keys += 1;
            tally.hash ^= key_hash(key);
        } while ((more = store_next(self, &key, &value)) && span_equal(key_prefix(key), tally_prefix(&tally)));
        compare_count(&verification, &tally);
    }
    pass_counts(&verification, NULL);
    mdb_cursor_close(verification.counts);
    *differing = verification.differing;
    return STATUS_OK;
}

uint64_t store_entries(store_reader_t *self) {
    CHECK(self->renewed, "a reader without a snapshot");
    MDB_stat stat;
    int code = mdb_stat(self->txn, self->handles->data, &stat);
    CHECK(code == 0, "the store cannot be read: %s", mdb_strerror(code));
    return stat.ms_entries;
}
