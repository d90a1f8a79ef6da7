/* SPDX-License-Identifier: MIT */
#include "tests/crash/trial.h"

#include <stdarg.h>

#include "tests/crash/server.h"
#include "tools/client/client.h"

enum {
    REQUESTS_MAX = 1024,  /* in flight */
    TIMEOUT_MS = 3600000, /* longer than anything here lasts: nothing should be given up */
    CALL_TIMEOUT_MS = 20000,
    REQUEST_BYTES = 8192,
    TOKENS = 16384,
    LINE_BYTES = 512,
};

typedef struct request {
    trial_t *trial;
    trial_done_fn done;
    void *context;
    const char *method; /* NULL: not in flight */
    uint32_t what, next_free;
} request_t;

struct trial {
    trial_options_t options;
    doran_t *connections[TRIAL_CONNECTIONS];
    request_t requests[REQUESTS_MAX];
    uint32_t first_free; /* REQUESTS_MAX: none */
    uint32_t in_flight, kills;
    uint64_t answered, acknowledged, failures, losses;
    tape_t tape;
    token_t tokens[TOKENS];
};

trial_t *trial_open(const trial_options_t *options, char *error, size_t error_bytes) {
    static const client_transport_t transports[TRIAL_CONNECTIONS] = {TRANSPORT_TCP, TRANSPORT_IPC, TRANSPORT_TCP};
    trial_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->tape = (tape_t){.tokens = self->tokens, .capacity = TOKENS};
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        self->requests[i] = (request_t){.trial = self, .next_free = i + 1};
    }
    for (size_t i = 0; i < TRIAL_CONNECTIONS; i++) {
        doran_options_t how = {.data = options->data, .timeout_ms = TIMEOUT_MS, .in_flight_max = REQUESTS_MAX};
        client_tuning_t tuning = {.transport = transports[i]};
        self->connections[i] = client_open(&how, &tuning, error, error_bytes);
        if (self->connections[i] == NULL) {
            trial_close(&self);
            return NULL;
        }
    }
    return self;
}

void trial_close(trial_t **self_p) {
    trial_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < TRIAL_CONNECTIONS; i++) {
        doran_close(&self->connections[i]);
    }
    free(self);
    *self_p = NULL;
}

/* What is wrong */

static void say(trial_t *self, const char *word, const char *who, const char *format, va_list arguments) {
    char line[LINE_BYTES];
    int len = snprintf(line, sizeof line, "%s: %s, after kill %u: ", word, who, self->kills);
    vsnprintf(line + len, sizeof line - (size_t)len, format, arguments);
    self->failures++;
    self->options.report(self->options.context, line);
}

void trial_fail(trial_t *self, const char *who, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(self, "wrong", who, format, arguments);
    va_end(arguments);
}

void trial_lost(trial_t *self, const char *who, const char *format, ...) {
    va_list arguments;
    self->losses++;
    va_start(arguments, format);
    say(self, "lost", who, format, arguments);
    va_end(arguments);
}

void trial_unexpected(trial_t *self, const char *who, const char *what, const doran_reply_t *reply) {
    trial_fail(self, who, "%s was answered %s: %s", what, doran_code_name(reply->code), reply->text);
}

/* Requests */

static void answered(void *context, const doran_reply_t *reply) {
    request_t *request = context;
    trial_t *self = request->trial;
    self->in_flight--;
    self->answered++;
    self->acknowledged += reply->code == DORAN_OK;
    request_t copy = *request;
    request->method = NULL;
    request->next_free = self->first_free;
    self->first_free = (uint32_t)(request - self->requests);
    copy.done(copy.context, copy.what, reply);
}

bool trial_submit_as(trial_t *self, doran_t *user, const char *address, const char *method, const record_t *record,
                     const void *request, trial_done_fn done, void *context, uint32_t what) {
    uint8_t body[REQUEST_BYTES];
    pack_t pack = pack_into(body, sizeof body);
    if (self->first_free == REQUESTS_MAX) {
        return false;
    }
    record_encode(record, request, &pack);
    CHECK(pack_ok(&pack), "a request of more than %d bytes", REQUEST_BYTES);
    request_t *slot = &self->requests[self->first_free];
    doran_code_t code = doran_submit(user, address, method, pack.ptr, pack.len, 0, answered, slot);
    if (code != DORAN_OK) {
        CHECK(code == DORAN_BUSY, "%s %s: %s", address, method, doran_code_name(code));
        return false;
    }
    self->first_free = slot->next_free;
    slot->method = method;
    slot->done = done;
    slot->context = context;
    slot->what = what;
    self->in_flight++;
    return true;
}

bool trial_submit(trial_t *self, size_t connection, const char *address, const char *method, const record_t *record,
                  const void *request, trial_done_fn done, void *context, uint32_t what) {
    return trial_submit_as(self, trial_connection(self, connection), address, method, record, request, done, context,
                           what);
}

doran_code_t trial_call(trial_t *self, const char *address, const char *method, const record_t *record,
                        const void *request, const record_t *reply_record, void *reply) {
    uint8_t body[REQUEST_BYTES];
    pack_t pack = pack_into(body, sizeof body);
    doran_reply_t answer;
    record_encode(record, request, &pack);
    CHECK(pack_ok(&pack), "a request of more than %d bytes", REQUEST_BYTES);
    doran_code_t code = doran_call(self->connections[0], address, method, pack.ptr, pack.len, CALL_TIMEOUT_MS, &answer);
    if (code == DORAN_OK && !trial_read(self, answer.body, answer.body_bytes, reply_record, reply)) {
        code = DORAN_INTERNAL;
    }
    return code;
}

bool trial_query(trial_t *self, const char *kind, const char *method, const record_t *record, const void *request,
                 doran_done_fn each, void *context) {
    uint8_t body[REQUEST_BYTES];
    pack_t pack = pack_into(body, sizeof body);
    record_encode(record, request, &pack);
    CHECK(pack_ok(&pack), "a request of more than %d bytes", REQUEST_BYTES);
    doran_code_t code =
        doran_query(self->connections[0], kind, method, pack.ptr, pack.len, CALL_TIMEOUT_MS, each, context);
    if (code != DORAN_OK) {
        trial_fail(self, kind, "the query %s was answered %s", method, doran_code_name(code));
    }
    return code == DORAN_OK;
}

bool trial_read(trial_t *self, const uint8_t *body, size_t body_bytes, const record_t *record, void *out) {
    bool good = tape_read_whole(&self->tape, span_of(body, body_bytes)) == STATUS_OK &&
                record_decode(record, &self->tape, 0, FROM_STORE, out, NULL) == STATUS_OK;
    if (!good) {
        trial_fail(self, record->name, "what came is no such record");
    }
    return good;
}

/* The rest */

size_t trial_below(trial_t *self, size_t limit) {
    return random_below(self->options.random, limit);
}

uint64_t trial_wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

doran_t *trial_connection(trial_t *self, size_t connection) {
    CHECK(connection < TRIAL_CONNECTIONS, "%zu", connection);
    return self->connections[connection];
}

void trial_step(trial_t *self) {
    for (size_t i = 0; i < TRIAL_CONNECTIONS; i++) {
        while (doran_run(self->connections[i], 0) > 0) {
        }
    }
}

void trial_run(trial_t *self, uint32_t ms) {
    uint64_t end_us = server_now_us() + ms * UINT64_C(1000);
    do {
        trial_step(self);
        (void)doran_run(self->connections[0], 1);
    } while (server_now_us() < end_us);
}

uint32_t trial_in_flight(const trial_t *self) {
    return self->in_flight;
}

void trial_tell_waiting(const trial_t *self, char *text, size_t bytes) {
    size_t len = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        const char *method = self->requests[i].method;
        if (method != NULL && strstr(text, method) == NULL && len < bytes) {
            len += (size_t)snprintf(text + len, bytes - len, "%s%s", len > 0 ? ", " : "", method);
        }
    }
    for (size_t i = 0; i < TRIAL_CONNECTIONS && len < bytes; i++) {
        len += (size_t)snprintf(text + len, bytes - len, "%s%u", i == 0 ? "; by connection " : ", ",
                                doran_in_flight(self->connections[i]));
    }
}

uint64_t trial_acknowledged(const trial_t *self) {
    return self->acknowledged;
}

uint64_t trial_answered(const trial_t *self) {
    return self->answered;
}

uint64_t trial_failures(const trial_t *self) {
    return self->failures;
}

uint64_t trial_losses(const trial_t *self) {
    return self->losses;
}

void trial_killed(trial_t *self) {
    self->kills++;
}
