/* SPDX-License-Identifier: MIT */
/*
 * Two ordered sequences, merged, in either direction. The memtable is the newer: where both have a key, its entry wins,
 * and if that is a tombstone the key is not there at all. The store's side is read one key ahead; its bytes lie in the
 * snapshot, so what was returned stays valid when the walk moves on.
 */
#include "storage/view.h"

status_t view_get(const view_t *self, span_t key, span_t *value) {
    const memtable_entry_t *entry = memtable_get(self->memtable, key);
    if (entry == NULL)
        return store_get(self->reader, key, value);
    *value = entry->value;
    return STATUS_OK;
}

void view_walk_start(view_walk_t *self, const view_t *view, span_t from, span_t to) {
    *self = (view_walk_t){.view = view, .bound = to, .entry = memtable_seek(view->memtable, from)};
    self->stored = store_seek(view->reader, from, &self->stored_key, &self->stored_value);
}

void view_walk_start_back(view_walk_t *self, const view_t *view, span_t from, span_t to) {
    *self = (view_walk_t){.view = view, .bound = from, .back = true, .entry = memtable_seek_before(view->memtable, to)};
    self->stored = store_seek_before(view->reader, to, &self->stored_key, &self->stored_value);
}

static void pass_entry(view_walk_t *self) {
    const memtable_t *memtable = self->view->memtable;
    self->entry = self->back ? memtable_previous(memtable, self->entry) : memtable_next(memtable, self->entry);
}

static void pass_stored(view_walk_t *self) {
    bool (*const pass)(store_reader_t *, span_t *, span_t *) = self->back ? store_previous : store_next;
    self->stored = pass(self->view->reader, &self->stored_key, &self->stored_value);
}

static bool is_outside(const view_walk_t *self, span_t key) {
    return self->bound.ptr != NULL && (span_compare(key, self->bound) < 0) == self->back;
}

/* Below 0: the memtable's key is next; above: the store's; 0: both have it. One of them has a key. */
static int which_first(const view_walk_t *self) {
    if (self->entry == NULL)
        return 1;
    if (!self->stored)
        return -1;
    int order = span_compare(self->entry->key, self->stored_key);
    return self->back ? -order : order;
}

/* The next key in either; its value is absent where a tombstone hides it. */
static bool next_merged(view_walk_t *self, span_t *key, span_t *value) {
    if (self->entry == NULL && !self->stored)
        return false;
    int order = which_first(self);
    *key = order <= 0 ? self->entry->key : self->stored_key;
    *value = order <= 0 ? self->entry->value : self->stored_value;
    if (order <= 0)
        pass_entry(self);
    if (order >= 0)
        pass_stored(self);
    return true;
}

bool view_walk_next(view_walk_t *self, span_t *key, span_t *value) {
    span_t next_key, next_value;
    do {
        if (!next_merged(self, &next_key, &next_value) || is_outside(self, next_key)) {
            self->entry = NULL; /* the walk is over, also for a caller that asks again */
            self->stored = false;
            return false;
        }
    } while (next_value.ptr == NULL);
    *key = next_key;
    *value = next_value;
    return true;
}
