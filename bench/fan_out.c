/* SPDX-License-Identifier: MIT */
/* fan-out: how long a post takes to each of the many who listen; latency is that of the deliveries. */
#include "bench/rooms.h"

const workload_t fan_out_workload = {.name = "fan-out",
                                     .prepare = rooms_prepare_clocked,
                                     .submit = rooms_submit,
                                     .answered = rooms_answered,
                                     .judge = rooms_judge,
                                     .clean = rooms_clean,
                                     .listens = true};
