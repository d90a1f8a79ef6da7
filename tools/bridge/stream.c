/* SPDX-License-Identifier: MIT */
/*
 * An end is polite, because a connection that is closed with unread bytes takes what was written along: we send what is
 * left and our FIN, pass over what still comes, and close when the peer has done so or has had its time.
 *
 * The kernel buffers little per connection: what waits is to wait where it is bounded, and seen.
 */
#include "tools/bridge/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include <event2/bufferevent.h>

#include "schemas/check.h"
#include "schemas/limits.h"

enum { END_S = 2, KERNEL_BYTES = KIB(64) };

struct stream {
    http_connection_t *connection;
    struct bufferevent *bytes; /* the connection's */
    const stream_calls_t *calls;
    void *context;
    struct event *limit; /* of the end; NULL: it has not begun */
    bool gone, ended;
};

static void say_end(stream_t *self) {
    shutdown(bufferevent_getfd(self->bytes), SHUT_WR);
}

static void take_bytes(struct bufferevent *bytes, void *context) {
    stream_t *self = context;
    struct evbuffer *input = bufferevent_get_input(bytes);
    if (self->ended) {
        evbuffer_drain(input, evbuffer_get_length(input));
    } else {
        self->calls->arrived(self->context, input);
    }
}

static void take_room(struct bufferevent *bytes, void *context) {
    stream_t *self = context;
    (void)bytes;
    if (self->ended) {
        say_end(self);
    } else {
        self->calls->drained(self->context);
    }
}

static void take_end(struct bufferevent *bytes, short what, void *context) {
    stream_t *self = context;
    (void)what;
    if (self->ended) {
        http_connection_close(&self->connection);
        return;
    }
    self->gone = true;
    bufferevent_disable(bytes, EV_READ | EV_WRITE);
    self->calls->gone(self->context);
}

/* Whoever closed the connection. */
static void forget(http_connection_t *connection, void *context) {
    stream_t *self = context;
    (void)connection;
    if (self->limit != NULL) {
        event_free(self->limit);
    }
    free(self);
}

/* However much still comes. */
static void time_out(evutil_socket_t fd, short events, void *context) {
    stream_t *self = context;
    (void)fd;
    (void)events;
    http_connection_close(&self->connection);
}

static void set_up_socket(int fd) {
    int on = 1, bytes = KERNEL_BYTES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

stream_t *stream_new(http_request_t *request, int status, const stream_calls_t *calls, void *context) {
    stream_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->calls = calls;
    self->context = context;
    self->connection = http_take_over(request, status, forget, self);
    if (self->connection == NULL) {
        free(self);
        return NULL;
    }
    self->bytes = http_connection_bytes(self->connection);
    set_up_socket(bufferevent_getfd(self->bytes));
    bufferevent_setcb(self->bytes, take_bytes, take_room, take_end, self);
    bufferevent_enable(self->bytes, EV_WRITE);
    stream_pause(self, false);
    return self;
}

void stream_end(stream_t **self_p) {
    stream_t *self = *self_p;
    struct timeval limit = {.tv_sec = END_S};
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    self->ended = true;
    if (self->gone) {
        http_connection_close(&self->connection);
        return;
    }
    self->limit = evtimer_new(bufferevent_get_base(self->bytes), time_out, self);
    CHECK(self->limit != NULL && event_add(self->limit, &limit) == 0, "out of memory");
    bufferevent_enable(self->bytes, EV_READ);
    if (stream_waiting(self) == 0) {
        say_end(self);
    }
}

void stream_write(stream_t *self, span_t bytes) {
    int rc = bufferevent_write(self->bytes, bytes.ptr, bytes.len);
    CHECK(rc == 0, "out of memory");
}

size_t stream_waiting(const stream_t *self) {
    return evbuffer_get_length(bufferevent_get_output(self->bytes));
}

void stream_pause(stream_t *self, bool paused) {
    if (paused) {
        bufferevent_disable(self->bytes, EV_READ);
        return;
    }
    bufferevent_enable(self->bytes, EV_READ);
    if (evbuffer_get_length(bufferevent_get_input(self->bytes)) > 0) {
        bufferevent_trigger(self->bytes, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
    }
}
