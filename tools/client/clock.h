/* SPDX-License-Identifier: MIT */
/*
 * The one clock of the client: µs since some point of the past, never set back. Any thread.
 */
#ifndef DORAN_CLIENT_CLOCK_H
#define DORAN_CLIENT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

#endif
