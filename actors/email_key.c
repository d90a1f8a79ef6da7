/* SPDX-License-Identifier: MIT */
/* What is taken for an address is what mail could be sent to, roughly; whether it can is found out by sending. */
#include "actors/email_key.h"

#include <ctype.h>
#include <sodium.h>

enum {
    EMAIL_HASH_BYTES = 16,
    EMAIL_KEY_BYTES = 2 * EMAIL_HASH_BYTES,
};

/* Nothing that a mail header could trip over: blanks, what is special there, control characters. */
static bool is_clean(span_t email) {
    for (size_t i = 0; i < email.len; i++) {
        if (strchr(" <>(),;:\\\"[]", email.ptr[i]) != NULL) {
            return false;
        }
    }
    return span_find_control(email, span_text("")) == email.len;
}

/* Words with a dot between each two; how many. 0: there is an empty one, or one that begins or ends with an edge. */
static size_t count_words(span_t text, uint8_t edge) {
    size_t count = 1;
    for (size_t i = 0; i <= text.len; i++) {
        uint8_t before = i > 0 ? text.ptr[i - 1] : '.', byte = i < text.len ? text.ptr[i] : '.';
        if ((before == '.' && (byte == '.' || byte == edge)) || (byte == '.' && before == edge)) {
            return 0;
        }
        count += byte == '.' && i < text.len;
    }
    return count;
}

/* RFC 5321 §4.1.2, and letters beyond ASCII (RFC 6531): before the one @ words, behind it two or more, which
   do not begin or end with a hyphen. */
static bool email_plausible(span_t email) {
    const uint8_t *at = memchr(email.ptr, '@', email.len);
    if (at == NULL || !is_clean(email)) {
        return false;
    }
    span_t mailbox = span_of(email.ptr, (size_t)(at - email.ptr));
    span_t domain = span_of(at + 1, (size_t)(email.ptr + email.len - (at + 1)));
    return count_words(mailbox, '.') > 0 && memchr(domain.ptr, '@', domain.len) == NULL && count_words(domain, '-') > 1;
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
