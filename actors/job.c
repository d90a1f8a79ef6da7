/* SPDX-License-Identifier: MIT */
/*
 * job: batch work at set times. Each due time begins one run, also across restarts, because the turn that begins it
 * sets the timer for the next one, which is later: due times only move forward. What becomes of runs is for job_runs.
 */
#include <stdio.h>

#include "actors/job_runs.h"
#include "actors/schedule.h"
#include "schemas/list.h"

#define CRON_TIME_ZONE "UTC" /* if none is named */

enum {
    LATE_MS = 60000,   /* a due time that is later than this was missed */
    MADE_UP_MAX = 100, /* missed due times that are made up for, one after another */
    SENTENCE_BYTES = 200,
    CAUSE_BYTES = 300,
    MS_PER_S = 1000,
    NEXT_COUNT = 10, /* if none is asked for */
    RUNS_LIMIT = 20, /* the same */
};

/* Due times */

static status_t plan_of(const job_t *job, schedule_t *schedule, schedule_error_t *error) {
    job_schedule_t parts;
    job_dst_t dst;
    record_read(&record_job_schedule, job->schedule, &parts);
    record_read(&record_job_dst, job->dst, &dst);
    bool cron = FIELD_HAS(job_schedule, &parts, cron), every = FIELD_HAS(job_schedule, &parts, every_s);
    if (cron + every + FIELD_HAS(job_schedule, &parts, at) != 1) {
        *error = (schedule_error_t){.text = "schedule: exactly one of cron, every_s and at"};
        return STATUS_INVALID;
    }
    schedule_plan_t plan = {
        .type = cron    ? SCHEDULE_CRON
                : every ? SCHEDULE_EVERY
                        : SCHEDULE_AT,
        .cron = parts.cron,
        .every_s = parts.every_s,
        .at_ms = parts.at,
        .anchor_ms = job->created_at,
        .time_zone = job->time_zone,
        .gap = dst.gap == job_gap_after ? SCHEDULE_GAP_AFTER : SCHEDULE_GAP_SKIP,
        .fold = dst.fold == job_fold_both ? SCHEDULE_FOLD_BOTH : SCHEDULE_FOLD_FIRST,
    };
    return schedule_parse(schedule, &plan, error);
}

/* The schedule of a job that was taken before. */
static status_t stored_plan(turn_t *turn, const job_t *job, schedule_t *schedule) {
    schedule_error_t error;
    status_t status = plan_of(job, schedule, &error);
    return status == STATUS_OK ? status : turn_fail(turn, STATUS_INTERNAL, "%s", error.text);
}

static uint64_t start_of(const turn_t *turn, const job_t *job, uint64_t due_ms) {
    return due_ms + schedule_jitter_ms(due_ms, turn_key(turn), job->jitter_s);
}

static void set_due(job_t *job, const schedule_t *schedule, uint64_t after_ms) {
    uint64_t due_ms;
    job->present &= ~FIELD_BIT(job, due);
    if (schedule_next(schedule, after_ms, &due_ms)) {
        FIELD_SET(job, job, due, due_ms);
    }
}

static status_t set_timer(turn_t *turn, const job_t *job) {
    job_fire_t fire = {0};
    if (!job->enabled || !FIELD_HAS(job, job, due)) {
        return turn_cancel(turn, METHOD_job_due, span_text(""));
    }
    FIELD_SET(job_fire, &fire, due, job->due);
    return turn_at(turn, start_of(turn, job, job->due), METHOD_job_due, span_text(""), &fire);
}

/* A due time has come */

/* So late that it was not the machine that was slow, or by a whole period. That a run begins behind the one before, in
   spite of jitter, is not late. */
static bool was_missed(const turn_t *turn, const job_t *job, const schedule_t *schedule) {
    uint64_t now = turn_now(turn), latest = job->due + job->jitter_s * MS_PER_S, next;
    uint64_t late = now > latest ? now - latest : 0;
    return job->due <= FIELD_OR(job, job, behind, 0) || late > LATE_MS ||
           (schedule_next(schedule, job->due, &next) && late >= next - job->due);
}

/* until: due times up to here should have begun. after: what is dealt with. */
static status_t make_up(turn_t *turn, job_t *job, const schedule_t *schedule, uint64_t until, uint64_t *after) {
    uint64_t latest = job->due;
    job_row_t row;
    switch ((job_catch_up_t)job->catch_up) {
    case job_catch_up_none:
        *after = until;
        return job_runs_skip(turn, job, job->due, job_trigger_schedule,
                             "It was missed, and missed due times are not made up for");
    case job_catch_up_latest:
    case job_catch_up_window: /* is not taken */
        *after = schedule_last(schedule, job->due, until, &latest) ? latest : job->due;
        return job_runs_add(turn, job, *after, job_trigger_catch_up, &row);
    case job_catch_up_all:
        if (job->made_up < MADE_UP_MAX) {
            FIELD_SET(job, job, behind, until);
            job->made_up++;
            *after = job->due;
            return job_runs_add(turn, job, job->due, job_trigger_catch_up, &row);
        }
        *after = until;
        return job_runs_skip(turn, job, job->due, job_trigger_catch_up,
                             "More due times were missed than are made up for");
    case job_catch_up_COUNT:
        break;
    }
    CHECK(false, "catch_up %u", job->catch_up);
}

static status_t fire(turn_t *turn, job_t *job, const schedule_t *schedule) {
    uint64_t now = turn_now(turn), jitter_ms = job->jitter_s * MS_PER_S, after = job->due;
    uint64_t until = now > job->due + jitter_ms ? now - jitter_ms : job->due;
    status_t status;
    job_row_t row;
    if (was_missed(turn, job, schedule)) {
        status = make_up(turn, job, schedule, until, &after);
    } else {
        job->made_up = 0;
        status = job_runs_add(turn, job, job->due, job_trigger_schedule, &row);
    }
    FIELD_SET(job, job, fired, after);
    set_due(job, schedule, after);
    return status;
}

/* The plan of a job that was taken before cannot be read any more: its time zone is gone, say. Due times there are none
   then; the run that fails for it says why, and resume says it once more. */
static status_t rest(turn_t *turn, job_t *job, const char *error) {
    char cause[CAUSE_BYTES];
    snprintf(cause, sizeof cause, "The job was paused, for its plan cannot be read any more: %s", error);
    status_t status = job_runs_fail(turn, job, job->due, job_trigger_schedule, cause);
    FIELD_SET(job, job, fired, job->due);
    FIELD_SET(job, job, enabled, false);
    FIELD_SET(job, job, updated_at, turn_now(turn));
    job->present &= ~FIELD_BIT(job, due);
    return status;
}

static status_t fire_or_rest(turn_t *turn, job_t *job) {
    schedule_error_t error;
    schedule_t schedule;
    status_t status = plan_of(job, &schedule, &error);
    if (status != STATUS_OK) {
        return rest(turn, job, error.text);
    }
    status = fire(turn, job, &schedule);
    schedule_fini(&schedule);
    return status;
}

static status_t due(turn_t *turn, const void *state, const void *request) {
    const job_fire_t *asked = request;
    job_t job = *(const job_t *)state;
    if (!job.enabled || !FIELD_HAS(job, &job, due) || job.due != asked->due) {
        return STATUS_OK; /* the plan was changed meanwhile */
    }
    status_t status = job_runs_end_stuck(turn, &job, start_of(turn, &job, job.due));
    if (status == STATUS_OK) {
        status = fire_or_rest(turn, &job);
    }
    if (status == STATUS_OK) {
        status = set_timer(turn, &job);
    }
    return status == STATUS_OK ? turn_state(turn, &job) : status;
}

/* Steps of work */

/* What became of a run shows in which one goes on; a step in between changes its row only. */
static status_t keep(turn_t *turn, status_t status, const job_t *old, const job_t *job) {
    bool same = old->present == job->present && old->running == job->running;
    return status == STATUS_OK && !same ? turn_state(turn, job) : status;
}

static status_t worked(turn_t *turn, const void *state, const void *request) {
    job_t job = *(const job_t *)state;
    return keep(turn, job_runs_worked(turn, &job, request), state, &job);
}

static status_t guard(turn_t *turn, const void *state, const void *request) {
    const job_guard_t *asked = request;
    job_t job = *(const job_t *)state;
    return keep(turn, job_runs_lost(turn, &job, asked->run, asked->step), state, &job);
}

/* What people ask */

static status_t reply_job(turn_t *turn, const job_t *job) {
    job_view_t view = {0};
    FIELD_SET(job_view, &view, name, turn_key(turn));
    FIELD_SET(job_view, &view, version, turn_version(turn));
    FIELD_COPY(job_view, &view, job, job, schedule);
    FIELD_COPY(job_view, &view, job, job, time_zone);
    FIELD_COPY(job_view, &view, job, job, overlap);
    FIELD_COPY(job_view, &view, job, job, catch_up);
    FIELD_COPY(job_view, &view, job, job, dst);
    FIELD_COPY(job_view, &view, job, job, jitter_s);
    FIELD_COPY(job_view, &view, job, job, enabled);
    FIELD_COPY(job_view, &view, job, job, params);
    FIELD_COPY(job_view, &view, job, job, due);
    FIELD_COPY(job_view, &view, job, job, runs);
    FIELD_COPY(job_view, &view, job, job, running);
    FIELD_COPY(job_view, &view, job, job, waiting);
    FIELD_COPY(job_view, &view, job, job, created_at);
    FIELD_COPY(job_view, &view, job, job, updated_at);
    return turn_reply(turn, &view);
}

static span_t run_id(turn_t *turn, uint64_t number) {
    enum { NUMBER_BYTES = 22 }; /* with its dash and NUL */
    span_t job = turn_key(turn);
    char *id = turn_alloc(turn, job.len + NUMBER_BYTES);
    int len = snprintf(id, job.len + NUMBER_BYTES, "%.*s-%llu", (int)job.len, (const char *)job.ptr,
                       (unsigned long long)number);
    return span_of(id, (size_t)len);
}

static void run_of(turn_t *turn, const job_row_t *row, job_run_t *run) {
    *run = (job_run_t){0};
    FIELD_SET(job_run, run, id, run_id(turn, row->run));
    FIELD_SET(job_run, run, job, turn_key(turn));
    FIELD_COPY(job_run, run, job_row, row, run);
    FIELD_COPY(job_run, run, job_row, row, due);
    FIELD_COPY(job_run, run, job_row, row, trigger);
    FIELD_COPY(job_run, run, job_row, row, state);
    FIELD_COPY(job_run, run, job_row, row, attempt);
    FIELD_COPY(job_run, run, job_row, row, progress);
    FIELD_COPY(job_run, run, job_row, row, items);
    FIELD_COPY(job_run, run, job_row, row, started_at);
    FIELD_COPY(job_run, run, job_row, row, ended_at);
    FIELD_COPY(job_run, run, job_row, row, cause);
}

static status_t reply_run(turn_t *turn, const job_row_t *row) {
    job_run_t run;
    run_of(turn, row, &run);
    return turn_reply(turn, &run);
}

/* In one form, so that equal plans have equal bytes. */
static void set_plan(turn_t *turn, const job_put_t *asked, job_t *job) {
    job_schedule_t schedule;
    job_dst_t dst = {0};
    record_read(&record_job_schedule, asked->schedule, &schedule);
    if (FIELD_HAS(job_put, asked, dst)) {
        record_read(&record_job_dst, asked->dst, &dst);
    }
    FIELD_SET(job_dst, &dst, gap, FIELD_OR(job_dst, &dst, gap, job_gap_after));
    FIELD_SET(job_dst, &dst, fold, FIELD_OR(job_dst, &dst, fold, job_fold_first));
    FIELD_SET(job, job, schedule, job_rows_pack(turn, &record_job_schedule, &schedule));
    FIELD_SET(job, job, dst, job_rows_pack(turn, &record_job_dst, &dst));
    FIELD_SET(job, job, time_zone, FIELD_OR(job_put, asked, time_zone, span_text(CRON_TIME_ZONE)));
    FIELD_SET(job, job, overlap, FIELD_OR(job_put, asked, overlap, job_overlap_skip));
    FIELD_SET(job, job, catch_up, FIELD_OR(job_put, asked, catch_up, job_catch_up_latest));
    FIELD_SET(job, job, jitter_s, FIELD_OR(job_put, asked, jitter_s, 0));
    FIELD_SET(job, job, enabled, FIELD_OR(job_put, asked, enabled, true));
    job->present &= ~FIELD_BIT(job, params);
    FIELD_COPY(job, job, job_put, asked, params);
    FIELD_SET(job, job, updated_at, turn_now(turn));
}

static job_t new_job(const turn_t *turn) {
    job_t job = {0};
    FIELD_SET(job, &job, made_up, 0);
    FIELD_SET(job, &job, runs, 0);
    FIELD_SET(job, &job, waiting, 0);
    FIELD_SET(job, &job, created_at, turn_now(turn));
    return job;
}

static bool same_plan(const job_t *one, const job_t *other) {
    return span_equal(one->schedule, other->schedule) && span_equal(one->dst, other->dst) &&
           span_equal(one->time_zone, other->time_zone);
}

/* A due time before this moment is dealt with, or was before the job was enabled. */
static uint64_t from_now(const turn_t *turn, const job_t *job) {
    uint64_t now = turn_now(turn), fired = FIELD_OR(job, job, fired, 0);
    return now > fired ? now : fired;
}

/* Where in a request the part of the schedule is that says when. */
static const char *pointer_to_plan(const job_t *job) {
    job_schedule_t parts;
    record_read(&record_job_schedule, job->schedule, &parts);
    bool cron = FIELD_HAS(job_schedule, &parts, cron), at = FIELD_HAS(job_schedule, &parts, at);
    return cron == at || FIELD_HAS(job_schedule, &parts, every_s) ? "/schedule"
           : cron                                                 ? "/schedule/cron"
                                                                  : "/schedule/at";
}

/* old NULL: a new job. A plan that stays keeps its due time, which may be just about to be dealt with. */
static status_t replan(turn_t *turn, const job_t *old, job_t *job) {
    schedule_error_t error;
    schedule_t schedule;
    uint64_t ever;
    status_t status = plan_of(job, &schedule, &error);
    if (status != STATUS_OK) {
        return turn_fail_at(turn, error.of_zone ? "/time_zone" : pointer_to_plan(job), "%s", error.text);
    }
    bool same = old != NULL && same_plan(old, job);
    if (!same && !schedule_next(&schedule, turn_now(turn), &ever)) {
        status = turn_fail_at(turn, pointer_to_plan(job), "schedule: it is never due");
    } else if (!job->enabled) {
        job->present &= ~FIELD_BIT(job, due);
    } else if (!same || !FIELD_HAS(job, job, due)) {
        job->made_up = 0;
        job->present &= ~FIELD_BIT(job, behind);
        set_due(job, &schedule, same ? from_now(turn, job) : turn_now(turn));
    }
    schedule_fini(&schedule);
    return status;
}

/* given: a version that the job is to have; 0: it is not to be there. */
static status_t check_version(turn_t *turn, bool given, uint64_t version) {
    if (given && version != turn_version(turn)) {
        return turn_fail(turn, STATUS_PRECONDITION_FAILED, "the current version is %llu",
                         (unsigned long long)turn_version(turn));
    }
    return STATUS_OK;
}

static status_t check_put(turn_t *turn, const job_put_t *asked) {
    const job_built_in_t *built_in = job_runs_built_in(turn_key(turn));
    if (built_in == NULL) {
        return turn_fail(turn, STATUS_INVALID, "There is no job of this name");
    }
    if (FIELD_HAS(job_put, asked, overlap) && asked->overlap == job_overlap_allow_all) {
        return turn_fail_at(turn, "/overlap", "overlap: allow_all is not offered: one run at a time");
    }
    if (FIELD_HAS(job_put, asked, catch_up) && asked->catch_up == job_catch_up_window) {
        return turn_fail_at(turn, "/catch_up", "catch_up: window is not offered yet");
    }
    void *params = turn_alloc(turn, built_in->params->struct_bytes);
    if (FIELD_HAS(job_put, asked, params) && record_load(built_in->params, asked->params, params) != STATUS_OK) {
        return turn_fail_at(turn, "/params", "params: not as %s has them", built_in->params->name);
    }
    return check_version(turn, FIELD_HAS(job_put, asked, version), asked->version);
}

static status_t put(turn_t *turn, const void *state, const void *request) {
    const job_t *old = state;
    job_t job = old != NULL ? *old : new_job(turn);
    status_t status = check_put(turn, request);
    if (status != STATUS_OK) {
        return status;
    }
    set_plan(turn, request, &job);
    status = replan(turn, old, &job);
    if (status == STATUS_OK) {
        status = set_timer(turn, &job);
    }
    if (status == STATUS_OK) {
        status = turn_state(turn, &job);
    }
    return status == STATUS_OK ? reply_job(turn, &job) : status;
}

static status_t get(turn_t *turn, const void *state, const void *request) {
    (void)request;
    return reply_job(turn, state);
}

static status_t set_enabled(turn_t *turn, const job_t *old, const job_version_t *asked, bool enabled) {
    job_t job = *old;
    status_t status = check_version(turn, FIELD_HAS(job_version, asked, version), asked->version);
    if (status != STATUS_OK) {
        return status;
    }
    if (old->enabled == enabled) {
        return reply_job(turn, old);
    }
    FIELD_SET(job, &job, enabled, enabled);
    FIELD_SET(job, &job, updated_at, turn_now(turn));
    status = replan(turn, old, &job);
    if (status == STATUS_OK) {
        status = set_timer(turn, &job);
    }
    if (status == STATUS_OK) {
        status = turn_state(turn, &job);
    }
    return status == STATUS_OK ? reply_job(turn, &job) : status;
}

static status_t pause_due(turn_t *turn, const void *state, const void *request) {
    return set_enabled(turn, state, request, false);
}

static status_t resume(turn_t *turn, const void *state, const void *request) {
    return set_enabled(turn, state, request, true);
}

static status_t run(turn_t *turn, const void *state, const void *request) {
    job_t job = *(const job_t *)state;
    char cause[SENTENCE_BYTES];
    job_row_t row;
    (void)request;
    if (job_runs_refuses(&job, job_trigger_manual, cause, sizeof cause)) {
        return turn_fail(turn, STATUS_CONFLICT, "%s", cause);
    }
    status_t status = job_runs_add(turn, &job, turn_now(turn), job_trigger_manual, &row);
    if (status == STATUS_OK) {
        status = turn_state(turn, &job);
    }
    return status == STATUS_OK ? reply_run(turn, &row) : status;
}

static status_t cancel(turn_t *turn, const void *state, const void *request) {
    const job_cancel_request_t *asked = request;
    job_t job = *(const job_t *)state;
    job_row_t row;
    if (!FIELD_HAS(job_cancel_request, asked, run) && !FIELD_HAS(job, &job, running)) {
        return turn_fail(turn, STATUS_CONFLICT, "No run goes on");
    }
    status_t status = job_rows_get(turn, FIELD_OR(job_cancel_request, asked, run, job.running), &row);
    if (status != STATUS_OK) {
        return status;
    }
    if (job_rows_ended(&row)) {
        return turn_fail(turn, STATUS_CONFLICT, "The run has ended");
    }
    status = job_runs_cancel(turn, &job, &row, "It was cancelled by hand");
    if (status == STATUS_OK) {
        status = turn_state(turn, &job);
    }
    return status == STATUS_OK ? reply_run(turn, &row) : status;
}

static status_t next(turn_t *turn, const void *state, const void *request) {
    const job_next_request_t *asked = request;
    const job_t *job = state;
    uint64_t count = FIELD_OR(job_next_request, asked, count, NEXT_COUNT), due_ms = turn_now(turn);
    job_next_reply_t reply = {0};
    list_writer_t writer;
    schedule_t schedule;
    status_t status = stored_plan(turn, job, &schedule);
    if (status != STATUS_OK) {
        return status;
    }
    list_writer_init(&writer, &record_job_due, turn_alloc(turn, JOB_RECORD_BYTES), JOB_RECORD_BYTES);
    for (uint64_t i = 0; i < count && schedule_next(&schedule, due_ms, &due_ms); i++) {
        job_due_t due_at = {0};
        FIELD_SET(job_due, &due_at, due, due_ms);
        FIELD_SET(job_due, &due_at, starts_at, start_of(turn, job, due_ms));
        list_writer_add(&writer, &due_at);
    }
    schedule_fini(&schedule);
    status = list_writer_end(&writer, &reply.items);
    FIELD_SET(job_next_reply, &reply, items, reply.items);
    return status == STATUS_OK ? turn_reply(turn, &reply) : status;
}

static status_t runs(turn_t *turn, const void *state, const void *request) {
    const job_runs_request_t *asked = request;
    const job_t *job = state;
    uint64_t before = FIELD_OR(job_runs_request, asked, before, job->runs + 1);
    size_t room = JOB_PAGE_MAX * KIB(2);
    job_runs_reply_t reply = {0};
    list_writer_t writer;
    job_page_t page;
    before = before > job->runs ? job->runs + 1 : before;
    status_t status =
        job_rows_page(turn, before, (uint32_t)FIELD_OR(job_runs_request, asked, limit, RUNS_LIMIT), &page);
    list_writer_init(&writer, &record_job_run, turn_alloc(turn, room), room);
    for (uint32_t i = 0; status == STATUS_OK && i < page.count; i++) {
        job_row_t row;
        job_run_t one;
        status = record_load(&record_job_row, page.rows[i], &row);
        if (status == STATUS_OK) {
            run_of(turn, &row, &one);
            list_writer_add(&writer, &one);
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = list_writer_end(&writer, &reply.items);
    FIELD_SET(job_runs_reply, &reply, items, reply.items);
    if (page.first > 1 && page.count > 0) {
        FIELD_SET(job_runs_reply, &reply, before, page.first);
    }
    return status == STATUS_OK ? turn_reply(turn, &reply) : status;
}

static status_t run_get(turn_t *turn, const void *state, const void *request) {
    const job_run_request_t *asked = request;
    job_row_t row;
    (void)state;
    status_t status = job_rows_get(turn, asked->run, &row);
    return status == STATUS_OK ? reply_run(turn, &row) : status;
}

static status_t report(turn_t *turn, const void *state, const void *request) {
    const job_report_request_t *asked = request;
    const job_t *job = state;
    job_report_t reply = {0};
    span_t stored;
    if (!FIELD_HAS(job_report_request, asked, run) && !FIELD_HAS(job, job, reported)) {
        return turn_fail(turn, STATUS_NOT_FOUND, "No run has left a report yet");
    }
    uint64_t number = FIELD_OR(job_report_request, asked, run, job->reported);
    status_t status = job_rows_report_get(turn, number, &stored);
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(job_report, &reply, run, number);
    FIELD_SET(job_report, &reply, report, stored);
    return turn_reply(turn, &reply);
}

static const handler_fn handlers[METHOD_job_COUNT] = {
    [METHOD_job_put] = put,         [METHOD_job_get] = get,       [METHOD_job_run] = run,
    [METHOD_job_pause] = pause_due, [METHOD_job_resume] = resume, [METHOD_job_cancel] = cancel,
    [METHOD_job_next] = next,       [METHOD_job_runs] = runs,     [METHOD_job_run_get] = run_get,
    [METHOD_job_report] = report,   [METHOD_job_due] = due,       [METHOD_job_worked] = worked,
    [METHOD_job_guard] = guard,
};

const actor_t actor_job = {.kind = "job", .handlers = handlers, .handler_count = METHOD_job_COUNT};
