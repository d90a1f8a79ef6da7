/* SPDX-License-Identifier: MIT */
/*
 * row_key: the subkey of a numbered row among an actor's own keys: a letter that says what it is, and the number in 8
 * bytes, big endian, so that the order of keys is that of numbers. And what shop kinds do with such rows. Any thread.
 */
#ifndef DORAN_ACTORS_ROW_KEY_H
#define DORAN_ACTORS_ROW_KEY_H

#include <endian.h>

#include "actors/turn.h"

typedef struct row_key {
    uint8_t bytes[1 + sizeof(uint64_t)];
} row_key_t;

static inline row_key_t row_key(char letter, uint64_t number) {
    row_key_t self = {.bytes = {(uint8_t)letter}};
    number = htobe64(number);
    memcpy(self.bytes + 1, &number, sizeof number);
    return self;
}

/* Valid as long as the key. */
static inline span_t row_key_span(const row_key_t *self) {
    return span_of(self->bytes, sizeof self->bytes);
}

/* Puts the record under the key, which may have any form. It takes at most `room` bytes, in memory of the turn. */
MUST_USE static inline status_t row_put(turn_t *turn, span_t key, const record_t *record, const void *in, size_t room) {
    pack_t pack = pack_into(turn_alloc(turn, room), room);
    record_encode(record, in, &pack);
    return pack_ok(&pack) ? turn_put(turn, key, pack_bytes(&pack)) : STATUS_TOO_LARGE;
}

#endif
