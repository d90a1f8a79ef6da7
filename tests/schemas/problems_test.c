/* SPDX-License-Identifier: MIT */
#include "schemas/problems.h"

#include <criterion/criterion.h>

#include "schemas/json.h"

enum { TOKENS = 1024 };
static token_t tokens[TOKENS];
static uint8_t room[16384];

static const char *const colours[] = {"RED", "GREEN"};
static const enumeration_t colour_values = {.name = "colour", .values = colours, .count = 2};
static const field_t count = {.name = "count", .type = FIELD_U64, .min = 2, .max = 9};
static const field_t delta = {.name = "delta", .type = FIELD_I64, .min = (uint64_t)-5, .max = 5};
static const field_t name = {.name = "name", .type = FIELD_TEXT, .min = 2, .max = 4};
static const field_t colour = {.name = "colour", .type = FIELD_ENUM, .enumeration = &colour_values};
static const field_t place = {.name = "place", .type = FIELD_RECORD};
static const field_t lines = {.name = "lines", .type = FIELD_LIST, .min = 1, .max = 3};
static const field_t element = {.type = FIELD_TEXT, .min = 1, .max = 200}; /* of a list of texts: it has no name */

static tape_t pack_problems(const problems_t *problems) {
    pack_t pack = pack_into(room, sizeof room);
    problems_pack(problems, &pack);
    cr_assert(pack_ok(&pack));
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    return tape;
}

static void assert_told(problem_t problem, const char *expected) {
    problems_t problems = {.items = {problem}, .count = 1};
    tape_t tape = pack_problems(&problems);
    char *json = json_print(&tape, tape_find(&tape, 0, "errors") + 1);
    cr_assert_str_eq(json, expected);
    free(json);
}

Test(problems, the_name_of_an_unknown_field_is_cut_at_a_character) {
    char unknown[3 * 33];
    for (int i = 0; i < 33; i++) {
        memcpy(unknown + 3 * i, "도", 3);
    }
    problems_t problems = {.items = {{.name = span_of(unknown, sizeof unknown), .code = "unknown"}}, .count = 1};
    tape_t tape = pack_problems(&problems); /* valid UTF-8, or this fails */
    uint32_t pointer = tape_find(&tape, tape_find(&tape, 0, "errors") + 1, "pointer");
    cr_assert_eq(tape.tokens[pointer].len, 1 + 63);
}

Test(problems, the_longest_pointer_has_room) {
    char longest[PROBLEM_NAME_BYTES_MAX + 1] = {0};
    memset(longest, '~', PROBLEM_NAME_BYTES_MAX);
    const field_t field = {.name = longest, .type = FIELD_LIST};
    problem_t problem = {.name = span_text(longest), .code = "unknown", .depth = RECORD_NESTING_MAX};
    for (uint32_t i = 0; i < RECORD_NESTING_MAX; i++) {
        problem.path[i] = (problem_step_t){.field = &field, .index = PROBLEM_NO_INDEX - 1};
    }
    uint8_t *text = malloc(PROBLEM_POINTER_BYTES_MAX); /* so that a sanitizer sees a write behind the end */
    cr_assert_eq(problem_pointer(&problem, text).len, PROBLEM_POINTER_BYTES_MAX);
    free(text);
}

Test(problems, a_problem_of_the_record_as_a_whole_points_at_the_root) {
    assert_told((problem_t){.code = "not_a_map"},
                "{\"pointer\":\"\",\"code\":\"not_a_map\",\"detail\":\"must be a map\"}");
}

Test(problems, what_a_handler_found_is_told_as_text_and_as_error) {
    static uint8_t bytes[512];
    static token_t tokens[64];
    pack_t pack = pack_into(bytes, sizeof bytes);
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    problems_pack_one("/lines/1/sku", "tea comes twice", &pack);
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    char *json = json_print(&tape, 0);
    cr_assert_str_eq(json, "{\"code\":\"invalid\",\"text\":\"tea comes twice\",\"retryable\":false,\"errors\":[{"
                           "\"pointer\":\"/lines/1/sku\",\"code\":\"not_a_value\",\"detail\":\"tea comes twice\"}]}");
    free(json);
}

Test(problems, each_code_is_told_in_words) {
    static const struct {
        const field_t *field;
        const char *code, *detail;
    } rows[] = {
        {&name, "required", "is required"},
        {&name, "type", "must be text"},
        {&name, "too_short", "must have at least 2 bytes"},
        {&name, "too_long", "must have at most 4 bytes"},
        {&count, "type", "must be a whole number"},
        {&count, "too_small", "must be at least 2"},
        {&count, "too_large", "must be at most 9"},
        {&delta, "too_small", "must be at least -5"},
        {&delta, "too_large", "must be at most 5"},
        {&colour, "not_a_value", "must be one of RED, GREEN"},
        {&name, "not_a_key", "must be 1 to 200 of A-Z a-z 0-9 . _ @ + -"},
        {&name, "not_a_line", "must have no control characters"},
        {&name, "not_lines", "must have no control characters but newline and tab"},
        {&place, "type", "must be a map"},
        {&lines, "type", "must be a list"},
        {&lines, "too_short", "must have at least 1 elements"},
        {&lines, "too_long", "must have at most 3 elements"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "{\"pointer\":\"/%s\",\"code\":\"%s\",\"detail\":\"%s\"}",
                 rows[i].field->name, rows[i].code, rows[i].detail);
        assert_told((problem_t){.field = rows[i].field, .code = rows[i].code}, expected);
    }
}

Test(problems, a_pointer_leads_through_lists_and_records) {
    problem_t problem = {
        .field = &count, .code = "required", .path = {{&lines, 0}, {&place, PROBLEM_NO_INDEX}, {&lines, 12}}};
    problem.depth = 1;
    assert_told(problem, "{\"pointer\":\"/lines/0/count\",\"code\":\"required\",\"detail\":\"is required\"}");
    problem.depth = 3;
    assert_told(problem,
                "{\"pointer\":\"/lines/0/place/lines/12/count\",\"code\":\"required\",\"detail\":\"is required\"}");
    problem.field = NULL;
    problem.name = span_text("n/~am");
    problem.code = "unknown";
    assert_told(problem, "{\"pointer\":\"/lines/0/place/lines/12/n~1~0am\",\"code\":\"unknown\",\"detail\":"
                         "\"there is no such field\"}");
}

Test(problems, an_element_has_its_number_and_no_name) {
    problem_t problem = {.code = "not_a_map", .path = {{&lines, 2}}, .depth = 1};
    assert_told(problem, "{\"pointer\":\"/lines/2\",\"code\":\"not_a_map\",\"detail\":\"must be a map\"}");
    problem.field = &element;
    problem.code = "too_long";
    assert_told(problem, "{\"pointer\":\"/lines/2\",\"code\":\"too_long\",\"detail\":\"must have at most 200 bytes\"}");
}

Test(problems, the_answer_is_that_of_invalid_with_all_that_is_wrong) {
    problems_t problems = {.items = {{.field = &name, .code = "required"}, {.field = &count, .code = "type"}},
                           .count = 2};
    tape_t tape = pack_problems(&problems);
    char *json = json_print(&tape, 0);
    cr_assert_str_eq(json, "{\"code\":\"invalid\",\"text\":\"The request does not fit its schema\",\"retryable\":false,"
                           "\"errors\":[{\"pointer\":\"/name\",\"code\":\"required\",\"detail\":\"is required\"},"
                           "{\"pointer\":\"/count\",\"code\":\"type\",\"detail\":\"must be a whole number\"}]}");
    free(json);
}
