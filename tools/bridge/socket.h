/* SPDX-License-Identifier: MIT */
/*
 * socket: a WebSocket (RFC 6455), server side, on a stream; libwslay makes and reads its frames. Text only. Peers that
 * break the protocol are closed with the code that it names: 1002, 1003 for binary, 1007 for what is not UTF-8, 1009
 * for what is too big.
 *
 * A socket that was silent for heartbeat_ms is sent a ping, after twice that it is gone. An idle one keeps no buffers.
 *
 * The loop's thread. The calls never run inside a call of these functions.
 */
#ifndef DORAN_BRIDGE_SOCKET_H
#define DORAN_BRIDGE_SOCKET_H

#include "tools/bridge/stream.h"

typedef struct socket socket_t;
typedef struct sockets sockets_t;

typedef struct socket_calls {
    /* A message, UTF-8; valid until this returns. */
    void (*message)(void *context, span_t text);
    /* The kernel has taken all that was sent. */
    void (*drained)(void *context);
    /* The peer has closed, broken the protocol or fallen silent: the socket is not to be used any more. */
    void (*gone)(void *context);
} socket_calls_t;

/* What the sockets of a program have in common. */
typedef struct sockets_options {
    struct event_base *base; /* borrowed for life */
    uint32_t heartbeat_ms;
    size_t message_bytes_max;    /* of a message that is taken */
    const socket_calls_t *calls; /* borrowed for life */
} sockets_options_t;

sockets_t *sockets_new(const sockets_options_t *options);
/* None is left. */
void sockets_destroy(sockets_t **self_p);

enum { SOCKET_ACCEPT_BYTES = 29 };

/* Looks at the headers of a handshake, but for its version. NULL, and the value of Sec-WebSocket-Accept; or what is
   wrong, static. */
const char *socket_accept(const http_request_t *request, char accept[SOCKET_ACCEPT_BYTES]);

/* Answers the request, whose headers are checked and added. NULL: its peer is gone. The request is gone in both cases.
 */
socket_t *socket_new(sockets_t *sockets, http_request_t *request, void *context);
/* Closes with this code and reason (at most 100 bytes, may be ""); nothing is called any more. Nulls; NULL is allowed.
   May be called inside the calls. */
void socket_close(socket_t **self_p, uint16_t code, const char *reason);

void socket_send(socket_t *self, span_t text);
/* Bytes sent that the kernel has not taken yet. */
size_t socket_waiting(const socket_t *self);
/* While paused no messages come but those that were read already, which are few. */
void socket_pause(socket_t *self, bool paused);

#endif
