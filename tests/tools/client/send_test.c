/* SPDX-License-Identifier: MIT */
/* doran_send and doran_send_query: what a request may carry, and queries that nobody waits for. */
#include "tests/tools/client/client_fixture.h"

static fake_server_t *server;
static doran_t *client;

static void setup(void) {
    server = fake_new();
    client = open_client(server, (doran_options_t){0});
}

static void teardown(void) {
    doran_close(&client);
    fake_destroy(server);
}

TestSuite(send, .init = setup, .fini = teardown);

static doran_code_t send_with(const char *idempotency_key) {
    doran_request_t request = {.address = "echo/x", .method = "echo", .idempotency_key = idempotency_key};
    return doran_send(client, &request, note, &outcomes[0]);
}

/* Requests. */

Test(send, what_is_no_idempotency_key_is_refused) {
    char key[IDEMPOTENCY_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = 0;
    cr_expect_eq(send_with(key), DORAN_INVALID, "too long");
    cr_expect_eq(send_with(""), DORAN_INVALID);
    cr_expect_eq(send_with("a\n"), DORAN_INVALID);
    cr_expect_eq(send_with("caf\xc3\xa9"), DORAN_INVALID);
    cr_expect_eq(send_with("\x7f"), DORAN_INVALID);
    cr_expect_eq(doran_in_flight(client), 0);
    key[IDEMPOTENCY_KEY_BYTES_MAX] = 0;
    cr_expect_eq(send_with(key), DORAN_OK);
    cr_expect_eq(send_with("a b~"), DORAN_OK);
    PUMP_UNTIL(server->count == 2);
    cr_expect_str_eq(server->requests[0].idempotency_key, key);
    cr_expect_str_eq(server->requests[1].idempotency_key, "a b~");
}

Test(send, wrong_addresses_and_methods_are_refused) {
    cr_expect_eq(doran_send(client, &(doran_request_t){.address = "echo", .method = "echo"}, note, NULL),
                 DORAN_INVALID_ADDRESS);
    cr_expect_eq(doran_send(client, &(doran_request_t){.address = "echo/x", .method = "e o"}, note, NULL),
                 DORAN_UNKNOWN_METHOD);
    cr_expect_eq(doran_send_query(client, &(doran_request_t){.address = "echo/x", .method = "list"}, note, note, NULL),
                 DORAN_INVALID_ADDRESS);
    cr_expect_eq(doran_in_flight(client), 0);
}

Test(send, a_request_carries_a_copy_of_what_it_was_given_each_time_it_is_sent) {
    uint8_t trace[TRACE_BYTES], body[] = {0x81, 0xa1, 'a', 7};
    char key[] = "once", address[] = "echo/x";
    memset(trace, 9, sizeof trace);
    doran_request_t request = {.address = address,
                               .method = "echo",
                               .body = body,
                               .body_bytes = sizeof body,
                               .idempotency_key = key,
                               .trace = trace};
    cr_assert_eq(doran_send(client, &request, note, &outcomes[0]), DORAN_OK);
    memset(key, 'x', 4), memset(address, 'x', 4), memset(trace, 1, sizeof trace), memset(body, 0xc0, sizeof body);
    PUMP_UNTIL(server->count == 1);
    server->number++; /* it has forgotten us */
    PUMP_UNTIL(server->count == 2);
    for (uint32_t i = 0; i < 2; i++) {
        cr_expect_str_eq(server->requests[i].kind, "echo");
        cr_expect_str_eq(server->requests[i].idempotency_key, "once");
        cr_expect(server->requests[i].has_trace && server->requests[i].trace[24] == 9);
        cr_expect_eq(server->requests[i].body[3], 7);
    }
    fake_reply(server, server->requests[0].id, "n", 5);
    PUMP_UNTIL(completed == 1);
    cr_expect(outcomes[0].code == DORAN_OK && outcomes[0].number == 5);
}

Test(send, what_was_not_given_is_absent) {
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    cr_expect_str_eq(server->requests[0].idempotency_key, "");
    cr_expect_not(server->requests[0].has_trace);
    cr_expect_eq(server->requests[0].body_bytes, 1);
}

Test(send, a_request_that_travels_alone_has_room_for_all_of_it) {
    static uint8_t bytes[FRAME_COALESCE_BYTES + 100], zeros[FRAME_COALESCE_BYTES];
    char key[IDEMPOTENCY_KEY_BYTES_MAX + 1];
    uint8_t trace[TRACE_BYTES] = {0};
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = 0;
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 1);
    pack_cstring(&body, "data");
    pack_binary(&body, span_of(zeros, sizeof zeros));
    cr_assert(pack_ok(&body));
    doran_request_t request = {.address = "echo/x",
                               .method = "echo",
                               .body = body.ptr,
                               .body_bytes = body.len,
                               .idempotency_key = key,
                               .trace = trace};
    cr_assert_eq(doran_send(client, &request, note, &outcomes[0]), DORAN_OK);
    PUMP_UNTIL(server->count == 1);
    cr_expect_str_eq(server->requests[0].idempotency_key, key);
}

/* `in_progress` is an answer: who asks decides when to ask again. */
Test(send, that_the_first_is_in_progress_is_the_answer) {
    cr_assert_eq(send_with("k"), DORAN_OK);
    PUMP_UNTIL(server->count == 1);
    fake_fail(server, server->requests[0].id, STATUS_IN_PROGRESS, 0);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_IN_PROGRESS);
    pump_for(client, server, 100);
    cr_expect_eq(server->count, 1);
}

/* Queries. */

enum { EACH, DONE };

static void answer_as_shard(uint64_t id, uint64_t shard, uint64_t shards) {
    uint8_t bytes[64];
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 3);
    pack_cstring(&body, "shard");
    pack_u64(&body, shard);
    pack_cstring(&body, "shards");
    pack_u64(&body, shards);
    pack_cstring(&body, "n");
    pack_u64(&body, shard);
    fake_send(server, &(envelope_t){.type = ENVELOPE_REPLY, .id = id, .body = pack_bytes(&body)});
}

static uint32_t eachs, dones;
static void (*in_each)(void);

static void each(void *context, const doran_reply_t *reply) {
    cr_expect_eq(context, outcomes);
    cr_expect_eq(reply->code, DORAN_OK);
    cr_expect_eq(dones, 0, "nothing runs after done");
    note(&outcomes[EACH], reply);
    eachs++;
    if (in_each != NULL) {
        in_each();
    }
}

static void done(void *context, const doran_reply_t *reply) {
    cr_expect_eq(context, outcomes);
    note(&outcomes[DONE], reply);
    dones++;
}

/* Its id. */
static uint64_t query(uint32_t timeout_ms) {
    doran_request_t request = {.address = "user", .method = "list", .timeout_ms = timeout_ms};
    uint32_t count = server->count;
    cr_assert_eq(doran_send_query(client, &request, each, done, outcomes), DORAN_OK);
    PUMP_UNTIL(server->count > count);
    cr_expect_str_eq(server->requests[count].key, "");
    return server->requests[count].id;
}

Test(send, a_query_is_done_after_one_answer_of_each_shard) {
    uint64_t id = query(0);
    answer_as_shard(id, 2, 3);
    answer_as_shard(id, 2, 3);
    answer_as_shard(id, 0, 3);
    PUMP_UNTIL(eachs == 2);
    pump_for(client, server, 20);
    cr_expect(eachs == 2 && dones == 0);
    answer_as_shard(id, 1, 3);
    answer_as_shard(id, 1, 3);
    PUMP_UNTIL(dones == 1);
    pump_for(client, server, 20);
    cr_expect(eachs == 3 && dones == 1);
    cr_expect(outcomes[DONE].code == DORAN_OK && outcomes[DONE].number == 1, "the last answer");
    cr_expect_eq(doran_in_flight(client), 0);
}

Test(send, a_query_is_done_with_the_first_error) {
    uint64_t id = query(0);
    answer_as_shard(id, 0, 3);
    fake_fail(server, id, STATUS_FORBIDDEN, 0);
    answer_as_shard(id, 1, 3);
    PUMP_UNTIL(dones == 1);
    pump_for(client, server, 20);
    cr_expect(eachs == 1 && dones == 1 && outcomes[DONE].code == DORAN_FORBIDDEN);
}

Test(send, a_query_without_all_its_answers_is_done_in_time) {
    answer_as_shard(query(100), 0, 2);
    PUMP_UNTIL(dones == 1);
    cr_expect(eachs == 1 && outcomes[DONE].code == DORAN_DEADLINE_EXCEEDED);
}

Test(send, a_query_that_two_servers_answered_is_done_with_an_error) {
    uint64_t id = query(0);
    answer_as_shard(id, 0, 2);
    answer_as_shard(id, 1, 4);
    PUMP_UNTIL(dones == 1);
    cr_expect(eachs == 1 && outcomes[DONE].code == DORAN_UNREACHABLE);
}

static void close_now(void) {
    doran_close(&client);
}

Test(send, nothing_of_a_query_runs_after_a_close_inside_it) {
    doran_t *running = client;
    uint64_t id = query(0);
    in_each = close_now;
    answer_as_shard(id, 0, 1); /* the last, too */
    for (uint64_t limit_us = clock_us() + LIMIT_US; client != NULL;) {
        cr_assert_lt(clock_us(), limit_us);
        doran_run(running, 10);
    }
    cr_expect(eachs == 1 && dones == 0);
}

static void run_inside(void) {
    in_each = NULL;
    doran_run(client, 100);
}

Test(send, answers_that_come_while_one_is_taken_count_once) {
    uint64_t id = query(0);
    in_each = run_inside;
    answer_as_shard(id, 0, 2);
    answer_as_shard(id, 1, 2);
    PUMP_UNTIL(dones == 1);
    cr_expect(eachs == 2 && dones == 1 && outcomes[DONE].code == DORAN_OK);
}

Test(send, run_returns_for_each_answer_of_a_query) {
    uint64_t id = query(0);
    answer_as_shard(id, 0, 2);
    cr_expect_eq(doran_run(client, 10000), 1);
    answer_as_shard(id, 1, 2);
    cr_expect_eq(doran_run(client, 10000), 2, "each and done");
}
