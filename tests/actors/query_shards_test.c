/* SPDX-License-Identifier: MIT */
/* `list` as its askers see it: the answers of all shards, while others write. */
#include "tests/actors/page.h"
#include "tests/actors/plain_user.h"
#include "tests/actors/shard_fixture.h"
#include "tests/storage/random.h"

static fixture_t shards;

static void close_shards(void) {
    fixture_close(&shards);
}

static void open_shards(uint16_t count) {
    shards.options.count = count;
    shards.options.actor_of = plain_user_actor_of;
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

/* As the asker does: all shards' rows, sorted, and of them the first. */
static void list_shards(const char *after, uint32_t limit, page_t *page) {
    char body[KEY_BYTES_MAX + 64];
    size_t consumed;
    *page = (page_t){0};
    snprintf(body, sizeof body, "{\"after\":\"%s\",\"limit\":%u,\"descending\":%s}", after, limit,
             page_descending ? "true" : "false");
    for (uint16_t shard = 0; shard < shards.options.count; shard++) {
        uint64_t ticket = fixture_send_to(&shards, shard, &(call_t){.method = "list", .body = body});
        envelope_t envelope;
        fixture_run(&shards);
        cr_assert(fixture_is(fixture_outcome(&shards, ticket), "reply"), "%s", fixture_outcome(&shards, ticket));
        FIXTURE_OK(envelope_decode(&envelope, &page_tape, fixture_envelope(&shards, ticket), &consumed));
        uint32_t map = envelope_body_token(&page_tape), before = page->count;
        cr_assert(page_number(map, "shard") == shard && page_number(map, "shards") == shards.options.count);
        page_add_reply(page, map);
        cr_assert_leq(page->count - before, limit);
    }
    row_t next;
    page_finish(page, limit, &next);
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
            int order = strcmp(after, page.rows[i].key);
            cr_assert(after[0] == 0 || (page_descending ? order > 0 : order < 0), "%s behind %s", page.rows[i].key,
                      after);
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

Test(query_shards, no_actor_is_skipped_or_repeated_while_others_write, .fini = close_shards, .timeout = 60) {
    static char keys[400][40];
    random_state_t random = random_start("query_shards, no_actor_is_skipped_or_repeated_while_others_write");
    open_shards(3);
    create_users(&random, keys, 400);
    list_all(&random, keys, 400, 100);
    list_all(&random, keys, 400, 7);
    list_all(&random, keys, 400, 33);
    page_descending = true;
    list_all(&random, keys, 400, 100);
    list_all(&random, keys, 400, 7);
}

Test(query_shards, listing_brings_nobody_into_memory, .fini = close_shards) {
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

Test(query_shards, an_old_asker_is_answered_as_ever, .fini = close_shards) {
    open_shards(1);
    send_user("a", "create");
    send_user("b", "create");
    fixture_run(&shards);
    const char *text = fixture_call(&shards, &(call_t){.method = "list"});
    cr_assert_null(strstr(text, "through"), "%s", text);
    cr_assert_null(strstr(text, "state"), "%s", text);
}

Test(query_shards, a_limit_beyond_its_bounds_is_refused, .fini = close_shards) {
    open_shards(1);
    cr_assert(
        fixture_is(fixture_call(&shards, &(call_t){.method = "list", .body = "{\"limit\":0}"}), ERROR_TEXT("invalid")));
    cr_assert(fixture_is(fixture_call(&shards, &(call_t){.method = "list", .body = "{\"limit\":1001}"}),
                         ERROR_TEXT("invalid")));
}

Test(query_shards, a_page_has_a_hundred_rows_if_nobody_says, .fini = close_shards) {
    static char keys[150][40];
    random_state_t random = random_start("query_shards, a_page_has_a_hundred_rows_if_nobody_says");
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

Test(query_shards, nobody_is_a_whole_page, .fini = close_shards) {
    open_shards(1);
    cr_assert_str_eq(fixture_call(&shards, &(call_t){.method = "list"}),
                     "reply {\"shard\":0,\"shards\":1,\"items\":[],\"more\":false}");
}
