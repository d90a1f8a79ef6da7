/* SPDX-License-Identifier: MIT */
/*
 * The calls of doran.h against a server that misbehaves. First what must not happen: a request completes twice, or
 * after the end.
 */
#include "tests/tools/client/client_fixture.h"

#include <poll.h>
#include <pthread.h>

/* Completions. */

Test(client, request_answered_twice_completes_once) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    fake_reply(server, 1, "n", 7);
    fake_reply(server, 1, "n", 8);
    fake_fail(server, 1, STATUS_INTERNAL, 0);
    submit(client, 1, 0);
    PUMP_UNTIL(server->count == 2);
    fake_reply(server, 2, "n", 9);
    PUMP_UNTIL(completed == 2);
    pump_for(client, server, 50);
    cr_expect_eq(outcomes[0].completions, 1);
    cr_expect_eq(outcomes[0].number, 7);
    cr_expect_eq(outcomes[1].number, 9);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, answers_to_unknown_numbers_and_noise_are_ignored) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    fake_reply(server, 0, "n", 1);
    fake_reply(server, 2, "n", 1);
    fake_reply(server, UINT64_MAX, "n", 1);
    fake_send(server, &(envelope_t){.type = ENVELOPE_EVENT, .id = 1});
    fake_send(server, &(envelope_t){.type = ENVELOPE_REQUEST, .id = 1});
    fake_send(server, &(envelope_t){.type = ENVELOPE_PONG, .id = 1});
    fake_send_bytes(server, span_text("not msgpack"));
    fake_send_bytes(server, span_text(""));
    fake_send_bytes(server, span_of("\x93\x01\x02\x01", 4));
    pump_for(client, server, 50);
    cr_expect_eq(completed, 0);
    fake_reply(server, 1, "n", 5);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].number, 5);
    doran_close(&client);
    fake_destroy(server);
}

typedef struct closer {
    doran_t *client;
    uint32_t runs;
} closer_t;

static void close_client(void *context, const doran_reply_t *reply) {
    closer_t *closer = context;
    closer->runs++;
    cr_expect_eq(reply->code, DORAN_OK);
    doran_close(&closer->client);
}

Test(client, nothing_completes_after_close) {
    fake_server_t *server = fake_new();
    closer_t closer = {.client = open_client(server, (doran_options_t){0})};
    doran_t *client = closer.client;
    for (int i = 0; i < 10; i++) {
        doran_submit(client, "echo/x", "echo", NULL, 0, 0, close_client, &closer);
    }
    PUMP_UNTIL(server->count == 10);
    for (uint64_t id = 1; id <= 10; id++) {
        fake_reply(server, id, "n", id);
    }
    uint64_t limit_us = clock_us() + LIMIT_US;
    while (closer.client != NULL && clock_us() < limit_us) {
        doran_run(client, 10);
    }
    cr_expect_eq(closer.runs, 1);
    fake_destroy(server);
}

Test(client, close_drops_what_is_in_flight) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    submit(client, 1, 0);
    doran_close(&client);
    cr_expect_null(client);
    doran_close(&client);
    cr_expect_eq(completed, 0);
    fake_destroy(server);
}

static void submit_again(void *context, const doran_reply_t *reply) {
    doran_t *client = *(doran_t **)context;
    cr_expect_eq(reply->code, DORAN_OK);
    cr_expect_eq(doran_in_flight(client), 0, "the slot is free when the completion runs");
    submit(client, 0, 0);
}

Test(client, completion_may_submit) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){.in_flight_max = 1});
    doran_submit(client, "echo/x", "echo", NULL, 0, 0, submit_again, &client);
    PUMP_UNTIL(server->count == 1);
    fake_reply(server, 1, "n", 1);
    PUMP_UNTIL(server->count == 2);
    fake_reply(server, 2, "n", 2);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].id, 2);
    doran_close(&client);
    fake_destroy(server);
}

/* Sending. */

Test(client, nothing_but_pings_goes_out_before_the_first_pong) {
    fake_server_t *server = fake_new();
    server->pongs = false;
    doran_t *client = open_client(server, (doran_options_t){0});
    uint8_t session[16];
    uint64_t next_id;
    submit(client, 0, 0);
    PUMP_UNTIL(server->pings == 1);
    pump_for(client, server, 100);
    cr_expect_eq(server->count, 0);
    cr_expect_not(doran_session(client, session, &next_id));
    server->pongs = true;
    PUMP_UNTIL(server->count == 1);
    cr_expect(doran_session(client, session, &next_id));
    cr_expect_eq(memcmp(session, server->session, 16), 0);
    cr_expect_eq(memcmp(session, server->requests[0].session, 16), 0);
    cr_expect_eq(next_id, 2);
    cr_expect_not(server->session_before_pong);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, requests_travel_together_in_order_and_large_ones_alone) {
    static uint8_t large[40000], payload[30000];
    pack_t body = pack_into(large, sizeof large);
    pack_map(&body, 1);
    pack_cstring(&body, "data");
    pack_binary(&body, span_of(payload, sizeof payload));
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){.in_flight_max = 4000});
    for (uint32_t i = 0; i < 1000; i++) {
        submit(client, i, 0);
    }
    doran_submit(client, "echo/large", "echo", large, body.len, 0, note, &outcomes[1000]);
    submit(client, 1001, 0);
    PUMP_UNTIL(server->count == 1002);
    for (uint32_t i = 0; i < 1002; i++) {
        cr_assert_eq(server->requests[i].id, i + 1);
        cr_assert_eq(server->requests[i].lowest_unanswered, 1);
    }
    uint32_t large_frame = server->requests[1000].frame;
    cr_expect_lt(large_frame, 10);
    cr_expect_lt(server->requests[999].frame, large_frame);
    cr_expect_gt(server->requests[1001].frame, large_frame);
    cr_expect_gt(server->largest_frame, 30000);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, frames_stay_within_16_kib) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){.in_flight_max = 4096});
    for (uint32_t i = 0; i < 4096; i++) {
        submit(client, i, 0);
    }
    PUMP_UNTIL(server->count == 4096);
    cr_expect_leq(server->largest_frame, FRAME_COALESCE_BYTES);
    cr_expect_geq(server->largest_frame, FRAME_COALESCE_BYTES - 200);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, tuned_not_to_coalesce_sends_one_request_per_frame) {
    fake_server_t *server = fake_new();
    doran_options_t options = {.endpoint = server->endpoint};
    client_tuning_t tuning = {.one_per_frame = true};
    doran_t *client = client_open(&options, &tuning, NULL, 0);
    for (uint32_t i = 0; i < 100; i++) {
        submit(client, i, 0);
    }
    PUMP_UNTIL(server->count == 100);
    cr_expect_eq(server->frames, 100 + server->pings);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, lowest_unanswered_follows_the_answers) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    for (uint32_t i = 0; i < 4; i++) {
        submit(client, i, 0);
    }
    PUMP_UNTIL(server->count == 4);
    fake_reply(server, 1, "n", 1);
    fake_reply(server, 3, "n", 3);
    PUMP_UNTIL(completed == 2);
    submit(client, 4, 0);
    PUMP_UNTIL(server->count == 5);
    cr_expect_eq(server->requests[4].lowest_unanswered, 2);
    fake_reply(server, 2, "n", 2);
    PUMP_UNTIL(completed == 3);
    submit(client, 5, 0);
    PUMP_UNTIL(server->count == 6);
    cr_expect_eq(server->requests[5].lowest_unanswered, 4);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, refuses_what_makes_no_sense_before_it_is_sent) {
    static uint8_t huge[ENVELOPE_BYTES_MAX + 1];
    static uint8_t deep[3 + DEPTH_MAX - 1] = {0x81, 0xa1, 'a'}; /* within the limit here, beyond it in an envelope */
    memset(deep + 3, 0x91, DEPTH_MAX - 1);
    deep[sizeof deep - 1] = 0x90;
    static uint8_t many[3 + 3 + ELEMENTS_MAX - 3] = {
        0x81, 0xa1, 'a', 0xdc, (ELEMENTS_MAX - 3) >> 8, (ELEMENTS_MAX - 3) & 0xff};
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){.in_flight_max = 2});
    static const struct {
        const char *address, *method;
        const void *body;
        size_t body_bytes;
        doran_code_t code;
    } rows[] = {
        {"", "echo", NULL, 0, DORAN_INVALID_ADDRESS},
        {"echo", "echo", NULL, 0, DORAN_INVALID_ADDRESS},
        {"/x", "echo", NULL, 0, DORAN_INVALID_ADDRESS},
        {"Echo/x", "echo", NULL, 0, DORAN_INVALID_ADDRESS},
        {"echo/x y", "echo", NULL, 0, DORAN_INVALID_ADDRESS},
        {"echo/a/b", "echo", NULL, 0, DORAN_INVALID_ADDRESS},
        {"echo/x", "", NULL, 0, DORAN_UNKNOWN_METHOD},
        {"echo/x", "echo", "\x90", 1, DORAN_INVALID},
        {"echo/x", "echo", "\x80\x80", 2, DORAN_INVALID},
        {"echo/x", "echo", "\x81", 1, DORAN_INVALID},
        {"echo/x", "echo", "", 0, DORAN_INVALID},
        {"echo/x", "echo", huge, sizeof huge, DORAN_TOO_LARGE},
        {"echo/x", "ech\xff", NULL, 0, DORAN_UNKNOWN_METHOD},
        {"echo/x", "echo", deep, sizeof deep, DORAN_INVALID},
        {"echo/x", "echo", many, sizeof many, DORAN_TOO_LARGE},
    };
    doran_reply_t reply;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_expect_eq(doran_submit(client, rows[i].address, rows[i].method, rows[i].body, rows[i].body_bytes, 0, note,
                                  &outcomes[0]),
                     rows[i].code, "row %zu", i);
        cr_expect_eq(doran_call(client, rows[i].address, rows[i].method, rows[i].body, rows[i].body_bytes, 0, &reply),
                     rows[i].code);
        cr_expect_eq(reply.code, rows[i].code);
        cr_expect_str_neq(reply.text, "");
        cr_expect_gt(reply.body_bytes, 1);
    }
    cr_expect_eq(doran_submit(client, "user/", "create", NULL, 0, 0, note, &outcomes[0]), DORAN_OK);
    submit(client, 1, 0);
    cr_expect_eq(doran_submit(client, "echo/x", "echo", NULL, 0, 0, note, &outcomes[2]), DORAN_BUSY);
    cr_expect_eq(doran_in_flight(client), 2);
    PUMP_UNTIL(server->count == 2);
    cr_expect_str_eq(server->requests[0].kind, "user");
    cr_expect_str_eq(server->requests[0].key, "");
    cr_expect_eq(outcomes[2].completions, 0);
    doran_close(&client);
    fake_destroy(server);
}

/* Keys and places. */

/* The server behind CURVE, on a port of its own; fills in the keys of a client. */
static void bind_curve(fake_server_t *server, char server_key[41], char public_key[41], char secret_key[41]) {
    char server_secret[41], endpoint[64];
    int one = 1;
    size_t bytes = sizeof endpoint;
    cr_assert_eq(zmq_curve_keypair(server_key, server_secret), 0);
    cr_assert_eq(zmq_curve_keypair(public_key, secret_key), 0);
    zmq_setsockopt(server->socket, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(server->socket, ZMQ_CURVE_SECRETKEY, server_secret, sizeof server_secret);
    cr_assert_eq(zmq_bind(server->socket, "tcp://127.0.0.1:*"), 0);
    cr_assert_eq(zmq_getsockopt(server->socket, ZMQ_LAST_ENDPOINT, endpoint, &bytes), 0);
    snprintf(server->endpoint, sizeof server->endpoint, "%s", endpoint);
}

Test(client, tcp_is_curve_and_a_server_with_another_key_is_not_talked_to) {
    char server_key[41], public_key[41], secret_key[41];
    fake_server_t *server = fake_new();
    bind_curve(server, server_key, public_key, secret_key);
    doran_options_t options = {.server_key = server_key, .public_key = public_key, .secret_key = secret_key};
    doran_t *client = open_client(server, options);
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    fake_reply(server, 1, "n", 4);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].number, 4);
    doran_close(&client);

    options.server_key = public_key; /* somebody else stands where the server was */
    client = open_client(server, options);
    submit(client, 1, 300);
    PUMP_UNTIL(completed == 2);
    cr_expect_eq(outcomes[1].code, DORAN_UNREACHABLE);
    cr_expect_eq(server->count, 1);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, open_refuses_what_cannot_work) {
    static const uint8_t session[16];
    char key[41], error[200];
    memset(key, '0', 40);
    key[40] = 0;
    const doran_options_t rows[] = {
        {0},
        {.endpoint = "tcp://127.0.0.1:1"},
        {.endpoint = "udp://127.0.0.1:1"},
        {.endpoint = "ipc:///tmp/x", .in_flight_max = 4097},
        {.endpoint = "ipc:///tmp/x", .session = session},
        {.endpoint = "tcp://nonsense", .server_key = key, .public_key = key, .secret_key = key},
        {.data = "/nowhere"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        error[0] = 0;
        cr_expect_null(doran_open(&rows[i], error, sizeof error), "row %zu", i);
        cr_expect_str_neq(error, "", "row %zu", i);
    }
}

/* The descriptor. */

static bool readable(int fd, int timeout_ms) {
    struct pollfd item = {.fd = fd, .events = POLLIN};
    return poll(&item, 1, timeout_ms) == 1;
}

Test(client, descriptor_tells_of_every_answer_over_reconnects) {
    fake_server_t *server = fake_new();
    server->heartbeat_ms = 60000;
    doran_t *client = open_client(server, (doran_options_t){.timeout_ms = 20000});
    int fd = doran_fd(client);
    for (uint32_t i = 0; i < 300; i++) {
        submit(client, i, 0);
        doran_flush(client);
        uint64_t limit_us = clock_us() + LIMIT_US;
        bool answered = false, dead = i % 100 != 50;
        while (completed == i) {
            cr_assert_lt(clock_us(), limit_us, "answer %u was never told of", i);
            if (!dead) {
                fake_die(server);
                fake_bind(server);
                server->number++;
                dead = true;
            }
            fake_step(server);
            if (!answered && server->count > 0 && server->requests[server->count - 1].id == i + 1) {
                fake_reply(server, i + 1, "n", i);
                answered = true;
                cr_assert(readable(fd, 5000), "nothing said of answer %u", i);
            }
            while (readable(fd, 0) && doran_run(client, 0) > 0) {
            }
            if (i % 100 == 50) {
                doran_run(client, 1); /* time must pass for a reconnect */
            }
        }
    }
    cr_expect_eq(fd, doran_fd(client));
    cr_expect_not(readable(fd, 0));
    doran_close(&client);
    fake_destroy(server);
}

/* Queries. */

static void shard_answer(fake_server_t *server, uint64_t id, uint64_t shard, uint64_t shards) {
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

/* Plays the server while a call of the client waits. */
typedef struct script {
    fake_server_t *server;
    void (*play)(fake_server_t *server, uint64_t id);
    uint32_t requests;
} script_t;

static void *play_script(void *argument) {
    script_t *script = argument;
    uint64_t limit_us = clock_us() + LIMIT_US;
    for (uint32_t played = 0; played < script->requests && clock_us() < limit_us;) {
        struct zmq_pollitem_t item = {.socket = script->server->socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 10);
        fake_step(script->server);
        for (; played < script->server->count; played++) {
            script->play(script->server, script->server->requests[played].id);
        }
    }
    return NULL;
}

static void answer_query(fake_server_t *server, uint64_t id) {
    cr_expect_str_eq(server->requests[0].kind, "user");
    cr_expect_str_eq(server->requests[0].key, "");
    shard_answer(server, id, 2, 3);
    shard_answer(server, id, 2, 3);
    shard_answer(server, id, 0, 3);
    shard_answer(server, id, 1, 3);
    shard_answer(server, id, 1, 3);
}

static void fail_query(fake_server_t *server, uint64_t id) {
    shard_answer(server, id, 0, 2);
    fake_fail(server, id, STATUS_FORBIDDEN, 0);
}

static void answer_mixed(fake_server_t *server, uint64_t id) {
    shard_answer(server, id, 0, 2);
    shard_answer(server, id, 1, 4); /* the server came back with another number of shards */
}

static doran_code_t play_query(void (*play)(fake_server_t *, uint64_t)) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    script_t script = {.server = server, .play = play, .requests = 1};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, play_script, &script), 0);
    doran_code_t code = doran_query(client, "user", "list", NULL, 0, 5000, note, &outcomes[0]);
    pthread_join(thread, NULL);
    cr_expect_eq(doran_in_flight(client), 0);
    doran_close(&client);
    fake_destroy(server);
    return code;
}

Test(client, query_takes_one_answer_of_every_shard) {
    cr_expect_eq(play_query(answer_query), DORAN_OK);
    cr_expect_eq(completed, 3);
}

Test(client, query_ends_with_the_first_error) {
    cr_expect_eq(play_query(fail_query), DORAN_FORBIDDEN);
    cr_expect_eq(completed, 2, "an answer and the error");
}

Test(client, query_answered_by_two_different_servers_fails) {
    cr_expect_eq(play_query(answer_mixed), DORAN_UNREACHABLE);
    cr_expect_eq(completed, 2, "an answer and the error");
}

/* doran_call and doran_ping. */

static void answer_with_id(fake_server_t *server, uint64_t id) {
    fake_reply(server, id, "n", id);
}

Test(client, call_waits_for_its_own_answer) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    script_t script = {.server = server, .play = answer_with_id, .requests = 102};
    pthread_t thread;
    char version[16];
    cr_assert_eq(pthread_create(&thread, NULL, play_script, &script), 0);
    cr_expect_not(doran_ready(client), "nothing came yet");
    cr_expect_gt(doran_ping(client, 5000, version, sizeof version), 0);
    cr_expect(doran_ready(client));
    cr_expect_str_eq(version, "0.fake");
    submit(client, 0, 0);
    submit(client, 1, 0);
    for (uint32_t i = 0; i < 100; i++) {
        doran_reply_t reply;
        cr_assert_eq(doran_call(client, "echo/x", "echo", NULL, 0, 5000, &reply), DORAN_OK);
        cr_expect_eq(reply.id, i + 3);
        cr_expect_eq(reply.body[reply.body_bytes - 1], i + 3);
        cr_expect_str_eq(reply.text, "");
    }
    cr_expect_eq(completed, 2);
    pthread_join(thread, NULL);
    cr_expect_str_eq(doran_endpoint(client), server->endpoint);
    doran_close(&client);
    fake_destroy(server);
}
