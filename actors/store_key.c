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

static void append_part(store_key_t *self, span_t bytes) {
    append(self, bytes);
    append_byte(self, 0);
}

static void append_number(store_key_t *self, uint64_t number, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) {
        append_byte(self, (uint8_t)(number >> (8 * i)));
    }
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
    append_number(self, id, 8);
}

void store_key_idempotency(store_key_t *self, uint8_t partition, span_t kind, span_t key,
                           const uint8_t hash[IDEMPOTENCY_BYTES]) {
    begin(self, partition, 'k');
    append_part(self, kind);
    append_part(self, key);
    append(self, span_of(hash, IDEMPOTENCY_BYTES));
}

void store_key_outbox(store_key_t *self, uint8_t partition, span_t kind, uint8_t to, uint64_t number) {
    begin(self, partition, 'o');
    append_part(self, kind);
    append_byte(self, to);
    append_number(self, number, 8);
}

void store_key_acknowledged(store_key_t *self, uint8_t partition, span_t kind, uint8_t to) {
    begin(self, partition, 'a');
    append_part(self, kind);
    append_byte(self, to);
}

void store_key_consumed(store_key_t *self, uint8_t partition, span_t kind, const uint8_t folder[FOLDER_ID_BYTES],
                        uint8_t from) {
    begin(self, partition, 'c');
    append_part(self, kind);
    append(self, span_of(folder, FOLDER_ID_BYTES));
    append_byte(self, from);
}

void store_key_timer(store_key_t *self, uint8_t partition, uint64_t when_ms, span_t kind, span_t key, span_t method,
                     span_t tag) {
    begin(self, partition, 't');
    append_byte(self, 0);
    append_number(self, when_ms, 8);
    append_part(self, kind);
    append_part(self, key);
    append_part(self, method);
    append(self, tag);
}

void store_key_timer_name(store_key_t *self, uint8_t partition, span_t kind, span_t key, span_t method, span_t tag) {
    begin(self, partition, 'n');
    append_part(self, kind);
    append_part(self, key);
    append_part(self, method);
    append(self, tag);
}

void store_key_dead_letter(store_key_t *self, uint8_t partition, uint64_t when_ms, uint32_t serial) {
    begin(self, partition, 'd');
    append_byte(self, 0);
    append_number(self, when_ms, 8);
    append_number(self, serial, 4);
}

void store_key_index_field(store_key_t *self, uint8_t partition, span_t kind, span_t field) {
    begin(self, partition, 'i');
    append_part(self, kind);
    append_part(self, field);
}

void store_key_index(store_key_t *self, uint8_t partition, span_t kind, span_t field, span_t value, span_t key) {
    store_key_index_field(self, partition, kind, field);
    append_part(self, value);
    append(self, key);
}

void store_key_class(store_key_t *self, uint8_t partition, uint8_t class) {
    begin(self, partition, class);
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
