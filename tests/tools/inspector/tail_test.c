/* SPDX-License-Identifier: MIT */
/*
 * tail and --as, as the program `doran` of this build folder, against the fake server. First what must not happen: an
 * event is shown twice or missing, or a refusal looks like success.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/tools/client/fake_rooms.h"
#include "tools/client/clock.h"
#include "tools/inspector/command.h"

enum { LIMIT_US = 20000000, OUTPUT_BYTES = 65536, ARGUMENTS_MAX = 16 };

static rooms_t *rooms;
static pid_t child;
static int output = -1;            /* what the child prints, stderr too */
static char printed[OUTPUT_BYTES]; /* so far */
static size_t printed_bytes;

/* bin/THIS → bin/doran */
static const char *path_of_doran(void) {
    static char path[1024];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    cr_assert_gt(len, 0);
    path[len] = 0;
    snprintf(strrchr(path, '/'), 8, "/doran");
    return path;
}

/* Starts `doran …` with the endpoint of the fake server. */
static void start(const char *const arguments[]) {
    const char *argv[ARGUMENTS_MAX + 4] = {path_of_doran(), "--endpoint", rooms->server->endpoint};
    int ends[2];
    for (size_t i = 0; arguments[i] != NULL; i++) {
        cr_assert_lt(i, ARGUMENTS_MAX);
        argv[i + 3] = arguments[i];
    }
    cr_assert_eq(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    output = ends[0];
    fcntl(output, F_SETFL, O_NONBLOCK);
    printed_bytes = 0;
    printed[0] = 0;
}

#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

/* Serves, and takes what was printed. */
static void serve(void) {
    struct zmq_pollitem_t items[] = {{.socket = rooms->server->socket, .events = ZMQ_POLLIN},
                                     {.fd = output, .events = ZMQ_POLLIN}};
    zmq_poll(items, 2, 10);
    rooms_step(rooms);
    ssize_t bytes = read(output, printed + printed_bytes, OUTPUT_BYTES - 1 - printed_bytes);
    if (bytes > 0) {
        printed_bytes += (size_t)bytes;
        printed[printed_bytes] = 0;
    }
}

#define SERVE_UNTIL(condition)                                                                                         \
    do {                                                                                                               \
        uint64_t limit_us = clock_us() + LIMIT_US;                                                                     \
        while (!(condition)) {                                                                                         \
            cr_assert_lt(clock_us(), limit_us, "never happened: %s; printed: %s", #condition, printed);                \
            serve();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Exit status, once the child has ended. */
static int ended(void) {
    int result = 0;
    SERVE_UNTIL(waitpid(child, &result, WNOHANG) == child);
    serve();
    close(output);
    cr_assert(WIFEXITED(result), "killed by %d", WTERMSIG(result));
    return WEXITSTATUS(result);
}

/* How often the text was printed. */
static uint32_t count(const char *text) {
    uint32_t times = 0;
    for (const char *at = printed; (at = strstr(at, text)) != NULL; at++) {
        times++;
    }
    return times;
}

static void set_up(void) {
    rooms = rooms_new(1);
}

static void tear_down(void) {
    rooms_destroy(rooms);
}

TestSuite(tail, .init = set_up, .fini = tear_down);

Test(tail, each_event_is_shown_once_although_the_server_lags_and_forgets) {
    START("tail", "topic/0", "--json", "--limit", "40");
    SERVE_UNTIL(rooms->hearer_count == 1);
    for (uint32_t i = 0; i < 40; i++) {
        rooms_publish(rooms, 0, false);
        if (i == 10) {
            rooms_lag(rooms, 0);
        } else if (i == 30) {
            rooms_tell_lag(rooms, 0);
        } else if (i == 35) {
            rooms_forget(rooms);
        }
    }
    cr_expect_eq(ended(), DONE);
    for (uint64_t seq = 1; seq <= 40; seq++) {
        char line[200];
        snprintf(line, sizeof line,
                 "{\"topic\":\"topic/0\",\"log_epoch\":7,\"seq\":%lu,\"type\":\"%s\",\"body\":{\"seq\":%lu,\"text\":"
                 "\"hello\",\"n\":%lu}}\n",
                 seq, rooms_type(seq), seq, 3 * seq);
        cr_expect_eq(count(line), 1, "%s", line);
    }
    cr_expect_eq(count("\n"), 40);
}

Test(tail, an_error_is_a_sentence_and_a_status) {
    static const struct {
        status_t status;
        int code;
        const char *text;
    } rows[] = {
        {STATUS_NOT_FOUND, ERROR_ANSWERED, "(not_found)"},
        {STATUS_FORBIDDEN, REFUSED, "(forbidden)"},
        {STATUS_UNKNOWN_METHOD, ERROR_ANSWERED, "(unknown_method)"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        rooms->fails = rows[i].status;
        START("tail", "topic/0");
        cr_expect_eq(ended(), rows[i].code);
        cr_expect_eq(count(rows[i].text), 1, "%s", printed);
        cr_expect_eq(count("\n"), 1);
    }
}

Test(tail, without_an_answer_it_ends_in_time) {
    rooms->server->deaf = true;
    START("tail", "topic/0", "--timeout", "300");
    cr_expect_eq(ended(), NOT_REACHED);
    cr_expect_eq(count("does not answer within 300 ms"), 1);
    rooms->server->deaf = false;
    rooms->fails = STATUS_BUSY;
    START("tail", "topic/0", "--timeout", "300");
    cr_expect_eq(ended(), NOT_REACHED);
}

Test(tail, what_makes_no_sense_is_wrong_usage) {
    static const char *const after[] = {"", "x", "-1", "1:", ":1", "1:x", "1:2:3", "1 "};
    for (size_t i = 0; i < ARRAY_LENGTH(after); i++) {
        START("tail", "topic/0", "--after", after[i]);
        cr_expect_eq(ended(), WRONG_USAGE, "%s", after[i]);
    }
    START("tail", "topic");
    cr_expect_eq(ended(), WRONG_USAGE);
    START("tail", "topic/");
    cr_expect_eq(ended(), WRONG_USAGE);
    START("tail", "topic/0", "--as", "ada");
    cr_expect_eq(ended(), WRONG_USAGE);
    START("call", "echo/x", "echo", "--as", "ada");
    cr_expect_eq(ended(), WRONG_USAGE);
    cr_expect_eq(rooms->server->count, 0);
}

Test(tail, an_interrupt_ends_it_well) {
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
        uint64_t seq = i + 1;
        START("tail", "topic/0");
        SERVE_UNTIL(rooms->hearer_count == 1);
        rooms_publish(rooms, 0, false);
        SERVE_UNTIL(printed_bytes > 0 && printed[printed_bytes - 1] == '\n');
        kill(child, signals[i]);
        cr_expect_eq(ended(), DONE);
        char line[100];
        snprintf(line, sizeof line, "       %lu  %s  {\"seq\":%lu,\"text\":\"hello\",\"n\":%lu}\n", seq,
                 rooms_type(seq), seq, 3 * seq);
        cr_expect_str_eq(printed, line);
        rooms->hearer_count = 0; /* the peer has gone */
    }
}

Test(tail, after_a_seq_begins_behind_it) {
    rooms->rooms[0].seq = 30;
    START("tail", "topic/0", "--json", "--after", "10", "--limit", "20");
    cr_expect_eq(ended(), DONE);
    cr_expect_eq(count("\n"), 20);
    cr_expect_eq(count("\"seq\":11,\"type\""), 1);
    START("tail", "topic/0", "--json", "--after", "7:25", "--limit", "5");
    cr_expect_eq(ended(), DONE);
    cr_expect_eq(count("\n"), 5);
    cr_expect_eq(count("\"seq\":26,\"type\""), 1);
}

Test(tail, after_a_place_in_another_log_says_so_and_goes_on) {
    rooms->rooms[0].seq = 30;
    START("tail", "topic/0", "--after", "6:25", "--limit", "1");
    SERVE_UNTIL(rooms->hearer_count == 1);
    rooms_publish(rooms, 0, false);
    cr_expect_eq(ended(), DONE);
    cr_expect_eq(count("up to 7:30 are not shown"), 1);
    cr_expect_eq(count("      31  "), 1);
}

/* --as */

Test(tail, as_a_user_subscribes_with_a_handle) {
    START("tail", "topic/0", "--as", "user/ada", "--limit", "1");
    SERVE_UNTIL(rooms->hearer_count == 1);
    cr_expect_neq(memcmp(rooms->hearers[0].handle, no_handle, HANDLE_BYTES), 0);
    cr_expect_eq(memcmp(rooms->server->requests[0].body,
                        "\x81\xa2"
                        "as\xa8user/ada",
                        13),
                 0);
    rooms_publish(rooms, 0, false);
    cr_expect_eq(ended(), DONE);
}

Test(tail, as_a_user_who_may_not_is_refused) {
    rooms->open_fails = STATUS_FORBIDDEN;
    START("tail", "topic/0", "--as", "user/ada");
    cr_expect_eq(ended(), REFUSED);
    START("call", "echo/x", "echo", "--as", "user/ada");
    cr_expect_eq(ended(), REFUSED);
    rooms->open_fails = STATUS_NOT_FOUND;
    START("call", "echo/x", "echo", "--as", "user/ada", "--json");
    cr_expect_eq(ended(), ERROR_ANSWERED);
    cr_expect_eq(count("\"code\":\"not_found\""), 1);
    cr_expect_eq(rooms->calls, 0);
}

Test(tail, call_as_a_user_carries_a_handle) {
    START("call", "nothing/x", "do", "--as", "user/ada", "--json", "--write");
    cr_expect_eq(ended(), DONE);
    cr_expect_eq(rooms->calls, 1);
    cr_expect(rooms->server->requests[1].has_handle);
    cr_expect_eq(count("{\"n\":2}\n"), 1);
}
