/* SPDX-License-Identifier: MIT */
/*
 * Each field becomes a set of bits by the same three steps: split at commas, read a range and its step, set the bits.
 * What a field may hold stands in a table.
 */
#include "actors/cron.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "schemas/check.h"

typedef enum field_index { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT } field_index_t;

enum {
    NAME_BYTES = 3,
    NUMBER_DIGITS_MAX = 2,
    QUOTED_BYTES_MAX = 20,
    NO_STEP = 1,
    DAYS_OF_WEEK = 7,
};

typedef struct cron_field {
    const char *name;
    uint32_t min, max;
    const char *names; /* of min and those behind it, three letters each; NULL: there are none */
} cron_field_t;

static const cron_field_t fields[FIELD_COUNT] = {
    [MINUTE] = {.name = "minute", .min = 0, .max = 59},
    [HOUR] = {.name = "hour", .min = 0, .max = 23},
    [DAY] = {.name = "day of month", .min = 1, .max = 31},
    [MONTH] = {.name = "month", .min = 1, .max = 12, .names = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    [WEEKDAY] = {.name = "day of week", .min = 0, .max = 7, .names = "SUNMONTUEWEDTHUFRISAT"},
};

static const struct {
    const char *name, *fields;
} shorthands[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
};

typedef struct complaint { /* the caller's place for what is wrong */
    char *text;
    size_t bytes;
} complaint_t;

typedef struct item { /* a part of a field */
    const cron_field_t *field;
    span_t text;
    complaint_t complaint;
} item_t;

static status_t PRINTF_LIKE(2, 3) wrong(complaint_t complaint, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(complaint.text, complaint.bytes, format, arguments);
    va_end(arguments);
    return STATUS_INVALID;
}

/* The text, cut and with ? for what cannot be printed: it may be anything. */
typedef struct quoted {
    char text[QUOTED_BYTES_MAX + 1];
} quoted_t;

static quoted_t quote(span_t text) {
    quoted_t quoted = {0};
    for (size_t i = 0; i < text.len && i < QUOTED_BYTES_MAX; i++) {
        quoted.text[i] = (char)(text.ptr[i] > ' ' && text.ptr[i] < 0x7f ? text.ptr[i] : '?');
    }
    return quoted;
}

/* Takes what stands before the first such byte off the front, and that byte. found: there was one. */
static span_t take(span_t *rest, char end, bool *found) {
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->ptr, end, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - rest->ptr);
    span_t taken = span_of(rest->ptr, len);
    *found = at != NULL;
    *rest = span_of(rest->ptr + len + *found, rest->len - len - *found);
    return taken;
}

static bool name_read(const cron_field_t *field, span_t text, uint32_t *value) {
    if (field->names == NULL || text.len != NAME_BYTES) {
        return false;
    }
    for (uint32_t i = 0; field->names[i] != 0; i += NAME_BYTES) {
        if (strncasecmp((const char *)text.ptr, field->names + i, NAME_BYTES) == 0) {
            *value = field->min + i / NAME_BYTES;
            return true;
        }
    }
    return false;
}

static bool number_read(span_t text, uint32_t *value) {
    uint32_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit(text.ptr[i]) || i == NUMBER_DIGITS_MAX) {
            return false;
        }
        number = number * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *value = number;
    return text.len > 0;
}

static status_t value_read(const item_t *item, span_t text, uint32_t *value) {
    const cron_field_t *field = item->field;
    if (!name_read(field, text, value) && !number_read(text, value)) {
        return wrong(item->complaint, "%s: \"%s\" is no value from %u to %u", field->name, quote(text).text, field->min,
                     field->max);
    }
    if (*value < field->min || *value > field->max) {
        return wrong(item->complaint, "%s: %u is not from %u to %u", field->name, *value, field->min, field->max);
    }
    return STATUS_OK;
}

/* `a`, `a-b` or `*`; single: it is but one value. */
static status_t range_read(const item_t *item, span_t text, uint32_t *from, uint32_t *to, bool *single) {
    const cron_field_t *field = item->field;
    span_t rest = text;
    bool ranged;
    *single = false;
    if (span_equal(text, span_text("*"))) {
        *from = field->min;
        *to = field == &fields[WEEKDAY] ? field->max - 1 : field->max; /* Sunday has two numbers */
        return STATUS_OK;
    }
    status_t status = value_read(item, take(&rest, '-', &ranged), from);
    *to = *from;
    *single = !ranged;
    if (status == STATUS_OK && ranged) {
        status = value_read(item, rest, to);
    }
    if (status == STATUS_OK && ranged && field == &fields[WEEKDAY] && *to == 0 && *from != 0) {
        *to = DAYS_OF_WEEK; /* FRI-SUN */
    }
    if (status == STATUS_OK && *from > *to) {
        return wrong(item->complaint, "%s: the range \"%s\" runs backwards; write it as two", field->name,
                     quote(text).text);
    }
    return status;
}

static status_t step_read(const item_t *item, span_t text, bool single, uint32_t *step) {
    const cron_field_t *field = item->field;
    if (single) {
        return wrong(item->complaint, "%s: a step needs * or a range before it", field->name);
    }
    if (!number_read(text, step) || *step == 0 || *step > field->max) {
        return wrong(item->complaint, "%s: \"%s\" is no step from 1 to %u", field->name, quote(text).text, field->max);
    }
    return STATUS_OK;
}

static status_t item_read(const item_t *item, uint64_t *set) {
    uint32_t from, to, step = NO_STEP;
    bool single, stepped;
    span_t rest = item->text;
    status_t status = range_read(item, take(&rest, '/', &stepped), &from, &to, &single);
    if (status == STATUS_OK && stepped) {
        status = step_read(item, rest, single, &step);
    }
    for (uint32_t value = from; status == STATUS_OK && value <= to; value += step) {
        *set |= UINT64_C(1) << value;
    }
    return status;
}

static status_t field_read(const cron_field_t *field, span_t text, complaint_t complaint, uint64_t *set) {
    bool more = true;
    *set = 0;
    while (more) {
        item_t item = {.field = field, .complaint = complaint, .text = take(&text, ',', &more)};
        if (item.text.len == 0) {
            return wrong(complaint, "%s: a value is missing beside a comma", field->name);
        }
        status_t status = item_read(&item, set);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

/* How many there are; those beyond FIELD_COUNT are counted only. */
static uint32_t split(span_t text, span_t parts[FIELD_COUNT]) {
    uint32_t count = 0;
    for (size_t i = 0; i < text.len;) {
        size_t begin = i;
        while (i < text.len && !is_blank(text.ptr[i])) {
            i++;
        }
        if (i > begin) {
            if (count < FIELD_COUNT) {
                parts[count] = span_of(text.ptr + begin, i - begin);
            }
            count++;
        } else {
            i++;
        }
    }
    return count;
}

static status_t expand(span_t *text, complaint_t complaint) {
    for (size_t i = 0; i < ARRAY_LENGTH(shorthands); i++) {
        if (span_equal(*text, span_text(shorthands[i].name))) {
            *text = span_text(shorthands[i].fields);
            return STATUS_OK;
        }
    }
    return wrong(complaint, "\"%s\" is none of @hourly, @daily, @weekly, @monthly and @yearly", quote(*text).text);
}

static cron_t cron_of(const uint64_t sets[FIELD_COUNT], const span_t parts[FIELD_COUNT]) {
    uint64_t weekdays = sets[WEEKDAY] | sets[WEEKDAY] >> DAYS_OF_WEEK; /* 7 is 0 */
    return (cron_t){
        .minutes = sets[MINUTE],
        .hours = (uint32_t)sets[HOUR],
        .days = (uint32_t)sets[DAY],
        .months = (uint16_t)sets[MONTH],
        .weekdays = (uint8_t)(weekdays & ((1U << DAYS_OF_WEEK) - 1)),
        .either = parts[DAY].ptr[0] != '*' && parts[WEEKDAY].ptr[0] != '*',
    };
}

status_t cron_parse(cron_t *self, span_t text, char *error, size_t error_bytes) {
    complaint_t complaint = {.text = error, .bytes = error_bytes};
    span_t parts[FIELD_COUNT];
    uint64_t sets[FIELD_COUNT];
    if (text.len > CRON_BYTES_MAX) {
        return wrong(complaint, "a cron expression has at most %d bytes", CRON_BYTES_MAX);
    }
    uint32_t count = split(text, parts);
    if (count == 1 && parts[0].ptr[0] == '@') {
        status_t status = expand(&parts[0], complaint);
        if (status != STATUS_OK) {
            return status;
        }
        count = split(parts[0], parts);
    }
    if (count != FIELD_COUNT) {
        return wrong(complaint,
                     "a cron expression has 5 fields (minute, hour, day of month, month, day of week), not %u", count);
    }
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        status_t status = field_read(&fields[i], parts[i], complaint, &sets[i]);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *self = cron_of(sets, parts);
    return STATUS_OK;
}
