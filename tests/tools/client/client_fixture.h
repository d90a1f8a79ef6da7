/* SPDX-License-Identifier: MIT */
/*
 * client_fixture: a client, a fake server, and what became of each request. Each test is a process, so what is static
 * here is the test's own.
 */
#ifndef DORAN_TESTS_CLIENT_FIXTURE_H
#define DORAN_TESTS_CLIENT_FIXTURE_H

#include "tests/tools/client/fake_server.h"
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

static inline void note(void *context, const doran_reply_t *reply) {
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

static inline doran_t *open_client(const fake_server_t *server, doran_options_t options) {
    char error[200] = "";
    options.endpoint = server->endpoint;
    doran_t *client = doran_open(&options, error, sizeof error);
    cr_assert_not_null(client, "%s", error);
    return client;
}

/* Submits request `index` of the test. */
static inline void submit(doran_t *client, uint32_t index, uint32_t timeout_ms) {
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

static inline void pump_for(doran_t *client, fake_server_t *server, uint32_t ms) {
    for (uint64_t until_us = clock_us() + 1000 * (uint64_t)ms; clock_us() < until_us;) {
        doran_run(client, 1);
        fake_step(server);
    }
}

#endif
