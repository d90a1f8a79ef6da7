/* SPDX-License-Identifier: MIT */
#include "tools/bridge/value.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void assert_read(const char *text) {
    json_t *value = value_read(text);
    cr_assert_not_null(value, "%s", text);
    char *printed = value_print(value);
    cr_expect_str_eq(printed, text, "%s: %s", text, printed);
    free(printed);
}

Test(value, what_is_damaged_is_none) {
    cr_expect_null(value_read("{\"a\":"));
    cr_expect_null(value_read("{\"a\\u0000\":1}"));
    cr_expect_null(value_read("{\"a\":\"\xff\"}"));
}

Test(value, texts_have_a_nul_and_keep_it) {
    assert_read("{\"a\":\"\\u0000b\"}");
    assert_read("[\"\\u0000\",{\"c\":\"d\\u0000\"}]");
}

Test(value, a_text_that_ends_inside_a_character_is_repaired) {
    json_t *value = value_of_text("near '\xc3");
    cr_expect_str_eq(json_string_value(value), "near '\xef\xbf\xbd");
    json_decref(value);
}
