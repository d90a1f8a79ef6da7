/* SPDX-License-Identifier: MIT */
#include "broker/sessions.h"

#include "tests/broker/support.h"

#define NOW UINT64_C(1750000000000)
#define DAY UINT64_C(86400000)

static const uint8_t secret[FOLDER_SECRET_BYTES] = {1, 2, 3};

static sessions_t make(const uint8_t *from) {
    sessions_t sessions;
    sessions_init(&sessions, from, DAY);
    return sessions;
}

Test(sessions, another_principal_cannot_use_it) {
    uint8_t session[SESSION_BYTES];
    sessions_t sessions = make(secret);
    session_issue(&sessions, "alice", NOW, session);
    cr_assert_not(session_check(&sessions, "bob", session, NOW));
    cr_assert_not(session_check(&sessions, "alice2", session, NOW));
    cr_assert_not(session_check(&sessions, "", session, NOW));
    cr_assert(session_check(&sessions, "alice", session, NOW));
}

Test(sessions, every_changed_bit_is_found) {
    uint8_t session[SESSION_BYTES];
    sessions_t sessions = make(secret);
    session_issue(&sessions, "alice", NOW, session);
    for (int bit = 0; bit < 8 * SESSION_BYTES; bit++) {
        session[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_not(session_check(&sessions, "alice", session, NOW), "bit %d", bit);
        session[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(sessions, another_folder_cannot_make_one) {
    uint8_t session[SESSION_BYTES], other_secret[FOLDER_SECRET_BYTES] = {9};
    sessions_t sessions = make(secret), other = make(other_secret);
    session_issue(&other, "alice", NOW, session);
    cr_assert_not(session_check(&sessions, "alice", session, NOW));
}

Test(sessions, it_ends_with_its_time_and_does_not_begin_before) {
    uint8_t session[SESSION_BYTES];
    sessions_t sessions = make(secret);
    session_issue(&sessions, "alice", NOW, session);
    cr_assert(session_check(&sessions, "alice", session, NOW + DAY));
    cr_assert_not(session_check(&sessions, "alice", session, NOW + DAY + 1));
    cr_assert(session_check(&sessions, "alice", session, NOW - SESSION_SKEW_MS));
    cr_assert_not(session_check(&sessions, "alice", session, NOW - SESSION_SKEW_MS - 1));
    cr_assert_not(session_fresh(&sessions, session, NOW + DAY + 1));
}

static int compare(const void *a, const void *b) {
    return memcmp(a, b, SESSION_BYTES);
}

Test(sessions, no_two_are_equal_even_in_one_millisecond) {
    enum { COUNT = 200000 };
    static uint8_t all[COUNT][SESSION_BYTES];
    sessions_t sessions = make(secret);
    for (int i = 0; i < COUNT; i++) {
        session_issue(&sessions, "alice", NOW, all[i]);
        cr_assert(session_check(&sessions, "alice", all[i], NOW));
    }
    qsort(all, COUNT, SESSION_BYTES, compare);
    for (int i = 1; i < COUNT; i++) {
        cr_assert_neq(memcmp(all[i - 1], all[i], 8), 0, "%d", i);
    }
}

Test(sessions, a_clock_that_steps_back_still_gives_valid_ones) {
    uint8_t session[SESSION_BYTES];
    sessions_t sessions = make(secret);
    session_issue(&sessions, "alice", NOW, session);
    session_issue(&sessions, "alice", NOW - 3600000, session);
    cr_assert(session_check(&sessions, "alice", session, NOW - 3600000));
    session_issue(&sessions, "alice", NOW - 3600000 - 10, session);
    cr_assert(session_check(&sessions, "alice", session, NOW - 3600000 - 10));
}

Test(sessions, it_survives_a_restart) {
    uint8_t session[SESSION_BYTES];
    char first[UUID_TEXT_BYTES], second[UUID_TEXT_BYTES];
    sessions_t before = make(secret);
    session_issue(&before, "alice", NOW, session);
    session_actor_key(&before, session, 7, first);
    sessions_t after = make(secret);
    cr_assert(session_check(&after, "alice", session, NOW + 1000));
    session_actor_key(&after, session, 7, second);
    cr_assert_arr_eq(first, second, sizeof first);
}

static void assert_uuid(const char text[UUID_TEXT_BYTES], char version) {
    cr_assert_eq(text[14], version, "%.36s", text);
    cr_assert(strchr("89ab", text[19]) != NULL, "%.36s", text);
    cr_assert(address_key_valid(span_of(text, UUID_TEXT_BYTES)));
}

Test(sessions, keys_of_actors_differ_by_session_request_and_folder) {
    uint8_t session[SESSION_BYTES], other_session[SESSION_BYTES], other_secret[FOLDER_SECRET_BYTES] = {9};
    char keys[4][UUID_TEXT_BYTES];
    sessions_t sessions = make(secret), other = make(other_secret);
    session_issue(&sessions, "alice", NOW, session);
    session_issue(&sessions, "alice", NOW, other_session);
    session_actor_key(&sessions, session, 1, keys[0]);
    session_actor_key(&sessions, session, 2, keys[1]);
    session_actor_key(&sessions, other_session, 1, keys[2]);
    session_actor_key(&other, session, 1, keys[3]);
    for (int i = 0; i < 4; i++) {
        assert_uuid(keys[i], '7');
        for (int j = 0; j < i; j++) {
            cr_assert_neq(memcmp(keys[i], keys[j], UUID_TEXT_BYTES), 0, "%d %d", i, j);
        }
    }
    /* The time in front: 0x19773e1dc00 would sort before a later one. */
    uint8_t later[SESSION_BYTES];
    session_issue(&sessions, "alice", NOW + 5000, later);
    session_actor_key(&sessions, later, 1, keys[3]);
    cr_assert(memcmp(keys[0], keys[3], UUID_TEXT_BYTES) < 0);
}

static void name(const sessions_t *sessions, const char *caller, const char *kind, const char *key,
                 uint8_t hash[IDEMPOTENCY_BYTES]) {
    session_idempotency(sessions, span_text(caller), span_text(kind), span_text(key), hash);
}

Test(sessions, an_idempotency_key_names_one_thing_of_one_caller) {
    static const char *const others[][3] = {{"alice", "order", "2"},
                                            {"bob", "order", "1"},
                                            {"alice", "user", "1"},
                                            {"aliceo", "rder", "1"},
                                            {"alice", "order1", ""}}; /* borders count */
    uint8_t first[IDEMPOTENCY_BYTES], again[IDEMPOTENCY_BYTES], other_secret[FOLDER_SECRET_BYTES] = {9};
    sessions_t sessions = make(secret), restarted = make(secret), elsewhere = make(other_secret);
    name(&sessions, "alice", "order", "1", first);
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        name(&sessions, others[i][0], others[i][1], others[i][2], again);
        cr_assert_neq(memcmp(first, again, sizeof first), 0, "%zu", i);
    }
    name(&elsewhere, "alice", "order", "1", again);
    cr_assert_neq(memcmp(first, again, sizeof first), 0);
    name(&restarted, "alice", "order", "1", again);
    cr_assert_arr_eq(first, again, sizeof first);
}

Test(sessions, the_longest_caller_kind_and_idempotency_key_fit) {
    uint8_t bytes[255], hash[IDEMPOTENCY_BYTES];
    sessions_t sessions = make(secret);
    memset(bytes, 'x', sizeof bytes);
    session_idempotency(&sessions, span_of(bytes, 255), span_of(bytes, KIND_BYTES_MAX),
                        span_of(bytes, IDEMPOTENCY_KEY_BYTES_MAX), hash);
}

Test(sessions, random_keys_are_uuids_of_now) {
    char a[UUID_TEXT_BYTES], b[UUID_TEXT_BYTES];
    session_random_key(NOW, a);
    session_random_key(NOW, b);
    assert_uuid(a, '7');
    cr_assert_eq(memcmp(a, b, 13), 0);
    cr_assert_neq(memcmp(a, b, sizeof a), 0);
}
