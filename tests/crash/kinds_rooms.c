/* SPDX-License-Identifier: MIT */
/*
 * rooms: people post into a few rooms, join and leave them, and read along.
 *
 * Of each post it is known what it says (its number makes its text), so the log can be read whole in the end and held
 * against what was acknowledged. One post in four is sent a second time, by another connection, under the same
 * client_id: both must be told the same place. Two of the authors are users who act through handles; the system speaks
 * for the others. Somebody joins or leaves a room only when the last answer about that has come, so each such answer is
 * one entry.
 */
#include <inttypes.h>
#include <xxhash.h>

#include "tests/crash/trial.h"

enum {
    ROOMS = 3,
    SPEAKERS = 2, /* users with handles, members of all rooms */
    GUESTS = 5,   /* users who come and go */
    PEOPLE = SPEAKERS + GUESTS,
    READERS = TRIAL_CONNECTIONS + 1, /* subscriptions to each room; the last is a speaker's */
    POSTS_MAX = 100000,
    MOVES_MAX = 20000,
    ENTRIES_MAX = POSTS_MAX + MOVES_MAX,
    POSTS_IN_FLIGHT = 60,
    TWICE_ONE_IN = 4,
    ANEW_ONE_IN = 2, /* a reader ends its subscription when the server is back, and goes on with another one */
    TEXT_BYTES = 1024,
    NAME_BYTES = 64,
    PAGE = 100,
    QUIET_MS = 20000, /* until all events and messages have come */
    STEP_MS = 20,
};

static const char who[] = "rooms";

typedef struct post {
    uint8_t room, author; /* PEOPLE: the system itself */
    uint8_t asked, answered;
    uint64_t seq, number; /* as answered; 0: not yet */
    uint64_t stands;      /* in the log; 0: not found */
} post_t;

typedef struct move { /* somebody joined or left */
    uint8_t room, person;
    bool joins, found;
    uint64_t seq; /* 0: not answered */
} move_t;

typedef struct rooms rooms_t;

typedef struct reader {
    rooms_t *rooms;
    uint32_t room, number;
    doran_t *doran;
    doran_subscription_t *subscription;
    bool started;
    doran_position_t last; /* event */
    uint64_t events;
} reader_t;

struct rooms {
    trial_t *trial;
    char keys[ROOMS][NAME_BYTES], people[PEOPLE][NAME_BYTES];
    doran_t *speakers[SPEAKERS];
    post_t posts[POSTS_MAX];
    uint32_t post_count, posts_open;
    move_t moves[MOVES_MAX];
    uint32_t move_count;
    bool member[ROOMS][PEOPLE], moving[ROOMS][PEOPLE];
    reader_t readers[ROOMS][READERS];
    uint64_t digests[ROOMS][ENTRIES_MAX + 1]; /* of entries, by seq; 0: not seen yet */
    uint64_t entries, events;
};

static void *create(trial_t *trial) {
    rooms_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->trial = trial;
    for (uint32_t i = 0; i < ROOMS; i++) {
        snprintf(self->keys[i], NAME_BYTES, "room-%u", i);
    }
    for (uint32_t i = 0; i < PEOPLE; i++) {
        snprintf(self->people[i], NAME_BYTES, "person-%u", i);
    }
    return self;
}

static void destroy(void *context) {
    rooms_t *self = context;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < ROOMS * READERS; i++) {
        doran_unsubscribe(&self->readers[i / READERS][i % READERS].subscription);
    }
    for (uint32_t i = 0; i < SPEAKERS; i++) {
        doran_close(&self->speakers[i]);
    }
    free(self);
}

static void room_address(const rooms_t *self, uint32_t room, char address[TRIAL_ADDRESS_BYTES]) {
    snprintf(address, TRIAL_ADDRESS_BYTES, "room/%s", self->keys[room]);
}

/* What a post says: its number, and as many letters as it makes. */
static span_t text_of(uint32_t post, char text[TEXT_BYTES]) {
    size_t len = (size_t)snprintf(text, TEXT_BYTES, "post %u ", post);
    size_t more = post % 7 == 0 ? post % 900 : post % 50;
    for (size_t i = 0; i < more; i++) {
        text[len++] = (char)('a' + (post + i * i) % 26);
    }
    return span_of(text, len);
}

/* Reading along */

static uint64_t digest_of(const room_event_t *entry, span_t type) {
    XXH64_state_t *state = XXH64_createState();
    CHECK(state != NULL, "out of memory");
    const span_t texts[] = {type, entry->author, entry->client_id, entry->text};
    const uint64_t numbers[] = {entry->seq, entry->number, entry->created_at};
    XXH64_reset(state, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        XXH64_update(state, &texts[i].len, sizeof texts[i].len);
        XXH64_update(state, texts[i].len > 0 ? texts[i].ptr : (const uint8_t *)"", texts[i].len);
    }
    XXH64_update(state, numbers, sizeof numbers);
    uint64_t digest = XXH64_digest(state);
    XXH64_freeState(state);
    return digest;
}

/* An entry is the same whenever and however it comes. */
static void compare(rooms_t *self, uint32_t room, const room_event_t *entry, span_t type, const char *source) {
    if (entry->seq > ENTRIES_MAX) {
        return;
    }
    uint64_t digest = digest_of(entry, type), *known = &self->digests[room][entry->seq];
    if (*known != 0 && *known != digest) {
        trial_lost(self->trial, who, "entry %" PRIu64 " of %s is not what it was, in %s", entry->seq, self->keys[room],
                   source);
    }
    *known = digest;
}

static void take_event(reader_t *reader, const doran_event_t *event) {
    rooms_t *self = reader->rooms;
    const char *room = self->keys[reader->room];
    room_event_t entry;
    if (event->position.seq != reader->last.seq + 1) {
        trial_fail(self->trial, who, "reader %u of %s was given event %" PRIu64 " after %" PRIu64, reader->number, room,
                   event->position.seq, reader->last.seq);
    }
    reader->last = event->position;
    reader->events++;
    if (!trial_read(self->trial, event->body, event->body_bytes, &record_room_event, &entry)) {
        return;
    }
    if (entry.seq != event->position.seq) {
        trial_fail(self->trial, who, "event %" PRIu64 " of %s says that it is %" PRIu64, event->position.seq, room,
                   entry.seq);
    }
    compare(self, reader->room, &entry, span_text(event->type), "an event");
}

static void on_event(void *context, const doran_event_t *event) {
    reader_t *reader = context;
    rooms_t *self = reader->rooms;
    switch (event->notice) {
    case DORAN_EVENT:
        take_event(reader, event);
        break;
    case DORAN_SUBSCRIBED:
        break;
    case DORAN_RESET:
        if (reader->started) {
            trial_fail(self->trial, who, "reader %u of %s was reset", reader->number, self->keys[reader->room]);
        }
        reader->started = true;
        reader->last = event->position;
        break;
    case DORAN_ENDED:
        trial_fail(self->trial, who, "reader %u of %s was ended with %s: %s", reader->number, self->keys[reader->room],
                   doran_code_name(event->code), event->text);
        break;
    }
}

static void subscribe(reader_t *reader) {
    char address[TRIAL_ADDRESS_BYTES];
    room_address(reader->rooms, reader->room, address);
    doran_code_t code = doran_subscribe(reader->doran, address, reader->started ? &reader->last : NULL, on_event,
                                        reader, &reader->subscription);
    if (code != DORAN_OK) {
        trial_fail(reader->rooms->trial, who, "subscribing to %s: %s", address, doran_code_name(code));
    }
}

static void subscribe_all(rooms_t *self) {
    for (uint32_t room = 0; room < ROOMS; room++) {
        for (uint32_t i = 0; i < READERS; i++) {
            bool speaker = i == TRIAL_CONNECTIONS;
            reader_t *reader = &self->readers[room][i];
            *reader = (reader_t){.rooms = self, .room = room, .number = i};
            reader->doran = speaker ? self->speakers[0] : trial_connection(self->trial, i);
            subscribe(reader);
        }
    }
}

static void come_back(void *context) {
    rooms_t *self = context;
    for (uint32_t i = 0; i < ROOMS * READERS; i++) {
        reader_t *reader = &self->readers[i / READERS][i % READERS];
        if (reader->started && trial_below(self->trial, ANEW_ONE_IN) == 0) {
            doran_unsubscribe(&reader->subscription);
            subscribe(reader);
        }
    }
}

/* Setting up */

static bool make_person(rooms_t *self, uint32_t person) {
    char address[TRIAL_ADDRESS_BYTES], email[2 * NAME_BYTES];
    user_create_t asked = {0};
    user_view_t view;
    snprintf(address, sizeof address, "user/%s", self->people[person]);
    snprintf(email, sizeof email, "%s@example.org", self->people[person]);
    FIELD_SET(user_create, &asked, email, span_text(email));
    FIELD_SET(user_create, &asked, name, span_text(self->people[person]));
    doran_code_t code =
        trial_call(self->trial, address, "create", &record_user_create, &asked, &record_user_view, &view);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s create: %s", address, doran_code_name(code));
    }
    return code == DORAN_OK;
}

static void on_open(void *context, const doran_reply_t *reply) {
    rooms_t *self = context;
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, "opening a handle", reply);
    }
}

static bool open_handle(rooms_t *self, uint32_t speaker) {
    char subject[TRIAL_ADDRESS_BYTES];
    uint8_t body[TRIAL_ADDRESS_BYTES + 16];
    pack_t pack = pack_into(body, sizeof body);
    session_open_t open = {0};
    snprintf(subject, sizeof subject, "user/%s", self->people[speaker]);
    FIELD_SET(session_open, &open, as, span_text(subject));
    record_encode(&record_session_open, &open, &pack);
    doran_code_t code = doran_as(trial_connection(self->trial, speaker), "session/", pack.ptr, pack.len, on_open, self,
                                 &self->speakers[speaker]);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "a handle for %s: %s", subject, doran_code_name(code));
    }
    return code == DORAN_OK;
}

static bool make_room(rooms_t *self, uint32_t room) {
    char address[TRIAL_ADDRESS_BYTES];
    room_create_t asked = {0};
    room_view_t view;
    room_who_t joins = {0};
    room_membership_t membership;
    room_address(self, room, address);
    FIELD_SET(room_create, &asked, name, span_text(self->keys[room]));
    FIELD_SET(room_create, &asked, kind, room_kind_group);
    FIELD_SET(room_create, &asked, visibility, room == 0 ? room_visibility_private : room_visibility_public);
    FIELD_SET(room_create, &asked, owner, span_text(self->people[0]));
    doran_code_t code =
        trial_call(self->trial, address, "create", &record_room_create, &asked, &record_room_view, &view);
    for (uint32_t i = 1; i < SPEAKERS && code == DORAN_OK; i++) {
        FIELD_SET(room_who, &joins, user, span_text(self->people[i]));
        code = trial_call(self->trial, address, "join", &record_room_who, &joins, &record_room_membership, &membership);
        if (code == DORAN_OK) {
            self->moves[self->move_count++] =
                (move_t){.room = (uint8_t)room, .person = (uint8_t)i, .joins = true, .seq = membership.seq};
        }
    }
    for (uint32_t i = 0; i < SPEAKERS; i++) {
        self->member[room][i] = true;
    }
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s could not be made: %s", address, doran_code_name(code));
    }
    return code == DORAN_OK;
}

static bool set_up(void *context) {
    rooms_t *self = context;
    bool good = true;
    for (uint32_t i = 0; i < SPEAKERS && good; i++) {
        good = make_person(self, i) && open_handle(self, i);
    }
    for (uint32_t i = 0; i < ROOMS && good; i++) {
        good = make_room(self, i);
    }
    if (good) {
        subscribe_all(self);
    }
    return good;
}

/* Posts */

static void posted(void *context, uint32_t what, const doran_reply_t *reply) {
    rooms_t *self = context;
    post_t *post = &self->posts[what];
    room_posted_t place;
    post->answered++;
    self->posts_open--;
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, "a post", reply);
        return;
    }
    if (!trial_read(self->trial, reply->body, reply->body_bytes, &record_room_posted, &place)) {
        return;
    }
    if (post->seq != 0 && (post->seq != place.seq || post->number != place.number)) {
        trial_fail(self->trial, who, "post %u stands at %" PRIu64 " and at %" PRIu64, what, post->seq, place.seq);
    }
    post->seq = place.seq;
    post->number = place.number;
}

static bool send_post(rooms_t *self, uint32_t number, size_t connection) {
    post_t *post = &self->posts[number];
    char address[TRIAL_ADDRESS_BYTES], client_id[NAME_BYTES], text[TEXT_BYTES];
    room_post_t asked = {0};
    doran_t *doran = post->author < SPEAKERS ? self->speakers[post->author] : trial_connection(self->trial, connection);
    room_address(self, post->room, address);
    snprintf(client_id, sizeof client_id, "post-%u", number);
    FIELD_SET(room_post, &asked, client_id, span_text(client_id));
    FIELD_SET(room_post, &asked, text, text_of(number, text));
    if (post->author >= SPEAKERS && post->author < PEOPLE) {
        FIELD_SET(room_post, &asked, author, span_text(self->people[post->author]));
    }
    bool sent = trial_submit_as(self->trial, doran, address, "post", &record_room_post, &asked, posted, self, number);
    post->asked += sent;
    self->posts_open += sent;
    return sent;
}

static bool post_another(rooms_t *self) {
    uint32_t number = self->post_count;
    if (number == POSTS_MAX) {
        return false;
    }
    self->posts[number] = (post_t){.room = (uint8_t)trial_below(self->trial, ROOMS),
                                   .author = (uint8_t)trial_below(self->trial, PEOPLE + 1)};
    size_t connection = trial_below(self->trial, TRIAL_CONNECTIONS);
    if (!send_post(self, number, connection)) {
        return false;
    }
    self->post_count++;
    if (trial_below(self->trial, TWICE_ONE_IN) == 0) {
        (void)send_post(self, number, (connection + 1) % TRIAL_CONNECTIONS);
    }
    return true;
}

/* Coming and going */

static void moved(void *context, uint32_t what, const doran_reply_t *reply) {
    rooms_t *self = context;
    move_t *move = &self->moves[what];
    room_membership_t membership;
    room_left_t left;
    self->moving[move->room][move->person] = false;
    if (reply->code != DORAN_OK) {
        trial_unexpected(self->trial, who, move->joins ? "joining" : "leaving", reply);
    } else if (move->joins &&
               trial_read(self->trial, reply->body, reply->body_bytes, &record_room_membership, &membership)) {
        move->seq = membership.seq;
    } else if (!move->joins && trial_read(self->trial, reply->body, reply->body_bytes, &record_room_left, &left)) {
        move->seq = left.seq;
    }
    self->member[move->room][move->person] = move->joins;
}

static void move_another(rooms_t *self) {
    uint32_t room = (uint32_t)trial_below(self->trial, ROOMS);
    uint32_t person = SPEAKERS + (uint32_t)trial_below(self->trial, GUESTS);
    char address[TRIAL_ADDRESS_BYTES];
    room_who_t asked = {0};
    if (self->moving[room][person] || self->move_count == MOVES_MAX) {
        return;
    }
    bool joins = !self->member[room][person];
    self->moves[self->move_count] = (move_t){.room = (uint8_t)room, .person = (uint8_t)person, .joins = joins};
    room_address(self, room, address);
    FIELD_SET(room_who, &asked, user, span_text(self->people[person]));
    if (trial_submit(self->trial, trial_below(self->trial, TRIAL_CONNECTIONS), address, joins ? "join" : "leave",
                     &record_room_who, &asked, moved, self, self->move_count)) {
        self->moving[room][person] = true;
        self->move_count++;
    }
}

static void fill(void *context) {
    rooms_t *self = context;
    while (self->posts_open < POSTS_IN_FLIGHT && post_another(self)) {
    }
    move_another(self);
}

/* Judging: the log */

static void judge_message(rooms_t *self, uint32_t room, const room_entry_t *entry) {
    char text[TEXT_BYTES], client_id[NAME_BYTES];
    unsigned number = UINT32_MAX;
    snprintf(client_id, sizeof client_id, "%.*s", (int)entry->client_id.len, (const char *)entry->client_id.ptr);
    if (sscanf(client_id, "post-%u", &number) != 1 || number >= self->post_count) {
        trial_fail(self->trial, who, "%s has a message that nobody wrote: %s", self->keys[room], client_id);
        return;
    }
    post_t *post = &self->posts[number];
    span_t author = post->author < PEOPLE ? span_text(self->people[post->author]) : (span_t){0};
    if (post->room != room || !span_equal(text_of(number, text), entry->text) || !span_equal(author, entry->author)) {
        trial_fail(self->trial, who, "%s stands wrongly at %" PRIu64 " of %s", client_id, entry->seq, self->keys[room]);
    }
    if (post->stands != 0) {
        trial_fail(self->trial, who, "%s stands twice in %s, at %" PRIu64 " and %" PRIu64, client_id, self->keys[room],
                   post->stands, entry->seq);
    }
    post->stands = entry->seq;
    if (post->seq != 0 && (post->seq != entry->seq || post->number != entry->number)) {
        trial_fail(self->trial, who, "%s was answered %" PRIu64 " and stands at %" PRIu64 " of %s", client_id,
                   post->seq, entry->seq, self->keys[room]);
    }
}

/* numbers: of messages so far. */
static void judge_entry(rooms_t *self, uint32_t room, const room_entry_t *entry, uint64_t seq, uint64_t *numbers) {
    bool message = entry->type == room_entry_type_message;
    room_event_t event = {0};
    if (entry->seq != seq) {
        trial_fail(self->trial, who, "entry %" PRIu64 " of %s is where %" PRIu64 " should be", entry->seq,
                   self->keys[room], seq);
    }
    *numbers += message;
    if (message && entry->number != *numbers) {
        trial_fail(self->trial, who, "message %" PRIu64 " of %s says that it is %" PRIu64, *numbers, self->keys[room],
                   entry->number);
    }
    FIELD_COPY(room_event, &event, room_entry, entry, seq);
    FIELD_COPY(room_event, &event, room_entry, entry, number);
    FIELD_COPY(room_event, &event, room_entry, entry, author);
    FIELD_COPY(room_event, &event, room_entry, entry, client_id);
    FIELD_COPY(room_event, &event, room_entry, entry, text);
    FIELD_COPY(room_event, &event, room_entry, entry, created_at);
    compare(self, room, &event, span_text(enum_room_entry_type.values[entry->type]), "the log");
    if (message) {
        judge_message(self, room, entry);
    }
}

/* The entry that says so belongs to one answer. */
static void judge_move(rooms_t *self, uint32_t room, const room_entry_t *entry) {
    for (uint32_t i = 0; i < self->move_count; i++) {
        move_t *move = &self->moves[i];
        if (move->room == room && move->seq == entry->seq) {
            bool same = move->joins == (entry->type == room_entry_type_joined) && !move->found &&
                        span_equal(span_text(self->people[move->person]), entry->author);
            if (!same) {
                break;
            }
            move->found = true;
            return;
        }
    }
    trial_fail(self->trial, who, "entry %" PRIu64 " of %s says that somebody came or went, which nobody was told",
               entry->seq, self->keys[room]);
}

static bool read_page(rooms_t *self, uint32_t room, uint64_t after, room_history_t *page) {
    char address[TRIAL_ADDRESS_BYTES];
    history_request_t asked = {0};
    room_address(self, room, address);
    FIELD_SET(history_request, &asked, after, after);
    FIELD_SET(history_request, &asked, limit, PAGE);
    doran_code_t code =
        trial_call(self->trial, address, "history", &record_history_request, &asked, &record_room_history, page);
    if (code != DORAN_OK) {
        trial_fail(self->trial, who, "%s history: %s", address, doran_code_name(code));
    }
    return code == DORAN_OK;
}

/* Reads it whole; how long it is. */
static uint64_t judge_log(rooms_t *self, uint32_t room) {
    uint64_t seq = 0, numbers = 0;
    room_history_t page = {0};
    room_entry_t entry;
    bool more = true;
    while (more && read_page(self, room, seq, &page)) {
        list_t list;
        list_open(&list, &record_room_entry, page.items);
        more = page.more;
        while (list_next(&list, &entry)) {
            judge_entry(self, room, &entry, ++seq, &numbers);
            if (entry.type == room_entry_type_joined || entry.type == room_entry_type_left) {
                judge_move(self, room, &entry);
            }
        }
    }
    if (seq != page.seq) {
        trial_lost(self->trial, who, "%s has %" PRIu64 " entries and says that they are %" PRIu64, self->keys[room],
                   seq, page.seq);
    }
    self->entries += seq;
    return seq;
}

static void judge_posts(rooms_t *self) {
    for (uint32_t i = 0; i < self->post_count; i++) {
        const post_t *post = &self->posts[i];
        if (post->seq != 0 && post->stands == 0) {
            trial_lost(self->trial, who, "post-%u, acknowledged as %" PRIu64 " of %s", i, post->seq,
                       self->keys[post->room]);
        }
    }
    for (uint32_t i = 0; i < self->move_count; i++) {
        const move_t *move = &self->moves[i];
        if (move->seq != 0 && !move->found) {
            trial_lost(self->trial, who, "%s %s %s, acknowledged as %" PRIu64, self->people[move->person],
                       move->joins ? "joined" : "left", self->keys[move->room], move->seq);
        }
    }
}

/* Judging: who reads, and who is in it */

static void judge_reader(rooms_t *self, reader_t *reader, uint64_t seq) {
    for (uint32_t ms = 0; ms < QUIET_MS && reader->last.seq < seq; ms += STEP_MS) {
        trial_run(self->trial, STEP_MS);
    }
    if (reader->last.seq != seq) {
        trial_fail(self->trial, who, "reader %u of %s has come to %" PRIu64 " of %" PRIu64, reader->number,
                   self->keys[reader->room], reader->last.seq, seq);
    }
    self->events += reader->events;
}

static void judge_members(rooms_t *self, uint32_t room) {
    char address[TRIAL_ADDRESS_BYTES];
    room_members_request_t asked = {0};
    room_members_t page;
    room_member_t member;
    bool is[PEOPLE] = {false};
    list_t list;
    room_address(self, room, address);
    FIELD_SET(room_members_request, &asked, limit, PAGE);
    if (trial_call(self->trial, address, "members", &record_room_members_request, &asked, &record_room_members,
                   &page) != DORAN_OK) {
        trial_fail(self->trial, who, "%s does not say who is in it", address);
        return;
    }
    list_open(&list, &record_room_member, page.items);
    while (list_next(&list, &member)) {
        for (uint32_t i = 0; i < PEOPLE; i++) {
            is[i] |= span_equal(member.user, span_text(self->people[i]));
        }
    }
    for (uint32_t i = 0; i < PEOPLE; i++) {
        if (is[i] != self->member[room][i]) {
            trial_lost(self->trial, who, "%s is %s in %s", self->people[i], is[i] ? "still" : "not", self->keys[room]);
        }
    }
}

/* Which rooms the person's inbox lists, as bits; or UINT32_MAX: it does not answer. */
static uint32_t read_inbox(rooms_t *self, uint32_t person) {
    char address[TRIAL_ADDRESS_BYTES];
    inbox_rooms_request_t asked = {0};
    inbox_rooms_t page;
    inbox_room_t row;
    uint32_t bits = 0;
    list_t list;
    snprintf(address, sizeof address, "inbox/%s", self->people[person]);
    doran_code_t code =
        trial_call(self->trial, address, "rooms", &record_inbox_rooms_request, &asked, &record_inbox_rooms, &page);
    if (code != DORAN_OK) {
        return code == DORAN_NOT_FOUND ? 0 : UINT32_MAX;
    }
    list_open(&list, &record_inbox_room, page.items);
    while (list_next(&list, &row)) {
        for (uint32_t i = 0; i < ROOMS; i++) {
            bits |= (uint32_t)span_equal(row.room, span_text(self->keys[i])) << i;
        }
    }
    return bits;
}

static void judge_inbox(rooms_t *self, uint32_t person) {
    uint32_t expected = 0, found = UINT32_MAX;
    for (uint32_t i = 0; i < ROOMS; i++) {
        expected |= (uint32_t)self->member[i][person] << i;
    }
    for (uint32_t ms = 0; ms < QUIET_MS && found != expected; ms += STEP_MS) {
        found = read_inbox(self, person);
        trial_run(self->trial, found == expected ? 0 : STEP_MS);
    }
    if (found != expected) {
        trial_fail(self->trial, who, "the inbox of %s has the rooms %x, who is in %x", self->people[person], found,
                   expected);
    }
}

static void judge(void *context) {
    rooms_t *self = context;
    for (uint32_t room = 0; room < ROOMS; room++) {
        uint64_t seq = judge_log(self, room);
        judge_members(self, room);
        for (uint32_t i = 0; i < READERS; i++) {
            judge_reader(self, &self->readers[room][i], seq);
        }
    }
    judge_posts(self);
    for (uint32_t i = 0; i < PEOPLE; i++) {
        judge_inbox(self, i);
    }
}

static void tell(const void *context, char *line, size_t line_bytes) {
    const rooms_t *self = context;
    snprintf(line, line_bytes, "%u posts, %u joined or left, %" PRIu64 " entries, %" PRIu64 " events", self->post_count,
             self->move_count, self->entries, self->events);
}

const check_t check_rooms = {.name = "rooms",
                             .create = create,
                             .set_up = set_up,
                             .come_back = come_back,
                             .fill = fill,
                             .judge = judge,
                             .tell = tell,
                             .destroy = destroy};
