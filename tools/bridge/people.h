/* SPDX-License-Identifier: MIT */
/*
 * people: who is logged in and acts through this bridge. A person is one login session: one doran_t that acts for its
 * user, shared by all that the session asks here.
 *
 *   access token ─► people_find ─► person, held ─► people_release ─► idle, until its token expires or others need room
 *                                     └ the server ends the session: watchers are told, and nobody finds it again
 *
 * A token says who somebody was when it was signed. Whether the session still lasts is the server's to say with every
 * request: a session that was ended anywhere is cut off here at the same moment. The loop's thread.
 */
#ifndef DORAN_BRIDGE_PEOPLE_H
#define DORAN_BRIDGE_PEOPLE_H

#include <sys/queue.h>

#include "tools/bridge/bridge.h"

typedef struct people people_t;
typedef struct person person_t;

/* Reads the key of the folder's tokens, or makes it. NULL, with one sentence in error. The bridge is borrowed for life
   and connected to its server. */
people_t *people_new(bridge_t *bridge, char *error, size_t error_bytes);
/* Those that are still held must not be used any more. */
void people_destroy(people_t **self_p);

/* An access token of this login session, and until when it is good; the caller frees it. */
char *people_sign(people_t *self, const char *user, const char *session, uint64_t *expires_ms);

/* Who has this access token; held. NULL: it is not good, and *why says why (static); or *why is NULL: there is no room
   for one more person. */
person_t *people_find(people_t *self, span_t token, const char **why);
/* Holds once more who is held; returns the person. */
person_t *people_hold(person_t *person);
/* Nulls; NULL is allowed. */
void people_release(person_t **person_p);

/* Of one that is held. */

/* Acts for the user; valid while held. */
doran_t *people_client(const person_t *person);
/* Keys of the user and of the login session. */
const char *people_user(const person_t *person);
const char *people_session(const person_t *person);
/* Of the token that was given last, in ms since 1970. */
uint64_t people_expires_ms(const person_t *person);
/* The server has ended the session, or does not let the user act, or we could not ask it to: with which code. Who comes
   with the token again is another person. DORAN_OK: not that we know. */
doran_code_t people_ended(const person_t *person);
/* Does this code say that the login session has ended? Any other may be another one next time. */
bool people_ends_session(doran_code_t code);

/* Who wants to know when the session has ended. Nothing of the person's is to be used in `ended` but people_release. */
typedef struct watcher {
    void (*ended)(void *context, doran_code_t code);
    void *context;
    LIST_ENTRY(watcher) in_person; /* people's own */
} watcher_t;
/* Borrows the watcher until `ended` has run, which it does at once if it is so already, or until people_unwatch. */
void people_watch(person_t *person, watcher_t *watcher);
void people_unwatch(watcher_t *watcher);
/* How many watch. */
uint32_t people_watchers(const person_t *person);

#endif
