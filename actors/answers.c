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

enum {
    TRIM_COUNT = 16,
    FLAGS_SHIFT = 4, /* in a row's first byte, above the type */
    TYPE_MASK = (1 << FLAGS_SHIFT) - 1,
};

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

size_t answer_write(const answer_t *self, uint8_t *out) {
    CHECK(self->type <= TYPE_MASK && self->flags <= TYPE_MASK, "type %u, flags %u", self->type, self->flags);
    CHECK(self->type != 0 || (self->flags == 0 && self->body.len == 0), "a pending answer says something");
    CHECK(self->body.len <= ENVELOPE_BYTES_MAX, "%zu bytes", self->body.len);
    out[0] = (uint8_t)(self->type | self->flags << FLAGS_SHIFT);
    if (self->body.len > 0) {
        memcpy(out + 1, self->body.ptr, self->body.len);
    }
    return 1 + self->body.len;
}

bool answer_read(answer_t *self, span_t bytes) {
    if (bytes.len < 1) {
        return false;
    }
    self->type = bytes.ptr[0] & TYPE_MASK;
    self->flags = bytes.ptr[0] >> FLAGS_SHIFT;
    self->body = span_of(bytes.ptr + 1, bytes.len - 1);
    return self->type != 0 || (self->flags == 0 && self->body.len == 0);
}

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

static place_t place_of(uint8_t partition, const uint8_t session[SESSION_BYTES]) {
    place_t place = {.partition = partition};
    memcpy(place.session, session, SESSION_BYTES);
    return place;
}

static entry_t *find(const answers_t *self, const place_t *place) {
    entry_t *entry;
    HASH_FIND(hh, self->by_place, place, sizeof *place, entry);
    return entry;
}

/* The entry of the request's place, read from the rows if it is not in memory. */
static status_t entry_of(answers_t *self, const request_t *request, entry_t **found) {
    place_t place = place_of(request->partition, request->session);
    entry_t *entry = find(self, &place);
    if (entry != NULL) {
        DL_DELETE(self->by_use, entry);
        DL_APPEND(self->by_use, entry);
        *found = entry;
        return STATUS_OK;
    }
    entry = calloc(1, sizeof *entry);
    CHECK(entry != NULL, "out of memory");
    entry->place = place;
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

/* Reads the row of an answer. type 0 and an absent body: there is none. */
static status_t read_row(const answers_t *self, const store_key_t *key, answer_t *answer) {
    span_t value;
    cell_t cell;
    status_t status = view_get(self->view, store_key_span(key), &value);
    if (status != STATUS_OK) {
        return status;
    }
    *answer = (answer_t){0};
    if (value.ptr == NULL) {
        return STATUS_OK;
    }
    return cell_open(&cell, store_key_span(key), value) && answer_read(answer, cell.body) ? STATUS_OK : STATUS_INTERNAL;
}

static status_t find_kept(const answers_t *self, const request_t *request, answers_verdict_t *verdict, answer_t *kept) {
    store_key_t key;
    answer_t answer;
    store_key_answer(&key, request->partition, request->session, request->id);
    status_t status = read_row(self, &key, &answer);
    if (status != STATUS_OK || answer.body.ptr == NULL) {
        return status;
    }
    *verdict = answer.type == 0 ? ANSWERS_PENDING : ANSWERS_KEPT;
    *kept = answer;
    return STATUS_OK;
}

/* The row whose body stands in scratch. */
static span_t row(answers_t *self, const store_key_t *key, size_t body_bytes) {
    cell_seal(self->scratch, store_key_span(key), 0, 0, body_bytes);
    return span_of(self->scratch, CELL_HEADER_BYTES + body_bytes);
}

static span_t answer_row(answers_t *self, const store_key_t *key, const answer_t *answer) {
    return row(self, key, answer_write(answer, self->scratch + CELL_HEADER_BYTES));
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
                       answer_t *kept) {
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
        status_t status = find_kept(self, request, verdict, kept);
        if (status != STATUS_OK || *verdict != ANSWERS_NEW) {
            return status;
        }
    }
    if (entry->count >= ANSWERS_PER_SESSION_MAX) {
        trim(self, writer, entry);
    }
    if (entry->count >= ANSWERS_PER_SESSION_MAX && request->id > entry->lowest) {
        *verdict = ANSWERS_FULL; /* but never the lowest: nothing could be dropped until it ran */
    }
    return STATUS_OK;
}

void answers_keep(answers_t *self, writer_t *writer, const request_t *request, const answer_t *answer) {
    store_key_t key;
    place_t place = place_of(request->partition, request->session);
    entry_t *entry = find(self, &place);
    CHECK(entry != NULL, "nobody checked request %llu", (unsigned long long)request->id);
    if (entry->count >= TRIM_COUNT && entry->lowest >= entry->trimmed + TRIM_COUNT) {
        trim(self, writer, entry);
    }
    store_key_answer(&key, request->partition, request->session, request->id);
    writer_put_fresh(writer, store_key_span(&key), answer_row(self, &key, answer));
    entry->count++;
    if (request->id > entry->highest) {
        entry->highest = request->id;
    }
}

/* The lowest id of the place that may have a row: as the client told, or as far as the mark says. */
static status_t lowest_of(const answers_t *self, const place_t *place, uint64_t *lowest) {
    const entry_t *entry = find(self, place);
    store_key_t key;
    span_t value;
    if (entry != NULL) {
        *lowest = entry->lowest;
        return STATUS_OK;
    }
    store_key_answer(&key, place->partition, place->session, 0);
    status_t status = view_get(self->view, store_key_span(&key), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        *lowest = 0;
        return status;
    }
    return open_mark(store_key_span(&key), value, lowest);
}

/* A row below the mark is one that was dropped and is met again: written now, it would stay. */
status_t answers_settle(answers_t *self, writer_t *writer, uint8_t partition, const uint8_t session[SESSION_BYTES],
                        uint64_t id, const answer_t *answer) {
    place_t place = place_of(partition, session);
    store_key_t key;
    answer_t kept;
    uint64_t lowest;
    CHECK(id > 0 && answer->type != 0, "id %llu, type %u", (unsigned long long)id, answer->type);
    store_key_answer(&key, partition, session, id);
    status_t status = read_row(self, &key, &kept);
    if (status != STATUS_OK || kept.body.ptr == NULL || kept.type != 0) {
        return status;
    }
    status = lowest_of(self, &place, &lowest);
    if (status == STATUS_OK && id >= lowest) {
        writer_put(writer, store_key_span(&key), answer_row(self, &key, answer));
    }
    return status;
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
