/* SPDX-License-Identifier: MIT */
#include "tests/actors/shard_fixture.h"

enum { RESERVATION_MS = 5000, MINUTE_MS = 60000 };

static fixture_t fixture;
static settings_t settings;

static void setup(void) {
    settings = settings_defaults();
    settings.reservation_ms = RESERVATION_MS;
    fixture.options.count = 3;
    fixture.options.settings = &settings;
    fixture_open(&fixture);
}

static void teardown(void) {
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        cr_assert_eq(shard_stats(fixture.shards[shard]).dead_letters, 0);
    }
    fixture_close(&fixture);
}

TestSuite(order, .init = setup, .fini = teardown);

static const char *call(const char *kind, const char *key, const char *method, const char *body) {
    return fixture_call(&fixture, &(call_t){.kind = kind, .key = key, .method = method, .body = body});
}

static const char *call_as(const char *user, const char *key, const char *method, const char *body) {
    return fixture_call(&fixture, &(call_t){.kind = "order", .key = key, .method = method, .body = body, .user = user});
}

static void assert_is(const char *text, const char *begin) {
    cr_assert(fixture_is(text, begin), "%s", text);
}

static void assert_has(const char *text, const char *part) {
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

static void stock_in(const char *sku, uint64_t cents, const char *currency, uint64_t pieces) {
    char body[200];
    snprintf(body, sizeof body, "{\"product\":\"p\",\"name\":\"n\",\"price\":{\"amount\":%llu,\"currency\":\"%s\"}}",
             (unsigned long long)cents, currency);
    assert_is(call("sku", sku, "create", body), "reply");
    snprintf(body, sizeof body, "{\"delta\":%llu,\"reason\":\"came\"}", (unsigned long long)pieces);
    assert_is(call("sku", sku, "adjust", body), "reply");
}

static void assert_stock(const char *sku, uint64_t on_hand, uint64_t reserved) {
    char part[100];
    snprintf(part, sizeof part, "\"on_hand\":%llu,\"reserved\":%llu,", (unsigned long long)on_hand,
             (unsigned long long)reserved);
    assert_has(call("sku", sku, "stock", NULL), part);
}

static void assert_state(const char *order, const char *state) {
    char part[100];
    snprintf(part, sizeof part, "\"state\":\"%s\"", state);
    assert_has(call("order", order, "get", NULL), part);
}

#define LINE(sku, quantity) "{\"sku\":\"" sku "\",\"quantity\":" #quantity "}"
#define LINES(lines) "{\"lines\":[" lines "]}"
#define PAY "{\"method\":\"manual\"}"

/* Two SKUs, and an order of both. */
static void order_both(const char *order) {
    stock_in("a", 100, "EUR", 10);
    stock_in("b", 250, "EUR", 10);
    assert_is(call("order", order, "create", LINES(LINE("a", 2) "," LINE("b", 3))), "reply");
}

/* The body of an order of s0, s1, … */
static void many_lines(char *body, size_t bytes, int lines, int quantity) {
    size_t len = (size_t)snprintf(body, bytes, "{\"lines\":[");
    for (int i = 0; i < lines; i++) {
        len += (size_t)snprintf(body + len, bytes - len, "%s{\"sku\":\"s%d\",\"quantity\":%d}", i > 0 ? "," : "", i,
                                quantity);
    }
    snprintf(body + len, bytes - len, "]}");
}

static bool lose_all(const effect_t *effect) {
    return effect->type == EFFECT_SEND;
}

Test(order, what_one_sku_refuses_keeps_nothing_of_the_others) {
    stock_in("a", 100, "EUR", 10);
    stock_in("b", 250, "EUR", 2);
    call("order", "o", "create", LINES(LINE("a", 2) "," LINE("b", 3) "," LINE("ghost", 1)));
    const char *text = call("order", "o", "get", NULL);
    assert_has(text, "\"state\":\"REJECTED\"");
    assert_has(text, "{\"sku\":\"b\",\"reason\":\"not_enough\",\"available\":2}");
    assert_has(text, "{\"sku\":\"ghost\",\"reason\":\"unknown\"}");
    cr_assert_null(strstr(text, "\"total\""));
    assert_stock("a", 10, 0);
    assert_stock("b", 2, 0);
}

Test(order, the_last_piece_is_not_sold_twice) {
    uint64_t tickets[2];
    stock_in("a", 100, "EUR", 1);
    for (int i = 0; i < 2; i++) {
        tickets[i] = fixture_send(
            &fixture,
            &(call_t){.kind = "order", .key = i == 0 ? "o1" : "o2", .method = "create", .body = LINES(LINE("a", 1))});
    }
    fixture_run(&fixture);
    assert_is(fixture_outcome(&fixture, tickets[0]), "reply");
    assert_is(fixture_outcome(&fixture, tickets[1]), "reply");
    bool first = strstr(call("order", "o1", "get", NULL), "RESERVED\",\"lines") != NULL;
    assert_state("o1", first ? "RESERVED" : "REJECTED");
    assert_state("o2", first ? "REJECTED" : "RESERVED");
    assert_stock("a", 1, 1);
}

Test(order, one_that_has_ended_keeps_nothing_that_comes_too_late) {
    order_both("o");
    call("order", "o", "cancel", NULL);
    assert_is(call("sku", "a", "reserve", "{\"order\":\"o\",\"quantity\":2}"), "reply");
    assert_stock("a", 10, 0);
}

Test(order, an_illegal_step_is_a_conflict_and_names_the_legal_ones) {
    order_both("o");
    fixture.loses = lose_all;
    call("order", "p", "create", LINES(LINE("a", 1)));
    assert_has(call("order", "p", "pay", PAY), "\"text\":\"The order is PENDING; legal steps: cancel\"");
    fixture.loses = NULL;
    call("order", "o", "pay", PAY);
    assert_is(call("order", "o", "pay", PAY), ERROR_TEXT("conflict"));
    assert_has(call("order", "o", "cancel", NULL), "\"text\":\"The order is PAID; legal steps: none\"");
    assert_state("o", "PAID");
}

Test(order, a_step_of_another_version_is_not_taken) {
    order_both("o");
    assert_is(call("order", "o", "pay", "{\"method\":\"manual\",\"version\":1}"), ERROR_TEXT("precondition_failed"));
    assert_is(call("order", "o", "cancel", "{\"version\":1}"), ERROR_TEXT("precondition_failed"));
    assert_state("o", "RESERVED");
    assert_is(call("order", "o", "pay", "{\"method\":\"manual\",\"version\":3}"), "reply");
}

static const char *transitions(const char *user, uint32_t roles) {
    return fixture_call(&fixture,
                        &(call_t){.kind = "order", .key = "o", .method = "transitions", .user = user, .roles = roles});
}

Test(order, the_next_steps_are_those_that_are_legal_for_who_asks) {
    static const char both[] = "reply {\"items\":[{\"action\":\"pay\",\"state\":\"PAID\"},"
                               "{\"action\":\"cancel\",\"state\":\"CANCELLED\"}]}";
    stock_in("a", 100, "EUR", 10);
    fixture_call(&fixture, &(call_t){.kind = "order",
                                     .key = "o",
                                     .method = "create",
                                     .user = "mina",
                                     .roles = ROLE_USER,
                                     .body = LINES(LINE("a", 1))});
    cr_assert(fixture_is(transitions("otto", ROLE_USER), ERROR_TEXT("forbidden")));
    cr_assert_str_eq(transitions("mina", ROLE_USER),
                     "reply {\"items\":[{\"action\":\"cancel\",\"state\":\"CANCELLED\"}]}");
    cr_assert_str_eq(transitions("boss", ROLE_USER | ROLE_ADMIN), both);
    call("order", "o", "pay", PAY);
    cr_assert_str_eq(transitions("boss", ROLE_USER | ROLE_ADMIN), "reply {\"items\":[]}");
}

static const char *list(const char *user, uint32_t roles, const char *body) {
    return fixture_list(&fixture, (call_t){.kind = "order", .body = body, .user = user, .roles = roles});
}

Test(order, a_user_lists_no_order_of_another) {
    stock_in("a", 100, "EUR", 10);
    call_as("ann", "of-ann", "create", LINES(LINE("a", 1)));
    call_as("ben", "of-ben", "create", LINES(LINE("a", 1)));
    call("order", "nobodys", "create", LINES(LINE("a", 1)));
    static const char *const bodies[] = {NULL, "{\"states\":true}", "{\"field\":\"user\"}",
                                         "{\"field\":\"user\",\"value\":\"ben\",\"descending\":true}"};
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        const char *text = list("ben", ROLE_USER, bodies[i]);
        assert_has(text, "\"key\":\"of-ben\"");
        cr_assert(strstr(text, "ann") == NULL && strstr(text, "nobodys") == NULL, "%s", text);
    }
    static const char *const refused[] = {"{\"field\":\"user\",\"value\":\"ann\"}",
                                          "{\"field\":\"state\",\"value\":\"RESERVED\"}", "{\"field\":\"state\"}"};
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        const char *text = list("ben", ROLE_USER, refused[i]);
        cr_assert(fixture_is(text, ERROR_TEXT("forbidden")) && strstr(text, "items") == NULL, "%s", text);
    }
    assert_is(list(NULL, ROLE_GATEWAY, NULL), ERROR_TEXT("forbidden"));
}

Test(order, an_administrator_lists_shows_and_ends_all_orders) {
    uint32_t admin = ROLE_USER | ROLE_ADMIN;
    stock_in("a", 100, "EUR", 10);
    call_as("ann", "of-ann", "create", LINES(LINE("a", 1)));
    call_as("ann", "to-pay", "create", LINES(LINE("a", 1)));
    assert_has(list("ben", admin, NULL), "\"key\":\"of-ann\"");
    assert_has(list("ben", admin, "{\"field\":\"user\",\"value\":\"ann\"}"), "\"key\":\"to-pay\"");
    call_t asked = {.kind = "order", .key = "of-ann", .user = "ben", .roles = admin};
    static const char *const methods[] = {"get", "history", "cancel"};
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        asked.method = methods[i];
        assert_is(fixture_call(&fixture, &asked), "reply");
    }
    assert_state("of-ann", "CANCELLED");
    assert_is(
        fixture_call(
            &fixture,
            &(call_t){.kind = "order", .key = "to-pay", .method = "pay", .body = PAY, .user = "ben", .roles = admin}),
        "reply");
}

Test(order, a_user_sees_and_ends_no_order_of_another) {
    stock_in("a", 100, "EUR", 10);
    assert_has(call_as("ann", "o", "create", LINES(LINE("a", 1))), "\"user\":\"ann\"");
    assert_is(call_as("ben", "o", "get", NULL), ERROR_TEXT("forbidden"));
    assert_is(call_as("ben", "o", "history", NULL), ERROR_TEXT("forbidden"));
    assert_is(call_as("ben", "o", "cancel", NULL), ERROR_TEXT("forbidden"));
    assert_is(call_as("ben", "x", "create", "{\"user\":\"ann\",\"lines\":[" LINE("a", 1) "]}"),
              ERROR_TEXT("forbidden"));
    assert_state("o", "RESERVED");
    assert_is(call("order", "nobodys", "create", LINES(LINE("a", 1))), "reply");
    assert_is(call_as("ben", "nobodys", "get", NULL), ERROR_TEXT("forbidden"));
    assert_is(call_as("ann", "o", "cancel", NULL), "reply");
    assert_state("o", "CANCELLED");
}

Test(order, lines_that_make_no_sense_are_refused) {
    static const char *const bodies[] = {
        "{}",
        LINES(""),
        LINES(LINE("a", 0)),
        LINES(LINE("a", 1001)),
        LINES(LINE("", 1)),
        LINES(LINE("a/b", 1)),
        LINES(LINE("a", 1) "," LINE("b", 1) "," LINE("a", 1)),
        LINES("{\"sku\":\"a\"}"),
        LINES("{\"sku\":\"a\",\"quantity\":1,\"price\":0}"),
    };
    char many[2000];
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        assert_is(call("order", "o", "create", bodies[i]), ERROR_TEXT("invalid"));
    }
    many_lines(many, sizeof many, ORDER_LINES_MAX + 1, 1);
    assert_is(call("order", "o", "create", many), ERROR_TEXT("invalid"));
    cr_assert_eq(fixture.records, 0);
}

Test(order, a_key_that_its_skus_cannot_keep_is_refused) {
    char key[KEY_BYTES_MAX + 1];
    memset(key, 'k', KEY_BYTES_MAX);
    key[KEY_BYTES_MAX] = 0;
    assert_is(call("order", key, "create", LINES(LINE("a", 1))), ERROR_TEXT("invalid"));
    key[ORDER_KEY_BYTES_MAX] = 0;
    stock_in("a", 1, "EUR", 1);
    assert_is(call("order", key, "create", LINES(LINE("a", 1))), "reply");
    assert_state(key, "RESERVED");
}

Test(order, two_currencies_are_not_added) {
    stock_in("a", 100, "EUR", 10);
    stock_in("b", 100, "KRW", 10);
    call("order", "o", "create", LINES(LINE("a", 1) "," LINE("b", 1)));
    const char *text = call("order", "o", "get", NULL);
    assert_has(text, "\"state\":\"REJECTED\"");
    assert_has(text, "\"reasons\":[{\"sku\":\"b\",\"reason\":\"currency\"}]");
    assert_stock("a", 10, 0);
    assert_stock("b", 10, 0);
}

Test(order, skus_that_never_answer_do_not_keep_it_pending) {
    order_both("other");
    fixture.loses = lose_all;
    call("order", "o", "create", LINES(LINE("a", 1) "," LINE("b", 1)));
    assert_state("o", "PENDING");
    fixture_pass(&fixture, 4 * MINUTE_MS);
    assert_state("o", "PENDING");
    fixture_pass(&fixture, 2 * MINUTE_MS);
    const char *text = call("order", "o", "get", NULL);
    assert_has(text, "\"state\":\"REJECTED\"");
    assert_has(text, "{\"sku\":\"a\",\"reason\":\"no_answer\"}");
    fixture.loses = NULL;
    fixture_pass(&fixture, MINUTE_MS);
    assert_state("o", "REJECTED");
    assert_stock("a", 10, 0);
    assert_stock("b", 10, 0);
}

Test(order, one_that_is_cancelled_while_pending_leaves_nothing_reserved) {
    order_both("other");
    fixture.loses = lose_all;
    call("order", "o", "create", LINES(LINE("a", 1) "," LINE("ghost", 1)));
    assert_is(call("order", "o", "cancel", NULL), "reply");
    fixture.loses = NULL;
    fixture_pass(&fixture, MINUTE_MS);
    assert_state("o", "CANCELLED");
    assert_stock("a", 10, 0);
}

Test(order, a_new_one_is_pending_and_then_has_all_it_asked_for) {
    stock_in("a", 100, "EUR", 10);
    stock_in("b", 250, "EUR", 10);
    cr_assert_str_eq(call("order", "o", "create", LINES(LINE("a", 2) "," LINE("b", 3))),
                     "reply {\"id\":\"o\",\"version\":1,\"state\":\"PENDING\",\"lines\":["
                     "{\"sku\":\"a\",\"quantity\":2,\"answer\":\"ASKED\"},"
                     "{\"sku\":\"b\",\"quantity\":3,\"answer\":\"ASKED\"}],"
                     "\"created_at\":1767225600000,\"updated_at\":1767225600000}");
    cr_assert_str_eq(call("order", "o", "get", NULL),
                     "reply {\"id\":\"o\",\"version\":3,\"state\":\"RESERVED\",\"lines\":["
                     "{\"sku\":\"a\",\"quantity\":2,\"answer\":\"RESERVED\",\"price\":{\"amount\":100,"
                     "\"currency\":\"EUR\"}},"
                     "{\"sku\":\"b\",\"quantity\":3,\"answer\":\"RESERVED\",\"price\":{\"amount\":250,"
                     "\"currency\":\"EUR\"}}],\"total\":{\"amount\":950,\"currency\":\"EUR\"},"
                     "\"created_at\":1767225600000,\"updated_at\":1767225600000,\"expires_at\":1767225605000}");
    assert_stock("a", 10, 2);
    assert_stock("b", 10, 3);
}

Test(order, one_that_is_paid_is_sold_and_does_not_expire) {
    order_both("o");
    assert_has(call("order", "o", "pay", PAY), "\"state\":\"PAID\"");
    fixture_pass(&fixture, 2 * RESERVATION_MS);
    assert_state("o", "PAID");
    cr_assert_null(strstr(call("order", "o", "get", NULL), "expires_at"));
    assert_stock("a", 8, 0);
    assert_stock("b", 7, 0);
}

Test(order, one_that_is_not_paid_in_time_gives_everything_back) {
    order_both("o");
    fixture_pass(&fixture, RESERVATION_MS - 1);
    assert_state("o", "RESERVED");
    fixture_restart_as(&fixture, 2);
    fixture_pass(&fixture, 2);
    assert_state("o", "EXPIRED");
    assert_stock("a", 10, 0);
    assert_stock("b", 10, 0);
    assert_is(call("order", "o", "pay", PAY), ERROR_TEXT("conflict"));
}

Test(order, what_is_no_key_of_a_user_orders_nothing) {
    stock_in("a", 100, "EUR", 10);
    assert_is(call("order", "o", "create", "{\"user\":\"ann b\",\"lines\":[" LINE("a", 1) "]}"), ERROR_TEXT("invalid"));
    assert_is(call("order", "o", "get", NULL), ERROR_TEXT("not_found"));
    assert_stock("a", 10, 0);
}

Test(order, an_operator_orders_for_a_user) {
    stock_in("a", 100, "EUR", 10);
    call("order", "o", "create", "{\"user\":\"ann\",\"lines\":[" LINE("a", 1) "]}");
    assert_has(call_as("ann", "o", "get", NULL), "\"user\":\"ann\"");
}

Test(order, its_history_tells_each_state_and_when) {
    stock_in("a", 100, "EUR", 10);
    call_as("ann", "o", "create", LINES(LINE("a", 1)));
    fixture_pass(&fixture, 7);
    call("order", "o", "pay", PAY);
    cr_assert_str_eq(call("order", "o", "history", NULL),
                     "reply {\"items\":[{\"seq\":1,\"at\":1767225600000,\"state\":\"PENDING\",\"user\":\"ann\"},"
                     "{\"seq\":2,\"at\":1767225600000,\"state\":\"RESERVED\"},"
                     "{\"seq\":3,\"at\":1767225600007,\"state\":\"PAID\"}]}");
}

Test(order, twenty_lines_are_one_order) {
    char body[2000], sku[16];
    for (int i = 0; i < ORDER_LINES_MAX; i++) {
        snprintf(sku, sizeof sku, "s%d", i);
        stock_in(sku, 5000000000000, "EUR", 1000);
    }
    many_lines(body, sizeof body, ORDER_LINES_MAX, 1000);
    assert_is(call("order", "o", "create", body), "reply");
    assert_has(call("order", "o", "get", NULL), "\"total\":{\"amount\":100000000000000000,\"currency\":\"EUR\"}");
    call("order", "o", "pay", PAY);
    assert_stock("s19", 0, 0);
}
