/* SPDX-License-Identifier: MIT */
/*
 * What a folder may hold, in order of names:
 *
 *   [spare] [spare]  gap  [segment with `from`] [segment] ... [segment]
 *   below what the store   these must follow each other without a gap
 *   has: names only
 */
#include "storage/segment_list.h"

#include "storage/file.h"

void segment_list_fini(segment_list_t *self) {
    segment_list_drop(self, self->count);
    free(self->items);
    *self = (segment_list_t){0};
}

void segment_list_drop(segment_list_t *self, size_t count) {
    CHECK(count <= self->count, "%zu of %zu", count, self->count);
    for (size_t i = 0; i < count; i++) {
        segment_file_close(&self->items[i]);
    }
    self->count -= count;
    if (count > 0 && self->count > 0) {
        memmove(self->items, self->items + count, self->count * sizeof(*self->items));
    }
}

void segment_list_add(segment_list_t *self, segment_file_t segment) {
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 16 : 2 * self->capacity;
        self->items = realloc(self->items, self->capacity * sizeof(*self->items));
        CHECK(self->items != NULL, "out of memory");
    }
    self->items[self->count++] = segment;
}

static void note_name(void *context, const char *name) {
    segment_file_t segment = {.file = -1};
    if (journal_name_read(name, &segment.start)) {
        segment_list_add(context, segment);
    }
}

static int by_start(const void *a, const void *b) {
    uint64_t first = ((const segment_file_t *)a)->start, second = ((const segment_file_t *)b)->start;
    return (first > second) - (first < second);
}

status_t segment_list_scan(segment_list_t *self, int folder, failure_t failure) {
    CHECK(self->count == 0, "%zu segments", self->count);
    int code = folder_list(folder, note_name, self);
    if (code != 0) {
        return failure_of_call(failure, code, "cannot list the journal's folder");
    }
    if (self->count > 0) {
        qsort(self->items, self->count, sizeof(*self->items), by_start);
    }
    status_t status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < self->count; i++) {
        status = segment_file_find(folder, self->items[i].start, &self->items[i], failure);
    }
    return status;
}

static status_t check_covered(const segment_list_t *self, uint64_t from, failure_t failure) {
    if (self->count == 0 || self->items[0].start > from) {
        return failure_say(failure, "damaged journal: the segment with position %016llx is missing",
                           (unsigned long long)from);
    }
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].bytes == 0) {
            return failure_say(failure, "damaged journal: %016llx.segment has a size that no segment has",
                               (unsigned long long)self->items[i].start);
        }
    }
    for (size_t i = 1; i < self->count; i++) {
        uint64_t end = segment_file_end(&self->items[i - 1]), start = self->items[i].start;
        if (end != start) {
            return failure_say(failure, "damaged journal: %016llx.segment %s: the one before it ends at %016llx",
                               (unsigned long long)start,
                               end < start ? "follows a missing segment" : "begins inside another segment",
                               (unsigned long long)end);
        }
    }
    uint64_t end = segment_list_end(self);
    if (from >= end) {
        return failure_say(failure, "damaged journal: position %016llx is beyond its end at %016llx",
                           (unsigned long long)from, (unsigned long long)end);
    }
    return STATUS_OK;
}

static status_t open_each(segment_list_t *self, int folder, bool to_write, uint8_t folder_id[16], bool known,
                          failure_t failure) {
    for (size_t i = 0; i < self->count; i++) {
        uint8_t found[16];
        status_t status = segment_file_open(&self->items[i], folder, to_write, found, failure);
        if (status != STATUS_OK) {
            return status;
        }
        if (!known && i == 0) {
            memcpy(folder_id, found, 16);
        }
        if (memcmp(folder_id, found, 16) != 0) {
            return failure_say(failure, "damaged journal: %016llx.segment at offset 8 belongs to another folder",
                               (unsigned long long)self->items[i].start);
        }
    }
    return STATUS_OK;
}

status_t segment_list_open(segment_list_t *self, int folder, uint64_t from, bool to_write, uint8_t folder_id[16],
                           bool known, failure_t failure) {
    status_t status = segment_list_scan(self, folder, failure);
    if (status != STATUS_OK) {
        return status;
    }
    size_t below = 0;
    while (below + 1 < self->count && self->items[below + 1].start <= from) {
        below++;
    }
    segment_list_drop(self, below);
    status = check_covered(self, from, failure);
    return status == STATUS_OK ? open_each(self, folder, to_write, folder_id, known, failure) : status;
}

segment_file_t *segment_list_find(const segment_list_t *self, uint64_t position) {
    for (size_t i = 0; i < self->count; i++) {
        if (position >= self->items[i].start && position < segment_file_end(&self->items[i])) {
            return &self->items[i];
        }
    }
    return NULL;
}

status_t segment_list_write(const segment_list_t *self, struct iovec *vector, size_t count, uint64_t position,
                            uint64_t bytes, failure_t failure) {
    while (bytes > 0) {
        const segment_file_t *segment = segment_list_find(self, position);
        CHECK(segment != NULL, "position %llu", (unsigned long long)position);
        uint64_t room = segment_file_end(segment) - position, part = bytes < room ? bytes : room;
        int code = file_write_vector(segment->file, &vector, &count, part, segment_file_offset(segment, position));
        if (code != 0) {
            return failure_of_call(failure, code, "cannot write to the journal's %016llx.segment",
                                   (unsigned long long)segment->start);
        }
        position += part;
        bytes -= part;
    }
    return STATUS_OK;
}

status_t segment_list_sync(const segment_list_t *self, uint64_t from, uint64_t through, uint64_t *syncs,
                           failure_t failure) {
    for (size_t i = 0; i < self->count; i++) {
        const segment_file_t *segment = &self->items[i];
        if (segment_file_end(segment) <= from || segment->start >= through) {
            continue;
        }
        int code = file_sync(segment->file);
        if (code != 0) {
            return failure_of_call(failure, code, "cannot sync the journal's %016llx.segment",
                                   (unsigned long long)segment->start);
        }
        ++*syncs;
    }
    return STATUS_OK;
}

uint64_t segment_list_end(const segment_list_t *self) {
    return self->count == 0 ? JOURNAL_START : segment_file_end(&self->items[self->count - 1]);
}
