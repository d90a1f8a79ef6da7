/* SPDX-License-Identifier: MIT */
/* Numbers are dense, so a page of rows is a range of keys, also from the end. */
#include "actors/job_rows.h"

#include "actors/row_key.h"

enum row_letter { ROW = 'r', WAIT = 'w', REPORT = 'p' };

static uint64_t key_run(span_t key) {
    uint64_t run;
    CHECK(key.len == 1 + sizeof run, "%zu bytes", key.len);
    memcpy(&run, key.ptr + 1, sizeof run);
    return be64toh(run);
}

span_t job_rows_pack(turn_t *turn, const record_t *record, const void *in) {
    pack_t pack = pack_into(turn_alloc(turn, JOB_RECORD_BYTES), JOB_RECORD_BYTES);
    record_encode(record, in, &pack);
    CHECK(pack_ok(&pack), "%s", record->name);
    return pack_bytes(&pack);
}

static status_t get_copy(turn_t *turn, char letter, uint64_t run, span_t *copy) {
    row_key_t key = row_key(letter, run);
    span_t value;
    status_t status = turn_get(turn, row_key_span(&key), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        return status == STATUS_OK ? STATUS_NOT_FOUND : status;
    }
    uint8_t *bytes = turn_alloc(turn, value.len);
    memcpy(bytes, value.ptr, value.len);
    *copy = span_of(bytes, value.len);
    return STATUS_OK;
}

status_t job_rows_get(turn_t *turn, uint64_t run, job_row_t *row) {
    span_t copy;
    status_t status = get_copy(turn, ROW, run, &copy);
    return status == STATUS_OK ? record_load(&record_job_row, copy, row) : status;
}

bool job_rows_ended(const job_row_t *row) {
    return row->state != job_run_state_WAITING && row->state != job_run_state_RUNNING;
}

static status_t put_row(turn_t *turn, const job_row_t *row) {
    row_key_t key = row_key(ROW, row->run);
    return turn_put(turn, row_key_span(&key), job_rows_pack(turn, &record_job_row, row));
}

static status_t del(turn_t *turn, char letter, uint64_t run) {
    row_key_t key = row_key(letter, run);
    return turn_del(turn, row_key_span(&key));
}

static status_t drop_row(turn_t *turn, uint64_t run) {
    job_row_t row;
    status_t status = job_rows_get(turn, run, &row);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !job_rows_ended(&row))) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? del(turn, ROW, run) : status;
}

status_t job_rows_add(turn_t *turn, const job_row_t *row) {
    status_t status = row->run > JOB_RUNS_KEPT ? drop_row(turn, row->run - JOB_RUNS_KEPT) : STATUS_OK;
    if (status == STATUS_OK && row->run > JOB_REPORTS_KEPT) {
        status = del(turn, REPORT, row->run - JOB_REPORTS_KEPT);
    }
    return status == STATUS_OK ? put_row(turn, row) : status;
}

status_t job_rows_put(turn_t *turn, const job_row_t *row, uint64_t last) {
    bool too_old = job_rows_ended(row) && row->run + JOB_RUNS_KEPT <= last;
    return too_old ? del(turn, ROW, row->run) : put_row(turn, row);
}

status_t job_rows_wait(turn_t *turn, uint64_t run) {
    row_key_t key = row_key(WAIT, run);
    return turn_put(turn, row_key_span(&key), span_text(""));
}

status_t job_rows_wait_no_longer(turn_t *turn, uint64_t run) {
    return del(turn, WAIT, run);
}

static bool take_first(void *context, span_t subkey, span_t value) {
    uint64_t *run = context;
    (void)value;
    *run = key_run(subkey);
    return false;
}

status_t job_rows_waiting(turn_t *turn, uint64_t *run) {
    row_key_t from = row_key(WAIT, 0), to = row_key(WAIT, UINT64_MAX);
    *run = 0;
    return turn_list(turn, row_key_span(&from), row_key_span(&to), take_first, run);
}

static bool take_row(void *context, span_t subkey, span_t value) {
    job_page_t *page = context;
    (void)subkey;
    page->rows[page->count++] = value;
    return page->count < JOB_PAGE_MAX;
}

status_t job_rows_page(turn_t *turn, uint64_t before, uint32_t limit, job_page_t *page) {
    CHECK(limit <= JOB_PAGE_MAX, "%u rows", limit);
    page->count = 0;
    page->first = before > limit ? before - limit : 1;
    row_key_t from = row_key(ROW, page->first), to = row_key(ROW, before);
    status_t status = turn_list(turn, row_key_span(&from), row_key_span(&to), take_row, page);
    for (uint32_t i = 0; i < page->count / 2; i++) {
        span_t swapped = page->rows[i];
        page->rows[i] = page->rows[page->count - 1 - i];
        page->rows[page->count - 1 - i] = swapped;
    }
    return status;
}

status_t job_rows_report_put(turn_t *turn, uint64_t run, span_t report) {
    row_key_t key = row_key(REPORT, run);
    return turn_put(turn, row_key_span(&key), report);
}

status_t job_rows_report_get(turn_t *turn, uint64_t run, span_t *report) {
    return get_copy(turn, REPORT, run, report);
}
