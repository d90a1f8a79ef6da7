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
#include <sodium.h>

#include "tests/crash/epoch.h"
#include "tests/crash/run.h"

enum {
    EXIT_FOUND_NOTHING = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    KILLS_PER_EPOCH = 25,
    LINES_MAX = 60,
};

typedef struct crash {
    run_options_t options;
    random_state_t random;
    epoch_result_t sum;
    uint32_t lines; /* of failures */
} crash_t;

static const char usage[] =
    "usage: crash --dorand PROGRAM --data DIR --kills N [--seed S] [--expect-loss]\n\n" RUN_OPTIONS_TEXT;

static void report(void *context, const char *line) {
    crash_t *self = context;
    if (self->lines++ < LINES_MAX) {
        printf("%s\n", line);
    }
}

static void add(epoch_result_t *sum, const epoch_result_t *result) {
    sum->verdict.requests += result->verdict.requests;
    sum->verdict.acknowledged += result->verdict.acknowledged;
    sum->verdict.answered_again += result->verdict.answered_again;
    sum->verdict.lost += result->verdict.lost;
    sum->verdict.doubled += result->verdict.doubled;
    sum->verdict.differed += result->verdict.differed;
    sum->verdict.unexpected += result->verdict.unexpected;
    sum->counted += result->counted;
    sum->discounted += result->discounted;
    sum->during_recovery += result->during_recovery;
}

static uint64_t failures(const verdict_t *verdict) {
    return verdict->lost + verdict->doubled + verdict->differed + verdict->unexpected;
}

static void tell_epoch(uint32_t number, const epoch_result_t *result) {
    printf("folder %u: %u kills counted, with %" PRIu64
           " requests in flight on average, %u discounted, %u during recovery;"
           " started in %" PRIu64 " to %" PRIu64 " ms; %" PRIu64 " requests, %" PRIu64 " sent again, %" PRIu64
           " refused for now\n",
           number, result->counted, result->counted == 0 ? 0 : result->in_flight / result->counted, result->discounted,
           result->during_recovery, result->start_us_min / 1000, result->start_us_max / 1000, result->verdict.requests,
           result->sent_again, result->later);
    fflush(stdout);
}

/* One data folder. True: it is as it should be, and gone. */
static bool run_epoch(crash_t *self, uint32_t number) {
    char data[RUN_PATH_BYTES], output[RUN_PATH_BYTES];
    uint32_t left = self->options.kills - self->sum.counted;
    snprintf(data, sizeof data, "%s/%u", self->options.data, number);
    snprintf(output, sizeof output, "%s/%u.output", self->options.data, number);
    run_remove_folder(data);
    (void)remove(output);
    epoch_options_t options = {.dorand = self->options.dorand,
                               .data = data,
                               .output = output,
                               .kills = left < KILLS_PER_EPOCH ? left : KILLS_PER_EPOCH,
                               .random = &self->random,
                               .report = report,
                               .context = self};
    epoch_result_t result = epoch_run(&options);
    tell_epoch(number, &result);
    add(&self->sum, &result);
    bool good = failures(&result.verdict) == 0 && result.counted == options.kills;
    if (good || self->options.expect_loss) {
        run_remove_folder(data);
        (void)remove(output);
    }
    return good;
}

static void tell_sum(const crash_t *self) {
    const epoch_result_t *sum = &self->sum;
    const verdict_t *verdict = &sum->verdict;
    if (self->lines > LINES_MAX) {
        printf("(%u more lines)\n", self->lines - LINES_MAX);
    }
    printf("crash: %u kills counted, %u discounted, %" PRIu64 " requests, %" PRIu64 " acknowledged, %" PRIu64
           " lost, %" PRIu64 " doubled, %" PRIu64 " answers differed; %" PRIu64 " unexpected, %" PRIu64
           " retries answered again, %u kills during recovery\n",
           sum->counted, sum->discounted, verdict->requests, verdict->acknowledged, verdict->lost, verdict->doubled,
           verdict->differed, verdict->unexpected, verdict->answered_again, sum->during_recovery);
}

int main(int count, char **values) {
    crash_t self = {0};
    if (sodium_init() < 0) {
        return EXIT_FAILED;
    }
    randombytes_buf(&self.options.seed, sizeof self.options.seed);
    if (!run_parse(count, values, &self.options)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (!run_prepare_folder("crash", self.options.data)) {
        return EXIT_USAGE;
    }
    printf("seed %" PRIu64 "\n", self.options.seed);
    fflush(stdout);
    self.random.word = self.options.seed;
    bool going = true;
    for (uint32_t number = 1; going && self.sum.counted < self.options.kills; number++) {
        bool good = run_epoch(&self, number);
        going = good || (self.options.expect_loss && self.sum.verdict.lost == 0 &&
                         number * KILLS_PER_EPOCH < 4 * self.options.kills);
    }
    tell_sum(&self);
    bool failed = failures(&self.sum.verdict) > 0 || self.sum.counted < self.options.kills;
    return self.options.expect_loss ? self.sum.verdict.lost == 0 : failed;
}
