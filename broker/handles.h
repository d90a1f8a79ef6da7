/* SPDX-License-Identifier: MIT */
/*
 * handles: on whose behalf a peer acts (DESIGN §5). A handle is 128 random bits that a session actor gave to the peer
 * that opened it: for a user, with a role, until a time. It is good only from that peer.
 *
 * A handle ends when its time comes, when its session or its user does, when its peer goes, when another peer was given
 * the same one, or when the peer opens more than it may have: then its oldest goes. Whichever it is, `ended` is called;
 * not if the peer itself closes it. Bounded. Owned by the broker; its thread only.
 */
#ifndef DORAN_BROKER_HANDLES_H
#define DORAN_BROKER_HANDLES_H

#include "broker/peers.h"

typedef struct handles handles_t;

typedef struct handles_options {
    uint32_t handles_max;
    uint32_t peer_handles_max; /* of one peer */
    /* Told of each that has ended, when it can be found no more; it must not call handles_. */
    void (*ended)(void *context, peer_id_t peer, const uint8_t handle[HANDLE_BYTES]);
    void *context;
} handles_options_t;

/* What a handle says. */
typedef struct grant {
    span_t user, session; /* keys of actors */
    uint32_t roles;       /* of enum role: of the person */
    uint64_t expires_ms;  /* since 1970; from then on it is not good any more */
} grant_t;

handles_t *handles_new(const handles_options_t *options);
/* Tells of none. */
void handles_destroy(handles_t **self_p);

/* Gives the handle, which is not zeros, to this peer; if the peer has it already, it now says this. BUSY: there are too
   many of all peers, and nothing has changed. */
MUST_USE status_t handles_add(handles_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES],
                              const grant_t *grant);
/* What the handle says, if it is good from this peer at this time. The spans are valid until it ends. */
bool handles_find(const handles_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES], uint64_t unix_ms,
                  grant_t *grant);

/* Its peer wants it no more; `ended` is not called. False: it is none of this peer's. */
bool handles_close(handles_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES]);
/* Ends those that this actor opened, or that were opened for it: "session/KEY" or "user/KEY". */
void handles_end_of(handles_t *self, span_t address);
/* Calls each for those that are for this user. It must not call handles_. */
void handles_walk(const handles_t *self, span_t user,
                  void (*each)(void *context, peer_id_t peer, const uint8_t handle[HANDLE_BYTES]), void *context);
void handles_end_of_peer(handles_t *self, peer_id_t peer);
/* Ends those whose time has come. */
void handles_expire(handles_t *self, uint64_t unix_ms);

uint32_t handles_count(const handles_t *self);
/* CHECKs the invariants; for tests. */
void handles_check(const handles_t *self);

#endif
