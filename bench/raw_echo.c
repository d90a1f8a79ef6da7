/* SPDX-License-Identifier: MIT */
/*
 * The server's thread drains what has come before it waits again, as the broker does. The clients are threads that keep
 * their part of the window full. With tcp, CURVE as the server has it, with keys made for the occasion.
 */
#include "bench/raw_echo.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "schemas/check.h"
#include "tools/client/clock.h"

enum {
    KEY_TEXT_BYTES = 41,
    ENDPOINT_BYTES = 128,
    ROUTING_ID_BYTES = 255,
    WAIT_MS = 100,
    ANSWER_MS = 5000, /* longer without an answer: something is wrong */
};

typedef struct raw_echo {
    const bench_options_t *options;
    bool curve;
    char endpoint[ENDPOINT_BYTES];
    char server_public[KEY_TEXT_BYTES], server_secret[KEY_TEXT_BYTES];
    void *context;
    void *router;
    _Atomic bool stop; /* the server's thread */
    uint64_t end_us;   /* of the clients */
    _Atomic bool failed;
} raw_echo_t;

typedef struct raw_client {
    raw_echo_t *echo;
    uint32_t window;
    uint64_t answers;
    pthread_t thread;
} raw_client_t;

static bool set_common(void *socket, size_t frames) {
    int zero = 0, hwm = (int)frames + 1000;
    return zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero) == 0 &&
           zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm) == 0 &&
           zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm) == 0;
}

static bool set_server_keys(const raw_echo_t *self) {
    int one = 1;
    return zmq_setsockopt(self->router, ZMQ_CURVE_SERVER, &one, sizeof one) == 0 &&
           zmq_setsockopt(self->router, ZMQ_CURVE_SECRETKEY, self->server_secret, KEY_TEXT_BYTES) == 0;
}

static bool open_router(raw_echo_t *self) {
    char wanted[ENDPOINT_BYTES];
    size_t bytes = sizeof self->endpoint;
    snprintf(wanted, sizeof wanted, self->curve ? "tcp://127.0.0.1:*" : "ipc:///tmp/doran-bench-%d", (int)getpid());
    self->router = zmq_socket(self->context, ZMQ_ROUTER);
    return self->router != NULL && set_common(self->router, self->options->window) &&
           (!self->curve ||
            (zmq_curve_keypair(self->server_public, self->server_secret) == 0 && set_server_keys(self))) &&
           zmq_bind(self->router, wanted) == 0 &&
           zmq_getsockopt(self->router, ZMQ_LAST_ENDPOINT, self->endpoint, &bytes) == 0;
}

/* One routing id and one frame, back to where they came from; false if nothing waits. */
static bool echo_one(raw_echo_t *self) {
    zmq_msg_t peer, frame;
    zmq_msg_init(&peer);
    zmq_msg_init(&frame);
    bool came = zmq_msg_recv(&peer, self->router, ZMQ_DONTWAIT) >= 0 && zmq_msg_recv(&frame, self->router, 0) >= 0;
    if (came && (zmq_msg_send(&peer, self->router, ZMQ_SNDMORE) < 0 || zmq_msg_send(&frame, self->router, 0) < 0)) {
        atomic_store(&self->failed, true);
    }
    zmq_msg_close(&peer);
    zmq_msg_close(&frame);
    return came;
}

static void *serve(void *argument) {
    raw_echo_t *self = argument;
    while (!atomic_load(&self->stop)) {
        zmq_pollitem_t item = {.socket = self->router, .events = ZMQ_POLLIN};
        (void)zmq_poll(&item, 1, WAIT_MS);
        while (echo_one(self)) {
        }
    }
    return NULL;
}

static void *open_dealer(raw_echo_t *self, uint32_t window) {
    char public[KEY_TEXT_BYTES], secret[KEY_TEXT_BYTES];
    void *dealer = zmq_socket(self->context, ZMQ_DEALER);
    int answer_ms = ANSWER_MS;
    bool ready = dealer != NULL && set_common(dealer, window) &&
                 zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &answer_ms, sizeof answer_ms) == 0;
    if (ready && self->curve) {
        ready = zmq_curve_keypair(public, secret) == 0 &&
                zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, self->server_public, KEY_TEXT_BYTES) == 0 &&
                zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, public, KEY_TEXT_BYTES) == 0 &&
                zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, secret, KEY_TEXT_BYTES) == 0;
    }
    if (ready && zmq_connect(dealer, self->endpoint) == 0) {
        return dealer;
    }
    if (dealer != NULL) {
        zmq_close(dealer);
    }
    return NULL;
}

/* Waits for one answer, then takes all that have come, and sends as many new requests. */
static bool turn(void *dealer, const uint8_t *payload, uint32_t size, uint64_t *answers) {
    zmq_msg_t frame;
    uint32_t came = 0;
    zmq_msg_init(&frame);
    for (int flags = 0; zmq_msg_recv(&frame, dealer, flags) >= 0; flags = ZMQ_DONTWAIT) {
        came += 1;
    }
    zmq_msg_close(&frame);
    for (uint32_t i = 0; i < came; i++) {
        (void)zmq_send(dealer, payload, size, 0);
    }
    *answers += came;
    return came > 0;
}

static void *drive(void *argument) {
    raw_client_t *self = argument;
    raw_echo_t *echo = self->echo;
    uint32_t size = echo->options->size;
    uint8_t *payload = calloc(1, (size_t)size + 1);
    CHECK(payload != NULL, "no memory");
    void *dealer = open_dealer(echo, self->window);
    for (uint32_t i = 0; dealer != NULL && i < self->window; i++) {
        (void)zmq_send(dealer, payload, size, 0);
    }
    bool works = dealer != NULL;
    while (works && clock_us() < echo->end_us) {
        works = turn(dealer, payload, size, &self->answers);
    }
    if (!works) {
        atomic_store(&echo->failed, true);
    }
    if (dealer != NULL) {
        zmq_close(dealer);
    }
    free(payload);
    return NULL;
}

static uint64_t drive_all(raw_echo_t *self, double seconds) {
    uint32_t clients = self->options->clients;
    raw_client_t *crew = calloc(clients, sizeof *crew);
    CHECK(crew != NULL, "no memory");
    uint64_t answers = 0;
    self->end_us = clock_us() + (uint64_t)(seconds * 1e6);
    for (uint32_t i = 0; i < clients; i++) {
        crew[i] = (raw_client_t){.echo = self, .window = bench_options_window(self->options, i)};
        int rc = pthread_create(&crew[i].thread, NULL, drive, &crew[i]);
        CHECK(rc == 0, "no thread: %s", strerror(rc));
    }
    for (uint32_t i = 0; i < clients; i++) {
        pthread_join(crew[i].thread, NULL);
        answers += crew[i].answers;
    }
    free(crew);
    return answers;
}

double raw_echo_run(const bench_options_t *options, client_transport_t transport, double seconds, char *error,
                    size_t error_bytes) {
    raw_echo_t self = {.options = options, .curve = transport == TRANSPORT_TCP, .context = client_context_acquire()};
    uint64_t answers = 0;
    if (open_router(&self)) {
        pthread_t server;
        int rc = pthread_create(&server, NULL, serve, &self);
        CHECK(rc == 0, "no thread: %s", strerror(rc));
        answers = drive_all(&self, seconds);
        atomic_store(&self.stop, true);
        pthread_join(server, NULL);
    }
    if (answers == 0 || atomic_load(&self.failed)) {
        snprintf(error, error_bytes, "Bare ZeroMQ does not work here: %s.", zmq_strerror(errno));
        answers = 0;
    }
    if (self.router != NULL) {
        zmq_close(self.router);
    }
    if (strncmp(self.endpoint, "ipc://", 6) == 0) {
        unlink(self.endpoint + 6);
    }
    client_context_release();
    return (double)answers / seconds;
}
