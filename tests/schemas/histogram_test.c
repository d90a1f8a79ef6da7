/* SPDX-License-Identifier: MIT */
#include "schemas/histogram.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static histogram_t histogram, other;

static double distance(double a, double b) {
    return a > b ? a - b : b - a;
}

Test(histogram, an_empty_one_has_zeros) {
    cr_assert_eq(histogram_percentile(&histogram, 0), 0);
    cr_assert_eq(histogram_percentile(&histogram, 1), 0);
    cr_assert_eq(histogram_mean(&histogram), 0);
}

Test(histogram, what_is_longer_than_an_hour_stays_inside_the_array) {
    static struct {
        histogram_t histogram;
        uint64_t behind;
    } guarded = {.behind = 0x5eed};
    histogram_record(&guarded.histogram, UINT64_MAX);
    histogram_record(&guarded.histogram, UINT64_C(1) << 32);
    histogram_record(&guarded.histogram, (UINT64_C(1) << 32) - 1);
    cr_assert_eq(guarded.behind, 0x5eed);
    cr_assert_eq(guarded.histogram.buckets[HISTOGRAM_BUCKETS - 1], 3);
    cr_assert_eq(guarded.histogram.max, UINT64_MAX);
    cr_assert_eq(histogram_percentile(&guarded.histogram, 1), UINT64_MAX);
}

static void assert_alone(uint64_t value) {
    histogram_reset(&histogram);
    histogram_record(&histogram, value);
    histogram_record(&histogram, UINT64_C(1) << 40); /* so that max does not answer for it */
    double got = (double)histogram_percentile(&histogram, 0.5);
    cr_assert_leq(distance(got, (double)value), HISTOGRAM_ERROR * (double)value, "%lu is told as %f", value, got);
}

Test(histogram, no_value_is_off_by_more_than_the_error) {
    for (uint64_t power = 1; power <= UINT64_C(1) << 31; power *= 2) {
        assert_alone(power - 1);
        assert_alone(power);
        assert_alone(power + 1);
        assert_alone(power + power / 3);
    }
    assert_alone(UINT64_C(3600) * 1000 * 1000);
    assert_alone((UINT64_C(1) << 32) - 1);
}

Test(histogram, values_below_128_are_exact) {
    for (uint64_t value = 0; value < 128; value++) {
        histogram_reset(&histogram);
        histogram_record(&histogram, value);
        histogram_record(&histogram, 1000);
        cr_assert_eq(histogram_percentile(&histogram, 0.5), value);
    }
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum { SAMPLES = 100000 };

/* Times like those of a server: most short, some long, few very long. */
static uint64_t sample(unsigned *seed) {
    double uniform = (rand_r(seed) + 1.0) / (RAND_MAX + 2.0);
    double us = 50 / (uniform * uniform);
    return us < 3600e6 ? (uint64_t)us : 3600000000;
}

Test(histogram, percentiles_are_those_of_the_sorted_samples) {
    static uint64_t samples[SAMPLES];
    static const double parts[] = {0, 0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    for (unsigned round = 1; round <= 5; round++) {
        unsigned seed = round;
        double sum = 0;
        histogram_reset(&histogram);
        for (size_t i = 0; i < SAMPLES; i++) {
            samples[i] = sample(&seed);
            sum += (double)samples[i];
            histogram_record(&histogram, samples[i]);
        }
        qsort(samples, SAMPLES, sizeof samples[0], compare);
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            size_t rank = (size_t)(parts[i] * SAMPLES + 0.5); /* whole for all of these parts */
            double expected = (double)samples[rank > 0 ? rank - 1 : 0];
            double got = (double)histogram_percentile(&histogram, parts[i]);
            cr_assert_leq(distance(got, expected), HISTOGRAM_ERROR * expected, "seed %u: p%f is %f, told as %f", round,
                          parts[i] * 100, expected, got);
        }
        cr_assert_eq(histogram.max, samples[SAMPLES - 1]);
        cr_assert_float_eq(histogram_mean(&histogram), sum / SAMPLES, 0.01);
    }
}

Test(histogram, two_merged_are_as_one_that_saw_everything) {
    static histogram_t both;
    unsigned seed = 7;
    for (size_t i = 0; i < 1000; i++) {
        uint64_t value = sample(&seed);
        histogram_record(i % 3 == 0 ? &histogram : &other, value);
        histogram_record(&both, value);
    }
    histogram_merge(&histogram, &other);
    cr_assert(memcmp(&histogram, &both, sizeof both) == 0);
}

Test(histogram, reset_forgets_everything) {
    histogram_record(&histogram, 5);
    histogram_reset(&histogram);
    cr_assert_eq(histogram.count, 0);
    cr_assert_eq(histogram_percentile(&histogram, 1), 0);
}

Test(histogram, those_up_to_a_value_are_counted) {
    histogram_reset(&histogram);
    for (uint64_t us = 1; us <= 100; us++) {
        histogram_record(&histogram, us * 1000);
    }
    cr_assert_eq(histogram_up_to(&histogram, 0), 0);
    cr_assert_eq(histogram_up_to(&histogram, 127), 0);
    uint64_t half = histogram_up_to(&histogram, 50500);
    cr_assert(half == 50 || half == 51, "%llu", (unsigned long long)half);
    cr_assert_eq(histogram_up_to(&histogram, UINT64_MAX), 100);
}
