/* SPDX-License-Identifier: MIT */
/*
 * The window moves forward over the stream; a look that does not fit into what it holds fills it anew from there on:
 *
 *   segment ──────────────────┐┌────────────────── segment
 *   … batch │ batch │ batch ──┼┼── batch │ batch │ …
 *           └── window ───────┴┴────────────┘
 */
#include "storage/journal_reader.h"

#include "storage/file.h"

#include <inttypes.h>

void journal_reader_init(journal_reader_t *self, const segment_list_t *segments, uint64_t seed, uint64_t end,
                         failure_t failure) {
    *self = (journal_reader_t){.segments = segments, .seed = seed, .end = end, .failure = failure};
    uint64_t all = end - segments->items[0].start;
    self->capacity = all < JOURNAL_WINDOW_BYTES ? all : JOURNAL_WINDOW_BYTES;
    self->window = malloc(self->capacity);
    CHECK(self->window != NULL, "out of memory");
}

void journal_reader_fini(journal_reader_t *self) {
    free(self->window);
    *self = (journal_reader_t){0};
}

static status_t fill_window(journal_reader_t *self, uint64_t position) {
    uint64_t left = self->end - position;
    uint64_t wanted = left < self->capacity ? left : self->capacity;
    self->start = position;
    self->filled = 0;
    while (self->filled < wanted) {
        uint64_t at = position + self->filled;
        const segment_file_t *segment = segment_list_find(self->segments, at);
        CHECK(segment != NULL, "position %" PRIu64, at);
        uint64_t part = segment_file_end(segment) - at;
        if (part > wanted - self->filled) {
            part = wanted - self->filled;
        }
        int code = file_read(segment->file, self->window + self->filled, part, segment_file_offset(segment, at));
        if (code != 0) {
            return failure_of_call(self->failure, code,
                                   "cannot read the journal's %016" PRIx64 ".segment at offset %" PRIu64,
                                   segment->start, segment_file_offset(segment, at));
        }
        self->filled += part;
    }
    return STATUS_OK;
}

status_t journal_reader_bytes(journal_reader_t *self, uint64_t position, size_t bytes, const uint8_t **found) {
    CHECK(position <= self->end && bytes <= self->end - position && bytes <= self->capacity,
          "%zu bytes at %" PRIu64 ", end %" PRIu64, bytes, position, self->end);
    bool inside = position >= self->start && position - self->start <= self->filled &&
                  bytes <= self->filled - (position - self->start);
    if (!inside) {
        status_t status = fill_window(self, position);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *found = self->window + (position - self->start);
    return STATUS_OK;
}

status_t journal_reader_look(journal_reader_t *self, uint64_t position, journal_place_t *place,
                             journal_header_t *header, span_t *records) {
    *place = JOURNAL_PLACE_BAD;
    if (position >= self->end) {
        return STATUS_OK;
    }
    const uint8_t *bytes = NULL;
    status_t status = journal_reader_bytes(self, position, JOURNAL_HEADER_BYTES, &bytes);
    journal_header_t found;
    if (status != STATUS_OK || !journal_header_read(bytes, self->seed, position, &found)) {
        return status;
    }
    if (journal_header_end(&found) > self->end) {
        *place = JOURNAL_PLACE_BEYOND;
        *header = found;
        return STATUS_OK;
    }
    status = journal_reader_bytes(self, position, journal_header_end(&found) - position, &bytes);
    if (status != STATUS_OK ||
        journal_hash(self->seed, bytes + JOURNAL_HEADER_BYTES, found.records_bytes) != found.records_hash) {
        return status;
    }
    *place = JOURNAL_PLACE_BATCH;
    *header = found;
    *records = span_of(bytes + JOURNAL_HEADER_BYTES, found.records_bytes);
    return STATUS_OK;
}

status_t journal_reader_damage(const journal_reader_t *self, uint64_t position, const char *what) {
    const segment_file_t *segment = segment_list_find(self->segments, position);
    if (segment == NULL) {
        return failure_say(self->failure, "damaged journal: position %016" PRIx64 ", beyond the last segment: %s",
                           position, what);
    }
    return failure_say(self->failure, "damaged journal: %016" PRIx64 ".segment at offset %" PRIu64 ": %s",
                       segment->start, segment_file_offset(segment, position), what);
}

status_t journal_reader_visit(const journal_reader_t *self, const journal_header_t *header, span_t records,
                              journal_visit_fn visit, void *context) {
    if (header->number == 0) {
        return STATUS_OK;
    }
    journal_batch_t batch = {
        .position = header->position,
        .generation = header->generation,
        .number = header->number,
        .end = journal_header_end(header),
        .shard = header->shard,
        .record_count = header->record_count,
        .records = records,
    };
    status_t status = visit(context, &batch);
    if (status != STATUS_OK) {
        failure_say(self->failure, "the batch at position %016" PRIx64 " of the journal was refused: %s",
                    header->position, status_text(status));
    }
    return status;
}

static status_t read_batches(journal_reader_t *self, uint64_t position, journal_visit_fn visit, void *context) {
    uint64_t generation = 0;
    while (position < self->end) {
        journal_place_t place;
        journal_header_t header;
        span_t records = {0};
        status_t status = journal_reader_look(self, position, &place, &header, &records);
        if (status == STATUS_OK && (place != JOURNAL_PLACE_BATCH || header.generation < generation)) {
            status = journal_reader_damage(self, position, "this is not the batch that was written");
        }
        if (status == STATUS_OK) {
            status = journal_reader_visit(self, &header, records, visit, context);
        }
        if (status != STATUS_OK) {
            return status;
        }
        generation = header.generation;
        position = journal_header_end(&header);
    }
    return STATUS_OK;
}

static status_t read_range(int folder, uint64_t from, uint64_t through, journal_visit_fn visit, void *context,
                           failure_t failure) {
    segment_list_t segments = {0};
    uint8_t folder_id[16];
    status_t status = segment_list_open(&segments, folder, from, false, folder_id, false, failure);
    if (status == STATUS_OK && through > segment_list_end(&segments)) {
        status = failure_say(failure, "damaged journal: position %016" PRIx64 " is beyond its end at %016" PRIx64,
                             through, segment_list_end(&segments));
    }
    if (status == STATUS_OK) {
        journal_reader_t reader;
        journal_reader_init(&reader, &segments, journal_seed(folder_id), through, failure);
        status = read_batches(&reader, from, visit, context);
        journal_reader_fini(&reader);
    }
    segment_list_fini(&segments);
    return status;
}

status_t journal_read(const char *dir, uint64_t from, uint64_t through, journal_visit_fn visit, void *context,
                      char *error, size_t error_bytes) {
    CHECK(from <= through && from % JOURNAL_ALIGN == 0, "from %" PRIu64 " through %" PRIu64, from, through);
    failure_t failure = {.text = error, .bytes = error_bytes};
    if (from == through) {
        return STATUS_OK;
    }
    int folder = -1, code = folder_open(dir, &folder);
    if (code != 0) {
        return failure_of_call(failure, code, "cannot open the journal's folder %s", dir);
    }
    status_t status = read_range(folder, from, through, visit, context, failure);
    file_close(&folder);
    return status;
}
