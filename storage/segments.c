/* SPDX-License-Identifier: MIT */
/*
 * The files, in the order of their start:
 *
 *   [spare] [spare] … [in use] [in use] [next]
 *   └ below released ┘                        └ end
 *
 * A spare keeps its old name until it is used again, so nothing has to be remembered between starts: the next open
 * finds it, and the first release tells that it is one. A spare of another size than is wanted now is no use and goes.
 */
#include "storage/segments.h"

#include "storage/file.h"
#include "storage/segment_list.h"

#define SPARES_MAX 2

struct segments {
    int folder;
    uint8_t folder_id[16];
    uint64_t segment_bytes;
    segment_list_t list; /* not open */
    uint64_t released;   /* segments that end here or below are spares */
    char error[256];
};

typedef struct leftover {
    int folder;
    int code; /* the first error */
} leftover_t;

static void remove_part(void *context, const char *name) {
    leftover_t *self = context;
    if (self->code == 0 && journal_part_name_is(name)) {
        self->code = folder_remove(self->folder, name);
    }
}

/* Takes away what a crash left half made, and makes durable whatever name it left. */
static status_t tidy(int folder, failure_t failure) {
    leftover_t leftover = {.folder = folder};
    int code = folder_list(folder, remove_part, &leftover);
    if (code == 0) {
        code = leftover.code;
    }
    if (code == 0) {
        code = folder_sync(folder);
    }
    return code == 0 ? STATUS_OK : failure_of_call(failure, code, "cannot tidy the journal's folder");
}

status_t segments_open(const char *dir, const uint8_t folder_id[16], size_t segment_bytes, segments_t **segments,
                       char *error, size_t error_bytes) {
    CHECK(segment_bytes >= JOURNAL_BLOCK && segment_bytes % JOURNAL_ALIGN == 0, "segment_bytes %zu", segment_bytes);
    failure_t failure = {.text = error, .bytes = error_bytes};
    int folder = -1, code = folder_open(dir, &folder);
    if (code != 0) {
        return failure_of_call(failure, code, "cannot open the journal's folder %s", dir);
    }
    segments_t *self = calloc(1, sizeof(*self));
    CHECK(self != NULL, "out of memory");
    self->folder = folder;
    self->segment_bytes = segment_bytes;
    memcpy(self->folder_id, folder_id, sizeof(self->folder_id));
    status_t status = tidy(folder, failure);
    if (status == STATUS_OK) {
        status = segment_list_scan(&self->list, folder, failure);
    }
    if (status == STATUS_OK) {
        *segments = self;
    } else {
        segments_destroy(&self);
    }
    return status;
}

void segments_destroy(segments_t **self_p) {
    segments_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    segment_list_fini(&self->list);
    file_close(&self->folder);
    free(self);
    *self_p = NULL;
}

static size_t spares(const segments_t *self) {
    size_t count = 0;
    while (count < self->list.count && segment_file_end(&self->list.items[count]) <= self->released) {
        count++;
    }
    return count;
}

static bool is_useful(const segments_t *self, const segment_file_t *spare) {
    return spare->bytes == self->segment_bytes;
}

static status_t remove_spare(segments_t *self, const segment_file_t *spare) {
    char name[JOURNAL_NAME_BYTES];
    journal_name_write(spare->start, name);
    int code = folder_remove(self->folder, name);
    return code == 0 ? STATUS_OK
                     : failure_of_call(FAILURE_INTO(self->error), code, "cannot remove the journal's %s", name);
}

status_t segments_release(segments_t *self, uint64_t applied) {
    if (applied > self->released) {
        self->released = applied;
    }
    size_t count = spares(self), kept = 0;
    segment_file_t keep[SPARES_MAX];
    status_t status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (kept < SPARES_MAX && is_useful(self, &self->list.items[i])) {
            keep[kept++] = self->list.items[i];
        } else {
            status = remove_spare(self, &self->list.items[i]);
        }
    }
    if (status != STATUS_OK || kept == count) {
        return status;
    }
    segment_list_drop(&self->list, count - kept);
    memcpy(self->list.items, keep, kept * sizeof(*keep));
    int code = folder_sync(self->folder);
    return code == 0 ? STATUS_OK : failure_of_call(FAILURE_INTO(self->error), code, "cannot sync the journal's folder");
}

status_t segments_prepare(segments_t *self, uint64_t *start, uint64_t *bytes, int *fd) {
    segment_file_t made;
    uint64_t end = segments_end(self);
    bool reuse = spares(self) > 0 && is_useful(self, &self->list.items[0]);
    status_t status = reuse ? segment_file_reuse(self->folder, self->folder_id, end, &self->list.items[0], &made,
                                                 FAILURE_INTO(self->error))
                            : segment_file_make(self->folder, self->folder_id, end, self->segment_bytes, &made,
                                                FAILURE_INTO(self->error));
    if (status != STATUS_OK) {
        return status;
    }
    if (reuse) {
        segment_list_drop(&self->list, 1);
    }
    segment_list_add(&self->list, (segment_file_t){.start = made.start, .bytes = made.bytes, .file = -1});
    *start = made.start;
    *bytes = made.bytes;
    *fd = made.file;
    return STATUS_OK;
}

size_t segments_count(const segments_t *self) {
    return self->list.count;
}

uint64_t segments_end(const segments_t *self) {
    return segment_list_end(&self->list);
}

uint64_t segments_room(const segments_t *self, uint64_t position) {
    return journal_room_between(position, segments_end(self));
}

const char *segments_error(const segments_t *self) {
    return self->error;
}
