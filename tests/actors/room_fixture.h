/* SPDX-License-Identifier: MIT */
/* room_fixture: what the tests of rooms and inboxes share: calls of users and of the system, and looking into answers.
 */
#ifndef DORAN_TESTS_ACTORS_ROOM_FIXTURE_H
#define DORAN_TESTS_ACTORS_ROOM_FIXTURE_H

#include <endian.h>
#include <sodium.h>

#include "schemas/address.h"
#include "tests/actors/shard_fixture.h"

#define ROOM_PUBLIC "{\"name\":\"Tea\",\"kind\":\"group\",\"visibility\":\"public\"}"
#define ROOM_PRIVATE "{\"name\":\"Tea\",\"kind\":\"group\",\"visibility\":\"private\"}"

/* user NULL: the system. */
static inline const char *room_call(fixture_t *fixture, const char *user, const char *method, const char *body) {
    return fixture_call(fixture, &(call_t){.kind = "room", .key = "r1", .method = method, .body = body, .user = user});
}

static inline const char *room_posted(fixture_t *fixture, const char *user, const char *client_id, const char *text) {
    char body[512];
    snprintf(body, sizeof body, "{\"client_id\":\"%s\",\"text\":\"%s\"}", client_id, text);
    return room_call(fixture, user, "post", body);
}

static inline void room_assert_has(const char *text, const char *part) {
    cr_assert_not_null(strstr(text, part), "%s is not in %s", part, text);
}

static inline void room_assert_has_not(const char *text, const char *part) {
    cr_assert_null(strstr(text, part), "%s is in %s", part, text);
}

static inline size_t room_count(const char *text, const char *part) {
    size_t found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

/* The number behind the next `"name":` in the text, which moves on behind it; 0: there is none. */
static inline uint64_t room_number(const char **text, const char *name) {
    char part[64];
    snprintf(part, sizeof part, "\"%s\":", name);
    const char *at = strstr(*text, part);
    if (at == NULL) {
        return 0;
    }
    *text = at + strlen(part);
    return strtoull(*text, NULL, 10);
}

/* The id of a message, where the folder's secret is zeros: a UUIDv8 of the time, and of a keyed hash of seq and room.
 */
static inline void room_message_id(const char *room, uint64_t seq, uint64_t created_at, char id[UUID_TEXT_BYTES + 1]) {
    static const uint8_t secret[KEYED_HASH_BYTES];
    uint8_t bytes[256], hash[KEYED_HASH_BYTES];
    size_t len = strlen("message") + 1;
    memcpy(bytes, "message", len);
    seq = htobe64(seq);
    memcpy(bytes + len, &seq, sizeof seq);
    memcpy(bytes + len + sizeof seq, room, strlen(room));
    crypto_generichash(hash, sizeof hash, bytes, len + sizeof seq + strlen(room), secret, sizeof secret);
    created_at = htobe64(created_at << 16);
    memcpy(hash, &created_at, 6);
    uuid_v8(hash, id);
    id[UUID_TEXT_BYTES] = 0;
}

static inline void room_forget_events(fixture_t *fixture) {
    fixture->events_bytes = 0;
    fixture->events[0] = 0;
}

#endif
