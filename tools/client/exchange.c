/* SPDX-License-Identifier: MIT */
/*
 * A request travels under one id until it is answered, so the server can tell a copy from a new request; this file may
 * therefore send too often but never too rarely, and never under another id. When it cannot know what became of a
 * request, it says so: DORAN_DEADLINE_EXCEEDED. Where every copy was refused or none was sent, it says that instead.
 *
 * A session that the server no longer knows takes the memory of its answers along. What was sent in it is not sent
 * again in the next one, since it might run twice.
 */
#include "tools/client/exchange.h"

#include <sodium.h>

#include "tools/client/clock.h"

enum {
    MS = 1000,
    RESEND_US = 2000 * MS,        /* without an answer, doubled each time ... */
    RESEND_DOUBLINGS_MAX = 5,     /* ... so often */
    RETRY_US = 20 * MS,           /* after a refusal without a time, doubled each time ... */
    RETRY_US_MAX = 2000 * MS,     /* ... up to this */
    RETRY_AFTER_MS_MAX = 3600000, /* a server's wish is followed up to this */
    PROBE_US = 500 * MS,          /* of silence, then a ping */
    LOOK_US = 200 * MS,           /* between looks whether the server has moved */
    ATTEMPT_US = 2000 * MS,       /* for the first pong on a socket, doubled each time ... */
    ATTEMPT_US_MAX = 10000 * MS,  /* ... up to this */
    HEARTBEAT_US = 1000 * MS,     /* if the server names none */
    HEARTBEAT_MS_MIN = 10,
    HEARTBEAT_MS_MAX = 60000,
    SILENT_HEARTBEATS = 3,
    SILENCE_US_MIN = 300 * MS,
    FRAMES_PER_STEP = 256,
    ROUNDS_PER_STEP = 4,
    ERROR_BYTES_MAX = 512,
    TEXT_BYTES_MAX = 512,
};

#define ERROR(NAME, code, http, retryable, text)                                                                       \
    static_assert((int)DORAN_##NAME == (int)STATUS_##NAME, "doran.h and errors.def name " #NAME " differently");
#include "schemas/errors.def"

/* ± a quarter, so that the clients of a server do not all come back at once. */
static uint64_t jittered(uint64_t us) {
    return us - us / 4 + randombytes_uniform((uint32_t)(us / 2) + 1);
}

static uint64_t doubled(uint64_t us, uint32_t times, uint64_t max) {
    for (uint32_t i = 0; i < times && us < max; i++) {
        us *= 2;
    }
    return us < max ? us : max;
}

/* Out. */

static void sent_something(exchange_t *self, uint64_t now_us) {
    if (self->unanswered_us == 0) {
        self->unanswered_us = now_us;
    }
}

/* False: it has to wait. */
static bool push_frame(exchange_t *self, uint64_t now_us) {
    if (self->frame_bytes == 0) {
        return true;
    }
    self->blocked = !connection_send(self->connection, self->frame, self->frame_bytes);
    if (!self->blocked) {
        self->frame_bytes = 0;
        sent_something(self, now_us);
    }
    return !self->blocked;
}

static uint32_t time_left_ms(const pending_t *pending, uint64_t now_us) {
    return now_us + MS < pending->deadline_us ? (uint32_t)((pending->deadline_us - now_us) / MS) : 1;
}

static span_t encode(const exchange_t *self, const pending_t *pending, uint64_t now_us, void *to, size_t capacity) {
    envelope_t envelope = {.type = ENVELOPE_REQUEST,
                           .id = pending->id,
                           .lowest_unanswered = pending_first(self->pending)->id,
                           .session = span_of(self->session, SESSION_BYTES),
                           .kind = pending->kind,
                           .key = pending->key,
                           .method = pending->method,
                           .timeout_ms = time_left_ms(pending, now_us),
                           .body = pending->body};
    pack_t pack = pack_into(to, capacity);
    envelope_encode(&envelope, &pack);
    return pack_ok(&pack) ? pack_bytes(&pack) : (span_t){0};
}

/* One that is larger than a shared frame travels alone. */
static bool send_large(exchange_t *self, const pending_t *pending, uint64_t now_us) {
    size_t capacity = ENVELOPE_OVERHEAD_BYTES + pending->kind.len + pending->key.len + pending->method.len +
                      SESSION_BYTES + pending->body.len;
    uint8_t *bytes = malloc(capacity);
    CHECK(bytes != NULL, "no memory for %zu bytes", capacity);
    span_t envelope = encode(self, pending, now_us, bytes, capacity);
    CHECK(envelope.ptr != NULL, "an envelope over %zu bytes", capacity);
    self->blocked = !connection_send(self->connection, envelope.ptr, envelope.len);
    free(bytes);
    if (!self->blocked) {
        sent_something(self, now_us);
    }
    return !self->blocked;
}

static bool send_one(exchange_t *self, const pending_t *pending, uint64_t now_us) {
    if (self->one_per_frame && !push_frame(self, now_us)) {
        return false;
    }
    span_t envelope =
        encode(self, pending, now_us, self->frame + self->frame_bytes, FRAME_COALESCE_BYTES - self->frame_bytes);
    if (envelope.ptr == NULL && self->frame_bytes > 0) {
        if (!push_frame(self, now_us)) {
            return false;
        }
        envelope = encode(self, pending, now_us, self->frame, FRAME_COALESCE_BYTES);
    }
    self->frame_bytes += envelope.len;
    return envelope.ptr != NULL || send_large(self, pending, now_us);
}

void exchange_flush(exchange_t *self, uint64_t now_us) {
    pending_t *pending;
    while (self->ready && (pending = pending_queued(self->pending)) != NULL) {
        if (!send_one(self, pending, now_us)) {
            return;
        }
        uint64_t patience_us = doubled(RESEND_US, pending->sends, (uint64_t)RESEND_US << RESEND_DOUBLINGS_MAX);
        pending->sends += 1;
        pending->copies += 1;
        pending_move(self->pending, pending, PENDING_SENT, now_us + patience_us);
    }
    (void)push_frame(self, now_us);
}

uint64_t exchange_ping(exchange_t *self, uint64_t now_us) {
    envelope_t ping = {.type = ENVELOPE_PING, .id = self->pings + 1};
    if (self->has_session) {
        ping.session = span_of(self->session, SESSION_BYTES);
    }
    uint8_t bytes[ENVELOPE_OVERHEAD_BYTES + SESSION_BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    envelope_encode(&ping, &pack);
    CHECK(pack_ok(&pack), "a ping over %zu bytes", sizeof bytes);
    self->ping_us = now_us; /* also if it could not be sent: not to be tried in a loop */
    if (!connection_send(self->connection, pack.ptr, pack.len)) {
        return 0;
    }
    sent_something(self, now_us);
    return ++self->pings;
}

/* The connection. */

/* What is certain about a request that is given up: nothing if a copy may have run. */
static doran_code_t outcome(const pending_t *pending) {
    if (pending->copies > 0) {
        return DORAN_DEADLINE_EXCEEDED;
    }
    return pending->refusals > 0 ? pending->code : DORAN_UNREACHABLE;
}

static void forget_lost(exchange_t *self) {
    pending_t *next;
    for (pending_t *pending = pending_first(self->pending); pending != NULL; pending = next) {
        next = pending_next(pending);
        if (pending->state == PENDING_ORPHAN) {
            pending_finish(self->pending, pending, DORAN_DEADLINE_EXCEEDED);
        }
    }
}

static void reopen(exchange_t *self, uint64_t now_us) {
    self->ready = false;
    self->blocked = false;
    self->frame_bytes = 0;
    self->unanswered_us = 0;
    (void)connection_open(self->connection); /* without a socket, the attempt passes in vain */
    self->attempt_us = now_us + jittered(doubled(ATTEMPT_US, self->attempts, ATTEMPT_US_MAX));
    self->look_us = now_us + LOOK_US;
    self->attempts += 1;
    forget_lost(self);
    (void)exchange_ping(self, now_us);
}

static uint64_t silence_us(const exchange_t *self) {
    uint64_t us = SILENT_HEARTBEATS * self->heartbeat_us;
    return us > SILENCE_US_MIN ? us : SILENCE_US_MIN;
}

/* When a ping is due on a socket that works. */
static uint64_t ping_due(const exchange_t *self) {
    uint64_t regular = self->ping_us + self->heartbeat_us;
    if (self->unanswered_us == 0) {
        return regular;
    }
    uint64_t since = self->unanswered_us > self->ping_us ? self->unanswered_us : self->ping_us;
    return since + PROBE_US < regular ? since + PROBE_US : regular;
}

static bool gone(exchange_t *self, uint64_t now_us) {
    bool doubtful = !self->ready || self->unanswered_us > 0;
    if (doubtful && now_us >= self->look_us) {
        self->look_us = now_us + LOOK_US;
        if (connection_moved(self->connection)) {
            return true;
        }
    }
    return self->ready ? self->unanswered_us > 0 && now_us >= self->unanswered_us + silence_us(self)
                       : now_us >= self->attempt_us;
}

static void keep_alive(exchange_t *self, uint64_t now_us) {
    if (gone(self, now_us)) {
        reopen(self, now_us);
    } else if (self->ready && now_us >= ping_due(self)) {
        (void)exchange_ping(self, now_us);
    }
}

static uint64_t keep_alive_due(const exchange_t *self) {
    uint64_t due = self->ready ? ping_due(self) : self->attempt_us;
    if (self->ready && self->unanswered_us > 0 && self->unanswered_us + silence_us(self) < due) {
        due = self->unanswered_us + silence_us(self);
    }
    bool doubtful = !self->ready || self->unanswered_us > 0;
    return doubtful && self->look_us < due ? self->look_us : due;
}

/* Completion. */

static void complete(exchange_t *self, pending_t *pending, const doran_reply_t *reply) {
    doran_done_fn done = pending->done;
    void *context = pending->context;
    self->completing_sends = pending->sends;
    pending_release(self->pending, pending);
    done(context, reply);
}

/* What the answer to a request was that got none, and whether it may have happened. */
static const char *text_of(doran_code_t code, bool unsent) {
    if (code == DORAN_UNREACHABLE && unsent) {
        return "No server answered in time; the request was not sent";
    }
    return status_text((status_t)code);
}

static void complete_finished(exchange_t *self, pending_t *pending) {
    uint8_t body[ERROR_BYTES_MAX];
    pack_t pack = pack_into(body, sizeof body);
    const char *text = text_of(pending->code, pending->sends == 0);
    envelope_pack_error(&pack, (status_t)pending->code, text, 0);
    CHECK(pack_ok(&pack), "an error over %zu bytes", sizeof body);
    doran_reply_t reply = {
        .code = pending->code, .text = text, .body = pack.ptr, .body_bytes = pack.len, .id = pending->id};
    complete(self, pending, &reply);
}

static int complete_all_finished(exchange_t *self) {
    int completed = 0;
    pending_t *pending;
    while (!self->stopped && (pending = pending_finished(self->pending)) != NULL) {
        complete_finished(self, pending);
        completed += 1;
    }
    return completed;
}

static void run_timers(exchange_t *self, uint64_t now_us) {
    pending_t *pending;
    while ((pending = pending_due(self->pending)) != NULL && pending->due_us <= now_us) {
        if (now_us >= pending->deadline_us) {
            pending_finish(self->pending, pending, outcome(pending));
        } else {
            pending_move(self->pending, pending, PENDING_QUEUED, pending->deadline_us);
        }
    }
}

/* Pongs. */

/* Our session is over. What was never sent, or always refused, goes on in the next one. Of the rest, answers may still
   come if the server has lived through it; otherwise nothing is known of them. */
static void change_session(exchange_t *self, bool answers_lost) {
    pending_t *next;
    for (pending_t *pending = pending_first(self->pending); pending != NULL; pending = next) {
        next = pending_next(pending);
        if (pending->copies == 0) {
            if (pending->state == PENDING_HELD) {
                pending_move(self->pending, pending, PENDING_QUEUED, pending->deadline_us);
            }
        } else if (answers_lost || pending->state == PENDING_HELD) {
            pending_finish(self->pending, pending, DORAN_DEADLINE_EXCEEDED);
        } else {
            pending_move(self->pending, pending, PENDING_ORPHAN, pending->deadline_us);
        }
    }
}

/* Our session stands, so `unauthenticated` was about something else. */
static void finish_held(exchange_t *self) {
    pending_t *next;
    for (pending_t *pending = pending_first(self->pending); pending != NULL; pending = next) {
        next = pending_next(pending);
        if (pending->state == PENDING_HELD) {
            pending_finish(self->pending, pending, outcome(pending));
        }
    }
}

static uint64_t member_u64(const tape_t *tape, const char *name, uint64_t otherwise) {
    uint32_t token = tape_find(tape, envelope_body_token(tape), name);
    return token > 0 && tape->tokens[token].type == TOKEN_U64 ? tape->tokens[token].u64 : otherwise;
}

/* As a C string, cut to capacity. */
static void member_text(const tape_t *tape, const char *name, char *text, size_t capacity) {
    uint32_t token = tape_find(tape, envelope_body_token(tape), name);
    span_t found = token > 0 && tape->tokens[token].type == TOKEN_TEXT ? token_span(&tape->tokens[token]) : (span_t){0};
    size_t len = found.len < capacity ? found.len : capacity - 1;
    if (len > 0) {
        memcpy(text, found.ptr, len);
    }
    text[len] = 0;
}

static void take_settings(exchange_t *self) {
    uint64_t heartbeat_ms = member_u64(&self->tape, "heartbeat_ms", HEARTBEAT_US / MS);
    heartbeat_ms = heartbeat_ms < HEARTBEAT_MS_MIN ? HEARTBEAT_MS_MIN : heartbeat_ms;
    self->heartbeat_us = (heartbeat_ms > HEARTBEAT_MS_MAX ? HEARTBEAT_MS_MAX : heartbeat_ms) * MS;
    member_text(&self->tape, "version", self->version, sizeof self->version);
}

static span_t member_session(const tape_t *tape) {
    uint32_t token = tape_find(tape, envelope_body_token(tape), "session");
    bool found = token > 0 && tape->tokens[token].type == TOKEN_BINARY && tape->tokens[token].len == SESSION_BYTES;
    return found ? token_span(&tape->tokens[token]) : (span_t){0};
}

static void take_pong(exchange_t *self, const envelope_t *pong) {
    span_t session = member_session(&self->tape);
    if (session.ptr == NULL) {
        return;
    }
    uint64_t number = member_u64(&self->tape, "number", 0);
    bool forgotten = !self->ready || number != self->number;
    bool same_session = self->has_session && memcmp(self->session, session.ptr, SESSION_BYTES) == 0;
    if (!same_session) {
        if (self->has_session) {
            change_session(self, forgotten);
        }
        memcpy(self->session, session.ptr, SESSION_BYTES);
    } else {
        finish_held(self);
    }
    if (forgotten) {
        forget_lost(self);
        pending_queue_all(self->pending);
    }
    self->has_session = self->session_proven = self->ready = true;
    self->number = number;
    self->attempts = 0;
    self->pong_id = pong->id;
    self->pong_us = clock_us();
    take_settings(self);
}

/* Answers. */

static bool may_retry(const exchange_t *self, const pending_t *pending, doran_code_t code) {
    switch (code) {
    case DORAN_BUSY:
        return !self->busy_fails || pending->copies > 1; /* another copy may have run: it is not over */
    case DORAN_DRAINING:
    case DORAN_STORAGE_FULL:
    case DORAN_UNREACHABLE:
        return true;
    default:
        return false;
    }
}

/* Refused for now: true if the request goes on living. */
static bool refuse(exchange_t *self, pending_t *pending, const doran_reply_t *reply, uint64_t now_us) {
    bool session_doubtful = reply->code == DORAN_UNAUTHENTICATED;
    if (!session_doubtful && !may_retry(self, pending, reply->code)) {
        return false;
    }
    if (pending->state != PENDING_SENT && pending->state != PENDING_ORPHAN) {
        return true; /* a second refusal of one copy */
    }
    uint64_t wished_ms = reply->retry_after_ms < RETRY_AFTER_MS_MAX ? reply->retry_after_ms : RETRY_AFTER_MS_MAX;
    uint64_t first_us = wished_ms > 0 ? wished_ms * MS : RETRY_US;
    uint64_t max_us = first_us > RETRY_US_MAX ? first_us : RETRY_US_MAX;
    uint64_t delay_us = jittered(doubled(first_us, pending->refusals, max_us));
    pending->code = reply->code;
    pending->copies -= 1;
    pending->refusals += 1;
    if (session_doubtful && pending->state == PENDING_SENT) {
        pending_move(self->pending, pending, PENDING_HELD, pending->deadline_us);
        (void)exchange_ping(self, now_us);
    } else if (pending->state == PENDING_SENT) {
        pending_move(self->pending, pending, PENDING_RETRYING, now_us + delay_us);
    } else if (pending->copies == 0) { /* an orphan that certainly did not run finds a home in the new session */
        pending_move(self->pending, pending, PENDING_RETRYING, now_us + (session_doubtful ? 0 : delay_us));
    }
    return true;
}

/* One shard's answer to a query: 0 if it is not to be delivered, 1 if it is, 2 if it is the last. */
static int collect(exchange_t *self, pending_t *pending) {
    uint64_t shards = member_u64(&self->tape, "shards", 1), shard = member_u64(&self->tape, "shard", 0);
    if (shards < 1 || shards > SHARDS_MAX || shard >= shards || (pending->shards != 0 && pending->shards != shards)) {
        pending_finish(self->pending, pending,
                       DORAN_UNREACHABLE); /* another server than the one that began to answer */
        return 0;
    }
    uint32_t bit = 1u << shard;
    if ((pending->mask & bit) != 0) {
        return 0;
    }
    pending->shards = (uint32_t)shards;
    pending->mask |= bit;
    return pending->mask == (1u << shards) - 1 ? 2 : 1;
}

/* Returns how many requests completed: 0 or 1. */
static int take_answer(exchange_t *self, const envelope_t *answer, uint64_t now_us) {
    pending_t *pending = pending_find(self->pending, answer->id);
    if (pending == NULL || pending->sends == 0) {
        return 0; /* answered already, given up, or never asked */
    }
    char text[TEXT_BYTES_MAX] = "";
    doran_reply_t reply = {.text = text, .body = answer->body.ptr, .body_bytes = answer->body.len, .id = answer->id};
    if (answer->type == ENVELOPE_ERROR) {
        status_t status = STATUS_INTERNAL; /* also for a code that only a newer release knows */
        char code[METHOD_BYTES_MAX];
        member_text(&self->tape, "code", code, sizeof code);
        member_text(&self->tape, "text", text, sizeof text);
        if (!status_parse(span_text(code), &status) || status == STATUS_OK) {
            status = STATUS_INTERNAL;
        }
        reply.code = (doran_code_t)status;
        uint64_t retry_after_ms = member_u64(&self->tape, "retry_after_ms", 0);
        reply.retry_after_ms = retry_after_ms < UINT32_MAX ? (uint32_t)retry_after_ms : UINT32_MAX;
        if (refuse(self, pending, &reply, now_us)) {
            return 0;
        }
    } else if (pending->query) {
        switch (collect(self, pending)) {
        case 0:
            return 0;
        case 1:
            pending->done(pending->context, &reply); /* `pending` may be gone afterwards */
            return 0;
        }
    }
    complete(self, pending, &reply);
    return 1;
}

static int take_envelope(exchange_t *self, const envelope_t *envelope, uint64_t now_us) {
    switch (envelope->type) {
    case ENVELOPE_REPLY:
    case ENVELOPE_ERROR:
        return take_answer(self, envelope, now_us);
    case ENVELOPE_PONG:
        take_pong(self, envelope);
        return 0;
    default: /* events are nothing we asked for; the rest is not for clients */
        return 0;
    }
}

/* Bytes that are no envelope end the frame: nothing after them can be trusted. */
static int take_frame(exchange_t *self, span_t frame, uint64_t now_us) {
    int completed = 0;
    envelope_t envelope;
    size_t consumed = 0;
    while (!self->stopped && frame.len > 0 && envelope_decode(&envelope, &self->tape, frame, &consumed) == STATUS_OK) {
        completed += take_envelope(self, &envelope, now_us);
        frame = span_of(frame.ptr + consumed, frame.len - consumed);
    }
    return completed;
}

/* True if no frame waits. */
static bool receive(exchange_t *self, uint64_t now_us, int *completed) {
    for (int i = 0; i < FRAMES_PER_STEP && !self->stopped; i++) {
        zmq_msg_t frame; /* of this call alone: a completion may call us again */
        zmq_msg_init(&frame);
        bool received = connection_receive(self->connection, &frame);
        if (received) {
            self->unanswered_us = 0;
            *completed += take_frame(self, span_of(zmq_msg_data(&frame), zmq_msg_size(&frame)), now_us);
        }
        zmq_msg_close(&frame);
        if (!received) {
            return true;
        }
    }
    return false;
}

int exchange_step(exchange_t *self, uint64_t now_us) {
    int completed = 0;
    run_timers(self, now_us);
    for (int round = 0; round < ROUNDS_PER_STEP && completed == 0 && !self->stopped; round++) {
        exchange_flush(self, now_us);
        bool drained = receive(self, now_us, &completed);
        if (round == 0 && drained && !self->stopped) {
            keep_alive(self, now_us); /* after receiving: what waited is heard before silence is judged */
        }
        completed += complete_all_finished(self);
        if (drained && (pending_queued(self->pending) == NULL || self->blocked || !self->ready)) {
            break;
        }
    }
    if (completed > 0 && !self->stopped) {
        exchange_flush(self, now_us);
    }
    return completed;
}

uint64_t exchange_due(const exchange_t *self) {
    uint64_t due = keep_alive_due(self);
    const pending_t *pending = pending_due(self->pending);
    return pending != NULL && pending->due_us < due ? pending->due_us : due;
}

void exchange_init(exchange_t *self, connection_t *connection, pending_table_t *pending, const uint8_t *session) {
    *self = (exchange_t){.connection = connection, .pending = pending, .heartbeat_us = HEARTBEAT_US};
    self->frame = malloc(FRAME_COALESCE_BYTES);
    self->tape = (tape_t){.tokens = malloc(ELEMENTS_MAX * sizeof(token_t)), .capacity = ELEMENTS_MAX};
    CHECK(self->frame != NULL && self->tape.tokens != NULL, "no memory");
    if (session != NULL) {
        memcpy(self->session, session, SESSION_BYTES);
        self->has_session = true;
    }
    reopen(self, clock_us());
}

void exchange_fini(exchange_t *self) {
    connection_destroy(&self->connection);
    pending_table_destroy(&self->pending);
    free(self->frame);
    free(self->tape.tokens);
}
