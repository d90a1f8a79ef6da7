/* SPDX-License-Identifier: MIT */
#include "tests/crash/users.h"

#include <inttypes.h>

enum {
    HOT = 12,
    CREATES_PER_MILLE = 25, /* of the writes */
};

typedef struct numbers { /* a growing array of actors */
    uint32_t *items;
    size_t count, capacity;
} numbers_t;

struct users {
    history_t *history;
    random_state_t *random;
    numbers_t made;    /* may be asked */
    numbers_t touched; /* each once */
    numbers_t marks;   /* per actor: MADE | TOUCHED */
    uint64_t value;    /* given out last */
    size_t reads_per_mille;
};

enum { MADE = 1, TOUCHED = 2 };

static void push(numbers_t *self, uint32_t item) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 256 : 2 * self->capacity;
        self->items = realloc(self->items, self->capacity * sizeof *self->items);
        CHECK(self->items != NULL, "out of memory for %zu actors", self->capacity);
    }
    self->items[self->count++] = item;
}

users_t *users_new(history_t *history, random_state_t *random) {
    users_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->history = history;
    self->random = random;
    return self;
}

void users_destroy(users_t **self_p) {
    users_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    free(self->made.items);
    free(self->touched.items);
    free(self->marks.items);
    free(self);
    *self_p = NULL;
}

static uint32_t *mark_of(users_t *self, uint32_t actor) {
    while (self->marks.count <= actor) {
        push(&self->marks, 0);
    }
    return &self->marks.items[actor];
}

void users_touch(users_t *self, uint32_t actor) {
    uint32_t *mark = mark_of(self, actor);
    if ((*mark & TOUCHED) == 0) {
        *mark |= TOUCHED;
        push(&self->touched, actor);
    }
}

void users_touch_all(users_t *self) {
    for (size_t i = 0; i < self->made.count; i++) {
        users_touch(self, self->made.items[i]);
    }
}

void users_made(users_t *self, uint32_t actor, span_t key) {
    uint32_t *mark = mark_of(self, actor);
    if ((*mark & MADE) == 0) {
        *mark |= MADE;
        push(&self->made, actor);
        history_set_key(self->history, actor, key);
        users_touch(self, actor);
    }
}

bool users_take_touched(users_t *self, uint32_t *actor) {
    for (size_t i = self->touched.count; i-- > 0;) {
        uint32_t taken = self->touched.items[i];
        if ((*mark_of(self, taken) & MADE) != 0) {
            *mark_of(self, taken) &= ~(uint32_t)TOUCHED;
            self->touched.items[i] = self->touched.items[--self->touched.count];
            *actor = taken;
            return true;
        }
    }
    return false;
}

/* Half of the new actors have a key that the client chose, the others get theirs from the server. */
static uint32_t new_actor(users_t *self) {
    char key[HISTORY_KEY_BYTES];
    snprintf(key, sizeof key, "chosen-%" PRIu64, self->value);
    return history_add_actor(self->history, random_below(self->random, 2) == 0 ? key : NULL);
}

void users_set_mix(users_t *self, uint32_t reads_per_mille) {
    self->reads_per_mille = reads_per_mille;
}

plan_t users_plan(users_t *self) {
    plan_t plan = {.type = OPERATION_UPDATE, .value = ++self->value};
    bool read = random_below(self->random, 1000) < self->reads_per_mille;
    if (self->made.count == 0 || (!read && random_below(self->random, 1000) < CREATES_PER_MILLE)) {
        plan.type = OPERATION_CREATE;
        plan.actor = new_actor(self);
        return plan;
    }
    if (read) {
        plan.type = OPERATION_READ;
    }
    bool hot = random_below(self->random, 2) == 0;
    size_t among = hot && self->made.count > HOT ? HOT : self->made.count;
    plan.actor = self->made.items[random_below(self->random, among)];
    users_touch(self, plan.actor);
    return plan;
}
