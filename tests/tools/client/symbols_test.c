/* SPDX-License-Identifier: MIT */
/*
 * What the two libraries show to others is doran.h and nothing else, and they need libzmq and libsodium and nothing
 * else of ours. Read with nm and ldd's little brother, from the build folder that this test is in.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

static char library[1024]; /* path, filled in by path_of */

/* bin/THIS → lib/NAME */
static char *path_of(const char *name) {
    char self[900];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    cr_assert_gt(len, 0);
    self[len] = 0;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');
        cr_assert_not_null(slash);
        *slash = 0;
    }
    snprintf(library, sizeof library, "%s/lib/%s", self, name);
    return library;
}

/* Runs a program and gives each line that it prints to `line`; returns how many. */
static unsigned each_line(char *const argv[], void (*line)(const char *text)) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    char text[512];
    unsigned lines = 0;
    while (fgets(text, sizeof text, output) != NULL) {
        text[strcspn(text, "\n")] = 0;
        line(text);
        lines++;
    }
    fclose(output);
    int result = -1;
    waitpid(child, &result, 0);
    cr_assert(WIFEXITED(result) && WEXITSTATUS(result) == 0, "%s failed", argv[0]);
    return lines;
}

static unsigned functions;

/* `0000000000003ada T doran_endpoint`; a sanitizer adds names of its own. */
static void check_symbol(const char *text) {
    const char *name = strrchr(text, ' ');
    if (name == NULL || strstr(text, "__asan") != NULL || strstr(text, "__odr_asan") != NULL) {
        return;
    }
    cr_expect_eq(strncmp(name, " doran_", 7), 0, "%s is visible", name);
    functions++;
}

Test(symbols, shared_library_shows_only_doran) {
    each_line((char *[]){"nm", "--dynamic", "--defined-only", path_of("libdoran.so"), NULL}, check_symbol);
    cr_expect_eq(functions, 21);
}

Test(symbols, static_library_shows_only_doran) {
    each_line((char *[]){"nm", "--extern-only", "--defined-only", "--quiet", path_of("libdoran.a"), NULL},
              check_symbol);
    cr_expect_eq(functions, 21);
}

static bool soname_found;

static void check_dynamic(const char *text) {
    static const char *const allowed[] = {"libzmq.so",   "libsodium.so", "libc.so", "libasan.so",
                                          "libubsan.so", "libtsan.so",   "libm.so", "ld-linux"};
    soname_found |= strstr(text, "SONAME") != NULL && strstr(text, "libdoran.so.0") != NULL;
    bool known = strstr(text, "NEEDED") == NULL;
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        known |= strstr(text, allowed[i]) != NULL;
    }
    cr_expect(known, "%s", text);
}

Test(symbols, shared_library_needs_libzmq_and_libsodium_only) {
    each_line((char *[]){"objdump", "-p", path_of("libdoran.so"), NULL}, check_dynamic);
    cr_expect(soname_found);
}
