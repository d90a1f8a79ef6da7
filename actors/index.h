/* SPDX-License-Identifier: MIT */
/*
 * index: rows by which actors are found (DESIGN §7.2). For each field of a kind's state that is marked INDEX and is
 * present there is one row in the actor's own partition, an empty cell (version 0) under
 *
 *   p 'i' kind NUL field NUL value NUL key
 *
 * written by the runtime in the batch that changes the head record. The value's bytes have no NUL, at most
 * INDEX_VALUE_BYTES_MAX, and sort as the values do:
 *
 *   text             its bytes, cut before a NUL, and between characters where it is longer: so a row may stand for
 *                    more texts than one, and who finds an actor by it looks at the head record again
 *   enumeration      the text of the value
 *   bool             "false", "true"
 *   u64, time        16 hexadecimal digits, lower case
 *   i64              the same of value + 2^63
 *
 * Of a field that is BY_TIME too, '~' and the created_at of the record stand behind the value, which is cut to leave
 * room for it: so the rows of one value are in the order of time.
 *
 * A field that an older release did not index has no rows until they are rebuilt (verify.h). Shard's thread.
 */
#ifndef DORAN_ACTORS_INDEX_H
#define DORAN_ACTORS_INDEX_H

#include "actors/store_key.h"
#include "actors/writer.h"
#include "schemas/schema.h"

enum { INDEX_TIME_BYTES = 16 };

/* Records that index_update writes, at most. */
#define INDEX_WRITES_MAX (2 * INDEXED_FIELDS_MAX)

typedef struct index_value {
    size_t len;
    uint8_t bytes[INDEX_VALUE_BYTES_MAX];
} index_value_t;

/* Keys of the rows of one head record: keys[i] is that of the record's i-th indexed field, empty where it is absent. */
typedef struct index_keys {
    store_key_t keys[INDEXED_FIELDS_MAX];
} index_keys_t;

/* Can rows be kept of this type of field? Not of bytes, lists and any: they are raw. */
bool index_possible(field_type_t type);
/* The bytes of a value in a struct, of a field whose type allows it. If the field is BY_TIME, with the '~' behind: it
   is what all rows of the value begin with. */
void index_value(const field_t *field, const void *value, index_value_t *bytes);
/* Those of its row. created_at is for fields that are BY_TIME. */
void index_row(const field_t *field, const void *value, uint64_t created_at, index_value_t *bytes);
/* Does the record have indexed fields? */
bool index_any(const record_t *record);

/* The rows that a head record ought to have. state is its struct; NULL: there is none, and so no rows. */
void index_keys(const record_t *record, const void *state, uint8_t partition, span_t kind, span_t key,
                index_keys_t *keys);
/* Writes what differs between the rows of the old record and the new one, nothing else. */
void index_update(writer_t *writer, const index_keys_t *before, const index_keys_t *after);
/* Writes a row. */
void index_put(writer_t *writer, span_t row);

#endif
