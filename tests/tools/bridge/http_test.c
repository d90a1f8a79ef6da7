/* SPDX-License-Identifier: MIT */
/* A server and its clients in one thread: bytes go in, and what comes out is compared. */
#include "tools/bridge/http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "schemas/check.h"

enum {
    BODY_MAX = 1000,
    SHORT_MS = 50,
    LONG_MS = 10000,
    ANSWER_MAX = 1 << 20,
    BIG_BYTES = 16 << 20,
    CONNECTIONS_MAX = 5,
};

static struct event_base *base;
static http_t *http;
static const char *const headers[] = {"X-Every", "yes", NULL};
static http_request_t *kept[16]; /* requests to /later, answered by hand */
static int kept_count;
static char answer[ANSWER_MAX];
static size_t answer_bytes;

/* Answers with the method, the path and the body; /big with many bytes; /later when the test says so. */
static void serve(void *context, http_request_t *request) {
    char text[2 * BODY_MAX];
    span_t path = http_path(request), body = http_body(request);
    (void)context;
    if (span_equal(path, span_text("/later"))) {
        kept[kept_count++] = request;
    } else if (span_equal(path, span_text("/big"))) {
        static char big[BIG_BYTES];
        http_reply(request, 200, span_of(big, sizeof big));
    } else {
        int len = snprintf(text, sizeof text, "%s %.*s [%.*s]", http_method_name(http_method(request)), (int)path.len,
                           (const char *)path.ptr, (int)body.len, (const char *)body.ptr);
        http_reply(request, 200, span_of(text, (size_t)len));
    }
}

static void refuse(void *context, int status, const char *why, struct evbuffer *to) {
    (void)context;
    (void)why;
    evbuffer_add_printf(to, "Content-Length: 3\r\n\r\n%d", status);
}

static void start(uint32_t ms) {
    char error[256];
    signal(SIGPIPE, SIG_IGN);
    base = event_base_new();
    http_options_t options = {.base = base,
                              .address = "127.0.0.1",
                              .body_bytes_max = BODY_MAX,
                              .connections_max = CONNECTIONS_MAX,
                              .address_connections_max = CONNECTIONS_MAX - 1,
                              .head_ms = ms,
                              .body_ms = ms,
                              .answer_ms = ms,
                              .idle_ms = ms,
                              .headers = headers,
                              .serve = serve,
                              .refuse = refuse};
    http = http_new(&options, error, sizeof error);
    cr_assert_not_null(http, "%s", error);
}

static void start_patient(void) {
    start(LONG_MS);
}

static void start_impatient(void) {
    start(SHORT_MS);
}

static void stop(void) {
    http_destroy(&http);
    event_base_free(base);
}

static int connect_client(void) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(http_port(http))};
    inet_pton(AF_INET, "127.0.0.1", &place.sin_addr);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&place, sizeof place), 0);
    fcntl(client, F_SETFL, O_NONBLOCK);
    return client;
}

static void run_loop(void) {
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void send_bytes(int client, span_t bytes) {
    while (bytes.len > 0) {
        ssize_t sent = send(client, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return; /* it was refused before all was sent */
        }
        if (sent > 0) {
            bytes = span_of(bytes.ptr + sent, bytes.len - (size_t)sent);
        }
        run_loop();
    }
}

static void send_text(int client, const char *text) {
    send_bytes(client, span_text(text));
}

/* Reads until the other side ends the connection (true), or this text has come. */
static bool read_until(int client, const char *text) {
    answer_bytes = 0;
    answer[0] = 0;
    while (text == NULL || strstr(answer, text) == NULL) {
        run_loop();
        ssize_t got = recv(client, answer + answer_bytes, sizeof answer - 1 - answer_bytes, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            return true;
        }
        if (got > 0) {
            answer_bytes += (size_t)got;
            answer[answer_bytes] = 0;
        }
    }
    return false;
}

static size_t answers(void) {
    size_t count = 0;
    for (const char *at = answer; (at = strstr(at, "X-Every: yes")) != NULL; at++) {
        count++;
    }
    return count;
}

/* The connection ends with one answer of this status, which is ours. */
static void assert_refused(span_t bytes, int status) {
    char first[32];
    int client = connect_client();
    send_bytes(client, bytes);
    cr_expect(read_until(client, NULL));
    snprintf(first, sizeof first, "HTTP/1.1 %d ", status);
    cr_expect(strncmp(answer, first, strlen(first)) == 0 && answers() == 1 && strstr(answer, "X-Every: yes\r\n") &&
                  strstr(answer, "Connection: close\r\n"),
              "%d: %.*s -> %s", status, (int)bytes.len, (const char *)bytes.ptr, answer);
    close(client);
}

static void assert_text_refused(const char *text, int status) {
    assert_refused(span_text(text), status);
}

/* The connection ends with these bodies of answers, in this order, each of status 200. */
static void assert_answered(const char *text, size_t count, const char *const bodies[]) {
    int client = connect_client();
    const char *at = answer;
    send_text(client, text);
    cr_expect(read_until(client, NULL));
    for (size_t i = 0; i < count; i++) {
        at = at != NULL ? strstr(at, bodies[i]) : NULL;
        cr_expect_not_null(at, "%s -> %s in place of %s", text, answer, bodies[i]);
    }
    cr_expect_eq(answers(), count, "%s -> %s", text, answer);
    close(client);
}

TestSuite(http, .init = start_patient, .fini = stop);
TestSuite(http_time, .init = start_impatient, .fini = stop);

#define HOST "Host: a\r\n"
#define LAST HOST "Connection: close\r\n"

Test(http, what_is_no_request_gets_a_problem_and_ends) {
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"GET /\r\n", 400},
        {"BREW / HTTP/1.1\r\n" HOST "\r\n", 501},
        {"GET / HTTP/3.0\r\n" HOST "\r\n", 505},
        {"GET / HTTP/1.1\n" HOST "\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\n" HOST "Expect: the best\r\n\r\n", 417},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", 413},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nno header\r\n\r\n", 400},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        assert_text_refused(rows[i].text, rows[i].status);
    }
    static const char nul[] = "GET / HTTP/1.1\r\n" HOST "X: \0\r\n\r\n";
    assert_refused(span_of(nul, sizeof nul - 1), 400);
}

static struct evbuffer *repeated(const char *first, const char *text, size_t count) {
    struct evbuffer *bytes = evbuffer_new();
    evbuffer_add_printf(bytes, "%s", first);
    for (size_t i = 0; i < count; i++) {
        evbuffer_add_printf(bytes, "%s", text);
    }
    return bytes;
}

static void assert_flood_refused(const char *first, const char *text, int status) {
    struct evbuffer *bytes = repeated(first, text, 10000);
    assert_refused(span_of(evbuffer_pullup(bytes, -1), evbuffer_get_length(bytes)), status);
    evbuffer_free(bytes);
}

Test(http, floods_are_refused) {
    static const char chunked[] = "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    char begun[256], extended[256];
    snprintf(begun, sizeof begun, "%s0\r\n", chunked);
    snprintf(extended, sizeof extended, "%s1;", chunked);
    assert_flood_refused("GET / HTTP/1.1\r\n", "X: y\r\n", 431);
    assert_flood_refused("GET / HTTP/1.1\r\nX: ", "yyyyyyyy", 431);
    assert_flood_refused("GET /", "yyyyyyyy", 414);
    assert_flood_refused(begun, "X: y\r\n", 413);
    assert_flood_refused(extended, "x=y;", 400);
    assert_flood_refused(chunked, "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\ny\r\n", 413);
    assert_flood_refused(chunked, "1\r\ny\r\n", 413);
}

Test(http, a_request_hidden_behind_another_is_never_served) {
    static const char *const one[] = {"POST /a [GET /b HTTP/1.1\r\n" HOST "\r\n]"};
    static const char *const head[] = {"Content-Length: 10\r\n"};
    assert_answered("POST /a HTTP/1.1\r\n" LAST "Content-Length: 28\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", 1, one);
    assert_answered("HEAD /a HTTP/1.1\r\n" LAST "Content-Length: 28\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", 1, head);
    assert_answered("HEAD /a HTTP/1.1\r\n" LAST "Transfer-Encoding: chunked\r\n\r\n"
                    "1c\r\nGET /b HTTP/1.1\r\n" HOST "\r\n\r\n0\r\n\r\n",
                    1, head);
    assert_answered("GET /a HTTP/1.1\r\n" LAST "\r\nGET /b HTTP/1.1\r\n" HOST "\r\n", 1,
                    (const char *const[]){"GET /a []"});
}

/* Bytes that are nearly requests: whatever the gate takes for one, evhttp must take for the same one. */

static uint64_t seed;

static uint32_t chance(uint32_t of) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % of;
}

static size_t nearly(char *text, size_t room) {
    static const char *const parts[] = {
        "GET /1 HTTP/1.1\r\n" HOST "\r\n",
        "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
        "PUT /3 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HEAD /4 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "DELETE /5?x=1&y HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nz",
        "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
        "PATCH http://a/6 HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
        "\r\n",
        "Content-Length: 2\r\n",
        "0\r\n\r\n",
        "Connection: close, x\r\n",
        "http://[::1]:99999/%zz?#",
        "//:x@y",
    };
    size_t len = 0;
    for (uint32_t count = 1 + chance(4); count > 0; count--) {
        const char *part = parts[chance(ARRAY_LENGTH(parts))];
        len += (size_t)snprintf(text + len, room - len, "%s", part);
    }
    for (uint32_t count = chance(6); count > 0; count--) {
        size_t at = chance((uint32_t)len), from = chance((uint32_t)len), bytes = 1 + chance(20);
        bytes = bytes < len - (at > from ? at : from) ? bytes : len - (at > from ? at : from);
        if (chance(2) == 0) {
            memmove(text + at, text + from, bytes);
        } else {
            text[at] = (char)chance(256);
        }
    }
    return len;
}

Test(http, evhttp_never_answers_by_itself, .timeout = 60) {
    char text[2048];
    int served = 0;
    seed = (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 3000; i++) {
        int client = connect_client();
        size_t len = nearly(text, sizeof text);
        send_bytes(client, span_of(text, len));
        shutdown(client, SHUT_WR);
        cr_assert(read_until(client, NULL));
        cr_assert_null(strstr(answer, "<HTML>"), "%.*s -> %s", (int)len, text, answer);
        served += strstr(answer, " 200 OK\r\n") != NULL;
        close(client);
    }
    cr_expect_gt(served, 300, "%d", served);
}

Test(http, pipelined_requests_are_answered_in_order) {
    static const char *const bodies[] = {"GET /1 []", "POST /2 [xyz]", "POST /3 [hello]", "Content-Length: 9",
                                         "GET /5 []"};
    assert_answered("GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz\r\n"
                    "POST /3 HTTP/1.1\r\n" HOST
                    "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Y: z\r\n\r\n"
                    "HEAD /4 HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyzGET http://a/5 HTTP/1.1\r\n" LAST "\r\n",
                    5, bodies);
}

Test(http, what_comes_in_single_bytes_is_the_same) {
    static const char text[] =
        "POST /2 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        "GET /3 HTTP/1.1\r\n" LAST "\r\n";
    int client = connect_client();
    for (size_t i = 0; i < sizeof text - 1; i++) {
        send_bytes(client, span_of(text + i, 1));
        run_loop();
    }
    cr_assert(read_until(client, NULL));
    cr_expect_not_null(strstr(answer, "POST /2 [abcde]"), "%s", answer);
    cr_expect_not_null(strstr(answer, "GET /3 []"), "%s", answer);
    close(client);
}

Test(http, a_bad_request_behind_a_good_one_is_refused_behind_its_answer) {
    int client = connect_client();
    send_text(client, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\nHost: a\r\n\r\n");
    cr_assert(read_until(client, NULL));
    const char *first = strstr(answer, "GET /1 []");
    cr_expect(first != NULL && strstr(first, "HTTP/1.1 400 Bad Request\r\n") != NULL && answers() == 2, "%s", answer);
    close(client);
}

Test(http, a_body_is_awaited_with_100_continue_only_if_it_is_wanted) {
    int client = connect_client();
    send_text(client, "POST /1 HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    read_until(client, "\r\n\r\n");
    cr_expect_str_eq(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    send_text(client, "abc");
    read_until(client, "[abc]");
    send_text(client, "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\nde");
    read_until(client, "[de]");
    cr_expect_null(strstr(answer, "100 Continue"), "%s", answer);
    close(client);
    assert_text_refused("POST /1 HTTP/1.1\r\n" HOST "Content-Length: 3000\r\nExpect: 100-continue\r\n\r\n", 413);
}

Test(http, who_has_ended_its_side_still_gets_the_answer) {
    int client = connect_client();
    send_text(client, "GET /1 HTTP/1.1\r\n" HOST "\r\n");
    shutdown(client, SHUT_WR);
    cr_assert(read_until(client, NULL));
    cr_expect_not_null(strstr(answer, "GET /1 []"), "%s", answer);
    close(client);
}

static void wait_kept(int count) {
    while (kept_count < count) {
        run_loop();
    }
}

Test(http, who_has_gone_is_answered_into_the_void) {
    struct linger none = {.l_onoff = 1};
    int client = connect_client();
    send_text(client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    wait_kept(1);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(client);
    run_loop();
    http_reply(kept[0], 200, span_text("x"));
    while (http_counts(http).connections > 0) {
        run_loop();
    }
}

Test(http, connections_past_the_bounds_are_told_so) {
    int clients[CONNECTIONS_MAX];
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        clients[i] = connect_client();
    }
    cr_assert(read_until(clients[CONNECTIONS_MAX - 1], NULL));
    cr_expect_eq(strncmp(answer, "HTTP/1.1 503 ", 13), 0, "%s", answer);
    cr_expect_eq(http_counts(http).refused_connections, 1);
    close(clients[CONNECTIONS_MAX - 1]);
    send_text(clients[0], "GET /1 HTTP/1.1\r\n" LAST "\r\n");
    cr_assert(read_until(clients[0], NULL));
    cr_expect_not_null(strstr(answer, "GET /1 []"), "%s", answer);
    int client = connect_client();
    send_text(client, "GET /2 HTTP/1.1\r\n" LAST "\r\n");
    cr_assert(read_until(client, NULL));
    cr_expect_not_null(strstr(answer, "GET /2 []"), "%s", answer);
}

/* No descriptor is left until two are: who waited is served then. */
Test(http, connections_wait_while_no_descriptor_is_left) {
    int first = connect_client(), second = connect_client(), next = dup(first);
    struct rlimit before, none;
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 10; i++) {
        run_loop();
    }
    cr_expect_eq(http_counts(http).connections, 0);
    cr_expect_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE), 0, "the loop runs hot");
    setrlimit(RLIMIT_NOFILE, &before);
    send_text(first, "GET /1 HTTP/1.1\r\n" LAST "\r\n");
    send_text(second, "GET /2 HTTP/1.1\r\n" LAST "\r\n");
    cr_assert(read_until(first, NULL));
    cr_expect_not_null(strstr(answer, "GET /1 []"), "%s", answer);
    cr_assert(read_until(second, NULL));
    cr_expect_not_null(strstr(answer, "GET /2 []"), "%s", answer);
}

Test(http, draining_ends_idle_connections_and_answers_the_others) {
    int idle = connect_client(), busy = connect_client();
    send_text(busy, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    wait_kept(1);
    http_drain(http);
    cr_assert(read_until(idle, NULL));
    cr_expect_eq(answer_bytes, 0, "%s", answer);
    http_reply(kept[0], 200, span_text("late"));
    cr_assert(read_until(busy, NULL));
    cr_expect(strstr(answer, "Connection: close\r\n") != NULL && strstr(answer, "late") != NULL, "%s", answer);
    cr_expect_eq(http_counts(http).connections, 0);
}

Test(http, an_answer_says_when_it_was_given) {
    int client = connect_client();
    send_text(client, "GET /1 HTTP/1.1\r\n" LAST "\r\n");
    cr_assert(read_until(client, NULL));
    const char *date = strstr(answer, "\r\nDate: ");
    cr_assert_not_null(date, "%s", answer);
    cr_expect_eq(strcspn(date + strlen("\r\nDate: "), "\r"), strlen("Mon, 23 Nov 2026 08:57:39 GMT"), "%s", answer);
    close(client);
}

Test(http, http_1_0_is_answered_and_ends) {
    int client = connect_client();
    send_text(client, "GET /1 HTTP/1.0\r\n\r\n");
    cr_assert(read_until(client, NULL));
    cr_expect_not_null(strstr(answer, "GET /1 []"), "%s", answer);
    close(client);
}

Test(http_time, who_says_nothing_is_sent_away_without_a_word) {
    int client = connect_client();
    cr_assert(read_until(client, NULL));
    cr_expect_eq(answer_bytes, 0, "%s", answer);
    client = connect_client();
    send_text(client, "GET /1 HTTP/1.1\r\n" HOST "\r\n");
    cr_assert(read_until(client, NULL));
    cr_expect_eq(answers(), 1, "%s", answer);
    cr_expect_eq(http_counts(http).timeouts, 2);
}

Test(http_time, who_does_not_end_a_head_or_a_body_is_told_so) {
    assert_text_refused("GET / HTTP/1.1\r\n", 408);
    assert_text_refused("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab", 408);
    assert_text_refused("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nab", 408);
}

/* Each byte in time is too little: the head as a whole has its time. */
Test(http_time, who_drips_is_told_so) {
    int client = connect_client();
    send_text(client, "GET / HTTP/1.1\r\nX: ");
    uint64_t sent = 0;
    while (http_counts(http).timeouts == 0) {
        sent += send(client, "y", 1, MSG_NOSIGNAL) == 1;
        run_loop();
    }
    cr_assert_gt(sent, 0);
    cr_assert(read_until(client, NULL));
    cr_expect(strncmp(answer, "HTTP/1.1 4", 10) == 0, "%s", answer);
}

Test(http_time, who_does_not_read_an_answer_is_sent_away) {
    int client = connect_client();
    send_text(client, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    while (http_counts(http).timeouts == 0 || http_counts(http).connections > 0) {
        run_loop();
    }
    close(client);
}

Test(http_time, a_request_that_takes_long_is_not_given_up) {
    int client = connect_client();
    send_text(client, "GET /later HTTP/1.1\r\n" LAST "\r\n");
    wait_kept(1);
    int other = connect_client();
    cr_assert(read_until(other, NULL)); /* its time is up */
    http_reply(kept[0], 200, span_text("late"));
    cr_assert(read_until(client, NULL));
    cr_expect_not_null(strstr(answer, "late"), "%s", answer);
}
