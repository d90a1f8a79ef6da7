/* SPDX-License-Identifier: MIT */
/*
 * SKUs and orders against numbers on paper. People order, pay, cancel, count stock and let time pass, some of it at
 * once; messages and acknowledgements get lost, and the server is killed and started again with another number of
 * shards.
 *
 * While it is calm, each order must come out as the paper says. In the storm it may come out either way; but once
 * everything that was sent has arrived, stock and reservations must be what the orders that were made add up to.
 */
#include "actors/cell.h"
#include "actors/store_key.h"
#include "tests/actors/shard_fixture.h"
#include "tests/storage/random.h"

enum {
    SKUS = 7, /* the last one is never made */
    ORDERS_MAX = 1200,
    LINES_MAX = 4,
    ROUNDS = 60,
    ACTIONS = 12, /* in one round */
    RESERVATION_MS = 40000,
    SETTLE_STEP_MS = 500,
    SETTLE_STEPS_MAX = 200,
};

typedef struct sku_model {
    bool made;
    const char *currency;
    int64_t on_hand, reserved;
} sku_model_t;

typedef struct line_model {
    int sku;
    int64_t quantity;
} line_model_t;

typedef struct order_model {
    line_model_t lines[LINES_MAX];
    int line_count;
    order_state_t state; /* as it was seen last */
    bool decided;        /* state is what pay or cancel answered */
} order_model_t;

static fixture_t fixture;
static settings_t settings;
static random_state_t random_state;
static sku_model_t skus[SKUS];
static order_model_t orders[ORDERS_MAX];
static int order_count;
static uint64_t reached[order_state_COUNT]; /* how many orders came into each state */

static size_t below(size_t limit) {
    return random_below(&random_state, limit);
}

static bool chance(size_t one_in) {
    return below(one_in) == 0;
}

static bool lose_some(const effect_t *effect) {
    (void)effect;
    return chance(4);
}

static bool lose_all(const effect_t *effect) {
    (void)effect;
    return true;
}

/* Requests. What they are made of lives until the next one. */

static const char *sku_key(int sku) {
    static char keys[SKUS][16];
    snprintf(keys[sku], sizeof keys[sku], "sku-%d", sku);
    return keys[sku];
}

static const char *order_key(int order) {
    static char key[16];
    snprintf(key, sizeof key, "order-%d", order);
    return key;
}

static const char *call(const char *kind, const char *key, const char *method, const char *body) {
    return fixture_call(&fixture, &(call_t){.kind = kind, .key = key, .method = method, .body = body});
}

static bool accepted(const char *text) {
    cr_assert(fixture_is(text, "reply") || fixture_is(text, ERROR_TEXT("conflict")), "%s", text);
    return fixture_is(text, "reply");
}

static int64_t number_after(const char *text, const char *name) {
    const char *at = strstr(text, name);
    cr_assert_not_null(at, "%s is not in %s", name, text);
    return strtoll(at + strlen(name), NULL, 10);
}

static order_state_t state_in(const char *text) {
    const char *at = strstr(text, "\"state\":\"");
    cr_assert_not_null(at, "%s", text);
    at += strlen("\"state\":\"");
    for (uint32_t state = 0; state < order_state_COUNT; state++) {
        size_t len = strlen(enum_order_state.values[state]);
        if (strncmp(at, enum_order_state.values[state], len) == 0 && at[len] == '"') {
            return (order_state_t)state;
        }
    }
    cr_assert_fail("no state: %s", text);
    return order_state_COUNT;
}

/* The paper. */

static bool held(const order_model_t *order) {
    return order->state == order_state_RESERVED;
}

static bool final(const order_model_t *order) {
    return order->state != order_state_PENDING && order->state != order_state_RESERVED;
}

static void book(const order_model_t *order, int64_t on_hand, int64_t reserved) {
    for (int i = 0; i < order->line_count; i++) {
        skus[order->lines[i].sku].on_hand += on_hand * order->lines[i].quantity;
        skus[order->lines[i].sku].reserved += reserved * order->lines[i].quantity;
    }
}

/* The order was seen in a state. */
static void turn_to(order_model_t *order, order_state_t state) {
    reached[state] += order->state != state;
    if (held(order) && state != order_state_RESERVED) {
        book(order, 0, -1);
    }
    if (state == order_state_RESERVED && !held(order)) {
        book(order, 0, 1);
    }
    if (state == order_state_PAID && order->state != order_state_PAID) {
        book(order, -1, 0);
    }
    order->state = state;
}

static bool may_become(const order_model_t *order, order_state_t state) {
    if (order->state == state) {
        return true;
    }
    if (final(order) || order->decided || state == order_state_PENDING) {
        return false;
    }
    return order->state == order_state_PENDING ? state != order_state_PAID : state == order_state_EXPIRED;
}

/* As it comes out if nothing else goes on. */
static order_state_t foretold(const order_model_t *order) {
    for (int i = 0; i < order->line_count; i++) {
        const sku_model_t *sku = &skus[order->lines[i].sku];
        if (!sku->made || sku->on_hand - sku->reserved < order->lines[i].quantity ||
            strcmp(sku->currency, skus[order->lines[0].sku].currency) != 0) {
            return order_state_REJECTED;
        }
    }
    return order_state_RESERVED;
}

/* Actions. */

static int invent_order(char *body, size_t bytes) {
    order_model_t *order = &orders[order_count];
    size_t len = (size_t)snprintf(body, bytes, "{\"lines\":[");
    *order = (order_model_t){.line_count = 1 + (int)below(LINES_MAX), .state = order_state_PENDING};
    int first = (int)below(SKUS), apart = 1 + (int)below(SKUS - 1); /* SKUS is prime */
    for (int i = 0; i < order->line_count; i++) {
        order->lines[i] = (line_model_t){.sku = (first + i * apart) % SKUS, .quantity = 1 + (int64_t)below(4)};
        len += (size_t)snprintf(body + len, bytes - len, "%s{\"sku\":\"%s\",\"quantity\":%lld}", i > 0 ? "," : "",
                                sku_key(order->lines[i].sku), (long long)order->lines[i].quantity);
    }
    snprintf(body + len, bytes - len, "]}");
    return order_count++;
}

/* Sends it only; what comes of it is seen later. */
static void send_order(void) {
    char body[400];
    int order = invent_order(body, sizeof body);
    fixture_send(&fixture, &(call_t){.kind = "order", .key = order_key(order), .method = "create", .body = body});
}

static void make_order(void) {
    char body[400];
    int order = invent_order(body, sizeof body);
    order_state_t state = foretold(&orders[order]);
    cr_assert(accepted(call("order", order_key(order), "create", body)));
    cr_assert_eq(state_in(call("order", order_key(order), "get", NULL)), state, "%s: %s", order_key(order), body);
    turn_to(&orders[order], state);
}

static void count_stock(void) {
    int sku = (int)below(SKUS - 1);
    int64_t delta = chance(2) ? 1 + (int64_t)below(12) : -1 - (int64_t)below(6);
    char body[100];
    snprintf(body, sizeof body, "{\"delta\":%lld,\"reason\":\"counted\"}", (long long)delta);
    if (accepted(call("sku", sku_key(sku), "adjust", body))) {
        skus[sku].on_hand += delta;
    }
}

/* Pays or cancels one of the last ones. */
static void decide(bool calm) {
    if (order_count == 0) {
        return;
    }
    int order = order_count - 1 - (int)below(order_count < 20 ? (size_t)order_count : 20);
    order_model_t *model = &orders[order];
    bool pays = chance(2);
    const char *text =
        call("order", order_key(order), pays ? "pay" : "cancel", pays ? "{\"method\":\"manual\"}" : NULL);
    bool done = accepted(text);
    cr_assert(!done || !final(model), "%s: %s", order_key(order), text);
    cr_assert(!calm || done == held(model), "%s: %s", order_key(order), text);
    if (done) {
        turn_to(model, pays ? order_state_PAID : order_state_CANCELLED);
        cr_assert_eq(state_in(text), model->state);
        model->decided = true;
    }
}

/* What is on the way, and nothing more, arrives. */
static void settle(void) {
    uint64_t waiting = 1;
    fixture.loses = NULL;
    for (int step = 0; step < SETTLE_STEPS_MAX && waiting > 0; step++) {
        fixture_pass(&fixture, SETTLE_STEP_MS);
        waiting = 0;
        for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
            waiting += shard_stats(fixture.shards[shard]).outbox;
        }
    }
    cr_assert_eq(waiting, 0, "messages that never arrive");
}

/* Every order is looked at; the paper follows. */
static void look(void) {
    for (int i = 0; i < order_count; i++) {
        order_state_t state = state_in(call("order", order_key(i), "get", NULL));
        cr_assert(may_become(&orders[i], state), "%s was %s and is %s", order_key(i),
                  enum_order_state.values[orders[i].state], enum_order_state.values[state]);
        cr_assert_neq(state, order_state_PENDING, "%s", order_key(i));
        turn_to(&orders[i], state);
    }
}

/* What is stored. */

typedef struct rows {
    int64_t on_hand, reserved, sold; /* sums */
    uint64_t entries, reservations;
} rows_t;

static void add_entry(rows_t *rows, span_t body) {
    sku_entry_t entry;
    FIXTURE_OK(record_load(&record_sku_entry, body, &entry));
    rows->on_hand += entry.on_hand_delta;
    rows->reserved += entry.reserved_delta;
    rows->entries++;
    cr_assert_eq(entry.seq, rows->entries, "the ledger has a gap");
    cr_assert_eq((int64_t)entry.on_hand, rows->on_hand);
    cr_assert_eq((int64_t)entry.reserved, rows->reserved);
    cr_assert_leq(entry.reserved, entry.on_hand, "oversold");
}

/* A reservation must be that of an order which has it. */
static void check_reservation(int sku, span_t order, span_t body) {
    sku_reservation_t reservation;
    char text[32];
    int index, found = 0;
    snprintf(text, sizeof text, "%.*s", (int)order.len, (const char *)order.ptr);
    cr_assert_eq(sscanf(text, "order-%d", &index), 1, "%s", text);
    FIXTURE_OK(record_load(&record_sku_reservation, body, &reservation));
    const order_model_t *model = &orders[index];
    order_state_t state = reservation.state == reservation_state_SOLD ? order_state_PAID : order_state_RESERVED;
    cr_assert_eq(model->state, state, "%s of %s is %s", text, sku_key(sku), enum_order_state.values[model->state]);
    for (int i = 0; i < model->line_count; i++) {
        found += model->lines[i].sku == sku && model->lines[i].quantity == (int64_t)reservation.quantity;
    }
    cr_assert_eq(found, 1, "%s of %s", text, sku_key(sku));
}

static rows_t read_rows(int sku) {
    span_t key = span_text(sku_key(sku)), found, value;
    store_key_t prefix;
    rows_t rows = {0};
    cell_t cell;
    store_key_sub(&prefix, address_partition(span_text("sku"), key), span_text("sku"), key, (span_t){0});
    size_t bytes = store_key_span(&prefix).len;
    for (bool more = store_seek(fixture.work_reader, store_key_span(&prefix), &found, &value);
         more && found.len > bytes && memcmp(found.ptr, store_key_span(&prefix).ptr, bytes) == 0;
         more = store_next(fixture.work_reader, &found, &value)) {
        cr_assert(cell_open(&cell, found, value));
        if (found.ptr[bytes] == 'l') {
            add_entry(&rows, cell.body);
        } else {
            rows.reservations++;
            check_reservation(sku, span_of(found.ptr + bytes + 1, found.len - bytes - 1), cell.body);
        }
    }
    return rows;
}

static uint64_t reservations_of(int sku) {
    uint64_t count = 0;
    for (int i = 0; i < order_count; i++) {
        for (int j = 0; j < orders[i].line_count; j++) {
            bool has = held(&orders[i]) || orders[i].state == order_state_PAID;
            count += has && orders[i].lines[j].sku == sku;
        }
    }
    return count;
}

static void check_stored(void) {
    uint64_t batch;
    fixture_apply(&fixture);
    FIXTURE_OK(store_reader_renew(fixture.work_reader, 0, &batch));
    for (int sku = 0; sku < SKUS; sku++) {
        rows_t rows = read_rows(sku);
        cr_assert_eq(rows.on_hand, skus[sku].on_hand, "%s", sku_key(sku));
        cr_assert_eq(rows.reserved, skus[sku].reserved, "%s", sku_key(sku));
        cr_assert_eq(rows.reservations, reservations_of(sku), "%s", sku_key(sku));
    }
    store_reader_release(fixture.work_reader);
}

/* At all times. paper: all that was sent has arrived, and the paper says the same. */
static void check_stock(bool paper) {
    for (int sku = 0; sku < SKUS - 1; sku++) {
        const char *text = call("sku", sku_key(sku), "stock", NULL);
        int64_t on_hand = number_after(text, "\"on_hand\":"), reserved = number_after(text, "\"reserved\":");
        cr_assert(reserved >= 0 && reserved <= on_hand, "%s", text);
        cr_assert(!paper || (on_hand == skus[sku].on_hand && reserved == skus[sku].reserved), "%s", text);
    }
}

static void check_settled(void) {
    settle();
    look();
    check_stock(true);
    check_stored();
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        cr_assert_eq(shard_stats(fixture.shards[shard]).dead_letters, 0);
    }
}

/* Rounds. */

static void calm_round(void) {
    for (int i = 0; i < ACTIONS; i++) {
        switch (below(4)) {
        case 0:
            count_stock();
            break;
        case 1:
            decide(true);
            break;
        default:
            make_order();
        }
    }
}

static void kill_and_start(void) {
    fixture_run(&fixture);
    fixture_restart_as(&fixture, (uint16_t)(1 + below(5)));
}

static void stormy_round(void) {
    fixture.loses = chance(4) ? NULL : lose_some;
    for (int i = 0; i < ACTIONS; i++) {
        switch (below(8)) {
        case 0:
            count_stock();
            break;
        case 1:
            decide(false);
            break;
        case 2:
            fixture_pass(&fixture, below(RESERVATION_MS / 8));
            break;
        case 3:
            kill_and_start();
            check_stock(false);
            break;
        case 4:
            fixture.loses = lose_all;
            send_order();
            kill_and_start();
            fixture.loses = lose_some;
            break;
        default:
            send_order();
        }
    }
    fixture_run(&fixture);
    check_stock(false);
}

static void open_shop(void) {
    char body[200];
    for (int sku = 0; sku < SKUS - 1; sku++) {
        skus[sku] = (sku_model_t){.made = true, .currency = sku == 3 ? "KRW" : "EUR"};
        snprintf(body, sizeof body, "{\"product\":\"p\",\"name\":\"n\",\"price\":{\"amount\":%d,\"currency\":\"%s\"}}",
                 100 + sku, skus[sku].currency);
        cr_assert(accepted(call("sku", sku_key(sku), "create", body)));
    }
    skus[SKUS - 1].currency = "EUR";
}

Test(order_model, nothing_is_oversold_lost_or_kept_whatever_happens) {
    random_state = random_start("order_model");
    settings = settings_defaults();
    settings.reservation_ms = RESERVATION_MS;
    fixture.options.count = 3;
    fixture.options.settings = &settings;
    fixture_open(&fixture);
    open_shop();
    for (int round = 0; round < ROUNDS; round++) {
        chance(3) ? calm_round() : stormy_round();
        check_settled();
    }
    fixture_pass(&fixture, 2 * RESERVATION_MS);
    kill_and_start();
    check_settled();
    for (int sku = 0; sku < SKUS; sku++) {
        cr_assert_eq(skus[sku].reserved, 0, "%s", sku_key(sku));
    }
    for (uint32_t state = order_state_RESERVED; state < order_state_COUNT; state++) {
        cr_assert_gt(reached[state], 0, "no order was ever %s", enum_order_state.values[state]);
    }
    fixture_close(&fixture);
}
