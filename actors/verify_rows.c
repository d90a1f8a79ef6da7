/* SPDX-License-Identifier: MIT */
/* One check for all rows, then one for each class. */
#include <inttypes.h>

#include "actors/idempotency.h"
#include "actors/stream.h"
#include "actors/timers.h"
#include "actors/verify_inside.h"
#include "schemas/address.h"
#include "schemas/envelope.h"
#include "storage/little_endian.h"

enum { NUMBER_BYTES = 8, PROBLEM_BYTES = 200 };

/* The cell under a key. False: there is none, or it is damaged. */
static bool read_cell(const verify_work_t *self, const store_key_t *key, cell_t *cell) {
    span_t value;
    return view_get(self->verify->view, store_key_span(key), &value) == STATUS_OK && value.ptr != NULL &&
           cell_open(cell, store_key_span(key), value);
}

static bool is_there(const verify_work_t *self, const store_key_t *key) {
    span_t value;
    return view_get(self->verify->view, store_key_span(key), &value) == STATUS_OK && value.ptr != NULL;
}

/* A row whose body is a number. */
static bool read_number(const verify_work_t *self, const store_key_t *key, uint64_t *number) {
    cell_t cell;
    if (!read_cell(self, key, &cell) || cell.body.len != NUMBER_BYTES) {
        return false;
    }
    *number = little_endian_get_u64(cell.body.ptr);
    return true;
}

/* Head records and index rows */

/* Decodes a head record into self->state. False: it does not fit, as problem says. */
static bool decode_state(verify_work_t *self, const record_t *record, span_t body, char problem[PROBLEM_BYTES]) {
    problems_t problems;
    uint8_t pointer[PROBLEM_POINTER_BYTES_MAX];
    CHECK(record->struct_bytes <= sizeof self->state, "%s has %u bytes", record->name, record->struct_bytes);
    if (tape_read_whole(self->verify->tape, body) != STATUS_OK) {
        snprintf(problem, PROBLEM_BYTES, "its body is not msgpack");
        return false;
    }
    if (record_decode(record, self->verify->tape, 0, FROM_STORE, self->state, &problems) == STATUS_OK) {
        return true;
    }
    span_t at = problem_pointer(&problems.items[0], pointer);
    snprintf(problem, PROBLEM_BYTES, "it does not fit its schema: %.*s %s", (int)at.len, (const char *)at.ptr,
             problems.items[0].code);
    return false;
}

static void expect_rows(verify_work_t *self, span_t kind, span_t key, const record_t *record) {
    index_keys(record, self->state, self->partition, kind, key, &self->rows);
}

static void check_head(verify_work_t *self, const verify_row_t *row) {
    char problem[PROBLEM_BYTES];
    key_parts_t parts;
    const record_t *record = row->kind->state;
    if (record == NULL) {
        verify_report(self, row, NULL, false, "its kind keeps no state");
        return;
    }
    if (!decode_state(self, record, row->cell.body, problem)) {
        verify_report(self, row, NULL, false, "%s", problem);
        return;
    }
    expect_rows(self, row->parts.kind, row->parts.key, record);
    for (uint32_t i = 0; i < INDEXED_FIELDS_MAX; i++) {
        const store_key_t *key = &self->rows.keys[i];
        if (key->len > 0 && !is_there(self, key)) {
            CHECK(key_parts_read(&parts, store_key_span(key)), "%zu bytes", key->len);
            verify_report(self, row, key_class_text(CLASS_INDEX), verify_repair(self, store_key_span(key), true),
                          "the row of %.*s is missing", (int)parts.field.len, (const char *)parts.field.ptr);
        }
    }
}

static bool rows_have(const index_keys_t *rows, span_t key) {
    for (uint32_t i = 0; i < INDEXED_FIELDS_MAX; i++) {
        if (span_equal(store_key_span(&rows->keys[i]), key)) {
            return true;
        }
    }
    return false;
}

static void report_index(verify_work_t *self, const verify_row_t *row, bool put, const char *problem) {
    verify_report(self, row, NULL, verify_repair(self, row->key, put), "%.*s: %s", (int)row->parts.field.len,
                  (const char *)row->parts.field.ptr, problem);
}

static void check_index(verify_work_t *self, const verify_row_t *row) {
    store_key_t head;
    cell_t cell;
    char problem[PROBLEM_BYTES];
    const record_t *record = row->kind->state;
    store_key_head(&head, self->partition, row->parts.kind, row->parts.key);
    if (record == NULL || !is_there(self, &head)) {
        report_index(self, row, false, "its actor is not there");
        return;
    }
    if (!read_cell(self, &head, &cell) || !decode_state(self, record, cell.body, problem)) {
        return; /* that was found at the head, and nobody knows what the row should be */
    }
    expect_rows(self, row->parts.kind, row->parts.key, record);
    if (!rows_have(&self->rows, row->key)) {
        report_index(self, row, false, "its actor's record does not say so");
    } else if (row->damaged || row->cell.body.len > 0) {
        report_index(self, row, true, "the value does not fit its checksum");
    }
}

static void check_sub(verify_work_t *self, const verify_row_t *row) {
    store_key_t head;
    if (row->kind->state == NULL) {
        return;
    }
    store_key_head(&head, self->partition, row->parts.kind, row->parts.key);
    if (!span_equal(store_key_span(&head), store_key_span(&self->owner))) {
        self->owner = head;
        self->owner_there = is_there(self, &head);
    }
    if (!self->owner_there) {
        verify_report(self, row, NULL, false, "its actor is not there");
    }
}

/* Timers */

static void check_timer(verify_work_t *self, const verify_row_t *row) {
    const key_parts_t *parts = &row->parts;
    timer_row_t timer;
    store_key_t name;
    uint64_t when_ms;
    if (!timer_row_read(row->key, row->value, &timer)) {
        verify_report(self, row, NULL, false, "it cannot be read");
        return;
    }
    store_key_timer_name(&name, self->partition, parts->kind, parts->key, parts->method, parts->tag);
    if (!read_number(self, &name, &when_ms)) {
        verify_report(self, row, NULL, false, "the row of its name is missing or damaged");
    } else if (when_ms != parts->when_ms) {
        verify_report(self, row, NULL, false, "the row of its name says %" PRIu64 ", not %" PRIu64, when_ms,
                      parts->when_ms);
    }
}

static void check_timer_name(verify_work_t *self, const verify_row_t *row) {
    const key_parts_t *parts = &row->parts;
    store_key_t timer;
    if (row->cell.body.len != NUMBER_BYTES) {
        verify_report(self, row, NULL, false, "it is no time");
        return;
    }
    uint64_t when_ms = little_endian_get_u64(row->cell.body.ptr);
    store_key_timer(&timer, self->partition, when_ms, parts->kind, parts->key, parts->method, parts->tag);
    if (!is_there(self, &timer)) {
        verify_report(self, row, NULL, false, "its timer, at %" PRIu64 ", is missing", when_ms);
    }
}

/* Streams */

static void check_mark(verify_work_t *self, const verify_row_t *row) {
    if (row->cell.body.len != NUMBER_BYTES) {
        verify_report(self, row, NULL, false, "it is no number");
    }
}

/* Is this the message that the key says? */
static bool read_message(const verify_work_t *self, const verify_row_t *row) {
    const key_parts_t *parts = &row->parts;
    envelope_t envelope;
    size_t consumed;
    stream_t stream;
    span_t chain;
    return envelope_decode(&envelope, self->verify->tape, row->cell.body, &consumed) == STATUS_OK &&
           consumed == row->cell.body.len && envelope.stream.ptr != NULL &&
           stream_read(&stream, &chain, self->verify->kind_of, envelope.stream) == STATUS_OK &&
           stream.kind == row->kind && stream.from == self->partition && stream.to == parts->to &&
           stream.number == parts->number;
}

/* Those that were acknowledged may be met once more (writer_drop), and mean nothing. */
static void check_message(verify_work_t *self, const verify_row_t *row) {
    const key_parts_t *parts = &row->parts;
    store_key_t mark, before;
    uint64_t acknowledged = 0;
    store_key_acknowledged(&mark, self->partition, parts->kind, parts->to);
    if (!read_number(self, &mark, &acknowledged) && is_there(self, &mark)) {
        return; /* that was found at the mark */
    }
    if (parts->number <= acknowledged) {
        return;
    }
    if (!read_message(self, row)) {
        verify_report(self, row, NULL, false, "message %" PRIu64 " to partition %u cannot be read", parts->number,
                      parts->to);
    }
    store_key_outbox(&before, self->partition, parts->kind, parts->to, parts->number - 1);
    if (parts->number > acknowledged + 1 && !is_there(self, &before)) {
        verify_report(self, row, NULL, false, "message %" PRIu64 " to partition %u is missing", parts->number - 1,
                      parts->to);
    }
}

/* Answers and dead letters */

static bool is_map(const verify_work_t *self, span_t body) {
    const tape_t *tape = self->verify->tape;
    return tape_read_whole(self->verify->tape, body) == STATUS_OK && tape->tokens[0].type == TOKEN_MAP;
}

static bool is_answer(const verify_work_t *self, const answer_t *answer) {
    bool pending = answer->type == 0, known = answer->type == ENVELOPE_REPLY || answer->type == ENVELOPE_ERROR;
    return pending || (known && is_map(self, answer->body));
}

static void check_answer(verify_work_t *self, const verify_row_t *row) {
    bool is_mark = row->parts.number == 0;
    answer_t answer;
    if (is_mark ? row->cell.body.len != NUMBER_BYTES
                : !answer_read(&answer, row->cell.body) || !is_answer(self, &answer)) {
        verify_report(self, row, NULL, false, is_mark ? "it is no number" : "it cannot be read");
    }
}

/* Its actor may have ended meanwhile. */
static void check_idempotency(verify_work_t *self, const verify_row_t *row) {
    idempotency_row_t kept;
    if (!idempotency_row_read(&kept, row->cell.body) || !is_answer(self, &kept.answer)) {
        verify_report(self, row, NULL, false, "it cannot be read");
    }
}

static void check_dead_letter(verify_work_t *self, const verify_row_t *row) {
    dead_letter_t letter;
    if (record_load(&record_dead_letter, row->cell.body, &letter) != STATUS_OK) {
        verify_report(self, row, NULL, false, "it does not fit its schema");
    }
}

/* All */

typedef void (*check_fn)(verify_work_t *self, const verify_row_t *row);
static const check_fn checks[CLASS_COUNT] = {
    [CLASS_ACKNOWLEDGED] = check_mark,
    [CLASS_CONSUMED] = check_mark,
    [CLASS_DEAD_LETTER] = check_dead_letter,
    [CLASS_HEAD] = check_head,
    [CLASS_INDEX] = check_index,
    [CLASS_IDEMPOTENCY] = check_idempotency,
    [CLASS_TIMER_NAME] = check_timer_name,
    [CLASS_OUTBOX] = check_message,
    [CLASS_ANSWER] = check_answer,
    [CLASS_SUB] = check_sub,
    [CLASS_TIMER] = check_timer,
};

/* Does the key name a row of this partition? NULL, or what is wrong. */
static const char *key_problem(const verify_work_t *self, const verify_row_t *row, bool readable) {
    if (!readable) {
        return "its key cannot be read";
    }
    if (row->parts.key.ptr != NULL && address_partition(row->parts.kind, row->parts.key) != self->partition) {
        return "it stands in another partition than its actor";
    }
    return NULL;
}

void verify_row(verify_work_t *self, span_t key, span_t value) {
    verify_row_t row = {.key = key, .value = value};
    bool readable = key_parts_read(&row.parts, key);
    const char *problem = key_problem(self, &row, readable);
    self->checked++;
    self->bytes += value.len;
    if (problem != NULL) {
        verify_report(self, &row, NULL, row.parts.class == CLASS_INDEX && verify_repair(self, key, false), "%s",
                      problem);
        return;
    }
    row.kind = row.parts.kind.ptr != NULL ? self->verify->kind_of(row.parts.kind) : NULL;
    row.damaged = !cell_open(&row.cell, key, value);
    if (row.parts.kind.ptr != NULL && row.kind == NULL) {
        verify_report(self, &row, NULL, false, "its kind is not known to this program");
    } else if (row.damaged && row.parts.class != CLASS_INDEX) {
        verify_report(self, &row, NULL, false, "the value does not fit its checksum");
    } else {
        checks[row.parts.class](self, &row);
    }
}
