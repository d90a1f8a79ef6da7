/* SPDX-License-Identifier: MIT */
#include "tools/bridge/pages.h"

#include <stdlib.h>

#include "tools/bridge/docs.h"
#include "tools/bridge/openapi.h"
#include "tools/bridge/page.h"
#include "tools/bridge/runs.h"

struct pages {
    page_t document, docs;
    char policy[DOCS_POLICY_BYTES];
};

static page_t make_page(const char *media, char *text) {
    CHECK(text != NULL, "out of memory");
    return page_make(media, span_text(text));
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
        free((void *)self->document.body.ptr);
        free((void *)self->docs.body.ptr);
        free(self);
    }
}

void run_show_openapi(call_t *call) {
    page_answer(call, &call->bridge->pages->document, "no-cache");
}

void run_show_docs(call_t *call) {
    call_add_header(call, "Content-Security-Policy", call->bridge->pages->policy);
    page_answer(call, &call->bridge->pages->docs, "no-cache");
}
