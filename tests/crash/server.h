/* SPDX-License-Identifier: MIT */
/*
 * server: a dorand that is started to be killed. It dies with the program that started it. One thread.
 */
#ifndef DORAN_TESTS_CRASH_SERVER_H
#define DORAN_TESTS_CRASH_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "schemas/span.h"
#include "tests/storage/random.h"

enum {
    SERVER_KILLED = 128 + 9,
    SERVER_ENDPOINT_BYTES = 256,
    SERVER_SETTINGS_MAX = 16,
    SERVER_SETTING_BYTES = 64,
    SERVER_DISKS = 4,
    SERVER_END_BYTES = 512,
};

typedef struct server_options {
    const char *dorand; /* path of the program */
    const char *data;   /* folder */
    const char *output; /* file to which its stderr is appended */
    size_t disk;        /* which of SERVER_DISKS it has, slow or not (slow_disk.c); 0: as it is */
    char settings[SERVER_SETTINGS_MAX][SERVER_SETTING_BYTES]; /* NAME=VALUE; an empty one ends them */
} server_options_t;

typedef struct server { /* for embedding */
    pid_t pid;          /* 0: none runs */
    int process;        /* descriptor, readable when it has ended */
    int lines;          /* its stdout */
    uint64_t started_us;
    char first_line[1024];
    size_t first_line_bytes;
    char tcp[SERVER_ENDPOINT_BYTES]; /* where it listens, once it is ready */
} server_t;

typedef enum server_state { SERVER_STARTING, SERVER_READY, SERVER_ENDED } server_state_t;

/* Chooses the disk, and settings in place of those before: small bounds, so that segments change and the applier works
   all the time, and recovery meets tails of every size. */
void server_choose(server_options_t *options, random_state_t *random);
/* One setting more. */
void server_set(server_options_t *options, const char *name, size_t value);
/* A call to the disk takes up to so much longer. */
uint32_t server_disk_us(const server_options_t *options);

void server_start(server_t *self, const server_options_t *options);
/* Waits until it is ready or has ended, or the time is up: then it is still starting. */
server_state_t server_wait(server_t *self, uint64_t timeout_us);
/* Kills it at once and waits until the kernel has taken it apart: locks and sockets are free again. How it ended:
   SERVER_KILLED, or what it was faster to do by itself (see server_ended). */
int server_kill(server_t *self);
/* Asks it to stop and waits. Its exit code; 128 + signal; -1: it does not, and was killed. */
int server_stop(server_t *self, uint64_t timeout_us);
/* How it ended that ended by itself, as server_stop says it. Only after SERVER_ENDED. */
int server_ended(server_t *self);
/* How it ended, as those say it, in words, with the last line that it said. */
void server_tell_end(const server_options_t *options, int code, char text[SERVER_END_BYTES]);

/* Monotonic µs. */
uint64_t server_now_us(void);

/* Is that the account which the server makes for itself? Its key is the only one that is a UUIDv8. */
static inline bool server_is_first_admin(span_t key) {
    enum { UUID_BYTES = 36, VERSION_AT = 14 };
    return key.len == UUID_BYTES && key.ptr[VERSION_AT] == '8';
}

#endif
