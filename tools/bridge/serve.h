/* SPDX-License-Identifier: MIT */
/* serve: the front door. Takes each request to its route, past what is asked of all of them. */
#ifndef DORAN_BRIDGE_SERVE_H
#define DORAN_BRIDGE_SERVE_H

#include "tools/bridge/http.h"

/* The http_serve_fn. context: the bridge. */
void serve_request(void *context, http_request_t *request);
/* The http_refuse_fn. */
void serve_refusal(void *context, int status, const char *why, struct evbuffer *answer);
/* Of every answer: name, value, …, NULL. */
extern const char *const serve_headers[], *const serve_tls_headers[];

#endif
