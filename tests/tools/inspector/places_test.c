/* SPDX-License-Identifier: MIT */
#include "tools/inspector/places.h"

#include <criterion/criterion.h>

#include "schemas/list.h"
#include "schemas/records.h"

static places_t page;

static void setup(void) {
    places_init(&page);
}

static void teardown(void) {
    places_fini(&page);
}

TestSuite(places, .init = setup, .fini = teardown);

/* An answer with a stream for each place; through NULL: no more. */
static span_t answer(const char *const *places, const char *through) {
    static uint8_t items[4096], room[4096];
    list_writer_t writer;
    streams_reply_t reply = {0};
    span_t list;
    list_writer_init(&writer, &record_stream_item, items, sizeof items);
    for (size_t i = 0; places[i] != NULL; i++) {
        stream_item_t item = {0};
        FIELD_SET(stream_item, &item, from, (uint8_t)places[i][0]);
        FIELD_SET(stream_item, &item, kind, span_text("user"));
        FIELD_SET(stream_item, &item, to, 0);
        FIELD_SET(stream_item, &item, acknowledged, 0);
        FIELD_SET(stream_item, &item, waiting, 1);
        FIELD_SET(stream_item, &item, under_way, 0);
        FIELD_SET(stream_item, &item, tries, 0);
        FIELD_SET(stream_item, &item, place, span_text(places[i]));
        list_writer_add(&writer, &item);
    }
    cr_assert_eq(list_writer_end(&writer, &list), STATUS_OK);
    FIELD_SET(streams_reply, &reply, shard, 0);
    FIELD_SET(streams_reply, &reply, shards, 1);
    FIELD_SET(streams_reply, &reply, items, list);
    FIELD_SET(streams_reply, &reply, more, through != NULL);
    if (through != NULL) {
        FIELD_SET(streams_reply, &reply, through, span_text(through));
    }
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_streams_reply, &reply, &pack);
    cr_assert(pack_ok(&pack));
    return pack_bytes(&pack);
}

#define ANSWER(through, ...) answer((const char *const[]){__VA_ARGS__, NULL}, through)

static void add(span_t body) {
    cr_assert_eq(places_add(&page, &record_streams_reply, body), STATUS_OK);
}

/* The places that may be shown, a space behind each. */
static void assert_shown(const char *expected) {
    char text[256] = "";
    size_t count = places_finish(&page);
    for (size_t i = 0; i < count; i++) {
        span_t place = page.items[i].place;
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s ", (int)place.len, (const char *)place.ptr);
    }
    cr_assert_str_eq(text, expected);
}

Test(places, what_is_no_answer_changes_nothing) {
    add(ANSWER("3b", "1a"));
    cr_assert_eq(places_add(&page, &record_streams_reply, span_text("\xc0")), STATUS_INVALID);
    cr_assert_eq(places_add(&page, &record_streams_reply, span_text("\x81")), STATUS_INVALID);
    cr_assert_eq(places_add(&page, &record_timers_reply, ANSWER(NULL, "1c")), STATUS_INVALID, "items of another kind");
    assert_shown("1a ");
    cr_assert(page.more);
}

Test(places, an_answer_with_more_that_does_not_say_how_far_it_came_is_none) {
    uint8_t room[256];
    pack_t pack = pack_into(room, sizeof room);
    pack_map(&pack, 4);
    pack_cstring(&pack, "shard");
    pack_u64(&pack, 0);
    pack_cstring(&pack, "shards");
    pack_u64(&pack, 1);
    pack_cstring(&pack, "items");
    pack_array(&pack, 0);
    pack_cstring(&pack, "more");
    pack_bool(&pack, true);
    cr_assert_eq(places_add(&page, &record_streams_reply, pack_bytes(&pack)), STATUS_INVALID);
    cr_assert_not(page.more);
}

Test(places, the_partition_counts_last) {
    add(ANSWER(NULL, "1b", "3a", "2b"));
    add(ANSWER(NULL, "2a", "1ab"));
    assert_shown("2a 3a 1ab 1b 2b ");
}

Test(places, what_lies_beyond_the_least_end_waits) {
    add(ANSWER("2c", "1a", "1b", "2c"));
    add(ANSWER("1b", "3a"));
    add(ANSWER(NULL, "2b", "2a", "4d"));
    assert_shown("1a 2a 3a 1b ");
    cr_assert(page.more);
    cr_assert_eq(page.last_bytes, 2);
    cr_assert_arr_eq(page.last, "1b", 2);
}

Test(places, an_end_may_stand_behind_or_before_all_items) {
    add(ANSWER("9x", NULL));
    add(ANSWER(NULL, "1a"));
    assert_shown("1a ");
    places_reset(&page);
    cr_assert_not(page.more);
    add(ANSWER("1a", NULL));
    add(ANSWER(NULL, "2a"));
    assert_shown("");
    cr_assert(page.more);
}
