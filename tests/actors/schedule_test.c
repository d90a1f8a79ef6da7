/* SPDX-License-Identifier: MIT */
#include "actors/schedule.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <time.h>

#include "tests/storage/random.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, LIST_MAX = 12 };

static const char *const FORMAT = "%Y-%m-%dT%H:%M:%SZ";

static uint64_t ms_of(const char *text) {
    struct tm parts = {0};
    cr_assert_not_null(strptime(text, FORMAT, &parts), "%s", text);
    return (uint64_t)timegm(&parts) * 1000;
}

typedef struct moment {
    char text[40];
} moment_t;

static moment_t text_of(uint64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    moment_t moment;
    gmtime_r(&seconds, &parts);
    strftime(moment.text, sizeof moment.text, FORMAT, &parts);
    return moment;
}

static status_t try_parse(schedule_t *self, const schedule_plan_t *plan) {
    schedule_error_t error = {.text = ""};
    status_t status = schedule_parse(self, plan, &error);
    cr_assert_eq(status == STATUS_OK, error.text[0] == 0, "%s", error.text);
    return status;
}

static schedule_t parsed(const schedule_plan_t *plan) {
    schedule_t self;
    schedule_error_t error = {.text = ""};
    cr_assert_eq(schedule_parse(&self, plan, &error), STATUS_OK, "%s", error.text);
    return self;
}

static schedule_plan_t cron_plan(const char *zone, const char *cron) {
    return (schedule_plan_t){.type = SCHEDULE_CRON, .cron = span_text(cron), .time_zone = span_text(zone)};
}

/* The first moments after `after` are these, in UTC; "never" is the end. */
static void assert_due(const schedule_plan_t *plan, const char *after, const char *const *dues) {
    schedule_t self = parsed(plan);
    uint64_t at = ms_of(after), due = 0;
    for (size_t i = 0; i < LIST_MAX && dues[i] != NULL; i++) {
        if (strcmp(dues[i], "never") == 0) {
            cr_assert_not(schedule_next(&self, at, &due), "%s after %s", text_of(due).text, text_of(at).text);
            break;
        }
        cr_assert(schedule_next(&self, at, &due), "never after %s", text_of(at).text);
        cr_assert_str_eq(text_of(due).text, dues[i], "%.*s in %.*s after %s: %s, not %s", (int)plan->cron.len,
                         plan->cron.ptr, (int)plan->time_zone.len, plan->time_zone.ptr, text_of(at).text,
                         text_of(due).text, dues[i]);
        at = due;
    }
    schedule_fini(&self);
}

typedef struct known {
    const char *zone, *cron;
    schedule_gap_t gap;
    schedule_fold_t fold;
    const char *after, *dues[LIST_MAX];
} known_t;

static void assert_known(const known_t *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        schedule_plan_t plan = cron_plan(rows[i].zone, rows[i].cron);
        plan.gap = rows[i].gap;
        plan.fold = rows[i].fold;
        assert_due(&plan, rows[i].after, rows[i].dues);
    }
}

Test(schedule, an_unknown_time_zone_is_refused_and_never_utc) {
    static const char *const names[] = {
        "",
        "Mars/Olympus",
        "europe/berlin",
        "Europe/Berlin ",
        "Europe",
        "Europe/",
        "/etc/localtime",
        "/usr/share/zoneinfo/Europe/Berlin",
        "../zoneinfo/Europe/Berlin",
        "Europe/../Asia/Seoul",
        "Europe//Berlin\x01",
        "localtime",
        "posixrules",
        "right/Europe/Berlin",
        "zone.tab",
        "AAA5BBB",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+05>-5",
        ":Europe/Berlin",
        "+09:00",
        "09:00",
        "Europe/Berl\xc3\xafn",
        "AsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsiaAsia/Seoul",
    };
    schedule_t self = {.at_ms = 7};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        schedule_plan_t plan = cron_plan(names[i], "* * * * *");
        cr_assert_eq(try_parse(&self, &plan), STATUS_INVALID, "%s", names[i]);
        plan = (schedule_plan_t){.type = SCHEDULE_AT, .at_ms = 5, .time_zone = span_text(names[i])};
        cr_assert_eq(try_parse(&self, &plan), STATUS_INVALID, "%s", names[i]);
    }
    cr_assert_eq(self.at_ms, 7, "a failed parse leaves what was there");
}

Test(schedule, a_wrong_interval_or_expression_is_refused) {
    schedule_t self;
    cr_assert_eq(try_parse(&self, &(schedule_plan_t){.type = SCHEDULE_EVERY}), STATUS_INVALID);
    cr_assert_eq(try_parse(&self, &(schedule_plan_t){.type = SCHEDULE_EVERY, .every_s = SCHEDULE_EVERY_S_MAX + 1}),
                 STATUS_INVALID);
    cr_assert_eq(try_parse(&self, &(schedule_plan_t){.type = SCHEDULE_EVERY, .every_s = UINT64_MAX}), STATUS_INVALID);
    cr_assert_eq(try_parse(&self, &(schedule_plan_t){.type = SCHEDULE_EVERY, .every_s = 1, .anchor_ms = UINT64_MAX}),
                 STATUS_INVALID);
    cr_assert_eq(try_parse(&self, &(schedule_plan_t){.type = SCHEDULE_CRON, .cron = span_text("61 * * * *")}),
                 STATUS_INVALID);
}

Test(schedule, what_never_comes_is_never_due) {
    static const known_t rows[] = {
        {"UTC", "0 0 30 2 *", .after = "2026-01-01T00:00:00Z", .dues = {"never"}},
        {"Asia/Seoul", "0 0 31 4,6,9,11 *", .after = "2026-01-01T00:00:00Z", .dues = {"never"}},
        /* A 31 March that is a Sunday is when Berlin's clocks leave out this hour. */
        {"Europe/Berlin", "30 2 31 3 */7", SCHEDULE_GAP_SKIP, .after = "2026-01-01T00:00:00Z", .dues = {"never"}},
        {"Europe/Berlin", "30 2 31 3 */7", SCHEDULE_GAP_AFTER, .after = "2026-01-01T00:00:00Z",
         .dues = {"2030-03-31T01:00:00Z", "2041-03-31T01:00:00Z"}},
    };
    assert_known(rows, ARRAY_LENGTH(rows));
}

Test(schedule, nothing_is_due_beyond_the_year_9999) {
    schedule_plan_t cron = cron_plan("Asia/Seoul", "* * * * *");
    schedule_plan_t every = {.type = SCHEDULE_EVERY, .every_s = 1};
    schedule_t selves[] = {parsed(&cron), parsed(&every)};
    uint64_t due;
    for (size_t i = 0; i < ARRAY_LENGTH(selves); i++) {
        cr_assert(schedule_next(&selves[i], SCHEDULE_MS_MAX, &due));
        cr_assert_not(schedule_next(&selves[i], SCHEDULE_MS_MAX + 1, &due));
        cr_assert_not(schedule_next(&selves[i], UINT64_MAX, &due));
        schedule_fini(&selves[i]);
    }
}

Test(schedule, a_moment_comes_once) {
    schedule_plan_t plan = {.type = SCHEDULE_AT, .at_ms = 1000};
    schedule_t self = parsed(&plan);
    uint64_t due = 7;
    cr_assert_not(schedule_next(&self, 1000, &due));
    cr_assert_not(schedule_next(&self, UINT64_MAX, &due));
    cr_assert_eq(due, 7);
    cr_assert(schedule_next(&self, 0, &due) && due == 1000);
    cr_assert(schedule_next(&self, 999, &due) && due == 1000);
    schedule_fini(&self);
}

Test(schedule, an_interval_counts_from_its_anchor) {
    schedule_plan_t plan = {.type = SCHEDULE_EVERY, .every_s = 90, .anchor_ms = 1000500};
    schedule_t self = parsed(&plan);
    uint64_t due;
    cr_assert(schedule_next(&self, 0, &due) && due == 1090500, "the clock was set back: not before the anchor");
    cr_assert(schedule_next(&self, 1000500, &due) && due == 1090500);
    cr_assert(schedule_next(&self, 1090499, &due) && due == 1090500);
    cr_assert(schedule_next(&self, 1090500, &due) && due == 1180500);
    cr_assert(schedule_next(&self, 1090500 + 1000 * 90000 + 1, &due) && due == 1090500 + 1001 * 90000);
    schedule_fini(&self);
}

Test(schedule, a_local_time_in_a_gap_is_left_out_or_due_behind_it) {
    static const known_t rows[] = {
        {"Europe/Berlin", "30 2 * * *", SCHEDULE_GAP_SKIP, .after = "2026-03-27T12:00:00Z",
         .dues = {"2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"}},
        {"Europe/Berlin", "30 2 * * *", SCHEDULE_GAP_AFTER, .after = "2026-03-27T12:00:00Z",
         .dues = {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
        {"Europe/Berlin", "*/10 2 * * *", SCHEDULE_GAP_AFTER, .after = "2026-03-29T00:59:59Z",
         .dues = {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
        {"Europe/Berlin", "0 2,3 * * *", SCHEDULE_GAP_AFTER, .after = "2026-03-29T00:59:59Z",
         .dues = {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
        {"Europe/Berlin", "*/30 * * * *", SCHEDULE_GAP_SKIP, .after = "2026-03-29T00:00:00Z",
         .dues = {"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
        {"America/New_York", "30 2 * * *", SCHEDULE_GAP_SKIP, .after = "2026-03-08T06:00:00Z",
         .dues = {"2026-03-09T06:30:00Z"}},
        {"America/New_York", "30 2 * * *", SCHEDULE_GAP_AFTER, .after = "2026-03-08T06:00:00Z",
         .dues = {"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
        {"Australia/Lord_Howe", "15 2 * * *", SCHEDULE_GAP_SKIP, .after = "2026-10-02T20:00:00Z",
         .dues = {"2026-10-04T15:15:00Z"}},
        {"Australia/Lord_Howe", "15 2 * * *", SCHEDULE_GAP_AFTER, .after = "2026-10-02T20:00:00Z",
         .dues = {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
        {"Australia/Lord_Howe", "30 2 * * *", SCHEDULE_GAP_SKIP, .after = "2026-10-02T20:00:00Z",
         .dues = {"2026-10-03T15:30:00Z", "2026-10-04T15:30:00Z"}},
        /* The gap is at midnight. */
        {"Asia/Beirut", "0 0 * * *", SCHEDULE_GAP_AFTER, .after = "2026-03-27T22:00:00Z",
         .dues = {"2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"}},
        /* The gap was a whole day: on Samoa there was no 30 December 2011. */
        {"Pacific/Apia", "0 12 * * *", SCHEDULE_GAP_SKIP, .after = "2011-12-29T00:00:00Z",
         .dues = {"2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"}},
        {"Pacific/Apia", "0 12 30 * *", SCHEDULE_GAP_SKIP, .after = "2011-12-01T00:00:00Z",
         .dues = {"2012-01-29T22:00:00Z"}},
        {"Pacific/Apia", "0 12 30 * *", SCHEDULE_GAP_AFTER, .after = "2011-12-01T00:00:00Z",
         .dues = {"2011-12-30T10:00:00Z", "2012-01-29T22:00:00Z"}},
    };
    assert_known(rows, ARRAY_LENGTH(rows));
}

Test(schedule, a_local_time_in_a_fold_is_due_once_or_twice) {
    static const known_t rows[] = {
        {"Europe/Berlin", "30 2 * * *", .fold = SCHEDULE_FOLD_FIRST, .after = "2026-10-24T12:00:00Z",
         .dues = {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
        {"Europe/Berlin", "30 2 * * *", .fold = SCHEDULE_FOLD_BOTH, .after = "2026-10-24T12:00:00Z",
         .dues = {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"}},
        {"Europe/Berlin", "30 2 * * *", .fold = SCHEDULE_FOLD_FIRST, .after = "2026-10-25T00:30:00Z",
         .dues = {"2026-10-26T01:30:00Z"}},
        {"Europe/Berlin", "0 * * * *", .fold = SCHEDULE_FOLD_FIRST, .after = "2026-10-24T23:30:00Z",
         .dues = {"2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"}},
        {"Europe/Berlin", "0 * * * *", .fold = SCHEDULE_FOLD_BOTH, .after = "2026-10-24T23:30:00Z",
         .dues = {"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}},
        {"America/New_York", "30 1 * * *", .fold = SCHEDULE_FOLD_FIRST, .after = "2026-11-01T00:00:00Z",
         .dues = {"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
        {"America/New_York", "30 1 * * *", .fold = SCHEDULE_FOLD_BOTH, .after = "2026-11-01T00:00:00Z",
         .dues = {"2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z"}},
        {"Australia/Lord_Howe", "45 1 * * *", .fold = SCHEDULE_FOLD_FIRST, .after = "2026-04-04T00:00:00Z",
         .dues = {"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
        {"Australia/Lord_Howe", "45 1 * * *", .fold = SCHEDULE_FOLD_BOTH, .after = "2026-04-04T00:00:00Z",
         .dues = {"2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z", "2026-04-05T15:15:00Z"}},
        /* Clocks went back from 00:01 to 23:01 of the day before: the two days are interleaved. */
        {"America/St_Johns", "0,30 0,23 * * *", .fold = SCHEDULE_FOLD_BOTH, .after = "2010-11-07T01:00:00Z",
         .dues = {"2010-11-07T01:30:00Z", "2010-11-07T02:00:00Z", "2010-11-07T02:30:00Z", "2010-11-07T03:00:00Z",
                  "2010-11-07T03:30:00Z", "2010-11-07T04:00:00Z", "2010-11-08T02:30:00Z"}},
    };
    assert_known(rows, ARRAY_LENGTH(rows));
}

Test(schedule, days_follow_the_calendar_of_the_zone) {
    static const known_t rows[] = {
        {"UTC", "0 0 29 2 *", .after = "2026-01-01T00:00:00Z",
         .dues = {"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
        {"UTC", "0 0 29 2 *", .after = "2096-02-29T00:00:00Z", .dues = {"2104-02-29T00:00:00Z"}},
        {"UTC", "0 0 29 2 */7", .after = "2060-03-01T00:00:00Z",
         .dues = {"2088-02-29T00:00:00Z", "2128-02-29T00:00:00Z"}},
        {"UTC", "59 23 31 * *", .after = "2026-01-31T23:59:00Z",
         .dues = {"2026-03-31T23:59:00Z", "2026-05-31T23:59:00Z", "2026-07-31T23:59:00Z"}},
        {"UTC", "0 0 1 1 *", .after = "2026-01-01T00:00:00Z", .dues = {"2027-01-01T00:00:00Z"}},
        {"UTC", "0 9 * * MON-FRI", .after = "2026-01-02T09:00:00Z", .dues = {"2026-01-05T09:00:00Z"}},
        {"UTC", "0 0 13 * FRI", .after = "2026-02-06T00:00:00Z",
         .dues = {"2026-02-13T00:00:00Z", "2026-02-20T00:00:00Z", "2026-02-27T00:00:00Z", "2026-03-06T00:00:00Z",
                  "2026-03-13T00:00:00Z"}},
        {"UTC", "0 0 */2 * MON", .after = "2026-02-01T00:00:00Z",
         .dues = {"2026-02-09T00:00:00Z", "2026-02-23T00:00:00Z"}},
        {"Asia/Seoul", "0 0 * * *", .after = "2026-02-27T15:00:00Z", .dues = {"2026-02-28T15:00:00Z"}},
        {"Asia/Seoul", "0 9 1 * *", .after = "2026-12-31T00:00:00Z", .dues = {"2027-01-01T00:00:00Z"}},
        {"Asia/Seoul", "30 8 * * MON", .after = "2026-01-04T00:00:00Z", .dues = {"2026-01-04T23:30:00Z"}},
        {"America/New_York", "0 20 31 12 *", .after = "2026-06-01T00:00:00Z", .dues = {"2027-01-01T01:00:00Z"}},
        {"Asia/Kathmandu", "0 0 * * *", .after = "2026-01-01T00:00:00Z", .dues = {"2026-01-01T18:15:00Z"}},
        {"Pacific/Kiritimati", "0 0 1 * *", .after = "2026-01-01T00:00:00Z", .dues = {"2026-01-31T10:00:00Z"}},
        {"Etc/GMT+12", "0 0 1 * *", .after = "2026-01-01T00:00:00Z", .dues = {"2026-01-01T12:00:00Z"}},
        /* Beyond the years that tzdata lists. */
        {"Europe/Berlin", "30 2 * * *", SCHEDULE_GAP_AFTER, .after = "2050-03-26T12:00:00Z",
         .dues = {"2050-03-27T01:00:00Z", "2050-03-28T00:30:00Z"}},
        {"Europe/Berlin", "0 12 1 7 *", .after = "2100-01-01T00:00:00Z", .dues = {"2100-07-01T10:00:00Z"}},
    };
    assert_known(rows, ARRAY_LENGTH(rows));
}

Test(schedule, no_time_zone_is_utc) {
    static const char *const dues[] = {"2026-03-29T02:30:00Z", "2026-03-30T02:30:00Z", NULL};
    schedule_plan_t plan = {.type = SCHEDULE_CRON, .cron = span_text("30 2 * * *")};
    assert_due(&plan, "2026-03-28T12:00:00Z", dues);
}

Test(schedule, milliseconds_count) {
    schedule_plan_t plan = cron_plan("UTC", "* * * * *");
    schedule_t self = parsed(&plan);
    uint64_t minute = ms_of("2026-01-01T00:01:00Z"), due;
    cr_assert(schedule_next(&self, minute - 1, &due) && due == minute);
    cr_assert(schedule_next(&self, minute, &due) && due == minute + 60000);
    cr_assert(schedule_next(&self, minute + 1, &due) && due == minute + 60000);
    schedule_fini(&self);
}

static void assert_last(const schedule_t *self, uint64_t after, uint64_t until) {
    uint64_t last = 0, found = 0, due = after;
    while (schedule_next(self, due, &due) && due <= until) {
        last = due;
    }
    cr_assert_eq(schedule_last(self, after, until, &found), last != 0);
    cr_assert_eq(found, last, "%s, not %s", text_of(found).text, text_of(last).text);
}

Test(schedule, the_last_due_time_of_a_range_is_found) {
    schedule_plan_t plan = cron_plan("Europe/Berlin", "*/20 2-4 * * SUN");
    schedule_t selves[] = {parsed(&plan), parsed(&(schedule_plan_t){.type = SCHEDULE_EVERY, .every_s = 45}),
                           parsed(&(schedule_plan_t){.type = SCHEDULE_AT, .at_ms = 1792893600000})};
    random_state_t random = random_start("schedule");
    uint64_t middle = ms_of("2026-10-25T00:40:00Z");
    for (size_t i = 0; i < ARRAY_LENGTH(selves); i++) {
        for (int round = 0; round < 100; round++) {
            uint64_t after = middle - random_below(&random, 4 * HOUR) * 1000;
            assert_last(&selves[i], after, after + random_below(&random, 6 * HOUR) * 1000 + random_below(&random, 2));
        }
        assert_last(&selves[i], middle - 1, middle);
        assert_last(&selves[i], middle, middle);
        assert_last(&selves[i], middle, middle - 1);
        schedule_fini(&selves[i]);
    }
}

Test(schedule, jitter_is_bounded_spread_and_always_the_same) {
    uint64_t highest = 0, lowest = UINT64_MAX;
    cr_assert_eq(schedule_jitter_ms(1000, span_text("a"), 0), 0);
    for (uint64_t due = 0; due < 1000; due++) {
        uint64_t jitter = schedule_jitter_ms(due * 60000, span_text("a"), 10);
        cr_assert(jitter < 10000);
        cr_assert_eq(jitter, schedule_jitter_ms(due * 60000, span_text("a"), 10));
        highest = jitter > highest ? jitter : highest;
        lowest = jitter < lowest ? jitter : lowest;
    }
    cr_assert(lowest < 500 && highest > 9500);
    cr_assert_neq(schedule_jitter_ms(60000, span_text("a"), 86400), schedule_jitter_ms(60000, span_text("b"), 86400));
    cr_assert_eq(schedule_jitter_ms(1767225600000, span_text("user-statistics"), 300), 161355,
                 "a release that changes it would run jobs twice or not at all");
}

/* Property: the same due times as a search that goes through all minutes and asks the C library for the local time. */

enum {
    ROUNDS = 250,
    WINDOW_S = 9 * DAY,
    WARM_UP_S = 2 * DAY, /* longer than any fold */
    DUES_MAX = 100,
    FIELDS = 5,
    VALUES_MAX = 64,
};

static const char *const zones[] = {
    "Europe/Berlin",      "America/New_York",  "Asia/Seoul",      "Australia/Lord_Howe",  "UTC",
    "America/St_Johns",   "Asia/Beirut",       "America/Havana",  "Pacific/Apia",         "Africa/Casablanca",
    "America/Sao_Paulo",  "Asia/Kathmandu",    "Pacific/Chatham", "Antarctica/Troll",     "Europe/Dublin",
    "America/Santiago",   "Pacific/Kwajalein", "Asia/Pyongyang",  "Africa/Cairo",         "Asia/Gaza",
    "America/Anchorage",  "Europe/Moscow",     "Asia/Tehran",     "America/Caracas",      "Antarctica/Casey",
    "Pacific/Kiritimati", "Europe/Istanbul",   "Australia/Eucla", "America/Scoresbysund", "Africa/Monrovia",
};

static const struct { int min, max; } bounds[FIELDS] = {{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}};

typedef struct model {
    bool sets[FIELDS][VALUES_MAX];
    bool stars[FIELDS];
    char text[CRON_BYTES_MAX];
    schedule_gap_t gap;
    schedule_fold_t fold;
    uint64_t dues[DUES_MAX];
    size_t count;
} model_t;

static void add_item(model_t *model, random_state_t *random, int field, char *text, size_t bytes) {
    int min = bounds[field].min, max = bounds[field].max, width = max - min + 1;
    int from = min + (int)random_below(random, (size_t)width), to = from, step = 1;
    switch (random_below(random, 4)) {
    case 0:
        snprintf(text, bytes, "%d", from);
        break;
    case 1:
        to = from + (int)random_below(random, (size_t)(max - from + 1));
        snprintf(text, bytes, "%d-%d", from, to);
        break;
    case 2:
        to = from + (int)random_below(random, (size_t)(max - from + 1));
        step = 1 + (int)random_below(random, (size_t)max);
        snprintf(text, bytes, "%d-%d/%d", from, to, step);
        break;
    case 3:
        from = min;
        to = field == 4 ? 6 : max;
        step = 1 + (int)random_below(random, (size_t)max);
        snprintf(text, bytes, "*/%d", step);
        break;
    }
    for (int value = from; value <= to; value += step) {
        model->sets[field][field == 4 ? value % 7 : value] = true;
    }
}

static void add_field(model_t *model, random_state_t *random, int field, size_t star_of_4) {
    size_t len = strlen(model->text);
    if (random_below(random, 4) < star_of_4) {
        snprintf(model->text + len, sizeof model->text - len, "* ");
        memset(model->sets[field], true, sizeof model->sets[field]);
        model->stars[field] = true;
        return;
    }
    for (size_t items = 1 + random_below(random, 3), i = 0; i < items; i++) {
        char item[32];
        add_item(model, random, field, item, sizeof item);
        model->stars[field] = model->stars[field] || (i == 0 && item[0] == '*');
        len = strlen(model->text);
        snprintf(model->text + len, sizeof model->text - len, "%s%s", item, i + 1 < items ? "," : " ");
    }
}

static void model_make(model_t *model, random_state_t *random) {
    *model =
        (model_t){.gap = (schedule_gap_t)random_below(random, 2), .fold = (schedule_fold_t)random_below(random, 2)};
    static const size_t star_of_4[FIELDS] = {1, 1, 2, 3, 2};
    for (int field = 0; field < FIELDS; field++) {
        add_field(model, random, field, star_of_4[field]);
    }
}

static bool model_matches(const model_t *model, int64_t local_minute) {
    time_t seconds = local_minute * MINUTE;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    bool of_month = model->sets[2][parts.tm_mday], of_week = model->sets[4][parts.tm_wday];
    bool day = model->stars[2] || model->stars[4] ? of_month && of_week : of_month || of_week;
    return day && model->sets[0][parts.tm_min] && model->sets[1][parts.tm_hour] && model->sets[3][parts.tm_mon + 1];
}

static int64_t local_minute(int64_t moment_s) {
    time_t seconds = moment_s;
    struct tm parts;
    localtime_r(&seconds, &parts);
    return (moment_s + parts.tm_gmtoff) / MINUTE;
}

/* Is this minute due? before: the local minute one minute ago; highest: the last local minute there was so far. */
static bool model_due(const model_t *model, int64_t minute, int64_t before, int64_t highest) {
    bool due = model_matches(model, minute) && (minute > highest || model->fold == SCHEDULE_FOLD_BOTH);
    for (int64_t left_out = before + 1; model->gap == SCHEDULE_GAP_AFTER && left_out < minute; left_out++) {
        due = due || model_matches(model, left_out);
    }
    return due;
}

static void model_search(model_t *model, int64_t begin_s, int64_t after_s) {
    int64_t before = local_minute(begin_s), highest = before;
    for (int64_t at = begin_s + MINUTE; at <= after_s + WINDOW_S && model->count < DUES_MAX; at += MINUTE) {
        int64_t minute = local_minute(at);
        if (at > after_s && model_due(model, minute, before, highest)) {
            model->dues[model->count++] = (uint64_t)at * 1000;
        }
        before = minute;
        highest = minute > highest ? minute : highest;
    }
}

/* The years from 1975, when tzdata has become exact, to 2036: behind them GLib 2.74 misreads Dublin. The others to
 * 2075.
 */
static int64_t random_moment(random_state_t *random, const char *zone) {
    size_t years = strcmp(zone, "Europe/Dublin") == 0 ? 61 : 100;
    return (5 * 365 + (int64_t)random_below(random, years * 365)) * DAY + (int64_t)random_below(random, DAY);
}

/* Most starts are shortly before a change of the clocks, if there is one in the year to come. */
static int64_t random_start_of(random_state_t *random, const char *zone) {
    int64_t at = random_moment(random, zone);
    int64_t difference = local_minute(at) - at / MINUTE;
    if (random_below(random, 8) == 0) {
        return at;
    }
    for (int day = 0; day < 365; day++) {
        int64_t later = at + day * DAY;
        if (local_minute(later) - later / MINUTE != difference) {
            return later - (int64_t)random_below(random, 4 * DAY);
        }
    }
    return at;
}

static void assert_like_model(const model_t *model, const char *zone, uint64_t after_ms, random_state_t *random) {
    schedule_plan_t plan = cron_plan(zone, model->text);
    plan.gap = model->gap;
    plan.fold = model->fold;
    schedule_t self = parsed(&plan);
    uint64_t at = after_ms, due;
    for (size_t i = 0; i < model->count; i++) {
        uint64_t expected = model->dues[i], between = at + random_below(random, expected - at);
        cr_assert(schedule_next(&self, between, &due) && due == expected,
                  "\"%s\" in %s, gap %d, fold %d, after %s: %s, not %s", model->text, zone, model->gap, model->fold,
                  text_of(between).text, text_of(due).text, text_of(expected).text);
        at = expected;
    }
    if (model->count < DUES_MAX && schedule_next(&self, at, &due)) {
        cr_assert(due > after_ms / 1000 * 1000 + WINDOW_S * 1000, "\"%s\" in %s, gap %d, fold %d, after %s: %s",
                  model->text, zone, model->gap, model->fold, text_of(at).text, text_of(due).text);
    }
    schedule_fini(&self);
}

Test(schedule, due_times_are_those_of_a_search_through_all_minutes) {
    random_state_t random = random_start("schedule");
    size_t dues = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const char *zone = zones[random_below(&random, ARRAY_LENGTH(zones))];
        model_t model;
        setenv("TZ", zone, 1);
        tzset();
        int64_t start = random_start_of(&random, zone);
        model_make(&model, &random);
        model_search(&model, (start - WARM_UP_S) / MINUTE * MINUTE, start);
        assert_like_model(&model, zone, (uint64_t)start * 1000 + random_below(&random, 1000), &random);
        dues += model.count;
    }
    cr_assert(dues > ROUNDS, "%zu due times: the expressions were too rare", dues);
}
