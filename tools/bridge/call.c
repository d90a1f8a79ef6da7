/* SPDX-License-Identifier: MIT */
/* The end of a call, and its messages. serve.c begins it. */
#include "tools/bridge/call.h"

#include <stdlib.h>

#include "schemas/json.h"
#include "tools/bridge/people.h"
#include "tools/bridge/problem.h"
#include "tools/bridge/pump.h"

enum { HEADER_BYTES = 512, HTTP_ERRORS = 400, HTTP_UNAUTHORIZED = 401 };

/* The end */

static void end(call_t *self) {
    self->bridge->calls--;
    people_release(&self->person);
    json_decref(self->json);
    free(self->own);
    free(self);
}

void call_add_header(call_t *self, const char *name, const char *value) {
    http_add_header(self->http, name, value);
}

void call_answer(call_t *self, int status, const char *media, span_t body) {
    call_add_header(self, "X-Request-Id", self->request_id);
    if (status >= HTTP_ERRORS || (self->route != NULL && (self->route->flags & UNSTORED) != 0)) {
        call_add_header(self, "Cache-Control", "no-store");
    }
    if (media != NULL) {
        call_add_header(self, "Content-Type", media);
    }
    http_reply(self->http, status, body);
    end(self);
}

http_request_t *call_give(call_t *self) {
    http_request_t *request = self->http;
    call_add_header(self, "X-Request-Id", self->request_id);
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

void call_refuse(call_t *self, refusal_t refusal, const char *detail) {
    answer_problem(self, problem_status(refusal), problem_of_refusal(refusal, detail));
}

void call_refuse_field(call_t *self, const char *pointer, const char *code, const char *detail) {
    json_t *problem = problem_of_refusal(REFUSE_INVALID, NULL);
    json_t *wrong = json_pack("[{ss ss ss}]", "pointer", pointer, "code", code, "detail", detail);
    CHECK(wrong != NULL && json_object_set_new(problem, "errors", wrong) == 0, "out of memory");
    answer_problem(self, problem_status(REFUSE_INVALID), problem);
}

void call_pass_error(call_t *self, const doran_reply_t *reply) {
    if (reply->retry_after_ms > 0) {
        char seconds[HEADER_BYTES];
        snprintf(seconds, sizeof seconds, "%u", (reply->retry_after_ms + 999) / 1000);
        call_add_header(self, "Retry-After", seconds);
    }
    answer_problem(self, status_http((status_t)reply->code), problem_of_reply(self->bridge->tape, reply));
}

/* Records */

/* The member of the reply's map, or 0. The reply is on the bridge's tape. */
static const token_t *member(const call_t *self, const char *name) {
    const tape_t *tape = self->bridge->tape;
    uint32_t at = tape_find(tape, 0, name);
    return at > 0 ? &tape->tokens[at] : NULL;
}

/* Where what came into being is found: the route's path and its id. */
static void add_location(call_t *self) {
    static const char *const names[] = {"id", "name", "sku"};
    const token_t *id = NULL;
    char place[HEADER_BYTES];
    for (size_t i = 0; i < ARRAY_LENGTH(names) && id == NULL; i++) {
        id = member(self, names[i]);
    }
    span_t path = http_path(self->http);
    if (id != NULL && id->type == TOKEN_TEXT) {
        snprintf(place, sizeof place, "%.*s/%.*s", (int)path.len, (const char *)path.ptr, (int)id->len,
                 (const char *)id->ptr);
        call_add_header(self, "Location", place);
    }
}

bool call_add_tag(call_t *self, const char *tag) {
    call_add_header(self, "ETag", tag);
    const char *known = http_header(self->http, "If-None-Match");
    bool reads = http_method(self->http) == HTTP_GET || http_method(self->http) == HTTP_HEAD;
    return !(reads && known != NULL && (strcmp(known, "*") == 0 || strstr(known, tag) != NULL));
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

void call_answer_record(call_t *self, const record_t *record, const doran_reply_t *reply) {
    int status = route_status(self->route);
    bool tagged = (self->route->flags & TAGGED) != 0;
    if (tape_read_whole(self->bridge->tape, span_of(reply->body, reply->body_bytes)) != STATUS_OK) {
        call_refuse(self, REFUSE_BUSY, "The server's answer cannot be read");
        return;
    }
    if (tagged && !add_version_tag(self)) {
        call_answer(self, 304, NULL, (span_t){0});
        return;
    }
    if (status == 201 || status == 202) {
        add_location(self);
    }
    if (status == 204) {
        call_answer(self, status, NULL, (span_t){0});
        return;
    }
    char *text = json_print_for_web(record, self->bridge->tape, 0, tagged ? "version" : NULL);
    call_answer(self, status, "application/json", span_text(text));
    free(text);
}

/* Messages */

/* A person whose session has ended is nobody, whatever the code with which the server said so. */
static void take_reply(void *context, const doran_reply_t *reply) {
    call_t *self = context;
    if (reply->code == DORAN_OK) {
        self->done(self, reply);
    } else if (self->person != NULL && people_ended(self->person) != DORAN_OK) {
        call_refuse(self, REFUSE_UNAUTHENTICATED, "The login session has ended");
    } else if (reply->code == DORAN_UNAUTHENTICATED && self->person == NULL) { /* only a login is told so */
        call_refuse(self, REFUSE_UNAUTHENTICATED, "E-mail address or password is wrong");
    } else {
        call_pass_error(self, reply);
    }
}

void call_send(call_t *self, const char *address, const char *method, span_t body, call_done_fn done) {
    self->done = done;
    doran_t *client = self->person != NULL ? people_client(self->person) : self->bridge->server;
    doran_code_t code = doran_submit(client, address, method, body.ptr, body.len, 0, take_reply, self);
    pump_wake(self->bridge->pump);
    if (code != DORAN_OK) {
        take_reply(self, &(doran_reply_t){.code = code, .text = "", .body = (const uint8_t *)"\x80", .body_bytes = 1});
    }
}
