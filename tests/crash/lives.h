/* SPDX-License-Identifier: MIT */
/*
 * lives: one data folder of crash-kinds, whose server is killed again and again while all kinds are in use (trial.h).
 * In the end all is answered, everything is judged, and the server is stopped in order. One thread.
 */
#ifndef DORAN_TESTS_CRASH_LIVES_H
#define DORAN_TESTS_CRASH_LIVES_H

#include "tests/crash/run.h"

enum { LIVES_IN_FLIGHT_MIN = 8 }; /* a kill counts if so many requests were not answered, and one was */

/* Prints what each check has done. */
run_result_t lives_run(const run_folder_t *folder);

#endif
