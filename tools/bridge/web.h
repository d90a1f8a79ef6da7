/* SPDX-License-Identifier: MIT */
/*
 * web: the web app, as its build left it in a folder. All files are read once, and only what was read is ever sent, so
 * no path leads anywhere else. A file is sent under its path in the folder, if its name ends in a known way; of
 * NAME.br, NAME.gz and NAME the one that the browser likes best. What is no file and no path of programs is, for who
 * wants a page to look at, a page that the app draws itself: it gets index.html.
 *
 * Symbolic links and hidden files are left out. The loop's thread.
 */
#ifndef DORAN_BRIDGE_WEB_H
#define DORAN_BRIDGE_WEB_H

#include "schemas/span.h"

enum { WEB_FILES_MAX = 1000, WEB_BYTES_MAX = 32 << 20 };

typedef struct web web_t;
typedef struct web_file web_file_t;

/* Without any file if the folder has no index.html, or is not there. NULL, with one sentence in error: it cannot be
   read, or is past the bounds. */
web_t *web_new(const char *folder, char *error, size_t error_bytes);
void web_destroy(web_t **self_p);

/* The file under that path, as it came; else for who accepts text/html index.html, if programs ask nothing there; else
   NULL. accept: of the request, or NULL. Until web_destroy. */
const web_file_t *web_find(const web_t *self, span_t path, const char *accept);
/* What of the file goes to who says this in Accept-Encoding (NULL: absent). */
const struct page *web_choose(const web_t *self, const web_file_t *file, const char *accept_encoding);

#endif
