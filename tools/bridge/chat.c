/* SPDX-License-Identifier: MIT */
/* Messages, as the frontend sees them: with their room, and one that was just posted with all that its author knows. */
#include <stdlib.h>

#include "schemas/json.h"
#include "tools/bridge/people.h"
#include "tools/bridge/runs.h"
#include "tools/bridge/value.h"

/* NULL: it is damaged. */
static json_t *entry(const call_t *call, const record_t *record, uint32_t at) {
    span_t room = route_capture(call->route, &call->captures, "id");
    char *text = json_print_for_web(record, call->bridge->tape, at, NULL);
    json_t *shown = value_read(text);
    free(text);
    if (shown != NULL) {
        value_set(shown, "room", json_stringn((const char *)room.ptr, room.len));
    }
    return shown;
}

char *chat_show_entry(const call_t *call, const record_t *record, uint32_t at) {
    json_t *shown = entry(call, record, at);
    return shown != NULL ? value_print(shown) : NULL;
}

/* An item of the inbox. */
char *chat_show_glance(const call_t *call, const record_t *record, uint32_t at) {
    char *text = json_print_for_web(record, call->bridge->tape, at, NULL);
    json_t *shown = value_read(text);
    free(text);
    if (shown == NULL) {
        return NULL;
    }
    json_t *last = json_object_get(shown, "last");
    if (last != NULL) {
        value_set(last, "room", json_incref(json_object_get(json_object_get(shown, "room"), "id")));
    }
    return value_print(shown);
}

/* The text is said where it may be another than was asked: of a message that was there already. */
char *chat_show_posted(const call_t *call, const record_t *record, uint32_t at) {
    json_t *shown = entry(call, record, at);
    if (shown == NULL) {
        return NULL;
    }
    value_set(shown, "type", json_string(enum_room_entry_type.values[room_entry_type_message]));
    value_set(shown, "author", json_string(people_user(call->person)));
    value_set(shown, "client_id", json_incref(json_object_get(call->json, "client_id")));
    if (json_object_get(shown, "text") == NULL) {
        value_set(shown, "text", json_incref(json_object_get(call->json, "text")));
    }
    return value_print(shown);
}
