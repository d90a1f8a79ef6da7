/* SPDX-License-Identifier: MIT */
/*
 * On top of broker_fixture.h: a toy kind, batches of any effects, and what each peer reads, as text:
 *
 *   "reply 1, a said 5, a lagged 6, self handle_ended 3, error 2 busy"
 *
 * which is: reply to request 1, event `said` number 5 on toy/a, …, the end of the handle of threes, an error to
 * request 2.
 */
#ifndef DORAN_TESTS_BROKER_TALK_FIXTURE_H
#define DORAN_TESTS_BROKER_TALK_FIXTURE_H

#include "tests/broker/broker_fixture.h"

enum { LOG_EPOCH = 9 };

/* Kinds. */

static const method_t toy_methods[] = {
    {.name = "read", .request = &record_empty, .reply = &record_empty, .flags = READ, .roles = ROLE_ANY},
    {.name = "own", .request = &record_empty, .reply = &record_empty, .flags = WRITE, .roles = ROLE_USER},
    {.name = "rule", .request = &record_empty, .reply = &record_empty, .flags = READ, .roles = ROLE_ADMIN},
    {.name = "serve", .request = &record_empty, .reply = &record_empty, .flags = READ, .roles = ROLE_KEYS},
    {.name = "upsert", .request = &record_empty, .reply = &record_empty, .flags = UPSERT, .roles = ROLE_ANY},
    {.name = "make", .request = &record_empty, .reply = &record_empty, .flags = UPSERT | CREATE, .roles = ROLE_ANY},
    {.name = "act", .request = &record_empty, .reply = &record_empty, .flags = WRITE, .roles = ROLE_ACTOR},
};
static const kind_t toy = {.name = "toy", .methods = toy_methods, .method_count = ARRAY_LENGTH(toy_methods)};

static inline const kind_t *toy_or_kind(span_t name) {
    return span_equal(name, span_text("toy")) ? &toy : kind_of(name);
}

static inline void start_talk_with(broker_options_t options) {
    options.kind_of = toy_or_kind;
    start(&options);
}

static inline void start_talk(void) {
    start_talk_with(defaults);
}

static inline envelope_t toy_request(uint64_t id, const char *key, const char *method) {
    return (envelope_t){.type = ENVELOPE_REQUEST,
                        .id = id,
                        .kind = span_text("toy"),
                        .key = span_text(key),
                        .method = span_text(method),
                        .body = span_of("\x80", 1)};
}

/* Requests that a shard has taken. */

typedef struct asked {
    request_t request; /* its spans point into the buffer */
    requests_t *buffer;
} asked_t;

/* The only request that waits for any shard. */
static inline asked_t take_only(void) {
    asked_t asked = {0};
    for (uint16_t shard = 0; shard < 2; shard++) {
        requests_t *buffer = broker_take(broker, shard);
        if (buffer != NULL) {
            cr_assert_null(asked.buffer, "two requests");
            cr_assert_eq(buffer->count, 1);
            asked = (asked_t){.request = buffer->items[0], .buffer = buffer};
        }
    }
    cr_assert_not_null(asked.buffer, "no request");
    return asked;
}

/* handle: 0 for none. */
static inline asked_t ask_on_behalf(const char *routing_id, uint64_t id, const char *key, uint8_t handle) {
    envelope_t request = toy_request(id, key, "read");
    request.handle = handle != 0 ? span_of(handle_of(handle), HANDLE_BYTES) : (span_t){0};
    admit(routing_id, OPERATOR, &request);
    return take_only();
}

static inline asked_t ask(const char *routing_id, uint64_t id, const char *key) {
    return ask_on_behalf(routing_id, id, key, 0);
}

/* Batches. */

static inline void add_reply_with(const asked_t *asked, uint8_t flags, span_t body) {
    effect_t effect = effect_answer(asked->request.peer, asked->request.peer_number);
    effect.flags = flags;
    if (asked->request.has_handle) {
        memcpy(effect.handle, asked->request.handle, HANDLE_BYTES);
    }
    effect_add(batch, effect,
               &(envelope_t){.type = ENVELOPE_REPLY,
                             .id = asked->request.id,
                             .kind = span_text(asked->request.kind->name),
                             .key = asked->request.key,
                             .body = body});
    batch->finished[batch->finished_count++] = asked->buffer;
}

static inline void add_reply(const asked_t *asked, uint8_t flags) {
    add_reply_with(asked, flags, (span_t){0});
}

static inline void add_grant_until(const asked_t *asked, uint8_t handle, const char *user, uint32_t role,
                                   uint64_t expires_ms) {
    uint8_t bytes[1024];
    char session[8];
    pack_t body = pack_into(bytes, sizeof bytes);
    snprintf(session, sizeof session, "s%u", (unsigned)handle);
    session_opened_t opened = {0};
    FIELD_SET(session_opened, &opened, handle, span_of(handle_of(handle), HANDLE_BYTES));
    FIELD_SET(session_opened, &opened, user, span_text(user));
    FIELD_SET(session_opened, &opened, role, role);
    FIELD_SET(session_opened, &opened, session, span_text(session));
    FIELD_SET(session_opened, &opened, expires_at, expires_ms);
    record_encode(&record_session_opened, &opened, &body);
    cr_assert(pack_ok(&body));
    add_reply_with(asked, EFFECT_GRANT, pack_bytes(&body));
}

static inline void add_event_of(const char *key, uint64_t seq, size_t more_bytes) {
    static uint8_t bytes[KIB(64)], more[KIB(60)];
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 3);
    pack_cstring(&body, "log_epoch");
    pack_u64(&body, LOG_EPOCH);
    pack_cstring(&body, "seq");
    pack_u64(&body, seq);
    pack_cstring(&body, "more");
    pack_binary(&body, span_of(more, more_bytes));
    cr_assert(pack_ok(&body));
    effect_add(batch, (effect_t){.type = EFFECT_EVENT},
               &(envelope_t){.type = ENVELOPE_EVENT,
                             .kind = span_text("toy"),
                             .key = span_text(key),
                             .method = span_text("said"),
                             .body = pack_bytes(&body)});
}

static inline void add_event(const char *key, uint64_t seq) {
    add_event_of(key, seq, 0);
}

static inline void add_end(const char *address) {
    effect_add_raw(batch, (effect_t){.type = EFFECT_END}, span_text(address));
}

/* toy/KEY; seq: of the last event that the user may have. */
static inline void add_mute(const char *key, const char *user, uint64_t seq) {
    uint8_t bytes[64];
    pack_t body = pack_into(bytes, sizeof bytes);
    lagged_t lagged = {0};
    FIELD_SET(lagged, &lagged, log_epoch, LOG_EPOCH);
    FIELD_SET(lagged, &lagged, seq, seq);
    record_encode(&record_lagged, &lagged, &body);
    cr_assert(pack_ok(&body));
    effect_add(batch, (effect_t){.type = EFFECT_MUTE},
               &(envelope_t){.type = ENVELOPE_EVENT,
                             .kind = span_text("toy"),
                             .key = span_text(key),
                             .method = span_text("lagged"),
                             .subject = span_text(user),
                             .body = pack_bytes(&body)});
}

static inline void forward(void) {
    broker_forward(broker, batch, NOW_US, UNIX_MS);
    broker_check(broker);
    batch_reset(batch);
}

/* The usual steps as one. */

static inline void open_handle_for(const char *routing_id, uint8_t handle, const char *user, uint32_t role) {
    asked_t asked = ask(routing_id, 1000u + handle, "login");
    add_grant_until(&asked, handle, user, role, UNIX_MS + 1000);
    forward();
}

static inline void open_handle(const char *routing_id, uint8_t handle) {
    open_handle_for(routing_id, handle, "ada", person_role_USER);
}

static inline void subscribe(const char *routing_id, uint64_t id, const char *key, uint8_t handle) {
    asked_t asked = ask_on_behalf(routing_id, id, key, handle);
    add_reply(&asked, EFFECT_SUBSCRIBE);
    forward();
}

/* What peers read. */

static inline size_t describe(char *text, size_t room, const envelope_t *envelope) {
    uint32_t handle = tape_find(&tape, envelope_body_token(&tape), "handle");
    int len;
    if (envelope->type == ENVELOPE_EVENT) {
        cr_assert_eq(envelope->id, 0);
        cr_assert_null(envelope->session.ptr);
        uint64_t number = handle != 0 ? tape.tokens[handle].ptr[0] : body_number(&tape, "seq");
        cr_assert(handle != 0 || body_number(&tape, "log_epoch") == LOG_EPOCH);
        len = snprintf(text, room, "%.*s %.*s %llu", (int)envelope->key.len, (const char *)envelope->key.ptr,
                       (int)envelope->method.len, (const char *)envelope->method.ptr, (unsigned long long)number);
    } else if (envelope->type == ENVELOPE_ERROR) {
        span_t code = body_text(&tape, "code");
        len = snprintf(text, room, "error %llu %.*s", (unsigned long long)envelope->id, (int)code.len,
                       (const char *)code.ptr);
    } else {
        len = snprintf(text, room, "%s %llu", envelope->type == ENVELOPE_PONG ? "pong" : "reply",
                       (unsigned long long)envelope->id);
    }
    cr_assert(len > 0 && (size_t)len < room);
    return (size_t)len;
}

static char unread[8][8192]; /* by the first letter of the routing id, from 'p' */

static inline send_result_t read_frame(void *context, span_t routing_id, span_t frame) {
    const char *slow = context;
    if (slow != NULL && strchr(slow, routing_id.ptr[0]) != NULL) {
        return SEND_AGAIN;
    }
    char *text = unread[routing_id.ptr[0] - 'p'];
    size_t len = strlen(text), bytes;
    for (; frame.len > 0; frame = span_of(frame.ptr + bytes, frame.len - bytes)) {
        envelope_t envelope;
        cr_assert_eq(envelope_decode(&envelope, &tape, frame, &bytes), STATUS_OK);
        len += (size_t)snprintf(text + len, sizeof unread[0] - len, "%s", len > 0 ? ", " : "");
        len += describe(text + len, sizeof unread[0] - len, &envelope);
    }
    return SEND_DONE;
}

/* Peers read all that waits, but for those whose letters are in `slow`. */
static inline void read_all_but(const char *slow) {
    static uint64_t now_us = NOW_US;
    now_us += 2000; /* so that who was slow is tried again */
    broker_flush(broker, read_frame, (void *)(uintptr_t)slow, now_us);
    broker_check(broker);
}

static inline void assert_read(const char *routing_id, const char *expected) {
    read_all_but("");
    char *text = unread[routing_id[0] - 'p'];
    cr_assert_str_eq(text, expected, "%s read \"%s\", not \"%s\"", routing_id, text, expected);
    text[0] = 0;
}

/* Forgets what was read so far. */
static inline void read_away(void) {
    read_all_but("");
    memset(unread, 0, sizeof unread);
}

#endif
