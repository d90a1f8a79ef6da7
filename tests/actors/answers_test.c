/* SPDX-License-Identifier: MIT */
#include "actors/answers.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "actors/cell.h"
#include "actors/effect.h"
#include "schemas/envelope.h"
#include "tests/actors/answers_fixture.h"
#include "tests/schemas/hex.h"

TestSuite(answers, .init = setup, .fini = teardown);

static answers_verdict_t check_of(uint8_t session, uint64_t id, uint64_t lowest, span_t *body) {
    request_t request = request_of(session, id, lowest);
    answers_verdict_t verdict;
    answer_t kept = {0};
    cr_assert_eq(answers_check(answers, &fixture.writer, &request, &verdict, &kept), STATUS_OK);
    cr_assert_eq(kept.type, verdict == ANSWERS_KEPT ? ENVELOPE_REPLY : 0);
    cr_assert_eq(kept.flags, 0);
    *body = kept.body;
    return verdict;
}

static answers_verdict_t check(uint64_t id, uint64_t lowest) {
    span_t body;
    return check_of(1, id, lowest, &body);
}

static void keep(uint8_t session, uint64_t id, uint64_t lowest, const char *body) {
    request_t request = request_of(session, id, lowest);
    answers_keep(answers, &fixture.writer, &request, &(answer_t){.type = ENVELOPE_REPLY, .body = span_text(body)});
}

static void run(uint64_t id, uint64_t lowest) {
    cr_assert_eq(check(id, lowest), ANSWERS_NEW, "id %lu", (unsigned long)id);
    keep(1, id, lowest, "body");
}

static void assert_kept(uint64_t id, uint64_t lowest, const char *body) {
    span_t kept = {0};
    cr_assert_eq(check_of(1, id, lowest, &kept), ANSWERS_KEPT, "id %lu", (unsigned long)id);
    cr_assert(span_equal(kept, span_text(body)), "id %lu", (unsigned long)id);
}

static void damage(uint8_t session, uint64_t id, span_t value) {
    store_key_t key = key_of(session, id);
    restart();
    view_fixture_store(&fixture, store_key_span(&key), value);
}

static status_t check_status(uint8_t session, uint64_t id) {
    request_t request = request_of(session, id, 0);
    answers_verdict_t verdict;
    answer_t kept;
    return answers_check(answers, &fixture.writer, &request, &verdict, &kept);
}

Test(answers, what_ran_never_runs_again) {
    run(1, 1);
    assert_kept(1, 1, "body");
    restart();
    assert_kept(1, 1, "body");
}

Test(answers, an_id_below_the_lowest_never_runs) {
    cr_assert_eq(check(5, 5), ANSWERS_NEW);
    cr_assert_eq(check(4, 1), ANSWERS_STALE);
    cr_assert_eq(check(5, 1), ANSWERS_NEW);
    cr_assert_eq(check(7, 8), ANSWERS_STALE, "a request that says so itself");
}

Test(answers, a_dropped_id_never_runs_also_after_a_restart) {
    for (uint64_t id = 1; id <= 16; id++) {
        run(id, 1);
    }
    run(17, 17);
    cr_assert_null(row(1, 1).ptr);
    cr_assert_null(row(1, 16).ptr);
    for (int again = 0; again < 2; again++) {
        for (uint64_t id = 1; id <= 16; id++) {
            cr_assert_eq(check(id, 1), ANSWERS_STALE, "id %lu", (unsigned long)id);
        }
        assert_kept(17, 1, "body");
        restart();
    }
}

Test(answers, nothing_runs_where_the_answer_is_damaged) {
    run(1, 1);
    run(2, 1);
    damage(1, 1, span_text("rot"));
    cr_assert_eq(check_status(1, 1), STATUS_INTERNAL);
    cr_assert_eq(check_status(1, 2), STATUS_OK);
    cr_assert_eq(check_status(2, 1), STATUS_OK, "another session");
}

Test(answers, nothing_runs_where_the_mark_is_damaged) {
    run(1, 1);
    damage(1, 0, span_text("rot"));
    cr_assert_eq(check_status(1, 2), STATUS_INTERNAL);
    cr_assert_eq(check_status(1, 2), STATUS_INTERNAL);
    cr_assert_eq(check_status(2, 1), STATUS_OK, "another session");
}

Test(answers, a_row_without_an_answer_is_damaged) {
    uint8_t cell[CELL_HEADER_BYTES];
    store_key_t key = key_of(1, 1);
    run(1, 1);
    cell_seal(cell, store_key_span(&key), 0, 0, 0);
    damage(1, 1, span_of(cell, sizeof cell));
    cr_assert_eq(check_status(1, 1), STATUS_INTERNAL);
}

Test(answers, the_place_of_the_mark_is_no_request, .signal = SIGABRT) {
    (void)check_status(1, 0);
}

Test(answers, an_answer_that_nobody_asked_for_stops_the_program, .signal = SIGABRT) {
    keep(1, 1, 1, "body");
}

Test(answers, more_than_the_maximum_is_busy_until_the_lowest_moves) {
    for (uint64_t id = 1; id <= ANSWERS_PER_SESSION_MAX; id++) {
        run(id, 1);
    }
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 1, 1), ANSWERS_FULL);
    assert_kept(1, 1, "body");
    restart();
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 1, 1), ANSWERS_FULL, "also after a restart");
    run(ANSWERS_PER_SESSION_MAX + 1, 2);
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 2, 2), ANSWERS_FULL);
    cr_assert_eq(rows(1), ANSWERS_PER_SESSION_MAX);
    for (uint64_t id = ANSWERS_PER_SESSION_MAX + 2; id < 2 * ANSWERS_PER_SESSION_MAX; id++) {
        run(id, ANSWERS_PER_SESSION_MAX);
    }
}

Test(answers, the_lowest_unanswered_runs_however_many_overtook_it) {
    for (uint64_t id = 2; id <= ANSWERS_PER_SESSION_MAX + 1; id++) {
        run(id, 1);
    }
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 2, 1), ANSWERS_FULL);
    restart();
    run(1, 1);
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 2, 1), ANSWERS_FULL);
    run(ANSWERS_PER_SESSION_MAX + 2, ANSWERS_PER_SESSION_MAX + 2);
}

Test(answers, one_turn_drops_no_more_than_its_share) {
    for (uint64_t id = 1; id <= ANSWERS_PER_SESSION_MAX; id++) {
        run(id, 1);
    }
    view_fixture_apply(&fixture);
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 1, ANSWERS_PER_SESSION_MAX + 1), ANSWERS_NEW);
    cr_assert_eq(fixture.batch->record_count, ANSWERS_TRIMMED_MAX + 1, "and the mark");
    memtable_mark(fixture.view.memtable);
    keep(1, ANSWERS_PER_SESSION_MAX + 1, ANSWERS_PER_SESSION_MAX + 1, "body");
    cr_assert_eq(fixture.batch->record_count, 2 * (ANSWERS_TRIMMED_MAX + 1) + 1, "and the answer");
    cr_assert_eq(rows(1), ANSWERS_PER_SESSION_MAX - 2 * ANSWERS_TRIMMED_MAX + 1);
}

Test(answers, what_was_dropped_before_a_refused_turn_stays_dropped) {
    for (uint64_t id = 1; id <= ANSWERS_PER_SESSION_MAX; id++) {
        run(id, 1);
    }
    writer_mark(&fixture.writer);
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 1, 3), ANSWERS_NEW);
    writer_mark(&fixture.writer); /* as the shard does before it runs a turn */
    writer_rollback(&fixture.writer);
    cr_assert_null(row(1, 2).ptr);
    restart();
    cr_assert_eq(check(2, 1), ANSWERS_STALE);
    run(ANSWERS_PER_SESSION_MAX + 1, 3);
}

Test(answers, sessions_and_partitions_do_not_see_each_other) {
    span_t body;
    run(1, 1);
    cr_assert_eq(check_of(2, 1, 1, &body), ANSWERS_NEW);
    request_t other = request_of(1, 1, 1);
    answers_verdict_t verdict;
    answer_t kept;
    other.partition = PARTITION + 1;
    cr_assert_eq(answers_check(answers, &fixture.writer, &other, &verdict, &kept), STATUS_OK);
    cr_assert_eq(verdict, ANSWERS_NEW);
}

Test(answers, a_session_that_left_memory_loses_nothing) {
    span_t body;
    for (uint64_t id = 1; id <= 17; id++) {
        run(id, id == 17 ? 17 : 1);
    }
    for (uint8_t session = 2; session < 2 + 2 * PLACES_MAX; session++) {
        cr_assert_eq(check_of(session, 1, 1, &body), ANSWERS_NEW);
        keep(session, 1, 1, "of another session");
    }
    cr_assert_eq(check(16, 1), ANSWERS_STALE);
    assert_kept(17, 1, "body");
    cr_assert_eq(check(18, 1), ANSWERS_NEW);
}

/* The other sessions push it out; it is read again from its rows. */
static void push_out(void) {
    span_t body;
    for (uint8_t session = 100; session < 100 + PLACES_MAX; session++) {
        cr_assert_eq(check_of(session, 1, 1, &body), ANSWERS_NEW);
    }
}

/* The applier has the batch that wrote rows and not yet the one that dropped them. */
Test(answers, rows_that_come_back_for_a_while_count_for_nothing) {
    for (uint64_t id = 1; id <= 16; id++) {
        run(id, 1);
    }
    view_fixture_close_batch(&fixture);
    run(17, 17);
    cr_assert_null(row(1, 1).ptr);
    view_fixture_close_batch(&fixture);
    view_fixture_apply_one(&fixture);
    cr_assert_not_null(row(1, 1).ptr, "as writer_drop says");
    push_out();
    cr_assert_eq(check(16, 1), ANSWERS_STALE);
    assert_kept(17, 1, "body");
    view_fixture_apply(&fixture);
    cr_assert_null(row(1, 1).ptr);
    for (uint64_t id = 18; id <= 16 + ANSWERS_PER_SESSION_MAX; id++) {
        run(id, 17);
    }
    cr_assert_eq(check(17 + ANSWERS_PER_SESSION_MAX, 17), ANSWERS_FULL);
}

Test(answers, the_largest_id_is_kept_over_a_restart) {
    run(UINT64_MAX, 1);
    restart();
    assert_kept(UINT64_MAX, 1, "body");
    cr_assert_eq(check(UINT64_MAX - 1, UINT64_MAX), ANSWERS_STALE);
    assert_kept(UINT64_MAX, UINT64_MAX, "body");
}

Test(answers, ids_may_come_in_any_order_and_with_gaps) {
    run(9, 1);
    run(3, 1);
    run(1000, 1);
    assert_kept(3, 1, "body");
    assert_kept(9, 1, "body");
    cr_assert_eq(check(4, 1), ANSWERS_NEW);
    restart();
    assert_kept(3, 1, "body");
    assert_kept(1000, 1, "body");
    run(4, 1);
}

Test(answers, an_empty_and_a_large_answer_are_kept) {
    static char large[ENVELOPE_BYTES_MAX + 1];
    memset(large, 'x', ENVELOPE_BYTES_MAX);
    cr_assert_eq(check(1, 1), ANSWERS_NEW);
    keep(1, 1, 1, "");
    cr_assert_eq(check(2, 1), ANSWERS_NEW);
    keep(1, 2, 1, large);
    restart();
    assert_kept(1, 1, "");
    assert_kept(2, 1, large);
}

Test(answers, rows_are_not_dropped_one_by_one) {
    for (uint64_t id = 1; id < 100; id++) {
        uint32_t before = fixture.batch->record_count;
        run(id, id);
        cr_assert(fixture.batch->record_count == before + 1 || id % 16 == 1, "id %lu", (unsigned long)id);
        cr_assert_leq(rows(1), 17);
    }
}

Test(answers, rows_of_a_client_that_lags_behind_are_not_dropped_one_by_one) {
    uint32_t marks = 0;
    for (uint64_t id = 1; id < 200; id++) {
        uint32_t before = fixture.batch->record_count;
        run(id, id > 30 ? id - 30 : 1);
        marks += fixture.batch->record_count > before + 1;
        cr_assert_leq(rows(1), 30 + 17);
    }
    cr_assert(marks > 0 && marks <= 170 / 16, "%u", marks);
}

Test(answers, few_rows_are_not_dropped_however_far_the_lowest_moves) {
    for (uint64_t id = 1000; id < 16000; id += 1000) {
        run(id, id);
    }
    cr_assert_eq(fixture.batch->record_count, 15);
}

Test(answers, a_lowest_below_all_rows_writes_nothing) {
    for (uint64_t id = 1000; id < 1020; id++) {
        run(id, id - 900);
    }
    cr_assert_eq(fixture.batch->record_count, 20);
}

static void assert_row(uint64_t id, const char *expected) {
    uint8_t bytes[64];
    char text[256];
    span_t value = row(1, id);
    cr_assert(span_equal(value, hex_bytes(expected, bytes)), "%s", hex_text(value, text));
}

Test(answers, rows_and_mark_have_golden_bytes) {
    for (uint64_t id = 1; id <= 17; id++) {
        run(id, id == 17 ? 17 : 1);
    }
    assert_row(17, "803f4c6b38d1519d 01 00 0000 0000000000000000 02 626f6479");
    assert_row(0, "5c0aa2b0853e1b40 01 00 0000 0000000000000000 1100000000000000");
}

/* Holds. */

static void hold(uint64_t id, uint64_t lowest) {
    request_t request = request_of(1, id, lowest);
    cr_assert_eq(check(id, lowest), ANSWERS_NEW, "id %lu", (unsigned long)id);
    answers_keep(answers, &fixture.writer, &request, &ANSWER_PENDING);
}

static status_t settle_with(uint64_t id, const answer_t *answer) {
    request_t request = request_of(1, id, 0);
    return answers_settle(answers, &fixture.writer, PARTITION, request.session, id, answer);
}

static void settle(uint64_t id, const char *body) {
    cr_assert_eq(settle_with(id, &(answer_t){.type = ENVELOPE_REPLY, .body = span_text(body)}), STATUS_OK);
}

Test(answers, what_held_never_runs_again) {
    hold(1, 1);
    cr_assert_eq(check(1, 1), ANSWERS_PENDING);
    restart();
    cr_assert_eq(check(1, 1), ANSWERS_PENDING);
    settle(1, "body");
    assert_kept(1, 1, "body");
    restart();
    assert_kept(1, 1, "body");
}

Test(answers, an_answer_is_never_replaced) {
    run(1, 1);
    settle(1, "another");
    assert_kept(1, 1, "body");
    hold(2, 1);
    settle(2, "first");
    settle(2, "second");
    assert_kept(2, 1, "first");
}

Test(answers, nothing_is_written_for_what_never_held) {
    settle(1, "body");
    cr_assert_eq(fixture.batch->record_count, 0);
    cr_assert_eq(check(1, 1), ANSWERS_NEW);
}

Test(answers, nothing_is_written_for_a_client_that_moved_on) {
    hold(1, 1);
    for (uint64_t id = 2; id <= 16; id++) {
        run(id, 1);
    }
    cr_assert_eq(check(17, 2), ANSWERS_NEW);
    uint32_t before = fixture.batch->record_count;
    settle(1, "told to be waited for no longer");
    cr_assert_eq(fixture.batch->record_count, before);
    keep(1, 17, 17, "body");
    run(18, 18);
    cr_assert_null(row(1, 1).ptr, "dropped");
    restart();
    settle(1, "dropped");
    cr_assert_null(row(1, 1).ptr);
    cr_assert_eq(check(1, 1), ANSWERS_STALE);
}

/* As in rows_that_come_back_for_a_while_count_for_nothing. */
Test(answers, a_dropped_row_that_comes_back_is_not_settled) {
    hold(1, 1);
    for (uint64_t id = 2; id <= 16; id++) {
        run(id, 1);
    }
    view_fixture_close_batch(&fixture);
    run(17, 17);
    view_fixture_close_batch(&fixture);
    view_fixture_apply_one(&fixture);
    cr_assert_not_null(row(1, 1).ptr);
    settle(1, "body");
    push_out();
    settle(1, "body");
    view_fixture_apply(&fixture);
    cr_assert_null(row(1, 1).ptr);
}

Test(answers, a_settled_answer_of_a_turn_that_fails_is_pending_again) {
    hold(1, 1);
    writer_mark(&fixture.writer);
    settle(1, "body");
    assert_kept(1, 1, "body");
    writer_rollback(&fixture.writer);
    cr_assert_eq(check(1, 1), ANSWERS_PENDING);
    restart();
    cr_assert_eq(check(1, 1), ANSWERS_PENDING);
}

Test(answers, pending_ones_count_towards_the_bound_and_settled_ones_count_once) {
    for (uint64_t id = 1; id <= ANSWERS_PER_SESSION_MAX; id++) {
        hold(id, 1);
    }
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 1, 1), ANSWERS_FULL);
    view_fixture_apply(&fixture);
    for (uint64_t id = 1; id <= ANSWERS_PER_SESSION_MAX; id++) {
        settle(id, "body");
    }
    cr_assert_eq(rows(1), ANSWERS_PER_SESSION_MAX);
    run(ANSWERS_PER_SESSION_MAX + 1, 2);
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 2, 2), ANSWERS_FULL);
    restart();
    cr_assert_eq(check(ANSWERS_PER_SESSION_MAX + 2, 2), ANSWERS_FULL);
}

Test(answers, one_that_left_memory_is_settled) {
    hold(1, 1);
    push_out();
    settle(1, "body");
    push_out();
    assert_kept(1, 1, "body");
}

Test(answers, a_swept_one_is_not_settled) {
    hold(1, 1);
    cr_assert_eq(answers_sweep(answers, &fixture.writer, PARTITION, 100, 64), 1);
    settle(1, "body");
    cr_assert_null(row(1, 1).ptr);
}

Test(answers, a_damaged_row_is_not_settled) {
    answer_t answer = {.type = ENVELOPE_REPLY, .body = span_text("body")};
    hold(1, 1);
    damage(1, 1, span_text("rot"));
    cr_assert_eq(settle_with(1, &answer), STATUS_INTERNAL);
    cr_assert_eq(fixture.batch->record_count, 0);
    cr_assert_eq(check_status(1, 1), STATUS_INTERNAL);
}

Test(answers, nothing_is_settled_where_the_mark_is_damaged) {
    answer_t answer = {.type = ENVELOPE_REPLY, .body = span_text("body")};
    hold(1, 1);
    damage(1, 0, span_text("rot"));
    cr_assert_eq(settle_with(1, &answer), STATUS_INTERNAL);
    cr_assert_eq(fixture.batch->record_count, 0);
}

/* A body behind a type and flags, in a cell that is sound. */
static void store_body(uint64_t id, const char *body, size_t bytes) {
    uint8_t cell[CELL_HEADER_BYTES + 16];
    store_key_t key = key_of(1, id);
    memcpy(cell + CELL_HEADER_BYTES, body, bytes);
    cell_seal(cell, store_key_span(&key), 0, 0, bytes);
    damage(1, id, span_of(cell, CELL_HEADER_BYTES + bytes));
}

Test(answers, a_pending_answer_that_says_something_is_damaged) {
    store_body(1, "\x00x", 2);
    cr_assert_eq(check_status(1, 1), STATUS_INTERNAL);
    store_body(1, "\x10", 1);
    cr_assert_eq(check_status(1, 1), STATUS_INTERNAL);
    store_body(1, "\x00", 1);
    cr_assert_eq(check(1, 1), ANSWERS_PENDING);
}

Test(answers, flags_come_back_with_the_answer) {
    request_t request = request_of(1, 1, 1);
    answers_verdict_t verdict;
    answer_t kept;
    cr_assert_eq(check(1, 1), ANSWERS_NEW);
    answers_keep(answers, &fixture.writer, &request,
                 &(answer_t){.type = ENVELOPE_REPLY, .flags = EFFECT_GRANT, .body = span_text("handle")});
    restart();
    cr_assert_eq(answers_check(answers, &fixture.writer, &request, &verdict, &kept), STATUS_OK);
    cr_assert_eq(verdict, ANSWERS_KEPT);
    cr_assert(kept.type == ENVELOPE_REPLY && kept.flags == EFFECT_GRANT && span_equal(kept.body, span_text("handle")));
}

Test(answers, pending_rows_and_flags_have_golden_bytes) {
    request_t request = request_of(1, 2, 1);
    hold(1, 1);
    assert_row(1, "b4b9415a895ee18d 01 00 0000 0000000000000000 00");
    cr_assert_eq(check(2, 1), ANSWERS_NEW);
    answers_keep(answers, &fixture.writer, &request,
                 &(answer_t){.type = ENVELOPE_REPLY, .flags = EFFECT_GRANT, .body = span_text("body")});
    assert_row(2, "0949a50d316925bb 01 00 0000 0000000000000000 42 626f6479");
    settle(1, "body");
    assert_row(1, "3113ded604ca9385 01 00 0000 0000000000000000 02 626f6479");
}

/* Sweeping. */

static uint32_t sweep(uint64_t issued_ms, uint32_t max) {
    return answers_sweep(answers, &fixture.writer, PARTITION, issued_ms, max);
}

static void keep_for_sessions(uint8_t first, uint8_t last, uint64_t ids) {
    span_t body;
    for (uint8_t session = first; session <= last; session++) {
        for (uint64_t id = 1; id <= ids; id++) {
            cr_assert_eq(check_of(session, id, 1, &body), ANSWERS_NEW);
            keep(session, id, 1, "body");
        }
    }
}

Test(answers, a_sweep_leaves_sessions_that_are_young) {
    keep_for_sessions(1, 3, 2);
    cr_assert_eq(sweep(1, 64), 0);
    cr_assert_eq(sweep(3, 64), 4);
    cr_assert_eq(rows(1) + rows(2), 0);
    cr_assert_eq(rows(3), 2);
}

Test(answers, a_sweep_leaves_other_partitions_and_other_keys) {
    store_key_t other;
    keep_for_sessions(1, 1, 1);
    request_t request = request_of(1, 1, 1);
    store_key_answer(&other, PARTITION + 1, request.session, 1);
    writer_put(&fixture.writer, store_key_span(&other), span_text("row"));
    store_key_sub(&other, PARTITION, span_text("user"), span_text("a"), span_text("b"));
    writer_put(&fixture.writer, store_key_span(&other), span_text("sub"));
    store_key_head(&other, PARTITION, span_text("user"), span_text("a"));
    writer_put(&fixture.writer, store_key_span(&other), span_text("head"));
    cr_assert_eq(sweep(100, 64), 1);
    cr_assert_eq(memtable_count(fixture.view.memtable), 4, "three others and a tombstone");
}

Test(answers, a_sweep_is_done_in_slices) {
    keep_for_sessions(1, 2, 50);
    restart();
    cr_assert_eq(sweep(100, 10), 10);
    cr_assert_eq(sweep(100, 1000), ANSWERS_TRIMMED_MAX);
    cr_assert_eq(sweep(100, 64), 100 - 10 - ANSWERS_TRIMMED_MAX);
    cr_assert_eq(sweep(100, 64), 0);
}

Test(answers, a_sweep_takes_the_mark_too) {
    for (uint64_t id = 1; id <= 17; id++) {
        run(id, id == 17 ? 17 : 1);
    }
    cr_assert_eq(sweep(100, 64), 2);
    cr_assert_null(row(1, 0).ptr);
}
