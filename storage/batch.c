/* SPDX-License-Identifier: MIT */
/*
 * One mapping holds both buffers of a batch, so that a pool of them costs address space, not memory:
 *
 *   | records, BATCH_RECORDS_BYTES | effects, BATCH_EFFECTS_BYTES |
 *
 * The builder checks with CHECK, since what it is given comes from this program and is bounded by the turn; the reader
 * trusts nothing, since what it is given comes from a disk.
 */
#include "storage/batch.h"

#include "storage/little_endian.h"

#include <sys/mman.h>

#define BUFFER_BYTES (BATCH_RECORDS_BYTES + BATCH_EFFECTS_BYTES)

static_assert(BATCH_RECORDS_BYTES <= UINT32_MAX && BATCH_EFFECTS_BYTES <= UINT32_MAX, "lengths are 32 bits");
static_assert(LMDB_KEY_BYTES_MAX <= UINT16_MAX, "a key's length is 16 bits");

batch_t *batch_new(uint16_t shard) {
    CHECK(shard < SHARDS_MAX, "shard %u", shard);
    batch_t *self = calloc(1, sizeof(*self));
    CHECK(self != NULL, "out of memory");
    void *buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(buffer != MAP_FAILED, "out of memory");
    self->records = buffer;
    self->effects = self->records + BATCH_RECORDS_BYTES;
    self->shard = shard;
    return self;
}

void batch_destroy(batch_t **self_p) {
    batch_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    munmap(self->records, BUFFER_BYTES);
    free(self);
    *self_p = NULL;
}

void batch_reset(batch_t *self) {
    *self = (batch_t){.records = self->records, .effects = self->effects, .shard = self->shard};
}

bool batch_has_room(const batch_t *self) {
    return BATCH_RECORDS_BYTES - self->records_bytes >= TURN_RECORDS_BYTES_MAX &&
           BATCH_EFFECTS_BYTES - self->effects_bytes >= TURN_EFFECTS_BYTES_MAX;
}

static void append(batch_t *self, record_op_t op, span_t key, span_t value) {
    size_t room = BATCH_RECORDS_BYTES - self->records_bytes;
    CHECK(key.len >= 1 && key.len <= LMDB_KEY_BYTES_MAX, "key of %zu bytes", key.len);
    CHECK(value.len <= room && RECORD_HEADER_BYTES + key.len + value.len <= room, "value of %zu bytes, room for %zu",
          value.len, room);
    uint8_t *to = self->records + self->records_bytes;
    to[0] = (uint8_t)op;
    to[1] = 0;
    little_endian_put_u16(to + 2, (uint16_t)key.len);
    little_endian_put_u32(to + 4, (uint32_t)value.len);
    memcpy(to + RECORD_HEADER_BYTES, key.ptr, key.len);
    if (value.len > 0) {
        memcpy(to + RECORD_HEADER_BYTES + key.len, value.ptr, value.len);
    }
    self->records_bytes += (uint32_t)(RECORD_HEADER_BYTES + key.len + value.len);
    self->record_count++;
}

void batch_put(batch_t *self, span_t key, span_t value) {
    append(self, RECORD_PUT, key, value);
}

void batch_put_fresh(batch_t *self, span_t key, span_t value) {
    append(self, RECORD_PUT_FRESH, key, value);
}

void batch_delete(batch_t *self, span_t key) {
    append(self, RECORD_DELETE, key, (span_t){0});
}

bool log_record_next(span_t *rest, log_record_t *record) {
    if (rest->len < RECORD_HEADER_BYTES) {
        return false;
    }
    const uint8_t *from = rest->ptr;
    size_t key_bytes = little_endian_get_u16(from + 2);
    size_t value_bytes = little_endian_get_u32(from + 4);
    size_t body_bytes = rest->len - RECORD_HEADER_BYTES;
    bool put = from[0] == RECORD_PUT || from[0] == RECORD_PUT_FRESH;
    bool known = (put || (from[0] == RECORD_DELETE && value_bytes == 0)) && from[1] == 0;
    bool fits = key_bytes >= 1 && key_bytes <= LMDB_KEY_BYTES_MAX && key_bytes <= body_bytes &&
                value_bytes <= body_bytes - key_bytes;
    if (!known || !fits) {
        return false;
    }
    const uint8_t *key = from + RECORD_HEADER_BYTES;
    record->op = (record_op_t)from[0];
    record->key = span_of(key, key_bytes);
    record->value = record->op == RECORD_DELETE ? (span_t){0} : span_of(key + key_bytes, value_bytes);
    *rest = span_of(key + key_bytes + value_bytes, body_bytes - key_bytes - value_bytes);
    return true;
}
