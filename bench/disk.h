/* SPDX-License-Identifier: MIT */
/*
 * disk: how fast the disk of a folder makes one small write after another durable: overwrites 4 KiB of a file that has
 * its space already, then fdatasync. A journal that syncs for each request alone cannot be faster; one that syncs for
 * many at once can.
 */
#ifndef DORAN_BENCH_DISK_H
#define DORAN_BENCH_DISK_H

#include <stdbool.h>
#include <stddef.h>

#include "schemas/histogram.h"

/* Fills latency; false with one sentence in error. */
bool disk_run(const char *folder, double seconds, histogram_t *latency, double *elapsed_s, char *error,
              size_t error_bytes);

#endif
