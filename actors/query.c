/* SPDX-License-Identifier: MIT */
/*
 * A page merges one ordered range per partition, of head records, of the index rows of one value, or of those of all
 * values. A heap holds the next candidate of each, the first on top; the one taken is replaced by the next of its
 * partition, and looked at:
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

static bool read_bool(const field_t *field, span_t text, query_value_t *value) {
    (void)field;
    value->boolean = same_text(text, "true");
    return value->boolean || same_text(text, "false");
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

static bool read_u64(const field_t *field, span_t text, query_value_t *value) {
    (void)field;
    return read_digits(text, UINT64_MAX, &value->u64);
}

static bool read_i64(const field_t *field, span_t text, query_value_t *value) {
    bool negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t number;
    (void)field;
    if (!read_digits(span_of(text.ptr + negative, text.len - negative), (uint64_t)INT64_MAX + negative, &number)) {
        return false;
    }
    value->i64 = (int64_t)(negative ? -number : number);
    return true;
}

static bool read_text(const field_t *field, span_t text, query_value_t *value) {
    (void)field;
    value->text = text;
    return true;
}

static bool read_enum(const field_t *field, span_t text, query_value_t *value) {
    const enumeration_t *enumeration = field->enumeration;
    uint32_t i = 0;
    while (i < enumeration->count && !same_text(text, enumeration->values[i])) {
        i++;
    }
    value->enumerated = i;
    return i < enumeration->count;
}

/* The same values in a stored record. */

static bool take_bool(const field_t *field, const token_t *token, query_value_t *value) {
    (void)field;
    value->boolean = token->type == TOKEN_BOOL && token->boolean;
    return token->type == TOKEN_BOOL;
}

static bool take_u64(const field_t *field, const token_t *token, query_value_t *value) {
    (void)field;
    value->u64 = token->u64;
    return token->type == TOKEN_U64;
}

static bool take_i64(const field_t *field, const token_t *token, query_value_t *value) {
    bool negative = token->type == TOKEN_I64;
    (void)field;
    value->i64 = negative ? token->i64 : (int64_t)token->u64;
    return negative || (token->type == TOKEN_U64 && token->u64 <= INT64_MAX);
}

static bool take_text(const field_t *field, const token_t *token, query_value_t *value) {
    return token->type == TOKEN_TEXT && read_text(field, token_span(token), value);
}

static bool take_enum(const field_t *field, const token_t *token, query_value_t *value) {
    return token->type == TOKEN_TEXT && read_enum(field, token_span(token), value);
}

/* One row for each type that can be indexed. False: it is no such value. */
static const struct value_type {
    bool (*read)(const field_t *field, span_t text, query_value_t *value);
    bool (*take)(const field_t *field, const token_t *token, query_value_t *value);
    const char *text;
} value_types[] = {
    [FIELD_BOOL] = {read_bool, take_bool, "true or false"}, [FIELD_U64] = {read_u64, take_u64, "a whole number"},
    [FIELD_I64] = {read_i64, take_i64, "a whole number"},   [FIELD_TIME] = {read_u64, take_u64, "a time in ms"},
    [FIELD_TEXT] = {read_text, take_text, "text"},          [FIELD_ENUM] = {read_enum, take_enum, "one of"},
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
    self->valued = self->any || (self->field->flags & BY_TIME) != 0;
    if (self->any) {
        return STATUS_OK;
    }
    if (!value_types[self->field->type].read(self->field, asked->value, &self->value)) {
        print_type(self->field, problem);
        return STATUS_INVALID;
    }
    index_value(self->field, &self->value, &self->row);
    return STATUS_OK;
}

static bool is_searched(const record_t *record) {
    uint32_t i = 0;
    while (i < record->field_count && (record->fields[i].flags & SEARCHED) == 0) {
        i++;
    }
    return i < record->field_count;
}

static status_t read_text_asked(query_t *self, span_t text, char problem[QUERY_PROBLEM_BYTES]) {
    if (!is_searched(self->kind->state) || self->field == NULL || memchr(text.ptr, 0, text.len) != NULL) {
        snprintf(problem, QUERY_PROBLEM_BYTES,
                 "A text, without NULs, is looked for among actors that are found by a field, if their kind has texts "
                 "that are searched");
        return STATUS_INVALID;
    }
    fold_add(&self->text, text);
    self->text.len--; /* its NUL: the text may stand anywhere */
    return STATUS_OK;
}

static void append_after(query_t *self, span_t bytes) {
    CHECK(bytes.len <= sizeof self->after - self->after_bytes, "%zu bytes of a place", bytes.len);
    if (bytes.len > 0) {
        memcpy(self->after + self->after_bytes, bytes.ptr, bytes.len);
    }
    self->after_bytes += bytes.len;
}

/* False: what is given does not make a place. */
static bool read_after(query_t *self, const list_request_t *asked) {
    span_t key = FIELD_OR(list_request, asked, after, (span_t){0});
    bool valued = FIELD_HAS(list_request, asked, after_value);
    if (self->valued ? key.len > 0 && !valued : valued) {
        return false;
    }
    if (valued) {
        append_after(self, asked->after_value);
        append_after(self, span_of("", 1));
    }
    append_after(self, key);
    return true;
}

enum { LIMIT_DEFAULT = 100 };

status_t query_read(query_t *self, const kind_t *kind, const list_request_t *asked, char problem[QUERY_PROBLEM_BYTES]) {
    bool filtered = FIELD_HAS(list_request, asked, field), valued = FIELD_HAS(list_request, asked, value);
    *self = (query_t){
        .kind = kind,
        .limit = FIELD_OR(list_request, asked, limit, LIMIT_DEFAULT),
        .states = FIELD_OR(list_request, asked, states, false),
        .descending = FIELD_OR(list_request, asked, descending, false),
        .any = filtered && !valued,
    };
    if (valued && !filtered) {
        snprintf(problem, QUERY_PROBLEM_BYTES, "A value without its field");
        return STATUS_INVALID;
    }
    status_t status = filtered ? read_filter(self, asked, problem) : STATUS_OK;
    if (status == STATUS_OK && FIELD_HAS(list_request, asked, text)) {
        status = read_text_asked(self, asked->text, problem);
    }
    if (status == STATUS_OK && !read_after(self, asked)) {
        snprintf(problem, QUERY_PROBLEM_BYTES,
                 "A page is after a value and a key where rows have values, else after a key");
        status = STATUS_INVALID;
    }
    return status;
}

/* Is it left out, or just this? */
static bool asks_this(bool given, span_t asked, span_t text) {
    return !given || span_equal(asked, text);
}

status_t query_narrow(list_request_t *asked, const listing_t *listing, uint32_t roles, span_t user) {
    if ((roles & (ROLE_OPERATOR | ROLE_SERVICE | ROLE_ADMIN)) != 0) {
        return STATUS_OK;
    }
    if ((listing->roles & roles) == 0) {
        return STATUS_FORBIDDEN;
    }
    if (listing->field == NULL) {
        return STATUS_OK;
    }
    span_t field = span_text(listing->field), value = listing->value != NULL ? span_text(listing->value) : user;
    if (value.ptr == NULL || !asks_this(FIELD_HAS(list_request, asked, field), asked->field, field) ||
        !asks_this(FIELD_HAS(list_request, asked, value), asked->value, value)) {
        return STATUS_FORBIDDEN;
    }
    FIELD_SET(list_request, asked, field, field);
    FIELD_SET(list_request, asked, value, value);
    return STATUS_OK;
}

/* Candidates */

typedef struct candidate {
    span_t place;
    span_t key;   /* of the actor: the end of the place */
    span_t value; /* of its index row, if rows have values: the beginning */
    span_t head;  /* the cell of its head record; absent if an index row led here */
    uint8_t partition;
} candidate_t;

typedef struct merge {
    const query_t *query;
    const view_t *view;
    uint32_t count; /* of candidates in the heap */
    candidate_t heap[PARTITIONS];
} merge_t;

static bool comes_before(const merge_t *self, uint32_t one, uint32_t other) {
    int order = span_compare(self->heap[one].place, self->heap[other].place);
    return self->query->descending ? order > 0 : order < 0;
}

static void sift_down(merge_t *self, uint32_t at) {
    for (;;) {
        uint32_t first = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < self->count; child++) {
            if (comes_before(self, child, first)) {
                first = child;
            }
        }
        if (first == at) {
            return;
        }
        candidate_t candidate = self->heap[at];
        self->heap[at] = self->heap[first];
        self->heap[first] = candidate;
        at = first;
    }
}

/* The candidates of a partition begin with this, and end with their places. */
static void candidate_prefix(const query_t *query, uint8_t partition, store_key_t *prefix) {
    span_t kind = span_text(query->kind->name), none = {0};
    if (query->field == NULL) {
        store_key_head(prefix, partition, kind, none);
    } else if (query->valued) { /* with nothing behind it, if any value is asked for */
        store_key_index_field(prefix, partition, kind, span_text(query->field->name));
        memcpy(prefix->bytes + prefix->len, query->row.bytes, query->row.len);
        prefix->len += query->row.len;
    } else {
        span_t value = span_of(query->row.bytes, query->row.len);
        store_key_index(prefix, partition, kind, span_text(query->field->name), value, none);
    }
}

/* False: it is damage. */
static bool candidate_split(const query_t *query, span_t place, candidate_t *candidate) {
    size_t value = 0, key_at = 0;
    if (query->valued) {
        const uint8_t *nul = place.len == 0 ? NULL : memchr(place.ptr, 0, place.len);
        if (nul == NULL) {
            return false;
        }
        value = (size_t)(nul - place.ptr);
        key_at = value + 1;
    }
    *candidate = (candidate_t){
        .place = place, .key = span_of(place.ptr + key_at, place.len - key_at), .value = span_of(place.ptr, value)};
    return value <= INDEX_VALUE_BYTES_MAX && candidate->key.len >= 1 && candidate->key.len <= KEY_BYTES_MAX;
}

/* The keys of a partition that are behind a place. */
static void range_behind(const query_t *query, const store_key_t *prefix, span_t after, store_key_t *from,
                         store_key_t *to) {
    store_key_t *near = query->descending ? to : from;
    *from = *prefix;
    store_key_after(to, prefix);
    if (after.len > 0) { /* there is room: a place is shorter than a subkey */
        *near = *prefix;
        memcpy(near->bytes + near->len, after.ptr, after.len);
        near->len += after.len;
        if (!query->descending) {
            near->bytes[near->len++] = 0; /* the next possible key */
        }
    }
}

/* The first of the partition whose place is behind `after`. False: there is none. */
static bool candidate_read(const merge_t *self, uint8_t partition, span_t after, candidate_t *candidate) {
    const query_t *query = self->query;
    store_key_t from, to, prefix;
    span_t key, value;
    view_walk_t walk;
    candidate_prefix(query, partition, &prefix);
    range_behind(query, &prefix, after, &from, &to);
    if (query->descending) {
        view_walk_start_back(&walk, self->view, store_key_span(&from), store_key_span(&to));
    } else {
        view_walk_start(&walk, self->view, store_key_span(&from), store_key_span(&to));
    }
    while (view_walk_next(&walk, &key, &value)) {
        if (candidate_split(query, span_of(key.ptr + prefix.len, key.len - prefix.len), candidate)) {
            candidate->partition = partition;
            candidate->head = query->field == NULL ? value : (span_t){0};
            return true;
        }
    }
    return false;
}

static void merge_start(merge_t *self, const query_t *query, const view_t *view, query_place_t place) {
    span_t after = span_of(query->after, query->after_bytes);
    self->query = query;
    self->view = view;
    self->count = 0;
    for (uint32_t partition = place.shard; partition < PARTITIONS; partition += place.shards) {
        if (candidate_read(self, (uint8_t)partition, after, &self->heap[self->count])) {
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
    if (!candidate_read(self, top.partition, top.place, &self->heap[0])) {
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

static uint64_t created_at(const tape_t *tape) {
    uint32_t token = tape_find(tape, 0, "created_at");
    return token != 0 && tape->tokens[token].type == TOKEN_U64 ? tape->tokens[token].u64 : 0;
}

/* Does the record have the text that is asked for? */
static bool has_text(const query_t *self, const tape_t *tape) {
    const record_t *record = self->kind->state;
    fold_t texts = {.len = 0};
    if (self->text.len == 0) {
        return true;
    }
    for (uint32_t i = 0; i < record->field_count; i++) {
        uint32_t token = (record->fields[i].flags & SEARCHED) != 0 ? tape_find(tape, 0, record->fields[i].name) : 0;
        if (token != 0 && tape->tokens[token].type == TOKEN_TEXT) {
            fold_add(&texts, token_span(&tape->tokens[token]));
        }
    }
    return fold_has(&texts, span_of(self->text.bytes, self->text.len));
}

/* Is this what was asked for? What is damaged may be. Of text, a row has the beginning only. */
static bool matches(const query_t *self, const candidate_t *candidate, const look_t *look, const tape_t *tape) {
    if (self->field == NULL || look->damaged) {
        return true;
    }
    const field_t *field = self->field;
    uint32_t token = tape_find(tape, 0, field->name);
    query_value_t value;
    index_value_t row;
    if (token == 0 || !value_types[field->type].take(field, &tape->tokens[token], &value)) {
        return false;
    }
    index_row(field, &value, created_at(tape), &row);
    size_t begin = self->row.len; /* 0: any */
    span_t rest = span_of(row.bytes + begin, row.len >= begin ? row.len - begin : 0);
    return row.len >= begin && memcmp(row.bytes, self->row.bytes, begin) == 0 && span_equal(rest, candidate->value) &&
           (self->any || field->type != FIELD_TEXT || span_equal(value.text, self->value.text)) && has_text(self, tape);
}

/* Pages */

/* What frames the rows, and a row without its state, at most; the same counted in msgpack values, and in containers
   around a state: envelope, body, items, row. */
enum {
    FRAME_BYTES = 80 + QUERY_PLACE_BYTES_MAX,
    ROW_BYTES = 56 + QUERY_PLACE_BYTES_MAX,
    FRAME_VALUES = 64,
    ROW_VALUES = 7,
    VALUE_VALUES = 2, /* of a row's value */
    FRAME_DEPTH = 4,
    VALUES_MAX = ELEMENTS_MAX - FRAME_VALUES,
};

typedef struct page {
    pack_t rows;
    uint32_t count;
    uint32_t values;
    uint32_t looks;
    size_t look_bytes;
    candidate_t through; /* the last one looked at */
} page_t;

static void pack_row(const query_t *query, const candidate_t *candidate, const look_t *look, const tape_t *tape,
                     bool state, pack_t *pack) {
    pack_map(pack, 3 + query->valued + state);
    pack_cstring(pack, "key");
    pack_text(pack, candidate->key);
    pack_cstring(pack, "version");
    pack_u64(pack, look->damaged ? 0 : look->cell.version);
    pack_cstring(pack, "bytes");
    pack_u64(pack, look->value.len);
    if (query->valued) {
        pack_cstring(pack, "value");
        pack_text(pack, candidate->value);
    }
    if (state) {
        pack_cstring(pack, "state");
        record_redact(query->kind->state, tape, 0, pack);
    }
}

/* Could an asker read an answer with this state? */
static bool state_travels(const tape_t *tape) {
    return ROW_VALUES + VALUE_VALUES + 1 + tape->count <= VALUES_MAX && FRAME_DEPTH + tape_depth(tape) <= DEPTH_MAX;
}

/* False: there is no room, and the page is as before. A row that is alone fits at least without its state. */
static bool page_add(page_t *self, const query_t *query, const candidate_t *candidate, const look_t *look,
                     const tape_t *tape) {
    size_t before = self->rows.len;
    bool state = query->states && !look->damaged && state_travels(tape);
    uint32_t values = ROW_VALUES + (query->valued ? VALUE_VALUES : 0) + (state ? 1 + tape->count : 0);
    if (values > VALUES_MAX - self->values) {
        return false;
    }
    pack_row(query, candidate, look, tape, state, &self->rows);
    if (self->rows.full && self->count == 0) {
        self->rows = pack_into(self->rows.ptr, self->rows.capacity);
        pack_row(query, candidate, look, tape, false, &self->rows);
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
            if (matches(merge->query, top, &look, tape) && !page_add(self, merge->query, top, &look, tape)) {
                return;
            }
        }
        self->looks++;
        self->through = *top;
        merge_advance(merge);
    }
}

static void page_pack(const page_t *self, const query_t *query, query_place_t place, bool more, pack_t *reply) {
    pack_map(reply, 4 + more + (more && query->valued));
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
        pack_text(reply, self->through.key);
    }
    if (more && query->valued) {
        pack_cstring(reply, "through_value");
        pack_text(reply, self->through.value);
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
    page_pack(&page, self, place, merge->count > 0, reply);
    free(merge);
    free(bytes);
}
