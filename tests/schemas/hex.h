/* SPDX-License-Identifier: MIT */
/*
 * Golden bytes as hex text, for tests. Spaces in the text are for the reader.
 */
#ifndef DORAN_TESTS_HEX_H
#define DORAN_TESTS_HEX_H

#include <stdio.h>

#include "schemas/check.h"
#include "schemas/span.h"

/* Bytes of the text, in `out`, which has room for half its length. */
static inline span_t hex_bytes(const char *text, uint8_t *out) {
    size_t len = 0;
    for (const char *p = text; *p != 0;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        unsigned byte = 0;
        CHECK(sscanf(p, "%2x", &byte) == 1 && p[1] != 0, "hex text at \"%s\"", p);
        out[len++] = (uint8_t)byte;
        p += 2;
    }
    return span_of(out, len);
}

/* Text of the bytes, in `out`, which has room for twice as many and a NUL. */
static inline const char *hex_text(span_t bytes, char *out) {
    for (size_t i = 0; i < bytes.len; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes.ptr[i]);
    }
    out[2 * bytes.len] = 0;
    return out;
}

#endif
