/* SPDX-License-Identifier: MIT */
/*
 * sessions: client sessions without a table: an id that only this folder can make and that says itself whose it is and
 * how old.
 *
 *   +0 6 bytes  issued, ms since 1970, big endian
 *   +6 2 bytes  distinguishes sessions of one millisecond; starts at random, never repeats within one
 *   +8 8 bytes  SipHash-2-4 (folder secret; the 8 bytes before, principal)
 *
 * An id is valid only for the principal it was issued to, and until it is session_ms old; a restart forgets nothing.
 * Also the keys of new actors: derived, so that a create that is sent again, after any restart, meets the same actor.
 * A visible struct, for embedding. One thread.
 */
#ifndef DORAN_BROKER_SESSIONS_H
#define DORAN_BROKER_SESSIONS_H

#include "broker/keys.h"
#include "schemas/address.h"

/* An id from the future is taken up to here: the wall clock may step back a little. */
#define SESSION_SKEW_MS 60000

typedef struct sessions {
    uint8_t mac_key[16]; /* of ids */
    uint8_t key_key[32]; /* of actors' keys */
    uint64_t session_ms;
    uint64_t last_ms; /* of the newest id */
    uint16_t serial, first_serial;
} sessions_t;

void sessions_init(sessions_t *self, const uint8_t secret[FOLDER_SECRET_BYTES], uint64_t session_ms);
void session_issue(sessions_t *self, const char *principal, uint64_t unix_ms, uint8_t session[SESSION_BYTES]);
/* May this principal use this id now? */
bool session_check(const sessions_t *self, const char *principal, const uint8_t session[SESSION_BYTES],
                   uint64_t unix_ms);
/* The part of the check that time changes: for an id that passed before. */
bool session_fresh(const sessions_t *self, const uint8_t session[SESSION_BYTES], uint64_t unix_ms);

/* Key of the actor that request `id` of this session creates: UUIDv7 of the session's time. */
void session_actor_key(const sessions_t *self, const uint8_t session[SESSION_BYTES], uint64_t id,
                       char text[UUID_TEXT_BYTES]);
/* What this caller's idempotency key is to actors of this kind: names the answer kept for it, and as a UUIDv8 the actor
   that it creates. caller: at most 255 bytes. */
void session_idempotency(const sessions_t *self, span_t caller, span_t kind, span_t idempotency_key,
                         uint8_t hash[IDEMPOTENCY_BYTES]);
/* Key of an actor whose creation nobody can retry: UUIDv7 of now. */
void session_random_key(uint64_t unix_ms, char text[UUID_TEXT_BYTES]);

#endif
