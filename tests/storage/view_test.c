/* SPDX-License-Identifier: MIT */
#include "storage/view.h"

#include <criterion/criterion.h>

#include "tests/storage/random.h"
#include "tests/storage/scratch.h"

enum { MAP_BYTES = 64 << 20 };

static const span_t ABSENT;

static scratch_t scratch;
static store_t *store;
static view_t view;

static void setup(void) {
    char error[256] = "";
    scratch = scratch_new();
    cr_assert_eq(store_open(scratch.path, MAP_BYTES, &store, error, sizeof(error)), STATUS_OK, "%s", error);
    cr_assert_eq(store_reader_open(store, &view.reader), STATUS_OK);
    view.memtable = memtable_new();
}

static void teardown(void) {
    memtable_destroy(&view.memtable);
    store_reader_close(&view.reader);
    store_destroy(&store);
    scratch_remove(&scratch);
}

TestSuite(view, .init = setup, .fini = teardown);

static void renew(void) {
    uint64_t batch;
    cr_assert_eq(store_reader_renew(view.reader, 0, &batch), STATUS_OK);
}

/* Keys and values one after another, ended by NULL. */
static void store_texts(const char *const *texts) {
    cr_assert_eq(store_begin(store), STATUS_OK);
    for (; *texts != NULL; texts += 2)
        cr_assert_eq(store_put(store, span_text(texts[0]), span_text(texts[1])), STATUS_OK);
    cr_assert_eq(store_commit(store), STATUS_OK);
    renew();
}

static void remember(const char *key, const char *value) {
    memtable_put(view.memtable, span_text(key), value == NULL ? ABSENT : span_text(value), 1);
}

static void assert_reads(const char *key, const char *value) {
    span_t found;
    cr_assert_eq(view_get(&view, span_text(key), &found), STATUS_OK);
    cr_assert_eq(found.ptr == NULL, value == NULL, "%s", key);
    cr_assert(value == NULL || span_equal(found, span_text(value)), "%s", key);
}

typedef void (*start_fn)(view_walk_t *walk, const view_t *view, span_t from, span_t to);

/* "key=value " for each key of the walk. */
static void assert_walk(start_fn start, span_t from, span_t to, const char *expected) {
    char seen[256] = "";
    size_t bytes = 0;
    view_walk_t walk;
    span_t key, value;
    start(&walk, &view, from, to);
    while (view_walk_next(&walk, &key, &value))
        bytes += (size_t)snprintf(seen + bytes, sizeof(seen) - bytes, "%.*s=%.*s ", (int)key.len, key.ptr,
                                  (int)value.len, value.ptr);
    cr_assert_str_eq(seen, expected);
    cr_assert_not(view_walk_next(&walk, &key, &value), "a walk that is over stays so");
}

static void assert_walks(span_t from, span_t to, const char *expected) {
    assert_walk(view_walk_start, from, to, expected);
}

static void assert_walks_back(span_t from, span_t to, const char *expected) {
    assert_walk(view_walk_start_back, from, to, expected);
}

Test(view, a_tombstone_hides) {
    store_texts((const char *[]){"a", "1", "b", "2", "c", "3", NULL});
    remember("b", NULL);
    remember("never", NULL);
    assert_reads("b", NULL);
    assert_walks(ABSENT, ABSENT, "a=1 c=3 ");
}

Test(view, tombstones_in_a_row_and_at_the_end_hide) {
    store_texts((const char *[]){"a", "1", "b", "2", "c", "3", NULL});
    remember("a", NULL);
    remember("b", NULL);
    remember("c", NULL);
    assert_walks(ABSENT, ABSENT, "");
}

Test(view, the_newer_write_wins) {
    store_texts((const char *[]){"a", "old", "b", "2", NULL});
    remember("a", "new");
    remember("ab", "");
    assert_reads("a", "new");
    assert_reads("ab", "");
    assert_reads("b", "2");
    assert_reads("c", NULL);
    assert_walks(ABSENT, ABSENT, "a=new ab= b=2 ");
}

Test(view, the_end_of_a_range_is_not_in_it) {
    store_texts((const char *[]){"a", "1", "b", "2", "c", "3", NULL});
    remember("bb", "4");
    remember("c", "5");
    assert_walks(span_text("b"), span_text("c"), "b=2 bb=4 ");
    assert_walks(span_text("aa"), span_text("bb"), "b=2 ");
    assert_walks(span_text("b"), span_text("b"), "");
    assert_walks(span_text("c"), span_text("b"), "");
    assert_walks(span_text("bb"), ABSENT, "bb=4 c=5 ");
}

Test(view, a_walk_back_meets_the_same_keys_the_last_one_first) {
    store_texts((const char *[]){"a", "1", "b", "2", "c", "3", "d", "4", NULL});
    remember("b", NULL);
    remember("bb", "5");
    remember("c", "6");
    remember("d", NULL);
    assert_walks_back(ABSENT, ABSENT, "c=6 bb=5 a=1 ");
    assert_walks_back(span_text("a"), span_text("c"), "bb=5 a=1 ");
    assert_walks_back(span_text("aa"), span_text("cc"), "c=6 bb=5 ");
    assert_walks_back(span_text("bb"), ABSENT, "c=6 bb=5 ");
    assert_walks_back(ABSENT, span_text("a"), "");
    assert_walks_back(span_text("c"), span_text("b"), "");
    assert_walks_back(span_text("b"), span_text("bb"), "");
}

Test(view, nothing_is_walked_back_over_as_well) {
    renew();
    assert_walks_back(ABSENT, ABSENT, "");
    remember("a", NULL);
    assert_walks_back(ABSENT, ABSENT, "");
    assert_walks_back(span_text("a"), span_text("b"), "");
}

Test(view, what_the_store_took_over_reads_the_same_before_and_after_it_is_forgotten) {
    remember("a", "1");
    remember("b", "2");
    store_texts((const char *[]){"a", "1", "b", "2", NULL});
    assert_walks(ABSENT, ABSENT, "a=1 b=2 ");
    memtable_forget(view.memtable, 1);
    assert_walks(ABSENT, ABSENT, "a=1 b=2 ");
}

Test(view, a_rolled_back_turn_shows_the_store_again) {
    store_texts((const char *[]){"a", "1", NULL});
    memtable_mark(view.memtable);
    remember("a", NULL);
    remember("b", "2");
    memtable_rollback(view.memtable);
    assert_walks(ABSENT, ABSENT, "a=1 ");
}

/* The model: for each key its value in the store and in the memtable, merged by looking at each in turn. */
enum { MODEL_KEYS = 120, MODEL_ROUNDS = 150, MODEL_WALKS = 30 };
enum { NOWHERE = 0, DELETED = -1 }; /* else the value */

typedef struct model {
    int stored[MODEL_KEYS], remembered[MODEL_KEYS];
} model_t;

static span_t model_key(size_t i) {
    static char keys[MODEL_KEYS][16];
    return span_of(keys[i], (size_t)snprintf(keys[i], sizeof(keys[i]), "%03zu", i));
}

static span_t model_value(const int *value) {
    return *value > 0 ? span_of(value, sizeof(*value)) : ABSENT;
}

static void model_remember(model_t *model, random_state_t *random, int batch) {
    for (size_t writes = random_below(random, 40); writes > 0; writes--) {
        size_t i = random_below(random, MODEL_KEYS);
        model->remembered[i] = random_below(random, 3) == 0 ? DELETED : (int)random_below(random, 1000) + 1;
        memtable_put(view.memtable, model_key(i), model_value(&model->remembered[i]), (uint64_t)batch);
    }
}

/* What the applier does: everything moves into the store, and the shard forgets it after renewing. */
static void model_apply(model_t *model, int batch) {
    cr_assert_eq(store_begin(store), STATUS_OK);
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        if (model->remembered[i] == DELETED)
            cr_assert_eq(store_delete(store, model_key(i)), STATUS_OK);
        else if (model->remembered[i] != NOWHERE)
            cr_assert_eq(store_put(store, model_key(i), model_value(&model->remembered[i])), STATUS_OK);
        if (model->remembered[i] != NOWHERE)
            model->stored[i] = model->remembered[i] == DELETED ? NOWHERE : model->remembered[i];
        model->remembered[i] = NOWHERE;
    }
    cr_assert_eq(store_commit(store), STATUS_OK);
    renew();
    memtable_forget(view.memtable, (uint64_t)batch);
}

static const int *model_read(const model_t *model, size_t i) {
    return model->remembered[i] != NOWHERE ? &model->remembered[i] : &model->stored[i];
}

static void model_compare_points(const model_t *model) {
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        span_t found, expected = model_value(model_read(model, i));
        cr_assert_eq(view_get(&view, model_key(i), &found), STATUS_OK);
        cr_assert_eq(found.ptr == NULL, expected.ptr == NULL);
        cr_assert(span_equal(found, expected));
    }
}

static void model_compare_walk(const model_t *model, size_t from, size_t to, bool back) {
    size_t end = to < MODEL_KEYS ? to : MODEL_KEYS, count = from < end ? end - from : 0;
    view_walk_t walk;
    span_t key, value;
    start_fn start = back ? view_walk_start_back : view_walk_start;
    start(&walk, &view, model_key(from), to < MODEL_KEYS ? model_key(to) : ABSENT);
    for (size_t n = 0; n < count; n++) {
        size_t i = back ? end - 1 - n : from + n;
        if (*model_read(model, i) <= 0)
            continue;
        cr_assert(view_walk_next(&walk, &key, &value), "key %zu is missing in [%zu, %zu)", i, from, to);
        cr_assert(span_equal(key, model_key(i)), "not key %zu in [%zu, %zu)", i, from, to);
        cr_assert(span_equal(value, model_value(model_read(model, i))));
    }
    cr_assert_not(view_walk_next(&walk, &key, &value), "more keys than expected in [%zu, %zu)", from, to);
}

static void model_compare_range(const model_t *model, size_t from, size_t to) {
    model_compare_walk(model, from, to, false);
    model_compare_walk(model, from, to, true);
}

Test(view, random_ranges_agree_with_a_naive_merge) {
    random_state_t random = random_start("view");
    static model_t model;
    renew();
    for (int batch = 1; batch <= MODEL_ROUNDS; batch++) {
        model_remember(&model, &random, batch);
        if (random_below(&random, 4) == 0)
            model_apply(&model, batch);
        model_compare_points(&model);
        for (int n = 0; n < MODEL_WALKS; n++)
            model_compare_range(&model, random_below(&random, MODEL_KEYS), random_below(&random, MODEL_KEYS + 20));
        model_compare_range(&model, 0, MODEL_KEYS);
    }
}
