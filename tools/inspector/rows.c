/* SPDX-License-Identifier: MIT */
/* A page holds at most 1,000 rows of each shard, so it is simply collected and sorted. */
#include "tools/inspector/rows.h"

#include <stdlib.h>

#include "schemas/records.h"
#include "schemas/tape.h"

void rows_init(rows_t *self) {
    *self = (rows_t){0};
}

/* Forgets the rows from this one on. */
static void truncate_to(rows_t *self, size_t count) {
    while (self->count > count) {
        free(self->items[--self->count].state);
    }
}

void rows_fini(rows_t *self) {
    truncate_to(self, 0);
    free(self->items);
    *self = (rows_t){0};
}

void rows_reset(rows_t *self) {
    truncate_to(self, 0);
    self->more = false;
}

static row_t *append(rows_t *self) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 256 : 2 * self->capacity;
        self->items = realloc(self->items, self->capacity * sizeof self->items[0]);
        CHECK(self->items != NULL, "out of memory");
    }
    return &self->items[self->count++];
}

static bool read_number(const tape_t *tape, uint32_t map, const char *name, uint64_t *number) {
    uint32_t at = tape_find(tape, map, name);
    if (at == 0 || tape->tokens[at].type != TOKEN_U64) {
        return false;
    }
    *number = tape->tokens[at].u64;
    return true;
}

static bool read_key(const tape_t *tape, uint32_t at, char key[KEY_BYTES_MAX + 1]) {
    const token_t *token = &tape->tokens[at];
    if (at == 0 || token->type != TOKEN_TEXT || token->len > KEY_BYTES_MAX) {
        return false;
    }
    memcpy(key, token->ptr, token->len);
    key[token->len] = '\0';
    return true;
}

static void read_state(const tape_t *tape, uint32_t at, row_t *row) {
    span_t raw = tape_raw(tape, at);
    row->state = malloc(raw.len);
    CHECK(row->state != NULL, "out of memory");
    memcpy(row->state, raw.ptr, raw.len);
    row->state_bytes = raw.len;
}

/* Nothing is kept of a row that is none. */
static bool read_row(const tape_t *tape, uint32_t map, row_t *row) {
    if (tape->tokens[map].type != TOKEN_MAP || !read_key(tape, tape_find(tape, map, "key"), row->key) ||
        !read_number(tape, map, "version", &row->version) || !read_number(tape, map, "bytes", &row->bytes)) {
        return false;
    }
    uint32_t state = tape_find(tape, map, "state");
    if (state != 0) {
        read_state(tape, state, row);
    }
    return true;
}

/* Adds the rows of the array at `items`. */
static bool read_rows(rows_t *self, const tape_t *tape, uint32_t items) {
    if (items == 0 || tape->tokens[items].type != TOKEN_ARRAY) {
        return false;
    }
    for (uint32_t at = items + 1; at < tape->tokens[items].next; at = tape->tokens[at].next) {
        row_t row = {0};
        if (!read_row(tape, at, &row)) {
            return false;
        }
        *append(self) = row;
    }
    return true;
}

/* If the shard has more: how far it came. A server of before sends a row at least, and does not say. */
static bool read_through(const rows_t *self, const tape_t *tape, size_t count, char through[KEY_BYTES_MAX + 1]) {
    uint32_t at = tape_find(tape, 0, "through");
    if (at != 0) {
        return read_key(tape, at, through);
    }
    if (self->count > count) {
        memcpy(through, self->items[self->count - 1].key, KEY_BYTES_MAX + 1);
    }
    return self->count > count;
}

status_t rows_add(rows_t *self, span_t body) {
    token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    list_reply_t reply;
    size_t count = self->count;
    char through[KEY_BYTES_MAX + 1];
    if (tape_read_whole(&tape, body) != STATUS_OK ||
        record_decode(&record_list_reply, &tape, 0, FROM_WIRE, &reply, NULL) != STATUS_OK) {
        return STATUS_INVALID;
    }
    if (!read_rows(self, &tape, tape_find(&tape, 0, "items")) ||
        (reply.more && !read_through(self, &tape, count, through))) { /* there would be no end of it */
        truncate_to(self, count);
        return STATUS_INVALID;
    }
    if (reply.more && (!self->more || strcmp(through, self->last) < 0)) {
        memcpy(self->last, through, sizeof self->last);
        self->more = true;
    }
    return STATUS_OK;
}

static int compare_rows(const void *a, const void *b) {
    return strcmp(((const row_t *)a)->key, ((const row_t *)b)->key);
}

size_t rows_finish(rows_t *self) {
    size_t shown = self->count;
    if (self->count > 0) {
        qsort(self->items, self->count, sizeof self->items[0], compare_rows);
    }
    while (self->more && shown > 0 && strcmp(self->items[shown - 1].key, self->last) > 0) {
        shown--;
    }
    return shown;
}
