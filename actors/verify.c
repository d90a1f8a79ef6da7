/* SPDX-License-Identifier: MIT */
/*
 * A slice goes on behind the last key of the one before, or with the counts of the first prefix that it left. What it
 * finds wrong with index rows is written when its walk is over, since a walk bears no writes. Its cursor is a letter
 * and bytes:
 *
 *   'k' the last key looked at     the rows behind it are next
 *   'c' a prefix                   its counts are next, and all behind
 */
#include "actors/verify.h"

#include <inttypes.h>
#include <stdarg.h>

#include "actors/verify_inside.h"

enum { CURSOR_KEYS = 'k', CURSOR_COUNTS = 'c', CURSOR_BYTES_MAX = LMDB_KEY_BYTES_MAX + 1 };

typedef struct cursor {
    size_t len; /* 0: the partition is done */
    uint8_t bytes[CURSOR_BYTES_MAX];
} cursor_t;

static void cursor_set(cursor_t *self, uint8_t phase, span_t at) {
    CHECK(at.len < sizeof self->bytes, "%zu bytes", at.len);
    self->bytes[0] = phase;
    if (at.len > 0) {
        memcpy(self->bytes + 1, at.ptr, at.len);
    }
    self->len = 1 + at.len;
}

/* Findings */

/* What shows where a row is that belongs to no actor. */
static void print_key(span_t key, char *text, size_t bytes) {
    enum { SHOWN = 48 };
    size_t len = (size_t)snprintf(text, bytes, " (key ");
    for (size_t i = 0; i < key.len && i < SHOWN; i++) {
        len += (size_t)snprintf(text + len, bytes - len, "%02x", key.ptr[i]);
    }
    snprintf(text + len, bytes - len, key.len > SHOWN ? "...)" : ")");
}

static size_t print_actor(const key_parts_t *parts, char actor[SUBJECT_BYTES_MAX + 1]) {
    int len = parts->key.ptr == NULL
                  ? 0
                  : snprintf(actor, SUBJECT_BYTES_MAX + 1, "%.*s/%.*s", (int)parts->kind.len,
                             (const char *)parts->kind.ptr, (int)parts->key.len, (const char *)parts->key.ptr);
    return (size_t)len;
}

static void add_finding(verify_work_t *self, const char *class, span_t actor, const char *problem, bool repaired) {
    verify_finding_t finding = {0};
    if (self->findings.count == VERIFY_FINDINGS_MAX) {
        self->omitted++;
        return;
    }
    FIELD_SET(verify_finding, &finding, class, span_text(class));
    FIELD_SET(verify_finding, &finding, actor, actor);
    FIELD_SET(verify_finding, &finding, problem, span_text(problem));
    FIELD_SET(verify_finding, &finding, repaired, repaired);
    list_writer_add(&self->findings, &finding);
}

void verify_report(verify_work_t *self, const verify_row_t *row, const char *class, bool repaired, const char *format,
                   ...) {
    char actor[SUBJECT_BYTES_MAX + 1], problem[400];
    va_list values;
    va_start(values, format);
    int len = vsnprintf(problem, 250, format, values);
    va_end(values);
    CHECK(len > 0 && len < 250, "%d bytes of a sentence", len);
    bool readable = row->parts.key.ptr != NULL && row->parts.kind.ptr != NULL;
    size_t actor_bytes = readable ? print_actor(&row->parts, actor) : 0;
    if (actor_bytes == 0) {
        print_key(row->key, problem + len, sizeof problem - (size_t)len);
    }
    add_finding(self, class != NULL ? class : key_class_text(row->parts.class), span_of(actor, actor_bytes), problem,
                repaired);
}

bool verify_repair(verify_work_t *self, span_t key, bool put) {
    if (self->verify->writer == NULL || key.len > STORE_KEY_BYTES_MAX) {
        return false;
    }
    CHECK(self->fix_count < VERIFY_FIXES_MAX, "%u records", self->fix_count);
    verify_fix_t *fix = &self->fixes[self->fix_count++];
    fix->put = put;
    fix->key.len = key.len;
    memcpy(fix->key.bytes, key.ptr, key.len);
    return true;
}

static void write_fixes(verify_work_t *self) {
    for (uint32_t i = 0; i < self->fix_count; i++) {
        span_t key = store_key_span(&self->fixes[i].key);
        if (self->fixes[i].put) {
            index_put(self->verify->writer, key);
        } else {
            writer_delete(self->verify->writer, key);
        }
    }
}

/* Rows */

/* Might the next row be too much? A row has no more findings and repairs than it may have index rows, and one. */
static bool full(const verify_work_t *self) {
    enum { ROW_MAX = INDEXED_FIELDS_MAX + 1 };
    static_assert(0 + ROW_MAX <= VERIFY_FINDINGS_MAX && 0 + ROW_MAX <= VERIFY_FIXES_MAX, "a slice gets beyond any row");
    return self->checked >= VERIFY_ROWS_MAX || self->bytes >= VERIFY_BYTES_MAX ||
           self->findings.count + ROW_MAX > VERIFY_FINDINGS_MAX || self->fix_count + ROW_MAX > VERIFY_FIXES_MAX;
}

/* The least key behind this one that is no longer than a key may be. */
static span_t key_behind(span_t key, uint8_t bytes[LMDB_KEY_BYTES_MAX]) {
    size_t len = key.len;
    memcpy(bytes, key.ptr, len);
    if (len < LMDB_KEY_BYTES_MAX) {
        bytes[len++] = 0;
        return span_of(bytes, len);
    }
    while (len > 1 && bytes[len - 1] == 0xff) {
        len--;
    }
    bytes[len - 1]++;
    return span_of(bytes, len);
}

/* Where the next partition begins; absent behind the last. */
static span_t partition_end(const verify_work_t *self, uint8_t *byte) {
    *byte = (uint8_t)(self->partition + 1);
    return *byte == 0 ? (span_t){0} : span_of(byte, 1);
}

static void check_rows(verify_work_t *self, span_t after, cursor_t *cursor) {
    uint8_t behind[LMDB_KEY_BYTES_MAX], end;
    span_t key, value;
    view_walk_t walk;
    span_t from = after.len == 0 ? span_of(&self->partition, 1) : key_behind(after, behind);
    view_walk_start(&walk, self->verify->view, from, partition_end(self, &end));
    while (view_walk_next(&walk, &key, &value)) {
        verify_row(self, key, value);
        if (full(self)) {
            cursor_set(cursor, CURSOR_KEYS, key);
            return;
        }
    }
    cursor_set(cursor, CURSOR_COUNTS, (span_t){0});
}

/* Counts */

static void report_count(void *context, span_t prefix, uint64_t counted, uint64_t found) {
    verify_work_t *self = context;
    verify_row_t row = {.key = prefix};
    if (found == STORE_UNCOUNTED) {
        self->uncounted++;
    } else if (found == counted) {
        verify_report(self, &row, "count", false, "of %" PRIu64 " keys some are others than were counted", found);
    } else {
        verify_report(self, &row, "count", false, "%" PRIu64 " keys were counted, %s%" PRIu64 " are there", counted,
                      found > VERIFY_KEYS_MAX ? "at least " : "", found);
    }
}

static status_t check_counts(verify_work_t *self, span_t from, cursor_t *cursor) {
    uint8_t end;
    uint64_t differing;
    from = from.len == 0 ? span_of(&self->partition, 1) : from;
    store_range_t range = {.from_bytes = from.len, .to = partition_end(self, &end)};
    memcpy(range.from, from.ptr, from.len);
    status_t status =
        store_verify_some(self->verify->view->reader, &range, VERIFY_KEYS_MAX, report_count, self, &differing);
    if (status == STATUS_OK && !range.done) {
        cursor_set(cursor, CURSOR_COUNTS, span_of(range.from, range.from_bytes));
    }
    return status;
}

/* Slices */

static bool cursor_valid(span_t cursor, uint8_t partition) {
    return (cursor.ptr[0] == CURSOR_KEYS && cursor.len > 1 && cursor.ptr[1] == partition) ||
           (cursor.ptr[0] == CURSOR_COUNTS && (cursor.len == 1 || cursor.ptr[1] == partition));
}

static status_t run(verify_work_t *self, span_t cursor, cursor_t *next) {
    span_t at = cursor.len == 0 ? (span_t){0} : span_of(cursor.ptr + 1, cursor.len - 1);
    if (cursor.len > 0 && cursor.ptr[0] == CURSOR_COUNTS) {
        return check_counts(self, at, next);
    }
    check_rows(self, at, next);
    write_fixes(self);
    return STATUS_OK;
}

static void pack_reply(verify_work_t *self, const cursor_t *cursor, pack_t *reply) {
    verify_reply_t body = {0};
    span_t findings;
    status_t status = list_writer_end(&self->findings, &findings);
    CHECK(status == STATUS_OK, "%u findings", self->findings.count);
    FIELD_SET(verify_reply, &body, shard, self->verify->place.shard);
    FIELD_SET(verify_reply, &body, shards, self->verify->place.shards);
    FIELD_SET(verify_reply, &body, findings, findings);
    FIELD_SET(verify_reply, &body, checked, self->checked);
    FIELD_SET(verify_reply, &body, uncounted, self->uncounted);
    FIELD_SET(verify_reply, &body, omitted, self->omitted);
    if (cursor->len > 0) {
        FIELD_SET(verify_reply, &body, cursor, span_of(cursor->bytes, cursor->len));
    }
    record_encode(&record_verify_reply, &body, reply);
    CHECK(pack_ok(reply), "%u findings in %zu bytes", self->findings.count, reply->capacity);
}

status_t verify_slice(const verify_t *self, const verify_request_t *asked, pack_t *reply) {
    span_t cursor = FIELD_OR(verify_request, asked, cursor, (span_t){0});
    uint8_t partition = (uint8_t)asked->partition;
    cursor_t next = {.len = 0};
    status_t status = STATUS_OK;
    if (cursor.len > 0 && !cursor_valid(cursor, partition)) {
        return STATUS_INVALID;
    }
    verify_work_t *work = calloc(1, sizeof *work);
    CHECK(work != NULL, "out of memory");
    work->verify = self;
    work->partition = partition;
    list_writer_init(&work->findings, &record_verify_finding, work->findings_room, sizeof work->findings_room);
    if (partition % self->place.shards == self->place.shard) {
        status = run(work, cursor, &next);
    }
    if (status == STATUS_OK) {
        pack_reply(work, &next, reply);
    }
    free(work);
    return status;
}
