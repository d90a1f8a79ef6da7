/* SPDX-License-Identifier: MIT */
/*
 * All that a visitor has goes with its socket, but for the message to a room that is under way: it only forgets whose
 * it was.
 *
 * A subscription that the visitor is too slow for leaves its feed at once; that it has, is said when there is room.
 */
#include "tools/bridge/live.h"

#include <stdlib.h>

#include "schemas/address.h"
#include "schemas/pack.h"
#include "tools/bridge/body.h"
#include "tools/bridge/handshake.h"
#include "tools/bridge/pump.h"
#include "tools/bridge/runs.h"
#include "tools/bridge/socket.h"
#include "tools/bridge/value.h"

enum {
    MESSAGE_BYTES_MAX = KIB(64),  /* of a frame that is taken; a post of 4,000 characters, each escaped, is shorter */
    WAITING_BYTES_MAX = KIB(128), /* that a visitor has not taken yet; past it no event is added */
    MISSED_MAX = 500,             /* events that are brought; who missed more reads them page by page */
    SUBSCRIPTIONS_MAX = 1000,
    ERRANDS_MAX = 64,
    FRAMES_PER_S = 200,
    FRAMES_AT_ONCE = 400,
    DETAIL_BYTES = 128,
};

enum {
#define CLOSE(NAME, code, text) CLOSE_##NAME = (code),
#include "tools/bridge/frames.def"
};

struct live {
    bridge_t *bridge;
    guests_t *guests;
    hub_t *hub;
    sockets_t *sockets;
};

typedef struct visitor visitor_t;

typedef struct subscription {
    listener_t listener;
    visitor_t *visitor;
    LIST_ENTRY(subscription) in_visitor;
    bool lagged; /* and not yet told so */
    char room[];
} subscription_t;

/* Waits for those before it, or is under way. */
typedef struct errand {
    visitor_t *visitor; /* NULL: gone */
    bridge_t *bridge;
    person_t *person; /* held while it is under way */
    STAILQ_ENTRY(errand) in_queue;
    const method_t *method; /* of the room */
    json_t *frame;
} errand_t;

struct visitor {
    guest_t guest;
    live_t *live;
    socket_t *socket;
    LIST_HEAD(subscription_list, subscription) subscriptions;
    uint32_t subscription_count;
    bool stuck;                               /* subscriptions wait for room */
    STAILQ_HEAD(errand_list, errand) errands; /* the first is under way */
    uint32_t errand_count;
    uint64_t frames_us; /* when the frames that came would have been due */
    struct event *rest; /* until that is near; NULL: never needed */
    bool resting;
};

/* Frames. */

static const char *text_at(const json_t *frame, const char *name) {
    return json_string_value(json_object_get(frame, name));
}

/* Takes the frame. */
static void say(visitor_t *self, json_t *frame) {
    char *text = value_print(frame);
    socket_send(self->socket, span_text(text));
    free(text);
}

static void copy_text(json_t *to, const json_t *from, const char *name) {
    json_t *value = json_object_get(from, name);
    if (json_is_string(value)) {
        json_object_set(to, name, value);
    }
}

/* about: a frame whose room and client_id are said as well, as far as it has them. */
static void refuse(visitor_t *self, const char *code, const char *text, const json_t *about) {
    json_t *frame = value_made(json_pack("{ss ss so}", "op", "error", "code", code, "detail", value_of_text(text)));
    copy_text(frame, about, "room");
    copy_text(frame, about, "client_id");
    say(self, frame);
}

static void refuse_by_code(visitor_t *self, doran_code_t code, const char *text, const json_t *about) {
    refuse(self, doran_code_name(code), text[0] != 0 ? text : status_text((status_t)code), about);
}

/* Subscriptions. */

static void free_subscription(subscription_t *subscription) {
    hub_leave(&subscription->listener);
    LIST_REMOVE(subscription, in_visitor);
    subscription->visitor->subscription_count -= 1;
    free(subscription);
}

static subscription_t *subscription_to(const visitor_t *self, const char *room) {
    subscription_t *subscription = LIST_FIRST(&self->subscriptions);
    while (subscription != NULL && strcmp(subscription->room, room) != 0) {
        subscription = LIST_NEXT(subscription, in_visitor);
    }
    return subscription;
}

static subscription_t *subscription_of(listener_t *listener) {
    return (subscription_t *)((char *)listener - offsetof(subscription_t, listener));
}

static void begun(listener_t *listener, hub_result_t result, doran_position_t position) {
    subscription_t *self = subscription_of(listener);
    json_int_t next = (json_int_t)listener->position.seq;
    say(self->visitor,
        json_pack("{ss ss sI sI ss so*}", "op", "subscribed", "room", self->room, "log_epoch",
                  (json_int_t)position.log_epoch, "seq", (json_int_t)position.seq, "result", hub_result_name(result),
                  "next", result == HUB_PAGED ? json_pack("{sI}", "after", next) : NULL));
    if (result == HUB_PAGED) {
        free_subscription(self);
    }
}

/* What is being caught up with waits; what happens now does not. */
static bool take_event(listener_t *listener, doran_position_t position, span_t json) {
    subscription_t *self = subscription_of(listener);
    (void)position;
    if (socket_waiting(self->visitor->socket) < WAITING_BYTES_MAX) {
        socket_send(self->visitor->socket, json);
        return true;
    }
    self->visitor->stuck = true;
    if (listener->state == LISTENER_ON) {
        self->lagged = true;
        hub_leave(listener);
    }
    return false;
}

static void ended(listener_t *listener, doran_code_t code, const char *text) {
    subscription_t *self = subscription_of(listener);
    json_t *about = json_pack("{ss}", "room", self->room);
    refuse_by_code(self->visitor, code, text, about);
    json_decref(about);
    free_subscription(self);
}

static const listener_calls_t listener_calls = {.begun = begun, .event = take_event, .ended = ended};

/* NULL: it may not be, and the visitor knows. */
static subscription_t *new_subscription(visitor_t *self, const json_t *frame) {
    const char *room = text_at(frame, "room");
    bool taken = subscription_to(self, room) != NULL;
    if (taken || self->subscription_count == SUBSCRIPTIONS_MAX) {
        refuse_by_code(self, taken ? DORAN_CONFLICT : DORAN_BUSY,
                       taken ? "That room is subscribed to" : "These are too many subscriptions", frame);
        return NULL;
    }
    subscription_t *subscription = calloc(1, sizeof *subscription + strlen(room) + 1);
    CHECK(subscription != NULL, "out of memory");
    memcpy(subscription->room, room, strlen(room));
    subscription->visitor = self;
    LIST_INSERT_HEAD(&self->subscriptions, subscription, in_visitor);
    self->subscription_count += 1;
    return subscription;
}

static void subscribe(visitor_t *self, const json_t *frame, const doran_position_t *after) {
    subscription_t *subscription = new_subscription(self, frame);
    doran_code_t code;
    if (subscription != NULL &&
        !hub_listen(self->live->hub, &subscription->listener, &listener_calls, self->guest.person,
                    span_text(text_at(frame, "room")), after, MISSED_MAX, &code)) {
        free_subscription(subscription);
        refuse_by_code(self, code, "", frame);
    }
}

static void tell_lagged(subscription_t *self) {
    say(self->visitor,
        json_pack("{ss ss sI}", "op", "lagged", "room", self->room, "seq", (json_int_t)self->listener.position.seq));
    free_subscription(self);
}

/* There is room. */
static void unstick(visitor_t *self) {
    subscription_t *subscription, *next;
    self->stuck = false;
    for (subscription = LIST_FIRST(&self->subscriptions); subscription != NULL; subscription = next) {
        next = LIST_NEXT(subscription, in_visitor);
        if (subscription->lagged) {
            tell_lagged(subscription);
        } else {
            hub_resume(&subscription->listener);
        }
    }
}

/* Reading no further for a while. */

static uint64_t now_us(const visitor_t *self) {
    struct timeval now;
    event_base_gettimeofday_cached(self->live->bridge->base, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
}

static void settle(visitor_t *self) {
    socket_pause(self->socket, self->resting || self->errand_count >= ERRANDS_MAX ||
                                   socket_waiting(self->socket) >= WAITING_BYTES_MAX);
}

static void rest_over(evutil_socket_t fd, short events, void *context) {
    visitor_t *self = context;
    (void)fd;
    (void)events;
    self->resting = false;
    settle(self);
}

static void rest(visitor_t *self, uint64_t us) {
    struct timeval time = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    if (self->rest == NULL) {
        self->rest = event_new(self->live->bridge->base, -1, 0, rest_over, self);
        CHECK(self->rest != NULL, "out of memory");
    }
    self->resting = true;
    event_add(self->rest, &time);
}

/* The generic cell rate algorithm (ITU-T I.371). */
static void count_frame(visitor_t *self) {
    const uint64_t each_us = 1000000 / FRAMES_PER_S, ahead_us = FRAMES_AT_ONCE * each_us;
    uint64_t now = now_us(self);
    self->frames_us = (self->frames_us > now ? self->frames_us : now) + each_us;
    if (self->live->bridge->settings.rate_limit > 0 && self->frames_us > now + ahead_us) {
        rest(self, self->frames_us - now - ahead_us);
    }
}

/* What rooms are asked to do, one after the other. */

static void free_errand(errand_t *self) {
    json_decref(self->frame);
    free(self);
}

static void say_posted(const errand_t *self, const doran_reply_t *reply) {
    tape_t *tape = self->bridge->tape;
    uint32_t seq = 0, number = 0;
    if (tape_read_whole(tape, span_of(reply->body, reply->body_bytes)) == STATUS_OK) {
        seq = tape_find(tape, 0, "seq");
        number = tape_find(tape, 0, "number");
    }
    if (seq > 0 && number > 0) {
        json_t *client_id = json_object_get(self->frame, "client_id");
        say(self->visitor,
            json_pack("{ss sO sI sI}", "op", "ack", "client_id", client_id, "seq", (json_int_t)tape->tokens[seq].u64,
                      "number", (json_int_t)tape->tokens[number].u64));
    } else {
        refuse_by_code(self->visitor, DORAN_INTERNAL, "", self->frame);
    }
}

static void say_done(const errand_t *self, const doran_reply_t *reply) {
    if (reply->code != DORAN_OK) {
        refuse_by_code(self->visitor, reply->code, reply->text, self->frame);
    } else if (self->method->reply == &record_room_posted) {
        say_posted(self, reply);
    }
}

static void send_next(visitor_t *self);

static void take_done(void *context, const doran_reply_t *reply) {
    errand_t *self = context;
    visitor_t *visitor = self->visitor;
    self->bridge->calls -= 1;
    people_release(&self->person);
    if (visitor != NULL) {
        STAILQ_REMOVE_HEAD(&visitor->errands, in_queue);
        visitor->errand_count -= 1;
        say_done(self, reply);
        send_next(visitor);
        settle(visitor);
    }
    free_errand(self);
}

/* What the frame says beside its op and room. */
static void pack_frame(const errand_t *self, pack_t *pack) {
    json_t *body = value_made(json_copy(self->frame));
    json_object_del(body, "op");
    json_object_del(body, "room");
    body_pack_record(self->method->request, body, pack);
    json_decref(body);
}

/* The first of those that wait. What does not fit the record is the server's to refuse. */
static void send_next(visitor_t *self) {
    errand_t *errand = STAILQ_FIRST(&self->errands);
    char address[SUBJECT_BYTES_MAX + 1];
    if (errand == NULL) {
        return;
    }
    pack_t body = pack_into(self->live->bridge->room, self->live->bridge->room_bytes);
    pack_frame(errand, &body);
    snprintf(address, sizeof address, "room/%s", text_at(errand->frame, "room"));
    errand->bridge = self->live->bridge;
    errand->person = people_hold(self->guest.person);
    errand->bridge->calls += 1;
    doran_code_t code = doran_submit(people_client(errand->person), address, errand->method->name, body.ptr, body.len,
                                     0, take_done, errand);
    pump_wake(errand->bridge->pump);
    if (code != DORAN_OK) {
        take_done(errand, &(doran_reply_t){.code = code, .text = ""});
    }
}

/* Frames that come: each function is false when the visitor is gone. */

static bool run_ping(visitor_t *self, json_t *frame) {
    (void)frame;
    say(self, json_pack("{ss}", "op", "pong"));
    return true;
}

static bool run_subscribe(visitor_t *self, json_t *frame) {
    const json_t *after = json_object_get(frame, "after");
    doran_position_t position = {.log_epoch = (uint64_t)json_integer_value(json_object_get(after, "log_epoch")),
                                 .seq = (uint64_t)json_integer_value(json_object_get(after, "seq"))};
    subscribe(self, frame, after != NULL ? &position : NULL);
    return true;
}

static bool run_unsubscribe(visitor_t *self, json_t *frame) {
    subscription_t *subscription = subscription_to(self, text_at(frame, "room"));
    if (subscription == NULL) {
        refuse_by_code(self, DORAN_NOT_FOUND, "That room is not subscribed to", frame);
    } else {
        free_subscription(subscription);
    }
    return true;
}

static bool run_errand(visitor_t *self, json_t *frame, uint32_t method) {
    errand_t *errand = calloc(1, sizeof *errand);
    CHECK(errand != NULL, "out of memory");
    errand->visitor = self;
    errand->method = &kinds[KIND_room].methods[method];
    errand->frame = json_incref(frame);
    STAILQ_INSERT_TAIL(&self->errands, errand, in_queue);
    self->errand_count += 1;
    if (self->errand_count == 1) {
        send_next(self);
    }
    return true;
}

static bool run_post(visitor_t *self, json_t *frame) {
    return run_errand(self, frame, METHOD_room_post);
}

static bool run_read(visitor_t *self, json_t *frame) {
    return run_errand(self, frame, METHOD_room_read);
}

/* Coming and going. */

static void destroy(visitor_t *self) {
    errand_t *errand = STAILQ_FIRST(&self->errands);
    while (!LIST_EMPTY(&self->subscriptions)) {
        free_subscription(LIST_FIRST(&self->subscriptions));
    }
    if (errand != NULL) {
        STAILQ_REMOVE_HEAD(&self->errands, in_queue);
        errand->visitor = NULL;
    }
    while ((errand = STAILQ_FIRST(&self->errands)) != NULL) {
        STAILQ_REMOVE_HEAD(&self->errands, in_queue);
        free_errand(errand);
    }
    if (self->rest != NULL) {
        event_free(self->rest);
    }
    guest_fini(&self->guest);
    free(self);
}

static void show_out(guest_t *guest, parting_t parting) {
    static const struct {
        uint16_t code;
        const char *reason;
    } ways[] = {
        [PARTING_UNKNOWN] = {CLOSE_POLICY, "no hello"},       [PARTING_BREACH] = {CLOSE_POLICY, "no good token"},
        [PARTING_EXPIRED] = {CLOSE_EXPIRED, "token expired"}, [PARTING_ENDED] = {CLOSE_ENDED, "session ended"},
        [PARTING_CROWDED] = {CLOSE_LATER, "too many"},        [PARTING_STOPPING] = {CLOSE_RESTART, "restart"},
    };
    visitor_t *self = (visitor_t *)((char *)guest - offsetof(visitor_t, guest));
    socket_close(&self->socket, ways[parting].code, ways[parting].reason);
    destroy(self);
}

static void welcome(visitor_t *self) {
    say(self, json_pack("{ss ss sI}", "op", "welcome", "session", people_session(self->guest.person), "heartbeat_ms",
                        (json_int_t)self->live->bridge->settings.heartbeat_ms));
}

/* False: it is gone. */
static bool take_token(visitor_t *self, span_t token) {
    parting_t parting;
    if (!guest_show(&self->guest, token, &parting)) {
        show_out(&self->guest, parting);
        return false;
    }
    welcome(self);
    return true;
}

static bool run_hello(visitor_t *self, json_t *frame) {
    return take_token(self, span_text(text_at(frame, "token")));
}

typedef struct op {
    const char *name;
    bool (*run)(visitor_t *self, json_t *frame);
    const record_t *record; /* what its frame has beside `op` */
} op_t;

static const op_t ops[] = {
#define FRAME_IN(op, record, text) {#op, run_##op, &record_##record},
#include "tools/bridge/frames.def"
};

/* NULL: there is no such op. */
static const op_t *find_op(const json_t *frame) {
    const char *name = text_at(frame, "op");
    for (size_t i = 0; i < ARRAY_LENGTH(ops) && name != NULL; i++) {
        if (strcmp(ops[i].name, name) == 0) {
            return &ops[i];
        }
    }
    return NULL;
}

static bool fits(const record_t *record, const json_t *object, size_t others, char *detail);

/* NULL: it may be that, as far as it is no record. How long a text is, the server minds. */
static const char *wrong_with(const field_t *field, const json_t *value) {
    span_t text = span_of(json_string_value(value), json_string_length(value));
    switch (field->type) {
    case FIELD_TEXT:
        return !json_is_string(value)                                     ? "must be text"
               : (field->flags & IS_KEY) != 0 && !address_key_valid(text) ? "must be " ADDRESS_KEY_TEXT
                                                                          : NULL;
    case FIELD_U64:
        return json_is_integer(value) && json_integer_value(value) >= 0 ? NULL : "must be a whole number";
    case FIELD_RECORD:
        return json_is_object(value) ? NULL : "must be an object";
    case FIELD_BOOL:
    case FIELD_I64:
    case FIELD_TIME:
    case FIELD_BYTES:
    case FIELD_ENUM:
    case FIELD_ANY:
    case FIELD_LIST:
        break;
    }
    return "is of a type that no frame has";
}

static bool field_fits(const field_t *field, const json_t *value, char *detail) {
    bool required = (field->flags & REQUIRED) != 0;
    const char *wrong = value != NULL ? wrong_with(field, value) : required ? "is missing" : NULL;
    if (wrong != NULL) {
        snprintf(detail, DETAIL_BYTES, "`%s` %s", field->name, wrong);
        return false;
    }
    return value == NULL || field->type != FIELD_RECORD || fits(field->element, value, 0, detail);
}

/* Has the object the fields of the record, and only so many others? Else detail says what is wrong. */
static bool fits(const record_t *record, const json_t *object, size_t others, char *detail) {
    size_t count = others;
    for (uint32_t i = 0; i < record->field_count; i++) {
        const json_t *value = json_object_get(object, record->fields[i].name);
        count += value != NULL;
        if (!field_fits(&record->fields[i], value, detail)) {
            return false;
        }
    }
    if (json_object_size(object) != count) {
        snprintf(detail, DETAIL_BYTES, "There is a field that does not belong there");
    }
    return json_object_size(object) == count;
}

/* False: it is gone. Who is not known yet may say hello and nothing else. */
static bool take_frame(visitor_t *self, json_t *frame) {
    const op_t *op = find_op(frame);
    char detail[DETAIL_BYTES];
    bool valid = op != NULL && fits(op->record, frame, 1, detail);
    if (self->guest.person == NULL && (!valid || op->run != run_hello)) {
        show_out(&self->guest, PARTING_UNKNOWN);
        return false;
    }
    if (op == NULL) {
        refuse_by_code(self, DORAN_UNKNOWN_METHOD, "There is no such op", frame);
    } else if (!valid) {
        refuse_by_code(self, DORAN_INVALID, detail, frame);
    }
    return !valid || op->run(self, frame);
}

static void take_message(void *context, span_t text) {
    visitor_t *self = context;
    char error[256];
    bool stays = true;
    json_t *frame = body_parse(text, error, sizeof error);
    count_frame(self);
    if (frame != NULL) {
        stays = take_frame(self, frame);
    } else {
        refuse(self, "malformed", error, NULL);
    }
    json_decref(frame);
    if (stays) {
        settle(self);
    }
}

static void take_room(void *context) {
    visitor_t *self = context;
    if (self->stuck) {
        unstick(self);
    }
    settle(self);
}

static void take_end(void *context) {
    destroy(context);
}

static const socket_calls_t socket_calls = {.message = take_message, .drained = take_room, .gone = take_end};

static void receive(visitor_t *self, person_t *person, const char *token) {
    parting_t parting;
    if (person != NULL && !guest_enter(&self->guest, person, &parting)) {
        show_out(&self->guest, parting);
    } else if (person != NULL) {
        welcome(self);
    } else if (token != NULL) {
        take_token(self, span_text(token));
    }
}

void run_live(call_t *call) {
    live_t *live = call->bridge->live;
    char *token;
    if (!handshake(call, &token)) {
        return;
    }
    person_t *person = call->person != NULL ? people_hold(call->person) : NULL;
    visitor_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->live = live;
    LIST_INIT(&self->subscriptions);
    STAILQ_INIT(&self->errands);
    self->socket = socket_new(live->sockets, call_give(call), self);
    if (self->socket == NULL) {
        free(self);
    } else if (!guest_init(&self->guest, live->guests, show_out)) {
        socket_close(&self->socket, CLOSE_LATER, "too many");
        free(self);
    } else {
        receive(self, person, token);
    }
    people_release(&person);
    free(token);
}

/* All of them. */

live_t *live_new(bridge_t *bridge) {
    live_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->bridge = bridge;
    self->guests = guests_new(bridge);
    self->hub = hub_new(bridge);
    self->sockets = sockets_new(&(sockets_options_t){.base = bridge->base,
                                                     .heartbeat_ms = (uint32_t)bridge->settings.heartbeat_ms,
                                                     .message_bytes_max = MESSAGE_BYTES_MAX,
                                                     .calls = &socket_calls});
    return self;
}

void live_destroy(live_t **self_p) {
    live_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        guests_destroy(&self->guests);
        hub_destroy(&self->hub);
        sockets_destroy(&self->sockets);
        free(self);
    }
}

void live_drain(live_t *self) {
    guests_drain(self->guests);
}

uint32_t live_count(const live_t *self) {
    return guests_count(self->guests);
}

guests_t *live_guests(live_t *self) {
    return self->guests;
}

hub_t *live_hub(live_t *self) {
    return self->hub;
}
