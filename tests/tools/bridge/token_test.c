/* SPDX-License-Identifier: MIT */
#include "tools/bridge/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjose/cjose.h>
#include <criterion/criterion.h>
#include <jansson.h>
#include <sodium.h>

#include "schemas/check.h"

#define NOW_MS UINT64_C(1800000000123)
#define CLAIMS(issuer, sub, rest) "{\"iss\":\"" issuer "\",\"sub\":\"" sub "\",\"sid\":\"s1\"," rest "}"
#define TIMES "\"iat\":1800000000.123,\"exp\":1800000900.123"

enum { PART_BYTES = 1024 };

static char folder[] = "/tmp/doran-token-test.XXXXXX";
static char error[512];
static token_key_t *key;
static token_claims_t claims;

static const char *path(const char *name) {
    static char text[128];
    snprintf(text, sizeof text, "%s/%s", folder, name);
    return text;
}

static void set_up(void) {
    CHECK(sodium_init() >= 0 && mkdtemp(folder) != NULL, "%s", folder);
    key = token_key_open(folder, error, sizeof error);
    CHECK(key != NULL, "%s", error);
}

static void tear_down(void) {
    token_key_close(&key);
    unlink(path("secrets/tokens.jwk"));
    rmdir(path("secrets"));
    rmdir(folder);
}

TestSuite(token, .init = set_up, .fini = tear_down);

static char *read_file(void) {
    char *text = calloc(1, 4096);
    FILE *file = fopen(path("secrets/tokens.jwk"), "r");
    CHECK(file != NULL && fread(text, 1, 4095, file) > 0, "the key's file");
    fclose(file);
    return text;
}

static char *good(void) {
    token_claims_t of_mina = {.user = "mina", .session = "s1", .issued_ms = NOW_MS, .expires_ms = NOW_MS + 900000};
    return token_sign(key, &of_mina);
}

static void assert_refused(const char *token, const char *expected) {
    const char *why = token_read(key, span_text(token), NOW_MS, &claims);
    cr_expect_not_null(why, "%s", token);
    cr_expect_str_eq(why, expected, "%.80s: %s", token, why);
}

static void encode(char *text, const void *bytes, size_t len) {
    sodium_bin2base64(text, PART_BYTES, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* Of header and claims, signed by HMAC with this secret; absent: not signed. */
static char *forge(const char *header, const char *body, span_t secret) {
    char parts[3][PART_BYTES] = {"", "", ""}, signed_text[2 * PART_BYTES];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    encode(parts[0], header, strlen(header));
    encode(parts[1], body, strlen(body));
    snprintf(signed_text, sizeof signed_text, "%s.%s", parts[0], parts[1]);
    if (secret.ptr != NULL) {
        crypto_auth_hmacsha256_state state;
        crypto_auth_hmacsha256_init(&state, secret.ptr, secret.len);
        crypto_auth_hmacsha256_update(&state, (const uint8_t *)signed_text, strlen(signed_text));
        crypto_auth_hmacsha256_final(&state, mac);
        encode(parts[2], mac, sizeof mac);
    }
    char *token = malloc(3 * PART_BYTES);
    snprintf(token, 3 * PART_BYTES, "%s.%s", signed_text, parts[2]);
    return token;
}

/* Truly signed by the folder's key, but with this header and these claims. NULL: the header of all. */
static char *sign(const char *header_text, const char *body) {
    cjose_err cause;
    const char *text;
    char *file = read_file();
    cjose_jwk_t *jwk = cjose_jwk_import(file, strlen(file), &cause);
    json_t *header = header_text != NULL ? json_loads(header_text, 0, NULL)
                                         : json_pack("{ss ss ss}", "alg", "ES256", "kid",
                                                     cjose_jwk_get_kid(jwk, &cause), "typ", "at+jwt");
    cjose_jws_t *jws = cjose_jws_sign(jwk, header, (const uint8_t *)body, strlen(body), &cause);
    CHECK(jws != NULL && cjose_jws_export(jws, &text, &cause), "%s", cause.message);
    char *token = strdup(text);
    cjose_jws_release(jws);
    json_decref(header);
    cjose_jwk_release(jwk);
    free(file);
    return token;
}

static void assert_forged(char *token, const char *expected) {
    assert_refused(token, expected);
    free(token);
}

Test(token, what_is_not_signed_is_refused) {
    const char *body = CLAIMS("dorandoran", "mina", TIMES);
    assert_forged(forge("{\"alg\":\"none\"}", body, (span_t){0}), "malformed");
    assert_forged(forge("{\"alg\":\"none\",\"typ\":\"at+jwt\"}", body, (span_t){0}), "malformed");
    char *token = good();
    *(strrchr(token, '.') + 1) = 0;
    assert_forged(token, "signature");
}

Test(token, the_public_key_is_no_secret_to_sign_with) {
    cjose_err cause;
    char *file = read_file();
    cjose_jwk_t *jwk = cjose_jwk_import(file, strlen(file), &cause);
    char *public_key = cjose_jwk_to_json(jwk, false, &cause), header[256];
    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}",
             cjose_jwk_get_kid(jwk, &cause));
    assert_forged(forge(header, CLAIMS("dorandoran", "mina", TIMES), span_text(public_key)), "malformed");
    free(public_key);
    cjose_jwk_release(jwk);
    free(file);
}

Test(token, another_header_is_refused_whoever_signed) {
    static const char *const headers[] = {
        "{\"alg\":\"ES256\",\"kid\":\"other\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
        assert_forged(sign(headers[i], CLAIMS("dorandoran", "mina", TIMES)), "malformed");
    }
}

Test(token, every_character_matters) {
    char *token = good();
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        cr_expect_not_null(token_read(key, span_of(token, len), NOW_MS, &claims), "%zu of %zu", i, len);
        token[i] = kept;
    }
    cr_expect_null(token_read(key, span_of(token, len), NOW_MS, &claims));
    free(token);
}

Test(token, what_is_no_token_is_refused) {
    static const char *const texts[] = {"", ".", "..", "...", "a.b.c", "a.b", "a.b.c.d", "ä.ö.ü", " "};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        assert_refused(texts[i], "malformed");
    }
    char *token = good(), longer[2048];
    snprintf(longer, sizeof longer, "%s=", token);
    assert_refused(longer, "malformed");
    snprintf(longer, sizeof longer, "%s ", token);
    assert_refused(longer, "malformed");
    snprintf(longer, sizeof longer, "%s.", token);
    assert_refused(longer, "malformed");
    free(token);
}

Test(token, a_huge_one_is_refused_unread) {
    char *header = good(), *huge = malloc(TOKEN_BYTES_MAX + 2);
    *(strchr(header, '.') + 1) = 0;
    memset(huge, 'A', TOKEN_BYTES_MAX + 1);
    huge[TOKEN_BYTES_MAX + 1] = 0;
    memcpy(huge, header, strlen(header));
    huge[TOKEN_BYTES_MAX - 100] = '.';
    assert_refused(huge, "malformed");
    free(huge);
    free(header);
}

Test(token, claims_that_are_missing_or_senseless_are_refused) {
    static const char *const bodies[] = {
        "",
        "[]",
        "\"x\"",
        "{}",
        CLAIMS("somebody", "mina", TIMES),
        CLAIMS("dorandoran", "", TIMES),
        CLAIMS("dorandoran", "a b", TIMES),
        CLAIMS("dorandoran", "mina", "\"iat\":1800000000"),
        CLAIMS("dorandoran", "mina", "\"iat\":1800000000,\"exp\":\"1800000900\""),
        CLAIMS("dorandoran", "mina", "\"iat\":1800000000,\"exp\":-1"),
        CLAIMS("dorandoran", "mina", "\"iat\":1800000000,\"exp\":1e300"),
        CLAIMS("dorandoran", "mina", "\"sub\":\"noor\"," TIMES), /* whose of the two? */
        CLAIMS("dorandoran", "mina", TIMES) "x",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++) {
        assert_forged(sign(NULL, bodies[i]), "malformed");
    }
    char *token = sign(NULL, CLAIMS("dorandoran", "mina", TIMES)); /* these would do */
    cr_expect_null(token_read(key, span_text(token), NOW_MS, &claims));
    free(token);
}

Test(token, one_that_has_expired_is_refused_from_that_ms_on) {
    char *token = good();
    cr_expect_null(token_read(key, span_text(token), NOW_MS + 899999, &claims));
    cr_expect_str_eq(token_read(key, span_text(token), NOW_MS + 900000, &claims), "expired");
    free(token);
}

Test(token, one_of_another_folder_is_refused) {
    char *token = good();
    token_key_close(&key);
    unlink(path("secrets/tokens.jwk"));
    key = token_key_open(folder, error, sizeof error);
    assert_forged(token, "malformed");
}

Test(token, a_key_that_others_may_read_is_not_used) {
    chmod(path("secrets/tokens.jwk"), 0644);
    cr_expect_null(token_key_open(folder, error, sizeof error));
    cr_expect_not_null(strstr(error, "tokens.jwk"), "%s", error);
}

Test(token, a_file_that_is_no_key_is_not_used) {
    static const char *const texts[] = {"", "{}", "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"x\"}"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        FILE *file = fopen(path("secrets/tokens.jwk"), "w");
        fputs(texts[i], file);
        fclose(file);
        cr_expect_null(token_key_open(folder, error, sizeof error), "%s", texts[i]);
    }
}

Test(token, says_what_was_signed) {
    char *token = good();
    cr_assert_null(token_read(key, span_text(token), NOW_MS, &claims));
    cr_expect_str_eq(claims.user, "mina");
    cr_expect_str_eq(claims.session, "s1");
    cr_expect_eq(claims.issued_ms, NOW_MS);
    cr_expect_eq(claims.expires_ms, NOW_MS + 900000);
    free(token);
}

Test(token, the_key_is_the_owners_alone) {
    struct stat about;
    cr_assert_eq(stat(path("secrets/tokens.jwk"), &about), 0);
    cr_expect_eq(about.st_mode & 0777, 0600);
}

Test(token, bridges_that_start_at_once_have_one_key) {
    enum { BRIDGES = 8 };
    int pipes[2];
    char tokens[BRIDGES][1024] = {0};
    token_key_close(&key);
    unlink(path("secrets/tokens.jwk"));
    cr_assert_eq(pipe(pipes), 0);
    for (int i = 0; i < BRIDGES; i++) {
        if (fork() == 0) {
            key = token_key_open(folder, error, sizeof error);
            char *token = good(), text[1024] = {0};
            snprintf(text, sizeof text, "%s", token);
            _exit(write(pipes[1], text, sizeof text) != sizeof text);
        }
    }
    for (int i = 0; i < BRIDGES; i++) {
        cr_assert_eq(read(pipes[0], tokens[i], sizeof tokens[i]), (ssize_t)sizeof tokens[i]);
    }
    while (wait(NULL) > 0) {
    }
    key = token_key_open(folder, error, sizeof error);
    for (int i = 0; i < BRIDGES; i++) {
        cr_expect_null(token_read(key, span_text(tokens[i]), NOW_MS, &claims), "%s", tokens[i]);
    }
    cr_expect_eq(unlink(path("secrets/tokens.jwk")), 0);
    cr_expect_eq(rmdir(path("secrets")), 0, "there is another file");
}
