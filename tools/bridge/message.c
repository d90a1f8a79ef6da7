/* SPDX-License-Identifier: MIT */
/* The call's JSON becomes the request: what came with it, then what comes from elsewhere; then it is packed. */
#include "tools/bridge/message.h"

#include <stdlib.h>

#include <sodium.h>

#include "tools/bridge/body.h"
#include "tools/bridge/listing.h"
#include "tools/bridge/people.h"

static const method_t *method_of(const call_t *call) {
    return &call->route->kind->methods[call->route->kind_method];
}

static bool has(const call_t *call, uint32_t flag) {
    return (call->route->flags & flag) != 0;
}

static bool refuse(call_t *call, const char *field, const char *code, const char *detail) {
    uint8_t text[PROBLEM_POINTER_BYTES_MAX];
    char pointer[PROBLEM_POINTER_BYTES_MAX + 1];
    problem_t problem = {.name = span_text(field)};
    span_t printed = problem_pointer(&problem, text);
    snprintf(pointer, sizeof pointer, "%.*s", (int)printed.len, (const char *)printed.ptr);
    call_refuse_field(call, pointer, code, detail);
    return false;
}

/* Where to */

/* A key may be a part of the path, whose name this then is, who asks, or that one's login session. */
static span_t find_key(const call_t *call, char name[METHOD_BYTES_MAX]) {
    const char *key = call->route->key;
    if (key[0] != '{') {
        return span_text(key);
    }
    if (strcmp(key, "{caller}") == 0) {
        return span_text(call->person != NULL ? people_user(call->person) : "");
    }
    if (strcmp(key, "{login}") == 0) {
        return span_text(call->person != NULL ? people_session(call->person) : "");
    }
    snprintf(name, METHOD_BYTES_MAX, "%.*s", (int)strlen(key) - 2, key + 1);
    return route_capture(call->route, &call->captures, name);
}

/* kind/key. False: refused. */
static bool find_address(call_t *call, char address[SUBJECT_BYTES_MAX + 1]) {
    char name[METHOD_BYTES_MAX] = "";
    span_t key = find_key(call, name);
    if (key.len > 0 && !address_key_valid(key)) {
        call_refuse_key(call, call->route->parts != NULL ? "id" : name);
        return false;
    }
    snprintf(address, SUBJECT_BYTES_MAX + 1, "%s/%.*s", call->route->kind->name, (int)key.len, (const char *)key.ptr);
    return true;
}

/* What with */

static void set(call_t *call, const char *name, json_t *value) {
    CHECK(value != NULL && json_object_set_new(call->json, name, value) == 0, "out of memory");
}

/* Does the field come with the body or the query? */
static bool is_given(const call_t *call, const field_t *field) {
    field_source_t source = route_source(call->route, field);
    return source == FIELD_FROM_BODY || source == FIELD_FROM_QUERY;
}

static bool check_names(call_t *call, const record_t *record) {
    const char *name;
    json_t *value;
    json_object_foreach(call->json, name, value) {
        const field_t *field = body_field(record, name);
        bool paging = route_pages(call->route) && (strcmp(name, "cursor") == 0 || strcmp(name, "limit") == 0);
        if (!paging && (field == NULL || !is_given(call, field))) {
            return refuse(call, name, "unknown", "There is no such field");
        }
    }
    return true;
}

/* Words of the query become values of their fields. */
static void take_words(call_t *call, const record_t *record) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        const json_t *word = json_object_get(call->json, record->fields[i].name);
        if (word != NULL) {
            set(call, record->fields[i].name, body_of_word(&record->fields[i], json_string_value(word)));
        }
    }
}

/* Merge Patch: null takes a field away, if the record goes without it. */
static bool take_nulls(call_t *call) {
    const char *name;
    json_t *value, *clear = json_array();
    void *next;
    json_object_foreach_safe(call->json, next, name, value) {
        if (!json_is_null(value)) {
            continue;
        }
        const field_t *field = body_field(call->route->kind->state, name);
        if (field == NULL || (field->flags & REQUIRED) != 0) {
            json_decref(clear);
            return refuse(call, name, "required", "It cannot be taken away");
        }
        json_array_append_new(clear, json_string(name));
        json_object_del(call->json, name);
    }
    if (json_array_size(clear) > 0) {
        set(call, "clear", clear);
    } else {
        json_decref(clear);
    }
    return true;
}

/* False: refused, since what stands in the path is no text. */
static bool take_captures(call_t *call, const record_t *record) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        span_t value = route_capture(call->route, &call->captures, field->name);
        char word[sizeof call->captures.bytes + 1] = "";
        if (value.ptr == NULL) {
            continue;
        }
        memcpy(word, value.ptr, value.len);
        json_t *made = strlen(word) == value.len ? body_of_word(field, word) : NULL;
        if (made == NULL) {
            call_refuse(call, REFUSE_NOT_FOUND, NULL);
            return false;
        }
        set(call, field->name, made);
    }
    return true;
}

/* Makes the call's JSON the request. What is GUARDED and named without a version has to be new. False: refused. */
static bool compose(call_t *call, const record_t *record) {
    if (!check_names(call, record)) {
        return false;
    }
    if (!route_takes_body(call->route)) {
        take_words(call, record);
    }
    if ((route_pages(call->route) && !listing_take_cursor(call)) || (has(call, MERGED) && !take_nulls(call))) {
        return false;
    }
    if (!take_captures(call, record)) {
        return false;
    }
    if (call->version != 0 && body_field(record, "version") == NULL) {
        call_refuse(call, REFUSE_PRECONDITION_FAILED, "This has no version");
        return false;
    }
    if (body_field(record, "version") != NULL && (call->version != 0 || (has(call, GUARDED) && !call->conditional))) {
        set(call, "version", json_integer((json_int_t)call->version));
    }
    return true;
}

/* What of a list is not its actor's: a function of its route sees to it. */
static json_t *request_of(const call_t *call) {
    if (!has(call, LISTED) || call->route->kind != NULL) {
        return json_incref(call->json);
    }
    json_t *request = json_copy(call->json);
    CHECK(request != NULL, "out of memory");
    listing_strip(request);
    return request;
}

/* Absent: refused. */
static span_t make(call_t *call, const record_t *record) {
    pack_t pack = pack_into(call->bridge->room, call->bridge->room_bytes);
    if (!compose(call, record)) {
        return (span_t){0};
    }
    json_t *request = request_of(call);
    body_pack_record(record, request, &pack);
    json_decref(request);
    if (!pack_ok(&pack)) {
        call_refuse(call, REFUSE_TOO_LARGE, NULL);
        return (span_t){0};
    }
    return pack_bytes(&pack);
}

static void refuse_problems(call_t *call, const problems_t *problems) {
    uint8_t room[KIB(16)];
    pack_t pack = pack_into(room, sizeof room);
    problems_pack(problems, &pack);
    doran_reply_t reply = {.code = DORAN_INVALID, .text = "", .body = room, .body_bytes = pack.len};
    call_pass_error(call, &reply);
}

/* False: refused. */
static bool read_made(call_t *call, const record_t *record, span_t made, void *out) {
    problems_t problems = {0};
    if (tape_read_whole(call->bridge->tape, made) != STATUS_OK) {
        call_refuse(call, REFUSE_TOO_LARGE, "The body has too many values");
        return false;
    }
    if (record_decode(record, call->bridge->tape, 0, FROM_WIRE, out, &problems) != STATUS_OK) {
        refuse_problems(call, &problems);
        return false;
    }
    return true;
}

bool message_read(call_t *call, const record_t *record, void *out) {
    span_t made = make(call, record);
    return made.ptr != NULL && read_made(call, record, made, out);
}

void message_send(call_t *call, const char *address, const method_t *method, json_t *request, call_done_fn done) {
    pack_t pack = pack_into(call->bridge->room, call->bridge->room_bytes);
    body_pack_record(method->request, request, &pack);
    json_decref(request);
    if (pack_ok(&pack)) {
        call_send(call, address, method->name, pack_bytes(&pack), done);
    } else {
        call_refuse(call, REFUSE_TOO_LARGE, NULL);
    }
}

static void answer(call_t *call, const doran_reply_t *reply) {
    if (has(call, LISTED)) {
        listing_answer(call, method_of(call)->reply, reply);
    } else {
        call_answer_record(call, method_of(call)->reply, reply);
    }
}

/* Is it what the row asks for, where that is less than the method takes? */
static bool suits(call_t *call, span_t made) {
    uint64_t out[32];
    const record_t *body = call->route->body;
    CHECK(body == NULL || body->struct_bytes <= sizeof out, "%s has %u bytes", body->name, body->struct_bytes);
    return body == NULL || read_made(call, body, made, out);
}

void message_run(call_t *call) {
    const method_t *method = method_of(call);
    char address[SUBJECT_BYTES_MAX + 1];
    if (!find_address(call, address)) {
        return;
    }
    span_t message = make(call, route_request(call->route));
    if (message.ptr != NULL && suits(call, message)) {
        call_send(call, address, method->name, message, answer);
        sodium_memzero((void *)(uintptr_t)message.ptr, message.len); /* it may have said a password */
    }
}
