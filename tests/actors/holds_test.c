/* SPDX-License-Identifier: MIT */
#include "actors/holds.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "schemas/records.h"
#include "tests/schemas/hex.h"
#include "tests/storage/random.h"

enum { WAITERS_MAX = 8 };
#define EXPIRES_MS UINT64_C(0x2122232425262728) /* of idempotency keys */

static holds_t *holds;

static void setup(void) {
    holds = holds_new(WAITERS_MAX);
}

static void teardown(void) {
    holds_check(holds);
    holds_destroy(&holds);
    cr_assert_null(holds);
    holds_destroy(&holds);
}

TestSuite(holds, .init = setup, .fini = teardown);

/* Of a session, unless it is 0; by a peer whose number tells it from all others. */
static request_t request_of(uint8_t session, uint64_t id, uint64_t peer_number, uint64_t deadline_us) {
    request_t request = {
        .type = REQUEST_CALL,
        .partition = 9,
        .hops = 3,
        .has_session = session != 0,
        .peer = 7,
        .peer_number = peer_number,
        .id = id,
        .received_us = 5,
        .deadline_us = deadline_us,
        .kind = &kinds[KIND_user],
        .method = &kinds[KIND_user].methods[0],
        .key = span_text("ann"),
        .body = span_text("body"),
    };
    memset(request.session, session, SESSION_BYTES);
    return request;
}

static hold_t hold_of(const request_t *request) {
    uint8_t token[HOLD_BYTES];
    hold_t hold;
    holds_token(request, request->has_idempotency ? EXPIRES_MS : 0, token);
    cr_assert(holds_read(span_of(token, sizeof token), &hold));
    return hold;
}

static void wait_for(uint8_t session, uint64_t id, uint64_t peer_number, uint64_t deadline_us) {
    request_t request = request_of(session, id, peer_number, deadline_us), replaced;
    cr_assert_eq(holds_wait(holds, &request, &replaced), HOLDS_WAITS);
}

/* Number of the peer that waits for it, or 0. */
static uint64_t taken(uint8_t session, uint64_t id, uint64_t peer_number) {
    request_t request = request_of(session, id, peer_number, 0), waiter;
    hold_t hold = hold_of(&request);
    holds_check(holds);
    return holds_take(holds, &hold, &waiter) ? waiter.peer_number : 0;
}

Test(holds, nobody_is_answered_twice) {
    wait_for(1, 1, 70, 100);
    cr_assert_eq(taken(1, 1, 70), 70);
    cr_assert_eq(taken(1, 1, 70), 0);
}

Test(holds, nobody_gets_the_answer_of_another) {
    wait_for(1, 1, 70, 100);
    wait_for(2, 1, 71, 100);
    wait_for(0, 1, 72, 100);
    wait_for(0, 1, 73, 100);
    cr_assert_eq(taken(3, 1, 70), 0);
    cr_assert_eq(taken(1, 2, 70), 0);
    cr_assert_eq(taken(0, 1, 70), 0, "the same peer, without its session");
    cr_assert_eq(taken(1, 1, 72), 70);
    cr_assert_eq(taken(2, 1, 72), 71);
    cr_assert_eq(taken(0, 2, 72), 0);
    cr_assert_eq(taken(0, 1, 73), 73);
    cr_assert_eq(taken(0, 1, 72), 72);
    cr_assert_eq(holds_count(holds), 0);
}

Test(holds, nobody_expires_early_or_after_an_answer) {
    request_t waiter;
    wait_for(1, 1, 70, 100);
    wait_for(1, 2, 70, 90);
    cr_assert_not(holds_expired(holds, 89, &waiter));
    cr_assert_eq(holds_due_us(holds), 90);
    cr_assert_eq(taken(1, 2, 70), 70);
    cr_assert_not(holds_expired(holds, 99, &waiter));
    cr_assert(holds_expired(holds, 100, &waiter));
    cr_assert_eq(waiter.id, 1);
    cr_assert_not(holds_expired(holds, UINT64_MAX, &waiter));
    cr_assert_eq(holds_due_us(holds), UINT64_MAX);
}

Test(holds, a_retry_is_the_one_to_answer) {
    request_t retry = request_of(1, 1, 71, 300), replaced;
    wait_for(1, 1, 70, 100);
    cr_assert_eq(holds_wait(holds, &retry, &replaced), HOLDS_REPLACED);
    cr_assert_eq(replaced.peer_number, 70);
    cr_assert(span_equal(replaced.key, span_text("ann")));
    cr_assert_eq(holds_due_us(holds), 300);
    cr_assert_eq(taken(1, 1, 70), 71, "by the token of the first");
    cr_assert_eq(holds_count(holds), 0);
}

Test(holds, what_is_too_much_is_refused) {
    request_t replaced;
    for (uint64_t id = 1; id <= WAITERS_MAX; id++) {
        request_t request = request_of(1, id, 70, 100);
        cr_assert_not(holds_full(holds, &request));
        wait_for(1, id, 70, 100);
    }
    request_t request = request_of(1, WAITERS_MAX + 1, 70, 100), retry = request_of(1, 3, 71, 100);
    cr_assert(holds_full(holds, &request));
    cr_assert_eq(holds_wait(holds, &request, &replaced), HOLDS_FULL);
    cr_assert_eq(taken(1, WAITERS_MAX + 1, 70), 0);
    cr_assert_not(holds_full(holds, &retry), "it takes the place of another");
    cr_assert_eq(holds_wait(holds, &retry, &replaced), HOLDS_REPLACED);
    cr_assert_eq(taken(1, 1, 70), 70);
    wait_for(1, WAITERS_MAX + 1, 70, 100);
}

Test(holds, a_waiter_comes_back_with_what_an_answer_needs) {
    char key[] = "ann";
    request_t request = request_of(1, 4, 70, 100), replaced, waiter;
    request.type = REQUEST_TELL;
    request.key = span_text(key);
    request.has_handle = true;
    memset(request.handle, 6, HANDLE_BYTES);
    cr_assert_eq(holds_wait(holds, &request, &replaced), HOLDS_WAITS);
    memset(key, 'x', 3);
    hold_t hold = hold_of(&request);
    cr_assert(holds_take(holds, &hold, &waiter));
    cr_assert(waiter.type == REQUEST_TELL && waiter.partition == 9 && waiter.peer == 7 && waiter.peer_number == 70);
    cr_assert(waiter.id == 4 && waiter.deadline_us == 100 && waiter.received_us == 5);
    cr_assert(waiter.kind == &kinds[KIND_user] && waiter.method == request.method);
    cr_assert(waiter.has_session && memcmp(waiter.session, request.session, SESSION_BYTES) == 0);
    cr_assert(waiter.has_handle && memcmp(waiter.handle, request.handle, HANDLE_BYTES) == 0);
    cr_assert(span_equal(waiter.key, span_text("ann")));
    cr_assert(waiter.body.ptr == NULL && waiter.hops == 0);
}

Test(holds, who_still_waits_at_the_end_is_freed) {
    wait_for(1, 1, 70, 100);
    wait_for(0, 1, 70, 100);
}

Test(holds, a_message_cannot_wait, .signal = SIGABRT) {
    request_t request = request_of(1, 1, 70, 100), replaced;
    request.type = REQUEST_MESSAGE;
    (void)!holds_wait(holds, &request, &replaced);
}

/* Tokens. */

Test(holds, what_is_no_token_is_refused) {
    uint8_t token[HOLD_BYTES + 1] = {0};
    hold_t hold = {.id = 99};
    cr_assert_not(holds_read((span_t){0}, &hold));
    cr_assert_not(holds_read(span_of(token, HOLD_BYTES - 1), &hold));
    cr_assert_not(holds_read(span_of(token, HOLD_BYTES + 1), &hold));
    token[0] = 2;
    cr_assert_not(holds_read(span_of(token, HOLD_BYTES), &hold));
    token[0] = 1;
    token[HOLD_BYTES - 1] = 1;
    cr_assert_not(holds_read(span_of(token, HOLD_BYTES), &hold));
    cr_assert_eq(hold.id, 99, "untouched");
}

static void assert_token(const request_t *request, const char *expected) {
    uint8_t token[HOLD_BYTES], bytes[HOLD_BYTES];
    char text[2 * HOLD_BYTES + 1];
    holds_token(request, request->has_idempotency ? EXPIRES_MS : 0, token);
    cr_assert(span_equal(span_of(token, sizeof token), hex_bytes(expected, bytes)), "%s",
              hex_text(span_of(token, sizeof token), text));
}

Test(holds, tokens_have_golden_bytes) {
    request_t with = request_of(0xab, 0x0102030405060708, 0x1112131415161718, 0);
    request_t without = request_of(0, 0x0102030405060708, 0x1112131415161718, 0);
    memset(without.session, 0xcd, SESSION_BYTES);
    assert_token(&with, "01 abababababababababababababababab 0807060504030201 07000000 1817161514131211"
                        "00000000000000000000000000000000 0000000000000000 000000");
    without.has_idempotency = true;
    memset(without.idempotency, 0xef, IDEMPOTENCY_BYTES);
    assert_token(&without, "00 00000000000000000000000000000000 0807060504030201 07000000 1817161514131211"
                           "efefefefefefefefefefefefefefefef 2827262524232221 000000");
    hold_t hold = hold_of(&without);
    cr_assert(hold.expires_ms == EXPIRES_MS && memcmp(hold.idempotency, without.idempotency, IDEMPOTENCY_BYTES) == 0);
}

/* The model: an array of who waits. */

enum { MODEL_MAX = 64, MODEL_STEPS = 100000 };

typedef struct model {
    request_t waiting[MODEL_MAX];
    uint32_t count;
} model_t;

static bool model_same(const request_t *a, const request_t *b) {
    return a->has_session == b->has_session && a->id == b->id &&
           (a->has_session ? memcmp(a->session, b->session, SESSION_BYTES) == 0 : a->peer_number == b->peer_number);
}

/* Index of who waits under the request's name, or count. */
static uint32_t model_find(const model_t *model, const request_t *request) {
    uint32_t i = 0;
    while (i < model->count && !model_same(&model->waiting[i], request)) {
        i++;
    }
    return i;
}

/* The waiter that came back is this one of the model, which forgets it. */
static void model_take(model_t *model, uint32_t index, const request_t *waiter) {
    const request_t *expected = &model->waiting[index];
    cr_assert(waiter->peer_number == expected->peer_number && waiter->deadline_us == expected->deadline_us);
    cr_assert(span_equal(waiter->key, expected->key));
    model->waiting[index] = model->waiting[--model->count];
}

static request_t model_request(random_state_t *random) {
    static const char *const keys[] = {"a", "bob", "a key that is longer than the others"};
    request_t request = request_of((uint8_t)random_below(random, 4), random_below(random, 20),
                                   random_below(random, 8) + 1, random_below(random, 1000));
    request.key = span_text(keys[random_below(random, ARRAY_LENGTH(keys))]);
    return request;
}

static void model_wait(model_t *model, random_state_t *random) {
    request_t request = model_request(random), replaced;
    uint32_t former = model_find(model, &request);
    bool full = former == model->count && model->count == MODEL_MAX;
    cr_assert_eq(holds_full(holds, &request), full);
    switch (holds_wait(holds, &request, &replaced)) {
    case HOLDS_FULL:
        cr_assert(full);
        return;
    case HOLDS_REPLACED:
        cr_assert_lt(former, model->count);
        model_take(model, former, &replaced);
        break;
    case HOLDS_WAITS:
        cr_assert(!full && former == model->count);
        break;
    }
    model->waiting[model->count++] = request;
}

static void model_answer(model_t *model, random_state_t *random) {
    request_t request = model_request(random), waiter;
    hold_t hold = hold_of(&request);
    uint32_t index = model_find(model, &request);
    bool found = holds_take(holds, &hold, &waiter);
    cr_assert_eq(found, index < model->count);
    if (found) {
        model_take(model, index, &waiter);
    }
}

static uint64_t model_due_us(const model_t *model) {
    uint64_t due_us = UINT64_MAX;
    for (uint32_t i = 0; i < model->count; i++) {
        due_us = model->waiting[i].deadline_us < due_us ? model->waiting[i].deadline_us : due_us;
    }
    return due_us;
}

static void model_expire(model_t *model, random_state_t *random) {
    uint64_t now_us = random_below(random, 1000), due_us = model_due_us(model);
    request_t waiter;
    cr_assert_eq(holds_due_us(holds), due_us);
    bool expired = holds_expired(holds, now_us, &waiter);
    cr_assert_eq(expired, due_us <= now_us);
    if (expired) {
        cr_assert_eq(waiter.deadline_us, due_us);
        model_take(model, model_find(model, &waiter), &waiter);
    }
}

Test(holds, whatever_happens_who_waits_is_as_in_a_list, .timeout = 100) {
    random_state_t random = random_start("holds, whatever_happens_who_waits_is_as_in_a_list");
    static model_t model;
    holds_destroy(&holds);
    holds = holds_new(MODEL_MAX);
    for (int step = 0; step < MODEL_STEPS; step++) {
        size_t what = random_below(&random, 10);
        if (what < 6) {
            model_wait(&model, &random);
        } else if (what < 8) {
            model_answer(&model, &random);
        } else {
            model_expire(&model, &random);
        }
        cr_assert_eq(holds_count(holds), model.count);
        holds_check(holds);
    }
}
