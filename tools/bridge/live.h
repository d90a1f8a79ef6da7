/* SPDX-License-Identifier: MIT */
/*
 * live: the WebSockets of GET /api/v1/live, as API "Live" has it. A visitor is a guest on a socket who listens to rooms
 * and posts; frames are JSON {op, …} as frames.def has them. The loop's thread.
 *
 * Each visitor's posts go one after the other, so they stand in their room in the order in which they came. Who posts
 * faster than that, or sends more frames than FRAMES_PER_S for long, is read no further meanwhile. Who takes less than
 * comes loses subscriptions, each with a `lagged` that says where to go on reading, and nothing else.
 */
#ifndef DORAN_BRIDGE_LIVE_H
#define DORAN_BRIDGE_LIVE_H

#include "tools/bridge/guest.h"
#include "tools/bridge/hub.h"

typedef struct live live_t;

live_t *live_new(bridge_t *bridge);
/* All guests have left. */
void live_destroy(live_t **self_p);
/* WebSockets and streams together: asks all of them to leave, and to come again. */
void live_drain(live_t *self);
uint32_t live_count(const live_t *self);
/* What WebSockets and streams share. */
guests_t *live_guests(live_t *self);
hub_t *live_hub(live_t *self);

#endif
