/* SPDX-License-Identifier: MIT */
/* The functions of the routes that are more than one message; each takes the call. */
#ifndef DORAN_BRIDGE_RUNS_H
#define DORAN_BRIDGE_RUNS_H

#include "tools/bridge/call.h"

#define ROUTE(id, METHOD, path, access, kind, method, key, flags, ...)
#define ROUTE_OWN(id, METHOD, path, access, body, reply, flags, ...) void run_##id(call_t *call);
#include "tools/bridge/routes.def"

#endif
