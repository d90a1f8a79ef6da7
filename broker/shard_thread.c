/* SPDX-License-Identifier: MIT */
/*
 * The shard's thread: requests in, batches out. It steps only while it has an empty buffer; without one it takes no
 * messages off its queue, and the broker soon answers busy. When nothing waits it lets the store's snapshot go.
 */
#include <czmq.h>
#include <malloc.h>

#include "broker/clock.h"
#include "broker/log.h"
#include "broker/pipe.h"
#include "broker/ring.h"

enum {
    IDLE_EVERY_US = 1000000,
    IDLE_AGAIN_US = 10000, /* where there was something to do, there may be more */
};

typedef struct place {
    shard_t *shard;
    store_reader_t *reader;
    batch_t *empty[BATCHES_PER_SHARD];
    uint32_t empty_count;
    bool probed;
    bool worked, swollen; /* since the last idle work, and before it */
    uint64_t told_bytes;  /* of the memtable, as the journal's thread knows it */
    uint64_t idle_us;     /* when idle work is due */
    void *receiver, *journal;
} place_t;

/* Any thread may write to the log. */
static void log_trouble(span_t kind, span_t key, const char *what) {
    log_line(LOG_LEVEL_ERROR, "%.*s/%.*s: %s", (int)kind.len, (const char *)kind.ptr, (int)key.len,
             (const char *)key.ptr, what);
}

static void place_open(place_t *self, const shard_thread_t *thread) {
    char name[32];
    shard_options_t options = thread->options;
    CHECK(store_reader_open(thread->store, &self->reader) == STATUS_OK, "%s", store_error(thread->store));
    options.reader = self->reader;
    options.tell = log_trouble;
    options.now_us = clock_now_us;
    options.cpu_us = clock_cpu_us;
    self->shard = shard_new(&options);
    for (uint32_t i = 0; i < BATCHES_PER_SHARD; i++) {
        self->empty[self->empty_count++] = thread->batches[i];
    }
    snprintf(name, sizeof name, RING_TO_SHARD, options.id);
    self->receiver = pipe_receiver(name);
    self->journal = pipe_sender(RING_TO_JOURNAL);
    self->idle_us = clock_now_us() + IDLE_EVERY_US;
}

static void place_close(place_t *self) {
    pipe_close(&self->receiver);
    pipe_close(&self->journal);
    shard_destroy(&self->shard);
    store_reader_close(&self->reader);
}

static void receive(place_t *self) {
    pipe_message_t message;
    while (pipe_receive(self->receiver, &message)) {
        if (message.type == PIPE_REQUESTS) {
            shard_give(self->shard, message.pointer);
        } else if (message.type == PIPE_BATCH) {
            CHECK(self->empty_count < BATCHES_PER_SHARD, "a buffer came home twice");
            self->empty[self->empty_count++] = message.pointer;
        } else if (message.type == PIPE_STORAGE_FULL) {
            shard_set_storage_full(self->shard, message.value != 0);
        } else {
            CHECK(message.type == PIPE_PROBE, "type %llu", (unsigned long long)message.type);
            self->probed = true;
        }
    }
}

static void hand_on(place_t *self, batch_t *batch) {
    if (self->probed) {
        shard_stats_t stats = shard_stats(self->shard);
        effect_add_raw(batch, (effect_t){.type = EFFECT_FIGURES}, span_of(&stats, sizeof stats));
        batch->probe = true;
        self->probed = false;
    }
    bool news = batch->memtable_bytes != self->told_bytes;
    if (!news && batch->record_count == 0 && batch->effect_count == 0 && batch->finished_count == 0) {
        self->empty[self->empty_count++] = batch;
        return;
    }
    self->told_bytes = batch->memtable_bytes;
    pipe_send(self->journal, PIPE_BATCH, batch, 0);
}

/* After a second without work: what the memtable had in small blocks stays with the process otherwise. */
static void give_memory_back(place_t *self) {
    if (!self->worked && self->swollen) {
        malloc_trim(0);
    }
    self->swollen = self->worked;
    self->worked = false;
}

/* Does one thing that is due. False: nothing was, or no buffer is empty. */
static bool work(place_t *self) {
    uint64_t now_us = clock_now_us(), unix_ms = clock_unix_ms();
    bool idle = now_us >= self->idle_us;
    bool due = shard_due_us(self->shard, now_us, unix_ms) == 0;
    if (self->empty_count == 0 || !(due || self->probed || idle)) {
        return false;
    }
    batch_t *batch = self->empty[--self->empty_count];
    batch_reset(batch);
    status_t status;
    if (idle) {
        give_memory_back(self);
        status = shard_idle(self->shard, batch, now_us, unix_ms);
        self->idle_us = now_us + (batch->record_count > 0 ? IDLE_AGAIN_US : IDLE_EVERY_US);
    } else {
        status = shard_step(self->shard, batch, now_us, unix_ms);
        self->worked = true;
    }
    if (status != STATUS_OK) {
        ring_failed("the store cannot be read");
    }
    hand_on(self, batch);
    return true;
}

/* How long nothing will be to do if nothing comes. */
static int rest_ms(const place_t *self) {
    uint64_t now_us = clock_now_us();
    uint64_t due_us = shard_due_us(self->shard, now_us, clock_unix_ms());
    if (self->empty_count == 0 || due_us > IDLE_EVERY_US) {
        due_us = IDLE_EVERY_US;
    }
    return (int)((due_us + 999) / 1000);
}

void shard_thread_run(struct _zsock_t *control, void *shard_thread) {
    place_t self = {0};
    place_open(&self, shard_thread);
    zsock_signal(control, 0);
    zmq_pollitem_t items[] = {{.socket = self.receiver, .events = ZMQ_POLLIN},
                              {.socket = zsock_resolve(control), .events = ZMQ_POLLIN}};
    while ((items[1].revents & ZMQ_POLLIN) == 0) {
        receive(&self);
        if (work(&self)) {
            continue;
        }
        store_reader_release(self.reader);
        zmq_poll(items, 2, rest_ms(&self));
    }
    place_close(&self);
}
