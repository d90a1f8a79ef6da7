/* SPDX-License-Identifier: MIT */
/*
 * memtable: an ordered map of recent writes, key to value or tombstone, each with the number of the batch that wrote it
 * last. A shard's memtable holds what the store may not have yet. Owned by one thread.
 *
 * A turn writes into it directly; memtable_rollback undoes everything since memtable_mark (at most TURN_RECORDS_MAX
 * writes). Spans and entries it returns are valid until the next write, rollback or forget.
 */
#ifndef DORAN_STORAGE_MEMTABLE_H
#define DORAN_STORAGE_MEMTABLE_H

#include "schemas/limits.h"
#include "schemas/status.h"

typedef struct memtable memtable_t;

typedef struct memtable_entry {
    span_t key;
    span_t value; /* ptr NULL: a tombstone */
    uint64_t batch;
} memtable_entry_t; /* the first member of the real entry; read only */

memtable_t *memtable_new(void);
void memtable_destroy(memtable_t **self_p);

/* Copies key and value (both may lie in this memtable). A value with ptr NULL deletes (leaves a tombstone). batch never
   goes down. */
void memtable_put(memtable_t *self, span_t key, span_t value, uint64_t batch);
/* The same for a key that is neither in this map nor in the store, as the caller knows. */
void memtable_put_fresh(memtable_t *self, span_t key, span_t value, uint64_t batch);
/* If the key came with memtable_put_fresh and was not forgotten since, it goes without leaving a tombstone: true. Else
   nothing changes. Ends a mark: what was written so far stands. */
bool memtable_remove_fresh(memtable_t *self, span_t key);
/* The entry of exactly this key (value or tombstone), or NULL. */
const memtable_entry_t *memtable_get(const memtable_t *self, span_t key);
/* The first entry whose key is ≥ key, or NULL. */
const memtable_entry_t *memtable_seek(const memtable_t *self, span_t key);
const memtable_entry_t *memtable_next(const memtable_t *self, const memtable_entry_t *entry);
/* The same backwards: the last entry whose key is < key (absent: of all), or NULL. */
const memtable_entry_t *memtable_seek_before(const memtable_t *self, span_t key);
const memtable_entry_t *memtable_previous(const memtable_t *self, const memtable_entry_t *entry);

/* Begins a turn; the one before stands. */
void memtable_mark(memtable_t *self);
/* Undoes the turn, to the byte and to the place in the order of forgetting. CHECKs that there was a mark. */
void memtable_rollback(memtable_t *self);
/* Drops the entries whose last write is of a batch ≤ through, oldest first; costs what it drops. The turn stands. */
void memtable_forget(memtable_t *self, uint64_t through);

size_t memtable_count(const memtable_t *self);
/* Bytes of memory of the entries, counted with the allocator's overhead; without what the present turn replaced. */
size_t memtable_bytes(const memtable_t *self);
/* CHECKs the invariants; for tests and fuzzers. */
void memtable_check(const memtable_t *self);

#endif
