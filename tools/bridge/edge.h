/* SPDX-License-Identifier: MIT */
/*
 * edge: what every request has, whatever it asks for: a name, a trace, the address of who sent it, a place in a limit,
 * and at its end a line in the log and in the figures. The loop's thread.
 */
#ifndef DORAN_BRIDGE_EDGE_H
#define DORAN_BRIDGE_EDGE_H

#include "tools/bridge/call.h"

typedef struct edge edge_t;

/* Of the bridge's settings, base and data. NULL, with one sentence in error: a setting is wrong. */
edge_t *edge_new(const bridge_t *bridge, char *error, size_t error_bytes);
void edge_destroy(edge_t **self_p);
const struct metrics *edge_metrics(const edge_t *self);

/* An id for what has none. */
void edge_make_id(char id[REQUEST_ID_BYTES]);
/* Names the call, and notes when and from whom it came. */
void edge_begin(call_t *call);
/* True: there was one more request left for the person, or the address. False: refused. */
bool edge_admit(call_t *call);
/* Adds the headers of every answer to a call. */
void edge_add_headers(call_t *call);
/* The body as it is to go out; adds the header that says so. Valid until the next. */
span_t edge_compress(call_t *call, int status, span_t body);
/* The answer is on its way. */
void edge_end(call_t *call, int status, size_t body_bytes);
/* What was no request has been refused. */
void edge_note_refusal(edge_t *self, int status, const char *why, const char *request_id);

#endif
