/* SPDX-License-Identifier: MIT */
/*
 * turn: everything that a handler may do (DESIGN §4). One turn is one message handled by one actor; what it writes,
 * sends and answers becomes durable and visible together, or not at all. Shard's thread only; valid during the handler.
 *
 * Bounds: TURN_WRITES_MAX writes, TURN_BYTES_MAX bytes written and sent, subkeys of 1 to SUBKEY_BYTES_MAX bytes, values
 * up to VALUE_BYTES_MAX. Past one the function returns TOO_LARGE, which the handler returns in turn. And TURN_US_MAX of
 * processor time, looked at when the handler returns; so a handler may run twice for one message, with nothing left of
 * the first time.
 */
#ifndef DORAN_ACTORS_TURN_H
#define DORAN_ACTORS_TURN_H

#include "actors/kind.h"

/* The head record after this turn. `next` is the struct of the kind's state record; encoded at once, so it may live on
   the handler's stack. */
MUST_USE status_t turn_state(turn_t *self, const void *next);

/* This actor's own ordered keys. Values are bytes of the handler's own making; what get and list return is valid until
   the next write. Got value.ptr NULL: no such key; a value that is put may be empty, but not absent. */
MUST_USE status_t turn_get(turn_t *self, span_t subkey, span_t *value);
MUST_USE status_t turn_put(turn_t *self, span_t subkey, span_t value);
MUST_USE status_t turn_del(turn_t *self, span_t subkey);
/* Calls each for the keys in [from, to) in order, until it returns false. to absent: to the last. No writes inside. */
typedef bool (*turn_list_fn)(void *context, span_t subkey, span_t value);
MUST_USE status_t turn_list(turn_t *self, span_t from, span_t to, turn_list_fn each, void *context);

/* The answer: the struct of the method's reply record, encoded at once. A turn without one answers an empty map. */
MUST_USE status_t turn_reply(turn_t *self, const void *reply);
/* The turn fails with this error; returns status. The text may name what was wrong, never a secret. */
MUST_USE status_t turn_fail(turn_t *self, status_t status, const char *format, ...) PRINTF_LIKE(3, 4);

/* Key of the actor, and version of its head record: as it is now, that is one more after turn_state. 0: none yet. */
span_t turn_key(const turn_t *self);
uint64_t turn_version(const turn_t *self);

/* The only clock: ms since 1970, the same for a whole turn. */
uint64_t turn_now(const turn_t *self);
/* The only randomness. */
void turn_random(turn_t *self, void *bytes, size_t count);
/* Memory that is gone after the turn. Never NULL. */
void *turn_alloc(turn_t *self, size_t bytes);

#endif
