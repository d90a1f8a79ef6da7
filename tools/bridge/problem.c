/* SPDX-License-Identifier: MIT */
#include "tools/bridge/problem.h"

#include <stdlib.h>

#include "schemas/json.h"
#include "tools/bridge/value.h"

static const struct row {
    const char *code, *title;
    int http;
} rows[REFUSAL_COUNT] = {
#define REFUSAL(NAME, code, http, title) [REFUSE_##NAME] = {#code, title, http},
#include "tools/bridge/refusals.def"
};

int problem_status(refusal_t refusal) {
    return rows[refusal].http;
}

const char *problem_code(refusal_t refusal) {
    return rows[refusal].code;
}

const char *problem_title(refusal_t refusal) {
    return rows[refusal].title;
}

/* Members that are text; NULL: left out. */
static void set_text(json_t *problem, const char *name, const char *text) {
    if (text != NULL && text[0] != 0) {
        json_object_set_new(problem, name, json_string(text)); /* not if it is no UTF-8 */
    }
}

static json_t *new_problem(const char *code, const char *title, int status, const char *detail) {
    json_t *problem = json_pack("{ss ss si}", "type", "about:blank", "title", title, "status", status);
    CHECK(problem != NULL, "out of memory");
    set_text(problem, "detail", detail != NULL && strcmp(detail, title) == 0 ? NULL : detail);
    set_text(problem, "code", code);
    return problem;
}

json_t *problem_of_refusal(refusal_t refusal, const char *detail) {
    const struct row *row = &rows[refusal];
    return new_problem(row->code, row->title, row->http, detail);
}

/* [{pointer, code, detail}] of a reply that is on the tape; NULL: none. */
static json_t *errors_of(const tape_t *tape) {
    uint32_t at = tape_find(tape, 0, "errors");
    if (at == 0) {
        return NULL;
    }
    char *text = json_print(tape, at);
    json_t *errors = value_read(text);
    free(text);
    return errors;
}

json_t *problem_of_reply(tape_t *tape, const doran_reply_t *reply) {
    status_t status = (status_t)reply->code;
    json_t *problem = new_problem(status_code(status), status_text(status), status_http(status), reply->text);
    if (tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK) {
        json_t *errors = errors_of(tape);
        if (errors != NULL) {
            json_object_set_new(problem, "errors", errors);
        }
    }
    return problem;
}

char *problem_print(json_t *problem, const http_request_t *request, const char *request_id) {
    span_t path = request != NULL ? http_path(request) : span_of("", 0);
    json_t *instance = path.len > 0 ? json_stringn((const char *)path.ptr, path.len) : NULL;
    if (instance != NULL) { /* of a path that is UTF-8 */
        json_object_set_new(problem, "instance", instance);
    }
    set_text(problem, "request_id", request_id);
    return value_print(problem);
}
