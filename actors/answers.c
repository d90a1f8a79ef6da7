/* SPDX-License-Identifier: MIT */
/*
 * Answers. Rows are dropped in groups, when a partition holds TRIM_COUNT of a session: one write of the mark (id 0)
 * then pays for many deletes. Most live shorter than the memtable takes to reach the store; written as fresh and
 * dropped, they vanish on the way. A dropped row may be met once more (writer_drop); then its id is below the mark,
 * which is looked at first.
 */
#include "actors/answers.h"

#include <xxhash.h>

#include "actors/cell.h"
#include "actors/store_key.h"
#include "storage/little_endian.h"

#define HASH_FUNCTION(key, bytes, hash) (hash) = (unsigned)XXH3_64bits(key, bytes)
#include <uthash.h>
#include <utlist.h>

enum { TRIM_COUNT = 16 };

typedef struct place {
    uint8_t partition;
    uint8_t session[SESSION_BYTES];
} place_t;

typedef struct entry {
    place_t place;
    UT_hash_handle hh;
    struct entry *prev, *next;
    uint64_t highest; /* id of a kept answer; above it no row needs to be looked for */
    uint64_t lowest;  /* unanswered id that the client told */
    uint64_t trimmed; /* below this id no row is left: walks start here, not among thousands of tombstones */
    uint64_t counted; /* from this id on rows are counted; those below were dropped, or should have been */
    uint32_t count;   /* of rows */
} entry_t;

struct answers {
    const view_t *view;
    entry_t *by_place;
    entry_t *by_use; /* longest unused first */
    uint32_t count, max;
    uint8_t *scratch; /* a row being built */
};

answers_t *answers_new(const view_t *view, uint32_t max) {
    answers_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL && max > 0, "max %u", max);
    self->view = view;
    self->max = max;
    self->scratch = malloc(CELL_HEADER_BYTES + 1 + ENVELOPE_BYTES_MAX);
    CHECK(self->scratch != NULL, "out of memory");
    return self;
}

static void drop(answers_t *self, entry_t *entry) {
    HASH_DELETE(hh, self->by_place, entry);
    DL_DELETE(self->by_use, entry);
    self->count--;
    free(entry);
}

void answers_destroy(answers_t **self_p) {
    answers_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    while (self->by_use != NULL) {
        drop(self, self->by_use);
    }
    free(self->scratch);
    free(self);
    *self_p = NULL;
}

static status_t open_mark(span_t key, span_t value, uint64_t *lowest) {
    cell_t cell;
    if (!cell_open(&cell, key, value) || cell.body.len != sizeof *lowest) {
        return STATUS_INTERNAL;
    }
    *lowest = little_endian_get_u64(cell.body.ptr);
    return STATUS_OK;
}

/* Learns from the rows what is kept for this place. */
static status_t entry_load(const answers_t *self, entry_t *entry) {
    store_key_t from, to;
    span_t key, value;
    view_walk_t walk;
    store_key_answer(&from, entry->place.partition, entry->place.session, 0);
    store_key_answer(&to, entry->place.partition, entry->place.session, UINT64_MAX);
    store_key_after(&to, &to); /* the last id can have a row, too */
    view_walk_start(&walk, self->view, store_key_span(&from), store_key_span(&to));
    while (view_walk_next(&walk, &key, &value)) {
        uint64_t id = store_key_answer_id(key);
        if (id == 0) {
            if (open_mark(key, value, &entry->lowest) != STATUS_OK) {
                return STATUS_INTERNAL;
            }
        } else {
            entry->highest = id;
            entry->count += id >= entry->lowest;
        }
    }
    entry->counted = entry->lowest;
    return STATUS_OK;
}

static place_t place_of(const request_t *request) {
    place_t place = {.partition = request->partition};
    memcpy(place.session, request->session, SESSION_BYTES);
    return place;
}

static entry_t *find(answers_t *self, const request_t *request) {
    place_t place = place_of(request);
    entry_t *entry;
    HASH_FIND(hh, self->by_place, &place, sizeof place, entry);
    return entry;
}

/* The entry of the request's place, read from the rows if it is not in memory. */
static status_t entry_of(answers_t *self, const request_t *request, entry_t **found) {
    entry_t *entry = find(self, request);
    if (entry != NULL) {
        DL_DELETE(self->by_use, entry);
        DL_APPEND(self->by_use, entry);
        *found = entry;
        return STATUS_OK;
    }
    entry = calloc(1, sizeof *entry);
    CHECK(entry != NULL, "out of memory");
    entry->place = place_of(request);
    entry->trimmed = 1;
    if (entry_load(self, entry) != STATUS_OK) {
        free(entry);
        return STATUS_INTERNAL;
    }
    if (self->count == self->max) {
        drop(self, self->by_use);
    }
    HASH_ADD(hh, self->by_place, place, sizeof entry->place, entry);
    DL_APPEND(self->by_use, entry);
    self->count++;
    *found = entry;
    return STATUS_OK;
}

static status_t find_kept(const answers_t *self, const request_t *request, answers_verdict_t *verdict, uint8_t *type,
                          span_t *body) {
    store_key_t key;
    span_t value;
    cell_t cell;
    store_key_answer(&key, request->partition, request->session, request->id);
    status_t status = view_get(self->view, store_key_span(&key), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        return status;
    }
    if (!cell_open(&cell, store_key_span(&key), value) || cell.body.len < 1) {
        return STATUS_INTERNAL;
    }
    *verdict = ANSWERS_KEPT;
    *type = cell.body.ptr[0];
    *body = span_of(cell.body.ptr + 1, cell.body.len - 1);
    return STATUS_OK;
}

/* The row whose body stands in scratch. */
static span_t row(answers_t *self, const store_key_t *key, size_t body_bytes) {
    cell_seal(self->scratch, store_key_span(key), 0, 0, body_bytes);
    return span_of(self->scratch, CELL_HEADER_BYTES + body_bytes);
}

/* Deletes the rows below entry->lowest, at most ANSWERS_TRIMMED_MAX, and keeps the mark. */
static void trim(answers_t *self, writer_t *writer, entry_t *entry) {
    store_key_t doomed[ANSWERS_TRIMMED_MAX], from, to;
    uint32_t count = 0;
    span_t key, value;
    view_walk_t walk;
    if (entry->trimmed >= entry->lowest) {
        return;
    }
    store_key_answer(&from, entry->place.partition, entry->place.session, entry->trimmed);
    store_key_answer(&to, entry->place.partition, entry->place.session, entry->lowest);
    view_walk_start(&walk, self->view, store_key_span(&from), store_key_span(&to));
    while (count < ANSWERS_TRIMMED_MAX && view_walk_next(&walk, &key, &value)) {
        store_key_answer(&doomed[count++], entry->place.partition, entry->place.session, store_key_answer_id(key));
    }
    entry->trimmed =
        count < ANSWERS_TRIMMED_MAX ? entry->lowest : store_key_answer_id(store_key_span(&doomed[count - 1])) + 1;
    if (count == 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        entry->count -= store_key_answer_id(store_key_span(&doomed[i])) >= entry->counted;
        writer_drop(writer, store_key_span(&doomed[i]));
    }
    little_endian_put_u64(self->scratch + CELL_HEADER_BYTES, entry->lowest);
    store_key_answer(&from, entry->place.partition, entry->place.session, 0);
    writer_put(writer, store_key_span(&from), row(self, &from, sizeof entry->lowest));
}

status_t answers_check(answers_t *self, writer_t *writer, const request_t *request, answers_verdict_t *verdict,
                       uint8_t *type, span_t *body) {
    entry_t *entry;
    CHECK(request->has_session && request->id > 0, "id %llu", (unsigned long long)request->id);
    if (entry_of(self, request, &entry) != STATUS_OK) {
        return STATUS_INTERNAL;
    }
    if (request->lowest_unanswered > entry->lowest) {
        entry->lowest = request->lowest_unanswered;
    }
    *verdict = ANSWERS_NEW;
    if (request->id < entry->lowest) {
        *verdict = ANSWERS_STALE;
        return STATUS_OK;
    }
    if (request->id <= entry->highest) {
        status_t status = find_kept(self, request, verdict, type, body);
        if (status != STATUS_OK || *verdict == ANSWERS_KEPT) {
            return status;
        }
    }
    if (entry->count >= ANSWERS_PER_SESSION_MAX) {
        trim(self, writer, entry);
    }
    if (entry->count >= ANSWERS_PER_SESSION_MAX) {
        *verdict = ANSWERS_FULL;
    }
    return STATUS_OK;
}

void answers_keep(answers_t *self, writer_t *writer, const request_t *request, uint8_t type, span_t body) {
    store_key_t key;
    entry_t *entry = find(self, request);
    CHECK(entry != NULL, "nobody checked request %llu", (unsigned long long)request->id);
    if (entry->count >= TRIM_COUNT && entry->lowest >= entry->trimmed + TRIM_COUNT) {
        trim(self, writer, entry);
    }
    CHECK(body.len <= ENVELOPE_BYTES_MAX, "%zu bytes", body.len);
    self->scratch[CELL_HEADER_BYTES] = type;
    memcpy(self->scratch + CELL_HEADER_BYTES + 1, body.ptr, body.len);
    store_key_answer(&key, request->partition, request->session, request->id);
    writer_put_fresh(writer, store_key_span(&key), row(self, &key, 1 + body.len));
    entry->count++;
    if (request->id > entry->highest) {
        entry->highest = request->id;
    }
}

uint32_t answers_sweep(answers_t *self, writer_t *writer, uint8_t partition, uint64_t issued_ms, uint32_t max) {
    store_key_t doomed[ANSWERS_TRIMMED_MAX], from, to;
    uint8_t none[SESSION_BYTES] = {0}, all[SESSION_BYTES];
    uint32_t count = 0;
    span_t key, value;
    view_walk_t walk;
    memset(all, 0xff, sizeof all);
    store_key_answer(&from, partition, none, 0);
    store_key_answer(&to, partition, all, UINT64_MAX);
    store_key_after(&to, &to);
    view_walk_start(&walk, self->view, store_key_span(&from), store_key_span(&to));
    while (count < max && count < ANSWERS_TRIMMED_MAX && view_walk_next(&walk, &key, &value) &&
           store_key_answer_issued_ms(key) < issued_ms) {
        doomed[count].len = key.len;
        memcpy(doomed[count++].bytes, key.ptr, key.len);
    }
    for (uint32_t i = 0; i < count; i++) {
        writer_delete(writer, store_key_span(&doomed[i]));
    }
    return count;
}
