/* SPDX-License-Identifier: MIT */
#include "schemas/records.h"

#include <criterion/criterion.h>

#include "tests/schemas/hex.h"

enum { TOKENS = 64 };
static token_t tokens[TOKENS];
static uint8_t room[1024];

static tape_t read_bytes(span_t bytes) {
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, bytes), STATUS_OK);
    return tape;
}

Test(tables, what_is_no_kind_or_method_is_not_found) {
    cr_assert_eq(kind_find(span_text("runtime")), -1, "it has no address");
    cr_assert_eq(kind_find(span_text("")), -1);
    cr_assert_eq(kind_find(span_text("use")), -1);
    cr_assert_null(kind_method(&kinds[KIND_user], span_text("no_such")));
    cr_assert_null(kind_method(&kinds[KIND_echo], span_text("show")), "echo has no state to show");
}

Test(tables, the_kinds_are_those_of_the_def_files_in_order) {
    cr_assert_eq(kinds_count, 3);
    cr_assert_str_eq(kinds[0].name, "broker");
    cr_assert_str_eq(kinds[1].name, "echo");
    cr_assert_str_eq(kinds[2].name, "user");
    cr_assert_eq(kind_find(span_text("user")), KIND_user);
    cr_assert_null(kinds[KIND_echo].state);
    cr_assert_eq(kinds[KIND_user].state, &record_user);
    cr_assert_str_eq(runtime_kind.name, "runtime");
    cr_assert_eq(runtime_kind.method_count, METHOD_runtime_COUNT);
}

Test(tables, a_method_is_found_in_its_kind_and_then_in_the_runtime) {
    const method_t *create = kind_method(&kinds[KIND_user], span_text("create"));
    cr_assert_eq(create, &kinds[KIND_user].methods[METHOD_user_create]);
    cr_assert_eq(create->flags, CREATE | WRITE);
    cr_assert_eq(create->request, &record_user_create);
    cr_assert_eq(create->reply, &record_user_view);
    cr_assert_eq(kinds[KIND_user].method_count, METHOD_user_COUNT);
    cr_assert_eq(kind_method(&kinds[KIND_user], span_text("list")), &runtime_kind.methods[METHOD_runtime_list]);
}

static void assert_field_sound(const record_t *record, const field_t *field) {
    cr_assert_leq(field->min, field->type == FIELD_I64 ? UINT64_MAX : field->max, "%s.%s", record->name, field->name);
    cr_assert_geq(field->offset, sizeof(uint64_t), "%s.%s", record->name, field->name);
    cr_assert_lt(field->offset, record->struct_bytes, "%s.%s", record->name, field->name);
    cr_assert_eq(field->type == FIELD_ENUM, field->enumeration != NULL, "%s.%s", record->name, field->name);
    cr_assert_gt(strlen(field->text), 0, "%s.%s", record->name, field->name);
}

static void assert_record_sound(const record_t *record) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        assert_field_sound(record, &record->fields[i]);
        for (uint32_t j = 0; j < i; j++) {
            cr_assert_str_neq(record->fields[i].name, record->fields[j].name, "in %s", record->name);
        }
    }
}

Test(tables, every_kind_method_and_field_is_sound) {
    for (uint32_t k = 0; k < kinds_count; k++) {
        cr_assert_leq(strlen(kinds[k].name), KIND_BYTES_MAX);
        if (kinds[k].state != NULL) {
            assert_record_sound(kinds[k].state);
        }
        for (uint32_t m = 0; m < kinds[k].method_count; m++) {
            const method_t *method = &kinds[k].methods[m];
            cr_assert_leq(strlen(method->name), METHOD_BYTES_MAX);
            cr_assert((method->flags & CREATE) == 0 || (method->flags & WRITE) != 0, "%s", method->name);
            cr_assert_neq(method->roles, 0, "%s", method->name);
            assert_record_sound(method->request);
            assert_record_sound(method->reply);
        }
    }
}

/* As it is stored: what this release writes, the next one must read. */
Test(tables, the_golden_bytes_of_a_user_are_written_and_read) {
    user_t user = {0};
    FIELD_SET(user, &user, email, span_text("a@b.c"));
    FIELD_SET(user, &user, name, span_text("Mina"));
    FIELD_SET(user, &user, status, user_status_SUSPENDED);
    FIELD_SET(user, &user, created_at, 1700000000000);
    FIELD_SET(user, &user, updated_at, 1700000000001);
    char text[512];
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_user, &user, &pack);
    cr_assert_str_eq(hex_text(pack_bytes(&pack), text),
                     "85a5656d61696ca5614062"
                     "2e63a46e616d65a44d696e61a6737461747573a953555350454e444544"
                     "aa637265617465645f6174cf0000018bcfe56800aa757064617465645f6174cf0000018bcfe56801");
    tape_t tape = read_bytes(pack_bytes(&pack));
    user_t decoded;
    cr_assert_eq(record_decode(&record_user, &tape, 0, FROM_STORE, &decoded, NULL), STATUS_OK);
    cr_assert_eq(decoded.present, user.present);
    cr_assert(FIELD_HAS(user, &decoded, email));
    cr_assert_not(FIELD_HAS(user, &decoded, picture));
    cr_assert_eq(decoded.status, user_status_SUSPENDED);
    cr_assert_eq(decoded.updated_at, 1700000000001);
    cr_assert_eq(FIELD_OR(user, &decoded, created_at, 0), 1700000000000);
}

Test(tables, an_empty_record_takes_an_empty_map_and_nothing_else) {
    uint8_t bytes[16];
    empty_t empty;
    tape_t tape = read_bytes(hex_bytes("80", bytes));
    cr_assert_eq(record_decode(&record_empty, &tape, 0, FROM_WIRE, &empty, NULL), STATUS_OK);
    tape = read_bytes(hex_bytes("81a161c0", bytes));
    cr_assert_eq(record_decode(&record_empty, &tape, 0, FROM_WIRE, &empty, NULL), STATUS_INVALID);
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_empty, &empty, &pack);
    cr_assert(span_equal(pack_bytes(&pack), span_text("\x80")));
}
