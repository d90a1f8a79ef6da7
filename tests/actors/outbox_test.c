/* SPDX-License-Identifier: MIT */
#include "actors/outbox.h"

#include <signal.h>

#include "tests/actors/outbox_fixture.h"
#include "tests/schemas/hex.h"

TestSuite(outbox, .init = setup, .fini = teardown);

#define GOLDEN_KEY "096f70726f626500630000000000000001"
#define GOLDEN_HEADER "2a5a8ebb95daea14 01 00 0000 0000000000000000"
#define GOLDEN_MESSAGE                                                                                                 \
    "9f 01 07 00 c0 00 a570726f6265 a161 a474616b65 00 c0 03"                                                          \
    "94 92 c410 f0f1f2f3000000000000000000000000 09 92 a570726f6265 63 01 91 a770726f62652f61"                         \
    "92 a46d696e61 a455534552 c0 81a16e07"
#define GOLDEN_MARK_KEY "096170726f62650063"
#define GOLDEN_MARK                                                                                                    \
    "44d67daa6eb6a862010000000000000000000000"                                                                         \
    "0200000000000000"

enum { SILENCE_US = 400000, FAILURE_US = 50000 };

static void pass(uint64_t us) {
    now_us += us;
    pump();
}

/* What must not happen. */

Test(outbox, no_more_than_the_window_is_under_way) {
    add("a", STREAM_WINDOW + 100);
    assert_sent(1, STREAM_WINDOW);
    pump();
    assert_sent_none();
    acknowledge("a", 10, false);
    pump();
    assert_sent(STREAM_WINDOW + 1, STREAM_WINDOW + 10);
    cr_assert_eq(outbox_count(outbox), STREAM_WINDOW + 90);
    cr_assert_eq(outbox_messages(outbox, FROM), STREAM_WINDOW + 90);
}

Test(outbox, a_message_that_nobody_consumed_is_sent_again_also_after_a_restart) {
    add("a", 3);
    assert_sent(1, 3);
    for (int i = 0; i < 3; i++) {
        restart();
        cr_assert_eq(outbox_count(outbox), 3);
        cr_assert_eq(outbox_due_us(outbox), 0);
        pump();
        assert_sent(1, 3);
    }
    acknowledge("a", 2, false);
    restart();
    pump();
    assert_sent(3, 3);
    acknowledge("a", 3, false);
    restart();
    pump();
    assert_sent_none();
    cr_assert_eq(outbox_due_us(outbox), UINT64_MAX);
    add("a", 1);
    assert_sent(4, 4);
}

Test(outbox, nothing_is_sent_again_while_there_is_time_for_an_answer) {
    add("a", 3);
    assert_sent(1, 3);
    pass(SILENCE_US - 1);
    assert_sent_none();
    pass(1);
    assert_sent(1, 1);
}

/* Each message that is added would else put off that the lost ones are sent again, or hurry what is to be tried later.
 */
Test(outbox, what_is_added_changes_nothing_about_when_others_are_sent_again) {
    add("a", STREAM_WINDOW);
    assert_sent(1, STREAM_WINDOW);
    for (int i = 0; i < 4; i++) {
        add("a", 1);
        pass(SILENCE_US / 4);
    }
    assert_sent(1, 1);
    acknowledge("a", 0, true);
    uint64_t due_us = outbox_due_us(outbox);
    cr_assert_gt(due_us, now_us);
    add("a", 5);
    pump();
    assert_sent_none();
    cr_assert_eq(outbox_due_us(outbox), due_us);
    now_us = due_us;
    pump();
    assert_sent(1, 1);
}

Test(outbox, what_was_sent_again_for_silence_is_not_followed_by_all_others_at_once) {
    add("a", STREAM_WINDOW);
    sent_count = 0;
    pass(SILENCE_US);
    assert_sent(1, 1);
    acknowledge("a", 100, false);
    pump();
    assert_sent(101, 102);
    acknowledge("a", 102, false);
    pump();
    assert_sent(103, 106);
    acknowledge("a", STREAM_WINDOW, false);
    pump();
    assert_sent_none();
    cr_assert_eq(outbox_count(outbox), 0);
}

Test(outbox, old_and_foreign_acknowledgements_change_nothing) {
    add("a", 3);
    acknowledge("a", 2, false);
    sent_count = 0;
    uint32_t records = fixture.batch->record_count;
    acknowledge("a", 1, false);
    acknowledge("a", 1, true);
    acknowledge("a", 4, false); /* was never sent */
    acknowledge("a", UINT64_MAX, false);
    acknowledge("nobody", 1, false);
    stream_ack_t foreign = {.stream = {.from = FROM, .to = partition_of("a"), .kind = &probe_kind, .number = 3}};
    outbox_acknowledge(outbox, &fixture.writer, &foreign, now_us);
    pump();
    assert_sent_none();
    cr_assert_eq(fixture.batch->record_count, records);
    cr_assert_eq(outbox_count(outbox), 1);
}

Test(outbox, a_key_that_is_none_is_refused) {
    static const char *const keys[] = {"", "a/b", "a b", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        cr_assert_eq(outbox_prepare(outbox, FROM, &probe_kind, span_text(keys[i])), STATUS_INVALID_ADDRESS);
    }
    cr_assert_eq(outbox_prepare(outbox, FROM, &probe_kind, (span_t){0}), STATUS_INVALID_ADDRESS);
}

Test(outbox, a_message_that_nobody_prepared_stops_the_program, .signal = SIGABRT) {
    message_t message = message_to("a");
    outbox_add(outbox, &fixture.writer, &message, now_us);
}

/* A turn prepares all its messages before the first is added. */
static void many_streams(uint32_t max) {
    streams_max = max;
    restart();
    for (int round = 0; round < 3; round++) {
        char keys[TURN_SENDS_MAX][16];
        for (int i = 0; i < TURN_SENDS_MAX; i++) {
            snprintf(keys[i], sizeof keys[i], "k%d", round % 2 == 0 ? i : TURN_SENDS_MAX - i);
            cr_assert_eq(outbox_prepare(outbox, FROM, &probe_kind, span_text(keys[i])), STATUS_OK);
        }
        for (int i = 0; i < TURN_SENDS_MAX; i++) {
            message_t message = message_to(keys[i]);
            outbox_add(outbox, &fixture.writer, &message, now_us);
        }
        collect();
        for (int i = 0; i < TURN_SENDS_MAX && round != 1; i++) {
            acknowledge(keys[i], round == 0 ? 1 : 0, false);
        }
        pump();
    }
}

Test(outbox, a_prepared_stream_stays_in_memory_though_there_are_too_many) {
    many_streams(1);
    many_streams(TURN_SENDS_MAX);
}

Test(outbox, streams_that_left_memory_count_on_where_they_were) {
    streams_max = 2;
    restart();
    for (uint64_t round = 1; round <= 5; round++) {
        for (int i = 0; i < 50; i++) {
            char key[16];
            snprintf(key, sizeof key, "x%d", i);
            sent_count = 0;
            add(key, 1);
            cr_assert_eq(sent_count, 1);
            acknowledge(key, sent[0], false);
            pump();
        }
    }
    cr_assert_eq(outbox_count(outbox), 0);
    restart();
    cr_assert_eq(outbox_due_us(outbox), UINT64_MAX);
}

/* Damage. */

static void damage(store_key_t key, const char *bytes) {
    restart();
    view_fixture_store(&fixture, store_key_span(&key), bytes == NULL ? (span_t){0} : span_text(bytes));
}

static void assert_told(const char *text) {
    cr_assert(told_count == 1 && strstr(told, text) != NULL, "told %u times: %s", told_count, told);
}

/* Sent are those before it; those behind it never overtake it; other streams go on; nothing is lost. */
static void assert_stopped_at(uint64_t number) {
    for (int i = 0; i < 3; i++) {
        now_us += 10 * SILENCE_US;
        sent_count = 0;
        pump();
        for (uint32_t sends = 0; sends < sent_count; sends++) {
            cr_assert_lt(sent[sends], number);
        }
    }
    acknowledge("a", number - 1, false);
    sent_count = 0;
    add("a", 2);
    now_us += 10 * SILENCE_US;
    pump();
    assert_sent_none();
    cr_assert_eq(outbox_due_us(outbox), UINT64_MAX);
    add("other", 1);
    assert_sent(1, 1);
    acknowledge("other", 1, false);
}

Test(outbox, a_damaged_row_stops_its_stream_and_no_other) {
    add("a", 5);
    assert_sent(1, 5);
    damage(row_of("a", 3), "rot");
    pump();
    assert_sent(1, 2);
    assert_told("probe: message 3 from partition 9 to partition");
    assert_stopped_at(3);
    assert_told("is damaged");
    cr_assert_eq(outbox_count(outbox), 5);
}

Test(outbox, a_missing_row_stops_its_stream_and_no_other) {
    add("a", 5);
    damage(row_of("a", 3), NULL);
    sent_count = told_count = 0;
    restart();
    assert_told("message 3");
    pump();
    assert_sent(1, 2);
    assert_stopped_at(3);
    assert_told("is missing");
    add("a", 1); /* overwrites none that is there */
    restart();
    cr_assert_eq(outbox_count(outbox), 6);
}

Test(outbox, a_missing_first_row_stops_its_stream) {
    add("a", 3);
    acknowledge("a", 1, false);
    damage(row_of("a", 2), NULL);
    told_count = 0;
    restart();
    assert_told("message 2");
    assert_stopped_at(2);
}

Test(outbox, a_row_that_is_damaged_after_it_was_sent_goes_when_it_was_consumed) {
    add("a", 3);
    damage(row_of("a", 2), "rot");
    told_count = 0;
    restart();
    pump();
    assert_told("message 2");
    acknowledge("a", 3, false);
    sent_count = 0;
    add("a", 1);
    assert_sent(4, 4);
    restart();
    pump();
    assert_sent(4, 4);
}

Test(outbox, where_the_mark_is_damaged_the_rows_tell_it) {
    add("a", 3);
    acknowledge("a", 1, false);
    damage(mark_of("a"), "rot");
    sent_count = told_count = 0;
    restart();
    assert_told("the mark before it is damaged");
    pump();
    assert_sent(2, 3);
    acknowledge("a", 2, false);
    told_count = 0;
    restart();
    cr_assert_eq(told_count, 0);
    pump();
    assert_sent(3, 3);
}

Test(outbox, where_the_mark_is_damaged_and_there_are_no_rows_nothing_is_sent) {
    add("a", 1);
    acknowledge("a", 1, false);
    damage(mark_of("a"), "rot");
    restart();
    cr_assert_eq(outbox_prepare(outbox, FROM, &probe_kind, span_text("a")), STATUS_INTERNAL);
    cr_assert_eq(outbox_prepare(outbox, FROM, &probe_kind, span_text("other")), STATUS_OK);
}

Test(outbox, rows_of_a_kind_that_is_gone_stay_and_stop_no_other) {
    store_key_t row;
    add("a", 2);
    for (uint64_t number = 1; number <= 3; number++) {
        store_key_outbox(&row, FROM, span_text("gone"), 4, number);
        view_fixture_store(&fixture, store_key_span(&row), span_text("x"));
    }
    sent_count = told_count = 0;
    restart();
    assert_told("gone: message 1");
    pump();
    assert_sent(1, 2);
    span_t value;
    cr_assert_eq(view_get(&fixture.view, store_key_span(&row), &value), STATUS_OK);
    cr_assert(span_equal(value, span_text("x")));
}

Test(outbox, a_row_behind_the_mark_is_not_sent_again) {
    store_key_t first = row_of("a", 1);
    add("a", 2);
    acknowledge("a", 2, false);
    view_fixture_apply(&fixture);
    view_fixture_store(&fixture, store_key_span(&first), span_text("x"));
    sent_count = told_count = 0;
    restart();
    assert_told("though it was consumed");
    pump();
    assert_sent_none();
    add("a", 1);
    assert_sent(3, 3);
}

/* What it promises. */

Test(outbox, a_message_that_failed_is_tried_alone_each_time_later_and_then_the_others_follow) {
    uint64_t wait_us = FAILURE_US;
    add("a", 20);
    assert_sent(1, 20);
    for (int failure = 0; failure < 4; failure++) {
        acknowledge("a", 0, true);
        acknowledge("a", 0, true); /* the same again: not one more */
        pass(wait_us - 1);
        assert_sent_none();
        pass(1);
        assert_sent(1, 1);
        wait_us *= 2;
    }
    acknowledge("a", 1, false);
    pump();
    assert_sent(2, 3);
    acknowledge("a", 3, false);
    pump();
    assert_sent(4, 7);
    acknowledge("a", 7, false);
    pump();
    assert_sent(8, 15);
    acknowledge("a", 15, true);
    pass(FAILURE_US);
    assert_sent(16, 16);
}

Test(outbox, all_that_was_lost_is_sent_again_within_seconds) {
    add("a", 10 * STREAM_WINDOW);
    sent_count = 0;
    uint64_t begun_us = now_us;
    while (outbox_count(outbox) > 0) {
        now_us = outbox_due_us(outbox) > now_us ? outbox_due_us(outbox) : now_us;
        pump();
        cr_assert_gt(sent_count, 0);
        acknowledge("a", sent[sent_count - 1], false);
        sent_count = 0;
    }
    cr_assert_leq(now_us - begun_us, 1000000);
}

Test(outbox, streams_do_not_wait_for_one_another) {
    add("a", STREAM_WINDOW + 1);
    sent_count = 0;
    add("b", 1);
    assert_sent(1, 1);
    acknowledge("a", 0, true);
    add("b", 1);
    assert_sent(2, 2);
    cr_assert_neq(partition_of("a"), partition_of("b"));
}

Test(outbox, a_message_has_golden_bytes) {
    static uint8_t bytes[1024];
    message_t message = message_to("a");
    message.hops = 3;
    message.user = span_text("mina");
    message.role = span_text("USER");
    message.body = span_text("\x81\xa1n\x07");
    cr_assert_eq(outbox_prepare(outbox, FROM, &probe_kind, message.key), STATUS_OK);
    outbox_add(outbox, &fixture.writer, &message, now_us);
    span_t rest = span_of(fixture.batch->effects, fixture.batch->effects_bytes), sent_bytes, value;
    effect_t effect;
    cr_assert(effect_next(&rest, &effect, &sent_bytes));
    span_t golden = hex_bytes(GOLDEN_MESSAGE, bytes);
    char text[2048];
    cr_assert(span_equal(sent_bytes, golden), "%s", hex_text(sent_bytes, text));
    store_key_t row = row_of("a", 1);
    cr_assert_eq(view_get(&fixture.view, store_key_span(&row), &value), STATUS_OK);
    cr_assert(span_equal(span_of(value.ptr + CELL_HEADER_BYTES, value.len - CELL_HEADER_BYTES), golden));
    span_t header = hex_bytes(GOLDEN_HEADER, bytes);
    cr_assert(span_equal(span_of(value.ptr, CELL_HEADER_BYTES), header), "%s",
              hex_text(span_of(value.ptr, CELL_HEADER_BYTES), text));
    cr_assert_str_eq(hex_text(store_key_span(&row), text), GOLDEN_KEY);
}

Test(outbox, an_acknowledged_mark_has_golden_bytes) {
    span_t value;
    char text[256];
    store_key_t mark = mark_of("a");
    add("a", 2);
    acknowledge("a", 2, false);
    cr_assert_eq(view_get(&fixture.view, store_key_span(&mark), &value), STATUS_OK);
    cr_assert_str_eq(hex_text(store_key_span(&mark), text), GOLDEN_MARK_KEY);
    cr_assert_str_eq(hex_text(value, text), GOLDEN_MARK);
}
