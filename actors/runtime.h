/* SPDX-License-Identifier: MIT */
/*
 * runtime: the methods that every kind with state has without writing them (schemas/common.def): show and list. They
 * read what is stored and activate nothing. Shard's thread.
 */
#ifndef DORAN_ACTORS_RUNTIME_H
#define DORAN_ACTORS_RUNTIME_H

#include "actors/cell.h"
#include "schemas/records.h"
#include "storage/view.h"

/* Packs a show_reply: the head record in the cell, with secret fields as ***. */
MUST_USE status_t runtime_show(const record_t *record, const cell_t *cell, tape_t *tape, pack_t *reply);

/* Which partitions: those p with p modulo shards == shard. */
typedef struct runtime_place {
    uint16_t shard, shards;
} runtime_place_t;

/* Packs a list_reply: the shard's actors of request->kind after `after`, in the order of their keys over all its
   partitions. reply's room bounds the page: what does not fit is left for the next. */
void runtime_list(const view_t *view, runtime_place_t place, const kind_t *kind, const list_request_t *asked,
                  pack_t *reply);

#endif
