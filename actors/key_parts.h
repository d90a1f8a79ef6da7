/* SPDX-License-Identifier: MIT */
/*
 * key_parts: what a key of the store says (store_key.h), read from bytes that may be anything. Any thread.
 */
#ifndef DORAN_ACTORS_KEY_PARTS_H
#define DORAN_ACTORS_KEY_PARTS_H

#include "actors/store_key.h"
#include "schemas/check.h"

/* The second byte of a key. */
typedef enum key_class {
    CLASS_ACKNOWLEDGED,
    CLASS_CONSUMED,
    CLASS_DEAD_LETTER,
    CLASS_HEAD,
    CLASS_INDEX,
    CLASS_IDEMPOTENCY,
    CLASS_TIMER_NAME,
    CLASS_OUTBOX,
    CLASS_ANSWER,
    CLASS_SUB,
    CLASS_TIMER,
    CLASS_COUNT
} key_class_t;

/* Parts that a class does not have are absent or 0. Spans point into the key. */
typedef struct key_parts {
    uint8_t partition;
    key_class_t class;
    span_t kind, key; /* of the actor; of streams the kind of the receivers */
    span_t subkey;
    span_t field, value; /* of an index row */
    span_t method, tag;  /* of a timer */
    span_t session;      /* SESSION_BYTES */
    span_t hash;         /* IDEMPOTENCY_BYTES */
    span_t folder;       /* FOLDER_ID_BYTES */
    uint8_t from, to;    /* partitions of a stream, where the key has them */
    uint64_t number;     /* of a message, an answer or a dead letter */
    uint64_t when_ms;    /* of a timer or a dead letter */
} key_parts_t;

/* False: the key is none of ours; then class is CLASS_COUNT, or what it seems to be. */
MUST_USE bool key_parts_read(key_parts_t *self, span_t key);
/* "head record", "index row", ... */
const char *key_class_text(key_class_t class);

#endif
