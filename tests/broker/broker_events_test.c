/* SPDX-License-Identifier: MIT */
/* Handles, subscriptions and events through the core. Each peer is a letter: p, q, r, ... */
#include "tests/broker/talk_fixture.h"

TestSuite(broker_events, .init = start_talk, .fini = stop);

/* Events that must not arrive. */

Test(broker_events, an_event_goes_once_to_a_peer_with_two_handles) {
    open_handle("p", 1);
    open_handle("p", 2);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 2);
    subscribe("p", 3, "a", 0);
    add_event("a", 5);
    forward();
    assert_read("p", "reply 1001, reply 1002, reply 1, reply 2, reply 3, a said 5");
}

Test(broker_events, nobody_gets_what_was_said_before_or_elsewhere) {
    asked_t asked = ask("p", 1, "a");
    add_event("a", 4);
    add_reply(&asked, EFFECT_SUBSCRIBE);
    add_event("b", 1);
    add_event("a", 5);
    forward();
    assert_read("p", "reply 1, a said 5");
    assert_read("q", "");
}

Test(broker_events, after_a_handle_ended_nothing_comes_for_it) {
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    read_away();
    add_event("a", 5);
    add_end("session/s1");
    add_event("a", 6);
    forward();
    assert_read("p", "a said 5, self handle_ended 1");
    ask("p", 2, "b");
    envelope_t request = toy_request(3, "a", "read");
    request.handle = span_of(handle_of(1), HANDLE_BYTES);
    admit("p", OPERATOR, &request);
    assert_read("p", "error 3 unauthenticated");
}

Test(broker_events, the_end_of_one_handle_leaves_the_events_of_another) {
    open_handle("p", 1);
    open_handle_for("p", 2, "bob", person_role_USER);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 2);
    read_away();
    add_end("user/ada");
    add_event("a", 5);
    add_end("user/bob");
    add_event("a", 6);
    forward();
    assert_read("p", "self handle_ended 1, a said 5, self handle_ended 2");
}

Test(broker_events, a_handle_that_ended_before_the_reply_does_not_subscribe) {
    open_handle("p", 1);
    read_away();
    asked_t asked = ask_on_behalf("p", 1, "a", 1);
    add_end("session/s1");
    add_reply(&asked, EFFECT_SUBSCRIBE);
    add_event("a", 5);
    forward();
    assert_read("p", "self handle_ended 1, error 1 unauthenticated");
}

Test(broker_events, a_handle_whose_time_ended_before_the_reply_does_not_subscribe) {
    open_handle("p", 1);
    read_away();
    asked_t asked = ask_on_behalf("p", 1, "a", 1);
    add_reply(&asked, EFFECT_SUBSCRIBE);
    broker_forward(broker, batch, NOW_US, UNIX_MS + 1000);
    batch_reset(batch);
    add_event("a", 5);
    forward();
    assert_read("p", "error 1 unauthenticated");
}

static void close_handle(const char *routing_id, uint64_t id, uint8_t handle, envelope_type_t type) {
    envelope_t request = toy_request(id, "self", "close_handle");
    request.kind = span_text("broker");
    request.type = (uint8_t)type;
    request.handle = handle != 0 ? span_of(handle_of(handle), HANDLE_BYTES) : (span_t){0};
    admit(routing_id, OPERATOR, &request);
    broker_check(broker);
}

Test(broker_events, a_handle_that_was_closed_hears_nothing_and_is_good_no_more) {
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    read_away();
    add_event("a", 5);
    forward();
    close_handle("p", 2, 1, ENVELOPE_REQUEST);
    add_event("a", 6);
    forward();
    close_handle("p", 3, 1, ENVELOPE_REQUEST);
    envelope_t request = toy_request(4, "a", "read");
    request.handle = span_of(handle_of(1), HANDLE_BYTES);
    admit("p", OPERATOR, &request);
    assert_read("p", "a said 5, reply 2, error 3 unauthenticated, error 4 unauthenticated");
}

Test(broker_events, nobody_closes_the_handle_of_another_peer) {
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    read_away();
    close_handle("q", 1, 1, ENVELOPE_REQUEST);
    close_handle("q", 2, 0, ENVELOPE_REQUEST);
    add_event("a", 5);
    forward();
    assert_read("q", "error 1 unauthenticated, error 2 invalid");
    assert_read("p", "a said 5");
}

Test(broker_events, closing_one_handle_leaves_the_events_of_another) {
    open_handle("p", 1);
    open_handle("p", 2);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 2);
    subscribe("p", 3, "b", 1);
    read_away();
    close_handle("p", 4, 1, ENVELOPE_REQUEST);
    add_event("a", 5);
    add_event("b", 5);
    forward();
    assert_read("p", "reply 4, a said 5");
}

Test(broker_events, a_handle_that_was_closed_before_the_reply_does_not_subscribe) {
    open_handle("p", 1);
    read_away();
    asked_t asked = ask_on_behalf("p", 1, "a", 1);
    close_handle("p", 2, 1, ENVELOPE_REQUEST);
    add_reply(&asked, EFFECT_SUBSCRIBE);
    add_event("a", 5);
    forward();
    assert_read("p", "reply 2, error 1 unauthenticated");
}

Test(broker_events, who_tells_that_a_handle_is_closed_hears_of_failure_only) {
    open_handle("p", 1);
    read_away();
    close_handle("p", 1, 1, ENVELOPE_TELL);
    close_handle("p", 2, 1, ENVELOPE_TELL);
    assert_read("p", "error 2 unauthenticated");
}

Test(broker_events, subscriptions_and_handles_do_not_survive_a_forgotten_peer) {
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 0);
    read_away();
    broker_tick(broker, NOW_US + 60000001, UNIX_MS);
    broker_check(broker);
    add_event("a", 5);
    forward();
    admit("p", OPERATOR, &(envelope_t){.type = ENVELOPE_PING, .id = 7});
    add_event("a", 6);
    forward();
    assert_read("p", "pong 7");
    envelope_t request = toy_request(3, "a", "read");
    request.handle = span_of(handle_of(1), HANDLE_BYTES);
    admit("p", OPERATOR, &request);
    assert_read("p", "error 3 unauthenticated");
}

Test(broker_events, nor_another_user_under_the_same_routing_id) {
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 0);
    admit("p", "ipc:gateway", &(envelope_t){.type = ENVELOPE_PING, .id = 7});
    add_event("a", 5);
    forward();
    envelope_t request = toy_request(3, "a", "read");
    request.handle = span_of(handle_of(1), HANDLE_BYTES);
    admit("p", "ipc:gateway", &request);
    assert_read("p", "pong 7, error 3 unauthenticated");
}

Test(broker_events, nor_a_peer_that_cannot_be_reached) {
    subscribe("p", 1, "a", 0);
    send_answer = SEND_UNREACHABLE;
    flush();
    send_answer = SEND_DONE;
    broker_check(broker);
    add_event("a", 5);
    forward();
    assert_read("p", "");
}

Test(broker_events, a_peer_that_went_while_its_reply_was_under_way_is_not_subscribed) {
    asked_t asked = ask("p", 1, "a"), other = ask("q", 2, "login");
    admit("p", "ipc:gateway", &(envelope_t){.type = ENVELOPE_PING, .id = 7});
    admit("q", "ipc:gateway", &(envelope_t){.type = ENVELOPE_PING, .id = 8});
    add_reply(&asked, EFFECT_SUBSCRIBE);
    add_grant_until(&other, 1, "ada", person_role_USER, UNIX_MS + 1000);
    add_event("a", 5);
    forward();
    assert_read("p", "pong 7");
    assert_read("q", "pong 8");
    envelope_t request = toy_request(3, "a", "read");
    request.handle = span_of(handle_of(1), HANDLE_BYTES);
    admit("q", "ipc:gateway", &request);
    assert_read("q", "error 3 unauthenticated");
}

/* An allow-list in which nobody is: over ipc all keep their roles, so these come with keys of files. */
static const char *const revoked = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

static keys_t *keys_with(bool allowed) {
    char error[256], path[256], text[128];
    keys_t *keys;
    folder_make();
    mkdir(folder_path(path, "keys"), 0700);
    mkdir(folder_path(path, "keys/allowed"), 0700);
    if (allowed) {
        snprintf(text, sizeof text, "public = %s\nroles = gateway\n", revoked);
        file_put("keys/allowed/x.key", 0600, text);
    }
    cr_assert_eq(keys_load(folder, &keys, error, sizeof error), STATUS_OK, "%s", error);
    folder_remove();
    return keys;
}

static asked_t ask_with_key(uint64_t id, const char *key) {
    envelope_t request = toy_request(id, key, "read");
    admit("p", revoked, &request);
    return take_only();
}

Test(broker_events, a_revoked_key_ends_subscriptions_and_handles_at_once_and_its_replies_bring_none) {
    broker_set_keys(broker, keys_with(true));
    asked_t login = ask_with_key(1, "login"), hear = ask_with_key(2, "a");
    asked_t late_login = ask_with_key(3, "login"), late_hear = ask_with_key(4, "a");
    add_grant_until(&login, 1, "ada", person_role_USER, UNIX_MS + 1000);
    add_reply(&hear, EFFECT_SUBSCRIBE);
    forward();
    subscribe("q", 9, "a", 0);
    broker_set_keys(broker, keys_with(false));
    broker_check(broker);
    add_event("a", 5);
    add_grant_until(&late_login, 2, "ada", person_role_USER, UNIX_MS + 1000);
    add_reply(&late_hear, EFFECT_SUBSCRIBE);
    add_event("a", 6);
    forward();
    assert_read("p", "reply 1, reply 2, self handle_ended 1, error 3 forbidden, error 4 forbidden");
    assert_read("q", "reply 9, a said 5, a said 6");
}

Test(broker_events, an_unsubscribed_peer_gets_no_more_but_for_its_other_handles) {
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 0);
    read_away();
    asked_t asked = ask_on_behalf("p", 3, "a", 1);
    add_reply(&asked, EFFECT_UNSUBSCRIBE);
    add_event("a", 5);
    forward();
    assert_read("p", "reply 3, a said 5");
    asked = ask("p", 4, "a");
    add_event("a", 6);
    add_reply(&asked, EFFECT_UNSUBSCRIBE);
    add_event("a", 7);
    forward();
    assert_read("p", "a said 6, reply 4");
}

Test(broker_events, a_muted_user_hears_no_more_on_any_peer_and_each_is_told_once) {
    open_handle("p", 1);
    open_handle("p", 2);
    open_handle("q", 3);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 2);
    subscribe("p", 3, "b", 1);
    subscribe("q", 4, "a", 3);
    read_away();
    add_event("a", 5);
    add_mute("a", "ada", 5);
    add_event("a", 6);
    add_event("b", 1);
    forward();
    assert_read("p", "a said 5, a lagged 5, b said 1");
    assert_read("q", "a said 5, a lagged 5");
    add_mute("a", "ada", 6); /* who hears nothing is told nothing */
    add_mute("a", "nobody", 6);
    forward();
    assert_read("p", "");
}

Test(broker_events, a_mute_leaves_peers_that_hear_for_others_or_on_their_own) {
    open_handle("p", 1);
    open_handle_for("q", 2, "bob", person_role_USER);
    open_handle("r", 3);
    subscribe("p", 1, "b", 1);
    subscribe("q", 2, "a", 2);
    subscribe("r", 3, "a", 0); /* not for ada, whose handle it has, too */
    read_away();
    add_mute("a", "ada", 4);
    add_event("a", 5);
    add_event("b", 6);
    forward();
    assert_read("p", "b said 6");
    assert_read("q", "a said 5");
    assert_read("r", "a said 5");
}

Test(broker_events, who_hears_over_the_same_peer_as_a_muted_user_subscribes_again_and_misses_nothing) {
    open_handle("p", 1);
    open_handle_for("p", 2, "bob", person_role_USER);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "a", 2);
    read_away();
    add_mute("a", "ada", 4);
    add_event("a", 5);
    forward();
    subscribe("p", 3, "a", 2); /* the reply brings 5 */
    add_event("a", 6);
    forward();
    assert_read("p", "a lagged 4, reply 3, a said 6");
}

Test(broker_events, an_error_with_flags_subscribes_nobody) {
    asked_t asked = ask("p", 1, "a");
    effect_t effect = effect_answer(asked.request.peer, asked.request.peer_number);
    effect.flags = EFFECT_SUBSCRIBE;
    uint8_t bytes[256];
    pack_t body = pack_into(bytes, sizeof bytes);
    envelope_pack_error(&body, STATUS_CONFLICT, NULL, 0);
    effect_add(batch, effect,
               &(envelope_t){.type = ENVELOPE_ERROR,
                             .id = 1,
                             .kind = span_text("toy"),
                             .key = span_text("a"),
                             .body = pack_bytes(&body)});
    batch->finished[batch->finished_count++] = asked.buffer;
    add_event("a", 5);
    forward();
    assert_read("p", "error 1 conflict");
}

/* Bounds. */

static broker_options_t narrow(void) {
    broker_options_t options = defaults;
    options.peer_queue_bytes_max = 4096;
    return options;
}

Test(broker_events, there_is_no_gap_without_a_word) {
    stop();
    start_talk_with(narrow());
    subscribe("p", 1, "a", 0);
    subscribe("q", 2, "a", 0);
    for (uint64_t seq = 1; seq <= 6; seq++) {
        add_event_of("a", seq, 1000);
        forward();
        read_all_but("p"); /* q reads all */
    }
    assert_read("q", "reply 2, a said 1, a said 2, a said 3, a said 4, a said 5, a said 6");
    assert_read("p", "reply 1, a said 1, a said 2, a lagged 2");
    add_event("a", 7);
    forward();
    assert_read("p", "");
    subscribe("p", 3, "a", 0);
    add_event("a", 8);
    forward();
    assert_read("p", "reply 3, a said 8");
}

/* Fills the queue of p up to its last byte or nearly so: refusals may use all of it. */
static void fill_queue(void) {
    envelope_t request = toy_request(999, "a", "nothing");
    for (int i = 0; i < 200; i++) {
        admit("p", OPERATOR, &request);
    }
}

static void assert_read_ends_with(const char *expected) {
    read_all_but("");
    size_t len = strlen(unread[0]), expected_len = strlen(expected);
    cr_assert(len >= expected_len);
    cr_assert_str_eq(unread[0] + len - expected_len, expected);
    unread[0][0] = 0;
}

Test(broker_events, without_any_room_a_peer_is_told_of_its_lag_as_soon_as_there_is_some) {
    stop();
    start_talk_with(narrow());
    subscribe("p", 1, "a", 0);
    subscribe("p", 2, "b", 0);
    fill_queue();
    add_event("b", 1);
    add_event("a", 1);
    forward();
    add_event("a", 2);
    forward();
    assert_read_ends_with("error 999 unknown_method, b lagged 0, a lagged 0");
}

Test(broker_events, without_any_room_a_muted_user_hears_no_more_and_is_told_as_soon_as_there_is_some) {
    stop();
    start_talk_with(narrow());
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    fill_queue();
    add_mute("a", "ada", 4);
    add_mute("a", "ada", 5); /* was not told yet: once is enough */
    add_event("a", 6);
    forward();
    assert_read_ends_with("error 999 unknown_method, a lagged 4");
    add_event("a", 7);
    forward();
    assert_read("p", "");
}

Test(broker_events, a_new_subscription_stands_behind_the_lag_of_the_old_one) {
    stop();
    start_talk_with(narrow());
    subscribe("p", 1, "a", 0);
    asked_t asked = ask("p", 2, "a"), other = ask("p", 3, "a");
    fill_queue();
    add_event("a", 4);
    add_reply(&asked, EFFECT_SUBSCRIBE); /* no room for it either: p is not subscribed */
    add_event("a", 5);
    forward();
    read_all_but("");
    add_event("a", 6);
    add_reply(&other, EFFECT_SUBSCRIBE);
    add_event("a", 7);
    forward();
    assert_read_ends_with("a lagged 3, reply 3, a said 7");
}

Test(broker_events, a_reply_without_room_changes_no_subscription) {
    stop();
    start_talk_with(narrow());
    subscribe("p", 1, "a", 0);
    asked_t leave = ask("p", 2, "a"), enter = ask("p", 3, "b"), login = ask("p", 4, "login");
    add_event_of("a", 1, 1000);
    add_event_of("a", 2, 1000);
    forward();
    uint8_t large[1000] = {0x81, 0xa1, 'x', 0xc5, (1000 - 6) >> 8, (1000 - 6) & 0xff};
    add_reply_with(&leave, EFFECT_UNSUBSCRIBE, span_of(large, sizeof large));
    add_reply_with(&enter, EFFECT_SUBSCRIBE, span_of(large, sizeof large));
    add_reply_with(&login, EFFECT_GRANT, span_of(large, sizeof large));
    add_event("a", 3);
    add_event("b", 1);
    forward();
    assert_read("p", "reply 1, a said 1, a said 2, error 2 deadline_exceeded, error 3 deadline_exceeded, "
                     "error 4 deadline_exceeded, a said 3");
}

Test(broker_events, past_the_bound_of_subscriptions_the_reply_becomes_busy) {
    char key[8];
    for (uint64_t id = 1; id <= defaults.peer_subscriptions_max; id++) {
        snprintf(key, sizeof key, "k%d", (int)id);
        subscribe("p", id, key, 0);
    }
    read_away();
    subscribe("p", 100, "late", 0);
    add_event("late", 1);
    forward();
    assert_read("p", "error 100 busy");
}

Test(broker_events, past_the_bound_of_handles_the_reply_becomes_busy_and_past_that_of_a_peer_its_oldest_ends) {
    for (uint8_t handle = 1; handle <= 9; handle++) {
        open_handle("p", handle);
    }
    subscribe("p", 1, "a", 2);
    assert_read("p", "reply 1001, reply 1002, reply 1003, reply 1004, reply 1005, reply 1006, reply 1007, reply 1008, "
                     "self handle_ended 1, reply 1009, reply 1");
    for (uint8_t handle = 11; handle <= 18; handle++) {
        open_handle("q", handle);
    }
    read_away();
    open_handle("r", 20);
    assert_read("r", "error 1020 busy");
    open_handle("q", 2); /* p had it, and heard a with it */
    add_event("a", 5);
    forward();
    assert_read("p", "self handle_ended 2");
    assert_read("q", "self handle_ended 11, reply 1002");
}

Test(broker_events, the_ends_of_handles_are_told_whatever_waits) {
    stop();
    start_talk_with(narrow());
    for (uint8_t handle = 1; handle <= 8; handle++) {
        open_handle("p", handle);
        read_away();
    }
    fill_queue();
    add_end("user/ada");
    forward();
    assert_read_ends_with("error 999 unknown_method, self handle_ended 1, self handle_ended 2, self handle_ended 3, "
                          "self handle_ended 4, self handle_ended 5, self handle_ended 6, self handle_ended 7, "
                          "self handle_ended 8");
}

Test(broker_events, a_reply_that_is_no_grant_opens_nothing) {
    asked_t asked = ask("p", 1, "login"), zeros = ask("p", 2, "login"), late = ask("p", 3, "login");
    add_reply(&asked, EFFECT_GRANT);
    add_grant_until(&zeros, 0, "ada", person_role_USER, UNIX_MS + 1000);
    add_grant_until(&late, 1, "ada", person_role_USER, UNIX_MS);
    forward();
    assert_read("p", "error 1 internal, error 2 internal, error 3 unauthenticated");
}

Test(broker_events, an_event_nobody_could_page_for_is_dropped_without_a_lag) {
    stop();
    start_talk_with(narrow());
    subscribe("p", 1, "a", 0);
    add_event_of("a", 1, 1000);
    add_event_of("a", 0, 3000); /* without a number */
    add_event("a", 2);
    forward();
    assert_read("p", "reply 1, a said 1, a said 2");
}

/* What must happen. */

Test(broker_events, state_at_s_is_followed_by_the_event_behind_it) {
    asked_t first = ask("p", 1, "a"), second = ask("q", 2, "a");
    for (uint64_t seq = 1; seq <= 9; seq++) {
        add_event("a", seq);
        if (seq == 3) {
            add_reply(&first, EFFECT_SUBSCRIBE);
        }
        if (seq == 6) {
            add_reply(&second, EFFECT_SUBSCRIBE);
        }
    }
    forward();
    assert_read("p", "reply 1, a said 4, a said 5, a said 6, a said 7, a said 8, a said 9");
    assert_read("q", "reply 2, a said 7, a said 8, a said 9");
}

Test(broker_events, handles_end_when_their_time_comes) {
    asked_t asked = ask("p", 1, "login");
    add_grant_until(&asked, 1, "ada", person_role_USER, UNIX_MS + 1000);
    forward();
    subscribe("p", 2, "a", 1);
    broker_tick(broker, NOW_US, UNIX_MS + 999);
    add_event("a", 1);
    forward();
    broker_tick(broker, NOW_US, UNIX_MS + 1000);
    add_event("a", 2);
    forward();
    assert_read("p", "reply 1, reply 2, a said 1, self handle_ended 1");
}

Test(broker_events, the_figures_count_them) {
    stop();
    start_talk_with(narrow());
    open_handle("p", 1);
    subscribe("p", 1, "a", 1);
    subscribe("p", 2, "b", 1);
    add_event_of("a", 1, 3500);
    forward();
    read_away();
    envelope_t request = stat_request(5);
    admit("q", OPERATOR, &request);
    cr_assert(broker_probe(broker));
    tell_all();
    envelope_t reply = answer();
    cr_assert_eq(reply.type, ENVELOPE_REPLY);
    cr_assert_eq(body_number(&tape, "handles"), 1);
    cr_assert_eq(body_number(&tape, "subscriptions"), 1);
    cr_assert_eq(body_number(&tape, "lagged"), 1);
    cr_assert_eq(body_number(&tape, "lost_messages"), 0);
}
