/* SPDX-License-Identifier: MIT */
/*
 * user: an account. The e-mail is kept in lower case; whether it is used by another account is for the e-mail's own
 * actor to say.
 */
#include <ctype.h>

#include "actors/kind.h"
#include "actors/turn.h"

/* One @ with something before it and a dot-separated name behind it, and nothing that a mail header could trip over. */
static bool email_plausible(span_t email) {
    const uint8_t *at = memchr(email.ptr, '@', email.len);
    if (at == NULL || at == email.ptr) {
        return false;
    }
    for (size_t i = 0; i < email.len; i++) {
        uint8_t byte = email.ptr[i];
        if (byte <= ' ' || byte == 0x7f || strchr("<>(),;:\\\"[]", byte) != NULL ||
            (byte == '@' && email.ptr + i != at)) {
            return false;
        }
    }
    span_t domain = span_of(at + 1, (size_t)(email.ptr + email.len - (at + 1)));
    const uint8_t *dot = memchr(domain.ptr, '.', domain.len);
    return dot != NULL && dot != domain.ptr && domain.ptr[domain.len - 1] != '.';
}

/* OK, or the turn failed. */
static status_t email_normalised(turn_t *turn, span_t email, span_t *normalised) {
    if (!email_plausible(email)) {
        return turn_fail(turn, STATUS_INVALID, "email is not an address");
    }
    uint8_t *lower = turn_alloc(turn, email.len);
    for (size_t i = 0; i < email.len; i++) {
        lower[i] = (uint8_t)(email.ptr[i] < 0x80 ? tolower(email.ptr[i]) : email.ptr[i]);
    }
    *normalised = span_of(lower, email.len);
    return STATUS_OK;
}

static void view_of(const turn_t *turn, const user_t *user, user_view_t *view) {
    *view = (user_view_t){0};
    FIELD_SET(user_view, view, id, turn_key(turn));
    FIELD_SET(user_view, view, version, turn_version(turn));
    FIELD_COPY(user_view, view, user, user, email);
    FIELD_COPY(user_view, view, user, user, name);
    FIELD_COPY(user_view, view, user, user, first_name);
    FIELD_COPY(user_view, view, user, user, last_name);
    FIELD_COPY(user_view, view, user, user, picture);
    FIELD_COPY(user_view, view, user, user, info);
    FIELD_COPY(user_view, view, user, user, status);
    FIELD_COPY(user_view, view, user, user, status_reason);
    FIELD_COPY(user_view, view, user, user, created_at);
    FIELD_COPY(user_view, view, user, user, updated_at);
}

static status_t reply_changed(turn_t *turn) {
    user_changed_t changed = {0};
    FIELD_SET(user_changed, &changed, id, turn_key(turn));
    FIELD_SET(user_changed, &changed, version, turn_version(turn));
    return turn_reply(turn, &changed);
}

static status_t create(turn_t *turn, const void *state, const void *request) {
    const user_create_t *asked = request;
    user_t user = {0};
    user_view_t view;
    span_t email;
    (void)state;
    status_t status = email_normalised(turn, asked->email, &email);
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(user, &user, email, email);
    FIELD_SET(user, &user, name, asked->name);
    FIELD_COPY(user, &user, user_create, asked, first_name);
    FIELD_COPY(user, &user, user_create, asked, last_name);
    FIELD_COPY(user, &user, user_create, asked, picture);
    FIELD_COPY(user, &user, user_create, asked, info);
    FIELD_SET(user, &user, status, user_status_ACTIVE);
    FIELD_SET(user, &user, created_at, turn_now(turn));
    FIELD_SET(user, &user, updated_at, turn_now(turn));
    status = turn_state(turn, &user);
    if (status != STATUS_OK) {
        return status;
    }
    view_of(turn, &user, &view);
    return turn_reply(turn, &view);
}

static status_t get(turn_t *turn, const void *state, const void *request) {
    user_view_t view;
    (void)request;
    view_of(turn, state, &view);
    return turn_reply(turn, &view);
}

static status_t update(turn_t *turn, const void *state, const void *request) {
    const user_update_t *asked = request;
    user_t user = *(const user_t *)state;
    if (FIELD_HAS(user_update, asked, version) && asked->version != turn_version(turn)) {
        return turn_fail(turn, STATUS_PRECONDITION_FAILED, "the current version is %llu",
                         (unsigned long long)turn_version(turn));
    }
    if (FIELD_HAS(user_update, asked, email)) {
        span_t email;
        status_t status = email_normalised(turn, asked->email, &email);
        if (status != STATUS_OK) {
            return status;
        }
        FIELD_SET(user, &user, email, email);
    }
    FIELD_COPY(user, &user, user_update, asked, name);
    FIELD_COPY(user, &user, user_update, asked, first_name);
    FIELD_COPY(user, &user, user_update, asked, last_name);
    FIELD_COPY(user, &user, user_update, asked, picture);
    FIELD_COPY(user, &user, user_update, asked, info);
    FIELD_SET(user, &user, updated_at, turn_now(turn));
    status_t status = turn_state(turn, &user);
    return status == STATUS_OK ? reply_changed(turn) : status;
}

static status_t set_status(turn_t *turn, const void *state, const void *request) {
    const user_set_status_t *asked = request;
    user_t user = *(const user_t *)state;
    FIELD_SET(user, &user, status, asked->status);
    user.present &= ~FIELD_BIT(user, status_reason);
    if (FIELD_HAS(user_set_status, asked, reason)) {
        FIELD_SET(user, &user, status_reason, asked->reason);
    }
    FIELD_SET(user, &user, updated_at, turn_now(turn));
    status_t status = turn_state(turn, &user);
    return status == STATUS_OK ? reply_changed(turn) : status;
}

static const handler_fn handlers[METHOD_user_COUNT] = {
    [METHOD_user_create] = create,
    [METHOD_user_get] = get,
    [METHOD_user_update] = update,
    [METHOD_user_set_status] = set_status,
};

const actor_t actor_user = {.kind = "user", .handlers = handlers, .handler_count = METHOD_user_COUNT};
