/* SPDX-License-Identifier: MIT */
/*
 * store: the LMDB environment of a data folder: one ordered map of bytes, and a few numbers about it.
 *
 * Databases: "data" (keys and values as the shards wrote them), "count" (per prefix of data keys, which is the bytes up
 * to and with the first NUL behind the first two bytes: how many keys and the XOR of their XXH3, kept in the
 * transaction that changes them, so that lost or foreign keys show), "meta" (position, generation, last batch number of
 * each shard, folder id, format).
 *
 * Threads: store_open and the writer belong to one thread at a time (recovery, then the applier); each other thread has
 * a reader of its own. LMDB's caveats hold: no reader outlives the store, no fork, local disks only, one open per
 * process; a reader that keeps its snapshot keeps pages from being used again, so an idle one releases it.
 */
#ifndef DORAN_STORAGE_STORE_H
#define DORAN_STORAGE_STORE_H

#include "schemas/limits.h"
#include "schemas/status.h"

typedef struct store store_t;
typedef struct store_reader store_reader_t;

typedef struct store_meta {
    uint64_t position;            /* everything of the journal below is in data */
    uint64_t generation;          /* of the journal when position was written */
    uint64_t batches[SHARDS_MAX]; /* last applied batch number of each shard in that generation */
    uint8_t folder_id[16];
    bool fresh; /* the store was made by this open */
} store_meta_t;

/* Opens or makes the store in dir (which exists). A new store gets a random folder id. One sentence in error on
   failure: STORAGE_FULL if there was no space to make one, else INTERNAL. */
MUST_USE status_t store_open(const char *dir, size_t map_bytes, store_t **store, char *error, size_t error_bytes);
void store_destroy(store_t **self_p);
store_meta_t store_meta(store_t *self);
/* Takes disk space for writing that many records with so many bytes of keys and values, without changing the file's
   length; costs nothing when it was taken before, and does nothing where the file system cannot. Between transactions.
   STORAGE_FULL if there is none. */
MUST_USE status_t store_reserve(store_t *self, size_t records, size_t bytes);

/* Writing: begin, any number of puts and deletes in the order of keys (sorted is fast, not required), commit or abort.
   After any error the transaction is gone; after STORAGE_FULL nothing of it was written, any other is fatal. Keys have
   1 to LMDB_KEY_BYTES_MAX bytes, values are present. */
MUST_USE status_t store_begin(store_t *self);
MUST_USE status_t store_put(store_t *self, span_t key, span_t value);
MUST_USE status_t store_delete(store_t *self, span_t key); /* of an absent key: no change */
/* In this transaction: moves position, generation and the shards' batch numbers. */
MUST_USE status_t store_set_meta(store_t *self, uint64_t position, uint64_t generation,
                                 const uint64_t batches[SHARDS_MAX]);
MUST_USE status_t store_commit(store_t *self); /* durable on return */
void store_abort(store_t *self);
/* What went wrong last, for the log. */
const char *store_error(const store_t *self);

/* Reading. A reader sees the snapshot of its last renew. Values are valid until the next renew or release. */
MUST_USE status_t store_reader_open(store_t *store, store_reader_t **reader);
void store_reader_close(store_reader_t **self_p);
/* Takes the newest snapshot; returns the last applied batch number of this shard as seen inside it. */
MUST_USE status_t store_reader_renew(store_reader_t *self, uint16_t shard, uint64_t *batch);
/* Lets the snapshot go, so that pages can be used again; the next use needs a renew. */
void store_reader_release(store_reader_t *self);
/* NOT_FOUND is not an error here: value.ptr is NULL. */
MUST_USE status_t store_get(store_reader_t *self, span_t key, span_t *value);
/* First key ≥ key (which may be absent), then one after another; false at the end. One position per reader. A damaged
   page stops the process. */
bool store_seek(store_reader_t *self, span_t key, span_t *found, span_t *value);
bool store_next(store_reader_t *self, span_t *found, span_t *value);
/* The same backwards: the last key < key (absent: of all), then the one before. */
bool store_seek_before(store_reader_t *self, span_t key, span_t *found, span_t *value);
bool store_previous(store_reader_t *self, span_t *found, span_t *value);

/* Compares the counts with the keys; calls report for each prefix that differs, with equal numbers where other keys are
   there than were counted. Needs a renewed reader, whose position it moves. */
typedef void (*store_report_fn)(void *context, span_t prefix, uint64_t counted, uint64_t found);
MUST_USE status_t store_verify(store_reader_t *self, store_report_fn report, void *context, uint64_t *differing);
/* The same for the prefixes of a range, a slice at a time: at most twice keys_max keys are walked, then `from` is where
   to go on, or done is set. A prefix that counts more than keys_max by itself is reported with found STORE_UNCOUNTED,
   and differs nothing; one with more keys than that is not counted further. Each slice may see another snapshot. */
#define STORE_UNCOUNTED UINT64_MAX
typedef struct store_range {          /* for embedding */
    size_t from_bytes;                /* 0: from the first prefix on */
    uint8_t from[LMDB_KEY_BYTES_MAX]; /* a prefix, or bytes before one */
    span_t to;                        /* exclusive; absent: to the end */
    bool done;
} store_range_t;
MUST_USE status_t store_verify_some(store_reader_t *self, store_range_t *range, uint64_t keys_max,
                                    store_report_fn report, void *context, uint64_t *differing);
uint64_t store_entries(store_reader_t *self);

#endif
