/* SPDX-License-Identifier: MIT */
/*
 * The hub between an SDK and people that are made up here: a log that grows, subscriptions that hear of it when the
 * test says so, and pages of the log that are answered when the test says so. Everything that a listener gets is
 * compared with the log.
 */
#include "tools/bridge/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "schemas/pack.h"
#include "tools/bridge/pump.h"

enum { LISTENERS = 24, PEOPLE = 3, FEEDS_MAX = 64, PAGES_MAX = 256, LOG_MAX = 4096, BODY_BYTES = 1 << 14 };

/* What the hub uses of others, as it is played here. */

struct doran_subscription {
    bool used, begun;
    doran_event_fn on_event;
    void *context;
    uint64_t given;
};

typedef struct request {
    bool used;
    doran_done_fn done;
    void *context;
    uint64_t after;
} request_t;

static struct doran_subscription feeds[FEEDS_MAX];
static request_t pages[PAGES_MAX];
static doran_code_t refusal; /* of what is asked */
static uint32_t holders[PEOPLE];
static int refused_pages; /* how many of the next */

static doran_code_t played_subscribe(doran_t *client, const char *topic, const doran_position_t *after,
                                     doran_event_fn on_event, void *context, doran_subscription_t **subscription) {
    size_t i = 0;
    (void)client;
    cr_assert_str_eq(topic, "room/tea");
    cr_assert_null(after);
    if (refusal != DORAN_OK) {
        return refusal;
    }
    while (feeds[i].used) {
        i++;
        cr_assert_lt(i, FEEDS_MAX);
    }
    feeds[i] = (struct doran_subscription){.used = true, .on_event = on_event, .context = context};
    *subscription = &feeds[i];
    return DORAN_OK;
}

static void played_unsubscribe(doran_subscription_t **subscription_p) {
    (*subscription_p)->used = false;
    *subscription_p = NULL;
}

static doran_code_t played_submit(doran_t *client, const char *address, const char *method, const void *body,
                                  size_t body_bytes, uint32_t timeout_ms, doran_done_fn done, void *context) {
    token_t tokens[16];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    size_t i = 0;
    (void)client;
    (void)timeout_ms;
    cr_assert_str_eq(address, "room/tea");
    cr_assert_str_eq(method, "history");
    cr_assert_eq(tape_read_whole(&tape, span_of(body, body_bytes)), STATUS_OK);
    if (refused_pages > 0) {
        refused_pages--;
        return DORAN_BUSY;
    }
    while (pages[i].used) {
        i++;
        cr_assert_lt(i, PAGES_MAX);
    }
    pages[i] =
        (request_t){.used = true, .done = done, .context = context, .after = tokens[tape_find(&tape, 0, "after")].u64};
    return DORAN_OK;
}

/* A person is its number. */
static size_t number_of(const person_t *person) {
    return (size_t)((const uint32_t *)(const void *)person - holders);
}

static person_t *person(size_t number) {
    return (person_t *)(void *)&holders[number];
}

static doran_t *played_client(const person_t *who) {
    cr_assert_gt(holders[number_of(who)], 0);
    return NULL;
}

static person_t *played_hold(person_t *who) {
    holders[number_of(who)]++;
    return who;
}

static void played_release(person_t **who_p) {
    cr_assert_gt(holders[number_of(*who_p)], 0);
    holders[number_of(*who_p)]--;
    *who_p = NULL;
}

#define doran_subscribe played_subscribe
#define doran_unsubscribe played_unsubscribe
#define doran_submit played_submit
#define people_client played_client
#define people_hold played_hold
#define people_release played_release
#define pump_wake(pump) ((void)(pump))
#include "tools/bridge/hub.c"

/* The log. */

static uint64_t log_epoch, log_seq;
static char *frames[LOG_MAX]; /* as they were given first, by seq */
static bridge_t bridge;
static hub_t *hub;

static void pack_entry(pack_t *pack, uint64_t seq, bool typed) {
    pack_map(pack, typed ? 4 : 3);
    pack_cstring(pack, "seq");
    pack_u64(pack, seq);
    if (typed) {
        pack_cstring(pack, "type");
        pack_cstring(pack, seq == 1 ? "created" : "message");
    }
    pack_cstring(pack, "text");
    pack_cstring(pack, "t\xc3\xa9");
    pack_cstring(pack, "created_at");
    pack_u64(pack, seq);
}

/* Tells a feed what comes next for it; false: nothing does. */
static bool tell(struct doran_subscription *feed) {
    uint8_t bytes[256] = {0x80};
    pack_t body = pack_into(bytes, sizeof bytes);
    doran_event_t event = {.topic = "room/tea", .type = "", .text = "", .body = bytes, .body_bytes = 1};
    if (feed->begun && feed->given == log_seq) {
        return false;
    }
    if (feed->begun) {
        feed->given += 1;
        pack_entry(&body, feed->given, false);
        event.notice = DORAN_EVENT;
        event.type = feed->given == 1 ? "created" : "message";
        event.body_bytes = body.len;
    } else {
        feed->given = log_seq;
        feed->begun = true;
        event.notice = DORAN_RESET;
    }
    event.position = (doran_position_t){.log_epoch = log_epoch, .seq = feed->given};
    feed->on_event(feed->context, &event);
    return true;
}

static void fail(struct doran_subscription *feed) {
    feed->on_event(feed->context, &(doran_event_t){.notice = DORAN_ENDED,
                                                   .topic = "room/tea",
                                                   .type = "",
                                                   .text = "gone",
                                                   .body = (const uint8_t *)"\x80",
                                                   .body_bytes = 1,
                                                   .code = DORAN_FORBIDDEN});
}

static void answer_with(request_t *page, doran_code_t code, uint64_t count) {
    static uint8_t bytes[BODY_BYTES];
    pack_t body = pack_into(bytes, sizeof bytes);
    uint64_t left = page->after < log_seq ? log_seq - page->after : 0;
    count = code != DORAN_OK ? 0 : count < left ? count : left;
    pack_map(&body, 2);
    pack_cstring(&body, "log_epoch");
    pack_u64(&body, log_epoch);
    pack_cstring(&body, "items");
    pack_array(&body, (uint32_t)count);
    for (uint64_t i = 1; i <= count; i++) {
        pack_entry(&body, page->after + i, true);
    }
    cr_assert(pack_ok(&body));
    page->used = false;
    page->done(page->context, &(doran_reply_t){.code = code, .text = "no", .body = bytes, .body_bytes = body.len});
}

/* Listeners. */

typedef struct heard {
    listener_t listener;
    doran_position_t position;
    hub_result_t result;                 /* the last */
    uint32_t begins, events, ends, room; /* room: how many more events it takes */
    bool leaves_when_full;
} heard_t;

static heard_t all[LISTENERS];

static heard_t *heard_of(listener_t *listener) {
    return (heard_t *)((char *)listener - offsetof(heard_t, listener));
}

static void hear_begin(listener_t *listener, hub_result_t result, doran_position_t position) {
    heard_t *self = heard_of(listener);
    cr_assert(result != HUB_RECOVERED || self->begins == 0 || same(self->position, position));
    self->begins++;
    self->result = result;
    self->position = position;
}

static bool hear_event(listener_t *listener, doran_position_t position, span_t json) {
    heard_t *self = heard_of(listener);
    cr_assert_gt(self->begins, 0);
    cr_assert_eq(position.log_epoch, self->position.log_epoch);
    cr_assert_eq(position.seq, self->position.seq + 1, "%lu behind %lu", position.seq, self->position.seq);
    if (self->room == 0) {
        if (self->leaves_when_full) {
            hub_leave(listener);
        }
        return false;
    }
    self->room--;
    self->events++;
    self->position = position;
    if (frames[position.seq] == NULL) {
        frames[position.seq] = strndup((const char *)json.ptr, json.len);
    }
    cr_assert(span_equal(json, span_text(frames[position.seq])), "%.*s", (int)json.len, (const char *)json.ptr);
    return true;
}

static void hear_end(listener_t *listener, doran_code_t code, const char *text) {
    cr_assert_eq(code, DORAN_FORBIDDEN);
    cr_assert_not_null(text);
    heard_of(listener)->ends++;
}

static const listener_calls_t hearing = {.begun = hear_begin, .event = hear_event, .ended = hear_end};

static void forget_frames(void) {
    for (size_t i = 0; i < LOG_MAX; i++) {
        free(frames[i]);
        frames[i] = NULL;
    }
}

static void set_up(void) {
    bridge = (bridge_t){.base = event_base_new(), .tape = bridge_new_tape()};
    hub = hub_new(&bridge);
    log_epoch = 7;
    log_seq = 10;
}

static void tear_down(void) {
    for (size_t i = 0; i < LISTENERS; i++) {
        hub_leave(&all[i].listener);
    }
    for (size_t i = 0; i < PAGES_MAX; i++) {
        if (pages[i].used) {
            answer_with(&pages[i], DORAN_OK, 0);
        }
    }
    while (bridge.calls > 0) { /* pages that are asked for again later */
        event_base_loop(bridge.base, EVLOOP_ONCE);
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        cr_assert_eq(holders[i], 0);
    }
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        cr_assert_not(feeds[i].used);
    }
    hub_destroy(&hub);
    bridge_free_tape(&bridge.tape);
    event_base_free(bridge.base);
    forget_frames();
}

TestSuite(hub, .init = set_up, .fini = tear_down);

/* after: of this log; UINT64_MAX: from now on. */
static bool listen_to(size_t i, size_t who, uint64_t after, uint64_t missed_max) {
    doran_position_t position = {.log_epoch = log_epoch, .seq = after};
    doran_code_t code = DORAN_OK;
    all[i] = (heard_t){.room = UINT32_MAX};
    holders[who]++;
    bool listens = hub_listen(hub, &all[i].listener, &hearing, person(who), span_text("tea"),
                              after == UINT64_MAX ? NULL : &position, missed_max, &code);
    holders[who]--;
    cr_assert_eq(listens, code == DORAN_OK);
    return listens;
}

static void tell_all(void) {
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        while (feeds[i].used && tell(&feeds[i])) {
        }
    }
}

static uint32_t count_feeds(void) {
    uint32_t count = 0;
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        count += feeds[i].used;
    }
    return count;
}

/* The page that is under way, of which there is one. */
static request_t *the_page(void) {
    request_t *found = NULL;
    for (size_t i = 0; i < PAGES_MAX; i++) {
        cr_assert(!pages[i].used || found == NULL);
        found = pages[i].used ? &pages[i] : found;
    }
    cr_assert_not_null(found);
    return found;
}

Test(hub, who_may_not_act_listens_to_nothing) {
    refusal = DORAN_UNAUTHENTICATED;
    cr_assert_not(listen_to(0, 0, UINT64_MAX, 0));
    refusal = DORAN_OK;
}

Test(hub, who_begins_now_hears_what_comes_next) {
    listen_to(0, 0, UINT64_MAX, 500);
    tell_all();
    cr_assert_eq(all[0].result, HUB_RESET);
    cr_assert_eq(all[0].position.seq, 10);
    log_seq = 13;
    tell_all();
    cr_assert_eq(all[0].events, 3);
    cr_assert_str_eq(frames[11], "{\"op\":\"event\",\"room\":\"tea\",\"log_epoch\":7,\"type\":\"message\",\"seq\":11,"
                                 "\"text\":\"t\xc3\xa9\",\"created_at\":\"1970-01-01T00:00:00.011Z\"}");
}

Test(hub, all_of_a_person_share_a_feed_and_others_have_their_own) {
    listen_to(0, 0, UINT64_MAX, 500);
    listen_to(1, 0, UINT64_MAX, 500);
    listen_to(2, 1, UINT64_MAX, 500);
    cr_assert_eq(count_feeds(), 2);
    tell_all();
    log_seq++;
    tell_all();
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(all[i].events, 1);
    }
    hub_leave(&all[0].listener);
    hub_leave(&all[2].listener);
    cr_assert_eq(count_feeds(), 1);
}

Test(hub, what_was_missed_is_read_from_the_log_while_events_come) {
    listen_to(0, 0, 3, 500);
    tell_all();
    cr_assert_eq(all[0].result, HUB_RECOVERED);
    cr_assert_eq(all[0].position.seq, 3);
    log_seq = 12;
    tell_all();
    cr_assert_eq(all[0].events, 0);
    log_seq = 14; /* the page is ahead of the feed */
    answer_with(the_page(), DORAN_OK, 100);
    cr_assert_eq(all[0].position.seq, 14);
    tell_all();
    log_seq = 15;
    tell_all();
    cr_assert_eq(all[0].events, 12);
}

Test(hub, who_comes_later_to_a_feed_that_goes_begins_at_once) {
    listen_to(0, 0, UINT64_MAX, 500);
    tell_all();
    listen_to(1, 0, UINT64_MAX, 500);
    cr_assert_eq(all[1].begins, 1);
    listen_to(2, 0, 10, 500);
    cr_assert_eq(all[2].result, HUB_RECOVERED);
    listen_to(3, 0, 0, 500);
    answer_with(the_page(), DORAN_OK, 4);
    answer_with(the_page(), DORAN_OK, 4);
    answer_with(the_page(), DORAN_OK, 4);
    cr_assert_eq(all[3].events, 10);
    cr_assert_not_null(strstr(frames[1], "\"type\":\"room\""));
}

Test(hub, who_missed_too_much_is_told_to_page) {
    listen_to(0, 0, 4, 5);
    listen_to(1, 0, 5, 5);
    tell_all();
    cr_assert_eq(all[0].result, HUB_PAGED);
    cr_assert_eq(all[0].position.seq, 10);
    cr_assert_eq(all[0].listener.state, LISTENER_AWAY);
    cr_assert_eq(all[0].listener.position.seq, 4);
    cr_assert_eq(all[1].result, HUB_RECOVERED);
}

Test(hub, a_place_that_the_log_does_not_have_is_reset) {
    listen_to(0, 0, 11, 500);
    log_epoch++;
    listen_to(1, 1, 4, 500);
    log_epoch--;
    tell_all();
    cr_assert_eq(all[0].result, HUB_RESET);
    cr_assert_eq(all[0].position.seq, 10);
    cr_assert_eq(all[1].result, HUB_RESET);
}

Test(hub, another_log_is_told_and_gone_on_with) {
    listen_to(0, 0, UINT64_MAX, 500);
    listen_to(1, 0, 2, 500);
    tell_all();
    request_t *page = the_page();
    log_epoch++;
    log_seq = 6;
    feeds[0].begun = false;
    tell_all();
    cr_assert_eq(all[0].result, HUB_RESET);
    cr_assert_eq(all[1].result, HUB_RESET);
    answer_with(page, DORAN_OK, 100);
    log_seq = 7;
    tell_all();
    cr_assert_eq(all[0].events, 1);
    cr_assert_eq(all[1].events, 1);
}

Test(hub, the_end_of_the_feed_is_told_to_all) {
    listen_to(0, 0, UINT64_MAX, 500);
    listen_to(1, 0, 2, 500);
    tell_all();
    listen_to(2, 1, UINT64_MAX, 500);
    fail(&feeds[0]);
    cr_assert_eq(all[0].ends + all[1].ends, 2);
    cr_assert_eq(all[2].ends, 0);
    listen_to(0, 0, UINT64_MAX, 500); /* on a feed of its own */
    cr_assert_eq(count_feeds(), 3);   /* one stays for its page */
    tell_all();
    cr_assert_eq(all[0].begins, 1);
    answer_with(the_page(), DORAN_FORBIDDEN, 0);
    cr_assert_eq(count_feeds(), 2);
}

Test(hub, a_page_that_is_refused_ends_who_wanted_it) {
    listen_to(0, 0, 2, 500);
    tell_all();
    answer_with(the_page(), DORAN_FORBIDDEN, 0);
    cr_assert_eq(all[0].ends, 1);
    cr_assert_eq(count_feeds(), 0);
}

Test(hub, a_page_that_fails_for_now_is_asked_for_again) {
    listen_to(0, 0, 2, 500);
    refused_pages = 1;
    tell_all();
    event_base_loop(bridge.base, EVLOOP_ONCE);
    answer_with(the_page(), DORAN_DEADLINE_EXCEEDED, 0);
    event_base_loop(bridge.base, EVLOOP_ONCE);
    answer_with(the_page(), DORAN_OK, 100);
    cr_assert_eq(all[0].events, 8);
}

Test(hub, who_has_no_room_goes_on_where_he_was) {
    listen_to(0, 0, UINT64_MAX, 500);
    tell_all();
    all[0].room = 2;
    log_seq = 15;
    tell_all();
    cr_assert_eq(all[0].events, 2);
    hub_resume(&all[0].listener);
    answer_with(the_page(), DORAN_OK, 100); /* still no room */
    cr_assert_eq(all[0].events, 2);
    all[0].room = 100;
    hub_resume(&all[0].listener);
    hub_resume(&all[0].listener); /* once is enough */
    answer_with(the_page(), DORAN_OK, 100);
    log_seq = 16;
    tell_all();
    cr_assert_eq(all[0].events, 6);
}

/* What else the random test finds goes by its seed. */

static uint64_t dice;

static uint64_t roll(uint64_t sides) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (dice >> 33) % sides;
}

static void step_listener(heard_t *self, size_t i) {
    bool away = self->listener.state == LISTENER_AWAY;
    switch (roll(4)) {
    case 0:
        if (away) {
            listen_to(i, i % PEOPLE, roll(3) == 0 ? UINT64_MAX : roll(log_seq + 2), roll(2) == 0 ? 20 : 1000);
            self->room = (uint32_t)roll(30);
            self->leaves_when_full = roll(3) == 0;
        }
        break;
    case 1:
        if (roll(10) == 0) {
            hub_leave(&self->listener);
        }
        break;
    default:
        self->room += (uint32_t)roll(20);
        hub_resume(&self->listener);
    }
}

static void restore(void) {
    log_epoch++;
    log_seq /= 2;
    forget_frames();
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        feeds[i].begun = false;
    }
}

static void step(void) {
    struct doran_subscription *feed = &feeds[roll(FEEDS_MAX)];
    request_t *page = &pages[roll(8)];
    size_t listener = roll(LISTENERS);
    step_listener(&all[listener], listener);
    if (roll(5) == 0 && log_seq < LOG_MAX - 1) {
        log_seq++;
    }
    for (uint64_t i = roll(10); feed->used && i > 0 && tell(feed); i--) {
    }
    if (page->used) {
        answer_with(page, DORAN_OK, 1 + roll(30));
    }
    if (feed->used && roll(200) == 0) {
        fail(feed);
    }
    if (roll(2000) == 0) {
        restore();
    }
}

Test(hub, whatever_happens_everybody_hears_everything_once_and_in_order) {
    dice = (uint64_t)getpid() * 2654435761u + (uint64_t)time(NULL);
    printf("seed %lu\n", dice);
    for (int i = 0; i < 100000; i++) {
        step();
    }
    for (int rounds = 0; rounds < 1000; rounds++) {
        tell_all();
        for (size_t i = 0; i < PAGES_MAX; i++) {
            if (pages[i].used) {
                answer_with(&pages[i], DORAN_OK, 100);
            }
        }
        for (size_t i = 0; i < LISTENERS; i++) {
            all[i].room = UINT32_MAX;
            hub_resume(&all[i].listener);
        }
    }
    for (size_t i = 0; i < LISTENERS; i++) {
        cr_assert(all[i].listener.state == LISTENER_AWAY ||
                      (all[i].listener.state == LISTENER_ON && all[i].position.seq == log_seq),
                  "listener %zu is at %lu of %lu", i, all[i].position.seq, log_seq);
    }
}
