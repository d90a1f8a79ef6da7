/* SPDX-License-Identifier: MIT */
/*
 * server: a dorand that is started to be killed. It dies with the program that started it. One thread.
 */
#ifndef DORAN_TESTS_CRASH_SERVER_H
#define DORAN_TESTS_CRASH_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SERVER_KILLED = 128 + 9, SERVER_ENDPOINT_BYTES = 256, SERVER_SETTINGS_MAX = 16, SERVER_SETTING_BYTES = 64 };

typedef struct server_options {
    const char *dorand; /* path of the program */
    const char *data;   /* folder */
    const char *output; /* file to which its stderr is appended */
    uint32_t slow_us;   /* its disk is as slow as this, at most (slow_disk.c); 0: as it is */
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

/* Monotonic µs. */
uint64_t server_now_us(void);

#endif
