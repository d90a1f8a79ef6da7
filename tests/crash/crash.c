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
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "tests/crash/epoch.h"

enum {
    EXIT_FOUND_NOTHING = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    KILLS_PER_EPOCH = 25,
    LINES_MAX = 60,
    PATH_BYTES = 512,
};

typedef struct crash {
    const char *dorand, *data;
    uint32_t kills;
    uint64_t seed;
    bool expect_loss;
    random_state_t random;
    epoch_result_t sum;
    uint32_t lines; /* of failures */
} crash_t;

static const char usage[] =
    "usage: crash --dorand PROGRAM --data DIR --kills N [--seed S] [--expect-loss]\n"
    "\n"
    "  --dorand PROGRAM  the server to be killed\n"
    "  --data DIR        where its data folders are made; on a disk, and a short name: there are sockets in it\n"
    "  --kills N         how many kills are to count\n"
    "  --seed S          of what is chosen at random; it is printed\n"
    "  --expect-loss     succeed only if acknowledged writes were lost\n";

static bool parse_number(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == 0;
}

static bool parse(crash_t *self, int count, char **values) {
    static const struct option options[] = {
        {"dorand", required_argument, NULL, 'd'}, {"data", required_argument, NULL, 'f'},
        {"kills", required_argument, NULL, 'k'},  {"seed", required_argument, NULL, 's'},
        {"expect-loss", no_argument, NULL, 'l'},  {0}};
    uint64_t kills = 0;
    bool good = true;
    for (int option; good && (option = getopt_long(count, values, "", options, NULL)) != -1;) {
        switch (option) {
        case 'd':
            self->dorand = optarg;
            break;
        case 'f':
            self->data = optarg;
            break;
        case 'k':
            good = parse_number(optarg, &kills);
            break;
        case 's':
            good = parse_number(optarg, &self->seed);
            break;
        case 'l':
            self->expect_loss = true;
            break;
        default:
            good = false;
        }
    }
    self->kills = (uint32_t)kills;
    return good && optind == count && self->dorand != NULL && self->data != NULL && kills > 0 && kills <= 1000000;
}

static bool prepare_folder(const char *path) {
    struct statfs file_system;
    if ((mkdir(path, 0700) != 0 && errno != EEXIST) || statfs(path, &file_system) != 0) {
        fprintf(stderr, "crash: %s: %s\n", path, strerror(errno));
        return false;
    }
    if (file_system.f_type == TMPFS_MAGIC) {
        fprintf(stderr, "crash: %s is in memory; a journal is to be synced to a disk\n", path);
        return false;
    }
    return true;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_folder(const char *path) {
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

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
    char data[PATH_BYTES], output[PATH_BYTES];
    uint32_t left = self->kills - self->sum.counted;
    snprintf(data, sizeof data, "%s/%u", self->data, number);
    snprintf(output, sizeof output, "%s/%u.output", self->data, number);
    remove_folder(data);
    (void)remove(output);
    epoch_options_t options = {.dorand = self->dorand,
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
    if (good || self->expect_loss) {
        remove_folder(data);
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
    randombytes_buf(&self.seed, sizeof self.seed);
    if (!parse(&self, count, values)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (!prepare_folder(self.data)) {
        return EXIT_USAGE;
    }
    printf("seed %" PRIu64 "\n", self.seed);
    fflush(stdout);
    self.random.word = self.seed;
    bool going = true;
    for (uint32_t number = 1; going && self.sum.counted < self.kills; number++) {
        bool good = run_epoch(&self, number);
        going = good || (self.expect_loss && self.sum.verdict.lost == 0 && number * KILLS_PER_EPOCH < 4 * self.kills);
    }
    tell_sum(&self);
    bool failed = failures(&self.sum.verdict) > 0 || self.sum.counted < self.kills;
    return self.expect_loss ? self.sum.verdict.lost == 0 : failed;
}
