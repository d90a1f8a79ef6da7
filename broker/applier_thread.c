/* SPDX-License-Identifier: MIT */
/*
 * The applier's thread: keeps room ahead of the journal, applies in rounds, and gives segments back. When the disk is
 * full it says so and looks again every second; the journal then has one segment left for what was admitted.
 */
#include <czmq.h>

#include "broker/pipe.h"
#include "broker/ring.h"

enum { FULL_RETRY_MS = 1000 };

typedef struct place {
    const applier_thread_t *options;
    applier_t *applier;
    segments_t *segments;
    uint64_t synced_through;
    bool full;     /* the disk; told to the journal */
    bool owing;    /* the journal waits for PIPE_ANSWER */
    uint64_t told; /* position applied, as the journal knows it */
    void *receiver, *journal;
} place_t;

static void place_open(place_t *self, const applier_thread_t *options) {
    self->options = options;
    self->applier = options->applier;
    self->segments = options->segments;
    self->told = applier_applied(self->applier); /* the ring told it */
    self->receiver = options->receiver;
    self->journal = pipe_sender(RING_TO_JOURNAL);
}

static void place_close(place_t *self) {
    pipe_close(&self->journal);
}

static void receive(place_t *self) {
    pipe_message_t message;
    while (pipe_receive(self->receiver, &message)) {
        CHECK(message.type == PIPE_DURABLE, "type %llu", (unsigned long long)message.type);
        durable_t *durable = message.pointer;
        self->synced_through = durable->synced_through;
        self->owing = true;
        applier_told(self->applier, durable->synced_through, durable->generation, durable->memtable_bytes);
        if (durable->late) {
            applier_hurry(self->applier);
        }
        free(durable);
    }
}

static void tell_full(place_t *self, bool full) {
    if (self->full != full) {
        self->full = full;
        pipe_send(self->journal, PIPE_STORAGE_FULL, NULL, full);
    }
}

/* OK or STORAGE_FULL, like all below. */
static status_t keep_room(place_t *self) {
    while (segments_room(self->segments, self->synced_through) < self->options->room_wanted) {
        segment_t made;
        status_t status = segments_prepare(self->segments, &made.start, &made.bytes, &made.fd);
        if (status == STATUS_STORAGE_FULL) {
            return status;
        }
        if (status != STATUS_OK) {
            ring_failed("%s", segments_error(self->segments));
        }
        segment_t *segment = malloc(sizeof *segment);
        CHECK(segment != NULL, "out of memory");
        *segment = made;
        pipe_send(self->journal, PIPE_SEGMENT, segment, 0);
    }
    return STATUS_OK;
}

static status_t apply(place_t *self) {
    if (!applier_due(self->applier)) {
        return STATUS_OK;
    }
    uint64_t before = applier_applied(self->applier);
    status_t status = applier_step(self->applier);
    if (status == STATUS_INTERNAL) {
        ring_failed("the store could not be written: %s", applier_error(self->applier));
    }
    if (applier_applied(self->applier) != before &&
        segments_release(self->segments, applier_applied(self->applier)) != STATUS_OK) {
        ring_failed("%s", segments_error(self->segments));
    }
    return status;
}

/* Does what is due, of applying one slice. Returns how long to wait for the next, in ms. */
static int work(place_t *self) {
    status_t room = keep_room(self);
    status_t applied = apply(self);
    bool full = room == STATUS_STORAGE_FULL || applied == STATUS_STORAGE_FULL;
    tell_full(self, full);
    if (self->told != applier_applied(self->applier)) {
        self->told = applier_applied(self->applier);
        pipe_send(self->journal, PIPE_APPLIED, NULL, self->told);
    }
    if (full) { /* the journal's question stays open, or it would ask again at once */
        return FULL_RETRY_MS;
    }
    if (self->owing) {
        self->owing = false;
        pipe_send(self->journal, PIPE_ANSWER, NULL, applier_due(self->applier));
    }
    return applier_due(self->applier) ? 0 : -1;
}

void applier_thread_run(struct _zsock_t *control, void *applier_thread) {
    place_t self = {0};
    place_open(&self, applier_thread);
    zsock_signal(control, 0);
    zmq_pollitem_t items[] = {{.socket = self.receiver, .events = ZMQ_POLLIN},
                              {.socket = zsock_resolve(control), .events = ZMQ_POLLIN}};
    int wait_ms = -1;
    for (;;) {
        int ready = zmq_poll(items, 2, wait_ms);
        CHECK(ready >= 0 || zmq_errno() == EINTR, "%s", zmq_strerror(zmq_errno()));
        if ((items[1].revents & ZMQ_POLLIN) != 0) {
            break;
        }
        receive(&self);
        wait_ms = work(&self);
    }
    place_close(&self);
}
