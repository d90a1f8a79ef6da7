/* SPDX-License-Identifier: MIT */
/*
 * timers_fixture: the timers of one shard over a view_fixture, with what their tests say often.
 */
#ifndef DORAN_TESTS_ACTORS_TIMERS_FIXTURE_H
#define DORAN_TESTS_ACTORS_TIMERS_FIXTURE_H

#include "actors/store_key.h"
#include "actors/timers.h"
#include "tests/actors/view_fixture.h"

enum { SHARD = 0, SHARDS = 3, PARTITION = 9, LAST_PARTITION = 255 };

static view_fixture_t fixture;
static timers_t *timers;

static inline void setup(void) {
    view_fixture_open(&fixture);
    timers = timers_new(&fixture.view, SHARD, SHARDS);
}

static inline void teardown(void) {
    timers_destroy(&timers);
    cr_assert_null(timers);
    timers_destroy(&timers);
    view_fixture_close(&fixture);
}

/* Everything durable is in the store, everything in memory is gone. */
static inline void restart(void) {
    view_fixture_apply(&fixture);
    timers_destroy(&timers);
    timers = timers_new(&fixture.view, SHARD, SHARDS);
}

static inline timer_row_t timer_of(const char *key, uint64_t when_ms) {
    return (timer_row_t){
        .partition = PARTITION,
        .when_ms = when_ms,
        .hops = 1,
        .kind = span_text("order"),
        .key = span_text(key),
        .method = span_text("expire"),
        .tag = span_text("tag"),
        .body = span_text("\x80"),
    };
}

static inline void set_timer(const timer_row_t *timer) {
    cr_assert_eq(timers_set(timers, &fixture.writer, timer), STATUS_OK);
}

static inline timer_row_t due(uint64_t now_ms) {
    timer_row_t timer;
    cr_assert_eq(timers_next(timers, now_ms, &timer), TIMERS_DUE);
    return timer;
}

static inline void assert_none(uint64_t now_ms) {
    timer_row_t timer;
    cr_assert_eq(timers_next(timers, now_ms, &timer), TIMERS_NONE);
    cr_assert_gt(timers_due_ms(timers), now_ms);
}

static inline store_key_t row_key(const timer_row_t *timer) {
    store_key_t key;
    store_key_timer(&key, timer->partition, timer->when_ms, timer->kind, timer->key, timer->method, timer->tag);
    return key;
}

static inline store_key_t name_key(const timer_row_t *timer) {
    store_key_t key;
    store_key_timer_name(&key, timer->partition, timer->kind, timer->key, timer->method, timer->tag);
    return key;
}

static inline void assert_same(const timer_row_t *a, const timer_row_t *b) {
    cr_assert(a->partition == b->partition && a->hops == b->hops && a->attempts == b->attempts);
    cr_assert_eq(a->when_ms, b->when_ms);
    cr_assert(span_equal(a->kind, b->kind) && span_equal(a->key, b->key) && span_equal(a->method, b->method));
    cr_assert(span_equal(a->tag, b->tag) && span_equal(a->body, b->body));
    cr_assert(span_equal(a->user, b->user) && span_equal(a->role, b->role));
    cr_assert((a->user.ptr == NULL) == (b->user.ptr == NULL) && (a->role.ptr == NULL) == (b->role.ptr == NULL));
}

#endif
