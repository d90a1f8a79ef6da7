/* SPDX-License-Identifier: MIT */
/*
 * The table is an array of slots made once, and four ways to them:
 *
 *   buckets   id → slot, open addressing; ids are consecutive, so nearly every id sits at id modulo size
 *   ordered   list by id: its head says from where on the server must keep answers
 *   queue     list of what is to be sent next
 *   heap      binary heap by due_us, so that 4,096 requests with different times cost a dozen comparisons
 *
 * A slot is in buckets, ordered and heap from pending_add until it is finished or released.
 */
#include "tools/client/pending.h"

#include "schemas/check.h"

TAILQ_HEAD(pending_list, pending);

enum {
    SLOT_BYTES_KEPT = 1024, /* a slot keeps a buffer up to this for its next request */
    OVERHEAD_BYTES = 64,    /* of a small request on the wire, about */
};

struct pending_table {
    uint32_t max;
    uint32_t count;       /* slots in use */
    uint32_t heap_count;  /* slots in use and not finished */
    uint32_t bucket_mask; /* buckets - 1; at least twice as many buckets as slots */
    size_t queued_bytes;  /* about what the queue takes on the wire */
    pending_t *slots;     /* [max] */
    pending_t **buckets;  /* [bucket_mask + 1] */
    pending_t **heap;     /* [max] */
    struct pending_list ordered, queue, finished, free;
};

static void *allocate(size_t count, size_t bytes) {
    void *memory = calloc(count, bytes);
    CHECK(memory != NULL, "no memory for %zu times %zu bytes", count, bytes);
    return memory;
}

pending_table_t *pending_table_new(uint32_t max) {
    CHECK(max > 0, "max %u", max);
    pending_table_t *self = allocate(1, sizeof *self);
    uint32_t buckets = 2;
    while (buckets < 2 * max) {
        buckets *= 2;
    }
    self->max = max;
    self->bucket_mask = buckets - 1;
    self->slots = allocate(max, sizeof *self->slots);
    self->buckets = allocate(buckets, sizeof(pending_t *));
    self->heap = allocate(max, sizeof(pending_t *));
    TAILQ_INIT(&self->ordered);
    TAILQ_INIT(&self->queue);
    TAILQ_INIT(&self->finished);
    TAILQ_INIT(&self->free);
    for (uint32_t i = 0; i < max; i++) {
        TAILQ_INSERT_TAIL(&self->free, &self->slots[i], in_order);
    }
    return self;
}

void pending_table_destroy(pending_table_t **self_p) {
    pending_table_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->max; i++) {
        free(self->slots[i].bytes);
    }
    free(self->slots);
    free(self->buckets);
    free(self->heap);
    free(self);
}

uint32_t pending_count(const pending_table_t *self) {
    return self->count;
}

/* The heap. */

static void heap_place(pending_table_t *self, uint32_t index, pending_t *pending) {
    self->heap[index] = pending;
    pending->heap_index = index;
}

static void heap_rise(pending_table_t *self, pending_t *pending) {
    uint32_t index = pending->heap_index;
    while (index > 0) {
        uint32_t parent = (index - 1) / 2;
        if (self->heap[parent]->due_us <= pending->due_us) {
            break;
        }
        heap_place(self, index, self->heap[parent]);
        index = parent;
    }
    heap_place(self, index, pending);
}

static void heap_sink(pending_table_t *self, pending_t *pending) {
    uint32_t index = pending->heap_index;
    for (uint32_t child = 2 * index + 1; child < self->heap_count; child = 2 * index + 1) {
        if (child + 1 < self->heap_count && self->heap[child + 1]->due_us < self->heap[child]->due_us) {
            child += 1;
        }
        if (pending->due_us <= self->heap[child]->due_us) {
            break;
        }
        heap_place(self, index, self->heap[child]);
        index = child;
    }
    heap_place(self, index, pending);
}

static void heap_add(pending_table_t *self, pending_t *pending) {
    heap_place(self, self->heap_count++, pending);
    heap_rise(self, pending);
}

static void heap_remove(pending_table_t *self, pending_t *pending) {
    pending_t *last = self->heap[--self->heap_count];
    if (last != pending) {
        heap_place(self, pending->heap_index, last);
        heap_rise(self, last);
        heap_sink(self, last);
    }
}

static void heap_change(pending_table_t *self, pending_t *pending, uint64_t due_us) {
    pending->due_us = due_us;
    heap_rise(self, pending);
    heap_sink(self, pending);
}

pending_t *pending_due(const pending_table_t *self) {
    return self->heap_count > 0 ? self->heap[0] : NULL;
}

/* The buckets. */

static uint32_t bucket_of(const pending_table_t *self, uint64_t id) {
    uint32_t bucket = (uint32_t)id & self->bucket_mask;
    while (self->buckets[bucket] != NULL && self->buckets[bucket]->id != id) {
        bucket = (bucket + 1) & self->bucket_mask;
    }
    return bucket;
}

pending_t *pending_find(const pending_table_t *self, uint64_t id) {
    return self->buckets[bucket_of(self, id)];
}

/* Closes the gap by moving back what was pushed past it. */
static void bucket_remove(pending_table_t *self, uint64_t id) {
    uint32_t gap = bucket_of(self, id);
    self->buckets[gap] = NULL;
    for (uint32_t at = (gap + 1) & self->bucket_mask; self->buckets[at] != NULL; at = (at + 1) & self->bucket_mask) {
        uint32_t home = (uint32_t)self->buckets[at]->id & self->bucket_mask;
        if (((at - home) & self->bucket_mask) >= ((at - gap) & self->bucket_mask)) {
            self->buckets[gap] = self->buckets[at];
            self->buckets[at] = NULL;
            gap = at;
        }
    }
}

/* The queue. */

size_t ask_bytes(const ask_t *self) {
    return OVERHEAD_BYTES + self->kind.len + self->key.len + self->method.len + self->body.len +
           self->idempotency_key.len + self->trace.len;
}

static void queue_add(pending_table_t *self, pending_t *pending) {
    TAILQ_INSERT_TAIL(&self->queue, pending, in_queue);
    self->queued_bytes += ask_bytes(&pending->ask);
}

static void queue_remove(pending_table_t *self, pending_t *pending) {
    TAILQ_REMOVE(&self->queue, pending, in_queue);
    self->queued_bytes -= ask_bytes(&pending->ask);
}

pending_t *pending_queued(const pending_table_t *self) {
    return TAILQ_FIRST(&self->queue);
}

size_t pending_queued_bytes(const pending_table_t *self) {
    return self->queued_bytes;
}

/* A request's life. */

static span_t append(pending_t *pending, size_t *at, span_t bytes) {
    uint8_t *copy = pending->bytes + *at;
    if (bytes.ptr == NULL) {
        return bytes;
    }
    memcpy(copy, bytes.ptr, bytes.len);
    *at += bytes.len;
    return span_of(copy, bytes.len);
}

static void reserve(pending_t *pending, size_t bytes) {
    if (pending->capacity < bytes) {
        free(pending->bytes);
        pending->capacity = bytes < SLOT_BYTES_KEPT / 4 ? SLOT_BYTES_KEPT / 4 : bytes;
        pending->bytes = allocate(1, pending->capacity);
    }
}

pending_t *pending_add(pending_table_t *self, uint64_t id, const ask_t *ask, uint64_t deadline_us) {
    pending_t *pending = TAILQ_FIRST(&self->free);
    if (pending == NULL) {
        return NULL;
    }
    pending_t *last = TAILQ_LAST(&self->ordered, pending_list);
    CHECK(last == NULL || last->id < id, "id %lu after %lu", id, last->id);
    TAILQ_REMOVE(&self->free, pending, in_order);
    reserve(pending, ask_bytes(ask));
    *pending = (pending_t){.id = id,
                           .state = PENDING_QUEUED,
                           .deadline_us = deadline_us,
                           .due_us = deadline_us,
                           .bytes = pending->bytes,
                           .capacity = pending->capacity};
    size_t at = 0;
    pending->ask.kind = append(pending, &at, ask->kind);
    pending->ask.key = append(pending, &at, ask->key);
    pending->ask.method = append(pending, &at, ask->method);
    pending->ask.body = append(pending, &at, ask->body);
    pending->ask.idempotency_key = append(pending, &at, ask->idempotency_key);
    pending->ask.trace = append(pending, &at, ask->trace);
    self->buckets[bucket_of(self, id)] = pending;
    TAILQ_INSERT_TAIL(&self->ordered, pending, in_order);
    heap_add(self, pending);
    queue_add(self, pending);
    self->count += 1;
    return pending;
}

pending_t *pending_first(const pending_table_t *self) {
    return TAILQ_FIRST(&self->ordered);
}

pending_t *pending_next(const pending_t *pending) {
    return TAILQ_NEXT(pending, in_order);
}

void pending_move(pending_table_t *self, pending_t *pending, pending_state_t state, uint64_t due_us) {
    CHECK(pending->state != PENDING_FREE && pending->state != PENDING_FINISHED, "state %d", (int)pending->state);
    if (pending->state == PENDING_QUEUED) {
        queue_remove(self, pending);
    }
    pending->state = state;
    if (state == PENDING_QUEUED) {
        queue_add(self, pending);
    }
    heap_change(self, pending, due_us < pending->deadline_us ? due_us : pending->deadline_us);
}

void pending_queue_all(pending_table_t *self) {
    for (pending_t *pending = pending_first(self); pending != NULL; pending = pending_next(pending)) {
        pending->waits = 0;
        if (pending->state == PENDING_QUEUED || pending->state == PENDING_SENT) {
            pending_move(self, pending, PENDING_QUEUED, pending->deadline_us);
        }
    }
}

void pending_queue_waiting(pending_table_t *self, const handle_t *handle) {
    for (pending_t *pending = pending_first(self); pending != NULL; pending = pending_next(pending)) {
        if (pending->state == PENDING_WAITING && pending->handle == handle) {
            pending_move(self, pending, PENDING_QUEUED, pending->deadline_us);
        }
    }
}

/* Out of everything but `count`. */
static void detach(pending_table_t *self, pending_t *pending) {
    if (pending->state == PENDING_FINISHED) {
        TAILQ_REMOVE(&self->finished, pending, in_order);
        return;
    }
    if (pending->state == PENDING_QUEUED) {
        queue_remove(self, pending);
    }
    TAILQ_REMOVE(&self->ordered, pending, in_order);
    bucket_remove(self, pending->id);
    heap_remove(self, pending);
}

void pending_finish(pending_table_t *self, pending_t *pending, doran_code_t code) {
    CHECK(pending->state != PENDING_FREE && pending->state != PENDING_FINISHED, "state %d", (int)pending->state);
    detach(self, pending);
    pending->state = PENDING_FINISHED;
    pending->code = code;
    TAILQ_INSERT_TAIL(&self->finished, pending, in_order);
}

pending_t *pending_finished(const pending_table_t *self) {
    return TAILQ_FIRST(&self->finished);
}

void pending_release(pending_table_t *self, pending_t *pending) {
    CHECK(pending->state != PENDING_FREE, "released twice");
    detach(self, pending);
    pending->state = PENDING_FREE;
    if (pending->capacity > SLOT_BYTES_KEPT) {
        free(pending->bytes);
        pending->bytes = NULL;
        pending->capacity = 0;
    }
    TAILQ_INSERT_HEAD(&self->free, pending, in_order);
    self->count -= 1;
}

static void release_all(pending_table_t *self, pending_t *pending, const handle_t *handle) {
    for (pending_t *next; pending != NULL; pending = next) {
        next = TAILQ_NEXT(pending, in_order);
        if (!pending->own && pending->handle == handle) {
            pending_release(self, pending);
        }
    }
}

void pending_release_all(pending_table_t *self, const handle_t *handle) {
    release_all(self, TAILQ_FIRST(&self->ordered), handle);
    release_all(self, TAILQ_FIRST(&self->finished), handle);
}

void pending_table_check(const pending_table_t *self) {
    uint32_t ordered = 0, finished = 0, queued = 0;
    const pending_t *pending, *before = NULL;
    TAILQ_FOREACH(pending, &self->ordered, in_order) {
        CHECK(before == NULL || before->id < pending->id, "id %lu after %lu", pending->id, before->id);
        CHECK(pending_find(self, pending->id) == pending, "id %lu not found", pending->id);
        CHECK(self->heap[pending->heap_index] == pending, "id %lu not in the heap", pending->id);
        CHECK(pending->due_us <= pending->deadline_us, "id %lu due after its deadline", pending->id);
        queued += pending->state == PENDING_QUEUED;
        ordered += 1;
        before = pending;
    }
    TAILQ_FOREACH(pending, &self->finished, in_order) {
        finished += 1;
    }
    TAILQ_FOREACH(pending, &self->queue, in_queue) {
        queued -= 1;
    }
    CHECK(queued == 0, "queue differs by %u", queued);
    CHECK(ordered == self->heap_count, "ordered %u, heap %u", ordered, self->heap_count);
    CHECK(ordered + finished == self->count, "ordered %u, finished %u, count %u", ordered, finished, self->count);
    for (uint32_t i = 1; i < self->heap_count; i++) {
        CHECK(self->heap[(i - 1) / 2]->due_us <= self->heap[i]->due_us, "heap is not one at %u", i);
    }
}
