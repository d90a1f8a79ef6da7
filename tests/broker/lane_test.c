/* SPDX-License-Identifier: MIT */
#include "broker/lane.h"

#include "tests/broker/support.h"

static lane_t lane;

static void start(void) {
    lane_init(&lane, 3);
}
static void stop(void) {
    lane_check(&lane);
    lane_fini(&lane);
}

TestSuite(lane, .init = start, .fini = stop);

static uint64_t next_id = 1;

static bool add_for(lane_user_t user) {
    requests_t *open = lane_open(&lane, 0, user);
    if (open != NULL) {
        requests_add(open, &(request_t){.id = next_id++});
    }
    lane_check(&lane);
    return open != NULL;
}

static bool add(void) {
    return add_for(LANE_CLIENT);
}

static uint64_t fill(lane_user_t user) {
    uint64_t count = 0;
    while (add_for(user)) {
        count++;
    }
    return count;
}

Test(lane, nothing_is_taken_from_an_empty_one) {
    cr_assert_null(lane_take(&lane));
    cr_assert_not_null(lane_open(&lane, 10, LANE_CLIENT));
    cr_assert_null(lane_take(&lane), "an empty buffer stays");
}

enum { OF_CLIENTS = REQUEST_BATCHES_PER_SHARD - LANE_RESERVED };

Test(lane, clients_leave_the_reserved_buffers_to_the_ring) {
    cr_assert_eq(fill(LANE_CLIENT), (uint64_t)OF_CLIENTS * REQUESTS_PER_BATCH_MAX);
    cr_assert(add_for(LANE_RING));
    cr_assert_not(add(), "the buffer that is open now is reserved, however empty it is");
    cr_assert_eq(fill(LANE_RING), (uint64_t)LANE_RESERVED * REQUESTS_PER_BATCH_MAX - 1);
}

Test(lane, clients_wait_until_the_reserved_buffers_are_free_again) {
    fill(LANE_CLIENT);
    fill(LANE_RING);
    for (int home = 1; home <= LANE_RESERVED; home++) {
        requests_t *taken = lane_take(&lane);
        cr_assert_not_null(taken);
        cr_assert_not(add());
        lane_home(&lane, taken);
        cr_assert_not(add(), "%d are free", home);
    }
    lane_home(&lane, lane_take(&lane));
    cr_assert(add());
}

Test(lane, the_last_buffer_stays_to_be_filled) {
    requests_t *taken[REQUEST_BATCHES_PER_SHARD];
    for (int i = 0; i < OF_CLIENTS - 1; i++) {
        cr_assert(add());
        cr_assert_not_null(taken[i] = lane_take(&lane));
        cr_assert_eq(taken[i]->shard, 3);
    }
    cr_assert(add());
    cr_assert(add_for(LANE_RING));
    cr_assert(add());
    cr_assert_null(lane_take(&lane));
    lane_home(&lane, taken[0]);
    cr_assert_not_null(taken[0] = lane_take(&lane));
    cr_assert_eq(taken[0]->count, 3, "what came meanwhile goes together");
}

Test(lane, whoever_fills_it_order_is_kept) {
    uint64_t expected = 1;
    requests_t *taken;
    for (int i = 0; add_for(i % 3 == 0 ? LANE_RING : LANE_CLIENT); i++) {
    }
    fill(LANE_RING);
    cr_assert_null(lane_open(&lane, 0, LANE_RING));
    uint64_t count = next_id - 1;
    cr_assert_eq(count, (uint64_t)REQUEST_BATCHES_PER_SHARD * REQUESTS_PER_BATCH_MAX);
    while (expected <= count) {
        cr_assert_not_null(taken = lane_take(&lane));
        for (uint32_t i = 0; i < taken->count; i++) {
            cr_assert_eq(taken->items[i].id, expected++);
        }
        lane_home(&lane, taken);
    }
    cr_assert_null(lane_take(&lane));
}

Test(lane, bytes_fill_a_buffer_too) {
    static uint8_t body[REQUESTS_BYTES / 2 + 1];
    requests_t *first = lane_open(&lane, sizeof body, LANE_CLIENT);
    requests_add(first, &(request_t){.body = span_of(body, sizeof body)});
    cr_assert_eq(lane_open(&lane, 10, LANE_CLIENT), first);
    cr_assert_neq(lane_open(&lane, sizeof body, LANE_CLIENT), first);
    cr_assert_eq(lane_take(&lane), first);
}
