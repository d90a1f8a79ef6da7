/* SPDX-License-Identifier: MIT */
/*
 * slow_disk: preloaded into a server, makes its disk slow: each call that writes, syncs or renames waits a random time
 * first, up to CRASH_SLOW_US. A page cache takes a write in microseconds, which a kill hardly ever hits; with this the
 * moments between two calls are as long as those within the syncs, so an answer that leaves before its write is seen.
 *
 * Only what goes through libc is slowed: that is all that the server and liblmdb do.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "schemas/check.h"
#include "tests/storage/random.h"

/* The calls with which a start makes its files come by the hundred, so they wait only a part of it. */
enum { MAKING = 16 };

static atomic_uint_fast64_t calls;

static void wait_a_while(uint64_t divisor) {
    const char *setting = getenv("CRASH_SLOW_US");
    uint64_t max_us = setting == NULL ? 0 : strtoull(setting, NULL, 10) / divisor;
    if (max_us == 0) {
        return;
    }
    int error = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    random_state_t random = {.word = (uint64_t)now.tv_nsec ^ atomic_fetch_add(&calls, 1) << 32};
    struct timespec wait = {.tv_nsec = (long)random_below(&random, (size_t)max_us) * 1000};
    ppoll(NULL, 0, &wait, NULL);
    errno = error;
}

/* The function of libc that the one here stands in front of. */
static void *next_of(const char *name) {
    void *next = dlsym(RTLD_NEXT, name);
    CHECK(next != NULL, "%s", name);
    return next;
}

#define SLOW(divisor, type, name, parameters, arguments)                                                               \
    __attribute__((visibility("default"))) type name parameters {                                                      \
        static type(*next) parameters;                                                                                 \
        if (next == NULL) {                                                                                            \
            next = (type(*) parameters)(uintptr_t)next_of(#name);                                                      \
        }                                                                                                              \
        wait_a_while(divisor);                                                                                         \
        return next arguments;                                                                                         \
    }

typedef const struct iovec *vector_t;
SLOW(1, ssize_t, pwrite, (int file, const void *bytes, size_t len, off_t at), (file, bytes, len, at))
SLOW(1, ssize_t, pwritev, (int file, vector_t vector, int count, off_t at), (file, vector, count, at))
SLOW(1, ssize_t, writev, (int file, vector_t vector, int count), (file, vector, count))
SLOW(1, int, fdatasync, (int file), (file))
SLOW(MAKING, int, fsync, (int file), (file))
SLOW(MAKING, int, rename, (const char *from, const char *to), (from, to))
SLOW(MAKING, int, renameat, (int from_folder, const char *from, int to_folder, const char *to),
     (from_folder, from, to_folder, to))
