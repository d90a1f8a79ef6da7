/* SPDX-License-Identifier: MIT */
#include "tools/bridge/bridge.h"

#include <stdlib.h>

/* Replies may have more elements than requests. */
enum { REPLY_ELEMENTS_MAX = 4 * ELEMENTS_MAX };

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
