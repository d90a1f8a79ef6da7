/* SPDX-License-Identifier: MIT */
/* The ledger must find each way in which a server can break its word, and nothing else. */
#include "bench/ledger.h"

#include <criterion/criterion.h>

#include "tests/storage/random.h"

static ledger_t *ledger;

static void make(void) {
    ledger = ledger_new(3);
    ledger_begin(ledger, 1, 7);
}

static void drop(void) {
    ledger_destroy(&ledger);
}

TestSuite(ledger, .init = make, .fini = drop);

static void expect(uint64_t lost, uint64_t doubled, uint64_t reordered) {
    const verdict_t *verdict = ledger_verdict(ledger);
    cr_expect_eq(verdict->lost, lost, "lost %lu, not %lu", verdict->lost, lost);
    cr_expect_eq(verdict->doubled, doubled, "doubled %lu, not %lu", verdict->doubled, doubled);
    cr_expect_eq(verdict->reordered, reordered, "reordered %lu, not %lu", verdict->reordered, reordered);
    cr_expect_eq(verdict_ok(verdict), lost + doubled + reordered == 0);
}

/* Acknowledges the versions from first to last, in order. */
static void acknowledge(uint64_t first, uint64_t last) {
    for (uint64_t version = first; version <= last; version++) {
        ledger_acknowledge(ledger, 1, version, version, true);
    }
}

Test(ledger, nothing_done_is_right) {
    cr_expect_not(ledger_touched(ledger, 1));
    ledger_final(ledger, 1, 7);
    expect(0, 0, 0);
}

Test(ledger, each_version_once_in_order_is_right) {
    acknowledge(8, 1000);
    cr_expect(ledger_touched(ledger, 1));
    ledger_final(ledger, 1, 1000);
    expect(0, 0, 0);
}

Test(ledger, an_unknown_update_may_fill_a_hole_or_not) {
    acknowledge(8, 9);
    ledger_unknown(ledger, 1);
    acknowledge(11, 11);
    ledger_unknown(ledger, 1);
    ledger_final(ledger, 1, 11);
    expect(0, 0, 0);
}

Test(ledger, an_unknown_update_may_come_last) {
    acknowledge(8, 9);
    ledger_unknown(ledger, 1);
    ledger_final(ledger, 1, 10);
    expect(0, 0, 0);
}

Test(ledger, acknowledged_and_gone_is_lost) {
    acknowledge(8, 11);
    ledger_final(ledger, 1, 9);
    expect(2, 0, 0);
}

Test(ledger, an_actor_that_is_not_there_has_lost_everything) {
    acknowledge(8, 11);
    ledger_final(ledger, 1, 0);
    expect(4 + 7, 0, 0);
}

Test(ledger, an_actor_behind_where_it_stood_has_lost_that) {
    ledger_final(ledger, 1, 5);
    expect(2, 0, 0);
}

Test(ledger, one_change_for_two_updates_is_lost) {
    acknowledge(8, 9);
    ledger_acknowledge(ledger, 1, 20, 9, true);
    ledger_final(ledger, 1, 9);
    expect(1, 0, 0);
}

Test(ledger, an_update_that_changed_nothing_is_lost) {
    ledger_acknowledge(ledger, 1, 1, 7, true);
    ledger_final(ledger, 1, 7);
    expect(1, 0, 0);
}

Test(ledger, more_changes_than_updates_are_doubled) {
    acknowledge(8, 9);
    acknowledge(12, 12);
    ledger_unknown(ledger, 1);
    ledger_final(ledger, 1, 13);
    expect(0, 2, 0);
}

Test(ledger, a_hole_is_doubled_also_where_nobody_looked) {
    acknowledge(8, 9);
    acknowledge(11, 300);
    ledger_unseen(ledger, 1);
    expect(0, 1, 0);
}

Test(ledger, later_before_earlier_is_reordered) {
    ledger_acknowledge(ledger, 1, 1, 9, true);
    ledger_acknowledge(ledger, 1, 2, 8, true);
    ledger_final(ledger, 1, 9);
    expect(0, 0, 1);
}

Test(ledger, answers_out_of_order_are_reordered) {
    ledger_acknowledge(ledger, 1, 2, 9, true);
    ledger_acknowledge(ledger, 1, 1, 8, true);
    ledger_final(ledger, 1, 9);
    expect(0, 0, 1);
}

Test(ledger, what_was_sent_twice_may_have_any_order) {
    ledger_acknowledge(ledger, 1, 1, 9, false);
    ledger_acknowledge(ledger, 1, 2, 8, true);
    ledger_acknowledge(ledger, 1, 3, 10, true);
    ledger_final(ledger, 1, 10);
    expect(0, 0, 0);
}

Test(ledger, a_version_from_nowhere_is_wrong) {
    ledger_acknowledge(ledger, 1, 1, UINT64_MAX, true);
    ledger_final(ledger, 1, 8);
    cr_expect_not(verdict_ok(ledger_verdict(ledger)));
}

Test(ledger, actors_are_apart) {
    ledger_begin(ledger, 0, 1);
    ledger_begin(ledger, 2, 1);
    ledger_acknowledge(ledger, 0, 5, 2, true);
    ledger_acknowledge(ledger, 2, 4, 2, true);
    ledger_final(ledger, 0, 2);
    ledger_final(ledger, 2, 2);
    expect(0, 0, 0);
}

/* A server that keeps its word, whatever is unknown and in whatever order the answers of what was resent come. */
Test(ledger, no_right_server_is_accused) {
    random_state_t random = random_start("ledger");
    for (int round = 0; round < 200; round++) {
        ledger_t *own = ledger_new(1);
        uint64_t version = random_below(&random, 1000), late[8];
        size_t late_count = 0;
        ledger_begin(own, 0, version);
        for (uint64_t sequence = 1; sequence < 500; sequence++) {
            switch (random_below(&random, 5)) {
            case 0: /* unknown, and happened */
                version++;
                ledger_unknown(own, 0);
                break;
            case 1: /* unknown, and did not */
                ledger_unknown(own, 0);
                break;
            case 2: /* acknowledged later, after having been sent again */
                if (late_count < sizeof late / sizeof late[0]) {
                    late[late_count++] = ++version;
                }
                break;
            default:
                ledger_acknowledge(own, 0, sequence, ++version, true);
            }
            if (late_count > 0 && random_below(&random, 4) == 0) {
                ledger_acknowledge(own, 0, 1, late[--late_count], false);
            }
        }
        while (late_count > 0) {
            ledger_acknowledge(own, 0, 1, late[--late_count], false);
        }
        ledger_final(own, 0, version);
        cr_assert(verdict_ok(ledger_verdict(own)), "round %d", round);
        ledger_destroy(&own);
    }
}
