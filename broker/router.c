/* SPDX-License-Identifier: MIT */
/*
 * The hot path uses zmq_msg_t and zmq_send directly, since CZMQ's frames allocate. One round: at most FRAMES_PER_ROUND
 * frames in, all batches that wait, what is ready out. Nothing in it blocks but the zmq_poll at the end of a round
 * without work.
 */
#include "broker/router.h"

#include <czmq.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "broker/clock.h"
#include "broker/files.h"
#include "broker/pipe.h"
#include "broker/ring.h"
#include "storage/file.h"

/* Stable in libzmq 4.3, but its header still shows it to drafts only. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

enum {
    FRAMES_PER_ROUND = 1000,
    BYTES_PER_ROUND = KIB(256), /* of frames: what shards can begin with should not wait for the rest */
    TICK_MS = 500,
    DRAIN_MS = 5000,
    ASK_MS = 30000,
    BLOCKED_MS = 2, /* a peer that takes no more is tried again so soon */
    /* A peer's frames inside libzmq. The rest waits in its own bounded queue. */
    SEND_FRAMES = 64,
    RECEIVE_FRAMES = 256,
    HANDSHAKE_MS = 3000,
    HEARTBEAT_MS = 5000,
    HEARTBEAT_TIMEOUT_MS = 15000,
    HEARTBEAT_TTL_MS = 20000,
    LINGER_MS = 2000,
    BACKLOG = 1024,
};

static const char *const ipc_roles[] = {"operator", "gateway", "service"};

struct router {
    router_options_t options; /* borrowed parts valid during router_start only */
    broker_t *broker;
    zactor_t *actor;
    /* Pipes; the thread's while it runs, open until router_destroy. */
    void *from_ring, *to_shard[SHARDS_MAX], *to_work[WORK_POOLS];
    char endpoints[LISTEN_MAX + ARRAY_LENGTH(ipc_roles)][ENDPOINT_BYTES_MAX];
    size_t endpoint_count;
    status_t status; /* of the start; written by the thread before it signals */
    char error[FILES_PATH_BYTES + 256];
};

typedef struct place { /* the thread's own */
    router_t *router;
    broker_t *broker;
    void *control, *socket;
    uint64_t now_us, unix_ms;  /* of this round */
    uint64_t tick_us, stop_us; /* when due; 0: not stopping */
    size_t round_bytes;        /* of frames taken in this round */
    zmq_msg_t routing_id, frame;
} place_t;

void router_prepare(void) {
    CHECK(zsys_init() != NULL, "no context");
    zsys_handler_set(NULL);
    CHECK(sodium_init() >= 0, "libsodium does not start");
    srandom(randombytes_random()); /* behind zsys_init, which seeds with the time */
    file_keep_descriptors();
}

/* Binding. */

static void set_int(void *socket, int option, int value) {
    CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0, "option %d, value %d: %s", option, value,
          zmq_strerror(zmq_errno()));
}

static void set_text(void *socket, int option, const char *text) {
    CHECK(zmq_setsockopt(socket, option, text, strlen(text)) == 0, "option %d: %s", option, zmq_strerror(zmq_errno()));
}

static void set_options(void *socket, const broker_options_t *options) {
    /* Twice of what is taken, so that what is a little too large is told so; the connection of what is larger ends. */
    size_t frame =
        options->message_bytes_max > FRAME_COALESCE_BYTES ? options->message_bytes_max : FRAME_COALESCE_BYTES;
    int64_t message = 2 * (int64_t)frame;
    CHECK(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message, sizeof message) == 0, "%s", zmq_strerror(zmq_errno()));
    set_int(socket, ZMQ_ROUTER_MANDATORY, 1); /* an absent or full peer is told, not dropped in silence */
    set_int(socket, ZMQ_ROUTER_HANDOVER, 0);
    set_int(socket, ZMQ_SNDHWM, SEND_FRAMES);
    set_int(socket, ZMQ_RCVHWM, RECEIVE_FRAMES);
    set_int(socket, ZMQ_SNDTIMEO, 0);
    set_int(socket, ZMQ_LINGER, LINGER_MS);
    set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    set_int(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TTL_MS);
    set_int(socket, ZMQ_BACKLOG, BACKLOG);
    set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
    set_int(socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1); /* without a verdict nobody enters */
}

static status_t bind_endpoint(router_t *self, void *socket, const char *endpoint) {
    if (zmq_bind(socket, endpoint) != 0) {
        int cause = zmq_errno();
        return files_fail(self->error, sizeof self->error, "%s: %s.", endpoint,
                          cause == EADDRINUSE ? "the port is in use by another program"
                          : cause == EINVAL || cause == EPROTONOSUPPORT
                              ? "is not an endpoint of the form tcp://address:port"
                              : zmq_strerror(cause));
    }
    char *bound = self->endpoints[self->endpoint_count];
    size_t bytes = ENDPOINT_BYTES_MAX;
    CHECK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound, &bytes) == 0, "%s: %s", endpoint, zmq_strerror(zmq_errno()));
    self->endpoint_count++;
    return STATUS_OK;
}

static status_t bind_tcp(router_t *self, void *socket) {
    set_text(socket, ZMQ_CURVE_SECRETKEY, self->options.server->secret_key);
    set_int(socket, ZMQ_CURVE_SERVER, 1);
    set_text(socket, ZMQ_ZAP_DOMAIN, "tcp");
    status_t status = STATUS_OK;
    for (size_t i = 0; i < self->options.listen_count && status == STATUS_OK; i++) {
        const char *endpoint = self->options.listen[i];
        if (strncmp(endpoint, "tcp://", 6) != 0 || strlen(endpoint) >= ENDPOINT_BYTES_MAX) {
            return files_fail(self->error, sizeof self->error, "%s: is not an endpoint of the form tcp://address:port.",
                              endpoint);
        }
        /* Only where it is asked for: it would turn 127.0.0.1 into ::ffff:127.0.0.1. */
        set_int(socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
        status = bind_endpoint(self, socket, endpoint);
    }
    return status;
}

/* The mode of the socket is set after it is bound; until then the folder keeps others out. (An umask is the whole
 * process's.) */
static status_t bind_ipc(router_t *self, void *socket, const char *role) {
    char endpoint[FILES_PATH_BYTES];
    const char *path = endpoint + strlen("ipc://");
    status_t status = files_path(endpoint, self->error, sizeof self->error, "ipc://%s/%s", self->options.run_dir, role);
    if (status != STATUS_OK) {
        return status;
    }
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        return files_fail(self->error, sizeof self->error,
                          "%s: the path is longer than the %zu bytes a socket may have.", path,
                          sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
    }
    set_int(socket, ZMQ_CURVE_SERVER, 0);
    set_text(socket, ZMQ_ZAP_DOMAIN, role);
    status = bind_endpoint(self, socket, endpoint);
    if (status == STATUS_OK && chmod(path, 0600) != 0) {
        status = files_fail(self->error, sizeof self->error, "%s: its mode cannot be set: %s.", path, strerror(errno));
    }
    return status;
}

static status_t check_run_dir(router_t *self) {
    struct stat about;
    status_t status = files_folder(self->options.run_dir, self->error, sizeof self->error);
    if (status == STATUS_OK && (stat(self->options.run_dir, &about) != 0 || (about.st_mode & 077) != 0)) {
        status = files_fail(self->error, sizeof self->error, "%s: is open to group or others; chmod 700.",
                            self->options.run_dir);
    }
    return status;
}

static status_t bind_all(router_t *self, void *socket) {
    status_t status = check_run_dir(self);
    if (status == STATUS_OK) {
        set_options(socket, &self->options.broker);
        status = bind_tcp(self, socket);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(ipc_roles) && status == STATUS_OK; i++) {
        status = bind_ipc(self, socket, ipc_roles[i]);
    }
    return status;
}

/* A round. */

static void skip_rest(place_t *self) {
    while (zmq_msg_more(&self->frame)) {
        if (zmq_msg_recv(&self->frame, self->socket, ZMQ_DONTWAIT) < 0 && zmq_errno() != EINTR) {
            return;
        }
    }
}

/* Takes one message; false if none waits. */
static bool take_message(place_t *self) {
    if (zmq_msg_recv(&self->routing_id, self->socket, ZMQ_DONTWAIT) < 0) {
        return false;
    }
    int received = 0;
    if (zmq_msg_more(&self->routing_id)) {
        do { /* the parts of a message arrive together */
            received = zmq_msg_recv(&self->frame, self->socket, ZMQ_DONTWAIT);
        } while (received < 0 && zmq_errno() == EINTR);
        CHECK(received >= 0, "half a message: %s", zmq_strerror(zmq_errno()));
        /* The first frame loses its properties in libzmq 4.3.4; the second's are right. */
        const char *user_id = zmq_msg_gets(&self->frame, "User-Id");
        if (user_id == NULL || user_id[0] == 0) {
            skip_rest(self); /* nobody vouched for it: cannot be while ZAP is enforced */
            return true;
        }
        span_t routing_id = span_of(zmq_msg_data(&self->routing_id), zmq_msg_size(&self->routing_id));
        bool single = !zmq_msg_more(&self->frame);
        span_t frame = span_of(zmq_msg_data(&self->frame), single ? zmq_msg_size(&self->frame) : 0);
        self->round_bytes += frame.len;
        broker_admit(self->broker, routing_id, user_id, frame, self->now_us, self->unix_ms);
        skip_rest(self);
    }
    return true;
}

static uint32_t take_messages(place_t *self) {
    uint32_t count = 0;
    self->round_bytes = 0;
    while (count < FRAMES_PER_ROUND && self->round_bytes < BYTES_PER_ROUND && take_message(self)) {
        count++;
    }
    return count;
}

static void begin_stop(place_t *self) {
    if (self->stop_us == 0) {
        broker_drain(self->broker);
        self->stop_us = self->now_us + DRAIN_MS * UINT64_C(1000);
    }
}

static void ask(place_t *self, const request_t *asked) {
    request_t request = *asked;
    request.deadline_us = self->now_us + ASK_MS * UINT64_C(1000);
    status_t status = broker_ask(self->broker, &request, self->now_us);
    if (status != STATUS_OK) {
        pipe_send(self->control, PIPE_ASKED, NULL, status);
    }
}

static void tell_asker(place_t *self) {
    status_t status;
    if (broker_answered(self->broker, &status)) {
        pipe_send(self->control, PIPE_ASKED, NULL, status);
    }
}

static void obey(place_t *self, const pipe_message_t *message) {
    batch_t *batch;
    switch ((pipe_type_t)message->type) {
    case PIPE_BATCH:
        batch = message->pointer;
        broker_forward(self->broker, batch, self->now_us, self->unix_ms);
        pipe_send(self->router->to_shard[batch->shard], PIPE_BATCH, batch, 0);
        return;
    case PIPE_FIGURES:
        broker_figures(self->broker, message->pointer, self->now_us);
        free(message->pointer);
        return;
    case PIPE_WORKED:
        broker_worked(self->broker, message->pointer, self->now_us);
        return;
    case PIPE_STORAGE_FULL:
        broker_set_storage_full(self->broker, message->value != 0);
        for (uint16_t shard = 0; shard < self->router->options.broker.shards; shard++) {
            pipe_send(self->router->to_shard[shard], PIPE_STORAGE_FULL, NULL, message->value);
        }
        return;
    case PIPE_KEYS:
        broker_set_keys(self->broker, message->pointer);
        return;
    case PIPE_ASK:
        ask(self, message->pointer);
        return;
    case PIPE_STOP:
        begin_stop(self);
        return;
    default:
        CHECK(false, "message of type %llu", (unsigned long long)message->type);
    }
}

static uint32_t obey_all(place_t *self, void *pipe) {
    pipe_message_t message;
    uint32_t count = 0;
    while (pipe_receive(pipe, &message)) {
        obey(self, &message);
        count++;
        if (message.type == PIPE_STOP) {
            break;
        }
    }
    return count;
}

static void hand_over(place_t *self) {
    uint16_t shards = self->router->options.broker.shards;
    requests_t *requests;
    for (uint16_t shard = 0; shard < shards; shard++) {
        while ((requests = broker_take(self->broker, shard)) != NULL) {
            pipe_send(self->router->to_shard[shard], PIPE_REQUESTS, requests, 0);
        }
    }
    work_order_t *order;
    while ((order = broker_take_work(self->broker)) != NULL) {
        pipe_send(self->router->to_work[order->pool], PIPE_WORK, order, 0);
    }
    if (broker_probe(self->broker)) {
        for (uint16_t shard = 0; shard < shards; shard++) {
            pipe_send(self->router->to_shard[shard], PIPE_PROBE, NULL, 0);
        }
    }
}

static send_result_t send_frame(void *context, span_t routing_id, span_t frame) {
    void *socket = ((place_t *)context)->socket;
    if (zmq_send(socket, routing_id.ptr, routing_id.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        int cause = zmq_errno();
        CHECK(cause == EAGAIN || cause == EINTR || cause == EHOSTUNREACH, "%s", zmq_strerror(cause));
        return cause == EHOSTUNREACH ? SEND_UNREACHABLE : SEND_AGAIN;
    }
    int sent;
    do { /* the first part has opened the way for this one */
        sent = zmq_send(socket, frame.ptr, frame.len, ZMQ_DONTWAIT);
    } while (sent < 0 && zmq_errno() == EINTR);
    CHECK(sent >= 0, "%s", zmq_strerror(zmq_errno()));
    return SEND_DONE;
}

static void tick(place_t *self) {
    if (self->now_us >= self->tick_us) {
        broker_tick(self->broker, self->now_us, self->unix_ms);
        self->tick_us = self->now_us + TICK_MS * UINT64_C(1000);
    }
}

static void sleep_until_work(place_t *self) {
    zmq_pollitem_t items[] = {{.socket = self->socket, .events = ZMQ_POLLIN},
                              {.socket = self->router->from_ring, .events = ZMQ_POLLIN},
                              {.socket = self->control, .events = ZMQ_POLLIN}};
    long timeout_ms = broker_queued(self->broker) > 0 ? BLOCKED_MS : self->stop_us != 0 ? 10 : TICK_MS;
    int ready = zmq_poll(items, self->stop_us == 0 ? 3 : 2, timeout_ms);
    CHECK(ready >= 0 || zmq_errno() == EINTR, "%s", zmq_strerror(zmq_errno()));
}

static bool stopped(const place_t *self) {
    bool quiet = broker_in_flight(self->broker) == 0 && broker_queued(self->broker) == 0;
    return self->stop_us != 0 && (quiet || self->now_us >= self->stop_us);
}

static void serve(place_t *self) {
    do {
        self->now_us = clock_now_us();
        self->unix_ms = clock_unix_ms();
        /* Behind PIPE_STOP comes CZMQ's own word for it, which is no message of a pipe. */
        uint32_t work = self->stop_us == 0 ? obey_all(self, self->control) : 0;
        work += take_messages(self);
        work += obey_all(self, self->router->from_ring);
        hand_over(self);
        tell_asker(self);
        work += broker_flush(self->broker, send_frame, self, self->now_us);
        tick(self);
        if (work == 0) {
            sleep_until_work(self);
        }
    } while (!stopped(self));
}

static void open_pipes(router_t *self) {
    self->from_ring = pipe_receiver(RING_TO_BROKER);
    char name[64];
    for (uint16_t shard = 0; shard < self->options.broker.shards; shard++) {
        snprintf(name, sizeof name, RING_TO_SHARD, (unsigned)shard);
        self->to_shard[shard] = pipe_sender(name);
    }
    for (unsigned pool = 0; pool < WORK_POOLS; pool++) {
        snprintf(name, sizeof name, RING_TO_WORK, pool);
        self->to_work[pool] = pipe_sender(name);
    }
}

static void run(zsock_t *control, void *argument) {
    router_t *router = argument;
    place_t place = {.router = router, .broker = router->broker, .control = zsock_resolve(control)};
    zsock_t *socket = zsock_new(ZMQ_ROUTER);
    CHECK(socket != NULL, "no socket: %s", zmq_strerror(zmq_errno()));
    place.socket = zsock_resolve(socket);
    router->status = bind_all(router, place.socket);
    bool bound = router->status == STATUS_OK;
    if (bound) {
        open_pipes(router);
    }
    zsock_signal(control, 0);
    if (bound) {
        zmq_msg_init(&place.routing_id);
        zmq_msg_init(&place.frame);
        serve(&place);
        zmq_msg_close(&place.routing_id);
        zmq_msg_close(&place.frame);
    }
    zsock_destroy(&socket);
}

/* The caller's side. */

status_t router_start(const router_options_t *options, router_t **router, char *error, size_t error_bytes) {
    CHECK(options->listen_count <= LISTEN_MAX, "%zu endpoints", options->listen_count);
    router_t *self = calloc(1, sizeof *self);
    CHECK(self != NULL, "out of memory");
    self->options = *options;
    self->broker = broker_new(&options->broker, clock_now_us());
    explicit_bzero(self->options.broker.folder_secret, sizeof self->options.broker.folder_secret);
    self->actor = zactor_new(run, self);
    CHECK(self->actor != NULL, "no thread");
    status_t status = self->status;
    if (status != STATUS_OK) {
        snprintf(error, error_bytes, "%s", self->error);
        zactor_destroy(&self->actor);
        router_destroy(&self);
        return status;
    }
    *router = self;
    return STATUS_OK;
}

void router_stop(router_t *self) {
    if (self != NULL && self->actor != NULL) {
        pipe_send(zsock_resolve(self->actor), PIPE_STOP, NULL, 0);
        zactor_destroy(&self->actor);
    }
}

/* What still came from the ring when nobody took it any more. Batches are the ring's. */
static void forget_received(router_t *self) {
    pipe_message_t message;
    while (self->from_ring != NULL && pipe_receive(self->from_ring, &message)) {
        if (message.type == PIPE_WORKED || message.type == PIPE_FIGURES) {
            free(message.pointer);
        }
    }
}

void router_destroy(router_t **self_p) {
    router_t *self = *self_p;
    if (self == NULL) {
        return;
    }
    router_stop(self);
    forget_received(self);
    pipe_close(&self->from_ring);
    for (unsigned pool = 0; pool < WORK_POOLS; pool++) {
        pipe_close(&self->to_work[pool]);
    }
    for (uint16_t shard = 0; shard < self->options.broker.shards; shard++) {
        pipe_close(&self->to_shard[shard]);
    }
    broker_destroy(&self->broker);
    free(self);
    *self_p = NULL;
}

const char *router_endpoint(const router_t *self, size_t index) {
    return index < self->endpoint_count ? self->endpoints[index] : NULL;
}

status_t router_ask(router_t *self, const request_t *asked) {
    void *thread = zsock_resolve(self->actor);
    zmq_pollitem_t item = {.socket = thread, .events = ZMQ_POLLIN};
    pipe_message_t message;
    pipe_send(thread, PIPE_ASK, (void *)asked, 0);
    while (!pipe_receive(thread, &message)) {
        zmq_poll(&item, 1, -1);
    }
    CHECK(message.type == PIPE_ASKED, "type %llu", (unsigned long long)message.type);
    return (status_t)message.value;
}

void router_set_keys(router_t *self, keys_t *keys) {
    pipe_send(zsock_resolve(self->actor), PIPE_KEYS, keys, 0);
}
