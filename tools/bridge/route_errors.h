/* SPDX-License-Identifier: MIT */
/*
 * route_errors: which errors a route may answer with. Most follow from its row and its method's schema; what a handler
 * says beside (the state does not allow it, it is not the caller's) stands in a table in route_errors.c. Any thread.
 */
#ifndef DORAN_BRIDGE_ROUTE_ERRORS_H
#define DORAN_BRIDGE_ROUTE_ERRORS_H

#include "tools/bridge/route.h"

enum { ROUTE_ERRORS_MAX = 32 };

typedef struct route_error {
    const char *code, *title;
    int http;
} route_error_t;

/* Each once, in the order of their HTTP status; returns how many. */
uint32_t route_errors(const route_t *route, route_error_t errors[ROUTE_ERRORS_MAX]);
/* The same for what is refused before a route is found. */
uint32_t route_refusals(route_error_t errors[ROUTE_ERRORS_MAX]);

#endif
