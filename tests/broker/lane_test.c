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

static bool add(void) {
    requests_t *open = lane_open(&lane, 0);
    if (open != NULL) {
        requests_add(open, &(request_t){.id = next_id++});
    }
    lane_check(&lane);
    return open != NULL;
}

Test(lane, nothing_is_taken_from_an_empty_one) {
    cr_assert_null(lane_take(&lane));
    cr_assert_not_null(lane_open(&lane, 10));
    cr_assert_null(lane_take(&lane), "an empty buffer stays");
}

Test(lane, the_last_buffer_stays_to_be_filled) {
    requests_t *taken[REQUEST_BATCHES_PER_SHARD];
    for (int i = 0; i < REQUEST_BATCHES_PER_SHARD - 1; i++) {
        cr_assert(add());
        cr_assert_not_null(taken[i] = lane_take(&lane));
        cr_assert_eq(taken[i]->shard, 3);
    }
    cr_assert(add());
    cr_assert(add());
    cr_assert_null(lane_take(&lane));
    lane_home(&lane, taken[0]);
    cr_assert_not_null(taken[0] = lane_take(&lane));
    cr_assert_eq(taken[0]->count, 2, "what came meanwhile goes together");
}

Test(lane, when_all_are_full_there_is_none_and_order_is_kept) {
    uint64_t count = 0, expected = 1;
    requests_t *taken;
    while (add()) {
        count++;
    }
    cr_assert_eq(count, (uint64_t)REQUEST_BATCHES_PER_SHARD * REQUESTS_PER_BATCH_MAX);
    cr_assert_null(lane_open(&lane, 0));
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
    requests_t *first = lane_open(&lane, sizeof body);
    requests_add(first, &(request_t){.body = span_of(body, sizeof body)});
    cr_assert_eq(lane_open(&lane, 10), first);
    cr_assert_neq(lane_open(&lane, sizeof body), first);
    cr_assert_eq(lane_take(&lane), first);
}
