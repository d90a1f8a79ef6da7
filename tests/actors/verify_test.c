/* SPDX-License-Identifier: MIT */
#include "actors/verify.h"

#include <lmdb.h>

#include "actors/stream.h"
#include "actors/timers.h"
#include "schemas/envelope.h"
#include "storage/little_endian.h"
#include "tests/actors/verify_fixture.h"

static view_fixture_t fixture;
static verify_result_t result;

static void open_view(void) {
    view_fixture_open(&fixture);
}

static void close_view(void) {
    view_fixture_close(&fixture);
}

TestSuite(verify, .init = open_view, .fini = close_view);

/* Exactly these lines. */
static void assert_finds(const char *lines) {
    verify_all(&fixture, false, &result);
    cr_assert_str_eq(result.text, lines, "%s", result.text);
}

/* The same, and what is repaired is not found again. */
static void assert_rebuilds(const char *lines, const char *left) {
    verify_all(&fixture, true, &result);
    cr_assert_str_eq(result.text, lines, "%s", result.text);
    assert_finds(left);
}

static void put(const store_key_t *key, const void *body, size_t bytes) {
    static uint8_t cell[CELL_HEADER_BYTES + KIB(64)];
    if (bytes > 0) {
        memcpy(cell + CELL_HEADER_BYTES, body, bytes);
    }
    cell_seal(cell, store_key_span(key), 0, 0, bytes);
    writer_put(&fixture.writer, store_key_span(key), span_of(cell, CELL_HEADER_BYTES + bytes));
}

static void put_number(const store_key_t *key, uint64_t number) {
    uint8_t body[8];
    little_endian_put_u64(body, number);
    put(key, body, sizeof body);
}

static void put_rot(const store_key_t *key) {
    writer_put(&fixture.writer, store_key_span(key), span_text("rot"));
}

static void make(const char *key, const char *name) {
    thing_t thing = thing_named(name);
    thing_change(&fixture, key, NULL, &thing, 1);
}

static void row_of(const char *field, const char *value, const char *key, store_key_t *row) {
    store_key_index(row, thing_partition(key), span_text("thing"), span_text(field), span_text(value), span_text(key));
}

/* Index rows */

Test(verify, a_row_that_was_left_behind_is_found_and_deleted) {
    thing_t yuna = thing_named("yuna");
    make("a", "mina");
    thing_write_head(&fixture, "a", &yuna, 2);
    assert_finds("index row thing/a: the row of name is missing\n"
                 "index row thing/a: name: its actor's record does not say so\n");
    assert_rebuilds("index row thing/a: the row of name is missing *\n"
                    "index row thing/a: name: its actor's record does not say so *\n",
                    "");
}

Test(verify, rows_of_an_actor_that_ended_are_found_and_deleted) {
    make("a", "mina");
    view_fixture_apply(&fixture);
    thing_write_head(&fixture, "a", NULL, 0);
    assert_rebuilds("index row thing/a: colour: its actor is not there *\n"
                    "index row thing/a: name: its actor is not there *\n",
                    "");
}

Test(verify, a_row_of_a_field_that_is_not_indexed_is_found_and_deleted) {
    store_key_t row;
    make("a", "mina");
    row_of("note", "x", "a", &row);
    index_put(&fixture.writer, store_key_span(&row));
    assert_rebuilds("index row thing/a: note: its actor's record does not say so *\n", "");
}

Test(verify, a_row_in_another_partition_than_its_actor_is_found_and_deleted) {
    store_key_t row;
    make("a", "mina");
    row_of("name", "mina", "a", &row);
    row.bytes[0]++;
    index_put(&fixture.writer, store_key_span(&row));
    assert_rebuilds("index row thing/a: it stands in another partition than its actor *\n", "");
}

Test(verify, a_row_whose_key_cannot_be_read_is_found_and_deleted) {
    store_key_t row;
    row_of("name", "mina", "a", &row);
    row.len = 6;
    index_put(&fixture.writer, store_key_span(&row));
    verify_all(&fixture, true, &result);
    cr_assert_not_null(strstr(result.text, "index row : its key cannot be read (key "), "%s", result.text);
    assert_finds("");
}

Test(verify, a_damaged_row_is_found_and_written_anew) {
    store_key_t row, full;
    make("a", "mina");
    row_of("name", "mina", "a", &row);
    put_rot(&row);
    row_of("colour", "RED", "a", &full);
    put(&full, "x", 1);
    assert_rebuilds("index row thing/a: colour: the value does not fit its checksum *\n"
                    "index row thing/a: name: the value does not fit its checksum *\n",
                    "");
}

Test(verify, rows_of_a_damaged_record_are_left_as_they_are) {
    store_key_t head, row;
    make("a", "mina");
    thing_head_key("a", &head);
    put_rot(&head);
    row_of("name", "yuna", "a", &row);
    index_put(&fixture.writer, store_key_span(&row));
    uint32_t records = fixture.batch->record_count;
    assert_rebuilds("head record thing/a: the value does not fit its checksum\n",
                    "head record thing/a: the value does not fit its checksum\n");
    cr_assert_eq(fixture.batch->record_count, records);
}

Test(verify, every_missing_row_is_written) {
    thing_t thing = thing_named("mina");
    thing.present |=
        thing_bit(THING_OPEN) | thing_bit(THING_COUNT) | thing_bit(THING_BALANCE) | thing_bit(THING_MADE_AT);
    thing_write_head(&fixture, "a", &thing, 1);
    assert_rebuilds("index row thing/a: the row of name is missing *\n"
                    "index row thing/a: the row of colour is missing *\n"
                    "index row thing/a: the row of open is missing *\n"
                    "index row thing/a: the row of count is missing *\n"
                    "index row thing/a: the row of balance is missing *\n"
                    "index row thing/a: the row of made_at is missing *\n",
                    "");
    cr_assert_eq(result.checked, 7);
}

Test(verify, without_being_told_nothing_is_written) {
    thing_t mina = thing_named("mina");
    thing_write_head(&fixture, "a", &mina, 1);
    thing_update_rows(&fixture, "b", NULL, &mina);
    uint32_t records = fixture.batch->record_count;
    verify_all(&fixture, false, &result);
    cr_assert_eq(result.findings, 4);
    cr_assert_eq(fixture.batch->record_count, records);
}

/* Head records and own keys */

Test(verify, a_record_that_does_not_fit_its_schema_is_found) {
    store_key_t head;
    thing_head_key("a", &head);
    put(&head,
        "\x82\xa4name\x05\xa6"
        "colour\xa3RED",
        18);
    thing_head_key("b", &head);
    put(&head, "\x81\xa4name\xa1m", 8);
    thing_head_key("c", &head);
    put(&head, "\xc1", 1);
    thing_head_key("d", &head);
    put(&head, "\x90", 1);
    verify_all(&fixture, true, &result);
    cr_assert_eq(result.findings, 4, "%s", result.text);
    cr_assert_not_null(strstr(result.text, "head record thing/a: it does not fit its schema: /name type\n"));
    cr_assert_not_null(strstr(result.text, "head record thing/b: it does not fit its schema: /colour required\n"));
    cr_assert_not_null(strstr(result.text, "head record thing/c: its body is not msgpack\n"));
    cr_assert_not_null(strstr(result.text, "head record thing/d: it does not fit its schema:  not_a_map\n"));
}

Test(verify, what_a_newer_release_wrote_is_no_damage) {
    store_key_t head;
    thing_t mina = thing_named("m");
    thing_head_key("a", &head);
    put(&head,
        "\x83\xa4name\xa1m\xa6"
        "colour\xa3RED\xa3new\x07",
        24);
    thing_update_rows(&fixture, "a", NULL, &mina);
    assert_finds("");
}

Test(verify, a_record_of_a_kind_without_state_is_found) {
    store_key_t head;
    store_key_head(&head, address_partition(span_text("plain"), span_text("a")), span_text("plain"), span_text("a"));
    put(&head, "\x80", 1);
    assert_finds("head record plain/a: its kind keeps no state\n");
}

Test(verify, what_is_under_a_foreign_key_is_found) {
    store_key_t here, there;
    span_t value;
    make("a", "mina");
    thing_head_key("a", &here);
    thing_head_key("b", &there);
    cr_assert_eq(view_get(&fixture.view, store_key_span(&here), &value), STATUS_OK);
    writer_put(&fixture.writer, store_key_span(&there), value);
    assert_finds("head record thing/b: the value does not fit its checksum\n");
}

Test(verify, rows_nobody_knows_are_found) {
    store_key_t key;
    store_key_head(&key, address_partition(span_text("gone"), span_text("a")), span_text("gone"), span_text("a"));
    put(&key, "\x80", 1);
    store_key_class(&key, 3, 'z');
    put(&key, "", 0);
    assert_rebuilds("key : its key cannot be read (key 037a)\n"
                    "head record gone/a: its kind is not known to this program\n",
                    "key : its key cannot be read (key 037a)\n"
                    "head record gone/a: its kind is not known to this program\n");
}

static void put_sub(const char *kind, const char *key, const char *subkey) {
    store_key_t sub;
    uint8_t partition = address_partition(span_text(kind), span_text(key));
    store_key_sub(&sub, partition, span_text(kind), span_text(key), span_text(subkey));
    put(&sub, "value", 5);
}

Test(verify, own_keys_without_an_actor_are_found) {
    make("a", "mina");
    put_sub("thing", "a", "1");
    put_sub("thing", "b", "1");
    put_sub("thing", "b", "2");
    put_sub("plain", "c", "1");
    assert_finds("own key thing/b: its actor is not there\n"
                 "own key thing/b: its actor is not there\n");
}

/* Timers */

static timer_row_t timer_of(const char *key) {
    return (timer_row_t){.partition = thing_partition(key),
                         .when_ms = 1000,
                         .kind = span_text("thing"),
                         .key = span_text(key),
                         .method = span_text("expire"),
                         .tag = span_of("\0t", 2),
                         .body = span_text("\x80")};
}

static void set_timer(const char *key) {
    timers_t *timers = timers_new(&fixture.view, 0, 1);
    timer_row_t timer = timer_of(key);
    cr_assert_eq(timers_set(timers, &fixture.writer, &timer), STATUS_OK);
    timers_destroy(&timers);
}

static void timer_keys(const char *key, store_key_t *row, store_key_t *name) {
    timer_row_t timer = timer_of(key);
    store_key_timer(row, timer.partition, timer.when_ms, timer.kind, timer.key, timer.method, timer.tag);
    store_key_timer_name(name, timer.partition, timer.kind, timer.key, timer.method, timer.tag);
}

Test(verify, a_timer_and_its_name_without_each_other_are_found) {
    store_key_t row, name;
    set_timer("a");
    timer_keys("a", &row, &name);
    writer_delete(&fixture.writer, store_key_span(&name));
    assert_finds("timer thing/a: the row of its name is missing or damaged\n");
    set_timer("a");
    writer_delete(&fixture.writer, store_key_span(&row));
    assert_finds("name of a timer thing/a: its timer, at 1000, is missing\n");
}

Test(verify, a_name_with_another_time_is_found) {
    store_key_t row, name;
    set_timer("a");
    timer_keys("a", &row, &name);
    put_number(&name, 999);
    assert_finds("name of a timer thing/a: its timer, at 999, is missing\n"
                 "timer thing/a: the row of its name says 999, not 1000\n");
    put(&name, "999", 3);
    assert_finds("name of a timer thing/a: it is no time\n"
                 "timer thing/a: the row of its name is missing or damaged\n");
}

Test(verify, a_timer_that_cannot_be_read_is_found) {
    store_key_t row, name;
    set_timer("a");
    timer_keys("a", &row, &name);
    put(&row, "\x90", 1);
    assert_finds("timer thing/a: it cannot be read\n");
}

/* Streams */

static const uint8_t folder[FOLDER_ID_BYTES] = {1, 2, 3};

static void put_message(uint64_t number, uint64_t said) {
    uint8_t stream_bytes[200], body[400];
    store_key_t key;
    stream_t stream = {.from = 5, .to = 9, .kind = &kind_thing, .number = said};
    memcpy(stream.folder, folder, sizeof folder);
    pack_t packed = pack_into(stream_bytes, sizeof stream_bytes), pack = pack_into(body, sizeof body);
    stream_pack(&stream, span_text("\x91\xa7thing/a"), &packed);
    envelope_encode(&(envelope_t){.type = ENVELOPE_TELL,
                                  .kind = span_text("thing"),
                                  .key = span_text("b"),
                                  .method = span_text("get"),
                                  .stream = pack_bytes(&packed),
                                  .body = span_text("\x80")},
                    &pack);
    cr_assert(pack_ok(&packed) && pack_ok(&pack));
    store_key_outbox(&key, 5, span_text("thing"), 9, number);
    put(&key, body, pack.len);
}

static void acknowledge(uint64_t number) {
    store_key_t key;
    store_key_acknowledged(&key, 5, span_text("thing"), 9);
    put_number(&key, number);
}

Test(verify, a_gap_between_messages_is_found) {
    put_message(2, 2);
    put_message(3, 3);
    put_message(5, 5);
    verify_all(&fixture, true, &result);
    cr_assert_eq(result.findings, 2, "%s", result.text);
    cr_assert_not_null(strstr(result.text, "message : message 1 to partition 9 is missing (key 056f"), "%s",
                       result.text);
    cr_assert_not_null(strstr(result.text, "message : message 4 to partition 9 is missing (key 056f"), "%s",
                       result.text);
    acknowledge(1);
    verify_all(&fixture, false, &result);
    cr_assert_eq(result.findings, 1, "%s", result.text);
}

Test(verify, messages_that_were_acknowledged_may_be_met_again) {
    acknowledge(7);
    put_message(3, 3);
    put_message(7, 7);
    put_message(8, 8);
    assert_finds("");
    acknowledge(8);
    assert_finds("");
}

Test(verify, a_message_that_is_not_what_its_key_says_is_found) {
    put_message(1, 2);
    verify_all(&fixture, false, &result);
    cr_assert_not_null(strstr(result.text, "message : message 1 to partition 9 cannot be read (key "), "%s",
                       result.text);
}

Test(verify, marks_that_are_no_numbers_are_found) {
    store_key_t key;
    store_key_acknowledged(&key, 5, span_text("thing"), 9);
    put(&key, "1234567", 7);
    put_message(100, 100); /* nobody knows whether it has a gap before it */
    store_key_consumed(&key, 5, span_text("thing"), folder, 9);
    put(&key, "", 0);
    verify_all(&fixture, false, &result);
    cr_assert_eq(result.findings, 2, "%s", result.text);
    cr_assert_not_null(strstr(result.text, "acknowledged mark : it is no number (key "), "%s", result.text);
    cr_assert_not_null(strstr(result.text, "consumed mark : it is no number (key "), "%s", result.text);
}

/* Answers and dead letters */

static void put_answer(uint64_t id, const void *body, size_t bytes) {
    static const uint8_t session[SESSION_BYTES] = {7};
    store_key_t key;
    store_key_answer(&key, 5, session, id);
    put(&key, body, bytes);
}

Test(verify, answers_that_cannot_be_read_are_found) {
    put_answer(1, "\x02\x80", 2);
    put_answer(2, "\x13\x80", 2);
    put_answer(3, "\x00", 1);
    put_answer(0, "12345678", 8);
    assert_finds("");
    put_answer(0, "1234567", 7);
    put_answer(4, "", 0);
    put_answer(5, "\x02", 1);
    put_answer(6, "\x04\x80", 2);
    put_answer(7, "\x02\x90", 2);
    put_answer(8, "\x10", 1);
    put_answer(9, "\x00\x80", 2);
    verify_all(&fixture, true, &result);
    cr_assert_eq(result.findings, 7, "%s", result.text);
}

static void put_kept(uint8_t hash, const char *answer, size_t bytes) {
    uint8_t hashes[IDEMPOTENCY_BYTES] = {hash}, body[64] = {1};
    store_key_t key;
    memcpy(body + 24, answer, bytes);
    store_key_idempotency(&key, address_partition(span_text("plain"), span_text("a")), span_text("plain"),
                          span_text("a"), hashes);
    put(&key, body, 24 + bytes);
}

Test(verify, answers_of_idempotency_keys_that_cannot_be_read_are_found) {
    put_kept(1, "\x02\x80", 2);
    put_kept(2, "\x00", 1);
    assert_finds("");
    put_kept(3, "", 0);
    put_kept(4, "\x02", 1);
    put_kept(5, "\x05\x80", 2);
    put_kept(6, "\x10", 1);
    verify_all(&fixture, true, &result);
    cr_assert_eq(result.findings, 4, "%s", result.text);
    cr_assert_not_null(strstr(result.text, "answer of an idempotency key plain/a: it cannot be read"), "%s",
                       result.text);
}

static void put_letter(uint64_t at) {
    uint8_t body[200];
    dead_letter_t letter = {0};
    store_key_t key;
    pack_t pack = pack_into(body, sizeof body);
    FIELD_SET(dead_letter, &letter, at, at);
    FIELD_SET(dead_letter, &letter, address, span_text("thing/a"));
    FIELD_SET(dead_letter, &letter, method, span_text("get"));
    FIELD_SET(dead_letter, &letter, code, span_text("internal"));
    FIELD_SET(dead_letter, &letter, text, span_text("why"));
    FIELD_SET(dead_letter, &letter, attempts, 5);
    FIELD_SET(dead_letter, &letter, hops, 0);
    FIELD_SET(dead_letter, &letter, body, span_text("\x80"));
    record_encode(&record_dead_letter, &letter, &pack);
    store_key_dead_letter(&key, 5, at, 1);
    put(&key, body, pack.len);
}

Test(verify, a_dead_letter_that_cannot_be_read_is_found) {
    store_key_t key;
    put_letter(1000);
    assert_finds("");
    store_key_dead_letter(&key, 5, 1001, 1);
    put(&key, "\x80", 1);
    assert_finds("dead letter : it does not fit its schema (key 05640000000000000003e900000001)\n");
}

/* Slices */

Test(verify, another_shards_partition_is_none_of_its_business) {
    uint8_t room[VERIFY_REPLY_BYTES];
    token_t tokens[16];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    verify_t verify = {.view = &fixture.view, .tape = &tape, .kind_of = verify_kind_of, .place = {1, 3}};
    verify_request_t asked = {0};
    pack_t pack = pack_into(room, sizeof room);
    store_key_t key;
    store_key_class(&key, 5, 'z');
    put(&key, "", 0);
    FIELD_SET(verify_request, &asked, partition, 5);
    cr_assert_eq(verify_slice(&verify, &asked, &pack), STATUS_OK);
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    cr_assert_eq(tape_find(&tape, 0, "cursor"), 0);
    cr_assert_eq(tokens[tape_find(&tape, 0, "findings")].len, 0);
    cr_assert_eq(tokens[tape_find(&tape, 0, "checked")].u64, 0);
}

Test(verify, a_cursor_of_somebody_elses_making_is_refused) {
    static const char *const cursors[] = {"x", "k", "k\x06", "c\x06", "\x05"};
    uint8_t room[VERIFY_REPLY_BYTES];
    token_t tokens[16];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    verify_t verify = {.view = &fixture.view, .tape = &tape, .kind_of = verify_kind_of, .place = {0, 1}};
    for (size_t i = 0; i < ARRAY_LENGTH(cursors); i++) {
        pack_t pack = pack_into(room, sizeof room);
        verify_request_t asked = {0};
        FIELD_SET(verify_request, &asked, partition, 5);
        FIELD_SET(verify_request, &asked, cursor, span_text(cursors[i]));
        cr_assert_eq(verify_slice(&verify, &asked, &pack), STATUS_INVALID, "%s", cursors[i]);
    }
}

/* Keys of one partition. */
static void key_in(uint8_t partition, uint32_t *number, char key[24]) {
    do {
        snprintf(key, 24, "k%u", (*number)++);
    } while (thing_partition(key) != partition);
}

Test(verify, a_large_partition_takes_several_slices_and_no_row_is_left_out) {
    char key[24];
    uint32_t number = 0, count = 2 * VERIFY_ROWS_MAX;
    thing_t mina = thing_named("mina");
    for (uint32_t i = 0; i < count; i++) {
        key_in(0xff, &number, key);
        thing_write_head(&fixture, key, &mina, 1);
    }
    verify_all(&fixture, true, &result);
    cr_assert_eq(result.findings, 2 * count);
    cr_assert_leq(result.most_checked, VERIFY_ROWS_MAX);
    cr_assert_geq(result.checked, count);
    cr_assert_eq(result.omitted, 0);
    verify_all(&fixture, false, &result);
    cr_assert_eq(result.findings, 0, "%s", result.text);
    cr_assert_eq(result.checked, 3 * count);
    cr_assert_leq(result.most_checked, VERIFY_ROWS_MAX);
}

Test(verify, large_values_end_a_slice) {
    static char note[60000];
    char key[24];
    uint32_t number = 0;
    memset(note, 'n', sizeof note);
    thing_t thing = thing_named("mina");
    thing.present |= thing_bit(THING_NOTE);
    thing.note = span_of(note, sizeof note);
    for (int i = 0; i < 40; i++) {
        key_in(8, &number, key);
        thing_change(&fixture, key, NULL, &thing, 1);
    }
    result = (verify_result_t){0};
    verify_partition(&fixture, false, 8, &result);
    cr_assert_eq(result.findings, 0, "%s", result.text);
    cr_assert_geq(result.slices, 40 * sizeof note / (VERIFY_BYTES_MAX + sizeof note));
}

/* The longest key that LMDB takes, though no key of ours is so long. */
Test(verify, a_slice_goes_on_behind_any_key) {
    store_key_t key;
    uint8_t longest[LMDB_KEY_BYTES_MAX];
    memset(longest, 0xff, sizeof longest);
    longest[0] = 4;
    view_fixture_store(&fixture, span_of(longest, sizeof longest), span_text("rot"));
    longest[LMDB_KEY_BYTES_MAX - 1] = 0xfe;
    view_fixture_store(&fixture, span_of(longest, sizeof longest), span_text("rot"));
    for (int i = 0; i < VERIFY_ROWS_MAX - 1; i++) {
        store_key_class(&key, 4, 'z');
        key.bytes[key.len++] = (uint8_t)(i >> 8);
        key.bytes[key.len++] = (uint8_t)i;
        put(&key, "", 0);
    }
    result = (verify_result_t){0};
    verify_partition(&fixture, false, 4, &result);
    cr_assert_eq(result.findings, VERIFY_ROWS_MAX + 1, "%u", result.findings);
}

/* Counts */

/* A store with a name, from which a key is taken behind its back. */
Test(verify, a_key_that_vanished_from_the_store_shows_in_the_counts) {
    char folder_name[] = "/tmp/doran-verify-XXXXXX", error[256];
    close_view();
    cr_assert_not_null(mkdtemp(folder_name));
    cr_assert_eq(store_open(folder_name, MIB(16), &fixture.store, error, sizeof error), STATUS_OK);
    cr_assert_eq(store_reader_open(fixture.store, &fixture.view.reader), STATUS_OK);
    fixture.view.memtable = memtable_new();
    fixture.batch = batch_new(0);
    fixture.writer = (writer_t){.memtable = fixture.view.memtable, .batch = fixture.batch, .number = 1};
    view_fixture_renew(&fixture);
    make("a", "mina");
    make("b", "mina");
    view_fixture_apply(&fixture);
    assert_finds("");
    store_reader_close(&fixture.view.reader);
    store_destroy(&fixture.store);

    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    store_key_t head;
    thing_head_key("a", &head);
    MDB_val key = {.mv_size = head.len, .mv_data = head.bytes};
    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_set_maxdbs(env, 3), 0);
    cr_assert_eq(mdb_env_open(env, folder_name, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    cr_assert_eq(mdb_dbi_open(txn, "data", 0, &dbi), 0);
    cr_assert_eq(mdb_del(txn, dbi, &key, NULL), 0);
    cr_assert_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);

    cr_assert_eq(store_open(folder_name, MIB(16), &fixture.store, error, sizeof error), STATUS_OK);
    nameless_remove(folder_name, "data.mdb");
    nameless_remove(folder_name, "lock.mdb");
    rmdir(folder_name);
    cr_assert_eq(store_reader_open(fixture.store, &fixture.view.reader), STATUS_OK);
    view_fixture_renew(&fixture);
    verify_all(&fixture, false, &result);
    cr_assert_eq(result.findings, 3, "%s", result.text);
    cr_assert_not_null(strstr(result.text, "count : 1 keys were counted, 0 are there (key "), "%s", result.text);
}
