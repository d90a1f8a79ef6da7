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

/* Where the first control character of a text in UTF-8 stands that is none of those that are fine; its length: there is
   none. One of C0, DEL, or C1, which is two bytes. */
static inline size_t span_find_control(span_t text, span_t fine) {
    enum { DEL = 0x7f, C1_LEAD = 0xc2, C1_END = 0xa0 };
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i], next = i + 1 < text.len ? text.ptr[i + 1] : C1_END;
        bool is_control = byte < ' ' || byte == DEL || (byte == C1_LEAD && next < C1_END);
        if (is_control && (fine.len == 0 || memchr(fine.ptr, byte, fine.len) == NULL)) {
            return i;
        }
    }
    return text.len;
}

/* Order of bytes, shorter first among equals: the order of LMDB's keys. */
static inline int span_compare(span_t a, span_t b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.ptr, b.ptr, shared);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
