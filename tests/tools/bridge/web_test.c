/* SPDX-License-Identifier: MIT */
/* A folder as a build leaves it, read and asked for. What goes over the wire is tested by tests/bridge/web_test. */
#include "tools/bridge/web.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sodium.h>

#include "tools/bridge/page.h"

enum { PATH_BYTES = 512 };

static char folder[] = "/tmp/doran-web-test.XXXXXX";
static char error[512];
static web_t *web;

static void leave(const char *name, const char *text) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s", path);
}

static void make_folder(const char *name) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK(mkdir(path, 0700) == 0, "%s", path);
}

static void set_up(void) {
    umask(022);
    CHECK(sodium_init() >= 0 && mkdtemp(folder) != NULL, "%s", folder);
    leave("index.html", "page");
    leave("index.html.gz", "page in gzip");
    leave("icon.svg", "icon");
    make_folder("assets");
    leave("assets/app-1.js", "script");
    leave("assets/app-1.js.br", "script in br");
    leave("assets/app-1.js.gz", "script in gzip");
    web = web_new(folder, error, sizeof error);
    cr_assert_not_null(web, "%s", error);
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place) {
    (void)about;
    (void)type;
    (void)place;
    return remove(path);
}

static void tear_down(void) {
    enum { DESCRIPTORS = 8 };
    web_destroy(&web);
    CHECK(nftw(folder, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) == 0, "%s", folder);
}

TestSuite(web, .init = set_up, .fini = tear_down);

static void read_again(void) {
    web_destroy(&web);
    web = web_new(folder, error, sizeof error);
}

static bool has(const char *path, const char *accept) {
    return web_find(web, span_text(path), accept) != NULL;
}

/* Is that sent under this path to who accepts these? */
static bool is_sent(const char *path, const char *accept, const char *accept_encoding, const char *body) {
    const web_file_t *file = web_find(web, span_text(path), accept);
    return file != NULL && span_equal(web_choose(web, file, accept_encoding)->body, span_text(body));
}

Test(web, what_is_no_file_of_the_folder_is_not_found) {
    static const char *const paths[] = {
        "",
        "/nothing",
        "index.html",
        "//index.html",
        "/./index.html",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/index.html%00",
        "/index.html/",
        "/INDEX.HTML",
        "/assets",
        "/assets/",
        "/assets/app-1.js.br",
        "/index.html.gz",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        cr_expect_not(has(paths[i], "*/*"), "%s", paths[i]);
        cr_expect_not(has(paths[i], NULL), "%s", paths[i]);
    }
}

Test(web, a_path_of_any_length_is_looked_up) {
    char path[1000];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    for (size_t len = 1; len < sizeof path; len++) {
        cr_expect_eq(web_find(web, span_of(path, len), NULL) != NULL, len == 1, "%zu", len);
        cr_expect(web_find(web, span_of(path, len), "text/html") != NULL, "%zu", len);
    }
}

Test(web, programs_get_no_page_for_what_is_not_there) {
    static const char *const paths[] = {"/api", "/api/v2/users", "/oauth2/token", "/.well-known/x", "/assets/old-2.js"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        cr_expect_not(has(paths[i], "text/html"), "%s", paths[i]);
    }
    cr_expect_not(has("/rooms/7", "application/json, */*"));
}

Test(web, symbolic_links_hidden_files_and_unknown_types_are_left_out) {
    char link[PATH_BYTES];
    snprintf(link, sizeof link, "%s/passwd.txt", folder);
    CHECK(symlink("/etc/passwd", link) == 0, "%s", link);
    snprintf(link, sizeof link, "%s/etc", folder);
    CHECK(symlink("/etc", link) == 0, "%s", link);
    make_folder(".git");
    leave(".git/config.txt", "x");
    leave(".secret.txt", "x");
    leave("app.js.map", "x");
    leave("plain", "x");
    read_again();
    cr_assert_not_null(web, "%s", error);
    static const char *const paths[] = {"/passwd.txt",  "/etc/hosts",  "/etc/fstab", "/.git/config.txt",
                                        "/.secret.txt", "/app.js.map", "/plain"};
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        cr_expect_not(has(paths[i], NULL), "%s", paths[i]);
    }
    cr_expect(has("/icon.svg", NULL));
}

Test(web, what_is_past_the_bounds_is_refused) {
    char name[64];
    leave("large.txt", "");
    snprintf(name, sizeof name, "%s/large.txt", folder);
    CHECK(truncate(name, WEB_BYTES_MAX) == 0, "%s", name);
    read_again();
    cr_expect_null(web);
    CHECK(truncate(name, 0) == 0, "%s", name);
    for (uint32_t i = 0; i < WEB_FILES_MAX; i++) {
        snprintf(name, sizeof name, "%u.txt", i);
        leave(name, "x");
    }
    read_again();
    cr_expect_null(web);
}

Test(web, files_that_others_may_write_are_refused) {
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/icon.svg", folder);
    CHECK(chmod(name, 0666) == 0, "%s", name);
    read_again();
    cr_expect_null(web);
    cr_expect(strstr(error, "icon.svg") != NULL, "%s", error);
}

Test(web, a_folder_without_an_index_has_nothing) {
    char name[PATH_BYTES];
    snprintf(name, sizeof name, "%s/index.html", folder);
    CHECK(unlink(name) == 0, "%s", name);
    read_again();
    cr_assert_not_null(web);
    cr_expect_not(has("/assets/app-1.js", NULL) || has("/", "text/html"));
    static const char *const none[] = {"/nowhere/at/all", "", "/dev/null"};
    for (size_t i = 0; i < ARRAY_LENGTH(none); i++) {
        web_destroy(&web);
        web = web_new(none[i], error, sizeof error);
        cr_assert_not_null(web, "%s: %s", none[i], error);
        cr_expect_not(has("/", "text/html"));
    }
}

Test(web, files_are_found_under_their_paths_and_pages_of_the_app_under_any) {
    cr_expect(is_sent("/", NULL, NULL, "page"));
    cr_expect(is_sent("/index.html", "*/*", NULL, "page"));
    cr_expect(is_sent("/icon.svg", "image/svg+xml", NULL, "icon"));
    cr_expect(is_sent("/assets/app-1.js", "*/*", NULL, "script"));
    cr_expect(is_sent("/rooms/7", "text/html,application/xhtml+xml,*/*;q=0.8", NULL, "page"));
    cr_expect(is_sent("/apiary", "TEXT/HTML", NULL, "page"));
}

Test(web, the_coding_that_is_liked_best_is_sent) {
    static const char *const script = "/assets/app-1.js";
    cr_expect(is_sent(script, NULL, "", "script"));
    cr_expect(is_sent(script, NULL, "br;q=0, gzip;q=0, deflate", "script"));
    cr_expect(is_sent(script, NULL, "gzip", "script in gzip"));
    cr_expect(is_sent(script, NULL, "gzip, deflate, br, zstd", "script in br"));
    cr_expect(is_sent(script, NULL, "*", "script in br"));
    cr_expect(is_sent(script, NULL, "br;q=0.1, gzip;q=0.2", "script in gzip"));
    cr_expect(is_sent(script, NULL, "identity, gzip;q=0.2", "script"));
    cr_expect(is_sent(script, NULL, "*;q=0", "script"));
    cr_expect(is_sent("/", NULL, "br", "page"));
    cr_expect(is_sent("/", NULL, "br, gzip;q=0.5", "page in gzip"));
    cr_expect(is_sent("/icon.svg", NULL, "br, gzip", "icon"));
}

Test(web, each_coding_says_what_it_is_and_has_a_tag_of_its_own) {
    const web_file_t *file = web_find(web, span_text("/assets/app-1.js"), NULL);
    const page_t *plain = web_choose(web, file, NULL), *packed = web_choose(web, file, "br");
    cr_expect_null(plain->coding);
    cr_expect_str_eq(packed->coding, "br");
    cr_expect_str_eq(plain->media, "text/javascript; charset=utf-8");
    cr_expect_str_eq(packed->media, plain->media);
    cr_expect_str_neq(packed->tag, plain->tag);
}
