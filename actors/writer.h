/* SPDX-License-Identifier: MIT */
/*
 * writer: the one way in which a shard writes: into the batch that goes to the journal and into the memtable where the
 * shard finds it again. writer_mark and writer_rollback make what lies between as if it had never been.
 */
#ifndef DORAN_ACTORS_WRITER_H
#define DORAN_ACTORS_WRITER_H

#include "storage/batch.h"
#include "storage/memtable.h"

typedef struct writer { /* borrowed, for embedding */
    memtable_t *memtable;
    batch_t *batch;
    uint64_t number; /* of the batch, if it gets any record */
    uint32_t mark_bytes, mark_count;
} writer_t;

static inline void writer_put(writer_t *self, span_t key, span_t value) {
    batch_put(self->batch, key, value);
    memtable_put(self->memtable, key, value, self->number);
}

static inline void writer_delete(writer_t *self, span_t key) {
    batch_delete(self->batch, key);
    memtable_put(self->memtable, key, (span_t){0}, self->number);
}

/* Writes a key that never was, as the caller knows. */
static inline void writer_put_fresh(writer_t *self, span_t key, span_t value) {
    batch_put_fresh(self->batch, key, value);
    memtable_put_fresh(self->memtable, key, value, self->number);
}

/* Deletes a key that means nothing to anybody any more. Cheaper than writer_delete where the key is fresh: it leaves no
   tombstone, so that until this batch is applied a reader may meet it again, if the applier was just writing it. Ends a
   mark. */
static inline void writer_drop(writer_t *self, span_t key) {
    batch_delete(self->batch, key);
    if (!memtable_remove_fresh(self->memtable, key)) {
        memtable_put(self->memtable, key, (span_t){0}, self->number);
    }
}

static inline void writer_mark(writer_t *self) {
    self->mark_bytes = self->batch->records_bytes;
    self->mark_count = self->batch->record_count;
    memtable_mark(self->memtable);
}

static inline void writer_rollback(writer_t *self) {
    self->batch->records_bytes = self->mark_bytes;
    self->batch->record_count = self->mark_count;
    memtable_rollback(self->memtable);
}

#endif
