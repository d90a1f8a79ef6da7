/* SPDX-License-Identifier: MIT */
/* page: what lies ready to be sent as it is, with a tag that tells browsers whether they have it already. */
#ifndef DORAN_BRIDGE_PAGE_H
#define DORAN_BRIDGE_PAGE_H

#include "tools/bridge/call.h"

enum { PAGE_TAG_BYTES = 40 };

typedef struct page {
    const char *media;  /* static */
    const char *coding; /* of Content-Encoding, static; NULL: none */
    span_t body;        /* malloc'd; whoever has the page frees it */
    char tag[PAGE_TAG_BYTES];
} page_t;

page_t page_make(const char *media, span_t body);
/* Ends the call with it. caching: of Cache-Control. */
void page_answer(call_t *call, const page_t *page, const char *caching);

#endif
