/* SPDX-License-Identifier: MIT */
/*
 * What may stand in a store after rot, a bug or a newer release: any bytes. The first byte chooses the way in:
 *
 *   even   the rest is a value: a cell opens or does not. Behind a right header the rest is a body that does
 *   odd    the rest is a stored user: an activation takes it or refuses it. What it took is encoded and taken again,
 * and is the same; what it refused changed nothing. Then it is shown
 */
#include "actors/activation.h"
#include "actors/cell.h"
#include "actors/runtime.h"
#include "schemas/records.h"

enum { TOKENS = 512, INPUT_BYTES_MAX = 4096, RESIDENT_MAX = 4 };

static token_t tokens[TOKENS];
static tape_t tape = {.tokens = tokens, .capacity = TOKENS};

static void check_cell(span_t bytes) {
    static uint8_t sealed[CELL_HEADER_BYTES + INPUT_BYTES_MAX];
    cell_t cell;
    span_t key = span_of(bytes.ptr, bytes.len < 8 ? bytes.len : 8);
    if (cell_open(&cell, key, bytes)) {
        CHECK(cell.body.ptr == bytes.ptr + CELL_HEADER_BYTES, "a body that begins elsewhere");
        CHECK(cell.body.len == bytes.len - CELL_HEADER_BYTES, "%zu of %zu bytes", cell.body.len, bytes.len);
    }
    memcpy(sealed + CELL_HEADER_BYTES, bytes.ptr, bytes.len);
    cell_seal(sealed, key, 7, 99, bytes.len);
    bool opened = cell_open(&cell, key, span_of(sealed, CELL_HEADER_BYTES + bytes.len));
    CHECK(opened && cell.version == 99 && cell.schema_version == 7, "what was sealed does not open");
    CHECK(span_equal(cell.body, bytes), "another body");
}

static span_t encoded(const activation_t *activation, uint8_t *bytes, size_t capacity) {
    pack_t pack = pack_into(bytes, capacity);
    record_encode(&record_user, activation->state, &pack);
    CHECK(pack_ok(&pack), "longer than what it was read from");
    return pack_bytes(&pack);
}

static void check_taken(activations_t *activations, span_t key, const activation_t *activation) {
    static uint8_t once[2 * INPUT_BYTES_MAX], twice[2 * INPUT_BYTES_MAX];
    const activation_t *again;
    span_t first = encoded(activation, once, sizeof once);
    status_t status = activations_set(activations, key, &record_user, 3, first, &tape, 3, &again);
    CHECK(status == STATUS_OK, "its own encoding is refused");
    CHECK(span_equal(first, encoded(again, twice, sizeof twice)), "one record, two forms");
    CHECK(activations_find(activations, key, 4) == again, "not found");
}

static void check_shown(span_t body) {
    static uint8_t reply[4 * INPUT_BYTES_MAX];
    pack_t pack = pack_into(reply, sizeof reply);
    cell_t cell = {.version = 1, .body = body};
    if (runtime_show(&record_user, &cell, &tape, &pack) == STATUS_OK) {
        CHECK(pack_ok(&pack), "%zu bytes shown", pack.len);
    }
}

static void check_activation(span_t body) {
    activations_t *activations = activations_new(RESIDENT_MAX);
    const activation_t *activation = NULL;
    span_t key = span_text("key");
    if (activations_set(activations, key, &record_user, 2, body, &tape, 1, &activation) == STATUS_OK) {
        CHECK(activation->version == 2 && span_equal(activation->body, body), "another body");
        check_taken(activations, key, activation);
    } else {
        CHECK(activation == NULL && activations_count(activations) == 0, "a refused record is in memory");
    }
    check_shown(body);
    activations_destroy(&activations);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    if (len > 1 && len <= INPUT_BYTES_MAX) {
        span_t rest = span_of(bytes + 1, len - 1);
        bytes[0] % 2 == 0 ? check_cell(rest) : check_activation(rest);
    }
    return 0;
}
