/* SPDX-License-Identifier: MIT */
/*
 * The work of the job user-statistics: counts the users by status and by the day they signed up, from the head records
 * in the store, partition by partition. A step counts for a fraction of a second and leaves the key it reached, and the
 * counts; the last one leaves the report, also as a file: reports/user-statistics/RUN.json.
 *
 * Between steps the snapshot changes: users made or changed meanwhile may be counted as they were. And it lags behind
 * the journal, by as much as the shards' memtables hold. The report says so.
 */
#include <stdlib.h>
#include <time.h>

#include "actors/cell.h"
#include "actors/report_file.h"
#include "actors/store_key.h"
#include "actors/work.h"
#include "schemas/records.h"
#include "storage/little_endian.h"

enum {
    STEP_US = 500000, /* how long a step counts */
    CLOCK_EVERY = 64, /* users between two looks at the clock */
    DAYS = 366,       /* days that are told apart: up to the one on which the run was started */
    WHOLE = 100,      /* percent */
    CAUSE_BYTES = 200,
    ITEMS_BYTES = 128,
};

#define DAY_MS UINT64_C(86400000)
#define REPORT_BYTES_MAX KIB(48)
#define US_PER_S UINT64_C(1000000)

/* Places in the array of counts, which is how they travel from step to step: u64, little endian. */
enum {
    USERS,
    DAMAGED,
    EARLIER,                             /* signed up before the days that are told apart */
    STATUSES,                            /* from here on by status */
    BACK = STATUSES + user_status_COUNT, /* from here on by day, from the last one back */
    COUNTS = BACK + DAYS,
    COUNTS_BYTES = COUNTS * sizeof(uint64_t),
};

typedef struct step {
    const work_place_t *place;
    const job_step_t *input;
    uint64_t today; /* days since 1970 until the run was started */
    uint64_t counts[COUNTS];
    store_key_t cursor; /* the last key that was counted */
    uint64_t left;      /* users that this step may still count */
    uint64_t until_us;
} step_t;

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

/* Counting */

/* What cannot be read (of another release, or damaged) starts the count again. */
static void step_init(step_t *self, const work_place_t *place, const job_step_t *input) {
    user_statistics_params_t params = {0};
    *self = (step_t){.place = place, .input = input, .today = input->started_at / DAY_MS, .left = UINT64_MAX};
    self->until_us = now_us() + STEP_US;
    if (FIELD_HAS(job_step, input, params) &&
        record_load(&record_user_statistics_params, input->params, &params) == STATUS_OK) {
        self->left = FIELD_OR(user_statistics_params, &params, users_per_step, UINT64_MAX);
    }
    if (input->totals.len != COUNTS_BYTES || input->cursor.len == 0 || input->cursor.len > sizeof self->cursor.bytes) {
        return;
    }
    for (size_t i = 0; i < COUNTS; i++) {
        self->counts[i] = little_endian_get_u64(input->totals.ptr + i * sizeof(uint64_t));
    }
    memcpy(self->cursor.bytes, input->cursor.ptr, input->cursor.len);
    self->cursor.len = input->cursor.len;
}

static void count_user(step_t *self, span_t key, span_t value) {
    cell_t cell;
    user_t user;
    if (!cell_open(&cell, key, value) || record_load(&record_user, cell.body, &user) != STATUS_OK) {
        self->counts[DAMAGED]++;
        return;
    }
    uint64_t day = user.created_at / DAY_MS;
    uint64_t back = day < self->today ? self->today - day : 0; /* a clock that was set back makes no tomorrow */
    self->counts[USERS]++;
    self->counts[STATUSES + user.status]++;
    self->counts[back < DAYS ? BACK + back : EARLIER]++;
}

static bool begins_with(span_t key, const store_key_t *prefix) {
    return key.len >= prefix->len && memcmp(key.ptr, prefix->bytes, prefix->len) == 0;
}

static bool time_is_up(const step_t *self) {
    return self->left == 0 || (self->left % CLOCK_EVERY == 0 && now_us() >= self->until_us);
}

/* The users of a partition, from the cursor if that lies in it. False: the step is over before they are. */
static bool count_partition(step_t *self, uint8_t partition) {
    store_key_t prefix;
    span_t key, value;
    store_key_head(&prefix, partition, span_text(record_user.name), span_text(""));
    bool resumed = begins_with(store_key_span(&self->cursor), &prefix);
    bool more = store_seek(self->place->reader, store_key_span(resumed ? &self->cursor : &prefix), &key, &value);
    if (resumed && more && span_equal(key, store_key_span(&self->cursor))) {
        more = store_next(self->place->reader, &key, &value);
    }
    for (; more && begins_with(key, &prefix); more = store_next(self->place->reader, &key, &value)) {
        if (time_is_up(self)) {
            return false;
        }
        count_user(self, key, value);
        self->left--;
        memcpy(self->cursor.bytes, key.ptr, key.len);
        self->cursor.len = key.len;
    }
    return true;
}

/* Returns how many partitions are done. */
static uint32_t count(step_t *self) {
    uint32_t partition = self->cursor.len == 0 ? 0 : self->cursor.bytes[0];
    while (partition < PARTITIONS && count_partition(self, (uint8_t)partition)) {
        partition++;
    }
    return partition;
}

/* The report */

static void pack_day(pack_t *pack, uint64_t day, uint64_t users) {
    time_t seconds = (time_t)(day * DAY_MS / 1000);
    struct tm date;
    char text[sizeof "2026-01-01T"];
    gmtime_r(&seconds, &date);
    strftime(text, sizeof text, "%Y-%m-%d", &date);
    pack_map(pack, 2);
    pack_cstring(pack, "day");
    pack_cstring(pack, text);
    pack_cstring(pack, "users");
    pack_u64(pack, users);
}

static void pack_days(const step_t *self, pack_t *pack) {
    size_t days = 0;
    for (size_t back = 0; back < DAYS; back++) {
        days += self->counts[BACK + back] > 0;
    }
    pack_array(pack, days);
    for (size_t back = DAYS; back-- > 0;) {
        if (self->counts[BACK + back] > 0) {
            pack_day(pack, self->today - back, self->counts[BACK + back]);
        }
    }
}

static void pack_report(const step_t *self, pack_t *pack) {
    pack_map(pack, 9);
    pack_cstring(pack, "job");
    pack_text(pack, self->input->job);
    pack_cstring(pack, "run");
    pack_u64(pack, self->input->run);
    pack_cstring(pack, "as_of");
    pack_u64(pack, self->input->started_at);
    pack_cstring(pack, "text");
    pack_cstring(pack,
                 "Users in the database, by status and by day of sign-up (UTC). The database follows the journal: what "
                 "was written within the last seconds (apply_after_ms) may not be in it yet.");
    pack_cstring(pack, "users");
    pack_u64(pack, self->counts[USERS]);
    pack_cstring(pack, "damaged");
    pack_u64(pack, self->counts[DAMAGED]);
    pack_cstring(pack, "by_status");
    pack_map(pack, user_status_COUNT);
    for (size_t i = 0; i < user_status_COUNT; i++) {
        pack_cstring(pack, enum_user_status.values[i]);
        pack_u64(pack, self->counts[STATUSES + i]);
    }
    pack_cstring(pack, "by_day");
    pack_days(self, pack);
    pack_cstring(pack, "earlier");
    pack_u64(pack, self->counts[EARLIER]);
}

/* The result of the step */

static void pack_items(const step_t *self, pack_t *pack) {
    job_items_t items = {0};
    FIELD_SET(job_items, &items, done, self->counts[USERS]);
    FIELD_SET(job_items, &items, skipped, 0);
    FIELD_SET(job_items, &items, failed, self->counts[DAMAGED]);
    record_encode(&record_job_items, &items, pack);
}

static void set_totals(const step_t *self, uint8_t totals[COUNTS_BYTES], job_worked_t *worked) {
    for (size_t i = 0; i < COUNTS; i++) {
        little_endian_put_u64(totals + i * sizeof(uint64_t), self->counts[i]);
    }
    FIELD_SET(job_worked, worked, totals, span_of(totals, COUNTS_BYTES));
    FIELD_SET(job_worked, worked, cursor, store_key_span(&self->cursor));
}

static void set_report(const step_t *self, pack_t *pack, char cause[CAUSE_BYTES], job_worked_t *worked) {
    pack_report(self, pack);
    CHECK(pack_ok(pack), "a report of more than %zu bytes", pack->capacity);
    if (report_file_write(self->place, self->input->run, pack_bytes(pack), cause, CAUSE_BYTES) == STATUS_OK) {
        FIELD_SET(job_worked, worked, report, pack_bytes(pack));
    } else {
        FIELD_SET(job_worked, worked, cause, span_text(cause));
    }
}

static void finish(const step_t *self, job_worked_t *worked, pack_t *result) {
    char cause[CAUSE_BYTES];
    pack_t report = pack_into(malloc(REPORT_BYTES_MAX), REPORT_BYTES_MAX);
    CHECK(report.ptr != NULL, "out of memory");
    set_report(self, &report, cause, worked);
    record_encode(&record_job_worked, worked, result);
    free(report.ptr);
}

static void leave(const step_t *self, job_worked_t *worked, pack_t *result) {
    uint8_t totals[COUNTS_BYTES];
    set_totals(self, totals, worked);
    record_encode(&record_job_worked, worked, result);
}

static status_t run(const work_place_t *place, const void *input, pack_t *result) {
    uint8_t items[ITEMS_BYTES];
    pack_t items_pack = pack_into(items, sizeof items);
    job_worked_t worked = {0};
    uint64_t batch;
    step_t step;
    status_t status = store_reader_renew(place->reader, 0, &batch);
    if (status != STATUS_OK) {
        return status;
    }
    step_init(&step, place, input);
    uint32_t partitions = count(&step);
    store_reader_release(place->reader);
    pack_items(&step, &items_pack);
    FIELD_SET(job_worked, &worked, run, step.input->run);
    FIELD_SET(job_worked, &worked, step, step.input->step);
    FIELD_SET(job_worked, &worked, done, partitions == PARTITIONS);
    FIELD_SET(job_worked, &worked, progress, partitions * WHOLE / PARTITIONS);
    FIELD_SET(job_worked, &worked, items, pack_bytes(&items_pack));
    (worked.done ? finish : leave)(&step, &worked, result);
    return pack_ok(result) ? STATUS_OK : STATUS_TOO_LARGE;
}

const work_t work_user_statistics = {.name = "user-statistics", .input = &record_job_step, .run = run};
