/* SPDX-License-Identifier: MIT */
/*
 * Two ordered sequences, merged. The memtable is the newer: where both have a key, its entry wins, and if that is a
 * tombstone the key is not there at all. The store's side is read one key ahead; its bytes lie in the snapshot, so what
 * was returned stays valid when the walk moves on.
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
    *self = (view_walk_t){.view = view, .to = to, .entry = memtable_seek(view->memtable, from)};
    self->stored = store_seek(view->reader, from, &self->stored_key, &self->stored_value);
}

static void pass_stored(view_walk_t *self) {
    self->stored = store_next(self->view->reader, &self->stored_key, &self->stored_value);
}

/* Below 0: the memtable's key is next; above: the store's; 0: both have it. One of them has a key. */
static int which_first(const view_walk_t *self) {
    if (self->entry == NULL)
        return 1;
    return self->stored ? span_compare(self->entry->key, self->stored_key) : -1;
}

/* The next key in either; its value is absent where a tombstone hides it. */
static bool next_merged(view_walk_t *self, span_t *key, span_t *value) {
    if (self->entry == NULL && !self->stored)
        return false;
    int order = which_first(self);
    *key = order <= 0 ? self->entry->key : self->stored_key;
    *value = order <= 0 ? self->entry->value : self->stored_value;
    if (order <= 0)
        self->entry = memtable_next(self->view->memtable, self->entry);
    if (order >= 0)
        pass_stored(self);
    return true;
}

bool view_walk_next(view_walk_t *self, span_t *key, span_t *value) {
    span_t next_key, next_value;
    do {
        if (!next_merged(self, &next_key, &next_value) ||
            (self->to.ptr != NULL && span_compare(next_key, self->to) >= 0)) {
            self->entry = NULL; /* the walk is over, also for a caller that asks again */
            self->stored = false;
            return false;
        }
    } while (next_value.ptr == NULL);
    *key = next_key;
    *value = next_value;
    return true;
}
