/* SPDX-License-Identifier: MIT */
/*
 * activation: an actor in memory: its decoded head record. The table holds at most a set number of them; the one unused
 * for longest leaves for a new one, and those idle for some time leave anyway. Leaving loses nothing: the record is in
 * the memtable or the store. Owned by a shard.
 */
#ifndef DORAN_ACTORS_ACTIVATION_H
#define DORAN_ACTORS_ACTIVATION_H

#include "schemas/schema.h"

typedef struct activations activations_t;

typedef struct activation { /* the first members of the real one; read only */
    uint64_t version;       /* of the head record, ≥ 1 */
    const void *state;      /* decoded */
    span_t body;            /* what it was decoded from */
} activation_t;

activations_t *activations_new(uint32_t max);
void activations_destroy(activations_t **self_p);

/* The activation of the actor with this head key, or NULL; counts as use. */
const activation_t *activations_find(activations_t *self, span_t head_key, uint64_t now_us);
/* Puts or replaces one: copies the body and decodes it. INTERNAL: the body does not fit the record; nothing changed.
   Pointers to the earlier activation of this key end. tape is scratch. */
MUST_USE status_t activations_set(activations_t *self, span_t head_key, const record_t *record, uint64_t version,
                                  span_t body, tape_t *tape, uint64_t now_us, const activation_t **activation);
/* Lets go the one with this head key, if there is one. */
void activations_forget(activations_t *self, span_t head_key);
/* Lets go what was not used since. Returns how many went; at most `max`. */
uint32_t activations_expire(activations_t *self, uint64_t unused_since_us, uint32_t max);
uint32_t activations_count(const activations_t *self);

#endif
