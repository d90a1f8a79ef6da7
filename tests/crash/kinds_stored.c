/* SPDX-License-Identifier: MIT */
/*
 * stored: what is left in the store when all is quiet: no message between actors on its way, no timer overdue, no dead
 * letter, and every row as `verify` wants it. Comes last: the others wait until what they asked for has happened.
 */
#include <inttypes.h>

#include "tests/crash/trial.h"

enum {
    QUIET_MS = 30000, /* until streams are empty */
    STEP_MS = 50,
    OVERDUE_MS = 5000,
    PAGE = 100,
};

static const char who[] = "stored";

typedef struct stored {
    trial_t *trial;
    uint64_t partition; /* under examination */
    uint8_t cursor[LMDB_KEY_BYTES_MAX + 1];
    size_t cursor_bytes; /* 0: the partition is done */
    bool answered;
    uint64_t checked, waiting, timers;
    bool say; /* what is still on its way */
} stored_t;

static void *create(trial_t *trial) {
    stored_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->trial = trial;
    return self;
}

/* verify */

static void take_verified(void *context, const doran_reply_t *answer) {
    stored_t *self = context;
    verify_reply_t reply;
    verify_finding_t finding;
    list_t list;
    if (answer->code != DORAN_OK ||
        !trial_read(self->trial, answer->body, answer->body_bytes, &record_verify_reply, &reply) ||
        self->partition % reply.shards != reply.shard) {
        return;
    }
    self->answered = true;
    self->checked += reply.checked;
    list_open(&list, &record_verify_finding, reply.findings);
    while (list_next(&list, &finding)) {
        trial_fail(self->trial, who, "%.*s of %.*s: %.*s", (int)finding.class.len, (const char *)finding.class.ptr,
                   (int)finding.actor.len, (const char *)finding.actor.ptr, (int)finding.problem.len,
                   (const char *)finding.problem.ptr);
    }
    self->cursor_bytes = FIELD_HAS(verify_reply, &reply, cursor) ? reply.cursor.len : 0;
    if (self->cursor_bytes > 0) {
        memcpy(self->cursor, reply.cursor.ptr, reply.cursor.len);
    }
}

/* One slice. */
static bool verify_slice(stored_t *self) {
    verify_request_t request = {0};
    FIELD_SET(verify_request, &request, partition, self->partition);
    if (self->cursor_bytes > 0) {
        FIELD_SET(verify_request, &request, cursor, span_of(self->cursor, self->cursor_bytes));
    }
    self->answered = false;
    if (!trial_query(self->trial, "broker", "verify", &record_verify_request, &request, take_verified, self)) {
        return false;
    }
    if (!self->answered) {
        trial_fail(self->trial, who, "no shard has partition %" PRIu64, self->partition);
    }
    return self->answered;
}

static void verify(stored_t *self) {
    bool good = true;
    for (self->partition = 0; good && self->partition < PARTITIONS; self->partition++) {
        do {
            good = verify_slice(self);
        } while (good && self->cursor_bytes > 0);
    }
}

/* What waits */

static void take_streams(void *context, const doran_reply_t *answer) {
    stored_t *self = context;
    streams_reply_t reply;
    stream_item_t item;
    list_t list;
    if (answer->code != DORAN_OK ||
        !trial_read(self->trial, answer->body, answer->body_bytes, &record_streams_reply, &reply)) {
        return;
    }
    list_open(&list, &record_stream_item, reply.items);
    while (list_next(&list, &item)) {
        self->waiting += item.waiting;
        if (self->say) {
            trial_fail(self->trial, who,
                       "%" PRIu64 " messages from partition %" PRIu64 " to %.*s in %" PRIu64 " do not arrive",
                       item.waiting, item.from, (int)item.kind.len, (const char *)item.kind.ptr, item.to);
        }
    }
}

static void take_timers(void *context, const doran_reply_t *answer) {
    stored_t *self = context;
    timers_reply_t reply;
    timer_item_t item;
    list_t list;
    if (answer->code != DORAN_OK ||
        !trial_read(self->trial, answer->body, answer->body_bytes, &record_timers_reply, &reply)) {
        return;
    }
    list_open(&list, &record_timer_item, reply.items);
    while (list_next(&list, &item)) {
        self->timers++;
        if (item.when + OVERDUE_MS < trial_wall_ms()) {
            trial_fail(self->trial, who, "a timer %.*s of %.*s/%.*s has been due for %" PRIu64 " ms",
                       (int)item.method.len, (const char *)item.method.ptr, (int)item.kind.len,
                       (const char *)item.kind.ptr, (int)item.key.len, (const char *)item.key.ptr,
                       trial_wall_ms() - item.when);
        }
    }
}

static void take_dead_letters(void *context, const doran_reply_t *answer) {
    stored_t *self = context;
    dead_letters_reply_t reply;
    dead_letter_item_t item;
    list_t list;
    if (answer->code != DORAN_OK ||
        !trial_read(self->trial, answer->body, answer->body_bytes, &record_dead_letters_reply, &reply)) {
        return;
    }
    list_open(&list, &record_dead_letter_item, reply.items);
    while (list_next(&list, &item)) {
        trial_fail(self->trial, who, "a dead letter: %.*s of %.*s: %.*s", (int)item.method.len,
                   (const char *)item.method.ptr, (int)item.address.len, (const char *)item.address.ptr,
                   (int)item.text.len, (const char *)item.text.ptr);
    }
}

static bool ask_rows(stored_t *self, const char *method, doran_done_fn each) {
    rows_request_t request = {0};
    FIELD_SET(rows_request, &request, limit, PAGE);
    return trial_query(self->trial, "broker", method, &record_rows_request, &request, each, self);
}

static bool count_streams(stored_t *self, bool say) {
    self->waiting = 0;
    self->say = say;
    return ask_rows(self, "streams", take_streams);
}

static void wait_for_streams(stored_t *self) {
    bool good = count_streams(self, false);
    for (uint32_t ms = 0; good && self->waiting > 0 && ms < QUIET_MS; ms += STEP_MS) {
        trial_run(self->trial, STEP_MS);
        good = count_streams(self, false);
    }
    if (good && self->waiting > 0) {
        (void)count_streams(self, true);
    }
}

static void judge(void *context) {
    stored_t *self = context;
    wait_for_streams(self);
    (void)ask_rows(self, "timers", take_timers);
    (void)ask_rows(self, "dead_letters", take_dead_letters);
    verify(self);
}

static void tell(const void *context, char *line, size_t line_bytes) {
    const stored_t *self = context;
    snprintf(line, line_bytes, "%" PRIu64 " rows verified, the first %" PRIu64 " timers looked at", self->checked,
             self->timers);
}

static void destroy(void *context) {
    free(context);
}

const check_t check_stored = {.name = "stored", .create = create, .judge = judge, .tell = tell, .destroy = destroy};
