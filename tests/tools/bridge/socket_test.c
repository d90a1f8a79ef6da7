/* SPDX-License-Identifier: MIT */
/* A server and its clients in one thread: frames go in as bytes, and bytes that come out are compared. */
#include "tools/bridge/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "schemas/check.h"
#include "schemas/limits.h"

enum {
    MESSAGE_MAX = 1000,
    SHORT_MS = 300,
    LONG_MS = 60000,
    HEARD_MAX = 1 << 16,
    FRAME_MAX = 1 << 17,
};

static struct event_base *base;
static http_t *http;
static sockets_t *sockets;
static socket_t *here; /* the one that came last; NULL: gone */
static int client;
static char heard[HEARD_MAX]; /* messages, each in brackets */
static size_t heard_bytes;
static int drained_count, gone_count, close_at; /* close_at: at which message we close; 0: never */
static uint8_t got[FRAME_MAX];
static size_t got_bytes;
static bool got_end;

static void take_message(void *context, span_t text) {
    (void)context;
    heard_bytes += (size_t)snprintf(heard + heard_bytes, sizeof heard - heard_bytes, "[%.*s]", (int)text.len,
                                    (const char *)text.ptr);
    if (close_at > 0 && --close_at == 0) {
        socket_close(&here, 4001, "enough");
    }
}

static void take_room(void *context) {
    (void)context;
    drained_count++;
}

static void take_end(void *context) {
    (void)context;
    here = NULL;
    gone_count++;
}

static const socket_calls_t calls = {.message = take_message, .drained = take_room, .gone = take_end};

static void serve(void *context, http_request_t *request) {
    char accept[SOCKET_ACCEPT_BYTES];
    (void)context;
    cr_assert_null(socket_accept(request, accept));
    http_add_header(request, "Sec-WebSocket-Accept", accept);
    here = socket_new(sockets, request, NULL);
    cr_assert_not_null(here);
}

static void refuse(void *context, int status, const char *why, struct evbuffer *to) {
    (void)context;
    (void)to;
    cr_assert_fail("%d: %s", status, why);
}

static void start(uint32_t heartbeat_ms) {
    static const char *const headers[] = {NULL};
    char error[256];
    base = event_base_new();
    http = http_new(&(http_options_t){.base = base,
                                      .address = "127.0.0.1",
                                      .body_bytes_max = MESSAGE_MAX,
                                      .connections_max = 10,
                                      .address_connections_max = 10,
                                      .head_ms = LONG_MS,
                                      .body_ms = LONG_MS,
                                      .answer_ms = LONG_MS,
                                      .idle_ms = LONG_MS,
                                      .headers = headers,
                                      .serve = serve,
                                      .refuse = refuse},
                    error, sizeof error);
    cr_assert_not_null(http, "%s", error);
    sockets = sockets_new(&(sockets_options_t){
        .base = base, .heartbeat_ms = heartbeat_ms, .message_bytes_max = MESSAGE_MAX, .calls = &calls});
}

static void start_patient(void) {
    start(LONG_MS);
}

static void start_impatient(void) {
    start(SHORT_MS);
}

static void stop(void) {
    socket_close(&here, 1001, "");
    close(client);
    http_destroy(&http);
    sockets_destroy(&sockets);
    event_base_free(base);
}

static void run_loop(void) {
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void send_bytes(span_t bytes) {
    while (bytes.len > 0) {
        ssize_t sent = send(client, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            return;
        }
        bytes = sent > 0 ? span_of(bytes.ptr + sent, bytes.len - (size_t)sent) : bytes;
        run_loop();
    }
}

/* What is there to be read; false: nothing more will be. */
static bool receive(void) {
    run_loop();
    ssize_t count = recv(client, got + got_bytes, sizeof got - got_bytes, 0);
    got_bytes += count > 0 ? (size_t)count : 0;
    got_end = got_end || count == 0 || (count < 0 && errno != EAGAIN);
    return !got_end;
}

static void connect_client(span_t early) {
    static const char hello[] =
        "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(http_port(http))};
    uint8_t bytes[1024];
    inet_pton(AF_INET, "127.0.0.1", &place.sin_addr);
    client = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&place, sizeof place), 0);
    fcntl(client, F_SETFL, O_NONBLOCK);
    memcpy(bytes, hello, sizeof hello - 1);
    memcpy(bytes + sizeof hello - 1, early.ptr, early.len);
    send_bytes(span_of(bytes, sizeof hello - 1 + early.len));
    while (memmem(got, got_bytes, "\r\n\r\n", 4) == NULL) {
        cr_assert(receive());
    }
    got[got_bytes] = 0;
    cr_assert_not_null(strstr((char *)got, "HTTP/1.1 101 Switching Protocols\r\n"));
    /* The example of RFC 6455 §1.3. */
    cr_assert_not_null(strstr((char *)got, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    got_bytes = 0;
}

/* A client's frame (RFC 6455 §5.2) in its shortest form. */
static span_t frame(uint8_t first, span_t payload) {
    static uint8_t bytes[FRAME_MAX];
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 0;
    bytes[at++] = first;
    if (payload.len < 126) {
        bytes[at++] = (uint8_t)(0x80 | payload.len);
    } else {
        bytes[at++] = 0x80 | 126;
        bytes[at++] = (uint8_t)(payload.len >> 8);
        bytes[at++] = (uint8_t)payload.len;
    }
    memcpy(bytes + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < payload.len; i++) {
        bytes[at++] = payload.ptr[i] ^ mask[i % 4];
    }
    return span_of(bytes, at);
}

static void send_frame(uint8_t first, const char *payload) {
    send_bytes(frame(first, span_text(payload)));
}

static void assert_heard(const char *expected) {
    while (heard_bytes < strlen(expected) && receive()) {
    }
    cr_assert_str_eq(heard, expected);
}

/* These bytes come, and no others so far. */
static void assert_got(span_t expected) {
    while (got_bytes < expected.len && receive()) {
    }
    cr_assert(got_bytes == expected.len && memcmp(got, expected.ptr, got_bytes) == 0, "%zu bytes: %.*s", got_bytes,
              (int)got_bytes, (char *)got);
    got_bytes = 0;
}

/* A close frame with this code is the last that comes, and the connection ends. */
static void assert_closed(uint16_t code, const char *reason) {
    while (receive()) {
    }
    size_t bytes = 4 + strlen(reason);
    cr_assert_geq(got_bytes, bytes);
    const uint8_t *last = got + got_bytes - bytes;
    cr_assert(last[0] == 0x88 && last[1] == 2 + strlen(reason) && memcmp(last + 4, reason, strlen(reason)) == 0);
    cr_assert_eq(last[2] << 8 | last[3], code, "%d", last[2] << 8 | last[3]);
    cr_assert_null(here);
}

/* What breaks the protocol. */

static const struct {
    const char *what;
    uint16_t code;
    const char *bytes;
    size_t len;
} breaches[] = {
#define ROW(what, code, bytes)                                                                                         \
    { what, code, bytes, sizeof(bytes) - 1 }
    ROW("a frame without a mask", 1002, "\x81\x02hi"),
    ROW("a reserved bit", 1002, "\xc1\x82\0\0\0\0hi"),
    ROW("an opcode that is none", 1002, "\x83\x82\0\0\0\0hi"),
    ROW("a control opcode that is none", 1002, "\x8b\x82\0\0\0\0hi"),
    ROW("a continuation of nothing", 1002, "\x80\x82\0\0\0\0hi"),
    ROW("a message inside a message", 1002, "\x01\x82\0\0\0\0hi\x81\x82\0\0\0\0hi"),
    ROW("a ping in parts", 1002, "\x09\x82\0\0\0\0hi"),
    ROW("a ping that is too long", 1002, "\x89\xfe\x00\x7e\0\0\0\0"),
    ROW("a length in more bytes than it needs", 1002, "\x81\xfe\x00\x02\0\0\0\0hi"),
    ROW("a length beyond 63 bits", 1002, "\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0"),
    ROW("a close with a code that is none", 1002, "\x88\x82\0\0\0\0\x03\xed"),
    ROW("bytes that are no UTF-8", 1007, "\x81\x82\0\0\0\0\xc3\x28"),
    ROW("half a character at the end", 1007, "\x81\x81\0\0\0\0\xc3"),
    ROW("a surrogate", 1007, "\x81\x83\0\0\0\0\xed\xa0\x80"),
    ROW("binary", 1003, "\x82\x82\0\0\0\0hi"),
    ROW("a message that is too long, of which nothing has come yet", 1009, "\x81\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0h"),
};

Test(socket, who_breaks_the_protocol_is_closed_and_told_why, .init = start_patient, .fini = stop) {
    for (size_t i = 0; i < ARRAY_LENGTH(breaches); i++) {
        connect_client(span_text(""));
        send_bytes(span_of(breaches[i].bytes, breaches[i].len));
        assert_closed(breaches[i].code, "");
        cr_assert_eq(gone_count, (int)i + 1, "%s", breaches[i].what);
        cr_assert_eq(heard_bytes, 0, "%s", breaches[i].what);
        close(client);
        got_end = false;
        got_bytes = 0;
    }
}

Test(socket, parts_that_together_are_too_long_are_refused, .init = start_patient, .fini = stop) {
    char half[MESSAGE_MAX / 2 + 2] = "";
    memset(half, 'x', sizeof half - 1);
    connect_client(span_text(""));
    send_frame(0x01, half);
    send_frame(0x80, half);
    assert_closed(1009, "");
}

Test(socket, a_message_in_too_many_parts_is_refused, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    send_frame(0x01, "");
    for (int i = 0; i < 2000 && here != NULL; i++) {
        send_frame(0x00, "");
    }
    assert_closed(1009, "");
}

/* Messages. */

Test(socket, messages_come_whole_and_in_order, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    send_frame(0x81, "one");
    send_frame(0x81, "");
    send_frame(0x01, "thr");
    send_frame(0x00, "");
    send_frame(0x80, "ee");
    send_frame(0x01, "gr\xc3");
    send_frame(0x80, "\xbc\xc3\x9f");
    assert_heard("[one][][three][gr\xc3\xbc\xc3\x9f]");
}

Test(socket, a_message_may_come_byte_by_byte, .init = start_patient, .fini = stop) {
    char text[300] = "";
    memset(text, 'x', sizeof text - 1);
    connect_client(span_text(""));
    span_t bytes = frame(0x81, span_text(text));
    for (size_t i = 0; i < bytes.len; i++) {
        send_bytes(span_of(bytes.ptr + i, 1));
    }
    while (heard_bytes < sizeof text + 1 && receive()) {
    }
    cr_assert_eq(heard_bytes, sizeof text + 1);
}

Test(socket, what_comes_together_with_the_handshake_is_heard, .init = start_patient, .fini = stop) {
    connect_client(frame(0x81, span_text("early")));
    assert_heard("[early]");
}

Test(socket, a_ping_is_answered_also_inside_a_message, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    send_frame(0x01, "o");
    send_frame(0x89, "you?");
    assert_got(span_text("\x8a\x04you?"));
    send_frame(0x80, "ne");
    assert_heard("[one]");
}

Test(socket, what_is_sent_is_one_frame, .init = start_patient, .fini = stop) {
    char text[201] = "";
    memset(text, 'x', sizeof text - 1);
    connect_client(span_text(""));
    socket_send(here, span_text("hi"));
    assert_got(span_text("\x81\x02hi"));
    socket_send(here, span_text(text));
    while (got_bytes < 4 + strlen(text) && receive()) {
    }
    cr_assert(memcmp(got, "\x81\x7e\x00\xc8xx", 6) == 0);
}

/* The end. */

Test(socket, a_close_is_answered_with_its_code, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    send_frame(0x88, "\x03\xe8"
                     "bye");
    assert_closed(1000, "bye");
    cr_assert_eq(gone_count, 1);
}

Test(socket, who_goes_without_a_word_is_gone, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    shutdown(client, SHUT_RDWR);
    while (gone_count == 0) {
        run_loop();
    }
    cr_assert_null(here);
}

Test(socket, when_we_close_what_was_sent_comes_before, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    socket_send(here, span_text("hi"));
    socket_close(&here, 1012, "restart");
    assert_closed(1012, "restart");
    cr_assert(memcmp(got, "\x81\x02hi", 4) == 0);
    cr_assert_eq(gone_count, 0);
}

Test(socket, nothing_is_heard_behind_our_close, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    close_at = 2;
    uint8_t bytes[64];
    size_t len = 0;
    for (int i = 0; i < 4; i++) {
        span_t one = frame(0x81, span_of("0123" + i, 1));
        memcpy(bytes + len, one.ptr, one.len);
        len += one.len;
    }
    send_bytes(span_of(bytes, len));
    assert_closed(4001, "enough");
    cr_assert_str_eq(heard, "[0][1]");
    cr_assert_eq(gone_count, 0);
}

/* Bounds. */

Test(socket, while_paused_nothing_more_is_read, .init = start_patient, .fini = stop) {
    connect_client(span_text(""));
    socket_pause(here, true);
    send_frame(0x81, "one");
    for (int i = 0; i < 100; i++) {
        run_loop();
    }
    cr_assert_eq(heard_bytes, 0);
    socket_pause(here, false);
    assert_heard("[one]");
}

Test(socket, what_the_peer_does_not_take_waits_here_and_is_seen, .init = start_patient, .fini = stop) {
    static char text[KIB(16)];
    size_t sent = 0;
    memset(text, 'x', sizeof text);
    connect_client(span_text(""));
    while (socket_waiting(here) < KIB(128)) {
        socket_send(here, span_of(text, sizeof text));
        sent += sizeof text + 4;
        run_loop();
    }
    cr_assert_lt(sent, MIB(16)); /* the kernel does not take it all */
    drained_count = 0;
    for (size_t taken = 0; taken < sent; taken += got_bytes) {
        got_bytes = 0;
        cr_assert(receive());
    }
    cr_assert_eq(socket_waiting(here), 0);
    cr_assert_gt(drained_count, 0);
}

/* Heartbeats. */

Test(socket, who_is_silent_is_asked_and_then_gone, .init = start_impatient, .fini = stop) {
    connect_client(span_text(""));
    assert_got(span_of("\x89\x00", 2));
    while (receive()) {
    }
    cr_assert_eq(gone_count, 1);
}

Test(socket, who_answers_stays, .init = start_impatient, .fini = stop) {
    connect_client(span_text(""));
    for (int i = 0; i < 3; i++) {
        assert_got(span_of("\x89\x00", 2));
        send_frame(0x8a, "");
    }
    cr_assert_eq(gone_count, 0);
}
