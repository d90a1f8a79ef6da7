/* SPDX-License-Identifier: MIT */
#include "tests/actors/shard_fixture.h"

static fixture_t fixture;

static void setup(void) {
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(user, .init = setup, .fini = teardown);

#define CALL(method_, body_) fixture_call(&fixture, &(call_t){.key = "u1", .method = (method_), .body = (body_)})
#define MINA "{\"email\":\"mina@example.org\",\"name\":\"Mina\"}"

static void assert_error(const char *method, const char *body, const char *error) {
    const char *text = CALL(method, body);
    cr_assert(fixture_is(text, error), "%s: %s", body, text);
}

static void assert_has(const char *part) {
    const char *text = CALL("get", NULL);
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

static void create(void) {
    cr_assert(fixture_is(CALL("create", MINA), "reply"));
}

static void create_with_email(const char *email, char *body, size_t bytes) {
    snprintf(body, bytes, "{\"email\":\"%s\",\"name\":\"Mina\"}", email);
}

Test(user, what_is_no_address_for_mail_is_refused) {
    static const char *const emails[] = {
        "mina",
        "@example.org",
        "mina@",
        "mina@example",
        "mina@.org",
        "mina@org.",
        "mi na@example.org",
        "mina@@example.org",
        "mina@exam@ple.org",
        "mina@example.org\\n",
        "<m@example.org>",
        "a,b@example.org",
        "a;b@example.org",
        "\\\"m\\\"@example.org",
        "m(x)@example.org",
        "m@[1.2.3.4]",
        "m\\u007f@example.org",
        "m\\\\@example.org",
    };
    char body[256];
    for (size_t i = 0; i < ARRAY_LENGTH(emails); i++) {
        create_with_email(emails[i], body, sizeof body);
        assert_error("create", body, ERROR_TEXT("invalid"));
    }
    cr_assert_eq(fixture.records, 0);
    create();
    uint64_t records = fixture.records;
    assert_error("update", "{\"email\":\"mina\"}", ERROR_TEXT("invalid"));
    cr_assert_eq(fixture.records, records);
}

Test(user, bounds_of_the_schema_hold) {
    char body[3000];
    assert_error("create", "{\"email\":\"mina@example.org\",\"name\":\"\"}", ERROR_TEXT("invalid"));
    snprintf(body, sizeof body, "{\"email\":\"mina@example.org\",\"name\":\"%0101d\"}", 0);
    assert_error("create", body, ERROR_TEXT("invalid"));
    snprintf(body, sizeof body, "{\"email\":\"m%0242d@example.org\",\"name\":\"Mina\"}", 0);
    assert_error("create", body, ERROR_TEXT("invalid"));
    snprintf(body, sizeof body, "{\"email\":\"m%0241d@example.org\",\"name\":\"%0100d\",\"info\":\"%02000d\"}", 0, 0,
             0);
    cr_assert(fixture_is(CALL("create", body), "reply"));
}

Test(user, an_update_of_another_version_changes_nothing) {
    create();
    assert_error("update", "{\"name\":\"X\",\"version\":2}", ERROR_TEXT("precondition_failed"));
    cr_assert_not_null(
        strstr(CALL("update", "{\"name\":\"X\",\"version\":2}"), "\"text\":\"the current version is 1\""));
    assert_has("\"name\":\"Mina\"");
    cr_assert_str_eq(CALL("update", "{\"name\":\"X\",\"version\":1}"), "reply {\"id\":\"u1\",\"version\":2}");
    assert_error("update", "{\"name\":\"Y\",\"version\":1}", ERROR_TEXT("precondition_failed"));
    assert_has("\"name\":\"X\"");
}

Test(user, an_unknown_status_is_refused) {
    create();
    assert_error("set_status", "{\"status\":\"active\"}", ERROR_TEXT("invalid"));
    assert_error("set_status", "{}", ERROR_TEXT("invalid"));
    assert_has("\"version\":1,");
}

Test(user, status_cannot_be_set_by_the_way) {
    assert_error("create", "{\"email\":\"mina@example.org\",\"name\":\"M\",\"status\":\"ACTIVE\"}",
                 ERROR_TEXT("invalid"));
    create();
    assert_error("update", "{\"status\":\"ACTIVE\"}", ERROR_TEXT("invalid"));
    assert_error("update", "{\"created_at\":1}", ERROR_TEXT("invalid"));
}

Test(user, a_new_account_is_shown_as_it_was_made) {
    static const char view[] =
        "reply {\"id\":\"u1\",\"version\":1,\"email\":\"mina@example.org\",\"name\":\"Mina\","
        "\"status\":\"ACTIVE\",\"role\":\"USER\",\"created_at\":1767225600000,\"updated_at\":1767225600000}";
    cr_assert_str_eq(CALL("create", "{\"email\":\"Mina@Example.ORG\",\"name\":\"Mina\"}"), view);
    cr_assert_str_eq(CALL("get", NULL), view);
    fixture_restart(&fixture);
    cr_assert_str_eq(CALL("get", NULL), view);
}

Test(user, all_fields_are_kept) {
    static const char all[] = "\"email\":\"m@e.org\",\"name\":\"N\",\"first_name\":\"F\",\"last_name\":\"L\","
                              "\"picture\":\"https://e.org/p\",\"info\":\"\"";
    char body[256];
    snprintf(body, sizeof body, "{%s}", all);
    cr_assert(fixture_is(CALL("create", body), "reply"));
    fixture_restart(&fixture);
    assert_has(all);
}

Test(user, an_update_leaves_what_it_does_not_name) {
    create();
    fixture.unix_ms += 5;
    CALL("update", "{\"info\":\"hello\",\"email\":\"NEW@example.org\"}");
    fixture.unix_ms += 5;
    CALL("update", "{\"picture\":\"p\"}");
    cr_assert_str_eq(
        CALL("get", NULL),
        "reply {\"id\":\"u1\",\"version\":3,\"email\":\"new@example.org\",\"name\":\"Mina\",\"picture\":\"p\","
        "\"info\":\"hello\",\"status\":\"ACTIVE\",\"role\":\"USER\",\"created_at\":1767225600000,\"updated_at\":"
        "1767225600010}");
}

Test(user, letters_beyond_ascii_stay_as_they_are) {
    CALL("create", "{\"email\":\"\u00c9LAN@example.org\",\"name\":\"\u00c9lan\"}");
    assert_has("\"email\":\"\u00c9lan@example.org\"");
}

Test(user, a_status_has_the_reason_of_its_last_change) {
    create();
    cr_assert_str_eq(CALL("set_status", "{\"status\":\"SUSPENDED\",\"reason\":\"spam\"}"),
                     "reply {\"id\":\"u1\",\"version\":2}");
    assert_has("\"status\":\"SUSPENDED\",\"status_reason\":\"spam\"");
    CALL("set_status", "{\"status\":\"ACTIVE\"}");
    assert_has("\"status\":\"ACTIVE\",\"role\":\"USER\",\"created_at\"");
    CALL("update", "{\"name\":\"M\"}");
    assert_has("\"version\":4,");
}
