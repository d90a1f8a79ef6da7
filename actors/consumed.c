/* SPDX-License-Identifier: MIT */
/* Marks of streams: a bounded table over rows of eight bytes. */
#include "actors/consumed.h"

#include <xxhash.h>

#include "actors/cell.h"
#include "actors/effect.h"
#include "actors/store_key.h"
#include "storage/little_endian.h"

#define HASH_FUNCTION(key, bytes, hash) (hash) = (unsigned)XXH3_64bits(key, bytes)
#include <uthash.h>
#include <utlist.h>

enum { FIGURES_BYTES = 1024 }; /* left to what the thread may add behind */

typedef struct name {
    const kind_t *kind;
    uint8_t folder[FOLDER_ID_BYTES];
    uint8_t from, to;
} name_t;

typedef struct entry {
    name_t name;
    UT_hash_handle hh;
    struct entry *prev, *next;
    uint64_t number;     /* consumed */
    uint32_t failures;   /* of the message behind it */
    bool untold, failed; /* in the list of those to be told; the message behind it is to be sent again */
} entry_t;

struct consumed {
    const view_t *view;
    entry_t *by_name;
    entry_t *told, *untold; /* each longest unused first */
    uint32_t count, max, untold_count;
};

consumed_t *consumed_new(const view_t *view, uint32_t max) {
    consumed_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL && max > 0, "max %u", max);
    self->view = view;
    self->max = max;
    return self;
}

void consumed_destroy(consumed_t **self_p) {
    consumed_t *self = *self_p;
    entry_t *entry, *after;
    if (self == NULL) {
        return;
    }
    HASH_ITER(hh, self->by_name, entry, after) {
        HASH_DELETE(hh, self->by_name, entry);
        free(entry);
    }
    free(self);
    *self_p = NULL;
}

static name_t name_of(const stream_t *stream) {
    name_t name;
    memset(&name, 0, sizeof name); /* padding is part of what is hashed */
    name.kind = stream->kind;
    memcpy(name.folder, stream->folder, sizeof name.folder);
    name.from = stream->from;
    name.to = stream->to;
    return name;
}

static void key_of(const stream_t *stream, store_key_t *key) {
    store_key_consumed(key, stream->to, span_text(stream->kind->name), stream->folder, stream->from);
}

static status_t read_mark(const consumed_t *self, const stream_t *stream, uint64_t *number) {
    store_key_t key;
    span_t value;
    cell_t cell;
    key_of(stream, &key);
    status_t status = view_get(self->view, store_key_span(&key), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        *number = 0;
        return status;
    }
    if (!cell_open(&cell, store_key_span(&key), value) || cell.body.len != sizeof *number) {
        return STATUS_INTERNAL;
    }
    *number = little_endian_get_u64(cell.body.ptr);
    return STATUS_OK;
}

static entry_t *find(const consumed_t *self, const stream_t *stream) {
    name_t name = name_of(stream);
    entry_t *entry;
    HASH_FIND(hh, self->by_name, &name, sizeof name, entry);
    return entry;
}

static void make_room(consumed_t *self) {
    entry_t *entry;
    while (self->count >= self->max && (entry = self->told) != NULL) {
        DL_DELETE(self->told, entry);
        HASH_DELETE(hh, self->by_name, entry);
        self->count--;
        free(entry);
    }
}

static status_t entry_of(consumed_t *self, const stream_t *stream, entry_t **found) {
    entry_t *entry = find(self, stream);
    uint64_t number;
    if (entry != NULL) {
        *found = entry;
        return STATUS_OK;
    }
    status_t status = read_mark(self, stream, &number);
    if (status != STATUS_OK) {
        return status;
    }
    make_room(self);
    entry = calloc(1, sizeof *entry);
    CHECK(entry != NULL, "out of memory");
    entry->name = name_of(stream);
    entry->number = number;
    HASH_ADD(hh, self->by_name, name, sizeof entry->name, entry);
    DL_APPEND(self->told, entry);
    self->count++;
    *found = entry;
    return STATUS_OK;
}

static void tell(consumed_t *self, entry_t *entry) {
    if (!entry->untold) {
        entry->untold = true;
        DL_DELETE(self->told, entry);
        DL_APPEND(self->untold, entry);
        self->untold_count++;
    }
}

static entry_t *entry_checked(const consumed_t *self, const stream_t *stream) {
    entry_t *entry = find(self, stream);
    CHECK(entry != NULL && entry->number + 1 == stream->number, "nobody checked message %llu",
          (unsigned long long)stream->number);
    return entry;
}

status_t consumed_check(consumed_t *self, const stream_t *stream, consumed_verdict_t *verdict) {
    entry_t *entry;
    status_t status = entry_of(self, stream, &entry);
    if (status != STATUS_OK) {
        return status;
    }
    if (stream->number == entry->number + 1) {
        *verdict = CONSUMED_NEXT;
        return STATUS_OK;
    }
    *verdict = stream->number <= entry->number ? CONSUMED_BEFORE : CONSUMED_EARLY;
    entry->failed |= *verdict == CONSUMED_EARLY;
    tell(self, entry);
    return STATUS_OK;
}

void consumed_advance(consumed_t *self, writer_t *writer, const stream_t *stream) {
    uint8_t cell[CELL_HEADER_BYTES + sizeof stream->number];
    store_key_t key;
    entry_t *entry = entry_checked(self, stream);
    entry->number++;
    entry->failures = 0;
    entry->failed = false;
    key_of(stream, &key);
    little_endian_put_u64(cell + CELL_HEADER_BYTES, entry->number);
    cell_seal(cell, store_key_span(&key), 0, 0, sizeof entry->number);
    writer_put(writer, store_key_span(&key), span_of(cell, sizeof cell));
    tell(self, entry);
}

uint32_t consumed_failed(consumed_t *self, const stream_t *stream) {
    entry_t *entry = entry_checked(self, stream);
    consumed_postpone(self, stream);
    return ++entry->failures;
}

void consumed_postpone(consumed_t *self, const stream_t *stream) {
    entry_t *entry = entry_checked(self, stream);
    entry->failed = true;
    tell(self, entry);
}

uint32_t consumed_untold(const consumed_t *self) {
    return self->untold_count;
}

void consumed_tell(consumed_t *self, batch_t *batch) {
    entry_t *entry;
    while ((entry = self->untold) != NULL &&
           batch->effects_bytes + sizeof(effect_t) + sizeof(stream_ack_t) + FIGURES_BYTES <= BATCH_EFFECTS_BYTES) {
        stream_ack_t ack;
        memset(&ack, 0, sizeof ack);
        memcpy(ack.stream.folder, entry->name.folder, sizeof ack.stream.folder);
        ack.stream.from = entry->name.from;
        ack.stream.to = entry->name.to;
        ack.stream.kind = entry->name.kind;
        ack.stream.number = entry->number;
        ack.failed = entry->failed;
        effect_add_raw(batch, (effect_t){.type = EFFECT_ACK}, span_of(&ack, sizeof ack));
        entry->failed = entry->untold = false;
        DL_DELETE(self->untold, entry);
        DL_APPEND(self->told, entry);
        self->untold_count--;
    }
}
