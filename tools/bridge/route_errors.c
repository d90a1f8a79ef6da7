/* SPDX-License-Identifier: MIT */
#include "tools/bridge/route_errors.h"

#include "tools/bridge/problem.h"

enum { SAID_MAX = 4 };

#define ROUTE(id, METHOD, path, access, kind, method, key, flags, ...) ROUTE_##id,
#define ROUTE_OWN(id, METHOD, path, access, body, reply, flags, ...) ROUTE_##id,
enum {
#include "tools/bridge/routes.def"
    ROUTE_COUNT
};

/* What handlers and functions of routes say of their own accord. */
static const status_t said[ROUTE_COUNT][SAID_MAX] = {
    [ROUTE_login] = {STATUS_FORBIDDEN},
    [ROUTE_end_session] = {STATUS_FORBIDDEN, STATUS_NOT_FOUND},
    [ROUTE_create_user] = {STATUS_CONFLICT},
    [ROUTE_change_user] = {STATUS_CONFLICT, STATUS_FORBIDDEN},
    [ROUTE_replace_user] = {STATUS_CONFLICT, STATUS_FORBIDDEN},
    [ROUTE_create_room] = {STATUS_CONFLICT},
    [ROUTE_list_rooms] = {STATUS_FORBIDDEN},
    [ROUTE_list_orders] = {STATUS_FORBIDDEN},
    [ROUTE_show_room] = {STATUS_FORBIDDEN},
    [ROUTE_list_members] = {STATUS_FORBIDDEN},
    [ROUTE_join_room] = {STATUS_FORBIDDEN, STATUS_CONFLICT},
    [ROUTE_remove_member] = {STATUS_FORBIDDEN},
    [ROUTE_post_message] = {STATUS_FORBIDDEN},
    [ROUTE_read_messages] = {STATUS_FORBIDDEN},
    [ROUTE_list_messages] = {STATUS_FORBIDDEN},
    [ROUTE_room_events] = {STATUS_FORBIDDEN},
    [ROUTE_create_product] = {STATUS_CONFLICT},
    [ROUTE_adjust_stock] = {STATUS_CONFLICT},
    [ROUTE_show_message] = {STATUS_FORBIDDEN},
    [ROUTE_list_order_transitions] = {STATUS_FORBIDDEN},
    [ROUTE_show_order] = {STATUS_FORBIDDEN},
    [ROUTE_list_order_history] = {STATUS_FORBIDDEN},
    [ROUTE_pay_order] = {STATUS_FORBIDDEN, STATUS_CONFLICT},
    [ROUTE_cancel_order] = {STATUS_FORBIDDEN, STATUS_CONFLICT},
    [ROUTE_run_job] = {STATUS_CONFLICT},
    [ROUTE_cancel_run] = {STATUS_CONFLICT},
};

static bool always(const route_t *route) {
    (void)route;
    return true;
}

static bool is_unsafe(const route_t *route) {
    return route->method != HTTP_GET && route->method != HTTP_HEAD;
}

static bool takes_key(const route_t *route) {
    return is_unsafe(route) && (route->flags & KEY_REFUSED) == 0;
}

static bool requires_key(const route_t *route) {
    return (route->flags & KEY_REQUIRED) != 0;
}

static bool is_conditional(const route_t *route) {
    return (route->flags & (CONDITIONAL | GUARDED)) != 0;
}

static bool is_for_admins(const route_t *route) {
    return route->access == ACCESS_ADMIN;
}

/* Of one that is there, and not of one that comes into being. */
static bool is_of_something(const route_t *route) {
    const method_t *method = route->kind != NULL ? &route->kind->methods[route->kind_method] : NULL;
    return strchr(route->path, '{') != NULL && (method == NULL || (method->flags & (UPSERT | VIRTUAL)) == 0);
}

static bool writes(const route_t *route) {
    return route->kind != NULL ? method_writes(&route->kind->methods[route->kind_method]) : is_unsafe(route);
}

typedef bool (*applies_fn)(const route_t *route);

static const struct {
    refusal_t refusal;
    applies_fn applies;
} of_bridge[] = {
    {REFUSE_MALFORMED, always},
    {REFUSE_KEY_REQUIRED, requires_key},
    {REFUSE_UNAUTHENTICATED, always},
    {REFUSE_FORBIDDEN, is_for_admins},
    {REFUSE_NOT_FOUND, is_of_something},
    {REFUSE_PRECONDITION_FAILED, is_unsafe},
    {REFUSE_TOO_LARGE, route_takes_body},
    {REFUSE_UNSUPPORTED_MEDIA_TYPE, route_takes_body},
    {REFUSE_INVALID, always},
    {REFUSE_PRECONDITION_REQUIRED, is_conditional},
    {REFUSE_RATE_LIMITED, always},
    {REFUSE_BUSY, always},
};

static const struct {
    status_t status;
    applies_fn applies;
} of_server[] = {
    {STATUS_IN_PROGRESS, takes_key}, {STATUS_IDEMPOTENCY_MISMATCH, takes_key}, {STATUS_UNREACHABLE, always},
    {STATUS_DRAINING, always},       {STATUS_DEADLINE_EXCEEDED, always},       {STATUS_STORAGE_FULL, writes},
    {STATUS_INTERNAL, always},
};

/* The list under way. */
typedef struct list {
    route_error_t *errors;
    uint32_t count;
} list_t;

/* Behind those of smaller status; what is there already stays as it is. */
static void add(list_t *self, const char *code, const char *title, int http) {
    uint32_t at = self->count;
    for (uint32_t i = 0; i < self->count; i++) {
        if (strcmp(self->errors[i].code, code) == 0 && self->errors[i].http == http) {
            return;
        }
    }
    CHECK(self->count < ROUTE_ERRORS_MAX, "more than %d errors", ROUTE_ERRORS_MAX);
    for (; at > 0 && self->errors[at - 1].http > http; at--) {
        self->errors[at] = self->errors[at - 1];
    }
    self->errors[at] = (route_error_t){.code = code, .title = title, .http = http};
    self->count++;
}

static void add_refusal(list_t *self, refusal_t refusal) {
    add(self, problem_code(refusal), problem_title(refusal), problem_status(refusal));
}

static void add_status(list_t *self, status_t status) {
    add(self, status_code(status), status_text(status), status_http(status));
}

static void add_said(list_t *self, const route_t *route) {
    for (uint32_t i = 0; i < SAID_MAX; i++) {
        if (said[route - routes][i] != STATUS_OK) {
            add_status(self, said[route - routes][i]);
        }
    }
}

uint32_t route_errors(const route_t *route, route_error_t errors[ROUTE_ERRORS_MAX]) {
    list_t list = {.errors = errors};
    for (size_t i = 0; i < ARRAY_LENGTH(of_bridge); i++) {
        if (of_bridge[i].applies(route)) {
            add_refusal(&list, of_bridge[i].refusal);
        }
    }
    for (size_t i = 0; i < ARRAY_LENGTH(of_server); i++) {
        if (of_server[i].applies(route)) {
            add_status(&list, of_server[i].status);
        }
    }
    add_said(&list, route);
    return list.count;
}

uint32_t route_refusals(route_error_t errors[ROUTE_ERRORS_MAX]) {
    static const refusal_t refusals[] = {
        REFUSE_MALFORMED,         REFUSE_NOT_FOUND,   REFUSE_METHOD_NOT_ALLOWED, REFUSE_TIMEOUT,
        REFUSE_TOO_LARGE,         REFUSE_EXPECTATION, REFUSE_TARGET_TOO_LONG,    REFUSE_RATE_LIMITED,
        REFUSE_HEADERS_TOO_LARGE, REFUSE_BUSY,        REFUSE_NOT_IMPLEMENTED,    REFUSE_VERSION,
    };
    list_t list = {.errors = errors};
    for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
        add_refusal(&list, refusals[i]);
    }
    return list.count;
}
