/* SPDX-License-Identifier: MIT */
/*
 * effect: what a shard's batch makes the broker do once the batch is durable. Effects stand back to back in
 * batch->effects, each a fixed header and its bytes; every CALL and TELL that a shard was given ends in exactly one
 * EFFECT_ANSWER, so that the broker's count of work in flight is exact.
 */
#ifndef DORAN_ACTORS_EFFECT_H
#define DORAN_ACTORS_EFFECT_H

#include "schemas/envelope.h"
#include "storage/batch.h"

typedef enum effect_type {
    EFFECT_ANSWER, /* an envelope for the peer; none: the request ends without an answer */
    EFFECT_SEND,   /* an envelope (tell, with a stream) for another actor; may be lost: it is sent again */
    EFFECT_ACK,    /* stream_ack_t, for the shard of stream.from; may be lost */
    EFFECT_EVENT,  /* an envelope (event) for all peers that subscribed to its kind and key */
    EFFECT_WORK, /* an envelope (tell) to the actor itself, to the method that takes the result: its body is the input,
                    its idempotency key the name of the work (work.h); may be lost */
    EFFECT_END,  /* a text, "session/KEY" or "user/KEY": handles opened by it or for it end, and their subscriptions */
    EFFECT_MUTE, /* an envelope (event `lagged`): every peer that hears its kind and key with a handle of the user who
                    is its subject has it as its last event there */
    EFFECT_FIGURES, /* shard_stats_t of a probe */
} effect_type_t;

enum effect_flags { /* of an answer that is a reply */
                    EFFECT_SUBSCRIBE =
                        1 << 0, /* from here on the peer (and handle) has the events of the answer's kind and key */
                    EFFECT_UNSUBSCRIBE = 1 << 1, /* no longer */
                    EFFECT_GRANT = 1 << 2,       /* the body is a session_opened: its handle is valid for this peer */
};

typedef struct effect {
    uint8_t type;  /* effect_type_t */
    uint8_t flags; /* effect_flags */
    uint8_t pool;  /* of WORK: work_pool_t */
    uint32_t bytes;
    uint32_t peer;
    uint64_t peer_number;
    uint8_t handle[HANDLE_BYTES]; /* of the request, for (UN)SUBSCRIBE; zeros: it had none */
} effect_t;

static inline effect_t effect_answer(uint32_t peer, uint64_t peer_number) {
    return (effect_t){.type = EFFECT_ANSWER, .peer = peer, .peer_number = peer_number};
}

/* Appends an effect with this envelope; effect->bytes is filled in. CHECKs that it fits. */
void effect_add(batch_t *batch, effect_t effect, const envelope_t *envelope);
/* Appends an effect with these bytes, which may be absent. */
void effect_add_raw(batch_t *batch, effect_t effect, span_t bytes);
/* Takes the first effect off `rest` (which starts as all effects of the batch); false at the end. */
bool effect_next(span_t *rest, effect_t *effect, span_t *bytes);

#endif
