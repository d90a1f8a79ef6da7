/* SPDX-License-Identifier: MIT */
/*
 * The descriptions of all enumerations, records, kinds, methods and events: the .def files, read once for each table.
 */
#include "schemas/records.h"

/* clang-format off */

#define ENUM_BEGIN(e, text) static const char *const e##_values[] = {
#define ENUM_VALUE(e, NAME) #NAME,
#define ENUM_END(e) };                                                                                                 \
    const enumeration_t enum_##e = {.name = #e, .values = e##_values, .count = e##_COUNT};
#include "schemas/kinds.def"

#define RECORD_BEGIN(r, version, text) static const field_t r##_fields[] = {
#define FIELD(r, name_, TYPE, min_, max_, flags_, text_)                                                               \
    {.name = #name_, .type = FIELD_##TYPE, .offset = offsetof(r##_t, name_), .min = (uint64_t)(min_),                  \
     .max = (uint64_t)(max_), .flags = (flags_), .text = (text_)},
#define FIELD_OF(r, name_, e, flags_, text_)                                                                           \
    {.name = #name_, .type = FIELD_ENUM, .offset = offsetof(r##_t, name_), .flags = (flags_),                          \
     .enumeration = &enum_##e, .text = (text_)},
#define FIELD_LIST(r, name_, element_, min_, max_, flags_, text_)                                                      \
    {.name = #name_, .type = FIELD_LIST, .offset = offsetof(r##_t, name_), .min = (min_), .max = (max_),               \
     .flags = (flags_), .element = &record_##element_, .text = (text_)},
#define FIELD_TEXTS(r, name_, min_, max_, flags_, text_)                                                               \
    {.name = #name_, .type = FIELD_LIST, .offset = offsetof(r##_t, name_), .min = (min_), .max = (max_),               \
     .flags = (flags_), .text = (text_)},
#define FIELD_RECORD(r, name_, inner_, flags_, text_)                                                                 \
    {.name = #name_, .type = FIELD_RECORD, .offset = offsetof(r##_t, name_), .flags = (flags_),                        \
     .element = &record_##inner_, .text = (text_)},
#define RECORD_END(r) };
#include "schemas/kinds.def"

#define RECORD_BEGIN(r, version_, text_)                                                                               \
    const record_t record_##r = {.name = #r, .version = (version_), .struct_bytes = sizeof(r##_t),                     \
                                 .fields = r##_fields, .field_count = r##_FIELD_COUNT, .text = (text_)};
#include "schemas/kinds.def"

#define RUNTIME_BEGIN(k, text) KIND_BEGIN(k, NO_STATE, text)
#define RUNTIME_END(k) KIND_END(k)
#define KIND_BEGIN(k, state, text) static const method_t k##_methods[] = {
#define METHOD(k, name_, request_, reply_, flags_, roles_, text_)                                                      \
    {.name = #name_, .request = &record_##request_, .reply = &record_##reply_, .flags = (flags_), .roles = (roles_),   \
     .text = (text_)},
#define KIND_END(k) };
#include "schemas/kinds.def"

/* One row more than there are events: C has no empty arrays. */
#define RUNTIME_BEGIN(k, text) KIND_BEGIN(k, NO_STATE, text)
#define RUNTIME_END(k) KIND_END(k)
#define KIND_BEGIN(k, state, text) static const event_t k##_events[] = {
#define EVENT(k, name_, body_, text_) {.name = #name_, .record = &record_##body_, .text = (text_)},
#define KIND_END(k) {0}};
#include "schemas/kinds.def"

#define record_NO_STATE (*(const record_t *)NULL) /* & of it is NULL again (C17 6.5.3.2) */
#define KIND_ROW(k, state_, text_)                                                                                     \
    {.name = #k, .state = &record_##state_, .methods = k##_methods, .method_count = METHOD_##k##_COUNT,                \
     .events = EVENT_##k##_COUNT == 0 ? NULL : k##_events, .event_count = EVENT_##k##_COUNT, .text = (text_)}

const kind_t kinds[] = {
#define KIND_BEGIN(k, state, text) KIND_ROW(k, state, text),
#include "schemas/kinds.def"
};
const uint32_t kinds_count = KIND_COUNT;

#define RUNTIME_BEGIN(k, text) const kind_t k##_kind = KIND_ROW(k, NO_STATE, text);
#include "schemas/kinds.def"

/* clang-format on */
