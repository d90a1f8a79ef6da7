/* SPDX-License-Identifier: MIT */
/*
 * The thread of a pool of works: takes orders one after the other, runs them, and sends each back, with a result or
 * without. What it does may take long, so it gives way to the ring: at idle priority, where it gets what the ring
 * leaves, which may be next to nothing; or, where somebody waits for the result, as one that is nice: on a processor
 * that the ring would fill it has about a tenth. Told to stop, it finishes the work that it is at and leaves the others
 * undone: works are volatile.
 */
#include <czmq.h>
#include <sched.h>
#include <sys/resource.h>

#include "broker/clock.h"
#include "broker/log.h"
#include "broker/pipe.h"
#include "broker/ring.h"
#include "broker/work_order.h"

enum {
    LOWEST_NICE = 19,
    WAITED_FOR_NICE = 10, /* weight 110 beside the ring's 1024 */
};

typedef struct place {
    const work_thread_t *options;
    store_reader_t *reader;
    tape_t tape;
    token_t *tokens;
    void *receiver, *broker;
} place_t;

/* Of this thread: in Linux both are of threads. */
static void give_way(work_pool_t pool) {
    const struct sched_param parameter = {0};
    bool idle = pool == WORK_STEPS && sched_setscheduler(0, SCHED_IDLE, &parameter) == 0;
    if (!idle && setpriority(PRIO_PROCESS, 0, pool == WORK_STEPS ? LOWEST_NICE : WAITED_FOR_NICE) != 0) {
        log_line(LOG_LEVEL_WARN, "work runs at the priority of the server: %s", strerror(errno));
    }
}

static void place_open(place_t *self, const work_thread_t *options) {
    char name[64];
    self->options = options;
    CHECK(store_reader_open(options->store, &self->reader) == STATUS_OK, "%s", store_error(options->store));
    self->tokens = malloc(ELEMENTS_MAX * sizeof *self->tokens);
    CHECK(self->tokens != NULL, "out of memory");
    self->tape = (tape_t){.tokens = self->tokens, .capacity = ELEMENTS_MAX};
    snprintf(name, sizeof name, RING_TO_WORK, (unsigned)options->pool);
    self->receiver = pipe_receiver(name);
    self->broker = pipe_sender(RING_TO_BROKER);
}

static void place_close(place_t *self) {
    pipe_message_t message;
    while (pipe_receive(self->receiver, &message)) {
        work_order_t *order = message.pointer;
        work_order_destroy(&order);
    }
    pipe_close(&self->receiver);
    pipe_close(&self->broker);
    free(self->tokens);
    store_reader_close(&self->reader);
}

static const work_t *find(const work_thread_t *options, span_t name) {
    for (const work_t *const *work = options->works; *work != NULL; work++) {
        if (span_equal(name, span_text((*work)->name))) {
            return *work;
        }
    }
    return NULL;
}

/* What a result must be to be a request's body. */
static status_t check_result(place_t *self, const pack_t *result) {
    if (!pack_ok(result)) {
        return STATUS_TOO_LARGE;
    }
    status_t status = tape_read_whole(&self->tape, pack_bytes(result));
    return status == STATUS_OK && self->tokens[0].type != TOKEN_MAP ? STATUS_INVALID : status;
}

static status_t call(place_t *self, const work_t *work, work_order_t *order) {
    void *input = malloc(work->input->struct_bytes);
    CHECK(input != NULL, "out of memory");
    pack_t result = pack_into(work_order_room(order), VALUE_BYTES_MAX);
    status_t status =
        record_decode(work->input, &self->tape, envelope_body_token(&self->tape), FROM_STORE, input, NULL);
    if (status == STATUS_OK) {
        work_place_t place = {.reader = self->reader, .folder = self->options->folder, .name = work->name};
        status = work->run(&place, input, &result);
        store_reader_release(self->reader);
    }
    free(input);
    if (status == STATUS_OK) {
        status = check_result(self, &result);
    }
    order->result_bytes = status == STATUS_OK ? (uint32_t)result.len : 0;
    return status;
}

static bool is_late(const work_t *work, const work_order_t *order) {
    return work->wait_ms > 0 && clock_now_us() - order->ordered_us > work->wait_ms * UINT64_C(1000);
}

/* A work that fails is told of here, since nothing comes back. */
static void run(place_t *self, work_order_t *order) {
    envelope_t envelope;
    size_t consumed;
    status_t status = envelope_decode(&envelope, &self->tape, work_order_envelope(order), &consumed);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "a work order cannot be read: %s", status_code(status));
        return;
    }
    const work_t *work = find(self->options, envelope.idempotency_key);
    status = work == NULL           ? STATUS_UNKNOWN_METHOD
             : is_late(work, order) ? STATUS_DEADLINE_EXCEEDED
                                    : call(self, work, order);
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_ERROR, "the work %.*s for %.*s/%.*s failed: %s", (int)envelope.idempotency_key.len,
                 (const char *)envelope.idempotency_key.ptr, (int)envelope.kind.len, (const char *)envelope.kind.ptr,
                 (int)envelope.key.len, (const char *)envelope.key.ptr, status_code(status));
    }
}

/* Does one order; false: none waits. */
static bool work(place_t *self) {
    pipe_message_t message;
    if (!pipe_receive(self->receiver, &message)) {
        return false;
    }
    CHECK(message.type == PIPE_WORK, "type %llu", (unsigned long long)message.type);
    run(self, message.pointer);
    pipe_send(self->broker, PIPE_WORKED, message.pointer, 0);
    return true;
}

void work_thread_run(struct _zsock_t *control, void *work_thread) {
    place_t self = {0};
    place_open(&self, work_thread);
    zsock_signal(control, 0);
    give_way(self.options->pool);
    zmq_pollitem_t items[] = {{.socket = self.receiver, .events = ZMQ_POLLIN},
                              {.socket = zsock_resolve(control), .events = ZMQ_POLLIN}};
    long wait_ms = -1;
    for (;;) {
        int ready = zmq_poll(items, 2, wait_ms);
        CHECK(ready >= 0 || zmq_errno() == EINTR, "%s", zmq_strerror(zmq_errno()));
        if ((items[1].revents & ZMQ_POLLIN) != 0) {
            break;
        }
        wait_ms = work(&self) ? 0 : -1;
    }
    place_close(&self);
}
