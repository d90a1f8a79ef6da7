/* SPDX-License-Identifier: MIT */
/*
 * What the two sources of subscriptions share: subscription.c (how they come, ask and go) and subscription_take.c (what
 * they are told).
 */
#ifndef DORAN_CLIENT_SUBSCRIPTION_INSIDE_H
#define DORAN_CLIENT_SUBSCRIPTION_INSIDE_H

#include "tools/client/exchange_inside.h"

typedef enum subscription_state {
    SUBSCRIPTION_WAITING,
    SUBSCRIPTION_ASKING,
    SUBSCRIPTION_ON,
    SUBSCRIPTION_LATE,
    SUBSCRIPTION_LEAVING,
    SUBSCRIPTION_ENDED,
    SUBSCRIPTION_GONE,
} subscription_state_t;

struct topic {
    UT_hash_handle hh;
    struct subscription_list subscriptions;
    address_t address; /* into name */
    char name[];       /* kind/key */
};

struct doran_subscription {
    subscription_state_t state;
    bool has_position;
    doran_position_t position;
    exchange_t *exchange;
    topic_t *topic;
    handle_t *handle;
    errand_t errand;
    doran_event_fn on_event;
    void *context;
    TAILQ_ENTRY(doran_subscription) in_topic, in_owner, in_work; /* in_work: LATE or GONE */
};

/* NULL: nobody subscribes to it. */
topic_t *topic_find(const subscriptions_t *self, address_t address);

void subscription_set(doran_subscription_t *self, subscription_state_t state);
/* GONE, and freed when nobody walks the lists any more. */
void subscription_go(doran_subscription_t *self);
/* Asks from our position on, as soon as our handle is there. Its errand is idle. */
void subscription_ask(doran_subscription_t *self);
/* LATE: to be looked at when on_event does not run. */
void subscription_be_late(doran_subscription_t *self);

/* The next two run on_event, so only from within it is allowed to: `inside` is 1. */
void subscription_tell(doran_subscription_t *self, const doran_event_t *event);
void subscription_end(doran_subscription_t *self, doran_code_t code, const char *text, span_t body);
/* Takes the final answer to what it asked. */
void subscription_answered(void *self, exchange_t *exchange, const doran_reply_t *reply);

#endif
