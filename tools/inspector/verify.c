/* SPDX-License-Identifier: MIT */
/*
 * verify: asks the server to look at what it stores, partition by partition, slice by slice (schemas/broker.def); it
 * goes on serving in between. Every shard answers, one of them has something to say. Findings are printed as they come.
 */
#include <inttypes.h>
#include <stdio.h>

#include "schemas/list.h"
#include "schemas/records.h"
#include "tools/inspector/connect.h"
#include "tools/inspector/output.h"

enum { REQUEST_BYTES = LMDB_KEY_BYTES_MAX + 64, CURSOR_BYTES_MAX = LMDB_KEY_BYTES_MAX + 1 };

typedef struct examination {
    const arguments_t *arguments;
    doran_t *server;
    uint64_t partition;
    uint8_t cursor[CURSOR_BYTES_MAX];
    size_t cursor_bytes; /* 0: the partition is new, or done */
    bool answered;       /* by the shard of the partition */
    bool malformed;
    char text[256]; /* of the error that a shard answered */
    uint64_t checked, findings, repaired, uncounted;
} examination_t;

static span_t shown(span_t text, const char *absent) {
    return text.len > 0 ? text : span_text(absent);
}

static void print_finding(examination_t *self, const verify_finding_t *finding) {
    self->findings++;
    self->repaired += finding->repaired;
    if (self->arguments->json) {
        json_t *line =
            json_pack("{s:s, s:i, s:s%, s:s%, s:s%, s:b}", "file", "lmdb/data.mdb", "offset", 0, "actor",
                      finding->actor.ptr, finding->actor.len, "problem", finding->problem.ptr, finding->problem.len,
                      "class", finding->class.ptr, finding->class.len, "repaired", (int)finding->repaired);
        CHECK(line != NULL, "out of memory");
        output_line(line);
        json_decref(line);
    } else {
        span_t actor = shown(finding->actor, "-");
        printf("%.*s  %.*s: %.*s%s\n", (int)actor.len, (const char *)actor.ptr, (int)finding->class.len,
               (const char *)finding->class.ptr, (int)finding->problem.len, (const char *)finding->problem.ptr,
               finding->repaired ? " (repaired)" : "");
    }
}

static void take_findings(examination_t *self, const verify_reply_t *reply) {
    verify_finding_t finding;
    list_t findings;
    list_open(&findings, &record_verify_finding, reply->findings);
    while (list_next(&findings, &finding)) {
        print_finding(self, &finding);
    }
    self->findings += reply->omitted;
    self->checked += reply->checked;
    self->uncounted += reply->uncounted;
}

static void take_answer(void *context, const doran_reply_t *answer) {
    examination_t *self = context;
    token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    verify_reply_t reply;
    if (answer->code != DORAN_OK) {
        snprintf(self->text, sizeof self->text, "%s", answer->text);
        return;
    }
    if (tape_read_whole(&tape, span_of(answer->body, answer->body_bytes)) != STATUS_OK ||
        record_decode(&record_verify_reply, &tape, 0, FROM_WIRE, &reply, NULL) != STATUS_OK) {
        self->malformed = true;
        return;
    }
    if (self->partition % reply.shards != reply.shard) {
        return;
    }
    self->answered = true;
    take_findings(self, &reply);
    self->cursor_bytes = FIELD_HAS(verify_reply, &reply, cursor) ? reply.cursor.len : 0;
    if (self->cursor_bytes > 0) {
        memcpy(self->cursor, reply.cursor.ptr, reply.cursor.len);
    }
}

/* One slice. Returns the exit code. */
static int ask(examination_t *self) {
    uint8_t bytes[REQUEST_BYTES];
    pack_t pack = pack_into(bytes, sizeof bytes);
    verify_request_t request = {0};
    const char *method = self->arguments->rebuild ? "rebuild" : "verify";
    FIELD_SET(verify_request, &request, partition, self->partition);
    if (self->cursor_bytes > 0) {
        FIELD_SET(verify_request, &request, cursor, span_of(self->cursor, self->cursor_bytes));
    }
    record_encode(&record_verify_request, &request, &pack);
    CHECK(pack_ok(&pack), "%d bytes are too few", REQUEST_BYTES);
    self->answered = false;
    doran_code_t code = doran_query(self->server, "broker", method, bytes, pack.len, arguments_timeout(self->arguments),
                                    take_answer, self);
    if (code != DORAN_OK) {
        return connect_problem(method, code, self->text);
    }
    if (self->malformed || !self->answered) {
        output_problem("%s: an answer makes no sense to this version of the program", method);
        return ERROR_ANSWERED;
    }
    return DONE;
}

static int examine(examination_t *self) {
    int code = DONE;
    for (self->partition = 0; code == DONE && self->partition < PARTITIONS; self->partition++) {
        do {
            code = ask(self);
        } while (code == DONE && self->cursor_bytes > 0);
    }
    return code;
}

static void summarise(const examination_t *self) {
    printf("%" PRIu64 " rows checked, %" PRIu64 " problems found, %" PRIu64 " repaired\n", self->checked,
           self->findings, self->repaired);
    if (self->uncounted > 0) {
        printf("the keys of %" PRIu64 " ranges are too many to be counted while the server runs\n", self->uncounted);
    }
}

int command_verify(const arguments_t *arguments) {
    examination_t self = {.arguments = arguments};
    if (arguments->rebuild && !arguments->write) {
        output_problem("verify --rebuild changes what is stored; allow it with --write");
        return REFUSED;
    }
    self.server = connect_server(arguments);
    if (self.server == NULL) {
        return NOT_REACHED;
    }
    int code = examine(&self);
    doran_close(&self.server);
    if (code == DONE && !arguments->json) {
        summarise(&self);
    }
    return code == DONE && self.findings > 0 ? DAMAGED : code;
}
