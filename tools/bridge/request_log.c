/* SPDX-License-Identifier: MIT */
#include "tools/bridge/request_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "schemas/check.h"

enum {
    ROOM_BYTES = 256 * 1024,
    LINE_BYTES_MAX = 20 * 1024, /* a path may take 8 KiB, and twice that when it is escaped */
    FILE_BYTES_MAX = 64 * 1024 * 1024,
    WRITE_MS = 200,
    PATH_BYTES = 1100,
};

struct request_log {
    char path[PATH_BYTES];
    int file; /* -1: none */
    size_t file_bytes;
    struct event *tick;
    time_t second; /* that `date` is of */
    char date[32];
    size_t len;
    char room[ROOM_BYTES];
};

static void open_file(request_log_t *self) {
    struct stat about;
    self->file = open(self->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    self->file_bytes = self->file >= 0 && fstat(self->file, &about) == 0 ? (size_t)about.st_size : 0;
}

/* Another bridge of the same folder may have done so already. */
static bool is_current(const request_log_t *self) {
    struct stat ours, current;
    return fstat(self->file, &ours) == 0 && stat(self->path, &current) == 0 && ours.st_dev == current.st_dev &&
           ours.st_ino == current.st_ino;
}

static void turn_over(request_log_t *self) {
    char old[PATH_BYTES + 2];
    snprintf(old, sizeof old, "%s.1", self->path);
    if (is_current(self)) {
        rename(self->path, old);
    }
    close(self->file);
    open_file(self);
}

static void write_out(request_log_t *self) {
    if (self->file >= 0 && self->len > 0) {
        ssize_t written = write(self->file, self->room, self->len);
        self->file_bytes += written > 0 ? (size_t)written : 0;
        if (self->file_bytes > FILE_BYTES_MAX) {
            turn_over(self);
        }
    }
    self->len = 0; /* a log that cannot be written must not stop what it tells of */
}

static void tick(evutil_socket_t none, short events, void *context) {
    (void)none;
    (void)events;
    write_out(context);
}

request_log_t *request_log_new(struct event_base *base, const char *data) {
    request_log_t *self = calloc(1, sizeof *self);
    struct timeval every = {.tv_usec = WRITE_MS * 1000};
    CHECK(self != NULL, "out of memory");
    snprintf(self->path, sizeof self->path, "%s/log/bridge.jsonl", data);
    open_file(self);
    self->tick = event_new(base, -1, EV_PERSIST, tick, self);
    CHECK(self->tick != NULL && event_add(self->tick, &every) == 0, "out of memory");
    return self;
}

void request_log_destroy(request_log_t **self_p) {
    request_log_t *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        write_out(self);
        event_free(self->tick);
        if (self->file >= 0) {
            close(self->file);
        }
        free(self);
    }
}

/* By hand: printf would cost more than the rest of a line. */
static void add(request_log_t *self, const char *text) {
    size_t bytes = strlen(text);
    memcpy(self->room + self->len, text, bytes);
    self->len += bytes;
}

static void add_number(request_log_t *self, uint64_t number) {
    char digits[24], *at = digits + sizeof digits - 1;
    *at = 0;
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    add(self, at);
}

static void add_name(request_log_t *self, const char *name) {
    add(self, ",\"");
    add(self, name);
    add(self, "\":");
}

static void add_text(request_log_t *self, const char *name, span_t text) {
    if (text.len == 0) {
        return;
    }
    add_name(self, name);
    self->room[self->len++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
            self->room[self->len++] = '\\';
        }
        self->room[self->len++] = (char)text.ptr[i];
    }
    self->room[self->len++] = '"';
}

static void add_word(request_log_t *self, const char *name, const char *word) {
    add_text(self, name, word != NULL ? span_text(word) : (span_t){0});
}

static void add_count(request_log_t *self, const char *name, uint64_t count) {
    add_name(self, name);
    add_number(self, count);
}

static void add_time(request_log_t *self) {
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != self->second) {
        self->second = now.tv_sec;
        gmtime_r(&now.tv_sec, &parts);
        strftime(self->date, sizeof self->date, "%Y-%m-%dT%H:%M:%S", &parts);
    }
    char ms[8];
    snprintf(ms, sizeof ms, ".%03uZ", (unsigned)(now.tv_nsec / 1000000));
    add(self, "{\"@timestamp\":\"");
    add(self, self->date);
    add(self, ms);
    add(self, "\"");
}

void request_log_line(request_log_t *self, const request_line_t *line) {
    if (self->len + LINE_BYTES_MAX > sizeof self->room) {
        write_out(self);
    }
    add_time(self);
    add_word(self, "log.level", line->status >= 500 ? "error" : "info");
    add_word(self, "message", line->why != NULL ? line->why : "request");
    add_word(self, "http.request.method", line->method);
    add_text(self, "url.path", line->path);
    add_word(self, "http.route", line->route);
    add_count(self, "http.response.status_code", (uint64_t)line->status);
    add_count(self, "http.response.body.bytes", line->body_bytes);
    add_count(self, "event.duration", line->duration_us * 1000);
    add_word(self, "client.ip", line->client);
    add_word(self, "user.id", line->user);
    add_word(self, "http.request.id", line->request_id);
    add_word(self, "trace.id", line->trace_id);
    add(self, ",\"ecs.version\":\"8.11\",\"service.name\":\"doran-bridge\"}\n");
}
