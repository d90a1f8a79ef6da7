/* SPDX-License-Identifier: MIT */
/*
 * schema: records, kinds and methods as tables, generated from the .def files listed in kinds.def. From one row come
 * the C struct (records.h), encode, decode, validation, printing and description.
 *
 * A record travels and rests as a msgpack map of field name to value; absent optional fields are left out. On the wire
 * an unknown field is refused; in a stored record it is skipped, since a newer release may have written it.
 * The structs begin with `uint64_t present`, one bit per field in order; text and raw fields are spans into the decoded
 * bytes. All tables are static and constant; any thread.
 */
#ifndef DORAN_SCHEMA_H
#define DORAN_SCHEMA_H

#include "schemas/pack.h"
#include "schemas/problems.h"
#include "schemas/tape.h"

typedef enum field_type {
    FIELD_BOOL,
    FIELD_U64,   /* min and max are values */
    FIELD_I64,   /* min and max are values */
    FIELD_TIME,  /* u64, ms since 1970, UTC */
    FIELD_TEXT,  /* UTF-8; min and max are bytes */
    FIELD_BYTES, /* min and max are bytes */
    FIELD_ENUM,  /* text on the wire, index in the struct */
    FIELD_ANY,   /* any msgpack value, raw; max is bytes */
    /* Raw in the struct, but checked to the last element, when decoded and when encoded. */
    FIELD_LIST,   /* array of records (element), or of texts (no element) of 1 to KEY_BYTES_MAX bytes; min and max are
                     elements. list.h reads and writes it */
    FIELD_RECORD, /* one record (element); record_read reads it, record_encode writes it */
} field_type_t;

enum field_flags {
    OPTIONAL = 0,
    REQUIRED = 1 << 0,
    SECRET = 1 << 1,  /* never printed: shown as *** */
    INDEX = 1 << 2,   /* of a kind's state: the runtime keeps rows by which actors are found (DESIGN §7.2); not for raw
                         values; at most INDEXED_FIELDS_MAX of a record */
    BY_TIME = 1 << 4, /* with INDEX: actors with one value are listed in the order of their created_at, a required time
                         of the same record */
    SYSTEM = 1 << 3,  /* of a request: from callers with a key, who act for others; people are not asked for it */
    IS_KEY = 1 << 5,  /* of a text, or of each of a list: on the wire it must be what a key of an actor may be */
    IS_LINE = 1 << 6, /* of a text: on the wire without control characters, ... */
    IS_LINES = 1 << 7, /* ... or but for newline and tab */
    SEARCHED = 1 << 8, /* of a kind's state, a text: actors are found by what stands in it; at most SEARCHED_BYTES_MAX
                          of all of a record */
};

typedef struct enumeration {
    const char *name;
    const char *const *values;
    uint32_t count;
} enumeration_t;

typedef struct record record_t;

typedef struct field {
    const char *name;
    field_type_t type;
    uint32_t offset; /* in the struct */
    uint64_t min, max;
    uint32_t flags;
    const enumeration_t *enumeration; /* FIELD_ENUM */
    const record_t *element;          /* FIELD_LIST, FIELD_RECORD */
    const char *text;                 /* what it means */
} field_t;

struct record {
    const char *name;
    uint32_t version;
    uint32_t struct_bytes;
    const field_t *fields;
    uint32_t field_count;
    const char *text;
};

/* Who may call a method (DESIGN §5): roles of keys; roles of people, whose handle a message carries, in place of the
   key's; and the actors themselves, by messages, timers and work. */
enum role {
    ROLE_GATEWAY = 1 << 0,
    ROLE_SERVICE = 1 << 1,
    ROLE_OPERATOR = 1 << 2,
    ROLE_USER = 1 << 3,
    ROLE_ADMIN = 1 << 4, /* a person; has ROLE_USER too */
    ROLE_ACTOR = 1 << 5,
    ROLE_KEYS = ROLE_GATEWAY | ROLE_SERVICE | ROLE_OPERATOR,
    ROLE_ANY = ROLE_KEYS | ROLE_USER | ROLE_ADMIN,
};

enum method_flags {
    READ = 0,
    WRITE = 1 << 0,   /* may change state: refused while storage is full */
    CREATE = 1 << 1,  /* brings an actor into being; implies WRITE */
    QUERY = 1 << 2,   /* takes a kind and no key; every shard answers (DESIGN §7.3) */
    UPSERT = 1 << 3,  /* runs whether the actor exists (state) or not (state NULL), and may bring it into being; implies
                         WRITE. With CREATE: the key may be empty, and is made */
    MADE = 1 << 4,    /* with CREATE: only an operator chooses the key; for all others it must be empty, and is made */
    VIRTUAL = 1 << 5, /* reads only, and runs whether the actor exists (state) or not (state NULL) */
    REPEATABLE = 1 << 6, /* of one that writes: it answers a retry as the first time by itself, so no answer is kept */
};

typedef struct method {
    const char *name;
    const record_t *request;
    const record_t *reply;
    uint32_t flags;
    uint32_t roles;
    const char *text;
} method_t;

/* May it change state? */
static inline bool method_writes(const method_t *self) {
    return (self->flags & (WRITE | CREATE | UPSERT)) != 0;
}

/* What an actor publishes. Its record has a field `seq`; in the body log_epoch stands before the record's fields. */
typedef struct event {
    const char *name;
    const record_t *record;
    const char *text;
} event_t;

typedef struct kind {
    const char *name;
    const record_t *state; /* the head record; NULL: the kind keeps none */
    const method_t *methods;
    uint32_t method_count;
    const event_t *events;
    uint32_t event_count;
    const char *text;
} kind_t;

extern const kind_t kinds[];
extern const uint32_t kinds_count;
/* Methods that the runtime gives every kind with state: show and list (common.def). */
extern const kind_t runtime_kind;

/* Index in kinds[], or -1. */
int kind_find(span_t name);
/* The same as a pointer, or NULL. */
const kind_t *kind_of(span_t name);
/* The method of that name of this kind, or of the runtime, or NULL. */
const method_t *kind_method(const kind_t *kind, span_t name);

typedef enum strictness { FROM_WIRE, FROM_STORE } strictness_t;

/* Decodes the map at `token` into `out` (struct_bytes of it, zeroed first). INVALID with at least one problem.
   problems may be NULL. */
MUST_USE status_t record_decode(const record_t *self, const tape_t *tape, uint32_t token, strictness_t strictness,
                                void *out, problems_t *problems);
/* Decodes a record that rests alone in bytes of the store, such as a handler's own keys. INTERNAL: it is damaged. */
MUST_USE status_t record_load(const record_t *self, span_t bytes, void *out);
/* Decodes what was checked before: the raw bytes of a FIELD_RECORD. CHECKs that they are such a record. */
void record_read(const record_t *self, span_t raw, void *out);
/* The same with the first of several, which is taken off the bytes. */
void record_take(const record_t *self, span_t *rest, void *out);
/* Encodes the present fields. CHECKs that required ones are present and all are within their bounds, also in lists and
   records inside; these are written as they are, with what a newer release may have put there. */
void record_encode(const record_t *self, const void *in, pack_t *pack);
/* The field of this name if it may be printed, or NULL: not if it is secret, or unknown here: a newer release may mean
   it to be secret. What it holds is asked for again, with its element. */
const field_t *record_printable(const record_t *self, span_t name);
/* The record at `token` as a map again, with *** for what may not be printed, also inside. */
void record_redact(const record_t *self, const tape_t *tape, uint32_t token, pack_t *pack);

static inline bool record_has(const void *in, uint32_t field) {
    return (*(const uint64_t *)in >> field) & 1;
}

#endif
