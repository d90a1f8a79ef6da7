/* SPDX-License-Identifier: MIT */
/*
 * Rows are compared field by field: a change of one field deletes one row and writes one, and a turn that changes no
 * indexed field writes none.
 */
#include "actors/index.h"

#include "actors/cell.h"

/* The length of the text, or of its longest part of at most this length that ends between characters. */
static size_t cut(span_t text, size_t max) {
    if (text.len <= max) {
        return text.len;
    }
    while (max > 0 && (text.ptr[max] & 0xc0) == 0x80) { /* inside a character */
        max--;
    }
    return max;
}

static void set_text(index_value_t *bytes, span_t text) {
    const uint8_t *nul = text.len == 0 ? NULL : memchr(text.ptr, 0, text.len);
    size_t len = cut(span_of(text.ptr, nul == NULL ? text.len : (size_t)(nul - text.ptr)), INDEX_VALUE_BYTES_MAX);
    bytes->len = len;
    if (len > 0) {
        memcpy(bytes->bytes, text.ptr, len);
    }
}

static void append_number(index_value_t *bytes, uint64_t number) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 2 * sizeof number; i-- > 0; number >>= 4) {
        bytes->bytes[bytes->len + i] = (uint8_t)digits[number & 0xf];
    }
    bytes->len += 2 * sizeof number;
}

static void set_number(index_value_t *bytes, uint64_t number) {
    bytes->len = 0;
    append_number(bytes, number);
}

static void write_bool(const field_t *field, const void *value, index_value_t *bytes) {
    (void)field;
    set_text(bytes, span_text(*(const bool *)value ? "true" : "false"));
}

static void write_u64(const field_t *field, const void *value, index_value_t *bytes) {
    (void)field;
    set_number(bytes, *(const uint64_t *)value);
}

static void write_i64(const field_t *field, const void *value, index_value_t *bytes) {
    (void)field;
    set_number(bytes, *(const uint64_t *)value ^ UINT64_C(1) << 63);
}

static void write_text(const field_t *field, const void *value, index_value_t *bytes) {
    (void)field;
    set_text(bytes, *(const span_t *)value);
}

static void write_enum(const field_t *field, const void *value, index_value_t *bytes) {
    set_text(bytes, span_text(field->enumeration->values[*(const uint32_t *)value]));
}

/* Types that are not here are raw. */
typedef void (*write_fn)(const field_t *field, const void *value, index_value_t *bytes);
static const write_fn writers[] = {
    [FIELD_BOOL] = write_bool, [FIELD_U64] = write_u64,   [FIELD_I64] = write_i64,
    [FIELD_TIME] = write_u64,  [FIELD_TEXT] = write_text, [FIELD_ENUM] = write_enum,
};

bool index_possible(field_type_t type) {
    return type < ARRAY_LENGTH(writers) && writers[type] != NULL;
}

void index_value(const field_t *field, const void *value, index_value_t *bytes) {
    CHECK(index_possible(field->type), "%s cannot be indexed", field->name);
    writers[field->type](field, value, bytes);
    if ((field->flags & BY_TIME) != 0) {
        bytes->len = cut(span_of(bytes->bytes, bytes->len), INDEX_VALUE_BYTES_MAX - 1 - INDEX_TIME_BYTES);
        bytes->bytes[bytes->len++] = '~';
    }
}

void index_row(const field_t *field, const void *value, uint64_t created_at, index_value_t *bytes) {
    index_value(field, value, bytes);
    if ((field->flags & BY_TIME) != 0) {
        append_number(bytes, created_at);
    }
}

/* 0: the record has none. */
static uint64_t created_at(const record_t *record, const void *state) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        if (field->type == FIELD_TIME && strcmp(field->name, "created_at") == 0) {
            return *(const uint64_t *)(const void *)((const uint8_t *)state + field->offset);
        }
    }
    return 0;
}

bool index_any(const record_t *record) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        if ((record->fields[i].flags & INDEX) != 0) {
            return true;
        }
    }
    return false;
}

void index_keys(const record_t *record, const void *state, uint8_t partition, span_t kind, span_t key,
                index_keys_t *keys) {
    uint32_t indexed = 0;
    index_value_t value;
    for (uint32_t i = 0; i < INDEXED_FIELDS_MAX; i++) {
        keys->keys[i].len = 0;
    }
    for (uint32_t i = 0; state != NULL && i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        if ((field->flags & INDEX) == 0) {
            continue;
        }
        CHECK(indexed < INDEXED_FIELDS_MAX, "%s has more than %d indexed fields", record->name, INDEXED_FIELDS_MAX);
        if (record_has(state, i)) {
            uint64_t time = (field->flags & BY_TIME) != 0 ? created_at(record, state) : 0;
            index_row(field, (const uint8_t *)state + field->offset, time, &value);
            store_key_index(&keys->keys[indexed], partition, kind, span_text(field->name),
                            span_of(value.bytes, value.len), key);
        }
        indexed++;
    }
}

void index_put(writer_t *writer, span_t row) {
    uint8_t cell[CELL_HEADER_BYTES];
    cell_seal(cell, row, 0, 0, 0);
    writer_put(writer, row, span_of(cell, sizeof cell));
}

void index_update(writer_t *writer, const index_keys_t *before, const index_keys_t *after) {
    for (uint32_t i = 0; i < INDEXED_FIELDS_MAX; i++) {
        span_t old = store_key_span(&before->keys[i]), next = store_key_span(&after->keys[i]);
        if (span_equal(old, next)) {
            continue;
        }
        if (old.len > 0) {
            writer_delete(writer, old);
        }
        if (next.len > 0) {
            index_put(writer, next);
        }
    }
}
