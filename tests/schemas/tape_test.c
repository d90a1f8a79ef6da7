/* SPDX-License-Identifier: MIT */
#include "schemas/tape.h"

#include <criterion/criterion.h>

#include "schemas/pack.h"
#include "tests/schemas/hex.h"

enum { TOKENS = 256 };
static token_t tokens[TOKENS];

static status_t read_hex(tape_t *tape, const char *hex) {
    static uint8_t bytes[4096];
    *tape = (tape_t){.tokens = tokens, .capacity = TOKENS};
    return tape_read_whole(tape, hex_bytes(hex, bytes));
}

#define ASSERT_REFUSED(hex)                                                                                            \
    do {                                                                                                               \
        tape_t tape_;                                                                                                  \
        cr_assert_eq(read_hex(&tape_, hex), STATUS_INVALID, "%s", hex);                                                \
        cr_assert_eq(tape_.count, 0);                                                                                  \
    } while (0)

Test(tape, nothing_at_all_is_no_value) {
    ASSERT_REFUSED("");
}

Test(tape, trailing_bytes_are_refused) {
    ASSERT_REFUSED("c0c0");
    ASSERT_REFUSED("9000");
}

Test(tape, extension_types_are_refused) {
    ASSERT_REFUSED("d40100");
    ASSERT_REFUSED("d6ff00000000");
    ASSERT_REFUSED("d801 00000000000000000000000000000000");
    ASSERT_REFUSED("c70001");
    ASSERT_REFUSED("c80000 01");
    ASSERT_REFUSED("c9ffffffff01");
    ASSERT_REFUSED("91c70101ff");
}

Test(tape, the_byte_that_msgpack_never_uses_is_refused) {
    ASSERT_REFUSED("c1");
    ASSERT_REFUSED("92c101");
}

Test(tape, announced_sizes_that_the_bytes_cannot_hold_are_refused) {
    ASSERT_REFUSED("ddffffffff");
    ASSERT_REFUSED("dfffffffff");
    ASSERT_REFUSED("dcffff00");
    ASSERT_REFUSED("dbffffffff61");
    ASSERT_REFUSED("c6ffffffff61");
    ASSERT_REFUSED("92 dd00000002 00"); /* two inside and one outside from two bytes */
    ASSERT_REFUSED("820000");
    /* Thirty-one arrays of sixteen million each: what makes the library's own tree take 16 GB. */
    char hex[31 * 10 + 1] = "";
    for (int i = 0; i < 31; i++) {
        memcpy(hex + strlen(hex), "dd00ffffff", sizeof "dd00ffffff");
    }
    ASSERT_REFUSED(hex);
}

Test(tape, more_tokens_than_there_is_room_for_are_too_large) {
    static uint8_t bytes[3 + TOKENS];
    bytes[0] = 0xdc;
    bytes[1] = TOKENS >> 8;
    bytes[2] = TOKENS & 0xff;
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, span_of(bytes, sizeof bytes)), STATUS_TOO_LARGE);
    bytes[2] = 0xff;
    bytes[1] = 0;
    cr_assert_eq(tape_read_whole(&tape, span_of(bytes, sizeof bytes - 1)), STATUS_OK);
    cr_assert_eq(tape.count, TOKENS);
    tape.capacity = 0;
    cr_assert_eq(tape_read_whole(&tape, span_of("\xc0", 1)), STATUS_TOO_LARGE);
}

Test(tape, one_container_too_deep_is_refused) {
    char hex[2 * DEPTH_MAX + 3] = "";
    for (int i = 0; i < DEPTH_MAX - 1; i++) {
        memcpy(hex + strlen(hex), "91", sizeof "91");
    }
    memcpy(hex + strlen(hex), "90", sizeof "90");
    tape_t tape;
    cr_assert_eq(read_hex(&tape, hex), STATUS_OK);
    cr_assert_eq(tape.count, DEPTH_MAX);
    hex[strlen(hex) - 2] = 0;
    memcpy(hex + strlen(hex), "9190", sizeof "9190");
    ASSERT_REFUSED(hex);
}

Test(tape, keys_that_occur_twice_are_refused) {
    ASSERT_REFUSED("82a16100a16100");
    ASSERT_REFUSED("82a16100d9016101"); /* the same key in a longer form */
    ASSERT_REFUSED("83a0c0a161c0a0c0");
    ASSERT_REFUSED("83 a161 92a16181a162c0 a162 80 a161 c0");
}

Test(tape, keys_that_are_not_text_are_refused) {
    ASSERT_REFUSED("8101a161");
    ASSERT_REFUSED("81c0c0");
    ASSERT_REFUSED("81c40161c0");
    ASSERT_REFUSED("8180c0");
    ASSERT_REFUSED("8191a161c0");
}

static status_t read_map_of(size_t keys) {
    static uint8_t bytes[4096];
    pack_t pack = pack_into(bytes, sizeof bytes);
    pack_map(&pack, keys);
    for (size_t i = 0; i < keys; i++) {
        char name[24];
        snprintf(name, sizeof name, "k%zu", i);
        pack_cstring(&pack, name);
        pack_nil(&pack);
    }
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    return tape_read_whole(&tape, pack_bytes(&pack));
}

Test(tape, a_map_with_more_keys_than_the_limit_is_refused) {
    cr_assert_eq(read_map_of(MAP_KEYS_MAX + 1), STATUS_INVALID);
    cr_assert_eq(read_map_of(MAP_KEYS_MAX), STATUS_OK);
}

Test(tape, text_that_is_not_utf8_is_refused) {
    ASSERT_REFUSED("a180");       /* a continuation alone */
    ASSERT_REFUSED("a2c080");     /* overlong NUL */
    ASSERT_REFUSED("a2c1bf");     /* overlong */
    ASSERT_REFUSED("a3e08080");   /* overlong */
    ASSERT_REFUSED("a3eda080");   /* a surrogate */
    ASSERT_REFUSED("a4f0808080"); /* overlong */
    ASSERT_REFUSED("a4f4908080"); /* above U+10FFFF */
    ASSERT_REFUSED("a4f5808080");
    ASSERT_REFUSED("a1ff");
    ASSERT_REFUSED("a1c3");                           /* cut */
    ASSERT_REFUSED("a2e282");                         /* cut */
    ASSERT_REFUSED("a3f09f98");                       /* cut */
    ASSERT_REFUSED("a96161616161616161ff");           /* behind eight letters */
    ASSERT_REFUSED("ad61616161616161e2 61616161 61"); /* across the eight */
    ASSERT_REFUSED("81a1ffc0");
}

Test(tape, text_in_utf8_is_read) {
    tape_t tape;
    cr_assert_eq(read_hex(&tape, "aeeb8f84eb9e80 f09f9880 c3a9 e282 ac"), STATUS_INVALID, "one byte short");
    cr_assert_eq(read_hex(&tape, "afeb8f84eb9e80 f09f9880 c3a9 e282ac"), STATUS_OK);
    cr_assert_eq(tokens[0].type, TOKEN_TEXT);
    cr_assert(span_equal(token_span(&tokens[0]), span_text("도란😀é€")));
    cr_assert_eq(read_hex(&tape, "a2dfbf"), STATUS_OK);
    cr_assert_eq(read_hex(&tape, "a3ed9fbf"), STATUS_OK, "the last before the surrogates");
    cr_assert_eq(read_hex(&tape, "a4f48fbfbf"), STATUS_OK, "U+10FFFF");
}

Test(tape, integers_are_one_of_two_types_whatever_their_form) {
    static const struct {
        const char *hex;
        token_type_t type;
        int64_t value;
    } rows[] = {
        {"05", TOKEN_U64, 5},
        {"cc05", TOKEN_U64, 5},
        {"cd0005", TOKEN_U64, 5},
        {"ce00000005", TOKEN_U64, 5},
        {"cf0000000000000005", TOKEN_U64, 5},
        {"d005", TOKEN_U64, 5},
        {"d10005", TOKEN_U64, 5},
        {"d200000005", TOKEN_U64, 5},
        {"d30000000000000005", TOKEN_U64, 5},
        {"ff", TOKEN_I64, -1},
        {"d0ff", TOKEN_I64, -1},
        {"d1ffff", TOKEN_I64, -1},
        {"d2ffffffff", TOKEN_I64, -1},
        {"d3ffffffffffffffff", TOKEN_I64, -1},
        {"d38000000000000000", TOKEN_I64, INT64_MIN},
        {"cf7fffffffffffffff", TOKEN_U64, INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        tape_t tape;
        cr_assert_eq(read_hex(&tape, rows[i].hex), STATUS_OK, "%s", rows[i].hex);
        cr_assert_eq(tokens[0].type, rows[i].type, "%s", rows[i].hex);
        cr_assert_eq(tokens[0].i64, rows[i].value, "%s", rows[i].hex);
    }
    tape_t tape;
    cr_assert_eq(read_hex(&tape, "cfffffffffffffffff"), STATUS_OK);
    cr_assert_eq(tokens[0].u64, UINT64_MAX);
}

Test(tape, an_empty_text_or_binary_is_present) {
    static const char *const forms[] = {"a0", "d900", "da0000", "db00000000", "c400", "c50000", "c600000000"};
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        tape_t tape;
        cr_assert_eq(read_hex(&tape, forms[i]), STATUS_OK, "%s", forms[i]);
        cr_assert_not_null(tokens[0].ptr, "%s", forms[i]);
        cr_assert_eq(tokens[0].len, 0);
        cr_assert_eq(tape_raw(&tape, 0).len, strlen(forms[i]) / 2);
    }
}

/* {"a": [1, -2, [], {}], "b": {"c": "text"}, "d": 1.5, "e": nil, "f": bin, "g": true} in mixed forms. */
#define MIXED                                                                                                          \
    "86 a161 dc0004 01 d0fe 90 de0000 a162 81 d90163 a474657874 a164 ca3fc00000 a165 c0 d9 01 66 c5000201ff a167 c3"

Test(tape, every_token_knows_its_end_and_its_bytes) {
    tape_t tape;
    cr_assert_eq(read_hex(&tape, MIXED), STATUS_OK);
    static const struct {
        token_type_t type;
        uint32_t next, len;
        const char *hex;
    } rows[] = {
        {TOKEN_MAP, 19, 6, NULL},
        {TOKEN_TEXT, 2, 1, "a161"},
        {TOKEN_ARRAY, 7, 4, "dc000401d0fe90de0000"},
        {TOKEN_U64, 4, 0, "01"},
        {TOKEN_I64, 5, 0, "d0fe"},
        {TOKEN_ARRAY, 6, 0, "90"},
        {TOKEN_MAP, 7, 0, "de0000"},
        {TOKEN_TEXT, 8, 1, "a162"},
        {TOKEN_MAP, 11, 1, "81d90163a474657874"},
        {TOKEN_TEXT, 10, 1, "d90163"},
        {TOKEN_TEXT, 11, 4, "a474657874"},
        {TOKEN_TEXT, 12, 1, "a164"},
        {TOKEN_F64, 13, 0, "ca3fc00000"},
        {TOKEN_TEXT, 14, 1, "a165"},
        {TOKEN_NIL, 15, 0, "c0"},
        {TOKEN_TEXT, 16, 1, "d90166"},
        {TOKEN_BINARY, 17, 2, "c5000201ff"},
        {TOKEN_TEXT, 18, 1, "a167"},
        {TOKEN_BOOL, 19, 0, "c3"},
    };
    cr_assert_eq(tape.count, ARRAY_LENGTH(rows));
    for (uint32_t i = 0; i < tape.count; i++) {
        char text[256];
        cr_assert_eq(tokens[i].type, rows[i].type, "token %u", i);
        cr_assert_eq(tokens[i].next, rows[i].next, "token %u: next %u", i, tokens[i].next);
        cr_assert_eq(tokens[i].len, rows[i].len, "token %u: len %u", i, tokens[i].len);
        if (rows[i].hex != NULL) {
            cr_assert_str_eq(hex_text(tape_raw(&tape, i), text), rows[i].hex);
        }
    }
    cr_assert(span_equal(tape_raw(&tape, 0), tape.input));
    cr_assert_eq(tokens[12].f64, 1.5);
}

Test(tape, a_value_cut_at_any_byte_is_refused) {
    uint8_t bytes[128];
    span_t whole = hex_bytes(MIXED, bytes);
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *cut = malloc(len + 1); /* so that a sanitizer sees a read behind the end */
        memcpy(cut, whole.ptr, len);
        uint8_t *exact = realloc(cut, len == 0 ? 1 : len);
        cr_assert_eq(tape_read_whole(&tape, span_of(exact, len)), STATUS_INVALID, "%zu bytes", len);
        free(exact);
    }
    cr_assert_eq(tape_read_whole(&tape, whole), STATUS_OK);
}

Test(tape, values_back_to_back_are_read_one_by_one) {
    uint8_t bytes[128];
    span_t rest = hex_bytes("9101 a161 80", bytes);
    static const size_t lengths[] = {2, 2, 1};
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        size_t consumed = 0;
        tape_t tape = {.tokens = tokens, .capacity = TOKENS};
        cr_assert_eq(tape_read(&tape, rest, &consumed), STATUS_OK);
        cr_assert_eq(consumed, lengths[i]);
        cr_assert_eq(tape_raw(&tape, 0).len, lengths[i]);
        rest = span_of(rest.ptr + consumed, rest.len - consumed);
    }
    cr_assert_eq(rest.len, 0);
}

Test(tape, find_gives_the_value_of_a_key_or_zero) {
    tape_t tape;
    cr_assert_eq(read_hex(&tape, MIXED), STATUS_OK);
    cr_assert_eq(tape_find(&tape, 0, "a"), 2);
    cr_assert_eq(tape_find(&tape, 0, "g"), 18);
    cr_assert_eq(tape_find(&tape, 8, "c"), 10);
    cr_assert_eq(tape_find(&tape, 0, "c"), 0, "of the inner map only");
    cr_assert_eq(tape_find(&tape, 6, "a"), 0);
}

Test(tape, the_top_of_a_map_has_tokens_for_its_own_keys_and_values_only) {
    char text[256];
    uint8_t bytes[128];
    span_t input = hex_bytes(MIXED "c0", bytes);
    tape_t tape = {.tokens = tokens, .capacity = 13};
    size_t consumed = 0;
    cr_assert_eq(tape_read_top(&tape, input, &consumed), STATUS_OK);
    cr_assert_eq(consumed, input.len - 1);
    cr_assert_eq(tape.count, 13);
    static const char *const values[] = {
        "dc000401d0fe90de0000", "81d90163a474657874", "ca3fc00000", "c0", "c5000201ff", "c3"};
    for (uint32_t i = 0; i < ARRAY_LENGTH(values); i++) {
        cr_assert_eq(tokens[1 + 2 * i].type, TOKEN_TEXT);
        cr_assert_eq(tokens[1 + 2 * i].next, 2 + 2 * i);
        cr_assert_eq(tokens[2 + 2 * i].next, 3 + 2 * i);
        cr_assert_str_eq(hex_text(tape_raw(&tape, 2 + 2 * i), text), values[i]);
    }
    cr_assert_eq(tokens[2].type, TOKEN_ARRAY);
    cr_assert_eq(tokens[2].len, 4);
    cr_assert_eq(tokens[4].len, 1);
    cr_assert_eq(tape_find(&tape, 0, "g"), 12);
    tape.capacity = 12;
    cr_assert_eq(tape_read_top(&tape, input, &consumed), STATUS_TOO_LARGE);
}

Test(tape, the_top_of_what_is_no_map_is_one_token) {
    static const char *const values[] = {"c0", "a161", "90", "9301c081a16180", "dc00039090919190"};
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        uint8_t bytes[32];
        span_t input = hex_bytes(values[i], bytes);
        token_t one;
        tape_t tape = {.tokens = &one, .capacity = 1};
        size_t consumed = 0;
        cr_assert_eq(tape_read_top(&tape, input, &consumed), STATUS_OK, "%s", values[i]);
        cr_assert_eq(consumed, input.len, "%s", values[i]);
        cr_assert_eq(tape.count, 1);
        cr_assert(span_equal(tape_raw(&tape, 0), input));
    }
}

Test(tape, the_top_of_what_is_no_msgpack_is_refused) {
    static const char *const refused[] = {
        "",       "81a161",         "81a16191",   "81a161c1",     "81a16191c1",         "81a161d40000",
        "8101c0", "82a161c0a161c0", "8191a161c0", "81a16191a1ff", "81a16191ddffffffff", "81a16181a161dfffffffff",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        uint8_t bytes[32];
        span_t input = hex_bytes(refused[i], bytes);
        tape_t tape = {.tokens = tokens, .capacity = TAPE_TOP_TOKENS};
        size_t consumed = 0;
        cr_assert_eq(tape_read_top(&tape, input, &consumed), STATUS_INVALID, "%s", refused[i]);
        cr_assert_eq(consumed, 0);
    }
    char hex[2 * DEPTH_MAX + 3] = "";
    for (int i = 0; i < DEPTH_MAX; i++) {
        memcpy(hex + strlen(hex), "91", sizeof "91");
    }
    memcpy(hex + strlen(hex), "90", sizeof "90");
    uint8_t bytes[DEPTH_MAX + 1];
    tape_t tape = {.tokens = tokens, .capacity = TAPE_TOP_TOKENS};
    size_t consumed = 0;
    cr_assert_eq(tape_read_top(&tape, hex_bytes(hex, bytes), &consumed), STATUS_INVALID, "too deep");
}

Test(tape, the_head_of_an_array_is_taken_in_each_form) {
    static const struct {
        const char *hex;
        uint32_t count;
        size_t rest;
    } rows[] = {
        {"90", 0, 0},           {"9f01", 15, 1},      {"dc0000", 0, 0},
        {"dc010203", 0x102, 1}, {"dd00000000", 0, 0}, {"dd010203040506", 0x1020304, 2},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        uint8_t bytes[16];
        span_t rest = hex_bytes(rows[i].hex, bytes);
        uint32_t count = 99;
        cr_assert_eq(tape_take_array(&rest, &count), STATUS_OK, "%s", rows[i].hex);
        cr_assert_eq(count, rows[i].count, "%s: %u", rows[i].hex, count);
        cr_assert_eq(rest.len, rows[i].rest, "%s", rows[i].hex);
    }
    static const char *const refused[] = {"", "80", "c0", "dc", "dc00", "dd000000", "a0", "db00000000", "e0"};
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        uint8_t bytes[16];
        span_t rest = hex_bytes(refused[i], bytes);
        size_t len = rest.len;
        uint32_t count = 99;
        cr_assert_eq(tape_take_array(&rest, &count), STATUS_INVALID, "%s", refused[i]);
        cr_assert(rest.len == len && count == 99, "%s", refused[i]);
    }
}

Test(tape, depth_counts_containers_inside_one_another) {
    static const struct {
        const char *hex;
        uint32_t depth;
    } cases[] = {{"c0", 0}, {"90", 1}, {"9390 90 9190", 3}, {"82a16181a162 9101a16390", 3}, {"929101 91 9102", 3}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        tape_t tape;
        cr_assert_eq(read_hex(&tape, cases[i].hex), STATUS_OK);
        cr_assert_eq(tape_depth(&tape), cases[i].depth, "%s", cases[i].hex);
    }
}
