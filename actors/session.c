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
 * A session has one token that is good, and `refresh` puts the next one in its place. Each is made of random bytes in
 * the record, its number, and the folder's secret, so none needs to be stored:
 *
 *   number n    good: opens; `refresh` makes it n + 1
 *          n-1  for refresh_grace_ms the same, but `refresh` gives n again: the answer was lost, or two asked at once
 *          less was replaced, and somebody uses it who should not have it, or who had it stolen: the session ends
 *
 * So `refresh` answers a retry by itself, and nothing of it is kept. But what else answers a request of a client's
 * session is kept for its retry, as every answer is (answers.h): so the token of such a `create`, and the handle of
 * such an `open {as}`, are written to the folder in clear. The row goes when the client has moved on or its session is
 * refused; its bytes may stay in journals and backups of that time. A handle is of use to the peer that asked alone,
 * and a retry is given it only while the session is what it was; a token is of use to whoever may open, until it is
 * replaced. Of who asks without a client's session nothing is kept.
 */
#include <sodium.h>

#include "actors/kind.h"
#include "actors/turn.h"
#include "schemas/address.h"
#include "storage/little_endian.h"

enum {
    NUMBER_BYTES = sizeof(uint64_t),
    PROOF_BYTES = NUMBER_BYTES + KEYED_HASH_BYTES, /* a token's number, and that it is ours */
    PROOF_TEXT_BYTES = 2 * PROOF_BYTES,
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

static void make_proof(const turn_t *turn, const session_t *session, uint64_t number, uint8_t proof[PROOF_BYTES]) {
    uint8_t made_of[SESSION_FAMILY_BYTES + NUMBER_BYTES];
    memcpy(made_of, session->family.ptr, SESSION_FAMILY_BYTES);
    little_endian_put_u64(made_of + SESSION_FAMILY_BYTES, number);
    little_endian_put_u64(proof, number);
    turn_keyed_hash(turn, TOKEN_PURPOSE, span_of(made_of, sizeof made_of), proof + NUMBER_BYTES);
}

static uint64_t number_of(const session_t *session) {
    return FIELD_OR(session, session, number, 0);
}

/* The one that is good: KEY.PROOF */
static span_t token_of(turn_t *turn, const session_t *session) {
    span_t key = turn_key(turn);
    uint8_t proof[PROOF_BYTES];
    size_t bytes = key.len + 1 + PROOF_TEXT_BYTES;
    char *token = turn_alloc(turn, bytes + 1);
    make_proof(turn, session, number_of(session), proof);
    memcpy(token, key.ptr, key.len);
    token[key.len] = '.';
    sodium_bin2hex(token + key.len + 1, PROOF_TEXT_BYTES + 1, proof, sizeof proof);
    return span_of(token, bytes);
}

static session_created_t created_of(turn_t *turn, const session_t *session) {
    session_created_t created = {0};
    FIELD_SET(session_created, &created, token, token_of(turn, session));
    FIELD_SET(session_created, &created, session, turn_key(turn));
    FIELD_SET(session_created, &created, user, session->user);
    FIELD_SET(session_created, &created, expires_at, session->expires_at);
    return created;
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
    uint8_t *family = turn_alloc(turn, SESSION_FAMILY_BYTES);
    turn_random(turn, family, SESSION_FAMILY_BYTES);
    FIELD_SET(session, session, family, span_of(family, SESSION_FAMILY_BYTES));
    session_created_t created = created_of(turn, session);
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

/* The end */

/* The user that ends it has forgotten it already. */
static bool ended_by_user(const turn_t *turn) {
    span_t kind, key;
    turn_sender(turn, &kind, &key);
    return span_equal(kind, span_text("user"));
}

static status_t finish(turn_t *turn, const session_t *session) {
    status_t status = turn_end_handles(turn);
    if (status == STATUS_OK) {
        status = turn_cancel(turn, METHOD_session_end, no_tag());
    }
    if (status == STATUS_OK && !ended_by_user(turn)) {
        status = forget(turn, session->user);
    }
    return status == STATUS_OK ? turn_end(turn) : status;
}

/* Tokens */

typedef enum standing {
    TOKEN_NONE,     /* it is none of this session, or that has ended */
    TOKEN_GOOD,     /* the one that is good */
    TOKEN_BEFORE,   /* the one before, for a while */
    TOKEN_REPLACED, /* it is not good any more */
} standing_t;

static bool is_live(const turn_t *turn, const session_t *session) {
    return session != NULL && session->expires_at > turn_now(turn);
}

/* False: it is none that was made here. */
static bool read_token(const turn_t *turn, const session_t *session, span_t token, uint64_t *number) {
    span_t key = turn_key(turn);
    uint8_t proof[PROOF_BYTES], ours[PROOF_BYTES];
    size_t bytes;
    if (token.len != key.len + 1 + PROOF_TEXT_BYTES || memcmp(token.ptr, key.ptr, key.len) != 0 ||
        token.ptr[key.len] != '.' ||
        sodium_hex2bin(proof, sizeof proof, (const char *)token.ptr + key.len + 1, PROOF_TEXT_BYTES, NULL, &bytes,
                       NULL) != 0) {
        return false;
    }
    *number = little_endian_get_u64(proof);
    make_proof(turn, session, *number, ours);
    return bytes == sizeof proof && sodium_memcmp(proof, ours, sizeof proof) == 0;
}

static standing_t standing_of(const turn_t *turn, const session_t *session, span_t token) {
    uint64_t number;
    if (!is_live(turn, session) || !FIELD_HAS(session, session, family) || !read_token(turn, session, token, &number) ||
        number > number_of(session)) { /* the folder is an older copy */
        return TOKEN_NONE;
    }
    uint64_t grace_end = FIELD_OR(session, session, refreshed_at, 0) + turn_settings(turn)->refresh_grace_ms;
    return number == number_of(session)                                     ? TOKEN_GOOD
           : number + 1 == number_of(session) && turn_now(turn) < grace_end ? TOKEN_BEFORE
                                                                            : TOKEN_REPLACED;
}

/* What fails changes nothing: so who asks is told in another turn. */
static status_t revoke(turn_t *turn, const session_t *session) {
    session_wait_t wait = {0};
    FIELD_SET(session_wait, &wait, hold, turn_hold(turn));
    status_t status = finish(turn, session);
    return status == STATUS_OK ? turn_send(turn, &kinds[KIND_session], turn_key(turn), METHOD_session_reused, &wait)
                               : status;
}

static status_t reused(turn_t *turn, const void *state, const void *request) {
    const session_wait_t *wait = request;
    (void)state;
    return turn_fail_to(turn, wait->hold, STATUS_UNAUTHENTICATED,
                        "The token was replaced before, so its session has ended");
}

static status_t refuse_token(turn_t *turn, const session_t *session, standing_t standing) {
    return standing == TOKEN_REPLACED
               ? revoke(turn, session)
               : turn_fail(turn, STATUS_UNAUTHENTICATED, "The token is not good, or its session has ended");
}

static status_t give_again(turn_t *turn, const session_t *session) {
    session_created_t created = created_of(turn, session);
    return turn_reply(turn, &created);
}

static status_t replace(turn_t *turn, const session_t *before) {
    session_t session = *before;
    FIELD_SET(session, &session, number, number_of(before) + 1);
    FIELD_SET(session, &session, refreshed_at, turn_now(turn));
    status_t status = turn_state(turn, &session);
    return status == STATUS_OK ? give_again(turn, &session) : status;
}

static status_t refresh(turn_t *turn, const void *state, const void *request) {
    const session_refresh_t *asked = request;
    standing_t standing = standing_of(turn, state, asked->token);
    return standing == TOKEN_GOOD     ? replace(turn, state)
           : standing == TOKEN_BEFORE ? give_again(turn, state)
                                      : refuse_token(turn, state, standing);
}

/* Handles */

/* Writes nothing, so nothing of it is kept: who asks again is given another handle. */
static status_t open_there(turn_t *turn, const session_t *session) {
    session_opened_t opened;
    new_handle(turn, session, &opened);
    return turn_reply(turn, &opened);
}

static status_t open_by_token(turn_t *turn, const session_t *session, span_t token) {
    standing_t standing = standing_of(turn, session, token);
    return standing == TOKEN_GOOD || standing == TOKEN_BEFORE ? open_there(turn, session)
                                                              : refuse_token(turn, session, standing);
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

static status_t end(turn_t *turn, const void *state, const void *request) {
    const session_t *session = state;
    (void)request;
    if (session == NULL) {
        return turn_answerable(turn) ? turn_fail(turn, STATUS_NOT_FOUND, "It has ended, or never was") : STATUS_OK;
    }
    if (!is_own(turn, session)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "It is another user's");
    }
    return finish(turn, session);
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
    [METHOD_session_create] = create, [METHOD_session_open] = open_handle, [METHOD_session_refresh] = refresh,
    [METHOD_session_get] = get,       [METHOD_session_end] = end,          [METHOD_session_vouched] = vouched,
    [METHOD_session_denied] = denied, [METHOD_session_reused] = reused,    [METHOD_session_role_changed] = role_changed,
};

const actor_t actor_session = {.kind = "session", .handlers = handlers, .handler_count = METHOD_session_COUNT};
