/* SPDX-License-Identifier: MIT */
#include "actors/runtime.h"

#include "tests/actors/shard_fixture.h"

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

/* Through a shard. */

static fixture_t shards;

static void close_shards(void) {
    fixture_close(&shards);
}

Test(runtime, an_actor_is_shown_as_it_is_stored, .fini = close_shards) {
    fixture_open(&shards);
    fixture_call(
        &shards,
        &(call_t){.key = "a", .method = "create", .body = "{\"email\":\"mina@example.org\",\"name\":\"Mina\"}"});
    cr_assert_str_eq(fixture_call(&shards, &(call_t){.key = "a", .method = "show"}),
                     "reply {\"version\":1,\"state\":{\"email\":\"mina@example.org\",\"name\":\"Mina\",\"status\":"
                     "\"ACTIVE\",\"role\":\"USER\",\"created_at\":1767225600000,\"updated_at\":1767225600000}}");
}
