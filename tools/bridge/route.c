/* SPDX-License-Identifier: MIT */
/* Rows are tried in their order, so of two that fit the same path the more exact one stands first. */
#include "tools/bridge/route.h"

#include <ctype.h>

#include "tools/bridge/body.h"
#include "tools/bridge/runs.h"

#define ROUTE(id, METHOD, path_text, access_level, kind_name, method_name, key_text, flag_set, ...)                    \
    {.name = #id,                                                                                                      \
     .method = HTTP_##METHOD,                                                                                          \
     .path = path_text,                                                                                                \
     .access = ACCESS_##access_level,                                                                                  \
     .flags = flag_set,                                                                                                \
     .kind = &kinds[KIND_##kind_name],                                                                                 \
     .kind_method = METHOD_##kind_name##_##method_name,                                                                \
     .key = key_text,                                                                                                  \
     .text = __VA_ARGS__},
#define ROUTE_OWN(id, METHOD, path_text, access_level, body_record, reply_record, flag_set, ...)                       \
    {.name = #id,                                                                                                      \
     .method = HTTP_##METHOD,                                                                                          \
     .path = path_text,                                                                                                \
     .access = ACCESS_##access_level,                                                                                  \
     .flags = flag_set,                                                                                                \
     .run = run_##id,                                                                                                  \
     .body = body_record,                                                                                              \
     .reply = reply_record,                                                                                            \
     .text = __VA_ARGS__},

const route_t routes[] = {
#include "tools/bridge/routes.def"
};
const uint32_t routes_count = sizeof routes / sizeof routes[0];

/* The part of the text up to the next '/', which is taken off with it. False: there is none left. */
static bool take_part(span_t *rest, span_t *part) {
    if (rest->len == 0 || rest->ptr[0] != '/') {
        return false;
    }
    const uint8_t *begin = rest->ptr + 1, *end = memchr(begin, '/', rest->len - 1);
    size_t len = end != NULL ? (size_t)(end - begin) : rest->len - 1;
    *part = span_of(begin, len);
    *rest = span_of(begin + len, rest->len - 1 - len);
    return true;
}

static int hex_value(uint8_t digit) {
    return isdigit(digit) ? digit - '0' : isxdigit(digit) ? tolower(digit) - 'a' + 10 : -1;
}

/* False: no such escape, or no room. */
static bool unescape(span_t part, captures_t *captures, size_t *used, span_t *value) {
    uint8_t *to = captures->bytes + *used;
    size_t len = 0;
    for (size_t i = 0; i < part.len; i++) {
        uint8_t byte = part.ptr[i];
        if (*used + len == sizeof captures->bytes) {
            return false;
        }
        if (byte == '%') {
            int high = i + 2 < part.len ? hex_value(part.ptr[i + 1]) : -1;
            int low = i + 2 < part.len ? hex_value(part.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        to[len++] = byte;
    }
    *value = span_of(to, len);
    *used += len;
    return true;
}

static bool part_fits(span_t pattern, span_t part) {
    return pattern.ptr[0] == '{' ? part.len > 0 : span_equal(pattern, part);
}

/* Most rows are another's already by what stands before their first brace. */
static bool begins_like(const char *pattern, span_t path) {
    size_t i = 0;
    while (pattern[i] != 0 && pattern[i] != '{' && i < path.len && path.ptr[i] == (uint8_t)pattern[i]) {
        i++;
    }
    return pattern[i] == 0 || pattern[i] == '{';
}

static bool path_fits(const route_t *route, span_t path) {
    if (!begins_like(route->path, path)) {
        return false;
    }
    span_t pattern = span_text(route->path), wanted, part;
    while (take_part(&pattern, &wanted)) {
        if (!take_part(&path, &part) || !(wanted.len == 0 ? part.len == 0 : part_fits(wanted, part))) {
            return false;
        }
    }
    return path.len == 0;
}

static bool capture(const route_t *route, span_t path, captures_t *captures) {
    span_t pattern = span_text(route->path), wanted, part;
    size_t used = 0;
    captures->count = 0;
    while (take_part(&pattern, &wanted) && take_part(&path, &part)) {
        if (wanted.len > 0 && wanted.ptr[0] == '{' &&
            !unescape(part, captures, &used, &captures->values[captures->count++])) {
            return false;
        }
    }
    return true;
}

/* Looks for braces of this name, and counts those before. */
static bool find_in(const char *text, const char *name, int *count) {
    span_t pattern = span_text(text), part;
    while (take_part(&pattern, &part)) {
        if (part.len == 0 || part.ptr[0] != '{') {
            continue;
        }
        if (span_equal(span_of(part.ptr + 1, part.len - 2), span_text(name))) {
            return true;
        }
        (*count)++;
    }
    return false;
}

/* Which of the braces has this name; -1: none. */
static int find_braces(const route_t *self, const char *name) {
    int count = 0;
    bool found = find_in(self->path, name, &count) || (self->parts != NULL && find_in(self->parts, name, &count));
    return found ? count : -1;
}

/* Into what stands before and behind the last '-'. */
static bool split_id(const route_t *route, captures_t *captures) {
    span_t id = route_capture(route, captures, "id");
    const uint8_t *dash = memrchr(id.ptr, '-', id.len);
    if (dash == NULL || dash == id.ptr || dash == id.ptr + id.len - 1) {
        return false;
    }
    captures->values[captures->count++] = span_of(id.ptr, (size_t)(dash - id.ptr));
    captures->values[captures->count++] = span_of(dash + 1, (size_t)(id.ptr + id.len - dash - 1));
    return true;
}

const route_t *route_find(http_method_t method, span_t path, captures_t *captures, uint32_t *allowed) {
    const route_t *found = NULL;
    *allowed = 0;
    for (uint32_t i = 0; i < routes_count; i++) {
        if (!path_fits(&routes[i], path)) {
            continue;
        }
        *allowed |= 1u << routes[i].method | (routes[i].method == HTTP_GET ? 1u << HTTP_HEAD : 0);
        if (found == NULL && (routes[i].method == method || (method == HTTP_HEAD && routes[i].method == HTTP_GET))) {
            found = &routes[i];
        }
    }
    if (found != NULL && (!capture(found, path, captures) || (found->parts != NULL && !split_id(found, captures)))) {
        *allowed = 0;
        return NULL;
    }
    return found;
}

span_t route_capture(const route_t *self, const captures_t *captures, const char *name) {
    int braces = find_braces(self, name);
    return braces >= 0 ? captures->values[braces] : (span_t){0};
}

static const method_t *method_of(const route_t *self) {
    return &self->kind->methods[self->kind_method];
}

int route_status(const route_t *self) {
    return (self->flags & CREATES) != 0   ? 201
           : (self->flags & ACCEPTS) != 0 ? 202
           : (self->flags & EMPTY) != 0   ? 204
                                          : 200;
}

bool route_pages(const route_t *self) {
    return (self->flags & LISTED) != 0 && (self->kind == NULL || body_field(method_of(self)->request, "limit") != NULL);
}

const record_t *route_request(const route_t *self) {
    return self->kind != NULL && self->body == NULL ? method_of(self)->request : self->body;
}

const record_t *route_reply(const route_t *self) {
    if ((self->flags & EMPTY) != 0 || self->reply != NULL || self->kind == NULL) {
        return self->reply;
    }
    const record_t *reply = method_of(self)->reply;
    return (self->flags & LISTED) != 0 ? body_field(reply, "items")->element : reply;
}

field_source_t route_source(const route_t *self, const field_t *field) {
    if (find_braces(self, field->name) >= 0) {
        return FIELD_FROM_PATH;
    }
    if (self->kind != NULL && strcmp(field->name, "version") == 0) {
        return FIELD_FROM_CONDITION;
    }
    bool cleared = (self->flags & MERGED) != 0 && strcmp(field->name, "clear") == 0;
    if (cleared || (field->flags & SYSTEM) != 0) {
        return FIELD_FROM_NOWHERE;
    }
    return route_takes_body(self) ? FIELD_FROM_BODY : FIELD_FROM_QUERY;
}
