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

bool store_seek_before(store_reader_t *self, span_t key, span_t *found, span_t *value) {
    CHECK(self->renewed, "a reader without a snapshot");
    bool behind = key.ptr != NULL && step(self->cursor, MDB_SET_RANGE, key, found, value);
    return step(self->cursor, behind ? MDB_PREV : MDB_LAST, (span_t){0}, found, value);
}

bool store_previous(store_reader_t *self, span_t *found, span_t *value) {
    CHECK(self->renewed, "a reader without a snapshot");
    return step(self->cursor, MDB_PREV, (span_t){0}, found, value);
}

/* A walk of counts beside the walk of keys, prefix by prefix. Both are in order, and prefixes come in the order of
   their keys. */
typedef struct verification {
    store_reader_t *reader;
    MDB_cursor *counts;
    span_t prefix, row; /* the next row of counts, if there are more */
    bool more_counts;
    span_t key; /* the next key, if there are more */
    bool more_keys;
    uint64_t keys_max, walked; /* each prefix costs one, too */
    store_report_fn report;
    void *context;
    uint64_t differing;
} verification_t;

/* A row of another size counts nothing. */
static uint64_t row_keys(span_t row) {
    return row.len == COUNT_BYTES ? little_endian_get_u64(row.ptr) : 0;
}

static uint64_t row_hash(span_t row) {
    return row.len == COUNT_BYTES ? little_endian_get_u64(row.ptr + 8) : 0;
}

static bool verification_start(verification_t *self, span_t from) {
    span_t value;
    if (mdb_cursor_open(self->reader->txn, self->reader->handles->count, &self->counts) != 0)
        return false;
    self->more_counts = step(self->counts, from.len == 0 ? MDB_FIRST : MDB_SET_RANGE, from, &self->prefix, &self->row);
    self->more_keys = store_seek(self->reader, from, &self->key, &value);
    return true;
}

/* The prefix that is next in either walk; absent: both are at the end. */
static span_t next_prefix(const verification_t *self) {
    if (!self->more_keys)
        return self->more_counts ? self->prefix : (span_t){0};
    span_t of_key = key_prefix(self->key);
    return self->more_counts && span_compare(self->prefix, of_key) < 0 ? self->prefix : of_key;
}

/* Counts the keys of this prefix, but no more than one above keys_max. */
static void walk_keys(verification_t *self, tally_t *tally) {
    span_t value;
    while (self->more_keys && tally->keys <= self->keys_max && span_equal(key_prefix(self->key), tally_prefix(tally))) {
        tally->keys += 1;
        tally->hash ^= key_hash(self->key);
        self->more_keys = store_next(self->reader, &self->key, &value);
    }
    self->walked += tally->keys;
}

/* Leaves the keys of this prefix that were not walked: they end before its NUL is a greater byte. A key without NUL is
   a prefix of its own. */
static void pass_keys(verification_t *self, const tally_t *tally) {
    tally_t after = *tally;
    uint8_t *last = &after.prefix[after.prefix_bytes - 1];
    bool is_key = after.prefix_bytes <= PREFIX_FROM || *last != 0;
    span_t value;
    if (!self->more_keys || !span_equal(key_prefix(self->key), tally_prefix(tally)))
        return;
    *last += 1;
    self->more_keys = is_key ? store_next(self->reader, &self->key, &value)
                             : store_seek(self->reader, tally_prefix(&after), &self->key, &value);
}

static void differs(verification_t *self, const tally_t *tally, uint64_t counted, uint64_t found) {
    self->differing += 1;
    self->report(self->context, tally_prefix(tally), counted, found);
}

static void compare_prefix(verification_t *self, tally_t *tally) {
    bool has_row = self->more_counts && span_equal(self->prefix, tally_prefix(tally));
    uint64_t counted = has_row ? row_keys(self->row) : 0, hash = has_row ? row_hash(self->row) : 0;
    if (counted > self->keys_max) {
        self->report(self->context, tally_prefix(tally), counted, STORE_UNCOUNTED);
    } else {
        walk_keys(self, tally);
        if (!has_row || counted != tally->keys || hash != tally->hash)
            differs(self, tally, counted, tally->keys);
    }
    pass_keys(self, tally);
    self->walked += 1;
    if (has_row)
        self->more_counts = step(self->counts, MDB_NEXT, (span_t){0}, &self->prefix, &self->row);
}

/* Would this prefix, which is no first one, be too much? */
static bool verification_full(const verification_t *self, const tally_t *tally) {
    bool has_row = self->more_counts && span_equal(self->prefix, tally_prefix(tally));
    uint64_t counted = has_row ? row_keys(self->row) : 0;
    return self->walked > 0 && counted <= self->keys_max && counted > self->keys_max - self->walked;
}

static void verification_run(verification_t *self, store_range_t *range) {
    span_t prefix;
    while ((prefix = next_prefix(self)).ptr != NULL && (range->to.ptr == NULL || span_compare(prefix, range->to) < 0)) {
        tally_t tally = tally_of(prefix);
        if (self->walked >= self->keys_max || verification_full(self, &tally)) {
            range->from_bytes = tally.prefix_bytes;
            memcpy(range->from, tally.prefix, tally.prefix_bytes);
            return;
        }
        compare_prefix(self, &tally);
    }
    range->done = true;
}

status_t store_verify_some(store_reader_t *self, store_range_t *range, uint64_t keys_max, store_report_fn report,
                           void *context, uint64_t *differing) {
    CHECK(self->renewed, "a reader without a snapshot");
    CHECK(keys_max > 0 && range->from_bytes <= sizeof(range->from), "%zu bytes", range->from_bytes);
    verification_t verification = {.reader = self, .keys_max = keys_max, .report = report, .context = context};
    range->done = false;
    if (!verification_start(&verification, span_of(range->from, range->from_bytes)))
        return STATUS_INTERNAL;
    verification_run(&verification, range);
    mdb_cursor_close(verification.counts);
    *differing = verification.differing;
    return STATUS_OK;
}

status_t store_verify(store_reader_t *self, store_report_fn report, void *context, uint64_t *differing) {
    store_range_t everything = {.done = false};
    status_t status = store_verify_some(self, &everything, UINT64_MAX - 1, report, context, differing);
    CHECK(status != STATUS_OK || everything.done, "%zu bytes on", everything.from_bytes);
    return status;
}

uint64_t store_entries(store_reader_t *self) {
    CHECK(self->renewed, "a reader without a snapshot");
    MDB_stat stat;
    int code = mdb_stat(self->txn, self->handles->data, &stat);
    CHECK(code == 0, "the store cannot be read: %s", mdb_strerror(code));
    return stat.ms_entries;
}
