/* SPDX-License-Identifier: MIT */
/*
 * users: the actors of one data folder as the clients know them: which of them may be asked, which were touched since
 * they were last read, and what is to be asked next. A few are hot: all clients change them all the time; the others
 * are many, so that they leave memory in between. One thread.
 */
#ifndef DORAN_TESTS_CRASH_USERS_H
#define DORAN_TESTS_CRASH_USERS_H

#include "tests/crash/history.h"
#include "tests/storage/random.h"

typedef struct users users_t;

typedef struct plan { /* a request to be made */
    operation_type_t type;
    uint32_t actor;
    uint64_t value;
} plan_t;

/* Both are borrowed for life. */
users_t *users_new(history_t *history, random_state_t *random);
void users_destroy(users_t **self_p);

/* How many of the requests planned from now on read. */
void users_set_mix(users_t *self, uint32_t reads_per_mille);
/* What some client does next; notes that the actor is touched. */
plan_t users_plan(users_t *self);
/* The actor was made, and this is its key: it may be asked from now on. Again for the same actor: no change. */
void users_made(users_t *self, uint32_t actor, span_t key);
/* The actor is to be read again. */
void users_touch(users_t *self, uint32_t actor);
void users_touch_all(users_t *self);
/* An actor that was touched and may be read; false: there is none. It no longer counts as touched. */
bool users_take_touched(users_t *self, uint32_t *actor);

#endif
