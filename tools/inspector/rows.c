/* SPDX-License-Identifier: MIT */
/* A page holds at most 1,000 rows of each shard, so it is simply collected and sorted. */
#include "tools/inspector/rows.h"

#include <stdlib.h>

#include "schemas/records.h"
#include "schemas/tape.h"

void rows_init(rows_t *self) {
    *self = (rows_t){0};
}

void rows_fini(rows_t *self) {
    free(self->items);
    *self = (rows_t){0};
}

void rows_reset(rows_t *self) {
    self->count = 0;
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

static bool read_row(const tape_t *tape, uint32_t map, row_t *row) {
    uint32_t key = tape->tokens[map].type == TOKEN_MAP ? tape_find(tape, map, "key") : 0;
    if (key == 0 || tape->tokens[key].type != TOKEN_TEXT || tape->tokens[key].len > KEY_BYTES_MAX) {
        return false;
    }
    memcpy(row->key, tape->tokens[key].ptr, tape->tokens[key].len);
    row->key[tape->tokens[key].len] = '\0';
    return read_number(tape, map, "version", &row->version) && read_number(tape, map, "bytes", &row->bytes);
}

/* Adds the rows of the array at `items`. last: the key of the last one. */
static bool read_rows(rows_t *self, const tape_t *tape, uint32_t items, row_t *last) {
    for (uint32_t at = items + 1; at < tape->tokens[items].next; at = tape->tokens[at].next) {
        if (!read_row(tape, at, last)) {
            return false;
        }
        *append(self) = *last;
    }
    return true;
}

status_t rows_add(rows_t *self, span_t body) {
    token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    list_reply_t reply;
    size_t count = self->count;
    row_t last = {0};
    if (tape_read_whole(&tape, body) != STATUS_OK ||
        record_decode(&record_list_reply, &tape, 0, FROM_WIRE, &reply, NULL) != STATUS_OK) {
        return STATUS_INVALID;
    }
    uint32_t items = tape_find(&tape, 0, "items");
    if (items == 0 || tokens[items].type != TOKEN_ARRAY || !read_rows(self, &tape, items, &last) ||
        (reply.more && self->count == count)) { /* more without a row: there would be no end of it */
        self->count = count;
        return STATUS_INVALID;
    }
    if (reply.more && (!self->more || strcmp(last.key, self->last) < 0)) {
        memcpy(self->last, last.key, sizeof self->last);
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
