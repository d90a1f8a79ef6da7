/* SPDX-License-Identifier: MIT */
/*
 * result: what a load showed, and its form as JSON (PROGRAMS) and as text.
 */
#ifndef DORAN_BENCH_RESULT_H
#define DORAN_BENCH_RESULT_H

#include <stdio.h>

#include "bench/figures.h"
#include "bench/options.h"
#include "bench/verdict.h"
#include "bench/worker.h"

typedef struct result {
    const char *workload, *transport;
    bool curve;
    uint32_t clients, window, size, actors;
    uint32_t subscribers; /* of each actor; 0: nobody subscribes in this workload */
    double rate;
    double seconds; /* measured: from the first request to the last answer */
    uint64_t acknowledged;
    uint64_t delivered; /* to subscribers */
    uint64_t errors[CODES];
    histogram_t latency;
    figures_t server;
    verdict_t verdict;
    bool has_limit;
    double limit; /* what was reached without the server, a second; ratio: how much of it the server reached */
    bool has_ratio;
} result_t;

double result_per_second(const result_t *self);
void result_print_json(const result_t *self, FILE *out);
void result_print_text(const result_t *self, FILE *out);

#endif
