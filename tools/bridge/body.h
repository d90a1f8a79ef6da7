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
/* Packs the value of a field. What does not fit the field is packed as it is, for the server to refuse. */
void body_pack(const field_t *field, json_t *value, pack_t *pack);

#endif
