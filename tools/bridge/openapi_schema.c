/* SPDX-License-Identifier: MIT */
#include "tools/bridge/openapi_schema.h"

#include <stdio.h>

#include "tools/bridge/body.h"

#include "tools/bridge/value.h"

enum { NAME_BYTES = 128 };

json_t *openapi_reference(const char *part, const char *name) {
    return value_made(json_pack("{so}", "$ref", json_sprintf("#/components/%s/%s", part, name)));
}

json_t *openapi_closed_object(const char *text) {
    return value_made(json_pack("{ss ss s{} sb}", "type", "object", "description", text, "properties",
                                "additionalProperties", false));
}

void openapi_add_member(json_t *object, const char *name, json_t *schema, bool required) {
    value_set(json_object_get(object, "properties"), name, schema);
    if (required) {
        json_t *names = json_object_get(object, "required");
        if (names == NULL) {
            names = value_made(json_array());
            value_set(object, "required", names);
        }
        CHECK(json_array_append_new(names, json_string(name)) == 0, "out of memory");
    }
}

/* What a text of such a name must look like, where handlers ask for more than its length. */
static const struct shape {
    const char *name, *keyword, *value;
} shapes[] = {
    {"email", "format", "email"},
    {"currency", "pattern", "^[A-Z]{3}$"},
};

#define LINE_PATTERN "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
#define LINES_PATTERN "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]*$"

static json_t *text_schema(const field_t *field) {
    json_t *schema = value_made(json_pack("{ss sI sI}", "type", "string", "minLength", (json_int_t)field->min,
                                          "maxLength", (json_int_t)field->max));
    if ((field->flags & IS_KEY) != 0) {
        value_set(schema, "pattern", json_string(OPENAPI_KEY_PATTERN));
    }
    if ((field->flags & (IS_LINE | IS_LINES)) != 0) {
        value_set(schema, "pattern", json_string((field->flags & IS_LINE) != 0 ? LINE_PATTERN : LINES_PATTERN));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(shapes); i++) {
        if (strcmp(shapes[i].name, field->name) == 0) {
            value_set(schema, shapes[i].keyword, json_string(shapes[i].value));
        }
    }
    return schema;
}

static json_t *bytes_schema(const field_t *field) {
    json_int_t groups = ((json_int_t)field->max + 2) / 3;
    return value_made(json_pack("{ss ss sI}", "type", "string", "contentEncoding", "base64", "maxLength", 4 * groups));
}

/* JSON has integers of 64 bits with sign here. */
static json_t *number_schema(const field_t *field) {
    json_t *schema =
        value_made(json_pack("{ss ss sI}", "type", "integer", "format", "int64", "minimum", (json_int_t)field->min));
    if (field->max <= INT64_MAX) {
        value_set(schema, "maximum", json_integer((json_int_t)field->max));
    }
    return schema;
}

static json_t *enumeration_schema(json_t *components, const enumeration_t *enumeration) {
    if (json_object_get(components, enumeration->name) == NULL) {
        json_t *values = value_made(json_array());
        for (uint32_t i = 0; i < enumeration->count; i++) {
            CHECK(json_array_append_new(values, json_string(enumeration->values[i])) == 0, "out of memory");
        }
        value_set(components, enumeration->name, value_made(json_pack("{ss so}", "type", "string", "enum", values)));
    }
    return openapi_reference("schemas", enumeration->name);
}

static bool has_secrets(const record_t *record) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        if ((field->flags & SECRET) != 0 || (field->element != NULL && has_secrets(field->element))) {
            return true;
        }
    }
    return false;
}

static json_t *record_schema(json_t *components, const record_t *record, schema_form_t form, const char *without) {
    json_t *schema = openapi_closed_object(record->text);
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        bool hidden = form == SCHEMA_OF_REPLY && (field->flags & SECRET) != 0;
        if (!hidden && (without == NULL || strcmp(field->name, without) != 0)) {
            openapi_add_member(schema, field->name, openapi_field(components, field, form),
                               (field->flags & REQUIRED) != 0);
        }
    }
    return schema;
}

/* One record may be seen in several ways; the plainest has its name. */
static json_t *component(json_t *components, const record_t *record, schema_form_t form, const char *without) {
    char name[NAME_BYTES];
    bool left_out = without != NULL && body_field(record, without) != NULL;
    bool versioned = !left_out && body_field(record, "version") != NULL;
    bool asked = form == SCHEMA_OF_REQUEST && has_secrets(record);
    snprintf(name, sizeof name, "%s%s%s", record->name, versioned ? "_with_version" : "", asked ? "_with_secrets" : "");
    if (json_object_get(components, name) == NULL) {
        value_set(components, name, record_schema(components, record, form, without));
    }
    return openapi_reference("schemas", name);
}

json_t *openapi_reply(json_t *components, const record_t *record, const char *without) {
    return component(components, record, SCHEMA_OF_REPLY, without);
}

static json_t *list_schema(json_t *components, const field_t *field, schema_form_t form) {
    const field_t text = {
        .name = "", .type = FIELD_TEXT, .min = 1, .max = KEY_BYTES_MAX, .flags = field->flags & IS_KEY};
    json_t *items = field->element != NULL ? component(components, field->element, form, NULL) : text_schema(&text);
    return value_made(json_pack("{ss so sI sI}", "type", "array", "items", items, "minItems", (json_int_t)field->min,
                                "maxItems", (json_int_t)field->max));
}

static json_t *value_schema(json_t *components, const field_t *field, schema_form_t form) {
    switch (field->type) {
    case FIELD_BOOL:
        return value_made(json_pack("{ss}", "type", "boolean"));
    case FIELD_U64:
    case FIELD_I64:
        return number_schema(field);
    case FIELD_TIME:
        return value_made(json_pack("{ss ss}", "type", "string", "format", "date-time"));
    case FIELD_TEXT:
        return text_schema(field);
    case FIELD_BYTES:
        return bytes_schema(field);
    case FIELD_ENUM:
        return enumeration_schema(components, field->enumeration);
    case FIELD_ANY:
        return value_made(json_object());
    case FIELD_LIST:
        return list_schema(components, field, form);
    case FIELD_RECORD:
        return component(components, field->element, form, NULL);
    }
    return value_made(NULL);
}

json_t *openapi_field(json_t *components, const field_t *field, schema_form_t form) {
    json_t *schema = value_schema(components, field, form);
    value_set(schema, "description", json_string(field->text));
    if ((field->flags & SECRET) != 0) {
        value_set(schema, "writeOnly", json_true());
    }
    return schema;
}
