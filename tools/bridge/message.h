/* SPDX-License-Identifier: MIT */
/*
 * message: what a route asks of an actor, as a record: its fields come from the call's parts, as route.h says. What
 * comes with the request and is no field of it is refused, also if it is a field that comes from elsewhere. Whether the
 * values fit is for the record to say.
 */
#ifndef DORAN_BRIDGE_MESSAGE_H
#define DORAN_BRIDGE_MESSAGE_H

#include "tools/bridge/call.h"

/* Takes the call, whose route has a kind. */
void message_run(call_t *call);

/* For functions of routes: the record from the call's parts. Its texts are valid until the next message is made, or the
   loop goes on. False: refused, and the call is gone. */
bool message_read(call_t *call, const record_t *record, void *out);
/* Sends a message of this method, from JSON, which is taken, and calls done with the reply. Errors end the call. */
void message_send(call_t *call, const char *address, const method_t *method, json_t *request, call_done_fn done);

#endif
