/* SPDX-License-Identifier: MIT */
/*
 * A stream counts
 *
 *      acknowledged        sent            next
 *   ───────────┼─────────────┼───────────────┼──►
 *    rows gone │  under way  │    waiting    │
 *
 * and is in one of these lists: idle (nothing but its marks; leaves memory when others need the room), ready (may send
 * now), one list for each length of waiting, in which the first is due first, or stopped. What is sent again goes out
 * from the oldest on: one message, then twice as many each time that some are consumed.
 *
 * A row that is damaged or missing stops its stream there, and only that: nothing is skipped, what is sent from here on
 * waits behind it.
 */
#include "actors/outbox.h"

#include <xxhash.h>

#include "actors/cell.h"
#include "actors/effect.h"
#include "actors/key_parts.h"
#include "actors/store_key.h"
#include "schemas/address.h"
#include "storage/little_endian.h"

#define HASH_FUNCTION(key, bytes, hash) (hash) = (unsigned)XXH3_64bits(key, bytes)
#include <uthash.h>
#include <utlist.h>

enum {
    WAIT_LEVELS = 8,
    WAIT_US = 50000,      /* on the first level, which is for what failed; twice that on the next, ... */
    LEVEL_OF_SILENCE = 3, /* for an answer */
};

#define ROW_BYTES_MAX (CELL_HEADER_BYTES + MESSAGE_OVERHEAD_BYTES + CHAIN_BYTES_MAX + KEY_BYTES_MAX + VALUE_BYTES_MAX)

typedef enum place { PLACE_IDLE, PLACE_READY, PLACE_WAITING, PLACE_STOPPED } place_t;

#define NO_STOP UINT64_MAX
#define NO_MARK UINT64_MAX

typedef struct name {
    const kind_t *kind;
    uint8_t from, to;
} name_t;

typedef struct entry {
    name_t name;
    UT_hash_handle hh;
    struct entry *prev, *next_entry;
    uint64_t acknowledged, sent, next;
    uint64_t stop; /* the row that is damaged or missing, or NO_STOP */
    place_t place;
    uint32_t level;  /* WAITING: of the list */
    uint32_t tries;  /* in a row that failed or got lost */
    uint32_t window; /* messages that may be under way */
    uint64_t due_us;
    uint64_t since_us; /* when its first row became the first; 0: it was so at the start */
} entry_t;

struct outbox {
    outbox_options_t options;
    uint8_t folder[FOLDER_ID_BYTES];
    entry_t *by_name;
    entry_t *idle, *ready, *stopped, *waiting[WAIT_LEVELS];
    uint32_t streams;
    uint32_t messages[PARTITIONS];
    uint64_t count;
    uint8_t *scratch; /* ROW_BYTES_MAX: a row being built */
};

static span_t kind_name(const entry_t *entry) {
    return span_text(entry->name.kind->name);
}

/* Lists. */

static entry_t **list_of(outbox_t *self, const entry_t *entry) {
    switch (entry->place) {
    case PLACE_IDLE:
        return &self->idle;
    case PLACE_READY:
        return &self->ready;
    case PLACE_WAITING:
        return &self->waiting[entry->level];
    case PLACE_STOPPED:
        return &self->stopped;
    }
    return NULL;
}

static void leave(outbox_t *self, entry_t *entry) {
    entry_t **list = list_of(self, entry);
    DL_DELETE2(*list, entry, prev, next_entry);
}

static void enter(outbox_t *self, entry_t *entry, place_t place) {
    entry->place = place;
    entry_t **list = list_of(self, entry);
    DL_APPEND2(*list, entry, prev, next_entry);
}

static void rest(outbox_t *self, entry_t *entry, uint32_t level, uint64_t now_us) {
    entry->level = level < WAIT_LEVELS ? level : WAIT_LEVELS - 1;
    entry->due_us = now_us + ((uint64_t)WAIT_US << entry->level);
    enter(self, entry, PLACE_WAITING);
}

/* The last number that may be under way now. */
static uint64_t window_end(const entry_t *entry) {
    uint64_t end = entry->acknowledged + entry->window;
    uint64_t last = entry->next - 1 < entry->stop ? entry->next - 1 : entry->stop - 1;
    return end < last ? end : last;
}

/* What is under way counts for nothing: begin again from the oldest. */
static void begin_again(entry_t *entry) {
    entry->sent = entry->acknowledged;
    entry->window = 1;
}

/* Puts an entry that is in no list where it belongs. */
static void settle(outbox_t *self, entry_t *entry, uint64_t now_us) {
    if (entry->sent < window_end(entry)) {
        enter(self, entry, PLACE_READY);
    } else if (entry->acknowledged < entry->sent) {
        rest(self, entry, LEVEL_OF_SILENCE + entry->tries, now_us);
    } else {
        enter(self, entry, entry->next == entry->acknowledged + 1 ? PLACE_IDLE : PLACE_STOPPED);
    }
}

/* Entries. */

static void forget(outbox_t *self, entry_t *entry) {
    leave(self, entry);
    HASH_DELETE(hh, self->by_name, entry);
    self->streams--;
    free(entry);
}

static name_t name_of(uint8_t from, const kind_t *kind, uint8_t to) {
    name_t name;
    memset(&name, 0, sizeof name); /* padding is part of what is hashed */
    name.kind = kind;
    name.from = from;
    name.to = to;
    return name;
}

static entry_t *find(const outbox_t *self, name_t name) {
    entry_t *entry;
    HASH_FIND(hh, self->by_name, &name, sizeof name, entry);
    return entry;
}

/* NO_MARK: it is damaged. */
static status_t read_mark(const outbox_t *self, name_t name, uint64_t *acknowledged) {
    store_key_t key;
    span_t value;
    cell_t cell;
    store_key_acknowledged(&key, name.from, span_text(name.kind->name), name.to);
    status_t status = view_get(self->options.view, store_key_span(&key), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        *acknowledged = 0;
        return status;
    }
    bool whole = cell_open(&cell, store_key_span(&key), value) && cell.body.len == sizeof *acknowledged;
    *acknowledged = whole ? little_endian_get_u64(cell.body.ptr) : NO_MARK;
    return STATUS_OK;
}

static entry_t *entry_new(outbox_t *self, name_t name, uint64_t acknowledged) {
    entry_t *entry = calloc(1, sizeof *entry);
    CHECK(entry != NULL, "out of memory");
    entry->name = name;
    entry->acknowledged = entry->sent = acknowledged;
    entry->next = acknowledged + 1;
    entry->stop = NO_STOP;
    entry->window = STREAM_WINDOW;
    HASH_ADD(hh, self->by_name, name, sizeof entry->name, entry);
    self->streams++;
    enter(self, entry, PLACE_IDLE);
    return entry;
}

/* The stream of this name, from its mark if it is not in memory: then it has no rows. None leaves memory here, since a
   turn may be about to use it. */
static status_t entry_of(outbox_t *self, name_t name, entry_t **found) {
    uint64_t acknowledged;
    entry_t *entry = find(self, name);
    if (entry == NULL) {
        status_t status = read_mark(self, name, &acknowledged);
        if (status != STATUS_OK || acknowledged == NO_MARK) {
            return STATUS_INTERNAL;
        }
        entry = entry_new(self, name, acknowledged);
    }
    *found = entry;
    return STATUS_OK;
}

static void make_room(outbox_t *self) {
    while (self->streams > self->options.streams_max && self->idle != NULL) {
        forget(self, self->idle);
    }
}

/* Damage. */

static void tell(const outbox_t *self, uint8_t from, span_t kind, uint8_t to, uint64_t number, const char *what) {
    char text[256];
    snprintf(text, sizeof text, "message %llu from partition %u to partition %u of this kind: %s",
             (unsigned long long)number, from, to, what);
    if (self->options.tell != NULL) {
        self->options.tell(kind, (span_t){0}, text);
    }
}

static void stop(const outbox_t *self, entry_t *entry, uint64_t number, const char *what) {
    if (number < entry->stop) {
        entry->stop = number;
        tell(self, entry->name.from, kind_name(entry), entry->name.to, number, what);
    }
}

/* Life. */

/* The stream of a row that was found at the start. Rows and mark change together, so that where the mark is damaged the
   first row tells it; whoever receives the stream knows it, too. */
static status_t entry_of_row(outbox_t *self, name_t name, uint64_t number, entry_t **found) {
    uint64_t acknowledged;
    *found = find(self, name);
    if (*found != NULL) {
        return STATUS_OK;
    }
    status_t status = read_mark(self, name, &acknowledged);
    if (status != STATUS_OK) {
        return status;
    }
    if (acknowledged == NO_MARK) {
        acknowledged = number - 1;
        tell(self, name.from, span_text(name.kind->name), name.to, number, "the mark before it is damaged");
    }
    *found = entry_new(self, name, acknowledged);
    return STATUS_OK;
}

static void load_number(outbox_t *self, entry_t *entry, uint64_t number) {
    if (number < entry->next) {
        tell(self, entry->name.from, kind_name(entry), entry->name.to, number, "it is there though it was consumed");
        return;
    }
    if (number > entry->next) {
        stop(self, entry, entry->next, "it is missing, and its stream stops there");
    }
    uint64_t count = number + 1 - entry->next;
    entry->next += count;
    self->messages[entry->name.from] += (uint32_t)count;
    self->count += count;
    leave(self, entry);
    settle(self, entry, 0);
}

/* The first possible key behind one; of any length that a key of the store may have, since rot knows no bounds. */
typedef struct place_behind {
    uint8_t bytes[LMDB_KEY_BYTES_MAX + 1];
    size_t len;
} place_behind_t;

static void place_behind(place_behind_t *self, span_t key) {
    CHECK(key.len <= LMDB_KEY_BYTES_MAX, "%zu bytes", key.len);
    memcpy(self->bytes, key.ptr, key.len);
    self->bytes[key.len] = 0;
    self->len = key.len + 1;
}

/* One row that was found at the start. Those of a kind that nobody knows stay where they are: the walk goes on behind
   the last of them. */
static status_t load_row(outbox_t *self, span_t key, place_behind_t *behind) {
    key_parts_t parts;
    entry_t *entry;
    if (!key_parts_read(&parts, key)) {
        tell(self, key.ptr[0], (span_t){0}, 0, 0, "a row has a key that cannot be read, and is passed over");
        return STATUS_OK;
    }
    const kind_t *kind = self->options.kind_of(parts.kind);
    if (kind == NULL) {
        store_key_t last;
        tell(self, parts.partition, parts.kind, parts.to, parts.number,
             "there is no such kind, so its stream stops there");
        store_key_outbox(&last, parts.partition, parts.kind, parts.to, UINT64_MAX);
        place_behind(behind, store_key_span(&last));
        return STATUS_OK;
    }
    status_t status = entry_of_row(self, name_of(parts.partition, kind, parts.to), parts.number, &entry);
    if (status == STATUS_OK) {
        load_number(self, entry, parts.number);
    }
    return status;
}

/* The mark of a stream is read while the rows are walked, so the walk goes on behind the last key each time. */
static status_t load_partition(outbox_t *self, uint8_t partition) {
    uint8_t found[LMDB_KEY_BYTES_MAX];
    store_key_t first, to;
    place_behind_t from;
    span_t key, value;
    view_walk_t walk;
    store_key_class(&first, partition, 'o');
    store_key_after(&to, &first);
    place_behind(&from, store_key_span(&first));
    for (;;) {
        view_walk_start(&walk, self->options.view, span_of(from.bytes, from.len), store_key_span(&to));
        if (!view_walk_next(&walk, &key, &value)) {
            return STATUS_OK;
        }
        memcpy(found, key.ptr, key.len);
        place_behind(&from, key);
        status_t status = load_row(self, span_of(found, key.len), &from);
        if (status != STATUS_OK) {
            return status;
        }
    }
}

status_t outbox_open(const outbox_options_t *options, outbox_t **outbox) {
    outbox_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    memcpy(self->folder, options->folder, sizeof self->folder);
    self->scratch = malloc(ROW_BYTES_MAX);
    CHECK(self->scratch != NULL, "out of memory");
    for (uint32_t partition = options->shard; partition < PARTITIONS; partition += options->shards) {
        status_t status = load_partition(self, (uint8_t)partition);
        if (status != STATUS_OK) {
            outbox_close(&self);
            return status;
        }
    }
    *outbox = self;
    return STATUS_OK;
}

void outbox_close(outbox_t **self_p) {
    outbox_t *self = *self_p;
    entry_t *entry, *after;
    if (self == NULL) {
        return;
    }
    HASH_ITER(hh, self->by_name, entry, after) {
        HASH_DELETE(hh, self->by_name, entry);
        free(entry);
    }
    free(self->scratch);
    free(self);
    *self_p = NULL;
}

/* Sending. */

static void send_row(batch_t *batch, span_t message) {
    effect_add_raw(batch, (effect_t){.type = EFFECT_SEND}, message);
}

status_t outbox_prepare(outbox_t *self, uint8_t from, const kind_t *kind, span_t key) {
    entry_t *entry;
    if (!address_key_valid(key)) {
        return STATUS_INVALID_ADDRESS;
    }
    uint8_t to = address_partition(span_text(kind->name), key);
    return entry_of(self, name_of(from, kind, to), &entry);
}

/* The row with this number, in scratch. */
static span_t build(outbox_t *self, const entry_t *entry, const message_t *message, uint64_t number, store_key_t *key) {
    uint8_t stream_bytes[128 + CHAIN_BYTES_MAX];
    stream_t stream = {.from = entry->name.from, .to = entry->name.to, .kind = entry->name.kind, .number = number};
    memcpy(stream.folder, self->folder, sizeof stream.folder);
    pack_t stream_pack_ = pack_into(stream_bytes, sizeof stream_bytes);
    stream_pack(&stream, message->chain, &stream_pack_);
    CHECK(pack_ok(&stream_pack_), "a chain of %zu bytes", message->chain.len);
    pack_t pack = pack_into(self->scratch + CELL_HEADER_BYTES, ROW_BYTES_MAX - CELL_HEADER_BYTES);
    envelope_encode(&(envelope_t){.type = ENVELOPE_TELL,
                                  .hops = message->hops,
                                  .kind = kind_name(entry),
                                  .key = message->key,
                                  .method = message->method,
                                  .stream = pack_bytes(&stream_pack_),
                                  .subject = message->user,
                                  .role = message->role,
                                  .trace = message->trace,
                                  .body = message->body},
                    &pack);
    CHECK(pack_ok(&pack), "a message of %zu bytes", message->body.len);
    store_key_outbox(key, entry->name.from, kind_name(entry), entry->name.to, number);
    cell_seal(self->scratch, store_key_span(key), 0, 0, pack.len);
    return span_of(self->scratch, CELL_HEADER_BYTES + pack.len);
}

void outbox_add(outbox_t *self, writer_t *writer, const message_t *message, uint64_t now_us) {
    store_key_t key;
    uint8_t to = address_partition(span_text(message->kind->name), message->key);
    entry_t *entry = find(self, name_of(message->from, message->kind, to));
    CHECK(entry != NULL, "nobody prepared a message to %s", message->kind->name);
    span_t row = build(self, entry, message, entry->next, &key);
    writer_put_fresh(writer, store_key_span(&key), row);
    entry->since_us = entry->next == entry->acknowledged + 1 ? now_us : entry->since_us;
    entry->next++;
    self->messages[message->from]++;
    self->count++;
    if (entry->sent + 2 == entry->next && window_end(entry) == entry->sent + 1) {
        entry->sent++;
        send_row(writer->batch, span_of(row.ptr + CELL_HEADER_BYTES, row.len - CELL_HEADER_BYTES));
    }
    if (entry->place != PLACE_WAITING) { /* else it goes on waiting: for the answer to those before, or to try again */
        leave(self, entry);
        settle(self, entry, now_us);
    }
}

static void write_mark(outbox_t *self, writer_t *writer, const entry_t *entry) {
    store_key_t key;
    store_key_acknowledged(&key, entry->name.from, kind_name(entry), entry->name.to);
    little_endian_put_u64(self->scratch + CELL_HEADER_BYTES, entry->acknowledged);
    cell_seal(self->scratch, store_key_span(&key), 0, 0, sizeof entry->acknowledged);
    writer_put(writer, store_key_span(&key), span_of(self->scratch, CELL_HEADER_BYTES + sizeof entry->acknowledged));
}

static void trim(outbox_t *self, writer_t *writer, entry_t *entry, uint64_t through) {
    store_key_t key;
    uint64_t count = through - entry->acknowledged;
    for (uint64_t number = entry->acknowledged + 1; number <= through; number++) {
        store_key_outbox(&key, entry->name.from, kind_name(entry), entry->name.to, number);
        writer_drop(writer, store_key_span(&key));
    }
    self->messages[entry->name.from] -= (uint32_t)count;
    self->count -= count;
    entry->acknowledged = through;
    entry->sent = entry->sent < through ? through : entry->sent;
    entry->stop = entry->stop <= through ? NO_STOP : entry->stop; /* it had been sent before it was damaged */
    entry->tries = 0;
    entry->window = 2 * entry->window < STREAM_WINDOW ? 2 * entry->window : STREAM_WINDOW;
    write_mark(self, writer, entry);
}

void outbox_acknowledge(outbox_t *self, writer_t *writer, const stream_ack_t *ack, uint64_t now_us) {
    const stream_t *stream = &ack->stream;
    entry_t *entry = find(self, name_of(stream->from, stream->kind, stream->to));
    if (entry == NULL || memcmp(stream->folder, self->folder, sizeof self->folder) != 0 ||
        stream->number >= entry->next || stream->number < entry->acknowledged) {
        return; /* old news */
    }
    bool progress = stream->number > entry->acknowledged;
    bool resting = entry->place == PLACE_WAITING && entry->sent == entry->acknowledged;
    if (!progress && (!ack->failed || resting)) {
        return; /* heard before */
    }
    leave(self, entry);
    if (progress) {
        trim(self, writer, entry, stream->number);
        entry->since_us = now_us;
    }
    if (ack->failed && entry->next > entry->acknowledged + 1) {
        begin_again(entry);
        rest(self, entry, entry->tries++, now_us);
    } else {
        settle(self, entry, now_us);
    }
}

/* Those that waited long enough for an answer begin again from the oldest. */
static void expire(outbox_t *self, uint64_t now_us) {
    for (uint32_t level = 0; level < WAIT_LEVELS; level++) {
        while (self->waiting[level] != NULL && self->waiting[level]->due_us <= now_us) {
            entry_t *entry = self->waiting[level];
            leave(self, entry);
            entry->tries += entry->sent > entry->acknowledged; /* silence; else it failed, and was counted */
            begin_again(entry);
            enter(self, entry, PLACE_READY);
        }
    }
}

static bool has_room(const batch_t *batch) {
    return batch->effects_bytes + TURN_EFFECTS_BYTES_MAX + ROW_BYTES_MAX <= BATCH_EFFECTS_BYTES;
}

/* Sends the rows of one stream that its window allows. They are dense by promise, so what is not there is damage. */
static void send_rows(outbox_t *self, entry_t *entry, batch_t *batch) {
    store_key_t from, to, expected;
    span_t key, value;
    view_walk_t walk;
    cell_t cell;
    uint64_t end = window_end(entry);
    store_key_outbox(&from, entry->name.from, kind_name(entry), entry->name.to, entry->sent + 1);
    store_key_outbox(&to, entry->name.from, kind_name(entry), entry->name.to, end + 1);
    view_walk_start(&walk, self->options.view, store_key_span(&from), store_key_span(&to));
    while (entry->sent < end && has_room(batch)) {
        store_key_outbox(&expected, entry->name.from, kind_name(entry), entry->name.to, entry->sent + 1);
        if (!view_walk_next(&walk, &key, &value) || !span_equal(key, store_key_span(&expected)) ||
            !cell_open(&cell, key, value)) {
            stop(self, entry, entry->sent + 1, "it is damaged, and its stream stops there");
            return;
        }
        send_row(batch, cell.body);
        entry->sent++;
    }
}

void outbox_pump(outbox_t *self, batch_t *batch, uint64_t now_us) {
    make_room(self);
    expire(self, now_us);
    while (self->ready != NULL && has_room(batch)) {
        entry_t *entry = self->ready;
        send_rows(self, entry, batch);
        leave(self, entry);
        settle(self, entry, now_us);
    }
}

uint64_t outbox_due_us(const outbox_t *self) {
    uint64_t due_us = self->ready != NULL ? 0 : UINT64_MAX;
    for (uint32_t level = 0; level < WAIT_LEVELS; level++) {
        const entry_t *first = self->waiting[level];
        due_us = first != NULL && first->due_us < due_us ? first->due_us : due_us;
    }
    return due_us;
}

uint32_t outbox_messages(const outbox_t *self, uint8_t partition) {
    return self->messages[partition];
}

uint64_t outbox_count(const outbox_t *self) {
    return self->count;
}

bool outbox_look(const outbox_t *self, uint8_t from, const kind_t *kind, uint8_t to, outbox_stream_t *stream) {
    const entry_t *entry = find(self, name_of(from, kind, to));
    if (entry == NULL || entry->next == entry->acknowledged + 1) {
        return false;
    }
    *stream = (outbox_stream_t){.acknowledged = entry->acknowledged,
                                .sent = entry->sent,
                                .last = entry->next - 1,
                                .tries = entry->tries,
                                .since_us = entry->since_us};
    return true;
}

void outbox_check(const outbox_t *self) {
    uint64_t count = 0;
    for (const entry_t *entry = self->by_name; entry != NULL; entry = entry->hh.next) {
        CHECK(entry->acknowledged <= entry->sent && entry->sent < entry->next, "%llu, %llu, %llu",
              (unsigned long long)entry->acknowledged, (unsigned long long)entry->sent,
              (unsigned long long)entry->next);
        CHECK(entry->sent - entry->acknowledged <= STREAM_WINDOW, "more under way than the window");
        CHECK((entry->place == PLACE_IDLE) == (entry->next == entry->acknowledged + 1), "rows of an idle stream");
        CHECK(entry->sent < entry->stop, "sent from %llu on", (unsigned long long)entry->stop);
        count += entry->next - 1 - entry->acknowledged;
    }
    CHECK(count == self->count, "%llu rows, %llu counted", (unsigned long long)count, (unsigned long long)self->count);
}
