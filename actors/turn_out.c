/* SPDX-License-Identifier: MIT */
/*
 * What leaves the actor with a turn. Messages and answers to held requests are remembered until it commits; events,
 * work and ended handles go into the batch's effects at once and are undone there; timers are rows, undone like others.
 */
#include "actors/effect.h"
#include "actors/turn_run.h"

enum { TIMER_WRITES = 3 }; /* of turn_at at most: the row, its name, and the row before it */

/* Answers that come later. */

bool turn_answerable(const turn_t *self) {
    return self->request->type == REQUEST_CALL || self->request->type == REQUEST_TELL;
}

span_t turn_hold(turn_t *self) {
    CHECK(turn_answerable(self), "%s of %s answers nobody", self->request->method->name, self->request->kind->name);
    uint8_t *token = turn_alloc(self, HOLD_BYTES);
    holds_token(self->request, self->request->has_idempotency ? turn_expires_ms(self) : 0, token);
    self->held = true;
    return span_of(token, HOLD_BYTES);
}

/* A peer may have several sessions, each of which numbers its requests from 1. */
static bool is_own(const turn_t *self, const hold_t *hold) {
    const request_t *request = self->request;
    return self->held && hold->id == request->id && hold->peer_number == request->peer_number &&
           hold->has_session == request->has_session &&
           (!hold->has_session || memcmp(hold->session, request->session, SESSION_BYTES) == 0);
}

static status_t answer_later(turn_t *self, span_t token, envelope_type_t type, span_t body) {
    hold_t hold;
    CHECK(holds_read(token, &hold), "%zu bytes are no token", token.len);
    CHECK(!is_own(self, &hold), "%s of %s answers what it holds", self->request->method->name,
          self->request->kind->name);
    status_t status = turn_charge(self, 0, body.len);
    if (status != STATUS_OK || self->answer_count == TURN_ANSWERS_MAX) {
        return STATUS_TOO_LARGE;
    }
    self->answers[self->answer_count++] = (turn_answer_t){
        .hold = hold, .answer = {.type = (uint8_t)type, .flags = self->flags & EFFECT_GRANT, .body = body}};
    return STATUS_OK;
}

status_t turn_reply_to(turn_t *self, span_t token, uint32_t method, const void *reply) {
    const kind_t *kind = self->request->kind;
    span_t body;
    CHECK(method < kind->method_count, "method %u of %s", method, kind->name);
    status_t status = turn_encode(self, kind->methods[method].reply, reply, TURN_BYTES_MAX, &body);
    return status == STATUS_OK ? answer_later(self, token, ENVELOPE_REPLY, body) : status;
}

status_t turn_fail_to(turn_t *self, span_t token, status_t status, const char *text) {
    size_t room = 256 + strlen(text);
    pack_t pack = pack_into(turn_alloc(self, room), room);
    envelope_pack_error(&pack, status, text, self->retry_after_ms);
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
    status_t status = turn_encode(self, asked->request, request, VALUE_BYTES_MAX, &body);
    if (status == STATUS_OK) {
        self->chain = self->chain.ptr != NULL ? self->chain : chain_of(self);
        status = turn_charge(self, 0, MESSAGE_OVERHEAD_BYTES + self->chain.len + key.len + body.len);
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

static status_t add_effect(turn_t *self, effect_t effect, const envelope_t *envelope) {
    status_t status =
        turn_charge(self, 0, ENVELOPE_OVERHEAD_BYTES + envelope->key.len + envelope->subject.len + envelope->body.len);
    if (status == STATUS_OK) {
        effect_add(self->parts.writer->batch, effect, envelope);
    }
    return status;
}

/* {log_epoch, ...the record's fields} */
static status_t encode_event(turn_t *self, const record_t *record, const void *in, span_t *body) {
    enum { FIXMAP = 0x80, FIXMAP_BYTES = 1, MAP16_BYTES = 3, EPOCH_BYTES = 32 };
    span_t fields;
    status_t status = turn_encode(self, record, in, VALUE_BYTES_MAX, &fields);
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
                               : add_effect(self, (effect_t){.type = EFFECT_EVENT},
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
    status_t status = turn_encode(self, work->input, input, VALUE_BYTES_MAX, &body);
    return status != STATUS_OK ? status
                               : add_effect(self, (effect_t){.type = EFFECT_WORK, .pool = (uint8_t)work->pool},
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
    status_t status = turn_charge(self, 0, address.len);
    if (status == STATUS_OK) {
        effect_add_raw(self->parts.writer->batch, (effect_t){.type = EFFECT_END}, address);
    }
    return status;
}

status_t turn_mute(turn_t *self, span_t user, uint64_t seq) {
    lagged_t lagged = {0};
    span_t body;
    if (self->events == TURN_EVENTS_MAX) {
        return STATUS_TOO_LARGE;
    }
    self->events++;
    FIELD_SET(lagged, &lagged, log_epoch, self->parts.log_epoch);
    FIELD_SET(lagged, &lagged, seq, seq);
    status_t status = turn_encode(self, &record_lagged, &lagged, VALUE_BYTES_MAX, &body);
    return status != STATUS_OK ? status
                               : add_effect(self, (effect_t){.type = EFFECT_MUTE},
                                            &(envelope_t){.type = ENVELOPE_EVENT,
                                                          .kind = span_text(self->request->kind->name),
                                                          .key = self->request->key,
                                                          .method = span_text("lagged"),
                                                          .subject = user,
                                                          .trace = self->request->trace,
                                                          .body = body});
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
    status_t status =
        turn_encode(self, self->request->kind->methods[method].request, request, VALUE_BYTES_MAX, &timer.body);
    if (status == STATUS_OK) {
        status = turn_charge(self, TIMER_WRITES, timer.body.len + timer.key.len + tag.len);
    }
    return status == STATUS_OK ? timers_set(self->parts.timers, self->parts.writer, &timer) : status;
}

status_t turn_cancel(turn_t *self, uint32_t method, span_t tag) {
    timer_row_t timer = timer_of(self, method, tag);
    status_t status = turn_charge(self, TIMER_WRITES, 0);
    return status == STATUS_OK ? timers_cancel(self->parts.timers, self->parts.writer, &timer) : status;
}
