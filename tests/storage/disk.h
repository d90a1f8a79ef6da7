/* SPDX-License-Identifier: MIT */
/*
 * disk: a test that includes this runs on a disk of its own making. The calls that storage/file.c makes are defined
 * here (the linker takes them before the C library's), do the real thing, and remember what a power loss would leave:
 *
 *   pwritev ──► the file as everybody reads it (the page cache) ──┐ sector marked dirty
 *                                                                 ▼
 *   fdatasync, fsync ──────────────────────────► durable image: dirty sectors are copied, and clean again
 *
 *   disk_power_loss: each dirty sector is copied or not, by chance, and every file becomes its durable image; renames
 *   that no sync of the folder followed are taken back, the youngest first, as far as chance has it.
 *
 * A sync that is told to fail marks sectors clean without copying them all, as Linux does. disk.calls_left makes the
 * calls from there on fail, which is what a program looks like that dies there. Sectors have 512 bytes. One thread.
 */
#ifndef DORAN_TESTS_DISK_H
#define DORAN_TESTS_DISK_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "schemas/check.h"

#define DISK_SECTOR 512
#define DISK_FILES 256
#define DISK_LOG 4096

typedef struct disk_file {
    ino_t inode;
    size_t bytes;
    uint8_t *durable;
    bool *dirty; /* of each sector */
} disk_file_t;

typedef struct disk_call {
    char what; /* 'w'rite, 's'ync, 'f'older sync, 'r'ename, 'u'nlink */
    ino_t inode;
    uint64_t offset, bytes;
} disk_call_t;

static struct disk {
    /* Set by the test. */
    bool modelled;         /* keep durable images; else only faults and the log */
    long calls_left;       /* then every call that changes anything fails; -1: never */
    long sync_fails_after; /* syncs until one fails; -1: never */
    size_t short_bytes;    /* reads and writes do at most so many; 0: all */
    unsigned interrupted;  /* the next so many reads and writes fail with EINTR */
    int write_code;        /* the next write fails with this */
    long reads_left;       /* then one read fails with EIO; -1: never */
    bool lies;             /* syncs do nothing and succeed */
    uint64_t random;       /* state of the chance */

    disk_file_t files[DISK_FILES];
    size_t file_count;
    struct {
        char from[64], to[64];
    } renames[64]; /* not synced yet */
    size_t rename_count;
    disk_call_t log[DISK_LOG];
    size_t log_count;
} disk = {.calls_left = -1, .sync_fails_after = -1, .reads_left = -1, .random = 1};

static inline uint64_t disk_chance(uint64_t below) { /* splitmix64 */
    uint64_t z = disk.random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}

static inline bool disk_dead(void) {
    if (disk.calls_left == 0) {
        errno = EIO;
        return true;
    }
    if (disk.calls_left > 0) {
        disk.calls_left--;
    }
    return false;
}

static inline ino_t disk_inode(int fd) {
    struct stat found;
    CHECK(fstat(fd, &found) == 0, "fstat of %d", fd);
    return found.st_ino;
}

static inline void disk_note(char what, ino_t inode, uint64_t offset, uint64_t bytes) {
    if (disk.log_count < DISK_LOG) {
        disk.log[disk.log_count++] = (disk_call_t){what, inode, offset, bytes};
    }
}

static inline disk_file_t *disk_find(ino_t inode) {
    for (size_t i = 0; i < disk.file_count; i++) {
        if (disk.files[i].inode == inode) {
            return &disk.files[i];
        }
    }
    return NULL;
}

/* A file seen for the first time is durable as zeros: only what is written through here counts. */
static inline disk_file_t *disk_file(int fd, size_t bytes) {
    disk_file_t *file = disk_find(disk_inode(fd));
    if (file == NULL) {
        CHECK(disk.file_count < DISK_FILES, "%zu files", disk.file_count);
        file = &disk.files[disk.file_count++];
        *file = (disk_file_t){.inode = disk_inode(fd)};
    }
    if (bytes > file->bytes) {
        file->durable = realloc(file->durable, bytes);
        file->dirty = realloc(file->dirty, bytes / DISK_SECTOR + 1);
        CHECK(file->durable != NULL && file->dirty != NULL, "out of memory");
        memset(file->durable + file->bytes, 0, bytes - file->bytes);
        memset(file->dirty + file->bytes / DISK_SECTOR, 0, bytes / DISK_SECTOR + 1 - file->bytes / DISK_SECTOR);
        file->bytes = bytes;
    }
    return file;
}

static inline void disk_mark(int fd, uint64_t offset, uint64_t bytes) {
    disk_file_t *file = disk_file(fd, offset + bytes);
    for (uint64_t sector = offset / DISK_SECTOR; sector * DISK_SECTOR < offset + bytes; sector++) {
        file->dirty[sector] = true;
    }
}

/* Copies each dirty sector with this chance in 256. */
static inline void disk_flush(int fd, disk_file_t *file, unsigned chance) {
    for (size_t sector = 0; sector * DISK_SECTOR < file->bytes; sector++) {
        size_t at = sector * DISK_SECTOR;
        size_t len = file->bytes - at < DISK_SECTOR ? file->bytes - at : DISK_SECTOR;
        if (file->dirty[sector] && disk_chance(256) < chance) {
            CHECK(syscall(SYS_pread64, fd, file->durable + at, len, at) == (long)len, "read at %zu", at);
        }
        file->dirty[sector] = false;
    }
}

static inline int disk_sync(int fd) {
    struct stat found;
    CHECK(fstat(fd, &found) == 0, "fstat of %d", fd);
    disk_note(S_ISDIR(found.st_mode) ? 'f' : 's', found.st_ino, 0, 0);
    if (disk_dead()) {
        return -1;
    }
    bool fails = disk.sync_fails_after == 0;
    if (disk.sync_fails_after >= 0) {
        disk.sync_fails_after--;
    }
    if (disk.modelled && !disk.lies) {
        disk_file_t *file = disk_find(found.st_ino);
        if (file != NULL) {
            disk_flush(fd, file, fails ? 128 : 256);
        }
        if (S_ISDIR(found.st_mode) && !fails) {
            disk.rename_count = 0;
        }
    }
    errno = EIO;
    return fails ? -1 : 0;
}

int fdatasync(int fd) {
    return disk_sync(fd);
}

int fsync(int fd) {
    return disk_sync(fd);
}

ssize_t pread(int fd, void *to, size_t bytes, off_t offset) {
    if (disk.interrupted > 0) {
        disk.interrupted--;
        errno = EINTR;
        return -1;
    }
    if (disk.reads_left >= 0 && disk.reads_left-- == 0) {
        errno = EIO;
        return -1;
    }
    if (disk.short_bytes > 0 && bytes > disk.short_bytes) {
        bytes = disk.short_bytes;
    }
    return syscall(SYS_pread64, fd, to, bytes, offset);
}

static inline ssize_t disk_write_short(int fd, const struct iovec *vector, int count, off_t offset) {
    ssize_t done = 0;
    for (int i = 0; i < count && (size_t)done < disk.short_bytes; i++) {
        size_t left = disk.short_bytes - (size_t)done;
        size_t len = vector[i].iov_len < left ? vector[i].iov_len : left;
        ssize_t written = syscall(SYS_pwrite64, fd, vector[i].iov_base, len, offset + done);
        if (written < 0) {
            return written;
        }
        done += written;
    }
    return done;
}

ssize_t pwritev(int fd, const struct iovec *vector, int count, off_t offset) {
    if (disk.interrupted > 0) {
        disk.interrupted--;
        errno = EINTR;
        return -1;
    }
    if (disk.write_code != 0) {
        errno = disk.write_code;
        disk.write_code = 0;
        return -1;
    }
    if (disk_dead()) {
        return -1;
    }
    ssize_t written = disk.short_bytes > 0 ? disk_write_short(fd, vector, count, offset)
                                           : syscall(SYS_pwritev, fd, vector, count, (long)offset, 0L);
    if (written > 0) {
        disk_note('w', disk_inode(fd), (uint64_t)offset, (uint64_t)written);
        if (disk.modelled) {
            disk_mark(fd, (uint64_t)offset, (uint64_t)written);
        }
    }
    return written;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    disk_note('r', disk_inode(from_folder), 0, 0);
    if (disk_dead()) {
        return -1;
    }
    if (disk.modelled) {
        CHECK(disk.rename_count < ARRAY_LENGTH(disk.renames), "%zu renames", disk.rename_count);
        snprintf(disk.renames[disk.rename_count].from, 64, "%s", from);
        snprintf(disk.renames[disk.rename_count].to, 64, "%s", to);
        disk.rename_count++;
    }
    return (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
}

static inline void disk_forget(int folder, const char *name) {
    struct stat found;
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return;
    }
    disk_file_t *file = disk_find(found.st_ino);
    if (file == NULL) {
        return;
    }
    free(file->durable);
    free(file->dirty);
    *file = disk.files[--disk.file_count];
}

int unlinkat(int folder, const char *name, int flags) {
    disk_note('u', disk_inode(folder), 0, 0);
    if (disk_dead()) {
        return -1;
    }
    disk_forget(folder, name);
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}

static inline void disk_lose_file(int folder, const char *name) {
    int fd = openat(folder, name, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0, "cannot open %s", name);
    disk_file_t *file = disk_find(disk_inode(fd));
    if (file != NULL) {
        static const unsigned chances[] = {0, 256, 128, 16, 240}; /* none, all, half, few, most */
        disk_flush(fd, file, chances[disk_chance(ARRAY_LENGTH(chances))]);
        CHECK(syscall(SYS_pwrite64, fd, file->durable, file->bytes, 0L) == (long)file->bytes, "cannot write %s", name);
    }
    close(fd);
}

/* What is left of the folder after the power failed now. */
static inline void disk_power_loss(const char *path) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(folder >= 0, "cannot open %s", path);
    while (disk.rename_count > 0 && disk_chance(2) == 0) {
        disk.rename_count--;
        const char *from = disk.renames[disk.rename_count].from, *to = disk.renames[disk.rename_count].to;
        CHECK(syscall(SYS_renameat, folder, to, folder, from) == 0, "cannot take back %s", to);
    }
    disk.rename_count = 0;
    DIR *listing = fdopendir(folder);
    CHECK(listing != NULL, "cannot list %s", path);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        if (entry->d_name[0] != '.') {
            disk_lose_file(folder, entry->d_name);
        }
    }
    closedir(listing);
}

#endif
