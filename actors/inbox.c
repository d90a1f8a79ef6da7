/* SPDX-License-Identifier: MIT */
/*
 * inbox: a row for each room that the user is in, under "room/" and the room's key. What a room says comes once and in
 * the room's order; a row also knows which entry of the room's log it is from, so that what came twice or late would
 * change nothing.
 */
#include "actors/kind.h"
#include "actors/row_key.h"
#include "actors/turn.h"
#include "schemas/list.h"

enum {
    PAGE_DEFAULT = 20,
    ROW_BYTES_MAX = 300, /* encoded */
    ROOM_BYTES_MAX = ROW_BYTES_MAX + KEY_BYTES_MAX,
};

#define ROWS "room/"
#define ROWS_END "room0" /* the first behind all of them */
static_assert(sizeof ROWS - 1 + ROOM_KEY_BYTES_MAX == SUBKEY_BYTES_MAX, "a room's key fits behind it");

static span_t key_of(turn_t *turn, span_t room) {
    size_t len = strlen(ROWS) + room.len;
    uint8_t *key = turn_alloc(turn, len);
    CHECK(room.len <= ROOM_KEY_BYTES_MAX, "%zu bytes", room.len);
    memcpy(key, ROWS, strlen(ROWS));
    memcpy(key + strlen(ROWS), room.ptr, room.len);
    return span_of(key, len);
}

/* The key of the row of the room that sent the message. seq 0: the user is not in it. */
static status_t row_of_sender(turn_t *turn, span_t *key, inbox_joined_t *row) {
    span_t kind, room, value;
    turn_sender(turn, &kind, &room);
    *row = (inbox_joined_t){0};
    if (!span_equal(kind, span_text("room")) || room.len > ROOM_KEY_BYTES_MAX) {
        return turn_fail(turn, STATUS_FORBIDDEN, "Only rooms say who is in them");
    }
    *key = key_of(turn, room);
    status_t status = turn_get(turn, *key, &value);
    return status != STATUS_OK || value.ptr == NULL ? status : record_load(&record_inbox_joined, value, row);
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
    span_t key;
    status_t status = row_of_sender(turn, &key, &row);
    if (status != STATUS_OK || row.seq >= told->seq) {
        return status;
    }
    status = row_put(turn, key, &record_inbox_joined, told, ROW_BYTES_MAX);
    return status == STATUS_OK ? put_count(turn, state, row.seq == 0 ? 1 : 0) : status;
}

static status_t left(turn_t *turn, const void *state, const void *request) {
    const inbox_left_t *told = request;
    inbox_joined_t row;
    span_t key;
    status_t status = row_of_sender(turn, &key, &row);
    if (status != STATUS_OK || row.seq == 0 || row.seq >= told->seq) {
        return status;
    }
    status = turn_del(turn, key);
    return status == STATUS_OK ? put_count(turn, state, -1) : status;
}

typedef struct walk {
    list_writer_t writer;
    span_t after, last;
    uint64_t limit;
    bool more;
    status_t status;
} walk_t;

static bool take(void *context, span_t subkey, span_t value) {
    walk_t *walk = context;
    inbox_room_t item = {0};
    inbox_joined_t row;
    span_t room = span_of(subkey.ptr + strlen(ROWS), subkey.len - strlen(ROWS));
    if (span_equal(room, walk->after)) {
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
    FIELD_SET(inbox_room, &item, room, room);
    FIELD_COPY(inbox_room, &item, inbox_joined, &row, joined_at);
    FIELD_COPY(inbox_room, &item, inbox_joined, &row, name);
    list_writer_add(&walk->writer, &item);
    walk->last = room;
    return true;
}

static status_t reply_rooms(turn_t *turn, walk_t *walk) {
    inbox_rooms_t page = {0};
    status_t status = list_writer_end(&walk->writer, &page.items);
    if (status != STATUS_OK) {
        return status;
    }
    page.present |= FIELD_BIT(inbox_rooms, items);
    if (walk->more) {
        FIELD_SET(inbox_rooms, &page, next, walk->last);
    }
    return turn_reply(turn, &page);
}

static status_t walk_rooms(turn_t *turn, walk_t *walk, bool descending) {
    span_t after = key_of(turn, walk->after), end = span_text(ROWS_END);
    if (!descending) {
        return turn_list(turn, after, end, take, walk);
    }
    return turn_list_back(turn, span_text(ROWS), walk->after.len > 0 ? after : end, take, walk);
}

/* state NULL: no room has told of itself yet */
static status_t rooms(turn_t *turn, const void *state, const void *request) {
    const inbox_rooms_request_t *asked = request;
    span_t user = turn_user(turn);
    walk_t walk = {.after = FIELD_OR(inbox_rooms_request, asked, after, span_text("")),
                   .limit = FIELD_OR(inbox_rooms_request, asked, limit, PAGE_DEFAULT)};
    size_t room = LIST_HEAD_BYTES + walk.limit * ROOM_BYTES_MAX;
    (void)state;
    if (user.ptr != NULL && !span_equal(user, turn_key(turn))) {
        return turn_fail(turn, STATUS_FORBIDDEN, "An inbox is read by its user");
    }
    list_writer_init(&walk.writer, &record_inbox_room, turn_alloc(turn, room), room);
    status_t status = walk_rooms(turn, &walk, FIELD_OR(inbox_rooms_request, asked, descending, false));
    status = status == STATUS_OK ? walk.status : status;
    return status == STATUS_OK ? reply_rooms(turn, &walk) : status;
}

static const handler_fn handlers[METHOD_inbox_COUNT] = {
    [METHOD_inbox_rooms] = rooms,
    [METHOD_inbox_joined] = joined,
    [METHOD_inbox_left] = left,
};

const actor_t actor_inbox = {.kind = "inbox", .handlers = handlers, .handler_count = METHOD_inbox_COUNT};
