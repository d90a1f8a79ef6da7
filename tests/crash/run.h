/* SPDX-License-Identifier: MIT */
/*
 * run: what the programs of this folder have in common: what they are given, and folders that come and go. One thread.
 */
#ifndef DORAN_TESTS_CRASH_RUN_H
#define DORAN_TESTS_CRASH_RUN_H

#include <stdbool.h>
#include <stdint.h>

enum { RUN_PATH_BYTES = 512 };

#define RUN_OPTIONS_TEXT                                                                                               \
    "  --dorand PROGRAM  the server to be killed\n"                                                                    \
    "  --data DIR        where its data folders are made; on a disk, and a short name: there are sockets in it\n"      \
    "  --kills N         how many kills are to count\n"                                                                \
    "  --seed S          of what is chosen at random; it is printed\n"                                                 \
    "  --expect-loss     succeed only if acknowledged writes were lost\n"

typedef struct run_options {
    const char *dorand, *data; /* point into what was parsed */
    uint32_t kills;
    uint64_t seed; /* stays as it is if none was given */
    bool expect_loss;
} run_options_t;

/* False: that makes no sense. */
bool run_parse(int count, char **values, run_options_t *options);
/* Makes the folder if it is not there. False: it is no good, and a sentence on stderr says why. */
bool run_prepare_folder(const char *program, const char *path);
/* With all that is in it, if it is there. */
void run_remove_folder(const char *path);

#endif
