/* SPDX-License-Identifier: MIT */
/*
 * guest: who has a connection open that stays, a WebSocket or a stream of events: a person, from when on and until
 * when. Guests are asked to leave when their token has expired, their session has ended, this program stops, or they
 * did not say in time who they are. The loop's thread.
 */
#ifndef DORAN_BRIDGE_GUEST_H
#define DORAN_BRIDGE_GUEST_H

#include "tools/bridge/people.h"

typedef struct guest guest_t;
typedef struct guests guests_t;

typedef enum parting {
    PARTING_UNKNOWN,  /* nobody said who that is */
    PARTING_BREACH,   /* it said what may not be said */
    PARTING_EXPIRED,  /* the token */
    PARTING_ENDED,    /* the session, or the user may not act any more */
    PARTING_CROWDED,  /* there are too many guests, in all or of this person */
    PARTING_STOPPING, /* this program */
} parting_t;

/* The guest has to leave: guest_fini is to be called. */
typedef void (*guest_leave_fn)(guest_t *self, parting_t parting);

/* Visible for embedding; read-only. */
struct guest {
    guests_t *set;
    person_t *person; /* held; NULL: not known yet */
    guest_leave_fn leave;
    watcher_t watcher;
    struct event *timer;
    TAILQ_ENTRY(guest) in_set;
};

/* bridge: borrowed for life, connected to its server. */
guests_t *guests_new(bridge_t *bridge);
/* None is left. */
void guests_destroy(guests_t **self_p);
/* Asks all to leave. */
void guests_drain(guests_t *self);
uint32_t guests_count(const guests_t *self);

/* Has five seconds to become known. False: there are too many, or the bridge ends; then there is nothing to
   finish. */
bool guest_init(guest_t *self, guests_t *set, guest_leave_fn leave);
void guest_fini(guest_t *self);
/* Is this person, who is held, from here on. False: it must leave, because of *parting. */
bool guest_enter(guest_t *self, person_t *person, parting_t *parting);
/* The same by an access token; a guest that is known already stays until this one expires, if it is of the same
   session. */
bool guest_show(guest_t *self, span_t token, parting_t *parting);

#endif
