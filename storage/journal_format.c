/* SPDX-License-Identifier: MIT */
/*
 * Both headers end with a hash of what is before it, so a header is either whole and ours or nothing. Fields that
 * contradict each other under a right hash were never written by this program, and are refused with the rest.
 */
#include "storage/journal_format.h"

#include "storage/little_endian.h"

#include <inttypes.h>
#include <xxhash.h>

#define BATCH_HASHED_BYTES 56
#define SEGMENT_HASHED_BYTES 32

uint64_t journal_seed(const uint8_t folder_id[16]) {
    return XXH3_64bits(folder_id, 16);
}

uint64_t journal_hash(uint64_t seed, const void *bytes, size_t len) {
    return XXH3_64bits_withSeed(bytes, len, seed);
}

void journal_header_write(const journal_header_t *self, uint64_t seed, uint8_t to[JOURNAL_HEADER_BYTES]) {
    little_endian_put_u32(to, JOURNAL_BATCH_MAGIC);
    little_endian_put_u16(to + 4, JOURNAL_VERSION);
    little_endian_put_u16(to + 6, self->shard);
    little_endian_put_u64(to + 8, self->position);
    little_endian_put_u64(to + 16, self->generation);
    little_endian_put_u64(to + 24, self->synced_through);
    little_endian_put_u64(to + 32, self->number);
    little_endian_put_u32(to + 40, self->records_bytes);
    little_endian_put_u32(to + 44, self->record_count);
    little_endian_put_u64(to + 48, self->records_hash);
    little_endian_put_u64(to + 56, journal_hash(seed, to, BATCH_HASHED_BYTES));
}

/* A batch has records and a number, a closing header neither; what it calls synced is before it. */
static bool makes_sense(const journal_header_t *header) {
    bool closing = header->number == 0;
    return closing == (header->records_bytes == 0) && closing == (header->record_count == 0) &&
           header->records_bytes <= BATCH_RECORDS_BYTES && header->shard < SHARDS_MAX &&
           header->synced_through <= header->position && header->synced_through % JOURNAL_ALIGN == 0 &&
           (!closing || header->synced_through == header->position) && header->generation < UINT64_MAX;
}

bool journal_header_begins(const uint8_t *from) {
    return little_endian_get_u32(from) == JOURNAL_BATCH_MAGIC;
}

bool journal_header_read(const uint8_t from[JOURNAL_HEADER_BYTES], uint64_t seed, uint64_t position,
                         journal_header_t *header) {
    if (!journal_header_begins(from) || little_endian_get_u16(from + 4) != JOURNAL_VERSION ||
        little_endian_get_u64(from + 8) != position ||
        little_endian_get_u64(from + 56) != journal_hash(seed, from, BATCH_HASHED_BYTES)) {
        return false;
    }
    journal_header_t found = {
        .shard = little_endian_get_u16(from + 6),
        .position = position,
        .generation = little_endian_get_u64(from + 16),
        .synced_through = little_endian_get_u64(from + 24),
        .number = little_endian_get_u64(from + 32),
        .records_bytes = little_endian_get_u32(from + 40),
        .record_count = little_endian_get_u32(from + 44),
        .records_hash = little_endian_get_u64(from + 48),
    };
    if (!makes_sense(&found)) {
        return false;
    }
    *header = found;
    return true;
}

void journal_segment_write(const uint8_t folder_id[16], uint64_t start, uint8_t to[JOURNAL_SEGMENT_HEADER_BYTES]) {
    little_endian_put_u32(to, JOURNAL_SEGMENT_MAGIC);
    little_endian_put_u16(to + 4, JOURNAL_VERSION);
    little_endian_put_u16(to + 6, 0);
    memcpy(to + 8, folder_id, 16);
    little_endian_put_u64(to + 24, start);
    little_endian_put_u64(to + 32, XXH3_64bits(to, SEGMENT_HASHED_BYTES));
}

bool journal_segment_read(const uint8_t from[JOURNAL_SEGMENT_HEADER_BYTES], uint8_t folder_id[16], uint64_t *start) {
    if (little_endian_get_u32(from) != JOURNAL_SEGMENT_MAGIC || little_endian_get_u16(from + 4) != JOURNAL_VERSION ||
        little_endian_get_u64(from + 32) != XXH3_64bits(from, SEGMENT_HASHED_BYTES)) {
        return false;
    }
    memcpy(folder_id, from + 8, 16);
    *start = little_endian_get_u64(from + 24);
    return true;
}

void journal_name_write(uint64_t start, char name[JOURNAL_NAME_BYTES]) {
    snprintf(name, JOURNAL_NAME_BYTES, "%016" PRIx64 ".segment", start);
}

void journal_part_name_write(uint64_t start, char name[JOURNAL_NAME_BYTES]) {
    snprintf(name, JOURNAL_NAME_BYTES, "%016" PRIx64 ".segment.part", start);
}

static bool read_digits(const char *name, uint64_t *start) {
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        char c = name[i];
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if (!digit && !letter) {
            return false; /* the end of a short name, too */
        }
        value = value << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *start = value;
    return true;
}

bool journal_name_read(const char *name, uint64_t *start) {
    uint64_t found;
    if (!read_digits(name, &found) || strcmp(name + 16, ".segment") != 0) {
        return false;
    }
    if (found % JOURNAL_ALIGN != 0 || found > JOURNAL_POSITION_MAX) {
        return false;
    }
    *start = found;
    return true;
}

bool journal_part_name_is(const char *name) {
    uint64_t start;
    return read_digits(name, &start) && strcmp(name + 16, ".segment.part") == 0;
}
