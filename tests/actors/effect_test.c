/* SPDX-License-Identifier: MIT */
#include "actors/effect.h"

#include <criterion/criterion.h>
#include <signal.h>

static batch_t *batch;

static void setup(void) {
    batch = batch_new(0);
}

static void teardown(void) {
    batch_destroy(&batch);
}

TestSuite(effect, .init = setup, .fini = teardown);

static span_t effects(void) {
    return span_of(batch->effects, batch->effects_bytes);
}

static envelope_t reply(uint64_t id) {
    return (envelope_t){.type = ENVELOPE_REPLY, .id = id, .kind = span_text("echo"), .key = span_text("k")};
}

static envelope_t decoded(span_t bytes) {
    static token_t tokens[64];
    tape_t tape = {.tokens = tokens, .capacity = 64};
    envelope_t envelope;
    size_t consumed;
    cr_assert_eq(envelope_decode(&envelope, &tape, bytes, &consumed), STATUS_OK);
    cr_assert_eq(consumed, bytes.len);
    return envelope;
}

Test(effect, one_that_does_not_fit_stops_the_program, .signal = SIGABRT) {
    envelope_t envelope = reply(1);
    batch->effects_bytes = BATCH_EFFECTS_BYTES - sizeof(effect_t) - 16;
    effect_add(batch, effect_answer(1, 1), &envelope);
}

Test(effect, a_silent_one_that_does_not_fit_stops_the_program, .signal = SIGABRT) {
    batch->effects_bytes = BATCH_EFFECTS_BYTES - sizeof(effect_t) + 1;
    effect_add_raw(batch, effect_answer(1, 1), (span_t){0});
}

Test(effect, a_cut_one_stops_the_program, .signal = SIGABRT) {
    envelope_t envelope = reply(1);
    effect_t effect;
    span_t bytes, rest;
    effect_add(batch, effect_answer(1, 1), &envelope);
    rest = span_of(batch->effects, batch->effects_bytes - 1);
    effect_next(&rest, &effect, &bytes);
}

Test(effect, none_are_none) {
    span_t rest = effects(), bytes;
    effect_t effect;
    cr_assert_not(effect_next(&rest, &effect, &bytes));
}

Test(effect, the_last_place_is_used) {
    batch->effects_bytes = BATCH_EFFECTS_BYTES - sizeof(effect_t);
    effect_add_raw(batch, effect_answer(1, 1), (span_t){0});
    cr_assert_eq(batch->effects_bytes, BATCH_EFFECTS_BYTES);
}

Test(effect, they_come_back_in_order) {
    envelope_t first = reply(11), third = reply(33);
    span_t rest, bytes;
    effect_t effect;
    effect_add(batch, effect_answer(1, 100), &first);
    effect_add_raw(batch, effect_answer(2, 200), (span_t){0});
    effect_add(batch, effect_answer(3, 300), &third);
    effect_add_raw(batch, (effect_t){.type = EFFECT_FIGURES}, span_text("figures"));
    cr_assert_eq(batch->effect_count, 4);
    rest = effects();
    cr_assert(effect_next(&rest, &effect, &bytes) && effect.peer == 1 && effect.peer_number == 100);
    cr_assert_eq(decoded(bytes).id, 11);
    cr_assert(effect_next(&rest, &effect, &bytes) && effect.peer == 2 && effect.peer_number == 200);
    cr_assert_eq(bytes.len, 0);
    cr_assert(effect_next(&rest, &effect, &bytes) && effect.peer == 3 && effect.peer_number == 300);
    cr_assert_eq(decoded(bytes).id, 33);
    cr_assert(effect_next(&rest, &effect, &bytes) && effect.type == EFFECT_FIGURES);
    cr_assert(span_equal(bytes, span_text("figures")));
    cr_assert_not(effect_next(&rest, &effect, &bytes));
}

Test(effect, the_largest_answer_of_a_turn_fits_where_a_batch_has_room) {
    static uint8_t body[TURN_BYTES_MAX], zeros[TURN_BYTES_MAX - 16];
    envelope_t envelope = reply(1);
    pack_t pack = pack_into(body, sizeof body);
    pack_map(&pack, 1);
    pack_cstring(&pack, "data");
    pack_binary(&pack, span_of(zeros, sizeof zeros));
    cr_assert(pack_ok(&pack));
    envelope.body = pack_bytes(&pack);
    batch->effects_bytes = BATCH_EFFECTS_BYTES - TURN_EFFECTS_BYTES_MAX;
    cr_assert(batch_has_room(batch));
    effect_add(batch, effect_answer(1, 1), &envelope);
}
