/* SPDX-License-Identifier: MIT */
/*
 * When: timers, heartbeats and fresh sockets; exchange_send.c and exchange_take.c say what goes out and comes in.
 *
 * A request travels under one id until it is answered, so the server can tell a copy from a new request; the exchange
 * may therefore send too often but never too rarely, and never under another id. When it cannot know what became of a
 * request, it says so: DORAN_DEADLINE_EXCEEDED. Where every copy was refused or none was sent, it says that instead.
 */
#include "tools/client/exchange_inside.h"

#include <sodium.h>

#include "tools/client/clock.h"

enum {
    PROBE_US = 500 * MS,         /* of silence, then a ping */
    LOOK_US = 200 * MS,          /* between looks whether the server has moved */
    ATTEMPT_US = 2000 * MS,      /* for the first pong on a socket, doubled each time ... */
    ATTEMPT_US_MAX = 10000 * MS, /* ... up to this */
    SILENT_HEARTBEATS = 3,
    SILENCE_US_MIN = 300 * MS,
    FRAMES_PER_STEP = 256,
    ROUNDS_PER_STEP = 4,
};

uint64_t exchange_jittered(uint64_t us) {
    return us - us / 4 + randombytes_uniform((uint32_t)(us / 2) + 1);
}

doran_code_t exchange_outcome(const pending_t *pending) {
    if (pending->copies > 0) {
        return DORAN_DEADLINE_EXCEEDED;
    }
    return pending->refusals > 0 ? pending->code : DORAN_UNREACHABLE;
}

void exchange_forget_orphans(exchange_t *self) {
    pending_t *next;
    for (pending_t *pending = pending_first(self->pending); pending != NULL; pending = next) {
        next = pending_next(pending);
        if (pending->state == PENDING_ORPHAN) {
            pending_finish(self->pending, pending, DORAN_DEADLINE_EXCEEDED);
        }
    }
}

/* A fresh socket has its time for the first pong. */
static void begin_attempt(exchange_t *self, uint64_t now_us) {
    self->attempt_us = now_us + exchange_jittered(doubled(ATTEMPT_US, self->attempts, ATTEMPT_US_MAX));
    self->look_us = now_us + LOOK_US;
    self->attempts += 1;
    (void)exchange_ping(self, now_us);
}

static void reopen(exchange_t *self, uint64_t now_us) {
    self->ready = false;
    self->blocked = false;
    self->frame_bytes = 0;
    self->unanswered_us = 0;
    (void)connection_open(self->connection); /* without a socket, the attempt passes in vain */
    exchange_forget_orphans(self);
    begin_attempt(self, now_us);
}

static uint64_t silence_us(const exchange_t *self) {
    uint64_t us = SILENT_HEARTBEATS * self->heartbeat_us;
    return us > SILENCE_US_MIN ? us : SILENCE_US_MIN;
}

/* When a ping is due on a socket that works. */
static uint64_t ping_due(const exchange_t *self) {
    uint64_t regular = self->ping_us + self->heartbeat_us;
    if (self->unanswered_us == 0) {
        return regular;
    }
    uint64_t since = self->unanswered_us > self->ping_us ? self->unanswered_us : self->ping_us;
    return since + PROBE_US < regular ? since + PROBE_US : regular;
}

bool exchange_silent(const exchange_t *self, uint64_t now_us) {
    return self->unanswered_us > 0 && now_us >= self->unanswered_us + silence_us(self);
}

static bool gone(exchange_t *self, uint64_t now_us) {
    bool doubtful = !self->ready || self->unanswered_us > 0;
    if (doubtful && now_us >= self->look_us) {
        self->look_us = now_us + LOOK_US;
        if (connection_moved(self->connection)) {
            return true;
        }
    }
    return self->ready ? exchange_silent(self, now_us) : now_us >= self->attempt_us;
}

static void keep_alive(exchange_t *self, uint64_t now_us) {
    if (gone(self, now_us)) {
        reopen(self, now_us);
    } else if (self->ready && now_us >= ping_due(self)) {
        (void)exchange_ping(self, now_us);
    }
}

static uint64_t keep_alive_due(const exchange_t *self) {
    uint64_t due = self->ready ? ping_due(self) : self->attempt_us;
    if (self->ready && self->unanswered_us > 0 && self->unanswered_us + silence_us(self) < due) {
        due = self->unanswered_us + silence_us(self);
    }
    bool doubtful = !self->ready || self->unanswered_us > 0;
    return doubtful && self->look_us < due ? self->look_us : due;
}

static void run_timers(exchange_t *self, uint64_t now_us) {
    pending_t *pending;
    while ((pending = pending_due(self->pending)) != NULL && pending->due_us <= now_us) {
        if (now_us >= pending->deadline_us) {
            pending_finish(self->pending, pending, exchange_outcome(pending));
        } else {
            pending_move(self->pending, pending, PENDING_QUEUED, pending->deadline_us);
        }
    }
}

/* False: there may be more. */
static bool receive(exchange_t *self, uint64_t now_us) {
    for (int i = 0; i < FRAMES_PER_STEP && !self->stopped; i++) {
        zmq_msg_t frame; /* of this call alone: a completion may call us again */
        zmq_msg_init(&frame);
        bool received = connection_receive(self->connection, &frame);
        if (received) {
            self->unanswered_us = 0;
            exchange_take(self, span_of(zmq_msg_data(&frame), zmq_msg_size(&frame)), now_us);
        }
        zmq_msg_close(&frame);
        if (!received) {
            return true;
        }
    }
    return false;
}

int exchange_step(exchange_t *self, uint64_t now_us) {
    uint64_t ran = self->ran;
    run_timers(self, now_us);
    errands_wake(self, now_us);
    for (int round = 0; round < ROUNDS_PER_STEP && self->ran == ran && !self->stopped; round++) {
        exchange_flush(self, now_us);
        bool drained = receive(self, now_us);
        if (round == 0 && drained && !self->stopped) {
            keep_alive(self, now_us); /* after receiving: what waited is heard before silence is judged */
        }
        exchange_complete_finished(self);
        subscriptions_settle(self);
        if (drained && !exchange_has_work(self)) {
            break;
        }
    }
    if (self->ran > ran && !self->stopped) {
        exchange_flush(self, now_us);
    }
    return (int)(self->ran - ran);
}

uint64_t exchange_due(const exchange_t *self) {
    uint64_t due = keep_alive_due(self), wake = errands_due(&self->errands);
    const pending_t *pending = pending_due(self->pending);
    due = wake < due ? wake : due;
    due = pending != NULL && pending->due_us < due ? pending->due_us : due;
    return pending_finished(self->pending) != NULL ? 0 : due;
}

bool exchange_has_work(const exchange_t *self) {
    return pending_finished(self->pending) != NULL ||
           (pending_queued(self->pending) != NULL && self->ready && !self->blocked);
}

pending_t *exchange_add(exchange_t *self, handle_t *handle, const ask_t *ask, uint64_t deadline_us) {
    pending_t *pending = pending_add(self->pending, self->next_id, ask, deadline_us);
    if (pending != NULL) {
        pending->handle = handle;
        self->next_id += 1;
    }
    return pending;
}

uint32_t exchange_in_flight(const exchange_t *self) {
    return pending_count(self->pending) - self->errands.out;
}

void exchange_init(exchange_t *self, connection_t *connection, uint32_t in_flight_max, const uint8_t *session,
                   uint64_t next_id) {
    *self = (exchange_t){.connection = connection, .heartbeat_us = HEARTBEAT_US, .next_id = next_id};
    self->pending = pending_table_new(in_flight_max + ERRANDS_OUT_MAX);
    errands_init(&self->errands);
    handles_init(&self->handles);
    subscriptions_init(&self->subscriptions);
    self->frame = malloc(FRAME_COALESCE_BYTES);
    self->tape = (tape_t){.tokens = malloc(ELEMENTS_MAX * sizeof(token_t)), .capacity = ELEMENTS_MAX};
    CHECK(self->frame != NULL && self->tape.tokens != NULL, "no memory");
    if (session != NULL) {
        memcpy(self->session, session, SESSION_BYTES);
        self->has_session = true;
    }
    begin_attempt(self, clock_us());
}

void exchange_fini(exchange_t *self) {
    subscriptions_fini(&self->subscriptions, &self->handles);
    handles_fini(&self->handles);
    connection_destroy(&self->connection);
    pending_table_destroy(&self->pending);
    free(self->frame);
    free(self->tape.tokens);
}
