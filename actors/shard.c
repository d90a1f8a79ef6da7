/* SPDX-License-Identifier: MIT */
/*
 * A message's way through the shard:
 *
 *   expired? → query or show? → kept answer? → activate → decode → handler → commit or abort → keep the answer → effect
 *
 * A batch begins with the newest snapshot of the store, and the memtable forgets what that snapshot has; so a key is
 * always found in one of the two.
 */
#include "actors/shard.h"

#include "actors/activation.h"
#include "actors/answers.h"
#include "actors/runtime.h"
#include "actors/store_key.h"
#include "actors/turn_run.h"

/* A batch is handed on when it is this full, though more would fit: what waits in it waits for nothing. */
#define BATCH_EFFECTS_ENOUGH KIB(256)
#define BATCH_RECORDS_ENOUGH KIB(512)
#define LIST_BYTES_MAX KIB(128)

enum {
    BUSY_RETRY_MS = 50,
    ANSWER_PLACES_MAX = 65536,
    PASSIVATED_AT_ONCE = 1024,
    SESSION_MARGIN_MS = 60000, /* answers are swept this much after the broker refuses their session */
};

struct shard {
    shard_options_t options;
    memtable_t *memtable;
    view_t view;
    writer_t writer;
    turn_t turn;
    activations_t *activations;
    answers_t *answers;
    tape_t tape;
    requests_t *queue[REQUEST_BATCHES_PER_SHARD]; /* a ring */
    uint32_t queue_first, queue_count;
    uint64_t number; /* of the last batch that wrote */
    uint64_t handled, refused;
    uint32_t swept; /* partition that is swept next */
    histogram_t wait;
};

shard_t *shard_new(const shard_options_t *options) {
    shard_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->options.actor_of = options->actor_of != NULL ? options->actor_of : actor_of;
    self->memtable = memtable_new();
    self->view = (view_t){.memtable = self->memtable, .reader = options->reader};
    self->writer.memtable = self->memtable;
    turn_init(&self->turn, &self->view, &self->writer);
    self->activations = activations_new(options->resident_actors_max);
    self->answers = answers_new(&self->view, ANSWER_PLACES_MAX);
    self->tape.capacity = ELEMENTS_MAX;
    self->tape.tokens = malloc(ELEMENTS_MAX * sizeof *self->tape.tokens);
    CHECK(self->tape.tokens != NULL, "out of memory");
    self->swept = options->id;
    histogram_reset(&self->wait);
    return self;
}

void shard_destroy(shard_t **self_p) {
    shard_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    answers_destroy(&self->answers);
    activations_destroy(&self->activations);
    turn_fini(&self->turn);
    memtable_destroy(&self->memtable);
    free(self->tape.tokens);
    free(self);
    *self_p = NULL;
}

void shard_give(shard_t *self, requests_t *requests) {
    CHECK(self->queue_count < REQUEST_BATCHES_PER_SHARD, "%u buffers of requests", self->queue_count);
    CHECK(requests->next < requests->count, "%u of %u messages handled", requests->next, requests->count);
    self->queue[(self->queue_first + self->queue_count++) % REQUEST_BATCHES_PER_SHARD] = requests;
}

bool shard_waiting(const shard_t *self) {
    return self->queue_count > 0;
}

/* Answers */

static void answer_silently(batch_t *batch, const request_t *request) {
    effect_add_raw(batch, effect_answer(request->peer, request->peer_number), (span_t){0});
}

static void answer(batch_t *batch, const request_t *request, envelope_type_t type, span_t body) {
    envelope_t envelope = {
        .type = (uint8_t)type,
        .id = request->id,
        .session = request->has_session ? span_of(request->session, SESSION_BYTES) : (span_t){0},
        .kind = span_text(request->kind->name),
        .key = request->key,
        .body = body,
    };
    if (request->type == REQUEST_TELL && type == ENVELOPE_REPLY) {
        answer_silently(batch, request);
        return;
    }
    effect_add(batch, effect_answer(request->peer, request->peer_number), &envelope);
}

static void answer_error(shard_t *self, batch_t *batch, const request_t *request, status_t status, const char *detail) {
    uint8_t bytes[1024];
    pack_t pack = pack_into(bytes, sizeof bytes);
    bool busy = status == STATUS_BUSY;
    self->refused += busy;
    if (status == STATUS_INTERNAL && self->options.damaged != NULL) { /* there is no other cause */
        self->options.damaged(span_text(request->kind->name), request->key);
    }
    envelope_pack_error(&pack, status, detail, busy ? BUSY_RETRY_MS : 0);
    CHECK(pack_ok(&pack), "an error of %s", status_code(status));
    answer(batch, request, ENVELOPE_ERROR, pack_bytes(&pack));
}

static void answer_problems(batch_t *batch, const request_t *request, const problems_t *problems) {
    uint8_t bytes[KIB(8)];
    pack_t pack = pack_into(bytes, sizeof bytes);
    problems_pack(problems, &pack);
    CHECK(pack_ok(&pack), "%u problems", problems->count);
    answer(batch, request, ENVELOPE_ERROR, pack_bytes(&pack));
}

/* Decodes the body into memory of the turn. OK; else the error was answered. */
static status_t decode(shard_t *self, batch_t *batch, const request_t *request, void **decoded) {
    const record_t *record = request->method->request;
    problems_t problems = {0};
    status_t status = tape_read_whole(&self->tape, request->body);
    if (status != STATUS_OK) {
        answer_error(self, batch, request, status, NULL);
        return status;
    }
    *decoded = turn_alloc(&self->turn, record->struct_bytes);
    status = record_decode(record, &self->tape, 0, FROM_WIRE, *decoded, &problems);
    if (status != STATUS_OK) {
        answer_problems(batch, request, &problems);
    }
    return status;
}

/* Activation */

/* The stored head record. body.ptr NULL: the actor never was. INTERNAL: it is damaged. */
static status_t read_head(const shard_t *self, span_t head_key, cell_t *cell) {
    span_t value;
    status_t status = view_get(&self->view, head_key, &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        cell->body = (span_t){0};
        return status;
    }
    return cell_open(cell, head_key, value) ? STATUS_OK : STATUS_INTERNAL;
}

/* activation NULL: the actor never was. */
static status_t activate(shard_t *self, const kind_t *kind, span_t head_key, uint64_t now_us,
                         const activation_t **activation) {
    cell_t cell;
    *activation = activations_find(self->activations, head_key, now_us);
    if (*activation != NULL) {
        return STATUS_OK;
    }
    status_t status = read_head(self, head_key, &cell);
    if (status != STATUS_OK || cell.body.ptr == NULL) {
        return status;
    }
    return activations_set(self->activations, head_key, kind->state, cell.version, cell.body, &self->tape, now_us,
                           activation);
}

/* Messages */

static void handle_list(shard_t *self, batch_t *batch, const request_t *request) {
    void *asked;
    turn_t *turn = &self->turn;
    if (decode(self, batch, request, &asked) != STATUS_OK) {
        return;
    }
    pack_t pack = pack_into(turn_alloc(turn, LIST_BYTES_MAX), LIST_BYTES_MAX);
    runtime_place_t place = {.shard = self->options.id, .shards = self->options.count};
    runtime_list(&self->view, place, request->kind, asked, &pack);
    answer(batch, request, ENVELOPE_REPLY, pack_bytes(&pack));
}

static void handle_show(shard_t *self, batch_t *batch, const request_t *request, span_t head_key) {
    cell_t cell;
    void *asked;
    if (decode(self, batch, request, &asked) != STATUS_OK) {
        return;
    }
    status_t status = read_head(self, head_key, &cell);
    if (status == STATUS_OK && cell.body.ptr == NULL) {
        status = STATUS_NOT_FOUND;
    }
    if (status == STATUS_OK) {
        size_t capacity = 2 * VALUE_BYTES_MAX;
        pack_t pack = pack_into(turn_alloc(&self->turn, capacity), capacity);
        status = runtime_show(request->kind->state, &cell, &self->tape, &pack);
        if (status == STATUS_OK) {
            answer(batch, request, ENVELOPE_REPLY, pack_bytes(&pack));
            return;
        }
    }
    answer_error(self, batch, request, status, NULL);
}

/* May this method run on an actor that is or is not there? */
static status_t admissible(const request_t *request, const activation_t *activation) {
    if (request->kind->state == NULL) {
        return STATUS_OK;
    }
    if ((request->method->flags & CREATE) != 0) {
        return activation == NULL ? STATUS_OK : STATUS_CONFLICT;
    }
    return activation == NULL ? STATUS_NOT_FOUND : STATUS_OK;
}

static const span_t empty_map = {.ptr = (const uint8_t *)"\x80", .len = 1};

static bool may_write(const method_t *method) {
    return (method->flags & (WRITE | CREATE)) != 0;
}

/* Ends a turn whose handler returned OK. */
static void commit(shard_t *self, batch_t *batch, const request_t *request, span_t head_key, uint64_t now_us) {
    turn_t *turn = &self->turn;
    const activation_t *activation;
    span_t body = turn->reply.ptr == NULL ? empty_map : turn->reply;
    CHECK(!turn_wrote(turn) || may_write(request->method), "%s writes in %s", request->kind->name,
          request->method->name);
    if (turn->state.ptr != NULL && activations_set(self->activations, head_key, request->kind->state, turn->version,
                                                   turn->state, &self->tape, now_us, &activation) != STATUS_OK) {
        turn_abort(turn);
        answer_error(self, batch, request, STATUS_TOO_LARGE, "The record would have too many values");
        return;
    }
    turn_commit(turn, head_key);
    if (turn_wrote(turn) && request->has_session) {
        answers_keep(self->answers, &self->writer, request, &(answer_t){.type = ENVELOPE_REPLY, .body = body});
    }
    answer(batch, request, ENVELOPE_REPLY, body);
}

static handler_fn handler_of(const shard_t *self, const request_t *request) {
    const actor_t *actor = self->options.actor_of(request->kind);
    size_t index = (size_t)(request->method - request->kind->methods);
    CHECK(actor != NULL && index < actor->handler_count && actor->handlers[index] != NULL, "nobody handles %s of %s",
          request->method->name, request->kind->name);
    return actor->handlers[index];
}

/* One run of the handler. True: it kept to its time by this clock, or there is none. */
static bool run_handler(shard_t *self, const request_t *request, const activation_t *activation, const void *decoded,
                        uint64_t (*clock_us)(void), status_t *status) {
    turn_t *turn = &self->turn;
    uint64_t begun_us = clock_us == NULL ? 0 : clock_us();
    *status = handler_of(self, request)(turn, activation == NULL ? NULL : activation->state, decoded);
    CHECK(turn->failure == STATUS_OK || turn->failure == *status, "%s of %s failed with %s and returned %s",
          request->method->name, request->kind->name, status_code(turn->failure), status_code(*status));
    return clock_us == NULL || clock_us() - begun_us <= TURN_US_MAX;
}

/* Decodes, and runs the handler; a second time if the first took too long. False: the request was answered. */
static bool run_in_time(shard_t *self, batch_t *batch, const request_t *request, const activation_t *activation,
                        status_t *status) {
    uint64_t (*const clocks[])(void) = {self->options.now_us, self->options.cpu_us};
    turn_t *turn = &self->turn;
    void *decoded;
    for (size_t i = 0; i < ARRAY_LENGTH(clocks); i++) {
        turn->version = activation == NULL ? 0 : activation->version;
        if (decode(self, batch, request, &decoded) != STATUS_OK) {
            return false;
        }
        if (run_handler(self, request, activation, decoded, clocks[i], status)) {
            return true;
        }
        turn_abort(turn);
        turn_begin(turn, request, turn->now_ms);
    }
    *status = turn_fail(turn, STATUS_TOO_LARGE, "The turn took more than %d µs of processor time", TURN_US_MAX);
    return true;
}

static void run(shard_t *self, batch_t *batch, const request_t *request, span_t head_key, uint64_t now_us) {
    turn_t *turn = &self->turn;
    const activation_t *activation = NULL;
    status_t status = STATUS_OK;
    if (request->kind->state != NULL) {
        status = activate(self, request->kind, head_key, now_us, &activation);
    }
    if (status == STATUS_OK) {
        status = admissible(request, activation);
    }
    if (status != STATUS_OK) {
        answer_error(self, batch, request, status, NULL);
        return;
    }
    if (!run_in_time(self, batch, request, activation, &status)) {
        return;
    }
    if (status == STATUS_OK) {
        commit(self, batch, request, head_key, now_us);
        return;
    }
    turn_abort(turn);
    answer_error(self, batch, request, status, turn->detail[0] == 0 ? NULL : turn->detail);
}

/* A request that writes and has a session. True: it ran already, or must not run; it was dealt with. */
static bool repeated(shard_t *self, batch_t *batch, const request_t *request) {
    answers_verdict_t verdict;
    answer_t kept;
    if (request->id == 0) {
        answer_error(self, batch, request, STATUS_INVALID, "The requests of a session are numbered from 1");
        return true;
    }
    if (answers_check(self->answers, &self->writer, request, &verdict, &kept) != STATUS_OK) {
        answer_error(self, batch, request, STATUS_INTERNAL, NULL);
        return true;
    }
    switch (verdict) {
    case ANSWERS_NEW:
        break;
    case ANSWERS_KEPT:
        answer(batch, request, kept.type, kept.body);
        break;
    case ANSWERS_PENDING:
    case ANSWERS_STALE:
        answer_silently(batch, request);
        break;
    case ANSWERS_FULL:
        answer_error(self, batch, request, STATUS_BUSY, "The session waits for too many answers here");
        break;
    }
    return verdict != ANSWERS_NEW;
}

static void handle_write(shard_t *self, batch_t *batch, const request_t *request, span_t head_key, uint64_t now_us) {
    if (memtable_bytes(self->memtable) > self->options.memtable_bytes_max) {
        answer_error(self, batch, request, STATUS_BUSY, NULL);
        return;
    }
    if (request->has_session && repeated(self, batch, request)) {
        return;
    }
    writer_mark(&self->writer); /* what answers dropped stays dropped if the turn fails */
    run(self, batch, request, head_key, now_us);
}

static void handle(shard_t *self, batch_t *batch, const request_t *request, uint64_t now_us, uint64_t unix_ms) {
    const method_t *method = request->method;
    store_key_t head;
    histogram_record(&self->wait, now_us > request->received_us ? now_us - request->received_us : 0);
    turn_begin(&self->turn, request, unix_ms);
    if (now_us >= request->deadline_us) {
        answer_error(self, batch, request, STATUS_DEADLINE_EXCEEDED, NULL);
        return;
    }
    if (method == &runtime_kind.methods[METHOD_runtime_list]) {
        handle_list(self, batch, request);
        return;
    }
    store_key_head(&head, request->partition, span_text(request->kind->name), request->key);
    if (method == &runtime_kind.methods[METHOD_runtime_show]) {
        handle_show(self, batch, request, store_key_span(&head));
    } else if (may_write(method)) {
        handle_write(self, batch, request, store_key_span(&head), now_us);
    } else {
        run(self, batch, request, store_key_span(&head), now_us);
    }
}

/* Batches */

static status_t batch_open(shard_t *self, batch_t *batch) {
    uint64_t applied;
    status_t status = store_reader_renew(self->options.reader, self->options.id, &applied);
    if (status != STATUS_OK) {
        return status;
    }
    memtable_forget(self->memtable, applied);
    self->writer.batch = batch;
    self->writer.number = self->number + 1;
    return STATUS_OK;
}

static void batch_close(shard_t *self, batch_t *batch) {
    batch->memtable_bytes = memtable_bytes(self->memtable);
    if (batch->record_count > 0) {
        batch->number = ++self->number;
    }
}

/* The first message that waits. A buffer whose last message this is goes home with this batch. */
static const request_t *next_request(shard_t *self, batch_t *batch) {
    requests_t *requests = self->queue[self->queue_first];
    const request_t *request = &requests->items[requests->next++];
    if (requests->next == requests->count) {
        batch->finished[batch->finished_count++] = requests;
        self->queue_first = (self->queue_first + 1) % REQUEST_BATCHES_PER_SHARD;
        self->queue_count--;
    }
    return request;
}

static bool full_enough(const batch_t *batch) {
    return !batch_has_room(batch) || batch->effects_bytes >= BATCH_EFFECTS_ENOUGH ||
           batch->records_bytes >= BATCH_RECORDS_ENOUGH;
}

status_t shard_step(shard_t *self, batch_t *batch, uint64_t now_us, uint64_t unix_ms) {
    status_t status = batch_open(self, batch);
    while (status == STATUS_OK && shard_waiting(self) && !full_enough(batch)) {
        handle(self, batch, next_request(self, batch), now_us, unix_ms);
        self->handled++;
    }
    batch_close(self, batch);
    return status;
}

status_t shard_idle(shard_t *self, batch_t *batch, uint64_t now_us, uint64_t unix_ms) {
    uint64_t idle_us = (uint64_t)self->options.idle_ms * 1000;
    uint64_t kept_ms = self->options.session_ms + SESSION_MARGIN_MS;
    status_t status = batch_open(self, batch);
    if (status != STATUS_OK) {
        return status;
    }
    if (now_us > idle_us) {
        activations_expire(self->activations, now_us - idle_us, PASSIVATED_AT_ONCE);
    }
    if (unix_ms > kept_ms) {
        uint32_t deleted =
            answers_sweep(self->answers, &self->writer, (uint8_t)self->swept, unix_ms - kept_ms, ANSWERS_TRIMMED_MAX);
        if (deleted < ANSWERS_TRIMMED_MAX) {
            uint32_t next = self->swept + self->options.count;
            self->swept = next < PARTITIONS ? next : self->options.id;
        }
    }
    batch_close(self, batch);
    return status;
}

static uint64_t mailbox(const shard_t *self) {
    uint64_t waiting = 0;
    for (uint32_t i = 0; i < self->queue_count; i++) {
        const requests_t *requests = self->queue[(self->queue_first + i) % REQUEST_BATCHES_PER_SHARD];
        waiting += requests->count - requests->next;
    }
    return waiting;
}

shard_stats_t shard_stats(shard_t *self) {
    shard_stats_t stats = {
        .id = self->options.id,
        .mailbox = mailbox(self),
        .resident = activations_count(self->activations),
        .memtable_bytes = memtable_bytes(self->memtable),
        .handled = self->handled,
        .refused = self->refused,
        .wait_p99_us = histogram_percentile(&self->wait, 0.99),
    };
    histogram_reset(&self->wait);
    return stats;
}
