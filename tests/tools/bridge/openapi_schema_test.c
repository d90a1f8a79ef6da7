/* SPDX-License-Identifier: MIT */
#include "tools/bridge/openapi_schema.h"

#include <criterion/criterion.h>

#include "schemas/records.h"

static json_t *components;

static void set_up(void) {
    components = json_object();
}

static void tear_down(void) {
    json_decref(components);
}

TestSuite(openapi_schema, .init = set_up, .fini = tear_down);

/* A member of the component of this name. */
static json_t *member(const char *name, const char *field) {
    return json_object_get(json_object_get(json_object_get(components, name), "properties"), field);
}

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static void assert_reference(json_t *reference, const char *expected) {
    cr_assert_str_eq(text_of(reference, "$ref"), expected);
    json_decref(reference);
}

Test(openapi_schema, what_is_secret_is_in_no_answer) {
    assert_reference(openapi_reply(components, &record_user_claim, NULL), "#/components/schemas/user_claim");
    cr_expect_not_null(member("user_claim", "user"));
    cr_expect_null(member("user_claim", "hold"));
    json_t *required = json_object_get(json_object_get(components, "user_claim"), "required");
    cr_expect_eq(json_array_size(required), 1, "only the user");
}

Test(openapi_schema, what_is_secret_can_be_asked_with) {
    static const field_t claim = {
        .name = "claim", .type = FIELD_RECORD, .element = &record_user_claim, .text = "A claim"};
    json_t *schema = openapi_field(components, &claim, SCHEMA_OF_REQUEST);
    assert_reference(schema, "#/components/schemas/user_claim_with_secrets");
    cr_expect(json_is_true(json_object_get(member("user_claim_with_secrets", "hold"), "writeOnly")));
}

Test(openapi_schema, nothing_beside_the_fields_is_allowed) {
    assert_reference(openapi_reply(components, &record_money, NULL), "#/components/schemas/money");
    cr_expect(json_is_false(json_object_get(json_object_get(components, "money"), "additionalProperties")));
}

Test(openapi_schema, a_record_without_its_version_has_the_plain_name) {
    assert_reference(openapi_reply(components, &record_room_view, "version"), "#/components/schemas/room_view");
    assert_reference(openapi_reply(components, &record_room_view, NULL), "#/components/schemas/room_view_with_version");
    cr_expect_null(member("room_view", "version"));
    cr_expect_not_null(member("room_view_with_version", "version"));
}

Test(openapi_schema, times_are_texts_and_bytes_are_base64) {
    assert_reference(openapi_reply(components, &record_session_opened, NULL), "#/components/schemas/session_opened");
    cr_expect_str_eq(text_of(member("session_opened", "expires_at"), "format"), "date-time");
    cr_expect_str_eq(text_of(member("session_opened", "handle"), "contentEncoding"), "base64");
    cr_expect_eq(json_integer_value(json_object_get(member("session_opened", "handle"), "maxLength")), 24);
}

Test(openapi_schema, numbers_have_the_bounds_that_json_can_say) {
    assert_reference(openapi_reply(components, &record_job_run, NULL), "#/components/schemas/job_run");
    cr_expect_eq(json_integer_value(json_object_get(member("job_run", "progress"), "maximum")), 100);
    cr_expect_null(json_object_get(member("job_run", "run"), "maximum"));
    cr_expect_eq(json_integer_value(json_object_get(member("job_run", "run"), "minimum")), 1);
}

Test(openapi_schema, what_lies_inside_comes_along) {
    assert_reference(openapi_reply(components, &record_order_view, "version"), "#/components/schemas/order_view");
    cr_expect_str_eq(text_of(json_object_get(member("order_view", "lines"), "items"), "$ref"),
                     "#/components/schemas/order_line");
    cr_expect_str_eq(text_of(member("order_line", "price"), "$ref"), "#/components/schemas/money");
    json_t *values = json_object_get(json_object_get(components, "order_state"), "enum");
    cr_expect_str_eq(json_string_value(json_array_get(values, 0)), "PENDING");
}
