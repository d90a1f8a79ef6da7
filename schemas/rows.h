/* SPDX-License-Identifier: MIT */
/*
 * rows: one page of a listing, merged from the answers of the shards (list_reply of common.def).
 *
 * Each shard answers the first rows behind the same place: a key, or where rows have a value, value and key. Where one
 * has more than it sent, it says how far it came, and the rows of the others beyond must wait: what it has not sent yet
 * may stand before them.
 *
 *   shard 0:  a  d  f  more, through f         order:  a  b  d  e  f | g
 *   shard 1:  b  e  g                                                |____ waits for the next page, which begins behind
 * f
 *
 * Owned by one thread.
 */
#ifndef DORAN_ROWS_H
#define DORAN_ROWS_H

#include "schemas/limits.h"
#include "schemas/status.h"

/* Where a row stands. */
typedef struct rows_place {
    char value[INDEX_VALUE_BYTES_MAX + 1]; /* "" where rows have none */
    char key[KEY_BYTES_MAX + 1];
} rows_place_t;

typedef struct row {
    rows_place_t place;
    uint64_t version, bytes;
    uint8_t *state; /* the head record; NULL: not asked for, or damaged */
    size_t state_bytes;
} row_t;

typedef struct rows {
    row_t *items;
    size_t count, capacity;
    bool descending;   /* the last first */
    bool more;         /* some shard may have rows beyond what it sent */
    rows_place_t last; /* if more: rows up to this place are complete; it may stand behind the last row */
} rows_t;

void rows_init(rows_t *self, bool descending);
void rows_fini(rows_t *self);
/* Empties the page. */
void rows_reset(rows_t *self);
/* Adds the body of one shard's answer. INVALID: it is none; the page is unchanged. */
MUST_USE status_t rows_add(rows_t *self, span_t body);
/* When all have answered: sorts, and returns how many rows from the first may be shown. Nothing may be added after. */
size_t rows_finish(rows_t *self);
/* Less than 0: a is before b, ascending. */
int rows_place_compare(const rows_place_t *a, const rows_place_t *b);

#endif
