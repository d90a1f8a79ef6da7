/* SPDX-License-Identifier: MIT */
#include "storage/batch.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "tests/schemas/hex.h"

static span_t records_of(const batch_t *batch) {
    return span_of(batch->records, batch->records_bytes);
}

static span_t repeated(uint8_t byte, size_t count) {
    static uint8_t bytes[BATCH_RECORDS_BYTES];
    memset(bytes, byte, count);
    return span_of(bytes, count);
}

Test(batch, a_damaged_record_ends_the_reading_and_stays_in_rest) {
    static const char *const damaged[] = {
        "01 00 0100 01000000 6b",   /* shorter than it says */
        "01 00 0100 00000000",      /* no key */
        "01 00 0000 01000000 76",   /* a key of no bytes */
        "00 00 0100 00000000 6b",   /* op 0 */
        "04 00 0100 00000000 6b",   /* op 4 */
        "01 01 0100 00000000 6b",   /* the zero is not */
        "02 00 0100 01000000 6b76", /* a delete with a value */
        "01 00 0002 00000000 6b",   /* a key of 512 bytes */
        "01 00 0100 ffffffff 6b76", /* a value of 4 GiB */
        "01 00 0100 000000",        /* not even a header */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(damaged); i++) {
        uint8_t bytes[64];
        span_t rest = hex_bytes(damaged[i], bytes), before = rest;
        log_record_t record = {.op = RECORD_DELETE};
        cr_assert_not(log_record_next(&rest, &record), "%s", damaged[i]);
        cr_assert(rest.ptr == before.ptr && rest.len == before.len, "%s", damaged[i]);
        cr_assert_eq(record.op, RECORD_DELETE, "output untouched");
    }
}

Test(batch, a_key_longer_than_the_store_takes_is_refused, .signal = SIGABRT) {
    batch_t *batch = batch_new(0);
    batch_put(batch, repeated('k', LMDB_KEY_BYTES_MAX + 1), span_text("v"));
}

Test(batch, an_empty_key_is_refused, .signal = SIGABRT) {
    batch_t *batch = batch_new(0);
    batch_delete(batch, span_text(""));
}

Test(batch, a_record_that_does_not_fit_is_refused, .signal = SIGABRT) {
    batch_t *batch = batch_new(0);
    batch_put(batch, span_text("k"), repeated('v', BATCH_RECORDS_BYTES - RECORD_HEADER_BYTES));
}

Test(batch, a_record_that_fits_exactly_is_taken) {
    batch_t *batch = batch_new(0);
    batch_put(batch, span_text("k"), repeated('v', BATCH_RECORDS_BYTES - RECORD_HEADER_BYTES - 1));
    cr_assert_eq(batch->records_bytes, BATCH_RECORDS_BYTES);
    span_t rest = records_of(batch);
    log_record_t record;
    cr_assert(log_record_next(&rest, &record));
    cr_assert_eq(rest.len, 0);
    batch_destroy(&batch);
}

Test(batch, records_are_these_bytes) {
    batch_t *batch = batch_new(3);
    batch_put(batch, span_text("key"), span_text("value"));
    batch_delete(batch, span_text("gone"));
    batch_put(batch, span_text("e"), span_text(""));
    char text[128];
    cr_assert_str_eq(hex_text(records_of(batch), text), "0100030005000000"
                                                        "6b6579"
                                                        "76616c7565"
                                                        "0200040000000000"
                                                        "676f6e65"
                                                        "0100010000000000"
                                                        "65");
    cr_assert_eq(batch->record_count, 3);
    cr_assert_eq(batch->shard, 3);
    batch_destroy(&batch);
    cr_assert_null(batch);
    batch_destroy(&batch);
}

Test(batch, what_was_put_is_read_back_in_order) {
    batch_t *batch = batch_new(0);
    batch_put(batch, span_text("a"), span_text("1"));
    batch_put(batch, span_text("b"), span_text(""));
    batch_delete(batch, span_text("a"));
    span_t rest = records_of(batch);
    log_record_t record;
    cr_assert(log_record_next(&rest, &record) && record.op == RECORD_PUT);
    cr_assert(span_equal(record.key, span_text("a")) && span_equal(record.value, span_text("1")));
    cr_assert(log_record_next(&rest, &record) && record.op == RECORD_PUT);
    cr_assert(record.value.ptr != NULL && record.value.len == 0, "empty is not absent");
    cr_assert(log_record_next(&rest, &record) && record.op == RECORD_DELETE);
    cr_assert_null(record.value.ptr, "the value of a delete is absent");
    cr_assert_not(log_record_next(&rest, &record));
    cr_assert_eq(rest.len, 0);
    batch_destroy(&batch);
}

Test(batch, has_room_until_a_maximal_turn_does_not_fit) {
    batch_t *batch = batch_new(0);
    batch->records_bytes = (uint32_t)(BATCH_RECORDS_BYTES - TURN_RECORDS_BYTES_MAX);
    batch->effects_bytes = (uint32_t)(BATCH_EFFECTS_BYTES - TURN_EFFECTS_BYTES_MAX);
    cr_assert(batch_has_room(batch));
    batch->records_bytes++;
    cr_assert_not(batch_has_room(batch));
    batch->records_bytes--;
    batch->effects_bytes++;
    cr_assert_not(batch_has_room(batch));
    batch_destroy(&batch);
}

Test(batch, reset_empties_all_but_the_shard_and_the_buffers) {
    batch_t *batch = batch_new(5);
    const uint8_t *records = batch->records, *effects = batch->effects;
    batch_put(batch, span_text("k"), span_text("v"));
    batch->effects_bytes = batch->effect_count = batch->finished_count = 1;
    batch->number = batch->memtable_bytes = 9;
    batch->probe = true;
    batch_reset(batch);
    cr_assert(batch->records == records && batch->effects == effects && batch->shard == 5);
    cr_assert(batch->records_bytes == 0 && batch->record_count == 0 && batch->number == 0);
    cr_assert(batch->effects_bytes == 0 && batch->effect_count == 0 && batch->finished_count == 0);
    cr_assert(batch->memtable_bytes == 0 && !batch->probe);
    batch_destroy(&batch);
}

Test(batch, arbitrary_bytes_never_take_the_reader_out_of_them) {
    uint64_t state = 1;
    for (int round = 0; round < 20000; round++) {
        uint8_t *bytes = malloc(40); /* on the heap, where a sanitizer sees a step too far */
        for (int i = 0; i < 40; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = (uint8_t)(state >> 60 < 12 ? state >> 62 : state >> 56); /* small numbers are likelier */
        }
        span_t rest = span_of(bytes, state % 41);
        size_t before = rest.len;
        log_record_t record;
        while (log_record_next(&rest, &record)) {
            cr_assert_lt(rest.len, before);
            before = rest.len;
        }
        free(bytes);
    }
}
