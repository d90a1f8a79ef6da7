/* SPDX-License-Identifier: MIT */
/*
 * runtime: the methods that every kind with state has without writing them (schemas/common.def): show (list is
 * query.h's). It reads what is stored and activates nothing. Shard's thread.
 */
#ifndef DORAN_ACTORS_RUNTIME_H
#define DORAN_ACTORS_RUNTIME_H

#include "actors/cell.h"
#include "schemas/pack.h"
#include "schemas/schema.h"

/* Packs a show_reply: the head record in the cell, with secret fields as ***. */
MUST_USE status_t runtime_show(const record_t *record, const cell_t *cell, tape_t *tape, pack_t *reply);

#endif
