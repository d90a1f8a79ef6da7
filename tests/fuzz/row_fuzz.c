/* SPDX-License-Identifier: MIT */
/*
 * Rows and streams from bytes that may be anything. The first byte chooses:
 *
 *   0   a stream as it comes in an envelope: what is read and packed again is read the same
 *   1   a key of the store: what is understood is a key that store_key makes
 *   2   a timer's row: up to a NUL its key, behind it the body of its cell
 */
#include "actors/cell.h"
#include "actors/key_parts.h"
#include "actors/stream.h"
#include "actors/timers.h"

enum { CHOICES = 3, INPUT_BYTES_MAX = 4096 };

static void check_stream(span_t raw) {
    uint8_t bytes[2 * INPUT_BYTES_MAX];
    pack_t pack = pack_into(bytes, sizeof bytes);
    stream_t first = {0}, second = {0};
    span_t chain, again;
    if (stream_read(&first, &chain, kind_of, raw) != STATUS_OK) {
        return;
    }
    stream_pack(&first, chain, &pack);
    CHECK(pack_ok(&pack), "longer than what it was read from");
    status_t status = stream_read(&second, &again, kind_of, pack_bytes(&pack));
    CHECK(status == STATUS_OK && span_equal(chain, again), "its own encoding is read otherwise");
    CHECK(first.kind == second.kind && first.from == second.from && first.to == second.to &&
              first.number == second.number && memcmp(first.folder, second.folder, FOLDER_ID_BYTES) == 0,
          "another stream");
}

static void check_key(span_t key) {
    key_parts_t parts;
    store_key_t made;
    if (!key_parts_read(&parts, key)) {
        return;
    }
    switch (parts.class) {
    case CLASS_OUTBOX:
        store_key_outbox(&made, parts.partition, parts.kind, parts.to, parts.number);
        break;
    case CLASS_ACKNOWLEDGED:
        store_key_acknowledged(&made, parts.partition, parts.kind, parts.to);
        break;
    case CLASS_CONSUMED:
        store_key_consumed(&made, parts.partition, parts.kind, parts.folder.ptr, parts.from);
        break;
    case CLASS_TIMER:
        store_key_timer(&made, parts.partition, parts.when_ms, parts.kind, parts.key, parts.method, parts.tag);
        break;
    case CLASS_TIMER_NAME:
        store_key_timer_name(&made, parts.partition, parts.kind, parts.key, parts.method, parts.tag);
        break;
    case CLASS_INDEX:
        store_key_index(&made, parts.partition, parts.kind, parts.field, parts.value, parts.key);
        break;
    case CLASS_HEAD:
        store_key_head(&made, parts.partition, parts.kind, parts.key);
        break;
    case CLASS_SUB:
        store_key_sub(&made, parts.partition, parts.kind, parts.key, parts.subkey);
        break;
    case CLASS_ANSWER:
        store_key_answer(&made, parts.partition, parts.session.ptr, parts.number);
        break;
    case CLASS_IDEMPOTENCY:
        store_key_idempotency(&made, parts.partition, parts.kind, parts.key, parts.hash.ptr);
        break;
    case CLASS_DEAD_LETTER:
        store_key_dead_letter(&made, parts.partition, parts.when_ms, (uint32_t)parts.number);
        break;
    case CLASS_COUNT:
        CHECK(false, "a key of no class was understood");
    }
    CHECK(span_equal(store_key_span(&made), key), "a key of %zu bytes of class %u reads as another", key.len,
          parts.class);
}

static void check_timer(span_t input) {
    static uint8_t cell[CELL_HEADER_BYTES + INPUT_BYTES_MAX];
    store_key_t key;
    timer_row_t timer;
    const uint8_t *end = memchr(input.ptr, 0, input.len);
    if (end == NULL || (size_t)(end - input.ptr) > KEY_BYTES_MAX) {
        return;
    }
    span_t name = span_of(input.ptr, (size_t)(end - input.ptr));
    span_t body = span_of(end + 1, input.len - name.len - 1);
    store_key_timer(&key, 7, 99, span_text("job"), name, span_text("due"), span_text("tag"));
    memcpy(cell + CELL_HEADER_BYTES, body.ptr, body.len);
    cell_seal(cell, store_key_span(&key), 0, 0, body.len);
    if (timer_row_read(store_key_span(&key), span_of(cell, CELL_HEADER_BYTES + body.len), &timer)) {
        CHECK(timer.partition == 7 && timer.when_ms == 99 && span_equal(timer.key, name), "another timer");
        CHECK(timer.body.ptr >= cell && timer.body.ptr + timer.body.len <= cell + CELL_HEADER_BYTES + body.len,
              "a body outside of its row");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    static void (*const checks[CHOICES])(span_t) = {check_stream, check_key, check_timer};
    if (len > 1 && len <= INPUT_BYTES_MAX) {
        checks[bytes[0] % CHOICES](span_of(bytes + 1, len - 1));
    }
    return 0;
}
