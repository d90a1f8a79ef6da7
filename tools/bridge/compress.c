/* SPDX-License-Identifier: MIT */
#include "tools/bridge/compress.h"

#include <stdlib.h>
#include <zlib.h>

#include "schemas/check.h"
#include "tools/bridge/words.h"

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
static double quality_of(span_t part) {
    const uint8_t *value = memchr(part.ptr, '=', part.len);
    return value != NULL ? strtod((const char *)value + 1, NULL) : 1;
}

static bool names(span_t part, const char *coding) {
    const uint8_t *end = memchr(part.ptr, ';', part.len);
    return words_same(words_trim(span_of(part.ptr, end != NULL ? (size_t)(end - part.ptr) : part.len)), coding);
}

double compress_quality(const char *accept_encoding, const char *coding) {
    span_t rest = span_text(accept_encoding != NULL ? accept_encoding : ""), part;
    double of_others = 0;
    while (words_take(&rest, &part)) {
        if (names(part, coding)) {
            return quality_of(part);
        }
        of_others = names(part, "*") ? quality_of(part) : of_others;
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
