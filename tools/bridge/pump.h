/* SPDX-License-Identifier: MIT */
/*
 * pump: keeps the connection to the server going inside the event loop. What is submitted while requests are read goes
 * out in one frame, once they all are.
 */
#ifndef DORAN_BRIDGE_PUMP_H
#define DORAN_BRIDGE_PUMP_H

#include "tools/bridge/bridge.h"

typedef struct pump pump_t;

/* bridge->server is open, and its base has two priorities. */
pump_t *pump_new(bridge_t *bridge);
void pump_destroy(pump_t **self_p);
/* Something was submitted. */
void pump_wake(pump_t *self);

#endif
