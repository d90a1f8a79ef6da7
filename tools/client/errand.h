/* SPDX-License-Identifier: MIT */
/*
 * errand: a request that the client makes on its own behalf (to open a handle, to subscribe), as often as it takes to
 * get an answer that is final. ERRANDS_OUT_MAX of a connection are out at a time, the others stand in line; so ten
 * thousand of them after a restart do not crowd out the program's requests, and one that is refused for now does not
 * keep its place.
 *
 *   IDLE ─start─► IN_LINE ─its turn─► OUT ─final answer─► IDLE, done runs
 *                    ▲                 │ refused for now, or no answer in time
 *                    └──── ASLEEP ◄────┘
 *
 * Embedded in whoever has it to do. One thread.
 */
#ifndef DORAN_CLIENT_ERRAND_H
#define DORAN_CLIENT_ERRAND_H

#include "tools/client/pending.h"

enum { ERRANDS_OUT_MAX = 256 };

typedef struct exchange exchange_t;
typedef struct errand errand_t;

typedef enum errand_state { ERRAND_IDLE, ERRAND_IN_LINE, ERRAND_OUT, ERRAND_ASLEEP } errand_state_t;

/* What an errand is for. */
typedef struct errand_kind {
    /* Its turn: makes the request with exchange_add. */
    pending_t *(*send)(void *owner, exchange_t *exchange, uint64_t deadline_us);
    /* The answer, final, or the last. The errand is idle and may be started again, or gone when this returns. */
    void (*done)(void *owner, exchange_t *exchange, const doran_reply_t *reply);
} errand_kind_t;

/* Visible for embedding. */
struct errand {
    const errand_kind_t *kind;
    void *owner;
    exchange_t *exchange;
    errand_state_t state;
    bool sent;          /* something, some time */
    bool last;          /* its request is not followed by another */
    bool reopened;      /* its handle was, because its request was refused; goes on to the next request */
    pending_t *pending; /* OUT */
    uint64_t due_us;    /* ASLEEP */
    TAILQ_ENTRY(errand) in_list;
};

/* Those of a connection; visible for embedding. */
typedef struct errands {
    TAILQ_HEAD(errand_list, errand) line, asleep;
    uint32_t out;
} errands_t;

void errands_init(errands_t *self);
/* Ends the sleep of those whose time has come. */
void errands_wake(exchange_t *exchange, uint64_t now_us);
/* When somebody wakes; UINT64_MAX: nobody sleeps. */
uint64_t errands_due(const errands_t *self);

void errand_init(errand_t *self, const errand_kind_t *kind, void *owner, exchange_t *exchange);
/* Goes in line. Only of one that is idle. */
void errand_start(errand_t *self);
/* The same after some sleep. */
void errand_start_later(errand_t *self);
/* Idle again, from any state; done will not run. What was sent may happen, but nothing is sent any more. */
void errand_cancel(errand_t *self);
/* If its request is under way, its answer is taken as final, whatever it is: true. Else idle again: false. */
bool errand_finish(errand_t *self);
/* Was something sent that may happen or have happened? Also if it was long ago. */
bool errand_was_sent(const errand_t *self);

#endif
