/* SPDX-License-Identifier: MIT */
#include "storage/file.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/storage/disk.h"

static char path[64];
static int folder, file;

static void set_up(void) {
    snprintf(path, sizeof(path), "%s/doran-file-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert_not_null(mkdtemp(path));
    cr_assert_eq(folder_open(path, &folder), 0);
    cr_assert_eq(file_create(folder, "file", &file), 0);
    disk.log_count = 0;
}

static void tear_down(void) {
    file_close(&file);
    cr_assert_eq(folder_remove(folder, "file"), 0);
    file_close(&folder);
    rmdir(path);
}

TestSuite(file, .init = set_up, .fini = tear_down);

Test(file, a_failed_sync_is_reported_and_not_repeated) {
    disk.sync_fails_after = 0;
    cr_assert_eq(file_sync(file), EIO);
    cr_assert_eq(disk.log_count, 1);
    disk.sync_fails_after = 0;
    cr_assert_eq(folder_sync(folder), EIO);
    cr_assert_eq(disk.log_count, 2);
    disk.sync_fails_after = 0;
    cr_assert_eq(file_fill(file, 8192), EIO);
}

Test(file, reading_beyond_the_end_is_an_error_and_not_less) {
    char bytes[8];
    cr_assert_eq(file_write(file, "1234", 4, 0), 0);
    cr_assert_eq(file_read(file, bytes, 4, 0), 0);
    cr_assert_eq(file_read(file, bytes, 5, 0), ENODATA);
    cr_assert_eq(file_read(file, bytes, 1, 4), ENODATA);
    cr_assert_eq(file_read(file, bytes, 0, 100), 0);
}

static void count_name(void *context, const char *name) {
    cr_assert(strcmp(name, "file") == 0 || strcmp(name, "other") == 0, "%s", name);
    ++*(int *)context;
}

static int take_descriptors(void) {
    int count = 0;
    while (dup(folder) >= 0) {
        count++;
    }
    cr_assert_eq(errno, EMFILE);
    return count;
}

Test(file, sockets_do_not_take_the_descriptors_that_files_need) {
    const struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
    int opened[16];
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    file_keep_descriptors();
    cr_assert(take_descriptors() > 0);
    for (size_t i = 0; i < 16; i++) {
        cr_assert_eq(file_open(folder, "file", &opened[i]), 0, "%zu", i);
        cr_assert_eq(take_descriptors(), 0, "none of them is free for others");
    }
    file_close(&opened[7]);
    cr_assert_eq(folder_list(folder, count_name, &(int){0}), 0, "a folder is a file, too");
}

Test(file, a_fifo_in_place_of_a_file_is_not_waited_for) {
    int other = -1;
    uint64_t bytes = 1;
    cr_assert_eq(mkfifoat(folder, "fifo", 0600), 0);
    cr_assert_eq(file_open_to_read(folder, "fifo", &other), 0);
    cr_assert_eq(file_size(other, &bytes), 0);
    cr_assert_eq(bytes, 0);
    file_close(&other);
    cr_assert_eq(folder_remove(folder, "fifo"), 0);
}

Test(file, an_existing_name_is_not_made_again) {
    int other = -1;
    cr_assert_eq(file_create(folder, "file", &other), EEXIST);
    cr_assert_eq(other, -1, "output untouched");
    cr_assert_eq(file_open(folder, "absent", &other), ENOENT);
    cr_assert_eq(other, -1);
}

Test(file, a_link_is_not_followed) {
    cr_assert_eq(symlinkat("file", folder, "link"), 0);
    int other = -1;
    cr_assert_eq(file_open(folder, "link", &other), ELOOP);
    cr_assert_eq(folder_remove(folder, "link"), 0);
    cr_assert_eq(folder_remove(folder, "link"), 0, "what is gone is gone");
}

Test(file, a_write_error_is_passed_on) {
    disk.write_code = EIO;
    cr_assert_eq(file_write(file, "1234", 4, 0), EIO);
    disk.write_code = ENOSPC;
    cr_assert_eq(file_fill(file, 4096), ENOSPC);
}

Test(file, a_limit_of_file_size_is_no_space) {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {.rlim_cur = 10000, .rlim_max = RLIM_INFINITY};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(file_fill(file, 8192), 0);
    cr_assert_eq(file_fill(file, 16384), EFBIG);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
}

Test(file, reads_and_writes_go_on_after_signals_and_short_counts) {
    uint8_t out[5000], in[5000] = {0};
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7);
    }
    for (size_t limit = 1; limit < 2000; limit = limit * 3 + 1) {
        disk.short_bytes = limit;
        disk.interrupted = 2;
        cr_assert_eq(file_write(file, out, sizeof(out), limit), 0);
        disk.interrupted = 2;
        cr_assert_eq(file_read(file, in, sizeof(in), limit), 0);
        cr_assert_eq(memcmp(in, out, sizeof(in)), 0, "limit %zu", limit);
    }
}

Test(file, a_vector_is_consumed_as_far_as_it_is_written) {
    for (size_t limit = 0; limit < 12; limit++) {
        char in[10];
        struct iovec vector[] = {{"abc", 3}, {"", 0}, {"defg", 4}, {"hij", 3}}, *rest = vector;
        size_t count = 4;
        disk.short_bytes = limit;
        cr_assert_eq(file_write_vector(file, &rest, &count, 5, 0), 0);
        cr_assert(count == 2 && rest[0].iov_len == 2 && memcmp(rest[0].iov_base, "fg", 2) == 0);
        cr_assert_eq(file_write_vector(file, &rest, &count, 5, 5), 0);
        cr_assert_eq(count, 0);
        cr_assert_eq(file_read(file, in, 10, 0), 0);
        cr_assert_eq(memcmp(in, "abcdefghij", 10), 0, "limit %zu", limit);
    }
}

Test(file, a_vector_may_have_more_elements_than_one_call_takes) {
    static struct iovec vector[3000], *rest;
    static uint8_t bytes[3000], in[3000];
    for (size_t i = 0; i < 3000; i++) {
        bytes[i] = (uint8_t)(i % 251);
        vector[i] = (struct iovec){.iov_base = &bytes[i], .iov_len = 1};
    }
    size_t count = 3000;
    rest = vector;
    cr_assert_eq(file_write_vector(file, &rest, &count, 3000, 0), 0);
    cr_assert_eq(count, 0);
    cr_assert_eq(file_read(file, in, 3000, 0), 0);
    cr_assert_eq(memcmp(in, bytes, 3000), 0);
}

Test(file, filled_is_zero_and_synced) {
    uint64_t bytes = 0;
    uint8_t in[100];
    cr_assert_eq(file_write(file, "stale", 5, 60), 0);
    disk.log_count = 0;
    cr_assert_eq(file_fill(file, ((size_t)9 << 20) + 512), 0);
    cr_assert_eq(disk.log[disk.log_count - 1].what, 's');
    cr_assert_eq(file_size(file, &bytes), 0);
    cr_assert_eq(bytes, ((size_t)9 << 20) + 512);
    cr_assert_eq(file_read(file, in, 100, 0), 0);
    for (size_t i = 0; i < 100; i++) {
        cr_assert_eq(in[i], 0);
    }
}

Test(file, a_folder_can_be_listed_again_and_again) {
    int other = -1, count = 0;
    cr_assert_eq(file_create(folder, "new", &other), 0);
    file_close(&other);
    cr_assert_eq(other, -1);
    cr_assert_eq(folder_rename(folder, "new", "other"), 0);
    cr_assert_eq(folder_list(folder, count_name, &count), 0);
    cr_assert_eq(folder_list(folder, count_name, &count), 0);
    cr_assert_eq(count, 4);
    cr_assert_eq(folder_remove(folder, "other"), 0);
}
