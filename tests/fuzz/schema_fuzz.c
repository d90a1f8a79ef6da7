/* SPDX-License-Identifier: MIT */
/*
 * Records from any bytes. The first byte chooses one of all records of the schemas, or one that has the most inside,
 * and how strictly it is read; the rest is the record. What was decoded is encoded and decoded again: the same bytes
 * come out. Everything inside can be read again, as often as there is. What was refused has problems, and they can be
 * told. A redacted record is msgpack again. Loading the bytes alone comes to the same end as decoding them from a
 * store.
 */
#include "schemas/list.h"
#include "schemas/records.h"
#include "tests/schemas/nested.h"

enum { TOKENS = 512, INPUT_BYTES_MAX = 4096, STRUCT_BYTES_MAX = 1024 };

static const record_t *const records[] = {
    &record_nested_order, /* the first: the kept inputs mean it */
#define RECORD_BEGIN(r, version, text) &record_##r,
#include "schemas/kinds.def"
};

static token_t tokens[TOKENS];

static tape_t read_own(const pack_t *pack) {
    static token_t own[8 * TOKENS];
    CHECK(pack_ok(pack), "no room");
    tape_t tape = {.tokens = own, .capacity = 8 * TOKENS};
    status_t status = tape_read_whole(&tape, pack_bytes(pack));
    CHECK(status == STATUS_OK, "%s", status_code(status));
    return tape;
}

static void check_inside(const record_t *record, const void *in);

static void check_list(const record_t *element, span_t raw) {
    _Alignas(max_align_t) uint8_t inside[STRUCT_BYTES_MAX];
    list_t list;
    span_t text;
    uint32_t count = 0;
    list_open(&list, element, raw);
    while (element != NULL ? list_next(&list, inside) : list_next_text(&list, &text)) {
        count++;
        if (element != NULL) {
            check_inside(element, inside);
        }
    }
    CHECK(count == list_count(raw), "%u of %u elements", count, list_count(raw));
    CHECK(list.rest.len == 0, "%zu bytes behind the last element", list.rest.len);
}

/* As deep as the tables go. */
static void check_inside(const record_t *record, const void *in) {
    _Alignas(max_align_t) uint8_t inside[STRUCT_BYTES_MAX];
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        const span_t *raw = (const span_t *)((const uint8_t *)in + field->offset);
        if (record_has(in, i) && field->type == FIELD_LIST) {
            check_list(field->element, *raw);
        } else if (record_has(in, i) && field->type == FIELD_RECORD) {
            record_read(field->element, *raw, inside);
            check_inside(field->element, inside);
        }
    }
}

static void check_encoding(const record_t *record, const void *first, strictness_t strictness) {
    static uint8_t once[2 * INPUT_BYTES_MAX], twice[2 * INPUT_BYTES_MAX];
    _Alignas(max_align_t) uint8_t second[STRUCT_BYTES_MAX];
    pack_t pack = pack_into(once, sizeof once);
    record_encode(record, first, &pack);
    tape_t tape = read_own(&pack);
    status_t status = record_decode(record, &tape, 0, strictness, second, NULL);
    CHECK(status == STATUS_OK, "%s: %s", record->name, status_code(status));
    pack_t again = pack_into(twice, sizeof twice);
    record_encode(record, second, &again);
    CHECK(span_equal(pack_bytes(&pack), pack_bytes(&again)), "%s: one record, two forms", record->name);
}

static void check_problems(const problems_t *problems) {
    static uint8_t room[32 * 1024];
    CHECK(problems->count > 0 && problems->count <= PROBLEMS_MAX, "count %u", problems->count);
    pack_t pack = pack_into(room, sizeof room);
    problems_pack(problems, &pack);
    read_own(&pack);
}

static void check_redaction(const record_t *record, const tape_t *tape) {
    static uint8_t room[2 * INPUT_BYTES_MAX];
    if (tape->tokens[0].type == TOKEN_MAP) {
        pack_t pack = pack_into(room, sizeof room);
        record_redact(record, tape, 0, &pack);
        read_own(&pack);
    }
}

static void check_load(const record_t *record, span_t bytes, bool decoded) {
    _Alignas(max_align_t) uint8_t loaded[STRUCT_BYTES_MAX];
    bool loads = record_load(record, bytes, loaded) == STATUS_OK;
    CHECK(loads == decoded, "%s: loaded %d, decoded %d", record->name, loads, decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    _Alignas(max_align_t) uint8_t decoded[STRUCT_BYTES_MAX];
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    if (len == 0 || len > INPUT_BYTES_MAX || tape_read_whole(&tape, span_of(bytes + 1, len - 1)) != STATUS_OK) {
        return 0;
    }
    const record_t *record = records[(bytes[0] >> 1) % ARRAY_LENGTH(records)];
    CHECK(record->struct_bytes <= STRUCT_BYTES_MAX, "%s has %u bytes", record->name, record->struct_bytes);
    problems_t problems;
    strictness_t strictness = bytes[0] & 1 ? FROM_STORE : FROM_WIRE;
    bool good = record_decode(record, &tape, 0, strictness, decoded, &problems) == STATUS_OK;
    if (good) {
        check_inside(record, decoded);
        check_encoding(record, decoded, strictness);
    } else {
        check_problems(&problems);
    }
    if (strictness == FROM_STORE) {
        check_load(record, span_of(bytes + 1, len - 1), good);
    }
    check_redaction(record, &tape);
    return 0;
}
