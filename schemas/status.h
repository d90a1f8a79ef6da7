/* SPDX-License-Identifier: MIT */
/*
 * status: the one result type of what may fail because of the world. The table is errors.def.
 * Outputs of a function that fails are untouched. Any thread.
 */
#ifndef DORAN_STATUS_H
#define DORAN_STATUS_H

#include <stdbool.h>

#include "schemas/check.h"
#include "schemas/span.h"

typedef enum status {
    STATUS_OK = 0,
#define ERROR(NAME, code, http, retryable, text) STATUS_##NAME,
#include "schemas/errors.def"
    STATUS_COUNT
} status_t;

/* The stable code, "ok" for STATUS_OK. Static. */
const char *status_code(status_t status);
/* One sentence for people. Static. */
const char *status_text(status_t status);
int status_http(status_t status);
bool status_retryable(status_t status);
/* STATUS_OK and false when the code is not in the table. */
bool status_parse(span_t code, status_t *status);

#endif
