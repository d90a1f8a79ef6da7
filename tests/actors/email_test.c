/* SPDX-License-Identifier: MIT */
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

Test(email, an_address_that_was_let_go_is_free) {
    char key[HASH_TEXT_BYTES + 1];
    sign_up("u1", "mina@example.org");
    claimed_key(key);
    cr_assert(fixture_is(CALL(.key = "u1", .method = "update", .body = "{\"email\":\"new@example.org\"}"), "reply"));
    assert_free(key);
    cr_assert(fixture_is(sign_up("u2", "mina@example.org"), "reply"));
    assert_owner(key, "u2");
}
