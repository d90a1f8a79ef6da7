/* SPDX-License-Identifier: MIT */
#include "actors/work_password.h"
#include "tests/actors/shard_fixture.h"

static fixture_t fixture;

#define PASSWORD "correct horse 말"
#define WRONG "{\"password\":\"correct horse\"}"
#define RIGHT "{\"password\":\"" PASSWORD "\"}"
#define MINA "{\"email\":\"mina@example.org\",\"name\":\"Mina\",\"password\":\"" PASSWORD "\"}"
#define UNAUTHENTICATED ERROR_TEXT("unauthenticated")
#define LIMITED ERROR_TEXT("rate_limited")

enum { FREE_FAILURES = 5, HOUR_MS = 3600000, ATTEMPTS = 20 };

static uint64_t ids; /* of one session, so that answers are kept */

static call_t call_of(const char *kind, const char *key, const char *method, const char *body) {
    ids++;
    return (call_t){.kind = kind, .key = key, .method = method, .body = body, .session = 1, .id = ids, .lowest = 1};
}

static const char *login(const char *key, const char *body) {
    call_t call = call_of("credential", key, "login", body);
    return fixture_call(&fixture, &call);
}

static void assert_is(const char *text, const char *begin) {
    cr_assert(fixture_is(text, begin), "%s is not %s", text, begin);
}

static void sign_up(void) {
    call_t call = call_of("user", "u1", "create", MINA);
    assert_is(fixture_call(&fixture, &call), "reply {\"id\":\"u1\",\"version\":1,");
}

static void setup(void) {
    fixture.options.count = 3;
    fixture_open(&fixture);
    sign_up();
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(credential, .init = setup, .fini = teardown);

static void fail_times(const char *key, int times) {
    for (int i = 0; i < times; i++) {
        assert_is(login(key, WRONG), UNAUTHENTICATED);
    }
}

static bool loses_works(const effect_t *effect) {
    return effect->type == EFFECT_WORK;
}

/* What must not happen. */

static bool holds(span_t bytes, const char *text) {
    return bytes.len > 0 && memmem(bytes.ptr, bytes.len, text, strlen(text)) != NULL;
}

/* Rows of state, outbox, timers and answers: all of them pass the journal. */
static uint32_t records_with(const char *text) {
    span_t rest = span_of(fixture.journal, fixture.journal_bytes);
    log_record_t record;
    uint32_t count = 0;
    while (log_record_next(&rest, &record)) {
        count += holds(record.value, text) || holds(record.key, text);
    }
    return count;
}

Test(credential, no_password_is_written_or_answered) {
    login("u1", WRONG);
    login("u1", RIGHT);
    login("nobody", RIGHT);
    fixture.may_wait = true;
    fixture.loses = loses_works; /* what is guarded, too */
    login("u1", RIGHT);
    call_t call =
        call_of("user", "u2", "create", "{\"email\":\"n@example.org\",\"name\":\"N\",\"password\":\"" PASSWORD "\"}");
    fixture_call(&fixture, &call);
    fixture_pass(&fixture, 2 * PASSWORD_MS);
    cr_assert_eq(records_with("correct horse"), 0);
    cr_assert_gt(records_with("mina@example.org"), 0, "they would be found");
    for (uint64_t i = 1; i <= fixture.tickets; i++) {
        cr_assert_null(strstr(fixture.outcomes[i].text, "correct horse"), "%s", fixture.outcomes[i].text);
        cr_assert_null(strstr(fixture.outcomes[i].text, "argon2"), "%s", fixture.outcomes[i].text);
    }
}

Test(credential, the_hash_is_shown_to_nobody) {
    const char *text = fixture_call(&fixture, &(call_t){.kind = "credential", .key = "u1", .method = "show"});
    cr_assert_not_null(strstr(text, "\"phc\":\"***\""), "%s", text);
    cr_assert_null(strstr(fixture_call(&fixture, &(call_t){.key = "u1", .method = "show"}), "phc"));
    for (uint32_t i = 0; i < kinds[KIND_credential].method_count; i++) {
        cr_assert_eq(kinds[KIND_credential].methods[i].reply, &record_empty, "%s",
                     kinds[KIND_credential].methods[i].name);
    }
}

Test(credential, what_is_not_the_password_does_not_log_in) {
    static const char *const bad[] = {"{\"password\":\"correct horse\"}", "{\"password\":\"Correct horse 말\"}",
                                      "{\"password\":\"correct horse 말 \"}",
                                      "{\"password\":\"correct horse 말\\u0000\"}"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_is(login("u1", bad[i]), UNAUTHENTICATED);
    }
    assert_is(login("u1", RIGHT), "reply {}");
}

Test(credential, a_user_without_a_password_does_not_log_in) {
    call_t call = call_of("user", "u2", "create", "{\"email\":\"n@example.org\",\"name\":\"N\"}");
    assert_is(fixture_call(&fixture, &call), "reply");
    assert_is(login("u2", RIGHT), UNAUTHENTICATED);
}

Test(credential, only_gateways_and_operators_log_in) {
    cr_assert_eq(kinds[KIND_credential].methods[METHOD_credential_login].roles, ROLE_GATEWAY | ROLE_OPERATOR);
}

/* Whether there is such a user cannot be told from any answer, however often one asks. */
Test(credential, a_key_that_is_nobodys_is_answered_like_a_users) {
    char known[256];
    for (int i = 0; i < ATTEMPTS; i++) {
        snprintf(known, sizeof known, "%s", login("u1", WRONG));
        cr_assert_str_eq(login("0190163d-8694-8739-aea5-966c26f8ad91", WRONG), known);
        fixture_pass(&fixture, i % 3 == 0 ? 300 : 2000);
    }
    cr_assert(fixture_is(known, LIMITED));
    fixture_pass(&fixture, HOUR_MS);
    snprintf(known, sizeof known, "%s", login("u1", WRONG));
    cr_assert_str_eq(login("0190163d-8694-8739-aea5-966c26f8ad91", WRONG), known);
    assert_is(known, UNAUTHENTICATED);
}

Test(credential, while_it_is_locked_not_even_the_right_password_logs_in) {
    fail_times("u1", FREE_FAILURES);
    cr_assert_str_eq(login("u1", RIGHT), "error {\"code\":\"rate_limited\",\"text\":\"Too many logins have failed\","
                                         "\"retryable\":false,\"retry_after_ms\":1000}");
    fixture_restart_as(&fixture, 2);
    fixture_pass(&fixture, 999);
    assert_is(login("u1", RIGHT), LIMITED);
    fixture_pass(&fixture, 1);
    assert_is(login("u1", RIGHT), "reply {}");
}

Test(credential, each_failure_locks_for_twice_as_long_up_to_a_quarter_of_an_hour) {
    uint64_t expected_ms = 1000;
    fail_times("u1", FREE_FAILURES);
    for (int i = 0; i < 12; i++) {
        const char *text = login("u1", RIGHT), *at = strstr(text, "\"retry_after_ms\":");
        cr_assert_not_null(at, "%s", text);
        cr_assert_eq(strtoull(at + strlen("\"retry_after_ms\":"), NULL, 10), expected_ms, "%s", text);
        fixture_pass(&fixture, expected_ms);
        assert_is(login("u1", WRONG), UNAUTHENTICATED);
        expected_ms = 2 * expected_ms < 900000 ? 2 * expected_ms : 900000;
    }
}

/* Otherwise a thousand could be tried before the first is found to be wrong. */
Test(credential, logins_that_are_under_way_at_once_count) {
    int refused = 0;
    fixture.may_wait = true;
    fixture.loses = loses_works;
    uint64_t first = fixture.tickets + 1;
    for (int i = 0; i < ATTEMPTS; i++) {
        call_t call = call_of("credential", "u1", "login", WRONG);
        fixture_send(&fixture, &call);
    }
    fixture_run(&fixture);
    for (uint64_t i = first; i < first + ATTEMPTS; i++) {
        const char *text = fixture_outcome(&fixture, i);
        refused += text != NULL;
        cr_assert(text == NULL || fixture_is(text, LIMITED), "%s", text);
    }
    cr_assert_eq(refused, ATTEMPTS - FREE_FAILURES);
}

Test(credential, a_login_whose_work_is_lost_is_answered_in_seconds_and_no_failure) {
    fixture.may_wait = true;
    fixture.loses = loses_works;
    for (int i = 0; i < ATTEMPTS; i++) {
        call_t call = call_of("credential", i % 2 == 0 ? "u1" : "nobody", "login", RIGHT);
        uint64_t ticket = fixture_send(&fixture, &call);
        fixture_pass(&fixture, PASSWORD_MS);
        cr_assert_str_eq(fixture_outcome(&fixture, ticket),
                         "error {\"code\":\"rate_limited\",\"text\":\"Too many log in just now\",\"retryable\":false,"
                         "\"retry_after_ms\":1000}");
        cr_assert_str_eq(fixture_call(&fixture, &call), fixture_outcome(&fixture, ticket), "also to its retry");
    }
    fixture.loses = NULL;
    assert_is(login("u1", RIGHT), "reply {}");
    fixture_restart_as(&fixture, 1);
    const char *text = fixture_call(&fixture, &(call_t){.kind = "credential", .method = "list"});
    cr_assert_null(strstr(text, "nobody"), "nothing is kept of it: %s", text);
}

Test(credential, a_crash_ends_a_login_and_its_retry_is_told) {
    fixture.may_wait = true;
    fixture.loses = loses_works;
    call_t call = call_of("credential", "u1", "login", RIGHT);
    fixture.settled = fixture_send(&fixture, &call);
    fixture_run(&fixture);
    fixture_restart_as(&fixture, 2);
    fixture.loses = NULL;
    uint64_t retry = fixture_send(&fixture, &call);
    fixture_pass(&fixture, PASSWORD_MS);
    assert_is(fixture_outcome(&fixture, retry), LIMITED);
    assert_is(login("u1", RIGHT), "reply {}");
}

Test(credential, a_result_that_comes_too_late_changes_nothing) {
    uint8_t bytes[256], hold[HOLD_BYTES] = {0};
    pack_t pack = pack_into(bytes, sizeof bytes);
    credential_check_t check = {0};
    fail_times("u1", FREE_FAILURES);
    FIELD_SET(credential_check, &check, until, fixture.unix_ms);
    FIELD_SET(credential_check, &check, hold, span_of(hold, sizeof hold));
    FIELD_SET(credential_check, &check, right, true);
    record_encode(&record_credential_check, &check, &pack);
    fixture_call(&fixture, &(call_t){.kind = "credential", .key = "u1", .method = "checked", .raw = pack_bytes(&pack)});
    assert_is(login("u1", RIGHT), LIMITED);
}

Test(credential, what_is_kept_of_nobody_goes) {
    fail_times("nobody", FREE_FAILURES);
    fixture_restart_as(&fixture, 1);
    fixture_pass(&fixture, HOUR_MS);
    const char *text = fixture_call(&fixture, &(call_t){.kind = "credential", .method = "list"});
    cr_assert(strstr(text, "nobody") == NULL && strstr(text, "u1") != NULL, "%s", text);
}

/* What must happen. */

Test(credential, who_signed_up_logs_in) {
    assert_is(login("u1", RIGHT), "reply {}");
    fixture_restart_as(&fixture, 1);
    assert_is(login("u1", RIGHT), "reply {}");
    fixture_pass(&fixture, 2 * HOUR_MS);
    assert_is(login("u1", RIGHT), "reply {}");
}

Test(credential, a_good_login_resets_the_count) {
    for (int i = 0; i < 3; i++) {
        fail_times("u1", FREE_FAILURES - 1);
        assert_is(login("u1", RIGHT), "reply {}");
    }
}

Test(credential, two_logins_of_one_user_may_be_under_way) {
    call_t first = call_of("credential", "u1", "login", RIGHT), second = call_of("credential", "u1", "login", WRONG);
    uint64_t good = fixture_send(&fixture, &first), bad = fixture_send(&fixture, &second);
    fixture_run(&fixture);
    assert_is(fixture_outcome(&fixture, good), "reply {}");
    assert_is(fixture_outcome(&fixture, bad), UNAUTHENTICATED);
}
