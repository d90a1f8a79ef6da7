/* SPDX-License-Identifier: MIT */
/* The command runs as the program would run it, on a folder of its own. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/inspector/arguments.h"
#include "tools/inspector/key_list.h"

static char data[] = "/tmp/keys_test.XXXXXX";

/* RUN("new", "a", "--write") runs `doran keys new a --write` and gives its exit code. */
#define RUN(...)                                                                                                       \
    run((char *[]){(char *)"doran", (char *)"keys", (char *)"--data", data, __VA_ARGS__},                              \
        4 + (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)))

static int run(char *argv[], int argc) {
    arguments_t arguments;
    const command_t *command;
    char error[256];
    if (!arguments_parse(argc, argv, &arguments, &command, error, sizeof error)) {
        return WRONG_USAGE;
    }
    return command->run(&arguments);
}

static char *in_data(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", data, name);
    return path;
}

static void setup(void) {
    char error[256];
    cr_redirect_stdout();
    cr_redirect_stderr();
    cr_assert_not_null(mkdtemp(data));
    cr_assert_eq(keys_prepare(data, error, sizeof error), STATUS_OK, "%s", error);
}

static void teardown(void) {
    for (const char *const *name =
             (const char *const[]){"keys/allowed/operator.key", "keys/allowed/gateway.key", "keys/allowed/service.key",
                                   "keys/operator.key", "keys/gateway.key", "keys/service.key", "keys/server.key",
                                   "keys/folder.secret", "keys/allowed/new.key", "keys/new.key",
                                   "keys/allowed/other.key", "given.key", NULL};
         *name != NULL; name++) {
        (void)unlink(in_data(*name));
    }
    (void)rmdir(in_data("keys/allowed"));
    (void)rmdir(in_data("keys"));
    (void)rmdir(data);
}

TestSuite(keys, .init = setup, .fini = teardown);

/* Who may connect, as the server would read it; NULL: the list is broken. */
static bool allowed(const char *public_key, uint32_t *count) {
    char error[256];
    keys_t *keys;
    cr_assert_eq(keys_load(data, &keys, error, sizeof error), STATUS_OK, "%s", error);
    bool found = public_key != NULL && keys_find(keys, public_key) != NULL;
    *count = (uint32_t)keys_count(keys);
    keys_destroy(&keys);
    return found;
}

static void write_given(const char *text) {
    FILE *file = fopen(in_data("given.key"), "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

Test(keys, changes_without_write_are_refused_and_change_nothing) {
    uint32_t count;
    cr_assert_eq(RUN("new", "new", "--roles", "gateway"), REFUSED);
    cr_assert_eq(RUN("remove", "operator"), REFUSED);
    cr_assert_eq(RUN("allow", in_data("keys/server.key")), REFUSED);
    (void)allowed(NULL, &count);
    cr_assert_eq(count, 3);
}

Test(keys, names_that_would_leave_the_folder_are_refused) {
    cr_assert_eq(RUN("new", "../new", "--roles", "gateway", "--write"), WRONG_USAGE);
    cr_assert_eq(RUN("new", ".new", "--roles", "gateway", "--write"), WRONG_USAGE);
    cr_assert_eq(RUN("new", "", "--roles", "gateway", "--write"), WRONG_USAGE);
    cr_assert_eq(RUN("remove", "server", "--write"), WRONG_USAGE);
    cr_assert_eq(access(in_data("keys/server.key"), F_OK), 0);
}

Test(keys, a_key_without_a_role_or_with_one_that_is_none_is_refused) {
    cr_assert_eq(RUN("new", "new", "--write"), WRONG_USAGE);
    cr_assert_eq(RUN("new", "new", "--roles", "", "--write"), WRONG_USAGE);
    cr_assert_eq(RUN("new", "new", "--roles", "gateway,king", "--write"), WRONG_USAGE);
    cr_assert_neq(access(in_data("keys/new.key"), F_OK), 0);
}

Test(keys, a_new_pair_may_connect_and_only_its_owner_reads_it) {
    char error[256];
    key_pair_t pair;
    uint32_t count;
    struct stat about;
    cr_assert_eq(RUN("new", "new", "--roles", " gateway, service", "--write"), DONE);
    cr_assert_eq(keys_read_pair(data, "new", &pair, error, sizeof error), STATUS_OK, "%s", error);
    cr_assert(allowed(pair.public_key, &count));
    cr_assert_eq(count, 4);
    cr_assert_eq(pair.roles, role_of(span_text("gateway")) | role_of(span_text("service")));
    cr_assert_eq(stat(in_data("keys/new.key"), &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0600);
}

Test(keys, a_name_that_is_taken_is_not_overwritten) {
    cr_assert_eq(RUN("new", "operator", "--roles", "operator", "--write"), NOT_REACHED);
}

Test(keys, what_was_removed_may_not_connect) {
    char error[256];
    key_pair_t pair;
    uint32_t count;
    cr_assert_eq(keys_read_pair(data, "service", &pair, error, sizeof error), STATUS_OK);
    cr_assert_eq(RUN("remove", "service", "--write"), DONE);
    cr_assert_not(allowed(pair.public_key, &count));
    cr_assert_eq(count, 2);
    cr_assert_neq(access(in_data("keys/service.key"), F_OK), 0);
    cr_assert_eq(RUN("remove", "service", "--write"), NOT_REACHED);
}

Test(keys, a_foreign_key_is_allowed_without_its_secret) {
    uint32_t count;
    write_given("public = 0000000000000000000000000000000000000000\nsecret = "
                "1111111111111111111111111111111111111111\nroles = gateway\n");
    cr_assert_eq(RUN("allow", in_data("given.key"), "--name", "other", "--write"), DONE);
    cr_assert(allowed("0000000000000000000000000000000000000000", &count), "the list takes no file with a secret");
}

Test(keys, a_key_that_is_allowed_already_is_refused_because_the_server_would_refuse_the_list) {
    char text[256], error[256];
    key_pair_t pair;
    uint32_t count;
    cr_assert_eq(keys_read_pair(data, "operator", &pair, error, sizeof error), STATUS_OK);
    snprintf(text, sizeof text, "public = %s\n", pair.public_key);
    write_given(text);
    cr_assert_eq(RUN("allow", in_data("given.key"), "--name", "other", "--roles", "service", "--write"), NOT_REACHED);
    (void)allowed(NULL, &count);
    cr_assert_eq(count, 3);
}

Test(keys, a_file_that_is_no_key_is_refused) {
    write_given("public = short\n");
    cr_assert_eq(RUN("allow", in_data("given.key"), "--name", "other", "--roles", "service", "--write"), NOT_REACHED);
    cr_assert_eq(RUN("allow", in_data("absent.key"), "--roles", "service", "--write"), NOT_REACHED);
}

Test(keys, the_list_names_who_may_connect_and_whose_pair_is_here) {
    json_t *list = key_list(data);
    static const char *const names[] = {"gateway", "operator", "server", "service"};
    cr_assert_eq(json_array_size(list), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *row = json_array_get(list, i);
        cr_assert_str_eq(json_string_value(json_object_get(row, "name")), names[i]);
        cr_assert(json_is_true(json_object_get(row, "pair")));
        cr_assert_eq(json_is_true(json_object_get(row, "allowed")), strcmp(names[i], "server") != 0);
        cr_assert_eq(strlen(json_string_value(json_object_get(row, "public"))), 40);
    }
    json_decref(list);
}
