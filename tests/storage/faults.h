/* SPDX-License-Identifier: MIT */
/*
 * faults: a disk that fails when a test says so, and a process that dies there. Defines the C library's calls that
 * LMDB, the store and the journal write with, in front of the real ones; include it in one source of a program.
 */
#ifndef DORAN_TESTS_STORAGE_FAULTS_H
#define DORAN_TESTS_STORAGE_FAULTS_H

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* errno that the call fails with from now on; 0: it works. */
static int fault_of_write, fault_of_sync, fault_of_fallocate;
static int syncs_before_fault; /* so many still work */
static int calls_of_fallocate;
static bool disk_is_full;            /* says the file system */
static long calls_before_death = -1; /* then the process ends inside such a call; -1: never */

enum { DEATH = 9 }; /* its exit status */

#define FAULTS_VISIBLE __attribute__((visibility("default")))
#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

FAULTS_VISIBLE ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset);
FAULTS_VISIBLE ssize_t writev(int fd, const struct iovec *parts, int count);
FAULTS_VISIBLE ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset);
FAULTS_VISIBLE int fdatasync(int fd);
FAULTS_VISIBLE int fallocate(int fd, int mode, off_t offset, off_t bytes);
FAULTS_VISIBLE int fstatvfs(int fd, struct statvfs *found);

/* True, with errno set, if the call is to fail. */
static bool faulty(int fault) {
    if (calls_before_death >= 0 && calls_before_death-- == 0)
        _exit(DEATH);
    errno = fault;
    return fault != 0;
}

ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset) {
    return faulty(fault_of_write) ? -1 : REAL(pwrite)(fd, buffer, bytes, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return faulty(fault_of_write) ? -1 : REAL(writev)(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return faulty(fault_of_write) ? -1 : REAL(pwritev)(fd, parts, count, offset);
}

int fdatasync(int fd) {
    bool due = fault_of_sync != 0 && syncs_before_fault-- <= 0;
    return faulty(due ? fault_of_sync : 0) ? -1 : REAL(fdatasync)(fd);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
    calls_of_fallocate += 1;
    return faulty(fault_of_fallocate) ? -1 : REAL(fallocate)(fd, mode, offset, bytes);
}

int fstatvfs(int fd, struct statvfs *found) {
    int result = REAL(fstatvfs)(fd, found);
    if (disk_is_full)
        found->f_bavail = 0;
    return result;
}

#endif
