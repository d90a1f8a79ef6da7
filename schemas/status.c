/* SPDX-License-Identifier: MIT */
/*
 * The table of errors.def as arrays. Zero is OK and stands in the first row, so that every status has one.
 */
#include "schemas/status.h"

typedef struct status_row {
    const char *code;
    const char *text;
    int http;
    bool retryable;
} status_row_t;

static const status_row_t rows[STATUS_COUNT] = {
    [STATUS_OK] = {"ok", "Done", 200, false},
#define ERROR(NAME, code, http, retryable, text) [STATUS_##NAME] = {#code, text, http, retryable},
#include "schemas/errors.def"
};

static const status_row_t *row_of(status_t status) {
    CHECK((unsigned)status < STATUS_COUNT, "status %d", (int)status);
    return &rows[status];
}

const char *status_code(status_t status) {
    return row_of(status)->code;
}

const char *status_text(status_t status) {
    return row_of(status)->text;
}

int status_http(status_t status) {
    return row_of(status)->http;
}

bool status_retryable(status_t status) {
    return row_of(status)->retryable;
}

bool status_parse(span_t code, status_t *status) {
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        if (span_equal(code, span_text(rows[i].code))) {
            *status = (status_t)i;
            return true;
        }
    }
    return false;
}
