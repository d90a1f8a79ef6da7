/* SPDX-License-Identifier: MIT */
#include "actors/index.h"

#include <signal.h>

#include "tests/actors/thing.h"
#include "tests/schemas/hex.h"
#include "tests/storage/random.h"

static void assert_bytes(span_t bytes, const char *expected) {
    uint8_t wanted[512];
    char text[2048];
    cr_assert(span_equal(bytes, hex_bytes(expected, wanted)), "%s", hex_text(bytes, text));
}

/* Rows in the view. */

static view_fixture_t fixture;

static void open_view(void) {
    view_fixture_open(&fixture);
}

static void close_view(void) {
    view_fixture_close(&fixture);
}

static void update(const thing_t *before, const thing_t *after, const char *key) {
    thing_update_rows(&fixture, key, before, after);
}

static bool row_read(const char *field, const char *value, const char *key) {
    store_key_t row;
    span_t found;
    cell_t cell;
    store_key_index(&row, thing_partition(key), span_text("thing"), span_text(field), span_text(value), span_text(key));
    cr_assert_eq(view_get(&fixture.view, store_key_span(&row), &found), STATUS_OK);
    cr_assert(found.ptr == NULL || (cell_open(&cell, store_key_span(&row), found) && cell.body.len == 0));
    return found.ptr != NULL;
}

static uint32_t rows_counted(void) {
    store_key_t from, to;
    view_walk_t walk;
    span_t key, value;
    uint32_t count = 0;
    for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
        store_key_class(&from, (uint8_t)partition, 'i');
        store_key_after(&to, &from);
        view_walk_start(&walk, &fixture.view, store_key_span(&from), store_key_span(&to));
        while (view_walk_next(&walk, &key, &value)) {
            count++;
        }
    }
    return count;
}

Test(index, a_change_leaves_no_old_row_behind, .init = open_view, .fini = close_view) {
    thing_t mina = thing_named("mina"), yuna = thing_named("yuna");
    update(NULL, &mina, "1");
    view_fixture_apply(&fixture);
    update(&mina, &yuna, "1");
    cr_assert(!row_read("name", "mina", "1") && row_read("name", "yuna", "1"));
    cr_assert(row_read("colour", "RED", "1"));
    cr_assert_eq(rows_counted(), 2);
}

Test(index, an_actor_that_ended_has_no_rows, .init = open_view, .fini = close_view) {
    thing_t mina = thing_named("mina");
    mina.present |=
        thing_bit(THING_OPEN) | thing_bit(THING_COUNT) | thing_bit(THING_BALANCE) | thing_bit(THING_MADE_AT);
    update(NULL, &mina, "1");
    cr_assert_eq(rows_counted(), 6);
    view_fixture_apply(&fixture);
    update(&mina, NULL, "1");
    cr_assert_eq(rows_counted(), 0);
}

Test(index, a_field_that_went_away_has_no_row, .init = open_view, .fini = close_view) {
    thing_t with = thing_named("mina"), without = thing_named("mina");
    with.present |= thing_bit(THING_COUNT);
    update(NULL, &with, "1");
    cr_assert(row_read("count", "0000000000000000", "1"));
    update(&with, &without, "1");
    cr_assert_eq(rows_counted(), 2);
}

Test(index, other_fields_write_nothing, .init = open_view, .fini = close_view) {
    thing_t before = thing_named("mina"), after = thing_named("mina");
    before.present |= thing_bit(THING_NOTE);
    before.note = span_text("note");
    update(NULL, &before, "1");
    cr_assert_eq(rows_counted(), 2);
    uint32_t records = fixture.batch->record_count;
    after.present |= thing_bit(THING_TOKEN);
    after.token = span_text("token");
    update(&before, &after, "1");
    cr_assert_eq(fixture.batch->record_count, records);
}

Test(index, raw_values_cannot_be_indexed, .signal = SIGABRT) {
    static const field_t raw = {.name = "raw", .type = FIELD_BYTES};
    index_value_t bytes;
    span_t value = span_text("raw");
    index_value(&raw, &value, &bytes);
}

Test(index, more_fields_than_the_limit_stop_the_program, .signal = SIGABRT) {
    field_t fields[INDEXED_FIELDS_MAX + 1];
    thing_t thing = {0};
    index_keys_t keys;
    for (int i = 0; i <= INDEXED_FIELDS_MAX; i++) {
        fields[i] = thing_fields[THING_NAME];
    }
    record_t record = {.name = "wide", .fields = fields, .field_count = INDEXED_FIELDS_MAX + 1};
    index_keys(&record, &thing, 0, span_text("wide"), span_text("1"), &keys);
}

Test(index, a_turn_that_is_undone_leaves_the_rows_as_they_were, .init = open_view, .fini = close_view) {
    thing_t mina = thing_named("mina"), yuna = thing_named("yuna");
    update(NULL, &mina, "1");
    writer_mark(&fixture.writer);
    update(&mina, &yuna, "1");
    writer_rollback(&fixture.writer);
    cr_assert(row_read("name", "mina", "1") && !row_read("name", "yuna", "1"));
}

Test(index, a_row_has_golden_bytes) {
    thing_t mina = thing_named("mina");
    index_keys_t keys;
    uint8_t cell[CELL_HEADER_BYTES];
    thing_keys(&mina, "k.1", &keys);
    assert_bytes(store_key_span(&keys.keys[0]), "d5 69 7468696e67 00 6e616d65 00 6d696e61 00 6b2e31");
    assert_bytes(store_key_span(&keys.keys[1]), "d5 69 7468696e67 00 636f6c6f7572 00 524544 00 6b2e31");
    cr_assert_eq(keys.keys[2].len, 0);
    cell_seal(cell, store_key_span(&keys.keys[0]), 0, 0, 0);
    assert_bytes(span_of(cell, sizeof cell), "af1b9d0398a3b9e6 01 00 0000 0000000000000000");
}

/* Values */

static span_t value_of(int field, const void *value) {
    static index_value_t bytes;
    memset(&bytes, 0xee, sizeof bytes);
    index_value(&thing_fields[field], value, &bytes);
    return span_of(bytes.bytes, bytes.len);
}

static void assert_value(int field, const void *value, const char *expected) {
    span_t bytes = value_of(field, value);
    cr_assert(span_equal(bytes, span_text(expected)), "%.*s, not %s", (int)bytes.len, bytes.ptr, expected);
}

Test(index, values_have_golden_bytes) {
    assert_value(THING_NAME, &(span_t){(const uint8_t *)"", 0}, "");
    assert_value(THING_NAME, &(span_t){(const uint8_t *)"두 사람", 10}, "두 사람");
    assert_value(THING_NAME, &(span_t){(const uint8_t *)"a\0b", 3}, "a");
    assert_value(THING_COLOUR, &(uint32_t){1}, "BLUE");
    assert_value(THING_OPEN, &(bool){false}, "false");
    assert_value(THING_OPEN, &(bool){true}, "true");
    assert_value(THING_COUNT, &(uint64_t){0}, "0000000000000000");
    assert_value(THING_COUNT, &(uint64_t){0x0123456789abcdef}, "0123456789abcdef");
    assert_value(THING_MADE_AT, &(uint64_t){UINT64_MAX}, "ffffffffffffffff");
    assert_value(THING_BALANCE, &(int64_t){INT64_MIN}, "0000000000000000");
    assert_value(THING_BALANCE, &(int64_t){-1}, "7fffffffffffffff");
    assert_value(THING_BALANCE, &(int64_t){0}, "8000000000000000");
    assert_value(THING_BALANCE, &(int64_t){INT64_MAX}, "ffffffffffffffff");
}

Test(index, rows_by_time_have_the_time_behind_the_value) {
    index_value_t row;
    char longest[100];
    span_t owner = span_text("mina");
    memset(longest, 'o', sizeof longest);
    assert_value(THING_OWNER, &owner, "mina~");
    index_row(&thing_fields[THING_OWNER], &owner, 0x1a2b, &row);
    cr_assert(span_equal(span_of(row.bytes, row.len), span_text("mina~0000000000001a2b")));
    index_row(&thing_fields[THING_NAME], &owner, 0x1a2b, &row);
    cr_assert(span_equal(span_of(row.bytes, row.len), span_text("mina")));
    owner = span_of(longest, sizeof longest);
    index_row(&thing_fields[THING_OWNER], &owner, UINT64_MAX, &row);
    cr_assert_eq(row.len, INDEX_VALUE_BYTES_MAX, "the value makes room");
    cr_assert_eq(row.bytes[INDEX_VALUE_BYTES_MAX - INDEX_TIME_BYTES - 1], '~');
}

Test(index, a_long_text_is_cut_between_characters) {
    char text[INDEX_VALUE_BYTES_MAX + 4];
    memset(text, 'a', sizeof text);
    cr_assert_eq(value_of(THING_NAME, &(span_t){(const uint8_t *)text, INDEX_VALUE_BYTES_MAX}).len,
                 INDEX_VALUE_BYTES_MAX);
    cr_assert_eq(value_of(THING_NAME, &(span_t){(const uint8_t *)text, sizeof text}).len, INDEX_VALUE_BYTES_MAX);
    for (size_t begin = INDEX_VALUE_BYTES_MAX - 3; begin <= INDEX_VALUE_BYTES_MAX; begin++) {
        memset(text, 'a', sizeof text);
        memcpy(text + begin, "두", 3);
        size_t whole = begin + 3 <= INDEX_VALUE_BYTES_MAX ? INDEX_VALUE_BYTES_MAX : begin;
        cr_assert_eq(value_of(THING_NAME, &(span_t){(const uint8_t *)text, sizeof text}).len, whole, "%zu", begin);
    }
}

Test(index, numbers_sort_as_their_values) {
    random_state_t random = random_start("index numbers");
    for (int i = 0; i < 10000; i++) {
        int64_t a = (int64_t)(random_next(&random) >> random_below(&random, 64)) - (int64_t)random_below(&random, 2000);
        int64_t b = (int64_t)(random_next(&random) >> random_below(&random, 64)) - (int64_t)random_below(&random, 2000);
        index_value_t first, second;
        for (int field = THING_COUNT; field <= THING_BALANCE; field++) {
            index_value(&thing_fields[field], &a, &first);
            index_value(&thing_fields[field], &b, &second);
            int order = span_compare(span_of(first.bytes, first.len), span_of(second.bytes, second.len));
            bool less = field == THING_BALANCE ? a < b : (uint64_t)a < (uint64_t)b;
            cr_assert_eq(order < 0, less, "%ld %ld", (long)a, (long)b);
            cr_assert_eq(order == 0, a == b);
        }
    }
}

/* Any sequence of changes, against rows derived anew from the records as they are. */

enum { ACTORS = 12, STEPS = 2000 };

static thing_t random_thing(random_state_t *random) {
    static const char *const names[] = {"", "a", "ab", "두", "ab\xc3\xa9"};
    thing_t thing = thing_named(names[random_below(random, ARRAY_LENGTH(names))]);
    thing.colour = (uint32_t)random_below(random, 2);
    thing.present |= random_next(random) & (thing_bit(THING_OPEN) | thing_bit(THING_COUNT) | thing_bit(THING_BALANCE) |
                                            thing_bit(THING_MADE_AT));
    thing.open = random_below(random, 2) == 0;
    thing.count = random_below(random, 3);
    thing.balance = (int64_t)random_below(random, 3) - 1;
    thing.made_at = random_below(random, 2);
    thing.present |= random_next(random) & thing_bit(THING_OWNER);
    thing.owner = span_text(names[random_below(random, ARRAY_LENGTH(names))]);
    thing.present |= thing_bit(THING_CREATED_AT);
    thing.created_at = random_below(random, 3);
    return thing;
}

static void assert_rows(thing_t *const things[ACTORS]) {
    uint32_t wanted = 0;
    for (int actor = 0; actor < ACTORS; actor++) {
        char key[24];
        index_keys_t keys;
        snprintf(key, sizeof key, "%d", actor);
        thing_keys(things[actor], key, &keys);
        for (int i = 0; i < INDEXED_FIELDS_MAX; i++) {
            span_t value;
            if (keys.keys[i].len > 0) {
                wanted++;
                cr_assert_eq(view_get(&fixture.view, store_key_span(&keys.keys[i]), &value), STATUS_OK);
                cr_assert_not_null(value.ptr, "actor %d has no row %d", actor, i);
            }
        }
    }
    cr_assert_eq(rows_counted(), wanted);
}

Test(index, after_any_changes_the_rows_are_those_of_the_records, .init = open_view, .fini = close_view) {
    random_state_t random = random_start("index rows");
    thing_t memory[ACTORS], *things[ACTORS] = {NULL};
    for (int step = 0; step < STEPS; step++) {
        size_t actor = random_below(&random, ACTORS);
        char key[24];
        thing_t next = random_thing(&random);
        bool ends = random_below(&random, 4) == 0, undone = random_below(&random, 5) == 0;
        snprintf(key, sizeof key, "%zu", actor);
        writer_mark(&fixture.writer);
        update(things[actor], ends ? NULL : &next, key);
        if (undone) {
            writer_rollback(&fixture.writer);
        } else {
            memory[actor] = next;
            things[actor] = ends ? NULL : &memory[actor];
        }
        if (random_below(&random, 50) == 0) {
            view_fixture_apply(&fixture);
        }
        assert_rows(things);
    }
}
