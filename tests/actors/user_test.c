/* SPDX-License-Identifier: MIT */
#include "actors/store_key.h"
#include "actors/work_password.h"
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
#define CALL_OF(key_, method_, body_)                                                                                  \
    fixture_call(&fixture, &(call_t){.key = (key_), .method = (method_), .body = (body_)})
/* The beginning of an answer that shows the account. */
#define VERSION(number) "reply {\"id\":\"u1\",\"version\":" number ","
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
        "m\\u0085@example.org",
        ".mina@example.org",
        "mina.@example.org",
        "mi..na@example.org",
        "mina@exam..ple.org",
        "mina@-example.org",
        "mina@example-.org",
        "mina@example.-org",
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
    cr_assert(fixture_is(CALL("update", "{\"name\":\"X\",\"version\":1}"), VERSION("2")));
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

Test(user, what_every_account_has_is_not_taken_away) {
    create();
    assert_error("update", "{\"clear\":[\"picture\",\"name\"]}", ERROR_TEXT("invalid"));
    assert_error("update", "{\"clear\":[\"status\"]}", ERROR_TEXT("invalid"));
    assert_error("update", "{\"clear\":[\"nonsense\"]}", ERROR_TEXT("invalid"));
    assert_error("replace", "{\"info\":\"I\"}", ERROR_TEXT("invalid"));
    assert_error("replace", "{\"name\":\"M\",\"version\":2}", ERROR_TEXT("precondition_failed"));
    assert_has("\"version\":1,\"email\":\"mina@example.org\",\"name\":\"Mina\"");
}

Test(user, an_update_takes_away_what_it_says_and_shows_what_is_left) {
    create();
    cr_assert(fixture_is(CALL("update", "{\"first_name\":\"F\",\"picture\":\"p\",\"info\":\"i\"}"), "reply"));
    cr_assert(fixture_is(CALL("update", "{\"clear\":[\"first_name\",\"info\",\"last_name\"],\"last_name\":\"L\"}"),
                         VERSION("3") "\"email\":\"mina@example.org\",\"name\":\"Mina\",\"last_name\":\"L\","
                                      "\"picture\":\"p\",\"status\":"));
}

Test(user, a_replacement_takes_away_all_that_it_does_not_name_but_the_address) {
    create();
    cr_assert(fixture_is(CALL("update", "{\"first_name\":\"F\",\"picture\":\"p\",\"info\":\"i\"}"), "reply"));
    cr_assert(fixture_is(CALL("replace", "{\"name\":\"M\",\"picture\":\"q\",\"version\":2}"),
                         VERSION("3") "\"email\":\"mina@example.org\",\"name\":\"M\",\"picture\":\"q\",\"status\":"));
}

Test(user, a_replacement_may_change_the_address_and_the_rest_with_it) {
    create();
    cr_assert(fixture_is(CALL("update", "{\"info\":\"i\"}"), "reply"));
    cr_assert(fixture_is(CALL("replace", "{\"email\":\"new@example.org\",\"name\":\"M\"}"),
                         VERSION("3") "\"email\":\"new@example.org\",\"name\":\"M\",\"status\":"));
    cr_assert(fixture_is(CALL_OF("u2", "create", MINA), "reply"), "the old address is free");
}

Test(user, a_status_of_another_version_is_not_set) {
    create();
    assert_error("set_status", "{\"status\":\"SUSPENDED\",\"version\":2}", ERROR_TEXT("precondition_failed"));
    assert_has("\"status\":\"ACTIVE\"");
    cr_assert(fixture_is(CALL("set_status", "{\"status\":\"SUSPENDED\",\"version\":1}"), VERSION("2")));
}

Test(user, letters_beyond_ascii_stay_as_they_are) {
    CALL("create", "{\"email\":\"\u00c9LAN@example.org\",\"name\":\"\u00c9lan\"}");
    assert_has("\"email\":\"\u00c9lan@example.org\"");
}

Test(user, a_status_has_the_reason_of_its_last_change) {
    create();
    cr_assert(fixture_is(CALL("set_status", "{\"status\":\"SUSPENDED\",\"reason\":\"spam\"}"), VERSION("2")));
    assert_has("\"status\":\"SUSPENDED\",\"status_reason\":\"spam\"");
    CALL("set_status", "{\"status\":\"ACTIVE\"}");
    assert_has("\"status\":\"ACTIVE\",\"role\":\"USER\",\"created_at\"");
    CALL("update", "{\"name\":\"M\"}");
    assert_has("\"version\":4,");
}

/* One e-mail, one account. */

static uint32_t sends;

static bool loses_sends(const effect_t *effect) {
    sends += effect->type == EFFECT_SEND;
    return effect->type == EFFECT_SEND;
}

/* A request that goes on as soon as messages arrive: its ticket. */
static uint64_t begin(const call_t *call) {
    fixture.loses = loses_sends;
    fixture.may_wait = true;
    uint64_t ticket = fixture_send(&fixture, call);
    fixture_run(&fixture);
    cr_assert_null(fixture_outcome(&fixture, ticket));
    return ticket;
}

static void let_go_on(void) {
    fixture.loses = NULL;
    fixture_pass(&fixture, 60000);
    fixture.may_wait = false;
    fixture_run(&fixture);
}

static bool is_listed(void) {
    return strstr(CALL_OF(NULL, "list", NULL), "\"key\"") != NULL;
}

Test(user, of_two_who_race_for_an_address_one_has_it) {
    int firsts = 0;
    teardown();
    fixture.options.count = 4;
    setup();
    for (int round = 0; round < 100; round++) {
        char body[64], one[16], two[16];
        snprintf(body, sizeof body, "{\"email\":\"e%d@example.org\",\"name\":\"N\"}", round);
        snprintf(one, sizeof one, "a%d", round);
        snprintf(two, sizeof two, "b%d", round);
        uint64_t first = fixture_send(&fixture, &(call_t){.key = one, .method = "create", .body = body});
        uint64_t second = fixture_send(&fixture, &(call_t){.key = two, .method = "create", .body = body});
        fixture_run(&fixture);
        bool first_won = fixture_is(fixture_outcome(&fixture, first), "reply");
        const char *lost = fixture_outcome(&fixture, first_won ? second : first);
        const char *won = fixture_outcome(&fixture, first_won ? first : second);
        cr_assert(fixture_is(won, "reply") && fixture_is(lost, ERROR_TEXT("conflict")), "%s and %s", won, lost);
        cr_assert(fixture_is(CALL_OF(first_won ? two : one, "get", NULL), ERROR_TEXT("not_found")));
        firsts += first_won;
    }
    cr_assert(firsts > 0 && firsts < 100, "%d", firsts);
}

Test(user, an_account_whose_address_is_not_claimed_yet_is_not_there) {
    uint64_t ticket = begin(&(call_t){.key = "u1", .method = "create", .body = MINA});
    assert_error("get", NULL, ERROR_TEXT("not_found"));
    assert_error("update", "{\"name\":\"X\"}", ERROR_TEXT("not_found"));
    assert_error("set_status", "{\"status\":\"ACTIVE\"}", ERROR_TEXT("not_found"));
    cr_assert_not(is_listed());
    let_go_on();
    cr_assert(fixture_is(fixture_outcome(&fixture, ticket), "reply {\"id\":\"u1\",\"version\":1,"));
    cr_assert(is_listed());
}

Test(user, a_sign_up_goes_on_after_restarts_and_its_retry_gets_the_answer) {
    call_t call = {.key = "u1", .method = "create", .body = MINA, .session = 1, .id = 1, .lowest = 1};
    begin(&call);
    fixture_restart_as(&fixture, 3);
    uint64_t retry = begin(&call);
    fixture.settled = retry - 1; /* who asked before the restart is gone */
    let_go_on();
    cr_assert(fixture_is(fixture_outcome(&fixture, retry), "reply {\"id\":\"u1\",\"version\":1,"));
    fixture_restart_as(&fixture, 2);
    cr_assert_str_eq(fixture_call(&fixture, &call), fixture_outcome(&fixture, retry));
    fixture_restart_as(&fixture, 1);
}

Test(user, a_refused_sign_up_leaves_nothing_and_its_retry_is_refused) {
    call_t call = {.key = "u2", .method = "create", .body = MINA, .session = 1, .id = 1, .lowest = 1};
    create();
    cr_assert(fixture_is(fixture_call(&fixture, &call), ERROR_TEXT("conflict")));
    CALL("update", "{\"email\":\"new@example.org\"}");
    cr_assert(fixture_is(fixture_call(&fixture, &call), ERROR_TEXT("conflict")), "the first answer stands");
    call.id = 2;
    cr_assert(fixture_is(fixture_call(&fixture, &call), "reply {\"id\":\"u2\",\"version\":1,"), "there is no trace");
}

Test(user, two_sign_ups_for_one_key_make_one_account_with_one_address) {
    fixture_send(&fixture, &(call_t){.key = "u1", .method = "create", .body = MINA});
    uint64_t first = begin(&(call_t){.key = "u1", .method = "create", .body = MINA}) - 1;
    uint64_t other = begin(
        &(call_t){.key = "u1", .method = "create", .body = "{\"email\":\"other@example.org\",\"name\":\"Other\"}"});
    let_go_on();
    int made = 0;
    for (uint64_t ticket = first; ticket <= other; ticket++) {
        made += fixture_is(fixture_outcome(&fixture, ticket), "reply");
    }
    cr_assert_eq(made, 1);
    bool mina = strstr(CALL("get", NULL), "mina@example.org") != NULL;
    const char *text = CALL_OF("u2", "create", mina ? "{\"email\":\"other@example.org\",\"name\":\"Other\"}" : MINA);
    cr_assert(fixture_is(text, "reply"), "the address that was not needed is free: %s", text);
    cr_assert(fixture_is(CALL_OF("u3", "create", MINA), ERROR_TEXT("conflict")));
}

Test(user, a_taken_address_changes_nothing_of_who_wanted_it) {
    create();
    cr_assert(fixture_is(CALL_OF("u2", "create", "{\"email\":\"noor@example.org\",\"name\":\"Noor\"}"), "reply"));
    assert_error("update", "{\"email\":\"noor@example.org\",\"name\":\"X\"}", ERROR_TEXT("conflict"));
    assert_has("\"version\":1,\"email\":\"mina@example.org\",\"name\":\"Mina\"");
    cr_assert(fixture_is(CALL_OF("u3", "create", MINA), ERROR_TEXT("conflict")), "the old address is still taken");
    cr_assert(fixture_is(CALL("update", "{\"email\":\"new@example.org\"}"), "reply"), "another change may follow");
}

/* A change of the address whose messages are lost until it is given up. */
static void move_in_vain(const char *body) {
    uint64_t ticket = begin(&(call_t){.key = "u1", .method = "update", .body = body});
    fixture_pass(&fixture, 59000);
    cr_assert_null(fixture_outcome(&fixture, ticket));
    fixture_pass(&fixture, 2000);
    cr_assert(fixture_is(fixture_outcome(&fixture, ticket), ERROR_TEXT("deadline_exceeded")));
}

/* Nothing can be asked of the only address that is claimed any more. */
static void damage_claim(void) {
    char key[33];
    store_key_t head;
    const char *text = fixture_call(&fixture, &(call_t){.kind = "email", .method = "list"}),
               *at = strstr(text, "\"key\":\"");
    cr_assert_not_null(at, "%s", text);
    snprintf(key, sizeof key, "%s", at + strlen("\"key\":\""));
    store_key_head(&head, address_partition(span_text("email"), span_text(key)), span_text("email"), span_text(key));
    fixture_damage(&fixture, store_key_span(&head), span_text("rot"));
}

Test(user, a_claim_that_is_a_dead_letter_is_not_in_the_way_of_later_changes) {
    cr_assert(fixture_is(CALL_OF("u2", "create", "{\"email\":\"noor@example.org\",\"name\":\"Noor\"}"), "reply"));
    damage_claim();
    create();
    fixture.may_wait = true;
    uint64_t ticket =
        fixture_send(&fixture, &(call_t){.key = "u1", .method = "update", .body = "{\"email\":\"noor@example.org\"}"});
    fixture_pass(&fixture, 59000);
    cr_assert_null(fixture_outcome(&fixture, ticket));
    cr_assert_eq(shard_stats(fixture.shards[0]).dead_letters, 1);
    assert_error("update", "{\"email\":\"new@example.org\"}", ERROR_TEXT("conflict"));
    let_go_on();
    cr_assert(fixture_is(fixture_outcome(&fixture, ticket), ERROR_TEXT("deadline_exceeded")));
    cr_assert(fixture_is(CALL("update", "{\"email\":\"new@example.org\"}"), VERSION("2")));
    assert_has("\"email\":\"new@example.org\"");
}

Test(user, a_change_that_was_given_up_leaves_no_claim) {
    create();
    move_in_vain("{\"email\":\"new@example.org\",\"name\":\"X\"}");
    let_go_on();
    assert_has("\"version\":1,\"email\":\"mina@example.org\",\"name\":\"Mina\"");
    const char *text = CALL_OF("u2", "create", "{\"email\":\"new@example.org\",\"name\":\"N\"}");
    cr_assert(fixture_is(text, "reply"), "the address that was claimed in vain is free: %s", text);
    cr_assert(fixture_is(CALL_OF("u3", "create", MINA), ERROR_TEXT("conflict")), "the old address is still taken");
}

/* The first message goes through, a claim; its answer, which is as long, does not. */
static bool loses_long_answers(const effect_t *effect) {
    sends += effect->type == EFFECT_SEND;
    return effect->type == EFFECT_SEND && sends > 1 && effect->bytes > 1000;
}

Test(user, an_address_whose_claim_was_never_answered_is_let_go) {
    char body[1200];
    create();
    snprintf(body, sizeof body, "{\"email\":\"new@example.org\",\"info\":\"%01000d\"}", 0);
    sends = 0;
    fixture.loses = loses_long_answers;
    fixture.may_wait = true;
    fixture_send(&fixture, &(call_t){.key = "u1", .method = "update", .body = body});
    fixture_pass(&fixture, 59000);
    const char *text = fixture_call(&fixture, &(call_t){.kind = "email", .method = "list"});
    fixture_pass(&fixture, 2000);
    const char *later = fixture_call(&fixture, &(call_t){.kind = "email", .method = "list"});
    cr_assert_lt(strlen(later), strlen(text), "one is claimed: %s", later);
    let_go_on();
}

Test(user, a_late_answer_is_not_taken_for_that_of_a_later_change) {
    static const char change[] = "{\"email\":\"new@example.org\"}";
    create();
    move_in_vain("{\"email\":\"new@example.org\",\"name\":\"X\"}");
    uint64_t again = begin(&(call_t){.key = "u1", .method = "update", .body = change});
    let_go_on();
    cr_assert(fixture_is(fixture_outcome(&fixture, again), VERSION("2")));
    assert_has("\"version\":2,\"email\":\"new@example.org\",\"name\":\"Mina\"");
    cr_assert(
        fixture_is(CALL_OF("u2", "create", "{\"email\":\"new@example.org\",\"name\":\"N\"}"), ERROR_TEXT("conflict")),
        "its claim was not undone by what was to undo the first");
    cr_assert(fixture_is(CALL_OF("u3", "create", MINA), "reply"), "the old address is free");
}

Test(user, a_late_refusal_does_not_end_a_later_change) {
    create();
    cr_assert(fixture_is(CALL_OF("u2", "create", "{\"email\":\"noor@example.org\",\"name\":\"Noor\"}"), "reply"));
    move_in_vain("{\"email\":\"noor@example.org\"}");
    uint64_t other = begin(&(call_t){.key = "u1", .method = "update", .body = "{\"email\":\"new@example.org\"}"});
    let_go_on();
    cr_assert(fixture_is(fixture_outcome(&fixture, other), VERSION("2")));
    assert_has("\"email\":\"new@example.org\"");
    cr_assert(
        fixture_is(CALL_OF("u3", "create", "{\"email\":\"noor@example.org\",\"name\":\"N\"}"), ERROR_TEXT("conflict")));
}

Test(user, a_change_that_was_answered_is_not_given_up) {
    create();
    cr_assert(fixture_is(CALL("update", "{\"email\":\"new@example.org\"}"), "reply"));
    fixture_pass(&fixture, 120000);
    assert_has("\"version\":2,\"email\":\"new@example.org\"");
    cr_assert(
        fixture_is(CALL_OF("u2", "create", "{\"email\":\"new@example.org\",\"name\":\"N\"}"), ERROR_TEXT("conflict")));
}

Test(user, a_second_change_of_the_address_is_refused_while_one_is_under_way) {
    create();
    uint64_t ticket =
        begin(&(call_t){.key = "u1", .method = "update", .body = "{\"email\":\"new@example.org\",\"info\":\"i\"}"});
    assert_error("update", "{\"email\":\"newer@example.org\"}", ERROR_TEXT("conflict"));
    assert_error("update", "{\"email\":\"mina@example.org\"}", ERROR_TEXT("conflict"));
    cr_assert(fixture_is(CALL("update", "{\"name\":\"M\"}"), "reply"));
    assert_has("\"version\":2,\"email\":\"mina@example.org\",\"name\":\"M\"");
    let_go_on();
    cr_assert(fixture_is(fixture_outcome(&fixture, ticket), VERSION("3")));
    assert_has("\"email\":\"new@example.org\",\"name\":\"M\",\"info\":\"i\"");
}

Test(user, an_address_is_not_changed_to_if_the_version_is_another_by_then) {
    create();
    uint64_t ticket =
        begin(&(call_t){.key = "u1", .method = "update", .body = "{\"email\":\"new@example.org\",\"version\":1}"});
    cr_assert(fixture_is(CALL("update", "{\"name\":\"M\"}"), "reply"));
    let_go_on();
    cr_assert(fixture_is(fixture_outcome(&fixture, ticket), ERROR_TEXT("precondition_failed")));
    assert_has("\"version\":2,\"email\":\"mina@example.org\"");
    const char *text = CALL_OF("u2", "create", "{\"email\":\"new@example.org\",\"name\":\"N\"}");
    cr_assert(fixture_is(text, "reply"), "the new address is free again: %s", text);
}

Test(user, the_same_address_again_asks_nobody) {
    create();
    fixture.loses = loses_sends;
    cr_assert(fixture_is(CALL("update", "{\"email\":\"MINA@example.org\"}"), VERSION("2")));
    cr_assert_eq(sends, 0);
}

/* Sign-up with a password. */

#define NOOR "{\"email\":\"noor@example.org\",\"name\":\"Noor\",\"password\":\"noor's own password\"}"

static bool loses_works(const effect_t *effect) {
    return effect->type == EFFECT_WORK;
}

static void assert_logs_in(const char *key) {
    const char *text = fixture_call(&fixture, &(call_t){.kind = "credential",
                                                        .key = key,
                                                        .method = "login",
                                                        .body = "{\"password\":\"noor's own password\"}"});
    cr_assert_str_eq(text, "reply {}");
}

static void assert_password(const char *password, const char *begin) {
    char body[1200];
    snprintf(body, sizeof body, "{\"email\":\"noor@example.org\",\"name\":\"Noor\",\"password\":\"%s\"}", password);
    const char *text = CALL_OF("u2", "create", body);
    cr_assert(fixture_is(text, begin), "%s: %s", password, text);
}

Test(user, a_password_has_8_to_128_characters) {
    char password[600];
    assert_password("seven77", ERROR_TEXT("invalid"));
    assert_password("말말말말말말말", ERROR_TEXT("invalid"));
    snprintf(password, sizeof password, "%0129d", 0);
    assert_password(password, ERROR_TEXT("invalid"));
    cr_assert_eq(fixture.records, 0);
    for (int i = 0; i < PASSWORD_CHARACTERS_MAX; i++) {
        memcpy(password + 4 * i, "\xf0\x9f\x90\xb4", 5);
    }
    assert_password(password, "reply");
}

Test(user, a_sign_up_whose_work_is_lost_leaves_nothing_and_is_told_in_seconds) {
    call_t call = {.key = "u2", .method = "create", .body = NOOR, .session = 1, .id = 1, .lowest = 1};
    fixture.loses = loses_works;
    fixture.may_wait = true;
    uint64_t ticket = fixture_send(&fixture, &call);
    fixture_pass(&fixture, PASSWORD_MS - 1);
    cr_assert_null(fixture_outcome(&fixture, ticket));
    fixture_pass(&fixture, 1);
    cr_assert(fixture_is(fixture_outcome(&fixture, ticket), ERROR_TEXT("deadline_exceeded")));
    fixture.loses = NULL;
    cr_assert_str_eq(fixture_call(&fixture, &call), fixture_outcome(&fixture, ticket));
    cr_assert(fixture_is(CALL_OF("u2", "get", NULL), ERROR_TEXT("not_found")));
    call.id = 2;
    cr_assert(fixture_is(fixture_call(&fixture, &call), "reply {\"id\":\"u2\",\"version\":1,"));
    assert_logs_in("u2");
}

Test(user, a_hash_that_comes_too_late_makes_no_account) {
    uint8_t bytes[512], account[128], hold[HOLD_BYTES] = {0};
    pack_t pack = pack_into(bytes, sizeof bytes), inside = pack_into(account, sizeof account);
    user_create_t create = {0};
    user_hash_t hash = {0};
    FIELD_SET(user_create, &create, email, span_text("noor@example.org"));
    FIELD_SET(user_create, &create, name, span_text("Noor"));
    record_encode(&record_user_create, &create, &inside);
    FIELD_SET(user_hash, &hash, phc, span_text("$argon2id$"));
    FIELD_SET(user_hash, &hash, until, fixture.unix_ms);
    FIELD_SET(user_hash, &hash, hold, span_of(hold, sizeof hold));
    FIELD_SET(user_hash, &hash, create, pack_bytes(&inside));
    record_encode(&record_user_hash, &hash, &pack);
    fixture_call(&fixture, &(call_t){.key = "u2", .method = "hashed", .raw = pack_bytes(&pack)});
    cr_assert_eq(fixture.records, 0);
}

static int effects_left; /* until all are lost, as if the server had died */

static bool loses_all_later(const effect_t *effect) {
    (void)effect;
    return effects_left-- <= 0;
}

Test(user, wherever_a_crash_falls_an_account_that_was_made_has_its_password) {
    int made = 0, not_made = 0;
    fixture.may_wait = true;
    for (int steps = 0; steps < 10; steps++) {
        char key[16], body[128];
        snprintf(key, sizeof key, "u%d", steps);
        snprintf(body, sizeof body,
                 "{\"email\":\"%s@example.org\",\"name\":\"N\",\"password\":\"noor's own password\"}", key);
        call_t call = {
            .key = key, .method = "create", .body = body, .session = 1, .id = (uint64_t)steps + 1, .lowest = 1};
        effects_left = steps;
        fixture.loses = loses_all_later;
        fixture_send(&fixture, &call);
        fixture_run(&fixture);
        fixture_restart_as(&fixture, (uint16_t)(1 + steps % 3));
        fixture.loses = NULL;
        uint64_t retry = fixture_send(&fixture, &call);
        fixture_pass(&fixture, 60000);
        bool there = fixture_is(CALL_OF(key, "get", NULL), "reply");
        const char *text = fixture_outcome(&fixture, retry);
        cr_assert(fixture_is(text, there ? "reply {\"id\":" : ERROR_TEXT("deadline_exceeded")), "%d: %s", steps, text);
        if (there) {
            assert_logs_in(key);
        }
        made += there;
        not_made += !there;
    }
    cr_assert(not_made == 1 && made == 9, "only before the hash is made nothing is stored: %d", not_made);
}

Test(user, of_two_who_sign_up_for_one_key_one_has_account_and_password) {
    uint64_t first = fixture_send(&fixture, &(call_t){.key = "u2", .method = "create", .body = NOOR});
    uint64_t second = fixture_send(
        &fixture,
        &(call_t){.key = "u2",
                  .method = "create",
                  .body = "{\"email\":\"other@example.org\",\"name\":\"O\",\"password\":\"another password\"}"});
    fixture_run(&fixture);
    cr_assert(fixture_is(fixture_outcome(&fixture, first), "reply"));
    cr_assert(fixture_is(fixture_outcome(&fixture, second), ERROR_TEXT("conflict")));
    assert_logs_in("u2");
}

Test(user, only_an_operator_says_what_a_new_user_may_do) {
    static const char body[] = "{\"email\":\"noor@example.org\",\"name\":\"Noor\",\"role\":\"ADMIN\"}";
    static const uint32_t roles[] = {ROLE_GATEWAY, ROLE_SERVICE, ROLE_USER, ROLE_USER | ROLE_ADMIN};
    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++) {
        const char *text =
            fixture_call(&fixture, &(call_t){.key = "u2", .method = "create", .body = body, .roles = roles[i]});
        cr_assert(fixture_is(text, ERROR_TEXT("forbidden")), "%s", text);
    }
    cr_assert_not_null(strstr(CALL_OF("u2", "create", body), "\"role\":\"ADMIN\""));
}

/* Who may do what. */

Test(user, a_gateway_without_a_handle_signs_up_and_neither_reads_nor_changes) {
#define GATEWAY(method_, body_)                                                                                        \
    fixture_call(&fixture, &(call_t){.key = "u1", .method = (method_), .body = (body_), .roles = ROLE_GATEWAY})
    cr_assert(fixture_is(GATEWAY("create", MINA), "reply"));
    cr_assert_str_eq(GATEWAY("get", NULL), "reply {\"id\":\"u1\",\"version\":1,\"name\":\"Mina\"}");
    cr_assert(fixture_is(GATEWAY("update", "{\"name\":\"X\"}"), ERROR_TEXT("forbidden")));
    cr_assert_eq(kinds[KIND_user].methods[METHOD_user_set_status].roles & ROLE_GATEWAY, 0);
    assert_has("\"version\":1,");
}

static const char *call_for(const char *user, uint32_t roles, const char *method, const char *body) {
    return fixture_call(
        &fixture, &(call_t){.key = "u1", .method = method, .body = body, .user = user, .roles = ROLE_USER | roles});
}

Test(user, another_user_sees_id_name_and_picture_and_changes_nothing) {
    CALL("create", "{\"email\":\"mina@example.org\",\"name\":\"Mina\",\"picture\":\"p\",\"info\":\"i\"}");
    cr_assert_str_eq(call_for("u2", 0, "get", NULL),
                     "reply {\"id\":\"u1\",\"version\":1,\"name\":\"Mina\",\"picture\":\"p\"}");
    cr_assert(fixture_is(call_for("u2", 0, "update", "{\"name\":\"X\"}"), ERROR_TEXT("forbidden")));
    cr_assert(fixture_is(call_for("u2", 0, "update", "{\"email\":\"x@example.org\"}"), ERROR_TEXT("forbidden")));
    assert_has("\"version\":1,");
}

Test(user, no_user_sets_a_status_or_a_role) {
    cr_assert_eq(kinds[KIND_user].methods[METHOD_user_set_status].roles & (ROLE_USER | ROLE_ACTOR), 0);
    cr_assert_eq(kinds[KIND_user].methods[METHOD_user_set_role].roles, ROLE_OPERATOR | ROLE_ADMIN);
}

Test(user, users_see_and_change_themselves_and_admins_everybody) {
    create();
    cr_assert_not_null(strstr(call_for("u1", 0, "get", NULL), "\"email\":\"mina@example.org\""));
    cr_assert(fixture_is(call_for("u1", 0, "update", "{\"name\":\"M\"}"), "reply"));
    cr_assert_not_null(strstr(call_for("u2", ROLE_ADMIN, "get", NULL), "\"email\":\"mina@example.org\""));
    cr_assert(fixture_is(call_for("u2", ROLE_ADMIN, "update", "{\"name\":\"N\"}"), "reply"));
    assert_has("\"version\":3,");
}

Test(user, a_role_is_kept) {
    create();
    cr_assert(fixture_is(CALL("set_role", "{\"role\":\"ADMIN\"}"), VERSION("2")));
    fixture_restart(&fixture);
    assert_has("\"role\":\"ADMIN\"");
    assert_error("set_role", "{\"role\":\"GOD\"}", ERROR_TEXT("invalid"));
}

Test(user, accounts_are_found_by_their_status) {
    create();
    CALL_OF("u2", "create", "{\"email\":\"noor@example.org\",\"name\":\"Noor\"}");
    CALL("set_status", "{\"status\":\"SUSPENDED\"}");
    const char *text = CALL_OF(NULL, "list", "{\"field\":\"status\",\"value\":\"SUSPENDED\"}");
    cr_assert(strstr(text, "\"u1\"") != NULL && strstr(text, "\"u2\"") == NULL, "%s", text);
}
