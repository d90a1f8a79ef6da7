/* SPDX-License-Identifier: MIT */
#include <ctype.h>

#include "tests/actors/shard_fixture.h"

static fixture_t fixture;

static void setup(void) {
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(email, .init = setup, .fini = teardown);

#define CALL(...) fixture_call(&fixture, &(call_t){__VA_ARGS__})

enum { HASH_TEXT_BYTES = 32 };

static const char *sign_up(const char *key, const char *email) {
    char body[256];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"name\":\"N\"}", email);
    return CALL(.key = key, .method = "create", .body = body);
}

/* The only address that is claimed. */
static const char *claimed_key(char key[HASH_TEXT_BYTES + 1]) {
    const char *text = CALL(.kind = "email", .method = "list");
    const char *at = strstr(text, "\"key\":\"");
    cr_assert_not_null(at, "%s", text);
    cr_assert_null(strstr(at + 1, "\"key\":\""), "%s", text);
    snprintf(key, HASH_TEXT_BYTES + 1, "%s", at + strlen("\"key\":\""));
    return key;
}

static void assert_owner(const char *key, const char *user) {
    char part[64];
    snprintf(part, sizeof part, "\"user\":\"%s\"", user);
    const char *text = CALL(.kind = "email", .key = key, .method = "show");
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

static void assert_free(const char *key) {
    cr_assert(fixture_is(CALL(.kind = "email", .key = key, .method = "show"), ERROR_TEXT("not_found")));
}

Test(email, an_address_that_is_taken_is_refused_to_others) {
    char key[HASH_TEXT_BYTES + 1];
    cr_assert(fixture_is(sign_up("u1", "mina@example.org"), "reply"));
    const char *text = sign_up("u2", "mina@example.org");
    cr_assert(fixture_is(text, ERROR_TEXT("conflict") ",\"text\":\"The e-mail address is in use\""), "%s", text);
    cr_assert(fixture_is(CALL(.key = "u2", .method = "get"), ERROR_TEXT("not_found")));
    assert_owner(claimed_key(key), "u1");
}

Test(email, capital_letters_make_no_other_address) {
    cr_assert(fixture_is(sign_up("u1", "mina@example.org"), "reply"));
    cr_assert(fixture_is(sign_up("u2", "MINA@Example.Org"), ERROR_TEXT("conflict")));
}

Test(email, only_who_has_an_address_lets_go_of_it) {
    char key[HASH_TEXT_BYTES + 1];
    sign_up("u1", "mina@example.org");
    claimed_key(key);
    CALL(.kind = "email", .key = key, .method = "release", .body = "{\"user\":\"u2\"}");
    assert_owner(key, "u1");
    CALL(.kind = "email", .key = "ffff", .method = "release", .body = "{\"user\":\"u2\"}");
    assert_owner(claimed_key(key), "u1");
}

Test(email, the_address_cannot_be_read_in_the_key) {
    char first[HASH_TEXT_BYTES + 1], second[HASH_TEXT_BYTES + 1], other[HASH_TEXT_BYTES + 1];
    sign_up("u1", "mina@example.org");
    claimed_key(first);
    cr_assert_eq(strspn(first, "0123456789abcdef"), HASH_TEXT_BYTES, "%s", first);
    fixture_restart(&fixture);
    cr_assert_str_eq(claimed_key(second), first, "it is the same after a restart");
    teardown();
    fixture.options.hash_key[0] = 1;
    setup();
    sign_up("u1", "mina@example.org");
    cr_assert_str_neq(claimed_key(other), first, "another folder has another key");
}

/* Logins. */

static void locate(const char *email, char key[HASH_TEXT_BYTES + 1]) {
    char body[256];
    snprintf(body, sizeof body, "{\"email\":\"%s\"}", email);
    const char *text = CALL(.kind = "email", .key = "locate", .method = "locate", .body = body, .roles = ROLE_GATEWAY);
    cr_assert(fixture_is(text, "reply {\"key\":\""), "%s", text);
    snprintf(key, HASH_TEXT_BYTES + 1, "%s", text + strlen("reply {\"key\":\""));
}

static const char *who(const char *key) {
    return CALL(.kind = "email", .key = key, .method = "who", .roles = ROLE_GATEWAY);
}

Test(email, of_an_address_that_nobody_has_a_key_is_made_up_that_stays_and_looks_like_an_account) {
    static const char form[] = "reply {\"user\":\"xxxxxxxx-xxxx-8xxx-xxxx-xxxxxxxxxxxx\"}";
    char key[HASH_TEXT_BYTES + 1], other[HASH_TEXT_BYTES + 1], first[64];
    locate("nobody@example.org", key);
    snprintf(first, sizeof first, "%s", who(key));
    cr_assert_eq(strlen(first), strlen(form), "%s", first);
    for (size_t i = 0; i < strlen(form); i++) {
        cr_assert(form[i] == 'x' ? isxdigit((unsigned char)first[i]) : form[i] == first[i], "%s", first);
    }
    fixture_restart(&fixture);
    cr_assert_str_eq(who(key), first);
    locate("nobody.else@example.org", other);
    cr_assert_str_neq(who(other), first);
    cr_assert_eq(fixture.records, 0, "and nothing is kept of it");
}

Test(email, only_gateways_and_operators_are_told_whose_an_address_is) {
    cr_assert_eq(kinds[KIND_email].methods[METHOD_email_locate].roles, ROLE_GATEWAY | ROLE_OPERATOR);
    cr_assert_eq(kinds[KIND_email].methods[METHOD_email_who].roles, ROLE_GATEWAY | ROLE_OPERATOR);
}

Test(email, a_login_finds_whose_an_address_is) {
    char key[HASH_TEXT_BYTES + 1], claimed[HASH_TEXT_BYTES + 1];
    sign_up("u1", "mina@example.org");
    locate("MINA@example.org", key);
    cr_assert_str_eq(key, claimed_key(claimed));
    cr_assert_str_eq(who(key), "reply {\"user\":\"u1\"}");
    cr_assert(fixture_is(CALL(.kind = "email", .key = "locate", .method = "locate", .body = "{\"email\":\"mina\"}"),
                         ERROR_TEXT("invalid")));
}

Test(email, an_address_that_was_let_go_is_free) {
    char key[HASH_TEXT_BYTES + 1];
    sign_up("u1", "mina@example.org");
    claimed_key(key);
    cr_assert(fixture_is(CALL(.key = "u1", .method = "update", .body = "{\"email\":\"new@example.org\"}"), "reply"));
    assert_free(key);
    cr_assert(fixture_is(sign_up("u2", "mina@example.org"), "reply"));
    assert_owner(key, "u2");
}
