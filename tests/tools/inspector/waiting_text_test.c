/* SPDX-License-Identifier: MIT */
#include "tools/inspector/waiting_text.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

static void print(void (*printer)(json_t *item), const char *text) {
    json_t *item = json_loads(text, 0, NULL);
    cr_assert_not_null(item);
    printer(item);
    json_decref(item);
}

static void assert_printed(const char *text) {
    fflush(stdout);
    cr_assert_stdout_eq_str(text);
}

TestSuite(waiting_text, .init = cr_redirect_stdout);

Test(waiting_text, what_was_stored_cannot_steer_the_terminal) {
    print(waiting_timer, "{\"when\": 0, \"attempts\": 0, \"kind\": \"k\\u001b[2J\", \"key\": \"a\", \"method\": \"m\", "
                         "\"tag\": \"\\u009b\"}");
    print(waiting_letter, "{\"at\": 0, \"address\": \"\\u0007\", \"method\": \"m\", \"text\": \"\\u001b\"}");
    assert_printed("1970-01-01T00:00:00.000Z         0  \"k\\u001B[2J\"/a m \"\\u009B\"\n"
                   "1970-01-01T00:00:00.000Z  \"\\u0007\" m\n"
                   "    text  \"\\u001B\"\n");
}

Test(waiting_text, what_is_missing_is_a_dash) {
    print(waiting_timer, "{}");
    print(waiting_stream, "{}");
    print(waiting_letter, "{\"id\": \"ff\"}");
    assert_printed("-                                -  -\n"
                   "       -          -      -          -             -  - to  -\n"
                   "-                       \n"
                   "    id  ff\n");
}

Test(waiting_text, a_timer_is_a_line) {
    waiting_timers_head();
    print(waiting_timer, "{\"when\": 1767225600123, \"kind\": \"order\", \"key\": \"a\", \"method\": \"expire\", "
                         "\"tag\": \"\", \"attempts\": 12, \"hops\": 1, \"user\": \"mina\"}");
    print(waiting_timer, "{\"when\": 1, \"kind\": \"order\", \"key\": \"a\", \"method\": \"expire\", \"tag\": \"x y\", "
                         "\"attempts\": 0, \"problem\": \"It cannot be read\"}");
    print(waiting_timer, "{\"when\": 9223372036854775807, \"kind\": \"\", \"key\": \"\", \"method\": \"\", "
                         "\"tag\": \"\", \"attempts\": 0, \"problem\": \"Its key\"}");
    assert_printed("when                      attempts  address method tag\n"
                   "2026-01-01T00:00:00.123Z        12  order/a expire  for mina\n"
                   "1970-01-01T00:00:00.001Z         0  order/a expire x y  damaged: It cannot be read\n"
                   "9223372036854775807              0  -  damaged: Its key\n");
}

Test(waiting_text, a_stream_is_a_line) {
    waiting_streams_head();
    print(waiting_stream, "{\"from\": 4, \"kind\": \"user\", \"to\": 17, \"acknowledged\": 100, \"waiting\": 3, "
                          "\"under_way\": 1, \"tries\": 2, \"waits_ms\": 4000}");
    print(waiting_stream, "{\"from\": 255, \"kind\": \"user\", \"to\": 0, \"acknowledged\": 0, \"waiting\": 3, "
                          "\"under_way\": 0, \"tries\": 0}");
    assert_printed(" waiting  under way  tries   waits ms  acknowledged  from partition to kind and partition\n"
                   "       3          1      2       4000           100  4 to user 17\n"
                   "       3          0      0          -             0  255 to user 0\n");
}

Test(waiting_text, a_letter_is_a_line_and_its_fields_below) {
    print(waiting_letter, "{\"id\": \"ff00\", \"at\": 1767225600123, \"address\": \"sku/a\", \"method\": \"reserve\", "
                          "\"code\": \"internal\", \"attempts\": 5, \"chain\": [\"order/b\"], \"body\": {\"n\": 1}}");
    assert_printed("2026-01-01T00:00:00.123Z  sku/a reserve\n"
                   "    id        ff00\n"
                   "    code      internal\n"
                   "    attempts  5\n"
                   "    chain     [\"order/b\"]\n"
                   "    body\n"
                   "      n  1\n");
}
