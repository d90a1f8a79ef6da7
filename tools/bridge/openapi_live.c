/* SPDX-License-Identifier: MIT */
#include "tools/bridge/openapi_live.h"

#include <stdio.h>

#include "schemas/records.h"
#include "tools/bridge/openapi_schema.h"
#include "tools/bridge/value.h"

enum { NAME_BYTES = 64 };

typedef struct frame {
    const char *op, *text;
    const record_t *record;
} frame_t;

static const frame_t from_client[] = {
#define FRAME_IN(op, record, text) {#op, text, &record_##record},
#include "tools/bridge/frames.def"
};

static const frame_t from_server[] = {
#define FRAME_OUT(op, record, text) {#op, text, &record_##record},
#include "tools/bridge/frames.def"
};

static const struct end {
    int code;
    const char *text;
} ends[] = {
#define CLOSE(NAME, code, text) {code, text},
#include "tools/bridge/frames.def"
};

static json_t *refer_to(const char *op) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "frame_%s", op);
    return openapi_reference("schemas", name);
}

static void add_frame(json_t *schemas, const frame_t *frame) {
    char name[NAME_BYTES];
    json_t *schema = openapi_closed_object(frame->text);
    openapi_add_member(schema, "op", value_made(json_pack("{ss}", "const", frame->op)), true);
    for (uint32_t i = 0; i < frame->record->field_count; i++) {
        const field_t *field = &frame->record->fields[i];
        openapi_add_member(schema, field->name, openapi_field(schemas, field, SCHEMA_OF_REQUEST),
                           (field->flags & REQUIRED) != 0);
    }
    snprintf(name, sizeof name, "frame_%s", frame->op);
    value_set(schemas, name, schema);
}

static json_t *add_frames(json_t *schemas, const frame_t *frames, size_t count) {
    json_t *references = value_made(json_array());
    for (size_t i = 0; i < count; i++) {
        add_frame(schemas, &frames[i]);
        CHECK(json_array_append_new(references, refer_to(frames[i].op)) == 0, "out of memory");
    }
    return references;
}

static json_t *print_ends(void) {
    json_t *codes = value_made(json_object());
    for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
        char code[NAME_BYTES];
        snprintf(code, sizeof code, "%d", ends[i].code);
        value_set(codes, code, json_string(ends[i].text));
    }
    return codes;
}

void openapi_add_live(json_t *root, json_t *schemas) {
    value_set(
        root, "x-live",
        value_made(json_pack("{ss ss s[ss] so so so}", "path", "/api/v1/live", "description",
                             "A WebSocket: each frame is one text, a JSON object with `op`. Who connects offers the "
                             "subprotocols doran.v1 "
                             "and bearer.TOKEN, of which doran.v1 is answered; or sends an Authorization header; or a "
                             "hello, within 5 s.",
                             "subprotocols", "doran.v1", "bearer.TOKEN", "client",
                             add_frames(schemas, from_client, ARRAY_LENGTH(from_client)), "server",
                             add_frames(schemas, from_server, ARRAY_LENGTH(from_server)), "closes", print_ends())));
}

json_t *openapi_events_schema(void) {
    return value_made(json_pack(
        "{ss ss s{s[ooo]}}", "type", "string", "description",
        "Server-sent events (HTML, 9.2). Their data are frames as over the WebSocket: first subscribed, then an "
        "event each, at the end an error; their id is LOG_EPOCH:SEQ, the place behind which one goes on. A "
        "comment comes when there is nothing else for a while.",
        "x-data", "anyOf", refer_to("subscribed"), refer_to("event"), refer_to("error")));
}
