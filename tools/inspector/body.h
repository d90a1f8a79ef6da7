/* SPDX-License-Identifier: MIT */
/*
 * body: bodies of messages between JSON, which people write and read, and msgpack, which travels. One thread.
 */
#ifndef DORAN_INSPECTOR_BODY_H
#define DORAN_INSPECTOR_BODY_H

#include "schemas/schema.h"

/* Turns the text of a JSON object into a body; bytes is malloc'd, the caller frees. False with one sentence in error.
 */
MUST_USE bool body_from_json(const char *json, uint8_t **bytes, size_t *len, char *error, size_t error_bytes);
/* Turns a body into JSON text on one line, secrets of the record redacted; record may be NULL: no schema is known.
   malloc'd, the caller frees. NULL if the body is none. */
char *body_to_json(span_t body, const record_t *record);
/* Prints a body: as a line of JSON, or its fields for people. Returns the exit code. */
int body_show(span_t body, const record_t *record, bool json);
/* Prints the text of a JSON object in the same way. */
int body_show_text(const char *text, bool json);
/* Prints the fields of a JSON object for people, so many columns to the right. */
void body_show_fields(const char *text, int indent);

#endif
