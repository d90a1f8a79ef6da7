/* SPDX-License-Identifier: MIT */
/*
 * run: what the programs of this folder have in common: what they are given, and data folders, one after the other,
 * until so many kills counted. One thread.
 */
#ifndef DORAN_TESTS_CRASH_RUN_H
#define DORAN_TESTS_CRASH_RUN_H

#include <stdbool.h>

#include "tests/storage/random.h"

/* A data folder, and what is to happen to it. Everything is borrowed. */
typedef struct run_folder {
    const char *dorand; /* the server */
    const char *data;   /* folder to be made */
    const char *output; /* file for what the server says */
    uint32_t kills;     /* to be counted */
    bool until_loss;    /* need go no further once something was lost */
    random_state_t *random;
    void (*report)(void *context, const char *line); /* of a failure */
    void *context;
} run_folder_t;

/* What came of it. */
typedef struct run_result {
    uint32_t counted;         /* kills, each program says which */
    uint32_t discounted;      /* other kills of a server that was ready */
    uint32_t during_recovery; /* kills before it was ready */
    uint64_t in_flight;       /* requests, sum over the kills that count */
    uint64_t requests, acknowledged;
    uint64_t losses, failures; /* failures: of any sort, also losses */
} run_result_t;

typedef struct run_program {
    const char *name;
    uint32_t folder_kills; /* that a folder lives through, at most */
    run_result_t (*live)(void *context, const run_folder_t *folder);
    /* What else there is to tell of the last folder and of all, behind "; " on the same line; NULL: nothing. */
    void (*tell_folder)(const void *context);
    void (*tell_sum)(const void *context);
    void *context;
} run_program_t;

/* The whole of main. */
int run_main(const run_program_t *program, int count, char **values);

#endif
