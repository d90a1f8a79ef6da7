/* SPDX-License-Identifier: MIT */
/*
 * Rooms against a naive array of entries for each, over several shards. Users and the system create, join, leave, post,
 * post again, read and subscribe; messages to inboxes and their acknowledgements get lost, the applier applies, and the
 * server starts again with another number of shards. Every answer and every event must be, to the letter, the ones that
 * the arrays give; at the end so must every log, every list of members and every inbox.
 */
#include "tests/actors/room_fixture.h"
#include "tests/storage/random.h"

enum { ROOMS = 6, USERS = 8, ENTRIES_MAX = 4000, STEPS = 300, CALLS_MAX = 40, TEXT_BYTES = 128, PAGE = 100 };

typedef struct entry_model {
    const char *type;
    uint64_t number; /* 0: no message */
    char id[UUID_TEXT_BYTES + 1];
    int author; /* -1: the system */
    char client_id[16], text[16];
    uint64_t created_at;
} entry_model_t;

typedef struct member_model {
    bool in;
    uint64_t joined_at, seq, read;
} member_model_t;

typedef struct room_model {
    bool exists, private, direct;
    int owner;
    uint64_t revision, seq, number, member_count, created_at, updated_at;
    member_model_t members[USERS];
    entry_model_t log[ENTRIES_MAX + 1]; /* by seq */
    char *events;                       /* of this step */
    size_t events_bytes;
    FILE *events_file;
} room_model_t;

typedef struct expectation {
    uint64_t ticket;
    char *text;
} expectation_t;

static fixture_t fixture;
static room_model_t rooms[ROOMS];
static expectation_t expected[CALLS_MAX];
static uint32_t expected_count;
static random_state_t random_state;

static size_t below(size_t limit) {
    return random_below(&random_state, limit);
}

static bool chance(size_t one_in) {
    return below(one_in) == 0;
}

static unsigned long number(uint64_t value) {
    return (unsigned long)value;
}

/* What the arrays say, as JSON. */

static void print_rest(FILE *file, const entry_model_t *entry) {
    if (entry->number != 0) {
        fprintf(file, "\"number\":%lu,", number(entry->number));
    }
    if (entry->author >= 0) {
        fprintf(file, "\"author\":\"u%d\",", entry->author);
    }
    if (entry->number != 0) {
        fprintf(file, "\"client_id\":\"%s\",\"text\":\"%s\",", entry->client_id, entry->text);
    }
    fprintf(file, "\"created_at\":%lu", number(entry->created_at));
    fprintf(file, entry->number != 0 ? ",\"id\":\"%s\"}" : "}", entry->id);
}

static void print_item(FILE *file, const room_model_t *room, uint64_t seq) {
    fprintf(file, "{\"seq\":%lu,\"type\":\"%s\",", number(seq), room->log[seq].type);
    print_rest(file, &room->log[seq]);
}

static void print_view(FILE *file, int index) {
    const room_model_t *room = &rooms[index];
    fprintf(
        file,
        "{\"id\":\"r%d\",\"version\":%lu,\"name\":\"room %d\",\"kind\":\"%s\",\"visibility\":\"%s\",\"owner\":\"u%d\","
        "\"seq\":%lu,\"number\":%lu,\"member_count\":%lu,\"created_at\":%lu,\"updated_at\":%lu,\"last_at\":%lu}",
        index, number(room->revision), index, room->direct ? "direct" : "group", room->private ? "private" : "public",
        room->owner, number(room->seq), number(room->number), number(room->member_count), number(room->created_at),
        number(room->updated_at), number(room->log[room->seq].created_at));
}

/* What the arrays do. */

static entry_model_t *append(int index, const char *type, int author) {
    room_model_t *room = &rooms[index];
    room->seq++;
    cr_assert_leq(room->seq, ENTRIES_MAX);
    entry_model_t *entry = &room->log[room->seq];
    *entry = (entry_model_t){.type = type, .author = author, .created_at = fixture.unix_ms};
    return entry;
}

static void publish(int index) {
    room_model_t *room = &rooms[index];
    fprintf(room->events_file, "room/r%d %s {\"log_epoch\":7,\"seq\":%lu,", index, room->log[room->seq].type,
            number(room->seq));
    print_rest(room->events_file, &room->log[room->seq]);
    fputc('\n', room->events_file);
}

static void change_members(int index, const char *type, int user, bool in) {
    room_model_t *room = &rooms[index];
    append(index, type, user);
    publish(index);
    room->members[user] =
        (member_model_t){.in = in, .joined_at = fixture.unix_ms, .seq = room->seq, .read = room->number};
    room->member_count += in ? 1 : (uint64_t)-1;
    room->revision++;
    room->updated_at = fixture.unix_ms;
}

static bool may_read(const room_model_t *room, int caller) {
    return !room->private || caller < 0 || room->members[caller].in;
}

/* Calls. Each writes its body and the answer that it must get. caller -1: the system. */

typedef struct attempt {
    int room, caller;
    int user; /* for whom */
    char body[TEXT_BYTES];
    FILE *answer;
} attempt_t;

typedef void (*attempt_fn)(attempt_t *self);

static void fail(attempt_t *self, const char *code) {
    fprintf(self->answer, ERROR_TEXT("%s"), code);
}

/* {"field": user} if the system asks, else nothing. */
static void write_user(attempt_t *self, const char *field) {
    snprintf(self->body, sizeof self->body, self->caller < 0 ? "{\"%s\":\"u%d\"}" : "{}", field, self->user);
}

static void try_create(attempt_t *self) {
    room_model_t *room = &rooms[self->room];
    bool direct = chance(4), private = chance(3);
    int len = snprintf(self->body, sizeof self->body, "{\"name\":\"room %d\",\"kind\":\"%s\",\"visibility\":\"%s\"",
                       self->room, direct ? "direct" : "group", private ? "private" : "public");
    snprintf(self->body + len, sizeof self->body - (size_t)len, self->caller < 0 ? ",\"owner\":\"u%d\"}" : "}",
             self->user);
    if (room->exists) {
        fail(self, "conflict");
        return;
    }
    room->exists = true;
    room->private = private;
    room->direct = direct;
    room->owner = self->user;
    room->created_at = fixture.unix_ms;
    change_members(self->room, "created", self->user, true);
    fputs("reply ", self->answer);
    print_view(self->answer, self->room);
}

static void try_join(attempt_t *self) {
    room_model_t *room = &rooms[self->room];
    member_model_t *member = &room->members[self->user];
    write_user(self, "user");
    if (!member->in && room->private && self->caller >= 0 && self->caller != room->owner) {
        fail(self, "forbidden");
        return;
    }
    if (!member->in && room->direct && room->member_count == 2) {
        fail(self, "conflict");
        return;
    }
    if (!member->in) {
        change_members(self->room, "joined", self->user, true);
    }
    fprintf(self->answer, "reply {\"role\":\"%s\",\"joined_at\":%lu,\"seq\":%lu,\"read\":%lu}",
            self->user == room->owner ? "owner" : "member", number(member->joined_at), number(member->seq),
            number(member->read));
}

static void try_leave(attempt_t *self) {
    room_model_t *room = &rooms[self->room];
    write_user(self, "user");
    if (!room->members[self->user].in) {
        fail(self, "not_found");
        return;
    }
    change_members(self->room, "left", self->user, false);
    fprintf(self->answer, "reply {\"seq\":%lu}", number(room->seq));
}

static uint64_t find_post(const room_model_t *room, int author, const char *client_id) {
    for (uint64_t seq = 1; seq <= room->seq; seq++) {
        const entry_model_t *entry = &room->log[seq];
        if (entry->number != 0 && entry->author == author && strcmp(entry->client_id, client_id) == 0) {
            return seq;
        }
    }
    return 0;
}

static void try_post(attempt_t *self) {
    room_model_t *room = &rooms[self->room];
    char client_id[16], key[16];
    int author = self->caller < 0 && chance(2) ? -1 : self->user;
    snprintf(client_id, sizeof client_id, "c%zu", chance(3) ? below(40) : below(100000));
    int len = snprintf(self->body, sizeof self->body, "{\"client_id\":\"%s\",\"text\":\"text %lu\"", client_id,
                       number(room->seq));
    snprintf(self->body + len, sizeof self->body - (size_t)len,
             self->caller < 0 && author >= 0 ? ",\"author\":\"u%d\"}" : "}", author);
    uint64_t posted = find_post(room, author, client_id);
    if (posted == 0 && self->caller >= 0 && !room->members[self->caller].in) {
        fail(self, "forbidden");
        return;
    }
    if (posted == 0) {
        entry_model_t *entry = append(self->room, "message", author);
        snprintf(entry->text, sizeof entry->text, "text %lu", number(room->seq - 1));
        memcpy(entry->client_id, client_id, sizeof entry->client_id);
        entry->number = ++room->number;
        if (author >= 0 && room->members[author].in) {
            room->members[author].read = room->number;
        }
        snprintf(key, sizeof key, "r%d", self->room);
        room_message_id(key, room->seq, entry->created_at, entry->id);
        publish(self->room);
    }
    const entry_model_t *entry = &room->log[posted != 0 ? posted : room->seq];
    fprintf(self->answer, "reply {\"seq\":%lu,\"number\":%lu,\"id\":\"%s\",\"created_at\":%lu",
            number(posted != 0 ? posted : room->seq), number(entry->number), entry->id, number(entry->created_at));
    fprintf(self->answer, posted != 0 ? ",\"text\":\"%s\"}" : "}", entry->text);
}

static void try_read(attempt_t *self) {
    room_model_t *room = &rooms[self->room];
    member_model_t *member = &room->members[self->user];
    uint64_t asked = below(room->number + 3), last = asked < room->number ? asked : room->number;
    int len = snprintf(self->body, sizeof self->body, "{\"number\":%lu", number(asked));
    snprintf(self->body + len, sizeof self->body - (size_t)len, self->caller < 0 ? ",\"user\":\"u%d\"}" : "}",
             self->user);
    if (!member->in) {
        fail(self, "forbidden");
        return;
    }
    member->read = last > member->read ? last : member->read;
    fputs("reply {}", self->answer);
}

static void try_glance(attempt_t *self) {
    const room_model_t *room = &rooms[self->room];
    const member_model_t *member = &room->members[self->user];
    uint64_t last = room->seq;
    write_user(self, "user");
    if (!member->in) {
        fail(self, "forbidden");
        return;
    }
    while (last > 0 && room->log[last].number == 0) {
        last--;
    }
    fputs("reply {\"room\":", self->answer);
    print_view(self->answer, self->room);
    fprintf(self->answer, ",\"joined_at\":%lu,", number(member->joined_at));
    if (last > 0) {
        fputs("\"last\":", self->answer);
        print_item(self->answer, room, last);
        fputc(',', self->answer);
    }
    fprintf(self->answer, "\"read\":%lu,\"unread\":%lu}", number(member->read), number(room->number - member->read));
}

static void try_get(attempt_t *self) {
    snprintf(self->body, sizeof self->body, "{}");
    if (!may_read(&rooms[self->room], self->caller)) {
        fail(self, "forbidden");
        return;
    }
    fputs("reply ", self->answer);
    print_view(self->answer, self->room);
}

static void print_upwards(FILE *file, const room_model_t *room, uint64_t first, uint64_t last) {
    for (uint64_t seq = first; seq <= last; seq++) {
        fputs(seq == first ? "" : ",", file);
        print_item(file, room, seq);
    }
}

static void try_history_after(attempt_t *self) {
    const room_model_t *room = &rooms[self->room];
    uint64_t after = below(room->seq + 3), limit = 1 + below(PAGE), last = after + limit;
    snprintf(self->body, sizeof self->body, "{\"after\":%lu,\"limit\":%lu}", number(after), number(limit));
    if (!may_read(room, self->caller)) {
        fail(self, "forbidden");
        return;
    }
    fprintf(self->answer, "reply {\"log_epoch\":7,\"seq\":%lu,\"items\":[", number(room->seq));
    print_upwards(self->answer, room, after + 1, last < room->seq ? last : room->seq);
    fprintf(self->answer, "],\"more\":%s}", last < room->seq ? "true" : "false");
}

static void try_history_before(attempt_t *self) {
    const room_model_t *room = &rooms[self->room];
    uint64_t before = below(room->seq + 3), limit = 1 + below(PAGE);
    uint64_t first = before > room->seq ? room->seq : before == 0 ? 0 : before - 1;
    uint64_t end = first > limit ? first - limit : 0;
    snprintf(self->body, sizeof self->body, "{\"before\":%lu,\"limit\":%lu}", number(before), number(limit));
    if (!may_read(room, self->caller)) {
        fail(self, "forbidden");
        return;
    }
    fprintf(self->answer, "reply {\"log_epoch\":7,\"seq\":%lu,\"items\":[", number(room->seq));
    for (uint64_t seq = first; seq > end; seq--) {
        fputs(seq == first ? "" : ",", self->answer);
        print_item(self->answer, room, seq);
    }
    fprintf(self->answer, "],\"more\":%s}", end > 0 ? "true" : "false");
}

static void try_subscribe(attempt_t *self) {
    const room_model_t *room = &rooms[self->room];
    bool anew = chance(4), other_log = chance(10);
    uint64_t after = room->seq > 40 && chance(2) ? room->seq - below(40) : below(room->seq + 2);
    snprintf(self->body, sizeof self->body, anew ? "{}" : "{\"after\":{\"log_epoch\":%d,\"seq\":%lu}}",
             other_log ? 6 : 7, number(after));
    if (!may_read(room, self->caller)) {
        fail(self, "forbidden");
        return;
    }
    fprintf(self->answer, "reply {\"log_epoch\":7,\"seq\":%lu,\"number\":%lu,\"result\":", number(room->seq),
            number(room->number));
    if (anew || other_log || after > room->seq) {
        fputs("\"reset\",", self->answer);
    } else {
        bool paged = room->seq - after > PAGE;
        fprintf(self->answer, "\"%s\",\"items\":[", paged ? "paged" : "recovered");
        print_upwards(self->answer, room, after + 1, paged ? after + PAGE : room->seq);
        fputs("],", self->answer);
        if (paged) {
            fprintf(self->answer, "\"next\":{\"log_epoch\":7,\"seq\":%lu},", number(after + PAGE));
        }
    }
    fputs("\"room\":", self->answer);
    print_view(self->answer, self->room);
    fputc('}', self->answer);
}

static void print_members(FILE *file, const room_model_t *room) {
    const char *separator = "";
    fputs("reply {\"items\":[", file);
    for (int user = 0; user < USERS; user++) {
        if (room->members[user].in) {
            fprintf(file, "%s{\"user\":\"u%d\",\"role\":\"%s\",\"joined_at\":%lu}", separator, user,
                    user == room->owner ? "owner" : "member", number(room->members[user].joined_at));
            separator = ",";
        }
    }
    fputs("]}", file);
}

static void try_members(attempt_t *self) {
    snprintf(self->body, sizeof self->body, "{\"limit\":100}");
    if (!may_read(&rooms[self->room], self->caller)) {
        fail(self, "forbidden");
        return;
    }
    print_members(self->answer, &rooms[self->room]);
}

/* Whatever is asked of a room that is not there. */
static void try_missing(attempt_t *self) {
    snprintf(self->body, sizeof self->body, "{}");
    fail(self, "not_found");
}

static const struct {
    const char *method;
    attempt_fn attempt;
    size_t weight;
} attempts[] = {
    {"create", try_create, 2},
    {"join", try_join, 5},
    {"leave", try_leave, 3},
    {"post", try_post, 40},
    {"read", try_read, 6},
    {"glance", try_glance, 6},
    {"get", try_get, 3},
    {"members", try_members, 2},
    {"history", try_history_after, 3},
    {"history", try_history_before, 3},
    {"subscribe", try_subscribe, 6},
};

static size_t choose_attempt(void) {
    size_t sum = 0, index = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
        sum += attempts[i].weight;
    }
    for (size_t left = below(sum); left >= attempts[index].weight; index++) {
        left -= attempts[index].weight;
    }
    return index;
}

static void send_one(void) {
    expectation_t *expectation = &expected[expected_count++];
    size_t chosen = choose_attempt(), bytes;
    char key[16], user[16];
    attempt_t attempt = {.room = (int)below(ROOMS), .user = (int)below(USERS)};
    attempt.caller = chance(4) ? -1 : attempt.user;
    attempt.answer = open_memstream(&expectation->text, &bytes);
    bool there = rooms[attempt.room].exists || attempts[chosen].attempt == try_create;
    (there ? attempts[chosen].attempt : try_missing)(&attempt);
    fclose(attempt.answer);
    snprintf(key, sizeof key, "r%d", attempt.room);
    snprintf(user, sizeof user, "u%d", attempt.user);
    expectation->ticket = fixture_send(&fixture, &(call_t){.kind = "room",
                                                           .key = key,
                                                           .method = attempts[chosen].method,
                                                           .body = attempt.body,
                                                           .user = attempt.caller < 0 ? NULL : user});
}

/* Looking. */

static void assert_expected(void) {
    for (uint32_t i = 0; i < expected_count; i++) {
        const char *text = fixture_outcome(&fixture, expected[i].ticket);
        cr_assert(fixture_is(text, expected[i].text), "%s\nis not\n%s", text, expected[i].text);
        cr_assert(fixture_is(text, "error") || strlen(text) == strlen(expected[i].text), "%s", text);
        free(expected[i].text);
    }
    expected_count = 0;
}

static void open_events(room_model_t *room) {
    room->events_file = open_memstream(&room->events, &room->events_bytes);
}

static void close_events(room_model_t *room) {
    fclose(room->events_file);
    free(room->events);
}

/* The lines of this room, out of all. */
static void assert_events(int index) {
    room_model_t *room = &rooms[index];
    char begin[32];
    size_t at = 0;
    snprintf(begin, sizeof begin, "room/r%d ", index);
    fflush(room->events_file);
    for (const char *line = fixture.events; *line != 0;) {
        size_t len = strcspn(line, "\n") + 1;
        if (fixture_is(line, begin)) {
            cr_assert(at + len <= room->events_bytes && memcmp(line, room->events + at, len) == 0, "%.*sis not\n%s",
                      (int)len, line, room->events + at);
            at += len;
        }
        line += len;
    }
    cr_assert_eq(at, room->events_bytes, "missing: %s", room->events + at);
    close_events(room);
    open_events(room);
}

static const char *call_system(const char *kind, const char *key, const char *method, const char *body) {
    return fixture_call(&fixture, &(call_t){.kind = kind, .key = key, .method = method, .body = body});
}

static void assert_log(int index) {
    const room_model_t *room = &rooms[index];
    char key[16], body[64];
    snprintf(key, sizeof key, "r%d", index);
    for (uint64_t after = 0; after < room->seq; after += PAGE) {
        char *items = NULL;
        size_t bytes;
        FILE *file = open_memstream(&items, &bytes);
        print_upwards(file, room, after + 1, after + PAGE < room->seq ? after + PAGE : room->seq);
        fclose(file);
        snprintf(body, sizeof body, "{\"after\":%lu,\"limit\":%d}", number(after), PAGE);
        room_assert_has(call_system("room", key, "history", body), items);
        free(items);
    }
}

/* By when they were made; ROOMS are so few that keys are in the order of numbers. */
static int compare_ages(const void *a, const void *b) {
    const int *one = a, *other = b;
    uint64_t at = rooms[*one].created_at, other_at = rooms[*other].created_at;
    return at != other_at ? (at > other_at ? 1 : -1) : *one - *other;
}

static void assert_inbox(int user) {
    int ages[ROOMS];
    char key[16], *text = NULL;
    const char *separator = "";
    bool ever = false;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    fputs("reply {\"items\":[", file);
    for (int index = 0; index < ROOMS; index++) {
        ages[index] = index;
    }
    qsort(ages, ROOMS, sizeof ages[0], compare_ages);
    for (int i = 0; i < ROOMS; i++) {
        int index = ages[i];
        const member_model_t *member = &rooms[index].members[user];
        ever = ever || member->seq != 0;
        if (member->in) {
            fprintf(file, "%s{\"room\":\"r%d\",\"joined_at\":%lu,\"name\":\"room %d\"}", separator, index,
                    number(member->joined_at), index);
            separator = ",";
        }
    }
    fputs("]}", file);
    fclose(file);
    snprintf(key, sizeof key, "u%d", user);
    const char *answer = call_system("inbox", key, "rooms", NULL);
    cr_assert(ever ? strcmp(answer, text) == 0 : fixture_is(answer, ERROR_TEXT("not_found")), "%s\nis not\n%s", answer,
              text);
    free(text);
}

static void assert_all(void) {
    for (int index = 0; index < ROOMS; index++) {
        assert_log(index);
    }
    for (int user = 0; user < USERS; user++) {
        assert_inbox(user);
    }
}

static bool loses_some(const effect_t *effect) {
    return effect->type != EFFECT_WORK && chance(4);
}

static void disturb(void) {
    fixture.now_us += below(2000000);
    fixture.unix_ms += below(2000);
    if (chance(5)) {
        fixture_apply_some(&fixture, below(fixture.end_count + 1));
    }
    if (chance(5)) {
        fixture_idle(&fixture, (uint16_t)below(fixture.options.count));
    }
    if (chance(10)) {
        fixture_restart_as(&fixture, (uint16_t)(1 + below(4)));
    }
}

static void setup(void) {
    fixture.options = (shard_options_t){.count = 3, .resident_actors_max = 4, .idle_ms = 1000};
    fixture_open(&fixture);
    for (int index = 0; index < ROOMS; index++) {
        open_events(&rooms[index]);
    }
}

static void teardown(void) {
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        cr_assert_eq(shard_stats(fixture.shards[shard]).dead_letters, 0);
    }
    for (int index = 0; index < ROOMS; index++) {
        close_events(&rooms[index]);
    }
    fixture_close(&fixture);
}

TestSuite(room, .init = setup, .fini = teardown);

Test(room, behaves_like_arrays_of_entries, .timeout = 100) {
    random_state = random_start("room, behaves_like_arrays_of_entries");
    fixture.loses = loses_some;
    for (int step = 0; step < STEPS; step++) {
        for (size_t left = below(CALLS_MAX); left > 0; left--) {
            send_one();
        }
        fixture_run(&fixture);
        assert_expected();
        for (int index = 0; index < ROOMS; index++) {
            assert_events(index);
        }
        room_forget_events(&fixture);
        disturb();
    }
    fixture.loses = NULL;
    fixture_pass(&fixture, 600000);
    assert_all();
    fixture_restart_as(&fixture, 2);
    assert_all();
}
