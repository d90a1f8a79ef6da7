/* SPDX-License-Identifier: MIT */
/* Messages, as the frontend sees them: with their room, and one that was just posted with all that its author knows. */
#include <stdlib.h>

#include "schemas/json.h"
#include "tools/bridge/people.h"
#include "tools/bridge/runs.h"

static void set(json_t *object, const char *name, json_t *value) {
    CHECK(value != NULL && json_object_set(object, name, value) == 0, "%s", name);
}

static void set_new(json_t *object, const char *name, json_t *value) {
    set(object, name, value);
    json_decref(value);
}

static json_t *entry(const call_t *call, const record_t *record, uint32_t at) {
    span_t room = route_capture(call->route, &call->captures, "id");
    char *text = json_print_for_web(record, call->bridge->tape, at, NULL);
    json_t *shown = json_loads(text, 0, NULL);
    free(text);
    set_new(shown, "room", json_stringn((const char *)room.ptr, room.len));
    return shown;
}

static char *print(json_t *shown) {
    char *text = json_dumps(shown, JSON_COMPACT);
    CHECK(text != NULL, "out of memory");
    json_decref(shown);
    return text;
}

char *chat_show_entry(const call_t *call, const record_t *record, uint32_t at) {
    return print(entry(call, record, at));
}

/* The text is said where it may be another than was asked: of a message that was there already. */
char *chat_show_posted(const call_t *call, const record_t *record, uint32_t at) {
    json_t *shown = entry(call, record, at);
    set_new(shown, "type", json_string(enum_room_entry_type.values[room_entry_type_message]));
    set_new(shown, "author", json_string(people_user(call->person)));
    set(shown, "client_id", json_object_get(call->json, "client_id"));
    if (json_object_get(shown, "text") == NULL) {
        set(shown, "text", json_object_get(call->json, "text"));
    }
    return print(shown);
}
