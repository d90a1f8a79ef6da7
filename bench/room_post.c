/* SPDX-License-Identifier: MIT */
/* room-post: how many posts a second become durable while their rooms are listened to; latency is that of the posts. */
#include "bench/rooms.h"

const workload_t room_post_workload = {.name = "room-post",
                                       .prepare = rooms_prepare,
                                       .submit = rooms_submit,
                                       .answered = rooms_answered,
                                       .judge = rooms_judge,
                                       .clean = rooms_clean};
