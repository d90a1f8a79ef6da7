/* SPDX-License-Identifier: MIT */
/*
 * A feed is a subscription of the SDK without a position, so its first notice says where the log stands, and behind it
 * every event comes once and in order. Its listeners compare:
 *
 *   position = the feed's   ON: each event of the feed is the listener's next
 *   position < the feed's   READING: `history` behind the position, page by page, until it is not; events of the feed
 *                           pass by meanwhile, since later pages have them
 *   position > the feed's   a page was ahead of the feed: ON as well, and what the feed brings belatedly is passed over
 *
 * A feed stays while one of its pages is under way, because the person must stay as long.
 */
#include "tools/bridge/hub.h"

#include <stdlib.h>

#include <uthash.h>

#include "schemas/address.h"
#include "schemas/json.h"
#include "schemas/pack.h"
#include "schemas/records.h"
#include "tools/bridge/pump.h"

enum { RETRY_MS = 200, PAGE_ENTRIES = ROOM_PAGE_MAX };

#define ROOM_TOPIC "room/"

TAILQ_HEAD(listener_list, listener);

enum { TOPIC_BYTES = KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1 };

/* What feeds are found by: up to the end of the topic. */
typedef struct feed_name {
    person_t *person;
    char topic[TOPIC_BYTES];
} feed_name_t;

struct feed {
    hub_t *hub;
    doran_subscription_t *subscription;
    struct listener_list listeners;
    doran_position_t position;
    bool begun;    /* position is known */
    bool ended;    /* nobody finds it any more */
    uint32_t used; /* for as long it stays */
    uint32_t pages;
    UT_hash_handle hh;
    person_t *person; /* with the topic, as in feed_name_t */
    char topic[];
};

/* A page of the log on its way. */
typedef struct page {
    feed_t *feed;
    listener_t *listener; /* NULL: it has left, or wants it no longer */
    struct event *retry;
} page_t;

static_assert(offsetof(feed_t, topic) - offsetof(feed_t, person) == offsetof(feed_name_t, topic), "found by its name");

struct hub {
    bridge_t *bridge;
    feed_t *feeds;
    /* The event that was made last: those who hear it come one after the other. */
    char *made, made_topic[TOPIC_BYTES];
    size_t made_bytes;
    doran_position_t made_position;
};

const char *hub_result_name(hub_result_t result) {
    static const char *const names[] = {"recovered", "paged", "reset"};
    return names[result];
}

/* Making events. */

/* What the record says follows what we say; it begins with '{' and is not empty. type: of the record, as it stands in
   the log. */
static void make_json(hub_t *self, const char *topic, doran_position_t position, span_t type, const char *record) {
    bool created = span_equal(type, span_text("created"));
    free(self->made);
    int bytes =
        asprintf(&self->made, "{\"op\":\"event\",\"room\":\"%s\",\"log_epoch\":%llu,\"type\":\"%.*s\",%s",
                 topic + strlen(ROOM_TOPIC), (unsigned long long)position.log_epoch,
                 created ? (int)strlen("room") : (int)type.len, created ? "room" : (const char *)type.ptr, record + 1);
    CHECK(bytes > 0, "out of memory");
    self->made_bytes = (size_t)bytes;
    self->made_position = position;
    snprintf(self->made_topic, sizeof self->made_topic, "%s", topic);
}

static bool same(doran_position_t a, doran_position_t b) {
    return a.log_epoch == b.log_epoch && a.seq == b.seq;
}

static span_t made(const hub_t *self) {
    return span_of(self->made, self->made_bytes);
}

static bool is_made(const hub_t *self, const char *topic, doran_position_t position) {
    return self->made != NULL && same(self->made_position, position) && strcmp(self->made_topic, topic) == 0;
}

/* False: it cannot be read. */
static bool make_event(hub_t *self, const doran_event_t *event) {
    tape_t *tape = self->bridge->tape;
    if (is_made(self, event->topic, event->position)) {
        return true;
    }
    if (tape_read_whole(tape, span_of(event->body, event->body_bytes)) != STATUS_OK) {
        return false;
    }
    char *record = json_print_for_web(&record_room_event, tape, 0, NULL);
    make_json(self, event->topic, event->position, span_text(event->type), record);
    free(record);
    return true;
}

/* The entry at `item` of the reply that is on the tape. */
static void make_entry(hub_t *self, const char *topic, doran_position_t position, uint32_t item) {
    const tape_t *tape = self->bridge->tape;
    uint32_t type = tape_find(tape, item, "type");
    if (!is_made(self, topic, position)) {
        char *record = json_print_for_web(&record_room_entry, tape, item, "type");
        make_json(self, topic, position, token_span(&tape->tokens[type]), record);
        free(record);
    }
}

/* The end of feeds and listeners. */

static void forget_page(listener_t *listener) {
    if (listener->page != NULL) {
        listener->page->listener = NULL;
        listener->page = NULL;
    }
}

static void take_off(listener_t *listener) {
    forget_page(listener);
    TAILQ_REMOVE(&listener->feed->listeners, listener, in_feed);
    listener->feed = NULL;
    listener->state = LISTENER_AWAY;
}

static void forget(feed_t *feed) {
    if (!feed->ended) {
        HASH_DELETE(hh, feed->hub->feeds, feed);
        feed->ended = true;
    }
}

/* Goes if nobody listens and nothing is under way. */
static void settle(feed_t *feed) {
    if (feed->used > 0 || feed->pages > 0 || !TAILQ_EMPTY(&feed->listeners)) {
        return;
    }
    forget(feed);
    doran_unsubscribe(&feed->subscription);
    pump_wake(feed->hub->bridge->pump);
    people_release(&feed->person);
    free(feed);
}

void hub_leave(listener_t *listener) {
    feed_t *feed = listener->feed;
    if (feed != NULL) {
        take_off(listener);
        settle(feed);
    }
}

static void end(listener_t *listener, doran_code_t code, const char *text) {
    take_off(listener);
    listener->calls->ended(listener, code, text);
}

/* Reading the log. */

static void ask_page(page_t *page);

static void end_page(page_t *page) {
    feed_t *feed = page->feed;
    feed->pages -= 1;
    feed->hub->bridge->calls -= 1;
    if (page->listener != NULL) {
        page->listener->page = NULL;
    }
    if (page->retry != NULL) {
        event_free(page->retry);
    }
    free(page);
    settle(feed);
}

static void read_log(listener_t *listener) {
    page_t *page = calloc(1, sizeof *page);
    CHECK(page != NULL, "out of memory");
    page->feed = listener->feed;
    page->feed->hub->bridge->calls += 1;
    page->listener = listener;
    listener->page = page;
    listener->state = LISTENER_READING;
    listener->feed->pages += 1;
    ask_page(page);
}

/* Reads on if the feed is ahead. */
static void compare(listener_t *listener) {
    if (listener->position.seq < listener->feed->position.seq) {
        read_log(listener);
    } else {
        listener->state = LISTENER_ON;
    }
}

/* False: the listener takes no more now. */
static bool give(listener_t *listener, doran_position_t position) {
    if (!listener->calls->event(listener, position, made(listener->feed->hub))) {
        if (listener->state != LISTENER_AWAY) {
            listener->state = LISTENER_FULL;
        }
        return false;
    }
    if (listener->state != LISTENER_AWAY) {
        listener->position = position;
    }
    return listener->state != LISTENER_AWAY;
}

static uint64_t number_at(const tape_t *tape, uint32_t map, const char *name) {
    uint32_t at = tape_find(tape, map, name);
    return at > 0 && tape->tokens[at].type == TOKEN_U64 ? tape->tokens[at].u64 : 0;
}

/* Gives the page that is on the tape. The calls read nothing onto the tape. */
static void give_page(listener_t *listener) {
    feed_t *feed = listener->feed;
    const tape_t *tape = feed->hub->bridge->tape;
    uint32_t items = tape_find(tape, 0, "items"), item = items + 1, end = items > 0 ? tape->tokens[items].next : 0;
    doran_position_t position = {.log_epoch = number_at(tape, 0, "log_epoch")};
    uint64_t before = listener->position.seq;
    for (; item < end; item = tape->tokens[item].next) {
        position.seq = number_at(tape, item, "seq");
        if (position.log_epoch != listener->position.log_epoch || position.seq != listener->position.seq + 1) {
            break;
        }
        make_entry(feed->hub, feed->topic, position, item);
        if (!give(listener, position)) {
            return;
        }
    }
    if (listener->position.seq > before) {
        compare(listener);
    } else {
        listener->state = LISTENER_FULL; /* of another log: the feed will say RESET */
    }
}

static void ask_again(evutil_socket_t fd, short events, void *context) {
    page_t *page = context;
    (void)fd;
    (void)events;
    if (page->listener == NULL) {
        end_page(page);
    } else {
        ask_page(page);
    }
}

static void ask_later(page_t *page) {
    struct timeval later = {.tv_usec = RETRY_MS * 1000};
    if (page->retry == NULL) {
        page->retry = event_new(page->feed->hub->bridge->base, -1, 0, ask_again, page);
        CHECK(page->retry != NULL, "out of memory");
    }
    event_add(page->retry, &later);
}

/* What may not be read any more, or is no page, is the feed's to end. */
static bool passes_again(doran_code_t code) {
    return code == DORAN_OK || status_retryable((status_t)code);
}

static void take_page(void *context, const doran_reply_t *reply) {
    page_t *page = context;
    listener_t *listener = page->listener;
    tape_t *tape = page->feed->hub->bridge->tape;
    if (listener == NULL) {
        end_page(page);
        return;
    }
    if (reply->code == DORAN_OK && tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK) {
        listener->page = NULL;
        page->listener = NULL;
        give_page(listener);
        end_page(page);
    } else if (passes_again(reply->code)) {
        ask_later(page);
    } else {
        end(listener, reply->code, reply->text);
        end_page(page);
    }
}

/* {after, limit} */
static void ask_page(page_t *page) {
    uint8_t bytes[64];
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 2);
    pack_cstring(&body, "after");
    pack_u64(&body, page->listener->position.seq);
    pack_cstring(&body, "limit");
    pack_u64(&body, PAGE_ENTRIES);
    CHECK(pack_ok(&body), "over %zu bytes", sizeof bytes);
    doran_code_t code = doran_submit(people_client(page->feed->person), page->feed->topic, "history", body.ptr,
                                     body.len, 0, take_page, page);
    pump_wake(page->feed->hub->bridge->pump);
    if (code != DORAN_OK) {
        ask_later(page); /* too much is in flight; or the person may act no more, which the feed will say */
    }
}

void hub_resume(listener_t *listener) {
    if (listener->state == LISTENER_FULL && listener->page == NULL &&
        listener->position.log_epoch == listener->feed->position.log_epoch) {
        compare(listener);
    }
}

/* Beginning. */

static void begin_at(listener_t *listener, hub_result_t result, doran_position_t position) {
    forget_page(listener);
    listener->position = position;
    listener->has_position = true;
    listener->state = LISTENER_ON;
    listener->calls->begun(listener, result, position);
}

static void begin(listener_t *listener) {
    doran_position_t now = listener->feed->position, from = listener->position;
    if (!listener->has_position || from.log_epoch != now.log_epoch || from.seq > now.seq) {
        begin_at(listener, HUB_RESET, now);
    } else if (now.seq - from.seq > listener->missed_max) {
        take_off(listener);
        listener->calls->begun(listener, HUB_PAGED, now);
    } else {
        begin_at(listener, HUB_RECOVERED, from);
        if (listener->state == LISTENER_ON) {
            compare(listener);
        }
    }
}

/* What the feed hears. */

static void give_to_all(feed_t *feed, const doran_event_t *event) {
    listener_t *listener, *next;
    if (!make_event(feed->hub, event)) {
        return;
    }
    for (listener = TAILQ_FIRST(&feed->listeners); listener != NULL; listener = next) {
        next = TAILQ_NEXT(listener, in_feed);
        if (listener->state == LISTENER_ON && event->position.seq > listener->position.seq) {
            give(listener, event->position);
        }
    }
}

static void begin_all(feed_t *feed) {
    listener_t *listener, *next;
    for (listener = TAILQ_FIRST(&feed->listeners); listener != NULL; listener = next) {
        next = TAILQ_NEXT(listener, in_feed);
        if (listener->state == LISTENER_WAITING) {
            begin(listener);
        } else {
            begin_at(listener, HUB_RESET, feed->position);
        }
    }
}

static void end_all(feed_t *feed, const doran_event_t *event) {
    listener_t *listener;
    while ((listener = TAILQ_FIRST(&feed->listeners)) != NULL) {
        end(listener, event->code, event->text);
    }
}

static void take_notice(void *context, const doran_event_t *event) {
    feed_t *feed = context;
    feed->used += 1;
    switch (event->notice) {
    case DORAN_EVENT:
        feed->position = event->position;
        give_to_all(feed, event);
        break;
    case DORAN_SUBSCRIBED:
        break;
    case DORAN_RESET:
        feed->position = event->position;
        feed->begun = true;
        begin_all(feed);
        break;
    case DORAN_ENDED:
        forget(feed);
        end_all(feed, event);
        break;
    }
    feed->used -= 1;
    settle(feed);
}

/* Coming. */

static size_t name_of(feed_name_t *name, person_t *person, span_t room) {
    *name = (feed_name_t){.person = person};
    snprintf(name->topic, sizeof name->topic, ROOM_TOPIC "%.*s", (int)room.len, (const char *)room.ptr);
    return offsetof(feed_name_t, topic) + strlen(name->topic);
}

static void remember(feed_t *feed, size_t name_bytes) {
    HASH_ADD_KEYPTR(hh, feed->hub->feeds, &feed->person, name_bytes, feed);
}

/* NULL: not possible, because of *code. */
static feed_t *new_feed(hub_t *self, const feed_name_t *name, size_t name_bytes, doran_code_t *code) {
    feed_t *feed = calloc(1, sizeof *feed + strlen(name->topic) + 1);
    CHECK(feed != NULL, "out of memory");
    feed->hub = self;
    memcpy(feed->topic, name->topic, strlen(name->topic));
    TAILQ_INIT(&feed->listeners);
    *code = doran_subscribe(people_client(name->person), feed->topic, NULL, take_notice, feed, &feed->subscription);
    if (*code != DORAN_OK) {
        free(feed);
        return NULL;
    }
    feed->person = people_hold(name->person);
    remember(feed, name_bytes);
    pump_wake(self->bridge->pump);
    return feed;
}

bool hub_listen(hub_t *self, listener_t *listener, const listener_calls_t *calls, person_t *person, span_t room,
                const doran_position_t *after, uint64_t missed_max, doran_code_t *code) {
    feed_name_t name;
    feed_t *feed;
    size_t name_bytes = name_of(&name, person, room);
    HASH_FIND(hh, self->feeds, &name, name_bytes, feed);
    if (feed == NULL && (feed = new_feed(self, &name, name_bytes, code)) == NULL) {
        return false;
    }
    *listener = (listener_t){.calls = calls, .feed = feed, .missed_max = missed_max, .state = LISTENER_WAITING};
    if (after != NULL) {
        listener->has_position = true;
        listener->position = *after;
    }
    TAILQ_INSERT_TAIL(&feed->listeners, listener, in_feed);
    feed->used += 1;
    if (feed->begun) {
        begin(listener);
    }
    feed->used -= 1;
    settle(feed);
    return true;
}

hub_t *hub_new(bridge_t *bridge) {
    hub_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->bridge = bridge;
    return self;
}

void hub_destroy(hub_t **self_p) {
    hub_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        free(self->made);
        free(self);
    }
}
