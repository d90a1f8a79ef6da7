/* SPDX-License-Identifier: MIT */
/*
 * Records inside records, for tests: the .def files have few. As tables.c would write them for
 *
 *   order   lines LIST of line 1..3, place RECORD, ids TEXTS 0..2, kept SECRET LIST of line 0..1
 *   line    sku TEXT 1..8, quantity U64 1..9, cost SECRET U64, parts LIST of part 0..2
 *   part    code TEXT 1..4, origin RECORD place
 *   place   street TEXT 1..16, door SECRET TEXT 1..8, tags TEXTS 0..2, any ANY 0..8: in an origin the tags are as deep
 *           as RECORD_NESTING_MAX allows
 */
#ifndef DORAN_TESTS_NESTED_H
#define DORAN_TESTS_NESTED_H

#include "schemas/schema.h"

typedef struct place {
    uint64_t present;
    span_t street, door, tags, any;
} place_t;
typedef struct part {
    uint64_t present;
    span_t code, origin;
} part_t;
typedef struct line {
    uint64_t present;
    span_t sku;
    uint64_t quantity, cost;
    span_t parts;
} line_t;
typedef struct order {
    uint64_t present;
    span_t lines, place, ids, kept;
} nested_order_t;

enum { PLACE_STREET, PLACE_DOOR, PLACE_TAGS, PLACE_ANY, PLACE_FIELDS };
enum { PART_CODE, PART_ORIGIN, PART_FIELDS };
enum { LINE_SKU, LINE_QUANTITY, LINE_COST, LINE_PARTS, LINE_FIELDS };
enum { ORDER_LINES, ORDER_PLACE, ORDER_IDS, ORDER_KEPT, ORDER_FIELDS };

#define NESTED_ROW(struct_, name_, type_, min_, max_, flags_, element_)                                                \
    {                                                                                                                  \
        .name = #name_, .type = FIELD_##type_, .offset = offsetof(struct_, name_), .min = (min_), .max = (max_),       \
        .flags = (flags_), .element = (element_)                                                                       \
    }
#define NESTED_RECORD(name_)                                                                                           \
    {                                                                                                                  \
        .name = #name_, .version = 1, .struct_bytes = sizeof(name_##_t), .fields = name_##_fields,                     \
        .field_count = ARRAY_LENGTH(name_##_fields)                                                                    \
    }

static const field_t place_fields[] = {
    NESTED_ROW(place_t, street, TEXT, 1, 16, REQUIRED, NULL),
    NESTED_ROW(place_t, door, TEXT, 1, 8, SECRET, NULL),
    NESTED_ROW(place_t, tags, LIST, 0, 2, OPTIONAL, NULL),
    NESTED_ROW(place_t, any, ANY, 0, 8, OPTIONAL, NULL),
};
static const record_t record_place = NESTED_RECORD(place);

static const field_t part_fields[] = {
    NESTED_ROW(part_t, code, TEXT, 1, 4, REQUIRED, NULL),
    NESTED_ROW(part_t, origin, RECORD, 0, 0, OPTIONAL, &record_place),
};
static const record_t record_part = NESTED_RECORD(part);

static const field_t line_fields[] = {
    NESTED_ROW(line_t, sku, TEXT, 1, 8, REQUIRED, NULL),
    NESTED_ROW(line_t, quantity, U64, 1, 9, REQUIRED, NULL),
    NESTED_ROW(line_t, cost, U64, 0, UINT64_MAX, SECRET, NULL),
    NESTED_ROW(line_t, parts, LIST, 0, 2, OPTIONAL, &record_part),
};
static const record_t record_line = NESTED_RECORD(line);

static const field_t nested_order_fields[] = {
    NESTED_ROW(nested_order_t, lines, LIST, 1, 3, REQUIRED, &record_line),
    NESTED_ROW(nested_order_t, place, RECORD, 0, 0, OPTIONAL, &record_place),
    NESTED_ROW(nested_order_t, ids, LIST, 0, 2, OPTIONAL, NULL),
    NESTED_ROW(nested_order_t, kept, LIST, 0, 1, SECRET, &record_line),
};
static const record_t record_nested_order = NESTED_RECORD(nested_order);

#endif
