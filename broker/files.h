/* SPDX-License-Identifier: MIT */
/*
 * files: the few things that start and stop do with small files: safe reading, atomic writing, folders of our own.
 * Failures leave one sentence in error and return INTERNAL. For the start of the program; never from the ring's
 * threads.
 */
#ifndef DORAN_BROKER_FILES_H
#define DORAN_BROKER_FILES_H

#include <sys/types.h>

#include "schemas/status.h"

#define FILES_PATH_BYTES 1024

/* Formats a path; fails when it does not fit. */
MUST_USE status_t files_path(char path[FILES_PATH_BYTES], char *error, size_t error_bytes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Formats the sentence; always INTERNAL. */
MUST_USE status_t files_fail(char *error, size_t error_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads a whole regular file, at most capacity bytes. Nobody but owner or root may be able to write it; if secret,
   nobody but the owner may be able to read it. */
MUST_USE status_t files_read(const char *path, bool secret, void *bytes, size_t capacity, size_t *len, char *error,
                             size_t error_bytes);
/* Writes a file so that after a crash there is the old one or the new one, whole: a temporary file beside it, fsync,
   rename, fsync of the folder. */
MUST_USE status_t files_write(const char *path, mode_t mode, const void *bytes, size_t len, char *error,
                              size_t error_bytes);
/* The same, but a file that is there stays as it is; of several processes that write at once the first wins. */
MUST_USE status_t files_create(const char *path, mode_t mode, const void *bytes, size_t len, char *error,
                               size_t error_bytes);
/* Makes a folder of mode 0700 (its parent exists), durably. One that is there must be ours alone to write. */
MUST_USE status_t files_folder(const char *path, char *error, size_t error_bytes);

#endif
