/* SPDX-License-Identifier: MIT */
/* The end of a call, and its messages. serve.c begins it. */
#include "tools/bridge/call.h"

#include <stdlib.h>

#include "schemas/json.h"
#include "tools/bridge/body.h"
#include "tools/bridge/edge.h"
#include "tools/bridge/people.h"
#include "tools/bridge/problem.h"
#include "tools/bridge/pump.h"

enum {
    HEADER_BYTES = 512,
    HTTP_SWITCHING = 101,
    HTTP_DONE = 200,
    HTTP_CREATED = 201,
    HTTP_UNCHANGED = 304,
    HTTP_ERRORS = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_UNAVAILABLE = 503,
};

/* The end */

static void end(call_t *self) {
    self->bridge->calls--;
    people_release(&self->person);
    json_decref(self->json);
    free(self->key);
    (self->own_free != NULL ? self->own_free : free)(self->own);
    free(self);
}

void call_add_header(call_t *self, const char *name, const char *value) {
    http_add_header(self->http, name, value);
}

/* "17" becomes "17-gzip". */
static void print_packed(const char *tag, char packed[CALL_TAG_BYTES]) {
    snprintf(packed, CALL_TAG_BYTES, "%.*s" CALL_PACKED "\"", (int)strlen(tag) - 1, tag);
}

static void add_tag(call_t *self, bool is_packed) {
    char packed[CALL_TAG_BYTES];
    if (self->tag[0] != 0) {
        print_packed(self->tag, packed);
        call_add_header(self, "ETag", is_packed ? packed : self->tag);
    }
}

void call_answer(call_t *self, int status, const char *media, span_t body) {
    edge_add_headers(self);
    if (status >= HTTP_ERRORS || self->person != NULL ||
        (self->route != NULL && (self->route->flags & UNSTORED) != 0)) {
        call_add_header(self, "Cache-Control", "no-store");
    }
    if (media != NULL) {
        call_add_header(self, "Content-Type", media);
    }
    /* Pages for people have their own, and keep it when they are not sent again. */
    if (status != HTTP_UNCHANGED && (media == NULL || strncmp(media, "text/html", strlen("text/html")) != 0)) {
        call_add_header(self, "Content-Security-Policy", CALL_POLICY);
    }
    span_t sent = edge_compress(self, status, body);
    add_tag(self, sent.ptr != body.ptr);
    edge_end(self, status, sent.len);
    http_reply(self->http, status, sent);
    end(self);
}

http_request_t *call_give(call_t *self) {
    http_request_t *request = self->http;
    edge_add_headers(self);
    edge_end(self, http_header(request, "Upgrade") != NULL ? HTTP_SWITCHING : HTTP_DONE, 0);
    end(self);
    return request;
}

/* Problems */

static void answer_problem(call_t *self, int status, json_t *problem) {
    char *text = problem_print(problem, self->http, self->request_id);
    if (status == HTTP_UNAUTHORIZED) {
        bool given = http_header(self->http, "Authorization") != NULL;
        call_add_header(self, "WWW-Authenticate", given ? "Bearer error=\"invalid_token\"" : "Bearer");
    }
    call_answer(self, status, "application/problem+json", span_text(text));
    free(text);
}

/* 0: nobody said after what time; a second is soon enough, and late enough. */
static void add_retry_after(call_t *self, uint32_t ms) {
    char seconds[HEADER_BYTES];
    snprintf(seconds, sizeof seconds, "%u", ms > 0 ? (ms + 999) / 1000 : 1);
    call_add_header(self, "Retry-After", seconds);
}

void call_refuse(call_t *self, refusal_t refusal, const char *detail) {
    if (problem_status(refusal) == HTTP_UNAVAILABLE) {
        add_retry_after(self, 0);
    }
    answer_problem(self, problem_status(refusal), problem_of_refusal(refusal, detail));
}

/* detail: of the place; whole: of the request, or NULL. */
static void refuse_place(call_t *self, refusal_t refusal, const char *pointer, const char *code, const char *detail,
                         const char *whole) {
    json_t *problem = problem_of_refusal(refusal, whole);
    json_t *wrong = json_pack("[{ss ss ss}]", "pointer", pointer, "code", code, "detail", detail);
    CHECK(wrong != NULL && json_object_set_new(problem, "errors", wrong) == 0, "out of memory");
    answer_problem(self, problem_status(refusal), problem);
}

void call_refuse_field(call_t *self, const char *pointer, const char *code, const char *detail) {
    refuse_place(self, REFUSE_INVALID, pointer, code, detail, NULL);
}

void call_refuse_key(call_t *self, const char *part) {
    char pointer[METHOD_BYTES_MAX], whole[HEADER_BYTES];
    snprintf(pointer, sizeof pointer, "/%s", part);
    snprintf(whole, sizeof whole, "`%s` must be " ADDRESS_KEY_TEXT, part);
    refuse_place(self, REFUSE_NOT_FOUND, pointer, "not_a_key", "must be " ADDRESS_KEY_TEXT, whole);
}

void call_pass_error(call_t *self, const doran_reply_t *reply) {
    int status = status_http((status_t)reply->code);
    if (reply->retry_after_ms > 0 || status == HTTP_UNAVAILABLE) {
        add_retry_after(self, reply->retry_after_ms);
    }
    answer_problem(self, status, problem_of_reply(self->bridge->tape, reply));
}

/* Records */

/* The member of the reply's map, or 0. The reply is on the bridge's tape. */
static const token_t *member(const call_t *self, const char *name) {
    const tape_t *tape = self->bridge->tape;
    uint32_t at = tape_find(tape, 0, name);
    return at > 0 ? &tape->tokens[at] : NULL;
}

static void print_member(const call_t *self, const char *name, struct evbuffer *text) {
    const token_t *token = member(self, name);
    if (token != NULL && token->type == TOKEN_U64) {
        evbuffer_add_printf(text, "%llu", (unsigned long long)token->u64);
    } else if (token != NULL && token->type == TOKEN_TEXT) {
        evbuffer_add(text, token->ptr, token->len);
    }
}

/* The place, with what stands in braces from the path or the reply. */
static void print_place(const call_t *self, const char *place, struct evbuffer *text) {
    for (const char *at = place; *at != 0; at++) {
        char name[METHOD_BYTES_MAX];
        size_t len = strcspn(at, "{");
        evbuffer_add(text, at, len);
        at += len;
        if (*at == 0) {
            return;
        }
        len = strcspn(at, "}");
        snprintf(name, sizeof name, "%.*s", (int)len - 1, at + 1);
        at += len;
        span_t captured = route_capture(self->route, &self->captures, name);
        if (captured.ptr != NULL) {
            evbuffer_add(text, captured.ptr, captured.len);
        } else {
            print_member(self, name, text);
        }
    }
}

/* Where what came into being is found: what the row says, or the path and its id. */
static void add_location(call_t *self) {
    struct evbuffer *place = evbuffer_new();
    span_t path = http_path(self->http);
    CHECK(place != NULL, "out of memory");
    if (self->route->location != NULL) {
        print_place(self, self->route->location, place);
    } else {
        evbuffer_add(place, path.ptr, path.len);
        print_place(self, (self->route->flags & GUARDED) != 0 ? "" : "/{id}", place);
    }
    evbuffer_add(place, "", 1);
    call_add_header(self, "Location", (const char *)evbuffer_pullup(place, -1));
    evbuffer_free(place);
}

bool call_add_tag(call_t *self, const char *tag) {
    char packed[CALL_TAG_BYTES];
    const char *known = http_header(self->http, "If-None-Match");
    bool reads = http_method(self->http) == HTTP_GET || http_method(self->http) == HTTP_HEAD;
    print_packed(tag, packed);
    bool has_packed = reads && known != NULL && strstr(known, packed) != NULL;
    snprintf(self->tag, sizeof self->tag, "%s", has_packed ? packed : tag);
    return !has_packed && !(reads && known != NULL && (strcmp(known, "*") == 0 || strstr(known, tag) != NULL));
}

/* False: the asker has this version already. */
static bool add_version_tag(call_t *self) {
    const token_t *version = member(self, "version");
    char tag[HEADER_BYTES];
    if (version == NULL || version->type != TOKEN_U64) {
        return true;
    }
    snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)version->u64);
    return call_add_tag(self, tag);
}

char *call_show(const call_t *self, const record_t *record, uint32_t at) {
    const field_t *version = body_field(record, "version");
    bool tag = version != NULL && route_hides(version);
    return self->route->show != NULL ? self->route->show(self, record, at)
                                     : json_print_for_web(record, self->bridge->tape, at, tag ? version->name : NULL);
}

void call_answer_record(call_t *self, const record_t *record, const doran_reply_t *reply) {
    int status = route_status(self->route);
    if ((self->route->flags & GUARDED) != 0 && !self->conditional) {
        status = HTTP_CREATED;
    }
    if (tape_read_whole(self->bridge->tape, span_of(reply->body, reply->body_bytes)) != STATUS_OK) {
        call_refuse(self, REFUSE_BUSY, "The server's answer cannot be read");
        return;
    }
    if ((self->route->flags & TAGGED) != 0 && !add_version_tag(self)) {
        call_answer(self, HTTP_UNCHANGED, NULL, (span_t){0});
        return;
    }
    if (status == 204) {
        call_answer(self, status, NULL, (span_t){0});
        return;
    }
    char *text = call_show(self, record, 0);
    if (text == NULL) {
        call_refuse(self, REFUSE_BUSY, "The server's answer cannot be read");
        return;
    }
    if (status == 201 || status == 202) {
        add_location(self);
    }
    call_answer(self, status, "application/json", span_text(text));
    free(text);
}

/* Messages */

static void send_message(call_t *self, const char *address, const char *method, span_t body);

/* A message that is sent again while the first request of its key still runs. */
typedef struct again {
    char *address, *method;
    uint8_t *body;
    size_t body_bytes;
    uint64_t until_ms;
    struct event *timer;
} again_t;

enum { AGAIN_MS = 100 };

static void forget_again(call_t *self) {
    again_t *again = self->again;
    self->again = NULL;
    if (again != NULL) {
        event_free(again->timer);
        free(again->address);
        free(again->method);
        free(again->body);
        free(again);
    }
}

static void send_again(evutil_socket_t fd, short events, void *context) {
    call_t *self = context;
    (void)fd;
    (void)events;
    send_message(self, self->again->address, self->again->method, span_of(self->again->body, self->again->body_bytes));
}

static void keep_message(call_t *self, const char *address, const char *method, span_t body) {
    again_t *again = calloc(1, sizeof *again);
    CHECK(again != NULL, "out of memory");
    *again = (again_t){.address = strdup(address), .method = strdup(method), .body = malloc(body.len)};
    again->timer = evtimer_new(self->bridge->base, send_again, self);
    CHECK(again->address != NULL && again->method != NULL && again->body != NULL && again->timer != NULL,
          "out of memory");
    memcpy(again->body, body.ptr, body.len);
    again->body_bytes = body.len;
    again->until_ms = bridge_now_ms() + self->wait_ms;
    self->again = again;
}

/* True: the first request of this key still runs, and is asked for again in a while. */
static bool wait_more(call_t *self, const doran_reply_t *reply) {
    if (reply->code != DORAN_IN_PROGRESS || self->again == NULL || bridge_now_ms() >= self->again->until_ms) {
        return false;
    }
    event_add(self->again->timer, &(struct timeval){.tv_usec = AGAIN_MS * 1000});
    return true;
}

static void take_part(void *context, const doran_reply_t *reply) {
    call_t *self = context;
    self->each(self, reply);
}

static void fail(call_t *self, const doran_reply_t *reply) {
    if (self->person != NULL && people_ends_session(people_ended(self->person))) {
        call_refuse(self, REFUSE_UNAUTHENTICATED, "The login session has ended");
    } else if (reply->code == DORAN_UNAUTHENTICATED && self->person == NULL) { /* who comes in */
        call_refuse(self, REFUSE_UNAUTHENTICATED, reply->text);
    } else if (reply->code == DORAN_PRECONDITION_FAILED && !self->conditional && (self->route->flags & GUARDED) != 0) {
        call_refuse(self, REFUSE_PRECONDITION_REQUIRED, NULL);
    } else {
        call_pass_error(self, reply);
    }
}

void call_fail(call_t *self, doran_code_t code, const char *text) {
    fail(self, &(doran_reply_t){.code = code, .text = text, .body = (const uint8_t *)"\x80", .body_bytes = 1});
}

static void take_reply(void *context, const doran_reply_t *reply) {
    call_t *self = context;
    if (wait_more(self, reply)) {
        return;
    }
    forget_again(self);
    if (reply->code == DORAN_OK) {
        self->done(self, reply);
    } else {
        fail(self, reply);
    }
}

static void submit(call_t *self, doran_request_t request) {
    request.trace = self->trace;
    doran_t *client = self->person != NULL ? people_client(self->person) : self->bridge->server;
    doran_code_t code = self->each != NULL ? doran_send_query(client, &request, take_part, take_reply, self)
                                           : doran_send(client, &request, take_reply, self);
    pump_wake(self->bridge->pump);
    if (code != DORAN_OK) {
        forget_again(self);
        call_fail(self, code, "");
    }
}

static void send_message(call_t *self, const char *address, const char *method, span_t body) {
    self->each = NULL;
    submit(self, (doran_request_t){.address = address,
                                   .method = method,
                                   .body = body.ptr,
                                   .body_bytes = body.len,
                                   .idempotency_key = self->key});
}

void call_send(call_t *self, const char *address, const char *method, span_t body, call_done_fn done) {
    self->done = done;
    if (self->key != NULL && self->wait_ms > 0) {
        keep_message(self, address, method, body);
    }
    send_message(self, address, method, body);
}

void call_send_query(call_t *self, const char *kind, const char *method, span_t body, call_done_fn each,
                     call_done_fn done) {
    self->each = each;
    self->done = done;
    submit(self, (doran_request_t){.address = kind, .method = method, .body = body.ptr, .body_bytes = body.len});
}
