/* SPDX-License-Identifier: MIT */
/* The run against what it must not do, and against a naive array of keys. */
#include "storage/run.h"

#include <criterion/criterion.h>

#include "tests/storage/random.h"

static batch_t *batch;
static run_t *run;

static void setup(void) {
    batch = batch_new(0);
    run = run_new(true);
}

static void teardown(void) {
    run_destroy(&run);
    batch_destroy(&batch);
}

TestSuite(run, .init = setup, .fini = teardown);

static void put(const char *key, const char *value) {
    batch_put(batch, span_text(key), span_text(value));
}

static void put_fresh(const char *key, const char *value) {
    batch_put_fresh(batch, span_text(key), span_text(value));
}

static void del(const char *key) {
    batch_delete(batch, span_text(key));
}

/* Ends a batch. */
static void add(void) {
    cr_assert(run_add(run, span_of(batch->records, batch->records_bytes)));
    batch_reset(batch);
}

/* "key=value " for each write that is left, "key- " for a delete. */
static void assert_sorted(const char *expected) {
    char seen[256] = "";
    size_t bytes = 0;
    add();
    run_sort(run);
    for (size_t i = 0; i < run_count(run); i++) {
        log_record_t record = run_at(run, i);
        bool deleted = record.value.ptr == NULL;
        bytes += (size_t)snprintf(seen + bytes, sizeof(seen) - bytes, "%.*s%s%.*s ", (int)record.key.len,
                                  record.key.ptr, deleted ? "-" : "=", (int)record.value.len, record.value.ptr);
    }
    cr_assert_str_eq(seen, expected);
}

Test(run, a_damaged_record_is_not_taken) {
    put("key", "value");
    cr_assert_not(run_add(run, span_of(batch->records, batch->records_bytes - 1)));
}

Test(run, an_earlier_write_never_wins) {
    put("b", "1");
    put("a", "1");
    add();
    put("b", "2");
    put("b", "3");
    assert_sorted("a=1 b=3 ");
}

Test(run, a_delete_wins_over_what_was_before_it_and_not_over_what_comes) {
    put("a", "1");
    del("a");
    del("b");
    put("b", "1");
    assert_sorted("a- b=1 ");
}

Test(run, a_fresh_key_that_is_deleted_leaves_nothing) {
    put_fresh("a", "1");
    put("a", "2");
    del("a");
    put_fresh("b", "1");
    assert_sorted("b=1 ");
}

Test(run, a_key_that_was_there_is_deleted_even_if_it_came_again_as_fresh) {
    del("a");
    put_fresh("a", "1");
    del("a");
    assert_sorted("a- ");
}

Test(run, freshness_is_not_trusted_where_the_store_may_be_ahead) {
    run_destroy(&run);
    run = run_new(false);
    put_fresh("a", "1");
    del("a");
    assert_sorted("a- ");
}

Test(run, nothing_added_is_nothing_sorted) {
    assert_sorted("");
}

Test(run, an_empty_value_is_no_delete) {
    put("a", "");
    assert_sorted("a= ");
}

/* Model: the last value of each of some keys, over more batches than one chunk holds. */

enum { KEYS = 300, WRITES = 30000 };

static span_t model_key(uint32_t i, uint8_t bytes[4]) {
    bytes[0] = (uint8_t)(i * 37); /* any first byte, so that all shares are dealt to */
    bytes[1] = (uint8_t)(i >> 8);
    bytes[2] = (uint8_t)i;
    return span_of(bytes, 2 + i % 2);
}

Test(run, random_writes_agree_with_a_naive_array) {
    static uint32_t last[KEYS];
    static uint8_t value[4096];
    random_state_t random = random_start("run");
    for (uint32_t i = 1; i <= WRITES; i++) {
        uint8_t key[4];
        uint32_t which =
            (uint32_t)random_below(&random, KEYS / 2) * 2 + 1; /* odd ones: keys of three bytes, all different */
        memcpy(value, &i, sizeof i);
        batch_put(batch, model_key(which, key),
                  span_of(value, sizeof i + random_below(&random, sizeof value - sizeof i)));
        last[which] = i;
        if (batch->records_bytes > MIB(1))
            add();
    }
    add();
    run_sort(run);
    size_t expected = 0;
    for (uint32_t which = 0; which < KEYS; which++)
        expected += last[which] != 0;
    cr_assert_eq(run_count(run), expected);
    span_t before = {0};
    for (size_t i = 0; i < run_count(run); i++) {
        log_record_t record = run_at(run, i);
        uint32_t which = (uint32_t)record.key.ptr[1] << 8 | record.key.ptr[2], written;
        memcpy(&written, record.value.ptr, sizeof written);
        cr_assert_eq(written, last[which], "key %u", which);
        cr_assert(before.ptr == NULL || span_compare(before, record.key) < 0);
        before = record.key;
    }
}
