/* SPDX-License-Identifier: MIT */
/* Streams of a room as they should be, and as they should not. */
#include "bench/deliveries.h"

#include <criterion/criterion.h>

enum { SEQ = 40, NUMBER = 30, POSTS = 5 };

static deliveries_t deliveries;
static posts_t posted;

static void setup(void) {
    deliveries_begin(&deliveries, SEQ, NUMBER);
    for (uint64_t name = 1; name <= POSTS; name++) {
        posted.acknowledged += 1;
        posted.sum += deliveries_scatter(name);
    }
}

TestSuite(deliveries, .init = setup);

static void take(uint64_t place, uint64_t name) {
    if (deliveries_entry(&deliveries, SEQ + place)) {
        deliveries_post(&deliveries, NUMBER + place, name);
    }
}

static void take_from_to(uint64_t first, uint64_t last) {
    for (uint64_t place = first; place <= last; place++) {
        take(place, place);
    }
}

static void close_at(uint64_t place) {
    cr_assert(deliveries_entry(&deliveries, SEQ + place));
    deliveries_close(&deliveries, NUMBER + place, &posted);
}

static void assert_verdict(verdict_t verdict) {
    const verdict_t *found = &deliveries.verdict;
    cr_expect_eq(found->lost, verdict.lost, "lost %lu", (unsigned long)found->lost);
    cr_expect_eq(found->doubled, verdict.doubled, "doubled %lu", (unsigned long)found->doubled);
    cr_expect_eq(found->reordered, verdict.reordered, "reordered %lu", (unsigned long)found->reordered);
    cr_expect_eq(found->gaps, verdict.gaps, "gaps %lu", (unsigned long)found->gaps);
    cr_expect_eq(found->oversold, 0);
}

Test(deliveries, what_is_missing_in_between_is_a_gap) {
    take_from_to(1, 2);
    take_from_to(4, 5);
    assert_verdict((verdict_t){.gaps = 1, .reordered = 1});
}

Test(deliveries, what_comes_again_is_doubled_and_passed_over) {
    take_from_to(1, 5);
    take(3, 3);
    take(5, 5);
    close_at(6);
    assert_verdict((verdict_t){.doubled = 2});
}

Test(deliveries, what_was_acknowledged_and_is_not_there_is_lost) {
    take_from_to(1, 3);
    close_at(4);
    assert_verdict((verdict_t){.lost = 2});
}

Test(deliveries, more_than_was_asked_for_is_doubled) {
    take_from_to(1, 5);
    take(6, 5);
    close_at(7);
    assert_verdict((verdict_t){.doubled = 1});
}

Test(deliveries, others_than_were_posted_are_told) {
    take_from_to(1, 3);
    take(4, 3);
    take(5, 6);
    close_at(6);
    assert_verdict((verdict_t){.reordered = 1});
}

Test(deliveries, numbers_that_do_not_follow_are_reordered) {
    take(1, 1);
    cr_assert(deliveries_entry(&deliveries, SEQ + 2));
    deliveries_post(&deliveries, NUMBER + 3, 3);
    cr_assert(deliveries_entry(&deliveries, SEQ + 3));
    deliveries_post(&deliveries, NUMBER + 2, 2);
    assert_verdict((verdict_t){.reordered = 2});
}

Test(deliveries, a_stream_as_it_should_be_is_fine) {
    take_from_to(1, 5);
    close_at(6);
    assert_verdict((verdict_t){0});
}

Test(deliveries, entries_that_are_no_posts_count_in_seq_only) {
    take(1, 1);
    cr_assert(deliveries_entry(&deliveries, SEQ + 2));
    cr_assert(deliveries_entry(&deliveries, SEQ + 3));
    deliveries_post(&deliveries, NUMBER + 2, 2);
    assert_verdict((verdict_t){0});
}

Test(deliveries, posts_without_an_outcome_may_have_come_or_not) {
    posted.unknown = 2;
    deliveries_t begun = deliveries;
    for (uint64_t came = 4; came <= 8; came++) {
        deliveries = begun;
        take_from_to(1, came);
        close_at(came + 1);
        assert_verdict((verdict_t){.lost = came == 4, .doubled = came == 8});
    }
}

Test(deliveries, what_comes_behind_the_closing_is_passed_over) {
    take_from_to(1, 5);
    close_at(6);
    take(7, 7);
    take(7, 7);
    assert_verdict((verdict_t){0});
}
