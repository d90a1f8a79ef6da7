/* SPDX-License-Identifier: MIT */
#include "actors/work.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include "actors/cell.h"
#include "actors/store_key.h"
#include "schemas/address.h"
#include "schemas/json.h"
#include "schemas/records.h"
#include "tests/actors/nameless_store.h"
#include "tests/storage/random.h"

#define DAY_MS UINT64_C(86400000)
#define STARTED_MS (UINT64_C(20454) * DAY_MS + 5000) /* 2026-01-01 */

enum { BYTES_MAX = VALUE_BYTES_MAX, PATH_BYTES = 256 };

static store_t *store;
static store_reader_t *reader;
static char folder[64];
static work_place_t place;
static const work_t *work;

static void setup(void) {
    snprintf(folder, sizeof folder, "%s/doran-actors-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    store = nameless_store_open();
    cr_assert_eq(store_reader_open(store, &reader), STATUS_OK);
    work = work_find(span_text("user-statistics"));
    cr_assert_not_null(work);
    place = (work_place_t){.reader = reader, .folder = folder, .name = work->name};
}

static void path_of(const char *name, char path[PATH_BYTES]) {
    snprintf(path, PATH_BYTES, "%s%s", folder, name);
}

static void teardown(void) {
    static const char *const names[] = {"/reports/user-statistics/1.json", "/reports/user-statistics/2.json",
                                        "/reports/user-statistics", "/reports", ""};
    char path[PATH_BYTES];
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        path_of(names[i], path);
        remove(path);
    }
    store_reader_close(&reader);
    store_destroy(&store);
    cr_assert_neq(access(folder, F_OK), 0, "something was left behind in %s", folder);
}

TestSuite(work_user_statistics, .init = setup, .fini = teardown);

static void store_value(span_t kind, span_t name, span_t body, bool damaged) {
    uint8_t value[CELL_HEADER_BYTES + 512];
    store_key_t key;
    store_key_head(&key, address_partition(kind, name), kind, name);
    memcpy(value + CELL_HEADER_BYTES, body.ptr, body.len);
    cell_seal(value, store_key_span(&key), 1, 1, body.len);
    value[CELL_HEADER_BYTES] ^= damaged;
    cr_assert_eq(store_put(store, store_key_span(&key), span_of(value, CELL_HEADER_BYTES + body.len)), STATUS_OK);
}

static void add(const char *kind, int number, user_status_t status, uint64_t created_ms, bool damaged) {
    uint8_t bytes[512];
    pack_t pack = pack_into(bytes, sizeof bytes);
    char name[32];
    user_t user = {0};
    snprintf(name, sizeof name, "u%d", number);
    FIELD_SET(user, &user, email, span_text("mina@example.org"));
    FIELD_SET(user, &user, name, span_text("Mina"));
    FIELD_SET(user, &user, status, status);
    FIELD_SET(user, &user, created_at, created_ms);
    FIELD_SET(user, &user, updated_at, created_ms);
    record_encode(&record_user, &user, &pack);
    store_value(span_text(kind), span_text(name), pack_bytes(&pack), damaged);
}

/* One step, in the state after the one before. */
static void step(job_step_t *input, uint8_t *result, job_worked_t *worked) {
    pack_t pack = pack_into(result, BYTES_MAX);
    cr_assert_eq(work->run(&place, input, &pack), STATUS_OK);
    cr_assert_eq(record_load(&record_job_worked, pack_bytes(&pack), worked), STATUS_OK);
    cr_assert_eq(worked->run, input->run);
    cr_assert_eq(worked->step, input->step);
    FIELD_SET(job_step, input, step, input->step + 1);
    input->present &= ~(FIELD_BIT(job_step, cursor) | FIELD_BIT(job_step, totals));
    FIELD_COPY(job_step, input, job_worked, worked, cursor);
    FIELD_COPY(job_step, input, job_worked, worked, totals);
}

static job_step_t first_step(uint64_t run, uint64_t users_per_step) {
    static uint8_t params_bytes[64];
    pack_t params = pack_into(params_bytes, sizeof params_bytes);
    job_step_t input = {0};
    FIELD_SET(job_step, &input, job, span_text("user-statistics"));
    FIELD_SET(job_step, &input, run, run);
    FIELD_SET(job_step, &input, step, 1);
    FIELD_SET(job_step, &input, started_at, STARTED_MS);
    if (users_per_step > 0) {
        user_statistics_params_t asked = {0};
        FIELD_SET(user_statistics_params, &asked, users_per_step, users_per_step);
        record_encode(&record_user_statistics_params, &asked, &params);
        FIELD_SET(job_step, &input, params, pack_bytes(&params));
    }
    return input;
}

/* A whole run; each step's result lies beside the one before, which it was made from. Returns how many steps it had. */
static uint32_t run(uint64_t number, uint64_t users_per_step, uint8_t bytes[2 * BYTES_MAX], job_worked_t *worked) {
    job_step_t input = first_step(number, users_per_step);
    uint32_t steps = 0;
    do {
        step(&input, bytes + (steps % 2) * BYTES_MAX, worked);
        steps++;
    } while (!worked->done && !FIELD_HAS(job_worked, worked, cause));
    return steps;
}

static char *text_of(span_t value) {
    static token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    cr_assert_eq(tape_read_whole(&tape, value), STATUS_OK);
    return json_print(&tape, 0);
}

static const char text[] = "\"text\":\"Users in the database, by status and by day of sign-up (UTC). The database "
                           "follows the journal: what was written within the last seconds (apply_after_ms) may not be "
                           "in it yet.\"";

static void assert_report(const job_worked_t *worked, uint64_t run_number, const char *rest) {
    char expected[2048], *report = text_of(worked->report);
    snprintf(expected, sizeof expected, "{\"job\":\"user-statistics\",\"run\":%d,\"as_of\":1767225605000,%s,%s}",
             (int)run_number, text, rest);
    cr_assert_str_eq(report, expected);
    free(report);
}

Test(work_user_statistics, a_report_that_cannot_be_written_fails_the_run) {
    static uint8_t bytes[2 * BYTES_MAX];
    job_worked_t worked;
    place.folder = "/nonexistent/folder";
    cr_assert_eq(store_begin(store), STATUS_OK);
    add("user", 1, user_status_ACTIVE, STARTED_MS, false);
    cr_assert_eq(store_commit(store), STATUS_OK);
    run(1, 0, bytes, &worked);
    cr_assert(FIELD_HAS(job_worked, &worked, cause));
    cr_assert(span_equal(worked.cause, span_text("The report could not be written: No such file or directory")));
    cr_assert_not(FIELD_HAS(job_worked, &worked, report));
}

Test(work_user_statistics, what_is_damaged_or_no_user_is_not_counted) {
    static uint8_t bytes[2 * BYTES_MAX];
    job_worked_t worked;
    job_items_t items;
    cr_assert_eq(store_begin(store), STATUS_OK);
    add("user", 1, user_status_ACTIVE, STARTED_MS, false);
    add("user", 2, user_status_ACTIVE, STARTED_MS, true);
    add("users", 3, user_status_ACTIVE, STARTED_MS, false);
    add("use", 4, user_status_ACTIVE, STARTED_MS, false);
    store_value(span_text("user"), span_text("u5"), span_text("\xc0"), false);
    cr_assert_eq(store_commit(store), STATUS_OK);
    run(1, 0, bytes, &worked);
    assert_report(&worked, 1,
                  "\"users\":1,\"damaged\":2,\"by_status\":{\"ACTIVE\":1,\"INACTIVE\":0,\"SUSPENDED\":0},\"by_day\":[{"
                  "\"day\":\"2026-01-01\",\"users\":1}],\"earlier\":0");
    record_read(&record_job_items, worked.items, &items);
    cr_assert(items.done == 1 && items.skipped == 0 && items.failed == 2);
}

Test(work_user_statistics, totals_that_cannot_be_read_start_the_count_again) {
    static uint8_t bytes[2 * BYTES_MAX];
    job_worked_t worked;
    cr_assert_eq(store_begin(store), STATUS_OK);
    add("user", 1, user_status_ACTIVE, STARTED_MS, false);
    cr_assert_eq(store_commit(store), STATUS_OK);
    job_step_t input = first_step(1, 0);
    FIELD_SET(job_step, &input, totals, span_text("of another release"));
    FIELD_SET(job_step, &input, cursor, span_text("\xff"));
    step(&input, bytes, &worked);
    cr_assert(worked.done);
    job_items_t items;
    record_read(&record_job_items, worked.items, &items);
    cr_assert_eq(items.done, 1);
}

Test(work_user_statistics, no_users_are_a_report_too) {
    static uint8_t bytes[2 * BYTES_MAX];
    job_worked_t worked;
    cr_assert_eq(run(1, 0, bytes, &worked), 1);
    cr_assert_eq(worked.progress, 100);
    assert_report(&worked, 1,
                  "\"users\":0,\"damaged\":0,\"by_status\":{\"ACTIVE\":0,\"INACTIVE\":0,\"SUSPENDED\":0},\"by_day\":[],"
                  "\"earlier\":0");
}

Test(work_user_statistics, users_are_counted_by_status_and_day) {
    static uint8_t bytes[2 * BYTES_MAX];
    job_worked_t worked;
    cr_assert_eq(store_begin(store), STATUS_OK);
    add("user", 1, user_status_ACTIVE, STARTED_MS, false);
    add("user", 2, user_status_ACTIVE, STARTED_MS + DAY_MS, false); /* made while they were counted */
    add("user", 3, user_status_SUSPENDED, STARTED_MS - 5000, false);
    add("user", 4, user_status_ACTIVE, STARTED_MS - 5001, false);
    add("user", 5, user_status_INACTIVE, STARTED_MS - 365 * DAY_MS, false);
    add("user", 6, user_status_ACTIVE, STARTED_MS - 366 * DAY_MS, false);
    add("user", 7, user_status_ACTIVE, 0, false);
    cr_assert_eq(store_commit(store), STATUS_OK);
    run(1, 0, bytes, &worked);
    assert_report(&worked, 1,
                  "\"users\":7,\"damaged\":0,\"by_status\":{\"ACTIVE\":5,\"INACTIVE\":1,\"SUSPENDED\":1},\"by_day\":[{"
                  "\"day\":\"2025-01-01\",\"users\":1},{\"day\":\"2025-12-31\",\"users\":1},{\"day\":\"2026-01-01\","
                  "\"users\":3}],\"earlier\":2");
}

static void assert_mode(const char *name, mode_t mode) {
    char path[PATH_BYTES];
    struct stat file;
    path_of(name, path);
    cr_assert_eq(stat(path, &file), 0, "%s", path);
    cr_assert_eq(file.st_mode & 07777, mode, "%s", path);
}

Test(work_user_statistics, the_report_is_a_file_that_others_cannot_read) {
    static uint8_t bytes[2 * BYTES_MAX];
    char path[PATH_BYTES], read[4096] = "";
    job_worked_t worked;
    run(1, 0, bytes, &worked);
    run(2, 0, bytes, &worked);
    run(2, 0, bytes, &worked); /* a step that was lost after it had written */
    assert_mode("/reports", 0700);
    assert_mode("/reports/user-statistics", 0700);
    assert_mode("/reports/user-statistics/1.json", 0600);
    path_of("/reports/user-statistics/2.json", path);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_gt(fread(read, 1, sizeof read - 1, file), 0);
    fclose(file);
    char *report = text_of(worked.report);
    cr_assert_str_eq(read, report);
    free(report);
}

enum { USERS = 500 };

Test(work_user_statistics, steps_of_any_length_find_the_same) {
    static uint8_t whole_bytes[2 * BYTES_MAX], bytes[2 * BYTES_MAX];
    static const uint64_t lengths[] = {1, 2, 7, 100, 499, 500, 501};
    random_state_t random = random_start("work_user_statistics");
    job_worked_t whole, worked;
    cr_assert_eq(store_begin(store), STATUS_OK);
    for (int i = 0; i < USERS; i++) {
        add("user", i, (user_status_t)random_below(&random, user_status_COUNT),
            STARTED_MS - random_below(&random, 500 * DAY_MS), random_below(&random, 50) == 0);
    }
    cr_assert_eq(store_commit(store), STATUS_OK);
    cr_assert_eq(run(1, 0, whole_bytes, &whole), 1);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        uint32_t steps = run(1, lengths[i], bytes, &worked);
        cr_assert_eq(steps, (USERS + lengths[i] - 1) / lengths[i], "%u steps", steps);
        cr_assert(span_equal(worked.report, whole.report), "%u steps", steps);
    }
}
