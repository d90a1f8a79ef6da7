/* SPDX-License-Identifier: MIT */
/* A request is turned away at the first step that it does not pass; each step says so and ends the call. */
#include "tools/bridge/serve.h"

#include <ctype.h>
#include <stdlib.h>

#include "tools/bridge/body.h"
#include "tools/bridge/cors.h"
#include "tools/bridge/edge.h"
#include "tools/bridge/idempotency_key.h"
#include "tools/bridge/message.h"
#include "tools/bridge/people.h"
#include "tools/bridge/problem.h"
#include "tools/bridge/runs.h"
#include "tools/bridge/web.h"

const char *const serve_headers[] = {"X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer", NULL};
const char *const serve_tls_headers[] = {"Strict-Transport-Security",
                                         "max-age=31536000",
                                         "X-Content-Type-Options",
                                         "nosniff",
                                         "Referrer-Policy",
                                         "no-referrer",
                                         NULL};

/* "GET, HEAD" */
static void print_methods(uint32_t methods, char *text, size_t bytes) {
    text[0] = 0;
    for (http_method_t method = HTTP_GET; method < HTTP_OTHER; method++) {
        if ((methods >> method & 1) != 0) {
            size_t len = strlen(text);
            snprintf(text + len, bytes - len, "%s%s", len > 0 ? ", " : "", http_method_name(method));
        }
    }
}

/* False: there is no route, and the call is answered; `allowed` are the path's. And so with the others. */
static bool require_route(call_t *call, uint32_t allowed) {
    char methods[64];
    if (call->route != NULL) {
        return true;
    }
    print_methods(allowed | 1u << HTTP_OPTIONS, methods, sizeof methods);
    if (allowed == 0) {
        call_refuse(call, REFUSE_NOT_FOUND, NULL);
    } else if (http_method(call->http) == HTTP_OPTIONS) {
        cors_answer_options(call, methods);
    } else {
        call_add_header(call, "Allow", methods);
        call_refuse(call, REFUSE_METHOD_NOT_ALLOWED, NULL);
    }
    return false;
}

/* What has no row may be the web app's, whose row has the path "/". */
static void find_route(call_t *call, uint32_t *allowed) {
    span_t path = http_path(call->http);
    call->route = route_find(http_method(call->http), path, &call->captures, allowed);
    if (*allowed == 0 && web_find(call->bridge->web, path, http_header(call->http, "Accept")) != NULL) {
        call->route = route_find(http_method(call->http), span_text("/"), &call->captures, allowed);
    }
}

/* The token of `Authorization: Bearer TOKEN` (RFC 6750), or absent. */
static span_t bearer_token(const char *authorization) {
    size_t scheme = strlen("Bearer");
    if (strncasecmp(authorization, "Bearer ", scheme + 1) != 0) {
        return (span_t){0};
    }
    return span_text(authorization + scheme + strspn(authorization + scheme, " "));
}

/* Absent: none was given. */
static span_t given_token(const call_t *call) {
    const char *authorization = http_header(call->http, "Authorization");
    return authorization != NULL ? bearer_token(authorization) : (span_t){0};
}

static void find_person(call_t *call, const char **why) {
    span_t token = given_token(call);
    if (call->route != NULL && token.ptr != NULL) {
        call->person = people_find(call->bridge->people, token, why);
    }
}

/* Behind a proxy of this machine all come from it. */
static access_t access_of(const call_t *call) {
    bool local = (call->route->flags & LOCAL) != 0 && ip_is_loopback(&call->client) &&
                 http_header(call->http, "X-Forwarded-For") == NULL;
    return local ? ACCESS_EVERYBODY : call->route->access;
}

/* Who asks: whoever says so must show it, wherever he goes. */
static bool require_person(call_t *call, const char *why) {
    char detail[64];
    bool said = http_header(call->http, "Authorization") != NULL;
    if (call->person != NULL || (!said && access_of(call) == ACCESS_EVERYBODY)) {
        return true;
    }
    if (given_token(call).ptr == NULL) {
        call_refuse(call, REFUSE_UNAUTHENTICATED, NULL);
    } else if (why == NULL) {
        call_refuse(call, REFUSE_BUSY, NULL);
    } else {
        snprintf(detail, sizeof detail, "The access token is not good: %s", why);
        call_refuse(call, REFUSE_UNAUTHENTICATED, detail);
    }
    return false;
}

/* Does a header come more than once? */
static bool is_repeated(const call_t *call, const char *name) {
    return http_header(call->http, name) != http_last_header(call->http, name);
}

/* If-Match: one strong tag, "17", or as it was with a packed answer, "17-gzip". No version is past INT64_MAX. */
static bool take_condition(call_t *call) {
    const char *tag = route_changes(call->route) ? http_header(call->http, "If-Match") : NULL;
    if (tag == NULL && (call->route->flags & CONDITIONAL) != 0) {
        call_refuse(call, REFUSE_PRECONDITION_REQUIRED, NULL);
        return false;
    }
    if (tag != NULL && (strchr(tag, ',') != NULL || is_repeated(call, "If-Match"))) {
        call_refuse(call, REFUSE_MALFORMED, "If-Match is one tag here, or *");
        return false;
    }
    call->conditional = tag != NULL;
    if (tag == NULL || strcmp(tag, "*") == 0) {
        return true;
    }
    char *end;
    call->version = tag[0] == '"' && tag[1] >= '1' && tag[1] <= '9' ? strtoull(tag + 1, &end, 10) : 0;
    if (call->version == 0 || call->version > INT64_MAX ||
        (strcmp(end, "\"") != 0 && strcmp(end, CALL_PACKED "\"") != 0)) {
        call_refuse(call, REFUSE_PRECONDITION_FAILED, "No version has such a tag");
        return false;
    }
    return true;
}

/* The whole seconds of `wait=N` in Prefer (RFC 7240), at most this long; 0: none. */
static uint32_t preferred_wait_s(const char *prefer) {
    enum { WAIT_S_MAX = 30 };
    const char *wait = prefer != NULL ? strcasestr(prefer, "wait=") : NULL;
    unsigned long seconds = wait != NULL && isdigit((unsigned char)wait[5]) ? strtoul(wait + 5, NULL, 10) : 0;
    return seconds < WAIT_S_MAX ? (uint32_t)seconds : WAIT_S_MAX;
}

static void take_wait(call_t *call) {
    char applied[32];
    uint32_t seconds = preferred_wait_s(http_header(call->http, "Prefer"));
    if (seconds > 0) {
        call->wait_ms = seconds * 1000;
        snprintf(applied, sizeof applied, "wait=%u", seconds);
        call_add_header(call, "Preference-Applied", applied);
    }
}

static bool take_key(call_t *call) {
    const char *header = http_header(call->http, "Idempotency-Key");
    char key[IDEMPOTENCY_KEY_BYTES];
    uint32_t flags = call->route->flags;
    if (header == NULL) {
        if ((flags & KEY_REQUIRED) != 0) {
            call_refuse(call, REFUSE_KEY_REQUIRED, NULL);
        }
        return (flags & KEY_REQUIRED) == 0;
    }
    if ((flags & KEY_REFUSED) != 0) {
        call_refuse(call, REFUSE_INVALID, "No Idempotency-Key is taken here");
        return false;
    }
    if (is_repeated(call, "Idempotency-Key")) {
        call_refuse(call, REFUSE_MALFORMED, "There are two Idempotency-Keys");
        return false;
    }
    if (!idempotency_key_read(header, key)) {
        call_refuse(call, REFUSE_INVALID, "An Idempotency-Key is 1 to 255 printable ASCII characters");
        return false;
    }
    if (call->person == NULL && !idempotency_key_unguessable(key)) {
        call_refuse(call, REFUSE_INVALID,
                    "The Idempotency-Key of who is not logged in has 128 random bits, like a UUID");
        return false;
    }
    call->key = strdup(key);
    CHECK(call->key != NULL, "out of memory");
    take_wait(call);
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

static bool take_query(call_t *call) {
    char error[256];
    call->json = body_parse_query(http_query(call->http), error, sizeof error);
    if (call->json == NULL) {
        call_refuse(call, REFUSE_MALFORMED, error);
        return false;
    }
    return true;
}

/* No body is an empty object. */
static bool take_body(call_t *call) {
    span_t body = http_body(call->http);
    const char *type = http_header(call->http, "Content-Type");
    char error[256];
    if (http_query(call->http).len > 0) {
        call_refuse(call, REFUSE_INVALID, "What has a body takes no query");
        return false;
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

/* What is no JSON API looks for itself. */
static bool take_input(call_t *call) {
    if ((call->route->flags & OPEN_OUTSIDE) != 0) {
        return true;
    }
    return route_takes_body(call->route) ? take_body(call) : take_query(call);
}

/* Behind the question who asks. */
static void go_on(call_t *call) {
    if (!take_condition(call) || (route_changes(call->route) && !take_key(call)) || !take_input(call)) {
        return;
    }
    if (call->route->run != NULL) {
        call->route->run(call);
    } else {
        message_run(call);
    }
}

static void check_role(call_t *call, const doran_reply_t *reply) {
    tape_t *tape = call->bridge->tape;
    uint32_t at =
        tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK ? tape_find(tape, 0, "role") : 0;
    if (at > 0 && tape->tokens[at].type == TOKEN_TEXT &&
        span_equal(token_span(&tape->tokens[at]), span_text("ADMIN"))) {
        go_on(call);
    } else {
        call_refuse(call, REFUSE_FORBIDDEN, "This is for people with the role ADMIN");
    }
}

/* What is done by the bridge itself, or may be asked of the server by everybody, nobody else would refuse. */
static bool must_know_role(const call_t *call) {
    const route_t *route = call->route;
    bool refused_there = route->run == NULL && (route->kind->methods[route->kind_method].roles & ROLE_USER) == 0;
    return access_of(call) == ACCESS_ADMIN && !refused_there;
}

/* The user's own record says what the user may do. */
static void ask_role(call_t *call) {
    char address[SUBJECT_BYTES_MAX + 1];
    snprintf(address, sizeof address, "user/%s", people_user(call->person));
    call_send(call, address, "get", span_of("\x80", 1), check_role);
}

void serve_refusal(void *context, int status, const char *why, struct evbuffer *answer) {
    refusal_t refusal = 0;
    char id[REQUEST_ID_BYTES];
    const bridge_t *bridge = context;
    while (problem_status(refusal) != status) {
        refusal++;
        CHECK(refusal < REFUSAL_COUNT, "nothing is refused with %d", status);
    }
    edge_make_id(id);
    edge_note_refusal(bridge->edge, status, why, id);
    char *text = problem_print(problem_of_refusal(refusal, why), NULL, id);
    evbuffer_add_printf(answer,
                        "X-Request-Id: %s\r\nCache-Control: no-store\r\nContent-Security-Policy: " CALL_POLICY
                        "\r\nContent-Type: application/problem+json\r\n"
                        "%sContent-Length: %zu\r\n\r\n%s",
                        id, refusal == REFUSE_BUSY ? "Retry-After: 1\r\n" : "", strlen(text), text);
    free(text);
}

void serve_request(void *context, http_request_t *request) {
    call_t *call = calloc(1, sizeof *call);
    const char *why = NULL;
    uint32_t allowed;
    CHECK(call != NULL, "out of memory");
    call->bridge = context;
    call->bridge->calls++;
    call->http = request;
    edge_begin(call);
    find_route(call, &allowed);
    find_person(call, &why);
    if (!edge_admit(call) || !require_route(call, allowed) || !require_person(call, why)) {
        return;
    }
    if (must_know_role(call)) {
        ask_role(call);
    } else {
        go_on(call);
    }
}
