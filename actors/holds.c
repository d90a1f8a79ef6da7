/* SPDX-License-Identifier: MIT */
/*
 * A waiter is in a table by its name and in a binary heap by its deadline. Waiters that are alike in time come and go
 * mostly at the ends, but the deadlines are the clients' own, so a list would not do.
 */
#include "actors/holds.h"

#include <xxhash.h>

#include "storage/little_endian.h"

#define HASH_FUNCTION(key, bytes, hash) (hash) = (unsigned)XXH3_64bits(key, bytes)
#include <uthash.h>

enum { /* of a token */
       SESSION_AT = 1,
       ID_AT = SESSION_AT + SESSION_BYTES,
       PEER_AT = ID_AT + 8,
       PEER_NUMBER_AT = PEER_AT + 4,
       IDEMPOTENCY_AT = PEER_NUMBER_AT + 8,
       EXPIRES_AT = IDEMPOTENCY_AT + IDEMPOTENCY_BYTES,
       REST_AT = EXPIRES_AT + 8,
       HEAP_FIRST = 64, /* capacity */
};

typedef struct name { /* without padding: it is hashed as bytes */
    uint8_t session[SESSION_BYTES];
    uint64_t id;
    uint64_t peer_number; /* 0 with a session */
    uint64_t has_session;
} name_t;

typedef struct waiter {
    name_t name;
    UT_hash_handle hh;
    uint32_t heap_index;
    request_t request; /* what is given back; its key is at `key` */
    uint8_t key[];
} waiter_t;

struct holds {
    waiter_t *by_name;
    waiter_t **heap; /* by deadline, earliest first */
    uint32_t count, capacity, max;
    uint8_t key[KEY_BYTES_MAX]; /* of the waiter given back last */
};

holds_t *holds_new(uint32_t max) {
    holds_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL && max > 0, "max %u", max);
    self->max = max;
    return self;
}

void holds_destroy(holds_t **self_p) {
    holds_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    HASH_CLEAR(hh, self->by_name);
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->heap[i]);
    }
    free(self->heap);
    free(self);
    *self_p = NULL;
}

/* Tokens and names. */

void holds_token(const request_t *request, uint64_t expires_ms, uint8_t token[HOLD_BYTES]) {
    memset(token, 0, HOLD_BYTES);
    token[0] = request->has_session;
    if (request->has_session) {
        memcpy(token + SESSION_AT, request->session, SESSION_BYTES);
    }
    little_endian_put_u64(token + ID_AT, request->id);
    little_endian_put_u32(token + PEER_AT, request->peer);
    little_endian_put_u64(token + PEER_NUMBER_AT, request->peer_number);
    memcpy(token + IDEMPOTENCY_AT, request->idempotency, IDEMPOTENCY_BYTES);
    little_endian_put_u64(token + EXPIRES_AT, expires_ms);
}

bool holds_read(span_t token, hold_t *hold) {
    const uint8_t *bytes = token.ptr;
    if (token.len != HOLD_BYTES || bytes[0] > 1) {
        return false;
    }
    for (size_t i = REST_AT; i < HOLD_BYTES; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    hold->has_session = bytes[0] == 1;
    memcpy(hold->session, bytes + SESSION_AT, SESSION_BYTES);
    hold->id = little_endian_get_u64(bytes + ID_AT);
    hold->peer = little_endian_get_u32(bytes + PEER_AT);
    hold->peer_number = little_endian_get_u64(bytes + PEER_NUMBER_AT);
    memcpy(hold->idempotency, bytes + IDEMPOTENCY_AT, IDEMPOTENCY_BYTES);
    hold->expires_ms = little_endian_get_u64(bytes + EXPIRES_AT);
    return true;
}

static name_t name_of(bool has_session, const uint8_t session[SESSION_BYTES], uint64_t id, uint64_t peer_number) {
    name_t name = {.id = id, .has_session = has_session};
    if (has_session) {
        memcpy(name.session, session, SESSION_BYTES);
    } else {
        name.peer_number = peer_number;
    }
    return name;
}

static waiter_t *find(const holds_t *self, const name_t *name) {
    waiter_t *waiter;
    HASH_FIND(hh, self->by_name, name, sizeof *name, waiter);
    return waiter;
}

static waiter_t *find_request(const holds_t *self, const request_t *request) {
    name_t name = name_of(request->has_session, request->session, request->id, request->peer_number);
    return find(self, &name);
}

/* The heap. */

static uint64_t deadline_at(const holds_t *self, uint32_t index) {
    return self->heap[index]->request.deadline_us;
}

static void heap_place(holds_t *self, uint32_t index, waiter_t *waiter) {
    self->heap[index] = waiter;
    waiter->heap_index = index;
}

static void heap_rise(holds_t *self, waiter_t *waiter) {
    uint32_t index = waiter->heap_index;
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (deadline_at(self, parent) <= waiter->request.deadline_us) {
            break;
        }
        heap_place(self, index, self->heap[parent]);
        index = parent;
    }
    heap_place(self, index, waiter);
}

static void heap_sink(holds_t *self, waiter_t *waiter) {
    uint32_t index = waiter->heap_index;
    for (uint32_t child = 2 * index + 1; child < self->count; child = 2 * index + 1) {
        if (child + 1 < self->count && deadline_at(self, child + 1) < deadline_at(self, child)) {
            child += 1;
        }
        if (waiter->request.deadline_us <= deadline_at(self, child)) {
            break;
        }
        heap_place(self, index, self->heap[child]);
        index = child;
    }
    heap_place(self, index, waiter);
}

static void heap_add(holds_t *self, waiter_t *waiter) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? HEAP_FIRST : 2 * self->capacity;
        self->heap = realloc(self->heap, self->capacity * sizeof(waiter_t *));
        CHECK(self->heap != NULL, "out of memory for %u waiters", self->capacity);
    }
    heap_place(self, self->count++, waiter);
    heap_rise(self, waiter);
}

static void heap_remove(holds_t *self, const waiter_t *waiter) {
    waiter_t *last = self->heap[--self->count];
    if (last != waiter) {
        heap_place(self, waiter->heap_index, last);
        heap_rise(self, last);
        heap_sink(self, last);
    }
}

/* Waiters. */

static waiter_t *waiter_new(const request_t *request) {
    waiter_t *waiter = calloc(1, sizeof *waiter + request->key.len);
    CHECK(waiter != NULL, "out of memory");
    waiter->name = name_of(request->has_session, request->session, request->id, request->peer_number);
    waiter->request = (request_t){
        .type = request->type,
        .partition = request->partition,
        .has_session = request->has_session,
        .has_handle = request->has_handle,
        .peer = request->peer,
        .peer_number = request->peer_number,
        .id = request->id,
        .received_us = request->received_us,
        .deadline_us = request->deadline_us,
        .kind = request->kind,
        .method = request->method,
        .key = span_of(waiter->key, request->key.len),
    };
    memcpy(waiter->request.session, request->session, SESSION_BYTES);
    memcpy(waiter->request.handle, request->handle, HANDLE_BYTES);
    memcpy(waiter->key, request->key.ptr, request->key.len);
    return waiter;
}

/* Out of everything; what an answer needs goes to `request`. */
static void take(holds_t *self, waiter_t *waiter, request_t *request) {
    HASH_DELETE(hh, self->by_name, waiter);
    heap_remove(self, waiter);
    *request = waiter->request;
    memcpy(self->key, waiter->key, waiter->request.key.len);
    request->key.ptr = self->key;
    free(waiter);
}

bool holds_full(const holds_t *self, const request_t *request) {
    return self->count == self->max && find_request(self, request) == NULL;
}

holds_verdict_t holds_wait(holds_t *self, const request_t *request, request_t *replaced) {
    CHECK(request->type == REQUEST_CALL || request->type == REQUEST_TELL, "type %u", request->type);
    CHECK(request->key.len <= KEY_BYTES_MAX, "%zu bytes", request->key.len);
    if (holds_full(self, request)) {
        return HOLDS_FULL;
    }
    waiter_t *former = find_request(self, request);
    waiter_t *waiter = waiter_new(request);
    if (former != NULL) {
        take(self, former, replaced);
    }
    HASH_ADD(hh, self->by_name, name, sizeof waiter->name, waiter);
    heap_add(self, waiter);
    return former != NULL ? HOLDS_REPLACED : HOLDS_WAITS;
}

bool holds_take(holds_t *self, const hold_t *hold, request_t *waiter) {
    name_t name = name_of(hold->has_session, hold->session, hold->id, hold->peer_number);
    waiter_t *found = find(self, &name);
    if (found != NULL) {
        take(self, found, waiter);
    }
    return found != NULL;
}

bool holds_expired(holds_t *self, uint64_t now_us, request_t *waiter) {
    if (self->count == 0 || deadline_at(self, 0) > now_us) {
        return false;
    }
    take(self, self->heap[0], waiter);
    return true;
}

uint64_t holds_due_us(const holds_t *self) {
    return self->count == 0 ? UINT64_MAX : deadline_at(self, 0);
}

uint32_t holds_count(const holds_t *self) {
    return self->count;
}

void holds_check(const holds_t *self) {
    CHECK(self->count <= self->max && self->count <= self->capacity, "%u of %u wait", self->count, self->max);
    CHECK(HASH_COUNT(self->by_name) == self->count, "%u have names", HASH_COUNT(self->by_name));
    for (uint32_t i = 0; i < self->count; i++) {
        const waiter_t *waiter = self->heap[i];
        CHECK(waiter->heap_index == i && find(self, &waiter->name) == waiter, "waiter %u is not where it should be", i);
        CHECK(i == 0 || deadline_at(self, (i - 1) / 2) <= deadline_at(self, i), "the heap is none at %u", i);
    }
}
