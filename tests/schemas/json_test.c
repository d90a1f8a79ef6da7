/* SPDX-License-Identifier: MIT */
#include "schemas/json.h"

#include <criterion/criterion.h>

#include "schemas/records.h"
#include "tests/schemas/hex.h"

enum { TOKENS = 1024 };
static token_t tokens[TOKENS];
static uint8_t room[65536];
static char error[256];

static status_t parse(const char *text, pack_t *pack) {
    *pack = pack_into(room, sizeof room);
    return json_parse(span_text(text), pack, error, sizeof error);
}

static tape_t read_bytes(span_t bytes) {
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, bytes), STATUS_OK);
    return tape;
}

Test(json, what_is_not_json_is_refused_with_its_place) {
    static const char *const texts[] = {
        "",    " ",           "{",        "[1,]", "{a:1}", "{'a':1}", "1 2",   "nul",
        "[1}", "\"\\ud800\"", "\"\xff\"", "01",   "+1",    "NaN",     "1e999",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        pack_t pack;
        cr_assert_eq(parse(texts[i], &pack), STATUS_INVALID, "%s", texts[i]);
        cr_assert_not_null(strstr(error, "line 1, column "), "%s: %s", texts[i], error);
    }
}

Test(json, a_key_that_occurs_twice_is_refused) {
    pack_t pack;
    cr_assert_eq(parse("{\"a\":1,\"a\":1}", &pack), STATUS_INVALID);
    cr_assert_eq(parse("[{\"b\":{\"a\":1,\"\\u0061\":1}}]", &pack), STATUS_INVALID, "in another spelling");
    cr_assert_not_null(strstr(error, "uplicate"), "%s", error);
}

Test(json, an_integer_that_would_lose_digits_is_refused) {
    pack_t pack;
    cr_assert_eq(parse("9223372036854775808", &pack), STATUS_INVALID);
    cr_assert_eq(parse("-9223372036854775809", &pack), STATUS_INVALID);
}

Test(json, what_no_tape_would_read_is_refused) {
    pack_t pack;
    char text[2048] = "";
    for (int i = 0; i < DEPTH_MAX + 1; i++) {
        text[i] = '[';
        text[2 * DEPTH_MAX + 1 - i] = ']';
    }
    cr_assert_eq(parse(text, &pack), STATUS_INVALID);
    cr_assert_not_null(strstr(error, "too deep"), "%s", error);
    text[2 * DEPTH_MAX + 1] = 0;
    cr_assert_eq(parse(text + 1, &pack), STATUS_OK, "%s", error);
    cr_assert_eq(read_bytes(pack_bytes(&pack)).count, DEPTH_MAX);

    size_t len = 0;
    for (int i = 0; i <= MAP_KEYS_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s\"%d\":0", i == 0 ? "{" : ",", i);
    }
    memcpy(text + strlen(text), "}", sizeof "}");
    cr_assert_eq(parse(text, &pack), STATUS_INVALID);
    cr_assert_not_null(strstr(error, "too many keys"), "%s", error);
}

Test(json, ten_thousand_brackets_are_refused) {
    static char text[20001];
    memset(text, '[', 10000);
    memset(text + 10000, ']', 10000);
    pack_t pack;
    cr_assert_eq(parse(text, &pack), STATUS_INVALID);
}

Test(json, what_does_not_fit_is_too_large) {
    pack_t pack = pack_into(room, 3);
    cr_assert_eq(json_parse(span_text("[1,2,3]"), &pack, error, sizeof error), STATUS_TOO_LARGE);
}

static void assert_both_ways(const char *json, const char *hex) {
    uint8_t golden[256];
    pack_t pack;
    cr_assert_eq(parse(json, &pack), STATUS_OK, "%s: %s", json, error);
    cr_assert(span_equal(pack_bytes(&pack), hex_bytes(hex, golden)), "%s", json);
    tape_t tape = read_bytes(pack_bytes(&pack));
    char *text = json_print(&tape, 0);
    cr_assert_str_eq(text, json);
    free(text);
}

Test(json, values_go_to_msgpack_and_back) {
    assert_both_ways("null", "c0");
    assert_both_ways("true", "c3");
    assert_both_ways("false", "c2");
    assert_both_ways("0", "00");
    assert_both_ways("-1", "ff");
    assert_both_ways("9007199254740993", "cf0020000000000001");
    assert_both_ways("9223372036854775807", "cf7fffffffffffffff");
    assert_both_ways("-9223372036854775808", "d38000000000000000");
    assert_both_ways("1.0", "cb3ff0000000000000");
    assert_both_ways("0.1", "cb3fb999999999999a");
    assert_both_ways("-1.5e300", "cbfe41eb2d66005835");
    assert_both_ways("\"\"", "a0");
    assert_both_ways("\"도란\"", "a6eb8f84eb9e80");
    assert_both_ways("\"a\\\"\\\\\\n\\u0000\\u001F/\"", "a761225c0a001f2f");
    assert_both_ways("[]", "90");
    assert_both_ways("{}", "80");
    assert_both_ways("[1,[],{\"b\":null,\"a\":[true]}]", "93019082a162c0a16191c3");
}

static void assert_printed(const char *hex, const char *json) {
    uint8_t bytes[256];
    tape_t tape = read_bytes(hex_bytes(hex, bytes));
    char *text = json_print(&tape, 0);
    cr_assert_str_eq(text, json);
    free(text);
}

Test(json, what_json_has_no_type_for_is_printed_as_the_nearest) {
    assert_printed("cfffffffffffffffff", "18446744073709551615");
    assert_printed("cb7ff0000000000000", "null");
    assert_printed("cb7ff8000000000001", "null");
    assert_printed("ca3dcccccd", "0.10000000149011612");
    assert_printed("c400", "\"\"");
    assert_printed("c40166", "\"Zg==\"");
    assert_printed("c402666f", "\"Zm8=\"");
    assert_printed("c403666f6f", "\"Zm9v\"");
    assert_printed("c406fffefdfcfbfa", "\"//79/Pv6\"");
}

Test(json, a_value_inside_another_is_printed_alone) {
    uint8_t bytes[32];
    tape_t tape = read_bytes(hex_bytes("82 a161 9101 a162 02", bytes));
    char *text = json_print(&tape, tape_find(&tape, 0, "a"));
    cr_assert_str_eq(text, "[1]");
    free(text);
}

Test(json, secrets_and_unknown_fields_of_a_record_are_not_printed) {
    static const field_t fields[] = {{.name = "name", .type = FIELD_TEXT, .max = 9, .flags = REQUIRED},
                                     {.name = "password", .type = FIELD_TEXT, .max = 99, .flags = REQUIRED | SECRET}};
    static const record_t record = {.name = "login", .version = 1, .fields = fields, .field_count = 2};
    pack_t pack;
    cr_assert_eq(parse("{\"password\":\"hunter2\",\"name\":\"Mina\",\"new\":{\"password\":1}}", &pack), STATUS_OK);
    tape_t tape = read_bytes(pack_bytes(&pack));
    char *text = json_print_record(&record, &tape, 0);
    cr_assert_str_eq(text, "{\"password\":\"***\",\"name\":\"Mina\",\"new\":\"***\"}");
    free(text);
}

/* For the web. */

static char *for_web(const record_t *record, const char *text, const char *without) {
    pack_t pack;
    cr_assert_eq(parse(text, &pack), STATUS_OK, "%s", error);
    tape_t tape = read_bytes(pack_bytes(&pack));
    return json_print_for_web(record, &tape, 0, without);
}

static void assert_for_web(const record_t *record, const char *text, const char *without, const char *expected) {
    char *printed = for_web(record, text, without);
    cr_expect_str_eq(printed, expected);
    free(printed);
}

Test(json, what_may_not_be_printed_is_left_out_for_the_web) {
    assert_for_web(&record_session, "{\"user\":\"u\",\"family\":\"x\",\"of_a_newer_release\":1,\"role\":\"USER\"}",
                   NULL, "{\"user\":\"u\",\"role\":\"USER\"}");
    assert_for_web(&record_session, "{\"family\":\"x\"}", NULL, "{}");
}

Test(json, the_field_named_is_left_out_of_the_outermost_record_only) {
    assert_for_web(&record_user_view, "{\"version\":7,\"name\":\"Mina\"}", "version", "{\"name\":\"Mina\"}");
    assert_for_web(&record_user_claim, "{\"create\":{\"name\":\"Mina\"},\"user\":\"u\"}", "name",
                   "{\"create\":{\"name\":\"Mina\"},\"user\":\"u\"}");
}

Test(json, times_are_rfc_3339_for_the_web) {
    assert_for_web(&record_user_view, "{\"created_at\":0}", NULL, "{\"created_at\":\"1970-01-01T00:00:00.000Z\"}");
    assert_for_web(&record_user_view, "{\"created_at\":1795420872547}", NULL,
                   "{\"created_at\":\"2026-11-23T08:01:12.547Z\"}");
    assert_for_web(&record_user_view, "{\"created_at\":9223372036854775807}", NULL,
                   "{\"created_at\":\"9999-12-31T23:59:59.807Z\"}");
}

Test(json, text_is_escaped_where_json_wants_it) {
    assert_for_web(&record_user_view, "{\"name\":\"a\\\"b\\\\c\\n\\u0001\\u001f\\u007f~ 한\"}", NULL,
                   "{\"name\":\"a\\\"b\\\\c\\n\\u0001\\u001F\x7f~ 한\"}");
}
