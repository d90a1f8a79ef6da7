/* SPDX-License-Identifier: MIT */
/*
 * query: what the runtime's method `list` does (schemas/common.def, DESIGN §7.3): a page of the actors of a kind, all
 * or those with one value in an indexed field, in the order of their keys over all partitions of a shard; or those that
 * have any value there, in the order of values and keys; and all that from the last to the first. It reads through
 * memtable and store as they are, activates nothing, and remembers nothing: the next page begins behind a place. So who
 * walks while others write meets every actor once that was there, with that value, all the time.
 *
 * One page is bounded: by the reply's room, by the values that an envelope may have, by the rows asked for, and by
 * QUERY_LOOKS_MAX heads with QUERY_LOOK_BYTES_MAX looked at; where that ends it before the rows do, `through` says how
 * far it came, though there may be no row. A state that would not fit into any reply is left out. An index row is only
 * a hint: the head record is looked at as it is, and searched if a text is asked for. A damaged one is listed with
 * version 0 and without its state, so that it is seen. Shard's thread.
 */
#ifndef DORAN_ACTORS_QUERY_H
#define DORAN_ACTORS_QUERY_H

#include "actors/fold.h"
#include "actors/index.h"
#include "actors/kind.h"
#include "storage/view.h"

enum { QUERY_LOOKS_MAX = 1000, QUERY_PROBLEM_BYTES = 512 };
#define QUERY_LOOK_BYTES_MAX KIB(512)

/* Which partitions: those p with p modulo shards == shard. */
typedef struct query_place {
    uint16_t shard, shards;
} query_place_t;

/* Of an indexed field, as in the record's struct. */
typedef union query_value {
    bool boolean;
    uint64_t u64;
    int64_t i64;
    uint32_t enumerated;
    span_t text;
} query_value_t;

/* Where a row stands: its key; where any value is asked for, bytes of the value, NUL, and the key; where one is, of a
   field that is BY_TIME, the time, NUL, and the key. */
enum { QUERY_PLACE_BYTES_MAX = INDEX_VALUE_BYTES_MAX + 1 + KEY_BYTES_MAX };

/* A list_request, understood. For embedding; points into the request. */
typedef struct query {
    const kind_t *kind;
    uint64_t limit;
    bool states, descending;
    const field_t *field; /* NULL: all actors of the kind */
    bool any;             /* value of the field; else this one: */
    bool valued;          /* rows have a value: any, or the time */
    query_value_t value;
    index_value_t row; /* of its index rows, or what they begin with */
    fold_t text;       /* that stands in what is searched; empty: none is asked for */
    size_t after_bytes;
    uint8_t after[QUERY_PLACE_BYTES_MAX]; /* a place; empty: from the first */
} query_t;

/* Narrows what is asked to what the caller may list of a kind: with these roles, for this user (absent: for nobody).
   FORBIDDEN: the caller may not list it, or asks for more. */
MUST_USE status_t query_narrow(list_request_t *asked, const listing_t *listing, uint32_t roles, span_t user);
/* INVALID: the kind is not found by this field, or the value is none of it; then problem has a sentence. */
MUST_USE status_t query_read(query_t *self, const kind_t *kind, const list_request_t *asked,
                             char problem[QUERY_PROBLEM_BYTES]);
/* Packs a list_reply. The tape is used; the reply needs room for a row with the longest key. */
void query_page(const query_t *self, const view_t *view, query_place_t place, tape_t *tape, pack_t *reply);

#endif
