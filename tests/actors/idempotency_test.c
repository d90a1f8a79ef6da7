/* SPDX-License-Identifier: MIT */
#include "actors/idempotency.h"

#include <signal.h>

#include "actors/cell.h"
#include "actors/store_key.h"
#include "schemas/envelope.h"
#include "schemas/records.h"
#include "tests/actors/view_fixture.h"
#include "tests/schemas/hex.h"

#define NOW_MS UINT64_C(1000000)
#define KEPT_MS 500
#define END_MS (NOW_MS + KEPT_MS)

enum { PARTITION = 9 };

static const uint8_t hash_key[KEYED_HASH_BYTES] = {5};
static view_fixture_t fixture;
static idempotency_t *idempotency;

static void setup(void) {
    view_fixture_open(&fixture);
    idempotency = idempotency_new(&fixture.view, hash_key);
}

static void teardown(void) {
    idempotency_destroy(&idempotency);
    cr_assert_null(idempotency);
    idempotency_destroy(&idempotency);
    view_fixture_close(&fixture);
}

TestSuite(idempotency, .init = setup, .fini = teardown);

/* Everything durable is in the store, everything in memory is gone. */
static void restart(void) {
    view_fixture_apply(&fixture);
    idempotency_destroy(&idempotency);
    idempotency = idempotency_new(&fixture.view, hash_key);
}

/* Of a key that is called by a number. */
static request_t request_of(uint32_t key, const char *body) {
    request_t request = {.partition = PARTITION,
                         .kind = &kinds[KIND_user],
                         .method = &kinds[KIND_user].methods[METHOD_user_update],
                         .key = span_text("ann"),
                         .has_idempotency = true,
                         .body = span_text(body)};
    memset(request.idempotency, 0xee, IDEMPOTENCY_BYTES);
    memcpy(request.idempotency, &key, sizeof key);
    return request;
}

static hold_t hold_of(uint32_t key, uint64_t expires_ms) {
    request_t request = request_of(key, "");
    hold_t hold = {.expires_ms = expires_ms};
    memcpy(hold.idempotency, request.idempotency, IDEMPOTENCY_BYTES);
    return hold;
}

static answer_t reply_of(const char *text) {
    return (answer_t){.type = ENVELOPE_REPLY, .flags = 3, .body = span_text(text)};
}

static idempotency_verdict_t check_at(const request_t *request, uint64_t now_ms, answer_t *kept) {
    idempotency_verdict_t verdict;
    cr_assert_eq(idempotency_check(idempotency, request, now_ms, &verdict, kept), STATUS_OK);
    return verdict;
}

static idempotency_verdict_t check(const request_t *request) {
    answer_t kept;
    return check_at(request, NOW_MS, &kept);
}

static void keep(const request_t *request, const answer_t *answer) {
    cr_assert_eq(check(request), IDEMPOTENCY_NEW);
    idempotency_keep(idempotency, &fixture.writer, request, END_MS, answer);
}

static void keep_reply(uint32_t key, const char *body, const char *text) {
    request_t request = request_of(key, body);
    answer_t reply = reply_of(text);
    keep(&request, &reply);
}

static void hold(uint32_t key, const char *body) {
    request_t request = request_of(key, body);
    keep(&request, &ANSWER_PENDING);
}

static void settle(uint32_t key, uint64_t expires_ms, const char *text) {
    request_t request = request_of(0, "of another turn of the actor");
    hold_t promise = hold_of(key, expires_ms);
    answer_t reply = reply_of(text);
    cr_assert_eq(idempotency_settle(idempotency, &fixture.writer, &request, &promise, &reply), STATUS_OK);
}

static void assert_kept_at(uint32_t key, const char *body, uint64_t now_ms, const char *text) {
    request_t request = request_of(key, body);
    answer_t kept;
    cr_assert_eq(check_at(&request, now_ms, &kept), IDEMPOTENCY_KEPT);
    cr_assert(kept.type == ENVELOPE_REPLY && kept.flags == 3);
    cr_assert(span_equal(kept.body, span_text(text)), "%.*s", (int)kept.body.len, kept.body.ptr);
}

static void assert_kept(uint32_t key, const char *body, const char *text) {
    assert_kept_at(key, body, NOW_MS, text);
}

static void assert_is(uint32_t key, const char *body, idempotency_verdict_t verdict) {
    request_t request = request_of(key, body);
    cr_assert_eq(check(&request), verdict);
}

static store_key_t row_key(uint32_t key) {
    request_t request = request_of(key, "");
    store_key_t row;
    store_key_idempotency(&row, PARTITION, span_text("user"), span_text("ann"), request.idempotency);
    return row;
}

static uint32_t rows(void) {
    store_key_t from, to;
    view_walk_t walk;
    span_t key, value;
    uint32_t count = 0;
    store_key_class(&from, PARTITION, 'k');
    store_key_after(&to, &from);
    view_walk_start(&walk, &fixture.view, store_key_span(&from), store_key_span(&to));
    while (view_walk_next(&walk, &key, &value)) {
        count++;
    }
    return count;
}

/* What must not happen. */

Test(idempotency, another_key_or_another_actor_does_not_get_the_answer) {
    keep_reply(1, "a", "first");
    assert_is(2, "a", IDEMPOTENCY_NEW);
    request_t request = request_of(1, "a");
    request.key = span_text("bob");
    cr_assert_eq(check(&request), IDEMPOTENCY_NEW);
    request = request_of(1, "a");
    request.partition++;
    cr_assert_eq(check(&request), IDEMPOTENCY_NEW);
}

Test(idempotency, another_body_or_method_neither_runs_nor_gets_the_answer) {
    keep_reply(1, "a", "first");
    hold(2, "a");
    for (uint32_t key = 1; key <= 2; key++) {
        assert_is(key, "b", IDEMPOTENCY_MISMATCH);
        assert_is(key, "", IDEMPOTENCY_MISMATCH);
        assert_is(key, "aa", IDEMPOTENCY_MISMATCH);
        request_t request = request_of(key, "a");
        request.method = &kinds[KIND_user].methods[METHOD_user_set_status];
        cr_assert_eq(check(&request), IDEMPOTENCY_MISMATCH);
    }
}

Test(idempotency, an_answer_is_not_given_once_it_has_expired_nor_forgotten_before) {
    keep_reply(1, "a", "first");
    restart();
    assert_kept_at(1, "a", END_MS - 1, "first");
    request_t request = request_of(1, "a"), other = request_of(1, "b");
    answer_t kept;
    cr_assert_eq(check_at(&request, END_MS, &kept), IDEMPOTENCY_NEW);
    cr_assert_eq(check_at(&other, END_MS, &kept), IDEMPOTENCY_NEW);
}

Test(idempotency, a_promise_whose_key_was_used_anew_does_not_answer_for_it) {
    hold(1, "a");
    request_t again = request_of(1, "b");
    answer_t kept;
    cr_assert_eq(check_at(&again, END_MS, &kept), IDEMPOTENCY_NEW);
    idempotency_keep(idempotency, &fixture.writer, &again, END_MS + KEPT_MS, &ANSWER_PENDING);
    settle(1, END_MS, "of the first");
    cr_assert_eq(check_at(&again, END_MS, &kept), IDEMPOTENCY_PENDING);
    settle(1, END_MS + KEPT_MS, "of the second");
    assert_kept_at(1, "b", END_MS, "of the second");
}

Test(idempotency, a_promise_is_answered_once) {
    hold(1, "a");
    settle(1, END_MS, "first");
    uint32_t records = fixture.batch->record_count;
    settle(1, END_MS, "second");
    settle(2, END_MS, "of nobody");
    cr_assert_eq(fixture.batch->record_count, records);
    assert_kept(1, "a", "first");
    cr_assert_eq(rows(), 1);
}

Test(idempotency, a_turn_that_was_undone_leaves_nothing) {
    hold(1, "a");
    writer_mark(&fixture.writer);
    settle(1, END_MS, "first");
    keep_reply(2, "a", "first");
    writer_rollback(&fixture.writer);
    assert_is(1, "a", IDEMPOTENCY_PENDING);
    assert_is(2, "a", IDEMPOTENCY_NEW);
}

Test(idempotency, a_damaged_row_is_neither_given_nor_run_nor_settled) {
    static const char *const rotten[] = {"", "rot", "0123456789012345678901234567890123456789"};
    request_t request = request_of(1, "a");
    hold_t promise = hold_of(1, END_MS);
    answer_t answer = reply_of("late");
    store_key_t key = row_key(1);
    for (size_t i = 0; i < ARRAY_LENGTH(rotten); i++) {
        idempotency_verdict_t verdict;
        view_fixture_store(&fixture, store_key_span(&key), span_text(rotten[i]));
        cr_assert_eq(idempotency_check(idempotency, &request, NOW_MS, &verdict, &answer), STATUS_INTERNAL);
        cr_assert_eq(idempotency_settle(idempotency, &fixture.writer, &request, &promise, &answer), STATUS_INTERNAL);
        cr_assert_eq(fixture.batch->record_count, 0);
    }
}

Test(idempotency, a_request_without_a_key_stops_the_program, .signal = SIGABRT) {
    request_t request = request_of(1, "a");
    request.has_idempotency = false;
    (void)check(&request);
}

Test(idempotency, a_body_is_not_to_be_found_in_its_row) {
    keep_reply(1, "a secret of sixteen", "first");
    store_key_t key = row_key(1);
    span_t value;
    uint8_t hash[IDEMPOTENCY_BYTES];
    idempotency_row_t row;
    cell_t cell;
    cr_assert_eq(view_get(&fixture.view, store_key_span(&key), &value), STATUS_OK);
    cr_assert_null(memmem(value.ptr, value.len, "secret", 6));
    cr_assert(cell_open(&cell, store_key_span(&key), value) && idempotency_row_read(&row, cell.body));
    memcpy(hash, row.asked.ptr, sizeof hash);
    static const uint8_t other_key[KEYED_HASH_BYTES] = {6};
    idempotency_destroy(&idempotency);
    idempotency = idempotency_new(&fixture.view, other_key);
    assert_is(1, "a secret of sixteen", IDEMPOTENCY_MISMATCH); /* who has not this folder's key, cannot try bodies */
}

Test(idempotency, a_password_is_not_hashed_into_its_row) {
    static const uint8_t mina[] = "\x82\xa4name\xa4Mina\xa8password\xa8"
                                  "12345678",
                         other[] = "\x82\xa4name\xa4Mina\xa8password\xa8"
                                   "87654321";
    static const uint8_t mini[] = "\x82\xa4name\xa4Mini\xa8password\xa8"
                                  "12345678";
    request_t request = request_of(1, "");
    answer_t reply = reply_of("first");
    request.method = &kinds[KIND_user].methods[METHOD_user_create];
    request.body = span_of(mina, sizeof mina - 1);
    keep(&request, &reply);
    request.body = span_of(mini, sizeof mini - 1);
    cr_assert_eq(check(&request), IDEMPOTENCY_MISMATCH);
    request.body = span_of(other, sizeof other - 1);
    cr_assert_eq(check(&request), IDEMPOTENCY_KEPT, "the row does not tell them apart");
}

Test(idempotency, of_an_error_that_came_later_nothing_is_left) {
    request_t request = request_of(1, "a");
    hold_t promise = hold_of(1, END_MS);
    answer_t error = {.type = ENVELOPE_ERROR, .body = span_text("no")};
    hold(1, "a");
    cr_assert_eq(idempotency_settle(idempotency, &fixture.writer, &request, &promise, &error), STATUS_OK);
    assert_is(1, "a", IDEMPOTENCY_NEW);
    restart();
    cr_assert_eq(rows(), 0);
}

/* What happens. */

Test(idempotency, the_first_answer_is_given_again_byte_for_byte) {
    keep_reply(1, "a", "first");
    hold(2, "a");
    assert_kept(1, "a", "first");
    assert_is(2, "a", IDEMPOTENCY_PENDING);
    restart();
    assert_kept(1, "a", "first");
    assert_is(2, "a", IDEMPOTENCY_PENDING);
    settle(2, END_MS, "later");
    restart();
    assert_kept(2, "a", "later");
    cr_assert_eq(rows(), 2);
}

Test(idempotency, an_answer_as_large_as_may_be_is_kept) {
    static uint8_t bytes[ENVELOPE_BYTES_MAX];
    request_t request = request_of(1, "a");
    answer_t answer = {.type = ENVELOPE_ERROR, .body = span_of(bytes, sizeof bytes)}, kept;
    memset(bytes, 7, sizeof bytes);
    keep(&request, &answer);
    restart();
    cr_assert_eq(check_at(&request, NOW_MS, &kept), IDEMPOTENCY_KEPT);
    cr_assert(kept.type == ENVELOPE_ERROR && span_equal(kept.body, answer.body));
}

Test(idempotency, rows_have_golden_bytes) {
    uint8_t expected[64];
    char text[200];
    store_key_t key = row_key(1);
    span_t value;
    cell_t cell;
    keep_reply(1, "a", "\x80");
    cr_assert_eq(view_get(&fixture.view, store_key_span(&key), &value), STATUS_OK);
    cr_assert(cell_open(&cell, store_key_span(&key), value));
    span_t golden = hex_bytes("3444 0f00 0000 0000 fc98a2330656da49b4e71677b8e52689 32 80", expected);
    cr_assert(span_equal(cell.body, golden), "%s", hex_text(cell.body, text));
}

/* The sweep. */

static uint32_t sweep(uint64_t now_ms) {
    uint32_t slices = 1;
    while (!idempotency_sweep(idempotency, &fixture.writer, PARTITION, now_ms)) {
        slices++;
        if (fixture.batch->records_bytes > BATCH_RECORDS_BYTES / 2) {
            view_fixture_apply(&fixture);
        }
    }
    return slices;
}

Test(idempotency, what_has_not_expired_is_never_swept) {
    keep_reply(1, "a", "first");
    hold(2, "a");
    cr_assert_eq(sweep(END_MS - 1), 1);
    cr_assert_eq(fixture.batch->record_count, 2);
    cr_assert(idempotency_sweep(idempotency, &fixture.writer, PARTITION + 1, UINT64_MAX));
    cr_assert_eq(rows(), 2);
}

Test(idempotency, what_has_expired_does_not_stay_be_it_pending_or_not) {
    keep_reply(1, "a", "first");
    hold(2, "a");
    restart();
    cr_assert_eq(sweep(END_MS), 1);
    cr_assert_eq(rows(), 0);
    settle(2, END_MS, "later");
    cr_assert_eq(rows(), 0, "nobody may ask for it any more");
}

Test(idempotency, a_sweep_goes_through_any_number_of_rows_in_bounded_slices) {
    enum { MANY = 3 * IDEMPOTENCY_LOOKED_AT_MAX, STAYING = 7 };
    request_t request;
    answer_t reply = reply_of("first");
    for (uint32_t i = 0; i < MANY; i++) {
        request = request_of(i, "a");
        cr_assert_eq(check(&request), IDEMPOTENCY_NEW);
        idempotency_keep(idempotency, &fixture.writer, &request, i % STAYING == 0 ? END_MS + 1 : END_MS, &reply);
        if (fixture.batch->records_bytes > BATCH_RECORDS_BYTES / 2) {
            view_fixture_apply(&fixture);
        }
    }
    view_fixture_apply(&fixture);
    uint32_t slices = 0, before = 0;
    for (bool through = false; !through; slices++) {
        before = fixture.batch->record_count;
        through = idempotency_sweep(idempotency, &fixture.writer, PARTITION, END_MS);
        cr_assert_leq(fixture.batch->record_count - before, IDEMPOTENCY_SWEPT_MAX);
    }
    cr_assert_geq(slices, MANY / IDEMPOTENCY_SWEPT_MAX / 2);
    cr_assert_eq(rows(), (MANY + STAYING - 1) / STAYING);
    uint32_t deleted = fixture.batch->record_count;
    cr_assert_eq(sweep(END_MS), 1 + rows() / IDEMPOTENCY_LOOKED_AT_MAX);
    cr_assert_eq(fixture.batch->record_count, deleted);
}

Test(idempotency, a_sweep_that_was_in_another_partition_begins_at_the_beginning) {
    for (uint32_t i = 0; i <= IDEMPOTENCY_SWEPT_MAX; i++) {
        keep_reply(i, "a", "first");
    }
    cr_assert_not(idempotency_sweep(idempotency, &fixture.writer, PARTITION, END_MS));
    cr_assert(idempotency_sweep(idempotency, &fixture.writer, PARTITION + 1, END_MS));
    keep_reply(0, "a", "first");
    cr_assert(idempotency_sweep(idempotency, &fixture.writer, PARTITION, END_MS));
    cr_assert_eq(rows(), 0);
}

Test(idempotency, a_damaged_row_is_left_for_people_to_find) {
    store_key_t key = row_key(1);
    uint8_t rotten[CELL_HEADER_BYTES + 64] = {0};
    view_fixture_store(&fixture, store_key_span(&key), span_text("rot"));
    key = row_key(2);
    view_fixture_store(&fixture, store_key_span(&key), span_of(rotten, sizeof rotten));
    cr_assert_eq(sweep(END_MS), 1);
    cr_assert_eq(rows(), 2);
}
