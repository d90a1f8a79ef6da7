/* SPDX-License-Identifier: MIT */
/*
 * turn_run: how the shard drives a turn; handlers see turn.h. The shard keeps one turn and uses it for every message:
 * turn_begin, the handler, then turn_commit or turn_abort.
 */
#ifndef DORAN_ACTORS_TURN_RUN_H
#define DORAN_ACTORS_TURN_RUN_H

#include "actors/answers.h"
#include "actors/dead_letters.h"
#include "actors/holds.h"
#include "actors/outbox.h"
#include "actors/request.h"
#include "actors/timers.h"
#include "actors/turn.h"

/* Memory of one turn: everything encoded by it, its decoded request, and what the handler allocates. */
#define TURN_ARENA_BYTES (4 * TURN_BYTES_MAX)

enum { TURN_DETAIL_BYTES = 200, TURN_POINTER_BYTES = 64 };

/* What a turn works with; borrowed for life. */
typedef struct turn_parts {
    const view_t *view;
    writer_t *writer;
    outbox_t *outbox;
    timers_t *timers;
    dead_letters_t *dead_letters;
    uint64_t log_epoch;
    const uint8_t *hash_key; /* KEYED_HASH_BYTES */
    const settings_t *settings;
} turn_parts_t;

typedef struct turn_answer { /* to a request that an earlier turn held */
    hold_t hold;
    answer_t answer;
} turn_answer_t;

struct turn {
    turn_parts_t parts;
    const request_t *request;
    const timer_row_t *timer; /* of a request of type TIMER: it fires with this turn */
    uint64_t now_ms;
    uint64_t version; /* of the head record as this turn leaves it; 0: there is none */
    span_t state;     /* its new body, if the turn changed it */
    bool ended;       /* there is to be no head record any more */
    span_t reply;     /* body */
    uint8_t flags;    /* of the answer's effect */
    bool held;        /* the answer comes later */
    message_t sends[TURN_SENDS_MAX];
    uint32_t send_count;
    turn_answer_t answers[TURN_ANSWERS_MAX];
    uint32_t answer_count;
    uint32_t events, works;
    uint32_t writes;
    size_t bytes;     /* written, sent and answered */
    status_t failure; /* what turn_fail was given */
    char detail[TURN_DETAIL_BYTES];
    char pointer[TURN_POINTER_BYTES];     /* of turn_fail_at, else empty */
    uint32_t retry_after_ms;              /* of its errors; 0: they say nothing of that */
    uint32_t effects_bytes, effect_count; /* of the batch when the turn began */
    span_t chain;                         /* for what it sends; built for the first */
    uint8_t *arena;
    size_t arena_used;
};

void turn_init(turn_t *self, const turn_parts_t *parts);
void turn_fini(turn_t *self);
/* Starts a turn of an actor at version 0, until the shard says which; what it writes from here on can be undone. A
   timer that fires is deleted here. */
void turn_begin(turn_t *self, const request_t *request, uint64_t now_ms);
/* Writes the new head record, if there is one, and what is sent. Nothing can fail any more. Answers to held requests
   are the shard's to give. */
void turn_commit(turn_t *self, span_t head_key, uint64_t now_us);
/* As if the turn had never been. */
void turn_abort(turn_t *self);
/* For the sources of the turn: counts towards its bounds; TOO_LARGE past one. */
MUST_USE status_t turn_charge(turn_t *self, uint32_t writes, size_t bytes);
/* Encodes a record into memory of the turn, with room for a cell's header before it; TOO_LARGE past max. */
MUST_USE status_t turn_encode(turn_t *self, const record_t *record, const void *in, size_t max, span_t *body);
/* Until when its answer is kept for the idempotency key of its request. */
static inline uint64_t turn_expires_ms(const turn_t *self) {
    return self->now_ms + self->parts.settings->idempotency_ms;
}
/* Did it do what must not be done twice? */
static inline bool turn_wrote(const turn_t *self) {
    return self->writes > 0 || self->send_count > 0 || self->answer_count > 0 || self->held;
}

#endif
