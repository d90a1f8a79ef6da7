/* SPDX-License-Identifier: MIT */
#include "broker/peers.h"

#include "tests/broker/support.h"

static peers_t *make(uint32_t peers_max, size_t queue_bytes_max) {
    return peers_new(&(peers_options_t){.peers_max = peers_max, .queue_bytes_max = queue_bytes_max});
}

static peer_t *see(peers_t *peers, const char *routing_id, const char *user_id, uint64_t now_us) {
    bool renewed;
    uint64_t dropped;
    peer_t *peer = peers_see(peers, span_text(routing_id), user_id, now_us, &renewed, &dropped);
    peers_check(peers);
    return peer;
}

static void append(peers_t *peers, peer_t *peer, size_t bytes, uint8_t fill) {
    memset(peer_append(peers, peer, bytes), fill, bytes);
    peer_appended(peers, peer, bytes);
    peers_check(peers);
}

Test(peers, a_changed_user_drops_everything_of_the_one_before) {
    peers_t *peers = make(4, KIB(64));
    bool renewed;
    uint64_t dropped;
    peer_t *peer = see(peers, "r", "alice", 1);
    uint64_t number = peer->number;
    uint32_t index = peer->index;
    peer->roles = 7;
    peer->in_flight = 3;
    peer->has_session = true;
    append(peers, peer, 100, 1);
    append(peers, peer, KIB(20), 2);
    peer = peers_see(peers, span_text("r"), "bob", 2, &renewed, &dropped);
    peers_check(peers);
    cr_assert(renewed);
    cr_assert_eq(dropped, 2);
    cr_assert_eq(peer->roles, 0);
    cr_assert_eq(peer->in_flight, 0);
    cr_assert_not(peer->has_session);
    cr_assert_null(peer->first);
    cr_assert_null(peers_at(peers, index, number), "an answer to alice must not reach bob");
    cr_assert_eq(peers_at(peers, peer->index, peer->number), peer);
    cr_assert_null(peers_sender(peers));
    peers_destroy(&peers);
}

static peer_id_t gone[4];
static size_t gone_count;

static void note_gone(void *context, peer_id_t peer) {
    cr_assert_null(peers_at(*(peers_t **)context, peer.index, peer.number), "it is known no longer");
    gone[gone_count++] = peer;
}

Test(peers, nobody_is_forgotten_without_a_word) {
    peers_t *peers;
    bool renewed;
    uint64_t dropped;
    peers = peers_new(&(peers_options_t){
        .peers_max = 2, .queue_bytes_max = KIB(64), .forgotten = note_gone, .context = (void *)&peers});
    peer_t *alice = see(peers, "r", "alice", 1);
    peer_id_t before = peer_id(alice);
    cr_assert_eq(peers_see(peers, span_text("r"), "bob", 2, &renewed, &dropped), alice, "in the same slot");
    cr_assert_eq(gone_count, 1);
    cr_assert_eq(gone[0].number, before.number);
    cr_assert_eq(gone[0].index, before.index);
    before = peer_id(alice);
    see(peers, "s", "carol", 3);
    peers_forget_idle(peers, 3);
    cr_assert_eq(gone_count, 2);
    cr_assert_eq(gone[1].number, before.number);
    see(peers, "t", "dora", 4);
    peer_t *stranger = see(peers, "u", "eve", 5);
    before = peer_id(stranger);
    append(peers, stranger, 10, 1);
    peers_sent(peers, stranger);
    cr_assert_eq(gone_count, 3);
    cr_assert_eq(gone[2].number, before.number);
    peers_destroy(&peers);
    cr_assert_eq(gone_count, 3, "the end is not told");
}

Test(peers, a_number_is_never_used_again) {
    peers_t *peers = make(1, KIB(64));
    peer_t *peer = see(peers, "r", "alice", 1);
    uint64_t number = peer->number;
    uint32_t index = peer->index;
    peers_forget(peers, peer);
    cr_assert_null(peers_at(peers, index, number));
    for (int i = 0; i < 100; i++) {
        peer = see(peers, "r", "alice", 1);
        cr_assert_eq(peer->index, index, "the slot is");
        cr_assert_neq(peer->number, number);
        cr_assert_null(peers_at(peers, index, number));
        peers_forget(peers, peer);
    }
    peers_destroy(&peers);
}

Test(peers, ids_that_are_empty_or_too_long_are_refused) {
    peers_t *peers = make(4, KIB(64));
    bool renewed;
    uint64_t dropped;
    static const uint8_t bytes[300] = {0};
    char user_id[USER_ID_BYTES_MAX + 2];
    memset(user_id, 'x', sizeof user_id);
    user_id[USER_ID_BYTES_MAX + 1] = 0;
    cr_assert_null(peers_see(peers, span_of(bytes, 256), "a", 1, &renewed, &dropped));
    cr_assert_null(peers_see(peers, span_of(bytes, 0), "a", 1, &renewed, &dropped));
    cr_assert_null(peers_see(peers, span_of(bytes, 5), user_id, 1, &renewed, &dropped));
    cr_assert_eq(peers_count(peers), 0);
    cr_assert_not_null(peers_see(peers, span_of(bytes, 255), user_id + 1, 1, &renewed, &dropped));
    peers_destroy(&peers);
}

Test(peers, past_the_bound_are_strangers_who_go_when_they_are_answered_and_then_nobody) {
    peers_t *peers = make(2, KIB(64));
    char id[16];
    cr_assert_not(see(peers, "a", "u", 1)->stranger);
    cr_assert_not(see(peers, "b", "u", 1)->stranger);
    peer_t *stranger = see(peers, "c", "u", 1);
    cr_assert(stranger->stranger);
    for (int i = 1; i < STRANGERS_MAX; i++) {
        snprintf(id, sizeof id, "s%d", i);
        cr_assert(see(peers, id, "u", 1)->stranger);
    }
    cr_assert_null(see(peers, "nobody", "u", 1));
    cr_assert_eq(peers_count(peers), 2 + STRANGERS_MAX);
    append(peers, stranger, 10, 1);
    cr_assert_eq(peers_sender(peers), stranger);
    peers_sent(peers, stranger);
    peers_check(peers);
    cr_assert_eq(peers_count(peers), 1 + STRANGERS_MAX);
    peers_forget(peers, see(peers, "a", "u", 1));
    cr_assert_not(see(peers, "d", "u", 1)->stranger);
    peers_destroy(&peers);
}

Test(peers, idle_ones_are_forgotten_but_not_while_something_is_owed) {
    peers_t *peers = make(8, KIB(64));
    see(peers, "idle", "u", 100);
    peer_t *flying = see(peers, "flying", "u", 100), *queued = see(peers, "queued", "u", 100);
    see(peers, "fresh", "u", 300);
    see(peers, "again", "u", 50);
    see(peers, "again", "u", 300);
    flying->in_flight = 1;
    append(peers, queued, 10, 1);
    peers_forget_idle(peers, 200);
    peers_check(peers);
    cr_assert_eq(peers_count(peers), 4);
    cr_assert_eq(see(peers, "flying", "u", 400), flying);
    cr_assert_eq(see(peers, "queued", "u", 400), queued);
    flying->in_flight = 0;
    peers_forget_idle(peers, 1000);
    cr_assert_eq(peers_count(peers), 1);
    peers_destroy(&peers);
}

Test(peers, a_queue_is_bounded_but_takes_any_first_envelope) {
    peers_t *peers = make(2, 1000);
    peer_t *peer = see(peers, "a", "u", 1);
    cr_assert(peer_has_room(peers, peer, MIB(1), 0));
    append(peers, peer, 900, 1);
    cr_assert(peer_has_room(peers, peer, 100, 0));
    cr_assert_not(peer_has_room(peers, peer, 101, 0));
    cr_assert(peer_has_room(peers, peer, 101, 1));
    peers_destroy(&peers);
}

Test(peers, envelopes_travel_together_up_to_the_frame_and_large_ones_alone) {
    peers_t *peers = make(2, MIB(4));
    peer_t *peer = see(peers, "a", "u", 1);
    append(peers, peer, KIB(10), 1);
    append(peers, peer, KIB(6), 2);
    append(peers, peer, 1, 3);
    append(peers, peer, KIB(100), 4);
    append(peers, peer, 5, 5);
    cr_assert_eq(peer->first->bytes, KIB(16));
    cr_assert_eq(peer->first->data[KIB(10)], 2);
    cr_assert_eq(peer->first->next->bytes, 1);
    cr_assert_eq(peer->first->next->next->bytes, KIB(100));
    cr_assert_eq(peer->first->next->next->next->data[0], 5);
    cr_assert_eq(peers_forget(peers, peer), 5);
    peers_destroy(&peers);
}

Test(peers, a_bound_that_was_too_high_leaves_no_gap) {
    peers_t *peers = make(2, MIB(4));
    peer_t *peer = see(peers, "a", "u", 1);
    memset(peer_append(peers, peer, 1000), 7, 10);
    peer_appended(peers, peer, 10);
    memset(peer_append(peers, peer, 1000), 8, 10);
    peer_appended(peers, peer, 10);
    cr_assert_eq(peer->first->bytes, 20);
    cr_assert_eq(peer->first->data[10], 8);
    peers_destroy(&peers);
}

Test(peers, sending_goes_round) {
    peers_t *peers = make(8, MIB(4));
    peer_t *a = see(peers, "a", "u", 1), *b = see(peers, "b", "u", 1), *c = see(peers, "c", "u", 1);
    append(peers, a, KIB(16), 1);
    append(peers, a, KIB(16), 1);
    append(peers, b, 10, 1);
    append(peers, c, 10, 1);
    peer_t *expected[] = {a, b, c, a};
    for (int i = 0; i < 4; i++) {
        peer_t *peer = peers_sender(peers);
        cr_assert_eq(peer, expected[i], "turn %d", i);
        peers_pass(peers);
        peers_sent(peers, peer);
        peers_check(peers);
    }
    cr_assert_null(peers_sender(peers));
    peers_destroy(&peers);
}

/* Against a naive model: what is known, and how many bytes wait. */
Test(peers, a_long_random_history_keeps_the_invariants) {
    enum { IDS = 40, STEPS = 50000, BOUND = 16 };
    peers_t *peers = make(BOUND, KIB(64));
    unsigned seed = 20240229;
    uint64_t numbers[IDS] = {0};
    uint32_t indexes[IDS] = {0};
    for (uint64_t step = 1; step <= STEPS; step++) {
        int id = rand_r(&seed) % IDS;
        char routing_id[8], user_id[8];
        snprintf(routing_id, sizeof routing_id, "r%d", id);
        snprintf(user_id, sizeof user_id, "u%d", rand_r(&seed) % 8 == 0);
        bool renewed;
        uint64_t dropped;
        peer_t *peer = numbers[id] != 0 ? peers_at(peers, indexes[id], numbers[id]) : NULL;
        switch (rand_r(&seed) % 4) {
        case 0:
        case 1: {
            peer_t *seen = peers_see(peers, span_text(routing_id), user_id, step, &renewed, &dropped);
            cr_assert(seen != NULL, "strangers are enough for %d", IDS);
            cr_assert(renewed || seen == peer, "seed 20240229, step %llu", (unsigned long long)step);
            numbers[id] = seen->number;
            indexes[id] = seen->index;
            if (peer_has_room(peers, seen, 700, 0)) {
                append(peers, seen, 700, (uint8_t)id);
            }
            break;
        }
        case 2:
            if (peer != NULL) {
                peers_forget(peers, peer);
                cr_assert_null(peers_at(peers, indexes[id], numbers[id]));
            }
            break;
        default:
            if ((peer = peers_sender(peers)) != NULL) {
                peers_pass(peers);
                peers_sent(peers, peer);
            }
            peers_forget_idle(peers, step > 100 ? step - 100 : 0);
        }
        peers_check(peers);
    }
    peers_destroy(&peers);
}
