/* SPDX-License-Identifier: MIT */
/*
 * What the client does about time, refusals, lost connections and sessions. First what must not happen: a request goes
 * out under another number or in another session than the one it may have run in, or is lost.
 */
#include "tests/tools/client/client_fixture.h"

/* Sessions. */

Test(exchange, what_was_sent_never_moves_to_another_session) {
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

Test(exchange, what_was_never_sent_moves_to_the_next_session) {
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

Test(exchange, goes_on_with_the_session_it_is_given) {
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

Test(exchange, answer_in_an_ended_session_is_still_taken) {
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

Test(exchange, request_refused_with_its_session_runs_in_the_next_one) {
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

Test(exchange, unauthenticated_in_a_session_that_stands_is_an_answer) {
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

Test(exchange, unauthenticated_is_an_answer_also_to_a_request_that_was_sent_twice) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 10000);
    PUMP_UNTIL(server->count == 2); /* it took the server longer than the client waits */
    fake_fail(server, 1, STATUS_UNAUTHENTICATED, 0);
    PUMP_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_UNAUTHENTICATED);
    doran_close(&client);
    fake_destroy(server);
}

/* Sending again. */

Test(exchange, unanswered_request_goes_out_again_under_its_number) {
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

/* After as many lives of a server the wait would be a minute. */
Test(exchange, the_wait_for_an_answer_begins_anew_with_each_server) {
    enum { LIVES = 6 };
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    submit(client, 0, 0);
    PUMP_UNTIL(server->count == 1);
    for (uint32_t life = 2; life <= LIVES; life++) {
        server->number = life;
        PUMP_UNTIL(server->count == life);
    }
    PUMP_UNTIL(server->count == LIVES + 1); /* the answer of the last was lost */
    fake_reply(server, 1, "n", 3);
    PUMP_UNTIL(completed == 1);
    doran_close(&client);
    fake_destroy(server);
}

Test(exchange, new_number_in_a_pong_sends_all_again_oldest_first) {
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

Test(exchange, no_request_is_lost_when_the_server_dies_and_comes_back) {
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

Test(exchange, silent_server_gets_a_fresh_socket_and_all_requests) {
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

/* Refusals and time. */

Test(exchange, busy_is_tried_again_not_before_the_time_given) {
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

Test(exchange, busy_until_the_end_is_busy_and_not_unknown) {
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

Test(exchange, busy_completes_when_that_is_wished) {
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

Test(exchange, errors_that_are_final_complete) {
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

Test(exchange, time_ends_a_request_that_was_sent_as_unknown) {
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

Test(exchange, time_ends_a_request_that_was_never_sent_as_unreachable) {
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

Test(exchange, run_without_time_returns_when_nothing_is_in_flight) {
    fake_server_t *server = fake_new();
    doran_t *client = open_client(server, (doran_options_t){0});
    cr_expect_eq(doran_run(client, -1), 0);
    doran_close(&client);
    fake_destroy(server);
}

/* Pings. */

Test(exchange, pings_at_the_heartbeat_of_the_server) {
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

/* All of it. */

Test(exchange, many_submitted_at_random_answers_complete_once_each) {
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
