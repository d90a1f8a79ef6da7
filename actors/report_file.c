/* SPDX-License-Identifier: MIT */
/* Written under another name and renamed; a step that is done again after a crash finds what the first one left. */
#include "actors/report_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "schemas/json.h"
#include "storage/file.h"

enum { FILE_NAME_BYTES = 64 };

/* The report as one line of JSON; the caller frees it. */
static char *json_of(span_t report) {
    tape_t tape = {.tokens = malloc(ELEMENTS_MAX * sizeof(token_t)), .capacity = ELEMENTS_MAX};
    CHECK(tape.tokens != NULL, "out of memory");
    status_t status = tape_read_whole(&tape, report);
    CHECK(status == STATUS_OK, "%s", status_code(status));
    char *text = json_print(&tape, 0);
    free(tape.tokens);
    return text;
}

/* 0 or an errno value, as all here. */
static int make_folder(const char *path) {
    return mkdir(path, S_IRWXU) == 0 || errno == EEXIST ? 0 : errno;
}

static int open_folder(const work_place_t *place, int *folder) {
    char path[PATH_MAX];
    int error = ENAMETOOLONG;
    if (snprintf(path, sizeof path, "%s/reports", place->folder) < (int)sizeof path) {
        error = make_folder(path);
    }
    if (error == 0) {
        error = snprintf(path, sizeof path, "%s/reports/%s", place->folder, place->name) < (int)sizeof path
                    ? make_folder(path)
                    : ENAMETOOLONG;
    }
    return error == 0 ? folder_open(path, folder) : error;
}

static int fill_file(int folder, const char *name, span_t text) {
    int file, error = folder_remove(folder, name); /* of a step that was lost in the middle */
    if (error == 0) {
        error = file_create(folder, name, &file);
    }
    if (error != 0) {
        return error;
    }
    error = file_write(file, text.ptr, text.len, 0);
    if (error == 0) {
        error = file_sync(file);
    }
    file_close(&file);
    return error;
}

static int write_file(const work_place_t *place, uint64_t run, span_t text) {
    char name[FILE_NAME_BYTES], temporary[FILE_NAME_BYTES];
    int folder, error = open_folder(place, &folder);
    if (error != 0) {
        return error;
    }
    snprintf(name, sizeof name, "%llu.json", (unsigned long long)run);
    snprintf(temporary, sizeof temporary, "%llu.json.new", (unsigned long long)run);
    error = fill_file(folder, temporary, text);
    if (error == 0) {
        error = folder_rename(folder, temporary, name);
    }
    if (error == 0) {
        error = folder_sync(folder);
    }
    file_close(&folder);
    return error;
}

status_t report_file_write(const work_place_t *place, uint64_t run, span_t report, char *error, size_t error_bytes) {
    char *text = json_of(report);
    int code = write_file(place, run, span_text(text));
    free(text);
    if (code == 0) {
        return STATUS_OK;
    }
    snprintf(error, error_bytes, "The report could not be written: %s", strerror(code));
    return STATUS_INTERNAL;
}
