/* SPDX-License-Identifier: MIT */
/*
 * handle: what a doran_t that acts for a user carries in its requests, and the opening of it. The server gives it in
 * answer to a request, `open`, and may forget it at any time; then it is opened again by the same request, under other
 * bytes, until that is refused for good.
 *
 *   OPENING ──answer──► OPEN ──ended, forgotten or refused by the server──► OPENING
 *      └──error──► FAILED
 *
 * Requests wait for one that is OPENING (PENDING_WAITING), and so do its subscriptions. One that the program has closed
 * lives on until the server has been told, or need not be told any more. One thread.
 */
#ifndef DORAN_CLIENT_HANDLE_H
#define DORAN_CLIENT_HANDLE_H

#include <uthash.h>

#include "schemas/address.h"
#include "tools/client/errand.h"

enum { HANDLES_MAX = 65536, HANDLE_TEXT_BYTES_MAX = 256 };

typedef enum handle_state { HANDLE_OPENING, HANDLE_OPEN, HANDLE_FAILED } handle_state_t;

TAILQ_HEAD(subscription_list, doran_subscription);

/* Visible for its fields; changed by this module only. */
struct handle {
    handle_state_t state;
    bool closed; /* by the program */
    uint8_t bytes[HANDLE_BYTES];
    uint32_t opening;  /* how often it was begun to open: tells its bytes from earlier ones */
    uint64_t open_us;  /* when it was opened last */
    uint32_t restless; /* how often in a row it was ended soon after */
    doran_code_t code; /* FAILED: why */
    char *text;        /* FAILED: the same in words */
    exchange_t *exchange;
    errand_t errand;
    address_t address; /* of the session; into stored */
    span_t body;       /* of the request; into stored */
    uint8_t *stored;
    doran_done_fn on_open;
    void *context;
    struct subscription_list subscriptions;
    TAILQ_ENTRY(handle) in_all;
    UT_hash_handle hh; /* by bytes, OPEN */
};

/* Those of a connection; visible for embedding. */
typedef struct handles {
    TAILQ_HEAD(handle_list, handle) all;
    handle_t *by_bytes;
    uint32_t count; /* that are not closed */
} handles_t;

void handles_init(handles_t *self);
void handles_fini(handles_t *self);

/* Begins to open. Copies address and body. NULL: HANDLES_MAX are there. */
handle_t *handle_new(exchange_t *exchange, address_t address, span_t body, doran_done_fn on_open, void *context);
/* The program has closed it, and dropped its requests and subscriptions. The server ends it with all that it hears;
   until then the handle is still here. */
void handle_close(handle_t *self);
/* A subscription of its has gone, or something else for which it may still be here. */
void handle_left(handle_t *self);

/* The server refuses it, or has ended or forgotten it: opens again. Only of one that is OPEN. */
void handle_reopen(handle_t *self);
/* All of them were forgotten. What was asked is sent again like any request. */
void handles_forgotten(exchange_t *exchange);
/* The one with these bytes was ended, if there is one. It is opened again at once, but if that happens again soon,
   later: a server that has room for fewer handles than we have ends the oldest for each new one. */
void handles_ended(exchange_t *exchange, span_t bytes);

#endif
