/* SPDX-License-Identifier: MIT */
/*
 * A turn:
 *
 *   activate ─► admissible? ─► decode ─► handler ─► bounds ─► head record, index rows, messages, answers to others
 *
 * Everything up to the last arrow may fail, and is then undone.
 */
#include "actors/index.h"
#include "actors/kind.h"
#include "actors/shard_inside.h"

status_t shard_decode(shard_t *self, const request_t *request, void **decoded) {
    const record_t *record = request->method->request;
    self->problems.count = 0;
    status_t status = tape_read_whole(&self->tape, request->body);
    if (status != STATUS_OK) {
        return status;
    }
    *decoded = turn_alloc(&self->turn, record->struct_bytes);
    return record_decode(record, &self->tape, 0, FROM_WIRE, *decoded, &self->problems);
}

status_t shard_read_head(const shard_t *self, span_t head_key, cell_t *cell) {
    span_t value;
    status_t status = view_get(&self->view, head_key, &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        cell->body = (span_t){0};
        return status;
    }
    return cell_open(cell, head_key, value) ? STATUS_OK : STATUS_INTERNAL;
}

/* activation NULL: there is no such actor. */
static status_t activate(shard_t *self, const kind_t *kind, span_t head_key, const activation_t **activation) {
    cell_t cell;
    *activation = activations_find(self->activations, head_key, self->now_us);
    if (*activation != NULL) {
        return STATUS_OK;
    }
    status_t status = shard_read_head(self, head_key, &cell);
    if (status != STATUS_OK || cell.body.ptr == NULL) {
        return status;
    }
    return activations_set(self->activations, head_key, kind->state, cell.version, cell.body, &self->tape, self->now_us,
                           activation);
}

/* May this method run on an actor that is or is not there? */
static status_t admissible(shard_t *self, const request_t *request, const activation_t *activation) {
    uint32_t flags = request->method->flags;
    const char *kind = request->kind->name;
    if (request->kind->state == NULL || (flags & (UPSERT | VIRTUAL)) != 0) {
        return STATUS_OK;
    }
    if ((flags & CREATE) != 0) {
        return activation == NULL ? STATUS_OK
                                  : turn_fail(&self->turn, STATUS_CONFLICT, "There is such a %s already", kind);
    }
    return activation != NULL ? STATUS_OK : turn_fail(&self->turn, STATUS_NOT_FOUND, "There is no such %s", kind);
}

static handler_fn handler_of(const shard_t *self, const request_t *request) {
    const actor_t *actor = self->options.actor_of(request->kind);
    size_t index = (size_t)(request->method - request->kind->methods);
    CHECK(actor != NULL && index < actor->handler_count && actor->handlers[index] != NULL, "nobody handles %s of %s",
          request->method->name, request->kind->name);
    return actor->handlers[index];
}

/* One run of the handler. True: it kept to its time by this clock, or there is none. */
static bool run_handler(shard_t *self, const request_t *request, const activation_t *activation, const void *decoded,
                        uint64_t (*clock_us)(void), status_t *status) {
    turn_t *turn = &self->turn;
    uint64_t begun_us = clock_us == NULL ? 0 : clock_us();
    *status = handler_of(self, request)(turn, activation == NULL ? NULL : activation->state, decoded);
    CHECK(turn->failure == STATUS_OK || turn->failure == *status, "%s of %s failed with %s and returned %s",
          request->method->name, request->kind->name, status_code(turn->failure), status_code(*status));
    return clock_us == NULL || clock_us() - begun_us <= TURN_US_MAX;
}

/* Decodes, and runs the handler; again if it took too long. Processor time, too, has moments that are not the turn's:
   the kernel's for a page, the host's that it took from a virtual machine. */
static status_t run_in_time(shard_t *self, const request_t *request, const activation_t *activation) {
    uint64_t (*const cpu_us)(void) = self->options.cpu_us;
    uint64_t (*const clocks[])(void) = {self->options.now_us, cpu_us, cpu_us, cpu_us};
    turn_t *turn = &self->turn;
    void *decoded;
    status_t status;
    for (size_t i = 0; i < ARRAY_LENGTH(clocks); i++) {
        turn->version = activation == NULL ? 0 : activation->version;
        status = shard_decode(self, request, &decoded);
        if (status != STATUS_OK || run_handler(self, request, activation, decoded, clocks[i], &status)) {
            return status;
        }
        turn_abort(turn);
        turn_begin(turn, request, turn->now_ms);
    }
    return turn_fail(turn, STATUS_TOO_LARGE, "The turn took more than %d µs of processor time", TURN_US_MAX);
}

/* What a turn that ran may still fail on. */
static status_t check_bounds(shard_t *self, const request_t *request) {
    turn_t *turn = &self->turn;
    CHECK(!turn_wrote(turn) || request->type == REQUEST_TIMER || method_writes(request->method), "%s writes in %s",
          request->kind->name, request->method->name);
    if (turn->held && holds_full(self->holds, request)) {
        return turn_fail(turn, STATUS_BUSY, "Too many requests wait for answers");
    }
    return STATUS_OK;
}

/* Replaces the activation by the new state, or ends it, and moves the index rows. */
static status_t move_state(shard_t *self, const request_t *request, span_t head_key, const activation_t *activation) {
    const record_t *record = request->kind->state;
    turn_t *turn = &self->turn;
    index_keys_t before, after;
    bool indexed = record != NULL && index_any(record);
    span_t kind = span_text(request->kind->name);
    if (turn->state.ptr == NULL && !turn->ended) {
        return STATUS_OK;
    }
    if (indexed) {
        index_keys(record, activation == NULL ? NULL : activation->state, request->partition, kind, request->key,
                   &before);
    }
    if (turn->ended) {
        activations_forget(self->activations, head_key);
        activation = NULL;
    } else if (activations_set(self->activations, head_key, record, turn->version, turn->state, &self->tape,
                               self->now_us, &activation) != STATUS_OK) {
        return turn_fail(turn, STATUS_TOO_LARGE, "The record would have too many values");
    }
    if (indexed) {
        index_keys(record, activation == NULL ? NULL : activation->state, request->partition, kind, request->key,
                   &after);
        index_update(&self->writer, &before, &after);
    }
    return STATUS_OK;
}

/* Where somebody may look for the answer who comes back. */
static status_t settle(shard_t *self, const request_t *request, const turn_answer_t *given) {
    const hold_t *hold = &given->hold;
    status_t status = STATUS_OK, other = STATUS_OK;
    if (hold->has_session) {
        status =
            answers_settle(self->answers, &self->writer, request->partition, hold->session, hold->id, &given->answer);
    }
    if (hold->expires_ms > 0) {
        other = idempotency_settle(self->idempotency, &self->writer, request, hold, &given->answer);
    }
    return status != STATUS_OK ? status : other;
}

/* To those who waited for this turn, now or when they come back. */
static void answer_others(shard_t *self, const request_t *request) {
    const turn_t *turn = &self->turn;
    request_t waiter;
    for (uint32_t i = 0; i < turn->answer_count; i++) {
        const turn_answer_t *given = &turn->answers[i];
        if (settle(self, request, given) != STATUS_OK) {
            shard_tell(self, request, "a kept answer is damaged, so a retry will not get the one that was given now");
        }
        if (holds_take(self->holds, &given->hold, &waiter)) {
            shard_answer(self, &waiter, &given->answer);
        }
    }
}

status_t shard_run(shard_t *self, const request_t *request, span_t head_key) {
    turn_t *turn = &self->turn;
    const activation_t *activation = NULL;
    status_t status = STATUS_OK;
    self->problems.count = 0;
    if (request->kind->state != NULL) {
        status = activate(self, request->kind, head_key, &activation);
    }
    if (status == STATUS_OK) {
        status = admissible(self, request, activation);
    }
    if (status == STATUS_OK) {
        status = run_in_time(self, request, activation);
    }
    if (status == STATUS_OK) {
        status = check_bounds(self, request);
    }
    if (status == STATUS_OK) {
        status = move_state(self, request, head_key, activation); /* the last that may fail */
    }
    if (status != STATUS_OK) {
        turn_abort(turn);
        return status;
    }
    turn_commit(turn, head_key, self->now_us);
    answer_others(self, request);
    return STATUS_OK;
}
