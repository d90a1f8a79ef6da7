/* SPDX-License-Identifier: MIT */
/*
 * One array of slots, linked four ways by index: buckets of the hash of the routing id, free slots, the order in which
 * peers were last seen (oldest first), and a ring of those with something queued, which sending walks round. The hash
 * is keyed at random, since routing ids are of the other side's choosing.
 */
#include "broker/peers.h"

#include <sodium.h>
#include <xxhash.h>

#define NONE UINT32_MAX
#define FREE_FRAMES_MAX 1024

struct peers {
    peer_t *slots; /* peers_max, then STRANGERS_MAX */
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t peers_max, count;
    uint32_t free_peer, free_stranger; /* lists through peer.next */
    uint32_t unused;                   /* slots of peers from here on were never touched */
    uint32_t oldest, newest;           /* seen */
    uint32_t sender, senders;          /* ring */
    uint64_t seed, next_number;
    size_t queue_bytes_max;
    void (*forgotten)(void *context, peer_id_t peer); /* or NULL */
    void *context;
    frame_t *free_frames; /* of FRAME_COALESCE_BYTES */
    uint32_t free_frame_count;
};

static uint32_t slot_count(const peers_t *self) {
    return self->peers_max + STRANGERS_MAX;
}

static void release_slot(peers_t *self, peer_t *peer) {
    uint32_t *head = peer->index < self->peers_max ? &self->free_peer : &self->free_stranger;
    peer->number = 0;
    peer->next = *head;
    *head = peer->index;
}

static void *zeroed(size_t count, size_t bytes) {
    void *memory = calloc(count, bytes);
    CHECK(memory != NULL, "out of memory: %zu times %zu", count, bytes);
    return memory;
}

peers_t *peers_new(const peers_options_t *options) {
    CHECK(options->peers_max > 0 && options->peers_max < 1u << 24, "peers_max %u", options->peers_max);
    CHECK(sodium_init() >= 0, "libsodium does not start");
    peers_t *self = zeroed(1, sizeof *self);
    self->peers_max = options->peers_max;
    self->queue_bytes_max = options->queue_bytes_max;
    self->forgotten = options->forgotten;
    self->context = options->context;
    self->free_peer = self->free_stranger = self->oldest = self->newest = self->sender = NONE;
    self->slots = zeroed(slot_count(self), sizeof *self->slots);
    uint32_t buckets = 64;
    while (buckets < slot_count(self)) {
        buckets *= 2;
    }
    self->bucket_mask = buckets - 1;
    self->buckets = zeroed(buckets, sizeof *self->buckets);
    memset(self->buckets, 0xff, buckets * sizeof *self->buckets);
    for (uint32_t i = slot_count(self); i-- > self->peers_max;) {
        self->slots[i].index = i;
        release_slot(self, &self->slots[i]);
    }
    randombytes_buf(&self->seed, sizeof self->seed);
    randombytes_buf(&self->next_number, sizeof self->next_number);
    self->next_number = (self->next_number >> 1) | 1; /* never 0, and never runs over */
    return self;
}

/* Frames. */

static frame_t *frame_acquire(peers_t *self, size_t bytes) {
    frame_t *frame = self->free_frames;
    if (bytes <= FRAME_COALESCE_BYTES && frame != NULL) {
        self->free_frames = frame->next;
        self->free_frame_count--;
    } else {
        size_t capacity = bytes <= FRAME_COALESCE_BYTES ? FRAME_COALESCE_BYTES : bytes;
        frame = malloc(sizeof *frame + capacity);
        CHECK(frame != NULL, "out of memory: %zu bytes", capacity);
        frame->capacity = (uint32_t)capacity;
    }
    frame->next = NULL;
    frame->bytes = 0;
    frame->envelopes = 0;
    return frame;
}

static void frame_release(peers_t *self, frame_t *frame) {
    if (frame->capacity != FRAME_COALESCE_BYTES || self->free_frame_count == FREE_FRAMES_MAX) {
        free(frame);
        return;
    }
    frame->next = self->free_frames;
    self->free_frames = frame;
    self->free_frame_count++;
}

/* The ring of senders. */

static void start_sending(peers_t *self, peer_t *peer) {
    if (self->senders++ == 0) {
        self->sender = peer->send_next = peer->send_before = peer->index;
        return;
    }
    peer_t *next = &self->slots[self->sender];
    peer_t *before = &self->slots[next->send_before];
    peer->send_next = next->index;
    peer->send_before = before->index;
    before->send_next = next->send_before = peer->index;
}

static void stop_sending(peers_t *self, peer_t *peer) {
    self->slots[peer->send_before].send_next = peer->send_next;
    self->slots[peer->send_next].send_before = peer->send_before;
    if (self->sender == peer->index) {
        self->sender = peer->send_next;
    }
    if (--self->senders == 0) {
        self->sender = NONE;
    }
}

static uint32_t take_first(peers_t *self, peer_t *peer) {
    frame_t *frame = peer->first;
    uint32_t envelopes = frame->envelopes;
    peer->first = frame->next;
    peer->queue_bytes -= frame->bytes;
    frame_release(self, frame);
    if (peer->first == NULL) {
        peer->last = NULL;
        stop_sending(self, peer);
    }
    return envelopes;
}

static uint64_t empty_queue(peers_t *self, peer_t *peer) {
    uint64_t envelopes = 0;
    while (peer->first != NULL) {
        envelopes += take_first(self, peer);
    }
    return envelopes;
}

void peers_destroy(peers_t **self_p) {
    peers_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < slot_count(self); i++) {
        if (self->slots[i].number != 0) {
            (void)empty_queue(self, &self->slots[i]);
        }
    }
    while (self->free_frames != NULL) {
        frame_t *frame = self->free_frames;
        self->free_frames = frame->next;
        free(frame);
    }
    free(self->slots);
    free(self->buckets);
    free(self);
    *self_p = NULL;
}

/* The order in which peers were seen. */

static void unlink_seen(peers_t *self, peer_t *peer) {
    *(peer->sooner == NONE ? &self->oldest : &self->slots[peer->sooner].later) = peer->later;
    *(peer->later == NONE ? &self->newest : &self->slots[peer->later].sooner) = peer->sooner;
}

static void link_newest(peers_t *self, peer_t *peer) {
    peer->sooner = self->newest;
    peer->later = NONE;
    *(self->newest == NONE ? &self->oldest : &self->slots[self->newest].later) = peer->index;
    self->newest = peer->index;
}

static void touch(peers_t *self, peer_t *peer, uint64_t now_us) {
    peer->last_seen_us = now_us;
    if (self->newest != peer->index) {
        unlink_seen(self, peer);
        link_newest(self, peer);
    }
}

/* Finding, making, forgetting. */

static peer_t *find(peers_t *self, span_t routing_id, uint64_t hash) {
    for (uint32_t i = self->buckets[hash & self->bucket_mask]; i != NONE; i = self->slots[i].next) {
        peer_t *peer = &self->slots[i];
        if (peer->hash == hash && span_equal(routing_id, span_of(peer->routing_id, peer->routing_id_bytes))) {
            return peer;
        }
    }
    return NULL;
}

static void tell_forgotten(const peers_t *self, peer_id_t peer) {
    if (self->forgotten != NULL) {
        self->forgotten(self->context, peer);
    }
}

/* Whose the peer is from now on; everything of an earlier owner must be gone. */
static void begin(peers_t *self, peer_t *peer, const char *user_id) {
    peer->number = self->next_number++;
    peer->roles = 0;
    peer->in_flight = 0;
    peer->has_session = false;
    peer->again_us = 0;
    memcpy(peer->user_id, user_id, strlen(user_id) + 1);
}

/* A free slot, of a stranger if there is no other, or NULL. */
static peer_t *take_slot(peers_t *self) {
    if (self->free_peer == NONE && self->unused < self->peers_max) {
        self->slots[self->unused].index = self->unused;
        release_slot(self, &self->slots[self->unused++]);
    }
    bool stranger = self->free_peer == NONE;
    uint32_t *head = stranger ? &self->free_stranger : &self->free_peer;
    if (*head == NONE) {
        return NULL;
    }
    peer_t *peer = &self->slots[*head];
    *head = peer->next;
    peer->stranger = stranger;
    return peer;
}

static peer_t *make(peers_t *self, span_t routing_id, uint64_t hash, const char *user_id) {
    peer_t *peer = take_slot(self);
    if (peer == NULL) {
        return NULL;
    }
    peer->first = peer->last = NULL;
    peer->queue_bytes = 0;
    peer->hash = hash;
    peer->routing_id_bytes = (uint8_t)routing_id.len;
    memcpy(peer->routing_id, routing_id.ptr, routing_id.len);
    peer->next = self->buckets[hash & self->bucket_mask];
    self->buckets[hash & self->bucket_mask] = peer->index;
    link_newest(self, peer);
    begin(self, peer, user_id);
    self->count++;
    return peer;
}

peer_t *peers_see(peers_t *self, span_t routing_id, const char *user_id, uint64_t now_us, bool *renewed,
                  uint64_t *dropped) {
    if (routing_id.len == 0 || routing_id.len > ROUTING_ID_BYTES_MAX || strlen(user_id) > USER_ID_BYTES_MAX) {
        return NULL;
    }
    uint64_t hash = XXH3_64bits_withSeed(routing_id.ptr, routing_id.len, self->seed);
    peer_t *peer = find(self, routing_id, hash);
    *renewed = peer == NULL || strcmp(peer->user_id, user_id) != 0;
    *dropped = 0;
    if (peer == NULL) {
        peer = make(self, routing_id, hash, user_id);
    } else if (*renewed) {
        peer_id_t before = peer_id(peer);
        *dropped = empty_queue(self, peer);
        begin(self, peer, user_id);
        tell_forgotten(self, before);
    }
    if (peer != NULL) {
        touch(self, peer, now_us);
    }
    return peer;
}

peer_t *peers_at(peers_t *self, uint32_t index, uint64_t number) {
    CHECK(index < slot_count(self) && number != 0, "peer %u, number %llu", index, (unsigned long long)number);
    peer_t *peer = &self->slots[index];
    return peer->number == number ? peer : NULL;
}

uint64_t peers_forget(peers_t *self, peer_t *peer) {
    CHECK(peer->number != 0, "peer %u is free", peer->index);
    peer_id_t before = peer_id(peer);
    uint64_t envelopes = empty_queue(self, peer);
    uint32_t *link = &self->buckets[peer->hash & self->bucket_mask];
    while (*link != peer->index) {
        link = &self->slots[*link].next;
    }
    *link = peer->next;
    unlink_seen(self, peer);
    release_slot(self, peer);
    self->count--;
    tell_forgotten(self, before);
    return envelopes;
}

void peers_forget_idle(peers_t *self, uint64_t before_us) {
    for (uint32_t i = self->oldest; i != NONE;) {
        peer_t *peer = &self->slots[i];
        i = peer->later;
        if (peer->last_seen_us >= before_us) {
            return; /* all others were seen later */
        }
        if (peer->in_flight == 0 && peer->first == NULL) {
            peers_forget(self, peer);
        }
    }
}

uint32_t peers_count(const peers_t *self) {
    return self->count;
}

void peers_each(peers_t *self, void (*each)(void *context, peer_t *peer), void *context) {
    for (uint32_t i = self->oldest; i != NONE; i = self->slots[i].later) {
        each(context, &self->slots[i]);
    }
}

/* Queues. */

bool peer_has_room(const peers_t *self, const peer_t *peer, size_t bytes, size_t beyond) {
    return peer->first == NULL || peer->queue_bytes + bytes <= self->queue_bytes_max + beyond;
}

uint8_t *peer_append(peers_t *self, peer_t *peer, size_t bytes) {
    frame_t *last = peer->last;
    if (last != NULL && bytes <= last->capacity - last->bytes) {
        return last->data + last->bytes;
    }
    frame_t *frame = frame_acquire(self, bytes);
    if (last == NULL) {
        peer->first = frame;
        start_sending(self, peer);
    } else {
        last->next = frame;
    }
    peer->last = frame;
    return frame->data;
}

void peer_appended(peers_t *self, peer_t *peer, size_t bytes) {
    (void)self;
    frame_t *last = peer->last;
    CHECK(last != NULL && bytes > 0 && bytes <= last->capacity - last->bytes, "%zu bytes", bytes);
    last->bytes += (uint32_t)bytes;
    last->envelopes++;
    peer->queue_bytes += bytes;
}

peer_t *peers_sender(peers_t *self) {
    return self->sender != NONE ? &self->slots[self->sender] : NULL;
}

void peers_pass(peers_t *self) {
    if (self->sender != NONE) {
        self->sender = self->slots[self->sender].send_next;
    }
}

void peers_sent(peers_t *self, peer_t *peer) {
    (void)take_first(self, peer);
    if (peer->stranger && peer->first == NULL) {
        (void)peers_forget(self, peer);
    }
}

uint32_t peers_senders(const peers_t *self) {
    return self->senders;
}

void peers_check(const peers_t *self) {
    uint32_t seen = 0, sending = 0, used = 0;
    for (uint32_t i = self->oldest, before = NONE; i != NONE; before = i, i = self->slots[i].later) {
        const peer_t *peer = &self->slots[i];
        CHECK(peer->number != 0 && peer->sooner == before, "peer %u", i);
        size_t bytes = 0;
        for (const frame_t *frame = peer->first; frame != NULL; frame = frame->next) {
            CHECK(frame->bytes > 0 && frame->bytes <= frame->capacity, "frame of %u bytes", frame->bytes);
            CHECK(frame->next != NULL || frame == peer->last, "the last frame of peer %u", i);
            bytes += frame->bytes;
        }
        CHECK(bytes == peer->queue_bytes, "%zu bytes queued, %zu counted", bytes, peer->queue_bytes);
        sending += peer->first != NULL;
        seen++;
    }
    for (uint32_t i = 0; i < slot_count(self); i++) {
        used += self->slots[i].number != 0;
    }
    CHECK(seen == self->count && used == self->count, "%u seen, %u used, %u counted", seen, used, self->count);
    CHECK(sending == self->senders, "%u with a queue, %u in the ring", sending, self->senders);
    uint32_t round = 0;
    for (uint32_t i = self->sender; round < self->senders; i = self->slots[i].send_next, round++) {
        CHECK(self->slots[i].first != NULL && self->slots[self->slots[i].send_next].send_before == i, "ring at %u", i);
    }
}
