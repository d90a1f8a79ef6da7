/* SPDX-License-Identifier: MIT */
/* Parsing is jansson's, times are GLib's. */
#include "tools/bridge/body.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include <glib.h>

#include "schemas/json.h"
#include "tools/bridge/http.h"

bool body_time(const char *text, uint64_t *ms) {
    GDateTime *time = g_date_time_new_from_iso8601(text, NULL);
    if (time == NULL) {
        return false;
    }
    gint64 seconds = g_date_time_to_unix(time);
    bool good = seconds >= 0 && strchr(text, 'T') != NULL;
    if (good) {
        *ms = (uint64_t)seconds * 1000 + (uint64_t)g_date_time_get_microsecond(time) / 1000;
    }
    g_date_time_unref(time);
    return good;
}

json_t *body_parse(span_t text, char *error, size_t error_bytes) {
    json_error_t refusal;
    json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &refusal);
    if (root == NULL) {
        const char *end;
        snprintf(error, error_bytes, "line %d, column %d: %s", refusal.line, refusal.column, refusal.text);
        if (!g_utf8_validate(error, -1, &end)) { /* it repeats what came up to an error, also inside a character */
            error[end - error] = 0;
        }
        return NULL;
    }
    if (!json_is_object(root)) {
        snprintf(error, error_bytes, "The body is no JSON object");
        json_decref(root);
        return NULL;
    }
    return root;
}

json_t *body_parse_query(span_t query, char *error, size_t error_bytes) {
    json_t *object = json_object();
    char *name, *value;
    while (object != NULL && http_take_parameter(&query, &name, &value)) {
        bool twice = json_object_get(object, name) != NULL;
        if (twice || json_object_set_new(object, name, json_string(value)) != 0) {
            snprintf(error, error_bytes, "A parameter %s", twice ? "comes twice" : "is not UTF-8");
            json_decref(object);
            object = NULL;
        }
        free(name);
        free(value);
    }
    return object;
}

json_t *body_of_word(const field_t *field, const char *word) {
    char *end = NULL;
    errno = 0;
    if (field->type == FIELD_U64 && isdigit((unsigned char)word[0]) && (word[0] != '0' || word[1] == 0)) {
        long long number = strtoll(word, &end, 10);
        if (*end == 0 && errno == 0) {
            return json_integer(number);
        }
    }
    if (field->type == FIELD_BOOL && (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)) {
        return json_boolean(word[0] == 't');
    }
    return json_string(word);
}

const field_t *body_field(const record_t *record, const char *name) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}

static void pack_any(json_t *value, pack_t *pack) {
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    char ignored[1];
    CHECK(text != NULL, "out of memory");
    if (json_parse(span_text(text), pack, ignored, sizeof ignored) != STATUS_OK) {
        pack->full = true;
    }
    free(text);
}

static void pack_list(const field_t *field, json_t *array, pack_t *pack) {
    size_t index;
    json_t *element;
    pack_array(pack, json_array_size(array));
    json_array_foreach(array, index, element) {
        if (field->element != NULL && json_is_object(element)) {
            body_pack_record(field->element, element, pack);
        } else {
            pack_any(element, pack);
        }
    }
}

static void pack_field(const field_t *field, json_t *value, pack_t *pack) {
    uint64_t ms;
    if (field->type == FIELD_TIME && json_is_string(value) && body_time(json_string_value(value), &ms)) {
        pack_u64(pack, ms);
    } else if (field->type == FIELD_TIME && json_is_integer(value)) {
        pack_nil(pack); /* times are texts here */
    } else if (field->type == FIELD_RECORD && json_is_object(value)) {
        body_pack_record(field->element, value, pack);
    } else if (field->type == FIELD_LIST && json_is_array(value)) {
        pack_list(field, value, pack);
    } else {
        pack_any(value, pack);
    }
}

void body_pack_record(const record_t *record, json_t *object, pack_t *pack) {
    const char *name;
    json_t *value;
    pack_map(pack, json_object_size(object));
    json_object_foreach(object, name, value) {
        const field_t *field = body_field(record, name);
        pack_cstring(pack, name);
        if (field != NULL) {
            pack_field(field, value, pack);
        } else {
            pack_any(value, pack);
        }
    }
}
