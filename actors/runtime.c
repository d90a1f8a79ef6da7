/* SPDX-License-Identifier: MIT */
/*
 * The list merges one ordered range per partition: a heap holds the next key of each, the smallest on top. Keys are
 * copied, since a range's bytes are valid only until the walk moves on.
 */
#include "actors/runtime.h"

#include "actors/store_key.h"

status_t runtime_show(const record_t *record, const cell_t *cell, tape_t *tape, pack_t *reply) {
    status_t status = tape_read_whole(tape, cell->body);
    if (status != STATUS_OK || tape->tokens[0].type != TOKEN_MAP) {
        return STATUS_INTERNAL;
    }
    pack_map(reply, 2);
    pack_cstring(reply, "version");
    pack_u64(reply, cell->version);
    pack_cstring(reply, "state");
    record_redact(record, tape, 0, reply);
    return STATUS_OK;
}

typedef struct row {
    uint8_t partition;
    uint8_t key_bytes;
    uint64_t version;
    uint32_t bytes;
    uint8_t key[KEY_BYTES_MAX];
} row_t;

typedef struct merge {
    const view_t *view;
    span_t kind;
    uint32_t count; /* of rows in the heap */
    row_t rows[PARTITIONS];
} merge_t;

static int row_order(const row_t *a, const row_t *b) {
    return span_compare(span_of(a->key, a->key_bytes), span_of(b->key, b->key_bytes));
}

static void sift_down(merge_t *self, uint32_t at) {
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < self->count; child++) {
            if (row_order(&self->rows[child], &self->rows[least]) < 0) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        row_t row = self->rows[at];
        self->rows[at] = self->rows[least];
        self->rows[least] = row;
        at = least;
    }
}

/* The first actor of the partition whose key is behind `after`. False: there is none. A damaged record is listed with
   version 0, so that it is seen. */
static bool row_read(const merge_t *self, uint8_t partition, span_t after, row_t *row) {
    store_key_t from, to, prefix;
    span_t key, value;
    view_walk_t walk;
    cell_t cell;
    store_key_head(&prefix, partition, self->kind, (span_t){0});
    store_key_after(&to, &prefix);
    store_key_head(&from, partition, self->kind, after);
    if (after.len > 0) {
        from.bytes[from.len++] = 0; /* the next possible key; keys are shorter than a subkey's room */
    }
    view_walk_start(&walk, self->view, store_key_span(&from), store_key_span(&to));
    if (!view_walk_next(&walk, &key, &value)) {
        return false;
    }
    span_t actor_key = store_key_actor_key(key);
    row->partition = partition;
    row->version = cell_open(&cell, key, value) ? cell.version : 0;
    row->bytes = (uint32_t)value.len;
    row->key_bytes = (uint8_t)actor_key.len;
    memcpy(row->key, actor_key.ptr, actor_key.len);
    return true;
}

static void merge_start(merge_t *self, const view_t *view, runtime_place_t place, span_t kind, span_t after) {
    self->view = view;
    self->kind = kind;
    self->count = 0;
    for (uint32_t partition = place.shard; partition < PARTITIONS; partition += place.shards) {
        if (row_read(self, (uint8_t)partition, after, &self->rows[self->count])) {
            self->count++;
        }
    }
    for (uint32_t at = self->count; at-- > 0;) {
        sift_down(self, at);
    }
}

/* Replaces the top by the next of its partition. */
static void merge_advance(merge_t *self) {
    row_t top = self->rows[0];
    if (!row_read(self, top.partition, span_of(top.key, top.key_bytes), &self->rows[0])) {
        self->rows[0] = self->rows[--self->count];
    }
    sift_down(self, 0);
}

static void pack_row(pack_t *pack, const row_t *row) {
    pack_map(pack, 3);
    pack_cstring(pack, "key");
    pack_text(pack, span_of(row->key, row->key_bytes));
    pack_cstring(pack, "version");
    pack_u64(pack, row->version);
    pack_cstring(pack, "bytes");
    pack_u64(pack, row->bytes);
}

/* Bytes of a row and of what frames the rows, at most. */
enum { ROW_BYTES = KEY_BYTES_MAX + 48, FRAME_BYTES = 64, LIMIT_DEFAULT = 100 };

void runtime_list(const view_t *view, runtime_place_t place, const kind_t *kind, const list_request_t *asked,
                  pack_t *reply) {
    uint64_t limit = FIELD_OR(list_request, asked, limit, LIMIT_DEFAULT);
    size_t fit = reply->capacity < FRAME_BYTES ? 0 : (reply->capacity - FRAME_BYTES) / ROW_BYTES;
    limit = limit < fit ? limit : fit;
    CHECK(limit > 0, "%zu bytes of room", reply->capacity);
    row_t *rows = malloc(limit * sizeof *rows);
    merge_t *merge = malloc(sizeof *merge);
    CHECK(rows != NULL && merge != NULL, "out of memory");
    uint32_t count = 0;
    merge_start(merge, view, place, span_text(kind->name), FIELD_OR(list_request, asked, after, (span_t){0}));
    while (count < limit && merge->count > 0) {
        rows[count++] = merge->rows[0];
        merge_advance(merge);
    }
    pack_map(reply, 4);
    pack_cstring(reply, "shard");
    pack_u64(reply, place.shard);
    pack_cstring(reply, "shards");
    pack_u64(reply, place.shards);
    pack_cstring(reply, "items");
    pack_array(reply, count);
    for (uint32_t i = 0; i < count; i++) {
        pack_row(reply, &rows[i]);
    }
    pack_cstring(reply, "more");
    pack_bool(reply, merge->count > 0);
    free(rows);
    free(merge);
}
