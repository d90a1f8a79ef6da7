/* SPDX-License-Identifier: MIT */
#include "actors/room_members.h"

#include "actors/row_key.h"
#include "schemas/list.h"

enum {
    MEMBERS_CLASS = 'm',
    PAGE_DEFAULT = 20,
    MEMBERSHIP_BYTES_MAX = 100,                                  /* encoded */
    MEMBER_BYTES_MAX = MEMBERSHIP_BYTES_MAX + KEY_BYTES_MAX + 8, /* with its user */
};

static span_t key_of(turn_t *turn, span_t user) {
    uint8_t *key = turn_alloc(turn, 1 + user.len);
    CHECK(user.len <= ROOM_USER_BYTES_MAX, "%zu bytes", user.len);
    key[0] = MEMBERS_CLASS;
    memcpy(key + 1, user.ptr, user.len);
    return span_of(key, 1 + user.len);
}

status_t room_members_get(turn_t *turn, span_t user, room_membership_t *membership) {
    span_t value;
    *membership = (room_membership_t){0};
    status_t status = turn_get(turn, key_of(turn, user), &value);
    return status != STATUS_OK || value.ptr == NULL ? status : record_load(&record_room_membership, value, membership);
}

status_t room_members_put(turn_t *turn, span_t user, const room_membership_t *membership) {
    return row_put(turn, key_of(turn, user), &record_room_membership, membership, MEMBERSHIP_BYTES_MAX);
}

status_t room_members_del(turn_t *turn, span_t user) {
    return turn_del(turn, key_of(turn, user));
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
    room_member_t member = {0};
    room_membership_t membership;
    span_t user = span_of(subkey.ptr + 1, subkey.len - 1);
    if (span_equal(user, walk->after)) {
        return true;
    }
    walk->more = walk->writer.count == walk->limit;
    if (walk->more) {
        return false;
    }
    walk->status = record_load(&record_room_membership, value, &membership);
    if (walk->status != STATUS_OK) {
        return false;
    }
    FIELD_SET(room_member, &member, user, user);
    FIELD_COPY(room_member, &member, room_membership, &membership, role);
    FIELD_COPY(room_member, &member, room_membership, &membership, joined_at);
    list_writer_add(&walk->writer, &member);
    walk->last = user;
    return true;
}

static status_t walk_from(turn_t *turn, walk_t *walk) {
    static const uint8_t end[] = {MEMBERS_CLASS + 1};
    status_t status = turn_list(turn, key_of(turn, walk->after), span_of(end, sizeof end), take, walk);
    return status == STATUS_OK ? walk->status : status;
}

status_t room_members_page(turn_t *turn, const room_members_request_t *asked, room_members_t *page) {
    walk_t walk = {.after = FIELD_OR(room_members_request, asked, after, span_text("")),
                   .limit = FIELD_OR(room_members_request, asked, limit, PAGE_DEFAULT)};
    size_t room = LIST_HEAD_BYTES + walk.limit * MEMBER_BYTES_MAX;
    list_writer_init(&walk.writer, &record_room_member, turn_alloc(turn, room), room);
    status_t status = walk_from(turn, &walk);
    if (status == STATUS_OK) {
        status = list_writer_end(&walk.writer, &page->items);
    }
    if (status != STATUS_OK) {
        return status;
    }
    page->present |= FIELD_BIT(room_members, items);
    if (walk.more) {
        FIELD_SET(room_members, page, next, walk.last);
    }
    return STATUS_OK;
}
