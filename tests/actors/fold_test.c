/* SPDX-License-Identifier: MIT */
#include "actors/fold.h"

#include <criterion/criterion.h>

#include "tests/storage/random.h"

static fold_t folded(const char *text) {
    fold_t fold = {.len = 0};
    fold_add(&fold, span_text(text));
    return fold;
}

static bool has(const char *text, const char *part) {
    fold_t fold = folded(text), wanted = folded(part);
    return fold_has(&fold, span_of(wanted.bytes, wanted.len - 1));
}

Test(fold, what_is_not_there_is_not_found) {
    cr_expect(!has("Mina", "nim"));
    cr_expect(!has("각", "가"), "a syllable is one character");
    cr_expect(!has("e", "é"));
    cr_expect(!has("", "a"));
}

Test(fold, a_text_does_not_go_on_in_the_next) {
    fold_t fold = folded("ab");
    fold_add(&fold, span_text("cd"));
    fold_add(&fold, span_of("ef\0gh", 5));
    cr_expect(fold_has(&fold, span_text("ab")) && fold_has(&fold, span_text("gh")));
    cr_expect(!fold_has(&fold, span_text("bc")) && !fold_has(&fold, span_text("fg")));
}

Test(fold, what_is_more_than_there_is_room_for_is_cut_between_characters) {
    char text[2 * FOLD_BYTES_MAX + 1] = "x";
    for (size_t i = 1; i < sizeof text - 2; i += 2) {
        memcpy(text + i, "é", 3);
    }
    fold_t fold = folded(text);
    cr_assert_eq(fold.len, FOLD_BYTES_MAX);
    cr_assert_eq(memcmp(fold.bytes + fold.len - 3, "é", 3), 0);
    fold_add(&fold, span_text("more"));
    cr_assert_eq(fold.len, FOLD_BYTES_MAX);
    cr_expect(!fold_has(&fold, span_text("more")));
}

Test(fold, bytes_that_are_no_text_are_left_out) {
    fold_t fold = folded("a\xff");
    cr_expect(!fold_has(&fold, span_text("a")));
}

Test(fold, case_does_not_matter) {
    cr_expect(has("Mina", "INA"));
    cr_expect(has("STRASSE", "straße") && has("Straße", "ASS"));
    cr_expect(has("ΟΔΟΣ", "οδος"));
    cr_expect(has("ÅSA", "åsa"));
}

Test(fold, how_a_letter_is_put_together_does_not_matter) {
    cr_expect(has("Jose\xcc\x81", "josé") && has("JOSÉ", "jose\xcc\x81"));
    cr_expect(has("\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "각"), "from its three letters");
    cr_expect(has("김민수", "민수"));
}

Test(fold, who_has_a_text_has_its_end) {
    static const char *const letters[] = {"a",  "B", "é", "e\xcc\x81",        "ß", "한", "글",
                                          "ff", "ﬃ", "İ", "\xf0\x9f\x98\x80", " "};
    random_state_t random = random_start("fold, who_has_a_text_has_its_end");
    for (int i = 0; i < 20000; i++) {
        char text[256] = "", part[64] = "";
        size_t count = random_below(&random, 12), from = random_below(&random, 12);
        for (size_t at = 0; at < count; at++) {
            const char *letter = letters[random_below(&random, sizeof letters / sizeof letters[0])];
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s", letter);
            snprintf(part + strlen(part), sizeof part - strlen(part), "%s", at >= from ? letter : "");
        }
        fold_t fold = folded(text), wanted = folded(part);
        cr_assert(part[0] == 0 || fold_has(&fold, span_of(wanted.bytes, wanted.len - 1)), "%s in %s", part, text);
    }
}
