/* SPDX-License-Identifier: MIT */
#include "actors/activation.h"

#include <criterion/criterion.h>

#include "schemas/records.h"
#include "tests/storage/random.h"

enum { ACTORS_MAX = 3 };

static activations_t *activations;
static token_t tokens[256];
static tape_t tape = {.tokens = tokens, .capacity = 256};

static void setup(void) {
    activations = activations_new(ACTORS_MAX);
}

static void teardown(void) {
    activations_destroy(&activations);
    cr_assert_null(activations);
    activations_destroy(&activations);
}

TestSuite(activation, .init = setup, .fini = teardown);

static span_t user_bytes(const char *name) {
    static uint8_t bytes[512];
    pack_t pack = pack_into(bytes, sizeof bytes);
    user_t user = {0};
    FIELD_SET(user, &user, email, span_text("mina@example.org"));
    FIELD_SET(user, &user, name, span_text(name));
    FIELD_SET(user, &user, status, user_status_ACTIVE);
    FIELD_SET(user, &user, created_at, 1);
    FIELD_SET(user, &user, updated_at, 2);
    record_encode(&record_user, &user, &pack);
    return pack_bytes(&pack);
}

static const activation_t *set(const char *key, const char *name, uint64_t now_us) {
    const activation_t *activation = NULL;
    status_t status =
        activations_set(activations, span_text(key), &record_user, 4, user_bytes(name), &tape, now_us, &activation);
    cr_assert_eq(status, STATUS_OK);
    return activation;
}

static const char *name_of(const char *key) {
    static char text[101];
    const activation_t *activation = activations_find(activations, span_text(key), 0);
    if (activation == NULL) {
        return NULL;
    }
    const user_t *user = activation->state;
    snprintf(text, sizeof text, "%.*s", (int)user->name.len, user->name.ptr);
    return text;
}

static span_t user_of_no_status(void) {
    span_t bytes = user_bytes("Mina");
    uint8_t *status = memmem(bytes.ptr, bytes.len, "ACTIVE", 6);
    status[0] = 'X';
    return bytes;
}

static void assert_refused(const char *key, span_t body) {
    const activation_t *activation = NULL;
    uint32_t count = activations_count(activations);
    cr_assert_eq(activations_set(activations, span_text(key), &record_user, 9, body, &tape, 99, &activation),
                 STATUS_INTERNAL);
    cr_assert_null(activation);
    cr_assert_eq(activations_count(activations), count);
}

Test(activation, a_body_that_does_not_fit_changes_nothing) {
    set("a", "Mina", 1);
    set("b", "Noor", 2);
    assert_refused("a", span_text(""));
    assert_refused("a", span_text("\x80")); /* an empty map: required fields are missing */
    assert_refused("a", span_text("\xc1")); /* no msgpack */
    assert_refused("a", span_text("\x90")); /* no map */
    assert_refused("new", user_of_no_status());
    span_t cut = user_bytes("Mina");
    assert_refused("a", span_of(cut.ptr, cut.len - 1));
    cr_assert_str_eq(name_of("a"), "Mina");
    cr_assert_eq(activations_find(activations, span_text("a"), 3)->version, 4);
    cr_assert_null(name_of("new"));
}

Test(activation, a_refused_one_pushes_nobody_out) {
    set("a", "A", 1);
    set("b", "B", 2);
    set("c", "C", 3);
    assert_refused("d", span_text("\x80"));
    cr_assert(name_of("a") && name_of("b") && name_of("c"));
}

Test(activation, never_more_than_the_maximum_are_in_memory) {
    char key[16];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "%d", i);
        set(key, "Mina", (uint64_t)i);
        cr_assert_leq(activations_count(activations), ACTORS_MAX);
    }
    cr_assert_null(name_of("96"));
    cr_assert(name_of("97") && name_of("98") && name_of("99"));
}

Test(activation, the_one_unused_for_longest_leaves_for_a_new_one) {
    set("a", "A", 1);
    set("b", "B", 2);
    set("c", "C", 3);
    cr_assert_not_null(activations_find(activations, span_text("a"), 4));
    set("d", "D", 5);
    cr_assert_null(name_of("b"));
    cr_assert(name_of("a") && name_of("c") && name_of("d"));
}

Test(activation, a_replaced_one_pushes_nobody_out) {
    set("a", "A", 1);
    set("b", "B", 2);
    set("c", "C", 3);
    set("a", "A2", 4);
    cr_assert_eq(activations_count(activations), 3);
    cr_assert_str_eq(name_of("a"), "A2");
    cr_assert(name_of("b") && name_of("c"));
}

Test(activation, what_was_just_used_never_expires) {
    set("a", "A", 10);
    set("b", "B", 20);
    activations_find(activations, span_text("a"), 30);
    cr_assert_eq(activations_expire(activations, 25, 10), 1);
    cr_assert_null(name_of("b"));
    cr_assert_not_null(name_of("a"));
}

Test(activation, expiry_takes_no_more_than_asked) {
    set("a", "A", 1);
    set("b", "B", 2);
    set("c", "C", 3);
    cr_assert_eq(activations_expire(activations, 100, 2), 2);
    cr_assert_eq(activations_count(activations), 1);
    cr_assert_not_null(name_of("c"));
    cr_assert_eq(activations_expire(activations, 100, 2), 1);
    cr_assert_eq(activations_expire(activations, 100, 2), 0);
}

Test(activation, an_unknown_key_is_not_there) {
    cr_assert_null(activations_find(activations, span_text("a"), 1));
    set("a", "A", 1);
    cr_assert_null(activations_find(activations, span_text("aa"), 1));
    cr_assert_null(activations_find(activations, span_text(""), 1));
}

Test(activation, the_state_is_a_copy) {
    uint8_t bytes[512];
    const activation_t *activation;
    span_t body = user_bytes("Mina");
    memcpy(bytes, body.ptr, body.len);
    cr_assert_eq(
        activations_set(activations, span_text("a"), &record_user, 7, span_of(bytes, body.len), &tape, 1, &activation),
        STATUS_OK);
    memset(bytes, 'x', sizeof bytes);
    const user_t *user = activation->state;
    cr_assert(span_equal(user->name, span_text("Mina")));
    cr_assert(span_equal(activation->body, body));
    cr_assert_eq(activation->version, 7);
}

Test(activation, fields_that_a_newer_release_wrote_are_skipped) {
    uint8_t bytes[512];
    const activation_t *activation;
    span_t body = user_bytes("Mina");
    pack_t pack = pack_into(bytes, sizeof bytes);
    pack_map(&pack, 6);
    pack_raw(&pack, span_of(body.ptr + 1, body.len - 1));
    pack_cstring(&pack, "of_tomorrow");
    pack_array(&pack, 0);
    cr_assert_eq(body.ptr[0], 0x85, "a map of five");
    cr_assert_eq(
        activations_set(activations, span_text("a"), &record_user, 1, pack_bytes(&pack), &tape, 1, &activation),
        STATUS_OK);
    cr_assert_str_eq(name_of("a"), "Mina");
}

/* A list of keys, the one unused for longest first, is all that the table is. */
typedef struct model {
    int keys[ACTORS_MAX];
    uint64_t used_us[ACTORS_MAX];
    int count;
} model_t;

static int model_index(const model_t *model, int key) {
    for (int i = 0; i < model->count; i++) {
        if (model->keys[i] == key) {
            return i;
        }
    }
    return -1;
}

static void model_remove(model_t *model, int index) {
    model->count--;
    for (int i = index; i < model->count; i++) {
        model->keys[i] = model->keys[i + 1];
        model->used_us[i] = model->used_us[i + 1];
    }
}

static void model_use(model_t *model, int key, uint64_t now_us) {
    int index = model_index(model, key);
    if (index >= 0) {
        model_remove(model, index);
    } else if (model->count == ACTORS_MAX) {
        model_remove(model, 0);
    }
    model->keys[model->count] = key;
    model->used_us[model->count++] = now_us;
}

static void assert_found_as_in(model_t *model, int key, uint64_t now_us) {
    char text[16];
    snprintf(text, sizeof text, "%d", key);
    bool found = activations_find(activations, span_text(text), now_us) != NULL;
    cr_assert_eq(found, model_index(model, key) >= 0, "key %d", key);
    if (found) {
        model_use(model, key, now_us);
    }
}

static void expire_as_in(model_t *model, uint64_t since_us) {
    uint32_t gone = 0;
    while (model->count > 0 && model->used_us[0] < since_us) {
        model_remove(model, 0);
        gone++;
    }
    cr_assert_eq(activations_expire(activations, since_us, UINT32_MAX), gone);
}

Test(activation, behaves_like_a_list) {
    random_state_t random = random_start("activation, behaves_like_a_list");
    model_t model = {.count = 0};
    char text[16];
    for (uint64_t now_us = 1; now_us < 20000; now_us++) {
        int key = (int)random_below(&random, 6);
        switch (random_below(&random, 8)) {
        case 0:
            expire_as_in(&model, now_us - random_below(&random, 8));
            break;
        case 1:
        case 2:
            snprintf(text, sizeof text, "%d", key);
            set(text, "Mina", now_us);
            model_use(&model, key, now_us);
            break;
        default:
            assert_found_as_in(&model, key, now_us);
        }
        cr_assert_eq(activations_count(activations), (uint32_t)model.count);
    }
}
