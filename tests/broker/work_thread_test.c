/* SPDX-License-Identifier: MIT */
/* The work thread between two pipes, with works of the test's own. */
#include <czmq.h>

#include "actors/work.h"
#include "broker/clock.h"
#include "broker/pipe.h"
#include "broker/ring.h"
#include "broker/work_order.h"
#include "schemas/records.h"
#include "tests/broker/support.h"

enum { LIMIT_MS = 60000 }; /* it runs at idle priority: on a busy machine it waits long */

/* Works. */

static status_t repeat(const work_place_t *place, const void *input, pack_t *result) {
    const echo_message_t *message = input;
    cr_assert_str_eq(place->folder, folder);
    cr_assert_str_eq(place->name, "repeat");
    record_encode(&record_echo_message, message, result);
    return STATUS_OK;
}

static status_t count_entries(const work_place_t *place, const void *input, pack_t *result) {
    (void)input;
    uint64_t batch;
    cr_assert_eq(store_reader_renew(place->reader, 0, &batch), STATUS_OK);
    pack_map(result, 1);
    pack_cstring(result, "data");
    pack_u64(result, store_entries(place->reader)); /* and does not release it */
    return STATUS_OK;
}

static status_t fail(const work_place_t *place, const void *input, pack_t *result) {
    (void)place, (void)input;
    pack_map(result, 0);
    return STATUS_UNREACHABLE;
}

static status_t overflow(const work_place_t *place, const void *input, pack_t *result) {
    (void)place, (void)input;
    static uint8_t bytes[VALUE_BYTES_MAX];
    pack_map(result, 1);
    pack_cstring(result, "data");
    pack_binary(result, span_of(bytes, sizeof bytes));
    return STATUS_OK;
}

static status_t return_text(const work_place_t *place, const void *input, pack_t *result) {
    (void)place, (void)input;
    pack_cstring(result, "no map");
    return STATUS_OK;
}

static status_t return_nothing(const work_place_t *place, const void *input, pack_t *result) {
    (void)place, (void)input, (void)result;
    return STATUS_OK;
}

static void *entered, *gate; /* pipes: it has begun; it may go on */

static status_t wait_at_gate(const work_place_t *place, const void *input, pack_t *result) {
    (void)place, (void)input;
    pipe_message_t message;
    void *sender = pipe_sender("inproc://entered"), *receiver = pipe_receiver("inproc://gate");
    pipe_send(sender, PIPE_STOP, NULL, 0);
    zmq_pollitem_t item = {.socket = receiver, .events = ZMQ_POLLIN};
    while (!pipe_receive(receiver, &message)) {
        zmq_poll(&item, 1, LIMIT_MS);
    }
    pipe_close(&sender);
    pipe_close(&receiver);
    pack_map(result, 0);
    return STATUS_OK;
}

static const work_t all[] = {
    {.name = "repeat", .input = &record_echo_message, .run = repeat},
    {.name = "count", .input = &record_empty, .run = count_entries},
    {.name = "fail", .input = &record_empty, .run = fail},
    {.name = "overflow", .input = &record_empty, .run = overflow},
    {.name = "text", .input = &record_empty, .run = return_text},
    {.name = "nothing", .input = &record_empty, .run = return_nothing},
    {.name = "wait", .input = &record_empty, .run = wait_at_gate},
    {.name = "soon", .input = &record_echo_message, .run = repeat, .wait_ms = LIMIT_MS},
};
static const work_t *const table[] = {&all[0], &all[1], &all[2], &all[3], &all[4], &all[5], &all[6], &all[7], NULL};

/* The thread. */

static store_t *store;
static work_thread_t options;
static zactor_t *thread;
static void *to_work, *from_work;
static uint64_t ordered_us; /* by its clock */

static void start(void) {
    char error[256], name[64];
    zsys_init();
    zsys_handler_set(NULL);
    folder_make();
    cr_assert_eq(store_open(folder, MIB(16), &store, error, sizeof error), STATUS_OK, "%s", error);
    from_work = pipe_receiver(RING_TO_BROKER);
    snprintf(name, sizeof name, RING_TO_WORK, (unsigned)WORK_PASSWORDS);
    to_work = pipe_sender(name);
    entered = pipe_receiver("inproc://entered");
    gate = pipe_sender("inproc://gate");
    options = (work_thread_t){.pool = WORK_PASSWORDS, .store = store, .folder = folder, .works = table};
    thread = zactor_new(work_thread_run, &options);
}

static void stop(void) {
    pipe_message_t message;
    zactor_destroy(&thread);
    while (from_work != NULL && pipe_receive(from_work, &message)) {
        free(message.pointer);
    }
    pipe_close(&to_work);
    pipe_close(&from_work);
    pipe_close(&entered);
    pipe_close(&gate);
    store_destroy(&store);
    folder_remove();
}

TestSuite(work_thread, .init = start, .fini = stop);

static void order_with(const char *name, span_t body) {
    static uint8_t bytes[MIB(1)];
    envelope_t envelope = {.type = ENVELOPE_TELL,
                           .kind = span_text("echo"),
                           .key = span_text("a"),
                           .method = span_text("echo"),
                           .idempotency_key = span_text(name),
                           .body = body};
    pipe_send(to_work, PIPE_WORK,
              work_order_new(WORK_PASSWORDS, envelope_bytes(&envelope, bytes, sizeof bytes), ordered_us), 0);
}

static void order(const char *name) {
    order_with(name, span_of("\x80", 1));
}

static void wait_for(void *receiver, pipe_message_t *message) {
    uint64_t limit = monotonic_ms() + LIMIT_MS;
    zmq_pollitem_t item = {.socket = receiver, .events = ZMQ_POLLIN};
    while (!pipe_receive(receiver, message)) {
        cr_assert(monotonic_ms() < limit, "nothing came");
        zmq_poll(&item, 1, 1000);
    }
}

static work_order_t *next(void) {
    pipe_message_t message;
    wait_for(from_work, &message);
    cr_assert_eq(message.type, PIPE_WORKED);
    return message.pointer;
}

static void assert_result(span_t expected) {
    work_order_t *worked = next();
    cr_assert(span_equal(work_order_result(worked), expected), "%u bytes", worked->result_bytes);
    work_order_destroy(&worked);
}

/* What must not happen. */

Test(work_thread, what_fails_comes_back_without_a_result) {
    const char *const bad[] = {"fail", "overflow", "text", "nothing", "ghost", "rep"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        order(bad[i]);
        assert_result((span_t){0});
    }
    order("repeat"); /* and does no harm */
    assert_result(span_of("\x80", 1));
}

Test(work_thread, what_cannot_be_read_comes_back_without_a_result) {
    pipe_send(to_work, PIPE_WORK, work_order_new(WORK_PASSWORDS, span_text("hello"), 0), 0);
    assert_result((span_t){0});
    order_with("count", span_of("\x81\xa1x\xa1y", 5)); /* a newer release may know this field */
    work_order_t *worked = next();
    cr_assert(worked->result_bytes > 0);
    work_order_destroy(&worked);
    order_with("repeat", span_of("\xc0", 1));
    assert_result((span_t){0});
}

Test(work_thread, what_has_waited_too_long_is_not_begun) {
    ordered_us = clock_now_us() - LIMIT_MS * UINT64_C(1000) - 1;
    order("soon");
    assert_result((span_t){0});
    order("count"); /* no work of another kind */
    work_order_t *worked = next();
    cr_assert(worked->result_bytes > 0);
    work_order_destroy(&worked);
}

Test(work_thread, when_it_is_told_to_stop_it_does_not_begin_what_waits) {
    pipe_message_t message;
    order("wait");
    wait_for(entered, &message);
    for (int i = 0; i < 10; i++) {
        order("repeat");
    }
    zactor_t *stopping = thread;
    zstr_send(stopping, "$TERM"); /* as zactor_destroy does, which would wait now */
    pipe_send(gate, PIPE_STOP, NULL, 0);
    work_order_t *worked = next();
    cr_assert_eq(worked->result_bytes, 1, "what it was at is finished");
    work_order_destroy(&worked);
    zactor_destroy(&thread);
    cr_assert_not(pipe_receive(from_work, &message), "and nothing else");
    stop();
    assert_nothing_leaked();
}

/* What must happen. */

Test(work_thread, works_get_their_input_and_their_results_come_back_in_order) {
    for (uint8_t i = 0; i < 100; i++) {
        uint8_t body[] = {0x81, 0xa4, 'd', 'a', 't', 'a', i};
        order_with("repeat", span_of(body, sizeof body));
    }
    for (uint8_t i = 0; i < 100; i++) {
        uint8_t body[] = {0x81, 0xa4, 'd', 'a', 't', 'a', i};
        assert_result(span_of(body, sizeof body));
    }
}

Test(work_thread, works_see_the_store_as_it_is_now) {
    order("count");
    assert_result(span_of("\x81\xa4"
                          "data\x00",
                          7));
    cr_assert_eq(store_begin(store), STATUS_OK);
    cr_assert_eq(store_put(store, span_of("\x01gtoy\0a\0", 8), span_text("x")), STATUS_OK);
    cr_assert_eq(store_commit(store), STATUS_OK);
    order("count");
    assert_result(span_of("\x81\xa4"
                          "data\x01",
                          7));
}
