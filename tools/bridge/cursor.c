/* SPDX-License-Identifier: MIT */
/* base64url (RFC 4648) of a hash of list and fields, and the fields as JSON. */
#include "tools/bridge/cursor.h"

#include <stdlib.h>

#include <sodium.h>

#include "schemas/check.h"

enum {
    CHECK_BYTES = 8,
    WORD_BYTES_MAX = 2048, /* of one that is read */
};

static void hash(span_t list, span_t fields, uint8_t check[CHECK_BYTES]) {
    uint8_t whole[crypto_generichash_BYTES_MIN];
    uint64_t bytes = list.len;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof whole);
    crypto_generichash_update(&state, (const uint8_t *)&bytes, sizeof bytes);
    crypto_generichash_update(&state, list.ptr, list.len);
    crypto_generichash_update(&state, fields.ptr, fields.len);
    crypto_generichash_final(&state, whole, sizeof whole);
    memcpy(check, whole, CHECK_BYTES);
}

char *cursor_print(span_t list, const json_t *fields) {
    char *text = json_dumps(fields, JSON_COMPACT);
    size_t len = text != NULL ? strlen(text) : 0,
           room = sodium_base64_ENCODED_LEN(CHECK_BYTES + len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    uint8_t *bytes = malloc(CHECK_BYTES + len);
    char *word = malloc(room);
    CHECK(text != NULL && bytes != NULL && word != NULL, "out of memory");
    hash(list, span_of(text, len), bytes);
    memcpy(bytes + CHECK_BYTES, text, len);
    sodium_bin2base64(word, room, bytes, CHECK_BYTES + len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    free(bytes);
    free(text);
    return word;
}

json_t *cursor_read(span_t list, const char *word) {
    uint8_t bytes[WORD_BYTES_MAX], check[CHECK_BYTES];
    size_t len;
    if (sodium_base642bin(bytes, sizeof bytes, word, strlen(word), NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len <= CHECK_BYTES) {
        return NULL;
    }
    span_t fields = span_of(bytes + CHECK_BYTES, len - CHECK_BYTES);
    hash(list, fields, check);
    if (memcmp(check, bytes, CHECK_BYTES) != 0) {
        return NULL;
    }
    json_t *object = json_loadb((const char *)fields.ptr, fields.len, 0, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        object = NULL;
    }
    return object;
}
