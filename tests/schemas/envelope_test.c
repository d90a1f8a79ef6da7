/* SPDX-License-Identifier: MIT */
#include "schemas/envelope.h"

#include <criterion/criterion.h>

#include "tests/schemas/hex.h"

enum { TOKENS = 64 };
static token_t tokens[TOKENS];

static status_t decode(span_t bytes, envelope_t *envelope, size_t *consumed) {
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    return envelope_decode(envelope, &tape, bytes, consumed);
}

static status_t decode_hex(const char *hex, envelope_t *envelope) {
    static uint8_t bytes[4096];
    size_t consumed;
    return decode(hex_bytes(hex, bytes), envelope, &consumed);
}

static const uint8_t sixteen[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* A request with everything a client may give. */
#define REQUEST                                                                                                        \
    "9f 01 01 2a c410000102030405060708090a0b0c0d0e0f 29 a475736572 a27531 a3676574 cd7530 a16b 00 c0 "                \
    "c410000102030405060708090a0b0c0d0e0f c41900000000000000000000000000000000000000000000000000 81a161 01"
/* What one actor sends another: a stream, a caller in place of the handle, nothing of a client. */
#define STREAM "94 92 c410000102030405060708090a0b0c0d0e0f 05 92 a4726f6f6d ccc8 cd012c 91 a6757365722f31"
#define TELL "9f 01 07 00 c0 00 a4726f6f6d a131 a46a6f696e 00 c0 03 " STREAM " 92 a6757365722f31 a455534552 c0 80"
/* The smallest one: a ping. */
#define PING "9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 80"

Test(envelope, an_unknown_version_is_refused_with_the_id_it_carries) {
    envelope_t envelope;
    cr_assert_eq(decode_hex("9f 02 01 2a c0 00 a0 a0 a0 00 c0 00 c0 c0 c0 80", &envelope), STATUS_UNSUPPORTED_VERSION);
    cr_assert_eq(envelope.id, 42);
    cr_assert_eq(decode_hex("93 02 a178 2a", &envelope), STATUS_UNSUPPORTED_VERSION, "of another length");
    cr_assert_eq(envelope.id, 42);
    cr_assert_eq(decode_hex("92 02 01", &envelope), STATUS_UNSUPPORTED_VERSION);
    cr_assert_eq(envelope.id, 0, "it has none");
    cr_assert_eq(decode_hex("93 00 01 a178", &envelope), STATUS_UNSUPPORTED_VERSION);
    cr_assert_eq(envelope.id, 0, "it has none");
}

Test(envelope, an_unknown_type_is_refused_with_the_id_it_carries) {
    envelope_t envelope;
    cr_assert_eq(decode_hex("9f 01 00 2a c0 00 a0 a0 a0 00 c0 00 c0 c0 c0 80", &envelope), STATUS_UNSUPPORTED_VERSION);
    cr_assert_eq(envelope.id, 42);
    cr_assert_eq(decode_hex("9f 01 08 2a c0 00 a0 a0 a0 00 c0 00 c0 c0 c0 80", &envelope), STATUS_UNSUPPORTED_VERSION);
    cr_assert_eq(decode_hex("9f 01 cd0101 2a c0 00 a0 a0 a0 00 c0 00 c0 c0 c0 80", &envelope),
                 STATUS_UNSUPPORTED_VERSION, "not taken modulo 256");
}

Test(envelope, what_is_not_an_array_of_fifteen_is_refused) {
    envelope_t envelope;
    static const char *const texts[] = {
        "",
        "c0",
        "80",
        "90",
        "91 01",
        "a3616263",
        "9e 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0",
        "dc0010 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 80 80",
        "8101c0",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        cr_assert_eq(decode_hex(texts[i], &envelope), STATUS_INVALID, "%s", texts[i]);
    }
}

Test(envelope, a_field_of_a_wrong_type_or_size_is_refused) {
    static const struct {
        const char *hex, *what;
        status_t status;
    } rows[] = {
        {"9f c0 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 80", "version nil", STATUS_INVALID},
        {"9f 01 c0 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 80", "type nil", STATUS_INVALID},
        {"9f 01 05 ff c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 80", "id negative", STATUS_INVALID},
        {"9f 01 05 01 c40100 01 a0 a0 a0 00 c0 00 c0 c0 c0 80", "session short", STATUS_INVALID},
        {"9f 01 05 01 a0 01 a0 a0 a0 00 c0 00 c0 c0 c0 80", "session text", STATUS_INVALID},
        {"9f 01 05 01 c0 c0 a0 a0 a0 00 c0 00 c0 c0 c0 80", "lowest nil", STATUS_INVALID},
        {"9f 01 05 01 c0 01 c0 a0 a0 00 c0 00 c0 c0 c0 80", "kind nil", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 c400 a0 00 c0 00 c0 c0 c0 80", "key binary", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 01 00 c0 00 c0 c0 c0 80", "method number", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 ff c0 00 c0 c0 c0 80", "timeout negative", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 cf0000000100000000 c0 00 c0 c0 c0 80", "timeout 2^32", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 a0 00 c0 c0 c0 80", "idempotency key empty", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 01 00 c0 c0 c0 80", "idempotency key number", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 cd0100 c0 c0 c0 80", "hops 256", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 93010203 c0 c0 80", "stream of three", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 950102030405 c0 c0 80", "stream of five", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 01 c0 c0 80", "stream number", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c40100 c0 80", "handle short", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 91a0 c0 80", "caller of one", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 92a001 c0 80", "role number", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 9290a0 c0 80", "subject array", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c40100 80", "trace short", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 90", "body array", STATUS_INVALID},
        {"9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 c0", "body nil", STATUS_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        envelope_t envelope;
        cr_assert_eq(decode_hex(rows[i].hex, &envelope), rows[i].status, "%s", rows[i].what);
        cr_assert_null(envelope.body.ptr, "%s", rows[i].what);
    }
}

static status_t decode_with(envelope_t envelope) {
    uint8_t bytes[2048];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_encode(&envelope, &pack);
    cr_assert(pack_ok(&pack));
    envelope_t decoded;
    size_t consumed;
    return decode(pack_bytes(&pack), &decoded, &consumed);
}

Test(envelope, a_text_longer_than_its_bound_is_refused_by_name) {
    static char text[512];
    memset(text, 'a', sizeof text);
    envelope_t envelope = {.type = ENVELOPE_REQUEST};

#define ASSERT_BOUND(field, max, refusal)                                                                              \
    do {                                                                                                               \
        envelope.field = span_of(text, (max));                                                                         \
        cr_assert_eq(decode_with(envelope), STATUS_OK, #field);                                                        \
        envelope.field = span_of(text, (max) + 1);                                                                     \
        cr_assert_eq(decode_with(envelope), refusal, #field);                                                          \
        envelope.field = span_of(text, 1);                                                                             \
    } while (0)

    ASSERT_BOUND(kind, KIND_BYTES_MAX, STATUS_INVALID_ADDRESS);
    ASSERT_BOUND(key, KEY_BYTES_MAX, STATUS_INVALID_ADDRESS);
    ASSERT_BOUND(method, METHOD_BYTES_MAX, STATUS_TOO_LARGE);
    ASSERT_BOUND(idempotency_key, IDEMPOTENCY_KEY_BYTES_MAX, STATUS_TOO_LARGE);
    ASSERT_BOUND(subject, SUBJECT_BYTES_MAX, STATUS_TOO_LARGE);
    ASSERT_BOUND(role, ROLE_BYTES_MAX, STATUS_TOO_LARGE);
}

Test(envelope, more_values_than_the_tape_holds_are_too_large) {
    uint8_t bytes[512];
    char hex[1024] = "9f 01 05 01 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 81 a161 dc0040";
    for (int i = 0; i < 64; i++) {
        memcpy(hex + strlen(hex), "00", sizeof "00");
    }
    envelope_t envelope;
    size_t consumed = 0;
    cr_assert_eq(decode(hex_bytes(hex, bytes), &envelope, &consumed), STATUS_TOO_LARGE);
    cr_assert_eq(consumed, 0);
}

Test(envelope, one_cut_at_any_byte_is_refused) {
    uint8_t bytes[256];
    span_t whole = hex_bytes(REQUEST, bytes);
    for (size_t len = 0; len < whole.len; len++) {
        envelope_t envelope;
        size_t consumed = 77;
        cr_assert_eq(decode(span_of(bytes, len), &envelope, &consumed), STATUS_INVALID, "%zu bytes", len);
        cr_assert_eq(consumed, 77);
    }
}

Test(envelope, after_a_refused_one_the_next_can_be_read) {
    uint8_t bytes[256];
    span_t frame = hex_bytes("9f 01 05 07 c0 01 a0 a0 a0 00 c0 00 c0 c0 c0 c0" PING, bytes);
    envelope_t envelope;
    size_t consumed = 0;
    cr_assert_eq(decode(frame, &envelope, &consumed), STATUS_INVALID);
    cr_assert_eq(envelope.id, 7);
    cr_assert_eq(envelope.type, ENVELOPE_PING);
    cr_assert_eq(consumed, 16);
    frame = span_of(frame.ptr + consumed, frame.len - consumed);
    cr_assert_eq(decode(frame, &envelope, &consumed), STATUS_OK);
    cr_assert_eq(consumed, frame.len);
}

static void assert_encoded(const envelope_t *envelope, const char *hex) {
    uint8_t golden[512], bytes[512];
    char text[1025];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_encode(envelope, &pack);
    cr_assert(pack_ok(&pack));
    cr_assert(span_equal(pack_bytes(&pack), hex_bytes(hex, golden)), "%s", hex_text(pack_bytes(&pack), text));
}

Test(envelope, the_golden_bytes_of_a_request_are_read_and_written) {
    static const uint8_t trace[TRACE_BYTES];
    const envelope_t expected = {
        .type = ENVELOPE_REQUEST,
        .timeout_ms = 30000,
        .id = 42,
        .lowest_unanswered = 41,
        .session = span_of(sixteen, SESSION_BYTES),
        .kind = span_text("user"),
        .key = span_text("u1"),
        .method = span_text("get"),
        .idempotency_key = span_text("k"),
        .handle = span_of(sixteen, HANDLE_BYTES),
        .trace = span_of(trace, TRACE_BYTES),
        .body = span_of("\x81\xa1\x61\x01", 4),
    };
    assert_encoded(&expected, REQUEST);

    envelope_t envelope;
    cr_assert_eq(decode_hex(REQUEST, &envelope), STATUS_OK);
    cr_assert_eq(envelope.type, ENVELOPE_REQUEST);
    cr_assert_eq(envelope.hops, 0);
    cr_assert_eq(envelope.timeout_ms, 30000);
    cr_assert_eq(envelope.id, 42);
    cr_assert_eq(envelope.lowest_unanswered, 41);
    cr_assert(span_equal(envelope.session, expected.session));
    cr_assert(span_equal(envelope.kind, expected.kind));
    cr_assert(span_equal(envelope.key, expected.key));
    cr_assert(span_equal(envelope.method, expected.method));
    cr_assert(span_equal(envelope.idempotency_key, expected.idempotency_key));
    cr_assert_null(envelope.stream.ptr);
    cr_assert(span_equal(envelope.handle, expected.handle));
    cr_assert_null(envelope.subject.ptr);
    cr_assert_null(envelope.role.ptr);
    cr_assert(span_equal(envelope.trace, expected.trace));
    cr_assert(span_equal(envelope.body, expected.body));
}

Test(envelope, the_golden_bytes_of_a_tell_are_read_and_written) {
    uint8_t stream[64];
    const envelope_t expected = {
        .type = ENVELOPE_TELL,
        .hops = 3,
        .kind = span_text("room"),
        .key = span_text("1"),
        .method = span_text("join"),
        .stream = hex_bytes(STREAM, stream),
        .subject = span_text("user/1"),
        .role = span_text("USER"),
    };
    assert_encoded(&expected, TELL);

    envelope_t envelope;
    cr_assert_eq(decode_hex(TELL, &envelope), STATUS_OK);
    cr_assert_eq(envelope.hops, 3);
    cr_assert_null(envelope.session.ptr);
    cr_assert(span_equal(envelope.stream, expected.stream));
    cr_assert_null(envelope.handle.ptr);
    cr_assert(span_equal(envelope.subject, expected.subject));
    cr_assert(span_equal(envelope.role, expected.role));
    cr_assert_eq(envelope.body.len, 1);
}

Test(envelope, the_smallest_one_has_empty_texts_and_an_empty_body) {
    const envelope_t expected = {.type = ENVELOPE_PING, .id = 1, .lowest_unanswered = 1};
    assert_encoded(&expected, PING);
    envelope_t envelope;
    cr_assert_eq(decode_hex(PING, &envelope), STATUS_OK);
    cr_assert_not_null(envelope.kind.ptr);
    cr_assert_eq(envelope.kind.len, 0);
    cr_assert_null(envelope.idempotency_key.ptr);
}

Test(envelope, the_body_token_is_the_body_whatever_comes_before) {
    uint8_t bytes[256];
    static const char *const texts[] = {REQUEST, TELL, PING};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        tape_t tape = {.tokens = tokens, .capacity = TOKENS};
        envelope_t envelope;
        size_t consumed;
        cr_assert_eq(envelope_decode(&envelope, &tape, hex_bytes(texts[i], bytes), &consumed), STATUS_OK);
        uint32_t body = envelope_body_token(&tape);
        cr_assert_eq(tape.tokens[body].type, TOKEN_MAP);
        cr_assert(span_equal(tape_raw(&tape, body), envelope.body));
    }
}

Test(envelope, the_bytes_around_the_spans_stay_below_the_bound) {
    static char text[IDEMPOTENCY_KEY_BYTES_MAX];
    static const uint8_t trace[TRACE_BYTES];
    memset(text, 'a', sizeof text);
    envelope_t envelope = {
        .type = ENVELOPE_TELL,
        .hops = UINT8_MAX,
        .timeout_ms = UINT32_MAX,
        .id = UINT64_MAX,
        .lowest_unanswered = UINT64_MAX,
        .session = span_of(sixteen, SESSION_BYTES),
        .kind = span_of(text, KIND_BYTES_MAX),
        .key = span_of(text, KEY_BYTES_MAX),
        .method = span_of(text, METHOD_BYTES_MAX),
        .idempotency_key = span_of(text, IDEMPOTENCY_KEY_BYTES_MAX),
        .stream = span_of("\x94\x01\x02\x03\x04", 5),
        .subject = span_of(text, SUBJECT_BYTES_MAX),
        .role = span_of(text, ROLE_BYTES_MAX),
        .trace = span_of(trace, TRACE_BYTES),
        .body = span_of("\x80", 1),
    };
    size_t spans = SESSION_BYTES + KIND_BYTES_MAX + KEY_BYTES_MAX + METHOD_BYTES_MAX + IDEMPOTENCY_KEY_BYTES_MAX + 5 +
                   SUBJECT_BYTES_MAX + ROLE_BYTES_MAX + TRACE_BYTES + 1;
    uint8_t bytes[2048];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_encode(&envelope, &pack);
    cr_assert(pack_ok(&pack));
    cr_assert_leq(pack.len, spans + ENVELOPE_OVERHEAD_BYTES);
}

Test(envelope, an_error_body_has_the_tables_code_and_retryable) {
    uint8_t bytes[256], golden[256];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_pack_error(&pack, STATUS_BUSY, "full", 250);
    cr_assert(span_equal(pack_bytes(&pack),
                         hex_bytes("84 a4636f6465 a462757379 a474657874 a466756c6c a9726574727961626c65 c3 "
                                   "ae72657472795f61667465725f6d73 ccfa",
                                   golden)));
    pack = pack_into(bytes, sizeof bytes);
    envelope_pack_error(&pack, STATUS_NOT_FOUND, NULL, 0);
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    cr_assert_eq(tokens[0].len, 3);
    cr_assert(span_equal(token_span(&tokens[tape_find(&tape, 0, "text")]), span_text(status_text(STATUS_NOT_FOUND))));
    cr_assert_eq(tokens[tape_find(&tape, 0, "retryable")].boolean, false);
}
