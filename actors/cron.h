/* SPDX-License-Identifier: MIT */
/*
 * cron: the five fields of a crontab's line, as sets: which minutes of which days. Of time zones and clocks it knows
 * nothing (schedule.h). Pure; any thread.
 *
 *   minute 0-59   hour 0-23   day of month 1-31   month 1-12 or JAN-DEC   day of week 0-7 or SUN-SAT (0 and 7 are
 * Sunday)
 *
 * A field is a list of items with commas; an item is *, a number, a name or a range a-b, and behind * or a range may
 * stand a step, /n. Names in either case. Or instead of all fields one of @hourly @daily @weekly @monthly @yearly.
 *
 * The rule of crontab(5) for days: where both fields of days are restricted, a day is meant if either matches; where
 * one begins with *, both must match. Seconds, ?, L, W and # are not known, and a range does not run backwards.
 */
#ifndef DORAN_ACTORS_CRON_H
#define DORAN_ACTORS_CRON_H

#include "schemas/span.h"
#include "schemas/status.h"

enum {
    CRON_BYTES_MAX = 200,
};

typedef struct cron { /* bit n: the value n is meant */
    uint64_t minutes;
    uint32_t hours, days;
    uint16_t months;
    uint8_t weekdays; /* 0 is Sunday; never bit 7 */
    bool either;      /* both fields of days are restricted */
} cron_t;

/* INVALID: `error` has one sentence in ASCII: which field, and what is wrong with it. */
MUST_USE status_t cron_parse(cron_t *self, span_t text, char *error, size_t error_bytes);

static inline bool cron_month_matches(const cron_t *self, uint32_t month) {
    return (self->months >> month & 1) != 0;
}

/* Of a day in a month that matches; weekday 0 is Sunday. */
static inline bool cron_day_matches(const cron_t *self, uint32_t day, uint32_t weekday) {
    bool of_month = (self->days >> day & 1) != 0, of_week = (self->weekdays >> weekday & 1) != 0;
    return self->either ? of_month || of_week : of_month && of_week;
}

#endif
