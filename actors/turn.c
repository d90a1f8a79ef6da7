/* SPDX-License-Identifier: MIT */
/*
 * A turn writes into the batch and the memtable at once, so that it reads what it wrote by the ordinary read path; a
 * turn that fails is undone there. The head record is written last, by turn_commit.
 */
#include "actors/turn_run.h"

#include <sodium.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "actors/cell.h"
#include "actors/store_key.h"

void turn_init(turn_t *self, const turn_parts_t *parts) {
    memset(self, 0, sizeof *self);
    self->parts = *parts;
    self->arena =
        mmap(NULL, TURN_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(self->arena != MAP_FAILED, "out of memory");
}

void turn_fini(turn_t *self) {
    munmap(self->arena, TURN_ARENA_BYTES);
}

void turn_begin(turn_t *self, const request_t *request, uint64_t now_ms) {
    const batch_t *batch = self->parts.writer->batch;
    self->request = request;
    self->now_ms = now_ms;
    self->version = 0;
    self->state = self->reply = self->chain = (span_t){0};
    self->ended = self->held = false;
    self->flags = 0;
    self->send_count = self->answer_count = self->events = self->works = self->writes = 0;
    self->bytes = 0;
    self->failure = STATUS_OK;
    self->retry_after_ms = 0;
    self->detail[0] = self->pointer[0] = 0;
    self->arena_used = 0;
    self->effects_bytes = batch->effects_bytes;
    self->effect_count = batch->effect_count;
    writer_mark(self->parts.writer);
    if (request->type == REQUEST_TIMER) {
        timers_remove(self->parts.writer, self->timer);
    }
}

void turn_abort(turn_t *self) {
    batch_t *batch = self->parts.writer->batch;
    batch->effects_bytes = self->effects_bytes;
    batch->effect_count = self->effect_count;
    writer_rollback(self->parts.writer);
}

void *turn_alloc(turn_t *self, size_t bytes) {
    bytes = (bytes + 15) & ~(size_t)15;
    CHECK(bytes <= TURN_ARENA_BYTES - self->arena_used, "%zu bytes behind %zu", bytes, self->arena_used);
    void *memory = self->arena + self->arena_used;
    self->arena_used += bytes;
    return memory;
}

status_t turn_charge(turn_t *self, uint32_t writes, size_t bytes) {
    if (writes > TURN_WRITES_MAX - self->writes || bytes > TURN_BYTES_MAX - self->bytes) {
        return STATUS_TOO_LARGE;
    }
    self->writes += writes;
    self->bytes += bytes;
    return STATUS_OK;
}

status_t turn_encode(turn_t *self, const record_t *record, const void *in, size_t max, span_t *body) {
    size_t room = TURN_ARENA_BYTES - self->arena_used;
    if (room < CELL_HEADER_BYTES) {
        return STATUS_TOO_LARGE;
    }
    room -= CELL_HEADER_BYTES;
    uint8_t *at = self->arena + self->arena_used;
    pack_t pack = pack_into(at + CELL_HEADER_BYTES, max < room ? max : room);
    record_encode(record, in, &pack);
    if (!pack_ok(&pack)) {
        return STATUS_TOO_LARGE;
    }
    turn_alloc(self, CELL_HEADER_BYTES + pack.len);
    *body = pack_bytes(&pack);
    return STATUS_OK;
}

status_t turn_state(turn_t *self, const void *next) {
    const record_t *record = self->request->kind->state;
    CHECK(record != NULL && !self->ended, "%s keeps no state", self->request->kind->name);
    span_t body;
    status_t status = turn_encode(self, record, next, VALUE_BYTES_MAX, &body);
    if (status == STATUS_OK) {
        status = turn_charge(self, self->state.ptr == NULL ? 1 : 0, body.len);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (self->state.ptr == NULL) {
        self->version++;
    }
    self->state = body;
    return STATUS_OK;
}

status_t turn_end(turn_t *self) {
    CHECK(self->request->kind->state != NULL && self->version > 0, "%s has no head record", self->request->kind->name);
    self->ended = true;
    self->state = (span_t){0};
    return turn_charge(self, 1, 0);
}

/* A message that would be one hop too far: who is to read it finds the loop in its chain. */
static void bury(turn_t *self, const message_t *message) {
    char address[KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1];
    dead_letter_t letter = {0};
    snprintf(address, sizeof address, "%s/%.*s", message->kind->name, (int)message->key.len,
             (const char *)message->key.ptr);
    FIELD_SET(dead_letter, &letter, at, self->now_ms);
    FIELD_SET(dead_letter, &letter, address, span_text(address));
    FIELD_SET(dead_letter, &letter, method, message->method);
    FIELD_SET(dead_letter, &letter, code, span_text(status_code(STATUS_TOO_LARGE)));
    FIELD_SET(dead_letter, &letter, text, span_text("Too many messages caused one another; it was not sent"));
    FIELD_SET(dead_letter, &letter, attempts, 0);
    FIELD_SET(dead_letter, &letter, hops, message->hops);
    FIELD_SET(dead_letter, &letter, chain, message->chain);
    FIELD_SET(dead_letter, &letter, body, message->body);
    dead_letters_put(self->parts.dead_letters, self->parts.writer, message->from, &letter);
}

static void commit_head(turn_t *self, span_t head_key) {
    if (self->ended) {
        writer_delete(self->parts.writer, head_key);
    } else if (self->state.ptr != NULL) {
        uint8_t *cell = (uint8_t *)self->state.ptr - CELL_HEADER_BYTES; /* encode left room */
        cell_seal(cell, head_key, (uint16_t)self->request->kind->state->version, self->version, self->state.len);
        writer_put(self->parts.writer, head_key, span_of(cell, CELL_HEADER_BYTES + self->state.len));
    }
}

void turn_commit(turn_t *self, span_t head_key, uint64_t now_us) {
    commit_head(self, head_key);
    for (uint32_t i = 0; i < self->send_count; i++) {
        if (self->sends[i].hops > HOPS_MAX) {
            bury(self, &self->sends[i]);
        } else {
            outbox_add(self->parts.outbox, self->parts.writer, &self->sends[i], now_us);
        }
    }
}

static bool subkey_valid(span_t subkey) {
    return subkey.len >= 1 && subkey.len <= SUBKEY_BYTES_MAX;
}

static void sub(const turn_t *self, span_t subkey, store_key_t *key) {
    const request_t *request = self->request;
    store_key_sub(key, request->partition, span_text(request->kind->name), request->key, subkey);
}

status_t turn_get(turn_t *self, span_t subkey, span_t *value) {
    store_key_t key;
    span_t stored;
    cell_t cell;
    CHECK(subkey_valid(subkey), "%zu bytes", subkey.len);
    sub(self, subkey, &key);
    status_t status = view_get(self->parts.view, store_key_span(&key), &stored);
    if (status != STATUS_OK) {
        return status;
    }
    if (stored.ptr == NULL) {
        *value = (span_t){0};
        return STATUS_OK;
    }
    if (!cell_open(&cell, store_key_span(&key), stored)) {
        return STATUS_INTERNAL;
    }
    *value = cell.body;
    return STATUS_OK;
}

status_t turn_put(turn_t *self, span_t subkey, span_t value) {
    store_key_t key;
    CHECK(subkey_valid(subkey) && value.ptr != NULL, "%zu bytes under %zu", value.len, subkey.len);
    if (value.len > VALUE_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    status_t status = turn_charge(self, 1, subkey.len + value.len);
    if (status != STATUS_OK) {
        return status;
    }
    sub(self, subkey, &key);
    size_t arena_used = self->arena_used;
    uint8_t *cell = turn_alloc(self, CELL_HEADER_BYTES + value.len);
    memcpy(cell + CELL_HEADER_BYTES, value.ptr, value.len);
    cell_seal(cell, store_key_span(&key), 0, 0, value.len);
    writer_put(self->parts.writer, store_key_span(&key), span_of(cell, CELL_HEADER_BYTES + value.len));
    self->arena_used = arena_used;
    return STATUS_OK;
}

status_t turn_del(turn_t *self, span_t subkey) {
    store_key_t key;
    CHECK(subkey_valid(subkey), "%zu bytes", subkey.len);
    status_t status = turn_charge(self, 1, subkey.len);
    if (status != STATUS_OK) {
        return status;
    }
    sub(self, subkey, &key);
    writer_delete(self->parts.writer, store_key_span(&key));
    return STATUS_OK;
}

typedef void (*walk_start_fn)(view_walk_t *walk, const view_t *view, span_t from, span_t to);

static status_t list(turn_t *self, walk_start_fn start, span_t from, span_t to, turn_list_fn each, void *context) {
    store_key_t first, last, none;
    view_walk_t walk;
    span_t key, value;
    cell_t cell;
    sub(self, (span_t){0}, &none);
    sub(self, from, &first);
    if (to.ptr != NULL) {
        sub(self, to, &last);
    } else {
        store_key_after(&last, &none);
    }
    start(&walk, self->parts.view, store_key_span(&first), store_key_span(&last));
    while (view_walk_next(&walk, &key, &value)) {
        if (!cell_open(&cell, key, value)) {
            return STATUS_INTERNAL;
        }
        if (!each(context, span_of(key.ptr + none.len, key.len - none.len), cell.body)) {
            break;
        }
    }
    return STATUS_OK;
}

status_t turn_list(turn_t *self, span_t from, span_t to, turn_list_fn each, void *context) {
    return list(self, view_walk_start, from, to, each, context);
}

status_t turn_list_back(turn_t *self, span_t from, span_t to, turn_list_fn each, void *context) {
    return list(self, view_walk_start_back, from, to, each, context);
}

status_t turn_reply(turn_t *self, const void *reply) {
    span_t body;
    status_t status = turn_encode(self, self->request->method->reply, reply, TURN_BYTES_MAX, &body);
    if (status == STATUS_OK) {
        status = turn_charge(self, 0, body.len);
    }
    if (status == STATUS_OK) {
        self->reply = body;
    }
    return status;
}

/* Of a text that was cut between two bytes: half a character would make the whole answer unreadable. */
static void drop_last_character(char *text) {
    size_t len = strlen(text);
    while (len > 0 && ((uint8_t)text[--len] & 0xc0) == 0x80) {
    }
    text[len] = 0;
}

static PRINTF_LIKE(4, 0) status_t
    fail(turn_t *self, status_t status, const char *pointer, const char *format, va_list arguments) {
    CHECK(status != STATUS_OK, "a turn cannot fail with ok");
    int len = vsnprintf(self->detail, sizeof self->detail, format, arguments);
    if (len >= (int)sizeof self->detail) {
        drop_last_character(self->detail);
    }
    len = snprintf(self->pointer, sizeof self->pointer, "%s", pointer);
    CHECK(len < (int)sizeof self->pointer, "%s", pointer);
    self->failure = status;
    return status;
}

status_t turn_fail(turn_t *self, status_t status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    status = fail(self, status, "", format, arguments);
    va_end(arguments);
    return status;
}

status_t turn_fail_at(turn_t *self, const char *pointer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    status_t status = fail(self, STATUS_INVALID, pointer, format, arguments);
    va_end(arguments);
    return status;
}

void turn_retry_after(turn_t *self, uint64_t ms) {
    self->retry_after_ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

/* Who and when. */

void turn_sender(const turn_t *self, span_t *kind, span_t *key) {
    token_t tokens[1 + CHAIN_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    *kind = *key = (span_t){0};
    if (self->request->chain.ptr == NULL || tape_read_whole(&tape, self->request->chain) != STATUS_OK ||
        tape.count < 2) {
        return;
    }
    span_t address = token_span(&tokens[1]);
    const uint8_t *slash = memchr(address.ptr, '/', address.len);
    if (slash != NULL) {
        *kind = span_of(address.ptr, (size_t)(slash - address.ptr));
        *key = span_of(slash + 1, address.len - kind->len - 1);
    }
}

span_t turn_user(const turn_t *self) {
    return self->request->subject;
}
uint32_t turn_roles(const turn_t *self) {
    return self->request->roles;
}
span_t turn_key(const turn_t *self) {
    return self->request->key;
}
uint64_t turn_version(const turn_t *self) {
    return self->version;
}
const settings_t *turn_settings(const turn_t *self) {
    return self->parts.settings;
}
uint64_t turn_now(const turn_t *self) {
    return self->now_ms;
}

void turn_keyed_hash(const turn_t *self, const char *purpose, span_t bytes, uint8_t hash[KEYED_HASH_BYTES]) {
    crypto_generichash_state state;
    CHECK(crypto_generichash_init(&state, self->parts.hash_key, KEYED_HASH_BYTES, KEYED_HASH_BYTES) == 0 &&
              crypto_generichash_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1) == 0 &&
              crypto_generichash_update(&state, bytes.ptr, bytes.len) == 0 &&
              crypto_generichash_final(&state, hash, KEYED_HASH_BYTES) == 0,
          "%zu bytes", bytes.len);
}

void turn_random(turn_t *self, void *bytes, size_t count) {
    (void)self; /* a simulator seeds it here */
    randombytes_buf(bytes, count);
}
