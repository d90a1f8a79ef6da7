/* SPDX-License-Identifier: MIT */
#include "actors/cell.h"

#include <criterion/criterion.h>
#include <xxhash.h>

#include "tests/schemas/hex.h"

static const char *const golden = "22d02dea8ad786a8 01 00 0201 0706050403000000 626f6479";

static uint8_t bytes[256];
static cell_t cell;

static span_t sealed(const char *body) {
    size_t len = strlen(body);
    memcpy(bytes + CELL_HEADER_BYTES, body, len);
    cell_seal(bytes, span_text("key"), 0x0102, 0x0304050607, len);
    return span_of(bytes, CELL_HEADER_BYTES + len);
}

Test(cell, no_changed_bit_is_missed) {
    span_t value = sealed("what was written");
    for (size_t bit = 0; bit < 8 * value.len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_not(cell_open(&cell, span_text("key"), value), "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert(cell_open(&cell, span_text("key"), value));
}

Test(cell, a_value_under_another_key_is_refused) {
    span_t value = sealed("body");
    cr_assert_not(cell_open(&cell, span_text("kez"), value));
    cr_assert_not(cell_open(&cell, span_text(""), value));
}

Test(cell, a_truncated_value_is_refused) {
    span_t value = sealed("body");
    for (size_t len = 0; len < value.len; len++) {
        cr_assert_not(cell_open(&cell, span_text("key"), span_of(value.ptr, len)), "%zu bytes", len);
    }
}

/* A later release may write another format; its hash is right. */
Test(cell, another_format_is_refused) {
    span_t value = sealed("body");
    bytes[8] = 2;
    uint64_t hash = XXH3_64bits_withSeed(bytes + 8, value.len - 8, XXH3_64bits("key", 3));
    memcpy(bytes, &hash, sizeof hash);
    cr_assert_not(cell_open(&cell, span_text("key"), value));
}

Test(cell, a_refused_value_leaves_the_cell_as_it_was) {
    cell = (cell_t){.version = 5, .schema_version = 6, .body = span_text("before")};
    cr_assert_not(cell_open(&cell, span_text("kez"), sealed("body")));
    cr_assert(cell.version == 5 && cell.schema_version == 6 && span_equal(cell.body, span_text("before")));
}

Test(cell, has_golden_bytes) {
    uint8_t expected[64];
    char text[128];
    span_t value = sealed("body");
    cr_assert(span_equal(value, hex_bytes(golden, expected)), "%s", hex_text(value, text));
}

Test(cell, what_was_sealed_opens) {
    span_t value = sealed("body");
    cr_assert(cell_open(&cell, span_text("key"), value));
    cr_assert_eq(cell.schema_version, 0x0102);
    cr_assert_eq(cell.version, 0x0304050607);
    cr_assert(span_equal(cell.body, span_text("body")));
    cr_assert(cell_open(&cell, span_text("key"), sealed("")));
    cr_assert(cell.body.len == 0 && cell.body.ptr != NULL, "an empty body is present");
}
