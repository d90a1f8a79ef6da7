/* SPDX-License-Identifier: MIT */
/*
 * pending: the requests that were submitted and not completed, at most `max` of them. Each is found by its id, stands
 * in the order of ids, may stand in the queue of what is to be sent, and has one time at which something is due.
 *
 *   submitted → QUEUED ⇄ SENT → answered
 *                  ↖ RETRYING (refused for now)      any → FINISHED (without an answer) → completed
 *                  ↖ HELD (are we still known?)
 *                  ↖ WAITING (for its handle)
 *
 * No socket, no clock. One thread.
 */
#ifndef DORAN_CLIENT_PENDING_H
#define DORAN_CLIENT_PENDING_H

#include <sys/queue.h>

#include "schemas/span.h"
#include "tools/client/doran.h"

typedef enum pending_state {
    PENDING_FREE,
    PENDING_QUEUED,   /* to be sent as soon as that is possible */
    PENDING_SENT,     /* waits for its answer; sent again when due */
    PENDING_RETRYING, /* refused for now; sent again when due */
    PENDING_HELD,     /* refused with `unauthenticated`; the next pong tells whether that is the answer */
    PENDING_WAITING,  /* for its handle to be opened */
    PENDING_ORPHAN,   /* sent in a session that has ended since: may still be answered, is never sent again */
    PENDING_FINISHED, /* has its code, waits for its completion */
} pending_state_t;

typedef struct handle handle_t;

typedef struct ask { /* what a request says; borrowed */
    span_t kind, key, method, body;
    span_t idempotency_key, trace; /* or absent */
} ask_t;

/* Visible for its fields; made and placed by this module only. */
typedef struct pending {
    uint64_t id;
    pending_state_t state;
    uint32_t sends;        /* how often it was sent */
    uint32_t waits;        /* for an answer of this server in vain so far; each is longer than the one before */
    uint32_t copies;       /* how many of those were not refused, so may have run */
    uint32_t refusals;     /* how often it was refused */
    doran_code_t code;     /* of the last refusal; FINISHED: of the completion */
    uint32_t shards, mask; /* of a query: how many answers there will be (0: unknown), and whose have come */
    bool own;              /* an errand of the client's, not a request of the program's */
    bool reopened;         /* its handle was opened again because it was refused */
    uint32_t opening;      /* which of its handle's it was sent with last */
    handle_t *handle;      /* that it carries, or NULL */
    uint64_t deadline_us;
    doran_done_fn each; /* of a query: takes the answers; NULL: it is none */
    doran_done_fn done;
    void *context;
    ask_t ask; /* into bytes */

    uint8_t *bytes; /* kept for the next request in this slot unless large */
    size_t capacity;
    uint64_t due_us; /* place in the heap */
    uint32_t heap_index;
    TAILQ_ENTRY(pending) in_order; /* by id; or in the list of finished or free ones */
    TAILQ_ENTRY(pending) in_queue; /* QUEUED only */
} pending_t;

typedef struct pending_table pending_table_t;

pending_table_t *pending_table_new(uint32_t max);
void pending_table_destroy(pending_table_t **self_p);
void pending_table_check(const pending_table_t *self);

/* Submitted and not yet completed. */
uint32_t pending_count(const pending_table_t *self);

/* A request with copies of what it says, QUEUED, due at its deadline; ids must rise. NULL: `max` are there. */
pending_t *pending_add(pending_table_t *self, uint64_t id, const ask_t *ask, uint64_t deadline_us);
/* About how many bytes it takes on the wire, and no fewer than its parts have. */
size_t ask_bytes(const ask_t *self);
/* NULL: unknown, completed or FINISHED. */
pending_t *pending_find(const pending_table_t *self, uint64_t id);
/* In the order of ids, FINISHED ones left out; NULL at the end. The first has the lowest id that is unanswered. */
pending_t *pending_first(const pending_table_t *self);
pending_t *pending_next(const pending_t *pending);

/* Into a state other than FREE and FINISHED, due at due_us or its deadline, whichever is first. QUEUED: at the end of
   the queue. */
void pending_move(pending_table_t *self, pending_t *pending, pending_state_t state, uint64_t due_us);
/* Puts everything that is QUEUED or SENT into the queue, oldest first. */
void pending_queue_all(pending_table_t *self);
pending_t *pending_queued(const pending_table_t *self);
size_t pending_queued_bytes(const pending_table_t *self);

/* Puts what is WAITING for this handle into the queue, oldest first. */
void pending_queue_waiting(pending_table_t *self, const handle_t *handle);

/* The one whose time comes first, or NULL. */
pending_t *pending_due(const pending_table_t *self);

/* It is over, with this code and no answer. */
void pending_finish(pending_table_t *self, pending_t *pending, doran_code_t code);
pending_t *pending_finished(const pending_table_t *self);
/* Frees the slot; what it points to is gone. From any state. */
void pending_release(pending_table_t *self, pending_t *pending);
/* Releases all requests of the program's, in any state, that carry this handle, or NULL for those that carry none. */
void pending_release_all(pending_table_t *self, const handle_t *handle);

#endif
