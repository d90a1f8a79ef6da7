/* SPDX-License-Identifier: MIT */
#include "actors/timers.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "actors/cell.h"
#include "tests/actors/timers_fixture.h"
#include "tests/schemas/hex.h"

TestSuite(timers, .init = setup, .fini = teardown);

static void set(const char *key, uint64_t when_ms) {
    timer_row_t timer = timer_of(key, when_ms);
    set_timer(&timer);
}

static void cancel(const char *key) {
    timer_row_t name = timer_of(key, 0);
    cr_assert_eq(timers_cancel(timers, &fixture.writer, &name), STATUS_OK);
}

/* It fires: its turn stands. */
static void assert_fires(uint64_t now_ms, const char *key, uint64_t when_ms) {
    timer_row_t timer = due(now_ms);
    cr_assert(span_equal(timer.key, span_text(key)), "%.*s", (int)timer.key.len, (const char *)timer.key.ptr);
    cr_assert_eq(timer.when_ms, when_ms);
    timers_remove(&fixture.writer, &timer);
}

/* What must not happen. */

Test(timers, none_fires_twice) {
    set("a", 100);
    assert_fires(100, "a", 100);
    assert_none(100);
    assert_none(UINT64_MAX - 1);
    restart();
    assert_none(UINT64_MAX - 1);
}

Test(timers, none_fires_early) {
    set("a", 100);
    assert_none(99);
    cr_assert_eq(timers_due_ms(timers), 100);
    restart();
    assert_none(99);
    assert_fires(100, "a", 100);
}

Test(timers, none_is_lost_when_its_turn_fails) {
    set("a", 100);
    set("b", 200);
    for (int attempt = 0; attempt < 3; attempt++) {
        timer_row_t timer = due(300);
        cr_assert(span_equal(timer.key, span_text("a")));
        writer_mark(&fixture.writer);
        timers_remove(&fixture.writer, &timer);
        writer_rollback(&fixture.writer);
    }
    assert_fires(300, "a", 100);
    assert_fires(300, "b", 200);
    assert_none(300);
}

Test(timers, none_is_lost_when_the_turn_that_moves_or_cancels_it_fails) {
    set("a", 100);
    assert_none(99);
    writer_mark(&fixture.writer);
    set("a", 300);
    writer_rollback(&fixture.writer);
    writer_mark(&fixture.writer);
    cancel("a");
    writer_rollback(&fixture.writer);
    writer_mark(&fixture.writer);
    set("a", 50);
    writer_rollback(&fixture.writer);
    cr_assert_leq(timers_due_ms(timers), 100);
    assert_none(99);
    assert_fires(100, "a", 100);
    assert_none(1000);
}

Test(timers, none_is_there_that_a_failed_turn_set) {
    writer_mark(&fixture.writer);
    set("a", 100);
    writer_rollback(&fixture.writer);
    assert_none(1000);
    cr_assert_eq(fixture.batch->record_count, 0);
}

Test(timers, a_cancelled_one_never_fires) {
    set("a", 100);
    set("b", 100);
    cancel("a");
    restart();
    set("c", 100);
    cancel("b");
    cancel("b");
    assert_fires(100, "c", 100);
    assert_none(1000);
}

Test(timers, a_replaced_one_fires_only_at_its_new_time) {
    set("later", 100);
    set("sooner", 300);
    set("same", 150);
    restart();
    set("later", 200);
    set("sooner", 50);
    timer_row_t same = timer_of("same", 150);
    same.body = span_text("\x81\xa1\x61\x01");
    set_timer(&same);
    assert_fires(50, "sooner", 50);
    assert_none(149);
    cr_assert(span_equal(due(150).body, same.body));
    assert_fires(150, "same", 150);
    assert_none(199);
    assert_fires(1000, "later", 200);
    assert_none(1000);
}

Test(timers, one_that_fired_may_be_set_again) {
    set("a", 100);
    timer_row_t timer = due(100);
    timers_remove(&fixture.writer, &timer);
    set("a", 100);
    assert_fires(100, "a", 100);
    assert_none(1000);
}

Test(timers, a_clock_that_goes_back_only_delays) {
    set("a", 100);
    assert_fires(150, "a", 100);
    set("b", 120);
    set("c", 60);
    assert_none(50);
    assert_fires(60, "c", 60);
    assert_none(119);
    assert_fires(120, "b", 120);
    assert_none(UINT64_MAX - 1);
}

/* Order. */

Test(timers, they_come_in_order_of_time_over_all_partitions) {
    const uint8_t partitions[] = {PARTITION, LAST_PARTITION, 0, 3, PARTITION};
    const uint64_t times[] = {50, 10, 40, 20, 30};
    for (size_t i = 0; i < ARRAY_LENGTH(times); i++) {
        timer_row_t timer = timer_of(i == 0 ? "a" : "b", times[i]);
        timer.partition = partitions[i];
        set_timer(&timer);
    }
    for (uint64_t when_ms = 10; when_ms <= 50; when_ms += 10) {
        timer_row_t timer = due(100);
        cr_assert_eq(timer.when_ms, when_ms);
        timers_remove(&fixture.writer, &timer);
        if (when_ms == 20) {
            restart();
        }
    }
    assert_none(100);
}

Test(timers, names_differ_in_each_of_their_parts) {
    timer_row_t timer = timer_of("a", 100);
    set_timer(&timer);
    timer.tag = span_of("", 0);
    set_timer(&timer);
    timer.method = span_text("other");
    set_timer(&timer);
    timer.kind = span_text("job");
    set_timer(&timer);
    timer.partition = 0;
    set_timer(&timer);
    for (int i = 0; i < 5; i++) {
        timer = due(100);
        timers_remove(&fixture.writer, &timer);
    }
    assert_none(100);
}

/* What it gives. */

static timer_row_t largest_timer(void) {
    static uint8_t letters[VALUE_BYTES_MAX];
    memset(letters, 'x', sizeof letters);
    return (timer_row_t){
        .partition = LAST_PARTITION,
        .when_ms = UINT64_MAX - 1,
        .hops = UINT8_MAX,
        .attempts = UINT32_MAX,
        .kind = span_of(letters, KIND_BYTES_MAX),
        .key = span_of(letters, KEY_BYTES_MAX),
        .method = span_of(letters, METHOD_BYTES_MAX),
        .tag = span_of(letters, TIMER_TAG_BYTES_MAX),
        .user = span_of(letters, SUBJECT_BYTES_MAX),
        .role = span_of(letters, ROLE_BYTES_MAX),
        .body = span_of(letters, VALUE_BYTES_MAX),
    };
}

Test(timers, the_smallest_and_the_largest_come_back_whole) {
    timer_row_t smallest = timer_of("a", 0), largest = largest_timer(), timer;
    smallest.tag = span_of("", 0);
    set_timer(&smallest);
    set_timer(&largest);
    restart();
    timer = due(0);
    assert_same(&timer, &smallest);
    timers_remove(&fixture.writer, &timer);
    timer = due(UINT64_MAX - 1);
    assert_same(&timer, &largest);
}

Test(timers, a_tag_may_be_any_bytes) {
    timer_row_t timer = timer_of("a", 100), found;
    timer.tag = span_of("\0\xff\0", 3);
    set_timer(&timer);
    found = due(100);
    assert_same(&found, &timer);
}

Test(timers, what_it_gives_stays_over_writes) {
    timer_row_t expected = timer_of("a", 100);
    expected.user = span_text("ann");
    expected.role = span_text("member");
    set_timer(&expected);
    restart();
    timer_row_t timer = due(100);
    timers_remove(&fixture.writer, &timer);
    set("0", 1);
    set("z", 1000);
    view_fixture_apply(&fixture);
    assert_same(&timer, &expected);
}

Test(timers, one_put_off_comes_later_with_an_attempt_more) {
    timer_row_t expected = timer_of("a", 100);
    expected.user = span_text("ann");
    expected.role = span_text("member");
    expected.body = span_text("\x81\xa1\x61\x01");
    set_timer(&expected);
    for (expected.attempts = 1; expected.attempts <= 3; expected.attempts++) {
        timer_row_t timer = due(expected.when_ms);
        writer_mark(&fixture.writer);
        timers_remove(&fixture.writer, &timer);
        writer_rollback(&fixture.writer);
        writer_mark(&fixture.writer);
        expected.when_ms += 50;
        timers_retry(timers, &fixture.writer, &timer, expected.when_ms);
        assert_none(expected.when_ms - 1);
        if (expected.attempts == 2) {
            restart();
        }
        timer = due(expected.when_ms);
        assert_same(&timer, &expected);
    }
    cancel("a");
    assert_none(1000);
}

Test(timers, one_put_off_may_be_cancelled_and_replaced) {
    set("a", 100);
    set("b", 100);
    for (int i = 0; i < 2; i++) {
        timer_row_t timer = due(100);
        timers_retry(timers, &fixture.writer, &timer, 200);
    }
    cancel("a");
    set("b", 300);
    cr_assert_eq(due(1000).attempts, 0, "a new one");
    assert_fires(1000, "b", 300);
    assert_none(1000);
}

Test(timers, one_set_for_the_end_of_time_never_fires) {
    set("a", UINT64_MAX);
    assert_none(UINT64_MAX - 1);
    timer_row_t timer;
    cr_assert_eq(timers_next(timers, UINT64_MAX, &timer), TIMERS_NONE);
    cr_assert_eq(timers_due_ms(timers), UINT64_MAX);
}

Test(timers, until_the_first_look_something_may_be_due) {
    cr_assert_eq(timers_due_ms(timers), 0);
    assert_none(0);
    cr_assert_eq(timers_due_ms(timers), UINT64_MAX);
    set("a", 200);
    cr_assert_eq(timers_due_ms(timers), 200);
    set("b", 100);
    cr_assert_eq(timers_due_ms(timers), 100);
}

Test(timers, each_costs_as_many_records_as_promised) {
    set("a", 100);
    cr_assert_eq(fixture.batch->record_count, 2);
    set("a", 200);
    cr_assert_eq(fixture.batch->record_count, 2 + 3);
    timer_row_t timer = due(200);
    timers_retry(timers, &fixture.writer, &timer, 300);
    cr_assert_eq(fixture.batch->record_count, 5 + 3);
    cancel("a");
    cr_assert_eq(fixture.batch->record_count, 8 + 2);
    cancel("a");
    cr_assert_eq(fixture.batch->record_count, 10);
}

Test(timers, nothing_is_left_behind) {
    set("a", 100);
    set("a", 200);
    set("b", 100);
    assert_fires(100, "b", 100);
    cancel("a");
    view_fixture_apply(&fixture);
    cr_assert_eq(store_entries(fixture.view.reader), 0);
}

/* Whose it is. */

Test(timers, other_rows_and_other_shards_are_left_alone) {
    store_key_t key;
    store_key_sub(&key, PARTITION, span_text("order"), span_text("a"), span_text("b"));
    writer_put(&fixture.writer, store_key_span(&key), span_text("sub"));
    store_key_head(&key, PARTITION + 1, span_text("order"), span_text("a"));
    writer_put(&fixture.writer, store_key_span(&key), span_text("head"));
    timer_row_t other = timer_of("a", 100);
    other.partition = PARTITION + 1;
    key = row_key(&other);
    writer_put(&fixture.writer, store_key_span(&key), span_text("of another shard"));
    key.len = 2;
    key.bytes[1] = 't' + 1;
    key.bytes[0] = PARTITION;
    writer_put(&fixture.writer, store_key_span(&key), span_text("behind"));
    assert_none(1000);
    restart();
    assert_none(1000);
}

Test(timers, all_partitions_have_one_shard) {
    for (uint16_t shards = 1; shards <= SHARDS_MAX; shards++) {
        for (uint16_t shard = 0; shard < shards; shard++) {
            timers_t *some = timers_new(&fixture.view, shard, shards);
            timer_row_t timer = timer_of("a", 100), found;
            for (uint32_t partition = shard; partition < PARTITIONS; partition += shards) {
                timer.partition = (uint8_t)partition;
                cr_assert_eq(timers_set(some, &fixture.writer, &timer), STATUS_OK);
                cr_assert_eq(timers_next(some, 100, &found), TIMERS_DUE);
                cr_assert_eq(found.partition, partition);
                timers_remove(&fixture.writer, &found);
            }
            timers_destroy(&some);
        }
        view_fixture_apply(&fixture);
    }
}

Test(timers, one_of_another_shard_cannot_be_set, .signal = SIGABRT) {
    timer_row_t timer = timer_of("a", 100);
    timer.partition = PARTITION + 1;
    set_timer(&timer);
}

Test(timers, a_key_with_nul_cannot_be_set, .signal = SIGABRT) {
    timer_row_t timer = timer_of("a", 100);
    timer.key = span_of("a\0b", 3);
    set_timer(&timer);
}

/* Damage. */

static void store(const store_key_t *key, span_t value) {
    restart();
    view_fixture_store(&fixture, store_key_span(key), value);
}

/* A sound cell with this body. */
static void store_cell(const store_key_t *key, const void *body, size_t bytes) {
    uint8_t cell[CELL_HEADER_BYTES + 64];
    memcpy(cell + CELL_HEADER_BYTES, body, bytes);
    cell_seal(cell, store_key_span(key), 0, 0, bytes);
    store(key, span_of(cell, CELL_HEADER_BYTES + bytes));
}

static timer_row_t assert_damaged(uint64_t now_ms) {
    timer_row_t timer;
    cr_assert_eq(timers_next(timers, now_ms, &timer), TIMERS_DAMAGED);
    return timer;
}

Test(timers, a_damaged_one_is_told_and_blocks_no_other) {
    set("a", 100);
    set("b", 100);
    set("c", 200);
    timer_row_t b = timer_of("b", 100), told;
    store_key_t key = row_key(&b);
    store(&key, span_text("rot"));
    assert_none(99);
    assert_fires(300, "a", 100);
    told = assert_damaged(300);
    cr_assert(told.partition == PARTITION && told.when_ms == 100);
    cr_assert(span_equal(told.kind, b.kind) && span_equal(told.key, b.key));
    cr_assert(span_equal(told.method, b.method) && span_equal(told.tag, b.tag));
    cr_assert_null(told.body.ptr);
    assert_fires(300, "c", 200);
    assert_none(1000);
    restart();
    told = assert_damaged(1000);
    cr_assert(span_equal(told.key, b.key), "it stays");
    assert_none(1000);
}

Test(timers, a_damaged_one_is_mended_by_setting_or_cancelling_it) {
    timer_row_t timer = timer_of("a", 100);
    store_key_t key = row_key(&timer);
    set_timer(&timer);
    store(&key, span_text("rot"));
    set("a", 200);
    assert_fires(1000, "a", 200);
    set_timer(&timer);
    store(&key, span_text("rot"));
    cancel("a");
    assert_none(1000);
    view_fixture_apply(&fixture);
    cr_assert_eq(store_entries(fixture.view.reader), 0);
}

Test(timers, where_its_name_is_damaged_nothing_is_written) {
    timer_row_t timer = timer_of("a", 100);
    store_key_t key = name_key(&timer);
    set_timer(&timer);
    store(&key, span_text("rot"));
    cr_assert_eq(timers_set(timers, &fixture.writer, &timer), STATUS_INTERNAL);
    cr_assert_eq(timers_cancel(timers, &fixture.writer, &timer), STATUS_INTERNAL);
    store_cell(&key, "7 bytes", 7);
    cr_assert_eq(timers_set(timers, &fixture.writer, &timer), STATUS_INTERNAL);
    cr_assert_eq(timers_cancel(timers, &fixture.writer, &timer), STATUS_INTERNAL);
    cr_assert_eq(fixture.batch->record_count, 0);
    assert_fires(100, "a", 100);
    set("a", 200);
    assert_fires(200, "a", 200);
}

Test(timers, a_row_of_another_shape_is_damaged) {
    static const char *const bodies[] = {
        "95 00 01 c0 c0",                     /* no body */
        "94 00 01 c0 80",                     /* four fields */
        "96 00 01 c0 c0 80 80",               /* six */
        "95 ff 01 c0 c0 80",                  /* attempts below 0 */
        "95 cf 0000000100000000 01 c0 c0 80", /* or too many */
        "95 00 cd 0100 c0 c0 80",             /* too many hops */
        "95 00 01 c4 01 61 c0 80",            /* a user in binary */
        "95 00 01 c0 91 a0 80",               /* a role in an array */
        "95 00 01 c0 90 80",                  /* an empty one */
        "95 00 01 a2 61",                     /* cut */
        "c0",
        "",
    };
    timer_row_t timer = timer_of("a", 100);
    store_key_t key = row_key(&timer);
    uint8_t bytes[64];
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        span_t body = hex_bytes(bodies[i], bytes);
        store_cell(&key, bytes, body.len);
        assert_damaged(100);
        assert_none(1000);
    }
    store_cell(&key, "\x95\x00\x01\xc0\xc0\x80", 6);
    assert_fires(100, "a", 100);
}

static void store_key_bytes(const void *bytes, size_t len) {
    view_fixture_store(&fixture, span_of(bytes, len), span_text("any"));
}

Test(timers, keys_that_nobody_wrote_are_told_and_passed_over) {
    uint8_t key[LMDB_KEY_BYTES_MAX];
    memset(key, 'k', sizeof key);
    memcpy(key, "\x09t\0\0\0\0\0\0\0\0\x50", 11);
    store_key_bytes("\x09t", 2);
    store_key_bytes("\x09t\0\0", 4);
    store_key_bytes("\x09t\0\0\0\0\0\0\0\0\x30", 11);
    store_key_bytes("\x09t\0\0\0\0\0\0\0\0\x30\0\0\0", 14);
    store_key_bytes("\x09t\0\0\0\0\0\0\0\0\x30k\0k\0m", 16);
    store_key_bytes(key, sizeof key);
    key[sizeof key - 1]++;
    store_key_bytes(key, sizeof key);
    memset(key + 11, 0xff, sizeof key - 11);
    store_key_bytes(key, sizeof key);
    store_key_bytes("\x09t\x01", 3);
    set("a", 0x40);
    set("b", 0x60);
    int told = 0, fired = 0;
    timer_row_t timer;
    timers_verdict_t verdict;
    while ((verdict = timers_next(timers, 1000, &timer)) != TIMERS_NONE) {
        cr_assert_eq(timer.partition, PARTITION);
        cr_assert(timer.kind.ptr != NULL && timer.key.ptr != NULL && timer.method.ptr != NULL && timer.tag.ptr != NULL);
        if (verdict == TIMERS_DUE) {
            timers_remove(&fixture.writer, &timer);
            fired++;
        } else {
            told++;
        }
    }
    cr_assert_eq(fired, 2);
    cr_assert(told >= 8 && told <= 9, "%d: of those that are alike to the end one may go for two", told);
}

/* Golden bytes. */

static void assert_row(const store_key_t *key, const char *expected_key, const char *expected) {
    uint8_t bytes[256];
    char text[512];
    span_t value;
    cr_assert(span_equal(store_key_span(key), hex_bytes(expected_key, bytes)), "%s",
              hex_text(store_key_span(key), text));
    cr_assert_eq(view_get(&fixture.view, store_key_span(key), &value), STATUS_OK);
    cr_assert(span_equal(value, hex_bytes(expected, bytes)), "%s", hex_text(value, text));
}

Test(timers, both_rows_have_golden_bytes) {
    timer_row_t timer = timer_of("a", 0x0102030405060708);
    timer.hops = 7;
    timer.attempts = 2;
    timer.user = span_text("ann");
    timer.role = span_text("member");
    timer.body = span_text("\x81\xa1\x61\x01");
    set_timer(&timer);
    store_key_t row = row_key(&timer), name = name_key(&timer);
    assert_row(&row, "09 74 00 0102030405060708 6f72646572 00 61 00 657870697265 00 746167",
               "3a86ebeafb64a2c8 01 00 0000 0000000000000000 95 02 07 a3616e6e a66d656d626572 81a16101");
    assert_row(&name, "09 6e 6f72646572 00 61 00 657870697265 00 746167",
               "6d7972d9d68e8c56 01 00 0000 0000000000000000 0807060504030201");
    set("b", 1);
    timer_row_t nobodys = timer_of("b", 1);
    row = row_key(&nobodys);
    assert_row(&row, "09 74 00 0000000000000001 6f72646572 00 62 00 657870697265 00 746167",
               "28e4ae1f3e6fcd99 01 00 0000 0000000000000000 95 00 01 c0 c0 80");
}
