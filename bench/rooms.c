/* SPDX-License-Identifier: MIT */
/*
 * A post's text begins with its name among all posts of this run and the time when it was to be sent; a closing's with
 * what was posted before it:
 *
 *   post     "+" name (16 hex digits) " " µs (16 hex digits) " " filler up to --size
 *   closing  "=" sum of names (16) " " how many were acknowledged (16) " " how many have no outcome (16)
 */
#include "bench/rooms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/deliveries.h"
#include "bench/ledger.h"
#include "schemas/address.h"
#include "tools/client/clock.h"

enum {
    PREPARE_MS = 30000,
    SUBSCRIBED_US = 60000000, /* for all subscriptions of a worker */
    CLOSED_US = 60000000,     /* for everything that is on its way in the end */
    WAIT_US = 100000,
    NAME_BITS = 40, /* of a name, below the worker's index */
    TEXT_ROOM = ROOM_TEXT_BYTES_MAX + 1,
};

enum { POST_MARK = '+', CLOSING_MARK = '=', POST_WORDS = 2, CLOSING_WORDS = 3, WORD_DIGITS = 16 };
#define WORD "%016" PRIx64
#define POST_FORMAT "%c" WORD " " WORD " "
#define CLOSING_FORMAT "%c" WORD " " WORD " " WORD

/* A room that a worker listens to. */
typedef struct listener {
    worker_t *worker;
    doran_subscription_t *subscription;
    uint32_t room; /* among all, from 0 */
    bool on;
    deliveries_t deliveries;
} listener_t;

typedef struct rooms {
    ledger_t *ledger;
    posts_t *posts; /* of the rooms of its own */
    listener_t *listeners;
    uint32_t listener_count;
    uint32_t waiting; /* listeners that are not yet on, or not yet closed */
    bool clocked;
    uint64_t run;  /* so that no other run has the same client ids */
    uint64_t sent; /* posts in the measured part */
    char text[TEXT_ROOM];
} rooms_t;

static rooms_t *rooms_of(worker_t *self) {
    return self->state;
}

static void address_of(uint32_t room, char address[KIND_BYTES_MAX + KEY_BYTES_MAX]) {
    snprintf(address, KIND_BYTES_MAX + KEY_BYTES_MAX, "room/bench-%07u", room + 1);
}

static uint64_t name_of(const worker_t *self, uint64_t number) {
    return ((uint64_t)self->index << NAME_BITS) + number + 1;
}

static void fail_with(worker_t *self, uint32_t room, const char *method, const char *code, const char *text) {
    worker_fail(self, "room/bench-%07u %s: %s: %s", room + 1, method, code, text);
}

/* Listening. */

static bool read_number(const tape_t *tape, const char *field, uint64_t *number) {
    uint32_t token = tape_find(tape, 0, field);
    if (token == 0 || tape->tokens[token].type != TOKEN_U64) {
        return false;
    }
    *number = tape->tokens[token].u64;
    return true;
}

static bool read_text(const tape_t *tape, char text[TEXT_ROOM]) {
    uint32_t token = tape_find(tape, 0, "text");
    if (token == 0 || tape->tokens[token].type != TOKEN_TEXT || tape->tokens[token].len >= TEXT_ROOM) {
        return false;
    }
    memcpy(text, tape->tokens[token].ptr, tape->tokens[token].len);
    text[tape->tokens[token].len] = 0;
    return true;
}

static void begin_listening(listener_t *self, const doran_event_t *event, const tape_t *tape) {
    uint64_t number;
    if (self->on) { /* events were lost in between, or the log is another one */
        self->deliveries.verdict.gaps += 1;
    } else if (!read_number(tape, "number", &number)) {
        fail_with(self->worker, self->room, "subscribe", "internal", "The answer has no number.");
    } else {
        self->on = true;
        deliveries_begin(&self->deliveries, event->position.seq, number);
        rooms_of(self->worker)->waiting -= 1;
    }
}

static void take_delivery(worker_t *self, uint64_t intended_us) {
    uint64_t now_us = clock_us();
    self->delivered += 1;
    if (rooms_of(self)->clocked) {
        histogram_record(&self->latency, now_us > intended_us ? now_us - intended_us : 0);
        self->last_us = now_us;
    }
}

/* Hex digits behind the mark, divided by spaces. */
static bool read_words(const char *text, char mark, uint64_t words[], size_t count) {
    for (size_t i = 0; i < count; i++, mark = ' ') {
        char *end;
        if (*text != mark) {
            return false;
        }
        words[i] = strtoull(text + 1, &end, 16);
        if (end != text + 1 + WORD_DIGITS) {
            return false;
        }
        text = end;
    }
    return true;
}

static void take_post(listener_t *self, uint64_t number, const char *text) {
    uint64_t words[CLOSING_WORDS];
    if (read_words(text, POST_MARK, words, POST_WORDS)) {
        deliveries_post(&self->deliveries, number, words[0]);
        take_delivery(self->worker, words[1]);
    } else if (read_words(text, CLOSING_MARK, words, CLOSING_WORDS)) {
        posts_t posts = {.sum = words[0], .acknowledged = words[1], .unknown = words[2]};
        deliveries_close(&self->deliveries, number, &posts);
        rooms_of(self->worker)->waiting -= 1;
    } else {
        self->deliveries.verdict.doubled += 1; /* nobody posted it */
    }
}

static void take_event(listener_t *self, const doran_event_t *event, const tape_t *tape) {
    char *text = rooms_of(self->worker)->text;
    uint64_t number;
    if (!deliveries_entry(&self->deliveries, event->position.seq) || strcmp(event->type, "message") != 0) {
        return;
    }
    if (read_number(tape, "number", &number) && read_text(tape, text)) {
        take_post(self, number, text);
    } else {
        fail_with(self->worker, self->room, "message", "internal", "The event cannot be read.");
    }
}

static void on_event(void *context, const doran_event_t *event) {
    listener_t *self = context;
    token_t tokens[TAPE_TOP_TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    size_t consumed;
    if (event->notice == DORAN_ENDED) {
        fail_with(self->worker, self->room, "subscribe", doran_code_name(event->code), event->text);
        return;
    }
    if (tape_read_top(&tape, span_of(event->body, event->body_bytes), &consumed) != STATUS_OK) {
        fail_with(self->worker, self->room, event->type, "internal", "The event cannot be read.");
        return;
    }
    switch (event->notice) {
    case DORAN_EVENT:
        take_event(self, event, &tape);
        return;
    case DORAN_RESET:
        begin_listening(self, event, &tape);
        return;
    case DORAN_SUBSCRIBED:
    case DORAN_ENDED:
        return;
    }
}

/* Until all listeners have what they wait for; false if some never do. */
static bool wait_for_listeners(worker_t *self, uint64_t limit_us) {
    const rooms_t *rooms = rooms_of(self);
    for (limit_us += clock_us(); rooms->waiting > 0 && self->problem[0] == 0 && clock_us() < limit_us;) {
        (void)client_run(self->client, clock_us() + WAIT_US);
    }
    return rooms->waiting == 0;
}

/* prepare */

/* Whoever listens makes the room, so that nobody has to wait for its owner. */
static doran_code_t submit_create(worker_t *self, slot_t *slot) {
    static const char *const fields[][2] = {
        {"name", "Bench"}, {"kind", "group"}, {"visibility", "public"}, {"owner", "bench"}};
    char address[KIND_BYTES_MAX + KEY_BYTES_MAX];
    pack_t body = pack_into(self->request, self->request_bytes);
    pack_map(&body, ARRAY_LENGTH(fields));
    for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
        pack_cstring(&body, fields[i][0]);
        pack_cstring(&body, fields[i][1]);
    }
    address_of(rooms_of(self)->listeners[slot->number].room, address);
    return worker_submit(self, slot, address, "create", &body, PREPARE_MS);
}

static void answered_create(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    if (reply->code != DORAN_OK && reply->code != DORAN_CONFLICT) {
        fail_with(self, rooms_of(self)->listeners[slot->number].room, "create", doran_code_name(reply->code),
                  reply->text);
    }
}

/* Is this worker one of those who listen to the room? Its owner is the first of them. */
static bool listens(const worker_t *self, uint32_t room) {
    uint32_t clients = self->options->clients, owner = room % clients;
    return (self->index + clients - owner) % clients < self->options->subscribers;
}

static void choose_rooms(worker_t *self, rooms_t *rooms) {
    uint32_t room_count = self->options->actors;
    rooms->listeners = calloc(room_count, sizeof *rooms->listeners);
    CHECK(rooms->listeners != NULL, "no memory for %u rooms", room_count);
    for (uint32_t room = 0; room < room_count; room++) {
        if (listens(self, room)) {
            rooms->listeners[rooms->listener_count++] = (listener_t){.worker = self, .room = room};
        }
    }
}

static bool subscribe_all(worker_t *self) {
    rooms_t *rooms = rooms_of(self);
    char address[KIND_BYTES_MAX + KEY_BYTES_MAX];
    rooms->waiting = rooms->listener_count;
    for (uint32_t i = 0; i < rooms->listener_count; i++) {
        listener_t *listener = &rooms->listeners[i];
        address_of(listener->room, address);
        doran_code_t code = doran_subscribe(self->client, address, NULL, on_event, listener, &listener->subscription);
        if (code != DORAN_OK) {
            fail_with(self, listener->room, "subscribe", doran_code_name(code), "The client refuses.");
            return false;
        }
    }
    if (!wait_for_listeners(self, SUBSCRIBED_US)) {
        worker_fail(self, "%u subscriptions were not answered.", rooms->waiting);
    }
    return self->problem[0] == 0;
}

/* Numbers count on from where the rooms are. */
static void begin_ledger(worker_t *self) {
    rooms_t *rooms = rooms_of(self);
    for (uint32_t i = 0; i < rooms->listener_count; i++) {
        const listener_t *listener = &rooms->listeners[i];
        if (listener->room % self->options->clients == self->index) {
            ledger_begin(rooms->ledger, listener->room / self->options->clients, listener->deliveries.base);
        }
    }
}

bool rooms_prepare(worker_t *self) {
    rooms_t *rooms = self->state = calloc(1, sizeof *rooms);
    CHECK(rooms != NULL, "no memory");
    rooms->ledger = ledger_new(self->actors);
    rooms->posts = calloc(self->actors, sizeof *rooms->posts);
    CHECK(rooms->posts != NULL, "no memory for %u rooms", self->actors);
    rooms->run = random_next(&self->random);
    choose_rooms(self, rooms);
    pass_t make = {
        .submit = submit_create, .answered = answered_create, .count = rooms->listener_count, .end_us = UINT64_MAX};
    if (!worker_pass(self, &make) || !subscribe_all(self)) {
        return false;
    }
    begin_ledger(self);
    return true;
}

bool rooms_prepare_clocked(worker_t *self) {
    bool prepared = rooms_prepare(self);
    rooms_of(self)->clocked = true;
    return prepared;
}

/* measured */

static doran_code_t submit_text(worker_t *self, slot_t *slot, uint64_t number, span_t text) {
    char address[KIND_BYTES_MAX + KEY_BYTES_MAX], client_id[64];
    address_of(slot->actor * self->options->clients + self->index, address);
    snprintf(client_id, sizeof client_id, "%016" PRIx64 "-%" PRIx64, rooms_of(self)->run, number);
    pack_t body = pack_into(self->request, self->request_bytes);
    pack_map(&body, 2);
    pack_cstring(&body, "client_id");
    pack_cstring(&body, client_id);
    pack_cstring(&body, "text");
    pack_text(&body, text);
    return worker_submit(self, slot, address, "post", &body, 0);
}

doran_code_t rooms_submit(worker_t *self, slot_t *slot) {
    rooms_t *rooms = rooms_of(self);
    slot->actor = random_below(&self->random, self->actors);
    int len = snprintf(rooms->text, sizeof rooms->text, POST_FORMAT, POST_MARK, name_of(self, slot->number),
                       slot->intended_us);
    CHECK((uint32_t)len <= self->options->size, "a text of %u bytes", self->options->size);
    memset(rooms->text + len, 'x', self->options->size - (uint32_t)len);
    return submit_text(self, slot, slot->number, span_of(rooms->text, self->options->size));
}

static void acknowledge(worker_t *self, const slot_t *slot, uint64_t sequence, const doran_reply_t *reply) {
    tape_t tape;
    uint64_t number = 0;
    if (!worker_read(self, reply, &tape) || !read_number(&tape, "number", &number)) {
        worker_fail(self, "An answer about a post has no number.");
        return;
    }
    ledger_acknowledge(rooms_of(self)->ledger, slot->actor, sequence, number, client_sends(self->client) == 1);
}

void rooms_answered(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    rooms_t *rooms = rooms_of(self);
    posts_t *posts = &rooms->posts[slot->actor];
    rooms->sent = rooms->sent > slot->number ? rooms->sent : slot->number + 1;
    if (reply->code == DORAN_OK) {
        posts->acknowledged += 1;
        posts->sum += deliveries_scatter(name_of(self, slot->number));
        acknowledge(self, slot, slot->number, reply);
    } else if (reply->code == DORAN_DEADLINE_EXCEEDED) {
        posts->unknown += 1;
        ledger_unknown(rooms->ledger, slot->actor);
    }
}

/* judge */

static doran_code_t submit_closing(worker_t *self, slot_t *slot) {
    rooms_t *rooms = rooms_of(self);
    slot->actor = (uint32_t)slot->number;
    const posts_t *posts = &rooms->posts[slot->actor];
    int len = snprintf(rooms->text, sizeof rooms->text, CLOSING_FORMAT, CLOSING_MARK, posts->sum, posts->acknowledged,
                       posts->unknown);
    return submit_text(self, slot, rooms->sent + slot->number, span_of(rooms->text, (size_t)len));
}

static void answered_closing(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    if (reply->code == DORAN_OK) {
        acknowledge(self, slot, rooms_of(self)->sent + slot->number, reply);
        ledger_unseen(rooms_of(self)->ledger, slot->actor);
    } else {
        fail_with(self, slot->actor * self->options->clients + self->index, "post", doran_code_name(reply->code),
                  reply->text);
    }
}

/* Others may have closed their rooms already. */
static void count_open(rooms_t *rooms) {
    rooms->waiting = 0;
    for (uint32_t i = 0; i < rooms->listener_count; i++) {
        rooms->waiting += !rooms->listeners[i].deliveries.closed;
    }
}

bool rooms_judge(worker_t *self) {
    rooms_t *rooms = rooms_of(self);
    pass_t close = {
        .submit = submit_closing, .answered = answered_closing, .count = self->actors, .end_us = UINT64_MAX};
    count_open(rooms);
    if (!worker_pass(self, &close)) {
        return false;
    }
    if (!wait_for_listeners(self, CLOSED_US) && self->problem[0] == 0) {
        self->verdict.lost += rooms->waiting; /* at least the closings */
    }
    for (uint32_t i = 0; i < rooms->listener_count; i++) {
        verdict_add(&self->verdict, &rooms->listeners[i].deliveries.verdict);
    }
    verdict_add(&self->verdict, ledger_verdict(rooms->ledger));
    return self->problem[0] == 0;
}

void rooms_clean(worker_t *self) {
    rooms_t *rooms = rooms_of(self);
    if (rooms != NULL) {
        for (uint32_t i = 0; i < rooms->listener_count; i++) {
            doran_unsubscribe(&rooms->listeners[i].subscription);
        }
        ledger_destroy(&rooms->ledger);
        free(rooms->posts);
        free(rooms->listeners);
        free(rooms);
    }
}
