/* SPDX-License-Identifier: MIT */
/*
 * orders: customers order a few SKUs of which there is little. Some orders are paid, some cancelled, at once or later,
 * some left to expire; the stock is filled up a piece at a time. In the end the SKUs' ledgers are read whole and held
 * against the orders: what each has reserved, sold and given back, once.
 */
#include <inttypes.h>

#include "tests/crash/server.h"
#include "tests/crash/trial.h"

enum {
    SKUS = 3,
    CUSTOMERS = 24, /* each with one order at a time */
    ORDERS_MAX = 30000,
    DELIVERED_MAX = 20000,
    LAST_ORDERS = 6, /* made in the end, and left RESERVED; at each try */
    FIRST_DELIVERY = 12,
    LITTLE = 6, /* fewer available: more are delivered */
    QUANTITY_MAX = 3,
    LOOK_US_MIN = 2000, /* before a customer looks again */
    LOOK_US_MAX = 60000,
    ID_BYTES = 64,
    KEY_BYTES = 32,
    BYTES = 2048,
    PAGE = 100,
    QUIET_MS = 20000,
    STEP_MS = 20,
    SLACK_MS = 5000, /* an order may be RESERVED so much longer than it says */
    TRIES = 10,
};

static const char who[] = "orders";

typedef enum fate { PAY, CANCEL, CANCEL_AT_ONCE, LEAVE, FATES } fate_t;

typedef struct placed { /* an order */
    char id[ID_BYTES];  /* empty: not acknowledged */
    uint8_t quantities[SKUS];
    fate_t fate;
    order_state_t state;  /* as last read */
    uint64_t expires_at;  /* as last read; 0: never */
    bool paid, cancelled; /* acknowledged */
    struct {
        uint8_t reserved, released, sold; /* entries in the ledger */
    } entries[SKUS];
} placed_t;

typedef struct customer {
    bool waits; /* for an answer */
    bool has_order;
    uint32_t order;
    uint64_t look_us; /* when to look again */
} customer_t;

typedef struct delivery {
    uint8_t sku;
    int8_t delta;
    bool answered, taken, found;
} delivery_t;

typedef struct orders {
    trial_t *trial;
    char skus[SKUS][KEY_BYTES];
    bool looking[SKUS], delivering[SKUS];
    placed_t placed[ORDERS_MAX];
    uint32_t count;
    delivery_t deliveries[DELIVERED_MAX];
    uint32_t delivery_count;
    customer_t customers[CUSTOMERS];
    uint32_t *sorted; /* [count] orders by id */
    uint32_t states[order_state_COUNT];
    uint64_t entries;
} orders_t;

static void *create(trial_t *trial) {
    orders_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->trial = trial;
    for (uint32_t i = 0; i < SKUS; i++) {
        snprintf(self->skus[i], KEY_BYTES, "sku-%u", i);
    }
    return self;
}

static void destroy(void *context) {
    orders_t *self = context;
    if (self != NULL) {
        free(self->sorted);
        free(self);
    }
}

static void sku_address(const orders_t *self, uint32_t sku, char address[TRIAL_ADDRESS_BYTES]) {
    snprintf(address, TRIAL_ADDRESS_BYTES, "sku/%s", self->skus[sku]);
}

static void order_address(const orders_t *self, uint32_t order, char address[TRIAL_ADDRESS_BYTES]) {
    snprintf(address, TRIAL_ADDRESS_BYTES, "order/%s", self->placed[order].id);
}

/* Stock */

static bool read_stock(orders_t *self, const doran_reply_t *reply, sku_stock_t *stock) {
    if (!trial_read(self->trial, reply->body, reply->body_bytes, &record_sku_stock, stock)) {
        return false;
    }
    if (stock->reserved > stock->on_hand || stock->available != stock->on_hand - stock->reserved) {
        trial_fail(self->trial, who, "%.*s is oversold: %" PRIu64 " there, %" PRIu64 " reserved", (int)stock->sku.len,
                   (const char *)stock->sku.ptr, stock->on_hand, stock->reserved);
    }
    return true;
}

static void delivered(void *context, uint32_t what, const doran_reply_t *reply) {
    orders_t *self = context;
    delivery_t *delivery = &self->deliveries[what];
    sku_stock_t stock;
    self->delivering[delivery->sku] = false;
    delivery->answered = true;
    delivery->taken = reply->code == DORAN_OK;
    if (reply->code == DORAN_OK) {
        (void)read_stock(self, reply, &stock);
    } else if (reply->code != DORAN_CONFLICT || delivery->delta > 0) {
        trial_unexpected(self->trial, who, "a delivery", reply);
    }
}

static sku_adjust_t adjustment(const orders_t *self, uint32_t delivery, char reason[KEY_BYTES]) {
    sku_adjust_t adjust = {0};
    snprintf(reason, KEY_BYTES, "delivery %u", delivery);
    FIELD_SET(sku_adjust, &adjust, delta, self->deliveries[delivery].delta);
    FIELD_SET(sku_adjust, &adjust, reason, span_text(reason));
    return adjust;
}

static void deliver(orders_t *self, uint32_t sku, int8_t delta) {
    char address[TRIAL_ADDRESS_BYTES], reason[KEY_BYTES];
    if (self->delivering[sku] || self->delivery_count + SKUS * TRIES >= DELIVERED_MAX) {
        return;
    }
    self->deliveries[self->delivery_count] = (delivery_t){.sku = (uint8_t)sku, .delta = delta};
    sku_adjust_t adjust = adjustment(self, self->delivery_count, reason);
    sku_address(self, sku, address);
    if (trial_submit(self->trial, trial_below(self->trial, TRIAL_CONNECTIONS), address, "adjust", &record_sku_adjust,
                     &adjust, delivered, self, self->delivery_count)) {
        self->delivering[sku] = true;
        self->delivery_count++;
    }
}

static void looked_at_stock(void *context, uint32_t what, const doran_reply_t *reply) {
    orders_t *self = context;
    sku_stock_t stock;
    self->looking[what] = false;
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, "stock", reply);
    } else if (read_stock(self, reply, &stock) && stock.available < LITTLE) {
        bool fewer = trial_below(self->trial, FATES) == 0;
        deliver(self, what, (int8_t)(fewer ? -1 : 1 + (int)trial_below(self->trial, LITTLE)));
    }
}

static void look_at_stock(orders_t *self, uint32_t sku) {
    char address[TRIAL_ADDRESS_BYTES];
    if (!self->looking[sku]) {
        sku_address(self, sku, address);
        self->looking[sku] = trial_submit(self->trial, trial_below(self->trial, TRIAL_CONNECTIONS), address, "stock",
                                          &record_empty, &(empty_t){0}, looked_at_stock, self, sku);
    }
}

/* Waits for it. */
static bool deliver_now(orders_t *self, uint32_t sku) {
    char address[TRIAL_ADDRESS_BYTES], reason[KEY_BYTES];
    uint32_t delivery = self->delivery_count++;
    sku_stock_t stock;
    CHECK(delivery < DELIVERED_MAX, "%u deliveries", delivery);
    self->deliveries[delivery] = (delivery_t){.sku = (uint8_t)sku, .delta = FIRST_DELIVERY, .taken = true};
    sku_adjust_t adjust = adjustment(self, delivery, reason);
    sku_address(self, sku, address);
    doran_code_t code =
        trial_call(self->trial, address, "adjust", &record_sku_adjust, &adjust, &record_sku_stock, &stock);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "nothing could be delivered to %s: %s", address, doran_code_name(code));
    }
    return code == DORAN_OK;
}

static bool make_sku(orders_t *self, uint32_t sku) {
    uint8_t bytes[KEY_BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    char address[TRIAL_ADDRESS_BYTES];
    money_t price = {0};
    sku_create_t asked = {0};
    sku_stock_t stock;
    sku_address(self, sku, address);
    FIELD_SET(money, &price, amount, 100);
    FIELD_SET(money, &price, currency, span_text("EUR"));
    record_encode(&record_money, &price, &pack);
    FIELD_SET(sku_create, &asked, product, span_text("product"));
    FIELD_SET(sku_create, &asked, name, span_text(self->skus[sku]));
    FIELD_SET(sku_create, &asked, price, pack_bytes(&pack));
    doran_code_t code =
        trial_call(self->trial, address, "create", &record_sku_create, &asked, &record_sku_stock, &stock);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s could not be made: %s", address, doran_code_name(code));
    }
    return code == DORAN_OK && deliver_now(self, sku);
}

static bool set_up(void *context) {
    orders_t *self = context;
    bool good = true;
    for (uint32_t i = 0; i < SKUS && good; i++) {
        good = make_sku(self, i);
    }
    return good;
}

/* Orders */

static bool has_ended(order_state_t state) {
    return state != order_state_PENDING && state != order_state_RESERVED;
}

/* What is read of an order follows from what was read before. */
static bool read_order(orders_t *self, uint32_t number, const order_view_t *view) {
    placed_t *order = &self->placed[number];
    order_state_t state = (order_state_t)view->state;
    bool goes_back = has_ended(order->state) ? state != order->state
                                             : order->state == order_state_RESERVED &&
                                                   (state == order_state_PENDING || state == order_state_REJECTED);
    if (goes_back) {
        trial_lost(self->trial, who, "order/%s was %s and is %s", order->id, enum_order_state.values[order->state],
                   enum_order_state.values[state]);
    }
    if (state == order_state_EXPIRED && view->updated_at < order->expires_at) {
        trial_fail(self->trial, who, "order/%s expired at %" PRIu64 ", not at %" PRIu64, order->id, view->updated_at,
                   order->expires_at);
    }
    order->state = state;
    order->expires_at = FIELD_OR(order_view, view, expires_at, order->expires_at);
    return !goes_back;
}

static bool take_order(orders_t *self, uint32_t number, const doran_reply_t *reply, const char *what) {
    order_view_t view;
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, what, reply);
        return false;
    }
    return trial_read(self->trial, reply->body, reply->body_bytes, &record_order_view, &view) &&
           read_order(self, number, &view);
}

static void look_later(orders_t *self, customer_t *customer) {
    customer->look_us = server_now_us() + LOOK_US_MIN + trial_below(self->trial, LOOK_US_MAX);
}

static void note_order(orders_t *self, uint32_t number, const order_view_t *view) {
    placed_t *order = &self->placed[number];
    CHECK(view->id.len < ID_BYTES, "%zu bytes", view->id.len);
    memcpy(order->id, view->id.ptr, view->id.len);
    (void)read_order(self, number, view);
}

static void ordered(void *context, uint32_t what, const doran_reply_t *reply) {
    orders_t *self = context;
    customer_t *customer = &self->customers[what];
    order_view_t view;
    customer->waits = false;
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, "an order", reply);
        customer->has_order = false;
    } else if (trial_read(self->trial, reply->body, reply->body_bytes, &record_order_view, &view)) {
        note_order(self, customer->order, &view);
        look_later(self, customer);
    }
}

static order_create_t wishes(orders_t *self, uint32_t number, void *room, size_t bytes) {
    placed_t *order = &self->placed[number];
    order_create_t asked = {0};
    list_writer_t writer;
    list_writer_init(&writer, &record_order_wish, room, bytes);
    for (uint32_t i = 0; i < SKUS; i++) {
        order_wish_t wish = {0};
        if (order->quantities[i] > 0) {
            FIELD_SET(order_wish, &wish, sku, span_text(self->skus[i]));
            FIELD_SET(order_wish, &wish, quantity, order->quantities[i]);
            list_writer_add(&writer, &wish);
        }
    }
    CHECK(list_writer_end(&writer, &asked.lines) == STATUS_OK, "%zu bytes", bytes);
    FIELD_SET(order_create, &asked, lines, asked.lines);
    return asked;
}

static uint32_t plan_order(orders_t *self, uint32_t lines) {
    uint32_t number = self->count++, first = (uint32_t)trial_below(self->trial, SKUS);
    CHECK(number < ORDERS_MAX, "%u orders", number);
    placed_t *order = &self->placed[number];
    *order = (placed_t){.fate = (fate_t)trial_below(self->trial, FATES)};
    for (uint32_t i = 0; i < lines; i++) {
        order->quantities[(first + i) % SKUS] = (uint8_t)(1 + trial_below(self->trial, QUANTITY_MAX));
    }
    return number;
}

static void place_order(orders_t *self, uint32_t number) {
    customer_t *customer = &self->customers[number];
    uint8_t room[BYTES];
    if (self->count + LAST_ORDERS * TRIES >= ORDERS_MAX) {
        return;
    }
    uint32_t order = plan_order(self, 1 + (uint32_t)trial_below(self->trial, SKUS));
    order_create_t asked = wishes(self, order, room, sizeof room);
    customer->waits = trial_submit(self->trial, trial_below(self->trial, TRIAL_CONNECTIONS), "order/", "create",
                                   &record_order_create, &asked, ordered, self, number);
    customer->has_order = customer->waits;
    customer->order = order;
}

/* The customer wants no more of this order, which ends by itself if it has not. */
static void forget_order(customer_t *customer) {
    customer->has_order = false;
}

static void paid(void *context, uint32_t what, const doran_reply_t *reply) {
    orders_t *self = context;
    customer_t *customer = &self->customers[what];
    customer->waits = false;
    if (reply->code != DORAN_CONFLICT && take_order(self, customer->order, reply, "paying")) {
        self->placed[customer->order].paid = true;
    }
    forget_order(customer);
}

static void cancelled(void *context, uint32_t what, const doran_reply_t *reply) {
    orders_t *self = context;
    customer_t *customer = &self->customers[what];
    customer->waits = false;
    if (reply->code != DORAN_CONFLICT && take_order(self, customer->order, reply, "cancelling")) {
        self->placed[customer->order].cancelled = true;
    }
    forget_order(customer);
}

static void looked(void *context, uint32_t what, const doran_reply_t *reply) {
    orders_t *self = context;
    customer_t *customer = &self->customers[what];
    customer->waits = false;
    if (!take_order(self, customer->order, reply, "looking at an order") ||
        has_ended(self->placed[customer->order].state)) {
        forget_order(customer);
        return;
    }
    look_later(self, customer);
}

static bool ask_order(orders_t *self, uint32_t number, const char *method, const record_t *record, const void *request,
                      trial_done_fn done) {
    char address[TRIAL_ADDRESS_BYTES];
    order_address(self, self->customers[number].order, address);
    return trial_submit(self->trial, trial_below(self->trial, TRIAL_CONNECTIONS), address, method, record, request,
                        done, self, number);
}

/* What comes next for this order. */
static void go_on(orders_t *self, uint32_t number) {
    customer_t *customer = &self->customers[number];
    const placed_t *order = &self->placed[customer->order];
    bool reserved = order->state == order_state_RESERVED;
    order_pay_t pay = {0};
    FIELD_SET(order_pay, &pay, method, payment_method_manual);
    if (reserved && order->fate == LEAVE) {
        forget_order(customer);
    } else if (reserved && order->fate == PAY) {
        customer->waits = ask_order(self, number, "pay", &record_order_pay, &pay, paid);
    } else if (order->fate == CANCEL_AT_ONCE || (reserved && order->fate == CANCEL)) {
        customer->waits = ask_order(self, number, "cancel", &record_empty, &(empty_t){0}, cancelled);
    } else {
        customer->waits = ask_order(self, number, "get", &record_empty, &(empty_t){0}, looked);
    }
}

static void fill(void *context) {
    orders_t *self = context;
    uint64_t now_us = server_now_us();
    for (uint32_t i = 0; i < SKUS; i++) {
        look_at_stock(self, i);
    }
    for (uint32_t i = 0; i < CUSTOMERS; i++) {
        customer_t *customer = &self->customers[i];
        if (customer->waits) {
            continue;
        }
        if (!customer->has_order) {
            place_order(self, i);
        } else if (customer->look_us <= now_us || self->placed[customer->order].fate == CANCEL_AT_ONCE) {
            go_on(self, i);
        }
    }
}

/* Judging: orders */

static bool fetch(orders_t *self, uint32_t number) {
    char address[TRIAL_ADDRESS_BYTES];
    order_view_t view;
    order_address(self, number, address);
    doran_code_t code =
        trial_call(self->trial, address, "get", &record_empty, &(empty_t){0}, &record_order_view, &view);
    if (code != DORAN_OK) {
        trial_lost(self->trial, who, "%s, which was acknowledged: %s", address, doran_code_name(code));
        return false;
    }
    return read_order(self, number, &view);
}

static bool is_overdue(const placed_t *order) {
    return order->state == order_state_RESERVED && order->expires_at + SLACK_MS < trial_wall_ms();
}

static void judge_order(orders_t *self, uint32_t number) {
    placed_t *order = &self->placed[number];
    if (order->id[0] == 0 || !fetch(self, number)) {
        return;
    }
    bool good = true;
    for (uint32_t ms = 0; good && ms < QUIET_MS && !has_ended(order->state) && !is_overdue(order); ms += STEP_MS) {
        trial_run(self->trial, STEP_MS);
        good = fetch(self, number);
    }
    if (good && !has_ended(order->state)) {
        trial_fail(self->trial, who, "order/%s is %s for ever", order->id, enum_order_state.values[order->state]);
    }
    if ((order->paid && order->state != order_state_PAID) ||
        (order->cancelled && order->state != order_state_CANCELLED)) {
        trial_lost(self->trial, who, "order/%s, acknowledged as %s, is %s", order->id,
                   order->paid ? "PAID" : "CANCELLED", enum_order_state.values[order->state]);
    }
    self->states[order->state]++;
}

/* Judging: stock */

static bool look_now(orders_t *self, uint32_t sku, sku_stock_t *stock) {
    char address[TRIAL_ADDRESS_BYTES];
    sku_address(self, sku, address);
    doran_code_t code =
        trial_call(self->trial, address, "stock", &record_empty, &(empty_t){0}, &record_sku_stock, stock);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s stock: %s", address, doran_code_name(code));
    }
    return code == DORAN_OK;
}

static void place_now(orders_t *self) {
    uint8_t room[BYTES];
    order_view_t view;
    uint32_t order = plan_order(self, 1);
    order_create_t asked = wishes(self, order, room, sizeof room);
    doran_code_t code =
        trial_call(self->trial, "order/", "create", &record_order_create, &asked, &record_order_view, &view);
    if (code == DORAN_OK) {
        note_order(self, order, &view);
    } else {
        trial_fail(self->trial, who, "a last order was answered %s", doran_code_name(code));
    }
}

/* How many of the orders from `first` on are in this state now. */
static uint32_t count_last(orders_t *self, uint32_t first, order_state_t state) {
    uint32_t count = 0;
    for (uint32_t i = first; i < self->count; i++) {
        count += self->placed[i].id[0] != 0 && fetch(self, i) && self->placed[i].state == state;
    }
    return count;
}

/* Pieces of those from `first` on that are RESERVED. */
static uint64_t reserved_of(const orders_t *self, uint32_t first, uint32_t sku) {
    uint64_t sum = 0;
    for (uint32_t i = first; i < self->count; i++) {
        sum += self->placed[i].state == order_state_RESERVED ? self->placed[i].quantities[sku] : 0;
    }
    return sum;
}

/* Nothing else is reserved; makes orders that are. False: they did not stay so while they were compared with the stock.
 */
static bool compare_reserved(orders_t *self) {
    uint32_t first = self->count;
    sku_stock_t stocks[SKUS];
    bool good = true;
    for (uint32_t i = 0; i < SKUS && good; i++) {
        good = deliver_now(self, i);
    }
    for (uint32_t i = 0; i < LAST_ORDERS && good; i++) {
        place_now(self);
    }
    for (uint32_t ms = 0; ms < QUIET_MS && count_last(self, first, order_state_PENDING) > 0; ms += STEP_MS) {
        trial_run(self->trial, STEP_MS);
    }
    uint32_t reserved = count_last(self, first, order_state_RESERVED);
    for (uint32_t i = 0; i < SKUS && good; i++) {
        good = look_now(self, i, &stocks[i]);
    }
    if (!good || reserved == 0 || count_last(self, first, order_state_RESERVED) != reserved) {
        return false;
    }
    for (uint32_t i = 0; i < SKUS; i++) {
        if (stocks[i].reserved != reserved_of(self, first, i)) {
            trial_fail(self->trial, who, "%s has %" PRIu64 " reserved, and orders %" PRIu64, self->skus[i],
                       stocks[i].reserved, reserved_of(self, first, i));
        }
    }
    return true;
}

/* What ended orders have reserved is given back by messages. */
static void judge_nothing_reserved(orders_t *self) {
    sku_stock_t stock = {0};
    for (uint32_t i = 0; i < SKUS; i++) {
        bool good = look_now(self, i, &stock);
        for (uint32_t ms = 0; good && stock.reserved > 0 && ms < QUIET_MS; ms += STEP_MS) {
            trial_run(self->trial, STEP_MS);
            good = look_now(self, i, &stock);
        }
        if (good && stock.reserved > 0) {
            trial_fail(self->trial, who, "%s has %" PRIu64 " reserved, and no order", self->skus[i], stock.reserved);
        }
    }
}

static void judge_reserved(orders_t *self) {
    for (uint32_t i = 0; i < TRIES; i++) {
        uint32_t first = self->count;
        bool compared = compare_reserved(self);
        for (uint32_t order = first; order < self->count; order++) {
            judge_order(self, order);
        }
        judge_nothing_reserved(self);
        if (compared) {
            return;
        }
    }
    trial_fail(self->trial, who, "no order stayed RESERVED for long enough");
}

/* Judging: ledgers */

static const placed_t *sorted_for; /* of the orders that are sorted: qsort has no context */

static int compare_orders(const void *one, const void *other) {
    return strcmp(sorted_for[*(const uint32_t *)one].id, sorted_for[*(const uint32_t *)other].id);
}

static void sort_orders(orders_t *self) {
    self->sorted = calloc(self->count + 1, sizeof *self->sorted);
    CHECK(self->sorted != NULL, "out of memory");
    for (uint32_t i = 0; i < self->count; i++) {
        self->sorted[i] = i;
    }
    sorted_for = self->placed;
    qsort(self->sorted, self->count, sizeof *self->sorted, compare_orders);
}

/* NULL: there is none. */
static placed_t *find_order(orders_t *self, span_t id) {
    uint32_t low = 0, high = self->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        placed_t *order = &self->placed[self->sorted[middle]];
        size_t len = strlen(order->id), least = len < id.len ? len : id.len;
        int way = memcmp(order->id, id.ptr, least);
        way = way != 0 ? way : (len > id.len) - (len < id.len);
        if (way == 0) {
            return order;
        }
        low = way < 0 ? middle + 1 : low;
        high = way > 0 ? middle : high;
    }
    return NULL;
}

static void judge_adjusted(orders_t *self, uint32_t sku, const sku_entry_t *entry) {
    char reason[KEY_BYTES];
    unsigned number = UINT32_MAX;
    snprintf(reason, sizeof reason, "%.*s", (int)entry->reason.len, (const char *)entry->reason.ptr);
    delivery_t *delivery =
        sscanf(reason, "delivery %u", &number) == 1 && number < self->delivery_count ? &self->deliveries[number] : NULL;
    if (delivery == NULL || delivery->sku != sku || delivery->delta != entry->on_hand_delta || delivery->found ||
        !delivery->taken) {
        trial_fail(self->trial, who, "%s %s in the ledger of %s, and should not, or not again", reason,
                   delivery != NULL && delivery->found ? "stands twice" : "stands", self->skus[sku]);
    }
    if (delivery != NULL) {
        delivery->found = true;
    }
}

static void judge_of_order(orders_t *self, uint32_t sku, const sku_entry_t *entry) {
    placed_t *order = find_order(self, entry->order);
    int64_t quantity = order == NULL ? 0 : order->quantities[sku];
    if (order == NULL) {
        trial_fail(self->trial, who, "%s has an entry of order/%.*s, which nobody was told of", self->skus[sku],
                   (int)entry->order.len, (const char *)entry->order.ptr);
        return;
    }
    bool reserved = entry->cause == sku_cause_reserved, sold = entry->cause == sku_cause_sold;
    order->entries[sku].reserved += reserved;
    order->entries[sku].sold += sold;
    order->entries[sku].released += entry->cause == sku_cause_released;
    if (entry->reserved_delta != (reserved ? quantity : -quantity) || entry->on_hand_delta != (sold ? -quantity : 0)) {
        trial_fail(self->trial, who, "entry %" PRIu64 " of %s is not what order/%s wanted", entry->seq, self->skus[sku],
                   order->id);
    }
}

typedef struct sums {
    uint64_t seq;
    int64_t on_hand, reserved;
} sums_t;

static void judge_entry(orders_t *self, uint32_t sku, const sku_entry_t *entry, sums_t *sums) {
    sums->seq++;
    sums->on_hand += entry->on_hand_delta;
    sums->reserved += entry->reserved_delta;
    if (entry->seq != sums->seq || (int64_t)entry->on_hand != sums->on_hand ||
        (int64_t)entry->reserved != sums->reserved || sums->reserved < 0 || sums->reserved > sums->on_hand) {
        trial_fail(self->trial, who,
                   "entry %" PRIu64 " of %s is where %" PRIu64 " should be; there are %" PRIu64 ", %" PRIu64
                   " reserved, by the sums %" PRId64 " and %" PRId64,
                   entry->seq, self->skus[sku], sums->seq, entry->on_hand, entry->reserved, sums->on_hand,
                   sums->reserved);
    }
    if (entry->cause == sku_cause_adjusted) {
        judge_adjusted(self, sku, entry);
    } else {
        judge_of_order(self, sku, entry);
    }
}

static bool read_page(orders_t *self, uint32_t sku, uint64_t after, sku_ledger_t *page) {
    char address[TRIAL_ADDRESS_BYTES];
    history_request_t asked = {0};
    sku_address(self, sku, address);
    FIELD_SET(history_request, &asked, after, after);
    FIELD_SET(history_request, &asked, limit, PAGE);
    doran_code_t code =
        trial_call(self->trial, address, "ledger", &record_history_request, &asked, &record_sku_ledger, page);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s ledger: %s", address, doran_code_name(code));
    }
    return code == DORAN_OK;
}

static void judge_ledger(orders_t *self, uint32_t sku) {
    sums_t sums = {0};
    sku_ledger_t page = {.last = 1};
    uint64_t before = UINT64_MAX;
    while (sums.seq < page.last && sums.seq != before && read_page(self, sku, sums.seq, &page)) {
        sku_entry_t entry;
        list_t list;
        before = sums.seq;
        list_open(&list, &record_sku_entry, page.items);
        while (list_next(&list, &entry)) {
            judge_entry(self, sku, &entry, &sums);
        }
    }
    if (sums.seq != page.last) {
        trial_lost(self->trial, who, "the ledger of %s has %" PRIu64 " entries of %" PRIu64, self->skus[sku], sums.seq,
                   page.last);
    }
    self->entries += sums.seq;
}

/* What SKUs know of an order is what the order knows of itself. */
static void judge_entries(orders_t *self, const placed_t *order, uint32_t sku) {
    uint32_t reserved = order->entries[sku].reserved, released = order->entries[sku].released,
             sold = order->entries[sku].sold;
    bool good = true;
    switch (order->state) {
    case order_state_PENDING:
    case order_state_RESERVED:
        return; /* said before */
    case order_state_PAID:
        good = reserved == 1 && released == 0 && sold == 1;
        break;
    case order_state_EXPIRED:
        good = reserved == 1 && released == 1 && sold == 0;
        break;
    case order_state_REJECTED:
    case order_state_CANCELLED:
        good = reserved <= 1 && released == reserved && sold == 0;
        break;
    case order_state_COUNT:
        break;
    }
    if (!good) {
        trial_fail(self->trial, who, "order/%s is %s, and %s has reserved it %u times, released %u, sold %u", order->id,
                   enum_order_state.values[order->state], self->skus[sku], reserved, released, sold);
    }
}

static void judge_deliveries(orders_t *self) {
    for (uint32_t i = 0; i < self->delivery_count; i++) {
        const delivery_t *delivery = &self->deliveries[i];
        if (delivery->taken && !delivery->found) {
            trial_lost(self->trial, who, "delivery %u to %s, acknowledged", i, self->skus[delivery->sku]);
        }
    }
}

static void judge(void *context) {
    orders_t *self = context;
    for (uint32_t i = 0; i < self->count; i++) {
        judge_order(self, i);
    }
    judge_nothing_reserved(self);
    judge_reserved(self);
    sort_orders(self);
    for (uint32_t i = 0; i < SKUS; i++) {
        judge_ledger(self, i);
    }
    for (uint32_t i = 0; i < self->count * SKUS; i++) {
        const placed_t *order = &self->placed[i / SKUS];
        if (order->id[0] != 0 && order->quantities[i % SKUS] > 0) {
            judge_entries(self, order, i % SKUS);
        }
    }
    judge_deliveries(self);
}

static void tell(const void *context, char *line, size_t line_bytes) {
    const orders_t *self = context;
    snprintf(line, line_bytes,
             "%u orders: %u paid, %u cancelled, %u expired, %u rejected; %u deliveries, %" PRIu64 " entries",
             self->count, self->states[order_state_PAID], self->states[order_state_CANCELLED],
             self->states[order_state_EXPIRED], self->states[order_state_REJECTED], self->delivery_count,
             self->entries);
}

const check_t check_orders = {.name = "orders",
                              .create = create,
                              .set_up = set_up,
                              .fill = fill,
                              .judge = judge,
                              .tell = tell,
                              .destroy = destroy};
