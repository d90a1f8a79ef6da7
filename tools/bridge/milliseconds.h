/* SPDX-License-Identifier: MIT */
/* milliseconds: times as libevent wants them. Any thread. */
#ifndef DORAN_BRIDGE_MILLISECONDS_H
#define DORAN_BRIDGE_MILLISECONDS_H

#include <stdint.h>
#include <sys/time.h>

static inline struct timeval milliseconds(uint64_t ms) {
    return (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

#endif
