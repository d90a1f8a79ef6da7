/* SPDX-License-Identifier: MIT */
/* Line by line from the beginning, each time more has come: heads come whole, but for those who try something. */
#include "tools/bridge/scan.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include <event2/http.h>

#include "schemas/check.h"
#include "tools/bridge/words.h"

enum {
    BAD_REQUEST = 400,
    TOO_LARGE = 413,
    TARGET_TOO_LONG = 414,
    EXPECTATION_FAILED = 417,
    HEADERS_TOO_LARGE = 431,
    NOT_IMPLEMENTED = 501,
    VERSION_NOT_SUPPORTED = 505,
    LENGTH_DIGITS_MAX = 18,
    CHUNK_DIGITS_MAX = 8,
};

/* Headers that may come once. */
typedef enum single {
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    EXPECT,
    AUTHORIZATION,
    CONTENT_TYPE,
    SINGLES,
} single_t;

typedef struct reading {
    scan_t *scan;
    uint64_t body_bytes_max;
    bool old; /* HTTP/1.0 */
    span_t target, host;
    uint32_t headers;
    bool seen[SINGLES];
} reading_t;

static bool refuse(reading_t *self, int status, const char *why) {
    self->scan->status = status;
    self->scan->why = why;
    return false;
}

/* Letters of a method or a header's name: a token. */
static bool is_token(span_t text) {
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum(text.ptr[i]) && (text.ptr[i] == 0 || strchr("!#$%&'*+-.^_`|~", text.ptr[i]) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

/* Visible ASCII, tabs, blanks, and what is not ASCII. */
static bool is_text(span_t text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_visible(span_t text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return text.len > 0;
}

/* What stands before the byte is taken off with it; absent, if it is not there. */
static span_t take_until(span_t *rest, char byte) {
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, byte, rest->len) : NULL;
    if (end == NULL) {
        return (span_t){0};
    }
    span_t taken = span_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = span_of(end + 1, rest->len - taken.len - 1);
    return taken;
}

/* The first line */

static bool take_method(reading_t *self, span_t method) {
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    if (method.ptr == NULL || !is_token(method)) {
        return refuse(self, BAD_REQUEST, "The first line is no request line");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
        if (span_equal(method, span_text(known[i]))) {
            self->scan->bodiless = i == 1;
            return true;
        }
    }
    return refuse(self, NOT_IMPLEMENTED, "There is no such method");
}

static bool take_version(reading_t *self, span_t version) {
    if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0 || !isdigit(version.ptr[5]) || version.ptr[6] != '.' ||
        !isdigit(version.ptr[7])) {
        return refuse(self, BAD_REQUEST, "The first line is no request line");
    }
    if (version.ptr[5] != '1' || version.ptr[7] > '1') {
        return refuse(self, VERSION_NOT_SUPPORTED, "This speaks HTTP/1.1");
    }
    self->old = version.ptr[7] == '0';
    return true;
}

/* What evhttp cannot parse, it refuses by itself, in its own words. */
static bool can_be_parsed(span_t url) {
    char text[SCAN_TARGET_BYTES_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)url.len, (const char *)url.ptr);
    struct evhttp_uri *parsed = evhttp_uri_parse_with_flags(text, EVHTTP_URI_NONCONFORMANT);
    if (parsed == NULL) {
        return false;
    }
    evhttp_uri_free(parsed);
    return true;
}

/* A path, or all of a URL, whose host is compared with Host when that is known. */
static bool take_target(reading_t *self, span_t target, bool options) {
    bool path = target.len > 0 && target.ptr[0] == '/' && !(target.len > 1 && target.ptr[1] == '/');
    bool url = (target.len > 7 && strncasecmp((const char *)target.ptr, "http://", 7) == 0) ||
               (target.len > 8 && strncasecmp((const char *)target.ptr, "https://", 8) == 0);
    if (target.len > SCAN_TARGET_BYTES_MAX) {
        return refuse(self, TARGET_TOO_LONG, "The path with its query is too long");
    }
    if (!is_visible(target) || memchr(target.ptr, '#', target.len) != NULL ||
        !(path || url || (options && words_same(target, "*")))) {
        return refuse(self, BAD_REQUEST, "The first line names no path");
    }
    self->target = target;
    return path || !url || can_be_parsed(target) || refuse(self, BAD_REQUEST, "The first line names no path");
}

static bool take_first(reading_t *self, span_t line) {
    span_t method = take_until(&line, ' '), target = take_until(&line, ' ');
    return take_method(self, method) && take_target(self, target, words_same(method, "OPTIONS")) &&
           take_version(self, line);
}

/* Headers */

static bool take_host(reading_t *self, span_t value) {
    for (size_t i = 0; i < value.len; i++) {
        if (!isalnum(value.ptr[i]) && (value.ptr[i] == 0 || strchr("-._~:[]%", value.ptr[i]) == NULL)) {
            return refuse(self, BAD_REQUEST, "Host names no host");
        }
    }
    self->host = value;
    return value.len > 0 || refuse(self, BAD_REQUEST, "Host names no host");
}

static bool take_length(reading_t *self, span_t value) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < value.len && i <= LENGTH_DIGITS_MAX; i++) {
        if (!isdigit(value.ptr[i])) {
            return refuse(self, BAD_REQUEST, "Content-Length is no number");
        }
        bytes = bytes * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    self->scan->body_bytes = bytes;
    if (value.len > LENGTH_DIGITS_MAX || bytes > self->body_bytes_max) {
        return refuse(self, TOO_LARGE, "The body is too large");
    }
    return value.len > 0 || refuse(self, BAD_REQUEST, "Content-Length is no number");
}

static bool take_coding(reading_t *self, span_t value) {
    self->scan->chunked = true;
    return words_same(value, "chunked") || refuse(self, NOT_IMPLEMENTED, "Bodies are chunked, or not coded at all");
}

static bool take_expectation(reading_t *self, span_t value) {
    self->scan->expects = !self->old;
    return words_same(value, "100-continue") || refuse(self, EXPECTATION_FAILED, "Only 100-continue can be expected");
}

static bool take_single(reading_t *self, single_t which, span_t value) {
    if (self->seen[which]) {
        return refuse(self, BAD_REQUEST, "A header that may come once comes twice");
    }
    self->seen[which] = true;
    switch (which) {
    case HOST:
        return take_host(self, value);
    case CONTENT_LENGTH:
        return take_length(self, value);
    case TRANSFER_ENCODING:
        return take_coding(self, value);
    case EXPECT:
        return take_expectation(self, value);
    case AUTHORIZATION:
    case CONTENT_TYPE:
    case SINGLES:
        return true;
    }
    return true;
}

static void take_connection(reading_t *self, span_t value) {
    span_t option;
    while (words_take(&value, &option)) {
        self->scan->closes |= words_same(option, "close");
    }
}

static bool take_header(reading_t *self, span_t line) {
    static const char *const singles[] = {"Host",   "Content-Length", "Transfer-Encoding",
                                          "Expect", "Authorization",  "Content-Type"};
    span_t name = take_until(&line, ':'), value = words_trim(line);
    if (name.ptr == NULL ||
        !is_token(name)) { /* also of lines that go on from the one before, and of a blank behind it */
        return refuse(self, BAD_REQUEST, "A header's name is none");
    }
    if (!is_text(value)) {
        return refuse(self, BAD_REQUEST, "A header's value is no text");
    }
    if (++self->headers > SCAN_HEADERS_MAX) {
        return refuse(self, HEADERS_TOO_LARGE, "There are too many headers");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(singles); i++) {
        if (words_same(name, singles[i])) {
            return take_single(self, (single_t)i, value);
        }
    }
    if (words_same(name, "Connection")) {
        take_connection(self, value);
    }
    return true;
}

/* All of them */

/* Host of a target that is a whole URL; absent if it is a path. */
static span_t target_host(span_t target) {
    if (target.ptr[0] == '/' || target.ptr[0] == '*') {
        return (span_t){0};
    }
    const uint8_t *begin = (const uint8_t *)memchr(target.ptr, ':', target.len) + 3, *end = begin;
    while (end < target.ptr + target.len && *end != '/' && *end != '?') {
        end++;
    }
    return span_of(begin, (size_t)(end - begin));
}

static bool fits_together(reading_t *self) {
    span_t host = target_host(self->target);
    if (!self->seen[HOST] && !self->old) {
        return refuse(self, BAD_REQUEST, "Host is missing");
    }
    if (host.ptr != NULL && (host.len == 0 || host.len != self->host.len ||
                             strncasecmp((const char *)host.ptr, (const char *)self->host.ptr, host.len) != 0)) {
        return refuse(self, BAD_REQUEST, "Host is not that of the first line");
    }
    if (self->scan->chunked && (self->seen[CONTENT_LENGTH] || self->old)) {
        return refuse(self, BAD_REQUEST, "Transfer-Encoding does not fit here");
    }
    return true;
}

/* What has come without the end of its line. */
static bool fits_within(reading_t *self, span_t bytes, span_t rest, bool first) {
    if (first && rest.len > 0 && !isupper(rest.ptr[0])) {
        return refuse(self, BAD_REQUEST, "The first line is no request line");
    }
    if (bytes.len > SCAN_HEAD_BYTES_MAX) {
        return first ? refuse(self, TARGET_TOO_LONG, "The path with its query is too long")
                     : refuse(self, HEADERS_TOO_LARGE, "The headers are too large");
    }
    return true;
}

scan_result_t scan_head(scan_t *self, span_t bytes, uint64_t body_bytes_max) {
    reading_t reading = {.scan = self, .body_bytes_max = body_bytes_max};
    span_t rest = bytes, line;
    *self = (scan_t){0};
    for (bool first = true;; first = false) {
        line = take_until(&rest, '\n');
        if (line.ptr == NULL) {
            return fits_within(&reading, bytes, rest, first) ? SCAN_MORE : SCAN_REFUSED;
        }
        if (line.len == 0 || line.ptr[line.len - 1] != '\r') {
            refuse(&reading, BAD_REQUEST, "Lines end with CR and LF");
            return SCAN_REFUSED;
        }
        line.len--;
        self->head_bytes = (size_t)(rest.ptr - bytes.ptr);
        if (self->head_bytes > SCAN_HEAD_BYTES_MAX) {
            refuse(&reading, HEADERS_TOO_LARGE, "The headers are too large");
            return SCAN_REFUSED;
        }
        if (!first && line.len == 0) {
            return fits_together(&reading) ? SCAN_WHOLE : SCAN_REFUSED;
        }
        if (!(first ? take_first(&reading, line) : take_header(&reading, line))) {
            return SCAN_REFUSED;
        }
    }
}

/* Chunks */

bool scan_chunk(span_t line, uint64_t *bytes) {
    uint64_t size = 0;
    size_t digits = 0;
    while (digits < line.len && isxdigit(line.ptr[digits])) {
        int digit = tolower(line.ptr[digits++]);
        size = size * 16 + (uint64_t)(isdigit(digit) ? digit - '0' : digit - 'a' + 10);
        if (digits > CHUNK_DIGITS_MAX) {
            return false;
        }
    }
    span_t rest = words_trim(span_of(line.ptr + digits, line.len - digits));
    *bytes = size;
    return digits > 0 && (rest.len == 0 || rest.ptr[0] == ';') && is_text(rest);
}

bool scan_trailer(span_t line) {
    return is_token(take_until(&line, ':')) && is_text(line);
}
