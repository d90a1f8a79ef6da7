/* SPDX-License-Identifier: MIT */
/*
 * runtime: the methods that every kind with state has without writing them (schemas/common.def): show and list. They
 * read what is stored and activate nothing. Shard's thread.
 */
#ifndef DORAN_ACTORS_RUNTIME_H
#define DORAN_ACTORS_RUNTIME_H

#include "actors/cell.h"
#include "actors/query.h"

/* Packs a show_reply: the head record in the cell, with secret fields as ***. */
MUST_USE status_t runtime_show(const record_t *record, const cell_t *cell, tape_t *tape, pack_t *reply);

typedef query_place_t runtime_place_t;

/* A page of query.h without field and states: for callers that do not yet ask there. */
void runtime_list(const view_t *view, runtime_place_t place, const kind_t *kind, const list_request_t *asked,
                  pack_t *reply);

#endif
