/* SPDX-License-Identifier: MIT */
/*
 * batch: what a shard hands to the journal at once: the records that its turns wrote, and behind them the effects that
 * may leave only when those records are on disk. One buffer of a fixed pool travels shard → journal → broker → shard;
 * whoever holds the pointer owns it. The buffers are virtual memory that is touched only as far as it is used.
 *
 * Records, back to back, as they stand in the journal (little endian):
 *
 *   +0 u8  op: 1 put, 2 delete, 3 put of a fresh key: one that was neither in memtable nor store
 *   +1 u8  zero
 *   +2 u16 key bytes
 *   +4 u32 value bytes (0 for delete)
 *   +8 key, value
 *
 * Storage does not know what is in keys, values and effects.
 */
#ifndef DORAN_STORAGE_BATCH_H
#define DORAN_STORAGE_BATCH_H

#include "schemas/limits.h"
#include "schemas/status.h"

typedef enum record_op { RECORD_PUT = 1, RECORD_DELETE = 2, RECORD_PUT_FRESH = 3 } record_op_t;

typedef struct batch {
    uint8_t *records; /* BATCH_RECORDS_BYTES */
    uint8_t *effects; /* BATCH_EFFECTS_BYTES */
    uint32_t records_bytes, record_count;
    uint32_t effects_bytes, effect_count;
    uint16_t shard;
    uint64_t number; /* of this shard's batches that wrote, in this journal generation, from 1; 0: wrote nothing */
    uint64_t memtable_bytes;                   /* of this shard when the batch was closed */
    void *finished[REQUEST_BATCHES_PER_SHARD]; /* request buffers going home with this batch */
    uint32_t finished_count;
    bool probe; /* a question for figures travels with this batch */
} batch_t;

typedef struct log_record {
    record_op_t op;
    span_t key, value;
} log_record_t;

batch_t *batch_new(uint16_t shard);
void batch_destroy(batch_t **self_p);
/* Empties the batch for its next use. */
void batch_reset(batch_t *self);
/* Room for one more maximal turn? */
bool batch_has_room(const batch_t *self);
/* CHECK that the record fits and that the key has 1 to LMDB_KEY_BYTES_MAX bytes. */
void batch_put(batch_t *self, span_t key, span_t value);
/* The writer vouches that there is no such key: a delete soon after makes both vanish before they reach the store. */
void batch_put_fresh(batch_t *self, span_t key, span_t value);
void batch_delete(batch_t *self, span_t key);

/* Takes the first record off `rest`; the value of a delete is absent. False at the end, which is an empty rest, and at
   a damaged record, which leaves rest as it is: bytes of a disk are never CHECKed. */
bool log_record_next(span_t *rest, log_record_t *record);

#endif
