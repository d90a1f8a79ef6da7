/* SPDX-License-Identifier: MIT */
/*
 * crash: kills a server again and again under load and checks that what it acknowledged is there, once, and that
 * whoever asks again gets the first answer. README.md says what it can and cannot find.
 *
 *   crash --dorand PROGRAM --data DIR --kills N [--seed S] [--expect-loss]
 *
 * DIR must be on a disk. What fails is kept there. Exit code 0: nothing failed (with --expect-loss: something was
 * lost); 1: the opposite; 2: usage.
 */
#include <inttypes.h>

#include "tests/crash/epoch.h"

typedef struct crash {
    epoch_result_t folder; /* the last */
    verdict_t sum;
} crash_t;

static run_result_t live(void *context, const run_folder_t *folder) {
    crash_t *self = context;
    self->folder = epoch_run(folder);
    self->sum.answered_again += self->folder.verdict.answered_again;
    self->sum.doubled += self->folder.verdict.doubled;
    self->sum.differed += self->folder.verdict.differed;
    self->sum.unexpected += self->folder.verdict.unexpected;
    return self->folder.run;
}

static void tell_folder(const void *context) {
    const epoch_result_t *folder = &((const crash_t *)context)->folder;
    printf("started in %" PRIu64 " to %" PRIu64 " ms, %" PRIu64 " requests sent again, %" PRIu64 " refused for now",
           folder->start_us_min / 1000, folder->start_us_max / 1000, folder->sent_again, folder->later);
}

static void tell_sum(const void *context) {
    const verdict_t *sum = &((const crash_t *)context)->sum;
    printf("%" PRIu64 " doubled, %" PRIu64 " answers differed, %" PRIu64 " unexpected, %" PRIu64
           " retries answered again",
           sum->doubled, sum->differed, sum->unexpected, sum->answered_again);
}

int main(int count, char **values) {
    crash_t self = {0};
    const run_program_t program = {.name = "crash",
                                   .folder_kills = 25,
                                   .live = live,
                                   .tell_folder = tell_folder,
                                   .tell_sum = tell_sum,
                                   .context = &self};
    return run_main(&program, count, values);
}
