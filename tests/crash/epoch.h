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
#include "tests/crash/run.h"

typedef struct epoch_result {
    run_result_t run; /* counted: kills with an acknowledged write and KILL_IN_FLIGHT_MIN requests in flight */
    verdict_t verdict;
    uint64_t sent_again, later;
    uint64_t start_us_min, start_us_max;
} epoch_result_t;

enum { KILL_IN_FLIGHT_MIN = 64 };

epoch_result_t epoch_run(const run_folder_t *folder);

#endif
