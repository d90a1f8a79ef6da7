/* SPDX-License-Identifier: MIT */
#include "broker/keys.h"

#include <sodium.h>
#include <zmq.h>

#include "schemas/schema.h"
#include "tests/broker/support.h"

TestSuite(keys, .init = folder_make, .fini = folder_remove);

static char error[512];
#define ERROR error, sizeof error

static const char key_a[] = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"; /* of RFC 26's examples */

static mode_t mode_of(const char *name) {
    char path[256];
    struct stat about;
    cr_assert_eq(stat(folder_path(path, name), &about), 0, "%s", path);
    return about.st_mode & 07777;
}

static void make_folders(void) {
    char path[256];
    cr_assert_eq(mkdir(folder_path(path, "keys"), 0700), 0);
    cr_assert_eq(mkdir(folder_path(path, "keys/allowed"), 0700), 0);
}

static void assert_load_fails(const char *text, const char *expected) {
    keys_t *keys = NULL;
    file_put("keys/allowed/a.key", 0600, text);
    cr_assert_eq(keys_load(folder, &keys, ERROR), STATUS_INTERNAL, "%s", text);
    cr_assert_null(keys);
    cr_assert_not_null(strstr(error, expected), "%s", error);
}

Test(keys, a_bad_line_is_refused_with_file_and_line) {
    make_folders();
    assert_load_fails("what\n", "keys/allowed/a.key:1: not of the form name = value.");
    assert_load_fails("# words\n\npublic = short\n", "keys/allowed/a.key:3: public is not a key");
    assert_load_fails("public = Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI~\n", ":1: public is not a key");
    assert_load_fails("public = \"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\n",
                      ":1: public");
    assert_load_fails("public = #####%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%\n", ":1: public is not a key");
    assert_load_fails("roles = operator, admin\n", ":1: roles may name");
    assert_load_fails("roles = operator,,gateway\n", ":1: roles may name");
    assert_load_fails("roles = operator\nroles = operator\n", ":2: roles is given twice");
    assert_load_fails("color = blue\n", ":1: the name is none of");
    assert_load_fails("PUBLIC = x\n", ":1: the name is none of");
}

Test(keys, an_allowed_key_without_key_or_role_or_with_a_secret_is_refused) {
    char text[512];
    make_folders();
    assert_load_fails("", "has no line \"public");
    assert_load_fails("roles = operator\n", "has no line \"public");
    snprintf(text, sizeof text, "public = %s\n", key_a);
    assert_load_fails(text, "has no line \"roles");
    snprintf(text, sizeof text, "public = %s\nroles =\n", key_a);
    assert_load_fails(text, "has no line \"roles");
    snprintf(text, sizeof text, "public = %s\nroles = operator\nsecret = %s\n", key_a, key_a);
    assert_load_fails(text, "holds a secret");
}

Test(keys, two_files_with_one_key_are_refused) {
    char text[128];
    make_folders();
    snprintf(text, sizeof text, "public = %s\nroles = operator\n", key_a);
    file_put("keys/allowed/b.key", 0600, text);
    assert_load_fails(text, "hold the same public key");
}

Test(keys, a_file_that_others_may_write_or_that_is_too_large_is_refused) {
    char text[6000];
    keys_t *keys = NULL;
    make_folders();
    snprintf(text, sizeof text, "public = %s\nroles = operator\n", key_a);
    file_put("keys/allowed/a.key", 0620, text);
    cr_assert_eq(keys_load(folder, &keys, ERROR), STATUS_INTERNAL);
    cr_assert_not_null(strstr(error, "written by group or others"), "%s", error);
    memset(text, '\n', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_load_fails(text, "is larger than");
}

Test(keys, a_secret_open_to_others_is_refused) {
    char path[256];
    key_pair_t pair;
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(chmod(folder_path(path, "keys/server.key"), 0640), 0);
    cr_assert_eq(keys_read_pair(folder, "server", &pair, ERROR), STATUS_INTERNAL);
    cr_assert_not_null(strstr(error, "keys/server.key: holds a secret"), "%s", error);
    uint8_t secret[FOLDER_SECRET_BYTES];
    cr_assert_eq(chmod(folder_path(path, "keys/folder.secret"), 0604), 0);
    cr_assert_eq(keys_read_secret(folder, secret, ERROR), STATUS_INTERNAL);
}

Test(keys, halves_of_different_pairs_are_refused) {
    char text[256], public_key[41], secret_key[41], other[41];
    key_pair_t pair;
    make_folders();
    cr_assert_eq(zmq_curve_keypair(public_key, secret_key), 0);
    cr_assert_eq(zmq_curve_keypair(public_key, other), 0);
    snprintf(text, sizeof text, "public = %s\nsecret = %s\n", public_key, secret_key);
    file_put("keys/x.key", 0600, text);
    cr_assert_eq(keys_read_pair(folder, "x", &pair, ERROR), STATUS_INTERNAL);
    cr_assert_not_null(strstr(error, "do not belong together"), "%s", error);
    snprintf(text, sizeof text, "public = %s\n", public_key);
    file_put("keys/x.key", 0600, text);
    cr_assert_eq(keys_read_pair(folder, "x", &pair, ERROR), STATUS_INTERNAL);
    cr_assert_not_null(strstr(error, "no line \"secret"), "%s", error);
    cr_assert_eq(keys_read_pair(folder, "absent", &pair, ERROR), STATUS_INTERNAL);
}

Test(keys, a_folder_in_use_that_lost_its_secret_is_refused) {
    char path[256];
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(unlink(folder_path(path, "keys/folder.secret")), 0);
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_INTERNAL);
    cr_assert_not_null(strstr(error, "folder.secret: is missing"), "%s", error);
}

Test(keys, a_damaged_secret_is_refused) {
    uint8_t secret[FOLDER_SECRET_BYTES];
    const char *const bad[] = {"", "12", "zz", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\n"};
    make_folders();
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        file_put("keys/folder.secret", 0600, bad[i]);
        cr_assert_eq(keys_read_secret(folder, secret, ERROR), STATUS_INTERNAL, "%s", bad[i]);
    }
}

Test(keys, what_was_removed_does_not_come_back) {
    char path[256];
    keys_t *keys = NULL;
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(unlink(folder_path(path, "keys/allowed/gateway.key")), 0);
    cr_assert_eq(unlink(folder_path(path, "keys/gateway.key")), 0);
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_load(folder, &keys, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_count(keys), 2);
    cr_assert_neq(access(path, F_OK), 0);
    keys_destroy(&keys);
}

Test(keys, the_first_start_makes_pairs_and_allows_them) {
    keys_t *keys = NULL;
    key_pair_t pair;
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_load(folder, &keys, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_count(keys), 3);
    const struct {
        const char *name;
        uint32_t role;
    } expected[] = {{"operator", ROLE_OPERATOR}, {"gateway", ROLE_GATEWAY}, {"service", ROLE_SERVICE}};
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        cr_assert_eq(keys_read_pair(folder, expected[i].name, &pair, ERROR), STATUS_OK, "%s", error);
        const key_entry_t *entry = keys_find(keys, pair.public_key);
        cr_assert_not_null(entry, "%s", expected[i].name);
        cr_assert_str_eq(entry->name, expected[i].name);
        cr_assert_eq(entry->roles, expected[i].role);
        cr_assert_eq(keys_roles(keys, pair.public_key), expected[i].role);
        cr_assert(keys_index(keys, entry) < keys_count(keys));
    }
    cr_assert_eq(keys_read_pair(folder, "server", &pair, ERROR), STATUS_OK, "%s", error);
    cr_assert_null(keys_find(keys, pair.public_key), "the server is no client of its own");
    cr_assert_eq(mode_of("keys"), 0700);
    cr_assert_eq(mode_of("keys/allowed"), 0700);
    cr_assert_eq(mode_of("keys/server.key"), 0600);
    cr_assert_eq(mode_of("keys/folder.secret"), 0600);
    keys_destroy(&keys);
}

Test(keys, a_first_start_that_died_goes_on_with_what_is_there) {
    char path[256];
    key_pair_t before, after;
    keys_t *keys = NULL;
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_read_pair(folder, "operator", &before, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(unlink(folder_path(path, "keys/server.key")), 0); /* as if it had died before its last step */
    cr_assert_eq(unlink(folder_path(path, "keys/allowed/service.key")), 0);
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_read_pair(folder, "operator", &after, ERROR), STATUS_OK, "%s", error);
    cr_assert_str_eq(before.public_key, after.public_key);
    cr_assert_eq(keys_load(folder, &keys, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_count(keys), 3);
    keys_destroy(&keys);
}

Test(keys, the_secret_stays_the_same) {
    uint8_t first[FOLDER_SECRET_BYTES], second[FOLDER_SECRET_BYTES], zero[FOLDER_SECRET_BYTES] = {0};
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_read_secret(folder, first, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_prepare(folder, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_read_secret(folder, second, ERROR), STATUS_OK, "%s", error);
    cr_assert_arr_eq(first, second, sizeof first);
    cr_assert_neq(memcmp(first, zero, sizeof first), 0);
}

Test(keys, comments_spaces_and_foreign_files_are_passed_by) {
    char text[256];
    keys_t *keys = NULL;
    make_folders();
    snprintf(text, sizeof text, "# who\r\n\r\n  public=%s \r\n\troles =  gateway , service\r\n", key_a);
    file_put("keys/allowed/a.key", 0644, text);
    file_put("keys/allowed/.a.key.77", 0600, "half");
    file_put("keys/allowed/.key", 0600, "half");
    file_put("keys/allowed/README", 0600, "words");
    cr_assert_eq(keys_load(folder, &keys, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_count(keys), 1);
    cr_assert_eq(keys_roles(keys, key_a), ROLE_GATEWAY | ROLE_SERVICE);
    keys_destroy(&keys);
}

Test(keys, only_the_ipc_names_of_roles_are_roles) {
    keys_t *keys = NULL;
    make_folders();
    cr_assert_eq(keys_load(folder, &keys, ERROR), STATUS_OK, "%s", error);
    cr_assert_eq(keys_roles(keys, "ipc:operator"), ROLE_OPERATOR);
    cr_assert_eq(keys_roles(keys, "ipc:gateway"), ROLE_GATEWAY);
    cr_assert_eq(keys_roles(keys, "ipc:admin"), 0);
    cr_assert_eq(keys_roles(keys, "operator"), 0);
    cr_assert_eq(keys_roles(keys, "ipc:"), 0);
    cr_assert_eq(keys_roles(keys, ""), 0);
    keys_destroy(&keys);
}
