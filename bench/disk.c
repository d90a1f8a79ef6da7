/* SPDX-License-Identifier: MIT */
/*
 * The file is written in full and synced first, so that no sync that is measured has to store where its blocks are.
 */
#include "bench/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/client/clock.h"

enum { BLOCK_BYTES = 4096, BLOCKS = 1024 };

static bool write_block(int file, unsigned block, unsigned char byte) {
    unsigned char bytes[BLOCK_BYTES];
    memset(bytes, byte, sizeof bytes);
    return pwrite(file, bytes, sizeof bytes, (off_t)block * BLOCK_BYTES) == (ssize_t)sizeof bytes;
}

static bool fill(int file) {
    for (unsigned block = 0; block < BLOCKS; block++) {
        if (!write_block(file, block, 0)) {
            return false;
        }
    }
    return fsync(file) == 0;
}

static bool measure(int file, double seconds, histogram_t *latency, double *elapsed_s) {
    uint64_t begin_us = clock_us(), end_us = begin_us + (uint64_t)(seconds * 1e6), now_us = begin_us;
    for (unsigned turn = 0; now_us < end_us; turn++) {
        if (!write_block(file, turn % BLOCKS, (unsigned char)turn) || fdatasync(file) != 0) {
            return false;
        }
        uint64_t after_us = clock_us();
        histogram_record(latency, after_us - now_us);
        now_us = after_us;
    }
    *elapsed_s = (double)(now_us - begin_us) / 1e6;
    return true;
}

bool disk_run(const char *folder, double seconds, histogram_t *latency, double *elapsed_s, char *error,
              size_t error_bytes) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/doran-bench-%d.tmp", folder, (int)getpid());
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool done = file >= 0 && fill(file) && measure(file, seconds, latency, elapsed_s);
    if (!done) {
        snprintf(error, error_bytes, "%s: %s.", path, strerror(errno));
    }
    if (file >= 0) {
        close(file);
        unlink(path);
    }
    return done;
}
