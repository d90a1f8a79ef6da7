/* SPDX-License-Identifier: MIT */
/*
 * turn: everything that a handler may do (DESIGN §4). One turn is one message handled by one actor; what it writes,
 * sends and answers becomes durable and visible together, or not at all. Shard's thread only; valid during the handler.
 *
 * Bounds: TURN_WRITES_MAX writes, TURN_BYTES_MAX bytes written and sent, subkeys of 1 to SUBKEY_BYTES_MAX bytes, values
 * up to VALUE_BYTES_MAX. Past one the function returns TOO_LARGE, which the handler returns in turn. And TURN_US_MAX of
 * processor time, looked at when the handler returns; so a handler may run more than once for one message, with
 * nothing left of the times before.
 */
#ifndef DORAN_ACTORS_TURN_H
#define DORAN_ACTORS_TURN_H

#include "actors/kind.h"
#include "actors/work.h"
#include "schemas/settings.h"

/* The head record after this turn. `next` is the struct of the kind's state record; encoded at once, so it may live on
   the handler's stack. */
MUST_USE status_t turn_state(turn_t *self, const void *next);

/* This actor's own ordered keys. A subkey of another length is a bug of the handler and ends the server: look at what
   comes from outside (turn_user may be absent) before it becomes one. Values are bytes of the handler's own making;
   what get and list return is valid until the next write. Got value.ptr NULL: no such key; a value that is put may be
   empty, but not absent. */
MUST_USE status_t turn_get(turn_t *self, span_t subkey, span_t *value);
MUST_USE status_t turn_put(turn_t *self, span_t subkey, span_t value);
MUST_USE status_t turn_del(turn_t *self, span_t subkey);
/* Calls each for the keys in [from, to) in order, until it returns false. to absent: to the last. No writes inside. */
typedef bool (*turn_list_fn)(void *context, span_t subkey, span_t value);
MUST_USE status_t turn_list(turn_t *self, span_t from, span_t to, turn_list_fn each, void *context);
/* The same from the last to the first. */
MUST_USE status_t turn_list_back(turn_t *self, span_t from, span_t to, turn_list_fn each, void *context);

/* The actor ends with this turn: no head record any more. Its own keys are the handler's to delete, before. */
MUST_USE status_t turn_end(turn_t *self);

/* The answer: the struct of the method's reply record, encoded at once. A turn without one answers an empty map. What
   answers nobody (a message, a timer, a work) goes nowhere. */
MUST_USE status_t turn_reply(turn_t *self, const void *reply);
/* The turn fails with this error; returns status. The text may name what was wrong, never a secret. A message or timer
   that fails is tried again, DELIVERIES_MAX times in all, and then becomes a dead letter: what is part of the business
   is not a failure there but a message back. */
MUST_USE status_t turn_fail(turn_t *self, status_t status, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same with INVALID, because of the request's field at this JSON pointer, which is said beside the text. */
MUST_USE status_t turn_fail_at(turn_t *self, const char *pointer, const char *format, ...) PRINTF_LIKE(3, 4);
/* The error that this turn fails with, or that turn_fail_to gives from here on, says when to try again. */
void turn_retry_after(turn_t *self, uint64_t ms);

/* The answer to this request comes in a later turn of this actor, which needs the token: HOLD_BYTES, in memory of the
   turn, to be kept in the state. A durable promise: it outlives restarts, and a retry does not run again but waits,
   too. For requests of clients only: turn_answerable. */
bool turn_answerable(const turn_t *self);
span_t turn_hold(turn_t *self);
/* Answers a request that an earlier turn held: the reply of this method of this kind, or an error. If nobody waits any
   more, nothing happens. At most TURN_ANSWERS_MAX in a turn. */
MUST_USE status_t turn_reply_to(turn_t *self, span_t token, uint32_t method, const void *reply);
MUST_USE status_t turn_fail_to(turn_t *self, span_t token, status_t status, const char *text);

/* A message to another actor: its method (of ROLE_ACTOR) with the struct of that method's request. Durable, effectively
   once, in the order of sending for any one receiver. Up to TURN_SENDS_MAX. There is no answer but a message back. */
MUST_USE status_t turn_send(turn_t *self, const kind_t *kind, span_t key, uint32_t method, const void *request);

/* An event of this actor's kind, to all who subscribe to this actor; the struct of the event's record. */
MUST_USE status_t turn_publish(turn_t *self, uint32_t event, const void *record);
/* The peer that asks has this actor's events, from the reply of this turn on; or no longer. */
void turn_subscribe(turn_t *self);
void turn_unsubscribe(turn_t *self);
/* No handle of this user, a key of one, hears this actor any more, of whichever peer: each peer where one did is told
   `lagged` with this seq, that of the last event which they may have, and has to subscribe again for all others, too.
   Whom this actor would refuse then is out. Counts as an event. */
MUST_USE status_t turn_mute(turn_t *self, span_t user, uint64_t seq);
/* Of the log that seqs count in: changes only when it is replaced by an older copy. */
uint64_t turn_log_epoch(const turn_t *self);

/* At that time (ms since 1970) this actor gets a message: its own method (of ROLE_ACTOR) with the struct of the
   method's request. Once, also across restarts; never early, perhaps late. A timer of the same method and tag (up to
   TIMER_TAG_BYTES_MAX, may be empty) is replaced. Both count as three writes. */
MUST_USE status_t turn_at(turn_t *self, uint64_t when_ms, uint32_t method, span_t tag, const void *request);
MUST_USE status_t turn_cancel(turn_t *self, uint32_t method, span_t tag);

/* Starts work off the shard (work.h) once this turn is durable. Its result comes back as a message to this actor's
   method, whose request record is the result. Volatile: a crash loses it, and a full queue refuses it in silence, so
   guard it with turn_at. */
MUST_USE status_t turn_work(turn_t *self, const work_t *work, const void *input, uint32_t method);

/* Of a session actor: the reply of this turn, or the ones that turn_reply_to gives from here on, are a session_opened,
   whose handle is valid for the peer that asked. */
void turn_grant(turn_t *self);
/* Handles that this actor opened (a session), or that were opened for it (a user), end, with their subscriptions. */
MUST_USE status_t turn_end_handles(turn_t *self);

/* Who caused this turn. The address of the actor that sent the message; both absent if it was none. The key of the user
   on whose behalf a client, or the actor, asks; absent if nobody's. Roles of the caller: ROLE_ACTOR, with the user's if
   there is one, for messages. */
void turn_sender(const turn_t *self, span_t *kind, span_t *key);
span_t turn_user(const turn_t *self);
uint32_t turn_roles(const turn_t *self);

/* Key of the actor, and version of its head record: as it is now, that is one more after turn_state. 0: none yet. */
span_t turn_key(const turn_t *self);
uint64_t turn_version(const turn_t *self);

/* What the operator has set; constant. */
const settings_t *turn_settings(const turn_t *self);

/* The only clock: ms since 1970, the same for a whole turn. */
uint64_t turn_now(const turn_t *self);
/* A hash of bytes that nobody can make or check without the folder's secret; another purpose gives another one. For
   what must not be read where its hash stands. */
void turn_keyed_hash(const turn_t *self, const char *purpose, span_t bytes, uint8_t hash[KEYED_HASH_BYTES]);
/* The only randomness. */
void turn_random(turn_t *self, void *bytes, size_t count);
/* Memory that is gone after the turn. Never NULL. */
void *turn_alloc(turn_t *self, size_t bytes);

#endif
