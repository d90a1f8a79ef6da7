/* SPDX-License-Identifier: MIT */
/*
 * The loop is: send what may be sent, wait for answers until the next thing may be sent. In a closed loop that is when
 * a slot is free; in an open one, also not before its time.
 */
#include "bench/worker.h"

#include <stdarg.h>
#include <stdlib.h>

#include "bench/schedule.h"
#include "tools/client/clock.h"

enum {
    READY_MS = 10000,     /* for the first pong */
    DRAIN_US = 120000000, /* longer than any request's time */
    WAIT_US = 100000,
    LOOK_US = 4000, /* the first time */
    LINGER_US = 200000,
    BODY_OVERHEAD_BYTES = 256,
};

void worker_fail(worker_t *self, const char *format, ...) {
    if (self->problem[0] == 0) {
        va_list values;
        va_start(values, format);
        vsnprintf(self->problem, sizeof self->problem, format, values);
        va_end(values);
    }
}

static void make_slots(worker_t *self) {
    self->slots = calloc(self->window, sizeof *self->slots);
    CHECK(self->slots != NULL, "no memory");
    for (uint32_t i = 0; i < self->window; i++) {
        self->slots[i].worker = self;
        self->slots[i].next = i + 1 < self->window ? &self->slots[i + 1] : NULL;
    }
    self->free = self->slots;
}

bool worker_init(worker_t *self, const bench_options_t *options, const client_tuning_t *tuning, uint32_t index) {
    *self = (worker_t){.options = options, .index = index, .window = bench_options_window(options, index)};
    self->actors = options->actors / options->clients + (index < options->actors % options->clients);
    self->random.state = clock_us() + ((uint64_t)index << 32);
    self->request_bytes = 2 * (size_t)options->size + BODY_OVERHEAD_BYTES; /* a payload, and the body with it */
    self->request = malloc(self->request_bytes);
    CHECK(self->request != NULL, "no memory");
    make_slots(self);
    doran_options_t client = {.data = options->data, .endpoint = options->endpoint, .in_flight_max = self->window};
    self->client = client_open(&client, tuning, self->problem, sizeof self->problem);
    if (self->client != NULL && doran_ping(self->client, READY_MS, NULL, 0) < 0) {
        worker_fail(self, "No server answers at %s.", doran_endpoint(self->client));
        doran_close(&self->client);
    }
    return self->client != NULL;
}

void worker_fini(worker_t *self) {
    doran_close(&self->client);
    free(self->slots);
    free(self->request);
}

static void record(worker_t *self, const slot_t *slot, doran_code_t code) {
    uint64_t now_us = clock_us();
    if (!self->pass->listens) {
        histogram_record(&self->latency, now_us > slot->intended_us ? now_us - slot->intended_us : 0);
    }
    self->last_us = now_us;
    self->acknowledged += code == DORAN_OK;
    self->errors[(unsigned)code < CODES ? code : DORAN_INTERNAL] += code != DORAN_OK;
}

static void set_free(worker_t *self, slot_t *slot) {
    slot->next = self->free;
    self->free = slot;
}

static void look_later(worker_t *self, slot_t *slot) {
    uint32_t level = slot->looks < LOOK_LEVELS ? slot->looks : LOOK_LEVELS - 1;
    slot_queue_t *queue = &self->pending[level];
    slot->looks++;
    slot->look_us = clock_us() + ((uint64_t)LOOK_US << level);
    slot->next = NULL;
    *(queue->first == NULL ? &queue->first : &queue->last->next) = slot;
    queue->last = slot;
}

/* Looks at what is due; returns when the next one is. */
static uint64_t look(worker_t *self, uint64_t now_us) {
    uint64_t next_us = UINT64_MAX;
    for (uint32_t level = 0; level < LOOK_LEVELS; level++) {
        slot_queue_t *queue = &self->pending[level];
        while (queue->first != NULL && queue->first->look_us <= now_us) {
            slot_t *slot = queue->first;
            queue->first = slot->next;
            doran_code_t code = self->pass->look(self, slot);
            if (code != DORAN_OK) {
                worker_fail(self, "The client refuses to send: %s.", doran_code_name(code));
                set_free(self, slot);
            }
        }
        if (queue->first != NULL && queue->first->look_us < next_us) {
            next_us = queue->first->look_us;
        }
    }
    return next_us;
}

static void done(void *context, const doran_reply_t *reply) {
    slot_t *slot = context;
    worker_t *self = slot->worker;
    doran_code_t code = reply->code;
    if (self->pass->pending != NULL && self->pass->pending(self, slot, reply, &code)) {
        look_later(self, slot);
        return;
    }
    if (self->pass->measured) {
        record(self, slot, code);
    }
    self->pass->answered(self, slot, reply);
    set_free(self, slot);
    atomic_fetch_add_explicit(&self->answers, 1, memory_order_relaxed);
}

doran_code_t worker_submit(worker_t *self, slot_t *slot, const char *address, const char *method, const pack_t *body,
                           uint32_t timeout_ms) {
    CHECK(pack_ok(body), "a body over %zu bytes", body->capacity);
    return doran_submit(self->client, address, method, body->ptr, body->len, timeout_ms, done, slot);
}

bool worker_read(worker_t *self, const doran_reply_t *reply, tape_t *tape) {
    *tape = (tape_t){.tokens = self->tokens, .capacity = ARRAY_LENGTH(self->tokens)};
    if (tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) != STATUS_OK) {
        worker_fail(self, "An answer of the server cannot be read.");
        return false;
    }
    return true;
}

/* False if nothing can be sent any more. */
static bool submit_one(worker_t *self, uint64_t intended_us) {
    slot_t *slot = self->free;
    self->free = slot->next;
    slot->intended_us = intended_us;
    slot->number = self->submitted;
    slot->looks = 0;
    doran_code_t code = self->pass->submit(self, slot);
    if (code != DORAN_OK) {
        worker_fail(self, "The client refuses to send: %s.", doran_code_name(code));
        set_free(self, slot);
        return false;
    }
    self->submitted += 1;
    return true;
}

/* Is there, or will there be, something to send? An open loop sends what it intended, though late. */
static bool may_send(const worker_t *self, const schedule_t *schedule, uint64_t now_us) {
    const pass_t *pass = self->pass;
    uint64_t intended_us = pass->rate > 0 ? schedule_next(schedule) : now_us;
    return self->problem[0] == 0 && self->submitted < pass->count && intended_us < pass->end_us;
}

/* Sends what is to be sent by now; returns when there is more to send even if no answer comes. */
static uint64_t send_due(worker_t *self, schedule_t *schedule, uint64_t now_us) {
    bool open_loop = self->pass->rate > 0;
    while (self->free != NULL && may_send(self, schedule, now_us)) {
        if (open_loop && schedule_next(schedule) > now_us) {
            return schedule_next(schedule);
        }
        if (!submit_one(self, open_loop ? schedule_next(schedule) : now_us)) {
            break;
        }
        if (open_loop) {
            schedule_advance(schedule);
        }
        now_us = clock_us();
    }
    return now_us + WAIT_US;
}

/* What an open loop could not send in twice its time counts as failed: the server is not up to this rate. */
static void give_up(worker_t *self, schedule_t *schedule, uint64_t now_us) {
    while (may_send(self, schedule, now_us)) {
        self->errors[DORAN_DEADLINE_EXCEEDED] += 1;
        self->submitted += 1;
        schedule_advance(schedule);
    }
}

static void drain(worker_t *self) {
    uint64_t now_us = clock_us(), limit_us = now_us + DRAIN_US, look_us = look(self, now_us);
    while ((doran_in_flight(self->client) > 0 || look_us != UINT64_MAX) && now_us < limit_us) {
        (void)client_run(self->client, look_us < now_us + WAIT_US ? look_us : now_us + WAIT_US);
        now_us = clock_us();
        look_us = look(self, now_us);
    }
    if (doran_in_flight(self->client) > 0) {
        worker_fail(self, "%u requests were never answered.", doran_in_flight(self->client));
    }
    if (look_us != UINT64_MAX) {
        worker_fail(self, "What was asked for is still not done.");
    }
}

static void listen(worker_t *self, uint64_t until_us) {
    while (self->problem[0] == 0 && clock_us() < until_us) {
        (void)client_run(self->client, until_us);
    }
}

bool worker_pass(worker_t *self, const pass_t *pass) {
    schedule_t schedule;
    uint64_t now_us = clock_us(), limit_us = UINT64_MAX;
    self->pass = pass;
    self->submitted = 0;
    atomic_store_explicit(&self->answers, 0, memory_order_relaxed);
    schedule_init(&schedule, random_next(&self->random), pass->begin_us, pass->rate > 0 ? pass->rate : 1);
    if (pass->rate > 0 && pass->end_us != UINT64_MAX) {
        limit_us = pass->end_us + (pass->end_us - pass->begin_us);
    }
    for (; now_us < pass->begin_us; now_us = clock_us()) {
        (void)client_run(self->client, pass->begin_us);
    }
    for (; may_send(self, &schedule, now_us) && now_us < limit_us; now_us = clock_us()) {
        uint64_t look_us = look(self, now_us), until_us = send_due(self, &schedule, now_us);
        until_us = look_us < until_us ? look_us : until_us;
        (void)client_run(self->client, until_us < limit_us ? until_us : limit_us);
    }
    if (pass->rate > 0) {
        give_up(self, &schedule, now_us);
    }
    drain(self);
    if (pass->listens && pass->end_us != UINT64_MAX) {
        listen(self, pass->end_us + LINGER_US);
    }
    return self->problem[0] == 0;
}
