/* SPDX-License-Identifier: MIT */
/*
 * journal: the one sequential file that makes batches durable (DESIGN §2).
 *
 * The journal is a stream of bytes with 64-bit positions, cut into segment files of DIR named by the position of their
 * first byte (16 hex digits, ".segment"). A segment starts with a header block and is zeroed before its first use;
 * batches stand in the stream back to back, each aligned to JOURNAL_ALIGN, and may cross into the next segment.
 *
 *   segment header (JOURNAL_BLOCK bytes, little endian, the rest zero; data follows to the end of the file):
 *     +0  u32 magic "DSEG"       +8  folder id, 16 bytes
 *     +4  u16 version            +24 u64 start
 *     +6  u16 zero               +32 u64 XXH3 of the 32 bytes before
 *   batch header (64 bytes, little endian):
 *     +0  u32 magic "DBAT"       +32 u64 batch number of the shard (0: a closing header)
 *     +4  u16 version            +40 u32 bytes of records
 *     +6  u16 shard              +44 u32 number of records
 *     +8  u64 position           +48 u64 XXH3 of the records
 *     +16 u64 generation         +56 u64 XXH3 of the 56 bytes before
 *     +24 u64 synced_through: everything below was durable when this header was written
 *
 * Both hashes of a batch are seeded with the hash of the folder id: what a client puts into a value can then never look
 * like a batch, wherever a cut leaves it, and neither can the journal of another folder.
 *
 * A closing header has no records; it is written (and synced) when the journal is idle or stops, so that all before it
 * is known to have been durable. The last JOURNAL_ALIGN bytes of the last segment are never written: a stream that is
 * full to its end has lost a segment. Recovery (DESIGN §2, "Journal format"), in journal_open:
 *   - an older generation than the batch before, or than the one given, ends the journal, as does a bad batch;
 *   - but where a later header shows that this place was durable (it says so and is of no older generation, or is of a
 *     newer one, which begins with a closing header), it is damage, and so is a position beyond the end or between
 *     batches, and a missing or unreadable segment: named in the error, no start;
 *   - only else it is a torn tail, which is cut;
 *   - what is accepted above the last synced_through is written anew and synced, then a closing header of the raised
 *     generation is written and synced.
 *
 * Threads: journal_open and the recovery in one thread before the ring starts; then the journal thread alone appends,
 * and the applier's thread alone reads (journal_read) and keeps the files (segments.h).
 * Every error on an open segment is fatal: the caller stops the server, nothing is retried.
 */
#ifndef DORAN_STORAGE_JOURNAL_H
#define DORAN_STORAGE_JOURNAL_H

#include "storage/batch.h"

#define JOURNAL_ALIGN 512
#define JOURNAL_BLOCK 4096
#define JOURNAL_HEADER_BYTES 64

typedef struct journal journal_t;

typedef struct journal_batch { /* one batch read back */
    uint64_t position, generation, number;
    uint64_t end; /* position behind it, aligned */
    uint16_t shard;
    uint32_t record_count;
    span_t records; /* valid during the visit */
} journal_batch_t;

/* Called for each batch with records, in order. Anything but OK ends the reading with that status. */
typedef status_t (*journal_visit_fn)(void *context, const journal_batch_t *batch);

/* Position of a new folder's first batch. */
#define JOURNAL_START 0

/* Opens the journal in dir (which exists and whose own entry is durable), recovers from `applied`, the position up to
   which the store has everything, and calls visit for every accepted batch above it. On success everything visited is
   durable, the generation is raised above all used before, and there is room for segment_bytes.
   generation: of the journal when the store recorded `applied`, 0 if it never did. After each open the store records
   journal_position and journal_generation together before anything is appended: a position of an earlier generation
   must not be recorded under a later one.
   A folder without segments is made anew if applied is JOURNAL_START and the store never recorded a generation (it is
   new, or its first start crashed); else missing segments are damage.
   folder_id (16 bytes) is written into new segments and must match in old ones.
   segment_bytes: data of a new segment, a multiple of JOURNAL_ALIGN; may differ between starts.
   On failure one sentence in error: STORAGE_FULL if there was no space for segments, the status of visit if that
   failed, else INTERNAL. */
MUST_USE status_t journal_open(const char *dir, const uint8_t folder_id[16], uint64_t applied, uint64_t generation,
                               size_t segment_bytes, journal_visit_fn visit, void *context, journal_t **journal,
                               char *error, size_t error_bytes);
/* Closes the files; writes nothing (see journal_close_header). */
void journal_destroy(journal_t **self_p);

uint64_t journal_generation(const journal_t *self);
/* Where the next batch goes; everything below is durable unless an append is under way. */
uint64_t journal_position(const journal_t *self);
/* Bytes that can be appended before another segment must be added; a closing header always fits besides. */
uint64_t journal_room(const journal_t *self);
/* Bytes that this batch will take in the stream; 0 if it has no records. */
uint64_t journal_batch_bytes(const batch_t *batch);
/* Appends the batches that have records, in order, and syncs once. CHECKs that there is room. INTERNAL: stop the
   server; from then on every call fails. */
MUST_USE status_t journal_append(journal_t *self, batch_t *const *batches, size_t count);
/* Writes and syncs a closing header, unless the last thing written is one. */
MUST_USE status_t journal_close_header(journal_t *self);
/* A segment prepared by segments_prepare; takes the descriptor. Segments join in the order of their start. */
void journal_add_segment(journal_t *self, uint64_t start, uint64_t bytes, int fd);
/* What went wrong last, for the log. */
const char *journal_error(const journal_t *self);

/* Figures since the start; bytes and syncs are of appends and closing headers, segments those open for appending. */
typedef struct journal_stats {
    uint64_t position, synced_through, generation, bytes, syncs, segments;
} journal_stats_t;
journal_stats_t journal_stats(const journal_t *self);

/* Reading what is durable already, for the applier: batches in [from, through), both positions of batches or ends.
   INTERNAL with a sentence if the bytes are not what was written. */
MUST_USE status_t journal_read(const char *dir, uint64_t from, uint64_t through, journal_visit_fn visit, void *context,
                               char *error, size_t error_bytes);

#endif
