/* SPDX-License-Identifier: MIT */
/*
 * An envelope is read by position: the tape gives the tokens of one array in order, and each field has one reader,
 * which stores it or says what is wrong. The body is checked to be a map and left as bytes.
 */
#include "schemas/envelope.h"

enum { POSITION_VERSION, POSITION_TYPE, POSITION_ID }; /* in every version, also later ones */

static status_t read_u64(const token_t *token, uint64_t max, uint64_t *value) {
    if (token->type != TOKEN_U64 || token->u64 > max) {
        return STATUS_INVALID;
    }
    *value = token->u64;
    return STATUS_OK;
}

static status_t read_text(const token_t *token, size_t max, status_t too_long, span_t *text) {
    if (token->type != TOKEN_TEXT) {
        return STATUS_INVALID;
    }
    if (token->len > max) {
        return too_long;
    }
    *text = token_span(token);
    return STATUS_OK;
}

/* nil leaves the span absent. */
static status_t read_binary_or_nil(const token_t *token, size_t len, span_t *bytes) {
    if (token->type == TOKEN_NIL) {
        return STATUS_OK;
    }
    if (token->type != TOKEN_BINARY || token->len != len) {
        return STATUS_INVALID;
    }
    *bytes = token_span(token);
    return STATUS_OK;
}

static status_t read_idempotency_key(const token_t *token, span_t *key) {
    if (token->type == TOKEN_NIL) {
        return STATUS_OK;
    }
    if (token->type == TOKEN_TEXT && token->len == 0) {
        return STATUS_INVALID; /* an empty one would make every caller's requests the same */
    }
    return read_text(token, IDEMPOTENCY_KEY_BYTES_MAX, STATUS_TOO_LARGE, key);
}

typedef struct cursor {
    const tape_t *tape;
    uint32_t index; /* token of the next field */
} cursor_t;

enum { STREAM_PARTS = 4 };

static const token_t *next_field(cursor_t *self) {
    const token_t *token = &self->tape->tokens[self->index];
    self->index = token->next;
    return token;
}

/* [from, to, number, chain]: who continues a stream reads it; here only its shape. */
static status_t read_stream(cursor_t *cursor, span_t *stream) {
    uint32_t index = cursor->index;
    const token_t *token = next_field(cursor);
    if (token->type == TOKEN_NIL) {
        return STATUS_OK;
    }
    if (token->type != TOKEN_ARRAY || token->len != STREAM_PARTS) {
        return STATUS_INVALID;
    }
    *stream = tape_raw(cursor->tape, index);
    return STATUS_OK;
}

/* bin: a handle. [subject, role]: what the broker put in a handle's place. */
static status_t read_caller(cursor_t *cursor, envelope_t *self) {
    const token_t *token = next_field(cursor);
    if (token->type != TOKEN_ARRAY) {
        return read_binary_or_nil(token, HANDLE_BYTES, &self->handle);
    }
    if (token->len != 2) {
        return STATUS_INVALID;
    }
    status_t status = read_text(token + 1, SUBJECT_BYTES_MAX, STATUS_TOO_LARGE, &self->subject);
    return status != STATUS_OK ? status : read_text(token + 2, ROLE_BYTES_MAX, STATUS_TOO_LARGE, &self->role);
}

static status_t read_body(cursor_t *cursor, span_t *body) {
    uint32_t index = cursor->index;
    if (next_field(cursor)->type != TOKEN_MAP) {
        return STATUS_INVALID;
    }
    *body = tape_raw(cursor->tape, index);
    return STATUS_OK;
}

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        status_t status_ = (call);                                                                                     \
        if (status_ != STATUS_OK) {                                                                                    \
            return status_;                                                                                            \
        }                                                                                                              \
    } while (0)

/* Everything after version and type. */
static status_t read_fields(cursor_t *cursor, envelope_t *self) {
    uint64_t timeout_ms = 0, hops = 0;
    TRY(read_u64(next_field(cursor), UINT64_MAX, &self->id));
    TRY(read_binary_or_nil(next_field(cursor), SESSION_BYTES, &self->session));
    TRY(read_u64(next_field(cursor), UINT64_MAX, &self->lowest_unanswered));
    TRY(read_text(next_field(cursor), KIND_BYTES_MAX, STATUS_INVALID_ADDRESS, &self->kind));
    TRY(read_text(next_field(cursor), KEY_BYTES_MAX, STATUS_INVALID_ADDRESS, &self->key));
    TRY(read_text(next_field(cursor), METHOD_BYTES_MAX, STATUS_TOO_LARGE, &self->method));
    TRY(read_u64(next_field(cursor), UINT32_MAX, &timeout_ms));
    TRY(read_idempotency_key(next_field(cursor), &self->idempotency_key));
    TRY(read_u64(next_field(cursor), UINT8_MAX, &hops));
    TRY(read_stream(cursor, &self->stream));
    TRY(read_caller(cursor, self));
    TRY(read_binary_or_nil(next_field(cursor), TRACE_BYTES, &self->trace));
    TRY(read_body(cursor, &self->body));
    self->timeout_ms = (uint32_t)timeout_ms;
    self->hops = (uint8_t)hops;
    return STATUS_OK;
}

/* The id, where every version has it, so that even a refusal can name what it refuses. */
static uint64_t id_of(const tape_t *tape) {
    const token_t *root = &tape->tokens[0];
    if (root->type != TOKEN_ARRAY || root->len <= POSITION_ID) {
        return 0;
    }
    uint32_t index = 1;
    for (int field = POSITION_VERSION; field < POSITION_ID; field++) {
        index = tape->tokens[index].next;
    }
    return tape->tokens[index].type == TOKEN_U64 ? tape->tokens[index].u64 : 0;
}

static status_t read_envelope(const tape_t *tape, envelope_t *self) {
    const token_t *root = &tape->tokens[0];
    if (root->type != TOKEN_ARRAY || root->len <= POSITION_TYPE) {
        return STATUS_INVALID;
    }
    cursor_t cursor = {.tape = tape, .index = 1};
    uint64_t version = 0, type = 0;
    TRY(read_u64(next_field(&cursor), UINT64_MAX, &version));
    if (version != ENVELOPE_VERSION) {
        return STATUS_UNSUPPORTED_VERSION;
    }
    TRY(read_u64(next_field(&cursor), UINT64_MAX, &type));
    if (type < ENVELOPE_REQUEST || type > ENVELOPE_TELL) {
        return STATUS_UNSUPPORTED_VERSION;
    }
    if (root->len != ENVELOPE_FIELDS) {
        return STATUS_INVALID;
    }
    self->type = (uint8_t)type;
    return read_fields(&cursor, self);
}

status_t envelope_decode(envelope_t *self, tape_t *tape, span_t input, size_t *consumed) {
    *self = (envelope_t){0};
    TRY(tape_read(tape, input, consumed));
    status_t status = read_envelope(tape, self);
    if (status != STATUS_OK) {
        *self = (envelope_t){.type = self->type, .id = id_of(tape)};
    }
    return status;
}

uint32_t envelope_body_token(const tape_t *tape) {
    CHECK(tape->count > ENVELOPE_FIELDS && tape->tokens[0].len == ENVELOPE_FIELDS, "no envelope on the tape");
    uint32_t index = 1;
    for (int field = 1; field < ENVELOPE_FIELDS; field++) {
        index = tape->tokens[index].next;
    }
    return index;
}

static void pack_text_or_empty(pack_t *pack, span_t text) {
    pack_text(pack, text.ptr == NULL ? span_text("") : text);
}

static void pack_caller(pack_t *pack, const envelope_t *self) {
    if (self->subject.ptr == NULL) {
        pack_binary(pack, self->handle);
        return;
    }
    pack_array(pack, 2);
    pack_text(pack, self->subject);
    pack_text_or_empty(pack, self->role);
}

void envelope_encode(const envelope_t *self, pack_t *pack) {
    CHECK(self->type >= ENVELOPE_REQUEST && self->type <= ENVELOPE_TELL, "type %u", self->type);
    CHECK(self->handle.ptr == NULL || self->subject.ptr == NULL, "a handle and a subject");
    pack_array(pack, ENVELOPE_FIELDS);
    pack_u64(pack, ENVELOPE_VERSION);
    pack_u64(pack, self->type);
    pack_u64(pack, self->id);
    pack_binary(pack, self->session);
    pack_u64(pack, self->lowest_unanswered);
    pack_text_or_empty(pack, self->kind);
    pack_text_or_empty(pack, self->key);
    pack_text_or_empty(pack, self->method);
    pack_u64(pack, self->timeout_ms);
    pack_text(pack, self->idempotency_key);
    pack_u64(pack, self->hops);
    if (self->stream.ptr == NULL) {
        pack_nil(pack);
    } else {
        pack_raw(pack, self->stream);
    }
    pack_caller(pack, self);
    pack_binary(pack, self->trace);
    if (self->body.ptr == NULL) {
        pack_map(pack, 0);
    } else {
        pack_raw(pack, self->body);
    }
}

void envelope_pack_error(pack_t *pack, status_t status, const char *detail, uint32_t retry_after_ms) {
    CHECK(status != STATUS_OK, "an error that is none");
    pack_map(pack, retry_after_ms > 0 ? 4 : 3);
    pack_cstring(pack, "code");
    pack_cstring(pack, status_code(status));
    pack_cstring(pack, "text");
    pack_cstring(pack, detail != NULL ? detail : status_text(status));
    pack_cstring(pack, "retryable");
    pack_bool(pack, status_retryable(status));
    if (retry_after_ms > 0) {
        pack_cstring(pack, "retry_after_ms");
        pack_u64(pack, retry_after_ms);
    }
}
