/* SPDX-License-Identifier: MIT */
#include "tools/inspector/rows.h"

#include <criterion/criterion.h>

#include "schemas/pack.h"

static rows_t page;

/* Adds the answer of a shard whose keys are the letters given. */
static status_t answer(const char *letters, bool more) {
    uint8_t bytes[65536];
    pack_t pack = pack_into(bytes, sizeof bytes);
    pack_map(&pack, 4);
    pack_cstring(&pack, "shard");
    pack_u64(&pack, 0);
    pack_cstring(&pack, "shards");
    pack_u64(&pack, 2);
    pack_cstring(&pack, "items");
    pack_array(&pack, strlen(letters));
    for (; *letters != '\0'; letters++) {
        pack_map(&pack, 3);
        pack_cstring(&pack, "key");
        pack_text(&pack, span_of(letters, 1));
        pack_cstring(&pack, "version");
        pack_u64(&pack, 7);
        pack_cstring(&pack, "bytes");
        pack_u64(&pack, (uint64_t)*letters);
    }
    pack_cstring(&pack, "more");
    pack_bool(&pack, more);
    cr_assert(pack_ok(&pack));
    return rows_add(&page, pack_bytes(&pack));
}

static void assert_shown(const char *letters) {
    cr_assert_eq(rows_finish(&page), strlen(letters));
    for (size_t i = 0; letters[i] != '\0'; i++) {
        cr_assert_eq(page.items[i].key[0], letters[i]);
        cr_assert_eq(page.items[i].version, 7);
        cr_assert_eq(page.items[i].bytes, (uint64_t)letters[i]);
    }
}

static void setup(void) {
    rows_init(&page);
}
static void teardown(void) {
    rows_fini(&page);
}

TestSuite(rows, .init = setup, .fini = teardown);

Test(rows, what_a_shard_may_still_send_before_a_row_holds_it_back) {
    cr_assert_eq(answer("adf", true), STATUS_OK);
    cr_assert_eq(answer("beg", false), STATUS_OK);
    assert_shown("abdef");
}

Test(rows, the_slowest_of_several_shards_decides) {
    cr_assert_eq(answer("xy", true), STATUS_OK);
    cr_assert_eq(answer("c", true), STATUS_OK);
    cr_assert_eq(answer("abdz", false), STATUS_OK);
    cr_assert_eq(answer("e", true), STATUS_OK);
    assert_shown("abc");
    cr_assert(page.more);
}

Test(rows, without_more_everything_is_shown_in_order) {
    cr_assert_eq(answer("bd", false), STATUS_OK);
    cr_assert_eq(answer("", false), STATUS_OK);
    cr_assert_eq(answer("ac", false), STATUS_OK);
    assert_shown("abcd");
    cr_assert_not(page.more);
}

Test(rows, a_page_that_was_emptied_remembers_nothing) {
    cr_assert_eq(answer("a", true), STATUS_OK);
    rows_reset(&page);
    cr_assert_eq(answer("xz", false), STATUS_OK);
    assert_shown("xz");
}

Test(rows, none_is_an_empty_page) {
    cr_assert_eq(answer("", false), STATUS_OK);
    assert_shown("");
}

Test(rows, more_without_a_row_would_never_end_and_is_refused) {
    cr_assert_eq(answer("", true), STATUS_INVALID);
}

Test(rows, an_answer_that_is_none_leaves_the_page_as_it_is) {
    cr_assert_eq(answer("ab", false), STATUS_OK);
    cr_assert_eq(rows_add(&page, span_of("\xc1", 1)), STATUS_INVALID);
    cr_assert_eq(rows_add(&page, span_of("\x80", 1)), STATUS_INVALID);
    assert_shown("ab");
}

Test(rows, a_row_without_its_key_spoils_its_whole_answer) {
    /* {shard: 0, shards: 1, items: [{key: "a", version: 1, bytes: 2}, {}], more: false} */
    static const char body[] = "\x84\xa5shard\x00\xa6shards\x01\xa5items\x92\x83\xa3key\xa1"
                               "a\xa7version\x01\xa5"
                               "bytes\x02\x80\xa4more\xc2";
    cr_assert_eq(rows_add(&page, span_of(body, sizeof body - 1)), STATUS_INVALID);
    assert_shown("");
}
