/* SPDX-License-Identifier: MIT */
/*
 * openapi_schema: records and fields as JSON Schema (2020-12), the way they look in requests and answers: times as RFC
 * 3339, bytes as base64, objects closed. Records inside others and enumerations become components, to which `$ref`s
 * lead.
 *
 * Lengths of texts are bounded in bytes of UTF-8, which JSON Schema cannot say: it counts characters, of which there
 * are at most as many. Any thread; the caller owns what is returned.
 */
#ifndef DORAN_BRIDGE_OPENAPI_SCHEMA_H
#define DORAN_BRIDGE_OPENAPI_SCHEMA_H

#include <jansson.h>

#include "schemas/schema.h"

/* Of the key of an actor (schemas/address.h). */
#define OPENAPI_KEY_PATTERN "^[A-Za-z0-9._@+-]+$"

typedef enum schema_form {
    SCHEMA_OF_REQUEST,
    SCHEMA_OF_REPLY, /* without what may not be printed, as json_print_for_web has it */
} schema_form_t;

/* What a field's value may be. components: the object `components.schemas`, to which is added what it refers to. */
json_t *openapi_field(json_t *components, const field_t *field, schema_form_t form);
/* A reference to the record as it is answered. without: a field that is left out, or NULL. */
json_t *openapi_reply(json_t *components, const record_t *record, const char *without);
/* An object without members yet, and nothing else allowed in it. */
json_t *openapi_closed_object(const char *text);
/* Adds a member to it; takes the schema. */
void openapi_add_member(json_t *object, const char *name, json_t *schema, bool required);
/* {"$ref": "#/components/<part>/<name>"} */
json_t *openapi_reference(const char *part, const char *name);

#endif
