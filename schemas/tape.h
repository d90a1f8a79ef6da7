/* SPDX-License-Identifier: MIT */
/*
 * tape: msgpack read into a flat array of tokens in the order of the bytes, by msgpack-c's parser with callbacks of our
 * own, because its object tree allocates what a message announces before it looks whether the bytes are there.
 *
 *   {"a": [1, 2], "b": "x"}   →   map(2) "a" array(2) 1 2 "b" "x"
 *                                  |      |___next______|          each token knows the index after its whole value
 *                                  |_______________next__________|
 *
 * Reading allocates nothing and refuses: more than DEPTH_MAX containers inside one another, announced sizes that the
 * bytes left or the tokens left cannot hold, truncation, extension types, map keys that are not strings or occur twice,
 * more than MAP_KEYS_MAX keys in one map, strings that are not UTF-8. Strings and binaries point into the input, which
 * must outlive the tape's use. One thread at a time.
 */
#ifndef DORAN_TAPE_H
#define DORAN_TAPE_H

#include "schemas/limits.h"
#include "schemas/status.h"

typedef enum token_type {
    TOKEN_NIL,
    TOKEN_BOOL,
    TOKEN_U64, /* any integer ≥ 0 */
    TOKEN_I64, /* any integer < 0 */
    TOKEN_F64,
    TOKEN_TEXT,
    TOKEN_BINARY,
    TOKEN_ARRAY,
    TOKEN_MAP
} token_type_t;

typedef struct token {
    uint8_t type;   /* token_type_t */
    uint32_t next;  /* index of the token after this whole value */
    uint32_t begin; /* offset of the value's first byte in the input; its last is before the begin of `next` */
    uint32_t len;   /* bytes of text or binary; elements of an array; pairs of a map */
    union {
        bool boolean;
        uint64_t u64;
        int64_t i64;
        double f64;
        const uint8_t *ptr; /* text, binary */
    };
} token_t;

typedef struct tape {
    token_t *tokens;   /* borrowed */
    uint32_t capacity; /* of tokens */
    uint32_t count;
    span_t input; /* borrowed: what the tokens point into; after a read exactly the value's bytes */
} tape_t;

/* Reads one value from the start of input. consumed is the value's length; more may follow it.
   INVALID: not msgpack, or refused as above. TOO_LARGE: more than `capacity` tokens. */
MUST_USE status_t tape_read(tape_t *self, span_t input, size_t *consumed);
/* The same, but trailing bytes are INVALID. */
MUST_USE status_t tape_read_whole(tape_t *self, span_t input);
/* The same as tape_read, but of a map only its own keys and values get tokens, of another value only the value itself:
   TAPE_TOP_TOKENS are enough for any. A container among them is one token, and tape_raw has its bytes. What lies deeper
   is well-formed, but keys that are no strings or occur twice are not noticed there. */
enum { TAPE_TOP_TOKENS = 1 + 2 * MAP_KEYS_MAX };
MUST_USE status_t tape_read_top(tape_t *self, span_t input, size_t *consumed);
/* Takes the head of an array off the bytes, so that its `count` values are what is left of them. INVALID: no array. */
MUST_USE status_t tape_take_array(span_t *rest, uint32_t *count);

/* The bytes of one value. */
span_t tape_raw(const tape_t *self, uint32_t index);
static inline span_t token_span(const token_t *token) {
    return span_of(token->ptr, token->len);
}
/* How many containers lie inside one another; 0 for a value that is none. */
uint32_t tape_depth(const tape_t *self);
/* Index of the value under this key in the map at `map`, or 0 (which is never a value of a map) if absent. */
uint32_t tape_find(const tape_t *self, uint32_t map, const char *key);

#endif
