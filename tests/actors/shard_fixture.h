/* SPDX-License-Identifier: MIT */
/*
 * shard_fixture: shards on a store of their own, without thread, socket or clock. It plays the other boxes of the ring:
 *
 *   broker   builds requests as admission would, and checks that each ends in exactly one effect; hands messages, their
 *            acknowledgements and results of work to their shards, or loses them
 *   journal  keeps the records of all batches
 *   applier  fixture_apply: moves them into the store
 *   crash    fixture_restart: recovery applies what is left, and new shards begin
 *
 * Bodies and answers are JSON here: "reply {…}", "error {…}", or "silent". So are events, a line each:
 * "kind/key type {…}", and "end kind/key" where handles end. Zeroed, then options set as wanted, then
 * fixture_open. One test at a time.
 */
#ifndef DORAN_TESTS_ACTORS_SHARD_FIXTURE_H
#define DORAN_TESTS_ACTORS_SHARD_FIXTURE_H

#include <criterion/criterion.h>

#include "actors/shard.h"
#include "actors/store_key.h"
#include "actors/work.h"
#include "schemas/address.h"
#include "schemas/json.h"
#include "storage/view.h"
#include "tests/actors/nameless_store.h"

#define FIXTURE_NOW_US UINT64_C(1000000000)
#define FIXTURE_UNIX_MS UINT64_C(1767225600000) /* 2026-01-01 */

typedef struct outcome { /* of one request at one shard */
    char *text;          /* NULL: none yet */
    uint8_t *bytes;      /* of the envelope */
    size_t len;
    uint64_t id; /* of the request */
    bool has_session;
    uint8_t session[SESSION_BYTES];
    uint8_t flags; /* effect_flags of the answer */
} outcome_t;

typedef struct batch_end {
    size_t at; /* in the journal */
    uint64_t number;
    uint16_t shard;
} batch_end_t;

typedef struct fixture {
    shard_options_t options; /* of each shard; what is 0 gets a default; id and reader are the fixture's */
    store_t *store;
    store_reader_t *readers[SHARDS_MAX];
    shard_t *shards[SHARDS_MAX];
    requests_t *open[SHARDS_MAX]; /* being filled */
    uint64_t now_us, unix_ms;
    uint8_t *journal; /* records of batches that the store does not have */
    size_t journal_bytes, journal_capacity;
    batch_end_t *ends; /* of those batches */
    size_t end_count, end_capacity;
    uint64_t numbers[SHARDS_MAX]; /* of the last batch of each shard that wrote */
    uint64_t applied[SHARDS_MAX]; /* of the last batch of each shard that the store has */
    uint64_t records, batches;    /* since the start: written, and batches stepped */
    uint32_t inside[SHARDS_MAX];  /* buffers given and not yet home */
    char *events;                 /* that were published since the test emptied it, a line each */
    size_t events_bytes, events_capacity;
    bool (*loses)(const effect_t *effect); /* a SEND, ACK or WORK; NULL: nothing is lost */
    const work_t *const *works;            /* NULL: as in work.h */
    store_reader_t *work_reader;
    bool may_wait;       /* requests may be held when fixture_run ends */
    uint64_t routed;     /* messages, acknowledgements and results handed on */
    outcome_t *outcomes; /* by ticket, which is the request's peer_number, from 1 */
    uint64_t tickets, settled, outcomes_capacity;
    tape_t tape;
} fixture_t;

typedef struct call {
    const char *kind, *key, *method; /* kind NULL: user */
    const kind_t *own_kind;          /* instead of kind: a test's own */
    const char *body;                /* JSON; NULL: {} */
    span_t raw;                      /* msgpack, instead of body */
    uint64_t session;                /* 0: none; else any number */
    uint64_t issued_ms;              /* of the session; 0: FIXTURE_UNIX_MS */
    uint64_t id, lowest;
    uint64_t deadline_us; /* 0: never */
    bool tell;
    const char *idempotency_key; /* of this user; NULL: none */
    const char *user;            /* on whose behalf, with the role USER in place of the key's; NULL: nobody's */
    uint32_t roles;              /* 0: ROLE_OPERATOR, or that */
} call_t;

#define FIXTURE_OK(call) cr_assert_eq((call), STATUS_OK, "%s", #call)

/* Life. */

static inline void fixture_start_shards(fixture_t *self) {
    for (uint16_t id = 0; id < self->options.count; id++) {
        shard_options_t options = self->options;
        FIXTURE_OK(store_reader_open(self->store, &self->readers[id]));
        options.id = id;
        options.reader = self->readers[id];
        self->shards[id] = shard_new(&options);
        self->numbers[id] = self->applied[id] = 0;
    }
}

static inline void fixture_stop_shards(fixture_t *self) {
    for (uint16_t id = 0; id < self->options.count; id++) {
        shard_destroy(&self->shards[id]);
        store_reader_close(&self->readers[id]);
    }
}

static inline void fixture_open(fixture_t *self) {
    shard_options_t *options = &self->options;
    options->count = options->count != 0 ? options->count : 1;
    options->resident_actors_max = options->resident_actors_max != 0 ? options->resident_actors_max : 1000;
    options->idle_ms = options->idle_ms != 0 ? options->idle_ms : 60000;
    options->memtable_bytes_max = options->memtable_bytes_max != 0 ? options->memtable_bytes_max : MIB(64);
    options->session_ms = options->session_ms != 0 ? options->session_ms : 86400000;
    options->outbox_messages_max = options->outbox_messages_max != 0 ? options->outbox_messages_max : 100000;
    options->log_epoch = options->log_epoch != 0 ? options->log_epoch : 7;
    memset(options->folder, 0xf0, sizeof options->folder);
    self->now_us = FIXTURE_NOW_US;
    self->unix_ms = FIXTURE_UNIX_MS;
    self->tape = (tape_t){.capacity = ELEMENTS_MAX, .tokens = malloc(ELEMENTS_MAX * sizeof(token_t))};
    self->store = nameless_store_open();
    FIXTURE_OK(store_reader_open(self->store, &self->work_reader));
    self->events_capacity = KIB(64);
    self->events = calloc(1, self->events_capacity);
    fixture_start_shards(self);
}

static inline void fixture_close(fixture_t *self) {
    fixture_stop_shards(self);
    store_reader_close(&self->work_reader);
    store_destroy(&self->store);
    free(self->events);
    for (uint64_t i = 0; i <= self->tickets && self->outcomes != NULL; i++) {
        free(self->outcomes[i].text);
        free(self->outcomes[i].bytes);
    }
    for (uint16_t id = 0; id < SHARDS_MAX; id++) {
        requests_destroy(&self->open[id]);
    }
    free(self->outcomes);
    free(self->journal);
    free(self->ends);
    free(self->tape.tokens);
    *self = (fixture_t){0};
}

/* Journal and applier. */

static inline void fixture_journal_end(fixture_t *self, const batch_t *batch) {
    if (self->end_count == self->end_capacity) {
        self->end_capacity = self->end_capacity == 0 ? 64 : 2 * self->end_capacity;
        self->ends = realloc(self->ends, self->end_capacity * sizeof *self->ends);
    }
    self->ends[self->end_count++] =
        (batch_end_t){.at = self->journal_bytes, .number = batch->number, .shard = batch->shard};
    cr_assert_eq(batch->number, self->numbers[batch->shard] + 1, "numbers have no gap");
    self->numbers[batch->shard] = batch->number;
}

static inline void fixture_journal(fixture_t *self, const batch_t *batch) {
    self->batches++;
    cr_assert_eq(batch->number != 0, batch->record_count > 0, "only a batch that wrote has a number");
    if (batch->record_count == 0) {
        return;
    }
    while (self->journal_capacity - self->journal_bytes < batch->records_bytes) {
        self->journal_capacity = self->journal_capacity == 0 ? MIB(1) : 2 * self->journal_capacity;
        self->journal = realloc(self->journal, self->journal_capacity);
    }
    memcpy(self->journal + self->journal_bytes, batch->records, batch->records_bytes);
    self->journal_bytes += batch->records_bytes;
    self->records += batch->record_count;
    fixture_journal_end(self, batch);
}

/* Writes the first bytes of the journal to the store and takes them off. */
static inline void fixture_write(fixture_t *self, size_t bytes, const uint64_t numbers[SHARDS_MAX]) {
    span_t rest = span_of(self->journal, bytes);
    log_record_t record;
    FIXTURE_OK(store_begin(self->store));
    while (log_record_next(&rest, &record)) {
        FIXTURE_OK(record.op != RECORD_DELETE ? store_put(self->store, record.key, record.value)
                                              : store_delete(self->store, record.key));
    }
    cr_assert_eq(rest.len, 0);
    FIXTURE_OK(store_set_meta(self->store, 0, 1, numbers));
    FIXTURE_OK(store_commit(self->store));
    self->journal_bytes -= bytes;
    if (self->journal_bytes > 0) {
        memmove(self->journal, self->journal + bytes, self->journal_bytes);
    }
}

/* The oldest batches only: the applier is behind. */
static inline void fixture_apply_some(fixture_t *self, size_t batches) {
    if (batches == 0) {
        return;
    }
    size_t bytes = self->ends[batches - 1].at;
    for (size_t i = 0; i < self->end_count; i++) {
        batch_end_t *end = &self->ends[i];
        self->applied[end->shard] = i < batches ? end->number : self->applied[end->shard];
        end->at -= i < batches ? end->at : bytes;
    }
    fixture_write(self, bytes, self->applied);
    self->end_count -= batches;
    memmove(self->ends, self->ends + batches, self->end_count * sizeof *self->ends);
}

static inline void fixture_apply(fixture_t *self) {
    fixture_apply_some(self, self->end_count);
}

/* The number of shards may be another one at every start. */
static inline void fixture_restart_as(fixture_t *self, uint16_t shards) {
    static const uint64_t none[SHARDS_MAX];
    fixture_stop_shards(self);
    fixture_write(self, self->journal_bytes, none);
    self->end_count = 0;
    self->options.count = shards;
    fixture_start_shards(self);
}

static inline void fixture_restart(fixture_t *self) {
    fixture_restart_as(self, self->options.count);
}

/* Rows of a class, in all partitions. */
static inline uint32_t fixture_rows(fixture_t *self, uint8_t class) {
    view_t view = {.memtable = memtable_new(), .reader = self->work_reader};
    uint32_t count = 0;
    uint64_t number;
    fixture_apply(self);
    FIXTURE_OK(store_reader_renew(view.reader, 0, &number));
    for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
        store_key_t from, to;
        view_walk_t walk;
        span_t key, value;
        store_key_class(&from, (uint8_t)partition, class);
        store_key_after(&to, &from);
        view_walk_start(&walk, &view, store_key_span(&from), store_key_span(&to));
        while (view_walk_next(&walk, &key, &value)) {
            count++;
        }
    }
    memtable_destroy(&view.memtable);
    return count;
}

/* Puts bytes under a key of the store, as rot would. */
static inline void fixture_damage(fixture_t *self, span_t key, span_t value) {
    fixture_restart(self);
    fixture_stop_shards(self);
    FIXTURE_OK(store_begin(self->store));
    FIXTURE_OK(store_put(self->store, key, value));
    FIXTURE_OK(store_commit(self->store));
    fixture_start_shards(self);
}

/* Effects. */

static inline void fixture_check_header(const outcome_t *outcome, const envelope_t *envelope) {
    cr_assert(envelope->type == ENVELOPE_REPLY || envelope->type == ENVELOPE_ERROR);
    cr_assert_eq(envelope->id, outcome->id);
    cr_assert_eq(envelope->session.ptr != NULL, outcome->has_session);
    cr_assert(!outcome->has_session || memcmp(envelope->session.ptr, outcome->session, SESSION_BYTES) == 0);
}

static inline char *fixture_text(fixture_t *self, const outcome_t *outcome, span_t bytes) {
    envelope_t envelope;
    size_t consumed;
    FIXTURE_OK(envelope_decode(&envelope, &self->tape, bytes, &consumed));
    cr_assert_eq(consumed, bytes.len);
    char *body = json_print(&self->tape, envelope_body_token(&self->tape)), *text = NULL;
    fixture_check_header(outcome, &envelope);
    cr_assert(asprintf(&text, "%s %s", envelope.type == ENVELOPE_REPLY ? "reply" : "error", body) > 0);
    free(body);
    return text;
}

static inline void fixture_answer(fixture_t *self, const effect_t *effect, span_t bytes) {
    cr_assert(effect->peer == 7 && effect->peer_number >= 1 && effect->peer_number <= self->tickets);
    outcome_t *outcome = &self->outcomes[effect->peer_number];
    cr_assert_null(outcome->text, "request %lu ended twice", (unsigned long)effect->peer_number);
    outcome->text = bytes.len == 0 ? strdup("silent") : fixture_text(self, outcome, bytes);
    outcome->len = bytes.len;
    outcome->bytes = memcpy(malloc(bytes.len + 1), bytes.len == 0 ? (const uint8_t *)"" : bytes.ptr, bytes.len);
    outcome->flags = effect->flags;
}

static inline void fixture_note(fixture_t *self, const char *line) {
    size_t bytes = strlen(line) + 2;
    while (self->events_capacity - self->events_bytes < bytes) {
        self->events_capacity *= 2;
        self->events = realloc(self->events, self->events_capacity);
    }
    self->events_bytes += (size_t)snprintf(self->events + self->events_bytes, bytes, "%s\n", line);
}

static inline void fixture_event(fixture_t *self, span_t bytes) {
    envelope_t envelope;
    size_t consumed;
    char *line = NULL;
    FIXTURE_OK(envelope_decode(&envelope, &self->tape, bytes, &consumed));
    cr_assert(envelope.type == ENVELOPE_EVENT && consumed == bytes.len);
    char *body = json_print(&self->tape, envelope_body_token(&self->tape));
    cr_assert(asprintf(&line, "%.*s/%.*s %.*s %s", (int)envelope.kind.len, envelope.kind.ptr, (int)envelope.key.len,
                       envelope.key.ptr, (int)envelope.method.len, envelope.method.ptr, body) > 0);
    fixture_note(self, line);
    free(line);
    free(body);
}

static inline void fixture_mute(fixture_t *self, span_t bytes) {
    char line[KIND_BYTES_MAX + 2 * KEY_BYTES_MAX + 16];
    envelope_t envelope;
    size_t consumed;
    FIXTURE_OK(envelope_decode(&envelope, &self->tape, bytes, &consumed));
    cr_assert(envelope.type == ENVELOPE_EVENT && consumed == bytes.len);
    snprintf(line, sizeof line, "mute %.*s/%.*s %.*s", (int)envelope.kind.len, envelope.kind.ptr, (int)envelope.key.len,
             envelope.key.ptr, (int)envelope.subject.len, envelope.subject.ptr);
    fixture_note(self, line);
}

/* Gives the open buffer, if there is one. */
static inline void fixture_give(fixture_t *self, uint16_t shard) {
    if (self->open[shard] != NULL) {
        shard_give(self->shards[shard], self->open[shard]);
        self->open[shard] = NULL;
        self->inside[shard]++;
    }
}

/* From the broker to a shard. Without room it is lost. */
static inline void fixture_hand(fixture_t *self, const request_t *request) {
    uint16_t shard = request->partition % self->options.count;
    if (self->open[shard] != NULL && !requests_has_room(self->open[shard], request_bytes(request))) {
        if (self->inside[shard] == REQUEST_BATCHES_PER_SHARD) {
            return;
        }
        fixture_give(self, shard);
    }
    if (self->open[shard] == NULL) {
        self->open[shard] = requests_new(shard);
    }
    requests_add(self->open[shard], request);
    self->routed++;
}

static inline const kind_t *fixture_kind_of(const fixture_t *self, span_t name) {
    return self->options.kind_of != NULL ? self->options.kind_of(name) : kind_of(name);
}

/* An envelope between actors as a request. */
static inline request_t fixture_message(const fixture_t *self, const envelope_t *envelope) {
    const kind_t *kind = fixture_kind_of(self, envelope->kind);
    bool admin = span_equal(envelope->role, span_text("ADMIN"));
    cr_assert_not_null(kind);
    return (request_t){.roles = ROLE_ACTOR | (envelope->subject.ptr == NULL ? 0 : ROLE_USER) | (admin ? ROLE_ADMIN : 0),
                       .hops = envelope->hops,
                       .received_us = self->now_us,
                       .deadline_us = UINT64_MAX,
                       .kind = kind,
                       .method = kind_method(kind, envelope->method),
                       .partition = address_partition(envelope->kind, envelope->key),
                       .key = envelope->key,
                       .subject = envelope->subject,
                       .trace = envelope->trace,
                       .body = envelope->body};
}

static inline void fixture_route(fixture_t *self, span_t bytes) {
    envelope_t envelope;
    size_t consumed;
    FIXTURE_OK(envelope_decode(&envelope, &self->tape, bytes, &consumed));
    cr_assert(envelope.type == ENVELOPE_TELL && consumed == bytes.len);
    request_t request = fixture_message(self, &envelope);
    request.type = REQUEST_MESSAGE;
    FIXTURE_OK(stream_read(&request.stream.stream, &request.chain,
                           self->options.kind_of != NULL ? self->options.kind_of : kind_of, envelope.stream));
    cr_assert_eq(request.partition, request.stream.stream.to);
    fixture_hand(self, &request);
}

static inline void fixture_acknowledge(fixture_t *self, span_t bytes) {
    request_t request = {.type = REQUEST_ACK};
    cr_assert_eq(bytes.len, sizeof request.stream);
    memcpy(&request.stream, bytes.ptr, bytes.len);
    request.partition = request.stream.stream.from;
    fixture_hand(self, &request);
}

static inline const work_t *fixture_work_of(const fixture_t *self, span_t name) {
    for (const work_t *const *work = self->works != NULL ? self->works : works; *work != NULL; work++) {
        if (span_equal(name, span_text((*work)->name))) {
            return *work;
        }
    }
    cr_assert_fail("no work of this name");
    return NULL;
}

/* Does the work at once; its result comes back as a message. */
static inline void fixture_work(fixture_t *self, span_t bytes) {
    static uint8_t result[2 * VALUE_BYTES_MAX];
    envelope_t envelope;
    size_t consumed;
    FIXTURE_OK(envelope_decode(&envelope, &self->tape, bytes, &consumed));
    request_t request = fixture_message(self, &envelope);
    const work_t *work = fixture_work_of(self, envelope.idempotency_key);
    void *input = calloc(1, work->input->struct_bytes);
    FIXTURE_OK(record_decode(work->input, &self->tape, envelope_body_token(&self->tape), FROM_WIRE, input, NULL));
    pack_t pack = pack_into(result, sizeof result);
    work_place_t place = {.reader = self->work_reader, .folder = "/nonexistent", .name = work->name};
    status_t status = work->run(&place, input, &pack);
    free(input);
    request.type = REQUEST_WORKED;
    request.body = pack_bytes(&pack);
    if (status == STATUS_OK) {
        fixture_hand(self, &request);
    }
}

static inline void fixture_effect(fixture_t *self, const effect_t *effect, span_t bytes) {
    char line[KIND_BYTES_MAX + KEY_BYTES_MAX + 16];
    bool lost = self->loses != NULL && self->loses(effect);
    switch ((effect_type_t)effect->type) {
    case EFFECT_ANSWER:
        fixture_answer(self, effect, bytes);
        return;
    case EFFECT_SEND:
        if (!lost) {
            fixture_route(self, bytes);
        }
        return;
    case EFFECT_ACK:
        if (!lost) {
            fixture_acknowledge(self, bytes);
        }
        return;
    case EFFECT_WORK:
        if (!lost) {
            fixture_work(self, bytes);
        }
        return;
    case EFFECT_EVENT:
        fixture_event(self, bytes);
        return;
    case EFFECT_END:
        snprintf(line, sizeof line, "end %.*s", (int)bytes.len, bytes.ptr);
        fixture_note(self, line);
        return;
    case EFFECT_MUTE:
        fixture_mute(self, bytes);
        return;
    case EFFECT_FIGURES:
        break;
    }
    cr_assert_fail("an effect of type %u", effect->type);
}

static inline void fixture_collect(fixture_t *self, const batch_t *batch) {
    span_t rest = span_of(batch->effects, batch->effects_bytes), bytes;
    uint32_t count = 0;
    effect_t effect;
    for (; effect_next(&rest, &effect, &bytes); count++) {
        fixture_effect(self, &effect, bytes);
    }
    cr_assert_eq(count, batch->effect_count);
}

static inline void fixture_take_home(fixture_t *self, batch_t *batch) {
    for (uint32_t i = 0; i < batch->finished_count; i++) {
        requests_t *requests = batch->finished[i];
        cr_assert_eq(requests->next, requests->count, "a buffer came home too early");
        cr_assert(self->inside[batch->shard]-- > 0);
        requests_destroy(&requests); /* at home twice would be freed twice */
    }
}

/* One batch of one shard, through the whole ring but for the applier. */
static inline void fixture_step(fixture_t *self, uint16_t shard) {
    batch_t *batch = batch_new(shard);
    FIXTURE_OK(shard_step(self->shards[shard], batch, self->now_us, self->unix_ms));
    fixture_journal(self, batch);
    fixture_collect(self, batch);
    fixture_take_home(self, batch);
    batch_destroy(&batch);
}

static inline void fixture_idle(fixture_t *self, uint16_t shard) {
    batch_t *batch = batch_new(shard);
    FIXTURE_OK(shard_idle(self->shards[shard], batch, self->now_us, self->unix_ms));
    fixture_journal(self, batch);
    cr_assert_eq(batch->effect_count, 0);
    batch_destroy(&batch);
}

/* Requests. */

static inline void fixture_session(uint64_t session, uint64_t issued_ms, uint8_t out[SESSION_BYTES]) {
    for (int i = 0; i < 8; i++) {
        out[i] = i < 6 ? (uint8_t)(issued_ms >> (8 * (5 - i))) : 0;
        out[8 + i] = (uint8_t)(session >> (8 * (7 - i)));
    }
}

static inline span_t fixture_body(const call_t *call, uint8_t *bytes, size_t capacity) {
    char error[256] = "";
    pack_t pack = pack_into(bytes, capacity);
    if (call->raw.ptr != NULL) {
        return call->raw;
    }
    status_t status = json_parse(span_text(call->body != NULL ? call->body : "{}"), &pack, error, sizeof error);
    cr_assert_eq(status, STATUS_OK, "%s: %s", call->body, error);
    return pack_bytes(&pack);
}

static inline const kind_t *fixture_kind(const call_t *call) {
    int kind = kind_find(span_text(call->kind != NULL ? call->kind : "user"));
    cr_assert(kind >= 0, "%s", call->kind);
    return call->own_kind != NULL ? call->own_kind : &kinds[kind];
}

static inline request_t fixture_request(const call_t *call) {
    const kind_t *kind = fixture_kind(call);
    request_t request = {.peer = 7,
                         .id = call->id,
                         .lowest_unanswered = call->lowest,
                         .received_us = FIXTURE_NOW_US,
                         .deadline_us = call->deadline_us != 0 ? call->deadline_us : UINT64_MAX,
                         .kind = kind,
                         .method = kind_method(kind, span_text(call->method)),
                         .roles = call->roles != 0 ? call->roles : ROLE_OPERATOR,
                         .type = call->tell ? REQUEST_TELL : REQUEST_CALL};
    cr_assert_not_null(request.method, "%s", call->method);
    if (call->user != NULL) {
        request.subject = span_text(call->user);
        request.roles = call->roles != 0 ? call->roles : ROLE_USER;
        request.has_handle = true;
    }
    if (call->key != NULL) {
        request.key = span_text(call->key);
        request.partition = address_partition(span_text(kind->name), request.key);
    }
    if (call->idempotency_key != NULL) {
        char caller[IDEMPOTENCY_BYTES + 1];
        int len = snprintf(caller, sizeof caller, "%s:%s", call->user != NULL ? call->user : "", call->idempotency_key);
        cr_assert_leq(len, IDEMPOTENCY_BYTES, "%s is too long for a hash that anybody can read", caller);
        request.has_idempotency = true;
        memcpy(request.idempotency, caller, (size_t)len);
    }
    if (call->session != 0) {
        request.has_session = true;
        fixture_session(call->session, call->issued_ms != 0 ? call->issued_ms : FIXTURE_UNIX_MS, request.session);
    }
    return request;
}

static inline uint64_t fixture_ticket(fixture_t *self, const request_t *request) {
    if (++self->tickets >= self->outcomes_capacity) {
        self->outcomes_capacity = self->outcomes_capacity == 0 ? 1024 : 2 * self->outcomes_capacity;
        self->outcomes = realloc(self->outcomes, self->outcomes_capacity * sizeof *self->outcomes);
    }
    if (self->tickets == 1) {
        self->outcomes[0] = (outcome_t){0};
    }
    outcome_t *outcome = &self->outcomes[self->tickets];
    *outcome = (outcome_t){.id = request->id, .has_session = request->has_session};
    memcpy(outcome->session, request->session, SESSION_BYTES);
    return self->tickets;
}

/* A request to one shard. Returns its ticket. */
static inline uint64_t fixture_send_to(fixture_t *self, uint16_t shard, const call_t *call) {
    static uint8_t bytes[ENVELOPE_BYTES_MAX];
    request_t request = fixture_request(call);
    request.body = fixture_body(call, bytes, sizeof bytes);
    request.peer_number = fixture_ticket(self, &request);
    if (self->open[shard] != NULL && !requests_has_room(self->open[shard], request_bytes(&request))) {
        fixture_give(self, shard);
    }
    while (self->inside[shard] == REQUEST_BATCHES_PER_SHARD) {
        fixture_step(self, shard);
    }
    if (self->open[shard] == NULL) {
        self->open[shard] = requests_new(shard);
    }
    requests_add(self->open[shard], &request);
    return request.peer_number;
}

static inline uint16_t fixture_shard_of(const fixture_t *self, const call_t *call) {
    return fixture_request(call).partition % self->options.count;
}

static inline uint64_t fixture_send(fixture_t *self, const call_t *call) {
    return fixture_send_to(self, fixture_shard_of(self, call), call);
}

static inline bool fixture_waiting(const fixture_t *self, uint16_t shard) {
    return shard_due_us(self->shards[shard], self->now_us, self->unix_ms) == 0;
}

/* One round over all shards. False: there was nothing to do. */
static inline bool fixture_round(fixture_t *self) {
    bool worked = false;
    for (uint16_t shard = 0; shard < self->options.count; shard++) {
        fixture_give(self, shard);
        while (fixture_waiting(self, shard)) {
            fixture_step(self, shard);
            worked = true;
        }
    }
    return worked;
}

/* Everything that was sent, and what comes of it. Then every request has ended and every buffer is home. */
static inline void fixture_run(fixture_t *self) {
    while (fixture_round(self)) {
    }
    for (uint16_t shard = 0; shard < self->options.count; shard++) {
        cr_assert_eq(self->inside[shard], 0);
    }
    while (self->settled < self->tickets && !self->may_wait) {
        self->settled++;
        cr_assert_not_null(self->outcomes[self->settled].text, "request %lu never ended", (unsigned long)self->settled);
    }
}

/* Lets time pass, in steps of what is due next, running what becomes due. */
static inline void fixture_pass(fixture_t *self, uint64_t ms) {
    uint64_t end_us = self->now_us + ms * 1000;
    fixture_run(self);
    while (self->now_us < end_us) {
        uint64_t step_us = end_us - self->now_us;
        for (uint16_t shard = 0; shard < self->options.count; shard++) {
            uint64_t due_us = shard_due_us(self->shards[shard], self->now_us, self->unix_ms);
            step_us = due_us < step_us ? due_us : step_us;
        }
        step_us = step_us < 1000 ? 1000 : step_us;
        self->now_us += step_us;
        self->unix_ms += step_us / 1000;
        fixture_run(self);
    }
}

static inline const char *fixture_outcome(const fixture_t *self, uint64_t ticket) {
    return self->outcomes[ticket].text;
}

static inline span_t fixture_envelope(const fixture_t *self, uint64_t ticket) {
    return span_of(self->outcomes[ticket].bytes, self->outcomes[ticket].len);
}

static inline const char *fixture_call(fixture_t *self, const call_t *call) {
    uint64_t ticket = fixture_send(self, call);
    fixture_run(self);
    return fixture_outcome(self, ticket);
}

/* What all shards answer to `list`, one behind the other. */
static inline const char *fixture_list(fixture_t *self, call_t call) {
    static char text[KIB(64)];
    size_t len = 0;
    call.method = "list";
    for (uint16_t shard = 0; shard < self->options.count; shard++) {
        uint64_t ticket = fixture_send_to(self, shard, &call);
        fixture_run(self);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s ", fixture_outcome(self, ticket));
        cr_assert_lt(len, sizeof text);
    }
    return text;
}

static inline bool fixture_is(const char *text, const char *begin) {
    return strncmp(text, begin, strlen(begin)) == 0;
}

static inline uint64_t fixture_resident(fixture_t *self) {
    return shard_stats(self->shards[0]).resident;
}

static inline uint64_t fixture_memtable_bytes(fixture_t *self) {
    return shard_stats(self->shards[0]).memtable_bytes;
}

/* Texts of answers. */
#define ERROR_TEXT(code) "error {\"code\":\"" code "\""

#endif
