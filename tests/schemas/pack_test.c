/* SPDX-License-Identifier: MIT */
#include "schemas/pack.h"

#include <criterion/criterion.h>

#include "tests/schemas/hex.h"

#define ASSERT_PACKED(pack, hex)                                                                                       \
    do {                                                                                                               \
        char text_[256];                                                                                               \
        cr_assert(pack_ok(pack));                                                                                      \
        cr_assert_str_eq(hex_text(pack_bytes(pack), text_), hex);                                                      \
        (pack)->len = 0;                                                                                               \
    } while (0)

Test(pack, what_does_not_fit_is_not_written_and_nothing_after_it) {
    uint8_t room[8];
    memset(room, 0xee, sizeof room);
    pack_t pack = pack_into(room, 4);
    pack_u64(&pack, 1);
    pack_text(&pack, span_text("four"));
    cr_assert_not(pack_ok(&pack));
    size_t len = pack.len;
    pack_nil(&pack);
    cr_assert_eq(pack.len, len, "stays failed");
    for (size_t i = 4; i < sizeof room; i++) {
        cr_assert_eq(room[i], 0xee, "byte %zu", i);
    }
}

Test(pack, a_pack_without_room_fails_at_the_first_byte) {
    pack_t pack = pack_into(NULL, 0);
    cr_assert(pack_ok(&pack));
    pack_nil(&pack);
    cr_assert_not(pack_ok(&pack));
    cr_assert_eq(pack.len, 0);
}

Test(pack, integers_take_their_shortest_form) {
    uint8_t room[64];
    pack_t pack = pack_into(room, sizeof room);
    static const struct {
        uint64_t value;
        const char *hex;
    } rows[] = {
        {0, "00"},
        {127, "7f"},
        {128, "cc80"},
        {255, "ccff"},
        {256, "cd0100"},
        {65535, "cdffff"},
        {65536, "ce00010000"},
        {UINT32_MAX, "ceffffffff"},
        {UINT64_C(1) << 32, "cf0000000100000000"},
        {UINT64_MAX, "cfffffffffffffffff"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        pack_u64(&pack, rows[i].value);
        ASSERT_PACKED(&pack, rows[i].hex);
        if (rows[i].value <= INT64_MAX) {
            pack_i64(&pack, (int64_t)rows[i].value);
            ASSERT_PACKED(&pack, rows[i].hex);
        }
    }
    pack_i64(&pack, -1);
    pack_i64(&pack, -32);
    pack_i64(&pack, -33);
    pack_i64(&pack, INT64_MIN);
    ASSERT_PACKED(&pack, "ffe0d0dfd38000000000000000");
}

Test(pack, values_have_their_bytes) {
    uint8_t room[64];
    pack_t pack = pack_into(room, sizeof room);
    pack_map(&pack, 2);
    pack_cstring(&pack, "a");
    pack_array(&pack, 4);
    pack_nil(&pack);
    pack_bool(&pack, true);
    pack_bool(&pack, false);
    pack_f64(&pack, 1.5);
    pack_cstring(&pack, "b");
    pack_raw(&pack, span_of("\x01", 1));
    ASSERT_PACKED(&pack, "82a16194c0c3c2cb3ff8000000000000a16201");
}

Test(pack, an_absent_span_is_nil_and_an_empty_one_is_not) {
    uint8_t room[64];
    pack_t pack = pack_into(room, sizeof room);
    pack_text(&pack, (span_t){0});
    pack_binary(&pack, (span_t){0});
    pack_text(&pack, span_text(""));
    pack_binary(&pack, span_of("", 0));
    pack_binary(&pack, span_of("\xff", 1));
    ASSERT_PACKED(&pack, "c0c0a0c400c401ff");
}
