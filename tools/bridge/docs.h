/* SPDX-License-Identifier: MIT */
/* docs: an OpenAPI document as a page for people: one piece of HTML without scripts, and nothing fetched. Any thread.
 */
#ifndef DORAN_BRIDGE_DOCS_H
#define DORAN_BRIDGE_DOCS_H

#include <jansson.h>

enum { DOCS_POLICY_BYTES = 256 };

/* The page of the document that openapi_document made; the caller frees it. policy: the Content-Security-Policy that it
   is to be sent with. */
char *docs_print(const json_t *document, char policy[DOCS_POLICY_BYTES]);

#endif
