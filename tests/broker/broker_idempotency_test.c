/* SPDX-License-Identifier: MIT */
/* Idempotency keys at admission: who is the same caller, and what a key becomes. */
#include "tests/broker/talk_fixture.h"

TestSuite(broker_idempotency, .init = start_talk, .fini = stop);

#define GATEWAY "ipc:gateway"
#define SERVICE "ipc:service"

static envelope_t keyed_request(const char *key, const char *method, const char *idempotency_key) {
    envelope_t request = toy_request(1, key, method);
    request.idempotency_key = span_text(idempotency_key);
    return request;
}

/* What the shard gets. */
static request_t taken(const char *routing_id, const char *user_id, const envelope_t *envelope) {
    static char key[KEY_BYTES_MAX];
    admit(routing_id, user_id, envelope);
    asked_t asked = take_only();
    memcpy(key, asked.request.key.ptr, asked.request.key.len); /* the buffer goes */
    asked.request.key.ptr = (const uint8_t *)key;
    add_reply(&asked, 0);
    forward();
    flush();
    return asked.request;
}

static request_t taken_on_behalf(const char *routing_id, uint8_t handle, const char *idempotency_key) {
    envelope_t request = keyed_request("a", "own", idempotency_key);
    request.handle = span_of(handle_of(handle), HANDLE_BYTES);
    return taken(routing_id, OPERATOR, &request);
}

static request_t taken_of(const char *routing_id, const char *user_id, const char *idempotency_key) {
    envelope_t request = keyed_request("a", "upsert", idempotency_key);
    return taken(routing_id, user_id, &request);
}

static bool same(const request_t *a, const request_t *b) {
    cr_assert(a->has_idempotency && b->has_idempotency);
    return memcmp(a->idempotency, b->idempotency, IDEMPOTENCY_BYTES) == 0;
}

/* What must not happen. */

Test(broker_idempotency, keys_that_are_not_printable_ascii_are_refused) {
    static const char *const bad[] = {"\n", "a\tb", "a\x7f", "\x01", "caf\xc3\xa9"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        envelope_t request = keyed_request("a", "upsert", bad[i]);
        assert_refused(&request, "invalid");
    }
}

Test(broker_idempotency, a_tell_with_a_key_is_refused) {
    envelope_t tell = keyed_request("a", "upsert", "k");
    tell.type = ENVELOPE_TELL;
    assert_refused(&tell, "invalid");
}

Test(broker_idempotency, one_users_key_is_never_anothers_nor_a_programs) {
    open_handle_for("p", 1, "ada", person_role_USER);
    open_handle_for("p", 2, "bob", person_role_USER);
    open_handle_for("p", 3, "operator", person_role_USER);
    read_away();
    request_t ada = taken_on_behalf("p", 1, "k"), bob = taken_on_behalf("p", 2, "k");
    request_t named_so = taken_on_behalf("p", 3, "k"), program = taken_of("p", OPERATOR, "k");
    request_t gateway = taken_of("g", GATEWAY, "k"), service = taken_of("s", SERVICE, "k");
    const request_t *all[] = {&ada, &bob, &named_so, &program, &gateway, &service};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        for (size_t j = 0; j < i; j++) {
            cr_assert_not(same(all[i], all[j]), "%zu %zu", i, j);
        }
    }
}

Test(broker_idempotency, one_key_for_two_kinds_is_two) {
    request_t toy_of = taken_of("r", OPERATOR, "k");
    envelope_t envelope = keyed_request("a", "update", "k");
    envelope.kind = span_text("user");
    request_t user_of = taken("r", OPERATOR, &envelope);
    cr_assert_not(same(&toy_of, &user_of));
}

Test(broker_idempotency, what_reads_has_no_key) {
    envelope_t request = keyed_request("a", "read", "k");
    cr_assert_not(taken("r", OPERATOR, &request).has_idempotency);
}

Test(broker_idempotency, what_has_no_key_has_none) {
    envelope_t request = toy_request(1, "a", "upsert");
    cr_assert_not(taken("r", OPERATOR, &request).has_idempotency);
}

/* Who is the same. */

Test(broker_idempotency, a_user_is_the_same_with_any_handle_of_any_peer) {
    open_handle_for("p", 1, "ada", person_role_USER);
    open_handle_for("q", 2, "ada", person_role_ADMIN);
    read_away();
    request_t first = taken_on_behalf("p", 1, "k"), again = taken_on_behalf("q", 2, "k"),
              other = taken_on_behalf("q", 2, "l");
    cr_assert(same(&first, &again));
    cr_assert_not(same(&first, &other));
}

Test(broker_idempotency, a_program_is_the_same_through_any_connection_and_start) {
    broker_options_t options = defaults;
    options.kind_of = toy_or_kind;
    request_t first = taken_of("r", SERVICE, "k"), again = taken_of("s", SERVICE, "k");
    cr_assert(same(&first, &again));
    restart(&options);
    again = taken_of("s", SERVICE, "k");
    cr_assert(same(&first, &again));
}

Test(broker_idempotency, the_longest_user_and_key_are_taken) {
    char user[KEY_BYTES_MAX + 1] = "", key[IDEMPOTENCY_KEY_BYTES_MAX + 1] = "";
    memset(user, 'u', KEY_BYTES_MAX);
    memset(key, '~', IDEMPOTENCY_KEY_BYTES_MAX);
    open_handle_for("p", 1, user, person_role_USER);
    read_away();
    cr_assert(taken_on_behalf("p", 1, key).has_idempotency);
    cr_assert(taken_on_behalf("p", 1, " ").has_idempotency);
}

/* Keys of actors. */

static void assert_made(const request_t *request, char version) {
    cr_assert_eq(request->key.len, UUID_TEXT_BYTES);
    cr_assert_eq((char)request->key.ptr[14], version, "%.*s", UUID_TEXT_BYTES, request->key.ptr);
    cr_assert_eq(request->partition, address_partition(span_text("toy"), request->key));
}

Test(broker_idempotency, a_create_meets_the_same_actor_through_any_session) {
    uint8_t session[SESSION_BYTES];
    char first[UUID_TEXT_BYTES];
    envelope_t request = keyed_request("", "make", "k");
    request_t made = taken("r", OPERATOR, &request);
    assert_made(&made, '8');
    memcpy(first, made.key.ptr, sizeof first);
    open_session(session);
    request.session = span_of(session, sizeof session);
    for (request.id = 1; request.id <= 2; request.id++) {
        made = taken("r", OPERATOR, &request);
        cr_assert_arr_eq(made.key.ptr, first, sizeof first);
    }
    made = taken("g", GATEWAY,
                 &(envelope_t){.type = ENVELOPE_REQUEST,
                               .kind = request.kind,
                               .method = request.method,
                               .key = request.key,
                               .idempotency_key = request.idempotency_key});
    cr_assert_neq(memcmp(made.key.ptr, first, sizeof first), 0, "another caller");
    request.idempotency_key = span_text("l");
    made = taken("r", OPERATOR, &request);
    assert_made(&made, '8');
    cr_assert_neq(memcmp(made.key.ptr, first, sizeof first), 0);
    request.idempotency_key = (span_t){0};
    made = taken("r", OPERATOR, &request);
    assert_made(&made, '7');
}

Test(broker_idempotency, a_key_that_was_given_stays) {
    envelope_t request = keyed_request("mine", "make", "k");
    request_t made = taken("r", OPERATOR, &request);
    assert_text(made.key, "mine");
}
