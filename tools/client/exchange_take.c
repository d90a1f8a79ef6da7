/* SPDX-License-Identifier: MIT */
/*
 * In: pongs, which say whose session it is and whether the server still knows us, answers, and events.
 *
 * A session that the server no longer knows takes the memory of its answers along. What was sent in it is not sent
 * again in the next one, since it might run twice.
 */
#include "tools/client/exchange_inside.h"

#include "tools/client/clock.h"

enum {
    RETRY_US = 20 * MS,           /* after a refusal without a time, doubled each time ... */
    RETRY_US_MAX = 2000 * MS,     /* ... up to this */
    RETRY_AFTER_MS_MAX = 3600000, /* a server's wish is followed up to this */
    HEARTBEAT_MS_MIN = 10,
    HEARTBEAT_MS_MAX = 60000,
    ERROR_BYTES_MAX = 512,
    TEXT_BYTES_MAX = 512,
};

#define ERROR(NAME, code, http, retryable, text)                                                                       \
    static_assert((int)DORAN_##NAME == (int)STATUS_##NAME, "doran.h and errors.def name " #NAME " differently");
#include "schemas/errors.def"

/* Completion. */

static void complete(exchange_t *self, pending_t *pending, const doran_reply_t *reply) {
    doran_done_fn done = pending->done;
    void *context = pending->context;
    self->completing_sends = pending->sends;
    self->ran += !pending->own;
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
    const handle_t *handle = pending->handle;
    bool for_handle = handle != NULL && handle->state == HANDLE_FAILED && handle->code == pending->code;
    char text[HANDLE_TEXT_BYTES_MAX + 1];
    snprintf(text, sizeof text, "%s", for_handle ? handle->text : text_of(pending->code, pending->sends == 0));
    envelope_pack_error(&pack, (status_t)pending->code, text, 0);
    CHECK(pack_ok(&pack), "an error over %zu bytes", sizeof body);
    doran_reply_t reply = {
        .code = pending->code, .text = text, .body = pack.ptr, .body_bytes = pack.len, .id = pending->id};
    complete(self, pending, &reply);
}

void exchange_complete_finished(exchange_t *self) {
    pending_t *pending;
    while (!self->stopped && (pending = pending_finished(self->pending)) != NULL) {
        complete_finished(self, pending);
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
        } else if (answers_lost || pending->own || pending->state == PENDING_HELD) {
            pending_finish(self->pending, pending, DORAN_DEADLINE_EXCEEDED);
        } else {
            pending_move(self->pending, pending, PENDING_ORPHAN, pending->deadline_us);
        }
    }
}

/* Our session stands, so `unauthenticated` was about something else: a handle that the server has forgotten with us, or
   it is the answer. Of a request with a handle that may have ended, an earlier copy may have run before. */
static void judge_held(exchange_t *self, bool forgotten) {
    pending_t *next;
    for (pending_t *pending = pending_first(self->pending); pending != NULL; pending = next) {
        next = pending_next(pending);
        if (pending->state == PENDING_HELD && forgotten) {
            pending->reopened = false;
            pending_move(self->pending, pending, PENDING_QUEUED, pending->deadline_us);
        } else if (pending->state == PENDING_HELD) {
            pending_finish(self->pending, pending, pending->handle == NULL ? pending->code : exchange_outcome(pending));
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
        judge_held(self, forgotten);
    }
    if (forgotten) {
        exchange_forget_orphans(self);
        pending_queue_all(self->pending);
        handles_forgotten(self);
        subscriptions_forgotten(self);
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
    if (pending->own) {
        return false; /* an errand sees to that itself */
    }
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

/* A copy was refused because of the handle that it carried, or so it seems. A handle opened for this request that is
   refused too may have been forgotten meanwhile, or it is the actor's answer: the next pong tells. */
static void refuse_handle(exchange_t *self, pending_t *pending, uint64_t now_us) {
    handle_t *handle = pending->handle;
    bool newest = handle->state == HANDLE_OPEN && handle->opening == pending->opening;
    if (newest && pending->reopened) {
        pending_move(self->pending, pending, PENDING_HELD, pending->deadline_us);
        (void)exchange_ping(self, now_us);
        return;
    }
    pending->reopened |= newest;
    pending_move(self->pending, pending, PENDING_QUEUED, pending->deadline_us);
    if (newest) {
        handle_reopen(handle); /* an errand's request is gone afterwards */
    }
}

/* When a request that was refused for now may be sent again. */
static uint64_t retry_us(const pending_t *pending, const doran_reply_t *reply, uint64_t now_us) {
    uint64_t wished_ms = reply->retry_after_ms < RETRY_AFTER_MS_MAX ? reply->retry_after_ms : RETRY_AFTER_MS_MAX;
    uint64_t first_us = wished_ms > 0 ? wished_ms * MS : RETRY_US;
    uint64_t max_us = first_us > RETRY_US_MAX ? first_us : RETRY_US_MAX;
    return now_us + exchange_jittered(doubled(first_us, pending->refusals, max_us));
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
    uint64_t again_us = session_doubtful ? now_us : retry_us(pending, reply, now_us);
    pending->code = reply->code;
    pending->copies -= 1;
    pending->refusals += 1;
    if (session_doubtful && pending->state == PENDING_SENT && pending->handle != NULL) {
        refuse_handle(self, pending, now_us);
    } else if (session_doubtful && pending->state == PENDING_SENT) {
        pending_move(self->pending, pending, PENDING_HELD, pending->deadline_us);
        (void)exchange_ping(self, now_us);
    } else if (pending->state == PENDING_SENT || pending->copies == 0) {
        /* an orphan that certainly did not run finds a home in the new session */
        pending_move(self->pending, pending, PENDING_RETRYING, again_us);
    }
    return true;
}

/* One shard's answer to a query. False: it does not count. */
static bool collect(exchange_t *self, pending_t *pending) {
    uint64_t shards = member_u64(&self->tape, "shards", 1), shard = member_u64(&self->tape, "shard", 0);
    if (shards < 1 || shards > SHARDS_MAX || shard >= shards || (pending->shards != 0 && pending->shards != shards)) {
        pending_finish(self->pending, pending,
                       DORAN_UNREACHABLE); /* another server than the one that began to answer */
        return false;
    }
    uint32_t bit = 1u << shard;
    bool fresh = (pending->mask & bit) == 0;
    pending->shards = (uint32_t)shards;
    pending->mask |= bit;
    return fresh;
}

/* Hands an answer on. True: it was the last one, and the query is still there. */
static bool collected(exchange_t *self, pending_t *pending, const doran_reply_t *reply) {
    if (!collect(self, pending)) {
        return false;
    }
    bool last = pending->mask == (1u << pending->shards) - 1;
    self->ran += 1;
    pending->each(pending->context, reply); /* `pending` may be gone afterwards */
    return last && pending_find(self->pending, reply->id) != NULL;
}

/* text has TEXT_BYTES_MAX. */
static void read_error(const tape_t *tape, doran_reply_t *reply, char *text) {
    status_t status = STATUS_INTERNAL; /* also for a code that only a newer release knows */
    char code[METHOD_BYTES_MAX];
    member_text(tape, "code", code, sizeof code);
    if (!status_parse(span_text(code), &status) || status == STATUS_OK) {
        status = STATUS_INTERNAL;
    }
    member_text(tape, "text", text, TEXT_BYTES_MAX);
    uint64_t retry_after_ms = member_u64(tape, "retry_after_ms", 0);
    reply->code = (doran_code_t)status;
    reply->text = text[0] != 0 ? text : status_text(status);
    reply->retry_after_ms = retry_after_ms < UINT32_MAX ? (uint32_t)retry_after_ms : UINT32_MAX;
}

static void take_answer(exchange_t *self, const envelope_t *answer, uint64_t now_us) {
    pending_t *pending = pending_find(self->pending, answer->id);
    if (pending == NULL || pending->sends == 0) {
        return; /* answered already, given up, or never asked */
    }
    char text[TEXT_BYTES_MAX];
    doran_reply_t reply = {.text = "", .body = answer->body.ptr, .body_bytes = answer->body.len, .id = answer->id};
    if (answer->type == ENVELOPE_ERROR) {
        read_error(&self->tape, &reply, text);
        if (refuse(self, pending, &reply, now_us)) {
            return;
        }
    } else if (pending->each != NULL && !collected(self, pending, &reply)) {
        return;
    }
    complete(self, pending, &reply);
}

/* Events. */

static void take_event(exchange_t *self, const envelope_t *event) {
    bool from_broker = span_equal(event->kind, span_text("broker")) && span_equal(event->key, span_text("self"));
    if (!from_broker) {
        subscriptions_take(self, event);
    } else if (span_equal(event->method, span_text("handle_ended"))) {
        uint32_t token = tape_find(&self->tape, envelope_body_token(&self->tape), "handle");
        if (token > 0 && self->tape.tokens[token].type == TOKEN_BINARY) {
            handles_ended(self, token_span(&self->tape.tokens[token]));
        }
    }
}

static void take_envelope(exchange_t *self, const envelope_t *envelope, uint64_t now_us) {
    switch (envelope->type) {
    case ENVELOPE_REPLY:
    case ENVELOPE_ERROR:
        take_answer(self, envelope, now_us);
        break;
    case ENVELOPE_PONG:
        take_pong(self, envelope);
        break;
    case ENVELOPE_EVENT:
        take_event(self, envelope);
        break;
    default: /* not for clients */
        break;
    }
}

/* Bytes that are no envelope end the frame: nothing after them can be trusted. */
void exchange_take(exchange_t *self, span_t frame, uint64_t now_us) {
    envelope_t envelope;
    size_t consumed = 0;
    while (!self->stopped && frame.len > 0 && envelope_decode(&envelope, &self->tape, frame, &consumed) == STATUS_OK) {
        take_envelope(self, &envelope, now_us);
        frame = span_of(frame.ptr + consumed, frame.len - consumed);
    }
}
