/* SPDX-License-Identifier: MIT */
/*
 * Pipes: PUSH and PULL over inproc in CZMQ's one context. A message of 24 bytes is stored inside zmq_msg_t: no malloc.
 *
 * The high-water marks are off: libzmq tells a sender of what was read only at every half of its mark, and a sender
 * that does not wait looks for such news at most every few million cycles; so it would see EAGAIN on a pipe that is
 * nearly empty. What bounds a pipe is that only so many buffers exist.
 */
#include "broker/pipe.h"

#include <czmq.h>

static void *open_socket(int type) {
    void *socket = zmq_socket(zsys_init(), type);
    CHECK(socket != NULL, "%s", zmq_strerror(zmq_errno()));
    int linger = 0, unlimited = 0;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

void *pipe_receiver(const char *name) {
    void *socket = open_socket(ZMQ_PULL);
    CHECK(zmq_bind(socket, name) == 0, "%s: %s", name, zmq_strerror(zmq_errno()));
    return socket;
}

void *pipe_sender(const char *name) {
    void *socket = open_socket(ZMQ_PUSH);
    CHECK(zmq_connect(socket, name) == 0, "%s: %s", name, zmq_strerror(zmq_errno()));
    return socket;
}

void pipe_close(void **socket_p) {
    if (*socket_p != NULL) {
        zmq_close(*socket_p);
        *socket_p = NULL;
    }
}

void pipe_send(void *socket, pipe_type_t type, void *pointer, uint64_t value) {
    pipe_message_t message = {.type = type, .pointer = pointer, .value = value};
    int sent;
    do {
        sent = zmq_send(socket, &message, sizeof message, ZMQ_DONTWAIT);
    } while (sent < 0 && zmq_errno() == EINTR);
    CHECK(sent == sizeof message, "type %d: %s", (int)type, zmq_strerror(zmq_errno()));
}

bool pipe_receive(void *socket, pipe_message_t *message) {
    int received;
    do {
        received = zmq_recv(socket, message, sizeof *message, ZMQ_DONTWAIT);
    } while (received < 0 && zmq_errno() == EINTR);
    CHECK(received == sizeof *message || (received < 0 && zmq_errno() == EAGAIN), "%d: %s", received,
          zmq_strerror(zmq_errno()));
    return received > 0;
}
