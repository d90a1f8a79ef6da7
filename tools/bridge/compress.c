/* SPDX-License-Identifier: MIT */
#include "tools/bridge/compress.h"

#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "schemas/check.h"

enum { GZIP_WINDOW_BITS = 15 + 16, MEMORY_LEVEL = 8 };

struct compress {
    z_stream stream;
    uint8_t *room;
    size_t room_bytes;
};

compress_t *compress_new(void) {
    compress_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    int rc = deflateInit2(&self->stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    CHECK(rc == Z_OK, "zlib says %d", rc);
    return self;
}

void compress_destroy(compress_t **self_p) {
    compress_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        deflateEnd(&self->stream);
        free(self->room);
        free(self);
    }
}

/* Of "gzip;q=0.5". */
static double quality_of(const char *part, size_t len) {
    const char *value = memchr(part, '=', len);
    return value != NULL ? strtod(value + 1, NULL) : 1;
}

static bool names(const char *part, const char *coding) {
    size_t name = strcspn(part, ";, \t");
    return name == strlen(coding) && strncasecmp(part, coding, name) == 0;
}

double compress_quality(const char *accept_encoding, const char *coding) {
    double of_others = 0;
    for (const char *at = accept_encoding; at != NULL && *at != 0;) {
        at += strspn(at, ", \t");
        size_t len = strcspn(at, ",");
        if (names(at, coding)) {
            return quality_of(at, len);
        }
        of_others = names(at, "*") ? quality_of(at, len) : of_others;
        at += len;
    }
    return of_others;
}

span_t compress_body(compress_t *self, span_t body) {
    if (self->room_bytes < body.len) {
        self->room_bytes = 2 * body.len;
        self->room = realloc(self->room, self->room_bytes);
        CHECK(self->room != NULL, "out of memory");
    }
    deflateReset(&self->stream);
    self->stream.next_in = (uint8_t *)body.ptr;
    self->stream.avail_in = (uInt)body.len;
    self->stream.next_out = self->room;
    self->stream.avail_out = (uInt)body.len; /* what becomes no shorter is not wanted */
    return deflate(&self->stream, Z_FINISH) == Z_STREAM_END ? span_of(self->room, self->stream.total_out) : body;
}
