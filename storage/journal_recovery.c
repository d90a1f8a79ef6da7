/* SPDX-License-Identifier: MIT */
/*
 * The walk starts where the store ends and goes from batch to batch:
 *
 *        applied          synced_through          end
 *   … ──────┼── batch ── batch ──┼── batch ── batch ──┼── ? ──────────────────────┐ end of the segments
 *           │ known to be durable│  read back, maybe  │  looked through for a header that
 *           │                    │  from a cache only │  says that this place was durable
 *
 * A shard's effects leave only after a sync, so what is lost behind `end` was told to nobody, unless such a header is
 * found. What stands between synced_through and end may have been read from the page cache only, even after a sync that
 * failed, and is written again before anything is built on it. Nothing is written before all judgements are made.
 */
#include "storage/journal_recovery.h"

#include "storage/journal_reader.h"

#include <inttypes.h>

typedef struct walk {
    journal_reader_t reader;
    uint64_t end;            /* behind the last accepted batch */
    uint64_t generation;     /* of the last accepted batch, at first the one given */
    uint64_t synced_through; /* the highest that an accepted header, or the store, says */
} walk_t;

/* The store's position is the end of a batch. That batch is looked for, backwards, as far as its segment still goes: so
   a store that is ahead of an older copy of the journal does not pass for a journal without a tail. */
static status_t check_applied(walk_t *self, uint64_t applied) {
    uint64_t first = self->reader.segments->items[0].start;
    bool cut = applied - first <= JOURNAL_BATCH_BYTES_MAX; /* the batch may begin in a segment that is gone */
    uint64_t lowest = cut ? first : applied - JOURNAL_BATCH_BYTES_MAX;
    for (uint64_t position = applied; position > lowest;) {
        position -= JOURNAL_ALIGN;
        const uint8_t *bytes = NULL;
        status_t status = journal_reader_bytes(&self->reader, lowest, applied - lowest, &bytes);
        if (status != STATUS_OK) {
            return status;
        }
        journal_header_t header;
        if (!journal_header_read(bytes + (position - lowest), self->reader.seed, position, &header)) {
            continue;
        }
        if (journal_header_end(&header) == applied && header.generation <= self->generation) {
            return STATUS_OK;
        }
        return journal_reader_damage(&self->reader, applied,
                                     "the store ends here, but no batch of its generation does");
    }
    if (applied == JOURNAL_START || (cut && first > JOURNAL_START)) {
        return STATUS_OK;
    }
    return journal_reader_damage(&self->reader, applied, "the store ends here, but no batch does");
}

static status_t accept(walk_t *self, const journal_header_t *header, span_t records, journal_visit_fn visit,
                       void *context) {
    self->end = journal_header_end(header);
    self->generation = header->generation;
    if (header->synced_through > self->synced_through) {
        self->synced_through = header->synced_through;
    }
    return journal_reader_visit(&self->reader, header, records, visit, context);
}

static status_t walk_batches(walk_t *self, journal_visit_fn visit, void *context) {
    for (;;) {
        journal_place_t place;
        journal_header_t header;
        span_t records = {0};
        status_t status = journal_reader_look(&self->reader, self->end, &place, &header, &records);
        if (status != STATUS_OK) {
            return status;
        }
        if (place == JOURNAL_PLACE_BAD || header.generation < self->generation) {
            return STATUS_OK;
        }
        if (place == JOURNAL_PLACE_BEYOND) {
            return journal_reader_damage(&self->reader, self->end, "this batch goes on in a segment that is missing");
        }
        status = accept(self, &header, records, visit, context);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

/* Does this header, found behind `end`, show that what should be at `end` was durable? It may say so. Or it is of a
   newer generation than all that was accepted, which is only ever written behind a closing header that is durable. What
   this leaves behind `end` is older than the generation that begins now, and never comes back. */
static bool is_witness(const walk_t *self, const journal_header_t *header) {
    return header->generation > self->generation ||
           (header->generation == self->generation && header->synced_through > self->end);
}

static status_t find_witness(walk_t *self, bool *found, journal_header_t *witness) {
    for (uint64_t position = self->end + JOURNAL_ALIGN; position < self->reader.end; position += JOURNAL_ALIGN) {
        const uint8_t *bytes = NULL;
        status_t status = journal_reader_bytes(&self->reader, position, JOURNAL_HEADER_BYTES, &bytes);
        if (status != STATUS_OK) {
            return status;
        }
        if (journal_header_begins(bytes) && journal_header_read(bytes, self->reader.seed, position, witness) &&
            is_witness(self, witness)) {
            *found = true;
            return STATUS_OK;
        }
    }
    *found = false;
    return STATUS_OK;
}

static status_t judge_end(walk_t *self) {
    if (self->end == self->reader.end) {
        return journal_reader_damage(&self->reader, self->end, "the journal goes on in a segment that is missing");
    }
    bool found = false;
    journal_header_t witness;
    status_t status = find_witness(self, &found, &witness);
    if (status != STATUS_OK || !found) {
        return status;
    }
    char what[128];
    snprintf(what, sizeof(what), "no valid batch, though the one at position %016" PRIx64 " shows that it was durable",
             witness.position);
    return journal_reader_damage(&self->reader, self->end, what);
}

/* Writes one batch where it stands, from the window, where its hash was right just now: what the disk would give on
   another reading may be something else. */
static status_t write_batch_anew(walk_t *self, uint64_t *position) {
    journal_place_t place;
    journal_header_t header;
    span_t records = {0};
    status_t status = journal_reader_look(&self->reader, *position, &place, &header, &records);
    if (status == STATUS_OK && place != JOURNAL_PLACE_BATCH) {
        return journal_reader_damage(&self->reader, *position, "this batch changed while it was read");
    }
    uint64_t bytes = status == STATUS_OK ? journal_header_end(&header) - *position : 0;
    const uint8_t *found = NULL;
    if (status == STATUS_OK) {
        status = journal_reader_bytes(&self->reader, *position, bytes, &found);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct iovec vector = {.iov_base = (void *)found, .iov_len = bytes};
    status = segment_list_write(self->reader.segments, &vector, 1, *position, bytes, self->reader.failure);
    *position += bytes;
    return status;
}

static status_t write_anew(walk_t *self) {
    uint64_t position = self->synced_through, syncs = 0;
    status_t status = STATUS_OK;
    while (status == STATUS_OK && position < self->end) {
        status = write_batch_anew(self, &position);
    }
    return status == STATUS_OK
               ? segment_list_sync(self->reader.segments, self->synced_through, self->end, &syncs, self->reader.failure)
               : status;
}

static status_t recover(walk_t *self, uint64_t applied, journal_visit_fn visit, void *context) {
    status_t status = check_applied(self, applied);
    if (status == STATUS_OK) {
        status = walk_batches(self, visit, context);
    }
    if (status == STATUS_OK) {
        status = judge_end(self);
    }
    return status == STATUS_OK ? write_anew(self) : status;
}

status_t journal_recover(int folder, const uint8_t folder_id[16], uint64_t applied, uint64_t generation,
                         journal_visit_fn visit, void *context, journal_recovery_t *recovered, failure_t failure) {
    if (applied % JOURNAL_ALIGN != 0 || applied > JOURNAL_POSITION_MAX) {
        return failure_say(failure, "damaged store: it ends at %016" PRIx64 ", where no batch of a journal can end",
                           applied);
    }
    segment_list_t segments = {0};
    uint8_t id[16];
    memcpy(id, folder_id, sizeof(id));
    status_t status = segment_list_open(&segments, folder, applied, true, id, true, failure);
    if (status == STATUS_OK) {
        walk_t walk = {.end = applied, .generation = generation, .synced_through = applied};
        journal_reader_init(&walk.reader, &segments, journal_seed(folder_id), segment_list_end(&segments), failure);
        status = recover(&walk, applied, visit, context);
        journal_reader_fini(&walk.reader);
        if (status == STATUS_OK) {
            *recovered = (journal_recovery_t){.segments = segments, .end = walk.end, .generation = walk.generation};
            return STATUS_OK;
        }
    }
    segment_list_fini(&segments);
    return status;
}
