/* SPDX-License-Identifier: MIT */
/*
 * Things change as turns change them, and now and then an index row is lost, made up or damaged, or a head record is. A
 * rebuild goes through the partitions meanwhile, slice by slice. Afterwards the rows are exactly those that the records
 * say, save for actors whose record is damaged: theirs are as they were.
 */
#include "tests/actors/verify_fixture.h"
#include "tests/storage/random.h"

enum { THINGS = 200, ROUNDS = 20 };

static const char *const names[] = {"", "mina", "mi", "yuna"};

typedef struct model {
    char key[24];
    bool there, damaged;
    thing_t thing;
    uint64_t version;
} model_t;

static view_fixture_t fixture;
static model_t models[THINGS];
static verify_result_t result;

static void open_view(void) {
    view_fixture_open(&fixture);
}

static void close_view(void) {
    view_fixture_close(&fixture);
}

static thing_t random_thing(random_state_t *random) {
    thing_t thing = thing_named(names[random_below(random, ARRAY_LENGTH(names))]);
    thing.colour = (uint32_t)random_below(random, 2);
    thing.present |= random_next(random) & (thing_bit(THING_OPEN) | thing_bit(THING_COUNT));
    thing.open = random_below(random, 2) == 0;
    thing.count = random_below(random, 3);
    thing.present |= random_next(random) & (thing_bit(THING_OWNER) | thing_bit(THING_CREATED_AT));
    thing.owner = span_text(names[random_below(random, ARRAY_LENGTH(names))]);
    thing.created_at = (thing.present & thing_bit(THING_CREATED_AT)) != 0 ? random_below(random, 3) : 0;
    return thing;
}

static void change(random_state_t *random) {
    model_t *model = &models[random_below(random, THINGS)];
    thing_t next = random_thing(random);
    bool ends = random_below(random, 4) == 0;
    if (model->damaged) { /* nothing runs on it */
        return;
    }
    thing_change(&fixture, model->key, model->there ? &model->thing : NULL, ends ? NULL : &next, ++model->version);
    model->there = !ends;
    model->thing = next;
}

static void spoil_row(random_state_t *random, const model_t *model) {
    store_key_t row;
    const char *name = names[random_below(random, ARRAY_LENGTH(names))];
    static const char *const fields[] = {"name", "note", "owner"};
    char value[INDEX_VALUE_BYTES_MAX + 1];
    const char *field = fields[random_below(random, ARRAY_LENGTH(fields))];
    bool timed = strcmp(field, "owner") == 0 && random_below(random, 4) > 0;
    snprintf(value, sizeof value, "%s~%016x", name, (unsigned)random_below(random, 3));
    value[timed ? strlen(value) : strlen(name)] = 0;
    store_key_index(&row, thing_partition(model->key), span_text("thing"), span_text(field), span_text(value),
                    span_text(model->key));
    switch (random_below(random, 3)) {
    case 0:
        writer_delete(&fixture.writer, store_key_span(&row));
        break;
    case 1:
        index_put(&fixture.writer, store_key_span(&row));
        break;
    default:
        writer_put(&fixture.writer, store_key_span(&row), span_text("rot"));
        break;
    }
}

static void spoil(random_state_t *random) {
    model_t *model = &models[random_below(random, THINGS)];
    store_key_t head;
    if (random_below(random, 10) > 0) {
        spoil_row(random, model);
    } else if (model->there) {
        thing_head_key(model->key, &head);
        writer_put(&fixture.writer, store_key_span(&head), span_text("rot"));
        model->damaged = true;
    }
}

static const model_t *model_of(span_t key) {
    for (int i = 0; i < THINGS; i++) {
        if (span_equal(key, span_text(models[i].key))) {
            return &models[i];
        }
    }
    return NULL;
}

/* Rows of actors with sound records, or of nobody. */
static uint32_t count_rows(void) {
    uint32_t count = 0;
    for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
        store_key_t from, to;
        span_t key, value;
        view_walk_t walk;
        store_key_class(&from, (uint8_t)partition, 'i');
        store_key_after(&to, &from);
        view_walk_start(&walk, &fixture.view, store_key_span(&from), store_key_span(&to));
        while (view_walk_next(&walk, &key, &value)) {
            const uint8_t *actor = (const uint8_t *)memrchr(key.ptr, 0, key.len) + 1;
            const model_t *model = model_of(span_of(actor, (size_t)(key.ptr + key.len - actor)));
            cell_t cell;
            if (model == NULL || !model->damaged) {
                count++;
                cr_assert(cell_open(&cell, key, value) && cell.body.len == 0);
            }
        }
    }
    return count;
}

static void assert_rows(void) {
    uint32_t wanted = 0;
    for (int i = 0; i < THINGS; i++) {
        index_keys_t keys;
        thing_keys(models[i].there && !models[i].damaged ? &models[i].thing : NULL, models[i].key, &keys);
        for (int row = 0; row < INDEXED_FIELDS_MAX; row++) {
            span_t value;
            if (keys.keys[row].len > 0) {
                wanted++;
                cr_assert_eq(view_get(&fixture.view, store_key_span(&keys.keys[row]), &value), STATUS_OK);
                cr_assert_not_null(value.ptr, "%s has no row %d", models[i].key, row);
            }
        }
    }
    cr_assert_eq(count_rows(), wanted);
}

static uint32_t damaged_heads(void) {
    uint32_t count = 0;
    for (int i = 0; i < THINGS; i++) {
        count += models[i].damaged;
    }
    return count;
}

/* Changes go on between the slices; damage does not, so that one round finds all. */
static void rebuild(random_state_t *random) {
    for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
        uint8_t cursor[LMDB_KEY_BYTES_MAX + 1];
        size_t bytes = 0;
        do {
            for (size_t i = random_below(random, 4); i > 0; i--) {
                change(random);
            }
            if (random_below(random, 50) == 0) {
                view_fixture_apply(&fixture);
            }
        } while (verify_one(&fixture, true, (uint8_t)partition, cursor, &bytes, &result));
    }
}

Test(verify_model, a_rebuild_makes_the_rows_what_the_records_say, .init = open_view, .fini = close_view) {
    random_state_t random = random_start("verify_model, a_rebuild_makes_the_rows_what_the_records_say");
    for (int i = 0; i < THINGS; i++) {
        snprintf(models[i].key, sizeof models[i].key, "k%d", i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 300; i++) {
            change(&random);
        }
        for (size_t i = random_below(&random, 60); i > 0; i--) {
            spoil(&random);
        }
        result = (verify_result_t){0};
        rebuild(&random);
        assert_rows();
        verify_all(&fixture, false, &result);
        cr_assert_eq(result.findings, damaged_heads(), "%s", result.text);
    }
}
