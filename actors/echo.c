/* SPDX-License-Identifier: MIT */
/* echo: answers what it is sent. */
#include "actors/kind.h"
#include "actors/turn.h"

static status_t echo(turn_t *turn, const void *state, const void *request) {
    (void)state;
    return turn_reply(turn, request);
}

static const handler_fn handlers[METHOD_echo_COUNT] = {
    [METHOD_echo_echo] = echo,
};

const actor_t actor_echo = {.kind = "echo", .handlers = handlers, .handler_count = METHOD_echo_COUNT};
