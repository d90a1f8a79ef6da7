/* SPDX-License-Identifier: MIT */
/*
 * What the server of a test does about events and handles, on top of fake_server: topics with a log, who hears them,
 * and handles. rooms_step answers what has come; the test publishes, lags, ends, forgets and loses. It serves one peer
 * and keeps its sets in memory: they are gone with the number of the pongs.
 */
#ifndef DORAN_TESTS_FAKE_ROOMS_H
#define DORAN_TESTS_FAKE_ROOMS_H

#include <sodium.h>

#include "tests/tools/client/fake_server.h"

enum {
    ROOMS_MAX = 64,
    HEARERS_MAX = 4096,
    SESSIONS_MAX = 2048,
    RECOVERED_MAX = 8, /* more is paged ... */
    PAGE_ITEMS = 5,    /* ... in so many */
};

typedef struct room {
    uint64_t seq;
    bool lags; /* and the peer was not told */
    uint64_t lag_seq;
} room_t;

typedef struct hearer {
    uint32_t room;
    uint8_t handle[HANDLE_BYTES]; /* zeros: none */
} hearer_t;

typedef struct rooms {
    fake_server_t *server;
    uint64_t log_epoch;
    uint64_t number; /* of the pongs, as the sets are */
    room_t rooms[ROOMS_MAX];
    uint32_t count; /* of rooms: topic/0, topic/1, … */
    hearer_t hearers[HEARERS_MAX];
    uint32_t hearer_count;
    uint8_t handles[SESSIONS_MAX][HANDLE_BYTES];
    uint32_t handle_count;
    uint32_t taken;                                          /* of the server's requests */
    status_t open_fails;                                     /* not OK: what session.open answers */
    status_t fails;                                          /* not OK: what everything but session.open answers */
    bool silent;                                             /* answers nothing */
    uint32_t opens, closes, subscribes, unsubscribes, calls; /* that were answered */
    /* What the next request suffers; NULL: nothing. True: it is done with. */
    bool (*mischief)(struct rooms *self, const fake_request_t *request);
} rooms_t;

static const uint8_t no_handle[HANDLE_BYTES];

static inline rooms_t *rooms_new(uint32_t count) {
    rooms_t *self = calloc(1, sizeof *self);
    cr_assert_not_null(self);
    cr_assert_geq(sodium_init(), 0);
    self->server = fake_new();
    self->server->counts_peers = true;
    self->server->heartbeat_ms = 50;
    self->log_epoch = 7;
    self->count = count;
    return self;
}

static inline void rooms_destroy(rooms_t *self) {
    fake_destroy(self->server);
    free(self);
}

/* Forgets the peer, as at a restart; the client learns it from the next pong. */
static inline void rooms_forget(rooms_t *self) {
    self->server->number++;
}

static inline void rooms_follow_number(rooms_t *self) {
    if (self->number != self->server->number) {
        self->number = self->server->number;
        self->hearer_count = self->handle_count = 0;
        for (uint32_t i = 0; i < self->count; i++) {
            self->rooms[i].lags = false;
        }
    }
}

static inline int rooms_find_handle(const rooms_t *self, const uint8_t *handle) {
    for (uint32_t i = 0; i < self->handle_count; i++) {
        if (memcmp(self->handles[i], handle, HANDLE_BYTES) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Hearers of this room (all: UINT32_MAX) and this handle (all: NULL) are gone. Returns how many were. */
static inline uint32_t rooms_drop(rooms_t *self, uint32_t room, const uint8_t *handle) {
    uint32_t kept = 0, before = self->hearer_count;
    for (uint32_t i = 0; i < before; i++) {
        const hearer_t *hearer = &self->hearers[i];
        bool drop = (room == UINT32_MAX || hearer->room == room) &&
                    (handle == NULL || memcmp(hearer->handle, handle, HANDLE_BYTES) == 0);
        if (!drop) {
            self->hearers[kept++] = *hearer;
        }
    }
    self->hearer_count = kept;
    return before - kept;
}

static inline bool rooms_heard(const rooms_t *self, uint32_t room) {
    for (uint32_t i = 0; i < self->hearer_count; i++) {
        if (self->hearers[i].room == room) {
            return true;
        }
    }
    return false;
}

/* Events. */

static const char *const room_types[] = {"message", "joined", "left"};

/* The fields of event seq, after those that stand before it. */
static inline void rooms_pack_event(pack_t *body, uint64_t seq) {
    pack_cstring(body, "seq");
    pack_u64(body, seq);
    pack_cstring(body, "text");
    pack_cstring(body, "hello");
    pack_cstring(body, "n");
    pack_u64(body, 3 * seq);
}

static inline void rooms_send_event(rooms_t *self, uint32_t room, const char *type, uint64_t log_epoch, uint64_t seq) {
    char key[16];
    uint8_t bytes[256];
    snprintf(key, sizeof key, "%u", room);
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 4);
    pack_cstring(&body, "log_epoch");
    pack_u64(&body, log_epoch);
    rooms_pack_event(&body, seq);
    fake_send(self->server, &(envelope_t){.type = ENVELOPE_EVENT,
                                          .kind = span_text("topic"),
                                          .key = span_text(key),
                                          .method = span_text(type),
                                          .body = pack_bytes(&body)});
}

static inline const char *rooms_type(uint64_t seq) {
    return room_types[seq % ARRAY_LENGTH(room_types)];
}

/* Tells of an event that was there, again. */
static inline void rooms_repeat(rooms_t *self, uint32_t room, uint64_t seq) {
    rooms_send_event(self, room, rooms_type(seq), self->log_epoch, seq);
}

/* lost: it is in the log, but nobody is told, which never happens. */
static inline void rooms_publish(rooms_t *self, uint32_t room, bool lost) {
    rooms_follow_number(self);
    uint64_t seq = ++self->rooms[room].seq;
    if (rooms_heard(self, room) && !self->rooms[room].lags && !lost) {
        rooms_repeat(self, room, seq);
    }
}

/* The peer has no room for the events that follow. */
static inline void rooms_lag(rooms_t *self, uint32_t room) {
    rooms_follow_number(self);
    if (rooms_heard(self, room) && !self->rooms[room].lags) {
        self->rooms[room].lags = true;
        self->rooms[room].lag_seq = self->rooms[room].seq;
    }
}

/* Now it has, and is told. */
static inline void rooms_tell_lag(rooms_t *self, uint32_t room) {
    rooms_follow_number(self);
    if (self->rooms[room].lags) {
        self->rooms[room].lags = false;
        rooms_drop(self, room, NULL);
        rooms_send_event(self, room, "lagged", self->log_epoch, self->rooms[room].lag_seq);
    }
}

/* The server was restored from an older copy. */
static inline void rooms_restore(rooms_t *self) {
    self->log_epoch++;
    for (uint32_t i = 0; i < self->count; i++) {
        self->rooms[i].seq /= 2;
    }
    rooms_forget(self);
}

/* Handles. */

/* told: as the server does it; else as one that forgot it alone. */
static inline void rooms_end_handle(rooms_t *self, uint32_t index, bool told) {
    uint8_t handle[HANDLE_BYTES], bytes[64];
    memcpy(handle, self->handles[index], HANDLE_BYTES);
    memcpy(self->handles[index], self->handles[--self->handle_count], HANDLE_BYTES);
    rooms_drop(self, UINT32_MAX, handle);
    if (told) {
        pack_t body = pack_into(bytes, sizeof bytes);
        pack_map(&body, 1);
        pack_cstring(&body, "handle");
        pack_binary(&body, span_of(handle, HANDLE_BYTES));
        fake_send(self->server, &(envelope_t){.type = ENVELOPE_EVENT,
                                              .kind = span_text("broker"),
                                              .key = span_text("self"),
                                              .method = span_text("handle_ended"),
                                              .body = pack_bytes(&body)});
    }
}

static inline void rooms_open(rooms_t *self, const fake_request_t *request) {
    uint8_t bytes[256];
    cr_assert_not(request->has_handle, "opening needs no handle");
    if (self->open_fails != STATUS_OK) {
        fake_fail(self->server, request->id, self->open_fails, 0);
        return;
    }
    cr_assert_lt(self->handle_count, SESSIONS_MAX);
    uint8_t *handle = self->handles[self->handle_count++];
    randombytes_buf(handle, HANDLE_BYTES);
    pack_t body = pack_into(bytes, sizeof bytes);
    pack_map(&body, 5);
    pack_cstring(&body, "handle");
    pack_binary(&body, span_of(handle, HANDLE_BYTES));
    pack_cstring(&body, "user");
    pack_cstring(&body, "ada");
    pack_cstring(&body, "role");
    pack_cstring(&body, "USER");
    pack_cstring(&body, "session");
    pack_cstring(&body, "s1");
    pack_cstring(&body, "expires_at");
    pack_u64(&body, 0);
    fake_send(self->server, &(envelope_t){.type = ENVELOPE_REPLY, .id = request->id, .body = pack_bytes(&body)});
    self->opens++;
}

static inline void rooms_close(rooms_t *self, const fake_request_t *request) {
    int index = rooms_find_handle(self, request->handle);
    cr_assert_str_eq(request->method, "close_handle");
    cr_assert(request->has_handle && index >= 0);
    rooms_end_handle(self, (uint32_t)index, false);
    fake_reply(self->server, request->id, "n", 0);
    self->closes++;
}

/* Requests. */

/* {after?: {log_epoch, seq}}: true if there is one. */
static inline bool rooms_read_after(const fake_request_t *request, uint64_t *log_epoch, uint64_t *seq) {
    token_t tokens[16];
    tape_t tape = {.tokens = tokens, .capacity = ARRAY_LENGTH(tokens)};
    cr_assert_eq(tape_read_whole(&tape, span_of(request->body, request->body_bytes)), STATUS_OK);
    uint32_t after = tape_find(&tape, 0, "after");
    if (after == 0) {
        cr_assert_eq(tokens[0].len, 0, "nothing but `after` is asked");
        return false;
    }
    cr_assert_eq(tokens[after].len, 2);
    *log_epoch = tokens[tape_find(&tape, after, "log_epoch")].u64;
    *seq = tokens[tape_find(&tape, after, "seq")].u64;
    return true;
}

static inline void rooms_answer_subscribe(rooms_t *self, const fake_request_t *request, const char *result,
                                          uint64_t head, uint64_t from, uint64_t count) {
    uint8_t bytes[2048];
    pack_t body = pack_into(bytes, sizeof bytes);
    bool items = strcmp(result, "reset") != 0;
    pack_map(&body, items ? 5 : 4);
    pack_cstring(&body, "result");
    pack_cstring(&body, result);
    pack_cstring(&body, "log_epoch");
    pack_u64(&body, self->log_epoch);
    pack_cstring(&body, "seq");
    pack_u64(&body, head);
    pack_cstring(&body, "name");
    pack_cstring(&body, "state");
    if (items) {
        pack_cstring(&body, "items");
        pack_array(&body, count);
        for (uint64_t seq = from; seq < from + count; seq++) {
            pack_map(&body, 4);
            pack_cstring(&body, "type");
            pack_cstring(&body, rooms_type(seq));
            rooms_pack_event(&body, seq);
        }
    }
    fake_send(self->server, &(envelope_t){.type = ENVELOPE_REPLY, .id = request->id, .body = pack_bytes(&body)});
}

static inline void rooms_subscribe(rooms_t *self, const fake_request_t *request, uint32_t room) {
    uint64_t log_epoch = 0, seq = 0, head = self->rooms[room].seq;
    bool after = rooms_read_after(request, &log_epoch, &seq);
    if (self->rooms[room].lags) {
        fake_fail(self->server, request->id, STATUS_BUSY, 0);
        return;
    }
    self->subscribes++;
    bool known = after && log_epoch == self->log_epoch && seq <= head;
    if (known && head - seq > RECOVERED_MAX) {
        rooms_answer_subscribe(self, request, "paged", head, seq + 1, PAGE_ITEMS);
        return;
    }
    const uint8_t *handle = request->has_handle ? request->handle : no_handle;
    rooms_drop(self, room, handle);
    cr_assert_lt(self->hearer_count, HEARERS_MAX);
    hearer_t *hearer = &self->hearers[self->hearer_count++];
    hearer->room = room;
    memcpy(hearer->handle, handle, HANDLE_BYTES);
    rooms_answer_subscribe(self, request, known ? "recovered" : "reset", head, seq + 1, known ? head - seq : 0);
}

static inline void rooms_answer(rooms_t *self, const fake_request_t *request) {
    uint32_t room = (uint32_t)strtoul(request->key, NULL, 10);
    if (strcmp(request->kind, "session") == 0) {
        rooms_open(self, request);
    } else if (request->has_handle && rooms_find_handle(self, request->handle) < 0) {
        fake_fail(self->server, request->id, STATUS_UNAUTHENTICATED, 0);
    } else if (self->fails != STATUS_OK) {
        fake_fail(self->server, request->id, self->fails, 0);
    } else if (strcmp(request->kind, "broker") == 0) {
        rooms_close(self, request);
    } else if (strcmp(request->kind, "topic") != 0) {
        fake_reply(self->server, request->id, "n", request->id);
        self->calls++;
    } else if (room >= self->count) {
        fake_fail(self->server, request->id, STATUS_NOT_FOUND, 0);
    } else if (strcmp(request->method, "subscribe") == 0) {
        rooms_subscribe(self, request, room);
    } else {
        cr_assert_str_eq(request->method, "unsubscribe");
        self->unsubscribes++;
        rooms_drop(self, room, request->has_handle ? request->handle : no_handle);
        fake_reply(self->server, request->id, "n", 0);
    }
}

static inline void rooms_step(rooms_t *self) {
    fake_server_t *server = self->server;
    fake_step(server);
    rooms_follow_number(self);
    for (; self->taken < server->count; self->taken++) {
        const fake_request_t *request = &server->requests[self->taken];
        bool ours =
            request->peer_bytes == server->peer_bytes && memcmp(request->peer, server->peer, server->peer_bytes) == 0;
        if (ours && !self->silent && (self->mischief == NULL || !self->mischief(self, request))) {
            rooms_answer(self, request);
        }
    }
    if (server->count > FAKE_REQUESTS_MAX / 2) {
        server->count = self->taken = 0;
    }
}

#endif
