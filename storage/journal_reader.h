/* SPDX-License-Identifier: MIT */
/*
 * journal_reader: looks at the stream through a window in memory that is large enough for any batch, so that a batch
 * that crosses segments is one piece of bytes, and small ones cost no call each. Used by the recovery and by
 * journal_read. Borrows the list of open segments for its life. One thread at a time.
 */
#ifndef DORAN_STORAGE_JOURNAL_READER_H
#define DORAN_STORAGE_JOURNAL_READER_H

#include "storage/segment_list.h"

typedef struct journal_reader {
    const segment_list_t *segments;
    uint64_t seed;
    uint64_t end;      /* position behind the last byte that may be read */
    uint64_t capacity; /* of the window: JOURNAL_WINDOW_BYTES, or the whole stream if that is less */
    uint8_t *window;
    uint64_t start;    /* position of its first byte */
    uint64_t filled;   /* bytes in it */
    failure_t failure; /* what went wrong, for whoever made the reader */
} journal_reader_t;

#define JOURNAL_WINDOW_BYTES MIB(8)
static_assert(JOURNAL_WINDOW_BYTES >= JOURNAL_BATCH_BYTES_MAX, "a batch is seen in one piece");

void journal_reader_init(journal_reader_t *self, const segment_list_t *segments, uint64_t seed, uint64_t end,
                         failure_t failure);
void journal_reader_fini(journal_reader_t *self);

/* The bytes of the stream at position, valid until the next call. CHECKs that they are before the end and fit into the
   window. */
MUST_USE status_t journal_reader_bytes(journal_reader_t *self, uint64_t position, size_t bytes, const uint8_t **found);

typedef enum journal_place {
    JOURNAL_PLACE_BATCH,  /* a whole batch or closing header */
    JOURNAL_PLACE_BEYOND, /* a whole header, of a batch that goes on beyond the end */
    JOURNAL_PLACE_BAD,    /* anything else */
} journal_place_t;

/* What stands at position? header is set unless the place is bad, records only for a batch: they are valid until the
   next call. */
MUST_USE status_t journal_reader_look(journal_reader_t *self, uint64_t position, journal_place_t *place,
                                      journal_header_t *header, span_t *records);

/* Says that something is wrong at a position: names file and offset. INTERNAL. */
status_t journal_reader_damage(const journal_reader_t *self, uint64_t position, const char *what);

/* Hands a batch to visit, unless it is a closing header. The visit's status, with a sentence. */
MUST_USE status_t journal_reader_visit(const journal_reader_t *self, const journal_header_t *header, span_t records,
                                       journal_visit_fn visit, void *context);

#endif
