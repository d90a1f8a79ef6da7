/* SPDX-License-Identifier: MIT */
/* serve: the front door. Takes each request to its route, past what is asked of all of them. */
#ifndef DORAN_BRIDGE_SERVE_H
#define DORAN_BRIDGE_SERVE_H

#include "tools/bridge/http.h"

/* The http_serve_fn. context: the bridge. */
void serve_request(void *context, http_request_t *request);

#endif
