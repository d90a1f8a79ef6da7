/* SPDX-License-Identifier: MIT */
/*
 * A process is taken for the server only if it has the server's name, since its number may mean another process here.
 */
#include "bench/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schemas/tape.h"

enum {
    STAT_MS = 5000,
    UTIME_FIELD = 14, /* proc(5); counted from 1 */
};

static bool read_process_file(uint64_t pid, const char *name, char *text, size_t capacity) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%llu/%s", (unsigned long long)pid, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t len = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[len] = 0;
    return len > 0;
}

/* `pid (name) state …`: the numbers begin behind the last parenthesis. */
static double cpu_seconds(const char *stat) {
    const char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < UTIME_FIELD; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return 0;
    }
    char *end;
    unsigned long long user = strtoull(at, &end, 10), system = strtoull(end, NULL, 10);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void read_process(figures_t *self) {
    char text[8192];
    if (!read_process_file(self->pid, "stat", text, sizeof text) || strstr(text, "(dorand)") == NULL) {
        return;
    }
    self->cpu_s = cpu_seconds(text);
    self->local = read_process_file(self->pid, "status", text, sizeof text);
    const char *line = self->local ? strstr(text, "RssAnon:") : NULL;
    self->rss_anon_kib = line != NULL ? strtoull(line + strlen("RssAnon:"), NULL, 10) : 0;
}

static uint64_t member(const tape_t *tape, uint32_t map, const char *name) {
    uint32_t token = tape->tokens[map].type == TOKEN_MAP ? tape_find(tape, map, name) : 0;
    return token > 0 && tape->tokens[token].type == TOKEN_U64 ? tape->tokens[token].u64 : 0;
}

figures_t figures_read(doran_t *client) {
    figures_t self = {0};
    doran_reply_t reply;
    token_t *tokens = calloc(ELEMENTS_MAX, sizeof *tokens);
    CHECK(tokens != NULL, "no memory");
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    if (doran_call(client, "broker/self", "stat", NULL, 0, STAT_MS, &reply) == DORAN_OK &&
        tape_read_whole(&tape, span_of(reply.body, reply.body_bytes)) == STATUS_OK) {
        uint32_t journal = tape_find(&tape, 0, "journal");
        self.known = true;
        self.pid = member(&tape, 0, "pid");
        self.fdatasyncs = journal > 0 ? member(&tape, journal, "syncs") : 0;
        self.sync_p99_us = journal > 0 ? member(&tape, journal, "sync_p99_us") : 0;
        read_process(&self);
    }
    free(tokens);
    return self;
}

figures_t figures_since(const figures_t *before, const figures_t *now) {
    figures_t self = *now;
    if (before->pid == now->pid) { /* else it was started anew, and counted from 0 */
        self.cpu_s -= before->cpu_s;
        self.fdatasyncs -= before->fdatasyncs;
    }
    return self;
}
