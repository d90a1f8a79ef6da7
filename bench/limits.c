/* SPDX-License-Identifier: MIT */
/*
 * One request in a frame on both sides, and the same clients, window and payload. Each part takes --seconds.
 */
#include "bench/limits.h"

#include <string.h>

#include "bench/disk.h"
#include "bench/load.h"
#include "bench/raw_echo.h"

static bool run_echo(const bench_options_t *options, client_transport_t transport, result_t *result, char *error,
                     size_t error_bytes) {
    client_tuning_t tuning = {.transport = transport, .one_per_frame = true};
    double limit = raw_echo_run(options, transport, options->seconds, error, error_bytes);
    if (limit <= 0 || !load_run(&echo_workload, options, &tuning, result, error, error_bytes)) {
        return false;
    }
    result->has_limit = result->has_ratio = true;
    result->limit = limit;
    return true;
}

static bool run_disk(const bench_options_t *options, result_t *result, char *error, size_t error_bytes) {
    *result = (result_t){.workload = "fdatasync", .transport = "disk", .clients = 1, .window = 1, .size = 4096};
    if (!disk_run(options->data, options->seconds, &result->latency, &result->seconds, error, error_bytes)) {
        return false;
    }
    result->acknowledged = result->latency.count;
    result->has_limit = true;
    result->limit = result_per_second(result);
    return true;
}

static client_transport_t transport_of(const char *endpoint) {
    return strncmp(endpoint, "ipc://", 6) == 0 ? TRANSPORT_IPC : TRANSPORT_TCP;
}

unsigned limits_run(const bench_options_t *options, result_t results[LIMITS_RESULTS_MAX], char *error,
                    size_t error_bytes) {
    unsigned count = 0;
    if (options->endpoint != NULL) {
        if (!run_echo(options, transport_of(options->endpoint), &results[count++], error, error_bytes)) {
            return 0;
        }
    } else if (!run_echo(options, TRANSPORT_IPC, &results[count++], error, error_bytes) ||
               !run_echo(options, TRANSPORT_TCP, &results[count++], error, error_bytes)) {
        return 0;
    }
    if (options->data != NULL && !run_disk(options, &results[count++], error, error_bytes)) {
        return 0;
    }
    return count;
}
