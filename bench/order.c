/* SPDX-License-Identifier: MIT */
/*
 * order: orders of ORDER_SKUS pieces, each of another SKU. A worker orders from SKUs of its own, so it knows what their
 * ledgers must say (stock.h).
 *
 * prepare: make the SKUs, add to their stock, and see where their ledgers stand.
 * measured: create, and get until the order is RESERVED: then it is acknowledged. Another end counts as a conflict.
 * judge: read the ledgers from there on, and compare.
 */
#include "bench/workload.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/stock.h"
#include "schemas/address.h"
#include "schemas/list.h"

enum {
    PREPARE_MS = 30000,
    PIECES = 10000000, /* more than one run can order */
    PRICE = 1999,
    PAGE = 100, /* entries of a ledger in one answer */
    NAME_BYTES = 64,
    ADDRESS_BYTES = KIND_BYTES_MAX + KEY_BYTES_MAX,
};

typedef struct shop {
    stock_t *stocks; /* of the worker's SKUs */
    uint64_t *lasts; /* entries of their ledgers */
    uint32_t *some;  /* SKUs that a pass is about */
    uint32_t count;
    char run[NAME_BYTES]; /* what the keys of this worker's orders in this run begin with */
} shop_t;

static shop_t *shop_of(worker_t *self) {
    return self->state;
}

static void sku_key(const worker_t *self, uint32_t actor, char key[NAME_BYTES]) {
    snprintf(key, NAME_BYTES, "bench-%07u", worker_actor(self, actor));
}

static doran_code_t submit_to_sku(worker_t *self, slot_t *slot, const char *method, const pack_t *body) {
    char key[NAME_BYTES], address[ADDRESS_BYTES];
    sku_key(self, slot->actor, key);
    snprintf(address, sizeof address, "sku/%s", key);
    return worker_submit(self, slot, address, method, body, PREPARE_MS);
}

static void fail_with(worker_t *self, const slot_t *slot, const char *method, const doran_reply_t *reply) {
    worker_fail(self, "sku/bench-%07u %s: %s: %s", worker_actor(self, slot->actor), method,
                doran_code_name(reply->code), reply->text);
}

/* False with the worker's problem set: it is no such record. */
static bool read_record(worker_t *self, const record_t *record, const doran_reply_t *reply, void *out) {
    if (record_load(record, span_of(reply->body, reply->body_bytes), out) != STATUS_OK) {
        worker_fail(self, "An answer of the server is no %s.", record->name);
        return false;
    }
    return true;
}

/* prepare */

static doran_code_t submit_create(worker_t *self, slot_t *slot) {
    pack_t body = pack_into(self->request, self->request_bytes);
    slot->actor = (uint32_t)slot->number;
    pack_map(&body, 3);
    pack_cstring(&body, "product");
    pack_cstring(&body, "bench");
    pack_cstring(&body, "name");
    pack_cstring(&body, "A thing to be ordered");
    pack_cstring(&body, "price");
    pack_map(&body, 2);
    pack_cstring(&body, "amount");
    pack_u64(&body, PRICE);
    pack_cstring(&body, "currency");
    pack_cstring(&body, "EUR");
    return submit_to_sku(self, slot, "create", &body);
}

/* It may be there from another run. */
static void answered_create(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    if (reply->code != DORAN_OK && reply->code != DORAN_CONFLICT) {
        fail_with(self, slot, "create", reply);
    }
}

static doran_code_t submit_adjust(worker_t *self, slot_t *slot) {
    pack_t body = pack_into(self->request, self->request_bytes);
    slot->actor = (uint32_t)slot->number;
    pack_map(&body, 2);
    pack_cstring(&body, "delta");
    pack_i64(&body, PIECES);
    pack_cstring(&body, "reason");
    pack_cstring(&body, "bench");
    return submit_to_sku(self, slot, "adjust", &body);
}

static void answered_adjust(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    if (reply->code != DORAN_OK) {
        fail_with(self, slot, "adjust", reply);
    }
}

static doran_code_t submit_last_entry(worker_t *self, slot_t *slot) {
    pack_t body = pack_into(self->request, self->request_bytes);
    slot->actor = (uint32_t)slot->number;
    pack_map(&body, 1);
    pack_cstring(&body, "limit");
    pack_u64(&body, 1);
    return submit_to_sku(self, slot, "ledger", &body);
}

static void answered_last_entry(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    sku_ledger_t page;
    sku_entry_t entry;
    list_t list;
    if (reply->code != DORAN_OK) {
        fail_with(self, slot, "ledger", reply);
        return;
    }
    if (read_record(self, &record_sku_ledger, reply, &page)) {
        list_open(&list, &record_sku_entry, page.items);
        if (list_next(&list, &entry)) {
            shop_of(self)->stocks[slot->actor] = stock_begin(entry.seq, entry.on_hand, entry.reserved);
        }
    }
}

static void open_shop(worker_t *self) {
    shop_t *shop = self->state = calloc(1, sizeof *shop);
    CHECK(shop != NULL, "no memory");
    shop->stocks = calloc(self->actors, sizeof *shop->stocks);
    shop->lasts = calloc(self->actors, sizeof *shop->lasts);
    shop->some = calloc(self->actors, sizeof *shop->some);
    CHECK(shop->stocks != NULL && shop->lasts != NULL && shop->some != NULL, "no memory for %u SKUs", self->actors);
    snprintf(shop->run, sizeof shop->run, "bench-%016llx-%u-", (unsigned long long)random_next(&self->random),
             self->index);
}

static bool prepare(worker_t *self) {
    open_shop(self);
    pass_t make = {.submit = submit_create, .answered = answered_create, .count = self->actors, .end_us = UINT64_MAX};
    pass_t fill = {.submit = submit_adjust, .answered = answered_adjust, .count = self->actors, .end_us = UINT64_MAX};
    pass_t look = {
        .submit = submit_last_entry, .answered = answered_last_entry, .count = self->actors, .end_us = UINT64_MAX};
    return worker_pass(self, &make) && worker_pass(self, &fill) && worker_pass(self, &look);
}

/* measured */

/* The SKUs of an order: they follow from its number, and no two are the same. */
static void skus_of(const worker_t *self, uint64_t number, uint32_t skus[ORDER_SKUS]) {
    random_source_t random = {.state = number};
    for (uint32_t i = 0; i < ORDER_SKUS;) {
        bool taken = false;
        skus[i] = random_below(&random, self->actors);
        for (uint32_t j = 0; j < i; j++) {
            taken |= skus[j] == skus[i];
        }
        i += !taken;
    }
}

static doran_code_t submit_to_order(worker_t *self, slot_t *slot, const char *method, const pack_t *body) {
    char address[ADDRESS_BYTES];
    snprintf(address, sizeof address, "order/%s%llu", shop_of(self)->run, (unsigned long long)slot->number);
    return worker_submit(self, slot, address, method, body, 0);
}

static doran_code_t submit_order(worker_t *self, slot_t *slot) {
    uint32_t skus[ORDER_SKUS];
    char key[NAME_BYTES];
    pack_t body = pack_into(self->request, self->request_bytes);
    skus_of(self, slot->number, skus);
    pack_map(&body, 1);
    pack_cstring(&body, "lines");
    pack_array(&body, ORDER_SKUS);
    for (uint32_t i = 0; i < ORDER_SKUS; i++) {
        sku_key(self, skus[i], key);
        pack_map(&body, 2);
        pack_cstring(&body, "sku");
        pack_cstring(&body, key);
        pack_cstring(&body, "quantity");
        pack_u64(&body, 1);
    }
    return submit_to_order(self, slot, "create", &body);
}

static doran_code_t look_at_order(worker_t *self, slot_t *slot) {
    pack_t body = pack_into(self->request, self->request_bytes);
    pack_map(&body, 0);
    return submit_to_order(self, slot, "get", &body);
}

/* order_state_COUNT: nothing is known. */
static order_state_t state_in(worker_t *self, const doran_reply_t *reply) {
    order_view_t order;
    bool known = reply->code == DORAN_OK && read_record(self, &record_order_view, reply, &order);
    return known ? (order_state_t)order.state : order_state_COUNT;
}

static bool order_pending(worker_t *self, const slot_t *slot, const doran_reply_t *reply, doran_code_t *code) {
    order_state_t state = state_in(self, reply);
    (void)slot;
    if (state != order_state_RESERVED && state != order_state_COUNT) {
        *code = DORAN_CONFLICT;
    }
    return state == order_state_PENDING;
}

static void answered_order(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    bool reserved = state_in(self, reply) == order_state_RESERVED;
    uint32_t skus[ORDER_SKUS];
    skus_of(self, slot->number, skus);
    for (uint32_t i = 0; i < ORDER_SKUS; i++) {
        stock_t *stock = &shop_of(self)->stocks[skus[i]];
        stock->acknowledged += reserved;
        stock->others += !reserved;
    }
}

/* judge */

static doran_code_t submit_page(worker_t *self, slot_t *slot) {
    const shop_t *shop = shop_of(self);
    pack_t body = pack_into(self->request, self->request_bytes);
    slot->actor = shop->some[slot->number];
    pack_map(&body, 2);
    pack_cstring(&body, "after");
    pack_u64(&body, shop->stocks[slot->actor].seq);
    pack_cstring(&body, "limit");
    pack_u64(&body, PAGE);
    return submit_to_sku(self, slot, "ledger", &body);
}

static bool is_ours(const shop_t *shop, span_t order) {
    size_t len = strlen(shop->run);
    return order.ptr != NULL && order.len > len && memcmp(order.ptr, shop->run, len) == 0;
}

static void answered_page(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    shop_t *shop = shop_of(self);
    sku_ledger_t page;
    sku_entry_t entry;
    list_t list;
    if (reply->code != DORAN_OK) {
        fail_with(self, slot, "ledger", reply);
        return;
    }
    if (!read_record(self, &record_sku_ledger, reply, &page)) {
        return;
    }
    list_open(&list, &record_sku_entry, page.items);
    bool ends_early = list_count(page.items) == 0 && shop->stocks[slot->actor].seq < page.last;
    self->verdict.gaps += ends_early;
    shop->lasts[slot->actor] = ends_early ? 0 : page.last;
    while (list_next(&list, &entry)) {
        stock_entry(&shop->stocks[slot->actor], &entry, is_ours(shop, FIELD_OR(sku_entry, &entry, order, (span_t){0})),
                    &self->verdict);
    }
}

/* Those whose ledger goes on. */
static void choose_unread(const worker_t *self, shop_t *shop) {
    shop->count = 0;
    for (uint32_t i = 0; i < self->actors; i++) {
        if (shop->stocks[i].seq < shop->lasts[i]) {
            shop->some[shop->count++] = i;
        }
    }
}

static bool judge(worker_t *self) {
    shop_t *shop = shop_of(self);
    for (uint32_t i = 0; i < self->actors; i++) {
        shop->lasts[i] = UINT64_MAX; /* not known yet */
    }
    for (choose_unread(self, shop); shop->count > 0; choose_unread(self, shop)) {
        pass_t read = {.submit = submit_page, .answered = answered_page, .count = shop->count, .end_us = UINT64_MAX};
        if (!worker_pass(self, &read)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < self->actors; i++) {
        stock_end(&shop->stocks[i], &self->verdict);
    }
    return true;
}

static void clean(worker_t *self) {
    shop_t *shop = shop_of(self);
    if (shop != NULL) {
        free(shop->stocks);
        free(shop->lasts);
        free(shop->some);
        free(shop);
    }
}

const workload_t order_workload = {.name = "order",
                                   .prepare = prepare,
                                   .submit = submit_order,
                                   .answered = answered_order,
                                   .pending = order_pending,
                                   .look = look_at_order,
                                   .judge = judge,
                                   .clean = clean};
