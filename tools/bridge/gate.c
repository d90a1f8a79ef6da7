/* SPDX-License-Identifier: MIT */
/*
 * A connection goes round HEAD ─► BODY or CHUNKS ─► EVHTTP ─► HEAD. What comes in is taken out of the bufferevent's
 * input by a callback of that buffer, which runs before evhttp's own; a request that is whole is put back there.
 *
 * evhttp makes a bufferevent's connection only after it has asked for the bufferevent, so a connection is made known to
 * it, and its address counted, in the loop's next round. Its one timer is not moved whenever its deadline is: it looks
 * at the deadline when it fires.
 */
#include "tools/bridge/gate.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <sodium.h>
#include <xxhash.h>

#include "schemas/check.h"
#include "tools/bridge/milliseconds.h"
#include "tools/bridge/scan.h"

enum {
    ADDRESS_SLOTS = 1 << 16,           /* two addresses that share one share its limit */
    LINGER_MS = 2000,                  /* for a client that is still sending to read why it is refused */
    HELD_BYTES_MAX = 64 * 1024 * 1024, /* of requests that are not whole yet, over all connections */
    FRAMING_FACTOR = 8,                /* what stands between chunks, for each byte that is in them */
    MALFORMED = 400,
    TIMEOUT = 408,
    TOO_LARGE = 413,
    BUSY = 503,
};
#define NEVER UINT64_MAX

typedef enum state {
    AT_BEGIN,   /* evhttp does not know it yet, or has just begun to */
    AT_HEAD,    /* a head is awaited, or a part of it is there */
    AT_BODY,    /* body_left bytes are awaited */
    AT_CHUNK,   /* the size of a chunk is awaited */
    AT_DATA,    /* body_left bytes of a chunk are awaited, then an empty line */
    AT_TRAILER, /* lines up to an empty one are awaited */
    AT_EVHTTP,  /* evhttp has the request, or its answer is on the way */
    AT_REFUSAL, /* is to be told `scan.why` in the next round */
    AT_END,     /* has been told; what still comes is thrown away */
    AT_STREAM,  /* not ours to look at */
} state_t;

struct gate_connection {
    gate_t *gate;
    struct bufferevent *bufferevent;
    struct evbuffer *raw;     /* what came and is not looked at yet */
    struct evbuffer *request; /* what is found good of a request that is not whole */
    struct event *step;
    state_t state;
    scan_t scan;
    uint64_t body_left;                 /* of the body, or of a chunk */
    uint64_t body_bytes, framing_bytes; /* of a chunked one so far */
    uint64_t deadline_ms, armed_ms;     /* NEVER: none */
    size_t held_bytes;                  /* its part of the gate's */
    int fd;
    bool moving; /* we change the bufferevent's input ourselves */
    bool head_timed, body_timed;
    uint32_t slot; /* of its address */
    ip_t peer;
    void (*closed)(struct evhttp_connection *, void *context); /* of a stream */
    void *closed_context;
    /* While it is refused: evhttp's functions, and the connection that they take. */
    bufferevent_data_cb read, write;
    bufferevent_event_cb event;
    void *evhttp;
};

struct gate {
    gate_options_t options;
    gate_connection_t **by_fd;
    size_t fds;
    http_counts_t counts;
    size_t held_bytes;
    bool draining;
    uint64_t seed;
    uint32_t slots[ADDRESS_SLOTS]; /* connections of the addresses that fall into it */
};

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *gate_reason(int status) {
    static const struct {
        int status;
        const char *reason;
    } rows[] = {
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].reason;
        }
    }
    return "";
}

static void arm(gate_connection_t *self, uint64_t ms) {
    struct timeval time = milliseconds(ms);
    event_add(self->step, &time);
}

/* It may fire earlier, for an earlier deadline, and then looks again. */
static void set_deadline(gate_connection_t *self, uint64_t ms) {
    self->deadline_ms = ms == NEVER ? NEVER : now_ms() + ms;
    if (self->deadline_ms < self->armed_ms) {
        self->armed_ms = self->deadline_ms;
        arm(self, ms);
    }
}

static struct evbuffer *new_buffer(void) {
    struct evbuffer *buffer = evbuffer_new();
    CHECK(buffer != NULL, "out of memory");
    return buffer;
}

/* Refusing */

/* In the loop's next round: evhttp may be in the middle of something. */
static void refuse(gate_connection_t *self, int status, const char *why) {
    self->state = AT_REFUSAL;
    self->gate->counts.refused_requests++;
    self->scan.status = status;
    self->scan.why = why;
    event_active(self->step, EV_TIMEOUT, 0);
}

static void end(gate_connection_t *self) {
    if (self->event != NULL) {
        bufferevent_setcb(self->bufferevent, self->read, self->write, self->event, self->evhttp);
    } else {
        bufferevent_getcb(self->bufferevent, NULL, NULL, &self->event, &self->evhttp);
    }
    self->event(self->bufferevent, BEV_EVENT_READING | BEV_EVENT_EOF, self->evhttp); /* frees the connection */
}

/* The answer is out; the other side reads it and ends the connection, or its time is up. */
static void refused_sent(struct bufferevent *bufferevent, void *context) {
    gate_connection_t *self = context;
    (void)bufferevent;
    shutdown(self->fd, SHUT_WR);
}

static void refused_ends(struct bufferevent *bufferevent, short what, void *context) {
    (void)bufferevent;
    if ((what & BEV_EVENT_CONNECTED) == 0) { /* as TLS says behind its greetings */
        end(context);
    }
}

static void tell_refused(gate_connection_t *self) {
    const gate_options_t *options = &self->gate->options;
    struct evbuffer *answer = new_buffer();
    evbuffer_add_printf(answer, "HTTP/1.1 %d %s\r\nConnection: close\r\n", self->scan.status,
                        gate_reason(self->scan.status));
    options->refuse(options->context, self->scan.status, self->scan.why, answer);
    self->state = AT_END;
    bufferevent_getcb(self->bufferevent, &self->read, &self->write, &self->event, &self->evhttp);
    bufferevent_setcb(self->bufferevent, NULL, refused_sent, refused_ends, self);
    bufferevent_write_buffer(self->bufferevent, answer);
    bufferevent_enable(self->bufferevent, EV_READ | EV_WRITE);
    evbuffer_free(answer);
    set_deadline(self, LINGER_MS);
}

/* Taking requests */

static bool is_reading(const gate_connection_t *self) {
    return self->state >= AT_HEAD && self->state <= AT_TRAILER;
}

/* Bounds what all that is not whole takes together: who has sent no more than a head is not the one to go. */
static void hold(gate_connection_t *self) {
    size_t bytes = evbuffer_get_length(self->raw) + evbuffer_get_length(self->request);
    self->gate->held_bytes += bytes - self->held_bytes;
    self->held_bytes = bytes;
    if (self->gate->held_bytes > HELD_BYTES_MAX && bytes > SCAN_HEAD_BYTES_MAX && is_reading(self)) {
        refuse(self, BUSY, "Too much is being sent at once");
    }
}

/* Plain bufferevents read with their input frozen for others; one of TLS would read no more. */
static void add_input(gate_connection_t *self, struct evbuffer *bytes) {
    struct evbuffer *input = bufferevent_get_input(self->bufferevent);
    evbuffer_unfreeze(input, 0);
    evbuffer_add_buffer(input, bytes);
    if (self->gate->options.new_socket == NULL) {
        evbuffer_freeze(input, 0);
    }
}

/* The request is whole: evhttp may have it. */
static bool pass(gate_connection_t *self) {
    self->state = AT_EVHTTP;
    self->head_timed = self->body_timed = false;
    set_deadline(self, NEVER);
    self->moving = true;
    add_input(self, self->request);
    self->moving = false;
    return false;
}

/* An empty line before a request is allowed. */
static void skip_empty(gate_connection_t *self) {
    char two[2];
    while (evbuffer_copyout(self->raw, two, sizeof two) == sizeof two && memcmp(two, "\r\n", sizeof two) == 0) {
        evbuffer_drain(self->raw, sizeof two);
    }
}

/* Each of these is false when more must come. */
static bool take_head(gate_connection_t *self) {
    skip_empty(self);
    size_t bytes = evbuffer_get_length(self->raw), most = SCAN_HEAD_BYTES_MAX + 1;
    bytes = bytes < most ? bytes : most;
    if (bytes == 0) {
        return false;
    }
    switch (scan_head(&self->scan, span_of(evbuffer_pullup(self->raw, (ev_ssize_t)bytes), bytes),
                      self->gate->options.body_bytes_max)) {
    case SCAN_MORE:
        return false;
    case SCAN_REFUSED:
        refuse(self, self->scan.status, self->scan.why);
        return false;
    case SCAN_WHOLE:
        break;
    }
    evbuffer_remove_buffer(self->raw, self->request, self->scan.head_bytes);
    self->body_left = self->scan.body_bytes;
    self->body_bytes = self->framing_bytes = 0;
    self->state = self->scan.chunked ? AT_CHUNK : AT_BODY;
    return true;
}

/* True: all of the body, or of the chunk, is there. */
static bool move_body(gate_connection_t *self) {
    size_t bytes = evbuffer_get_length(self->raw);
    bytes = bytes < self->body_left ? bytes : (size_t)self->body_left;
    if (self->scan.bodiless) {
        evbuffer_drain(self->raw, bytes); /* evhttp would take it for the next request */
    } else {
        evbuffer_remove_buffer(self->raw, self->request, bytes);
    }
    self->body_left -= bytes;
    return self->body_left == 0;
}

static bool take_body(gate_connection_t *self) {
    return move_body(self) && pass(self);
}

/* Behind it, of a chunked body; evhttp, which knows no extensions, gets it without them. */
static void add_framing(gate_connection_t *self, const char *text) {
    if (!self->scan.bodiless) {
        evbuffer_add(self->request, text, strlen(text));
    }
}

/* The next line of a chunked body; the caller frees it. NULL: it is not whole, or too long. Lines may take as much as
   chunks of few bytes do, but not more. */
static char *take_line(gate_connection_t *self, size_t *len) {
    char *line = evbuffer_readln(self->raw, len, EVBUFFER_EOL_CRLF_STRICT);
    if (line == NULL && evbuffer_get_length(self->raw) > SCAN_LINE_BYTES_MAX) {
        refuse(self, MALFORMED, "A line between chunks is too long");
    }
    self->framing_bytes += line != NULL ? *len : 0;
    if (line != NULL && self->framing_bytes > SCAN_HEAD_BYTES_MAX + FRAMING_FACTOR * self->body_bytes) {
        refuse(self, TOO_LARGE, "There is too much between chunks");
        free(line);
        return NULL;
    }
    return line;
}

static bool take_chunk(gate_connection_t *self) {
    char text[32];
    size_t len;
    char *line = take_line(self, &len);
    if (line == NULL) {
        return false;
    }
    bool good = scan_chunk(span_of(line, len), &self->body_left);
    free(line);
    if (!good) {
        refuse(self, MALFORMED, "A chunk's size is none");
        return false;
    }
    self->body_bytes += self->body_left;
    if (self->body_bytes > self->gate->options.body_bytes_max) {
        refuse(self, TOO_LARGE, "The body is too large");
        return false;
    }
    snprintf(text, sizeof text, "%llx\r\n", (unsigned long long)self->body_left);
    add_framing(self, text);
    self->state = self->body_left > 0 ? AT_DATA : AT_TRAILER;
    return true;
}

static bool take_data(gate_connection_t *self) {
    size_t len;
    char *line = move_body(self) ? take_line(self, &len) : NULL;
    if (line == NULL) {
        return false;
    }
    free(line);
    if (len > 0) {
        refuse(self, MALFORMED, "A chunk is longer than its size");
        return false;
    }
    add_framing(self, "\r\n");
    self->state = AT_CHUNK;
    return true;
}

/* Evhttp would take the lines of a trailer for headers. */
static bool take_trailer(gate_connection_t *self) {
    size_t len;
    char *line = take_line(self, &len);
    if (line == NULL) {
        return false;
    }
    bool good = len == 0 || scan_trailer(span_of(line, len));
    free(line);
    if (!good) {
        refuse(self, MALFORMED, "A line behind the chunks is no header");
        return false;
    }
    if (len > 0) {
        return true;
    }
    add_framing(self, "\r\n");
    return pass(self);
}

static void go_on(gate_connection_t *self) {
    for (bool more = true; more;) {
        switch (self->state) {
        case AT_HEAD:
            more = take_head(self);
            break;
        case AT_BODY:
            more = take_body(self);
            break;
        case AT_CHUNK:
            more = take_chunk(self);
            break;
        case AT_DATA:
            more = take_data(self);
            break;
        case AT_TRAILER:
            more = take_trailer(self);
            break;
        case AT_BEGIN:
        case AT_EVHTTP:
        case AT_REFUSAL:
        case AT_END:
        case AT_STREAM:
            more = false;
            break;
        }
    }
}

/* With EV_WRITE and without evhttp's function for what was written, which is for answers. */
static void send_continue(gate_connection_t *self) {
    bufferevent_data_cb read;
    bufferevent_event_cb event;
    void *context;
    bufferevent_getcb(self->bufferevent, &read, NULL, &event, &context);
    bufferevent_setcb(self->bufferevent, read, NULL, event, context);
    bufferevent_enable(self->bufferevent, EV_WRITE);
    evbuffer_add_printf(bufferevent_get_output(self->bufferevent), "HTTP/1.1 100 Continue\r\n\r\n");
}

/* A head has its time from its first byte, a body from the end of the head. */
static void time_rest(gate_connection_t *self) {
    bool body = is_reading(self) && self->state != AT_HEAD;
    if (self->state == AT_HEAD && !self->head_timed && evbuffer_get_length(self->raw) > 0) {
        self->head_timed = true;
        set_deadline(self, self->gate->options.head_ms);
    }
    if (body && !self->body_timed) {
        self->body_timed = true;
        set_deadline(self, self->gate->options.body_ms);
        if (self->scan.expects) {
            send_continue(self);
        }
    }
}

/* Of what is in `raw`. */
static void take(gate_connection_t *self) {
    go_on(self);
    time_rest(self);
    hold(self);
}

static void input_changed(struct evbuffer *input, const struct evbuffer_cb_info *info, void *context) {
    gate_connection_t *self = context;
    if (info->n_added == 0 || self->moving || self->state == AT_STREAM) {
        return;
    }
    if (self->state == AT_REFUSAL || self->state == AT_END) {
        evbuffer_drain(input, evbuffer_get_length(input));
        return;
    }
    evbuffer_add_buffer(self->raw, input);
    if (self->state == AT_EVHTTP && evbuffer_get_length(self->raw) > SCAN_HEAD_BYTES_MAX) {
        bufferevent_disable(self->bufferevent, EV_READ); /* until evhttp wants the next request */
    }
    take(self);
}

/* Connections */

static void forget(gate_connection_t *self) {
    gate_t *gate = self->gate;
    evbuffer_remove_cb(bufferevent_get_input(self->bufferevent), input_changed, self);
    gate->held_bytes -= self->held_bytes;
    gate->counts.connections--;
    if (self->fd >= 0) {
        gate->by_fd[self->fd] = NULL;
        gate->slots[self->slot]--;
    }
    event_free(self->step);
    evbuffer_free(self->raw);
    evbuffer_free(self->request);
    free(self);
}

static void evhttp_closed(struct evhttp_connection *connection, void *context) {
    gate_connection_t *self = context;
    void (*closed)(struct evhttp_connection *, void *) = self->closed;
    void *closed_context = self->closed_context;
    forget(self);
    if (closed != NULL) {
        closed(connection, closed_context);
    }
}

static void note_fd(gate_t *self, gate_connection_t *connection) {
    if ((size_t)connection->fd >= self->fds) {
        size_t fds = 2 * ((size_t)connection->fd + 1);
        self->by_fd = realloc(self->by_fd, fds * sizeof *self->by_fd);
        CHECK(self->by_fd != NULL, "out of memory");
        memset(self->by_fd + self->fds, 0, (fds - self->fds) * sizeof *self->by_fd);
        self->fds = fds;
    }
    self->by_fd[connection->fd] = connection;
}

/* Evhttp has made its connection, or has failed to. */
static void begin(gate_connection_t *self) {
    gate_t *gate = self->gate;
    struct sockaddr_storage place = {0};
    socklen_t bytes = sizeof place;
    struct bufferevent *bufferevent = self->bufferevent;
    bufferevent_getcb(bufferevent, NULL, NULL, NULL, &self->evhttp);
    if (self->evhttp == NULL) {
        forget(self);
        bufferevent_decref(bufferevent);
        return;
    }
    bufferevent_decref(bufferevent);
    evhttp_connection_set_closecb(self->evhttp, evhttp_closed, self);
    self->fd = bufferevent_getfd(bufferevent);
    getpeername(self->fd, (struct sockaddr *)&place, &bytes);
    self->peer = ip_of(&place);
    span_t address = ip_client(&self->peer);
    self->slot = (uint32_t)XXH3_64bits_withSeed(address.ptr, address.len, gate->seed) % ADDRESS_SLOTS;
    gate->slots[self->slot]++;
    note_fd(gate, self);
    gate->counts.accepted++;
    self->state = AT_HEAD;
    set_deadline(self, gate->options.head_ms);
    if (gate->counts.connections > gate->options.connections_max ||
        gate->slots[self->slot] > gate->options.address_connections_max) {
        gate->counts.refused_connections++;
        refuse(self, BUSY, "There are too many connections");
        return;
    }
    take(self); /* what came meanwhile */
    bufferevent_trigger(bufferevent, EV_READ, 0);
}

static bool awaits_request(const gate_connection_t *self) {
    return self->state == AT_HEAD && evbuffer_get_length(self->raw) == 0;
}

static void expire(gate_connection_t *self) {
    self->gate->counts.timeouts++;
    if (awaits_request(self) || self->state == AT_EVHTTP || self->state == AT_END) {
        end(self);
    } else {
        refuse(self, TIMEOUT, "The request was not sent in time");
    }
}

/* What is to be done in a round of its own, and the timer. */
static void step(evutil_socket_t none, short events, void *context) {
    gate_connection_t *self = context;
    (void)none;
    (void)events;
    self->armed_ms = NEVER;
    if (self->state == AT_BEGIN) {
        begin(self);
    } else if (self->state == AT_REFUSAL) {
        tell_refused(self);
    } else if (self->deadline_ms != NEVER) {
        uint64_t now = now_ms();
        if (now >= self->deadline_ms) {
            expire(self);
        } else {
            self->armed_ms = self->deadline_ms;
            arm(self, self->deadline_ms - now);
        }
    }
}

struct bufferevent *gate_accept(struct event_base *base, void *context) {
    gate_t *gate = context;
    gate_connection_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->gate = gate;
    self->fd = -1;
    self->deadline_ms = self->armed_ms = NEVER;
    self->bufferevent = gate->options.new_socket != NULL ? gate->options.new_socket(gate->options.socket_context)
                                                         : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    self->raw = new_buffer();
    self->request = new_buffer();
    self->step = event_new(base, -1, 0, step, self);
    CHECK(self->bufferevent != NULL && self->step != NULL, "out of memory");
    evbuffer_add_cb(bufferevent_get_input(self->bufferevent), input_changed, self);
    bufferevent_incref(self->bufferevent); /* until evhttp is known to have it */
    gate->counts.connections++;
    event_active(self->step, EV_TIMEOUT, 0);
    return self->bufferevent;
}

/* What evhttp's user does */

gate_connection_t *gate_of(gate_t *self, struct evhttp_request *request) {
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    return connection != NULL ? self->by_fd[bufferevent_getfd(evhttp_connection_get_bufferevent(connection))] : NULL;
}

const ip_t *gate_peer(const gate_connection_t *connection) {
    return &connection->peer;
}

bool gate_closes(const gate_connection_t *connection) {
    return connection->scan.closes || connection->gate->draining;
}

static void sent(struct evhttp_request *request, void *context) {
    gate_connection_t *self = context;
    (void)request;
    self->state = AT_HEAD;
    set_deadline(self, self->gate->options.idle_ms);
    if (!gate_closes(self)) {
        take(self);
    }
}

void gate_keep_reading(gate_connection_t *connection) {
    bufferevent_data_cb write;
    void *context;
    bufferevent_getcb(connection->bufferevent, NULL, &write, NULL, &context);
    bufferevent_setcb(connection->bufferevent, NULL, write, NULL, context);
    bufferevent_enable(connection->bufferevent, EV_READ);
}

/* Most answers fit into what the kernel takes at once; waiting until it can be written to costs more than the write. */
static void write_now(gate_connection_t *self) {
    struct evbuffer *output = bufferevent_get_output(self->bufferevent);
    evbuffer_unfreeze(output, 1);
    evbuffer_write(output, self->fd);
    evbuffer_freeze(output, 1);
    if (evbuffer_get_length(output) == 0) {
        bufferevent_trigger(self->bufferevent, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
    }
}

void gate_send_reply(gate_connection_t *connection, struct evhttp_request *request, int status) {
    evhttp_request_set_on_complete_cb(request, sent, connection);
    set_deadline(connection, connection->gate->options.answer_ms);
    evhttp_send_reply(request, status, gate_reason(status), NULL);
    /* Who has sent a request and ended its side still gets the answer: reading that end would end the connection. */
    bufferevent_disable(connection->bufferevent, EV_READ);
    if (connection->gate->options.new_socket == NULL) {
        write_now(connection);
    }
}

void gate_open(gate_connection_t *connection, void (*closed)(struct evhttp_connection *, void *context),
               void *context) {
    connection->state = AT_STREAM;
    connection->closed = closed;
    connection->closed_context = context;
    set_deadline(connection, NEVER);
    add_input(connection, connection->raw);
    hold(connection);
}

/* The gate */

gate_t *gate_new(const gate_options_t *options) {
    gate_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    randombytes_buf(&self->seed, sizeof self->seed);
    return self;
}

void gate_destroy(gate_t **self_p) {
    gate_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        CHECK(self->counts.connections == 0, "%u connections are left", self->counts.connections);
        free(self->by_fd);
        free(self);
    }
}

http_counts_t gate_counts(const gate_t *self) {
    return self->counts;
}

void gate_drain(gate_t *self) {
    self->draining = true;
    for (size_t i = 0; i < self->fds; i++) {
        if (self->by_fd[i] != NULL && awaits_request(self->by_fd[i])) {
            end(self->by_fd[i]);
        }
    }
}
