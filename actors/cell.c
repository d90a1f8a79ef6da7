/* SPDX-License-Identifier: MIT */
/* Cells: see the header for the layout. */
#include "actors/cell.h"

#include <endian.h>
#include <xxhash.h>

enum { CELL_FORMAT = 1, AT_FORMAT = 8, AT_SCHEMA_VERSION = 10, AT_VERSION = 12 };

static uint64_t hash_of(span_t key, const uint8_t *cell, size_t cell_bytes) {
    return XXH3_64bits_withSeed(cell + AT_FORMAT, cell_bytes - AT_FORMAT, XXH3_64bits(key.ptr, key.len));
}

void cell_seal(uint8_t *out, span_t key, uint16_t schema_version, uint64_t version, size_t body_bytes) {
    uint16_t stored_schema_version = htole16(schema_version);
    uint64_t stored_version = htole64(version);
    out[AT_FORMAT] = CELL_FORMAT;
    out[AT_FORMAT + 1] = 0;
    memcpy(out + AT_SCHEMA_VERSION, &stored_schema_version, 2);
    memcpy(out + AT_VERSION, &stored_version, 8);
    uint64_t hash = htole64(hash_of(key, out, CELL_HEADER_BYTES + body_bytes));
    memcpy(out, &hash, 8);
}

bool cell_open(cell_t *self, span_t key, span_t value) {
    uint64_t hash;
    if (value.len < CELL_HEADER_BYTES || value.ptr[AT_FORMAT] != CELL_FORMAT) {
        return false;
    }
    memcpy(&hash, value.ptr, 8);
    if (le64toh(hash) != hash_of(key, value.ptr, value.len)) {
        return false;
    }
    memcpy(&self->schema_version, value.ptr + AT_SCHEMA_VERSION, 2);
    memcpy(&self->version, value.ptr + AT_VERSION, 8);
    self->schema_version = le16toh(self->schema_version);
    self->version = le64toh(self->version);
    self->body = span_of(value.ptr + CELL_HEADER_BYTES, value.len - CELL_HEADER_BYTES);
    return true;
}
