/* SPDX-License-Identifier: MIT */
/*
 * topics: who hears which events (DESIGN §6). A subscription is a topic, which is an actor's address, a peer, and the
 * handle on whose behalf the peer hears it (zeros: on its own). A peer hears an event once, however many of its handles
 * subscribe; when the last of them is gone, it hears no more.
 *
 * A peer that could not be given an event lags in that topic: from then on it hears none of it, and its subscriptions
 * there are kept only until it was told from where on it has a gap, which then ends them.
 *
 * Bounded, allocates nothing per event. Owned by the broker; its thread only.
 */
#ifndef DORAN_BROKER_TOPICS_H
#define DORAN_BROKER_TOPICS_H

#include "broker/peers.h"
#include "schemas/address.h"

typedef struct topics topics_t;

typedef struct topics_options {
    uint32_t subscriptions_max;
    uint32_t peer_subscriptions_max; /* of one peer */
} topics_options_t;

/* Up to where a peer has the events of a topic. */
typedef struct lag {
    uint64_t log_epoch, seq;
} lag_t;

topics_t *topics_new(const topics_options_t *options);
void topics_destroy(topics_t **self_p);

/* OK also if it is there already. BUSY, and nothing has changed: a bound is reached, or the peer lags in this topic and
   was not told yet. */
MUST_USE status_t topics_add(topics_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES], address_t topic);
/* What is not there is no error. */
void topics_remove(topics_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES], address_t topic);
/* Does the peer hear the topic on behalf of this handle? Not while it lags there. */
bool topics_hears(const topics_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES], address_t topic);
void topics_drop_peer(topics_t *self, peer_id_t peer);
/* Of any peer. handle is not zeros. */
void topics_drop_handle(topics_t *self, const uint8_t handle[HANDLE_BYTES]);

/* Calls each once for every peer that hears the topic. It may make that peer lag and say that it was told; it must not
   change anything else. */
void topics_walk(topics_t *self, address_t topic, void (*each)(void *context, peer_id_t peer), void *context);

/* The peer, which hears the topic, lags there. */
void topics_lag(topics_t *self, peer_id_t peer, address_t topic, lag_t lag);
/* What the peer is to be told first; false: nothing. topic is valid until the next change. */
bool topics_lagged(const topics_t *self, peer_id_t peer, address_t *topic, lag_t *lag);
/* It was told what topics_lagged said. */
void topics_told(topics_t *self, peer_id_t peer);

/* Subscriptions, those of lagging peers too. */
uint32_t topics_count(const topics_t *self);
/* Pairs of peer and topic in which it lags and was not told. */
uint32_t topics_lagging(const topics_t *self);
/* CHECKs the invariants; for tests. */
void topics_check(const topics_t *self);

#endif
