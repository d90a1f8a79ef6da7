/* SPDX-License-Identifier: MIT */
/*
 * query: what the runtime's method `list` does (schemas/common.def, DESIGN §7.3): a page of the actors of a kind, all
 * or those with one value in an indexed field, in the order of their keys over all partitions of a shard. It reads
 * through memtable and store as they are, activates nothing, and remembers nothing: the next page begins behind a key.
 * So who walks while others write meets every actor once that was there, with that value, all the time.
 *
 * One page is bounded: by the reply's room, by the values that an envelope may have, by the rows asked for, and by
 * QUERY_LOOKS_MAX heads with QUERY_LOOK_BYTES_MAX looked at; where that ends it before the rows do, `through` says how
 * far it came, though there may be no row. A state that would not fit into any reply is left out. An index row is only
 * a hint: the head record is looked at as it is. A damaged one is listed with version 0 and without its state, so that
 * it is seen. Shard's thread.
 */
#ifndef DORAN_ACTORS_QUERY_H
#define DORAN_ACTORS_QUERY_H

#include "actors/index.h"
#include "schemas/records.h"
#include "storage/view.h"

enum { QUERY_LOOKS_MAX = 1000, QUERY_PROBLEM_BYTES = 512 };
#define QUERY_LOOK_BYTES_MAX KIB(512)

/* Which partitions: those p with p modulo shards == shard. */
typedef struct query_place {
    uint16_t shard, shards;
} query_place_t;

/* A list_request, understood. For embedding; points into the request. */
typedef struct query {
    const kind_t *kind;
    span_t after;
    uint64_t limit;
    bool states;
    const field_t *field; /* NULL: all actors of the kind */
    union {
        bool boolean;
        uint64_t u64;
        int64_t i64;
        uint32_t enumerated;
        span_t text;
    } value;           /* of the field, as in the record's struct */
    index_value_t row; /* of its index rows */
} query_t;

/* INVALID: the kind is not found by this field, or the value is none of it; then problem has a sentence. */
MUST_USE status_t query_read(query_t *self, const kind_t *kind, const list_request_t *asked,
                             char problem[QUERY_PROBLEM_BYTES]);
/* Packs a list_reply. The tape is used; the reply needs room for a row with the longest key. */
void query_page(const query_t *self, const view_t *view, query_place_t place, tape_t *tape, pack_t *reply);

#endif
