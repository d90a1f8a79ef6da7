/* SPDX-License-Identifier: MIT */
/*
 * exchange: what goes out to the server and what comes back, for the requests in a table. It keeps the session, packs
 * requests into frames, matches answers, sends again what may have been lost and gives up what is out of time. Events
 * it hands to the subscriptions; that the server has forgotten us, to them and the handles.
 *
 *              open ───► CONNECTING: a ping is out, requests wait
 *                            │ pong: our session
 *        silence, or the     ▼
 *        server has moved  READY: requests go out, pings in between
 *              └─────────────┘ a pong with a new number: all that is pending goes out again
 *
 * Functions of the program run in exchange_step and nowhere else. One thread.
 */
#ifndef DORAN_CLIENT_EXCHANGE_H
#define DORAN_CLIENT_EXCHANGE_H

#include "schemas/envelope.h"
#include "tools/client/connection.h"
#include "tools/client/subscription.h"

enum { VERSION_TEXT_BYTES = 65 };

/* Visible for embedding; only exchange*.c, errand.c, handle.c and subscription.c change it, but for the settings. */
struct exchange {
    connection_t *connection;
    pending_table_t *pending;
    errands_t errands;
    handles_t handles;
    subscriptions_t subscriptions;
    uint64_t next_id; /* of a request within the session */
    uint64_t ran;     /* functions of the program, so far */

    bool busy_fails;    /* setting */
    bool one_per_frame; /* setting */
    bool stopped;       /* setting: no function of the program runs any more */

    bool ready;          /* a pong came on this socket */
    bool blocked;        /* the frame could not be sent for now */
    bool has_session;    /* session is one that the server knows or knew */
    bool session_proven; /* it said so to us */
    uint8_t session[SESSION_BYTES];
    uint64_t number; /* of the last pong */
    char version[VERSION_TEXT_BYTES];

    uint64_t pings;         /* sent, over all sockets; the id of the last */
    uint64_t pong_id;       /* of the last pong */
    uint64_t pong_us;       /* when it came */
    uint64_t ping_us;       /* when the last ping was sent */
    uint64_t unanswered_us; /* when we sent the first thing after which nothing was heard; 0: nothing */
    uint64_t attempt_us;    /* until when this socket may wait for its first pong */
    uint64_t look_us;       /* when to look whether the server has moved */
    uint64_t heartbeat_us;  /* between pings; the server's wish */
    uint32_t attempts;      /* sockets opened since the last pong */

    uint32_t completing_sends; /* how often the request was sent that completes now */
    size_t frame_bytes;        /* in frame, waiting to be sent */
    uint8_t *frame;            /* [FRAME_COALESCE_BYTES] */
    tape_t tape;
};

/* Takes the connection, which is open. session NULL: a new one; else next_id is the number of its next request. */
void exchange_init(exchange_t *self, connection_t *connection, uint32_t in_flight_max, const uint8_t *session,
                   uint64_t next_id);
void exchange_fini(exchange_t *self);

/* A request, queued; handle NULL: it carries none. Copies what it says. NULL: there is no room for it. */
pending_t *exchange_add(exchange_t *self, handle_t *handle, const ask_t *ask, uint64_t deadline_us);
/* Requests of the program's that are not completed. */
uint32_t exchange_in_flight(const exchange_t *self);

/* Sends what is queued, as far as that is possible now. */
void exchange_flush(exchange_t *self, uint64_t now_us);
/* Everything there is to do now: timers, frames, completions, events. Returns how many functions of the program ran;
   more may be ready if that is not 0. */
int exchange_step(exchange_t *self, uint64_t now_us);
/* When there will be something to do even if nothing comes. */
uint64_t exchange_due(const exchange_t *self);
/* Is there something to do now even if nothing comes? */
bool exchange_has_work(const exchange_t *self);
/* Has the server said nothing for so long that it seems to be gone? */
bool exchange_silent(const exchange_t *self, uint64_t now_us);
/* Sends a ping and returns its id, 0 if that is not possible now. */
uint64_t exchange_ping(exchange_t *self, uint64_t now_us);

#endif
