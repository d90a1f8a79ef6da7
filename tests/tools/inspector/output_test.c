/* SPDX-License-Identifier: MIT */
#include "tools/inspector/output.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

static void assert_printed(const char *text) {
    fflush(stdout);
    cr_assert_stdout_eq_str(text);
}

static json_t *parse(const char *text) {
    json_t *value = json_loads(text, 0, NULL);
    cr_assert_not_null(value);
    return value;
}

TestSuite(output, .init = cr_redirect_stdout);

Test(output, what_was_stored_cannot_steer_the_terminal) {
    json_t *object =
        parse("{\"name\": \"a\\u001b[2Jb\", \"c1\": \"\\u009b\", \"\\u0007\": 1, \"deep\": [\"\\u009b\"]}");
    output_fields(object, 0);
    json_decref(object);
    assert_printed("name      \"a\\u001B[2Jb\"\n"
                   "c1        \"\\u009B\"\n"
                   "\"\\u0007\"  1\n"
                   "deep      [\"\\u009B\"]\n");
}

Test(output, fields_are_aligned_and_what_is_inside_stands_below) {
    json_t *object =
        parse("{\"ready\": true, \"uptime_s\": 12, \"journal\": {\"bytes\": 7}, \"text\": null, \"none\": {}}");
    output_fields(object, 2);
    json_decref(object);
    assert_printed("  ready     yes\n"
                   "  uptime_s  12\n"
                   "  journal\n"
                   "    bytes  7\n"
                   "  text      -\n"
                   "  none      {}\n");
}

Test(output, tables_have_numbers_on_the_right_and_count_characters_not_bytes) {
    json_t *rows = parse("[{\"id\": 1, \"name\": \"\xec\x9d\xb4\", \"end\": \"x\"}, {\"id\": 100, \"name\": \"abc\"}]");
    output_table(rows, 0);
    json_decref(rows);
    assert_printed(" id  name  end\n"
                   "  1  \xec\x9d\xb4     x\n"
                   "100  abc   -\n");
}

Test(output, a_line_of_json_is_one_line) {
    json_t *object = parse("{\"a\": \"x\\ny\", \"b\": [1, {}]}");
    output_line(object);
    json_decref(object);
    assert_printed("{\"a\":\"x\\ny\",\"b\":[1,{}]}\n");
}
