/* SPDX-License-Identifier: MIT */
#include "broker/handles.h"

#include "schemas/schema.h"
#include "tests/broker/support.h"
#include "tests/storage/random.h"

enum { NOW_MS = 1000, LATER_MS = 5000 };

static handles_t *handles;

/* Those that ended, in order. */
static struct {
    peer_id_t peer;
    uint8_t handle;
} ended[64];
static size_t ended_count;

static void note_ended(void *context, peer_id_t peer, const uint8_t handle[HANDLE_BYTES]) {
    (void)context;
    ended[ended_count % ARRAY_LENGTH(ended)].peer = peer;
    ended[ended_count++ % ARRAY_LENGTH(ended)].handle = handle[0];
}

static void start_with(uint32_t handles_max, uint32_t peer_handles_max) {
    handles_destroy(&handles);
    handles = handles_new(
        &(handles_options_t){.handles_max = handles_max, .peer_handles_max = peer_handles_max, .ended = note_ended});
}
static void start(void) {
    start_with(6, 4);
}
static void stop(void) {
    handles_check(handles);
    handles_destroy(&handles);
    cr_assert_null(handles);
}

TestSuite(handles, .init = start, .fini = stop);

static status_t open_until(uint32_t peer, uint8_t handle, const char *user, uint64_t expires_ms) {
    char session[16];
    snprintf(session, sizeof session, "s%u", (unsigned)handle);
    grant_t grant = {.user = span_text(user),
                     .session = span_text(session),
                     .roles = ROLE_USER | (user[0] == 'r' ? ROLE_ADMIN : 0), /* root */
                     .expires_ms = expires_ms};
    status_t status = handles_add(handles, peer_of(peer), handle_of(handle), &grant);
    handles_check(handles);
    return status;
}

static status_t open_handle(uint32_t peer, uint8_t handle, const char *user) {
    return open_until(peer, handle, user, LATER_MS);
}

static bool good(uint32_t peer, uint8_t handle) {
    grant_t grant;
    return handles_find(handles, peer_of(peer), handle_of(handle), NOW_MS, &grant);
}

static void assert_ended(size_t at, uint32_t peer, uint8_t handle) {
    cr_assert_lt(at, ended_count);
    cr_assert_eq(ended[at].peer.index, peer);
    cr_assert_eq(ended[at].peer.number, 1000 + peer);
    cr_assert_eq(ended[at].handle, handle);
}

/* What must not happen. */

Test(handles, a_handle_is_good_from_no_other_peer) {
    grant_t grant;
    open_handle(1, 1, "ada");
    cr_assert_not(good(2, 1));
    cr_assert_not(handles_find(handles, (peer_id_t){.index = 1, .number = 7}, handle_of(1), NOW_MS, &grant),
                  "nor from one in the same place");
    cr_assert_not(good(1, 2));
    cr_assert_not(good(1, 0));
    cr_assert(good(1, 1));
}

Test(handles, a_handle_is_not_good_from_its_last_millisecond_on) {
    grant_t grant;
    open_handle(1, 1, "ada");
    cr_assert(handles_find(handles, peer_of(1), handle_of(1), LATER_MS - 1, &grant));
    cr_assert_not(handles_find(handles, peer_of(1), handle_of(1), LATER_MS, &grant));
    cr_assert_eq(ended_count, 0);
    handles_expire(handles, LATER_MS - 1);
    cr_assert_eq(ended_count, 0);
    handles_expire(handles, LATER_MS);
    assert_ended(0, 1, 1);
    cr_assert_eq(handles_count(handles), 0);
}

Test(handles, nothing_is_good_after_its_peer_is_gone) {
    open_handle(1, 1, "ada");
    open_handle(1, 2, "bob");
    open_handle(2, 3, "ada");
    handles_end_of_peer(handles, peer_of(1));
    handles_check(handles);
    cr_assert_eq(ended_count, 2);
    assert_ended(0, 1, 1);
    assert_ended(1, 1, 2);
    cr_assert_not(good(1, 1));
    cr_assert_not(good(1, 2));
    cr_assert(good(2, 3));
    handles_end_of_peer(handles, peer_of(1));
    cr_assert_eq(ended_count, 2);
}

Test(handles, only_its_peer_closes_a_handle_and_is_not_told) {
    open_handle(1, 1, "ada");
    open_handle(1, 2, "ada");
    cr_assert_not(handles_close(handles, peer_of(2), handle_of(1)));
    cr_assert_not(handles_close(handles, peer_of(1), handle_of(3)));
    cr_assert(good(1, 1));
    cr_assert(handles_close(handles, peer_of(1), handle_of(1)));
    handles_check(handles);
    cr_assert_not(good(1, 1));
    cr_assert(good(1, 2));
    cr_assert_not(handles_close(handles, peer_of(1), handle_of(1)));
    cr_assert_eq(ended_count, 0);
}

Test(handles, a_handle_that_another_peer_was_given_is_good_no_more_where_it_was) {
    open_handle(1, 1, "ada");
    cr_assert_eq(open_handle(2, 1, "ada"), STATUS_OK);
    cr_assert_eq(ended_count, 1);
    assert_ended(0, 1, 1);
    cr_assert_not(good(1, 1));
    cr_assert(good(2, 1));
    cr_assert_eq(handles_count(handles), 1);
}

Test(handles, more_than_a_peer_may_have_ends_its_oldest_and_nobody_elses) {
    open_handle(2, 9, "zoe");
    for (uint8_t handle = 1; handle <= 4; handle++) {
        cr_assert_eq(open_handle(1, handle, "ada"), STATUS_OK);
    }
    open_handle(1, 1, "ada"); /* is the newest again */
    cr_assert_eq(ended_count, 0);
    cr_assert_eq(open_handle(1, 5, "ada"), STATUS_OK);
    cr_assert_eq(ended_count, 1);
    assert_ended(0, 1, 2);
    open_handle(1, 9, "ada"); /* from the other peer, and one too many here */
    assert_ended(1, 2, 9);
    assert_ended(2, 1, 3);
    cr_assert_eq(handles_count(handles), 4);
}

Test(handles, past_the_bound_of_all_it_is_busy_and_nothing_ends) {
    for (uint8_t handle = 1; handle <= 6; handle++) {
        cr_assert_eq(open_handle(handle % 3, handle, "ada"), STATUS_OK);
    }
    cr_assert_eq(open_handle(4, 7, "bob"), STATUS_BUSY);
    cr_assert_eq(ended_count, 0);
    cr_assert_eq(open_handle(4, 6, "bob"), STATUS_OK, "one that is there may move");
    cr_assert_eq(ended_count, 1);
    cr_assert_eq(open_handle(4, 6, "ada"), STATUS_OK, "or say something else");
    cr_assert_eq(ended_count, 1);
}

Test(handles, only_those_of_the_named_session_or_user_end) {
    open_handle(1, 1, "ada");
    open_handle(2, 2, "ada");
    open_handle(1, 3, "adam");
    open_handle(1, 4, "s1"); /* a user of the name of a session */
    handles_end_of(handles, span_text("user/ad"));
    handles_end_of(handles, span_text("user/"));
    handles_end_of(handles, span_text("room/ada"));
    handles_end_of(handles, span_text("userada"));
    handles_end_of(handles, span_text(""));
    cr_assert_eq(ended_count, 0);
    handles_end_of(handles, span_text("session/s1"));
    cr_assert_eq(ended_count, 1);
    assert_ended(0, 1, 1);
    handles_end_of(handles, span_text("user/ada"));
    cr_assert_eq(ended_count, 2);
    assert_ended(1, 2, 2);
    cr_assert(good(1, 3));
    cr_assert(good(1, 4));
}

static void note_walked(void *context, peer_id_t peer, const uint8_t handle[HANDLE_BYTES]) {
    uint32_t *walked = context; /* peer and handle, each a digit */
    *walked = *walked * 100 + peer.index * 10 + handle[0];
}

static uint32_t walked_for(const char *user) {
    uint32_t walked = 0;
    handles_walk(handles, span_text(user), note_walked, &walked);
    return walked;
}

Test(handles, only_those_of_the_user_are_walked) {
    open_handle(1, 1, "ada");
    open_handle(2, 2, "ada");
    open_handle(1, 3, "adam");
    cr_assert_eq(walked_for("ad"), 0);
    cr_assert_eq(walked_for("s1"), 0, "the name of a session");
    cr_assert_eq(walked_for("ada"), 1122);
}

/* What must happen. */

Test(handles, a_handle_says_whose_it_is) {
    grant_t grant;
    open_handle(1, 1, "ada");
    open_until(1, 2, "root", 1234);
    cr_assert(handles_find(handles, peer_of(1), handle_of(1), NOW_MS, &grant));
    assert_text(grant.user, "ada");
    assert_text(grant.session, "s1");
    cr_assert_eq(grant.roles, ROLE_USER);
    cr_assert_eq(grant.expires_ms, LATER_MS);
    cr_assert(handles_find(handles, peer_of(1), handle_of(2), NOW_MS, &grant));
    assert_text(grant.user, "root");
    cr_assert_eq(grant.roles, ROLE_USER | ROLE_ADMIN);
    open_until(1, 2, "ada", 999999); /* again, with less rights */
    cr_assert(handles_find(handles, peer_of(1), handle_of(2), NOW_MS, &grant));
    cr_assert_eq(grant.roles, ROLE_USER);
    cr_assert_eq(grant.expires_ms, 999999);
    handles_end_of(handles, span_text("user/root"));
    cr_assert_eq(ended_count, 0, "it is not root's any more");
}

Test(handles, they_end_in_the_order_of_their_times) {
    start_with(60, 60);
    for (uint8_t i = 1; i <= 50; i++) {
        open_until(1, i, "ada", 100 + i * 37u % 51);
    }
    for (uint64_t now = 100; now <= 151; now++) {
        handles_expire(handles, now);
        handles_check(handles);
        cr_assert_eq(ended_count, now - 100 < 50 ? now - 100 : 50, "at %d", (int)now);
    }
}

/* Against arrays. */

enum { PEERS = 5, HANDLES = 30, STEPS = 60000, ALL_MAX = 16, PEER_MAX = 6 };

static const char *const users[] = {"ada", "bob", "root"};
static struct {
    bool open;
    size_t peer, user;
    uint64_t expires_ms, opened; /* opened: order */
} model[HANDLES];
static size_t expected_ended;

static void model_end(size_t handle) {
    expected_ended += model[handle].open;
    model[handle].open = false;
}

static size_t model_count(size_t peer, size_t *oldest) {
    size_t count = 0;
    for (size_t i = 1; i < HANDLES; i++) {
        if (model[i].open && (peer == PEERS || model[i].peer == peer)) {
            *oldest = count == 0 || model[i].opened < model[*oldest].opened ? i : *oldest;
            count++;
        }
    }
    return count;
}

static void random_open(random_state_t *state, uint64_t step) {
    size_t handle = 1 + random_below(state, HANDLES - 1), peer = random_below(state, PEERS);
    size_t user = random_below(state, ARRAY_LENGTH(users)), oldest = 0, any = 0;
    uint64_t expires_ms = step + random_below(state, 300);
    bool known = model[handle].open, same = known && model[handle].peer == peer;
    bool full = model_count(peer, &oldest) == PEER_MAX;
    bool busy = !known && !full && model_count(PEERS, &any) == ALL_MAX;
    cr_assert_eq(open_until((uint32_t)peer, (uint8_t)handle, users[user], expires_ms), busy ? STATUS_BUSY : STATUS_OK);
    if (busy) {
        return;
    }
    if (!same) {
        model_end(handle);
        if (full) {
            model_end(oldest);
        }
    }
    model[handle].open = true;
    model[handle].peer = peer;
    model[handle].user = user;
    model[handle].expires_ms = expires_ms;
    model[handle].opened = step;
}

static void random_close(random_state_t *state) {
    size_t handle = 1 + random_below(state, HANDLES - 1), peer = random_below(state, PEERS);
    bool own = model[handle].open && model[handle].peer == peer;
    cr_assert_eq(handles_close(handles, peer_of((uint32_t)peer), handle_of((uint8_t)handle)), own);
    model[handle].open &= !own;
}

static void random_end(random_state_t *state, uint64_t step) {
    size_t what = random_below(state, 4), user = random_below(state, ARRAY_LENGTH(users));
    size_t peer = random_below(state, PEERS), session = 1 + random_below(state, HANDLES - 1);
    char address[32];
    for (size_t i = 1; i < HANDLES; i++) {
        bool ends = what == 0   ? model[i].user == user
                    : what == 1 ? i == session
                    : what == 2 ? model[i].peer == peer
                                : model[i].expires_ms <= step;
        if (ends) {
            model_end(i);
        }
    }
    if (what == 0) {
        snprintf(address, sizeof address, "user/%s", users[user]);
        handles_end_of(handles, span_text(address));
    } else if (what == 1) {
        snprintf(address, sizeof address, "session/s%zu", session);
        handles_end_of(handles, span_text(address));
    } else if (what == 2) {
        handles_end_of_peer(handles, peer_of((uint32_t)peer));
    } else {
        handles_expire(handles, step);
    }
}

Test(handles, a_long_random_history_is_as_in_the_model) {
    random_state_t state = random_start("handles");
    start_with(ALL_MAX, PEER_MAX);
    for (uint64_t step = 1; step <= STEPS; step++) {
        size_t what = random_below(&state, 10);
        if (what < 8) {
            random_open(&state, step);
        } else if (what < 9) {
            random_close(&state);
        } else {
            random_end(&state, step);
        }
        cr_assert_eq(ended_count, expected_ended);
        if (step % 16 != 0) {
            continue;
        }
        handles_check(handles);
        for (size_t i = 0; i < PEERS * HANDLES; i++) {
            size_t peer = i / HANDLES, handle = i % HANDLES;
            grant_t grant;
            bool expected = model[handle].open && model[handle].peer == peer && model[handle].expires_ms > step;
            cr_assert_eq(handles_find(handles, peer_of((uint32_t)peer), handle_of((uint8_t)handle), step, &grant),
                         expected);
            if (expected) {
                assert_text(grant.user, users[model[handle].user]);
            }
        }
    }
}
