/* SPDX-License-Identifier: MIT */
#include "bench/deliveries.h"

#include "bench/random.h"

uint64_t deliveries_scatter(uint64_t name) {
    return random_next(&(random_source_t){.state = name});
}

void deliveries_begin(deliveries_t *self, uint64_t seq, uint64_t number) {
    *self = (deliveries_t){.seq = seq, .number = number, .base = number};
}

bool deliveries_entry(deliveries_t *self, uint64_t seq) {
    if (self->closed) {
        return false;
    }
    if (seq <= self->seq) {
        self->verdict.doubled += 1;
        return false;
    }
    self->verdict.gaps += seq - self->seq - 1;
    self->seq = seq;
    return true;
}

static void take_number(deliveries_t *self, uint64_t number) {
    self->verdict.reordered += number != self->number + 1;
    self->number = number;
}

void deliveries_post(deliveries_t *self, uint64_t number, uint64_t name) {
    take_number(self, number);
    self->sum += deliveries_scatter(name);
}

void deliveries_close(deliveries_t *self, uint64_t number, const posts_t *posts) {
    verdict_t *verdict = &self->verdict;
    take_number(self, number);
    uint64_t came = number - self->base - 1, asked = posts->acknowledged + posts->unknown; /* without the closing */
    verdict->lost += came < posts->acknowledged ? posts->acknowledged - came : 0;
    verdict->doubled += came > asked ? came - asked : 0;
    verdict->reordered += came == posts->acknowledged && posts->unknown == 0 && self->sum != posts->sum; /* not those */
    self->closed = true;
}
