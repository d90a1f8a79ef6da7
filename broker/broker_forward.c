/* SPDX-License-Identifier: MIT */
/*
 * The way out: the effects of a durable batch, in their order, each to where it belongs. Answers and events of one
 * partition come in one order and go into the peers' queues in the same one.
 */
#include <unistd.h>

#include "broker/broker_inside.h"

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

/* In the place of an answer. As many as were in flight when the queue was half full may come so. */
static void answer_instead(broker_t *self, peer_t *peer, const envelope_t *answer, refusal_t refusal) {
    broker_answer_error(self, peer, answer, refusal, (size_t)self->options.peer_in_flight_max * ERROR_BYTES_MAX);
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
    answer_instead(self, peer, &envelope,
                   refuse(envelope.session.ptr != NULL ? STATUS_BUSY : STATUS_DEADLINE_EXCEEDED,
                          "Answers wait that were not read"));
}

/* A reply that gives a handle, or begins or ends a subscription. May it go? Else an error went. */
static bool follow(broker_t *self, peer_t *peer, const effect_t *effect, span_t answer, uint64_t unix_ms) {
    envelope_t envelope;
    size_t bytes;
    refusal_t refusal = refuse(STATUS_INTERNAL, NULL); /* more elements than a tape takes: nobody could read it */
    if (envelope_decode(&envelope, &self->tape, answer, &bytes) == STATUS_OK) {
        refusal = envelope.type == ENVELOPE_REPLY ? broker_follow(self, peer, effect, &envelope, unix_ms)
                                                  : refuse(STATUS_OK, NULL);
    }
    if (refusal.status != STATUS_OK) {
        answer_instead(self, peer, &envelope, refusal);
    }
    return refusal.status == STATUS_OK;
}

/* Of an error the code is all that is of use here. */
static void take_own_answer(broker_t *self, span_t answer) {
    envelope_t envelope;
    size_t bytes;
    CHECK(self->in_flight > 0, "an answer that nobody waits for");
    self->in_flight--;
    self->answered = true;
    self->answer = STATUS_INTERNAL;
    if (envelope_decode(&envelope, &self->tape, answer, &bytes) != STATUS_OK) {
        return; /* more elements than a tape takes */
    }
    uint32_t code = tape_find(&self->tape, envelope_body_token(&self->tape), "code");
    if (envelope.type == ENVELOPE_REPLY) {
        self->answer = STATUS_OK;
    } else if (code > 0) {
        (void)status_parse(token_span(&self->tape.tokens[code]), &self->answer);
    }
}

static void deliver(broker_t *self, const effect_t *effect, span_t answer, uint64_t unix_ms) {
    if (effect->peer_number == OWN_NUMBER) {
        take_own_answer(self, answer);
        return;
    }
    peer_t *peer = count_out(self, effect->peer, effect->peer_number);
    if (answer.len == 0) {
        return;
    }
    if (peer == NULL) {
        self->dropped++;
        return;
    }
    if (!broker_has_room(self, peer, answer.len)) {
        answer_without_room(self, peer, answer);
        return;
    }
    if (effect->flags == 0 || follow(self, peer, effect, answer, unix_ms)) {
        broker_append(self, peer, answer);
    }
}

/* Figures. */

static void answer_stat(broker_t *self, const stat_asker_t *asker, span_t body) {
    peer_t *peer = count_out(self, asker->peer, asker->peer_number);
    if (peer == NULL) {
        self->dropped++;
        return;
    }
    span_t session = asker->has_session ? span_of(asker->session, SESSION_BYTES) : (span_t){0};
    broker_answer(self, peer, &(envelope_t){.type = ENVELOPE_REPLY, .id = asker->id, .session = session, .body = body},
                  0);
}

static void fill_in(broker_t *self, stat_reply_t *reply) {
    FIELD_SET(stat_reply, reply, ready, !self->draining);
    FIELD_SET(stat_reply, reply, version, span_text(DORAN_VERSION));
    FIELD_SET(stat_reply, reply, pid, (uint64_t)getpid());
    FIELD_SET(stat_reply, reply, peers, peers_count(self->peers));
    FIELD_SET(stat_reply, reply, in_flight, self->in_flight - stats_waiting(self->stats)); /* but for those who ask */
    FIELD_SET(stat_reply, reply, storage_full, self->storage_full);
    FIELD_SET(stat_reply, reply, refused, self->refused);
    FIELD_SET(stat_reply, reply, dropped, self->dropped);
    FIELD_SET(stat_reply, reply, handles, handles_count(self->handles));
    FIELD_SET(stat_reply, reply, subscriptions, topics_count(self->topics));
    FIELD_SET(stat_reply, reply, lagged, self->lagged);
    FIELD_SET(stat_reply, reply, lost_messages, self->lost_messages);
    FIELD_SET(stat_reply, reply, lost_works, self->lost_works);
    stats_fill(self->stats, reply);
}

static void answer_stats(broker_t *self, uint64_t now_us) {
    if (!stats_complete(self->stats, now_us)) {
        return;
    }
    stat_reply_t reply = {0};
    fill_in(self, &reply);
    uint8_t bytes[STAT_BYTES_MAX];
    pack_t body = pack_into(bytes, sizeof bytes);
    record_encode(&record_stat_reply, &reply, &body);
    CHECK(pack_ok(&body), "figures of more than %zu bytes", sizeof bytes);
    stat_asker_t asker;
    while (stats_take(self->stats, &asker)) {
        answer_stat(self, &asker, pack_bytes(&body));
    }
}

static void take_figures(broker_t *self, span_t bytes) {
    shard_stats_t figures;
    CHECK(bytes.len == sizeof figures, "figures of %zu bytes", bytes.len);
    memcpy(&figures, bytes.ptr, sizeof figures);
    stats_shard(self->stats, &figures);
}

static void take_ack(broker_t *self, span_t bytes, uint64_t now_us) {
    stream_ack_t ack;
    CHECK(bytes.len == sizeof ack, "an ack of %zu bytes", bytes.len);
    memcpy(&ack, bytes.ptr, sizeof ack);
    broker_acknowledge(self, &ack, now_us);
}

static void hand_on(broker_t *self, const effect_t *effect, span_t bytes, uint64_t now_us, uint64_t unix_ms) {
    switch ((effect_type_t)effect->type) {
    case EFFECT_ANSWER:
        deliver(self, effect, bytes, unix_ms);
        return;
    case EFFECT_SEND:
        broker_send(self, bytes, now_us);
        return;
    case EFFECT_ACK:
        take_ack(self, bytes, now_us);
        return;
    case EFFECT_EVENT:
        broker_publish(self, bytes);
        return;
    case EFFECT_WORK:
        broker_order(self, (work_pool_t)effect->pool, bytes, now_us);
        return;
    case EFFECT_END:
        handles_end_of(self->handles, bytes);
        return;
    case EFFECT_MUTE:
        broker_mute(self, bytes);
        return;
    case EFFECT_FIGURES:
        take_figures(self, bytes);
        return;
    }
    CHECK(false, "an effect of type %u", effect->type);
}

void broker_forward(broker_t *self, const batch_t *batch, uint64_t now_us, uint64_t unix_ms) {
    span_t rest = span_of(batch->effects, batch->effects_bytes), bytes;
    effect_t effect;
    for (uint32_t i = 0; i < batch->finished_count; i++) {
        requests_t *requests = batch->finished[i];
        lane_home(&self->lanes[requests->shard], requests);
    }
    broker_put_worked(self, now_us);
    while (effect_next(&rest, &effect, &bytes)) {
        hand_on(self, &effect, bytes, now_us, unix_ms);
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
