/* SPDX-License-Identifier: MIT */
/*
 * folder: a data folder as a server owns it: made if need be, locked by the kernel for as long as the process lives,
 * recovered, and opened (PROGRAMS, "Files under DIR"). Main thread, before the ring starts.
 */
#ifndef DORAN_BROKER_FOLDER_H
#define DORAN_BROKER_FOLDER_H

#include "schemas/settings.h"
#include "storage/applier.h"
#include "storage/segments.h"

#define FOLDER_ERROR_BYTES 512
#define FOLDER_PATH_BYTES 900

typedef struct folder { /* for embedding; store, journal and segments pass to the ring */
    char path[FOLDER_PATH_BYTES];
    char journal_path[FOLDER_PATH_BYTES + 16];
    int lock; /* descriptor */
    store_t *store;
    journal_t *journal;
    segments_t *segments;
} folder_t;

/* Makes DIR and what belongs into it, and takes the lock; wait: until its owner is gone, else fails at once. One
   sentence in error on failure. */
MUST_USE status_t folder_lock(folder_t *self, const char *dir, bool wait, char *error, size_t error_bytes);
/* Opens store and journal and recovers: what the journal has above the store's position is made durable anew and
   applied in slices. On return everything acknowledged is in the store. */
MUST_USE status_t folder_recover(folder_t *self, const settings_t *settings, char *error, size_t error_bytes);
/* Closes what was not passed on and releases the lock. */
void folder_close(folder_t *self);

#endif
