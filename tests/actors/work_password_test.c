/* SPDX-License-Identifier: MIT */
#include "actors/work_password.h"

#include <criterion/criterion.h>

#include "schemas/records.h"

static uint8_t bytes[KIB(4)], hold[HOLD_BYTES];

/* What the work makes of this password; decoded it lies in `bytes`. */
static user_hash_t hash_of(const char *password) {
    uint8_t account[64];
    pack_t pack = pack_into(bytes, sizeof bytes), inside = pack_into(account, sizeof account);
    user_create_t create = {0};
    user_hash_t hash = {0};
    FIELD_SET(user_create, &create, email, span_text("a@b.c"));
    FIELD_SET(user_create, &create, name, span_text("A"));
    record_encode(&record_user_create, &create, &inside);
    FIELD_SET(user_hash, &hash, password, span_text(password));
    FIELD_SET(user_hash, &hash, until, 17);
    FIELD_SET(user_hash, &hash, hold, span_of(hold, sizeof hold));
    FIELD_SET(user_hash, &hash, create, pack_bytes(&inside));
    cr_assert_eq(work_password_hash.run(NULL, &hash, &pack), STATUS_OK);
    cr_assert_null(memmem(pack.ptr, pack.len, password, strlen(password)));
    cr_assert_eq(record_load(&record_user_hash, pack_bytes(&pack), &hash), STATUS_OK);
    return hash;
}

static bool is_right(span_t phc, const char *password) {
    uint8_t result[KIB(1)];
    pack_t pack = pack_into(result, sizeof result);
    credential_check_t check = {0};
    FIELD_SET(credential_check, &check, password, span_text(password));
    FIELD_SET(credential_check, &check, until, 17);
    FIELD_SET(credential_check, &check, hold, span_of(hold, sizeof hold));
    if (phc.ptr != NULL) {
        FIELD_SET(credential_check, &check, phc, phc);
    }
    cr_assert_eq(work_password_check.run(NULL, &check, &pack), STATUS_OK);
    cr_assert_eq(record_load(&record_credential_check, pack_bytes(&pack), &check), STATUS_OK);
    cr_assert(!FIELD_HAS(credential_check, &check, password) && !FIELD_HAS(credential_check, &check, phc));
    cr_assert(check.until == 17 && FIELD_HAS(credential_check, &check, right), "what came goes back");
    return check.right;
}

Test(work_password, another_password_is_wrong) {
    user_hash_t hash = hash_of("correct horse");
    cr_assert_not(is_right(hash.phc, "correct horsf"));
    cr_assert_not(is_right(hash.phc, "correct hors"));
    cr_assert_not(is_right(span_text("$argon2id$v=19$what"), "correct horse"));
    cr_assert_not(is_right((span_t){0}, "correct horse"), "without a hash every one is");
}

Test(work_password, no_two_hashes_are_the_same) {
    char first[PHC_BYTES_MAX + 1];
    user_hash_t hash = hash_of("correct horse");
    snprintf(first, sizeof first, "%.*s", (int)hash.phc.len, (const char *)hash.phc.ptr);
    hash = hash_of("correct horse");
    cr_assert_not(span_equal(hash.phc, span_text(first)));
}

Test(work_password, the_password_is_right_and_its_hash_is_what_is_asked_for) {
    static const char parameters[] = "$argon2id$v=19$m=19456,t=2,p=1$";
    user_hash_t hash = hash_of("correct horse");
    cr_assert(is_right(hash.phc, "correct horse"));
    cr_assert_eq(strncmp((const char *)hash.phc.ptr, parameters, strlen(parameters)), 0);
    cr_assert_eq(hash.until, 17);
}
