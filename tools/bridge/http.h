/* SPDX-License-Identifier: MIT */
/*
 * http: HTTP/1.1 on one event loop, by libevent's evhttp, of which only http.c knows. A request is handed over whole,
 * within its limits, and is answered once, now or later; who has gone meanwhile is answered into the void.
 *
 * Everything happens on the thread that runs the loop. What a request points to is valid until it is answered.
 */
#ifndef DORAN_BRIDGE_HTTP_H
#define DORAN_BRIDGE_HTTP_H

#include <event2/buffer.h>
#include <event2/event.h>

#include "schemas/span.h"
#include "schemas/status.h"
#include "tools/bridge/networks.h"

typedef enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_OTHER, /* of those that evhttp knows */
} http_method_t;
/* "GET", …; HTTP_OTHER: "". Static. */
const char *http_method_name(http_method_t method);

typedef struct http http_t;
typedef struct http_request http_request_t;
typedef void (*http_serve_fn)(void *context, http_request_t *request);
/* Adds the rest of an answer to what is no request: header lines beside those of every answer, the empty line, the
 * body. */
typedef void (*http_refuse_fn)(void *context, int status, const char *why, struct evbuffer *answer);

typedef struct http_options {
    struct event_base *base; /* borrowed for life */
    const char *address;     /* to listen on: 127.0.0.1, ::1, … */
    uint16_t port;           /* 0: a free one */
    uint64_t body_bytes_max;
    uint32_t connections_max, address_connections_max; /* in all, and from one address */
    uint32_t head_ms, body_ms, answer_ms, idle_ms;     /* gate.h says what each is for */
    struct tls *tls;                                   /* NULL: none; borrowed for life */
    const char *const *headers;                        /* of every answer: name, value, …, NULL; kept */
    http_serve_fn serve;
    http_refuse_fn refuse;
    void *context;
} http_options_t;

/* Listens, in a program that ignores SIGPIPE. NULL, with one sentence in error, if that is not possible. */
http_t *http_new(const http_options_t *options, char *error, size_t error_bytes);
/* Ends all connections. Requests not answered yet must not be used any more. */
void http_destroy(http_t **self_p);
uint16_t http_port(const http_t *self);
/* Takes no more connections, and ends each as soon as it has no request left to answer. */
void http_drain(http_t *self);

typedef struct http_counts {
    uint32_t connections;
    uint64_t accepted, refused_connections, refused_requests, timeouts;
} http_counts_t;
http_counts_t http_counts(const http_t *self);

/* What was asked. */

http_method_t http_method(const http_request_t *self);
/* As it was sent, with its %-escapes, without the query. */
span_t http_path(const http_request_t *self);
/* Behind the '?'; absent if there is none. */
span_t http_query(const http_request_t *self);
/* The first header of this name, in whatever case, or NULL. */
const char *http_header(const http_request_t *self, const char *name);
/* The last of them: of those that each proxy adds, that of the nearest. */
const char *http_last_header(const http_request_t *self, const char *name);
span_t http_body(const http_request_t *self);
/* Takes the next parameter off the query; name and value are %-decoded, and the caller frees both. False: none is left.
 */
bool http_take_parameter(span_t *query, char **name, char **value);
/* Address of the peer. */
const ip_t *http_peer(const http_request_t *self);

/* The answer. */

/* A header of the answer; copies. CR and LF in the value end the program: it is not to come from outside unchecked. */
void http_add_header(http_request_t *self, const char *name, const char *value);
/* Answers with this body, which is copied; the request is gone. */
void http_reply(http_request_t *self, int status, span_t body);

/* A connection that is out of HTTP. */
typedef struct evhttp_connection http_connection_t;
/* Answers with status 101 or 200 and the headers added, without a body; what comes and goes behind it is the caller's.
   The request is gone. NULL: its connection is, too. closed runs when the connection is closed, by whomever. */
http_connection_t *http_take_over(http_request_t *self, int status, void (*closed)(http_connection_t *, void *context),
                                  void *context);
/* Its bytes, those that came behind the request as well. The connection's; callbacks and timeouts are the caller's. */
struct bufferevent *http_connection_bytes(http_connection_t *self);
/* Nulls. May be called inside callbacks of its bytes. */
void http_connection_close(http_connection_t **self_p);

#endif
