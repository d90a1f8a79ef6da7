/* SPDX-License-Identifier: MIT */
/*
 * What the two sources of the public calls share: client.c (connections and requests), client_live.c (users and
 * events).
 */
#ifndef DORAN_CLIENT_CLIENT_INSIDE_H
#define DORAN_CLIENT_CLIENT_INSIDE_H

#include "tools/client/client.h"
#include "tools/client/exchange.h"

/* One connection and the doran_t on it. */
typedef struct client {
    exchange_t exchange;
    uint32_t timeout_ms, in_flight_max;
    unsigned depth;                        /* calls that work, one inside another */
    unsigned open;                         /* doran_t that are not closed */
    SLIST_HEAD(doran_list, doran) closing; /* closed inside a call: freed when the outermost returns */
} client_t;

struct doran {
    client_t *client;
    handle_t *handle; /* NULL: acts for no user; there is one such on a connection */
    bool closed;
    uint8_t *answer; /* what the last doran_call gave out: the body, then the text */
    size_t answer_bytes;
    SLIST_ENTRY(doran) in_closing;
};

doran_t *client_attach(client_t *client, handle_t *handle);
void client_enter(doran_t *self);
/* False: self is gone. */
bool client_leave(doran_t *self);
/* kind/key, or kind/ where the server makes the key or a query has none. */
bool client_split_address(const char *text, address_t *address);
/* Is this the body of a request? Absent: it becomes an empty map. */
doran_code_t client_check_body(client_t *client, span_t *body);

#endif
