/* SPDX-License-Identifier: MIT */
/* A data folder: lock, then store, then journal, then what lies between the two. */
#include "broker/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "broker/files.h"

enum { LOCK_PAUSE_MS = 20, LOCK_LOOKS = 50 };

static const char *const subfolders[] = {"keys", "secrets", "journal", "lmdb", "run", "log"};

static status_t make_folders(const char *dir, char *error, size_t error_bytes) {
    char path[FILES_PATH_BYTES];
    status_t status = files_folder(dir, error, error_bytes);
    for (size_t i = 0; i < ARRAY_LENGTH(subfolders) && status == STATUS_OK; i++) {
        status = files_path(path, error, error_bytes, "%s/%s", dir, subfolders[i]);
        if (status == STATUS_OK) {
            status = files_folder(path, error, error_bytes);
        }
    }
    return status;
}

/* What is told to others (run/dorand.json) must hold in any working directory. */
static status_t name_absolutely(folder_t *self, const char *dir, char *error, size_t error_bytes) {
    char *path = realpath(dir, NULL);
    if (path == NULL || strlen(path) >= sizeof self->path) {
        free(path);
        return files_fail(error, error_bytes, "%s has no usable absolute path", dir);
    }
    snprintf(self->path, sizeof self->path, "%s", path);
    snprintf(self->journal_path, sizeof self->journal_path, "%s/journal", self->path);
    free(path);
    return STATUS_OK;
}

/* 0, or the reason. A process that was killed holds its lock until its memory is gone, so a server that is started at
   once in its place looks more than once. */
static int take_lock(int lock, bool wait) {
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    for (int looks = 0; flock(lock, wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0; looks++) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return errno;
        }
        if (errno == EWOULDBLOCK && looks == LOCK_LOOKS) {
            return EWOULDBLOCK;
        }
        nanosleep(&pause, NULL);
    }
    return 0;
}

status_t folder_lock(folder_t *self, const char *dir, bool wait, char *error, size_t error_bytes) {
    char path[FILES_PATH_BYTES];
    *self = (folder_t){.lock = -1};
    status_t status = make_folders(dir, error, error_bytes);
    if (status == STATUS_OK) {
        status = name_absolutely(self, dir, error, error_bytes);
    }
    if (status == STATUS_OK) {
        status = files_path(path, error, error_bytes, "%s/lock", dir);
    }
    if (status != STATUS_OK) {
        return status;
    }
    self->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock < 0) {
        return files_fail(error, error_bytes, "%s cannot be opened: %s", path, strerror(errno));
    }
    int reason = take_lock(self->lock, wait);
    if (reason == 0) {
        return STATUS_OK;
    }
    close(self->lock);
    self->lock = -1;
    return reason == EWOULDBLOCK
               ? files_fail(error, error_bytes, "another server is running on %s; ./tools/down stops it", dir)
               : files_fail(error, error_bytes, "%s cannot be locked: %s", path, strerror(reason));
}

static status_t open_journal(folder_t *self, const settings_t *settings, const store_meta_t *meta, recovery_t *recovery,
                             char *error, size_t error_bytes) {
    status_t status =
        journal_open(self->journal_path, meta->folder_id, meta->position, meta->generation, settings->segment_bytes,
                     recovery_visit, recovery, &self->journal, error, error_bytes);
    if (status == STATUS_OK) {
        status =
            recovery_apply(recovery, self->store, journal_position(self->journal), journal_generation(self->journal));
        if (status != STATUS_OK) {
            return files_fail(error, error_bytes, "the journal's tail could not be applied to the store: %s",
                              store_error(self->store));
        }
    }
    return status;
}

status_t folder_recover(folder_t *self, const settings_t *settings, char *error, size_t error_bytes) {
    char path[FILES_PATH_BYTES];
    status_t status = files_path(path, error, error_bytes, "%s/lmdb", self->path);
    if (status == STATUS_OK) {
        status = store_open(path, settings->lmdb_map_bytes, &self->store, error, error_bytes);
    }
    if (status != STATUS_OK) {
        return status;
    }
    store_meta_t meta = store_meta(self->store);
    recovery_t *recovery = recovery_new();
    status = open_journal(self, settings, &meta, recovery, error, error_bytes);
    recovery_destroy(&recovery);
    if (status == STATUS_OK) {
        status = segments_open(self->journal_path, meta.folder_id, settings->segment_bytes, &self->segments, error,
                               error_bytes);
    }
    return status;
}

void folder_close(folder_t *self) {
    segments_destroy(&self->segments);
    journal_destroy(&self->journal);
    store_destroy(&self->store);
    if (self->lock >= 0) {
        close(self->lock);
        self->lock = -1;
    }
}
