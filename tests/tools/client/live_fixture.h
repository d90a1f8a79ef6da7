/* SPDX-License-Identifier: MIT */
/*
 * live_fixture: what subscriptions and users of a test were told, held against what they must be told. Each test is a
 * process, so what is static here is the test's own.
 */
#ifndef DORAN_TESTS_LIVE_FIXTURE_H
#define DORAN_TESTS_LIVE_FIXTURE_H

#include "tests/tools/client/client_fixture.h"
#include "tests/tools/client/fake_rooms.h"

/* A subscription and what came. */
typedef struct watch {
    doran_subscription_t *subscription;
    uint32_t room;
    bool on; /* was told where it is */
    doran_position_t last;
    uint32_t events, subscribed, resets, ended;
    doran_code_t code;
    void (*also)(struct watch *self, const doran_event_t *event); /* what the test does inside */
    void *context;
} watch_t;

static inline void watch_check_body(const doran_event_t *event) {
    token_t tokens[256];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    cr_assert_eq(tape_read_whole(&tape, span_of(event->body, event->body_bytes)), STATUS_OK);
    cr_assert_eq(tokens[0].type, TOKEN_MAP);
    if (event->notice != DORAN_EVENT) {
        return;
    }
    uint8_t bytes[128];
    pack_t record = pack_into(bytes, sizeof bytes);
    pack_map(&record, 3);
    rooms_pack_event(&record, event->position.seq);
    cr_assert_eq(event->body_bytes, record.len, "the same bytes whichever way it came");
    cr_assert_eq(memcmp(event->body, bytes, record.len), 0);
    cr_assert_str_eq(event->type, rooms_type(event->position.seq));
}

static inline void watch_note(void *context, const doran_event_t *event) {
    watch_t *self = context;
    char topic[32];
    doran_position_t now;
    snprintf(topic, sizeof topic, "topic/%u", self->room);
    cr_assert_str_eq(event->topic, topic);
    cr_assert_not_null(self->subscription, "told after it was over");
    cr_assert_eq(self->ended, 0, "told after the end");
    watch_check_body(event);
    switch (event->notice) {
    case DORAN_EVENT:
        cr_assert(self->on, "an event before any position");
        cr_assert_eq(event->position.log_epoch, self->last.log_epoch);
        cr_assert_eq(event->position.seq, self->last.seq + 1, "topic/%u: %lu after %lu", self->room,
                     event->position.seq, self->last.seq);
        self->events++;
        break;
    case DORAN_SUBSCRIBED:
        cr_assert(self->on);
        cr_assert_eq(event->position.seq, self->last.seq);
        self->subscribed++;
        break;
    case DORAN_RESET:
        self->on = true;
        self->resets++;
        break;
    case DORAN_ENDED:
        cr_assert_str_neq(event->text, "");
        self->code = event->code;
        self->ended++;
        break;
    }
    if (event->notice != DORAN_ENDED) {
        self->last = event->position;
        cr_assert(doran_subscription_position(self->subscription, &now));
        cr_assert_eq(now.seq, event->position.seq);
        cr_assert_eq(now.log_epoch, event->position.log_epoch);
    }
    if (self->also != NULL) {
        self->also(self, event);
    }
}

/* After its last position, if it has one. */
static inline void watch_start(watch_t *self, doran_t *client, uint32_t room) {
    char topic[32];
    self->room = room;
    self->ended = 0;
    snprintf(topic, sizeof topic, "topic/%u", room);
    cr_assert_eq(doran_subscribe(client, topic, self->on ? &self->last : NULL, watch_note, self, &self->subscription),
                 DORAN_OK);
}

/* A doran_t that acts for a user, and what became of its handle. */
typedef struct user {
    doran_t *client;
    uint32_t opened, failed;
    doran_code_t code;
} user_t;

static inline void user_note(void *context, const doran_reply_t *reply) {
    user_t *self = context;
    cr_assert_eq(self->failed, 0, "told after the end");
    self->code = reply->code;
    self->opened += reply->code == DORAN_OK;
    self->failed += reply->code != DORAN_OK;
}

static inline void user_start(user_t *self, doran_t *client) {
    cr_assert_eq(doran_as(client, "session/",
                          "\x81\xa2"
                          "as\xa8user/ada",
                          13, user_note, self, &self->client),
                 DORAN_OK);
}

/* Lets both work until the condition holds. */
#define LIVE_UNTIL(condition)                                                                                          \
    do {                                                                                                               \
        uint64_t limit_us = clock_us() + LIMIT_US;                                                                     \
        while (!(condition)) {                                                                                         \
            cr_assert_lt(clock_us(), limit_us, "never happened: %s", #condition);                                      \
            doran_run(client, 1);                                                                                      \
            rooms_step(rooms);                                                                                         \
        }                                                                                                              \
    } while (0)

static inline void live_for(doran_t *client, rooms_t *rooms, uint32_t ms) {
    for (uint64_t until_us = clock_us() + 1000 * (uint64_t)ms; clock_us() < until_us;) {
        doran_run(client, 1);
        rooms_step(rooms);
    }
}

#endif
