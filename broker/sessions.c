/* SPDX-License-Identifier: MIT */
/*
 * Two keys are derived from the folder's secret, one for each use, so that no output of one is an input of the other.
 * The MAC of an id is a 64-bit PRF: guessing one takes 2^63 requests, each of which is answered `unauthenticated`.
 */
#include "broker/sessions.h"

#include <sodium.h>

static_assert(crypto_shorthash_BYTES == 8 && crypto_shorthash_KEYBYTES == 16, "the layout of a session id");
#define PRINCIPAL_BYTES_MAX 255
#define PART_BYTES_MAX 255 /* of what an idempotency key is hashed with */
static_assert(KIND_BYTES_MAX <= PART_BYTES_MAX && IDEMPOTENCY_KEY_BYTES_MAX <= PART_BYTES_MAX, "lengths are bytes");
static_assert(IDEMPOTENCY_BYTES >= crypto_generichash_BYTES_MIN, "a hash can be this short");

void sessions_init(sessions_t *self, const uint8_t secret[FOLDER_SECRET_BYTES], uint64_t session_ms) {
    CHECK(sodium_init() >= 0, "libsodium does not start");
    *self = (sessions_t){.session_ms = session_ms};
    keys_derive(secret, "doran session id", self->mac_key, sizeof self->mac_key);
    keys_derive(secret, "doran actor key", self->key_key, sizeof self->key_key);
}

static uint64_t issued_ms(const uint8_t session[SESSION_BYTES]) {
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | session[i];
    }
    return ms;
}

static void mac(const sessions_t *self, const char *principal, const uint8_t session[SESSION_BYTES], uint8_t out[8]) {
    uint8_t message[8 + PRINCIPAL_BYTES_MAX];
    size_t len = strlen(principal);
    CHECK(len <= PRINCIPAL_BYTES_MAX, "principal of %zu bytes", len);
    memcpy(message, session, 8);
    memcpy(message + 8, principal, len);
    CHECK(crypto_shorthash(out, message, 8 + len, self->mac_key) == 0, "principal %s", principal);
}

/* Moves (last_ms, serial) on, so that no two ids of this process are equal even when thousands are issued at once. */
static void next_serial(sessions_t *self, uint64_t unix_ms) {
    bool same_ms = unix_ms <= self->last_ms && self->last_ms - unix_ms < SESSION_SKEW_MS / 2;
    if (same_ms && (uint16_t)(self->serial + 1) != self->first_serial) {
        self->serial++;
        return;
    }
    self->last_ms = same_ms ? self->last_ms + 1 : unix_ms;
    randombytes_buf(&self->serial, sizeof self->serial);
    self->first_serial = self->serial;
}

void session_issue(sessions_t *self, const char *principal, uint64_t unix_ms, uint8_t session[SESSION_BYTES]) {
    next_serial(self, unix_ms);
    for (int i = 0; i < 6; i++) {
        session[i] = (uint8_t)(self->last_ms >> (8 * (5 - i)));
    }
    session[6] = (uint8_t)(self->serial >> 8);
    session[7] = (uint8_t)self->serial;
    mac(self, principal, session, session + 8);
}

bool session_fresh(const sessions_t *self, const uint8_t session[SESSION_BYTES], uint64_t unix_ms) {
    uint64_t issued = issued_ms(session);
    return issued <= unix_ms + SESSION_SKEW_MS && issued + self->session_ms >= unix_ms;
}

bool session_check(const sessions_t *self, const char *principal, const uint8_t session[SESSION_BYTES],
                   uint64_t unix_ms) {
    uint8_t expected[8];
    mac(self, principal, session, expected);
    return sodium_memcmp(expected, session + 8, sizeof expected) == 0 && session_fresh(self, session, unix_ms);
}

void session_actor_key(const sessions_t *self, const uint8_t session[SESSION_BYTES], uint64_t id,
                       char text[UUID_TEXT_BYTES]) {
    uint8_t message[1 + SESSION_BYTES + 8] = {'s'};
    uint8_t hash[crypto_generichash_BYTES_MIN];
    memcpy(message + 1, session, SESSION_BYTES);
    for (int i = 0; i < 8; i++) {
        message[1 + SESSION_BYTES + i] = (uint8_t)(id >> (8 * (7 - i)));
    }
    CHECK(crypto_generichash(hash, sizeof hash, message, sizeof message, self->key_key, sizeof self->key_key) == 0,
          "hash");
    uuid_v7(issued_ms(session), hash, text);
}

/* The length stands before each part, so that no two lists of parts give the same message. */
static size_t append_part(uint8_t *message, size_t at, span_t part) {
    CHECK(part.len <= PART_BYTES_MAX, "%zu bytes", part.len);
    message[at] = (uint8_t)part.len;
    memcpy(message + at + 1, part.ptr, part.len);
    return at + 1 + part.len;
}

void session_idempotency(const sessions_t *self, span_t caller, span_t kind, span_t idempotency_key,
                         uint8_t hash[IDEMPOTENCY_BYTES]) {
    uint8_t message[1 + 3 * (1 + PART_BYTES_MAX)] = {'i'};
    size_t len = append_part(message, 1, caller);
    len = append_part(message, len, kind);
    len = append_part(message, len, idempotency_key);
    CHECK(crypto_generichash(hash, IDEMPOTENCY_BYTES, message, len, self->key_key, sizeof self->key_key) == 0, "hash");
}

void session_random_key(uint64_t unix_ms, char text[UUID_TEXT_BYTES]) {
    uint8_t random[10];
    randombytes_buf(random, sizeof random);
    uuid_v7(unix_ms, random, text);
}
