/* SPDX-License-Identifier: MIT */
#include "tests/actors/room_fixture.h"
#include "tests/storage/random.h"

static fixture_t fixture;

static void setup(void) {
    fixture.options.count = 2;
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(inbox, .init = setup, .fini = teardown);

static const char *rooms_of(const char *user, const char *caller, const char *body) {
    return fixture_call(&fixture,
                        &(call_t){.kind = "inbox", .key = user, .method = "rooms", .body = body, .user = caller});
}

static const char *call_room(const char *room, const char *user, const char *method) {
    bool create = strcmp(method, "create") == 0;
    return fixture_call(
        &fixture,
        &(call_t){.kind = "room", .key = room, .method = method, .body = create ? ROOM_PUBLIC : NULL, .user = user});
}

/* What must not happen. */

Test(inbox, is_read_by_nobody_but_its_user_and_the_system) {
    call_room("r1", "mina", "create");
    const char *row = "reply {\"items\":[{\"room\":\"r1\",\"joined_at\":1767225600000,\"name\":\"Tea\"}]}";
    cr_assert(fixture_is(rooms_of("mina", "juno", NULL), ERROR_TEXT("forbidden")));
    cr_assert_str_eq(rooms_of("mina", "mina", NULL), row);
    cr_assert_str_eq(rooms_of("mina", NULL, NULL), row);
}

Test(inbox, is_empty_before_the_first_room_and_not_made_by_being_read) {
    cr_assert_str_eq(rooms_of("juno", "juno", NULL), "reply {\"items\":[]}");
    cr_assert_str_eq(rooms_of("juno", NULL, "{\"descending\":true}"), "reply {\"items\":[]}");
    cr_assert(fixture_is(rooms_of("juno", "mina", NULL), ERROR_TEXT("forbidden")));
    cr_assert(fixture_is(fixture_call(&fixture, &(call_t){.kind = "inbox", .key = "juno", .method = "show"}),
                         ERROR_TEXT("not_found")));
    cr_assert_eq(fixture.records, 0);
}

Test(inbox, believes_rooms_only) {
    call_room("r1", "mina", "create");
    static const char *const methods[] = {"joined", "left"};
    static const char *const bodies[] = {"{\"joined_at\":1,\"name\":\"Trap\",\"seq\":9}", "{\"seq\":9}"};
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        const char *text =
            fixture_call(&fixture, &(call_t){.kind = "inbox", .key = "mina", .method = methods[i], .body = bodies[i]});
        cr_assert(fixture_is(text, ERROR_TEXT("forbidden")), "%s", text);
    }
    room_assert_has(rooms_of("mina", NULL, NULL), "\"room\":\"r1\"");
}

Test(inbox, hears_nothing_of_posts) {
    call_room("r1", "mina", "create");
    uint64_t routed = fixture.routed;
    for (int i = 0; i < 10; i++) {
        char client_id[16];
        snprintf(client_id, sizeof client_id, "%d", i);
        cr_assert(fixture_is(room_posted(&fixture, "mina", client_id, "x"), "reply"));
    }
    cr_assert_eq(fixture.routed, routed);
}

static random_state_t random_state;

static bool loses_half(const effect_t *effect) {
    return effect->type != EFFECT_WORK && random_below(&random_state, 2) == 0;
}

/* Coming and going while half of all messages and acknowledgements are lost, and the server starts again. */
Test(inbox, knows_who_is_in_which_room_whatever_is_lost) {
    random_state = random_start("inbox, knows_who_is_in_which_room_whatever_is_lost");
    fixture.loses = loses_half;
    call_room("r1", "mina", "create");
    call_room("r2", "mina", "create");
    for (int i = 0; i < 21; i++) {
        call_room("r1", "juno", i % 2 == 0 ? "join" : "leave");
        call_room("r2", "juno", i % 2 == 0 ? "join" : "leave");
        if (i % 5 == 0) {
            fixture_restart_as(&fixture, (uint16_t)(1 + i % 3));
        }
    }
    call_room("r2", "juno", "leave");
    fixture.loses = NULL;
    fixture_pass(&fixture, 600000);
    const char *text = rooms_of("juno", "juno", NULL);
    cr_assert_str_eq(text, "reply {\"items\":[{\"room\":\"r1\",\"joined_at\":1767225600000,\"name\":\"Tea\"}]}");
    room_assert_has(fixture_call(&fixture, &(call_t){.kind = "inbox", .key = "juno", .method = "show"}),
                    "\"rooms\":1,");
}

/* A message as a room would send it. */
static void tell(const char *method, const char *body) {
    static uint8_t bytes[256], chain[32];
    char error[64];
    pack_t pack = pack_into(bytes, sizeof bytes), sender = pack_into(chain, sizeof chain);
    FIXTURE_OK(json_parse(span_text(body), &pack, error, sizeof error));
    pack_array(&sender, 1);
    pack_cstring(&sender, "room/r1");
    request_t request = {.type = REQUEST_WORKED,
                         .roles = ROLE_ACTOR,
                         .deadline_us = UINT64_MAX,
                         .kind = &kinds[KIND_inbox],
                         .method = kind_method(&kinds[KIND_inbox], span_text(method)),
                         .partition = address_partition(span_text("inbox"), span_text("mina")),
                         .key = span_text("mina"),
                         .chain = pack_bytes(&sender),
                         .body = pack_bytes(&pack)};
    fixture_hand(&fixture, &request);
    fixture_run(&fixture);
}

Test(inbox, what_comes_twice_or_late_changes_nothing) {
    tell("joined", "{\"joined_at\":7,\"name\":\"Tea\",\"seq\":5}");
    uint64_t records = fixture.records;
    tell("joined", "{\"joined_at\":7,\"name\":\"Tea\",\"seq\":5}");
    tell("joined", "{\"joined_at\":3,\"name\":\"Old\",\"seq\":3}");
    tell("left", "{\"seq\":4}");
    cr_assert_eq(fixture.records, records);
    cr_assert_str_eq(rooms_of("mina", NULL, NULL),
                     "reply {\"items\":[{\"room\":\"r1\",\"joined_at\":7,\"name\":\"Tea\"}]}");
    tell("left", "{\"seq\":6}");
    records = fixture.records;
    tell("left", "{\"seq\":6}");
    cr_assert_eq(fixture.records, records);
    cr_assert_str_eq(rooms_of("mina", NULL, NULL), "reply {\"items\":[]}");
}

/* Reading. */

static void assert_pages(bool descending) {
    char body[128], next[64] = "";
    unsigned long found = 0;
    for (int page = 0; page < 3; page++) {
        snprintf(body, sizeof body, "{\"after\":\"%s\",\"descending\":%s}", next, descending ? "true" : "false");
        const char *text = rooms_of("mina", "mina", body), *at = text;
        while ((at = strstr(at, "\"room\":\"room-")) != NULL) {
            at += strlen("\"room\":\"room-");
            cr_assert_eq(strtoul(at, NULL, 10), descending ? 44 - found : found);
            found++;
        }
        at = strstr(text, "\"next\":\"");
        cr_assert_eq(at == NULL, page == 2);
        if (at != NULL) {
            snprintf(next, sizeof next, "%.*s", (int)strcspn(at + 8, "\""), at + 8);
        }
    }
    cr_assert_eq(found, 45);
}

Test(inbox, comes_in_pages_without_gap_or_repeat) {
    char key[32];
    for (int i = 0; i < 45; i++) {
        snprintf(key, sizeof key, "room-%02d", i);
        call_room(key, "mina", "create");
    }
    assert_pages(false);
    assert_pages(true);
    cr_assert_eq(room_count(rooms_of("mina", NULL, "{\"limit\":100}"), "\"room\":"), 45);
}

Test(inbox, has_its_rooms_in_the_order_in_which_they_were_made) {
    static const char *const rooms[] = {"b", "c", "a"};
    for (size_t i = 0; i < ARRAY_LENGTH(rooms); i++) {
        call_room(rooms[i], "mina", "create");
        fixture_pass(&fixture, 10);
    }
    call_room("c", "juno", "join");
    call_room("b", "juno", "join"); /* later, but the room is older */
    room_assert_has(rooms_of("juno", NULL, NULL), "{\"items\":[{\"room\":\"b\",");
    const char *text = rooms_of("mina", NULL, "{\"descending\":true,\"limit\":2}");
    room_assert_has(text, "{\"items\":[{\"room\":\"a\",");
    room_assert_has(text, "},{\"room\":\"c\",");
    call_room("b", "juno", "leave");
    call_room("c", "juno", "leave");
    cr_assert_str_eq(rooms_of("juno", NULL, NULL), "reply {\"items\":[]}");
}

Test(inbox, what_is_no_place_of_it_is_refused) {
    static const char *const places[] = {"x", "0123456789abcdef", "0123456789abcdegroom"};
    call_room("r1", "mina", "create");
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"after\":\"%s\"}", places[i]);
        cr_expect(fixture_is(rooms_of("mina", NULL, body), ERROR_TEXT("invalid")), "%s", places[i]);
    }
}
