/* SPDX-License-Identifier: MIT */
/*
 * libwslay's state for reading is 8 KiB, so a socket has one only while it is in the midst of a message: it comes with
 * the first byte and goes when all bytes that came made whole messages. What is sent are whole frames, and all sockets
 * share the state for that.
 *
 *   bytes ─► wslay_event_recv ─► message          text ─► wslay_frame_send ─► stream
 *                 └► pong, close ─────────────────────────────────────────────► stream
 *
 * While libwslay runs, closing only marks: what it runs on must stay.
 */
#include "tools/bridge/socket.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <glib.h>
#include <sodium.h>
#include <wslay/wslay.h>

#include "schemas/check.h"
#include "tools/bridge/milliseconds.h"
#include "tools/bridge/words.h"

enum {
    SWITCHING_PROTOCOLS = 101,
    KEY_BYTES = 16,
    FRAGMENTS_MAX = 1024, /* of a message: each costs more than its bytes */
    CONTROL_BYTES_MAX = 125,
    SILENT_HEARTBEATS = 2,
    CODE_PROTOCOL = WSLAY_CODE_PROTOCOL_ERROR,
    CODE_NO_TEXT = WSLAY_CODE_UNSUPPORTED_DATA,
    CODE_TOO_BIG = WSLAY_CODE_MESSAGE_TOO_BIG,
};

struct sockets {
    sockets_options_t options;
    wslay_frame_context_ptr frames;
    stream_t *to; /* where the frame that is made goes */
};

struct socket {
    sockets_t *set;
    stream_t *stream; /* NULL: closed, while libwslay runs */
    void *context;
    wslay_event_context_ptr reading; /* NULL: between messages */
    struct evbuffer *input;          /* while libwslay runs; else NULL */
    uint64_t given, framed;          /* bytes that `reading` was given, and that its frames have */
    uint32_t fragments;              /* of the message that comes; 0: none */
    bool paused;
    uint16_t refused; /* why it is to be closed when libwslay has returned; 0: it is not */
    uint64_t heard_ms;
    size_t waiting; /* at the last heartbeat */
    struct event *heartbeat;
};

/* What is sent. */

static ssize_t write_frame(const uint8_t *bytes, size_t len, int flags, void *context) {
    sockets_t *self = context;
    (void)flags;
    stream_write(self->to, span_of(bytes, len));
    return (ssize_t)len;
}

static void send_frame(socket_t *self, uint8_t opcode, span_t payload) {
    struct wslay_frame_iocb frame = {
        .fin = 1, .opcode = opcode, .payload_length = payload.len, .data = payload.ptr, .data_length = payload.len};
    self->set->to = self->stream;
    ssize_t sent = wslay_frame_send(self->set->frames, &frame);
    CHECK(sent == (ssize_t)payload.len, "sent %zd of %zu", sent, payload.len);
}

void socket_send(socket_t *self, span_t text) {
    send_frame(self, WSLAY_TEXT_FRAME, text);
}

size_t socket_waiting(const socket_t *self) {
    return stream_waiting(self->stream);
}

void socket_pause(socket_t *self, bool paused) {
    if (paused != self->paused) {
        self->paused = paused;
        stream_pause(self->stream, paused);
    }
}

/* The end. */

static void forget_message(socket_t *self) {
    if (self->reading != NULL) {
        wslay_event_context_free(self->reading);
        self->reading = NULL;
    }
    self->given = self->framed = self->fragments = 0;
}

static void destroy(socket_t *self) {
    forget_message(self);
    stream_end(&self->stream);
    event_free(self->heartbeat);
    free(self);
}

static void send_close(socket_t *self, uint16_t code, const char *reason) {
    uint8_t payload[CONTROL_BYTES_MAX];
    size_t len = strnlen(reason, sizeof payload - sizeof code);
    uint16_t wire = htons(code);
    memcpy(payload, &wire, sizeof wire);
    memcpy(payload + sizeof wire, reason, len);
    send_frame(self, WSLAY_CONNECTION_CLOSE, span_of(payload, sizeof wire + len));
}

void socket_close(socket_t **self_p, uint16_t code, const char *reason) {
    socket_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    send_close(self, code, reason);
    if (self->input == NULL) {
        destroy(self);
        return;
    }
    stream_end(&self->stream);
    wslay_event_shutdown_read(self->reading);
}

/* The owner learns it last. */
static void be_gone(socket_t *self) {
    void *context = self->context;
    const socket_calls_t *calls = self->set->options.calls;
    destroy(self);
    calls->gone(context);
}

static void refuse(socket_t *self, uint16_t code) {
    self->refused = code;
    wslay_event_shutdown_read(self->reading);
}

/* What comes. */

static ssize_t read_bytes(wslay_event_context_ptr reading, uint8_t *bytes, size_t len, int flags, void *context) {
    socket_t *self = context;
    int count = self->paused ? 0 : evbuffer_remove(self->input, bytes, len);
    (void)flags;
    if (count <= 0) {
        wslay_event_set_error(reading, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    self->given += (uint64_t)count;
    return count;
}

static ssize_t write_bytes(wslay_event_context_ptr reading, const uint8_t *bytes, size_t len, int flags,
                           void *context) {
    socket_t *self = context;
    (void)reading;
    (void)flags;
    stream_write(self->stream, span_of(bytes, len));
    return (ssize_t)len;
}

/* With the mask that clients' frames have (RFC 6455 §5.2). */
static uint64_t frame_bytes(uint64_t payload) {
    uint64_t length = payload < 126 ? 0 : payload <= UINT16_MAX ? 2 : 8;
    return 2 + length + 4 + payload;
}

static void begin_frame(wslay_event_context_ptr reading, const struct wslay_event_on_frame_recv_start_arg *frame,
                        void *context) {
    socket_t *self = context;
    (void)reading;
    self->framed += frame_bytes(frame->payload_length);
    if (!wslay_is_ctrl_frame(frame->opcode) && ++self->fragments > FRAGMENTS_MAX) {
        refuse(self, CODE_TOO_BIG);
    }
}

static void take_message(wslay_event_context_ptr reading, const struct wslay_event_on_msg_recv_arg *message,
                         void *context) {
    socket_t *self = context;
    (void)reading;
    if (wslay_is_ctrl_frame(message->opcode)) {
        return;
    }
    self->fragments = 0;
    if (message->opcode != WSLAY_TEXT_FRAME) {
        refuse(self, CODE_NO_TEXT);
    } else {
        self->set->options.calls->message(
            self->context, span_of(message->msg_length > 0 ? (const void *)message->msg : "", message->msg_length));
    }
}

static const struct wslay_event_callbacks callbacks = {.recv_callback = read_bytes,
                                                       .send_callback = write_bytes,
                                                       .on_frame_recv_start_callback = begin_frame,
                                                       .on_msg_recv_callback = take_message};

static void begin_message(socket_t *self) {
    int rc = wslay_event_context_server_init(&self->reading, &callbacks, self);
    CHECK(rc == 0, "out of memory");
    wslay_event_config_set_max_recv_msg_length(self->reading, self->set->options.message_bytes_max);
}

/* Behind what libwslay has read: it may have answered a ping, or a close, or found that the peer breaks the rules. */
static void settle(socket_t *self, bool readable) {
    if (self->stream == NULL) {
        destroy(self);
        return;
    }
    if (self->refused != 0 || !readable) {
        send_close(self, self->refused != 0 ? self->refused : CODE_PROTOCOL, "");
        be_gone(self);
        return;
    }
    if (wslay_event_want_write(self->reading)) {
        int rc = wslay_event_send(self->reading);
        CHECK(rc == 0, "libwslay says %d", rc);
    }
    if (wslay_event_get_close_sent(self->reading)) {
        be_gone(self);
    } else if (self->given == self->framed && self->fragments == 0) {
        forget_message(self);
    }
}

static uint64_t now_ms(const socket_t *self) {
    struct timeval now;
    event_base_gettimeofday_cached(self->set->options.base, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
}

static void take_bytes(void *context, struct evbuffer *bytes) {
    socket_t *self = context;
    self->heard_ms = now_ms(self);
    if (self->reading == NULL) {
        begin_message(self);
    }
    self->input = bytes;
    int rc = wslay_event_recv(self->reading);
    self->input = NULL;
    settle(self, rc == 0);
}

static void take_room(void *context) {
    socket_t *self = context;
    self->set->options.calls->drained(self->context);
}

static void take_end(void *context) {
    be_gone(context);
}

static const stream_calls_t stream_calls = {.arrived = take_bytes, .drained = take_room, .gone = take_end};

/* Heartbeats. */

static void arm(socket_t *self, uint64_t after_ms) {
    struct timeval after = milliseconds(after_ms);
    event_add(self->heartbeat, &after);
}

/* Who takes what we sent is there, though he may come to reading a ping late. */
static uint64_t silent_ms(socket_t *self, uint64_t now) {
    size_t waiting = socket_waiting(self);
    if (waiting < self->waiting) {
        self->heard_ms = now;
    }
    self->waiting = waiting;
    return now > self->heard_ms ? now - self->heard_ms : 0;
}

static void look(evutil_socket_t fd, short events, void *context) {
    socket_t *self = context;
    uint64_t heartbeat_ms = self->set->options.heartbeat_ms, silent = silent_ms(self, now_ms(self));
    (void)fd;
    (void)events;
    if (silent >= SILENT_HEARTBEATS * heartbeat_ms) {
        be_gone(self);
        return;
    }
    if (silent >= heartbeat_ms) {
        send_frame(self, WSLAY_PING, span_text(""));
        silent = 0;
    }
    arm(self, heartbeat_ms - silent);
}

/* Coming. */

static bool has_word(const char *list, const char *word) {
    span_t rest = span_text(list != NULL ? list : ""), one;
    bool found = false;
    while (!found && words_take(&rest, &one)) {
        found = words_same(one, word);
    }
    return found;
}

const char *socket_accept(const http_request_t *request, char accept[SOCKET_ACCEPT_BYTES]) {
    const char *key = http_header(request, "Sec-WebSocket-Key");
    uint8_t nonce[KEY_BYTES], hash[20];
    size_t bytes = 0, hash_bytes = sizeof hash;
    if (http_method(request) != HTTP_GET || !has_word(http_header(request, "Connection"), "upgrade") ||
        !has_word(http_header(request, "Upgrade"), "websocket")) {
        return "This is for WebSockets";
    }
    if (key == NULL ||
        sodium_base642bin(nonce, sizeof nonce, key, strlen(key), NULL, &bytes, NULL, sodium_base64_VARIANT_ORIGINAL) !=
            0 ||
        bytes != sizeof nonce) {
        return "Sec-WebSocket-Key is not 16 bytes in base64";
    }
    GChecksum *sha1 = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(sha1, (const guchar *)key, -1);
    g_checksum_update(sha1, (const guchar *)"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", -1);
    g_checksum_get_digest(sha1, hash, &hash_bytes);
    g_checksum_free(sha1);
    sodium_bin2base64(accept, SOCKET_ACCEPT_BYTES, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    return NULL;
}

socket_t *socket_new(sockets_t *sockets, http_request_t *request, void *context) {
    socket_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->set = sockets;
    self->context = context;
    self->stream = stream_new(request, SWITCHING_PROTOCOLS, &stream_calls, self);
    if (self->stream == NULL) {
        free(self);
        return NULL;
    }
    self->heard_ms = now_ms(self);
    self->heartbeat = event_new(sockets->options.base, -1, 0, look, self);
    CHECK(self->heartbeat != NULL, "out of memory");
    arm(self, sockets->options.heartbeat_ms);
    return self;
}

sockets_t *sockets_new(const sockets_options_t *options) {
    sockets_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    struct wslay_frame_callbacks writing = {.send_callback = write_frame};
    int rc = wslay_frame_context_init(&self->frames, &writing, self);
    CHECK(rc == 0, "out of memory");
    return self;
}

void sockets_destroy(sockets_t **self_p) {
    sockets_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        wslay_frame_context_free(self->frames);
        free(self);
    }
}
