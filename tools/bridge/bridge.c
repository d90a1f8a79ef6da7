/* SPDX-License-Identifier: MIT */
#include "tools/bridge/bridge.h"

#include <stdlib.h>
#include <time.h>

/* Replies may have more elements than requests. */
enum { REPLY_ELEMENTS_MAX = 4 * ELEMENTS_MAX };

uint64_t bridge_now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

tape_t *bridge_new_tape(void) {
    tape_t *tape = calloc(1, sizeof *tape);
    CHECK(tape != NULL, "out of memory");
    tape->tokens = malloc(REPLY_ELEMENTS_MAX * sizeof(token_t));
    CHECK(tape->tokens != NULL, "out of memory");
    tape->capacity = REPLY_ELEMENTS_MAX;
    return tape;
}

void bridge_free_tape(tape_t **tape_p) {
    if (*tape_p != NULL) {
        free((*tape_p)->tokens);
        free(*tape_p);
        *tape_p = NULL;
    }
}
