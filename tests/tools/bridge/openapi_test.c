/* SPDX-License-Identifier: MIT */
#include "tools/bridge/openapi.h"

#include <criterion/criterion.h>

#include "tools/bridge/route_errors.h"

static json_t *document;

static void set_up(void) {
    document = openapi_document();
}

static void tear_down(void) {
    json_decref(document);
}

TestSuite(openapi, .init = set_up, .fini = tear_down);

static json_t *operation_of(const route_t *route) {
    char method[16];
    snprintf(method, sizeof method, "%s", http_method_name(route->method));
    for (char *at = method; *at != 0; at++) {
        *at = (char)(*at - 'A' + 'a');
    }
    return json_object_get(json_object_get(json_object_get(document, "paths"), route->path), method);
}

/* Calls visit for each object inside. */
static void walk(json_t *value, void (*visit)(json_t *object)) {
    json_t *inside;
    const char *name;
    size_t index;
    if (json_is_object(value)) {
        visit(value);
        json_object_foreach(value, name, inside) {
            walk(inside, visit);
        }
    }
    json_array_foreach(value, index, inside) {
        walk(inside, visit);
    }
}

static void assert_reference_leads(json_t *object) {
    const char *reference = json_string_value(json_object_get(object, "$ref"));
    char text[512], *rest = text, *part;
    if (reference == NULL) {
        return;
    }
    cr_assert_eq(strncmp(reference, "#/", 2), 0, "%s", reference);
    snprintf(text, sizeof text, "%s", reference + 2);
    json_t *at = document;
    while ((part = strsep(&rest, "/")) != NULL) {
        at = json_object_get(at, part);
    }
    cr_assert_not_null(at, "%s leads nowhere", reference);
}

static void assert_closed(json_t *object) {
    json_t *type = json_object_get(object, "type");
    if (json_is_string(type) && strcmp(json_string_value(type), "object") == 0) {
        cr_assert(json_is_false(json_object_get(object, "additionalProperties")));
    }
}

Test(openapi, no_reference_leads_nowhere) {
    walk(document, assert_reference_leads);
}

Test(openapi, no_object_is_open) {
    walk(document, assert_closed);
}

Test(openapi, no_route_outside_is_described) {
    for (uint32_t i = 0; i < routes_count; i++) {
        cr_expect_eq(operation_of(&routes[i]) == NULL, (routes[i].flags & OPEN_OUTSIDE) != 0, "%s", routes[i].name);
    }
}

Test(openapi, each_error_of_a_route_stands_at_its_status) {
    for (uint32_t i = 0; i < routes_count; i++) {
        route_error_t errors[ROUTE_ERRORS_MAX];
        uint32_t count = route_errors(&routes[i], errors);
        json_t *responses = json_object_get(operation_of(&routes[i]), "responses");
        for (uint32_t e = 0; e < count && responses != NULL; e++) {
            char status[16];
            snprintf(status, sizeof status, "%d", errors[e].http);
            const char *reference = json_string_value(json_object_get(json_object_get(responses, status), "$ref"));
            cr_assert_not_null(reference, "%s %s", routes[i].name, status);
            cr_assert_not_null(strstr(reference, errors[e].code), "%s %s", routes[i].name, errors[e].code);
        }
    }
}

Test(openapi, what_needs_a_token_says_so) {
    for (uint32_t i = 0; i < routes_count; i++) {
        json_t *security = json_object_get(operation_of(&routes[i]), "security");
        if (security != NULL) {
            bool without = json_object_size(json_array_get(security, 0)) == 0;
            cr_expect_eq(without, routes[i].access == ACCESS_EVERYBODY, "%s", routes[i].name);
        }
    }
}

/* Whom the server takes it from, stands in the table of methods. */
Test(openapi, what_only_administrators_may_says_so) {
    for (uint32_t i = 0; i < routes_count; i++) {
        const route_t *route = &routes[i];
        bool not_for_users = route->kind != NULL && (route->kind->methods[route->kind_method].roles & ROLE_USER) == 0;
        bool said = json_object_get(operation_of(route), "description") != NULL;
        cr_expect_eq(said, route->access == ACCESS_ADMIN && (route->flags & OPEN_OUTSIDE) == 0, "%s", route->name);
        cr_expect(!not_for_users || said, "%s", route->name);
    }
}

Test(openapi, each_frame_is_named_by_its_op) {
    static const char *const sides[] = {"client", "server"};
    json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas"), *reference;
    size_t index;
    for (size_t i = 0; i < ARRAY_LENGTH(sides); i++) {
        json_t *references = json_object_get(json_object_get(document, "x-live"), sides[i]);
        cr_assert_gt(json_array_size(references), 4);
        json_array_foreach(references, index, reference) {
            const char *name = strrchr(json_string_value(json_object_get(reference, "$ref")), '/') + 1;
            json_t *members = json_object_get(json_object_get(schemas, name), "properties");
            const char *op = json_string_value(json_object_get(json_object_get(members, "op"), "const"));
            cr_assert_not_null(op, "%s", name);
            cr_expect_str_eq(op, name + strlen("frame_"));
        }
    }
}
