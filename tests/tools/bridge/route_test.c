/* SPDX-License-Identifier: MIT */
#include "tools/bridge/route.h"

#include <criterion/criterion.h>

static captures_t captures;
static uint32_t allowed;

static const route_t *find(http_method_t method, const char *path) {
    return route_find(method, span_text(path), &captures, &allowed);
}

static void assert_capture(const route_t *route, const char *name, const char *expected) {
    span_t value = route_capture(route, &captures, name);
    cr_assert(span_equal(value, span_text(expected)), "%.*s", (int)value.len, (const char *)value.ptr);
}

Test(route, what_fits_no_path_is_unknown) {
    static const char *const paths[] = {
        "",
        "*",
        "users",
        "/api/v1/users/",
        "/api/v1/users//",
        "//api/v1/users",
        "/api/v1/users/x/y",
        "/API/v1/users",
        "/api/v1/usersx",
        "/api/v1/users/%",
        "/api/v1/users/%4",
        "/api/v1/users/%4g",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        cr_expect_null(find(HTTP_GET, paths[i]), "%s", paths[i]);
        cr_expect_eq(allowed, 0, "%s", paths[i]);
    }
}

Test(route, a_path_without_this_method_says_which_it_has) {
    cr_assert_null(find(HTTP_DELETE, "/livez"));
    cr_expect_eq(allowed, 1u << HTTP_GET | 1u << HTTP_HEAD);
}

Test(route, parts_in_braces_are_captured_and_unescaped) {
    const route_t *route = find(HTTP_GET, "/api/v1/users/a%40b%2fc");
    cr_assert_not_null(route);
    cr_assert_str_eq(route->name, "show_user");
    assert_capture(route, "id", "a@b/c");
    cr_expect_null(route_capture(route, &captures, "name").ptr);
}

Test(route, head_is_answered_where_get_is) {
    const route_t *route = find(HTTP_HEAD, "/livez");
    cr_assert_not_null(route);
    cr_assert_str_eq(route->name, "live_probe");
}

Test(route, what_is_longer_than_any_key_is_unknown) {
    char path[2048] = "/api/v1/users/";
    memset(path + strlen(path), 'x', 1024);
    cr_assert_null(find(HTTP_GET, path));
    cr_assert_eq(allowed, 0);
}

/* A path that fits the row's. */
static void print_path(const char *pattern, char path[256]) {
    size_t len = 0;
    for (; *pattern != 0; pattern++) {
        bool braces = *pattern == '{';
        len += (size_t)snprintf(path + len, 256 - len, braces ? "a-1" : "%c", *pattern);
        pattern += braces ? strcspn(pattern, "}") : 0;
    }
}

Test(route, every_row_is_found_by_its_own_path) {
    for (uint32_t i = 0; i < routes_count; i++) {
        char path[256];
        print_path(routes[i].path, path);
        cr_expect_eq(find(routes[i].method, path), &routes[i], "%s %s", http_method_name(routes[i].method), path);
    }
}

Test(route, an_id_without_its_parts_is_unknown) {
    static const char *const paths[] = {"/api/v1/runs/x", "/api/v1/runs/-1", "/api/v1/runs/x-"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        cr_expect_null(find(HTTP_GET, paths[i]), "%s", paths[i]);
    }
}

Test(route, an_id_is_taken_apart_at_its_last_dash) {
    const route_t *route = find(HTTP_GET, "/api/v1/runs/user-statistics-17");
    cr_assert_not_null(route);
    assert_capture(route, "id", "user-statistics-17");
    assert_capture(route, "job", "user-statistics");
    assert_capture(route, "run", "17");
}
