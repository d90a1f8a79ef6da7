/* SPDX-License-Identifier: MIT */
/* https://www.w3.org/TR/trace-context/: lower case only, ids of zeros are none, later versions may be longer. */
#include "tools/bridge/trace.h"

enum { TEXT_LEN = TRACE_TEXT_BYTES - 1 };

static int digit(char letter) {
    return letter >= '0' && letter <= '9' ? letter - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* False: not all of them are. */
static bool read_hex(const char *text, uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t count) {
    uint8_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= bytes[i];
    }
    return all == 0;
}

bool trace_parse(const char *text, uint8_t trace[TRACE_BYTES]) {
    uint8_t version, read[TRACE_BYTES];
    uint8_t *parent = read + TRACE_ID_BYTES, *flags = parent + TRACE_PARENT_BYTES;
    size_t len = strlen(text);
    if (len < TEXT_LEN || text[2] != '-' || text[35] != '-' || text[52] != '-' || !read_hex(text, &version, 1) ||
        !read_hex(text + 3, read, TRACE_ID_BYTES) || !read_hex(text + 36, parent, TRACE_PARENT_BYTES) ||
        !read_hex(text + 53, flags, 1)) {
        return false;
    }
    bool longer = version != 0 && text[TEXT_LEN] == '-';
    if (version == 0xff || !(len == TEXT_LEN || longer) || is_zero(read, TRACE_ID_BYTES) ||
        is_zero(parent, TRACE_PARENT_BYTES)) {
        return false;
    }
    memcpy(trace, read, TRACE_BYTES);
    return true;
}

static char *write_hex(char *text, const uint8_t *bytes, size_t count) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    return text;
}

void trace_print(const uint8_t trace[TRACE_BYTES], char text[TRACE_TEXT_BYTES]) {
    memcpy(text, "00-", 3);
    char *end = write_hex(text + 3, trace, TRACE_ID_BYTES);
    *end++ = '-';
    end = write_hex(end, trace + TRACE_ID_BYTES, TRACE_PARENT_BYTES);
    *end++ = '-';
    *write_hex(end, trace + TRACE_ID_BYTES + TRACE_PARENT_BYTES, 1) = 0;
}

void trace_print_id(const uint8_t trace[TRACE_BYTES], char text[2 * TRACE_ID_BYTES + 1]) {
    *write_hex(text, trace, TRACE_ID_BYTES) = 0;
}
