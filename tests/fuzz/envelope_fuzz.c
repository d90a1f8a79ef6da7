/* SPDX-License-Identifier: MIT */
/*
 * What a peer may send: any bytes. Checked for each input:
 *
 *   tape      what it reads, msgpack-c reads too, and both see the same values; each token's bytes lie inside its
 * parent's envelope  what was decoded is encoded and decoded again to the same fields, and encoded once more to the
 * same bytes json      what the tape reads is printed; what json reads, a tape reads
 */
#include <msgpack.h>

#include "schemas/envelope.h"
#include "schemas/json.h"

enum { TOKENS = 512, INPUT_BYTES_MAX = 4096 };

static void compare_scalar(const token_t *token, const msgpack_object *object) {
    switch ((token_type_t)token->type) {
    case TOKEN_NIL:
        CHECK(object->type == MSGPACK_OBJECT_NIL, "type %d", object->type);
        return;
    case TOKEN_BOOL:
        CHECK(object->type == MSGPACK_OBJECT_BOOLEAN && object->via.boolean == token->boolean, "type %d", object->type);
        return;
    case TOKEN_U64:
        CHECK(object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 == token->u64, "%lu", token->u64);
        return;
    case TOKEN_I64:
        CHECK(object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && object->via.i64 == token->i64, "%ld", token->i64);
        return;
    case TOKEN_F64:
        CHECK(memcmp(&object->via.f64, &token->f64, sizeof token->f64) == 0, "%f", token->f64);
        return;
    case TOKEN_TEXT:
        CHECK(object->type == MSGPACK_OBJECT_STR, "type %d", object->type);
        CHECK(span_equal(token_span(token), span_of(object->via.str.ptr, object->via.str.size)), "text");
        return;
    case TOKEN_BINARY:
        CHECK(object->type == MSGPACK_OBJECT_BIN, "type %d", object->type);
        CHECK(span_equal(token_span(token), span_of(object->via.bin.ptr, object->via.bin.size)), "binary");
        return;
    case TOKEN_ARRAY:
    case TOKEN_MAP:
        return;
    }
}

/* Returns the index behind the value. */
static uint32_t compare(const tape_t *tape, uint32_t index, const msgpack_object *object) {
    const token_t *token = &tape->tokens[index];
    span_t raw = tape_raw(tape, index);
    CHECK(raw.len > 0 && raw.ptr >= tape->input.ptr && raw.ptr + raw.len <= tape->input.ptr + tape->input.len, "raw");
    compare_scalar(token, object);
    uint32_t next = index + 1;
    if (token->type == TOKEN_ARRAY) {
        CHECK(object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size == token->len, "len %u", token->len);
        for (uint32_t i = 0; i < token->len; i++) {
            next = compare(tape, next, &object->via.array.ptr[i]);
        }
    } else if (token->type == TOKEN_MAP) {
        CHECK(object->type == MSGPACK_OBJECT_MAP && object->via.map.size == token->len, "len %u", token->len);
        for (uint32_t i = 0; i < token->len; i++) {
            next = compare(tape, next, &object->via.map.ptr[i].key);
            next = compare(tape, next, &object->via.map.ptr[i].val);
        }
    }
    CHECK(next == token->next, "token %u: next %u, is %u", index, token->next, next);
    return next;
}

static void check_tape(span_t input) {
    static token_t tokens[TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    size_t consumed = 0;
    if (tape_read(&tape, input, &consumed) != STATUS_OK) {
        return;
    }
    msgpack_zone zone;
    CHECK(msgpack_zone_init(&zone, 8192), "out of memory");
    msgpack_object object;
    size_t end = 0;
    msgpack_unpack_return result = msgpack_unpack((const char *)input.ptr, input.len, &end, &zone, &object);
    CHECK(result == MSGPACK_UNPACK_SUCCESS || result == MSGPACK_UNPACK_EXTRA_BYTES, "result %d", result);
    CHECK(end == consumed, "end %zu, consumed %zu", end, consumed);
    CHECK(compare(&tape, 0, &object) == tape.count, "count %u", tape.count);
    msgpack_zone_destroy(&zone);
    free(json_print(&tape, 0));
}

static bool same(span_t a, span_t b) {
    return (a.ptr == NULL) == (b.ptr == NULL) && span_equal(a, b);
}

static void check_same(const envelope_t *a, const envelope_t *b) {
    CHECK(a->type == b->type && a->hops == b->hops && a->timeout_ms == b->timeout_ms, "type, hops or timeout");
    CHECK(a->id == b->id && a->lowest_unanswered == b->lowest_unanswered, "id or lowest");
    CHECK(same(a->session, b->session) && same(a->handle, b->handle) && same(a->trace, b->trace), "binaries");
    CHECK(same(a->kind, b->kind) && same(a->key, b->key) && same(a->method, b->method), "address or method");
    CHECK(same(a->subject, b->subject) && same(a->role, b->role), "caller");
    CHECK(same(a->idempotency_key, b->idempotency_key) && same(a->stream, b->stream), "idempotency key or stream");
    CHECK(same(a->body, b->body), "body");
}

static void check_envelope(span_t input) {
    static token_t tokens[TOKENS];
    static uint8_t once[INPUT_BYTES_MAX + ENVELOPE_OVERHEAD_BYTES], twice[INPUT_BYTES_MAX + ENVELOPE_OVERHEAD_BYTES];
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    envelope_t first, second;
    size_t consumed = 0;
    if (envelope_decode(&first, &tape, input, &consumed) != STATUS_OK) {
        return;
    }
    CHECK(consumed <= input.len && same(tape_raw(&tape, envelope_body_token(&tape)), first.body), "body");
    pack_t pack = pack_into(once, sizeof once);
    envelope_encode(&first, &pack);
    CHECK(pack_ok(&pack), "longer than what it was decoded from");
    status_t status = envelope_decode(&second, &tape, pack_bytes(&pack), &consumed);
    CHECK(status == STATUS_OK && consumed == pack.len, "%s", status_code(status));
    check_same(&first, &second);
    pack_t again = pack_into(twice, sizeof twice);
    envelope_encode(&second, &again);
    CHECK(same(pack_bytes(&pack), pack_bytes(&again)), "one envelope, two forms");
}

static void check_json(span_t input) {
    static uint8_t room[4 * INPUT_BYTES_MAX];
    static token_t tokens[4 * INPUT_BYTES_MAX];
    char error[256];
    pack_t pack = pack_into(room, sizeof room);
    if (json_parse(input, &pack, error, sizeof error) == STATUS_OK) {
        tape_t tape = {.tokens = tokens, .capacity = sizeof tokens / sizeof tokens[0]};
        status_t status = tape_read_whole(&tape, pack_bytes(&pack));
        CHECK(status == STATUS_OK, "%s", status_code(status));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    if (len <= INPUT_BYTES_MAX) {
        check_tape(span_of(bytes, len));
        check_envelope(span_of(bytes, len));
        check_json(span_of(bytes, len));
    }
    return 0;
}
