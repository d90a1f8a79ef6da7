/* SPDX-License-Identifier: MIT */
/*
 * Logging in is five messages, each made of what the one before has answered; and who comes back with the refresh token
 * joins in behind the fourth:
 *
 *   locate ──► who ──► login ──► create ──┬──► get
 *   e-mail     claim   user      user     │    as the user, with another access token
 *                                refresh ─┘
 *
 * For an e-mail that nobody has, the server answers the first two as if somebody had it, and the third takes as long:
 * a stranger learns that e-mail or password is wrong, or that it was tried too often, and no more. Who is not ACTIVE is
 * told so behind the right password only.
 *
 * What is known on the way stands in the call's JSON, whose memory is wiped.
 */
#include <stdlib.h>

#include <sodium.h>

#include "tools/bridge/message.h"
#include "tools/bridge/people.h"
#include "tools/bridge/runs.h"

enum { REQUEST_BYTES_MAX = 1024 };

/* Absent: it is not. A text may have a NUL. */
static span_t known(const call_t *call, const char *name) {
    const json_t *value = json_object_get(call->json, name);
    return span_of(json_string_value(value), json_string_length(value));
}

static const char *known_user(const call_t *call) {
    return json_string_value(json_object_get(call->json, "user"));
}

static void know(call_t *call, const char *name, span_t text) {
    json_t *value = json_stringn((const char *)text.ptr, text.len);
    CHECK(value != NULL && json_object_set_new(call->json, name, value) == 0, "out of memory");
}

static void send_request(call_t *call, const char *address, const char *method, const record_t *record,
                         const void *request, call_done_fn done) {
    uint8_t body[REQUEST_BYTES_MAX];
    pack_t pack = pack_into(body, sizeof body);
    record_encode(record, request, &pack);
    CHECK(pack_ok(&pack), "%s of more than %zu bytes", record->name, sizeof body);
    call_send(call, address, method, pack_bytes(&pack), done);
    sodium_memzero(body, sizeof body);
}

static void send_to(call_t *call, const char *kind, const char *key, const char *method, const record_t *record,
                    const void *request, call_done_fn done) {
    char address[SUBJECT_BYTES_MAX + 1];
    snprintf(address, sizeof address, "%s/%s", kind, key);
    send_request(call, address, method, record, request, done);
}

/* What the server answers, as its record. False: refused. */
static bool read_reply(call_t *call, const record_t *record, const doran_reply_t *reply, void *out) {
    tape_t *tape = call->bridge->tape;
    if (tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK &&
        record_decode(record, tape, 0, FROM_STORE, out, NULL) == STATUS_OK) {
        return true;
    }
    call_refuse(call, REFUSE_BUSY, "The server's answer cannot be read");
    return false;
}

/* Without its version, which is the ETag elsewhere. */
static span_t pack_view(call_t *call, const user_view_t *shown) {
    user_view_t view = *shown;
    pack_t pack = pack_into(call->bridge->room, call->bridge->room_bytes / 2);
    view.present &= ~FIELD_BIT(user_view, version);
    record_encode(&record_user_view, &view, &pack);
    return pack_bytes(&pack);
}

static void answer(call_t *call, const doran_reply_t *reply) {
    user_view_t view;
    logged_in_t logged_in = {0};
    if (!read_reply(call, &record_user_view, reply, &view)) {
        return;
    }
    uint64_t expires_ms = people_expires_ms(call->person), now_ms = bridge_now_ms();
    FIELD_SET(logged_in, &logged_in, access_token, known(call, "access_token"));
    FIELD_SET(logged_in, &logged_in, token_type, span_text("Bearer"));
    FIELD_SET(logged_in, &logged_in, expires_in, expires_ms > now_ms ? (expires_ms - now_ms + 500) / 1000 : 0);
    FIELD_SET(logged_in, &logged_in, refresh_token, known(call, "refresh_token"));
    FIELD_SET(logged_in, &logged_in, user, pack_view(call, &view));
    size_t half = call->bridge->room_bytes / 2;
    pack_t pack = pack_into(call->bridge->room + half, half);
    record_encode(&record_logged_in, &logged_in, &pack);
    call_answer_record(call, &record_logged_in, &(doran_reply_t){.body = pack.ptr, .body_bytes = pack.len});
    sodium_memzero(pack.ptr, pack.len);
}

/* From here on the user asks. */
static void show_user(call_t *call, const doran_reply_t *reply) {
    session_created_t created;
    char session[KEY_BYTES_MAX + 1];
    uint64_t expires_ms;
    const char *why;
    if (!read_reply(call, &record_session_created, reply, &created)) {
        return;
    }
    snprintf(session, sizeof session, "%.*s", (int)created.session.len, (const char *)created.session.ptr);
    know(call, "user", created.user);
    char *token = people_sign(call->bridge->people, known_user(call), session, &expires_ms);
    know(call, "refresh_token", created.token);
    know(call, "access_token", span_text(token));
    call->person = people_find(call->bridge->people, span_text(token), &why);
    free(token);
    if (call->person == NULL) {
        call_refuse(call, REFUSE_BUSY, NULL);
        return;
    }
    send_to(call, "user", known_user(call), "get", &record_empty, &(empty_t){.present = 0}, answer);
}

static void begin_session(call_t *call, const doran_reply_t *reply) {
    session_create_t create = {0};
    span_t device = known(call, "device");
    (void)reply;
    json_object_del(call->json, "password");
    FIELD_SET(session_create, &create, user, known(call, "user"));
    FIELD_SET(session_create, &create, ttl_ms, call->bridge->settings.login_ms);
    if (device.len > 0) {
        FIELD_SET(session_create, &create, device, device);
    }
    send_request(call, "session/", "create", &record_session_create, &create, show_user);
}

static void check_password(call_t *call, const doran_reply_t *reply) {
    email_owner_t owner;
    credential_login_t login = {0};
    if (!read_reply(call, &record_email_owner, reply, &owner)) {
        return;
    }
    know(call, "user", owner.user);
    FIELD_SET(credential_login, &login, password, known(call, "password"));
    send_to(call, "credential", known_user(call), "login", &record_credential_login, &login, begin_session);
}

static void find_owner(call_t *call, const doran_reply_t *reply) {
    email_located_t located;
    char key[KEY_BYTES_MAX + 1];
    if (!read_reply(call, &record_email_located, reply, &located)) {
        return;
    }
    snprintf(key, sizeof key, "%.*s", (int)located.key.len, (const char *)located.key.ptr);
    send_to(call, "email", key, "who", &record_empty, &(empty_t){.present = 0}, check_password);
}

/* Whoever it was who asks, until now. */
void run_login(call_t *call) {
    login_t login;
    email_locate_t locate = {0};
    if (!message_read(call, &record_login, &login)) {
        return;
    }
    people_release(&call->person);
    sodium_memzero((void *)(uintptr_t)login.password.ptr, login.password.len); /* it stands in the JSON, too */
    FIELD_SET(email_locate, &locate, email, login.email);
    send_request(call, "email/locate", "locate", &record_email_locate, &locate, find_owner);
}

/* Of the session that a refresh token names: KEY.PROOF. Empty: none. */
static void session_named(span_t token, char key[KEY_BYTES_MAX + 1]) {
    const uint8_t *dot = memrchr(token.ptr, '.', token.len);
    span_t named = span_of(token.ptr, dot == NULL ? 0 : (size_t)(dot - token.ptr));
    bool valid = address_key_valid(named);
    snprintf(key, KEY_BYTES_MAX + 1, "%.*s", valid ? (int)named.len : 0, (const char *)named.ptr);
}

void run_refresh(call_t *call) {
    refresh_t asked;
    session_refresh_t refresh = {0};
    char session[KEY_BYTES_MAX + 1];
    if (!message_read(call, &record_refresh, &asked)) {
        return;
    }
    people_release(&call->person);
    session_named(asked.refresh_token, session);
    if (session[0] == 0) {
        call_refuse(call, REFUSE_UNAUTHENTICATED, "The refresh token is not good");
        return;
    }
    FIELD_SET(session_refresh, &refresh, token, asked.refresh_token);
    send_to(call, "session", session, "refresh", &record_session_refresh, &refresh, show_user);
}
