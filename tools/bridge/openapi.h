/* SPDX-License-Identifier: MIT */
/*
 * openapi: what the bridge answers, as an OpenAPI 3.1 document. All of it comes from the tables: a route from its row
 * in routes.def, what it takes and answers from the records of its method, its errors from route_errors. Any thread.
 */
#ifndef DORAN_BRIDGE_OPENAPI_H
#define DORAN_BRIDGE_OPENAPI_H

#include <jansson.h>

/* The document; the caller owns it. */
json_t *openapi_document(void);

#endif
