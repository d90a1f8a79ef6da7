/* SPDX-License-Identifier: MIT */
#include "tools/bridge/web.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "broker/files.h"
#include "tools/bridge/compress.h"
#include "tools/bridge/page.h"
#include "tools/bridge/runs.h"

#define INDEX "/index.html"
#define POLICY                                                                                                         \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "                 \
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

enum { PATH_BYTES = 256 };

/* What may be sent instead of NAME, the best first. */
static const struct { const char *name, *ending; } codings[] = {{"br", ".br"}, {"gzip", ".gz"}, {"identity", ""}};

struct web_file {
    char path[PATH_BYTES]; /* "/assets/index-4f2a.js" */
    page_t page;
};

struct web {
    web_file_t *files; /* in the order of their paths */
    size_t count, bytes;
};

static bool ends_with(span_t path, const char *ending) {
    size_t len = strlen(ending);
    return path.len > len && memcmp(path.ptr + path.len - len, ending, len) == 0;
}

/* NULL: it is none that is sent. */
static const char *media_of(span_t path) {
    static const struct {
        const char *ending, *media;
    } table[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if (ends_with(path, table[i].ending)) {
            return table[i].media;
        }
    }
    return NULL;
}

/* Media and coding, which the path tells. */
static page_t describe(const char *text) {
    span_t path = span_text(text);
    page_t page = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(codings) && page.coding == NULL; i++) {
        if (codings[i].ending[0] != 0 && ends_with(path, codings[i].ending)) {
            page.coding = codings[i].name;
            path.len -= strlen(codings[i].ending);
        }
    }
    page.media = media_of(path);
    return page;
}

/* Reading the folder */

static int compare_paths(const void *a, const void *b) {
    return strcmp(((const web_file_t *)a)->path, ((const web_file_t *)b)->path);
}

static const web_file_t *find_file(const web_t *self, const char *path, const char *ending) {
    web_file_t key = {.path = ""};
    int len = snprintf(key.path, sizeof key.path, "%s%s", path, ending);
    return len < PATH_BYTES && self->count > 0 ? bsearch(&key, self->files, self->count, sizeof key, compare_paths)
                                               : NULL;
}

static status_t take_file(web_t *self, const char *path, const FTSENT *entry, char *error, size_t error_bytes) {
    size_t bytes = (size_t)entry->fts_statp->st_size, len;
    web_file_t *file = &self->files[self->count];
    page_t about = describe(path);
    if (about.media == NULL) {
        return STATUS_OK;
    }
    if (self->count == WEB_FILES_MAX || bytes > WEB_BYTES_MAX - self->bytes) {
        return files_fail(error, error_bytes, "%s: more than %d files, or %d bytes, are before it.", entry->fts_path,
                          WEB_FILES_MAX, WEB_BYTES_MAX);
    }
    if (snprintf(file->path, sizeof file->path, "%s", path) >= PATH_BYTES) {
        return files_fail(error, error_bytes, "%s: the path is too long.", path);
    }
    uint8_t *body = malloc(bytes + 1);
    CHECK(body != NULL, "out of memory");
    status_t status = files_read(entry->fts_accpath, false, body, bytes, &len, error, error_bytes);
    if (status != STATUS_OK) {
        free(body);
        return status;
    }
    file->page = page_make(about.media, span_of(body, len));
    file->page.coding = about.coding;
    self->count++;
    self->bytes += len;
    return STATUS_OK;
}

static status_t take_entry(web_t *self, FTS *tree, FTSENT *entry, size_t root_len, char *error, size_t error_bytes) {
    bool missing = entry->fts_info == FTS_NS && entry->fts_errno == ENOENT;
    if (entry->fts_level > FTS_ROOTLEVEL && entry->fts_name[0] == '.') {
        fts_set(tree, entry, FTS_SKIP);
        return STATUS_OK;
    }
    if (entry->fts_info == FTS_F && entry->fts_level > FTS_ROOTLEVEL) {
        return take_file(self, entry->fts_path + root_len, entry, error, error_bytes);
    }
    if (entry->fts_errno != 0 && !missing) {
        return files_fail(error, error_bytes, "%s: cannot be read: %s.", entry->fts_path, strerror(entry->fts_errno));
    }
    return STATUS_OK;
}

static status_t read_folder(web_t *self, const char *folder, char *error, size_t error_bytes) {
    char root[FILES_PATH_BYTES];
    status_t status = files_path(root, error, error_bytes, "%s", folder);
    size_t len = status == STATUS_OK ? strlen(root) : 0;
    while (len > 1 && root[len - 1] == '/') {
        root[--len] = 0;
    }
    FTS *tree = len > 0 ? fts_open((char *[]){root, NULL}, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL) : NULL;
    for (FTSENT *entry; status == STATUS_OK && tree != NULL && (entry = fts_read(tree)) != NULL;) {
        status = take_entry(self, tree, entry, len, error, error_bytes);
    }
    if (tree != NULL) {
        fts_close(tree);
    }
    return status;
}

static void drop_files(web_t *self) {
    while (self->count > 0) {
        free((void *)self->files[--self->count].page.body.ptr);
    }
}

web_t *web_new(const char *folder, char *error, size_t error_bytes) {
    web_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->files = calloc(WEB_FILES_MAX, sizeof *self->files);
    CHECK(self->files != NULL, "out of memory");
    if (read_folder(self, folder, error, error_bytes) != STATUS_OK) {
        web_destroy(&self);
        return NULL;
    }
    qsort(self->files, self->count, sizeof *self->files, compare_paths);
    if (find_file(self, INDEX, "") == NULL) {
        drop_files(self);
    }
    return self;
}

void web_destroy(web_t **self_p) {
    web_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        drop_files(self);
        free(self->files);
        free(self);
    }
}

/* Finding */

/* Is it this path, or one below it? */
static bool is_below(span_t path, const char *folder) {
    size_t len = strlen(folder);
    return path.len >= len && memcmp(path.ptr, folder, len) == 0 && (path.len == len || path.ptr[len] == '/');
}

/* Programs ask there, and are to hear of what is not there. */
static bool is_for_programs(span_t path) {
    static const char *const folders[] = {"/api", "/oauth2", "/.well-known", "/assets"};
    for (size_t i = 0; i < ARRAY_LENGTH(folders); i++) {
        if (is_below(path, folders[i])) {
            return true;
        }
    }
    return false;
}

const web_file_t *web_find(const web_t *self, span_t path, const char *accept) {
    char text[PATH_BYTES];
    bool fits = path.len < sizeof text, wants_page = accept != NULL && strcasestr(accept, "text/html") != NULL;
    snprintf(text, sizeof text, "%.*s", fits ? (int)path.len : 0, (const char *)path.ptr);
    const web_file_t *file = find_file(self, strcmp(text, "/") == 0 ? INDEX : text, "");
    if (file != NULL && file->page.coding == NULL) {
        return file;
    }
    return wants_page && !is_for_programs(path) ? find_file(self, INDEX, "") : NULL;
}

const page_t *web_choose(const web_t *self, const web_file_t *file, const char *accept_encoding) {
    const page_t *chosen = &file->page;
    double most = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(codings); i++) {
        const web_file_t *candidate = find_file(self, file->path, codings[i].ending);
        double quality = candidate != NULL ? compress_quality(accept_encoding, codings[i].name) : 0;
        if (quality > most) {
            most = quality;
            chosen = &candidate->page;
        }
    }
    return chosen;
}

void run_show_web(call_t *call) {
    const web_t *self = call->bridge->web;
    span_t path = http_path(call->http);
    const web_file_t *file = web_find(self, path, http_header(call->http, "Accept"));
    if (file == NULL) {
        call_refuse(call, REFUSE_NOT_FOUND, NULL);
        return;
    }
    call_add_header(call, "Vary", "Accept-Encoding");
    if (strncmp(file->page.media, "text/html", strlen("text/html")) == 0) {
        call_add_header(call, "Content-Security-Policy", POLICY);
        call_add_header(call, "Cross-Origin-Opener-Policy", "same-origin");
    }
    page_answer(call, web_choose(self, file, http_header(call->http, "Accept-Encoding")),
                is_below(path, "/assets") ? "public, max-age=31536000, immutable" : "no-cache");
}
