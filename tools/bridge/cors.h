/* SPDX-License-Identifier: MIT */
/* cors: what pages of other origins may do (fetch.spec.whatwg.org): those named in the setting cors_origins, and no
 * others. */
#ifndef DORAN_BRIDGE_CORS_H
#define DORAN_BRIDGE_CORS_H

#include "tools/bridge/call.h"

/* Is the page of this request of an origin that is named? */
bool cors_allows(const call_t *call);
/* Adds the headers by which a browser lets a page of the request's origin see the answer. */
void cors_add_headers(call_t *call);
/* Answers OPTIONS, with what the path allows: "GET, HEAD". */
void cors_answer_options(call_t *call, const char *allowed);

#endif
