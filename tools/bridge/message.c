/* SPDX-License-Identifier: MIT */
/*
 * Each field of the request record has one place where it comes from; what the body or the query has beside these is
 * unknown, also if it is a field that comes from elsewhere. Whether the values fit is the server's to say.
 */
#include "tools/bridge/message.h"

#include <stdlib.h>

#include "schemas/address.h"
#include "tools/bridge/body.h"

static const method_t *method_of(const call_t *call) {
    return &call->route->kind->methods[call->route->kind_method];
}

static bool reads(const call_t *call) {
    return call->route->method == HTTP_GET;
}

/* kind/key. False: refused. */
static bool find_address(call_t *call, char address[SUBJECT_BYTES_MAX + 1]) {
    const char *key = call->route->key, *kind = call->route->kind->name;
    span_t value = span_text(key);
    if (key[0] == '{') {
        char name[METHOD_BYTES_MAX];
        snprintf(name, sizeof name, "%.*s", (int)strlen(key) - 2, key + 1);
        value = route_capture(call->route, &call->captures, name);
        if (!address_key_valid(value)) {
            call_refuse(call, REFUSE_NOT_FOUND, NULL);
            return false;
        }
    }
    snprintf(address, SUBJECT_BYTES_MAX + 1, "%s/%.*s", kind, (int)value.len, (const char *)value.ptr);
    return true;
}

/* Where a field comes from. */
typedef enum source { FROM_NOWHERE, FROM_PATH, FROM_CONDITION, FROM_QUERY, FROM_BODY } source_t;

static source_t source_of(const call_t *call, const field_t *field) {
    if (route_capture(call->route, &call->captures, field->name).ptr != NULL) {
        return FROM_PATH;
    }
    if (strcmp(field->name, "version") == 0) {
        return FROM_CONDITION;
    }
    return reads(call) ? FROM_QUERY : FROM_BODY;
}

static const field_t *field_named(const record_t *record, const char *name) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}

/* A text of the path or the query as the field wants it; what is no such number goes as text, to be refused. */
static void pack_word(const field_t *field, span_t word, pack_t *pack) {
    char text[32], *end;
    snprintf(text, sizeof text, "%.*s", (int)(word.len < sizeof text ? word.len : sizeof text - 1),
             (const char *)word.ptr);
    bool number = field->type == FIELD_U64 && text[0] >= '0' && text[0] <= '9';
    uint64_t value = number ? strtoull(text, &end, 10) : 0;
    if (number && *end == 0 && word.len < sizeof text) {
        pack_u64(pack, value);
    } else if (field->type == FIELD_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)) {
        pack_bool(pack, text[0] == 't');
    } else {
        pack_text(pack, word);
    }
}

/* Packs name and value of a field if it is given. */
static bool pack_field(call_t *call, const field_t *field, pack_t *pack) {
    json_t *value = NULL;
    char *word = NULL;
    switch (source_of(call, field)) {
    case FROM_NOWHERE:
        return false;
    case FROM_PATH:
        pack_cstring(pack, field->name);
        pack_word(field, route_capture(call->route, &call->captures, field->name), pack);
        return true;
    case FROM_CONDITION:
        if (call->version == 0) {
            return false;
        }
        pack_cstring(pack, field->name);
        pack_u64(pack, call->version);
        return true;
    case FROM_QUERY:
        word = call_parameter(call, field->name);
        if (word == NULL) {
            return false;
        }
        pack_cstring(pack, field->name);
        pack_word(field, span_text(word), pack);
        free(word);
        return true;
    case FROM_BODY:
        value = json_object_get(call->json, field->name);
        if (value == NULL) {
            return false;
        }
        pack_cstring(pack, field->name);
        body_pack(field, value, pack);
        return true;
    }
    return false;
}

/* False: refused, since the body has what is no field of it. */
static bool known(call_t *call, const record_t *record) {
    const char *name;
    json_t *value;
    json_object_foreach(call->json, name, value) {
        const field_t *field = field_named(record, name);
        if (field == NULL || source_of(call, field) != FROM_BODY) {
            char pointer[80];
            snprintf(pointer, sizeof pointer, "/%.64s", name);
            call_refuse_field(call, pointer, "unknown", "There is no such field");
            return false;
        }
    }
    return true;
}

static span_t pack_message(call_t *call, const record_t *record) {
    pack_t fields = pack_into(call->bridge->room, call->bridge->room_bytes / 2);
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->field_count; i++) {
        count += pack_field(call, &record->fields[i], &fields);
    }
    pack_t message = pack_into(call->bridge->room + call->bridge->room_bytes / 2, call->bridge->room_bytes / 2);
    pack_map(&message, count);
    if (message.len + fields.len > message.capacity || !pack_ok(&fields)) {
        return (span_t){0};
    }
    memcpy(message.ptr + message.len, fields.ptr, fields.len);
    return span_of(message.ptr, message.len + fields.len);
}

static void answer(call_t *call, const doran_reply_t *reply) {
    call_answer_record(call, method_of(call)->reply, reply);
}

static void answer_shown(call_t *call, const doran_reply_t *reply) {
    const method_t *get = kind_method(call->route->kind, span_text("get"));
    call_answer_record(call, get->reply, reply);
}

/* The kind's `get` says what it is like now. */
static void show_after(call_t *call, const doran_reply_t *reply) {
    char address[SUBJECT_BYTES_MAX + 1];
    (void)reply;
    if (find_address(call, address)) {
        call_send(call, address, "get", span_of("\x80", 1), answer_shown);
    }
}

void message_run(call_t *call) {
    const method_t *method = method_of(call);
    char address[SUBJECT_BYTES_MAX + 1];
    if (!known(call, method->request) || !find_address(call, address)) {
        return;
    }
    span_t message = pack_message(call, method->request);
    if (message.ptr == NULL) {
        call_refuse(call, REFUSE_TOO_LARGE, NULL);
        return;
    }
    call_send(call, address, method->name, message, (call->route->flags & SHOWN_AFTER) != 0 ? show_after : answer);
}
