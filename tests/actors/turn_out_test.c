/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <signal.h>

#include "actors/cell.h"
#include "actors/effect.h"
#include "actors/store_key.h"
#include "actors/turn_run.h"
#include "schemas/address.h"
#include "tests/actors/view_fixture.h"
#include "tests/schemas/hex.h"

/* A kind of this test's own, for messages of any size. */
typedef struct probe {
    uint64_t present;
    uint64_t seq;
    span_t data;
} probe_t;

enum { SEQ = 1 << 0, DATA = 1 << 1 };

static const field_t probe_fields[] = {
    {.name = "seq", .type = FIELD_U64, .offset = offsetof(probe_t, seq), .max = UINT64_MAX, .flags = REQUIRED},
    {.name = "data", .type = FIELD_ANY, .offset = offsetof(probe_t, data), .max = 2 * TURN_BYTES_MAX},
};
static const record_t record_probe = {
    .name = "probe", .version = 1, .struct_bytes = sizeof(probe_t), .fields = probe_fields, .field_count = 2};

enum { TAKE, ASK, METHODS };
static const method_t probe_methods[METHODS] = {
    [TAKE] = {.name = "take", .request = &record_probe, .reply = &record_probe, .flags = WRITE, .roles = ROLE_ACTOR},
    [ASK] = {.name = "ask", .request = &record_probe, .reply = &record_probe, .flags = WRITE, .roles = ROLE_USER},
};
static const event_t probe_events[] = {{.name = "happened", .record = &record_probe}};
static const kind_t probe_kind = {
    .name = "probe", .methods = probe_methods, .method_count = METHODS, .events = probe_events, .event_count = 1};
static const work_t probe_work = {.name = "count", .input = &record_probe};

static const kind_t *kind_of_test(span_t name) {
    return span_equal(name, span_text("probe")) ? &probe_kind : NULL;
}

enum { PARTITION = 9, NOW_MS = 1234 };

static view_fixture_t fixture;
static outbox_t *outbox;
static timers_t *timers;
static dead_letters_t dead_letters;
static turn_t turn;
static request_t request;
static store_key_t head;
static uint8_t large[TURN_BYTES_MAX];

static void begin(void) {
    turn_begin(&turn, &request, NOW_MS);
}

static void setup(void) {
    static const uint8_t folder[FOLDER_ID_BYTES] = {0xf0};
    view_fixture_open(&fixture);
    cr_assert_eq(
        outbox_open(
            &(outbox_options_t){
                .view = &fixture.view, .folder = folder, .shards = 1, .streams_max = 1, .kind_of = kind_of_test},
            &outbox),
        STATUS_OK);
    timers = timers_new(&fixture.view, 0, 1);
    dead_letters_init(&dead_letters);
    turn_init(&turn, &(turn_parts_t){.view = &fixture.view,
                                     .writer = &fixture.writer,
                                     .outbox = outbox,
                                     .timers = timers,
                                     .dead_letters = &dead_letters,
                                     .log_epoch = 7});
    request = (request_t){.type = REQUEST_CALL,
                          .id = 5,
                          .peer_number = 6,
                          .kind = &probe_kind,
                          .method = &probe_methods[ASK],
                          .partition = PARTITION,
                          .key = span_text("mina")};
    store_key_head(&head, PARTITION, span_text("probe"), request.key);
    begin();
}

static void teardown(void) {
    outbox_check(outbox);
    turn_fini(&turn);
    dead_letters_fini(&dead_letters);
    timers_destroy(&timers);
    outbox_close(&outbox);
    view_fixture_close(&fixture);
}

TestSuite(turn_out, .init = setup, .fini = teardown);

static void commit(void) {
    turn_commit(&turn, store_key_span(&head), 0);
}

static probe_t probe_of(size_t data_bytes) {
    return (probe_t){.present = SEQ | DATA, .seq = 7, .data = span_of(large, data_bytes)};
}

static status_t send_to(const char *key, size_t data_bytes) {
    probe_t probe = probe_of(data_bytes);
    return turn_send(&turn, &probe_kind, span_text(key), TAKE, &probe);
}

static status_t publish(void) {
    probe_t probe = {.present = SEQ, .seq = 7};
    return turn_publish(&turn, 0, &probe);
}

static status_t work(size_t data_bytes) {
    probe_t probe = probe_of(data_bytes);
    return turn_work(&turn, &probe_work, &probe, TAKE);
}

static status_t at(uint64_t when_ms, const char *tag) {
    probe_t probe = probe_of(1);
    return turn_at(&turn, when_ms, TAKE, span_text(tag), &probe);
}

/* The token of a request that an earlier turn held. */
static span_t token_of(uint64_t id) {
    static uint8_t bytes[HOLD_BYTES];
    request_t held = {.id = id, .peer_number = 3};
    holds_token(&held, 0, bytes);
    return span_of(bytes, sizeof bytes);
}

static status_t answer(uint64_t id, size_t data_bytes) {
    probe_t probe = probe_of(data_bytes);
    return turn_reply_to(&turn, token_of(id), ASK, &probe);
}

/* The envelope of the first effect, which has this type. */
static envelope_t first_effect(effect_type_t type) {
    static token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    span_t rest = span_of(fixture.batch->effects, fixture.batch->effects_bytes), bytes;
    effect_t effect;
    envelope_t envelope;
    size_t consumed;
    cr_assert(effect_next(&rest, &effect, &bytes));
    cr_assert_eq(effect.type, type);
    cr_assert_eq(envelope_decode(&envelope, &tape, bytes, &consumed), STATUS_OK);
    return envelope;
}

static void assert_text(span_t span, const char *text) {
    cr_assert(span_equal(span, span_text(text)), "%.*s", (int)span.len, (const char *)span.ptr);
}

/* Undoing. */

Test(turn_out, nothing_of_an_aborted_one_leaves) {
    commit();
    begin();
    uint32_t records = fixture.batch->record_count;
    size_t memory = memtable_bytes(fixture.view.memtable);
    cr_assert_eq(send_to("a", 1), STATUS_OK);
    cr_assert_eq(publish(), STATUS_OK);
    cr_assert_eq(work(1), STATUS_OK);
    cr_assert_eq(at(100, "t"), STATUS_OK);
    cr_assert_eq(answer(1, 1), STATUS_OK);
    cr_assert_eq(turn_end_handles(&turn), STATUS_OK);
    cr_assert_eq(turn_mute(&turn, span_text("juno"), 7), STATUS_OK);
    turn_hold(&turn);
    turn_grant(&turn);
    turn_subscribe(&turn);
    turn_abort(&turn);
    cr_assert_eq(fixture.batch->effect_count + fixture.batch->effects_bytes, 0);
    cr_assert_eq(fixture.batch->record_count, records);
    cr_assert_eq(memtable_bytes(fixture.view.memtable), memory);
    cr_assert_eq(outbox_count(outbox), 0);
    begin();
    cr_assert_not(turn_wrote(&turn));
    commit();
    cr_assert_eq(fixture.batch->effect_count, 0);
    cr_assert(turn.answer_count == 0 && turn.flags == 0 && !turn.held);
}

Test(turn_out, messages_leave_only_when_it_commits) {
    cr_assert_eq(send_to("a", 1), STATUS_OK);
    cr_assert(turn_wrote(&turn));
    cr_assert_eq(fixture.batch->effect_count + fixture.batch->record_count, 0);
    commit();
    cr_assert_eq(fixture.batch->effect_count, 1);
    cr_assert_eq(outbox_count(outbox), 1);
}

/* Bounds. */

Test(turn_out, no_more_leaves_than_the_limits_say) {
    char key[16];
    for (int i = 0; i < TURN_SENDS_MAX; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cr_assert_eq(send_to(key, 1), STATUS_OK);
    }
    cr_assert_eq(send_to("one-more", 1), STATUS_TOO_LARGE);
    for (int i = 0; i < TURN_EVENTS_MAX; i++) {
        cr_assert_eq(publish(), STATUS_OK);
    }
    cr_assert_eq(publish(), STATUS_TOO_LARGE);
    for (int i = 0; i < TURN_WORKS_MAX; i++) {
        cr_assert_eq(work(1), STATUS_OK);
    }
    cr_assert_eq(work(1), STATUS_TOO_LARGE);
    for (uint64_t i = 0; i < TURN_ANSWERS_MAX; i++) {
        cr_assert_eq(answer(1 + i, 1), STATUS_OK);
    }
    cr_assert_eq(answer(100, 1), STATUS_TOO_LARGE);
    cr_assert_eq(turn_fail_to(&turn, token_of(100), STATUS_CONFLICT, "no"), STATUS_TOO_LARGE);
    commit();
    cr_assert_eq(outbox_count(outbox), TURN_SENDS_MAX);
}

Test(turn_out, timers_count_as_writes) {
    char tag[16];
    int set = 0;
    status_t status = STATUS_OK;
    for (; status == STATUS_OK; set += status == STATUS_OK) {
        snprintf(tag, sizeof tag, "%d", set);
        status = at(100, tag);
    }
    cr_assert_eq(status, STATUS_TOO_LARGE);
    cr_assert_eq(set, TURN_WRITES_MAX / 3);
}

/* What a turn may send and write, all around its bounds, fits what is kept free for it. */
static void assert_fits(size_t data_bytes) {
    static char key[KEY_BYTES_MAX + 1], user[KEY_BYTES_MAX + 1];
    static uint8_t trace[TRACE_BYTES];
    uint32_t answers = 0;
    memset(key, 'k', KEY_BYTES_MAX);
    memset(user, 'u', KEY_BYTES_MAX);
    request.subject = span_text(user);
    request.roles = ROLE_USER | ROLE_ADMIN;
    request.trace = span_of(trace, sizeof trace);
    request.key = span_text(key);
    store_key_head(&head, PARTITION, span_text("probe"), request.key);
    batch_reset(fixture.batch);
    begin();
    while (send_to(key, data_bytes) == STATUS_OK) {
    }
    while (publish() == STATUS_OK) {
    }
    while (work(data_bytes) == STATUS_OK) {
    }
    while (answer(1 + answers, data_bytes) == STATUS_OK) {
        answers++;
    }
    commit();
    size_t others =
        answers * (sizeof(effect_t) + ENVELOPE_OVERHEAD_BYTES + KIND_BYTES_MAX + KEY_BYTES_MAX + data_bytes);
    cr_assert_leq(fixture.batch->effects_bytes + others, TURN_EFFECTS_BYTES_MAX, "%u and %zu",
                  fixture.batch->effects_bytes, others);
    cr_assert_leq(fixture.batch->records_bytes, TURN_RECORDS_BYTES_MAX);
}

Test(turn_out, a_maximal_one_fits_what_is_kept_free_for_it) {
    static const size_t sizes[] = {1, 1000, KIB(8), KIB(15), KIB(16), VALUE_BYTES_MAX - 64};
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        assert_fits(sizes[i]);
    }
}

Test(turn_out, what_is_too_long_for_a_value_is_neither_sent_nor_published_nor_worked_on) {
    cr_assert_eq(send_to("a", VALUE_BYTES_MAX), STATUS_TOO_LARGE);
    cr_assert_eq(work(VALUE_BYTES_MAX), STATUS_TOO_LARGE);
    probe_t probe = probe_of(VALUE_BYTES_MAX);
    cr_assert_eq(turn_publish(&turn, 0, &probe), STATUS_TOO_LARGE);
    cr_assert_eq(turn_at(&turn, 1, TAKE, span_text("t"), &probe), STATUS_TOO_LARGE);
    commit();
    cr_assert_eq(fixture.batch->effect_count + fixture.batch->record_count, 0);
}

Test(turn_out, a_key_that_is_none_is_refused) {
    static char long_key[KEY_BYTES_MAX + 2];
    memset(long_key, 'k', KEY_BYTES_MAX + 1);
    cr_assert_eq(send_to("", 1), STATUS_INVALID_ADDRESS);
    cr_assert_eq(send_to("a/b", 1), STATUS_INVALID_ADDRESS);
    cr_assert_eq(send_to(long_key, 1), STATUS_INVALID_ADDRESS);
    commit();
    cr_assert_eq(outbox_count(outbox), 0);
}

/* Programmer's errors. */

Test(turn_out, a_method_that_is_not_for_actors_stops_the_program, .signal = SIGABRT) {
    probe_t probe = probe_of(1);
    cr_expect_eq(turn_send(&turn, &probe_kind, span_text("a"), ASK, &probe), STATUS_OK);
}

Test(turn_out, a_hold_of_what_answers_nobody_stops_the_program, .signal = SIGABRT) {
    request.type = REQUEST_MESSAGE;
    begin();
    cr_expect_not(turn_answerable(&turn));
    turn_hold(&turn);
}

Test(turn_out, what_is_no_token_stops_the_program, .signal = SIGABRT) {
    cr_expect_eq(turn_fail_to(&turn, span_text("rot"), STATUS_CONFLICT, "no"), STATUS_OK);
}

Test(turn_out, an_answer_to_what_the_turn_itself_holds_stops_the_program, .signal = SIGABRT) {
    span_t token = turn_hold(&turn);
    cr_expect_eq(turn_fail_to(&turn, token, STATUS_CONFLICT, "no"), STATUS_OK);
}

Test(turn_out, one_that_holds_may_answer_the_same_number_of_another_session_of_that_peer) {
    uint8_t token[HOLD_BYTES];
    request_t other = request;
    other.has_session = request.has_session = true;
    other.session[0] = 1;
    holds_token(&other, 0, token);
    turn_hold(&turn);
    cr_assert_eq(turn_fail_to(&turn, span_of(token, sizeof token), STATUS_CONFLICT, "no"), STATUS_OK);
    cr_assert_eq(turn.answer_count, 1);
}

/* Who sent it. */

static void assert_sender(const char *chain, const char *kind, const char *key) {
    span_t sender_kind, sender_key;
    request.chain = chain == NULL ? (span_t){0} : span_text(chain);
    begin();
    turn_sender(&turn, &sender_kind, &sender_key);
    cr_assert_eq(sender_kind.ptr == NULL, kind == NULL);
    cr_assert_eq(sender_key.ptr == NULL, kind == NULL);
    if (kind != NULL) {
        assert_text(sender_kind, kind);
        assert_text(sender_key, key);
    }
}

Test(turn_out, the_sender_is_the_first_of_the_chain) {
    assert_sender(NULL, NULL, NULL);
    assert_sender("\x91\xa3"
                  "a/b",
                  "a", "b");
    assert_sender("\x92\xa3"
                  "a/b\xa3"
                  "c/d",
                  "a", "b");
    assert_sender("\x91\xa3"
                  "abc",
                  NULL, NULL);
    assert_sender("\x90", NULL, NULL);
}

/* Far from HOPS_MAX only the sender is remembered, near it those before too, CHAIN_MAX in all. */
Test(turn_out, the_chain_grows_near_the_last_hop) {
    uint8_t chain[CHAIN_BYTES_MAX];
    pack_t pack = pack_into(chain, sizeof chain);
    pack_array(&pack, CHAIN_MAX);
    for (int i = 0; i < CHAIN_MAX; i++) {
        pack_cstring(&pack, i == 0 ? "probe/first" : i == CHAIN_MAX - 1 ? "probe/last" : "probe/other");
    }
    request.chain = pack_bytes(&pack);
    request.hops = HOPS_MAX - CHAIN_MAX - 1;
    begin();
    cr_assert_eq(send_to("a", 1), STATUS_OK);
    assert_text(turn.sends[0].chain, "\x91\xaaprobe/mina");
    request.hops++;
    begin();
    cr_assert_eq(send_to("a", 1), STATUS_OK);
    span_t grown = turn.sends[0].chain;
    cr_assert_eq(grown.ptr[0], 0x90 | CHAIN_MAX);
    cr_assert_not_null(memmem(grown.ptr, grown.len, "first", 5));
    cr_assert_null(memmem(grown.ptr, grown.len, "last", 4));
}

Test(turn_out, a_message_one_hop_too_far_is_a_dead_letter_and_not_sent) {
    request.hops = HOPS_MAX - 1;
    begin();
    cr_assert_eq(send_to("a", 1), STATUS_OK);
    commit();
    cr_assert_eq(outbox_count(outbox), 1);
    cr_assert_eq(dead_letters.count, 0);
    request.hops = HOPS_MAX;
    begin();
    cr_assert_eq(send_to("a", 1), STATUS_OK);
    cr_assert_eq(send_to("b", 1), STATUS_OK);
    commit();
    cr_assert_eq(outbox_count(outbox), 1);
    cr_assert_eq(dead_letters.count, 2);
}

/* What leaves. */

Test(turn_out, a_message_carries_on_whose_behalf_it_was_asked) {
    request.subject = span_text("ann");
    request.roles = ROLE_USER | ROLE_ADMIN;
    request.hops = 3;
    begin();
    cr_assert_eq(send_to("a", 1), STATUS_OK);
    commit();
    envelope_t envelope = first_effect(EFFECT_SEND);
    cr_assert(envelope.type == ENVELOPE_TELL && envelope.hops == 4);
    assert_text(envelope.kind, "probe");
    assert_text(envelope.key, "a");
    assert_text(envelope.method, "take");
    assert_text(envelope.subject, "ann");
    assert_text(envelope.role, "ADMIN");
    cr_assert_not_null(envelope.stream.ptr);
}

Test(turn_out, an_event_says_of_which_log_it_is) {
    cr_assert_eq(publish(), STATUS_OK);
    envelope_t envelope = first_effect(EFFECT_EVENT);
    cr_assert_eq(envelope.type, ENVELOPE_EVENT);
    assert_text(envelope.key, "mina");
    assert_text(envelope.method, "happened");
    assert_text(envelope.body, "\x82\xa9log_epoch\x07\xa3seq\x07");
}

Test(turn_out, a_mute_says_who_hears_no_more_and_what_came_last) {
    static uint8_t body[] = {0x82, 0xa9, 'l', 'o', 'g', '_', 'e', 'p', 'o', 'c', 'h', 7, 0xa3, 's', 'e', 'q', 5};
    cr_assert_eq(turn_mute(&turn, span_text("juno"), 5), STATUS_OK);
    envelope_t event = first_effect(EFFECT_MUTE);
    cr_assert_eq(event.type, ENVELOPE_EVENT);
    assert_text(event.kind, "probe");
    assert_text(event.key, "mina");
    assert_text(event.method, "lagged");
    assert_text(event.subject, "juno");
    cr_assert(span_equal(event.body, span_of(body, sizeof body)));
}

Test(turn_out, work_says_what_is_to_be_done_and_who_takes_the_result) {
    cr_assert_eq(work(1), STATUS_OK);
    envelope_t envelope = first_effect(EFFECT_WORK);
    assert_text(envelope.key, "mina");
    assert_text(envelope.method, "take");
    assert_text(envelope.idempotency_key, "count");
    cr_assert(envelope.subject.ptr == NULL && envelope.role.ptr == NULL);
}
