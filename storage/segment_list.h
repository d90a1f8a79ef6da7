/* SPDX-License-Identifier: MIT */
/*
 * segment_list: segments of a folder in the order of their start. Recovery and reader look at the stream through one,
 * the writer and the keeper of the files each own another. One thread at a time.
 */
#ifndef DORAN_STORAGE_SEGMENT_LIST_H
#define DORAN_STORAGE_SEGMENT_LIST_H

#include "storage/segment_file.h"

#include <sys/uio.h>

typedef struct segment_list {
    segment_file_t *items;
    size_t count, capacity;
} segment_list_t;

/* Closes the files and frees the list, which is then empty. */
void segment_list_fini(segment_list_t *self);

/* Everything in the folder that has a segment's name, not open. The list must be empty. */
MUST_USE status_t segment_list_scan(segment_list_t *self, int folder, failure_t failure);
/* Takes away and closes the first `count`. */
void segment_list_drop(segment_list_t *self, size_t count);
void segment_list_add(segment_list_t *self, segment_file_t segment);

/* Opens the segment that holds position `from` and all after it, each of which must begin where the one before ends. If
   `known`, all must be of this folder, else folder_id becomes that of the first. Damage is named; the list must be
   empty. */
MUST_USE status_t segment_list_open(segment_list_t *self, int folder, uint64_t from, bool to_write,
                                    uint8_t folder_id[16], bool known, failure_t failure);

/* The segment that holds this position, or NULL. */
segment_file_t *segment_list_find(const segment_list_t *self, uint64_t position);
/* Writes the vector's first `bytes` bytes at position, across segments, and consumes them. INTERNAL on any error. */
MUST_USE status_t segment_list_write(const segment_list_t *self, struct iovec *vector, size_t count, uint64_t position,
                                     uint64_t bytes, failure_t failure);
/* Syncs each segment with bytes in [from, through) once and adds the number of syncs. INTERNAL on any error. */
MUST_USE status_t segment_list_sync(const segment_list_t *self, uint64_t from, uint64_t through, uint64_t *syncs,
                                    failure_t failure);
/* Position behind the last segment; JOURNAL_START if there is none. */
uint64_t segment_list_end(const segment_list_t *self);

#endif
