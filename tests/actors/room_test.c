/* SPDX-License-Identifier: MIT */
#include "actors/cell.h"
#include "actors/store_key.h"
#include "tests/actors/room_fixture.h"
#include "tests/schemas/hex.h"

static fixture_t fixture;

static void setup(void) {
    fixture.options.count = 2;
    fixture_open(&fixture);
}

static void teardown(void) {
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        cr_assert_eq(shard_stats(fixture.shards[shard]).dead_letters, 0);
    }
    fixture_close(&fixture);
}

TestSuite(room, .init = setup, .fini = teardown);

#define CALL(user_, method_, body_) room_call(&fixture, (user_), (method_), (body_))
#define POST(user_, client_id_, text_) room_posted(&fixture, (user_), (client_id_), (text_))

static void assert_ok(const char *text) {
    cr_assert(fixture_is(text, "reply"), "%s", text);
}

#define ASSERT_ERROR(text_, code_) cr_assert(fixture_is((text_), ERROR_TEXT(code_)), "%s", (text_))

/* mina owns it, juno is in it, and who else comes has no right but that of the room. */
static void create(const char *body) {
    assert_ok(CALL("mina", "create", body));
    assert_ok(CALL(NULL, "join", "{\"user\":\"juno\"}"));
}

static uint64_t head_seq(void) {
    const char *text = CALL(NULL, "get", NULL);
    return room_number(&text, "seq");
}

static void post_many(uint32_t count) {
    char client_id[32];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(client_id, sizeof client_id, "many-%u", i);
        assert_ok(POST("mina", client_id, "x"));
    }
}

/* seqs of the items are `first`, and then one more or less each. */
static void assert_dense(const char *text, uint64_t first, uint64_t last) {
    const char *at = strstr(text, "\"items\":["), *end = strstr(text, "}]");
    cr_assert(at != NULL && end != NULL, "%s", text);
    for (uint64_t seq = first;; seq += last >= first ? 1 : (uint64_t)-1) {
        uint64_t found = room_number(&at, "seq");
        cr_assert_eq(found, seq, "%lu instead of %lu in %s", (unsigned long)found, (unsigned long)seq, text);
        if (seq == last) {
            break;
        }
    }
    cr_assert(room_number(&at, "seq") == 0 || at > end, "more than up to %lu: %s", (unsigned long)last, text);
}

/* What must not happen. */

Test(room, a_user_lists_public_rooms_only) {
    fixture_call(&fixture,
                 &(call_t){.kind = "room", .key = "open", .method = "create", .body = ROOM_PUBLIC, .user = "juno"});
    create(ROOM_PRIVATE);
    call_t asked = {.kind = "room", .user = "mina"};
    const char *text = fixture_list(&fixture, asked);
    room_assert_has(text, "\"key\":\"open\"");
    room_assert_has_not(text, "r1");
    asked.body = "{\"field\":\"visibility\",\"value\":\"private\"}";
    ASSERT_ERROR(fixture_list(&fixture, asked), "forbidden");
    asked.user = NULL;
    room_assert_has(fixture_list(&fixture, asked), "r1");
}

Test(room, who_is_not_in_a_room_cannot_post) {
    create(ROOM_PUBLIC);
    uint64_t records = fixture.records;
    ASSERT_ERROR(POST("otto", "c1", "hello"), "forbidden");
    assert_ok(CALL("juno", "leave", NULL));
    ASSERT_ERROR(POST("juno", "c1", "hello"), "forbidden");
    room_assert_has(CALL(NULL, "get", NULL), "\"number\":0,");
    cr_assert_gt(fixture.records, records);
}

Test(room, nobody_but_the_system_acts_for_others) {
    create(ROOM_PUBLIC);
    ASSERT_ERROR(CALL("mina", "post", "{\"client_id\":\"c\",\"text\":\"x\",\"author\":\"juno\"}"), "forbidden");
    ASSERT_ERROR(CALL("mina", "leave", "{\"user\":\"juno\"}"), "forbidden");
    ASSERT_ERROR(CALL("mina", "join", "{\"user\":\"otto\"}"), "forbidden");
    ASSERT_ERROR(fixture_call(&fixture, &(call_t){.kind = "room",
                                                  .key = "r2",
                                                  .method = "create",
                                                  .user = "mina",
                                                  .body = "{\"name\":\"Tea\",\"kind\":\"group\",\"visibility\":"
                                                          "\"public\",\"owner\":\"juno\"}"}),
                 "forbidden");
    assert_ok(CALL("mina", "post", "{\"client_id\":\"c\",\"text\":\"x\",\"author\":\"mina\"}"));
    room_assert_has(CALL(NULL, "get", NULL), "\"member_count\":2,");
}

Test(room, the_system_says_for_whom) {
    ASSERT_ERROR(CALL(NULL, "create", ROOM_PUBLIC), "invalid");
    ASSERT_ERROR(CALL(NULL, "get", NULL), "not_found");
    create(ROOM_PUBLIC);
    ASSERT_ERROR(CALL(NULL, "join", NULL), "invalid");
    ASSERT_ERROR(CALL(NULL, "leave", NULL), "invalid");
    ASSERT_ERROR(CALL(NULL, "join", "{\"user\":\"a/b\"}"), "invalid");
    ASSERT_ERROR(CALL(NULL, "post", "{\"client_id\":\"c\",\"text\":\"x\",\"author\":\"a/b\"}"), "invalid");
    room_assert_has(CALL(NULL, "get", NULL), "\"seq\":2,\"number\":0,\"member_count\":2,");
}

Test(room, a_private_room_is_closed_to_others) {
    create(ROOM_PRIVATE);
    assert_ok(POST("juno", "c1", "secret"));
    static const char *const methods[] = {"get", "members", "history", "subscribe", "join"};
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        const char *text = CALL("otto", methods[i], NULL);
        ASSERT_ERROR(text, "forbidden");
        room_assert_has_not(text, "secret");
    }
    assert_ok(CALL("juno", "leave", NULL));
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        ASSERT_ERROR(CALL("juno", methods[i], NULL), "forbidden");
    }
    assert_ok(CALL(NULL, "join", "{\"user\":\"juno\"}"));
    room_assert_has(CALL("juno", "history", NULL), "secret");
}

Test(room, what_is_no_text_is_refused) {
    static const char *const texts[] = {"",          "a\\u0000b", "a\\u0007b", "a\\rb",
                                        "a\\u001bb", "\\u007f",   "a\\u0085b", "\\u009f"};
    static const char *const fine[] = {"a\\nb\\tc", "\xc2\xa0", "도란도란", "🍵", "\\u2028"};
    char client_id[32];
    create(ROOM_PUBLIC);
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        ASSERT_ERROR(POST("mina", "c", texts[i]), "invalid");
        ASSERT_ERROR(POST("mina", texts[i], "x"), "invalid");
    }
    ASSERT_ERROR(POST("mina", "a\\nb", "x"), "invalid");
    cr_assert_eq(head_seq(), 2);
    for (size_t i = 0; i < ARRAY_LENGTH(fine); i++) {
        snprintf(client_id, sizeof client_id, "c%zu", i);
        assert_ok(POST("mina", client_id, fine[i]));
    }
    ASSERT_ERROR(fixture_call(&fixture, &(call_t){.kind = "room",
                                                  .key = "r2",
                                                  .method = "create",
                                                  .user = "mina",
                                                  .body = "{\"name\":\"a\\nb\",\"kind\":\"group\",\"visibility\":"
                                                          "\"public\"}"}),
                 "invalid");
}

/* {"client_id": "c", "text": count times the character} */
static const char *post_long(const char *client_id, const char *character, size_t count) {
    static uint8_t text[2 * ROOM_TEXT_BYTES_MAX], body[3 * ROOM_TEXT_BYTES_MAX];
    size_t len = strlen(character);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * len, character, len);
    }
    pack_t pack = pack_into(body, sizeof body);
    pack_map(&pack, 2);
    pack_cstring(&pack, "client_id");
    pack_cstring(&pack, client_id);
    pack_cstring(&pack, "text");
    pack_text(&pack, span_of(text, count * len));
    return fixture_call(
        &fixture, &(call_t){.kind = "room", .key = "r1", .method = "post", .user = "mina", .raw = pack_bytes(&pack)});
}

Test(room, a_text_has_at_most_4000_characters_whatever_they_are) {
    create(ROOM_PUBLIC);
    ASSERT_ERROR(post_long("c", "a", 4001), "invalid");
    ASSERT_ERROR(post_long("c", "도", 4001), "invalid");
    ASSERT_ERROR(post_long("c", "🍵", 4001), "invalid");
    cr_assert_eq(head_seq(), 2);
    assert_ok(post_long("c1", "a", 4000));
    assert_ok(post_long("c2", "도", 4000));
    assert_ok(post_long("c3", "🍵", 4000));
    cr_assert_eq(head_seq(), 5);
}

/* Message `number` is entry `seq`; text: it was there already, and says so. */
static void assert_posted(const char *answer, uint64_t seq, uint64_t number, const char *text) {
    char expected[256], id[UUID_TEXT_BYTES + 1], says[64] = "";
    room_message_id("r1", seq, FIXTURE_UNIX_MS, id);
    if (text != NULL) {
        snprintf(says, sizeof says, ",\"text\":\"%s\"", text);
    }
    snprintf(expected, sizeof expected, "reply {\"seq\":%lu,\"number\":%lu,\"id\":\"%s\",\"created_at\":%llu%s}",
             (unsigned long)seq, (unsigned long)number, id, (unsigned long long)FIXTURE_UNIX_MS, says);
    cr_assert_str_eq(answer, expected, "%s\nis not\n%s", answer, expected);
}

Test(room, a_post_that_comes_twice_is_one_entry) {
    create(ROOM_PUBLIC);
    assert_posted(POST("mina", "c1", "hello"), 3, 1, NULL);
    assert_posted(POST("juno", "c1", "hello"), 4, 2, NULL);
    assert_posted(POST(NULL, "c1", "hello"), 5, 3, NULL);
    room_forget_events(&fixture);
    for (int i = 0; i < 3; i++) {
        assert_posted(POST("mina", "c1", "other words"), 3, 1, "hello");
        assert_posted(POST("juno", "c1", "hello"), 4, 2, "hello");
        assert_posted(POST(NULL, "c1", "hello"), 5, 3, "hello");
        fixture_restart_as(&fixture, (uint16_t)(1 + i));
    }
    cr_assert_str_eq(fixture.events, "");
    cr_assert_eq(head_seq(), 5);
    assert_ok(CALL("juno", "leave", NULL));
    assert_posted(POST("juno", "c1", "hello"), 4, 2, "hello"); /* was posted when juno was there */
}

/* Authors and client ids that are long, and those that are one text when put together. */
Test(room, names_of_posts_do_not_run_into_one_another) {
    char user[ROOM_USER_BYTES_MAX + 1], body[600], long_id[101];
    memset(user, 'u', sizeof user - 1);
    user[sizeof user - 1] = 0;
    memset(long_id, 'c', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = 0;
    create(ROOM_PUBLIC);
    assert_ok(CALL(user, "join", NULL));
    assert_posted(POST(user, long_id, "1"), 4, 1, NULL);
    long_id[99] = 'd';
    assert_posted(POST(user, long_id, "2"), 5, 2, NULL);
    long_id[99] = 'c';
    assert_posted(POST(user, long_id, "3"), 4, 1, "1");
    snprintf(body, sizeof body, "{\"client_id\":\"juno/c\",\"text\":\"x\"}");
    assert_posted(CALL(NULL, "post", body), 6, 3, NULL);
    assert_posted(POST("juno", "c", "x"), 7, 4, NULL);
    assert_posted(POST("juno", "/c", "x"), 8, 5, NULL);
}

Test(room, keys_that_are_too_long_are_refused_and_not_cut) {
    char user[KEY_BYTES_MAX + 1], key[KEY_BYTES_MAX + 1];
    memset(user, 'u', KEY_BYTES_MAX);
    user[KEY_BYTES_MAX] = 0;
    memset(key, 'k', KEY_BYTES_MAX);
    key[KEY_BYTES_MAX] = 0;
    create(ROOM_PUBLIC);
    ASSERT_ERROR(CALL(user, "join", NULL), "invalid");
    call_t call = {.kind = "room", .key = key, .method = "create", .body = ROOM_PUBLIC, .user = "mina"};
    ASSERT_ERROR(fixture_call(&fixture, &call), "invalid");
    key[ROOM_KEY_BYTES_MAX] = 0;
    assert_ok(fixture_call(&fixture, &call));
    room_assert_has(
        fixture_call(&fixture, &(call_t){.kind = "inbox", .key = "mina", .method = "rooms", .user = "mina"}), key);
}

Test(room, joining_twice_counts_once) {
    create(ROOM_PUBLIC);
    const char *first = CALL("otto", "join", NULL);
    cr_assert_str_eq(first, "reply {\"role\":\"member\",\"joined_at\":1767225600000,\"seq\":3,\"read\":0}");
    fixture_pass(&fixture, 5000);
    uint64_t records = fixture.records;
    cr_assert_str_eq(CALL("otto", "join", NULL), first);
    fixture_restart(&fixture);
    cr_assert_str_eq(CALL(NULL, "join", "{\"user\":\"otto\"}"), first);
    cr_assert_eq(fixture.records, records, "nothing was written");
    room_assert_has(CALL(NULL, "get", NULL), "\"seq\":3,\"number\":0,\"member_count\":3,");
}

Test(room, who_is_not_in_a_room_cannot_leave_it) {
    create(ROOM_PUBLIC);
    ASSERT_ERROR(CALL("otto", "leave", NULL), "not_found");
    assert_ok(CALL("juno", "leave", NULL));
    ASSERT_ERROR(CALL("juno", "leave", NULL), "not_found");
    room_assert_has(CALL(NULL, "get", NULL), "\"member_count\":1,");
}

Test(room, two_are_in_a_direct_room_and_no_third) {
    create("{\"name\":\"We\",\"kind\":\"direct\",\"visibility\":\"public\"}");
    ASSERT_ERROR(CALL("otto", "join", NULL), "conflict");
    assert_ok(CALL("juno", "leave", NULL));
    assert_ok(CALL("otto", "join", NULL));
    ASSERT_ERROR(CALL("juno", "join", NULL), "conflict");
}

Test(room, a_room_that_is_full_takes_nobody_more, .timeout = 110) {
    char body[64];
    assert_ok(CALL("mina", "create", ROOM_PUBLIC));
    for (uint32_t i = 1; i < ROOM_MEMBERS_MAX; i++) {
        snprintf(body, sizeof body, "{\"user\":\"u%u\"}", i);
        fixture_send(&fixture, &(call_t){.kind = "room", .key = "r1", .method = "join", .body = body});
    }
    fixture_run(&fixture);
    room_assert_has(CALL(NULL, "get", NULL), "\"member_count\":10000,");
    ASSERT_ERROR(CALL("otto", "join", NULL), "conflict");
    assert_ok(CALL("u1", "join", NULL));
    assert_ok(CALL("u1", "leave", NULL));
    assert_ok(CALL("otto", "join", NULL));
    uint64_t records = fixture.records;
    assert_ok(POST("otto", "c1", "it costs as much as in a small room"));
    cr_assert_eq(fixture.records - records, 4, "entry, name of the post, marker, head");
}

/* Rooms. */

Test(room, a_new_room_has_its_owner_in_it) {
    static const char view[] = "reply {\"id\":\"r1\",\"version\":1,\"name\":\"Tea\",\"kind\":\"group\",\"visibility\":"
                               "\"public\",\"owner\":\"mina\",\"seq\":1,\"number\":0,\"member_count\":1,\"created_at\":"
                               "1767225600000,\"updated_at\":1767225600000,\"last_at\":1767225600000}";
    cr_assert_str_eq(CALL("mina", "create", ROOM_PUBLIC), view);
    cr_assert_str_eq(CALL("otto", "get", NULL), view);
    fixture_restart(&fixture);
    cr_assert_str_eq(CALL(NULL, "get", NULL), view);
    cr_assert_str_eq(CALL(NULL, "members", NULL),
                     "reply {\"items\":[{\"user\":\"mina\",\"role\":\"owner\",\"joined_at\":1767225600000}]}");
    cr_assert_str_eq(fixture.events, "room/r1 created {\"log_epoch\":7,\"seq\":1,\"author\":\"mina\",\"created_at\":"
                                     "1767225600000}\n");
}

Test(room, has_those_in_it_that_it_is_made_with) {
    static const char both[] =
        "{\"name\":\"We\",\"kind\":\"direct\",\"visibility\":\"private\",\"members\":[\"otto\",\"mina\",\"otto\"]}";
    room_assert_has(CALL("mina", "create", both), "\"seq\":2,\"number\":0,\"member_count\":2,");
    assert_ok(CALL("otto", "history", NULL));
    room_assert_has(fixture_call(&fixture, &(call_t){.kind = "inbox", .key = "otto", .method = "rooms"}),
                    "\"room\":\"r1\"");
}

Test(room, is_not_made_with_more_than_fit_or_who_cannot_be) {
    cr_assert(
        fixture_is(CALL("mina", "create",
                        "{\"name\":\"We\",\"kind\":\"direct\",\"visibility\":\"private\",\"members\":[\"a\",\"b\"]}"),
                   ERROR_TEXT("conflict")));
    cr_assert(fixture_is(
        CALL("mina", "create", "{\"name\":\"We\",\"kind\":\"group\",\"visibility\":\"private\",\"members\":[\"a b\"]}"),
        ERROR_TEXT("invalid")));
    cr_assert(fixture_is(CALL(NULL, "get", NULL), ERROR_TEXT("not_found")));
}

Test(room, fifty_are_brought_in_at_once) {
    char body[4096];
    int len =
        snprintf(body, sizeof body, "{\"name\":\"We\",\"kind\":\"group\",\"visibility\":\"private\",\"members\":[");
    for (int i = 0; i < ROOM_FIRST_MEMBERS_MAX; i++) {
        len += snprintf(body + len, sizeof body - (size_t)len, "%s\"u%d\"", i > 0 ? "," : "", i);
    }
    snprintf(body + len, sizeof body - (size_t)len, "]}");
    room_assert_has(CALL("mina", "create", body), "\"member_count\":51,");
}

Test(room, one_entry_is_read_by_who_may_read_all) {
    create(ROOM_PRIVATE);
    room_assert_has(CALL("mina", "entry", "{\"seq\":1}"), "{\"seq\":1,\"type\":\"created\",\"author\":\"mina\"");
    cr_assert(fixture_is(CALL("mina", "entry", "{\"seq\":9}"), ERROR_TEXT("not_found")));
    cr_assert(fixture_is(CALL("mina", "entry", "{\"seq\":9223372036854775807}"), ERROR_TEXT("not_found")));
    cr_assert(fixture_is(CALL("nobody", "entry", "{\"seq\":1}"), ERROR_TEXT("forbidden")));
}

Test(room, the_system_makes_rooms_for_others) {
    const char *text =
        CALL(NULL, "create", "{\"name\":\"Tea\",\"kind\":\"group\",\"visibility\":\"private\",\"owner\":\"mina\"}");
    room_assert_has(text, "\"owner\":\"mina\"");
    assert_ok(CALL("mina", "history", NULL));
}

Test(room, posts_change_the_room_but_not_its_version) {
    create(ROOM_PUBLIC);
    room_assert_has(CALL(NULL, "get", NULL), "\"version\":2,");
    fixture_pass(&fixture, 1000);
    post_many(3);
    const char *text = CALL(NULL, "get", NULL);
    room_assert_has(text, "\"version\":2,");
    room_assert_has(text, "\"seq\":5,\"number\":3,\"member_count\":2,");
    room_assert_has(text, "\"updated_at\":1767225600000,\"last_at\":1767225601000}");
    assert_ok(CALL("otto", "join", NULL));
    room_assert_has(CALL(NULL, "get", NULL), "\"version\":3,");
}

Test(room, an_owner_who_left_may_come_back_as_the_owner) {
    create(ROOM_PRIVATE);
    assert_ok(CALL("mina", "leave", NULL));
    ASSERT_ERROR(CALL("mina", "history", NULL), "forbidden");
    room_assert_has(CALL("mina", "join", NULL), "\"role\":\"owner\"");
    assert_ok(CALL("mina", "history", NULL));
}

Test(room, members_come_in_pages_without_gap_or_repeat) {
    char body[128], next[64] = "";
    create(ROOM_PUBLIC);
    for (int i = 0; i < 250; i++) {
        snprintf(body, sizeof body, "{\"user\":\"u%03d\"}", i);
        assert_ok(CALL(NULL, "join", body));
    }
    size_t found = 0;
    for (int page = 0; page < 3; page++) {
        snprintf(body, sizeof body, "{\"limit\":100,\"after\":\"%s\"}", next);
        const char *text = CALL("otto", "members", body);
        found += room_count(text, "\"user\":");
        const char *at = strstr(text, "\"next\":\"");
        cr_assert_eq(at == NULL, page == 2, "%s", text);
        if (at != NULL) {
            snprintf(next, sizeof next, "%.*s", (int)strcspn(at + 8, "\""), at + 8);
        }
    }
    cr_assert_eq(found, 252);
    cr_assert_eq(room_count(CALL("otto", "members", NULL), "\"user\":"), 20);
    cr_assert_str_eq(CALL("otto", "members", "{\"after\":\"v\"}"), "reply {\"items\":[]}");
}

Test(room, rooms_are_found_by_their_visibility) {
    create(ROOM_PUBLIC);
    assert_ok(fixture_call(
        &fixture, &(call_t){.kind = "room", .key = "r2", .method = "create", .body = ROOM_PRIVATE, .user = "mina"}));
    call_t list = {.kind = "room", .method = "list", .body = "{\"field\":\"visibility\",\"value\":\"public\"}"};
    size_t found = 0;
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        uint64_t ticket = fixture_send_to(&fixture, shard, &list);
        fixture_run(&fixture);
        const char *text = fixture_outcome(&fixture, ticket);
        found += room_count(text, "\"key\":\"r1\"");
        room_assert_has_not(text, "\"r2\"");
    }
    cr_assert_eq(found, 1);
}

/* The log. */

Test(room, history_is_read_from_both_ends_without_gap_or_repeat) {
    create(ROOM_PUBLIC);
    post_many(30);
    assert_dense(CALL("otto", "history", NULL), 32, 13);
    assert_dense(CALL("otto", "history", "{\"before\":13}"), 12, 1);
    room_assert_has(CALL("otto", "history", "{\"before\":13}"), "\"more\":false");
    room_assert_has(CALL("otto", "history", "{\"before\":14,\"limit\":12}"), "\"more\":true");
    assert_dense(CALL("otto", "history", "{\"after\":0}"), 1, 20);
    room_assert_has(CALL("otto", "history", "{\"after\":0}"), "\"more\":true");
    assert_dense(CALL("otto", "history", "{\"after\":20}"), 21, 32);
    room_assert_has(CALL("otto", "history", "{\"after\":20}"), "\"more\":false");
    assert_dense(CALL("otto", "history", "{\"after\":20,\"limit\":1}"), 21, 21);
    assert_dense(CALL("otto", "history", "{\"after\":20,\"before\":25}"), 21, 24);
    room_assert_has(CALL("otto", "history", "{\"after\":20,\"before\":25}"), "\"more\":false");
    fixture_apply(&fixture);
    assert_dense(CALL("otto", "history", "{\"limit\":100}"), 32, 1);
    assert_dense(CALL("otto", "history", "{\"before\":9223372036854775807,\"limit\":2}"), 32, 31);
}

Test(room, history_beyond_the_log_is_empty) {
    static const char *const bodies[] = {"{\"before\":0}",
                                         "{\"before\":1}",
                                         "{\"after\":3}",
                                         "{\"after\":9223372036854775807}",
                                         "{\"after\":2,\"before\":3}",
                                         "{\"after\":2,\"before\":1}"};
    create(ROOM_PUBLIC);
    post_many(1);
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        cr_assert_str_eq(CALL("otto", "history", bodies[i]),
                         "reply {\"log_epoch\":7,\"seq\":3,\"items\":[],\"more\":false}");
    }
    ASSERT_ERROR(CALL("otto", "history", "{\"limit\":101}"), "invalid");
}

/* Entries so long that a page cannot have 100 of them. */
Test(room, long_entries_make_short_pages_and_no_gap) {
    char client_id[32], body[64];
    uint64_t after = 0, pages = 0;
    create(ROOM_PUBLIC);
    for (int i = 0; i < 40; i++) {
        snprintf(client_id, sizeof client_id, "long-%d", i);
        assert_ok(post_long(client_id, "🍵", 4000));
    }
    for (; after < 42; pages++) {
        snprintf(body, sizeof body, "{\"after\":%lu,\"limit\":100}", (unsigned long)after);
        const char *text = CALL("mina", "history", body);
        cr_assert_lt(strlen(text), 2 * ROOM_TEXT_BYTES_MAX + KIB(128));
        for (const char *at = strstr(text, "\"items\""); room_number(&at, "seq") == after + 1;) {
            after++;
        }
        cr_assert_eq(strstr(text, "\"more\":true") != NULL, after < 42);
    }
    cr_assert_geq(pages, 5);
    const char *text = CALL("mina", "history", "{\"limit\":100}");
    assert_dense(text, 42, 42 - room_count(text, "\"type\"") + 1);
    room_assert_has(text, "\"more\":true");
    room_assert_has(CALL("mina", "subscribe", "{\"after\":{\"log_epoch\":7,\"seq\":2}}"), "\"result\":\"paged\"");
}

/* Markers. */

/* What `user` has read of `number` messages. */
static void assert_read(const char *user, uint64_t read, uint64_t number) {
    char expected[64];
    snprintf(expected, sizeof expected, ",\"read\":%lu,\"unread\":%lu}", (unsigned long)read,
             (unsigned long)(number - read));
    room_assert_has(CALL(user, "glance", NULL), expected);
}

Test(room, who_is_not_in_a_room_has_no_marker) {
    create(ROOM_PUBLIC);
    post_many(2);
    ASSERT_ERROR(CALL("otto", "read", "{\"number\":1}"), "forbidden");
    ASSERT_ERROR(CALL("otto", "glance", NULL), "forbidden");
    ASSERT_ERROR(CALL(NULL, "read", "{\"number\":1,\"user\":\"otto\"}"), "forbidden");
    ASSERT_ERROR(CALL(NULL, "glance", NULL), "invalid");
    ASSERT_ERROR(CALL(NULL, "read", "{\"number\":1}"), "invalid");
    assert_ok(CALL("juno", "leave", NULL));
    ASSERT_ERROR(CALL("juno", "glance", NULL), "forbidden");
    ASSERT_ERROR(CALL("juno", "read", "{\"number\":1}"), "forbidden");
}

Test(room, nobody_moves_the_marker_of_another) {
    create(ROOM_PUBLIC);
    post_many(2);
    ASSERT_ERROR(CALL("mina", "read", "{\"number\":1,\"user\":\"juno\"}"), "forbidden");
    ASSERT_ERROR(CALL("mina", "glance", "{\"user\":\"juno\"}"), "forbidden");
    assert_read("juno", 0, 2);
    assert_ok(CALL(NULL, "read", "{\"number\":1,\"user\":\"juno\"}"));
    assert_read("juno", 1, 2);
    room_assert_has(CALL(NULL, "glance", "{\"user\":\"juno\"}"), "\"read\":1,\"unread\":1}");
}

Test(room, a_marker_never_goes_back_nor_beyond_the_last_message) {
    create(ROOM_PUBLIC);
    post_many(3);
    assert_ok(CALL("juno", "read", "{\"number\":2}"));
    assert_ok(CALL("juno", "read", "{\"number\":1}"));
    assert_ok(CALL("juno", "read", "{\"number\":0}"));
    assert_read("juno", 2, 3);
    fixture_restart_as(&fixture, 3);
    assert_read("juno", 2, 3);
    assert_ok(CALL("juno", "read", "{\"number\":9223372036854775807}"));
    assert_read("juno", 3, 3);
    assert_ok(POST("mina", "later", "x"));
    assert_read("juno", 3, 4);
    assert_read("mina", 4, 4);
}

Test(room, a_marker_that_stays_costs_nothing) {
    create(ROOM_PUBLIC);
    post_many(2);
    assert_ok(CALL("juno", "read", "{\"number\":2}"));
    fixture_pass(&fixture, 5000);
    uint64_t records = fixture.records;
    assert_ok(CALL("juno", "read", "{\"number\":2}"));
    fixture_restart(&fixture);
    cr_assert_eq(fixture.records, records, "nothing was written");
}

Test(room, posting_moves_the_marker_of_the_author_only) {
    create(ROOM_PUBLIC);
    assert_ok(POST("juno", "c1", "x"));
    assert_ok(POST(NULL, "c2", "x"));
    assert_read("juno", 1, 2);
    assert_read("mina", 0, 2);
    assert_ok(POST("juno", "c1", "x"));
    assert_read("juno", 1, 2);
    assert_ok(CALL(NULL, "post", "{\"client_id\":\"c3\",\"text\":\"x\",\"author\":\"mina\"}"));
    assert_read("mina", 3, 3);
    assert_ok(CALL(NULL, "post", "{\"client_id\":\"c4\",\"text\":\"x\",\"author\":\"otto\"}"));
    fixture_restart(&fixture);
    assert_read("mina", 3, 4);
    ASSERT_ERROR(CALL("otto", "glance", NULL), "forbidden");
}

Test(room, what_was_said_before_one_came_is_not_unread) {
    create(ROOM_PUBLIC);
    post_many(3);
    assert_ok(CALL("otto", "join", NULL));
    assert_read("otto", 3, 3);
    assert_ok(POST("mina", "c", "x"));
    assert_ok(CALL("otto", "join", NULL));
    assert_read("otto", 3, 4);
    assert_ok(CALL("otto", "leave", NULL));
    assert_ok(CALL("otto", "join", NULL));
    assert_read("otto", 4, 4);
}

Test(room, reading_changes_neither_room_nor_log) {
    create(ROOM_PUBLIC);
    post_many(1);
    fixture_pass(&fixture, 1000);
    char before[512];
    snprintf(before, sizeof before, "%s", CALL(NULL, "get", NULL));
    room_forget_events(&fixture);
    cr_assert_str_eq(CALL("juno", "read", "{\"number\":1}"), "reply {}");
    cr_assert_str_eq(CALL(NULL, "get", NULL), before);
    cr_assert_str_eq(fixture.events, "");
}

Test(room, a_glance_shows_the_last_message_whatever_came_behind_it) {
    create(ROOM_PUBLIC);
    room_assert_has_not(CALL("mina", "glance", NULL), "\"last\"");
    assert_ok(POST("mina", "c1", "first"));
    assert_ok(POST("juno", "c2", "Tee?"));
    assert_ok(CALL("otto", "join", NULL));
    fixture_restart(&fixture);
    const char *text = CALL("mina", "glance", NULL);
    room_assert_has(text, "reply {\"room\":{\"id\":\"r1\",\"version\":3,");
    room_assert_has(text, "\"joined_at\":1767225600000,\"last\":{\"seq\":4,\"type\":\"message\",\"number\":2,");
    room_assert_has(text, "\"text\":\"Tee?\"");
    room_assert_has(text, "\"read\":1,\"unread\":1}");
}

Test(room, a_glance_shows_the_longest_message) {
    create(ROOM_PUBLIC);
    assert_ok(post_long("c", "🍵", ROOM_TEXT_CHARACTERS_MAX));
    room_assert_has(CALL("juno", "glance", NULL), "🍵\",\"created_at\"");
}

/* As it is stored: what this release writes, the next one must read. */
Test(room, the_golden_bytes_of_an_entry_and_its_name_are_written) {
    static uint8_t bytes[64];
    char text[512];
    store_key_t key;
    cell_t cell;
    uint64_t batch;
    create(ROOM_PUBLIC);
    assert_ok(POST("mina", "c1", "Tee?"));
    fixture_apply(&fixture);
    const char *const golden[][2] = {
        {"6c 0000000000000003",
         "87a373657103a474797065a76d657373616765a66e756d62657201a6617574686f72a46d696e61"
         "a9636c69656e745f6964a26331a474657874a45465653faa637265617465645f6174cf0000019b76daa800"},
        {"63 6d696e61 2f 6331", "0000000000000003"},
        {"6d 6d696e61", "84a4726f6c65a56f776e6572a96a6f696e65645f6174cf0000019b76daa800a373657101a47265616401"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(golden); i++) {
        span_t value, room = span_text("room"), id = span_text("r1");
        store_key_sub(&key, address_partition(room, id), room, id, hex_bytes(golden[i][0], bytes));
        FIXTURE_OK(store_reader_renew(fixture.work_reader, 0, &batch));
        FIXTURE_OK(store_get(fixture.work_reader, store_key_span(&key), &value));
        cr_assert_not_null(value.ptr, "%s", golden[i][0]);
        cr_assert(cell_open(&cell, store_key_span(&key), value));
        cr_assert_str_eq(hex_text(cell.body, text), golden[i][1]);
    }
    store_reader_release(fixture.work_reader);
}

/* Subscribing. */

/* The answer, whose flags say whether the broker then has events sent. */
static const char *subscribe(const char *user, const char *body, uint8_t flags) {
    uint64_t ticket = fixture_send(
        &fixture, &(call_t){.kind = "room", .key = "r1", .method = "subscribe", .body = body, .user = user});
    fixture_run(&fixture);
    const char *text = fixture_outcome(&fixture, ticket);
    cr_assert_eq(fixture.outcomes[ticket].flags, flags, "%s", text);
    return text;
}

Test(room, a_subscription_that_is_refused_brings_no_events) {
    create(ROOM_PRIVATE);
    ASSERT_ERROR(subscribe("otto", NULL, 0), "forbidden");
    ASSERT_ERROR(subscribe("otto", "{\"after\":{\"log_epoch\":7,\"seq\":0}}", 0), "forbidden");
}

Test(room, a_subscription_without_a_place_in_the_log_begins_anew) {
    static const char *const bodies[] = {
        "{}",
        "{\"after\":{\"log_epoch\":6,\"seq\":1}}",
        "{\"after\":{\"log_epoch\":8,\"seq\":1}}",
        "{\"after\":{\"log_epoch\":7,\"seq\":4}}",
        "{\"after\":{\"log_epoch\":7,\"seq\":9223372036854775807}}",
    };
    create(ROOM_PUBLIC);
    post_many(1);
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        const char *text = subscribe("otto", bodies[i], EFFECT_SUBSCRIBE);
        cr_assert(fixture_is(text,
                             "reply {\"log_epoch\":7,\"seq\":3,\"number\":1,\"result\":\"reset\",\"room\":{\"id\":"
                             "\"r1\",\"version\":2,"),
                  "%s", text);
        room_assert_has_not(text, "items");
    }
}

Test(room, what_was_missed_comes_with_the_subscription) {
    create(ROOM_PUBLIC);
    post_many(100);
    const char *text = subscribe("juno", "{\"after\":{\"log_epoch\":7,\"seq\":2}}", EFFECT_SUBSCRIBE);
    room_assert_has(text, "\"result\":\"recovered\"");
    assert_dense(text, 3, 102);
    text = subscribe("juno", "{\"after\":{\"log_epoch\":7,\"seq\":102}}", EFFECT_SUBSCRIBE);
    room_assert_has(text, "\"seq\":102,\"number\":100,\"result\":\"recovered\",\"items\":[],\"room\":{");
}

Test(room, what_is_too_much_comes_in_pages_before_the_subscription) {
    char body[96];
    uint64_t after = 0;
    create(ROOM_PUBLIC);
    post_many(230);
    for (int page = 0; page < 2; page++, after += 100) {
        snprintf(body, sizeof body, "{\"after\":{\"log_epoch\":7,\"seq\":%lu}}", (unsigned long)after);
        const char *text = subscribe("juno", body, 0);
        room_assert_has(text, "\"seq\":232,\"number\":230,\"result\":\"paged\"");
        assert_dense(strstr(text, "\"result\""), after + 1, after + 100);
        snprintf(body, sizeof body, "\"next\":{\"log_epoch\":7,\"seq\":%lu}", (unsigned long)after + 100);
        room_assert_has(text, body);
    }
    assert_dense(subscribe("juno", "{\"after\":{\"log_epoch\":7,\"seq\":200}}", EFFECT_SUBSCRIBE), 201, 232);
}

/* A step at a time over one buffer: state and events of a partition leave in one order. */
Test(room, the_event_behind_the_answer_is_the_next_one) {
    create(ROOM_PUBLIC);
    for (uint64_t seq = 2; seq < 50; seq++) {
        char client_id[32], expected[64];
        room_forget_events(&fixture);
        snprintf(client_id, sizeof client_id, "{\"client_id\":\"%lu\",\"text\":\"x\"}", (unsigned long)seq);
        call_t post = {.kind = "room", .key = "r1", .method = "post", .user = "mina", .body = client_id};
        call_t ask = {.kind = "room", .key = "r1", .method = "subscribe", .user = "juno"};
        uint64_t before = fixture_send(&fixture, &ask);
        fixture_send(&fixture, &post);
        uint64_t after = fixture_send(&fixture, &ask);
        fixture_run(&fixture);
        const char *text = fixture_outcome(&fixture, before), *events = fixture.events;
        cr_assert_eq(room_number(&text, "seq"), seq);
        cr_assert_eq(room_number(&events, "seq"), seq + 1);
        snprintf(expected, sizeof expected, "reply {\"log_epoch\":7,\"seq\":%lu,", (unsigned long)seq + 1);
        cr_assert(fixture_is(fixture_outcome(&fixture, after), expected));
    }
}

/* Golden: it never changes, whatever is stored. */
#define MESSAGE_ID "\"id\":\"019b76da-a800-8b41-a607-f0823bd52058\""

Test(room, an_entry_is_the_same_as_event_and_as_item) {
    create(ROOM_PUBLIC);
    room_forget_events(&fixture);
    assert_ok(POST("mina", "c1", "Tee?"));
    cr_assert_str_eq(fixture.events,
                     "room/r1 message {\"log_epoch\":7,\"seq\":3,\"number\":1,\"author\":\"mina\",\"client_id\":\"c1\","
                     "\"text\":\"Tee?\",\"created_at\":1767225600000," MESSAGE_ID "}\n");
    room_assert_has(subscribe("juno", "{\"after\":{\"log_epoch\":7,\"seq\":2}}", EFFECT_SUBSCRIBE),
                    "[{\"seq\":3,\"type\":\"message\",\"number\":1,\"author\":\"mina\",\"client_id\":\"c1\","
                    "\"text\":\"Tee?\",\"created_at\":1767225600000," MESSAGE_ID "}]");
    room_assert_has(POST("mina", "c1", "Tee?"), MESSAGE_ID);
}

Test(room, who_leaves_a_public_room_may_hear_on) {
    create(ROOM_PUBLIC);
    assert_ok(CALL("juno", "leave", NULL));
    room_assert_has_not(fixture.events, "mute");
}

Test(room, who_cannot_be_put_out_hears_on) {
    create(ROOM_PRIVATE);
    ASSERT_ERROR(CALL("mina", "leave", "{\"user\":\"juno\"}"), "forbidden");
    ASSERT_ERROR(CALL(NULL, "leave", "{\"user\":\"otto\"}"), "not_found");
    room_assert_has_not(fixture.events, "mute");
}

Test(room, who_leaves_a_private_room_or_is_put_out_hears_no_more_than_that) {
    create(ROOM_PRIVATE);
    assert_ok(CALL(NULL, "join", "{\"user\":\"otto\"}"));
    room_forget_events(&fixture);
    assert_ok(CALL("juno", "leave", NULL));
    assert_ok(CALL(NULL, "leave", "{\"user\":\"otto\"}"));
    assert_ok(POST("mina", "c1", "Alone"));
    const char *event = fixture.events;
    for (const char *const *line = (const char *const[]){"room/r1 left ", "mute room/r1 juno\n", "room/r1 left ",
                                                         "mute room/r1 otto\n", "room/r1 message ", NULL};
         *line != NULL; line++) {
        cr_assert(fixture_is(event, *line), "%s", event);
        event = strchr(event, '\n') + 1;
    }
}

Test(room, who_unsubscribes_hears_no_more) {
    create(ROOM_PRIVATE);
    uint64_t ticket =
        fixture_send(&fixture, &(call_t){.kind = "room", .key = "r1", .method = "unsubscribe", .user = "otto"});
    fixture_run(&fixture);
    cr_assert_eq(fixture.outcomes[ticket].flags, EFFECT_UNSUBSCRIBE);
    cr_assert_str_eq(fixture_outcome(&fixture, ticket), "reply {}");
}
