/* SPDX-License-Identifier: MIT */
/*
 * What the sources of the broker share: broker.c (life, sending, what changes from outside), broker_admit.c (what peers
 * ask), broker_forward.c (what comes out of the journal), broker_events.c (handles, subscriptions, events),
 * broker_actors.c (what goes on between actors: messages and work).
 */
#ifndef DORAN_BROKER_BROKER_INSIDE_H
#define DORAN_BROKER_BROKER_INSIDE_H

#include "actors/effect.h"
#include "broker/broker.h"
#include "broker/handles.h"
#include "broker/lane.h"
#include "broker/peers.h"
#include "broker/sessions.h"
#include "broker/topics.h"

#define ERROR_BODY_BYTES_MAX 256
#define ERROR_BYTES_MAX (ENVELOPE_OVERHEAD_BYTES + SESSION_BYTES + ERROR_BODY_BYTES_MAX)

struct broker {
    broker_options_t options; /* keys: the present ones */
    sessions_t sessions;
    peers_t *peers;
    handles_t *handles;
    topics_t *topics;
    stats_t *stats;
    lane_t lanes[SHARDS_MAX];
    uint32_t in_flight;
    bool draining, storage_full;
    uint64_t refused, dropped, lagged, lost_messages, lost_works; /* since the start */
    work_order_t *ordered;                                        /* for the pools to take */
    work_order_t *worked;                                         /* results for which a lane had no room */
    uint32_t order_count[WORK_POOLS];                             /* with those at the pool */
    size_t order_bytes[WORK_POOLS];
    bool answered; /* what the server itself asked, so: */
    status_t answer;
    tape_t tape;
    token_t tokens[ELEMENTS_MAX];
};

typedef struct refusal {
    status_t status;    /* OK: it is none */
    const char *detail; /* instead of the table's text, or NULL */
} refusal_t;

static inline refusal_t refuse(status_t status, const char *detail) {
    return (refusal_t){.status = status, .detail = detail};
}

/* broker.c: the queues of peers. */

#define WITHOUT_BOUND (SIZE_MAX / 2)
/* Appends the envelope, if it may go this far over the queue's bound; false: there is no room. */
bool broker_queue(broker_t *self, peer_t *peer, const envelope_t *envelope, size_t beyond);
/* The same, and counts what had no room. beyond: how far over its bound the queue may go for it. */
void broker_answer(broker_t *self, peer_t *peer, const envelope_t *envelope, size_t beyond);
void broker_answer_error(broker_t *self, peer_t *peer, const envelope_t *request, refusal_t refusal, size_t beyond);
/* Room for what comes from shards? The last quarter of the queue is for refusals and for what a peer must be told. */
bool broker_has_room(const broker_t *self, const peer_t *peer, size_t bytes);
/* Appends bytes of whole envelopes, for which there is room. */
void broker_append(broker_t *self, peer_t *peer, span_t bytes);

#define OWN_NUMBER UINT64_C(0) /* of no peer: the server itself asks */

/* broker_events.c */

/* A reply with flags is about to go to the peer: gives it the handle, begins or ends the subscription. Not OK: goes in
   the reply's place. The envelope is still on the tape. */
refusal_t broker_follow(broker_t *self, const peer_t *peer, const effect_t *effect, const envelope_t *reply,
                        uint64_t unix_ms);
/* To all who hear it. */
void broker_publish(broker_t *self, span_t envelope);
/* Tells the peer where it lags, as far as its queue has room. */
void broker_tell_lags(broker_t *self, peer_t *peer);
/* An envelope of EFFECT_MUTE. */
void broker_mute(broker_t *self, span_t envelope);
/* The peer wants this handle of its own no more, nor what it hears with it. */
void broker_close_handle(broker_t *self, const peer_t *peer, const uint8_t handle[HANDLE_BYTES]);
/* For handles.h: it ended; its subscriptions end, and its peer, if it is still there, is told. */
void broker_handle_ended(void *context, peer_id_t peer, const uint8_t handle[HANDLE_BYTES]);
/* The peer is known no longer, or may do nothing any more: it has no handles and hears nothing. Also for peers.h. */
void broker_end_of_peer(void *context, peer_id_t peer);

/* broker_actors.c */

/* An envelope of EFFECT_SEND. */
void broker_send(broker_t *self, span_t envelope, uint64_t now_us);
void broker_acknowledge(broker_t *self, const stream_ack_t *ack, uint64_t now_us);
/* An envelope of EFFECT_WORK. */
void broker_order(broker_t *self, work_pool_t pool, span_t envelope, uint64_t now_us);
/* Results that waited, as far as lanes have room now. */
void broker_put_worked(broker_t *self, uint64_t now_us);
/* Frees the orders that are here. */
void broker_forget_orders(broker_t *self);

#endif
