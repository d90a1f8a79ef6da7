/* SPDX-License-Identifier: MIT */
/*
 * figures: what a load costs the server: its own figures (broker/self stat) and, if it runs on this machine, those of
 * its process (/proc).
 */
#ifndef DORAN_BENCH_FIGURES_H
#define DORAN_BENCH_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/client/doran.h"

typedef struct figures {
    bool known; /* the server told */
    bool local; /* its process is on this machine */
    uint64_t pid;
    double cpu_s;
    uint64_t rss_anon_kib, fdatasyncs, sync_p99_us;
} figures_t;

/* All unknown if the server does not tell. */
figures_t figures_read(doran_t *client);
/* What happened since `before`: of counters the difference, of the rest what it is now. */
figures_t figures_since(const figures_t *before, const figures_t *now);

#endif
