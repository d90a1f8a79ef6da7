/* SPDX-License-Identifier: MIT */
#include "tools/bridge/idempotency_key.h"

#include <criterion/criterion.h>

static char key[IDEMPOTENCY_KEY_BYTES];

Test(idempotency_key, what_is_empty_or_unprintable_or_does_not_end_is_none) {
    static const char *const headers[] = {"",          "\"\"", "\"abc", "\"abc\"d", "\"a\\b\"",
                                          "\"abc\\\"", "a\tb", "a\x7f", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        cr_expect_not(idempotency_key_read(headers[i], key), "%s", headers[i]);
    }
}

Test(idempotency_key, what_is_too_long_is_none) {
    char header[IDEMPOTENCY_KEY_BYTES_MAX + 4] = "\"";
    memset(header + 1, 'k', IDEMPOTENCY_KEY_BYTES_MAX + 1);
    header[IDEMPOTENCY_KEY_BYTES_MAX + 2] = '"';
    cr_expect_not(idempotency_key_read(header, key));
    cr_expect_not(idempotency_key_read(header + 2, key) && strlen(key) > IDEMPOTENCY_KEY_BYTES_MAX);
    header[IDEMPOTENCY_KEY_BYTES_MAX + 1] = '"';
    header[IDEMPOTENCY_KEY_BYTES_MAX + 2] = 0;
    cr_expect(idempotency_key_read(header, key));
    cr_expect_eq(strlen(key), IDEMPOTENCY_KEY_BYTES_MAX);
}

Test(idempotency_key, quoted_and_bare_are_the_same) {
    cr_assert(idempotency_key_read("order 17/a", key));
    cr_expect_str_eq(key, "order 17/a");
    cr_assert(idempotency_key_read("\"order 17/a\"", key));
    cr_expect_str_eq(key, "order 17/a");
    cr_assert(idempotency_key_read("\"\\\"\\\\\"", key));
    cr_expect_str_eq(key, "\"\\");
}

Test(idempotency_key, what_can_be_guessed_is_known) {
    static const char *const guessable[] = {
        "1",
        "sign-up-of-mina",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "00000000-0000-0000-0000-000000000000",
        "0123456789abcdef0123456789abcd", /* 120 bits */
        "0123456789abcdef012345",         /* 22 digits, but hexadecimal */
        "a b c d e f g h i j k l m n o p",
    };
    for (size_t i = 0; i < sizeof guessable / sizeof guessable[0]; i++) {
        cr_expect_not(idempotency_key_unguessable(guessable[i]), "%s", guessable[i]);
    }
}

Test(idempotency_key, what_has_room_for_128_bits_is_good) {
    static const char *const good[] = {
        "5f0c2f0e-8a55-4c1b-9a5e-2b6f3d1c7e90",         "5f0c2f0e8a554c1b9a5e2b6f3d1c7e90",
        "018f3c2e-7b1a-7c3d-8e4f-5a6b7c8d9e0f",         "Xy3_kQ9-Zr8pLm2Nv7Bt5w",
        "sign-up 5f0c2f0e-8a55-4c1b-9a5e-2b6f3d1c7e90",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_expect(idempotency_key_unguessable(good[i]), "%s", good[i]);
    }
}
