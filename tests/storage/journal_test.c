/* SPDX-License-Identifier: MIT */
#include "storage/journal.h"

#include <signal.h>

#include "storage/segments.h"
#include "tests/schemas/hex.h"
#include "tests/storage/disk.h"
#include "tests/storage/journal_fixture.h"

static fixture_t fixture;
static collected_t read_back;

static void set_up(void) {
    fixture_init(&fixture);
}

static void tear_down(void) {
    fixture_fini(&fixture);
}

TestSuite(journal, .init = set_up, .fini = tear_down);

static status_t read_range(uint64_t from, uint64_t through) {
    read_back.count = 0;
    fixture.error[0] = 0;
    return journal_read(fixture.dir, from, through, collect, &read_back, fixture.error, sizeof(fixture.error));
}

/* Joins `count` more segments. */
static void add_segments(size_t count) {
    segments_t *segments;
    char error[256] = "";
    cr_assert_eq(segments_open(fixture.dir, folder_id, SEGMENT, &segments, error, sizeof(error)), STATUS_OK, "%s",
                 error);
    for (size_t i = 0; i < count; i++) {
        uint64_t start, bytes;
        int fd;
        cr_assert_eq(segments_prepare(segments, &start, &bytes, &fd), STATUS_OK, "%s", segments_error(segments));
        journal_add_segment(fixture.journal, start, bytes, fd);
    }
    segments_destroy(&segments);
}

Test(journal, a_batch_for_which_there_is_no_room_is_refused, .signal = SIGABRT) {
    fixture_must_open(&fixture);
    fixture_vanish(&fixture);
    append_one(&fixture, 1, journal_room(fixture.journal));
}

Test(journal, a_segment_that_leaves_a_gap_is_refused, .signal = SIGABRT) {
    fixture_must_open(&fixture);
    fixture_vanish(&fixture);
    journal_add_segment(fixture.journal, 3 * SEGMENT, SEGMENT, 0);
}

Test(journal, after_a_failed_write_nothing_is_ever_written_again) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);
    uint64_t position = journal_position(fixture.journal);
    disk.write_code = EIO;
    cr_assert_eq(append_group(&fixture, 2, 1, 100), STATUS_INTERNAL);
    cr_assert_not_null(strstr(journal_error(fixture.journal), "0000000000000000.segment"));
    disk.log_count = 0;
    cr_assert_eq(append_group(&fixture, 2, 1, 100), STATUS_INTERNAL);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_INTERNAL);
    cr_assert_eq(disk.log_count, 0, "no call");
    cr_assert_eq(journal_position(fixture.journal), position);
}

Test(journal, a_full_disk_under_an_open_segment_is_fatal_too) {
    fixture_must_open(&fixture);
    disk.write_code = ENOSPC;
    cr_assert_eq(append_group(&fixture, 1, 1, 100), STATUS_INTERNAL);
}

Test(journal, a_failed_sync_is_not_repeated) {
    fixture_must_open(&fixture);
    disk.sync_fails_after = 0;
    disk.log_count = 0;
    cr_assert_eq(append_group(&fixture, 1, 1, 100), STATUS_INTERNAL);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_INTERNAL);
    cr_assert_eq(disk.log_count, 2, "one write, one sync");
    cr_assert_not_null(strstr(journal_error(fixture.journal), "sync"));
}

Test(journal, batches_without_records_are_not_written) {
    fixture_must_open(&fixture);
    batch_t *empty = batch_new(0);
    empty->effects_bytes = 10;
    uint64_t position = journal_position(fixture.journal);
    disk.log_count = 0;
    cr_assert_eq(journal_append(fixture.journal, &empty, 1), STATUS_OK);
    cr_assert_eq(journal_append(fixture.journal, &empty, 0), STATUS_OK);
    cr_assert(journal_position(fixture.journal) == position && disk.log_count == 0);
    cr_assert_eq(journal_batch_bytes(empty), 0);
    batch_destroy(&empty);
}

Test(journal, a_new_segment_begins_with_these_bytes) {
    fixture_must_open(&fixture);
    char path[128], text[2 * 64 + 1];
    fixture_path(&fixture, 0, path);
    FILE *file = fopen(path, "r");
    uint8_t block[JOURNAL_BLOCK];
    cr_assert_eq(fread(block, 1, sizeof(block), file), sizeof(block));
    fclose(file);
    cr_assert_str_eq(hex_text(span_of(block, 40), text), "44534547"                         /* DSEG */
                                                         "0100"                             /* version */
                                                         "0000"                             /* zero */
                                                         "d04a0102030405060708090a0b0c0d0e" /* folder id */
                                                         "0000000000000000"                 /* start */
                                                         "6d5873df5a788581");               /* XXH3 */
    for (size_t i = 40; i < sizeof(block); i++) {
        cr_assert_eq(block[i], 0, "offset %zu", i);
    }
}

Test(journal, a_batch_is_these_bytes) {
    fixture_must_open(&fixture);
    batch_t *batch = batch_new(3);
    batch_put(batch, span_text("key"), span_text("value"));
    batch->number = 7;
    cr_assert_eq(journal_append(fixture.journal, &batch, 1), STATUS_OK);
    batch_destroy(&batch);
    uint8_t bytes[512];
    char text[2 * 80 + 1];
    stream_read(&fixture, 512, bytes, sizeof(bytes));
    cr_assert_str_eq(hex_text(span_of(bytes, 80), text), "44424154"         /* +0 DBAT */
                                                         "0100"             /* +4 version */
                                                         "0300"             /* +6 shard */
                                                         "0002000000000000" /* +8 position */
                                                         "0100000000000000" /* +16 generation */
                                                         "0002000000000000" /* +24 synced_through */
                                                         "0700000000000000" /* +32 number */
                                                         "10000000"         /* +40 bytes of records */
                                                         "01000000"         /* +44 number of records */
                                                         "076773238fcca677" /* +48 XXH3 of the records */
                                                         "bbc13334f2d21043" /* +56 XXH3 of the header */
                                                         "0100030005000000"
                                                         "6b6579"
                                                         "76616c7565");
    for (size_t i = 80; i < sizeof(bytes); i++) {
        cr_assert_eq(bytes[i], 0, "offset %zu", i);
    }
}

Test(journal, a_closing_header_is_these_bytes) {
    fixture_must_open(&fixture);
    uint8_t bytes[64];
    char text[2 * 64 + 1];
    stream_read(&fixture, 0, bytes, sizeof(bytes));
    cr_assert_str_eq(hex_text(span_of(bytes, 64), text), "4442415401000000"
                                                         "0000000000000000"
                                                         "0100000000000000"
                                                         "0000000000000000"
                                                         "0000000000000000"
                                                         "00000000"
                                                         "00000000"
                                                         "51a8644126901555"
                                                         "46e92498f3b738ac");
}

Test(journal, a_group_is_one_write_and_one_sync) {
    fixture_must_open(&fixture);
    journal_stats_t before = journal_stats(fixture.journal);
    disk.log_count = 0;
    cr_assert_eq(append_group(&fixture, 1, 20, 100), STATUS_OK);
    cr_assert_eq(disk.log_count, 2);
    cr_assert(disk.log[0].what == 'w' && disk.log[1].what == 's');
    journal_stats_t after = journal_stats(fixture.journal);
    cr_assert_eq(after.syncs, before.syncs + 1);
    cr_assert_eq(after.bytes, before.bytes + 20 * 512);
    cr_assert_eq(after.position, before.position + 20 * 512);
    cr_assert_eq(after.synced_through, after.position);
    cr_assert_eq(after.generation, 1);
}

Test(journal, a_write_ends_with_a_page_of_the_file) {
    fixture_must_open(&fixture);
    stream_write(&fixture, 1024, "stale", 5);
    disk.log_count = 0;
    append_one(&fixture, 1, 100);
    cr_assert_eq(disk.log[0].offset, JOURNAL_BLOCK + 512);
    cr_assert_eq((disk.log[0].offset + disk.log[0].bytes) % JOURNAL_BLOCK, 0);
    uint8_t bytes[5];
    stream_read(&fixture, 1024, bytes, 5);
    cr_assert_eq(memcmp(bytes, "\0\0\0\0\0", 5), 0);
}

Test(journal, a_batch_that_crosses_segments_syncs_each_of_them_once) {
    fixture_must_open(&fixture);
    add_segments(2);
    uint64_t from = journal_position(fixture.journal);
    disk.log_count = 0;
    append_one(&fixture, 1, 2 * SEGMENT);
    size_t writes = 0, syncs = 0;
    for (size_t i = 0; i < disk.log_count; i++) {
        writes += disk.log[i].what == 'w';
        syncs += disk.log[i].what == 's';
    }
    cr_assert(writes == 3 && syncs == 3, "%zu writes, %zu syncs", writes, syncs);
    cr_assert_eq(read_range(from, journal_position(fixture.journal)), STATUS_OK, "%s", fixture.error);
    cr_assert_eq(read_back.count, 1);
    batch_t *batch = batch_of(1, 2 * SEGMENT);
    cr_assert_eq(read_back.items[0].hash, hash_of(batch));
    batch_destroy(&batch);
    cr_assert_eq(journal_stats(fixture.journal).segments, 2, "full segments are let go");
}

Test(journal, short_writes_and_signals_change_nothing) {
    fixture_must_open(&fixture);
    uint64_t from = journal_position(fixture.journal);
    disk.short_bytes = 37;
    disk.interrupted = 3;
    cr_assert_eq(append_group(&fixture, 1, 5, 700), STATUS_OK);
    disk.interrupted = 3;
    cr_assert_eq(read_range(from, journal_position(fixture.journal)), STATUS_OK, "%s", fixture.error);
    cr_assert_eq(read_back.count, 5);
}

Test(journal, more_batches_than_one_call_takes_are_one_append) {
    fixture_must_open(&fixture);
    add_segments(3);
    uint64_t from = journal_position(fixture.journal);
    cr_assert_eq(append_group(&fixture, 1, 300, 100), STATUS_OK);
    cr_assert_eq(read_range(from, journal_position(fixture.journal)), STATUS_OK, "%s", fixture.error);
    cr_assert_eq(read_back.count, 300);
    for (size_t i = 0; i < 300; i++) {
        uint64_t synced_through;
        stream_read(&fixture, from + i * 512 + 24, &synced_through, 8);
        cr_assert_eq(le64toh(synced_through), from, "batch %zu", i);
        cr_assert_eq(read_back.items[i].number, i + 1);
    }
}

Test(journal, what_is_empty_in_a_group_leaves_no_trace) {
    fixture_must_open(&fixture);
    add_segments(2);
    batch_t *batches[130];
    for (size_t i = 0; i < 130; i++) {
        batches[i] = i == 0 || i == 129 ? batch_new(0) : batch_of(i, 100);
    }
    uint64_t from = journal_position(fixture.journal);
    cr_assert_eq(journal_append(fixture.journal, batches, 130), STATUS_OK);
    cr_assert_eq(journal_position(fixture.journal), from + 128 * 512);
    cr_assert_eq(read_range(from, journal_position(fixture.journal)), STATUS_OK, "%s", fixture.error);
    cr_assert_eq(read_back.count, 128);
    for (size_t i = 0; i < 130; i++) {
        batch_destroy(&batches[i]);
    }
}

Test(journal, room_always_leaves_a_closing_header_and_an_unwritten_unit) {
    fixture_must_open(&fixture);
    cr_assert_geq(journal_room(fixture.journal), SEGMENT);
    append_one(&fixture, 1, journal_room(fixture.journal) - JOURNAL_HEADER_BYTES - RECORD_HEADER_BYTES - 1);
    cr_assert_eq(journal_room(fixture.journal), 0);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    cr_assert_eq(journal_position(fixture.journal), 2 * SEGMENT - 512);
    cr_assert_eq(journal_room(fixture.journal), 0);
    journal_destroy(&fixture.journal);
    fixture_must_open(&fixture);
    cr_assert_eq(fixture.seen.count, 1);
    cr_assert_geq(journal_room(fixture.journal), SEGMENT);
}

Test(journal, a_second_closing_header_is_not_written) {
    fixture_must_open(&fixture);
    uint64_t position = journal_position(fixture.journal);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    cr_assert_eq(journal_position(fixture.journal), position, "opening wrote one");
    append_one(&fixture, 1, 100);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    cr_assert_eq(journal_position(fixture.journal), position + 2 * 512);
}

Test(journal, read_says_what_is_not_as_it_was_written) {
    fixture_must_open(&fixture);
    uint64_t from = journal_position(fixture.journal);
    append_one(&fixture, 1, 100);
    append_one(&fixture, 2, 100);
    stream_flip(&fixture, from + 512 + 70, 3);
    cr_assert_eq(read_range(from, journal_position(fixture.journal)), STATUS_INTERNAL);
    cr_assert_str_eq(fixture.error,
                     "damaged journal: 0000000000000000.segment at offset 5120: this is not the batch that "
                     "was written");
    cr_assert_eq(read_range(from, from + 512), STATUS_OK);
    cr_assert_eq(read_range(from + 512, from + 512), STATUS_OK, "nothing asked, nothing read");
    cr_assert_eq(read_range(512 * 60, SEGMENT * 3), STATUS_INTERNAL, "beyond the segments");
    cr_assert_eq(read_range(SEGMENT * 3, SEGMENT * 4), STATUS_INTERNAL);
}

static status_t refuse(void *context, const journal_batch_t *batch) {
    (void)context;
    (void)batch;
    return STATUS_BUSY;
}

Test(journal, read_stops_where_the_visitor_does_not_want_more) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);
    cr_assert_eq(journal_read(fixture.dir, 512, 1024, refuse, NULL, fixture.error, sizeof(fixture.error)), STATUS_BUSY);
}

Test(journal, read_goes_over_closing_headers) {
    fixture_must_open(&fixture);
    for (uint64_t number = 1; number <= 3; number++) {
        append_one(&fixture, number, 100);
        cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    }
    cr_assert_eq(read_range(0, journal_position(fixture.journal)), STATUS_OK, "%s", fixture.error);
    cr_assert_eq(read_back.count, 3);
    cr_assert_eq(read_back.items[2].end, journal_position(fixture.journal) - 512);
}

Test(journal, descriptors_are_not_inherited) {
    fixture_must_open(&fixture);
    size_t found = 0;
    for (int fd = 3; fd < 64; fd++) {
        char path[32], target[256] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (readlink(path, target, sizeof(target) - 1) > 0 && strncmp(target, fixture.dir, strlen(fixture.dir)) == 0) {
            found++;
            cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%s", target);
        }
    }
    cr_assert_eq(found, 2, "the segments and nothing else");
}
