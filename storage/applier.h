/* SPDX-License-Identifier: MIT */
/*
 * applier: moves what the journal made durable into the store: reads the journal's tail into a run, which keeps the
 * last write per key, and writes that in key order in slices; only the transaction with the last slice
 * moves the recorded position and the shards' batch numbers (until then the store alone is no snapshot). It is due when
 * the shards' memtables or the tail reach their bounds, or somebody says that it has waited for long, and works a slice
 * at a time so that its syncs do not hold up the journal's for long. Owned by one thread, which is the store's writer.
 * Also the recovery's: it does the same once, before the ring starts.
 */
#ifndef DORAN_STORAGE_APPLIER_H
#define DORAN_STORAGE_APPLIER_H

#include "storage/journal.h"
#include "storage/store.h"

typedef struct applier applier_t;

typedef struct applier_options {
    const char *journal_dir;       /* copied */
    size_t memtable_bytes_max;     /* of all shards together */
    size_t journal_tail_bytes_max; /* between applied and synced */
    size_t slice_records;          /* puts and deletes in one transaction */
} applier_options_t;

/* Borrows the store for its life. */
applier_t *applier_new(store_t *store, const applier_options_t *options);
void applier_destroy(applier_t **self_p);

/* Tells what is durable by now and how much the shards hold. */
void applier_told(applier_t *self, uint64_t synced_through, uint64_t generation, uint64_t memtable_bytes);
/* What is not applied is due now, whatever the bounds: it has waited for long. */
void applier_hurry(applier_t *self);
/* Is there a slice to do now? Not for memtables alone when the tail could not even fill one shard's: then what they
   hold was applied already, and their shards have not worked since. */
bool applier_due(const applier_t *self);
/* Does one slice (the first of a round also reads the tail), due or not, if anything lags. OK; STORAGE_FULL: no space,
   nothing changed, try later; INTERNAL: stop the server, applier_error() says why. */
MUST_USE status_t applier_step(applier_t *self);
/* Position up to which the store has everything. */
uint64_t applier_applied(const applier_t *self);
uint64_t applier_lag(const applier_t *self);           /* bytes of journal not applied */
uint64_t applier_bytes_pending(const applier_t *self); /* bytes of the round under way */
const char *applier_error(const applier_t *self);

/* Recovery: collects the visits of journal_open ... */
typedef struct recovery recovery_t;
recovery_t *recovery_new(void);
void recovery_destroy(recovery_t **self_p);
MUST_USE status_t recovery_visit(void *recovery, const journal_batch_t *batch); /* a journal_visit_fn */
/* ... and applies them in slices; the transaction with the last one also records the position and generation and resets
   all batch numbers. After a failure or a crash it is done again. On failure store_error(store) says why. */
MUST_USE status_t recovery_apply(recovery_t *self, store_t *store, uint64_t position, uint64_t generation);

#endif
