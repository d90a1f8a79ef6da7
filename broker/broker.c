/* SPDX-License-Identifier: MIT */
/*
 * Admission is a row of checks, cheapest and most general first, each of which ends in a status and perhaps a sentence;
 * only behind the last one is anything changed. In flight is counted when a request enters a buffer and uncounted by
 * the one effect that finishes it, whether its peer is still there or not.
 */
#include "broker/broker.h"

#include <unistd.h>

#include "actors/effect.h"
#include "broker/lane.h"
#include "broker/peers.h"
#include "broker/sessions.h"
#include "schemas/address.h"

/* A peer that took no more is tried again after this. */
#define SEND_AGAIN_US 1000
#define ERROR_BODY_BYTES_MAX 256
#define HEARTBEATS_MISSED 3
#define ERROR_BYTES_MAX (ENVELOPE_OVERHEAD_BYTES + SESSION_BYTES + ERROR_BODY_BYTES_MAX)
/* The hint with busy and draining: about how long a full buffer takes. */
#define RETRY_AFTER_MS 20

struct broker {
    broker_options_t options; /* keys: the present ones */
    sessions_t sessions;
    peers_t *peers;
    stats_t *stats;
    lane_t lanes[SHARDS_MAX];
    uint32_t in_flight;
    bool draining, storage_full;
    uint64_t refused, dropped;
    tape_t tape;
    token_t tokens[ELEMENTS_MAX];
};

typedef struct arrival { /* of one frame */
    peer_t *peer;
    uint64_t now_us, unix_ms;
} arrival_t;

typedef struct refusal {
    status_t status;
    const char *detail; /* instead of the table's text, or NULL */
} refusal_t;

static const refusal_t admitted = {.status = STATUS_OK};

static refusal_t refuse(status_t status, const char *detail) {
    return (refusal_t){.status = status, .detail = detail};
}

/* Life. */

broker_t *broker_new(const broker_options_t *options, uint64_t now_us) {
    CHECK(options->shards > 0 && options->shards <= SHARDS_MAX, "%u shards", options->shards);
    CHECK(options->message_bytes_max <= ENVELOPE_BYTES_MAX, "message_bytes_max %u", options->message_bytes_max);
    broker_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->tape = (tape_t){.tokens = self->tokens, .capacity = ELEMENTS_MAX};
    sessions_init(&self->sessions, options->folder_secret, options->session_ms);
    self->peers = peers_new(
        &(peers_options_t){.peers_max = options->peers_max, .queue_bytes_max = options->peer_queue_bytes_max});
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
    peers_destroy(&self->peers);
    stats_destroy(&self->stats);
    keys_destroy(&self->options.keys);
    explicit_bzero(self, sizeof *self); /* secrets */
    free(self);
    *self_p = NULL;
}

/* Answers from here. */

static void queue(broker_t *self, peer_t *peer, const envelope_t *envelope, size_t beyond) {
    size_t bound = ENVELOPE_OVERHEAD_BYTES + envelope->session.len + envelope->body.len;
    if (!peer_has_room(self->peers, peer, bound, beyond)) {
        self->dropped++;
        return;
    }
    pack_t pack = pack_into(peer_append(self->peers, peer, bound), bound);
    envelope_encode(envelope, &pack);
    CHECK(pack_ok(&pack), "an envelope of more than %zu bytes", bound);
    peer_appended(self->peers, peer, pack.len);
}

/* beyond: how far over its bound the queue may go for it. */
static void answer_error(broker_t *self, peer_t *peer, const envelope_t *request, refusal_t refusal, size_t beyond) {
    uint8_t bytes[ERROR_BODY_BYTES_MAX];
    pack_t body = pack_into(bytes, sizeof bytes);
    bool later = refusal.status == STATUS_BUSY || refusal.status == STATUS_DRAINING;
    envelope_pack_error(&body, refusal.status, refusal.detail, later ? RETRY_AFTER_MS : 0);
    CHECK(pack_ok(&body), "an error of more than %zu bytes", sizeof bytes);
    self->refused += refusal.status == STATUS_BUSY;
    queue(self, peer,
          &(envelope_t){
              .type = ENVELOPE_ERROR, .id = request->id, .session = request->session, .body = pack_bytes(&body)},
          beyond);
}

static bool session_valid(broker_t *self, peer_t *peer, span_t session, uint64_t unix_ms) {
    if (peer->has_session && memcmp(peer->session, session.ptr, SESSION_BYTES) == 0) {
        return session_fresh(&self->sessions, session.ptr, unix_ms);
    }
    if (!session_check(&self->sessions, peer->user_id, session.ptr, unix_ms)) {
        return false;
    }
    peer->has_session = true;
    memcpy(peer->session, session.ptr, SESSION_BYTES);
    return true;
}

/* The pong has the session of the ping while that is valid, else a new one. */
static void answer_ping(broker_t *self, const arrival_t *arrival, const envelope_t *ping) {
    peer_t *peer = arrival->peer;
    uint8_t session[SESSION_BYTES], bytes[256];
    if (ping->session.ptr != NULL && session_valid(self, peer, ping->session, arrival->unix_ms)) {
        memcpy(session, ping->session.ptr, SESSION_BYTES);
    } else {
        session_issue(&self->sessions, peer->user_id, arrival->unix_ms, session);
    }
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 5);
    pack_cstring(&body, "session");
    pack_binary(&body, span_of(session, sizeof session));
    pack_cstring(&body, "number");
    pack_u64(&body, peer->number);
    pack_cstring(&body, "version");
    pack_cstring(&body, DORAN_VERSION);
    pack_cstring(&body, "heartbeat_ms");
    pack_u64(&body, self->options.heartbeat_ms);
    pack_cstring(&body, "session_ms");
    pack_u64(&body, self->options.session_ms);
    CHECK(pack_ok(&body), "a pong of more than %zu bytes", sizeof bytes);
    queue(self, peer, &(envelope_t){.type = ENVELOPE_PONG, .id = ping->id, .body = pack_bytes(&body)}, 0);
}

/* Admission. */

/* What no request of a client may carry. */
static refusal_t check_header(broker_t *self, const arrival_t *arrival, const envelope_t *envelope) {
    if (envelope->subject.ptr != NULL) {
        return refuse(STATUS_FORBIDDEN, "Only the broker says who the subject is");
    }
    if (envelope->handle.ptr != NULL) {
        return refuse(STATUS_UNAUTHENTICATED, "The handle is not known");
    }
    if (envelope->idempotency_key.ptr != NULL) {
        return refuse(STATUS_INVALID, "An idempotency key is not taken here yet");
    }
    if (envelope->stream.ptr != NULL) {
        return refuse(STATUS_INVALID, "A client has no streams");
    }
    if (envelope->hops > HOPS_MAX) {
        return refuse(STATUS_INVALID, "Too many hops");
    }
    if (envelope->session.ptr != NULL && !session_valid(self, arrival->peer, envelope->session, arrival->unix_ms)) {
        return refuse(STATUS_UNAUTHENTICATED, "The session is not known or too old; ping for a new one");
    }
    return admitted;
}

/* Finds kind and method and checks the right to call them and the form of the key. */
static refusal_t check_method(const peer_t *peer, const envelope_t *envelope, request_t *request) {
    int kind = kind_find(envelope->kind);
    if (kind < 0) {
        return refuse(address_kind_valid(envelope->kind) ? STATUS_UNKNOWN_METHOD : STATUS_INVALID_ADDRESS, NULL);
    }
    request->kind = &kinds[kind];
    request->method = kind_method(request->kind, envelope->method);
    if (request->method == NULL) {
        return refuse(STATUS_UNKNOWN_METHOD, NULL);
    }
    if ((request->method->roles & peer->roles) == 0) {
        return refuse(STATUS_FORBIDDEN, NULL);
    }
    bool empty = envelope->key.len == 0;
    if ((request->method->flags & QUERY) != 0) {
        return empty ? admitted : refuse(STATUS_INVALID_ADDRESS, "A query goes to a kind, without a key");
    }
    if (empty ? (request->method->flags & CREATE) == 0 : !address_key_valid(envelope->key)) {
        return refuse(STATUS_INVALID_ADDRESS, NULL);
    }
    return admitted;
}

/* May so many requests more be in flight? */
static bool may_wait(const broker_t *self, const peer_t *peer, uint16_t count) {
    return self->in_flight + count <= self->options.in_flight_max &&
           peer->in_flight + count <= self->options.peer_in_flight_max &&
           peer->queue_bytes <= self->options.peer_queue_bytes_max / 2;
}

/* Is there room for one request to each of these shards? */
static bool has_room(broker_t *self, const peer_t *peer, uint16_t first, uint16_t count, size_t bytes) {
    if (!may_wait(self, peer, count)) {
        return false;
    }
    for (uint16_t shard = first; shard < first + count; shard++) {
        if (lane_open(&self->lanes[shard], bytes) == NULL) {
            return false;
        }
    }
    return true;
}

static refusal_t check_state(const broker_t *self, const method_t *method) {
    if (self->draining) {
        return refuse(STATUS_DRAINING, NULL);
    }
    if (self->storage_full && (method->flags & (WRITE | CREATE)) != 0) {
        return refuse(STATUS_STORAGE_FULL, NULL);
    }
    return admitted;
}

static void count_in(broker_t *self, peer_t *peer, uint32_t count) {
    self->in_flight += count;
    peer->in_flight += count;
}

/* Kind `broker` is answered here, once the figures are there. */
static refusal_t admit_stat(broker_t *self, peer_t *peer, const envelope_t *envelope, const method_t *method) {
    if (method != &kinds[KIND_broker].methods[METHOD_broker_stat]) {
        return refuse(STATUS_UNKNOWN_METHOD, NULL);
    }
    if (!span_equal(envelope->key, span_text("self"))) {
        return refuse(STATUS_NOT_FOUND, NULL);
    }
    stat_asker_t asker = {.peer = peer->index, .peer_number = peer->number, .id = envelope->id};
    if (envelope->session.ptr != NULL) {
        asker.has_session = true;
        memcpy(asker.session, envelope->session.ptr, SESSION_BYTES);
    }
    if (!may_wait(self, peer, 1) || !stats_ask(self->stats, &asker)) {
        return refuse(STATUS_BUSY, NULL);
    }
    count_in(self, peer, 1);
    return admitted;
}

/* Completes the request and copies it into the buffer of its shard; of all shards if it is a query. */
static refusal_t admit_to_shards(broker_t *self, const arrival_t *arrival, const envelope_t *envelope,
                                 request_t *request) {
    char made[UUID_TEXT_BYTES];
    request->key = envelope->key;
    if ((request->method->flags & CREATE) != 0 && request->key.len == 0) {
        if (request->has_session) {
            session_actor_key(&self->sessions, request->session, request->id, made);
        } else {
            session_random_key(arrival->unix_ms, made);
        }
        request->key = span_of(made, sizeof made);
    }
    uint16_t first = 0, count = self->options.shards;
    if ((request->method->flags & QUERY) == 0) {
        request->partition = address_partition(envelope->kind, request->key);
        first = request->partition % self->options.shards;
        count = 1;
    }
    size_t bytes = request_bytes(request);
    if (!has_room(self, arrival->peer, first, count, bytes)) {
        return refuse(STATUS_BUSY, NULL);
    }
    for (uint16_t shard = first; shard < first + count; shard++) {
        requests_add(self->lanes[shard].open, request);
    }
    count_in(self, arrival->peer, count);
    return admitted;
}

static refusal_t admit_request(broker_t *self, const arrival_t *arrival, const envelope_t *envelope) {
    peer_t *peer = arrival->peer;
    request_t request = {.peer = peer->index,
                         .peer_number = peer->number,
                         .id = envelope->id,
                         .lowest_unanswered = envelope->lowest_unanswered,
                         .received_us = arrival->now_us,
                         .roles = peer->roles,
                         .type = envelope->type == ENVELOPE_TELL ? REQUEST_TELL : REQUEST_CALL,
                         .hops = envelope->hops,
                         .trace = envelope->trace,
                         .body = envelope->body};
    uint32_t timeout_ms = envelope->timeout_ms != 0 ? envelope->timeout_ms : self->options.request_timeout_ms;
    request.deadline_us = arrival->now_us + (uint64_t)timeout_ms * 1000;
    refusal_t refusal = check_header(self, arrival, envelope);
    if (refusal.status == STATUS_OK) {
        refusal = check_method(peer, envelope, &request);
    }
    if (refusal.status == STATUS_OK) {
        refusal = check_state(self, request.method);
    }
    if (refusal.status != STATUS_OK) {
        return refusal;
    }
    if (envelope->session.ptr != NULL) {
        request.has_session = true;
        memcpy(request.session, envelope->session.ptr, SESSION_BYTES);
    }
    return request.kind == &kinds[KIND_broker] ? admit_stat(self, peer, envelope, request.method)
                                               : admit_to_shards(self, arrival, envelope, &request);
}

static refusal_t admit_envelope(broker_t *self, const arrival_t *arrival, const envelope_t *envelope, size_t bytes) {
    if (bytes > self->options.message_bytes_max) {
        return refuse(STATUS_TOO_LARGE, NULL);
    }
    if (arrival->peer->stranger) {
        return refuse(STATUS_BUSY, "Too many peers are connected");
    }
    if (arrival->peer->roles == 0) {
        return refuse(STATUS_FORBIDDEN, "This key is not allowed any more");
    }
    switch ((envelope_type_t)envelope->type) {
    case ENVELOPE_PING:
        answer_ping(self, arrival, envelope);
        return admitted;
    case ENVELOPE_REQUEST:
    case ENVELOPE_TELL:
        return admit_request(self, arrival, envelope);
    case ENVELOPE_REPLY:
    case ENVELOPE_ERROR:
    case ENVELOPE_EVENT:
    case ENVELOPE_PONG:
        break;
    }
    return refuse(STATUS_INVALID, "A client sends requests, tells and pings only");
}

static peer_t *see(broker_t *self, span_t routing_id, const char *user_id, uint64_t now_us) {
    bool renewed = false;
    uint64_t dropped = 0;
    peer_t *peer = peers_see(self->peers, routing_id, user_id, now_us, &renewed, &dropped);
    self->dropped += dropped;
    if (peer != NULL && renewed) {
        peer->roles = keys_roles(self->options.keys, user_id);
    }
    return peer;
}

void broker_admit(broker_t *self, span_t routing_id, const char *user_id, span_t frame, uint64_t now_us,
                  uint64_t unix_ms) {
    arrival_t arrival = {.peer = see(self, routing_id, user_id, now_us), .now_us = now_us, .unix_ms = unix_ms};
    if (arrival.peer == NULL) {
        self->dropped++;
        return;
    }
    span_t rest = frame;
    do {
        envelope_t envelope;
        size_t bytes = 0;
        refusal_t refusal = refuse(envelope_decode(&envelope, &self->tape, rest, &bytes), NULL);
        if (refusal.status == STATUS_OK) {
            refusal = admit_envelope(self, &arrival, &envelope, bytes);
        }
        if (refusal.status != STATUS_OK) {
            answer_error(self, arrival.peer, &envelope, refusal, 0);
        }
        if (bytes == 0 || (refusal.status != STATUS_OK && envelope.id == 0)) {
            return; /* where the next envelope begins is unknown, or this was none: one answer is enough */
        }
        rest = span_of(rest.ptr + bytes, rest.len - bytes);
    } while (rest.len > 0);
}

requests_t *broker_take(broker_t *self, uint16_t shard) {
    return lane_take(&self->lanes[shard]);
}

/* The way out. */

/* One request is finished; NULL if its peer is gone. */
static peer_t *count_out(broker_t *self, uint32_t index, uint64_t number) {
    CHECK(self->in_flight > 0, "an answer that nobody waits for, of peer %u", index);
    self->in_flight--;
    peer_t *peer = peers_at(self->peers, index, number);
    if (peer != NULL) {
        CHECK(peer->in_flight > 0, "peer %u has nothing in flight", index);
        peer->in_flight--;
    }
    return peer;
}

/* The queue has no room for an answer: in its place goes a small error, so that the client need not wait for its time
   to run out. With a session it may simply ask again; without one it cannot know whether it happened. */
static void answer_without_room(broker_t *self, peer_t *peer, span_t answer) {
    envelope_t envelope;
    size_t bytes;
    if (envelope_decode(&envelope, &self->tape, answer, &bytes) != STATUS_OK) {
        self->dropped++; /* an answer may have more elements than a request */
        return;
    }
    refusal_t refusal = envelope.session.ptr != NULL
                            ? refuse(STATUS_BUSY, "Answers wait that were not read")
                            : refuse(STATUS_DEADLINE_EXCEEDED, "Answers wait that were not read");
    /* As many as were in flight when the queue was half full may come so. */
    answer_error(self, peer, &envelope, refusal, (size_t)self->options.peer_in_flight_max * ERROR_BYTES_MAX);
}

static void deliver(broker_t *self, const effect_t *effect, span_t envelope) {
    peer_t *peer = count_out(self, effect->peer, effect->peer_number);
    if (envelope.len == 0) {
        return;
    }
    if (peer == NULL) {
        self->dropped++;
        return;
    }
    /* The last quarter of the queue is for refusals, so that nobody is refused in silence. */
    if (!peer_has_room(self->peers, peer, envelope.len + self->options.peer_queue_bytes_max / 4, 0)) {
        answer_without_room(self, peer, envelope);
        return;
    }
    memcpy(peer_append(self->peers, peer, envelope.len), envelope.ptr, envelope.len);
    peer_appended(self->peers, peer, envelope.len);
}

static void answer_stat(broker_t *self, const stat_asker_t *asker, span_t body) {
    peer_t *peer = count_out(self, asker->peer, asker->peer_number);
    if (peer == NULL) {
        self->dropped++;
        return;
    }
    span_t session = asker->has_session ? span_of(asker->session, SESSION_BYTES) : (span_t){0};
    queue(self, peer, &(envelope_t){.type = ENVELOPE_REPLY, .id = asker->id, .session = session, .body = body}, 0);
}

static void answer_stats(broker_t *self, uint64_t now_us) {
    if (!stats_complete(self->stats, now_us)) {
        return;
    }
    stat_reply_t reply = {0};
    FIELD_SET(stat_reply, &reply, ready, !self->draining);
    FIELD_SET(stat_reply, &reply, version, span_text(DORAN_VERSION));
    FIELD_SET(stat_reply, &reply, pid, (uint64_t)getpid());
    FIELD_SET(stat_reply, &reply, peers, peers_count(self->peers));
    FIELD_SET(stat_reply, &reply, in_flight, self->in_flight - stats_waiting(self->stats)); /* but for those who ask */
    FIELD_SET(stat_reply, &reply, storage_full, self->storage_full);
    FIELD_SET(stat_reply, &reply, refused, self->refused);
    FIELD_SET(stat_reply, &reply, dropped, self->dropped);
    stats_fill(self->stats, &reply);
    uint8_t bytes[STAT_BYTES_MAX];
    pack_t body = pack_into(bytes, sizeof bytes);
    record_encode(&record_stat_reply, &reply, &body);
    CHECK(pack_ok(&body), "figures of more than %zu bytes", sizeof bytes);
    stat_asker_t asker;
    while (stats_take(self->stats, &asker)) {
        answer_stat(self, &asker, pack_bytes(&body));
    }
}

void broker_forward(broker_t *self, const batch_t *batch, uint64_t now_us) {
    span_t rest = span_of(batch->effects, batch->effects_bytes), bytes;
    effect_t effect;
    while (effect_next(&rest, &effect, &bytes)) {
        if (effect.type == EFFECT_FIGURES) {
            shard_stats_t figures;
            CHECK(bytes.len == sizeof figures, "figures of %zu bytes", bytes.len);
            memcpy(&figures, bytes.ptr, sizeof figures);
            stats_shard(self->stats, &figures);
        } else {
            deliver(self, &effect, bytes);
        }
    }
    for (uint32_t i = 0; i < batch->finished_count; i++) {
        requests_t *requests = batch->finished[i];
        lane_home(&self->lanes[requests->shard], requests);
    }
    answer_stats(self, now_us);
}

bool broker_probe(broker_t *self) {
    return stats_begin(self->stats);
}

void broker_figures(broker_t *self, const figures_t *figures, uint64_t now_us) {
    stats_journal(self->stats, figures);
    answer_stats(self, now_us);
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

void broker_tick(broker_t *self, uint64_t now_us) {
    uint64_t idle_us = idle_limit_us(self);
    if (now_us > idle_us) {
        peers_forget_idle(self->peers, now_us - idle_us);
    }
}

static void follow_keys(void *context, peer_t *peer) {
    peer->roles = keys_roles(context, peer->user_id);
}

void broker_set_keys(broker_t *self, keys_t *keys) {
    peers_each(self->peers, follow_keys, keys);
    keys_destroy(&self->options.keys);
    self->options.keys = keys;
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
    peers_each(self->peers, add_in_flight, &in_flight);
    CHECK(in_flight <= self->in_flight, "peers have %llu in flight, all %u", (unsigned long long)in_flight,
          self->in_flight);
    for (uint16_t shard = 0; shard < self->options.shards; shard++) {
        lane_check(&self->lanes[shard]);
    }
}
