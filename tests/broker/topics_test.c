/* SPDX-License-Identifier: MIT */
#include "broker/topics.h"

#include "tests/broker/support.h"
#include "tests/storage/random.h"

static topics_t *topics;

static void start(void) {
    topics = topics_new(&(topics_options_t){.subscriptions_max = 8, .peer_subscriptions_max = 5});
}
static void stop(void) {
    topics_check(topics);
    topics_destroy(&topics);
    cr_assert_null(topics);
}

TestSuite(topics, .init = start, .fini = stop);

static address_t room(const char *key) {
    return (address_t){.kind = span_text("room"), .key = span_text(key)};
}

static status_t add(uint32_t peer, uint8_t handle, const char *key) {
    status_t status = topics_add(topics, peer_of(peer), handle_of(handle), room(key));
    topics_check(topics);
    return status;
}

static void lag(uint32_t peer, const char *key, uint64_t seq) {
    topics_lag(topics, peer_of(peer), room(key), (lag_t){.log_epoch = 9, .seq = seq});
    topics_check(topics);
}

static void told(uint32_t peer) {
    topics_told(topics, peer_of(peer));
    topics_check(topics);
}

/* Who hears: bit by index of the peer. */
static void hear(void *context, peer_id_t peer) {
    uint32_t *heard = context;
    cr_assert_eq(peer.number, 1000 + peer.index);
    cr_assert_eq(*heard & 1u << peer.index, 0, "peer %u twice", peer.index);
    *heard |= 1u << peer.index;
}

static uint32_t heard_in(const char *key) {
    uint32_t heard = 0;
    topics_walk(topics, room(key), hear, &heard);
    return heard;
}

static void assert_lagged(uint32_t peer, const char *key, uint64_t seq) {
    address_t topic;
    lag_t lag;
    cr_assert(topics_lagged(topics, peer_of(peer), &topic, &lag));
    assert_text(topic.kind, "room");
    assert_text(topic.key, key);
    cr_assert_eq(lag.log_epoch, 9);
    cr_assert_eq(lag.seq, seq);
}

static void assert_nothing_to_tell(uint32_t peer) {
    address_t topic;
    lag_t lag;
    cr_assert_not(topics_lagged(topics, peer_of(peer), &topic, &lag));
}

/* What must not happen. */

Test(topics, a_peer_with_two_handles_hears_once) {
    cr_assert_eq(add(1, 0, "a"), STATUS_OK);
    cr_assert_eq(add(1, 1, "a"), STATUS_OK);
    cr_assert_eq(add(1, 2, "a"), STATUS_OK);
    cr_assert_eq(heard_in("a"), 1 << 1);
    cr_assert_eq(topics_count(topics), 3);
}

Test(topics, nobody_hears_what_they_did_not_ask_for) {
    add(1, 1, "a");
    add(2, 0, "b");
    cr_assert_eq(heard_in("c"), 0);
    cr_assert_eq(heard_in("ab"), 0);
    cr_assert_eq(heard_in(""), 0);
    uint32_t heard = 0;
    topics_walk(topics, (address_t){.kind = span_text("rooma"), .key = span_text("")}, hear, &heard);
    topics_walk(topics, (address_t){.kind = span_text("roo"), .key = span_text("a")}, hear, &heard);
    cr_assert_eq(heard, 0);
}

Test(topics, the_same_twice_counts_once_and_ends_once) {
    cr_assert_eq(add(1, 1, "a"), STATUS_OK);
    cr_assert_eq(add(1, 1, "a"), STATUS_OK);
    cr_assert_eq(topics_count(topics), 1);
    topics_remove(topics, peer_of(1), handle_of(1), room("a"));
    cr_assert_eq(heard_in("a"), 0);
    cr_assert_eq(topics_count(topics), 0);
}

Test(topics, past_the_bound_of_a_peer_it_is_busy_and_others_are_not) {
    const char *const keys[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        cr_assert_eq(add(1, 1, keys[i]), STATUS_OK);
    }
    cr_assert_eq(add(1, 1, "f"), STATUS_BUSY);
    cr_assert_eq(add(1, 2, "a"), STATUS_BUSY, "of all its handles together");
    cr_assert_eq(add(1, 1, "a"), STATUS_OK, "it is there");
    cr_assert_eq(heard_in("f"), 0);
    cr_assert_eq(add(2, 0, "f"), STATUS_OK);
}

Test(topics, past_the_bound_of_all_it_is_busy_until_one_goes) {
    for (uint32_t peer = 0; peer < 8; peer++) {
        cr_assert_eq(add(peer, 0, "a"), STATUS_OK);
    }
    cr_assert_eq(add(9, 0, "a"), STATUS_BUSY);
    topics_drop_peer(topics, peer_of(3));
    cr_assert_eq(add(9, 0, "a"), STATUS_OK);
    cr_assert_eq(heard_in("a"), 0xff ^ 1 << 3 ^ 1 << 9);
}

Test(topics, a_peer_that_was_dropped_hears_nothing_and_nobody_after_it_does) {
    add(1, 0, "a");
    add(1, 1, "b");
    add(2, 2, "a");
    add(1, 1, "c");
    lag(1, "c", 1);
    topics_drop_peer(topics, peer_of(1));
    cr_assert_eq(heard_in("a"), 1 << 2);
    cr_assert_eq(heard_in("b"), 0);
    cr_assert_eq(topics_lagging(topics), 0);
    uint32_t heard = 0;
    topics_drop_peer(topics, peer_of(1));
    cr_assert_eq(topics_add(topics, (peer_id_t){.index = 2, .number = 77}, handle_of(0), room("b")), STATUS_OK);
    topics_remove(topics, (peer_id_t){.index = 2, .number = 77}, handle_of(2), room("a"));
    topics_drop_peer(topics, (peer_id_t){.index = 2, .number = 77});
    topics_walk(topics, room("a"), hear, &heard);
    cr_assert_eq(heard, 1 << 2, "the number tells them apart, not the index");
}

Test(topics, when_a_handle_is_dropped_its_peer_hears_on_only_for_others) {
    add(1, 1, "a");
    add(1, 2, "a");
    add(1, 1, "b");
    add(2, 3, "b");
    topics_drop_handle(topics, handle_of(1));
    topics_check(topics);
    cr_assert_eq(heard_in("a"), 1 << 1, "for handle 2");
    cr_assert_eq(heard_in("b"), 1 << 2);
    topics_drop_handle(topics, handle_of(1));
    topics_drop_handle(topics, handle_of(2));
    cr_assert_eq(heard_in("a"), 0);
}

static bool hears(uint32_t peer, uint8_t handle, const char *key) {
    return topics_hears(topics, peer_of(peer), handle_of(handle), room(key));
}

Test(topics, a_peer_hears_only_on_behalf_of_handles_that_subscribed_and_not_while_it_lags) {
    add(1, 1, "a");
    cr_assert_not(hears(1, 2, "a") || hears(1, 0, "a") || hears(2, 1, "a") || hears(1, 1, "b"));
    cr_assert(hears(1, 1, "a"));
    lag(1, "a", 5);
    cr_assert_not(hears(1, 1, "a"));
}

Test(topics, who_lags_hears_no_more_even_when_told) {
    add(1, 1, "a");
    add(1, 2, "a");
    add(2, 0, "a");
    lag(1, "a", 41);
    cr_assert_eq(heard_in("a"), 1 << 2);
    cr_assert_eq(topics_lagging(topics), 1);
    assert_lagged(1, "a", 41);
    assert_nothing_to_tell(2);
    told(1);
    assert_nothing_to_tell(1);
    cr_assert_eq(heard_in("a"), 1 << 2);
    cr_assert_eq(topics_count(topics), 1);
}

Test(topics, who_lags_cannot_subscribe_again_before_it_was_told) {
    add(1, 1, "a");
    lag(1, "a", 5);
    cr_assert_eq(add(1, 1, "a"), STATUS_BUSY);
    cr_assert_eq(add(1, 2, "a"), STATUS_BUSY);
    cr_assert_eq(add(1, 2, "b"), STATUS_OK, "elsewhere it can");
    told(1);
    cr_assert_eq(add(1, 2, "a"), STATUS_OK);
    cr_assert_eq(heard_in("a"), 1 << 1);
}

Test(topics, nobody_is_told_of_a_lag_whose_subscriptions_are_gone) {
    add(1, 1, "a");
    add(1, 2, "a");
    lag(1, "a", 5);
    topics_remove(topics, peer_of(1), handle_of(1), room("a"));
    assert_lagged(1, "a", 5);
    topics_drop_handle(topics, handle_of(2));
    assert_nothing_to_tell(1);
    cr_assert_eq(topics_lagging(topics), 0);
}

Test(topics, what_is_not_there_can_be_removed) {
    topics_remove(topics, peer_of(1), handle_of(1), room("a"));
    add(1, 1, "a");
    topics_remove(topics, peer_of(1), handle_of(2), room("a"));
    topics_remove(topics, peer_of(2), handle_of(1), room("a"));
    topics_remove(topics, peer_of(1), handle_of(1), room("b"));
    topics_drop_handle(topics, handle_of(9));
    topics_drop_peer(topics, peer_of(9));
    cr_assert_eq(heard_in("a"), 1 << 1);
}

/* What must happen. */

Test(topics, lags_are_told_in_their_order) {
    add(1, 0, "b");
    add(1, 0, "a");
    lag(1, "a", 7);
    lag(1, "b", 8);
    assert_lagged(1, "a", 7);
    told(1);
    assert_lagged(1, "b", 8);
    told(1);
    assert_nothing_to_tell(1);
    cr_assert_eq(topics_count(topics), 0);
}

/* As the broker does it: the last one may take the topic with it. */
static void lag_and_tell(void *context, peer_id_t peer) {
    topics_lag(topics, peer, room("a"), (lag_t){.seq = 1});
    if (peer.index % 2 == 0) {
        topics_told(topics, peer);
    }
    ++*(uint32_t *)context;
}

Test(topics, all_may_lag_and_be_told_during_a_walk) {
    uint32_t count = 0;
    for (uint32_t peer = 1; peer <= 6; peer++) {
        add(peer, 0, "a");
    }
    topics_walk(topics, room("a"), lag_and_tell, &count);
    topics_check(topics);
    cr_assert_eq(count, 6);
    cr_assert_eq(topics_lagging(topics), 3);
    for (uint32_t peer = 1; peer < 6; peer += 2) {
        told(peer);
    }
    add(2, 0, "a");
    topics_walk(topics, room("a"), lag_and_tell, &count);
    cr_assert_eq(topics_count(topics), 0);
}

Test(topics, the_longest_name_fits) {
    static char kind[KIND_BYTES_MAX], key[KEY_BYTES_MAX];
    memset(kind, 'k', sizeof kind);
    memset(key, 'y', sizeof key);
    address_t topic = {.kind = span_of(kind, sizeof kind), .key = span_of(key, sizeof key)}, lagged;
    lag_t lag;
    cr_assert_eq(topics_add(topics, peer_of(1), handle_of(0), topic), STATUS_OK);
    topics_lag(topics, peer_of(1), topic, (lag_t){0});
    cr_assert(topics_lagged(topics, peer_of(1), &lagged, &lag));
    cr_assert(span_equal(lagged.kind, topic.kind));
    cr_assert(span_equal(lagged.key, topic.key));
}

/* Against arrays. */

enum { PEERS = 6, HANDLES = 5, KEYS = 7, STEPS = 60000, ALL_MAX = 60, PEER_MAX = 20 };

static struct model {
    bool subscribed[PEERS][HANDLES][KEYS];
    uint64_t lag[PEERS][KEYS]; /* order of the lags that were not told; 0: does not lag */
} model;
static const char *const keys[KEYS] = {"a", "b", "c", "d", "e", "f", "g"};

/* Handle h > 0 of peer p; a handle is of one peer in the broker, but topics need not know. */
static uint32_t count_of(size_t peer, size_t key) {
    uint32_t count = 0;
    for (size_t handle = 0; handle < HANDLES; handle++) {
        count += model.subscribed[peer][handle][key];
    }
    return count;
}

static uint32_t count_of_peer(size_t peer) {
    uint32_t count = 0;
    for (size_t key = 0; key < KEYS; key++) {
        count += count_of(peer, key);
    }
    return count;
}

static uint32_t count_of_all(void) {
    uint32_t count = 0;
    for (size_t peer = 0; peer < PEERS; peer++) {
        count += count_of_peer(peer);
    }
    return count;
}

static void model_remove(size_t peer, size_t handle, size_t key) {
    model.subscribed[peer][handle][key] = false;
    if (count_of(peer, key) == 0) {
        model.lag[peer][key] = 0;
    }
}

static void model_drop(size_t peer, size_t key) {
    for (size_t handle = 0; handle < HANDLES; handle++) {
        model_remove(peer, handle, key);
    }
}

static void model_add(size_t peer, size_t handle, size_t key) {
    bool there = model.subscribed[peer][handle][key];
    bool busy = model.lag[peer][key] != 0 || (!there && (count_of_all() == ALL_MAX || count_of_peer(peer) == PEER_MAX));
    cr_assert_eq(topics_add(topics, peer_of((uint32_t)peer), handle_of((uint8_t)handle), room(keys[key])),
                 busy ? STATUS_BUSY : STATUS_OK);
    model.subscribed[peer][handle][key] |= !busy;
}

static void model_tell(size_t peer) {
    size_t first = KEYS;
    for (size_t key = 0; key < KEYS; key++) {
        if (model.lag[peer][key] != 0 && (first == KEYS || model.lag[peer][key] < model.lag[peer][first])) {
            first = key;
        }
    }
    if (first == KEYS) {
        assert_nothing_to_tell((uint32_t)peer);
        return;
    }
    assert_lagged((uint32_t)peer, keys[first], model.lag[peer][first]);
    topics_told(topics, peer_of((uint32_t)peer));
    model_drop(peer, first);
}

static void compare(void) {
    for (size_t key = 0; key < KEYS; key++) {
        uint32_t expected = 0;
        for (size_t peer = 0; peer < PEERS; peer++) {
            expected |= count_of(peer, key) > 0 && model.lag[peer][key] == 0 ? 1u << peer : 0;
        }
        cr_assert_eq(heard_in(keys[key]), expected, "%s", keys[key]);
    }
    cr_assert_eq(topics_count(topics), count_of_all());
}

static void random_step(random_state_t *state, uint64_t step) {
    size_t peer = random_below(state, PEERS), handle = random_below(state, HANDLES), key = random_below(state, KEYS);
    peer_id_t id = peer_of((uint32_t)peer);
    size_t what = random_below(state, 100);
    if (what < 60) {
        model_add(peer, handle, key);
    } else if (what < 75) {
        topics_remove(topics, id, handle_of((uint8_t)handle), room(keys[key]));
        model_remove(peer, handle, key);
    } else if (what < 85 && count_of(peer, key) > 0 && model.lag[peer][key] == 0) {
        topics_lag(topics, id, room(keys[key]), (lag_t){.log_epoch = 9, .seq = step});
        model.lag[peer][key] = step;
    } else if (what < 95) {
        model_tell(peer);
    } else if (what < 98 && handle > 0) {
        topics_drop_handle(topics, handle_of((uint8_t)handle));
        for (size_t i = 0; i < PEERS * KEYS; i++) {
            model_remove(i / KEYS, handle, i % KEYS);
        }
    } else if (what >= 98) {
        topics_drop_peer(topics, id);
        for (size_t i = 0; i < KEYS; i++) {
            model_drop(peer, i);
        }
    }
}

Test(topics, a_long_random_history_is_as_in_the_model) {
    random_state_t state = random_start("topics");
    topics_destroy(&topics);
    topics = topics_new(&(topics_options_t){.subscriptions_max = ALL_MAX, .peer_subscriptions_max = PEER_MAX});
    for (uint64_t step = 1; step <= STEPS; step++) {
        random_step(&state, step);
        if (step % 16 == 0) {
            topics_check(topics);
            compare();
        }
    }
}
