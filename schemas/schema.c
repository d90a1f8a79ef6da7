/* SPDX-License-Identifier: MIT */
/*
 * Decoding, encoding and validation by the tables: a record is a row of fields, a field a type, an offset and bounds.
 * Each type has one reader (token → struct), one bounds check, used in both directions, and one writer.
 *
 * Lists and records inside a record stay raw and are read where they lie, one map at a time, on a small tape on the
 * stack: when a record is decoded, encoded or loaded, and again, then without looking further inside, when a handler
 * asks for them. So nobody needs room for the tokens of what is inside, however much it is.
 */
#include "schemas/schema.h"

#include "schemas/address.h"

int kind_find(span_t name) {
    for (uint32_t i = 0; i < kinds_count; i++) {
        if (span_equal(name, span_text(kinds[i].name))) {
            return (int)i;
        }
    }
    return -1;
}

const kind_t *kind_of(span_t name) {
    int index = kind_find(name);
    return index < 0 ? NULL : &kinds[index];
}

static const method_t *method_find(const kind_t *kind, span_t name) {
    for (uint32_t i = 0; i < kind->method_count; i++) {
        if (span_equal(name, span_text(kind->methods[i].name))) {
            return &kind->methods[i];
        }
    }
    return NULL;
}

const method_t *kind_method(const kind_t *kind, span_t name) {
    const method_t *own = method_find(kind, name);
    return own != NULL || kind->state == NULL ? own : method_find(&runtime_kind, name);
}

/* Values in structs: `in` and `out` point at the struct, the field says where in it. */

static const void *value_in(const field_t *field, const void *in) {
    return (const uint8_t *)in + field->offset;
}
static void *value_out(const field_t *field, void *out) {
    return (uint8_t *)out + field->offset;
}

static const char *check_u64(const field_t *field, uint64_t value) {
    return value < field->min ? "too_small" : value > field->max ? "too_large" : NULL;
}

static const char *check_i64(const field_t *field, int64_t value) {
    return value < (int64_t)field->min ? "too_small" : value > (int64_t)field->max ? "too_large" : NULL;
}

static const char *check_span(const field_t *field, span_t value) {
    return value.len < field->min ? "too_short" : value.len > field->max ? "too_long" : NULL;
}

static const char *check_count(const field_t *field, span_t raw) {
    uint32_t count;
    if (tape_take_array(&raw, &count) != STATUS_OK) {
        return "type";
    }
    return count < field->min ? "too_short" : count > field->max ? "too_long" : NULL;
}

/* NULL if the value is within the field's bounds, else the problem's code. */
static const char *check_bounds(const field_t *field, const void *value) {
    switch (field->type) {
    case FIELD_BOOL:
        return NULL;
    case FIELD_U64:
    case FIELD_TIME:
        return check_u64(field, *(const uint64_t *)value);
    case FIELD_I64:
        return check_i64(field, *(const int64_t *)value);
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_ANY:
        return check_span(field, *(const span_t *)value);
    case FIELD_LIST:
        return check_count(field, *(const span_t *)value);
    case FIELD_RECORD:
        return NULL;
    case FIELD_ENUM:
        return *(const uint32_t *)value < field->enumeration->count ? NULL : "not_a_value";
    }
    return "type";
}

static const char *read_i64(const token_t *token, int64_t *value) {
    if (token->type == TOKEN_U64 && token->u64 > INT64_MAX) {
        return "too_large";
    }
    *value = token->type == TOKEN_I64 ? token->i64 : (int64_t)token->u64;
    return NULL;
}

static const char *read_enum(const enumeration_t *enumeration, const token_t *token, uint32_t *value) {
    for (uint32_t i = 0; i < enumeration->count; i++) {
        if (span_equal(token_span(token), span_text(enumeration->values[i]))) {
            *value = i;
            return NULL;
        }
    }
    return "not_a_value";
}

static bool fits_type(field_type_t field, token_type_t token) {
    switch (field) {
    case FIELD_BOOL:
        return token == TOKEN_BOOL;
    case FIELD_U64:
    case FIELD_I64:
    case FIELD_TIME:
        return token == TOKEN_U64 || token == TOKEN_I64;
    case FIELD_TEXT:
    case FIELD_ENUM:
        return token == TOKEN_TEXT;
    case FIELD_BYTES:
        return token == TOKEN_BINARY;
    case FIELD_ANY:
        return true;
    case FIELD_LIST:
        return token == TOKEN_ARRAY;
    case FIELD_RECORD:
        return token == TOKEN_MAP;
    }
    return false;
}

/* Writes the token's value to `value`; NULL, or the problem's code. Bounds are not looked at. */
static const char *read_value(const field_t *field, const tape_t *tape, uint32_t index, void *value) {
    const token_t *token = &tape->tokens[index];
    if (!fits_type(field->type, token->type)) {
        return "type";
    }
    switch (field->type) {
    case FIELD_BOOL:
        *(bool *)value = token->boolean;
        return NULL;
    case FIELD_U64:
    case FIELD_TIME:
        if (token->type == TOKEN_I64) { /* negative */
            return "too_small";
        }
        *(uint64_t *)value = token->u64;
        return NULL;
    case FIELD_I64:
        return read_i64(token, value);
    case FIELD_TEXT:
    case FIELD_BYTES:
        *(span_t *)value = token_span(token);
        return NULL;
    case FIELD_ENUM:
        return read_enum(field->enumeration, token, value);
    case FIELD_ANY:
    case FIELD_LIST:
    case FIELD_RECORD:
        *(span_t *)value = tape_raw(tape, index);
        return NULL;
    }
    return "type";
}

static void write_value(const field_t *field, const void *value, pack_t *pack) {
    switch (field->type) {
    case FIELD_BOOL:
        pack_bool(pack, *(const bool *)value);
        return;
    case FIELD_U64:
    case FIELD_TIME:
        pack_u64(pack, *(const uint64_t *)value);
        return;
    case FIELD_I64:
        pack_i64(pack, *(const int64_t *)value);
        return;
    case FIELD_TEXT:
        pack_text(pack, *(const span_t *)value);
        return;
    case FIELD_BYTES:
        pack_binary(pack, *(const span_t *)value);
        return;
    case FIELD_ENUM:
        pack_cstring(pack, field->enumeration->values[*(const uint32_t *)value]);
        return;
    case FIELD_ANY:
    case FIELD_LIST:
    case FIELD_RECORD:
        pack_raw(pack, *(const span_t *)value);
        return;
    }
}

/* Index of the field of this name, or field_count. Writers keep the order of the table, so the search starts at `hint`,
   the field after the last one found, and mostly ends there. */
static uint32_t field_find(const record_t *self, span_t name, uint32_t hint) {
    for (uint32_t i = 0; i < self->field_count; i++) {
        uint32_t index = (hint + i) % self->field_count;
        if (span_equal(name, span_text(self->fields[index].name))) {
            return index;
        }
    }
    return self->field_count;
}

/* A walk through a record and what is inside. */
typedef struct decoder {
    strictness_t strictness;
    bool inside; /* look into lists and records? Not if that was done before */
    problems_t *problems;
    problem_step_t path[RECORD_NESTING_MAX];
    uint32_t depth; /* of the path */
} decoder_t;

typedef union value {
    bool boolean;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    span_t span;
} value_t;

static void note(const decoder_t *self, const field_t *field, span_t name, const char *code) {
    problems_t *problems = self->problems;
    if (problems->count < PROBLEMS_MAX) {
        problem_t *problem = &problems->items[problems->count++];
        *problem = (problem_t){.field = field, .name = name, .code = code, .depth = self->depth};
        memcpy(problem->path, self->path, self->depth * sizeof *self->path);
    }
}

static void note_whole(const decoder_t *self, const char *code) {
    note(self, NULL, (span_t){0}, code);
}

static void check_inside(decoder_t *self, const field_t *field, span_t raw);

static const char *check_form(const decoder_t *self, const field_t *field, span_t text) {
    uint32_t flags = self->strictness == FROM_WIRE ? field->flags : 0;
    if ((flags & IS_KEY) != 0 && !address_key_valid(text)) {
        return "not_a_key";
    }
    if ((flags & IS_LINE) != 0 && span_find_control(text, span_text("")) < text.len) {
        return "not_a_line";
    }
    return (flags & IS_LINES) != 0 && span_find_control(text, span_text("\n\t")) < text.len ? "not_lines" : NULL;
}

/* out: the struct, or NULL to check only. */
static void decode_field(decoder_t *self, const field_t *field, const tape_t *tape, uint32_t token, void *out) {
    value_t checked;
    void *value = out != NULL ? value_out(field, out) : &checked;
    const char *code = read_value(field, tape, token, value);
    if (code == NULL) {
        code = check_bounds(field, value);
    }
    if (code == NULL && field->type == FIELD_TEXT) {
        code = check_form(self, field, *(const span_t *)value);
    }
    if (code != NULL) {
        note(self, field, (span_t){0}, code);
    } else if (self->inside && (field->type == FIELD_LIST || field->type == FIELD_RECORD)) {
        check_inside(self, field, *(const span_t *)value);
    }
}

/* Which fields were there. */
static uint64_t decode_pairs(decoder_t *self, const record_t *record, const tape_t *tape, uint32_t map, void *out) {
    uint64_t present = 0;
    uint32_t field = 0;
    for (uint32_t key = map + 1; key < tape->tokens[map].next; key = tape->tokens[key + 1].next) {
        span_t name = token_span(&tape->tokens[key]);
        uint32_t found = field_find(record, name, field);
        if (found < record->field_count) {
            decode_field(self, &record->fields[found], tape, key + 1, out);
            present |= UINT64_C(1) << found;
            field = found + 1;
        } else if (self->strictness == FROM_WIRE) {
            note(self, NULL, name, "unknown");
        }
    }
    return present;
}

static void find_missing(const decoder_t *self, const record_t *record, uint64_t present) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        if ((record->fields[i].flags & REQUIRED) != 0 && (present >> i & 1) == 0) {
            note(self, &record->fields[i], (span_t){0}, "required");
        }
    }
}

static void decode_map(decoder_t *self, const record_t *record, const tape_t *tape, uint32_t token, void *out) {
    if (out != NULL) {
        memset(out, 0, record->struct_bytes);
    }
    if (tape->tokens[token].type != TOKEN_MAP) {
        note_whole(self, "not_a_map");
        return;
    }
    uint64_t present = decode_pairs(self, record, tape, token, out);
    find_missing(self, record, present);
    if (out != NULL) {
        *(uint64_t *)out = present;
    }
}

/* Of a list of texts, each; it has no name of its own. */
static const field_t text_element = {.type = FIELD_TEXT, .min = 1, .max = KEY_BYTES_MAX};
static const field_t key_element = {.type = FIELD_TEXT, .min = 1, .max = KEY_BYTES_MAX, .flags = IS_KEY};

/* Takes one element off the bytes: a record, or what the field of no name says. */
static void decode_element(decoder_t *self, const record_t *element, const field_t *text, span_t *rest, void *out) {
    token_t tokens[TAPE_TOP_TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    size_t consumed = rest->len;
    if (tape_read_top(&tape, *rest, &consumed) != STATUS_OK) {
        note_whole(self, "not_a_map"); /* damaged: bytes that were on a tape come through */
    } else if (element != NULL) {
        decode_map(self, element, &tape, 0, out);
    } else {
        decode_field(self, text, &tape, 0, out);
    }
    *rest = span_of(rest->ptr + consumed, rest->len - consumed);
}

static void check_elements(decoder_t *self, const field_t *field, problem_step_t *step, span_t *rest) {
    const field_t *text = (field->flags & IS_KEY) != 0 ? &key_element : &text_element;
    uint32_t count;
    if (tape_take_array(rest, &count) != STATUS_OK) {
        return; /* not within its bounds, which were checked */
    }
    for (step->index = 0; step->index < count; step->index++) {
        decode_element(self, field->element, text, rest, NULL);
    }
}

/* raw: of a list or a record, within the field's bounds. */
static void check_inside(decoder_t *self, const field_t *field, span_t raw) {
    CHECK(self->depth < RECORD_NESTING_MAX, "%s lies too deep", field->name);
    problem_step_t *step = &self->path[self->depth++];
    *step = (problem_step_t){.field = field, .index = PROBLEM_NO_INDEX};
    if (field->type == FIELD_LIST) {
        check_elements(self, field, step, &raw);
    } else {
        decode_element(self, field->element, NULL, &raw, NULL);
    }
    self->depth -= 1;
    if (raw.len > 0) {
        note(self, field, (span_t){0}, "type"); /* no tape would hand that out */
    }
}

status_t record_decode(const record_t *self, const tape_t *tape, uint32_t token, strictness_t strictness, void *out,
                       problems_t *problems) {
    CHECK(token < tape->count, "token %u of %u", token, tape->count);
    problems_t found;
    decoder_t decoder = {.strictness = strictness, .inside = true, .problems = problems != NULL ? problems : &found};
    decoder.problems->count = 0;
    decode_map(&decoder, self, tape, token, out);
    return decoder.problems->count == 0 ? STATUS_OK : STATUS_INVALID;
}

status_t record_load(const record_t *self, span_t bytes, void *out) {
    problems_t problems;
    problems.count = 0;
    decoder_t decoder = {.strictness = FROM_STORE, .inside = true, .problems = &problems};
    decode_element(&decoder, self, NULL, &bytes, out);
    return problems.count == 0 && bytes.len == 0 ? STATUS_OK : STATUS_INTERNAL;
}

static void check_no_problem(const record_t *record, const problems_t *problems) {
    if (problems->count > 0) {
        uint8_t pointer[PROBLEM_POINTER_BYTES_MAX];
        span_t at = problem_pointer(&problems->items[0], pointer);
        CHECK(problems->count == 0, "%s%.*s: %s", record->name, (int)at.len, (const char *)at.ptr,
              problems->items[0].code);
    }
}

void record_take(const record_t *self, span_t *rest, void *out) {
    problems_t problems;
    problems.count = 0;
    decoder_t decoder = {.strictness = FROM_STORE, .problems = &problems};
    decode_element(&decoder, self, NULL, rest, out);
    check_no_problem(self, &problems);
}

void record_read(const record_t *self, span_t raw, void *out) {
    record_take(self, &raw, out);
    CHECK(raw.len == 0, "%s: %zu bytes behind it", self->name, raw.len);
}

/* The programmer's own value is within its bounds, and what it holds is, too. */
static void check_value(const record_t *record, const field_t *field, const void *value) {
    const char *code = check_bounds(field, value);
    CHECK(code == NULL, "%s.%s: %s", record->name, field->name, code);
    if (field->type == FIELD_LIST || field->type == FIELD_RECORD) {
        problems_t problems;
        problems.count = 0;
        decoder_t decoder = {.strictness = FROM_STORE, .inside = true, .problems = &problems};
        check_inside(&decoder, field, *(const span_t *)value);
        check_no_problem(record, &problems);
    }
}

void record_encode(const record_t *self, const void *in, pack_t *pack) {
    uint64_t present = *(const uint64_t *)in;
    CHECK(self->field_count == 64 || present >> self->field_count == 0, "%s: present %#lx", self->name, present);
    pack_map(pack, (size_t)__builtin_popcountll(present));
    for (uint32_t i = 0; i < self->field_count; i++) {
        const field_t *field = &self->fields[i];
        if (!record_has(in, i)) {
            CHECK((field->flags & REQUIRED) == 0, "%s.%s is required", self->name, field->name);
            continue;
        }
        check_value(self, field, value_in(field, in));
        pack_cstring(pack, field->name);
        write_value(field, value_in(field, in), pack);
    }
}

const field_t *record_printable(const record_t *self, span_t name) {
    uint32_t found = field_find(self, name, 0);
    const field_t *field = &self->fields[found];
    return found < self->field_count && (field->flags & SECRET) == 0 ? field : NULL;
}

static void redact_record(const record_t *self, const tape_t *tape, uint32_t token, pack_t *pack);

static void redact_list(const record_t *element, const tape_t *tape, uint32_t list, pack_t *pack) {
    pack_array(pack, tape->tokens[list].len);
    for (uint32_t i = list + 1; i < tape->tokens[list].next; i = tape->tokens[i].next) {
        redact_record(element, tape, i, pack);
    }
}

static void redact_value(const field_t *field, const tape_t *tape, uint32_t token, pack_t *pack) {
    if (field == NULL) {
        pack_cstring(pack, "***");
    } else if (field->element == NULL) {
        pack_raw(pack, tape_raw(tape, token));
    } else if (field->type == FIELD_LIST && tape->tokens[token].type == TOKEN_ARRAY) {
        redact_list(field->element, tape, token, pack);
    } else {
        redact_record(field->element, tape, token, pack);
    }
}

/* What should be a record and is not, nobody knows. */
static void redact_record(const record_t *self, const tape_t *tape, uint32_t token, pack_t *pack) {
    if (tape->tokens[token].type != TOKEN_MAP) {
        pack_cstring(pack, "***");
        return;
    }
    pack_map(pack, tape->tokens[token].len);
    for (uint32_t key = token + 1; key < tape->tokens[token].next; key = tape->tokens[key + 1].next) {
        pack_raw(pack, tape_raw(tape, key));
        redact_value(record_printable(self, token_span(&tape->tokens[key])), tape, key + 1, pack);
    }
}

void record_redact(const record_t *self, const tape_t *tape, uint32_t token, pack_t *pack) {
    CHECK(token < tape->count && tape->tokens[token].type == TOKEN_MAP, "no map at %u of %u", token, tape->count);
    redact_record(self, tape, token, pack);
}
