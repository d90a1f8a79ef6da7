/* SPDX-License-Identifier: MIT */
#include "tools/bridge/rate.h"

#include <criterion/criterion.h>

#define S 1000000000ull

static const span_t mina = {(const uint8_t *)"mina", 4}, joon = {(const uint8_t *)"joon", 4};

Test(rate, no_more_than_the_quota_comes_at_once) {
    rate_t *rate = rate_new(6);
    for (uint32_t i = 6; i-- > 0;) {
        rate_answer_t answer = rate_take(rate, mina, S);
        cr_expect(!answer.refused && answer.quota == 6 && answer.left == i && answer.full_s == 10 * (6 - i), "%u", i);
    }
    rate_answer_t answer = rate_take(rate, mina, S);
    cr_expect(answer.refused && answer.left == 0 && answer.retry_after_s == 10 && answer.full_s == 60);
    cr_expect_not(rate_take(rate, joon, S).refused, "another has a bucket of its own");
    rate_destroy(&rate);
}

Test(rate, being_refused_costs_nothing) {
    rate_t *rate = rate_new(1);
    cr_assert_not(rate_take(rate, mina, S).refused);
    for (uint64_t s = 2; s < 61; s++) {
        cr_expect(rate_take(rate, mina, s * S).refused, "%llu s", (unsigned long long)s);
    }
    cr_expect_not(rate_take(rate, mina, 61 * S).refused);
    rate_destroy(&rate);
}

Test(rate, it_comes_back_at_its_pace_and_never_past_the_quota) {
    rate_t *rate = rate_new(60);
    for (int i = 0; i < 60; i++) {
        cr_assert_not(rate_take(rate, mina, S).refused);
    }
    cr_expect(rate_take(rate, mina, S + S / 2).refused);
    cr_expect_not(rate_take(rate, mina, 2 * S).refused);
    cr_expect(rate_take(rate, mina, 2 * S).refused);
    cr_expect_eq(rate_take(rate, mina, 100000 * S).left, 59);
    rate_destroy(&rate);
}

Test(rate, who_has_used_much_is_not_forgotten_for_many_who_used_little) {
    rate_t *rate = rate_new(10);
    while (!rate_take(rate, mina, S).refused) {
    }
    for (uint32_t i = 0; i < 200000; i++) {
        rate_take(rate, span_of(&i, sizeof i), S);
    }
    cr_expect(rate_take(rate, mina, S).refused);
    rate_destroy(&rate);
}
