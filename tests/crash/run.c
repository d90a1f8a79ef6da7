/* SPDX-License-Identifier: MIT */
#include "tests/crash/run.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <linux/magic.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    KILLS_MAX = 1000000,
    OPEN_FOLDERS_MAX = 16,
    PATH_BYTES = 512,
    LINES_MAX = 60,
    TRIES_MAX = 4, /* to lose something: so many times the folders that the kills take */
};

static const char usage[] =
    "usage: %s --dorand PROGRAM --data DIR --kills N [--seed S] [--expect-loss]\n\n"
    "  --dorand PROGRAM  the server to be killed\n"
    "  --data DIR        where its data folders are made; on a disk, and a short name: there are sockets in it\n"
    "  --kills N         how many kills are to count\n"
    "  --seed S          of what is chosen at random; it is printed\n"
    "  --expect-loss     succeed only if acknowledged writes were lost\n";

typedef struct options {
    const char *dorand, *data;
    uint32_t kills;
    uint64_t seed; /* stays as it is if none was given */
    bool expect_loss;
} options_t;

typedef struct run {
    const run_program_t *program;
    options_t options;
    random_state_t random;
    run_result_t sum;
    uint32_t lines; /* of failures */
} run_t;

/* What it is given */

static bool parse_number(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == 0;
}

/* False: that makes no sense. */
static bool parse(int count, char **values, options_t *options) {
    static const struct option known[] = {
        {"dorand", required_argument, NULL, 'd'}, {"data", required_argument, NULL, 'f'},
        {"kills", required_argument, NULL, 'k'},  {"seed", required_argument, NULL, 's'},
        {"expect-loss", no_argument, NULL, 'l'},  {0}};
    uint64_t kills = 0;
    bool good = true;
    for (int option; good && (option = getopt_long(count, values, "", known, NULL)) != -1;) {
        switch (option) {
        case 'd':
            options->dorand = optarg;
            break;
        case 'f':
            options->data = optarg;
            break;
        case 'k':
            good = parse_number(optarg, &kills);
            break;
        case 's':
            good = parse_number(optarg, &options->seed);
            break;
        case 'l':
            options->expect_loss = true;
            break;
        default:
            good = false;
        }
    }
    options->kills = (uint32_t)kills;
    return good && optind == count && options->dorand != NULL && options->data != NULL && kills > 0 &&
           kills <= KILLS_MAX;
}

/* Makes the folder if it is not there. False: it is no good, and a sentence on stderr says why. */
static bool prepare_folder(const char *program, const char *path) {
    struct statfs file_system;
    if ((mkdir(path, 0700) != 0 && errno != EEXIST) || statfs(path, &file_system) != 0) {
        fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
        return false;
    }
    if (file_system.f_type == TMPFS_MAGIC) {
        fprintf(stderr, "%s: %s is in memory; a journal is to be synced to a disk\n", program, path);
        return false;
    }
    return true;
}

/* Folders */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* With all that is in them, if they are there. */
static void remove_both(const char *data, const char *output) {
    (void)nftw(data, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
    (void)remove(output);
}

static void report(void *context, const char *line) {
    run_t *self = context;
    if (self->lines++ < LINES_MAX) {
        printf("%s\n", line);
    }
}

static void add(run_result_t *sum, const run_result_t *result) {
    sum->counted += result->counted;
    sum->discounted += result->discounted;
    sum->during_recovery += result->during_recovery;
    sum->requests += result->requests;
    sum->acknowledged += result->acknowledged;
    sum->losses += result->losses;
    sum->failures += result->failures;
}

/* Ends a line that was begun. */
static void tell_more(const run_t *self, void (*tell)(const void *context)) {
    if (tell != NULL) {
        printf("; ");
        tell(self->program->context);
    }
    printf("\n");
    fflush(stdout);
}

static void tell_folder(const run_t *self, uint32_t number, const run_result_t *result) {
    printf("folder %u: %u kills counted, with %" PRIu64 " requests in flight on average, %u discounted, %u during"
           " recovery; %" PRIu64 " requests",
           number, result->counted, result->counted == 0 ? 0 : result->in_flight / result->counted, result->discounted,
           result->during_recovery, result->requests);
    tell_more(self, self->program->tell_folder);
}

/* One data folder. True: it is as it should be, and gone. */
static bool run_folder(run_t *self, uint32_t number) {
    char data[PATH_BYTES], output[PATH_BYTES];
    uint32_t left = self->options.kills - self->sum.counted;
    snprintf(data, sizeof data, "%s/%u", self->options.data, number);
    snprintf(output, sizeof output, "%s/%u.output", self->options.data, number);
    remove_both(data, output);
    run_folder_t folder = {.dorand = self->options.dorand,
                           .data = data,
                           .output = output,
                           .kills = left < self->program->folder_kills ? left : self->program->folder_kills,
                           .until_loss = self->options.expect_loss,
                           .random = &self->random,
                           .report = report,
                           .context = self};
    run_result_t result = self->program->live(self->program->context, &folder);
    tell_folder(self, number, &result);
    add(&self->sum, &result);
    bool good = result.failures == 0 && result.counted == folder.kills;
    if (good || self->options.expect_loss) {
        remove_both(data, output);
    }
    return good;
}

static void run_folders(run_t *self) {
    uint32_t folders_max = TRIES_MAX * (self->options.kills / self->program->folder_kills + 1);
    bool going = true;
    for (uint32_t number = 1; going && self->sum.counted < self->options.kills; number++) {
        bool good = run_folder(self, number);
        going = good || (self->options.expect_loss && self->sum.losses == 0 && number < folders_max);
    }
}

static void tell_sum(const run_t *self) {
    const run_result_t *sum = &self->sum;
    if (self->lines > LINES_MAX) {
        printf("(%u more lines)\n", self->lines - LINES_MAX);
    }
    printf("crash: %u kills counted, %u discounted, %u kills during recovery, %" PRIu64 " requests, %" PRIu64
           " acknowledged, %" PRIu64 " lost, %" PRIu64 " otherwise wrong",
           sum->counted, sum->discounted, sum->during_recovery, sum->requests, sum->acknowledged, sum->losses,
           sum->failures - sum->losses);
    tell_more(self, self->program->tell_sum);
}

int run_main(const run_program_t *program, int count, char **values) {
    run_t self = {.program = program};
    if (sodium_init() < 0) {
        return EXIT_FAILED;
    }
    randombytes_buf(&self.options.seed, sizeof self.options.seed);
    if (!parse(count, values, &self.options)) {
        fprintf(stderr, usage, program->name);
        return EXIT_USAGE;
    }
    if (!prepare_folder(program->name, self.options.data)) {
        return EXIT_USAGE;
    }
    printf("seed %" PRIu64 "\n", self.options.seed);
    fflush(stdout);
    self.random.word = self.options.seed;
    run_folders(&self);
    tell_sum(&self);
    bool failed = self.sum.failures > 0 || self.sum.counted < self.options.kills;
    return self.options.expect_loss ? self.sum.losses == 0 : failed;
}
