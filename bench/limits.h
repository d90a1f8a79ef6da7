/* SPDX-License-Identifier: MIT */
/*
 * limits: the server's echo beside bare ZeroMQ over the same transport, and the disk's durable writes alone.
 */
#ifndef DORAN_BENCH_LIMITS_H
#define DORAN_BENCH_LIMITS_H

#include "bench/result.h"

enum { LIMITS_RESULTS_MAX = 3 };

/* Fills results and returns how many; 0 with one sentence in error. */
unsigned limits_run(const bench_options_t *options, result_t results[LIMITS_RESULTS_MAX], char *error,
                    size_t error_bytes);

#endif
