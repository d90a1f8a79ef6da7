/* SPDX-License-Identifier: MIT */
/*
 * session: a login session. It comes into being when its user has vouched for it, and not before:
 *
 *   create, open {as} ──vouch──► user ──vouched──► the record, its timer, and the answer to who asked
 *                                 └────denied────► an error to who asked
 *
 * The user remembers each session it vouched for, and ends it when the user may not act any more. So wherever a
 * suspension falls, it comes behind `vouched` and is the last word: a handle that was given meanwhile ends with the
 * session.
 *
 * The record of a session has the hash of its token only. But what answers a request of a client's session is kept for
 * its retry, as every answer is (answers.h): so the token of such a `create`, and the handle of such an `open {as}`,
 * are written to the folder in clear. The row goes when the client has moved on or its session is refused; its bytes
 * may stay in journals and backups of that time. A handle is of use to the peer that asked alone, and a retry is given
 * it only while the session is what it was; a token is of use to whoever may open, until the session ends. Of who asks
 * without a client's session nothing is kept.
 */
#include <sodium.h>

#include "actors/kind.h"
#include "actors/turn.h"
#include "schemas/address.h"

enum {
    SECRET_BYTES = 32,
    SECRET_TEXT_BYTES = 2 * SECRET_BYTES,
};

#define TTL_MS UINT64_C(86400000) /* if none is named */
#define AS_TTL_MS UINT64_C(3600000)
#define TOKEN_PURPOSE "session token"

static span_t no_tag(void) {
    return span_text("");
}

/* Coming into being */

static status_t ask_user(turn_t *turn, span_t user, session_vouch_t vouch) {
    if (!address_key_valid(user)) {
        return turn_fail(turn, STATUS_INVALID, "That is no user's address");
    }
    if (turn_key(turn).len > SESSION_KEY_BYTES_MAX) {
        return turn_fail(turn, STATUS_INVALID, "The key of a session has %d bytes at most", SESSION_KEY_BYTES_MAX);
    }
    FIELD_SET(session_vouch, &vouch, user, user);
    FIELD_SET(session_vouch, &vouch, session, turn_key(turn));
    FIELD_SET(session_vouch, &vouch, hold, turn_hold(turn));
    return turn_send(turn, &kinds[KIND_user], user, METHOD_user_vouch, &vouch);
}

static status_t create(turn_t *turn, const void *state, const void *request) {
    const session_create_t *asked = request;
    session_vouch_t vouch = {0};
    (void)state;
    FIELD_SET(session_vouch, &vouch, ttl_ms, FIELD_OR(session_create, asked, ttl_ms, TTL_MS));
    FIELD_SET(session_vouch, &vouch, grant, false);
    FIELD_COPY(session_vouch, &vouch, session_create, asked, device);
    return ask_user(turn, asked->user, vouch);
}

/* A handle for the peer that asks, or that has asked. */
static void new_handle(turn_t *turn, const session_t *session, session_opened_t *opened) {
    uint8_t *handle = turn_alloc(turn, HANDLE_BYTES);
    turn_random(turn, handle, HANDLE_BYTES);
    *opened = (session_opened_t){0};
    FIELD_SET(session_opened, opened, handle, span_of(handle, HANDLE_BYTES));
    FIELD_SET(session_opened, opened, user, session->user);
    FIELD_SET(session_opened, opened, role, session->role);
    FIELD_SET(session_opened, opened, session, turn_key(turn));
    FIELD_SET(session_opened, opened, expires_at, session->expires_at);
    turn_grant(turn);
}

/* KEY.SECRET */
static span_t new_token(turn_t *turn) {
    span_t key = turn_key(turn);
    uint8_t secret[SECRET_BYTES];
    size_t bytes = key.len + 1 + SECRET_TEXT_BYTES;
    char *token = turn_alloc(turn, bytes + 1);
    turn_random(turn, secret, sizeof secret);
    memcpy(token, key.ptr, key.len);
    token[key.len] = '.';
    sodium_bin2hex(token + key.len + 1, SECRET_TEXT_BYTES + 1, secret, sizeof secret);
    return span_of(token, bytes);
}

static status_t begin(turn_t *turn, const session_t *session) {
    status_t status = turn_state(turn, session);
    return status == STATUS_OK
               ? turn_at(turn, session->expires_at, METHOD_session_end, no_tag(), &(empty_t){.present = 0})
               : status;
}

static status_t give_handle(turn_t *turn, session_t *session, span_t hold) {
    session_opened_t opened;
    status_t status = begin(turn, session);
    if (status != STATUS_OK) {
        return status;
    }
    new_handle(turn, session, &opened);
    return turn_reply_to(turn, hold, METHOD_session_open, &opened);
}

static status_t give_token(turn_t *turn, session_t *session, span_t hold) {
    session_created_t created = {0};
    uint8_t hash[KEYED_HASH_BYTES];
    FIELD_SET(session_created, &created, token, new_token(turn));
    FIELD_SET(session_created, &created, session, turn_key(turn));
    FIELD_SET(session_created, &created, expires_at, session->expires_at);
    turn_keyed_hash(turn, TOKEN_PURPOSE, created.token, hash);
    FIELD_SET(session, session, token_hash, span_of(hash, sizeof hash));
    status_t status = begin(turn, session);
    return status == STATUS_OK ? turn_reply_to(turn, hold, METHOD_session_create, &created) : status;
}

static status_t forget(turn_t *turn, span_t user) {
    user_session_ended_t ended = {0};
    FIELD_SET(user_session_ended, &ended, session, turn_key(turn));
    return turn_send(turn, &kinds[KIND_user], user, METHOD_user_session_ended, &ended);
}

/* Two asked for one key. */
static status_t come_second(turn_t *turn, const session_t *first, const session_vouch_t *vouch) {
    status_t status = span_equal(first->user, vouch->user) ? STATUS_OK : forget(turn, vouch->user);
    return status == STATUS_OK ? turn_fail_to(turn, vouch->hold, STATUS_CONFLICT, "There is such a session already")
                               : status;
}

static status_t vouched(turn_t *turn, const void *state, const void *request) {
    const session_vouch_t *vouch = request;
    uint64_t now = turn_now(turn);
    session_t session = {0};
    if (state != NULL) {
        return come_second(turn, state, vouch);
    }
    FIELD_SET(session, &session, user, vouch->user);
    FIELD_SET(session, &session, role, FIELD_OR(session_vouch, vouch, role, person_role_USER));
    FIELD_SET(session, &session, created_at, now);
    FIELD_SET(session, &session, expires_at, now + vouch->ttl_ms);
    FIELD_COPY(session, &session, session_vouch, vouch, device);
    return vouch->grant ? give_handle(turn, &session, vouch->hold) : give_token(turn, &session, vouch->hold);
}

static status_t denied(turn_t *turn, const void *state, const void *request) {
    const session_vouch_t *vouch = request;
    (void)state;
    return FIELD_OR(session_vouch, vouch, known, false)
               ? turn_fail_to(turn, vouch->hold, STATUS_FORBIDDEN, "The user is not ACTIVE")
               : turn_fail_to(turn, vouch->hold, STATUS_NOT_FOUND, "There is no such user");
}

/* Handles */

static bool is_live(const turn_t *turn, const session_t *session) {
    return session != NULL && session->expires_at > turn_now(turn);
}

static bool good_token(const turn_t *turn, const session_t *session, span_t token) {
    uint8_t hash[KEYED_HASH_BYTES];
    if (!is_live(turn, session) || !FIELD_HAS(session, session, token_hash)) {
        return false;
    }
    turn_keyed_hash(turn, TOKEN_PURPOSE, token, hash);
    return sodium_memcmp(hash, session->token_hash.ptr, sizeof hash) == 0;
}

/* Writes nothing, so nothing of it is kept: who asks again is given another handle. */
static status_t open_there(turn_t *turn, const session_t *session) {
    session_opened_t opened;
    new_handle(turn, session, &opened);
    return turn_reply(turn, &opened);
}

static status_t open_by_token(turn_t *turn, const session_t *session, span_t token) {
    return good_token(turn, session, token)
               ? open_there(turn, session)
               : turn_fail(turn, STATUS_UNAUTHENTICATED, "The token is not good, or its session has ended");
}

/* A gateway has looked at an access token of its own making, which names session and user: that is proof enough here.
 */
static status_t open_for(turn_t *turn, const session_t *session, span_t user) {
    if ((turn_roles(turn) & ROLE_GATEWAY) == 0) {
        return turn_fail(turn, STATUS_FORBIDDEN, "Only a gateway knows a session's user without its token");
    }
    return is_live(turn, session) && span_equal(session->user, user)
               ? open_there(turn, session)
               : turn_fail(turn, STATUS_UNAUTHENTICATED, "The session has ended, or never was this user's");
}

static status_t open_as(turn_t *turn, const session_t *session, span_t text) {
    session_vouch_t vouch = {0};
    address_t user;
    if ((turn_roles(turn) & ROLE_OPERATOR) == 0) {
        return turn_fail(turn, STATUS_FORBIDDEN, "Only an operator acts for whom he likes");
    }
    if (address_parse(text, &user) != STATUS_OK || !span_equal(user.kind, span_text("user"))) {
        return turn_fail(turn, STATUS_INVALID, "as: it is no user's address");
    }
    if (session != NULL) {
        return turn_fail(turn, STATUS_CONFLICT, "There is such a session already");
    }
    FIELD_SET(session_vouch, &vouch, ttl_ms, AS_TTL_MS);
    FIELD_SET(session_vouch, &vouch, grant, true);
    return ask_user(turn, user.key, vouch);
}

static status_t open_handle(turn_t *turn, const void *state, const void *request) {
    const session_open_t *asked = request;
    if (__builtin_popcountll(asked->present) != 1) {
        return turn_fail(turn, STATUS_INVALID, "One of token, as and user");
    }
    return FIELD_HAS(session_open, asked, token) ? open_by_token(turn, state, asked->token)
           : FIELD_HAS(session_open, asked, as)  ? open_as(turn, state, asked->as)
                                                 : open_for(turn, state, asked->user);
}

/* Its user, an admin, or who may call it without a person. */
static bool is_own(const turn_t *turn, const session_t *session) {
    span_t user = turn_user(turn);
    return (turn_roles(turn) & (ROLE_ACTOR | ROLE_ADMIN)) != 0 || user.ptr == NULL || span_equal(user, session->user);
}

static status_t get(turn_t *turn, const void *state, const void *request) {
    const session_t *session = state;
    session_view_t view = {0};
    (void)request;
    if (!is_live(turn, session)) {
        return turn_fail(turn, STATUS_NOT_FOUND, "It has ended");
    }
    if (!is_own(turn, session)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "It is another user's");
    }
    FIELD_SET(session_view, &view, session, turn_key(turn));
    FIELD_COPY(session_view, &view, session, session, user);
    FIELD_COPY(session_view, &view, session, session, role);
    FIELD_COPY(session_view, &view, session, session, created_at);
    FIELD_COPY(session_view, &view, session, session, expires_at);
    FIELD_COPY(session_view, &view, session, session, device);
    return turn_reply(turn, &view);
}

/* The end */

/* The user that ends it has forgotten it already. */
static bool ended_by_user(const turn_t *turn) {
    span_t kind, key;
    turn_sender(turn, &kind, &key);
    return span_equal(kind, span_text("user"));
}

static status_t end(turn_t *turn, const void *state, const void *request) {
    const session_t *session = state;
    (void)request;
    if (session == NULL) {
        return turn_answerable(turn) ? turn_fail(turn, STATUS_NOT_FOUND, "It has ended, or never was") : STATUS_OK;
    }
    if (!is_own(turn, session)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "It is another user's");
    }
    status_t status = turn_end_handles(turn);
    if (status == STATUS_OK) {
        status = turn_cancel(turn, METHOD_session_end, no_tag());
    }
    if (status == STATUS_OK && !ended_by_user(turn)) {
        status = forget(turn, session->user);
    }
    return status == STATUS_OK ? turn_end(turn) : status;
}

/* The peer opens its handle anew, and is given the new role. */
static status_t role_changed(turn_t *turn, const void *state, const void *request) {
    const session_role_t *asked = request;
    session_t session;
    if (state == NULL) {
        return STATUS_OK;
    }
    session = *(const session_t *)state;
    FIELD_SET(session, &session, role, asked->role);
    status_t status = turn_end_handles(turn);
    return status == STATUS_OK ? turn_state(turn, &session) : status;
}

static const handler_fn handlers[METHOD_session_COUNT] = {
    [METHOD_session_create] = create,
    [METHOD_session_open] = open_handle,
    [METHOD_session_get] = get,
    [METHOD_session_end] = end,
    [METHOD_session_vouched] = vouched,
    [METHOD_session_denied] = denied,
    [METHOD_session_role_changed] = role_changed,
};

const actor_t actor_session = {.kind = "session", .handlers = handlers, .handler_count = METHOD_session_COUNT};
