/* SPDX-License-Identifier: MIT */
/*
 * gate: stands between the sockets and evhttp, on each connection. evhttp gets a request only once all of it is there
 * and has been found to be one (scan.h), and the next one of the same connection when this one is answered:
 *
 *   socket ─► bufferevent's input ─► raw ─► scan ─► request, whole ─► bufferevent's input ─► evhttp
 *                                            └────► refused: problem document, then the connection ends
 *
 * Here is also what bounds connections: how many there are, in all and from one address, and how long each may take for
 * a head, a body, an answer, and between requests. One thread, that of the loop.
 */
#ifndef DORAN_BRIDGE_GATE_H
#define DORAN_BRIDGE_GATE_H

#include <event2/bufferevent.h>
#include <event2/http.h>

#include "tools/bridge/http.h"

typedef struct gate gate_t;
typedef struct gate_connection gate_connection_t;

typedef struct gate_options {
    struct event_base *base;          /* borrowed for life */
    uint32_t connections_max;         /* those past it are told 503 and ended */
    uint32_t address_connections_max; /* from one IPv4 address or one /64 of IPv6 */
    uint64_t body_bytes_max;
    uint32_t head_ms;   /* from its first byte, and from when the connection began, to the end of a head */
    uint32_t body_ms;   /* from there to the end of the body */
    uint32_t answer_ms; /* for the other side to take an answer */
    uint32_t idle_ms;   /* between an answer and the next request */
    http_refuse_fn refuse;
    void *context;
    struct bufferevent *(*new_socket)(void *context); /* without a descriptor yet; NULL: a plain one */
    void *socket_context;
} gate_options_t;

gate_t *gate_new(const gate_options_t *options);
/* When evhttp is gone, which ends its connections. */
void gate_destroy(gate_t **self_p);
http_counts_t gate_counts(const gate_t *self);
/* Ends connections between two requests; the others behind the answer to the one they have, or when their time is up.
 */
void gate_drain(gate_t *self);

/* "Not Found", …; static. */
const char *gate_reason(int status);

/* For evhttp_set_bevcb. context: the gate. */
struct bufferevent *gate_accept(struct event_base *base, void *context);

/* The connection on which evhttp has read a request; NULL: it is gone. */
gate_connection_t *gate_of(gate_t *self, struct evhttp_request *request);
/* Address of its peer; valid as long as the connection. */
const ip_t *gate_peer(const gate_connection_t *connection);
/* Is the connection to end behind the answer? */
bool gate_closes(const gate_connection_t *connection);
/* Evhttp stops reading while it waits for an answer, which costs two system calls for each request. This goes on: what
   comes is kept for later, and an end of the other side is not heard of until the answer is written. */
void gate_keep_reading(gate_connection_t *connection);
/* Sends the answer by evhttp_send_reply, and takes the next request when it is out. */
void gate_send_reply(gate_connection_t *connection, struct evhttp_request *request, int status);
/* From here on the connection has neither requests nor answers: what came behind the request is in the bufferevent's
   input, what comes is left there, and nothing is timed. For streams and WebSockets, before their first byte. closed
   runs when the connection is closed, by whomever. */
void gate_open(gate_connection_t *connection, void (*closed)(struct evhttp_connection *, void *context), void *context);

#endif
