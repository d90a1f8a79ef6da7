/* SPDX-License-Identifier: MIT */
#include "tools/bridge/cors.h"

#include "tools/bridge/words.h"

static bool has(const char *origins, const char *origin) {
    span_t rest = span_text(origins), one;
    bool found = false;
    while (!found && words_take(&rest, &one)) {
        found = span_equal(one, span_text(origin));
    }
    return found;
}

/* The origin if it is allowed, or NULL. */
static const char *allowed_origin(const call_t *call) {
    const char *origin = http_header(call->http, "Origin");
    return origin != NULL && has(call->bridge->settings.cors_origins, origin) ? origin : NULL;
}

bool cors_allows(const call_t *call) {
    return allowed_origin(call) != NULL;
}

void cors_add_headers(call_t *call) {
    if (call->bridge->settings.cors_origins[0] == 0) {
        return;
    }
    const char *origin = allowed_origin(call);
    call_add_header(call, "Vary", "Origin");
    if (origin != NULL) {
        call_add_header(call, "Access-Control-Allow-Origin", origin);
        call_add_header(call, "Access-Control-Expose-Headers",
                        "ETag, Location, Link, RateLimit, RateLimit-Policy, X-Request-Id, Retry-After, traceparent");
    }
}

void cors_answer_options(call_t *call, const char *allowed) {
    call_add_header(call, "Allow", allowed);
    if (allowed_origin(call) != NULL && http_header(call->http, "Access-Control-Request-Method") != NULL) {
        call_add_header(call, "Access-Control-Allow-Methods", allowed);
        call_add_header(call, "Access-Control-Allow-Headers",
                        "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Prefer, X-Request-Id, "
                        "traceparent, Last-Event-ID");
        call_add_header(call, "Access-Control-Max-Age", "600");
    }
    call_answer(call, 204, NULL, (span_t){0});
}
