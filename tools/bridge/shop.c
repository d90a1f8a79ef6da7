/* SPDX-License-Identifier: MIT */
/*
 * Products are what their SKUs say: a product is its SKUs' common `product`, and has name and description of the first
 * of them. So a list of products is one of SKUs in the order of their products, and a product is made by making its
 * SKUs, one after the other; with an idempotency key, who asks again goes on where it ended.
 */
#include <stdlib.h>

#include <sodium.h>

#include "schemas/json.h"
#include "tools/bridge/listing.h"
#include "tools/bridge/message.h"
#include "tools/bridge/people.h"
#include "tools/bridge/runs.h"
#include "tools/bridge/value.h"

enum {
    ROWS_MAX = 1000, /* of a page of SKUs */
};

/* Shown */

/* The state of a SKU as JSON, less what is not to be seen; NULL: it is damaged. */
static json_t *read_state(const call_t *call, const record_t *record, const row_t *row) {
    tape_t *tape = call->bridge->tape;
    if (row->state == NULL || tape_read_whole(tape, span_of(row->state, row->state_bytes)) != STATUS_OK) {
        return NULL;
    }
    char *text = json_print_for_web(record, tape, 0, NULL);
    json_t *state = value_read(text);
    free(text);
    return state;
}

/* A SKU without attributes has none of them. */
static void complete_sku(json_t *sku) {
    if (json_object_get(sku, "attributes") == NULL) {
        value_set(sku, "attributes", json_object());
    }
}

/* A product of these rows, at most PRODUCT_SKUS_MAX; NULL: none of them can be read. */
static json_t *product_of(const call_t *call, const char *id, const row_t *rows, size_t count) {
    json_t *product = NULL, *skus = value_made(json_array());
    for (size_t i = 0; i < count && i < PRODUCT_SKUS_MAX; i++) {
        json_t *sku = read_state(call, &record_product_sku, &rows[i]);
        if (sku == NULL) {
            continue;
        }
        value_set(sku, "sku", json_string(rows[i].place.key));
        complete_sku(sku);
        json_array_append_new(skus, sku);
        if (product == NULL) {
            product = read_state(call, &record_product, &rows[i]);
        }
    }
    if (product == NULL) {
        json_decref(skus);
        return NULL;
    }
    value_set(product, "id", value_of_text(id));
    value_set(product, "status", json_string(enum_product_status.values[product_status_ACTIVE]));
    value_set(product, "skus", skus);
    return product;
}

/* How many rows, from this one, are of one product. */
static size_t group_at(const rows_t *rows, size_t begin, size_t end) {
    size_t at = begin + 1;
    while (at < end && strcmp(rows->items[at].place.value, rows->items[begin].place.value) == 0) {
        at++;
    }
    return at - begin;
}

/* Of a product that may have more SKUs on the next page, nothing is shown here, unless it is the only one. */
static void answer_products(call_t *call, const rows_t *rows, size_t complete) {
    struct evbuffer *page = listing_begin();
    uint64_t limit, shown = 0;
    const char *last = NULL;
    size_t at = 0;
    bool more = rows->more || complete < rows->count;
    if (!listing_take_limit(call, &limit)) {
        evbuffer_free(page);
        return;
    }
    while (at < complete && shown < limit) {
        size_t group = group_at(rows, at, complete);
        if (more && at > 0 && at + group == complete) {
            break;
        }
        last = rows->items[at].place.value;
        json_t *product = product_of(call, last, &rows->items[at], group);
        if (product != NULL) {
            listing_add(page, value_print(product));
            shown++;
        }
        at += group;
    }
    bool ended = at == complete && !more;
    listing_end(call, page, ended || last == NULL ? NULL : json_pack("{ss ss}", "after", "~", "after_value", last));
}

void run_list_products(call_t *call) {
    static const listing_source_t skus = {.kind = &kinds[KIND_sku], .field = "product"};
    uint64_t limit;
    empty_t nothing;
    if (message_read(call, &record_empty, &nothing) && listing_take_limit(call, &limit)) {
        listing_ask(call, &skus, ROWS_MAX, answer_products);
    }
}

/* Its tag is how many SKUs it has, since of a product nothing else changes yet. */
static void answer_product(call_t *call, const rows_t *rows, size_t complete) {
    span_t id = route_capture(call->route, &call->captures, "id");
    char key[KEY_BYTES_MAX + 1], tag[32];
    snprintf(key, sizeof key, "%.*s", (int)id.len, (const char *)id.ptr);
    json_t *product = product_of(call, key, rows->items, complete);
    if (product == NULL) {
        call_refuse(call, REFUSE_NOT_FOUND, NULL);
        return;
    }
    char *text = value_print(product);
    snprintf(tag, sizeof tag, "\"%zu\"", complete);
    if (call_add_tag(call, tag)) {
        call_answer(call, 200, "application/json", span_text(text));
    } else {
        call_answer(call, 304, NULL, (span_t){0});
    }
    free(text);
}

void run_show_product(call_t *call) {
    span_t id = route_capture(call->route, &call->captures, "id");
    char key[KEY_BYTES_MAX + 1];
    empty_t nothing;
    if (!address_key_valid(id)) {
        call_refuse_key(call, "id");
        return;
    }
    snprintf(key, sizeof key, "%.*s", (int)id.len, (const char *)id.ptr);
    if (message_read(call, &record_empty, &nothing)) {
        listing_source_t skus = {.kind = &kinds[KIND_sku], .field = "product", .value = key};
        listing_ask(call, &skus, PRODUCT_SKUS_MAX, answer_product);
    }
}

/* Made */

/* Who asks again with the key means the same product. */
static void make_id(const call_t *call, char id[UUID_TEXT_BYTES + 1]) {
    uint8_t bytes[crypto_generichash_BYTES_MIN];
    if (call->key != NULL) {
        const char *user = people_user(call->person);
        crypto_generichash_state state;
        crypto_generichash_init(&state, NULL, 0, sizeof bytes);
        crypto_generichash_update(&state, (const uint8_t *)user, strlen(user) + 1);
        crypto_generichash_update(&state, (const uint8_t *)call->key, strlen(call->key));
        crypto_generichash_final(&state, bytes, sizeof bytes);
        uuid_v8(bytes, id);
    } else {
        randombytes_buf(bytes, sizeof bytes);
        uuid_v7(bridge_now_ms(), bytes, id);
    }
    id[UUID_TEXT_BYTES] = 0;
}

static void answer_made(call_t *call) {
    size_t i;
    json_t *sku, *product = value_made(json_deep_copy(call->json));
    const char *id = json_string_value(json_object_get(product, "id"));
    char place[KEY_BYTES_MAX + 32], tag[32];
    snprintf(place, sizeof place, "/api/v1/products/%s", id);
    snprintf(tag, sizeof tag, "\"%zu\"", json_array_size(json_object_get(product, "skus")));
    value_set(product, "status", json_string(enum_product_status.values[product_status_ACTIVE]));
    json_object_del(product, "made");
    json_array_foreach(json_object_get(product, "skus"), i, sku) {
        complete_sku(sku);
    }
    char *text = value_print(product);
    call_add_header(call, "Location", place);
    (void)call_add_tag(call, tag);
    call_answer(call, 201, "application/json", span_text(text));
    free(text);
}

/* Makes the next SKU, of those in the call's JSON; `made` says how many are. */
static void make_next(call_t *call, const doran_reply_t *reply) {
    json_int_t count = json_integer_value(json_object_get(call->json, "made"));
    json_t *sku = json_array_get(json_object_get(call->json, "skus"), (size_t)count);
    char address[SUBJECT_BYTES_MAX + 1];
    (void)reply;
    if (sku == NULL) {
        answer_made(call);
        return;
    }
    value_set(call->json, "made", json_integer(count + 1));
    json_t *asked = value_made(json_pack("{sO sO sO sO* sO*}", "product", json_object_get(call->json, "id"), "name",
                                         json_object_get(call->json, "name"), "price", json_object_get(sku, "price"),
                                         "attributes", json_object_get(sku, "attributes"), "description",
                                         json_object_get(call->json, "description")));
    snprintf(address, sizeof address, "sku/%s", json_string_value(json_object_get(sku, "sku")));
    message_send(call, address, &kinds[KIND_sku].methods[METHOD_sku_create], asked, make_next);
}

/* All of them, before the first is made. False: refused. */
static bool check_skus(call_t *call) {
    size_t i;
    json_t *sku, *seen = value_made(json_object());
    bool twice = false;
    json_array_foreach(json_object_get(call->json, "skus"), i, sku) {
        const char *key = json_string_value(json_object_get(sku, "sku"));
        twice = json_object_get(seen, key) != NULL;
        if (twice) {
            char pointer[32];
            snprintf(pointer, sizeof pointer, "/skus/%zu/sku", i);
            call_refuse_field(call, pointer, "not_a_value", "It comes twice");
            break;
        }
        value_set(seen, key, json_incref(sku));
    }
    json_decref(seen);
    return !twice;
}

void run_create_product(call_t *call) {
    product_create_t asked;
    char id[UUID_TEXT_BYTES + 1];
    if (!message_read(call, &record_product_create, &asked) || !check_skus(call)) {
        return;
    }
    make_id(call, id);
    value_set(call->json, "id", json_string(id));
    make_next(call, NULL);
}
