/* SPDX-License-Identifier: MIT */
/* Programs get the JSON as the schemas print it; for people it is read again and its fields are aligned. */
#include "tools/inspector/body.h"

#include <stdio.h>
#include <stdlib.h>

#include "schemas/json.h"
#include "tools/inspector/command.h"
#include "tools/inspector/output.h"

bool body_from_json(const char *json, uint8_t **bytes, size_t *len, char *error, size_t error_bytes) {
    uint8_t *buffer = malloc(ENVELOPE_BYTES_MAX);
    CHECK(buffer != NULL, "out of memory");
    pack_t pack = pack_into(buffer, ENVELOPE_BYTES_MAX);
    status_t status = json_parse(span_text(json), &pack, error, error_bytes);
    if (status == STATUS_TOO_LARGE) {
        snprintf(error, error_bytes, "the body is larger than %zu bytes", ENVELOPE_BYTES_MAX);
    } else if (status == STATUS_OK && json[strspn(json, " \t\r\n")] != '{') {
        snprintf(error, error_bytes, "a body is a JSON object, {…}");
        status = STATUS_INVALID;
    }
    if (status != STATUS_OK) {
        free(buffer);
        return false;
    }
    *bytes = buffer;
    *len = pack.len;
    return true;
}

char *body_to_json(span_t body, const record_t *record) {
    token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    if (tape_read_whole(&tape, body) != STATUS_OK) {
        return NULL;
    }
    return record != NULL && tokens[0].type == TOKEN_MAP ? json_print_record(record, &tape, 0) : json_print(&tape, 0);
}

int body_show(span_t body, const record_t *record, bool json) {
    char *text = body_to_json(body, record);
    if (text == NULL) {
        output_problem("the answer makes no sense to this version of the program");
        return ERROR_ANSWERED;
    }
    int code = body_show_text(text, json);
    free(text);
    return code;
}

int body_show_text(const char *text, bool json) {
    if (json) {
        printf("%s\n", text);
    } else {
        body_show_fields(text, 0);
    }
    return DONE;
}

void body_show_fields(const char *text, int indent) {
    /* A number beyond 63 bits is none to jansson; then the line of JSON has to do. */
    json_t *object = json_loads(text, 0, NULL);
    if (object == NULL) {
        printf("%*s%s\n", indent, "", text);
    } else {
        output_fields(object, indent);
    }
    json_decref(object);
}
