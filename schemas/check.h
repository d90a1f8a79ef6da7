/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the programmer, checked in every build.
 *
 * CHECK is for what cannot happen unless this program is wrong; it prints the values named and aborts. What the world
 * may do (bytes of a client, files, disk, clock) is a status, never a CHECK. The condition must have no side effect.
 */
#ifndef DORAN_CHECK_H
#define DORAN_CHECK_H

#include <stdio.h>
#include <stdlib.h>

/* CHECK(i < n, "i %zu, n %zu", i, n): the text and values say what was wrong. */
#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (__builtin_expect(!(condition), 0)) {                                                                       \
            fprintf(stderr, "%s:%d: %s: check failed: %s: ", __FILE__, __LINE__, __func__, #condition);                \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

#endif
