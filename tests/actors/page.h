/* SPDX-License-Identifier: MIT */
/*
 * page: what shards answer to `list`, read and merged as an asker does it (schemas/common.def).
 */
#ifndef DORAN_TESTS_ACTORS_PAGE_H
#define DORAN_TESTS_ACTORS_PAGE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/check.h"
#include "schemas/json.h"
#include "schemas/limits.h"
#include "schemas/tape.h"

enum { PAGE_ROWS_MAX = 2000 };

typedef struct row {
    char key[KEY_BYTES_MAX + 1];
    char value[INDEX_VALUE_BYTES_MAX + 1]; /* "" if there is none */
    uint64_t version, bytes;
    char state[256]; /* as JSON, cut to fit; "" if there is none */
} row_t;

typedef struct page {
    row_t rows[PAGE_ROWS_MAX];
    uint32_t count;
    bool more;
    row_t through; /* if more: the first of the shards' */
} page_t;

static token_t page_tokens[ELEMENTS_MAX];
static tape_t page_tape = {.tokens = page_tokens, .capacity = ELEMENTS_MAX};

static inline uint64_t page_number(uint32_t map, const char *name) {
    uint32_t token = tape_find(&page_tape, map, name);
    cr_assert(token != 0 && page_tape.tokens[token].type == TOKEN_U64, "%s", name);
    return page_tape.tokens[token].u64;
}

static bool page_descending; /* is it asked for so? */

static inline int page_row_order(const void *a, const void *b) {
    const row_t *one = a, *other = b;
    int order = strcmp(one->value, other->value);
    order = order != 0 ? order : strcmp(one->key, other->key);
    return page_descending ? -order : order;
}

/* "" if there is none of this name. */
static inline void page_read_text(uint32_t map, const char *name, char *text, size_t bytes) {
    uint32_t token = tape_find(&page_tape, map, name);
    span_t found = token != 0 ? token_span(&page_tape.tokens[token]) : span_text("");
    cr_assert(token == 0 || page_tape.tokens[token].type == TOKEN_TEXT, "%s", name);
    cr_assert_lt(found.len, bytes, "%s", name);
    snprintf(text, bytes, "%.*s", (int)found.len, found.ptr);
}

static inline void page_read_row(uint32_t map, row_t *row) {
    uint32_t state = tape_find(&page_tape, map, "state");
    char *text = state != 0 ? json_print(&page_tape, state) : NULL;
    page_read_text(map, "key", row->key, sizeof row->key);
    page_read_text(map, "value", row->value, sizeof row->value);
    snprintf(row->state, sizeof row->state, "%s", text != NULL ? text : "");
    row->version = page_number(map, "version");
    row->bytes = page_number(map, "bytes");
    free(text);
}

/* Adds the rows of one reply; its map begins at this token of the tape. */
static inline void page_add_reply(page_t *self, uint32_t map) {
    uint32_t items = tape_find(&page_tape, map, "items"), row = items + 1;
    for (uint32_t i = 0; i < page_tape.tokens[items].len; i++) {
        cr_assert_lt(self->count, PAGE_ROWS_MAX);
        page_read_row(row, &self->rows[self->count++]);
        row = page_tape.tokens[row].next;
    }
    if (page_tape.tokens[tape_find(&page_tape, map, "more")].boolean) {
        row_t through = {0};
        page_read_text(map, "through", through.key, sizeof through.key);
        page_read_text(map, "through_value", through.value, sizeof through.value);
        cr_assert_neq(through.key[0], 0);
        if (!self->more || page_row_order(&through, &self->through) < 0) {
            self->through = through;
        }
        self->more = true;
    }
}

/* Keeps the first rows that are complete, and finds behind which place the next page begins, if there is more. */
static inline void page_finish(page_t *self, uint32_t limit, row_t *after) {
    qsort(self->rows, self->count, sizeof self->rows[0], page_row_order);
    while (self->count > 0 && self->more && page_row_order(&self->rows[self->count - 1], &self->through) > 0) {
        self->count--;
    }
    if (self->count > limit) {
        self->count = limit;
        self->more = true;
    }
    bool cut = self->count == limit;
    if (self->more) {
        *after = cut ? self->rows[self->count - 1] : self->through;
    }
}

#endif
