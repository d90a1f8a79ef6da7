/* SPDX-License-Identifier: MIT */
/*
 * Addresses are short, and what they may contain is what may stand in a URL path, a log line and a file name unescaped.
 */
#include "schemas/address.h"

#include <xxhash.h>

static_assert(PARTITIONS == 256, "the partition is the low byte of a hash");

static bool is_lower(uint8_t c) {
    return c >= 'a' && c <= 'z';
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_key_byte(uint8_t c) {
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '@' || c == '+' ||
           c == '-';
}

bool address_kind_valid(span_t kind) {
    if (kind.len < 1 || kind.len > KIND_BYTES_MAX || !is_lower(kind.ptr[0])) {
        return false;
    }
    for (size_t i = 1; i < kind.len; i++) {
        if (!is_lower(kind.ptr[i]) && !is_digit(kind.ptr[i]) && kind.ptr[i] != '-') {
            return false;
        }
    }
    return true;
}

bool address_key_valid(span_t key) {
    if (key.len < 1 || key.len > KEY_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < key.len; i++) {
        if (!is_key_byte(key.ptr[i])) {
            return false;
        }
    }
    return true;
}

status_t address_parse(span_t text, address_t *address) {
    const uint8_t *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    if (slash == NULL) {
        return STATUS_INVALID_ADDRESS;
    }
    size_t before = (size_t)(slash - text.ptr);
    address_t parsed = {.kind = span_of(text.ptr, before), .key = span_of(slash + 1, text.len - before - 1)};
    if (!address_kind_valid(parsed.kind) || !address_key_valid(parsed.key)) {
        return STATUS_INVALID_ADDRESS;
    }
    *address = parsed;
    return STATUS_OK;
}

uint8_t address_partition(span_t kind, span_t key) {
    CHECK(kind.len <= KIND_BYTES_MAX && key.len <= KEY_BYTES_MAX, "kind %zu, key %zu bytes", kind.len, key.len);
    uint8_t bytes[KIND_BYTES_MAX + 1 + KEY_BYTES_MAX];
    size_t len = 0;
    if (kind.len > 0) {
        memcpy(bytes, kind.ptr, kind.len);
        len = kind.len;
    }
    bytes[len++] = 0;
    if (key.len > 0) {
        memcpy(bytes + len, key.ptr, key.len);
        len += key.len;
    }
    return (uint8_t)XXH3_64bits(bytes, len);
}

/* 8-4-4-4-12 digits, with version and variant put into their places (RFC 9562 §4). */
static void uuid_print(uint8_t bytes[16], uint8_t version, char text[UUID_TEXT_BYTES]) {
    static const char digits[] = "0123456789abcdef";
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | (version << 4));
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *text++ = '-';
        }
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 0x0f];
    }
}

void uuid_v7(uint64_t unix_ms, const uint8_t random[10], char text[UUID_TEXT_BYTES]) {
    uint8_t bytes[16];
    for (size_t i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
    }
    memcpy(bytes + 6, random, 10);
    uuid_print(bytes, 7, text);
}

void uuid_v8(const uint8_t hash[16], char text[UUID_TEXT_BYTES]) {
    uint8_t bytes[16];
    memcpy(bytes, hash, sizeof bytes);
    uuid_print(bytes, 8, text);
}
