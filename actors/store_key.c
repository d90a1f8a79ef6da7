/* SPDX-License-Identifier: MIT */
/* Keys of the store: see the header for the layout. */
#include "actors/store_key.h"

#include "schemas/check.h"

static void append(store_key_t *self, span_t bytes) {
    CHECK(bytes.len <= sizeof self->bytes - self->len, "%zu bytes behind %zu", bytes.len, self->len);
    if (bytes.len > 0) {
        memcpy(self->bytes + self->len, bytes.ptr, bytes.len);
    }
    self->len += bytes.len;
}

static void append_byte(store_key_t *self, uint8_t byte) {
    append(self, span_of(&byte, 1));
}

static void begin(store_key_t *self, uint8_t partition, uint8_t class) {
    self->len = 0;
    append_byte(self, partition);
    append_byte(self, class);
}

void store_key_head(store_key_t *self, uint8_t partition, span_t kind, span_t key) {
    begin(self, partition, 'h');
    append(self, kind);
    append_byte(self, 0);
    append(self, key);
}

void store_key_sub(store_key_t *self, uint8_t partition, span_t kind, span_t key, span_t subkey) {
    begin(self, partition, 's');
    append(self, kind);
    append_byte(self, 0);
    append(self, key);
    append_byte(self, 0);
    append(self, subkey);
}

void store_key_answer(store_key_t *self, uint8_t partition, const uint8_t session[SESSION_BYTES], uint64_t id) {
    begin(self, partition, 'r');
    append_byte(self, 0);
    append(self, span_of(session, SESSION_BYTES));
    for (int shift = 56; shift >= 0; shift -= 8) {
        append_byte(self, (uint8_t)(id >> shift));
    }
}

void store_key_after(store_key_t *self, const store_key_t *prefix) {
    *self = *prefix;
    while (self->len > 0 && self->bytes[self->len - 1] == 0xff) {
        self->len--;
    }
    CHECK(self->len > 0, "no key is behind a prefix of %zu bytes 0xff", prefix->len);
    self->bytes[self->len - 1]++;
}

span_t store_key_actor_key(span_t head) {
    const uint8_t *end = memchr(head.ptr + 2, 0, head.len - 2);
    CHECK(end != NULL, "a head key of %zu bytes has no NUL", head.len);
    return span_of(end + 1, (size_t)(head.ptr + head.len - (end + 1)));
}

static uint64_t big_endian(const uint8_t *bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint64_t store_key_answer_id(span_t answer) {
    CHECK(answer.len == 3 + SESSION_BYTES + 8, "%zu bytes", answer.len);
    return big_endian(answer.ptr + 3 + SESSION_BYTES, 8);
}

uint64_t store_key_answer_issued_ms(span_t answer) {
    CHECK(answer.len == 3 + SESSION_BYTES + 8, "%zu bytes", answer.len);
    return big_endian(answer.ptr + 3, 6);
}
