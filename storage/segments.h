/* SPDX-License-Identifier: MIT */
/*
 * segments: the journal's files coming and going. Makes the next segment before it is needed, from a segment that the
 * store no longer needs (renamed) or anew (zeroed, synced), and syncs the folder. Owned by the applier's thread; opened
 * after journal_open, which uses one of its own for the segments that it needs.
 */
#ifndef DORAN_STORAGE_SEGMENTS_H
#define DORAN_STORAGE_SEGMENTS_H

#include "storage/journal.h"

typedef struct segments segments_t;

/* Looks at the files of dir, removes what a crash left half made, and syncs the folder.
   segment_bytes: data of a new segment, a multiple of JOURNAL_ALIGN. */
MUST_USE status_t segments_open(const char *dir, const uint8_t folder_id[16], size_t segment_bytes,
                                segments_t **segments, char *error, size_t error_bytes);
void segments_destroy(segments_t **self_p);
/* Everything below `applied` is in the store, durably: segments wholly below it may be used again. Keeps one or two
   spares, unlinks others. */
MUST_USE status_t segments_release(segments_t *self, uint64_t applied);
/* Makes the next segment. start, bytes and fd go to journal_add_segment. STORAGE_FULL: no space, try again later;
   INTERNAL: fatal. */
MUST_USE status_t segments_prepare(segments_t *self, uint64_t *start, uint64_t *bytes, int *fd);
/* Files, spares included. */
size_t segments_count(const segments_t *self);
/* Position behind the last segment. */
uint64_t segments_end(const segments_t *self);
/* What journal_room is once the journal has all these segments and stands at `position`: who makes segments until there
   is room compares with this, or the journal asks again for what the keeper thinks it has. */
uint64_t segments_room(const segments_t *self, uint64_t position);
/* What went wrong last, for the log. */
const char *segments_error(const segments_t *self);

#endif
