/* SPDX-License-Identifier: MIT */
/* The functions of routes: of those that are more than one message, which take the call ... */
#ifndef DORAN_BRIDGE_RUNS_H
#define DORAN_BRIDGE_RUNS_H

#include "tools/bridge/call.h"

#define ROUTE(id, METHOD, path, access, kind, method, key, flags, ...)
#define ROUTE_OWN(id, METHOD, path, access, body, reply, flags, ...) void run_##id(call_t *call);
#include "tools/bridge/routes.def"

/* ... and those that show what a method replies, as route.h says. */
char *chat_show_posted(const call_t *call, const record_t *record, uint32_t at);
char *chat_show_entry(const call_t *call, const record_t *record, uint32_t at);
char *chat_show_glance(const call_t *call, const record_t *record, uint32_t at);

#endif
