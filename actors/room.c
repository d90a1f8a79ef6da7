/* SPDX-License-Identifier: MIT */
/*
 * room: people who write to one another. Who calls is the user whose handle came along, or, where none came, the
 * system: a key of an operator or service, which may do everything and says for whom.
 *
 * What changes a room appends an entry to its log (room_log.h) and publishes it in the same turn, so that state, log
 * and events never differ. Joining and leaving are told to the user's inbox; posts are not: they cost the same in every
 * room. How far members have read stands with their membership, and changes nothing but that.
 */
#include "actors/kind.h"
#include "actors/room_log.h"
#include "actors/room_members.h"
#include "actors/turn.h"
#include "schemas/address.h"
#include "schemas/list.h"

enum {
    PAGE_DEFAULT = 20,
    RECORD_BYTES_MAX = 1024, /* a room_view or position, encoded */
    ENTRY_BYTES_MAX = ROOM_TEXT_BYTES_MAX + RECORD_BYTES_MAX,
};

/* Who calls. */

static bool is_system(const turn_t *turn) {
    return turn_user(turn).ptr == NULL;
}

static status_t check_key(turn_t *turn, span_t user) {
    if (!address_key_valid(user) || user.len > ROOM_USER_BYTES_MAX) {
        return turn_fail(turn, STATUS_INVALID, "A user's key is 1 to %d of A-Z a-z 0-9 . _ @ + -", ROOM_USER_BYTES_MAX);
    }
    return STATUS_OK;
}

/* The user for whom this is asked: the caller; of the system the one that it names, or nobody. OK, or the turn failed.
 */
static status_t read_user(turn_t *turn, span_t named, span_t *user) {
    span_t caller = turn_user(turn);
    if (caller.ptr != NULL && named.ptr != NULL && !span_equal(caller, named)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "Only the system acts for others");
    }
    span_t asked = caller.ptr != NULL ? caller : named;
    status_t status = asked.ptr != NULL ? check_key(turn, asked) : STATUS_OK;
    if (status == STATUS_OK) {
        *user = asked;
    }
    return status;
}

/* The same where there must be one. */
static status_t require_user(turn_t *turn, span_t named, const char *field, span_t *user) {
    status_t status = read_user(turn, named, user);
    if (status == STATUS_OK && user->ptr == NULL) {
        status = turn_fail(turn, STATUS_INVALID, "%s: the system has to say who", field);
    }
    return status;
}

/* That user, and how they are in the room, if they are: seq 0 says not. */
static status_t find_user(turn_t *turn, span_t named, span_t *user, room_membership_t *membership) {
    status_t status = require_user(turn, named, "user", user);
    return status == STATUS_OK ? room_members_get(turn, *user, membership) : status;
}

/* The same of who must be in it. */
static status_t find_member(turn_t *turn, span_t named, span_t *user, room_membership_t *membership) {
    status_t status = find_user(turn, named, user, membership);
    if (status == STATUS_OK && membership->seq == 0) {
        status = turn_fail(turn, STATUS_FORBIDDEN, "Only for members of the room");
    }
    return status;
}

/* OK: the caller is a member, or the system. */
static status_t require_member(turn_t *turn) {
    room_membership_t membership;
    span_t user;
    return is_system(turn) ? STATUS_OK : find_member(turn, (span_t){0}, &user, &membership);
}

static status_t require_reader(turn_t *turn, const room_t *room) {
    return room->visibility == room_visibility_public ? STATUS_OK : require_member(turn);
}

/* Answers. */

static void view_of(const turn_t *turn, const room_t *room, room_view_t *view) {
    *view = (room_view_t){0};
    FIELD_SET(room_view, view, id, turn_key(turn));
    FIELD_SET(room_view, view, version, room->revision);
    FIELD_COPY(room_view, view, room, room, name);
    FIELD_COPY(room_view, view, room, room, kind);
    FIELD_COPY(room_view, view, room, room, visibility);
    FIELD_COPY(room_view, view, room, room, owner);
    FIELD_COPY(room_view, view, room, room, seq);
    FIELD_COPY(room_view, view, room, room, number);
    FIELD_COPY(room_view, view, room, room, member_count);
    FIELD_COPY(room_view, view, room, room, created_at);
    FIELD_COPY(room_view, view, room, room, updated_at);
    FIELD_COPY(room_view, view, room, room, last_at);
}

static status_t reply_view(turn_t *turn, const room_t *room) {
    room_view_t view;
    view_of(turn, room, &view);
    return turn_reply(turn, &view);
}

static span_t pack_record(turn_t *turn, const record_t *record, const void *in, size_t bytes_max) {
    pack_t pack = pack_into(turn_alloc(turn, bytes_max), bytes_max);
    record_encode(record, in, &pack);
    CHECK(pack_ok(&pack), "%s", record->name);
    return pack_bytes(&pack);
}

/* Coming and going. */

static status_t tell_joined(turn_t *turn, span_t user, const room_t *room, const room_membership_t *membership) {
    inbox_joined_t told = {0};
    FIELD_SET(inbox_joined, &told, joined_at, membership->joined_at);
    FIELD_SET(inbox_joined, &told, name, room->name);
    FIELD_SET(inbox_joined, &told, seq, membership->seq);
    FIELD_COPY(inbox_joined, &told, room, room, created_at);
    return turn_send(turn, &kinds[KIND_inbox], user, METHOD_inbox_joined, &told);
}

/* One member more or less: a new revision, and the log says why. */
static status_t change_members(turn_t *turn, room_t *room, room_entry_type_t type, span_t user) {
    room_entry_t entry = {0};
    FIELD_SET(room, room, revision, room->revision + 1);
    FIELD_SET(room, room, member_count, type == room_entry_type_left ? room->member_count - 1 : room->member_count + 1);
    FIELD_SET(room, room, updated_at, turn_now(turn));
    FIELD_SET(room_entry, &entry, type, type);
    FIELD_SET(room_entry, &entry, author, user);
    status_t status = room_log_append(turn, room, &entry);
    return status == STATUS_OK ? turn_state(turn, room) : status;
}

static status_t add_member(turn_t *turn, room_t *room, room_entry_type_t type, span_t user,
                           room_membership_t *membership) {
    bool owns = span_equal(user, room->owner);
    status_t status = change_members(turn, room, type, user);
    if (status != STATUS_OK) {
        return status;
    }
    *membership = (room_membership_t){0};
    FIELD_SET(room_membership, membership, role, owns ? room_role_owner : room_role_member);
    FIELD_SET(room_membership, membership, joined_at, turn_now(turn));
    FIELD_SET(room_membership, membership, seq, room->seq);
    FIELD_SET(room_membership, membership, read, room->number);
    status = room_members_put(turn, user, membership);
    return status == STATUS_OK ? tell_joined(turn, user, room, membership) : status;
}

static status_t check_size(turn_t *turn, const room_t *room) {
    uint64_t members_max = room->kind == room_kind_direct ? ROOM_DIRECT_MEMBERS_MAX : ROOM_MEMBERS_MAX;
    return room->member_count < members_max ? STATUS_OK : turn_fail(turn, STATUS_CONFLICT, "The room is full");
}

/* Who is named twice is in it once. */
static status_t add_first_members(turn_t *turn, room_t *room, span_t members) {
    list_t list;
    span_t user;
    status_t status = STATUS_OK;
    list_open(&list, NULL, members);
    while (status == STATUS_OK && list_next_text(&list, &user)) {
        room_membership_t membership;
        status = check_key(turn, user);
        if (status == STATUS_OK) {
            status = room_members_get(turn, user, &membership);
        }
        if (status == STATUS_OK && membership.seq == 0) {
            status = check_size(turn, room);
            status = status == STATUS_OK ? add_member(turn, room, room_entry_type_joined, user, &membership) : status;
        }
    }
    return status;
}

static status_t create(turn_t *turn, const void *state, const void *request) {
    const room_create_t *asked = request;
    room_membership_t membership;
    room_t room = {0};
    span_t owner;
    (void)state;
    if (turn_key(turn).len > ROOM_KEY_BYTES_MAX) {
        return turn_fail(turn, STATUS_INVALID, "A room's key has at most %d bytes", ROOM_KEY_BYTES_MAX);
    }
    status_t status = require_user(turn, FIELD_OR(room_create, asked, owner, (span_t){0}), "owner", &owner);
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(room, &room, name, asked->name);
    FIELD_SET(room, &room, kind, asked->kind);
    FIELD_SET(room, &room, visibility, asked->visibility);
    FIELD_SET(room, &room, owner, owner);
    FIELD_SET(room, &room, created_at, turn_now(turn));
    status = add_member(turn, &room, room_entry_type_created, owner, &membership);
    if (status == STATUS_OK) {
        status = add_first_members(turn, &room, FIELD_OR(room_create, asked, members, (span_t){0}));
    }
    return status == STATUS_OK ? reply_view(turn, &room) : status;
}

static status_t get(turn_t *turn, const void *state, const void *request) {
    (void)request;
    status_t status = require_reader(turn, state);
    return status == STATUS_OK ? reply_view(turn, state) : status;
}

/* Is there room, and may this user come in? */
static status_t check_door(turn_t *turn, const room_t *room, span_t user) {
    if (room->visibility == room_visibility_private && !is_system(turn) && !span_equal(user, room->owner)) {
        return turn_fail(turn, STATUS_FORBIDDEN, "A private room is not joined without being brought in");
    }
    return check_size(turn, room);
}

static status_t join(turn_t *turn, const void *state, const void *request) {
    const room_who_t *asked = request;
    room_t room = *(const room_t *)state;
    room_membership_t membership;
    span_t user;
    status_t status = find_user(turn, FIELD_OR(room_who, asked, user, (span_t){0}), &user, &membership);
    if (status == STATUS_OK && membership.seq == 0) {
        status = check_door(turn, &room, user);
        if (status == STATUS_OK) {
            status = add_member(turn, &room, room_entry_type_joined, user, &membership);
        }
    }
    return status == STATUS_OK ? turn_reply(turn, &membership) : status;
}

/* The user is a member. */
static status_t remove_member(turn_t *turn, room_t *room, span_t user) {
    inbox_left_t told = {0};
    room_left_t reply = {0};
    status_t status = change_members(turn, room, room_entry_type_left, user);
    if (status == STATUS_OK) {
        status = room_members_del(turn, user);
    }
    if (status == STATUS_OK) {
        FIELD_SET(inbox_left, &told, seq, room->seq);
        status = turn_send(turn, &kinds[KIND_inbox], user, METHOD_inbox_left, &told);
    }
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(room_left, &reply, seq, room->seq);
    return turn_reply(turn, &reply);
}

static status_t leave(turn_t *turn, const void *state, const void *request) {
    const room_who_t *asked = request;
    room_t room = *(const room_t *)state;
    room_membership_t membership;
    span_t user;
    status_t status = find_user(turn, FIELD_OR(room_who, asked, user, (span_t){0}), &user, &membership);
    if (status != STATUS_OK) {
        return status;
    }
    if (membership.seq == 0) {
        return turn_fail(turn, STATUS_NOT_FOUND, "The user is not in the room");
    }
    status = remove_member(turn, &room, user);
    bool deaf = status == STATUS_OK && room.visibility == room_visibility_private;
    return deaf ? turn_mute(turn, user, room.seq) : status;
}

static status_t members(turn_t *turn, const void *state, const void *request) {
    room_members_t page = {0};
    status_t status = require_reader(turn, state);
    if (status == STATUS_OK) {
        status = room_members_page(turn, request, &page);
    }
    return status == STATUS_OK ? turn_reply(turn, &page) : status;
}

/* How far members have read. */

static status_t move_marker(turn_t *turn, span_t user, room_membership_t *membership, uint64_t number) {
    if (number <= FIELD_OR(room_membership, membership, read, 0)) {
        return STATUS_OK;
    }
    FIELD_SET(room_membership, membership, read, number);
    return room_members_put(turn, user, membership);
}

static status_t read_to(turn_t *turn, const void *state, const void *request) {
    const room_read_t *asked = request;
    const room_t *room = state;
    room_membership_t membership;
    span_t user;
    status_t status = find_member(turn, FIELD_OR(room_read, asked, user, (span_t){0}), &user, &membership);
    uint64_t number = asked->number < room->number ? asked->number : room->number;
    return status == STATUS_OK ? move_marker(turn, user, &membership, number) : status;
}

/* A room that nobody has posted in since there is `last_message` does not know it. */
static status_t find_last(turn_t *turn, const room_t *room, room_glance_t *glance) {
    room_entry_t last;
    if (!FIELD_HAS(room, room, last_message)) {
        return STATUS_OK;
    }
    status_t status = room_log_get(turn, room->last_message, &last);
    if (status == STATUS_OK && last.seq == 0) {
        status = STATUS_INTERNAL;
    }
    if (status == STATUS_OK) {
        FIELD_SET(room_glance, glance, last, pack_record(turn, &record_room_entry, &last, ENTRY_BYTES_MAX));
    }
    return status;
}

static status_t glance(turn_t *turn, const void *state, const void *request) {
    const room_who_t *asked = request;
    const room_t *room = state;
    room_membership_t membership;
    room_glance_t reply = {0};
    room_view_t view;
    span_t user;
    status_t status = find_member(turn, FIELD_OR(room_who, asked, user, (span_t){0}), &user, &membership);
    if (status == STATUS_OK) {
        status = find_last(turn, room, &reply);
    }
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t read = FIELD_OR(room_membership, &membership, read, 0);
    view_of(turn, room, &view);
    FIELD_SET(room_glance, &reply, room, pack_record(turn, &record_room_view, &view, RECORD_BYTES_MAX));
    FIELD_COPY(room_glance, &reply, room_membership, &membership, joined_at);
    FIELD_SET(room_glance, &reply, read, read);
    FIELD_SET(room_glance, &reply, unread, room->number - read);
    return turn_reply(turn, &reply);
}

/* The log. */

/* again: it was there already, and may say something else than is asked for now. */
static status_t reply_posted(turn_t *turn, const room_entry_t *entry, bool again) {
    room_posted_t reply = {0};
    FIELD_COPY(room_posted, &reply, room_entry, entry, seq);
    FIELD_COPY(room_posted, &reply, room_entry, entry, number);
    FIELD_COPY(room_posted, &reply, room_entry, entry, id);
    FIELD_COPY(room_posted, &reply, room_entry, entry, created_at);
    if (again) {
        FIELD_COPY(room_posted, &reply, room_entry, entry, text);
    }
    return turn_reply(turn, &reply);
}

/* What one says oneself is read, and so is what was said before. membership: seq 0: the author has no marker. */
static status_t append_message(turn_t *turn, const room_t *state, span_t author, room_membership_t *membership,
                               const room_post_t *asked) {
    room_t room = *state;
    room_entry_t entry = {0};
    FIELD_SET(room_entry, &entry, type, room_entry_type_message);
    FIELD_SET(room_entry, &entry, client_id, asked->client_id);
    FIELD_SET(room_entry, &entry, text, asked->text);
    if (author.ptr != NULL) {
        FIELD_SET(room_entry, &entry, author, author);
    }
    status_t status = room_log_append(turn, &room, &entry);
    if (status == STATUS_OK && membership->seq != 0) {
        status = move_marker(turn, author, membership, room.number);
    }
    if (status == STATUS_OK) {
        status = turn_state(turn, &room);
    }
    return status == STATUS_OK ? reply_posted(turn, &entry, false) : status;
}

/* A post that was taken is answered the same again, also to who has left since. */
static status_t post(turn_t *turn, const void *state, const void *request) {
    const room_post_t *asked = request;
    room_membership_t membership = {0};
    room_entry_t posted;
    span_t author;
    status_t status = read_user(turn, FIELD_OR(room_post, asked, author, (span_t){0}), &author);
    if (status == STATUS_OK && span_characters(asked->text) > ROOM_TEXT_CHARACTERS_MAX) {
        status = turn_fail_at(turn, "/text", "text: more than %d characters", ROOM_TEXT_CHARACTERS_MAX);
    }
    if (status == STATUS_OK) {
        status = room_log_find(turn, author, asked->client_id, &posted);
    }
    if (status == STATUS_OK && posted.seq != 0) {
        return reply_posted(turn, &posted, true);
    }
    if (status == STATUS_OK && author.ptr != NULL) {
        status = room_members_get(turn, author, &membership);
    }
    if (status == STATUS_OK && membership.seq == 0 && !is_system(turn)) {
        status = turn_fail(turn, STATUS_FORBIDDEN, "Only for members of the room");
    }
    return status == STATUS_OK ? append_message(turn, state, author, &membership, asked) : status;
}

static status_t read_history(turn_t *turn, const room_t *room, const history_request_t *asked, room_log_page_t *page,
                             bool *more) {
    uint64_t end = FIELD_OR(history_request, asked, before, UINT64_MAX);
    uint32_t limit = (uint32_t)FIELD_OR(history_request, asked, limit, PAGE_DEFAULT);
    status_t status;
    end = end > room->seq ? room->seq + 1 : end;
    if (FIELD_HAS(history_request, asked, after)) {
        status = room_log_after(turn, asked->after, end, limit, page);
        *more = page->count > 0 && page->last + 1 < end;
    } else {
        status = room_log_before(turn, end, limit, page);
        *more = page->count > 0 && page->last > 1;
    }
    return status;
}

static status_t history(turn_t *turn, const void *state, const void *request) {
    const room_t *room = state;
    room_history_t reply = {0};
    room_log_page_t page = {0};
    bool more = false;
    status_t status = require_reader(turn, room);
    if (status == STATUS_OK) {
        status = read_history(turn, room, request, &page, &more);
    }
    if (status != STATUS_OK) {
        return status;
    }
    FIELD_SET(room_history, &reply, log_epoch, turn_log_epoch(turn));
    FIELD_SET(room_history, &reply, seq, room->seq);
    FIELD_SET(room_history, &reply, items, page.items);
    FIELD_SET(room_history, &reply, more, more);
    return turn_reply(turn, &reply);
}

static status_t entry(turn_t *turn, const void *state, const void *request) {
    const room_entry_request_t *asked = request;
    room_entry_t found;
    status_t status = require_reader(turn, state);
    if (status == STATUS_OK) {
        status = room_log_get(turn, asked->seq, &found);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return found.seq != 0 ? turn_reply(turn, &found) : turn_fail(turn, STATUS_NOT_FOUND, "The log ends before");
}

/* What was missed since `after`. */
static status_t recover(turn_t *turn, const room_t *room, uint64_t after, room_subscribed_t *reply) {
    room_log_page_t page;
    status_t status = room_log_after(turn, after, room->seq + 1, ROOM_PAGE_MAX, &page);
    if (status != STATUS_OK) {
        return status;
    }
    bool all = page.count == 0 || page.last == room->seq;
    FIELD_SET(room_subscribed, reply, items, page.items);
    FIELD_SET(room_subscribed, reply, result, all ? subscribe_result_recovered : subscribe_result_paged);
    if (!all) {
        position_t next = {0};
        FIELD_SET(position, &next, log_epoch, turn_log_epoch(turn));
        FIELD_SET(position, &next, seq, page.last);
        FIELD_SET(room_subscribed, reply, next, pack_record(turn, &record_position, &next, RECORD_BYTES_MAX));
    }
    return STATUS_OK;
}

/* False: there is no such place in this log. */
static bool read_position(const turn_t *turn, const room_t *room, const subscribe_request_t *asked, uint64_t *seq) {
    position_t position;
    if (!FIELD_HAS(subscribe_request, asked, after)) {
        return false;
    }
    record_read(&record_position, asked->after, &position);
    *seq = position.seq;
    return position.log_epoch == turn_log_epoch(turn) && position.seq <= room->seq;
}

static status_t subscribe(turn_t *turn, const void *state, const void *request) {
    const room_t *room = state;
    room_subscribed_t reply = {0};
    room_view_t view;
    uint64_t after;
    status_t status = require_reader(turn, room);
    if (status == STATUS_OK && read_position(turn, room, request, &after)) {
        status = recover(turn, room, after, &reply);
    } else {
        FIELD_SET(room_subscribed, &reply, result, subscribe_result_reset);
    }
    if (status != STATUS_OK) {
        return status;
    }
    view_of(turn, room, &view);
    FIELD_SET(room_subscribed, &reply, log_epoch, turn_log_epoch(turn));
    FIELD_SET(room_subscribed, &reply, seq, room->seq);
    FIELD_SET(room_subscribed, &reply, number, room->number);
    FIELD_SET(room_subscribed, &reply, room, pack_record(turn, &record_room_view, &view, RECORD_BYTES_MAX));
    if (reply.result != subscribe_result_paged) {
        turn_subscribe(turn);
    }
    return turn_reply(turn, &reply);
}

static status_t unsubscribe(turn_t *turn, const void *state, const void *request) {
    (void)state;
    (void)request;
    turn_unsubscribe(turn);
    return STATUS_OK;
}

static const handler_fn handlers[METHOD_room_COUNT] = {
    [METHOD_room_create] = create,       [METHOD_room_get] = get,
    [METHOD_room_join] = join,           [METHOD_room_leave] = leave,
    [METHOD_room_members] = members,     [METHOD_room_read] = read_to,
    [METHOD_room_glance] = glance,       [METHOD_room_post] = post,
    [METHOD_room_history] = history,     [METHOD_room_entry] = entry,
    [METHOD_room_subscribe] = subscribe, [METHOD_room_unsubscribe] = unsubscribe,
};

const actor_t actor_room = {.kind = "room",
                            .handlers = handlers,
                            .handler_count = METHOD_room_COUNT,
                            .listing = {.roles = ROLE_USER, .field = "visibility", .value = "public"}};
