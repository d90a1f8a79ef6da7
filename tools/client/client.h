/* SPDX-License-Identifier: MIT */
/*
 * What programs of this repository may do with the client beyond doran.h: measure it against bare ZeroMQ. Not
 * installed, not exported.
 */
#ifndef DORAN_CLIENT_CLIENT_H
#define DORAN_CLIENT_CLIENT_H

#include <stdbool.h>

#include "tools/client/doran.h"

/* Which of the doors of a server on this machine. */
typedef enum client_transport { TRANSPORT_ANY, TRANSPORT_TCP, TRANSPORT_IPC } client_transport_t;

typedef struct client_tuning {
    client_transport_t transport; /* TRANSPORT_ANY: ipc if there is one */
    bool one_per_frame;           /* no coalescing: each request travels alone */
} client_tuning_t;

/* doran_open with tuning; NULL: none. */
doran_t *client_open(const doran_options_t *options, const client_tuning_t *tuning, char *error, size_t error_bytes);

/* doran_run until this time of clock_us. */
int client_run(doran_t *self, uint64_t until_us);
/* Inside a completion: how often its request was sent. What went out once ran in the order of submission. */
uint32_t client_sends(const doran_t *self);

/* The ZeroMQ context that all clients of this process share. It lives until it was released as often as acquired. */
void *client_context_acquire(void);
void client_context_release(void);

#endif
