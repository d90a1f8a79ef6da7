/* SPDX-License-Identifier: MIT */
/*
 * Out: requests that wait are packed back to back into one frame, because a frame costs the same whatever is in it. The
 * time left and the lowest number unanswered are those of the moment of sending.
 */
#include "tools/client/exchange_inside.h"

enum {
    RESEND_US = 2000 * MS,    /* without an answer, doubled each time ... */
    RESEND_DOUBLINGS_MAX = 5, /* ... so often */
};

static void sent_something(exchange_t *self, uint64_t now_us) {
    if (self->unanswered_us == 0) {
        self->unanswered_us = now_us;
    }
}

/* False: it has to wait. */
static bool push_frame(exchange_t *self, uint64_t now_us) {
    if (self->frame_bytes == 0) {
        return true;
    }
    self->blocked = !connection_send(self->connection, self->frame, self->frame_bytes);
    if (!self->blocked) {
        self->frame_bytes = 0;
        sent_something(self, now_us);
    }
    return !self->blocked;
}

static uint32_t time_left_ms(const pending_t *pending, uint64_t now_us) {
    return now_us + MS < pending->deadline_us ? (uint32_t)((pending->deadline_us - now_us) / MS) : 1;
}

static span_t encode(const exchange_t *self, const pending_t *pending, uint64_t now_us, void *to, size_t capacity) {
    envelope_t envelope = {.type = ENVELOPE_REQUEST,
                           .id = pending->id,
                           .lowest_unanswered = pending_first(self->pending)->id,
                           .session = span_of(self->session, SESSION_BYTES),
                           .kind = pending->ask.kind,
                           .key = pending->ask.key,
                           .method = pending->ask.method,
                           .timeout_ms = time_left_ms(pending, now_us),
                           .idempotency_key = pending->ask.idempotency_key,
                           .trace = pending->ask.trace,
                           .body = pending->ask.body};
    if (pending->handle != NULL) {
        envelope.handle = span_of(pending->handle->bytes, HANDLE_BYTES);
    }
    pack_t pack = pack_into(to, capacity);
    envelope_encode(&envelope, &pack);
    return pack_ok(&pack) ? pack_bytes(&pack) : (span_t){0};
}

/* One that is larger than a shared frame travels alone. */
static bool send_large(exchange_t *self, const pending_t *pending, uint64_t now_us) {
    size_t capacity = ENVELOPE_OVERHEAD_BYTES + SESSION_BYTES + HANDLE_BYTES + ask_bytes(&pending->ask);
    uint8_t *bytes = malloc(capacity);
    CHECK(bytes != NULL, "no memory for %zu bytes", capacity);
    span_t envelope = encode(self, pending, now_us, bytes, capacity);
    CHECK(envelope.ptr != NULL, "an envelope over %zu bytes", capacity);
    self->blocked = !connection_send(self->connection, envelope.ptr, envelope.len);
    free(bytes);
    if (!self->blocked) {
        sent_something(self, now_us);
    }
    return !self->blocked;
}

static bool send_one(exchange_t *self, const pending_t *pending, uint64_t now_us) {
    if (self->one_per_frame && !push_frame(self, now_us)) {
        return false;
    }
    span_t envelope =
        encode(self, pending, now_us, self->frame + self->frame_bytes, FRAME_COALESCE_BYTES - self->frame_bytes);
    if (envelope.ptr == NULL && self->frame_bytes > 0) {
        if (!push_frame(self, now_us)) {
            return false;
        }
        envelope = encode(self, pending, now_us, self->frame, FRAME_COALESCE_BYTES);
    }
    self->frame_bytes += envelope.len;
    return envelope.ptr != NULL || send_large(self, pending, now_us);
}

/* False: it waits for its handle, or ends with it. */
static bool has_handle(exchange_t *self, pending_t *pending) {
    const handle_t *handle = pending->handle;
    switch (handle != NULL ? handle->state : HANDLE_OPEN) {
    case HANDLE_OPEN:
        return true;
    case HANDLE_OPENING:
        pending_move(self->pending, pending, PENDING_WAITING, pending->deadline_us);
        return false;
    case HANDLE_FAILED:
        pending_finish(self->pending, pending, pending->copies > 0 ? DORAN_DEADLINE_EXCEEDED : handle->code);
        return false;
    }
    return false;
}

void exchange_flush(exchange_t *self, uint64_t now_us) {
    pending_t *pending;
    while (self->ready && (pending = pending_queued(self->pending)) != NULL) {
        if (!has_handle(self, pending)) {
            continue;
        }
        if (!send_one(self, pending, now_us)) {
            return;
        }
        pending->opening = pending->handle != NULL ? pending->handle->opening : 0;
        uint64_t patience_us = doubled(RESEND_US, pending->waits, (uint64_t)RESEND_US << RESEND_DOUBLINGS_MAX);
        pending->sends += 1;
        pending->waits += 1;
        pending->copies += 1;
        pending_move(self->pending, pending, PENDING_SENT, now_us + patience_us);
    }
    (void)push_frame(self, now_us);
}

uint64_t exchange_ping(exchange_t *self, uint64_t now_us) {
    envelope_t ping = {.type = ENVELOPE_PING, .id = self->pings + 1};
    if (self->has_session) {
        ping.session = span_of(self->session, SESSION_BYTES);
    }
    uint8_t bytes[ENVELOPE_OVERHEAD_BYTES + SESSION_BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_encode(&ping, &pack);
    CHECK(pack_ok(&pack), "a ping over %zu bytes", sizeof bytes);
    self->ping_us = now_us; /* also if it could not be sent: not to be tried in a loop */
    if (!connection_send(self->connection, pack.ptr, pack.len)) {
        return 0;
    }
    sent_something(self, now_us);
    return ++self->pings;
}
