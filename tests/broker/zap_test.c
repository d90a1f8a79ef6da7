/* SPDX-License-Identifier: MIT */
/* Real handshakes on loopback and ipc. What happened is seen at the server's side: through a monitor of its socket, and
   through what arrives. */
#include "broker/zap.h"

#include <arpa/inet.h>
#include <czmq.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "broker/router.h"
#include "tests/broker/support.h"

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

enum { LIMIT_MS = 10000, SUCCEEDED = 0x1000, FAILED = 0x0800 | 0x2000 | 0x4000 };

static char error[512];
static zap_t *zap;
static key_pair_t server_pair, client_pair;
static zsock_t *server, *monitor, *asker; /* asker: of the handler itself */
static char endpoint[128];

static keys_t *load(void) {
    keys_t *keys;
    cr_assert_eq(keys_load(folder, &keys, error, sizeof error), STATUS_OK, "%s", error);
    return keys;
}

static void start(uint32_t handshakes_per_key_per_s) {
    folder_make();
    router_prepare();
    cr_assert_eq(keys_prepare(folder, error, sizeof error), STATUS_OK, "%s", error);
    cr_assert_eq(keys_read_pair(folder, "server", &server_pair, error, sizeof error), STATUS_OK);
    cr_assert_eq(keys_read_pair(folder, "gateway", &client_pair, error, sizeof error), STATUS_OK);
    zap_options_t options = {.keys = load(), .handshakes_per_key_per_s = handshakes_per_key_per_s};
    cr_assert_eq(zap_start(&options, &zap, error, sizeof error), STATUS_OK, "%s", error);
}

static void start_default(void) {
    start(1000);
}

static void stop(void) {
    zsock_destroy(&asker);
    zsock_destroy(&monitor);
    zsock_destroy(&server);
    zap_stop(&zap);
    folder_remove();
}

TestSuite(zap, .init = start_default, .fini = stop);

/* A ROUTER as the server's own is, with this one endpoint. */
static void serve(const char *domain, bool curve, const char *where) {
    int enforce = 1, handshake_ms = 300; /* after a 300 libzmq leaves the client waiting for this long */
    server = zsock_new(ZMQ_ROUTER);
    void *socket = zsock_resolve(server);
    cr_assert_eq(zmq_setsockopt(socket, ZMQ_ZAP_ENFORCE_DOMAIN, &enforce, sizeof enforce), 0);
    cr_assert_eq(zmq_setsockopt(socket, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms), 0);
    zsock_set_zap_domain(server, domain);
    if (curve) {
        zsock_set_curve_secretkey(server, server_pair.secret_key);
        zsock_set_curve_server(server, 1);
    }
    cr_assert_eq(zmq_socket_monitor(socket, "inproc://monitor", SUCCEEDED | FAILED), 0);
    monitor = zsock_new_pair(">inproc://monitor");
    cr_assert_eq(zmq_bind(socket, where), 0, "%s: %s", where, zmq_strerror(zmq_errno()));
    size_t bytes = sizeof endpoint;
    cr_assert_eq(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &bytes), 0);
}

static void serve_tcp(void) {
    serve("tcp", true, "tcp://127.0.0.1:*");
}

static void serve_ipc(const char *domain) {
    char where[128];
    snprintf(where, sizeof where, "ipc://%s/socket", folder);
    serve(domain, false, where);
}

/* The next event of the monitor. */
static uint16_t next_event(void) {
    uint16_t event = 0;
    zsock_set_rcvtimeo(monitor, LIMIT_MS);
    zmsg_t *message = zmsg_recv(monitor);
    cr_assert_not_null(message, "no handshake in time");
    memcpy(&event, zframe_data(zmsg_first(message)), sizeof event);
    zmsg_destroy(&message);
    return event;
}

/* The next message's User-Id, taken from its second frame. */
static void receive_user_id(char user_id[64]) {
    zmq_msg_t part;
    zsock_set_rcvtimeo(server, LIMIT_MS);
    void *socket = zsock_resolve(server);
    zmq_msg_init(&part);
    cr_assert(zmq_msg_recv(&part, socket, 0) >= 0, "nothing arrived");
    cr_assert(zmq_msg_recv(&part, socket, 0) >= 0);
    snprintf(user_id, 64, "%s", zmq_msg_gets(&part, "User-Id"));
    zmq_msg_close(&part);
}

static bool has_arrived(void) {
    return (zsock_events(server) & ZMQ_POLLIN) != 0;
}

static zsock_t *client(const key_pair_t *pair, const char *server_key) {
    zsock_t *socket = zsock_new(ZMQ_DEALER);
    zsock_set_linger(socket, 0);
    zsock_set_reconnect_ivl(socket, 100);
    if (pair != NULL) {
        zsock_set_curve_serverkey(socket, server_key);
        zsock_set_curve_publickey(socket, pair->public_key);
        zsock_set_curve_secretkey(socket, pair->secret_key);
    }
    cr_assert_eq(zsock_connect(socket, "%s", endpoint), 0);
    zstr_send(socket, "hello");
    return socket;
}

/* What connects so is turned away, and nothing it says arrives. (libzmq's client does not try again after a 400.) */
static void assert_turned_away(const key_pair_t *pair, const char *server_key) {
    zsock_t *socket = client(pair, server_key);
    cr_assert((next_event() & FAILED) != 0);
    cr_assert_not(has_arrived());
    zsock_destroy(&socket);
}

static void assert_let_in(const key_pair_t *pair, const char *expected) {
    char user_id[64];
    zsock_t *socket = client(pair, server_pair.public_key);
    receive_user_id(user_id);
    cr_assert_str_eq(user_id, expected);
    zsock_destroy(&socket);
}

Test(zap, a_client_without_encryption_is_turned_away_from_tcp) {
    serve_tcp();
    assert_turned_away(NULL, NULL);
}

Test(zap, a_client_without_encryption_is_turned_away_from_tcp_even_if_the_socket_would_let_it) {
    serve("tcp", false, "tcp://127.0.0.1:*");
    assert_turned_away(NULL, NULL);
    cr_assert(zap_counts(zap).refused >= 1);
    cr_assert_eq(zap_counts(zap).accepted, 0);
}

Test(zap, a_key_that_is_not_in_the_list_is_turned_away) {
    key_pair_t stranger;
    cr_assert_eq(zmq_curve_keypair(stranger.public_key, stranger.secret_key), 0);
    serve_tcp();
    assert_turned_away(&stranger, server_pair.public_key);
    cr_assert(zap_counts(zap).refused >= 1);
}

Test(zap, the_servers_own_key_is_not_in_the_list) {
    serve_tcp();
    assert_turned_away(&server_pair, server_pair.public_key);
}

Test(zap, a_client_that_expects_another_server_does_not_get_through) {
    key_pair_t other;
    cr_assert_eq(zmq_curve_keypair(other.public_key, other.secret_key), 0);
    serve_tcp();
    assert_turned_away(&client_pair, other.public_key);
}

Test(zap, a_public_key_without_its_secret_does_not_get_through) {
    key_pair_t half = client_pair, other;
    cr_assert_eq(zmq_curve_keypair(other.public_key, other.secret_key), 0);
    memcpy(half.secret_key, other.secret_key, sizeof half.secret_key);
    serve_tcp();
    assert_turned_away(&half, server_pair.public_key);
}

Test(zap, an_allowed_key_gets_in_as_itself) {
    serve_tcp();
    assert_let_in(&client_pair, client_pair.public_key);
    cr_assert_eq(zap_counts(zap).accepted, 1);
}

Test(zap, a_revoked_key_is_turned_away_from_then_on) {
    char path[256];
    serve_tcp();
    assert_let_in(&client_pair, client_pair.public_key);
    cr_assert_eq(next_event(), SUCCEEDED);
    cr_assert_eq(unlink(folder_path(path, "keys/allowed/gateway.key")), 0);
    zap_set_keys(zap, load());
    assert_turned_away(&client_pair, server_pair.public_key);
}

Test(zap, on_ipc_the_endpoint_is_the_role) {
    serve_ipc("operator");
    assert_let_in(NULL, "ipc:operator");
}

Test(zap, on_ipc_a_domain_that_is_no_role_lets_nobody_in) {
    serve_ipc("admin");
    assert_turned_away(NULL, NULL);
}

static bool read_exactly(int fd, uint8_t *bytes, size_t count) {
    for (size_t got = 0; got < count;) {
        ssize_t part = read(fd, bytes + got, count - got);
        if (part <= 0) {
            return false;
        }
        got += (size_t)part;
    }
    return true;
}

static size_t put_property(uint8_t *at, const char *name, const char *value) {
    size_t name_bytes = strlen(name), value_bytes = strlen(value);
    at[0] = (uint8_t)name_bytes;
    memcpy(at + 1, name, name_bytes);
    memset(at + 1 + name_bytes, 0, 3);
    at[4 + name_bytes] = (uint8_t)value_bytes;
    memcpy(at + 5 + name_bytes, value, value_bytes);
    return 5 + name_bytes + value_bytes;
}

/* A client by hand: ZMTP 3.0 with NULL, properties of its own choice, and a message. False: turned away. */
static bool raw_hello(int fd, const char *claimed) {
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    uint8_t ready[256] = {0x04, 0, 5, 'R', 'E', 'A', 'D', 'Y'}, reply[256];
    size_t at = 8;
    at += put_property(ready + at, "Socket-Type", "DEALER");
    at += put_property(ready + at, "User-Id", claimed);
    ready[1] = (uint8_t)(at - 2);
    return write(fd, greeting, sizeof greeting) == sizeof greeting && read_exactly(fd, reply, 64) &&
           write(fd, ready, at) == (ssize_t)at && read_exactly(fd, reply, 2) && reply[0] == 0x04 &&
           read_exactly(fd, reply + 2, reply[1]) && memcmp(reply + 2, "\5READY", 6) == 0 &&
           write(fd, "\x00\x02hi", 4) == 4;
}

static void connect_raw(int fd, const void *address, socklen_t bytes) {
    struct timeval limit = {.tv_sec = LIMIT_MS / 1000};
    cr_assert(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    cr_assert_eq(connect(fd, address, bytes), 0);
}

Test(zap, a_claimed_user_id_is_not_believed_on_ipc) {
    char user_id[64];
    serve_ipc("service");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    connect_raw(fd, &address, sizeof address);
    cr_assert(raw_hello(fd, "ipc:operator"));
    receive_user_id(user_id);
    cr_assert_str_eq(user_id, "ipc:service");
    close(fd);
}

Test(zap, a_claimed_user_id_does_not_open_tcp) {
    serve_tcp();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect_raw(fd, &address, sizeof address);
    cr_assert_not(raw_hello(fd, client_pair.public_key));
    cr_assert((next_event() & FAILED) != 0);
    cr_assert_not(has_arrived());
    close(fd);
}

Test(zap, without_a_handler_nobody_gets_in) {
    serve_tcp();
    zap_stop(&zap);
    assert_turned_away(&client_pair, server_pair.public_key);
}

Test(zap, a_second_handler_cannot_start) {
    zap_t *second = NULL;
    zap_options_t options = {.keys = load(), .handshakes_per_key_per_s = 1};
    cr_assert_eq(zap_start(&options, &second, error, sizeof error), STATUS_INTERNAL);
    cr_assert_null(second);
    cr_assert_not_null(strstr(error, "Address already in use"), "%s", error);
}

/* What the handler answers to a request of these frames. */
static void ask(const char *const *frames, size_t count, char code[8]) {
    if (asker == NULL) { /* one for all: a closed socket takes its time to go, and a loop would run out of them */
        asker = zsock_new_req(">inproc://zeromq.zap.01");
        zsock_set_rcvtimeo(asker, LIMIT_MS);
    }
    zmsg_t *message = zmsg_new();
    for (size_t i = 0; i < count; i++) {
        zmsg_addstr(message, frames[i]);
    }
    zmsg_send(&message, asker);
    message = zmsg_recv(asker);
    cr_assert_not_null(message, "no answer");
    cr_assert_eq(zmsg_size(message), 6);
    char *version = zmsg_popstr(message), *id = zmsg_popstr(message), *text = zmsg_popstr(message);
    snprintf(code, 8, "%s", text);
    cr_assert_str_eq(version, "1.0");
    cr_assert_str_eq(id, count > 1 ? frames[1] : "");
    zstr_free(&version), zstr_free(&id), zstr_free(&text);
    zmsg_destroy(&message);
}

Test(zap, what_is_no_request_is_answered_500_and_what_is_foreign_400) {
    const struct {
        const char *frames[8], *code;
        size_t count;
    } cases[] = {{{""}, "500", 1},
                 {{"1.0", "7"}, "500", 2},
                 {{"2.0", "7", "tcp", "127.0.0.1", "", "NULL"}, "500", 6},
                 {{"1.0", "7", "tcp", "127.0.0.1", ""}, "500", 5},
                 {{"1.0", "7", "tcp", "127.0.0.1", "", "CURVE"}, "500", 6},
                 {{"1.0", "7", "tcp", "127.0.0.1", "", "CURVE", "short"}, "500", 7},
                 {{"1.0", "7", "tcp", "127.0.0.1", "", "PLAIN", "operator", "x"}, "400", 8},
                 {{"1.0", "7", "", "127.0.0.1", "", "NULL"}, "400", 6},
                 {{"1.0", "7", "tcp", "127.0.0.1", "", "NULL"}, "400", 6},
                 {{"1.0", "7", "operators", "127.0.0.1", "", "NULL"}, "400", 6},
                 {{"1.0", "7", "operator", "127.0.0.1", "", "NULL"}, "200", 6}};
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char code[8];
        ask(cases[i].frames, cases[i].count, code);
        cr_assert_str_eq(code, cases[i].code, "case %zu: %s", i, code);
    }
    cr_assert_eq(zap_counts(zap).accepted, 1);
    cr_assert_eq(zap_counts(zap).refused, 10);
}

static void start_slow(void) {
    start(2);
}

TestSuite(zap_budget, .init = start_slow, .fini = stop);

Test(zap_budget, a_key_that_connects_too_often_is_told_to_wait_and_others_are_not) {
    const char *const operator_frames[] = {"1.0", "7", "operator", "127.0.0.1", "", "NULL"};
    const char *const gateway_frames[] = {"1.0", "7", "gateway", "127.0.0.1", "", "NULL"};
    char code[8];
    int told_to_wait = 0;
    for (int i = 0; i < 20; i++) { /* far faster than two a second */
        ask(operator_frames, 6, code);
        told_to_wait += strcmp(code, "300") == 0;
    }
    cr_assert(told_to_wait > 10, "%d", told_to_wait);
    ask(gateway_frames, 6, code);
    cr_assert_str_eq(code, "200");
    uint64_t limit = monotonic_ms() + LIMIT_MS;
    do { /* and with time it may again */
        ask(operator_frames, 6, code);
    } while (strcmp(code, "200") != 0 && monotonic_ms() < limit);
    cr_assert_str_eq(code, "200");
}

Test(zap_budget, a_client_that_was_told_to_wait_comes_in_later_by_itself) {
    char user_id[64];
    zsock_t *clients[4];
    serve_tcp();
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        clients[i] = client(&client_pair, server_pair.public_key);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        receive_user_id(user_id);
    }
    cr_assert(zap_counts(zap).refused > 0);
    for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
        zsock_destroy(&clients[i]);
    }
}
