/* SPDX-License-Identifier: MIT */
/* Records with lists and records inside; see nested.h for which. */
#include <criterion/criterion.h>
#include <signal.h>

#include "schemas/json.h"
#include "tests/schemas/hex.h"
#include "tests/schemas/nested.h"

enum { TOKENS = 1024 };
static token_t tokens[TOKENS];
static uint8_t input[8192], room[8192];

static span_t bytes_of(const char *json) {
    char error[256];
    pack_t pack = pack_into(input, sizeof input);
    cr_assert_eq(json_parse(span_text(json), &pack, error, sizeof error), STATUS_OK, "%s: %s", json, error);
    return pack_bytes(&pack);
}

static tape_t read_bytes(span_t bytes) {
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, bytes), STATUS_OK);
    return tape;
}

static status_t decode(const char *json, strictness_t strictness, nested_order_t *order, problems_t *problems) {
    tape_t tape = read_bytes(bytes_of(json));
    return record_decode(&record_nested_order, &tape, 0, strictness, order, problems);
}

static void assert_pointer(const problem_t *problem, const char *expected) {
    uint8_t text[PROBLEM_POINTER_BYTES_MAX];
    span_t pointer = problem_pointer(problem, text);
    cr_assert(span_equal(pointer, span_text(expected)), "%.*s instead of %s", (int)pointer.len, pointer.ptr, expected);
}

#define LINE "{\"sku\":\"a\",\"quantity\":1}"
#define LINES "\"lines\":[" LINE "]"
#define PART(more) "{\"lines\":[{\"sku\":\"a\",\"quantity\":1,\"parts\":[{\"code\":\"b\"" more "}]}]}"
#define ORIGIN "/lines/0/parts/0/origin"

Test(schema_nested, what_is_wrong_inside_is_refused_with_a_pointer) {
    static const struct {
        const char *json, *pointer, *code;
    } rows[] = {
        {"{}", "/lines", "required"},
        {"{\"lines\":{}}", "/lines", "type"},
        {"{\"lines\":null}", "/lines", "type"},
        {"{\"lines\":\"a\"}", "/lines", "type"},
        {"{\"lines\":[]}", "/lines", "too_short"},
        {"{\"lines\":[" LINE "," LINE "," LINE "," LINE "]}", "/lines", "too_long"},
        {"{\"lines\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", "/lines", "too_long"},
        {"{\"lines\":[1]}", "/lines/0", "not_a_map"},
        {"{\"lines\":[" LINE ",[" LINE "]]}", "/lines/1", "not_a_map"},
        {"{\"lines\":[" LINE "," LINE ",null]}", "/lines/2", "not_a_map"},
        {"{\"lines\":[{\"sku\":\"a\"}]}", "/lines/0/quantity", "required"},
        {"{\"lines\":[" LINE ",{\"sku\":\"a\",\"quantity\":0}]}", "/lines/1/quantity", "too_small"},
        {"{\"lines\":[{\"sku\":\"a\",\"quantity\":\"1\"}]}", "/lines/0/quantity", "type"},
        {"{\"lines\":[{\"sku\":\"a\",\"quantity\":1,\"new\":{}}]}", "/lines/0/new", "unknown"},
        {"{\"lines\":[{\"sku\":\"a\",\"quantity\":1,\"n/~\":1}]}", "/lines/0/n~1~0", "unknown"},
        {"{\"lines\":[{\"sku\":\"a\",\"quantity\":1,\"\":1}]}", "/lines/0/", "unknown"},
        {PART(",\"more\":1"), "/lines/0/parts/0/more", "unknown"},
        {PART(",\"origin\":[]"), ORIGIN, "type"},
        {PART(",\"origin\":{}"), ORIGIN "/street", "required"},
        {PART(",\"origin\":{\"street\":\"\"}"), ORIGIN "/street", "too_short"},
        {PART(",\"origin\":{\"street\":\"a\",\"tags\":{}}"), ORIGIN "/tags", "type"},
        {PART(",\"origin\":{\"street\":\"a\",\"tags\":[\"a\",1]}"), ORIGIN "/tags/1", "type"},
        {PART(",\"origin\":{\"street\":\"a\",\"tags\":[\"\"]}"), ORIGIN "/tags/0", "too_short"},
        {PART(",\"origin\":{\"street\":\"a\",\"tags\":[\"a\",\"a\",\"a\"]}"), ORIGIN "/tags", "too_long"},
        {PART(",\"origin\":{\"street\":\"a\",\"any\":[1,2,3,4,5,6,7,8]}"), ORIGIN "/any", "too_long"},
        {"{" LINES ",\"place\":\"a\"}", "/place", "type"},
        {"{" LINES ",\"place\":{\"street\":\"a\",\"door\":5}}", "/place/door", "type"},
        {"{" LINES ",\"ids\":[{}]}", "/ids/0", "type"},
        {"{" LINES ",\"ids\":[\"a\",[\"a\"]]}", "/ids/1", "type"},
        {"{" LINES ",\"ids\":[\"a\",null]}", "/ids/1", "type"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        nested_order_t order;
        problems_t problems;
        cr_assert_eq(decode(rows[i].json, FROM_WIRE, &order, &problems), STATUS_INVALID, "%s", rows[i].json);
        cr_assert_eq(problems.count, 1, "%s: %u problems", rows[i].json, problems.count);
        assert_pointer(&problems.items[0], rows[i].pointer);
        cr_assert_str_eq(problems.items[0].code, rows[i].code, "%s", rows[i].json);
        cr_assert_eq(decode(rows[i].json, FROM_WIRE, &order, NULL), STATUS_INVALID, "without problems");
    }
}

Test(schema_nested, a_text_in_a_list_that_is_longer_than_a_key_is_refused) {
    for (size_t len = KEY_BYTES_MAX; len <= KEY_BYTES_MAX + 1; len++) {
        char json[512];
        snprintf(json, sizeof json, "{" LINES ",\"ids\":[\"%0*d\"]}", (int)len, 0);
        nested_order_t order;
        problems_t problems;
        cr_assert_eq(decode(json, FROM_WIRE, &order, &problems), len > KEY_BYTES_MAX ? STATUS_INVALID : STATUS_OK);
        if (len > KEY_BYTES_MAX) {
            assert_pointer(&problems.items[0], "/ids/0");
            cr_assert_str_eq(problems.items[0].code, "too_long");
        }
    }
}

Test(schema_nested, an_array_of_thousands_where_a_map_should_be_is_one_problem) {
    static token_t many[ELEMENTS_MAX];
    pack_t pack = pack_into(room, sizeof room);
    pack_map(&pack, 1);
    pack_cstring(&pack, "lines");
    pack_array(&pack, 1);
    pack_array(&pack, 4000);
    for (int i = 0; i < 4000; i++) {
        pack_nil(&pack);
    }
    tape_t tape = {.tokens = many, .capacity = ELEMENTS_MAX};
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    nested_order_t order;
    problems_t problems;
    cr_assert_eq(record_decode(&record_nested_order, &tape, 0, FROM_WIRE, &order, &problems), STATUS_INVALID);
    cr_assert_eq(problems.count, 1);
    assert_pointer(&problems.items[0], "/lines/0");
    cr_assert_str_eq(problems.items[0].code, "not_a_map");
}

Test(schema_nested, problems_of_several_elements_are_told_up_to_the_most) {
    nested_order_t order;
    problems_t problems;
    cr_assert_eq(decode("{\"lines\":[{},{\"sku\":1,\"quantity\":1},{\"quantity\":10,\"sku\":\"a\"}],\"more\":1}",
                        FROM_WIRE, &order, &problems),
                 STATUS_INVALID);
    static const char *const pointers[] = {"/lines/0/sku", "/lines/0/quantity", "/lines/1/sku", "/lines/2/quantity",
                                           "/more"};
    cr_assert_eq(problems.count, ARRAY_LENGTH(pointers));
    for (uint32_t i = 0; i < problems.count; i++) {
        assert_pointer(&problems.items[i], pointers[i]);
    }
    cr_assert_eq(
        decode("{\"lines\":[{\"a\":0,\"b\":0,\"c\":0,\"d\":0,\"e\":0,\"f\":0,\"g\":0},{\"a\":0,\"b\":0,\"c\":0,"
               "\"d\":0,\"e\":0,\"f\":0,\"g\":0}]}",
               FROM_WIRE, &order, &problems),
        STATUS_INVALID);
    cr_assert_eq(problems.count, PROBLEMS_MAX, "of 18");
}

Test(schema_nested, unknown_fields_inside_are_skipped_from_the_store_and_the_known_ones_still_checked) {
    nested_order_t order;
    problems_t problems;
    static const char newer[] = "{\"lines\":[{\"new\":[{}],\"sku\":\"a\",\"quantity\":1,\"parts\":[{\"code\":\"b\","
                                "\"new\":1,\"origin\":{\"new\":{\"a\":[]},"
                                "\"street\":\"c\"}}]}],\"place\":{\"new\":null,\"street\":\"d\"}}";
    cr_assert_eq(decode(newer, FROM_WIRE, &order, &problems), STATUS_INVALID);
    cr_assert_eq(problems.count, 4);
    cr_assert_eq(decode(newer, FROM_STORE, &order, &problems), STATUS_OK);
    line_t line;
    part_t part;
    place_t place;
    span_t rest = span_of(order.lines.ptr + 1, order.lines.len - 1);
    record_take(&record_line, &rest, &line);
    cr_assert_eq(rest.len, 0);
    record_read(&record_part, span_of(line.parts.ptr + 1, line.parts.len - 1), &part);
    record_read(&record_place, part.origin, &place);
    cr_assert(span_equal(place.street, span_text("c")));
    cr_assert_eq(place.present, 1u << PLACE_STREET);

    cr_assert_eq(decode(PART(",\"origin\":{\"new\":1}"), FROM_STORE, &order, &problems), STATUS_INVALID);
    assert_pointer(&problems.items[0], ORIGIN "/street");
}

/* A chain of records, each with the next one inside. */
enum { CHAIN = RECORD_NESTING_MAX + 2 };
typedef struct link {
    uint64_t present;
    span_t next;
} link_t;
static record_t links[CHAIN];
static field_t link_fields[CHAIN];

/* {next: {next: … {}}} with so many maps inside the first. */
static status_t decode_chain(uint32_t inside) {
    pack_t pack = pack_into(room, sizeof room);
    for (uint32_t i = 0; i < CHAIN; i++) {
        link_fields[i] = (field_t){
            .name = "next", .type = FIELD_RECORD, .offset = offsetof(link_t, next), .element = &links[(i + 1) % CHAIN]};
        links[i] =
            (record_t){.name = "link", .struct_bytes = sizeof(link_t), .fields = &link_fields[i], .field_count = 1};
    }
    for (uint32_t i = 0; i < inside; i++) {
        pack_map(&pack, 1);
        pack_cstring(&pack, "next");
    }
    pack_map(&pack, 0);
    tape_t tape = read_bytes(pack_bytes(&pack));
    link_t link;
    return record_decode(&links[0], &tape, 0, FROM_WIRE, &link, NULL);
}

Test(schema_nested, tables_that_nest_too_deep_abort, .signal = SIGABRT) {
    cr_assert_eq(decode_chain(RECORD_NESTING_MAX), STATUS_OK);
    freopen("/dev/null", "w", stderr);
    (void)!decode_chain(RECORD_NESTING_MAX + 1);
}

/* An order with everything:
   {lines: [{sku: "tea", quantity: 2, cost: 300, parts: [{code: "ab", origin: {street: "Main", door: "12", tags: ["a",
   "b"]}}]}, {sku: "cup", quantity: 1}], place: {street: "Side", any: [1]}, ids: ["x", "yz"],
   kept: [{sku: "gem", quantity: 9}]} */
#define ORDER                                                                                                          \
    "84a56c696e65739284a3736b75a3746561a87175616e7469747902a4636f7374cd012ca57061727473"                               \
    "9182a4636f6465a26162a66f726967696e83a6737472656574a44d61696ea4646f6f72a23132a474616773"                           \
    "92a161a16282a3736b75a3637570a87175616e7469747901"                                                                 \
    "a5706c61636582a6737472656574a453696465a3616e799101a369647392a178a2797a"                                           \
    "a46b6570749182a3736b75a367656da87175616e7469747909"

Test(schema_nested, the_golden_bytes_of_an_order_are_read_and_written) {
    char text[1024];
    span_t golden = hex_bytes(ORDER, input);
    tape_t tape = read_bytes(golden);
    nested_order_t order;
    cr_assert_eq(record_decode(&record_nested_order, &tape, 0, FROM_WIRE, &order, NULL), STATUS_OK);
    cr_assert_eq(order.present, (1u << ORDER_FIELDS) - 1);
    cr_assert_str_eq(hex_text(order.ids, text), "92a178a2797a");
    cr_assert_str_eq(hex_text(order.place, text), "82a6737472656574a453696465a3616e799101");
    place_t place;
    record_read(&record_place, order.place, &place);
    cr_assert(span_equal(place.street, span_text("Side")));
    cr_assert(span_equal(place.any, span_text("\x91\x01")));
    cr_assert_eq(place.present, 1u << PLACE_STREET | 1u << PLACE_ANY);

    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_nested_order, &order, &pack);
    cr_assert_str_eq(hex_text(pack_bytes(&pack), text), ORDER);
    nested_order_t loaded;
    cr_assert_eq(record_load(&record_nested_order, golden, &loaded), STATUS_OK);
    cr_assert_eq(loaded.present, order.present);
    cr_assert(span_equal(loaded.kept, order.kept));
}

Test(schema_nested, a_stored_record_that_is_damaged_is_internal) {
    nested_order_t order;
    span_t whole = hex_bytes(ORDER, input);
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *exact = malloc(len == 0 ? 1 : len); /* so that a sanitizer sees a read behind the end */
        memcpy(exact, whole.ptr, len);
        cr_assert_eq(record_load(&record_nested_order, span_of(exact, len), &order), STATUS_INTERNAL, "%zu bytes", len);
        free(exact);
    }
    input[whole.len] = 0xc0;
    cr_assert_eq(record_load(&record_nested_order, span_of(input, whole.len + 1), &order), STATUS_INTERNAL, "one more");
    static const char *const damaged[] = {
        "c0",
        "90",
        "80",
        "c1",
        "81a56c696e6573 91c0",
        /* a key twice, and one that is no text, in a line */
        "81a56c696e65739183a3736b75a3746561a3736b75a3746561a87175616e7469747901",
        "81a56c696e65739183a3736b75a37465610001a87175616e7469747901",
        /* a list that announces more than there is, and more than a list may have */
        "81a56c696e6573ddffffffff",
        "81a56c696e6573dc0004c0c0c0c0",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(damaged); i++) {
        span_t bytes = hex_bytes(damaged[i], input);
        cr_assert_eq(record_load(&record_nested_order, bytes, &order), STATUS_INTERNAL, "%s", damaged[i]);
    }
}

Test(schema_nested, secrets_and_unknown_fields_inside_are_redacted) {
    static const char json[] = "{\"lines\":[{\"sku\":\"tea\",\"quantity\":2,\"cost\":300,\"new\":1,\"parts\":[{"
                               "\"code\":\"ab\",\"origin\":{\"street\":"
                               "\"Main\",\"door\":\"12\",\"tags\":[\"a\"]}}]},7],\"place\":[\"Side\"],\"ids\":[\"x\"],"
                               "\"kept\":[{\"sku\":\"gem\"}]}";
    static const char shown[] = "{\"lines\":[{\"sku\":\"tea\",\"quantity\":2,\"cost\":\"***\",\"new\":\"***\","
                                "\"parts\":[{\"code\":\"ab\",\"origin\":{"
                                "\"street\":\"Main\",\"door\":\"***\",\"tags\":[\"a\"]}}]},\"***\"],\"place\":\"***\","
                                "\"ids\":[\"x\"],\"kept\":\"***\"}";
    tape_t tape = read_bytes(bytes_of(json));
    pack_t pack = pack_into(room, sizeof room);
    record_redact(&record_nested_order, &tape, 0, &pack);
    cr_assert(pack_ok(&pack));
    char *direct = json_print_record(&record_nested_order, &tape, 0);
    cr_assert_str_eq(direct, shown);
    tape = read_bytes(pack_bytes(&pack));
    char *redacted = json_print(&tape, 0);
    cr_assert_str_eq(redacted, shown);
    free(direct);
    free(redacted);
}

Test(schema_nested, a_field_is_printable_by_its_own_record_only) {
    const field_t *lines = record_printable(&record_nested_order, span_text("lines"));
    cr_assert_eq(lines, &nested_order_fields[ORDER_LINES]);
    cr_assert_null(record_printable(&record_nested_order, span_text("kept")));
    cr_assert_null(record_printable(&record_nested_order, span_text("sku")));
    cr_assert_not_null(record_printable(lines->element, span_text("sku")));
    cr_assert_null(record_printable(lines->element, span_text("cost")));
}

static void encode_quietly(const char *lines) {
    freopen("/dev/null", "w", stderr);
    pack_t pack = pack_into(room, sizeof room);
    nested_order_t order = {.present = 1u << ORDER_LINES, .lines = hex_bytes(lines, input)};
    record_encode(&record_nested_order, &order, &pack);
}

Test(schema_nested, encoding_a_line_without_a_required_field_aborts, .signal = SIGABRT) {
    encode_quietly("9181a3736b75a161");
}

Test(schema_nested, encoding_too_many_lines_aborts, .signal = SIGABRT) {
    encode_quietly("9480808080");
}

Test(schema_nested, encoding_what_is_no_list_aborts, .signal = SIGABRT) {
    encode_quietly("a161");
}

Test(schema_nested, encoding_a_list_with_bytes_behind_it_aborts, .signal = SIGABRT) {
    encode_quietly("9182a3736b75a161a87175616e7469747901 c0");
}

Test(schema_nested, encoding_a_list_that_stops_short_aborts, .signal = SIGABRT) {
    encode_quietly("9282a3736b75a161a87175616e7469747901");
}

Test(schema_nested, reading_again_what_was_never_checked_aborts, .signal = SIGABRT) {
    place_t place;
    freopen("/dev/null", "w", stderr);
    record_read(&record_place, hex_bytes("80", input), &place);
}
