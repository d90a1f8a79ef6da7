/* SPDX-License-Identifier: MIT */
/*
 * turn_run: how the shard drives a turn; handlers see turn.h. The shard keeps one turn and uses it for every message:
 * turn_begin, the handler, then turn_commit or turn_abort.
 */
#ifndef DORAN_ACTORS_TURN_RUN_H
#define DORAN_ACTORS_TURN_RUN_H

#include "actors/request.h"
#include "actors/turn.h"
#include "actors/writer.h"
#include "storage/view.h"

/* Memory of one turn: everything encoded by it, its decoded request, and what the handler allocates. */
#define TURN_ARENA_BYTES (4 * TURN_BYTES_MAX)

enum { TURN_DETAIL_BYTES = 200 };

struct turn {
    const view_t *view;
    writer_t *writer;
    const request_t *request;
    uint64_t now_ms;
    uint64_t version; /* of the head record as this turn leaves it; 0: there is none */
    span_t state;     /* its new body, if the turn changed it */
    span_t reply;     /* body */
    uint32_t writes;
    size_t bytes;     /* written and answered */
    status_t failure; /* what turn_fail was given */
    char detail[TURN_DETAIL_BYTES];
    uint8_t *arena;
    size_t arena_used;
};

void turn_init(turn_t *self, const view_t *view, writer_t *writer);
void turn_fini(turn_t *self);
/* Starts a turn of an actor at version 0, until the shard says which; what it writes from here on can be undone. */
void turn_begin(turn_t *self, const request_t *request, uint64_t now_ms);
/* Writes the new head record, if there is one. Nothing can fail any more. */
void turn_commit(turn_t *self, span_t head_key);
/* As if the turn had never been. */
void turn_abort(turn_t *self);
static inline bool turn_wrote(const turn_t *self) {
    return self->writes > 0;
}

#endif
