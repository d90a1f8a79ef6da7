/* SPDX-License-Identifier: MIT */
/*
 * peers: who is connected, by routing id: what each may do, how much it has in flight, and what waits to be sent to it.
 *
 * A peer stands in a slot and has a number that is never used again: (index, number) names it for as long as it is
 * known, and nobody after it. The number is also that of the pong: it is new when the server starts or has forgotten
 * the peer. A routing id is chosen by the other side and proves nothing: the User-Id is what ZAP vouched for, and when
 * it changes under a routing id, everything that was the old peer's is dropped.
 *
 * What waits for a peer is a queue of frames. Envelopes are appended to the last frame up to FRAME_COALESCE_BYTES; a
 * larger one is a frame of its own. Frames come from a free list, so that a busy peer costs no allocation.
 *
 * Slots at the end of the table are for strangers: peers that came when the table was full. A stranger can only be
 * answered, and is forgotten when its answers are sent, so that nobody is refused in silence.
 *
 * Owned by the broker's thread. Pointers to peers are valid until the peer is forgotten.
 */
#ifndef DORAN_BROKER_PEERS_H
#define DORAN_BROKER_PEERS_H

#include "schemas/envelope.h"

#define ROUTING_ID_BYTES_MAX 255
#define USER_ID_BYTES_MAX 63
#define STRANGERS_MAX 64

/* Names a peer for as long as it is known. */
typedef struct peer_id {
    uint32_t index;
    uint64_t number;
} peer_id_t;

typedef struct frame { /* on its way out */
    struct frame *next;
    uint32_t bytes, capacity, envelopes;
    uint8_t data[];
} frame_t;

typedef struct peer {
    uint32_t index;
    uint64_t number; /* 0: the slot is free */
    char user_id[USER_ID_BYTES_MAX + 1];
    uint32_t roles;
    bool stranger;
    uint32_t in_flight; /* requests given to shards and not yet answered */
    uint64_t last_seen_us;
    bool has_session;
    uint8_t session[SESSION_BYTES]; /* passed the check last */

    frame_t *first, *last; /* queue */
    size_t queue_bytes;    /* of the envelopes in it */
    uint64_t again_us;     /* not tried before: it took no more when it was tried last */

    /* Of the table. */
    uint64_t hash;
    uint32_t next;                   /* in the bucket, or among free slots */
    uint32_t sooner, later;          /* in the order of last_seen */
    uint32_t send_before, send_next; /* in the ring of peers with something queued */
    uint8_t routing_id_bytes;
    uint8_t routing_id[ROUTING_ID_BYTES_MAX];
} peer_t;

typedef struct peers peers_t;

typedef struct peers_options {
    uint32_t peers_max;
    size_t queue_bytes_max; /* of one peer */
    /* Told of every peer that was forgotten, or whose User-Id changed, when it is so, but for the end of all; it must
       not see or forget any. NULL: nobody asks. */
    void (*forgotten)(void *context, peer_id_t peer);
    void *context;
} peers_options_t;

peers_t *peers_new(const peers_options_t *options);
void peers_destroy(peers_t **self_p);

/* The peer of this routing id, made if it is new; notes that it was seen. renewed: it is new, or its User-Id was
   another one before; its roles are then 0 and must be set. dropped: how many queued envelopes of the one before went.
   NULL: no slot, not even for a stranger, or ids that are too long. */
peer_t *peers_see(peers_t *self, span_t routing_id, const char *user_id, uint64_t now_us, bool *renewed,
                  uint64_t *dropped);
/* The peer in this slot if it still has this number, else NULL. */
peer_t *peers_at(peers_t *self, uint32_t index, uint64_t number);
static inline peer_id_t peer_id(const peer_t *peer) {
    return (peer_id_t){.index = peer->index, .number = peer->number};
}
/* Forgets the peer. Returns how many envelopes in its queue go with it. */
uint64_t peers_forget(peers_t *self, peer_t *peer);
/* Forgets those not seen since `before_us` that have nothing in flight and nothing queued. */
void peers_forget_idle(peers_t *self, uint64_t before_us);
uint32_t peers_count(const peers_t *self);
/* Calls each for every peer; it must not forget any. */
void peers_each(peers_t *self, void (*each)(void *context, peer_t *peer), void *context);

/* Room for this many bytes more, within the bound and `beyond`? An empty queue takes any envelope. */
bool peer_has_room(const peers_t *self, const peer_t *peer, size_t bytes, size_t beyond);
/* Room at the end of the queue where at most `bytes` may be written, valid until peer_appended says how many were,
   which comes before anything else is done with peers. Ignores the bound. */
uint8_t *peer_append(peers_t *self, peer_t *peer, size_t bytes);
void peer_appended(peers_t *self, peer_t *peer, size_t bytes);

/* The next peer in turn with something queued, or NULL. */
peer_t *peers_sender(peers_t *self);
/* Its turn is over: the next one. */
void peers_pass(peers_t *self);
/* The first frame of the peer, which has one, is sent: takes it off. A stranger without more is forgotten. */
void peers_sent(peers_t *self, peer_t *peer);
/* How many peers have something queued. */
uint32_t peers_senders(const peers_t *self);
/* CHECKs the invariants; for tests. */
void peers_check(const peers_t *self);

#endif
