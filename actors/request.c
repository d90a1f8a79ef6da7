/* SPDX-License-Identifier: MIT */
/* Buffers of admitted messages. */
#include "actors/request.h"

#include <sys/mman.h>

requests_t *requests_new(uint16_t shard) {
    requests_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->bytes =
        mmap(NULL, REQUESTS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(self->bytes != MAP_FAILED, "out of memory");
    self->shard = shard;
    return self;
}

void requests_destroy(requests_t **self_p) {
    if (*self_p != NULL) {
        munmap((*self_p)->bytes, REQUESTS_BYTES);
        free(*self_p);
        *self_p = NULL;
    }
}

void requests_reset(requests_t *self) {
    self->count = 0;
    self->next = 0;
    self->bytes_used = 0;
}

bool requests_has_room(const requests_t *self, size_t bytes) {
    return self->count < REQUESTS_PER_BATCH_MAX && bytes <= REQUESTS_BYTES - self->bytes_used;
}

static span_t keep(requests_t *self, span_t bytes) {
    if (bytes.ptr == NULL) {
        return bytes;
    }
    uint8_t *copy = self->bytes + self->bytes_used;
    memcpy(copy, bytes.ptr, bytes.len);
    self->bytes_used += (uint32_t)bytes.len;
    return span_of(copy, bytes.len);
}

size_t request_bytes(const request_t *request) {
    return request->key.len + request->subject.len + request->trace.len + request->chain.len + request->body.len;
}

void requests_add(requests_t *self, const request_t *request) {
    size_t bytes = request_bytes(request);
    CHECK(requests_has_room(self, bytes), "%u messages, %u bytes, %zu more", self->count, self->bytes_used, bytes);
    request_t *copy = &self->items[self->count++];
    *copy = *request;
    copy->key = keep(self, request->key);
    copy->subject = keep(self, request->subject);
    copy->trace = keep(self, request->trace);
    copy->chain = keep(self, request->chain);
    copy->body = keep(self, request->body);
}
