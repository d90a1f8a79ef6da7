/* SPDX-License-Identifier: MIT */
/*
 * Decoding, encoding and validation by the tables: a record is a row of fields, a field a type, an offset and bounds.
 * Each type has one reader (token → struct), one bounds check, used in both directions, and one writer.
 */
#include "schemas/schema.h"

enum { NAME_SHOWN_BYTES_MAX = 64 }; /* of an unknown field's name, in an answer */

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
    case FIELD_LIST:
        return check_span(field, *(const span_t *)value);
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

static void problem_add(problems_t *problems, const field_t *field, span_t name, const char *code) {
    if (problems->count < PROBLEMS_MAX) {
        problems->items[problems->count++] = (problem_t){.field = field, .name = name, .code = code};
    }
}

static void decode_field(const record_t *self, uint32_t field, const tape_t *tape, uint32_t token, void *out,
                         problems_t *problems) {
    const field_t *row = &self->fields[field];
    void *value = value_out(row, out);
    const char *code = read_value(row, tape, token, value);
    if (code == NULL) {
        code = check_bounds(row, value);
    }
    *(uint64_t *)out |= UINT64_C(1) << field;
    if (code != NULL) {
        problem_add(problems, row, (span_t){0}, code);
    }
}

static void decode_pairs(const record_t *self, const tape_t *tape, uint32_t map, strictness_t strictness, void *out,
                         problems_t *problems) {
    uint32_t field = 0;
    for (uint32_t key = map + 1; key < tape->tokens[map].next; key = tape->tokens[key + 1].next) {
        span_t name = token_span(&tape->tokens[key]);
        uint32_t found = field_find(self, name, field);
        if (found < self->field_count) {
            decode_field(self, found, tape, key + 1, out, problems);
            field = found + 1;
        } else if (strictness == FROM_WIRE) {
            problem_add(problems, NULL, name, "unknown");
        }
    }
}

static void find_missing(const record_t *self, const void *out, problems_t *problems) {
    for (uint32_t i = 0; i < self->field_count; i++) {
        if ((self->fields[i].flags & REQUIRED) != 0 && !record_has(out, i)) {
            problem_add(problems, &self->fields[i], (span_t){0}, "required");
        }
    }
}

status_t record_decode(const record_t *self, const tape_t *tape, uint32_t token, strictness_t strictness, void *out,
                       problems_t *problems) {
    CHECK(token < tape->count, "token %u of %u", token, tape->count);
    problems_t found;
    problems_t *noted = problems != NULL ? problems : &found;
    noted->count = 0;
    memset(out, 0, self->struct_bytes);
    if (tape->tokens[token].type != TOKEN_MAP) {
        problem_add(noted, NULL, (span_t){0}, "not_a_map");
        return STATUS_INVALID;
    }
    decode_pairs(self, tape, token, strictness, out, noted);
    find_missing(self, out, noted);
    return noted->count == 0 ? STATUS_OK : STATUS_INVALID;
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
        const char *problem = check_bounds(field, value_in(field, in));
        CHECK(problem == NULL, "%s.%s: %s", self->name, field->name, problem);
        pack_cstring(pack, field->name);
        write_value(field, value_in(field, in), pack);
    }
}

bool record_printable(const record_t *self, span_t name) {
    uint32_t field = field_find(self, name, 0);
    return field < self->field_count && (self->fields[field].flags & SECRET) == 0;
}

void record_redact(const record_t *self, const tape_t *tape, uint32_t token, pack_t *pack) {
    CHECK(token < tape->count && tape->tokens[token].type == TOKEN_MAP, "no map at %u of %u", token, tape->count);
    pack_map(pack, tape->tokens[token].len);
    for (uint32_t key = token + 1; key < tape->tokens[token].next; key = tape->tokens[key + 1].next) {
        pack_raw(pack, tape_raw(tape, key));
        if (record_printable(self, token_span(&tape->tokens[key]))) {
            pack_raw(pack, tape_raw(tape, key + 1));
        } else {
            pack_cstring(pack, "***");
        }
    }
}

/* The answer to a record with problems. */

/* What stands behind "must be" for a field of a type. */
static const char *const type_texts[] = {
    [FIELD_BOOL] = "true or false", [FIELD_U64] = "a whole number", [FIELD_I64] = "a whole number",
    [FIELD_TIME] = "a time in ms",  [FIELD_TEXT] = "text",          [FIELD_BYTES] = "bytes",
    [FIELD_ENUM] = "text",          [FIELD_ANY] = "a value",        [FIELD_LIST] = "a list",
};

typedef enum detail_kind { DETAIL_PLAIN, DETAIL_MIN, DETAIL_MAX, DETAIL_TYPE, DETAIL_VALUES } detail_kind_t;

/* For people: one row for each code of a problem. */
static const struct detail {
    const char *code;
    detail_kind_t kind;
    const char *before, *after; /* of what the kind puts between them */
} details[] = {
    {"required", DETAIL_PLAIN, "is required", ""},
    {"unknown", DETAIL_PLAIN, "there is no such field", ""},
    {"not_a_map", DETAIL_PLAIN, "must be a map", ""},
    {"type", DETAIL_TYPE, "must be ", ""},
    {"not_a_value", DETAIL_VALUES, "must be one of ", ""},
    {"too_short", DETAIL_MIN, "must have at least ", " bytes"},
    {"too_long", DETAIL_MAX, "must have at most ", " bytes"},
    {"too_small", DETAIL_MIN, "must be at least ", ""},
    {"too_large", DETAIL_MAX, "must be at most ", ""},
};

enum { DETAIL_BYTES = 256 };

static void print_bound(const field_t *field, uint64_t bound, char text[DETAIL_BYTES]) {
    if (field->type == FIELD_I64) {
        snprintf(text, DETAIL_BYTES, "%lld", (long long)bound);
    } else {
        snprintf(text, DETAIL_BYTES, "%llu", (unsigned long long)bound);
    }
}

static void print_values(const enumeration_t *enumeration, char text[DETAIL_BYTES]) {
    size_t len = 0;
    for (uint32_t i = 0; i < enumeration->count && len < DETAIL_BYTES; i++) {
        len += (size_t)snprintf(text + len, DETAIL_BYTES - len, "%s%s", i == 0 ? "" : ", ", enumeration->values[i]);
    }
}

static void print_between(const field_t *field, detail_kind_t kind, char text[DETAIL_BYTES]) {
    switch (kind) {
    case DETAIL_PLAIN:
        text[0] = 0;
        return;
    case DETAIL_MIN:
        print_bound(field, field->min, text);
        return;
    case DETAIL_MAX:
        print_bound(field, field->max, text);
        return;
    case DETAIL_TYPE:
        snprintf(text, DETAIL_BYTES, "%s", type_texts[field->type]);
        return;
    case DETAIL_VALUES:
        print_values(field->enumeration, text);
        return;
    }
}

static void print_detail(const problem_t *problem, char text[DETAIL_BYTES + 32]) {
    const struct detail *detail = details;
    while (strcmp(detail->code, problem->code) != 0) {
        detail++;
        CHECK(detail < details + ARRAY_LENGTH(details), "problem %s", problem->code);
    }
    char between[DETAIL_BYTES];
    print_between(problem->field, detail->kind, between);
    snprintf(text, DETAIL_BYTES + 32, "%s%s%s", detail->before, between, detail->after);
}

/* At most max bytes of the text, and no character cut. */
static span_t shorten(span_t text, size_t max) {
    if (text.len <= max) {
        return text;
    }
    while (max > 0 && (text.ptr[max] & 0xc0) == 0x80) {
        max--;
    }
    return span_of(text.ptr, max);
}

enum { POINTER_BYTES_MAX = 1 + 2 * NAME_SHOWN_BYTES_MAX };

/* A JSON pointer (RFC 6901) to the field: "" is the record, ~ and / in a name are ~0 and ~1. */
static span_t print_pointer(const problem_t *problem, uint8_t text[POINTER_BYTES_MAX]) {
    span_t name = problem->field != NULL ? span_text(problem->field->name) : problem->name;
    name = shorten(name, NAME_SHOWN_BYTES_MAX);
    size_t len = 0;
    if (problem->field != NULL || problem->name.ptr != NULL) {
        text[len++] = '/';
    }
    for (size_t i = 0; i < name.len; i++) {
        bool escaped = name.ptr[i] == '~' || name.ptr[i] == '/';
        text[len++] = escaped ? '~' : name.ptr[i];
        if (escaped) {
            text[len++] = name.ptr[i] == '~' ? '0' : '1';
        }
    }
    return span_of(text, len);
}

static void pack_problem(const problem_t *problem, pack_t *pack) {
    char detail[DETAIL_BYTES + 32];
    uint8_t pointer[POINTER_BYTES_MAX];
    print_detail(problem, detail);
    pack_map(pack, 3);
    pack_cstring(pack, "pointer");
    pack_text(pack, print_pointer(problem, pointer));
    pack_cstring(pack, "code");
    pack_cstring(pack, problem->code);
    pack_cstring(pack, "detail");
    pack_cstring(pack, detail);
}

void problems_pack(const problems_t *self, pack_t *pack) {
    pack_map(pack, 4);
    pack_cstring(pack, "code");
    pack_cstring(pack, status_code(STATUS_INVALID));
    pack_cstring(pack, "text");
    pack_cstring(pack, status_text(STATUS_INVALID));
    pack_cstring(pack, "retryable");
    pack_bool(pack, status_retryable(STATUS_INVALID));
    pack_cstring(pack, "errors");
    pack_array(pack, self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        pack_problem(&self->items[i], pack);
    }
}
