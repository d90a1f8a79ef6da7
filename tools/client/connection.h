/* SPDX-License-Identifier: MIT */
/*
 * connection: one DEALER socket to a server, which may be thrown away and opened anew, perhaps to another place, and a
 * file descriptor that stays the same meanwhile. It knows frames, not what is in them. One thread.
 */
#ifndef DORAN_CLIENT_CONNECTION_H
#define DORAN_CLIENT_CONNECTION_H

#include <zmq.h>

#include "tools/client/place.h"

typedef struct connection connection_t;

/* Copies the options and opens. NULL with one sentence in error. */
connection_t *connection_new(const doran_options_t *options, client_transport_t transport, char *error,
                             size_t error_bytes);
void connection_destroy(connection_t **self_p);

/* Closes the socket, looks again where the server is, and opens a fresh one. False if there is no socket now. */
bool connection_open(connection_t *self);
/* Does the data folder name another server, or another place, than the one we talk to? */
bool connection_moved(const connection_t *self);
const char *connection_endpoint(const connection_t *self);

/* Sends a copy of these bytes as one frame. False: no room now; nothing was sent. */
bool connection_send(connection_t *self, const void *bytes, size_t len);
/* Replaces frame with the next one that waits. False: none; the descriptor will tell. */
bool connection_receive(connection_t *self, zmq_msg_t *frame);

/* Waits until something may have come, at most timeout_us. False if a signal came. */
bool connection_wait(connection_t *self, uint64_t timeout_us);
/* Readable when something may have come, or work was said to be left. Stays the same over connection_open. */
int connection_fd(connection_t *self);
/* To be called whenever the program gets control back: makes the descriptor readable, or not, for what is left to do
   without anything coming. */
void connection_settle(connection_t *self, bool work_left);

#endif
