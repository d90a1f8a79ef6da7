/* SPDX-License-Identifier: MIT */
/* Messages between actors, acks and work through the core. */
#include "actors/stream.h"
#include "broker/lane.h"
#include "tests/broker/talk_fixture.h"

TestSuite(broker_actors, .init = start_talk, .fini = stop);

static const uint8_t chain_bytes[] = {0x91, 0xa5, 't', 'o', 'y', '/', 'z'};

static stream_t stream_to(uint8_t to, uint64_t number) {
    return (stream_t){.folder = {5}, .from = 11, .to = to, .kind = &toy, .number = number};
}

static void add_message_as(const stream_t *stream, envelope_t message) {
    static uint8_t bytes[4096];
    pack_t pack = pack_into(bytes, sizeof bytes);
    stream_pack(stream, span_of(chain_bytes, sizeof chain_bytes), &pack);
    message.type = ENVELOPE_TELL;
    message.stream = pack_bytes(&pack);
    effect_add(batch, (effect_t){.type = EFFECT_SEND}, &message);
}

static void add_message(uint8_t to, uint64_t number) {
    stream_t stream = stream_to(to, number);
    add_message_as(&stream, toy_request(0, "a", "act"));
}

static void add_ack(uint8_t from, uint64_t number) {
    stream_ack_t ack = {.stream = stream_to(3, number), .failed = number % 2 == 0};
    ack.stream.from = from;
    effect_add_raw(batch, (effect_t){.type = EFFECT_ACK}, span_of(&ack, sizeof ack));
}

static void add_work_of(work_pool_t pool, const char *name, const char *method) {
    envelope_t order = toy_request(0, "a", method);
    order.type = ENVELOPE_TELL;
    order.idempotency_key = span_text(name);
    order.subject = span_text("ada");
    order.role = span_text("USER");
    effect_add(batch, (effect_t){.type = EFFECT_WORK, .pool = (uint8_t)pool}, &order);
}

static void add_work(const char *name, const char *method) {
    add_work_of(WORK_STEPS, name, method);
}

static uint64_t figure(const char *name) {
    envelope_t request = stat_request(5);
    admit("q", OPERATOR, &request);
    cr_assert(broker_probe(broker));
    tell_all();
    (void)answer();
    return body_number(&tape, name);
}

/* Takes buffers of a shard and counts what is in them; they come home. */
static uint32_t drain(uint16_t shard) {
    uint32_t count = 0;
    requests_t *taken;
    while ((taken = broker_take(broker, shard)) != NULL) {
        count += taken->count;
        batch->finished[batch->finished_count++] = taken;
        forward();
    }
    return count;
}

/* What the server itself is answered. */
static void answer_itself(envelope_type_t type, span_t body) {
    effect_add(batch, effect_answer(0, 0), &(envelope_t){.type = type, .body = body});
    forward();
}

/* What must not happen. */

Test(broker_actors, a_client_cannot_call_what_is_for_actors) {
    envelope_t request = toy_request(1, "a", "act");
    assert_refused(&request, "forbidden");
    request = toy_request(2, "a", "read");
    request.stream = span_of("\x94\x01\x02\x03\x04", 5);
    admit("r", OPERATOR, &request);
    (void)answer();
    assert_text(body_text(&tape, "code"), "invalid");
}

Test(broker_actors, messages_that_make_no_sense_are_dropped_and_counted) {
    stream_t stream = stream_to(3, 1);
    envelope_t message = toy_request(0, "a", "act");
    message.kind = span_text("ghost");
    add_message_as(&stream, message);
    message.kind = span_text("echo"); /* of another kind than its stream */
    add_message_as(&stream, message);
    static const kind_t ghost = {.name = "ghost"};
    stream.kind = &ghost;
    add_message_as(&stream, toy_request(0, "a", "act"));
    effect_add(batch, (effect_t){.type = EFFECT_SEND}, &(envelope_t){.type = ENVELOPE_TELL, .kind = span_text("toy")});
    effect_add_raw(batch, (effect_t){.type = EFFECT_SEND}, span_text("hello"));
    forward();
    cr_assert_eq(drain(0) + drain(1), 0);
    cr_assert_eq(figure("lost_messages"), 5);
}

Test(broker_actors, clients_cannot_take_the_room_of_messages) {
    broker_options_t options = defaults;
    options.in_flight_max = options.peer_in_flight_max = 1000000;
    stop();
    start_talk_with(options);
    envelope_t request = toy_request(1, "a", "read");
    uint16_t shard = shard_of("toy", request.key);
    uint32_t most = REQUESTS_PER_BATCH_MAX * (REQUEST_BATCHES_PER_SHARD - LANE_RESERVED);
    for (uint32_t i = 0; i <= most; i++) {
        admit("r", OPERATOR, &request);
    }
    cr_assert_eq(broker_in_flight(broker), most);
    assert_read("r", "error 1 busy");
    for (uint32_t i = 1; i <= LANE_RESERVED * REQUESTS_PER_BATCH_MAX + 10; i++) {
        i % 2 == 0 ? add_message((uint8_t)shard, i) : add_ack((uint8_t)shard, i);
        if (i % 1000 == 0) {
            forward();
        }
    }
    forward();
    cr_assert_eq(figure("lost_messages"), 5, "half of the ten too many; acks are not counted");
    requests_t *taken;
    uint32_t of_clients = 0, messages = 0, acks = 0;
    while ((taken = broker_take(broker, shard)) != NULL) {
        for (uint32_t i = 0; i < taken->count; i++) {
            of_clients += taken->items[i].type == REQUEST_CALL;
            messages += taken->items[i].type == REQUEST_MESSAGE;
            acks += taken->items[i].type == REQUEST_ACK;
            cr_assert(of_clients == broker_in_flight(broker) || taken->items[i].type == REQUEST_CALL, "order");
        }
        batch->finished[batch->finished_count++] = taken;
        broker_forward(broker, batch, NOW_US, UNIX_MS);
        batch_reset(batch);
    }
    cr_assert_eq(messages, LANE_RESERVED * REQUESTS_PER_BATCH_MAX / 2);
    cr_assert_eq(acks, LANE_RESERVED * REQUESTS_PER_BATCH_MAX / 2);
}

Test(broker_actors, more_orders_than_may_be_under_way_are_dropped_and_counted) {
    for (int i = 0; i < WORK_ORDERS_MAX + 3; i++) {
        add_work("w", "act");
    }
    forward();
    int taken = 0;
    work_order_t *orders[WORK_ORDERS_MAX];
    while ((orders[taken] = broker_take_work(broker)) != NULL && ++taken < WORK_ORDERS_MAX) {
    }
    cr_assert_eq(taken, WORK_ORDERS_MAX);
    cr_assert_null(broker_take_work(broker));
    cr_assert_eq(figure("lost_works"), 3);
    add_work("w", "act");
    forward();
    cr_assert_null(broker_take_work(broker), "all are still under way");
    add_work_of(WORK_PASSWORDS, "w", "act");
    forward();
    work_order_t *other = broker_take_work(broker);
    cr_assert(other != NULL && other->pool == WORK_PASSWORDS, "those of another pool are counted by themselves");
    broker_worked(broker, other, NOW_US);
    broker_worked(broker, orders[0], NOW_US);
    add_work("w", "act");
    forward();
    orders[0] = broker_take_work(broker);
    cr_assert_not_null(orders[0]);
    for (int i = 0; i < WORK_ORDERS_MAX; i++) {
        broker_worked(broker, orders[i], NOW_US);
    }
}

Test(broker_actors, work_without_a_result_comes_back_to_nobody) {
    add_work("w", "act");
    add_work("w", "nothing"); /* a method that is not there */
    forward();
    work_order_t *order = broker_take_work(broker);
    broker_worked(broker, order, NOW_US);
    order = broker_take_work(broker);
    *work_order_room(order) = 0x80;
    order->result_bytes = 1;
    broker_worked(broker, order, NOW_US);
    cr_assert_eq(drain(0) + drain(1), 0);
    cr_assert_eq(figure("lost_works"), 2);
}

Test(broker_actors, while_draining_no_work_begins) {
    broker_drain(broker);
    add_work("w", "act");
    forward();
    cr_assert_null(broker_take_work(broker));
}

/* What must happen. */

Test(broker_actors, a_message_reaches_its_shard_whole) {
    uint8_t trace[TRACE_BYTES] = {3};
    stream_t stream = stream_to(77, 42);
    envelope_t message = toy_request(0, "a", "act");
    message.hops = 7;
    message.subject = span_text("ada");
    message.role = span_text("ADMIN");
    message.trace = span_of(trace, sizeof trace);
    message.body = span_of("\x81\xa1x\x07", 4);
    add_message_as(&stream, message);
    forward();
    asked_t asked = take_only();
    const request_t *request = &asked.request;
    cr_assert_eq(asked.buffer->shard, 1);
    cr_assert_eq(request->type, REQUEST_MESSAGE);
    cr_assert_eq(request->partition, 77);
    cr_assert_eq(request->hops, 7);
    cr_assert_eq(request->kind, &toy);
    cr_assert_str_eq(request->method->name, "act");
    cr_assert_eq(request->roles, ROLE_ACTOR | ROLE_USER | ROLE_ADMIN);
    cr_assert_eq(request->received_us, NOW_US);
    cr_assert_eq(request->deadline_us, UINT64_MAX);
    cr_assert_eq(request->stream.stream.number, 42);
    cr_assert_eq(request->stream.stream.from, 11);
    cr_assert_eq(request->stream.stream.to, 77);
    cr_assert_eq(request->stream.stream.kind, &toy);
    cr_assert_eq(request->stream.stream.folder[0], 5);
    cr_assert_not(request->has_session);
    cr_assert_not(request->has_handle);
    assert_text(request->key, "a");
    assert_text(request->subject, "ada");
    cr_assert(span_equal(request->trace, message.trace));
    cr_assert(span_equal(request->chain, span_of(chain_bytes, sizeof chain_bytes)));
    cr_assert(span_equal(request->body, message.body));
    cr_assert_eq(broker_in_flight(broker), 0, "nobody waits for an answer");
    batch->finished[batch->finished_count++] = asked.buffer;
    forward();
}

Test(broker_actors, a_message_of_nobody_has_no_rights_of_people) {
    add_message(3, 1);
    forward();
    asked_t asked = take_only();
    cr_assert_eq(asked.request.roles, ROLE_ACTOR);
    cr_assert_null(asked.request.subject.ptr);
    batch->finished[batch->finished_count++] = asked.buffer;
    forward();
}

Test(broker_actors, an_unknown_method_reaches_the_shard_so_that_it_can_be_buried) {
    stream_t stream = stream_to(3, 1);
    add_message_as(&stream, toy_request(0, "a", "nothing"));
    forward();
    asked_t asked = take_only();
    cr_assert_eq(asked.request.kind, &toy);
    cr_assert_null(asked.request.method);
    batch->finished[batch->finished_count++] = asked.buffer;
    forward();
}

Test(broker_actors, an_ack_goes_to_the_shard_that_sent) {
    add_ack(12, 8);
    add_ack(13, 9);
    forward();
    for (uint8_t shard = 0; shard < 2; shard++) {
        requests_t *taken = broker_take(broker, shard);
        cr_assert_not_null(taken);
        cr_assert_eq(taken->count, 1);
        const request_t *request = &taken->items[0];
        cr_assert_eq(request->type, REQUEST_ACK);
        cr_assert_eq(request->partition, 12 + shard);
        cr_assert_eq(request->stream.stream.number, 8 + shard);
        cr_assert_eq(request->stream.failed, shard == 0);
        cr_assert_null(request->key.ptr);
        batch->finished[batch->finished_count++] = taken;
    }
    forward();
}

Test(broker_actors, messages_of_a_stream_keep_their_order) {
    uint64_t expected = 1;
    for (uint64_t number = 1; number <= 5000; number++) {
        add_message(3, number);
        if (number % 700 == 0) {
            forward();
        }
    }
    forward();
    requests_t *taken;
    while ((taken = broker_take(broker, 1)) != NULL) {
        for (uint32_t i = 0; i < taken->count; i++) {
            cr_assert_eq(taken->items[i].stream.stream.number, expected++);
        }
        batch->finished[batch->finished_count++] = taken;
        forward();
    }
    cr_assert_eq(expected, 5001);
}

static work_order_t *with_result(work_order_t *order) {
    memcpy(work_order_room(order), "\x81\xa1x\x09", 4);
    order->result_bytes = 4;
    return order;
}

Test(broker_actors, a_result_comes_back_to_the_actor_that_ordered_the_work) {
    add_work("w", "act");
    forward();
    work_order_t *order = broker_take_work(broker);
    cr_assert_not_null(order);
    cr_assert_null(broker_take_work(broker));
    broker_worked(broker, with_result(order), NOW_US + 5);
    asked_t asked = take_only();
    const request_t *request = &asked.request;
    cr_assert_eq(request->type, REQUEST_WORKED);
    cr_assert_eq(request->partition, address_partition(span_text("toy"), span_text("a")));
    cr_assert_eq(asked.buffer->shard, request->partition % 2);
    cr_assert_eq(request->kind, &toy);
    cr_assert_str_eq(request->method->name, "act");
    cr_assert_eq(request->roles, ROLE_ACTOR | ROLE_USER);
    assert_text(request->subject, "ada");
    assert_text(request->key, "a");
    cr_assert(span_equal(request->body, span_of("\x81\xa1x\x09", 4)));
    cr_assert_eq(request->received_us, NOW_US + 5);
    batch->finished[batch->finished_count++] = asked.buffer;
    forward();
}

Test(broker_actors, a_result_without_room_waits_for_some) {
    uint8_t shard = (uint8_t)shard_of("toy", span_text("a"));
    add_work("w", "act");
    add_work("w", "act");
    forward();
    work_order_t *first = broker_take_work(broker), *second = broker_take_work(broker);
    for (uint32_t i = 1; i <= REQUEST_BATCHES_PER_SHARD * REQUESTS_PER_BATCH_MAX; i++) {
        add_message(shard, i);
        if (i % 1000 == 0) {
            forward();
        }
    }
    forward();
    broker_worked(broker, with_result(first), NOW_US);
    broker_worked(broker, with_result(second), NOW_US);
    uint32_t results = 0, messages = 0;
    requests_t *taken;
    while ((taken = broker_take(broker, shard)) != NULL) {
        for (uint32_t i = 0; i < taken->count; i++) {
            results += taken->items[i].type == REQUEST_WORKED;
            messages += taken->items[i].type == REQUEST_MESSAGE;
        }
        batch->finished[batch->finished_count++] = taken;
        forward();
    }
    cr_assert_eq(results, 2);
    cr_assert_eq(messages, REQUEST_BATCHES_PER_SHARD * REQUESTS_PER_BATCH_MAX);
}

Test(broker_actors, results_and_orders_that_still_wait_at_the_end_are_freed) {
    uint8_t shard = (uint8_t)shard_of("toy", span_text("a"));
    add_work("w", "act");
    add_work("w", "act");
    forward();
    work_order_t *first = broker_take_work(broker);
    for (uint32_t i = 1; i <= REQUEST_BATCHES_PER_SHARD * REQUESTS_PER_BATCH_MAX; i++) {
        add_message(shard, i);
        if (i % 1000 == 0) {
            forward();
        }
    }
    forward();
    broker_worked(broker, with_result(first), NOW_US);
    stop();
    first = NULL;
    assert_nothing_leaked();
    start_talk();
}

Test(broker_actors, the_server_itself_asks_as_an_operator_and_learns_the_answer) {
    const request_t asked = {
        .kind = &toy, .method = &toy.methods[0], .key = span_text("a"), .body = span_of("\x80", 1), .deadline_us = 17};
    uint8_t bytes[128];
    pack_t error = pack_into(bytes, sizeof bytes);
    status_t status = STATUS_BUSY;
    cr_assert_eq(broker_ask(broker, &asked, NOW_US), STATUS_OK);
    cr_assert_not(broker_answered(broker, &status));
    requests_t *taken = broker_take(broker, shard_of("toy", asked.key));
    cr_assert(taken != NULL && taken->count == 1 && broker_in_flight(broker) == 1);
    const request_t *request = &taken->items[0];
    cr_assert(request->type == REQUEST_CALL && request->roles == ROLE_OPERATOR && request->subject.ptr == NULL);
    cr_assert(request->method == asked.method && span_equal(request->key, asked.key) && request->deadline_us == 17);
    batch->finished[batch->finished_count++] = taken;
    envelope_pack_error(&error, STATUS_NOT_FOUND, NULL, 0);
    answer_itself(ENVELOPE_ERROR, pack_bytes(&error));
    cr_assert(broker_answered(broker, &status) && status == STATUS_NOT_FOUND && broker_in_flight(broker) == 0);
    cr_assert_not(broker_answered(broker, &status), "it is said once");
    cr_assert_eq(broker_ask(broker, &asked, NOW_US), STATUS_OK);
    answer_itself(ENVELOPE_REPLY, span_of("\x80", 1));
    cr_assert(broker_answered(broker, &status) && status == STATUS_OK);
    cr_assert_eq(figure("dropped"), 0);
}
