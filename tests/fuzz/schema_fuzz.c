/* SPDX-License-Identifier: MIT */
/*
 * Records from any bytes. The first byte chooses one of all records of the schemas and how strictly it is read; the
 * rest is the record. What was decoded is encoded and decoded again: the same bytes come out. What was refused has
 * problems, and they can be told. A redacted record is msgpack again.
 */
#include "schemas/records.h"

enum { TOKENS = 512, INPUT_BYTES_MAX = 4096, STRUCT_BYTES_MAX = 1024 };

static const record_t *const records[] = {
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

static void check_encoding(const record_t *record, const void *first) {
    static uint8_t once[2 * INPUT_BYTES_MAX], twice[2 * INPUT_BYTES_MAX];
    _Alignas(max_align_t) uint8_t second[STRUCT_BYTES_MAX];
    pack_t pack = pack_into(once, sizeof once);
    record_encode(record, first, &pack);
    tape_t tape = read_own(&pack);
    status_t status = record_decode(record, &tape, 0, FROM_WIRE, second, NULL);
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
    if (record_decode(record, &tape, 0, bytes[0] & 1 ? FROM_STORE : FROM_WIRE, decoded, &problems) == STATUS_OK) {
        check_encoding(record, decoded);
    } else {
        check_problems(&problems);
    }
    check_redaction(record, &tape);
    return 0;
}
