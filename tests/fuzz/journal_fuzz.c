/* SPDX-License-Identifier: MIT */
/*
 * What a disk may give back: any bytes as the files of a journal. journal_open never crashes and never hands on a batch
 * whose hashes are wrong, that stands elsewhere, or that is of an older generation than the one before; what it opened
 * takes one more batch and opens again with the same.
 *
 *   input: flags | applied, units | generation | where the stream is cut into two segments, units | bytes of the stream
 *
 * Random bytes never hit a hash, so the flags let the harness repair what begins with "DB": its magic and position, the
 * hash of its records, the hash of its header. Without RAW the segments' headers are right.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/journal_format.h"

enum {
    RAW = 1, /* the bytes are a whole file */
    REPAIR_RECORDS = 2,
    REPAIR_HEADER = 4,
    INPUT_HEAD_BYTES = 4,
    UNITS_MAX = 64,
};

static const uint8_t folder_id[16] = {1, 2, 3};
static char dir[64];
static uint8_t stream[UNITS_MAX * JOURNAL_ALIGN];
static size_t stream_bytes;
static bool raw;

typedef struct visited {
    uint64_t end, generation, count, hash;
    uint64_t appended; /* the one that the harness appended, not in stream */
} visited_t;

/* The harness's own reading of a batch, by offsets. */
static void check_batch(const journal_batch_t *batch) {
    CHECK(batch->end <= stream_bytes, "end %" PRIu64, batch->end);
    uint8_t *header = stream + batch->position;
    uint64_t seed = journal_seed(folder_id), hash, position, generation;
    memcpy(&position, header + 8, 8);
    memcpy(&generation, header + 16, 8);
    CHECK(memcmp(header, "DBAT", 4) == 0 && position == batch->position && generation == batch->generation, "header");
    memcpy(&hash, header + 56, 8);
    CHECK(hash == journal_hash(seed, header, 56), "hash of the header");
    memcpy(&hash, header + 48, 8);
    CHECK(hash == journal_hash(seed, header + 64, batch->records.len), "hash of the records");
    CHECK(memcmp(header + 64, batch->records.ptr, batch->records.len) == 0, "records");
}

static status_t visit(void *context, const journal_batch_t *batch) {
    visited_t *self = context;
    CHECK(batch->position >= self->end && batch->generation >= self->generation, "order");
    if (!raw && batch->position != self->appended) {
        check_batch(batch);
    }
    self->end = batch->end;
    self->generation = batch->generation;
    self->hash ^= journal_hash(batch->position, batch->records.ptr, batch->records.len);
    self->count++;
    return STATUS_OK;
}

static void repair(uint8_t *unit, uint64_t position, uint8_t flags) {
    uint64_t seed = journal_seed(folder_id), hash;
    uint32_t records_bytes;
    memcpy(unit, "DBAT\1\0", 6);
    unit[6] %= SHARDS_MAX;
    unit[7] = 0;
    memcpy(unit + 8, &position, 8);
    memcpy(&records_bytes, unit + 40, 4);
    if (flags & REPAIR_RECORDS && position + 64 + records_bytes <= stream_bytes) {
        hash = journal_hash(seed, unit + 64, records_bytes);
        memcpy(unit + 48, &hash, 8);
    }
    if (flags & REPAIR_HEADER) {
        hash = journal_hash(seed, unit, 56);
        memcpy(unit + 56, &hash, 8);
    }
}

static void write_file(uint64_t start, const uint8_t *header, const uint8_t *bytes, size_t len) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%016" PRIx64 ".segment", dir, start);
    int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0, "cannot make %s", path);
    if (header != NULL) {
        CHECK(write(fd, header, JOURNAL_BLOCK) == JOURNAL_BLOCK, "short write");
    }
    CHECK(write(fd, bytes, len) == (ssize_t)len, "short write");
    close(fd);
}

static void write_segment(uint64_t start, size_t len) {
    uint8_t header[JOURNAL_BLOCK] = {0};
    journal_segment_write(folder_id, start, header);
    if (len > 0) {
        write_file(start, header, stream + start, len);
    }
}

static void write_stream(uint8_t flags, uint8_t cut, const uint8_t *bytes, size_t size) {
    stream_bytes = (size + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
    memset(stream, 0, sizeof(stream));
    memcpy(stream, bytes, size);
    for (size_t unit = stream_bytes / JOURNAL_ALIGN;
         unit-- > 0;) { /* backwards: a batch's hash covers those behind it */
        if (memcmp(stream + unit * JOURNAL_ALIGN, "DB", 2) == 0) {
            repair(stream + unit * JOURNAL_ALIGN, unit * JOURNAL_ALIGN, flags);
        }
    }
    size_t first = (size_t)cut * JOURNAL_ALIGN < stream_bytes ? (size_t)cut * JOURNAL_ALIGN : stream_bytes;
    write_segment(0, first);
    write_segment(first, stream_bytes - first);
}

static status_t open_journal(uint64_t applied, uint64_t generation, visited_t *seen, journal_t **journal) {
    char error[256] = "";
    status_t status =
        journal_open(dir, folder_id, applied, generation, JOURNAL_BLOCK, visit, seen, journal, error, sizeof(error));
    CHECK((status == STATUS_OK) == (error[0] == 0), "status %d: %s", status, error);
    return status;
}

static void append_one(journal_t *journal) {
    batch_t *batch = batch_new(0);
    batch_put(batch, span_text("key"), span_text("value"));
    batch->number = 1;
    batch_t *const batches[] = {batch};
    CHECK(journal_append(journal, batches, 1) == STATUS_OK, "%s", journal_error(journal));
    batch_destroy(&batch);
}

static void open_twice(uint64_t applied, uint64_t generation) {
    visited_t seen = {.end = applied, .generation = generation, .appended = UINT64_MAX}, again = seen;
    journal_t *journal = NULL;
    if (open_journal(applied, generation, &seen, &journal) != STATUS_OK) {
        return;
    }
    CHECK(journal_generation(journal) > seen.generation, "generation");
    again.appended = journal_position(journal);
    append_one(journal);
    journal_destroy(&journal);
    CHECK(open_journal(applied, generation, &again, &journal) == STATUS_OK, "the second start");
    CHECK(again.count == seen.count + 1, "%" PRIu64 " and %" PRIu64 " batches", again.count, seen.count);
    journal_destroy(&journal);
}

static void clear(void) {
    DIR *listing = opendir(dir);
    CHECK(listing != NULL, "cannot list %s", dir);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(listing), entry->d_name, 0);
        }
    }
    closedir(listing);
}

static void remove_folder(void) {
    clear();
    rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (dir[0] == 0) {
        snprintf(dir, sizeof(dir), "%s/doran-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        CHECK(mkdtemp(dir) != NULL, "no folder");
        atexit(remove_folder);
    }
    if (size < INPUT_HEAD_BYTES || size > sizeof(stream)) {
        return 0;
    }
    clear();
    uint8_t flags = data[0];
    raw = flags & RAW;
    if (raw) {
        write_file(0, NULL, data + INPUT_HEAD_BYTES, size - INPUT_HEAD_BYTES);
    } else {
        write_stream(flags, data[3], data + INPUT_HEAD_BYTES, size - INPUT_HEAD_BYTES);
    }
    open_twice((uint64_t)data[1] * JOURNAL_ALIGN, data[2]);
    return 0;
}
