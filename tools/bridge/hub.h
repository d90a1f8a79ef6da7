/* SPDX-License-Identifier: MIT */
/*
 * hub: the events of rooms for those who listen here. A person subscribes to a room once, by a turn of its actor as
 * that user; all that the person has open here listens to that one feed, each from a position of its own:
 *
 *   room's actor ═ one event ═► SDK ─► feed of (person, room) ─► listener ─► socket
 *                                      feed of (person, room) ─► listener ─► socket, stream
 *
 * A listener gets every event behind its position once and in order. Whatever lies between its position and the feed's
 * is read from the room's log first. An event is made into JSON once, however many hear it.
 *
 * The loop's thread. The calls may run inside hub_listen, and may let their own listener leave, but none of others.
 */
#ifndef DORAN_BRIDGE_HUB_H
#define DORAN_BRIDGE_HUB_H

#include "tools/bridge/people.h"

typedef struct hub hub_t;
typedef struct feed feed_t;
typedef struct listener listener_t;

typedef enum hub_result {
    HUB_RECOVERED, /* events come from the position that was given on */
    HUB_PAGED,     /* too many were missed: the listener has left */
    HUB_RESET,     /* events come from here on; what was before is to be read anew */
} hub_result_t;
/* "recovered", …: as in API and room.def. */
const char *hub_result_name(hub_result_t result);

typedef struct listener_calls {
    /* position: the events behind it come now; PAGED: of the last event. RESET comes again when the log was replaced.
     */
    void (*begun)(listener_t *self, hub_result_t result, doran_position_t position);
    /* An event as JSON, {"op": "event", "room", "log_epoch", "type", "seq", …}: the same bytes for everybody. True: it
       was taken. False: there is no room for it; it comes again behind hub_resume. The listener itself must stay,
       though it may leave. */
    bool (*event)(listener_t *self, doran_position_t position, span_t json);
    /* No more comes; the listener has left. */
    void (*ended)(listener_t *self, doran_code_t code, const char *text);
} listener_calls_t;

typedef enum listener_state {
    LISTENER_AWAY,    /* of no feed */
    LISTENER_WAITING, /* for the feed to begin */
    LISTENER_READING, /* a page of the log is under way, or is soon */
    LISTENER_FULL,    /* hub_resume is awaited */
    LISTENER_ON,      /* at the feed's position */
} listener_state_t;

/* Visible for embedding; all of it is the hub's. */
struct listener {
    const listener_calls_t *calls;
    feed_t *feed;
    TAILQ_ENTRY(listener) in_feed;
    struct page *page; /* that is under way */
    doran_position_t position;
    uint64_t missed_max;
    listener_state_t state;
    bool has_position;
};

hub_t *hub_new(bridge_t *bridge);
/* No listener is left. */
void hub_destroy(hub_t **self_p);

/* Listens to a room, from behind a position, or from now on if after is NULL. missed_max: PAGED, if more were missed.
   The person is held by the hub as long as needed. False: the person may not act any more, or there are too many
   subscriptions; the code then says which, and nothing is called. */
bool hub_listen(hub_t *self, listener_t *listener, const listener_calls_t *calls, person_t *person, span_t room,
                const doran_position_t *after, uint64_t missed_max, doran_code_t *code);
/* Nothing is called any more. A listener that is away is left alone. */
void hub_leave(listener_t *listener);
/* There is room for events again; does nothing unless one was not taken. */
void hub_resume(listener_t *listener);

#endif
