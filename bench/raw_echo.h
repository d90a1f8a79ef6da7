/* SPDX-License-Identifier: MIT */
/*
 * raw_echo: how fast ZeroMQ alone is here: a ROUTER that sends back what it gets, on a thread of its own, and DEALERs
 * with the clients, window and payload of the load, one request in a frame on both sides. What the server's echo
 * reaches of that is what broker, shard and journal cost.
 */
#ifndef DORAN_BENCH_RAW_ECHO_H
#define DORAN_BENCH_RAW_ECHO_H

#include "bench/options.h"

/* Answers a second; 0 with one sentence in error if it could not be run. */
double raw_echo_run(const bench_options_t *options, client_transport_t transport, double seconds, char *error,
                    size_t error_bytes);

#endif
