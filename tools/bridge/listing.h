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

#include "tools/bridge/call.h"

/* Puts what the cursor says into the call's JSON, in place of it. False: refused. */
bool listing_take_cursor(call_t *call);
/* Answers with the page that the reply, of this record, holds. */
void listing_answer(call_t *call, const record_t *record, const doran_reply_t *reply);

/* For functions of routes: a page is begun, its items are added, and then the call is answered with it. */
struct evbuffer *listing_begin(void);
/* The item as JSON, which is taken. */
void listing_add(struct evbuffer *page, char *text);
/* next: what of the request the next page differs in; NULL: this was the last. Takes page and next, and the call. */
void listing_end(call_t *call, struct evbuffer *page, json_t *next);

#endif
