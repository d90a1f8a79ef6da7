/* SPDX-License-Identifier: MIT */
#include "schemas/list.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "tests/schemas/hex.h"
#include "tests/schemas/nested.h"

static uint8_t input[1024], room[256 * 1024];

/* [{sku: "a", quantity: 1}, {sku: "b", quantity: 2, cost: 3}] */
#define LINES "9282a3736b75a161a87175616e746974790183a3736b75a162a87175616e7469747902a4636f737403"

Test(list, one_that_is_absent_or_empty_has_no_elements) {
    static const char *const empty[] = {"90", "dc0000", "dd00000000"};
    list_t list;
    line_t line = {.quantity = 7};
    span_t text = {0};
    list_open(&list, &record_line, (span_t){0});
    cr_assert_not(list_next(&list, &line));
    cr_assert_eq(list_count((span_t){0}), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(empty); i++) {
        span_t raw = hex_bytes(empty[i], input);
        cr_assert_eq(list_count(raw), 0, "%s", empty[i]);
        list_open(&list, &record_line, raw);
        cr_assert_not(list_next(&list, &line));
        list_open(&list, NULL, raw);
        cr_assert_not(list_next_text(&list, &text));
    }
    cr_assert_eq(line.quantity, 7, "untouched");
    cr_assert_null(text.ptr);
}

static void open_quietly(const record_t *element, const char *hex, list_t *list) {
    freopen("/dev/null", "w", stderr);
    list_open(list, element, hex_bytes(hex, input));
}

Test(list, what_is_no_list_aborts, .signal = SIGABRT) {
    list_t list;
    open_quietly(&record_line, "80", &list);
}

Test(list, a_list_whose_head_is_cut_aborts, .signal = SIGABRT) {
    list_t list;
    open_quietly(&record_line, "dd000000", &list);
}

Test(list, an_element_that_was_never_checked_aborts, .signal = SIGABRT) {
    list_t list;
    line_t line;
    open_quietly(&record_line, "9180", &list);
    list_next(&list, &line);
}

Test(list, reading_records_as_texts_aborts, .signal = SIGABRT) {
    list_t list;
    span_t text;
    open_quietly(&record_line, LINES, &list);
    list_next_text(&list, &text);
}

Test(list, reading_texts_as_records_aborts, .signal = SIGABRT) {
    list_t list;
    line_t line;
    open_quietly(NULL, "91a161", &list);
    list_next(&list, &line);
}

Test(list, records_are_read_one_by_one) {
    list_t list;
    line_t line;
    span_t raw = hex_bytes(LINES, input);
    cr_assert_eq(list_count(raw), 2);
    list_open(&list, &record_line, raw);
    cr_assert(list_next(&list, &line));
    cr_assert(span_equal(line.sku, span_text("a")));
    cr_assert_eq(line.quantity, 1);
    cr_assert_not(record_has(&line, LINE_COST));
    cr_assert(list_next(&list, &line));
    cr_assert(span_equal(line.sku, span_text("b")));
    cr_assert_eq(line.cost, 3);
    cr_assert_not(list_next(&list, &line));
    cr_assert_not(list_next(&list, &line));
    cr_assert_eq(line.cost, 3, "untouched");
}

Test(list, texts_are_read_one_by_one) {
    list_t list;
    span_t text;
    list_open(&list, NULL, hex_bytes("dc0002 a161 d903 eb8f84", input));
    cr_assert(list_next_text(&list, &text));
    cr_assert(span_equal(text, span_text("a")));
    cr_assert(list_next_text(&list, &text));
    cr_assert(span_equal(text, span_text("도")));
    cr_assert_not(list_next_text(&list, &text));
}

Test(list, a_list_that_does_not_fit_is_too_large_and_nothing_is_written_behind) {
    line_t line = {.present = 1u << LINE_SKU | 1u << LINE_QUANTITY, .sku = span_text("a"), .quantity = 1};
    enum { ELEMENT_BYTES = 17 };
    for (size_t bytes = LIST_HEAD_BYTES; bytes <= LIST_HEAD_BYTES + 2 * ELEMENT_BYTES; bytes++) {
        uint8_t *exact = malloc(bytes);
        list_writer_t writer;
        span_t raw = {0};
        list_writer_init(&writer, &record_line, exact, bytes);
        list_writer_add(&writer, &line);
        list_writer_add(&writer, &line);
        status_t status = list_writer_end(&writer, &raw);
        bool fits = bytes == LIST_HEAD_BYTES + 2 * ELEMENT_BYTES;
        cr_assert_eq(status, fits ? STATUS_OK : STATUS_TOO_LARGE, "%zu bytes", bytes);
        cr_assert_eq(raw.ptr != NULL, fits);
        free(exact);
    }
}

static void init_quietly(const record_t *element, size_t bytes, list_writer_t *writer) {
    freopen("/dev/null", "w", stderr);
    list_writer_init(writer, element, room, bytes);
}

Test(list, a_room_without_room_for_the_head_aborts, .signal = SIGABRT) {
    list_writer_t writer;
    init_quietly(&record_line, LIST_HEAD_BYTES - 1, &writer);
}

Test(list, an_element_out_of_its_bounds_aborts, .signal = SIGABRT) {
    list_writer_t writer;
    line_t line = {.present = 1u << LINE_SKU | 1u << LINE_QUANTITY, .sku = span_text("a"), .quantity = 10};
    init_quietly(&record_line, sizeof room, &writer);
    list_writer_add(&writer, &line);
}

Test(list, an_empty_text_aborts, .signal = SIGABRT) {
    list_writer_t writer;
    init_quietly(NULL, sizeof room, &writer);
    list_writer_add_text(&writer, span_text(""));
}

Test(list, a_text_among_records_aborts, .signal = SIGABRT) {
    list_writer_t writer;
    init_quietly(&record_line, sizeof room, &writer);
    list_writer_add_text(&writer, span_text("a"));
}

Test(list, what_is_read_and_written_again_is_the_same) {
    char text[512];
    list_t list;
    list_writer_t writer;
    line_t line;
    span_t raw = {0};
    list_open(&list, &record_line, hex_bytes(LINES, input));
    list_writer_init(&writer, &record_line, room, sizeof room);
    while (list_next(&list, &line)) {
        list_writer_add(&writer, &line);
    }
    cr_assert_eq(list_writer_end(&writer, &raw), STATUS_OK);
    cr_assert_str_eq(hex_text(raw, text), LINES);
}

Test(list, the_head_is_the_shortest_for_the_count) {
    static const struct {
        uint32_t count;
        size_t head_bytes;
        uint8_t first;
    } rows[] = {{0, 1, 0x90}, {1, 1, 0x91}, {15, 1, 0x9f}, {16, 3, 0xdc}, {65535, 3, 0xdc}, {65536, 5, 0xdd}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        list_writer_t writer;
        list_t list;
        span_t raw = {0}, text;
        list_writer_init(&writer, NULL, room, sizeof room);
        for (uint32_t element = 0; element < rows[i].count; element++) {
            list_writer_add_text(&writer, span_text("a"));
        }
        cr_assert_eq(list_writer_end(&writer, &raw), STATUS_OK);
        cr_assert_eq(raw.len, rows[i].head_bytes + 2 * rows[i].count, "%u elements", rows[i].count);
        cr_assert_eq(raw.ptr[0], rows[i].first, "%u elements", rows[i].count);
        cr_assert_eq(list_count(raw), rows[i].count);
        list_open(&list, NULL, raw);
        uint32_t read = 0;
        while (list_next_text(&list, &text)) {
            cr_assert(span_equal(text, span_text("a")));
            read++;
        }
        cr_assert_eq(read, rows[i].count);
    }
}
