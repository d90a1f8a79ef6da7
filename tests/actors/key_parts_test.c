/* SPDX-License-Identifier: MIT */
#include "actors/key_parts.h"

#include <criterion/criterion.h>

#include "tests/storage/random.h"

static const uint8_t session[SESSION_BYTES] = {0, 1, 2, 0xff}, folder[FOLDER_ID_BYTES] = {9, 0, 8};

static key_parts_t read_key(const store_key_t *key) {
    key_parts_t parts;
    cr_assert(key_parts_read(&parts, store_key_span(key)));
    cr_assert_eq(parts.partition, 7);
    return parts;
}

static void assert_text(span_t span, const char *text) {
    cr_assert(span.ptr != NULL && span_equal(span, span_text(text)), "%.*s", (int)span.len, span.ptr);
}

static void assert_actor(const key_parts_t *parts) {
    assert_text(parts->kind, "user");
    assert_text(parts->key, "mina");
}

static const span_t user = {(const uint8_t *)"user", 4}, mina = {(const uint8_t *)"mina", 4};

static void assert_none(const void *bytes, size_t len) {
    key_parts_t parts;
    cr_assert_not(key_parts_read(&parts, span_of(bytes, len)), "%.*s", (int)len, (const char *)bytes);
}

Test(key_parts, what_is_no_key_is_refused) {
    assert_none("", 0);
    assert_none("\x07", 1);
    assert_none("\x07h", 2);
    assert_none("\x07zuser\0mina", 11);
    assert_none("\x07huser", 6);
    assert_none("\x07huser\0", 7);
    assert_none("\x07hUser\0mina", 11);
    assert_none("\x07h\0mina", 7);
    assert_none("\x07huser\0mi na", 12);
    assert_none("\x07huser\0mi\0na", 12);
    assert_none("\x07suser\0mina", 11);
    assert_none("\x07suser\0mina\0", 12);
    assert_none("\x07iuser\0name\0mina", 16);
    assert_none("\x07tuser\0mina", 11);
    assert_none("\x07nuser\0mina\0", 12);
    assert_none("\x07nuser\0mina\0\0tag", 16);
}

Test(key_parts, what_is_longer_than_any_key_is_refused) {
    uint8_t bytes[STORE_KEY_BYTES_MAX + 1];
    memset(bytes, 'k', sizeof bytes);
    memcpy(bytes, "\x07suser\0mina", 12);
    assert_none(bytes, sizeof bytes);
    bytes[1] = 'h';
    assert_none(bytes, 7 + KEY_BYTES_MAX + 1);
}

Test(key_parts, keys_of_numbers_have_exactly_their_length) {
    store_key_t keys[6];
    store_key_answer(&keys[0], 7, session, 5);
    store_key_outbox(&keys[1], 7, user, 0, 5);
    store_key_acknowledged(&keys[2], 7, user, 0);
    store_key_consumed(&keys[3], 7, user, folder, 0);
    store_key_dead_letter(&keys[4], 7, 1000, 5);
    store_key_idempotency(&keys[5], 7, user, mina, session);
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        (void)read_key(&keys[i]);
        assert_none(keys[i].bytes, keys[i].len - 1);
        keys[i].bytes[keys[i].len] = 0;
        assert_none(keys[i].bytes, keys[i].len + 1);
    }
}

Test(key_parts, keys_of_actors_are_taken_apart) {
    store_key_t key;
    store_key_head(&key, 7, user, mina);
    key_parts_t parts = read_key(&key);
    cr_assert_eq(parts.class, CLASS_HEAD);
    assert_actor(&parts);
    store_key_sub(&key, 7, user, mina, span_of("\0\xff", 2));
    parts = read_key(&key);
    cr_assert_eq(parts.class, CLASS_SUB);
    assert_actor(&parts);
    cr_assert(span_equal(parts.subkey, span_of("\0\xff", 2)));
    store_key_idempotency(&key, 7, user, mina, session);
    parts = read_key(&key);
    cr_assert_eq(parts.class, CLASS_IDEMPOTENCY);
    assert_actor(&parts);
    cr_assert(span_equal(parts.hash, span_of(session, IDEMPOTENCY_BYTES)));
    store_key_index(&key, 7, user, span_text("name"), span_text(""), mina);
    parts = read_key(&key);
    cr_assert_eq(parts.class, CLASS_INDEX);
    assert_actor(&parts);
    assert_text(parts.field, "name");
    assert_text(parts.value, "");
}

Test(key_parts, keys_of_timers_are_taken_apart) {
    store_key_t key;
    store_key_timer(&key, 7, 0x0102030405060708, user, mina, span_text("expire"), span_of("\0tag", 4));
    key_parts_t parts = read_key(&key);
    cr_assert(parts.class == CLASS_TIMER && parts.when_ms == 0x0102030405060708);
    assert_actor(&parts);
    assert_text(parts.method, "expire");
    cr_assert(span_equal(parts.tag, span_of("\0tag", 4)));
    store_key_timer_name(&key, 7, user, mina, span_text("expire"), (span_t){0});
    parts = read_key(&key);
    cr_assert(parts.class == CLASS_TIMER_NAME && parts.tag.len == 0);
    assert_actor(&parts);
    assert_text(parts.method, "expire");
}

Test(key_parts, keys_of_streams_and_clients_are_taken_apart) {
    store_key_t key;
    store_key_outbox(&key, 7, user, 0xfe, UINT64_MAX - 1);
    key_parts_t parts = read_key(&key);
    cr_assert(parts.class == CLASS_OUTBOX && parts.to == 0xfe && parts.number == UINT64_MAX - 1);
    assert_text(parts.kind, "user");
    cr_assert_null(parts.key.ptr);
    store_key_acknowledged(&key, 7, user, 0xfe);
    parts = read_key(&key);
    cr_assert(parts.class == CLASS_ACKNOWLEDGED && parts.to == 0xfe);
    store_key_consumed(&key, 7, user, folder, 0xfd);
    parts = read_key(&key);
    cr_assert(parts.class == CLASS_CONSUMED && parts.from == 0xfd);
    cr_assert(span_equal(parts.folder, span_of(folder, sizeof folder)));
    store_key_answer(&key, 7, session, 5);
    parts = read_key(&key);
    cr_assert(parts.class == CLASS_ANSWER && parts.number == 5);
    cr_assert(span_equal(parts.session, span_of(session, sizeof session)));
    store_key_dead_letter(&key, 7, 1000, 0xffffffff);
    parts = read_key(&key);
    cr_assert(parts.class == CLASS_DEAD_LETTER && parts.when_ms == 1000 && parts.number == 0xffffffff);
}

Test(key_parts, any_bytes_are_read_or_refused_and_nothing_else) {
    random_state_t random = random_start("key_parts, any_bytes_are_read_or_refused_and_nothing_else");
    static const char alphabet[] = "acdhiknorst\0\0\0\0user-Z.\xff\x01";
    uint32_t read = 0;
    for (int i = 0; i < 200000; i++) {
        size_t len = random_below(&random, 60);
        uint8_t *bytes = malloc(len + 1); /* so that a byte too far is noticed */
        key_parts_t parts;
        for (size_t at = 0; at < len; at++) {
            bytes[at] = (uint8_t)alphabet[random_below(&random, sizeof alphabet)];
        }
        read += key_parts_read(&parts, span_of(bytes, len));
        free(bytes);
    }
    cr_assert_gt(read, 0);
}
