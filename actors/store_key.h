/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * store_key: the layout of keys in the store. The first byte is the partition, so that all that a partition owns lies
 * together; the second is the class:
 *
 *   p 'h' kind NUL key                                an actor's head record
 *   p 's' kind NUL key NUL subkey                     an actor's own ordered keys
 *   p 'r' NUL session id                              the answer kept for request `id` (8 bytes) of a client session;
 *                                                     id 0 keeps the session's lowest unanswered id
 *   p 'k' kind NUL key NUL hash                       the answer kept for an idempotency key: of caller, kind and key
 *                                                     (16 bytes)
 *   p 'o' kind NUL to number                          outbox: message `number` (8 bytes) of the stream to partition
 *                                                     `to` of a kind
 *   p 'a' kind NUL to                                 acknowledged mark of that stream
 *   p 'c' kind NUL folder from                        consumed mark of the stream that comes from partition `from` of
 *                                                     a folder (16 bytes)
 *   p 't' NUL when kind NUL key NUL method NUL tag    a timer, by its time (8 bytes)
 *   p 'n' kind NUL key NUL method NUL tag             where that timer stands
 *   p 'd' NUL when serial                             a dead letter, by its time (8 bytes) and a number (4 bytes)
 *   p 'i' kind NUL field NUL value NUL key            an index row
 *
 * All numbers are big endian, so that they sort. Kinds and keys contain no NUL, so prefixes never run into one another.
 * Values are cells (cell.h).
 */
/* clang-format on */
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
void store_key_idempotency(store_key_t *self, uint8_t partition, span_t kind, span_t key,
                           const uint8_t hash[IDEMPOTENCY_BYTES]);
void store_key_outbox(store_key_t *self, uint8_t partition, span_t kind, uint8_t to, uint64_t number);
void store_key_acknowledged(store_key_t *self, uint8_t partition, span_t kind, uint8_t to);
void store_key_consumed(store_key_t *self, uint8_t partition, span_t kind, const uint8_t folder[FOLDER_ID_BYTES],
                        uint8_t from);
void store_key_timer(store_key_t *self, uint8_t partition, uint64_t when_ms, span_t kind, span_t key, span_t method,
                     span_t tag);
void store_key_timer_name(store_key_t *self, uint8_t partition, span_t kind, span_t key, span_t method, span_t tag);
void store_key_dead_letter(store_key_t *self, uint8_t partition, uint64_t when_ms, uint32_t serial);
/* value has no NUL, and at most INDEX_VALUE_BYTES_MAX. */
void store_key_index(store_key_t *self, uint8_t partition, span_t kind, span_t field, span_t value, span_t key);
/* The rows of all values of a field begin with this. */
void store_key_index_field(store_key_t *self, uint8_t partition, span_t kind, span_t field);
/* All keys of a class of a partition begin with this. */
void store_key_class(store_key_t *self, uint8_t partition, uint8_t class);
/* The first key behind all that begin with these bytes: for the end of a range. CHECKs that there is one. */
void store_key_after(store_key_t *self, const store_key_t *prefix);

/* Parts of a key that was read back. */
span_t store_key_actor_key(span_t head); /* of a head record */
uint64_t store_key_answer_id(span_t answer);
uint64_t store_key_answer_issued_ms(span_t answer); /* when the session was issued: the first 6 bytes of its id */

#endif
