/* SPDX-License-Identifier: MIT */
#include "actors/query.h"

#include <signal.h>

#include "actors/store_key.h"
#include "tests/actors/page.h"
#include "tests/actors/shard_fixture.h"
#include "tests/actors/thing.h"

/* One shard's, without a shard. */

static view_fixture_t fixture;

static void open_view(void) {
    view_fixture_open(&fixture);
}

static void close_view(void) {
    view_fixture_close(&fixture);
}

static void put_head(const char *kind, const char *key, uint64_t version) {
    uint8_t cell[CELL_HEADER_BYTES + 1] = {0};
    store_key_t head;
    store_key_head(&head, address_partition(span_text(kind), span_text(key)), span_text(kind), span_text(key));
    cell_seal(cell, store_key_span(&head), 1, version, 1);
    writer_put(&fixture.writer, store_key_span(&head), span_of(cell, sizeof cell));
}

static void delete_head(const char *key) {
    store_key_t head;
    store_key_head(&head, address_partition(span_text("user"), span_text(key)), span_text("user"), span_text(key));
    writer_delete(&fixture.writer, store_key_span(&head));
}

/* Fills a page by what is asked, from one of several shards. */
static void ask(const kind_t *kind, const list_request_t *asked, query_place_t place, size_t room, page_t *page) {
    static uint8_t bytes[KIB(256)];
    static token_t tokens[ELEMENTS_MAX];
    tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    pack_t pack = pack_into(bytes, room);
    query_t query;
    char problem[QUERY_PROBLEM_BYTES] = "";
    cr_assert_eq(query_read(&query, kind, asked, problem), STATUS_OK, "%s", problem);
    query_page(&query, &fixture.view, place, &tape, &pack);
    cr_assert(pack_ok(&pack));
    FIXTURE_OK(tape_read_whole(&page_tape, pack_bytes(&pack)));
    cr_assert(page_number(0, "shard") == place.shard && page_number(0, "shards") == place.shards);
    page_add_reply(page, 0);
}

static const query_place_t alone = {.shard = 0, .shards = 1};

static void list_in(size_t room, const char *after, uint64_t limit, page_t *page) {
    list_request_t asked = {0};
    *page = (page_t){0};
    FIELD_SET(list_request, &asked, after, span_text(after));
    FIELD_SET(list_request, &asked, limit, limit);
    ask(&kinds[KIND_user], &asked, alone, room, page);
}

static void assert_list(const char *after, uint64_t limit, const char *keys, bool more) {
    static page_t page;
    char text[256] = "";
    size_t len = 0;
    list_in(KIB(128), after, limit, &page);
    for (uint32_t i = 0; i < page.count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s ", page.rows[i].key);
    }
    cr_assert_str_eq(text, keys, "%s after %s", text, after);
    cr_assert_eq(page.more, more, "after %s", after);
}

static void assert_back(const char *after, const char *keys) {
    static page_t page;
    char text[256] = "";
    size_t len = 0;
    list_request_t asked = {0};
    FIELD_SET(list_request, &asked, after, span_text(after));
    FIELD_SET(list_request, &asked, descending, true);
    page = (page_t){0};
    ask(&kinds[KIND_user], &asked, alone, KIB(128), &page);
    for (uint32_t i = 0; i < page.count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s ", page.rows[i].key);
    }
    cr_assert_str_eq(text, keys, "%s before %s", text, after);
}

Test(query, the_last_come_first_if_that_is_asked_for, .init = open_view, .fini = close_view) {
    store_key_t other;
    put_head("user", "a", 1);
    put_head("user", "aa", 1);
    put_head("user", "b", 1);
    put_head("user-x", "c", 1);
    put_head("use", "d", 1);
    put_head("user", "deleted", 1);
    view_fixture_apply(&fixture);
    delete_head("deleted");
    put_head("user", "B", 1);
    store_key_sub(&other, 3, span_text("user"), span_text("d"), span_text("e"));
    writer_put(&fixture.writer, store_key_span(&other), span_text("value"));
    assert_back("", "b aa a B ");
    assert_back("b", "aa a B ");
    assert_back("aaa", "aa a B ");
    assert_back("aa", "a B ");
    assert_back("B", "");
    assert_back("zzz", "b aa a B ");
}

Test(query, other_keys_are_not_listed, .init = open_view, .fini = close_view) {
    store_key_t other;
    put_head("user", "a", 1);
    put_head("user-x", "b", 1);
    put_head("use", "c", 1);
    put_head("user", "deleted", 1);
    view_fixture_apply(&fixture);
    delete_head("deleted");
    store_key_sub(&other, 3, span_text("user"), span_text("d"), span_text("e"));
    writer_put(&fixture.writer, store_key_span(&other), span_text("value"));
    assert_list("", 10, "a ", false);
}

Test(query, a_page_begins_behind_a_key_whether_it_exists_or_not, .init = open_view, .fini = close_view) {
    put_head("user", "a", 1);
    put_head("user", "aa", 1);
    put_head("user", "b", 1);
    view_fixture_apply(&fixture);
    put_head("user", "a-", 1);
    put_head("user", "B", 1);
    assert_list("", 10, "B a a- aa b ", false);
    assert_list("a", 10, "a- aa b ", false);
    assert_list("a,", 10, "a- aa b ", false);
    assert_list("a-", 2, "aa b ", false);
    assert_list("a-", 1, "aa ", true);
    assert_list("b", 10, "", false);
    assert_list("\xc3\xa9", 10, "", false);
}

Test(query, the_longest_key_is_listed_and_passed, .init = open_view, .fini = close_view) {
    char longest[KEY_BYTES_MAX + 1] = "", expected[KEY_BYTES_MAX + 8];
    memset(longest, 'm', KEY_BYTES_MAX);
    put_head("user", longest, 1);
    put_head("user", "n", 1);
    snprintf(expected, sizeof expected, "%s n ", longest);
    assert_list("", 10, expected, false);
    assert_list(longest, 10, "n ", false);
}

Test(query, a_damaged_record_is_listed_as_such, .init = open_view, .fini = close_view) {
    static page_t page;
    store_key_t head;
    put_head("user", "a", 5);
    put_head("user", "b", 6);
    store_key_head(&head, address_partition(span_text("user"), span_text("a")), span_text("user"), span_text("a"));
    writer_put(&fixture.writer, store_key_span(&head), span_text("rot"));
    list_in(KIB(64), "", 10, &page);
    cr_assert_eq(page.count, 2);
    cr_assert(page.rows[0].version == 0 && page.rows[0].bytes == 3);
    cr_assert(page.rows[1].version == 6 && page.rows[1].bytes == CELL_HEADER_BYTES + 1);
}

Test(query, what_does_not_fit_is_left_for_the_next_page, .init = open_view, .fini = close_view) {
    static page_t page;
    char key[KEY_BYTES_MAX + 1] = "", after[KEY_BYTES_MAX + 1] = "";
    memset(key, 'k', KEY_BYTES_MAX);
    for (int i = 0; i < 50; i++) {
        snprintf(key, 4, "%03u", (unsigned)i % 1000);
        key[3] = 'k';
        put_head("user", key, UINT64_MAX);
    }
    int pages = 0;
    uint32_t count = 0;
    do {
        list_in(KIB(4), after, 1000, &page);
        cr_assert_gt(page.count, 0);
        snprintf(after, sizeof after, "%s", page.rows[page.count - 1].key);
        count += page.count;
        pages++;
    } while (page.more);
    cr_assert_eq(count, 50);
    cr_assert(pages > 2 && pages < 10, "%d", pages);
}

/* By the value of a field. */

static list_request_t with_value(const char *field, const char *value) {
    list_request_t asked = {0};
    FIELD_SET(list_request, &asked, field, span_text(field));
    FIELD_SET(list_request, &asked, value, span_text(value));
    return asked;
}

static void assert_refused(const kind_t *kind, const list_request_t *asked, const char *sentence) {
    query_t query;
    char problem[QUERY_PROBLEM_BYTES] = "";
    cr_assert_eq(query_read(&query, kind, asked, problem), STATUS_INVALID);
    cr_assert_str_eq(problem, sentence);
}

static void assert_no_value(const char *field, const char *value, const char *sentence) {
    list_request_t asked = with_value(field, value);
    assert_refused(&kind_thing, &asked, sentence);
}

static void assert_found(const char *field, const char *value, const char *keys) {
    static page_t page;
    char text[256] = "";
    size_t len = 0;
    list_request_t asked = with_value(field, value);
    page = (page_t){0};
    ask(&kind_thing, &asked, alone, KIB(128), &page);
    for (uint32_t i = 0; i < page.count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s ", page.rows[i].key);
    }
    cr_assert_str_eq(text, keys, "%s with %s %s", text, field, value);
    cr_assert_not(page.more);
}

static void make(const char *key, thing_t thing) {
    thing_change(&fixture, key, NULL, &thing, 1);
}

Test(query, a_field_without_rows_is_no_way_to_find_anybody) {
    static const char sentence[] =
        "Actors of thing are found by these fields only: name, colour, open, count, balance, made_at, owner";
    assert_no_value("note", "x", sentence);
    assert_no_value("token", "x", sentence);
    assert_no_value("nam", "x", sentence);
    assert_no_value("names", "x", sentence);
}

Test(query, a_kind_without_indexed_fields_says_so) {
    static const field_t fields[] = {{.name = "note", .type = FIELD_TEXT, .max = 9}};
    static const record_t record = {.name = "plain", .fields = fields, .field_count = 1};
    static const kind_t kind = {.name = "plain", .state = &record};
    list_request_t asked = with_value("note", "x");
    assert_refused(&kind, &asked, "Actors of plain are not found by any field");
}

static void assert_text_refused(const kind_t *kind, list_request_t asked, span_t text) {
    FIELD_SET(list_request, &asked, text, text);
    assert_refused(kind, &asked,
                   "A text, without NULs, is looked for among actors that are found by a field, if their kind has "
                   "texts that are searched");
}

Test(query, a_text_is_looked_for_behind_a_field_and_where_it_is_searched) {
    assert_text_refused(&kind_thing, (list_request_t){0}, span_text("mina"));
    assert_text_refused(&kind_thing, with_value("owner", "ann"), span_of("mi\0na", 5));
    assert_text_refused(&kinds[KIND_room], with_value("visibility", "public"), span_text("mina"));
}

Test(query, a_secret_cannot_be_guessed_by_asking_for_it) {
    field_t fields[] = {thing_fields[THING_TOKEN]};
    fields[0].flags |= INDEX;
    record_t record = {.name = "safe", .fields = fields, .field_count = 1};
    kind_t kind = {.name = "safe", .state = &record};
    list_request_t asked = with_value("token", "x");
    assert_refused(&kind, &asked, "Actors of safe are not found by any field");
}

Test(query, a_value_without_its_field_is_refused) {
    list_request_t asked = with_value("name", "x");
    asked.present = FIELD_BIT(list_request, value);
    assert_refused(&kind_thing, &asked, "A value without its field");
}

Test(query, half_a_place_is_none) {
    static const char sentence[] = "A page is after a value and a key where rows have values, else after a key";
    list_request_t asked = with_value("name", "x");
    FIELD_SET(list_request, &asked, after_value, span_text("m"));
    assert_refused(&kind_thing, &asked, sentence);
    asked.present = FIELD_BIT(list_request, after_value);
    assert_refused(&kind_thing, &asked, sentence);
    asked.present = FIELD_BIT(list_request, field) | FIELD_BIT(list_request, after);
    asked.after = span_text("a");
    assert_refused(&kind_thing, &asked, sentence);
}

/* In the order of the rows' values; "" if the page begins with the first. value NULL: any. */
static void assert_rows(const char *field, const char *value, const char *after_value, const char *after,
                        bool descending, const char *keys) {
    static page_t page;
    char text[256] = "";
    size_t len = 0;
    list_request_t asked = {0};
    FIELD_SET(list_request, &asked, field, span_text(field));
    FIELD_SET(list_request, &asked, descending, descending);
    if (value != NULL) {
        FIELD_SET(list_request, &asked, value, span_text(value));
    }
    if (after_value[0] != 0) {
        FIELD_SET(list_request, &asked, after_value, span_text(after_value));
        FIELD_SET(list_request, &asked, after, span_text(after));
    }
    page = (page_t){0};
    ask(&kind_thing, &asked, alone, KIB(128), &page);
    page_descending = descending;
    row_t next;
    page_finish(&page, PAGE_ROWS_MAX, &next);
    for (uint32_t i = 0; i < page.count; i++) {
        const row_t *row = &page.rows[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s=%s ", row->value, row->key);
    }
    cr_assert_str_eq(text, keys, "%s", text);
}

static void assert_by_value(const char *field, const char *after_value, const char *after, bool descending,
                            const char *keys) {
    assert_rows(field, NULL, after_value, after, descending, keys);
}

Test(query, with_any_value_the_order_is_that_of_values_and_then_of_keys, .init = open_view, .fini = close_view) {
    make("c", thing_named("ann"));
    make("a", thing_named("bea"));
    make("d", thing_named("a"));
    view_fixture_apply(&fixture);
    make("b", thing_named("ann"));
    make("e", thing_named("ann!"));
    assert_by_value("name", "", "", false, "a=d ann=b ann=c ann!=e bea=a ");
    assert_by_value("name", "", "", true, "bea=a ann!=e ann=c ann=b a=d ");
    assert_by_value("name", "ann", "b", false, "ann=c ann!=e bea=a ");
    assert_by_value("name", "ann", "c", true, "ann=b a=d ");
    assert_by_value("name", "ann", "~", false, "ann!=e bea=a "); /* behind all keys */
    assert_by_value("name", "ann", "", false, "ann=b ann=c ann!=e bea=a ");
    assert_by_value("name", "am", "x", false, "ann=b ann=c ann!=e bea=a ");
    assert_by_value("colour", "", "", false, "RED=a RED=b RED=c RED=d RED=e ");
}

static void make_owned(const char *key, const char *owner, uint64_t created_at) {
    thing_t thing = thing_named("ann");
    thing.present |= thing_bit(THING_OWNER) | thing_bit(THING_CREATED_AT);
    thing.owner = span_text(owner);
    thing.created_at = created_at;
    make(key, thing);
}

Test(query, by_time_the_order_is_that_of_time_and_then_of_keys, .init = open_view, .fini = close_view) {
#define AT(digit) "000000000000000" digit "="
    make_owned("c", "mina", 1);
    make_owned("a", "mina", 3);
    make_owned("x", "min", 2);
    view_fixture_apply(&fixture);
    make_owned("b", "mina", 2);
    make_owned("d", "mina", 2);
    make_owned("y", "mina~", 2);
    make("z", thing_named("ann"));
    assert_rows("owner", "mina", "", "", false, AT("1") "c " AT("2") "b " AT("2") "d " AT("3") "a ");
    assert_rows("owner", "mina", "", "", true, AT("3") "a " AT("2") "d " AT("2") "b " AT("1") "c ");
    assert_rows("owner", "mina", "0000000000000002", "b", false, AT("2") "d " AT("3") "a ");
    assert_rows("owner", "mina", "0000000000000002", "d", true, AT("2") "b " AT("1") "c ");
    assert_rows("owner", "min", "", "", true, AT("2") "x ");
    assert_rows("owner", "otto", "", "", true, "");
    assert_by_value("owner", "mina~0000000000000002", "d", false,
                    "mina~" AT("3") "a mina~~" AT("2") "y min~" AT("2") "x ");
#undef AT
}

Test(query, a_row_with_another_time_than_its_record_leads_to_nobody, .init = open_view, .fini = close_view) {
    make_owned("a", "mina", 1);
    thing_t later = thing_named("ann");
    later.present |= thing_bit(THING_OWNER) | thing_bit(THING_CREATED_AT);
    later.owner = span_text("mina");
    later.created_at = 2;
    thing_write_head(&fixture, "a", &later, 2);
    thing_update_rows(&fixture, "a", NULL, &later);
    assert_rows("owner", "mina", "", "", false, "0000000000000002=a ");
}

Test(query, what_was_made_when_makes_no_difference_to_whose_it_is, .init = open_view, .fini = close_view) {
    static char one[101], other[101];
    memset(one, 'o', 100);
    memset(other, 'o', 100);
    other[99] = 'x'; /* both are cut to the same row */
    make_owned("a", one, 1);
    make_owned("b", other, 2);
    assert_rows("owner", one, "", "", false, "0000000000000001=a ");
    assert_rows("owner", other, "", "", false, "0000000000000002=b ");
}

Test(query, with_any_value_who_has_none_is_not_met, .init = open_view, .fini = close_view) {
    thing_t counted = thing_named("ann");
    counted.present |= thing_bit(THING_COUNT);
    counted.count = 26;
    make("a", counted);
    make("b", thing_named("bea"));
    assert_by_value("count", "", "", false, "000000000000001a=a ");
}

Test(query, a_row_that_is_not_what_its_record_says_leads_to_nobody, .init = open_view, .fini = close_view) {
    thing_t ann = thing_named("ann"), bea = thing_named("bea");
    make("a", ann);
    thing_update_rows(&fixture, "a", NULL, &bea); /* one too many */
    assert_by_value("name", "", "", false, "ann=a ");
    assert_found("name", "bea", "");
}

Test(query, what_is_no_value_of_the_field_is_refused) {
    assert_no_value("colour", "GREEN", "The value of colour must be one of RED, BLUE");
    assert_no_value("colour", "red", "The value of colour must be one of RED, BLUE");
    assert_no_value("open", "yes", "The value of open must be true or false");
    assert_no_value("made_at", "-1", "The value of made_at must be a time in ms");
    static const char *const no_numbers[] = {
        "", "x", "1x", " 1", "+1", "0x1", "1.0", "-", "--1", "18446744073709551616", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LENGTH(no_numbers); i++) {
        assert_no_value("count", no_numbers[i], "The value of count must be a whole number");
        assert_no_value("balance", no_numbers[i], "The value of balance must be a whole number");
    }
    assert_no_value("count", "-1", "The value of count must be a whole number");
    assert_no_value("balance", "9223372036854775808", "The value of balance must be a whole number");
    assert_no_value("balance", "-9223372036854775809", "The value of balance must be a whole number");
}

Test(query, a_row_that_was_left_behind_leads_to_nobody, .init = open_view, .fini = close_view) {
    thing_t mina = thing_named("mina"), yuna = thing_named("yuna");
    make("changed", mina);
    thing_write_head(&fixture, "changed", &yuna, 2);
    thing_update_rows(&fixture, "gone", NULL, &mina);
    make("lost", mina);
    thing_t nameless = {.present = thing_bit(THING_COLOUR)};
    store_key_t head;
    thing_head_key("lost", &head);
    uint8_t cell[CELL_HEADER_BYTES + 32];
    pack_t pack = pack_into(cell + CELL_HEADER_BYTES, 32);
    pack_map(&pack, 1); /* a record that an older release wrote may lack a field */
    pack_cstring(&pack, "colour");
    pack_cstring(&pack, thing_colours[nameless.colour]);
    cell_seal(cell, store_key_span(&head), 1, 1, pack.len);
    writer_put(&fixture.writer, store_key_span(&head), span_of(cell, CELL_HEADER_BYTES + pack.len));
    make("true", mina);
    assert_found("name", "mina", "true ");
}

Test(query, a_text_that_only_begins_alike_is_not_found, .init = open_view, .fini = close_view) {
    char text[INDEX_VALUE_BYTES_MAX + 9];
    memset(text, 'm', sizeof text);
    text[sizeof text - 1] = 0;
    text[INDEX_VALUE_BYTES_MAX + 4] = 'x';
    thing_t other = thing_named(strdup(text));
    make("other", other);
    text[INDEX_VALUE_BYTES_MAX + 4] = 'y';
    make("true", thing_named(text));
    make("short", (thing_t){.present = other.present, .name = span_of(text, INDEX_VALUE_BYTES_MAX)});
    assert_found("name", text, "true ");
    text[INDEX_VALUE_BYTES_MAX] = 0;
    assert_found("name", text, "short ");
    free((char *)other.name.ptr);
}

Test(query, values_are_told_apart, .init = open_view, .fini = close_view) {
    static const char *const keys[] = {"a", "b", "c"};
    static const uint64_t counts[] = {0, UINT64_MAX, 16};
    static const int64_t balances[] = {-1, INT64_MIN, INT64_MAX};
    for (uint32_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        thing_t thing = thing_named(i == 0 ? "" : i == 1 ? "m" : "ma");
        thing.present |= thing_bit(THING_OPEN) | thing_bit(THING_COUNT) | thing_bit(THING_BALANCE);
        thing.colour = i == 1 ? BLUE : RED;
        thing.open = i == 2;
        thing.count = counts[i];
        thing.balance = balances[i];
        make(keys[i], thing);
    }
    make("d", thing_named("m\xc3\xa9"));
    assert_found("name", "", "a ");
    assert_found("name", "m", "b ");
    assert_found("name", "m\xc3\xa9", "d ");
    assert_found("colour", "RED", "a c d ");
    assert_found("open", "false", "a b ");
    assert_found("open", "true", "c ");
    assert_found("count", "0", "a ");
    assert_found("count", "18446744073709551615", "b ");
    assert_found("count", "016", "c ");
    assert_found("balance", "-1", "a ");
    assert_found("balance", "-9223372036854775808", "b ");
    assert_found("balance", "9223372036854775807", "c ");
    assert_found("balance", "0", "");
    view_fixture_apply(&fixture);
    assert_found("colour", "RED", "a c d ");
}

static void list_states(const char *field, const char *value, size_t room, page_t *page) {
    list_request_t asked = with_value(field, value);
    FIELD_SET(list_request, &asked, states, true);
    FIELD_SET(list_request, &asked, limit, 1000);
    *page = (page_t){0};
    ask(&kind_thing, &asked, alone, room, page);
}

Test(query, secrets_are_not_in_states, .init = open_view, .fini = close_view) {
    static page_t page;
    thing_t thing = thing_named("mina");
    thing.present |= thing_bit(THING_TOKEN);
    thing.token = span_text("1234");
    make("a", thing);
    list_states("name", "mina", KIB(64), &page);
    cr_assert_eq(page.count, 1);
    cr_assert_str_eq(page.rows[0].state, "{\"name\":\"mina\",\"colour\":\"RED\",\"token\":\"***\"}");
    cr_assert(page.rows[0].version == 1 && page.rows[0].bytes > CELL_HEADER_BYTES);
}

Test(query, a_damaged_record_has_no_state_and_no_version, .init = open_view, .fini = close_view) {
    static page_t page;
    store_key_t head;
    uint8_t cell[CELL_HEADER_BYTES + 1];
    make("no-cell", thing_named("mina"));
    thing_head_key("no-cell", &head);
    writer_put(&fixture.writer, store_key_span(&head), span_text("rot"));
    make("no-map", thing_named("mina"));
    thing_head_key("no-map", &head);
    cell[CELL_HEADER_BYTES] = 7;
    cell_seal(cell, store_key_span(&head), 1, 1, 1);
    writer_put(&fixture.writer, store_key_span(&head), span_of(cell, sizeof cell));
    list_states("name", "mina", KIB(64), &page);
    cr_assert_eq(page.count, 2);
    for (uint32_t i = 0; i < page.count; i++) {
        cr_assert(page.rows[i].version == 0 && page.rows[i].state[0] == 0, "%s", page.rows[i].key);
    }
}

Test(query, states_that_do_not_fit_are_left_for_the_next_page, .init = open_view, .fini = close_view) {
    static page_t page;
    char key[24];
    row_t after = {0};
    char *note = calloc(1, 8001);
    memset(note, 'n', 8000);
    thing_t thing = thing_named("mina");
    thing.present |= thing_bit(THING_NOTE);
    thing.note = span_text(note);
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "k%02d", i);
        make(key, thing);
    }
    uint32_t count = 0, pages = 0;
    do {
        list_request_t asked = with_value("colour", "RED");
        FIELD_SET(list_request, &asked, states, true);
        FIELD_SET(list_request, &asked, after, span_text(after.key));
        page = (page_t){0};
        ask(&kind_thing, &asked, alone, KIB(64), &page);
        cr_assert(page.count > 0 && page.rows[page.count - 1].state[0] == '{');
        count += page.count;
        pages++;
        page_finish(&page, PAGE_ROWS_MAX, &after);
    } while (page.more);
    cr_assert_eq(count, 40);
    cr_assert(pages == 5, "%u", pages);
    free(note);
}

Test(query, a_state_that_never_fits_is_left_out, .init = open_view, .fini = close_view) {
    static page_t page;
    char *note = calloc(1, 8001);
    memset(note, 'n', 8000);
    thing_t thing = thing_named("mina");
    thing.present |= thing_bit(THING_NOTE);
    thing.note = span_text(note);
    make("a", thing);
    list_states("name", "mina", KIB(4), &page);
    cr_assert_eq(page.count, 1);
    cr_assert(page.rows[0].version == 1 && page.rows[0].state[0] == 0);
    free(note);
}

Test(query, states_with_more_values_than_an_envelope_may_have_are_spread, .init = open_view, .fini = close_view) {
    static page_t page;
    char key[24];
    thing_t thing = thing_named("m");
    thing.present |=
        thing_bit(THING_OPEN) | thing_bit(THING_COUNT) | thing_bit(THING_BALANCE) | thing_bit(THING_MADE_AT);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        make(key, thing);
    }
    list_states("name", "m", KIB(128), &page);
    cr_assert(page.more);
    cr_assert(page_tape.count <= ELEMENTS_MAX - ENVELOPE_FIELDS - 1, "%u", page_tape.count);
    cr_assert_gt(page_tape.count, ELEMENTS_MAX - 200);
}

/* A state of one value inside so many arrays. */
static void make_deep(const char *key, int arrays) {
    uint8_t cell[CELL_HEADER_BYTES + 64];
    store_key_t head;
    make(key, thing_named("m"));
    thing_head_key(key, &head);
    pack_t pack = pack_into(cell + CELL_HEADER_BYTES, 64);
    pack_map(&pack, 2);
    pack_cstring(&pack, "name");
    pack_cstring(&pack, "m");
    pack_cstring(&pack, "deep");
    for (int i = 0; i < arrays; i++) {
        pack_array(&pack, 1);
    }
    pack_bool(&pack, true);
    cell_seal(cell, store_key_span(&head), 1, 1, pack.len);
    writer_put(&fixture.writer, store_key_span(&head), span_of(cell, CELL_HEADER_BYTES + pack.len));
}

Test(query, a_state_that_is_too_deep_for_an_answer_is_left_out, .init = open_view, .fini = close_view) {
    static page_t page;
    make_deep("a", 11);
    make_deep("b", 12);
    list_states("name", "m", KIB(16), &page);
    cr_assert_eq(page.count, 2);
    cr_assert(page.rows[0].version == 1 && page.rows[0].state[0] == '{');
    cr_assert(page.rows[1].version == 1 && page.rows[1].state[0] == 0);
}

/* The same text up to where rows are cut, so that one question leads to all of them. */
Test(query, a_page_looks_at_so_many_and_says_how_far_it_came, .init = open_view, .fini = close_view) {
    static page_t page;
    char text[INDEX_VALUE_BYTES_MAX + 24], key[24];
    row_t after = {0};
    uint32_t others = 2 * QUERY_LOOKS_MAX + 100, pages = 0, found = 0;
    memset(text, 'm', sizeof text);
    for (uint32_t i = 0; i < others; i++) {
        snprintf(text + INDEX_VALUE_BYTES_MAX, 24, "%u", i);
        snprintf(key, sizeof key, "k%05u", i);
        make(key, thing_named(text));
        if (i % 500 == 0) {
            view_fixture_apply(&fixture);
        }
    }
    snprintf(text + INDEX_VALUE_BYTES_MAX, 24, "%u", others - 1);
    do {
        list_request_t asked = with_value("name", text);
        FIELD_SET(list_request, &asked, after, span_text(after.key));
        page = (page_t){0};
        ask(&kind_thing, &asked, alone, KIB(64), &page);
        page_finish(&page, 100, &after);
        found += page.count;
        pages++;
    } while (page.more);
    cr_assert(found == 1 && pages == 3, "%u in %u", found, pages);
}
