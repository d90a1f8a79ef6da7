/* SPDX-License-Identifier: MIT */
/*
 * The records are copied into chunks and stay there; what is sorted is one small entry for each.
 *
 *   as added     │ p3 │ p0 │ p3 │ p7 │ p0 │ …         dealt out by the first byte of the key (the partition),
 *   dealt        │ p0   p0 │ p3   p3 │ p7 │ …         each share sorted by key, then by order of writing,
 *   sorted       │ p0 │ p3 │ p7 │                     of equal keys the last one is kept
 *
 * Dealing first is what makes it fast: the keys of one partition fit into a processor's cache, those of all do not.
 */
#include "storage/run.h"

#include <sys/mman.h>

#define CHUNK_BYTES BATCH_RECORDS_BYTES

enum { SHARES = 256 };

typedef struct chunk {
    struct chunk *next;
    size_t used;
    uint8_t bytes[];
} chunk_t;

typedef struct write {
    const uint8_t *key; /* the value follows it */
    uint32_t order;     /* of writing */
    uint32_t value_bytes;
    uint16_t key_bytes;
    uint8_t op;
} write_t;

struct run {
    bool exact;
    chunk_t *chunks; /* the one in use first */
    write_t *writes;
    size_t count, capacity;
};

static void *check(void *memory) {
    CHECK(memory != NULL && memory != MAP_FAILED, "out of memory");
    return memory;
}

run_t *run_new(bool exact) {
    run_t *self = check(calloc(1, sizeof(*self)));
    self->exact = exact;
    return self;
}

void run_destroy(run_t **self_p) {
    run_t *self = *self_p;
    if (self == NULL)
        return;
    while (self->chunks != NULL) {
        chunk_t *chunk = self->chunks;
        self->chunks = chunk->next;
        munmap(chunk, sizeof(*chunk) + CHUNK_BYTES);
    }
    free(self->writes);
    free(self);
    *self_p = NULL;
}

/* Chunks are mapped, so that their memory is gone when they are. */
static uint8_t *keep(run_t *self, span_t records) {
    chunk_t *chunk = self->chunks;
    if (chunk == NULL || CHUNK_BYTES - chunk->used < records.len) {
        chunk =
            check(mmap(NULL, sizeof(*chunk) + CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        chunk->next = self->chunks;
        self->chunks = chunk;
    }
    uint8_t *copy = chunk->bytes + chunk->used;
    memcpy(copy, records.ptr, records.len);
    chunk->used += records.len;
    return copy;
}

static write_t *next_write(run_t *self) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 4096 : 2 * self->capacity;
        self->writes = check(realloc(self->writes, self->capacity * sizeof(*self->writes)));
    }
    CHECK(self->count < UINT32_MAX, "%zu writes", self->count);
    return &self->writes[self->count];
}

bool run_add(run_t *self, span_t records) {
    if (records.len == 0)
        return true;
    if (records.len > CHUNK_BYTES)
        return false;
    span_t rest = span_of(keep(self, records), records.len);
    log_record_t record;
    while (log_record_next(&rest, &record)) {
        *next_write(self) = (write_t){.key = record.key.ptr,
                                      .order = (uint32_t)self->count,
                                      .value_bytes = (uint32_t)record.value.len,
                                      .key_bytes = (uint16_t)record.key.len,
                                      .op = (uint8_t)record.op};
        self->count++;
    }
    return rest.len == 0;
}

static int compare_keys(const write_t *a, const write_t *b) {
    return span_compare(span_of(a->key, a->key_bytes), span_of(b->key, b->key_bytes));
}

static int compare(const void *a_write, const void *b_write) {
    const write_t *a = a_write, *b = b_write;
    int order = compare_keys(a, b);
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

/* Puts the writes of each first byte together; ends[i] is then the end of share i. */
static void deal(run_t *self, size_t ends[SHARES]) {
    size_t places[SHARES] = {0}, begin = 0;
    write_t *dealt = check(malloc(self->count * sizeof(*dealt)));
    for (size_t i = 0; i < self->count; i++)
        places[self->writes[i].key[0]]++;
    for (size_t share = 0; share < SHARES; share++) {
        size_t size = places[share];
        places[share] = begin;
        begin += size;
        ends[share] = begin;
    }
    for (size_t i = 0; i < self->count; i++)
        dealt[places[self->writes[i].key[0]]++] = self->writes[i];
    free(self->writes);
    self->writes = dealt;
    self->capacity = self->count;
}

/* Of the writes of each key, which stand together in order, only the last stays. */
static void keep_last(run_t *self) {
    size_t kept = 0;
    for (size_t first = 0, last; first < self->count; first = last + 1) {
        for (last = first; last + 1 < self->count && compare_keys(&self->writes[first], &self->writes[last + 1]) == 0;)
            last++;
        bool vanished =
            self->exact && self->writes[first].op == RECORD_PUT_FRESH && self->writes[last].op == RECORD_DELETE;
        if (!vanished)
            self->writes[kept++] = self->writes[last];
    }
    self->count = kept;
}

void run_sort(run_t *self) {
    size_t ends[SHARES];
    if (self->count == 0)
        return;
    deal(self, ends);
    for (size_t share = 0, begin = 0; share < SHARES; begin = ends[share++])
        if (ends[share] - begin > 1)
            qsort(self->writes + begin, ends[share] - begin, sizeof(*self->writes), compare);
    keep_last(self);
}

size_t run_count(const run_t *self) {
    return self->count;
}

log_record_t run_at(const run_t *self, size_t index) {
    CHECK(index < self->count, "%zu of %zu", index, self->count);
    const write_t *write = &self->writes[index];
    span_t value = span_of(write->key + write->key_bytes, write->value_bytes);
    return (log_record_t){.op = (record_op_t)write->op,
                          .key = span_of(write->key, write->key_bytes),
                          .value = write->op == RECORD_DELETE ? (span_t){0} : value};
}
