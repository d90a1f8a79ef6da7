/* SPDX-License-Identifier: MIT */
/*
 * sdk: a client as programs are meant to be: on doran.h, which reconnects, keeps its session and sends again by itself.
 * Opened once for all lives of a server. One thread.
 */
#ifndef DORAN_TESTS_CRASH_SDK_H
#define DORAN_TESTS_CRASH_SDK_H

#include "tests/crash/users.h"

typedef struct sdk sdk_t;

typedef struct sdk_options {
    history_t *history;
    users_t *users;
    const char *data; /* folder of the server */
    const char *name;
    bool tcp; /* else ipc where there is one */
    uint32_t window;
} sdk_options_t;

/* All pointers are borrowed for life. NULL: one sentence in error. */
sdk_t *sdk_open(const sdk_options_t *options, char *error, size_t error_bytes);
void sdk_close(sdk_t **self_p);

/* Submits new requests until the window is full. */
void sdk_fill(sdk_t *self);
/* Does what is to be done now. */
void sdk_step(sdk_t *self);
/* Readable when there is something to do. */
int sdk_fd(sdk_t *self);
uint32_t sdk_unanswered(const sdk_t *self);
/* Requests that it gave up: it does not know what became of them. */
uint64_t sdk_given_up(const sdk_t *self);
/* Asks the server for all its users, page by page, and puts them into the history. False: a sentence in error. */
bool sdk_list(sdk_t *self, char *error, size_t error_bytes);

#endif
