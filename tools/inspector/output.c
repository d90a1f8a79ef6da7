/* SPDX-License-Identifier: MIT */
/*
 * Values are turned into text first, since the width of a column is that of its widest text. Texts are few and short
 * here; what is long (a listing) is printed by its command as it comes.
 */
#include "tools/inspector/output.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { DUMP_FLAGS = JSON_COMPACT | JSON_ENCODE_ANY };

void output_line(const json_t *object) {
    json_dumpf(object, stdout, DUMP_FLAGS);
    putchar('\n');
}

/* C0 controls, and C1 controls, which in UTF-8 are C2 80 to C2 9F. */
static bool is_control(const char *at) {
    const unsigned char *byte = (const unsigned char *)at;
    return byte[0] < 0x20 || (byte[0] == 0xc2 && byte[1] >= 0x80 && byte[1] < 0xa0);
}

static bool has_controls(const char *text) {
    for (; *text != '\0'; text++) {
        if (is_control(text)) {
            return true;
        }
    }
    return false;
}

void output_problem(const char *format, ...) {
    char sentence[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(sentence, sizeof sentence, format, values);
    va_end(values);
    for (char *at = sentence; *at != '\0'; at++) {
        if (is_control(at)) {
            *at = '?';
        }
    }
    fprintf(stderr, "%s\n", sentence);
}

/* The value as JSON, without any control character. */
static char *json_text(const json_t *value) {
    char *text = json_dumps(value, DUMP_FLAGS);
    if (text != NULL && has_controls(text)) {
        free(text);
        text = json_dumps(value, DUMP_FLAGS | JSON_ENSURE_ASCII);
    }
    CHECK(text != NULL, "out of memory");
    return text;
}

static char *copy(const char *text) {
    char *copied = strdup(text);
    CHECK(copied != NULL, "out of memory");
    return copied;
}

/* A name or text without quotes if it needs none. */
static char *bare_text(const char *text) {
    if (!has_controls(text)) {
        return copy(text);
    }
    json_t *value = json_string(text);
    char *quoted = json_text(value);
    json_decref(value);
    return quoted;
}

static char *value_text(const json_t *value) {
    if (value == NULL || json_is_null(value)) {
        return copy("-");
    }
    if (json_is_boolean(value)) {
        return copy(json_is_true(value) ? "yes" : "no");
    }
    return json_is_string(value) ? bare_text(json_string_value(value)) : json_text(value);
}

void output_value(const json_t *value) {
    char *text = value_text(value);
    printf("%s", text);
    free(text);
}

/* Columns on a terminal: characters, not bytes. Wide ones count once; a table of them is a little out of line. */
static int text_width(const char *text) {
    int width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void print_padded(const char *text, int width, bool right) {
    int padding = width > text_width(text) ? width - text_width(text) : 0;
    printf("%*s%s%*s", right ? padding : 0, "", text, right ? 0 : padding, "");
}

static bool is_table(const json_t *value) {
    return json_is_array(value) && json_array_size(value) > 0 && json_is_object(json_array_get(value, 0));
}

/* Printed below its name, not behind it? */
static bool stands_below(const json_t *value) {
    return is_table(value) || (json_is_object(value) && json_object_size(value) > 0);
}

static int names_width(const json_t *object) {
    const char *name;
    json_t *value;
    int width = 0;
    json_object_foreach((json_t *)object, name, value) {
        char *label = bare_text(name);
        if (!stands_below(value) && text_width(label) > width) {
            width = text_width(label);
        }
        free(label);
    }
    return width;
}

static void output_field(const char *name, const json_t *value, int width, int indent) {
    char *label = bare_text(name);
    if (stands_below(value)) {
        printf("%*s%s\n", indent, "", label);
        if (is_table(value)) {
            output_table(value, indent + 2);
        } else {
            output_fields(value, indent + 2);
        }
    } else {
        char *text = value_text(value);
        printf("%*s", indent, "");
        print_padded(label, width, false);
        printf("  %s\n", text);
        free(text);
    }
    free(label);
}

void output_fields(const json_t *object, int indent) {
    const char *name;
    json_t *value;
    int width = names_width(object);
    json_object_foreach((json_t *)object, name, value) {
        output_field(name, value, width, indent);
    }
}

/* Tables. */

enum { COLUMNS_MAX = 16 };

typedef struct column {
    const char *name;
    int width;
    bool number; /* stands right */
} column_t;

static column_t measure(const json_t *rows, const char *name, const json_t *sample) {
    column_t column = {.name = name, .width = text_width(name), .number = json_is_number(sample)};
    for (size_t i = 0; i < json_array_size(rows); i++) {
        char *text = value_text(json_object_get(json_array_get(rows, i), name));
        column.width = text_width(text) > column.width ? text_width(text) : column.width;
        free(text);
    }
    return column;
}

/* The columns are the fields of the first row. */
static size_t columns_of(const json_t *rows, column_t columns[COLUMNS_MAX]) {
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(json_array_get(rows, 0), name, value) {
        if (count < COLUMNS_MAX) {
            columns[count++] = measure(rows, name, value);
        }
    }
    return count;
}

/* One line; the heading if row is NULL. Nothing follows the last column, so it is not filled up. */
static void print_row(const column_t *columns, size_t count, const json_t *row, int indent) {
    printf("%*s", indent, "");
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        char *text = row == NULL ? bare_text(columns[i].name) : value_text(json_object_get(row, columns[i].name));
        print_padded(text, last && !columns[i].number ? 0 : columns[i].width, columns[i].number);
        printf(last ? "\n" : "  ");
        free(text);
    }
}

void output_table(const json_t *rows, int indent) {
    column_t columns[COLUMNS_MAX];
    size_t count = columns_of(rows, columns);
    if (count == 0) {
        return;
    }
    print_row(columns, count, NULL, indent);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        print_row(columns, count, json_array_get(rows, i), indent);
    }
}
