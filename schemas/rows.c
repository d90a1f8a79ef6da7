/* SPDX-License-Identifier: MIT */
/* A page holds at most 1,000 rows of each shard, so it is simply collected and sorted. */
#include "schemas/rows.h"

#include <stdlib.h>

#include "schemas/records.h"
#include "schemas/tape.h"

int rows_place_compare(const rows_place_t *a, const rows_place_t *b) {
    int order = strcmp(a->value, b->value);
    return order != 0 ? order : strcmp(a->key, b->key);
}

/* The same in the order of the page. */
static int compare_places(const rows_t *self, const rows_place_t *a, const rows_place_t *b) {
    return self->descending ? rows_place_compare(b, a) : rows_place_compare(a, b);
}

void rows_init(rows_t *self, bool descending) {
    *self = (rows_t){.descending = descending};
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

/* False: longer than `bytes` has room for, or no text. */
static bool read_text(const tape_t *tape, uint32_t at, char *text, size_t bytes) {
    const token_t *token = &tape->tokens[at];
    if (token->type != TOKEN_TEXT || token->len >= bytes) {
        return false;
    }
    memcpy(text, token->ptr, token->len);
    text[token->len] = '\0';
    return true;
}

static bool read_place(const tape_t *tape, uint32_t map, const char *key, const char *value, rows_place_t *place) {
    uint32_t key_at = tape_find(tape, map, key), value_at = tape_find(tape, map, value);
    return key_at != 0 && read_text(tape, key_at, place->key, sizeof place->key) &&
           (value_at == 0 || read_text(tape, value_at, place->value, sizeof place->value));
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
    if (tape->tokens[map].type != TOKEN_MAP || !read_place(tape, map, "key", "value", &row->place) ||
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
static bool read_through(const rows_t *self, const tape_t *tape, size_t count, rows_place_t *through) {
    if (tape_find(tape, 0, "through") != 0) {
        return read_place(tape, 0, "through", "through_value", through);
    }
    if (self->count > count) {
        *through = self->items[self->count - 1].place;
    }
    return self->count > count;
}

status_t rows_add(rows_t *self, span_t body) {
    token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    list_reply_t reply;
    size_t count = self->count;
    rows_place_t through = {0};
    if (tape_read_whole(&tape, body) != STATUS_OK ||
        record_decode(&record_list_reply, &tape, 0, FROM_WIRE, &reply, NULL) != STATUS_OK) {
        return STATUS_INVALID;
    }
    if (!read_rows(self, &tape, tape_find(&tape, 0, "items")) ||
        (reply.more && !read_through(self, &tape, count, &through))) { /* there would be no end of it */
        truncate_to(self, count);
        return STATUS_INVALID;
    }
    if (reply.more && (!self->more || compare_places(self, &through, &self->last) < 0)) {
        self->last = through;
        self->more = true;
    }
    return STATUS_OK;
}

static int compare_rows(const void *a, const void *b) {
    return rows_place_compare(&((const row_t *)a)->place, &((const row_t *)b)->place);
}

static int compare_rows_back(const void *a, const void *b) {
    return compare_rows(b, a);
}

size_t rows_finish(rows_t *self) {
    size_t shown = self->count;
    if (self->count > 0) {
        qsort(self->items, self->count, sizeof self->items[0], self->descending ? compare_rows_back : compare_rows);
    }
    while (self->more && shown > 0 && compare_places(self, &self->items[shown - 1].place, &self->last) > 0) {
        shown--;
    }
    return shown;
}
