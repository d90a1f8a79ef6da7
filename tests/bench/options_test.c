/* SPDX-License-Identifier: MIT */
/* Command lines that make sense and those that do not. */
#include "bench/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

static bench_options_t options;
static char error[200];

/* Splits at spaces. */
static bool parse(const char *line) {
    static char text[512]; /* the options point into it */
    char *words[32] = {"doran-bench"}, *rest = text;
    int count = 1;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        words[count++] = word;
    }
    error[0] = 0;
    return bench_options_parse(&options, count, words, error, sizeof error);
}

Test(options, defaults_are_those_of_the_contract) {
    unsetenv("DORAN_DATA");
    cr_assert(parse("echo"), "%s", error);
    cr_expect_str_eq(options.workload, "echo");
    cr_expect_str_eq(options.data, "./data");
    cr_expect_null(options.endpoint);
    cr_expect_eq(options.transport, TRANSPORT_TCP);
    cr_expect_eq(options.clients, 4);
    cr_expect_eq(options.window, 1000);
    cr_expect_eq(options.rate, 0);
    cr_expect_eq(options.seconds, 10);
    cr_expect_eq(options.count, 0);
    cr_expect_eq(options.size, 64);
    cr_expect_eq(options.actors, 100000);
    cr_expect_not(options.json);
    setenv("DORAN_DATA", "/somewhere", 1);
    cr_assert(parse("echo"));
    cr_expect_str_eq(options.data, "/somewhere");
}

Test(options, all_flags_are_taken_before_and_after_the_workload) {
    cr_assert(parse("--data /d --endpoint tcp://h:1 --transport ipc --clients 3 --window 10 user-update --rate 1.5 "
                    "--seconds 0.5 --count 7 --size 32 --actors 9 --json"),
              "%s", error);
    cr_expect_str_eq(options.data, "/d");
    cr_expect_str_eq(options.endpoint, "tcp://h:1");
    cr_expect_eq(options.transport, TRANSPORT_IPC);
    cr_expect_eq(options.rate, 1.5);
    cr_expect_eq(options.seconds, 0.5);
    cr_expect_eq(options.count, 7);
    cr_expect(options.json);
    cr_expect_eq(bench_options_window(&options, 0), 4);
    cr_expect_eq(bench_options_window(&options, 1) + bench_options_window(&options, 2), 6);
}

Test(options, each_client_has_skus_enough_for_an_order) {
    cr_assert(parse("order --clients 4 --actors 12"), "%s", error);
    cr_expect_str_eq(options.workload, "order");
}

Test(options, each_subscriber_of_a_room_has_a_connection) {
    cr_assert(parse("room-post"), "%s", error);
    cr_expect(options.clients == 10 && options.subscribers == 10 && options.actors == 1000);
    cr_assert(parse("room-post --clients 3"), "%s", error);
    cr_expect(options.clients == 3 && options.subscribers == 3);
    cr_assert(parse("room-post --clients 30"), "%s", error);
    cr_expect(options.clients == 30 && options.subscribers == 10);
    cr_assert(parse("room-post --subscribers 2"), "%s", error);
    cr_expect(options.clients == 4 && options.subscribers == 2);
    cr_assert(parse("fan-out --clients 30"), "%s", error);
    cr_expect(options.clients == 30 && options.subscribers == 30 && options.actors == 30);
}

Test(options, a_count_has_no_end_in_time_but_for_limits) {
    cr_assert(parse("echo --count 5"));
    cr_expect_eq(options.seconds, 0);
    cr_assert(parse("limits --count 5"));
    cr_expect_eq(options.seconds, 10);
}

Test(options, an_endpoint_alone_needs_no_folder) {
    cr_assert(parse("echo --endpoint ipc:///x"));
    cr_expect_null(options.data);
}

Test(options, what_makes_no_sense_is_refused_with_a_sentence) {
    static const char *const lines[] = {
        "",
        "nothing",
        "echo echo",
        "echo --no-such-flag",
        "echo --data",
        "echo --clients 0",
        "echo --clients x",
        "echo --clients 1.5",
        "echo --clients 100000",
        "echo --window 3",
        "echo --window 20000",
        "echo --window -1",
        "echo --rate 0",
        "echo --rate nan",
        "echo --rate inf",
        "echo --seconds 0",
        "echo --seconds 1x",
        "echo --count 0",
        "echo --size 99999999",
        "echo --actors 2",
        "echo --transport udp",
        "user-update --size 8",
        "user-update --size 101",
        "order --clients 4 --actors 11",
        "echo --subscribers 1",
        "room-post --clients 2 --subscribers 3",
        "room-post --subscribers 0",
        "room-post --size 34",
        "fan-out --size 4001",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        cr_expect_not(parse(lines[i]), "%s", lines[i]);
        cr_expect_str_neq(error, "", "%s", lines[i]);
    }
}

Test(options, help_needs_no_workload) {
    cr_assert(parse("--help"));
    cr_expect(options.help);
}
