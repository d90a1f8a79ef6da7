/* SPDX-License-Identifier: MIT */
/*
 * In memory stands one place per own partition: the key at which its first timer may stand, with the time in it. A look
 * seeks from there and moves the place to the row that it meets, so that what was removed (tombstones in the memtable,
 * until the applier comes by) is passed over once, not at each look:
 *
 *    removed  removed  removed │ live   live        live
 *                              └ place: nothing live is before it
 *
 * Setting a timer moves the place back if it is before it. Removing does not move it: the turn may be rolled back.
 */
#include "actors/timers.h"

#include "actors/cell.h"
#include "actors/store_key.h"
#include "schemas/pack.h"
#include "schemas/tape.h"
#include "storage/little_endian.h"

enum {
    ROW_FIELDS = 5, /* of a row's array */
    ROW_BYTES = 32, /* of a row's body around its texts, at most */
    WHEN_AT = 3,    /* in the key of a row */
    PARTS_AT = WHEN_AT + 8,
    NAME_BYTES = 8, /* of the body of a name's row */
};

#define ROW_BODY_BYTES_MAX (ROW_BYTES + SUBJECT_BYTES_MAX + ROLE_BYTES_MAX + VALUE_BYTES_MAX)

typedef struct place {
    store_key_t key;
    uint64_t when_ms; /* of the key; 0 before the first look, UINT64_MAX behind all timers */
} place_t;

struct timers {
    const view_t *view;
    uint16_t shard, shards;
    uint32_t place_count;
    place_t *places;      /* of partition shard + i * shards */
    store_key_t next_key; /* what timers_next found */
    uint8_t *next_value;
    uint8_t *scratch; /* a row being built */
};

timers_t *timers_new(const view_t *view, uint16_t shard, uint16_t shards) {
    timers_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL && shard < shards && shards <= PARTITIONS, "shard %u of %u", shard, shards);
    self->view = view;
    self->shard = shard;
    self->shards = shards;
    self->place_count = (uint32_t)(PARTITIONS - shard + shards - 1) / shards;
    self->places = calloc(self->place_count, sizeof *self->places);
    self->next_value = malloc(CELL_HEADER_BYTES + ROW_BODY_BYTES_MAX);
    self->scratch = malloc(CELL_HEADER_BYTES + ROW_BODY_BYTES_MAX);
    CHECK(self->places != NULL && self->next_value != NULL && self->scratch != NULL, "out of memory");
    for (uint32_t i = 0; i < self->place_count; i++) {
        store_key_class(&self->places[i].key, (uint8_t)(shard + i * shards), 't');
    }
    return self;
}

void timers_destroy(timers_t **self_p) {
    timers_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    free(self->places);
    free(self->next_value);
    free(self->scratch);
    free(self);
    *self_p = NULL;
}

/* Rows. */

static void row_key(const timer_row_t *timer, uint64_t when_ms, store_key_t *key) {
    store_key_timer(key, timer->partition, when_ms, timer->kind, timer->key, timer->method, timer->tag);
}

static void name_key(const timer_row_t *timer, store_key_t *key) {
    store_key_timer_name(key, timer->partition, timer->kind, timer->key, timer->method, timer->tag);
}

static uint64_t big_endian(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return be64toh(value);
}

/* Takes what stands before the next NUL off `rest`: 1 to max bytes. */
static bool take_part(span_t *rest, size_t max, span_t *part) {
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, 0, rest->len);
    if (end == NULL || end == rest->ptr || (size_t)(end - rest->ptr) > max) {
        return false;
    }
    *part = span_of(rest->ptr, (size_t)(end - rest->ptr));
    *rest = span_of(end + 1, rest->len - part->len - 1);
    return true;
}

static const timer_row_t nameless = {
    .kind = {.ptr = (const uint8_t *)""},
    .key = {.ptr = (const uint8_t *)""},
    .method = {.ptr = (const uint8_t *)""},
    .tag = {.ptr = (const uint8_t *)""},
};

static bool read_key(span_t key, timer_row_t *timer) {
    *timer = nameless;
    timer->partition = key.len > 0 ? key.ptr[0] : 0;
    if (key.len < PARTS_AT || key.ptr[1] != 't' || key.ptr[2] != 0) {
        return false;
    }
    timer->when_ms = big_endian(key.ptr + WHEN_AT);
    span_t rest = span_of(key.ptr + PARTS_AT, key.len - PARTS_AT);
    if (!take_part(&rest, KIND_BYTES_MAX, &timer->kind) || !take_part(&rest, KEY_BYTES_MAX, &timer->key) ||
        !take_part(&rest, METHOD_BYTES_MAX, &timer->method) || rest.len > TIMER_TAG_BYTES_MAX) {
        return false;
    }
    timer->tag = rest;
    return true;
}

/* Takes a value that is no container off `rest`. */
static bool take_scalar(span_t *rest, token_t *token) {
    tape_t tape = {.tokens = token, .capacity = 1};
    size_t consumed;
    if (tape_read(&tape, *rest, &consumed) != STATUS_OK || token->type == TOKEN_ARRAY || token->type == TOKEN_MAP) {
        return false;
    }
    *rest = span_of(rest->ptr + consumed, rest->len - consumed);
    return true;
}

static bool take_number(span_t *rest, uint64_t max, uint64_t *number) {
    token_t token;
    if (!take_scalar(rest, &token) || token.type != TOKEN_U64 || token.u64 > max) {
        return false;
    }
    *number = token.u64;
    return true;
}

static bool take_text(span_t *rest, size_t max, span_t *text) {
    token_t token;
    if (!take_scalar(rest, &token) || (token.type != TOKEN_NIL && token.type != TOKEN_TEXT)) {
        return false;
    }
    *text = token.type == TOKEN_NIL ? (span_t){0} : token_span(&token);
    return text->len <= max;
}

/* The body is not looked into: the cell's checksum speaks for it, and who decodes it looks. */
static bool read_fields(span_t rest, timer_row_t *timer) {
    uint64_t attempts, hops;
    if (rest.len == 0 || rest.ptr[0] != (0x90 | ROW_FIELDS)) { /* fixarray */
        return false;
    }
    rest = span_of(rest.ptr + 1, rest.len - 1);
    if (!take_number(&rest, UINT32_MAX, &attempts) || !take_number(&rest, UINT8_MAX, &hops) ||
        !take_text(&rest, SUBJECT_BYTES_MAX, &timer->user) || !take_text(&rest, ROLE_BYTES_MAX, &timer->role)) {
        return false;
    }
    timer->attempts = (uint32_t)attempts;
    timer->hops = (uint8_t)hops;
    timer->body = rest;
    return rest.len > 0 && rest.len <= VALUE_BYTES_MAX;
}

bool timer_row_read(span_t key, span_t value, timer_row_t *timer) {
    cell_t cell;
    timer_row_t whole;
    if (!read_key(key, timer)) {
        return false;
    }
    whole = *timer;
    if (!cell_open(&cell, key, value) || !read_fields(cell.body, &whole)) {
        return false;
    }
    *timer = whole;
    return true;
}

/* Places. */

static place_t *place_of(const timers_t *self, uint8_t partition) {
    CHECK(partition % self->shards == self->shard, "partition %u is not of shard %u", partition, self->shard);
    return &self->places[partition / self->shards];
}

static void place_set(place_t *self, span_t key, uint64_t when_ms) {
    CHECK(key.len <= sizeof self->key.bytes, "%zu bytes", key.len);
    memcpy(self->key.bytes, key.ptr, key.len);
    self->key.len = key.len;
    self->when_ms = when_ms;
}

/* A timer may stand at this key from now on. */
static void place_lower(place_t *self, const store_key_t *key, uint64_t when_ms) {
    if (span_compare(store_key_span(key), store_key_span(&self->key)) < 0) {
        place_set(self, store_key_span(key), when_ms);
    }
}

/* Behind a row that cannot be read. Its key may be of any length. */
static void place_pass(place_t *self, span_t key) {
    size_t room = sizeof self->key.bytes - 1;
    place_set(self, span_of(key.ptr, key.len < room ? key.len : room), self->when_ms);
    if (key.len <= room) {
        self->key.bytes[self->key.len++] = 0; /* the first key behind it */
    } else {
        store_key_after(&self->key, &self->key);
    }
}

static place_t *first_place(const timers_t *self) {
    place_t *first = &self->places[0];
    for (uint32_t i = 1; i < self->place_count; i++) {
        if (self->places[i].when_ms < first->when_ms) {
            first = &self->places[i];
        }
    }
    return first;
}

uint64_t timers_due_ms(const timers_t *self) {
    return first_place(self)->when_ms;
}

/* The first timer of the partition, valid until the next write. False: it has none. */
static bool look(const timers_t *self, const place_t *place, span_t *key, span_t *value) {
    store_key_t class, end;
    view_walk_t walk;
    store_key_class(&class, place->key.bytes[0], 't');
    store_key_after(&end, &class);
    view_walk_start(&walk, self->view, store_key_span(&place->key), store_key_span(&end));
    return view_walk_next(&walk, key, value);
}

/* Copies the row to where writes do not reach it. What is too long for that is cut, and its checksum wrong. */
static bool copy_row(timers_t *self, span_t key, span_t value, timer_row_t *timer) {
    size_t key_bytes = key.len < sizeof self->next_key.bytes ? key.len : sizeof self->next_key.bytes;
    size_t capacity = CELL_HEADER_BYTES + ROW_BODY_BYTES_MAX;
    size_t value_bytes = value.len < capacity ? value.len : capacity;
    memcpy(self->next_key.bytes, key.ptr, key_bytes);
    self->next_key.len = key_bytes;
    memcpy(self->next_value, value.ptr, value_bytes);
    return timer_row_read(store_key_span(&self->next_key), span_of(self->next_value, value_bytes), timer);
}

/* Moves the place to the first row of its partition. NONE: nothing can be due there before the place's new time. */
static timers_verdict_t advance(timers_t *self, place_t *place, timer_row_t *timer) {
    span_t key, value;
    if (!look(self, place, &key, &value)) {
        store_key_class(&place->key, place->key.bytes[0], 't');
        store_key_after(&place->key, &place->key);
        place->when_ms = UINT64_MAX;
        return TIMERS_NONE;
    }
    if (read_key(key, timer) && timer->when_ms > place->when_ms) {
        place_set(place, key, timer->when_ms);
        return TIMERS_NONE;
    }
    if (copy_row(self, key, value, timer)) {
        place_set(place, key, timer->when_ms);
        return TIMERS_DUE;
    }
    place_pass(place, key);
    return TIMERS_DAMAGED;
}

timers_verdict_t timers_next(timers_t *self, uint64_t now_ms, timer_row_t *timer) {
    timers_verdict_t verdict = TIMERS_NONE;
    timer_row_t row;
    while (verdict == TIMERS_NONE) {
        place_t *place = first_place(self);
        if (place->when_ms > now_ms || place->when_ms == UINT64_MAX) {
            return TIMERS_NONE;
        }
        verdict = advance(self, place, &row);
    }
    *timer = row;
    return verdict;
}

/* Writes. */

/* The row whose body stands in scratch. */
static span_t seal(timers_t *self, const store_key_t *key, size_t body_bytes) {
    cell_seal(self->scratch, store_key_span(key), 0, 0, body_bytes);
    return span_of(self->scratch, CELL_HEADER_BYTES + body_bytes);
}

static void put_rows(timers_t *self, writer_t *writer, const timer_row_t *timer, uint64_t when_ms, uint32_t attempts) {
    store_key_t key, name;
    pack_t pack = pack_into(self->scratch + CELL_HEADER_BYTES, ROW_BODY_BYTES_MAX);
    pack_array(&pack, ROW_FIELDS);
    pack_u64(&pack, attempts);
    pack_u64(&pack, timer->hops);
    pack_text(&pack, timer->user);
    pack_text(&pack, timer->role);
    pack_raw(&pack, timer->body);
    CHECK(pack_ok(&pack), "a body of %zu bytes", timer->body.len);
    row_key(timer, when_ms, &key);
    writer_put(writer, store_key_span(&key), seal(self, &key, pack.len));
    name_key(timer, &name);
    little_endian_put_u64(self->scratch + CELL_HEADER_BYTES, when_ms);
    writer_put(writer, store_key_span(&name), seal(self, &name, NAME_BYTES));
    place_lower(place_of(self, timer->partition), &key, when_ms);
}

static void delete_row(writer_t *writer, const timer_row_t *timer, uint64_t when_ms) {
    store_key_t key;
    row_key(timer, when_ms, &key);
    writer_delete(writer, store_key_span(&key));
}

static void delete_name(writer_t *writer, const timer_row_t *timer) {
    store_key_t key;
    name_key(timer, &key);
    writer_delete(writer, store_key_span(&key));
}

/* Where the timer of this name stands now. */
static status_t find(const timers_t *self, const timer_row_t *name, bool *found, uint64_t *when_ms) {
    store_key_t key;
    span_t value;
    cell_t cell;
    name_key(name, &key);
    status_t status = view_get(self->view, store_key_span(&key), &value);
    if (status != STATUS_OK) {
        return status;
    }
    *found = value.ptr != NULL;
    if (!*found) {
        return STATUS_OK;
    }
    if (!cell_open(&cell, store_key_span(&key), value) || cell.body.len != NAME_BYTES) {
        return STATUS_INTERNAL;
    }
    *when_ms = little_endian_get_u64(cell.body.ptr);
    return STATUS_OK;
}

/* NUL would end it too early. */
static bool part_fits(span_t part, size_t max) {
    return part.len >= 1 && part.len <= max && memchr(part.ptr, 0, part.len) == NULL;
}

static bool fits(const timer_row_t *timer) {
    return part_fits(timer->kind, KIND_BYTES_MAX) && part_fits(timer->key, KEY_BYTES_MAX) &&
           part_fits(timer->method, METHOD_BYTES_MAX) && timer->tag.len <= TIMER_TAG_BYTES_MAX &&
           timer->user.len <= SUBJECT_BYTES_MAX && timer->role.len <= ROLE_BYTES_MAX && timer->body.len >= 1 &&
           timer->body.len <= VALUE_BYTES_MAX;
}

status_t timers_set(timers_t *self, writer_t *writer, const timer_row_t *timer) {
    bool found;
    uint64_t former_ms;
    CHECK(fits(timer), "a timer of %zu, %zu, %zu, %zu and %zu bytes", timer->kind.len, timer->key.len,
          timer->method.len, timer->tag.len, timer->body.len);
    status_t status = find(self, timer, &found, &former_ms);
    if (status != STATUS_OK) {
        return status;
    }
    if (found && former_ms != timer->when_ms) {
        delete_row(writer, timer, former_ms);
    }
    put_rows(self, writer, timer, timer->when_ms, timer->attempts);
    return STATUS_OK;
}

status_t timers_cancel(timers_t *self, writer_t *writer, const timer_row_t *name) {
    bool found;
    uint64_t when_ms;
    status_t status = find(self, name, &found, &when_ms);
    if (status == STATUS_OK && found) {
        delete_row(writer, name, when_ms);
        delete_name(writer, name);
    }
    return status;
}

void timers_remove(writer_t *writer, const timer_row_t *timer) {
    delete_row(writer, timer, timer->when_ms);
    delete_name(writer, timer);
}

void timers_retry(timers_t *self, writer_t *writer, const timer_row_t *timer, uint64_t when_ms) {
    delete_row(writer, timer, timer->when_ms);
    put_rows(self, writer, timer, when_ms, timer->attempts + 1);
}
