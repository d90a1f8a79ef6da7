/* SPDX-License-Identifier: MIT */
/*
 * plain_user: accounts without the rest of the system: kind `user`, but each request is one turn of one actor, and asks
 * nobody about its e-mail. For tests of what runs actors; options.actor_of = plain_user_actor_of.
 */
#ifndef DORAN_TESTS_ACTORS_PLAIN_USER_H
#define DORAN_TESTS_ACTORS_PLAIN_USER_H

#include <ctype.h>

#include "actors/turn.h"

static inline status_t plain_user_email(turn_t *turn, span_t email, span_t *normalised) {
    uint8_t *lower = turn_alloc(turn, email.len);
    if (memchr(email.ptr, '@', email.len) == NULL) {
        return turn_fail(turn, STATUS_INVALID, "email is not an address");
    }
    for (size_t i = 0; i < email.len; i++) {
        lower[i] = (uint8_t)tolower(email.ptr[i]);
    }
    *normalised = span_of(lower, email.len);
    return STATUS_OK;
}

static inline status_t plain_user_get(turn_t *turn, const void *state, const void *request) {
    const user_t *user = state;
    user_view_t view = {0};
    (void)request;
    FIELD_SET(user_view, &view, id, turn_key(turn));
    FIELD_SET(user_view, &view, version, turn_version(turn));
    FIELD_COPY(user_view, &view, user, user, email);
    FIELD_COPY(user_view, &view, user, user, name);
    FIELD_COPY(user_view, &view, user, user, info);
    FIELD_COPY(user_view, &view, user, user, status);
    FIELD_COPY(user_view, &view, user, user, status_reason);
    FIELD_COPY(user_view, &view, user, user, created_at);
    FIELD_COPY(user_view, &view, user, user, updated_at);
    return turn_reply(turn, &view);
}

static inline status_t plain_user_create(turn_t *turn, const void *state, const void *request) {
    const user_create_t *asked = request;
    user_t user = {0};
    span_t email;
    (void)state;
    status_t status = plain_user_email(turn, asked->email, &email);
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(user, &user, email, email);
    FIELD_SET(user, &user, name, asked->name);
    FIELD_COPY(user, &user, user_create, asked, info);
    FIELD_SET(user, &user, status, user_status_ACTIVE);
    FIELD_SET(user, &user, created_at, turn_now(turn));
    FIELD_SET(user, &user, updated_at, turn_now(turn));
    status = turn_state(turn, &user);
    return status == STATUS_OK ? plain_user_get(turn, &user, NULL) : status;
}

/* Answers little, whatever was written. */
static inline status_t plain_user_changed(turn_t *turn, user_t *user) {
    user_view_t view = {0};
    FIELD_SET(user, user, updated_at, turn_now(turn));
    status_t status = turn_state(turn, user);
    FIELD_SET(user_view, &view, id, turn_key(turn));
    FIELD_SET(user_view, &view, version, turn_version(turn));
    FIELD_COPY(user_view, &view, user, user, name);
    return status == STATUS_OK ? turn_reply(turn, &view) : status;
}

static inline status_t plain_user_update(turn_t *turn, const void *state, const void *request) {
    const user_update_t *asked = request;
    user_t user = *(const user_t *)state;
    status_t status = STATUS_OK;
    if (FIELD_HAS(user_update, asked, version) && asked->version != turn_version(turn)) {
        return turn_fail(turn, STATUS_PRECONDITION_FAILED, "the current version is %llu",
                         (unsigned long long)turn_version(turn));
    }
    if (FIELD_HAS(user_update, asked, email)) {
        status = plain_user_email(turn, asked->email, &user.email);
    }
    FIELD_COPY(user, &user, user_update, asked, name);
    FIELD_COPY(user, &user, user_update, asked, info);
    return status == STATUS_OK ? plain_user_changed(turn, &user) : status;
}

static inline status_t plain_user_set_status(turn_t *turn, const void *state, const void *request) {
    const user_set_status_t *asked = request;
    user_t user = *(const user_t *)state;
    FIELD_SET(user, &user, status, asked->status);
    user.present &= ~FIELD_BIT(user, status_reason);
    if (FIELD_HAS(user_set_status, asked, reason)) {
        FIELD_SET(user, &user, status_reason, asked->reason);
    }
    return plain_user_changed(turn, &user);
}

static inline const actor_t *plain_user_actor_of(const kind_t *kind) {
    static const handler_fn handlers[METHOD_user_COUNT] = {
        [METHOD_user_create] = plain_user_create,
        [METHOD_user_get] = plain_user_get,
        [METHOD_user_update] = plain_user_update,
        [METHOD_user_set_status] = plain_user_set_status,
    };
    static const actor_t actor = {.kind = "user", .handlers = handlers, .handler_count = METHOD_user_COUNT};
    return kind == &kinds[KIND_user] ? &actor : actor_of(kind);
}

#endif
