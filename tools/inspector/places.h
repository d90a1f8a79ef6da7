/* SPDX-License-Identifier: MIT */
/*
 * places: one page of what waits in the server, merged from the answers of the shards (timers_reply, streams_reply and
 * dead_letters_reply of schemas/broker.def). As rows does it for listings; the order here is that of the items' places:
 * by the bytes behind the first, then by the first.
 *
 * Owned by one thread.
 */
#ifndef DORAN_INSPECTOR_PLACES_H
#define DORAN_INSPECTOR_PLACES_H

#include "schemas/schema.h"

typedef struct place_item {
    uint8_t *bytes; /* the item, msgpack */
    size_t len;
    span_t place; /* in bytes */
} place_item_t;

typedef struct places {
    place_item_t *items;
    size_t count, capacity;
    bool more; /* some shard may have items beyond what it sent */
    uint8_t last[STORE_KEY_BYTES_MAX];
    size_t last_bytes; /* if more: items up to this place are complete; it may stand behind the last item */
} places_t;

void places_init(places_t *self);
void places_fini(places_t *self);
/* Empties the page. */
void places_reset(places_t *self);
/* Adds the body of one shard's answer, which is to be such a record. INVALID: it is none; the page is unchanged. */
MUST_USE status_t places_add(places_t *self, const record_t *record, span_t body);
/* When all have answered: sorts, and returns how many items from the first may be shown. Nothing may be added after. */
size_t places_finish(places_t *self);
/* Less than 0: a is before b. Neither is empty. */
int places_compare(span_t a, span_t b);

#endif
