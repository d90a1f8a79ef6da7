/* SPDX-License-Identifier: MIT */
/* A request is turned away at the first step that it does not pass; each step says so and ends the call. */
#include "tools/bridge/serve.h"

#include <stdlib.h>

#include <sodium.h>

#include "tools/bridge/body.h"
#include "tools/bridge/message.h"
#include "tools/bridge/runs.h"

/* Whoever sent an id that can be printed gets it back; else one is made. */
static void name_request(call_t *call) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *given = http_header(call->http, "X-Request-Id");
    size_t len = given != NULL ? strlen(given) : 0;
    if (len > 0 && len < REQUEST_ID_BYTES && strspn(given, letters) == len) {
        memcpy(call->request_id, given, len + 1);
        return;
    }
    uint8_t random[16];
    randombytes_buf(random, sizeof random);
    uuid_v8(random, call->request_id);
}

/* False: refused, and so with the others. */
static bool find_route(call_t *call) {
    uint32_t allowed;
    char text[64] = "";
    call->route = route_find(http_method(call->http), http_path(call->http), &call->captures, &allowed);
    if (call->route != NULL) {
        return true;
    }
    if (allowed == 0) {
        call_refuse(call, REFUSE_NOT_FOUND, NULL);
        return false;
    }
    for (http_method_t method = HTTP_GET; method < HTTP_OTHER; method++) {
        if ((allowed >> method & 1) != 0) {
            size_t len = strlen(text);
            snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? ", " : "", http_method_name(method));
        }
    }
    call_add_header(call, "Allow", text);
    call_refuse(call, REFUSE_METHOD_NOT_ALLOWED, NULL);
    return false;
}

/* If-Match: one strong tag, "17". */
static bool take_condition(call_t *call) {
    const char *tag = http_header(call->http, "If-Match");
    if (tag == NULL && (call->route->flags & CONDITIONAL) != 0) {
        call_refuse(call, REFUSE_PRECONDITION_REQUIRED, NULL);
        return false;
    }
    if (tag == NULL || strcmp(tag, "*") == 0) {
        return true;
    }
    char *end;
    call->version = tag[0] == '"' && tag[1] >= '1' && tag[1] <= '9' ? strtoull(tag + 1, &end, 10) : 0;
    if (call->version == 0 || strcmp(end, "\"") != 0) {
        call_refuse(call, REFUSE_PRECONDITION_FAILED, "No version has such a tag");
        return false;
    }
    return true;
}

static bool is_json(const char *type) {
    size_t len = strcspn(type, "; \t");
    bool json = (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
                (len == 28 && strncasecmp(type, "application/merge-patch+json", len) == 0);
    const char *charset = strcasestr(type + len, "charset=");
    return json && (charset == NULL || strncasecmp(charset + strlen("charset="), "utf-8", 5) == 0 ||
                    strncasecmp(charset + strlen("charset="), "\"utf-8\"", 7) == 0);
}

static bool takes_body(const route_t *route) {
    return route->method == HTTP_POST || route->method == HTTP_PUT || route->method == HTTP_PATCH;
}

/* No body is an empty object. */
static bool take_body(call_t *call) {
    span_t body = http_body(call->http);
    const char *type = http_header(call->http, "Content-Type");
    char error[256];
    if (!takes_body(call->route)) {
        return true;
    }
    if (body.len > 0 && (type == NULL || !is_json(type))) {
        call_refuse(call, REFUSE_UNSUPPORTED_MEDIA_TYPE, NULL);
        return false;
    }
    call->json = body.len > 0 ? body_parse(body, error, sizeof error) : json_object();
    if (call->json == NULL) {
        call_refuse(call, REFUSE_MALFORMED, error);
        return false;
    }
    return true;
}

void serve_request(void *context, http_request_t *request) {
    call_t *call = calloc(1, sizeof *call);
    CHECK(call != NULL, "out of memory");
    call->bridge = context;
    call->bridge->calls++;
    call->http = request;
    name_request(call);
    if (!find_route(call) || !take_condition(call) || !take_body(call)) {
        return;
    }
    if (call->route->run != NULL) {
        call->route->run(call);
    } else {
        message_run(call);
    }
}
