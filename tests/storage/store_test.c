/* SPDX-License-Identifier: MIT */
#include "storage/store.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/storage/faults.h"
#include "tests/storage/random.h"
#include "tests/storage/scratch.h"

enum { MAP_BYTES = 64 << 20 };

static scratch_t scratch;
static store_t *store;
static store_reader_t *reader;

static void open_store(size_t map_bytes) {
    char error[256] = "";
    cr_assert_eq(store_open(scratch.path, map_bytes, &store, error, sizeof(error)), STATUS_OK, "%s", error);
    cr_assert_eq(store_reader_open(store, &reader), STATUS_OK);
}

static void close_store(void) {
    store_reader_close(&reader);
    store_destroy(&store);
}

static void setup(void) {
    scratch = scratch_new();
    open_store(MAP_BYTES);
}

static void teardown(void) {
    close_store();
    scratch_remove(&scratch);
}

TestSuite(store, .init = setup, .fini = teardown);

static void begin(void) {
    cr_assert_eq(store_begin(store), STATUS_OK);
}

static void commit(void) {
    cr_assert_eq(store_commit(store), STATUS_OK, "%s", store_error(store));
}

static void put(span_t key, span_t value) {
    cr_assert_eq(store_put(store, key, value), STATUS_OK, "%s", store_error(store));
}

static void put_text(const char *key, const char *value) {
    put(span_text(key), span_text(value));
}

static void commit_text(const char *key, const char *value) {
    begin();
    put_text(key, value);
    commit();
}

static uint64_t renew(void) {
    uint64_t batch;
    cr_assert_eq(store_reader_renew(reader, 0, &batch), STATUS_OK);
    return batch;
}

/* value NULL: there is none. */
static void assert_reads(const char *key, const char *value) {
    span_t found;
    cr_assert_eq(store_get(reader, span_text(key), &found), STATUS_OK);
    cr_assert_eq(found.ptr == NULL, value == NULL, "%s", key);
    cr_assert(value == NULL || span_equal(found, span_text(value)), "%s", key);
}

typedef struct difference { /* the last one reported */
    char prefix[64];
    size_t prefix_bytes;
    uint64_t counted, found;
} difference_t;

static void note_difference(void *context, span_t prefix, uint64_t counted, uint64_t found) {
    difference_t *difference = context;
    memcpy(difference->prefix, prefix.ptr, prefix.len);
    difference->prefix_bytes = prefix.len;
    difference->counted = counted;
    difference->found = found;
}

static uint64_t verify(difference_t *difference) {
    uint64_t differing;
    renew();
    cr_assert_eq(store_verify(reader, note_difference, difference, &differing), STATUS_OK);
    return differing;
}

static void assert_counts_agree(void) {
    difference_t difference;
    cr_assert_eq(verify(&difference), 0);
}

/* LMDB itself, behind the store's back; the store is closed meanwhile. */
typedef struct raw {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
} raw_t;

static raw_t raw_open(const char *database) {
    raw_t raw;
    close_store();
    cr_assert_eq(mdb_env_create(&raw.env), 0);
    cr_assert_eq(mdb_env_set_maxdbs(raw.env, 3), 0);
    cr_assert_eq(mdb_env_open(raw.env, scratch.path, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(raw.env, NULL, 0, &raw.txn), 0);
    cr_assert_eq(mdb_dbi_open(raw.txn, database, 0, &raw.dbi), 0);
    return raw;
}

static void raw_close(raw_t *raw) {
    cr_assert_eq(mdb_txn_commit(raw->txn), 0);
    mdb_env_close(raw->env);
}

static void raw_put(raw_t *raw, span_t key, const void *value, size_t bytes) {
    MDB_val key_val = {.mv_size = key.len, .mv_data = (void *)key.ptr};
    MDB_val value_val = {.mv_size = bytes, .mv_data = (void *)value};
    cr_assert_eq(mdb_put(raw->txn, raw->dbi, &key_val, &value_val, 0), 0);
}

static void raw_delete(raw_t *raw, span_t key) {
    MDB_val key_val = {.mv_size = key.len, .mv_data = (void *)key.ptr};
    cr_assert_eq(mdb_del(raw->txn, raw->dbi, &key_val, NULL), 0);
}

static void assert_refuses_to_open(const char *word) {
    char error[256] = "";
    store_t *none = NULL;
    cr_assert_eq(store_open(scratch.path, MAP_BYTES, &none, error, sizeof(error)), STATUS_INTERNAL);
    cr_assert_null(none);
    cr_assert_not_null(strstr(error, word), "%s", error);
    cr_assert_not_null(strstr(error, scratch.path), "%s", error);
}

Test(store, an_aborted_transaction_leaves_no_trace) {
    uint64_t batches[SHARDS_MAX] = {7};
    commit_text("key", "old");
    begin();
    put_text("key", "new");
    put_text("other", "new");
    cr_assert_eq(store_set_meta(store, 99, 3, batches), STATUS_OK);
    store_abort(store);
    cr_assert_eq(renew(), 0);
    assert_reads("key", "old");
    assert_reads("other", NULL);
    assert_counts_agree();
    commit_text("key", "newer"); /* the position of the aborted one is gone as well */
    cr_assert_eq(store_meta(store).position, 0);
    cr_assert_eq(renew(), 0);
}

Test(store, a_process_killed_in_a_transaction_leaves_no_trace) {
    close_store();
    pid_t child = fork();
    if (child == 0) {
        open_store(MAP_BYTES);
        commit_text("kept", "value");
        begin();
        put_text("lost", "value");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    open_store(MAP_BYTES);
    renew();
    assert_reads("kept", "value");
    assert_reads("lost", NULL);
    commit_text("after", "value"); /* the dead writer's lock is free */
    assert_counts_agree();
}

Test(store, a_transaction_that_records_no_position_moves_none) {
    uint64_t batches[SHARDS_MAX] = {7, 8};
    begin();
    cr_assert_eq(store_set_meta(store, 4096, 2, batches), STATUS_OK);
    commit();
    commit_text("key", "value");
    close_store();
    open_store(MAP_BYTES);
    store_meta_t meta = store_meta(store);
    cr_assert_eq(meta.position, 4096);
    cr_assert_eq(meta.generation, 2);
    cr_assert_eq(meta.batches[1], 8);
    cr_assert_eq(renew(), 7);
}

Test(store, a_reader_sees_its_snapshot_until_it_renews) {
    uint64_t batches[SHARDS_MAX] = {5};
    commit_text("key", "old");
    cr_assert_eq(renew(), 0);
    begin();
    put_text("key", "new");
    cr_assert_eq(store_set_meta(store, 512, 1, batches), STATUS_OK);
    assert_reads("key", "old");
    commit();
    assert_reads("key", "old");
    for (int i = 0; i < 50; i++) /* pages that the snapshot holds are not used again */
        commit_text("key", i % 2 == 0 ? "even" : "odd");
    assert_reads("key", "old");
    cr_assert_eq(store_entries(reader), 1);
    cr_assert_eq(renew(), 5);
    assert_reads("key", "odd");
}

Test(store, a_released_reader_is_not_to_be_used) {
    renew();
    store_reader_release(reader);
    pid_t child = fork();
    if (child == 0)
        assert_reads("key", NULL);
    int how;
    waitpid(child, &how, 0);
    cr_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
}

Test(store, a_new_store_is_fresh_once_and_keeps_its_id) {
    store_meta_t made = store_meta(store);
    static const uint8_t zero[16];
    cr_assert(made.fresh);
    cr_assert_neq(memcmp(made.folder_id, zero, sizeof(zero)), 0);
    cr_assert_eq(made.position, 0);
    close_store();
    open_store(MAP_BYTES);
    cr_assert_not(store_meta(store).fresh);
    cr_assert_eq(memcmp(store_meta(store).folder_id, made.folder_id, sizeof(made.folder_id)), 0);
}

Test(store, only_the_owner_may_read_its_files) {
    char path[300];
    struct stat stat_of;
    snprintf(path, sizeof(path), "%s/data.mdb", scratch.path);
    cr_assert_eq(stat(path, &stat_of), 0);
    cr_assert_eq(stat_of.st_mode & 0777, 0600);
    snprintf(path, sizeof(path), "%s/lock.mdb", scratch.path);
    cr_assert_eq(stat(path, &stat_of), 0);
    cr_assert_eq(stat_of.st_mode & 0777, 0600);
}

Test(store, a_damaged_state_row_refuses_to_open) {
    raw_t raw = raw_open("meta");
    MDB_val key = {.mv_size = 5, .mv_data = "store"}, value;
    uint8_t row[512];
    cr_assert_eq(mdb_get(raw.txn, raw.dbi, &key, &value), 0);
    size_t bytes = value.mv_size;
    memcpy(row, value.mv_data, bytes);
    row[24] ^= 1; /* in the position */
    raw_put(&raw, span_text("store"), row, bytes);
    raw_close(&raw);
    assert_refuses_to_open("damaged");
}

Test(store, a_short_state_row_refuses_to_open) {
    raw_t raw = raw_open("meta");
    raw_put(&raw, span_text("store"), "abc", 3);
    raw_close(&raw);
    assert_refuses_to_open("damaged");
}

Test(store, records_without_a_state_row_refuse_to_open) {
    commit_text("key", "value");
    raw_t raw = raw_open("meta");
    raw_delete(&raw, span_text("store"));
    raw_close(&raw);
    assert_refuses_to_open("gone");
}

Test(store, a_file_that_is_no_store_refuses_to_open) {
    close_store();
    char path[300];
    snprintf(path, sizeof(path), "%s/data.mdb", scratch.path);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 10000; i++)
        fputs("not a store", file);
    fclose(file);
    assert_refuses_to_open("store");
}

Test(store, a_scratch_that_is_not_there_refuses_to_open) {
    scratch_t there = scratch;
    snprintf(scratch.path, sizeof(scratch.path), "/nowhere/at/all");
    assert_refuses_to_open("No such file");
    scratch = there;
}

Test(store, counts_detect_a_key_removed_behind_its_back) {
    begin();
    put(span_of("pckind\0a", 8), span_text("1"));
    put(span_of("pckind\0b", 8), span_text("2"));
    put(span_of("pcother\0a", 9), span_text("3"));
    commit();
    assert_counts_agree();
    raw_t raw = raw_open("data");
    raw_delete(&raw, span_of("pckind\0b", 8));
    raw_close(&raw);
    open_store(MAP_BYTES);
    difference_t difference;
    cr_assert_eq(verify(&difference), 1);
    cr_assert_eq(difference.prefix_bytes, 7);
    cr_assert_eq(memcmp(difference.prefix, "pckind\0", 7), 0);
    cr_assert_eq(difference.counted, 2);
    cr_assert_eq(difference.found, 1);
}

Test(store, counts_detect_a_key_put_in_the_place_of_another) {
    commit_text("pcreal", "1");
    raw_t raw = raw_open("data");
    raw_put(&raw, span_text("pcfake"), "1", 1);
    raw_close(&raw);
    open_store(MAP_BYTES);
    difference_t difference;
    cr_assert_eq(verify(&difference), 1);
    cr_assert_eq(memcmp(difference.prefix, "pcfake", 6), 0);
    cr_assert_eq(difference.counted, 0);
    raw = raw_open("data");
    raw_delete(&raw, span_text("pcreal"));
    raw_close(&raw);
    open_store(MAP_BYTES);
    cr_assert_eq(verify(&difference), 2);
    cr_assert_eq(memcmp(difference.prefix, "pcreal", 6), 0);
    cr_assert_eq(difference.found, 0);
}

Test(store, counts_detect_a_swap_that_keeps_the_number) {
    begin();
    put(span_of("pck\0a", 5), span_text("1"));
    commit();
    raw_t raw = raw_open("data");
    raw_delete(&raw, span_of("pck\0a", 5));
    raw_put(&raw, span_of("pck\0b", 5), NULL, 0);
    raw_close(&raw);
    open_store(MAP_BYTES);
    difference_t difference;
    cr_assert_eq(verify(&difference), 1);
    cr_assert_eq(difference.counted, difference.found);
}

/* Slices */

typedef struct slices {
    uint32_t count, uncounted;
    uint64_t differing;
    char last[64]; /* report: prefix, counted, found */
} slices_t;

static void note_slice(void *context, span_t prefix, uint64_t counted, uint64_t found) {
    slices_t *slices = context;
    slices->uncounted += found == STORE_UNCOUNTED;
    snprintf(slices->last, sizeof(slices->last), "%.*s %d %d", (int)prefix.len, (const char *)prefix.ptr, (int)counted,
             (int)found);
}

static slices_t verify_slices(const char *from, const char *to, uint64_t keys_max) {
    slices_t slices = {0};
    store_range_t range = {.from_bytes = strlen(from), .to = to != NULL ? span_text(to) : (span_t){0}};
    memcpy(range.from, from, range.from_bytes);
    renew();
    while (!range.done) {
        uint64_t differing;
        cr_assert_eq(store_verify_some(reader, &range, keys_max, note_slice, &slices, &differing), STATUS_OK);
        slices.differing += differing;
        slices.count++;
        cr_assert_lt(slices.count, 100);
    }
    return slices;
}

/* Prefixes "pck0", "pck1", ... of so many keys each; the first is also there as a key without NUL. */
static void put_prefixes(int prefixes, int keys) {
    char key[32];
    begin();
    put_text("pck", "without NUL");
    for (int prefix = 0; prefix < prefixes; prefix++) {
        for (int i = 0; i < keys; i++) {
            int len = snprintf(key, sizeof(key), "pck%d", prefix);
            snprintf(key + len + 1, sizeof(key) - (size_t)len - 1, "%03d", i);
            put(span_of(key, (size_t)len + 4), span_text("value"));
        }
    }
    commit();
}

Test(store, a_key_that_vanished_is_found_in_slices_of_any_size) {
    put_prefixes(5, 3);
    raw_t raw = raw_open("data");
    raw_delete(&raw, span_of("pck3\0"
                             "001",
                             8));
    raw_close(&raw);
    open_store(MAP_BYTES);
    for (uint64_t keys_max = 3; keys_max < 25; keys_max++) {
        slices_t slices = verify_slices("", NULL, keys_max);
        cr_assert_eq(slices.differing, 1);
        cr_assert_eq(slices.uncounted, 0);
        cr_assert_str_eq(slices.last, "pck3 3 2");
        cr_assert(slices.count >= 15 / (2 * keys_max), "%u slices of %d", slices.count, (int)keys_max);
        cr_assert(keys_max < 22 || slices.count == 1, "%u slices of %d", slices.count, (int)keys_max);
    }
}

Test(store, a_prefix_of_too_many_keys_is_named_and_passed) {
    put_prefixes(3, 3);
    begin();
    for (char last = 'a'; last < 'k'; last++) {
        char key[6] = {'p', 'c', 'k', '1', 0, last};
        put(span_of(key, sizeof(key)), span_text("value"));
    }
    commit();
    slices_t slices = verify_slices("", NULL, 5);
    cr_assert_eq(slices.uncounted, 1);
    cr_assert_eq(slices.differing, 0);
    cr_assert_str_eq(slices.last, "pck1 13 -1");
}

Test(store, more_keys_than_were_counted_end_a_slice_too) {
    put_prefixes(1, 2);
    raw_t raw = raw_open("data");
    for (char last = 'a'; last < 'z'; last++) {
        char key[6] = {'p', 'c', 'k', '0', 0, last};
        raw_put(&raw, span_of(key, sizeof key), NULL, 0);
    }
    raw_close(&raw);
    open_store(MAP_BYTES);
    begin();
    put(span_of("pck1\0a", 6), span_text("value"));
    commit();
    slices_t slices = verify_slices("", NULL, 5);
    cr_assert_eq(slices.differing, 1);
    slices = verify_slices("pck0", NULL, 5);
    cr_assert_eq(slices.differing, 1);
}

Test(store, a_wrong_count_of_a_key_without_nul_hides_no_other) {
    put_prefixes(2, 2);
    raw_t raw = raw_open("count");
    uint8_t row[16] = {100};
    raw_put(&raw, span_text("pck"), row, sizeof(row));
    raw_close(&raw);
    raw = raw_open("data");
    raw_delete(&raw, span_text("pck")); /* no key ends here, and others begin so */
    raw_delete(&raw, span_of("pck0\0"
                             "001",
                             8));
    raw_close(&raw);
    open_store(MAP_BYTES);
    slices_t slices = verify_slices("", NULL, 50);
    cr_assert_eq(slices.uncounted, 1);
    cr_assert_eq(slices.differing, 1);
}

Test(store, a_range_ends_where_it_is_told) {
    put_prefixes(3, 2);
    raw_t raw = raw_open("data");
    raw_delete(&raw, span_of("pck2\0"
                             "001",
                             8));
    raw_close(&raw);
    open_store(MAP_BYTES);
    cr_assert_eq(verify_slices("", "pck2", 100).differing, 0);
    cr_assert_eq(verify_slices("pck2", NULL, 100).differing, 1);
    cr_assert_eq(verify_slices("pck3", NULL, 100).differing, 0);
    cr_assert_eq(verify_slices("pck2", "pck2", 100).differing, 0);
}

Test(store, zero_as_partition_or_class_does_not_end_a_prefix) {
    begin();
    put(span_of("\0\0a\0x", 5), span_text(""));
    put(span_of("\0\0a\0y", 5), span_text(""));
    put(span_of("\0\0b\0x", 5), span_text(""));
    put(span_of("\0", 1), span_text(""));
    commit();
    assert_counts_agree();
    raw_t raw = raw_open("count");
    MDB_stat stat;
    cr_assert_eq(mdb_stat(raw.txn, raw.dbi, &stat), 0);
    cr_assert_eq(stat.ms_entries, 3);
    MDB_val key = {.mv_size = 4, .mv_data = "\0\0a\0"}, value;
    cr_assert_eq(mdb_get(raw.txn, raw.dbi, &key, &value), 0);
    cr_assert_eq(value.mv_size, 16);
    cr_assert_eq(memcmp(value.mv_data, "\2\0\0\0\0\0\0\0", 8), 0);
    raw_close(&raw);
    open_store(MAP_BYTES);
}

Test(store, a_prefix_without_keys_has_no_count) {
    commit_text("pckey", "value");
    begin();
    cr_assert_eq(store_delete(store, span_text("pckey")), STATUS_OK);
    cr_assert_eq(store_delete(store, span_text("pcabsent")), STATUS_OK);
    commit();
    raw_t raw = raw_open("count");
    MDB_stat stat;
    cr_assert_eq(mdb_stat(raw.txn, raw.dbi, &stat), 0);
    cr_assert_eq(stat.ms_entries, 0);
    raw_close(&raw);
    open_store(MAP_BYTES);
}

Test(store, a_full_map_is_told_and_changes_nothing) {
    close_store();
    open_store(1 << 20);
    commit_text("kept", "value");
    static const uint8_t value[8192];
    status_t status = STATUS_OK;
    begin();
    for (int i = 0; status == STATUS_OK && i < 1000; i++)
        status = store_put(store, span_of(&i, sizeof(i)), span_of(value, sizeof(value)));
    cr_assert_eq(status, STATUS_STORAGE_FULL);
    cr_assert_not_null(strstr(store_error(store), "MDB_MAP_FULL"), "%s", store_error(store));
    cr_assert_not_null(strstr(store_error(store), "lmdb_map_bytes"), "%s", store_error(store));
    renew();
    cr_assert_eq(store_entries(reader), 1);
    commit_text("after", "value");
    renew();
    assert_reads("kept", "value");
    assert_reads("after", "value");
    assert_counts_agree();
}

Test(store, a_full_disk_at_the_commit_is_told_and_changes_nothing) {
    uint64_t batches[SHARDS_MAX] = {1};
    begin();
    put_text("key", "value");
    cr_assert_eq(store_set_meta(store, 512, 1, batches), STATUS_OK);
    fault_of_write = ENOSPC;
    cr_assert_eq(store_commit(store), STATUS_STORAGE_FULL);
    fault_of_write = 0;
    cr_assert_eq(store_meta(store).position, 0);
    renew();
    assert_reads("key", NULL);
    commit_text("key", "value");
    renew();
    assert_reads("key", "value");
    assert_counts_agree();
}

Test(store, a_sync_that_fails_is_fatal) {
    commit_text("key", "old");
    begin();
    put_text("key", "new");
    fault_of_sync = EIO;
    cr_assert_eq(store_commit(store), STATUS_INTERNAL);
    fault_of_sync = 0;
    cr_assert_not_null(strstr(store_error(store), "Input/output error"), "%s", store_error(store));
    renew();
    assert_reads("key", "old");
}

Test(store, no_space_to_reserve_is_told) {
    fault_of_fallocate = ENOSPC;
    cr_assert_eq(store_reserve(store, 10, 1000), STATUS_STORAGE_FULL);
    fault_of_fallocate = EIO;
    cr_assert_eq(store_reserve(store, 10, 1000), STATUS_INTERNAL);
    fault_of_fallocate = 0;
    cr_assert_eq(store_reserve(store, 10, 1000), STATUS_OK);
}

Test(store, the_last_space_of_a_disk_is_not_taken_for_a_reserve_that_does_not_fit) {
    disk_is_full = true;
    cr_assert_eq(store_reserve(store, 10, 1000), STATUS_STORAGE_FULL);
    cr_assert_eq(calls_of_fallocate, 0);
    disk_is_full = false;
    cr_assert_eq(store_reserve(store, 10, 1000), STATUS_OK);
    disk_is_full = true; /* what is taken stays */
    cr_assert_eq(store_reserve(store, 10, 1000), STATUS_OK);
}

Test(store, a_file_system_that_cannot_reserve_is_asked_once) {
    fault_of_fallocate = EOPNOTSUPP;
    cr_assert_eq(store_reserve(store, 10, 1000), STATUS_OK);
    cr_assert_eq(store_reserve(store, 10, 1000000), STATUS_OK);
    cr_assert_eq(calls_of_fallocate, 1);
}

Test(store, space_is_reserved_once_and_the_file_keeps_its_length) {
    char path[300];
    struct stat before, after;
    snprintf(path, sizeof(path), "%s/data.mdb", scratch.path);
    cr_assert_eq(stat(path, &before), 0);
    cr_assert_eq(store_reserve(store, 100, 4 << 20), STATUS_OK);
    cr_assert_eq(store_reserve(store, 100, 4 << 20), STATUS_OK);
    cr_assert_eq(store_reserve(store, 10, 100), STATUS_OK);
    cr_assert_eq(calls_of_fallocate, 1);
    cr_assert_eq(stat(path, &after), 0);
    cr_assert_eq(after.st_size, before.st_size);
    cr_assert_geq(after.st_blocks * 512, 8 << 20);
}

Test(store, an_empty_value_is_present) {
    commit_text("key", "");
    renew();
    assert_reads("key", "");
}

Test(store, a_walk_begins_at_the_first_key_not_below) {
    span_t key, value;
    begin();
    put_text("b", "2");
    put_text("a", "1");
    put_text("d", "4");
    commit();
    renew();
    cr_assert(store_seek(reader, span_text("c"), &key, &value));
    cr_assert(span_equal(key, span_text("d")) && span_equal(value, span_text("4")));
    cr_assert_not(store_next(reader, &key, &value));
    cr_assert(store_seek(reader, (span_t){0}, &key, &value));
    cr_assert(span_equal(key, span_text("a")));
    assert_reads("d", "4"); /* a point read does not move the walk */
    cr_assert(store_next(reader, &key, &value));
    cr_assert(span_equal(key, span_text("b")));
    cr_assert_not(store_seek(reader, span_text("e"), &key, &value));
}

Test(store, a_walk_back_begins_at_the_last_key_below) {
    span_t key, value;
    renew();
    cr_assert_not(store_seek_before(reader, (span_t){0}, &key, &value));
    cr_assert_not(store_seek_before(reader, span_text("a"), &key, &value));
    begin();
    put_text("b", "2");
    put_text("a", "1");
    put_text("d", "4");
    commit();
    renew();
    cr_assert(store_seek_before(reader, span_text("d"), &key, &value));
    cr_assert(span_equal(key, span_text("b")) && span_equal(value, span_text("2")));
    assert_reads("d", "4"); /* a point read does not move the walk */
    cr_assert(store_previous(reader, &key, &value));
    cr_assert(span_equal(key, span_text("a")));
    cr_assert_not(store_previous(reader, &key, &value));
    cr_assert(store_seek_before(reader, (span_t){0}, &key, &value));
    cr_assert(span_equal(key, span_text("d")));
    cr_assert(store_seek_before(reader, span_text("e"), &key, &value));
    cr_assert(span_equal(key, span_text("d")));
    cr_assert_not(store_seek_before(reader, span_text("a"), &key, &value));
}

/* The model: which of these keys are there, and the number of the write that put each. */
enum { MODEL_KEYS = 3000, MODEL_TRANSACTIONS = 60 };

static span_t model_key(size_t i) {
    static char key[64];
    int bytes = snprintf(key + 2, sizeof(key) - 2, "kind%zu%c%05zu", i % 3, i % 5 == 0 ? 'x' : 0, i);
    key[0] = (char)(i % 4);
    key[1] = (char)(i % 2);
    return span_of(key, (size_t)bytes + 2);
}

static span_t model_value(uint32_t write) {
    static uint8_t value[5000];
    size_t bytes = write % 50 == 0 ? sizeof(value) : write % 400;
    memset(value, (int)write, bytes);
    memcpy(value, &write, sizeof(write));
    return span_of(value, bytes < sizeof(write) ? sizeof(write) : bytes);
}

static void model_change(random_state_t *random, uint32_t *writes, size_t i) {
    static uint32_t last_write;
    if (random_below(random, 3) == 0) {
        cr_assert_eq(store_delete(store, model_key(i)), STATUS_OK);
        writes[i] = 0;
    } else {
        writes[i] = ++last_write;
        put(model_key(i), model_value(last_write));
    }
}

static void model_transaction(random_state_t *random, uint32_t *writes) {
    begin();
    size_t changes = random_below(random, 400);
    for (size_t n = 0; n < changes; n++)
        model_change(random, writes, random_below(random, MODEL_KEYS));
    for (size_t i = random_below(random, MODEL_KEYS); random_below(random, 100) != 0 && i < MODEL_KEYS; i++)
        model_change(random, writes, i);
}

static void model_compare(const uint32_t *writes) {
    size_t present = 0;
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        span_t found;
        cr_assert_eq(store_get(reader, model_key(i), &found), STATUS_OK);
        cr_assert_eq(found.ptr == NULL, writes[i] == 0);
        cr_assert(writes[i] == 0 || span_equal(found, model_value(writes[i])));
        present += writes[i] != 0;
    }
    cr_assert_eq(store_entries(reader), present);
}

Test(store, random_transactions_agree_with_a_naive_array) {
    static uint32_t writes[MODEL_KEYS], committed[MODEL_KEYS];
    random_state_t random = random_start("store");
    for (int n = 0; n < MODEL_TRANSACTIONS; n++) {
        model_transaction(&random, writes);
        if (random_below(&random, 4) == 0) {
            store_abort(store);
            memcpy(writes, committed, sizeof(writes));
        } else {
            commit();
            memcpy(committed, writes, sizeof(writes));
        }
        assert_counts_agree();
        model_compare(writes);
    }
}
