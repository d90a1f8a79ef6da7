/* SPDX-License-Identifier: MIT */
/*
 * job_rows: what a job keeps in its own keys: a row for each of its last runs, which of them wait for their turn, and
 * the last reports. Used by the handlers of job within a turn; what is got lies in memory of the turn.
 *
 *   'r' run   a job_row     'w' run   empty: this run waits     'p' run   a report, msgpack          run: 8 bytes, big
 * endian
 */
#ifndef DORAN_ACTORS_JOB_ROWS_H
#define DORAN_ACTORS_JOB_ROWS_H

#include "actors/turn.h"

enum { JOB_RUNS_KEPT = 1000, JOB_REPORTS_KEPT = 100, JOB_PAGE_MAX = 100 };

/* NOT_FOUND: no such run, or no longer. INTERNAL: the row is damaged. */
MUST_USE status_t job_rows_get(turn_t *turn, uint64_t run, job_row_t *row);
/* The row of a new run, with the number after the last. The row and the report that are too old then go, unless that
   run has not ended. */
MUST_USE status_t job_rows_add(turn_t *turn, const job_row_t *row);
/* A row that was there. `last` is the number of the last run: a run that ends when it is too old to be kept goes. */
MUST_USE status_t job_rows_put(turn_t *turn, const job_row_t *row, uint64_t last);
bool job_rows_ended(const job_row_t *row);

MUST_USE status_t job_rows_wait(turn_t *turn, uint64_t run);
MUST_USE status_t job_rows_wait_no_longer(turn_t *turn, uint64_t run);
/* The run that has waited for longest; 0: none waits. */
MUST_USE status_t job_rows_waiting(turn_t *turn, uint64_t *run);

/* Up to `limit` (of JOB_PAGE_MAX) stored rows with numbers below `before`, the latest first. */
typedef struct job_page {
    span_t rows[JOB_PAGE_MAX]; /* job_row, valid until the next write */
    uint32_t count;
    uint64_t first; /* rows below this number were not looked for */
} job_page_t;
MUST_USE status_t job_rows_page(turn_t *turn, uint64_t before, uint32_t limit, job_page_t *page);

MUST_USE status_t job_rows_report_put(turn_t *turn, uint64_t run, span_t report);
MUST_USE status_t job_rows_report_get(turn_t *turn, uint64_t run, span_t *report); /* NOT_FOUND */

/* The record, encoded in memory of the turn. For records that take at most JOB_RECORD_BYTES. */
enum { JOB_RECORD_BYTES = 20480 };
span_t job_rows_pack(turn_t *turn, const record_t *record, const void *in);

#endif
