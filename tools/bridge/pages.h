/* SPDX-License-Identifier: MIT */
/*
 * pages: what the bridge says of itself, at /openapi.json and /docs. Both are made once, at the start; a tag tells
 * browsers whether they have them already.
 */
#ifndef DORAN_BRIDGE_PAGES_H
#define DORAN_BRIDGE_PAGES_H

typedef struct pages pages_t;

pages_t *pages_new(void);
void pages_destroy(pages_t **self_p);

#endif
