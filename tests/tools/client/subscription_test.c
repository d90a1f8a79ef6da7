/* SPDX-License-Identifier: MIT */
/*
 * Events, against a server that loses connections, lags, forgets and repeats itself. First what must not happen: an
 * event is given twice, out of order, not at all, or after the end; the fixture looks at each.
 */
#include "tests/tools/client/live_fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tools/client/errand.h"

/* What must not happen. */

Test(subscription, repeated_events_are_not_given_again) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    rooms_publish(rooms, 0, false);
    rooms_publish(rooms, 0, false);
    rooms_repeat(rooms, 0, 1);
    rooms_repeat(rooms, 0, 2);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.last.seq == 3);
    live_for(client, rooms, 50);
    cr_expect_eq(watch.events, 3);
    cr_expect_eq(rooms->subscribes, 1, "nothing was asked for again");
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, event_lost_on_the_way_is_fetched_when_the_next_one_comes) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    rooms_publish(rooms, 0, false);
    rooms_publish(rooms, 0, true);
    rooms_publish(rooms, 0, false);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.last.seq == 4);
    cr_expect_eq(watch.events, 4);
    cr_expect_eq(rooms->subscribes, 2);
    doran_close(&client);
    rooms_destroy(rooms);
}

static void leave_at_three(watch_t *self, const doran_event_t *event) {
    if (event->position.seq == 3) {
        doran_unsubscribe(&self->subscription);
    }
}

Test(subscription, nothing_is_given_after_unsubscribe) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t inside = {.also = leave_at_three}, outside = {0};
    watch_start(&inside, client, 0);
    watch_start(&outside, client, 1);
    LIVE_UNTIL(inside.on && outside.on);
    for (int i = 0; i < 10; i++) {
        rooms_publish(rooms, 0, false); /* in one go, so they wait together */
        rooms_publish(rooms, 1, false);
    }
    LIVE_UNTIL(inside.last.seq == 3);
    doran_unsubscribe(&outside.subscription);
    doran_unsubscribe(&outside.subscription);
    LIVE_UNTIL(rooms->unsubscribes == 2);
    rooms_publish(rooms, 0, false);
    rooms_repeat(rooms, 1, 11);
    live_for(client, rooms, 50);
    cr_expect_eq(inside.events, 3);
    cr_expect_eq(rooms->hearer_count, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, leaving_in_the_middle_of_what_was_missed_is_the_end) {
    rooms_t *rooms = rooms_new(2);
    rooms->rooms[0].seq = 6;
    rooms->rooms[1].seq = 60;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t few = {.also = leave_at_three, .on = true, .last = {7, 0}};
    watch_t many = {.also = leave_at_three, .on = true, .last = {7, 0}};
    watch_start(&few, client, 0);
    watch_start(&many, client, 1);
    LIVE_UNTIL(few.last.seq == 3 && many.last.seq == 3);
    LIVE_UNTIL(rooms->unsubscribes == 2);
    cr_expect_eq(few.events, 3);
    cr_expect_eq(many.events, 3);
    cr_expect_eq(rooms->hearer_count, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

static void close_at_three(watch_t *self, const doran_event_t *event) {
    if (event->position.seq == 3) {
        self->subscription = NULL;
        doran_close(self->context);
    }
}

Test(subscription, nothing_is_given_after_close) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    doran_t *closed = client;
    watch_t watch = {.also = close_at_three, .context = &closed};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    for (int i = 0; i < 10; i++) {
        rooms_publish(rooms, 0, false);
    }
    for (uint64_t limit_us = clock_us() + LIMIT_US; closed != NULL && clock_us() < limit_us;) {
        doran_run(client, 10);
    }
    cr_expect_null(closed);
    cr_expect_eq(watch.events, 3);
    rooms_destroy(rooms);
}

/* The first `unsubscribe` is refused for now. */
static bool refuse_unsubscribe(rooms_t *self, const fake_request_t *request) {
    if (strcmp(request->method, "unsubscribe") != 0) {
        return false;
    }
    self->mischief = NULL;
    fake_fail(self->server, request->id, STATUS_BUSY, 0);
    return true;
}

static void unsubscribe_refused(watch_t *watch, doran_t *client, rooms_t *rooms) {
    rooms->mischief = refuse_unsubscribe;
    doran_unsubscribe(&watch->subscription);
    LIVE_UNTIL(rooms->mischief == NULL);
}

Test(subscription, belated_unsubscribe_does_not_end_the_next_subscription) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0}, other = {0};
    watch_start(&watch, client, 0);
    watch_start(&other, client, 1);
    LIVE_UNTIL(watch.on && other.on);
    unsubscribe_refused(&watch, client, rooms);
    unsubscribe_refused(&other, client, rooms); /* sent again behind where the first would be */
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.subscribed == 1);
    LIVE_UNTIL(rooms->unsubscribes > 0);
    cr_expect_eq(rooms->unsubscribes, 1);
    cr_expect_not(rooms_heard(rooms, 1));
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 1);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, unsubscribe_that_was_refused_for_now_is_sent_again) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    unsubscribe_refused(&watch, client, rooms);
    LIVE_UNTIL(rooms->unsubscribes == 1);
    cr_expect_eq(rooms->hearer_count, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, what_is_no_event_of_ours_is_passed_over) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    rooms_send_event(rooms, 1, "message", rooms->log_epoch, 1); /* of nobody */
    rooms_send_event(rooms, 1, "lagged", rooms->log_epoch, 1);
    const envelope_t typing = {.type = ENVELOPE_EVENT,
                               .kind = span_text("topic"),
                               .key = span_text("0"),
                               .method = span_text("typing"),
                               .body = span_text("\x81\xa4user\xa3"
                                                 "ada")};
    fake_send(rooms->server, &typing); /* not kept, so without a seq */
    envelope_t strange = typing;
    strange.body = span_text("\x82\xa9log_epoch\xa1x\xa3seq\xa1y");
    fake_send(rooms->server, &strange);
    strange.kind = span_text("broker");
    strange.key = span_text("self");
    fake_send(rooms->server, &strange);
    strange.method = span_text("handle_ended");
    fake_send(rooms->server, &strange);
    live_for(client, rooms, 50);
    cr_expect_eq(watch.events, 0);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 1);
    cr_expect_eq(rooms->subscribes, 1);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* An answer that is none of the three. */
static bool answer_nonsense(rooms_t *self, const fake_request_t *request) {
    static const char *const results[] = {"recovered", "paged", "maybe"};
    uint32_t room = (uint32_t)strtoul(request->key, NULL, 10);
    self->subscribes++;
    if (room < ARRAY_LENGTH(results)) { /* nothing of what was missed; a page of nothing; what is that? */
        rooms_answer_subscribe(self, request, results[room], 5, 1, 0);
    } else {
        fake_reply(self->server, request->id, "n", 1);
    }
    return true;
}

Test(subscription, answers_that_make_no_sense_are_not_asked_for_in_a_loop) {
    rooms_t *rooms = rooms_new(4);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watches[4] = {0};
    rooms->mischief = answer_nonsense;
    for (uint32_t i = 0; i < 4; i++) {
        watches[i].on = true;
        watches[i].last = (doran_position_t){7, 1};
        watch_start(&watches[i], client, i);
    }
    LIVE_UNTIL(rooms->subscribes >= 4);
    live_for(client, rooms, 600);
    cr_expect_eq(rooms->subscribes, 4);
    cr_expect_eq(watches[2].code, DORAN_INTERNAL);
    cr_expect_eq(watches[3].code, DORAN_INTERNAL);
    rooms->mischief = NULL;
    rooms->rooms[0].seq = rooms->rooms[1].seq = 5;
    LIVE_UNTIL(watches[0].subscribed == 1 && watches[1].subscribed == 1);
    cr_expect_eq(watches[0].events, 4);
    cr_expect_eq(watches[1].events, 4);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* As if it went on, but in another log, or in front of where we were. */
static bool answer_elsewhere(rooms_t *self, const fake_request_t *request) {
    bool other_log = request->key[0] == '0';
    self->log_epoch += other_log;
    rooms_answer_subscribe(self, request, "recovered", other_log ? 3 : 1, 2, other_log ? 2 : 0);
    self->log_epoch -= other_log;
    return true;
}

Test(subscription, what_does_not_go_on_from_its_position_is_a_reset) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watches[2] = {0};
    rooms->mischief = answer_elsewhere;
    for (uint32_t i = 0; i < 2; i++) {
        watches[i].on = true;
        watches[i].last = (doran_position_t){7, 2};
        watch_start(&watches[i], client, i);
        LIVE_UNTIL(watches[i].resets == 1);
        cr_expect_eq(watches[i].events, 0);
    }
    cr_expect_eq(watches[0].last.log_epoch, 8);
    cr_expect_eq(watches[0].last.seq, 3);
    cr_expect_eq(watches[1].last.seq, 1);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Where it begins. */

Test(subscription, without_a_position_begins_now_and_says_where) {
    rooms_t *rooms = rooms_new(1);
    rooms->rooms[0].seq = 41;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    doran_position_t position = {1, 2};
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    cr_expect_not(doran_subscription_position(watch.subscription, &position));
    cr_expect_eq(position.seq, 2, "untouched");
    LIVE_UNTIL(watch.resets == 1);
    cr_expect_eq(watch.last.seq, 41);
    cr_expect_eq(watch.last.log_epoch, 7);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 1);
    cr_expect(doran_subscription_position(watch.subscription, &position));
    cr_expect_eq(position.seq, 42);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, after_a_position_gets_what_was_missed_however_much) {
    rooms_t *rooms = rooms_new(3);
    rooms->rooms[1].seq = RECOVERED_MAX;
    rooms->rooms[2].seq = 1003;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watches[3] = {0};
    for (uint32_t i = 0; i < 3; i++) {
        watches[i].on = true;
        watches[i].last = (doran_position_t){7, 0};
        watch_start(&watches[i], client, i);
    }
    LIVE_UNTIL(watches[0].subscribed && watches[1].subscribed && watches[2].subscribed);
    cr_expect_eq(watches[0].events, 0);
    cr_expect_eq(watches[1].events, RECOVERED_MAX);
    cr_expect_eq(watches[2].events, 1003);
    for (uint32_t i = 0; i < 3; i++) {
        rooms_publish(rooms, i, false);
        LIVE_UNTIL(watches[i].last.seq == rooms->rooms[i].seq);
        cr_expect_eq(watches[i].resets, 0);
    }
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, events_published_while_pages_are_read_come_behind_them) {
    rooms_t *rooms = rooms_new(1);
    rooms->rooms[0].seq = 100;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {.on = true, .last = {7, 0}};
    watch_start(&watch, client, 0);
    while (watch.subscribed == 0) {
        rooms_publish(rooms, 0, false);
        doran_run(client, 1);
        rooms_step(rooms);
        rooms_repeat(rooms, 0, rooms->rooms[0].seq); /* as if another subscription of this peer heard it */
    }
    LIVE_UNTIL(watch.last.seq == rooms->rooms[0].seq);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Interruptions. */

Test(subscription, lagged_goes_on_behind_what_was_given) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    rooms_publish(rooms, 0, false);
    rooms_lag(rooms, 0);
    for (int i = 0; i < 30; i++) {
        rooms_publish(rooms, 0, false);
    }
    rooms_tell_lag(rooms, 0);
    LIVE_UNTIL(watch.subscribed == 1);
    cr_expect_eq(watch.events, 31);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 32);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, server_that_forgot_us_is_asked_again) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watches[2] = {0};
    watch_start(&watches[0], client, 0);
    watch_start(&watches[1], client, 1);
    LIVE_UNTIL(watches[0].on && watches[1].on);
    rooms_publish(rooms, 0, false);
    rooms_forget(rooms);
    rooms_publish(rooms, 0, false);
    rooms_publish(rooms, 1, false);
    LIVE_UNTIL(watches[0].events == 2 && watches[1].events == 1);
    LIVE_UNTIL(watches[0].subscribed == 1 && watches[1].subscribed == 1);
    cr_expect_eq(watches[0].resets, 1);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, lost_connection_loses_no_event) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    for (uint32_t i = 1; i <= 3; i++) {
        rooms_publish(rooms, 0, false);
        fake_die(rooms->server); /* perhaps with the event */
        rooms->rooms[0].seq += 20;
        fake_bind(rooms->server);
        LIVE_UNTIL(watch.subscribed == i && watch.last.seq == 21 * i);
    }
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, log_replaced_by_an_older_copy_is_a_reset) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    for (int i = 0; i < 10; i++) {
        rooms_publish(rooms, 0, false);
    }
    LIVE_UNTIL(watch.events == 10);
    rooms_restore(rooms);
    LIVE_UNTIL(watch.resets == 2);
    cr_expect_eq(watch.last.seq, 5);
    cr_expect_eq(watch.last.log_epoch, 8);
    rooms_publish(rooms, 0, false);
    LIVE_UNTIL(watch.events == 11);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Errors. */

Test(subscription, error_that_is_final_ends_it) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0}, other = {0};
    watch_start(&watch, client, 99);
    LIVE_UNTIL(watch.ended == 1);
    cr_expect_eq(watch.code, DORAN_NOT_FOUND);
    watch_start(&other, client, 99); /* the ended one is not in the way */
    doran_unsubscribe(&watch.subscription);
    LIVE_UNTIL(other.ended == 1);
    live_for(client, rooms, 50);
    cr_expect_eq(rooms->unsubscribes, 0);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, room_that_has_gone_ends_it_when_it_asks_again) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    rooms->fails = STATUS_FORBIDDEN;
    rooms_forget(rooms);
    LIVE_UNTIL(watch.ended == 1);
    cr_expect_eq(watch.code, DORAN_FORBIDDEN);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, errors_that_pass_are_not_told) {
    static const status_t statuses[] = {STATUS_BUSY, STATUS_UNREACHABLE, STATUS_DRAINING};
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){.busy_fails = 1});
    watch_t watch = {0};
    rooms->fails = statuses[0];
    watch_start(&watch, client, 0);
    for (uint32_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
        uint32_t count = rooms->server->count;
        rooms->fails = statuses[i];
        LIVE_UNTIL(rooms->server->count > count);
    }
    rooms->fails = STATUS_OK;
    LIVE_UNTIL(watch.on);
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, second_one_to_the_same_topic_is_refused) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    doran_subscription_t *none = NULL;
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    cr_expect_eq(doran_subscribe(client, "topic/0", NULL, watch_note, &watch, &none), DORAN_CONFLICT);
    cr_expect_eq(doran_subscribe(client, "topic/", NULL, watch_note, &watch, &none), DORAN_INVALID_ADDRESS);
    cr_expect_eq(doran_subscribe(client, "room", NULL, watch_note, &watch, &none), DORAN_INVALID_ADDRESS);
    cr_expect_null(none);
    doran_unsubscribe(&watch.subscription); /* before anything was sent */
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    cr_expect_eq(rooms->server->count, 1, "what was not sent needs no unsubscribe");
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Calls inside one another. */

/* The server, while a call of the client waits. */
typedef struct player {
    rooms_t *rooms;
    atomic_bool over;
    uint32_t publish; /* so many events, one after each call that was answered */
} player_t;

static void *play(void *argument) {
    player_t *player = argument;
    while (!atomic_load(&player->over)) {
        struct zmq_pollitem_t item = {.socket = player->rooms->server->socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 1);
        uint32_t calls = player->rooms->calls;
        rooms_step(player->rooms);
        for (uint32_t i = calls; i < player->rooms->calls && player->publish > 0; i++, player->publish--) {
            rooms_publish(player->rooms, 0, false);
            rooms_publish(player->rooms, 1, false);
        }
    }
    return NULL;
}

/* The first request is refused for now. */
static bool refuse_first(rooms_t *self, const fake_request_t *request) {
    self->mischief = NULL;
    fake_fail(self->server, request->id, STATUS_BUSY, 0);
    return true;
}

Test(subscription, waiting_run_wakes_for_what_is_to_be_tried_again) {
    rooms_t *rooms = rooms_new(1);
    rooms->server->heartbeat_ms = 60000;
    rooms->mischief = refuse_first;
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    player_t player = {.rooms = rooms};
    watch_t watch = {0};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, play, &player), 0);
    watch_start(&watch, client, 0);
    uint64_t begin_us = clock_us();
    cr_expect_eq(doran_run(client, -1), 1);
    cr_expect(watch.on);
    cr_expect_lt(clock_us() - begin_us, 10000000);
    atomic_store(&player.over, true);
    pthread_join(thread, NULL);
    doran_close(&client);
    rooms_destroy(rooms);
}

static unsigned inside, inside_most;

static void call_inside(watch_t *self, const doran_event_t *event) {
    doran_reply_t reply;
    if (event->notice == DORAN_EVENT) {
        inside++;
        inside_most = inside > inside_most ? inside : inside_most;
        cr_assert_eq(doran_call(self->context, "echo/x", "echo", NULL, 0, 10000, &reply), DORAN_OK);
        inside--;
    }
}

Test(subscription, call_inside_an_event_loses_nothing_and_is_not_called_into) {
    rooms_t *rooms = rooms_new(2);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {.also = call_inside, .context = client}, other = {.also = call_inside, .context = client};
    player_t player = {.rooms = rooms, .publish = 40};
    doran_reply_t reply;
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, play, &player), 0);
    watch_start(&watch, client, 0);
    watch_start(&other, client, 1);
    uint64_t limit_us = clock_us() + LIMIT_US;
    while (!watch.on || !other.on) {
        cr_assert_lt(clock_us(), limit_us);
        doran_run(client, 10);
    }
    cr_assert_eq(doran_call(client, "echo/x", "echo", NULL, 0, 10000, &reply), DORAN_OK);
    while (watch.events < 40 || other.events < 40) {
        cr_assert_lt(clock_us(), limit_us, "%u and %u events", watch.events, other.events);
        doran_run(client, 10);
    }
    cr_expect_eq(inside_most, 1);
    atomic_store(&player.over, true);
    pthread_join(thread, NULL);
    doran_close(&client);
    rooms_destroy(rooms);
}

static void move_on(watch_t *self, const doran_event_t *event) {
    (void)event;
    doran_unsubscribe(&self->subscription);
    watch_start(self, self->context, self->room);
}

Test(subscription, on_event_may_leave_and_subscribe_again) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {.also = move_on, .context = client};
    watch_start(&watch, client, 0);
    for (uint32_t i = 0; i < 20; i++) {
        LIVE_UNTIL(watch.events == i && watch.subscribed + watch.resets > i);
        rooms_publish(rooms, 0, false);
    }
    LIVE_UNTIL(watch.events == 20);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Running. */

Test(subscription, run_counts_events_and_waits_for_them) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    cr_expect_eq(doran_in_flight(client), 0, "a subscription is not a request of the program's");
    rooms_publish(rooms, 0, false);
    rooms_publish(rooms, 0, false);
    int ran = 0;
    while (watch.events < 2) {
        ran += doran_run(client, -1);
    }
    cr_expect_eq(ran, 2);
    cr_expect_eq(doran_run(client, 0), 0);
    doran_unsubscribe(&watch.subscription);
    LIVE_UNTIL(rooms->unsubscribes == 1);
    live_for(client, rooms, 20);
    cr_expect_eq(doran_run(client, -1), 0, "nothing can come");
    doran_close(&client);
    rooms_destroy(rooms);
}

Test(subscription, descriptor_tells_of_events_and_of_what_is_to_be_sent) {
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    struct pollfd item = {.fd = doran_fd(client), .events = POLLIN};
    rooms->server->heartbeat_ms = 60000;
    watch_start(&watch, client, 0);
    LIVE_UNTIL(watch.on);
    for (uint32_t i = 1; i <= 100; i++) {
        rooms_publish(rooms, 0, false);
        cr_assert_eq(poll(&item, 1, 5000), 1, "nothing said of event %u", i);
        while (poll(&item, 1, 0) == 1 && doran_run(client, 0) > 0) {
        }
        cr_assert_eq(watch.events, i);
    }
    doran_unsubscribe(&watch.subscription);
    cr_expect_eq(poll(&item, 1, 0), 1);
    doran_close(&client);
    rooms_destroy(rooms);
}

/* Many. */

/* A service that is not there, for most topics. */
static bool refuse_most(rooms_t *self, const fake_request_t *request) {
    if (request->key[1] == 0) {
        return false;
    }
    fake_fail(self->server, request->id, STATUS_UNREACHABLE, 0);
    return true;
}

Test(subscription, those_that_are_refused_for_now_do_not_hold_up_the_others) {
    enum { MOST = 2 * ERRANDS_OUT_MAX };
    static watch_t watches[MOST];
    rooms_t *rooms = rooms_new(1);
    doran_t *client = open_client(rooms->server, (doran_options_t){0});
    watch_t watch = {0};
    rooms->mischief = refuse_most;
    for (uint32_t i = 0; i < MOST; i++) {
        watch_start(&watches[i], client, 10 + i);
    }
    watch_start(&watch, client, 0);
    uint64_t begin_us = clock_us();
    LIVE_UNTIL(watch.on);
    cr_expect_lt(clock_us() - begin_us, 5000000, "behind the time limit of those before it");
    doran_close(&client);
    rooms_destroy(rooms);
}

static uint32_t out, out_most;

/* Lets what has come wait, to see how much it is. */
static bool count_out(rooms_t *self, const fake_request_t *request) {
    (void)self;
    out += strcmp(request->method, "subscribe") == 0;
    out_most = out > out_most ? out : out_most;
    return false;
}

Test(subscription, many_come_back_after_a_restart_without_crowding_out_requests) {
    enum { MANY = 2000 };
    static watch_t watches[MANY];
    rooms_t *rooms = rooms_new(ROOMS_MAX);
    doran_t *client = open_client(rooms->server, (doran_options_t){.in_flight_max = 1});
    static user_t users[MANY / ROOMS_MAX + 1];
    for (uint32_t i = 0; i < ARRAY_LENGTH(users); i++) {
        user_start(&users[i], client);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        watch_start(&watches[i], users[i / ROOMS_MAX].client, i % ROOMS_MAX);
    }
    LIVE_UNTIL(rooms->hearer_count == MANY);
    rooms_forget(rooms);
    for (uint32_t i = 0; i < ROOMS_MAX; i++) {
        rooms_publish(rooms, i, false);
    }
    rooms->mischief = count_out;
    uint32_t before = 0;
    submit(client, 0, 0);
    for (uint64_t limit_us = clock_us() + LIMIT_US; completed == 0 || rooms->hearer_count < MANY;) {
        cr_assert_lt(clock_us(), limit_us);
        doran_run(client, 1);
        out = 0;
        rooms_step(rooms);
        before = completed == 0 ? rooms->hearer_count : before;
    }
    cr_expect_leq(out_most, ERRANDS_OUT_MAX);
    cr_expect_lt(before, MANY, "the request did not wait for all of them");
    cr_expect_eq(outcomes[0].code, DORAN_OK);
    for (uint32_t i = 0; i < MANY; i++) {
        LIVE_UNTIL(watches[i].events == 1);
    }
    for (uint32_t i = 0; i < ARRAY_LENGTH(users); i++) {
        doran_close(&users[i].client);
    }
    doran_close(&client);
    rooms_destroy(rooms);
}
