/* SPDX-License-Identifier: MIT */
/*
 * Four things in hash tables, joined by lists:
 *
 *   topic ──── members ────► member ◄──── members, or lagging ──── listener (a peer)
 *                              │
 *                       subscriptions
 *                              ▼
 *                         subscription ◄──── subscriptions ──── bearer (a handle)
 *
 * A member is one peer in one topic and exists while it has a subscription; a topic while it has members; listener and
 * bearer while they have anything. So whatever goes takes with it what hangs on it alone. A member that lags leaves the
 * topic's list, which is what events walk. Names of topics are chosen by others: their hash is keyed at random.
 */
#include "broker/topics.h"

#include <sodium.h>
#include <xxhash.h>

#define HASH_FUNCTION(key, bytes, hash) (hash) = (unsigned)XXH3_64bits(key, bytes)
#include <uthash.h>
#include <utlist.h>

#define NAME_BYTES_MAX (KIND_BYTES_MAX + 1 + KEY_BYTES_MAX)

typedef struct member member_t;

typedef struct topic {
    UT_hash_handle hh;
    member_t *members;     /* that do not lag */
    uint32_t member_count; /* of all */
    uint8_t kind_bytes;
    uint8_t name_bytes;
    uint8_t name[]; /* kind NUL key */
} topic_t;

typedef struct listener {
    peer_id_t peer;
    UT_hash_handle hh; /* by number */
    member_t *members, *lagging;
    uint32_t subscription_count;
} listener_t;

typedef struct subscription subscription_t;

typedef struct bearer {
    uint8_t handle[HANDLE_BYTES];
    UT_hash_handle hh;
    subscription_t *subscriptions;
} bearer_t;

typedef struct member_key {
    const topic_t *topic;
    uint64_t peer_number;
} member_key_t;

struct member {
    member_key_t key;
    UT_hash_handle hh;
    topic_t *topic;
    listener_t *listener;
    member_t *topic_prev, *topic_next; /* of the topic; not while it lags */
    member_t *prev, *next;             /* of the listener */
    subscription_t *subscriptions;
    bool lags;
    lag_t lag;
};

typedef struct subscription_key {
    const member_t *member;
    uint8_t handle[HANDLE_BYTES];
} subscription_key_t;

struct subscription {
    subscription_key_t key;
    UT_hash_handle hh;
    member_t *member;
    bearer_t *bearer; /* NULL: the peer itself */
    subscription_t *prev, *next;
    subscription_t *bearer_prev, *bearer_next;
};

struct topics {
    topics_options_t options;
    topic_t *by_name;
    listener_t *listeners;
    bearer_t *bearers;
    member_t *members;
    subscription_t *subscriptions;
    uint32_t lagging;
    uint64_t seed;
};

static const uint8_t no_handle[HANDLE_BYTES];

topics_t *topics_new(const topics_options_t *options) {
    CHECK(sodium_init() >= 0, "libsodium does not start");
    topics_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL && options->subscriptions_max > 0, "subscriptions_max %u", options->subscriptions_max);
    self->options = *options;
    randombytes_buf(&self->seed, sizeof self->seed);
    return self;
}

void topics_destroy(topics_t **self_p) {
    topics_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    while (self->listeners != NULL) {
        topics_drop_peer(self, self->listeners->peer);
    }
    free(self);
    *self_p = NULL;
}

/* Finding and making. */

static void *made(size_t bytes) {
    void *memory = calloc(1, bytes);
    CHECK(memory != NULL, "out of memory: %zu bytes", bytes);
    return memory;
}

typedef struct name {
    uint8_t bytes[NAME_BYTES_MAX];
    uint8_t len;
    unsigned hash;
} name_t;

static name_t name_of(const topics_t *self, address_t topic) {
    name_t name;
    CHECK(topic.kind.len <= KIND_BYTES_MAX && topic.key.len <= KEY_BYTES_MAX, "a kind of %zu bytes, a key of %zu",
          topic.kind.len, topic.key.len);
    name.len = (uint8_t)(topic.kind.len + 1 + topic.key.len);
    memcpy(name.bytes, topic.kind.ptr, topic.kind.len);
    name.bytes[topic.kind.len] = 0;
    memcpy(name.bytes + topic.kind.len + 1, topic.key.ptr, topic.key.len);
    name.hash = (unsigned)XXH3_64bits_withSeed(name.bytes, name.len, self->seed);
    return name;
}

static_assert(NAME_BYTES_MAX <= UINT8_MAX, "the length of a name is a byte");

static topic_t *find_topic(const topics_t *self, const name_t *name) {
    topic_t *topic;
    HASH_FIND_BYHASHVALUE(hh, self->by_name, name->bytes, name->len, name->hash, topic);
    return topic;
}

static topic_t *make_topic(topics_t *self, const name_t *name, size_t kind_bytes) {
    topic_t *topic = made(sizeof *topic + name->len);
    topic->kind_bytes = (uint8_t)kind_bytes;
    topic->name_bytes = name->len;
    memcpy(topic->name, name->bytes, name->len);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, self->by_name, topic->name, topic->name_bytes, name->hash, topic);
    return topic;
}

static address_t address_of(const topic_t *topic) {
    size_t key_at = (size_t)topic->kind_bytes + 1;
    return (address_t){.kind = span_of(topic->name, topic->kind_bytes),
                       .key = span_of(topic->name + key_at, topic->name_bytes - key_at)};
}

static listener_t *find_listener(const topics_t *self, peer_id_t peer) {
    listener_t *listener;
    HASH_FIND(hh, self->listeners, &peer.number, sizeof peer.number, listener);
    return listener;
}

static listener_t *make_listener(topics_t *self, peer_id_t peer) {
    listener_t *listener = made(sizeof *listener);
    listener->peer = peer;
    HASH_ADD(hh, self->listeners, peer.number, sizeof listener->peer.number, listener);
    return listener;
}

static member_t *find_member(const topics_t *self, const topic_t *topic, peer_id_t peer) {
    member_key_t key = {.topic = topic, .peer_number = peer.number};
    member_t *member;
    HASH_FIND(hh, self->members, &key, sizeof key, member);
    return member;
}

static member_t *make_member(topics_t *self, topic_t *topic, listener_t *listener) {
    member_t *member = made(sizeof *member);
    member->key = (member_key_t){.topic = topic, .peer_number = listener->peer.number};
    member->topic = topic;
    member->listener = listener;
    HASH_ADD(hh, self->members, key, sizeof member->key, member);
    DL_APPEND2(topic->members, member, topic_prev, topic_next);
    DL_APPEND(listener->members, member);
    topic->member_count++;
    return member;
}

static bearer_t *find_bearer(const topics_t *self, const uint8_t *handle) {
    bearer_t *bearer;
    HASH_FIND(hh, self->bearers, handle, HANDLE_BYTES, bearer);
    return bearer;
}

static bearer_t *bearer_of(topics_t *self, const uint8_t *handle) {
    bearer_t *bearer = find_bearer(self, handle);
    if (bearer == NULL) {
        bearer = made(sizeof *bearer);
        memcpy(bearer->handle, handle, HANDLE_BYTES);
        HASH_ADD(hh, self->bearers, handle, HANDLE_BYTES, bearer);
    }
    return bearer;
}

static subscription_t *find_subscription(const topics_t *self, const member_t *member, const uint8_t *handle) {
    subscription_key_t key = {.member = member};
    subscription_t *subscription;
    memcpy(key.handle, handle, HANDLE_BYTES);
    HASH_FIND(hh, self->subscriptions, &key, sizeof key, subscription);
    return subscription;
}

static void make_subscription(topics_t *self, member_t *member, const uint8_t *handle) {
    subscription_t *subscription = made(sizeof *subscription);
    subscription->key.member = member;
    memcpy(subscription->key.handle, handle, HANDLE_BYTES);
    subscription->member = member;
    HASH_ADD(hh, self->subscriptions, key, sizeof subscription->key, subscription);
    DL_APPEND(member->subscriptions, subscription);
    if (memcmp(handle, no_handle, HANDLE_BYTES) != 0) {
        subscription->bearer = bearer_of(self, handle);
        DL_APPEND2(subscription->bearer->subscriptions, subscription, bearer_prev, bearer_next);
    }
    member->listener->subscription_count++;
}

/* Dropping, from the end of the branches. */

static void drop_listener_if_idle(topics_t *self, listener_t *listener) {
    if (listener->members == NULL && listener->lagging == NULL) {
        HASH_DELETE(hh, self->listeners, listener);
        free(listener);
    }
}

static void drop_member(topics_t *self, member_t *member) {
    topic_t *topic = member->topic;
    listener_t *listener = member->listener;
    HASH_DELETE(hh, self->members, member);
    if (member->lags) {
        DL_DELETE(listener->lagging, member);
        self->lagging--;
    } else {
        DL_DELETE(listener->members, member);
        DL_DELETE2(topic->members, member, topic_prev, topic_next);
    }
    free(member);
    if (--topic->member_count == 0) {
        HASH_DELETE(hh, self->by_name, topic);
        free(topic);
    }
    drop_listener_if_idle(self, listener);
}

static void drop_subscription(topics_t *self, subscription_t *subscription) {
    member_t *member = subscription->member;
    bearer_t *bearer = subscription->bearer;
    HASH_DELETE(hh, self->subscriptions, subscription);
    DL_DELETE(member->subscriptions, subscription);
    if (bearer != NULL) {
        DL_DELETE2(bearer->subscriptions, subscription, bearer_prev, bearer_next);
        if (bearer->subscriptions == NULL) {
            HASH_DELETE(hh, self->bearers, bearer);
            free(bearer);
        }
    }
    free(subscription);
    member->listener->subscription_count--;
    if (member->subscriptions == NULL) {
        drop_member(self, member);
    }
}

/* The member goes with the last of them. */
static void drop_subscriptions(topics_t *self, member_t *member) {
    bool last;
    do {
        last = member->subscriptions->next == NULL;
        drop_subscription(self, member->subscriptions);
    } while (!last);
}

/* The public part. */

status_t topics_add(topics_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES], address_t address) {
    name_t name = name_of(self, address);
    topic_t *topic = find_topic(self, &name);
    member_t *member = topic != NULL ? find_member(self, topic, peer) : NULL;
    listener_t *listener = find_listener(self, peer);
    if (member != NULL && member->lags) {
        return STATUS_BUSY;
    }
    if (member != NULL && find_subscription(self, member, handle) != NULL) {
        return STATUS_OK;
    }
    if (topics_count(self) >= self->options.subscriptions_max ||
        (listener != NULL && listener->subscription_count >= self->options.peer_subscriptions_max)) {
        return STATUS_BUSY;
    }
    if (member == NULL) {
        topic = topic != NULL ? topic : make_topic(self, &name, address.kind.len);
        listener = listener != NULL ? listener : make_listener(self, peer);
        member = make_member(self, topic, listener);
    }
    make_subscription(self, member, handle);
    return STATUS_OK;
}

static member_t *member_of(const topics_t *self, peer_id_t peer, address_t address) {
    name_t name = name_of(self, address);
    const topic_t *topic = find_topic(self, &name);
    return topic != NULL ? find_member(self, topic, peer) : NULL;
}

void topics_remove(topics_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES], address_t topic) {
    const member_t *member = member_of(self, peer, topic);
    subscription_t *subscription = member != NULL ? find_subscription(self, member, handle) : NULL;
    if (subscription != NULL) {
        drop_subscription(self, subscription);
    }
}

bool topics_hears(const topics_t *self, peer_id_t peer, const uint8_t handle[HANDLE_BYTES], address_t topic) {
    const member_t *member = member_of(self, peer, topic);
    return member != NULL && !member->lags && find_subscription(self, member, handle) != NULL;
}

void topics_drop_peer(topics_t *self, peer_id_t peer) {
    listener_t *listener;
    while ((listener = find_listener(self, peer)) != NULL) { /* goes with its last member */
        drop_subscriptions(self, listener->members != NULL ? listener->members : listener->lagging);
    }
}

void topics_drop_handle(topics_t *self, const uint8_t handle[HANDLE_BYTES]) {
    CHECK(memcmp(handle, no_handle, HANDLE_BYTES) != 0, "zeros are no handle");
    bearer_t *bearer = find_bearer(self, handle);
    for (bool last = bearer == NULL; !last;) { /* goes with its last subscription */
        last = bearer->subscriptions->bearer_next == NULL;
        drop_subscription(self, bearer->subscriptions);
    }
}

void topics_walk(topics_t *self, address_t address, void (*each)(void *context, peer_id_t peer), void *context) {
    name_t name = name_of(self, address);
    const topic_t *topic = find_topic(self, &name);
    member_t *next;
    for (member_t *member = topic != NULL ? topic->members : NULL; member != NULL; member = next) {
        next = member->topic_next;
        each(context, member->listener->peer); /* behind the last one the topic may be gone */
    }
}

void topics_lag(topics_t *self, peer_id_t peer, address_t topic, lag_t lag) {
    member_t *member = member_of(self, peer, topic);
    CHECK(member != NULL && !member->lags, "peer %u does not hear %.*s/%.*s", peer.index, (int)topic.kind.len,
          (const char *)topic.kind.ptr, (int)topic.key.len, (const char *)topic.key.ptr);
    DL_DELETE2(member->topic->members, member, topic_prev, topic_next);
    DL_DELETE(member->listener->members, member);
    DL_APPEND(member->listener->lagging, member);
    member->lags = true;
    member->lag = lag;
    self->lagging++;
}

bool topics_lagged(const topics_t *self, peer_id_t peer, address_t *topic, lag_t *lag) {
    const listener_t *listener = self->lagging > 0 ? find_listener(self, peer) : NULL;
    if (listener == NULL || listener->lagging == NULL) {
        return false;
    }
    *topic = address_of(listener->lagging->topic);
    *lag = listener->lagging->lag;
    return true;
}

void topics_told(topics_t *self, peer_id_t peer) {
    const listener_t *listener = find_listener(self, peer);
    CHECK(listener != NULL && listener->lagging != NULL, "peer %u had nothing to be told", peer.index);
    drop_subscriptions(self, listener->lagging);
}

uint32_t topics_count(const topics_t *self) {
    return HASH_COUNT(self->subscriptions);
}

uint32_t topics_lagging(const topics_t *self) {
    return self->lagging;
}

static uint32_t check_member(const topics_t *self, const member_t *member) {
    uint32_t count = 0;
    CHECK(find_member(self, member->topic, member->listener->peer) == member, "a member that is not found");
    for (const subscription_t *subscription = member->subscriptions; subscription != NULL;
         subscription = subscription->next) {
        CHECK(find_subscription(self, member, subscription->key.handle) == subscription, "not found");
        CHECK((subscription->bearer == NULL) == (memcmp(subscription->key.handle, no_handle, HANDLE_BYTES) == 0),
              "whose it is");
        count++;
    }
    CHECK(count > 0, "a member without subscriptions");
    return count;
}

static void check_listener(const topics_t *self, const listener_t *listener, uint32_t *members, uint32_t *lagging) {
    uint32_t count = 0;
    for (const member_t *member = listener->members; member != NULL; member = member->next) {
        CHECK(!member->lags && member->listener == listener, "a member of peer %u", listener->peer.index);
        count += check_member(self, member);
        ++*members;
    }
    for (const member_t *member = listener->lagging; member != NULL; member = member->next) {
        CHECK(member->lags && member->listener == listener, "a member of peer %u", listener->peer.index);
        count += check_member(self, member);
        ++*members;
        ++*lagging;
    }
    CHECK(count > 0 && count == listener->subscription_count, "%u subscriptions of peer %u, %u counted", count,
          listener->peer.index, listener->subscription_count);
    CHECK(count <= self->options.peer_subscriptions_max, "%u subscriptions of peer %u", count, listener->peer.index);
}

static void check_topics(const topics_t *self) {
    uint32_t members = 0, heard = 0;
    for (const topic_t *topic = self->by_name; topic != NULL; topic = topic->hh.next) {
        for (const member_t *member = topic->members; member != NULL; member = member->topic_next) {
            CHECK(member->topic == topic && !member->lags, "a member of %s", topic->name);
            heard++;
        }
        CHECK(topic->member_count > 0, "nobody hears %s", topic->name);
        members += topic->member_count;
    }
    CHECK(members == HASH_COUNT(self->members), "%u members, %u found", members, HASH_COUNT(self->members));
    CHECK(heard + self->lagging == members, "%u hear, %u lag, %u members", heard, self->lagging, members);
}

void topics_check(const topics_t *self) {
    uint32_t members = 0, lagging = 0, borne = 0;
    for (const listener_t *listener = self->listeners; listener != NULL; listener = listener->hh.next) {
        check_listener(self, listener, &members, &lagging);
    }
    CHECK(members == HASH_COUNT(self->members), "%u members, %u found", members, HASH_COUNT(self->members));
    CHECK(lagging == self->lagging, "%u lag, %u counted", lagging, self->lagging);
    check_topics(self);
    for (const bearer_t *bearer = self->bearers; bearer != NULL; bearer = bearer->hh.next) {
        CHECK(bearer->subscriptions != NULL, "a handle without subscriptions");
        for (const subscription_t *subscription = bearer->subscriptions; subscription != NULL;
             subscription = subscription->bearer_next) {
            CHECK(subscription->bearer == bearer, "a subscription of another handle");
            borne++;
        }
    }
    CHECK(borne <= topics_count(self) && topics_count(self) <= self->options.subscriptions_max, "%u subscriptions",
          topics_count(self));
}
