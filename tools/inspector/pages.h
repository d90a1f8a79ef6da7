/* SPDX-License-Identifier: MIT */
/*
 * pages: shows a list that comes from the server page by page. Each page is printed as it comes, so that a list may be
 * longer than memory. One thread.
 */
#ifndef DORAN_INSPECTOR_PAGES_H
#define DORAN_INSPECTOR_PAGES_H

#include "tools/inspector/command.h"

typedef struct pages {
    /* Fills the next page; `most` items are wanted. Returns the exit code; if DONE, how many items of the page, from
       the first, may be shown, and whether there may be more behind it, also if it is empty. */
    int (*ask)(void *list, uint64_t most, size_t *complete, bool *more);
    void (*head)(void); /* above the first item, for people; NULL: there is none */
    void (*print)(const void *list, size_t item);
} pages_t;

/* Up to --limit items; people are told if there are none. Returns the exit code. */
int pages_show(const pages_t *self, const arguments_t *arguments, void *list);

#endif
