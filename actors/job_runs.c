/* SPDX-License-Identifier: MIT */
/*
 * Each step has a number, and its result says which step it is of: so a step that was thought lost and comes back late
 * is told from the one that is waited for. Lost is what the guard's timer finds still waited for.
 */
#include "actors/job_runs.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    GUARD_MS = 10000,         /* a step that is not back by then is lost */
    STUCK_MS = 10 * GUARD_MS, /* nothing was heard of a step, not even that it was lost */
    LOST_MAX = 5,             /* times one step may be lost */
    WAITING_MAX = 100,        /* runs that wait */
    FAILED_MAX = 16,          /* of them that one turn has fail, for their work is gone */
    CAUSE_BYTES = 200,
    WHOLE = 100, /* percent */
};

#define NO_WORK "There is no job of this name any more"

/* Each has a work of the same name. */
static const job_built_in_t built_ins[] = {
    {.name = "user-statistics", .params = &record_user_statistics_params},
};

const job_built_in_t *job_runs_built_in(span_t name) {
    for (size_t i = 0; i < ARRAY_LENGTH(built_ins); i++) {
        if (span_equal(name, span_text(built_ins[i].name))) {
            return &built_ins[i];
        }
    }
    return NULL;
}

/* Begin */

/* False: a job of an older release, say. Then a run of it fails. */
static bool has_work(const turn_t *turn) {
    return work_find(turn_key(turn)) != NULL;
}

/* Has the step done that the row stands at. has_work. */
static status_t order(turn_t *turn, const job_t *job, job_row_t *row) {
    const work_t *work = work_find(turn_key(turn));
    job_step_t step = {0};
    job_guard_t guard = {0};
    FIELD_SET(job_row, row, ordered_at, turn_now(turn));
    FIELD_SET(job_step, &step, job, turn_key(turn));
    FIELD_SET(job_step, &step, run, row->run);
    FIELD_SET(job_step, &step, step, row->step);
    FIELD_SET(job_step, &step, started_at, row->started_at);
    FIELD_COPY(job_step, &step, job, job, params);
    FIELD_COPY(job_step, &step, job_row, row, cursor);
    FIELD_COPY(job_step, &step, job_row, row, totals);
    FIELD_SET(job_guard, &guard, run, row->run);
    FIELD_SET(job_guard, &guard, step, row->step);
    status_t status = turn_at(turn, turn_now(turn) + GUARD_MS, METHOD_job_guard, span_text(""), &guard);
    return status == STATUS_OK ? turn_work(turn, work, &step, METHOD_job_worked) : status;
}

/* cause is copied; NULL: there is none, or it stands there already. */
static void end_row(turn_t *turn, job_row_t *row, job_run_state_t state, const char *cause) {
    row->present &= ~(FIELD_BIT(job_row, cursor) | FIELD_BIT(job_row, totals));
    FIELD_SET(job_row, row, state, state);
    FIELD_SET(job_row, row, ended_at, turn_now(turn));
    if (cause != NULL) {
        size_t len = strlen(cause);
        FIELD_SET(job_row, row, cause, span_of(memcpy(turn_alloc(turn, len), cause, len), len));
    }
}

/* It goes on from here, or has failed. */
static status_t begin(turn_t *turn, job_t *job, job_row_t *row) {
    if (!has_work(turn)) {
        end_row(turn, row, job_run_state_FAILED, NO_WORK);
        return STATUS_OK;
    }
    FIELD_SET(job_row, row, state, job_run_state_RUNNING);
    FIELD_SET(job_row, row, started_at, turn_now(turn));
    FIELD_SET(job_row, row, attempt, 1);
    FIELD_SET(job_row, row, step, 1);
    FIELD_SET(job, job, running, row->run);
    return order(turn, job, row);
}

static status_t begin_one(turn_t *turn, job_t *job, uint64_t run) {
    job_row_t row;
    job->waiting--;
    status_t status = job_rows_wait_no_longer(turn, run);
    if (status == STATUS_OK) {
        status = job_rows_get(turn, run, &row);
    }
    if (status == STATUS_OK) {
        status = begin(turn, job, &row);
    }
    return status == STATUS_OK ? job_rows_put(turn, &row, job->runs) : status;
}

/* The next one that can. Those that are left behind many that cannot are for the next due time. */
static status_t begin_waiting(turn_t *turn, job_t *job) {
    status_t status = STATUS_OK;
    uint64_t run = 1;
    for (int i = 0; i < FAILED_MAX && status == STATUS_OK && run != 0 && !FIELD_HAS(job, job, running); i++) {
        status = job_rows_waiting(turn, &run);
        if (status == STATUS_OK && run != 0) {
            status = begin_one(turn, job, run);
        }
    }
    return status;
}

/* The run that goes on ends. */
static status_t end(turn_t *turn, job_t *job, job_row_t *row, job_run_state_t state, const char *cause) {
    end_row(turn, row, state, cause);
    job->present &= ~FIELD_BIT(job, running);
    status_t status = job_rows_put(turn, row, job->runs);
    return status == STATUS_OK ? turn_cancel(turn, METHOD_job_guard, span_text("")) : status;
}

static status_t end_and_go_on(turn_t *turn, job_t *job, job_row_t *row, job_run_state_t state, const char *cause) {
    status_t status = end(turn, job, row, state, cause);
    return status == STATUS_OK ? begin_waiting(turn, job) : status;
}

static status_t cancel_running(turn_t *turn, job_t *job, uint64_t by) {
    char cause[CAUSE_BYTES];
    job_row_t row;
    snprintf(cause, sizeof cause, "Run %" PRIu64 " was due", by);
    status_t status = job_rows_get(turn, job->running, &row);
    return status == STATUS_OK ? end(turn, job, &row, job_run_state_CANCELLED, cause) : status;
}

/* What is made up for in full waits, as it was asked for. */
static job_overlap_t overlap_of(const job_t *job, job_trigger_t trigger) {
    bool all = trigger == job_trigger_catch_up && job->catch_up == job_catch_up_all;
    return all && job->overlap != job_overlap_cancel_other ? job_overlap_buffer_all : (job_overlap_t)job->overlap;
}

bool job_runs_refuses(const job_t *job, job_trigger_t trigger, char *cause, size_t cause_bytes) {
    if (!FIELD_HAS(job, job, running)) {
        return false;
    }
    switch (overlap_of(job, trigger)) {
    case job_overlap_skip:
    case job_overlap_allow_all: /* is not taken */
        snprintf(cause, cause_bytes, "Run %" PRIu64 " goes on", job->running);
        return true;
    case job_overlap_buffer_one:
        snprintf(cause, cause_bytes, "Run %" PRIu64 " goes on, and another one waits", job->running);
        return job->waiting > 0;
    case job_overlap_buffer_all:
        snprintf(cause, cause_bytes, "Run %" PRIu64 " goes on, and %d others wait", job->running, WAITING_MAX);
        return job->waiting >= WAITING_MAX;
    case job_overlap_cancel_other:
        return false;
    case job_overlap_COUNT:
        break;
    }
    CHECK(false, "overlap %u", job->overlap);
}

static job_row_t new_row(turn_t *turn, job_t *job, uint64_t due_ms, job_trigger_t trigger) {
    job_items_t items = {0};
    job_row_t row = {0};
    FIELD_SET(job_items, &items, done, 0);
    FIELD_SET(job_items, &items, skipped, 0);
    FIELD_SET(job_items, &items, failed, 0);
    FIELD_SET(job, job, runs, job->runs + 1);
    FIELD_SET(job_row, &row, run, job->runs);
    FIELD_SET(job_row, &row, due, due_ms);
    FIELD_SET(job_row, &row, trigger, trigger);
    FIELD_SET(job_row, &row, state, job_run_state_WAITING);
    FIELD_SET(job_row, &row, attempt, 0);
    FIELD_SET(job_row, &row, progress, 0);
    FIELD_SET(job_row, &row, items, job_rows_pack(turn, &record_job_items, &items));
    FIELD_SET(job_row, &row, step, 0);
    FIELD_SET(job_row, &row, lost, 0);
    return row;
}

static status_t add_ended(turn_t *turn, job_row_t *row, job_run_state_t state, const char *cause) {
    end_row(turn, row, state, cause);
    return job_rows_add(turn, row);
}

status_t job_runs_skip(turn_t *turn, job_t *job, uint64_t due_ms, job_trigger_t trigger, const char *cause) {
    job_row_t row = new_row(turn, job, due_ms, trigger);
    return add_ended(turn, &row, job_run_state_SKIPPED, cause);
}

status_t job_runs_fail(turn_t *turn, job_t *job, uint64_t due_ms, job_trigger_t trigger, const char *cause) {
    job_row_t row = new_row(turn, job, due_ms, trigger);
    return add_ended(turn, &row, job_run_state_FAILED, cause);
}

status_t job_runs_add(turn_t *turn, job_t *job, uint64_t due_ms, job_trigger_t trigger, job_row_t *row) {
    char cause[CAUSE_BYTES];
    status_t status = STATUS_OK;
    *row = new_row(turn, job, due_ms, trigger);
    if (job_runs_refuses(job, trigger, cause, sizeof cause)) {
        end_row(turn, row, job_run_state_SKIPPED, cause);
    } else if (!FIELD_HAS(job, job, running)) {
        status = begin(turn, job, row);
    } else if (job->overlap == job_overlap_cancel_other) {
        status = cancel_running(turn, job, row->run);
        status = status == STATUS_OK ? begin(turn, job, row) : status;
    } else {
        job->waiting++;
        status = job_rows_wait(turn, row->run);
    }
    return status == STATUS_OK ? job_rows_add(turn, row) : status;
}

status_t job_runs_cancel(turn_t *turn, job_t *job, job_row_t *row, const char *cause) {
    if (row->state == job_run_state_RUNNING) {
        return end_and_go_on(turn, job, row, job_run_state_CANCELLED, cause);
    }
    job->waiting--;
    end_row(turn, row, job_run_state_CANCELLED, cause);
    status_t status = job_rows_wait_no_longer(turn, row->run);
    return status == STATUS_OK ? job_rows_put(turn, row, job->runs) : status;
}

/* Go on */

/* The row that this step belongs to, if it is waited for. */
static status_t awaited(turn_t *turn, const job_t *job, uint64_t run, uint64_t step, job_row_t *row, bool *is) {
    *is = false;
    if (!FIELD_HAS(job, job, running) || job->running != run) {
        return STATUS_OK;
    }
    status_t status = job_rows_get(turn, run, row);
    *is = status == STATUS_OK && row->step == step;
    return status;
}

static status_t succeed(turn_t *turn, job_t *job, job_row_t *row, const job_worked_t *worked) {
    status_t status = STATUS_OK;
    FIELD_SET(job_row, row, progress, WHOLE);
    if (FIELD_HAS(job_worked, worked, report) && row->run + JOB_REPORTS_KEPT > job->runs) {
        FIELD_SET(job, job, reported, row->run);
        status = job_rows_report_put(turn, row->run, worked->report);
    }
    return status == STATUS_OK ? end_and_go_on(turn, job, row, job_run_state_SUCCEEDED, NULL) : status;
}

static status_t go_on(turn_t *turn, job_t *job, job_row_t *row, const job_worked_t *worked) {
    row->present &= ~(FIELD_BIT(job_row, cursor) | FIELD_BIT(job_row, totals));
    FIELD_SET(job_row, row, step, row->step + 1);
    FIELD_SET(job_row, row, lost, 0);
    FIELD_SET(job_row, row, progress, worked->progress);
    FIELD_COPY(job_row, row, job_worked, worked, cursor);
    FIELD_COPY(job_row, row, job_worked, worked, totals);
    if (!has_work(turn)) {
        return end_and_go_on(turn, job, row, job_run_state_FAILED, NO_WORK);
    }
    status_t status = order(turn, job, row);
    return status == STATUS_OK ? job_rows_put(turn, row, job->runs) : status;
}

static status_t fail(turn_t *turn, job_t *job, job_row_t *row, span_t cause) {
    FIELD_SET(job_row, row, cause, cause);
    return end_and_go_on(turn, job, row, job_run_state_FAILED, NULL);
}

status_t job_runs_worked(turn_t *turn, job_t *job, const job_worked_t *worked) {
    job_row_t row;
    bool is;
    status_t status = awaited(turn, job, worked->run, worked->step, &row, &is);
    if (status != STATUS_OK || !is) {
        return status;
    }
    FIELD_SET(job_row, &row, items, worked->items);
    if (FIELD_HAS(job_worked, worked, cause)) {
        return fail(turn, job, &row, worked->cause);
    }
    return worked->done ? succeed(turn, job, &row, worked) : go_on(turn, job, &row, worked);
}

status_t job_runs_lost(turn_t *turn, job_t *job, uint64_t run, uint64_t step) {
    job_row_t row;
    bool is;
    status_t status = awaited(turn, job, run, step, &row, &is);
    if (status != STATUS_OK || !is) {
        return status;
    }
    row.lost++;
    if (row.lost >= LOST_MAX) {
        return end_and_go_on(turn, job, &row, job_run_state_FAILED, "Its work was lost again and again");
    }
    if (!has_work(turn)) {
        return end_and_go_on(turn, job, &row, job_run_state_FAILED, NO_WORK);
    }
    row.attempt++;
    status = order(turn, job, &row);
    return status == STATUS_OK ? job_rows_put(turn, &row, job->runs) : status;
}

/* Timers fire in the order of their times, so the guard of that step had its turn before. */
static bool is_stuck(const job_row_t *row, uint64_t until_ms) {
    uint64_t last_ms = FIELD_OR(job_row, row, ordered_at, row->started_at);
    return until_ms > last_ms && until_ms - last_ms > STUCK_MS;
}

status_t job_runs_end_stuck(turn_t *turn, job_t *job, uint64_t until_ms) {
    job_row_t row;
    if (!FIELD_HAS(job, job, running)) {
        return job->waiting > 0 ? begin_waiting(turn, job) : STATUS_OK;
    }
    if (job_rows_get(turn, job->running, &row) != STATUS_OK || !is_stuck(&row, until_ms)) {
        return STATUS_OK; /* a row that cannot be read is no reason to begin no runs */
    }
    return end_and_go_on(turn, job, &row, job_run_state_FAILED, "Nothing was heard of its work any more");
}
