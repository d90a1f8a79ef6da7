/* SPDX-License-Identifier: MIT */
/*
 * The journal's thread: group commit. It takes what waits from all shards, makes it durable with one sync, and only
 * then passes it on; what wrote nothing and follows no write of its shard passes at once. This thread is the output
 * gate: there is no other way from a shard to the broker.
 */
#include <czmq.h>

#include "broker/clock.h"
#include "broker/figures.h"
#include "broker/pipe.h"
#include "broker/ring.h"

enum {
    PENDING_MAX = SHARDS_MAX * BATCHES_PER_SHARD, /* all buffers */
    TAIL_HELD_AT = 2,                             /* times the bound at which the applier starts */
    IDLE_MS = 20,                                 /* without a write for this long, a closing header is written */
};

typedef struct place {
    const journal_thread_t *options;
    journal_t *journal;
    batch_t *pending[PENDING_MAX]; /* in the order of arrival */
    size_t pending_count;
    uint64_t memtable_bytes[SHARDS_MAX];
    uint64_t applied, told; /* positions */
    uint64_t applied_us;    /* when the applier came round last, or had nothing to do */
    bool asked;             /* the applier owes an answer */
    bool applying;          /* and may be at work on a round, or goes on with one */
    bool idle;              /* the closing header is written */
    /* µs, in this round of figures: of all appends, and of those begun while the applier was at work. */
    histogram_t appends, appends_applying;
    uint16_t probes; /* in this round of figures, which has one for each shard */
    void *receiver, *broker, *applier;
} place_t;

static void reset_figures(place_t *self) {
    histogram_reset(&self->appends);
    histogram_reset(&self->appends_applying);
    self->probes = 0;
}

static void place_open(place_t *self, const journal_thread_t *options) {
    self->options = options;
    self->journal = options->journal;
    self->applied = options->applied;
    self->told = journal_position(self->journal);
    self->idle = true;
    reset_figures(self);
    self->receiver = pipe_receiver(RING_TO_JOURNAL);
    self->broker = pipe_sender(RING_TO_BROKER);
    self->applier = pipe_sender(RING_TO_APPLIER);
}

static void close_header(place_t *self) {
    if (journal_close_header(self->journal) != STATUS_OK) {
        ring_failed("%s", journal_error(self->journal));
    }
    self->idle = true;
}

static void place_close(place_t *self) {
    close_header(self);
    pipe_close(&self->receiver);
    pipe_close(&self->broker);
    pipe_close(&self->applier);
}

/* Takes all that waits, also when every buffer is pending: then room for them is what it waits for. */
static void receive(place_t *self) {
    pipe_message_t message;
    while (pipe_receive(self->receiver, &message)) {
        if (message.type == PIPE_BATCH) {
            CHECK(self->pending_count < PENDING_MAX, "more batches than there are buffers");
            self->pending[self->pending_count++] = message.pointer;
        } else if (message.type == PIPE_SEGMENT) {
            segment_t *segment = message.pointer;
            journal_add_segment(self->journal, segment->start, segment->bytes, segment->fd);
            free(segment);
        } else if (message.type == PIPE_APPLIED) {
            self->applied = message.value;
            self->applied_us = clock_now_us();
            self->applying = false;
        } else if (message.type == PIPE_ANSWER) {
            self->asked = false;
            self->applying = message.value != 0;
        } else {
            CHECK(message.type == PIPE_STORAGE_FULL, "type %llu", (unsigned long long)message.type);
            pipe_send(self->broker, PIPE_STORAGE_FULL, NULL, message.value);
        }
    }
}

static uint64_t memtable_bytes(const place_t *self) {
    uint64_t total = 0;
    for (size_t i = 0; i < self->options->shards; i++) {
        total += self->memtable_bytes[i];
    }
    return total;
}

/* Of all shards together; or what it would be if all were as full as the fullest, since that one refuses writes when
   its own part is full, however empty the others are. */
static uint64_t memtable_fill(const place_t *self) {
    uint64_t total = memtable_bytes(self), largest = 0;
    for (size_t i = 0; i < self->options->shards; i++) {
        largest = self->memtable_bytes[i] > largest ? self->memtable_bytes[i] : largest;
    }
    uint64_t as_largest = largest * self->options->shards;
    return as_largest > total ? as_largest : total;
}

/* In how many µs will what is not applied have waited for long? UINT64_MAX: nothing waits. */
static uint64_t late_us(const place_t *self) {
    if (journal_position(self->journal) == self->applied) {
        return UINT64_MAX;
    }
    uint64_t now_us = clock_now_us();
    uint64_t due_us = self->applied_us + self->options->apply_after_ms * 1000;
    return due_us > now_us ? due_us - now_us : 0;
}

/* Tells the applier what is durable, if it has reason to act. */
static void tell_applier(place_t *self) {
    uint64_t position = journal_position(self->journal);
    uint64_t memtables = memtable_fill(self);
    bool narrow = journal_room(self->journal) < self->options->room_wanted;
    bool due = memtables >= self->options->memtable_bytes_max ||
               position - self->applied >= self->options->journal_tail_bytes_max;
    bool late = late_us(self) == 0;
    if (self->asked || !(narrow || late || (due && position != self->told))) {
        return;
    }
    durable_t *durable = malloc(sizeof *durable);
    CHECK(durable != NULL, "out of memory");
    *durable = (durable_t){.synced_through = position,
                           .generation = journal_generation(self->journal),
                           .memtable_bytes = memtables,
                           .late = late};
    pipe_send(self->applier, PIPE_DURABLE, durable, 0);
    self->told = position;
    self->asked = true;
    self->applying |= due || late;
}

static void send_figures(place_t *self) {
    figures_t *figures = malloc(sizeof *figures);
    CHECK(figures != NULL, "out of memory");
    *figures = (figures_t){.journal = journal_stats(self->journal),
                           .sync_p99_us = histogram_percentile(&self->appends, 0.99),
                           .sync_applying_p99_us = histogram_percentile(&self->appends_applying, 0.99),
                           .applied = self->applied,
                           .lag = journal_position(self->journal) - self->applied,
                           .bytes_pending = memtable_bytes(self)};
    pipe_send(self->broker, PIPE_FIGURES, figures, 0);
    self->probes++;
    if (self->probes == self->options->shards) {
        reset_figures(self);
    }
}

static void pass_on(place_t *self, batch_t *batch) {
    bool probe = batch->probe; /* the batch is not ours once it is sent */
    self->memtable_bytes[batch->shard] = batch->memtable_bytes;
    pipe_send(self->broker, PIPE_BATCH, batch, 0);
    if (probe) {
        send_figures(self);
    }
}

/* Passes on what needs no sync: batches without records and without an earlier write of their shard in front. */
static void pass_reads(place_t *self) {
    bool wrote[SHARDS_MAX] = {false};
    size_t kept = 0;
    for (size_t i = 0; i < self->pending_count; i++) {
        batch_t *batch = self->pending[i];
        wrote[batch->shard] |= batch->record_count > 0;
        if (wrote[batch->shard]) {
            self->pending[kept++] = batch;
        } else {
            pass_on(self, batch);
        }
    }
    self->pending_count = kept;
}

/* How many of the pending batches fit into the room ahead. None while the applier is so far behind that recovery would
   take too long: then shards run out of buffers, and the broker answers busy. */
static size_t fitting(const place_t *self) {
    uint64_t tail = journal_position(self->journal) - self->applied;
    if (tail >= TAIL_HELD_AT * self->options->journal_tail_bytes_max) {
        return 0;
    }
    uint64_t room = journal_room(self->journal);
    size_t count = 0;
    while (count < self->pending_count) {
        uint64_t bytes = journal_batch_bytes(self->pending[count]);
        if (bytes > room) {
            break;
        }
        room -= bytes;
        count++;
    }
    return count;
}

/* Makes the first pending batches durable, then passes them on; pending still counts them. */
static status_t append_and_pass_on(place_t *self, size_t count) {
#ifdef DORAN_PLANT_EARLY_ACK /* only in the build where tests/crash must find the defect: first out, then written */
    static batch_t *copies[PENDING_MAX]; /* what is passed on is not ours any more */
    for (size_t i = 0; i < count; i++) {
        const batch_t *batch = self->pending[i];
        copies[i] = copies[i] == NULL ? batch_new(batch->shard) : copies[i];
        memcpy(copies[i]->records, batch->records, batch->records_bytes);
        copies[i]->shard = batch->shard;
        copies[i]->number = batch->number;
        copies[i]->records_bytes = batch->records_bytes;
        copies[i]->record_count = batch->record_count;
        pass_on(self, self->pending[i]);
    }
    zclock_sleep(20);
    return journal_append(self->journal, copies, count);
#else
    status_t status = journal_append(self->journal, self->pending, count);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        pass_on(self, self->pending[i]);
    }
    return status;
#endif
}

static void record(place_t *self, uint64_t us, bool applying) {
    histogram_record(&self->appends, us);
    if (applying) {
        histogram_record(&self->appends_applying, us);
    }
}

/* Commits a group. False: there was none, or no room. */
static bool commit(place_t *self) {
    size_t count = fitting(self);
    if (count == 0) {
        return false;
    }
    bool applying = self->applying;
    uint64_t begun_us = clock_now_us();
    if (journal_position(self->journal) == self->applied) {
        self->applied_us = begun_us; /* what is appended now is the first that waits */
    }
    if (append_and_pass_on(self, count) != STATUS_OK) {
        ring_failed("%s", journal_error(self->journal));
    }
    record(self, clock_now_us() - begun_us, applying);
    self->pending_count -= count;
    memmove(self->pending, self->pending + count, self->pending_count * sizeof *self->pending);
    self->idle = false;
    return true;
}

/* -1: until something comes. */
static int rest_ms(const place_t *self) {
    if (!self->idle && self->pending_count == 0) {
        return IDLE_MS;
    }
    uint64_t us = self->asked ? UINT64_MAX : late_us(self);
    return us == UINT64_MAX ? -1 : (int)(us / 1000 + 1);
}

static void rest(place_t *self, zmq_pollitem_t items[2]) {
    int events = zmq_poll(items, 2, rest_ms(self));
    if (events == 0 && !self->idle && self->pending_count == 0 && journal_room(self->journal) > JOURNAL_BLOCK) {
        close_header(self);
    }
}

void journal_thread_run(struct _zsock_t *control, void *journal_thread) {
    place_t self = {0};
    place_open(&self, journal_thread);
    zsock_signal(control, 0);
    zmq_pollitem_t items[] = {{.socket = self.receiver, .events = ZMQ_POLLIN},
                              {.socket = zsock_resolve(control), .events = ZMQ_POLLIN}};
    while ((items[1].revents & ZMQ_POLLIN) == 0) {
        receive(&self);
        pass_reads(&self);
        bool committed = commit(&self);
        tell_applier(&self);
        if (!committed) {
            rest(&self, items);
        }
    }
    place_close(&self);
}
