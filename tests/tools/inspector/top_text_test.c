/* SPDX-License-Identifier: MIT */
#include "tools/inspector/top_text.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>

static json_t *parse(const char *text) {
    json_t *value = json_loads(text, 0, NULL);
    cr_assert_not_null(value);
    return value;
}

static json_t *look_at(const char *figures, const json_t *before, uint64_t elapsed_us) {
    json_t *parsed = parse(figures);
    json_t *look = top_look(parsed, before, elapsed_us);
    json_decref(parsed);
    return look;
}

/* This part of a look, as JSON. Takes the look. */
static void assert_part(json_t *look, const char *name, const char *expected) {
    char *text = json_dumps(json_object_get(look, name), JSON_COMPACT | JSON_ENCODE_ANY);
    cr_assert_str_eq(text, expected, "%s: %s", name, text);
    free(text);
}

static const char first[] = "{\"pid\": 1, \"refused\": 10, \"journal\": {\"syncs\": 100}, \"shards\": []}";

Test(top_text, the_counters_of_another_process_give_no_rate) {
    json_t *before = look_at(first, NULL, 0);
    json_t *look = look_at("{\"pid\": 2, \"refused\": 20, \"journal\": {\"syncs\": 200}}", before, 1000000);
    assert_part(look, "refused_per_s", "null");
    assert_part(look, "journal", "{\"syncs\":200,\"syncs_per_s\":null}");
    json_decref(look);
    look = look_at("{\"pid\": 1, \"refused\": 9}", before, 1000000);
    assert_part(look, "refused_per_s", "null");
    json_decref(look);
    json_decref(before);
}

Test(top_text, rates_are_those_of_the_time_between_two_looks) {
    json_t *before = look_at(first, NULL, 77);
    assert_part(before, "refused_per_s", "null");
    json_t *look = look_at("{\"pid\": 1, \"refused\": 30, \"journal\": {\"syncs\": 101}}", before, 500000);
    assert_part(look, "refused_per_s", "40");
    assert_part(look, "journal", "{\"syncs\":101,\"syncs_per_s\":2}");
    assert_part(look, "answering", "true");
    json_decref(look);
    json_decref(before);
}

Test(top_text, totals_are_of_all_shards_and_the_lag_is_the_longest) {
    json_t *look = look_at("{\"shards\": [{\"per_s\": 5, \"timer_lag_ms\": 7, \"dead_letters\": 1}, "
                           "{\"per_s\": 6, \"timer_lag_ms\": 3, \"dead_letters\": 2}, {}]}",
                           NULL, 0);
    assert_part(look, "per_s", "11");
    assert_part(look, "timer_lag_ms", "7");
    assert_part(look, "dead_letters", "3");
    json_decref(look);
}

Test(top_text, what_a_stranger_says_cannot_steer_the_terminal, .init = cr_redirect_stdout) {
    json_t *look = top_silence("\x1b[2J");
    top_print(look);
    json_decref(look);
    fflush(stdout);
    cr_assert_stdout_eq_str("not answering: \"\\u001B[2J\"\n");
}

Test(top_text, every_part_is_a_table, .init = cr_redirect_stdout) {
    json_t *look = look_at("{\"version\": \"1\", \"pid\": 9, \"uptime_s\": 3, \"ready\": true, \"storage_full\": true, "
                           "\"peers\": 2, \"shards\": [{\"id\": 0, \"per_s\": 5}, {\"id\": 1, \"per_s\": 10}], "
                           "\"journal\": {\"syncs\": 1}, \"applier\": {\"lag\": 4}}",
                           NULL, 0);
    top_print(look);
    json_decref(look);
    fflush(stdout);
    cr_assert_stdout_eq_str("version 1, process 9, up 3 s, storage full\n"
                            "broker\n"
                            "  peers  per_s  refused_per_s  timer_lag_ms  dead_letters\n"
                            "      2     15  -                         0             0\n"
                            "shards\n"
                            "  id  per_s\n"
                            "   0      5\n"
                            "   1     10\n"
                            "journal\n"
                            "  syncs  syncs_per_s\n"
                            "      1  -\n"
                            "applier\n"
                            "  lag\n"
                            "    4\n");
}
