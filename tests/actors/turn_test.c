/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <signal.h>

#include "actors/cell.h"
#include "actors/store_key.h"
#include "actors/turn_run.h"
#include "tests/actors/view_fixture.h"
#include "tests/schemas/hex.h"

/* A kind of this test's own, for turns of any size. */
typedef struct probe {
    uint64_t present;
    uint64_t number;
    span_t data;
} probe_t;

enum { NUMBER = 1 << 0, DATA = 1 << 1 };

static const field_t probe_fields[] = {
    {.name = "number", .type = FIELD_U64, .offset = offsetof(probe_t, number), .max = UINT64_MAX, .flags = REQUIRED},
    {.name = "data", .type = FIELD_ANY, .offset = offsetof(probe_t, data), .max = 2 * TURN_BYTES_MAX},
};
static const record_t record_probe = {
    .name = "probe", .version = 3, .struct_bytes = sizeof(probe_t), .fields = probe_fields, .field_count = 2};
static const method_t probe_method = {
    .name = "probe", .request = &record_probe, .reply = &record_probe, .flags = WRITE};
static const kind_t probe_kind = {.name = "probe", .state = &record_probe, .methods = &probe_method, .method_count = 1};
static const kind_t stateless_kind = {.name = "probe", .methods = &probe_method, .method_count = 1};

static view_fixture_t fixture;
static turn_t turn;
static request_t request;
static store_key_t head;
static uint8_t large[TURN_BYTES_MAX + KIB(64)];

static void begin(void) {
    turn_begin(&turn, &request, 1234);
}

static void setup(void) {
    view_fixture_open(&fixture);
    turn_init(&turn, &(turn_parts_t){.view = &fixture.view, .writer = &fixture.writer});
    request =
        (request_t){.id = 5, .kind = &probe_kind, .method = &probe_method, .partition = 9, .key = span_text("mina")};
    store_key_head(&head, 9, span_text("probe"), request.key);
    begin();
}

static void teardown(void) {
    turn_fini(&turn);
    view_fixture_close(&fixture);
}

TestSuite(turn, .init = setup, .fini = teardown);

static void commit(void) {
    turn_commit(&turn, store_key_span(&head), 0);
}

static void put(const char *subkey, const char *value) {
    cr_assert_eq(turn_put(&turn, span_text(subkey), span_text(value)), STATUS_OK);
}

static void del(const char *subkey) {
    cr_assert_eq(turn_del(&turn, span_text(subkey)), STATUS_OK);
}

static void assert_value(const char *subkey, const char *value) {
    span_t found;
    cr_assert_eq(turn_get(&turn, span_text(subkey), &found), STATUS_OK);
    cr_assert_eq(found.ptr == NULL, value == NULL, "%s", subkey);
    cr_assert(value == NULL || span_equal(found, span_text(value)), "%s", subkey);
}

static status_t state_of(size_t data_bytes) {
    probe_t probe = {.present = NUMBER | DATA, .number = 7, .data = span_of(large, data_bytes)};
    return turn_state(&turn, &probe);
}

static status_t reply_of(size_t data_bytes) {
    probe_t probe = {.present = NUMBER | DATA, .number = 7, .data = span_of(large, data_bytes)};
    return turn_reply(&turn, &probe);
}

/* Bytes of a probe but for its data: a map of two, two names, a number. */
enum { PROBE_BYTES = 1 + 7 + 1 + 5 };

/* Keys of the walk, each followed by a space. */
typedef struct listed {
    char text[256];
    size_t bytes;
    int left; /* how many it still takes */
} listed_t;

static bool list_one(void *context, span_t subkey, span_t value) {
    listed_t *self = context;
    self->bytes += (size_t)snprintf(self->text + self->bytes, sizeof self->text - self->bytes, "%.*s=%.*s ",
                                    (int)subkey.len, subkey.ptr, (int)value.len, value.ptr);
    return --self->left > 0;
}

static void assert_list(span_t from, span_t to, int most, const char *expected) {
    listed_t listed = {.left = most};
    cr_assert_eq(turn_list(&turn, from, to, list_one, &listed), STATUS_OK);
    cr_assert_str_eq(listed.text, expected);
}

static void assert_list_back(span_t from, span_t to, int most, const char *expected) {
    listed_t listed = {.left = most};
    cr_assert_eq(turn_list_back(&turn, from, to, list_one, &listed), STATUS_OK);
    cr_assert_str_eq(listed.text, expected);
}

/* Undoing. */

Test(turn, an_aborted_one_leaves_no_trace) {
    put("kept", "1");
    put("deleted", "2");
    commit();
    uint32_t records = fixture.batch->record_count, bytes = fixture.batch->records_bytes;
    size_t count = memtable_count(fixture.view.memtable), memory = memtable_bytes(fixture.view.memtable);
    begin();
    put("kept", "changed");
    put("new", "3");
    del("deleted");
    cr_assert_eq(state_of(10), STATUS_OK);
    commit(); /* an answer that does not fit is found out only behind it */
    turn_abort(&turn);
    cr_assert_eq(fixture.batch->record_count, records);
    cr_assert_eq(fixture.batch->records_bytes, bytes);
    cr_assert_eq(memtable_count(fixture.view.memtable), count);
    cr_assert_eq(memtable_bytes(fixture.view.memtable), memory);
    begin();
    assert_list((span_t){0}, (span_t){0}, 9, "deleted=2 kept=1 ");
}

Test(turn, one_that_wrote_nothing_commits_nothing) {
    cr_assert_eq(reply_of(10), STATUS_OK);
    commit();
    cr_assert_not(turn_wrote(&turn));
    cr_assert_eq(fixture.batch->record_count, 0);
}

/* Bounds. */

Test(turn, more_writes_than_the_maximum_are_too_large) {
    for (int i = 0; i < TURN_WRITES_MAX - 1; i++) {
        put("same", "value");
    }
    cr_assert_eq(state_of(1), STATUS_OK, "the head record is a write");
    cr_assert_eq(state_of(2), STATUS_OK, "but one only");
    cr_assert_eq(turn_put(&turn, span_text("a"), span_text("b")), STATUS_TOO_LARGE);
    cr_assert_eq(turn_del(&turn, span_text("a")), STATUS_TOO_LARGE);
    commit();
    cr_assert_eq(fixture.batch->record_count, TURN_WRITES_MAX);
}

Test(turn, a_head_record_beyond_the_writes_is_too_large) {
    for (int i = 0; i < TURN_WRITES_MAX; i++) {
        put("same", "value");
    }
    cr_assert_eq(state_of(1), STATUS_TOO_LARGE);
    cr_assert_eq(turn_version(&turn), 0);
    commit();
    cr_assert_eq(fixture.batch->record_count, TURN_WRITES_MAX);
}

Test(turn, a_value_beyond_the_maximum_is_too_large) {
    cr_assert_eq(turn_put(&turn, span_text("a"), span_of(large, VALUE_BYTES_MAX + 1)), STATUS_TOO_LARGE);
    assert_value("a", NULL);
    cr_assert_eq(turn_put(&turn, span_text("a"), span_of(large, VALUE_BYTES_MAX)), STATUS_OK);
}

Test(turn, a_head_record_beyond_the_maximum_is_too_large) {
    cr_assert_eq(state_of(VALUE_BYTES_MAX - PROBE_BYTES + 1), STATUS_TOO_LARGE);
    cr_assert_not(turn_wrote(&turn));
    cr_assert_eq(turn_version(&turn), 0);
    cr_assert_eq(state_of(VALUE_BYTES_MAX - PROBE_BYTES), STATUS_OK);
}

Test(turn, more_bytes_than_the_maximum_are_too_large) {
    for (int i = 0; i < 16; i++) {
        cr_assert_eq(turn_put(&turn, span_text("a"), span_of(large, VALUE_BYTES_MAX - 1)), STATUS_OK);
    }
    cr_assert_eq(turn_put(&turn, span_text("a"), span_text("")), STATUS_TOO_LARGE, "the subkey counts");
    cr_assert_eq(turn_del(&turn, span_text("a")), STATUS_TOO_LARGE);
    cr_assert_eq(state_of(0), STATUS_TOO_LARGE);
    cr_assert_eq(reply_of(0), STATUS_TOO_LARGE);
    cr_assert_null(turn.reply.ptr);
}

Test(turn, an_answer_beyond_the_maximum_is_too_large) {
    cr_assert_eq(reply_of(TURN_BYTES_MAX - PROBE_BYTES + 1), STATUS_TOO_LARGE);
    cr_assert_null(turn.reply.ptr);
    cr_assert_eq(reply_of(TURN_BYTES_MAX - PROBE_BYTES), STATUS_OK);
    cr_assert_eq(turn.reply.len, TURN_BYTES_MAX);
}

Test(turn, what_was_refused_is_not_counted) {
    cr_assert_eq(state_of(VALUE_BYTES_MAX), STATUS_TOO_LARGE);
    cr_assert_eq(turn_put(&turn, span_text("a"), span_of(large, VALUE_BYTES_MAX + 1)), STATUS_TOO_LARGE);
    cr_assert(turn.writes == 0 && turn.bytes == 0);
}

Test(turn, a_small_answer_fits_when_its_memory_is_nearly_used_up) {
    turn_alloc(&turn, TURN_ARENA_BYTES - KIB(1));
    cr_assert_eq(reply_of(100), STATUS_OK);
    cr_assert_eq(reply_of(KIB(1)), STATUS_TOO_LARGE);
    turn_alloc(&turn, TURN_ARENA_BYTES - turn.arena_used);
    cr_assert_eq(reply_of(0), STATUS_TOO_LARGE);
}

Test(turn, a_write_gives_its_memory_back) {
    turn_alloc(&turn, TURN_ARENA_BYTES - KIB(65));
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(turn_put(&turn, span_text("a"), span_of(large, VALUE_BYTES_MAX)), STATUS_OK);
    }
}

Test(turn, the_next_one_begins_with_nothing) {
    turn_alloc(&turn, TURN_ARENA_BYTES / 2);
    put("a", "1");
    cr_assert(state_of(1) == STATUS_OK && reply_of(1) == STATUS_OK);
    turn_abort(&turn);
    begin();
    cr_assert_null(turn.reply.ptr);
    cr_assert_null(turn.state.ptr);
    cr_assert(turn.writes == 0 && turn.bytes == 0 && turn_version(&turn) == 0);
    turn_alloc(&turn, TURN_ARENA_BYTES);
}

Test(turn, a_maximal_one_fits_where_a_batch_has_room) {
    char key[KEY_BYTES_MAX + 1] = "", subkey[SUBKEY_BYTES_MAX + 1] = "";
    memset(key, 'k', KEY_BYTES_MAX);
    memset(subkey, 's', SUBKEY_BYTES_MAX);
    request.key = span_text(key);
    fixture.batch->records_bytes = (uint32_t)(BATCH_RECORDS_BYTES - TURN_RECORDS_BYTES_MAX);
    cr_assert(batch_has_room(fixture.batch));
    begin();
    size_t value_bytes = TURN_BYTES_MAX / TURN_WRITES_MAX - SUBKEY_BYTES_MAX;
    for (int i = 0; i < TURN_WRITES_MAX; i++) {
        snprintf(subkey, 4, "%03u", (unsigned)i % 1000);
        subkey[3] = 's';
        cr_assert_eq(turn_put(&turn, span_text(subkey), span_of(large, value_bytes)), STATUS_OK);
    }
    cr_assert_eq(turn.bytes, TURN_BYTES_MAX);
    /* what answers adds at most: rows dropped before and in the turn, two marks, the answer */
    for (int i = 0; i < 2 * ANSWERS_TRIMMED_MAX + 2; i++) {
        batch_put(fixture.batch, span_of(large, 27), span_of(large, CELL_HEADER_BYTES + 8));
    }
    batch_put(fixture.batch, span_of(large, 27), span_of(large, CELL_HEADER_BYTES + 1 + TURN_BYTES_MAX));
    cr_assert_leq(fixture.batch->records_bytes, BATCH_RECORDS_BYTES);
    turn_abort(&turn);
}

/* Programmer's errors. */

Test(turn, an_empty_subkey_stops_the_program, .signal = SIGABRT) {
    cr_assert_eq(turn_put(&turn, span_text(""), span_text("value")), STATUS_OK);
}

Test(turn, a_long_subkey_stops_the_program, .signal = SIGABRT) {
    span_t value;
    cr_assert_eq(turn_get(&turn, span_of(large, SUBKEY_BYTES_MAX + 1), &value), STATUS_OK);
}

Test(turn, an_absent_value_stops_the_program, .signal = SIGABRT) {
    cr_assert_eq(turn_put(&turn, span_text("a"), (span_t){0}), STATUS_OK);
}

Test(turn, state_of_a_kind_without_state_stops_the_program, .signal = SIGABRT) {
    request.kind = &stateless_kind;
    (void)state_of(1);
}

Test(turn, failing_with_ok_stops_the_program, .signal = SIGABRT) {
    cr_assert_eq(turn_fail(&turn, STATUS_OK, "fine"), STATUS_OK);
}

Test(turn, more_memory_than_there_is_stops_the_program, .signal = SIGABRT) {
    turn_alloc(&turn, TURN_ARENA_BYTES);
    turn_alloc(&turn, 1);
}

/* Own keys. */

Test(turn, keys_of_others_are_never_seen) {
    put("a", "own");
    commit();
    request.key = span_text("min");
    begin();
    put("a", "of min");
    put("b", "of min");
    commit();
    request.key = span_text("mina-2");
    begin();
    put("a", "of mina-2");
    commit();
    request.key = span_text("mina");
    begin();
    assert_list((span_t){0}, (span_t){0}, 9, "a=own ");
    assert_value("b", NULL);
    view_fixture_apply(&fixture);
    begin();
    assert_list((span_t){0}, (span_t){0}, 9, "a=own ");
}

static void damage_a(void) {
    store_key_t key;
    put("a", "1");
    put("b", "2");
    commit();
    view_fixture_apply(&fixture);
    store_key_sub(&key, 9, span_text("probe"), span_text("mina"), span_text("a"));
    view_fixture_store(&fixture, store_key_span(&key), span_text("rot, but long enough for a header"));
    begin();
}

Test(turn, a_damaged_value_is_never_served) {
    listed_t listed = {.left = 9};
    span_t value = span_text("untouched");
    damage_a();
    cr_assert_eq(turn_get(&turn, span_text("a"), &value), STATUS_INTERNAL);
    cr_assert(span_equal(value, span_text("untouched")));
    cr_assert_eq(turn_list(&turn, (span_t){0}, (span_t){0}, list_one, &listed), STATUS_INTERNAL);
    cr_assert_str_eq(listed.text, "");
    assert_value("b", "2");
    assert_list(span_text("b"), (span_t){0}, 9, "b=2 ");
    put("a", "healed");
    assert_value("a", "healed");
}

Test(turn, what_it_wrote_it_reads) {
    put("a", "1");
    assert_value("a", "1");
    put("a", "2");
    assert_value("a", "2");
    del("a");
    assert_value("a", NULL);
    put("empty", "");
    assert_value("empty", "");
}

Test(turn, a_list_is_in_order_and_ends_where_told) {
    put("b", "2");
    put("d", "4");
    put("a", "1");
    commit();
    view_fixture_apply(&fixture);
    begin();
    put("c", "3");
    del("d");
    put("e", "5");
    assert_list((span_t){0}, (span_t){0}, 9, "a=1 b=2 c=3 e=5 ");
    assert_list(span_text("b"), span_text("e"), 9, "b=2 c=3 ");
    assert_list(span_text("b"), span_text("b"), 9, "");
    assert_list((span_t){0}, (span_t){0}, 2, "a=1 b=2 ");
    assert_list(span_text("bb"), (span_t){0}, 9, "c=3 e=5 ");
    assert_list_back((span_t){0}, (span_t){0}, 9, "e=5 c=3 b=2 a=1 ");
    assert_list_back(span_text("b"), span_text("e"), 9, "c=3 b=2 ");
    assert_list_back((span_t){0}, (span_t){0}, 2, "e=5 c=3 ");
}

Test(turn, subkeys_may_have_any_bytes) {
    uint8_t nul = 0, last[SUBKEY_BYTES_MAX];
    span_t value;
    memset(last, 0xff, sizeof last);
    cr_assert_eq(turn_put(&turn, span_of(&nul, 1), span_text("first")), STATUS_OK);
    cr_assert_eq(turn_put(&turn, span_of(last, sizeof last), span_text("last")), STATUS_OK);
    cr_assert_eq(turn_get(&turn, span_of(last, sizeof last), &value), STATUS_OK);
    cr_assert(span_equal(value, span_text("last")));
    listed_t listed = {.left = 9};
    cr_assert_eq(turn_list(&turn, (span_t){0}, (span_t){0}, list_one, &listed), STATUS_OK);
    cr_assert_eq(listed.left, 7);
}

Test(turn, a_value_that_was_read_may_be_written_again) {
    span_t value;
    put("a", "the same bytes");
    cr_assert_eq(turn_get(&turn, span_text("a"), &value), STATUS_OK);
    cr_assert_eq(turn_put(&turn, span_text("b"), value), STATUS_OK);
    cr_assert_eq(turn_get(&turn, span_text("a"), &value), STATUS_OK);
    cr_assert_eq(turn_put(&turn, span_text("a"), value), STATUS_OK);
    assert_value("a", "the same bytes");
    assert_value("b", "the same bytes");
}

/* Head record, answer, failure. */

Test(turn, the_head_record_has_golden_bytes) {
    uint8_t bytes[64];
    char text[256];
    span_t value;
    probe_t probe = {.present = NUMBER, .number = 7};
    cr_assert_eq(turn_state(&turn, &probe), STATUS_OK);
    commit();
    cr_assert_eq(view_get(&fixture.view, store_key_span(&head), &value), STATUS_OK);
    span_t expected = hex_bytes("a9337e0c102fab26 01 00 0300 0100000000000000 81 a6 6e756d626572 07", bytes);
    cr_assert(span_equal(value, expected), "%s", hex_text(value, text));
}

Test(turn, the_version_rises_once_a_turn) {
    turn_begin(&turn, &request, 1);
    turn.version = 41;
    cr_assert_eq(turn_version(&turn), 41);
    cr_assert_eq(state_of(1), STATUS_OK);
    cr_assert_eq(state_of(2), STATUS_OK);
    cr_assert_eq(turn_version(&turn), 42);
    begin();
    cr_assert_eq(turn_version(&turn), 0);
}

Test(turn, the_last_head_record_and_the_last_answer_count) {
    span_t value;
    cell_t cell;
    cr_assert(state_of(100) == STATUS_OK && state_of(1) == STATUS_OK);
    cr_assert(reply_of(100) == STATUS_OK && reply_of(1) == STATUS_OK);
    commit();
    cr_assert_eq(turn.reply.len, PROBE_BYTES + 1);
    cr_assert_eq(view_get(&fixture.view, store_key_span(&head), &value), STATUS_OK);
    cr_assert(cell_open(&cell, store_key_span(&head), value));
    cr_assert_eq(cell.body.len, PROBE_BYTES + 1);
    cr_assert_eq(cell.schema_version, 3);
    cr_assert_eq(cell.version, 1);
    cr_assert_eq(fixture.batch->record_count, 1);
}

Test(turn, a_failure_says_what_was_wrong) {
    cr_assert_eq(turn_fail(&turn, STATUS_CONFLICT, "%d of %s", 3, "four"), STATUS_CONFLICT);
    cr_assert_eq(turn.failure, STATUS_CONFLICT);
    cr_assert_str_eq(turn.detail, "3 of four");
    begin();
    cr_assert_eq(turn.failure, STATUS_OK);
    cr_assert_str_eq(turn.detail, "");
}

/* A text with half a character would be refused by whoever reads the answer. */
Test(turn, a_long_failure_is_cut_between_characters) {
    char text[2 * TURN_DETAIL_BYTES + 1];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 2 < sizeof text; i += 2) {
            memcpy(text + i, "\xc3\xa9", 3);
        }
        begin();
        cr_assert_eq(turn_fail(&turn, STATUS_INVALID, "%s", text), STATUS_INVALID);
        size_t len = strlen(turn.detail);
        cr_assert(len >= TURN_DETAIL_BYTES - 4 && len < TURN_DETAIL_BYTES, "%zu", len);
        cr_assert_eq((len - shift) % 2, 0);
    }
    memset(text, 'x', TURN_DETAIL_BYTES - 1);
    text[TURN_DETAIL_BYTES - 1] = 0;
    cr_assert_eq(turn_fail(&turn, STATUS_INVALID, "%s", text), STATUS_INVALID);
    cr_assert_str_eq(turn.detail, text, "what fits is not cut");
}

Test(turn, it_knows_key_and_time) {
    cr_assert(span_equal(turn_key(&turn), span_text("mina")));
    cr_assert_eq(turn_now(&turn), 1234);
}

Test(turn, its_random_bytes_differ) {
    uint64_t a[4] = {0}, b[4] = {0};
    turn_random(&turn, a, sizeof a);
    turn_random(&turn, b, sizeof b);
    cr_assert(memcmp(a, b, sizeof a) != 0);
}

Test(turn, its_memory_is_aligned_and_its_own) {
    uint8_t *a = turn_alloc(&turn, 1), *b = turn_alloc(&turn, 100), *c = turn_alloc(&turn, 0);
    cr_assert((uintptr_t)a % 16 == 0 && (uintptr_t)b % 16 == 0);
    cr_assert(b >= a + 1 && c >= b + 100);
    memset(b, 'b', 100);
    put("a", "1");
    cr_assert_eq(state_of(10), STATUS_OK);
    cr_assert(b[0] == 'b' && b[99] == 'b', "writes take memory of their own");
}
