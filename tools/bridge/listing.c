/* SPDX-License-Identifier: MIT */
#include "tools/bridge/listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "schemas/json.h"
#include "schemas/records.h"
#include "tools/bridge/body.h"
#include "tools/bridge/cursor.h"
#include "tools/bridge/people.h"

/* Which list this is, for its cursors: its path, who asks, and what it is narrowed to. */

/* Fields that say where a page begins; a cursor says nothing else. */
static const char *const places[] = {"after", "after_value", "before"};

void listing_strip(json_t *object) {
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        json_object_del(object, places[i]);
    }
    json_object_del(object, "cursor");
    json_object_del(object, "limit");
}

/* The caller frees it. */
static char *name_list(const call_t *call) {
    char ignored[1], *name = NULL;
    json_t *query = body_parse_query(http_query(call->http), ignored, sizeof ignored);
    span_t path = http_path(call->http);
    listing_strip(query); /* where a page begins, and how long it is, is not the list */
    char *narrowed = json_dumps(query, JSON_COMPACT | JSON_SORT_KEYS);
    int len = asprintf(&name, "%.*s %s %s", (int)path.len, (const char *)path.ptr,
                       call->person != NULL ? people_user(call->person) : "", narrowed);
    CHECK(narrowed != NULL && len > 0, "out of memory");
    free(narrowed);
    json_decref(query);
    return name;
}

bool listing_take_cursor(call_t *call) {
    const json_t *word = json_object_get(call->json, "cursor");
    if (word == NULL) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        if (json_object_get(call->json, places[i]) != NULL) {
            char pointer[32];
            snprintf(pointer, sizeof pointer, "/%s", places[i]);
            call_refuse_field(call, pointer, "unknown", "A cursor says where its page begins");
            return false;
        }
    }
    char *name = name_list(call);
    json_t *fields = cursor_read(span_text(name), json_string_value(word));
    free(name);
    if (fields == NULL) {
        call_refuse_field(call, "/cursor", "not_a_value", "It is no cursor of this list");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        json_t *value = json_object_get(fields, places[i]);
        CHECK(value == NULL || json_object_set(call->json, places[i], value) == 0, "out of memory");
    }
    json_object_del(call->json, "cursor");
    json_decref(fields);
    return true;
}

bool listing_take_place(call_t *call, const field_t *field, span_t *place) {
    const json_t *value = json_object_get(call->json, field->name);
    *place = (span_t){0};
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) > field->max) { /* nobody was given such a cursor */
        call_refuse_field(call, "/cursor", "not_a_value", "It is no cursor of this list");
        return false;
    }
    *place = span_of(json_string_value(value), json_string_length(value));
    return true;
}

/* What comes next */

/* Does a parameter of the query say where its page begins? */
static bool is_place(span_t parameter) {
    const uint8_t *end = memchr(parameter.ptr, '=', parameter.len);
    span_t name = span_of(parameter.ptr, end != NULL ? (size_t)(end - parameter.ptr) : parameter.len);
    bool found = span_equal(name, span_text("cursor"));
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        found = found || span_equal(name, span_text(places[i]));
    }
    return found;
}

/* Link (RFC 8288): the same query with another cursor. */
static void add_link(call_t *call, const char *cursor) {
    span_t path = http_path(call->http), rest = http_query(call->http);
    struct evbuffer *link = evbuffer_new();
    CHECK(link != NULL, "out of memory");
    evbuffer_add_printf(link, "<%.*s?", (int)path.len, (const char *)path.ptr);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.ptr, '&', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
        if (len > 0 && !is_place(span_of(rest.ptr, len))) {
            evbuffer_add_printf(link, "%.*s&", (int)len, (const char *)rest.ptr);
        }
        rest = span_of(rest.ptr + len + (end != NULL), rest.len - len - (end != NULL));
    }
    evbuffer_add_printf(link, "cursor=%s>; rel=\"next\"", cursor);
    evbuffer_add(link, "", 1);
    call_add_header(call, "Link", (const char *)evbuffer_pullup(link, -1));
    evbuffer_free(link);
}

void listing_end(call_t *call, struct evbuffer *page, json_t *next) {
    evbuffer_add_printf(page, "]");
    if (next != NULL) {
        char *name = name_list(call), *cursor = cursor_print(span_text(name), next);
        evbuffer_add_printf(page, ",\"next_cursor\":\"%s\"", cursor);
        add_link(call, cursor);
        free(cursor);
        free(name);
        json_decref(next);
    }
    evbuffer_add_printf(page, "}");
    call_answer(call, 200, "application/json", span_of(evbuffer_pullup(page, -1), evbuffer_get_length(page)));
    evbuffer_free(page);
}

struct evbuffer *listing_begin(void) {
    struct evbuffer *page = evbuffer_new();
    CHECK(page != NULL, "out of memory");
    evbuffer_add_printf(page, "{\"items\":[");
    return page;
}

static void add_comma(struct evbuffer *page) {
    size_t bytes = evbuffer_get_length(page);
    if (((const char *)evbuffer_pullup(page, -1))[bytes - 1] != '[') {
        evbuffer_add_printf(page, ",");
    }
}

void listing_add(struct evbuffer *page, char *text) {
    add_comma(page);
    evbuffer_add(page, text, strlen(text));
    free(text);
}

/* Pages of one actor */

static json_t *number_under(const tape_t *tape, uint32_t map, const char *name) {
    uint32_t at = tape_find(tape, map, name);
    return at != 0 && tape->tokens[at].type == TOKEN_U64 ? json_integer((json_int_t)tape->tokens[at].u64) : NULL;
}

static json_t *text_under(const tape_t *tape, uint32_t map, const char *name) {
    uint32_t at = tape_find(tape, map, name);
    return at != 0 && tape->tokens[at].type == TOKEN_TEXT
               ? json_stringn((const char *)tape->tokens[at].ptr, tape->tokens[at].len)
               : NULL;
}

static bool is_true(const tape_t *tape, const char *name) {
    uint32_t at = tape_find(tape, 0, name);
    return at != 0 && tape->tokens[at].type == TOKEN_BOOL && tape->tokens[at].boolean;
}

/* NULL: this was the last. last: the last item; 0: there is none. */
static json_t *next_of(const call_t *call, const tape_t *tape, uint32_t last) {
    json_t *next = text_under(tape, 0, "next");
    if (next != NULL) {
        return json_pack("{so}", "after", next);
    }
    next = number_under(tape, 0, "before");
    if (next != NULL) {
        return json_pack("{so}", "before", next);
    }
    next = last != 0 && is_true(tape, "more") ? number_under(tape, last, "seq") : NULL;
    return next != NULL ? json_pack("{so}", json_object_get(call->json, "after") != NULL ? "after" : "before", next)
                        : NULL;
}

void listing_answer(call_t *call, const record_t *record, const doran_reply_t *reply) {
    tape_t *tape = call->bridge->tape;
    const field_t *items = body_field(record, "items");
    uint32_t array = 0, last = 0;
    CHECK(items != NULL && items->element != NULL, "%s has no items", record->name);
    if (tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK) {
        array = tape_find(tape, 0, "items");
    }
    if (array == 0 || tape->tokens[array].type != TOKEN_ARRAY) {
        call_refuse(call, REFUSE_BUSY, "The server's answer cannot be read");
        return;
    }
    struct evbuffer *page = listing_begin();
    for (uint32_t at = array + 1; at < tape->tokens[array].next; at = tape->tokens[at].next) {
        char *item = call_show(call, items->element, at);
        if (item != NULL) {
            listing_add(page, item);
        }
        last = at;
    }
    listing_end(call, page, next_of(call, tape, last));
}

/* Actors of a kind */

enum { LIMIT = 20, LIMIT_MAX = 100 };

bool listing_take_limit(call_t *call, uint64_t *limit) {
    const json_t *word = json_object_get(call->json, "limit");
    const char *text = word != NULL ? json_string_value(word) : NULL;
    char *end = NULL;
    *limit = text == NULL ? LIMIT : strtoull(text, &end, 10);
    if (text != NULL && (*end != 0 || text[0] < '1' || text[0] > '9' || *limit > LIMIT_MAX)) {
        call_refuse_field(call, "/limit", "not_a_value", "It is a number from 1 to 100");
        return false;
    }
    return true;
}

/* A list under way; the call's own. */
typedef struct walk {
    listing_source_t source;
    uint64_t limit;
    rows_t rows;
    bool malformed;
    listing_done_fn done;
} walk_t;

static void forget_walk(void *own) {
    walk_t *self = own;
    rows_fini(&self->rows);
    free(self);
}

static void take_shard(call_t *call, const doran_reply_t *reply) {
    walk_t *self = call->own;
    if (rows_add(&self->rows, span_of(reply->body, reply->body_bytes)) != STATUS_OK) {
        self->malformed = true;
    }
}

static void finish(call_t *call, const doran_reply_t *reply) {
    walk_t *self = call->own;
    (void)reply;
    if (self->malformed) {
        call_refuse(call, REFUSE_BUSY, "The server's answer cannot be read");
        return;
    }
    size_t complete = rows_finish(&self->rows);
    self->done(call, &self->rows, complete);
}

/* False: refused. */
static bool take_place(call_t *call, list_request_t *request) {
    const field_t *fields = record_list_request.fields;
    span_t after, value;
    if (!listing_take_place(call, &fields[list_request_after_FIELD], &after) ||
        !listing_take_place(call, &fields[list_request_after_value_FIELD], &value)) {
        return false;
    }
    if (after.ptr != NULL) {
        FIELD_SET(list_request, request, after, after);
    }
    if (value.ptr != NULL) {
        FIELD_SET(list_request, request, after_value, value);
    }
    return true;
}

/* Absent: refused. */
static span_t pack_request(call_t *call, const walk_t *walk) {
    pack_t pack = pack_into(call->bridge->room, call->bridge->room_bytes);
    list_request_t request = {0};
    FIELD_SET(list_request, &request, limit, walk->limit);
    FIELD_SET(list_request, &request, states, true);
    FIELD_SET(list_request, &request, descending, walk->source.descending);
    if (walk->source.field != NULL) {
        FIELD_SET(list_request, &request, field, span_text(walk->source.field));
    }
    if (walk->source.value != NULL) {
        FIELD_SET(list_request, &request, value, span_text(walk->source.value));
    }
    if (walk->source.text.ptr != NULL) {
        FIELD_SET(list_request, &request, text, walk->source.text);
    }
    if (!take_place(call, &request)) {
        return (span_t){0};
    }
    record_encode(&record_list_request, &request, &pack);
    CHECK(pack_ok(&pack), "%zu bytes are too few", call->bridge->room_bytes);
    return pack_bytes(&pack);
}

void listing_ask(call_t *call, const listing_source_t *source, uint64_t limit, listing_done_fn done) {
    walk_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    *self = (walk_t){.source = *source, .limit = limit, .done = done};
    call->own = self;
    call->own_free = forget_walk;
    rows_init(&self->rows, source->descending);
    span_t request = pack_request(call, self);
    if (request.ptr != NULL) {
        call_send_query(call, source->kind->name, "list", request, take_shard, finish);
    }
}

/* NULL: the state is damaged, and nothing can be said. */
static char *show_row(const call_t *call, const record_t *record, const row_t *row) {
    tape_t *tape = call->bridge->tape;
    char *item = NULL;
    if (row->state == NULL || tape_read_whole(tape, span_of(row->state, row->state_bytes)) != STATUS_OK) {
        return NULL;
    }
    char *state = json_print_for_web(record, tape, 0, NULL);
    int len = asprintf(&item, "{\"%s\":\"%s\",%s", record->fields[0].name, row->place.key, state + 1);
    CHECK(len > 0, "out of memory");
    free(state);
    return item;
}

static json_t *place_after(const rows_place_t *place) {
    return place->value[0] != 0 ? json_pack("{ss ss}", "after", place->key, "after_value", place->value)
                                : json_pack("{ss}", "after", place->key);
}

static void answer_rows(call_t *call, const rows_t *rows, size_t complete) {
    const walk_t *self = call->own;
    size_t shown = complete < self->limit ? complete : self->limit;
    struct evbuffer *page = listing_begin();
    for (size_t i = 0; i < shown; i++) {
        char *item = show_row(call, self->source.item, &rows->items[i]);
        if (item != NULL) {
            listing_add(page, item);
        }
    }
    json_t *next = NULL;
    if (shown < rows->count && shown > 0) {
        next = place_after(&rows->items[shown - 1].place);
    } else if (rows->more) {
        next = place_after(&rows->last);
    }
    listing_end(call, page, next);
}

void listing_run(call_t *call, const listing_source_t *source) {
    uint64_t limit;
    if (listing_take_limit(call, &limit)) {
        listing_ask(call, source, limit, answer_rows);
    }
}
