/* SPDX-License-Identifier: MIT */
/*
 * epoch: the lives of one data folder, from nothing to the last look. Each life:
 *
 *   start ─► (one in four: killed while it recovers, and again) ─► ready
 *     ─► read back what was touched: before any retry could make a loss good
 *     ─► send again what was not answered, and some of what was
 *     ─► load ─► kill -9, at a random moment of all this
 *
 * After the last kill everything is sent again until all is answered; then the server is stopped in order, started,
 * everything is read back and listed, and the checker judges. One thread.
 */
#ifndef DORAN_TESTS_CRASH_EPOCH_H
#define DORAN_TESTS_CRASH_EPOCH_H

#include "tests/crash/checker.h"
#include "tests/storage/random.h"

typedef struct epoch_options {
    const char *dorand;
    const char *data;       /* folder to be made */
    const char *output;     /* file for what the server says */
    uint32_t kills;         /* to be counted */
    random_state_t *random; /* borrowed */
    checker_report_fn report;
    void *context;
} epoch_options_t;

typedef struct epoch_result {
    verdict_t verdict;
    uint32_t counted;         /* kills with an acknowledged write and KILL_IN_FLIGHT_MIN requests in flight */
    uint32_t discounted;      /* other kills of a server that was ready */
    uint32_t during_recovery; /* kills before it was ready */
    uint64_t sent_again, later, in_flight; /* in_flight: sum over the counted kills */
    uint64_t start_us_min, start_us_max;
} epoch_result_t;

enum { KILL_IN_FLIGHT_MIN = 64 };

epoch_result_t epoch_run(const epoch_options_t *options);

#endif
