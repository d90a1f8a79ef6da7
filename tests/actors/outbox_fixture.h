/* SPDX-License-Identifier: MIT */
/*
 * outbox_fixture: the outbox of one shard over a view_fixture, with what its tests say often. What it sends is read
 * from the batch's effects and remembered as numbers.
 */
#ifndef DORAN_TESTS_ACTORS_OUTBOX_FIXTURE_H
#define DORAN_TESTS_ACTORS_OUTBOX_FIXTURE_H

#include "actors/cell.h"
#include "actors/effect.h"
#include "actors/outbox.h"
#include "actors/store_key.h"
#include "schemas/address.h"
#include "tests/actors/view_fixture.h"

enum { FROM = 9, SENT_MAX = 4096 };

static const kind_t probe_kind = {.name = "probe"};
static const kind_t other_kind = {.name = "other"};
static const uint8_t folder[FOLDER_ID_BYTES] = {0xf0, 0xf1, 0xf2, 0xf3};

static view_fixture_t fixture;
static outbox_t *outbox;
static uint64_t now_us;
static uint64_t sent[SENT_MAX]; /* numbers since sent_count was set to 0 */
static uint32_t sent_count;
static char told[512]; /* the last that was told; "": nothing */
static uint32_t told_count;
static uint32_t streams_max = 1000;

static inline const kind_t *kind_of_test(span_t name) {
    return span_equal(name, span_text("probe"))   ? &probe_kind
           : span_equal(name, span_text("other")) ? &other_kind
                                                  : NULL;
}

static inline void tell_test(span_t kind, span_t key, const char *what) {
    cr_assert_null(key.ptr);
    snprintf(told, sizeof told, "%.*s: %s", (int)kind.len, (const char *)kind.ptr, what);
    told_count++;
}

static inline void open_outbox(void) {
    cr_assert_eq(outbox_open(&(outbox_options_t){.view = &fixture.view,
                                                 .folder = folder,
                                                 .shard = FROM % 3,
                                                 .shards = 3,
                                                 .streams_max = streams_max,
                                                 .kind_of = kind_of_test,
                                                 .tell = tell_test},
                             &outbox),
                 STATUS_OK);
    outbox_check(outbox);
}

static inline void setup(void) {
    now_us = 1000000000;
    view_fixture_open(&fixture);
    open_outbox();
}

static inline void teardown(void) {
    outbox_check(outbox);
    outbox_close(&outbox);
    cr_assert_null(outbox);
    outbox_close(&outbox);
    view_fixture_close(&fixture);
}

/* Reads what was sent, and empties the effects. */
static inline void collect(void) {
    static token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    span_t rest = span_of(fixture.batch->effects, fixture.batch->effects_bytes), bytes, chain;
    effect_t effect;
    envelope_t envelope;
    size_t consumed;
    stream_t stream;
    while (effect_next(&rest, &effect, &bytes)) {
        cr_assert_eq(effect.type, EFFECT_SEND);
        cr_assert_eq(envelope_decode(&envelope, &tape, bytes, &consumed), STATUS_OK);
        cr_assert_eq(stream_read(&stream, &chain, kind_of_test, envelope.stream), STATUS_OK);
        cr_assert(stream.from == FROM && stream.to == address_partition(envelope.kind, envelope.key));
        cr_assert_lt(sent_count, (uint32_t)SENT_MAX);
        sent[sent_count++] = stream.number;
    }
    fixture.batch->effects_bytes = fixture.batch->effect_count = 0;
    outbox_check(outbox);
}

static inline void pump(void) {
    outbox_pump(outbox, fixture.batch, now_us);
    collect();
}

/* Everything durable is in the store, everything in memory is gone. */
static inline void restart(void) {
    view_fixture_apply(&fixture);
    outbox_close(&outbox);
    open_outbox();
}

static inline message_t message_to(const char *key) {
    return (message_t){.from = FROM,
                       .kind = &probe_kind,
                       .key = span_text(key),
                       .method = span_text("take"),
                       .hops = 1,
                       .chain = span_text("\x91\xa7probe/a"),
                       .body = span_text("\x80")};
}

static inline void add(const char *key, uint32_t count) {
    message_t message = message_to(key);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_eq(outbox_prepare(outbox, FROM, &probe_kind, message.key), STATUS_OK);
        outbox_add(outbox, &fixture.writer, &message, now_us);
    }
    collect();
}

static inline uint8_t partition_of(const char *key) {
    return address_partition(span_text("probe"), span_text(key));
}

static inline void acknowledge(const char *key, uint64_t number, bool failed) {
    stream_ack_t ack = {.stream = {.from = FROM, .to = partition_of(key), .kind = &probe_kind, .number = number},
                        .failed = failed};
    memcpy(ack.stream.folder, folder, sizeof folder);
    writer_mark(&fixture.writer);
    outbox_acknowledge(outbox, &fixture.writer, &ack, now_us);
    collect();
}

static inline store_key_t row_of(const char *key, uint64_t number) {
    store_key_t row;
    store_key_outbox(&row, FROM, span_text("probe"), partition_of(key), number);
    return row;
}

static inline store_key_t mark_of(const char *key) {
    store_key_t mark;
    store_key_acknowledged(&mark, FROM, span_text("probe"), partition_of(key));
    return mark;
}

/* first, first + 1, … last were sent, and nothing else. */
static inline void assert_sent(uint64_t first, uint64_t last) {
    cr_assert_eq(sent_count, last + 1 - first, "%u sent", sent_count);
    for (uint32_t i = 0; i < sent_count; i++) {
        cr_assert_eq(sent[i], first + i, "%lu as number %u", (unsigned long)sent[i], i);
    }
    sent_count = 0;
}

static inline void assert_sent_none(void) {
    cr_assert_eq(sent_count, 0, "%u sent", sent_count);
}

#endif
