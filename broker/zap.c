/* SPDX-License-Identifier: MIT */
/*
 * A REP socket and a loop. libzmq asks with these frames, and takes the answer with those:
 *
 *   version "1.0", request id, domain, address, routing id, mechanism, credentials …
 *   version "1.0", request id, status code, status text, User-Id, metadata
 */
#include "broker/zap.h"

#include <czmq.h>

#include "broker/clock.h"
#include "broker/pipe.h"
#include "schemas/schema.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define IPC_ROLES 3

typedef struct bucket { /* what a key has left to spend; full after a second without a handshake */
    uint64_t filled_us;
    double tokens;
} bucket_t;

struct zap {
    zap_options_t options;
    zactor_t *actor;
    status_t status; /* of the start; written by the thread before it signals */
    char error[256];
};

typedef struct place {       /* the thread's own */
    void *control, *handler; /* sockets */
    keys_t *keys;
    bucket_t *buckets; /* by index of the key, then IPC_ROLES more */
    double rate;       /* tokens a second, and the size of a bucket */
    zap_counts_t counts;
} place_t;

typedef struct verdict {
    const char *code, *text;
    char user_id[64];
} verdict_t;

static verdict_t refuse(const char *code, const char *text) {
    return (verdict_t){.code = code, .text = text};
}

static bool spend(place_t *self, size_t index) {
    bucket_t *bucket = &self->buckets[index];
    uint64_t now_us = clock_now_us();
    double tokens =
        bucket->filled_us == 0 ? self->rate : bucket->tokens + (double)(now_us - bucket->filled_us) * self->rate / 1e6;
    bucket->tokens = tokens < self->rate ? tokens : self->rate;
    bucket->filled_us = now_us;
    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

static verdict_t accept_key(place_t *self, const char *user_id, size_t bucket) {
    if (!spend(self, bucket)) {
        return refuse("300", "Too many connections of this key");
    }
    verdict_t verdict = {.code = "200", .text = "OK"};
    snprintf(verdict.user_id, sizeof verdict.user_id, "%s", user_id);
    return verdict;
}

static bool frame_is(zframe_t *frame, const char *text) {
    return frame != NULL && zframe_streq(frame, text);
}

static verdict_t judge_curve(place_t *self, zframe_t *credentials) {
    char public_key[KEY_TEXT_BYTES];
    if (credentials == NULL || zframe_size(credentials) != 32 ||
        zmq_z85_encode(public_key, zframe_data(credentials), 32) == NULL) {
        return refuse("500", "No key of 32 bytes");
    }
    const key_entry_t *entry = keys_find(self->keys, public_key);
    return entry != NULL ? accept_key(self, entry->public_key, keys_index(self->keys, entry))
                         : refuse("400", "The key is not allowed");
}

/* The domain of an ipc endpoint is its role. A tcp endpoint's is "tcp", which is none. */
static verdict_t judge_null(place_t *self, zframe_t *domain) {
    char user_id[32];
    uint32_t role = role_of(span_of(zframe_data(domain), zframe_size(domain)));
    if (role == 0) {
        return refuse("400", "Only with a key");
    }
    snprintf(user_id, sizeof user_id, "ipc:%.*s", (int)zframe_size(domain), (const char *)zframe_data(domain));
    size_t place = role == ROLE_GATEWAY ? 0 : role == ROLE_SERVICE ? 1 : 2;
    return accept_key(self, user_id, keys_count(self->keys) + place);
}

static verdict_t judge(place_t *self, zmsg_t *request, zframe_t **request_id) {
    zframe_t *version = zmsg_first(request);
    *request_id = zmsg_next(request);
    zframe_t *domain = zmsg_next(request);
    (void)zmsg_next(request); /* address */
    (void)zmsg_next(request); /* routing id: the server's, of no use */
    zframe_t *mechanism = zmsg_next(request);
    zframe_t *credentials = zmsg_next(request);
    if (!frame_is(version, "1.0") || mechanism == NULL) {
        return refuse("500", "Not a request of ZAP 1.0");
    }
    if (frame_is(mechanism, "CURVE")) {
        return judge_curve(self, credentials);
    }
    return frame_is(mechanism, "NULL") ? judge_null(self, domain) : refuse("400", "Only CURVE is spoken here");
}

static void answer(place_t *self, zmsg_t *request) {
    zframe_t *request_id = NULL;
    verdict_t verdict = judge(self, request, &request_id);
    bool accepted = verdict.code[0] == '2';
    *(accepted ? &self->counts.accepted : &self->counts.refused) += 1;
    zmsg_t *reply = zmsg_new();
    zmsg_addstr(reply, "1.0");
    zmsg_addmem(reply, request_id != NULL ? zframe_data(request_id) : NULL,
                request_id != NULL ? zframe_size(request_id) : 0);
    zmsg_addstr(reply, verdict.code);
    zmsg_addstr(reply, verdict.text);
    zmsg_addstr(reply, verdict.user_id);
    zmsg_addmem(reply, NULL, 0);
    zmsg_send(&reply, self->handler);
    zmsg_destroy(&reply); /* not taken: the asker is gone */
}

static void set_keys(place_t *self, keys_t *keys) {
    keys_destroy(&self->keys);
    free(self->buckets);
    self->keys = keys;
    self->buckets = calloc(keys_count(keys) + IPC_ROLES, sizeof *self->buckets);
    CHECK(self->buckets != NULL, "out of memory");
}

/* False: stop. */
static bool obey(place_t *self) {
    pipe_message_t message;
    while (pipe_receive(self->control, &message)) {
        switch ((pipe_type_t)message.type) {
        case PIPE_STOP:
            return false;
        case PIPE_KEYS:
            set_keys(self, message.pointer);
            break;
        case PIPE_PROBE:
            *(zap_counts_t *)message.pointer = self->counts;
            pipe_send(self->control, PIPE_FIGURES, message.pointer, 0);
            break;
        default:
            CHECK(false, "message of type %llu", (unsigned long long)message.type);
        }
    }
    return true;
}

static void serve(place_t *self) {
    zmq_pollitem_t items[] = {{.socket = self->control, .events = ZMQ_POLLIN},
                              {.socket = self->handler, .events = ZMQ_POLLIN}};
    for (;;) {
        int ready = zmq_poll(items, 2, -1);
        CHECK(ready >= 0 || zmq_errno() == EINTR, "%s", zmq_strerror(zmq_errno()));
        if (ready < 0) {
            continue;
        }
        if ((items[0].revents & ZMQ_POLLIN) != 0 && !obey(self)) {
            return;
        }
        if ((items[1].revents & ZMQ_POLLIN) != 0) {
            zmsg_t *request = zmsg_recv(self->handler);
            if (request != NULL) {
                answer(self, request);
                zmsg_destroy(&request);
            }
        }
    }
}

static void run(zsock_t *control, void *argument) {
    zap_t *zap = argument;
    place_t place = {.control = zsock_resolve(control),
                     .rate = zap->options.handshakes_per_key_per_s > 0 ? zap->options.handshakes_per_key_per_s : 1};
    set_keys(&place, zap->options.keys);
    zsock_t *handler = zsock_new(ZMQ_REP);
    CHECK(handler != NULL, "no socket: %s", zmq_strerror(zmq_errno()));
    place.handler = zsock_resolve(handler);
    if (zmq_bind(place.handler, ZAP_ENDPOINT) != 0) {
        zap->status = STATUS_INTERNAL;
        snprintf(zap->error, sizeof zap->error, "The handler of connections cannot start: %s.",
                 zmq_strerror(zmq_errno()));
        zsock_signal(control, 0);
    } else {
        zsock_signal(control, 0);
        serve(&place);
    }
    zsock_destroy(&handler);
    keys_destroy(&place.keys);
    free(place.buckets);
}

status_t zap_start(const zap_options_t *options, zap_t **zap, char *error, size_t error_bytes) {
    zap_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->actor = zactor_new(run, self);
    CHECK(self->actor != NULL, "no thread");
    status_t status = self->status;
    if (status != STATUS_OK) {
        snprintf(error, error_bytes, "%s", self->error);
        zactor_destroy(&self->actor);
        free(self);
        return status;
    }
    *zap = self;
    return STATUS_OK;
}

static void *control_of(zap_t *self) {
    return zsock_resolve(self->actor);
}

void zap_stop(zap_t **self_p) {
    zap_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    pipe_send(control_of(self), PIPE_STOP, NULL, 0);
    zactor_destroy(&self->actor);
    free(self);
    *self_p = NULL;
}

void zap_set_keys(zap_t *self, keys_t *keys) {
    pipe_send(control_of(self), PIPE_KEYS, keys, 0);
}

zap_counts_t zap_counts(zap_t *self) {
    zap_counts_t counts;
    pipe_message_t message;
    pipe_send(control_of(self), PIPE_PROBE, &counts, 0);
    while (!pipe_receive(control_of(self), &message)) {
        zmq_pollitem_t item = {.socket = control_of(self), .events = ZMQ_POLLIN};
        (void)zmq_poll(&item, 1, -1);
    }
    return counts;
}
