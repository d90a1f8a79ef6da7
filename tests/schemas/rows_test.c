/* SPDX-License-Identifier: MIT */
#include "schemas/rows.h"

#include <criterion/criterion.h>

#include "schemas/pack.h"

static rows_t page;

/* Adds the answer of a shard whose keys are the letters given. through NULL: the server is one of before, and does not
   say how far it came. */
static status_t answer_through(const char *letters, bool more, const char *through) {
    uint8_t bytes[65536];
    pack_t pack = pack_into(bytes, sizeof bytes);
    pack_map(&pack, through != NULL ? 5 : 4);
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
    if (through != NULL) {
        pack_cstring(&pack, "through");
        pack_cstring(&pack, through);
    }
    cr_assert(pack_ok(&pack));
    return rows_add(&page, pack_bytes(&pack));
}

static status_t answer(const char *letters, bool more) {
    return answer_through(letters, more, NULL);
}

static void assert_shown(const char *letters) {
    cr_assert_eq(rows_finish(&page), strlen(letters));
    for (size_t i = 0; letters[i] != '\0'; i++) {
        cr_assert_eq(page.items[i].place.key[0], letters[i]);
        cr_assert_eq(page.items[i].version, 7);
        cr_assert_eq(page.items[i].bytes, (uint64_t)letters[i]);
    }
}

static void setup(void) {
    rows_init(&page, false);
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

Test(rows, who_came_less_far_than_its_last_row_would_say_holds_others_back) {
    cr_assert_eq(answer_through("", true, "c"), STATUS_OK);
    cr_assert_eq(answer_through("ade", true, "x"), STATUS_OK);
    assert_shown("a");
    cr_assert(page.more);
    cr_assert_str_eq(page.last.key, "c");
}

Test(rows, who_came_further_than_its_last_row_lets_others_pass) {
    cr_assert_eq(answer_through("b", true, "m"), STATUS_OK);
    cr_assert_eq(answer("cn", false), STATUS_OK);
    assert_shown("bc");
    cr_assert_str_eq(page.last.key, "m");
}

Test(rows, a_place_that_is_no_key_is_refused) {
    char key[KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key);
    key[sizeof key - 1] = 0;
    cr_assert_eq(answer_through("a", true, key), STATUS_INVALID);
    cr_assert_eq(answer_through("a", true, ""), STATUS_INVALID);
    assert_shown("");
}

Test(rows, a_state_is_kept_as_it_came) {
    /* {shard: 0, shards: 1, items: [{key: "a", version: 1, bytes: 2, state: {n: 7}}], more: false} */
    static const char body[] = "\x84\xa5shard\x00\xa6shards\x01\xa5items\x91\x84\xa3key\xa1"
                               "a\xa7version\x01\xa5"
                               "bytes\x02\xa5state\x81\xa1n\x07\xa4more\xc2";
    cr_assert_eq(rows_add(&page, span_of(body, sizeof body - 1)), STATUS_OK);
    cr_assert(span_equal(span_of(page.items[0].state, page.items[0].state_bytes), span_text("\x81\xa1n\x07")));
    rows_reset(&page);
    cr_assert_eq(answer("b", false), STATUS_OK);
    cr_assert_eq(rows_finish(&page), 1);
    cr_assert_null(page.items[0].state);
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

/* {shard: 0, shards: 2, items: [{key, version: 1, bytes: 2, value} ...], more, through?, through_value?} */
static status_t answer_valued(const char *const rows[][2], size_t count, const char *const through[2]) {
    uint8_t bytes[4096];
    pack_t pack = pack_into(bytes, sizeof bytes);
    pack_map(&pack, through != NULL ? 6 : 4);
    pack_cstring(&pack, "shard");
    pack_u64(&pack, 0);
    pack_cstring(&pack, "shards");
    pack_u64(&pack, 2);
    pack_cstring(&pack, "items");
    pack_array(&pack, count);
    for (size_t i = 0; i < count; i++) {
        pack_map(&pack, 4);
        pack_cstring(&pack, "key");
        pack_cstring(&pack, rows[i][1]);
        pack_cstring(&pack, "version");
        pack_u64(&pack, 1);
        pack_cstring(&pack, "bytes");
        pack_u64(&pack, 2);
        pack_cstring(&pack, "value");
        pack_cstring(&pack, rows[i][0]);
    }
    pack_cstring(&pack, "more");
    pack_bool(&pack, through != NULL);
    if (through != NULL) {
        pack_cstring(&pack, "through_value");
        pack_cstring(&pack, through[0]);
        pack_cstring(&pack, "through");
        pack_cstring(&pack, through[1]);
    }
    return rows_add(&page, pack_bytes(&pack));
}

Test(rows, those_with_values_stand_in_the_order_of_values_and_keys_and_back) {
    static const char *const some[][2] = {{"tea", "b"}, {"rice", "z"}, {"rice", "c"}};
    static const char *const others[][2] = {{"tea", "a"}, {"salt", "y"}, {"oil", "x"}};
    static const char *const through[2] = {"rice", "c"};
    rows_init(&page, true);
    cr_assert_eq(answer_valued(some, 3, through), STATUS_OK);
    cr_assert_eq(answer_valued(others, 3, NULL), STATUS_OK);
    cr_assert_eq(rows_finish(&page), 5);
    static const char expected[] = "bayzc";
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(page.items[i].place.key[0], expected[i], "%zu: %s", i, page.items[i].place.key);
    }
    cr_assert_str_eq(page.last.value, "rice");
}
