/* SPDX-License-Identifier: MIT */
/*
 * A server made of one ROUTER that does what the test says and nothing else. It has no thread: fake_step takes what has
 * come, answers pings if it may, and notes every request; the test decides what to answer, how often, and whether at
 * all. So nothing in a test happens at the same time as something else, and nothing is waited for but frames.
 */
#ifndef DORAN_TESTS_FAKE_SERVER_H
#define DORAN_TESTS_FAKE_SERVER_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <zmq.h>

#include "schemas/envelope.h"
#include "tools/client/client.h"

enum { FAKE_REQUESTS_MAX = 8192, FAKE_ID_BYTES = 16, FAKE_BODY_BYTES = 128 };

typedef struct fake_request {
    uint64_t id, lowest_unanswered;
    uint32_t frame; /* how many frames had come */
    uint32_t timeout_ms;
    uint8_t session[SESSION_BYTES];
    char kind[KIND_BYTES_MAX + 1], key[KEY_BYTES_MAX + 1], method[METHOD_BYTES_MAX + 1];
    uint8_t peer[FAKE_ID_BYTES]; /* routing id */
    size_t peer_bytes;
    bool has_handle, has_trace;
    uint8_t handle[HANDLE_BYTES];
    uint8_t trace[TRACE_BYTES];
    char idempotency_key[IDEMPOTENCY_KEY_BYTES_MAX + 1]; /* empty: none */
    uint8_t body[FAKE_BODY_BYTES];                       /* its beginning */
    size_t body_bytes;
} fake_request_t;

typedef struct fake_server {
    void *socket;
    char folder[64], endpoint[160];
    bool deaf;       /* takes frames and does nothing with them */
    bool pongs;      /* answers pings */
    bool other;      /* refuses the session that comes with a ping, giving the one here */
    uint64_t number; /* of the pongs */
    uint8_t session[SESSION_BYTES];
    uint32_t heartbeat_ms;
    uint32_t pings, frames, largest_frame;
    bool session_before_pong; /* a request came before any pong went out: never right */
    uint32_t pongs_sent;
    fake_request_t requests[FAKE_REQUESTS_MAX];
    uint32_t count;
    uint8_t peer[FAKE_ID_BYTES]; /* who sent last */
    size_t peer_bytes;
    bool counts_peers; /* a new routing id is a peer that the server does not know: another number for it */
    token_t tokens[ELEMENTS_MAX];
} fake_server_t;

static inline void fake_bind(fake_server_t *self) {
    int zero = 0;
    self->socket = zmq_socket(client_context_acquire(), ZMQ_ROUTER);
    cr_assert_not_null(self->socket);
    zmq_setsockopt(self->socket, ZMQ_LINGER, &zero, sizeof zero);
    cr_assert_eq(zmq_bind(self->socket, self->endpoint), 0, "%s", zmq_strerror(errno));
}

static inline fake_server_t *fake_new(void) {
    fake_server_t *self = calloc(1, sizeof *self);
    cr_assert_not_null(self);
    snprintf(self->folder, sizeof self->folder, "/tmp/doran-client-XXXXXX");
    cr_assert_not_null(mkdtemp(self->folder));
    snprintf(self->endpoint, sizeof self->endpoint, "ipc://%s/socket", self->folder);
    self->pongs = true;
    self->number = 1;
    self->heartbeat_ms = 200;
    memset(self->session, 'S', SESSION_BYTES);
    fake_bind(self);
    return self;
}

/* As a process that dies: connections break, what was sent to it is gone. */
static inline void fake_die(fake_server_t *self) {
    zmq_close(self->socket);
    self->socket = NULL;
    client_context_release();
}

static inline void fake_destroy(fake_server_t *self) {
    if (self->socket != NULL) {
        fake_die(self);
    }
    unlink(self->endpoint + strlen("ipc://"));
    rmdir(self->folder);
    free(self);
}

static inline void fake_send_bytes(fake_server_t *self, span_t frame) {
    zmq_send(self->socket, self->peer, self->peer_bytes, ZMQ_SNDMORE);
    zmq_send(self->socket, frame.ptr, frame.len, 0);
}

static inline void fake_send(fake_server_t *self, const envelope_t *envelope) {
    uint8_t bytes[4096];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_encode(envelope, &pack);
    cr_assert(pack_ok(&pack));
    fake_send_bytes(self, pack_bytes(&pack));
}

/* Answers with {key: the number}. */
static inline void fake_reply(fake_server_t *self, uint64_t id, const char *key, uint64_t number) {
    uint8_t bytes[256];
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 1);
    pack_cstring(&body, key);
    pack_u64(&body, number);
    fake_send(self, &(envelope_t){.type = ENVELOPE_REPLY, .id = id, .body = pack_bytes(&body)});
}

static inline void fake_fail(fake_server_t *self, uint64_t id, status_t status, uint32_t retry_after_ms) {
    uint8_t bytes[512];
    pack_t body = pack_into(bytes, sizeof bytes);
    envelope_pack_error(&body, status, NULL, retry_after_ms);
    fake_send(self, &(envelope_t){.type = ENVELOPE_ERROR, .id = id, .body = pack_bytes(&body)});
}

static inline void fake_pong(fake_server_t *self, const envelope_t *ping) {
    uint8_t bytes[256];
    bool known = ping->session.ptr != NULL && !self->other;
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 4);
    pack_cstring(&body, "session");
    pack_binary(&body, known ? ping->session : span_of(self->session, SESSION_BYTES));
    pack_cstring(&body, "number");
    pack_u64(&body, self->number);
    pack_cstring(&body, "version");
    pack_cstring(&body, "0.fake");
    pack_cstring(&body, "heartbeat_ms");
    pack_u64(&body, self->heartbeat_ms);
    fake_send(self, &(envelope_t){.type = ENVELOPE_PONG, .id = ping->id, .body = pack_bytes(&body)});
    self->pongs_sent++;
}

static inline void fake_text(char *to, span_t text) {
    if (text.len > 0) {
        memcpy(to, text.ptr, text.len);
    }
    to[text.len] = 0;
}

static inline void fake_note(fake_server_t *self, const envelope_t *envelope) {
    cr_assert_lt(self->count, FAKE_REQUESTS_MAX);
    cr_assert_eq(envelope->session.len, SESSION_BYTES, "a request without a session");
    fake_request_t *request = &self->requests[self->count++];
    *request = (fake_request_t){.id = envelope->id,
                                .lowest_unanswered = envelope->lowest_unanswered,
                                .frame = self->frames,
                                .timeout_ms = envelope->timeout_ms,
                                .peer_bytes = self->peer_bytes};
    memcpy(request->session, envelope->session.ptr, SESSION_BYTES);
    memcpy(request->peer, self->peer, self->peer_bytes);
    fake_text(request->kind, envelope->kind);
    fake_text(request->key, envelope->key);
    fake_text(request->method, envelope->method);
    request->has_handle = envelope->handle.ptr != NULL;
    if (request->has_handle) {
        memcpy(request->handle, envelope->handle.ptr, HANDLE_BYTES);
    }
    fake_text(request->idempotency_key, envelope->idempotency_key);
    request->has_trace = envelope->trace.ptr != NULL;
    if (request->has_trace) {
        memcpy(request->trace, envelope->trace.ptr, TRACE_BYTES);
    }
    request->body_bytes = envelope->body.len < FAKE_BODY_BYTES ? envelope->body.len : FAKE_BODY_BYTES;
    memcpy(request->body, envelope->body.ptr, request->body_bytes);
}

static inline void fake_take(fake_server_t *self, span_t frame) {
    self->frames++;
    self->largest_frame = frame.len > self->largest_frame ? (uint32_t)frame.len : self->largest_frame;
    tape_t tape = {.tokens = self->tokens, .capacity = ELEMENTS_MAX};
    while (frame.len > 0) {
        envelope_t envelope;
        size_t consumed = 0;
        cr_assert_eq(envelope_decode(&envelope, &tape, frame, &consumed), STATUS_OK, "the client sends no envelope");
        if (envelope.type == ENVELOPE_PING) {
            self->pings++;
            if (self->pongs) {
                fake_pong(self, &envelope);
            }
        } else {
            cr_assert_eq(envelope.type, ENVELOPE_REQUEST);
            self->session_before_pong |= self->pongs_sent == 0;
            fake_note(self, &envelope);
        }
        frame = span_of(frame.ptr + consumed, frame.len - consumed);
    }
}

/* Takes everything that has come. */
static inline void fake_step(fake_server_t *self) {
    uint8_t peer[256];
    int peer_bytes;
    while (self->socket != NULL && (peer_bytes = zmq_recv(self->socket, peer, sizeof peer, ZMQ_DONTWAIT)) >= 0) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        cr_assert_geq(zmq_msg_recv(&frame, self->socket, 0), 0);
        cr_assert_not(zmq_msg_more(&frame), "a client sends one frame");
        cr_assert_leq(peer_bytes, FAKE_ID_BYTES);
        bool same = self->peer_bytes == (size_t)peer_bytes && memcmp(self->peer, peer, (size_t)peer_bytes) == 0;
        self->number += self->counts_peers && !same;
        memcpy(self->peer, peer, (size_t)peer_bytes);
        self->peer_bytes = (size_t)peer_bytes;
        if (!self->deaf) {
            fake_take(self, span_of(zmq_msg_data(&frame), zmq_msg_size(&frame)));
        }
        zmq_msg_close(&frame);
    }
}

/* How often this id has come. */
static inline uint32_t fake_copies(const fake_server_t *self, uint64_t id) {
    uint32_t copies = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        copies += self->requests[i].id == id;
    }
    return copies;
}

#endif
