/* SPDX-License-Identifier: MIT */
#include "tools/bridge/route_errors.h"

#include <criterion/criterion.h>

static bool says(const route_t *route, const char *code) {
    route_error_t errors[ROUTE_ERRORS_MAX];
    uint32_t count = route_errors(route, errors);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(errors[i].code, code) == 0) {
            return true;
        }
    }
    return false;
}

static const route_t *route_named(const char *name) {
    for (uint32_t i = 0; i < routes_count; i++) {
        if (strcmp(routes[i].name, name) == 0) {
            return &routes[i];
        }
    }
    cr_assert_fail("there is no route %s", name);
    return NULL;
}

Test(route_errors, no_code_comes_twice_and_no_success_is_among_them) {
    for (uint32_t i = 0; i < routes_count; i++) {
        route_error_t errors[ROUTE_ERRORS_MAX];
        uint32_t count = route_errors(&routes[i], errors);
        for (uint32_t e = 0; e < count; e++) {
            cr_expect_geq(errors[e].http, 400, "%s", errors[e].code);
            for (uint32_t other = 0; other < e; other++) {
                bool same = strcmp(errors[e].code, errors[other].code) == 0 && errors[e].http == errors[other].http;
                cr_expect_not(same, "%s %s", routes[i].name, errors[e].code);
                cr_expect_geq(errors[e].http, errors[other].http, "%s", routes[i].name);
            }
        }
    }
}

Test(route_errors, what_brings_something_into_being_finds_nothing_missing) {
    const route_t *route = route_named("create_user");
    cr_expect_not(says(route, "not_found"));
    cr_expect_not(says(route, "precondition_required"));
    cr_expect_not(says(route, "forbidden"));
    cr_expect(says(route, "conflict"));
    cr_expect(says(route, "storage_full"));
}

Test(route_errors, what_only_shows_needs_no_room) {
    const route_t *route = route_named("show_user");
    cr_expect_not(says(route, "storage_full"));
    cr_expect_not(says(route, "unsupported_media_type"));
    cr_expect_not(says(route, "idempotency_mismatch"));
    cr_expect(says(route, "not_found"));
    cr_expect(says(route, "unauthenticated"));
}

Test(route_errors, a_change_needs_the_version_it_changes) {
    const route_t *route = route_named("change_user");
    cr_expect(says(route, "precondition_required"));
    cr_expect(says(route, "precondition_failed"));
}
