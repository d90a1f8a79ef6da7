/* SPDX-License-Identifier: MIT */
/*
 * nameless_store: a real store for one test, in memory where the machine has a file system for that, since what is
 * tested here is not the disk. Its files have no name any more when it is open, so that they go with the process,
 * however it ends.
 */
#ifndef DORAN_TESTS_ACTORS_NAMELESS_STORE_H
#define DORAN_TESTS_ACTORS_NAMELESS_STORE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/store.h"

static inline void nameless_remove(const char *folder, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static inline store_t *nameless_store_open(void) {
    char folder[64], error[256] = "";
    store_t *store = NULL;
    snprintf(folder, sizeof folder, "%s/doran-actors-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    status_t status = store_open(folder, MIB(1024), &store, error, sizeof error);
    nameless_remove(folder, "data.mdb");
    nameless_remove(folder, "lock.mdb");
    rmdir(folder);
    cr_assert_eq(status, STATUS_OK, "%s", error);
    return store;
}

#endif
