/* SPDX-License-Identifier: MIT */
/*
 * kind: what a kind of actor is made of: its schema (schemas/<kind>.def) and one handler per method (actors/<kind>.c).
 *
 * A handler is a function of state and message: no socket, clock, random number or file but through the turn. It runs
 * on the shard's thread, must not block, keep pointers, or touch globals. `state` is the decoded head record (NULL
 * before creation and for kinds without state), `request` the decoded body; both are read-only and valid during the
 * call. It returns STATUS_OK, or the result of turn_fail, and then the turn has changed nothing.
 */
#ifndef DORAN_ACTORS_KIND_H
#define DORAN_ACTORS_KIND_H

#include "schemas/records.h"
#include "schemas/schema.h"

typedef struct turn turn_t;
typedef status_t (*handler_fn)(turn_t *turn, const void *state, const void *request);

/* Who may list actors of a kind (common.def) but operators, services and administrators, who may list all: those with
   one of these roles, and what they may see. Zeros: nobody. */
typedef struct listing {
    uint32_t roles;
    const char *field; /* only actors with one value in this field, which is indexed; NULL: all */
    const char *value; /* that one; NULL: the key of the user who asks */
} listing_t;

typedef struct actor {
    const char *kind;
    const handler_fn *handlers; /* by index of the method in the kind's table */
    uint32_t handler_count;
    listing_t listing;
} actor_t;

/* The handlers of kinds[index], or NULL for what no actor handles. */
const actor_t *actor_of(const kind_t *kind);

#endif
