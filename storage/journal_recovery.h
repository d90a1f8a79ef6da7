/* SPDX-License-Identifier: MIT */
/*
 * journal_recovery: what journal_open does before anything may be appended: finds where the journal ends, tells damage
 * from a torn tail, and makes what it accepted durable. The rules are in journal.h. Before the ring starts; one thread.
 */
#ifndef DORAN_STORAGE_JOURNAL_RECOVERY_H
#define DORAN_STORAGE_JOURNAL_RECOVERY_H

#include "storage/segment_list.h"

typedef struct journal_recovery {
    segment_list_t segments; /* open for writing, from the one with `applied` on */
    uint64_t end;            /* where the journal goes on */
    uint64_t generation;     /* the highest used before */
} journal_recovery_t;

/* Outputs `recovered`, whose segments then belong to the caller. At least one segment exists. */
MUST_USE status_t journal_recover(int folder, const uint8_t folder_id[16], uint64_t applied, uint64_t generation,
                                  journal_visit_fn visit, void *context, journal_recovery_t *recovered,
                                  failure_t failure);

#endif
