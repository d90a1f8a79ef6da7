/* SPDX-License-Identifier: MIT */
/*
 * The writer. One append is one piece of the stream, written with as few calls as the segments allow and synced once:
 *
 *   position = synced_through                                          new position
 *   ├ header │ records │ zeros to 512 ┼ header │ records │ zeros to 512 ┼ zeros to the file's next 4096
 *
 * The last zeros are beyond the stream. They make the write end with a page: a page of a segment in use again is often
 * no longer in memory, and the kernel would have to read it from the disk before it could change a part of it.
 *
 * Every header of an append says the same synced_through: where the append begins. Room is kept so that a closing
 * header always fits behind the last batch, and so that the last unit of the last segment stays unwritten (journal.h
 * says why).
 */
#include "storage/journal.h"

#include "storage/file.h"
#include "storage/journal_recovery.h"
#include "storage/segments.h"

#include <inttypes.h>
#include <limits.h>

#define GROUP_BATCHES 128 /* written with one call */

static const uint8_t zeros[JOURNAL_BLOCK];

struct journal {
    segment_list_t segments; /* open; the first holds position */
    uint64_t seed;
    uint64_t generation;
    uint64_t position;       /* where the next batch goes */
    uint64_t synced_through; /* = position unless an append is under way or failed */
    bool closed;             /* the last thing written is a closing header */
    bool failed;             /* for good */
    uint64_t bytes, syncs;   /* since the start */
    char error[256];

    /* The write under way. */
    uint64_t end; /* behind what is gathered */
    size_t count; /* of the vector */
    uint8_t headers[GROUP_BATCHES][JOURNAL_HEADER_BYTES];
    struct iovec vector[3 * GROUP_BATCHES + 1]; /* header, records, zeros for each; zeros to the end of the page */
};

static_assert(3 * GROUP_BATCHES + 1 <= IOV_MAX, "a group is one call");

/* Opening. */

static status_t add_segment(journal_t *self, segments_t *segments, failure_t failure) {
    uint64_t start, bytes;
    int file;
    status_t status = segments_prepare(segments, &start, &bytes, &file);
    if (status == STATUS_OK) {
        journal_add_segment(self, start, bytes, file);
    } else {
        failure_say(failure, "%s", segments_error(segments));
    }
    return status;
}

static status_t make_room(journal_t *self, segments_t *segments, uint64_t applied, size_t segment_bytes,
                          failure_t failure) {
    status_t status = segments_release(segments, applied);
    if (status != STATUS_OK) {
        failure_say(failure, "%s", segments_error(segments));
    }
    while (status == STATUS_OK && journal_room(self) < segment_bytes) {
        status = add_segment(self, segments, failure);
    }
    return status;
}

/* The first segment of a new folder, which recovery then finds like any other. */
static status_t make_first(segments_t *segments, failure_t failure) {
    uint64_t start, bytes;
    int file = -1;
    status_t status = segments_prepare(segments, &start, &bytes, &file);
    if (status != STATUS_OK) {
        failure_say(failure, "%s", segments_error(segments));
    }
    file_close(&file);
    return status;
}

static journal_t *journal_new(const journal_recovery_t *recovered, const uint8_t folder_id[16]) {
    journal_t *self = calloc(1, sizeof(*self));
    CHECK(self != NULL, "out of memory");
    self->segments = recovered->segments;
    self->seed = journal_seed(folder_id);
    self->generation = recovered->generation + 1;
    self->position = self->synced_through = recovered->end;
    return self;
}

/* What of the segments is behind the position is never written again. */
static void drop_full(journal_t *self) {
    size_t full = 0;
    while (full < self->segments.count && segment_file_end(&self->segments.items[full]) <= self->position) {
        full++;
    }
    segment_list_drop(&self->segments, full);
}

status_t journal_open(const char *dir, const uint8_t folder_id[16], uint64_t applied, uint64_t generation,
                      size_t segment_bytes, journal_visit_fn visit, void *context, journal_t **journal, char *error,
                      size_t error_bytes) {
    failure_t failure = {.text = error, .bytes = error_bytes};
    journal_recovery_t recovered;
    journal_t *self = NULL;
    segments_t *segments = NULL;
    int folder = -1, code = folder_open(dir, &folder);
    if (code != 0) {
        return failure_of_call(failure, code, "cannot open the journal's folder %s", dir);
    }
    status_t status = segments_open(dir, folder_id, segment_bytes, &segments, error, error_bytes);
    if (status == STATUS_OK && segments_count(segments) == 0 && applied == JOURNAL_START && generation == 0) {
        status = make_first(segments, failure);
    }
    if (status == STATUS_OK) {
        status = journal_recover(folder, folder_id, applied, generation, visit, context, &recovered, failure);
    }
    if (status == STATUS_OK) {
        self = journal_new(&recovered, folder_id);
        status = make_room(self, segments, applied, segment_bytes, failure);
    }
    if (status == STATUS_OK) {
        drop_full(self);
        status = journal_close_header(self);
        if (status != STATUS_OK) {
            failure_say(failure, "%s", self->error);
        }
    }
    segments_destroy(&segments);
    file_close(&folder);
    if (status != STATUS_OK) {
        journal_destroy(&self);
    } else {
        *journal = self;
    }
    return status;
}

void journal_destroy(journal_t **self_p) {
    journal_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    segment_list_fini(&self->segments);
    free(self);
    *self_p = NULL;
}

/* Appending. */

uint64_t journal_batch_bytes(const batch_t *batch) {
    return batch->records_bytes == 0 ? 0 : journal_align(JOURNAL_HEADER_BYTES + (uint64_t)batch->records_bytes);
}

static void gather(journal_t *self, const void *bytes, size_t len) {
    if (len > 0) {
        self->vector[self->count++] = (struct iovec){.iov_base = (void *)bytes, .iov_len = len};
    }
}

static void gather_header(journal_t *self, size_t index, journal_header_t header, const uint8_t *records) {
    header.position = self->end;
    header.generation = self->generation;
    header.synced_through = self->synced_through;
    header.records_hash = journal_hash(self->seed, records, header.records_bytes);
    journal_header_write(&header, self->seed, self->headers[index]);
    size_t used = JOURNAL_HEADER_BYTES + header.records_bytes;
    gather(self, self->headers[index], JOURNAL_HEADER_BYTES);
    gather(self, records, header.records_bytes);
    gather(self, zeros, journal_align(used) - used);
    self->end += journal_align(used);
}

static void gather_batch(journal_t *self, size_t index, const batch_t *batch) {
    CHECK(batch->number > 0 && batch->record_count > 0 && batch->shard < SHARDS_MAX,
          "batch %" PRIu64 " of shard %u, %u records", batch->number, batch->shard, batch->record_count);
    journal_header_t header = {.shard = batch->shard,
                               .number = batch->number,
                               .records_bytes = batch->records_bytes,
                               .record_count = batch->record_count};
    gather_header(self, index, header, batch->records);
}

/* Bytes from position to the end of its page in the file, or of its segment, if that comes first. */
static uint64_t rest_of_page(const journal_t *self, uint64_t position) {
    const segment_file_t *segment = segment_list_find(&self->segments, position);
    CHECK(segment != NULL, "position %" PRIu64, position);
    uint64_t page = (JOURNAL_BLOCK - (position - segment->start) % JOURNAL_BLOCK) % JOURNAL_BLOCK;
    uint64_t left = segment_file_end(segment) - position;
    return page < left ? page : left;
}

/* Writes what is gathered; it begins at `from`. */
static status_t write_gathered(journal_t *self, uint64_t from) {
    if (self->count == 0) {
        return STATUS_OK;
    }
    uint64_t pad = rest_of_page(self, self->end);
    gather(self, zeros, pad);
    size_t count = self->count;
    self->count = 0;
    return segment_list_write(&self->segments, self->vector, count, from, self->end - from + pad,
                              FAILURE_INTO(self->error));
}

static status_t finish(journal_t *self, status_t status, bool closed) {
    if (status == STATUS_OK) {
        status = segment_list_sync(&self->segments, self->position, self->end, &self->syncs, FAILURE_INTO(self->error));
    }
    if (status != STATUS_OK) {
        self->failed = true;
        return STATUS_INTERNAL;
    }
    self->bytes += self->end - self->position;
    self->position = self->synced_through = self->end;
    self->closed = closed;
    drop_full(self);
    return STATUS_OK;
}

static uint64_t bytes_of(batch_t *const *batches, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += journal_batch_bytes(batches[i]);
    }
    return bytes;
}

status_t journal_append(journal_t *self, batch_t *const *batches, size_t count) {
    if (self->failed) {
        return STATUS_INTERNAL;
    }
    uint64_t bytes = bytes_of(batches, count);
    if (bytes == 0) {
        return STATUS_OK;
    }
    CHECK(bytes <= journal_room(self), "%" PRIu64 " bytes, room for %" PRIu64, bytes, journal_room(self));
    self->end = self->position;
    status_t status = STATUS_OK;
    for (size_t next = 0; status == STATUS_OK && next < count;) {
        uint64_t from = self->end;
        for (size_t taken = 0; taken < GROUP_BATCHES && next < count; next++) {
            if (batches[next]->records_bytes > 0) {
                gather_batch(self, taken++, batches[next]);
            }
        }
        status = write_gathered(self, from);
    }
    return finish(self, status, false);
}

status_t journal_close_header(journal_t *self) {
    if (self->failed) {
        return STATUS_INTERNAL;
    }
    if (self->closed) {
        return STATUS_OK;
    }
    CHECK(self->position + 2 * JOURNAL_ALIGN <= segment_list_end(&self->segments), "position %" PRIu64 ", end %" PRIu64,
          self->position, segment_list_end(&self->segments));
    self->end = self->position;
    gather_header(self, 0, (journal_header_t){0}, zeros);
    return finish(self, write_gathered(self, self->position), true);
}

void journal_add_segment(journal_t *self, uint64_t start, uint64_t bytes, int fd) {
    CHECK(start == segment_list_end(&self->segments), "start %" PRIu64 ", end %" PRIu64, start,
          segment_list_end(&self->segments));
    segment_list_add(&self->segments, (segment_file_t){.start = start, .bytes = bytes, .file = fd});
}

/* Asking. */

uint64_t journal_generation(const journal_t *self) {
    return self->generation;
}

uint64_t journal_position(const journal_t *self) {
    return self->position;
}

uint64_t journal_room(const journal_t *self) {
    return journal_room_between(self->position, segment_list_end(&self->segments));
}

const char *journal_error(const journal_t *self) {
    return self->error;
}

journal_stats_t journal_stats(const journal_t *self) {
    return (journal_stats_t){
        .position = self->position,
        .synced_through = self->synced_through,
        .generation = self->generation,
        .bytes = self->bytes,
        .syncs = self->syncs,
        .segments = self->segments.count,
    };
}
