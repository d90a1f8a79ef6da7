/* SPDX-License-Identifier: MIT */
/* message: a route that is one message to one actor, from the call's parts as route.h says. */
#ifndef DORAN_BRIDGE_MESSAGE_H
#define DORAN_BRIDGE_MESSAGE_H

#include "tools/bridge/call.h"

/* Takes the call, whose route has a kind. */
void message_run(call_t *call);

#endif
