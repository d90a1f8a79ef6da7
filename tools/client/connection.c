/* SPDX-License-Identifier: MIT */
/*
 * A DEALER keeps what it could not yet write and sends it when the peer is back, reconnecting by itself. That hides
 * short breaks, but a message may have been written to a connection that was just dying, and a server may come back
 * elsewhere. Therefore a connection can be opened anew: the old socket goes with all it holds (no linger), a fresh one
 * starts empty.
 *
 *   descriptor (epoll) ─┬─ ZMQ_FD of the socket of the day     edge-triggered: true until ZeroMQ looked
 *                       └─ eventfd                             our own sign, see connection_settle
 *
 * ZeroMQ clears its descriptor whenever it looks at its mailbox, also while sending. So after a send or a receive that
 * brought something, the descriptor says nothing until a receive brought nothing: `unsure`.
 *
 * All sockets of a process share one context, because libzmq 4.3.4 does not bear contexts with CURVE that come and go
 * beside one another.
 */
#include "tools/client/connection.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sodium.h>

#include "schemas/check.h"
#include "schemas/limits.h"

enum {
    RECONNECT_MS = 200,
    RECONNECT_MS_MAX = 10000,
    HANDSHAKE_MS = 5000,
    HEARTBEAT_MS = 5000,
    HEARTBEAT_TIMEOUT_MS = 15000,
    FRAMES_QUEUED_MAX = 16384,
    SOCKETS_MAX = 65535,
};

struct connection {
    doran_options_t options; /* our copies of those strings that say where */
    client_transport_t transport;
    place_t place;
    void *context;
    void *socket; /* NULL: none now */
    int socket_fd;
    int epoll_fd; /* -1: nobody asked for a descriptor */
    int alert_fd;
    bool alerted; /* alert_fd is readable */
    bool unsure;  /* something may wait although socket_fd does not say so */
};

/* The mutex guards a counter and a pointer at the opening and closing of clients, never while messages flow. */
static pthread_mutex_t context_mutex = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static unsigned context_users;

void *client_context_acquire(void) {
    pthread_mutex_lock(&context_mutex);
    if (context_users++ == 0) {
        context = zmq_ctx_new();
        CHECK(context != NULL, "%s", zmq_strerror(errno));
        int limit = zmq_ctx_get(context, ZMQ_SOCKET_LIMIT);
        zmq_ctx_set(context, ZMQ_MAX_SOCKETS, limit < SOCKETS_MAX ? limit : SOCKETS_MAX);
    }
    void *acquired = context;
    pthread_mutex_unlock(&context_mutex);
    return acquired;
}

void client_context_release(void) {
    pthread_mutex_lock(&context_mutex);
    CHECK(context_users > 0, "released more often than acquired");
    if (--context_users == 0) {
        while (zmq_ctx_term(context) != 0 && errno == EINTR) {
        }
        context = NULL;
    }
    pthread_mutex_unlock(&context_mutex);
}

static char *copy_or_null(const char *text) {
    if (text == NULL) {
        return NULL;
    }
    char *copy = strdup(text);
    CHECK(copy != NULL, "no memory");
    return copy;
}

static void close_socket(connection_t *self) {
    if (self->socket == NULL) {
        return;
    }
    if (self->epoll_fd >= 0) {
        epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, self->socket_fd, NULL);
    }
    zmq_close(self->socket);
    self->socket = NULL;
    self->socket_fd = -1;
}

static void free_secret(const char *text) {
    if (text != NULL) {
        sodium_memzero((char *)text, strlen(text));
        free((char *)text);
    }
}

void connection_destroy(connection_t **self_p) {
    connection_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    close_socket(self);
    if (self->epoll_fd >= 0) {
        close(self->epoll_fd);
        close(self->alert_fd);
    }
    client_context_release();
    free((char *)self->options.data);
    free((char *)self->options.role);
    free((char *)self->options.endpoint);
    free((char *)self->options.server_key);
    free((char *)self->options.public_key);
    free_secret(self->options.secret_key);
    place_wipe(&self->place);
    free(self);
}

static void set_int(void *socket, int option, int value) {
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);
    CHECK(rc == 0, "option %d: %s", option, zmq_strerror(errno));
}

static bool set_keys(void *socket, const place_t *place) {
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, place->server_key, Z85_BYTES + 1) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, place->public_key, Z85_BYTES + 1) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, place->secret_key, Z85_BYTES + 1) == 0;
}

static void set_options(void *socket, const char *endpoint) {
    int64_t bytes_max =
        (int64_t)(2 * ENVELOPE_BYTES_MAX); /* twice what an envelope may have: bounded, never in the way */
    int rc = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max);
    CHECK(rc == 0, "%s", zmq_strerror(errno));
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_SNDHWM, FRAMES_QUEUED_MAX);
    set_int(socket, ZMQ_RCVHWM, FRAMES_QUEUED_MAX);
    set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX);
    set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TIMEOUT_MS);
    set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
    set_int(socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL); /* else a name would resolve to v6 first, and fail */
}

static void watch(connection_t *self, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int rc = epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    CHECK(rc == 0, "%s", strerror(errno));
}

bool connection_open(connection_t *self) {
    close_socket(self);
    char ignored[1];
    (void)place_find(&self->place, &self->options, self->transport, ignored, 0); /* else where it was */
    void *socket = zmq_socket(self->context, ZMQ_DEALER);
    if (socket == NULL) {
        return false;
    }
    set_options(socket, self->place.endpoint);
    if ((self->place.curve && !set_keys(socket, &self->place)) || zmq_connect(socket, self->place.endpoint) != 0) {
        int problem = errno;
        zmq_close(socket);
        errno = problem;
        return false;
    }
    size_t bytes = sizeof self->socket_fd;
    int rc = zmq_getsockopt(socket, ZMQ_FD, &self->socket_fd, &bytes);
    CHECK(rc == 0, "%s", zmq_strerror(errno));
    self->socket = socket;
    if (self->epoll_fd >= 0) {
        watch(self, self->socket_fd);
    }
    self->unsure = true;
    return true;
}

connection_t *connection_new(const doran_options_t *options, client_transport_t transport, char *error,
                             size_t error_bytes) {
    place_t place;
    if (!place_find(&place, options, transport, error, error_bytes)) {
        return NULL;
    }
    connection_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "no memory");
    self->options = (doran_options_t){.data = copy_or_null(options->data),
                                      .role = copy_or_null(options->role),
                                      .endpoint = copy_or_null(options->endpoint),
                                      .server_key = copy_or_null(options->server_key),
                                      .public_key = copy_or_null(options->public_key),
                                      .secret_key = copy_or_null(options->secret_key)};
    self->transport = transport;
    self->place = place;
    place_wipe(&place);
    self->context = client_context_acquire();
    self->socket_fd = self->epoll_fd = self->alert_fd = -1;
    if (!connection_open(self)) {
        snprintf(error, error_bytes, "%s: %s.", self->place.endpoint, zmq_strerror(errno));
        connection_destroy(&self);
    }
    return self;
}

bool connection_moved(const connection_t *self) {
    place_t place;
    char ignored[1];
    if (self->options.data == NULL || !place_find(&place, &self->options, self->transport, ignored, 0)) {
        return false;
    }
    bool moved = place_moved(&self->place, &place);
    place_wipe(&place);
    return moved;
}

const char *connection_endpoint(const connection_t *self) {
    return self->place.endpoint;
}

/* The result of a call of ZeroMQ that does not wait. */
static bool went(const connection_t *self, int rc) {
    CHECK(rc >= 0 || self->socket == NULL || errno == EAGAIN || errno == EINTR, "%s", zmq_strerror(errno));
    return rc >= 0;
}

bool connection_send(connection_t *self, const void *bytes, size_t len) {
    if (self->socket == NULL || !went(self, zmq_send(self->socket, bytes, len, ZMQ_DONTWAIT))) {
        return false;
    }
    self->unsure = true;
    return true;
}

bool connection_receive(connection_t *self, zmq_msg_t *frame) {
    bool received = self->socket != NULL && went(self, zmq_msg_recv(frame, self->socket, ZMQ_DONTWAIT));
    self->unsure = received || (self->socket != NULL && errno == EINTR);
    return received;
}

bool connection_wait(connection_t *self, uint64_t timeout_us) {
    if (self->unsure) {
        return true;
    }
    struct pollfd readable = {.fd = self->socket_fd, .events = POLLIN}; /* -1: only waits */
    struct timespec timeout = {.tv_sec = (time_t)(timeout_us / 1000000),
                               .tv_nsec = (long)(timeout_us % 1000000) * 1000};
    return ppoll(&readable, 1, &timeout, NULL) >= 0;
}

int connection_fd(connection_t *self) {
    if (self->epoll_fd < 0) {
        self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        self->alert_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        CHECK(self->epoll_fd >= 0 && self->alert_fd >= 0, "%s", strerror(errno));
        watch(self, self->alert_fd);
        if (self->socket != NULL) {
            watch(self, self->socket_fd);
        }
    }
    return self->epoll_fd;
}

void connection_settle(connection_t *self, bool work_left) {
    bool alert = work_left || self->unsure;
    if (self->epoll_fd < 0 || alert == self->alerted) {
        return;
    }
    uint64_t one = 1;
    ssize_t bytes = alert ? write(self->alert_fd, &one, sizeof one) : read(self->alert_fd, &one, sizeof one);
    CHECK(bytes == sizeof one, "%s", strerror(errno));
    self->alerted = alert;
}
