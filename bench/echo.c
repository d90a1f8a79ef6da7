/* SPDX-License-Identifier: MIT */
/*
 * echo: each request carries who sent it and which it is, and then filler; what comes back must be the same.
 */
#include "bench/workload.h"

#include <stdio.h>

#include "schemas/address.h"

static void put_u64(uint8_t *to, size_t room, uint64_t value) {
    for (size_t i = 0; i < 8 && i < room; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

/* The payload of a request, made again when its answer comes. */
static void fill(const worker_t *self, uint64_t number, uint8_t *payload, size_t size) {
    memset(payload, 'e', size);
    put_u64(payload, size, number);
    if (size > 8) {
        put_u64(payload + 8, size - 8, self->index);
    }
}

static pack_t pack_request(worker_t *self, uint64_t number) {
    uint32_t size = self->options->size;
    uint8_t *payload = self->request + self->request_bytes - size;
    fill(self, number, payload, size);
    pack_t body = pack_into(self->request, self->request_bytes - size);
    pack_map(&body, 1);
    pack_cstring(&body, "data");
    pack_binary(&body, span_of(payload, size));
    return body;
}

static doran_code_t submit(worker_t *self, slot_t *slot) {
    char address[KIND_BYTES_MAX + KEY_BYTES_MAX];
    slot->actor = random_below(&self->random, self->actors);
    snprintf(address, sizeof address, "echo/bench-%07u", worker_actor(self, slot->actor));
    pack_t body = pack_request(self, slot->number);
    return worker_submit(self, slot, address, "echo", &body, 0);
}

static void answered(worker_t *self, const slot_t *slot, const doran_reply_t *reply) {
    if (reply->code != DORAN_OK) {
        return;
    }
    pack_t body = pack_request(self, slot->number);
    if (!span_equal(pack_bytes(&body), span_of(reply->body, reply->body_bytes))) {
        self->verdict.reordered += 1; /* the answer to another request */
    }
}

const workload_t echo_workload = {.name = "echo", .submit = submit, .answered = answered};
