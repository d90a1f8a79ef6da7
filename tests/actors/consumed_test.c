/* SPDX-License-Identifier: MIT */
#include "actors/consumed.h"

#include <signal.h>

#include "actors/effect.h"
#include "actors/store_key.h"
#include "tests/actors/view_fixture.h"
#include "tests/schemas/hex.h"
#include "tests/storage/random.h"

#define GOLDEN_MARK                                                                                                    \
    "79c8a1f1370dffcf010000000000000000000000"                                                                         \
    "0200000000000000"

enum { MAX = 4, STREAMS = 12, STEPS = 20000 };

static const kind_t probe_kind = {.name = "probe"};

static view_fixture_t fixture;
static consumed_t *consumed;

static void setup(void) {
    view_fixture_open(&fixture);
    consumed = consumed_new(&fixture.view, MAX);
}

static void teardown(void) {
    consumed_destroy(&consumed);
    cr_assert_null(consumed);
    consumed_destroy(&consumed);
    view_fixture_close(&fixture);
}

TestSuite(consumed, .init = setup, .fini = teardown);

static void restart(void) {
    view_fixture_apply(&fixture);
    consumed_destroy(&consumed);
    consumed = consumed_new(&fixture.view, MAX);
}

static stream_t message(uint8_t from, uint64_t number) {
    stream_t stream = {.folder = {0xf0, 0xf1}, .from = from, .to = 7, .kind = &probe_kind, .number = number};
    return stream;
}

static consumed_verdict_t check(uint8_t from, uint64_t number) {
    stream_t stream = message(from, number);
    consumed_verdict_t verdict;
    cr_assert_eq(consumed_check(consumed, &stream, &verdict), STATUS_OK);
    return verdict;
}

static void take(uint8_t from, uint64_t number) {
    stream_t stream = message(from, number);
    cr_assert_eq(check(from, number), CONSUMED_NEXT);
    consumed_advance(consumed, &fixture.writer, &stream);
}

static uint32_t fail(uint8_t from, uint64_t number) {
    stream_t stream = message(from, number);
    cr_assert_eq(check(from, number), CONSUMED_NEXT);
    return consumed_failed(consumed, &stream);
}

/* What was told: the acknowledgements, back to back, of which the first is given. */
static uint32_t tell(stream_ack_t *first) {
    uint32_t count = 0;
    effect_t effect;
    span_t bytes;
    fixture.batch->effects_bytes = fixture.batch->effect_count = 0;
    consumed_tell(consumed, fixture.batch);
    span_t rest = span_of(fixture.batch->effects, fixture.batch->effects_bytes);
    for (; effect_next(&rest, &effect, &bytes); count++) {
        cr_assert(effect.type == EFFECT_ACK && bytes.len == sizeof *first);
        if (count == 0) {
            memcpy(first, bytes.ptr, bytes.len);
        }
    }
    fixture.batch->effects_bytes = fixture.batch->effect_count = 0;
    cr_assert_eq(consumed_untold(consumed), 0);
    return count;
}

static void assert_told(uint8_t from, uint64_t number, bool failed) {
    stream_ack_t ack;
    cr_assert_eq(tell(&ack), 1);
    cr_assert(ack.stream.from == from && ack.stream.to == 7 && ack.stream.kind == &probe_kind);
    cr_assert(ack.stream.folder[1] == 0xf1 && ack.stream.folder[2] == 0);
    cr_assert(ack.stream.number == number && ack.failed == failed, "%lu, %d", (unsigned long)ack.stream.number,
              ack.failed);
}

/* What must not happen. */

Test(consumed, none_is_taken_twice_or_too_early) {
    cr_assert_eq(check(1, 2), CONSUMED_EARLY);
    cr_assert_eq(check(1, UINT64_MAX), CONSUMED_EARLY);
    take(1, 1);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(check(1, 0), CONSUMED_BEFORE);
        cr_assert_eq(check(1, 1), CONSUMED_BEFORE);
        cr_assert_eq(check(1, 3), CONSUMED_EARLY);
        cr_assert_eq(check(1, 2), CONSUMED_NEXT);
        restart();
    }
}

Test(consumed, streams_of_other_folders_and_partitions_count_for_themselves) {
    stream_t foreign = message(1, 1);
    consumed_verdict_t verdict;
    take(1, 1);
    foreign.folder[0] = 1;
    cr_assert_eq(consumed_check(consumed, &foreign, &verdict), STATUS_OK);
    cr_assert_eq(verdict, CONSUMED_NEXT);
    cr_assert_eq(check(2, 1), CONSUMED_NEXT);
    foreign = message(1, 1);
    foreign.to = 8;
    cr_assert_eq(consumed_check(consumed, &foreign, &verdict), STATUS_OK);
    cr_assert_eq(verdict, CONSUMED_NEXT);
}

Test(consumed, a_mark_of_a_turn_that_is_undone_would_be_wrong_so_it_is_written_after) {
    stream_t stream = message(1, 1);
    cr_assert_eq(check(1, 1), CONSUMED_NEXT);
    uint32_t records = fixture.batch->record_count;
    cr_assert_eq(consumed_failed(consumed, &stream), 1);
    consumed_postpone(consumed, &stream);
    cr_assert_eq(fixture.batch->record_count, records);
    consumed_advance(consumed, &fixture.writer, &stream);
    cr_assert_eq(fixture.batch->record_count, records + 1);
}

Test(consumed, where_the_mark_is_damaged_nothing_is_taken) {
    static const char *const rot[] = {"", "rot", "0123456789012345678901234567"};
    store_key_t key;
    stream_t stream = message(1, 1);
    consumed_verdict_t verdict = CONSUMED_EARLY;
    take(1, 1);
    store_key_consumed(&key, 7, span_text("probe"), stream.folder, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(rot); i++) {
        view_fixture_apply(&fixture);
        view_fixture_store(&fixture, store_key_span(&key), span_text(rot[i]));
        restart();
        cr_assert_eq(consumed_check(consumed, &stream, &verdict), STATUS_INTERNAL);
        cr_assert_eq(verdict, CONSUMED_EARLY);
        cr_assert_eq(check(2, 1), CONSUMED_NEXT);
    }
}

Test(consumed, what_was_not_checked_stops_the_program, .signal = SIGABRT) {
    stream_t stream = message(1, 1);
    consumed_advance(consumed, &fixture.writer, &stream);
}

Test(consumed, what_is_not_the_next_stops_the_program, .signal = SIGABRT) {
    stream_t stream = message(1, 2);
    cr_assert_eq(check(1, 2), CONSUMED_EARLY);
    consumed_advance(consumed, &fixture.writer, &stream);
}

Test(consumed, streams_that_something_is_to_be_told_of_stay_in_memory) {
    stream_ack_t ack;
    for (uint8_t from = 0; from < STREAMS; from++) {
        take(from, 1);
    }
    cr_assert_eq(consumed_untold(consumed), STREAMS);
    cr_assert_eq(tell(&ack), STREAMS);
    for (uint8_t from = 0; from < STREAMS; from++) {
        cr_assert_eq(check(from, 1), CONSUMED_BEFORE);
    }
}

Test(consumed, what_has_no_room_in_the_batch_is_told_in_the_next) {
    stream_ack_t ack;
    take(1, 1);
    take(2, 1);
    fixture.batch->effects_bytes = BATCH_EFFECTS_BYTES - (uint32_t)(sizeof(effect_t) + sizeof ack) + 1;
    consumed_tell(consumed, fixture.batch);
    cr_assert_eq(consumed_untold(consumed), 2);
    cr_assert_eq(tell(&ack), 2);
}

/* What it tells. */

Test(consumed, a_batch_of_messages_is_acknowledged_once) {
    stream_ack_t ack;
    for (uint64_t number = 1; number <= 100; number++) {
        take(1, number);
    }
    assert_told(1, 100, false);
    cr_assert_eq(tell(&ack), 0);
    cr_assert_eq(check(1, 50), CONSUMED_BEFORE);
    assert_told(1, 100, false);
}

Test(consumed, failures_are_counted_until_it_is_done_and_told) {
    take(1, 1);
    cr_assert_eq(fail(1, 2), 1);
    assert_told(1, 1, true);
    cr_assert_eq(fail(1, 2), 2);
    cr_assert_eq(fail(1, 2), 3);
    cr_assert_eq(fail(2, 1), 1);
    take(1, 2);
    cr_assert_eq(fail(1, 3), 1);
    take(1, 3);
    take(1, 4);
    stream_ack_t ack;
    cr_assert_eq(tell(&ack), 2);
    cr_assert(ack.stream.number == 4 && !ack.failed, "what was done later speaks for all");
}

Test(consumed, one_that_comes_too_early_is_told_as_one_that_failed) {
    take(1, 1);
    cr_assert_eq(check(1, 3), CONSUMED_EARLY);
    assert_told(1, 1, true);
    stream_t stream = message(1, 2);
    cr_assert_eq(check(1, 2), CONSUMED_NEXT);
    consumed_postpone(consumed, &stream);
    assert_told(1, 1, true);
    cr_assert_eq(fail(1, 2), 1);
}

Test(consumed, a_mark_has_golden_bytes) {
    store_key_t key;
    span_t value;
    char text[256];
    stream_t stream = message(9, 1);
    take(9, 1);
    take(9, 2);
    store_key_consumed(&key, 7, span_text("probe"), stream.folder, 9);
    cr_assert_str_eq(hex_text(store_key_span(&key), text), "076370726f626500f0f1000000000000000000000000000009");
    cr_assert_eq(view_get(&fixture.view, store_key_span(&key), &value), STATUS_OK);
    cr_assert_str_eq(hex_text(value, text), GOLDEN_MARK);
}

/* Against an array of numbers. */
Test(consumed, behaves_like_an_array_of_numbers) {
    random_state_t random = random_start("consumed, behaves_like_an_array_of_numbers");
    uint64_t numbers[STREAMS] = {0};
    stream_ack_t ack;
    for (int step = 0; step < STEPS; step++) {
        uint8_t from = (uint8_t)random_below(&random, STREAMS);
        uint64_t number = numbers[from] + random_below(&random, 4);
        consumed_verdict_t verdict = check(from, number);
        cr_assert_eq(verdict, number <= numbers[from]       ? CONSUMED_BEFORE
                              : number == numbers[from] + 1 ? CONSUMED_NEXT
                                                            : CONSUMED_EARLY);
        if (verdict == CONSUMED_NEXT && random_below(&random, 4) > 0) {
            stream_t stream = message(from, number);
            consumed_advance(consumed, &fixture.writer, &stream);
            numbers[from]++;
        }
        if (random_below(&random, 8) == 0) {
            tell(&ack);
        }
        if (random_below(&random, 500) == 0) {
            restart();
        }
    }
}
