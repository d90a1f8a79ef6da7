/* SPDX-License-Identifier: MIT */
/*
 * node: a kind of the tests' own, whose actors do what they are told: send, hold, answer, set timers, publish, fail
 * afterwards. A node writes down in keys of its own what it sent ("o" and a count), what it took ("i" and a count),
 * which tokens it holds ("h" and a number). Bodies are one record:
 *
 *   number   tells messages, holds and timers apart; what several are made from counts on from it
 *   count    how many; of a TAKE: how often it is handed on
 *   mode     see below
 *   when     of a timer, ms since 1970; of a GO: the count of its TAKEs
 *   to       keys of nodes, or numbers, with commas between
 *   text     anything
 */
#ifndef DORAN_TESTS_ACTORS_NODE_H
#define DORAN_TESTS_ACTORS_NODE_H

#include "actors/turn.h"
#include "tests/actors/shard_fixture.h"

typedef struct node_ask {
    uint64_t present;
    uint64_t number, count, mode, when;
    span_t to, text;
} node_ask_t;

enum {
    ASK_NUMBER = 1 << 0,
    ASK_COUNT = 1 << 1,
    ASK_MODE = 1 << 2,
    ASK_WHEN = 1 << 3,
    ASK_TO = 1 << 4,
    ASK_TEXT = 1 << 5
};

enum node_mode {
    MODE_FAIL = 1,   /* after everything */
    MODE_CANCEL = 2, /* the timer, in the same turn */
    MODE_AGAIN = 4,  /* the timer that fires sets itself for `when` of its message */
    MODE_WORK = 8,   /* order work, too */
};

#define NODE_NUMBER(name_)                                                                                             \
    { .name = #name_, .type = FIELD_U64, .offset = offsetof(node_ask_t, name_), .max = UINT64_MAX }
#define NODE_TEXT(name_)                                                                                               \
    { .name = #name_, .type = FIELD_TEXT, .offset = offsetof(node_ask_t, name_), .max = KIB(60) }
static const field_t node_fields[] = {NODE_NUMBER(number), NODE_NUMBER(count), NODE_NUMBER(mode),
                                      NODE_NUMBER(when),   NODE_TEXT(to),      NODE_TEXT(text)};
static const record_t record_node = {.name = "node",
                                     .version = 1,
                                     .struct_bytes = sizeof(node_ask_t),
                                     .fields = node_fields,
                                     .field_count = ARRAY_LENGTH(node_fields)};

typedef struct node_event {
    uint64_t present;
    uint64_t seq;
} node_event_t;
static const field_t node_event_fields[] = {
    {.name = "seq", .type = FIELD_U64, .offset = offsetof(node_event_t, seq), .max = UINT64_MAX, .flags = REQUIRED}};
static const record_t record_node_event = {.name = "node_event",
                                           .version = 1,
                                           .struct_bytes = sizeof(node_event_t),
                                           .fields = node_event_fields,
                                           .field_count = 1};

enum node_method {
    NODE_GO,        /* sends `count` TAKEs to the nodes `to`, in turn */
    NODE_TAKE,      /* writes it down; hands it on while there is a count */
    NODE_HOLD,      /* holds, and lets the node `to` ASK; without `to` it only holds */
    NODE_ASK,       /* sends a BACK to the node `to` */
    NODE_BACK,      /* answers the hold `number` */
    NODE_ANSWER,    /* answers the holds `to`; to those with `text` an error of it */
    NODE_AT,        /* sets a timer of the tag `text` */
    NODE_CANCEL,    /* cancels it */
    NODE_FIRE,      /* the timer fires */
    NODE_PUBLISH,   /* `count` events, from `number` on */
    NODE_SUBSCRIBE, /* to them */
    NODE_WORKED,    /* the result of work */
    NODE_LOOP,      /* sends itself on to the node `to`, for ever */
    NODE_LOG,       /* reads what it took */
    NODE_METHODS
};

#define NODE_METHOD(name_, flags_)                                                                                     \
    {                                                                                                                  \
        .name = (name_), .request = &record_node, .reply = &record_node, .flags = (flags_),                            \
        .roles = ROLE_ANY | ROLE_ACTOR                                                                                 \
    }
static const method_t node_methods[NODE_METHODS] = {
    [NODE_GO] = NODE_METHOD("go", WRITE),
    [NODE_TAKE] = NODE_METHOD("take", WRITE),
    [NODE_HOLD] = NODE_METHOD("hold", WRITE),
    [NODE_ASK] = NODE_METHOD("ask", WRITE),
    [NODE_BACK] = NODE_METHOD("back", WRITE),
    [NODE_ANSWER] = NODE_METHOD("answer", WRITE),
    [NODE_AT] = NODE_METHOD("at", WRITE),
    [NODE_CANCEL] = NODE_METHOD("cancel", WRITE),
    [NODE_FIRE] = NODE_METHOD("fire", WRITE),
    [NODE_PUBLISH] = NODE_METHOD("publish", WRITE),
    [NODE_SUBSCRIBE] = NODE_METHOD("subscribe", READ),
    [NODE_WORKED] = NODE_METHOD("worked", WRITE),
    [NODE_LOOP] = NODE_METHOD("loop", WRITE),
    [NODE_LOG] = NODE_METHOD("log", READ),
};
static const event_t node_events[] = {{.name = "happened", .record = &record_node_event}};
static const kind_t node_kind = {
    .name = "node", .methods = node_methods, .method_count = NODE_METHODS, .events = node_events, .event_count = 1};

/* Does the turn of this message fail? A test's own; NULL: none does. */
static bool (*node_fails)(turn_t *turn, uint32_t method, uint64_t number);
static uint32_t node_runs[NODE_METHODS]; /* of handlers, also of those that failed */

static status_t node_work_run(const work_place_t *place, const void *input, pack_t *result) {
    (void)place;
    record_encode(&record_node, input, result);
    return STATUS_OK;
}
static const work_t node_work = {.name = "node-work", .input = &record_node, .run = node_work_run};
static const work_t *const node_works[] = {&node_work, NULL};

#define NODE_TRY(call)                                                                                                 \
    do {                                                                                                               \
        status_t status_ = (call);                                                                                     \
        if (status_ != STATUS_OK)                                                                                      \
            return status_;                                                                                            \
    } while (0)

/* Takes what stands before the next comma off the list. */
static bool node_part(span_t *list, span_t *part) {
    if (list->len == 0) {
        return false;
    }
    const uint8_t *comma = memchr(list->ptr, ',', list->len);
    size_t len = comma == NULL ? list->len : (size_t)(comma - list->ptr);
    *part = span_of(list->ptr, len);
    *list = comma == NULL ? (span_t){0} : span_of(comma + 1, list->len - len - 1);
    return true;
}

static uint64_t node_number(span_t text) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
        number = 10 * number + (uint64_t)(text.ptr[i] - '0');
    }
    return number;
}

/* Appends a line to one of the logs. */
static status_t node_note(turn_t *turn, char log, span_t peer, uint64_t number) {
    char count_key[4], line_key[16], line[256];
    span_t count;
    uint32_t lines = 0;
    snprintf(count_key, sizeof count_key, "n%c", log);
    NODE_TRY(turn_get(turn, span_text(count_key), &count));
    if (count.ptr != NULL) {
        memcpy(&lines, count.ptr, sizeof lines);
    }
    snprintf(line_key, sizeof line_key, "%c%08u", log, lines++);
    snprintf(line, sizeof line, "%.*s:%lu", (int)peer.len, (const char *)peer.ptr, (unsigned long)number);
    NODE_TRY(turn_put(turn, span_text(line_key), span_text(line)));
    return turn_put(turn, span_text(count_key), span_of(&lines, sizeof lines));
}

static status_t node_send(turn_t *turn, span_t key, uint32_t method, const node_ask_t *ask) {
    NODE_TRY(node_note(turn, 'o', key, ask->number));
    return turn_send(turn, &node_kind, key, method, ask);
}

/* The end of each turn that is told to fail. */
static status_t node_end(turn_t *turn, const node_ask_t *asked, uint32_t method) {
    node_runs[method]++;
    if ((asked->mode & MODE_FAIL) != 0 || (node_fails != NULL && node_fails(turn, method, asked->number))) {
        return turn_fail(turn, STATUS_CONFLICT, "it was told to fail");
    }
    return STATUS_OK;
}

static status_t node_go(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    span_t list = asked->to, key;
    (void)state;
    for (uint64_t i = 0; i < asked->count; i++) {
        if (!node_part(&list, &key)) {
            list = asked->to;
            CHECK(node_part(&list, &key), "nobody to send to");
        }
        node_ask_t ask = {.present = ASK_NUMBER | ASK_COUNT | (asked->present & ASK_TEXT),
                          .number = asked->number + i,
                          .count = asked->when,
                          .text = asked->text};
        NODE_TRY(node_send(turn, key, NODE_TAKE, &ask));
    }
    node_ask_t work = {.present = ASK_NUMBER, .number = asked->number};
    if ((asked->mode & MODE_WORK) != 0) {
        NODE_TRY(turn_work(turn, &node_work, &work, NODE_WORKED));
    }
    NODE_TRY(turn_reply(turn, &work));
    return node_end(turn, asked, NODE_GO);
}

/* To whom a node hands a message on. */
static void node_next(uint64_t number, uint64_t count, char key[16]) {
    snprintf(key, 16, "n%lu", (unsigned long)((number * 7 + count * 31) % 256));
}

static status_t node_take(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    span_t kind, key;
    char next[16];
    (void)state;
    turn_sender(turn, &kind, &key);
    NODE_TRY(node_note(turn, 'i', key, asked->number));
    if (asked->count > 0) {
        node_ask_t ask = {.present = ASK_NUMBER | ASK_COUNT, .number = asked->number, .count = asked->count - 1};
        node_next(asked->number, asked->count, next);
        NODE_TRY(node_send(turn, span_text(next), NODE_TAKE, &ask));
    }
    return node_end(turn, asked, NODE_TAKE);
}

static void node_hold_key(uint64_t number, char key[32]) {
    snprintf(key, 32, "h%lu", (unsigned long)number);
}

static status_t node_hold(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    char key[32];
    (void)state;
    node_hold_key(asked->number, key);
    NODE_TRY(turn_put(turn, span_text(key), turn_hold(turn)));
    if (asked->to.len > 0) {
        node_ask_t ask = {.present = ASK_NUMBER | ASK_TO, .number = asked->number, .to = turn_key(turn)};
        NODE_TRY(node_send(turn, asked->to, NODE_ASK, &ask));
    }
    return node_end(turn, asked, NODE_HOLD);
}

static status_t node_ask(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    node_ask_t back = {.present = ASK_NUMBER, .number = asked->number};
    span_t kind, key;
    (void)state;
    turn_sender(turn, &kind, &key);
    NODE_TRY(node_note(turn, 'i', key, asked->number));
    NODE_TRY(node_send(turn, asked->to, NODE_BACK, &back));
    return node_end(turn, asked, NODE_ASK);
}

/* What a hold is answered with is what the answering turn knew: told apart by `count`. */
static status_t node_answer_one(turn_t *turn, uint64_t number, span_t error, uint64_t count) {
    node_ask_t reply = {.present = ASK_NUMBER | ASK_COUNT, .number = number, .count = count};
    char key[32], text[64];
    span_t token;
    node_hold_key(number, key);
    NODE_TRY(turn_get(turn, span_text(key), &token));
    if (token.ptr == NULL) {
        return STATUS_OK;
    }
    snprintf(text, sizeof text, "%.*s", (int)error.len, (const char *)error.ptr);
    NODE_TRY(error.len > 0 ? turn_fail_to(turn, token, STATUS_CONFLICT, text)
                           : turn_reply_to(turn, token, NODE_HOLD, &reply));
    return turn_del(turn, span_text(key));
}

static status_t node_back(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    span_t kind, key;
    (void)state;
    turn_sender(turn, &kind, &key);
    NODE_TRY(node_note(turn, 'i', key, asked->number));
    NODE_TRY(node_answer_one(turn, asked->number, (span_t){0}, turn_now(turn)));
    return node_end(turn, asked, NODE_BACK);
}

static status_t node_answer(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    span_t list = asked->to, part;
    (void)state;
    while (node_part(&list, &part)) {
        NODE_TRY(node_answer_one(turn, node_number(part), asked->text, asked->count));
    }
    return node_end(turn, asked, NODE_ANSWER);
}

static status_t node_at(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    node_ask_t fire = *asked;
    (void)state;
    fire.present = ASK_NUMBER | ASK_MODE | ASK_WHEN | (asked->present & ASK_TEXT);
    fire.mode = asked->mode & MODE_AGAIN;
    fire.when = asked->count;
    NODE_TRY(turn_at(turn, asked->when, NODE_FIRE, asked->text, &fire));
    if ((asked->mode & MODE_CANCEL) != 0) {
        NODE_TRY(turn_cancel(turn, NODE_FIRE, asked->text));
    }
    return node_end(turn, asked, NODE_AT);
}

static status_t node_cancel(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    (void)state;
    NODE_TRY(turn_cancel(turn, NODE_FIRE, asked->text));
    return node_end(turn, asked, NODE_CANCEL);
}

static status_t node_fire(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    node_ask_t next = {
        .present = ASK_NUMBER | (asked->present & ASK_TEXT), .number = asked->number + 1, .text = asked->text};
    (void)state;
    NODE_TRY(node_note(turn, 'i', span_text("timer"), asked->number));
    if ((asked->mode & MODE_AGAIN) != 0) {
        NODE_TRY(turn_at(turn, asked->when, NODE_FIRE, asked->text, &next));
    }
    return node_end(turn, asked, NODE_FIRE);
}

static status_t node_publish(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    (void)state;
    for (uint64_t i = 0; i < asked->count; i++) {
        node_event_t event = {.present = 1, .seq = asked->number + i};
        NODE_TRY(turn_publish(turn, 0, &event));
    }
    if (asked->count > 0 && (asked->mode & MODE_WORK) != 0) {
        NODE_TRY(turn_end_handles(turn));
    }
    return node_end(turn, asked, NODE_PUBLISH);
}

static status_t node_subscribe(turn_t *turn, const void *state, const void *request) {
    (void)state;
    turn_subscribe(turn);
    return node_end(turn, request, NODE_SUBSCRIBE);
}

static status_t node_worked(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    (void)state;
    NODE_TRY(node_note(turn, 'w', span_text("work"), asked->number));
    return node_end(turn, asked, NODE_WORKED);
}

static status_t node_loop(turn_t *turn, const void *state, const void *request) {
    const node_ask_t *asked = request;
    node_ask_t on = {.present = ASK_TO, .to = turn_key(turn)};
    (void)state;
    NODE_TRY(turn_send(turn, &node_kind, asked->to, NODE_LOOP, &on));
    return node_end(turn, asked, NODE_LOOP);
}

typedef struct node_listed {
    char text[KIB(60)];
    size_t bytes;
} node_listed_t;

static bool node_list_one(void *context, span_t subkey, span_t value) {
    node_listed_t *self = context;
    (void)subkey;
    size_t room = sizeof self->text - self->bytes;
    if (value.len + 2 > room) {
        return false;
    }
    self->bytes += (size_t)snprintf(self->text + self->bytes, room, "%.*s ", (int)value.len, (const char *)value.ptr);
    return true;
}

static status_t node_log(turn_t *turn, const void *state, const void *request) {
    static node_listed_t listed;
    (void)state, (void)request;
    listed.bytes = 0;
    NODE_TRY(turn_list(turn, span_text("i"), span_text("j"), node_list_one, &listed));
    node_ask_t reply = {.present = ASK_TEXT, .text = span_of(listed.text, listed.bytes)};
    return turn_reply(turn, &reply);
}

static const handler_fn node_handlers[NODE_METHODS] = {
    [NODE_GO] = node_go,
    [NODE_TAKE] = node_take,
    [NODE_HOLD] = node_hold,
    [NODE_ASK] = node_ask,
    [NODE_BACK] = node_back,
    [NODE_ANSWER] = node_answer,
    [NODE_AT] = node_at,
    [NODE_CANCEL] = node_cancel,
    [NODE_FIRE] = node_fire,
    [NODE_PUBLISH] = node_publish,
    [NODE_SUBSCRIBE] = node_subscribe,
    [NODE_WORKED] = node_worked,
    [NODE_LOOP] = node_loop,
    [NODE_LOG] = node_log,
};
static const actor_t actor_node = {.kind = "node", .handlers = node_handlers, .handler_count = NODE_METHODS};

static const actor_t *actor_of_node(const kind_t *kind) {
    return kind == &node_kind ? &actor_node : actor_of(kind);
}

static const kind_t *kind_of_node(span_t name) {
    return span_equal(name, span_text("node")) ? &node_kind : kind_of(name);
}

#endif
