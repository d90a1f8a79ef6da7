/* SPDX-License-Identifier: MIT */
#include "actors/dead_letters.h"

#include "actors/cell.h"
#include "actors/store_key.h"
#include "tests/actors/view_fixture.h"
#include "tests/schemas/hex.h"

#define GOLDEN                                                                                                         \
    "a3d3fe1a5b3749ae 01 00 0100 0000000000000000 8a a26174 cf0102030405060708 a761646472657373 a770726f62652f61"      \
    "a66d6574686f64 a474616b65 a4636f6465 a8636f6e666c696374 a474657874 a26e6f a8617474656d707473 05 a4686f7073 01"    \
    "a5636861696e 91a770726f62652f62 a66e756d626572 03 a4626f6479 80"

enum { PARTITION = 9 };

static view_fixture_t fixture;
static dead_letters_t letters;

static void setup(void) {
    view_fixture_open(&fixture);
    dead_letters_init(&letters);
}

static void teardown(void) {
    dead_letters_fini(&letters);
    view_fixture_close(&fixture);
}

TestSuite(dead_letters, .init = setup, .fini = teardown);

static dead_letter_t letter_at(uint64_t at) {
    dead_letter_t letter = {0};
    FIELD_SET(dead_letter, &letter, at, at);
    FIELD_SET(dead_letter, &letter, address, span_text("probe/a"));
    FIELD_SET(dead_letter, &letter, method, span_text("take"));
    FIELD_SET(dead_letter, &letter, code, span_text("conflict"));
    FIELD_SET(dead_letter, &letter, text, span_text("no"));
    FIELD_SET(dead_letter, &letter, attempts, 5);
    FIELD_SET(dead_letter, &letter, hops, 1);
    FIELD_SET(dead_letter, &letter, body, span_text("\x80"));
    return letter;
}

static span_t value_of(uint64_t at, uint32_t serial) {
    store_key_t key;
    span_t value;
    store_key_dead_letter(&key, PARTITION, at, serial);
    cr_assert_eq(view_get(&fixture.view, store_key_span(&key), &value), STATUS_OK);
    cr_assert_not_null(value.ptr);
    return value;
}

Test(dead_letters, those_of_one_moment_do_not_overwrite_one_another) {
    dead_letter_t letter = letter_at(7);
    letters.serial = UINT32_MAX;
    dead_letters_put(&letters, &fixture.writer, PARTITION, &letter);
    dead_letters_put(&letters, &fixture.writer, PARTITION, &letter);
    dead_letters_put(&letters, &fixture.writer, PARTITION, &letter);
    cr_assert_eq(letters.count, 3);
    value_of(7, UINT32_MAX);
    value_of(7, 0);
    value_of(7, 1);
}

Test(dead_letters, the_largest_has_room) {
    static uint8_t body[VALUE_BYTES_MAX], chain[KIB(4)];
    static char text[1025], address[KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1], code[33], method[METHOD_BYTES_MAX + 1];
    dead_letter_t letter = letter_at(UINT64_MAX), read;
    cell_t cell;
    store_key_t key;
    body[0] = 0xc5; /* binary of what is left */
    body[1] = (uint8_t)((sizeof body - 3) >> 8);
    body[2] = (uint8_t)(sizeof body - 3);
    chain[0] = 0xc5;
    chain[1] = (uint8_t)((sizeof chain - 3) >> 8);
    chain[2] = (uint8_t)(sizeof chain - 3);
    memset(text, 't', sizeof text - 1);
    memset(address, 'a', sizeof address - 1);
    memset(code, 'c', sizeof code - 1);
    memset(method, 'm', sizeof method - 1);
    FIELD_SET(dead_letter, &letter, address, span_text(address));
    FIELD_SET(dead_letter, &letter, method, span_text(method));
    FIELD_SET(dead_letter, &letter, code, span_text(code));
    FIELD_SET(dead_letter, &letter, text, span_text(text));
    FIELD_SET(dead_letter, &letter, attempts, UINT32_MAX);
    FIELD_SET(dead_letter, &letter, hops, UINT32_MAX);
    FIELD_SET(dead_letter, &letter, number, UINT64_MAX);
    FIELD_SET(dead_letter, &letter, user, span_of(address, KEY_BYTES_MAX));
    FIELD_SET(dead_letter, &letter, chain, span_of(chain, sizeof chain));
    FIELD_SET(dead_letter, &letter, body, span_of(body, sizeof body));
    letters.serial = 1;
    dead_letters_put(&letters, &fixture.writer, PARTITION, &letter);
    store_key_dead_letter(&key, PARTITION, UINT64_MAX, 1);
    cr_assert(cell_open(&cell, store_key_span(&key), value_of(UINT64_MAX, 1)));
    cr_assert_eq(record_load(&record_dead_letter, cell.body, &read), STATUS_OK);
    cr_assert(span_equal(read.body, letter.body) && span_equal(read.chain, letter.chain));
}

Test(dead_letters, a_row_has_golden_bytes) {
    char text[512];
    uint8_t golden[512];
    store_key_t key;
    dead_letter_t letter = letter_at(0x0102030405060708);
    FIELD_SET(dead_letter, &letter, number, 3);
    FIELD_SET(dead_letter, &letter, chain, span_text("\x91\xa7probe/b"));
    letters.serial = 0x0a0b0c0d;
    dead_letters_put(&letters, &fixture.writer, PARTITION, &letter);
    store_key_dead_letter(&key, PARTITION, 0x0102030405060708, 0x0a0b0c0d);
    cr_assert_str_eq(hex_text(store_key_span(&key), text), "09640001020304050607080a0b0c0d");
    span_t value = value_of(0x0102030405060708, 0x0a0b0c0d);
    cr_assert(span_equal(value, hex_bytes(GOLDEN, golden)), "%s", hex_text(value, text));
}
