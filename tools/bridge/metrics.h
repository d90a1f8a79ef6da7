/* SPDX-License-Identifier: MIT */
/* metrics: what is counted about requests, and all of it in the text format of Prometheus. The loop's thread. */
#ifndef DORAN_BRIDGE_METRICS_H
#define DORAN_BRIDGE_METRICS_H

#include "tools/bridge/bridge.h"
#include "tools/bridge/route.h"

typedef struct metrics metrics_t;

metrics_t *metrics_new(void);
void metrics_destroy(metrics_t **self_p);
/* route NULL: none was found, or it was no request. */
void metrics_count(metrics_t *self, const route_t *route, int status, uint64_t duration_us);
/* Appends everything there is to say of this bridge. */
void metrics_print(const metrics_t *self, const bridge_t *bridge, struct evbuffer *to);

#endif
