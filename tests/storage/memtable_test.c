/* SPDX-License-Identifier: MIT */
#include "storage/memtable.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "tests/storage/random.h"

static const span_t TOMBSTONE;

static memtable_t *memtable;

static void setup(void) {
    memtable = memtable_new();
}

static void teardown(void) {
    memtable_check(memtable);
    memtable_destroy(&memtable);
    cr_assert_null(memtable);
}

TestSuite(memtable, .init = setup, .fini = teardown);

static void put(const char *key, const char *value, uint64_t batch) {
    memtable_put(memtable, span_text(key), span_text(value), batch);
    memtable_check(memtable);
}

static void put_tombstone(const char *key, uint64_t batch) {
    memtable_put(memtable, span_text(key), TOMBSTONE, batch);
    memtable_check(memtable);
}

static void assert_value(const char *key, const char *value) {
    const memtable_entry_t *entry = memtable_get(memtable, span_text(key));
    cr_assert_not_null(entry, "%s", key);
    cr_assert(span_equal(entry->key, span_text(key)));
    cr_assert_not_null(entry->value.ptr, "%s is a tombstone", key);
    cr_assert(span_equal(entry->value, span_text(value)), "%s", key);
}

static void assert_absent(const char *key) {
    cr_assert_null(memtable_get(memtable, span_text(key)), "%s", key);
}

Test(memtable, a_rolled_back_turn_leaves_no_trace) {
    put("kept", "old", 1);
    put("deleted", "old", 1);
    put("other", "old", 2);
    size_t bytes = memtable_bytes(memtable);
    memtable_mark(memtable);
    put("kept", "a new and longer value than before", 3);
    put_tombstone("deleted", 3);
    put("new", "value", 3);
    put("kept", "once more", 3);
    put_tombstone("new", 3);
    memtable_rollback(memtable);
    memtable_check(memtable);
    assert_value("kept", "old");
    assert_value("deleted", "old");
    assert_absent("new");
    cr_assert_eq(memtable_count(memtable), 3);
    cr_assert_eq(memtable_bytes(memtable), bytes);
}

Test(memtable, a_rolled_back_entry_is_forgotten_with_its_old_batch) {
    put("a", "1", 1);
    put("b", "2", 2);
    memtable_mark(memtable);
    put("a", "3", 3);
    memtable_rollback(memtable);
    memtable_forget(memtable, 1);
    memtable_check(memtable);
    assert_absent("a");
    assert_value("b", "2");
}

Test(memtable, forget_never_drops_a_newer_write) {
    put("rewritten", "1", 1);
    put("old", "1", 1);
    put("deleted", "1", 1);
    put("rewritten", "2", 2);
    put_tombstone("deleted", 2);
    memtable_forget(memtable, 1);
    memtable_check(memtable);
    assert_value("rewritten", "2");
    assert_absent("old");
    const memtable_entry_t *tombstone = memtable_get(memtable, span_text("deleted"));
    cr_assert_not_null(tombstone);
    cr_assert_null(tombstone->value.ptr);
    memtable_forget(memtable, 2);
    cr_assert_eq(memtable_count(memtable), 0);
    cr_assert_eq(memtable_bytes(memtable), 0);
}

Test(memtable, only_a_fresh_key_goes_without_a_tombstone) {
    put("old", "value", 1);
    memtable_put_fresh(memtable, span_text("new"), span_text("value"), 1);
    memtable_put_fresh(memtable, span_text("old"), span_text("again"), 2); /* was there: the store may have it */
    put("new", "again", 2);
    cr_assert_not(memtable_remove_fresh(memtable, span_text("old")));
    cr_assert_not(memtable_remove_fresh(memtable, span_text("never")));
    cr_assert(memtable_remove_fresh(memtable, span_text("new")));
    assert_value("old", "again");
    assert_absent("new");
    cr_assert_eq(memtable_count(memtable), 1);
    memtable_check(memtable);
}

Test(memtable, what_was_forgotten_is_not_fresh_any_more) {
    memtable_put_fresh(memtable, span_text("key"), span_text("value"), 1);
    memtable_forget(memtable, 1);
    put("key", "value", 2);
    cr_assert_not(memtable_remove_fresh(memtable, span_text("key")));
}

Test(memtable, a_turn_that_stands_is_not_undone_by_the_next) {
    memtable_mark(memtable);
    put("a", "1", 1);
    memtable_mark(memtable);
    put("a", "2", 1);
    memtable_rollback(memtable);
    assert_value("a", "1");
}

Test(memtable, rollback_without_a_mark_is_a_bug, .signal = SIGABRT) {
    put("a", "1", 1);
    memtable_rollback(memtable);
}

Test(memtable, a_batch_number_that_goes_down_is_a_bug, .signal = SIGABRT) {
    put("a", "1", 2);
    put("b", "1", 1);
}

Test(memtable, more_writes_than_a_turn_may_have_are_a_bug, .signal = SIGABRT) {
    memtable_mark(memtable);
    for (int i = 0; i <= TURN_RECORDS_MAX; i++)
        memtable_put(memtable, span_text("key"), span_text("value"), 1);
}

Test(memtable, a_maximal_turn_can_be_rolled_back) {
    memtable_mark(memtable);
    for (int i = 0; i < TURN_RECORDS_MAX; i++)
        memtable_put(memtable, span_of(&i, sizeof(i)), span_of(&i, sizeof(i)), 1);
    memtable_rollback(memtable);
    cr_assert_eq(memtable_count(memtable), 0);
    cr_assert_eq(memtable_bytes(memtable), 0);
}

Test(memtable, an_empty_value_is_not_a_tombstone) {
    put("empty", "", 1);
    assert_value("empty", "");
    size_t bytes = memtable_bytes(memtable);
    put("empty", "full", 1);
    cr_assert_gt(memtable_bytes(memtable), bytes);
    put("empty", "", 1);
    cr_assert_eq(memtable_bytes(memtable), bytes);
}

Test(memtable, a_value_may_be_copied_from_the_entry_that_it_replaces) {
    put("a", "some value", 1);
    memtable_put(memtable, span_text("a"), memtable_get(memtable, span_text("a"))->value, 2);
    assert_value("a", "some value");
}

Test(memtable, keys_are_ordered_as_bytes_and_shorter_first) {
    put("ab", "", 1);
    put("b", "", 1);
    put("a", "", 1);
    put("a\xff", "", 1);
    put("aa", "", 1);
    const char *order[] = {"a", "aa", "ab", "a\xff", "b"};
    const memtable_entry_t *entry = memtable_seek(memtable, span_of("", 0));
    for (size_t i = 0; i < ARRAY_LENGTH(order); i++, entry = memtable_next(memtable, entry))
        cr_assert(span_equal(entry->key, span_text(order[i])));
    cr_assert_null(entry);
    cr_assert(span_equal(memtable_seek(memtable, span_text("abc"))->key, span_text("a\xff")));
    cr_assert_null(memtable_seek(memtable, span_text("c")));
}

Test(memtable, the_way_back_begins_before_a_key_whether_it_is_there_or_not) {
    cr_assert_null(memtable_seek_before(memtable, (span_t){0}));
    put("b", "", 1);
    put("bb", "", 1);
    put("d", "", 1);
    const memtable_entry_t *last = memtable_seek_before(memtable, (span_t){0});
    cr_assert(span_equal(last->key, span_text("d")));
    cr_assert(span_equal(memtable_previous(memtable, last)->key, span_text("bb")));
    cr_assert(span_equal(memtable_seek_before(memtable, span_text("d"))->key, span_text("bb")));
    cr_assert(span_equal(memtable_seek_before(memtable, span_text("c"))->key, span_text("bb")));
    cr_assert(span_equal(memtable_seek_before(memtable, span_text("ba"))->key, span_text("b")));
    cr_assert(span_equal(memtable_seek_before(memtable, span_text("z"))->key, span_text("d")));
    cr_assert_null(memtable_seek_before(memtable, span_text("b")));
    cr_assert_null(memtable_seek_before(memtable, span_of("", 0)));
}

Test(memtable, destroy_accepts_null) {
    memtable_t *none = NULL;
    memtable_destroy(&none);
}

/* The model: an array with a row for every key that there can be, and a copy of it for rollback. */
enum { MODEL_KEYS = 60, MODEL_VALUE_BYTES_MAX = 100, MODEL_STEPS = 30000 };

typedef struct model_row {
    bool present, tombstone;
    uint64_t batch;
    uint8_t value[MODEL_VALUE_BYTES_MAX];
    size_t value_bytes;
} model_row_t;

typedef struct model {
    model_row_t rows[MODEL_KEYS], marked_rows[MODEL_KEYS];
    bool marked;
    int writes; /* since the mark */
    uint64_t batch;
} model_t;

/* Keys of several lengths, some the beginning of others. */
static span_t model_key(size_t row) {
    static char keys[MODEL_KEYS][32];
    int bytes = snprintf(keys[row], sizeof(keys[row]), "%zx%.*s", row % 7, (int)(row / 7), "aaaaaaaaaaaaaaaa");
    return span_of(keys[row], (size_t)bytes);
}

static span_t model_value(const model_row_t *row) {
    return row->tombstone ? TOMBSTONE : span_of(row->value, row->value_bytes);
}

static void model_put(model_t *model, random_state_t *random) {
    size_t i = random_below(random, MODEL_KEYS);
    model_row_t *row = &model->rows[i];
    row->present = true;
    row->tombstone = random_below(random, 4) == 0;
    row->batch = model->batch;
    row->value_bytes = row->tombstone ? 0 : random_below(random, MODEL_VALUE_BYTES_MAX);
    for (size_t byte = 0; byte < row->value_bytes; byte++)
        row->value[byte] = (uint8_t)random_next(random);
    model->writes += 1;
    memtable_put(memtable, model_key(i), model_value(row), model->batch);
}

static void model_mark(model_t *model) {
    memcpy(model->marked_rows, model->rows, sizeof(model->rows));
    model->marked = true;
    model->writes = 0;
    memtable_mark(memtable);
}

static void model_rollback(model_t *model) {
    memcpy(model->rows, model->marked_rows, sizeof(model->rows));
    model->marked = false;
    memtable_rollback(memtable);
}

static void model_forget(model_t *model, random_state_t *random) {
    uint64_t through = model->batch - random_below(random, (size_t)model->batch < 6 ? (size_t)model->batch : 6);
    for (size_t i = 0; i < MODEL_KEYS; i++)
        if (model->rows[i].batch <= through)
            model->rows[i] = (model_row_t){0};
    model->marked = false;
    memtable_forget(memtable, through);
}

static void model_step(model_t *model, random_state_t *random) {
    size_t choice = random_below(random, 100);
    if (choice < 70 && (!model->marked || model->writes < TURN_RECORDS_MAX))
        model_put(model, random);
    else if (choice < 80)
        model_mark(model);
    else if (choice < 88 && model->marked)
        model_rollback(model);
    else if (choice < 92)
        model_forget(model, random);
    else
        model->batch += 1;
}

/* Same rows, same order, same bytes as a memtable that never saw anything else. */
static void model_compare(const model_t *model) {
    memtable_t *fresh = memtable_new();
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        const model_row_t *row = &model->rows[i];
        const memtable_entry_t *entry = memtable_get(memtable, model_key(i));
        cr_assert_eq(entry != NULL, row->present);
        if (entry == NULL)
            continue;
        cr_assert_eq(entry->batch, row->batch);
        cr_assert_eq(entry->value.ptr == NULL, row->tombstone);
        cr_assert(span_equal(entry->value, model_value(row)));
        memtable_put(fresh, model_key(i), model_value(row), 0);
    }
    cr_assert_eq(memtable_count(memtable), memtable_count(fresh));
    cr_assert_eq(memtable_bytes(memtable), memtable_bytes(fresh));
    const memtable_entry_t *a = memtable_seek(memtable, span_of("", 0)), *b = memtable_seek(fresh, span_of("", 0));
    for (; a != NULL && b != NULL; a = memtable_next(memtable, a), b = memtable_next(fresh, b))
        cr_assert(span_equal(a->key, b->key));
    cr_assert(a == NULL && b == NULL);
    memtable_destroy(&fresh);
}

Test(memtable, random_writes_rollbacks_and_forgetting_agree_with_a_naive_array) {
    random_state_t random = random_start("memtable");
    static model_t model;
    model.batch = 1;
    for (int step = 0; step < MODEL_STEPS; step++) {
        model_step(&model, &random);
        memtable_check(memtable);
        model_compare(&model);
    }
}
