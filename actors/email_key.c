/* SPDX-License-Identifier: MIT */
/* What is taken for an address is what mail could be sent to, roughly; whether it can is found out by sending. */
#include "actors/email_key.h"

#include <ctype.h>
#include <sodium.h>

enum {
    EMAIL_HASH_BYTES = 16,
    EMAIL_KEY_BYTES = 2 * EMAIL_HASH_BYTES,
};

/* One @ with something before it and a dot-separated name behind it, and nothing that a mail header could trip over. */
static bool email_plausible(span_t email) {
    const uint8_t *at = memchr(email.ptr, '@', email.len);
    if (at == NULL || at == email.ptr) {
        return false;
    }
    for (size_t i = 0; i < email.len; i++) {
        uint8_t byte = email.ptr[i];
        if (byte <= ' ' || byte == 0x7f || strchr("<>(),;:\\\"[]", byte) != NULL ||
            (byte == '@' && email.ptr + i != at)) {
            return false;
        }
    }
    span_t domain = span_of(at + 1, (size_t)(email.ptr + email.len - (at + 1)));
    const uint8_t *dot = memchr(domain.ptr, '.', domain.len);
    return dot != NULL && dot != domain.ptr && domain.ptr[domain.len - 1] != '.';
}

status_t email_key_normalise(turn_t *turn, span_t email, span_t *normalised) {
    if (!email_plausible(email)) {
        return turn_fail(turn, STATUS_INVALID, "email is not an address");
    }
    uint8_t *lower = turn_alloc(turn, email.len);
    for (size_t i = 0; i < email.len; i++) {
        lower[i] = (uint8_t)(email.ptr[i] < 0x80 ? tolower(email.ptr[i]) : email.ptr[i]);
    }
    *normalised = span_of(lower, email.len);
    return STATUS_OK;
}

span_t email_key(turn_t *turn, span_t email) {
    uint8_t hash[KEYED_HASH_BYTES];
    char *key = turn_alloc(turn, EMAIL_KEY_BYTES + 1);
    turn_keyed_hash(turn, "email", email, hash);
    sodium_bin2hex(key, EMAIL_KEY_BYTES + 1, hash, EMAIL_HASH_BYTES);
    return span_of(key, EMAIL_KEY_BYTES);
}
