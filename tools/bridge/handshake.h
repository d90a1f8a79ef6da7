/* SPDX-License-Identifier: MIT */
/*
 * handshake: how a request becomes a WebSocket of GET /api/v1/live (RFC 6455 §4.2), and who may: pages of our own
 * origin, or of one that CORS allows. The loop's thread.
 */
#ifndef DORAN_BRIDGE_HANDSHAKE_H
#define DORAN_BRIDGE_HANDSHAKE_H

#include "tools/bridge/call.h"

/* Adds the headers of the answer. token: what is offered as bearer.TOKEN beside doran.v1, which the caller frees; NULL:
   none. False: the call is refused, and there is no token. */
bool handshake(call_t *call, char **token);

#endif
