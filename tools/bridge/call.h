/* SPDX-License-Identifier: MIT */
/*
 * call: one request on its way through the bridge, from the route that it fits to its one answer:
 *
 *   route? ─► who asks? ─► preconditions ─► body ─► message to the actor ─► reply as JSON
 *      └──────────┴──────────────┴───────────┴───────────────────┴────────► problem document
 *
 * Whoever has the call answers it once, by one of the functions of the second part; then it is gone. The loop's thread.
 */
#ifndef DORAN_BRIDGE_CALL_H
#define DORAN_BRIDGE_CALL_H

#include <jansson.h>

#include "schemas/address.h"
#include "tools/bridge/bridge.h"
#include "tools/bridge/networks.h"
#include "tools/bridge/route.h"
#include "tools/bridge/trace.h"

typedef enum refusal {
#define REFUSAL(NAME, code, http, title) REFUSE_##NAME,
#include "tools/bridge/refusals.def"
    REFUSAL_COUNT
} refusal_t;

enum { REQUEST_ID_BYTES = 65, CALL_TAG_BYTES = 64 };

/* Content-Security-Policy of what is no page. */
#define CALL_POLICY "default-src 'none'; frame-ancestors 'none'"

typedef void (*call_done_fn)(call_t *self, const doran_reply_t *reply);

struct call {
    bridge_t *bridge;
    http_request_t *http;
    struct person *person; /* who asks, held; NULL: nobody */
    const route_t *route;  /* NULL: none was found */
    captures_t captures;
    char tag[CALL_TAG_BYTES]; /* of the answer to come; "": none */
    json_t *json;             /* the body, or where there is none, the parameters of the query, as texts */
    bool conditional;         /* If-Match was given, and with it ... */
    uint64_t version;         /* ... this version; 0: any */
    char *key;                /* of Idempotency-Key, which goes with all messages; NULL: none. Freed with the call */
    uint32_t wait_ms;         /* Prefer: how long to wait for a first request of this key that still runs */
    call_done_fn done;        /* of the message under way */
    call_done_fn each;        /* of the query under way */
    struct again *again;
    void *own;                   /* of a route's function, freed with the call ... */
    void (*own_free)(void *own); /* ... by this; NULL: free */
    uint64_t began_ns;           /* of a clock that never goes back */
    ip_t client;                 /* who sent it, as far as trusted proxies say so */
    uint8_t trace[TRACE_BYTES];
    char request_id[REQUEST_ID_BYTES];
};

/* Sends the message, for the person if there is one, and calls done with what comes. Errors end the call. Body: a
   msgpack map. */
void call_send(call_t *self, const char *address, const char *method, span_t body, call_done_fn done);

/* The same with a query: each for every shard's answer, and done once when all are there. */
void call_send_query(call_t *self, const char *kind, const char *method, span_t body, call_done_fn each,
                     call_done_fn done);

/* Answers. */

/* A header of the answer to come. */
void call_add_header(call_t *self, const char *name, const char *value);
/* What a packed answer's tag has behind what the plain one's has: it is strong, and of other bytes (RFC 9110 §8.8.3).
 */
#define CALL_PACKED "-gzip"
/* The header ETag. False: the asker has what it stands for already, packed or not, and is to be told 304. */
bool call_add_tag(call_t *self, const char *tag);
/* A body of this media type; absent: none. */
void call_answer(call_t *self, int status, const char *media, span_t body);
/* The record that is the reply's body, with the status and the headers that the route's flags ask for. */
void call_answer_record(call_t *self, const record_t *record, const doran_reply_t *reply);
/* The record at `at` of the bridge's tape, as one line of JSON, malloc'd; NULL: it is damaged. */
char *call_show(const call_t *self, const record_t *record, uint32_t at);
/* What the bridge refuses by itself. detail: NULL, or a sentence for people, which is copied. With 401 goes what
   RFC 6750 wants to be said. */
void call_refuse(call_t *self, refusal_t refusal, const char *detail);
/* The same with what is wrong in the request's body. */
void call_refuse_field(call_t *self, const char *pointer, const char *code, const char *detail);
/* What this part of the path names is not there, since it is no key at all. */
void call_refuse_key(call_t *self, const char *part);
/* Gives the request away to be answered by others, with the headers added so far. */
http_request_t *call_give(call_t *self);
/* The server's error, as it is. */
void call_pass_error(call_t *self, const doran_reply_t *reply);
/* What that means to who asked: 401 when the session has ended, and so on. text: borrowed. */
void call_fail(call_t *self, doran_code_t code, const char *text);

#endif
