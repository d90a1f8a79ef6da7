/* SPDX-License-Identifier: MIT */
#include "storage/journal_recovery.h"

#include "storage/segments.h"
#include "tests/storage/disk.h"
#include "tests/storage/journal_fixture.h"

static fixture_t fixture;

static void set_up(void) {
    fixture_init(&fixture);
}

static void tear_down(void) {
    fixture_fini(&fixture);
}

TestSuite(journal_recovery, .init = set_up, .fini = tear_down);

/* Opening must fail with this sentence and change nothing. */
static void must_be_damage(const char *sentence) {
    image_t before = {0}, after = {0};
    image_take(&before, &fixture);
    status_t status = fixture_open(&fixture);
    cr_assert_eq(status, STATUS_INTERNAL, "opened; should say: %s", sentence);
    cr_assert_str_eq(fixture.error, sentence);
    cr_assert_null(fixture.journal);
    image_take(&after, &fixture);
    cr_assert(image_equal(&before, &after), "files changed");
    image_free(&before);
    image_free(&after);
}

/* Opening must visit exactly the batches with these numbers. */
static void must_see(uint64_t first, uint64_t last) {
    fixture_must_open(&fixture);
    cr_assert_eq(fixture.seen.count, last + 1 - first, "%zu batches, not %" PRIu64 " to %" PRIu64, fixture.seen.count,
                 first, last);
    for (size_t i = 0; i < fixture.seen.count; i++) {
        cr_assert_eq(fixture.seen.items[i].number, first + i);
    }
}

/* What a store does: it has everything now, and says so. */
static void apply(void) {
    fixture.applied = journal_position(fixture.journal);
    fixture.generation = journal_generation(fixture.journal);
}

/* Leaves the journal at a place whose closing header ends with a page, so that what stands behind it survives. */
static void append_to_end_of_page(void) {
    cr_assert_eq(append_group(&fixture, 1, 6, 100), STATUS_OK);
    cr_assert_eq(journal_position(fixture.journal), JOURNAL_BLOCK - 512);
}

/* Six batches, then a group of `count` of which the first was lost: the rest are whole, behind the cut. */
static void leave_stale_tail(size_t count) {
    fixture_must_open(&fixture);
    append_to_end_of_page();
    cr_assert_eq(append_group(&fixture, 7, count, 100), STATUS_OK);
    fixture_crash(&fixture);
    stream_zero(&fixture, JOURNAL_BLOCK - 512, 512);
    must_see(1, 6);
    cr_assert_eq(journal_generation(fixture.journal), 2);
    cr_assert_eq(journal_position(fixture.journal), JOURNAL_BLOCK, "exactly where the first stale batch stands");
    uint32_t magic;
    stream_read(&fixture, JOURNAL_BLOCK, &magic, sizeof(magic));
    cr_assert_eq(le32toh(magic), JOURNAL_BATCH_MAGIC, "and it is still there");
}

Test(journal_recovery, a_stale_batch_right_behind_the_cut_is_not_taken) {
    leave_stale_tail(20);
    fixture_crash(&fixture);
    must_see(1, 6);
    cr_assert_eq(journal_generation(fixture.journal), 3);
}

Test(journal_recovery, a_stale_batch_right_where_the_store_ends_is_not_taken) {
    leave_stale_tail(20);
    apply();
    fixture_crash(&fixture);
    fixture_must_open(&fixture);
    cr_assert_eq(fixture.seen.count, 0);
    cr_assert_eq(journal_generation(fixture.journal), 3);
}

Test(journal_recovery, a_stale_batch_right_behind_a_new_one_is_not_taken) {
    leave_stale_tail(20);
    append_one(&fixture, 100, JOURNAL_BLOCK - JOURNAL_HEADER_BYTES - RECORD_HEADER_BYTES - 3);
    cr_assert_eq(journal_position(fixture.journal), 2 * JOURNAL_BLOCK);
    uint32_t magic;
    stream_read(&fixture, 2 * JOURNAL_BLOCK, &magic, sizeof(magic));
    cr_assert_eq(le32toh(magic), JOURNAL_BATCH_MAGIC, "a stale one stands there");
    fixture_crash(&fixture);
    fixture_must_open(&fixture);
    cr_assert_eq(fixture.seen.count, 7);
    cr_assert_eq(fixture.seen.items[6].number, 100);
}

Test(journal_recovery, a_stale_batch_behind_a_torn_new_one_is_not_taken) {
    leave_stale_tail(20);
    append_one(&fixture, 100, JOURNAL_BLOCK - JOURNAL_HEADER_BYTES - RECORD_HEADER_BYTES - 3);
    fixture_crash(&fixture);
    stream_zero(&fixture, JOURNAL_BLOCK, 512);
    must_see(1, 6);
}

Test(journal_recovery, a_stale_closing_header_of_an_older_generation_is_no_witness) {
    fixture_must_open(&fixture);
    append_to_end_of_page();
    cr_assert_eq(append_group(&fixture, 7, 20, 100), STATUS_OK);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    fixture_crash(&fixture);
    uint8_t closing[512];
    stream_read(&fixture, JOURNAL_BLOCK - 512 + 20 * 512, closing, 512);
    stream_zero(&fixture, JOURNAL_BLOCK - 512 + 20 * 512, 512);
    stream_zero(&fixture, JOURNAL_BLOCK - 512, 512);
    must_see(1, 6);
    fixture_crash(&fixture);
    stream_write(&fixture, JOURNAL_BLOCK - 512 + 20 * 512, closing, 512);
    must_see(1, 6);
}

Test(journal_recovery, a_newer_generation_behind_the_end_is_damage) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);
    fixture_crash(&fixture);
    must_see(1, 1);
    append_one(&fixture, 2, 100);
    fixture_crash(&fixture);
    uint8_t newer[512];
    stream_read(&fixture, 1536, newer, sizeof(newer));
    stream_flip(&fixture, 1024 + 8, 0); /* the closing header of generation 2 */
    journal_header_t header;
    cr_assert(journal_header_read(newer, journal_seed(folder_id), 1536, &header));
    header.synced_through = 512; /* even if it does not say so */
    journal_header_write(&header, journal_seed(folder_id), newer);
    stream_write(&fixture, 1536, newer, sizeof(newer));
    must_be_damage(
        "damaged journal: 0000000000000000.segment at offset 5120: no valid batch, though the one at position "
        "0000000000000600 shows that it was durable");
}

Test(journal_recovery, an_older_batch_in_the_place_of_a_durable_one_is_damage) {
    leave_stale_tail(20);
    uint8_t stale[512];
    stream_read(&fixture, JOURNAL_BLOCK, stale, sizeof(stale));
    append_one(&fixture, 100, 100);
    append_one(&fixture, 101, 100);
    fixture_crash(&fixture);
    stream_write(&fixture, JOURNAL_BLOCK, stale, sizeof(stale)); /* the disk lost a write that it had confirmed */
    must_be_damage(
        "damaged journal: 0000000000000000.segment at offset 8192: no valid batch, though the one at position "
        "0000000000001200 shows that it was durable");
}

/* A cut may leave any bytes of a client right where the next batch is looked for. */
static void forge_batch(uint64_t position, uint64_t seed) {
    static const uint8_t record[] = {RECORD_PUT, 0, 1, 0, 0, 0, 0, 0, 'k'};
    uint8_t bytes[JOURNAL_ALIGN] = {0};
    journal_header_t header = {.position = position,
                               .generation = 1000,
                               .number = 1,
                               .records_hash = journal_hash(seed, record, sizeof(record)),
                               .records_bytes = sizeof(record),
                               .record_count = 1};
    journal_header_write(&header, seed, bytes);
    memcpy(bytes + JOURNAL_HEADER_BYTES, record, sizeof(record));
    stream_write(&fixture, position, bytes, sizeof(bytes));
}

Test(journal_recovery, bytes_of_a_client_that_look_like_a_batch_are_not_taken) {
    const uint64_t seeds[] = {0, journal_seed((const uint8_t[16]){0})};
    fixture_must_open(&fixture);
    append_to_end_of_page();
    for (size_t i = 0; i < ARRAY_LENGTH(seeds); i++) {
        uint64_t end = journal_position(fixture.journal);
        fixture_crash(&fixture);
        forge_batch(end, seeds[i]);
        must_see(1, 6);
    }
    uint64_t end = journal_position(fixture.journal);
    fixture_crash(&fixture);
    forge_batch(end, journal_seed(folder_id));
    fixture_must_open(&fixture);
    cr_assert_eq(fixture.seen.count, 7, "who knows the folder id could");
}

/* Cuts of the last batch: every byte of it, with zeros or with old bytes behind. It stands across two segments. */

static image_t whole;
static uint64_t last_start, last_end, last_used; /* the last batch; last_used: without its zeros */

static void write_batch_to_cut(void) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, SEGMENT - 512 - 1024 - JOURNAL_HEADER_BYTES - RECORD_HEADER_BYTES - 1);
    last_start = journal_position(fixture.journal);
    cr_assert_eq(last_start, SEGMENT - 1024);
    append_one(&fixture, 2, 1500);
    last_end = journal_position(fixture.journal);
    last_used = last_start + JOURNAL_HEADER_BYTES + RECORD_HEADER_BYTES + 1 + 1500;
    cr_assert(last_end > SEGMENT && last_used < last_end);
    fixture_crash(&fixture);
    image_take(&whole, &fixture);
}

static void must_recover_without_the_last(void) {
    must_see(1, 1);
    cr_assert_eq(journal_position(fixture.journal), last_start + 512);
    append_one(&fixture, 3, 10);
    fixture_crash(&fixture);
    fixture_must_open(&fixture);
    cr_assert_eq(fixture.seen.count, 2);
    cr_assert_eq(fixture.seen.items[1].number, 3);
    fixture_crash(&fixture);
}

Test(journal_recovery, a_batch_that_was_cut_at_any_byte_is_not_taken) {
    write_batch_to_cut();
    for (uint64_t cut = last_start; cut < last_used; cut++) {
        image_restore(&whole, &fixture);
        uint8_t byte;
        stream_read(&fixture, cut, &byte, 1);
        if (byte == 0) {
            continue; /* cut before a zero is cut behind it */
        }
        stream_zero(&fixture, cut, last_end - cut);
        must_recover_without_the_last();
    }
    image_free(&whole);
}

Test(journal_recovery, a_batch_of_which_any_sector_is_old_is_not_taken) {
    write_batch_to_cut();
    for (unsigned lost = 1; lost < 1u << (last_end - last_start) / 512; lost++) {
        image_restore(&whole, &fixture);
        for (unsigned sector = 0; sector < (last_end - last_start) / 512; sector++) {
            if (lost >> sector & 1) {
                stream_zero(&fixture, last_start + 512 * sector, 512);
            }
        }
        must_recover_without_the_last();
    }
    image_free(&whole);
}

Test(journal_recovery, a_batch_of_which_only_the_padding_is_lost_is_taken) {
    write_batch_to_cut();
    uint8_t noise[512];
    memset(noise, 0xa5, sizeof(noise));
    stream_write(&fixture, last_used, noise, last_end - last_used);
    must_see(1, 2);
    image_free(&whole);
}

Test(journal_recovery, a_group_is_taken_up_to_its_first_hole) {
    fixture_must_open(&fixture);
    cr_assert_eq(append_group(&fixture, 1, 8, 600), STATUS_OK);
    fixture_crash(&fixture);
    image_take(&whole, &fixture);
    for (uint64_t hole = 0; hole < 8; hole++) {
        image_restore(&whole, &fixture);
        stream_zero(&fixture, 512 + hole * 1024, 512);
        must_see(1, hole);
        fixture_crash(&fixture);
        must_see(1, hole);
        fixture_crash(&fixture);
    }
    image_free(&whole);
}

/* Flips. */

static void flip_in_first_batch(uint64_t at, unsigned bit) {
    stream_flip(&fixture, 512 + at, bit);
    must_be_damage(
        "damaged journal: 0000000000000000.segment at offset 4608: no valid batch, though the one at position "
        "0000000000000600 shows that it was durable");
    stream_flip(&fixture, 512 + at, bit);
}

Test(journal_recovery, a_flipped_bit_below_synced_through_is_damage) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 300); /* 512 to 1024 */
    append_one(&fixture, 2, 300); /* 1024 to 1536 */
    append_one(&fixture, 3, 300); /* says that both are durable; so does */
    fixture_crash(&fixture);
    stream_flip(&fixture, 1024 + 5, 1); /* the first that is looked for behind it, but not this */
    for (unsigned at = 0; at < JOURNAL_HEADER_BYTES + RECORD_HEADER_BYTES + 1 + 300; at++) {
        flip_in_first_batch(at, at % 8);
    }
}

Test(journal_recovery, a_flipped_bit_above_synced_through_is_a_torn_tail) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 300);
    append_one(&fixture, 2, 300);
    fixture_crash(&fixture);
    image_take(&whole, &fixture);
    for (unsigned at = 0; at < JOURNAL_HEADER_BYTES + RECORD_HEADER_BYTES + 1 + 300; at++) {
        image_restore(&whole, &fixture);
        stream_flip(&fixture, 1024 + at, at % 8);
        must_see(1, 1);
        fixture_crash(&fixture);
    }
    image_free(&whole);
}

Test(journal_recovery, after_a_closing_header_a_flipped_bit_in_the_last_batch_is_damage) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 300);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    fixture_crash(&fixture);
    stream_flip(&fixture, 512 + 80, 4);
    must_be_damage(
        "damaged journal: 0000000000000000.segment at offset 4608: no valid batch, though the one at position "
        "0000000000000400 shows that it was durable");
}

Test(journal_recovery, a_store_that_knows_a_generation_whose_closing_header_is_lost_is_damage) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 300);
    fixture_crash(&fixture);
    must_see(1, 1);
    apply();
    uint64_t closing = journal_position(fixture.journal) - 512;
    fixture_crash(&fixture);
    stream_zero(&fixture, closing, 512);
    must_be_damage("damaged journal: 0000000000000000.segment at offset 5632: the store ends here, but no batch of its "
                   "generation does");
}

Test(journal_recovery, a_flipped_bit_in_a_segment_header_is_damage) {
    fixture_must_open(&fixture);
    fixture_crash(&fixture);
    char path[128];
    fixture_path(&fixture, SEGMENT, path);
    for (unsigned at = 0; at < JOURNAL_SEGMENT_HEADER_BYTES; at++) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        uint8_t byte;
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        cr_assert_eq(fixture_open(&fixture), STATUS_INTERNAL);
        cr_assert_str_eq(fixture.error,
                         "damaged journal: 0000000000010000.segment at offset 0 has no valid segment header");
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        close(fd);
    }
    fixture_must_open(&fixture);
}

/* Segments that are not there or not ours. */

static void fill_segments(void) {
    fixture_must_open(&fixture);
    fixture_crash(&fixture);
    for (uint64_t number = 1; number <= 6; number++) { /* each start makes room */
        must_see(1, number - 1);
        append_one(&fixture, number, 40000);
        fixture_crash(&fixture);
    }
}

static void remove_segment(uint64_t start) {
    char path[128];
    fixture_path(&fixture, start, path);
    cr_assert_eq(remove(path), 0, "%s", path);
}

Test(journal_recovery, a_missing_segment_in_the_middle_is_damage) {
    fill_segments();
    remove_segment(2 * SEGMENT);
    must_be_damage("damaged journal: 0000000000030000.segment follows a missing segment: the one before it ends at "
                   "0000000000020000");
}

Test(journal_recovery, a_missing_first_segment_is_damage) {
    fill_segments();
    remove_segment(0);
    must_be_damage("damaged journal: the segment with position 0000000000000000 is missing");
}

Test(journal_recovery, a_missing_last_segment_is_damage_where_a_batch_goes_on_in_it) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, SEGMENT);
    fixture_crash(&fixture);
    remove_segment(SEGMENT);
    must_be_damage("damaged journal: 0000000000000000.segment at offset 4608: this batch goes on in a segment that is "
                   "missing");
}

Test(journal_recovery, a_missing_last_segment_is_damage_where_a_batch_ends_before_it) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, SEGMENT - 512 - JOURNAL_HEADER_BYTES - RECORD_HEADER_BYTES - 1);
    cr_assert_eq(journal_position(fixture.journal), SEGMENT);
    append_one(&fixture, 2, 100);
    fixture_crash(&fixture);
    remove_segment(SEGMENT);
    must_be_damage(
        "damaged journal: position 0000000000010000, beyond the last segment: the journal goes on in a segment "
        "that is missing");
}

Test(journal_recovery, a_cut_segment_is_damage) {
    fill_segments();
    char path[128];
    fixture_path(&fixture, SEGMENT, path);
    cr_assert_eq(truncate(path, SEGMENT), 0);
    must_be_damage("damaged journal: 0000000000020000.segment follows a missing segment: the one before it ends at "
                   "000000000001f000");
    cr_assert_eq(truncate(path, SEGMENT - 1), 0);
    must_be_damage("damaged journal: 0000000000010000.segment has a size that no segment has");
}

Test(journal_recovery, no_segments_are_damage_once_the_store_has_a_generation) {
    fixture.generation = 1;
    must_be_damage("damaged journal: the segment with position 0000000000000000 is missing");
    fixture.generation = 0;
    fixture.applied = 512;
    must_be_damage("damaged journal: the segment with position 0000000000000200 is missing");
}

Test(journal_recovery, a_first_segment_of_no_possible_size_is_not_taken_for_none) {
    fixture_must_open(&fixture);
    fixture_crash(&fixture);
    char path[128];
    fixture_path(&fixture, 0, path);
    remove_segment(SEGMENT);
    cr_assert_eq(truncate(path, 100), 0);
    must_be_damage("damaged journal: 0000000000000000.segment has a size that no segment has");
}

Test(journal_recovery, the_journal_of_another_folder_is_damage) {
    fixture_must_open(&fixture);
    fixture_crash(&fixture);
    const uint8_t other[16] = {1};
    cr_assert_eq(journal_open(fixture.dir, other, 0, 0, SEGMENT, collect, &fixture.seen, &fixture.journal,
                              fixture.error, sizeof(fixture.error)),
                 STATUS_INTERNAL);
    cr_assert_str_eq(fixture.error, "damaged journal: 0000000000000000.segment at offset 8 belongs to another folder");
}

Test(journal_recovery, a_folder_that_is_not_there_is_named) {
    cr_assert_eq(journal_open("/nowhere", folder_id, 0, 0, SEGMENT, collect, &fixture.seen, &fixture.journal,
                              fixture.error, sizeof(fixture.error)),
                 STATUS_INTERNAL);
    cr_assert_str_eq(fixture.error, "cannot open the journal's folder /nowhere: No such file or directory");
}

Test(journal_recovery, an_error_text_of_no_bytes_is_allowed) {
    cr_assert_eq(journal_open("/nowhere", folder_id, 0, 0, SEGMENT, collect, &fixture.seen, &fixture.journal, NULL, 0),
                 STATUS_INTERNAL);
}

Test(journal_recovery, a_segment_under_another_name_is_damage) {
    fill_segments();
    char from[128], to[128];
    fixture_path(&fixture, 0, from);
    fixture_path(&fixture, SEGMENT, to);
    cr_assert_eq(rename(from, to), 0);
    fixture.applied = SEGMENT;
    fixture.generation = 100;
    must_be_damage("damaged journal: 0000000000010000.segment at offset 24 says that it starts at 0000000000000000");
}

Test(journal_recovery, what_can_not_be_read_stops_the_opening_and_changes_nothing) {
    fill_segments();
    image_t before = {0}, after = {0};
    image_take(&before, &fixture);
    for (long reads = 0;; reads++) {
        disk.reads_left = reads;
        status_t status = fixture_open(&fixture);
        bool failed = disk.reads_left < 0;
        disk.reads_left = -1;
        if (!failed) {
            cr_assert_eq(status, STATUS_OK);
            cr_assert_gt(reads, 5, "headers of segments and their contents");
            break;
        }
        cr_assert_eq(status, STATUS_INTERNAL, "read %ld", reads);
        cr_assert_not_null(strstr(fixture.error, ".segment"));
        cr_assert_not_null(strstr(fixture.error, "Input/output error"));
        image_take(&after, &fixture);
        cr_assert(image_equal(&before, &after), "files changed");
        image_free(&after);
    }
    image_free(&before);
}

/* Positions of the store that the journal does not have. */

Test(journal_recovery, a_position_beyond_the_segments_is_damage) {
    fixture_must_open(&fixture);
    fixture_crash(&fixture);
    fixture.generation = 1;
    fixture.applied = 2 * SEGMENT;
    must_be_damage("damaged journal: position 0000000000020000 is beyond its end at 0000000000020000");
    fixture.applied = 1000 * SEGMENT;
    must_be_damage("damaged journal: position 0000000003e80000 is beyond its end at 0000000000020000");
}

Test(journal_recovery, a_position_beyond_the_last_batch_is_damage) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);
    fixture_crash(&fixture);
    fixture.generation = 1;
    fixture.applied = 1536;
    must_be_damage("damaged journal: 0000000000000000.segment at offset 5632: the store ends here, but no batch of its "
                   "generation does");
    fixture.applied = 512;
    stream_zero(&fixture, 0, 512);
    must_be_damage("damaged journal: 0000000000000000.segment at offset 4608: the store ends here, but no batch does");
}

Test(journal_recovery, a_position_inside_a_batch_is_damage) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 2000);
    fixture_crash(&fixture);
    fixture.generation = 1;
    fixture.applied = 1024;
    must_be_damage("damaged journal: 0000000000000000.segment at offset 5120: the store ends here, but no batch of its "
                   "generation does");
    fixture.applied = 1025;
    must_be_damage("damaged store: it ends at 0000000000000401, where no batch of a journal can end");
    fixture.applied = UINT64_MAX - 511;
    must_be_damage("damaged store: it ends at fffffffffffffe00, where no batch of a journal can end");
}

Test(journal_recovery, a_store_of_an_older_generation_than_its_position_is_damage) {
    fixture_must_open(&fixture);
    fixture_crash(&fixture);
    fixture_must_open(&fixture);
    apply();
    cr_assert_eq(fixture.generation, 2);
    fixture.generation = 1;
    fixture_crash(&fixture);
    must_be_damage("damaged journal: 0000000000000000.segment at offset 5120: the store ends here, but no batch of its "
                   "generation does");
}

/* What goes well. */

Test(journal_recovery, a_first_start_that_crashed_is_begun_again) {
    for (long calls = 0; calls < 200; calls++) {
        fixture_clear(&fixture);
        disk.calls_left = calls;
        status_t first = fixture_open(&fixture);
        fixture_crash(&fixture);
        disk.calls_left = -1;
        fixture_must_open(&fixture);
        cr_assert_eq(fixture.seen.count, 0);
        append_one(&fixture, 1, 100);
        fixture_crash(&fixture);
        must_see(1, 1);
        fixture_crash(&fixture);
        if (first == STATUS_OK) {
            cr_assert_gt(calls, 10);
            return;
        }
    }
    cr_assert_fail("opening makes more calls than expected");
}

Test(journal_recovery, what_was_accepted_is_written_and_synced_before_the_generation_is_raised) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);                                 /* synced, says the next */
    cr_assert_eq(append_group(&fixture, 2, 100, 700), STATUS_OK); /* crosses into the second segment */
    fixture_crash(&fixture);
    disk.log_count = 0;
    must_see(1, 101);
    uint64_t written = 0;
    size_t call = 0, syncs = 0;
    while (disk.log[call].what != 'w') {
        cr_assert_eq(disk.log[call++].what, 'f', "nothing but the folder was synced before");
    }
    for (; disk.log[call].what == 'w'; call++) {
        written += disk.log[call].bytes;
    }
    cr_assert_eq(written, 100 * 1024, "the last group, and not what its headers call synced");
    for (; disk.log[call].what == 's'; call++) {
        syncs++;
    }
    cr_assert_eq(syncs, 2, "both segments");
    cr_assert(disk.log[disk.log_count - 2].what == 'w' && disk.log[disk.log_count - 1].what == 's');
    cr_assert_eq(disk.log[disk.log_count - 2].offset,
                 JOURNAL_BLOCK + journal_position(fixture.journal) - 512 - SEGMENT);
}

Test(journal_recovery, after_a_clean_stop_nothing_is_written_but_the_closing_header) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);
    cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
    fixture_crash(&fixture);
    disk.log_count = 0;
    must_see(1, 1);
    size_t writes = 0;
    for (size_t i = 0; i < disk.log_count; i++) {
        writes += disk.log[i].what == 'w';
    }
    cr_assert_eq(writes, 2, "the old closing header anew and the new one");
}

Test(journal_recovery, batches_across_segments_of_changing_size_are_read_back) {
    static const size_t sizes[] = {SEGMENT, KIB(4), KIB(100), KIB(4) + 512, SEGMENT};
    uint64_t number = 1;
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        cr_assert_eq(fixture_open_sized(&fixture, sizes[i]), STATUS_OK, "%s", fixture.error);
        cr_assert_eq(fixture.seen.count, number - 1);
        cr_assert_geq(journal_room(fixture.journal), sizes[i]);
        while (journal_room(fixture.journal) >= 4096) {
            append_one(&fixture, number++, 3000);
        }
        fixture_crash(&fixture);
    }
    must_see(1, number - 1);
    for (size_t i = 0; i < fixture.seen.count; i++) {
        batch_t *batch = batch_of(i + 1, 3000);
        cr_assert_eq(fixture.seen.items[i].hash, hash_of(batch));
        batch_destroy(&batch);
    }
}

Test(journal_recovery, the_largest_batch_is_read_back) {
    cr_assert_eq(fixture_open_sized(&fixture, MIB(4)), STATUS_OK, "%s", fixture.error);
    append_one(&fixture, 1, 100);
    fixture_crash(&fixture);
    cr_assert_eq(fixture_open_sized(&fixture, MIB(5)), STATUS_OK, "%s", fixture.error);
    append_one(&fixture, 2, BATCH_RECORDS_BYTES - RECORD_HEADER_BYTES - 1);
    apply();
    append_one(&fixture, 3, 100);
    fixture_crash(&fixture);
    image_take(&whole, &fixture);
    cr_assert_eq(fixture_open_sized(&fixture, MIB(4)), STATUS_OK, "%s", fixture.error);
    cr_assert_eq(fixture.seen.count, 1);
    fixture_crash(&fixture);
    image_restore(&whole, &fixture);
    fixture.applied = fixture.generation = 0;
    cr_assert_eq(fixture_open_sized(&fixture, MIB(4)), STATUS_OK, "%s", fixture.error);
    cr_assert_eq(fixture.seen.count, 3);
    cr_assert_eq(fixture.seen.items[1].bytes, BATCH_RECORDS_BYTES);
    image_free(&whole);
}

Test(journal_recovery, only_what_the_store_has_not_is_visited) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);
    append_one(&fixture, 2, 100);
    apply();
    append_one(&fixture, 3, 100);
    fixture_crash(&fixture);
    must_see(3, 3);
    cr_assert_eq(fixture.seen.items[0].generation, 1);
    cr_assert_eq(fixture.seen.items[0].shard, 3);
    cr_assert_eq(fixture.seen.items[0].position, fixture.applied);
    cr_assert_eq(fixture.seen.items[0].end, fixture.applied + 512);
}

static status_t refuse(void *context, const journal_batch_t *batch) {
    (void)context;
    return batch->number == 2 ? STATUS_TOO_LARGE : STATUS_OK;
}

Test(journal_recovery, what_the_visitor_refuses_stops_the_opening) {
    fixture_must_open(&fixture);
    append_one(&fixture, 1, 100);
    append_one(&fixture, 2, 100);
    fixture_crash(&fixture);
    disk.log_count = 0;
    cr_assert_eq(journal_open(fixture.dir, folder_id, 0, 0, SEGMENT, refuse, NULL, &fixture.journal, fixture.error,
                              sizeof(fixture.error)),
                 STATUS_TOO_LARGE);
    cr_assert_not_null(strstr(fixture.error, "position 0000000000000400"));
    for (size_t i = 0; i < disk.log_count; i++) {
        cr_assert_eq(disk.log[i].what, 'f');
    }
    must_see(1, 2);
}

Test(journal_recovery, many_generations_follow_each_other) {
    for (uint64_t start = 1; start <= 200; start++) {
        must_see(1, start - 1);
        cr_assert_eq(journal_generation(fixture.journal), start);
        append_one(&fixture, start, 100);
        if (start % 3 == 0) {
            cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
        }
        fixture_crash(&fixture);
    }
}
