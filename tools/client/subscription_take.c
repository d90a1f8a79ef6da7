/* SPDX-License-Identifier: MIT */
/*
 * What subscriptions are told.
 *
 * The server sends state and events of a topic in one order, and each event once to a peer however many subscribe
 * there. So the reply to `subscribe` says up to where its items go, the next event is the one after, and whatever comes
 * for a topic before that reply belongs to a subscription of before: it is in the reply as well, and passed over here.
 *
 * A program that calls doran_call inside on_event makes frames be read inside the giving of an event. What comes then
 * for a subscription is not given, which would be out of order or without end, but makes it LATE: it asks when on_event
 * has returned.
 *
 * Paging is asking again: each `paged` reply brings the page behind our position.
 */
#include "tools/client/subscription_inside.h"

enum { MAP_HEAD_BYTES = 5 };

/* Giving events. */

/* The fields of the map at 0 but those of the envelope around an event, in scratch. */
static span_t record_of(subscriptions_t *self, const tape_t *tape, bool item) {
    size_t room = tape->input.len + MAP_HEAD_BYTES;
    if (self->scratch_bytes < room) {
        free(self->scratch);
        self->scratch = malloc(room);
        self->scratch_bytes = room;
        CHECK(self->scratch != NULL, "no memory for %zu bytes", room);
    }
    uint32_t left_out[2] = {tape_find(tape, 0, "log_epoch"), item ? tape_find(tape, 0, "type") : 0};
    pack_t body = pack_into(self->scratch, room);
    pack_map(&body, tape->tokens[0].len - (left_out[0] > 0) - (left_out[1] > 0));
    for (uint32_t key = 1; key < tape->count; key = tape->tokens[key + 1].next) {
        if (key + 1 != left_out[0] && key + 1 != left_out[1]) {
            pack_raw(&body, tape_raw(tape, key));
            pack_raw(&body, tape_raw(tape, key + 1));
        }
    }
    CHECK(pack_ok(&body), "over %zu bytes", room);
    return pack_bytes(&body);
}

static bool number_at(const tape_t *tape, const char *name, uint64_t *number) {
    uint32_t at = tape_find(tape, 0, name);
    if (at == 0 || tape->tokens[at].type != TOKEN_U64) {
        return false;
    }
    *number = tape->tokens[at].u64;
    return true;
}

/* As a C string in text. */
static bool text_at(const tape_t *tape, const char *name, char text[METHOD_BYTES_MAX + 1]) {
    uint32_t at = tape_find(tape, 0, name);
    if (at == 0 || tape->tokens[at].type != TOKEN_TEXT || tape->tokens[at].len > METHOD_BYTES_MAX) {
        return false;
    }
    memcpy(text, tape->tokens[at].ptr, tape->tokens[at].len);
    text[tape->tokens[at].len] = 0;
    return true;
}

static bool read_map(tape_t *tape, span_t bytes, size_t *consumed) {
    return tape_read_top(tape, bytes, consumed) == STATUS_OK && tape->tokens[0].type == TOKEN_MAP;
}

/* The event that comes next, or one that was there. False: there is a gap before it. */
static bool give(doran_subscription_t *self, const doran_event_t *event) {
    if (event->position.log_epoch != self->position.log_epoch || event->position.seq > self->position.seq + 1) {
        return false;
    }
    if (event->position.seq == self->position.seq + 1) {
        self->position = event->position;
        subscription_tell(self, event);
    }
    return true;
}

static void take_event(doran_subscription_t *self, const doran_event_t *event) {
    if (self->state != SUBSCRIPTION_ON) {
        return;
    }
    if (self->exchange->subscriptions.inside > 1) {
        subscription_be_late(self);
    } else if (!give(self, event)) {
        subscription_ask(self);
    }
}

static void lagged(topic_t *topic) {
    doran_subscription_t *self;
    TAILQ_FOREACH(self, &topic->subscriptions, in_topic) {
        if (self->state == SUBSCRIPTION_ON) {
            subscription_ask(self);
        }
    }
}

static void take_all(exchange_t *exchange, const topic_t *topic, const doran_event_t *event) {
    doran_subscription_t *self;
    exchange->subscriptions.inside += 1;
    TAILQ_FOREACH(self, &topic->subscriptions, in_topic) {
        take_event(self, event);
    }
    exchange->subscriptions.inside -= 1;
}

void subscriptions_take(exchange_t *exchange, const envelope_t *envelope) {
    subscriptions_t *subscriptions = &exchange->subscriptions;
    topic_t *topic = topic_find(subscriptions, (address_t){.kind = envelope->kind, .key = envelope->key});
    if (topic == NULL) {
        return;
    }
    if (span_equal(envelope->method, span_text("lagged"))) {
        lagged(topic);
        return;
    }
    token_t tokens[TAPE_TOP_TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = TAPE_TOP_TOKENS};
    size_t consumed;
    char type[METHOD_BYTES_MAX + 1] = "";
    doran_event_t event = {.notice = DORAN_EVENT, .topic = topic->name, .type = type, .text = ""};
    if (!read_map(&tape, envelope->body, &consumed) || !number_at(&tape, "log_epoch", &event.position.log_epoch) ||
        !number_at(&tape, "seq", &event.position.seq)) {
        return; /* of a kind that is not kept, from a newer server */
    }
    memcpy(type, envelope->method.ptr, envelope->method.len);
    if (subscriptions->inside == 0) {
        span_t record = record_of(subscriptions, &tape, false);
        event.body = record.ptr;
        event.body_bytes = record.len;
    }
    take_all(exchange, topic, &event);
}

/* Something about the subscription itself. */
static void notify(doran_subscription_t *self, doran_notice_t notice, span_t body) {
    subscription_tell(self, &(doran_event_t){.notice = notice,
                                             .topic = self->topic->name,
                                             .type = "",
                                             .position = self->position,
                                             .body = body.ptr,
                                             .body_bytes = body.len,
                                             .text = ""});
}

/* Taking the answer to `subscribe`. */

typedef struct answer {
    doran_position_t position;
    char result[METHOD_BYTES_MAX + 1];
    span_t items; /* what follows the head of the array */
    uint32_t count;
    span_t body;
} answer_t;

static bool read_answer(const doran_reply_t *reply, answer_t *answer) {
    token_t tokens[TAPE_TOP_TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = TAPE_TOP_TOKENS};
    size_t consumed;
    *answer = (answer_t){.body = span_of(reply->body, reply->body_bytes)};
    if (!read_map(&tape, answer->body, &consumed) || !number_at(&tape, "log_epoch", &answer->position.log_epoch) ||
        !number_at(&tape, "seq", &answer->position.seq) || !text_at(&tape, "result", answer->result)) {
        return false;
    }
    uint32_t items = tape_find(&tape, 0, "items");
    if (items == 0) {
        return true;
    }
    answer->items = tape_raw(&tape, items);
    return tape_take_array(&answer->items, &answer->count) == STATUS_OK;
}

/* Gives the items while nothing comes between: the program may leave, or make us miss something. */
static void give_items(doran_subscription_t *self, const answer_t *answer) {
    token_t tokens[TAPE_TOP_TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = TAPE_TOP_TOKENS};
    char type[METHOD_BYTES_MAX + 1];
    span_t rest = answer->items;
    subscription_state_t state = self->state;
    for (uint32_t i = 0; i < answer->count && self->state == state && self->errand.state == ERRAND_IDLE; i++) {
        size_t consumed = 0;
        doran_event_t event = {.notice = DORAN_EVENT,
                               .topic = self->topic->name,
                               .type = type,
                               .position.log_epoch = answer->position.log_epoch,
                               .text = ""};
        if (!read_map(&tape, rest, &consumed) || !number_at(&tape, "seq", &event.position.seq) ||
            !text_at(&tape, "type", type)) {
            return;
        }
        span_t record = record_of(&self->exchange->subscriptions, &tape, true);
        event.body = record.ptr;
        event.body_bytes = record.len;
        if (!give(self, &event)) {
            return;
        }
        rest = span_of(rest.ptr + consumed, rest.len - consumed);
    }
}

/* What was missed, or a page of it; if that is all, we are on. What does not fit together is asked for again, after
   some time. */
static void recover(doran_subscription_t *self, const answer_t *answer, bool paged) {
    subscription_state_t state = paged ? SUBSCRIPTION_ASKING : SUBSCRIPTION_ON;
    uint64_t before = self->position.seq;
    subscription_set(self, state);
    give_items(self, answer);
    if (self->state != state || self->errand.state != ERRAND_IDLE) {
        return;
    }
    if (!paged && self->position.seq == answer->position.seq) {
        notify(self, DORAN_SUBSCRIBED, answer->body);
    } else if (paged && self->position.seq > before) {
        errand_start(&self->errand);
    } else {
        subscription_set(self, SUBSCRIPTION_ASKING);
        errand_start_later(&self->errand);
    }
}

static void take_answer(doran_subscription_t *self, const doran_reply_t *reply) {
    answer_t answer;
    bool readable = read_answer(reply, &answer);
    bool paged = readable && strcmp(answer.result, "paged") == 0;
    bool reset = readable && strcmp(answer.result, "reset") == 0;
    if (!paged && !reset && (!readable || strcmp(answer.result, "recovered") != 0)) {
        subscription_end(self, DORAN_INTERNAL, "The answer makes no sense to this client", answer.body);
        return;
    }
    bool goes_on = self->has_position && answer.position.log_epoch == self->position.log_epoch &&
                   answer.position.seq >= self->position.seq;
    if (reset || (!paged && !goes_on)) {
        self->position = answer.position;
        self->has_position = true;
        subscription_set(self, SUBSCRIPTION_ON);
        notify(self, DORAN_RESET, answer.body);
    } else {
        recover(self, &answer, paged);
    }
}

void subscription_answered(void *owner, exchange_t *exchange, const doran_reply_t *reply) {
    doran_subscription_t *self = owner;
    if (self->state == SUBSCRIPTION_LEAVING) {
        subscription_go(self);
        return;
    }
    if (exchange->subscriptions.inside > 0) {
        subscription_be_late(self); /* the answer will come again */
        return;
    }
    exchange->subscriptions.inside += 1;
    if (reply->code == DORAN_OK) {
        take_answer(self, reply);
    } else {
        subscription_end(self, reply->code, reply->text, span_of(reply->body, reply->body_bytes));
    }
    exchange->subscriptions.inside -= 1;
}
