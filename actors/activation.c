/* SPDX-License-Identifier: MIT */
/*
 * Activations: a hash table by head key, and a list from the one unused for longest to the one used last. Each is one
 * allocation: the entry, the decoded struct, the key, and the body that the struct's spans point into.
 */
#include "actors/activation.h"

#include <stdalign.h>
#include <xxhash.h>

#define HASH_FUNCTION(key, bytes, hash) (hash) = (unsigned)XXH3_64bits(key, bytes)
#include <uthash.h>
#include <utlist.h>

typedef struct entry {
    activation_t public;
    UT_hash_handle hh;
    struct entry *prev, *next;
    uint64_t used_us;
    alignas(max_align_t) uint8_t bytes[]; /* struct, key, body */
} entry_t;

struct activations {
    entry_t *by_key;
    entry_t *by_use; /* longest unused first */
    uint32_t count, max;
};

activations_t *activations_new(uint32_t max) {
    activations_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL && max > 0, "max %u", max);
    self->max = max;
    return self;
}

static void drop(activations_t *self, entry_t *entry) {
    HASH_DELETE(hh, self->by_key, entry);
    DL_DELETE(self->by_use, entry);
    self->count--;
    free(entry);
}

void activations_destroy(activations_t **self_p) {
    activations_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    while (self->by_use != NULL) {
        drop(self, self->by_use);
    }
    free(self);
    *self_p = NULL;
}

static entry_t *find(activations_t *self, span_t head_key) {
    entry_t *entry;
    HASH_FIND(hh, self->by_key, head_key.ptr, head_key.len, entry);
    return entry;
}

const activation_t *activations_find(activations_t *self, span_t head_key, uint64_t now_us) {
    entry_t *entry = find(self, head_key);
    if (entry == NULL) {
        return NULL;
    }
    entry->used_us = now_us;
    DL_DELETE(self->by_use, entry);
    DL_APPEND(self->by_use, entry);
    return &entry->public;
}

static entry_t *entry_new(const record_t *record, span_t head_key, span_t body) {
    size_t struct_bytes = (record->struct_bytes + 15u) & ~(size_t)15;
    entry_t *entry = malloc(sizeof *entry + struct_bytes + head_key.len + body.len);
    CHECK(entry != NULL, "out of memory");
    memset(entry, 0, sizeof *entry);
    uint8_t *key = entry->bytes + struct_bytes;
    memcpy(key, head_key.ptr, head_key.len);
    memcpy(key + head_key.len, body.ptr, body.len);
    entry->public.state = entry->bytes;
    entry->public.body = span_of(key + head_key.len, body.len);
    return entry;
}

static status_t decode(entry_t *entry, const record_t *record, tape_t *tape) {
    status_t status = tape_read_whole(tape, entry->public.body);
    if (status == STATUS_OK) {
        status = record_decode(record, tape, 0, FROM_STORE, entry->bytes, NULL);
    }
    return status == STATUS_OK ? STATUS_OK : STATUS_INTERNAL;
}

status_t activations_set(activations_t *self, span_t head_key, const record_t *record, uint64_t version, span_t body,
                         tape_t *tape, uint64_t now_us, const activation_t **activation) {
    entry_t *entry = entry_new(record, head_key, body);
    if (decode(entry, record, tape) != STATUS_OK) {
        free(entry);
        return STATUS_INTERNAL;
    }
    entry->public.version = version;
    entry->used_us = now_us;
    entry_t *before = find(self, head_key);
    if (before != NULL) {
        drop(self, before);
    } else if (self->count == self->max) {
        drop(self, self->by_use);
    }
    HASH_ADD_KEYPTR(hh, self->by_key, entry->public.body.ptr - head_key.len, head_key.len, entry);
    DL_APPEND(self->by_use, entry);
    self->count++;
    *activation = &entry->public;
    return STATUS_OK;
}

void activations_forget(activations_t *self, span_t head_key) {
    entry_t *entry = find(self, head_key);
    if (entry != NULL) {
        drop(self, entry);
    }
}

uint32_t activations_expire(activations_t *self, uint64_t unused_since_us, uint32_t max) {
    uint32_t gone = 0;
    while (gone < max && self->by_use != NULL && self->by_use->used_us < unused_since_us) {
        drop(self, self->by_use);
        gone++;
    }
    return gone;
}

uint32_t activations_count(const activations_t *self) {
    return self->count;
}
