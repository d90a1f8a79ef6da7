/* SPDX-License-Identifier: MIT */
/*
 * Printing walks the tape, which is a checked tree already, and lets jansson form strings and floats; only what jansson
 * has no type for (unsigned integers, binaries) is formed here. Parsing is jansson's, its tree packed and dropped.
 */
#include "schemas/json.h"

#include <jansson.h>
#include <time.h>

#define TIME_MS_MAX UINT64_C(253402300799999) /* the last of the year 9999 */

/* Text that grows. */
typedef struct text {
    char *ptr;
    size_t len, capacity;
    bool for_web;        /* json_print_for_web */
    const char *without; /* a field of the record at `outermost`; NULL: none */
    uint32_t outermost;
} text_t;

static void append(text_t *self, const char *bytes, size_t len) {
    if (len >= self->capacity - self->len) { /* one more for the NUL */
        self->capacity = 2 * self->capacity + len + 64;
        self->ptr = realloc(self->ptr, self->capacity);
        CHECK(self->ptr != NULL, "out of memory for %zu bytes", self->capacity);
    }
    memcpy(self->ptr + self->len, bytes, len);
    self->len += len;
    self->ptr[self->len] = 0;
}

static void append_cstring(text_t *self, const char *bytes) {
    append(self, bytes, strlen(bytes));
}

static int append_dump(const char *bytes, size_t len, void *text) {
    append(text, bytes, len);
    return 0;
}

/* Takes value. */
static void append_json(text_t *self, json_t *value, size_t flags) {
    CHECK(value != NULL && json_dump_callback(value, append_dump, self, flags | JSON_ENCODE_ANY) == 0,
          "jansson refused a scalar");
    json_decref(value);
}

/* Most text is what it was before; jansson sees to the rest. */
static bool plain(span_t text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~' || text.ptr[i] == '"' || text.ptr[i] == '\\') {
            return false;
        }
    }
    return true;
}

static void print_text(text_t *self, span_t text) {
    if (plain(text)) {
        append(self, "\"", 1);
        append(self, (const char *)text.ptr, text.len);
        append(self, "\"", 1);
    } else {
        append_json(self, json_stringn_nocheck((const char *)text.ptr, text.len), 0);
    }
}

/* RFC 3339. */
static void print_time(text_t *self, uint64_t ms) {
    char text[64];
    time_t seconds = (time_t)((ms < TIME_MS_MAX ? ms : TIME_MS_MAX) / 1000);
    struct tm parts;
    CHECK(gmtime_r(&seconds, &parts) != NULL, "%llu", (unsigned long long)ms);
    size_t len = strftime(text, sizeof text, "\"%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + len, sizeof text - len, ".%03uZ\"", (unsigned)(ms % 1000));
    append_cstring(self, text);
}

static void print_f64(text_t *self, double value) {
    if (!__builtin_isfinite(value)) {
        append_cstring(self, "null");
        return;
    }
    size_t begin = self->len;
    for (size_t digits = 15; digits <= 17; digits++) {
        self->len = begin;
        append_json(self, json_real(value), JSON_REAL_PRECISION(digits));
        if (strtod(self->ptr + begin, NULL) == value) {
            return; /* at the latest with 17 */
        }
    }
}

static void print_base64(text_t *self, span_t bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    append_cstring(self, "\"");
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.ptr[i + 2] : 0;
        const char four[4] = {
            digits[group >> 18],
            digits[(group >> 12) & 63],
            left > 1 ? digits[(group >> 6) & 63] : '=',
            left > 2 ? digits[group & 63] : '=',
        };
        append(self, four, sizeof four);
    }
    append_cstring(self, "\"");
}

static void print_number(text_t *self, const token_t *token) {
    char number[24];
    if (token->type == TOKEN_U64) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)token->u64);
    } else {
        snprintf(number, sizeof number, "%lld", (long long)token->i64);
    }
    append_cstring(self, number);
}

static void print_value(text_t *self, const tape_t *tape, uint32_t index);
static void print_record(text_t *self, const tape_t *tape, uint32_t index, const record_t *record);

/* element: what each of it should be, or NULL. */
static void print_array(text_t *self, const tape_t *tape, uint32_t array, const record_t *element) {
    append_cstring(self, "[");
    for (uint32_t i = array + 1; i < tape->tokens[array].next; i = tape->tokens[i].next) {
        if (i > array + 1) {
            append_cstring(self, ",");
        }
        if (element != NULL) {
            print_record(self, tape, i, element);
        } else {
            print_value(self, tape, i);
        }
    }
    append_cstring(self, "]");
}

/* field: what record_printable says. */
static void print_field(text_t *self, const tape_t *tape, uint32_t index, const field_t *field) {
    if (field == NULL) {
        append_cstring(self, "\"***\"");
    } else if (self->for_web && field->type == FIELD_TIME && tape->tokens[index].type == TOKEN_U64) {
        print_time(self, tape->tokens[index].u64);
    } else if (field->element == NULL) {
        print_value(self, tape, index);
    } else if (field->type == FIELD_LIST && tape->tokens[index].type == TOKEN_ARRAY) {
        print_array(self, tape, index, field->element);
    } else {
        print_record(self, tape, index, field->element);
    }
}

static bool left_out(const text_t *self, uint32_t map, const record_t *record, span_t name) {
    return self->for_web && record != NULL &&
           (record_printable(record, name) == NULL ||
            (map == self->outermost && self->without != NULL && span_equal(name, span_text(self->without))));
}

/* record: whose map it is, or NULL. */
static void print_map(text_t *self, const tape_t *tape, uint32_t map, const record_t *record) {
    const char *comma = "";
    append_cstring(self, "{");
    for (uint32_t key = map + 1; key < tape->tokens[map].next; key = tape->tokens[key + 1].next) {
        span_t name = token_span(&tape->tokens[key]);
        if (left_out(self, map, record, name)) {
            continue;
        }
        append_cstring(self, comma);
        comma = ",";
        print_text(self, name);
        append_cstring(self, ":");
        if (record == NULL) {
            print_value(self, tape, key + 1);
        } else {
            print_field(self, tape, key + 1, record_printable(record, name));
        }
    }
    append_cstring(self, "}");
}

/* What should be a record and is not, nobody knows. */
static void print_record(text_t *self, const tape_t *tape, uint32_t index, const record_t *record) {
    if (tape->tokens[index].type == TOKEN_MAP) {
        print_map(self, tape, index, record);
    } else {
        append_cstring(self, "\"***\"");
    }
}

/* The tape is at most DEPTH_MAX deep, and so is the recursion. */
static void print_value(text_t *self, const tape_t *tape, uint32_t index) {
    const token_t *token = &tape->tokens[index];
    switch ((token_type_t)token->type) {
    case TOKEN_NIL:
        append_cstring(self, "null");
        return;
    case TOKEN_BOOL:
        append_cstring(self, token->boolean ? "true" : "false");
        return;
    case TOKEN_U64:
    case TOKEN_I64:
        print_number(self, token);
        return;
    case TOKEN_F64:
        print_f64(self, token->f64);
        return;
    case TOKEN_TEXT:
        print_text(self, token_span(token));
        return;
    case TOKEN_BINARY:
        print_base64(self, token_span(token));
        return;
    case TOKEN_ARRAY:
        print_array(self, tape, index, NULL);
        return;
    case TOKEN_MAP:
        print_map(self, tape, index, NULL);
        return;
    }
}

char *json_print(const tape_t *tape, uint32_t token) {
    CHECK(token < tape->count, "token %u of %u", token, tape->count);
    text_t text = {0};
    print_value(&text, tape, token);
    return text.ptr;
}

char *json_print_record(const record_t *record, const tape_t *tape, uint32_t token) {
    CHECK(token < tape->count && tape->tokens[token].type == TOKEN_MAP, "no map at %u of %u", token, tape->count);
    text_t text = {0};
    print_map(&text, tape, token, record);
    return text.ptr;
}

char *json_print_for_web(const record_t *record, const tape_t *tape, uint32_t token, const char *without) {
    CHECK(token < tape->count && tape->tokens[token].type == TOKEN_MAP, "no map at %u of %u", token, tape->count);
    text_t text = {.for_web = true, .without = without, .outermost = token};
    print_map(&text, tape, token, record);
    return text.ptr;
}

/* Returns what is wrong, or NULL. depth: containers around the value. */
static const char *pack_json(const json_t *value, unsigned depth, pack_t *pack);

static const char *pack_elements(const json_t *array, unsigned depth, pack_t *pack) {
    size_t index;
    json_t *element;
    const char *problem = NULL;
    pack_array(pack, json_array_size(array));
    json_array_foreach(array, index, element) {
        problem = problem != NULL ? problem : pack_json(element, depth + 1, pack);
    }
    return problem;
}

static const char *pack_pairs(json_t *object, unsigned depth, pack_t *pack) {
    const char *key;
    json_t *value;
    const char *problem = NULL;
    if (json_object_size(object) > MAP_KEYS_MAX) {
        return "an object has too many keys";
    }
    pack_map(pack, json_object_size(object));
    json_object_foreach(object, key, value) {
        pack_cstring(pack, key);
        problem = problem != NULL ? problem : pack_json(value, depth + 1, pack);
    }
    return problem;
}

static const char *pack_json(const json_t *value, unsigned depth, pack_t *pack) {
    if (depth >= DEPTH_MAX && (json_is_array(value) || json_is_object(value))) {
        return "arrays and objects lie too deep inside one another";
    }
    switch (json_typeof(value)) {
    case JSON_NULL:
        pack_nil(pack);
        return NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        pack_bool(pack, json_is_true(value));
        return NULL;
    case JSON_INTEGER:
        pack_i64(pack, json_integer_value(value));
        return NULL;
    case JSON_REAL:
        pack_f64(pack, json_real_value(value));
        return NULL;
    case JSON_STRING:
        pack_text(pack, span_of(json_string_value(value), json_string_length(value)));
        return NULL;
    case JSON_ARRAY:
        return pack_elements(value, depth, pack);
    case JSON_OBJECT:
        return pack_pairs((json_t *)(uintptr_t)value, depth, pack); /* jansson's iteration takes no const */
    }
    return "a value of no type";
}

status_t json_parse(span_t text, pack_t *pack, char *error, size_t error_bytes) {
    json_error_t refusal;
    json_t *root = json_loadb((const char *)text.ptr, text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &refusal);
    if (root == NULL) {
        snprintf(error, error_bytes, "line %d, column %d: %s", refusal.line, refusal.column, refusal.text);
        return STATUS_INVALID;
    }
    const char *problem = pack_json(root, 0, pack);
    json_decref(root);
    if (problem == NULL && pack_ok(pack)) {
        return STATUS_OK;
    }
    snprintf(error, error_bytes, "%s", problem != NULL ? problem : "the value is too large");
    return problem != NULL ? STATUS_INVALID : STATUS_TOO_LARGE;
}
