/* SPDX-License-Identifier: MIT */
#include "schemas/address.h"

#include <criterion/criterion.h>

static span_t repeat(char c, size_t len) {
    static char bytes[4096];
    memset(bytes, c, len);
    return span_of(bytes, len);
}

Test(address, a_kind_out_of_form_is_refused) {
    static const char *const kinds[] = {"",      "User",        "1user", "-user", "us er",
                                        "user_", "us\xc3\xa9r", "user/", "us.er"};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        cr_assert_not(address_kind_valid(span_text(kinds[i])), "%s", kinds[i]);
    }
    cr_assert_not(address_kind_valid((span_t){0}));
    cr_assert_not(address_kind_valid(repeat('a', KIND_BYTES_MAX + 1)));
    cr_assert_not(address_kind_valid(span_of("a\0b", 3)));
}

Test(address, a_key_out_of_form_is_refused) {
    static const char *const keys[] = {"", "a b", "a/b", "a%20", "\xed\x82\xa4", "a\n", "a:b", "a~", "a,b", "a*"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        cr_assert_not(address_key_valid(span_text(keys[i])), "%s", keys[i]);
    }
    cr_assert_not(address_key_valid((span_t){0}));
    cr_assert_not(address_key_valid(repeat('k', KEY_BYTES_MAX + 1)));
    cr_assert_not(address_key_valid(span_of("a\0", 2)));
}

Test(address, what_is_in_form_is_taken) {
    cr_assert(address_kind_valid(span_text("a")));
    cr_assert(address_kind_valid(span_text("dead-letter2")));
    cr_assert(address_kind_valid(repeat('a', KIND_BYTES_MAX)));
    cr_assert(address_key_valid(span_text("A.z_0@b+c-9")));
    cr_assert(address_key_valid(span_text("..")));
    cr_assert(address_key_valid(repeat('k', KEY_BYTES_MAX)));
}

Test(address, a_text_without_two_valid_sides_is_refused_and_nothing_is_written) {
    static const char *const texts[] = {"", "/", "user", "user/", "/key", "user/a/b", "User/a", "user//a", " user/a"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        address_t address = {.kind = span_text("untouched")};
        cr_assert_eq(address_parse(span_text(texts[i]), &address), STATUS_INVALID_ADDRESS, "%s", texts[i]);
        cr_assert(span_equal(address.kind, span_text("untouched")));
    }
    address_t address;
    cr_assert_eq(address_parse((span_t){0}, &address), STATUS_INVALID_ADDRESS);
}

Test(address, a_text_is_split_at_the_slash) {
    address_t address;
    cr_assert_eq(address_parse(span_text("user/a@b.c"), &address), STATUS_OK);
    cr_assert(span_equal(address.kind, span_text("user")));
    cr_assert(span_equal(address.key, span_text("a@b.c")));
}

/* On disk: another value here means that every folder in the world has lost its actors. */
Test(address, the_partition_of_an_address_never_changes) {
    static const struct {
        const char *kind, *key;
        uint8_t partition;
    } rows[] = {
        {"user", "u1", 66}, {"user", "0190a5c2-7b1e-7c3d-8e4f-5a6b7c8d9e0f", 60},
        {"echo", "", 128},  {"room", "general", 206},
        {"a", "b", 81},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_expect_eq(address_partition(span_text(rows[i].kind), span_text(rows[i].key)), rows[i].partition, "%s/%s: %u",
                     rows[i].kind, rows[i].key, address_partition(span_text(rows[i].kind), span_text(rows[i].key)));
    }
}

Test(address, kind_and_key_do_not_run_together) {
    cr_assert_neq(address_partition(span_text("ab"), span_text("c")),
                  address_partition(span_text("a"), span_text("bc")));
}

Test(address, partitions_are_used_evenly) {
    uint32_t counts[PARTITIONS] = {0};
    for (int i = 0; i < 256 * 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        counts[address_partition(span_text("user"), span_text(key))]++;
    }
    for (int i = 0; i < PARTITIONS; i++) {
        cr_assert(counts[i] > 40 && counts[i] < 180, "partition %d has %u of 100", i, counts[i]);
    }
}

static void assert_uuid(const char text[UUID_TEXT_BYTES], const char *expected) {
    cr_assert_eq(strlen(expected), UUID_TEXT_BYTES);
    cr_assert(memcmp(text, expected, UUID_TEXT_BYTES) == 0, "%.36s", text);
}

/* The example of RFC 9562, appendix A.6. */
Test(uuid, version_7_is_that_of_the_rfc) {
    char text[UUID_TEXT_BYTES];
    static const uint8_t random[10] = {0xcc, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    uuid_v7(UINT64_C(0x017F22E279B0), random, text);
    assert_uuid(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

Test(uuid, version_8_keeps_all_but_six_bits_of_the_hash) {
    char text[UUID_TEXT_BYTES];
    uint8_t hash[16];
    memset(hash, 0xff, sizeof hash);
    uuid_v8(hash, text);
    assert_uuid(text, "ffffffff-ffff-8fff-bfff-ffffffffffff");
    cr_assert_eq(hash[6], 0xff, "the caller's hash is untouched");
    cr_assert(address_key_valid(span_of(text, sizeof text)));
}

Test(uuid, later_ones_of_version_7_sort_later) {
    char a[UUID_TEXT_BYTES], b[UUID_TEXT_BYTES];
    static const uint8_t high[10] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    static const uint8_t low[10] = {0};
    uuid_v7(1700000000000, high, a);
    uuid_v7(1700000000001, low, b);
    cr_assert_lt(memcmp(a, b, sizeof a), 0);
}
