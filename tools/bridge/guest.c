/* SPDX-License-Identifier: MIT */
#include "tools/bridge/guest.h"

#include <stdlib.h>

#include "tools/bridge/milliseconds.h"

enum { UNKNOWN_MS = 5000, PERSON_GUESTS_MAX = 16 };

TAILQ_HEAD(guest_list, guest);

struct guests {
    bridge_t *bridge;
    struct guest_list all;
    uint32_t count;
};

guests_t *guests_new(bridge_t *bridge) {
    guests_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->bridge = bridge;
    TAILQ_INIT(&self->all);
    return self;
}

void guests_destroy(guests_t **self_p) {
    guests_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        CHECK(self->count == 0, "%u are left", self->count);
        free(self);
    }
}

void guests_drain(guests_t *self) {
    guest_t *guest;
    while ((guest = TAILQ_FIRST(&self->all)) != NULL) {
        guest->leave(guest, PARTING_STOPPING);
    }
}

uint32_t guests_count(const guests_t *self) {
    return self->count;
}

/* Time is up: either to say who that is, or the token's. */
static void time_out(evutil_socket_t fd, short events, void *context) {
    guest_t *self = context;
    (void)fd;
    (void)events;
    self->leave(self, self->person == NULL ? PARTING_UNKNOWN : PARTING_EXPIRED);
}

static parting_t parting_of(doran_code_t ended) {
    return people_ends_session(ended) ? PARTING_ENDED : PARTING_CROWDED;
}

static void end(void *context, doran_code_t code) {
    guest_t *self = context;
    self->watcher.ended = NULL;
    self->leave(self, parting_of(code));
}

static void stay(guest_t *self, uint64_t ms) {
    struct timeval limit = milliseconds(ms);
    event_add(self->timer, &limit);
}

bool guest_init(guest_t *self, guests_t *set, guest_leave_fn leave) {
    *self = (guest_t){.set = set, .leave = leave};
    if (set->bridge->draining || set->count >= set->bridge->settings.sockets_max) {
        return false;
    }
    self->timer = event_new(set->bridge->base, -1, 0, time_out, self);
    CHECK(self->timer != NULL, "out of memory");
    TAILQ_INSERT_TAIL(&set->all, self, in_set);
    set->count += 1;
    stay(self, UNKNOWN_MS);
    return true;
}

void guest_fini(guest_t *self) {
    TAILQ_REMOVE(&self->set->all, self, in_set);
    self->set->count -= 1;
    event_free(self->timer);
    if (self->watcher.ended != NULL) {
        people_unwatch(&self->watcher);
    }
    people_release(&self->person);
}

static void stay_until_expiry(guest_t *self, const person_t *person) {
    uint64_t now_ms = bridge_now_ms(), expires_ms = people_expires_ms(person);
    stay(self, expires_ms > now_ms ? expires_ms - now_ms : 0);
}

bool guest_enter(guest_t *self, person_t *person, parting_t *parting) {
    if (people_watchers(person) >= PERSON_GUESTS_MAX) {
        *parting = PARTING_CROWDED;
        return false;
    }
    if (people_ended(person) != DORAN_OK) {
        *parting = parting_of(people_ended(person));
        return false;
    }
    self->person = people_hold(person);
    self->watcher = (watcher_t){.ended = end, .context = self};
    people_watch(person, &self->watcher);
    stay_until_expiry(self, person);
    return true;
}

bool guest_show(guest_t *self, span_t token, parting_t *parting) {
    const char *why = NULL;
    bool stays = false;
    person_t *person = people_find(self->set->bridge->people, token, &why);
    if (person == NULL) {
        *parting = why == NULL ? PARTING_CROWDED : strcmp(why, "expired") == 0 ? PARTING_EXPIRED : PARTING_BREACH;
    } else if (self->person == NULL) {
        stays = guest_enter(self, person, parting);
    } else if (self->person == person) {
        stay_until_expiry(self, person);
        stays = true;
    } else {
        *parting = PARTING_BREACH;
    }
    people_release(&person);
    return stays;
}
