/* SPDX-License-Identifier: MIT */
/*
 * crash-kinds: kills a server again and again while people talk in rooms, order what there is little of, sign up with
 * the same addresses, and jobs fall due; and checks that all of it is as if nobody had been killed. README.md says what
 * it can and cannot find.
 *
 *   crash-kinds --dorand PROGRAM --data DIR --kills N [--seed S] [--expect-loss]
 *
 * DIR must be on a disk. What fails is kept there. Exit code 0: nothing failed (with --expect-loss: something was
 * lost); 1: the opposite; 2: usage.
 */
#include "tests/crash/lives.h"

static run_result_t live(void *context, const run_folder_t *folder) {
    (void)context;
    return lives_run(folder);
}

int main(int count, char **values) {
    const run_program_t program = {.name = "crash-kinds", .folder_kills = 10, .live = live};
    return run_main(&program, count, values);
}
