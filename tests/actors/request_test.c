/* SPDX-License-Identifier: MIT */
#include "actors/request.h"

#include <criterion/criterion.h>
#include <signal.h>

static requests_t *requests;

static void setup(void) {
    requests = requests_new(3);
}

static void teardown(void) {
    requests_destroy(&requests);
    cr_assert_null(requests);
    requests_destroy(&requests);
}

TestSuite(request, .init = setup, .fini = teardown);

static void add(const char *key, const char *body) {
    request_t request = {.key = span_text(key), .body = span_text(body)};
    requests_add(requests, &request);
}

static void fill(size_t bytes) {
    static uint8_t zeros[REQUESTS_BYTES];
    request_t request = {.body = span_of(zeros, bytes)};
    requests_add(requests, &request);
}

Test(request, one_message_too_many_stops_the_program, .signal = SIGABRT) {
    for (int i = 0; i <= REQUESTS_PER_BATCH_MAX; i++) {
        add("k", "b");
    }
}

Test(request, one_byte_too_many_stops_the_program, .signal = SIGABRT) {
    fill(REQUESTS_BYTES);
    add("k", "");
}

Test(request, a_full_buffer_has_no_room) {
    fill(REQUESTS_BYTES - 1);
    cr_assert(requests_has_room(requests, 1));
    cr_assert_not(requests_has_room(requests, 2));
    add("k", "");
    cr_assert_not(requests_has_room(requests, 1));
    cr_assert(requests_has_room(requests, 0));
}

Test(request, a_buffer_with_all_its_messages_has_no_room) {
    for (int i = 0; i < REQUESTS_PER_BATCH_MAX; i++) {
        cr_assert(requests_has_room(requests, 0));
        add("", "");
    }
    cr_assert_not(requests_has_room(requests, 0));
}

Test(request, what_was_added_is_a_copy) {
    char key[] = "mina", trace[] = "trace", body[] = "body";
    request_t request = {.id = 5, .key = span_text(key), .trace = span_text(trace), .body = span_text(body)};
    requests_add(requests, &request);
    memset(key, 'x', 4);
    memset(trace, 'x', 5);
    memset(body, 'x', 4);
    const request_t *copy = &requests->items[0];
    cr_assert_eq(copy->id, 5);
    cr_assert(span_equal(copy->key, span_text("mina")));
    cr_assert(span_equal(copy->trace, span_text("trace")));
    cr_assert(span_equal(copy->body, span_text("body")));
}

Test(request, what_is_absent_stays_absent) {
    add("k", "b");
    cr_assert_null(requests->items[0].trace.ptr);
    cr_assert_not_null(requests->items[0].key.ptr);
}

Test(request, a_reset_buffer_takes_as_much_again) {
    fill(REQUESTS_BYTES);
    requests->next = 1;
    requests_reset(requests);
    cr_assert(requests->count == 0 && requests->next == 0 && requests->shard == 3);
    fill(REQUESTS_BYTES);
}
