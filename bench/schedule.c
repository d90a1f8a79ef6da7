/* SPDX-License-Identifier: MIT */
/*
 * The gaps of a Poisson process are exponential: minus the logarithm of an even number between 0 and 1.
 */
#include "bench/schedule.h"

#include <math.h>

#include "schemas/check.h"

void schedule_init(schedule_t *self, uint64_t seed, uint64_t begin_us, double rate) {
    CHECK(rate > 0, "rate %g", rate);
    *self = (schedule_t){.random = {.state = seed}, .gap_us = 1e6 / rate, .next_us = (double)begin_us};
    schedule_advance(self);
}

void schedule_advance(schedule_t *self) {
    self->next_us -= log(random_unit(&self->random)) * self->gap_us;
}
