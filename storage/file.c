/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes loop until all is done: a signal or the kernel's own limits may cut a call short anywhere. A sync
 * does not loop and is never called again after an error, be it EINTR: the kernel marks pages clean that it failed to
 * write, and a second call would succeed without them (Rebello et al., "Can Applications Recover from fsync Failures?",
 * 2020).
 */
#include "storage/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Zeros go out in pieces with a sync each, so that the journal's own syncs never wait behind a whole segment of them.
 */
#define FILL_PIECE_BYTES ((size_t)4 << 20)
#define FILL_ZERO_BYTES ((size_t)64 << 10)

/* At most so many descriptors, and a quarter of what the process may have, are kept for files. */
#define FILES_KEPT 4096

enum { KEPT_PAUSE_MS = 10, KEPT_LOOKS = 500 };

static void set_soft_limit(struct rlimit limit, rlim_t soft) {
    limit.rlim_cur = soft;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* what it was will do */
}

static rlim_t limit_of_others(const struct rlimit *limit) {
    rlim_t quarter = limit->rlim_max / 4;
    return limit->rlim_max - (quarter < FILES_KEPT ? quarter : FILES_KEPT);
}

void file_keep_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        set_soft_limit(limit, limit_of_others(&limit));
    }
}

static int open_once(int folder, const char *name, int flags) {
    int opened;
    do {
        opened = openat(folder, name, flags | O_CLOEXEC, 0600);
    } while (opened < 0 && errno == EINTR);
    return opened;
}

static int open_above_limit(int folder, const char *name, int flags, struct rlimit limit) {
    set_soft_limit(limit, limit.rlim_max);
    int opened = open_once(folder, name, flags), cause = errno;
    set_soft_limit(limit, limit.rlim_cur);
    errno = cause;
    return opened;
}

/* Into the descriptors that are kept. The limit is the whole process's, so it is raised for one call only; a connection
   may slip in meanwhile. Strangers are thrown out after three seconds, so waiting a little longer gets theirs back. */
static int open_into_kept(int folder, const char *name, int flags) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    const struct timespec pause = {.tv_nsec = KEPT_PAUSE_MS * 1000000L};
    struct rlimit limit;
    int opened = -1;
    pthread_mutex_lock(&one_at_a_time);
    errno = EMFILE;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == limit_of_others(&limit)) {
        opened = open_above_limit(folder, name, flags, limit);
        for (int looks = 0; opened < 0 && errno == EMFILE && looks < KEPT_LOOKS; looks++) {
            nanosleep(&pause, NULL);
            opened = open_above_limit(folder, name, flags, limit);
        }
    }
    int cause = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = cause;
    return opened;
}

/* O_NONBLOCK: what stands in a file's place must not make us wait, as a FIFO would. */
static int open_at(int folder, const char *name, int flags, int *file) {
    int opened = open_once(folder, name, flags | O_NONBLOCK);
    if (opened < 0 && errno == EMFILE) {
        opened = open_into_kept(folder, name, flags | O_NONBLOCK);
    }
    if (opened < 0) {
        return errno;
    }
    *file = opened;
    return 0;
}

int folder_open(const char *path, int *folder) {
    return open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, folder);
}

int folder_sync(int folder) {
    return fsync(folder) == 0 ? 0 : errno;
}

int folder_list(int folder, void (*visit)(void *context, const char *name), void *context) {
    int again = -1; /* a descriptor of its own: closedir closes it, and each listing starts at the beginning */
    int code = open_at(folder, ".", O_RDONLY | O_DIRECTORY, &again);
    if (code != 0) {
        return code;
    }
    DIR *listing = fdopendir(again);
    if (listing == NULL) {
        code = errno;
        close(again);
        return code;
    }
    errno = 0;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            visit(context, entry->d_name);
        }
    }
    code = errno;
    closedir(listing);
    return code;
}

int folder_rename(int folder, const char *from, const char *to) {
    return renameat(folder, from, folder, to) == 0 ? 0 : errno;
}

int folder_remove(int folder, const char *name) {
    return unlinkat(folder, name, 0) == 0 || errno == ENOENT ? 0 : errno;
}

int file_open(int folder, const char *name, int *file) {
    return open_at(folder, name, O_RDWR | O_NOFOLLOW, file);
}

int file_open_to_read(int folder, const char *name, int *file) {
    return open_at(folder, name, O_RDONLY | O_NOFOLLOW, file);
}

int file_create(int folder, const char *name, int *file) {
    return open_at(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, file);
}

void file_close(int *file) {
    if (*file >= 0) {
        close(*file);
    }
    *file = -1;
}

int file_size(int file, uint64_t *bytes) {
    struct stat found;
    if (fstat(file, &found) != 0) {
        return errno;
    }
    *bytes = (uint64_t)found.st_size;
    return 0;
}

int file_read(int file, void *to, size_t bytes, uint64_t offset) {
    for (size_t done = 0; done < bytes;) {
        ssize_t count = pread(file, (uint8_t *)to + done, bytes - done, (off_t)(offset + done));
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        if (count == 0) {
            return ENODATA;
        }
        if (count > 0) {
            done += (size_t)count;
        }
    }
    return 0;
}

int file_write(int file, const void *from, size_t bytes, uint64_t offset) {
    struct iovec whole = {.iov_base = (void *)from, .iov_len = bytes}, *vector = &whole;
    size_t count = 1;
    return file_write_vector(file, &vector, &count, bytes, offset);
}

static void take_off(struct iovec **vector, size_t *count, size_t bytes) {
    while (*count > 0 && (*vector)->iov_len <= bytes) {
        bytes -= (*vector)->iov_len;
        (*vector)++;
        (*count)--;
    }
    if (bytes > 0) {
        (*vector)->iov_base = (uint8_t *)(*vector)->iov_base + bytes;
        (*vector)->iov_len -= bytes;
    }
}

/* One pwritev of at most `bytes` bytes: the element in which they end is shortened for the call. */
static ssize_t write_some(int file, struct iovec *vector, size_t count, size_t bytes, uint64_t offset) {
    size_t taken = 0, sum = 0;
    while (taken < count && taken < IOV_MAX && sum < bytes) {
        sum += vector[taken++].iov_len;
    }
    size_t beyond = sum > bytes ? sum - bytes : 0;
    vector[taken - 1].iov_len -= beyond;
    ssize_t written = pwritev(file, vector, (int)taken, (off_t)offset);
    vector[taken - 1].iov_len += beyond;
    return written;
}

int file_write_vector(int file, struct iovec **vector, size_t *count, size_t bytes, uint64_t offset) {
    while (bytes > 0) {
        CHECK(*count > 0, "%zu bytes more than the vector holds", bytes);
        ssize_t written = write_some(file, *vector, *count, bytes, offset);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written == 0) {
            return EIO; /* no progress and no reason given: never in an endless loop */
        }
        if (written > 0) {
            take_off(vector, count, (size_t)written);
            bytes -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
    return 0;
}

static int write_zeros(int file, uint64_t from, uint64_t to) {
    static const uint8_t zeros[FILL_ZERO_BYTES];
    int code = 0;
    for (uint64_t offset = from; code == 0 && offset < to; offset += FILL_ZERO_BYTES) {
        uint64_t left = to - offset;
        code = file_write(file, zeros, left < FILL_ZERO_BYTES ? (size_t)left : FILL_ZERO_BYTES, offset);
    }
    return code;
}

/* Takes the space at once: a full disk shows before anything is written. Not every file system can; then the zeros do.
 */
static int allocate(int file, uint64_t bytes) {
    int code;
    do {
        code = fallocate(file, 0, 0, (off_t)bytes) == 0 ? 0 : errno;
    } while (code == EINTR);
    return code == EOPNOTSUPP || code == ENOSYS ? 0 : code;
}

int file_fill(int file, uint64_t bytes) {
    int code = allocate(file, bytes);
    for (uint64_t offset = 0; code == 0 && offset < bytes; offset += FILL_PIECE_BYTES) {
        uint64_t end = bytes - offset < FILL_PIECE_BYTES ? bytes : offset + FILL_PIECE_BYTES;
        code = write_zeros(file, offset, end);
        if (code == 0) {
            code = file_sync(file);
        }
    }
    if (code == 0 && fsync(file) != 0) {
        code = errno;
    }
    return code;
}

int file_sync(int file) {
    return fdatasync(file) == 0 ? 0 : errno;
}
