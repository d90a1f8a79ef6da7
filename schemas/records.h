/* SPDX-License-Identifier: MIT */
/*
 * records: what the .def files say, as C types. For a record `user` with a field `email`, an enumeration `user_status`
 * with a value ACTIVE, and a kind `user` with a method `create`:
 *
 *   user_t                  struct: `uint64_t present`, then the fields in order
 *   user_email_FIELD        index of the field; user_FIELD_COUNT: how many
 *   user_status_ACTIVE      index of the value, of type user_status_t; user_status_COUNT: how many
 *   METHOD_user_create      index in kinds[KIND_user].methods; METHOD_user_COUNT: how many
 *   EVENT_user_changed      index in kinds[KIND_user].events, of an event `changed`; EVENT_user_COUNT: how many
 *   KIND_user               index in kinds[]; KIND_COUNT: how many
 *   record_user, enum_user_status   their descriptions for schema.h
 *
 *   user_t user = {0};
 *   FIELD_SET(user, &user, name, span_text("Mina"));
 *   if (FIELD_HAS(user, &user, picture)) …
 *
 * BOOL is bool, U64 and TIME uint64_t, I64 int64_t, TEXT, BYTES and ANY span_t, a field of an enumeration uint32_t.
 * Lists and records inside a record are span_t, too: their msgpack, which was checked; list.h and record_read read it.
 */
#ifndef DORAN_RECORDS_H
#define DORAN_RECORDS_H

#include "schemas/schema.h"

/* The field's bit in `present`. */
#define FIELD_BIT(record, field) (UINT64_C(1) << record##_##field##_FIELD)
#define FIELD_HAS(record, self, field) (((self)->present & FIELD_BIT(record, field)) != 0)
#define FIELD_SET(record, self, field, value)                                                                          \
    ((void)((self)->field = (value), (self)->present |= FIELD_BIT(record, field)))
/* Sets the field if the other record, which has one of the same name, has it. */
#define FIELD_COPY(record, self, from_record, from, field)                                                             \
    do {                                                                                                               \
        if (FIELD_HAS(from_record, from, field)) {                                                                     \
            FIELD_SET(record, self, field, (from)->field);                                                             \
        }                                                                                                              \
    } while (0)
/* What a record that was decoded has in an optional field, or `absent`. */
#define FIELD_OR(record, self, field, absent) (FIELD_HAS(record, self, field) ? (self)->field : (absent))

/* clang-format off */

#define ENUM_BEGIN(e, text) typedef enum {
#define ENUM_VALUE(e, NAME) e##_##NAME,
#define ENUM_END(e) e##_COUNT } e##_t;
#include "schemas/kinds.def"

#define RECORD_BEGIN(r, version, text) enum {
#define FIELD(r, name, TYPE, min, max, flags, text) r##_##name##_FIELD,
#define FIELD_OF(r, name, e, flags, text) r##_##name##_FIELD,
#define FIELD_LIST(r, name, element, min, max, flags, text) r##_##name##_FIELD,
#define FIELD_TEXTS(r, name, min, max, flags, text) r##_##name##_FIELD,
#define FIELD_RECORD(r, name, record, flags, text) r##_##name##_FIELD,
#define RECORD_END(r) r##_FIELD_COUNT };                                                                               \
    static_assert((int)r##_FIELD_COUNT <= (int)MAP_KEYS_MAX, "a field has a bit in present");
#include "schemas/kinds.def"

#define C_TYPE_BOOL bool
#define C_TYPE_U64 uint64_t
#define C_TYPE_I64 int64_t
#define C_TYPE_TIME uint64_t
#define C_TYPE_TEXT span_t
#define C_TYPE_BYTES span_t
#define C_TYPE_ANY span_t
#define RECORD_BEGIN(r, version, text) typedef struct { uint64_t present;
#define FIELD(r, name, TYPE, min, max, flags, text) C_TYPE_##TYPE name;
#define FIELD_OF(r, name, e, flags, text) uint32_t name;
#define FIELD_LIST(r, name, element, min, max, flags, text) span_t name;
#define FIELD_TEXTS(r, name, min, max, flags, text) span_t name;
#define FIELD_RECORD(r, name, record, flags, text) span_t name;
#define RECORD_END(r) } r##_t;
#include "schemas/kinds.def"
#undef C_TYPE_BOOL
#undef C_TYPE_U64
#undef C_TYPE_I64
#undef C_TYPE_TIME
#undef C_TYPE_TEXT
#undef C_TYPE_BYTES
#undef C_TYPE_ANY

#define RECORD_BEGIN(r, version, text) extern const record_t record_##r;
#define ENUM_BEGIN(e, text) extern const enumeration_t enum_##e;
#include "schemas/kinds.def"

#define KIND_BEGIN(k, state, text) KIND_##k,
enum {
#include "schemas/kinds.def"
    KIND_COUNT
};

#define RUNTIME_BEGIN(k, text) enum {
#define KIND_BEGIN(k, state, text) enum {
#define METHOD(k, name, request, reply, flags, roles, text) METHOD_##k##_##name,
#define KIND_END(k) METHOD_##k##_COUNT };
#define RUNTIME_END(k) METHOD_##k##_COUNT };
#include "schemas/kinds.def"

#define RUNTIME_BEGIN(k, text) enum {
#define KIND_BEGIN(k, state, text) enum {
#define EVENT(k, name, record, text) EVENT_##k##_##name,
#define KIND_END(k) EVENT_##k##_COUNT };
#define RUNTIME_END(k) EVENT_##k##_COUNT };
#include "schemas/kinds.def"

/* clang-format on */

#endif
