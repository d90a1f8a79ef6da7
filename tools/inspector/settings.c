/* SPDX-License-Identifier: MIT */
/* settings: the table of schemas/settings.def with the values that a server would find now. */
#include "schemas/settings.h"

#include <stdlib.h>

#include "tools/inspector/arguments.h"
#include "tools/inspector/output.h"

/* A setting that is a number is one in JSON too. */
static json_t *value_of(const char *text) {
    char *end;
    long long number = strtoll(text, &end, 10);
    return text[0] != '\0' && *end == '\0' ? json_integer(number) : json_string(text);
}

static void take_row(void *context, const setting_row_t *row) {
    json_array_append_new(context,
                          json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:s}", "name", row->name, "value",
                                    value_of(row->value), "source", row->source, "default", value_of(row->preset),
                                    "min", value_of(row->min), "max", value_of(row->max), "text", row->text));
}

static void print_rows(json_t *rows, bool json) {
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row) {
        if (json) {
            output_line(row);
        } else { /* bounds make the table too wide to read */
            json_object_del(row, "min");
            json_object_del(row, "max");
        }
    }
    if (!json) {
        output_table(rows, 0);
    }
}

int command_settings(const arguments_t *arguments) {
    settings_t settings;
    char error[1024];
    if (settings_load(&settings, arguments_data(arguments), NULL, 0, error, sizeof error) != STATUS_OK) {
        output_problem("%s", error);
        return NOT_REACHED;
    }
    json_t *rows = json_array();
    settings_visit(&settings, take_row, rows);
    print_rows(rows, arguments->json);
    json_decref(rows);
    return DONE;
}
