/* SPDX-License-Identifier: MIT */
/*
 * Shards against a naive map of users. Clients number their requests in sessions and send some of them again, at once
 * or much later; between batches the applier applies, actors go idle, and the server crashes and starts again with
 * another number of shards. Each answer must be the one that the map gives, and that of a request which ran, the first.
 */
#include "tests/actors/plain_user.h"
#include "tests/actors/shard_fixture.h"
#include "tests/storage/random.h"

enum { USERS = 40, SESSIONS = 4, STEPS = 1000, IDS_MAX = 30000, TEXT_BYTES = 512 };

typedef struct user_model {
    bool exists;
    uint64_t version, created_at, updated_at;
    char name[16], info[16], status[16], reason[16]; /* info and reason: empty if absent */
} user_model_t;

typedef struct sent { /* a request that wrote: whoever sends it again must get this */
    call_t call;
    char key[16], body[128];
    char *answer;
} sent_t;

typedef struct session_model {
    uint64_t next, lowest;
    sent_t *sent; /* by id */
} session_model_t;

typedef struct expectation {
    uint64_t ticket;
    char text[TEXT_BYTES]; /* beginning of the answer; and, if may_be_silent, or nothing */
    bool may_be_silent;
} expectation_t;

static fixture_t fixture;
static user_model_t users[USERS];
static session_model_t sessions[SESSIONS + 1];
static expectation_t expected[256];
static uint32_t expected_count;
static random_state_t random_state;

static size_t below(size_t limit) {
    return random_below(&random_state, limit);
}

static bool chance(size_t one_in) {
    return below(one_in) == 0;
}

/* The map. */

static void model_view(const user_model_t *user, const char *key, char text[TEXT_BYTES]) {
    char info[32] = "", reason[40] = "";
    if (user->info[0] != 0) {
        snprintf(info, sizeof info, "\"info\":\"%s\",", user->info);
    }
    if (user->reason[0] != 0) {
        snprintf(reason, sizeof reason, "\"status_reason\":\"%s\",", user->reason);
    }
    snprintf(text, TEXT_BYTES,
             "reply {\"id\":\"%s\",\"version\":%lu,\"email\":\"a@b.cd\",\"name\":\"%s\",%s\"status\":\"%s\",%s"
             "\"created_at\":%lu,\"updated_at\":%lu}",
             key, (unsigned long)user->version, user->name, info, user->status, reason, (unsigned long)user->created_at,
             (unsigned long)user->updated_at);
}

static void model_changed(user_model_t *user, const char *key, char text[TEXT_BYTES]) {
    user->version++;
    user->updated_at = fixture.unix_ms;
    snprintf(text, TEXT_BYTES, "reply {\"id\":\"%s\",\"version\":%lu,\"name\":\"%s\"}", key,
             (unsigned long)user->version, user->name);
}

typedef struct operation { /* what a call means to the map */
    const char *method;
    char name[16], info[16], status[16], reason[16];
    uint64_t version; /* asked for; 0: any */
    bool valid;
} operation_t;

/* Returns whether it writes. */
static bool model_apply(user_model_t *user, const char *key, const operation_t *operation, char text[TEXT_BYTES]) {
    bool create = strcmp(operation->method, "create") == 0;
    if (create == user->exists) {
        snprintf(text, TEXT_BYTES, "%s", create ? ERROR_TEXT("conflict") : ERROR_TEXT("not_found"));
        return false;
    }
    if (!operation->valid) {
        snprintf(text, TEXT_BYTES, "%s", ERROR_TEXT("invalid"));
        return false;
    }
    if (create) {
        *user =
            (user_model_t){.exists = true, .version = 1, .created_at = fixture.unix_ms, .updated_at = fixture.unix_ms};
        memcpy(user->name, operation->name, sizeof user->name);
        snprintf(user->status, sizeof user->status, "ACTIVE");
        model_view(user, key, text);
        return true;
    }
    if (strcmp(operation->method, "get") == 0) {
        model_view(user, key, text);
        return false;
    }
    if (operation->version != 0 && operation->version != user->version) {
        snprintf(text, TEXT_BYTES, "%s", ERROR_TEXT("precondition_failed"));
        return false;
    }
    if (strcmp(operation->method, "update") == 0) {
        memcpy(user->info, operation->info, sizeof user->info);
    } else {
        memcpy(user->status, operation->status, sizeof user->status);
        memcpy(user->reason, operation->reason, sizeof user->reason);
    }
    model_changed(user, key, text);
    return true;
}

/* Clients. */

static void invent(operation_t *operation, char body[128]) {
    static const char *const methods[] = {"create", "create", "get", "update", "update", "update", "set_status"};
    static const char *const statuses[] = {"ACTIVE", "INACTIVE", "SUSPENDED"};
    *operation = (operation_t){.method = methods[below(ARRAY_LENGTH(methods))], .valid = !chance(10)};
    snprintf(operation->name, sizeof operation->name, "name %zu", below(1000));
    snprintf(operation->info, sizeof operation->info, "info %zu", below(1000));
    snprintf(operation->status, sizeof operation->status, "%s", statuses[below(3)]);
    snprintf(operation->reason, sizeof operation->reason, "%s", chance(2) ? "why" : "");
    const char *wrong = operation->valid ? "" : ",\"wrong\":1";
    if (strcmp(operation->method, "create") == 0) {
        snprintf(body, 128, "{\"email\":\"A@b.cd\",\"name\":\"%s\"%s}", operation->name, wrong);
    } else if (strcmp(operation->method, "get") == 0) {
        snprintf(body, 128, "{%s}", operation->valid ? "" : wrong + 1);
    } else if (strcmp(operation->method, "update") == 0) {
        operation->version = chance(4) ? 1 + below(5) : 0;
        int len = snprintf(body, 128, "{\"info\":\"%s\"%s", operation->info, wrong);
        snprintf(body + len, 128 - (size_t)len, operation->version != 0 ? ",\"version\":%lu}" : "}",
                 (unsigned long)operation->version);
    } else {
        snprintf(body, 128,
                 operation->reason[0] != 0 ? "{\"status\":\"%s\"%s,\"reason\":\"why\"}" : "{\"status\":\"%s\"%s}",
                 operation->status, wrong);
    }
}

static expectation_t *expect(uint64_t ticket) {
    cr_assert_lt(expected_count, ARRAY_LENGTH(expected));
    expectation_t *expectation = &expected[expected_count++];
    *expectation = (expectation_t){.ticket = ticket};
    return expectation;
}

/* A new request, in a session or without. It is remembered if it wrote. */
static void send_new(void) {
    operation_t operation;
    size_t index = below(USERS), session = below(SESSIONS + 1);
    char key[16], body[128];
    invent(&operation, body);
    snprintf(key, sizeof key, "u%zu", index);
    call_t call = {.key = key, .method = operation.method, .body = body, .session = session, .tell = chance(10)};
    if (session != 0) {
        call.id = sessions[session].next++;
        call.lowest = sessions[session].lowest;
    }
    expectation_t *expectation = expect(fixture_send(&fixture, &call));
    bool wrote = model_apply(&users[index], key, &operation, expectation->text);
    if (wrote && session != 0) {
        sent_t *sent = &sessions[session].sent[call.id];
        *sent = (sent_t){.call = call, .answer = strdup(expectation->text)};
        memcpy(sent->key, key, sizeof key);
        memcpy(sent->body, body, sizeof body);
        sent->call.key = sent->key;
        sent->call.body = sent->body;
        sent->call.tell = false;
    }
    if (call.tell && fixture_is(expectation->text, "reply")) {
        snprintf(expectation->text, TEXT_BYTES, "silent");
    }
}

/* A request that wrote, once more: as it was, or with what the client says by now. Below the lowest it must not run; it
   may still get its answer where that was not dropped yet. */
static void send_again(void) {
    size_t session = 1 + below(SESSIONS);
    session_model_t *model = &sessions[session];
    uint64_t id = 1 + below(model->next);
    if (chance(2) && model->next > 20) {
        id = model->next - 1 - below(20);
    }
    sent_t *sent = &model->sent[id];
    if (sent->answer == NULL) {
        return;
    }
    call_t call = sent->call;
    call.lowest = chance(2) ? model->lowest : sent->call.lowest;
    expectation_t *expectation = expect(fixture_send(&fixture, &call));
    snprintf(expectation->text, TEXT_BYTES, "%s", sent->answer);
    expectation->may_be_silent = id < model->lowest;
}

static void learn_answers(void) {
    for (int session = 1; session <= SESSIONS; session++) {
        session_model_t *model = &sessions[session];
        uint64_t window = session * session * 10u;
        if (model->next > window && model->next - window > model->lowest) {
            model->lowest = model->next - window;
        }
    }
}

static void assert_expected(void) {
    for (uint32_t i = 0; i < expected_count; i++) {
        const expectation_t *expectation = &expected[i];
        const char *text = fixture_outcome(&fixture, expectation->ticket);
        bool silent = expectation->may_be_silent && strcmp(text, "silent") == 0;
        cr_assert(silent || fixture_is(text, expectation->text), "%s\nis not\n%s", text, expectation->text);
    }
    expected_count = 0;
}

static void disturb(void) {
    fixture.now_us += below(2000000);
    fixture.unix_ms += below(2000);
    if (chance(5)) {
        fixture_apply_some(&fixture, below(fixture.end_count + 1));
    }
    if (chance(5)) {
        fixture_idle(&fixture, (uint16_t)below(fixture.options.count));
    }
    if (chance(10)) {
        fixture_restart_as(&fixture, (uint16_t)(1 + below(4)));
    }
}

static void assert_all_users(void) {
    char key[16], text[TEXT_BYTES];
    for (int i = 0; i < USERS; i++) {
        snprintf(key, sizeof key, "u%d", i);
        const char *answer = fixture_call(&fixture, &(call_t){.key = key, .method = "get"});
        if (users[i].exists) {
            model_view(&users[i], key, text);
            cr_assert_str_eq(answer, text);
        } else {
            cr_assert(fixture_is(answer, ERROR_TEXT("not_found")));
        }
    }
}

static void setup(void) {
    fixture.options = (shard_options_t){.count = 2, .resident_actors_max = 5, .idle_ms = 1000};
    fixture.options.actor_of = plain_user_actor_of;
    fixture_open(&fixture);
    for (int session = 1; session <= SESSIONS; session++) {
        sessions[session] = (session_model_t){.next = 1, .lowest = 1, .sent = calloc(IDS_MAX, sizeof(sent_t))};
    }
}

static void teardown(void) {
    for (int session = 1; session <= SESSIONS; session++) {
        for (int id = 0; id < IDS_MAX; id++) {
            free(sessions[session].sent[id].answer);
        }
        free(sessions[session].sent);
    }
    fixture_close(&fixture);
}

TestSuite(shard, .init = setup, .fini = teardown);

Test(shard, behaves_like_a_map_of_users, .timeout = 100) {
    random_state = random_start("shard, behaves_like_a_map_of_users");
    for (int step = 0; step < STEPS; step++) {
        for (size_t left = below(100); left > 0; left--) {
            chance(4) ? send_again() : send_new();
        }
        fixture_run(&fixture);
        assert_expected();
        learn_answers();
        disturb();
    }
    assert_all_users();
    fixture_restart_as(&fixture, 3);
    assert_all_users();
}
