/* SPDX-License-Identifier: MIT */
/* The table of actors, from the rows of schemas/kinds.def: each kind there has `const actor_t actor_<kind>` here. */
#include "actors/kind.h"

#define actor_broker actor_of_no_kind /* the broker answers for itself */
static const actor_t actor_of_no_kind = {.kind = "broker"};

#define KIND_BEGIN(k, state, text) extern const actor_t actor_##k;
#include "schemas/kinds.def"

static const actor_t *const actors[] = {
#define KIND_BEGIN(k, state, text) [KIND_##k] = &actor_##k,
#include "schemas/kinds.def"
};

const actor_t *actor_of(const kind_t *kind) {
    const actor_t *actor = actors[kind - kinds];
    return actor->handlers == NULL ? NULL : actor;
}
