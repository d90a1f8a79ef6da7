/* SPDX-License-Identifier: MIT */
/*
 * Idempotency keys through whole shards: with and without sessions, of turns that answer at once, later, not at all, or
 * give a handle. Clients that do whatever they like are in idempotency_model_test.c.
 */
#include "tests/actors/node.h"

static fixture_t fixture;
static settings_t settings;

static void setup(void) {
    settings = settings_defaults();
    settings.idempotency_ms = 1000;
    fixture.options.settings = &settings;
    fixture.options.actor_of = actor_of_node;
    fixture.options.kind_of = kind_of_node;
    fixture.options.count = 3;
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(shard_idempotency, .init = setup, .fini = teardown);

#define NODE(key_, method_, ...)                                                                                       \
    fixture_call(&fixture, &(call_t){.own_kind = &node_kind, .key = (key_), .method = (method_), __VA_ARGS__})
#define NODE_SEND(key_, method_, ...)                                                                                  \
    fixture_send(&fixture, &(call_t){.own_kind = &node_kind, .key = (key_), .method = (method_), __VA_ARGS__})
#define SKU(method_, ...) fixture_call(&fixture, &(call_t){.kind = "sku", .key = "s", .method = (method_), __VA_ARGS__})

#define SHIRT "{\"product\":\"shirt\",\"name\":\"Shirt\",\"price\":{\"amount\":1999,\"currency\":\"EUR\"}}"
#define ADD(delta) "{\"delta\":" delta ",\"reason\":\"counted\"}"
#define ONE "{\"number\":1}"

static void assert_is(const char *text, const char *begin) {
    cr_assert(text != NULL && fixture_is(text, begin), "%s is not %s", text, begin);
}

static void assert_stock(const char *pieces) {
    char expected[64];
    snprintf(expected, sizeof expected, "\"on_hand\":%s,", pieces);
    const char *text = SKU("stock", 0);
    cr_assert_not_null(strstr(text, expected), "%s", text);
}

/* What must not happen. */

Test(shard_idempotency, nothing_runs_twice_through_any_session_and_after_a_restart_with_other_shards) {
    SKU("create", .body = SHIRT);
    const char *first = SKU("adjust", .body = ADD("5"), .idempotency_key = "k");
    assert_is(first, "reply");
    cr_assert_str_eq(SKU("adjust", .body = ADD("5"), .idempotency_key = "k"), first);
    cr_assert_str_eq(SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 1, .id = 1), first);
    SKU("adjust", .body = ADD("1"));
    fixture_restart_as(&fixture, 5);
    cr_assert_str_eq(SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 2, .id = 9), first);
    assert_stock("6");
}

Test(shard_idempotency, the_key_of_another_caller_is_another_key) {
    SKU("create", .body = SHIRT);
    const uint32_t roles = ROLE_ADMIN;
    const char *ann = SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .user = "ann", .roles = roles);
    const char *bob = SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .user = "bob", .roles = roles);
    assert_is(ann, "reply");
    assert_is(bob, "reply");
    cr_assert_str_neq(ann, bob);
    assert_stock("10");
}

Test(shard_idempotency, another_body_or_method_neither_runs_nor_gets_the_answer) {
    SKU("create", .body = SHIRT, .idempotency_key = "k");
    SKU("adjust", .body = ADD("5"), .idempotency_key = "l");
    assert_is(SKU("adjust", .body = ADD("5"), .idempotency_key = "k"), ERROR_TEXT("idempotency_mismatch"));
    assert_is(SKU("adjust", .body = ADD("6"), .idempotency_key = "l"), ERROR_TEXT("idempotency_mismatch"));
    assert_stock("5");
}

Test(shard_idempotency, a_create_with_another_body_makes_no_second_actor) {
    assert_is(SKU("create", .body = SHIRT, .idempotency_key = "k"), "reply");
    assert_is(SKU("create", .body = SHIRT, .idempotency_key = "k"), "reply");
    assert_is(SKU("create", .body = "{\"product\":\"x\"}", .idempotency_key = "k"), ERROR_TEXT("idempotency_mismatch"));
    fixture_pass(&fixture, 1000);
    assert_is(SKU("create", .body = SHIRT, .idempotency_key = "k"), ERROR_TEXT("conflict"));
}

Test(shard_idempotency, what_failed_is_not_kept) {
    SKU("create", .body = SHIRT);
    assert_is(SKU("adjust", .body = ADD("-5"), .idempotency_key = "k"), ERROR_TEXT("conflict"));
    SKU("adjust", .body = ADD("7"));
    assert_is(SKU("adjust", .body = ADD("-5"), .idempotency_key = "k"), "reply");
    assert_stock("2");
}

Test(shard_idempotency, who_found_nothing_to_write_does_not_write_later) {
    const char *nothing = NODE("n", "go", .body = ONE, .idempotency_key = "k");
    assert_is(nothing, "reply");
    uint32_t runs = node_runs[NODE_GO];
    cr_assert_str_eq(NODE("n", "go", .body = ONE, .idempotency_key = "k"), nothing);
    cr_assert_eq(node_runs[NODE_GO], runs);
}

Test(shard_idempotency, what_a_session_no_longer_waits_for_does_not_run) {
    SKU("create", .body = SHIRT, .session = 1, .id = 5, .lowest = 5);
    cr_assert_str_eq(SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 1, .id = 4), "silent");
    assert_stock("0");
    assert_is(SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 1, .id = 6), "reply");
    cr_assert_str_eq(SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 1, .id = 4), "silent");
}

Test(shard_idempotency, a_retry_of_a_session_does_not_run_though_the_key_has_expired) {
    SKU("create", .body = SHIRT);
    const char *first = SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 1, .id = 1);
    fixture_pass(&fixture, 1000);
    cr_assert_str_eq(SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 1, .id = 1), first);
    assert_stock("5");
    cr_assert_str_neq(SKU("adjust", .body = ADD("5"), .idempotency_key = "k", .session = 1, .id = 2), first);
    assert_stock("10");
}

/* Later answers. */

Test(shard_idempotency, a_promise_is_neither_made_nor_answered_twice) {
    fixture.may_wait = true;
    uint64_t first = NODE_SEND("n", "hold", .body = ONE, .idempotency_key = "k", .session = 1, .id = 1);
    fixture_run(&fixture);
    uint32_t holds = node_runs[NODE_HOLD];
    cr_assert_null(fixture_outcome(&fixture, first));
    assert_is(NODE("n", "hold", .body = ONE, .idempotency_key = "k", .session = 2, .id = 1), ERROR_TEXT("in_progress"));
    assert_is(NODE("n", "hold", .body = ONE, .idempotency_key = "k"), ERROR_TEXT("in_progress"));
    assert_is(NODE("n", "hold", .body = "{\"number\":2}", .idempotency_key = "k"), ERROR_TEXT("idempotency_mismatch"));
    NODE("n", "answer", .body = "{\"to\":\"1\",\"count\":8}");
    assert_is(fixture_outcome(&fixture, first), "reply {\"number\":1,\"count\":8}");
    NODE("n", "answer", .body = "{\"to\":\"1\",\"count\":9}");
    const char *later = NODE("n", "hold", .body = ONE, .idempotency_key = "k", .session = 2, .id = 2);
    cr_assert_str_eq(later, fixture_outcome(&fixture, first));
    cr_assert_eq(node_runs[NODE_HOLD], holds);
}

Test(shard_idempotency, a_promise_is_kept_after_a_restart_with_or_without_a_session) {
    fixture.may_wait = true;
    NODE_SEND("n", "hold", .body = ONE, .idempotency_key = "k");
    NODE_SEND("n", "hold", .body = "{\"number\":2}", .idempotency_key = "l", .session = 1, .id = 1);
    fixture_run(&fixture);
    fixture_restart_as(&fixture, 2);
    assert_is(NODE("n", "hold", .body = ONE, .idempotency_key = "k"), ERROR_TEXT("in_progress"));
    uint64_t again = NODE_SEND("n", "hold", .body = "{\"number\":2}", .idempotency_key = "l", .session = 1, .id = 1);
    fixture_run(&fixture);
    cr_assert_null(fixture_outcome(&fixture, again), "the copy of the session waits");
    NODE("n", "answer", .body = "{\"to\":\"1,2\",\"count\":8}");
    fixture_restart_as(&fixture, 3);
    assert_is(NODE("n", "hold", .body = ONE, .idempotency_key = "k"), "reply {\"number\":1,\"count\":8}");
    assert_is(fixture_outcome(&fixture, again), "reply {\"number\":2,\"count\":8}");
    cr_assert_str_eq(NODE("n", "hold", .body = "{\"number\":2}", .idempotency_key = "l"),
                     fixture_outcome(&fixture, again));
}

Test(shard_idempotency, a_later_error_is_not_kept_either) {
    fixture.may_wait = true;
    uint64_t first = NODE_SEND("n", "hold", .body = ONE, .idempotency_key = "k");
    NODE("n", "answer", .body = "{\"to\":\"1\",\"text\":\"taken\"}");
    assert_is(fixture_outcome(&fixture, first), ERROR_TEXT("conflict"));
    uint64_t again = NODE_SEND("n", "hold", .body = ONE, .idempotency_key = "k");
    cr_assert_null(fixture_outcome(&fixture, again), "it runs anew");
}

#define MINA "{\"email\":\"mina@example.org\",\"name\":\"Mina\"}"

Test(shard_idempotency, who_signs_up_twice_has_one_account_and_one_answer) {
    call_t sign_up = {.key = "u1", .method = "create", .body = MINA, .idempotency_key = "k"};
    const char *first = fixture_call(&fixture, &sign_up);
    assert_is(first, "reply");
    cr_assert_str_eq(fixture_call(&fixture, &sign_up), first);
    call_t other = {.key = "u2", .method = "create", .body = MINA, .idempotency_key = "k"};
    const char *taken = fixture_call(&fixture, &other);
    assert_is(taken, ERROR_TEXT("conflict"));
    cr_assert_str_eq(fixture_call(&fixture, &other), taken);
}

Test(shard_idempotency, a_handle_is_given_again_until_it_has_ended) {
    call_t open = {
        .kind = "session", .key = "s1", .method = "open", .body = "{\"as\":\"user/u1\"}", .idempotency_key = "k"};
    fixture_call(&fixture, &(call_t){.key = "u1", .method = "create", .body = MINA});
    const char *first = fixture_call(&fixture, &open);
    assert_is(first, "reply");
    cr_assert_str_eq(fixture_call(&fixture, &open), first);
    cr_assert_eq(fixture.outcomes[fixture.tickets].flags, EFFECT_GRANT);
    fixture_call(&fixture, &(call_t){.kind = "session", .key = "s1", .method = "end"});
    assert_is(fixture_call(&fixture, &open), ERROR_TEXT("unauthenticated"));
    cr_assert_eq(fixture.outcomes[fixture.tickets].flags, 0);
}

/* The sweep. */

Test(shard_idempotency, what_has_expired_does_not_stay_in_any_partition) {
    char key[16];
    fixture.may_wait = true;
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "n%d", i);
        NODE_SEND(key, i % 2 == 0 ? "take" : "hold", .body = ONE, .idempotency_key = "k");
    }
    fixture_run(&fixture);
    cr_assert_eq(fixture_rows(&fixture, 'k'), 300);
    for (uint32_t i = 0; i < 2 * PARTITIONS; i++) {
        fixture_idle(&fixture, (uint16_t)(i % fixture.options.count));
    }
    cr_assert_eq(fixture_rows(&fixture, 'k'), 300);
    fixture_pass(&fixture, 1000);
    for (uint32_t i = 0; i < 2 * PARTITIONS; i++) {
        fixture_idle(&fixture, (uint16_t)(i % fixture.options.count));
    }
    cr_assert_eq(fixture_rows(&fixture, 'k'), 0);
}
