/* SPDX-License-Identifier: MIT */
/*
 * Random orders (nested.h), as a writer would send them: decoded and encoded they are the same bytes, and so they are
 * when every list and record inside is read into structs and written anew. Then one byte is changed: whatever comes of
 * it, what the wire, the store and a load of the bytes alone say of them fits together.
 */
#include <criterion/criterion.h>

#include "schemas/list.h"
#include "schemas/records.h"
#include "tests/schemas/nested.h"

enum { BYTES_MAX = 8192, TOKENS = 4096, SEEDS = 3000, CHANGES = 20 };

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t draw(uint64_t *random, uint64_t below) {
    *random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static void pack_random_text(uint64_t *random, uint64_t min, uint64_t max, pack_t *pack) {
    char text[KEY_BYTES_MAX];
    uint64_t len = min + draw(random, max - min + 1);
    for (uint64_t i = 0; i < len; i++) {
        text[i] = (char)(' ' + draw(random, 95));
    }
    pack_text(pack, span_of(text, len));
}

static void pack_random_record(const record_t *record, uint64_t *random, pack_t *pack);

static void pack_random_list(const field_t *field, uint64_t *random, pack_t *pack) {
    uint64_t count = field->min + draw(random, field->max - field->min + 1);
    pack_array(pack, count);
    for (uint64_t i = 0; i < count; i++) {
        if (field->element != NULL) {
            pack_random_record(field->element, random, pack);
        } else {
            pack_random_text(random, 1, KEY_BYTES_MAX, pack);
        }
    }
}

static void pack_random_any(uint64_t *random, pack_t *pack) {
    static const char *const values[] = {"\xc0", "\x93\x01\x02\x03", "\x81\xa1\x61\x91\xc2", "\xa2\x68\x69"};
    pack_raw(pack, span_text(values[draw(random, ARRAY_LENGTH(values))]));
}

/* Of the types that nested.h has. */
static void pack_random_value(const field_t *field, uint64_t *random, pack_t *pack) {
    switch (field->type) {
    case FIELD_U64:
        pack_u64(pack, field->min + draw(random, field->max - field->min == UINT64_MAX ? UINT64_MAX
                                                                                       : field->max - field->min + 1));
        return;
    case FIELD_TEXT:
        pack_random_text(random, field->min, field->max, pack);
        return;
    case FIELD_ANY:
        pack_random_any(random, pack);
        return;
    case FIELD_LIST:
        pack_random_list(field, random, pack);
        return;
    case FIELD_RECORD:
        pack_random_record(field->element, random, pack);
        return;
    case FIELD_BOOL:
    case FIELD_I64:
    case FIELD_TIME:
    case FIELD_BYTES:
    case FIELD_ENUM:
        CHECK(false, "%s has no generator", field->name);
    }
}

static void pack_random_record(const record_t *record, uint64_t *random, pack_t *pack) {
    uint64_t present = 0;
    for (uint32_t i = 0; i < record->field_count; i++) {
        bool there = (record->fields[i].flags & REQUIRED) != 0 || draw(random, 2) == 0;
        present |= (uint64_t)there << i;
    }
    pack_map(pack, (size_t)__builtin_popcountll(present));
    for (uint32_t i = 0; i < record->field_count; i++) {
        if ((present >> i & 1) != 0) {
            pack_cstring(pack, record->fields[i].name);
            pack_random_value(&record->fields[i], random, pack);
        }
    }
}

/* The same record from structs: each list and record inside is read, and written anew into what is left of memory. */
static span_t write_anew(const record_t *record, void *in, uint8_t **memory);

static span_t list_anew(const record_t *element, span_t raw, uint8_t **memory) {
    _Alignas(max_align_t) uint8_t in[sizeof(line_t)];
    list_t list;
    list_writer_t writer;
    uint8_t *room = *memory;
    *memory += BYTES_MAX;
    list_open(&list, element, raw);
    list_writer_init(&writer, element, room, BYTES_MAX);
    span_t text, written = {0};
    while (element == NULL && list_next_text(&list, &text)) {
        list_writer_add_text(&writer, text);
    }
    while (element != NULL && list_next(&list, in)) {
        write_anew(element, in, memory);
        list_writer_add(&writer, in);
    }
    cr_assert_eq(list_writer_end(&writer, &written), STATUS_OK);
    return written;
}

static span_t record_anew(const record_t *record, span_t raw, uint8_t **memory) {
    _Alignas(max_align_t) uint8_t in[sizeof(nested_order_t)];
    record_read(record, raw, in);
    return write_anew(record, in, memory);
}

static span_t write_anew(const record_t *record, void *in, uint8_t **memory) {
    for (uint32_t i = 0; i < record->field_count; i++) {
        const field_t *field = &record->fields[i];
        span_t *raw = (span_t *)((uint8_t *)in + field->offset);
        if (record_has(in, i) && field->type == FIELD_LIST) {
            *raw = list_anew(field->element, *raw, memory);
        } else if (record_has(in, i) && field->type == FIELD_RECORD) {
            *raw = record_anew(field->element, *raw, memory);
        }
    }
    pack_t pack = pack_into(*memory, BYTES_MAX);
    *memory += BYTES_MAX;
    record_encode(record, in, &pack);
    cr_assert(pack_ok(&pack));
    return pack_bytes(&pack);
}

static token_t tokens[TOKENS];
static uint8_t sent[BYTES_MAX], again[BYTES_MAX], rooms[128 * BYTES_MAX];

static span_t send_random(uint64_t *random) {
    pack_t pack = pack_into(sent, sizeof sent);
    pack_random_record(&record_nested_order, random, &pack);
    cr_assert(pack_ok(&pack));
    return pack_bytes(&pack);
}

Test(nested_model, what_comes_in_goes_out_the_same) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t random = seed;
        span_t bytes = send_random(&random);
        tape_t tape = {.tokens = tokens, .capacity = TOKENS};
        nested_order_t order, loaded;
        problems_t problems;
        cr_assert_eq(tape_read_whole(&tape, bytes), STATUS_OK, "seed %lu", seed);
        cr_assert_eq(record_decode(&record_nested_order, &tape, 0, FROM_WIRE, &order, &problems), STATUS_OK, "seed %lu",
                     seed);
        pack_t pack = pack_into(again, sizeof again);
        record_encode(&record_nested_order, &order, &pack);
        cr_assert(span_equal(pack_bytes(&pack), bytes), "seed %lu", seed);
        cr_assert_eq(record_load(&record_nested_order, bytes, &loaded), STATUS_OK, "seed %lu", seed);
        uint8_t *memory = rooms;
        cr_assert(span_equal(write_anew(&record_nested_order, &loaded, &memory), bytes), "seed %lu", seed);
    }
}

static void check_changed(span_t bytes, uint64_t seed) {
    tape_t tape = {.tokens = tokens, .capacity = TOKENS};
    nested_order_t wire, store, loaded;
    problems_t problems;
    bool loads = record_load(&record_nested_order, bytes, &loaded) == STATUS_OK;
    if (tape_read_whole(&tape, bytes) != STATUS_OK) {
        return; /* a load may take it: it does not look for doubled keys in an ANY */
    }
    bool sent_well = record_decode(&record_nested_order, &tape, 0, FROM_WIRE, &wire, &problems) == STATUS_OK;
    cr_assert_eq(sent_well, problems.count == 0, "seed %lu", seed);
    bool stored_well = record_decode(&record_nested_order, &tape, 0, FROM_STORE, &store, &problems) == STATUS_OK;
    cr_assert_eq(stored_well, loads, "seed %lu", seed);
    cr_assert(stored_well || !sent_well, "seed %lu", seed);
    pack_t pack = pack_into(again, sizeof again);
    if (stored_well) {
        record_encode(&record_nested_order, &store, &pack);
        cr_assert_eq(record_load(&record_nested_order, pack_bytes(&pack), &loaded), STATUS_OK, "seed %lu", seed);
    } else {
        problems_pack(&problems, &pack);
        cr_assert(pack_ok(&pack));
    }
}

Test(nested_model, one_changed_byte_is_seen_alike_by_all_who_read) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t random = seed;
        span_t bytes = send_random(&random);
        for (int change = 0; change < CHANGES; change++) {
            uint8_t *place = &sent[draw(&random, bytes.len)];
            uint8_t before = *place;
            *place = (uint8_t)draw(&random, 256);
            check_changed(bytes, seed);
            *place = before;
        }
    }
}
