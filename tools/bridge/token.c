/* SPDX-License-Identifier: MIT */
/*
 *   base64url(header) . base64url(claims) . base64url(signature)
 *
 * Times are seconds since 1970 with the ms behind the point, as RFC 7519 allows. Decoding is strict, so that no second
 * text is the same token; claims are looked at only behind the signature.
 */
#include "tools/bridge/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cjose/cjose.h>
#include <jansson.h>
#include <sodium.h>

#include "broker/files.h"
#include "schemas/address.h"
#include "schemas/check.h"

#define ISSUER "dorandoran"
#define TYPE "at+jwt"

enum {
    KEY_FILE_BYTES_MAX = 4096,
    HEADER_BYTES_MAX = 256,
    PARTS = 3,
    SECONDS_DIGITS = 13, /* of a time, with its ms */
};

struct token_key {
    cjose_jwk_t *key;
    char header[HEADER_BYTES_MAX]; /* of all tokens, in base64url */
};

/* The key */

static void new_id(char id[UUID_TEXT_BYTES + 1]) {
    uint8_t random[16];
    randombytes_buf(random, sizeof random);
    uuid_v8(random, id);
    id[UUID_TEXT_BYTES] = 0;
}

/* The JSON of a new key; the caller frees it. */
static char *make_key(void) {
    char id[UUID_TEXT_BYTES + 1];
    cjose_err error;
    cjose_jwk_t *key = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    new_id(id);
    CHECK(key != NULL && cjose_jwk_set_kid(key, id, strlen(id), &error), "%s", error.message);
    char *text = cjose_jwk_to_json(key, true, &error);
    CHECK(text != NULL, "%s", error.message);
    cjose_jwk_release(key);
    return text;
}

static void wipe_and_free(char *text) {
    sodium_memzero(text, strlen(text));
    free(text);
}

/* Of several bridges that start at once the first makes it; the others find it. */
static status_t ensure_key(const char *data, char path[FILES_PATH_BYTES], char *error, size_t error_bytes) {
    status_t status = files_path(path, error, error_bytes, "%s/secrets", data);
    if (status == STATUS_OK) {
        status = files_folder(path, error, error_bytes);
    }
    if (status == STATUS_OK) {
        status = files_path(path, error, error_bytes, "%s/secrets/tokens.jwk", data);
    }
    if (status != STATUS_OK || access(path, F_OK) == 0) {
        return status;
    }
    char *text = make_key();
    status = files_create(path, 0600, text, strlen(text), error, error_bytes);
    wipe_and_free(text);
    return status;
}

static bool usable(const cjose_jwk_t *key) {
    cjose_err error;
    return key != NULL && cjose_jwk_get_kty(key, &error) == CJOSE_JWK_KTY_EC &&
           cjose_jwk_EC_get_curve(key, &error) == CJOSE_JWK_EC_P_256 && cjose_jwk_get_kid(key, &error) != NULL;
}

static cjose_jwk_t *read_key(const char *path, char *error, size_t error_bytes) {
    char text[KEY_FILE_BYTES_MAX];
    cjose_err cause;
    size_t len;
    if (files_read(path, true, text, sizeof text, &len, error, error_bytes) != STATUS_OK) {
        return NULL;
    }
    cjose_jwk_t *key = cjose_jwk_import(text, len, &cause);
    sodium_memzero(text, sizeof text);
    if (!usable(key)) {
        snprintf(error, error_bytes, "%s: is no key of P-256 with a kid.", path);
        cjose_jwk_release(key);
        return NULL;
    }
    return key;
}

/* Signing */

/* base64url of it all; the caller frees it. NULL: the key has no private half. */
static char *sign(const cjose_jwk_t *key, span_t claims) {
    cjose_err error;
    const char *text;
    cjose_header_t *header = cjose_header_new(&error);
    CHECK(header != NULL && cjose_header_set(header, CJOSE_HDR_ALG, CJOSE_HDR_ALG_ES256, &error) &&
              cjose_header_set(header, CJOSE_HDR_KID, cjose_jwk_get_kid(key, &error), &error) &&
              cjose_header_set(header, "typ", TYPE, &error),
          "%s", error.message);
    cjose_jws_t *jws = cjose_jws_sign(key, header, claims.ptr, claims.len, &error);
    char *token = jws != NULL && cjose_jws_export(jws, &text, &error) ? strdup(text) : NULL;
    cjose_jws_release(jws);
    cjose_header_release(header);
    return token;
}

/* What all headers are like is seen from one. */
static bool learn_header(token_key_t *self) {
    char *token = sign(self->key, span_text("{}"));
    size_t len = token != NULL ? strcspn(token, ".") : HEADER_BYTES_MAX;
    bool fits = len < HEADER_BYTES_MAX;
    if (fits) {
        memcpy(self->header, token, len);
    }
    free(token);
    return fits;
}

token_key_t *token_key_open(const char *data, char *error, size_t error_bytes) {
    char path[FILES_PATH_BYTES];
    cjose_jwk_t *key =
        ensure_key(data, path, error, error_bytes) == STATUS_OK ? read_key(path, error, error_bytes) : NULL;
    if (key == NULL) {
        return NULL;
    }
    token_key_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->key = key;
    if (!learn_header(self)) {
        snprintf(error, error_bytes, "%s: cannot sign.", path);
        token_key_close(&self);
    }
    return self;
}

void token_key_close(token_key_t **self_p) {
    token_key_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        cjose_jwk_release(self->key);
        free(self);
    }
}

char *token_sign(const token_key_t *self, const token_claims_t *claims) {
    char id[UUID_TEXT_BYTES + 1];
    new_id(id);
    json_t *object = json_pack("{ss ss ss sf sf ss}", "iss", ISSUER, "sub", claims->user, "sid", claims->session, "iat",
                               (double)claims->issued_ms / 1000, "exp", (double)claims->expires_ms / 1000, "jti", id);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(SECONDS_DIGITS)) : NULL;
    CHECK(text != NULL, "out of memory");
    char *token = sign(self->key, span_text(text));
    CHECK(token != NULL, "the key signed before");
    free(text);
    json_decref(object);
    return token;
}

/* Reading */

static bool split(span_t token, span_t parts[PARTS]) {
    for (size_t i = 0; i < PARTS; i++) {
        const uint8_t *dot = memchr(token.ptr, '.', token.len);
        if ((dot == NULL) != (i == PARTS - 1)) {
            return false;
        }
        size_t len = dot != NULL ? (size_t)(dot - token.ptr) : token.len;
        parts[i] = span_of(token.ptr, len);
        token = span_of(token.ptr + len + (dot != NULL), token.len - len - (dot != NULL));
    }
    return true;
}

/* False: that is not the one way to write these bytes. */
static bool decode(span_t text, uint8_t *bytes, size_t capacity, size_t *len) {
    const char *end;
    const char *begin = (const char *)text.ptr;
    return sodium_base642bin(bytes, capacity, begin, text.len, NULL, len, &end,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           end == begin + text.len;
}

static bool signed_by(const cjose_jwk_t *key, span_t token) {
    cjose_err error;
    cjose_jws_t *jws = cjose_jws_import((const char *)token.ptr, token.len, &error);
    bool good = jws != NULL && cjose_jws_verify(jws, key, &error);
    cjose_jws_release(jws);
    return good;
}

static bool take_key(const json_t *claims, const char *name, char key[KEY_BYTES_MAX + 1]) {
    const char *text = json_string_value(json_object_get(claims, name));
    if (text == NULL || !address_key_valid(span_text(text))) {
        return false;
    }
    snprintf(key, KEY_BYTES_MAX + 1, "%s", text);
    return true;
}

static bool take_time(const json_t *claims, const char *name, uint64_t *ms) {
    double seconds = json_number_value(json_object_get(claims, name)); /* 0: that is no number */
    if (!(seconds > 0 && seconds < 1e12)) {
        return false;
    }
    *ms = (uint64_t)(seconds * 1000 + 0.5);
    return true;
}

static bool take_claims(span_t text, token_claims_t *claims) {
    json_t *object = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *issuer = json_string_value(json_object_get(object, "iss"));
    bool good = issuer != NULL && strcmp(issuer, ISSUER) == 0 && take_key(object, "sub", claims->user) &&
                take_key(object, "sid", claims->session) && take_time(object, "iat", &claims->issued_ms) &&
                take_time(object, "exp", &claims->expires_ms);
    json_decref(object);
    return good;
}

const char *token_read(const token_key_t *self, span_t token, uint64_t now_ms, token_claims_t *claims) {
    uint8_t body[TOKEN_BYTES_MAX], signature[TOKEN_BYTES_MAX];
    size_t body_len, signature_len;
    span_t parts[PARTS];
    if (token.len > TOKEN_BYTES_MAX || !split(token, parts) || !span_equal(parts[0], span_text(self->header)) ||
        !decode(parts[1], body, sizeof body, &body_len) ||
        !decode(parts[2], signature, sizeof signature, &signature_len)) {
        return "malformed";
    }
    if (!signed_by(self->key, token)) {
        return "signature";
    }
    token_claims_t taken;
    if (!take_claims(span_of(body, body_len), &taken)) {
        return "malformed";
    }
    if (taken.expires_ms <= now_ms) {
        return "expired";
    }
    *claims = taken;
    return NULL;
}
