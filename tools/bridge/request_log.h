/* SPDX-License-Identifier: MIT */
/*
 * request_log: DIR/log/bridge.jsonl, one JSON object for each request, with the names of the Elastic Common Schema.
 * Never a query, a header that proves who asks, or a body. Lines are gathered and written together a few times a
 * second; when the file is large, it becomes bridge.jsonl.1 in place of the one before. The loop's thread.
 */
#ifndef DORAN_BRIDGE_REQUEST_LOG_H
#define DORAN_BRIDGE_REQUEST_LOG_H

#include "schemas/span.h"

struct event_base;
typedef struct request_log request_log_t;

/* All texts are ASCII without controls; NULL or absent: left out. */
typedef struct request_line {
    const char *method;
    span_t path; /* without the query */
    const char *route;
    int status;
    size_t body_bytes; /* of the answer */
    uint64_t duration_us;
    const char *client, *user, *request_id, *trace_id, *why;
} request_line_t;

/* A file that cannot be opened or written is done without. */
request_log_t *request_log_new(struct event_base *base, const char *data);
/* Writes what is left. */
void request_log_destroy(request_log_t **self_p);
void request_log_line(request_log_t *self, const request_line_t *line);

#endif
