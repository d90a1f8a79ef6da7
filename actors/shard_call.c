/* SPDX-License-Identifier: MIT */
/*
 * A client's message:
 *
 *   expired? ─► list or show? ─► kept answer? ─► run ─► keep the answer ─► effect
 *
 * Answers are kept for the session and for the idempotency key. The session is asked first: it alone knows a copy of
 * this very request, which must not run if nobody waits for it, and may wait for an answer that comes later.
 */
#include "actors/effect.h"
#include "actors/query_rows.h"
#include "actors/runtime.h"
#include "actors/shard_inside.h"
#include "actors/verify.h"

#define LIST_BYTES_MAX KIB(128)

enum { BUSY_RETRY_MS = 50 };

/* Answers */

static effect_t answer_to(const request_t *request) {
    return effect_answer(request->peer, request->peer_number);
}

static void answer_silently(shard_t *self, const request_t *request) {
    effect_add_raw(shard_batch(self), answer_to(request), (span_t){0});
}

void shard_answer(shard_t *self, const request_t *request, const answer_t *answer) {
    effect_t effect = answer_to(request);
    envelope_t envelope = {
        .type = answer->type,
        .id = request->id,
        .session = request->has_session ? span_of(request->session, SESSION_BYTES) : (span_t){0},
        .kind = span_text(request->kind->name),
        .key = request->key,
        .body = answer->body,
    };
    if (request->type == REQUEST_TELL && answer->type == ENVELOPE_REPLY) {
        answer_silently(self, request);
        return;
    }
    effect.flags = answer->flags;
    if (request->has_handle) {
        memcpy(effect.handle, request->handle, sizeof effect.handle);
    }
    effect_add(shard_batch(self), effect, &envelope);
}

static void answer_body(shard_t *self, const request_t *request, envelope_type_t type, span_t body) {
    shard_answer(self, request, &(answer_t){.type = (uint8_t)type, .body = body});
}

static void answer_error(shard_t *self, const request_t *request, status_t status, const char *detail,
                         uint32_t retry_after_ms) {
    uint8_t bytes[1024];
    pack_t pack = pack_into(bytes, sizeof bytes);
    self->refused += status == STATUS_BUSY;
    if (status == STATUS_INTERNAL) { /* there is no other cause */
        shard_tell(self, request, "a stored record is damaged and was not served");
    }
    envelope_pack_error(&pack, status, detail, retry_after_ms);
    CHECK(pack_ok(&pack), "an error of %s", status_code(status));
    answer_body(self, request, ENVELOPE_ERROR, pack_bytes(&pack));
}

void shard_answer_error(shard_t *self, const request_t *request, status_t status, const char *detail) {
    answer_error(self, request, status, detail, status == STATUS_BUSY ? BUSY_RETRY_MS : 0);
}

/* After shard_run or shard_decode. */
static void answer_failure(shard_t *self, const request_t *request, status_t status) {
    uint8_t bytes[KIB(8)];
    pack_t pack = pack_into(bytes, sizeof bytes);
    const turn_t *turn = &self->turn;
    const char *detail = turn->detail[0] == 0 ? NULL : turn->detail;
    bool pointed = status == STATUS_INVALID && turn->pointer[0] != 0;
    if (self->problems.count == 0 && !pointed && turn->retry_after_ms > 0) {
        answer_error(self, request, status, detail, turn->retry_after_ms);
        return;
    }
    if (self->problems.count == 0 && !pointed) {
        shard_answer_error(self, request, status, detail);
        return;
    }
    if (pointed) {
        problems_pack_one(turn->pointer, turn->detail, &pack);
    } else {
        problems_pack(&self->problems, &pack);
    }
    CHECK(pack_ok(&pack), "%u problems", self->problems.count);
    answer_body(self, request, ENVELOPE_ERROR, pack_bytes(&pack));
}

/* Methods of the runtime */

static void handle_list(shard_t *self, const request_t *request) {
    void *asked;
    turn_t *turn = &self->turn;
    const actor_t *actor = self->options.actor_of(request->kind);
    status_t status = shard_decode(self, request, &asked);
    if (status == STATUS_OK) {
        status = query_narrow(asked, &actor->listing, request->roles, request->subject);
        if (status != STATUS_OK) {
            status = turn_fail(turn, status, "These are not for this caller to list");
        }
    }
    if (status != STATUS_OK) {
        answer_failure(self, request, status);
        return;
    }
    pack_t pack = pack_into(turn_alloc(turn, LIST_BYTES_MAX), LIST_BYTES_MAX);
    query_t query;
    query_place_t place = {.shard = self->options.id, .shards = self->options.count};
    char problem[QUERY_PROBLEM_BYTES];
    status = query_read(&query, request->kind, asked, problem);
    if (status != STATUS_OK) {
        shard_answer_error(self, request, status, problem);
        return;
    }
    query_page(&query, &self->view, place, &self->tape, &pack);
    answer_body(self, request, ENVELOPE_REPLY, pack_bytes(&pack));
}

/* Queries of the broker's kind */

static status_t look_through(shard_t *self, const verify_request_t *asked, bool rebuild, pack_t *reply) {
    verify_t verify = {.view = &self->view,
                       .writer = rebuild ? &self->writer : NULL,
                       .tape = &self->tape,
                       .kind_of = self->options.kind_of,
                       .place = {.shard = self->options.id, .shards = self->options.count}};
    return verify_slice(&verify, asked, reply);
}

static status_t answer_verify(shard_t *self, const void *asked, pack_t *reply) {
    return look_through(self, asked, false, reply);
}

static status_t answer_rebuild(shard_t *self, const void *asked, pack_t *reply) {
    return look_through(self, asked, true, reply);
}

static query_rows_t rows_of(shard_t *self) {
    return (query_rows_t){.view = &self->view,
                          .outbox = self->outbox,
                          .tape = &self->tape,
                          .kind_of = self->options.kind_of,
                          .place = {.shard = self->options.id, .shards = self->options.count},
                          .now_us = self->now_us};
}

static status_t answer_timers(shard_t *self, const void *asked, pack_t *reply) {
    query_rows_t rows = rows_of(self);
    return query_timers(&rows, asked, reply);
}

static status_t answer_streams(shard_t *self, const void *asked, pack_t *reply) {
    query_rows_t rows = rows_of(self);
    return query_streams(&rows, asked, reply);
}

static status_t answer_dead_letters(shard_t *self, const void *asked, pack_t *reply) {
    query_rows_t rows = rows_of(self);
    return query_dead_letters(&rows, asked, reply);
}

static const struct own_query {
    size_t reply_bytes; /* enough for any reply */
    status_t (*answer)(shard_t *self, const void *asked, pack_t *reply);
} own_queries[METHOD_broker_COUNT] = {
    [METHOD_broker_verify] = {VERIFY_REPLY_BYTES, answer_verify},
    [METHOD_broker_rebuild] = {VERIFY_REPLY_BYTES, answer_rebuild},
    [METHOD_broker_timers] = {QUERY_ROWS_REPLY_BYTES, answer_timers},
    [METHOD_broker_streams] = {QUERY_ROWS_REPLY_BYTES, answer_streams},
    [METHOD_broker_dead_letters] = {QUERY_ROWS_REPLY_BYTES, answer_dead_letters},
};

static void handle_own_query(shard_t *self, const request_t *request) {
    const struct own_query *query = &own_queries[request->method - kinds[KIND_broker].methods];
    void *asked;
    bool full = method_writes(request->method) && shard_full(self);
    CHECK(query->answer != NULL, "the broker answers %s itself", request->method->name);
    status_t status = full ? STATUS_BUSY : shard_decode(self, request, &asked);
    if (status == STATUS_OK) {
        pack_t pack = pack_into(turn_alloc(&self->turn, query->reply_bytes), query->reply_bytes);
        status = query->answer(self, asked, &pack);
        if (status == STATUS_OK) {
            answer_body(self, request, ENVELOPE_REPLY, pack_bytes(&pack));
            return;
        }
    }
    answer_failure(self, request, status);
}

static status_t show(shard_t *self, const request_t *request, span_t head_key, pack_t *pack) {
    size_t capacity = 2 * VALUE_BYTES_MAX;
    cell_t cell;
    void *asked;
    status_t status = shard_decode(self, request, &asked);
    if (status == STATUS_OK) {
        status = shard_read_head(self, head_key, &cell);
    }
    if (status == STATUS_OK && cell.body.ptr == NULL) {
        status = STATUS_NOT_FOUND;
    }
    if (status != STATUS_OK) {
        return status;
    }
    *pack = pack_into(turn_alloc(&self->turn, capacity), capacity);
    return runtime_show(request->kind->state, &cell, &self->tape, pack);
}

static void handle_show(shard_t *self, const request_t *request, span_t head_key) {
    pack_t pack;
    status_t status = show(self, request, head_key, &pack);
    if (status == STATUS_OK) {
        answer_body(self, request, ENVELOPE_REPLY, pack_bytes(&pack));
    } else {
        answer_failure(self, request, status);
    }
}

/* Methods of actors */

static const span_t empty_map = {.ptr = (const uint8_t *)"\x80", .len = 1};

static void wait_for_answer(shard_t *self, const request_t *request) {
    request_t replaced;
    switch (holds_wait(self->holds, request, &replaced)) {
    case HOLDS_WAITS:
        break;
    case HOLDS_REPLACED:
        answer_silently(self, &replaced);
        break;
    case HOLDS_FULL:
        shard_answer_error(self, request, STATUS_BUSY, "Too many requests wait for answers");
        break;
    }
}

/* For who asks again. With an idempotency key also the answer of a turn that found nothing to write: later there might
   be something. */
static void keep(shard_t *self, const request_t *request, const answer_t *answer) {
    if ((request->method->flags & REPEATABLE) != 0) {
        return;
    }
    if (request->has_session && turn_wrote(&self->turn)) {
        answers_keep(self->answers, &self->writer, request, answer);
    }
    if (request->has_idempotency) {
        idempotency_keep(self->idempotency, &self->writer, request, turn_expires_ms(&self->turn), answer);
    }
}

static void run(shard_t *self, const request_t *request, span_t head_key) {
    const turn_t *turn = &self->turn;
    status_t status = shard_run(self, request, head_key);
    if (status != STATUS_OK) {
        answer_failure(self, request, status);
        return;
    }
    answer_t reply = {
        .type = ENVELOPE_REPLY, .flags = turn->flags, .body = turn->reply.ptr != NULL ? turn->reply : empty_map};
    keep(self, request, turn->held ? &ANSWER_PENDING : &reply);
    if (turn->held) {
        wait_for_answer(self, request);
    } else {
        shard_answer(self, request, &reply);
    }
}

/* Is the session still what it was when this answer gave a handle of it? It may have ended, or have another role, or
   another one may have its key. */
static status_t grant_stands(const shard_t *self, const request_t *request, const answer_t *kept, bool *stands) {
    session_opened_t opened;
    session_t session;
    store_key_t head;
    cell_t cell;
    *stands = false;
    status_t status = record_load(&record_session_opened, kept->body, &opened);
    if (status != STATUS_OK) {
        return status;
    }
    store_key_head(&head, request->partition, span_text(kinds[KIND_session].name), opened.session);
    status = shard_read_head(self, store_key_span(&head), &cell);
    if (status != STATUS_OK || cell.body.ptr == NULL) {
        return status;
    }
    status = record_load(&record_session, cell.body, &session);
    *stands = status == STATUS_OK && span_equal(session.user, opened.user) && session.role == opened.role &&
              session.expires_at == opened.expires_at;
    return status;
}

/* What the answer does to its peer, it does again; but a handle that has ended stays so. */
static void answer_again(shard_t *self, const request_t *request, const answer_t *kept) {
    bool stands = true;
    status_t status = (kept->flags & EFFECT_GRANT) != 0 ? grant_stands(self, request, kept, &stands) : STATUS_OK;
    if (status != STATUS_OK) {
        shard_answer_error(self, request, STATUS_INTERNAL, NULL);
    } else if (!stands) {
        shard_answer_error(self, request, STATUS_UNAUTHENTICATED, "The handle that this gave has ended");
    } else {
        shard_answer(self, request, kept);
    }
}

/* A request that writes and has a session. True: it ran already, or must not run; it was dealt with. */
static bool repeated(shard_t *self, const request_t *request) {
    answers_verdict_t verdict;
    answer_t kept;
    if (request->id == 0) {
        shard_answer_error(self, request, STATUS_INVALID, "The requests of a session are numbered from 1");
        return true;
    }
    if (answers_check(self->answers, &self->writer, request, &verdict, &kept) != STATUS_OK) {
        shard_answer_error(self, request, STATUS_INTERNAL, NULL);
        return true;
    }
    switch (verdict) {
    case ANSWERS_NEW:
        break;
    case ANSWERS_KEPT:
        answer_again(self, request, &kept);
        break;
    case ANSWERS_PENDING:
        wait_for_answer(self, request);
        break;
    case ANSWERS_STALE:
        answer_silently(self, request);
        break;
    case ANSWERS_FULL:
        shard_answer_error(self, request, STATUS_BUSY, "The session waits for too many answers here");
        break;
    }
    return verdict != ANSWERS_NEW;
}

/* A request with an idempotency key. True: the key came before; the request was dealt with. */
static bool asked_before(shard_t *self, const request_t *request) {
    idempotency_verdict_t verdict;
    answer_t kept;
    if (idempotency_check(self->idempotency, request, self->unix_ms, &verdict, &kept) != STATUS_OK) {
        shard_answer_error(self, request, STATUS_INTERNAL, NULL);
        return true;
    }
    switch (verdict) {
    case IDEMPOTENCY_NEW:
        break;
    case IDEMPOTENCY_KEPT:
        answer_again(self, request, &kept);
        break;
    case IDEMPOTENCY_PENDING:
        shard_answer_error(self, request, STATUS_IN_PROGRESS, NULL);
        break;
    case IDEMPOTENCY_MISMATCH:
        shard_answer_error(self, request, STATUS_IDEMPOTENCY_MISMATCH, NULL);
        break;
    }
    return verdict != IDEMPOTENCY_NEW;
}

static void handle_write(shard_t *self, const request_t *request, span_t head_key) {
    if (shard_full(self)) {
        shard_answer_error(self, request, STATUS_BUSY, NULL);
        return;
    }
    if (outbox_messages(self->outbox, request->partition) >= self->options.outbox_messages_max) {
        shard_answer_error(self, request, STATUS_BUSY, "Too many messages between actors wait here");
        return;
    }
    if ((request->has_session && repeated(self, request)) ||
        (request->has_idempotency && asked_before(self, request))) {
        return;
    }
    writer_mark(&self->writer); /* what answers dropped stays dropped if the turn fails */
    run(self, request, head_key);
}

void shard_call(shard_t *self, const request_t *request) {
    const method_t *method = request->method;
    store_key_t head;
    turn_begin(&self->turn, request, self->unix_ms);
    self->problems.count = 0;
    if (self->now_us >= request->deadline_us) {
        shard_answer_error(self, request, STATUS_DEADLINE_EXCEEDED, NULL);
        return;
    }
    if (method == &runtime_kind.methods[METHOD_runtime_list]) {
        handle_list(self, request);
        return;
    }
    if (request->kind == &kinds[KIND_broker] && (method->flags & QUERY) != 0) {
        handle_own_query(self, request);
        return;
    }
    store_key_head(&head, request->partition, span_text(request->kind->name), request->key);
    if (method == &runtime_kind.methods[METHOD_runtime_show]) {
        handle_show(self, request, store_key_span(&head));
    } else if (method_writes(method)) {
        handle_write(self, request, store_key_span(&head));
    } else {
        run(self, request, store_key_span(&head));
    }
}

void shard_end_waiting(shard_t *self) {
    request_t waiter;
    while (shard_batch_open(self) && holds_expired(self->holds, self->now_us, &waiter)) {
        shard_answer_error(self, &waiter, STATUS_DEADLINE_EXCEEDED, NULL);
    }
}
