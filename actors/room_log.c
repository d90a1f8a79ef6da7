/* SPDX-License-Identifier: MIT */
/* seq is dense, so a page is a range of keys, whichever way it is read. */
#include "actors/room_log.h"

#include <sodium.h>

#include "actors/row_key.h"
#include "schemas/address.h"
#include "schemas/list.h"

enum {
    ENTRY_BYTES_MAX = ROOM_TEXT_BYTES_MAX + 1024, /* encoded: text, author, client id, numbers and names */
    HASH_BYTES = 32,
    ID_BYTES_MAX = 48, /* encoded, with its name */
};

typedef enum row_class { ENTRY = 'l', NAME = 'c', HASHED_NAME = 'h' } row_class_t;

typedef struct number_bytes {
    uint8_t bytes[sizeof(uint64_t)];
} number_bytes_t;

static number_bytes_t number_write(uint64_t number) {
    number_bytes_t written;
    number = htobe64(number);
    memcpy(written.bytes, &number, sizeof number);
    return written;
}

static uint64_t number_read(span_t bytes) {
    uint64_t number;
    CHECK(bytes.len == sizeof number, "%zu bytes", bytes.len);
    memcpy(&number, bytes.ptr, sizeof number);
    return be64toh(number);
}

/* Keys. */

/* author has no slash, so no two names are the same bytes. */
static span_t name_key(turn_t *turn, span_t author, span_t client_id) {
    size_t len = 1 + author.len + 1 + client_id.len;
    uint8_t *key = turn_alloc(turn, len + 1 + HASH_BYTES);
    key[0] = NAME;
    if (author.ptr != NULL) {
        memcpy(key + 1, author.ptr, author.len);
    }
    key[1 + author.len] = '/';
    memcpy(key + 1 + author.len + 1, client_id.ptr, client_id.len);
    if (len <= SUBKEY_BYTES_MAX) {
        return span_of(key, len);
    }
    uint8_t *hashed = key + len;
    hashed[0] = HASHED_NAME;
    crypto_generichash(hashed + 1, HASH_BYTES, key, len, NULL, 0);
    return span_of(hashed, 1 + HASH_BYTES);
}

/* Ids. */

/* A message's id is made of what never changes, so it is the same whoever is shown it: a UUIDv8 which begins, as a v7,
   with the time, and goes on with a hash of room and seq. */
static void give_id(turn_t *turn, room_entry_t *entry) {
    enum { TIME_BYTES = 6 };
    uint8_t hash[KEYED_HASH_BYTES], name[KEY_BYTES_MAX + sizeof(uint64_t)];
    number_bytes_t seq = number_write(entry->seq), time = number_write(entry->created_at);
    span_t room = turn_key(turn);
    if (entry->type != room_entry_type_message) {
        return;
    }
    char *id = turn_alloc(turn, UUID_TEXT_BYTES);
    memcpy(name, seq.bytes, sizeof seq.bytes);
    memcpy(name + sizeof seq.bytes, room.ptr, room.len);
    turn_keyed_hash(turn, "message", span_of(name, sizeof seq.bytes + room.len), hash);
    memcpy(hash, time.bytes + sizeof time.bytes - TIME_BYTES, TIME_BYTES);
    uuid_v8(hash, id);
    FIELD_SET(room_entry, entry, id, span_of(id, UUID_TEXT_BYTES));
}

/* Writing. */

static status_t publish(turn_t *turn, const room_entry_t *entry) {
    static const uint32_t events[room_entry_type_COUNT] = {
        [room_entry_type_created] = EVENT_room_created,
        [room_entry_type_joined] = EVENT_room_joined,
        [room_entry_type_left] = EVENT_room_left,
        [room_entry_type_message] = EVENT_room_message,
    };
    room_event_t event = {0};
    FIELD_COPY(room_event, &event, room_entry, entry, seq);
    FIELD_COPY(room_event, &event, room_entry, entry, number);
    FIELD_COPY(room_event, &event, room_entry, entry, author);
    FIELD_COPY(room_event, &event, room_entry, entry, client_id);
    FIELD_COPY(room_event, &event, room_entry, entry, text);
    FIELD_COPY(room_event, &event, room_entry, entry, created_at);
    FIELD_COPY(room_event, &event, room_entry, entry, id);
    return turn_publish(turn, events[entry->type], &event);
}

static status_t put_entry(turn_t *turn, const room_entry_t *entry) {
    row_key_t key = row_key(ENTRY, entry->seq);
    return row_put(turn, row_key_span(&key), &record_room_entry, entry, ENTRY_BYTES_MAX);
}

static status_t put_name(turn_t *turn, const room_entry_t *entry) {
    number_bytes_t seq = number_write(entry->seq);
    return turn_put(turn, name_key(turn, FIELD_OR(room_entry, entry, author, (span_t){0}), entry->client_id),
                    span_of(seq.bytes, sizeof seq.bytes));
}

status_t room_log_append(turn_t *turn, room_t *room, room_entry_t *entry) {
    bool message = entry->type == room_entry_type_message;
    FIELD_SET(room, room, seq, room->seq + 1);
    FIELD_SET(room, room, number, room->number + (message ? 1 : 0));
    FIELD_SET(room, room, last_at, turn_now(turn));
    FIELD_SET(room_entry, entry, seq, room->seq);
    FIELD_SET(room_entry, entry, created_at, room->last_at);
    if (message) {
        FIELD_SET(room, room, last_message, room->seq);
        FIELD_SET(room_entry, entry, number, room->number);
    }
    status_t status = put_entry(turn, entry);
    if (status == STATUS_OK && message) {
        status = put_name(turn, entry);
    }
    give_id(turn, entry); /* not stored */
    return status == STATUS_OK ? publish(turn, entry) : status;
}

/* Reading. */

static status_t load(turn_t *turn, span_t row, room_entry_t *entry) {
    status_t status = record_load(&record_room_entry, row, entry);
    if (status == STATUS_OK) {
        give_id(turn, entry);
    }
    return status;
}

status_t room_log_get(turn_t *turn, uint64_t seq, room_entry_t *entry) {
    row_key_t key = row_key(ENTRY, seq);
    span_t value;
    *entry = (room_entry_t){0};
    status_t status = turn_get(turn, row_key_span(&key), &value);
    return status != STATUS_OK || value.ptr == NULL ? status : load(turn, value, entry);
}

status_t room_log_find(turn_t *turn, span_t author, span_t client_id, room_entry_t *entry) {
    span_t value;
    *entry = (room_entry_t){0};
    status_t status = turn_get(turn, name_key(turn, author, client_id), &value);
    if (status != STATUS_OK || value.ptr == NULL) {
        return status;
    }
    status = room_log_get(turn, number_read(value), entry);
    return status == STATUS_OK && entry->seq == 0 ? STATUS_INTERNAL : status;
}

typedef struct rows {
    span_t values[ROOM_PAGE_MAX];
    uint32_t count;
    size_t bytes, bytes_max; /* no more are taken where they would be too many */
} rows_t;

static bool take(void *context, span_t subkey, span_t value) {
    rows_t *rows = context;
    (void)subkey;
    if (rows->count == ROOM_PAGE_MAX || (rows->count > 0 && value.len > rows->bytes_max - rows->bytes)) {
        return false;
    }
    rows->values[rows->count++] = value;
    rows->bytes += value.len;
    return true;
}

/* Entries from `first` on, up to but without `end`. */
static status_t read_rows(turn_t *turn, uint64_t first, uint64_t end, size_t bytes_max, rows_t *rows) {
    row_key_t from = row_key(ENTRY, first), to = row_key(ENTRY, end);
    rows->count = 0;
    rows->bytes = 0;
    rows->bytes_max = bytes_max;
    return turn_list(turn, row_key_span(&from), row_key_span(&to), take, rows);
}

/* The latest first, and only as many as fit. */
static void turn_round(rows_t *rows) {
    rows_t kept = {.bytes_max = ROOM_LOG_PAGE_BYTES};
    while (rows->count > 0 && take(&kept, (span_t){0}, rows->values[rows->count - 1])) {
        rows->count--;
    }
    *rows = kept;
}

static status_t encode(turn_t *turn, const rows_t *rows, room_log_page_t *page) {
    size_t room = LIST_HEAD_BYTES + rows->bytes + rows->count * (size_t)ID_BYTES_MAX;
    list_writer_t writer;
    *page = (room_log_page_t){.count = rows->count};
    list_writer_init(&writer, &record_room_entry, turn_alloc(turn, room), room);
    for (uint32_t i = 0; i < rows->count; i++) {
        room_entry_t entry;
        status_t status = load(turn, rows->values[i], &entry);
        if (status != STATUS_OK) {
            return status;
        }
        list_writer_add(&writer, &entry);
        page->last = entry.seq;
    }
    return list_writer_end(&writer, &page->items);
}

status_t room_log_after(turn_t *turn, uint64_t after, uint64_t before, uint32_t limit, room_log_page_t *page) {
    rows_t rows = {0};
    status_t status = STATUS_OK;
    CHECK(limit <= ROOM_PAGE_MAX, "%u entries", limit);
    if (before > after + 1 && after < UINT64_MAX) {
        uint64_t end = before - after - 1 > limit ? after + 1 + limit : before;
        status = read_rows(turn, after + 1, end, ROOM_LOG_PAGE_BYTES, &rows);
    }
    return status == STATUS_OK ? encode(turn, &rows, page) : status;
}

status_t room_log_before(turn_t *turn, uint64_t before, uint32_t limit, room_log_page_t *page) {
    rows_t rows;
    CHECK(limit <= ROOM_PAGE_MAX, "%u entries", limit);
    status_t status = read_rows(turn, before > limit ? before - limit : 0, before, SIZE_MAX, &rows);
    if (status == STATUS_OK) {
        turn_round(&rows);
        status = encode(turn, &rows, page);
    }
    return status;
}
