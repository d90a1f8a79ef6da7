/* SPDX-License-Identifier: MIT */
/* evhttp keeps a request whose connection is gone until it is answered, and then drops the answer. */
#include "tools/bridge/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "schemas/check.h"
#include "tools/bridge/gate.h"
#include "tools/bridge/tls.h"

enum {
    BACKLOG = 1024,
    RETRY_MS = 100, /* after no descriptor was left for a connection */
    HEAD_BYTES = 1024,
    ALL_METHODS = EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                  EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH,
};

struct http {
    http_t *next; /* of all of this process */
    http_options_t options;
    gate_t *gate;
    struct evhttp *server;
    struct evhttp_bound_socket *bound; /* NULL: it takes no connections any more */
    struct event *retry;
    uint16_t port;
    time_t second; /* that `date` is of */
    char date[64];
};

struct http_request {
    http_t *http;
    struct evhttp_request *request;
    span_t path, query;
    char *head; /* of the answer: the date, then the lines of other headers */
    size_t head_bytes, head_room;
    ip_t peer;
};

const char *http_method_name(http_method_t method) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", ""};
    return names[method];
}

/* The target as it came, without the host of one that is a whole URL; the gate has refused what is none. */
static void split_target(http_request_t *self) {
    const char *target = evhttp_request_get_uri(self->request), *host = strstr(target, "://");
    if (target[0] != '/' && host != NULL) {
        target = host + 3 + strcspn(host + 3, "/?");
    }
    size_t path = strcspn(target, "?");
    self->path = path > 0 ? span_of(target, path) : span_text("/");
    if (target[path] == '?') {
        self->query = span_text(target + path + 1);
    }
}

/* Evhttp keeps three allocations for each header and prints them one by one. It gets ours as the value of one, Date,
   which goes on in further lines. */

static const char *date(http_t *self) {
    time_t now = time(NULL);
    struct tm parts;
    if (now != self->second) {
        self->second = now;
        gmtime_r(&now, &parts);
        evutil_date_rfc1123(self->date, sizeof self->date, &parts);
    }
    return self->date;
}

static void append(http_request_t *self, const char *text, size_t bytes) {
    if (self->head_bytes + bytes >= self->head_room) {
        self->head_room = 2 * (self->head_bytes + bytes) + HEAD_BYTES;
        self->head = realloc(self->head, self->head_room);
        CHECK(self->head != NULL, "out of memory");
    }
    memcpy(self->head + self->head_bytes, text, bytes);
    self->head_bytes += bytes;
    self->head[self->head_bytes] = 0;
}

static void take_request(struct evhttp_request *request, void *context) {
    http_t *http = context;
    http_request_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->http = http;
    self->request = request;
    split_target(self);
    gate_connection_t *connection = gate_of(http->gate, request);
    self->peer = *gate_peer(connection);
    gate_keep_reading(connection);
    const char *now = date(http);
    append(self, now, strlen(now));
    http->options.serve(http->options.context, self);
}

/* A listener that evhttp uses calls back with evhttp's server: by it ours is found. One thread makes and ends them. */
static http_t *all;

static http_t *of_server(const struct evhttp *server) {
    http_t *self = all;
    while (self->server != server) {
        self = self->next;
    }
    return self;
}

/* Connections wait in the backlog meanwhile; the loop would run hot with a listener that cannot accept. */
static void accept_failed(struct evconnlistener *listener, void *server) {
    http_t *self = of_server(server);
    struct timeval later = {.tv_usec = RETRY_MS * 1000};
    evconnlistener_disable(listener);
    event_add(self->retry, &later);
}

static void accept_again(evutil_socket_t none, short events, void *context) {
    http_t *self = context;
    (void)none;
    (void)events;
    if (self->bound != NULL) {
        evconnlistener_enable(evhttp_bound_socket_get_listener(self->bound));
    }
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
    self->bound = bound;
    evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), accept_failed);
    return true;
}

static void refuse(void *context, int status, const char *why, struct evbuffer *answer) {
    const http_options_t *options = context;
    for (const char *const *header = options->headers; *header != NULL; header += 2) {
        evbuffer_add_printf(answer, "%s: %s\r\n", header[0], header[1]);
    }
    options->refuse(options->context, status, why, answer);
}

static gate_t *new_gate(http_t *self) {
    const http_options_t *options = &self->options;
    gate_options_t gate = {.base = options->base,
                           .connections_max = options->connections_max,
                           .address_connections_max = options->address_connections_max,
                           .body_bytes_max = options->body_bytes_max,
                           .head_ms = options->head_ms,
                           .body_ms = options->body_ms,
                           .answer_ms = options->answer_ms,
                           .idle_ms = options->idle_ms,
                           .refuse = refuse,
                           .context = &self->options,
                           .new_socket = options->tls != NULL ? tls_new_socket : NULL,
                           .socket_context = options->tls};
    return gate_new(&gate);
}

http_t *http_new(const http_options_t *options, char *error, size_t error_bytes) {
    http_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->gate = new_gate(self);
    self->server = evhttp_new(options->base);
    self->retry = event_new(options->base, -1, 0, accept_again, self);
    CHECK(self->server != NULL && self->retry != NULL, "out of memory");
    evhttp_set_bevcb(self->server, gate_accept, self->gate);
    evhttp_set_allowed_methods(self->server, ALL_METHODS);
    evhttp_set_default_content_type(self->server, NULL);
    evhttp_set_gencb(self->server, take_request, self);
    self->next = all;
    all = self;
    if (!listen_at(self, error, error_bytes)) {
        http_destroy(&self);
    }
    return self;
}

void http_destroy(http_t **self_p) {
    http_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        http_t **place = &all;
        while (*place != self) {
            place = &(*place)->next;
        }
        *place = self->next;
        evhttp_free(self->server);
        event_free(self->retry);
        gate_destroy(&self->gate);
        free(self);
    }
}

void http_drain(http_t *self) {
    if (self->bound != NULL) {
        evhttp_del_accept_socket(self->server, self->bound);
        self->bound = NULL;
    }
    gate_drain(self->gate);
}

http_counts_t http_counts(const http_t *self) {
    return gate_counts(self->gate);
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

const char *http_last_header(const http_request_t *self, const char *name) {
    struct evkeyval *header;
    const char *value = NULL;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(self->request), next) {
        value = strcasecmp(header->key, name) == 0 ? header->value : value;
    }
    return value;
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

const ip_t *http_peer(const http_request_t *self) {
    return &self->peer;
}

/* The answer. */

void http_add_header(http_request_t *self, const char *name, const char *value) {
    CHECK(strpbrk(value, "\r\n") == NULL, "the header %s", name);
    append(self, "\r\n", 2);
    append(self, name, strlen(name));
    append(self, ": ", 2);
    append(self, value, strlen(value));
}

static void add_every_header(http_request_t *self) {
    for (const char *const *header = self->http->options.headers; *header != NULL; header += 2) {
        http_add_header(self, header[0], header[1]);
    }
}

static void hand_over_head(http_request_t *self) {
    struct evkeyval *header = malloc(sizeof *header);
    CHECK(header != NULL, "out of memory");
    header->key = strdup("Date");
    header->value = self->head;
    CHECK(header->key != NULL, "out of memory");
    TAILQ_INSERT_TAIL(evhttp_request_get_output_headers(self->request), header, next);
}

/* Those that evhttp looks for itself. */
static void add_evhttp_header(http_request_t *self, const char *name, const char *value) {
    CHECK(evhttp_add_header(evhttp_request_get_output_headers(self->request), name, value) == 0, "the header %s", name);
}

void http_reply(http_request_t *self, int status, span_t body) {
    gate_connection_t *connection = gate_of(self->http->gate, self->request);
    char length[24];
    if (connection == NULL) {
        evhttp_request_free(self->request);
        free(self->head);
        free(self);
        return;
    }
    add_every_header(self);
    hand_over_head(self);
    if (gate_closes(connection)) {
        add_evhttp_header(self, "Connection", "close");
    }
    if (http_method(self) == HTTP_HEAD) { /* evhttp sends no body then only if it has none */
        snprintf(length, sizeof length, "%zu", body.len);
        add_evhttp_header(self, "Content-Length", length);
    } else if (body.len > 0) {
        evbuffer_add(evhttp_request_get_output_buffer(self->request), body.ptr, body.len);
    }
    gate_send_reply(connection, self->request, status);
    free(self);
}

/* Out of HTTP. evhttp keeps the connection with its request until it is closed, and has nothing more to do with it once
   the callbacks of its bytes are others. */

http_connection_t *http_take_over(http_request_t *self, int status, void (*closed)(http_connection_t *, void *context),
                                  void *context) {
    http_connection_t *connection = evhttp_request_get_connection(self->request);
    if (connection == NULL) {
        evhttp_request_free(self->request);
        free(self->head);
        free(self);
        return NULL;
    }
    struct bufferevent *bytes = evhttp_connection_get_bufferevent(connection);
    bufferevent_setcb(bytes, NULL, NULL, NULL, NULL);
    bufferevent_set_timeouts(bytes, NULL, NULL);
    gate_open(gate_of(self->http->gate, self->request), closed, context);
    add_every_header(self);
    evbuffer_add_printf(bufferevent_get_output(bytes), "HTTP/1.1 %d %s\r\nDate: %s\r\n\r\n", status,
                        gate_reason(status), self->head);
    evhttp_clear_headers(evhttp_request_get_input_headers(self->request));
    free(self->head);
    free(self);
    return connection;
}

struct bufferevent *http_connection_bytes(http_connection_t *self) {
    return evhttp_connection_get_bufferevent(self);
}

void http_connection_close(http_connection_t **self_p) {
    http_connection_t *self = *self_p;
    *self_p = NULL;
    evhttp_connection_free(self);
}
