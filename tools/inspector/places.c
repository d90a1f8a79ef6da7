/* SPDX-License-Identifier: MIT */
/* A page holds at most 500 items of each shard, so it is simply collected and sorted. */
#include "tools/inspector/places.h"

#include <stdlib.h>

#include "schemas/tape.h"

enum { CAPACITY_FIRST = 256, PLACE_BYTES_MIN = 2 };

int places_compare(span_t a, span_t b) {
    int order = span_compare(span_of(a.ptr + 1, a.len - 1), span_of(b.ptr + 1, b.len - 1));
    return order != 0 ? order : (int)a.ptr[0] - (int)b.ptr[0];
}

void places_init(places_t *self) {
    *self = (places_t){0};
}

/* Forgets the items from this one on. */
static void truncate_to(places_t *self, size_t count) {
    while (self->count > count) {
        free(self->items[--self->count].bytes);
    }
}

void places_fini(places_t *self) {
    truncate_to(self, 0);
    free(self->items);
    *self = (places_t){0};
}

void places_reset(places_t *self) {
    truncate_to(self, 0);
    self->more = false;
    self->last_bytes = 0;
}

static place_item_t *append(places_t *self) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? CAPACITY_FIRST : 2 * self->capacity;
        self->items = realloc(self->items, self->capacity * sizeof self->items[0]);
        CHECK(self->items != NULL, "out of memory");
    }
    return &self->items[self->count++];
}

/* The place under a key of a map. False: there is none. */
static bool read_place(const tape_t *tape, uint32_t map, const char *name, span_t *place) {
    uint32_t at = tape_find(tape, map, name);
    if (at == 0 || tape->tokens[at].type != TOKEN_BINARY || tape->tokens[at].len < PLACE_BYTES_MIN ||
        tape->tokens[at].len > STORE_KEY_BYTES_MAX) {
        return false;
    }
    *place = token_span(&tape->tokens[at]);
    return true;
}

static bool read_item(places_t *self, const tape_t *tape, uint32_t map) {
    span_t place, raw = tape_raw(tape, map);
    if (!read_place(tape, map, "place", &place)) {
        return false;
    }
    place_item_t *item = append(self);
    *item = (place_item_t){.bytes = malloc(raw.len), .len = raw.len};
    CHECK(item->bytes != NULL, "out of memory");
    memcpy(item->bytes, raw.ptr, raw.len);
    item->place = span_of(item->bytes + (place.ptr - raw.ptr), place.len);
    return true;
}

static bool read_items(places_t *self, const tape_t *tape) {
    uint32_t items = tape_find(tape, 0, "items");
    bool good = true;
    for (uint32_t at = items + 1; at < tape->tokens[items].next && good; at = tape->tokens[at].next) {
        good = read_item(self, tape, at);
    }
    return good;
}

static void end_at(places_t *self, span_t through) {
    if (!self->more || places_compare(through, span_of(self->last, self->last_bytes)) < 0) {
        memcpy(self->last, through.ptr, through.len);
        self->last_bytes = through.len;
        self->more = true;
    }
}

static bool fits(const record_t *record, const tape_t *tape) {
    uint64_t reply[16]; /* room for any such record's struct */
    CHECK(record->struct_bytes <= sizeof reply, "%s has %u bytes", record->name, record->struct_bytes);
    return record_decode(record, tape, 0, FROM_WIRE, reply, NULL) == STATUS_OK;
}

status_t places_add(places_t *self, const record_t *record, span_t body) {
    token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    size_t count = self->count;
    span_t through = {0};
    if (tape_read_whole(&tape, body) != STATUS_OK || !fits(record, &tape)) {
        return STATUS_INVALID;
    }
    bool more = tape.tokens[tape_find(&tape, 0, "more")].boolean;
    bool good = !more || read_place(&tape, 0, "through", &through); /* else there would be no end of it */
    if (!good || !read_items(self, &tape)) {
        truncate_to(self, count);
        return STATUS_INVALID;
    }
    if (more) {
        end_at(self, through);
    }
    return STATUS_OK;
}

static int compare_items(const void *a, const void *b) {
    return places_compare(((const place_item_t *)a)->place, ((const place_item_t *)b)->place);
}

size_t places_finish(places_t *self) {
    size_t shown = self->count;
    span_t last = span_of(self->last, self->last_bytes);
    if (self->count > 0) {
        qsort(self->items, self->count, sizeof self->items[0], compare_items);
    }
    while (self->more && shown > 0 && places_compare(self->items[shown - 1].place, last) > 0) {
        shown--;
    }
    return shown;
}
