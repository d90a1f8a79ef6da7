/* SPDX-License-Identifier: MIT */
/*
 * What leaves an actor with a turn, through whole shards: messages, timers, answers that come later, events, work; and
 * what must not leave.
 */
#include <signal.h>

#include "actors/cell.h"
#include "actors/store_key.h"
#include "tests/actors/node.h"

/* A kind with state that can end. */
typedef struct mortal {
    uint64_t present;
    span_t name;
} mortal_t;
static const field_t mortal_fields[] = {
    {.name = "name", .type = FIELD_TEXT, .offset = offsetof(mortal_t, name), .max = 64, .flags = INDEX}};
static const record_t record_mortal = {
    .name = "mortal", .version = 1, .struct_bytes = sizeof(mortal_t), .fields = mortal_fields, .field_count = 1};

enum { MORTAL_MAKE, MORTAL_NAME, MORTAL_END, MORTAL_END_AND_FAIL, MORTAL_READ, MORTAL_METHODS };

#define MORTAL_METHOD(name_, flags_)                                                                                   \
    { .name = (name_), .request = &record_mortal, .reply = &record_mortal, .flags = (flags_), .roles = ROLE_ANY }
static const method_t mortal_methods[MORTAL_METHODS] = {
    [MORTAL_MAKE] = MORTAL_METHOD("make", CREATE), [MORTAL_NAME] = MORTAL_METHOD("name", WRITE),
    [MORTAL_END] = MORTAL_METHOD("end", WRITE),    [MORTAL_END_AND_FAIL] = MORTAL_METHOD("end_and_fail", WRITE),
    [MORTAL_READ] = MORTAL_METHOD("read", READ),
};
static const kind_t mortal_kind = {
    .name = "mortal", .state = &record_mortal, .methods = mortal_methods, .method_count = MORTAL_METHODS};

static status_t mortal_set(turn_t *turn, const void *state, const void *request) {
    (void)state;
    return turn_state(turn, request);
}

static status_t mortal_end(turn_t *turn, const void *state, const void *request) {
    (void)state, (void)request;
    return turn_end(turn);
}

static status_t mortal_end_and_fail(turn_t *turn, const void *state, const void *request) {
    (void)state, (void)request;
    status_t status = turn_end(turn);
    return status != STATUS_OK ? status : turn_fail(turn, STATUS_CONFLICT, "it lives");
}

static status_t mortal_read(turn_t *turn, const void *state, const void *request) {
    (void)request;
    return turn_reply(turn, state);
}

static const handler_fn mortal_handlers[MORTAL_METHODS] = {
    [MORTAL_MAKE] = mortal_set,  [MORTAL_NAME] = mortal_set,
    [MORTAL_END] = mortal_end,   [MORTAL_END_AND_FAIL] = mortal_end_and_fail,
    [MORTAL_READ] = mortal_read,
};
static const actor_t actor_mortal = {.kind = "mortal", .handlers = mortal_handlers, .handler_count = MORTAL_METHODS};

static const actor_t *actor_of_test(const kind_t *kind) {
    return kind == &mortal_kind ? &actor_mortal : actor_of_node(kind);
}

static const kind_t *kind_of_test(span_t name) {
    return span_equal(name, span_text("mortal")) ? &mortal_kind : kind_of_node(name);
}

static fixture_t fixture;
static uint32_t sends, acks;
static bool loses_sends, loses_acks;
static char told[512];

static bool loses(const effect_t *effect) {
    sends += effect->type == EFFECT_SEND;
    acks += effect->type == EFFECT_ACK;
    return (effect->type == EFFECT_SEND && loses_sends) || (effect->type == EFFECT_ACK && loses_acks);
}

static void tell(span_t kind, span_t key, const char *what) {
    snprintf(told, sizeof told, "%.*s/%.*s: %s", (int)kind.len, (const char *)kind.ptr, (int)key.len,
             key.ptr == NULL ? "" : (const char *)key.ptr, what);
}

static void setup(void) {
    fixture.options.actor_of = actor_of_test;
    fixture.options.kind_of = kind_of_test;
    fixture.options.count = 3;
    fixture.options.tell = tell;
    fixture.works = node_works;
    fixture.loses = loses;
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(shard, .init = setup, .fini = teardown);

#define CALL(key_, method_, ...)                                                                                       \
    fixture_call(&fixture, &(call_t){.own_kind = &node_kind, .key = (key_), .method = (method_), __VA_ARGS__})
#define SEND(key_, method_, ...)                                                                                       \
    fixture_send(&fixture, &(call_t){.own_kind = &node_kind, .key = (key_), .method = (method_), __VA_ARGS__})
#define MORTAL(method_, ...)                                                                                           \
    fixture_call(&fixture, &(call_t){.own_kind = &mortal_kind, .key = "m", .method = (method_), __VA_ARGS__})

static void assert_is(const char *text, const char *begin) {
    cr_assert(text != NULL && fixture_is(text, begin), "%s is not %s", text, begin);
}

/* What a node took: "sender:number " of each. */
static void assert_log(const char *key, const char *log) {
    char expected[KIB(4)];
    snprintf(expected, sizeof expected, "reply {\"text\":\"%s\"}", log);
    cr_assert_str_eq(CALL(key, "log"), expected);
}

static void assert_in_log(const char *key, const char *part, bool there) {
    const char *log = CALL(key, "log");
    cr_assert((strstr(log, part) != NULL) == there, "%s in %s", part, log);
}

/* Walks what is stored, after a restart. Returns how many keys of the class there are; text is the last cell's body. */
static uint32_t stored(char class, char *text, size_t capacity) {
    uint32_t count = 0;
    uint64_t batch;
    span_t key, value;
    cell_t cell;
    fixture_restart(&fixture);
    FIXTURE_OK(store_reader_renew(fixture.work_reader, 0, &batch));
    bool found = store_seek(fixture.work_reader, span_of("\0", 1), &key, &value);
    for (; found; found = store_next(fixture.work_reader, &key, &value)) {
        if (key.ptr[1] != (uint8_t) class) {
            continue;
        }
        count++;
        if (text != NULL && cell_open(&cell, key, value) && tape_read_whole(&fixture.tape, cell.body) == STATUS_OK) {
            char *printed = json_print(&fixture.tape, 0);
            snprintf(text, capacity, "%s", printed);
            free(printed);
        }
    }
    store_reader_release(fixture.work_reader);
    return count;
}

/* Exactly one, in which all of these stand. */
static void assert_dead_letter(const char *address, const char *code, uint32_t attempts) {
    char text[KIB(8)] = "", part[64];
    cr_assert_eq(stored('d', text, sizeof text), 1);
    snprintf(part, sizeof part, "\"attempts\":%u,", attempts);
    cr_assert(strstr(text, address) != NULL && strstr(text, code) != NULL && strstr(text, part) != NULL, "%s", text);
}

static uint64_t failing_number, failing_times;

static bool fails(turn_t *turn, uint32_t method, uint64_t number) {
    (void)turn;
    if ((method != NODE_TAKE && method != NODE_FIRE) || number != failing_number || failing_times == 0) {
        return false;
    }
    failing_times--;
    return true;
}

static void let_fail(uint64_t number, uint64_t times) {
    node_fails = fails;
    failing_number = number;
    failing_times = times;
}

static void settle(void) {
    fixture_pass(&fixture, 20000);
    for (uint16_t shard = 0; shard < fixture.options.count; shard++) {
        cr_assert_eq(shard_stats(fixture.shards[shard]).outbox, 0);
    }
}

/* Effects of turns that failed. */

Test(shard, nothing_leaves_with_a_turn_that_fails) {
    assert_is(CALL("a", "go", .body = "{\"number\":1,\"count\":3,\"mode\":9,\"to\":\"b,c\"}"), ERROR_TEXT("conflict"));
    assert_is(CALL("a", "publish", .body = "{\"number\":1,\"count\":3,\"mode\":9}"), ERROR_TEXT("conflict"));
    assert_is(CALL("a", "at", .body = "{\"number\":1,\"when\":1,\"mode\":1,\"text\":\"t\"}"), ERROR_TEXT("conflict"));
    assert_is(CALL("a", "hold", .body = "{\"number\":1,\"mode\":1,\"to\":\"b\"}", .session = 1, .id = 1),
              ERROR_TEXT("conflict"));
    fixture_pass(&fixture, 10000);
    cr_assert(sends == 0 && fixture.events_bytes == 0 && fixture.records == 0 && fixture.routed == 0);
    cr_assert(node_runs[NODE_TAKE] + node_runs[NODE_WORKED] + node_runs[NODE_FIRE] + node_runs[NODE_ASK] == 0);
    cr_assert_eq(shard_stats(fixture.shards[0]).outbox + shard_stats(fixture.shards[1]).outbox, 0);
}

Test(shard, a_message_to_what_is_no_address_is_refused_and_blocks_nothing) {
    assert_is(CALL("a", "go", .body = "{\"number\":1,\"count\":2,\"to\":\"b,no key\"}"), ERROR_TEXT("invalid_address"));
    cr_assert_eq(sends, 0);
    assert_is(CALL("a", "go", .body = "{\"number\":3,\"count\":1,\"to\":\"b\"}"), "reply");
    assert_log("b", "a:3 ");
}

/* Failing. */

Test(shard, a_message_that_fails_five_times_is_a_dead_letter_and_those_behind_it_follow_in_order) {
    let_fail(2, UINT64_MAX);
    CALL("a", "go", .body = "{\"number\":1,\"count\":4,\"to\":\"b\"}");
    assert_log("b", "a:1 ");
    fixture_pass(&fixture, 700);
    assert_log("b", "a:1 ");
    cr_assert_eq(node_runs[NODE_TAKE], 1 + 4);
    fixture_pass(&fixture, 100);
    assert_log("b", "a:1 a:3 a:4 ");
    cr_assert_eq(node_runs[NODE_TAKE], 1 + 5 + 2);
    settle();
    assert_dead_letter("node/b", "conflict", DELIVERIES_MAX);
    assert_log("b", "a:1 a:3 a:4 ");
}

Test(shard, a_message_that_fails_four_times_is_done_once) {
    let_fail(2, DELIVERIES_MAX - 1);
    CALL("a", "go", .body = "{\"number\":1,\"count\":3,\"to\":\"b\"}");
    settle();
    assert_log("b", "a:1 a:2 a:3 ");
    cr_assert_eq(stored('d', NULL, 0), 0);
}

Test(shard, a_message_that_fails_is_not_tried_sooner_because_others_are_sent) {
    let_fail(1, UINT64_MAX);
    CALL("a", "go", .body = "{\"number\":1,\"count\":1,\"to\":\"b\"}");
    for (int i = 0; i < 20; i++) {
        CALL("a", "go", .body = "{\"number\":2,\"count\":1,\"to\":\"b\"}");
    }
    cr_assert_eq(node_runs[NODE_TAKE], 1);
    cr_assert_eq(stored('d', NULL, 0), 0);
}

Test(shard, what_fails_in_one_stream_holds_up_no_other) {
    let_fail(1, UINT64_MAX);
    CALL("a", "go", .body = "{\"number\":1,\"count\":2,\"to\":\"b\"}");
    CALL("c", "go", .body = "{\"number\":7,\"count\":1,\"to\":\"b\"}");
    CALL("a", "go", .body = "{\"number\":8,\"count\":1,\"to\":\"c\"}");
    assert_log("b", "c:7 ");
    assert_log("c", "a:8 ");
}

/* A message as another release might send it. */
static void inject(uint64_t number, const method_t *method, const char *body) {
    request_t request = {.type = REQUEST_MESSAGE,
                         .roles = ROLE_ACTOR,
                         .deadline_us = UINT64_MAX,
                         .kind = &node_kind,
                         .method = method,
                         .partition = address_partition(span_text("node"), span_text("b")),
                         .key = span_text("b"),
                         .chain = span_text("\x91\xa6node/z"),
                         .body = span_text(body)};
    request.stream.stream = (stream_t){.from = 3, .to = request.partition, .kind = &node_kind, .number = number};
    memset(request.stream.stream.folder, 0x11, FOLDER_ID_BYTES);
    fixture_hand(&fixture, &request);
    fixture_run(&fixture);
}

Test(shard, an_unknown_method_is_a_dead_letter_at_once) {
    inject(1, NULL, "\x80");
    inject(2, &node_methods[NODE_TAKE], "\x81\xa6number\x05");
    assert_log("b", "z:5 ");
    assert_dead_letter("node/b", "unknown_method", 1);
}

Test(shard, a_body_that_does_not_fit_is_a_dead_letter_at_once) {
    inject(1, &node_methods[NODE_TAKE], "\x81\xa6number\xa1x");
    inject(2, &node_methods[NODE_TAKE], "\x81\xa6number\x05");
    assert_log("b", "z:5 ");
    assert_dead_letter("node/b", "invalid", 1);
}

Test(shard, a_message_that_comes_twice_or_too_early_is_taken_once_and_in_order) {
    inject(2, &node_methods[NODE_TAKE], "\x81\xa6number\x02");
    inject(1, &node_methods[NODE_TAKE], "\x81\xa6number\x01");
    inject(1, &node_methods[NODE_TAKE], "\x81\xa6number\x01");
    inject(3, &node_methods[NODE_TAKE], "\x81\xa6number\x03");
    inject(2, &node_methods[NODE_TAKE], "\x81\xa6number\x02");
    fixture_restart_as(&fixture, 5);
    inject(2, &node_methods[NODE_TAKE], "\x81\xa6number\x02");
    inject(3, &node_methods[NODE_TAKE], "\x81\xa6number\x03");
    assert_log("b", "z:1 z:2 z:3 ");
}

Test(shard, messages_that_cause_one_another_for_ever_end_in_a_dead_letter_that_names_the_loop) {
    char text[KIB(8)] = "";
    CALL("a", "loop", .body = "{\"to\":\"b\"}");
    settle();
    cr_assert_eq(node_runs[NODE_LOOP], HOPS_MAX + 1);
    cr_assert_eq(stored('d', text, sizeof text), 1);
    cr_assert(strstr(text, "\"chain\":[\"node/a\",\"node/b\",\"node/a\",\"node/b\",\"node/a\",\"node/b\",\"node/a\","
                           "\"node/b\"]") != NULL &&
                  strstr(text, "\"hops\":65") != NULL,
              "%s", text);
}

/* Window and loss. */

/* 320 messages in one stream. */
static void fill_stream(void) {
    for (int i = 0; i < 5; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"number\":%d,\"count\":%d,\"to\":\"b\"}", i * TURN_SENDS_MAX, TURN_SENDS_MAX);
        SEND("a", "go", .body = body);
    }
    fixture_run(&fixture);
}

enum { FILLED = 5 * TURN_SENDS_MAX };

Test(shard, no_more_than_the_window_of_a_stream_is_under_way) {
    loses_sends = true;
    fill_stream();
    cr_assert_eq(sends, STREAM_WINDOW);
    fixture_pass(&fixture, 60000);
    cr_assert_lt(sends, STREAM_WINDOW + 20, "%u", sends);
}

Test(shard, slow_acknowledgements_cause_no_storm) {
    loses_acks = true;
    fill_stream();
    fixture_pass(&fixture, 10000);
    cr_assert_eq(node_runs[NODE_TAKE], STREAM_WINDOW);
    loses_acks = false;
    settle();
    cr_assert_eq(node_runs[NODE_TAKE], FILLED);
    cr_assert_lt(sends, FILLED + 20, "%u", sends);
}

Test(shard, a_stream_goes_on_soon_after_everything_was_lost) {
    loses_sends = loses_acks = true;
    fill_stream();
    fixture_pass(&fixture, 120000);
    loses_sends = loses_acks = false;
    fixture_pass(&fixture, 8000);
    cr_assert_eq(node_runs[NODE_TAKE], FILLED);
    settle();
}

Test(shard, lost_messages_are_sent_again_also_while_others_follow) {
    loses_sends = true;
    fill_stream();
    loses_sends = false;
    for (int i = 0; i < 20; i++) {
        CALL("a", "go", .body = "{\"number\":1,\"count\":1,\"to\":\"b\"}");
        fixture_pass(&fixture, 100);
    }
    cr_assert_eq(node_runs[NODE_TAKE], FILLED + 20, "%u", node_runs[NODE_TAKE]);
}

Test(shard, a_crash_loses_no_message_and_doubles_none) {
    loses_sends = true;
    fill_stream();
    fixture_restart_as(&fixture, 1);
    loses_sends = false;
    loses_acks = true;
    fixture_run(&fixture);
    fixture_restart_as(&fixture, SHARDS_MAX);
    loses_acks = false;
    settle();
    cr_assert_eq(node_runs[NODE_TAKE], FILLED);
}

/* Full. */

Test(shard, too_many_messages_that_wait_refuse_writes_of_clients_to_that_partition_only) {
    fixture.options.outbox_messages_max = 10;
    fixture_restart(&fixture);
    loses_sends = true;
    CALL("a", "go", .body = "{\"number\":1,\"count\":10,\"to\":\"b\"}");
    assert_is(CALL("a", "go", .body = "{\"number\":99,\"count\":1,\"to\":\"b\"}"), ERROR_TEXT("busy"));
    assert_is(CALL("a", "log"), "reply");
    assert_is(CALL("c", "go", .body = "{\"number\":50,\"count\":1,\"when\":0,\"to\":\"a\"}"), "reply");
    fixture_restart(&fixture);
    loses_sends = false;
    fixture_run(&fixture);
    settle();
    assert_in_log("a", "c:50", true);
    assert_in_log("b", "a:99", false);
    cr_assert_eq(node_runs[NODE_TAKE], 11);
    assert_is(CALL("a", "go", .body = "{\"number\":11,\"count\":1,\"to\":\"b\"}"), "reply");
}

/* Damage. */

Test(shard, a_damaged_message_stops_its_stream_and_nothing_else) {
    store_key_t row;
    uint8_t from = address_partition(span_text("node"), span_text("a"));
    loses_sends = true;
    CALL("a", "go", .body = "{\"number\":1,\"count\":3,\"to\":\"b\"}");
    CALL("a", "go", .body = "{\"number\":4,\"count\":1,\"to\":\"c\"}");
    loses_sends = false;
    store_key_outbox(&row, from, span_text("node"), address_partition(span_text("node"), span_text("b")), 2);
    fixture_damage(&fixture, store_key_span(&row), span_text("rot"));
    fixture_pass(&fixture, 20000);
    cr_assert(strstr(told, "node/: message 2") != NULL, "%s", told);
    assert_log("b", "a:1 ");
    assert_log("c", "a:4 ");
    assert_is(CALL("a", "go", .body = "{\"number\":5,\"count\":2,\"to\":\"b,c\"}"), "reply");
    fixture_pass(&fixture, 20000);
    assert_log("b", "a:1 ");
    assert_log("c", "a:4 a:6 ");
}

Test(shard, a_damaged_mark_of_a_receiver_stops_that_stream_and_nothing_else) {
    store_key_t mark;
    uint8_t from = address_partition(span_text("node"), span_text("a"));
    uint8_t to = address_partition(span_text("node"), span_text("b"));
    CALL("a", "go", .body = "{\"number\":1,\"count\":1,\"to\":\"b\"}");
    store_key_consumed(&mark, to, span_text("node"), fixture.options.folder, from);
    fixture_damage(&fixture, store_key_span(&mark), span_text("rot"));
    CALL("a", "go", .body = "{\"number\":2,\"count\":1,\"to\":\"b\"}");
    CALL("c", "go", .body = "{\"number\":3,\"count\":1,\"to\":\"b\"}");
    fixture_pass(&fixture, 20000);
    cr_assert(strstr(told, "the mark of a stream is damaged") != NULL, "%s", told);
    assert_log("b", "a:1 c:3 ");
}

/* Timers. */

static const char *at(uint64_t ms, const char *rest) {
    static char body[256];
    snprintf(body, sizeof body, "{\"when\":%lu,%s}", (unsigned long)(FIXTURE_UNIX_MS + ms), rest);
    return body;
}

Test(shard, a_timer_fires_once_across_restarts) {
    CALL("a", "at", .body = at(1000, "\"number\":1,\"text\":\"t\""));
    for (int i = 0; i < 3; i++) {
        fixture_restart_as(&fixture, (uint16_t)(1 + i));
        fixture_pass(&fixture, 300);
        assert_log("a", "");
    }
    fixture_pass(&fixture, 200);
    for (int i = 0; i < 3; i++) {
        assert_log("a", "timer:1 ");
        fixture_restart_as(&fixture, (uint16_t)(3 + i));
        fixture_pass(&fixture, 10000);
    }
    cr_assert_eq(node_runs[NODE_FIRE], 1);
    cr_assert_eq(stored('t', NULL, 0) + stored('n', NULL, 0), 0);
}

Test(shard, a_timer_that_fails_is_tried_again_and_then_a_dead_letter) {
    let_fail(1, UINT64_MAX);
    CALL("a", "at", .body = at(1000, "\"number\":1,\"text\":\"t\""));
    CALL("a", "at", .body = at(1001, "\"number\":2,\"text\":\"u\""));
    fixture_pass(&fixture, 1002);
    assert_log("a", "timer:2 ");
    cr_assert_eq(node_runs[NODE_FIRE], 2);
    fixture_restart(&fixture);
    fixture_pass(&fixture, 60000);
    cr_assert_eq(node_runs[NODE_FIRE], 1 + DELIVERIES_MAX);
    assert_log("a", "timer:2 ");
    cr_assert_eq(stored('t', NULL, 0) + stored('n', NULL, 0), 0);
    assert_dead_letter("node/a", "conflict", DELIVERIES_MAX);
}

Test(shard, a_timer_that_fails_and_then_succeeds_is_done_once) {
    let_fail(1, DELIVERIES_MAX - 1);
    CALL("a", "at", .body = at(1000, "\"number\":1,\"text\":\"t\""));
    fixture_pass(&fixture, 60000);
    assert_log("a", "timer:1 ");
    cr_assert_eq(stored('d', NULL, 0) + stored('t', NULL, 0), 0);
}

Test(shard, a_timer_that_its_turn_cancels_does_not_fire) {
    CALL("a", "at", .body = at(1000, "\"number\":1,\"mode\":2,\"text\":\"t\""));
    CALL("a", "at", .body = at(1000, "\"number\":2,\"text\":\"u\""));
    CALL("a", "cancel", .body = "{\"text\":\"u\"}");
    CALL("a", "cancel", .body = "{\"text\":\"never was\"}");
    fixture_pass(&fixture, 5000);
    cr_assert_eq(node_runs[NODE_FIRE], 0);
    cr_assert_eq(stored('t', NULL, 0) + stored('n', NULL, 0), 0);
}

Test(shard, a_timer_that_is_replaced_fires_as_the_last_one_says) {
    CALL("a", "at", .body = at(1000, "\"number\":1,\"text\":\"t\""));
    CALL("a", "at", .body = at(3000, "\"number\":2,\"text\":\"t\""));
    assert_is(CALL("a", "at", .body = at(2000, "\"number\":3,\"mode\":1,\"text\":\"t\"")), ERROR_TEXT("conflict"));
    fixture_pass(&fixture, 2999);
    assert_log("a", "");
    fixture_pass(&fixture, 5000);
    assert_log("a", "timer:2 ");
}

Test(shard, a_timer_may_set_itself_again_in_the_turn_in_which_it_fires) {
    char rest[128];
    snprintf(rest, sizeof rest, "\"number\":1,\"mode\":4,\"count\":%lu,\"text\":\"t\"",
             (unsigned long)(FIXTURE_UNIX_MS + 2000));
    let_fail(1, 1);
    CALL("a", "at", .body = at(1000, rest));
    fixture_pass(&fixture, 10000);
    assert_log("a", "timer:1 timer:2 ");
    cr_assert_eq(stored('t', NULL, 0) + stored('n', NULL, 0), 0);
}

Test(shard, a_clock_that_is_set_back_delays_timers_and_repeats_none) {
    CALL("a", "at", .body = at(1000, "\"number\":1,\"text\":\"t\""));
    CALL("a", "at", .body = at(2000, "\"number\":2,\"text\":\"u\""));
    fixture_pass(&fixture, 1500);
    assert_log("a", "timer:1 ");
    fixture.unix_ms -= 1500;
    fixture_pass(&fixture, 1900);
    assert_log("a", "timer:1 ");
    fixture_restart(&fixture);
    fixture_pass(&fixture, 50);
    assert_log("a", "timer:1 ");
    fixture_pass(&fixture, 100);
    assert_log("a", "timer:1 timer:2 ");
}

Test(shard, many_timers_that_are_due_starve_no_messages_nor_the_other_way_round) {
    enum { MANY = 1000 };
    char tag[64];
    fixture_restart_as(&fixture, 1);
    for (int i = 0; i < MANY; i++) {
        snprintf(tag, sizeof tag, "\"number\":%d,\"text\":\"%d\"", i, i);
        CALL("a", "at", .body = at(1000, tag));
    }
    fixture.unix_ms += 1000;
    for (int i = 0; i < MANY; i++) {
        SEND("a", "log");
    }
    fixture_give(&fixture, 0);
    uint32_t steps = 0;
    for (uint32_t before = 0; node_runs[NODE_FIRE] < MANY; before = node_runs[NODE_FIRE], steps++) {
        uint64_t handled = shard_stats(fixture.shards[0]).handled;
        fixture_step(&fixture, 0);
        cr_assert_gt(node_runs[NODE_FIRE], before);
        cr_assert(shard_stats(fixture.shards[0]).handled > handled || shard_stats(fixture.shards[0]).mailbox == 0);
    }
    cr_assert_geq(steps, 4);
    fixture_run(&fixture);
    cr_assert_eq(node_runs[NODE_FIRE], MANY);
}

/* Answers that come later. */

Test(shard, a_retry_of_what_is_held_becomes_the_one_to_be_answered) {
    fixture.may_wait = true;
    uint64_t first = SEND("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1);
    fixture_run(&fixture);
    uint64_t second = SEND("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1);
    fixture_run(&fixture);
    cr_assert_str_eq(fixture_outcome(&fixture, first), "silent");
    cr_assert_null(fixture_outcome(&fixture, second));
    CALL("a", "answer", .body = "{\"to\":\"1\",\"count\":7}");
    cr_assert_str_eq(fixture_outcome(&fixture, second), "reply {\"number\":1,\"count\":7}");
    cr_assert_eq(node_runs[NODE_HOLD], 1);
    cr_assert_str_eq(CALL("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1),
                     "reply {\"number\":1,\"count\":7}");
}

Test(shard, a_deadline_leaves_the_promise_standing) {
    fixture.may_wait = true;
    for (uint64_t id = 1; id <= 2; id++) {
        char body[32], to[64];
        snprintf(body, sizeof body, "{\"number\":%lu}", (unsigned long)id);
        snprintf(to, sizeof to, "{\"to\":\"%lu\",\"count\":7}", (unsigned long)id);
        uint64_t first =
            SEND("a", "hold", .body = body, .session = 1, .id = id, .deadline_us = fixture.now_us + 1000000);
        fixture_pass(&fixture, 999);
        cr_assert_null(fixture_outcome(&fixture, first));
        fixture_pass(&fixture, 2);
        assert_is(fixture_outcome(&fixture, first), ERROR_TEXT("deadline_exceeded"));
        uint64_t second = 0;
        if (id == 1) { /* the retry comes before the answer, and then after it */
            second = SEND("a", "hold", .body = body, .session = 1, .id = id);
            fixture_run(&fixture);
        }
        CALL("a", "answer", .body = to);
        cr_assert(id != 1 || fixture_is(fixture_outcome(&fixture, second), "reply {\"number\":1,\"count\":7}"));
        assert_is(CALL("a", "hold", .body = body, .session = 1, .id = id), "reply {");
        cr_assert_eq(node_runs[NODE_HOLD], id);
    }
}

Test(shard, what_was_held_is_answered_after_a_restart) {
    fixture.may_wait = true;
    uint64_t lost = SEND("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1);
    fixture_run(&fixture);
    fixture_restart_as(&fixture, 7);
    uint64_t second = SEND("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1);
    fixture_run(&fixture);
    CALL("a", "answer", .body = "{\"to\":\"1\",\"count\":7}");
    cr_assert_null(fixture_outcome(&fixture, lost));
    cr_assert_str_eq(fixture_outcome(&fixture, second), "reply {\"number\":1,\"count\":7}");
    fixture_restart_as(&fixture, 2);
    cr_assert_str_eq(CALL("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1),
                     "reply {\"number\":1,\"count\":7}");
    cr_assert_eq(node_runs[NODE_HOLD], 1);
}

Test(shard, two_holds_may_be_answered_by_one_turn_also_without_a_session) {
    fixture.may_wait = true;
    uint64_t first = SEND("a", "hold", .body = "{\"number\":1}", .id = 5);
    uint64_t second = SEND("a", "hold", .body = "{\"number\":2}", .id = 5);
    uint64_t third = SEND("a", "hold", .body = "{\"number\":3}", .session = 1, .id = 5, .tell = true);
    fixture_run(&fixture);
    CALL("a", "answer", .body = "{\"to\":\"2,3,1\",\"count\":7}");
    cr_assert_str_eq(fixture_outcome(&fixture, first), "reply {\"number\":1,\"count\":7}");
    cr_assert_str_eq(fixture_outcome(&fixture, second), "reply {\"number\":2,\"count\":7}");
    cr_assert_str_eq(fixture_outcome(&fixture, third), "silent");
    CALL("a", "answer", .body = "{\"to\":\"1,2,3\"}");
}

Test(shard, a_turn_that_answers_and_fails_has_answered_nobody) {
    fixture.may_wait = true;
    uint64_t first = SEND("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1);
    fixture_run(&fixture);
    assert_is(CALL("a", "answer", .body = "{\"to\":\"1\",\"count\":6,\"mode\":1}"), ERROR_TEXT("conflict"));
    cr_assert_null(fixture_outcome(&fixture, first));
    CALL("a", "answer", .body = "{\"to\":\"1\",\"text\":\"sold out\"}");
    assert_is(fixture_outcome(&fixture, first), "error {\"code\":\"conflict\",\"text\":\"sold out\"");
    assert_is(CALL("a", "hold", .body = "{\"number\":1}", .session = 1, .id = 1),
              "error {\"code\":\"conflict\",\"text\":\"sold out\"");
}

Test(shard, more_answers_than_a_turn_may_give_are_refused_whole) {
    char body[32], list[256] = "{\"to\":\"";
    uint64_t tickets[TURN_ANSWERS_MAX + 1];
    fixture.may_wait = true;
    for (uint32_t i = 0; i <= TURN_ANSWERS_MAX; i++) {
        snprintf(body, sizeof body, "{\"number\":%u}", i);
        tickets[i] = SEND("a", "hold", .body = body, .session = 1, .id = i + 1);
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%u", i > 0 ? "," : "", i);
    }
    fixture_run(&fixture);
    snprintf(list + strlen(list), sizeof list - strlen(list), "\"}");
    assert_is(CALL("a", "answer", .body = list), ERROR_TEXT("too_large"));
    for (uint32_t i = 0; i <= TURN_ANSWERS_MAX; i++) {
        cr_assert_null(fixture_outcome(&fixture, tickets[i]));
    }
}

/* The end of an actor. */

static void assert_gone(void) {
    assert_is(MORTAL("read"), ERROR_TEXT("not_found"));
    assert_is(MORTAL("name", .body = "{\"name\":\"y\"}"), ERROR_TEXT("not_found"));
    assert_is(MORTAL("end"), ERROR_TEXT("not_found"));
    assert_is(MORTAL("show"), ERROR_TEXT("not_found"));
}

Test(shard, an_actor_that_ended_is_as_if_it_had_never_been) {
    MORTAL("make", .body = "{\"name\":\"x\"}");
    assert_is(MORTAL("end_and_fail"), ERROR_TEXT("conflict"));
    cr_assert_str_eq(MORTAL("read"), "reply {\"name\":\"x\"}");
    cr_assert_eq(stored('i', NULL, 0), 1);
    cr_assert_str_eq(MORTAL("end", .session = 1, .id = 1), "reply {}");
    assert_gone();
    cr_assert_str_eq(MORTAL("end", .session = 1, .id = 1), "reply {}");
    cr_assert_eq(stored('h', NULL, 0) + stored('i', NULL, 0), 0);
    assert_gone();
    assert_is(MORTAL("make", .body = "{\"name\":\"z\"}"), "reply");
    cr_assert_str_eq(MORTAL("read"), "reply {\"name\":\"z\"}");
    assert_is(MORTAL("show"), "reply {\"version\":1,");
    cr_assert_eq(stored('i', NULL, 0), 1);
}

/* Events. */

/* One letter for each effect: R reply, S reply that subscribes, E event. */
static void step_and_look(uint16_t shard, char *letters) {
    batch_t *batch = batch_new(shard);
    effect_t effect;
    span_t bytes;
    FIXTURE_OK(shard_step(fixture.shards[shard], batch, fixture.now_us, fixture.unix_ms));
    span_t rest = span_of(batch->effects, batch->effects_bytes);
    while (effect_next(&rest, &effect, &bytes)) {
        *letters++ = effect.type == EFFECT_EVENT ? 'E' : (effect.flags & EFFECT_SUBSCRIBE) != 0 ? 'S' : 'R';
    }
    *letters = 0;
    fixture_journal(&fixture, batch);
    fixture_collect(&fixture, batch);
    fixture_take_home(&fixture, batch);
    batch_destroy(&batch);
}

Test(shard, the_reply_of_a_subscription_stands_between_the_events_before_and_after) {
    char letters[64];
    fixture_run(&fixture);
    SEND("a", "publish", .body = "{\"number\":1,\"count\":2}");
    SEND("a", "publish", .body = "{\"number\":3,\"count\":1,\"mode\":1}");
    SEND("a", "subscribe");
    SEND("a", "publish", .body = "{\"number\":3,\"count\":1}");
    uint16_t shard = address_partition(span_text("node"), span_text("a")) % fixture.options.count;
    fixture_give(&fixture, shard);
    step_and_look(shard, letters);
    cr_assert_str_eq(letters, "EERRSER");
    cr_assert_str_eq(fixture.events, "node/a happened {\"log_epoch\":7,\"seq\":1}\n"
                                     "node/a happened {\"log_epoch\":7,\"seq\":2}\n"
                                     "node/a happened {\"log_epoch\":7,\"seq\":3}\n");
    fixture_run(&fixture);
}

/* Work. */

Test(shard, the_result_of_work_comes_once_and_work_of_a_failed_turn_never) {
    CALL("a", "go", .body = "{\"number\":1,\"count\":0,\"mode\":8}");
    CALL("a", "go", .body = "{\"number\":2,\"count\":0,\"mode\":9}");
    fixture_pass(&fixture, 1000);
    cr_assert_eq(node_runs[NODE_WORKED], 1);
}
