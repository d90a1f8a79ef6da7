/* SPDX-License-Identifier: MIT */
/*
 * segment_file: one file of the journal: a header block, then `bytes` of the stream from `start` on (drawn in
 * journal.h). The struct is plain, copied by value; whoever holds it with an open file closes it. One thread at a time.
 *
 * A file has its name only when it is whole and synced, header included, and every function that gives one a name has
 * synced the folder: so a crash leaves a ".part" or an old segment, never half a new one.
 */
#ifndef DORAN_STORAGE_SEGMENT_FILE_H
#define DORAN_STORAGE_SEGMENT_FILE_H

#include "storage/failure.h"
#include "storage/journal_format.h"

typedef struct segment_file {
    uint64_t start, bytes;
    int file; /* -1: not open */
} segment_file_t;

static inline uint64_t segment_file_end(const segment_file_t *self) {
    return self->start + self->bytes;
}

/* Where this position of the stream stands in the file. */
static inline uint64_t segment_file_offset(const segment_file_t *self, uint64_t position) {
    return JOURNAL_BLOCK + (position - self->start);
}

/* Finds the size of the segment named by start: 0 bytes if the file has a size that no segment has. */
MUST_USE status_t segment_file_find(int folder, uint64_t start, segment_file_t *segment, failure_t failure);
/* Opens it, checks the header and gives the folder id found there. */
MUST_USE status_t segment_file_open(segment_file_t *self, int folder, bool to_write, uint8_t folder_id[16],
                                    failure_t failure);
void segment_file_close(segment_file_t *self);

/* Makes a new one, zeroed, and leaves it open. STORAGE_FULL: nothing is left of it. */
MUST_USE status_t segment_file_make(int folder, const uint8_t folder_id[16], uint64_t start, uint64_t bytes,
                                    segment_file_t *segment, failure_t failure);
/* Makes one out of `spare`, which nobody needs any more and whose bytes stay what they are. */
MUST_USE status_t segment_file_reuse(int folder, const uint8_t folder_id[16], uint64_t start,
                                     const segment_file_t *spare, segment_file_t *segment, failure_t failure);

#endif
