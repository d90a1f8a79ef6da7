/* SPDX-License-Identifier: MIT */
/*
 * A turn writes into the batch and the memtable at once, so that it reads what it wrote by the ordinary read path; a
 * turn that fails is undone there. The head record is written last, by turn_commit.
 */
#include "actors/turn_run.h"

#include <sodium.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "actors/cell.h"
#include "actors/effect.h"
#include "actors/store_key.h"

enum { TIMER_WRITES = 3 }; /* of turn_at at most: the row, its name, and the row before it */

void turn_init(turn_t *self, const turn_parts_t *parts) {
    memset(self, 0, sizeof *self);
    self->parts = *parts;
    self->arena =
        mmap(NULL, TURN_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(self->arena != MAP_FAILED, "out of memory");
}

void turn_fini(turn_t *self) {
    munmap(self->arena, TURN_ARENA_BYTES);
}

void turn_begin(turn_t *self, const request_t *request, uint64_t now_ms) {
    const batch_t *batch = self->parts.writer->batch;
    self->request = request;
    self->now_ms = now_ms;
    self->version = 0;
    self->state = self->reply = self->chain = (span_t){0};
    self->ended = self->held = false;
    self->flags = 0;
    self->send_count = self->answer_count = self->events = self->works = self->writes = 0;
    self->bytes = 0;
    self->failure = STATUS_OK;
    self->detail[0] = 0;
    self->arena_used = 0;
    self->effects_bytes = batch->effects_bytes;
    self->effect_count = batch->effect_count;
    writer_mark(self->parts.writer);
    if (request->type == REQUEST_TIMER) {
        timers_remove(self->parts.writer, self->timer);
    }
}

void turn_abort(turn_t *self) {
    batch_t *batch = self->parts.writer->batch;
    batch->effects_bytes = self->effects_bytes;
    batch->effect_count = self->effect_count;
    writer_rollback(self->parts.writer);
}

void *turn_alloc(turn_t *self, size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    CHECK(bytes <= TURN_ARENA_BYTES - self->arena_used, "%zu bytes behind %zu", bytes, self->arena_used);
    void *memory = self->arena + self->arena_used;
    self->arena_used += bytes;
    return memory;
}

/* Counts towards the turn's bounds. */
static status_t charge(turn_t *self, uint32_t writes, size_t bytes) {
    if (writes > TURN_WRITES_MAX - self->writes || bytes > TURN_BYTES_MAX - self->bytes) {
        return STATUS_TOO_LARGE;
    }
    self->writes += writes;
    self->bytes += bytes;
    return STATUS_OK;
}

/* Encodes into the arena, with room for a cell's header before it. */
static status_t encode(turn_t *self, const record_t *record, const void *in, size_t max, span_t *body) {
    size_t room = TURN_ARENA_BYTES - self->arena_used;
    if (room < CELL_HEADER_BYTES) {
        return STATUS_TOO_LARGE;
    }
    room -= CELL_HEADER_BYTES;
    uint8_t *at = self->arena + self->arena_used;
    pack_t pack = pack_into(at + CELL_HEADER_BYTES, max < room ? max : room);
    record_encode(record, in, &pack);
    if (!pack_ok(&pack)) {
        return STATUS_TOO_LARGE;
    }
    turn_alloc(self, CELL_HEADER_BYTES + pack.len);
    *body = pack_bytes(&pack);
    return STATUS_OK;
}

status_t turn_state(turn_t *self, const void *next) {
    const record_t *record = self->request->kind->state;
    CHECK(record != NULL && !self->ended, "%s keeps no state", self->request->kind->name);
    span_t body;
    status_t status = encode(self, record, next, VALUE_BYTES_MAX, &body);
    if (status == STATUS_OK) {
        status = charge(self, self->state.ptr == NULL ? 1 : 0, body.len);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (self->state.ptr == NULL) {
        self->version++;
    }
    self->state = body;
    return STATUS_OK;
}

status_t turn_end(turn_t *self) {
    CHECK(self->request->kind->state != NULL && self->version > 0, "%s has no head record", self->request->kind->name);
    self->ended = true;
    self->state = (span_t){0};
    return charge(self, 1, 0);
}

/* A message that would be one hop too far: who is to read it finds the loop in its chain. */
static void bury(turn_t *self, const message_t *message) {
    char address[KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1];
    dead_letter_t letter = {0};
    snprintf(address, sizeof address, "%s/%.*s", message->kind->name, (int)message->key.len,
             (const char *)message->key.ptr);
    FIELD_SET(dead_letter, &letter, at, self->now_ms);
    FIELD_SET(dead_letter, &letter, address, span_text(address));
    FIELD_SET(dead_letter, &letter, method, message->method);
    FIELD_SET(dead_letter, &letter, code, span_text(status_code(STATUS_TOO_LARGE)));
    FIELD_SET(dead_letter, &letter, text, span_text("Too many messages caused one another; it was not sent"));
    FIELD_SET(dead_letter, &letter, attempts, 0);
    FIELD_SET(dead_letter, &letter, hops, message->hops);
    FIELD_SET(dead_letter, &letter, chain, message->chain);
    FIELD_SET(dead_letter, &letter, body, message->body);
    dead_letters_put(self->parts.dead_letters, self->parts.writer, message->from, &letter);
}

static void commit_head(turn_t *self, span_t head_key) {
    if (self->ended) {
        writer_delete(self->parts.writer, head_key);
    } else if (self->state.ptr != NULL) {
        uint8_t *cell = (uint8_t *)self->state.ptr - CELL_HEADER_BYTES; /* encode left room */
        cell_seal(cell, head_key, (uint16_t)self->request->kind->state->version, self->version, self->state.len);
        writer_put(self->parts.writer, head_key, span_of(cell, CELL_HEADER_BYTES + self->state.len));
    }
}

void turn_commit(turn_t *self, span_t head_key, uint64_t now_us) {
    commit_head(self, head_key);
    for (uint32_t i = 0; i < self->send_count; i++) {
        if (self->sends[i].hops > HOPS_MAX) {
            bury(self, &self->sends[i]);
        } else {
            outbox_add(self->parts.outbox, self->parts.writer, &self->sends[i], now_us);
        }
    }
}

static bool subkey_valid(span_t subkey) {
    return subkey.len >= 1 && subkey.len <= SUBKEY_BYTES_MAX;
}

static void sub(const turn_t *self, span_t subkey, store_key_t *key) {
    const request_t *request = self->request;
    store_key_sub(key, request->partition, span_text(request->kind->name), request->key, subkey);
}

status_t turn_get(turn_t *self, span_t subkey, span_t *value) {
    store_key_t key;
    span_t stored;
    cell_t cell;
    CHECK(subkey_valid(subkey), "%zu bytes", subkey.len);
    sub(self, subkey, &key);
    status_t status = view_get(self->parts.view, store_key_span(&key), &stored);
    if (status != STATUS_OK) {
        return status;
    }
    if (stored.ptr == NULL) {
        *value = (span_t){0};
        return STATUS_OK;
    }
    if (!cell_open(&cell, store_key_span(&key), stored)) {
        return STATUS_INTERNAL;
    }
    *value = cell.body;
    return STATUS_OK;
}

status_t turn_put(turn_t *self, span_t subkey, span_t value) {
    store_key_t key;
    CHECK(subkey_valid(subkey) && value.ptr != NULL, "%zu bytes under %zu", value.len, subkey.len);
    if (value.len > VALUE_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    status_t status = charge(self, 1, subkey.len + value.len);
    if (status != STATUS_OK) {
        return status;
    }
    sub(self, subkey, &key);
    size_t arena_used = self->arena_used;
    uint8_t *cell = turn_alloc(self, CELL_HEADER_BYTES + value.len);
    memcpy(cell + CELL_HEADER_BYTES, value.ptr, value.len);
    cell_seal(cell, store_key_span(&key), 0, 0, value.len);
    writer_put(self->parts.writer, store_key_span(&key), span_of(cell, CELL_HEADER_BYTES + value.len));
    self->arena_used = arena_used;
    return STATUS_OK;
}

status_t turn_del(turn_t *self, span_t subkey) {
    store_key_t key;
    CHECK(subkey_valid(subkey), "%zu bytes", subkey.len);
    status_t status = charge(self, 1, subkey.len);
    if (status != STATUS_OK) {
        return status;
    }
    sub(self, subkey, &key);
    writer_delete(self->parts.writer, store_key_span(&key));
    return STATUS_OK;
}

status_t turn_list(turn_t *self, span_t from, span_t to, turn_list_fn each, void *context) {
    store_key_t first, last, none;
    view_walk_t walk;
    span_t key, value;
    cell_t cell;
    sub(self, (span_t){0}, &none);
    sub(self, from, &first);
    if (to.ptr != NULL) {
        sub(self, to, &last);
    } else {
        store_key_after(&last, &none);
    }
    view_walk_start(&walk, self->parts.view, store_key_span(&first), store_key_span(&last));
    while (view_walk_next(&walk, &key, &value)) {
        if (!cell_open(&cell, key, value)) {
            return STATUS_INTERNAL;
        }
        if (!each(context, span_of(key.ptr + none.len, key.len - none.len), cell.body)) {
            break;
        }
    }
    return STATUS_OK;
}

status_t turn_reply(turn_t *self, const void *reply) {
    span_t body;
    status_t status = encode(self, self->request->method->reply, reply, TURN_BYTES_MAX, &body);
    if (status == STATUS_OK) {
        status = charge(self, 0, body.len);
    }
    if (status == STATUS_OK) {
        self->reply = body;
    }
    return status;
}

/* Of a text that was cut between two bytes: half a character would make the whole answer unreadable. */
static void drop_last_character(char *text) {
    size_t len = strlen(text);
    while (len > 0 && ((uint8_t)text[--len] & 0xc0) == 0x80) {
    }
    text[len] = 0;
}

status_t turn_fail(turn_t *self, status_t status, const char *format, ...) {
    va_list arguments;
    CHECK(status != STATUS_OK, "a turn cannot fail with ok");
    va_start(arguments, format);
    int len = vsnprintf(self->detail, sizeof self->detail, format, arguments);
    va_end(arguments);
    if (len >= (int)sizeof self->detail) {
        drop_last_character(self->detail);
    }
    self->failure = status;
    return status;
}

/* Answers that come later. */

bool turn_answerable(const turn_t *self) {
    return self->request->type == REQUEST_CALL || self->request->type == REQUEST_TELL;
}

span_t turn_hold(turn_t *self) {
    CHECK(turn_answerable(self), "%s of %s answers nobody", self->request->method->name, self->request->kind->name);
    uint8_t *token = turn_alloc(self, HOLD_BYTES);
    holds_token(self->request, token);
    self->held = true;
    return span_of(token, HOLD_BYTES);
}

static status_t answer_later(turn_t *self, span_t token, envelope_type_t type, span_t body) {
    hold_t hold;
    CHECK(holds_read(token, &hold), "%zu bytes are no token", token.len);
    status_t status = charge(self, 0, body.len);
    if (status != STATUS_OK || self->answer_count == TURN_ANSWERS_MAX) {
        return STATUS_TOO_LARGE;
    }
    self->answers[self->answer_count++] =
        (turn_answer_t){.hold = hold, .answer = {.type = (uint8_t)type, .flags = self->flags & EFFECT_GRANT, .body = body}};
    return STATUS_OK;
}

status_t turn_reply_to(turn_t *self, span_t token, uint32_t method, const void *reply) {
    const kind_t *kind = self->request->kind;
    span_t body;
    CHECK(method < kind->method_count, "method %u of %s", method, kind->name);
    status_t status = encode(self, kind->methods[method].reply, reply, TURN_BYTES_MAX, &body);
    return status == STATUS_OK ? answer_later(self, token, ENVELOPE_REPLY, body) : status;
}

status_t turn_fail_to(turn_t *self, span_t token, status_t status, const char *text) {
    size_t room = 256 + strlen(text);
    pack_t pack = pack_into(turn_alloc(self, room), room);
    envelope_pack_error(&pack, status, text, 0);
    CHECK(pack_ok(&pack), "an error of %zu bytes", room);
    return answer_later(self, token, ENVELOPE_ERROR, pack_bytes(&pack));
}

/* Messages to others. */

static span_t address_of(turn_t *self) {
    const request_t *request = self->request;
    size_t room = KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1;
    char *text = turn_alloc(self, room);
    int len =
        snprintf(text, room, "%s/%.*s", request->kind->name, (int)request->key.len, (const char *)request->key.ptr);
    return span_of(text, (size_t)len);
}

/* This actor's address, and near HOPS_MAX those of whom it had the message from. */
static span_t chain_of(turn_t *self) {
    const request_t *request = self->request;
    token_t tokens[1 + CHAIN_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    uint32_t before = 0;
    if (request->chain.ptr != NULL && request->hops + CHAIN_MAX >= HOPS_MAX &&
        tape_read_whole(&tape, request->chain) == STATUS_OK) {
        before = tape.count - 1 < CHAIN_MAX - 1 ? tape.count - 1 : CHAIN_MAX - 1;
    }
    pack_t pack = pack_into(turn_alloc(self, CHAIN_BYTES_MAX), CHAIN_BYTES_MAX);
    pack_array(&pack, 1 + before);
    pack_text(&pack, address_of(self));
    for (uint32_t i = 0; i < before; i++) {
        pack_raw(&pack, tape_raw(&tape, 1 + i));
    }
    CHECK(pack_ok(&pack), "%u addresses", before);
    return pack_bytes(&pack);
}

static span_t role_of(const turn_t *self) {
    span_t admin = span_text("ADMIN"), user = span_text("USER");
    return self->request->subject.ptr == NULL ? (span_t){0} : (self->request->roles & ROLE_ADMIN) != 0 ? admin : user;
}

static const method_t *method_for_actors(const kind_t *kind, uint32_t method) {
    CHECK(method < kind->method_count && (kind->methods[method].roles & ROLE_ACTOR) != 0,
          "method %u of %s is not for actors", method, kind->name);
    return &kind->methods[method];
}

status_t turn_send(turn_t *self, const kind_t *kind, span_t key, uint32_t method, const void *request) {
    const request_t *cause = self->request;
    const method_t *asked = method_for_actors(kind, method);
    span_t body;
    if (self->send_count == TURN_SENDS_MAX) {
        return STATUS_TOO_LARGE;
    }
    status_t status = encode(self, asked->request, request, VALUE_BYTES_MAX, &body);
    if (status == STATUS_OK) {
        self->chain = self->chain.ptr != NULL ? self->chain : chain_of(self);
        status = charge(self, 0, MESSAGE_OVERHEAD_BYTES + self->chain.len + key.len + body.len);
    }
    if (status == STATUS_OK) {
        status = outbox_prepare(self->parts.outbox, cause->partition, kind, key);
    }
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *copy = turn_alloc(self, key.len);
    memcpy(copy, key.ptr, key.len);
    self->sends[self->send_count++] = (message_t){.from = cause->partition,
                                                  .kind = kind,
                                                  .key = span_of(copy, key.len),
                                                  .method = span_text(asked->name),
                                                  .hops = (uint8_t)(cause->hops + 1),
                                                  .user = cause->subject,
                                                  .role = role_of(self),
                                                  .trace = cause->trace,
                                                  .chain = self->chain,
                                                  .body = body};
    return STATUS_OK;
}

/* Effects other than answers and messages. They go into the batch at once, and are undone there. */

static status_t add_effect(turn_t *self, effect_type_t type, const envelope_t *envelope) {
    status_t status = charge(self, 0, ENVELOPE_OVERHEAD_BYTES + envelope->key.len + envelope->body.len);
    if (status == STATUS_OK) {
        effect_add(self->parts.writer->batch, (effect_t){.type = (uint8_t)type}, envelope);
    }
    return status;
}

/* {log_epoch, ...the record's fields} */
static status_t encode_event(turn_t *self, const record_t *record, const void *in, span_t *body) {
    enum { FIXMAP = 0x80, FIXMAP_BYTES = 1, MAP16_BYTES = 3, EPOCH_BYTES = 32 };
    span_t fields;
    status_t status = encode(self, record, in, VALUE_BYTES_MAX, &fields);
    if (status != STATUS_OK) {
        return status;
    }
    size_t header = (fields.ptr[0] & 0xf0) == FIXMAP ? FIXMAP_BYTES : MAP16_BYTES;
    pack_t pack = pack_into(turn_alloc(self, fields.len + EPOCH_BYTES), fields.len + EPOCH_BYTES);
    pack_map(&pack, (size_t)__builtin_popcountll(*(const uint64_t *)in) + 1);
    pack_cstring(&pack, "log_epoch");
    pack_u64(&pack, self->parts.log_epoch);
    pack_raw(&pack, span_of(fields.ptr + header, fields.len - header));
    CHECK(pack_ok(&pack), "an event of %zu bytes", fields.len);
    *body = pack_bytes(&pack);
    return STATUS_OK;
}

status_t turn_publish(turn_t *self, uint32_t event, const void *record) {
    const kind_t *kind = self->request->kind;
    span_t body;
    CHECK(event < kind->event_count, "event %u of %s", event, kind->name);
    if (self->events == TURN_EVENTS_MAX) {
        return STATUS_TOO_LARGE;
    }
    self->events++;
    status_t status = encode_event(self, kind->events[event].record, record, &body);
    return status != STATUS_OK ? status
                               : add_effect(self, EFFECT_EVENT,
                                            &(envelope_t){.type = ENVELOPE_EVENT,
                                                          .kind = span_text(kind->name),
                                                          .key = self->request->key,
                                                          .method = span_text(kind->events[event].name),
                                                          .trace = self->request->trace,
                                                          .body = body});
}

status_t turn_work(turn_t *self, const work_t *work, const void *input, uint32_t method) {
    const request_t *cause = self->request;
    const method_t *taker = method_for_actors(cause->kind, method);
    span_t body;
    if (self->works == TURN_WORKS_MAX) {
        return STATUS_TOO_LARGE;
    }
    self->works++;
    status_t status = encode(self, work->input, input, VALUE_BYTES_MAX, &body);
    return status != STATUS_OK ? status
                               : add_effect(self, EFFECT_WORK,
                                            &(envelope_t){.type = ENVELOPE_TELL,
                                                          .kind = span_text(cause->kind->name),
                                                          .key = cause->key,
                                                          .method = span_text(taker->name),
                                                          .idempotency_key = span_text(work->name),
                                                          .subject = cause->subject,
                                                          .role = role_of(self),
                                                          .trace = cause->trace,
                                                          .body = body});
}

status_t turn_end_handles(turn_t *self) {
    span_t address = address_of(self);
    status_t status = charge(self, 0, address.len);
    if (status == STATUS_OK) {
        effect_add_raw(self->parts.writer->batch, (effect_t){.type = EFFECT_END}, address);
    }
    return status;
}

void turn_subscribe(turn_t *self) {
    self->flags |= EFFECT_SUBSCRIBE;
}
void turn_unsubscribe(turn_t *self) {
    self->flags |= EFFECT_UNSUBSCRIBE;
}
void turn_grant(turn_t *self) {
    self->flags |= EFFECT_GRANT;
}
uint64_t turn_log_epoch(const turn_t *self) {
    return self->parts.log_epoch;
}

/* Timers. */

static timer_row_t timer_of(const turn_t *self, uint32_t method, span_t tag) {
    const request_t *request = self->request;
    return (timer_row_t){.partition = request->partition,
                         .kind = span_text(request->kind->name),
                         .key = request->key,
                         .method = span_text(method_for_actors(request->kind, method)->name),
                         .tag = tag,
                         .user = request->subject,
                         .role = role_of(self)};
}

status_t turn_at(turn_t *self, uint64_t when_ms, uint32_t method, span_t tag, const void *request) {
    timer_row_t timer = timer_of(self, method, tag);
    timer.when_ms = when_ms;
    status_t status = encode(self, self->request->kind->methods[method].request, request, VALUE_BYTES_MAX, &timer.body);
    if (status == STATUS_OK) {
        status = charge(self, TIMER_WRITES, timer.body.len + timer.key.len + tag.len);
    }
    return status == STATUS_OK ? timers_set(self->parts.timers, self->parts.writer, &timer) : status;
}

status_t turn_cancel(turn_t *self, uint32_t method, span_t tag) {
    timer_row_t timer = timer_of(self, method, tag);
    status_t status = charge(self, TIMER_WRITES, 0);
    return status == STATUS_OK ? timers_cancel(self->parts.timers, self->parts.writer, &timer) : status;
}

/* Who and when. */

void turn_sender(const turn_t *self, span_t *kind, span_t *key) {
    token_t tokens[1 + CHAIN_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    *kind = *key = (span_t){0};
    if (self->request->chain.ptr == NULL || tape_read_whole(&tape, self->request->chain) != STATUS_OK ||
        tape.count < 2) {
        return;
    }
    span_t address = token_span(&tokens[1]);
    const uint8_t *slash = memchr(address.ptr, '/', address.len);
    if (slash != NULL) {
        *kind = span_of(address.ptr, (size_t)(slash - address.ptr));
        *key = span_of(slash + 1, address.len - kind->len - 1);
    }
}

span_t turn_user(const turn_t *self) {
    return self->request->subject;
}
uint32_t turn_roles(const turn_t *self) {
    return self->request->roles;
}
span_t turn_key(const turn_t *self) {
    return self->request->key;
}
uint64_t turn_version(const turn_t *self) {
    return self->version;
}
uint64_t turn_now(const turn_t *self) {
    return self->now_ms;
}

void turn_random(turn_t *self, void *bytes, size_t count) {
    (void)self; /* a simulator seeds it here */
    randombytes_buf(bytes, count);
}
