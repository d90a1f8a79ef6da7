/* SPDX-License-Identifier: MIT */
/*
 * The next row of each partition stands in an array, the first of all at its end; the one taken is replaced by the next
 * of its partition, and looked at:
 *
 *   partition 0:  12:00  12:09        12:07 12:03 12:00  →  12:00 is looked at
 *   partition 1:  12:03               12:09 12:07 12:03  →  …
 *   partition 2:  12:07
 *
 * Keys and values stay where they are, in the snapshot and the memtable: nothing is written while a page is made.
 */
#include "actors/query_rows.h"

#include "actors/cell.h"
#include "actors/key_parts.h"
#include "actors/timers.h"
#include "schemas/list.h"

/* Of the reply: what frames the items, at most. A first item fits, whatever it is. The same in msgpack values, and in
   containers around a body: envelope, body, items, item. */
enum { FRAME_BYTES = 128 + STORE_KEY_BYTES_MAX, FRAME_VALUES = 64, FRAME_DEPTH = 4 };
enum { VALUES_MAX = ELEMENTS_MAX - FRAME_VALUES, LIMIT_DEFAULT = 100, PROBLEM_BYTES = 400 };
#define ITEMS_BYTES (QUERY_ROWS_REPLY_BYTES - FRAME_BYTES)
#define BODY_BYTES_MAX KIB(96) /* as dead_letter_item has it; with *** it may be longer than it was */
static_assert(BODY_BYTES_MAX + KIB(16) < ITEMS_BYTES, "one letter fits");

typedef struct page page_t;

/* Which rows. */
typedef struct source {
    uint8_t class; /* second byte of their keys */
    const record_t *item;
    size_t uncounted;                                    /* bytes at the end of a key that are not part of its place */
    bool (*add)(page_t *page, span_t key, span_t value); /* an item, if it is asked for; false: there is no room */
} source_t;

struct page {
    const query_rows_t *query;
    const source_t *source;
    span_t kind; /* absent: of all */
    uint64_t limit;
    list_writer_t items;
    uint32_t values, looks;
    size_t look_bytes;
    span_t through;   /* place of the last row looked at */
    uint8_t *scratch; /* BODY_BYTES_MAX: a body as it is shown */
};

/* Places */

static span_t behind_partition(span_t place) {
    return span_of(place.ptr + 1, place.len - 1);
}

static int place_compare(span_t a, span_t b) {
    int order = span_compare(behind_partition(a), behind_partition(b));
    return order != 0 ? order : (int)a.ptr[0] - (int)b.ptr[0];
}

/* Of a candidate, whose key is long enough. */
static span_t place_of(const source_t *source, span_t key) {
    return span_of(key.ptr, key.len - source->uncounted);
}

/* Candidates */

typedef struct candidate {
    span_t key, value;
} candidate_t;

typedef struct merge {
    const query_rows_t *query;
    const source_t *source;
    uint32_t count;
    candidate_t sorted[PARTITIONS]; /* the first in order is the last */
} merge_t;

typedef struct bound {
    size_t len;
    uint8_t bytes[STORE_KEY_BYTES_MAX + sizeof(uint64_t) + 1];
} bound_t;

/* Where the partition's rows behind a place begin; they may have the same one if the partition is behind that of the
   place. */
static void bound_behind(const source_t *source, uint8_t partition, span_t place, bound_t *bound) {
    size_t more = source->uncounted + 1;
    bool done = partition <= place.ptr[0];
    memcpy(bound->bytes, place.ptr, place.len);
    bound->bytes[0] = partition;
    memset(bound->bytes + place.len, source->uncounted > 0 ? 0xff : 0, more);
    bound->len = place.len + (done ? more : 0);
}

/* The first row of the partition behind the place; of all if it is absent. False: there is none. */
static bool candidate_read(const merge_t *self, uint8_t partition, span_t after, candidate_t *candidate) {
    store_key_t begin, end;
    bound_t bound;
    view_walk_t walk;
    store_key_class(&begin, partition, self->source->class);
    store_key_after(&end, &begin);
    span_t from = store_key_span(&begin);
    if (after.ptr != NULL) {
        bound_behind(self->source, partition, after, &bound);
        from = span_of(bound.bytes, bound.len);
    }
    view_walk_start(&walk, self->query->view, from, store_key_span(&end));
    while (view_walk_next(&walk, &candidate->key, &candidate->value)) {
        if (candidate->key.len <= STORE_KEY_BYTES_MAX && candidate->key.len >= begin.len + self->source->uncounted) {
            return true;
        }
    }
    return false;
}

static void merge_insert(merge_t *self, const candidate_t *candidate) {
    uint32_t low = 0, high = self->count;
    span_t place = place_of(self->source, candidate->key);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (place_compare(place_of(self->source, self->sorted[middle].key), place) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    memmove(&self->sorted[low + 1], &self->sorted[low], (self->count - low) * sizeof self->sorted[0]);
    self->sorted[low] = *candidate;
    self->count++;
}

static void merge_read(merge_t *self, uint8_t partition, span_t after) {
    candidate_t candidate;
    if (candidate_read(self, partition, after, &candidate)) {
        merge_insert(self, &candidate);
    }
}

static void merge_start(merge_t *self, const query_rows_t *query, const source_t *source, span_t after) {
    self->query = query;
    self->source = source;
    self->count = 0;
    for (uint32_t partition = query->place.shard; partition < PARTITIONS; partition += query->place.shards) {
        merge_read(self, (uint8_t)partition, after);
    }
}

static const candidate_t *merge_first(const merge_t *self) {
    return self->count == 0 ? NULL : &self->sorted[self->count - 1];
}

/* Replaces the first by the next of its partition. */
static void merge_advance(merge_t *self) {
    span_t place = place_of(self->source, self->sorted[--self->count].key);
    merge_read(self, place.ptr[0], place);
}

/* Items */

static uint32_t item_values(const page_t *self) {
    return 1 + 2 * self->source->item->field_count;
}

/* values: msgpack values in the item. False: there is no room, and the page is as before. */
static bool page_put(page_t *self, const void *item, uint32_t values) {
    list_writer_t before = self->items;
    if (values > VALUES_MAX - self->values) {
        return false;
    }
    list_writer_add(&self->items, item);
    if (!pack_ok(&self->items.pack)) {
        self->items = before;
        return false;
    }
    self->values += values;
    return true;
}

static bool is_asked_for(const page_t *self, span_t kind) {
    return self->kind.ptr == NULL || span_equal(self->kind, kind);
}

/* Bytes that may be anything, as ASCII; text has room for four times as many, and a NUL. */
static span_t print_bytes(span_t bytes, char *text) {
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bool plain = bytes.ptr[i] >= ' ' && bytes.ptr[i] <= '~' && bytes.ptr[i] != '\\';
        len += (size_t)snprintf(text + len, 5, plain ? "%c" : "\\x%02x", bytes.ptr[i]);
    }
    return span_of(text, len);
}

static span_t key_problem(span_t key, char problem[PROBLEM_BYTES]) {
    enum { SHOWN = 64 };
    char text[4 * SHOWN + 1] = "";
    (void)print_bytes(span_of(key.ptr, key.len < SHOWN ? key.len : SHOWN), text);
    snprintf(problem, PROBLEM_BYTES, "Its key cannot be read: %s%s", text, key.len > SHOWN ? "..." : "");
    return span_text(problem);
}

/* Timers */

static bool put_timer(page_t *self, timer_item_t *item, span_t key) {
    FIELD_SET(timer_item, item, place, key);
    return page_put(self, item, item_values(self));
}

/* Its key says nothing but perhaps its time. */
static bool put_nameless(page_t *self, const timer_row_t *timer, span_t key) {
    char problem[PROBLEM_BYTES];
    timer_item_t item = {0};
    FIELD_SET(timer_item, &item, when, timer->when_ms);
    FIELD_SET(timer_item, &item, kind, span_text(""));
    FIELD_SET(timer_item, &item, key, span_text(""));
    FIELD_SET(timer_item, &item, method, span_text(""));
    FIELD_SET(timer_item, &item, tag, span_text(""));
    FIELD_SET(timer_item, &item, attempts, 0);
    FIELD_SET(timer_item, &item, problem, key_problem(key, problem));
    return put_timer(self, &item, key);
}

static bool add_timer(page_t *self, span_t key, span_t value) {
    char method[4 * METHOD_BYTES_MAX + 1], tag[4 * TIMER_TAG_BYTES_MAX + 1];
    key_parts_t parts;
    timer_row_t timer;
    timer_item_t item = {0};
    bool sound = timer_row_read(key, value, &timer);
    self->look_bytes += value.len;
    if (!key_parts_read(&parts, key)) {
        return put_nameless(self, &timer, key);
    }
    if (!is_asked_for(self, parts.kind)) {
        return true;
    }
    FIELD_SET(timer_item, &item, when, parts.when_ms);
    FIELD_SET(timer_item, &item, kind, parts.kind);
    FIELD_SET(timer_item, &item, key, parts.key);
    FIELD_SET(timer_item, &item, method, print_bytes(parts.method, method));
    FIELD_SET(timer_item, &item, tag, print_bytes(parts.tag, tag));
    FIELD_SET(timer_item, &item, attempts, sound ? timer.attempts : 0);
    if (sound) {
        FIELD_SET(timer_item, &item, hops, timer.hops);
    } else {
        FIELD_SET(timer_item, &item, problem, span_text("It cannot be read"));
    }
    if (sound && timer.user.len > 0) {
        FIELD_SET(timer_item, &item, user, timer.user);
    }
    return put_timer(self, &item, key);
}

/* Streams */

/* The rows say which streams there are, the outbox how they stand. One may have rows that were acknowledged and are met
   once more (writer_drop). What cannot be read the outbox has met at the start. */
static bool add_stream(page_t *self, span_t key, span_t value) {
    key_parts_t parts;
    outbox_stream_t stream;
    stream_item_t item = {0};
    (void)value;
    const kind_t *kind = key_parts_read(&parts, key) ? self->query->kind_of(parts.kind) : NULL;
    if (kind == NULL || !is_asked_for(self, parts.kind) ||
        !outbox_look(self->query->outbox, parts.partition, kind, parts.to, &stream)) {
        return true;
    }
    FIELD_SET(stream_item, &item, from, parts.partition);
    FIELD_SET(stream_item, &item, kind, parts.kind);
    FIELD_SET(stream_item, &item, to, parts.to);
    FIELD_SET(stream_item, &item, acknowledged, stream.acknowledged);
    FIELD_SET(stream_item, &item, waiting, stream.last - stream.acknowledged);
    FIELD_SET(stream_item, &item, under_way, stream.sent - stream.acknowledged);
    FIELD_SET(stream_item, &item, tries, stream.tries);
    if (stream.since_us > 0) {
        FIELD_SET(stream_item, &item, waits_ms, (self->query->now_us - stream.since_us) / 1000);
    }
    FIELD_SET(stream_item, &item, place, place_of(self->source, key));
    return page_put(self, &item, item_values(self));
}

/* Dead letters */

static span_t letter_id(span_t key, const key_parts_t *parts, char id[2 * STORE_KEY_BYTES_MAX + 1]) {
    enum { PARTITION_BYTES = 1, CLASS_BYTES = 2 }; /* with its NUL */
    size_t skipped = parts->class == CLASS_DEAD_LETTER ? PARTITION_BYTES + CLASS_BYTES : PARTITION_BYTES;
    size_t len = (size_t)snprintf(id, 3, "%02x", key.ptr[0]);
    for (size_t i = skipped; i < key.len; i++) {
        len += (size_t)snprintf(id + len, 3, "%02x", key.ptr[i]);
    }
    return span_of(id, len);
}

static span_t kind_in(span_t address) {
    const uint8_t *slash = address.len == 0 ? NULL : memchr(address.ptr, '/', address.len);
    return span_of(address.ptr, slash == NULL ? 0 : (size_t)(slash - address.ptr));
}

/* What tells which fields of the body are secret; where nobody knows, all are. */
static const record_t *record_of_body(const page_t *self, const dead_letter_t *letter) {
    const kind_t *kind = self->query->kind_of(kind_in(letter->address));
    const method_t *method = kind == NULL ? NULL : kind_method(kind, letter->method);
    return method == NULL ? &record_empty : method->request;
}

/* Can the asker read an answer with this inside? Then it is on the tape. */
static bool travels(const page_t *self, span_t raw, uint32_t *values) {
    tape_t *tape = self->query->tape;
    if (tape_read_whole(tape, raw) != STATUS_OK || tape_depth(tape) > DEPTH_MAX - FRAME_DEPTH ||
        tape->count > VALUES_MAX - *values) {
        return false;
    }
    *values += tape->count;
    return true;
}

static bool show_chain(const page_t *self, const dead_letter_t *letter, dead_letter_item_t *item, uint32_t *values) {
    bool shown = !FIELD_HAS(dead_letter, letter, chain) || travels(self, letter->chain, values);
    if (shown) {
        FIELD_COPY(dead_letter_item, item, dead_letter, letter, chain);
    }
    return shown;
}

static bool show_body(const page_t *self, const dead_letter_t *letter, dead_letter_item_t *item, uint32_t *values) {
    pack_t pack = pack_into(self->scratch, BODY_BYTES_MAX);
    if (!travels(self, letter->body, values) || self->query->tape->tokens[0].type != TOKEN_MAP) {
        return false;
    }
    record_redact(record_of_body(self, letter), self->query->tape, 0, &pack);
    if (pack_ok(&pack)) {
        FIELD_SET(dead_letter_item, item, body, pack_bytes(&pack));
    }
    return pack_ok(&pack);
}

static void show_letter(const page_t *self, const dead_letter_t *letter, dead_letter_item_t *item, uint32_t *values) {
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, address);
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, method);
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, code);
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, text);
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, attempts);
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, hops);
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, number);
    FIELD_COPY(dead_letter_item, item, dead_letter, letter, user);
    bool chain = show_chain(self, letter, item, values);
    if (!show_body(self, letter, item, values) || !chain) {
        FIELD_SET(dead_letter_item, item, problem, span_text("Its body or its chain cannot be shown"));
    }
}

static bool letter_read(span_t key, span_t value, dead_letter_t *letter) {
    cell_t cell;
    return cell_open(&cell, key, value) && record_load(&record_dead_letter, cell.body, letter) == STATUS_OK;
}

static bool add_letter(page_t *self, span_t key, span_t value) {
    char id[2 * STORE_KEY_BYTES_MAX + 1], problem[PROBLEM_BYTES];
    uint32_t values = item_values(self);
    key_parts_t parts;
    dead_letter_t letter;
    dead_letter_item_t item = {0};
    bool named = key_parts_read(&parts, key);
    self->look_bytes += value.len;
    FIELD_SET(dead_letter_item, &item, id, letter_id(key, &parts, id));
    FIELD_SET(dead_letter_item, &item, at, parts.when_ms);
    FIELD_SET(dead_letter_item, &item, place, key);
    if (!named) {
        FIELD_SET(dead_letter_item, &item, problem, key_problem(key, problem));
    } else if (!letter_read(key, value, &letter)) {
        FIELD_SET(dead_letter_item, &item, problem, span_text("It cannot be read"));
    } else if (is_asked_for(self, kind_in(letter.address))) {
        show_letter(self, &letter, &item, &values);
    } else {
        return true;
    }
    return page_put(self, &item, values);
}

/* Pages */

static const source_t timers_source = {.class = 't', .item = &record_timer_item, .add = add_timer};
static const source_t streams_source = {
    .class = 'o', .item = &record_stream_item, .uncounted = sizeof(uint64_t), .add = add_stream};
static const source_t letters_source = {.class = 'd', .item = &record_dead_letter_item, .add = add_letter};

static bool page_full(const page_t *self) {
    return self->items.count >= self->limit || self->looks >= QUERY_LOOKS_MAX ||
           self->look_bytes >= QUERY_LOOK_BYTES_MAX;
}

static void page_fill(page_t *self, merge_t *merge) {
    const candidate_t *first;
    while (!page_full(self) && (first = merge_first(merge)) != NULL) {
        if (!self->source->add(self, first->key, first->value)) {
            CHECK(self->items.count > 0, "a row of %zu bytes has no room", first->value.len);
            return;
        }
        self->looks++;
        self->through = place_of(self->source, first->key);
        merge_advance(merge);
    }
}

static void page_pack(page_t *self, bool more, pack_t *reply) {
    span_t items;
    status_t status = list_writer_end(&self->items, &items);
    CHECK(status == STATUS_OK, "%u items", self->items.count);
    pack_map(reply, more ? 5 : 4);
    pack_cstring(reply, "shard");
    pack_u64(reply, self->query->place.shard);
    pack_cstring(reply, "shards");
    pack_u64(reply, self->query->place.shards);
    pack_cstring(reply, "items");
    pack_raw(reply, items);
    pack_cstring(reply, "more");
    pack_bool(reply, more);
    if (more) {
        pack_cstring(reply, "through");
        pack_binary(reply, self->through);
    }
    CHECK(pack_ok(reply), "%zu bytes of items in %zu", items.len, reply->capacity);
}

static status_t answer(const query_rows_t *self, const source_t *source, const rows_request_t *asked, pack_t *reply) {
    span_t after = FIELD_OR(rows_request, asked, after, (span_t){0});
    page_t page = {.query = self,
                   .source = source,
                   .kind = FIELD_OR(rows_request, asked, kind, (span_t){0}),
                   .limit = FIELD_OR(rows_request, asked, limit, LIMIT_DEFAULT)};
    if (after.ptr != NULL && after.ptr[1] != source->class) {
        return STATUS_INVALID;
    }
    uint8_t *items = malloc(ITEMS_BYTES);
    merge_t *merge = malloc(sizeof *merge);
    page.scratch = malloc(BODY_BYTES_MAX);
    CHECK(items != NULL && merge != NULL && page.scratch != NULL, "out of memory");
    list_writer_init(&page.items, source->item, items, ITEMS_BYTES);
    merge_start(merge, self, source, after);
    page_fill(&page, merge);
    page_pack(&page, merge->count > 0, reply);
    free(page.scratch);
    free(merge);
    free(items);
    return STATUS_OK;
}

status_t query_timers(const query_rows_t *self, const rows_request_t *asked, pack_t *reply) {
    return answer(self, &timers_source, asked, reply);
}

status_t query_streams(const query_rows_t *self, const rows_request_t *asked, pack_t *reply) {
    return answer(self, &streams_source, asked, reply);
}

status_t query_dead_letters(const query_rows_t *self, const rows_request_t *asked, pack_t *reply) {
    return answer(self, &letters_source, asked, reply);
}
