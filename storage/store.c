/* SPDX-License-Identifier: MIT */
/*
 * LMDB with the settings under which a commit is durable and no reader sees half of one: a full sync at every commit,
 * no writable map, readers bound to their objects and not to threads (MDB_NOTLS). Read-ahead stays on: recovery, rounds
 * and walks go through pages in the order of keys, and from a cold disk take many times as long without it.
 *
 * All puts and deletes of a transaction go through one cursor: when the next key is on the page of the last one, LMDB
 * does not descend from the root again, which is what makes sorted writes fast.
 *
 * Counting: whether a put made a key or a delete removed one shows in LMDB's own number of entries before and after, so
 * it costs no look-up. The changes of neighbouring keys with one prefix are summed up and written to "count" when the
 * prefix changes and at the commit: with sorted keys that is once per prefix and transaction.
 */
#include "storage/store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "storage/file.h"
#include "storage/store_inside.h"

enum {
    READERS_MAX = 256, /* shards, reports, inspectors: far fewer */
    DATABASES = 3,
};
#define RESERVE_SLACK_BYTES MIB(1) /* branch pages, free lists, counts */

struct store {
    store_handles_t handles;
    MDB_txn *txn; /* NULL: no transaction under way */
    MDB_cursor *cursor;
    size_t entries; /* of data, after the last put or delete */
    tally_t run;    /* what neighbouring writes changed, modulo 2^64 */
    store_meta_t committed, next;
    uint64_t reserved; /* the file has disk space up to here */
    bool reserves;     /* the file system can */
    char error[256];
};

/* Keeps the sentence, lets the transaction go and tells what the caller may do about it. A full disk is no damage: LMDB
   writes only pages that the last commit does not use, so the next transaction begins where that one ended. */
static status_t fail(store_t *self, int code, const char *what) {
    snprintf(self->error, sizeof(self->error), "%s failed: %s%s", what, mdb_strerror(code),
             code == MDB_MAP_FULL ? "; a larger lmdb_map_bytes gives it room" : "");
    store_abort(self);
    bool full = code == MDB_MAP_FULL || code == ENOSPC || code == EDQUOT;
    return full ? STATUS_STORAGE_FULL : STATUS_INTERNAL;
}

/* LMDB can read it, but it is not to be used. */
static int refuse(store_t *self, const char *sentence) {
    snprintf(self->error, sizeof(self->error), "%s", sentence);
    return MDB_INVALID;
}

static int meta_write(store_t *self, const store_meta_t *meta) {
    uint8_t row[META_BYTES];
    meta_encode(meta, row);
    MDB_val key = to_val(META_KEY), value = to_val(span_of(row, sizeof(row)));
    return mdb_put(self->txn, self->handles.meta, &key, &value, 0);
}

/* The first state of a store without one. */
static int meta_make(store_t *self) {
    MDB_stat stat;
    int code = mdb_stat(self->txn, self->handles.data, &stat);
    if (code != 0)
        return code;
    if (stat.ms_entries != 0)
        return refuse(self, "it has records, but the row that says how far the journal is applied is gone");
    self->committed = (store_meta_t){.fresh = true};
    if (getentropy(self->committed.folder_id, sizeof(self->committed.folder_id)) != 0)
        return errno;
    return meta_write(self, &self->committed);
}

static int meta_load(store_t *self) {
    MDB_val key = to_val(META_KEY), value;
    int code = mdb_get(self->txn, self->handles.meta, &key, &value);
    if (code == MDB_NOTFOUND)
        return meta_make(self);
    if (code != 0)
        return code;
    const char *refusal = meta_refusal(from_val(value));
    if (refusal != NULL)
        return refuse(self, refusal);
    self->committed = meta_decode(from_val(value));
    return 0;
}

static int open_databases(store_t *self) {
    int code = mdb_txn_begin(self->handles.env, NULL, 0, &self->txn);
    if (code != 0)
        return code;
    if ((code = mdb_dbi_open(self->txn, "data", MDB_CREATE, &self->handles.data)) != 0 ||
        (code = mdb_dbi_open(self->txn, "count", MDB_CREATE, &self->handles.count)) != 0 ||
        (code = mdb_dbi_open(self->txn, "meta", MDB_CREATE, &self->handles.meta)) != 0 || (code = meta_load(self)) != 0)
        return code;
    code = mdb_txn_commit(self->txn);
    self->txn = NULL;
    return code;
}

static int open_environment(store_t *self, const char *dir, size_t map_bytes) {
    int code = mdb_env_create(&self->handles.env), dead;
    if (code != 0)
        return code;
    if ((code = mdb_env_set_mapsize(self->handles.env, map_bytes)) != 0 ||
        (code = mdb_env_set_maxdbs(self->handles.env, DATABASES)) != 0 ||
        (code = mdb_env_set_maxreaders(self->handles.env, READERS_MAX)) != 0 ||
        (code = mdb_env_open(self->handles.env, dir, MDB_NOTLS, 0600)) != 0)
        return code;
    CHECK(mdb_env_get_maxkeysize(self->handles.env) == LMDB_KEY_BYTES_MAX, "%d",
          mdb_env_get_maxkeysize(self->handles.env));
    return mdb_reader_check(self->handles.env, &dead); /* a killed process must not keep old pages for ever */
}

/* New files are there after a power failure only when their folder was synced too. */
static int sync_folder(const char *dir) {
    int folder = -1;
    int code = folder_open(dir, &folder);
    if (code == 0)
        code = folder_sync(folder);
    file_close(&folder);
    return code;
}

status_t store_open(const char *dir, size_t map_bytes, store_t **store, char *error, size_t error_bytes) {
    store_t *self = calloc(1, sizeof(*self));
    CHECK(self != NULL, "out of memory");
    self->reserves = true;
    int code = open_environment(self, dir, map_bytes);
    if (code == 0)
        code = open_databases(self);
    if (code == 0 && self->committed.fresh)
        code = sync_folder(dir);
    if (code != 0) {
        snprintf(error, error_bytes, "The store in %s cannot be opened: %s", dir,
                 self->error[0] != 0 ? self->error : mdb_strerror(code));
        status_t status = fail(self, code, "opening");
        store_destroy(&self);
        return status;
    }
    *store = self;
    return STATUS_OK;
}

void store_destroy(store_t **self_p) {
    store_t *self = *self_p;
    if (self == NULL)
        return;
    store_abort(self);
    mdb_env_close(self->handles.env);
    free(self);
    *self_p = NULL;
}

store_meta_t store_meta(store_t *self) {
    return self->committed;
}

/* The most that the file may grow: new pages for the records themselves (leaves are at least half full), and while
   those are written, a copy of every page that one of them touches. */
static uint64_t reserve_through(const store_t *self, size_t records, size_t bytes) {
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(self->handles.env, &info);
    mdb_env_stat(self->handles.env, &stat);
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
    uint64_t copied = (uint64_t)records * stat.ms_psize;
    uint64_t through = used + (copied < used ? copied : used) + 2 * (uint64_t)bytes + RESERVE_SLACK_BYTES;
    return through < info.me_mapsize ? through : info.me_mapsize;
}

/* A fallocate that fails may keep what it got until then, and with it the last bytes of a disk that others need too. */
static bool disk_has_room(int fd, uint64_t through) {
    struct stat file;
    struct statvfs disk;
    if (fstat(fd, &file) != 0 || fstatvfs(fd, &disk) != 0)
        return true;
    uint64_t taken = (uint64_t)file.st_blocks * 512; /* unit of st_blocks: stat(2) */
    return through <= taken || (through - taken) / disk.f_frsize < disk.f_bavail;
}

/* The first call begins at 0, so that holes that LMDB left in the file are filled as well. 0, or errno. */
static int take_space(store_t *self, uint64_t through) {
    off_t from = (off_t)self->reserved, bytes = (off_t)through - from;
    mdb_filehandle_t fd;
    int code = mdb_env_get_fd(self->handles.env, &fd);
    if (code != 0)
        return code;
    if (!disk_has_room(fd, through))
        return ENOSPC;
    do
        code = fallocate(fd, FALLOC_FL_KEEP_SIZE, from, bytes) == 0 ? 0 : errno;
    while (code == EINTR);
    return code;
}

status_t store_reserve(store_t *self, size_t records, size_t bytes) {
    CHECK(self->txn == NULL, "a transaction is under way");
    uint64_t through = reserve_through(self, records, bytes);
    if (!self->reserves || through <= self->reserved)
        return STATUS_OK;
    int code = take_space(self, through);
    if (code == EOPNOTSUPP || code == ENOSYS)
        self->reserves = false;
    else if (code != 0)
        return fail(self, code, "reserving space");
    else
        self->reserved = through;
    return STATUS_OK;
}

status_t store_begin(store_t *self) {
    CHECK(self->txn == NULL, "a transaction is under way");
    MDB_stat stat;
    int code = mdb_txn_begin(self->handles.env, NULL, 0, &self->txn);
    if (code == 0)
        code = mdb_cursor_open(self->txn, self->handles.data, &self->cursor);
    if (code == 0)
        code = mdb_stat(self->txn, self->handles.data, &stat);
    if (code != 0)
        return fail(self, code, "beginning a transaction");
    self->entries = stat.ms_entries;
    self->next = self->committed;
    self->run = (tally_t){0};
    return STATUS_OK;
}

/* Adds the run to the row of its prefix. */
static int run_write(store_t *self) {
    const tally_t *run = &self->run;
    if (run->keys == 0 && run->hash == 0)
        return 0;
    MDB_val key = to_val(tally_prefix(run)), value;
    uint64_t keys = run->keys, hash = run->hash;
    int code = mdb_get(self->txn, self->handles.count, &key, &value);
    if (code == 0 && value.mv_size == COUNT_BYTES) {
        keys += little_endian_get_u64(value.mv_data);
        hash ^= little_endian_get_u64((uint8_t *)value.mv_data + 8);
    } else if (code != MDB_NOTFOUND) {
        return code != 0 ? code : MDB_CORRUPTED;
    }
    if (keys == 0 && hash == 0)
        return code == 0 ? mdb_del(self->txn, self->handles.count, &key, NULL) : 0;
    uint8_t row[COUNT_BYTES];
    little_endian_put_u64(row, keys);
    little_endian_put_u64(row + 8, hash);
    value = to_val(span_of(row, sizeof(row)));
    return mdb_put(self->txn, self->handles.count, &key, &value, 0);
}

/* After a put or delete of this key: if it made or removed the key, counts it. */
static int count_change(store_t *self, span_t key) {
    MDB_stat stat;
    int code = mdb_stat(self->txn, self->handles.data, &stat);
    if (code != 0 || stat.ms_entries == self->entries)
        return code;
    span_t prefix = key_prefix(key);
    if (!span_equal(prefix, tally_prefix(&self->run))) {
        if ((code = run_write(self)) != 0)
            return code;
        self->run = tally_of(prefix);
    }
    self->run.keys += stat.ms_entries - self->entries;
    self->run.hash ^= key_hash(key);
    self->entries = stat.ms_entries;
    return 0;
}

static void check_writing(const store_t *self, span_t key) {
    CHECK(self->txn != NULL, "no transaction");
    CHECK(key.len >= 1 && key.len <= LMDB_KEY_BYTES_MAX, "a key of %zu bytes", key.len);
}

status_t store_put(store_t *self, span_t key, span_t value) {
    check_writing(self, key);
    CHECK(value.ptr != NULL, "an absent value");
    MDB_val key_val = to_val(key), value_val = to_val(value);
    int code = mdb_cursor_put(self->cursor, &key_val, &value_val, 0);
    if (code == 0)
        code = count_change(self, key);
    return code == 0 ? STATUS_OK : fail(self, code, "a put");
}

status_t store_delete(store_t *self, span_t key) {
    check_writing(self, key);
    MDB_val key_val = to_val(key), value_val;
    int code = mdb_cursor_get(self->cursor, &key_val, &value_val, MDB_SET);
    if (code == MDB_NOTFOUND)
        return STATUS_OK;
    if (code == 0)
        code = mdb_cursor_del(self->cursor, 0);
    if (code == 0)
        code = count_change(self, key);
    return code == 0 ? STATUS_OK : fail(self, code, "a delete");
}

status_t store_set_meta(store_t *self, uint64_t position, uint64_t generation, const uint64_t batches[SHARDS_MAX]) {
    CHECK(self->txn != NULL, "no transaction");
    self->next.position = position;
    self->next.generation = generation;
    memcpy(self->next.batches, batches, sizeof(self->next.batches));
    int code = meta_write(self, &self->next);
    return code == 0 ? STATUS_OK : fail(self, code, "recording the position");
}

status_t store_commit(store_t *self) {
    CHECK(self->txn != NULL, "no transaction");
    int code = run_write(self);
    if (code != 0)
        return fail(self, code, "writing counts");
    mdb_cursor_close(self->cursor);
    self->cursor = NULL;
    code = mdb_txn_commit(self->txn);
    self->txn = NULL;
    if (code != 0)
        return fail(self, code, "a commit");
    self->committed = self->next;
    return STATUS_OK;
}

void store_abort(store_t *self) {
    if (self->cursor != NULL)
        mdb_cursor_close(self->cursor);
    if (self->txn != NULL)
        mdb_txn_abort(self->txn);
    self->cursor = NULL;
    self->txn = NULL;
}

const char *store_error(const store_t *self) {
    return self->error;
}

const store_handles_t *store_handles(const store_t *store) {
    return &store->handles;
}
