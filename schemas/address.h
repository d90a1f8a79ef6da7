/* SPDX-License-Identifier: MIT */
/*
 * address: kind/key, the name of an actor (DESIGN §3), and the identifiers that the system makes. Any thread.
 */
#ifndef DORAN_ADDRESS_H
#define DORAN_ADDRESS_H

#include "schemas/limits.h"
#include "schemas/status.h"

typedef struct address {
    span_t kind;
    span_t key; /* empty: the broker makes one (create) or asks all shards (query) */
} address_t;

/* kind is [a-z][a-z0-9-]{0,31}. */
bool address_kind_valid(span_t kind);
/* key is 1 to 200 of [A-Za-z0-9._@+-], which is said to people so. */
#define ADDRESS_KEY_TEXT "1 to 200 of A-Z a-z 0-9 . _ @ + -"
bool address_key_valid(span_t key);
/* Splits text at the first slash; INVALID_ADDRESS unless both sides are valid. The address points into text. */
MUST_USE status_t address_parse(span_t text, address_t *address);
/* The partition that owns the actor: XXH3 of kind NUL key, modulo PARTITIONS. Never changes: it is on disk. */
uint8_t address_partition(span_t kind, span_t key);

/* UUID version 7 (RFC 9562) of a time in ms since 1970 and 10 random bytes. text has room for UUID_TEXT_BYTES, no NUL.
 */
void uuid_v7(uint64_t unix_ms, const uint8_t random[10], char text[UUID_TEXT_BYTES]);
/* UUID version 8 of 16 bytes that are a hash. */
void uuid_v8(const uint8_t hash[16], char text[UUID_TEXT_BYTES]);

#endif
