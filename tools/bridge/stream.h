/* SPDX-License-Identifier: MIT */
/*
 * stream: a connection that HTTP has handed over, as bytes both ways; WebSockets and server-sent events are made of it.
 * The program bounds what it writes: stream_waiting says how much the peer has not taken yet.
 *
 * The loop's thread. The calls never run inside a call of these functions.
 */
#ifndef DORAN_BRIDGE_STREAM_H
#define DORAN_BRIDGE_STREAM_H

#include "tools/bridge/http.h"

typedef struct stream stream_t;

typedef struct stream_calls {
    /* Bytes are there; what is not drained is there again when more come, or when reading goes on after a pause. */
    void (*arrived)(void *context, struct evbuffer *bytes);
    /* The kernel has taken all that was written. */
    void (*drained)(void *context);
    /* The peer is gone, or has ended its side. stream_end is still to be called. */
    void (*gone)(void *context);
} stream_calls_t;

/* Answers the request with this status and the headers added to it, and has its connection from there on. The request
   is gone. NULL: its peer is, too. calls and context are borrowed until stream_end. */
stream_t *stream_new(http_request_t *request, int status, const stream_calls_t *calls, void *context);
/* Nothing is called any more. What was written goes out, if the peer takes it within two seconds, and the connection
   closes by itself. Nulls; NULL is allowed. May be called inside the calls. */
void stream_end(stream_t **self_p);

/* Copies. */
void stream_write(stream_t *self, span_t bytes);
/* Bytes written that the kernel has not taken yet. */
size_t stream_waiting(const stream_t *self);
/* While paused nothing arrives, and the peer is slowed down; that it has gone is seen only when it is written to. */
void stream_pause(stream_t *self, bool paused);

#endif
