/* SPDX-License-Identifier: MIT */
/*
 * inbox: which rooms the user is in. What a room says comes once and in the room's order; a row also knows which entry
 * of the room's log it is from, so that what came twice or late would change nothing.
 *
 *   own keys   'r' room        an inbox_joined
 *              't' time room   the same, in the order in which rooms were made        time: 8 bytes, big endian
 */
#include <sodium.h>

#include "actors/kind.h"
#include "actors/row_key.h"
#include "actors/turn.h"
#include "schemas/list.h"

enum {
    PAGE_DEFAULT = 20,
    ROW_BYTES_MAX = 300,                   /* encoded */
    TIME_KEY_BYTES = 1 + sizeof(uint64_t), /* what stands before the room's key */
    TIME_DIGITS = 2 * sizeof(uint64_t),
    ROOM_BYTES_MAX = ROW_BYTES_MAX + KEY_BYTES_MAX,
};

static_assert((int)TIME_KEY_BYTES + (int)ROOM_KEY_BYTES_MAX == (int)SUBKEY_BYTES_MAX, "a room's key fits behind it");

static span_t key_of(turn_t *turn, span_t begin, span_t room) {
    uint8_t *key = turn_alloc(turn, begin.len + room.len);
    CHECK(room.len <= ROOM_KEY_BYTES_MAX, "%zu bytes", room.len);
    memcpy(key, begin.ptr, begin.len);
    if (room.len > 0) {
        memcpy(key + begin.len, room.ptr, room.len);
    }
    return span_of(key, begin.len + room.len);
}

static span_t room_key(turn_t *turn, span_t room) {
    return key_of(turn, span_text("r"), room);
}

static span_t time_key(turn_t *turn, uint64_t ms, span_t room) {
    row_key_t begin = row_key('t', ms);
    return key_of(turn, row_key_span(&begin), room);
}

/* When the room was made, as far as it said so. */
static uint64_t made_at(const inbox_joined_t *row) {
    return FIELD_OR(inbox_joined, row, created_at, row->joined_at);
}

/* The room that sent the message, and its row. seq 0: the user is not in it. */
static status_t row_of_sender(turn_t *turn, span_t *room, inbox_joined_t *row) {
    span_t kind, value;
    turn_sender(turn, &kind, room);
    *row = (inbox_joined_t){0};
    if (!span_equal(kind, span_text("room")) || room->len > ROOM_KEY_BYTES_MAX) {
        return turn_fail(turn, STATUS_FORBIDDEN, "Only rooms say who is in them");
    }
    status_t status = turn_get(turn, room_key(turn, *room), &value);
    return status != STATUS_OK || value.ptr == NULL ? status : record_load(&record_inbox_joined, value, row);
}

static status_t put_rows(turn_t *turn, span_t room, const inbox_joined_t *row) {
    status_t status = row_put(turn, room_key(turn, room), &record_inbox_joined, row, ROW_BYTES_MAX);
    return status == STATUS_OK
               ? row_put(turn, time_key(turn, made_at(row), room), &record_inbox_joined, row, ROW_BYTES_MAX)
               : status;
}

static status_t delete_rows(turn_t *turn, span_t room, const inbox_joined_t *row) {
    status_t status = turn_del(turn, room_key(turn, room));
    return status == STATUS_OK ? turn_del(turn, time_key(turn, made_at(row), room)) : status;
}

static status_t put_count(turn_t *turn, const inbox_t *inbox, int64_t more) {
    inbox_t next = {0};
    FIELD_SET(inbox, &next, rooms, (inbox == NULL ? 0 : inbox->rooms) + (uint64_t)more);
    FIELD_SET(inbox, &next, updated_at, turn_now(turn));
    return turn_state(turn, &next);
}

static status_t joined(turn_t *turn, const void *state, const void *request) {
    const inbox_joined_t *told = request;
    inbox_joined_t row;
    span_t room;
    status_t status = row_of_sender(turn, &room, &row);
    if (status != STATUS_OK || row.seq >= told->seq) {
        return status;
    }
    if (row.seq != 0) {
        status = delete_rows(turn, room, &row);
    }
    if (status == STATUS_OK) {
        status = put_rows(turn, room, told);
    }
    return status == STATUS_OK ? put_count(turn, state, row.seq == 0 ? 1 : 0) : status;
}

static status_t left(turn_t *turn, const void *state, const void *request) {
    const inbox_left_t *told = request;
    inbox_joined_t row;
    span_t room;
    status_t status = row_of_sender(turn, &room, &row);
    if (status != STATUS_OK || row.seq == 0 || row.seq >= told->seq) {
        return status;
    }
    status = delete_rows(turn, room, &row);
    return status == STATUS_OK ? put_count(turn, state, -1) : status;
}

typedef struct walk {
    list_writer_t writer;
    span_t after, last; /* keys of rows; empty: none */
    uint64_t limit;
    bool more;
    status_t status;
} walk_t;

static bool take(void *context, span_t subkey, span_t value) {
    walk_t *walk = context;
    inbox_room_t item = {0};
    inbox_joined_t row;
    if (span_equal(subkey, walk->after)) {
        return true;
    }
    walk->more = walk->writer.count == walk->limit;
    if (walk->more) {
        return false;
    }
    walk->status = record_load(&record_inbox_joined, value, &row);
    if (walk->status != STATUS_OK) {
        return false;
    }
    FIELD_SET(inbox_room, &item, room, span_of(subkey.ptr + TIME_KEY_BYTES, subkey.len - TIME_KEY_BYTES));
    FIELD_COPY(inbox_room, &item, inbox_joined, &row, joined_at);
    FIELD_COPY(inbox_room, &item, inbox_joined, &row, name);
    list_writer_add(&walk->writer, &item);
    walk->last = subkey;
    return true;
}

/* A place is the time in hexadecimal digits, and the room. */
static span_t print_place(turn_t *turn, span_t key) {
    size_t room = key.len - TIME_KEY_BYTES;
    char *place = turn_alloc(turn, TIME_DIGITS + room + 1);
    sodium_bin2hex(place, TIME_DIGITS + 1, key.ptr + 1, sizeof(uint64_t));
    memcpy(place + TIME_DIGITS, key.ptr + TIME_KEY_BYTES, room);
    return span_of(place, TIME_DIGITS + room);
}

/* OK and an empty key: no place was given. */
static status_t read_place(turn_t *turn, span_t place, span_t *key) {
    uint8_t bytes[TIME_KEY_BYTES] = {'t'};
    size_t len;
    *key = span_text("");
    if (place.len == 0) {
        return STATUS_OK;
    }
    if (place.len <= TIME_DIGITS ||
        sodium_hex2bin(bytes + 1, sizeof bytes - 1, (const char *)place.ptr, TIME_DIGITS, NULL, &len, NULL) != 0) {
        return turn_fail(turn, STATUS_INVALID, "after: it is no place of an inbox");
    }
    *key = key_of(turn, span_of(bytes, sizeof bytes), span_of(place.ptr + TIME_DIGITS, place.len - TIME_DIGITS));
    return STATUS_OK;
}

static status_t reply_rooms(turn_t *turn, walk_t *walk) {
    inbox_rooms_t page = {0};
    status_t status = list_writer_end(&walk->writer, &page.items);
    if (status != STATUS_OK) {
        return status;
    }
    page.present |= FIELD_BIT(inbox_rooms, items);
    if (walk->more) {
        FIELD_SET(inbox_rooms, &page, next, print_place(turn, walk->last));
    }
    return turn_reply(turn, &page);
}

static status_t walk_rooms(turn_t *turn, walk_t *walk, bool descending) {
    span_t begin = span_text("t"), end = span_text("u");
    if (walk->after.len > 0) {
        *(descending ? &end : &begin) = walk->after;
    }
    return (descending ? turn_list_back : turn_list)(turn, begin, end, take, walk);
}

/* state NULL: no room has told of itself yet */
static status_t rooms(turn_t *turn, const void *state, const void *request) {
    const inbox_rooms_request_t *asked = request;
    span_t user = turn_user(turn);
    walk_t walk = {.limit = FIELD_OR(inbox_rooms_request, asked, limit, PAGE_DEFAULT)};
    size_t room = LIST_HEAD_BYTES + walk.limit * ROOM_BYTES_MAX;
    (void)state;
    if (user.ptr != NULL && !span_equal(user, turn_key(turn))) {
        return turn_fail(turn, STATUS_FORBIDDEN, "An inbox is read by its user");
    }
    list_writer_init(&walk.writer, &record_inbox_room, turn_alloc(turn, room), room);
    status_t status = read_place(turn, FIELD_OR(inbox_rooms_request, asked, after, span_text("")), &walk.after);
    if (status != STATUS_OK) {
        return status;
    }
    status = walk_rooms(turn, &walk, FIELD_OR(inbox_rooms_request, asked, descending, false));
    status = status == STATUS_OK ? walk.status : status;
    return status == STATUS_OK ? reply_rooms(turn, &walk) : status;
}

static const handler_fn handlers[METHOD_inbox_COUNT] = {
    [METHOD_inbox_rooms] = rooms,
    [METHOD_inbox_joined] = joined,
    [METHOD_inbox_left] = left,
};

const actor_t actor_inbox = {.kind = "inbox", .handlers = handlers, .handler_count = METHOD_inbox_COUNT};
