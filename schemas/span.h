/* SPDX-License-Identifier: MIT */
/*
 * span: bytes that belong to somebody else. A span is valid for as long as its owner says; who keeps one longer copies.
 */
#ifndef DORAN_SPAN_H
#define DORAN_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct span {
    const uint8_t *ptr; /* NULL means absent; an empty span that is present points anywhere */
    size_t len;         /* bytes */
} span_t;

static inline span_t span_of(const void *ptr, size_t len) {
    return (span_t){.ptr = ptr, .len = len};
}

static inline span_t span_text(const char *text) {
    return (span_t){.ptr = (const uint8_t *)text, .len = strlen(text)};
}

static inline bool span_equal(span_t a, span_t b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Of a text in UTF-8. */
static inline size_t span_characters(span_t text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

/* Order of bytes, shorter first among equals: the order of LMDB's keys. */
static inline int span_compare(span_t a, span_t b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.ptr, b.ptr, shared);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
