/* SPDX-License-Identifier: MIT */
#include "actors/shard.h"

#include <signal.h>

#include "actors/store_key.h"
#include "storage/store_inside.h" /* to damage what no call of the store would */
#include "tests/actors/plain_user.h"
#include "tests/actors/shard_fixture.h"

static fixture_t fixture;

static void setup(void) {
    fixture.options.actor_of = plain_user_actor_of;
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(shard, .init = setup, .fini = teardown);

#define CALL(...) fixture_call(&fixture, &(call_t){__VA_ARGS__})
#define SEND(...) fixture_send(&fixture, &(call_t){__VA_ARGS__})
enum { USER_ROWS = 3 }; /* the head record, and where its status and its time are indexed */

#define MINA "{\"email\":\"mina@example.org\",\"name\":\"Mina\"}"
#define RENAME(name) "{\"name\":\"" name "\"}"

static void assert_begins(const char *text, const char *begin) {
    cr_assert(fixture_is(text, begin), "%s is not %s", text, begin);
}

/* Opens the fixture anew with other options. */
static void reopen(const shard_options_t *options) {
    fixture_close(&fixture);
    fixture.options = *options;
    fixture.options.actor_of = plain_user_actor_of;
    fixture_open(&fixture);
}

static void create(const char *key) {
    assert_begins(CALL(.key = key, .method = "create", .body = MINA), "reply");
}

static const char *get(const char *key) {
    return CALL(.key = key, .method = "get");
}

static const char *rename_as(uint64_t session, uint64_t id, uint64_t lowest, const char *body) {
    return CALL(.key = "mina", .method = "update", .body = body, .session = session, .id = id, .lowest = lowest);
}

static store_key_t head_of(const char *key) {
    store_key_t head;
    span_t kind = span_text("user");
    store_key_head(&head, address_partition(kind, span_text(key)), kind, span_text(key));
    return head;
}

static store_key_t answer_key(const char *key, uint64_t session, uint64_t id) {
    store_key_t answer;
    uint8_t bytes[SESSION_BYTES];
    fixture_session(session, FIXTURE_UNIX_MS, bytes);
    store_key_answer(&answer, address_partition(span_text("user"), span_text(key)), bytes, id);
    return answer;
}

/* What is stored and applied under this key; ptr NULL: nothing. */
static span_t stored(const store_key_t *key) {
    uint64_t batch;
    span_t value;
    FIXTURE_OK(store_reader_renew(fixture.readers[0], 0, &batch));
    FIXTURE_OK(store_get(fixture.readers[0], store_key_span(key), &value));
    return value;
}

/* Turns that fail. */

static void assert_no_trace(const char *method, const char *body, const char *error) {
    uint64_t records = fixture.records, resident = fixture_resident(&fixture);
    size_t bytes = fixture_memtable_bytes(&fixture);
    assert_begins(CALL(.key = "mina", .method = method, .body = body, .session = 1, .id = 9), error);
    cr_assert_eq(fixture.records, records, "%s", error);
    cr_assert_eq(fixture_memtable_bytes(&fixture), bytes, "%s", error);
    cr_assert_eq(fixture_resident(&fixture), resident, "%s", error);
}

Test(shard, a_failed_turn_leaves_no_trace) {
    char before[512];
    create("mina");
    snprintf(before, sizeof before, "%s", get("mina"));
    assert_no_trace("update", "{\"name\":\"X\",\"version\":7}", ERROR_TEXT("precondition_failed"));
    assert_no_trace("update", "{\"name\":\"X\",\"email\":\"nowhere\"}", ERROR_TEXT("invalid"));
    assert_no_trace("create", MINA, ERROR_TEXT("conflict"));
    cr_assert_str_eq(get("mina"), before);
    fixture_restart(&fixture);
    cr_assert_str_eq(get("mina"), before);
}

Test(shard, a_failed_create_brings_nobody_into_being) {
    assert_no_trace("create", "{\"email\":\"nowhere\",\"name\":\"Mina\"}", ERROR_TEXT("invalid"));
    assert_begins(get("mina"), ERROR_TEXT("not_found"));
}

Test(shard, an_actor_that_never_was_is_not_found_and_not_in_memory) {
    assert_no_trace("get", NULL, ERROR_TEXT("not_found"));
    assert_no_trace("update", RENAME("X"), ERROR_TEXT("not_found"));
    assert_no_trace("set_status", "{\"status\":\"INACTIVE\"}", ERROR_TEXT("not_found"));
    assert_no_trace("show", NULL, ERROR_TEXT("not_found"));
    cr_assert_eq(fixture_resident(&fixture), 0);
}

Test(shard, nobody_is_created_twice) {
    create("mina");
    assert_begins(CALL(.key = "mina", .method = "create", .body = MINA), ERROR_TEXT("conflict"));
    fixture_restart(&fixture);
    assert_begins(CALL(.key = "mina", .method = "create", .body = MINA), ERROR_TEXT("conflict"));
}

/* Requests that do not fit. */

Test(shard, an_unknown_field_is_refused_with_its_pointer) {
    const char *text = CALL(.key = "mina", .method = "create",
                            .body = "{\"email\":\"mina@example.org\",\"name\":\"Mina\",\"admin\":true}");
    assert_begins(text, ERROR_TEXT("invalid"));
    cr_assert_not_null(strstr(text, "{\"pointer\":\"/admin\",\"code\":\"unknown\""), "%s", text);
    cr_assert_eq(fixture.records, 0);
    create("mina");
    text = CALL(.key = "mina", .method = "show", .body = "{\"raw\":true}");
    cr_assert_not_null(strstr(text, "\"/raw\""), "%s", text);
    text = CALL(.method = "list", .body = "{\"before\":\"x\"}");
    cr_assert_not_null(strstr(text, "\"/before\""), "%s", text);
}

Test(shard, all_problems_of_a_request_are_told) {
    const char *text = CALL(.key = "mina", .method = "create", .body = "{\"email\":7,\"info\":\"\"}");
    cr_assert_not_null(strstr(text, "{\"pointer\":\"/email\",\"code\":\"type\""), "%s", text);
    cr_assert_not_null(strstr(text, "{\"pointer\":\"/name\",\"code\":\"required\""), "%s", text);
}

Test(shard, a_body_that_is_no_message_is_refused) {
    assert_begins(CALL(.kind = "echo", .key = "e", .method = "echo", .raw = span_text("\xc1")), ERROR_TEXT("invalid"));
    assert_begins(CALL(.kind = "echo", .key = "e", .method = "echo", .raw = span_text("")), ERROR_TEXT("invalid"));
    assert_begins(CALL(.kind = "echo", .key = "e", .method = "echo", .raw = span_text("\x90")), ERROR_TEXT("invalid"));
}

Test(shard, a_body_of_too_many_values_is_too_large) {
    static uint8_t bytes[ELEMENTS_MAX + 64];
    pack_t pack = pack_into(bytes, sizeof bytes);
    pack_map(&pack, 1);
    pack_cstring(&pack, "data");
    pack_array(&pack, ELEMENTS_MAX);
    for (int i = 0; i < ELEMENTS_MAX; i++) {
        pack_nil(&pack);
    }
    cr_assert(pack_ok(&pack));
    assert_begins(CALL(.kind = "echo", .key = "e", .method = "echo", .raw = pack_bytes(&pack)),
                  ERROR_TEXT("too_large"));
}

Test(shard, what_is_too_late_never_runs) {
    assert_begins(CALL(.key = "mina", .method = "create", .body = MINA, .deadline_us = FIXTURE_NOW_US),
                  ERROR_TEXT("deadline_exceeded"));
    assert_begins(CALL(.kind = "echo", .key = "e", .method = "echo", .deadline_us = 1),
                  ERROR_TEXT("deadline_exceeded"));
    assert_begins(CALL(.method = "list", .deadline_us = 1), ERROR_TEXT("deadline_exceeded"));
    cr_assert_eq(fixture.records, 0);
    assert_begins(get("mina"), ERROR_TEXT("not_found"));
    assert_begins(CALL(.key = "mina", .method = "create", .body = MINA, .deadline_us = FIXTURE_NOW_US + 1), "reply");
}

/* Retries. */

static void assert_same_answer(uint64_t first, uint64_t second) {
    cr_assert_str_eq(fixture_outcome(&fixture, second), fixture_outcome(&fixture, first));
    cr_assert(span_equal(fixture_envelope(&fixture, first), fixture_envelope(&fixture, second)), "byte for byte");
}

static uint64_t send_create(void) {
    return SEND(.key = "mina", .method = "create", .body = MINA, .session = 1, .id = 1, .lowest = 1);
}

Test(shard, a_retry_gets_the_first_answer) {
    uint64_t first = send_create(), second = send_create();
    fixture_run(&fixture);
    assert_begins(fixture_outcome(&fixture, first), "reply");
    assert_same_answer(first, second);
    uint64_t records = fixture.records;
    CALL(.key = "mina", .method = "update", .body = RENAME("Other"));
    for (int i = 0; i < 3; i++) {
        fixture.unix_ms += 1000;
        second = send_create();
        fixture_run(&fixture);
        assert_same_answer(first, second);
        i == 0 ? fixture_apply(&fixture) : fixture_restart(&fixture);
    }
    cr_assert_eq(fixture.records, records + 1);
    cr_assert_not_null(strstr(get("mina"), "\"version\":2,"));
}

Test(shard, a_turn_that_failed_is_not_kept) {
    assert_begins(rename_as(1, 1, 1, RENAME("A")), ERROR_TEXT("not_found"));
    create("mina");
    assert_begins(rename_as(1, 1, 1, RENAME("A")), "reply");
}

Test(shard, what_only_reads_or_has_no_session_keeps_no_answer) {
    create("mina");
    cr_assert_eq(fixture.records, USER_ROWS);
    assert_begins(CALL(.key = "mina", .method = "get", .session = 1, .id = 1), "reply");
    assert_begins(CALL(.key = "mina", .method = "show", .session = 1, .id = 2), "reply");
    assert_begins(CALL(.kind = "echo", .key = "e", .method = "echo", .session = 1, .id = 3), "reply");
    cr_assert_eq(fixture.records, USER_ROWS);
    rename_as(1, 4, 1, RENAME("A"));
    cr_assert_eq(fixture.records, USER_ROWS + 2, "the record and the answer");
}

Test(shard, a_request_below_the_lowest_is_dropped_in_silence) {
    create("mina");
    for (uint64_t id = 1; id <= 16; id++) {
        assert_begins(rename_as(1, id, 1, RENAME("A")), "reply");
    }
    assert_begins(rename_as(1, 17, 17, RENAME("B")), "reply");
    for (int i = 0; i < 3; i++) {
        uint64_t records = fixture.records;
        cr_assert_str_eq(rename_as(1, 16, 1, RENAME("C")), "silent");
        cr_assert_str_eq(rename_as(1, 1, 1, RENAME("C")), "silent");
        cr_assert_eq(fixture.records, records);
        cr_assert_not_null(strstr(get("mina"), "\"B\""));
        i == 0 ? fixture_apply(&fixture) : fixture_restart(&fixture);
    }
}

Test(shard, a_request_that_is_below_its_own_lowest_is_dropped) {
    create("mina");
    cr_assert_str_eq(rename_as(1, 5, 6, RENAME("C")), "silent");
    fixture_restart(&fixture);
    cr_assert_str_eq(rename_as(1, 5, 6, RENAME("C")), "silent");
    cr_assert_not_null(strstr(get("mina"), "\"Mina\""));
}

Test(shard, too_many_answers_are_busy_until_the_lowest_moves) {
    create("mina");
    for (uint64_t id = 1; id <= ANSWERS_PER_SESSION_MAX; id++) {
        SEND(.key = "mina", .method = "update", .body = RENAME("A"), .session = 1, .id = id, .lowest = 1);
    }
    fixture_run(&fixture);
    const char *text = rename_as(1, ANSWERS_PER_SESSION_MAX + 1, 1, RENAME("B"));
    assert_begins(text, ERROR_TEXT("busy"));
    cr_assert_not_null(strstr(text, "\"retry_after_ms\":"));
    assert_begins(rename_as(2, 1, 1, RENAME("B")), "reply");
    assert_begins(rename_as(1, 1, 1, RENAME("A")), "reply");
    assert_begins(CALL(.key = "mina", .method = "get", .session = 1, .id = 1026), "reply");
    fixture_restart(&fixture);
    assert_begins(rename_as(1, ANSWERS_PER_SESSION_MAX + 1, 1, RENAME("B")), ERROR_TEXT("busy"));
    assert_begins(rename_as(1, ANSWERS_PER_SESSION_MAX + 1, 2, RENAME("B")), "reply");
}

/* Rows that were dropped to make room stay dropped when the turn then fails. */
Test(shard, a_failed_turn_does_not_bring_dropped_answers_back) {
    store_key_t first = answer_key("mina", 1, 1), mark = answer_key("mina", 1, 0);
    create("mina");
    for (uint64_t id = 1; id <= ANSWERS_PER_SESSION_MAX; id++) {
        SEND(.key = "mina", .method = "update", .body = RENAME("A"), .session = 1, .id = id, .lowest = 1);
    }
    fixture_run(&fixture);
    assert_begins(rename_as(1, 1025, 2, "{\"version\":1}"), ERROR_TEXT("precondition_failed"));
    fixture_apply(&fixture);
    cr_assert_null(stored(&first).ptr);
    cr_assert_not_null(stored(&mark).ptr);
    assert_begins(rename_as(1, 1025, 2, RENAME("B")), "reply");
}

Test(shard, a_session_numbers_from_one) {
    create("mina");
    assert_begins(rename_as(1, 0, 0, RENAME("A")), ERROR_TEXT("invalid"));
    cr_assert_eq(fixture.records, USER_ROWS);
    assert_begins(rename_as(1, 1, 0, RENAME("A")), "reply");
}

Test(shard, a_damaged_answer_stops_nobody_else) {
    store_key_t answer = answer_key("mina", 1, 1);
    create("mina");
    rename_as(1, 1, 1, RENAME("A"));
    fixture_damage(&fixture, store_key_span(&answer), span_text("rot"));
    assert_begins(rename_as(1, 1, 1, RENAME("A")), ERROR_TEXT("internal"));
    assert_begins(rename_as(1, 2, 1, RENAME("B")), "reply");
    assert_begins(rename_as(2, 1, 1, RENAME("C")), "reply");
    cr_assert_not_null(strstr(get("mina"), "\"version\":4,"), "the damaged one did not run");
}

/* Tells. */

Test(shard, a_tell_that_succeeds_is_silent) {
    cr_assert_str_eq(CALL(.key = "mina", .method = "create", .body = MINA, .tell = true), "silent");
    cr_assert_str_eq(CALL(.kind = "echo", .key = "e", .method = "echo", .tell = true), "silent");
    assert_begins(get("mina"), "reply");
}

Test(shard, a_tell_that_fails_is_answered) {
    assert_begins(CALL(.key = "mina", .method = "update", .body = RENAME("A"), .tell = true), ERROR_TEXT("not_found"));
    assert_begins(CALL(.key = "mina", .method = "create", .tell = true), ERROR_TEXT("invalid"));
}

Test(shard, a_tell_runs_once) {
    create("mina");
    for (int i = 0; i < 2; i++) {
        cr_assert_str_eq(
            CALL(.key = "mina", .method = "update", .body = RENAME("A"), .tell = true, .session = 1, .id = 1),
            "silent");
    }
    cr_assert_not_null(strstr(get("mina"), "\"version\":2,"));
}

/* Limits. */

Test(shard, a_full_memtable_refuses_writes_and_still_reads) {
    reopen(&(shard_options_t){.memtable_bytes_max = KIB(8)});
    char key[16];
    int created = 0;
    const char *text = "reply";
    for (; created < 1000 && fixture_is(text, "reply"); created++) {
        snprintf(key, sizeof key, "u%d", created);
        text = CALL(.key = key, .method = "create", .body = MINA);
    }
    assert_begins(text, ERROR_TEXT("busy"));
    cr_assert_not_null(strstr(text, "\"retry_after_ms\":"));
    cr_assert(created > 10 && created < 100, "%d", created);
    assert_begins(get("u0"), "reply");
    assert_begins(CALL(.kind = "echo", .key = "e", .method = "echo"), "reply");
    cr_assert_geq(shard_stats(fixture.shards[0]).refused, 1);
    fixture_apply(&fixture);
    assert_begins(CALL(.key = key, .method = "create", .body = MINA), "reply");
}

Test(shard, no_more_actors_than_the_maximum_are_in_memory) {
    reopen(&(shard_options_t){.resident_actors_max = 5});
    char key[16], body[64];
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "u%d", i);
        create(key);
        snprintf(body, sizeof body, "{\"name\":\"name %d\"}", i);
        assert_begins(CALL(.key = key, .method = "update", .body = body), "reply");
        cr_assert_leq(fixture_resident(&fixture), 5);
        if (i == 25) {
            fixture_apply(&fixture);
        }
    }
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "u%d", i);
        snprintf(body, sizeof body, "\"name\":\"name %d\",", i);
        const char *text = get(key);
        cr_assert(strstr(text, body) && strstr(text, "\"version\":2,"), "%s", text);
    }
    cr_assert_eq(fixture_resident(&fixture), 5);
}

Test(shard, idle_actors_leave_memory_and_lose_nothing) {
    char before[512];
    create("mina");
    create("noor");
    snprintf(before, sizeof before, "%s", get("mina"));
    fixture.now_us += 60000 * 1000;
    get("noor");
    fixture.now_us += 1;
    fixture_idle(&fixture, 0);
    cr_assert_eq(fixture_resident(&fixture), 1);
    cr_assert_str_eq(get("mina"), before);
    cr_assert_eq(fixture_resident(&fixture), 2);
}

Test(shard, a_damaged_record_stops_nobody_else) {
    create("mina");
    create("noor");
    store_key_t head = head_of("mina");
    fixture_damage(&fixture, store_key_span(&head), span_text("rot"));
    for (int i = 0; i < 2; i++) {
        assert_begins(get("mina"), ERROR_TEXT("internal"));
        assert_begins(CALL(.key = "mina", .method = "create", .body = MINA), ERROR_TEXT("internal"));
        assert_begins(rename_as(1, 1, 1, RENAME("A")), ERROR_TEXT("internal"));
        assert_begins(CALL(.key = "mina", .method = "show"), ERROR_TEXT("internal"));
        assert_begins(get("noor"), "reply");
        create(i == 0 ? "third" : "fourth");
    }
}

/* Somebody's record under another key is as damaged as any. */
Test(shard, a_record_under_a_foreign_key_is_damaged) {
    uint8_t copy[512];
    create("mina");
    fixture_apply(&fixture);
    store_key_t head = head_of("mina"), other = head_of("noor");
    span_t value = stored(&head);
    memcpy(copy, value.ptr, value.len);
    fixture_damage(&fixture, store_key_span(&other), span_of(copy, value.len));
    assert_begins(get("noor"), ERROR_TEXT("internal"));
    assert_begins(get("mina"), "reply");
}

static void damage_the_position(void) {
    const store_handles_t *handles = store_handles(fixture.store);
    MDB_txn *txn;
    MDB_val key = to_val(META_KEY), value = to_val(span_text("rot"));
    cr_assert_eq(mdb_txn_begin(handles->env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_put(txn, handles->meta, &key, &value, 0), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
}

Test(shard, nothing_is_handled_where_the_store_cannot_be_read) {
    batch_t *batch = batch_new(0);
    create("mina");
    damage_the_position();
    SEND(.key = "mina", .method = "get");
    requests_t *given = fixture.open[0];
    fixture_give(&fixture, 0);
    cr_assert_eq(shard_step(fixture.shards[0], batch, fixture.now_us, fixture.unix_ms), STATUS_INTERNAL);
    cr_assert_eq(shard_idle(fixture.shards[0], batch, fixture.now_us, fixture.unix_ms), STATUS_INTERNAL);
    cr_assert(batch->effect_count == 0 && batch->finished_count == 0 && batch->record_count == 0);
    cr_assert_eq(shard_stats(fixture.shards[0]).mailbox, 1);
    requests_destroy(&given);
    batch_destroy(&batch);
}

/* Batches. */

static const char *text_of(size_t bytes) {
    static char body[ENVELOPE_BYTES_MAX];
    int len = snprintf(body, sizeof body, "{\"data\":\"");
    memset(body + len, 'x', bytes);
    snprintf(body + len + bytes, 4, "\"}");
    return body;
}

Test(shard, a_batch_full_of_answers_is_closed_and_the_rest_handled_next) {
    const char *body = text_of(KIB(16));
    for (int i = 0; i < 40; i++) {
        SEND(.kind = "echo", .key = "e", .method = "echo", .body = body);
    }
    fixture_run(&fixture);
    cr_assert_eq(fixture.batches, 3, "%lu batches", (unsigned long)fixture.batches);
}

Test(shard, a_batch_full_of_records_is_closed_and_the_rest_handled_next) {
    char body[2100];
    create("mina");
    uint64_t batches = fixture.batches;
    snprintf(body, sizeof body, "{\"info\":\"%2000s\"}", "x");
    for (int i = 0; i < 400; i++) {
        SEND(.key = "mina", .method = "update", .body = body);
    }
    fixture_run(&fixture);
    cr_assert_eq(fixture.batches - batches, 2, "%lu batches", (unsigned long)fixture.batches);
    cr_assert_not_null(strstr(get("mina"), "\"version\":401,"));
}

Test(shard, the_largest_answers_fit) {
    const char *body = text_of(ENVELOPE_BYTES_MAX - 200);
    uint64_t first = SEND(.kind = "echo", .key = "e", .method = "echo", .body = body);
    SEND(.kind = "echo", .key = "e", .method = "echo", .body = body);
    SEND(.kind = "echo", .key = "e", .method = "echo", .body = body);
    fixture_run(&fixture);
    cr_assert_str_eq(fixture_outcome(&fixture, first) + strlen("reply "), body);
    cr_assert_eq(fixture.batches, 3);
}

Test(shard, a_buffer_comes_home_with_its_last_message) {
    SEND(.kind = "echo", .key = "e", .method = "echo", .body = text_of(KIB(300)));
    fixture_give(&fixture, 0);
    cr_assert(fixture_waiting(&fixture, 0));
    fixture_step(&fixture, 0);
    cr_assert_eq(fixture.inside[0], 0);
    cr_assert_not(fixture_waiting(&fixture, 0));
    fixture_run(&fixture);
}

Test(shard, what_did_not_fit_still_waits) {
    for (int i = 0; i < 3; i++) {
        SEND(.kind = "echo", .key = "e", .method = "echo", .body = text_of(KIB(300)));
    }
    fixture_give(&fixture, 0);
    fixture_step(&fixture, 0);
    cr_assert_eq(shard_stats(fixture.shards[0]).mailbox, 2);
    cr_assert_eq(fixture.inside[0], 1);
    fixture_run(&fixture);
}

Test(shard, all_buffers_come_home_once) {
    for (int round = 0; round < 3; round++) {
        for (int buffer = 0; buffer < REQUEST_BATCHES_PER_SHARD; buffer++) {
            for (int i = 0; i <= 5 * buffer; i++) {
                SEND(.kind = "echo", .key = "e", .method = "echo", .body = text_of(KIB(4)));
            }
            fixture_give(&fixture, 0);
        }
        cr_assert_eq(shard_stats(fixture.shards[0]).mailbox, 8 + 5 * (7 * 8 / 2));
        fixture_run(&fixture);
        cr_assert_eq(shard_stats(fixture.shards[0]).mailbox, 0);
    }
}

Test(shard, one_buffer_too_many_stops_the_program, .signal = SIGABRT) {
    for (int buffer = 0; buffer <= REQUEST_BATCHES_PER_SHARD; buffer++) {
        fixture.inside[0] = 0;
        SEND(.kind = "echo", .key = "e", .method = "echo");
        fixture_give(&fixture, 0);
    }
}

Test(shard, an_empty_buffer_stops_the_program, .signal = SIGABRT) {
    shard_give(fixture.shards[0], requests_new(0));
}

Test(shard, a_method_that_nobody_handles_stops_the_program, .signal = SIGABRT) {
    CALL(.kind = "broker", .key = "self", .method = "stat");
}

Test(shard, a_step_without_messages_leaves_an_empty_batch) {
    batch_t *batch = batch_new(0);
    FIXTURE_OK(shard_step(fixture.shards[0], batch, 1, 1));
    cr_assert(batch->record_count == 0 && batch->effect_count == 0 && batch->finished_count == 0 && batch->number == 0);
    batch_destroy(&batch);
}

Test(shard, a_batch_tells_what_the_memtable_holds) {
    batch_t *batch = batch_new(0);
    create("mina");
    FIXTURE_OK(shard_step(fixture.shards[0], batch, 1, 1));
    cr_assert_eq(batch->memtable_bytes, fixture_memtable_bytes(&fixture));
    cr_assert_gt(batch->memtable_bytes, 0);
    batch_destroy(&batch);
}

Test(shard, what_the_store_has_is_forgotten_and_still_found) {
    char before[512];
    create("mina");
    snprintf(before, sizeof before, "%s", get("mina"));
    fixture_apply(&fixture);
    create("noor");
    size_t one = fixture_memtable_bytes(&fixture);
    fixture_idle(&fixture, 0);
    cr_assert_eq(fixture_memtable_bytes(&fixture), one, "what is newer than the store stays");
    fixture_apply(&fixture);
    fixture_idle(&fixture, 0);
    cr_assert_eq(fixture_memtable_bytes(&fixture), 0);
    fixture.now_us += 3600 * UINT64_C(1000000);
    fixture_idle(&fixture, 0);
    cr_assert_eq(fixture_resident(&fixture), 0);
    cr_assert_str_eq(get("mina"), before);
}

/* Ended sessions. */

static void idle_over_all_partitions(void) {
    for (int i = 0; i < PARTITIONS; i++) {
        fixture_idle(&fixture, 0);
    }
    fixture_apply(&fixture);
}

Test(shard, answers_of_a_session_go_only_when_it_has_long_ended) {
    store_key_t answer = answer_key("mina", 1, 1);
    create("mina");
    rename_as(1, 1, 1, RENAME("A"));
    fixture.unix_ms = FIXTURE_UNIX_MS + 86400000 + 60000;
    idle_over_all_partitions();
    cr_assert_not_null(stored(&answer).ptr);
    fixture.unix_ms += 1;
    idle_over_all_partitions();
    cr_assert_null(stored(&answer).ptr);
    assert_begins(get("mina"), "reply");
}

static size_t stored_entries(void) {
    uint64_t batch;
    FIXTURE_OK(store_reader_renew(fixture.readers[0], 0, &batch));
    return store_entries(fixture.readers[0]);
}

Test(shard, all_answers_of_ended_sessions_go) {
    create("mina");
    for (uint64_t session = 1; session <= 30; session++) {
        for (uint64_t id = 1; id <= 10; id++) {
            SEND(.key = "mina", .method = "update", .body = RENAME("A"), .session = session, .id = id);
        }
    }
    fixture_run(&fixture);
    fixture_apply(&fixture);
    cr_assert_eq(stored_entries(), USER_ROWS + 300);
    fixture.unix_ms += 2 * UINT64_C(86400000);
    for (int i = 0; i < 2; i++) {
        idle_over_all_partitions();
    }
    cr_assert_eq(stored_entries(), USER_ROWS);
}

/* Figures. */

Test(shard, figures_count_what_happened) {
    create("mina");
    get("mina");
    get("noor");
    shard_stats_t stats = shard_stats(fixture.shards[0]);
    cr_assert(stats.id == 0 && stats.handled == 3 && stats.refused == 0 && stats.resident == 1 && stats.mailbox == 0);
}

Test(shard, figures_tell_how_long_messages_waited) {
    for (int i = 0; i < 100; i++) {
        fixture.now_us = FIXTURE_NOW_US + (i < 98 ? 10 : 5000);
        get("mina");
    }
    uint64_t wait = shard_stats(fixture.shards[0]).wait_p99_us;
    cr_assert(wait > 4900 && wait < 5100, "%lu", (unsigned long)wait);
    fixture.now_us = FIXTURE_NOW_US + 10;
    get("mina");
    cr_assert_eq(shard_stats(fixture.shards[0]).wait_p99_us, 10, "since the last figures");
}
