/* SPDX-License-Identifier: MIT */
/* The public calls about users and events. What they mean is in handle.c and subscription.c. */
#include "tools/client/client_inside.h"

#include "tools/client/clock.h"

doran_code_t doran_as(doran_t *self, const char *address, const void *body, size_t body_bytes, doran_done_fn on_open,
                      void *context, doran_t **user) {
    client_t *client = self->client;
    address_t to;
    span_t bytes = span_of(body, body_bytes);
    if (!client_split_address(address, &to)) {
        return DORAN_INVALID_ADDRESS;
    }
    doran_code_t code = client_check_body(client, &bytes);
    if (code != DORAN_OK) {
        return code;
    }
    client_enter(self);
    handle_t *handle = handle_new(&client->exchange, to, bytes, on_open, context);
    if (handle != NULL) {
        *user = client_attach(client, handle);
    }
    client_leave(self);
    return handle != NULL ? DORAN_OK : DORAN_BUSY;
}

doran_code_t doran_subscribe(doran_t *self, const char *topic, const doran_position_t *after, doran_event_fn on_event,
                             void *context, doran_subscription_t **subscription) {
    address_t address;
    if (address_parse(span_text(topic), &address) != STATUS_OK) {
        return DORAN_INVALID_ADDRESS;
    }
    if (self->handle != NULL && self->handle->state == HANDLE_FAILED) {
        return self->handle->code;
    }
    client_enter(self);
    doran_code_t code =
        subscription_new(&self->client->exchange, self->handle, address, after, on_event, context, subscription);
    client_leave(self);
    return code;
}

void doran_unsubscribe(doran_subscription_t **subscription_p) {
    doran_subscription_t *subscription = *subscription_p;
    *subscription_p = NULL;
    if (subscription != NULL) {
        exchange_t *exchange = subscription_exchange(subscription);
        subscription_leave(subscription);
        connection_settle(exchange->connection, exchange_has_work(exchange));
    }
}

int doran_ready(const doran_t *self) {
    return self->client->exchange.ready && !exchange_silent(&self->client->exchange, clock_us());
}

int doran_subscription_position(const doran_subscription_t *subscription, doran_position_t *position) {
    return subscription_position(subscription, position);
}
