/* SPDX-License-Identifier: MIT */
/*
 * sku: the stock of something that is sold. Who orders asks with a message, so all who want the last piece stand in one
 * queue here, and only the first one gets it.
 *
 *   own keys   'l' number   a sku_entry: every change, with what it led to        number: 8 bytes, big endian
 *              'r' order    a sku_reservation                                     order: its key
 *
 * The row of a reservation makes what orders ask idempotent: a second reserve of an order gets the answer of the first,
 * a second release or commit finds nothing to do.
 */
#include "actors/row_key.h"
#include "actors/turn.h"
#include "schemas/list.h"

enum {
    ENTRY = 'l',
    RESERVATION = 'r',
    ENTRY_BYTES_MAX = 2048, /* as it is packed */
    RESERVATION_BYTES_MAX = 128,
    PAGE_MAX = 100,
    LIMIT = 20, /* if none is asked for */
    CURRENCY_BYTES = 3,
};

static uint64_t available(const sku_t *sku) {
    CHECK(sku->reserved <= sku->on_hand, "oversold: %llu of %llu", (unsigned long long)sku->reserved,
          (unsigned long long)sku->on_hand);
    return sku->on_hand - sku->reserved;
}

static status_t reply_stock(turn_t *turn, const sku_t *sku) {
    sku_stock_t stock = {0};
    FIELD_SET(sku_stock, &stock, sku, turn_key(turn));
    FIELD_SET(sku_stock, &stock, version, FIELD_OR(sku, sku, revision, 1));
    FIELD_COPY(sku_stock, &stock, sku, sku, product);
    FIELD_COPY(sku_stock, &stock, sku, sku, name);
    FIELD_COPY(sku_stock, &stock, sku, sku, price);
    FIELD_COPY(sku_stock, &stock, sku, sku, on_hand);
    FIELD_COPY(sku_stock, &stock, sku, sku, reserved);
    FIELD_SET(sku_stock, &stock, available, available(sku));
    return turn_reply(turn, &stock);
}

/* Changes of the stock */

/* cause of an order, or of nobody's if `order` is absent */
static sku_entry_t entry_of(sku_cause_t cause, span_t order, int64_t on_hand_delta, int64_t reserved_delta) {
    sku_entry_t entry = {0};
    FIELD_SET(sku_entry, &entry, cause, cause);
    FIELD_SET(sku_entry, &entry, on_hand_delta, on_hand_delta);
    FIELD_SET(sku_entry, &entry, reserved_delta, reserved_delta);
    if (order.ptr != NULL) {
        FIELD_SET(sku_entry, &entry, order, order);
    }
    return entry;
}

/* The only way to change the stock: the record and its entry in the ledger, together. */
static status_t change(turn_t *turn, sku_t *sku, sku_entry_t *entry) {
    sku->on_hand += (uint64_t)entry->on_hand_delta;
    sku->reserved += (uint64_t)entry->reserved_delta;
    sku->entries++;
    sku->updated_at = turn_now(turn);
    CHECK(sku->reserved <= sku->on_hand && sku->on_hand <= STOCK_MAX, "%llu of %llu reserved",
          (unsigned long long)sku->reserved, (unsigned long long)sku->on_hand);
    FIELD_SET(sku_entry, entry, seq, sku->entries);
    FIELD_SET(sku_entry, entry, at, turn_now(turn));
    FIELD_SET(sku_entry, entry, on_hand, sku->on_hand);
    FIELD_SET(sku_entry, entry, reserved, sku->reserved);
    row_key_t key = row_key(ENTRY, sku->entries);
    status_t status = row_put(turn, row_key_span(&key), &record_sku_entry, entry, ENTRY_BYTES_MAX);
    return status == STATUS_OK ? turn_state(turn, sku) : status;
}

/* What people ask */

static status_t check_price(turn_t *turn, span_t raw) {
    money_t price;
    record_read(&record_money, raw, &price);
    for (size_t i = 0; i < CURRENCY_BYTES; i++) {
        if (price.currency.ptr[i] < 'A' || price.currency.ptr[i] > 'Z') {
            return turn_fail(turn, STATUS_INVALID, "price: currency is not three capital letters");
        }
    }
    return price.amount <= PRICE_AMOUNT_MAX
               ? STATUS_OK
               : turn_fail(turn, STATUS_INVALID, "price: amount is more than %lld", (long long)PRICE_AMOUNT_MAX);
}

/* ANY is one whole value; its first byte says of which type. */
static bool is_map(span_t value) {
    uint8_t type = value.ptr[0];
    return (type >= 0x80 && type <= 0x8f) || type == 0xde || type == 0xdf;
}

static status_t create(turn_t *turn, const void *state, const void *request) {
    const sku_create_t *asked = request;
    sku_t sku = {0};
    (void)state;
    status_t status = check_price(turn, asked->price);
    if (status != STATUS_OK) {
        return status;
    }
    if (FIELD_HAS(sku_create, asked, attributes) && !is_map(asked->attributes)) {
        return turn_fail(turn, STATUS_INVALID, "attributes: it is no map");
    }
    FIELD_SET(sku, &sku, product, asked->product);
    FIELD_SET(sku, &sku, name, asked->name);
    FIELD_SET(sku, &sku, price, asked->price);
    FIELD_COPY(sku, &sku, sku_create, asked, attributes);
    FIELD_COPY(sku, &sku, sku_create, asked, description);
    FIELD_SET(sku, &sku, on_hand, 0);
    FIELD_SET(sku, &sku, reserved, 0);
    FIELD_SET(sku, &sku, entries, 0);
    FIELD_SET(sku, &sku, created_at, turn_now(turn));
    FIELD_SET(sku, &sku, updated_at, turn_now(turn));
    FIELD_SET(sku, &sku, revision, 1);
    status = turn_state(turn, &sku);
    return status == STATUS_OK ? reply_stock(turn, &sku) : status;
}

static status_t adjust(turn_t *turn, const void *state, const void *request) {
    const sku_adjust_t *asked = request;
    sku_t sku = *(const sku_t *)state;
    sku_entry_t entry = entry_of(sku_cause_adjusted, (span_t){0}, asked->delta, 0);
    if (asked->delta == 0) {
        return turn_fail_at(turn, "/delta", "delta is 0");
    }
    if (asked->delta < 0 && (uint64_t)-asked->delta > available(&sku)) {
        return turn_fail(turn, STATUS_CONFLICT, "Of %llu pieces %llu are reserved", (unsigned long long)sku.on_hand,
                         (unsigned long long)sku.reserved);
    }
    if (asked->delta > 0 && (uint64_t)asked->delta > STOCK_MAX - sku.on_hand) {
        return turn_fail(turn, STATUS_CONFLICT, "There would be more than %lld pieces", (long long)STOCK_MAX);
    }
    FIELD_SET(sku_entry, &entry, reason, asked->reason);
    if (turn_user(turn).ptr != NULL) {
        FIELD_SET(sku_entry, &entry, user, turn_user(turn));
    }
    status_t status = change(turn, &sku, &entry);
    return status == STATUS_OK ? reply_stock(turn, &sku) : status;
}

static status_t stock(turn_t *turn, const void *state, const void *request) {
    (void)request;
    return reply_stock(turn, state);
}

typedef struct page {
    span_t rows[PAGE_MAX];
    uint32_t count;
    bool more;
} page_t;

static bool take_row(void *context, span_t subkey, span_t value) {
    page_t *page = context;
    (void)subkey;
    page->rows[page->count++] = value;
    return page->count < PAGE_MAX;
}

/* Numbers are dense, so a page is a range of keys, also from the end. */
static status_t read_page(turn_t *turn, const sku_t *sku, const history_request_t *asked, page_t *page) {
    uint64_t limit = FIELD_OR(history_request, asked, limit, LIMIT), end = sku->entries + 1;
    uint64_t after = FIELD_OR(history_request, asked, after, 0);
    uint64_t before = FIELD_OR(history_request, asked, before, end);
    before = before < end ? before : end;
    after = after < sku->entries ? after : sku->entries;
    bool forward = FIELD_HAS(history_request, asked, after);
    uint64_t first = forward ? after + 1 : before > limit ? before - limit : 1;
    uint64_t stop = !forward ? before : end - first > limit ? first + limit : end;
    row_key_t from = row_key(ENTRY, first), to = row_key(ENTRY, stop);
    page->more = first < stop && (forward ? stop < end : first > 1);
    return first < stop ? turn_list(turn, row_key_span(&from), row_key_span(&to), take_row, page) : STATUS_OK;
}

static status_t ledger(turn_t *turn, const void *state, const void *request) {
    const history_request_t *asked = request;
    const sku_t *sku = state;
    bool forward = FIELD_HAS(history_request, asked, after);
    size_t room = LIST_HEAD_BYTES + PAGE_MAX * (size_t)ENTRY_BYTES_MAX;
    sku_ledger_t reply = {0};
    page_t page = {.count = 0};
    list_writer_t writer;
    if (forward && FIELD_HAS(history_request, asked, before)) {
        return turn_fail(turn, STATUS_INVALID, "either before or after");
    }
    status_t status = read_page(turn, sku, asked, &page);
    list_writer_init(&writer, &record_sku_entry, turn_alloc(turn, room), room);
    for (uint32_t i = 0; i < page.count && status == STATUS_OK; i++) {
        sku_entry_t entry;
        status = record_load(&record_sku_entry, page.rows[forward ? i : page.count - 1 - i], &entry);
        if (status == STATUS_OK) {
            list_writer_add(&writer, &entry);
        }
    }
    if (status == STATUS_OK) {
        status = list_writer_end(&writer, &reply.items);
    }
    FIELD_SET(sku_ledger, &reply, items, reply.items);
    FIELD_SET(sku_ledger, &reply, more, page.more);
    FIELD_SET(sku_ledger, &reply, last, sku->entries);
    return status == STATUS_OK ? turn_reply(turn, &reply) : status;
}

/* What orders ask */

typedef struct order_key {
    uint8_t bytes[1 + ORDER_KEY_BYTES_MAX];
    size_t len;
} order_key_t;

static order_key_t order_key(span_t order) {
    order_key_t key = {.bytes = {RESERVATION}, .len = 1 + order.len};
    CHECK(order.len <= ORDER_KEY_BYTES_MAX, "%zu bytes", order.len);
    memcpy(key.bytes + 1, order.ptr, order.len);
    return key;
}

static span_t order_key_span(const order_key_t *key) {
    return span_of(key->bytes, key->len);
}

/* NOT_FOUND: the order has reserved nothing here. INTERNAL: the row is damaged. */
static status_t find(turn_t *turn, const order_key_t *key, sku_reservation_t *reservation) {
    span_t value;
    status_t status = turn_get(turn, order_key_span(key), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        return status == STATUS_OK ? STATUS_NOT_FOUND : status;
    }
    return record_load(&record_sku_reservation, value, reservation);
}

static status_t put(turn_t *turn, const order_key_t *key, uint64_t quantity, reservation_state_t state) {
    sku_reservation_t reservation = {0};
    FIELD_SET(sku_reservation, &reservation, quantity, quantity);
    FIELD_SET(sku_reservation, &reservation, state, state);
    FIELD_SET(sku_reservation, &reservation, at, turn_now(turn));
    return row_put(turn, order_key_span(key), &record_sku_reservation, &reservation, RESERVATION_BYTES_MAX);
}

/* sku NULL: there is none */
static status_t refuse(turn_t *turn, const sku_t *sku, span_t order) {
    order_reason_t answer = {0};
    FIELD_SET(order_reason, &answer, sku, turn_key(turn));
    FIELD_SET(order_reason, &answer, reason, sku == NULL ? order_refusal_unknown : order_refusal_not_enough);
    if (sku != NULL) {
        FIELD_SET(order_reason, &answer, available, available(sku));
    }
    return turn_send(turn, &kinds[KIND_order], order, METHOD_order_refused, &answer);
}

static status_t accept(turn_t *turn, const sku_t *sku, span_t order) {
    order_reserved_t answer = {0};
    FIELD_SET(order_reserved, &answer, sku, turn_key(turn));
    FIELD_SET(order_reserved, &answer, price, sku->price);
    return turn_send(turn, &kinds[KIND_order], order, METHOD_order_reserved, &answer);
}

static status_t reserve(turn_t *turn, const void *state, const void *request) {
    const sku_reserve_t *asked = request;
    const sku_t *old = state;
    order_key_t key = order_key(asked->order);
    sku_reservation_t reservation;
    if (old == NULL) {
        return refuse(turn, NULL, asked->order);
    }
    status_t status = find(turn, &key, &reservation);
    if (status != STATUS_NOT_FOUND) {
        return status == STATUS_OK ? accept(turn, old, asked->order) : status;
    }
    if (asked->quantity > available(old)) {
        return refuse(turn, old, asked->order);
    }
    sku_t sku = *old;
    sku_entry_t entry = entry_of(sku_cause_reserved, asked->order, 0, (int64_t)asked->quantity);
    status = put(turn, &key, asked->quantity, reservation_state_RESERVED);
    if (status == STATUS_OK) {
        status = change(turn, &sku, &entry);
    }
    return status == STATUS_OK ? accept(turn, &sku, asked->order) : status;
}

/* Of an order that has nothing here, or has paid: nothing. */
static status_t release(turn_t *turn, const void *state, const void *request) {
    const sku_of_order_t *asked = request;
    order_key_t key = order_key(asked->order);
    sku_reservation_t reservation;
    status_t status = state == NULL ? STATUS_NOT_FOUND : find(turn, &key, &reservation);
    if (status != STATUS_OK || reservation.state == reservation_state_SOLD) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    sku_t sku = *(const sku_t *)state;
    sku_entry_t entry = entry_of(sku_cause_released, asked->order, 0, -(int64_t)reservation.quantity);
    status = turn_del(turn, order_key_span(&key));
    return status == STATUS_OK ? change(turn, &sku, &entry) : status;
}

/* An order pays for what it has reserved only, so a reservation that is missing is a defect: a dead letter. */
static status_t commit(turn_t *turn, const void *state, const void *request) {
    const sku_of_order_t *asked = request;
    sku_t sku = *(const sku_t *)state;
    order_key_t key = order_key(asked->order);
    sku_reservation_t reservation;
    status_t status = find(turn, &key, &reservation);
    if (status == STATUS_NOT_FOUND) {
        return turn_fail(turn, STATUS_CONFLICT, "The order has reserved nothing here");
    }
    if (status != STATUS_OK || reservation.state == reservation_state_SOLD) {
        return status;
    }
    int64_t quantity = (int64_t)reservation.quantity;
    sku_entry_t entry = entry_of(sku_cause_sold, asked->order, -quantity, -quantity);
    status = put(turn, &key, reservation.quantity, reservation_state_SOLD);
    return status == STATUS_OK ? change(turn, &sku, &entry) : status;
}

static const handler_fn handlers[METHOD_sku_COUNT] = {
    [METHOD_sku_create] = create, [METHOD_sku_adjust] = adjust,   [METHOD_sku_stock] = stock,
    [METHOD_sku_ledger] = ledger, [METHOD_sku_reserve] = reserve, [METHOD_sku_release] = release,
    [METHOD_sku_commit] = commit,
};

const actor_t actor_sku = {.kind = "sku",
                           .handlers = handlers,
                           .handler_count = METHOD_sku_COUNT,
                           .listing = {.roles = ROLE_GATEWAY | ROLE_USER}};
