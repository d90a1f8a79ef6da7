/* SPDX-License-Identifier: MIT */
#include "actors/cell.h"
#include "actors/store_key.h"
#include "tests/actors/shard_fixture.h"
#include "tests/schemas/hex.h"

static fixture_t fixture;

static void setup(void) {
    fixture.options.count = 3;
    fixture_open(&fixture);
}

static void teardown(void) {
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        cr_assert_eq(shard_stats(fixture.shards[shard]).dead_letters, 0);
    }
    fixture_close(&fixture);
}

TestSuite(sku, .init = setup, .fini = teardown);

#define SHIRT "{\"product\":\"shirt\",\"name\":\"Shirt, red\",\"price\":{\"amount\":1999,\"currency\":\"EUR\"}}"

static const char *call(const char *method, const char *body) {
    return fixture_call(&fixture, &(call_t){.kind = "sku", .key = "s1", .method = method, .body = body});
}

static void assert_error(const char *method, const char *body, const char *error) {
    const char *text = call(method, body);
    cr_assert(fixture_is(text, error), "%s: %s", body, text);
}

static void assert_has(const char *text, const char *part) {
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

static void adjust(int64_t delta) {
    char body[100];
    snprintf(body, sizeof body, "{\"delta\":%lld,\"reason\":\"counted\"}", (long long)delta);
    cr_assert(fixture_is(call("adjust", body), "reply"), "%lld", (long long)delta);
}

static void create(int64_t stock) {
    cr_assert(fixture_is(call("create", SHIRT), "reply"));
    if (stock > 0) {
        adjust(stock);
    }
}

static const char *list(const char *user, const char *body) {
    uint32_t roles = user == NULL ? ROLE_GATEWAY : ROLE_USER;
    return fixture_list(&fixture, (call_t){.kind = "sku", .body = body, .user = user, .roles = roles});
}

Test(sku, everybody_lists_them_in_the_order_of_their_products) {
    create(5);
    const char *row = "\"value\":\"shirt\",\"state\":{\"product\":\"shirt\",\"name\":\"Shirt, red\"";
    assert_has(list("mina", "{\"field\":\"product\",\"states\":true}"), row);
    assert_has(list(NULL, "{\"field\":\"product\",\"states\":true}"), row);
    assert_has(list("mina", "{\"field\":\"product\",\"value\":\"shirt\"}"), "\"key\":\"s1\"");
    cr_assert_null(strstr(list("mina", "{\"field\":\"product\",\"after_value\":\"shirt\",\"after\":\"~\"}"), "s1"));
}

Test(sku, moves_of_the_stock_are_no_new_version) {
    create(5);
    assert_has(call("stock", NULL), "\"version\":1,");
    adjust(3);
    assert_has(call("adjust", "{\"delta\":-1,\"reason\":\"x\"}"), "\"version\":1,");
    assert_has(call("stock", NULL), "\"version\":1,");
}

/* A message as an order sends it. */
static void tell(const char *method, const char *order, uint64_t quantity) {
    char body[300];
    size_t len = (size_t)snprintf(body, sizeof body, "{\"order\":\"%s\"", order);
    if (quantity > 0) {
        len += (size_t)snprintf(body + len, sizeof body - len, ",\"quantity\":%llu", (unsigned long long)quantity);
    }
    snprintf(body + len, sizeof body - len, "}");
    cr_assert(fixture_is(call(method, body), "reply"));
}

static void assert_stock(uint64_t on_hand, uint64_t reserved) {
    char part[100];
    snprintf(part, sizeof part, "\"on_hand\":%llu,\"reserved\":%llu,\"available\":%llu}", (unsigned long long)on_hand,
             (unsigned long long)reserved, (unsigned long long)(on_hand - reserved));
    assert_has(call("stock", NULL), part);
}

static void call_other(const char *kind, const char *key, const char *method, const char *body) {
    cr_assert_not_null(fixture_call(&fixture, &(call_t){.kind = kind, .key = key, .method = method, .body = body}));
}

/* An order that has reserved something else, so that what is said of it here is no business of its own. */
static void make_order(const char *key) {
    call_other("sku", "other", "create", SHIRT);
    call_other("sku", "other", "adjust", "{\"delta\":1,\"reason\":\"x\"}");
    call_other("order", key, "create", "{\"lines\":[{\"sku\":\"other\",\"quantity\":1}]}");
}

/* Any record of an actor's own keys, as it is stored. */
static const char *own_row(const char *subkey, size_t bytes, char text[1024]) {
    store_key_t key;
    span_t value;
    cell_t cell;
    store_key_sub(&key, address_partition(span_text("sku"), span_text("s1")), span_text("sku"), span_text("s1"),
                  span_of(subkey, bytes));
    fixture_apply(&fixture);
    uint64_t batch;
    FIXTURE_OK(store_reader_renew(fixture.work_reader, 0, &batch));
    FIXTURE_OK(store_get(fixture.work_reader, store_key_span(&key), &value));
    if (value.ptr == NULL) {
        return NULL;
    }
    cr_assert(cell_open(&cell, store_key_span(&key), value));
    return hex_text(cell.body, text);
}

Test(sku, more_than_there_is_is_not_reserved) {
    create(5);
    make_order("o1");
    make_order("o2");
    tell("reserve", "o1", 4);
    tell("reserve", "o2", 2);
    assert_stock(5, 4);
    tell("reserve", "o2", 1);
    assert_stock(5, 5);
}

Test(sku, an_order_reserves_releases_and_buys_once_however_often_it_is_said) {
    create(5);
    make_order("o1");
    tell("reserve", "o1", 2);
    tell("reserve", "o1", 2);
    assert_stock(5, 2);
    tell("release", "o1", 0);
    tell("release", "o1", 0);
    assert_stock(5, 0);
    tell("reserve", "o1", 3);
    tell("commit", "o1", 0);
    tell("commit", "o1", 0);
    assert_stock(2, 0);
    tell("release", "o1", 0);
    tell("reserve", "o1", 2);
    assert_stock(2, 0);
}

Test(sku, what_was_not_reserved_is_not_sold) {
    create(5);
    assert_error("commit", "{\"order\":\"o1\"}", ERROR_TEXT("conflict"));
    assert_stock(5, 0);
}

Test(sku, stock_never_falls_below_what_is_reserved) {
    create(5);
    make_order("o1");
    tell("reserve", "o1", 3);
    assert_error("adjust", "{\"delta\":-3,\"reason\":\"lost\"}", ERROR_TEXT("conflict"));
    assert_has(call("adjust", "{\"delta\":-6,\"reason\":\"lost\"}"), "\"text\":\"Of 5 pieces 3 are reserved\"");
    assert_stock(5, 3);
    adjust(-2);
    assert_stock(3, 3);
}

Test(sku, stock_has_bounds) {
    create(1);
    assert_error("adjust", "{\"delta\":0,\"reason\":\"x\"}", ERROR_TEXT("invalid"));
    assert_error("adjust", "{\"delta\":1000000000000,\"reason\":\"x\"}", ERROR_TEXT("conflict"));
    assert_error("adjust", "{\"delta\":1000000000001,\"reason\":\"x\"}", ERROR_TEXT("invalid"));
    assert_error("adjust", "{\"delta\":-1000000000000,\"reason\":\"x\"}", ERROR_TEXT("conflict"));
    adjust(999999999999);
    assert_stock(1000000000000, 0);
}

Test(sku, a_price_that_is_none_is_refused) {
    static const char *const prices[] = {
        "{\"amount\":1,\"currency\":\"eur\"}",
        "{\"amount\":1,\"currency\":\"EURO\"}",
        "{\"amount\":-1,\"currency\":\"EUR\"}",
        "{\"amount\":5000000000001,\"currency\":\"EUR\"}",
        "{\"amount\":1}",
        "1999",
    };
    char body[256];
    for (size_t i = 0; i < ARRAY_LENGTH(prices); i++) {
        snprintf(body, sizeof body, "{\"product\":\"p\",\"name\":\"n\",\"price\":%s}", prices[i]);
        assert_error("create", body, ERROR_TEXT("invalid"));
    }
    cr_assert_eq(fixture.records, 0);
}

Test(sku, one_that_is_not_there_has_no_stock_and_a_second_is_not_made) {
    assert_error("stock", NULL, ERROR_TEXT("not_found"));
    assert_error("adjust", "{\"delta\":1,\"reason\":\"x\"}", ERROR_TEXT("not_found"));
    assert_error("ledger", NULL, ERROR_TEXT("not_found"));
    tell("release", "o1", 0);
    create(0);
    assert_error("create", SHIRT, ERROR_TEXT("conflict"));
}

Test(sku, a_new_one_is_shown_as_it_was_made) {
    cr_assert_str_eq(call("create", SHIRT),
                     "reply {\"sku\":\"s1\",\"version\":1,\"product\":\"shirt\",\"name\":\"Shirt, red\",\"price\":"
                     "{\"amount\":1999,\"currency\":\"EUR\"},\"on_hand\":0,\"reserved\":0,\"available\":0}");
    fixture_restart(&fixture);
    assert_stock(0, 0);
}

Test(sku, the_ledger_tells_every_change_and_what_it_led_to) {
    create(0);
    make_order("o1");
    fixture_call(&fixture, &(call_t){.kind = "sku",
                                     .key = "s1",
                                     .method = "adjust",
                                     .user = "ann",
                                     .body = "{\"delta\":5,\"reason\":\"came\"}"});
    tell("reserve", "o1", 2);
    tell("commit", "o1", 0);
    cr_assert_str_eq(
        call("ledger", "{\"after\":0}"),
        "reply {\"items\":["
        "{\"seq\":1,\"at\":1767225600000,\"cause\":\"adjusted\",\"reason\":\"came\",\"user\":\"ann\","
        "\"on_hand_delta\":5,\"reserved_delta\":0,\"on_hand\":5,\"reserved\":0},"
        "{\"seq\":2,\"at\":1767225600000,\"cause\":\"reserved\",\"order\":\"o1\","
        "\"on_hand_delta\":0,\"reserved_delta\":2,\"on_hand\":5,\"reserved\":2},"
        "{\"seq\":3,\"at\":1767225600000,\"cause\":\"sold\",\"order\":\"o1\","
        "\"on_hand_delta\":-2,\"reserved_delta\":-2,\"on_hand\":3,\"reserved\":0}],\"more\":false,\"last\":3}");
}

/* The numbers of the entries of a page, "3 2 1". */
static const char *page(const char *body) {
    static char numbers[1024];
    size_t len = 0;
    numbers[0] = 0;
    for (const char *at = call("ledger", body); (at = strstr(at, "\"seq\":")) != NULL; at++) {
        len +=
            (size_t)snprintf(numbers + len, sizeof numbers - len, len > 0 ? " %ld" : "%ld", strtol(at + 6, NULL, 10));
    }
    return numbers;
}

Test(sku, the_ledger_has_pages_both_ways) {
    create(0);
    cr_assert_str_eq(page(NULL), "");
    for (int i = 0; i < 25; i++) {
        adjust(1);
    }
    cr_assert_str_eq(page("{\"limit\":3}"), "25 24 23");
    cr_assert_str_eq(page("{\"limit\":3,\"before\":23}"), "22 21 20");
    cr_assert_str_eq(page("{\"limit\":3,\"before\":3}"), "2 1");
    cr_assert_str_eq(page("{\"before\":1}"), "");
    cr_assert_str_eq(page("{\"before\":0}"), "");
    cr_assert_str_eq(page("{\"limit\":2,\"before\":9223372036854775807}"), "25 24");
    cr_assert_str_eq(page("{\"limit\":3,\"after\":0}"), "1 2 3");
    cr_assert_str_eq(page("{\"limit\":3,\"after\":23}"), "24 25");
    cr_assert_str_eq(page("{\"after\":25}"), "");
    cr_assert_str_eq(page("{\"after\":9223372036854775807}"), "");
    cr_assert_str_eq(page(NULL), "25 24 23 22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6");
    assert_error("ledger", "{\"before\":3,\"after\":1}", ERROR_TEXT("invalid"));
    assert_error("ledger", "{\"limit\":101}", ERROR_TEXT("invalid"));
}

/* As they are stored: what this release writes, the next one must read. */
Test(sku, the_golden_bytes_of_an_entry_and_a_reservation_are_written) {
    char text[1024];
    create(5);
    make_order("o1");
    tell("reserve", "o1", 2);
    cr_assert_str_eq(own_row("l\0\0\0\0\0\0\0\2", 9, text),
                     "88a373657102a26174cf0000019b76daa800a56361757365a87265736572766564a56f72646572a26f31"
                     "ad6f6e5f68616e645f64656c746100ae72657365727665645f64656c746102a76f6e5f68616e6405"
                     "a8726573657276656402");
    cr_assert_str_eq(own_row("ro1", 3, text),
                     "83a87175616e7469747902a57374617465a85245534552564544a26174cf0000019b76daa800");
    tell("release", "o1", 0);
    cr_assert_null(own_row("ro1", 3, text));
}
