/* SPDX-License-Identifier: MIT */
/*
 * view: the read path of a shard: its memtable laid over the store's snapshot. Points and ranges; tombstones hide.
 * Owned by the shard's thread; spans are valid until the next write to the memtable or renewal of the reader.
 */
#ifndef DORAN_STORAGE_VIEW_H
#define DORAN_STORAGE_VIEW_H

#include "storage/memtable.h"
#include "storage/store.h"

typedef struct view { /* borrowed, for embedding */
    memtable_t *memtable;
    store_reader_t *reader;
} view_t;

/* value.ptr NULL: there is no such key. */
MUST_USE status_t view_get(const view_t *self, span_t key, span_t *value);

/* A walk in the order of keys from `from` (inclusive) to `to` (exclusive; absent: to the end), or back from the last of
   them to the first. The walk must not be mixed with another on the same view, nor with writes. */
typedef struct view_walk {
    const view_t *view;
    const memtable_entry_t *entry;
    span_t stored_key, stored_value;
    span_t bound; /* where it ends */
    bool back;
    bool stored;
} view_walk_t;
void view_walk_start(view_walk_t *self, const view_t *view, span_t from, span_t to);
void view_walk_start_back(view_walk_t *self, const view_t *view, span_t from, span_t to);
bool view_walk_next(view_walk_t *self, span_t *key, span_t *value);

#endif
