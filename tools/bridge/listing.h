/* SPDX-License-Identifier: MIT */
/*
 * listing: what a LISTED row answers, {items, next_cursor?} with a Link to the next page. A list is a method of one
 * actor that answers pages, or the runtime's `list`, merged over the shards.
 *
 * How a page goes on, its reply says, in one of three ways:
 *   - `next`: the next page is `after` it
 *   - `before`: the next page is before it
 *   - `more` is true: the next page is `after` the `seq` of the last item, if this one was after one, else `before` it
 */
#ifndef DORAN_BRIDGE_LISTING_H
#define DORAN_BRIDGE_LISTING_H

#include "schemas/rows.h"
#include "tools/bridge/call.h"

/* Puts what the cursor says into the call's JSON, in place of it. False: refused. */
bool listing_take_cursor(call_t *call);
/* Answers with the page that the reply, of this record, holds. */
void listing_answer(call_t *call, const record_t *record, const doran_reply_t *reply);

/* Actors of a kind, from all shards (common.def). */
typedef struct listing_source {
    const kind_t *kind;
    const record_t *item;      /* what is shown: the key in its first field, and what else it shares with the state */
    const char *field, *value; /* only actors with this value in this field, which is indexed; value NULL: all that have
                                  one, in the order of the values; field NULL: all, in the order of their keys */
    bool descending;           /* the last first */
    span_t text;               /* only actors that have it where their kind is searched; absent: all. Borrowed until
                                  they are asked for */
} listing_source_t;
/* Answers with the page that the call asks for. Takes the call. */
void listing_run(call_t *call, const listing_source_t *source);
/* Asks for rows behind the place that the call asks for, and calls done with them, once, sorted: `complete` from the
   first may be shown. They are valid until the call is answered. Takes the call, and its `own`. */
typedef void (*listing_done_fn)(call_t *call, const rows_t *rows, size_t complete);
void listing_ask(call_t *call, const listing_source_t *source, uint64_t limit, listing_done_fn done);

/* For functions of routes: how many items are asked for. False: refused. */
bool listing_take_limit(call_t *call, uint64_t *limit);
/* A place that the call's JSON has under the field's name; absent: none. False: refused, since it does not fit. */
bool listing_take_place(call_t *call, const field_t *field, span_t *place);
/* What of a JSON object says which page is asked for is taken out of it. */
void listing_strip(json_t *object);
/* A page is begun, its items are added, and then the call is answered with it. */
struct evbuffer *listing_begin(void);
/* The item as JSON, which is taken. */
void listing_add(struct evbuffer *page, char *text);
/* next: what of the request the next page differs in; NULL: this was the last. Takes page and next, and the call. */
void listing_end(call_t *call, struct evbuffer *page, json_t *next);

#endif
