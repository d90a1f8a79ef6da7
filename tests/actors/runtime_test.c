/* SPDX-License-Identifier: MIT */
#include "actors/runtime.h"

#include <signal.h>

#include "actors/store_key.h"
#include "tests/actors/shard_fixture.h"
#include "tests/actors/view_fixture.h"
#include "tests/storage/random.h"

/* show: a record of this test's own, with a secret. */

typedef struct safe {
    uint64_t present;
    span_t name, code;
} safe_t;

static const field_t safe_fields[] = {
    {.name = "name", .type = FIELD_TEXT, .offset = offsetof(safe_t, name), .max = 9, .flags = REQUIRED},
    {.name = "code", .type = FIELD_TEXT, .offset = offsetof(safe_t, code), .max = 9, .flags = SECRET},
};
static const record_t record_safe = {
    .name = "safe", .version = 1, .struct_bytes = sizeof(safe_t), .fields = safe_fields, .field_count = 2};

static token_t tokens[ELEMENTS_MAX];
static tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};

/* The reply as JSON, or the status. */
static char *show(const char *json, uint64_t version) {
    uint8_t bytes[256], reply[512];
    char error[128];
    pack_t body = pack_into(bytes, sizeof bytes), pack = pack_into(reply, sizeof reply);
    cr_assert_eq(json_parse(span_text(json), &body, error, sizeof error), STATUS_OK);
    cell_t cell = {.version = version, .body = pack_bytes(&body)};
    status_t status = runtime_show(&record_safe, &cell, &tape, &pack);
    if (status != STATUS_OK) {
        return strdup(status_code(status));
    }
    cr_assert(pack_ok(&pack));
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    return json_print(&tape, 0);
}

static void assert_shows(const char *json, const char *expected) {
    char *text = show(json, 7);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(runtime, secrets_are_never_shown) {
    assert_shows("{\"name\":\"mina\",\"code\":\"1234\"}",
                 "{\"version\":7,\"state\":{\"name\":\"mina\",\"code\":\"***\"}}");
    assert_shows("{\"code\":{\"even\":[\"here\"]}}", "{\"version\":7,\"state\":{\"code\":\"***\"}}");
}

Test(runtime, what_a_newer_release_wrote_may_be_a_secret) {
    assert_shows("{\"name\":\"mina\",\"key\":\"1234\"}",
                 "{\"version\":7,\"state\":{\"name\":\"mina\",\"key\":\"***\"}}");
}

Test(runtime, what_is_no_record_is_not_shown) {
    assert_shows("[1]", "internal");
    assert_shows("1", "internal");
    uint8_t reply[64];
    pack_t pack = pack_into(reply, sizeof reply);
    cell_t cell = {.version = 1, .body = span_text("\x81\xa1")};
    cr_assert_eq(runtime_show(&record_safe, &cell, &tape, &pack), STATUS_INTERNAL);
}

Test(runtime, an_empty_record_is_shown) {
    assert_shows("{}", "{\"version\":7,\"state\":{}}");
}

/* list: pages of one or more shards, merged as the asker does. */

enum { ROWS_MAX = 1000 };

typedef struct row {
    char key[KEY_BYTES_MAX + 1];
    uint64_t version, bytes;
} row_t;

typedef struct page {
    row_t rows[ROWS_MAX];
    uint32_t count;
    bool more;
} page_t;

static uint64_t number(uint32_t map, const char *name) {
    uint32_t token = tape_find(&tape, map, name);
    cr_assert(token != 0 && tape.tokens[token].type == TOKEN_U64, "%s", name);
    return tape.tokens[token].u64;
}

static void read_row(uint32_t map, row_t *row) {
    const token_t *key = &tape.tokens[tape_find(&tape, map, "key")];
    snprintf(row->key, sizeof row->key, "%.*s", (int)key->len, key->ptr);
    row->version = number(map, "version");
    row->bytes = number(map, "bytes");
}

/* Adds the rows of one reply; its map begins at this token. */
static void read_reply(uint32_t map, page_t *page) {
    uint32_t items = tape_find(&tape, map, "items"), row = items + 1;
    for (uint32_t i = 0; i < tape.tokens[items].len; i++) {
        cr_assert_lt(page->count, ROWS_MAX);
        read_row(row, &page->rows[page->count++]);
        row = tape.tokens[row].next;
    }
    page->more |= tape.tokens[tape_find(&tape, map, "more")].boolean;
}

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

static void list_in(size_t room, const char *after, uint64_t limit, page_t *page) {
    static uint8_t bytes[KIB(256)];
    pack_t pack = pack_into(bytes, room);
    list_request_t asked = {0};
    runtime_place_t place = {.shard = 0, .shards = 1};
    *page = (page_t){0};
    FIELD_SET(list_request, &asked, after, span_text(after));
    FIELD_SET(list_request, &asked, limit, limit);
    runtime_list(&fixture.view, place, &kinds[KIND_user], &asked, &pack);
    cr_assert(pack_ok(&pack));
    FIXTURE_OK(tape_read_whole(&tape, pack_bytes(&pack)));
    cr_assert(number(0, "shard") == 0 && number(0, "shards") == 1);
    read_reply(0, page);
}

static void assert_list(const char *after, uint64_t limit, const char *keys, bool more) {
    static page_t page;
    char text[256] = "";
    size_t len = 0;
    list_in(sizeof page, after, limit, &page);
    for (uint32_t i = 0; i < page.count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s ", page.rows[i].key);
    }
    cr_assert_str_eq(text, keys, "%s after %s", text, after);
    cr_assert_eq(page.more, more, "after %s", after);
}

Test(runtime, other_keys_are_not_listed, .init = open_view, .fini = close_view) {
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

Test(runtime, a_page_begins_behind_a_key_whether_it_exists_or_not, .init = open_view, .fini = close_view) {
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

Test(runtime, the_longest_key_is_listed_and_passed, .init = open_view, .fini = close_view) {
    char longest[KEY_BYTES_MAX + 1] = "", expected[KEY_BYTES_MAX + 8];
    memset(longest, 'm', KEY_BYTES_MAX);
    put_head("user", longest, 1);
    put_head("user", "n", 1);
    snprintf(expected, sizeof expected, "%s n ", longest);
    assert_list("", 10, expected, false);
    assert_list(longest, 10, "n ", false);
}

Test(runtime, a_damaged_record_is_listed_as_such, .init = open_view, .fini = close_view) {
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

Test(runtime, what_does_not_fit_is_left_for_the_next_page, .init = open_view, .fini = close_view) {
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

/* All shards', while others write. */

static fixture_t shards;

static void close_shards(void) {
    fixture_close(&shards);
}

static void open_shards(uint16_t count) {
    shards.options.count = count;
    fixture_open(&shards);
}

static void send_user(const char *key, const char *method) {
    char body[128] = "{\"email\":\"mina@example.org\",\"name\":\"Mina\"}";
    fixture_send(&shards, &(call_t){.key = key, .method = method, .body = body});
}

/* Sends what the random keys are of, and notes them. */
static void create_users(random_state_t *random, char (*keys)[40], uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        int len = snprintf(keys[i], sizeof keys[i], "%x", (unsigned)random_next(random));
        snprintf(keys[i] + len, sizeof keys[i] - (size_t)len, "%.*s", (int)random_below(random, 20),
                 "abcdefghijklmnopqrstuvwxyz");
        send_user(keys[i], "create");
    }
    fixture_run(&shards);
}

static int row_order(const void *a, const void *b) {
    return strcmp(((const row_t *)a)->key, ((const row_t *)b)->key);
}

/* As the asker does: all shards' rows, sorted, and of them the first. */
static void list_shards(const char *after, uint32_t limit, page_t *page) {
    char body[KEY_BYTES_MAX + 64];
    size_t consumed;
    *page = (page_t){0};
    snprintf(body, sizeof body, "{\"after\":\"%s\",\"limit\":%u}", after, limit);
    for (uint16_t shard = 0; shard < shards.options.count; shard++) {
        uint64_t ticket = fixture_send_to(&shards, shard, &(call_t){.method = "list", .body = body});
        envelope_t envelope;
        fixture_run(&shards);
        cr_assert(fixture_is(fixture_outcome(&shards, ticket), "reply"), "%s", fixture_outcome(&shards, ticket));
        FIXTURE_OK(envelope_decode(&envelope, &tape, fixture_envelope(&shards, ticket), &consumed));
        uint32_t map = envelope_body_token(&tape), before = page->count;
        cr_assert(number(map, "shard") == shard && number(map, "shards") == shards.options.count);
        read_reply(map, page);
        cr_assert_leq(page->count - before, limit);
    }
    qsort(page->rows, page->count, sizeof page->rows[0], row_order);
    page->more |= page->count > limit;
    page->count = page->count < limit ? page->count : limit;
}

/* What may happen between two pages. */
static void disturb(random_state_t *random, char (*keys)[40], uint32_t count) {
    char added[2][40];
    for (int i = 0; i < 5; i++) {
        send_user(keys[random_below(random, count)], "update");
    }
    create_users(random, added, 2);
    switch (random_below(random, 4)) {
    case 0:
        fixture_apply(&shards);
        break;
    case 1:
        fixture_restart_as(&shards, (uint16_t)(1 + random_below(random, 5)));
        break;
    default:
        break;
    }
}

static void mark_seen(const page_t *page, char (*keys)[40], uint32_t count, bool *seen) {
    for (uint32_t row = 0; row < page->count; row++) {
        for (uint32_t i = 0; i < count; i++) {
            if (strcmp(page->rows[row].key, keys[i]) == 0) {
                cr_assert_not(seen[i], "%s again", keys[i]);
                seen[i] = true;
            }
        }
    }
}

/* Lists everybody page by page; every key that was there at the beginning is seen once, and all in order. */
static void list_all(random_state_t *random, char (*keys)[40], uint32_t count, uint32_t limit) {
    static page_t page;
    bool *seen = calloc(count, sizeof *seen);
    char after[KEY_BYTES_MAX + 1] = "";
    do {
        list_shards(after, limit, &page);
        for (uint32_t i = 0; i < page.count; i++) {
            cr_assert(strcmp(after, page.rows[i].key) < 0, "%s behind %s", page.rows[i].key, after);
            snprintf(after, sizeof after, "%s", page.rows[i].key);
        }
        mark_seen(&page, keys, count, seen);
        disturb(random, keys, count);
    } while (page.more);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(seen[i], "%s was skipped", keys[i]);
    }
    free(seen);
}

Test(runtime, no_actor_is_skipped_or_repeated_while_others_write, .fini = close_shards, .timeout = 60) {
    static char keys[400][40];
    random_state_t random = random_start("runtime, no_actor_is_skipped_or_repeated_while_others_write");
    open_shards(3);
    create_users(&random, keys, 400);
    list_all(&random, keys, 400, 100);
    list_all(&random, keys, 400, 7);
    list_all(&random, keys, 400, 33);
}

Test(runtime, listing_brings_nobody_into_memory, .fini = close_shards) {
    static page_t page;
    open_shards(2);
    send_user("a", "create");
    send_user("b", "create");
    fixture_run(&shards);
    fixture_restart(&shards);
    list_shards("", 10, &page);
    cr_assert_eq(page.count, 2);
    cr_assert_eq(shard_stats(shards.shards[0]).resident + shard_stats(shards.shards[1]).resident, 0);
}

Test(runtime, a_limit_beyond_its_bounds_is_refused, .fini = close_shards) {
    open_shards(1);
    cr_assert(
        fixture_is(fixture_call(&shards, &(call_t){.method = "list", .body = "{\"limit\":0}"}), ERROR_TEXT("invalid")));
    cr_assert(fixture_is(fixture_call(&shards, &(call_t){.method = "list", .body = "{\"limit\":1001}"}),
                         ERROR_TEXT("invalid")));
}

Test(runtime, a_page_has_a_hundred_rows_if_nobody_says, .fini = close_shards) {
    static char keys[150][40];
    random_state_t random = random_start("runtime, a_page_has_a_hundred_rows_if_nobody_says");
    open_shards(1);
    create_users(&random, keys, 150);
    const char *text = fixture_call(&shards, &(call_t){.method = "list"});
    uint32_t rows = 0;
    while ((text = strstr(text, "\"key\":")) != NULL) {
        text++;
        rows++;
    }
    cr_assert_eq(rows, 100);
}

Test(runtime, nobody_is_a_whole_page, .fini = close_shards) {
    open_shards(1);
    cr_assert_str_eq(fixture_call(&shards, &(call_t){.method = "list"}),
                     "reply {\"shard\":0,\"shards\":1,\"items\":[],\"more\":false}");
}

Test(runtime, an_actor_is_shown_as_it_is_stored, .fini = close_shards) {
    open_shards(1);
    send_user("a", "create");
    fixture_run(&shards);
    cr_assert_str_eq(fixture_call(&shards, &(call_t){.key = "a", .method = "show"}),
                     "reply {\"version\":1,\"state\":{\"email\":\"mina@example.org\",\"name\":\"Mina\",\"status\":"
                     "\"ACTIVE\",\"created_at\":1767225600000,\"updated_at\":1767225600000}}");
}
