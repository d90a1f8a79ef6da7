/* SPDX-License-Identifier: MIT */
/*
 * failure: where a function of storage puts the one sentence that says what went wrong, for whoever logs it. The bytes
 * are the caller's; the text is cut to fit. Any thread.
 */
#ifndef DORAN_STORAGE_FAILURE_H
#define DORAN_STORAGE_FAILURE_H

#include "schemas/status.h"

typedef struct failure {
    char *text;
    size_t bytes;
} failure_t;

#define FAILURE_INTO(array) ((failure_t){.text = (array), .bytes = sizeof(array)})

/* Writes the sentence and returns INTERNAL, so that a function can end with it. */
status_t failure_say(failure_t self, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same for a call that failed with this errno value, whose meaning is added. */
status_t failure_of_call(failure_t self, int code, const char *format, ...) PRINTF_LIKE(3, 4);
/* As failure_of_call, but STORAGE_FULL if the code says that there was no space. */
status_t failure_of_space(failure_t self, int code, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
