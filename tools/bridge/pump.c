/* SPDX-License-Identifier: MIT */
#include "tools/bridge/pump.h"

#include <stdlib.h>

enum { TICK_MS = 100, ANSWERS = 0, ALL_ELSE = 1 }; /* priorities */

struct pump {
    doran_t *server;
    struct event *readable, *later, *tick;
};

/* Completions may submit again, so until nothing is ready. */
static void run(evutil_socket_t fd, short events, void *context) {
    const pump_t *self = context;
    (void)fd;
    (void)events;
    while (doran_run(self->server, 0) > 0) {
    }
}

static struct event *add(struct event_base *base, int fd, short events, int priority, const struct timeval *every,
                         pump_t *self) {
    struct event *event = event_new(base, fd, events | EV_PERSIST, run, self);
    CHECK(event != NULL && event_priority_set(event, priority) == 0, "out of memory");
    CHECK((events == 0 && every == NULL) || event_add(event, every) == 0, "no event");
    return event;
}

pump_t *pump_new(bridge_t *bridge) {
    pump_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    struct timeval every = {.tv_usec = TICK_MS * 1000};
    self->server = bridge->server;
    self->readable = add(bridge->base, doran_fd(self->server), EV_READ, ANSWERS, NULL, self);
    self->later = add(bridge->base, -1, 0, ALL_ELSE, NULL, self);
    self->tick = add(bridge->base, -1, 0, ANSWERS, &every, self);
    bridge->pump = self;
    return self;
}

void pump_destroy(pump_t **self_p) {
    pump_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        event_free(self->readable);
        event_free(self->later);
        event_free(self->tick);
        free(self);
    }
}

void pump_wake(pump_t *self) {
    event_active(self->later, 0, 0);
}
