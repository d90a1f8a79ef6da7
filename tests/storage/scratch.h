/* SPDX-License-Identifier: MIT */
/*
 * folder: an empty folder for one test, and its removal with the files in it.
 */
#ifndef DORAN_TESTS_STORAGE_FOLDER_H
#define DORAN_TESTS_STORAGE_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct folder {
    char path[256];
} folder_t;

static inline folder_t folder_new(void) {
    const char *parent = getenv("TMPDIR");
    folder_t self;
    snprintf(self.path, sizeof(self.path), "%s/doran-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(self.path) == NULL)
        abort();
    return self;
}

static inline void folder_remove(const folder_t *self) {
    DIR *dir = opendir(self->path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    rmdir(self->path);
}

#endif
