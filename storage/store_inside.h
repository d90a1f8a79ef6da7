/* SPDX-License-Identifier: MIT */
/*
 * store_inside: what the two halves of the store share, the writer (store.c) and the readers (store_reader.c): LMDB's
 * handles and the rows. Nobody else includes it.
 *
 *   data   key → value
 *   count  prefix → u64 keys, u64 XOR of their XXH3
 *   meta   "store" → +0 u32 version   +8 folder id, 16 bytes   +32 u64 generation
 *                    +4 u32 zero      +24 u64 position         +40 u64 batch number, SHARDS_MAX times
 *                    at the end, in every version, u64 XXH3 of all before; little endian like everything here
 */
#ifndef DORAN_STORAGE_STORE_INSIDE_H
#define DORAN_STORAGE_STORE_INSIDE_H

#include <lmdb.h>
#include <xxhash.h>

#include "storage/little_endian.h"
#include "storage/store.h"

enum {
    META_VERSION = 1,
    META_AT_FOLDER = 8,
    META_AT_POSITION = 24,
    META_AT_GENERATION = 32,
    META_AT_BATCHES = 40,
    META_AT_HASH = META_AT_BATCHES + 8 * SHARDS_MAX,
    META_BYTES = META_AT_HASH + 8,
    COUNT_BYTES = 16,
    PREFIX_FROM = 2, /* partition and class may be any bytes */
};

#define META_KEY span_text("store")

typedef struct store_handles {
    MDB_env *env;
    MDB_dbi data, count, meta;
} store_handles_t;

const store_handles_t *store_handles(const store_t *store);

static inline MDB_val to_val(span_t span) {
    return (MDB_val){.mv_size = span.len, .mv_data = (void *)span.ptr};
}

static inline span_t from_val(MDB_val val) {
    return span_of(val.mv_data, val.mv_size);
}

/* How many keys have this prefix, and the XOR of their hashes. */
typedef struct tally {
    uint64_t keys, hash;
    size_t prefix_bytes;
    uint8_t prefix[LMDB_KEY_BYTES_MAX];
} tally_t;

static inline tally_t tally_of(span_t prefix) {
    tally_t tally = {.prefix_bytes = prefix.len};
    memcpy(tally.prefix, prefix.ptr, prefix.len);
    return tally;
}

static inline span_t tally_prefix(const tally_t *tally) {
    return span_of(tally->prefix, tally->prefix_bytes);
}

static inline span_t key_prefix(span_t key) {
    const uint8_t *end = key.len > PREFIX_FROM ? memchr(key.ptr + PREFIX_FROM, 0, key.len - PREFIX_FROM) : NULL;
    return end == NULL ? key : span_of(key.ptr, (size_t)(end + 1 - key.ptr));
}

static inline uint64_t key_hash(span_t key) {
    return XXH3_64bits(key.ptr, key.len);
}

static inline void meta_encode(const store_meta_t *meta, uint8_t row[META_BYTES]) {
    memset(row, 0, META_BYTES);
    little_endian_put_u32(row, META_VERSION);
    memcpy(row + META_AT_FOLDER, meta->folder_id, sizeof(meta->folder_id));
    little_endian_put_u64(row + META_AT_POSITION, meta->position);
    little_endian_put_u64(row + META_AT_GENERATION, meta->generation);
    for (size_t shard = 0; shard < SHARDS_MAX; shard++)
        little_endian_put_u64(row + META_AT_BATCHES + 8 * shard, meta->batches[shard]);
    little_endian_put_u64(row + META_AT_HASH, XXH3_64bits(row, META_AT_HASH));
}

/* Why this row cannot be used, or NULL. */
static inline const char *meta_refusal(span_t row) {
    size_t hashed = row.len - sizeof(uint64_t);
    if (row.len < 2 * sizeof(uint64_t) || little_endian_get_u64(row.ptr + hashed) != XXH3_64bits(row.ptr, hashed))
        return "the row that says how far the journal is applied is damaged";
    if (little_endian_get_u32(row.ptr) != META_VERSION || row.len != META_BYTES)
        return "its format is that of another version of this program";
    return NULL;
}

/* Of a row that is not refused. */
static inline store_meta_t meta_decode(span_t row) {
    store_meta_t meta = {
        .position = little_endian_get_u64(row.ptr + META_AT_POSITION),
        .generation = little_endian_get_u64(row.ptr + META_AT_GENERATION),
    };
    memcpy(meta.folder_id, row.ptr + META_AT_FOLDER, sizeof(meta.folder_id));
    for (size_t shard = 0; shard < SHARDS_MAX; shard++)
        meta.batches[shard] = little_endian_get_u64(row.ptr + META_AT_BATCHES + 8 * shard);
    return meta;
}

#endif
