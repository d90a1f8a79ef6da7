/* SPDX-License-Identifier: MIT */
/*
 * A problem is told by its code for programs, a pointer and a sentence for people. What stands in the sentence (bounds,
 * values) is the table's, so nothing of the asker's own bytes but an unknown name comes back.
 */
#include "schemas/problems.h"

#include "schemas/address.h"
#include "schemas/schema.h"

/* What stands behind "must be" for a field of a type. */
static const char *const type_texts[] = {
    [FIELD_BOOL] = "true or false", [FIELD_U64] = "a whole number", [FIELD_I64] = "a whole number",
    [FIELD_TIME] = "a time in ms",  [FIELD_TEXT] = "text",          [FIELD_BYTES] = "bytes",
    [FIELD_ENUM] = "text",          [FIELD_ANY] = "a value",        [FIELD_LIST] = "a list",
    [FIELD_RECORD] = "a map",
};

typedef enum detail_kind {
    DETAIL_PLAIN,
    DETAIL_MIN,
    DETAIL_MAX,
    DETAIL_LEAST, /* with what is counted */
    DETAIL_MOST,
    DETAIL_TYPE,
    DETAIL_VALUES,
} detail_kind_t;

/* For people: one row for each code of a problem. */
static const struct detail {
    const char *code;
    detail_kind_t kind;
    const char *before; /* what the kind puts behind it */
} details[] = {
    {"required", DETAIL_PLAIN, "is required"},
    {"unknown", DETAIL_PLAIN, "there is no such field"},
    {"not_a_map", DETAIL_PLAIN, "must be a map"},
    {"type", DETAIL_TYPE, "must be "},
    {"not_a_value", DETAIL_VALUES, "must be one of "},
    {"too_short", DETAIL_LEAST, "must have at least "},
    {"too_long", DETAIL_MOST, "must have at most "},
    {"too_small", DETAIL_MIN, "must be at least "},
    {"too_large", DETAIL_MAX, "must be at most "},
    {"not_a_key", DETAIL_PLAIN, "must be " ADDRESS_KEY_TEXT},
    {"not_a_line", DETAIL_PLAIN, "must have no control characters"},
    {"not_lines", DETAIL_PLAIN, "must have no control characters but newline and tab"},
};

enum { DETAIL_BYTES = 256 };

static void print_bound(const field_t *field, uint64_t bound, char text[DETAIL_BYTES]) {
    if (field->type == FIELD_I64) {
        snprintf(text, DETAIL_BYTES, "%lld", (long long)bound);
    } else {
        snprintf(text, DETAIL_BYTES, "%llu", (unsigned long long)bound);
    }
}

static void print_size(const field_t *field, uint64_t bound, char text[DETAIL_BYTES]) {
    snprintf(text, DETAIL_BYTES, "%llu %s", (unsigned long long)bound,
             field->type == FIELD_LIST ? "elements" : "bytes");
}

static void print_values(const enumeration_t *enumeration, char text[DETAIL_BYTES]) {
    size_t len = 0;
    for (uint32_t i = 0; i < enumeration->count && len < DETAIL_BYTES; i++) {
        len += (size_t)snprintf(text + len, DETAIL_BYTES - len, "%s%s", i == 0 ? "" : ", ", enumeration->values[i]);
    }
}

static void print_rest(const field_t *field, detail_kind_t kind, char text[DETAIL_BYTES]) {
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
    case DETAIL_LEAST:
        print_size(field, field->min, text);
        return;
    case DETAIL_MOST:
        print_size(field, field->max, text);
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
    char rest[DETAIL_BYTES];
    print_rest(problem->field, detail->kind, rest);
    snprintf(text, DETAIL_BYTES + 32, "%s%s", detail->before, rest);
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

static size_t print_name(span_t name, uint8_t *text) {
    size_t len = 0;
    name = shorten(name, PROBLEM_NAME_BYTES_MAX);
    text[len++] = '/';
    for (size_t i = 0; i < name.len; i++) {
        bool escaped = name.ptr[i] == '~' || name.ptr[i] == '/';
        text[len++] = escaped ? '~' : name.ptr[i];
        if (escaped) {
            text[len++] = name.ptr[i] == '~' ? '0' : '1';
        }
    }
    return len;
}

static size_t print_index(uint32_t index, uint8_t *text) {
    char number[12];
    int len = snprintf(number, sizeof number, "/%u", index);
    memcpy(text, number, (size_t)len);
    return (size_t)len;
}

span_t problem_pointer(const problem_t *self, uint8_t text[PROBLEM_POINTER_BYTES_MAX]) {
    size_t len = 0;
    for (uint32_t i = 0; i < self->depth; i++) {
        len += print_name(span_text(self->path[i].field->name), text + len);
        if (self->path[i].index != PROBLEM_NO_INDEX) {
            len += print_index(self->path[i].index, text + len);
        }
    }
    if (self->field != NULL && self->field->name != NULL) {
        len += print_name(span_text(self->field->name), text + len);
    } else if (self->name.ptr != NULL) {
        len += print_name(self->name, text + len);
    }
    return span_of(text, len);
}

static void pack_error(pack_t *pack, span_t pointer, const char *code, const char *detail) {
    pack_map(pack, 3);
    pack_cstring(pack, "pointer");
    pack_text(pack, pointer);
    pack_cstring(pack, "code");
    pack_cstring(pack, code);
    pack_cstring(pack, "detail");
    pack_cstring(pack, detail);
}

static void pack_problem(const problem_t *problem, pack_t *pack) {
    char detail[DETAIL_BYTES + 32];
    uint8_t pointer[PROBLEM_POINTER_BYTES_MAX];
    print_detail(problem, detail);
    pack_error(pack, problem_pointer(problem, pointer), problem->code, detail);
}

/* Its errors come behind. */
static void pack_head(pack_t *pack, const char *text, uint32_t count) {
    pack_map(pack, 4);
    pack_cstring(pack, "code");
    pack_cstring(pack, status_code(STATUS_INVALID));
    pack_cstring(pack, "text");
    pack_cstring(pack, text);
    pack_cstring(pack, "retryable");
    pack_bool(pack, status_retryable(STATUS_INVALID));
    pack_cstring(pack, "errors");
    pack_array(pack, count);
}

void problems_pack(const problems_t *self, pack_t *pack) {
    pack_head(pack, status_text(STATUS_INVALID), self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        pack_problem(&self->items[i], pack);
    }
}

void problems_pack_one(const char *pointer, const char *detail, pack_t *pack) {
    pack_head(pack, detail, 1);
    pack_error(pack, span_text(pointer), "not_a_value", detail);
}
