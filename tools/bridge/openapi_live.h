/* SPDX-License-Identifier: MIT */
/*
 * openapi_live: live connections in the document, for which OpenAPI has no place: the member `x-live` says what goes
 * over the WebSocket and how it ends (frames.def), with the frames as schemas among the others, frame_OP. Any thread.
 */
#ifndef DORAN_BRIDGE_OPENAPI_LIVE_H
#define DORAN_BRIDGE_OPENAPI_LIVE_H

#include <jansson.h>

/* root: the document. schemas: its `components.schemas`. */
void openapi_add_live(json_t *root, json_t *schemas);
/* The body of a stream of server-sent events; the caller's. */
json_t *openapi_events_schema(void);

#endif
