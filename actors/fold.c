/* SPDX-License-Identifier: MIT */
#include "actors/fold.h"

#include <string.h>

#include <glib.h>

/* Of UTF-8: bytes inside a character. */
enum { INSIDE_MASK = 0xc0, INSIDE = 0x80 };

/* As much as there is room for, in whole characters, and a NUL. */
static void append(fold_t *self, span_t text) {
    size_t room = FOLD_BYTES_MAX - self->len, len = text.len;
    if (room == 0) {
        return;
    }
    if (len > room - 1) {
        for (len = room - 1; len > 0 && (text.ptr[len] & INSIDE_MASK) == INSIDE; len--) {
        }
    }
    if (len > 0) {
        memcpy(self->bytes + self->len, text.ptr, len);
    }
    self->bytes[self->len + len] = 0;
    self->len += len + 1;
}

static bool is_ascii(span_t text) {
    uint8_t all = 0;
    for (size_t i = 0; i < text.len; i++) {
        all |= text.ptr[i];
    }
    return all < INSIDE;
}

static void append_ascii(fold_t *self, span_t text) {
    size_t from = self->len;
    append(self, text);
    for (size_t i = from; i < self->len; i++) {
        self->bytes[i] = (uint8_t)g_ascii_tolower((char)self->bytes[i]);
    }
}

static void append_unicode(fold_t *self, span_t text) {
    char *decomposed = g_utf8_normalize((const char *)text.ptr, (gssize)text.len, G_NORMALIZE_DEFAULT);
    if (decomposed == NULL) { /* it is not UTF-8 */
        append(self, (span_t){0});
        return;
    }
    char *folded = g_utf8_casefold(decomposed, -1),
         *composed = g_utf8_normalize(folded, -1, G_NORMALIZE_DEFAULT_COMPOSE);
    append(self, span_text(composed));
    g_free(composed);
    g_free(folded);
    g_free(decomposed);
}

static void add_one(fold_t *self, span_t text) {
    if (is_ascii(text)) {
        append_ascii(self, text);
    } else {
        append_unicode(self, text);
    }
}

void fold_add(fold_t *self, span_t text) {
    const uint8_t *nul;
    while (text.len > 0 && (nul = memchr(text.ptr, 0, text.len)) != NULL) {
        size_t len = (size_t)(nul - text.ptr);
        add_one(self, span_of(text.ptr, len));
        text = span_of(nul + 1, text.len - len - 1);
    }
    if (text.len > 0) {
        add_one(self, text);
    }
}

bool fold_has(const fold_t *self, span_t part) {
    return memmem(self->bytes, self->len, part.ptr, part.len) != NULL;
}
