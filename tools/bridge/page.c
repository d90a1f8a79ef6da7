/* SPDX-License-Identifier: MIT */
#include "tools/bridge/page.h"

#include <sodium.h>

page_t page_make(const char *media, span_t body) {
    page_t page = {.media = media, .body = body};
    uint8_t hash[crypto_generichash_BYTES_MIN];
    char hex[2 * sizeof hash + 1];
    CHECK(body.ptr != NULL, "out of memory");
    crypto_generichash(hash, sizeof hash, body.ptr, body.len, NULL, 0);
    snprintf(page.tag, sizeof page.tag, "\"%s\"", sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
    return page;
}

void page_answer(call_t *call, const page_t *page, const char *caching) {
    call_add_header(call, "Cache-Control", caching);
    if (!call_add_tag(call, page->tag)) {
        call_answer(call, 304, NULL, (span_t){0});
        return;
    }
    if (page->coding != NULL) {
        call_add_header(call, "Content-Encoding", page->coding);
    }
    call_answer(call, 200, page->media, page->body);
}
