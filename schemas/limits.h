/* SPDX-License-Identifier: MIT */
/*
 * Every fixed limit, with its unit in its name, and the arithmetic between them. What an operator may change is a
 * setting (settings.def); what would change a format or a promise is here.
 */
#ifndef DORAN_LIMITS_H
#define DORAN_LIMITS_H

#include <assert.h>
#include <stddef.h>

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

enum {
    /* Addresses (DESIGN §3). */
    KIND_BYTES_MAX = 32,
    KEY_BYTES_MAX = 200,
    UUID_TEXT_BYTES = 36,
    SUBKEY_BYTES_MAX = 200,
    PARTITIONS = 256,
    SHARDS_MAX = 16,

    /* Envelopes. */
    ENVELOPE_FIELDS = 15,
    ENVELOPE_VERSION = 1,
    SESSION_BYTES = 16,
    HANDLE_BYTES = 16,
    IDEMPOTENCY_BYTES = 16, /* what the server makes of an idempotency key */
    KEYED_HASH_BYTES = 32,
    TRACE_BYTES = 25,
    METHOD_BYTES_MAX = 32,
    IDEMPOTENCY_KEY_BYTES_MAX = 255,
    HOPS_MAX = 64,
    ELEMENTS_MAX = 16384,   /* msgpack values in one envelope */
    DEPTH_MAX = 16,         /* containers inside one another */
    MAP_KEYS_MAX = 64,      /* keys of one map: as many as a record may have fields; each is compared with all others */
    RECORD_NESTING_MAX = 4, /* lists and records inside one another, of the fields of a record */
    SUBJECT_BYTES_MAX = KIND_BYTES_MAX + 1 + KEY_BYTES_MAX, /* an address */
    ROLE_BYTES_MAX = 32,

    /* A turn (DESIGN §4). */
    TURN_WRITES_MAX = 256,
    ANSWERS_PER_SESSION_MAX = 1024, /* kept by one partition */
    ANSWERS_TRIMMED_MAX = 64,       /* dropped by one turn */

    /* What else a turn may do (DESIGN §4). */
    TURN_SENDS_MAX = 64,   /* messages to other actors */
    TURN_EVENTS_MAX = 64,  /* events published */
    TURN_WORKS_MAX = 4,    /* orders of work off the shard */
    TURN_ANSWERS_MAX = 16, /* holds answered */
    TIMER_TAG_BYTES_MAX = 100,
    HOLD_BYTES = 64,
    HELD_MAX = 65536, /* requests of one shard that wait for an answer of a later turn */

    /* Streams between actors. */
    FOLDER_ID_BYTES = 16,
    STREAM_WINDOW = 256,      /* messages of one stream that were handed on and are not yet consumed */
    DELIVERIES_MAX = 5,       /* of one message or timer that fails; then it is a dead letter */
    CHAIN_MAX = 8,            /* addresses that a message remembers when it comes near HOPS_MAX */
    TURN_ROWS_OF_RUNTIME = 8, /* answer, twice, and its mark, consumed mark, timer, dead letter */
    INDEXED_FIELDS_MAX = 8,
    INDEX_VALUE_BYTES_MAX = 64, /* of a text; what is longer is found by its beginning */
    SEARCHED_BYTES_MAX = 400,   /* of all texts of a record that are searched, each with a NUL */

    /* Passwords, in Unicode as they are typed, and their hashes as texts ($argon2id$…). */
    PASSWORD_CHARACTERS_MIN = 8,
    PASSWORD_CHARACTERS_MAX = 128,
    PASSWORD_BYTES_MAX = 4 * PASSWORD_CHARACTERS_MAX,
    PHC_BYTES_MAX = 127,

    /* Login sessions. Their user has them in subkeys, with something before the key. */
    SESSION_KEY_BYTES_MAX = SUBKEY_BYTES_MAX - 8,
    SESSION_FAMILY_BYTES = 32, /* what the tokens of a session are made of */
    SESSION_DEVICE_BYTES_MAX = 200,
    SESSIONS_PAGE_MAX = 100, /* in one answer */

    /* Rooms. Subkeys of rooms and inboxes have room for what stands before the key. */
    ROOM_MEMBERS_MAX = 10000,
    ROOM_DIRECT_MEMBERS_MAX = 2,
    ROOM_FIRST_MEMBERS_MAX = 50, /* who are brought in by one turn, the first */
    ROOM_PAGE_MAX = 100,         /* entries, members or rooms in one answer */
    ROOM_TEXT_CHARACTERS_MAX = 4000,
    ROOM_TEXT_BYTES_MAX = 4 * ROOM_TEXT_CHARACTERS_MAX,
    ROOM_USER_BYTES_MAX = SUBKEY_BYTES_MAX - 1,
    ROOM_KEY_BYTES_MAX = SUBKEY_BYTES_MAX - 9,
    INBOX_PLACE_BYTES_MAX = 16 + ROOM_KEY_BYTES_MAX,

    /* The shop. */
    ORDER_LINES_MAX = 20,
    PRODUCT_SKUS_MAX = 100,                     /* that are shown of one product */
    ORDER_QUANTITY_MAX = 1000,                  /* of one line */
    ORDER_KEY_BYTES_MAX = SUBKEY_BYTES_MAX - 1, /* an order is named in the own keys of its SKUs */

    /* The ring (DESIGN §2). */
    BATCHES_PER_SHARD = 8,         /* buffers on the way shard → journal → broker → shard */
    REQUEST_BATCHES_PER_SHARD = 8, /* buffers on the way broker → shard → journal → broker */
    REQUESTS_PER_BATCH_MAX = 2048,
    LMDB_KEY_BYTES_MAX = 511,
};

/* Envelope, body, the state in it; each list has its array and its elements' maps. */
static_assert(3 + 2 * RECORD_NESTING_MAX < DEPTH_MAX, "every record can be sent and shown");

#define ENVELOPE_BYTES_MAX MIB(1)    /* the largest message_bytes_max */
#define FRAME_COALESCE_BYTES KIB(16) /* envelopes that wait travel together up to this */
#define VALUE_BYTES_MAX KIB(64)
#define TURN_BYTES_MAX MIB(1) /* keys and values written plus everything sent by one turn */
#define TURN_US_MAX 2000      /* processor time of one handler */

#define STOCK_MAX INT64_C(1000000000000)             /* pieces of one SKU */
#define MONEY_AMOUNT_MAX INT64_C(100000000000000000) /* of the smallest unit of a currency */
#define PRICE_AMOUNT_MAX (MONEY_AMOUNT_MAX / (ORDER_LINES_MAX * ORDER_QUANTITY_MAX))

/* A key of the store: partition, class, kind NUL key NUL subkey. */
#define STORE_KEY_BYTES_MAX (1 + 1 + KIND_BYTES_MAX + 1 + KEY_BYTES_MAX + 1 + SUBKEY_BYTES_MAX)
static_assert(STORE_KEY_BYTES_MAX <= LMDB_KEY_BYTES_MAX, "a key must fit into LMDB");

/* What one maximal turn may add to a batch: its writes, each answer twice (for its session, for its idempotency key),
 * and the keys and headers around them. */
#define RECORD_HEADER_BYTES 8
#define TURN_RECORDS_MAX                                                                                               \
    (TURN_WRITES_MAX + TURN_SENDS_MAX + 2 * TURN_ANSWERS_MAX + ANSWERS_TRIMMED_MAX + 2 * INDEXED_FIELDS_MAX +          \
     TURN_ROWS_OF_RUNTIME)
static_assert(STREAM_WINDOW + 1 <= TURN_RECORDS_MAX, "an acknowledgement trims a window and moves a mark");
#define TURN_RECORDS_BYTES_MAX (2 * TURN_BYTES_MAX + TURN_RECORDS_MAX * (RECORD_HEADER_BYTES + LMDB_KEY_BYTES_MAX + 32))
#define TURN_EFFECTS_BYTES_MAX (TURN_BYTES_MAX + KIB(64))
#define BATCH_RECORDS_BYTES MIB(4)
#define BATCH_EFFECTS_BYTES MIB(4)
static_assert(BATCH_RECORDS_BYTES >= TURN_RECORDS_BYTES_MAX, "a buffer holds one maximal turn");
static_assert(BATCH_EFFECTS_BYTES >= TURN_EFFECTS_BYTES_MAX, "a buffer holds what one maximal turn sends");

#endif
