/* SPDX-License-Identifier: MIT */
#include "tools/bridge/cursor.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char list[] = "/api/v1/rooms/r/members u {}";

static char *cursor_of(const char *after) {
    json_t *fields = json_pack("{ss}", "after", after);
    char *word = cursor_print(span_text(list), fields);
    json_decref(fields);
    return word;
}

Test(cursor, one_of_another_list_is_refused) {
    char *word = cursor_of("mina");
    cr_expect_null(cursor_read(span_text("/api/v1/rooms/s/members u {}"), word));
    cr_expect_null(cursor_read(span_text(""), word));
    free(word);
}

Test(cursor, one_with_any_letter_changed_is_refused) {
    char *word = cursor_of("mina");
    for (size_t i = 0; word[i] != 0; i++) {
        char kept = word[i];
        word[i] = kept == 'A' ? 'B' : 'A';
        json_t *fields = cursor_read(span_text(list), word);
        /* the last letter may hold bits that mean nothing, but then it says so */
        cr_expect_null(fields, "letter %zu", i);
        json_decref(fields);
        word[i] = kept;
    }
    free(word);
}

Test(cursor, what_is_none_is_refused) {
    static const char *const words[] = {"", "A", "AAAA", "not base64!", "AAAAAAAAAAAAAAAAAAAAAAAA", "====", "\xff"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        cr_expect_null(cursor_read(span_text(list), words[i]), "%s", words[i]);
    }
    char *longest = calloc(1, 100001);
    memset(longest, 'A', 100000);
    cr_expect_null(cursor_read(span_text(list), longest));
    free(longest);
}

Test(cursor, one_of_this_list_gives_its_fields_back) {
    char key[201] = "";
    memset(key, 'k', 200);
    char *word = cursor_of(key);
    json_t *fields = cursor_read(span_text(list), word);
    cr_assert_not_null(fields);
    cr_assert_str_eq(json_string_value(json_object_get(fields, "after")), key);
    cr_assert_eq(strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"), strlen(word));
    json_decref(fields);
    free(word);
}
