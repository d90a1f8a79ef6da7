/* SPDX-License-Identifier: MIT */
#include "tools/bridge/words.h"

#include <criterion/criterion.h>
#include <stdio.h>

static void assert_words(const char *text, const char *expected) {
    span_t rest = span_text(text), word;
    char found[128] = "";
    while (words_take(&rest, &word)) {
        size_t len = strlen(found);
        snprintf(found + len, sizeof found - len, "[%.*s]", (int)word.len, (const char *)word.ptr);
    }
    cr_expect_str_eq(found, expected, "%s: %s", text, found);
}

Test(words, where_nothing_stands_no_word_is_found) {
    assert_words("", "");
    assert_words(" \t", "");
    assert_words(", ,\t,", "");
}

Test(words, each_word_is_taken_without_what_is_around_it) {
    assert_words("a", "[a]");
    assert_words("a,b", "[a][b]");
    assert_words(" a b ,, c;q=1\t,", "[a b][c;q=1]");
}

Test(words, case_does_not_matter_and_length_does) {
    cr_expect(words_same(span_text("Upgrade"), "upgrade"));
    cr_expect_not(words_same(span_text("upgrade"), "upgrades"));
    cr_expect_not(words_same(span_text("upgrades"), "upgrade"));
    cr_expect_not(words_same(span_text(""), "a"));
}
