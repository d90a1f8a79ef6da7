/* SPDX-License-Identifier: MIT */
/*
 * A shard's life and its batches. A batch begins with the newest snapshot of the store, and the memtable forgets what
 * that snapshot has; so a key is always found in one of the two. It holds the timers that are due, then messages, then
 * what streams may send and have to tell.
 */
#include "actors/shard.h"

#include "actors/effect.h"
#include "actors/kind.h"
#include "actors/shard_inside.h"

/* A batch is handed on when it is this full, though more would fit: what waits in it waits for nothing. */
#define BATCH_EFFECTS_ENOUGH KIB(256)
#define BATCH_RECORDS_ENOUGH KIB(512)

enum {
    ANSWER_PLACES_MAX = 65536,
    STREAMS_MAX = 65536, /* in memory, each way */
    PASSIVATED_AT_ONCE = 1024,
    SESSION_MARGIN_MS = 60000, /* answers are swept this much after the broker refuses their session */
};

shard_t *shard_new(const shard_options_t *options) {
    shard_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->options.actor_of = options->actor_of != NULL ? options->actor_of : actor_of;
    self->options.kind_of = options->kind_of != NULL ? options->kind_of : kind_of;
    self->settings = options->settings != NULL ? *options->settings : settings_defaults();
    self->memtable = memtable_new();
    self->view = (view_t){.memtable = self->memtable, .reader = options->reader};
    self->writer.memtable = self->memtable;
    self->timers = timers_new(&self->view, options->id, options->count);
    dead_letters_init(&self->dead_letters);
    turn_init(&self->turn, &(turn_parts_t){.view = &self->view,
                                           .writer = &self->writer,
                                           .timers = self->timers,
                                           .dead_letters = &self->dead_letters,
                                           .log_epoch = options->log_epoch,
                                           .hash_key = self->options.hash_key,
                                           .settings = &self->settings});
    self->activations = activations_new(options->resident_actors_max);
    self->answers = answers_new(&self->view, ANSWER_PLACES_MAX);
    self->idempotency = idempotency_new(&self->view, self->options.hash_key);
    self->consumed = consumed_new(&self->view, STREAMS_MAX);
    self->holds = holds_new(HELD_MAX);
    self->tape.capacity = ELEMENTS_MAX;
    self->tape.tokens = malloc(ELEMENTS_MAX * sizeof *self->tape.tokens);
    CHECK(self->tape.tokens != NULL, "out of memory");
    self->swept = options->id;
    histogram_reset(&self->wait);
    return self;
}

void shard_destroy(shard_t **self_p) {
    shard_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    holds_destroy(&self->holds);
    consumed_destroy(&self->consumed);
    outbox_close(&self->outbox);
    idempotency_destroy(&self->idempotency);
    answers_destroy(&self->answers);
    activations_destroy(&self->activations);
    turn_fini(&self->turn);
    dead_letters_fini(&self->dead_letters);
    timers_destroy(&self->timers);
    memtable_destroy(&self->memtable);
    free(self->tape.tokens);
    free(self);
    *self_p = NULL;
}

void shard_give(shard_t *self, requests_t *requests) {
    CHECK(self->queue_count < REQUEST_BATCHES_PER_SHARD, "%u buffers of requests", self->queue_count);
    CHECK(requests->next < requests->count, "%u of %u messages handled", requests->next, requests->count);
    self->queue[(self->queue_first + self->queue_count++) % REQUEST_BATCHES_PER_SHARD] = requests;
}

void shard_tell(const shard_t *self, const request_t *request, const char *what) {
    if (self->options.tell != NULL) {
        self->options.tell(span_text(request->kind->name), request->key, what);
    }
}

void shard_set_storage_full(shard_t *self, bool full) {
    self->storage_full = full;
}

static uint64_t until(uint64_t due, uint64_t now) {
    return due == UINT64_MAX ? UINT64_MAX : due > now ? due - now : 0;
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t shard_due_us(const shard_t *self, uint64_t now_us, uint64_t unix_ms) {
    if (self->queue_count > 0 || self->outbox == NULL || consumed_untold(self->consumed) > 0) {
        return 0;
    }
    uint64_t timer_ms = until(timers_due_ms(self->timers), unix_ms);
    uint64_t timer_us = timer_ms < UINT64_MAX / 1000 ? timer_ms * 1000 : UINT64_MAX;
    uint64_t held_us = until(self->timers_held_us, now_us);
    timer_us = timer_us > held_us ? timer_us : held_us;
    uint64_t outbox_us = until(outbox_due_us(self->outbox), now_us);
    return sooner(timer_us, sooner(outbox_us, until(holds_due_us(self->holds), now_us)));
}

/* Batches */

/* The rows of the outbox are read with the first snapshot. */
static status_t open_outbox(shard_t *self) {
    status_t status = outbox_open(&(outbox_options_t){.view = &self->view,
                                                      .folder = self->options.folder,
                                                      .shard = self->options.id,
                                                      .shards = self->options.count,
                                                      .streams_max = STREAMS_MAX,
                                                      .kind_of = self->options.kind_of,
                                                      .tell = self->options.tell},
                                  &self->outbox);
    self->turn.parts.outbox = self->outbox;
    return status;
}

static status_t batch_open(shard_t *self, batch_t *batch, uint64_t now_us, uint64_t unix_ms) {
    uint64_t applied;
    self->now_us = now_us;
    self->unix_ms = unix_ms;
    status_t status = store_reader_renew(self->options.reader, self->options.id, &applied);
    if (status != STATUS_OK) {
        return status;
    }
    memtable_forget(self->memtable, applied);
    self->writer.batch = batch;
    self->writer.number = self->number + 1;
    return self->outbox == NULL ? open_outbox(self) : STATUS_OK;
}

static void batch_close(shard_t *self, batch_t *batch) {
    batch->memtable_bytes = memtable_bytes(self->memtable);
    if (batch->record_count > 0) {
        batch->number = ++self->number;
    }
}

/* The first message that waits. A buffer whose last message this is goes home with this batch. */
static const request_t *next_request(shard_t *self, batch_t *batch) {
    requests_t *requests = self->queue[self->queue_first];
    const request_t *request = &requests->items[requests->next++];
    if (requests->next == requests->count) {
        batch->finished[batch->finished_count++] = requests;
        self->queue_first = (self->queue_first + 1) % REQUEST_BATCHES_PER_SHARD;
        self->queue_count--;
    }
    return request;
}

bool shard_batch_open(const shard_t *self) {
    const batch_t *batch = self->writer.batch;
    return batch_has_room(batch) && batch->effects_bytes < BATCH_EFFECTS_ENOUGH &&
           batch->records_bytes < BATCH_RECORDS_ENOUGH;
}

static void handle(shard_t *self, const request_t *request) {
    histogram_record(&self->wait, until(self->now_us, request->received_us));
    self->handled++;
    if (request->type == REQUEST_CALL || request->type == REQUEST_TELL) {
        shard_call(self, request);
    } else {
        shard_deliver(self, request);
    }
}

status_t shard_step(shard_t *self, batch_t *batch, uint64_t now_us, uint64_t unix_ms) {
    status_t status = batch_open(self, batch, now_us, unix_ms);
    if (status == STATUS_OK) {
        shard_end_waiting(self);
        shard_fire_timers(self);
    }
    while (status == STATUS_OK && self->queue_count > 0 && shard_batch_open(self)) {
        handle(self, next_request(self, batch));
    }
    if (status == STATUS_OK) {
        outbox_pump(self->outbox, batch, now_us);
        consumed_tell(self->consumed, batch);
    }
    batch_close(self, batch);
    return status;
}

/* What is kept for nobody any more, a slice. True: of this partition that was all. */
static bool sweep(shard_t *self, uint8_t partition) {
    uint64_t kept_ms = self->options.session_ms + SESSION_MARGIN_MS;
    uint64_t issued_ms = self->unix_ms > kept_ms ? self->unix_ms - kept_ms : 0;
    uint32_t deleted = answers_sweep(self->answers, &self->writer, partition, issued_ms, ANSWERS_TRIMMED_MAX);
    return idempotency_sweep(self->idempotency, &self->writer, partition, self->unix_ms) &&
           deleted < ANSWERS_TRIMMED_MAX;
}

status_t shard_idle(shard_t *self, batch_t *batch, uint64_t now_us, uint64_t unix_ms) {
    uint64_t idle_us = (uint64_t)self->options.idle_ms * 1000;
    status_t status = batch_open(self, batch, now_us, unix_ms);
    if (status != STATUS_OK) {
        return status;
    }
    if (now_us > idle_us) {
        activations_expire(self->activations, now_us - idle_us, PASSIVATED_AT_ONCE);
    }
    if (sweep(self, (uint8_t)self->swept)) {
        uint32_t next = self->swept + self->options.count;
        self->swept = next < PARTITIONS ? next : self->options.id;
    }
    batch_close(self, batch);
    return status;
}

static uint64_t mailbox(const shard_t *self) {
    uint64_t waiting = 0;
    for (uint32_t i = 0; i < self->queue_count; i++) {
        const requests_t *requests = self->queue[(self->queue_first + i) % REQUEST_BATCHES_PER_SHARD];
        waiting += requests->count - requests->next;
    }
    return waiting;
}

shard_stats_t shard_stats(shard_t *self) {
    shard_stats_t stats = {
        .id = self->options.id,
        .mailbox = mailbox(self),
        .resident = activations_count(self->activations),
        .memtable_bytes = memtable_bytes(self->memtable),
        .handled = self->handled,
        .refused = self->refused,
        .wait_p99_us = histogram_percentile(&self->wait, 0.99),
        .outbox = self->outbox == NULL ? 0 : outbox_count(self->outbox),
        .held = holds_count(self->holds),
        .dead_letters = self->dead_letters.count,
        .timer_lag_ms = timers_due_ms(self->timers) == 0 ? 0 : until(self->unix_ms, timers_due_ms(self->timers)),
    };
    histogram_reset(&self->wait);
    return stats;
}
