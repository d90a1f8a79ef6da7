/* SPDX-License-Identifier: MIT */
/*
 * doran-bench: loads a server and checks what it answers (PROGRAMS).
 */
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "bench/limits.h"
#include "bench/load.h"

enum { EXIT_OK, EXIT_COULD_NOT_RUN, EXIT_USAGE, EXIT_WRONG };

/* The first thread is the clients'; the second is for a bare server beside them, so that it is not held back by
 * sharing. */
enum { IO_THREADS = 2 };

static const workload_t *const workloads[] = {&echo_workload, &user_update_workload, &order_workload,
                                              &room_post_workload, &fan_out_workload};

static int judge(const result_t *results, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (!verdict_ok(&results[i].verdict)) {
            return EXIT_WRONG;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (results[i].acknowledged == 0) {
            fprintf(stderr, "Nothing was acknowledged, so nothing was shown.\n");
            return EXIT_COULD_NOT_RUN;
        }
    }
    return EXIT_OK;
}

static void print(const bench_options_t *options, const result_t *results, unsigned count, bool array) {
    if (!options->json) {
        for (unsigned i = 0; i < count; i++) {
            result_print_text(&results[i], stdout);
        }
        return;
    }
    fputs(array ? "[" : "", stdout);
    for (unsigned i = 0; i < count; i++) {
        fputs(i > 0 ? "," : "", stdout);
        result_print_json(&results[i], stdout);
    }
    puts(array ? "]" : "");
}

/* Returns how many results there are; 0 with one sentence in error. */
static unsigned run(const bench_options_t *options, result_t *results, char *error, size_t error_bytes) {
    client_tuning_t tuning = {.transport = options->transport};
    for (size_t i = 0; i < ARRAY_LENGTH(workloads); i++) {
        if (strcmp(workloads[i]->name, options->workload) == 0) {
            return load_run(workloads[i], options, &tuning, &results[0], error, error_bytes) ? 1 : 0;
        }
    }
    return limits_run(options, results, error, error_bytes);
}

int main(int argc, char **argv) {
    static result_t results[LIMITS_RESULTS_MAX];
    bench_options_t options;
    char error[512] = "";
    if (!bench_options_parse(&options, argc, argv, error, sizeof error)) {
        fprintf(stderr, "%s\nTry doran-bench --help.\n", error);
        return EXIT_USAGE;
    }
    if (options.help) {
        bench_options_help();
        return EXIT_OK;
    }
    zmq_ctx_set(client_context_acquire(), ZMQ_IO_THREADS, IO_THREADS);
    unsigned count = run(&options, results, error, sizeof error);
    client_context_release();
    if (count == 0) {
        fprintf(stderr, "%s\n", error);
        return EXIT_COULD_NOT_RUN;
    }
    print(&options, results, count, strcmp(options.workload, "limits") == 0);
    return judge(results, count);
}
