/* SPDX-License-Identifier: MIT */
/* What is long or may be anything stands last in its line, so that the columns before it stay in line. */
#include "tools/inspector/waiting_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/inspector/output.h"

enum { TIME_BYTES = 64, NUMBER_BYTES = 24, LETTER_INDENT = 4, MS_PER_S = 1000 };

/* 2026-01-01T00:00:00.000Z; a time that no calendar has, as the number that it is. */
static const char *time_text(const json_t *value, char text[TIME_BYTES]) {
    struct tm fields;
    json_int_t ms = json_integer_value(value);
    time_t seconds = (time_t)(ms / MS_PER_S);
    if (!json_is_integer(value)) {
        return "-";
    }
    if (ms < 0 || gmtime_r(&seconds, &fields) == NULL || fields.tm_year > 9999 - 1900) {
        snprintf(text, TIME_BYTES, "%" JSON_INTEGER_FORMAT, ms);
        return text;
    }
    size_t len = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &fields);
    snprintf(text + len, TIME_BYTES - len, ".%03dZ", (int)(ms % MS_PER_S));
    return text;
}

static const char *number_text(const json_t *item, const char *name, char text[NUMBER_BYTES]) {
    const json_t *value = json_object_get(item, name);
    snprintf(text, NUMBER_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return json_is_integer(value) ? text : "-";
}

static void print_number(const json_t *item, const char *name, int width) {
    char text[NUMBER_BYTES];
    printf("%*s  ", width, number_text(item, name, text));
}

/* With what stands before it, unless it is absent or empty. */
static void print_text(const json_t *item, const char *name, const char *before) {
    const json_t *value = json_object_get(item, name);
    if (value != NULL && (!json_is_string(value) || json_string_length(value) > 0)) {
        printf("%s", before);
        output_value(value);
    }
}

static bool has_text(const json_t *item, const char *name) {
    return json_string_length(json_object_get(item, name)) > 0;
}

/* Timers */

void waiting_timers_head(void) {
    printf("%-24s  %8s  %s\n", "when", "attempts", "address method tag");
}

void waiting_timer(json_t *item) {
    char text[TIME_BYTES];
    printf("%-24s  ", time_text(json_object_get(item, "when"), text));
    print_number(item, "attempts", (int)strlen("attempts"));
    if (has_text(item, "kind")) {
        print_text(item, "kind", "");
        print_text(item, "key", "/");
        print_text(item, "method", " ");
        print_text(item, "tag", " ");
    } else {
        printf("-");
    }
    print_text(item, "user", "  for ");
    print_text(item, "problem", "  damaged: ");
    printf("\n");
}

/* Streams */

void waiting_streams_head(void) {
    printf("%8s  %9s  %5s  %9s  %12s  %s\n", "waiting", "under way", "tries", "waits ms", "acknowledged",
           "from partition to kind and partition");
}

void waiting_stream(json_t *item) {
    char from[NUMBER_BYTES], to[NUMBER_BYTES];
    print_number(item, "waiting", 8);
    print_number(item, "under_way", 9);
    print_number(item, "tries", 5);
    print_number(item, "waits_ms", 9);
    print_number(item, "acknowledged", 12);
    printf("%s to ", number_text(item, "from", from));
    print_text(item, "kind", "");
    printf(" %s\n", number_text(item, "to", to));
}

/* Dead letters */

void waiting_letter(json_t *item) {
    char text[TIME_BYTES];
    printf("%-24s", time_text(json_object_get(item, "at"), text));
    print_text(item, "address", "  ");
    print_text(item, "method", " ");
    printf("\n");
    json_object_del(item, "at");
    json_object_del(item, "address");
    json_object_del(item, "method");
    output_fields(item, LETTER_INDENT);
}
