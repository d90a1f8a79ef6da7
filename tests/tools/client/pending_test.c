/* SPDX-License-Identifier: MIT */
/*
 * The table of requests against a naive one: an array that is searched from end to end.
 */
#include "tools/client/pending.h"

#include <criterion/criterion.h>

#include "schemas/check.h"
#include "schemas/limits.h"
#include "tests/storage/random.h"

enum { MAX = 64, STEPS = 200000 };

typedef struct model {
    uint64_t ids[MAX]; /* 0: none */
    uint64_t due_us[MAX];
    pending_state_t states[MAX];
    uint32_t count;
} model_t;

static int model_find(const model_t *self, uint64_t id) {
    for (int i = 0; i < MAX; i++) {
        if (self->ids[i] == id) {
            return i;
        }
    }
    return -1;
}

static uint64_t model_lowest(const model_t *self) {
    uint64_t lowest = 0;
    for (int i = 0; i < MAX; i++) {
        if (self->ids[i] != 0 && self->states[i] != PENDING_FINISHED && (lowest == 0 || self->ids[i] < lowest)) {
            lowest = self->ids[i];
        }
    }
    return lowest;
}

static uint64_t model_due_us(const model_t *self) {
    uint64_t due_us = UINT64_MAX;
    for (int i = 0; i < MAX; i++) {
        if (self->ids[i] != 0 && self->states[i] != PENDING_FINISHED && self->due_us[i] < due_us) {
            due_us = self->due_us[i];
        }
    }
    return due_us;
}

static void compare(const pending_table_t *table, const model_t *model) {
    pending_table_check(table);
    const pending_t *first = pending_first(table), *due = pending_due(table);
    cr_assert_eq(pending_count(table), model->count);
    cr_assert_eq(first == NULL ? 0 : first->id, model_lowest(model));
    cr_assert_eq(due == NULL ? UINT64_MAX : due->due_us, model_due_us(model));
}

static void add(pending_table_t *table, model_t *model, random_state_t *random, uint64_t *id) {
    uint8_t body[300];
    uint64_t deadline_us = 1 + random_below(random, 1000);
    size_t body_bytes = random_below(random, sizeof body);
    memset(body, (int)*id, sizeof body);
    *id += 1 + random_below(random, 3); /* gaps as after a restart */
    uint8_t trace[TRACE_BYTES] = {(uint8_t)*id};
    ask_t ask = {.kind = span_text("kind"),
                 .key = span_text("key"),
                 .method = span_text("method"),
                 .body = span_of(body, body_bytes)};
    if (random_below(random, 2) == 0) {
        ask.idempotency_key = span_text("idempotency key");
        ask.trace = span_of(trace, sizeof trace);
    }
    pending_t *pending = pending_add(table, *id, &ask, deadline_us);
    cr_assert_eq(pending == NULL, model->count == MAX);
    if (pending == NULL) {
        return;
    }
    int slot = model_find(model, 0);
    model->ids[slot] = *id;
    model->due_us[slot] = deadline_us;
    model->states[slot] = PENDING_QUEUED;
    model->count += 1;
    cr_assert(span_equal(pending->ask.body, ask.body) && span_equal(pending->ask.key, ask.key));
    cr_assert_eq(pending->ask.idempotency_key.ptr == NULL, ask.idempotency_key.ptr == NULL);
    cr_assert(span_equal(pending->ask.idempotency_key, ask.idempotency_key));
    cr_assert_eq(pending->ask.trace.ptr == NULL, ask.trace.ptr == NULL);
    cr_assert(span_equal(pending->ask.trace, ask.trace));
}

static void change(pending_table_t *table, model_t *model, random_state_t *random, int slot) {
    static const pending_state_t states[] = {PENDING_QUEUED, PENDING_SENT, PENDING_RETRYING, PENDING_HELD,
                                             PENDING_ORPHAN};
    uint64_t id = model->ids[slot];
    bool finished = model->states[slot] == PENDING_FINISHED;
    pending_t *pending = pending_find(table, id);
    cr_assert_eq(pending == NULL, finished, "id %lu", id);
    if (finished) {
        return;
    }
    uint64_t due_us = random_below(random, 1500);
    switch (random_below(random, 4)) {
    case 0:
        pending_finish(table, pending, DORAN_DEADLINE_EXCEEDED);
        model->states[slot] = PENDING_FINISHED;
        break;
    case 1:
        pending_release(table, pending);
        model->ids[slot] = 0;
        model->count -= 1;
        break;
    default:
        model->states[slot] = states[random_below(random, ARRAY_LENGTH(states))];
        model->due_us[slot] = due_us < pending->deadline_us ? due_us : pending->deadline_us;
        pending_move(table, pending, model->states[slot], due_us);
    }
}

static void take_finished(pending_table_t *table, model_t *model) {
    pending_t *pending = pending_finished(table);
    if (pending != NULL) {
        int slot = model_find(model, pending->id);
        cr_assert_eq(model->states[slot], PENDING_FINISHED);
        cr_assert_eq(pending->code, DORAN_DEADLINE_EXCEEDED);
        pending_release(table, pending);
        model->ids[slot] = 0;
        model->count -= 1;
    }
}

Test(pending, behaves_as_an_array_would) {
    random_state_t random = random_start("pending");
    pending_table_t *table = pending_table_new(MAX);
    model_t model = {0};
    uint64_t id = 0;
    for (int step = 0; step < STEPS; step++) {
        size_t slot = random_below(&random, MAX), what = random_below(&random, 16);
        if (what < 7) {
            add(table, &model, &random, &id);
        } else if (what < 8) {
            take_finished(table, &model);
        } else if (model.ids[slot] != 0) {
            change(table, &model, &random, (int)slot);
        }
        compare(table, &model);
    }
    pending_table_destroy(&table);
}

Test(pending, queue_all_puts_the_oldest_first_and_leaves_the_refused_alone) {
    pending_table_t *table = pending_table_new(8);
    pending_t *requests[6];
    for (uint64_t id = 1; id <= 6; id++) {
        ask_t ask = {.kind = span_text("k"), .key = span_text("k"), .method = span_text("m"), .body = span_text("")};
        requests[id - 1] = pending_add(table, id, &ask, 100);
    }
    for (int i = 5; i >= 0; i--) {
        pending_move(table, requests[i], i == 2 ? PENDING_RETRYING : PENDING_SENT, 50);
    }
    pending_move(table, requests[4], PENDING_QUEUED, 100);
    pending_queue_all(table);
    static const uint64_t expected[] = {1, 2, 4, 5, 6};
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        pending_t *pending = pending_queued(table);
        cr_assert_eq(pending->id, expected[i]);
        pending_move(table, pending, PENDING_SENT, 50);
    }
    cr_expect_null(pending_queued(table));
    cr_expect_eq(pending_queued_bytes(table), 0);
    pending_table_destroy(&table);
}

Test(pending, destroy_accepts_nothing) {
    pending_table_t *table = NULL;
    pending_table_destroy(&table);
    cr_expect_null(table);
}
