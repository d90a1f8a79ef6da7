/* SPDX-License-Identifier: MIT */
/*
 * body: JSON as the frontend writes and reads it, and the records that it stands for. Times are RFC 3339 in JSON and ms
 * since 1970 in records; all else is as in schemas/json.h. Any thread.
 */
#ifndef DORAN_BRIDGE_BODY_H
#define DORAN_BRIDGE_BODY_H

#include <jansson.h>

#include "schemas/schema.h"

/* False: that is no time of RFC 3339 since 1970. An offset other than Z is taken; more digits of a second than three
   are cut. */
bool body_time(const char *text, uint64_t *ms);

/* The JSON object of a request; the caller owns it. NULL, with one sentence in error: it is not JSON, or no object, or
   has a key twice, or lies too deep. */
json_t *body_parse(span_t text, char *error, size_t error_bytes);
/* The parameters of a query as an object of texts; the caller owns it. NULL, with one sentence in error: one comes
   twice, or is no UTF-8. */
json_t *body_parse_query(span_t query, char *error, size_t error_bytes);
/* A word of the path or the query as the field's value in a body would be; what is no such value stays text, for the
   server to refuse. NULL: it is no UTF-8. */
json_t *body_of_word(const field_t *field, const char *word);

/* The field of this name, or NULL. */
const field_t *body_field(const record_t *record, const char *name);
/* Packs the object as the record that it stands for. What does not fit a field is packed as it is, for the server to
   refuse. */
void body_pack_record(const record_t *record, json_t *object, pack_t *pack);

#endif
