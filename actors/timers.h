/* SPDX-License-Identifier: MIT */
/*
 * timers: the durable timers of the actors of a shard (DESIGN §4, turn_at). A timer is two rows of its partition
 * (store_key.h), both cells of schema version 0:
 *
 *   't', by its time   msgpack [attempts, hops, user|nil, role|nil, body(map)]
 *   'n', by its name   its time, u64 little endian; the name is kind, key, method and tag: one timer of a name at most
 *
 * Writes go through the writer and may be rolled back. In memory stands for each own partition where its first timer
 * may be, never behind it: a rollback can make that too early, which costs a look. So no call of timers_next may come
 * between a timers_remove and its rollback. Nothing is read at the start; the first timers_next seeks once in each
 * partition.
 *
 * Time is ms since 1970 and given by the caller; if it is set back, what was due then waits until it is due again.
 * Owned by a shard.
 */
#ifndef DORAN_ACTORS_TIMERS_H
#define DORAN_ACTORS_TIMERS_H

#include "actors/writer.h"
#include "storage/view.h"

typedef struct timers timers_t;

typedef struct timer_row {
    uint8_t partition; /* of its actor */
    uint8_t hops;      /* of the message that it makes */
    uint32_t attempts; /* that failed */
    uint64_t when_ms;
    span_t kind, key;   /* of its actor */
    span_t method, tag; /* tag: up to TIMER_TAG_BYTES_MAX, may be empty */
    span_t user, role;  /* on whose behalf; absent: nobody's */
    span_t body;        /* raw msgpack map, up to VALUE_BYTES_MAX */
} timer_row_t;

typedef enum timers_verdict {
    TIMERS_NONE,    /* nothing is due */
    TIMERS_DUE,     /* here is one */
    TIMERS_DAMAGED, /* here is one that cannot be read: it stays, and is passed over from now on */
} timers_verdict_t;

/* view is borrowed for life. The partitions p with p modulo shards == shard. */
timers_t *timers_new(const view_t *view, uint16_t shard, uint16_t shards);
void timers_destroy(timers_t **self_p);

/* Sets it, in the place of the one of its name; up to three records. INTERNAL: the row of its name is damaged; nothing
   was written. CHECKs the bounds, and that the partition is one's own. */
MUST_USE status_t timers_set(timers_t *self, writer_t *writer, const timer_row_t *timer);
/* Deletes the one with the partition, kind, key, method and tag of this; the rest is not looked at. Two records; none
   if there is no such timer. INTERNAL as above. */
MUST_USE status_t timers_cancel(timers_t *self, writer_t *writer, const timer_row_t *name);

/* Nothing is due before; 0 before the first timers_next. UINT64_MAX: there is none (and one set for then never fires).
 */
uint64_t timers_due_ms(const timers_t *self);
/* The first timer in order of time with when_ms ≤ now_ms; in order of partitions and keys among equals. It is found
   again until it is removed. Its spans are valid until the next timers_next, also over writes. DAMAGED: partition and
   when_ms are known, kind, key, method and tag as far as they can be read, else empty; the rest is zero. Told once, or
   once more after a timer was set before it. */
timers_verdict_t timers_next(timers_t *self, uint64_t now_ms, timer_row_t *timer);
/* Deletes both rows of a timer that timers_next found: two records. */
void timers_remove(writer_t *writer, const timer_row_t *timer);
/* Puts the timer that timers_next found, and that was not removed, off to when_ms, with one attempt more: three
 * records.
 */
void timers_retry(timers_t *self, writer_t *writer, const timer_row_t *timer, uint64_t when_ms);

/* Reads a 't' row; the timer points into key and value. False: damaged, as with DAMAGED above. Any thread. */
MUST_USE bool timer_row_read(span_t key, span_t value, timer_row_t *timer);

#endif
