/* SPDX-License-Identifier: MIT */
/*
 * cell: what stands under every key of the store (little endian):
 *
 *   +0  u64 XXH3 of everything behind, seeded with the XXH3 of the key: finds rot, and values under foreign keys
 *   +8  u8  format of the cell: 1
 *   +9  u8  zero
 *   +10 u16 version of the schema that wrote the body
 *   +12 u64 version of the record: 1 at creation, one more at each change; 0 where nobody counts
 *   +20 body
 *
 * A damaged cell is never served. Any thread.
 */
#ifndef DORAN_ACTORS_CELL_H
#define DORAN_ACTORS_CELL_H

#include "schemas/check.h"
#include "schemas/span.h"

#define CELL_HEADER_BYTES 20

typedef struct cell {
    uint16_t schema_version;
    uint64_t version;
    span_t body; /* into the value */
} cell_t;

/* Writes the header for a body that stands at out + CELL_HEADER_BYTES already. */
void cell_seal(uint8_t *out, span_t key, uint16_t schema_version, uint64_t version, size_t body_bytes);
/* False: the value is damaged or of a format unknown here. */
MUST_USE bool cell_open(cell_t *self, span_t key, span_t value);

#endif
