/* SPDX-License-Identifier: MIT */
/* The core without sockets: frames in, a shard played by the test, frames out. One broker a test. */
#ifndef DORAN_TESTS_BROKER_FIXTURE_H
#define DORAN_TESTS_BROKER_FIXTURE_H

#include "actors/effect.h"
#include "broker/broker.h"
#include "schemas/address.h"
#include "tests/broker/support.h"

#define NOW_US UINT64_C(1000000000)
#define UNIX_MS UINT64_C(1750000000000)
#define OPERATOR "ipc:operator"

static const broker_options_t defaults = {.shards = 2,
                                          .peers_max = 8,
                                          .in_flight_max = 10000,
                                          .peer_in_flight_max = 5000,
                                          .message_bytes_max = KIB(64),
                                          .peer_queue_bytes_max = MIB(1),
                                          .request_timeout_ms = 30000,
                                          .heartbeat_ms = 5000,
                                          .peer_idle_ms = 60000,
                                          .session_ms = 86400000,
                                          .handles_max = 16,
                                          .peer_handles_max = 8,
                                          .subscriptions_max = 32,
                                          .peer_subscriptions_max = 16,
                                          .folder_secret = {7}};

static broker_t *broker;
static batch_t *batch;
static token_t tokens[256];
static tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};

/* What the broker sent: the last frames, and who gets them. */
static struct sent {
    char routing_id[16];
    uint8_t bytes[MIB(1)];
    size_t len;
} sent[8];
static size_t sent_count, sent_total;
static send_result_t send_answer = SEND_DONE;

static inline send_result_t record(void *context, span_t routing_id, span_t frame) {
    (void)context;
    if (send_answer == SEND_DONE) {
        struct sent *next = &sent[sent_count++ % ARRAY_LENGTH(sent)];
        snprintf(next->routing_id, sizeof next->routing_id, "%.*s", (int)routing_id.len, (const char *)routing_id.ptr);
        memcpy(next->bytes, frame.ptr, frame.len);
        next->len = frame.len;
        sent_total++;
    }
    return send_answer;
}

static inline void start(const broker_options_t *options) {
    broker_options_t copy = *options;
    char error[256], path[256];
    folder_make();
    mkdir(folder_path(path, "keys"), 0700);
    mkdir(folder_path(path, "keys/allowed"), 0700);
    cr_assert_eq(keys_load(folder, &copy.keys, error, sizeof error), STATUS_OK, "%s", error);
    folder_remove();
    broker = broker_new(&copy, NOW_US);
    batch = batch_new(0);
    sent_count = sent_total = 0;
}

static inline void start_default(void) {
    start(&defaults);
}

static inline void stop(void) {
    broker_check(broker);
    batch_destroy(&batch);
    broker_destroy(&broker);
}

static inline void restart(const broker_options_t *options) {
    stop();
    start(options);
}

static inline void admit_frame(const char *routing_id, const char *user_id, span_t frame) {
    broker_admit(broker, span_text(routing_id), user_id, frame, NOW_US, UNIX_MS);
    broker_check(broker);
}

static inline void admit(const char *routing_id, const char *user_id, const envelope_t *envelope) {
    static uint8_t bytes[MIB(2)];
    admit_frame(routing_id, user_id, envelope_bytes(envelope, bytes, sizeof bytes));
}

static inline size_t flush(void) {
    sent_count = 0;
    broker_flush(broker, record, NULL, NOW_US);
    return sent_count;
}

/* The first envelope of the only frame that was sent now. */
static inline envelope_t answer(void) {
    envelope_t envelope;
    size_t consumed;
    cr_assert_eq(flush(), 1, "%zu frames", sent_count);
    cr_assert_eq(envelope_decode(&envelope, &tape, span_of(sent[0].bytes, sent[0].len), &consumed), STATUS_OK);
    return envelope;
}

/* A session of the peer r. */
static inline void open_session(uint8_t session[SESSION_BYTES]) {
    admit("r", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    (void)answer();
    uint32_t index = tape_find(&tape, envelope_body_token(&tape), "session");
    memcpy(session, tape.tokens[index].ptr, SESSION_BYTES);
}

static inline void assert_refused(const envelope_t *request, const char *code) {
    admit("r", OPERATOR, request);
    envelope_t error = answer();
    cr_assert_eq(error.type, ENVELOPE_ERROR);
    cr_assert_eq(error.id, request->id);
    cr_assert(span_equal(error.session, request->session));
    assert_text(body_text(&tape, "code"), code);
    cr_assert_eq(broker_in_flight(broker), 0);
    for (uint16_t shard = 0; shard < 2; shard++) {
        cr_assert_null(broker_take(broker, shard));
    }
}

static inline uint16_t shard_of(const char *kind, span_t key) {
    return address_partition(span_text(kind), key) % 2;
}

/* Plays the shard: answers every request of the buffer and gives it back. */
static inline void serve(requests_t *requests) {
    cr_assert_not_null(requests);
    batch_reset(batch);
    for (uint32_t i = 0; i < requests->count; i++) {
        const request_t *request = &requests->items[i];
        if (request->type == REQUEST_TELL) {
            effect_add_raw(batch, effect_answer(request->peer, request->peer_number), (span_t){0});
        } else {
            effect_add(
                batch, effect_answer(request->peer, request->peer_number),
                &(envelope_t){.type = ENVELOPE_REPLY,
                              .id = request->id,
                              .session = request->has_session ? span_of(request->session, SESSION_BYTES) : (span_t){0},
                              .body = request->body});
        }
    }
    batch->finished[batch->finished_count++] = requests;
    broker_forward(broker, batch, NOW_US, UNIX_MS);
    broker_check(broker);
}

static inline void serve_all(void) {
    requests_t *requests;
    for (uint16_t shard = 0; shard < 2; shard++) {
        while ((requests = broker_take(broker, shard)) != NULL) {
            serve(requests);
        }
    }
}

/* Asking for figures, and the shards' and the journal's part in it. */

static inline envelope_t stat_request(uint64_t id) {
    envelope_t request = echo_request(id);
    request.kind = span_text("broker");
    request.key = span_text("self");
    request.method = span_text("stat");
    return request;
}

static inline void tell_shard(uint16_t id, uint64_t handled) {
    shard_stats_t stats = {.id = id,
                           .mailbox = 1,
                           .resident = 2,
                           .memtable_bytes = 3,
                           .handled = handled,
                           .wait_p99_us = 5,
                           .outbox = 6,
                           .held = 7,
                           .dead_letters = 8,
                           .timer_lag_ms = 9};
    batch_reset(batch);
    effect_add_raw(batch, (effect_t){.type = EFFECT_FIGURES}, span_of(&stats, sizeof stats));
    broker_forward(broker, batch, NOW_US + 2000000, UNIX_MS);
}

static inline void tell_all(void) {
    tell_shard(0, 0);
    tell_shard(1, 0);
    broker_figures(broker, &(figures_t){0}, NOW_US);
}

#endif
