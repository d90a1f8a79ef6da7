/* SPDX-License-Identifier: MIT */
/*
 * holds: who waits for an answer that comes in a later turn (turn_hold). In memory only: the promise itself is the row
 * "pending" of answers.h, if the client has a session, or of idempotency.h, and the token that the actor keeps.
 *
 * A token names the request, not the waiter: by session and id, so that a retry, which may come by another connection,
 * is the one to be answered; without a session by peer and id. It has HOLD_BYTES (little endian):
 *
 *   +0  u8  has a session
 *   +1  session (16 bytes), or zeros
 *   +17 u64 id
 *   +25 u32 peer
 *   +29 u64 number of the peer
 *   +37 its idempotency key's hash (16 bytes), or zeros
 *   +53 u64 when that key may be used anew, ms since 1970; 0: it has none
 *   +61 zeros
 *
 * A waiter is given back as a request with what an answer needs: type, partition, peer, peer_number, id, session,
 * handle, kind, method, key, received_us and deadline_us; all else is zero. Its key is valid until the next call. No
 * turn undoes what was done here: the shard comes here when the turn stands. Owned by a shard.
 */
#ifndef DORAN_ACTORS_HOLDS_H
#define DORAN_ACTORS_HOLDS_H

#include "actors/request.h"

typedef struct holds holds_t;

typedef struct hold { /* what a token says */
    bool has_session;
    uint8_t session[SESSION_BYTES];
    uint64_t id;
    uint32_t peer;
    uint64_t peer_number;
    uint8_t idempotency[IDEMPOTENCY_BYTES];
    uint64_t expires_ms; /* of the idempotency key; 0: there is none */
} hold_t;

typedef enum holds_verdict {
    HOLDS_WAITS,
    HOLDS_REPLACED, /* it waits, and one of the same name no longer does: to be ended silently */
    HOLDS_FULL,     /* `max` wait: busy; nothing changed */
} holds_verdict_t;

/* max: waiters; HELD_MAX but in tests. */
holds_t *holds_new(uint32_t max);
void holds_destroy(holds_t **self_p);
/* CHECKs the invariants; for tests. */
void holds_check(const holds_t *self);

/* expires_ms: of the request's idempotency key; 0 if it has none. */
void holds_token(const request_t *request, uint64_t expires_ms, uint8_t token[HOLD_BYTES]);
/* False: that is no token. */
MUST_USE bool holds_read(span_t token, hold_t *hold);

/* Would holds_wait say FULL? For a turn that held: if so, it is undone and answered busy, and no promise was made. */
bool holds_full(const holds_t *self, const request_t *request);
/* The CALL or TELL waits, until its deadline. */
MUST_USE holds_verdict_t holds_wait(holds_t *self, const request_t *request, request_t *replaced);
/* Takes out who waits for this. False: nobody. */
MUST_USE bool holds_take(holds_t *self, const hold_t *hold, request_t *waiter);
/* Takes out one whose deadline has come, the earliest first. False: none. The promise stands: a retry waits again. */
MUST_USE bool holds_expired(holds_t *self, uint64_t now_us, request_t *waiter);
/* The earliest deadline, monotonic clock; UINT64_MAX: nobody waits. */
uint64_t holds_due_us(const holds_t *self);
uint32_t holds_count(const holds_t *self);

#endif
