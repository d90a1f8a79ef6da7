/* SPDX-License-Identifier: MIT */
/*
 * Handles and subscriptions begin when the reply that says so is put into the peer's queue, so that whatever stands
 * behind it in the queue is covered by it; for the same reason they end with a word in the same queue:
 *
 *   reply ─ event s+1 ─ event s+2 ─ … ─ lagged {log_epoch, seq}       the client pages from seq, and subscribes again
 *   reply ─ event ─ event ─ … ─ broker/self handle_ended {handle}     nothing behind it is for that handle
 */
#include "broker/broker_inside.h"

#define NOTICE_BODY_BYTES_MAX 64

static refusal_t grant_handle(broker_t *self, const peer_t *peer, uint64_t unix_ms) {
    static const uint8_t none[HANDLE_BYTES];
    session_opened_t opened;
    status_t status =
        record_decode(&record_session_opened, &self->tape, envelope_body_token(&self->tape), FROM_STORE, &opened, NULL);
    if (status != STATUS_OK || memcmp(opened.handle.ptr, none, HANDLE_BYTES) == 0) {
        return refuse(STATUS_INTERNAL, NULL);
    }
    grant_t grant = {.user = opened.user,
                     .session = opened.session,
                     .roles = opened.role == person_role_ADMIN ? ROLE_USER | ROLE_ADMIN : ROLE_USER,
                     .expires_ms = opened.expires_at};
    if (unix_ms >= grant.expires_ms) {
        return refuse(STATUS_UNAUTHENTICATED, "The handle's time is over; open it again");
    }
    status = handles_add(self->handles, peer_id(peer), opened.handle.ptr, &grant);
    return refuse(status, "Too many handles are open");
}

static refusal_t subscribe(broker_t *self, const peer_t *peer, const uint8_t *handle, address_t topic,
                           uint64_t unix_ms) {
    static const uint8_t none[HANDLE_BYTES];
    grant_t grant;
    if (memcmp(handle, none, HANDLE_BYTES) != 0 &&
        !handles_find(self->handles, peer_id(peer), handle, unix_ms, &grant)) {
        return refuse(STATUS_UNAUTHENTICATED, "The handle has ended");
    }
    return refuse(topics_add(self->topics, peer_id(peer), handle, topic), "Too many subscriptions");
}

refusal_t broker_follow(broker_t *self, const peer_t *peer, const effect_t *effect, const envelope_t *reply,
                        uint64_t unix_ms) {
    address_t topic = {.kind = reply->kind, .key = reply->key};
    refusal_t refusal = refuse(STATUS_OK, NULL);
    if (peer->roles == 0) { /* the key was taken back meanwhile */
        return refuse(STATUS_FORBIDDEN, "This key is not allowed any more");
    }
    if ((effect->flags & EFFECT_GRANT) != 0) {
        refusal = grant_handle(self, peer, unix_ms);
    }
    if (refusal.status == STATUS_OK && (effect->flags & EFFECT_SUBSCRIBE) != 0) {
        refusal = subscribe(self, peer, effect->handle, topic, unix_ms);
    }
    if (refusal.status == STATUS_OK && (effect->flags & EFFECT_UNSUBSCRIBE) != 0) {
        topics_remove(self->topics, peer_id(peer), effect->handle, topic);
    }
    return refusal;
}

/* Events. */

static bool queue_event(broker_t *self, peer_t *peer, address_t topic, const char *type, span_t body, size_t beyond) {
    return broker_queue(
        self, peer,
        &(envelope_t){
            .type = ENVELOPE_EVENT, .kind = topic.kind, .key = topic.key, .method = span_text(type), .body = body},
        beyond);
}

static bool tell_lag(broker_t *self, peer_t *peer, address_t topic, lag_t lag) {
    uint8_t bytes[NOTICE_BODY_BYTES_MAX];
    pack_t body = pack_into(bytes, sizeof bytes);
    lagged_t lagged = {0};
    FIELD_SET(lagged, &lagged, log_epoch, lag.log_epoch);
    FIELD_SET(lagged, &lagged, seq, lag.seq);
    record_encode(&record_lagged, &lagged, &body);
    CHECK(pack_ok(&body), "a notice of more than %zu bytes", sizeof bytes);
    return queue_event(self, peer, topic, "lagged", pack_bytes(&body), 0);
}

void broker_tell_lags(broker_t *self, peer_t *peer) {
    address_t topic;
    lag_t lag;
    while (topics_lagged(self->topics, peer_id(peer), &topic, &lag) && tell_lag(self, peer, topic, lag)) {
        topics_told(self->topics, peer_id(peer));
    }
}

typedef struct publication {
    broker_t *self;
    span_t bytes;
    address_t topic;
    bool read;   /* what follows was read from the body */
    bool stored; /* it has a number: who misses it can page for it */
    lag_t lag;   /* of who misses it */
} publication_t;

static uint64_t body_number(const tape_t *tape, const char *name) {
    uint32_t at = tape_find(tape, envelope_body_token(tape), name);
    return at != 0 && tape->tokens[at].type == TOKEN_U64 ? tape->tokens[at].u64 : 0;
}

static void read_lag(publication_t *publication) {
    uint64_t seq = body_number(&publication->self->tape, "seq");
    publication->stored = seq > 0;
    publication->lag =
        (lag_t){.log_epoch = body_number(&publication->self->tape, "log_epoch"), .seq = seq > 0 ? seq - 1 : 0};
    publication->read = true;
}

static void publish_to(void *context, peer_id_t id) {
    publication_t *publication = context;
    broker_t *self = publication->self;
    peer_t *peer = peers_at(self->peers, id.index, id.number);
    CHECK(peer != NULL, "peer %u hears, but is not there", id.index);
    if (broker_has_room(self, peer, publication->bytes.len)) {
        broker_append(self, peer, publication->bytes);
        return;
    }
    if (!publication->read) {
        read_lag(publication);
    }
    if (!publication->stored) { /* volatile: nobody can page for it, and the next one makes up for it */
        self->dropped++;
        return;
    }
    self->lagged++;
    topics_lag(self->topics, id, publication->topic, publication->lag);
    broker_tell_lags(self, peer);
}

void broker_publish(broker_t *self, span_t bytes) {
    envelope_t envelope;
    size_t consumed;
    if (envelope_decode(&envelope, &self->tape, bytes, &consumed) != STATUS_OK) {
        self->dropped++; /* it may have more elements than a tape; then nobody could read it */
        return;
    }
    publication_t publication = {.self = self, .bytes = bytes, .topic = {.kind = envelope.kind, .key = envelope.key}};
    topics_walk(self->topics, publication.topic, publish_to, &publication);
}

/* Ends. */

/* As if the peer lagged there: that ends what all of its handles hear, and who may hear it subscribes again. */
static void mute_handle(void *context, peer_id_t id, const uint8_t handle[HANDLE_BYTES]) {
    const publication_t *mute = context;
    broker_t *self = mute->self;
    peer_t *peer = peers_at(self->peers, id.index, id.number);
    CHECK(peer != NULL, "peer %u has a handle, but is not there", id.index);
    if (topics_hears(self->topics, id, handle, mute->topic)) {
        topics_lag(self->topics, id, mute->topic, mute->lag);
        broker_tell_lags(self, peer);
    }
}

void broker_mute(broker_t *self, span_t bytes) {
    envelope_t envelope;
    size_t consumed;
    status_t status = envelope_decode(&envelope, &self->tape, bytes, &consumed);
    CHECK(status == STATUS_OK && envelope.subject.ptr != NULL, "nobody is muted by %zu bytes", bytes.len);
    publication_t mute = {
        .self = self,
        .topic = {.kind = envelope.kind, .key = envelope.key},
        .lag = {.log_epoch = body_number(&self->tape, "log_epoch"), .seq = body_number(&self->tape, "seq")}};
    handles_walk(self->handles, envelope.subject, mute_handle, &mute);
}

/* Its peer knows, so it is not told but by the answer: nothing behind that is for the handle. */
void broker_close_handle(broker_t *self, const peer_t *peer, const uint8_t handle[HANDLE_BYTES]) {
    bool closed = handles_close(self->handles, peer_id(peer), handle);
    CHECK(closed, "peer %u has no such handle", peer->index);
    topics_drop_handle(self->topics, handle);
}

void broker_handle_ended(void *context, peer_id_t id, const uint8_t handle[HANDLE_BYTES]) {
    broker_t *self = context;
    uint8_t bytes[NOTICE_BODY_BYTES_MAX];
    topics_drop_handle(self->topics, handle);
    peer_t *peer = peers_at(self->peers, id.index, id.number);
    if (peer == NULL) {
        return;
    }
    handle_ended_t ended = {0};
    FIELD_SET(handle_ended, &ended, handle, span_of(handle, HANDLE_BYTES));
    pack_t body = pack_into(bytes, sizeof bytes);
    record_encode(&record_handle_ended, &ended, &body);
    CHECK(pack_ok(&body), "a notice of more than %zu bytes", sizeof bytes);
    address_t topic = {.kind = span_text("broker"), .key = span_text("self")};
    /* Whatever waits there: unread, there are at most as many of these as the peer had handles when it stopped reading,
       and one for each reply that gave it another and waits in front. */
    bool queued = queue_event(self, peer, topic, "handle_ended", pack_bytes(&body), WITHOUT_BOUND);
    CHECK(queued, "no room for the end of a handle of peer %u", id.index);
}

void broker_end_of_peer(void *context, peer_id_t peer) {
    broker_t *self = context;
    handles_end_of_peer(self->handles, peer);
    topics_drop_peer(self->topics, peer);
}
