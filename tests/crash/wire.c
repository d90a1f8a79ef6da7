/* SPDX-License-Identifier: MIT */
/*
 * Requests stand in a ring of slots by their id. An answered one stays there until its id comes round again, so that it
 * can be sent again; the window is much smaller than the ring.
 */
#include "tests/crash/wire.h"

#include <errno.h>
#include <xxhash.h>
#include <zmq.h>

#include "schemas/envelope.h"
#include "tests/crash/server.h"
#include "tests/crash/values.h"

enum {
    SLOTS = 4096,
    TOKENS = 2048,
    TIMEOUT_MS = 20000,
    ENVELOPE_BYTES = VALUE_BODY_BYTES + 512,
    LATER_US = 5000, /* after a refusal */
    /* How often, one in so many: */
    TWICE_AT_ONCE = 24,
    ANSWERED_AGAIN = 24,
    ANSWERED_AGAIN_AFTER_DEATH = 4,
    FRAME_ALONE = 6,
    /* Answered ids below the newest that may be sent again: near ones, whose answers are there still, or were a moment
       ago, and far ones, which the server has long been allowed to forget. */
    NEAR = 64,
    FAR = 3000,
    FAR_AFTER_DEATH = 60,
};

typedef struct slot {
    uint64_t id;     /* 0: never used */
    uint64_t lowest; /* unanswered, as the first copy said */
    uint64_t due_us; /* to be sent again; 0: not refused */
    uint32_t operation;
    uint32_t life; /* in which it was sent last */
    bool answered, acknowledged;
    bool unnamed; /* a create whose key the server makes */
} slot_t;

struct wire {
    wire_options_t options;
    uint16_t client;
    void *socket, *monitor;
    bool ready, has_session;
    uint8_t session[SESSION_BYTES];
    uint64_t next_id, lowest; /* all below `lowest` are answered */
    uint32_t unanswered, acknowledged, life;
    wire_stats_t stats;
    slot_t slots[SLOTS];
    uint8_t frame[FRAME_COALESCE_BYTES];
    size_t frame_bytes;
    tape_t tape;
    token_t tokens[TOKENS];
};

wire_t *wire_new(const wire_options_t *options) {
    wire_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->client = history_add_client(options->history, options->name);
    self->next_id = self->lowest = 1;
    self->tape = (tape_t){.tokens = self->tokens, .capacity = TOKENS};
    return self;
}

void wire_destroy(wire_t **self_p) {
    wire_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    wire_close(self);
    free(self);
    *self_p = NULL;
}

static slot_t *slot_at(wire_t *self, uint64_t id) {
    return &self->slots[id % SLOTS];
}

static operation_t *operation_of(const wire_t *self, const slot_t *slot) {
    return &self->options.history->operations[slot->operation];
}

static bool one_in(wire_t *self, size_t count) {
    return random_below(self->options.random, count) == 0;
}

/* Out */

static void flush(wire_t *self) {
    if (self->frame_bytes > 0) {
        int sent = zmq_send(self->socket, self->frame, self->frame_bytes, ZMQ_DONTWAIT);
        CHECK(sent >= 0, "%s", zmq_strerror(zmq_errno()));
        self->frame_bytes = 0;
    }
}

static void append(wire_t *self, const envelope_t *envelope) {
    uint8_t bytes[ENVELOPE_BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_encode(envelope, &pack);
    CHECK(pack_ok(&pack), "an envelope over %zu bytes", sizeof bytes);
    if (self->frame_bytes + pack.len > sizeof self->frame) {
        flush(self);
    }
    memcpy(self->frame + self->frame_bytes, pack.ptr, pack.len);
    self->frame_bytes += pack.len;
    if (one_in(self, FRAME_ALONE)) {
        flush(self);
    }
}

static void ping(wire_t *self) {
    append(self, &(envelope_t){.type = ENVELOPE_PING,
                               .id = 1,
                               .session = self->has_session ? span_of(self->session, SESSION_BYTES) : (span_t){0}});
    flush(self);
}

/* The lowest id whose answer the server is to keep. */
static uint64_t lowest_told(const wire_t *self) {
    uint64_t kept = self->options.kept + 1 < self->next_id ? self->next_id - self->options.kept : 1;
    return kept < self->lowest ? kept : self->lowest;
}

static void send_copy(wire_t *self, slot_t *slot, uint64_t lowest) {
    uint8_t body[VALUE_BODY_BYTES];
    pack_t pack = pack_into(body, sizeof body);
    const operation_t *operation = operation_of(self, slot);
    const history_t *history = self->options.history;
    value_pack(&pack, operation->type, operation->value);
    CHECK(pack_ok(&pack), "a body over %zu bytes", sizeof body);
    /* A create whose key the server made is sent again as it was: without one. */
    append(self, &(envelope_t){.type = ENVELOPE_REQUEST,
                               .id = slot->id,
                               .lowest_unanswered = lowest,
                               .session = span_of(self->session, SESSION_BYTES),
                               .kind = span_text("user"),
                               .key = slot->unnamed ? (span_t){0} : span_text(history->actors[operation->actor]),
                               .method = span_text(value_method(operation->type)),
                               .timeout_ms = TIMEOUT_MS,
                               .body = pack_bytes(&pack)});
    slot->life = self->life;
    slot->due_us = 0;
}

static void send_copy_again(wire_t *self, slot_t *slot, uint64_t lowest) {
    history_sent_again(self->options.history, slot->operation);
    self->stats.sent_again++;
    send_copy(self, slot, lowest);
}

/* One that was answered, perhaps so long ago that its answer need not be there any more: then there is silence. What it
   must never do is run again. */
static void send_answered_again(wire_t *self, uint64_t id) {
    slot_t *slot = slot_at(self, id);
    if (slot->id != id || !slot->acknowledged || operation_of(self, slot)->type == OPERATION_READ) {
        return;
    }
    bool late = id < lowest_told(self);
    send_copy_again(self, slot, late ? slot->lowest : lowest_told(self));
}

static uint64_t back_from_newest(const wire_t *self, uint64_t count) {
    return self->next_id > count ? self->next_id - count : 1;
}

static uint64_t first_near(const wire_t *self) {
    return back_from_newest(self, self->options.kept > NEAR ? self->options.kept : NEAR);
}

static void send_some_answered_again(wire_t *self, uint64_t first) {
    if (first < self->next_id) {
        send_answered_again(self, first + random_below(self->options.random, self->next_id - first));
    }
}

void wire_send_again(wire_t *self) {
    for (int i = 0; i < FAR_AFTER_DEATH; i++) {
        send_some_answered_again(self, back_from_newest(self, FAR));
    }
    for (uint64_t id = first_near(self); id < self->next_id; id++) {
        if (one_in(self, ANSWERED_AGAIN_AFTER_DEATH)) {
            send_answered_again(self, id);
        }
    }
    for (uint64_t id = self->lowest; id < self->next_id; id++) {
        if (!slot_at(self, id)->answered) {
            send_copy_again(self, slot_at(self, id), lowest_told(self));
        }
    }
    flush(self);
}

static bool ring_full(const wire_t *self) {
    return self->next_id - self->lowest >= SLOTS - 1;
}

bool wire_send(wire_t *self, const plan_t *plan) {
    if (ring_full(self)) {
        return false;
    }
    history_t *history = self->options.history;
    uint64_t id = self->next_id++;
    slot_t *slot = slot_at(self, id);
    *slot = (slot_t){.id = id, .lowest = lowest_told(self), .unnamed = history->actors[plan->actor][0] == 0};
    slot->operation = history_invoke(history, self->client, id, plan->type, plan->actor, plan->value);
    self->unanswered++;
    send_copy(self, slot, slot->lowest);
    if (plan->type != OPERATION_READ && one_in(self, TWICE_AT_ONCE)) {
        send_copy_again(self, slot, slot->lowest);
    }
    return true;
}

void wire_fill(wire_t *self) {
    while (self->unanswered < self->options.window && !ring_full(self)) {
        plan_t plan = users_plan(self->options.users);
        (void)wire_send(self, &plan);
        if (one_in(self, ANSWERED_AGAIN)) {
            send_some_answered_again(self, one_in(self, 2) ? first_near(self) : back_from_newest(self, FAR));
        }
    }
    flush(self);
}

static void send_due(wire_t *self, uint64_t now_us) {
    for (uint64_t id = self->lowest; id < self->next_id && self->unanswered > 0; id++) {
        slot_t *slot = slot_at(self, id);
        if (!slot->answered && slot->due_us != 0 && slot->due_us <= now_us) {
            send_copy_again(self, slot, lowest_told(self));
        }
    }
    flush(self);
}

/* In */

static void take_pong(wire_t *self) {
    uint32_t token = tape_find(&self->tape, envelope_body_token(&self->tape), "session");
    const token_t *session = &self->tape.tokens[token];
    if (token == 0 || session->type != TOKEN_BINARY || session->len != SESSION_BYTES) {
        self->stats.strange++;
        return;
    }
    if (!self->has_session) {
        memcpy(self->session, session->ptr, SESSION_BYTES);
        history_set_session(self->options.history, self->client, self->session);
        self->has_session = true;
    }
    self->stats.sessions_lost += memcmp(self->session, session->ptr, SESSION_BYTES) != 0;
    self->ready = true;
}

/* All of an answer that must be the same each time. */
static uint64_t digest(const envelope_t *envelope) {
    uint64_t hash = XXH3_64bits_withSeed(envelope->key.ptr, envelope->key.len, envelope->type);
    return XXH3_64bits_withSeed(envelope->body.ptr, envelope->body.len, hash);
}

static status_t error_status(const wire_t *self) {
    status_t status = STATUS_INTERNAL;
    uint32_t code = tape_find(&self->tape, envelope_body_token(&self->tape), "code");
    if (code > 0 && self->tape.tokens[code].type == TOKEN_TEXT) {
        (void)status_parse(token_span(&self->tape.tokens[code]), &status);
    }
    return status;
}

static answer_t read_answer(wire_t *self, const slot_t *slot, const envelope_t *envelope) {
    answer_t answer;
    if (envelope->type == ENVELOPE_ERROR) {
        answer = value_error(error_status(self));
    } else {
        const operation_t *operation = operation_of(self, slot);
        const char *key = self->options.history->actors[operation->actor];
        span_t id;
        answer = value_answer(&self->tape, envelope_body_token(&self->tape), operation->type, key, &id);
        if (operation->type == OPERATION_CREATE && answer.version > 0) {
            /* The answer to a create shows what was written. */
            answer.version = answer.value == operation->value && span_equal(id, envelope->key) ? answer.version : 0;
            users_made(self->options.users, operation->actor, id);
        }
    }
    answer.digest = digest(envelope);
    return answer;
}

static void settle(wire_t *self, slot_t *slot, bool acknowledged) {
    slot->answered = true;
    slot->acknowledged = acknowledged;
    slot->due_us = 0;
    self->unanswered--;
    self->acknowledged += acknowledged && operation_of(self, slot)->type != OPERATION_READ;
    while (self->lowest < self->next_id && slot_at(self, self->lowest)->answered) {
        self->lowest++;
    }
}

static void take_answer(wire_t *self, const envelope_t *envelope, uint64_t now_us) {
    slot_t *slot = slot_at(self, envelope->id);
    if (envelope->id == 0 || envelope->id >= self->next_id) {
        self->stats.strange++;
        return;
    }
    if (slot->id != envelope->id) {
        return; /* another answer to one that is long forgotten */
    }
    answer_t answer = read_answer(self, slot, envelope);
    if (answer.outcome == OUTCOME_UNKNOWN) {
        self->stats.later++;
        if (!slot->answered && slot->due_us == 0) {
            slot->due_us = now_us + LATER_US; /* whatever the server wishes */
        }
        return;
    }
    history_answer(self->options.history, slot->operation, &answer);
    if (!slot->answered) {
        settle(self, slot, answer.outcome == OUTCOME_ACKNOWLEDGED);
    }
}

static void take_frame(wire_t *self, span_t frame, uint64_t now_us) {
    while (frame.len > 0) {
        envelope_t envelope;
        size_t consumed = 0;
        if (envelope_decode(&envelope, &self->tape, frame, &consumed) != STATUS_OK) {
            self->stats.strange++;
            return;
        }
        if (envelope.type == ENVELOPE_PONG) {
            take_pong(self);
        } else if (envelope.type == ENVELOPE_REPLY || envelope.type == ENVELOPE_ERROR) {
            take_answer(self, &envelope, now_us);
        } else {
            self->stats.strange++;
        }
        frame = span_of(frame.ptr + consumed, frame.len - consumed);
    }
}

static void receive(wire_t *self, uint64_t now_us) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (zmq_msg_recv(&message, self->socket, ZMQ_DONTWAIT) >= 0) {
        take_frame(self, span_of(zmq_msg_data(&message), zmq_msg_size(&message)), now_us);
    }
    CHECK(zmq_errno() == EAGAIN || zmq_errno() == EINTR, "%s", zmq_strerror(zmq_errno()));
    zmq_msg_close(&message);
}

void wire_flush(wire_t *self) {
    flush(self);
}

void wire_step(wire_t *self, uint64_t now_us) {
    receive(self, now_us);
    send_due(self, now_us);
}

/* The connection */

static void set_int(void *socket, int option, int value) {
    CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0, "option %d: %s", option,
          zmq_strerror(zmq_errno()));
}

static void set_keys(void *socket, const key_pair_t *keys, const char *server_key) {
    CHECK(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, KEY_TEXT_BYTES) == 0 &&
              zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, KEY_TEXT_BYTES) == 0 &&
              zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, KEY_TEXT_BYTES) == 0,
          "%s", zmq_strerror(zmq_errno()));
}

/* What says when the kernel has no more bytes of the server for us. */
static void watch_end(wire_t *self) {
    char name[64];
    snprintf(name, sizeof name, "inproc://end-%s-%u", self->options.name, self->life);
    CHECK(zmq_socket_monitor(self->socket, name, ZMQ_EVENT_DISCONNECTED) == 0, "%s", zmq_strerror(zmq_errno()));
    self->monitor = zmq_socket(self->options.context, ZMQ_PAIR);
    CHECK(self->monitor != NULL, "%s", zmq_strerror(zmq_errno()));
    set_int(self->monitor, ZMQ_LINGER, 0);
    CHECK(zmq_connect(self->monitor, name) == 0, "%s: %s", name, zmq_strerror(zmq_errno()));
}

void wire_connect(wire_t *self, const char *endpoint, const key_pair_t *keys, const char *server_key) {
    self->life++;
    self->acknowledged = 0;
    self->socket = zmq_socket(self->options.context, ZMQ_DEALER);
    CHECK(self->socket != NULL, "%s", zmq_strerror(zmq_errno()));
    set_int(self->socket, ZMQ_LINGER, 0);
    set_int(self->socket, ZMQ_SNDHWM, 0);
    set_int(self->socket, ZMQ_RCVHWM, 0);
    set_int(self->socket, ZMQ_RECONNECT_IVL, 5);
    if (keys != NULL) {
        set_keys(self->socket, keys, server_key);
    }
    watch_end(self);
    CHECK(zmq_connect(self->socket, endpoint) == 0, "%s: %s", endpoint, zmq_strerror(zmq_errno()));
    ping(self);
}

bool wire_ready(const wire_t *self) {
    return self->ready;
}

void *wire_socket(const wire_t *self) {
    return self->socket;
}

bool wire_drain(wire_t *self) {
    zmq_msg_t event;
    if (self->socket == NULL) {
        return true;
    }
    zmq_msg_init(&event);
    bool ended = !self->ready || zmq_msg_recv(&event, self->monitor, ZMQ_DONTWAIT) >= 0;
    zmq_msg_close(&event);
    receive(self, server_now_us());
    return ended;
}

static void give_up_reads(wire_t *self) {
    for (uint64_t id = self->lowest; id < self->next_id; id++) {
        slot_t *slot = slot_at(self, id);
        if (!slot->answered && operation_of(self, slot)->type == OPERATION_READ) {
            users_touch(self->options.users, operation_of(self, slot)->actor);
            settle(self, slot, false);
        }
    }
}

void wire_close(wire_t *self) {
    if (self->socket == NULL) {
        return;
    }
    zmq_socket_monitor(self->socket, NULL, 0);
    zmq_close(self->monitor);
    zmq_close(self->socket);
    self->socket = self->monitor = NULL;
    self->ready = false;
    self->frame_bytes = 0;
    give_up_reads(self);
}

static uint32_t count_open(const wire_t *self, bool refused_too) {
    uint32_t count = 0;
    for (uint64_t id = self->lowest; id < self->next_id; id++) {
        const slot_t *slot = &self->slots[id % SLOTS];
        count += !slot->answered && slot->life == self->life && (refused_too || slot->due_us == 0);
    }
    return count;
}

uint32_t wire_in_flight(const wire_t *self) {
    return count_open(self, false);
}

uint32_t wire_open(const wire_t *self) {
    return count_open(self, true);
}

uint32_t wire_acknowledged(const wire_t *self) {
    return self->acknowledged;
}

uint32_t wire_unanswered(const wire_t *self) {
    return self->unanswered;
}

wire_stats_t wire_stats(const wire_t *self) {
    return self->stats;
}
