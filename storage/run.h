/* SPDX-License-Identifier: MIT */
/*
 * run: the writes of a stretch of the journal, as they are to reach the store: the last one of each key, in the order
 * of keys. First everything is added in the order in which it was written, then run_sort, then run_at. Memory: the
 * records, and 24 bytes for each. Owned by one thread.
 */
#ifndef DORAN_STORAGE_RUN_H
#define DORAN_STORAGE_RUN_H

#include "storage/batch.h"

typedef struct run run_t;

/* exact: the store is just what the journal made of it so far. Then a key that came fresh and was deleted within the
   run is left out; else (a round cut short by a crash may have brought it there) it is deleted. */
run_t *run_new(bool exact);
void run_destroy(run_t **self_p);
/* Copies the records of one batch. False: one is damaged, and the run is of no use. */
MUST_USE bool run_add(run_t *self, span_t records);
/* After the last add. */
void run_sort(run_t *self);
/* What is left after sorting; a delete has an absent value. Valid until the run is destroyed. */
size_t run_count(const run_t *self);
log_record_t run_at(const run_t *self, size_t index);

#endif
