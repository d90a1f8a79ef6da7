/* SPDX-License-Identifier: MIT */
/*
 * Every event once and in order, whatever happens: a random schedule of publishing, lost connections, restarts,
 * restored copies, lagged, ended handles, repeated events, lost and refused requests, and users that come and go. The
 * fixture looks at each event; at the end nobody may be behind.
 */
#include "tests/tools/client/live_fixture.h"

#include "tests/storage/random.h"

enum { RANDOM_ROOMS = 5, RANDOM_USERS = 3, RANDOM_STEPS = 4000 };

typedef struct world {
    rooms_t *rooms;
    doran_t *client;
    user_t users[RANDOM_USERS];
    watch_t watches[RANDOM_USERS + 1][RANDOM_ROOMS];
    random_state_t random;
} world_t;

static random_state_t *mischief_random;

/* Loses, repeats and refuses some requests. */
static bool some_mischief(rooms_t *self, const fake_request_t *request) {
    switch (random_below(mischief_random, 24)) {
    case 0:
        return true; /* lost: it, or its answer; it will be sent again */
    case 1:
        rooms_answer(self, request);
        return false; /* answered twice */
    case 2:
        fake_fail(self->server, request->id, STATUS_BUSY, 1);
        return true;
    default:
        return false;
    }
}

static void start_or_leave(world_t *self) {
    uint32_t user = (uint32_t)random_below(&self->random, RANDOM_USERS + 1);
    uint32_t room = (uint32_t)random_below(&self->random, RANDOM_ROOMS);
    watch_t *watch = &self->watches[user][room];
    if (watch->subscription != NULL) {
        doran_unsubscribe(&watch->subscription);
    } else {
        watch_start(watch, user < RANDOM_USERS ? self->users[user].client : self->client, room);
    }
}

/* A user goes with all of its subscriptions, and comes back. */
static void start_anew(world_t *self) {
    size_t user = random_below(&self->random, RANDOM_USERS);
    doran_close(&self->users[user].client);
    for (uint32_t room = 0; room < RANDOM_ROOMS; room++) {
        self->watches[user][room].subscription = NULL;
    }
    user_start(&self->users[user], self->client);
}

static void interrupt(world_t *self) {
    rooms_t *rooms = self->rooms;
    uint32_t room = (uint32_t)random_below(&self->random, RANDOM_ROOMS);
    size_t chance = random_below(&self->random, 1000);
    if (chance < 2) {
        fake_die(rooms->server);
        fake_bind(rooms->server);
    } else if (chance < 3) {
        rooms_restore(rooms);
    } else if (chance < 10) {
        rooms_forget(rooms);
    } else if (chance < 40 && rooms->handle_count > 0) {
        rooms_end_handle(rooms, (uint32_t)random_below(&self->random, rooms->handle_count), true);
    } else if (chance < 45) {
        start_anew(self);
    } else if (chance < 100) {
        start_or_leave(self);
    } else if (chance < 160) {
        rooms_lag(rooms, room);
    } else {
        rooms_tell_lag(rooms, room);
    }
}

static void random_step(world_t *self) {
    rooms_t *rooms = self->rooms;
    uint32_t room = (uint32_t)random_below(&self->random, RANDOM_ROOMS);
    for (size_t burst = random_below(&self->random, 16) == 0 ? 40 : 1; burst > 0; burst--) {
        rooms_publish(rooms, room, random_below(&self->random, 50) == 0);
    }
    if (random_below(&self->random, 10) == 0 && rooms->rooms[room].seq > 3 && rooms->server->peer_bytes > 0) {
        rooms_repeat(rooms, room, rooms->rooms[room].seq - random_below(&self->random, 3));
    }
    if (random_below(&self->random, 5) == 0) {
        interrupt(self);
    }
    if (random_below(&self->random, 3) > 0) {
        doran_run(self->client, random_below(&self->random, 3) == 0);
    }
    if (random_below(&self->random, 3) > 0) {
        rooms_step(rooms);
    }
}

/* Whatever it was told of last, nothing is missing behind it once the server is at peace. */
static void assert_complete(world_t *self) {
    rooms_t *rooms = self->rooms;
    doran_t *client = self->client;
    rooms->mischief = NULL;
    for (uint32_t room = 0; room < RANDOM_ROOMS; room++) {
        rooms_tell_lag(rooms, room);
        rooms_publish(rooms, room, false); /* shows those that were lost */
    }
    for (uint32_t user = 0; user <= RANDOM_USERS; user++) {
        for (uint32_t room = 0; room < RANDOM_ROOMS; room++) {
            watch_t *watch = &self->watches[user][room];
            cr_assert_eq(watch->ended, 0, "ended with %s", doran_code_name(watch->code));
            LIVE_UNTIL(watch->subscription == NULL || (watch->last.seq == rooms->rooms[room].seq &&
                                                       watch->last.log_epoch == rooms->log_epoch && watch->on));
        }
    }
}

Test(subscription_random, every_event_once_and_in_order_whatever_happens) {
    static world_t world;
    uint64_t events = 0, on_again = 0, resets = 0;
    world.random = random_start("subscription_random");
    mischief_random = &world.random;
    world.rooms = rooms_new(RANDOM_ROOMS);
    world.rooms->server->heartbeat_ms = 20;
    world.client = open_client(world.rooms->server, (doran_options_t){0});
    for (uint32_t i = 0; i < RANDOM_USERS; i++) {
        user_start(&world.users[i], world.client);
    }
    for (int part = 0; part < 4; part++) {
        world.rooms->mischief = some_mischief;
        for (int i = 0; i < RANDOM_STEPS; i++) {
            random_step(&world);
        }
        assert_complete(&world);
    }
    for (uint32_t i = 0; i < (RANDOM_USERS + 1) * RANDOM_ROOMS; i++) {
        const watch_t *watch = &world.watches[0][0] + i;
        events += watch->events;
        on_again += watch->subscribed;
        resets += watch->resets;
    }
    fprintf(stderr, "subscription_random: %lu events, on again %lu times, %lu resets, %u openings\n", events, on_again,
            resets, world.rooms->opens);
    cr_expect_gt(events, 1000);
    cr_expect_gt(on_again, 10);
    for (uint32_t i = 0; i < RANDOM_USERS; i++) {
        cr_expect_eq(world.users[i].failed, 0);
        doran_close(&world.users[i].client);
    }
    doran_close(&world.client);
    rooms_destroy(world.rooms);
}
