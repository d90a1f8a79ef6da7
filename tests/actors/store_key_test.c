/* SPDX-License-Identifier: MIT */
#include "actors/store_key.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "tests/schemas/hex.h"
#include "tests/storage/random.h"

static const uint8_t session[SESSION_BYTES] = {0x01, 0x9b, 0x76, 0xda, 0xa8, 0x00, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};

static void assert_bytes(const store_key_t *key, const char *expected) {
    uint8_t bytes[STORE_KEY_BYTES_MAX];
    char text[2 * STORE_KEY_BYTES_MAX + 1];
    cr_assert(span_equal(store_key_span(key), hex_bytes(expected, bytes)), "%s", hex_text(store_key_span(key), text));
}

static span_t repeated(char byte, size_t len) {
    static uint8_t bytes[512];
    memset(bytes, byte, len);
    return span_of(bytes, len);
}

Test(store_key, what_does_not_fit_stops_the_program, .signal = SIGABRT) {
    store_key_t key;
    store_key_sub(&key, 0, repeated('k', KIND_BYTES_MAX), repeated('k', KEY_BYTES_MAX),
                  repeated('k', SUBKEY_BYTES_MAX + 1));
}

Test(store_key, nothing_is_behind_a_prefix_of_only_the_last_byte, .signal = SIGABRT) {
    store_key_t last = {.len = 2, .bytes = {0xff, 0xff}}, after;
    store_key_after(&after, &last);
}

Test(store_key, a_head_without_its_nul_stops_the_program, .signal = SIGABRT) {
    store_key_actor_key(span_text("\x01huser"));
}

Test(store_key, an_answer_key_of_another_length_stops_the_program, .signal = SIGABRT) {
    store_key_answer_id(span_text("\x01r"));
}

Test(store_key, a_head_has_golden_bytes) {
    store_key_t key;
    store_key_head(&key, 0xab, span_text("user"), span_text("mina"));
    assert_bytes(&key, "ab 68 75736572 00 6d696e61");
}

Test(store_key, a_subkey_has_golden_bytes) {
    store_key_t key;
    store_key_sub(&key, 0, span_text("user"), span_text("mina"), span_of("\x00\xff", 2));
    assert_bytes(&key, "00 73 75736572 00 6d696e61 00 00ff");
}

Test(store_key, an_answer_has_golden_bytes) {
    store_key_t key;
    store_key_answer(&key, 0xff, session, 0x0102030405060708);
    assert_bytes(&key, "ff 72 00 019b76daa8000000 0102030405060708 0102030405060708");
}

Test(store_key, an_answer_of_an_idempotency_key_has_golden_bytes) {
    store_key_t key;
    store_key_idempotency(&key, 1, span_text("user"), span_text("mina"), session);
    assert_bytes(&key, "01 6b 75736572 00 6d696e61 00 019b76daa8000000 0102030405060708");
}

Test(store_key, the_longest_key_fits) {
    store_key_t key;
    store_key_sub(&key, 255, repeated('k', KIND_BYTES_MAX), repeated('k', KEY_BYTES_MAX),
                  repeated('k', SUBKEY_BYTES_MAX));
    cr_assert_eq(key.len, STORE_KEY_BYTES_MAX);
}

static bool begins_with(const store_key_t *key, const store_key_t *prefix) {
    return key->len >= prefix->len && memcmp(key->bytes, prefix->bytes, prefix->len) == 0;
}

Test(store_key, keys_of_one_actor_never_run_into_those_of_another) {
    static const char *const others[][2] = {
        {"user", "a"}, {"user", "aa"}, {"user", "a-"}, {"user-a", "a"}, {"use", "r"}};
    store_key_t own, other;
    store_key_sub(&own, 9, span_text("user"), span_text("a"), (span_t){0});
    for (size_t i = 1; i < ARRAY_LENGTH(others); i++) {
        store_key_sub(&other, 9, span_text(others[i][0]), span_text(others[i][1]), span_text("x"));
        cr_assert_not(begins_with(&other, &own), "%s/%s", others[i][0], others[i][1]);
    }
    store_key_head(&other, 9, span_text("user"), span_text("a"));
    cr_assert_not(begins_with(&other, &own));
}

Test(store_key, answers_stand_in_the_order_of_their_ids) {
    random_state_t random = random_start("store_key, answers_stand_in_the_order_of_their_ids");
    for (int i = 0; i < 10000; i++) {
        uint64_t a = random_next(&random) >> random_below(&random, 64),
                 b = random_next(&random) >> random_below(&random, 64);
        store_key_t key_a, key_b;
        store_key_answer(&key_a, 1, session, a);
        store_key_answer(&key_b, 1, session, b);
        int order = span_compare(store_key_span(&key_a), store_key_span(&key_b));
        cr_assert_eq(order < 0, a < b);
        cr_assert_eq(order == 0, a == b);
        cr_assert_eq(store_key_answer_id(store_key_span(&key_a)), a);
    }
}

Test(store_key, after_is_the_first_key_behind_a_prefix) {
    store_key_t prefix, after;
    store_key_head(&prefix, 3, span_text("user"), (span_t){0});
    store_key_after(&after, &prefix);
    assert_bytes(&after, "03 68 75736572 01");
    store_key_answer(&prefix, 3, session, UINT64_MAX);
    store_key_after(&after, &prefix);
    assert_bytes(&after, "03 72 00 019b76daa8000000 0102030405060709");
}

Test(store_key, after_may_replace_its_prefix) {
    store_key_t key = {.len = 3, .bytes = {1, 2, 0xff}};
    store_key_after(&key, &key);
    assert_bytes(&key, "01 03");
}

Test(store_key, parts_are_read_back) {
    store_key_t key;
    store_key_head(&key, 0, span_text("user"), span_text("mina@home"));
    cr_assert(span_equal(store_key_actor_key(store_key_span(&key)), span_text("mina@home")));
    store_key_answer(&key, 0, session, 77);
    cr_assert_eq(store_key_answer_id(store_key_span(&key)), 77);
    cr_assert_eq(store_key_answer_issued_ms(store_key_span(&key)), UINT64_C(0x019b76daa800));
}
