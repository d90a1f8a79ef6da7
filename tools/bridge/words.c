/* SPDX-License-Identifier: MIT */
#include "tools/bridge/words.h"

#include <strings.h>

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

span_t words_trim(span_t text) {
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text = span_of(text.ptr + 1, text.len - 1);
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1])) {
        text.len--;
    }
    return text;
}

bool words_take(span_t *rest, span_t *word) {
    while (rest->len > 0) {
        const uint8_t *comma = memchr(rest->ptr, ',', rest->len);
        size_t len = comma != NULL ? (size_t)(comma - rest->ptr) : rest->len;
        span_t found = words_trim(span_of(rest->ptr, len));
        len += comma != NULL;
        *rest = span_of(rest->ptr + len, rest->len - len);
        if (found.len > 0) {
            *word = found;
            return true;
        }
    }
    return false;
}

bool words_same(span_t word, const char *other) {
    return word.len == strlen(other) && strncasecmp((const char *)word.ptr, other, word.len) == 0;
}
