/* SPDX-License-Identifier: MIT */
/*
 * The journal here is an array: this program's journal_read stands in front of the real one.
 */
#include "storage/applier.h"

#include <criterion/criterion.h>
#include <sys/wait.h>

#include "storage/memtable.h"
#include "tests/storage/faults.h"
#include "tests/storage/random.h"
#include "tests/storage/scratch.h"

enum { MAP_BYTES = 256 << 20, GENERATION = 3, TAIL_BYTES_MAX = 1 << 20, MEMTABLE_BYTES_MAX = 1 << 20 };

/* The journal. */
enum { BATCHES_MAX = 600 };

typedef struct written {
    journal_batch_t batch;
    uint8_t *bytes;
} written_t;

static written_t journal[BATCHES_MAX];
static size_t journal_batches;
static uint64_t journal_end;
static const char *journal_damage;
static int journal_reads;

status_t journal_read(const char *dir, uint64_t from, uint64_t through, journal_visit_fn visit, void *context,
                      char *error, size_t error_bytes) {
    journal_reads += 1;
    cr_assert_str_eq(dir, "journal");
    cr_assert_leq(from, through);
    cr_assert_leq(through, journal_end);
    status_t status = STATUS_OK;
    for (size_t i = 0; i < journal_batches && status == STATUS_OK; i++)
        if (journal[i].batch.position >= from && journal[i].batch.position < through)
            status = visit(context, &journal[i].batch);
    if (journal_damage == NULL || status != STATUS_OK)
        return status;
    snprintf(error, error_bytes, "%s", journal_damage);
    return STATUS_INTERNAL;
}

static batch_t *writing;
static uint64_t numbers[SHARDS_MAX];

/* Ends the batch that was being written. */
static journal_batch_t *append(uint16_t shard) {
    cr_assert_lt(journal_batches, BATCHES_MAX);
    written_t *written = &journal[journal_batches++];
    written->bytes = malloc(writing->records_bytes + 1);
    memcpy(written->bytes, writing->records, writing->records_bytes);
    written->batch = (journal_batch_t){
        .position = journal_end,
        .generation = GENERATION,
        .number = ++numbers[shard],
        .shard = shard,
        .record_count = writing->record_count,
        .records = span_of(written->bytes, writing->records_bytes),
    };
    journal_end += (JOURNAL_HEADER_BYTES + writing->records_bytes + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
    written->batch.end = journal_end;
    batch_reset(writing);
    return &written->batch;
}

static void write_text(const char *key, const char *value) {
    if (value == NULL)
        batch_delete(writing, span_text(key));
    else
        batch_put(writing, span_text(key), span_text(value));
}

static scratch_t scratch;
static store_t *store;
static store_reader_t *reader;
static applier_t *applier;

static void open_store(void) {
    char error[256] = "";
    cr_assert_eq(store_open(scratch.path, MAP_BYTES, &store, error, sizeof(error)), STATUS_OK, "%s", error);
    cr_assert_eq(store_reader_open(store, &reader), STATUS_OK);
}

static void open_all(size_t slice_records) {
    applier_options_t options = {
        .journal_dir = "journal",
        .memtable_bytes_max = MEMTABLE_BYTES_MAX,
        .journal_tail_bytes_max = TAIL_BYTES_MAX,
        .slice_records = slice_records,
    };
    open_store();
    applier = applier_new(store, &options);
}

static void close_all(void) {
    applier_destroy(&applier);
    store_reader_close(&reader);
    store_destroy(&store);
}

static void reopen(size_t slice_records) {
    close_all();
    open_all(slice_records);
}

static void setup(void) {
    scratch = scratch_new();
    writing = batch_new(0);
    open_all(2);
}

static void teardown(void) {
    close_all();
    scratch_remove(&scratch);
    batch_destroy(&writing);
    for (size_t i = 0; i < journal_batches; i++)
        free(journal[i].bytes);
}

TestSuite(applier, .init = setup, .fini = teardown);

static void tell(void) {
    applier_told(applier, journal_end, GENERATION, 0);
}

static void step(void) {
    cr_assert_eq(applier_step(applier), STATUS_OK, "%s", applier_error(applier));
}

/* The round under way, or the next one, to its end. */
static void finish(void) {
    do
        step();
    while (applier_bytes_pending(applier) > 0);
}

static uint64_t renew(uint16_t shard) {
    uint64_t batch;
    cr_assert_eq(store_reader_renew(reader, shard, &batch), STATUS_OK);
    return batch;
}

/* "key=value " for each key of the store. */
static void assert_store(const char *expected) {
    char seen[256] = "";
    size_t bytes = 0;
    span_t key, value;
    renew(0);
    for (bool more = store_seek(reader, (span_t){0}, &key, &value); more; more = store_next(reader, &key, &value))
        bytes += (size_t)snprintf(seen + bytes, sizeof(seen) - bytes, "%.*s=%.*s ", (int)key.len, key.ptr,
                                  (int)value.len, value.ptr);
    cr_assert_str_eq(seen, expected);
}

static void no_difference(void *context, span_t prefix, uint64_t counted, uint64_t found) {
    (void)context;
    cr_assert_fail("%.*s: counted %d, found %d", (int)prefix.len, prefix.ptr, (int)counted, (int)found);
}

static void assert_counts_agree(void) {
    uint64_t differing;
    renew(0);
    cr_assert_eq(store_verify(reader, no_difference, NULL, &differing), STATUS_OK);
}

/* Five keys in two batches: with two records a slice a round of three slices. */
static void append_five(void) {
    write_text("ka", "1");
    write_text("kb", "2");
    write_text("kc", "3");
    append(0);
    write_text("kd", "4");
    write_text("ke", "5");
    append(1);
}

Test(applier, a_slice_that_is_not_the_last_moves_no_position) {
    append_five();
    tell();
    for (int i = 0; i < 2; i++) {
        step();
        cr_assert_eq(store_meta(store).position, 0);
        cr_assert_eq(store_meta(store).generation, 0);
        cr_assert_eq(renew(0), 0);
        cr_assert_eq(renew(1), 0);
        cr_assert_eq(applier_applied(applier), 0);
        cr_assert_eq(applier_bytes_pending(applier), journal_end);
        cr_assert(applier_due(applier));
    }
    step();
    cr_assert_eq(store_meta(store).position, journal_end);
    cr_assert_eq(store_meta(store).generation, GENERATION);
    cr_assert_eq(renew(0), 1);
    cr_assert_eq(renew(1), 1);
    cr_assert_eq(applier_applied(applier), journal_end);
    cr_assert_eq(applier_lag(applier), 0);
    cr_assert_not(applier_due(applier));
    cr_assert_eq(journal_reads, 1);
    assert_store("ka=1 kb=2 kc=3 kd=4 ke=5 ");
}

static void crash_after(int slices) {
    close_all();
    pid_t child = fork();
    if (child == 0) {
        open_all(2);
        tell();
        for (int i = 0; i < slices; i++)
            step();
        _exit(0);
    }
    int how;
    waitpid(child, &how, 0);
    cr_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    open_all(2);
}

Test(applier, a_round_after_a_crash_between_slices_ends_in_the_same_state) {
    write_text("ka", "old");
    write_text("kz", "old");
    append(0);
    tell();
    finish();
    uint64_t before = journal_end;
    append_five();
    write_text("kz", NULL);
    append(0);
    for (int slices = 1; slices <= 2; slices++) {
        crash_after(slices);
        cr_assert_eq(store_meta(store).position, before);
        cr_assert_eq(renew(0), 1);
    }
    tell();
    finish();
    assert_store("ka=1 kb=2 kc=3 kd=4 ke=5 ");
    cr_assert_eq(store_meta(store).position, journal_end);
    cr_assert_eq(renew(0), 3);
    cr_assert_eq(renew(1), 1);
    assert_counts_agree();
}

Test(applier, without_space_for_a_reserve_nothing_changes) {
    append_five();
    tell();
    fault_of_fallocate = ENOSPC;
    cr_assert_eq(applier_step(applier), STATUS_STORAGE_FULL);
    cr_assert_eq(applier_step(applier), STATUS_STORAGE_FULL);
    cr_assert_eq(journal_reads, 0);
    cr_assert_eq(applier_bytes_pending(applier), 0);
    assert_store("");
    fault_of_fallocate = 0;
    finish();
    assert_store("ka=1 kb=2 kc=3 kd=4 ke=5 ");
}

Test(applier, a_slice_without_space_is_tried_again_from_its_first_key) {
    append_five();
    tell();
    step();
    fault_of_write = ENOSPC;
    cr_assert_eq(applier_step(applier), STATUS_STORAGE_FULL);
    cr_assert_eq(applier_step(applier), STATUS_STORAGE_FULL);
    fault_of_write = 0;
    assert_store("ka=1 kb=2 ");
    cr_assert_eq(store_meta(store).position, 0);
    finish();
    assert_store("ka=1 kb=2 kc=3 kd=4 ke=5 ");
    cr_assert_eq(store_meta(store).position, journal_end);
    assert_counts_agree();
}

Test(applier, a_failed_sync_is_fatal_and_says_why) {
    append_five();
    tell();
    fault_of_sync = EIO;
    cr_assert_eq(applier_step(applier), STATUS_INTERNAL);
    cr_assert_not_null(strstr(applier_error(applier), "Input/output error"), "%s", applier_error(applier));
    fault_of_sync = 0;
    assert_store("");
}

Test(applier, a_damaged_journal_changes_nothing_and_says_why) {
    append_five();
    tell();
    journal_damage = "bytes are not what was written";
    cr_assert_eq(applier_step(applier), STATUS_INTERNAL);
    cr_assert_str_eq(applier_error(applier), journal_damage);
    assert_store("");
    cr_assert_eq(store_meta(store).position, 0);
}

static void assert_refused(const char *word) {
    tell();
    cr_assert_eq(applier_step(applier), STATUS_INTERNAL);
    cr_assert_not_null(strstr(applier_error(applier), word), "%s", applier_error(applier));
    assert_store("");
}

Test(applier, a_damaged_record_is_not_applied) {
    write_text("ka", "1");
    write_text("kb", "2");
    append(0)->records.len -= 1;
    assert_refused("damaged record");
}

Test(applier, a_batch_of_another_generation_is_not_applied) {
    write_text("ka", "1");
    append(0)->generation = GENERATION - 1;
    assert_refused("generation");
}

Test(applier, a_batch_of_an_impossible_shard_is_not_applied) {
    write_text("ka", "1");
    append(0)->shard = SHARDS_MAX;
    assert_refused("shard");
}

Test(applier, the_last_write_of_a_key_wins_and_a_tombstone_deletes) {
    write_text("ka", "old");
    write_text("kb", "old");
    write_text("kc", "old");
    append(0);
    tell();
    finish();
    write_text("ka", "newer");
    write_text("kb", NULL);
    append(1);
    write_text("ka", "newest");
    write_text("kc", NULL);
    write_text("kc", "back");
    write_text("never", NULL);
    append(0);
    tell();
    finish();
    assert_store("ka=newest kc=back ");
    assert_counts_agree();
}

Test(applier, what_is_written_during_a_round_belongs_to_the_next) {
    append_five();
    uint64_t first = journal_end;
    tell();
    step();
    write_text("ka", "later");
    append(0);
    tell();
    while (applier_bytes_pending(applier) > 0)
        step();
    cr_assert_eq(applier_applied(applier), first);
    cr_assert_eq(applier_lag(applier), journal_end - first);
    cr_assert_eq(renew(0), 1);
    assert_store("ka=1 kb=2 kc=3 kd=4 ke=5 ");
    finish();
    cr_assert_eq(renew(0), 2);
    cr_assert_eq(renew(1), 1, "a shard without a batch in the tail keeps its number");
    assert_store("ka=later kb=2 kc=3 kd=4 ke=5 ");
}

Test(applier, batch_numbers_of_an_older_generation_are_not_kept) {
    uint64_t batches[SHARDS_MAX] = {50, 60};
    cr_assert_eq(store_begin(store), STATUS_OK);
    cr_assert_eq(store_set_meta(store, 0, GENERATION - 1, batches), STATUS_OK);
    cr_assert_eq(store_commit(store), STATUS_OK);
    write_text("ka", "1");
    append(0);
    tell();
    finish();
    cr_assert_eq(renew(0), 1);
    cr_assert_eq(renew(1), 0);
}

Test(applier, a_reader_keeps_its_snapshot_during_a_round) {
    span_t value;
    append_five();
    tell();
    renew(0);
    finish();
    cr_assert_eq(store_entries(reader), 0);
    cr_assert_eq(store_get(reader, span_text("ka"), &value), STATUS_OK);
    cr_assert_null(value.ptr);
    cr_assert_eq(renew(0), 1);
    cr_assert_eq(store_entries(reader), 5);
}

Test(applier, a_tail_without_records_moves_the_position) {
    journal_end += JOURNAL_ALIGN; /* a closing header */
    tell();
    step();
    cr_assert_eq(store_meta(store).position, journal_end);
    cr_assert_eq(applier_lag(applier), 0);
}

Test(applier, it_is_due_at_its_bounds_and_not_before) {
    cr_assert_not(applier_due(applier));
    applier_told(applier, 0, GENERATION, MEMTABLE_BYTES_MAX);
    cr_assert_not(applier_due(applier), "nothing to apply");
    applier_told(applier, JOURNAL_ALIGN, GENERATION, MEMTABLE_BYTES_MAX);
    cr_assert_not(applier_due(applier), "what fills the memtables was applied before");
    applier_told(applier, TAIL_BYTES_MAX - JOURNAL_ALIGN, GENERATION, MEMTABLE_BYTES_MAX - 1);
    cr_assert_not(applier_due(applier));
    applier_told(applier, TAIL_BYTES_MAX - JOURNAL_ALIGN, GENERATION, MEMTABLE_BYTES_MAX);
    cr_assert(applier_due(applier));
    applier_told(applier, TAIL_BYTES_MAX, GENERATION, 0);
    cr_assert(applier_due(applier));
    cr_assert_eq(applier_lag(applier), TAIL_BYTES_MAX);
}

Test(applier, what_has_waited_for_long_is_due_once) {
    applier_hurry(applier);
    cr_assert_not(applier_due(applier), "nothing to apply");
    journal_end += JOURNAL_ALIGN;
    tell();
    cr_assert(applier_due(applier));
    step();
    cr_assert_eq(applier_lag(applier), 0);
    journal_end += JOURNAL_ALIGN;
    tell();
    cr_assert_not(applier_due(applier));
}

Test(applier, an_entry_takes_less_memory_than_the_tail_bound_says) {
    memtable_t *memtable = memtable_new();
    memtable_put(memtable, span_text("k"), (span_t){0}, 0);
    /* the worst there is: a delete of the shortest key */
    cr_assert_lt(memtable_bytes(memtable), 16 * (RECORD_HEADER_BYTES + 1));
    memtable_destroy(&memtable);
}

Test(applier, large_values_end_a_slice_before_its_number_of_records) {
    static uint8_t value[VALUE_BYTES_MAX];
    reopen(1000000);
    for (int i = 0; i < 600; i++) {
        batch_put(writing, span_of(&i, sizeof(i)), span_of(value, sizeof(value)));
        if (i % 50 == 49)
            append(0);
    }
    tell();
    step();
    cr_assert_gt(applier_bytes_pending(applier), 0);
    step();
    cr_assert_eq(applier_bytes_pending(applier), 0);
    renew(0);
    cr_assert_eq(store_entries(reader), 600);
}

Test(applier, a_fresh_key_that_is_deleted_in_its_round_never_reaches_the_store) {
    batch_put_fresh(writing, span_text("ka"), span_text("1"));
    batch_put_fresh(writing, span_text("kb"), span_text("2"));
    write_text("ka", NULL);
    append(0);
    tell();
    step();
    assert_store("kb=2 ");
    write_text("kb", NULL); /* in a later round it is a key like others */
    append(0);
    tell();
    finish();
    assert_store("");
    assert_counts_agree();
}

Test(applier, a_key_that_was_deleted_before_it_came_fresh_is_deleted_again) {
    write_text("ka", "old");
    append(0);
    tell();
    finish();
    write_text("ka", NULL);
    batch_put_fresh(writing, span_text("ka"), span_text("new"));
    write_text("ka", NULL);
    append(0);
    tell();
    finish();
    assert_store("");
}

static recovery_t *recover(void) {
    recovery_t *recovery = recovery_new();
    for (size_t i = 0; i < journal_batches; i++)
        cr_assert_eq(recovery_visit(recovery, &journal[i].batch), STATUS_OK);
    return recovery;
}

Test(applier, recovery_applies_all_and_resets_the_batch_numbers) {
    write_text("ka", "old");
    append(0);
    tell();
    finish();
    cr_assert_eq(renew(0), 1);
    append_five();
    write_text("ke", NULL);
    append(1);
    recovery_t *recovery = recover();
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION + 1), STATUS_OK);
    recovery_destroy(&recovery);
    assert_store("ka=1 kb=2 kc=3 kd=4 ");
    cr_assert_eq(store_meta(store).position, journal_end);
    cr_assert_eq(store_meta(store).generation, GENERATION + 1);
    cr_assert_eq(renew(0), 0);
    cr_assert_eq(renew(1), 0);
    assert_counts_agree();
}

Test(applier, recovery_that_fails_changes_nothing_and_can_be_run_again) {
    append_five();
    recovery_t *recovery = recover();
    fault_of_write = ENOSPC;
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION), STATUS_STORAGE_FULL);
    fault_of_write = 0;
    assert_store("");
    cr_assert_eq(store_meta(store).generation, 0);
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION), STATUS_OK);
    recovery_destroy(&recovery);
    assert_store("ka=1 kb=2 kc=3 kd=4 ke=5 ");
}

Test(applier, recovery_cut_short_between_slices_moves_no_position_and_ends_in_the_same_state) {
    enum { RECORDS = 30000 };
    for (uint32_t i = 0; i < RECORDS; i++) {
        batch_put(writing, span_of(&i, sizeof(i)), span_of(&i, sizeof(i)));
        if (i % 1000 == 999)
            append(0);
    }
    recovery_t *recovery = recover();
    fault_of_sync = EIO;
    syncs_before_fault = 1;
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION), STATUS_INTERNAL);
    fault_of_sync = 0;
    recovery_destroy(&recovery);
    reopen(2);
    renew(0);
    cr_assert_gt(store_entries(reader), 0);
    cr_assert_lt(store_entries(reader), RECORDS);
    cr_assert_eq(store_meta(store).position, 0);
    cr_assert_eq(store_meta(store).generation, 0);
    recovery = recover();
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION), STATUS_OK);
    recovery_destroy(&recovery);
    renew(0);
    cr_assert_eq(store_entries(reader), RECORDS);
    cr_assert_eq(store_meta(store).position, journal_end);
    assert_counts_agree();
}

Test(applier, recovery_on_a_full_disk_uses_the_space_inside_the_file) {
    append_five();
    recovery_t *recovery = recover();
    disk_is_full = true;
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION), STATUS_OK);
    fault_of_write = EIO; /* as LMDB tells a write that the full disk cut short */
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION), STATUS_STORAGE_FULL);
    fault_of_write = 0;
    recovery_destroy(&recovery);
    assert_store("ka=1 kb=2 kc=3 kd=4 ke=5 ");
}

/* The crash may have come after the slice that brought the fresh key into the store. */
Test(applier, recovery_deletes_also_what_came_fresh) {
    write_text("ka", "ghost");
    append(0);
    tell();
    finish();
    batch_put_fresh(writing, span_text("ka"), span_text("ghost"));
    write_text("ka", NULL);
    append(0);
    recovery_t *recovery = recover();
    cr_assert_eq(recovery_apply(recovery, store, journal_end, GENERATION + 1), STATUS_OK);
    recovery_destroy(&recovery);
    assert_store("");
}

Test(applier, recovery_refuses_a_damaged_record) {
    write_text("ka", "1");
    append(0)->records.len -= 1;
    recovery_t *recovery = recovery_new();
    cr_assert_eq(recovery_visit(recovery, &journal[0].batch), STATUS_INTERNAL);
    recovery_destroy(&recovery);
    cr_assert_null(recovery);
}

/* The model: what each key should hold, by the number of the write; 0: nothing. A crash abandons the round. */
enum { MODEL_KEYS = 80, MODEL_BATCHES = 500 };

static span_t model_key(size_t i) {
    static char key[16];
    return span_of(key, (size_t)snprintf(key, sizeof(key), "k%zu", i * 37));
}

static void model_append(random_state_t *random, uint32_t *writes) {
    static uint32_t last_write;
    for (size_t records = 1 + random_below(random, 12); records > 0; records--) {
        size_t i = random_below(random, MODEL_KEYS);
        if (random_below(random, 4) == 0) {
            batch_delete(writing, model_key(i));
            writes[i] = 0;
        } else {
            writes[i] = ++last_write;
            batch_put(writing, model_key(i), span_of(&writes[i], sizeof(writes[i])));
        }
    }
    append((uint16_t)random_below(random, 3));
}

static void model_compare(const uint32_t *writes) {
    renew(0);
    for (size_t i = 0; i < MODEL_KEYS; i++) {
        span_t found;
        cr_assert_eq(store_get(reader, model_key(i), &found), STATUS_OK);
        cr_assert_eq(found.ptr == NULL, writes[i] == 0);
        cr_assert(writes[i] == 0 || span_equal(found, span_of(&writes[i], sizeof(writes[i]))));
    }
    for (uint16_t shard = 0; shard < 3; shard++)
        cr_assert_eq(renew(shard), numbers[shard]);
}

Test(applier, random_rounds_and_crashes_agree_with_a_naive_array) {
    random_state_t random = random_start("applier");
    static uint32_t writes[MODEL_KEYS];
    for (int n = 0; n < MODEL_BATCHES; n++) {
        model_append(&random, writes);
        tell();
        if (random_below(&random, 3) == 0)
            step();
        if (random_below(&random, 20) == 0) {
            reopen(1 + random_below(&random, 20));
            tell();
        }
        if (random_below(&random, 10) != 0)
            continue;
        while (applier_lag(applier) > 0)
            step();
        model_compare(writes);
        assert_counts_agree();
    }
}
