/* SPDX-License-Identifier: MIT */
/* The log's descriptor is a global of the process, like stderr: set once before threads start, then only read. */
#include "broker/log.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static int descriptor = -1;

void log_open(const char *dir) {
    char path[1024 + 32];
    snprintf(path, sizeof path, "%s/log/dorand.jsonl", dir);
    descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static void timestamp(char *text, size_t bytes) {
    struct timespec now;
    struct tm parts;
    char seconds[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, bytes, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
}

void log_line(log_level_t level, const char *format, ...) {
    static const char *const levels[] = {"info", "warn", "error"};
    char message[LINE_BYTES], when[64];
    va_list arguments;
    if (descriptor < 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    timestamp(when, sizeof when);
    json_t *line = json_pack("{ss ss ss+ ss ss}", "@timestamp", when, "log.level", levels[level], "message", message,
                             "", "ecs.version", "8.11", "service.name", "dorand");
    char *text = line == NULL ? NULL : json_dumps(line, JSON_COMPACT);
    if (text != NULL) {
        size_t len = strlen(text);
        text[len] = '\n'; /* in place of the NUL, so that the line is one write */
        ssize_t written = write(descriptor, text, len + 1);
        (void)written; /* a log that cannot be written must not stop what it tells of */
    }
    free(text);
    json_decref(line);
}
