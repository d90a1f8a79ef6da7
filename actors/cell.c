/* SPDX-License-Identifier: MIT */
/* Cells: see the header for the layout. */
#include "actors/cell.h"

#include <xxhash.h>

#include "storage/little_endian.h"

enum { CELL_FORMAT = 1, AT_FORMAT = 8, AT_SCHEMA_VERSION = 10, AT_VERSION = 12 };

static uint64_t hash_of(span_t key, const uint8_t *cell, size_t cell_bytes) {
    return XXH3_64bits_withSeed(cell + AT_FORMAT, cell_bytes - AT_FORMAT, XXH3_64bits(key.ptr, key.len));
}

void cell_seal(uint8_t *out, span_t key, uint16_t schema_version, uint64_t version, size_t body_bytes) {
    out[AT_FORMAT] = CELL_FORMAT;
    out[AT_FORMAT + 1] = 0;
    little_endian_put_u16(out + AT_SCHEMA_VERSION, schema_version);
    little_endian_put_u64(out + AT_VERSION, version);
    little_endian_put_u64(out, hash_of(key, out, CELL_HEADER_BYTES + body_bytes));
}

bool cell_open(cell_t *self, span_t key, span_t value) {
    if (value.len < CELL_HEADER_BYTES || value.ptr[AT_FORMAT] != CELL_FORMAT ||
        little_endian_get_u64(value.ptr) != hash_of(key, value.ptr, value.len)) {
        return false;
    }
    self->schema_version = little_endian_get_u16(value.ptr + AT_SCHEMA_VERSION);
    self->version = little_endian_get_u64(value.ptr + AT_VERSION);
    self->body = span_of(value.ptr + CELL_HEADER_BYTES, value.len - CELL_HEADER_BYTES);
    return true;
}
