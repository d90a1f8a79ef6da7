/* SPDX-License-Identifier: MIT */
/*
 * Small files, carefully. Modes are checked on the open descriptor, so that what was checked is what is read.
 */
#include "broker/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

status_t files_fail(char *error, size_t error_bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_bytes, format, arguments);
    va_end(arguments);
    return STATUS_INTERNAL;
}

status_t files_path(char path[FILES_PATH_BYTES], char *error, size_t error_bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(path, FILES_PATH_BYTES, format, arguments);
    va_end(arguments);
    return len >= 0 && len < FILES_PATH_BYTES ? STATUS_OK
                                              : files_fail(error, error_bytes, "%s…: the path is too long.", path);
}

/* NULL, or what is wrong with the file's mode. */
static const char *mode_problem(const struct stat *about, bool secret) {
    if (!S_ISREG(about->st_mode)) {
        return "is not a regular file";
    }
    if (about->st_uid != geteuid() && about->st_uid != 0) {
        return "belongs to somebody else";
    }
    if (secret && (about->st_mode & 077) != 0) {
        return "holds a secret and is open to group or others; chmod 600";
    }
    return (about->st_mode & 022) != 0 ? "can be written by group or others; chmod 600" : NULL;
}

/* Returns bytes read, capacity + 1 if there is more, or -1. */
static ssize_t read_all(int fd, uint8_t *bytes, size_t capacity) {
    size_t len = 0;
    for (;;) {
        uint8_t beyond;
        ssize_t got = len < capacity ? read(fd, bytes + len, capacity - len) : read(fd, &beyond, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -1 : (ssize_t)len;
        }
        len += (size_t)got;
        if (len > capacity) {
            return (ssize_t)len;
        }
    }
}

status_t files_read(const char *path, bool secret, void *bytes, size_t capacity, size_t *len, char *error,
                    size_t error_bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo must not hold up the start */
    if (fd < 0) {
        return files_fail(error, error_bytes, "%s: cannot be opened: %s.", path, strerror(errno));
    }
    struct stat about;
    const char *problem = fstat(fd, &about) != 0 ? strerror(errno) : mode_problem(&about, secret);
    ssize_t got = problem == NULL ? read_all(fd, bytes, capacity) : 0;
    int cause = errno;
    close(fd);
    if (problem != NULL) {
        return files_fail(error, error_bytes, "%s: %s.", path, problem);
    }
    if (got < 0) {
        return files_fail(error, error_bytes, "%s: cannot be read: %s.", path, strerror(cause));
    }
    if ((size_t)got > capacity) {
        return files_fail(error, error_bytes, "%s: is larger than %zu bytes.", path, capacity);
    }
    *len = (size_t)got;
    return STATUS_OK;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* The entry of path in its folder becomes durable. */
static bool sync_parent(const char *path) {
    char folder[FILES_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int len = slash == NULL ? snprintf(folder, sizeof folder, ".")
                            : snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + (slash == path)), path);
    int fd = len > 0 && (size_t)len < sizeof folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return false;
    }
    bool synced = fsync(fd) == 0;
    close(fd);
    return synced;
}

/* The temporary's name begins with a dot, so that readers of the folder pass it by. */
static status_t temporary_path(const char *path, char temporary[FILES_PATH_BYTES], char *error, size_t error_bytes) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    return files_path(temporary, error, error_bytes, "%.*s.%s.%ld", (int)(name - path), path, name, (long)getpid());
}

/* What makes a temporary file the file, durably; false with errno. */
typedef bool (*place_fn)(const char *temporary, const char *path);

static bool replace(const char *temporary, const char *path) {
    return rename(temporary, path) == 0 && sync_parent(path);
}

static bool place_first(const char *temporary, const char *path) {
    bool placed = link(temporary, path) == 0 || errno == EEXIST;
    return placed && unlink(temporary) == 0 && sync_parent(path);
}

static status_t write_and(place_fn place, const char *path, mode_t mode, span_t bytes, char *error,
                          size_t error_bytes) {
    char temporary[FILES_PATH_BYTES];
    status_t status = temporary_path(path, temporary, error, error_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    (void)unlink(temporary); /* of a process that died and had our number */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    /* fchmod, because the umask may have taken more than it should */
    bool written = fd >= 0 && fchmod(fd, mode) == 0 && write_all(fd, bytes.ptr, bytes.len) && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
        written = false, cause = errno;
    }
    if (written && !place(temporary, path)) {
        written = false, cause = errno;
    }
    if (!written) {
        (void)unlink(temporary);
        return files_fail(error, error_bytes, "%s: cannot be written: %s.", path, strerror(cause));
    }
    return STATUS_OK;
}

status_t files_write(const char *path, mode_t mode, const void *bytes, size_t len, char *error, size_t error_bytes) {
    return write_and(replace, path, mode, span_of(bytes, len), error, error_bytes);
}

status_t files_create(const char *path, mode_t mode, const void *bytes, size_t len, char *error, size_t error_bytes) {
    return write_and(place_first, path, mode, span_of(bytes, len), error, error_bytes);
}

status_t files_folder(const char *path, char *error, size_t error_bytes) {
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST) {
        return files_fail(error, error_bytes, "%s: cannot be made: %s.", path, strerror(errno));
    }
    struct stat about;
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        return files_fail(error, error_bytes, "%s: is not a folder.", path);
    }
    if (!made && (about.st_uid != geteuid() && about.st_uid != 0)) {
        return files_fail(error, error_bytes, "%s: belongs to somebody else.", path);
    }
    if ((about.st_mode & 022) != 0) {
        return files_fail(error, error_bytes, "%s: can be written by group or others; chmod 700.", path);
    }
    if (made && !sync_parent(path)) {
        return files_fail(error, error_bytes, "%s: cannot be made durable: %s.", path, strerror(errno));
    }
    return STATUS_OK;
}
