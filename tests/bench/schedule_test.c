/* SPDX-License-Identifier: MIT */
/* Random times: as many as asked for, spread as those of independent users, the same for the same seed. */
#include "bench/schedule.h"

#include <math.h>

#include <criterion/criterion.h>

enum { REQUESTS = 200000 };

Test(schedule, never_goes_back_and_begins_after_its_beginning) {
    schedule_t schedule;
    schedule_init(&schedule, 1, 1000, 1e6);
    uint64_t before = 1000;
    for (int i = 0; i < REQUESTS; i++) {
        cr_assert_geq(schedule_next(&schedule), before);
        before = schedule_next(&schedule);
        schedule_advance(&schedule);
    }
}

Test(schedule, keeps_the_rate_on_average) {
    schedule_t schedule;
    schedule_init(&schedule, 42, 0, 5000);
    for (int i = 0; i < REQUESTS; i++) {
        schedule_advance(&schedule);
    }
    double expected_us = REQUESTS / 5000.0 * 1e6;
    double error = fabs((double)schedule_next(&schedule) - expected_us) / expected_us;
    cr_expect_lt(error, 0.02, "off by %g", error);
}

/* In a Poisson process the requests in a second vary by the root of their number. */
Test(schedule, bunches_as_chance_does) {
    schedule_t schedule;
    schedule_init(&schedule, 7, 0, 100);
    double sum = 0, squares = 0;
    int seconds = 2000;
    for (int second = 0; second < seconds; second++) {
        int count = 0;
        for (; schedule_next(&schedule) < (uint64_t)(second + 1) * 1000000; schedule_advance(&schedule)) {
            count++;
        }
        sum += count;
        squares += (double)count * count;
    }
    double mean = sum / seconds, variance = squares / seconds - mean * mean;
    cr_expect(fabs(mean - 100) < 2, "mean %g", mean);
    cr_expect(fabs(variance - 100) < 15, "variance %g", variance);
}

Test(schedule, repeats_with_its_seed) {
    schedule_t a, b, c;
    schedule_init(&a, 5, 0, 10);
    schedule_init(&b, 5, 0, 10);
    schedule_init(&c, 6, 0, 10);
    int same = 0;
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(schedule_next(&a), schedule_next(&b));
        same += schedule_next(&a) == schedule_next(&c);
        schedule_advance(&a);
        schedule_advance(&b);
        schedule_advance(&c);
    }
    cr_expect_lt(same, 5);
}

Test(schedule, choices_are_even) {
    random_source_t random = {.state = 3};
    int counts[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint32_t choice = random_below(&random, 10);
        cr_assert_lt(choice, 10);
        counts[choice]++;
        double unit = random_unit(&random);
        cr_assert(unit > 0 && unit <= 1);
    }
    for (int i = 0; i < 10; i++) {
        cr_expect(abs(counts[i] - 10000) < 500, "%d: %d", i, counts[i]);
    }
}
