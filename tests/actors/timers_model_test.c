/* SPDX-License-Identifier: MIT */
/* Timers against a list, and very many of them. */
#include "actors/timers.h"

#include <criterion/criterion.h>
#include <time.h>

#include "tests/actors/timers_fixture.h"
#include "tests/storage/random.h"

TestSuite(timers_model, .init = setup, .fini = teardown);

enum { MODEL_NAMES = 40, MODEL_STEPS = 40000, MODEL_SPAN_MS = 200 };

typedef struct model_timer {
    bool set;
    uint64_t when_ms;
    uint32_t attempts, number;
} model_timer_t;

typedef struct model {
    model_timer_t timers[MODEL_NAMES];
    uint64_t now_ms;
    uint32_t numbers; /* given so far; a body tells which */
} model_t;

static void model_body(uint32_t number, uint8_t body[8]) {
    memcpy(body, "\x81\xa1\x61\xce", 4);
    number = htobe32(number);
    memcpy(body + 4, &number, sizeof number);
}

/* The timer of the index; the names that share a partition differ in one part each, and keys begin alike. */
static timer_row_t model_timer(const model_t *model, uint32_t index, uint8_t body[8]) {
    static const uint8_t partitions[] = {0, PARTITION, LAST_PARTITION};
    static const char *const keys[] = {"a", "aa", "b"}, *const tags[] = {"", "1", "11"};
    const model_timer_t *timer = &model->timers[index];
    model_body(timer->number, body);
    return (timer_row_t){
        .partition = partitions[index % 3],
        .when_ms = timer->when_ms,
        .attempts = timer->attempts,
        .kind = span_text(index % 2 == 0 ? "job" : "order"),
        .key = span_text(keys[index / 3 % 3]),
        .method = span_text(index < MODEL_NAMES / 2 ? "expire" : "run"),
        .tag = span_text(tags[index / 9 % 3]),
        .user = index % 5 == 0 ? span_text("ann") : (span_t){0},
        .body = span_of(body, 8),
    };
}

/* Below 0: a comes first. */
static int model_compare(const model_t *model, uint32_t a, uint32_t b) {
    uint8_t body[8];
    timer_row_t timer_a = model_timer(model, a, body), timer_b = model_timer(model, b, body);
    if (timer_a.when_ms != timer_b.when_ms) {
        return timer_a.when_ms < timer_b.when_ms ? -1 : 1;
    }
    store_key_t key_a = row_key(&timer_a), key_b = row_key(&timer_b);
    return span_compare(store_key_span(&key_a), store_key_span(&key_b));
}

/* Index of the first one, or MODEL_NAMES. */
static uint32_t model_first(const model_t *model) {
    uint32_t first = MODEL_NAMES;
    for (uint32_t i = 0; i < MODEL_NAMES; i++) {
        if (model->timers[i].set && (first == MODEL_NAMES || model_compare(model, i, first) < 0)) {
            first = i;
        }
    }
    return first;
}

static void model_set(model_t *model, random_state_t *random) {
    uint8_t body[8];
    uint32_t index = (uint32_t)random_below(random, MODEL_NAMES);
    uint64_t earliest = model->now_ms > MODEL_SPAN_MS / 4 ? model->now_ms - MODEL_SPAN_MS / 4 : 0;
    uint64_t when_ms = random_below(random, 20) == 0 ? 0 : earliest + random_below(random, MODEL_SPAN_MS);
    model->timers[index] = (model_timer_t){.set = true, .when_ms = when_ms, .number = ++model->numbers};
    timer_row_t timer = model_timer(model, index, body);
    set_timer(&timer);
}

static void model_cancel(model_t *model, random_state_t *random) {
    uint8_t body[8];
    uint32_t index = (uint32_t)random_below(random, MODEL_NAMES);
    timer_row_t timer = model_timer(model, index, body);
    timer.when_ms = 0;
    cr_assert_eq(timers_cancel(timers, &fixture.writer, &timer), STATUS_OK);
    model->timers[index].set = false;
}

static void model_write(model_t *model, random_state_t *random) {
    for (size_t left = random_below(random, 4); left > 0; left--) {
        if (random_below(random, 3) > 0) {
            model_set(model, random);
        } else {
            model_cancel(model, random);
        }
    }
}

/* A turn of anybody, which may fail. */
static void model_turn(model_t *model, random_state_t *random) {
    model_t before = *model;
    writer_mark(&fixture.writer);
    model_write(model, random);
    if (random_below(random, 4) == 0) {
        writer_rollback(&fixture.writer);
        memcpy(model->timers, before.timers, sizeof before.timers);
    }
}

/* The turn of the timer that is due failed: it is put off, or it is left as it is, as by a crash. */
static void model_retry(model_t *model, uint32_t index, const timer_row_t *timer, random_state_t *random) {
    if (random_below(random, 3) == 0) {
        return;
    }
    uint64_t when_ms = model->now_ms + random_below(random, 50);
    writer_mark(&fixture.writer);
    timers_retry(timers, &fixture.writer, timer, when_ms);
    model->timers[index].when_ms = when_ms;
    model->timers[index].attempts++;
}

static void model_fire(model_t *model, random_state_t *random) {
    uint8_t body[8];
    timer_row_t timer;
    uint32_t first = model_first(model);
    uint64_t when_ms = first == MODEL_NAMES ? UINT64_MAX : model->timers[first].when_ms;
    cr_assert_leq(timers_due_ms(timers), when_ms);
    timers_verdict_t verdict = timers_next(timers, model->now_ms, &timer);
    cr_assert_eq(verdict, when_ms <= model->now_ms ? TIMERS_DUE : TIMERS_NONE);
    if (verdict == TIMERS_NONE) {
        cr_assert(timers_due_ms(timers) > model->now_ms && timers_due_ms(timers) <= when_ms);
        return;
    }
    timer_row_t expected = model_timer(model, first, body);
    model_t before = *model;
    writer_mark(&fixture.writer);
    timers_remove(&fixture.writer, &timer);
    model->timers[first].set = false;
    model_write(model, random);
    assert_same(&timer, &expected);
    if (random_below(random, 4) == 0) {
        writer_rollback(&fixture.writer);
        memcpy(model->timers, before.timers, sizeof before.timers);
        model_retry(model, first, &timer, random);
    }
}

/* Time goes on, and is now and then set. */
static void model_clock(model_t *model, random_state_t *random) {
    model->now_ms += random_below(random, 20);
    if (random_below(random, 50) == 0) {
        uint64_t back_ms = random_below(random, 2 * MODEL_SPAN_MS);
        model->now_ms -= back_ms < model->now_ms ? back_ms : model->now_ms;
    } else if (random_below(random, 100) == 0) {
        model->now_ms += random_below(random, 4 * MODEL_SPAN_MS);
    }
}

/* Batches end, the applier is now and then a few behind, and the server starts anew. */
static void model_apply(random_state_t *random) {
    if (random_below(random, 10) == 0 && fixture.closed_count < VIEW_FIXTURE_CLOSED_MAX - 1) {
        view_fixture_close_batch(&fixture);
    }
    if (random_below(random, 20) == 0) {
        for (size_t left = random_below(random, fixture.closed_count + 1); left > 0; left--) {
            view_fixture_apply_one(&fixture);
        }
    }
    if (random_below(random, 300) == 0) {
        restart();
    }
}

/* Everything left fires, in its order. */
static void model_drain(model_t *model) {
    timer_row_t timer;
    for (uint32_t first = model_first(model); first < MODEL_NAMES; first = model_first(model)) {
        timer = due(UINT64_MAX - 1);
        cr_assert_eq(timer.when_ms, model->timers[first].when_ms);
        timers_remove(&fixture.writer, &timer);
        model->timers[first].set = false;
    }
    assert_none(UINT64_MAX - 1);
    view_fixture_apply(&fixture);
    cr_assert_eq(store_entries(fixture.view.reader), 0, "nothing is left behind");
}

Test(timers_model, whatever_happens_they_fire_as_from_a_list, .timeout = 100) {
    random_state_t random = random_start("timers_model, whatever_happens_they_fire_as_from_a_list");
    static model_t model;
    model.now_ms = 1000;
    for (int step = 0; step < MODEL_STEPS; step++) {
        if (random_below(&random, 2) == 0) {
            model_turn(&model, &random);
        } else {
            model_fire(&model, &random);
        }
        model_clock(&model, &random);
        model_apply(&random);
    }
    model_drain(&model);
}

/* Many. */

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Number i of `many` timers, spread over the partitions of one shard. */
static void set_one_of_many(timers_t *many, uint32_t i, uint64_t when_ms, uint8_t partition) {
    char key[32];
    snprintf(key, sizeof key, "%08u", i);
    timer_row_t timer = timer_of(key, when_ms);
    timer.partition = partition;
    cr_assert_eq(timers_set(many, &fixture.writer, &timer), STATUS_OK);
}

static void apply_if_full(void) {
    if (!batch_has_room(fixture.batch)) {
        view_fixture_apply(&fixture);
    }
}

Test(timers_model, a_million_cost_a_start_next_to_nothing, .timeout = 100) {
    enum { MANY = 1000000 };
    timers_t *many = timers_new(&fixture.view, 0, 1);
    timer_row_t timer;
    for (uint32_t i = 0; i < MANY; i++) {
        set_one_of_many(many, i, 1000 + i * UINT64_C(7919) % MANY, (uint8_t)i);
        apply_if_full();
    }
    view_fixture_apply(&fixture);
    timers_destroy(&many);
    cr_assert_eq(store_entries(fixture.view.reader), 2 * MANY);
    uint64_t begun_ms = clock_ms();
    many = timers_new(&fixture.view, 0, 1);
    cr_assert_eq(timers_next(many, 999, &timer), TIMERS_NONE);
    cr_assert_eq(timers_due_ms(many), 1000);
    cr_assert_eq(timers_next(many, 1000, &timer), TIMERS_DUE);
    fprintf(stderr, "timers: the first of %d after %lu ms\n", MANY, (unsigned long)(clock_ms() - begun_ms));
    timers_destroy(&many);
}

/* Of one partition and one time; what fired stands as tombstones in memory, since the applier does not come by. */
Test(timers_model, many_due_at_once_cost_each_the_same, .timeout = 100) {
    enum { MANY = 30000 };
    timer_row_t timer;
    for (uint32_t i = 0; i < MANY; i++) {
        set_one_of_many(timers, i, 1000, PARTITION);
        apply_if_full();
    }
    view_fixture_apply(&fixture);
    uint64_t begun_ms = clock_ms();
    for (uint32_t i = 0; i < MANY; i++) {
        timer = due(1000);
        cr_assert_eq(strtoul((const char *)timer.key.ptr, NULL, 10), i);
        timers_remove(&fixture.writer, &timer);
        if (!batch_has_room(fixture.batch)) {
            view_fixture_close_batch(&fixture);
        }
    }
    fprintf(stderr, "timers: %d at once in %lu ms\n", MANY, (unsigned long)(clock_ms() - begun_ms));
    assert_none(1000);
}
