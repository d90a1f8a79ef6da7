/* SPDX-License-Identifier: MIT */
/*
 * query_rows: what the queries `timers`, `streams` and `dead_letters` of the broker's kind answer (schemas/broker.def):
 * a page of what waits in the partitions of one shard. It reads through memtable and store as they are, activates
 * nothing, writes nothing, and remembers nothing: the next page begins behind a place.
 *
 * A place is the key of a row (store_key.h), without the number of a message: a stream is one row. Rows of all
 * partitions are merged in the order of the bytes behind the partition, which for timers and letters is their time; of
 * equal ones the lower partition is first.
 *
 * One page is bounded as one of `list` is (query.h): by the reply's room, by the values that an envelope may have, by
 * the rows asked for, and by QUERY_LOOKS_MAX rows with QUERY_LOOK_BYTES_MAX looked at. What is damaged is shown as far
 * as it can be read, with a sentence; keys too long to be ours are left to verify. Shard's thread.
 */
#ifndef DORAN_ACTORS_QUERY_ROWS_H
#define DORAN_ACTORS_QUERY_ROWS_H

#include "actors/outbox.h"
#include "actors/query.h"

#define QUERY_ROWS_REPLY_BYTES KIB(128)

typedef struct query_rows { /* borrowed, for the call */
    const view_t *view;
    const outbox_t *outbox;
    tape_t *tape; /* of ELEMENTS_MAX */
    const kind_t *(*kind_of)(span_t name);
    query_place_t place;
    uint64_t now_us; /* monotonic, as the outbox's */
} query_rows_t;

/* Each packs its reply, for which QUERY_ROWS_REPLY_BYTES are enough. INVALID: `after` is no place of such rows. */
MUST_USE status_t query_timers(const query_rows_t *self, const rows_request_t *asked, pack_t *reply);
MUST_USE status_t query_streams(const query_rows_t *self, const rows_request_t *asked, pack_t *reply);
MUST_USE status_t query_dead_letters(const query_rows_t *self, const rows_request_t *asked, pack_t *reply);

#endif
