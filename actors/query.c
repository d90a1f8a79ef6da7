/* SPDX-License-Identifier: MIT */
/*
 * A page merges one ordered range per partition, of head records or of the index rows of one value. A heap holds the
 * next candidate of each, the least key on top; the one taken is replaced by the next of its partition, and looked at:
 *
 *   partition 0:  b  f          heap: a b c  →  a is looked at, and becomes a row if it is what was asked for
 *   partition 1:  a  d          heap: b c d  →  …
 *   partition 2:  c
 *
 * Keys and values stay where they are, in the snapshot and the memtable: nothing is written while a page is made.
 */
#include "actors/query.h"

#include "actors/cell.h"

/* Values that are asked for, as text. */

static bool same_text(span_t text, const char *other) {
    return span_equal(text, span_text(other));
}

static bool read_bool(query_t *self, span_t text) {
    self->value.boolean = same_text(text, "true");
    return self->value.boolean || same_text(text, "false");
}

static bool read_digits(span_t text, uint64_t max, uint64_t *number) {
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)text.ptr[i] - '0';
        if (digit > 9 || *number > (max - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    return text.len > 0;
}

static bool read_u64(query_t *self, span_t text) {
    return read_digits(text, UINT64_MAX, &self->value.u64);
}

static bool read_i64(query_t *self, span_t text) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t number;
    if (!read_digits(span_of(text.ptr + negative, text.len - negative), (uint64_t)INT64_MAX + negative, &number)) {
        return false;
    }
    self->value.i64 = (int64_t)(negative ? -number : number);
    return true;
}

static bool read_text(query_t *self, span_t text) {
    self->value.text = text;
    return true;
}

static bool read_enum(query_t *self, span_t text) {
    const enumeration_t *enumeration = self->field->enumeration;
    uint32_t i = 0;
    while (i < enumeration->count && !same_text(text, enumeration->values[i])) {
        i++;
    }
    self->value.enumerated = i;
    return i < enumeration->count;
}

/* The same values in a stored record. */

static bool is_bool(const query_t *self, const token_t *token) {
    return token->type == TOKEN_BOOL && token->boolean == self->value.boolean;
}

static bool is_u64(const query_t *self, const token_t *token) {
    return token->type == TOKEN_U64 && token->u64 == self->value.u64;
}

static bool is_i64(const query_t *self, const token_t *token) {
    return self->value.i64 < 0 ? token->type == TOKEN_I64 && token->i64 == self->value.i64
                               : token->type == TOKEN_U64 && token->u64 == (uint64_t)self->value.i64;
}

static bool is_text(const query_t *self, const token_t *token) {
    return token->type == TOKEN_TEXT && span_equal(token_span(token), self->value.text);
}

static bool is_enum(const query_t *self, const token_t *token) {
    return token->type == TOKEN_TEXT &&
           same_text(token_span(token), self->field->enumeration->values[self->value.enumerated]);
}

/* One row for each type that can be indexed. */
static const struct value_type {
    bool (*read)(query_t *self, span_t text);                /* into value; false: it is none */
    bool (*same)(const query_t *self, const token_t *token); /* as value */
    const char *text;
} value_types[] = {
    [FIELD_BOOL] = {read_bool, is_bool, "true or false"}, [FIELD_U64] = {read_u64, is_u64, "a whole number"},
    [FIELD_I64] = {read_i64, is_i64, "a whole number"},   [FIELD_TIME] = {read_u64, is_u64, "a time in ms"},
    [FIELD_TEXT] = {read_text, is_text, "text"},          [FIELD_ENUM] = {read_enum, is_enum, "one of"},
};

/* The request */

static bool is_indexed(const field_t *field) {
    return (field->flags & (INDEX | SECRET)) == INDEX; /* who may not read a value may not ask for it either */
}

/* The indexed field of this name, or NULL. */
static const field_t *indexed_field(const record_t *record, span_t name) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (is_indexed(&record->fields[i]) && same_text(name, record->fields[i].name)) {
            return &record->fields[i];
        }
    }
    return NULL;
}

/* Appends names, with commas between them. */
static void print_name(char problem[QUERY_PROBLEM_BYTES], const char *name, bool first) {
    size_t len = strlen(problem);
    snprintf(problem + len, QUERY_PROBLEM_BYTES - len, "%s%s", first ? " " : ", ", name);
}

static void print_fields(const kind_t *kind, char problem[QUERY_PROBLEM_BYTES]) {
    const record_t *record = kind->state;
    uint32_t count = 0;
    snprintf(problem, QUERY_PROBLEM_BYTES, "Actors of %s are found by these fields only:", kind->name);
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (is_indexed(&record->fields[i])) {
            print_name(problem, record->fields[i].name, count++ == 0);
        }
    }
    if (count == 0) {
        snprintf(problem, QUERY_PROBLEM_BYTES, "Actors of %s are not found by any field", kind->name);
    }
}

static void print_type(const field_t *field, char problem[QUERY_PROBLEM_BYTES]) {
    snprintf(problem, QUERY_PROBLEM_BYTES, "The value of %s must be %s", field->name, value_types[field->type].text);
    for (uint32_t i = 0; field->type == FIELD_ENUM && i < field->enumeration->count; i++) {
        print_name(problem, field->enumeration->values[i], i == 0);
    }
}

static status_t read_filter(query_t *self, const list_request_t *asked, char problem[QUERY_PROBLEM_BYTES]) {
    self->field = indexed_field(self->kind->state, asked->field);
    if (self->field == NULL) {
        print_fields(self->kind, problem);
        return STATUS_INVALID;
    }
    if (!value_types[self->field->type].read(self, asked->value)) {
        print_type(self->field, problem);
        return STATUS_INVALID;
    }
    index_value(self->field, &self->value, &self->row);
    return STATUS_OK;
}

enum { LIMIT_DEFAULT = 100 };

status_t query_read(query_t *self, const kind_t *kind, const list_request_t *asked, char problem[QUERY_PROBLEM_BYTES]) {
    bool filtered = FIELD_HAS(list_request, asked, field);
    *self = (query_t){
        .kind = kind,
        .after = FIELD_OR(list_request, asked, after, (span_t){0}),
        .limit = FIELD_OR(list_request, asked, limit, LIMIT_DEFAULT),
        .states = FIELD_OR(list_request, asked, states, false),
    };
    CHECK(self->after.len <= KEY_BYTES_MAX, "%zu bytes of a key", self->after.len);
    if (filtered != FIELD_HAS(list_request, asked, value)) {
        snprintf(problem, QUERY_PROBLEM_BYTES, "A field and its value come together");
        return STATUS_INVALID;
    }
    return filtered ? read_filter(self, asked, problem) : STATUS_OK;
}

/* Candidates */

typedef struct candidate {
    span_t key;  /* of the actor */
    span_t head; /* the cell of its head record; absent if an index row led here */
    uint8_t partition;
} candidate_t;

typedef struct merge {
    const query_t *query;
    const view_t *view;
    uint32_t count; /* of candidates in the heap */
    candidate_t heap[PARTITIONS];
} merge_t;

static void sift_down(merge_t *self, uint32_t at) {
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < self->count; child++) {
            if (span_compare(self->heap[child].key, self->heap[least].key) < 0) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        candidate_t candidate = self->heap[at];
        self->heap[at] = self->heap[least];
        self->heap[least] = candidate;
        at = least;
    }
}

/* The candidates of a partition begin with this, and end with their actors' keys. */
static void candidate_prefix(const query_t *query, uint8_t partition, store_key_t *prefix) {
    span_t kind = span_text(query->kind->name), none = {0};
    if (query->field == NULL) {
        store_key_head(prefix, partition, kind, none);
    } else {
        span_t value = span_of(query->row.bytes, query->row.len);
        store_key_index(prefix, partition, kind, span_text(query->field->name), value, none);
    }
}

/* The first of the partition whose key is behind `after`. False: there is none. */
static bool candidate_read(const merge_t *self, uint8_t partition, span_t after, candidate_t *candidate) {
    store_key_t from, to, prefix;
    span_t key, value;
    view_walk_t walk;
    candidate_prefix(self->query, partition, &prefix);
    store_key_after(&to, &prefix);
    from = prefix;
    if (after.len > 0) { /* from the next possible key; a key is shorter than a subkey's room */
        memcpy(from.bytes + from.len, after.ptr, after.len);
        from.len += after.len;
        from.bytes[from.len++] = 0;
    }
    view_walk_start(&walk, self->view, store_key_span(&from), store_key_span(&to));
    while (view_walk_next(&walk, &key, &value)) {
        span_t actor = span_of(key.ptr + prefix.len, key.len - prefix.len);
        if (actor.len >= 1 && actor.len <= KEY_BYTES_MAX) { /* else it is damage */
            *candidate = (candidate_t){.partition = partition, .key = actor};
            candidate->head = self->query->field == NULL ? value : (span_t){0};
            return true;
        }
    }
    return false;
}

static void merge_start(merge_t *self, const query_t *query, const view_t *view, query_place_t place) {
    self->query = query;
    self->view = view;
    self->count = 0;
    for (uint32_t partition = place.shard; partition < PARTITIONS; partition += place.shards) {
        if (candidate_read(self, (uint8_t)partition, query->after, &self->heap[self->count])) {
            self->count++;
        }
    }
    for (uint32_t at = self->count; at-- > 0;) {
        sift_down(self, at);
    }
}

/* Replaces the top by the next of its partition. */
static void merge_advance(merge_t *self) {
    candidate_t top = self->heap[0];
    if (!candidate_read(self, top.partition, top.key, &self->heap[0])) {
        self->heap[0] = self->heap[--self->count];
    }
    sift_down(self, 0);
}

/* Looks */

typedef struct look {
    store_key_t head;
    span_t value; /* its cell */
    cell_t cell;
    bool damaged; /* then there is no cell */
} look_t;

/* Reads the head record, and its body into the tape if that is needed. False: there is none. */
static bool look_at(const merge_t *self, const candidate_t *candidate, tape_t *tape, look_t *look) {
    const query_t *query = self->query;
    store_key_head(&look->head, candidate->partition, span_text(query->kind->name), candidate->key);
    look->value = candidate->head;
    if (query->field != NULL && view_get(self->view, store_key_span(&look->head), &look->value) != STATUS_OK) {
        look->value = span_text(""); /* is damage */
    }
    if (look->value.ptr == NULL) {
        return false;
    }
    look->damaged = !cell_open(&look->cell, store_key_span(&look->head), look->value);
    if (!look->damaged && (query->field != NULL || query->states)) {
        look->damaged = tape_read_whole(tape, look->cell.body) != STATUS_OK || tape->tokens[0].type != TOKEN_MAP;
    }
    return true;
}

/* Is this what was asked for? What is damaged may be. */
static bool matches(const query_t *self, const look_t *look, const tape_t *tape) {
    if (self->field == NULL || look->damaged) {
        return true;
    }
    uint32_t token = tape_find(tape, 0, self->field->name);
    return token != 0 && value_types[self->field->type].same(self, &tape->tokens[token]);
}

/* Pages */

/* What frames the rows, and a row without its state, at most; the same counted in msgpack values, and in containers
   around a state: envelope, body, items, row. */
enum {
    FRAME_BYTES = 64 + KEY_BYTES_MAX,
    ROW_BYTES = KEY_BYTES_MAX + 48,
    FRAME_VALUES = 64,
    ROW_VALUES = 7,
    FRAME_DEPTH = 4,
    VALUES_MAX = ELEMENTS_MAX - FRAME_VALUES,
};

typedef struct page {
    pack_t rows;
    uint32_t count;
    uint32_t values;
    uint32_t looks;
    size_t look_bytes;
    span_t through; /* the last key looked at */
} page_t;

static void pack_row(const query_t *query, span_t key, const look_t *look, const tape_t *tape, bool state,
                     pack_t *pack) {
    pack_map(pack, state ? 4 : 3);
    pack_cstring(pack, "key");
    pack_text(pack, key);
    pack_cstring(pack, "version");
    pack_u64(pack, look->damaged ? 0 : look->cell.version);
    pack_cstring(pack, "bytes");
    pack_u64(pack, look->value.len);
    if (state) {
        pack_cstring(pack, "state");
        record_redact(query->kind->state, tape, 0, pack);
    }
}

/* Could an asker read an answer with this state? */
static bool state_travels(const tape_t *tape) {
    return ROW_VALUES + 1 + tape->count <= VALUES_MAX && FRAME_DEPTH + tape_depth(tape) <= DEPTH_MAX;
}

/* False: there is no room, and the page is as before. A row that is alone fits at least without its state. */
static bool page_add(page_t *self, const query_t *query, span_t key, const look_t *look, const tape_t *tape) {
    size_t before = self->rows.len;
    bool state = query->states && !look->damaged && state_travels(tape);
    uint32_t values = ROW_VALUES + (state ? 1 + tape->count : 0);
    if (values > VALUES_MAX - self->values) {
        return false;
    }
    pack_row(query, key, look, tape, state, &self->rows);
    if (self->rows.full && self->count == 0) {
        self->rows = pack_into(self->rows.ptr, self->rows.capacity);
        pack_row(query, key, look, tape, false, &self->rows);
    }
    if (self->rows.full) {
        self->rows.len = before;
        self->rows.full = false;
        return false;
    }
    self->count++;
    self->values += values;
    return true;
}

static bool page_full(const page_t *self, const query_t *query) {
    return self->count >= query->limit || self->looks >= QUERY_LOOKS_MAX || self->look_bytes >= QUERY_LOOK_BYTES_MAX;
}

static void page_fill(page_t *self, merge_t *merge, tape_t *tape) {
    look_t look;
    while (merge->count > 0 && !page_full(self, merge->query)) {
        const candidate_t *top = &merge->heap[0];
        if (look_at(merge, top, tape, &look)) {
            self->look_bytes += look.value.len;
            if (matches(merge->query, &look, tape) && !page_add(self, merge->query, top->key, &look, tape)) {
                return;
            }
        }
        self->looks++;
        self->through = top->key;
        merge_advance(merge);
    }
}

static void page_pack(const page_t *self, query_place_t place, bool more, pack_t *reply) {
    pack_map(reply, more ? 5 : 4);
    pack_cstring(reply, "shard");
    pack_u64(reply, place.shard);
    pack_cstring(reply, "shards");
    pack_u64(reply, place.shards);
    pack_cstring(reply, "items");
    pack_array(reply, self->count);
    pack_raw(reply, pack_bytes(&self->rows));
    pack_cstring(reply, "more");
    pack_bool(reply, more);
    if (more) {
        pack_cstring(reply, "through");
        pack_text(reply, self->through);
    }
    CHECK(pack_ok(reply), "%zu bytes of rows in %zu", self->rows.len, reply->capacity);
}

void query_page(const query_t *self, const view_t *view, query_place_t place, tape_t *tape, pack_t *reply) {
    CHECK(reply->capacity >= FRAME_BYTES + ROW_BYTES, "%zu bytes of room", reply->capacity);
    size_t room = reply->capacity - FRAME_BYTES;
    uint8_t *bytes = malloc(room);
    merge_t *merge = malloc(sizeof *merge);
    CHECK(bytes != NULL && merge != NULL, "out of memory");
    page_t page = {.rows = pack_into(bytes, room)};
    merge_start(merge, self, view, place);
    page_fill(&page, merge, tape);
    page_pack(&page, place, merge->count > 0, reply);
    free(merge);
    free(bytes);
}
