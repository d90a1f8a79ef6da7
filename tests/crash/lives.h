/* SPDX-License-Identifier: MIT */
/*
 * lives: one data folder of crash-kinds, whose server is killed again and again while all kinds are in use (trial.h).
 * In the end all is answered, everything is judged, and the server is stopped in order. One thread.
 */
#ifndef DORAN_TESTS_CRASH_LIVES_H
#define DORAN_TESTS_CRASH_LIVES_H

#include "tests/crash/trial.h"

enum { LIVES_IN_FLIGHT_MIN = 8 }; /* a kill counts if so many requests were not answered, and one was */

typedef struct lives_options {
    const char *dorand, *data, *output; /* see server.h */
    uint32_t kills;                     /* that count */
    bool until_loss;                    /* goes no further once something was lost */
    random_state_t *random;
    void (*report)(void *context, const char *line); /* of a failure */
    void *context;
    void (*tell)(const char *name, const char *line); /* what a check has done */
} lives_options_t;

typedef struct lives_result {
    uint32_t counted, discounted, during_recovery;
    uint64_t in_flight; /* sum over the kills that count */
    uint64_t answered, acknowledged, failures, losses;
} lives_result_t;

lives_result_t lives_run(const lives_options_t *options);

#endif
