/* SPDX-License-Identifier: MIT */
/*
 * scan: the head of a request as raw bytes, before any library reads it (RFC 9112). It takes only what can be read in
 * one way: lines end with CRLF, one Host, one length, no folded lines, no byte that is no text. What two readers behind
 * one another could take for two different requests is refused here, once.
 *
 * Plain functions of bytes. Any thread.
 */
#ifndef DORAN_BRIDGE_SCAN_H
#define DORAN_BRIDGE_SCAN_H

#include "schemas/span.h"

enum {
    SCAN_HEAD_BYTES_MAX = 16 * 1024,
    SCAN_TARGET_BYTES_MAX = 8 * 1024,
    SCAN_HEADERS_MAX = 100,
    SCAN_LINE_BYTES_MAX = 4096, /* of a chunk's size with its extensions, and of a trailer */
};

typedef enum scan_result { SCAN_MORE, SCAN_WHOLE, SCAN_REFUSED } scan_result_t;

typedef struct scan {
    int status;        /* SCAN_REFUSED: of the answer */
    const char *why;   /* SCAN_REFUSED: a sentence without its period; static */
    size_t head_bytes; /* up to and with the empty line */
    uint64_t body_bytes;
    bool chunked;  /* the body's size is not known yet */
    bool expects;  /* it waits for 100 Continue before it sends the body */
    bool closes;   /* wants the connection closed behind the answer */
    bool bodiless; /* evhttp reads no body of this method: HEAD */
} scan_t;

/* The head at the beginning of what has come so far. SCAN_MORE: it is good, but not whole yet. */
scan_result_t scan_head(scan_t *self, span_t bytes, uint64_t body_bytes_max);

/* The line before a chunk, without CRLF: its size in hexadecimal, then extensions, which nobody reads. False: it is no
   such line. */
bool scan_chunk(span_t line, uint64_t *bytes);
/* Is that a line of a trailer, which nobody reads either? */
bool scan_trailer(span_t line);

#endif
