/* SPDX-License-Identifier: MIT */
/*
 * route: the table of what the bridge answers (routes.def), and finding a row in it. From the same row come the way to
 * the actor, the checks of a request, the headers of its answer and the page in /openapi.json.
 *
 * A row names one method of one kind; then fields of its request record come
 *   - from the path, those that it names in braces: /rooms/{id}/members/{user}
 *   - from If-Match, `version`
 *   - of a MERGED body, `clear`: the names of what is null there
 *   - all others from the JSON body, or where there is none, from the query
 * or it names a function of its own, with the records of its body (or query) and its reply.
 *
 * What a list answers is {items, next_cursor?}, with the element of the reply's `items`; listing.h says how it goes on.
 */
#ifndef DORAN_BRIDGE_ROUTE_H
#define DORAN_BRIDGE_ROUTE_H

#include "schemas/records.h"
#include "tools/bridge/http.h"

typedef enum access {
    ACCESS_EVERYBODY,
    ACCESS_PERSON, /* with an access token */
    ACCESS_ADMIN,  /* of somebody with the role ADMIN */
} access_t;

enum route_flags {
    CREATES = 1 << 0,       /* 201, and Location */
    ACCEPTS = 1 << 1,       /* 202, and Location: it goes on */
    TAGGED = 1 << 2,        /* ETag from the reply's `version`; If-None-Match on GET */
    CONDITIONAL = 1 << 3,   /* If-Match is required, and goes into the request's `version` */
    KEY_REQUIRED = 1 << 4,  /* Idempotency-Key is required */
    KEY_REFUSED = 1 << 5,   /* Idempotency-Key is not taken */
    EMPTY = 1 << 6,         /* 204: what the method answers is not shown */
    MERGED = 1 << 7,        /* JSON Merge Patch: null takes a field away */
    LISTED = 1 << 8,        /* a list, which is told as {items, next_cursor?} */
    STREAMED = 1 << 9,      /* server-sent events */
    UNSTORED = 1 << 10,     /* no cache keeps the answer */
    GUARDED = 1 << 11,      /* CONDITIONAL where there is something already; else it is created: 201 */
    OPEN_OUTSIDE = 1 << 12, /* no JSON API: not in /openapi.json, no limits */
    SCARCE = 1 << 13,       /* an address may ask for few of them: guessing passwords, collecting addresses */
    LOCAL = 1 << 14,        /* who asks from this machine need not show who it is */
    PACKED = 1 << 15,       /* lies packed already, or is not to be */
};

typedef struct call call_t;
typedef struct route route_t;

struct route {
    const char *name; /* operationId */
    http_method_t method;
    const char *path; /* with parts in braces */
    access_t access;
    uint32_t flags;
    const kind_t *kind; /* of a message; NULL: `run` does it */
    uint32_t kind_method;
    const char *key; /* of the actor: "" to create one; "{id}", a part of the path; "{caller}", who asks;
                        "{login}", the login session; or fixed */
    void (*run)(call_t *call);
    const record_t *body;  /* of a function's own, or less than the method takes; NULL: none, or what it takes */
    const record_t *reply; /* the same; or what `show` makes of the method's; of LISTED one item. NULL: none */
    const char *text;
    /* One line of JSON, malloc'd, of the record at `at` of the bridge's tape, or NULL if that is damaged. No
       function: it is shown as it is, without its version. */
    char *(*show)(const call_t *call, const record_t *record, uint32_t at);
    const char *parts; /* what {id} of the path is made of, with a '-' between: "/{job}/{run}"; NULL: it is one word */
    const char *location; /* of CREATES and ACCEPTS; its parts in braces are of the path or the reply; NULL: the path
                             and the reply's id */
};

extern const route_t routes[];
extern const uint32_t routes_count;

/* The most parts of a path in braces, and of an id. */
enum { CAPTURES_MAX = 4 };

/* What stood in the path at the braces, %-decoded, in their order; then the parts of an id. */
typedef struct captures {
    span_t values[CAPTURES_MAX];
    uint32_t count;
    uint8_t bytes[512]; /* what they point into */
} captures_t;

/* The row for this method and path, or NULL. Then allowed has a bit (1 << http_method_t) for each method that the path
   has a row for; 0: nobody knows it. HEAD is answered where GET is. */
const route_t *route_find(http_method_t method, span_t path, captures_t *captures, uint32_t *allowed);
/* The value of the braces of this name, or absent. */
span_t route_capture(const route_t *self, const captures_t *captures, const char *name);

/* May it change anything? */
static inline bool route_changes(const route_t *self) {
    return self->method != HTTP_GET;
}

/* Has its request a body? Else what it says is in its query. */
static inline bool route_takes_body(const route_t *self) {
    return self->method == HTTP_POST || self->method == HTTP_PUT || self->method == HTTP_PATCH;
}

/* The HTTP status of success; of GUARDED where there is something already. */
int route_status(const route_t *self);
/* Does it answer in pages, and take limit and cursor? Else a list is short. */
bool route_pages(const route_t *self);
/* The record of the request, and of what is answered (of LISTED: one item); NULL: none. */
const record_t *route_request(const route_t *self);
const record_t *route_reply(const route_t *self);

/* Where a field of the request comes from. Nowhere: the bridge forms it, or people are not asked for it. */
typedef enum field_source {
    FIELD_FROM_NOWHERE,
    FIELD_FROM_PATH,
    FIELD_FROM_CONDITION,
    FIELD_FROM_QUERY,
    FIELD_FROM_BODY
} field_source_t;
field_source_t route_source(const route_t *self, const field_t *field);

/* Of the outermost record of an answer, or of an item: is it left out? A version is an ETag, or nothing. */
static inline bool route_hides(const field_t *field) {
    return field->type == FIELD_U64 && strcmp(field->name, "version") == 0;
}

#endif
