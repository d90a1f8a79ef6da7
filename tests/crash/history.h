/* SPDX-License-Identifier: MIT */
/*
 * history: what the clients of one data folder asked and were answered, over all lives of its server. It judges nothing
 * (checker.h does) and knows nothing of sockets.
 *
 * An operation is one request, however often it was sent. Its moments are numbers of one clock that counts events, so
 * "before" means that one client could have told the other. What a request writes is a number that no other request
 * writes: the content of an actor says whose it is.
 *
 * The struct is visible for the checker; only history.c changes it. One thread.
 */
#ifndef DORAN_TESTS_CRASH_HISTORY_H
#define DORAN_TESTS_CRASH_HISTORY_H

#include "schemas/limits.h"
#include "schemas/status.h"

enum {
    HISTORY_CLIENTS_MAX = 16,
    HISTORY_KEY_BYTES = 48, /* of an actor, with a NUL */
};

typedef enum operation_type { OPERATION_CREATE, OPERATION_UPDATE, OPERATION_READ } operation_type_t;

typedef enum outcome {
    OUTCOME_UNKNOWN,      /* no answer: it happened once or not at all */
    OUTCOME_ACKNOWLEDGED, /* it happened */
    OUTCOME_ABSENT,       /* not_found: the actor was not there at that moment */
    OUTCOME_REFUSED,      /* any other error that does not mean "later" */
} outcome_t;

typedef struct answer {
    outcome_t outcome;
    status_t status;
    uint64_t version; /* acknowledged: of the actor, after a write or as it was read; 0: the answer makes no sense */
    uint64_t value;   /* read: what the actor holds; 0: a record that nobody wrote like this */
    uint64_t digest;  /* of the whole answer: two answers to one request must be equal */
} answer_t;

typedef struct operation {
    uint64_t invoked, completed; /* moments; completed 0: unknown */
    uint64_t id;                 /* of the request in its session */
    uint64_t value;              /* written */
    answer_t answer;             /* the first one */
    uint32_t actor;
    uint16_t client;
    uint16_t life; /* of the server: how often it had been killed when this was invoked */
    operation_type_t type;
    bool again; /* was, or may have been, sent more than once */
} operation_t;

typedef struct repeat { /* an answer after the first */
    uint32_t operation;
    answer_t answer;
} repeat_t;

typedef struct history_client {
    char name[16];
    uint8_t session[SESSION_BYTES];
} history_client_t;

typedef struct history_row { /* of the server's own list of actors, at the end */
    char key[HISTORY_KEY_BYTES];
    uint64_t version;
} history_row_t;

typedef struct history {
    operation_t *operations;
    size_t operation_count, operation_capacity;
    repeat_t *repeats;
    size_t repeat_count, repeat_capacity;
    char (*actors)[HISTORY_KEY_BYTES]; /* keys; empty while unknown */
    size_t actor_count, actor_capacity;
    history_row_t *rows;
    size_t row_count, row_capacity;
    bool listed; /* rows are all there are */
    history_client_t clients[HISTORY_CLIENTS_MAX];
    uint16_t client_count;
    uint16_t life;
    uint64_t moment;
} history_t;

history_t *history_new(void);
void history_destroy(history_t **self_p);

uint16_t history_add_client(history_t *self, const char *name);
void history_set_session(history_t *self, uint16_t client, const uint8_t session[SESSION_BYTES]);
/* key may be NULL: not known yet. */
uint32_t history_add_actor(history_t *self, const char *key);
void history_set_key(history_t *self, uint32_t actor, span_t key);
void history_killed(history_t *self);

/* A request is about to be sent. Returns the operation. */
uint32_t history_invoke(history_t *self, uint16_t client, uint64_t id, operation_type_t type, uint32_t actor,
                        uint64_t value);
void history_sent_again(history_t *self, uint32_t operation);
/* An answer came, the first or another one. */
void history_answer(history_t *self, uint32_t operation, const answer_t *answer);

/* A row of the list; history_listed after the last one. */
void history_row(history_t *self, span_t key, uint64_t version);
void history_listed(history_t *self);

#endif
