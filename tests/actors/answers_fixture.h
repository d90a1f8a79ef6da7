/* SPDX-License-Identifier: MIT */
/*
 * answers_fixture: the answers of one shard over a view_fixture, with what their tests say often.
 */
#ifndef DORAN_TESTS_ACTORS_ANSWERS_FIXTURE_H
#define DORAN_TESTS_ACTORS_ANSWERS_FIXTURE_H

#include "actors/answers.h"
#include "actors/store_key.h"
#include "tests/actors/view_fixture.h"

enum { PLACES_MAX = 4, PARTITION = 9 };

static view_fixture_t fixture;
static answers_t *answers;

static inline void setup(void) {
    view_fixture_open(&fixture);
    answers = answers_new(&fixture.view, PLACES_MAX);
}

static inline void teardown(void) {
    answers_destroy(&answers);
    cr_assert_null(answers);
    answers_destroy(&answers);
    view_fixture_close(&fixture);
}

/* Everything durable is in the store, everything in memory is gone. */
static inline void restart(void) {
    view_fixture_apply(&fixture);
    answers_destroy(&answers);
    answers = answers_new(&fixture.view, PLACES_MAX);
}

/* Sessions are numbered here; the number is also the ms at which they were issued. */
static inline request_t request_of(uint8_t session, uint64_t id, uint64_t lowest) {
    request_t request = {.id = id, .lowest_unanswered = lowest, .partition = PARTITION, .has_session = true};
    request.session[5] = session;
    request.session[15] = 0xee;
    return request;
}

static inline store_key_t key_of(uint8_t session, uint64_t id) {
    request_t request = request_of(session, id, 0);
    store_key_t key;
    store_key_answer(&key, PARTITION, request.session, id);
    return key;
}

/* What stands under the session's id; ptr NULL: nothing. */
static inline span_t row(uint8_t session, uint64_t id) {
    store_key_t key = key_of(session, id);
    span_t value;
    cr_assert_eq(view_get(&fixture.view, store_key_span(&key), &value), STATUS_OK);
    return value;
}

static inline uint32_t rows(uint8_t session) {
    store_key_t from = key_of(session, 1), to = key_of(session, UINT64_MAX);
    view_walk_t walk;
    span_t key, value;
    uint32_t count = 0;
    view_walk_start(&walk, &fixture.view, store_key_span(&from), store_key_span(&to));
    while (view_walk_next(&walk, &key, &value)) {
        count++;
    }
    return count;
}

#endif
