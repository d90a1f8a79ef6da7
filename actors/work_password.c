/* SPDX-License-Identifier: MIT */
/* Two works over libsodium's crypto_pwhash. What came with the password goes back with the result. */
#include "actors/work_password.h"

#include <sodium.h>

#include "schemas/records.h"

#define PASSES 2
#define MEMORY_BYTES KIB(19456)
static_assert(PHC_BYTES_MAX == crypto_pwhash_argon2id_STRBYTES - 1, "a hash fits, without its NUL");

/* Of 32 random bytes that were thrown away. */
static const char nobodys[crypto_pwhash_argon2id_STRBYTES] =
    "$argon2id$v=19$m=19456,t=2,p=1$qRTGtimlmgEq4LCu84BaCw$b3tIqFNr6AMR/wJ4iGcGfiTAO2Ia2vVLquB2h0CVGQk";

static const char *text(span_t span) {
    return (const char *)span.ptr;
}

static status_t hash(const work_place_t *place, const void *input, pack_t *result) {
    user_hash_t hashed = *(const user_hash_t *)input;
    char phc[crypto_pwhash_argon2id_STRBYTES];
    (void)place;
    int failed = crypto_pwhash_argon2id_str(phc, text(hashed.password), hashed.password.len, PASSES, MEMORY_BYTES);
    CHECK(failed == 0, "out of memory");
    hashed.present &= ~FIELD_BIT(user_hash, password);
    FIELD_SET(user_hash, &hashed, phc, span_text(phc));
    record_encode(&record_user_hash, &hashed, result);
    return STATUS_OK;
}

static bool is_password(span_t phc, span_t password) {
    char known[crypto_pwhash_argon2id_STRBYTES] = {0};
    memcpy(known, phc.ptr, phc.len);
    return crypto_pwhash_argon2id_str_verify(known, text(password), password.len) == 0;
}

static status_t check(const work_place_t *place, const void *input, pack_t *result) {
    credential_check_t checked = *(const credential_check_t *)input;
    bool somebodys = FIELD_HAS(credential_check, &checked, phc);
    (void)place;
    CHECK(crypto_pwhash_argon2id_str_needs_rehash(nobodys, PASSES, MEMORY_BYTES) == 0, "who is nobody would be told");
    bool right = is_password(somebodys ? checked.phc : span_text(nobodys), checked.password) && somebodys;
    checked.present &= ~(FIELD_BIT(credential_check, password) | FIELD_BIT(credential_check, phc));
    FIELD_SET(credential_check, &checked, right, right);
    record_encode(&record_credential_check, &checked, result);
    return STATUS_OK;
}

const work_t work_password_hash = {
    .name = "password-hash", .input = &record_user_hash, .run = hash, .pool = WORK_PASSWORDS, .wait_ms = PASSWORD_MS};
const work_t work_password_check = {.name = "password-check",
                                    .input = &record_credential_check,
                                    .run = check,
                                    .pool = WORK_PASSWORDS,
                                    .wait_ms = PASSWORD_MS};
