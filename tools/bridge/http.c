/* SPDX-License-Identifier: MIT */
/* evhttp keeps a request whose connection is gone until it is answered, and then drops the answer. */
#include "tools/bridge/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "schemas/check.h"

enum {
    BACKLOG = 1024,
    PEER_BYTES = INET6_ADDRSTRLEN,
    ALL_METHODS = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                  EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH,
};

struct http {
    http_options_t options;
    struct evhttp *server;
    uint16_t port;
};

struct http_request {
    struct evhttp_request *request;
    span_t path, query;
    char peer[PEER_BYTES];
};

const char *http_method_name(http_method_t method) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""};
    return names[method];
}

static void note_peer(http_request_t *self) {
    char *address = NULL;
    uint16_t port;
    evhttp_connection_get_peer(evhttp_request_get_connection(self->request), &address, &port);
    snprintf(self->peer, sizeof self->peer, "%s", address != NULL ? address : "");
}

/* The target as it came; evhttp has refused what is none. */
static void split_target(http_request_t *self) {
    const char *target = evhttp_request_get_uri(self->request);
    size_t path = strcspn(target, "?#");
    self->path = span_of(target, path);
    if (target[path] == '?') {
        self->query = span_of(target + path + 1, strcspn(target + path + 1, "#"));
    }
}

static void take_request(struct evhttp_request *request, void *context) {
    http_t *http = context;
    http_request_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->request = request;
    split_target(self);
    note_peer(self);
    http->options.serve(http->options.context, self);
}

static bool listen_at(http_t *self, char *error, size_t error_bytes) {
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(self->server, self->options.address, self->options.port);
    struct sockaddr_storage place = {0};
    socklen_t bytes = sizeof place;
    if (bound == NULL || getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&place, &bytes) != 0) {
        snprintf(error, error_bytes, "%s port %u: %s.", self->options.address, self->options.port,
                 errno == EADDRINUSE ? "is in use by another program" : strerror(errno));
        return false;
    }
    self->port = ntohs(place.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&place)->sin6_port
                                                   : ((struct sockaddr_in *)&place)->sin_port);
    return true;
}

http_t *http_new(const http_options_t *options, char *error, size_t error_bytes) {
    http_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->server = evhttp_new(options->base);
    CHECK(self->server != NULL, "out of memory");
    struct timeval idle = {.tv_sec = options->idle_ms / 1000, .tv_usec = options->idle_ms % 1000 * 1000};
    evhttp_set_timeout_tv(self->server, &idle);
    evhttp_set_max_headers_size(self->server, (ev_ssize_t)options->header_bytes_max);
    evhttp_set_max_body_size(self->server, (ev_ssize_t)options->body_bytes_max);
    evhttp_set_allowed_methods(self->server, ALL_METHODS);
    evhttp_set_default_content_type(self->server, NULL);
    evhttp_set_gencb(self->server, take_request, self);
    if (!listen_at(self, error, error_bytes)) {
        http_destroy(&self);
    }
    return self;
}

void http_destroy(http_t **self_p) {
    http_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        evhttp_free(self->server);
        free(self);
    }
}

uint16_t http_port(const http_t *self) {
    return self->port;
}

/* What was asked. */

http_method_t http_method(const http_request_t *self) {
    switch (evhttp_request_get_command(self->request)) {
    case EVHTTP_REQ_GET:
        return HTTP_GET;
    case EVHTTP_REQ_HEAD:
        return HTTP_HEAD;
    case EVHTTP_REQ_POST:
        return HTTP_POST;
    case EVHTTP_REQ_PUT:
        return HTTP_PUT;
    case EVHTTP_REQ_PATCH:
        return HTTP_PATCH;
    case EVHTTP_REQ_DELETE:
        return HTTP_DELETE;
    case EVHTTP_REQ_OPTIONS:
        return HTTP_OPTIONS;
    case EVHTTP_REQ_TRACE:
    case EVHTTP_REQ_CONNECT:
        return HTTP_OTHER;
    }
    return HTTP_OTHER;
}

span_t http_path(const http_request_t *self) {
    return self->path;
}

span_t http_query(const http_request_t *self) {
    return self->query;
}

const char *http_header(const http_request_t *self, const char *name) {
    return evhttp_find_header(evhttp_request_get_input_headers(self->request), name);
}

span_t http_body(const http_request_t *self) {
    struct evbuffer *body = evhttp_request_get_input_buffer(self->request);
    return span_of(evbuffer_pullup(body, -1), evbuffer_get_length(body));
}

/* What has a NUL in it stays as it is. */
static char *decode(span_t escaped) {
    char *text = strndup((const char *)escaped.ptr, escaped.len);
    CHECK(text != NULL, "out of memory");
    size_t bytes;
    char *decoded = evhttp_uridecode(text, 1, &bytes);
    CHECK(decoded != NULL, "out of memory");
    bool whole = strlen(decoded) == bytes;
    free(whole ? text : decoded);
    return whole ? decoded : text;
}

/* What stands before this byte is taken off with it; all, if it is not there. */
static span_t take_until(span_t *rest, char byte) {
    const uint8_t *end = memchr(rest->ptr, byte, rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len, taken = len + (end != NULL);
    span_t before = span_of(rest->ptr, len);
    *rest = span_of(rest->ptr + taken, rest->len - taken);
    return before;
}

bool http_take_parameter(span_t *query, char **name, char **value) {
    while (query->len > 0) {
        span_t pair = take_until(query, '&');
        if (pair.len > 0) {
            *name = decode(take_until(&pair, '='));
            *value = decode(pair);
            return true;
        }
    }
    return false;
}

const char *http_peer(const http_request_t *self) {
    return self->peer;
}

/* The answer. */

void http_add_header(http_request_t *self, const char *name, const char *value) {
    int rc = evhttp_add_header(evhttp_request_get_output_headers(self->request), name, value);
    CHECK(rc == 0, "the header %s", name);
}

void http_reply(http_request_t *self, int status, span_t body) {
    struct evbuffer *buffer = NULL;
    if (body.len > 0) {
        buffer = evhttp_request_get_output_buffer(self->request);
        evbuffer_add(buffer, body.ptr, body.len);
    }
    evhttp_send_reply(self->request, status, NULL, NULL);
    free(self);
}
