/* SPDX-License-Identifier: MIT */
/*
 * journal_format: the journal's bytes on disk, drawn in journal.h: the one writer and the one reader of both headers,
 * of the hashes and of segment names. Plain functions over the caller's bytes; any thread.
 */
#ifndef DORAN_STORAGE_JOURNAL_FORMAT_H
#define DORAN_STORAGE_JOURNAL_FORMAT_H

#include "storage/journal.h"

#define JOURNAL_VERSION 1
#define JOURNAL_BATCH_MAGIC 0x54414244u   /* "DBAT" */
#define JOURNAL_SEGMENT_MAGIC 0x47455344u /* "DSEG" */
#define JOURNAL_SEGMENT_HEADER_BYTES 40   /* used of JOURNAL_BLOCK */

/* No stream gets so far; up to here no sum of positions and lengths overflows. */
#define JOURNAL_POSITION_MAX ((uint64_t)1 << 62)

/* What one batch may take in the stream. */
#define JOURNAL_BATCH_BYTES_MAX                                                                                        \
    ((JOURNAL_HEADER_BYTES + BATCH_RECORDS_BYTES + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN)

typedef struct journal_header {
    uint64_t position, generation, synced_through;
    uint64_t number; /* 0: a closing header */
    uint64_t records_hash;
    uint32_t records_bytes, record_count;
    uint16_t shard;
} journal_header_t;

/* What the hashes of this folder's batches start from. */
uint64_t journal_seed(const uint8_t folder_id[16]);
uint64_t journal_hash(uint64_t seed, const void *bytes, size_t len);

void journal_header_write(const journal_header_t *self, uint64_t seed, uint8_t to[JOURNAL_HEADER_BYTES]);
/* False unless this is a whole header that belongs at `position`. */
bool journal_header_read(const uint8_t from[JOURNAL_HEADER_BYTES], uint64_t seed, uint64_t position,
                         journal_header_t *header);
/* Cheap: does it begin like one? */
bool journal_header_begins(const uint8_t *from);

static inline uint64_t journal_align(uint64_t bytes) {
    return (bytes + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

/* What of the stream may be filled with batches: a closing header must fit behind them, and the last unit stays
   unwritten (journal.h says why). */
static inline uint64_t journal_room_between(uint64_t position, uint64_t end) {
    uint64_t kept = 2 * JOURNAL_ALIGN;
    return end > position + kept ? end - position - kept : 0;
}

/* Position behind the batch. */
static inline uint64_t journal_header_end(const journal_header_t *self) {
    return self->position + journal_align(JOURNAL_HEADER_BYTES + (uint64_t)self->records_bytes);
}

/* Fills the block but for its zeros: JOURNAL_SEGMENT_HEADER_BYTES. */
void journal_segment_write(const uint8_t folder_id[16], uint64_t start, uint8_t to[JOURNAL_SEGMENT_HEADER_BYTES]);
/* False unless this is a whole segment header of this version. */
bool journal_segment_read(const uint8_t from[JOURNAL_SEGMENT_HEADER_BYTES], uint8_t folder_id[16], uint64_t *start);

/* A segment's name: 16 hex digits and ".segment". While it is made, ".part" follows. */
#define JOURNAL_NAME_BYTES sizeof("0123456789abcdef.segment.part")
void journal_name_write(uint64_t start, char name[JOURNAL_NAME_BYTES]);
/* False for any other name, and for a position at which no segment can start. */
bool journal_name_read(const char *name, uint64_t *start);
void journal_part_name_write(uint64_t start, char name[JOURNAL_NAME_BYTES]);
bool journal_part_name_is(const char *name);

#endif
