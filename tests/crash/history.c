/* SPDX-License-Identifier: MIT */
/* A few arrays that only grow: a data folder of the crash test sees some hundred thousand requests, then goes. */
#include "tests/crash/history.h"

/* The element at `count`, with room made for it. */
#define GROW(array, count, capacity)                                                                                   \
    ((count) < (capacity) ? (void)0 : (void)((array) = grow((array), &(capacity), sizeof *(array))),                   \
     &(array)[(count)++])

static void *grow(void *array, size_t *capacity, size_t bytes) {
    *capacity = *capacity == 0 ? 1024 : *capacity * 2;
    void *grown = realloc(array, *capacity * bytes);
    CHECK(grown != NULL, "out of memory for %zu elements", *capacity);
    return grown;
}

history_t *history_new(void) {
    history_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    return self;
}

void history_destroy(history_t **self_p) {
    history_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    free(self->operations);
    free(self->repeats);
    free(self->actors);
    free(self->rows);
    free(self);
    *self_p = NULL;
}

uint16_t history_add_client(history_t *self, const char *name) {
    CHECK(self->client_count < HISTORY_CLIENTS_MAX, "%u clients", self->client_count);
    history_client_t *client = &self->clients[self->client_count];
    snprintf(client->name, sizeof client->name, "%s", name);
    return self->client_count++;
}

void history_set_session(history_t *self, uint16_t client, const uint8_t session[SESSION_BYTES]) {
    memcpy(self->clients[client].session, session, SESSION_BYTES);
}

void history_set_key(history_t *self, uint32_t actor, span_t key) {
    CHECK(key.len < HISTORY_KEY_BYTES, "a key of %zu bytes", key.len);
    memcpy(self->actors[actor], key.ptr, key.len);
    self->actors[actor][key.len] = 0;
}

uint32_t history_add_actor(history_t *self, const char *key) {
    char(*added)[HISTORY_KEY_BYTES] = GROW(self->actors, self->actor_count, self->actor_capacity);
    (*added)[0] = 0;
    uint32_t actor = (uint32_t)self->actor_count - 1;
    if (key != NULL) {
        history_set_key(self, actor, span_text(key));
    }
    return actor;
}

void history_killed(history_t *self) {
    self->life++;
}

uint32_t history_invoke(history_t *self, uint16_t client, uint64_t id, operation_type_t type, uint32_t actor,
                        uint64_t value) {
    CHECK(actor < self->actor_count, "actor %u", actor);
    operation_t *operation = GROW(self->operations, self->operation_count, self->operation_capacity);
    *operation = (operation_t){.invoked = ++self->moment,
                               .id = id,
                               .value = value,
                               .actor = actor,
                               .client = client,
                               .life = self->life,
                               .type = type};
    return (uint32_t)self->operation_count - 1;
}

void history_sent_again(history_t *self, uint32_t operation) {
    self->operations[operation].again = true;
}

void history_answer(history_t *self, uint32_t operation, const answer_t *answer) {
    operation_t *answered = &self->operations[operation];
    if (answered->completed == 0) {
        answered->completed = ++self->moment;
        answered->answer = *answer;
        return;
    }
    repeat_t *repeat = GROW(self->repeats, self->repeat_count, self->repeat_capacity);
    *repeat = (repeat_t){.operation = operation, .answer = *answer};
}

void history_row(history_t *self, span_t key, uint64_t version) {
    history_row_t *row = GROW(self->rows, self->row_count, self->row_capacity);
    size_t len = key.len < HISTORY_KEY_BYTES ? key.len : HISTORY_KEY_BYTES - 1;
    *row = (history_row_t){.version = version};
    memcpy(row->key, key.ptr, len);
}

void history_listed(history_t *self) {
    self->listed = true;
}
