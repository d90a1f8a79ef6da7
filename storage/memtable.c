/* SPDX-License-Identifier: MIT */
/*
 * An entry hangs in two structures at once: a red-black tree by key, for points and ranges, and a queue by age, oldest
 * batch first, so that forgetting takes from the head and costs what it drops. A key written again moves to the tail:
 * its newest write may not be in the store yet, whatever batch wrote it before. There is one tree for each first byte
 * of the keys (that is the partition): the way down a small tree touches less memory, and that is what a lookup costs.
 *
 *   one malloc:  memtable_entry_t │ tree links │ queue links │ key bytes      another: value bytes
 *
 * The value is a block of its own because it changes while the key and its place in the tree stay. Between mark and
 * rollback the replaced values are kept in a list of undos. Undone last to first, each finds the queue as it was just
 * after its write, so the neighbour that it remembers is there and the entry returns to its very place.
 */
#include "storage/memtable.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#define MALLOC_HEADER_BYTES 8 /* glibc: a size before each block, blocks in steps of 16, at least 32 */
#define MALLOC_STEP_BYTES 16
#define MALLOC_LEAST_BYTES 32

typedef struct entry {
    memtable_entry_t seen; /* what callers see; first, so that the pointers convert */
    RB_ENTRY(entry) node;
    TAILQ_ENTRY(entry) age;
    bool fresh; /* the store has no such key */
    uint8_t key[];
} entry_t;

typedef struct undo { /* what one write replaced */
    entry_t *entry;
    entry_t *older; /* its neighbour in the queue then, NULL at the head */
    span_t value;
    uint64_t batch;
    bool added; /* there was no entry before */
} undo_t;

RB_HEAD(tree, entry);
TAILQ_HEAD(queue, entry);

enum { TREES = 256 };

struct memtable {
    struct tree trees[TREES]; /* by the first byte of the key */
    struct queue queue;       /* oldest batch first */
    size_t count;
    size_t bytes;    /* of what the tree holds; undos are bounded by one turn and not counted */
    uint64_t newest; /* batch number of the last put */
    bool marked;     /* writes are remembered */
    size_t undo_count;
    undo_t undos[TURN_RECORDS_MAX];
};

static int entry_compare(const entry_t *a, const entry_t *b) {
    return span_compare(a->seen.key, b->seen.key);
}

RB_GENERATE_INTERNAL(tree, entry, node, entry_compare, __attribute__((unused)) static)

static size_t tree_index(span_t key) {
    return key.len == 0 ? 0 : key.ptr[0];
}

static struct tree *tree_of(const memtable_t *self, span_t key) {
    return (struct tree *)&self->trees[tree_index(key)];
}

/* The first entry of the trees from `index` on. */
static entry_t *first_from(const memtable_t *self, size_t index) {
    for (; index < TREES; index++)
        if (!RB_EMPTY(&self->trees[index]))
            return RB_MIN(tree, (struct tree *)&self->trees[index]);
    return NULL;
}

/* The last entry of the trees before `index`. */
static entry_t *last_before(const memtable_t *self, size_t index) {
    while (index-- > 0)
        if (!RB_EMPTY(&self->trees[index]))
            return RB_MAX(tree, (struct tree *)&self->trees[index]);
    return NULL;
}

static void *allocate(size_t bytes) {
    void *block = malloc(bytes);
    CHECK(block != NULL, "out of memory for %zu bytes", bytes);
    return block;
}

/* Memory that a block of this size takes from the allocator. */
static size_t block_bytes(size_t size) {
    size_t bytes = (size + MALLOC_HEADER_BYTES + MALLOC_STEP_BYTES - 1) / MALLOC_STEP_BYTES * MALLOC_STEP_BYTES;
    return bytes < MALLOC_LEAST_BYTES ? MALLOC_LEAST_BYTES : bytes;
}

static size_t key_cost(span_t key) {
    return block_bytes(offsetof(entry_t, key) + key.len);
}

static size_t value_cost(span_t value) {
    return value.len == 0 ? 0 : block_bytes(value.len);
}

/* A tombstone stays absent; an empty value is present without a block of its own. */
static span_t value_copy(span_t value) {
    if (value.ptr == NULL)
        return (span_t){0};
    if (value.len == 0)
        return span_of("", 0);
    return span_of(memcpy(allocate(value.len), value.ptr, value.len), value.len);
}

static void value_free(span_t value) {
    if (value.len > 0)
        free((void *)value.ptr);
}

static entry_t *entry_new(span_t key) {
    entry_t *entry = allocate(offsetof(entry_t, key) + key.len);
    if (key.len > 0)
        memcpy(entry->key, key.ptr, key.len);
    entry->seen = (memtable_entry_t){.key = span_of(entry->key, key.len)};
    entry->fresh = false;
    return entry;
}

static void entry_free(entry_t *entry) {
    value_free(entry->seen.value);
    free(entry);
}

/* Takes the entry out of both structures and frees it. */
static void drop(memtable_t *self, entry_t *entry) {
    RB_REMOVE(tree, tree_of(self, entry->seen.key), entry);
    TAILQ_REMOVE(&self->queue, entry, age);
    self->count -= 1;
    self->bytes -= key_cost(entry->seen.key) + value_cost(entry->seen.value);
    entry_free(entry);
}

/* The turn stands: what it replaced is not needed any more. */
static void settle(memtable_t *self) {
    for (size_t i = 0; i < self->undo_count; i++)
        value_free(self->undos[i].value);
    self->undo_count = 0;
    self->marked = false;
}

memtable_t *memtable_new(void) {
    memtable_t *self = allocate(sizeof(*self));
    *self = (memtable_t){.marked = false};
    for (size_t i = 0; i < TREES; i++)
        RB_INIT(&self->trees[i]);
    TAILQ_INIT(&self->queue);
    return self;
}

void memtable_destroy(memtable_t **self_p) {
    memtable_t *self = *self_p;
    if (self == NULL)
        return;
    settle(self);
    entry_t *entry, *younger;
    TAILQ_FOREACH_SAFE(entry, &self->queue, age, younger) entry_free(entry);
    free(self);
    *self_p = NULL;
}

static entry_t *find(const memtable_t *self, span_t key) {
    entry_t probe;
    probe.seen.key = key;
    return RB_FIND(tree, tree_of(self, key), &probe);
}

static void remember(memtable_t *self, entry_t *entry, bool added) {
    CHECK(self->undo_count < TURN_RECORDS_MAX, "more than %d writes since the mark", TURN_RECORDS_MAX);
    self->undos[self->undo_count++] = (undo_t){
        .entry = entry,
        .older = added ? NULL : TAILQ_PREV(entry, queue, age),
        .value = entry->seen.value,
        .batch = entry->seen.batch,
        .added = added,
    };
}

/* The entry of this key, added if there is none. Goes down the tree once, at the price of an entry made in vain for a
   key that is there: what is written is mostly new, and going down is what costs. */
static entry_t *find_or_add(memtable_t *self, span_t key, bool *added) {
    entry_t *entry = entry_new(key);
    entry_t *present = RB_INSERT(tree, tree_of(self, key), entry);
    *added = present == NULL;
    if (present != NULL) {
        free(entry);
        return present;
    }
    self->count += 1;
    self->bytes += key_cost(key);
    if (self->marked)
        remember(self, entry, true);
    return entry;
}

/* Makes room for the next write of an entry: its value goes to the undos or is freed. */
static void supersede(memtable_t *self, entry_t *entry) {
    self->bytes -= value_cost(entry->seen.value);
    if (self->marked)
        remember(self, entry, false);
    else
        value_free(entry->seen.value);
    TAILQ_REMOVE(&self->queue, entry, age);
}

static void put(memtable_t *self, span_t key, span_t value, uint64_t batch, bool fresh) {
    CHECK(batch >= self->newest, "batch %llu after %llu", (unsigned long long)batch, (unsigned long long)self->newest);
    span_t copy = value_copy(value); /* first: it may lie in the value that it replaces */
    bool added;
    entry_t *entry = find_or_add(self, key, &added);
    if (added)
        entry->fresh = fresh;
    else
        supersede(self, entry);
    entry->seen.value = copy;
    entry->seen.batch = batch;
    TAILQ_INSERT_TAIL(&self->queue, entry, age);
    self->bytes += value_cost(copy);
    self->newest = batch;
}

void memtable_put(memtable_t *self, span_t key, span_t value, uint64_t batch) {
    put(self, key, value, batch, false);
}

void memtable_put_fresh(memtable_t *self, span_t key, span_t value, uint64_t batch) {
    put(self, key, value, batch, true);
}

bool memtable_remove_fresh(memtable_t *self, span_t key) {
    entry_t *entry = find(self, key);
    if (entry == NULL || !entry->fresh)
        return false;
    settle(self);
    drop(self, entry);
    return true;
}

const memtable_entry_t *memtable_get(const memtable_t *self, span_t key) {
    entry_t *entry = find(self, key);
    return entry == NULL ? NULL : &entry->seen;
}

const memtable_entry_t *memtable_seek(const memtable_t *self, span_t key) {
    entry_t probe;
    probe.seen.key = key;
    entry_t *entry = RB_NFIND(tree, tree_of(self, key), &probe);
    if (entry == NULL)
        entry = first_from(self, tree_index(key) + 1);
    return entry == NULL ? NULL : &entry->seen;
}

const memtable_entry_t *memtable_next(const memtable_t *self, const memtable_entry_t *entry) {
    entry_t *next = RB_NEXT(tree, tree_of(self, entry->key), (entry_t *)entry);
    if (next == NULL)
        next = first_from(self, tree_index(entry->key) + 1);
    return next == NULL ? NULL : &next->seen;
}

const memtable_entry_t *memtable_seek_before(const memtable_t *self, span_t key) {
    entry_t probe;
    probe.seen.key = key;
    const entry_t *behind = key.ptr == NULL ? NULL : RB_NFIND(tree, tree_of(self, key), &probe);
    if (behind != NULL)
        return memtable_previous(self, &behind->seen);
    const entry_t *last = last_before(self, key.ptr == NULL ? TREES : tree_index(key) + 1);
    return last == NULL ? NULL : &last->seen;
}

const memtable_entry_t *memtable_previous(const memtable_t *self, const memtable_entry_t *entry) {
    entry_t *previous = RB_PREV(tree, tree_of(self, entry->key), (entry_t *)entry);
    if (previous == NULL)
        previous = last_before(self, tree_index(entry->key));
    return previous == NULL ? NULL : &previous->seen;
}

void memtable_mark(memtable_t *self) {
    settle(self);
    self->marked = true;
}

/* Gives a rewritten entry its former value, batch and place in the queue. */
static void restore(memtable_t *self, const undo_t *undo) {
    entry_t *entry = undo->entry;
    self->bytes -= value_cost(entry->seen.value);
    value_free(entry->seen.value);
    entry->seen.value = undo->value;
    entry->seen.batch = undo->batch;
    self->bytes += value_cost(undo->value);
    TAILQ_REMOVE(&self->queue, entry, age);
    if (undo->older == NULL)
        TAILQ_INSERT_HEAD(&self->queue, entry, age);
    else
        TAILQ_INSERT_AFTER(&self->queue, undo->older, entry, age);
}

void memtable_rollback(memtable_t *self) {
    CHECK(self->marked, "rollback without a mark");
    while (self->undo_count > 0) {
        const undo_t *undo = &self->undos[--self->undo_count];
        if (undo->added)
            drop(self, undo->entry);
        else
            restore(self, undo);
    }
    self->marked = false;
}

void memtable_forget(memtable_t *self, uint64_t through) {
    settle(self);
    entry_t *oldest;
    while ((oldest = TAILQ_FIRST(&self->queue)) != NULL && oldest->seen.batch <= through)
        drop(self, oldest);
}

size_t memtable_count(const memtable_t *self) {
    return self->count;
}

size_t memtable_bytes(const memtable_t *self) {
    return self->bytes;
}

/* Black nodes on every way down from here; CHECKs that links, colours and counts agree. */
static size_t check_subtree(const entry_t *entry, const entry_t *parent) {
    if (entry == NULL)
        return 1;
    CHECK(RB_PARENT(entry, node) == parent, "a node's parent is another");
    bool red = RB_COLOR(entry, node) == RB_RED;
    CHECK(!red || (parent != NULL && RB_COLOR(parent, node) == RB_BLACK), "a red node under a red one or at the root");
    size_t left = check_subtree(RB_LEFT(entry, node), entry);
    size_t right = check_subtree(RB_RIGHT(entry, node), entry);
    CHECK(left == right, "black height %zu left, %zu right", left, right);
    return left + !red;
}

static void check_order(const memtable_t *self) {
    size_t count = 0, bytes = 0;
    const entry_t *before = NULL;
    for (const memtable_entry_t *seen = memtable_seek(self, (span_t){0}); seen != NULL;
         seen = memtable_next(self, seen)) {
        const entry_t *entry = (const entry_t *)seen;
        CHECK(before == NULL || entry_compare(before, entry) < 0, "keys out of order at %zu", count);
        CHECK((const entry_t *)memtable_previous(self, seen) == before, "another way back at %zu", count);
        count += 1;
        bytes += key_cost(entry->seen.key) + value_cost(entry->seen.value);
        before = entry;
    }
    CHECK(count == self->count, "%zu entries in the tree, counted %zu", count, self->count);
    CHECK(bytes == self->bytes, "%zu bytes in the tree, counted %zu", bytes, self->bytes);
}

static void check_ages(const memtable_t *self) {
    size_t count = 0;
    uint64_t batch = 0;
    const entry_t *entry;
    TAILQ_FOREACH(entry, &self->queue, age) {
        CHECK(entry->seen.batch >= batch, "batches out of order in the queue at %zu", count);
        CHECK(find(self, entry->seen.key) == entry, "an entry of the queue is not in the tree");
        batch = entry->seen.batch;
        count += 1;
    }
    CHECK(count == self->count, "%zu entries in the queue, counted %zu", count, self->count);
    CHECK(batch <= self->newest, "an entry is newer than the newest batch");
}

void memtable_check(const memtable_t *self) {
    for (size_t i = 0; i < TREES; i++)
        check_subtree(RB_ROOT(&self->trees[i]), NULL);
    check_order(self);
    check_ages(self);
    CHECK(self->marked || self->undo_count == 0, "%zu undos without a mark", self->undo_count);
}
