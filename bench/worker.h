/* SPDX-License-Identifier: MIT */
/*
 * worker: one client of the load: a thread with a connection of its own and a part of the window. It makes passes: many
 * requests of one sort, as fast as the window allows or at the times of a schedule.
 *
 *   schedule ─► submit(worker, slot) ─► doran_t ─► server
 *                                          │
 *   histogram ◄─ answered(worker, slot, reply)
 *
 * A slot is one place of the window. What is asked for may need more than one answer: then the slot stays taken, and
 * its request is followed by others, each after a longer while, until it is done. All functions run on the worker's
 * thread.
 */
#ifndef DORAN_BENCH_WORKER_H
#define DORAN_BENCH_WORKER_H

#include <stdatomic.h>

#include "bench/options.h"
#include "bench/random.h"
#include "bench/verdict.h"
#include "schemas/histogram.h"
#include "schemas/pack.h"
#include "schemas/tape.h"

#define CODES (DORAN_INTERNAL + 1)

typedef struct worker worker_t;

typedef struct slot {
    worker_t *worker;
    uint64_t intended_us; /* when it was to be sent */
    uint64_t number;      /* of the request within the pass, from 0 */
    uint32_t actor;       /* of those that are the worker's own, from 0 */
    uint32_t looks;       /* how often it was found to be pending */
    uint64_t look_us;     /* when it is looked at again */
    struct slot *next;    /* free, or behind it in its queue */
} slot_t;

enum { LOOK_LEVELS = 5 }; /* the first look is soon, each further one twice as late, up to the last level */

typedef struct slot_queue {
    slot_t *first, *last;
} slot_queue_t;

typedef struct pass {
    /* Chooses the actor and sends. */
    doran_code_t (*submit)(worker_t *self, slot_t *slot);
    /* Any code; the reply is gone afterwards. */
    void (*answered)(worker_t *self, const slot_t *slot, const doran_reply_t *reply);
    /* Before that: is what was asked for not done yet? Then `look` sends what finds out, later. If it is, code, which
       is that of the reply, may be set to what it counts as. Both NULL: every answer is the last. */
    bool (*pending)(worker_t *self, const slot_t *slot, const doran_reply_t *reply, doran_code_t *code);
    doran_code_t (*look)(worker_t *self, slot_t *slot);
    uint64_t count;    /* requests at most */
    uint64_t begin_us; /* nothing is sent before; 0: at once */
    uint64_t end_us;   /* no request is intended from then on */
    double rate;       /* a second; 0: as the window allows */
    bool measured;     /* latency, errors and what was acknowledged count */
    bool listens;      /* goes on until end_us and a little longer, for events; latency is not that of the answers */
} pass_t;

/* Visible for embedding. */
struct worker {
    const bench_options_t *options;
    uint32_t index;  /* of options->clients */
    uint32_t actors; /* its own: those whose number modulo clients is index */
    doran_t *client;
    random_source_t random;
    void *state; /* of the workload */

    const pass_t *pass;
    uint32_t window;
    slot_t *slots, *free;
    slot_queue_t pending[LOOK_LEVELS]; /* each in the order of look_us */
    uint64_t submitted;                /* in this pass */

    _Atomic uint64_t answers; /* of this pass, for those who watch */
    uint64_t acknowledged;
    uint64_t delivered; /* events of what was measured */
    uint64_t errors[CODES];
    uint64_t last_us; /* when the last answer came */
    histogram_t latency;
    verdict_t verdict;

    uint8_t *request; /* scratch to pack a body into */
    size_t request_bytes;
    token_t tokens[128];
    char problem[256]; /* what went wrong, one sentence; "" if nothing */
};

/* False with problem set: no client, or no answer of the server. tuning: of the client. */
bool worker_init(worker_t *self, const bench_options_t *options, const client_tuning_t *tuning, uint32_t index);
void worker_fini(worker_t *self);

/* Makes one pass and waits for all answers. False if some did not come, which their own time should not allow. */
bool worker_pass(worker_t *self, const pass_t *pass);
/* The number among all actors, from 1, of one of its own. */
static inline uint32_t worker_actor(const worker_t *self, uint32_t actor) {
    return actor * self->options->clients + self->index + 1;
}
/* Sends a body that was packed into self->request. */
doran_code_t worker_submit(worker_t *self, slot_t *slot, const char *address, const char *method, const pack_t *body,
                           uint32_t timeout_ms);
/* Reads the body of a reply. False with problem set if it is none. */
bool worker_read(worker_t *self, const doran_reply_t *reply, tape_t *tape);
PRINTF_LIKE(2, 3) void worker_fail(worker_t *self, const char *format, ...);

#endif
