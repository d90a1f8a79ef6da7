/* SPDX-License-Identifier: MIT */
/*
 * Answers of idempotency keys. Their rows stand in the order of actors, since they are found by these, so the sweep
 * reads them all; of those that do not seem to have expired it reads the first bytes only.
 */
#include "actors/idempotency.h"

#include <sodium.h>

#include "actors/cell.h"
#include "actors/store_key.h"
#include "schemas/envelope.h"
#include "schemas/tape.h"
#include "storage/little_endian.h"

enum { /* of a row's body */
       EXPIRES_AT = 0,
       ASKED_AT = EXPIRES_AT + 8,
       ANSWER_AT = ASKED_AT + IDEMPOTENCY_BYTES,
};

struct idempotency {
    const view_t *view;
    uint8_t hash_key[KEYED_HASH_BYTES];
    uint8_t asked[IDEMPOTENCY_BYTES]; /* of the request that was checked last */
    store_key_t next;                 /* where the sweep goes on; empty: with another partition */
    uint8_t *scratch;                 /* a row being built */
};

idempotency_t *idempotency_new(const view_t *view, const uint8_t hash_key[KEYED_HASH_BYTES]) {
    idempotency_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->view = view;
    memcpy(self->hash_key, hash_key, sizeof self->hash_key);
    self->scratch = malloc(CELL_HEADER_BYTES + ANSWER_AT + 1 + ENVELOPE_BYTES_MAX);
    CHECK(self->scratch != NULL, "out of memory");
    return self;
}

void idempotency_destroy(idempotency_t **self_p) {
    idempotency_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    sodium_memzero(self->hash_key, sizeof self->hash_key);
    free(self->scratch);
    free(self);
    *self_p = NULL;
}

/* A map with * for what is secret: of a password nothing is kept that could be tried against guesses faster than its
   own hash. So it may differ between two requests that are taken for one. */
static void hash_body(crypto_generichash_state *state, const record_t *record, span_t body) {
    token_t tokens[TAPE_TOP_TOKENS];
    tape_t tape = {.tokens = tokens, .capacity = TAPE_TOP_TOKENS};
    size_t consumed;
    if (tape_read_top(&tape, body, &consumed) != STATUS_OK || tokens[0].type != TOKEN_MAP) {
        crypto_generichash_update(state, body.ptr, body.len); /* the turn will refuse it */
        return;
    }
    for (uint32_t key = 1; key < tape.count; key = tokens[key + 1].next) {
        bool shown = record_printable(record, token_span(&tokens[key])) != NULL;
        span_t name = tape_raw(&tape, key), value = shown ? tape_raw(&tape, key + 1) : span_text("*");
        crypto_generichash_update(state, name.ptr, name.len);
        crypto_generichash_update(state, value.ptr, value.len);
    }
}

/* Purpose, method, body. */
static void hash_asked(idempotency_t *self, const request_t *request) {
    static const char purpose[] = "idempotency";
    const char *method = request->method->name;
    crypto_generichash_state state;
    crypto_generichash_init(&state, self->hash_key, KEYED_HASH_BYTES, sizeof self->asked);
    crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof purpose);
    crypto_generichash_update(&state, (const uint8_t *)method, strlen(method) + 1);
    hash_body(&state, request->method->request, request->body);
    crypto_generichash_final(&state, self->asked, sizeof self->asked);
}

/* Rows */

bool idempotency_row_read(idempotency_row_t *self, span_t body) {
    if (body.len < ANSWER_AT) {
        return false;
    }
    self->expires_ms = little_endian_get_u64(body.ptr + EXPIRES_AT);
    self->asked = span_of(body.ptr + ASKED_AT, IDEMPOTENCY_BYTES);
    return answer_read(&self->answer, span_of(body.ptr + ANSWER_AT, body.len - ANSWER_AT));
}

/* expires_ms 0: there is none. */
static status_t read_row(const idempotency_t *self, const store_key_t *key, idempotency_row_t *row) {
    span_t value;
    cell_t cell;
    status_t status = view_get(self->view, store_key_span(key), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        row->expires_ms = 0;
        return status;
    }
    return cell_open(&cell, store_key_span(key), value) && idempotency_row_read(row, cell.body) ? STATUS_OK
                                                                                                : STATUS_INTERNAL;
}

static void write_row(idempotency_t *self, writer_t *writer, const store_key_t *key, const idempotency_row_t *row) {
    uint8_t *body = self->scratch + CELL_HEADER_BYTES;
    little_endian_put_u64(body + EXPIRES_AT, row->expires_ms);
    memcpy(body + ASKED_AT, row->asked.ptr, IDEMPOTENCY_BYTES);
    size_t bytes = ANSWER_AT + answer_write(&row->answer, body + ANSWER_AT);
    cell_seal(self->scratch, store_key_span(key), 0, 0, bytes);
    writer_put(writer, store_key_span(key), span_of(self->scratch, CELL_HEADER_BYTES + bytes));
}

static void key_of(store_key_t *key, const request_t *request, const uint8_t hash[IDEMPOTENCY_BYTES]) {
    store_key_idempotency(key, request->partition, span_text(request->kind->name), request->key, hash);
}

status_t idempotency_check(idempotency_t *self, const request_t *request, uint64_t now_ms,
                           idempotency_verdict_t *verdict, answer_t *kept) {
    store_key_t key;
    idempotency_row_t row;
    CHECK(request->has_idempotency, "%s of %s has no idempotency key", request->method->name, request->kind->name);
    hash_asked(self, request);
    key_of(&key, request, request->idempotency);
    *verdict = IDEMPOTENCY_NEW;
    status_t status = read_row(self, &key, &row);
    if (status != STATUS_OK || row.expires_ms <= now_ms) {
        return status;
    }
    if (memcmp(row.asked.ptr, self->asked, sizeof self->asked) != 0) {
        *verdict = IDEMPOTENCY_MISMATCH;
    } else {
        *verdict = row.answer.type == 0 ? IDEMPOTENCY_PENDING : IDEMPOTENCY_KEPT;
        *kept = row.answer;
    }
    return STATUS_OK;
}

void idempotency_keep(idempotency_t *self, writer_t *writer, const request_t *request, uint64_t expires_ms,
                      const answer_t *answer) {
    store_key_t key;
    key_of(&key, request, request->idempotency);
    write_row(self, writer, &key,
              &(idempotency_row_t){
                  .expires_ms = expires_ms, .asked = span_of(self->asked, sizeof self->asked), .answer = *answer});
}

/* A key that was used anew has a later time than the promise knows. */
status_t idempotency_settle(idempotency_t *self, writer_t *writer, const request_t *request, const hold_t *hold,
                            const answer_t *answer) {
    store_key_t key;
    idempotency_row_t row;
    CHECK(hold->expires_ms > 0 && answer->type != 0, "type %u", answer->type);
    key_of(&key, request, hold->idempotency);
    status_t status = read_row(self, &key, &row);
    if (status != STATUS_OK || row.expires_ms != hold->expires_ms || row.answer.type != 0) {
        return status;
    }
    if (answer->type == ENVELOPE_ERROR) {
        writer_delete(writer, store_key_span(&key));
    } else {
        row.answer = *answer;
        write_row(self, writer, &key, &row);
    }
    return STATUS_OK;
}

/* The sweep */

static bool expired(span_t key, span_t value, uint64_t now_ms) {
    cell_t cell;
    return value.len >= CELL_HEADER_BYTES + ANSWER_AT && key.len <= STORE_KEY_BYTES_MAX &&
           little_endian_get_u64(value.ptr + CELL_HEADER_BYTES + EXPIRES_AT) <= now_ms && cell_open(&cell, key, value);
}

/* The first key behind this one. */
static void go_on_behind(idempotency_t *self, span_t key) {
    size_t len = key.len < STORE_KEY_BYTES_MAX ? key.len : STORE_KEY_BYTES_MAX - 1;
    memcpy(self->next.bytes, key.ptr, len);
    self->next.bytes[len] = 0;
    self->next.len = len + 1;
}

bool idempotency_sweep(idempotency_t *self, writer_t *writer, uint8_t partition, uint64_t now_ms) {
    store_key_t doomed[IDEMPOTENCY_SWEPT_MAX], class, end;
    uint32_t looked_at = 0, count = 0;
    span_t key, value;
    view_walk_t walk;
    store_key_class(&class, partition, 'k');
    store_key_after(&end, &class);
    bool goes_on = self->next.len > 0 && self->next.bytes[0] == partition;
    view_walk_start(&walk, self->view, store_key_span(goes_on ? &self->next : &class), store_key_span(&end));
    self->next.len = 0;
    while (self->next.len == 0 && view_walk_next(&walk, &key, &value)) {
        if (expired(key, value, now_ms)) {
            doomed[count].len = key.len;
            memcpy(doomed[count++].bytes, key.ptr, key.len);
        }
        if (++looked_at == IDEMPOTENCY_LOOKED_AT_MAX || count == IDEMPOTENCY_SWEPT_MAX) {
            go_on_behind(self, key);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        writer_delete(writer, store_key_span(&doomed[i]));
    }
    return self->next.len == 0;
}
