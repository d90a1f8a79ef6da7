/* SPDX-License-Identifier: MIT */
/*
 * The lists of actors: which of a kind, in which order. The rooms of a user are in their inbox, which knows their keys;
 * what they are like the rooms say themselves, all asked at once.
 */
#include <stdlib.h>

#include "schemas/list.h"
#include "tools/bridge/listing.h"
#include "tools/bridge/message.h"
#include "tools/bridge/people.h"
#include "tools/bridge/pump.h"
#include "tools/bridge/runs.h"

enum { QUERY_CHARACTERS_MAX = 100 };

void run_list_users(call_t *call) {
    users_wanted_t wanted;
    listing_source_t users = {.kind = &kinds[KIND_user], .item = &record_user_view, .field = "created_at"};
    if (!message_read(call, &record_users_wanted, &wanted)) {
        return;
    }
    if (FIELD_HAS(users_wanted, &wanted, status)) {
        users.field = "status";
        users.value = enum_user_status.values[wanted.status];
    }
    const json_t *text = json_object_get(call->json, "query"); /* it outlives what was read of it */
    users.text = span_of(json_string_value(text), json_string_length(text));
    if (span_characters(users.text) > QUERY_CHARACTERS_MAX) {
        call_refuse_field(call, "/query", "too_long", "It has at most 100 characters");
        return;
    }
    listing_run(call, &users);
}

/* All orders, only administrators may list, which is for the server to say. */
void run_list_orders(call_t *call) {
    orders_wanted_t wanted;
    listing_source_t orders = {
        .kind = &kinds[KIND_order], .item = &record_order_view, .field = "created_at", .descending = true};
    if (!message_read(call, &record_orders_wanted, &wanted)) {
        return;
    }
    bool all = FIELD_OR(orders_wanted, &wanted, all, false), narrowed = FIELD_HAS(orders_wanted, &wanted, state);
    if (narrowed && !all) {
        call_refuse_field(call, "/state", "not_a_value", "It needs all=true");
        return;
    }
    if (!all) {
        orders.field = "user";
        orders.value = people_user(call->person);
    } else if (narrowed) {
        orders.field = "state";
        orders.value = enum_order_state.values[wanted.state];
    }
    listing_run(call, &orders);
}

void run_list_jobs(call_t *call) {
    listing_source_t jobs = {.kind = &kinds[KIND_job], .item = &record_job_view};
    empty_t nothing;
    if (message_read(call, &record_empty, &nothing)) {
        listing_run(call, &jobs);
    }
}

/* My rooms */

typedef struct my_room {
    struct my_rooms *all;
    char *text; /* JSON; NULL: it is left out, since the user has left it meanwhile */
} my_room_t;

/* A page under way; the call's own. */
typedef struct my_rooms {
    call_t *call;
    const method_t *method; /* which each room is asked for, and which is shown */
    my_room_t rooms[ROOM_PAGE_MAX];
    uint32_t count, waited_for;
    doran_code_t code; /* of the first that could not be read */
    json_t *next;      /* NULL: this is the last page */
} my_rooms_t;

static void free_rooms(void *own) {
    my_rooms_t *self = own;
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->rooms[i].text);
    }
    json_decref(self->next);
    free(self);
}

/* Once all have answered. */
static void answer_rooms(my_rooms_t *self) {
    if (self->code != DORAN_OK) {
        call_fail(self->call, self->code, "");
        return;
    }
    struct evbuffer *page = listing_begin();
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->rooms[i].text != NULL) {
            listing_add(page, self->rooms[i].text);
            self->rooms[i].text = NULL;
        }
    }
    listing_end(self->call, page, json_incref(self->next));
}

static void take_room(void *context, const doran_reply_t *reply) {
    my_room_t *room = context;
    my_rooms_t *self = room->all;
    tape_t *tape = self->call->bridge->tape;
    bool gone = reply->code == DORAN_FORBIDDEN || reply->code == DORAN_NOT_FOUND;
    if (reply->code == DORAN_OK && tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK) {
        room->text = call_show(self->call, self->method->reply, 0);
    } else if (!gone && self->code == DORAN_OK) {
        self->code = reply->code == DORAN_OK ? DORAN_INTERNAL : reply->code;
    }
    if (--self->waited_for == 0) {
        answer_rooms(self);
    }
}

static void ask_room(my_rooms_t *self, span_t key) {
    my_room_t *room = &self->rooms[self->count++];
    char address[SUBJECT_BYTES_MAX + 1];
    room->all = self;
    snprintf(address, sizeof address, "room/%.*s", (int)key.len, (const char *)key.ptr);
    doran_request_t request = {.address = address, .method = self->method->name, .trace = self->call->trace};
    doran_code_t code = doran_send(people_client(self->call->person), &request, take_room, room);
    if (code != DORAN_OK) {
        self->code = code;
        self->waited_for--;
    }
}

/* One more is waited for until all are asked. */
static void ask_rooms(call_t *call, const doran_reply_t *reply) {
    inbox_rooms_t page;
    inbox_room_t room;
    list_t list;
    my_rooms_t *self = call->own;
    tape_t *tape = call->bridge->tape;
    if (tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) != STATUS_OK ||
        record_decode(&record_inbox_rooms, tape, 0, FROM_WIRE, &page, NULL) != STATUS_OK) {
        call_refuse(call, REFUSE_BUSY, "The server's answer cannot be read");
        return;
    }
    if (FIELD_HAS(inbox_rooms, &page, next)) {
        self->next = json_pack("{ss%}", "after", (const char *)page.next.ptr, page.next.len);
    }
    list_open(&list, &record_inbox_room, page.items);
    self->waited_for = list_count(page.items) + 1;
    while (list_next(&list, &room)) {
        ask_room(self, room.room);
    }
    pump_wake(call->bridge->pump);
    if (--self->waited_for == 0) {
        answer_rooms(self);
    }
}

static void list_mine(call_t *call, uint32_t method) {
    char address[SUBJECT_BYTES_MAX + 1];
    span_t after;
    pack_t pack = pack_into(call->bridge->room, call->bridge->room_bytes);
    inbox_rooms_request_t request = {0};
    uint64_t limit;
    if (!listing_take_limit(call, &limit) ||
        !listing_take_place(call, &record_inbox_rooms_request.fields[inbox_rooms_request_after_FIELD], &after)) {
        return;
    }
    my_rooms_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->call = call;
    self->method = &kinds[KIND_room].methods[method];
    call->own = self;
    call->own_free = free_rooms;
    FIELD_SET(inbox_rooms_request, &request, limit, limit);
    FIELD_SET(inbox_rooms_request, &request, descending, true);
    if (after.ptr != NULL) {
        FIELD_SET(inbox_rooms_request, &request, after, after);
    }
    record_encode(&record_inbox_rooms_request, &request, &pack);
    snprintf(address, sizeof address, "inbox/%s", people_user(call->person));
    call_send(call, address, "rooms", pack_bytes(&pack), ask_rooms);
}

void run_list_rooms(call_t *call) {
    rooms_wanted_t wanted;
    listing_source_t rooms = {
        .kind = &kinds[KIND_room], .item = &record_room_view, .field = "visibility", .descending = true};
    if (!message_read(call, &record_rooms_wanted, &wanted)) {
        return;
    }
    if (FIELD_HAS(rooms_wanted, &wanted, visibility)) {
        rooms.value = enum_room_visibility.values[wanted.visibility];
        listing_run(call, &rooms);
    } else {
        list_mine(call, METHOD_room_get);
    }
}

void run_list_inbox(call_t *call) {
    empty_t nothing;
    if (message_read(call, &record_empty, &nothing)) {
        list_mine(call, METHOD_room_glance);
    }
}
