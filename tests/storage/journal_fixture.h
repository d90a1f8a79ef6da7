/* SPDX-License-Identifier: MIT */
/*
 * What the tests of journal and segments share: a folder of their own in memory, batches of a few records, a visitor
 * that collects, and hands that cut and flip bytes of segment files.
 */
#ifndef DORAN_TESTS_JOURNAL_FIXTURE_H
#define DORAN_TESTS_JOURNAL_FIXTURE_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "storage/journal.h"

#define SEGMENT KIB(64)

static const uint8_t folder_id[16] = {0xd0, 0x4a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

typedef struct seen { /* one batch as visited */
    uint64_t position, end, generation, number, hash;
    uint32_t bytes;
    uint16_t shard;
} seen_t;

typedef struct collected {
    seen_t items[4096];
    size_t count;
} collected_t;

typedef struct fixture {
    char dir[64];
    journal_t *journal;
    uint64_t applied, generation; /* what a store would have recorded */
    collected_t seen;             /* by the last open */
    char error[256];
} fixture_t;

static inline status_t collect(void *context, const journal_batch_t *batch) {
    collected_t *self = context;
    CHECK(self->count < ARRAY_LENGTH(self->items), "%zu batches", self->count);
    self->items[self->count++] = (seen_t){
        .position = batch->position,
        .end = batch->end,
        .generation = batch->generation,
        .number = batch->number,
        .hash = XXH3_64bits(batch->records.ptr, batch->records.len),
        .bytes = (uint32_t)batch->records.len,
        .shard = batch->shard,
    };
    return STATUS_OK;
}

static inline void fixture_init(fixture_t *self) {
    memset(self, 0, sizeof(*self));
    bool memory = access("/dev/shm", W_OK) == 0;
    snprintf(self->dir, sizeof(self->dir), "%s/doran-journal-XXXXXX", memory ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(self->dir) != NULL, "no folder %s", self->dir);
}

static inline void fixture_clear(const fixture_t *self) {
    DIR *listing = opendir(self->dir);
    CHECK(listing != NULL, "cannot list %s", self->dir);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(listing), entry->d_name, 0);
        }
    }
    closedir(listing);
}

static inline void fixture_fini(fixture_t *self) {
    journal_destroy(&self->journal);
    fixture_clear(self);
    rmdir(self->dir);
}

/* For a test that aborts and so does not come to fixture_fini: the files go, the descriptors stay. */
static inline void fixture_vanish(fixture_t *self) {
    fixture_clear(self);
    rmdir(self->dir);
}

/* Opens with segments of so many bytes; what is visited is in seen. */
static inline status_t fixture_open_sized(fixture_t *self, size_t segment_bytes) {
    self->seen.count = 0;
    self->error[0] = 0;
    return journal_open(self->dir, folder_id, self->applied, self->generation, segment_bytes, collect, &self->seen,
                        &self->journal, self->error, sizeof(self->error));
}

static inline status_t fixture_open(fixture_t *self) {
    return fixture_open_sized(self, SEGMENT);
}

static inline void fixture_must_open(fixture_t *self) {
    status_t status = fixture_open(self);
    cr_assert_eq(status, STATUS_OK, "journal_open: %d: %s", status, self->error);
}

/* A batch with one record, whose value is `value_bytes` bytes that depend on number. */
static inline batch_t *batch_of(uint64_t number, size_t value_bytes) {
    batch_t *batch = batch_new((uint16_t)(number % SHARDS_MAX));
    uint8_t *value = malloc(value_bytes + 8);
    CHECK(value != NULL, "out of memory");
    for (size_t i = 0; i < value_bytes; i += 8) {
        uint64_t word = XXH3_64bits_withSeed(&i, sizeof(i), number);
        memcpy(value + i, &word, 8);
    }
    char key[24];
    snprintf(key, sizeof(key), "%" PRIu64, number);
    batch_put(batch, span_text(key), span_of(value, value_bytes));
    batch->number = number;
    free(value);
    return batch;
}

static inline uint64_t hash_of(const batch_t *batch) {
    return XXH3_64bits(batch->records, batch->records_bytes);
}

/* Appends `count` batches with numbers from `number` as one group. */
static inline status_t append_group(fixture_t *self, uint64_t number, size_t count, size_t value_bytes) {
    batch_t *batches[512] = {0};
    CHECK(count <= ARRAY_LENGTH(batches), "%zu batches", count);
    for (size_t i = 0; i < count; i++) {
        batches[i] = batch_of(number + i, value_bytes);
    }
    status_t status = journal_append(self->journal, batches, count);
    for (size_t i = 0; i < count; i++) {
        batch_destroy(&batches[i]);
    }
    return status;
}

static inline void append_one(fixture_t *self, uint64_t number, size_t value_bytes) {
    status_t status = append_group(self, number, 1, value_bytes);
    cr_assert_eq(status, STATUS_OK, "journal_append: %s", journal_error(self->journal));
}

/* As a process that dies: nothing more is written. */
static inline void fixture_crash(fixture_t *self) {
    journal_destroy(&self->journal);
}

static inline void fixture_path(const fixture_t *self, uint64_t start, char path[128]) {
    snprintf(path, 128, "%s/%016" PRIx64 ".segment", self->dir, start);
}

static inline bool segment_exists(const fixture_t *self, uint64_t start) {
    char path[128];
    fixture_path(self, start, path);
    return access(path, F_OK) == 0;
}

static inline size_t files_in(const fixture_t *self) {
    size_t count = 0;
    DIR *listing = opendir(self->dir);
    CHECK(listing != NULL, "cannot list %s", self->dir);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(listing);
    return count;
}

/* Reads or writes bytes of the stream, whose segments all have SEGMENT bytes. */
static inline void stream_move(const fixture_t *self, uint64_t position, void *bytes, size_t len, bool write_them) {
    for (size_t done = 0; done < len;) {
        uint64_t at = position + done, start = at / SEGMENT * SEGMENT;
        size_t left = (size_t)(start + SEGMENT - at), part = len - done < left ? len - done : left;
        off_t offset = (off_t)(JOURNAL_BLOCK + at - start);
        char path[128];
        fixture_path(self, start, path);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        CHECK(fd >= 0, "cannot open %s", path);
        uint8_t *part_bytes = (uint8_t *)bytes + done;
        ssize_t moved = write_them ? pwrite(fd, part_bytes, part, offset) : pread(fd, part_bytes, part, offset);
        CHECK(moved == (ssize_t)part, "moved %zd of %zu bytes", moved, part);
        close(fd);
        done += part;
    }
}

static inline void stream_read(const fixture_t *self, uint64_t position, void *bytes, size_t len) {
    stream_move(self, position, bytes, len, false);
}

static inline void stream_write(const fixture_t *self, uint64_t position, const void *bytes, size_t len) {
    stream_move(self, position, (void *)bytes, len, true);
}

static inline void stream_zero(const fixture_t *self, uint64_t position, size_t len) {
    void *zeros = calloc(1, len);
    CHECK(zeros != NULL, "out of memory");
    stream_write(self, position, zeros, len);
    free(zeros);
}

static inline void stream_flip(const fixture_t *self, uint64_t position, unsigned bit) {
    uint8_t byte;
    stream_read(self, position, &byte, 1);
    byte ^= (uint8_t)(1u << bit);
    stream_write(self, position, &byte, 1);
}

/* All files of the folder as they are, to come back to. */
typedef struct image {
    struct {
        char name[32];
        size_t bytes;
        uint8_t *contents;
    } files[32];
    size_t count;
} image_t;

static inline void image_take(image_t *self, const fixture_t *fixture) {
    self->count = 0;
    DIR *listing = opendir(fixture->dir);
    CHECK(listing != NULL, "cannot list %s", fixture->dir);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        CHECK(self->count < ARRAY_LENGTH(self->files), "%zu files", self->count);
        int fd = openat(dirfd(listing), entry->d_name, O_RDONLY | O_CLOEXEC);
        struct stat found;
        CHECK(fd >= 0 && fstat(fd, &found) == 0, "cannot open %s", entry->d_name);
        snprintf(self->files[self->count].name, 32, "%.31s", entry->d_name);
        self->files[self->count].bytes = (size_t)found.st_size;
        self->files[self->count].contents = malloc((size_t)found.st_size + 1);
        CHECK(read(fd, self->files[self->count].contents, (size_t)found.st_size) == found.st_size, "short read");
        close(fd);
        self->count++;
    }
    closedir(listing);
}

static inline void image_restore(const image_t *self, const fixture_t *fixture) {
    fixture_clear(fixture);
    for (size_t i = 0; i < self->count; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", fixture->dir, self->files[i].name);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0, "cannot make %s", path);
        CHECK(write(fd, self->files[i].contents, self->files[i].bytes) == (ssize_t)self->files[i].bytes, "short write");
        close(fd);
    }
}

static inline bool image_equal(const image_t *a, const image_t *b) {
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        size_t j = 0;
        while (j < b->count && strcmp(a->files[i].name, b->files[j].name) != 0) {
            j++;
        }
        if (j == b->count || a->files[i].bytes != b->files[j].bytes ||
            memcmp(a->files[i].contents, b->files[j].contents, a->files[i].bytes) != 0) {
            return false;
        }
    }
    return true;
}

static inline void image_free(image_t *self) {
    for (size_t i = 0; i < self->count; i++) {
        free(self->files[i].contents);
    }
    self->count = 0;
}

#endif
