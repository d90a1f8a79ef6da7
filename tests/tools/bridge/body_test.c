/* SPDX-License-Identifier: MIT */
#include "tools/bridge/body.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "schemas/json.h"
#include "schemas/records.h"

static char error[256];

static void assert_query(const char *query, const char *expected) {
    json_t *object = body_parse_query(span_text(query), error, sizeof error);
    cr_assert_not_null(object, "%s: %s", query, error);
    char *text = json_dumps(object, JSON_COMPACT);
    cr_expect_str_eq(text, expected, "%s: %s", query, text);
    free(text);
    json_decref(object);
}

static void assert_no_query(const char *query, const char *sentence) {
    cr_expect_null(body_parse_query(span_text(query), error, sizeof error), "%s", query);
    cr_expect_str_eq(error, sentence, "%s: %s", query, error);
}

/* What the JSON becomes as this record, as JSON again. */
static void assert_packed(const record_t *record, const char *text, const char *expected) {
    uint8_t bytes[4096];
    token_t tokens[256];
    tape_t tape = {.tokens = tokens, .capacity = 256};
    pack_t pack = pack_into(bytes, sizeof bytes);
    json_t *object = body_parse(span_text(text), error, sizeof error);
    cr_assert_not_null(object, "%s: %s", text, error);
    body_pack_record(record, object, &pack);
    json_decref(object);
    cr_assert(pack_ok(&pack));
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    char *packed = json_print(&tape, 0);
    cr_expect_str_eq(packed, expected, "%s: %s", text, packed);
    free(packed);
}

static void assert_word(field_type_t type, const char *word, const char *expected) {
    json_t *value = body_of_word(&(field_t){.name = "x", .type = type}, word);
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    cr_expect_str_eq(text, expected, "%s: %s", word, text);
    free(text);
    json_decref(value);
}

Test(body, a_parameter_that_comes_twice_or_is_no_text_is_refused) {
    assert_no_query("a=1&b=2&a=1", "A parameter comes twice");
    assert_no_query("a=1&%61=2", "A parameter comes twice");
    assert_no_query("a=%ff", "A parameter is not UTF-8");
    assert_no_query("%c3=1", "A parameter is not UTF-8");
}

Test(body, what_is_wrong_is_said_in_utf_8) {
    static const char *const texts[] = {"{\"\\\u00e9\":1}", "{\u00e9}", "{\"a\":\"\u00e9\\q\"}", "{\"\xff\":1}",
                                        "{\"\xc3"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cr_assert_null(body_parse(span_text(texts[i]), error, sizeof error));
        json_t *value = json_string(error);
        cr_expect_not_null(value, "%s", texts[i]);
        json_decref(value);
    }
}

Test(body, parameters_are_unescaped_once) {
    assert_query("", "{}");
    assert_query("&&", "{}");
    assert_query("a=b&c=%26%3d%2526", "{\"a\":\"b\",\"c\":\"&=%26\"}");
    assert_query("a&b=&=c", "{\"a\":\"\",\"b\":\"\",\"\":\"c\"}");
    assert_query("q=%EB%91%90+x", "{\"q\":\"두 x\"}");
}

Test(body, what_would_end_a_text_stays_escaped) {
    assert_query("a=b%00c", "{\"a\":\"b%00c\"}");
    assert_query("a=%0", "{\"a\":\"%0\"}");
}

Test(body, a_word_that_is_no_value_of_its_field_stays_text) {
    static const char *const no_numbers[] = {
        "", "-1", "+1", " 1", "1x", "0x1", "1.0", "05", "00", "9223372036854775808", "١"};
    for (size_t i = 0; i < ARRAY_LENGTH(no_numbers); i++) {
        json_t *value = body_of_word(&(field_t){.name = "x", .type = FIELD_U64}, no_numbers[i]);
        cr_expect(json_is_string(value), "%s", no_numbers[i]);
        json_decref(value);
    }
    assert_word(FIELD_BOOL, "yes", "\"yes\"");
    assert_word(FIELD_BOOL, "TRUE", "\"TRUE\"");
}

Test(body, words_become_values_of_their_fields) {
    assert_word(FIELD_U64, "0", "0");
    assert_word(FIELD_U64, "9223372036854775807", "9223372036854775807");
    assert_word(FIELD_BOOL, "true", "true");
    assert_word(FIELD_BOOL, "false", "false");
    assert_word(FIELD_TEXT, "17", "\"17\"");
    assert_word(FIELD_ENUM, "ACTIVE", "\"ACTIVE\"");
}

Test(body, what_is_no_object_or_not_json_is_refused) {
    static const char *const texts[] = {"", "[]", "1", "null", "{", "{\"a\":1,\"a\":2}", "{\"a\":1}x", "{'a':1}"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cr_expect_null(body_parse(span_text(texts[i]), error, sizeof error), "%s", texts[i]);
        cr_expect_neq(error[0], 0);
    }
}

Test(body, a_number_is_no_time) {
    assert_packed(&record_job_schedule, "{\"at\":1767225600000}", "{\"at\":null}");
    assert_packed(&record_job_schedule, "{\"at\":\"soon\"}", "{\"at\":\"soon\"}");
}

Test(body, times_are_packed_as_numbers_also_inside) {
    assert_packed(&record_job_schedule, "{\"at\":\"2026-01-01T00:00:00Z\"}", "{\"at\":1767225600000}");
    assert_packed(&record_job_put, "{\"schedule\":{\"at\":\"2026-01-01T01:00:00+01:00\"}}",
                  "{\"schedule\":{\"at\":1767225600000}}");
}

Test(body, what_does_not_fit_is_packed_as_it_is) {
    assert_packed(&record_order_create, "{\"lines\":5,\"x\":[null,{\"y\":1.5}]}",
                  "{\"lines\":5,\"x\":[null,{\"y\":1.5}]}");
    assert_packed(&record_order_create, "{\"lines\":[1,{\"sku\":\"a\",\"quantity\":\"2\"}]}",
                  "{\"lines\":[1,{\"sku\":\"a\",\"quantity\":\"2\"}]}");
}
