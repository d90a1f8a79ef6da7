/* SPDX-License-Identifier: MIT */
#include "schemas/schema.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "schemas/records.h"
#include "tests/schemas/hex.h"

enum { TOKENS = 1024 };
static token_t tokens[TOKENS];
static uint8_t room[8192];

static tape_t read_bytes(span_t bytes) {
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, bytes), STATUS_OK);
    return tape;
}

/* A record with a field of each type, which the .def files do not have. */
typedef struct all {
    uint64_t present;
    bool flag;
    uint64_t count;
    int64_t delta;
    uint64_t at;
    span_t name, token, any;
    uint32_t colour;
} all_t;
static const char *const colours[] = {"RED", "GREEN"};
static const enumeration_t colour = {.name = "colour", .values = colours, .count = 2};
#define ROW(name_, type_, min_, max_, flags_)                                                                          \
    {                                                                                                                  \
        .name = #name_, .type = type_, .offset = offsetof(all_t, name_), .min = (uint64_t)(min_),                      \
        .max = (uint64_t)(max_), .flags = (flags_), .enumeration = &colour                                             \
    }
enum { FLAG, COUNT, DELTA, AT, NAME, TOKEN, ANY, COLOUR, FIELDS };
static const field_t all_fields[FIELDS] = {
    [FLAG] = ROW(flag, FIELD_BOOL, 0, 0, OPTIONAL),   [COUNT] = ROW(count, FIELD_U64, 2, 9, OPTIONAL),
    [DELTA] = ROW(delta, FIELD_I64, -5, 5, OPTIONAL), [AT] = ROW(at, FIELD_TIME, 0, UINT64_MAX, OPTIONAL),
    [NAME] = ROW(name, FIELD_TEXT, 2, 4, REQUIRED),   [TOKEN] = ROW(token, FIELD_BYTES, 1, 2, SECRET),
    [ANY] = ROW(any, FIELD_ANY, 0, 3, OPTIONAL),      [COLOUR] = ROW(colour, FIELD_ENUM, 0, 0, OPTIONAL),
};
static const record_t record_all = {
    .name = "all", .version = 1, .struct_bytes = sizeof(all_t), .fields = all_fields, .field_count = FIELDS};

static status_t decode_hex(const char *hex, strictness_t strictness, all_t *all, problems_t *problems) {
    static uint8_t bytes[1024];
    tape_t tape = read_bytes(hex_bytes(hex, bytes));
    return record_decode(&record_all, &tape, 0, strictness, all, problems);
}

#define NAME_AB "a46e616d65 a26162"

Test(schema, a_field_of_a_wrong_type_is_refused_by_name) {
    static const struct {
        const char *hex;
        int field;
        const char *code;
    } rows[] = {
        {"82 a4666c6167 01", FLAG, "type"},
        {"82 a4666c6167 c0", FLAG, "type"},
        {"82 a5636f756e74 a135", COUNT, "type"},
        {"82 a5636f756e74 cb4000000000000000", COUNT, "type"},
        {"82 a5636f756e74 ff", COUNT, "too_small"},
        {"82 a5636f756e74 01", COUNT, "too_small"},
        {"82 a5636f756e74 0a", COUNT, "too_large"},
        {"82 a564656c7461 c3", DELTA, "type"},
        {"82 a564656c7461 fa", DELTA, "too_small"},
        {"82 a564656c7461 06", DELTA, "too_large"},
        {"82 a564656c7461 cfffffffffffffffff", DELTA, "too_large"},
        {"82 a26174 a0", AT, "type"},
        {"82 a26174 ff", AT, "too_small"},
        {"82 a5746f6b656e a161", TOKEN, "type"},
        {"82 a5746f6b656e c400", TOKEN, "too_short"},
        {"82 a5746f6b656e c403616161", TOKEN, "too_long"},
        {"82 a3616e79 a3616161", ANY, "too_long"},
        {"82 a6636f6c6f7572 00", COLOUR, "type"},
        {"82 a6636f6c6f7572 a3726564", COLOUR, "not_a_value"},
        {"82 a6636f6c6f7572 a0", COLOUR, "not_a_value"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char hex[128];
        snprintf(hex, sizeof hex, "%s" NAME_AB, rows[i].hex);
        all_t all;
        problems_t problems;
        cr_assert_eq(decode_hex(hex, FROM_WIRE, &all, &problems), STATUS_INVALID, "%s", rows[i].hex);
        cr_assert_eq(problems.count, 1, "%s", rows[i].hex);
        cr_assert_eq(problems.items[0].field, &all_fields[rows[i].field], "%s", rows[i].hex);
        cr_assert_str_eq(problems.items[0].code, rows[i].code, "%s", rows[i].hex);
        cr_assert_eq(decode_hex(hex, FROM_STORE, &all, NULL), STATUS_INVALID, "without problems: %s", rows[i].hex);
    }
}

Test(schema, a_required_field_that_is_absent_is_refused) {
    all_t all;
    problems_t problems;
    cr_assert_eq(decode_hex("80", FROM_WIRE, &all, &problems), STATUS_INVALID);
    cr_assert_eq(problems.count, 1);
    cr_assert_eq(problems.items[0].field, &all_fields[NAME]);
    cr_assert_str_eq(problems.items[0].code, "required");
    cr_assert_eq(decode_hex("80", FROM_STORE, &all, NULL), STATUS_INVALID);
}

Test(schema, an_unknown_field_is_refused_from_the_wire_and_skipped_from_the_store) {
    all_t all;
    problems_t problems;
    static const char *const texts[] = {"82 a36e6577 81a161c0", "82 a46e616d00 00", "82 a56e616d6500 00", "82 a0 00"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        char hex[64];
        snprintf(hex, sizeof hex, "%s" NAME_AB, texts[i]);
        cr_assert_eq(decode_hex(hex, FROM_WIRE, &all, &problems), STATUS_INVALID, "%s", hex);
        cr_assert_eq(problems.count, 1);
        cr_assert_null(problems.items[0].field);
        cr_assert_str_eq(problems.items[0].code, "unknown");
        cr_assert_eq(decode_hex(hex, FROM_STORE, &all, &problems), STATUS_OK, "%s", hex);
        cr_assert_eq(all.present, 1u << NAME);
    }
}

Test(schema, what_is_no_map_is_refused) {
    all_t all;
    problems_t problems;
    static const char *const texts[] = {"c0", "90", "a0", "01"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cr_assert_eq(decode_hex(texts[i], FROM_STORE, &all, &problems), STATUS_INVALID);
        cr_assert_eq(problems.count, 1);
        cr_assert_str_eq(problems.items[0].code, "not_a_map");
    }
}

Test(schema, more_problems_than_there_is_room_for_are_not_written) {
    pack_t pack = pack_into(room, sizeof room);
    pack_map(&pack, 40);
    for (int i = 0; i < 40; i++) {
        char name[24];
        snprintf(name, sizeof name, "unknown%d", i);
        pack_cstring(&pack, name);
        pack_nil(&pack);
    }
    tape_t tape = read_bytes(pack_bytes(&pack));
    struct {
        problems_t problems;
        uint64_t behind;
    } guarded = {.behind = 0x5eed};
    all_t all;
    cr_assert_eq(record_decode(&record_all, &tape, 0, FROM_WIRE, &all, &guarded.problems), STATUS_INVALID);
    cr_assert_eq(guarded.problems.count, PROBLEMS_MAX);
    cr_assert_eq(guarded.behind, 0x5eed);
}

/* {flag: true, count: 9, delta: -5, at: 2^63, name: "abcd", token: bin ff, any: [1], colour: "GREEN"} */
#define ALL                                                                                                            \
    "88a4666c6167c3a5636f756e7409a564656c7461fba26174cf8000000000000000a46e616d65a461626364a5746f6b656ec401ff"         \
    "a3616e799101a6636f6c6f7572a5475245454e"

Test(schema, every_type_is_decoded_and_encoded_to_the_same_bytes) {
    all_t all;
    cr_assert_eq(decode_hex(ALL, FROM_WIRE, &all, NULL), STATUS_OK);
    cr_assert_eq(all.present, (1u << FIELDS) - 1);
    cr_assert(all.flag);
    cr_assert_eq(all.count, 9);
    cr_assert_eq(all.delta, -5);
    cr_assert_eq(all.at, UINT64_C(1) << 63);
    cr_assert(span_equal(all.name, span_text("abcd")));
    cr_assert(span_equal(all.token, span_text("\xff")));
    cr_assert(span_equal(all.any, span_text("\x91\x01")));
    cr_assert_eq(all.colour, 1);

    char text[512];
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_all, &all, &pack);
    cr_assert(pack_ok(&pack));
    cr_assert_str_eq(hex_text(pack_bytes(&pack), text), ALL);
}

Test(schema, fields_may_come_in_any_order_and_in_any_form) {
    all_t all;
    cr_assert_eq(decode_hex("83 a564656c7461 d30000000000000005 a46e616d65 d902 6162 d905 636f756e74 cd0002", FROM_WIRE,
                            &all, NULL),
                 STATUS_OK);
    cr_assert_eq(all.delta, 5);
    cr_assert_eq(all.count, 2);
    cr_assert(span_equal(all.name, span_text("ab")));
    cr_assert_eq(all.present, 1u << NAME | 1u << COUNT | 1u << DELTA);
    cr_assert(record_has(&all, NAME));
    cr_assert_not(record_has(&all, FLAG));
}

Test(schema, a_record_inside_a_value_is_decoded_in_its_place) {
    uint8_t bytes[64];
    tape_t tape = read_bytes(hex_bytes("92 81a16101 81" NAME_AB, bytes));
    all_t all;
    cr_assert_eq(record_decode(&record_all, &tape, 4, FROM_WIRE, &all, NULL), STATUS_OK);
    cr_assert(span_equal(all.name, span_text("ab")));
}

Test(schema, secrets_and_unknown_fields_are_redacted) {
    uint8_t bytes[512];
    char text[1024];
    tape_t tape =
        read_bytes(hex_bytes("84 a46e616d65a26162 a5746f6b656ec401ff a36e6577 81a16101 a5636f756e7409", bytes));
    pack_t pack = pack_into(room, sizeof room);
    record_redact(&record_all, &tape, 0, &pack);
    cr_assert_str_eq(hex_text(pack_bytes(&pack), text),
                     "84a46e616d65a26162a5746f6b656ea32a2a2aa36e6577a32a2a2aa5636f756e7409");
}

static void encode_quietly(const all_t *all) {
    freopen("/dev/null", "w", stderr);
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_all, all, &pack);
}

Test(schema, encoding_without_a_required_field_aborts, .signal = SIGABRT) {
    all_t all = {0};
    encode_quietly(&all);
}

Test(schema, encoding_out_of_bounds_aborts, .signal = SIGABRT) {
    all_t all = {.present = 1u << NAME, .name = span_text("abcde")};
    encode_quietly(&all);
}

Test(schema, what_is_no_key_is_refused_from_the_wire_and_read_from_the_store) {
    static const char *const hex[] = {"82 a3736b75 a3612062 a87175616e74697479 01",
                                      "82 a3736b75 a2612f a87175616e74697479 01"};
    for (size_t i = 0; i < ARRAY_LENGTH(hex); i++) {
        order_wish_t wish;
        problems_t problems = {0};
        uint8_t bytes[64];
        tape_t tape = read_bytes(hex_bytes(hex[i], bytes));
        cr_assert_eq(record_decode(&record_order_wish, &tape, 0, FROM_WIRE, &wish, &problems), STATUS_INVALID);
        cr_assert_eq(problems.count, 1);
        cr_assert_str_eq(problems.items[0].code, "not_a_key");
        cr_assert_eq(record_decode(&record_order_wish, &tape, 0, FROM_STORE, &wish, NULL), STATUS_OK);
    }
}

/* Of a text that a field of this name has; NULL: it is taken. */
static const char *problem_of_post(const char *field, const char *text, size_t len, strictness_t strictness) {
    static problems_t problems;
    uint8_t bytes[64];
    room_post_t post;
    pack_t pack = pack_into(bytes, sizeof bytes);
    problems.count = 0;
    pack_map(&pack, 2);
    pack_cstring(&pack, field);
    pack_text(&pack, span_of(text, len));
    pack_cstring(&pack, strcmp(field, "text") == 0 ? "client_id" : "text");
    pack_cstring(&pack, "x");
    tape_t tape = read_bytes(pack_bytes(&pack));
    status_t status = record_decode(&record_room_post, &tape, 0, strictness, &post, &problems);
    cr_assert_eq(status != STATUS_OK, problems.count > 0);
    cr_assert(problems.count == 0 || strcmp(problems.items[0].field->name, field) == 0);
    return problems.count > 0 ? problems.items[0].code : NULL;
}

Test(schema, control_characters_are_refused_from_the_wire_and_read_from_the_store) {
    static const struct {
        const char *text;
        size_t len;
        bool of_a_line, of_lines; /* is it refused? */
    } rows[] = {
        {"a\0b", 3, true, true},       {"\x1f", 1, true, true},     {"\x7f", 1, true, true},
        {"\xc2\x80", 2, true, true},   {"\xc2\x9f", 2, true, true}, {"\r", 1, true, true},
        {"a\nb\tc", 5, true, false},   {" ", 1, false, false},      {"\xc2\xa0", 2, false, false},
        {"\xc3\x80", 2, false, false}, {"한글", 6, false, false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const char *line = problem_of_post("client_id", rows[i].text, rows[i].len, FROM_WIRE);
        const char *lines = problem_of_post("text", rows[i].text, rows[i].len, FROM_WIRE);
        cr_assert_eq(line != NULL && strcmp(line, "not_a_line") == 0, rows[i].of_a_line, "%zu", i);
        cr_assert_eq(lines != NULL && strcmp(lines, "not_lines") == 0, rows[i].of_lines, "%zu", i);
        cr_assert_null(problem_of_post("text", rows[i].text, rows[i].len, FROM_STORE));
    }
}
