/* SPDX-License-Identifier: MIT */
/* Every row of routes.def is as API.md has all routes, and as route.h wants its parts. */
#include <ctype.h>

#include <criterion/criterion.h>

#include "tools/bridge/body.h"
#include "tools/bridge/route_errors.h"

#define BASE "/api/v1/"

typedef void (*check_fn)(const route_t *route);

static void for_each_route(check_fn check) {
    for (uint32_t i = 0; i < routes_count; i++) {
        check(&routes[i]);
    }
}

static bool has(const route_t *route, uint32_t flag) {
    return (route->flags & flag) != 0;
}

static bool starts_with(const char *text, const char *beginning) {
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static const method_t *method_of(const route_t *route) {
    return route->kind != NULL ? &route->kind->methods[route->kind_method] : NULL;
}

static bool has_field(const record_t *record, const char *name) {
    return record != NULL && body_field(record, name) != NULL;
}

/* Is {name} in the text? */
static bool names(const char *text, const char *name) {
    char braced[64];
    snprintf(braced, sizeof braced, "{%s}", name);
    return text != NULL && strstr(text, braced) != NULL;
}

/* The name in the braces that begin here. */
static const char *name_at(const char *braces, char name[64]) {
    snprintf(name, 64, "%.*s", (int)strcspn(braces + 1, "}"), braces + 1);
    return name;
}

/* Paths */

static void assert_path_plain(const route_t *route) {
    size_t len = strlen(route->path);
    cr_expect_eq(starts_with(route->path, BASE), !has(route, OPEN_OUTSIDE) || strcmp(route->name, "live") == 0, "%s",
                 route->path);
    cr_expect(len == 1 || route->path[len - 1] != '/', "%s", route->path);
    cr_expect_null(strstr(route->path, "//"), "%s", route->path);
    cr_expect_eq(strspn(route->path, "abcdefghijklmnopqrstuvwxyz0123456789-_./{}"), len, "%s", route->path);
}

Test(routes, no_path_has_a_slash_too_many_or_letters_of_another_kind) {
    for_each_route(assert_path_plain);
}

/* As a part of the path is: whatever is in braces. */
static void strip(const char *path, char shape[256]) {
    size_t len = 0;
    for (bool inside = false; *path != 0; path++) {
        inside = *path == '}' ? false : inside;
        if (!inside) {
            shape[len++] = *path;
        }
        inside = *path == '{' ? true : inside;
    }
    shape[len] = 0;
}

Test(routes, no_two_rows_answer_the_same) {
    for (uint32_t i = 0; i < routes_count; i++) {
        char shape[256], other[256];
        strip(routes[i].path, shape);
        for (uint32_t j = 0; j < i; j++) {
            strip(routes[j].path, other);
            cr_expect_str_neq(routes[i].name, routes[j].name);
            cr_expect(routes[i].method != routes[j].method || strcmp(shape, other) != 0, "%s and %s", routes[i].name,
                      routes[j].name);
        }
    }
}

/* Each part in braces goes somewhere: it is the key, a field, or made of parts that do. A function of its own looks for
   itself. */
static void assert_parts_used(const route_t *route) {
    for (const char *text = route->path; text != NULL; text = text == route->path ? route->parts : NULL) {
        for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
            char name[64];
            name_at(at, name);
            bool composed = text == route->path && route->parts != NULL && strcmp(name, "id") == 0;
            cr_expect(composed || route->run != NULL || names(route->key, name) ||
                          has_field(route_request(route), name),
                      "%s: {%s} is of no use", route->name, name);
        }
    }
}

Test(routes, no_part_of_a_path_is_of_no_use) {
    for_each_route(assert_parts_used);
}

static void assert_key_known(const route_t *route) {
    char name[64];
    if (route->key == NULL || route->key[0] != '{') {
        return;
    }
    name_at(route->key, name);
    bool asker = strcmp(name, "caller") == 0 || strcmp(name, "login") == 0;
    cr_expect(asker || names(route->path, name) || names(route->parts, name), "%s: who is %s?", route->name,
              route->key);
    cr_expect(!asker || route->access != ACCESS_EVERYBODY, "%s: nobody has a key", route->name);
}

Test(routes, no_key_comes_from_nowhere) {
    for_each_route(assert_key_known);
}

/* Words */

static void assert_words(const route_t *route) {
    size_t len = strlen(route->text);
    cr_expect_eq(strspn(route->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(route->name), "%s", route->name);
    cr_expect(len > 0 && !islower((unsigned char)route->text[0]) && route->text[len - 1] != '.', "%s: %s", route->name,
              route->text);
}

Test(routes, every_row_is_named_and_says_what_it_does) {
    for_each_route(assert_words);
}

/* Flags */

static void assert_reading_changes_nothing(const route_t *route) {
    const method_t *method = method_of(route);
    bool reads = route->method == HTTP_GET;
    cr_expect(method == NULL || method_writes(method) != reads, "%s: %s is for the other kind of method", route->name,
              http_method_name(route->method));
    cr_expect(!reads || !has(route, CREATES | ACCEPTS | CONDITIONAL | GUARDED | KEY_REQUIRED | KEY_REFUSED | MERGED),
              "%s", route->name);
    cr_expect(reads || !has(route, LISTED | STREAMED), "%s", route->name);
}

Test(routes, no_get_changes_anything) {
    for_each_route(assert_reading_changes_nothing);
}

static void assert_flags_fit(const route_t *route) {
    cr_expect(!has(route, KEY_REQUIRED) || !has(route, KEY_REFUSED), "%s", route->name);
    cr_expect(!has(route, EMPTY) || !has(route, CREATES | ACCEPTS | TAGGED | LISTED | GUARDED), "%s", route->name);
    cr_expect(!has(route, TAGGED) || route->run != NULL || has_field(route_reply(route), "version"),
              "%s has no version", route->name);
    cr_expect(!has(route, CONDITIONAL | GUARDED) || has_field(route_request(route), "version"), "%s asks for none",
              route->name);
    cr_expect_eq(has(route, MERGED), route->method == HTTP_PATCH && has_field(route_request(route), "clear"), "%s",
                 route->name);
    cr_expect(!has(route, CREATES | ACCEPTS) || route->method == HTTP_POST, "%s", route->name);
}

Test(routes, the_flags_of_a_row_fit_its_records) {
    for_each_route(assert_flags_fit);
}

/* What API.md says of all */

static void assert_keys_as_promised(const route_t *route) {
    bool login = starts_with(route->path, BASE "auth/") || starts_with(route->path, "/oauth2/");
    bool pays =
        route->method == HTTP_POST && (strcmp(route->path, BASE "orders") == 0 || strstr(route->path, "/pay") != NULL ||
                                       strstr(route->path, "/refund") != NULL);
    if (route->method != HTTP_GET) {
        cr_expect_eq(has(route, KEY_REFUSED), login, "%s", route->name);
        cr_expect_eq(has(route, KEY_REQUIRED), pays, "%s", route->name);
    }
}

Test(routes, idempotency_keys_are_required_for_money_and_refused_for_logins) {
    for_each_route(assert_keys_as_promised);
}

/* Of /users/{id} itself, not of what lies below it. */
static bool is_guarded_resource(const route_t *route) {
    static const char *const resources[] = {"users/", "rooms/", "products/", "categories/", "jobs/"};
    for (size_t i = 0; i < ARRAY_LENGTH(resources); i++) {
        const char *rest = starts_with(route->path, BASE) ? route->path + strlen(BASE) : "";
        if (starts_with(rest, resources[i])) {
            rest += strlen(resources[i]);
            return rest[0] == '{' && strchr(rest, '/') == NULL;
        }
    }
    return false;
}

static void assert_changes_guarded(const route_t *route) {
    bool changes = route->method == HTTP_PUT || route->method == HTTP_PATCH || route->method == HTTP_DELETE;
    if (changes && is_guarded_resource(route)) {
        cr_expect(has(route, CONDITIONAL | GUARDED), "%s", route->name);
    }
}

Test(routes, nobody_overwrites_what_they_have_not_seen) {
    for_each_route(assert_changes_guarded);
}

/* Who may */

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

static void assert_askers_may(const route_t *route) {
    static const uint32_t roles[] = {
        [ACCESS_EVERYBODY] = ROLE_GATEWAY, [ACCESS_PERSON] = ROLE_USER | ROLE_ADMIN, [ACCESS_ADMIN] = ROLE_ADMIN};
    const method_t *method = method_of(route);
    cr_expect(method == NULL || (method->roles & roles[route->access]) != 0, "%s: the server lets nobody", route->name);
    cr_expect(says(route, "unauthenticated"), "%s", route->name);
    cr_expect(route->access != ACCESS_ADMIN || says(route, "forbidden"), "%s", route->name);
}

Test(routes, no_row_is_for_nobody) {
    for_each_route(assert_askers_may);
}

static void assert_secrets_in_bodies(const route_t *route) {
    const record_t *request = route_request(route);
    for (uint32_t i = 0; request != NULL && i < request->field_count; i++) {
        field_source_t source = route_source(route, &request->fields[i]);
        cr_expect((request->fields[i].flags & SECRET) == 0 || source == FIELD_FROM_BODY, "%s: %s would be logged",
                  route->name, request->fields[i].name);
    }
}

Test(routes, no_secret_stands_in_a_path_or_a_query) {
    for_each_route(assert_secrets_in_bodies);
}
