/* SPDX-License-Identifier: MIT */
/* The JSON has exactly the members that others rely on, in every case. */
#include "bench/result.h"

#include <jansson.h>

#include <criterion/criterion.h>

static result_t result = {.workload = "echo",
                          .transport = "tcp",
                          .curve = true,
                          .clients = 4,
                          .window = 1000,
                          .size = 64,
                          .actors = 100,
                          .rate = 2.5,
                          .seconds = 2,
                          .acknowledged = 1000};

static json_t *print(void) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    result_print_json(&result, out);
    fclose(out);
    json_error_t problem;
    json_t *parsed = json_loads(text, 0, &problem);
    cr_assert_not_null(parsed, "%s in %s", problem.text, text);
    free(text);
    return parsed;
}

static void expect_members(const json_t *object, const char *const *names, size_t count) {
    cr_expect_eq(json_object_size(object), count);
    for (size_t i = 0; i < count; i++) {
        cr_expect_not_null(json_object_get(object, names[i]), "%s is missing", names[i]);
    }
}

#define EXPECT_MEMBERS(object, ...)                                                                                    \
    do {                                                                                                               \
        const char *const names[] = {__VA_ARGS__};                                                                     \
        expect_members(object, names, sizeof names / sizeof names[0]);                                                 \
    } while (0)

Test(result, json_has_the_members_of_the_contract) {
    json_t *json = print();
    EXPECT_MEMBERS(json, "workload", "transport", "curve", "clients", "window", "rate", "size", "actors", "seconds",
                   "acknowledged", "errors", "per_second", "latency_us", "server", "verdict");
    EXPECT_MEMBERS(json_object_get(json, "latency_us"), "p50", "p90", "p99", "p999", "max");
    EXPECT_MEMBERS(json_object_get(json, "server"), "cpu_s", "rss_anon_kib", "fdatasyncs", "sync_p99_us");
    EXPECT_MEMBERS(json_object_get(json, "verdict"), "ok", "lost", "doubled", "reordered", "gaps", "oversold");
    cr_expect_eq(json_number_value(json_object_get(json, "per_second")), 500);
    cr_expect_eq(json_number_value(json_object_get(json, "rate")), 2.5);
    cr_expect(json_is_true(json_object_get(json, "curve")));
    cr_expect(json_is_null(json_object_get(json_object_get(json, "server"), "cpu_s")));
    cr_expect(json_is_true(json_object_get(json_object_get(json, "verdict"), "ok")));
    cr_expect_eq(json_object_size(json_object_get(json, "errors")), 0);
    json_decref(json);
}

Test(result, errors_are_counted_by_code_and_the_server_s_figures_are_numbers) {
    result.errors[DORAN_BUSY] = 3;
    result.errors[DORAN_INTERNAL] = 1;
    result.server = (figures_t){.known = true, .local = true, .cpu_s = 1.25, .rss_anon_kib = 10, .fdatasyncs = 5};
    result.verdict.lost = 2;
    json_t *json = print(), *server = json_object_get(json, "server");
    EXPECT_MEMBERS(json_object_get(json, "errors"), "busy", "internal");
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(json, "errors"), "busy")), 3);
    cr_expect_eq(json_number_value(json_object_get(server, "cpu_s")), 1.25);
    cr_expect_eq(json_integer_value(json_object_get(server, "fdatasyncs")), 5);
    cr_expect(json_is_false(json_object_get(json_object_get(json, "verdict"), "ok")));
    json_decref(json);
}

Test(result, limits_add_limit_and_ratio) {
    result.has_limit = result.has_ratio = true;
    result.limit = 1000;
    json_t *json = print();
    cr_expect_eq(json_number_value(json_object_get(json, "limit")), 1000);
    cr_expect_eq(json_number_value(json_object_get(json, "ratio")), 0.5);
    json_decref(json);
    result.has_ratio = false;
    json = print();
    cr_expect(json_is_null(json_object_get(json, "ratio")));
    json_decref(json);
}

Test(result, nothing_measured_is_still_json) {
    result = (result_t){.workload = "echo", .transport = "ipc"};
    json_decref(print());
}

Test(result, text_is_printed_in_every_case) {
    FILE *out = fopen("/dev/null", "w");
    result.errors[DORAN_BUSY] = 1;
    result.verdict.doubled = 1;
    result.has_limit = result.has_ratio = true;
    result.server = (figures_t){.known = true, .local = true};
    result_print_text(&result, out);
    cr_expect_eq(fclose(out), 0);
}
