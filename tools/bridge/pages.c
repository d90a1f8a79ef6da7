/* SPDX-License-Identifier: MIT */
#include "tools/bridge/pages.h"

#include <stdlib.h>

#include <sodium.h>

#include "tools/bridge/docs.h"
#include "tools/bridge/openapi.h"
#include "tools/bridge/runs.h"

enum { TAG_BYTES = 40 };

typedef struct page {
    const char *media;
    char *text;
    char tag[TAG_BYTES];
} page_t;

struct pages {
    page_t document, docs;
    char policy[DOCS_POLICY_BYTES];
};

static page_t make_page(const char *media, char *text) {
    page_t page = {.media = media, .text = text};
    uint8_t hash[crypto_generichash_BYTES_MIN];
    char hex[2 * sizeof hash + 1];
    CHECK(text != NULL, "out of memory");
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, strlen(text), NULL, 0);
    snprintf(page.tag, sizeof page.tag, "\"%s\"", sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
    return page;
}

pages_t *pages_new(void) {
    pages_t *self = calloc(1, sizeof *self);
    json_t *document = openapi_document();
    CHECK(self != NULL, "out of memory");
    self->document = make_page("application/json", json_dumps(document, JSON_INDENT(1)));
    self->docs = make_page("text/html; charset=utf-8", docs_print(document, self->policy));
    json_decref(document);
    return self;
}

void pages_destroy(pages_t **self_p) {
    pages_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        free(self->document.text);
        free(self->docs.text);
        free(self);
    }
}

static void answer_page(call_t *call, const page_t *page) {
    call_add_header(call, "Cache-Control", "no-cache");
    if (call_add_tag(call, page->tag)) {
        call_answer(call, 200, page->media, span_text(page->text));
    } else {
        call_answer(call, 304, NULL, (span_t){0});
    }
}

void run_show_openapi(call_t *call) {
    answer_page(call, &call->bridge->pages->document);
}

void run_show_docs(call_t *call) {
    call_add_header(call, "Content-Security-Policy", call->bridge->pages->policy);
    answer_page(call, &call->bridge->pages->docs);
}
