/* SPDX-License-Identifier: MIT */
/*
 * options: what doran-bench was asked to do.
 */
#ifndef DORAN_BENCH_OPTIONS_H
#define DORAN_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/client/client.h"

enum {
    CLIENTS_MAX = 1000,
    WINDOW_PER_CLIENT_MAX = 4096, /* what a doran_t can have in flight */
    ACTORS_MAX = 100000000,
    ECHO_BYTES_MAX = 1000000,
    ORDER_SKUS = 3, /* of one order */
    USER_BYTES_MIN = 16,
    USER_BYTES_MAX = 100, /* a name; the request then has less than 192 bytes */
    POST_BYTES_MIN = 35,
    POST_BYTES_MAX = 4000,
};

typedef struct bench_options {
    const char *workload;
    const char *data;     /* folder of the server, or NULL */
    const char *endpoint; /* or NULL: chosen by transport */
    client_transport_t transport;
    uint32_t clients;
    uint32_t window; /* of all clients together */
    double rate;     /* requests a second; 0: as fast as the window allows */
    double seconds;  /* 0: until count */
    uint64_t count;  /* 0: until seconds */
    uint32_t size;   /* bytes of payload */
    uint32_t actors;
    uint32_t subscribers; /* of each actor, each on a connection of its own; 0: of workloads without any */
    bool json;
    bool help;
} bench_options_t;

/* False with one sentence in error if they make no sense. Strings point into argv. */
bool bench_options_parse(bench_options_t *self, int argc, char *const argv[], char *error, size_t error_bytes);
void bench_options_help(void);

/* The part of the window that this client has. */
static inline uint32_t bench_options_window(const bench_options_t *self, uint32_t client) {
    return self->window / self->clients + (client < self->window % self->clients);
}

#endif
