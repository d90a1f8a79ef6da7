/* SPDX-License-Identifier: MIT */
#include "actors/store_key.h"
#include "tests/actors/shard_fixture.h"

static fixture_t fixture;

#define CALL(...) fixture_call(&fixture, &(call_t){__VA_ARGS__})
#define SESSION(key_, method_, body_) CALL(.kind = "session", .key = (key_), .method = (method_), .body = (body_))
#define USER(method_, body_) CALL(.key = "u1", .method = (method_), .body = (body_))
#define UNAUTHENTICATED ERROR_TEXT("unauthenticated")

enum { TOKEN_BYTES = 128 };

static const call_t first_open = {.kind = "session",
                                  .key = "s1",
                                  .method = "open",
                                  .body = "{\"as\":\"user/u1\"}",
                                  .session = 1,
                                  .id = 1,
                                  .lowest = 1};

static void setup(void) {
    fixture.options.count = 3;
    fixture_open(&fixture);
    cr_assert(fixture_is(USER("create", "{\"email\":\"mina@example.org\",\"name\":\"Mina\"}"), "reply"));
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(session, .init = setup, .fini = teardown);

static void assert_is(const char *text, const char *begin) {
    cr_assert(fixture_is(text, begin), "%s is not %s", text, begin);
}

static void assert_has(const char *text, const char *part) {
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

static void forget_events(void) {
    fixture.events_bytes = 0;
    fixture.events[0] = 0;
}

static void read_token(const char *text, char token[TOKEN_BYTES]) {
    assert_is(text, "reply {\"token\":\"");
    snprintf(token, TOKEN_BYTES, "%s", text + strlen("reply {\"token\":\""));
    token[strcspn(token, "\"")] = 0;
}

/* A session of u1 under this key. */
static void log_in(const char *key, char token[TOKEN_BYTES]) {
    read_token(SESSION(key, "create", "{\"user\":\"u1\"}"), token);
}

static const char *open_token(const char *key, const char *token) {
    char body[2 * TOKEN_BYTES];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return SESSION(key, "open", body);
}

static const char *refresh_token(const char *key, const char *token) {
    char body[2 * TOKEN_BYTES];
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    return SESSION(key, "refresh", body);
}

/* The next one. */
static void refresh(const char *key, const char *token, char next[TOKEN_BYTES]) {
    read_token(refresh_token(key, token), next);
}

static uint8_t last_flags(void) {
    return fixture.outcomes[fixture.tickets].flags;
}

/* What must not open. */

Test(session, what_is_not_its_token_does_not_open_it) {
    char token[TOKEN_BYTES], other[TOKEN_BYTES];
    log_in("s1", token);
    log_in("s2", other);
    assert_is(open_token("s1", other), UNAUTHENTICATED);
    assert_is(open_token("s3", token), UNAUTHENTICATED);
    assert_is(open_token("s1", "s1."), UNAUTHENTICATED);
    assert_is(open_token("s1", "s1"), UNAUTHENTICATED);
    token[strlen(token) - 1] ^= 1;
    assert_is(open_token("s1", token), UNAUTHENTICATED);
    token[strlen(token) - 1] = 0;
    assert_is(open_token("s1", token), UNAUTHENTICATED);
    cr_assert_eq(last_flags(), 0);
}

Test(session, a_session_without_a_token_is_opened_by_none) {
    SESSION("s1", "open", "{\"as\":\"user/u1\"}");
    assert_is(open_token("s1", "s1."), UNAUTHENTICATED);
}

Test(session, only_an_operator_acts_for_whom_he_likes) {
    const char *text =
        CALL(.kind = "session", .key = "s1", .method = "open", .body = "{\"as\":\"user/u1\"}", .roles = ROLE_GATEWAY);
    assert_is(text, ERROR_TEXT("forbidden"));
    cr_assert_eq(kinds[KIND_session].methods[METHOD_session_open].roles, ROLE_KEYS, "nobody who has a handle");
}

#define GATEWAY(key_, method_, body_)                                                                                  \
    CALL(.kind = "session", .key = (key_), .method = (method_), .body = (body_), .roles = ROLE_GATEWAY)

Test(session, a_gateway_opens_for_its_user_only_what_goes_on) {
    char token[TOKEN_BYTES];
    read_token(SESSION("s1", "create", "{\"user\":\"u1\",\"ttl_ms\":5000}"), token);
    assert_is(GATEWAY("s2", "open", "{\"user\":\"u1\"}"), UNAUTHENTICATED);
    assert_is(GATEWAY("s1", "open", "{\"user\":\"u2\"}"), UNAUTHENTICATED);
    assert_is(GATEWAY("s1", "open", "{\"user\":\"u\"}"), UNAUTHENTICATED);
    assert_is(SESSION("s1", "open", "{\"user\":\"u1\"}"), ERROR_TEXT("forbidden"));
    cr_assert_eq(last_flags(), 0);
    fixture.unix_ms += 5000; /* its timer has not fired yet */
    assert_is(GATEWAY("s1", "open", "{\"user\":\"u1\"}"), UNAUTHENTICATED);
    log_in("s3", token);
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    assert_is(GATEWAY("s3", "open", "{\"user\":\"u1\"}"), UNAUTHENTICATED);
    cr_assert_eq(last_flags(), 0);
}

Test(session, another_user_does_not_see_it) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    assert_is(CALL(.kind = "session", .key = "s1", .method = "get", .user = "u2"), ERROR_TEXT("forbidden"));
    cr_assert_eq(kinds[KIND_session].methods[METHOD_session_get].roles & ROLE_SERVICE, 0);
    assert_is(SESSION("s2", "get", NULL), ERROR_TEXT("not_found"));
    fixture.unix_ms += 86400000; /* its timer has not fired yet */
    assert_is(SESSION("s1", "get", NULL), ERROR_TEXT("not_found"));
}

Test(session, what_is_no_user_has_no_session) {
    static const char *const bad[] = {"{}",
                                      "{\"as\":\"u1\"}",
                                      "{\"as\":\"room/u1\"}",
                                      "{\"as\":\"user/\"}",
                                      "{\"as\":\"user/u1\",\"token\":\"x\"}",
                                      "{\"user\":\"u1\",\"token\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        assert_is(SESSION("s1", "open", bad[i]), ERROR_TEXT("invalid"));
    }
    assert_is(SESSION("s1", "create", "{\"user\":\"a b\"}"), ERROR_TEXT("invalid"));
    assert_is(SESSION("s1", "create", "{\"user\":\"u2\"}"), ERROR_TEXT("not_found"));
    assert_is(SESSION("s1", "open", "{\"as\":\"user/u2\"}"), ERROR_TEXT("not_found"));
    assert_is(SESSION("s1", "show", NULL), ERROR_TEXT("not_found"));
}

Test(session, a_key_that_the_user_could_not_remember_is_refused) {
    char key[KEY_BYTES_MAX + 1];
    memset(key, 'k', KEY_BYTES_MAX);
    key[KEY_BYTES_MAX] = 0;
    assert_is(SESSION(key, "create", "{\"user\":\"u1\"}"), ERROR_TEXT("invalid"));
    assert_is(SESSION(key + 8, "create", "{\"user\":\"u1\"}"), "reply");
}

Test(session, a_user_who_is_not_active_has_no_session) {
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    assert_is(SESSION("s1", "create", "{\"user\":\"u1\"}"), ERROR_TEXT("forbidden"));
    assert_is(SESSION("s1", "open", "{\"as\":\"user/u1\"}"), ERROR_TEXT("forbidden"));
    USER("set_status", "{\"status\":\"INACTIVE\"}");
    assert_is(SESSION("s1", "create", "{\"user\":\"u1\"}"), ERROR_TEXT("forbidden"));
}

Test(session, a_key_has_one_session) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    assert_is(SESSION("s1", "create", "{\"user\":\"u1\"}"), ERROR_TEXT("conflict"));
    assert_is(SESSION("s1", "open", "{\"as\":\"user/u1\"}"), ERROR_TEXT("conflict"));
    assert_is(open_token("s1", token), "reply");
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    assert_is(open_token("s1", token), UNAUTHENTICATED);
}

/* The end. */

/* A retry, also after a restart, is told that the handle has ended. */
static void assert_retry_gives_nothing(void) {
    for (int i = 0; i < 2; i++) {
        assert_is(fixture_call(&fixture, &first_open), UNAUTHENTICATED);
        cr_assert_eq(last_flags(), 0);
        fixture_restart_as(&fixture, 2);
    }
}

Test(session, a_retry_does_not_revive_the_handle_of_a_user_who_was_suspended) {
    assert_is(fixture_call(&fixture, &first_open), "reply {\"handle\":");
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    assert_retry_gives_nothing();
    USER("set_status", "{\"status\":\"ACTIVE\"}");
    assert_retry_gives_nothing();
}

Test(session, a_retry_does_not_revive_the_handle_of_another_role) {
    USER("set_role", "{\"role\":\"ADMIN\"}");
    assert_has(fixture_call(&fixture, &first_open), "\"role\":\"ADMIN\"");
    USER("set_role", "{\"role\":\"USER\"}");
    assert_retry_gives_nothing();
}

Test(session, a_retry_does_not_revive_the_handle_of_an_earlier_session_of_this_key) {
    assert_is(fixture_call(&fixture, &first_open), "reply {\"handle\":");
    SESSION("s1", "end", NULL);
    assert_retry_gives_nothing();
    fixture.unix_ms += 1;
    assert_is(SESSION("s1", "open", "{\"as\":\"user/u1\"}"), "reply");
    assert_retry_gives_nothing();
}

static bool loses_sends(const effect_t *effect) {
    return effect->type == EFFECT_SEND;
}

static uint32_t passed;

static bool loses_second_send(const effect_t *effect) {
    return effect->type == EFFECT_SEND && ++passed > 1;
}

static void let_go_on(void) {
    fixture.loses = NULL;
    fixture_pass(&fixture, 60000);
    fixture.may_wait = false;
    fixture_run(&fixture);
}

Test(session, a_suspension_that_falls_before_the_user_vouched_forbids_the_session) {
    fixture.loses = loses_sends;
    fixture.may_wait = true;
    uint64_t ticket = fixture_send(
        &fixture, &(call_t){.kind = "session", .key = "s1", .method = "open", .body = "{\"as\":\"user/u1\"}"});
    fixture_run(&fixture);
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    let_go_on();
    assert_is(fixture_outcome(&fixture, ticket), ERROR_TEXT("forbidden"));
}

Test(session, a_suspension_that_falls_behind_it_ends_the_session_and_its_handle) {
    fixture.loses = loses_second_send;
    fixture.may_wait = true;
    uint64_t ticket = fixture_send(
        &fixture, &(call_t){.kind = "session", .key = "s1", .method = "open", .body = "{\"as\":\"user/u1\"}"});
    fixture_run(&fixture);
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    cr_assert_null(fixture_outcome(&fixture, ticket));
    let_go_on();
    assert_is(fixture_outcome(&fixture, ticket), "reply");
    cr_assert_eq(fixture.outcomes[ticket].flags, EFFECT_GRANT);
    assert_has(fixture.events, "end user/u1\n");
    assert_has(fixture.events, "end session/s1\n");
    assert_is(SESSION("s1", "show", NULL), ERROR_TEXT("not_found"));
}

Test(session, sessions_end_when_the_user_is_suspended) {
    char first[TOKEN_BYTES], second[TOKEN_BYTES];
    log_in("s1", first);
    log_in("s2", second);
    fixture_restart_as(&fixture, 2);
    assert_is(USER("set_status", "{\"status\":\"SUSPENDED\"}"), "reply");
    assert_has(fixture.events, "end user/u1\n");
    assert_has(fixture.events, "end session/s1\n");
    assert_has(fixture.events, "end session/s2\n");
    USER("set_status", "{\"status\":\"ACTIVE\"}");
    assert_is(open_token("s1", first), UNAUTHENTICATED);
    assert_is(open_token("s2", second), UNAUTHENTICATED);
}

Test(session, a_session_that_has_ended_opens_no_more) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    assert_is(SESSION("s1", "end", NULL), "reply {}");
    cr_assert_str_eq(fixture.events, "end session/s1\n");
    assert_is(open_token("s1", token), UNAUTHENTICATED);
    assert_is(SESSION("s1", "end", NULL), ERROR_TEXT("not_found"));
    forget_events();
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    cr_assert_str_eq(fixture.events, "end user/u1\n", "the user has forgotten it");
}

Test(session, another_user_does_not_end_it) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    assert_is(CALL(.kind = "session", .key = "s1", .method = "end", .user = "u2"), ERROR_TEXT("forbidden"));
    assert_is(open_token("s1", token), "reply");
    assert_is(CALL(.kind = "session", .key = "s1", .method = "end", .user = "u1"), "reply");
    log_in("s1", token);
    assert_is(CALL(.kind = "session", .key = "s1", .method = "end", .user = "u2", .roles = ROLE_USER | ROLE_ADMIN),
              "reply");
}

Test(session, a_session_ends_by_itself) {
    char token[TOKEN_BYTES];
    read_token(SESSION("s1", "create", "{\"user\":\"u1\",\"ttl_ms\":5000}"), token);
    fixture_pass(&fixture, 4000);
    assert_has(open_token("s1", token), "\"expires_at\":1767225605000");
    fixture_restart_as(&fixture, 1);
    fixture.unix_ms += 1000; /* nothing has fired yet */
    fixture.now_us += 1000000;
    assert_is(open_token("s1", token), UNAUTHENTICATED);
    fixture_pass(&fixture, 1000);
    assert_is(SESSION("s1", "show", NULL), ERROR_TEXT("not_found"));
    cr_assert_str_eq(fixture.events, "end session/s1\n");
}

Test(session, the_timer_of_a_session_that_has_ended_does_not_end_the_next_of_its_key) {
    char token[TOKEN_BYTES];
    read_token(SESSION("s1", "create", "{\"user\":\"u1\",\"ttl_ms\":5000}"), token);
    SESSION("s1", "end", NULL);
    log_in("s1", token);
    fixture_pass(&fixture, 10000);
    assert_is(open_token("s1", token), "reply");
}

Test(session, for_one_more_than_a_user_may_have_the_oldest_ends) {
    enum { SESSIONS = 50 };
    char key[16], tokens[SESSIONS + 1][TOKEN_BYTES];
    for (int i = 0; i <= SESSIONS; i++) {
        snprintf(key, sizeof key, "s%d", 90 - i); /* not in the order of keys */
        log_in(key, tokens[i]);
        fixture.unix_ms += 1;
    }
    cr_assert_str_eq(fixture.events, "end session/s90\n");
    assert_is(open_token("s90", tokens[0]), UNAUTHENTICATED);
    assert_is(open_token("s89", tokens[1]), "reply");
    assert_is(open_token("s40", tokens[SESSIONS]), "reply");
}

Test(session, another_user_neither_sees_nor_ends_them) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    assert_is(CALL(.key = "u1", .method = "sessions", .user = "u2"), ERROR_TEXT("forbidden"));
    assert_is(CALL(.key = "u1", .method = "end_sessions", .user = "u2"), ERROR_TEXT("forbidden"));
    assert_is(open_token("s1", token), "reply");
}

Test(session, a_user_ends_them_all_at_once) {
    char first[TOKEN_BYTES], second[TOKEN_BYTES];
    log_in("s1", first);
    log_in("s2", second);
    fixture_restart_as(&fixture, 2);
    assert_is(CALL(.key = "u1", .method = "end_sessions", .user = "u1"), "reply {}");
    assert_has(fixture.events, "end user/u1\n");
    assert_has(fixture.events, "end session/s1\n");
    assert_has(fixture.events, "end session/s2\n");
    assert_is(open_token("s1", first), UNAUTHENTICATED);
    assert_is(open_token("s2", second), UNAUTHENTICATED);
    assert_is(USER("sessions", NULL), "reply {\"items\":[]}");
    log_in("s3", first);
    assert_is(open_token("s3", first), "reply");
}

/* What must not be refreshed. */

static void assert_revoked(const char *text, const char *good) {
    assert_is(text, UNAUTHENTICATED);
    assert_has(fixture.events, "end session/s1\n");
    assert_is(open_token("s1", good), UNAUTHENTICATED);
    assert_is(refresh_token("s1", good), UNAUTHENTICATED);
    assert_is(SESSION("s1", "show", NULL), ERROR_TEXT("not_found"));
    assert_is(USER("sessions", NULL), "reply {\"items\":[]}");
}

Test(session, a_token_that_was_replaced_ends_the_session_once_its_successor_was_replaced_too) {
    char first[TOKEN_BYTES], second[TOKEN_BYTES], third[TOKEN_BYTES];
    log_in("s1", first);
    refresh("s1", first, second);
    refresh("s1", second, third);
    assert_revoked(refresh_token("s1", first), third);
}

Test(session, a_token_that_was_replaced_ends_the_session_once_its_grace_is_over) {
    char first[TOKEN_BYTES], second[TOKEN_BYTES];
    log_in("s1", first);
    refresh("s1", first, second);
    fixture_restart_as(&fixture, 1);
    fixture.unix_ms += 29999;
    assert_has(refresh_token("s1", first), second);
    fixture.unix_ms += 1;
    assert_revoked(refresh_token("s1", first), second);
}

Test(session, a_token_that_was_replaced_ends_the_session_also_where_it_is_to_open) {
    char first[TOKEN_BYTES], second[TOKEN_BYTES];
    log_in("s1", first);
    refresh("s1", first, second);
    assert_is(open_token("s1", first), "reply {\"handle\":");
    fixture.unix_ms += 30000;
    assert_revoked(open_token("s1", first), second);
}

Test(session, a_token_that_was_replaced_ends_the_session_before_anybody_is_told) {
    char first[TOKEN_BYTES], second[TOKEN_BYTES], body[2 * TOKEN_BYTES];
    log_in("s1", first);
    refresh("s1", first, second);
    fixture.unix_ms += 30000;
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", first);
    fixture.loses = loses_sends;
    fixture.may_wait = true;
    uint64_t ticket =
        fixture_send(&fixture, &(call_t){.kind = "session", .key = "s1", .method = "refresh", .body = body});
    fixture_run(&fixture);
    cr_assert_null(fixture_outcome(&fixture, ticket));
    assert_has(fixture.events, "end session/s1\n");
    assert_is(open_token("s1", second), UNAUTHENTICATED);
    let_go_on();
    assert_is(fixture_outcome(&fixture, ticket), UNAUTHENTICATED);
    assert_is(USER("sessions", NULL), "reply {\"items\":[]}");
}

Test(session, what_is_not_its_token_neither_refreshes_nor_ends_it) {
    char token[TOKEN_BYTES], other[TOKEN_BYTES], bad[TOKEN_BYTES];
    log_in("s1", token);
    log_in("s2", other);
    uint64_t records = fixture.records;
    assert_is(refresh_token("s1", other), UNAUTHENTICATED);
    assert_is(refresh_token("s3", token), UNAUTHENTICATED);
    assert_is(refresh_token("s1", "s1."), UNAUTHENTICATED);
    for (size_t i = 0; i < strlen(token); i++) {
        snprintf(bad, sizeof bad, "%s", token);
        bad[i] = bad[i] == '0' ? '1' : '0';
        assert_is(refresh_token("s1", bad), UNAUTHENTICATED);
        bad[i] = 0;
        assert_is(refresh_token("s1", i == 0 ? "x" : bad), UNAUTHENTICATED);
    }
    cr_assert_eq(fixture.records, records, "nothing was written");
    assert_is(open_token("s1", token), "reply");
}

Test(session, a_session_that_has_ended_is_not_refreshed) {
    char token[TOKEN_BYTES];
    SESSION("s1", "open", "{\"as\":\"user/u1\"}");
    assert_is(refresh_token("s1", "s1."), UNAUTHENTICATED);
    log_in("s2", token);
    SESSION("s2", "end", NULL);
    assert_is(refresh_token("s2", token), UNAUTHENTICATED);
    char earlier[TOKEN_BYTES];
    snprintf(earlier, sizeof earlier, "%s", token);
    log_in("s2", token);
    assert_is(refresh_token("s2", earlier), UNAUTHENTICATED);
    assert_is(open_token("s2", token), "reply");
    log_in("s3", token);
    USER("set_status", "{\"status\":\"SUSPENDED\"}");
    assert_is(refresh_token("s3", token), UNAUTHENTICATED);
    cr_assert_eq(kinds[KIND_session].methods[METHOD_session_refresh].roles, ROLE_KEYS, "nobody who has a handle");
}

Test(session, a_refresh_does_not_prolong_the_session) {
    char token[TOKEN_BYTES];
    read_token(SESSION("s1", "create", "{\"user\":\"u1\",\"ttl_ms\":5000}"), token);
    fixture_pass(&fixture, 4000);
    const char *text = refresh_token("s1", token);
    assert_has(text, "\"session\":\"s1\",\"user\":\"u1\",\"expires_at\":1767225605000}");
    read_token(text, token);
    fixture.unix_ms += 1000; /* its timer has not fired yet */
    assert_is(refresh_token("s1", token), UNAUTHENTICATED);
    fixture_pass(&fixture, 1000);
    assert_is(SESSION("s1", "show", NULL), ERROR_TEXT("not_found"));
}

/* What they are for. */

Test(session, its_user_lists_them_page_by_page) {
    char token[TOKEN_BYTES];
    read_token(SESSION("s1", "create", "{\"user\":\"u1\",\"device\":\"A phone\"}"), token);
    fixture.unix_ms += 1000;
    log_in("r2", token);
    log_in("s3", token);
    SESSION("s3", "end", NULL);
    cr_assert_str_eq(CALL(.key = "u1", .method = "sessions", .user = "u1"),
                     "reply {\"items\":[{\"id\":\"s1\",\"created_at\":1767225600000,\"device\":\"A phone\"},"
                     "{\"id\":\"r2\",\"created_at\":1767225601000}]}");
    cr_assert_str_eq(USER("sessions", "{\"limit\":1}"),
                     "reply {\"items\":[{\"id\":\"s1\",\"created_at\":1767225600000,\"device\":\"A phone\"}],"
                     "\"next\":\"0000019b76daa800s1\"}");
    cr_assert_str_eq(USER("sessions", "{\"limit\":1,\"after\":\"0000019b76daa800s1\"}"),
                     "reply {\"items\":[{\"id\":\"r2\",\"created_at\":1767225601000}]}");
}

Test(session, a_token_gives_a_handle_each_time) {
    char token[TOKEN_BYTES], first[512];
    log_in("s1", token);
    cr_assert_eq(last_flags(), 0);
    uint64_t records = fixture.records;
    snprintf(first, sizeof first, "%s", open_token("s1", token));
    assert_is(first, "reply {\"handle\":");
    assert_has(first, "\"user\":\"u1\",\"role\":\"USER\",\"session\":\"s1\",\"expires_at\":1767312000000}");
    cr_assert_eq(last_flags(), EFFECT_GRANT);
    cr_assert_str_neq(open_token("s1", token), first, "another one");
    cr_assert_eq(fixture.records, records, "nothing of it is kept");
    fixture_restart_as(&fixture, 1);
    assert_is(open_token("s1", token), "reply");
}

/* How many records of the journal hold the secret of this token? All of them stand under this key. */
static uint32_t records_with_secret(const char *token, span_t key) {
    span_t rest = span_of(fixture.journal, fixture.journal_bytes), secret = span_text(strchr(token, '.') + 1);
    log_record_t record;
    uint32_t count = 0;
    while (log_record_next(&rest, &record)) {
        if (record.value.len > 0 && memmem(record.value.ptr, record.value.len, secret.ptr, secret.len) != NULL) {
            cr_assert(span_equal(record.key, key), "the secret stands under another key");
            count++;
        }
    }
    return count;
}

Test(session, who_does_not_retry_has_a_token_that_is_not_stored) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    cr_assert_eq(records_with_secret(token, span_text("")), 0);
    assert_has(SESSION("s1", "show", NULL), "\"family\":\"***\"");
}

Test(session, of_who_may_retry_the_token_is_stored_only_in_the_kept_answer) {
    call_t call = first_open;
    char token[TOKEN_BYTES], again[TOKEN_BYTES];
    uint8_t client[SESSION_BYTES];
    store_key_t kept;
    call.method = "create";
    call.body = "{\"user\":\"u1\"}";
    read_token(fixture_call(&fixture, &call), token);
    fixture_session(call.session, FIXTURE_UNIX_MS, client);
    store_key_answer(&kept, address_partition(span_text("session"), span_text("s1")), client, call.id);
    cr_assert_eq(records_with_secret(token, store_key_span(&kept)), 1);
    read_token(fixture_call(&fixture, &call), again);
    cr_assert_str_eq(again, token);
}

Test(session, a_gateway_opens_it_for_its_user_without_the_token) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    uint64_t records = fixture.records;
    const char *text = GATEWAY("s1", "open", "{\"user\":\"u1\"}");
    assert_is(text, "reply {\"handle\":");
    assert_has(text, "\"user\":\"u1\",\"role\":\"USER\",\"session\":\"s1\",\"expires_at\":1767312000000}");
    cr_assert_eq(last_flags(), EFFECT_GRANT);
    cr_assert_eq(fixture.records, records, "nothing of it is kept");
}

Test(session, its_user_sees_it_with_its_device) {
    static const char view[] = "reply {\"session\":\"s1\",\"user\":\"u1\",\"role\":\"USER\","
                               "\"created_at\":1767225600000,\"expires_at\":1767312000000,\"device\":\"A phone\"}";
    char token[TOKEN_BYTES];
    read_token(SESSION("s1", "create", "{\"user\":\"u1\",\"device\":\"A phone\"}"), token);
    cr_assert_str_eq(CALL(.kind = "session", .key = "s1", .method = "get", .user = "u1"), view);
    cr_assert_str_eq(GATEWAY("s1", "get", NULL), view);
    fixture_restart_as(&fixture, 2);
    cr_assert_str_eq(SESSION("s1", "get", NULL), view);
    log_in("s2", token);
    cr_assert_null(strstr(SESSION("s2", "get", NULL), "device"));
}

Test(session, an_operator_acts_for_a_user) {
    const char *text = SESSION("s1", "open", "{\"as\":\"user/u1\"}");
    assert_is(text, "reply {\"handle\":");
    assert_has(text, "\"user\":\"u1\",\"role\":\"USER\",\"session\":\"s1\",\"expires_at\":1767229200000}");
    cr_assert_eq(last_flags(), EFFECT_GRANT);
}

Test(session, a_retry_of_what_is_held_gets_the_handle_of_the_first) {
    char first[512];
    snprintf(first, sizeof first, "%s", fixture_call(&fixture, &first_open));
    fixture_restart_as(&fixture, 2);
    cr_assert_str_eq(fixture_call(&fixture, &first_open), first);
    cr_assert_eq(last_flags(), EFFECT_GRANT);
}

Test(session, another_role_ends_the_handles_but_not_the_session) {
    char token[TOKEN_BYTES];
    log_in("s1", token);
    USER("set_role", "{\"role\":\"ADMIN\"}");
    cr_assert_not_null(strstr(fixture.events, "end user/u1\n"));
    cr_assert_not_null(strstr(fixture.events, "end session/s1\n"));
    assert_has(open_token("s1", token), "\"role\":\"ADMIN\"");
    forget_events();
    USER("set_role", "{\"role\":\"ADMIN\"}");
    cr_assert_str_eq(fixture.events, "", "it has that role");
    assert_has(SESSION("s2", "open", "{\"as\":\"user/u1\"}"), "\"role\":\"ADMIN\"");
}

/* Tokens one behind the other. */

Test(session, a_refresh_replaces_the_token_and_ends_no_handle) {
    char tokens[5][TOKEN_BYTES];
    log_in("s1", tokens[0]);
    for (int i = 1; i < 5; i++) {
        refresh("s1", tokens[i - 1], tokens[i]);
        fixture_restart_as(&fixture, (uint16_t)i);
        for (int j = 0; j < i; j++) {
            cr_assert_str_neq(tokens[i], tokens[j]);
        }
        assert_is(open_token("s1", tokens[i]), "reply {\"handle\":");
    }
    cr_assert_str_eq(fixture.events, "");
}

Test(session, of_two_who_refresh_at_once_both_get_the_same) {
    char token[TOKEN_BYTES], body[2 * TOKEN_BYTES], next[TOKEN_BYTES];
    log_in("s1", token);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    const call_t call = {.kind = "session", .key = "s1", .method = "refresh", .body = body};
    uint64_t first = fixture_send(&fixture, &call), second = fixture_send(&fixture, &call);
    fixture_run(&fixture);
    read_token(fixture_outcome(&fixture, first), next);
    cr_assert_str_eq(fixture_outcome(&fixture, second), fixture_outcome(&fixture, first));
    refresh("s1", next, token);
}

Test(session, a_retry_of_a_refresh_gets_the_same_and_nothing_of_it_is_stored) {
    char token[TOKEN_BYTES], body[2 * TOKEN_BYTES], next[TOKEN_BYTES], again[TOKEN_BYTES];
    call_t call = first_open;
    log_in("s1", token);
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    call.method = "refresh";
    call.body = body;
    read_token(fixture_call(&fixture, &call), next);
    cr_assert_eq(records_with_secret(next, span_text("")), 0);
    read_token(fixture_call(&fixture, &call), again);
    cr_assert_str_eq(again, next);
    fixture_restart_as(&fixture, 2);
    read_token(fixture_call(&fixture, &call), again);
    cr_assert_str_eq(again, next);
    refresh("s1", token, again);
    cr_assert_str_eq(again, next, "whoever asks");
    cr_assert_eq(records_with_secret(next, span_text("")), 0);
}
