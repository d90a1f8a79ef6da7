/* SPDX-License-Identifier: MIT */
/* show and call: one actor is asked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "schemas/address.h"
#include "schemas/records.h"
#include "tools/inspector/body.h"
#include "tools/inspector/connect.h"
#include "tools/inspector/output.h"

/* The kind in front of the slash; NULL: this program does not know it, the server may. */
static const kind_t *kind_at(const char *address) {
    return kind_of(span_of(address, strcspn(address, "/")));
}

/* show. */

/* {address, version, state}: the state in the words of its own schema. */
static int show_reply(const char *address, span_t body, bool json) {
    token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    show_reply_t reply;
    const kind_t *kind = kind_at(address);
    char *state = NULL, *text = NULL;
    if (tape_read_whole(&tape, body) != STATUS_OK ||
        record_decode(&record_show_reply, &tape, 0, FROM_WIRE, &reply, NULL) != STATUS_OK ||
        (state = body_to_json(reply.state, kind != NULL ? kind->state : NULL)) == NULL) {
        output_problem("show %s: the answer makes no sense to this version of the program", address);
        return ERROR_ANSWERED;
    }
    CHECK(asprintf(&text, "{\"address\":\"%s\",\"version\":%" PRIu64 ",\"state\":%s}", address, reply.version, state) >=
              0,
          "out of memory");
    int code = body_show_text(text, json);
    free(state);
    free(text);
    return code;
}

int command_show(const arguments_t *arguments) {
    const char *address = arguments->words[0];
    doran_reply_t reply;
    if (!connect_is_address(address)) {
        return WRONG_USAGE;
    }
    doran_t *server = connect_server(arguments);
    if (server == NULL) {
        return NOT_REACHED;
    }
    doran_code_t code = doran_call(server, address, "show", NULL, 0, arguments_timeout(arguments), &reply);
    int exit_code = code == DORAN_OK ? show_reply(address, span_of(reply.body, reply.body_bytes), arguments->json)
                                     : connect_problem(address, code, reply.text);
    doran_close(&server);
    return exit_code;
}

/* call. */

typedef struct question {
    const char *address, *method_name;
    const method_t *method; /* NULL: not known here */
    uint8_t *body;          /* NULL: an empty map */
    size_t body_bytes;
} question_t;

/* Reading is free; all else, and what this program cannot judge, is done only when it was meant. */
static int permit(const question_t *self, bool write) {
    if (self->method != NULL && (self->method->flags & QUERY) != 0) {
        output_problem("%s asks a whole kind, not one actor; see doran help ls", self->method_name);
        return WRONG_USAGE;
    }
    if (!write && self->method == NULL) {
        output_problem("%s %s is not known to this program, so it may change something; allow it with --write",
                       self->address, self->method_name);
        return REFUSED;
    }
    if (!write && (self->method->flags & (WRITE | CREATE)) != 0) {
        output_problem("%s %s may change something; allow it with --write", self->address, self->method_name);
        return REFUSED;
    }
    return DONE;
}

static int prepare(question_t *self, const arguments_t *arguments) {
    char error[256];
    if (!connect_is_address(arguments->words[0]) || (arguments->as != NULL && !connect_is_address(arguments->as))) {
        return WRONG_USAGE;
    }
    const kind_t *kind = kind_at(arguments->words[0]);
    *self = (question_t){.address = arguments->words[0], .method_name = arguments->words[1]};
    self->method = kind != NULL ? kind_method(kind, span_text(self->method_name)) : NULL;
    int code = permit(self, arguments->write);
    if (code == DONE && arguments->word_count == 3 &&
        !body_from_json(arguments->words[2], &self->body, &self->body_bytes, error, sizeof error)) {
        output_problem("%s", error);
        code = WRONG_USAGE;
    }
    return code;
}

/* Which fields are wrong, where the answer says so. */
static void show_errors(span_t body) {
    char *text = body_to_json(body, NULL);
    json_t *error = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const json_t *errors = json_object_get(error, "errors");
    if (json_array_size(errors) > 0) {
        output_table(errors, 2);
    }
    json_decref(error);
    free(text);
}

/* The error on stdout for programs, or as a sentence for people. */
static int call_failed(const question_t *question, const doran_reply_t *reply, bool json) {
    int code = connect_exit_code(reply->code);
    if (!json || reply->body_bytes == 0) {
        show_errors(span_of(reply->body, reply->body_bytes));
        return connect_problem(question->address, reply->code, reply->text);
    }
    int shown = body_show(span_of(reply->body, reply->body_bytes), NULL, true);
    return shown == DONE ? code : shown;
}

static int call(doran_t *server, const question_t *question, const arguments_t *arguments) {
    doran_request_t request = {.address = question->address,
                               .method = question->method_name,
                               .body = question->body,
                               .body_bytes = question->body_bytes,
                               .timeout_ms = arguments_timeout(arguments),
                               .idempotency_key = arguments->idempotency_key};
    doran_reply_t reply;
    doran_code_t code = doran_ask(server, &request, &reply);
    if (code != DORAN_OK) {
        return call_failed(question, &reply, arguments->json);
    }
    return body_show(span_of(reply.body, reply.body_bytes), question->method != NULL ? question->method->reply : NULL,
                     arguments->json);
}

int command_call(const arguments_t *arguments) {
    question_t question;
    int code = prepare(&question, arguments);
    if (code != DONE) {
        return code;
    }
    doran_t *server = connect_server(arguments);
    code = server != NULL ? call(server, &question, arguments) : NOT_REACHED;
    doran_close(&server);
    free(question.body);
    return code;
}
