/* SPDX-License-Identifier: MIT */
#include "tools/bridge/value.h"

#include <glib.h>

#include "schemas/check.h"

json_t *value_made(json_t *value) {
    CHECK(value != NULL, "out of memory");
    return value;
}

json_t *value_of_text(const char *text) {
    char *valid = g_utf8_make_valid(text, -1);
    json_t *value = value_made(json_string(valid));
    g_free(valid);
    return value;
}

void value_set(json_t *object, const char *name, json_t *value) {
    CHECK(json_object_set_new(object, name, value) == 0, "%s: out of memory", name);
}

json_t *value_read(const char *text) {
    return json_loads(text, JSON_ALLOW_NUL, NULL);
}

char *value_print(json_t *value) {
    char *text = json_dumps(value_made(value), JSON_COMPACT);
    CHECK(text != NULL, "out of memory");
    json_decref(value);
    return text;
}
