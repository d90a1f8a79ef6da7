/* SPDX-License-Identifier: MIT */
/*
 * The public calls. What they share is in the exchange; here are arguments, waiting and the end.
 *
 * A completion may call anything on its doran_t, doran_call and doran_close too. So calls can stand inside one another:
 * `depth` counts them, and a close inside one stops completions at once and frees when the outermost returns.
 */
#include "tools/client/client_inside.h"

#include <sodium.h>

#include "tools/client/clock.h"

enum {
    TIMEOUT_MS = 10000,
    IN_FLIGHT = 1000,
    IN_FLIGHT_MAX = 4096,
    ERROR_BYTES_MAX = 512,
};

const char *doran_code_name(doran_code_t code) {
    return (unsigned)code < STATUS_COUNT ? status_code((status_t)code) : "unknown";
}

static bool options_valid(const doran_options_t *options, char *error, size_t error_bytes) {
    const char *problem = NULL;
    if (options->in_flight_max > IN_FLIGHT_MAX) {
        problem = "in_flight_max is at most 4,096.";
    } else if (options->session != NULL && options->next_id == 0) {
        problem = "A session needs next_id: a number that was used before would get the answer from before.";
    }
    if (problem != NULL) {
        snprintf(error, error_bytes, "%s", problem);
    }
    return problem == NULL;
}

doran_t *client_attach(client_t *client, handle_t *handle) {
    doran_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "no memory");
    self->client = client;
    self->handle = handle;
    client->open += 1;
    return self;
}

doran_t *client_open(const doran_options_t *options, const client_tuning_t *tuning, char *error, size_t error_bytes) {
    client_tuning_t none = {0};
    tuning = tuning != NULL ? tuning : &none;
    if (sodium_init() < 0 || !options_valid(options, error, error_bytes)) {
        return NULL;
    }
    connection_t *connection = connection_new(options, tuning->transport, error, error_bytes);
    if (connection == NULL) {
        return NULL;
    }
    client_t *client = calloc(1, sizeof *client);
    CHECK(client != NULL, "no memory");
    SLIST_INIT(&client->closing);
    client->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
    client->in_flight_max = options->in_flight_max > 0 ? options->in_flight_max : IN_FLIGHT;
    exchange_init(&client->exchange, connection, client->in_flight_max, options->session,
                  options->session != NULL ? options->next_id : 1);
    client->exchange.busy_fails = options->busy_fails != 0;
    client->exchange.one_per_frame = tuning->one_per_frame;
    return client_attach(client, NULL);
}

doran_t *doran_open(const doran_options_t *options, char *error, size_t error_bytes) {
    return client_open(options, NULL, error, error_bytes);
}

static void free_closing(client_t *client) {
    doran_t *self;
    while ((self = SLIST_FIRST(&client->closing)) != NULL) {
        SLIST_REMOVE_HEAD(&client->closing, in_closing);
        free(self->answer);
        free(self);
    }
    if (client->open == 0) {
        exchange_fini(&client->exchange);
        free(client);
    } else {
        subscriptions_settle(&client->exchange);
        connection_settle(client->exchange.connection, exchange_has_work(&client->exchange));
    }
}

void doran_close(doran_t **self_p) {
    doran_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    client_t *client = self->client;
    self->closed = true;
    pending_release_all(client->exchange.pending, self->handle);
    subscriptions_leave(&client->exchange, self->handle);
    if (self->handle != NULL) {
        handle_close(self->handle);
    }
    client->open -= 1;
    client->exchange.stopped = client->open == 0;
    SLIST_INSERT_HEAD(&client->closing, self, in_closing);
    if (client->depth == 0) {
        free_closing(client);
    }
}

void client_enter(doran_t *self) {
    self->client->depth += 1;
}

bool client_leave(doran_t *self) {
    client_t *client = self->client;
    bool closed = self->closed;
    client->depth -= 1;
    if (client->depth > 0) {
        return !closed;
    }
    if (client->open > 0) {
        connection_settle(client->exchange.connection, exchange_has_work(&client->exchange));
    }
    if (!SLIST_EMPTY(&client->closing)) {
        free_closing(client);
    }
    return !closed;
}

/* Submitting. */

bool client_split_address(const char *text, address_t *address) {
    const char *slash = strchr(text, '/');
    if (slash == NULL || slash[1] != 0) {
        return address_parse(span_text(text), address) == STATUS_OK;
    }
    *address = (address_t){.kind = span_of(text, (size_t)(slash - text)), .key = span_of(slash + 1, 0)};
    return address_kind_valid(address->kind);
}

/* Is there room for one more container around what is on the tape? */
static bool fits_one_deeper(const tape_t *tape) {
    uint32_t ends[DEPTH_MAX], depth = 0; /* of the containers around token i */
    for (uint32_t i = 0; i < tape->count; i++) {
        while (depth > 0 && i >= ends[depth - 1]) {
            depth -= 1;
        }
        const token_t *token = &tape->tokens[i];
        if (token->type != TOKEN_ARRAY && token->type != TOKEN_MAP) {
            continue;
        }
        if (depth == DEPTH_MAX - 1) {
            return false;
        }
        ends[depth++] = token->next;
    }
    return true;
}

/* The server reads a frame up to the first thing that is no envelope, so a body that it cannot read would spoil the
   other requests of its frame. */
doran_code_t client_check_body(client_t *client, span_t *with_default) {
    static const uint8_t empty_map[] = {0x80};
    tape_t *tape = &client->exchange.tape;
    span_t body = with_default->ptr != NULL ? *with_default : span_of(empty_map, sizeof empty_map);
    *with_default = body;
    if (body.len > ENVELOPE_BYTES_MAX - ENVELOPE_OVERHEAD_BYTES - KIND_BYTES_MAX - KEY_BYTES_MAX - METHOD_BYTES_MAX) {
        return DORAN_TOO_LARGE;
    }
    status_t status = tape_read_whole(tape, body);
    if (status != STATUS_OK) {
        return (doran_code_t)status;
    }
    if (tape->count > ELEMENTS_MAX - ENVELOPE_FIELDS - 1) {
        return DORAN_TOO_LARGE;
    }
    return tape->tokens[0].type == TOKEN_MAP && fits_one_deeper(tape) ? DORAN_OK : DORAN_INVALID;
}

static bool is_printable(span_t text, char first) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < first || text.ptr[i] > '~') {
            return false;
        }
    }
    return true;
}

/* What the request asks of this address, borrowed. */
static doran_code_t read_request(client_t *client, const doran_request_t *request, const address_t *to, ask_t *ask) {
    *ask = (ask_t){.kind = to->kind,
                   .key = to->key,
                   .method = span_text(request->method),
                   .body = span_of(request->body, request->body_bytes)};
    if (ask->method.len == 0 || ask->method.len > METHOD_BYTES_MAX || !is_printable(ask->method, '!')) {
        return DORAN_UNKNOWN_METHOD;
    }
    if (request->idempotency_key != NULL) {
        ask->idempotency_key = span_text(request->idempotency_key);
        if (ask->idempotency_key.len == 0 || ask->idempotency_key.len > IDEMPOTENCY_KEY_BYTES_MAX ||
            !is_printable(ask->idempotency_key, ' ')) {
            return DORAN_INVALID;
        }
    }
    if (request->trace != NULL) {
        ask->trace = span_of(request->trace, TRACE_BYTES);
    }
    return client_check_body(client, &ask->body);
}

static doran_code_t submit(doran_t *self, const doran_request_t *request, const address_t *to, pending_t **pending) {
    client_t *client = self->client;
    ask_t ask;
    doran_code_t code = read_request(client, request, to, &ask);
    if (code != DORAN_OK) {
        return code;
    }
    if (self->handle != NULL && self->handle->state == HANDLE_FAILED) {
        return self->handle->code;
    }
    if (exchange_in_flight(&client->exchange) == client->in_flight_max) {
        return DORAN_BUSY;
    }
    uint32_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : client->timeout_ms;
    *pending = exchange_add(&client->exchange, self->handle, &ask, clock_us() + 1000 * (uint64_t)timeout_ms);
    CHECK(*pending != NULL, "no room for request %lu", client->exchange.next_id);
    return DORAN_OK;
}

/* each NULL: it is no query. */
static doran_code_t send_to(doran_t *self, const doran_request_t *request, const address_t *to, doran_done_fn each,
                            doran_done_fn done, void *context) {
    pending_t *pending = NULL;
    client_enter(self);
    doran_code_t code = submit(self, request, to, &pending);
    if (code == DORAN_OK) {
        pending->each = each;
        pending->done = done;
        pending->context = context;
        if (pending_queued_bytes(self->client->exchange.pending) >= FRAME_COALESCE_BYTES) {
            exchange_flush(&self->client->exchange, clock_us());
        }
    }
    client_leave(self);
    return code;
}

doran_code_t doran_send(doran_t *self, const doran_request_t *request, doran_done_fn done, void *context) {
    address_t to;
    return client_split_address(request->address, &to) ? send_to(self, request, &to, NULL, done, context)
                                                       : DORAN_INVALID_ADDRESS;
}

doran_code_t doran_send_query(doran_t *self, const doran_request_t *request, doran_done_fn each, doran_done_fn done,
                              void *context) {
    address_t to = {.kind = span_text(request->address), .key = span_text("")};
    return address_kind_valid(to.kind) ? send_to(self, request, &to, each, done, context) : DORAN_INVALID_ADDRESS;
}

doran_code_t doran_submit(doran_t *self, const char *address, const char *method, const void *body, size_t body_bytes,
                          uint32_t timeout_ms, doran_done_fn done, void *context) {
    doran_request_t request = {
        .address = address, .method = method, .body = body, .body_bytes = body_bytes, .timeout_ms = timeout_ms};
    return doran_send(self, &request, done, context);
}

/* Working. */

/* exchange_due is never far away: pings. */
static uint64_t wait_us(const doran_t *self, uint64_t now_us, uint64_t until_us) {
    uint64_t due_us = exchange_due(&self->client->exchange);
    uint64_t wake_us = due_us < until_us ? due_us : until_us;
    return wake_us > now_us ? wake_us - now_us : 0;
}

/* Until something completed, until_us, or a signal. */
static int work(doran_t *self, uint64_t until_us) {
    for (;;) {
        uint64_t now_us = clock_us();
        int completed = exchange_step(&self->client->exchange, now_us);
        if (completed > 0 || self->closed || now_us >= until_us) {
            return completed;
        }
        if (!connection_wait(self->client->exchange.connection, wait_us(self, now_us, until_us))) {
            return 0;
        }
    }
}

int client_run(doran_t *self, uint64_t until_us) {
    client_enter(self);
    int completed = work(self, until_us);
    client_leave(self);
    return completed;
}

static bool nothing_can_come(const doran_t *self) {
    const exchange_t *exchange = &self->client->exchange;
    return exchange_in_flight(exchange) == 0 && exchange->subscriptions.count == 0 && exchange->handles.count == 0;
}

int doran_run(doran_t *self, int timeout_ms) {
    if (timeout_ms < 0) {
        return client_run(self, nothing_can_come(self) ? 0 : UINT64_MAX);
    }
    return client_run(self, clock_us() + 1000 * (uint64_t)timeout_ms);
}

uint32_t client_sends(const doran_t *self) {
    return self->client->exchange.completing_sends;
}

void doran_flush(doran_t *self) {
    client_enter(self);
    exchange_flush(&self->client->exchange, clock_us());
    client_leave(self);
}

int doran_fd(doran_t *self) {
    client_enter(self);
    int fd = connection_fd(self->client->exchange.connection);
    client_leave(self);
    return fd;
}

uint32_t doran_in_flight(const doran_t *self) {
    return exchange_in_flight(&self->client->exchange);
}

/* Waiting for one answer. */

typedef struct call {
    doran_t *self;
    doran_reply_t *reply;
    bool done;
} call_t;

/* Copies what the frame or the stack holds into memory that stays until the next call. */
static void keep_reply(doran_t *self, const doran_reply_t *from, doran_reply_t *reply) {
    size_t text_bytes = strlen(from->text) + 1;
    if (self->answer_bytes < from->body_bytes + text_bytes) {
        free(self->answer);
        self->answer_bytes = from->body_bytes + text_bytes;
        self->answer = malloc(self->answer_bytes);
        CHECK(self->answer != NULL, "no memory for %zu bytes", self->answer_bytes);
    }
    memcpy(self->answer, from->body, from->body_bytes);
    memcpy(self->answer + from->body_bytes, from->text, text_bytes);
    *reply = *from;
    reply->body = self->answer;
    reply->text = (const char *)self->answer + from->body_bytes;
}

/* An answer of our own. */
static void answer_here(doran_t *self, doran_code_t code, doran_reply_t *reply) {
    uint8_t body[ERROR_BYTES_MAX];
    pack_t pack = pack_into(body, sizeof body);
    envelope_pack_error(&pack, (status_t)code, NULL, 0);
    CHECK(pack_ok(&pack), "an error over %zu bytes", sizeof body);
    doran_reply_t own = {.code = code, .text = status_text((status_t)code), .body = pack.ptr, .body_bytes = pack.len};
    keep_reply(self, &own, reply);
}

static void call_done(void *context, const doran_reply_t *reply) {
    call_t *call = context;
    keep_reply(call->self, reply, call->reply);
    call->done = true;
}

doran_code_t doran_ask(doran_t *self, const doran_request_t *request, doran_reply_t *reply) {
    call_t call = {.self = self, .reply = reply};
    client_enter(self);
    doran_code_t code = doran_send(self, request, call_done, &call);
    if (code != DORAN_OK) {
        answer_here(self, code, reply);
    }
    while (code == DORAN_OK && !call.done && !self->closed) {
        (void)work(self, UINT64_MAX); /* its deadline ends it */
    }
    if (code == DORAN_OK) {
        code = call.done ? reply->code : DORAN_DEADLINE_EXCEEDED;
    }
    if (!client_leave(self)) {
        *reply = (doran_reply_t){
            .code = code, .text = "The client was closed meanwhile", .body = (const uint8_t *)"\x80", .body_bytes = 1};
    }
    return code;
}

doran_code_t doran_call(doran_t *self, const char *address, const char *method, const void *body, size_t body_bytes,
                        uint32_t timeout_ms, doran_reply_t *reply) {
    doran_request_t request = {
        .address = address, .method = method, .body = body, .body_bytes = body_bytes, .timeout_ms = timeout_ms};
    return doran_ask(self, &request, reply);
}

typedef struct query {
    doran_done_fn each;
    void *context;
    doran_code_t code;
    bool done;
} query_t;

static void query_each(void *context, const doran_reply_t *reply) {
    const query_t *query = context;
    query->each(query->context, reply);
}

static void query_done(void *context, const doran_reply_t *reply) {
    query_t *query = context;
    query->code = reply->code;
    query->done = true;
    if (reply->code != DORAN_OK) {
        query->each(query->context, reply);
    }
}

doran_code_t doran_query(doran_t *self, const char *kind, const char *method, const void *body, size_t body_bytes,
                         uint32_t timeout_ms, doran_done_fn each, void *context) {
    doran_request_t request = {
        .address = kind, .method = method, .body = body, .body_bytes = body_bytes, .timeout_ms = timeout_ms};
    query_t query = {.each = each, .context = context, .code = DORAN_DEADLINE_EXCEEDED};
    client_enter(self);
    doran_code_t code = doran_send_query(self, &request, query_each, query_done, &query);
    while (code == DORAN_OK && !query.done && !self->closed) {
        (void)work(self, UINT64_MAX);
    }
    client_leave(self);
    return code == DORAN_OK ? query.code : code;
}

/* About the connection. */

/* Until the pong of a ping sent now; 0 if none came. A ping goes out only where a pong came before, since the first of
   a socket takes as long as connecting. */
static uint64_t ping(doran_t *self, uint64_t until_us) {
    exchange_t *exchange = &self->client->exchange;
    uint64_t id = 0, sent_us = 0;
    for (uint64_t now_us = clock_us(); now_us < until_us && !self->closed; now_us = clock_us()) {
        bool ready = exchange->ready;
        if (!ready) {
            id = 0;
        } else if (id == 0) {
            sent_us = now_us;
            id = exchange_ping(exchange, now_us);
        }
        (void)exchange_step(exchange, now_us);
        if (id != 0 && exchange->pong_id >= id) {
            return exchange->pong_us > sent_us ? exchange->pong_us - sent_us : 1;
        }
        if (ready || !exchange->ready) {
            (void)connection_wait(exchange->connection, wait_us(self, now_us, until_us));
        }
    }
    return 0;
}

int64_t doran_ping(doran_t *self, uint32_t timeout_ms, char *version, size_t version_bytes) {
    client_enter(self);
    uint64_t rtt_us = ping(self, clock_us() + 1000 * (uint64_t)timeout_ms);
    if (rtt_us > 0 && version != NULL) {
        snprintf(version, version_bytes, "%s", self->client->exchange.version);
    }
    client_leave(self);
    return rtt_us > 0 ? (int64_t)rtt_us : -1;
}

const char *doran_endpoint(const doran_t *self) {
    return connection_endpoint(self->client->exchange.connection);
}

int doran_session(const doran_t *self, uint8_t session[16], uint64_t *next_id) {
    if (!self->client->exchange.session_proven) {
        return 0;
    }
    memcpy(session, self->client->exchange.session, SESSION_BYTES);
    *next_id = self->client->exchange.next_id;
    return 1;
}
