/* SPDX-License-Identifier: MIT */
/*
 * subscription: the events of one topic for one doran_t, each once and in order, whatever happens to the connection.
 * Its position (log epoch, seq) is that of the last event given to the program, and all that is known here; from there
 * it asks again whenever something may have been missed.
 *
 *   WAITING ──its handle is open──► ASKING ──recovered, reset──► ON
 *      ▲                            │  ▲  ▲                      │ lagged, a gap, the server has forgotten us
 *      └─────its handle is lost─────┘  └──┘ paged                ├──────────────────────────────────────────► ASKING
 *                                                                └─something came inside on_event──► LATE ──► ASKING
 *   any ──an error that is final──► ENDED      any ──doran_unsubscribe──► LEAVING ──answered──► GONE
 *
 * on_event runs inside exchange_step only, and never inside another on_event. One thread.
 */
#ifndef DORAN_CLIENT_SUBSCRIPTION_H
#define DORAN_CLIENT_SUBSCRIPTION_H

#include <sodium.h>

#include "schemas/envelope.h"
#include "tools/client/handle.h"

enum { SUBSCRIPTIONS_MAX = 1000000 };

typedef struct topic topic_t;

/* Those of a connection; visible for embedding. */
typedef struct subscriptions {
    topic_t *by_name;
    uint8_t hash_key[crypto_shorthash_KEYBYTES];
    uint32_t count;
    unsigned inside;                /* one on_event may run, or one inside another's doran_call could */
    struct subscription_list plain; /* that act for no user; the others are in the lists of their handles */
    struct subscription_list late, gone;
    uint8_t *scratch; /* the body of the event that is given now */
    size_t scratch_bytes;
} subscriptions_t;

void subscriptions_init(subscriptions_t *self);
void subscriptions_fini(subscriptions_t *self, handles_t *handles);

/* Begins to ask. handle NULL: for no user; else not FAILED. Copies the topic. CONFLICT: there is one for this handle
   and topic; BUSY: SUBSCRIPTIONS_MAX are there. */
doran_code_t subscription_new(exchange_t *exchange, handle_t *handle, address_t topic, const doran_position_t *after,
                              doran_event_fn on_event, void *context, doran_subscription_t **subscription);
/* on_event will not run any more. */
void subscription_leave(doran_subscription_t *self);
/* All that act for this handle, which is about to be closed with all that it hears; or for no user if it is NULL. */
void subscriptions_leave(exchange_t *exchange, handle_t *handle);
exchange_t *subscription_exchange(const doran_subscription_t *self);
bool subscription_position(const doran_subscription_t *self, doran_position_t *position);

/* An event has come; `lagged` is one. */
void subscriptions_take(exchange_t *exchange, const envelope_t *event);
/* The server has forgotten us. After handles_forgotten. */
void subscriptions_forgotten(exchange_t *exchange);
void subscriptions_handle_opened(handle_t *handle);
void subscriptions_handle_lost(handle_t *handle);
void subscriptions_handle_failed(handle_t *handle);
/* Does what had to wait because on_event ran, and frees what is gone. To be called whenever the exchange has worked. */
void subscriptions_settle(exchange_t *exchange);

#endif
