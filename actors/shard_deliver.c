/* SPDX-License-Identifier: MIT */
/*
 * Messages that nobody waits for. One that fails comes again, DELIVERIES_MAX times in all, before others of its stream;
 * then it becomes a dead letter in the batch that goes on behind it.
 */
#include "actors/effect.h"
#include "actors/shard_inside.h"

enum {
    TIMERS_AT_ONCE = 64,  /* between them messages have their turn */
    TIMER_RETRY_MS = 500, /* the first time; twice that the next, ... */
    TIMERS_HELD_US = 10000,
};

static const char *text_of(const shard_t *self, status_t status) {
    return self->turn.detail[0] != 0 ? self->turn.detail : status_text(status);
}

/* kind and method: as they are called, though nobody here may know them. */
static void bury(shard_t *self, const request_t *request, span_t kind, span_t method, status_t status,
                 uint32_t attempts) {
    char address[KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1], text[KIB(1)];
    dead_letter_t letter = {0};
    snprintf(address, sizeof address, "%.*s/%.*s", (int)kind.len, (const char *)kind.ptr, (int)request->key.len,
             (const char *)request->key.ptr);
    FIELD_SET(dead_letter, &letter, at, self->unix_ms);
    FIELD_SET(dead_letter, &letter, address, span_text(address));
    FIELD_SET(dead_letter, &letter, method, method);
    FIELD_SET(dead_letter, &letter, code, span_text(status_code(status)));
    FIELD_SET(dead_letter, &letter, text, span_text(text_of(self, status)));
    FIELD_SET(dead_letter, &letter, attempts, attempts);
    FIELD_SET(dead_letter, &letter, hops, request->hops);
    FIELD_SET(dead_letter, &letter, body, request->body);
    if (request->chain.ptr != NULL) {
        FIELD_SET(dead_letter, &letter, chain, request->chain);
    }
    if (request->subject.ptr != NULL) {
        FIELD_SET(dead_letter, &letter, user, request->subject);
    }
    if (request->type == REQUEST_MESSAGE) {
        FIELD_SET(dead_letter, &letter, number, request->stream.stream.number);
    }
    dead_letters_put(&self->dead_letters, &self->writer, request->partition, &letter);
    if (self->options.tell != NULL) {
        snprintf(text, sizeof text, "a message was given up: %s: %s", status_code(status), text_of(self, status));
        self->options.tell(kind, request->key, text);
    }
}

/* Runs it; the turn must not have begun. */
static status_t run(shard_t *self, const request_t *request) {
    store_key_t head;
    turn_begin(&self->turn, request, self->unix_ms);
    self->problems.count = 0;
    if (request->method == NULL || (request->method->roles & ROLE_ACTOR) == 0) {
        turn_abort(&self->turn);
        return STATUS_UNKNOWN_METHOD;
    }
    store_key_head(&head, request->partition, span_text(request->kind->name), request->key);
    return shard_run(self, request, store_key_span(&head));
}

/* A damaged record may be mended, an actor that is missing may come; what does not fit never will. */
static bool hopeless(const shard_t *self, status_t status) {
    return status == STATUS_UNKNOWN_METHOD || self->problems.count > 0;
}

static span_t name_of(const method_t *method) {
    return span_text(method == NULL ? "" : method->name);
}

static void handle_message(shard_t *self, const request_t *request) {
    const stream_t *stream = &request->stream.stream;
    consumed_verdict_t verdict;
    if (consumed_check(self->consumed, stream, &verdict) != STATUS_OK) {
        shard_tell(self, request, "the mark of a stream is damaged, so nothing of it is taken");
        return;
    }
    if (verdict != CONSUMED_NEXT) {
        return;
    }
    if (shard_full(self)) {
        consumed_postpone(self->consumed, stream);
        return;
    }
    status_t status = run(self, request);
    if (status != STATUS_OK) {
        uint32_t attempts = consumed_failed(self->consumed, stream);
        if (attempts < DELIVERIES_MAX && !hopeless(self, status)) {
            return;
        }
        bury(self, request, span_text(request->kind->name), name_of(request->method), status, attempts);
    }
    consumed_advance(self->consumed, &self->writer, stream);
}

static void handle_worked(shard_t *self, const request_t *request) {
    status_t status = run(self, request);
    if (status != STATUS_OK) { /* as if it had been lost: whoever started it is guarded by a timer */
        shard_tell(self, request, text_of(self, status));
    }
}

void shard_deliver(shard_t *self, const request_t *request) {
    switch ((request_type_t)request->type) {
    case REQUEST_MESSAGE:
        handle_message(self, request);
        return;
    case REQUEST_ACK:
        if (!self->storage_full) { /* it will be told again */
            writer_mark(&self->writer);
            outbox_acknowledge(self->outbox, &self->writer, &request->stream, self->now_us);
        }
        return;
    case REQUEST_WORKED:
        handle_worked(self, request);
        return;
    case REQUEST_CALL:
    case REQUEST_TELL:
    case REQUEST_TIMER:
        break;
    }
    CHECK(false, "a message of type %u", request->type);
}

/* Timers */

static request_t request_of(const shard_t *self, const timer_row_t *timer) {
    const kind_t *kind = self->options.kind_of(timer->kind);
    bool admin = span_equal(timer->role, span_text("ADMIN"));
    uint32_t roles = timer->user.ptr == NULL ? 0 : admin ? ROLE_USER | ROLE_ADMIN : ROLE_USER;
    return (request_t){.type = REQUEST_TIMER,
                       .partition = timer->partition,
                       .kind = kind,
                       .method = kind == NULL ? NULL : kind_method(kind, timer->method),
                       .roles = ROLE_ACTOR | roles,
                       .received_us = self->now_us,
                       .deadline_us = UINT64_MAX,
                       .key = timer->key,
                       .subject = timer->user,
                       .body = timer->body};
}

static void fire(shard_t *self, const timer_row_t *timer) {
    request_t request = request_of(self, timer);
    uint32_t attempts = timer->attempts + 1;
    status_t status = STATUS_UNKNOWN_METHOD;
    self->turn.timer = timer;
    self->turn.detail[0] = 0;
    if (request.kind != NULL) {
        status = run(self, &request);
    }
    if (status == STATUS_OK) {
        return;
    }
    writer_mark(&self->writer);
    if (attempts < DELIVERIES_MAX && !hopeless(self, status)) {
        timers_retry(self->timers, &self->writer, timer, self->unix_ms + ((uint64_t)TIMER_RETRY_MS << timer->attempts));
        return;
    }
    timers_remove(&self->writer, timer);
    bury(self, &request, timer->kind, timer->method, status, attempts);
}

void shard_fire_timers(shard_t *self) {
    timer_row_t timer;
    if (shard_full(self)) {
        self->timers_held_us = self->now_us + TIMERS_HELD_US;
        return;
    }
    for (uint32_t i = 0; i < TIMERS_AT_ONCE && shard_batch_open(self); i++) {
        switch (timers_next(self->timers, self->unix_ms, &timer)) {
        case TIMERS_NONE:
            return;
        case TIMERS_DUE:
            fire(self, &timer);
            break;
        case TIMERS_DAMAGED:
            if (self->options.tell != NULL) {
                self->options.tell(timer.kind, timer.key, "a timer is damaged and does not fire");
            }
            break;
        }
    }
}
