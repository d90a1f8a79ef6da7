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
#include <inttypes.h>
#include <sodium.h>

#include "tests/crash/lives.h"
#include "tests/crash/run.h"

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    KILLS_PER_FOLDER = 10,
    LINES_MAX = 60,
};

typedef struct crash_kinds {
    run_options_t options;
    random_state_t random;
    lives_result_t sum;
    uint32_t lines; /* of failures */
} crash_kinds_t;

static const char usage[] =
    "usage: crash-kinds --dorand PROGRAM --data DIR --kills N [--seed S] [--expect-loss]\n\n" RUN_OPTIONS_TEXT;

static void report(void *context, const char *line) {
    crash_kinds_t *self = context;
    if (self->lines++ < LINES_MAX) {
        printf("%s\n", line);
    }
}

static void tell(const char *name, const char *line) {
    printf("  %s: %s\n", name, line);
}

static void add(lives_result_t *sum, const lives_result_t *result) {
    sum->counted += result->counted;
    sum->discounted += result->discounted;
    sum->during_recovery += result->during_recovery;
    sum->answered += result->answered;
    sum->acknowledged += result->acknowledged;
    sum->failures += result->failures;
    sum->losses += result->losses;
}

/* One data folder. True: it is as it should be, and gone. */
static bool run_folder(crash_kinds_t *self, uint32_t number) {
    char data[RUN_PATH_BYTES], output[RUN_PATH_BYTES];
    uint32_t left = self->options.kills - self->sum.counted;
    snprintf(data, sizeof data, "%s/%u", self->options.data, number);
    snprintf(output, sizeof output, "%s/%u.output", self->options.data, number);
    run_remove_folder(data);
    (void)remove(output);
    lives_options_t options = {.dorand = self->options.dorand,
                               .data = data,
                               .output = output,
                               .kills = left < KILLS_PER_FOLDER ? left : KILLS_PER_FOLDER,
                               .until_loss = self->options.expect_loss,
                               .random = &self->random,
                               .report = report,
                               .context = self,
                               .tell = tell};
    lives_result_t result = lives_run(&options);
    printf("folder %u: %u kills counted, with %" PRIu64 " requests in flight on average, %u discounted, %u during"
           " recovery; %" PRIu64 " requests answered\n",
           number, result.counted, result.counted == 0 ? 0 : result.in_flight / result.counted, result.discounted,
           result.during_recovery, result.answered);
    fflush(stdout);
    add(&self->sum, &result);
    bool good = result.failures == 0 && result.counted == options.kills;
    if (good || self->options.expect_loss) {
        run_remove_folder(data);
        (void)remove(output);
    }
    return good;
}

static void tell_sum(const crash_kinds_t *self) {
    const lives_result_t *sum = &self->sum;
    if (self->lines > LINES_MAX) {
        printf("(%u more lines)\n", self->lines - LINES_MAX);
    }
    printf("crash: %u kills counted, %u discounted, %u kills during recovery, %" PRIu64 " requests, %" PRIu64
           " acknowledged, %" PRIu64 " lost, %" PRIu64 " otherwise wrong\n",
           sum->counted, sum->discounted, sum->during_recovery, sum->answered, sum->acknowledged, sum->losses,
           sum->failures - sum->losses);
}

int main(int count, char **values) {
    crash_kinds_t self = {0};
    if (sodium_init() < 0) {
        return EXIT_FAILED;
    }
    randombytes_buf(&self.options.seed, sizeof self.options.seed);
    if (!run_parse(count, values, &self.options)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (!run_prepare_folder("crash-kinds", self.options.data)) {
        return EXIT_USAGE;
    }
    printf("seed %" PRIu64 "\n", self.options.seed);
    fflush(stdout);
    self.random.word = self.options.seed;
    uint32_t folders_max = 4 * (self.options.kills / KILLS_PER_FOLDER + 1);
    bool going = true;
    for (uint32_t number = 1; going && self.sum.counted < self.options.kills; number++) {
        bool good = run_folder(&self, number);
        going = good || (self.options.expect_loss && self.sum.losses == 0 && number < folders_max);
    }
    tell_sum(&self);
    bool failed = self.sum.failures > 0 || self.sum.counted < self.options.kills;
    return self.options.expect_loss ? self.sum.losses == 0 : failed;
}
