/* SPDX-License-Identifier: MIT */
/*
 * Admission is a row of checks, cheapest and most general first, each of which ends in a status and perhaps a sentence;
 * only behind the last one is anything changed. In flight is counted when a request enters a buffer and uncounted by
 * the one effect that finishes it, whether its peer is still there or not.
 */
#include "broker/broker_inside.h"
#include "schemas/address.h"

typedef struct arrival { /* of one frame */
    peer_t *peer;
    uint64_t now_us, unix_ms;
} arrival_t;

static const refusal_t admitted = {.status = STATUS_OK};

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
    broker_answer(self, peer, &(envelope_t){.type = ENVELOPE_PONG, .id = ping->id, .body = pack_bytes(&body)}, 0);
}

/* Admission. */

static refusal_t check_idempotency_key(const envelope_t *envelope) {
    span_t key = envelope->idempotency_key;
    if (envelope->type == ENVELOPE_TELL) {
        return refuse(STATUS_INVALID, "A tell has no answer that could be kept for an idempotency key");
    }
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] < ' ' || key.ptr[i] > '~') {
            return refuse(STATUS_INVALID, "An idempotency key is printable ASCII");
        }
    }
    return admitted;
}

/* What no request of a client may carry. */
static refusal_t check_header(broker_t *self, const arrival_t *arrival, const envelope_t *envelope) {
    if (envelope->subject.ptr != NULL) {
        return refuse(STATUS_FORBIDDEN, "Only the broker says who the subject is");
    }
    if (envelope->idempotency_key.ptr != NULL) {
        refusal_t refusal = check_idempotency_key(envelope);
        if (refusal.status != STATUS_OK) {
            return refusal;
        }
    }
    if (envelope->stream.ptr != NULL) {
        return refuse(STATUS_INVALID, "A client has no streams");
    }
    if (envelope->hops > 0) {
        return refuse(STATUS_INVALID, "A client's message is the first: it has no hops behind it");
    }
    if (envelope->session.ptr != NULL && !session_valid(self, arrival->peer, envelope->session, arrival->unix_ms)) {
        return refuse(STATUS_UNAUTHENTICATED, "The session is not known or too old; ping for a new one");
    }
    return admitted;
}

/* A handle says on whose behalf; then its rights count, not those of the key. */
static refusal_t check_handle(const broker_t *self, const arrival_t *arrival, const envelope_t *envelope,
                              request_t *request) {
    grant_t grant;
    if (envelope->handle.ptr == NULL) {
        return admitted;
    }
    if (!handles_find(self->handles, peer_id(arrival->peer), envelope->handle.ptr, arrival->unix_ms, &grant)) {
        return refuse(STATUS_UNAUTHENTICATED, "The handle is not known");
    }
    request->roles = grant.roles;
    request->subject = grant.user;
    request->has_handle = true;
    memcpy(request->handle, envelope->handle.ptr, HANDLE_BYTES);
    return admitted;
}

/* Finds kind and method and checks the right to call them and the form of the key. */
static refusal_t check_method(const broker_t *self, const envelope_t *envelope, request_t *request) {
    request->kind = self->options.kind_of(envelope->kind);
    if (request->kind == NULL) {
        return refuse(address_kind_valid(envelope->kind) ? STATUS_UNKNOWN_METHOD : STATUS_INVALID_ADDRESS, NULL);
    }
    request->method = kind_method(request->kind, envelope->method);
    if (request->method == NULL) {
        return refuse(STATUS_UNKNOWN_METHOD, NULL);
    }
    if ((request->method->roles & request->roles) == 0) {
        return refuse(STATUS_FORBIDDEN, "This is not for the role of the caller");
    }
    bool empty = envelope->key.len == 0;
    if ((request->method->flags & QUERY) != 0) {
        return empty ? admitted : refuse(STATUS_INVALID_ADDRESS, "A query goes to a kind, without a key");
    }
    if (empty ? (request->method->flags & CREATE) == 0 : !address_key_valid(envelope->key)) {
        return refuse(STATUS_INVALID_ADDRESS, NULL);
    }
    if (!empty && (request->method->flags & MADE) != 0 && (request->roles & ROLE_OPERATOR) == 0) {
        return refuse(STATUS_FORBIDDEN, "Only an operator chooses this key; leave it empty");
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
        if (lane_open(&self->lanes[shard], bytes, LANE_CLIENT) == NULL) {
            return false;
        }
    }
    return true;
}

static refusal_t check_state(const broker_t *self, const method_t *method) {
    if (self->draining) {
        return refuse(STATUS_DRAINING, NULL);
    }
    if (self->storage_full && (method->flags & (WRITE | CREATE | UPSERT)) != 0) {
        return refuse(STATUS_STORAGE_FULL, NULL);
    }
    return admitted;
}

static void count_in(broker_t *self, peer_t *peer, uint32_t count) {
    self->in_flight += count;
    peer->in_flight += count;
}

/* The handle that it carries, if any, is the peer's own. Without room for the answer nothing ends. */
static refusal_t admit_close_handle(broker_t *self, peer_t *peer, const envelope_t *envelope) {
    envelope_t reply = {.type = ENVELOPE_REPLY, .id = envelope->id, .session = envelope->session};
    if (envelope->handle.ptr == NULL) {
        return refuse(STATUS_INVALID, "The request carries no handle");
    }
    if (envelope->type == ENVELOPE_REQUEST && !broker_queue(self, peer, &reply, 0)) {
        return refuse(STATUS_BUSY, NULL);
    }
    broker_close_handle(self, peer, envelope->handle.ptr);
    return admitted;
}

/* Answered once the figures are there. */
static refusal_t admit_stat(broker_t *self, peer_t *peer, const envelope_t *envelope) {
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

/* Whose idempotency keys are one another's? A user's, through whichever bridge; those of nobody, through any bridge;
   else of each key its own. What reads or queries may be done again, and so ignores them. */
static void take_idempotency_key(const broker_t *self, const peer_t *peer, const envelope_t *envelope,
                                 request_t *request) {
    enum { OF_USER = 'u', OF_NOBODY = 'n', OF_KEY = 'k', CALLER_BYTES_MAX = 255 };
    uint8_t caller[CALLER_BYTES_MAX];
    bool gateway = (peer->roles & ROLE_GATEWAY) != 0;
    span_t name = request->has_handle ? request->subject : gateway ? span_text("") : span_text(peer->user_id);
    uint32_t flags = request->method->flags;
    if (envelope->idempotency_key.ptr == NULL || !method_writes(request->method) || (flags & QUERY) != 0) {
        return;
    }
    CHECK(name.len < sizeof caller, "a caller of %zu bytes", name.len);
    caller[0] = request->has_handle ? OF_USER : gateway ? OF_NOBODY : OF_KEY;
    memcpy(caller + 1, name.ptr, name.len);
    session_idempotency(&self->sessions, span_of(caller, 1 + name.len), envelope->kind, envelope->idempotency_key,
                        request->idempotency);
    request->has_idempotency = true;
}

/* Who asks for it again, must meet the same. */
static void make_key(const broker_t *self, const request_t *request, uint64_t unix_ms, char text[UUID_TEXT_BYTES]) {
    if (request->has_idempotency) {
        uuid_v8(request->idempotency, text);
    } else if (request->has_session) {
        session_actor_key(&self->sessions, request->session, request->id, text);
    } else {
        session_random_key(unix_ms, text);
    }
}

/* Completes the request and copies it into the buffer of its shard; of all shards if it is a query. */
static refusal_t admit_to_shards(broker_t *self, const arrival_t *arrival, const envelope_t *envelope,
                                 request_t *request) {
    char made[UUID_TEXT_BYTES];
    take_idempotency_key(self, arrival->peer, envelope, request);
    request->key = envelope->key;
    if ((request->method->flags & CREATE) != 0 && request->key.len == 0) {
        make_key(self, request, arrival->unix_ms, made);
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

/* What the broker answers itself. */
static refusal_t admit_own(broker_t *self, peer_t *peer, const envelope_t *envelope, const method_t *method) {
    if (!span_equal(envelope->key, span_text("self"))) {
        return refuse(STATUS_NOT_FOUND, NULL);
    }
    if (method == &kinds[KIND_broker].methods[METHOD_broker_stat]) {
        return admit_stat(self, peer, envelope);
    }
    CHECK(method == &kinds[KIND_broker].methods[METHOD_broker_close_handle], "nobody answers %s", method->name);
    return admit_close_handle(self, peer, envelope);
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
        refusal = check_handle(self, arrival, envelope, &request);
    }
    if (refusal.status == STATUS_OK) {
        refusal = check_method(self, envelope, &request);
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
    bool own = request.kind == &kinds[KIND_broker] && (request.method->flags & QUERY) == 0;
    return own ? admit_own(self, peer, envelope, request.method) : admit_to_shards(self, arrival, envelope, &request);
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
            broker_answer_error(self, arrival.peer, &envelope, refusal, 0);
        }
        if (bytes == 0 || (refusal.status != STATUS_OK && envelope.id == 0)) {
            return; /* where the next envelope begins is unknown, or this was none: one answer is enough */
        }
        rest = span_of(rest.ptr + bytes, rest.len - bytes);
    } while (rest.len > 0);
}
