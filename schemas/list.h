/* SPDX-License-Identifier: MIT */
/*
 * list: reads the lists in a record's struct, and writes them. Both structs are visible, for the caller's stack, and
 * need no memory but the bytes given; a list is read while these bytes are valid. One thread at a time.
 *
 *   order_line_t line;                                    | list_writer_t writer;
 *   list_t lines;                                         | list_writer_init(&writer, &record_order_line, room, bytes);
 *   list_open(&lines, &record_order_line, order->lines);  | list_writer_add(&writer, &line); …
 *   while (list_next(&lines, &line)) …                    | status = list_writer_end(&writer, &order.lines);
 *
 * What was decoded with its record was checked with it, so reading cannot fail: it CHECKs. Bytes of another origin are
 * not for here, but inside a record of their own for record_load.
 */
#ifndef DORAN_LIST_H
#define DORAN_LIST_H

#include "schemas/schema.h"

typedef struct list {
    const record_t *element; /* NULL: texts */
    span_t rest;
    uint32_t left; /* elements not yet read */
} list_t;

/* raw: of a FIELD_LIST with this element; absent: an empty list. */
void list_open(list_t *self, const record_t *element, span_t raw);
/* How many elements the list has; 0 if absent. */
uint32_t list_count(span_t raw);
/* Decodes the next element into its struct; false, and nothing done, behind the last. */
bool list_next(list_t *self, void *element);
/* The same for a list of texts. */
bool list_next_text(list_t *self, span_t *text);

typedef struct list_writer {
    const record_t *element; /* NULL: texts */
    pack_t pack;             /* the elements, with room for the head before them */
    uint32_t count;
} list_writer_t;

/* The list is written into `room`, which it borrows, of LIST_HEAD_BYTES more than its elements take. */
enum { LIST_HEAD_BYTES = 5 };
void list_writer_init(list_writer_t *self, const record_t *element, void *room, size_t bytes);
/* Encodes one more element from its struct; see record_encode. */
void list_writer_add(list_writer_t *self, const void *element);
void list_writer_add_text(list_writer_t *self, span_t text);
/* The list, raw, in the room. TOO_LARGE: it did not fit. */
MUST_USE status_t list_writer_end(list_writer_t *self, span_t *raw);

#endif
