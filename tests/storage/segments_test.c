/* SPDX-License-Identifier: MIT */
#include "storage/segments.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "storage/segment_file.h"
#include "tests/storage/disk.h"
#include "tests/storage/journal_fixture.h"

static fixture_t fixture;
static segments_t *segments;

static void set_up(void) {
    fixture_init(&fixture);
}

static void tear_down(void) {
    segments_destroy(&segments);
    fixture_fini(&fixture);
}

TestSuite(segments, .init = set_up, .fini = tear_down);

static status_t open_segments(size_t segment_bytes) {
    segments_destroy(&segments);
    return segments_open(fixture.dir, folder_id, segment_bytes, &segments, fixture.error, sizeof(fixture.error));
}

static void must_open(size_t segment_bytes) {
    cr_assert_eq(open_segments(segment_bytes), STATUS_OK, "%s", fixture.error);
}

static status_t prepare(void) {
    uint64_t start = 0, bytes = 0, end = segments_end(segments);
    int fd = -1;
    status_t status = segments_prepare(segments, &start, &bytes, &fd);
    if (status == STATUS_OK) {
        cr_assert(start == end && start + bytes == segments_end(segments));
        cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
    } else {
        cr_assert(fd == -1 && bytes == 0, "outputs untouched");
    }
    return status;
}

static void must_prepare(void) {
    cr_assert_eq(prepare(), STATUS_OK, "%s", segments_error(segments));
}

Test(segments, a_size_that_is_not_aligned_is_refused, .signal = SIGABRT) {
    fixture_vanish(&fixture);
    (void)open_segments(SEGMENT + 1);
}

Test(segments, no_space_is_said_and_leaves_nothing_behind) {
    must_open(SEGMENT);
    must_prepare();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {.rlim_cur = SEGMENT, .rlim_max = RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(prepare(), STATUS_STORAGE_FULL);
    cr_assert_eq(prepare(), STATUS_STORAGE_FULL);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_assert_str_eq(segments_error(segments), "cannot make a journal segment of 65536 bytes: File too large");
    cr_assert_eq(files_in(&fixture), 1);
    must_prepare();
}

/* A disk of 300 KiB, which only this process sees. */
static bool mount_small(void) {
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", fixture.dir, "tmpfs", 0, "size=300k") == 0;
}

Test(segments, a_full_disk_is_storage_full_until_there_is_space_again) {
    if (!mount_small()) {
        cr_skip("no right to mount");
    }
    must_open(SEGMENT);
    status_t status = STATUS_OK;
    int made = 0;
    while ((status = prepare()) == STATUS_OK) {
        made++;
    }
    cr_assert_eq(status, STATUS_STORAGE_FULL);
    cr_assert_eq(made, 4, "of 68 KiB each");
    cr_assert_not_null(strstr(segments_error(segments), "No space left on device"));
    cr_assert_eq(files_in(&fixture), 4);
    cr_assert_eq(segments_release(segments, SEGMENT), STATUS_OK);
    must_prepare(); /* from a spare: takes no space */
    cr_assert_eq(prepare(), STATUS_STORAGE_FULL);
    segments_destroy(&segments);
    umount(fixture.dir);
}

Test(segments, opening_a_journal_on_a_full_disk_is_storage_full) {
    if (!mount_small()) {
        cr_skip("no right to mount");
    }
    cr_assert_eq(fixture_open_sized(&fixture, KIB(200)), STATUS_STORAGE_FULL);
    cr_assert_str_eq(fixture.error, "cannot make a journal segment of 204800 bytes: No space left on device");
    cr_assert_null(fixture.journal);
    fixture_must_open(&fixture); /* with smaller segments there is room behind the first */
    fixture_crash(&fixture);
    umount(fixture.dir);
}

Test(segments, an_io_error_is_not_taken_for_a_full_disk) {
    must_open(SEGMENT);
    disk.write_code = EIO;
    cr_assert_eq(prepare(), STATUS_INTERNAL);
    cr_assert_not_null(strstr(segments_error(segments), "Input/output error"));
    cr_assert_eq(files_in(&fixture), 0);
}

Test(segments, what_a_crash_left_half_made_is_removed) {
    char path[128];
    snprintf(path, sizeof(path), "%s/0000000000010000.segment.part", fixture.dir);
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    must_open(SEGMENT);
    cr_assert_eq(files_in(&fixture), 0);
}

Test(segments, names_that_are_not_segments_are_left_alone) {
    static const char *const names[] = {"notes",
                                        "0000000000000000.segmen",
                                        "0000000000000000.segments",
                                        "000000000000000.segment",
                                        "00000000000000000.segment",
                                        "00000000000000A0.segment",
                                        "0000000000000001.segment",
                                        "ffffffffffffe000.segment",
                                        "0000000000000000.segment.part2"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", fixture.dir, names[i]);
        int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        close(fd);
    }
    must_open(SEGMENT);
    cr_assert_eq(segments_end(segments), JOURNAL_START);
    must_prepare();
    cr_assert_eq(segments_release(segments, 0), STATUS_OK);
    cr_assert_eq(files_in(&fixture), ARRAY_LENGTH(names) + 1);
}

Test(segments, only_what_is_wholly_applied_is_used_again) {
    must_open(SEGMENT);
    for (int i = 0; i < 3; i++) {
        must_prepare();
    }
    cr_assert_eq(segments_release(segments, SEGMENT - 512), STATUS_OK);
    must_prepare();
    cr_assert(segment_exists(&fixture, 0) && segment_exists(&fixture, 3 * SEGMENT));
    cr_assert_eq(segments_release(segments, SEGMENT), STATUS_OK);
    must_prepare();
    cr_assert(!segment_exists(&fixture, 0) && segment_exists(&fixture, SEGMENT) &&
              segment_exists(&fixture, 4 * SEGMENT));
    cr_assert_eq(files_in(&fixture), 4);
}

Test(segments, a_position_that_goes_back_takes_nothing_back) {
    must_open(SEGMENT);
    must_prepare();
    must_prepare();
    cr_assert_eq(segments_release(segments, SEGMENT), STATUS_OK);
    cr_assert_eq(segments_release(segments, 0), STATUS_OK);
    must_prepare();
    cr_assert_not(segment_exists(&fixture, 0));
}

Test(segments, two_spares_are_kept_and_others_removed) {
    must_open(SEGMENT);
    for (int i = 0; i < 6; i++) {
        must_prepare();
    }
    disk.log_count = 0;
    cr_assert_eq(segments_release(segments, 5 * SEGMENT), STATUS_OK);
    cr_assert_eq(files_in(&fixture), 3);
    cr_assert_eq(disk.log[disk.log_count - 1].what, 'f', "the folder is synced");
    disk.log_count = 0;
    cr_assert_eq(segments_release(segments, 5 * SEGMENT), STATUS_OK);
    cr_assert_eq(disk.log_count, 0, "nothing to do");
    for (int i = 0; i < 2; i++) {
        must_prepare();
    }
    cr_assert_eq(files_in(&fixture), 3);
    must_prepare();
    cr_assert_eq(files_in(&fixture), 4);
}

Test(segments, spares_of_another_size_are_removed) {
    must_open(SEGMENT);
    for (int i = 0; i < 3; i++) {
        must_prepare();
    }
    must_open(2 * SEGMENT);
    must_prepare();
    cr_assert_eq(segments_end(segments), 5 * SEGMENT);
    cr_assert_eq(segments_release(segments, 2 * SEGMENT), STATUS_OK);
    cr_assert_eq(files_in(&fixture), 2);
    must_prepare();
    cr_assert_eq(segments_end(segments), 7 * SEGMENT);
}

Test(segments, spares_are_found_again_after_a_start) {
    must_open(SEGMENT);
    for (int i = 0; i < 4; i++) {
        must_prepare();
    }
    cr_assert_eq(segments_release(segments, 2 * SEGMENT), STATUS_OK);
    must_open(SEGMENT);
    cr_assert_eq(segments_release(segments, 2 * SEGMENT), STATUS_OK);
    must_prepare();
    cr_assert_eq(files_in(&fixture), 4);
    cr_assert_not(segment_exists(&fixture, 0));
}

Test(segments, a_new_segment_has_its_name_only_when_all_of_it_is_synced) {
    must_open(SEGMENT);
    disk.log_count = 0;
    must_prepare();
    size_t rename = 0;
    while (disk.log[rename].what != 'r') {
        rename++;
    }
    cr_assert_eq(disk.log[rename - 1].what, 's');
    cr_assert(disk.log[rename - 2].what == 'w' && disk.log[rename - 2].offset == 0, "the header comes last");
    cr_assert_eq(disk.log[rename + 1].what, 'f');
    cr_assert_eq(disk.log_count, rename + 2);
}

Test(segments, both_sides_count_the_same_room) {
    fixture_must_open(&fixture);
    must_open(SEGMENT);
    uint64_t position;
    do {
        position = journal_position(fixture.journal);
        cr_assert_eq(segments_room(segments, position), journal_room(fixture.journal));
        if (journal_room(fixture.journal) >= 1024) {
            append_one(&fixture, 1, 600);
        } else {
            cr_assert_eq(journal_close_header(fixture.journal), STATUS_OK);
        }
    } while (journal_position(fixture.journal) != position);
    cr_assert_eq(journal_room(fixture.journal), 0);
}

/* A life of the journal in which the process dies at each of its calls, once with the power. */

static status_t live(void) {
    status_t status = fixture_open(&fixture);
    if (status == STATUS_OK) {
        status = append_group(&fixture, 1, 1, 60000);
    }
    if (status == STATUS_OK) {
        fixture.applied = journal_position(fixture.journal);
        fixture.generation = journal_generation(fixture.journal);
        status = open_segments(SEGMENT);
    }
    for (int i = 0; status == STATUS_OK && i < 3; i++) {
        uint64_t start, bytes;
        int fd;
        status = segments_prepare(segments, &start, &bytes, &fd);
        if (status != STATUS_OK) {
            break;
        }
        journal_add_segment(fixture.journal, start, bytes, fd);
        status = append_group(&fixture, 2, 1, 60000);
        if (status == STATUS_OK) {
            fixture.applied = journal_position(fixture.journal);
            status = segments_release(segments, fixture.applied);
        }
    }
    return status;
}

static bool die_at(long calls, bool power) {
    fixture_clear(&fixture);
    fixture.applied = fixture.generation = 0;
    disk.calls_left = calls;
    status_t status = live();
    fixture_crash(&fixture);
    segments_destroy(&segments);
    disk.calls_left = -1;
    if (power) {
        disk_power_loss(fixture.dir);
    }
    uint64_t applied = fixture.applied;
    fixture_must_open(&fixture);
    for (size_t i = 0; i < fixture.seen.count; i++) {
        cr_assert_geq(fixture.seen.items[i].position, applied);
    }
    append_one(&fixture, 9, 1000);
    fixture_crash(&fixture);
    fixture_must_open(&fixture);
    cr_assert_eq(fixture.seen.items[fixture.seen.count - 1].number, 9);
    fixture_crash(&fixture);
    return status == STATUS_OK;
}

Test(segments, a_crash_at_any_call_leaves_a_journal_that_starts) {
    disk.modelled = true;
    long calls = 0;
    while (!die_at(calls, calls % 2 == 0)) {
        cr_assert_lt(++calls, 500);
    }
    cr_assert_gt(calls, 30);
    for (long again = 0; again < calls; again++) {
        die_at(again, again % 2 != 0);
    }
}

/* Segments in use again. */

Test(segments, a_segment_in_use_again_keeps_its_bytes_and_none_of_them_are_taken) {
    fixture_must_open(&fixture);
    must_open(SEGMENT);
    uint64_t number = 0;
    for (int round = 0; round < 20; round++) {
        for (; journal_room(fixture.journal) > 5 * 1024; number++) {
            append_one(&fixture, number + 1, 1300 + 100 * (number % 7));
        }
        fixture.applied = journal_position(fixture.journal);
        fixture.generation = journal_generation(fixture.journal);
        uint64_t since = number;
        append_one(&fixture, ++number, 100);
        append_one(&fixture, ++number, 100);
        cr_assert_eq(segments_release(segments, fixture.applied), STATUS_OK, "%s", segments_error(segments));
        if (round % 4 == 3) { /* a crash instead: recovery takes the spare */
            fixture_crash(&fixture);
            fixture_must_open(&fixture);
            cr_assert_eq(fixture.seen.count, number - since);
            cr_assert_eq(fixture.seen.items[0].number, since + 1);
            must_open(SEGMENT);
            continue;
        }
        uint64_t start, bytes;
        int fd;
        cr_assert_eq(segments_prepare(segments, &start, &bytes, &fd), STATUS_OK, "%s", segments_error(segments));
        journal_add_segment(fixture.journal, start, bytes, fd);
    }
    cr_assert_leq(files_in(&fixture), 5);
    uint8_t word[8];
    stream_read(&fixture, segments_end(segments) - 8, word, sizeof(word));
    cr_assert_neq(memcmp(word, "\0\0\0\0\0\0\0\0", 8), 0, "the last segment holds stale bytes");
}
