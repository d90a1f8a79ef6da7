/* SPDX-License-Identifier: MIT */
#include "actors/query_rows.h"

#include "actors/dead_letters.h"
#include "actors/timers.h"
#include "schemas/json.h"
#include "schemas/list.h"
#include "tests/actors/thing.h"
#include "tests/storage/random.h"

#define NOW_US UINT64_C(5000000)

static view_fixture_t fixture;
static timers_t *timers;
static dead_letters_t letters;
static outbox_t *outbox;
static const uint8_t folder[FOLDER_ID_BYTES] = "folder";

/* A kind whose method `take` has a request with a secret. */
static const method_t thing_methods[] = {{.name = "take", .request = &record_thing, .reply = &record_empty}};
static const kind_t kind_taker = {.name = "taker", .methods = thing_methods, .method_count = 1};

static const kind_t *own_kind_of(span_t name) {
    return span_equal(name, span_text("taker")) ? &kind_taker : kind_of(name);
}

static void outbox_start(void) {
    outbox_options_t options = {
        .view = &fixture.view, .folder = folder, .shards = 1, .streams_max = 100, .kind_of = own_kind_of};
    cr_assert_eq(outbox_open(&options, &outbox), STATUS_OK);
}

static void setup(void) {
    view_fixture_open(&fixture);
    timers = timers_new(&fixture.view, 0, 1);
    dead_letters_init(&letters);
    letters.serial = 7;
    outbox_start();
}

static void teardown(void) {
    outbox_check(outbox);
    outbox_close(&outbox);
    dead_letters_fini(&letters);
    timers_destroy(&timers);
    view_fixture_close(&fixture);
}

TestSuite(query_rows, .init = setup, .fini = teardown);

/* Pages, as text. */

typedef status_t query_fn(const query_rows_t *self, const rows_request_t *asked, pack_t *reply);

typedef struct page {
    char *lines; /* items as JSON without their places, a line each; '\'' for '"' */
    uint32_t count;
    bool more;
    span_t through;
} page_t;

static token_t reply_tokens[ELEMENTS_MAX];
static uint8_t reply_room[QUERY_ROWS_REPLY_BYTES];

static query_rows_t rows_of(uint16_t shard, uint16_t shards) {
    static token_t tokens[ELEMENTS_MAX];
    static tape_t tape = {.tokens = tokens, .capacity = ELEMENTS_MAX};
    return (query_rows_t){.view = &fixture.view,
                          .outbox = outbox,
                          .tape = &tape,
                          .kind_of = own_kind_of,
                          .place = {.shard = shard, .shards = shards},
                          .now_us = NOW_US};
}

static rows_request_t request_of(const char *kind, span_t after, uint64_t limit) {
    rows_request_t asked = {0};
    if (kind != NULL) {
        FIELD_SET(rows_request, &asked, kind, span_text(kind));
    }
    if (after.ptr != NULL) {
        FIELD_SET(rows_request, &asked, after, after);
    }
    if (limit != 0) {
        FIELD_SET(rows_request, &asked, limit, limit);
    }
    return asked;
}

static void print_item(FILE *out, const tape_t *tape, uint32_t item) {
    char *text = json_print(tape, item);
    char *place = strstr(text, ",\"place\":");
    cr_assert_not_null(place);
    *place = 0;
    for (char *at = text; *at != 0; at++) {
        fputc(*at == '"' ? '\'' : *at, out);
    }
    fputs("}\n", out);
    free(text);
}

/* One page, which is checked against its schema. page.lines is the caller's. */
static page_t ask(query_fn *query, const query_rows_t *rows, const rows_request_t *asked) {
    const record_t *record = query == query_timers    ? &record_timers_reply
                             : query == query_streams ? &record_streams_reply
                                                      : &record_dead_letters_reply;
    tape_t tape = {.tokens = reply_tokens, .capacity = ELEMENTS_MAX};
    timers_reply_t reply; /* all three are alike */
    page_t page = {0};
    size_t len;
    pack_t pack = pack_into(reply_room, sizeof reply_room);
    cr_assert_eq(query(rows, asked, &pack), STATUS_OK);
    cr_assert_eq(tape_read_whole(&tape, pack_bytes(&pack)), STATUS_OK);
    cr_assert_eq(record_decode(record, &tape, 0, FROM_WIRE, &reply, NULL), STATUS_OK);
    cr_assert_eq(reply.shard, rows->place.shard);
    cr_assert_eq(reply.shards, rows->place.shards);
    FILE *out = open_memstream(&page.lines, &len);
    uint32_t items = tape_find(&tape, 0, "items");
    for (uint32_t at = items + 1; at < tape.tokens[items].next; at = tape.tokens[at].next) {
        print_item(out, &tape, at);
        page.count++;
    }
    fclose(out);
    page.more = reply.more;
    page.through = FIELD_OR(timers_reply, &reply, through, (span_t){0});
    cr_assert_eq(page.more, page.through.ptr != NULL);
    return page;
}

static void assert_lines(query_fn *query, const char *kind, const char *lines) {
    query_rows_t rows = rows_of(0, 1);
    rows_request_t asked = request_of(kind, (span_t){0}, 0);
    page_t page = ask(query, &rows, &asked);
    cr_assert_str_eq(page.lines, lines);
    cr_assert_not(page.more);
    free(page.lines);
}

/* What waits. */

static void set_timer(uint8_t partition, const char *kind, const char *key, uint64_t when_ms, span_t tag) {
    timer_row_t timer = {.partition = partition,
                         .when_ms = when_ms,
                         .hops = 1,
                         .kind = span_text(kind),
                         .key = span_text(key),
                         .method = span_text("expire"),
                         .tag = tag,
                         .body = span_text("\x80")};
    cr_assert_eq(timers_set(timers, &fixture.writer, &timer), STATUS_OK);
}

static void put_letter(uint8_t partition, uint64_t at, const char *address, const char *method, span_t body) {
    dead_letter_t letter = {0};
    FIELD_SET(dead_letter, &letter, at, at);
    FIELD_SET(dead_letter, &letter, address, span_text(address));
    FIELD_SET(dead_letter, &letter, method, span_text(method));
    FIELD_SET(dead_letter, &letter, code, span_text("conflict"));
    FIELD_SET(dead_letter, &letter, text, span_text("No"));
    FIELD_SET(dead_letter, &letter, attempts, 5);
    FIELD_SET(dead_letter, &letter, hops, 2);
    FIELD_SET(dead_letter, &letter, body, body);
    dead_letters_put(&letters, &fixture.writer, partition, &letter);
}

static void send(uint8_t from, const kind_t *kind, const char *key, uint64_t now_us) {
    message_t message = {.from = from,
                         .kind = kind,
                         .key = span_text(key),
                         .method = span_text("take"),
                         .chain = span_text("\x91\xa3"
                                            "a/b"),
                         .body = span_text("\x80")};
    cr_assert_eq(outbox_prepare(outbox, from, kind, message.key), STATUS_OK);
    outbox_add(outbox, &fixture.writer, &message, now_us);
}

static void acknowledge(uint8_t from, const kind_t *kind, const char *key, uint64_t number, bool failed,
                        uint64_t now_us) {
    stream_ack_t ack = {.stream = {.from = from,
                                   .to = address_partition(span_text(kind->name), span_text(key)),
                                   .kind = kind,
                                   .number = number},
                        .failed = failed};
    memcpy(ack.stream.folder, folder, sizeof ack.stream.folder);
    writer_mark(&fixture.writer);
    outbox_acknowledge(outbox, &fixture.writer, &ack, now_us);
}

static void put_rot(span_t key) {
    writer_put(&fixture.writer, key, span_text("rot"));
}

/* What must not be. */

Test(query_rows, secrets_of_a_dead_letter_are_not_shown) {
    uint8_t room[256];
    thing_t thing = thing_named("Mina");
    thing.present |= thing_bit(THING_TOKEN);
    thing.token = span_text("unmistakable");
    pack_t pack = pack_into(room, sizeof room);
    record_encode(&record_thing, &thing, &pack);
    put_letter(3, 1000, "taker/a", "take", pack_bytes(&pack));
    put_letter(3, 2000, "taker/a", "unheard-of", pack_bytes(&pack));
    put_letter(3, 3000, "nobody/a", "take", pack_bytes(&pack));
    put_letter(3, 4000, "", "", pack_bytes(&pack));
    query_rows_t rows = rows_of(0, 1);
    rows_request_t asked = request_of(NULL, (span_t){0}, 0);
    page_t page = ask(query_dead_letters, &rows, &asked);
    cr_assert_eq(page.count, 4);
    cr_assert_null(strstr(page.lines, "unmistakable"));
    cr_assert_not_null(strstr(page.lines, "'body':{'name':'Mina','colour':'RED','token':'***'}"));
    cr_assert_not_null(strstr(page.lines, "'method':'unheard-of'"));
    cr_assert_null(strstr(strstr(page.lines, "unheard-of"), "Mina"), "nobody knows what of it is secret");
    free(page.lines);
}

Test(query_rows, a_place_of_other_rows_is_refused) {
    static query_fn *const queries[] = {query_timers, query_streams, query_dead_letters};
    static const char *const places[] = {"\x03t", "\x03o",
                                         "\x03"
                                         "d"};
    for (size_t q = 0; q < ARRAY_LENGTH(queries); q++) {
        for (size_t p = 0; p < ARRAY_LENGTH(places); p++) {
            query_rows_t rows = rows_of(0, 1);
            rows_request_t asked = request_of(NULL, span_text(places[p]), 0);
            pack_t pack = pack_into(reply_room, sizeof reply_room);
            cr_assert_eq(queries[q](&rows, &asked, &pack), q == p ? STATUS_OK : STATUS_INVALID);
        }
    }
}

Test(query_rows, a_damaged_timer_is_shown_and_hides_no_other) {
    store_key_t key;
    set_timer(9, "order", "a", 1000, span_text(""));
    store_key_timer(&key, 9, 2000, span_text("order"), span_text("b"), span_text("expire"), span_text("x"));
    put_rot(store_key_span(&key));
    put_rot(span_of("\x09t\0\0\0\0\0\0\0\x0b\xb8\xff\0b", 14));
    put_rot(span_of("\x09t\0\0", 4));
    set_timer(9, "order", "c", 4000, span_text(""));
    assert_lines(query_timers, NULL,
                 "{'when':0,'kind':'','key':'','method':'','tag':'','attempts':0,"
                 "'problem':'Its key cannot be read: \\\\x09t\\\\x00\\\\x00'}\n"
                 "{'when':1000,'kind':'order','key':'a','method':'expire','tag':'','attempts':0,'hops':1}\n"
                 "{'when':2000,'kind':'order','key':'b','method':'expire','tag':'x','attempts':0,"
                 "'problem':'It cannot be read'}\n"
                 "{'when':3000,'kind':'','key':'','method':'','tag':'','attempts':0,'problem':'Its key cannot be read: "
                 "\\\\x09t\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x00\\\\x0b\\\\xb8\\\\xff\\\\x00b'}\n"
                 "{'when':4000,'kind':'order','key':'c','method':'expire','tag':'','attempts':0,'hops':1}\n");
}

Test(query_rows, a_damaged_letter_is_shown_and_hides_no_other) {
    store_key_t key;
    store_key_dead_letter(&key, 255, 1000, 1);
    put_rot(store_key_span(&key));
    put_rot(span_of("\xff"
                    "d\0short",
                    8));
    put_letter(255, 2000, "taker/a", "take", span_text("\x80"));
    assert_lines(query_dead_letters, NULL,
                 "{'id':'ff00000000000003e800000001','at':1000,'problem':'It cannot be read'}\n"
                 "{'id':'ff00000000000007d000000007','at':2000,'address':'taker/a','method':'take','code':'conflict',"
                 "'text':'No','attempts':5,'hops':2,'body':{}}\n"
                 "{'id':'ff73686f7274','at':0,'problem':'Its key cannot be read: \\\\xffd\\\\x00short'}\n");
}

Test(query_rows, a_body_that_no_answer_can_hold_is_left_out) {
    uint8_t deep[DEPTH_MAX + 1] = {0x81, 0xa1, 'a'};
    memset(deep + 3, 0x91, sizeof deep - 4);
    deep[sizeof deep - 1] = 0xc0;
    put_letter(0, 1000, "taker/a", "take", span_of(deep, sizeof deep));
    put_letter(0, 2000, "taker/a", "take", span_text("\x91\xc0"));
    assert_lines(query_dead_letters, "taker",
                 "{'id':'0000000000000003e800000007','at':1000,'address':'taker/a','method':'take','code':'conflict',"
                 "'text':'No','attempts':5,'hops':2,'problem':'Its body or its chain cannot be shown'}\n"
                 "{'id':'0000000000000007d000000008','at':2000,'address':'taker/a','method':'take','code':'conflict',"
                 "'text':'No','attempts':5,'hops':2,'problem':'Its body or its chain cannot be shown'}\n");
}

Test(query_rows, rows_of_foreign_partitions_are_not_shown) {
    query_rows_t rows = rows_of(1, 3);
    rows_request_t asked = request_of(NULL, (span_t){0}, 0);
    for (uint8_t partition = 0; partition < 6; partition++) {
        char key[2] = {(char)('a' + partition), 0};
        set_timer(partition, "order", key, 1000, span_text(""));
    }
    page_t page = ask(query_timers, &rows, &asked);
    cr_assert_str_eq(page.lines,
                     "{'when':1000,'kind':'order','key':'b','method':'expire','tag':'','attempts':0,'hops':1}\n"
                     "{'when':1000,'kind':'order','key':'e','method':'expire','tag':'','attempts':0,'hops':1}\n");
    free(page.lines);
}

/* Order and pages. */

Test(query_rows, timers_come_by_time_over_memtable_and_store_and_partitions) {
    set_timer(9, "order", "b", 2000, span_text("\xff\\"));
    set_timer(200, "job", "a", 1000, span_text("tag"));
    view_fixture_apply(&fixture);
    set_timer(0, "order", "d", 3000, span_text(""));
    assert_lines(
        query_timers, NULL,
        "{'when':1000,'kind':'job','key':'a','method':'expire','tag':'tag','attempts':0,'hops':1}\n"
        "{'when':2000,'kind':'order','key':'b','method':'expire','tag':'\\\\xff\\\\x5c','attempts':0,'hops':1}\n"
        "{'when':3000,'kind':'order','key':'d','method':'expire','tag':'','attempts':0,'hops':1}\n");
    assert_lines(query_timers, "job",
                 "{'when':1000,'kind':'job','key':'a','method':'expire','tag':'tag','attempts':0,'hops':1}\n");
    assert_lines(query_timers, "room", "");
}

Test(query_rows, a_page_ends_where_too_much_was_looked_at_and_says_how_far_it_came) {
    query_rows_t rows = rows_of(0, 1);
    char key[16];
    for (uint32_t i = 0; i < QUERY_LOOKS_MAX + 10; i++) {
        snprintf(key, sizeof key, "k%04u", i);
        set_timer((uint8_t)i, i < QUERY_LOOKS_MAX ? "order" : "job", key, i, span_text(""));
    }
    rows_request_t asked = request_of("job", (span_t){0}, 500);
    page_t page = ask(query_timers, &rows, &asked);
    cr_assert_eq(page.count, 0);
    cr_assert(page.more);
    free(page.lines);
    asked = request_of("job", page.through, 500);
    page = ask(query_timers, &rows, &asked);
    cr_assert_eq(page.count, 10);
    cr_assert_not(page.more);
    free(page.lines);
}

Test(query_rows, large_bodies_fill_a_page_and_the_next_goes_on) {
    static uint8_t body[VALUE_BYTES_MAX];
    query_rows_t rows = rows_of(0, 1);
    span_t after = {0};
    uint32_t met = 0, pages = 0;
    pack_t pack = pack_into(body, sizeof body);
    pack_map(&pack, 1);
    pack_cstring(&pack, "note");
    static char note[VALUE_BYTES_MAX - 16];
    memset(note, 'n', sizeof note);
    pack_text(&pack, span_of(note, sizeof note));
    cr_assert(pack_ok(&pack));
    for (uint32_t i = 0; i < 9; i++) {
        put_letter((uint8_t)i, 1000, "taker/a", "take", pack_bytes(&pack));
    }
    do {
        uint8_t place[STORE_KEY_BYTES_MAX];
        rows_request_t asked = request_of(NULL, after, 500);
        page_t page = ask(query_dead_letters, &rows, &asked);
        cr_assert_gt(page.count, 0);
        met += page.count;
        pages++;
        if (page.more) {
            memcpy(place, page.through.ptr, page.through.len);
            after = span_of(place, page.through.len);
        } else {
            after = (span_t){0};
        }
        free(page.lines);
    } while (after.ptr != NULL);
    cr_assert_eq(met, 9);
    cr_assert_gt(pages, 4);
}

/* Streams. */

Test(query_rows, a_stream_without_rows_is_not_shown) {
    assert_lines(query_streams, NULL, "");
    send(4, &kinds[KIND_user], "mina", 1000000);
    acknowledge(4, &kinds[KIND_user], "mina", 1, false, 2000000);
    assert_lines(query_streams, NULL, "");
}

Test(query_rows, a_stream_says_what_waits_and_for_how_long) {
    char lines[1024];
    uint8_t to = address_partition(span_text("user"), span_text("mina"));
    for (uint32_t i = 0; i < 3; i++) {
        send(4, &kinds[KIND_user], "mina", 1000000);
    }
    send(3, &kinds[KIND_echo], "x", 4000000);
    snprintf(lines, sizeof lines,
             "{'from':3,'kind':'echo','to':%u,'acknowledged':0,'waiting':1,'under_way':1,'tries':0,'waits_ms':1000}\n"
             "{'from':4,'kind':'user','to':%u,'acknowledged':0,'waiting':3,'under_way':3,'tries':0,'waits_ms':4000}\n",
             address_partition(span_text("echo"), span_text("x")), to);
    assert_lines(query_streams, NULL, lines);
    acknowledge(4, &kinds[KIND_user], "mina", 1, true, 2000000);
    snprintf(lines, sizeof lines,
             "{'from':4,'kind':'user','to':%u,'acknowledged':1,'waiting':2,'under_way':0,'tries':1,'waits_ms':3000}\n",
             to);
    assert_lines(query_streams, "user", lines);
    view_fixture_apply(&fixture);
    outbox_close(&outbox);
    outbox_start();
    snprintf(lines, sizeof lines,
             "{'from':4,'kind':'user','to':%u,'acknowledged':1,'waiting':2,'under_way':0,'tries':0}\n", to);
    assert_lines(query_streams, "user", lines);
}

/* Walks, against a naive model. */

enum { ACTORS = 300, CHANGES = 10 };

typedef struct model {
    uint8_t partition;
    char key[16];
    uint64_t when_ms; /* 0: no timer */
    bool stays;       /* it is not changed while somebody walks */
    uint32_t met;
} model_t;

static model_t models[ACTORS];

static void change_some(random_state_t *random) {
    for (uint32_t i = 0; i < CHANGES; i++) {
        model_t *model = &models[random_below(random, ACTORS)];
        if (model->stays) {
            continue;
        }
        model->when_ms = random_below(random, 4) == 0 ? 0 : 1 + random_below(random, 20);
        timer_row_t name = {.partition = model->partition,
                            .kind = span_text("order"),
                            .key = span_text(model->key),
                            .method = span_text("expire"),
                            .tag = span_text("")};
        if (model->when_ms == 0) {
            cr_assert_eq(timers_cancel(timers, &fixture.writer, &name), STATUS_OK);
        } else {
            set_timer(model->partition, "order", model->key, model->when_ms, span_text(""));
        }
    }
    if (random_below(random, 3) == 0) {
        view_fixture_apply(&fixture);
    }
}

static void meet(const page_t *page) {
    for (const char *line = page->lines; *line != 0; line = strchr(line, '\n') + 1) {
        unsigned number;
        unsigned long when_ms;
        cr_assert_eq(sscanf(line, "{'when':%lu,'kind':'order','key':'k%u'", &when_ms, &number), 2);
        models[number].met++;
        cr_assert(!models[number].stays || models[number].when_ms == when_ms);
    }
}

static void walk(random_state_t *random, uint16_t shard, uint16_t shards) {
    static uint8_t place[STORE_KEY_BYTES_MAX];
    span_t after = {0};
    query_rows_t rows = rows_of(shard, shards);
    bool more;
    do {
        rows_request_t asked = request_of("order", after, 1 + random_below(random, 30));
        page_t page = ask(query_timers, &rows, &asked);
        cr_assert_leq(page.count, asked.limit);
        meet(&page);
        more = page.more;
        if (more) {
            memcpy(place, page.through.ptr, page.through.len);
            after = span_of(place, page.through.len);
        }
        free(page.lines);
        change_some(random);
    } while (more);
}

static void assert_met(void) {
    for (uint32_t i = 0; i < ACTORS; i++) {
        cr_assert(!models[i].stays || models[i].met == 1, "%s was met %u times", models[i].key, models[i].met);
        models[i].met = 0;
    }
}

Test(query_rows, who_stays_during_a_walk_is_met_once_whatever_else_is_written) {
    random_state_t random = random_start("query_rows");
    for (uint32_t i = 0; i < ACTORS; i++) {
        models[i] = (model_t){.partition = (uint8_t)random_below(&random, PARTITIONS), .stays = i % 2 == 0};
        snprintf(models[i].key, sizeof models[i].key, "k%u", i);
        if (models[i].stays) {
            models[i].when_ms = 1 + random_below(&random, 20);
            set_timer(models[i].partition, "order", models[i].key, models[i].when_ms, span_text(""));
        }
    }
    for (uint16_t shards = 1; shards <= 4; shards++) {
        for (uint16_t shard = 0; shard < shards; shard++) {
            walk(&random, shard, shards);
        }
        assert_met();
    }
}

/* Letters of one millisecond lie in several partitions; streams of one receiver come from several. */
Test(query_rows, rows_alike_but_for_their_partition_are_met_once_each) {
    for (uint32_t from = 0; from < PARTITIONS; from += 5) {
        send((uint8_t)from, &kinds[KIND_user], "mina", 1000000);
        send((uint8_t)from, &kinds[KIND_user], "mina", 1000000);
        letters.serial = 1;
        put_letter((uint8_t)from, 1000, "taker/a", "take", span_text("\x80"));
    }
    query_fn *const queries[] = {query_streams, query_dead_letters};
    for (size_t q = 0; q < ARRAY_LENGTH(queries); q++) {
        uint8_t place[STORE_KEY_BYTES_MAX];
        query_rows_t rows = rows_of(0, 1);
        rows_request_t asked = request_of(NULL, (span_t){0}, 7);
        uint32_t met = 0;
        for (bool more = true; more;) {
            page_t page = ask(queries[q], &rows, &asked);
            met += page.count;
            more = page.more;
            memcpy(place, more ? page.through.ptr : place, page.through.len);
            asked = request_of(NULL, span_of(place, page.through.len), 7);
            free(page.lines);
        }
        cr_assert_eq(met, (PARTITIONS + 4) / 5);
    }
}
