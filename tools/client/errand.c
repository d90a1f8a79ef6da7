/* SPDX-License-Identifier: MIT */
/*
 * An errand's request has a time limit of its own and is not tried again by the exchange when it is refused: it is the
 * errand that sleeps and stands in line again, behind the others, with a new request. All sleep about equally long, so
 * the list of sleepers is nearly in the order of waking; who stands behind a later one sleeps a little longer.
 */
#include "tools/client/errand.h"

#include "tools/client/clock.h"
#include "tools/client/exchange_inside.h"

enum {
    SLEEP_US = 1000 * MS,
    REQUEST_US = 10000 * MS,
};

void errands_init(errands_t *self) {
    *self = (errands_t){0};
    TAILQ_INIT(&self->line);
    TAILQ_INIT(&self->asleep);
}

uint64_t errands_due(const errands_t *self) {
    const errand_t *first = TAILQ_FIRST(&self->asleep);
    return first != NULL ? first->due_us : UINT64_MAX;
}

static void answered(void *context, const doran_reply_t *reply);

/* Lets go who may go. */
static void send_line(exchange_t *exchange) {
    errands_t *errands = &exchange->errands;
    errand_t *errand;
    while (errands->out < ERRANDS_OUT_MAX && (errand = TAILQ_FIRST(&errands->line)) != NULL) {
        TAILQ_REMOVE(&errands->line, errand, in_list);
        errand->pending = errand->kind->send(errand->owner, exchange, clock_us() + REQUEST_US);
        CHECK(errand->pending != NULL, "no room for an errand, %u are out", errands->out);
        errand->pending->own = true;
        errand->pending->reopened = errand->reopened;
        errand->pending->done = answered;
        errand->pending->context = errand;
        errand->state = ERRAND_OUT;
        errands->out += 1;
    }
}

void errands_wake(exchange_t *exchange, uint64_t now_us) {
    errands_t *errands = &exchange->errands;
    errand_t *errand;
    while ((errand = TAILQ_FIRST(&errands->asleep)) != NULL && errand->due_us <= now_us) {
        TAILQ_REMOVE(&errands->asleep, errand, in_list);
        errand->state = ERRAND_IDLE;
        errand_start(errand);
    }
}

static void answered(void *context, const doran_reply_t *reply) {
    errand_t *self = context;
    exchange_t *exchange = self->exchange;
    self->state = ERRAND_IDLE;
    self->sent = true;
    self->reopened = false;
    self->pending = NULL;
    exchange->errands.out -= 1;
    if (status_retryable((status_t)reply->code) && !self->last) {
        errand_start_later(self);
    } else {
        self->kind->done(self->owner, exchange, reply); /* self may be gone afterwards */
    }
    send_line(exchange);
}

void errand_init(errand_t *self, const errand_kind_t *kind, void *owner, exchange_t *exchange) {
    *self = (errand_t){.kind = kind, .owner = owner, .exchange = exchange};
}

void errand_start(errand_t *self) {
    CHECK(self->state == ERRAND_IDLE, "state %d", (int)self->state);
    self->state = ERRAND_IN_LINE;
    TAILQ_INSERT_TAIL(&self->exchange->errands.line, self, in_list);
    send_line(self->exchange);
}

void errand_start_later(errand_t *self) {
    CHECK(self->state == ERRAND_IDLE, "state %d", (int)self->state);
    self->state = ERRAND_ASLEEP;
    self->due_us = clock_us() + exchange_jittered(SLEEP_US);
    TAILQ_INSERT_TAIL(&self->exchange->errands.asleep, self, in_list);
}

void errand_cancel(errand_t *self) {
    errands_t *errands = &self->exchange->errands;
    switch (self->state) {
    case ERRAND_IDLE:
        return;
    case ERRAND_IN_LINE:
        TAILQ_REMOVE(&errands->line, self, in_list);
        break;
    case ERRAND_ASLEEP:
        TAILQ_REMOVE(&errands->asleep, self, in_list);
        break;
    case ERRAND_OUT:
        self->sent = errand_was_sent(self);
        self->reopened = self->pending->reopened;
        pending_release(self->exchange->pending, self->pending);
        errands->out -= 1;
        break;
    }
    self->state = ERRAND_IDLE;
    self->pending = NULL;
    send_line(self->exchange);
}

bool errand_finish(errand_t *self) {
    self->last = self->state == ERRAND_OUT && self->pending->sends > 0;
    if (!self->last) {
        errand_cancel(self);
    }
    return self->last;
}

bool errand_was_sent(const errand_t *self) {
    return self->sent || (self->state == ERRAND_OUT && self->pending->sends > 0);
}
