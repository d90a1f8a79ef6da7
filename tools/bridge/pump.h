/* SPDX-License-Identifier: MIT */
/*
 * pump: keeps the connection to the server going inside the event loop. Of what is ready in a round of the loop the
 * server's answers come first; then, in their order, the sockets of clients, and behind them what they made us submit,
 * in one frame. The loop's thread.
 */
#ifndef DORAN_BRIDGE_PUMP_H
#define DORAN_BRIDGE_PUMP_H

#include "tools/bridge/bridge.h"

typedef struct pump pump_t;

/* bridge->server is open, and the base has two priorities, of which events have the second unless they say otherwise.
 */
pump_t *pump_new(bridge_t *bridge);
void pump_destroy(pump_t **self_p);
/* Something was submitted. */
void pump_wake(pump_t *self);

#endif
