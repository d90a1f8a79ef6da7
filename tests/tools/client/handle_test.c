/* SPDX-License-Identifier: MIT */
/*
 * Users that share a connection, against a server that forgets handles. First what must not happen: something is done
 * for somebody else than it was meant for, or told to somebody who may not hear it any more.
 */
#include "tests/tools/client/live_fixture.h"

static const fake_request_t *last_request(const rooms_t *rooms) {
    return &rooms->server->requests[rooms->server->count - 1];
}

/* How many requests carry this handle (NULL: none), sessions left out. */
static uint32_t count_with(const rooms_t *rooms, const uint8_t *handle) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < rooms->server->count; i++) {
        const fake_request_t *request = &rooms->server->requests[i];
        bool same = handle == NULL ? !request->has_handle
                                   : request->has_handle && memcmp(request->handle, handle, HANDLE_BYTES) == 0;
        count += same && strcmp(request->kind, "session") != 0;
    }
    return count;
}

/* What must not happen. */

Test(handle, each_request_carries_the_handle_of_its_own_user) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0}, bob = {0};
    user_start(&ada, client);
    user_start(&bob, ada.client); /* of the same connection all the same */
    for (uint32_t i = 0; i < 30; i += 3) {
        submit(client, i, 0);
        submit(ada.client, i + 1, 0);
        submit(bob.client, i + 2, 0);
    }
    LIVE_UNTIL(completed == 30);
    uint8_t of_ada[HANDLE_BYTES];
    uint32_t seen = 0;
    for (uint32_t i = 0; i < rooms->server->count; i++) {
        const fake_request_t *request = &rooms->server->requests[i];
        unsigned long index = strtoul(request->key, NULL, 10);
        if (strcmp(request->kind, "echo") != 0) {
            continue;
        }
        seen++;
        cr_expect_eq(request->has_handle, index % 3 != 0);
        if (index == 1) {
            memcpy(of_ada, request->handle, HANDLE_BYTES);
        } else if (index > 1 && request->has_handle) {
            cr_expect_eq(memcmp(of_ada, request->handle, HANDLE_BYTES) == 0, index % 3 == 1);
        }
    }
    cr_expect_eq(seen, 30);
    cr_expect_eq(rooms->opens, 2);
    cr_expect_eq(ada.opened + bob.opened, 2);
    doran_close(&bob.client);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, nothing_of_a_user_goes_out_before_its_handle_is_there) {
    rooms_t *rooms = rooms_new(1);
    rooms->silent = true;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watch = {0};
    user_start(&ada, client);
    submit(ada.client, 0, 0);
    watch_start(&watch, ada.client, 0);
    live_for(client, rooms, 100);
    cr_expect_eq(rooms->server->count, 1, "only `open`");
    cr_expect_str_eq(rooms->server->requests[0].kind, "session");
    cr_expect_str_eq(rooms->server->requests[0].key, "");
    cr_expect_str_eq(rooms->server->requests[0].method, "open");
    cr_expect_eq(memcmp(rooms->server->requests[0].body,
                        "\x81\xa2"
                        "as\xa8user/ada",
                        13),
                 0);
    rooms->silent = false;
    rooms->taken = 0;
    LIVE_UNTIL(completed == 1 && watch.on);
    cr_expect_eq(count_with(rooms, NULL), 0);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, user_whose_handle_ended_hears_nothing_though_others_of_the_connection_do) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t ada_watch = {0}, watch = {0};
    user_start(&ada, client);
    watch_start(&ada_watch, ada.client, 0);
    watch_start(&watch, client, 0);
    LIVE_UNTIL(ada_watch.on && watch.on);
    rooms->open_fails = STATUS_FORBIDDEN;
    rooms_publish(rooms, 0, false);
    rooms_end_handle(rooms, 0, true);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 2 && ada_watch.ended == 1);
    cr_expect_eq(ada_watch.events, 1);
    cr_expect_eq(ada_watch.code, DORAN_FORBIDDEN);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 3);
    cr_expect_eq(ada_watch.events, 1);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, forgotten_handle_is_not_sent_to_the_server_that_forgot_it) {
    rooms_t *rooms = rooms_new(1);
    uint8_t before[HANDLE_BYTES];
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    user_start(&ada, client);
    LIVE_UNTIL(ada.opened == 1);
    memcpy(before, rooms->handles[0], HANDLE_BYTES);
    rooms_forget(rooms);
    LIVE_UNTIL(ada.opened == 2);
    for (uint32_t i = 0; i < 10; i++) {
        submit(ada.client, i, 0);
    }
    LIVE_UNTIL(completed == 10);
    cr_expect_eq(count_with(rooms, before), 0);
    cr_expect_eq(count_with(rooms, rooms->handles[0]), 10);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, what_may_have_happened_is_unknown_when_the_handle_cannot_be_opened_again) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    user_start(&ada, client);
    LIVE_UNTIL(ada.opened == 1);
    rooms->silent = true;
    submit(ada.client, 0, 0);
    LIVE_UNTIL(count_with(rooms, rooms->handles[0]) == 1);
    rooms->open_fails = STATUS_FORBIDDEN;
    rooms->silent = false;
    rooms_forget(rooms);
    submit(ada.client, 1, 0);
    LIVE_UNTIL(completed == 2);
    cr_expect_eq(outcomes[0].code, DORAN_DEADLINE_EXCEEDED);
    cr_expect(outcomes[1].code == DORAN_FORBIDDEN || outcomes[1].code == DORAN_DEADLINE_EXCEEDED);
    cr_expect_eq(rooms->calls, 0);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, nothing_of_a_user_completes_after_it_was_closed_and_the_others_go_on) {
    rooms_t *rooms = rooms_new(1);
    rooms->silent = true;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0}, bob = {0};
    user_start(&ada, client);
    user_start(&bob, client);
    submit(ada.client, 0, 0);
    submit(bob.client, 1, 0);
    submit(client, 2, 0);
    LIVE_UNTIL(rooms->server->count == 3);
    doran_close(&ada.client);
    cr_expect_eq(doran_in_flight(client), 2);
    rooms->silent = false;
    rooms->taken = 0;
    LIVE_UNTIL(completed == 2);
    submit(bob.client, 3, 0);
    doran_close(&client); /* bob keeps the connection */
    client = bob.client;
    LIVE_UNTIL(completed == 3);
    cr_expect_eq(outcomes[0].completions, 0);
    cr_expect_eq(outcomes[3].code, DORAN_OK);
    cr_expect_eq(ada.opened, 0);
    doran_close(&bob.client);
    rooms_destroy(rooms);
}

Test(handle, closed_user_hears_nothing_and_its_handle_and_all_it_heard_end_at_once) {
    rooms_t *rooms = rooms_new(3);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watches[3] = {0}, watch = {0};
    user_start(&ada, client);
    for (uint32_t i = 0; i < 3; i++) {
        watch_start(&watches[i], ada.client, i);
    }
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watches[2].on && watch.on);
    LIVE_UNTIL(rooms->hearer_count == 4);
    doran_close(&ada.client);
    for (uint32_t i = 0; i < 3; i++) {
        watches[i].subscription = NULL;
    }
    LIVE_UNTIL(rooms->closes == 1);
    cr_expect_eq(rooms->hearer_count, 1);
    cr_expect_eq(rooms->handle_count, 0);
    cr_expect_eq(rooms->unsubscribes, 0);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 1);
    cr_expect_eq(watches[0].events, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, user_that_is_closed_while_its_handle_is_opened_leaves_none_behind) {
    rooms_t *rooms = rooms_new(1);
    rooms->silent = true;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watch = {0};
    user_start(&ada, client);
    watch_start(&watch, ada.client, 0);
    LIVE_UNTIL(rooms->server->count == 1);
    doran_close(&ada.client);
    watch.subscription = NULL;
    rooms->silent = false;
    rooms->taken = 0;
    LIVE_UNTIL(rooms->closes == 1);
    cr_expect_eq(rooms->handle_count, 0);
    cr_expect_eq(ada.opened, 0);
    cr_expect_eq(rooms->subscribes, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, user_that_is_closed_before_anything_was_sent_opens_nothing) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    user_start(&ada, client);
    doran_close(&ada.client);
    live_for(client, rooms, 100);
    cr_expect_eq(rooms->opens, 0);
    cr_expect_eq(doran_run(client, -1), 0, "nothing can come any more");
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, closing_is_asked_for_again_until_the_server_has_done_so_or_forgotten_it) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t users[3] = {{0}};
    for (uint32_t i = 0; i < 3; i++) {
        user_start(&users[i], client);
    }
    LIVE_UNTIL(users[2].opened == 1);
    rooms->fails = STATUS_BUSY;
    doran_close(&users[0].client);
    LIVE_UNTIL(strcmp(last_request(rooms)->kind, "broker") == 0);
    rooms->fails = STATUS_OK;
    LIVE_UNTIL(rooms->closes == 1);
    rooms_end_handle(rooms, 0, false); /* without a word */
    doran_close(&users[1].client);
    doran_close(&users[2].client);
    LIVE_UNTIL(rooms->closes == 2);
    live_for(client, rooms, 100);
    cr_expect_eq(rooms->opens, 3, "nobody opens again what was closed");
    cr_expect_eq(rooms->handle_count, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, closing_that_waits_is_forgotten_with_the_server) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0}, bob = {0};
    user_start(&ada, client);
    user_start(&bob, client);
    LIVE_UNTIL(ada.opened == 1 && bob.opened == 1);
    rooms->silent = true;
    uint32_t count = rooms->server->count;
    doran_close(&ada.client);
    LIVE_UNTIL(rooms->server->count > count);
    rooms_forget(rooms);
    rooms->silent = false;
    LIVE_UNTIL(bob.opened == 2);
    live_for(client, rooms, 100);
    cr_expect_eq(rooms->opens, 3);
    cr_expect_eq(rooms->closes, 0);
    doran_close(&bob.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

static void close_user(void *context, const doran_reply_t *reply) {
    (void)reply;
    completed++;
    doran_close(context);
}

Test(handle, user_may_be_closed_when_its_handle_is_opened_and_when_it_is_not) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    for (uint32_t i = 0; i < 2; i++) {
        doran_t *user = NULL;
        watch_t watch = {0};
        completed = 0;
        rooms->open_fails = i == 0 ? STATUS_OK : STATUS_FORBIDDEN;
        cr_assert_eq(doran_as(client, "session/x", NULL, 0, close_user, &user, &user), DORAN_OK);
        watch_start(&watch, user, i);
        cr_assert_eq(doran_submit(user, "echo/x", "echo", NULL, 0, 0, note, &outcomes[0]), DORAN_OK);
        LIVE_UNTIL(completed == 1);
        watch.subscription = NULL;
        live_for(client, rooms, 50);
        cr_expect_null(user);
        cr_expect_eq(outcomes[0].completions, 0);
        cr_expect_eq(watch.ended, 0);
    }
    cr_expect_eq(rooms->hearer_count, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* What is opened again. */

Test(handle, refused_handle_is_opened_again_and_the_request_sent_again) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    user_start(&ada, client);
    LIVE_UNTIL(ada.opened == 1);
    rooms_end_handle(rooms, 0, false);
    for (uint32_t i = 0; i < 20; i++) {
        submit(ada.client, i, 0);
    }
    LIVE_UNTIL(completed == 20);
    for (uint32_t i = 0; i < 20; i++) {
        cr_expect_eq(outcomes[i].code, DORAN_OK);
        cr_expect_eq(outcomes[i].completions, 1);
    }
    cr_expect_eq(rooms->opens, 2, "once for all of them");
    cr_expect_eq(ada.opened, 2);
    cr_expect_eq(last_request(rooms)->has_handle, true);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, unauthenticated_with_a_fresh_handle_is_the_answer) {
    rooms_t *rooms = rooms_new(1);
    rooms->fails = STATUS_UNAUTHENTICATED;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watch = {0};
    user_start(&ada, client);
    submit(ada.client, 0, 0);
    LIVE_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_UNAUTHENTICATED);
    cr_expect_eq(rooms->opens, 2);
    watch_start(&watch, ada.client, 0);
    LIVE_UNTIL(watch.ended == 1);
    cr_expect_eq(watch.code, DORAN_UNAUTHENTICATED);
    cr_expect_eq(rooms->opens, 3);
    cr_expect_eq(ada.failed, 0);
    rooms->fails = STATUS_OK;
    submit(ada.client, 1, 0);
    LIVE_UNTIL(completed == 2);
    cr_expect_eq(outcomes[1].code, DORAN_OK);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Forgets us once more before it looks at the second request with a handle. */
static bool forget_again(rooms_t *self, const fake_request_t *request) {
    static uint32_t with_handle;
    with_handle += request->has_handle;
    if (request->has_handle && with_handle % 2 == 0) {
        self->mischief = NULL;
        rooms_forget(self);
        rooms_follow_number(self);
        self->server->pongs = true;
    }
    return false;
}

Test(handle, server_that_forgets_twice_is_not_taken_to_have_refused_the_user) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watch = {0};
    user_start(&ada, client);
    LIVE_UNTIL(ada.opened == 1);
    for (uint32_t i = 0; i < 2; i++) {
        rooms->server->pongs = false; /* it could tell by these */
        rooms_forget(rooms);
        rooms->mischief = forget_again;
        if (i == 0) {
            submit(ada.client, 0, 0);
            LIVE_UNTIL(completed == 1);
        } else {
            watch_start(&watch, ada.client, 0);
            LIVE_UNTIL(watch.on || watch.ended);
        }
        cr_expect_null(rooms->mischief, "it was tried twice");
    }
    cr_expect_eq(outcomes[0].code, DORAN_OK);
    cr_expect_eq(watch.ended, 0);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, refused_subscription_is_on_again_behind_what_it_had) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watch = {0}, later = {0};
    user_start(&ada, client);
    watch_start(&watch, ada.client, 0);
    LIVE_UNTIL(watch.on);
    rooms_publish(rooms, 0, false);
    rooms_end_handle(rooms, 0, false);
    rooms_publish(rooms, 0, false);
    watch_start(&later, ada.client, 1); /* is refused, which tells of it */
    LIVE_UNTIL(later.on && watch.subscribed == 1);
    cr_expect_eq(watch.events, 2);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Room for one handle only: the older one ends. */
static bool room_for_one(rooms_t *self, const fake_request_t *request) {
    if (strcmp(request->kind, "session") == 0 && self->handle_count > 0) {
        rooms_end_handle(self, 0, true);
    }
    return false;
}

Test(handle, more_users_than_the_server_has_room_for_do_not_open_without_end) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0}, bob = {0};
    rooms->mischief = room_for_one;
    user_start(&ada, client);
    user_start(&bob, client);
    LIVE_UNTIL(ada.opened > 0 && bob.opened > 0);
    live_for(client, rooms, 500);
    cr_expect_leq(rooms->opens, 8, "%u openings", rooms->opens);
    LIVE_UNTIL(rooms->opens > 8);
    doran_close(&ada.client);
    doran_close(&bob.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, ended_handle_is_opened_again_at_once) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watch = {0};
    user_start(&ada, client);
    watch_start(&watch, ada.client, 0);
    LIVE_UNTIL(watch.on);
    for (uint32_t i = 1; i <= 3; i++) {
        rooms_publish(rooms, 0, false);
        rooms_end_handle(rooms, 0, true);
        rooms_publish(rooms, 0, false);
        LIVE_UNTIL(ada.opened == i + 1 && watch.subscribed == i);
        cr_expect_eq(watch.events, 2 * i);
    }
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, opening_that_is_refused_for_now_is_tried_again) {
    rooms_t *rooms = rooms_new(1);
    rooms->open_fails = STATUS_BUSY;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    user_start(&ada, client);
    submit(ada.client, 0, 0);
    LIVE_UNTIL(rooms->server->count == 1);
    rooms->open_fails = STATUS_OK;
    LIVE_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_OK);
    cr_expect_eq(ada.failed, 0);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* The end. */

Test(handle, opening_that_is_refused_ends_all_that_waited_with_its_error) {
    rooms_t *rooms = rooms_new(1);
    rooms->open_fails = STATUS_CONFLICT;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    doran_subscription_t *none = NULL;
    doran_reply_t reply;
    user_t ada = {0};
    watch_t watch = {0};
    user_start(&ada, client);
    submit(ada.client, 0, 0);
    watch_start(&watch, ada.client, 0);
    LIVE_UNTIL(completed == 1 && watch.ended == 1);
    cr_expect_eq(ada.failed, 1);
    cr_expect_eq(ada.code, DORAN_CONFLICT);
    cr_expect_eq(outcomes[0].code, DORAN_CONFLICT);
    cr_expect_eq(watch.code, DORAN_CONFLICT);
    cr_expect_eq(doran_submit(ada.client, "echo/x", "echo", NULL, 0, 0, note, &outcomes[1]), DORAN_CONFLICT);
    cr_expect_eq(doran_call(ada.client, "echo/x", "echo", NULL, 0, 0, &reply), DORAN_CONFLICT);
    cr_expect_eq(doran_subscribe(ada.client, "topic/0", NULL, watch_note, &watch, &none), DORAN_CONFLICT);
    rooms->open_fails = STATUS_OK;
    rooms_forget(rooms);
    submit(client, 2, 0); /* the others go on */
    LIVE_UNTIL(completed == 2);
    live_for(client, rooms, 100);
    cr_expect_eq(rooms->opens, 0, "it was not tried again");
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

static bool open_without_handle(rooms_t *self, const fake_request_t *request) {
    fake_reply(self->server, request->id, "n", 1);
    return true;
}

Test(handle, answer_without_a_handle_is_an_error) {
    rooms_t *rooms = rooms_new(1);
    rooms->mischief = open_without_handle;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    user_start(&ada, client);
    LIVE_UNTIL(ada.failed == 1);
    cr_expect_eq(ada.code, DORAN_INTERNAL);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, request_that_waits_for_its_handle_keeps_to_its_time) {
    rooms_t *rooms = rooms_new(1);
    rooms->silent = true;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    user_start(&ada, client);
    submit(ada.client, 0, 200);
    LIVE_UNTIL(completed == 1);
    cr_expect_eq(outcomes[0].code, DORAN_UNREACHABLE, "it was not sent");
    cr_expect_eq(rooms->server->count, 1);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(handle, refuses_what_makes_no_sense_before_it_is_sent) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    doran_t *user = NULL;
    cr_expect_eq(doran_as(client, "session", NULL, 0, NULL, NULL, &user), DORAN_INVALID_ADDRESS);
    cr_expect_eq(doran_as(client, "Session/x", NULL, 0, NULL, NULL, &user), DORAN_INVALID_ADDRESS);
    cr_expect_eq(doran_as(client, "session/x", "\x90", 1, NULL, NULL, &user), DORAN_INVALID);
    cr_expect_null(user);
    live_for(client, rooms, 20);
    cr_expect_eq(rooms->server->count, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* A new session of the connection. */

Test(handle, user_lives_through_a_new_session_of_the_connection) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    user_t ada = {0};
    watch_t watch = {0};
    user_start(&ada, client);
    watch_start(&watch, ada.client, 0);
    LIVE_UNTIL(watch.on);
    rooms->server->other = true;
    memset(rooms->server->session, 'T', SESSION_BYTES);
    rooms->server->number++;
    LIVE_UNTIL(ada.opened == 2);
    rooms->server->other = false;
    rooms_publish(rooms, 0, false);
    submit(ada.client, 0, 0);
    LIVE_UNTIL(completed == 1 && watch.events == 1);
    cr_expect_eq(outcomes[0].code, DORAN_OK);
    doran_close(&ada.client);
    doran_close(&client);
    rooms_destroy(rooms);
}
