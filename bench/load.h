/* SPDX-License-Identifier: MIT */
/*
 * load: runs a workload with all its clients and says what came of it.
 */
#ifndef DORAN_BENCH_LOAD_H
#define DORAN_BENCH_LOAD_H

#include "bench/result.h"
#include "bench/workload.h"

/* False with one sentence in error if it could not be run to its end. tuning: of the clients. */
bool load_run(const workload_t *workload, const bench_options_t *options, const client_tuning_t *tuning,
              result_t *result, char *error, size_t error_bytes);

#endif
