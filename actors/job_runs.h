/* SPDX-License-Identifier: MIT */
/*
 * job_runs: the life of a job's runs. At most one goes on, and its work is done off the shard, step by step:
 *
 *   job_runs_add ─► RUNNING ─► SUCCEEDED            order(step n) ─► job_runs_worked(n) ─► order(step n + 1) …
 *      │  │           │ ▲ └──► FAILED                     └─► lost ─► job_runs_lost(n) ─► order(step n) once more
 *      │  └► WAITING ─┼─┘ └──► CANCELLED
 *      └► SKIPPED     └─ steps
 *
 * Used by the handlers of job within a turn. The functions write rows and change `job`, which the caller writes when
 * they return OK; anything else the handler returns in turn.
 */
#ifndef DORAN_ACTORS_JOB_RUNS_H
#define DORAN_ACTORS_JOB_RUNS_H

#include "actors/job_rows.h"

/* A job that is built in: no others can run. Its work (work.h) has its name, a job_step as input and a job_worked as
   result. */
typedef struct job_built_in {
    const char *name;
    const record_t *params; /* of the job; all fields are optional */
} job_built_in_t;

/* NULL: there is no such job. */
const job_built_in_t *job_runs_built_in(span_t name);

/* A new run, which begins, waits, cancels the one that goes on, or is skipped, as overlap says. One whose work there is
   not (any more) fails instead of going on; so do the others that wait. */
MUST_USE status_t job_runs_add(turn_t *turn, job_t *job, uint64_t due_ms, job_trigger_t trigger, job_row_t *row);
/* Would it be skipped? Then why, in a sentence. */
bool job_runs_refuses(const job_t *job, job_trigger_t trigger, char *cause, size_t cause_bytes);
/* A run that is skipped for this cause. */
MUST_USE status_t job_runs_skip(turn_t *turn, job_t *job, uint64_t due_ms, job_trigger_t trigger, const char *cause);
/* A run that fails before it begins, for this cause. */
MUST_USE status_t job_runs_fail(turn_t *turn, job_t *job, uint64_t due_ms, job_trigger_t trigger, const char *cause);
/* Ends a run that has not ended; a waiting one may begin. */
MUST_USE status_t job_runs_cancel(turn_t *turn, job_t *job, job_row_t *row, const char *cause);

/* A step was done. What is not waited for any more (of a step that was thought lost) changes nothing. */
MUST_USE status_t job_runs_worked(turn_t *turn, job_t *job, const job_worked_t *worked);
/* A step should be done by now: if it is still waited for, it was lost. */
MUST_USE status_t job_runs_lost(turn_t *turn, job_t *job, uint64_t run, uint64_t step);
/* The run that goes on fails if its guard is lost, too: no step was begun for long before until_ms, the time of the
   timer whose turn it is. If none goes on, one that was left waiting begins. */
MUST_USE status_t job_runs_end_stuck(turn_t *turn, job_t *job, uint64_t until_ms);

#endif
