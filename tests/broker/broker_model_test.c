/* SPDX-License-Identifier: MIT */
/*
 * Peers that believe what they read, against a broker that does at random all that can happen to handles and
 * subscriptions. A peer knows from its own queue alone what it hears: so an event that it does not expect, a gap, or an
 * event that is missing at the end shows as such, whatever the broker's tables say.
 */
#include "tests/broker/talk_fixture.h"
#include "tests/storage/random.h"

enum { PEERS = 5, TOPICS = 4, HANDLES = 10, USERS = 3, STEPS = 60000, UNDER_WAY = 12, QUEUE_BYTES = 4096 };

static const char *const routing_ids[PEERS] = {"p", "q", "r", "s", "t"};
static const char *const keys[TOPICS] = {"a", "b", "c", "d"};
static const char *const users[USERS] = {"ada", "bob", "root"};

/* What a peer believes. */
static struct belief {
    bool open[HANDLES];
    bool hears[TOPICS][HANDLES]; /* on behalf of a handle; 0: its own */
    uint64_t next[TOPICS];       /* event that it expects */
} beliefs[PEERS];

/* What was asked under an id. */
enum { CLOSE = UINT8_MAX };
static struct question {
    uint8_t flags; /* of the effect, or CLOSE */
    size_t topic, handle;
    uint64_t seq; /* of the state in the reply */
} questions[STEPS + 1];

static struct under_way {
    uint64_t id;
    uint32_t peer;
    uint64_t peer_number;
} under_way[UNDER_WAY];
static size_t under_way_count;

static random_state_t state;
static uint64_t last_seq[TOPICS], events_read, lags_read, ends_read, closes_read;
static uint64_t unix_ms = UNIX_MS;

static bool hears(const struct belief *belief, size_t topic) {
    for (size_t handle = 0; handle < HANDLES; handle++) {
        if (belief->hears[topic][handle]) {
            return true;
        }
    }
    return false;
}

/* Reading. */

static void forget_handle(struct belief *belief, size_t handle) {
    belief->open[handle] = false;
    for (size_t topic = 0; topic < TOPICS; topic++) {
        belief->hears[topic][handle] = false;
    }
}

static void read_reply(struct belief *belief, uint64_t id) {
    const struct question *question = &questions[id];
    size_t topic = question->topic, handle = question->handle;
    if (question->flags == EFFECT_GRANT) {
        belief->open[handle] = true;
    } else if (question->flags == CLOSE) {
        forget_handle(belief, handle);
        closes_read++;
    } else if (question->flags == EFFECT_UNSUBSCRIBE) {
        belief->hears[topic][handle] = false;
    } else if (question->flags == EFFECT_SUBSCRIBE) {
        cr_assert(handle == 0 || belief->open[handle], "subscribed for handle %zu, which has ended", handle);
        cr_assert(!hears(belief, topic) || belief->next[topic] == question->seq + 1, "the state is out of order");
        belief->hears[topic][handle] = true;
        belief->next[topic] = question->seq + 1;
    }
}

static void read_end(struct belief *belief, uint8_t handle) {
    cr_assert(handle < HANDLES && belief->open[handle], "the end of handle %u, which is not open", handle);
    forget_handle(belief, handle);
    ends_read++;
}

static void read_event(struct belief *belief, const envelope_t *envelope) {
    uint32_t handle = tape_find(&tape, envelope_body_token(&tape), "handle");
    if (handle != 0) {
        read_end(belief, tape.tokens[handle].ptr[0]);
        return;
    }
    size_t topic = (size_t)(envelope->key.ptr[0] - 'a');
    uint64_t seq = body_number(&tape, "seq");
    cr_assert(hears(belief, topic), "an event of %s, which nobody hears", keys[topic]);
    if (span_equal(envelope->method, span_text("lagged"))) {
        cr_assert_eq(seq + 1, belief->next[topic], "lagged after %d, but %d is next", (int)seq,
                     (int)belief->next[topic]);
        memset(belief->hears[topic], 0, sizeof belief->hears[topic]);
        lags_read++;
        return;
    }
    cr_assert_eq(seq, belief->next[topic], "%s: %d came, and %d is next", keys[topic], (int)seq,
                 (int)belief->next[topic]);
    belief->next[topic]++;
    events_read++;
}

static void read_envelope(struct belief *belief, const envelope_t *envelope) {
    switch ((envelope_type_t)envelope->type) {
    case ENVELOPE_REPLY:
        read_reply(belief, envelope->id);
        return;
    case ENVELOPE_EVENT:
        read_event(belief, envelope);
        return;
    case ENVELOPE_REQUEST:
    case ENVELOPE_ERROR:
    case ENVELOPE_PING:
    case ENVELOPE_PONG:
    case ENVELOPE_TELL:
        return;
    }
}

static size_t take_percent = 100; /* of the frames */
static size_t unreachable = PEERS;

static send_result_t take_frame(void *context, span_t routing_id, span_t frame) {
    (void)context;
    size_t peer = (size_t)(routing_id.ptr[0] - 'p'), bytes;
    if (peer == unreachable) {
        beliefs[peer] = (struct belief){0};
        return SEND_UNREACHABLE;
    }
    if (random_below(&state, 100) >= take_percent) {
        return SEND_AGAIN;
    }
    for (; frame.len > 0; frame = span_of(frame.ptr + bytes, frame.len - bytes)) {
        envelope_t envelope;
        cr_assert_eq(envelope_decode(&envelope, &tape, frame, &bytes), STATUS_OK);
        read_envelope(&beliefs[peer], &envelope);
    }
    return SEND_DONE;
}

static void read_some(size_t percent) {
    static uint64_t now_us = NOW_US;
    now_us += 2000;
    take_percent = percent;
    broker_flush(broker, take_frame, NULL, now_us);
}

/* What happens. */

static void forward_now(void) {
    broker_forward(broker, batch, NOW_US, unix_ms);
    batch_reset(batch);
}

static void random_ask(uint64_t id) {
    static const uint8_t flags[] = {EFFECT_GRANT, EFFECT_SUBSCRIBE, EFFECT_SUBSCRIBE, EFFECT_UNSUBSCRIBE};
    if (under_way_count == UNDER_WAY) {
        return;
    }
    struct question *question = &questions[id];
    question->flags = flags[random_below(&state, ARRAY_LENGTH(flags))];
    question->topic = random_below(&state, TOPICS);
    question->handle = random_below(&state, HANDLES);
    envelope_t request = toy_request(id, keys[question->topic], "read");
    if (question->flags == EFFECT_GRANT) {
        question->handle += question->handle == 0;
    } else if (question->handle != 0) {
        request.handle = span_of(handle_of((uint8_t)question->handle), HANDLE_BYTES);
    }
    uint8_t bytes[512];
    uint32_t before = broker_in_flight(broker);
    broker_admit(broker, span_text(routing_ids[random_below(&state, PEERS)]), OPERATOR,
                 envelope_bytes(&request, bytes, sizeof bytes), NOW_US, unix_ms);
    if (broker_in_flight(broker) == before) {
        return; /* its handle is not good there, or its queue is full */
    }
    asked_t asked = take_only();
    batch->finished[batch->finished_count++] = asked.buffer;
    under_way[under_way_count++] =
        (struct under_way){.id = id, .peer = asked.request.peer, .peer_number = asked.request.peer_number};
    forward_now();
}

static void random_close(uint64_t id) {
    struct question *question = &questions[id];
    uint8_t bytes[512];
    envelope_t request = toy_request(id, "self", "close_handle");
    question->flags = CLOSE;
    question->handle = 1 + random_below(&state, HANDLES - 1);
    request.kind = span_text("broker");
    request.handle = span_of(handle_of((uint8_t)question->handle), HANDLE_BYTES);
    broker_admit(broker, span_text(routing_ids[random_below(&state, PEERS)]), OPERATOR,
                 envelope_bytes(&request, bytes, sizeof bytes), NOW_US, unix_ms);
}

static void add_random_reply(void) {
    if (under_way_count == 0) {
        return;
    }
    size_t which = random_below(&state, under_way_count);
    struct under_way chosen = under_way[which];
    under_way[which] = under_way[--under_way_count];
    struct question *question = &questions[chosen.id];
    question->seq = last_seq[question->topic];
    asked_t asked = {.request = {.peer = chosen.peer,
                                 .peer_number = chosen.peer_number,
                                 .id = chosen.id,
                                 .kind = &toy,
                                 .key = span_text(keys[question->topic]),
                                 .has_handle = question->handle != 0}};
    memcpy(asked.request.handle, handle_of((uint8_t)question->handle), HANDLE_BYTES);
    if (question->flags == EFFECT_GRANT) {
        add_grant_until(&asked, (uint8_t)question->handle, users[random_below(&state, USERS)], person_role_USER,
                        unix_ms + 1 + random_below(&state, 2000));
    } else {
        add_reply(&asked, question->flags);
    }
    batch->finished_count = 0; /* its buffer is home */
}

static void add_random_effect(void) {
    char address[16];
    size_t topic = random_below(&state, TOPICS);
    switch (random_below(&state, 12)) {
    case 0:
        snprintf(address, sizeof address, "session/s%zu", 1 + random_below(&state, HANDLES - 1));
        add_end(address);
        return;
    case 1:
        if (random_below(&state, 4) == 0) {
            snprintf(address, sizeof address, "user/%s", users[random_below(&state, USERS)]);
            add_end(address);
        }
        return;
    case 2:
    case 3:
    case 4:
    case 5:
        add_random_reply();
        return;
    default:
        add_event_of(keys[topic], ++last_seq[topic], random_below(&state, 400));
    }
}

static void change_from_outside(uint64_t id) {
    size_t peer = random_below(&state, PEERS);
    uint8_t bytes[64];
    envelope_t ping = {.type = ENVELOPE_PING, .id = id};
    span_t frame = envelope_bytes(&ping, bytes, sizeof bytes);
    switch (random_below(&state, 3)) {
    case 0:
        unreachable = peer;
        read_some(50);
        unreachable = PEERS;
        return;
    case 1: /* somebody else under its routing id, and back */
        broker_admit(broker, span_text(routing_ids[peer]), "ipc:gateway", frame, NOW_US, unix_ms);
        broker_admit(broker, span_text(routing_ids[peer]), OPERATOR, frame, NOW_US, unix_ms);
        beliefs[peer] = (struct belief){0};
        return;
    default:
        unix_ms += random_below(&state, 500);
        broker_tick(broker, NOW_US, unix_ms);
    }
}

static uint64_t figure(const char *name) {
    envelope_t request = stat_request(1);
    admit("z", OPERATOR, &request);
    cr_assert(broker_probe(broker));
    tell_all();
    (void)answer();
    return body_number(&tape, name);
}

/* All that was said is read: now beliefs and tables must be the same. */
static void compare(void) {
    uint64_t handles = 0, subscriptions = 0;
    read_some(100);
    for (size_t topic = 0; topic < TOPICS; topic++) {
        add_event(keys[topic], ++last_seq[topic]);
    }
    forward_now();
    read_some(100);
    for (size_t peer = 0; peer < PEERS; peer++) {
        for (size_t topic = 0; topic < TOPICS; topic++) {
            cr_assert(!hears(&beliefs[peer], topic) || beliefs[peer].next[topic] == last_seq[topic] + 1,
                      "%s misses the last event of %s", routing_ids[peer], keys[topic]);
            for (size_t handle = 0; handle < HANDLES; handle++) {
                subscriptions += beliefs[peer].hears[topic][handle];
            }
        }
        for (size_t handle = 0; handle < HANDLES; handle++) {
            handles += beliefs[peer].open[handle];
        }
    }
    cr_assert_eq(figure("subscriptions"), subscriptions);
    cr_assert_eq(figure("handles"), handles);
}

static void start_model(void) {
    broker_options_t options = defaults;
    options.peer_queue_bytes_max = QUEUE_BYTES;
    options.handles_max = HANDLES - 2;
    options.peer_handles_max = 3;
    options.subscriptions_max = 40;
    options.peer_subscriptions_max = 12;
    start_talk_with(options);
}

TestSuite(broker_model, .init = start_model, .fini = stop);

Test(broker_model, whatever_happens_peers_know_from_their_queues_what_they_hear) {
    state = random_start("broker_model");
    size_t percent = 100;
    for (uint64_t step = 1; step <= STEPS; step++) {
        size_t what = random_below(&state, 100);
        if (what < 38) {
            random_ask(step);
        } else if (what < 40) {
            random_close(step);
        } else if (what < 70) {
            for (size_t i = 1 + random_below(&state, 6); i > 0; i--) {
                add_random_effect();
            }
            forward_now();
        } else if (what < 98) {
            read_some(percent);
        } else {
            change_from_outside(step);
        }
        if (step % 500 == 0) { /* from eager to slow readers */
            percent = random_below(&state, 101);
            broker_check(broker);
            compare();
        }
    }
    fprintf(stderr, "broker_model: %d events, %d lags, %d ends, %d closes read\n", (int)events_read, (int)lags_read,
            (int)ends_read, (int)closes_read);
    cr_assert(events_read > 1000 && lags_read > 100 && ends_read > 100 && closes_read > 30);
}
