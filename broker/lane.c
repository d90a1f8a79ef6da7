/* SPDX-License-Identifier: MIT */
/* Three small lists of pointers; the buffers do not move. */
#include "broker/lane.h"

void lane_init(lane_t *self, uint16_t shard) {
    *self = (lane_t){0};
    while (self->free_count < REQUEST_BATCHES_PER_SHARD) {
        self->all[self->free_count] = self->free[self->free_count] = requests_new(shard);
        self->free_count++;
    }
}

void lane_fini(lane_t *self) {
    for (uint32_t i = 0; i < REQUEST_BATCHES_PER_SHARD; i++) {
        requests_destroy(&self->all[i]);
    }
}

requests_t *lane_open(lane_t *self, size_t bytes, lane_user_t user) {
    uint32_t reserved = user == LANE_CLIENT ? LANE_RESERVED : 0;
    if (self->open != NULL && requests_has_room(self->open, bytes) && self->free_count >= reserved) {
        return self->open;
    }
    if (self->free_count <= reserved) {
        return NULL;
    }
    if (self->open != NULL) {
        self->ready[self->ready_count++] = self->open;
    }
    self->open = self->free[--self->free_count];
    CHECK(requests_has_room(self->open, bytes), "a request of %zu bytes", bytes);
    return self->open;
}

requests_t *lane_take(lane_t *self) {
    requests_t *taken = NULL;
    if (self->ready_count > 0) {
        taken = self->ready[0];
        self->ready_count--;
        memmove(self->ready, self->ready + 1, self->ready_count * sizeof self->ready[0]);
    } else if (self->open != NULL && self->open->count > 0 && self->free_count > LANE_RESERVED) {
        taken = self->open;
        self->open = NULL;
    }
    return taken;
}

void lane_home(lane_t *self, requests_t *requests) {
    CHECK(self->free_count < REQUEST_BATCHES_PER_SHARD, "a buffer of shard %u came home twice", requests->shard);
    requests_reset(requests);
    self->free[self->free_count++] = requests;
}

void lane_check(const lane_t *self) {
    CHECK(self->free_count + self->ready_count + (self->open != NULL) <= REQUEST_BATCHES_PER_SHARD, "%u free, %u ready",
          self->free_count, self->ready_count);
    for (uint32_t i = 0; i < self->free_count; i++) {
        CHECK(self->free[i]->count == 0 && self->free[i] != self->open, "buffer %u is not free", i);
    }
    for (uint32_t i = 0; i < self->ready_count; i++) {
        CHECK(self->ready[i]->count > 0 && self->ready[i] != self->open, "buffer %u is not full", i);
    }
}
