/* SPDX-License-Identifier: MIT */
/*
 * store_key: the layout of keys in the store. The first byte is the partition, so that all that a partition owns lies
 * together; the second is the class:
 *
 *   p 'h' kind NUL key                 an actor's head record
 *   p 's' kind NUL key NUL subkey      an actor's own ordered keys
 *   p 'r' NUL session id               the answer kept for request `id` (8 bytes, big endian) of a client session;
 *                                      id 0 keeps the session's lowest unanswered id
 *
 * Kinds and keys contain no NUL, so prefixes never run into one another. Values are cells (cell.h).
 */
#ifndef DORAN_ACTORS_STORE_KEY_H
#define DORAN_ACTORS_STORE_KEY_H

#include "schemas/limits.h"
#include "schemas/span.h"

typedef struct store_key {
    size_t len;
    uint8_t bytes[STORE_KEY_BYTES_MAX];
} store_key_t;

static inline span_t store_key_span(const store_key_t *key) {
    return span_of(key->bytes, key->len);
}

void store_key_head(store_key_t *self, uint8_t partition, span_t kind, span_t key);
void store_key_sub(store_key_t *self, uint8_t partition, span_t kind, span_t key, span_t subkey);
void store_key_answer(store_key_t *self, uint8_t partition, const uint8_t session[SESSION_BYTES], uint64_t id);
/* The first key behind all that begin with these bytes: for the end of a range. CHECKs that there is one. */
void store_key_after(store_key_t *self, const store_key_t *prefix);

/* Parts of a key that was read back. */
span_t store_key_actor_key(span_t head); /* of a head record */
uint64_t store_key_answer_id(span_t answer);
uint64_t store_key_answer_issued_ms(span_t answer); /* when the session was issued: the first 6 bytes of its id */

#endif
