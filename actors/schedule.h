/* SPDX-License-Identifier: MIT */
/*
 * schedule: when is a job due next? By a cron expression in a time zone, every so many seconds since an anchor, or
 * once. A function of the plan and a moment: no clock, no timer, no state; so due times do not shift by restarts, and
 * asking twice gives one answer. Times are ms since 1970, UTC. Once parsed it is read only: any thread.
 *
 * Time zones are those of the system's tzdata, read by GLib when a schedule is parsed (the one file that this touches;
 * a zone in use elsewhere in the process is shared). A change of tzdata takes effect for what is parsed after it.
 *
 * Where clocks are put forward, the local times in the gap do not exist: `skip` lets them fall out, `after` makes them
 * due at the first moment after the gap, all of them at once, as one. Where they are put back, the local times in the
 * fold come twice: `first` takes them the first time only (so a job of every minute rests for the second time round;
 * who wants an even pace takes every_s), `both` takes them as they come.
 */
#ifndef DORAN_ACTORS_SCHEDULE_H
#define DORAN_ACTORS_SCHEDULE_H

#include "actors/cron.h"

#define SCHEDULE_MS_MAX                                                                                                \
    UINT64_C(253402300799999) /* the end of the year 9999; nothing is due by cron or every_s of later */
#define SCHEDULE_EVERY_S_MAX UINT64_C(315360000) /* 3650 days */

enum { TIME_ZONE_BYTES_MAX = 64 };

typedef enum schedule_type { SCHEDULE_CRON, SCHEDULE_EVERY, SCHEDULE_AT } schedule_type_t;
typedef enum schedule_gap { SCHEDULE_GAP_SKIP, SCHEDULE_GAP_AFTER } schedule_gap_t;
typedef enum schedule_fold { SCHEDULE_FOLD_FIRST, SCHEDULE_FOLD_BOTH } schedule_fold_t;

typedef struct schedule_plan { /* what schedule_parse is given; of the first three the one that `type` names */
    schedule_type_t type;
    span_t cron;
    uint64_t every_s; /* 1 to SCHEDULE_EVERY_S_MAX */
    uint64_t at_ms;
    uint64_t anchor_ms; /* EVERY: due are anchor + n * every_s, n from 1 */
    span_t time_zone;   /* CRON: a name of tzdata, as Europe/Berlin; absent: UTC */
    schedule_gap_t gap;
    schedule_fold_t fold;
} schedule_plan_t;

typedef struct schedule { /* for embedding; hands off */
    schedule_type_t type;
    schedule_gap_t gap;
    schedule_fold_t fold;
    cron_t cron;
    uint64_t every_ms, anchor_ms, at_ms;
    struct _GTimeZone *zone; /* CRON */
} schedule_t;

typedef struct schedule_error {
    bool of_zone;   /* else of what `type` names */
    char text[160]; /* one sentence in ASCII */
} schedule_error_t;

/* OK: to be ended with schedule_fini. INVALID: `error` says what is wrong; a time zone that the system does not know is
   wrong, whatever the type. Keeps nothing of the plan's bytes. */
MUST_USE status_t schedule_parse(schedule_t *self, const schedule_plan_t *plan, schedule_error_t *error);
void schedule_fini(schedule_t *self);

/* The first due time after this moment. False: never again. Searches the days of 41 years at most, within which every
   date and every weekday of a 29 February comes: well under a millisecond. */
bool schedule_next(const schedule_t *self, uint64_t after_ms, uint64_t *due_ms);

/* The last due time after the one moment and not after the other: of many that were missed, the latest. False: none. */
bool schedule_last(const schedule_t *self, uint64_t after_ms, uint64_t until_ms, uint64_t *due_ms);

/* How many ms after its due time a job is to be started, so that many jobs due at once do not start at once: below
   jitter_s seconds, by a hash of the job's key and the due time, so always the same. */
uint64_t schedule_jitter_ms(uint64_t due_ms, span_t key, uint64_t jitter_s);

#endif
