/* SPDX-License-Identifier: MIT */
/*
 * Sentences about failures. strerrordesc_np, unlike strerror, may be called by all threads.
 */
#include "storage/failure.h"

#include <errno.h>
#include <stdarg.h>

PRINTF_LIKE(3, 0)
static void write_text(failure_t self, int code, const char *format, va_list arguments) {
    if (self.bytes == 0) {
        return;
    }
    int length = vsnprintf(self.text, self.bytes, format, arguments);
    if (code == 0 || length < 0 || (size_t)length >= self.bytes) {
        return;
    }
    const char *meaning = strerrordesc_np(code);
    snprintf(self.text + length, self.bytes - (size_t)length, ": %s", meaning != NULL ? meaning : "unknown error");
}

status_t failure_say(failure_t self, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_text(self, 0, format, arguments);
    va_end(arguments);
    return STATUS_INTERNAL;
}

status_t failure_of_call(failure_t self, int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_text(self, code, format, arguments);
    va_end(arguments);
    return STATUS_INTERNAL;
}

status_t failure_of_space(failure_t self, int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_text(self, code, format, arguments);
    va_end(arguments);
    bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
    return full ? STATUS_STORAGE_FULL : STATUS_INTERNAL;
}
