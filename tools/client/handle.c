/* SPDX-License-Identifier: MIT */
/*
 * While a handle is opened again, what the server may still hold of its old bytes is of no account: its subscriptions
 * ask anew, and requests that are refused because of the old bytes are sent again with the new ones.
 */
#include "tools/client/handle.h"

#include "tools/client/clock.h"
#include "tools/client/exchange_inside.h"

enum { SOON_US = 1000 * MS };

void handles_init(handles_t *self) {
    *self = (handles_t){0};
    TAILQ_INIT(&self->all);
}

static void destroy(handle_t *self) {
    free(self->text);
    free(self->stored);
    free(self);
}

void handles_fini(handles_t *self) {
    handle_t *handle;
    HASH_CLEAR(hh, self->by_bytes);
    while ((handle = TAILQ_FIRST(&self->all)) != NULL) {
        TAILQ_REMOVE(&self->all, handle, in_all);
        destroy(handle);
    }
}

/* Opening. */

static pending_t *send_open(void *owner, exchange_t *exchange, uint64_t deadline_us) {
    handle_t *self = owner;
    ask_t ask = {.kind = self->address.kind, .key = self->address.key, .method = span_text("open"), .body = self->body};
    return exchange_add(exchange, NULL, &ask, deadline_us);
}

/* They are random, so their beginning will do. */
static unsigned hash_of(const uint8_t bytes[HANDLE_BYTES]) {
    unsigned hash;
    memcpy(&hash, bytes, sizeof hash);
    return hash;
}

static void open_now(handle_t *self, span_t bytes) {
    handles_t *handles = &self->exchange->handles;
    memcpy(self->bytes, bytes.ptr, HANDLE_BYTES);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, handles->by_bytes, self->bytes, HANDLE_BYTES, hash_of(self->bytes), self);
    self->state = HANDLE_OPEN;
    self->open_us = clock_us();
    subscriptions_handle_opened(self);
}

static void fail(handle_t *self, doran_code_t code, const char *text) {
    self->state = HANDLE_FAILED;
    self->code = code;
    self->text = strndup(text, HANDLE_TEXT_BYTES_MAX);
    CHECK(self->text != NULL, "no memory");
    subscriptions_handle_failed(self);
}

/* The bytes that the reply gives; absent: none. */
static span_t given(const doran_reply_t *reply) {
    token_t tokens[TAPE_TOP_TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = TAPE_TOP_TOKENS};
    size_t consumed;
    if (tape_read_top(&tape, span_of(reply->body, reply->body_bytes), &consumed) != STATUS_OK ||
        tokens[0].type != TOKEN_MAP) {
        return (span_t){0};
    }
    uint32_t at = tape_find(&tape, 0, "handle");
    bool found = at > 0 && tokens[at].type == TOKEN_BINARY && tokens[at].len == HANDLE_BYTES;
    return found ? token_span(&tokens[at]) : (span_t){0};
}

static pending_t *send_close(void *owner, exchange_t *exchange, uint64_t deadline_us) {
    static const uint8_t empty_map[] = {0x80};
    ask_t ask = {.kind = span_text("broker"),
                 .key = span_text("self"),
                 .method = span_text("close_handle"),
                 .body = span_of(empty_map, sizeof empty_map)};
    return exchange_add(exchange, owner, &ask, deadline_us);
}

static void told(void *owner, exchange_t *exchange, const doran_reply_t *reply) {
    (void)exchange;
    (void)reply;
    handle_left(owner);
}

static const errand_kind_t closing = {.send = send_close, .done = told};

/* Of one whose errand is idle: has the server end it if that has it. */
static void end_closed(handle_t *self) {
    if (self->state == HANDLE_OPEN) {
        errand_init(&self->errand, &closing, self, self->exchange);
        errand_start(&self->errand);
    } else {
        handle_left(self);
    }
}

static void opened(void *owner, exchange_t *exchange, const doran_reply_t *reply) {
    handle_t *self = owner;
    doran_reply_t senseless = {
        .code = DORAN_INTERNAL, .text = "The server gave no handle", .body = (const uint8_t *)"\x80", .body_bytes = 1};
    span_t bytes = reply->code == DORAN_OK ? given(reply) : (span_t){0};
    if (bytes.ptr != NULL) {
        open_now(self, bytes);
    } else {
        reply = reply->code == DORAN_OK ? &senseless : reply;
        fail(self, reply->code, reply->text);
    }
    if (self->closed) {
        end_closed(self);
        return;
    }
    pending_queue_waiting(exchange->pending, self); /* to be sent, or to end with the error */
    if (self->on_open != NULL) {
        exchange->ran += 1;
        self->on_open(self->context, reply); /* self may be gone afterwards */
    }
}

static const errand_kind_t opening = {.send = send_open, .done = opened};

handle_t *handle_new(exchange_t *exchange, address_t address, span_t body, doran_done_fn on_open, void *context) {
    if (exchange->handles.count == HANDLES_MAX) {
        return NULL;
    }
    handle_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "no memory");
    size_t kind = address.kind.len, key = address.key.len;
    self->stored = malloc(kind + key + body.len);
    CHECK(self->stored != NULL, "no memory for %zu bytes", kind + key + body.len);
    memcpy(self->stored, address.kind.ptr, kind);
    memcpy(self->stored + kind, address.key.ptr, key);
    memcpy(self->stored + kind + key, body.ptr, body.len);
    self->address = (address_t){.kind = span_of(self->stored, kind), .key = span_of(self->stored + kind, key)};
    self->body = span_of(self->stored + kind + key, body.len);
    self->exchange = exchange;
    self->on_open = on_open;
    self->context = context;
    self->opening = 1;
    TAILQ_INIT(&self->subscriptions);
    TAILQ_INSERT_TAIL(&exchange->handles.all, self, in_all);
    exchange->handles.count += 1;
    errand_init(&self->errand, &opening, self, exchange);
    errand_start(&self->errand);
    return self;
}

/* The end. */

void handle_left(handle_t *self) {
    handles_t *handles = &self->exchange->handles;
    if (!self->closed || self->errand.state != ERRAND_IDLE || !TAILQ_EMPTY(&self->subscriptions)) {
        return;
    }
    if (self->state == HANDLE_OPEN) {
        HASH_DELETE(hh, handles->by_bytes, self);
    }
    TAILQ_REMOVE(&handles->all, self, in_all);
    destroy(self);
}

void handle_close(handle_t *self) {
    self->closed = true;
    self->exchange->handles.count -= 1;
    if (!errand_finish(&self->errand)) { /* else the answer is waited for: it may give a handle */
        end_closed(self);
    }
}

/* What the server forgets. */

/* False: it is closed, and may be gone. */
static bool lose(handle_t *self) {
    CHECK(self->state == HANDLE_OPEN, "state %d", (int)self->state);
    HASH_DELETE(hh, self->exchange->handles.by_bytes, self);
    self->state = HANDLE_OPENING;
    self->opening += 1;
    subscriptions_handle_lost(self);
    if (self->closed) {
        errand_cancel(&self->errand);
        handle_left(self);
        return false;
    }
    return true;
}

void handle_reopen(handle_t *self) {
    if (lose(self)) {
        errand_start(&self->errand);
    }
}

void handles_forgotten(exchange_t *exchange) {
    handle_t *next;
    for (handle_t *self = TAILQ_FIRST(&exchange->handles.all); self != NULL; self = next) {
        next = TAILQ_NEXT(self, in_all);
        if (self->state == HANDLE_OPEN) {
            handle_reopen(self);
        }
    }
}

static void end(handle_t *self) {
    self->restless = clock_us() < self->open_us + SOON_US ? self->restless + 1 : 0;
    if (self->restless <= 1) {
        handle_reopen(self);
    } else if (lose(self)) {
        errand_start_later(&self->errand);
    }
}

void handles_ended(exchange_t *exchange, span_t bytes) {
    handle_t *self;
    if (bytes.len != HANDLE_BYTES) {
        return;
    }
    for (;;) {
        HASH_FIND_BYHASHVALUE(hh, exchange->handles.by_bytes, bytes.ptr, HANDLE_BYTES, hash_of(bytes.ptr), self);
        if (self == NULL) {
            return;
        }
        end(self);
    }
}
