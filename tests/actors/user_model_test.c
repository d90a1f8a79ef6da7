/* SPDX-License-Identifier: MIT */
/*
 * Property: accounts race for few addresses, by signing up and by changing, while messages are lost, requests are sent
 * again, and the server restarts with other numbers of shards. When all is quiet,
 *
 *   each caller has one answer, however often it asked,
 *   each account is what its answers say: one sign-up that went well, as many versions as changes that did, and the
 *   address of the last one that did,
 *   each account has claimed its address, and nothing else is claimed,
 *   each account that was made with a password logs in with it, and with no other's.
 */
#include <sodium.h>

#include "tests/actors/shard_fixture.h"
#include "tests/storage/random.h"

enum {
    ROUNDS = 30,
    STEPS = 40,
    USERS = 6,
    EMAILS = 5,
    REQUESTS_MAX = 4 * STEPS,
    TICKETS_MAX = 16,
    BODY_BYTES = 128,
    HASH_BYTES = 16,
    SHARDS = 4,
};

typedef enum operation { CREATE_ACCOUNT, MOVE, RENAME, SUSPEND } operation_t;

typedef struct sent { /* a request, however often it was sent */
    operation_t operation;
    int user, email;
    bool password;
    char key[16], body[BODY_BYTES];
    uint64_t tickets[TICKETS_MAX];
    int ticket_count;
    const char *answer; /* the first */
} sent_t;

/* What Argon2id would do, in no time: the password with a mark before it. */

static status_t hash(const work_place_t *place, const void *input, pack_t *result) {
    user_hash_t hashed = *(const user_hash_t *)input;
    char phc[PHC_BYTES_MAX + 1];
    (void)place;
    snprintf(phc, sizeof phc, "$%.*s", (int)hashed.password.len, (const char *)hashed.password.ptr);
    hashed.present &= ~FIELD_BIT(user_hash, password);
    FIELD_SET(user_hash, &hashed, phc, span_text(phc));
    record_encode(&record_user_hash, &hashed, result);
    return STATUS_OK;
}

static status_t check(const work_place_t *place, const void *input, pack_t *result) {
    credential_check_t checked = *(const credential_check_t *)input;
    (void)place;
    bool right = FIELD_HAS(credential_check, &checked, phc) && checked.phc.len == checked.password.len + 1 &&
                 memcmp(checked.phc.ptr + 1, checked.password.ptr, checked.password.len) == 0;
    checked.present &= ~(FIELD_BIT(credential_check, password) | FIELD_BIT(credential_check, phc));
    FIELD_SET(credential_check, &checked, right, right);
    record_encode(&record_credential_check, &checked, result);
    return STATUS_OK;
}

static const work_t work_hash = {.name = "password-hash", .input = &record_user_hash, .run = hash},
                    work_check = {.name = "password-check", .input = &record_credential_check, .run = check};
static const work_t *const quick_works[] = {&work_hash, &work_check, NULL};

static fixture_t fixture;
static random_state_t random_state;
static sent_t requests[REQUESTS_MAX];
static int request_count;
static uint64_t loss; /* of 8 messages */

static bool loses(const effect_t *effect) {
    (void)effect;
    return random_below(&random_state, 8) < loss;
}

static void setup(void) {
    fixture.options.count = (uint16_t)(1 + random_below(&random_state, SHARDS));
    fixture.options.resident_actors_max = 3;
    fixture_open(&fixture);
    fixture.loses = loses;
    fixture.works = quick_works;
    fixture.may_wait = true;
    request_count = 0;
}

static void email_text(int email, char text[32]) {
    snprintf(text, 32, "e%d@example.org", email);
}

/* Requests */

static const char *const methods[] = {
    [CREATE_ACCOUNT] = "create", [MOVE] = "update", [RENAME] = "update", [SUSPEND] = "set_status"};

static void send(sent_t *sent) {
    if (sent->ticket_count == TICKETS_MAX) {
        return;
    }
    sent->tickets[sent->ticket_count++] = fixture_send(&fixture, &(call_t){.key = sent->key,
                                                                           .method = methods[sent->operation],
                                                                           .body = sent->body,
                                                                           .session = 1,
                                                                           .id = (uint64_t)(sent - requests) + 1,
                                                                           .lowest = 1});
}

/* A member of a body. */
static void password_text(const sent_t *sent, char text[32]) {
    snprintf(text, 32, "\"password\":\"secret%03d\"", (int)(sent - requests));
}

static void write_body(sent_t *sent) {
    char email[32], password[32];
    email_text(sent->email, email);
    password_text(sent, password);
    switch (sent->operation) {
    case CREATE_ACCOUNT:
        snprintf(sent->body, BODY_BYTES, "{\"email\":\"%s\",\"name\":\"N\"%s%s}", email, sent->password ? "," : "",
                 sent->password ? password : "");
        return;
    case MOVE:
        snprintf(sent->body, BODY_BYTES, "{\"email\":\"%s\"}", email);
        return;
    case RENAME:
        snprintf(sent->body, BODY_BYTES, "{\"name\":\"N%d\"}", request_count);
        return;
    case SUSPEND:
        snprintf(sent->body, BODY_BYTES, "{\"status\":\"%s\"}", sent->email % 2 == 0 ? "ACTIVE" : "SUSPENDED");
        return;
    }
}

static void send_new(void) {
    static const operation_t mix[] = {CREATE_ACCOUNT, CREATE_ACCOUNT, MOVE, MOVE, MOVE, RENAME, SUSPEND};
    sent_t *sent = &requests[request_count++];
    *sent = (sent_t){.operation = mix[random_below(&random_state, ARRAY_LENGTH(mix))],
                     .user = (int)random_below(&random_state, USERS),
                     .email = (int)random_below(&random_state, EMAILS)};
    snprintf(sent->key, sizeof sent->key, "u%d", sent->user);
    sent->password = random_below(&random_state, 2) == 0;
    write_body(sent);
    send(sent);
}

/* Who was answered "silent" asked again meanwhile, and that one is answered. */
static void learn(sent_t *sent) {
    for (int i = 0; i < sent->ticket_count; i++) {
        const char *text = fixture_outcome(&fixture, sent->tickets[i]);
        if (text == NULL || strcmp(text, "silent") == 0) {
            continue;
        }
        sent->answer = sent->answer != NULL ? sent->answer : text;
        if (fixture_is(sent->answer, "reply")) { /* an error of a turn that wrote nothing is not kept */
            cr_assert_str_eq(text, sent->answer, "%s of %s", sent->body, sent->key);
        }
    }
}

static void send_again(void) {
    sent_t *sent = &requests[random_below(&random_state, (uint64_t)request_count)];
    learn(sent);
    if (sent->answer == NULL || fixture_is(sent->answer, "reply")) {
        send(sent);
    }
}

static void disturb(void) {
    loss = random_below(&random_state, 9);
    switch (random_below(&random_state, 8)) {
    case 0:
        fixture_restart_as(&fixture, (uint16_t)(1 + random_below(&random_state, SHARDS)));
        break;
    case 1:
        fixture_apply_some(&fixture, random_below(&random_state, fixture.end_count + 1));
        break;
    case 2:
    case 3:
        fixture_pass(&fixture, random_below(&random_state, 2000));
        break;
    case 4: /* long enough for a change to be given up */
        loss += random_below(&random_state, 9 - loss);
        fixture_pass(&fixture, random_below(&random_state, 90000));
        break;
    }
}

/* All messages arrive, and who has no answer asks once more. */
static void come_to_rest(void) {
    loss = 0;
    fixture_pass(&fixture, 120000);
    for (int i = 0; i < request_count; i++) {
        learn(&requests[i]);
        if (requests[i].answer == NULL) {
            requests[i].ticket_count -= requests[i].ticket_count == TICKETS_MAX;
            send(&requests[i]);
        }
    }
    fixture_pass(&fixture, 120000);
    for (int i = 0; i < request_count; i++) {
        learn(&requests[i]);
        cr_assert_not_null(requests[i].answer, "%s of %s has no answer", requests[i].body, requests[i].key);
    }
}

/* What is true then */

static const char *look(const char *kind, const char *key, const char *method) {
    return fixture_call(&fixture, &(call_t){.kind = kind, .key = key, .method = method});
}

static uint64_t version_in(const char *text) {
    const char *at = strstr(text, "\"version\":");
    cr_assert_not_null(at, "%s", text);
    return strtoull(at + strlen("\"version\":"), NULL, 10);
}

static void assert_has(const char *text, const char *part) {
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

/* The address is that of the last change that went well. Returns it, or -1: there is no such account. */
static int assert_account(int user) {
    uint64_t made = 0, changed = 0, last = 0;
    int email = -1;
    char key[16], part[64], address[32];
    for (int i = 0; i < request_count; i++) {
        const sent_t *sent = &requests[i];
        if (sent->user != user || !fixture_is(sent->answer, "reply")) {
            continue;
        }
        /* The answer to a sign-up comes when the password is kept, and tells what the account is like by then. */
        uint64_t version = sent->operation == CREATE_ACCOUNT ? 1 : version_in(sent->answer);
        made += sent->operation == CREATE_ACCOUNT;
        changed += sent->operation != CREATE_ACCOUNT;
        if ((sent->operation == CREATE_ACCOUNT || sent->operation == MOVE) && version > last) {
            last = version;
            email = sent->email;
        }
    }
    snprintf(key, sizeof key, "u%d", user);
    const char *text = look("user", key, "get");
    if (made == 0) {
        cr_assert(fixture_is(text, ERROR_TEXT("not_found")), "%s", text);
        return -1;
    }
    cr_assert_eq(made, 1, "%s was made %lu times", key, (unsigned long)made);
    cr_assert_eq(version_in(text), 1 + changed, "%s after %lu changes", text, (unsigned long)changed);
    email_text(email, address);
    snprintf(part, sizeof part, "\"email\":\"%s\"", address);
    assert_has(text, part);
    return email;
}

static void assert_login(const sent_t *sent, bool good) {
    char password[32], body[64];
    password_text(sent, password);
    snprintf(body, sizeof body, "{%s}", password);
    const char *text =
        fixture_call(&fixture, &(call_t){.kind = "credential", .key = sent->key, .method = "login", .body = body});
    cr_assert(fixture_is(text, good ? "reply {}" : ERROR_TEXT("unauthenticated")), "%s of %s: %s", body, sent->key,
              text);
}

/* One wrong password, and the right one. */
static void assert_logins(int user) {
    const sent_t *good = NULL, *bad = NULL;
    for (int i = 0; i < request_count; i++) {
        const sent_t *sent = &requests[i];
        if (sent->user == user && sent->operation == CREATE_ACCOUNT && sent->password) {
            bool made = fixture_is(sent->answer, "reply");
            good = made ? sent : good;
            bad = made ? bad : sent;
        }
    }
    if (bad != NULL) {
        assert_login(bad, false);
    }
    if (good != NULL) {
        assert_login(good, true);
    }
}

/* As it is on disk: a keyed hash of purpose NUL address, the first half of it. */
static void hash_text(const char *address, char text[2 * HASH_BYTES + 1]) {
    uint8_t hash[KEYED_HASH_BYTES], input[64] = "email";
    size_t prefix = sizeof "email", bytes = strlen(address);
    memcpy(input + prefix, address, bytes);
    crypto_generichash(hash, sizeof hash, input, prefix + bytes, fixture.options.hash_key, KEYED_HASH_BYTES);
    sodium_bin2hex(text, 2 * HASH_BYTES + 1, hash, HASH_BYTES);
}

static void assert_claim(int email, int owner) {
    char address[32], key[2 * HASH_BYTES + 1], part[32];
    email_text(email, address);
    hash_text(address, key);
    const char *text = look("email", key, "show");
    if (owner < 0) {
        cr_assert(fixture_is(text, ERROR_TEXT("not_found")), "%s is nobody's: %s", address, text);
        return;
    }
    snprintf(part, sizeof part, "\"user\":\"u%d\"", owner);
    assert_has(text, part);
}

static void assert_all(void) {
    int owners[EMAILS];
    for (int email = 0; email < EMAILS; email++) {
        owners[email] = -1;
    }
    for (int user = 0; user < USERS; user++) {
        int email = assert_account(user);
        assert_logins(user);
        if (email >= 0) {
            cr_assert_lt(owners[email], 0, "u%d and u%d have one address", owners[email], user);
            owners[email] = user;
        }
    }
    for (int email = 0; email < EMAILS; email++) {
        assert_claim(email, owners[email]);
    }
}

Test(user, accounts_and_claims_agree_whatever_happens, .timeout = 100) {
    random_state = random_start("user, accounts_and_claims_agree_whatever_happens");
    for (int round = 0; round < ROUNDS; round++) {
        setup();
        for (int step = 0; step < STEPS; step++) {
            for (uint64_t left = random_below(&random_state, 4); left > 0; left--) {
                request_count == 0 || random_below(&random_state, 3) > 0 ? send_new() : send_again();
            }
            fixture_run(&fixture);
            disturb();
        }
        come_to_rest();
        assert_all();
        fixture_restart_as(&fixture, 1);
        assert_all();
        fixture_close(&fixture);
    }
}
