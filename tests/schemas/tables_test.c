/* SPDX-License-Identifier: MIT */
#include "schemas/records.h"

#include <criterion/criterion.h>

#include "schemas/address.h"
#include "tests/schemas/hex.h"

enum { TOKENS = 64 };
static token_t tokens[TOKENS];
static uint8_t room[1024];

static tape_t read_bytes(span_t bytes) {
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    cr_assert_eq(tape_read_whole(&tape, bytes), STATUS_OK);
    return tape;
}

Test(tables, what_is_no_kind_or_method_is_not_found) {
    cr_assert_eq(kind_find(span_text("runtime")), -1, "it has no address");
    cr_assert_eq(kind_find(span_text("")), -1);
    cr_assert_eq(kind_find(span_text("use")), -1);
    cr_assert_null(kind_method(&kinds[KIND_user], span_text("no_such")));
    cr_assert_null(kind_method(&kinds[KIND_echo], span_text("show")), "echo has no state to show");
}

Test(tables, the_kinds_are_those_of_the_def_files_in_order) {
    static const char *const names[] = {
#define KIND_BEGIN(k, state, text) #k,
#include "schemas/kinds.def"
    };
    cr_assert_eq(kinds_count, ARRAY_LENGTH(names));
    for (uint32_t i = 0; i < kinds_count; i++) {
        cr_assert_str_eq(kinds[i].name, names[i]);
        cr_assert_eq(kind_find(span_text(names[i])), (int)i);
        cr_assert_eq(kind_of(span_text(names[i])), &kinds[i]);
    }
    cr_assert_eq(kind_find(span_text("user")), KIND_user);
    cr_assert_null(kinds[KIND_echo].state);
    cr_assert_eq(kinds[KIND_user].state, &record_user);
    cr_assert_str_eq(runtime_kind.name, "runtime");
    cr_assert_eq(runtime_kind.method_count, METHOD_runtime_COUNT);
}

Test(tables, a_method_is_found_in_its_kind_and_then_in_the_runtime) {
    const method_t *create = kind_method(&kinds[KIND_user], span_text("create"));
    cr_assert_eq(create, &kinds[KIND_user].methods[METHOD_user_create]);
    cr_assert_eq(create->flags, CREATE | MADE | WRITE);
    cr_assert_eq(create->request, &record_user_create);
    cr_assert_eq(create->reply, &record_user_view);
    cr_assert_eq(kinds[KIND_user].method_count, METHOD_user_COUNT);
    cr_assert_eq(kind_method(&kinds[KIND_user], span_text("list")), &runtime_kind.methods[METHOD_runtime_list]);
}

static const record_t *const records[] = {
#define RECORD_BEGIN(r, version, text) &record_##r,
#include "schemas/kinds.def"
};

static const field_t *field_of(const record_t *record, const char *name) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}

static void assert_required_u64(const record_t *record, const char *name) {
    const field_t *field = field_of(record, name);
    cr_assert_not_null(field, "%s has no %s", record->name, name);
    cr_assert(field->type == FIELD_U64 && (field->flags & REQUIRED) != 0, "%s.%s", record->name, name);
}

/* Lists and records inside one another; stops counting when there are too many. */
static uint32_t nesting(const record_t *record, uint32_t above) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < record->field_count && above <= RECORD_NESTING_MAX; i++) {
        const field_t *field = &record->fields[i];
        if (field->type == FIELD_LIST || field->type == FIELD_RECORD) {
            uint32_t inside = field->element != NULL ? nesting(field->element, above + 1) : 0;
            most = most > 1 + inside ? most : 1 + inside;
        }
    }
    return most;
}

/* The most msgpack values that a record can have, an ANY being one. */
static uint64_t values_max(const record_t *record) {
    uint64_t sum = 1;
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        uint64_t inside = field->element != NULL ? values_max(field->element) : 1;
        sum += field->type == FIELD_LIST ? 2 + field->max * inside : 1 + inside;
    }
    return sum;
}

static bool is_state(const record_t *record) {
    for (uint32_t k = 0; k < kinds_count; k++) {
        if (kinds[k].state == record) {
            return true;
        }
    }
    return false;
}

static void assert_field_sound(const record_t *record, const field_t *field) {
    cr_assert(field->type == FIELD_I64 ? (int64_t)field->min <= (int64_t)field->max : field->min <= field->max, "%s.%s",
              record->name, field->name);
    cr_assert_geq(field->offset, sizeof(uint64_t), "%s.%s", record->name, field->name);
    cr_assert_lt(field->offset, record->struct_bytes, "%s.%s", record->name, field->name);
    cr_assert_eq(field->type == FIELD_ENUM, field->enumeration != NULL, "%s.%s", record->name, field->name);
    cr_assert(field->type != FIELD_RECORD || field->element != NULL, "%s.%s", record->name, field->name);
    cr_assert(field->type == FIELD_RECORD || field->type == FIELD_LIST || field->element == NULL, "%s.%s", record->name,
              field->name);
    cr_assert_eq(field->flags &
                     ~(uint32_t)(REQUIRED | SECRET | INDEX | BY_TIME | SEARCHED | SYSTEM | IS_KEY | IS_LINE | IS_LINES),
                 0, "%s.%s", record->name, field->name);
    cr_assert((field->flags & IS_KEY) == 0 || field->type == FIELD_TEXT ||
                  (field->type == FIELD_LIST && field->element == NULL),
              "%s.%s is no text", record->name, field->name);
    cr_assert((field->flags & (IS_LINE | IS_LINES)) == 0 || field->type == FIELD_TEXT, "%s.%s is no text", record->name,
              field->name);
    cr_assert_neq(field->flags & (REQUIRED | SYSTEM), REQUIRED | SYSTEM, "%s.%s: people cannot give it", record->name,
                  field->name);
    cr_assert_leq(strlen(field->name), PROBLEM_NAME_BYTES_MAX, "%s.%s", record->name, field->name);
    cr_assert_gt(strlen(field->text), 0, "%s.%s", record->name, field->name);
}

static bool has_created_at(const record_t *record) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        if (strcmp(field->name, "created_at") == 0) {
            return field->type == FIELD_TIME && (field->flags & REQUIRED) != 0;
        }
    }
    return false;
}

static void assert_index_sound(const record_t *record, const field_t *field) {
    static const field_type_t unindexed[] = {FIELD_ANY, FIELD_LIST, FIELD_RECORD, FIELD_BYTES};
    cr_assert(is_state(record), "%s.%s: only the state of a kind is indexed", record->name, field->name);
    cr_assert_eq(field->flags & SECRET, 0, "%s.%s is secret", record->name, field->name);
    cr_assert((field->flags & BY_TIME) == 0 || has_created_at(record), "%s.%s: by which time?", record->name,
              field->name);
    for (size_t i = 0; i < ARRAY_LENGTH(unindexed); i++) {
        cr_assert_neq(field->type, unindexed[i], "%s.%s is of no type that is indexed", record->name, field->name);
    }
}

Test(tables, every_field_is_sound) {
    for (size_t r = 0; r < ARRAY_LENGTH(records); r++) {
        const record_t *record = records[r];
        cr_assert_leq(record->field_count, MAP_KEYS_MAX, "%s", record->name);
        for (uint32_t i = 0; i < record->field_count; i++) {
            assert_field_sound(record, &record->fields[i]);
            cr_assert_eq(field_of(record, record->fields[i].name), &record->fields[i], "%s has two %s", record->name,
                         record->fields[i].name);
        }
    }
}

Test(tables, no_record_has_more_inside_than_can_be_read) {
    for (size_t r = 0; r < ARRAY_LENGTH(records); r++) {
        cr_assert_leq(nesting(records[r], 0), RECORD_NESTING_MAX, "%s lies too deep", records[r]->name);
        cr_assert_leq(values_max(records[r]) + ENVELOPE_FIELDS, ELEMENTS_MAX, "%s", records[r]->name);
    }
}

Test(tables, only_plain_fields_of_a_state_are_indexed_and_few) {
    for (size_t r = 0; r < ARRAY_LENGTH(records); r++) {
        uint32_t indexed = 0;
        for (uint32_t i = 0; i < records[r]->field_count; i++) {
            if ((records[r]->fields[i].flags & INDEX) != 0) {
                assert_index_sound(records[r], &records[r]->fields[i]);
                indexed++;
            }
        }
        cr_assert_leq(indexed, INDEXED_FIELDS_MAX, "%s", records[r]->name);
    }
}

Test(tables, only_texts_of_a_state_are_searched_and_they_are_short) {
    for (size_t r = 0; r < ARRAY_LENGTH(records); r++) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < records[r]->field_count; i++) {
            const field_t *field = &records[r]->fields[i];
            if ((field->flags & SEARCHED) != 0) {
                cr_assert(is_state(records[r]), "%s.%s", records[r]->name, field->name);
                cr_assert(field->type == FIELD_TEXT && (field->flags & SECRET) == 0, "%s.%s", records[r]->name,
                          field->name);
                bytes += field->max + 1; /* and a NUL */
            }
        }
        cr_assert_leq(bytes, SEARCHED_BYTES_MAX, "%s", records[r]->name);
    }
}

static void assert_flags_sound(const kind_t *kind, const method_t *method) {
    bool writes = (method->flags & WRITE) != 0;
    bool makes = (method->flags & (CREATE | UPSERT)) != 0;
    cr_assert_eq(method->flags & ~(uint32_t)(WRITE | CREATE | QUERY | UPSERT | MADE | VIRTUAL | REPEATABLE), 0, "%s.%s",
                 kind->name, method->name);
    cr_assert(!makes || writes, "%s.%s makes an actor: add WRITE", kind->name, method->name);
    cr_assert((method->flags & VIRTUAL) == 0 || method->flags == VIRTUAL, "%s.%s reads only", kind->name, method->name);
    cr_assert(!makes || kind->state != NULL, "%s.%s has nothing to make", kind->name, method->name);
    cr_assert((method->flags & (MADE | CREATE)) != MADE, "%s.%s makes no key", kind->name, method->name);
    cr_assert_eq(method_writes(method), writes, "%s.%s", kind->name, method->name);
    if ((method->flags & QUERY) != 0) {
        bool rebuilds = method == &kinds[KIND_broker].methods[METHOD_broker_rebuild]; /* which may run twice */
        cr_assert(!writes || rebuilds, "%s.%s is a query that writes", kind->name, method->name);
        cr_assert_eq(method->roles & ROLE_ACTOR, 0, "%s.%s: a message goes to one actor", kind->name, method->name);
        assert_required_u64(method->reply, "shard");
        assert_required_u64(method->reply, "shards");
    }
}

static void assert_method_sound(const kind_t *kind, const method_t *method) {
    cr_assert_leq(strlen(method->name), METHOD_BYTES_MAX);
    cr_assert_neq(method->roles, 0, "%s.%s", kind->name, method->name);
    cr_assert_eq(method->roles & ~(uint32_t)(ROLE_ANY | ROLE_ACTOR), 0, "%s.%s", kind->name, method->name);
    cr_assert(method->roles != ROLE_ACTOR || method->reply == &record_empty, "%s.%s answers nobody", kind->name,
              method->name);
    cr_assert_gt(strlen(method->text), 0, "%s.%s", kind->name, method->name);
    cr_assert_eq(kind_method(kind, span_text(method->name)), method, "%s has two %s", kind->name, method->name);
    assert_flags_sound(kind, method);
}

Test(tables, every_kind_and_method_is_sound) {
    for (uint32_t k = 0; k < kinds_count; k++) {
        const kind_t *kind = &kinds[k];
        cr_assert(address_kind_valid(span_text(kind->name)), "%s", kind->name);
        for (uint32_t m = 0; m < kind->method_count; m++) {
            assert_method_sound(kind, &kind->methods[m]);
        }
        for (uint32_t m = 0; m < runtime_kind.method_count && kind->state != NULL; m++) {
            const method_t *given = &runtime_kind.methods[m];
            cr_assert_eq(kind_method(kind, span_text(given->name)), given, "%s hides %s", kind->name, given->name);
        }
    }
    for (uint32_t m = 0; m < runtime_kind.method_count; m++) {
        assert_method_sound(&runtime_kind, &runtime_kind.methods[m]);
    }
}

static void assert_event_sound(const kind_t *kind, const event_t *event) {
    cr_assert_leq(strlen(event->name), METHOD_BYTES_MAX, "%s.%s", kind->name, event->name);
    cr_assert_gt(strlen(event->text), 0, "%s.%s", kind->name, event->name);
    cr_assert_str_neq(event->name, "lagged", "%s: the broker says that", kind->name);
    assert_required_u64(event->record, "seq");
    cr_assert_null(field_of(event->record, "log_epoch"), "%s.%s: it is put before", kind->name, event->name);
    cr_assert_lt(event->record->field_count, MAP_KEYS_MAX, "%s.%s: log_epoch is one more", kind->name, event->name);
}

Test(tables, every_event_counts_in_seq_and_leaves_room_for_the_log_epoch) {
    for (uint32_t k = 0; k < kinds_count; k++) {
        cr_assert_eq(kinds[k].events == NULL, kinds[k].event_count == 0, "%s", kinds[k].name);
        for (uint32_t e = 0; e < kinds[k].event_count; e++) {
            assert_event_sound(&kinds[k], &kinds[k].events[e]);
            for (uint32_t other = 0; other < e; other++) {
                cr_assert_str_neq(kinds[k].events[e].name, kinds[k].events[other].name, "in %s", kinds[k].name);
            }
        }
    }
    cr_assert_eq(EVENT_runtime_COUNT, 0);
    cr_assert_null(runtime_kind.events);
}

/* As it is stored: what this release writes, the next one must read. */
Test(tables, the_golden_bytes_of_a_user_are_written_and_read) {
    user_t user = {0};
    FIELD_SET(user, &user, email, span_text("a@b.c"));
    FIELD_SET(user, &user, name, span_text("Mina"));
    FIELD_SET(user, &user, status, user_status_SUSPENDED);
    FIELD_SET(user, &user, created_at, 1700000000000);
    FIELD_SET(user, &user, updated_at, 1700000000001);
    char text[512];
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_user, &user, &pack);
    cr_assert_str_eq(hex_text(pack_bytes(&pack), text),
                     "85a5656d61696ca5614062"
                     "2e63a46e616d65a44d696e61a6737461747573a953555350454e444544"
                     "aa637265617465645f6174cf0000018bcfe56800aa757064617465645f6174cf0000018bcfe56801");
    tape_t tape = read_bytes(pack_bytes(&pack));
    user_t decoded;
    cr_assert_eq(record_decode(&record_user, &tape, 0, FROM_STORE, &decoded, NULL), STATUS_OK);
    cr_assert_eq(decoded.present, user.present);
    cr_assert(FIELD_HAS(user, &decoded, email));
    cr_assert_not(FIELD_HAS(user, &decoded, picture));
    cr_assert_eq(decoded.status, user_status_SUSPENDED);
    cr_assert_eq(decoded.updated_at, 1700000000001);
    cr_assert_eq(FIELD_OR(user, &decoded, created_at, 0), 1700000000000);
}

Test(tables, the_golden_bytes_of_a_subscription_are_written_and_read) {
    uint8_t after[64];
    char text[128];
    position_t position = {0};
    FIELD_SET(position, &position, log_epoch, 7);
    FIELD_SET(position, &position, seq, 300);
    pack_t inside = pack_into(after, sizeof after);
    record_encode(&record_position, &position, &inside);
    subscribe_request_t request = {0};
    FIELD_SET(subscribe_request, &request, after, pack_bytes(&inside));
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_subscribe_request, &request, &pack);
    cr_assert_str_eq(hex_text(pack_bytes(&pack), text), "81a5616674657282a96c6f675f65706f636807a3736571cd012c");

    tape_t tape = read_bytes(pack_bytes(&pack));
    cr_assert_eq(record_decode(&record_subscribe_request, &tape, 0, FROM_WIRE, &request, NULL), STATUS_OK);
    record_read(&record_position, request.after, &position);
    cr_assert_eq(position.log_epoch, 7);
    cr_assert_eq(position.seq, 300);
    cr_assert_str_eq(enum_subscribe_result.values[subscribe_result_reset], "reset");
}

Test(tables, an_empty_record_takes_an_empty_map_and_nothing_else) {
    uint8_t bytes[16];
    empty_t empty;
    tape_t tape = read_bytes(hex_bytes("80", bytes));
    cr_assert_eq(record_decode(&record_empty, &tape, 0, FROM_WIRE, &empty, NULL), STATUS_OK);
    tape = read_bytes(hex_bytes("81a161c0", bytes));
    cr_assert_eq(record_decode(&record_empty, &tape, 0, FROM_WIRE, &empty, NULL), STATUS_INVALID);
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_empty, &empty, &pack);
    cr_assert(span_equal(pack_bytes(&pack), span_text("\x80")));
}
