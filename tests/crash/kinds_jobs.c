/* SPDX-License-Identifier: MIT */
/*
 * jobs: one that is due every second, and is asked to run in between. Each due time has one run, whatever it became of
 * it; those that were missed while the server was dead are made up for, all or the latest, as the job says.
 */
#include <inttypes.h>

#include "tests/crash/trial.h"

enum {
    RUNS_MAX = 4096,
    PAGE = 100,
    MS_PER_S = 1000,

    QUIET_MS = 30000, /* until a run that went on, perhaps lost with the server, has ended; a due time has come */
    STEP_MS = 50,
    BYTES = 512,
};

static const char who[] = "jobs";
static const char job[] = "job/user-statistics";

typedef struct jobs {
    trial_t *trial;
    job_catch_up_t catch_up;
    bool asked; /* to run, and not answered */
    bool manual[RUNS_MAX];
    uint64_t runs, ended, made_up;
} jobs_t;

static void *create(trial_t *trial) {
    jobs_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->trial = trial;
    self->catch_up = trial_below(trial, 2) == 0 ? job_catch_up_all : job_catch_up_latest;
    return self;
}

static bool set_up(void *context) {
    jobs_t *self = context;
    uint8_t bytes[BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    job_schedule_t schedule = {0};
    job_put_t put = {0};
    job_view_t view;
    FIELD_SET(job_schedule, &schedule, every_s, 1);
    record_encode(&record_job_schedule, &schedule, &pack);
    FIELD_SET(job_put, &put, schedule, pack_bytes(&pack));
    FIELD_SET(job_put, &put, catch_up, self->catch_up);
    doran_code_t code = trial_call(self->trial, job, "put", &record_job_put, &put, &record_job_view, &view);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s could not be made: %s", job, doran_code_name(code));
    }
    return code == DORAN_OK;
}

static void begun(void *context, uint32_t what, const doran_reply_t *reply) {
    jobs_t *self = context;
    job_run_t run;
    (void)what;
    self->asked = false;
    if (reply->code == DORAN_CONFLICT) { /* another one goes on */
        return;
    }
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, "run", reply);
        return;
    }
    if (trial_read(self->trial, reply->body, reply->body_bytes, &record_job_run, &run) && run.run < RUNS_MAX) {
        if (self->manual[run.run]) {
            trial_fail(self->trial, who, "run %" PRIu64 " was begun twice", run.run);
        }
        self->manual[run.run] = true;
    }
}

static void fill(void *context) {
    jobs_t *self = context;
    enum { RUN_ONE_IN = 100 };
    if (!self->asked && trial_below(self->trial, RUN_ONE_IN) == 0) {
        self->asked = trial_submit(self->trial, 1, job, "run", &record_empty, &(empty_t){0}, begun, self, 0);
    }
}

/* Judging */

typedef struct walk { /* over the runs, the latest first */
    uint64_t next_run, next_due, created_at;
} walk_t;

static void judge_due(jobs_t *self, const job_run_t *run, walk_t *walk) {
    if ((run->due - walk->created_at) % MS_PER_S != 0) {
        trial_fail(self->trial, who, "run %" PRIu64 " was due at %" PRIu64 ", which is no due time", run->run,
                   run->due);
    }
    if (walk->next_due != 0 && run->due >= walk->next_due) {
        trial_fail(self->trial, who, "run %" PRIu64 " was due at %" PRIu64 ", and one behind it at %" PRIu64, run->run,
                   run->due, walk->next_due);
    } else if (walk->next_due != 0 && run->due + MS_PER_S != walk->next_due && self->catch_up == job_catch_up_all) {
        trial_lost(self->trial, who, "between %" PRIu64 " and %" PRIu64 " a due time has no run", run->due,
                   walk->next_due);
    }
    walk->next_due = run->due;
}

static void judge_run(jobs_t *self, const job_run_t *run, walk_t *walk) {
    bool manual = run->trigger == job_trigger_manual;
    if (run->run + 1 != walk->next_run) {
        trial_fail(self->trial, who, "run %" PRIu64 " comes before run %" PRIu64, run->run, walk->next_run);
    }
    walk->next_run = run->run;
    self->made_up += run->trigger == job_trigger_catch_up;
    self->ended += run->state == job_run_state_SUCCEEDED;
    if (run->run < RUNS_MAX && self->manual[run->run] != manual) {
        trial_lost(self->trial, who, "run %" PRIu64 " was %sasked for, and is %s", run->run, manual ? "not " : "",
                   enum_job_trigger.values[run->trigger]);
    }
    if (FIELD_HAS(job_run, run, started_at) && run->started_at < run->due) {
        trial_fail(self->trial, who, "run %" PRIu64 " was started before it was due", run->run);
    }
    if (run->state == job_run_state_FAILED) {
        trial_fail(self->trial, who, "run %" PRIu64 " failed: %.*s", run->run, (int)run->cause.len,
                   (const char *)run->cause.ptr);
    }
    if (!manual) {
        judge_due(self, run, walk);
    }
}

static bool read_page(jobs_t *self, uint64_t before, job_runs_reply_t *page) {
    job_runs_request_t request = {0};
    FIELD_SET(job_runs_request, &request, limit, PAGE);
    if (before > 0) {
        FIELD_SET(job_runs_request, &request, before, before);
    }
    doran_code_t code =
        trial_call(self->trial, job, "runs", &record_job_runs_request, &request, &record_job_runs_reply, page);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s runs: %s", job, doran_code_name(code));
    }
    return code == DORAN_OK;
}

/* From run `view->runs` on. */
static void judge_runs(jobs_t *self, const job_view_t *view) {
    walk_t walk = {.next_run = view->runs + 1, .created_at = view->created_at};
    job_runs_reply_t page;
    job_run_t run;
    bool more = true;
    while (more && read_page(self, walk.next_run, &page)) {
        list_t list;
        list_open(&list, &record_job_run, page.items);
        more = FIELD_HAS(job_runs_reply, &page, before);
        while (list_next(&list, &run)) {
            judge_run(self, &run, &walk);
        }
    }
    if (walk.next_run != 1) {
        trial_lost(self->trial, who, "there is no run before run %" PRIu64, walk.next_run);
    }
    self->runs = view->runs;
}

static bool get(jobs_t *self, job_view_t *view) {
    doran_code_t code = trial_call(self->trial, job, "get", &record_empty, &(empty_t){0}, &record_job_view, view);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s get: %s", job, doran_code_name(code));
    }
    return code == DORAN_OK;
}

/* Its due times have been dealt with, and it still goes on: a run begins. */
static bool is_alive(const job_view_t *view, uint64_t runs_before) {
    return view->runs > runs_before && FIELD_HAS(job_view, view, due) && view->due + MS_PER_S > trial_wall_ms();
}

static void judge(void *context) {
    jobs_t *self = context;
    job_view_t view;
    if (!get(self, &view)) {
        return;
    }
    uint64_t runs_before = view.runs;
    bool good = true;
    for (uint32_t ms = 0; good && ms < QUIET_MS && !is_alive(&view, runs_before); ms += STEP_MS) {
        trial_run(self->trial, STEP_MS);
        good = get(self, &view);
    }
    if (good && !is_alive(&view, runs_before)) {
        trial_lost(self->trial, who, "%s is not run any more: run %" PRIu64 " was the last", job, view.runs);
    }
    if (good) {
        judge_runs(self, &view);
    }
}

static void tell(const void *context, char *line, size_t line_bytes) {
    const jobs_t *self = context;
    snprintf(line, line_bytes, "%" PRIu64 " runs, %" PRIu64 " succeeded, %" PRIu64 " made up for", self->runs,
             self->ended, self->made_up);
}

static void destroy(void *context) {
    free(context);
}

const check_t check_jobs = {
    .name = "jobs", .create = create, .set_up = set_up, .fill = fill, .judge = judge, .tell = tell, .destroy = destroy};
