/* SPDX-License-Identifier: MIT */
/* `broker/self stat`, through the broker that owns it. */
#include "broker/figures.h"

#include "tests/broker/broker_fixture.h"

TestSuite(figures, .init = start_default, .fini = stop);

Test(figures, only_self_can_be_asked_for_figures_and_only_for_those) {
    envelope_t request = stat_request(1);
    request.key = span_text("other");
    assert_refused(&request, "not_found");
    request = stat_request(1);
    request.method = span_text("show");
    assert_refused(&request, "unknown_method");
}

Test(figures, figures_wait_for_every_shard_and_for_a_journal_that_spoke_after_them) {
    figures_t figures = {.journal = {.position = 10, .synced_through = 9, .segments = 2},
                         .sync_p99_us = 70,
                         .sync_applying_p99_us = 80,
                         .applied = 4,
                         .lag = 6};
    envelope_t request = stat_request(1);
    cr_assert_not(broker_probe(broker));
    admit("r", OPERATOR, &request);
    cr_assert(broker_probe(broker));
    cr_assert_not(broker_probe(broker), "once a round");
    tell_shard(0, 1000);
    broker_figures(broker, &figures, NOW_US + 1000000);
    cr_assert_eq(flush(), 0);
    tell_shard(1, 0);
    cr_assert_eq(flush(), 0);
    request.id = 2; /* waits for the next round */
    admit("r", OPERATOR, &request);
    broker_figures(broker, &figures, NOW_US + 2000000);
    envelope_t reply = answer();
    cr_assert_eq(reply.type, ENVELOPE_REPLY);
    cr_assert_eq(reply.id, 1);
    stat_reply_t stat;
    cr_assert_eq(record_decode(&record_stat_reply, &tape, envelope_body_token(&tape), FROM_WIRE, &stat, NULL),
                 STATUS_OK);
    cr_assert(stat.ready);
    cr_assert_eq(stat.peers, 1);
    cr_assert_eq(stat.in_flight, 0, "those who ask do not count");
    cr_assert_eq(stat.uptime_s, 2);
    uint32_t shards = tape_find(&tape, envelope_body_token(&tape), "shards");
    cr_assert_eq(tape.tokens[shards].len, 2);
    uint32_t per_s = tape_find(&tape, shards + 1, "per_s");
    cr_assert_eq(tape.tokens[per_s].u64, 500);
    static const char *const names[] = {"outbox", "held", "dead_letters", "timer_lag_ms"};
    for (uint64_t i = 0; i < ARRAY_LENGTH(names); i++) {
        cr_assert_eq(tape.tokens[tape_find(&tape, shards + 1, names[i])].u64, 6 + i, "%s", names[i]);
    }
    uint32_t journal = tape_find(&tape, envelope_body_token(&tape), "journal");
    cr_assert_eq(tape.tokens[tape_find(&tape, journal, "durable")].u64, 9);
    cr_assert_eq(tape.tokens[tape_find(&tape, journal, "sync_p99_us")].u64, 70);
    cr_assert_eq(tape.tokens[tape_find(&tape, journal, "sync_applying_p99_us")].u64, 80);
    cr_assert_eq(broker_in_flight(broker), 1);
    cr_assert(broker_probe(broker));
    tell_shard(0, 1000);
    tell_shard(1, 0);
    broker_figures(broker, &figures, NOW_US + 3000000);
    cr_assert_eq(answer().id, 2);
    cr_assert_eq(broker_in_flight(broker), 0);
}

/* One round that ends then, of which shard 0 has handled so much since the start; returns its rate. */
static uint64_t rate_at(uint64_t us, uint64_t handled, uint64_t sync_p99_us, uint64_t *told_p99_us) {
    envelope_t request = stat_request(1);
    admit("r", OPERATOR, &request);
    cr_assert(broker_probe(broker));
    tell_shard(0, handled);
    tell_shard(1, 0);
    broker_figures(broker, &(figures_t){.sync_p99_us = sync_p99_us}, NOW_US + us);
    (void)answer();
    uint32_t shards = tape_find(&tape, envelope_body_token(&tape), "shards");
    uint32_t journal = tape_find(&tape, envelope_body_token(&tape), "journal");
    *told_p99_us = tape.tokens[tape_find(&tape, journal, "sync_p99_us")].u64;
    return tape.tokens[tape_find(&tape, shards + 1, "per_s")].u64;
}

Test(figures, who_asks_right_behind_another_takes_nothing_from_it_and_sees_the_same) {
    uint64_t p99_us;
    cr_assert_eq(rate_at(1000000, 1000, 70, &p99_us), 1000);
    cr_assert_eq(p99_us, 70);
    cr_assert_eq(rate_at(1000000 + STATS_WINDOW_US - 1, 1400, 90, &p99_us), 1000, "the window is open yet");
    cr_assert_eq(p99_us, 70);
    cr_assert_eq(rate_at(2000000, 3000, 20, &p99_us), 2000, "over both rounds");
    cr_assert_eq(p99_us, 90, "the highest of both");
    cr_assert_eq(rate_at(3000000, 3000, 0, &p99_us), 0);
    cr_assert_eq(p99_us, 0);
}

Test(figures, refusals_and_drops_are_counted) {
    broker_options_t options = defaults;
    options.in_flight_max = 2;
    restart(&options);
    envelope_t request = echo_request(1);
    admit("gone", OPERATOR, &request);
    admit("gone", OPERATOR, &request);
    request.id = 3;
    admit("gone", OPERATOR, &request);
    cr_assert_eq(answer().id, 3);
    assert_text(body_text(&tape, "code"), "busy");
    admit("gone", OPERATOR, &(envelope_t){.type = ENVELOPE_PING});
    send_answer = SEND_UNREACHABLE;
    flush(); /* one pong */
    send_answer = SEND_DONE;
    serve_all(); /* two answers */
    request = stat_request(4);
    admit("r", OPERATOR, &request);
    cr_assert(broker_probe(broker));
    tell_all();
    (void)answer();
    cr_assert_eq(body_number(&tape, "refused"), 1);
    cr_assert_eq(body_number(&tape, "dropped"), 3);
}

Test(figures, more_who_ask_than_may_wait_are_busy) {
    for (uint64_t id = 1; id <= STATS_WAITING_MAX; id++) {
        envelope_t request = stat_request(id);
        admit("r", OPERATOR, &request);
    }
    cr_assert_eq(broker_in_flight(broker), STATS_WAITING_MAX);
    envelope_t request = stat_request(99);
    admit("r", OPERATOR, &request);
    cr_assert_eq(answer().id, 99);
    assert_text(body_text(&tape, "code"), "busy");
}
