/* SPDX-License-Identifier: MIT */
/*
 * The shard with handlers that do what no good kind does: fail after they wrote, write where they should read, grow
 * without end.
 */
#include <signal.h>

#include "actors/store_key.h"
#include "actors/turn.h"
#include "tests/actors/shard_fixture.h"

typedef struct probe {
    uint64_t present;
    span_t text, data;
} probe_t;

enum { TEXT = 1 << 0, DATA = 1 << 1 };

static const field_t probe_fields[] = {
    {.name = "text", .type = FIELD_TEXT, .offset = offsetof(probe_t, text), .max = TURN_BYTES_MAX},
    {.name = "data", .type = FIELD_ANY, .offset = offsetof(probe_t, data), .max = TURN_BYTES_MAX},
};
static const record_t record_probe = {
    .name = "probe", .version = 1, .struct_bytes = sizeof(probe_t), .fields = probe_fields, .field_count = 2};

enum {
    MAKE,
    PUT,
    PUT_AND_FAIL,
    PUT_TOO_MUCH,
    WRITE_IN_READ,
    TWO_FAILURES,
    FAIL_AND_GO_ON,
    BOTH_DATA,
    LIST,
    SLOW,
    METHODS
};

#define PROBE_METHOD(name_, flags_)                                                                                    \
    { .name = (name_), .request = &record_probe, .reply = &record_probe, .flags = (flags_) }
static const method_t probe_methods[METHODS] = {
    [MAKE] = PROBE_METHOD("make", CREATE), /* which implies WRITE */
    [PUT] = PROBE_METHOD("put", WRITE),
    [PUT_AND_FAIL] = PROBE_METHOD("put_and_fail", WRITE),
    [PUT_TOO_MUCH] = PROBE_METHOD("put_too_much", WRITE),
    [WRITE_IN_READ] = PROBE_METHOD("write_in_read", READ),
    [TWO_FAILURES] = PROBE_METHOD("two_failures", WRITE),
    [FAIL_AND_GO_ON] = PROBE_METHOD("fail_and_go_on", WRITE),
    [BOTH_DATA] = PROBE_METHOD("both_data", WRITE),
    [LIST] = PROBE_METHOD("list_own", READ),
    [SLOW] = PROBE_METHOD("slow", WRITE),
};
static const kind_t probe_kind = {
    .name = "probe", .state = &record_probe, .methods = probe_methods, .method_count = METHODS};

static status_t put(turn_t *turn, const void *state, const void *request) {
    const probe_t *asked = request;
    status_t status = turn_put(turn, span_text("text"), asked->text);
    (void)state;
    return status == STATUS_OK ? turn_state(turn, asked) : status;
}

static status_t put_and_fail(turn_t *turn, const void *state, const void *request) {
    status_t status = put(turn, state, request);
    if (status == STATUS_OK) {
        status = turn_put(turn, span_text("more"), span_text("more"));
    }
    if (status == STATUS_OK) {
        status = turn_reply(turn, request);
    }
    return status == STATUS_OK ? turn_fail(turn, STATUS_CONFLICT, "after all") : status;
}

static status_t put_too_much(turn_t *turn, const void *state, const void *request) {
    char subkey[16];
    status_t status = put(turn, state, request);
    for (int i = 0; status == STATUS_OK; i++) {
        snprintf(subkey, sizeof subkey, "%d", i);
        status = turn_put(turn, span_text(subkey), span_text("value"));
    }
    return status;
}

static status_t two_failures(turn_t *turn, const void *state, const void *request) {
    (void)state, (void)request;
    return turn_fail(turn, STATUS_CONFLICT, "one") == STATUS_OK ? STATUS_OK : STATUS_INVALID;
}

static status_t fail_and_go_on(turn_t *turn, const void *state, const void *request) {
    (void)state, (void)request;
    return turn_fail(turn, STATUS_CONFLICT, "one") == STATUS_OK ? STATUS_INVALID : STATUS_OK;
}

/* The stored data and what was sent, one behind the other: more values than any message may have. */
static status_t both_data(turn_t *turn, const void *state, const void *request) {
    const probe_t *stored = state, *asked = request;
    size_t bytes = stored->data.len + asked->data.len + 1;
    uint8_t *pair = turn_alloc(turn, bytes);
    pair[0] = 0x92;
    memcpy(pair + 1, stored->data.ptr, stored->data.len);
    memcpy(pair + 1 + stored->data.len, asked->data.ptr, asked->data.len);
    probe_t next = {.present = DATA, .data = span_of(pair, bytes)};
    status_t status = turn_put(turn, span_text("more"), span_text("more"));
    return status == STATUS_OK ? turn_state(turn, &next) : status;
}

typedef struct listed {
    char text[128];
    size_t bytes;
} listed_t;

static bool list_one(void *context, span_t subkey, span_t value) {
    listed_t *self = context;
    self->bytes += (size_t)snprintf(self->text + self->bytes, sizeof self->text - self->bytes, "%.*s=%.*s ",
                                    (int)subkey.len, subkey.ptr, (int)value.len, value.ptr);
    return true;
}

static status_t list_own(turn_t *turn, const void *state, const void *request) {
    listed_t listed = {.bytes = 0};
    (void)state, (void)request;
    status_t status = turn_list(turn, (span_t){0}, (span_t){0}, list_one, &listed);
    probe_t reply = {.present = TEXT, .text = span_of(listed.text, listed.bytes)};
    return status == STATUS_OK ? turn_reply(turn, &reply) : status;
}

/* Time as the shard's two clocks tell it: a slow turn takes what stands here, by one and by the other. */
static uint64_t now_us, cpu_us;
static uint64_t slow_us, slow_cpu_us;
static uint32_t slow_runs;

static uint64_t test_now_us(void) {
    return now_us;
}

static uint64_t test_cpu_us(void) {
    return cpu_us;
}

/* Appends a letter to what is stored, so that a run that was not undone shows. */
static status_t slow(turn_t *turn, const void *state, const void *request) {
    span_t before;
    char after[16];
    (void)state, (void)request;
    now_us += slow_us;
    cpu_us += slow_cpu_us;
    slow_runs++;
    status_t status = turn_get(turn, span_text("text"), &before);
    if (status != STATUS_OK) {
        return status;
    }
    int len = snprintf(after, sizeof after, "%.*sx", (int)before.len, (const char *)before.ptr);
    return turn_put(turn, span_text("text"), span_of(after, (size_t)len));
}

static const handler_fn handlers[METHODS] = {
    [MAKE] = put,
    [PUT] = put,
    [PUT_AND_FAIL] = put_and_fail,
    [PUT_TOO_MUCH] = put_too_much,
    [WRITE_IN_READ] = put,
    [TWO_FAILURES] = two_failures,
    [FAIL_AND_GO_ON] = fail_and_go_on,
    [BOTH_DATA] = both_data,
    [LIST] = list_own,
    [SLOW] = slow,
};
static const actor_t actor_probe = {.kind = "probe", .handlers = handlers, .handler_count = METHODS};

static const actor_t *actor_of_probe(const kind_t *kind) {
    return kind == &probe_kind ? &actor_probe : actor_of(kind);
}

static fixture_t fixture;

static void setup(void) {
    fixture.options.actor_of = actor_of_probe;
    fixture.options.now_us = test_now_us;
    fixture.options.cpu_us = test_cpu_us;
    fixture_open(&fixture);
}

static void teardown(void) {
    fixture_close(&fixture);
}

TestSuite(shard, .init = setup, .fini = teardown);

#define CALL(...) fixture_call(&fixture, &(call_t){.own_kind = &probe_kind, .key = "p", __VA_ARGS__})

static void assert_is(const char *text, const char *begin) {
    cr_assert(fixture_is(text, begin), "%s is not %s", text, begin);
}

static void make(const char *body) {
    cr_assert_str_eq(CALL(.method = "make", .body = body), "reply {}");
}

static void assert_unchanged(const char *method, const char *body, const char *error) {
    char list[256], shown[256];
    snprintf(list, sizeof list, "%s", CALL(.method = "list_own"));
    snprintf(shown, sizeof shown, "%s", CALL(.method = "show"));
    uint64_t records = fixture.records;
    size_t bytes = fixture_memtable_bytes(&fixture);
    assert_is(CALL(.method = method, .body = body, .session = 1, .id = 1), error);
    cr_assert_eq(fixture.records, records);
    cr_assert_eq(fixture_memtable_bytes(&fixture), bytes);
    for (int i = 0; i < 2; i++) {
        cr_assert_str_eq(CALL(.method = "list_own"), list);
        cr_assert_str_eq(CALL(.method = "show"), shown);
        fixture_restart(&fixture);
    }
}

Test(shard, a_turn_that_fails_after_it_wrote_leaves_no_trace) {
    make("{\"text\":\"first\"}");
    assert_unchanged("put_and_fail", "{\"text\":\"second\"}", "error {\"code\":\"conflict\",\"text\":\"after all\"");
    cr_assert_str_eq(CALL(.method = "list_own"), "reply {\"text\":\"text=first \"}");
}

Test(shard, a_turn_beyond_its_bounds_leaves_no_trace) {
    make("{\"text\":\"first\"}");
    assert_unchanged("put_too_much", "{\"text\":\"second\"}", ERROR_TEXT("too_large"));
}

static void assert_slow(uint64_t elapsed_us, uint64_t used_us, const char *answer, uint32_t runs, const char *list) {
    slow_us = elapsed_us;
    slow_cpu_us = used_us;
    slow_runs = 0;
    assert_is(CALL(.method = "slow"), answer);
    cr_assert_eq(slow_runs, runs, "%u runs", slow_runs);
    cr_assert_str_eq(CALL(.method = "list_own"), list);
}

Test(shard, a_turn_that_takes_too_long_leaves_no_trace) {
    make("{\"text\":\"\"}");
    assert_slow(TURN_US_MAX + 1, TURN_US_MAX + 1, ERROR_TEXT("too_large"), 4, "reply {\"text\":\"text= \"}");
    assert_slow(TURN_US_MAX, TURN_US_MAX, "reply {}", 1, "reply {\"text\":\"text=x \"}");
}

Test(shard, a_turn_that_had_to_wait_for_the_machine_is_run_again_and_stands_once) {
    make("{\"text\":\"\"}");
    assert_slow(TURN_US_MAX + 1, TURN_US_MAX, "reply {}", 2, "reply {\"text\":\"text=x \"}");
}

/* The first half of a batch stands, also where the turn behind it fails. */
Test(shard, a_failed_turn_undoes_nothing_of_the_turns_around_it) {
    static const char *const methods[] = {"put", "put_and_fail", "put", "put_too_much"};
    static const char *const bodies[] = {"{\"text\":\"a\"}", "{\"text\":\"b\"}", "{\"text\":\"c\"}",
                                         "{\"text\":\"d\"}"};
    make("{\"text\":\"first\"}");
    for (int i = 0; i < 4; i++) {
        fixture_send(&fixture, &(call_t){.own_kind = &probe_kind, .key = "p", .method = methods[i], .body = bodies[i]});
    }
    fixture_run(&fixture);
    cr_assert_eq(fixture.records, 6);
    for (int i = 0; i < 2; i++) {
        cr_assert_str_eq(CALL(.method = "list_own"), "reply {\"text\":\"text=c \"}");
        cr_assert_str_eq(CALL(.method = "show"), "reply {\"version\":3,\"state\":{\"text\":\"c\"}}");
        fixture_restart(&fixture);
    }
}

static span_t array_of_nils(uint8_t *bytes, size_t capacity, size_t count) {
    pack_t pack = pack_into(bytes, capacity);
    pack_map(&pack, 2);
    pack_cstring(&pack, "text");
    pack_cstring(&pack, "");
    pack_cstring(&pack, "data");
    pack_array(&pack, count);
    for (size_t i = 0; i < count; i++) {
        pack_nil(&pack);
    }
    cr_assert(pack_ok(&pack));
    return pack_bytes(&pack);
}

Test(shard, a_record_that_could_not_be_read_again_is_not_written) {
    static uint8_t bytes[KIB(16)];
    span_t body = array_of_nils(bytes, sizeof bytes, 10000);
    cr_assert_str_eq(CALL(.method = "make", .raw = body), "reply {}");
    uint64_t records = fixture.records;
    assert_is(CALL(.method = "both_data", .raw = body), ERROR_TEXT("too_large"));
    cr_assert_eq(fixture.records, records);
    cr_assert_str_eq(CALL(.method = "list_own"), "reply {\"text\":\"text= \"}");
    fixture_restart(&fixture);
    assert_is(CALL(.method = "show"), "reply {\"version\":1,");
    assert_is(CALL(.method = "put", .body = "{\"text\":\"still works\"}"), "reply");
}

Test(shard, a_turn_without_an_answer_answers_an_empty_map) {
    make("{\"text\":\"\"}");
    cr_assert_str_eq(CALL(.method = "list_own"), "reply {\"text\":\"text= \"}");
    cr_assert_str_eq(CALL(.method = "put", .body = "{\"text\":\"a\"}", .session = 1, .id = 1), "reply {}");
    cr_assert_str_eq(CALL(.method = "put", .body = "{\"text\":\"a\"}", .session = 1, .id = 1), "reply {}");
    assert_is(CALL(.method = "show"), "reply {\"version\":2,");
}

/* A method that creates also writes: it is kept for retries and refused by a full memtable. */
Test(shard, a_create_counts_as_a_write) {
    uint64_t first = fixture_send(
        &fixture,
        &(call_t){
            .own_kind = &probe_kind, .key = "p", .method = "make", .body = "{\"text\":\"a\"}", .session = 1, .id = 1});
    fixture_run(&fixture);
    cr_assert_str_eq(fixture_outcome(&fixture, first), "reply {}");
    cr_assert_str_eq(CALL(.method = "make", .body = "{\"text\":\"b\"}", .session = 1, .id = 1), "reply {}");
    assert_is(CALL(.method = "make", .body = "{\"text\":\"c\"}", .session = 1, .id = 2), ERROR_TEXT("conflict"));
}

Test(shard, a_handler_that_writes_where_it_should_read_stops_the_program, .signal = SIGABRT) {
    make("{\"text\":\"\"}");
    CALL(.method = "write_in_read", .body = "{\"text\":\"a\"}");
}

Test(shard, a_handler_that_returns_another_failure_stops_the_program, .signal = SIGABRT) {
    make("{\"text\":\"\"}");
    CALL(.method = "two_failures");
}

Test(shard, a_handler_that_fails_and_goes_on_stops_the_program, .signal = SIGABRT) {
    make("{\"text\":\"\"}");
    CALL(.method = "fail_and_go_on");
}

Test(shard, a_damaged_own_key_is_an_error_of_its_actor) {
    store_key_t key;
    make("{\"text\":\"a\"}");
    uint8_t partition = address_partition(span_text("probe"), span_text("p"));
    store_key_sub(&key, partition, span_text("probe"), span_text("p"), span_text("text"));
    fixture_damage(&fixture, store_key_span(&key), span_text("rot"));
    assert_is(CALL(.method = "list_own"), ERROR_TEXT("internal"));
    assert_is(CALL(.method = "put", .body = "{\"text\":\"b\"}"), "reply");
    cr_assert_str_eq(CALL(.method = "list_own"), "reply {\"text\":\"text=b \"}");
}
