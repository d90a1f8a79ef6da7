/* SPDX-License-Identifier: MIT */
/* clock: the clocks that the threads of the ring hand to the step functions. Any thread. */
#ifndef DORAN_BROKER_CLOCK_H
#define DORAN_BROKER_CLOCK_H

#include <stdint.h>
#include <time.h>

/* µs that only go forward, also while the machine sleeps: for deadlines. */
static inline uint64_t clock_now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_BOOTTIME, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* µs of processor time that this thread has used. Costs some twenty times what the others do. */
static inline uint64_t clock_cpu_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* ms since 1970: for people and for sessions. */
static inline uint64_t clock_unix_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

#endif
