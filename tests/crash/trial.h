/* SPDX-License-Identifier: MIT */
/*
 * trial: what the checks of crash-kinds share: connections that outlive the server's deaths, requests made of records,
 * chance, and a place to say what was wrong. A check is a table of functions, one source for each kind of thing
 * (kinds_*.c): it sets up, makes requests while the server is killed again and again, and judges when all is answered.
 * One thread.
 */
#ifndef DORAN_TESTS_CRASH_TRIAL_H
#define DORAN_TESTS_CRASH_TRIAL_H

#include "schemas/list.h"
#include "schemas/records.h"
#include "tests/storage/random.h"
#include "tools/client/doran.h"

enum {
    TRIAL_CONNECTIONS = 3, /* by tcp with CURVE, by ipc, and by tcp again */
    TRIAL_ADDRESS_BYTES = KIND_BYTES_MAX + KEY_BYTES_MAX + 2,
};

typedef struct trial trial_t;

typedef struct trial_options {
    const char *data; /* folder of the server */
    random_state_t *random;
    void (*report)(void *context, const char *line); /* of a failure */
    void *context;
} trial_options_t;

typedef struct check {
    const char *name;
    void *(*create)(trial_t *trial);
    /* Once, on a server that is not killed meanwhile; may call. False: it failed, and said so. */
    bool (*set_up)(void *self);
    /* The server has come up again. */
    void (*come_back)(void *self);
    /* Often, under load: makes new requests where there is room. */
    void (*fill)(void *self);
    /* All is answered, and the server stays: says what is not as it should be; may call. */
    void (*judge)(void *self);
    /* In one line, after judging, what was done. */
    void (*tell)(const void *self, char *line, size_t line_bytes);
    void (*destroy)(void *self);
} check_t;

extern const check_t check_rooms, check_orders, check_accounts, check_jobs, check_stored;

/* The options' pointers are borrowed for life. NULL: one sentence in error. The server need not run yet, but must have
   run before. */
trial_t *trial_open(const trial_options_t *options, char *error, size_t error_bytes);
void trial_close(trial_t **self_p);

/* what: the caller's own number of the request. */
typedef void (*trial_done_fn)(void *context, uint32_t what, const doran_reply_t *reply);
/* Sends a request, which is never given up. The method's name is borrowed until it is answered. False: no room for it,
   nothing was sent. */
bool trial_submit(trial_t *self, size_t connection, const char *address, const char *method, const record_t *record,
                  const void *request, trial_done_fn done, void *context, uint32_t what);
/* The same on behalf of a user, by a doran_t that doran_as gave. */
bool trial_submit_as(trial_t *self, doran_t *user, const char *address, const char *method, const record_t *record,
                     const void *request, trial_done_fn done, void *context, uint32_t what);
/* Sends a request and waits. With DORAN_OK the reply is decoded, and good until the next call. A reply that does not
   fit its record is a failure, and DORAN_INTERNAL. */
doran_code_t trial_call(trial_t *self, const char *address, const char *method, const record_t *record,
                        const void *request, const record_t *reply_record, void *reply);
/* Asks all shards; each gets every answer. False: it failed, and that was said. */
bool trial_query(trial_t *self, const char *kind, const char *method, const record_t *record, const void *request,
                 doran_done_fn each, void *context);
/* Decodes the body of a reply, or of an event; false: it does not fit, and that was said. */
bool trial_read(trial_t *self, const uint8_t *body, size_t body_bytes, const record_t *record, void *out);

/* Something is wrong. who: the check's name. */
PRINTF_LIKE(3, 4) void trial_fail(trial_t *self, const char *who, const char *format, ...);
/* Something acknowledged is gone: the same, and counted apart. */
PRINTF_LIKE(3, 4) void trial_lost(trial_t *self, const char *who, const char *format, ...);
/* An answer that must not be; who asked for what. */
void trial_unexpected(trial_t *self, const char *who, const char *what, const doran_reply_t *reply);

size_t trial_below(trial_t *self, size_t limit);
/* ms since 1970. */
uint64_t trial_wall_ms(void);
doran_t *trial_connection(trial_t *self, size_t connection);
/* Does what is to be done now on all connections. */
void trial_step(trial_t *self);
/* Works for so long. */
void trial_run(trial_t *self, uint32_t ms);

uint32_t trial_in_flight(const trial_t *self);
/* The methods of which some are in flight. */
void trial_tell_waiting(const trial_t *self, char *text, size_t bytes);
uint64_t trial_acknowledged(const trial_t *self); /* requests answered with OK */
uint64_t trial_answered(const trial_t *self);
uint64_t trial_failures(const trial_t *self); /* with those below */
uint64_t trial_losses(const trial_t *self);
/* How many kills there were, for what is said. */
void trial_killed(trial_t *self);

#endif
