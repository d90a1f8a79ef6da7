/* SPDX-License-Identifier: MIT */
/*
 * scratch: an empty folder for one test, in memory if there is one, and its removal with the files in it.
 */
#ifndef DORAN_TESTS_STORAGE_SCRATCH_H
#define DORAN_TESTS_STORAGE_SCRATCH_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct scratch {
    char path[256];
} scratch_t;

static inline scratch_t scratch_new(void) {
    const char *given = getenv("TMPDIR");
    const char *parent = given != NULL ? given : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    scratch_t self;
    snprintf(self.path, sizeof(self.path), "%s/doran-XXXXXX", parent);
    if (mkdtemp(self.path) == NULL)
        abort();
    return self;
}

static inline void scratch_remove(const scratch_t *self) {
    DIR *dir = opendir(self->path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    rmdir(self->path);
}

#endif
