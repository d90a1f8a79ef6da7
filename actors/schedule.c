/* SPDX-License-Identifier: MIT */
/*
 * The search goes over local days, which are cheap to skip, and within a day that matches over its hours and minutes.
 * Offsets from UTC are looked up by moment only, which is never ambiguous, and only twice a day: at both ends of a
 * window of three days around it. If they differ, the moment of change is found by halving.
 *
 *      before ├───────────────┼──── the local day ────┼───────────────┤ after
 *                                        ^ change
 *
 * A local time L then is the moment L - before if that lies before the change, and L - after if that does not: one of
 * the two, none (in a gap), or both (in a fold). Since 1970 no two changes of any zone were closer than six days.
 */
#include "actors/schedule.h"

#include <ctype.h>
#include <glib.h>
#include <stdio.h>
#include <xxhash.h>

#include "schemas/check.h"

#define NEVER INT64_MAX

enum {
    MS_PER_S = 1000,
    MINUTE_S = 60,
    MINUTES_PER_HOUR = 60,
    HOURS_PER_DAY = 24,
    DAY_S = HOURS_PER_DAY * MINUTES_PER_HOUR * MINUTE_S,
    DAYS_PER_WEEK = 7,
    WEEKDAY_OF_DAY_0 = 4,     /* 1 January 1970 was a Thursday */
    JULIAN_OF_DAY_0 = 719163, /* as GDate counts: 1 January of the year 1 is 1 */
    /* A 29 February falls on every weekday within 40 years, also over 2100, which has none. */
    SEARCH_DAYS = 41 * 366,
};

/* The time zone around one local day. */
typedef struct day_zone {
    int64_t before_s, after_s; /* offsets from UTC */
    int64_t change;            /* the first second with `after_s`; a window without change: its end */
} day_zone_t;

/* Parsing */

/* A name that can only mean a file of tzdata: begins with a capital (the others are no zones: localtime, right/…), goes
   nowhere else, and has digits only behind a slash, since GLib would take AAA5BBB for a rule of its own. */
static bool zone_name_plausible(span_t name) {
    bool slash = false;
    if (name.len == 0 || name.len > TIME_ZONE_BYTES_MAX || !isupper(name.ptr[0])) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.ptr[i];
        slash = slash || byte == '/';
        if (!isascii(byte) || !(isalpha(byte) || strchr("/_-+", byte) != NULL || (isdigit(byte) && slash))) {
            return false;
        }
    }
    return true;
}

static GTimeZone *zone_new(span_t name) {
    char text[TIME_ZONE_BYTES_MAX + 1] = "UTC";
    if (name.ptr != NULL) {
        if (!zone_name_plausible(name)) {
            return NULL;
        }
        memcpy(text, name.ptr, name.len);
        text[name.len] = 0;
    }
    return g_time_zone_new_identifier(text);
}

static status_t parts_parse(schedule_t *self, const schedule_plan_t *plan, char *error, size_t error_bytes) {
    switch (plan->type) {
    case SCHEDULE_CRON:
        return cron_parse(&self->cron, plan->cron, error, error_bytes);
    case SCHEDULE_EVERY:
        if (plan->every_s == 0 || plan->every_s > SCHEDULE_EVERY_S_MAX || plan->anchor_ms > SCHEDULE_MS_MAX) {
            snprintf(error, error_bytes, "every_s: not from 1 to %llu", (unsigned long long)SCHEDULE_EVERY_S_MAX);
            return STATUS_INVALID;
        }
        break;
    case SCHEDULE_AT:
        break;
    }
    return STATUS_OK;
}

status_t schedule_parse(schedule_t *self, const schedule_plan_t *plan, schedule_error_t *error) {
    schedule_t parsed = {
        .type = plan->type,
        .gap = plan->gap,
        .fold = plan->fold,
        .every_ms = plan->every_s * MS_PER_S,
        .anchor_ms = plan->anchor_ms,
        .at_ms = plan->at_ms,
    };
    status_t status = parts_parse(&parsed, plan, error->text, sizeof error->text);
    error->of_zone = status == STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    parsed.zone = zone_new(plan->time_zone);
    if (parsed.zone == NULL) {
        snprintf(error->text, sizeof error->text,
                 "time_zone: the system knows no zone of this name; names are as Europe/Berlin or UTC");
        return STATUS_INVALID;
    }
    *self = parsed;
    return STATUS_OK;
}

void schedule_fini(schedule_t *self) {
    if (self->zone != NULL) {
        g_time_zone_unref(self->zone);
        self->zone = NULL;
    }
}

/* Cron */

static int64_t offset_at(GTimeZone *zone, int64_t moment_s) {
    gint interval = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, moment_s);
    return g_time_zone_get_offset(zone, interval);
}

static day_zone_t day_zone(GTimeZone *zone, int64_t day) {
    int64_t low = (day - 1) * DAY_S, high = (day + 2) * DAY_S;
    day_zone_t self = {.before_s = offset_at(zone, low), .after_s = offset_at(zone, high), .change = high};
    if (self.before_s == self.after_s) {
        return self;
    }
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (offset_at(zone, middle) == self.before_s) {
            low = middle;
        } else {
            high = middle;
        }
    }
    self.change = high;
    return self;
}

/* When the local time is due after this moment, or NEVER. */
static int64_t local_due(const schedule_t *self, const day_zone_t *zone, int64_t local_s, int64_t after_s) {
    int64_t once = local_s - zone->before_s, again = local_s - zone->after_s;
    bool is_once = once < zone->change, is_again = again >= zone->change;
    if (!is_once && !is_again) {
        return self->gap == SCHEDULE_GAP_AFTER && zone->change > after_s ? zone->change : NEVER;
    }
    if (is_once && once > after_s) {
        return once;
    }
    return is_again && again > after_s && (!is_once || self->fold == SCHEDULE_FOLD_BOTH) ? again : NEVER;
}

/* Does the day lie wholly outside the moments that are looked for? */
static bool day_beside(const day_zone_t *zone, int64_t begin_s, int64_t after_s, int64_t before_s) {
    return zone->before_s == zone->after_s &&
           (begin_s + DAY_S - zone->before_s <= after_s || begin_s - zone->before_s >= before_s);
}

/* The first due time of a day that matches, after `after_s`, if it is before `before_s`; else that. */
static int64_t day_due(const schedule_t *self, int64_t day, int64_t after_s, int64_t before_s) {
    day_zone_t zone = day_zone(self->zone, day);
    int64_t first = before_s;
    if (day_beside(&zone, day * DAY_S, after_s, before_s)) {
        return first;
    }
    for (int64_t minute = 0; minute < DAY_S / MINUTE_S; minute++) {
        if ((self->cron.hours >> (minute / MINUTES_PER_HOUR) & 1) == 0 ||
            (self->cron.minutes >> (minute % MINUTES_PER_HOUR) & 1) == 0) {
            continue;
        }
        int64_t due = local_due(self, &zone, day * DAY_S + minute * MINUTE_S, after_s);
        first = due < first ? due : first;
    }
    return first;
}

/* The first day from this one to the last that matches; if none does, one behind the last. */
static int64_t matching_day(const cron_t *cron, int64_t day, int64_t last) {
    while (day <= last) {
        GDate date;
        g_date_clear(&date, 1);
        g_date_set_julian(&date, (guint32)(day + JULIAN_OF_DAY_0));
        uint32_t month = g_date_get_month(&date), day_of_month = g_date_get_day(&date);
        if (!cron_month_matches(cron, month)) {
            day += g_date_get_days_in_month(month, g_date_get_year(&date)) - day_of_month + 1;
        } else if (cron_day_matches(cron, day_of_month, (uint32_t)((day + WEEKDAY_OF_DAY_0) % DAYS_PER_WEEK))) {
            return day;
        } else {
            day++;
        }
    }
    return day;
}

/* From the day before, and to the day after the one found: where a clock is put back over midnight, the end of a day
   comes after the begin of the next. */
static bool cron_next(const schedule_t *self, int64_t after_s, int64_t *due_s) {
    int64_t day = (after_s + DAY_S + offset_at(self->zone, after_s)) / DAY_S - 2, last = day + SEARCH_DAYS;
    int64_t found = NEVER;
    for (day = matching_day(&self->cron, day, last); day <= last; day = matching_day(&self->cron, day + 1, last)) {
        int64_t due = day_due(self, day, after_s, found);
        if (due < found) {
            found = due;
            last = day + 1;
        }
    }
    *due_s = found;
    return found != NEVER;
}

/* Any */

static uint64_t every_next(const schedule_t *self, uint64_t after_ms) {
    uint64_t passed = after_ms > self->anchor_ms ? (after_ms - self->anchor_ms) / self->every_ms : 0;
    return self->anchor_ms + (passed + 1) * self->every_ms;
}

bool schedule_next(const schedule_t *self, uint64_t after_ms, uint64_t *due_ms) {
    int64_t due_s;
    switch (self->type) {
    case SCHEDULE_CRON:
        if (after_ms > SCHEDULE_MS_MAX || !cron_next(self, (int64_t)(after_ms / MS_PER_S), &due_s)) {
            return false;
        }
        *due_ms = (uint64_t)due_s * MS_PER_S;
        return true;
    case SCHEDULE_EVERY:
        if (after_ms > SCHEDULE_MS_MAX) {
            return false;
        }
        *due_ms = every_next(self, after_ms);
        return true;
    case SCHEDULE_AT:
        if (after_ms >= self->at_ms) {
            return false;
        }
        *due_ms = self->at_ms;
        return true;
    }
    CHECK(false, "schedule of type %d", self->type);
}

/* By halving: below the last due time the next is within the range, from there on it is not. */
bool schedule_last(const schedule_t *self, uint64_t after_ms, uint64_t until_ms, uint64_t *due_ms) {
    uint64_t low = after_ms, high = until_ms, due;
    if (after_ms >= until_ms || !schedule_next(self, low, &due) || due > until_ms) {
        return false;
    }
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (schedule_next(self, middle, &due) && due <= until_ms) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return schedule_next(self, low, due_ms);
}

uint64_t schedule_jitter_ms(uint64_t due_ms, span_t key, uint64_t jitter_s) {
    return jitter_s == 0 ? 0 : XXH3_64bits_withSeed(key.ptr, key.len, due_ms) % (jitter_s * MS_PER_S);
}
