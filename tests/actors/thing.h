/* SPDX-License-Identifier: MIT */
/*
 * thing: a kind of the tests' own, with an indexed field of each type that can be indexed, one by time, two that are
 * searched, one that is neither, and a secret. Its records and rows are written as the runtime does it, through a
 * view_fixture.
 */
#ifndef DORAN_TESTS_ACTORS_THING_H
#define DORAN_TESTS_ACTORS_THING_H

#include "actors/cell.h"
#include "actors/index.h"
#include "schemas/address.h"
#include "tests/actors/view_fixture.h"

typedef struct thing {
    uint64_t present;
    span_t name, note;
    uint32_t colour;
    bool open;
    uint64_t count;
    int64_t balance;
    uint64_t made_at;
    span_t token;
    span_t owner;
    uint64_t created_at;
    span_t title, label;
} thing_t;

enum {
    THING_NAME,
    THING_NOTE,
    THING_COLOUR,
    THING_OPEN,
    THING_COUNT,
    THING_BALANCE,
    THING_MADE_AT,
    THING_TOKEN,
    THING_OWNER,
    THING_CREATED_AT,
    THING_TITLE,
    THING_LABEL
};
enum { RED, BLUE };

static const char *const thing_colours[] = {[RED] = "RED", [BLUE] = "BLUE"};
static const enumeration_t enum_thing_colour = {.name = "colour", .values = thing_colours, .count = 2};

#define THING_FIELD(field_, type_, flags_)                                                                             \
    .name = #field_, .type = type_, .offset = offsetof(thing_t, field_), .flags = flags_
static const field_t thing_fields[] = {
    [THING_NAME] = {THING_FIELD(name, FIELD_TEXT, REQUIRED | INDEX), .max = 1000},
    [THING_NOTE] = {THING_FIELD(note, FIELD_TEXT, OPTIONAL), .max = VALUE_BYTES_MAX},
    [THING_COLOUR] = {THING_FIELD(colour, FIELD_ENUM, REQUIRED | INDEX), .enumeration = &enum_thing_colour},
    [THING_OPEN] = {THING_FIELD(open, FIELD_BOOL, OPTIONAL | INDEX)},
    [THING_COUNT] = {THING_FIELD(count, FIELD_U64, OPTIONAL | INDEX), .max = UINT64_MAX},
    [THING_BALANCE] = {THING_FIELD(balance, FIELD_I64, OPTIONAL | INDEX), .min = 1ull << 63, .max = INT64_MAX},
    [THING_MADE_AT] = {THING_FIELD(made_at, FIELD_TIME, OPTIONAL | INDEX), .max = UINT64_MAX},
    [THING_TOKEN] = {THING_FIELD(token, FIELD_TEXT, SECRET), .max = 1000},
    [THING_OWNER] = {THING_FIELD(owner, FIELD_TEXT, OPTIONAL | INDEX | BY_TIME), .max = 1000},
    [THING_CREATED_AT] = {THING_FIELD(created_at, FIELD_TIME, OPTIONAL), .max = UINT64_MAX},
    [THING_TITLE] = {THING_FIELD(title, FIELD_TEXT, OPTIONAL | SEARCHED), .max = 200},
    [THING_LABEL] = {THING_FIELD(label, FIELD_TEXT, OPTIONAL | SEARCHED), .max = 100},
};
static const record_t record_thing = {.name = "thing",
                                      .version = 3,
                                      .struct_bytes = sizeof(thing_t),
                                      .fields = thing_fields,
                                      .field_count = sizeof thing_fields / sizeof thing_fields[0]};
static const kind_t kind_thing = {.name = "thing", .state = &record_thing};

static inline uint64_t thing_bit(int field) {
    return UINT64_C(1) << field;
}

/* With the required fields: a name, and RED. */
static inline thing_t thing_named(const char *name) {
    return (thing_t){.present = thing_bit(THING_NAME) | thing_bit(THING_COLOUR), .name = span_text(name)};
}

static inline uint8_t thing_partition(const char *key) {
    return address_partition(span_text("thing"), span_text(key));
}

static inline void thing_head_key(const char *key, store_key_t *head) {
    store_key_head(head, thing_partition(key), span_text("thing"), span_text(key));
}

/* The rows that it ought to have; NULL: none. */
static inline void thing_keys(const thing_t *thing, const char *key, index_keys_t *keys) {
    index_keys(&record_thing, thing, thing_partition(key), span_text("thing"), span_text(key), keys);
}

/* Writes the head record, or deletes it if there is none, without touching its rows. */
static inline void thing_write_head(view_fixture_t *fixture, const char *key, const thing_t *thing, uint64_t version) {
    static uint8_t cell[CELL_HEADER_BYTES + VALUE_BYTES_MAX];
    store_key_t head;
    thing_head_key(key, &head);
    if (thing == NULL) {
        writer_delete(&fixture->writer, store_key_span(&head));
        return;
    }
    pack_t pack = pack_into(cell + CELL_HEADER_BYTES, VALUE_BYTES_MAX);
    record_encode(&record_thing, thing, &pack);
    cr_assert(pack_ok(&pack));
    cell_seal(cell, store_key_span(&head), (uint16_t)record_thing.version, version, pack.len);
    writer_put(&fixture->writer, store_key_span(&head), span_of(cell, CELL_HEADER_BYTES + pack.len));
}

static inline void thing_update_rows(view_fixture_t *fixture, const char *key, const thing_t *before,
                                     const thing_t *after) {
    index_keys_t old, next;
    thing_keys(before, key, &old);
    thing_keys(after, key, &next);
    index_update(&fixture->writer, &old, &next);
}

/* What a turn does that changes the record from one to the other; NULL: there was, or is, none. */
static inline void thing_change(view_fixture_t *fixture, const char *key, const thing_t *before, const thing_t *after,
                                uint64_t version) {
    thing_write_head(fixture, key, after, version);
    thing_update_rows(fixture, key, before, after);
}

#endif
