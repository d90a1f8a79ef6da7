/* SPDX-License-Identifier: MIT */
/*
 * wire: a client of its own making, on bare ZeroMQ, that does what the SDK never would: under the same session and id
 * it sends requests again whose answers it has, twice at once, or whose answers it once said it no longer waits for.
 * Each answer goes into the history, the first and all others.
 *
 * One session lives through all lives of the server. Each life gets a new socket:
 *
 *   wire_connect ─► ping ─► pong: ready ─► wire_send_again, wire_send … ─► server dies ─► wire_drain ─► wire_close
 *
 * `kept` answered requests below the newest are said to be unanswered still, so that their answers are kept; with 0,
 * the server may forget an answer as soon as it came. One thread.
 */
#ifndef DORAN_TESTS_CRASH_WIRE_H
#define DORAN_TESTS_CRASH_WIRE_H

#include "broker/keys.h"
#include "tests/crash/users.h"

typedef struct wire wire_t;

typedef struct wire_options {
    void *context; /* of ZeroMQ */
    history_t *history;
    users_t *users;
    random_state_t *random;
    const char *name;
    uint32_t window; /* requests unanswered, at most */
    uint32_t kept;
} wire_options_t;

/* All pointers of options are borrowed for life. */
wire_t *wire_new(const wire_options_t *options);
void wire_destroy(wire_t **self_p);

/* keys, server_key: for tcp://, else NULL. */
void wire_connect(wire_t *self, const char *endpoint, const key_pair_t *keys, const char *server_key);
bool wire_ready(const wire_t *self);
/* To be polled for reading; NULL while closed. */
void *wire_socket(const wire_t *self);

/* Sends what was not answered before the last wire_close, and some of what was. */
void wire_send_again(wire_t *self);
/* Sends one request, however many are under way. False: there is no room to remember it. It may wait in the frame that
   is being filled until the next wire_flush or wire_step. */
bool wire_send(wire_t *self, const plan_t *plan);
void wire_flush(wire_t *self);
/* Sends new requests until the window is full. */
void wire_fill(wire_t *self);
/* Takes what has come, and sends again what was refused for now and is due. */
void wire_step(wire_t *self, uint64_t now_us);

/* After the server died: takes what it had sent. True once nothing more can come. */
bool wire_drain(wire_t *self);
/* Also marks unanswered reads as given up, and their actors as touched. */
void wire_close(wire_t *self);

/* Sent in this life, and since then neither answered nor refused for now. */
uint32_t wire_in_flight(const wire_t *self);
/* These and the refused. */
uint32_t wire_open(const wire_t *self);
/* First answers in this life, of writes. */
uint32_t wire_acknowledged(const wire_t *self);
/* Not answered, of this life or earlier ones. */
uint32_t wire_unanswered(const wire_t *self);

typedef struct wire_stats {
    uint64_t sent_again, later; /* envelopes; refusals that mean "later" */
    uint64_t strange;           /* answers that nobody asked for, envelopes that do not decode */
    uint64_t sessions_lost;     /* a pong had another session */
} wire_stats_t;
wire_stats_t wire_stats(const wire_t *self);

#endif
