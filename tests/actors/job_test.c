/* SPDX-License-Identifier: MIT */
#include "actors/cell.h"
#include "actors/row_key.h"
#include "actors/store_key.h"
#include "actors/work.h"

#include "tests/actors/shard_fixture.h"
#include "tests/storage/random.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

static fixture_t fixture;

/* The work of these tests does as it is told. */
static struct {
    bool lost;       /* nothing comes back */
    uint32_t losses; /* nothing comes back so many times of each step */
    uint32_t steps;  /* a run has */
    const char *cause;
    uint32_t ordered; /* steps that were begun */
    uint64_t step, lost_of_step;
} script;

static void pack_result(const job_step_t *step, bool done, pack_t *result) {
    uint8_t bytes[64];
    pack_t pack = pack_into(bytes, sizeof bytes);
    job_items_t items = {0};
    job_worked_t worked = {0};
    FIELD_SET(job_items, &items, done, step->step);
    FIELD_SET(job_items, &items, skipped, 0);
    FIELD_SET(job_items, &items, failed, 0);
    record_encode(&record_job_items, &items, &pack);
    FIELD_SET(job_worked, &worked, run, step->run);
    FIELD_SET(job_worked, &worked, step, step->step);
    FIELD_SET(job_worked, &worked, done, done);
    FIELD_SET(job_worked, &worked, progress, 50);
    FIELD_SET(job_worked, &worked, items, pack_bytes(&pack));
    FIELD_SET(job_worked, &worked, cursor, span_text("cursor"));
    FIELD_SET(job_worked, &worked, totals, span_text("totals"));
    if (done) {
        FIELD_SET(job_worked, &worked, report, span_text("\x81\xa1n\x01"));
    }
    if (script.cause != NULL) {
        FIELD_SET(job_worked, &worked, cause, span_text(script.cause));
    }
    record_encode(&record_job_worked, &worked, result);
}

static status_t work_as_told(const work_place_t *place, const void *input, pack_t *result) {
    const job_step_t *step = input;
    (void)place;
    script.ordered++;
    script.lost_of_step = script.step == step->step ? script.lost_of_step : 0;
    script.step = step->step;
    if (script.lost || script.lost_of_step++ < script.losses) {
        return STATUS_INTERNAL;
    }
    cr_assert_eq(FIELD_HAS(job_step, step, cursor), step->step > 1, "a step begins where the last one ended");
    cr_assert_eq(FIELD_HAS(job_step, step, totals), step->step > 1);
    pack_result(step, step->step >= script.steps, result);
    return STATUS_OK;
}

static const work_t told = {.name = "user-statistics", .input = &record_job_step, .run = work_as_told};
static const work_t *const told_works[] = {&told, NULL};

static void setup(void) {
    fixture.works = told_works;
    script.steps = 1;
    fixture_open(&fixture);
}

static void teardown(void) {
    cr_assert_eq(shard_stats(fixture.shards[0]).dead_letters, 0);
    fixture_close(&fixture);
}

TestSuite(job, .init = setup, .fini = teardown);

static const char *call_at(const char *key, const char *method, const char *body) {
    return fixture_call(&fixture, &(call_t){.kind = "job", .key = key, .method = method, .body = body});
}

#define CALL(method_, body_) call_at("user-statistics", (method_), (body_))

static void assert_has(const char *text, const char *part) {
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

static void assert_has_not(const char *text, const char *part) {
    cr_assert_null(strstr(text, part), "%s is in %s", part, text);
}

static void assert_refused(const char *method, const char *body, const char *part) {
    const char *text = CALL(method, body);
    cr_assert(fixture_is(text, "error"), "%s: %s", body, text);
    assert_has(text, part);
}

static void put(const char *body) {
    const char *text = CALL("put", body);
    cr_assert(fixture_is(text, "reply"), "%s: %s", body, text);
}

/* `"key":number`, from the unix time of the fixture's begin. */
static void assert_time(const char *text, const char *key, uint64_t ms) {
    char part[64];
    snprintf(part, sizeof part, "\"%s\":%" PRIu64 "%s", key, FIXTURE_UNIX_MS + ms, "");
    assert_has(text, part);
}

static size_t count(const char *text, const char *part) {
    size_t found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

/* The server is down for so long. */
static void stand_still(uint64_t ms) {
    fixture.now_us += ms * 1000;
    fixture.unix_ms += ms;
    fixture_restart(&fixture);
    fixture_run(&fixture);
}

/* What must not happen. */

Test(job, a_name_that_is_not_built_in_is_refused) {
    const char *text = call_at("backup", "put", "{\"schedule\":{\"every_s\":60}}");
    cr_assert(fixture_is(text, ERROR_TEXT("invalid")), "%s", text);
    assert_has(text, "no job of this name");
    cr_assert(fixture_is(call_at("backup", "get", NULL), ERROR_TEXT("not_found")));
    cr_assert(fixture_is(call_at("backup", "run", NULL), ERROR_TEXT("not_found")));
    cr_assert_eq(fixture.records, 0);
}

Test(job, a_plan_that_cannot_be_is_refused_with_the_reason) {
    static const char *const wrong[][2] = {
        {"{}", "invalid"},
        {"{\"schedule\":{}}", "exactly one of cron, every_s and at"},
        {"{\"schedule\":{\"every_s\":5,\"at\":1767225600001}}", "\"pointer\":\"/schedule\""},
        {"{\"schedule\":{\"every_s\":0}}", "invalid"},
        {"{\"schedule\":{\"cron\":\"61 * * * *\"}}", "minute: 61 is not from 0 to 59"},
        {"{\"schedule\":{\"cron\":\"0 0 * *\"}}", "\"pointer\":\"/schedule/cron\""},
        {"{\"schedule\":{\"cron\":\"0 0 30 2 *\"}}", "never due"},
        {"{\"schedule\":{\"at\":1767225600000}}", "\"pointer\":\"/schedule/at\""},
        {"{\"schedule\":{\"every_s\":5},\"time_zone\":\"Mars/Base\"}", "time_zone: "},
        {"{\"schedule\":{\"every_s\":5},\"time_zone\":\"../../etc/passwd\"}", "\"pointer\":\"/time_zone\""},
        {"{\"schedule\":{\"every_s\":5},\"overlap\":\"allow_all\"}", "\"pointer\":\"/overlap\""},
        {"{\"schedule\":{\"every_s\":5},\"catch_up\":\"window\"}", "window is not offered"},
        {"{\"schedule\":{\"every_s\":5},\"dst\":{\"gap\":\"no\"}}", "invalid"},
        {"{\"schedule\":{\"every_s\":5},\"jitter_s\":86401}", "invalid"},
        {"{\"schedule\":{\"every_s\":5},\"params\":7}", "params: "},
        {"{\"schedule\":{\"every_s\":5},\"params\":{\"users_per_step\":0}}", "\"pointer\":\"/params\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        assert_refused("put", wrong[i][0], wrong[i][1]);
    }
    cr_assert(fixture_is(CALL("get", NULL), ERROR_TEXT("not_found")));
    cr_assert_eq(fixture.records, 0);
}

Test(job, a_due_time_begins_one_run_across_restarts) {
    put("{\"schedule\":{\"every_s\":60}}");
    for (int minute = 0; minute < 10; minute++) {
        fixture_pass(&fixture, MINUTE / 2);
        fixture_restart(&fixture);
        fixture_run(&fixture);
        fixture_pass(&fixture, MINUTE / 2);
        fixture_restart(&fixture);
        fixture_run(&fixture);
    }
    const char *text = CALL("runs", NULL);
    cr_assert_eq(count(text, "\"trigger\":\"schedule\",\"state\":\"SUCCEEDED\""), 10, "%s", text);
    for (uint64_t minute = 1; minute <= 10; minute++) {
        assert_time(text, "due", minute * MINUTE);
    }
    assert_has(CALL("get", NULL), "\"runs\":10,");
}

Test(job, a_clock_that_is_set_back_repeats_no_run) {
    put("{\"schedule\":{\"cron\":\"*/10 * * * *\"}}");
    fixture_pass(&fixture, 25 * MINUTE);
    assert_has(CALL("get", NULL), "\"runs\":2,");
    fixture.unix_ms -= 20 * MINUTE;
    fixture_pass(&fixture, 20 * MINUTE);
    CALL("pause", NULL);
    fixture.unix_ms -= 20 * MINUTE;
    CALL("resume", NULL);
    assert_time(CALL("get", NULL), "due", 30 * MINUTE);
    fixture_pass(&fixture, 24 * MINUTE);
    assert_has(CALL("get", NULL), "\"runs\":2,");
    fixture_pass(&fixture, 2 * MINUTE);
    assert_has(CALL("get", NULL), "\"runs\":3,");
}

Test(job, a_result_that_is_not_waited_for_changes_nothing) {
    static const char *const stale[] = {
        "{\"run\":2,\"step\":1,\"done\":true,\"progress\":1,\"items\":{\"done\":9,\"skipped\":0,\"failed\":0}}",
        "{\"run\":1,\"step\":2,\"done\":true,\"progress\":1,\"items\":{\"done\":9,\"skipped\":0,\"failed\":0}}",
        "{\"run\":1,\"step\":7,\"done\":false,\"progress\":1,\"items\":{\"done\":9,\"skipped\":0,\"failed\":0}}",
    };
    put("{\"schedule\":{\"every_s\":3600}}");
    script.lost = true;
    CALL("run", NULL);
    uint64_t records = fixture.records;
    for (size_t i = 0; i < ARRAY_LENGTH(stale); i++) {
        CALL("worked", stale[i]);
    }
    cr_assert_eq(fixture.records, records);
    CALL("guard", "{\"run\":1,\"step\":2}");
    CALL("guard", "{\"run\":2,\"step\":1}");
    CALL("due", "{\"due\":1767225600001}");
    cr_assert_eq(fixture.records, records);
    assert_has(CALL("run_get", "{\"run\":1}"), "\"state\":\"RUNNING\",\"attempt\":1,\"progress\":0,");
}

/* What is there no more. */

#define JOB span_text("job")
#define STATISTICS span_text("user-statistics")

static void head_of(const char *name, store_key_t *head) {
    store_key_head(head, address_partition(JOB, span_text(name)), JOB, span_text(name));
}

static cell_t stored(const store_key_t *key) {
    uint64_t batch;
    span_t value;
    cell_t cell;
    FIXTURE_OK(store_reader_renew(fixture.readers[0], 0, &batch));
    FIXTURE_OK(store_get(fixture.readers[0], store_key_span(key), &value));
    cr_assert(cell_open(&cell, store_key_span(key), value));
    return cell;
}

/* Writes user-statistics, with this time zone, under that name, as another release would have left it. */
static void leave_job(const char *name, const char *time_zone) {
    uint8_t bytes[CELL_HEADER_BYTES + KIB(4)];
    pack_t pack = pack_into(bytes + CELL_HEADER_BYTES, KIB(4));
    store_key_t from, to;
    job_t job;
    head_of("user-statistics", &from);
    head_of(name, &to);
    fixture_restart(&fixture);
    cell_t cell = stored(&from);
    FIXTURE_OK(record_load(&record_job, cell.body, &job));
    FIELD_SET(job, &job, time_zone, span_text(time_zone));
    record_encode(&record_job, &job, &pack);
    cell_seal(bytes, store_key_span(&to), cell.schema_version, cell.version, pack.len);
    fixture_damage(&fixture, store_key_span(&to), span_of(bytes, CELL_HEADER_BYTES + pack.len));
}

Test(job, a_time_zone_that_is_gone_pauses_the_job_and_a_run_says_why) {
    put("{\"schedule\":{\"cron\":\"0 * * * *\"},\"time_zone\":\"Europe/Berlin\"}");
    leave_job("user-statistics", "Europe/Atlantis");
    fixture_pass(&fixture, 3 * HOUR);
    const char *text = CALL("run_get", "{\"run\":1}");
    assert_has(text, "\"state\":\"FAILED\"");
    assert_has(text, "The job was paused, for its plan cannot be read any more: time_zone: ");
    text = CALL("get", NULL);
    assert_has(text, "\"enabled\":false");
    assert_has_not(text, "\"due\":");
    assert_refused("resume", NULL, "time_zone: ");
}

Test(job, a_job_whose_work_is_gone_has_runs_that_fail) {
    put("{\"schedule\":{\"every_s\":3600},\"enabled\":false}");
    leave_job("backup", "UTC");
    cr_assert(fixture_is(call_at("backup", "resume", NULL), "reply"));
    fixture_pass(&fixture, 2 * HOUR + MINUTE);
    const char *text = call_at("backup", "runs", NULL);
    cr_assert_eq(count(text, "\"state\":\"FAILED\",\"attempt\":0,"), 2, "%s", text);
    assert_has(text, "There is no job of this name any more");
    text = call_at("backup", "get", NULL);
    assert_time(text, "due", 3 * HOUR);
    assert_has_not(text, "\"running\":");
}

static void leave_row(const char *name, char letter, uint64_t run) {
    row_key_t subkey = row_key(letter, run);
    uint8_t bytes[KIB(2)];
    span_t to = span_text(name);
    store_key_t from, row;
    store_key_sub(&from, address_partition(JOB, STATISTICS), JOB, STATISTICS, row_key_span(&subkey));
    store_key_sub(&row, address_partition(JOB, to), JOB, to, row_key_span(&subkey));
    cell_t cell = stored(&from);
    memcpy(bytes + CELL_HEADER_BYTES, cell.body.ptr, cell.body.len);
    cell_seal(bytes, store_key_span(&row), cell.schema_version, cell.version, cell.body.len);
    fixture_damage(&fixture, store_key_span(&row), span_of(bytes, CELL_HEADER_BYTES + cell.body.len));
}

Test(job, runs_that_wait_for_work_that_is_gone_fail) {
    enum { LAST = 21 };
    put("{\"schedule\":{\"every_s\":3600},\"overlap\":\"buffer_all\"}");
    script.lost = true;
    for (int run = 1; run <= LAST; run++) {
        CALL("run", NULL);
    }
    leave_job("backup", "UTC");
    for (uint64_t run = 1; run <= LAST; run++) {
        leave_row("backup", 'r', run);
        leave_row("backup", run > 1 ? 'w' : 'r', run);
    }
    cr_assert(fixture_is(call_at("backup", "cancel", NULL), "reply"));
    assert_has(call_at("backup", "get", NULL), "\"waiting\":4,");
    call_at("backup", "pause", NULL);
    call_at("backup", "resume", NULL);
    fixture_pass(&fixture, HOUR + MINUTE);
    const char *text = call_at("backup", "runs", "{\"limit\":100}");
    cr_assert_eq(count(text, "\"state\":\"FAILED\""), LAST, "%s", text);
}

/* The timer of the step that was begun at the fixture's begin. */
static void lose_guard(void) {
    uint8_t partition = address_partition(JOB, STATISTICS);
    store_key_t row, name;
    store_key_timer(&row, partition, FIXTURE_UNIX_MS + 10 * SECOND, JOB, STATISTICS, span_text("guard"), span_text(""));
    store_key_timer_name(&name, partition, JOB, STATISTICS, span_text("guard"), span_text(""));
    fixture_restart(&fixture);
    fixture_stop_shards(&fixture);
    FIXTURE_OK(store_begin(fixture.store));
    FIXTURE_OK(store_delete(fixture.store, store_key_span(&row)));
    FIXTURE_OK(store_delete(fixture.store, store_key_span(&name)));
    FIXTURE_OK(store_commit(fixture.store));
    fixture_start_shards(&fixture);
}

Test(job, a_run_whose_guard_is_lost_does_not_go_on_for_ever) {
    put("{\"schedule\":{\"every_s\":60}}");
    script.lost = true;
    CALL("run", NULL);
    lose_guard();
    fixture_pass(&fixture, 110 * SECOND);
    assert_has(CALL("run_get", "{\"run\":1}"), "\"state\":\"RUNNING\",\"attempt\":1,");
    script.lost = false;
    fixture_pass(&fixture, 20 * SECOND);
    const char *text = CALL("run_get", "{\"run\":1}");
    assert_has(text, "Nothing was heard of its work any more");
    assert_has(CALL("run_get", "{\"run\":3}"), "\"state\":\"SUCCEEDED\"");
}

Test(job, a_run_is_not_given_up_because_the_server_was_down) {
    put("{\"schedule\":{\"every_s\":5}}");
    script.lost = true;
    CALL("run", NULL);
    script.lost = false;
    stand_still(HOUR);
    assert_has(CALL("run_get", "{\"run\":1}"), "\"state\":\"SUCCEEDED\",\"attempt\":2,");
}

Test(job, pages_and_runs_that_are_not_there_are_told) {
    put("{\"schedule\":{\"every_s\":3600}}");
    assert_has(CALL("runs", NULL), "reply {\"items\":[]}");
    assert_refused("run_get", "{\"run\":1}", "not_found");
    assert_refused("report", NULL, "No run has left a report yet");
    assert_refused("report", "{\"run\":1}", "not_found");
    assert_refused("cancel", NULL, "conflict");
    assert_refused("cancel", "{\"run\":1}", "not_found");
    CALL("run", NULL);
    assert_refused("cancel", "{\"run\":1}", "The run has ended");
}

/* Plans. */

Test(job, a_new_job_is_shown_with_what_it_was_not_told) {
    static const char view[] =
        "reply {\"name\":\"user-statistics\",\"version\":1,\"schedule\":{\"cron\":\"30 4 * * "
        "*\"},\"time_zone\":\"UTC\","
        "\"overlap\":\"skip\",\"catch_up\":\"latest\",\"dst\":{\"gap\":\"after\",\"fold\":\"first\"},\"jitter_s\":0,"
        "\"enabled\":true,\"due\":1767241800000,\"runs\":0,\"waiting\":0,\"created_at\":1767225600000,"
        "\"updated_at\":1767225600000}";
    cr_assert_str_eq(CALL("put", "{\"schedule\":{\"cron\":\"30 4 * * *\"}}"), view);
    fixture_restart(&fixture);
    cr_assert_str_eq(CALL("get", NULL), view);
}

Test(job, a_plan_that_stays_keeps_its_due_time_and_anchor) {
    put("{\"schedule\":{\"every_s\":100}}");
    fixture_pass(&fixture, 250 * SECOND);
    put("{\"schedule\":{\"every_s\":100},\"overlap\":\"buffer_one\"}");
    assert_time(CALL("get", NULL), "due", 300 * SECOND);
    put("{\"schedule\":{\"every_s\":70}}");
    assert_time(CALL("get", NULL), "due", 280 * SECOND);
    fixture_pass(&fixture, 40 * SECOND);
    const char *text = CALL("get", NULL);
    assert_has(text, "\"runs\":3,");
    assert_time(text, "due", 350 * SECOND);
}

Test(job, a_change_of_plan_leaves_no_timer_of_the_old_one) {
    put("{\"schedule\":{\"every_s\":10}}");
    put("{\"schedule\":{\"every_s\":3600}}");
    fixture_pass(&fixture, 30 * MINUTE);
    assert_has(CALL("get", NULL), "\"runs\":0,");
    put("{\"schedule\":{\"every_s\":10},\"enabled\":false}");
    fixture_pass(&fixture, HOUR);
    const char *text = CALL("get", NULL);
    assert_has(text, "\"runs\":0,");
    assert_has_not(text, "\"due\"");
}

Test(job, a_moment_comes_once) {
    char body[128];
    snprintf(body, sizeof body, "{\"schedule\":{\"at\":%" PRIu64 "}}", FIXTURE_UNIX_MS + HOUR);
    put(body);
    fixture_pass(&fixture, 2 * HOUR);
    const char *text = CALL("get", NULL);
    assert_has(text, "\"runs\":1,");
    assert_has_not(text, "\"due\"");
    put(body); /* the same again is no mistake */
    fixture_pass(&fixture, DAY);
    assert_has(CALL("get", NULL), "\"runs\":1,");
}

Test(job, a_paused_job_rests_and_what_it_slept_through_is_not_made_up_for) {
    put("{\"schedule\":{\"every_s\":60},\"catch_up\":\"all\"}");
    fixture_pass(&fixture, 90 * SECOND);
    const char *text = CALL("pause", NULL);
    assert_has(text, "\"enabled\":false");
    assert_has_not(text, "\"due\"");
    fixture_pass(&fixture, HOUR);
    stand_still(HOUR);
    assert_has(CALL("get", NULL), "\"runs\":1,");
    text = CALL("resume", NULL);
    assert_time(text, "due", 2 * HOUR + 120 * SECOND);
    cr_assert_str_eq(CALL("resume", NULL), text, "twice is once");
    fixture_pass(&fixture, MINUTE);
    assert_has(CALL("get", NULL), "\"runs\":2,");
}

Test(job, due_times_to_come_are_listed) {
    put("{\"schedule\":{\"cron\":\"30 2 * * *\"},\"time_zone\":\"Europe/Berlin\"}");
    fixture.unix_ms = 1774612800000; /* 2026-03-27T12:00:00Z */
    cr_assert_str_eq(CALL("next", "{\"count\":3}"),
                     "reply {\"items\":[{\"due\":1774661400000,\"starts_at\":1774661400000},"
                     "{\"due\":1774746000000,\"starts_at\":1774746000000},"
                     "{\"due\":1774830600000,\"starts_at\":1774830600000}]}");
    cr_assert_eq(count(CALL("next", NULL), "\"due\""), 10);
    cr_assert_eq(count(CALL("next", "{\"count\":50}"), "\"due\""), 50);
    assert_refused("next", "{\"count\":51}", "invalid");
}

Test(job, jitter_delays_the_run_and_not_the_due_time) {
    static const char plan[] = "{\"schedule\":{\"cron\":\"0 * * * *\"},\"jitter_s\":600}";
    char starts[64];
    put(plan);
    const char *text = CALL("next", "{\"count\":1}"), *at = strstr(text, "\"starts_at\":") + strlen("\"starts_at\":");
    uint64_t jitter = strtoull(at, NULL, 10) - (FIXTURE_UNIX_MS + HOUR);
    cr_assert(jitter > 0 && jitter < 600 * SECOND);
    fixture_pass(&fixture, HOUR + jitter - 1);
    put(plan); /* the due time has come, but its run has not */
    assert_has(CALL("get", NULL), "\"runs\":0,");
    fixture_restart(&fixture);
    fixture_pass(&fixture, 2);
    text = CALL("runs", NULL);
    assert_time(text, "due", HOUR);
    snprintf(starts, sizeof starts, "\"started_at\":%" PRIu64, FIXTURE_UNIX_MS + HOUR + jitter);
    assert_has(text, starts);
}

Test(job, jitter_beyond_the_period_loses_no_run) {
    put("{\"schedule\":{\"every_s\":10},\"jitter_s\":100,\"catch_up\":\"none\",\"overlap\":\"buffer_all\"}");
    fixture_pass(&fixture, 1000 * SECOND);
    cr_assert_eq(count(CALL("runs", "{\"limit\":100}"), "\"SKIPPED\""), 0);
    const char *text = CALL("get", NULL);
    cr_assert(strtoull(strstr(text, "\"runs\":") + strlen("\"runs\":"), NULL, 10) >= 90, "%s", text);
}

Test(job, what_is_done_with_gaps_may_change) {
    fixture.unix_ms = 1774699200000; /* 2026-03-28T12:00:00Z */
    put("{\"schedule\":{\"cron\":\"30 2 * * *\"},\"time_zone\":\"Europe/Berlin\",\"dst\":{\"gap\":\"skip\"}}");
    assert_has(CALL("get", NULL), "\"due\":1774830600000");
    put("{\"schedule\":{\"cron\":\"30 2 * * *\"},\"time_zone\":\"Europe/Berlin\",\"dst\":{\"gap\":\"after\"}}");
    assert_has(CALL("get", NULL), "\"due\":1774746000000");
    put("{\"schedule\":{\"cron\":\"30 2 * * *\"},\"time_zone\":\"Asia/Seoul\",\"dst\":{\"gap\":\"after\"}}");
    assert_has(CALL("get", NULL), "\"due\":1774719000000");
}

/* Catching up. */

Test(job, missed_due_times_are_left_out) {
    put("{\"schedule\":{\"every_s\":60},\"catch_up\":\"none\"}");
    stand_still(10 * MINUTE + 30 * SECOND);
    const char *text = CALL("runs", NULL);
    cr_assert_eq(count(text, "\"run\":"), 1);
    assert_has(text, "\"state\":\"SKIPPED\"");
    assert_has(text, "\"cause\":\"It was missed");
    assert_time(CALL("get", NULL), "due", 11 * MINUTE);
    fixture_pass(&fixture, MINUTE);
    assert_has(CALL("run_get", "{\"run\":2}"), "\"state\":\"SUCCEEDED\"");
}

Test(job, the_latest_missed_due_time_is_made_up_for) {
    put("{\"schedule\":{\"every_s\":60}}");
    stand_still(10 * MINUTE + 30 * SECOND);
    const char *text = CALL("runs", NULL);
    cr_assert_eq(count(text, "\"run\":"), 1);
    assert_time(text, "due", 10 * MINUTE);
    assert_has(text, "\"trigger\":\"catch_up\",\"state\":\"SUCCEEDED\"");
    assert_time(CALL("get", NULL), "due", 11 * MINUTE);
}

Test(job, a_daily_run_that_was_missed_is_made_up_for) {
    put("{\"schedule\":{\"cron\":\"@daily\"}}");
    stand_still(DAY + 5 * HOUR);
    const char *text = CALL("runs", NULL);
    assert_time(text, "due", DAY);
    assert_has(text, "\"trigger\":\"catch_up\",\"state\":\"SUCCEEDED\"");
    assert_time(CALL("get", NULL), "due", 2 * DAY);
}

Test(job, all_missed_due_times_are_made_up_for_in_order) {
    put("{\"schedule\":{\"every_s\":60},\"catch_up\":\"all\"}");
    stand_still(10 * MINUTE + 30 * SECOND);
    const char *text = CALL("runs", NULL);
    cr_assert_eq(count(text, "\"state\":\"SUCCEEDED\""), 10, "%s", text);
    for (uint64_t minute = 1; minute <= 10; minute++) {
        assert_time(text, "due", minute * MINUTE);
    }
    assert_time(CALL("get", NULL), "due", 11 * MINUTE);
}

Test(job, what_is_made_up_for_is_bounded) {
    put("{\"schedule\":{\"every_s\":1},\"catch_up\":\"all\"}");
    stand_still(DAY);
    const char *text = CALL("get", NULL);
    assert_has(text, "\"runs\":101,");
    assert_time(text, "due", DAY + SECOND);
    text = CALL("run_get", "{\"run\":101}");
    assert_has(text, "\"state\":\"SKIPPED\"");
    assert_has(text, "More due times were missed");
    fixture_pass(&fixture, SECOND);
    assert_has(CALL("run_get", "{\"run\":102}"), "\"trigger\":\"schedule\",\"state\":\"SUCCEEDED\"");
}

Test(job, what_is_made_up_for_in_full_waits_whatever_overlap_says) {
    script.lost = true;
    put("{\"schedule\":{\"every_s\":60},\"catch_up\":\"all\",\"overlap\":\"skip\"}");
    stand_still(3 * MINUTE + 30 * SECOND);
    assert_has(CALL("get", NULL), "\"runs\":3,\"running\":1,\"waiting\":2");
    script.lost = false;
    fixture_pass(&fixture, 10 * SECOND);
    const char *text = CALL("runs", NULL);
    cr_assert_eq(count(text, "\"trigger\":\"catch_up\",\"state\":\"SUCCEEDED\""), 3, "%s", text);
}

/* Overlap. */

static void overlap(const char *how) {
    char body[128];
    snprintf(body, sizeof body, "{\"schedule\":{\"every_s\":2},\"overlap\":\"%s\"}", how);
    script.lost = true;
    put(body);
    fixture_pass(&fixture, 7 * SECOND); /* due at 2, 4 and 6 s; run 1 is done again at 12 s */
}

static void assert_state(int run, const char *state) {
    char body[32], part[64];
    snprintf(body, sizeof body, "{\"run\":%d}", run);
    snprintf(part, sizeof part, "\"state\":\"%s\"", state);
    assert_has(CALL("run_get", body), part);
}

Test(job, a_run_that_is_due_while_another_goes_on_is_skipped) {
    overlap("skip");
    assert_state(1, "RUNNING");
    assert_state(2, "SKIPPED");
    assert_has(CALL("run_get", "{\"run\":2}"), "\"cause\":\"Run 1 goes on\"");
    assert_refused("run", NULL, "Run 1 goes on");
    assert_has(CALL("get", NULL), "\"runs\":3,\"running\":1,\"waiting\":0");
}

Test(job, one_run_waits_for_the_other) {
    overlap("buffer_one");
    assert_state(1, "RUNNING");
    assert_state(2, "WAITING");
    assert_state(3, "SKIPPED");
    assert_refused("run", NULL, "Run 1 goes on, and another one waits");
    script.lost = false;
    CALL("pause", NULL);
    fixture_restart(&fixture);
    fixture_pass(&fixture, 10 * SECOND);
    assert_state(1, "SUCCEEDED");
    assert_state(2, "SUCCEEDED");
    assert_has(CALL("get", NULL), "\"runs\":3,\"waiting\":0");
}

Test(job, all_runs_wait_for_their_turn) {
    overlap("buffer_all");
    assert_state(2, "WAITING");
    assert_state(3, "WAITING");
    assert_has(CALL("run", NULL), "\"run\":4,");
    assert_has(CALL("get", NULL), "\"runs\":4,\"running\":1,\"waiting\":3");
    script.lost = false;
    CALL("pause", NULL);
    fixture_pass(&fixture, 10 * SECOND);
    const char *text = CALL("runs", NULL);
    cr_assert_eq(count(text, "\"state\":\"SUCCEEDED\""), 4, "%s", text);
}

Test(job, no_more_runs_wait_than_may) {
    script.lost = true;
    put("{\"schedule\":{\"every_s\":3600},\"overlap\":\"buffer_all\"}");
    for (int i = 0; i < 101; i++) {
        cr_assert(fixture_is(CALL("run", NULL), "reply"));
    }
    assert_refused("run", NULL, "Run 1 goes on, and 100 others wait");
    script.lost = false;
    fixture_pass(&fixture, 10 * SECOND);
    assert_has(CALL("get", NULL), "\"runs\":101,\"waiting\":0");
    cr_assert_eq(count(CALL("runs", "{\"limit\":100}"), "\"state\":\"SUCCEEDED\""), 100);
}

Test(job, a_newer_run_cancels_the_one_that_goes_on) {
    overlap("cancel_other");
    assert_state(1, "CANCELLED");
    assert_state(2, "CANCELLED");
    assert_has(CALL("run_get", "{\"run\":2}"), "\"cause\":\"Run 3 was due\"");
    assert_state(3, "RUNNING");
    CALL("worked", "{\"run\":2,\"step\":1,\"done\":true,\"progress\":1,"
                   "\"items\":{\"done\":9,\"skipped\":0,\"failed\":0}}");
    CALL("guard", "{\"run\":2,\"step\":1}");
    assert_state(2, "CANCELLED");
    assert_state(3, "RUNNING");
    script.lost = false;
    CALL("pause", NULL);
    fixture_pass(&fixture, 20 * SECOND);
    assert_state(3, "SUCCEEDED");
    cr_assert_eq(script.ordered, 4, "a cancelled run is not done again");
}

Test(job, a_run_is_cancelled_by_hand) {
    overlap("buffer_all");
    assert_has(CALL("cancel", "{\"run\":2}"), "\"state\":\"CANCELLED\"");
    assert_has(CALL("get", NULL), "\"running\":1,\"waiting\":1");
    assert_has(CALL("cancel", NULL), "\"run\":1,");
    assert_has(CALL("get", NULL), "\"running\":3,\"waiting\":0");
    assert_has(CALL("run_get", "{\"run\":1}"), "\"cause\":\"It was cancelled by hand\"");
}

/* Steps. */

Test(job, the_work_goes_on_step_by_step) {
    script.steps = 5;
    put("{\"schedule\":{\"every_s\":3600}}");
    CALL("run", NULL);
    cr_assert_eq(script.ordered, 5);
    cr_assert_str_eq(
        CALL("run_get", "{\"run\":1}"),
        "reply {\"id\":\"user-statistics-1\",\"job\":\"user-statistics\",\"run\":1,\"due\":1767225600000,"
        "\"trigger\":\"manual\",\"state\":\"SUCCEEDED\","
        "\"attempt\":1,\"progress\":100,\"items\":{\"done\":5,\"skipped\":0,\"failed\":0},\"started_at\":1767225600000,"
        "\"ended_at\":1767225600000}");
    cr_assert_str_eq(CALL("report", NULL), "reply {\"run\":1,\"report\":{\"n\":1}}");
    fixture_pass(&fixture, MINUTE);
    cr_assert_eq(script.ordered, 5, "the guard has nothing to do any more");
}

Test(job, a_step_that_was_lost_is_done_again) {
    put("{\"schedule\":{\"every_s\":3600}}");
    script.lost = true;
    CALL("run", NULL);
    fixture_pass(&fixture, 5 * SECOND);
    fixture_restart(&fixture);
    script.lost = false;
    fixture_pass(&fixture, 4 * SECOND);
    assert_state(1, "RUNNING");
    fixture_pass(&fixture, 2 * SECOND);
    assert_has(CALL("run_get", "{\"run\":1}"), "\"state\":\"SUCCEEDED\",\"attempt\":2,");
    cr_assert_eq(script.ordered, 2);
}

Test(job, steps_may_be_lost_now_and_then) {
    put("{\"schedule\":{\"every_s\":3600}}");
    script.steps = 3;
    script.losses = 4;
    CALL("run", NULL);
    fixture_pass(&fixture, 130 * SECOND);
    assert_has(CALL("run_get", "{\"run\":1}"), "\"state\":\"SUCCEEDED\",\"attempt\":13,");
}

Test(job, work_that_is_lost_again_and_again_fails) {
    put("{\"schedule\":{\"every_s\":3600}}");
    script.lost = true;
    CALL("run", NULL);
    fixture_pass(&fixture, 10 * MINUTE);
    const char *text = CALL("run_get", "{\"run\":1}");
    assert_has(text, "\"state\":\"FAILED\",\"attempt\":5,");
    assert_has(text, "lost again and again");
    cr_assert_eq(script.ordered, 5);
    script.lost = false;
    CALL("run", NULL);
    assert_state(2, "SUCCEEDED");
}

Test(job, work_that_cannot_go_on_fails_with_its_cause) {
    put("{\"schedule\":{\"every_s\":3600}}");
    script.cause = "The disk is full";
    CALL("run", NULL);
    const char *text = CALL("run_get", "{\"run\":1}");
    assert_has(text, "\"state\":\"FAILED\"");
    assert_has(text, "\"cause\":\"The disk is full\"");
    assert_refused("report", NULL, "not_found");
}

/* Rows. */

Test(job, runs_are_listed_the_latest_first) {
    put("{\"schedule\":{\"every_s\":3600}}");
    for (int i = 0; i < 5; i++) {
        CALL("run", NULL);
    }
    const char *text = CALL("runs", "{\"limit\":2}");
    cr_assert_eq(count(text, "\"run\":"), 2);
    cr_assert(strstr(text, "\"run\":5,") < strstr(text, "\"run\":4,"));
    assert_has(text, "],\"before\":4}");
    text = CALL("runs", "{\"limit\":2,\"before\":4}");
    cr_assert(strstr(text, "\"run\":3,") < strstr(text, "\"run\":2,"));
    assert_has(text, "],\"before\":2}");
    text = CALL("runs", "{\"limit\":2,\"before\":2}");
    assert_has(text, "\"run\":1,");
    assert_has(text, "}]}");
    cr_assert_eq(count(CALL("runs", "{\"before\":9223372036854775807}"), "\"run\":"), 5);
    assert_has(CALL("runs", "{\"before\":1}"), "reply {\"items\":[]}");
}

Test(job, the_last_runs_and_reports_are_kept) {
    put("{\"schedule\":{\"every_s\":1}}");
    for (int i = 0; i < 105; i++) {
        fixture_pass(&fixture, 10 * SECOND);
    }
    assert_has(CALL("get", NULL), "\"runs\":1050,");
    assert_refused("run_get", "{\"run\":50}", "not_found");
    assert_state(51, "SUCCEEDED");
    assert_refused("report", "{\"run\":950}", "not_found");
    cr_assert(fixture_is(CALL("report", "{\"run\":951}"), "reply"));
    assert_has(CALL("report", NULL), "{\"run\":1050,");
    assert_has(CALL("runs", "{\"before\":52}"), "\"run\":51,");
}

Test(job, a_run_that_goes_on_for_long_is_kept_until_it_ends) {
    put("{\"schedule\":{\"every_s\":1}}");
    script.steps = 105;
    script.losses = 1; /* so each step takes 10 s */
    fixture_pass(&fixture, 1031 * SECOND);
    assert_state(1, "RUNNING");
    assert_refused("run_get", "{\"run\":30}", "not_found");
    assert_state(32, "SKIPPED");
    fixture_pass(&fixture, 21 * SECOND);
    assert_refused("run_get", "{\"run\":1}", "not_found");
    assert_refused("report", "{\"run\":1}", "not_found");
    assert_has(CALL("get", NULL), "\"running\":105");
}

/* Property: with restarts at any moment, another number of shards, time that stands still and work that is lost, each
   due time begins exactly one run. */

enum { ROUNDS = 20, EVENTS = 60, PERIOD_S = 7 };

static void assert_each_due_once(void) {
    const char *text = CALL("get", NULL);
    uint64_t runs = strtoull(strstr(text, "\"runs\":") + strlen("\"runs\":"), NULL, 10);
    for (uint64_t run = 1; run <= runs; run++) {
        char body[32];
        snprintf(body, sizeof body, "{\"run\":%" PRIu64 "}", run);
        const char *row = CALL("run_get", body);
        assert_time(row, "due", run * PERIOD_S * SECOND);
        assert_has_not(row, "SKIPPED");
    }
    assert_time(text, "due", (runs + 1) * PERIOD_S * SECOND);
    cr_assert(FIXTURE_UNIX_MS + (runs + 1) * PERIOD_S * SECOND > fixture.unix_ms);
}

Test(job, each_due_time_begins_exactly_one_run_whatever_happens) {
    random_state_t random = random_start("job");
    for (int round = 0; round < ROUNDS; round++) {
        put("{\"schedule\":{\"every_s\":7},\"overlap\":\"buffer_all\",\"catch_up\":\"all\"}");
        for (int event = 0; event < EVENTS; event++) {
            script.lost = random_below(&random, 4) == 0;
            script.steps = 1 + (uint32_t)random_below(&random, 3);
            fixture_pass(&fixture, random_below(&random, 10 * SECOND));
            if (random_below(&random, 5) == 0) {
                fixture.now_us += 60 * SECOND * 1000;
                fixture.unix_ms += 60 * SECOND;
            }
            if (random_below(&random, 3) == 0) {
                fixture_restart_as(&fixture, (uint16_t)(1 + random_below(&random, 4)));
            }
        }
        script.lost = false;
        fixture_run(&fixture);
        assert_each_due_once();
        fixture_restart_as(&fixture, 1);
        teardown();
        setup();
    }
}
