/* SPDX-License-Identifier: MIT */
#include "tools/bridge/idempotency_key.h"

#include <ctype.h>

enum {
    HEX_DIGITS_MIN = 32,
    BASE64_DIGITS_MIN = 22,
    DIFFERENT_MIN = 8,
};

static bool printable(char byte) {
    return byte >= ' ' && byte <= '~';
}

/* What stands in quotes, with \ before " and \. NULL: the string does not end, or not at the end. */
static const char *unquote(const char *text, char *key, size_t *len) {
    for (; *text != 0 && *text != '"' && *len < IDEMPOTENCY_KEY_BYTES_MAX && printable(*text); text++) {
        if (*text == '\\') {
            text++;
            if (*text != '"' && *text != '\\') {
                return NULL;
            }
        }
        key[(*len)++] = *text;
    }
    return text[0] == '"' ? text + 1 : NULL;
}

static const char *copy(const char *text, char *key, size_t *len) {
    while (printable(*text) && *len < IDEMPOTENCY_KEY_BYTES_MAX) {
        key[(*len)++] = *text++;
    }
    return text;
}

bool idempotency_key_read(const char *header, char key[IDEMPOTENCY_KEY_BYTES]) {
    size_t len = 0;
    const char *rest = header[0] == '"' ? unquote(header + 1, key, &len) : copy(header, key, &len);
    key[len] = 0;
    return rest != NULL && *rest == 0 && len > 0;
}

static bool base64_digit(char byte) {
    return isalnum((unsigned char)byte) || strchr("+/-_", byte) != NULL;
}

bool idempotency_key_unguessable(const char *key) {
    bool seen[UINT8_MAX + 1] = {false};
    size_t different = 0, hex = 0, base64 = 0, other = 0;
    for (; *key != 0; key++) {
        uint8_t byte = (uint8_t)*key;
        bool digit = isxdigit(byte);
        different += !seen[byte];
        seen[byte] = true;
        hex += digit;
        base64 += base64_digit(*key);
        other += !digit && byte != '-';
    }
    return different >= DIFFERENT_MIN && (other == 0 ? hex >= HEX_DIGITS_MIN : base64 >= BASE64_DIGITS_MIN);
}
