/* SPDX-License-Identifier: MIT */
/*
 * pipe: how boxes of the ring hand things on: a message of three words over an inproc socket, always a complete
 * hand-off of what it points to. Sending never blocks, by arithmetic: what travels is buffers of fixed pools and one
 * question at a time (ring.h), so a pipe holds at most as many messages as buffers exist, and none has a mark above
 * which it refuses. A send that fails is a bug and CHECKs.
 */
#ifndef DORAN_BROKER_PIPE_H
#define DORAN_BROKER_PIPE_H

#include "schemas/limits.h"
#include "schemas/status.h"

typedef enum pipe_type {
    PIPE_REQUESTS, /* broker → shard: requests_t * */
    PIPE_BATCH,    /* shard → journal → broker → shard (home): batch_t * */
    PIPE_PROBE,    /* broker → shard: put your figures into a batch and send it now; to zap: into this zap_counts_t */
    PIPE_FIGURES, /* journal → broker: figures_t * (malloc'd, the broker frees), behind the batches that were asked */
    PIPE_DURABLE, /* journal → applier: durable_t * (malloc'd, the applier frees); one at a time under way */
    PIPE_APPLIED, /* applier → journal: a round is over; value is the position applied */
    PIPE_ANSWER,  /* applier → journal: what can be done now for the last PIPE_DURABLE is done; ask again. value: 1 if
                     a round goes on, else 0 */
    PIPE_SEGMENT, /* applier → journal: segment_t * (malloc'd, the journal frees) */
    PIPE_STORAGE_FULL, /* applier → journal → broker → shard: value 1 full, 0 there is space again */
    PIPE_KEYS,         /* main → zap, broker: keys_t * (a new allow-list, owned by the receiver) */
    PIPE_WORK,         /* broker → work thread: work_order_t *; of its pool WORK_ORDERS_MAX at most are under way */
    PIPE_WORKED,       /* work thread → broker: the same one, with its result or without */
    PIPE_ASK,          /* main → broker: const request_t *, of who waits for the answer */
    PIPE_ASKED,        /* broker → main: the answer; value is its status_t */
    PIPE_STOP,         /* main → broker: drain and stop */
} pipe_type_t;

typedef struct pipe_message {
    uint64_t type; /* pipe_type_t */
    void *pointer;
    uint64_t value;
} pipe_message_t;

/* One end of a one-way pipe named inproc://name. Many ends may connect for sending to one bind for receiving. CHECKs on
   failure. The result is a ZeroMQ socket, for zmq_poll. */
void *pipe_receiver(const char *name);
void *pipe_sender(const char *name);
void pipe_close(void **socket_p);
void pipe_send(void *socket, pipe_type_t type, void *pointer, uint64_t value);
/* False when nothing waits. */
bool pipe_receive(void *socket, pipe_message_t *message);

#endif
