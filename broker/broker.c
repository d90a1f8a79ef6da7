/* SPDX-License-Identifier: MIT */
/* Life of the broker, the queues of peers, sending, and what changes from outside. */
#include <unistd.h>

#include "broker/broker_inside.h"

/* A peer that took no more is tried again after this. */
#define SEND_AGAIN_US 1000
#define HEARTBEATS_MISSED 3
/* The hint with busy and draining: about how long a full buffer takes. */
#define RETRY_AFTER_MS 20

/* Life. */

broker_t *broker_new(const broker_options_t *options, uint64_t now_us) {
    CHECK(options->shards > 0 && options->shards <= SHARDS_MAX, "%u shards", options->shards);
    CHECK(options->message_bytes_max <= ENVELOPE_BYTES_MAX, "message_bytes_max %u", options->message_bytes_max);
    broker_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    if (options->kind_of == NULL) {
        self->options.kind_of = kind_of;
    }
    self->tape = (tape_t){.tokens = self->tokens, .capacity = ELEMENTS_MAX};
    sessions_init(&self->sessions, options->folder_secret, options->session_ms);
    self->peers = peers_new(&(peers_options_t){.peers_max = options->peers_max,
                                               .queue_bytes_max = options->peer_queue_bytes_max,
                                               .forgotten = broker_end_of_peer,
                                               .context = self});
    self->handles = handles_new(&(handles_options_t){.handles_max = options->handles_max,
                                                     .peer_handles_max = options->peer_handles_max,
                                                     .ended = broker_handle_ended,
                                                     .context = self});
    self->topics = topics_new(&(topics_options_t){.subscriptions_max = options->subscriptions_max,
                                                  .peer_subscriptions_max = options->peer_subscriptions_max});
    self->stats = stats_new(options->shards, now_us);
    for (uint16_t shard = 0; shard < options->shards; shard++) {
        lane_init(&self->lanes[shard], shard);
    }
    return self;
}

void broker_destroy(broker_t **self_p) {
    broker_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (uint16_t shard = 0; shard < self->options.shards; shard++) {
        lane_fini(&self->lanes[shard]);
    }
    broker_forget_orders(self);
    handles_destroy(&self->handles);
    topics_destroy(&self->topics);
    peers_destroy(&self->peers);
    stats_destroy(&self->stats);
    keys_destroy(&self->options.keys);
    explicit_bzero(self, sizeof *self); /* secrets */
    free(self);
    *self_p = NULL;
}

/* The queues of peers. */

bool broker_queue(broker_t *self, peer_t *peer, const envelope_t *envelope, size_t beyond) {
    size_t bound = ENVELOPE_OVERHEAD_BYTES + envelope->session.len + envelope->kind.len + envelope->key.len +
                   envelope->method.len + envelope->body.len;
    if (!peer_has_room(self->peers, peer, bound, beyond)) {
        return false;
    }
    pack_t pack = pack_into(peer_append(self->peers, peer, bound), bound);
    envelope_encode(envelope, &pack);
    CHECK(pack_ok(&pack), "an envelope of more than %zu bytes", bound);
    peer_appended(self->peers, peer, pack.len);
    return true;
}

void broker_answer(broker_t *self, peer_t *peer, const envelope_t *envelope, size_t beyond) {
    self->dropped += !broker_queue(self, peer, envelope, beyond);
}

void broker_answer_error(broker_t *self, peer_t *peer, const envelope_t *request, refusal_t refusal, size_t beyond) {
    uint8_t bytes[ERROR_BODY_BYTES_MAX];
    pack_t body = pack_into(bytes, sizeof bytes);
    bool later = refusal.status == STATUS_BUSY || refusal.status == STATUS_DRAINING;
    envelope_pack_error(&body, refusal.status, refusal.detail, later ? RETRY_AFTER_MS : 0);
    CHECK(pack_ok(&body), "an error of more than %zu bytes", sizeof bytes);
    self->refused += refusal.status == STATUS_BUSY;
    broker_answer(
        self, peer,
        &(envelope_t){
            .type = ENVELOPE_ERROR, .id = request->id, .session = request->session, .body = pack_bytes(&body)},
        beyond);
}

bool broker_has_room(const broker_t *self, const peer_t *peer, size_t bytes) {
    return peer_has_room(self->peers, peer, bytes + self->options.peer_queue_bytes_max / 4, 0);
}

void broker_append(broker_t *self, peer_t *peer, span_t bytes) {
    memcpy(peer_append(self->peers, peer, bytes.len), bytes.ptr, bytes.len);
    peer_appended(self->peers, peer, bytes.len);
}

/* What leaves. */

requests_t *broker_take(broker_t *self, uint16_t shard) {
    return lane_take(&self->lanes[shard]);
}

/* One frame of this peer; false if it takes no more now. */
static bool send_one(broker_t *self, peer_t *peer, broker_send_fn send, void *context, uint64_t now_us) {
    send_result_t result = SEND_AGAIN;
    if (peer->again_us <= now_us) {
        result = send(context, span_of(peer->routing_id, peer->routing_id_bytes),
                      span_of(peer->first->data, peer->first->bytes));
    }
    switch (result) {
    case SEND_DONE:
        peer->again_us = 0;
        peers_pass(self->peers);
        peers_sent(self->peers, peer);
        if (topics_lagging(self->topics) > 0) {
            broker_tell_lags(self, peer);
        }
        return true;
    case SEND_AGAIN:
        peer->again_us = peer->again_us > now_us ? peer->again_us : now_us + SEND_AGAIN_US;
        peers_pass(self->peers);
        return false;
    case SEND_UNREACHABLE:
        self->dropped += peers_forget(self->peers, peer);
        return false;
    }
    return false;
}

uint32_t broker_flush(broker_t *self, broker_send_fn send, void *context, uint64_t now_us) {
    uint32_t sent = 0, idle = 0; /* idle: peers in a row that took nothing */
    peer_t *peer;
    while ((peer = peers_sender(self->peers)) != NULL && idle < peers_senders(self->peers)) {
        if (send_one(self, peer, send, context, now_us)) {
            sent++;
            idle = 0;
        } else {
            idle++;
        }
    }
    return sent;
}

uint32_t broker_queued(const broker_t *self) {
    return peers_senders(self->peers);
}

uint32_t broker_in_flight(const broker_t *self) {
    return self->in_flight;
}

/* What changes from outside. */

/* libzmq does not tell when a connection is closed. When places get scarce, a peer that missed a few heartbeats is
   taken to be gone; should it be there all the same, it sees by the pong's number that it was forgotten. */
static uint64_t idle_limit_us(const broker_t *self) {
    uint64_t idle_us = (uint64_t)self->options.peer_idle_ms * 1000;
    uint64_t missed_us = HEARTBEATS_MISSED * (uint64_t)self->options.heartbeat_ms * 1000;
    bool scarce = peers_count(self->peers) > self->options.peers_max / 4 * 3;
    return scarce && missed_us < idle_us ? missed_us : idle_us;
}

void broker_tick(broker_t *self, uint64_t now_us, uint64_t unix_ms) {
    handles_expire(self->handles, unix_ms);
    uint64_t idle_us = idle_limit_us(self);
    if (now_us > idle_us) {
        peers_forget_idle(self->peers, now_us - idle_us);
    }
}

static void follow_keys(void *context, peer_t *peer) {
    broker_t *self = context;
    uint32_t roles = keys_roles(self->options.keys, peer->user_id);
    if (roles == 0 && peer->roles != 0) {
        broker_end_of_peer(self, peer_id(peer));
    }
    peer->roles = roles;
}

void broker_set_keys(broker_t *self, keys_t *keys) {
    keys_destroy(&self->options.keys);
    self->options.keys = keys;
    peers_each(self->peers, follow_keys, self);
}

void broker_set_storage_full(broker_t *self, bool full) {
    self->storage_full = full;
}

void broker_drain(broker_t *self) {
    self->draining = true;
}

static void add_in_flight(void *context, peer_t *peer) {
    *(uint64_t *)context += peer->in_flight;
}

void broker_check(const broker_t *self) {
    uint64_t in_flight = 0;
    peers_check(self->peers);
    handles_check(self->handles);
    topics_check(self->topics);
    peers_each(self->peers, add_in_flight, &in_flight);
    CHECK(in_flight <= self->in_flight, "peers have %llu in flight, all %u", (unsigned long long)in_flight,
          self->in_flight);
    for (uint16_t shard = 0; shard < self->options.shards; shard++) {
        lane_check(&self->lanes[shard]);
    }
}
