/* SPDX-License-Identifier: MIT */
/*
 * file: every call that the journal makes to the file system, in one place: so that a short count, a signal in the
 * middle or a full disk is dealt with once, and so that faults can be injected here.
 *
 * Every function returns 0 or an errno value. Descriptors are plain ints (they travel between threads by value) and are
 * never inherited by a child. Names are relative to an open folder. Any thread; one thread per descriptor at a time.
 */
#ifndef DORAN_STORAGE_FILE_H
#define DORAN_STORAGE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#include "schemas/check.h"

/* Lowers the soft limit of descriptors for the whole process, once, so that sockets cannot take those that files need:
   when it is reached, only what is opened here goes on, up to the hard limit. */
void file_keep_descriptors(void);

MUST_USE int folder_open(const char *path, int *folder);
/* Makes created, renamed and removed names durable. */
MUST_USE int folder_sync(int folder);
/* Calls visit with every name but "." and "..", in no order. */
MUST_USE int folder_list(int folder, void (*visit)(void *context, const char *name), void *context);
MUST_USE int folder_rename(int folder, const char *from, const char *to);
/* Removing what is not there succeeds. */
MUST_USE int folder_remove(int folder, const char *name);

/* Opens for reading and writing what exists. */
MUST_USE int file_open(int folder, const char *name, int *file);
MUST_USE int file_open_to_read(int folder, const char *name, int *file);
/* Makes a file that does not exist yet (EEXIST). */
MUST_USE int file_create(int folder, const char *name, int *file);
/* Accepts -1; the descriptor becomes -1. Nothing that matters is left to close: it was synced, or nobody needs it. */
void file_close(int *file);
MUST_USE int file_size(int file, uint64_t *bytes);

/* All the bytes or an error; ENODATA if the file ends before. */
MUST_USE int file_read(int file, void *to, size_t bytes, uint64_t offset);
/* All the bytes or an error. */
MUST_USE int file_write(int file, const void *from, size_t bytes, uint64_t offset);
/* Writes the first `bytes` bytes of the vector and takes them off it: *vector and *count are what is left, with the
   first element shortened where a part of it was written. The vector holds at least so many. */
MUST_USE int file_write_vector(int file, struct iovec **vector, size_t *count, size_t bytes, uint64_t offset);
/* Takes the space and writes zeros into it, so that a later write within it changes no metadata; then syncs all. */
MUST_USE int file_fill(int file, uint64_t bytes);
/* fdatasync: contents, and of the metadata what is needed to read them. An error is final, see file.c. */
MUST_USE int file_sync(int file);

#endif
