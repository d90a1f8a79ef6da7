/* SPDX-License-Identifier: MIT */
/*
 * output: how answers look: one JSON object a line, or aligned text for people. What a server stores was written by
 * strangers; none of it may steer the terminal, so control characters are always shown escaped. Writes to stdout and,
 * for what went wrong, one sentence to stderr. One thread.
 */
#ifndef DORAN_INSPECTOR_OUTPUT_H
#define DORAN_INSPECTOR_OUTPUT_H

#include <jansson.h>

#include "schemas/check.h"

/* One line of JSON. */
void output_line(const json_t *object);
/* The fields of an object, a line each, indented; objects in it below their name, arrays of objects as tables. */
void output_fields(const json_t *object, int indent);
/* An array of objects with the same fields: a heading, then a line each. */
void output_table(const json_t *rows, int indent);
/* A value on one line without an end: texts as they are, unless they need quotes. */
void output_value(const json_t *value);
/* One sentence on stderr. */
void output_problem(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
