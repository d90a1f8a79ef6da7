/* SPDX-License-Identifier: MIT */
/*
 * The client against a server that misbehaves. First what must not happen: a request completes twice, goes out under
 * another number or in another session, or is lost; a completion after the end.
 */
#include "tests/tools/client/fake_server.h"

#include <poll.h>
#include <pthread.h>

#include "tools/client/clock.h"

enum { OUTCOMES_MAX = 5000, LIMIT_US = 20000000 };

/* What became of the requests of a test, by the order of submission. */
typedef struct outcome {
    uint32_t completions;
    doran_code_t code;
    uint64_t id, number;
    uint64_t at_us;
} outcome_t;

static outcome_t outcomes[OUTCOMES_MAX];
static uint32_t completed;

static void note(void *context, const doran_reply_t *reply) {
    outcome_t *outcome = context;
    outcome->completions++;
    outcome->code = reply->code;
    outcome->id = reply->id;
    outcome->at_us = clock_us();
    cr_expect_not_null(reply->text);
    cr_expect_eq(reply->text[0] == 0, reply->code == DORAN_OK);
    token_t tokens[64];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    cr_expect_eq(tape_read_whole(&tape, span_of(reply->body, reply->body_bytes)), STATUS_OK);
    uint32_t token = tape_find(&tape, 0, "n");
    outcome->number = token > 0 ? tokens[token].u64 : 0;
    completed++;
}

static doran_t *open_client(const fake_server_t *server, doran_options_t options) {
    char error[200] = "";
    options.endpoint = server->endpoint;
    doran_t *client = doran_open(&options, error, sizeof error);
    cr_assert_not_null(client, "%s", error);
    return client;
}

/* Submits request `index` of the test. */
static void submit(doran_t *client, uint32_t index, uint32_t timeout_ms) {
    char address[32];
    snprintf(address, sizeof address, "echo/%u", index);
    cr_assert_eq(doran_submit(client, address, "echo", NULL, 0, timeout_ms, note, &outcomes[index]), DORAN_OK);
}

/* Lets both work until the condition holds. */
#define PUMP_UNTIL(condition)                                                                                          \
    do {                                                                                                               \
        uint64_t limit_us = clock_us() + LIMIT_US;                                                                     \
        while (!(condition)) {                                                                                         \
            cr_assert_lt(clock_us(), limit_us, "never happened: %s", #condition);                                      \
            doran_run(client, 1);                                                                                      \
            fake_step(server);                                                                                         \
        }                                                                                                              \
    } while (0)

static void pump_for(doran_t *client, fake_server_t *server, uint32_t ms) {
    for (uint64_t until_us = clock_us() + 1000 * (uint64_t)ms; clock_us() < until_us;) {
        doran_run(client, 1);
        fake_step(server);
    }
}

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

/* Sending again. */

Test(client, unanswered_request_goes_out_again_under_its_number) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 10000);
    PUMP_UNTIL(server->count == 1);
    PUMP_UNTIL(server->count == 2); /* the first answer was lost */
    cr_expect_eq(server->requests[1].id, 1);
    cr_expect_eq(memcmp(server->requests[0].session, server->requests[1].session, 16), 0);
    cr_expect_leq(server->requests[0].timeout_ms, 10000);
    cr_expect_leq(server->requests[1].timeout_ms, 8100, "%u of 10000 ms left", server->requests[1].timeout_ms);
    fake_reply(server, 1, "n", 3);
    fake_reply(server, 1, "n", 3);
    PUMP_UNTIL(completed == 1);
    pump_for(client, server, 50);
    cr_expect_eq(completed, 1);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, new_number_in_a_pong_sends_all_again_oldest_first) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    for (uint32_t i = 0; i < 20; i++) {
        submit(client, i, 0);
    }
    PUMP_UNTIL(server->count == 20);
    fake_reply(server, 5, "n", 5);
    PUMP_UNTIL(completed == 1);
    server->number = 2;
    PUMP_UNTIL(server->count == 39);
    uint64_t before = 0;
    for (uint32_t i = 20; i < 39; i++) {
        cr_expect_gt(server->requests[i].id, before);
        before = server->requests[i].id;
    }
    cr_expect_eq(fake_copies(server, 5), 1);
    pump_for(client, server, 500);
    cr_expect_eq(server->count, 39, "the same number again sends nothing");
    for (uint64_t id = 1; id <= 20; id++) {
        fake_reply(server, id, "n", id);
    }
    PUMP_UNTIL(completed == 20);
    for (uint32_t i = 0; i < 20; i++) {
        cr_expect_eq(outcomes[i].completions, 1);
        cr_expect_eq(outcomes[i].number, i + 1);
    }
    doran_close(&client);
    fake_destroy(server);
}

Test(client, no_request_is_lost_when_the_server_dies_and_comes_back) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){.timeout_ms = 20000});
    for (uint32_t i = 0; i < 50; i++) {
        submit(client, i, 0);
    }
    PUMP_UNTIL(server->count == 50);
    for (uint64_t id = 1; id <= 10; id++) {
        fake_reply(server, id, "n", id);
    }
    PUMP_UNTIL(completed == 10);
    fake_die(server);
    submit(client, 50, 0);
    pump_for(client, server, 300);
    fake_bind(server);
    server->number = 2;
    server->count = 0;
    PUMP_UNTIL(server->count >= 41);
    for (uint64_t id = 11; id <= 51; id++) {
        cr_expect_geq(fake_copies(server, id), 1, "%lu was lost", id);
        fake_reply(server, id, "n", id);
    }
    PUMP_UNTIL(completed == 51);
    pump_for(client, server, 50);
    for (uint32_t i = 0; i <= 50; i++) {
        cr_expect_eq(outcomes[i].completions, 1);
        cr_expect_eq(outcomes[i].number, i + 1);
    }
    doran_close(&client);
    fake_destroy(server);
}

Test(client, silent_server_gets_a_fresh_socket_and_all_requests) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    for (uint32_t i = 0; i < 3; i++) {
        submit(client, i, 0);
    }
    PUMP_UNTIL(server->count == 3);
    server->deaf = true; /* connected, but nobody is at home */
    pump_for(client, server, 700);
    server->deaf = false;
    server->number = 2;
    PUMP_UNTIL(server->count == 6);
    const fake_request_t *first = &server->requests[0], *again = &server->requests[3];
    cr_expect_eq(again->id, 1);
    cr_expect(first->peer_bytes != again->peer_bytes || memcmp(first->peer, again->peer, first->peer_bytes) != 0,
              "a fresh socket is a new peer");
    cr_expect_eq(completed, 0);
    doran_close(&client);
    fake_destroy(server);
}

/* Sessions. */

Test(client, what_was_sent_never_moves_to_another_session) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 5000);
    submit(client, 1, 5000);
    PUMP_UNTIL(server->count == 2);
    server->other = true;
    server->number = 2; /* a new server: old answers are lost */
    memset(server->session, 'T', SESSION_BYTES);
    PUMP_UNTIL(completed == 2);
    cr_expect_eq(outcomes[0].code, DORAN_DEADLINE_EXCEEDED);
    cr_expect_eq(outcomes[1].code, DORAN_DEADLINE_EXCEEDED);
    server->other = false;
    submit(client, 2, 5000);
    PUMP_UNTIL(server->count == 3);
    cr_expect_eq(memcmp(server->requests[2].session, server->session, SESSION_BYTES), 0);
    cr_expect_eq(server->requests[2].id, 3);
    cr_expect_eq(server->requests[2].lowest_unanswered, 3);
    pump_for(client, server, 2500);
    for (uint32_t i = 3; i < server->count; i++) {
        cr_expect_eq(server->requests[i].id, 3);
    }
    cr_expect_eq(completed, 2);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, what_was_never_sent_moves_to_the_next_session) {
    fake_server_t *server = fake_new();
    uint8_t session[16];
    memset(session, 'O', sizeof session);
    server->other = true; /* ours is too old */
    doran_t *client = open_client(server, (doran_options_t){.session = session, .next_id = 1000});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    cr_expect_eq(server->requests[0].id, 1000);
    cr_expect_eq(memcmp(server->requests[0].session, server->session, SESSION_BYTES), 0);
    fake_reply(server, 1000, "n", 1);
    PUMP_UNTIL(completed == 1);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, goes_on_with_the_session_it_is_given) {
    fake_server_t *server = fake_new();
    uint8_t session[16], now[16];
    uint64_t next_id = 0;
    memset(session, 'O', sizeof session);
    doran_t *client = open_client(server, (doran_options_t){.session = session, .next_id = 77});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    cr_expect_eq(server->requests[0].id, 77);
    cr_expect_eq(memcmp(server->requests[0].session, session, sizeof session), 0);
    cr_expect(doran_session(client, now, &next_id));
    cr_expect_eq(memcmp(now, session, sizeof now), 0);
    cr_expect_eq(next_id, 78);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, answer_in_an_ended_session_is_still_taken) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 4000);
    submit(client, 1, 4000);
    PUMP_UNTIL(server->count == 2);
    server->other = true; /* the session has become too old; the server is the same */
    memset(server->session, 'T', SESSION_BYTES);
    uint32_t pings = server->pings;
    PUMP_UNTIL(server->pings > pings);
    fake_reply(server, 1, "n", 1);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_OK);
    PUMP_UNTIL(completed == 2);
    cr_expect_eq(outcomes[1].code, DORAN_DEADLINE_EXCEEDED);
    cr_expect_eq(server->count, 2, "not sent again");
    doran_close(&client);
    fake_destroy(server);
}

Test(client, request_refused_with_its_session_runs_in_the_next_one) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    server->other = true;
    memset(server->session, 'T', SESSION_BYTES);
    fake_fail(server, 1, STATUS_UNAUTHENTICATED, 0);
    PUMP_UNTIL(server->count == 2);
    server->other = false;
    cr_expect_eq(server->requests[1].id, 1);
    cr_expect_eq(memcmp(server->requests[1].session, server->session, SESSION_BYTES), 0);
    fake_reply(server, 1, "n", 1);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_OK);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, unauthenticated_in_a_session_that_stands_is_an_answer) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    fake_fail(server, 1, STATUS_UNAUTHENTICATED, 0);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_UNAUTHENTICATED);
    cr_expect_eq(server->count, 1);
    doran_close(&client);
    fake_destroy(server);
}

/* Refusals and time. */

Test(client, busy_is_tried_again_not_before_the_time_given) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    uint64_t refused_us = clock_us();
    fake_fail(server, 1, STATUS_BUSY, 200);
    fake_fail(server, 1, STATUS_BUSY, 200); /* told twice of one copy */
    PUMP_UNTIL(server->count == 2);
    cr_expect_geq(clock_us() - refused_us, 150000, "after %lu us", clock_us() - refused_us);
    cr_expect_eq(server->requests[1].id, 1);
    fake_fail(server, 1, STATUS_STORAGE_FULL, 10);
    PUMP_UNTIL(server->count == 3);
    fake_fail(server, 1, STATUS_DRAINING, 10);
    PUMP_UNTIL(server->count == 4);
    fake_fail(server, 1, STATUS_UNREACHABLE, 10);
    PUMP_UNTIL(server->count == 5);
    cr_expect_eq(completed, 0);
    fake_reply(server, 1, "n", 1);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_OK);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, busy_until_the_end_is_busy_and_not_unknown) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 300);
    PUMP_UNTIL(server->count == 1);
    fake_fail(server, 1, STATUS_BUSY, 10000);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_BUSY);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, busy_completes_when_that_is_wished) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){.busy_fails = 1});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    fake_fail(server, 1, STATUS_BUSY, 100);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_BUSY);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, errors_that_are_final_complete) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    static const status_t statuses[] = {STATUS_NOT_FOUND, STATUS_CONFLICT, STATUS_DEADLINE_EXCEEDED, STATUS_INTERNAL};
    for (uint32_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        submit(client, i, 0);
        PUMP_UNTIL(server->count == i + 1);
        fake_fail(server, i + 1, statuses[i], 0);
        PUMP_UNTIL(completed == i + 1);
        cr_expect_eq((int)outcomes[i].code, (int)statuses[i]);
    }
    doran_close(&client);
    fake_destroy(server);
}

Test(client, time_ends_a_request_that_was_sent_as_unknown) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    uint64_t begin_us = clock_us();
    for (uint32_t i = 0; i < 10; i++) {
        submit(client, i, 500 - 20 * i);
    }
    PUMP_UNTIL(completed == 10);
    for (uint32_t i = 0; i < 10; i++) {
        cr_expect_eq(outcomes[i].code, DORAN_DEADLINE_EXCEEDED);
        cr_expect_geq(outcomes[i].at_us - begin_us, 1000 * (500 - 20 * i));
        cr_expect(i == 9 || outcomes[i].at_us >= outcomes[i + 1].at_us);
    }
    fake_reply(server, 1, "n", 1); /* too late */
    pump_for(client, server, 50);
    cr_expect_eq(completed, 10);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, time_ends_a_request_that_was_never_sent_as_unreachable) {
    fake_server_t *server = fake_new();
    server->deaf = true;
    doran_t *client = open_client(server, (doran_options_t){.timeout_ms = 100});
    doran_reply_t reply;
    cr_expect_eq(doran_call(client, "echo/x", "echo", NULL, 0, 0, &reply), DORAN_UNREACHABLE);
    cr_expect_eq(doran_in_flight(client), 0);
    cr_expect_eq(doran_ping(client, 50, NULL, 0), -1);
    doran_close(&client);
    fake_destroy(server);
}

Test(client, run_without_time_returns_when_nothing_is_in_flight) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    cr_expect_eq(doran_run(client, -1), 0);
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

/* Pings. */

Test(client, pings_at_the_heartbeat_of_the_server) {
    fake_server_t *server = fake_new();
    server->heartbeat_ms = 50;
    doran_t *client = open_client(server, (doran_options_t){0});
    PUMP_UNTIL(server->pings == 1);
    pump_for(client, server, 1000);
    cr_expect_geq(server->pings, 10);
    cr_expect_leq(server->pings, 22);
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
    cr_expect_eq(completed, 1);
}

Test(client, query_answered_by_two_different_servers_fails) {
    cr_expect_eq(play_query(answer_mixed), DORAN_UNREACHABLE);
    cr_expect_eq(completed, 1);
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
    cr_expect_gt(doran_ping(client, 5000, version, sizeof version), 0);
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

Test(client, many_submitted_at_random_answers_complete_once_each) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){.in_flight_max = 4096, .timeout_ms = 30000});
    server->heartbeat_ms = 20;
    uint32_t submitted = 0, taken = 0;
    while (completed < OUTCOMES_MAX) {
        while (submitted < OUTCOMES_MAX && doran_in_flight(client) < 1000) {
            submit(client, submitted++, 0);
        }
        doran_run(client, 1);
        fake_step(server);
        for (; taken < server->count; taken++) {
            uint64_t id = server->requests[taken].id;
            uint64_t chance = (id + taken) * 0x9e3779b97f4a7c15u >> 60;
            if (chance == 0) {
                server->number++; /* all pending comes again */
            } else if (chance == 1) {
                fake_fail(server, id, STATUS_BUSY, 1);
            } else if (chance > 2 || fake_copies(server, id) > 1) {
                fake_reply(server, id, "n", id);
            }
        }
        if (server->count > FAKE_REQUESTS_MAX / 2) {
            server->count = taken = 0;
        }
    }
    for (uint32_t i = 0; i < OUTCOMES_MAX; i++) {
        cr_assert_eq(outcomes[i].completions, 1);
        cr_assert_eq(outcomes[i].code, DORAN_OK);
        cr_assert_eq(outcomes[i].number, i + 1);
    }
    doran_close(&client);
    fake_destroy(server);
}
