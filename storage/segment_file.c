/* SPDX-License-Identifier: MIT */
/*
 * New:    create X.part → take the space, zeros, sync → header, sync → rename to X → sync the folder
 * Reused: open the old name → header, sync → rename to X → sync the folder
 *
 * A crash between the header and the rename leaves an old name over a new header. Nobody minds: the old name is wholly
 * below what the store has, where recovery looks at names only. The stale bytes in a reused segment need no zeros: each
 * batch header says its position, and no stale one says the right one.
 */
#include "storage/segment_file.h"

#include "storage/file.h"

static bool is_size(uint64_t size) {
    return size >= JOURNAL_BLOCK + JOURNAL_ALIGN && size % JOURNAL_ALIGN == 0 && size <= JOURNAL_POSITION_MAX;
}

static status_t open_named(segment_file_t *self, int folder, const char *name, bool to_write, uint64_t *size,
                           failure_t failure) {
    int code = to_write ? file_open(folder, name, &self->file) : file_open_to_read(folder, name, &self->file);
    if (code == 0) {
        code = file_size(self->file, size);
    }
    return code == 0 ? STATUS_OK : failure_of_call(failure, code, "cannot open the journal's %s", name);
}

status_t segment_file_find(int folder, uint64_t start, segment_file_t *segment, failure_t failure) {
    char name[JOURNAL_NAME_BYTES];
    journal_name_write(start, name);
    segment_file_t found = {.start = start, .file = -1};
    uint64_t size = 0;
    status_t status = open_named(&found, folder, name, false, &size, failure);
    segment_file_close(&found);
    if (status != STATUS_OK) {
        return status;
    }
    found.bytes = is_size(size) ? size - JOURNAL_BLOCK : 0;
    *segment = found;
    return STATUS_OK;
}

static status_t check_header(const segment_file_t *self, const char *name, uint8_t folder_id[16], failure_t failure) {
    uint8_t header[JOURNAL_SEGMENT_HEADER_BYTES];
    int code = file_read(self->file, header, sizeof(header), 0);
    if (code != 0) {
        return failure_of_call(failure, code, "cannot read the journal's %s", name);
    }
    uint64_t start = 0;
    if (!journal_segment_read(header, folder_id, &start)) {
        return failure_say(failure, "damaged journal: %s at offset 0 has no valid segment header", name);
    }
    if (start != self->start) {
        return failure_say(failure, "damaged journal: %s at offset 24 says that it starts at %016llx", name,
                           (unsigned long long)start);
    }
    return STATUS_OK;
}

status_t segment_file_open(segment_file_t *self, int folder, bool to_write, uint8_t folder_id[16], failure_t failure) {
    char name[JOURNAL_NAME_BYTES];
    journal_name_write(self->start, name);
    uint8_t found_id[16];
    uint64_t size = 0;
    status_t status = open_named(self, folder, name, to_write, &size, failure);
    if (status == STATUS_OK && !is_size(size)) {
        status = failure_say(failure, "damaged journal: %s has %llu bytes, which no segment has", name,
                             (unsigned long long)size);
    }
    if (status == STATUS_OK) {
        status = check_header(self, name, found_id, failure);
    }
    if (status != STATUS_OK) {
        segment_file_close(self);
        return status;
    }
    self->bytes = size - JOURNAL_BLOCK;
    memcpy(folder_id, found_id, 16);
    return STATUS_OK;
}

void segment_file_close(segment_file_t *self) {
    file_close(&self->file);
}

static int write_header(const segment_file_t *self, const uint8_t folder_id[16]) {
    uint8_t block[JOURNAL_BLOCK] = {0};
    journal_segment_write(folder_id, self->start, block);
    int code = file_write(self->file, block, sizeof(block), 0);
    return code != 0 ? code : file_sync(self->file);
}

static int give_name(int folder, const char *from, uint64_t start) {
    char name[JOURNAL_NAME_BYTES];
    journal_name_write(start, name);
    return folder_rename(folder, from, name);
}

static int fill(segment_file_t *self, int folder, const char *part, const uint8_t folder_id[16]) {
    int code = file_create(folder, part, &self->file);
    if (code == 0) {
        code = file_fill(self->file, JOURNAL_BLOCK + self->bytes);
    }
    if (code == 0) {
        code = write_header(self, folder_id);
    }
    return code != 0 ? code : give_name(folder, part, self->start);
}

static status_t sync_names(segment_file_t *made, int folder, failure_t failure) {
    int code = folder_sync(folder);
    if (code == 0) {
        return STATUS_OK;
    }
    segment_file_close(made);
    return failure_of_call(failure, code, "cannot sync the journal's folder");
}

status_t segment_file_make(int folder, const uint8_t folder_id[16], uint64_t start, uint64_t bytes,
                           segment_file_t *segment, failure_t failure) {
    char part[JOURNAL_NAME_BYTES];
    journal_part_name_write(start, part);
    segment_file_t made = {.start = start, .bytes = bytes, .file = -1};
    int code = fill(&made, folder, part, folder_id);
    if (code != 0) {
        segment_file_close(&made);
        if (folder_remove(folder, part) != 0) {
            return failure_of_call(failure, code, "cannot make or remove the journal's %s", part);
        }
        return failure_of_space(failure, code, "cannot make a journal segment of %llu bytes",
                                (unsigned long long)bytes);
    }
    status_t status = sync_names(&made, folder, failure);
    if (status == STATUS_OK) {
        *segment = made;
    }
    return status;
}

status_t segment_file_reuse(int folder, const uint8_t folder_id[16], uint64_t start, const segment_file_t *spare,
                            segment_file_t *segment, failure_t failure) {
    char old[JOURNAL_NAME_BYTES];
    journal_name_write(spare->start, old);
    segment_file_t made = {.start = start, .bytes = spare->bytes, .file = -1};
    uint64_t size = 0;
    status_t status = open_named(&made, folder, old, true, &size, failure);
    if (status != STATUS_OK) {
        segment_file_close(&made);
        return status;
    }
    int code = write_header(&made, folder_id);
    if (code == 0) {
        code = give_name(folder, old, start);
    }
    if (code != 0) {
        segment_file_close(&made);
        return failure_of_call(failure, code, "cannot use the journal's %s again", old);
    }
    status = sync_names(&made, folder, failure);
    if (status == STATUS_OK) {
        *segment = made;
    }
    return status;
}
