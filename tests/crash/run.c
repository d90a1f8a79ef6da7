/* SPDX-License-Identifier: MIT */
#include "tests/crash/run.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { KILLS_MAX = 1000000, OPEN_FOLDERS_MAX = 16 };

static bool parse_number(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == 0;
}

bool run_parse(int count, char **values, run_options_t *options) {
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

bool run_prepare_folder(const char *program, const char *path) {
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

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void run_remove_folder(const char *path) {
    (void)nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}
