/* SPDX-License-Identifier: MIT */
/*
 * json: msgpack as JSON text and back, for people and for the bridge. Any thread; allocates.
 *
 *   nil       null
 *   integer   digits, all 64 bits, never a float
 *   float     the fewest digits that lead back to it, with a point or exponent; NaN and infinities: null
 *   binary    base64 (RFC 4648) as a string; back it stays a string
 *   map       object, its keys in their order; bool, text and array are what they are
 */
#ifndef DORAN_JSON_H
#define DORAN_JSON_H

#include "schemas/schema.h"

/* The value as one line of JSON; the caller frees it. */
char *json_print(const tape_t *tape, uint32_t token);
/* The same for a record, with *** for what may not be printed (see record_redact). */
char *json_print_record(const record_t *record, const tape_t *tape, uint32_t token);
/* The same as the frontend reads it: times are RFC 3339 (up to the year 9999), and what may not be printed is left out,
   as is the field `without` of the outermost record, unless that is NULL. */
char *json_print_for_web(const record_t *record, const tape_t *tape, uint32_t token, const char *without);

/* Packs the one JSON value of text. INVALID: not JSON, an object with a key twice, deeper than DEPTH_MAX, more than
   MAP_KEYS_MAX keys, an integer beyond 64 bits with sign; one sentence in error. TOO_LARGE: pack is full. */
MUST_USE status_t json_parse(span_t text, pack_t *pack, char *error, size_t error_bytes);

#endif
