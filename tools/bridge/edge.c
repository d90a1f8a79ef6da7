/* SPDX-License-Identifier: MIT */
#include "tools/bridge/edge.h"

#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "tools/bridge/compress.h"
#include "tools/bridge/cors.h"
#include "tools/bridge/metrics.h"
#include "tools/bridge/people.h"
#include "tools/bridge/rate.h"
#include "tools/bridge/request_log.h"

enum {
    SCARCE_PART = 20,  /* of the requests that one address has in a minute, one in so many may be a scarce one */
    POOL_BYTES = 4096, /* of random bytes got at once */
    HEADER_BYTES = 64,
    COMPRESSED_BYTES_MIN = 1024,
};

struct edge {
    networks_t proxies;
    rate_t *rate, *scarce; /* NULL: no limit */
    compress_t *compress;
    request_log_t *log; /* NULL: none is kept */
    metrics_t *metrics;
};

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

edge_t *edge_new(const bridge_t *bridge, char *error, size_t error_bytes) {
    const settings_t *settings = &bridge->settings;
    uint32_t scarce = (uint32_t)(settings->rate_limit / SCARCE_PART);
    edge_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    if (!networks_parse(&self->proxies, settings->trusted_proxies, error, error_bytes)) {
        free(self);
        return NULL;
    }
    if (settings->rate_limit > 0) {
        self->rate = rate_new((uint32_t)settings->rate_limit);
        self->scarce = rate_new(scarce > 0 ? scarce : 1);
    }
    self->log = settings->request_log != 0 ? request_log_new(bridge->base, bridge->data) : NULL;
    self->compress = compress_new();
    self->metrics = metrics_new();
    return self;
}

void edge_destroy(edge_t **self_p) {
    edge_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        rate_destroy(&self->rate);
        rate_destroy(&self->scarce);
        request_log_destroy(&self->log);
        compress_destroy(&self->compress);
        metrics_destroy(&self->metrics);
        free(self);
    }
}

const metrics_t *edge_metrics(const edge_t *self) {
    return self->metrics;
}

/* Beginning */

/* A system call for each request would be felt. Ids must differ, and be guessed by nobody, but they are no secrets. */
static void random_bytes(uint8_t *bytes, size_t count) {
    static uint8_t pool[POOL_BYTES];
    static size_t used = sizeof pool;
    if (used + count > sizeof pool) {
        randombytes_buf(pool, sizeof pool);
        used = 0;
    }
    memcpy(bytes, pool + used, count);
    used += count;
}

void edge_make_id(char id[REQUEST_ID_BYTES]) {
    uint8_t random[16];
    random_bytes(random, sizeof random);
    uuid_v8(random, id);
    id[UUID_TEXT_BYTES] = 0;
}

/* Whoever sent an id that can be printed gets it back; else one is made. */
static void name_call(call_t *call) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *given = http_header(call->http, "X-Request-Id");
    size_t len = given != NULL ? strlen(given) : 0;
    if (len > 0 && len < REQUEST_ID_BYTES && strspn(given, letters) == len) {
        memcpy(call->request_id, given, len + 1);
    } else {
        edge_make_id(call->request_id);
    }
}

/* The trace goes on, with us as the parent of what follows, or begins. */
static void trace_call(call_t *call) {
    const char *given = http_header(call->http, "traceparent");
    if (given == NULL || !trace_parse(given, call->trace)) {
        random_bytes(call->trace, TRACE_ID_BYTES);
        call->trace[TRACE_BYTES - 1] = 0;
    }
    random_bytes(call->trace + TRACE_ID_BYTES, TRACE_PARENT_BYTES);
}

void edge_begin(call_t *call) {
    const edge_t *self = call->bridge->edge;
    const ip_t *peer = http_peer(call->http);
    call->began_ns = now_ns();
    name_call(call);
    trace_call(call);
    call->client = self->proxies.count == 0
                       ? *peer
                       : networks_client(&self->proxies, peer, http_last_header(call->http, "X-Forwarded-For"));
}

/* Limits */

static void add_limit(call_t *call, const char *name, const rate_answer_t *answer) {
    char text[HEADER_BYTES];
    snprintf(text, sizeof text, "\"%s\";q=%u;w=60", name, answer->quota);
    call_add_header(call, "RateLimit-Policy", text);
    snprintf(text, sizeof text, "\"%s\";r=%u;t=%u", name, answer->left, answer->full_s);
    call_add_header(call, "RateLimit", text);
}

/* draft-ietf-httpapi-ratelimit-headers: of two limits the one is told that is nearer. */
bool edge_admit(call_t *call) {
    const edge_t *self = call->bridge->edge;
    uint32_t flags = call->route != NULL ? call->route->flags : 0;
    if (self->rate == NULL || (flags & OPEN_OUTSIDE) != 0) {
        return true;
    }
    bool scarce = (flags & SCARCE) != 0;
    span_t client = call->person != NULL && !scarce ? span_text(people_user(call->person)) : ip_client(&call->client);
    rate_answer_t answer = rate_take(scarce ? self->scarce : self->rate, client, call->began_ns);
    add_limit(call, scarce ? "scarce" : "default", &answer);
    if (answer.refused) {
        char seconds[HEADER_BYTES];
        snprintf(seconds, sizeof seconds, "%u", answer.retry_after_s);
        call_add_header(call, "Retry-After", seconds);
        call_refuse(call, REFUSE_RATE_LIMITED, NULL);
    }
    return !answer.refused;
}

/* Ending */

void edge_add_headers(call_t *call) {
    char trace[TRACE_TEXT_BYTES];
    trace_print(call->trace, trace);
    call_add_header(call, "X-Request-Id", call->request_id);
    call_add_header(call, "traceparent", trace);
    cors_add_headers(call);
}

/* Not what is secret: how well it is packed tells about it. */
span_t edge_compress(call_t *call, int status, span_t body) {
    bool as_it_is = call->route == NULL || (call->route->flags & (UNSTORED | PACKED)) != 0;
    if (body.len < COMPRESSED_BYTES_MIN || status != 200 || as_it_is) {
        return body;
    }
    call_add_header(call, "Vary", "Accept-Encoding");
    if (compress_quality(http_header(call->http, "Accept-Encoding"), "gzip") <= 0) {
        return body;
    }
    span_t packed = compress_body(call->bridge->edge->compress, body);
    if (packed.ptr != body.ptr) {
        call_add_header(call, "Content-Encoding", "gzip");
    }
    return packed;
}

void edge_end(call_t *call, int status, size_t body_bytes) {
    edge_t *self = call->bridge->edge;
    uint64_t duration_us = (now_ns() - call->began_ns) / 1000;
    metrics_count(self->metrics, call->route, status, duration_us);
    if (self->log != NULL) {
        char client[IP_TEXT_BYTES], trace_id[2 * TRACE_ID_BYTES + 1];
        ip_print(&call->client, client);
        trace_print_id(call->trace, trace_id);
        request_log_line(self->log, &(request_line_t){.method = http_method_name(http_method(call->http)),
                                                      .path = http_path(call->http),
                                                      .route = call->route != NULL ? call->route->name : NULL,
                                                      .status = status,
                                                      .body_bytes = body_bytes,
                                                      .duration_us = duration_us,
                                                      .client = client,
                                                      .user = call->person != NULL ? people_user(call->person) : NULL,
                                                      .request_id = call->request_id,
                                                      .trace_id = trace_id});
    }
}

void edge_note_refusal(edge_t *self, int status, const char *why, const char *request_id) {
    metrics_count(self->metrics, NULL, status, 0);
    if (self->log != NULL) {
        request_log_line(self->log, &(request_line_t){.status = status, .why = why, .request_id = request_id});
    }
}
