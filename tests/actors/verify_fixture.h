/* SPDX-License-Identifier: MIT */
/*
 * verify_fixture: verify on a view_fixture, of one shard, and what it found as text: a line `class actor: problem` for
 * each finding, with ` *` behind it if it was repaired.
 */
#ifndef DORAN_TESTS_ACTORS_VERIFY_FIXTURE_H
#define DORAN_TESTS_ACTORS_VERIFY_FIXTURE_H

#include "actors/verify.h"
#include "schemas/list.h"
#include "tests/actors/thing.h"

static const kind_t kind_plain = {.name = "plain"}; /* keeps no state */

static inline const kind_t *verify_kind_of(span_t name) {
    return span_equal(name, span_text("thing"))   ? &kind_thing
           : span_equal(name, span_text("plain")) ? &kind_plain
                                                  : kind_of(name);
}

typedef struct verify_result {
    char text[65536];
    size_t len;
    uint32_t findings, slices;
    uint64_t checked, most_checked; /* in all; in one slice */
    uint64_t uncounted, omitted;
} verify_result_t;

static inline void verify_note(verify_result_t *self, const verify_finding_t *finding) {
    self->findings++;
    self->len +=
        (size_t)snprintf(self->text + self->len, sizeof self->text - self->len, "%.*s %.*s: %.*s%s\n",
                         (int)finding->class.len, finding->class.ptr, (int)finding->actor.len, finding->actor.ptr,
                         (int)finding->problem.len, finding->problem.ptr, finding->repaired ? " *" : "");
    self->len = self->len < sizeof self->text ? self->len : sizeof self->text - 1;
}

/* One slice; cursor moves. False: it was the last of its partition. */
static inline bool verify_one(view_fixture_t *fixture, bool rebuild, uint8_t partition, uint8_t *cursor, size_t *bytes,
                              verify_result_t *result) {
    static token_t tokens[ELEMENTS_MAX], reply_tokens[ELEMENTS_MAX];
    static uint8_t room[VERIFY_REPLY_BYTES];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX},
           reply_tape = {.tokens = reply_tokens, .capacity = ELEMENTS_MAX};
    verify_t verify = {.view = &fixture->view,
                       .writer = rebuild ? &fixture->writer : NULL,
                       .tape = &tape,
                       .kind_of = verify_kind_of,
                       .place = {.shard = 0, .shards = 1}};
    verify_request_t asked = {0};
    verify_reply_t reply;
    verify_finding_t finding;
    list_t findings;
    pack_t pack = pack_into(room, sizeof room);
    FIELD_SET(verify_request, &asked, partition, partition);
    if (*bytes > 0) {
        FIELD_SET(verify_request, &asked, cursor, span_of(cursor, *bytes));
    }
    cr_assert_eq(verify_slice(&verify, &asked, &pack), STATUS_OK);
    cr_assert_eq(tape_read_whole(&reply_tape, pack_bytes(&pack)), STATUS_OK);
    cr_assert_eq(record_decode(&record_verify_reply, &reply_tape, 0, FROM_WIRE, &reply, NULL), STATUS_OK);
    list_open(&findings, &record_verify_finding, reply.findings);
    while (list_next(&findings, &finding)) {
        verify_note(result, &finding);
    }
    result->slices++;
    result->checked += reply.checked;
    result->most_checked = reply.checked > result->most_checked ? reply.checked : result->most_checked;
    result->uncounted += reply.uncounted;
    result->omitted += reply.omitted;
    *bytes = FIELD_HAS(verify_reply, &reply, cursor) ? reply.cursor.len : 0;
    if (*bytes > 0) {
        memcpy(cursor, reply.cursor.ptr, *bytes);
    }
    return *bytes > 0;
}

static inline void verify_partition(view_fixture_t *fixture, bool rebuild, uint8_t partition, verify_result_t *result) {
    uint8_t cursor[LMDB_KEY_BYTES_MAX + 1];
    size_t bytes = 0;
    while (verify_one(fixture, rebuild, partition, cursor, &bytes, result)) {
    }
}

static inline void verify_all(view_fixture_t *fixture, bool rebuild, verify_result_t *result) {
    *result = (verify_result_t){0};
    for (uint32_t partition = 0; partition < PARTITIONS; partition++) {
        verify_partition(fixture, rebuild, (uint8_t)partition, result);
    }
}

#endif
