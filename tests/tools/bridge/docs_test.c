/* SPDX-License-Identifier: MIT */
#include "tools/bridge/docs.h"

#include <criterion/criterion.h>
#include <sodium.h>

#include "tools/bridge/openapi.h"
#include "tools/bridge/route.h"

static char *page;
static char policy[DOCS_POLICY_BYTES];

static void set_up(void) {
    json_t *document = openapi_document();
    page = docs_print(document, policy);
    json_decref(document);
}

static void tear_down(void) {
    free(page);
}

TestSuite(docs, .init = set_up, .fini = tear_down);

Test(docs, nothing_is_fetched_and_nothing_runs) {
    static const char *const signs[] = {
        "<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "style=", "http://", "https://"};
    for (size_t i = 0; i < ARRAY_LENGTH(signs); i++) {
        cr_expect_null(strstr(page, signs[i]), "%s", signs[i]);
    }
}

Test(docs, what_the_document_says_becomes_no_html) {
    json_t *document = json_pack("{s{ss ss} s[{ss}] s{s{s{ss ss s[s]}}}}", "info", "title", "<b>&\"", "description", "",
                                 "tags", "name", "x", "paths", "/{x}", "get", "operationId", "show", "summary",
                                 "<script>alert(1)</script>", "tags", "x");
    char *hostile = docs_print(document, policy);
    cr_expect_null(strstr(hostile, "<script"));
    cr_expect_not_null(strstr(hostile, "&lt;script&gt;"));
    cr_expect_not_null(strstr(hostile, "&lt;b&gt;&amp;&quot;"));
    free(hostile);
    json_decref(document);
}

Test(docs, the_policy_allows_its_style_and_nothing_else) {
    const char *begin = strstr(page, "<style>") + strlen("<style>"), *end = strstr(page, "</style>");
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[64], expected[128];
    crypto_hash_sha256(hash, (const uint8_t *)begin, (size_t)(end - begin));
    sodium_bin2base64(text, sizeof text, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    snprintf(expected, sizeof expected, "default-src 'none'; style-src 'sha256-%s'; ", text);
    cr_expect_eq(strncmp(policy, expected, strlen(expected)), 0, "%s", policy);
}

Test(docs, each_route_of_the_document_has_its_place) {
    for (uint32_t i = 0; i < routes_count; i++) {
        char place[128];
        snprintf(place, sizeof place, "<details id=\"%s\">", routes[i].name);
        cr_expect_eq(strstr(page, place) == NULL, (routes[i].flags & OPEN_OUTSIDE) != 0, "%s", routes[i].name);
    }
}

Test(docs, who_comes_is_told_what_holds_for_all_routes) {
    static const char *const words[] = {"Authorization: Bearer",
                                        "If-Match: \"17\"",
                                        "Idempotency-Key",
                                        "next_cursor",
                                        "Location",
                                        "problem",
                                        "Retry-After"};
    const char *begin = strstr(page, "<section id=\"introduction\">");
    cr_assert_not_null(begin);
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        cr_expect_not_null(strstr(begin, words[i]), "%s", words[i]);
    }
}

Test(docs, frames_and_ends_of_live_connections_are_told) {
    static const char *const words[] = {"#record-frame_subscribe\"", "#record-frame_lagged\"", "<code>4001</code>",
                                        "Last-Event-ID", "<h3 id=\"record-frame_error\">"};
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        cr_expect_not_null(strstr(page, words[i]), "%s", words[i]);
    }
}
