/* SPDX-License-Identifier: MIT */
#include "tests/actors/shard_fixture.h"

static fixture_t fixture;

static void setup(void) {
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(echo, .init = setup, .fini = teardown);

#define CALL(...) fixture_call(&fixture, &(call_t){.kind = "echo", .key = "e", .method = "echo", __VA_ARGS__})

Test(echo, keeps_nothing) {
    CALL(.body = "{\"data\":1}", .session = 1, .id = 1);
    cr_assert_eq(fixture.records, 0);
    cr_assert_eq(fixture_resident(&fixture), 0);
    cr_assert_str_eq(CALL(.body = "{\"data\":2}", .session = 1, .id = 1), "reply {\"data\":2}");
}

Test(echo, refuses_what_it_does_not_know) {
    cr_assert(fixture_is(CALL(.body = "{\"data\":1,\"date\":2}"), ERROR_TEXT("invalid")));
}

Test(echo, has_neither_list_nor_show) {
    int kind = kind_find(span_text("echo"));
    cr_assert_null(kind_method(&kinds[kind], span_text("list")));
    cr_assert_null(kind_method(&kinds[kind], span_text("show")));
}

Test(echo, answers_what_it_is_sent) {
    static const char *const bodies[] = {
        "{}",
        "{\"data\":null}",
        "{\"data\":-7}",
        "{\"data\":9223372036854775807}",
        "{\"data\":[]}",
        "{\"data\":{\"a\":[true]}}",
        "{\"data\":\"\"}",
        "{\"data\":1.5}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        const char *text = CALL(.body = bodies[i]);
        cr_assert(fixture_is(text, "reply "));
        cr_assert_str_eq(text + strlen("reply "), bodies[i]);
    }
}

Test(echo, answers_to_any_key) {
    cr_assert_str_eq(fixture_call(&fixture, &(call_t){.kind = "echo", .key = "another@place", .method = "echo"}),
                     "reply {}");
}
